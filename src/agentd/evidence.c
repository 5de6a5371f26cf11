#include "agentd/evidence.h"

#include "attest/attest.h"
#include "attest/quote.h"
#include "codec/cbor.h"

enum { CERT_TYPE_CHAIN = 5 };

static const char *quote_trouble(struct span data)
{
    struct quote q;
    if (quote_decode(&q, data) != OK)
        return "the machine's quote is not of a form that the network knows";
    if (q.cert_type != CERT_TYPE_CHAIN)
        return "the machine's quote carries no certificate chain: its quote service knows no PCK "
               "certificate; configure it (a PCCS that has this machine): crust doctor tee";
    return "";
}

static enum err open_evidence(struct span *data, struct span *kind, struct span evidence)
{
    struct cbor_reader c = cbor_reader_of(evidence, CBOR_STRICT);
    cbor_read_map_of(&c, 2);
    cbor_read_key(&c, "data");
    *data = cbor_read_bytes(&c);
    cbor_read_key(&c, "kind");
    *kind = cbor_read_text(&c);
    return cbor_finish(&c);
}

enum err evidence_needs(struct needs *out, struct span evidence)
{
    struct span data, kind;
    memset(out, 0, sizeof(*out));
    TRY(open_evidence(&data, &kind, evidence));
    return span_eq(kind, span_str("software")) ? ERR_UNSUPPORTED : needs_of(out, data);
}

const char *evidence_trouble(struct span evidence)
{
    struct needs needs;
    struct span data, kind;
    if (evidence.n > ATTEST_EVIDENCE_MAX)
        return "the evidence is longer than the network takes";
    if (open_evidence(&data, &kind, evidence) != OK)
        return "what the enclave gave is not evidence";
    if (span_eq(kind, span_str("sgx")) || span_eq(kind, span_str("tdx")))
        return quote_trouble(data);
    if (span_eq(kind, span_str("snp")) && needs_of(&needs, data) != OK)
        return "the report comes without its chip's certificate: the host must hand it out (VCEK "
               "in the certificate table): crust doctor tee";
    return "";
}
