#include "attest/attest.h"

#include "codec/cbor.h"
#include "crypto/sha256.h"

static const struct {
    const char *name;
    enum attest_kind kind;
} kinds[] = {
    { "software", ATTEST_SOFTWARE },
    { "sgx", ATTEST_SGX },
    { "tdx", ATTEST_TDX },
    { "snp", ATTEST_SNP },
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

const char *attest_kind_name(enum attest_kind kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].kind == kind)
            return kinds[i].name;
    }
    return "?";
}

static enum err software_verify(struct attest_verdict *out, struct span data,
                                const struct attest_context *context)
{
    if (!context->allow_software)
        return ERR_DENIED;
    if (data.n != ED25519_SIGNATURE_SIZE)
        return ERR_FORMAT;
    uint8_t message[ATTEST_SOFTWARE_SIGNED];
    attest_software_signed(message, out->report_data);
    TRY(ed25519_verify(data.p, span_of(message, sizeof(message)), context->binding.worker));
    struct span worker = span_of(context->binding.worker, 32);
    sha256_tagged(out->platform_id, "crust/platform-software/1", &worker, 1);
    return OK;
}

static enum err verify(struct attest_verdict *out, struct span evidence,
                       const struct attest_context *context)
{
    if (evidence.n > ATTEST_EVIDENCE_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(evidence, CBOR_STRICT);
    cbor_read_map_of(&c, 2);
    cbor_read_key(&c, "data");
    struct span data = cbor_read_bytes(&c);
    cbor_read_key(&c, "kind");
    struct span name = cbor_read_text(&c);
    TRY(cbor_finish(&c));
    attest_report_data(out->report_data, &context->binding);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!span_eq(name, span_str(kinds[i].name)))
            continue;
        out->kind = kinds[i].kind;
        /* SPEC attest 2: "a build that cannot verify one MUST refuse it" */
        return out->kind == ATTEST_SOFTWARE ? software_verify(out, data, context) : ERR_UNSUPPORTED;
    }
    return ERR_UNSUPPORTED;
}

enum err attest_verify(struct attest_verdict *out, struct span evidence,
                       const struct attest_context *context)
{
    *out = (struct attest_verdict){ 0 };
    enum err e = verify(out, evidence, context);
    if (e != OK)
        *out = (struct attest_verdict){ 0 };
    return e;
}
