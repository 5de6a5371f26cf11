#include "attest/attest.h"

#include "attest/dcap.h"
#include "attest/snp_verify.h"
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
    uint8_t report_data[ATTEST_REPORT_DATA_SIZE], message[ATTEST_SOFTWARE_SIGNED];
    if (!context->allow_software)
        return verdict_refuse(out, VERDICT_SOFTWARE, "");
    if (data.n != ED25519_SIGNATURE_SIZE)
        return verdict_refuse(out, VERDICT_FORMAT, "signature of the worker");
    attest_report_data(report_data, &context->binding);
    attest_software_signed(message, report_data);
    if (ed25519_verify(data.p, span_of(message, sizeof(message)), context->binding.worker) != OK)
        return verdict_refuse(out, VERDICT_BINDING, "signature of the worker");
    *out = (struct attest_verdict){ .kind = ATTEST_SOFTWARE, .status = STATUS_NONE };
    memcpy(out->report_data, report_data, sizeof(report_data));
    struct span worker = span_of(context->binding.worker, 32);
    sha256_tagged(out->platform_id, "crust/platform-software/1", &worker, 1);
    return OK;
}

bool attest_is_quote(struct span data)
{
    /* A quote begins with version and key type as u16, a report with its version as u32. */
    return data.n >= 4 && load_le16(data.p + 2) != 0;
}

static enum err verify_snp(struct attest_verdict *out, struct span data,
                           const struct attest_inputs *inputs)
{
    struct snp_table table;
    if (snp_table_decode(&table, span_sub(data, SNP_REPORT_SIZE, data.n)) != OK)
        return verdict_refuse(out, VERDICT_FORMAT, "certificate table");
    bool vlek = data.n >= SNP_REPORT_SIZE && (data.p[0x48] >> 2 & 7) == SNP_KEY_VLEK;
    struct attest_collateral own = *inputs->collateral;
    struct span leaf = vlek ? table.vlek : table.vcek;
    if (leaf.n != 0)
        own.snp_leaf = leaf;
    if (table.ask.n != 0)
        own.snp_ca = table.ask;
    const struct attest_inputs with = { inputs->roots, &own, inputs->time };
    return snp_verify(out, span_sub(data, 0, SNP_REPORT_SIZE), &with);
}

enum err attest_verify_bare(struct attest_verdict *out, struct span data,
                            const struct attest_inputs *inputs)
{
    return attest_is_quote(data) ? dcap_verify(out, data, inputs) : verify_snp(out, data, inputs);
}

static enum err hardware_verify(struct attest_verdict *out, enum attest_kind kind, struct span data,
                                const struct attest_context *context)
{
    uint8_t report_data[ATTEST_REPORT_DATA_SIZE];
    /* SPEC attest 2: "a build that cannot verify one MUST refuse it" */
    if (context->inputs == NULL)
        return verdict_refuse(out, VERDICT_UNSUPPORTED, attest_kind_name(kind));
    if (attest_is_quote(data) != (kind != ATTEST_SNP))
        return verdict_refuse(out, VERDICT_FORMAT, "kind");
    TRY(attest_verify_bare(out, data, context->inputs));
    if (out->kind != kind)
        return verdict_refuse(out, VERDICT_FORMAT, "kind");
    attest_report_data(report_data, &context->binding);
    if (memcmp(report_data, out->report_data, sizeof(report_data)) != 0)
        return verdict_refuse(out, VERDICT_BINDING, "report data");
    return OK;
}

static enum err read_evidence(struct span *kind, struct span *data, struct span evidence)
{
    if (evidence.n > ATTEST_EVIDENCE_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(evidence, CBOR_STRICT);
    cbor_read_map_of(&c, 2);
    cbor_read_key(&c, "data");
    *data = cbor_read_bytes(&c);
    cbor_read_key(&c, "kind");
    *kind = cbor_read_text(&c);
    return cbor_finish(&c);
}

enum err attest_open(enum attest_kind *kind, struct span *data, struct span evidence)
{
    struct span name;
    *kind = ATTEST_SOFTWARE;
    TRY(read_evidence(&name, data, evidence));
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!span_eq(name, span_str(kinds[i].name)))
            continue;
        *kind = kinds[i].kind;
        return OK;
    }
    return ERR_UNSUPPORTED;
}

enum err attest_verify(struct attest_verdict *out, struct span evidence,
                       const struct attest_context *context)
{
    enum attest_kind kind;
    struct span data;
    enum err e = attest_open(&kind, &data, evidence);
    if (e == ERR_UNSUPPORTED)
        return verdict_refuse(out, VERDICT_UNSUPPORTED, "kind");
    if (e != OK) {
        (void)!verdict_refuse(out, VERDICT_FORMAT, "evidence");
        return e;
    }
    return kind == ATTEST_SOFTWARE ? software_verify(out, data, context)
                                   : hardware_verify(out, kind, data, context);
}
