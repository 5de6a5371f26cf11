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

enum {
    KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]),
    SIGNED_SIZE = 25 + ATTEST_REPORT_DATA_SIZE,
};

const char *attest_kind_name(enum attest_kind kind)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].kind == kind)
            return kinds[i].name;
    }
    return "?";
}

void attest_release_id(uint8_t out[32], struct span version)
{
    sha256_tagged(out, "crust/release/1", &version, 1);
}

void attest_report_data(uint8_t out[ATTEST_REPORT_DATA_SIZE], const struct attest_binding *b)
{
    const struct span parts[] = {
        span_of(b->worker, 32),     span_of(b->account, 32),    span_of(b->chain, 32),
        span_of(b->release_id, 32), span_of(b->block_hash, 32),
    };
    memset(out, 0, ATTEST_REPORT_DATA_SIZE);
    sha256_tagged(out, "crust/evidence/1", parts, sizeof(parts) / sizeof(parts[0]));
}

/* What a software worker signs: its own tag, so that it is no other message of the key. */
static void software_signed(uint8_t out[SIGNED_SIZE], const uint8_t *report_data)
{
    static const char tag[] = "crust/evidence-software/1";
    _Static_assert(sizeof(tag) - 1 + ATTEST_REPORT_DATA_SIZE == SIGNED_SIZE, "size of the tag");
    memcpy(out, tag, sizeof(tag) - 1);
    memcpy(out + sizeof(tag) - 1, report_data, ATTEST_REPORT_DATA_SIZE);
}

void attest_software_encode(struct writer *w, const struct attest_binding *b,
                            const struct ed25519_key *key)
{
    ASSERT(memcmp(b->worker, key->public_key, 32) == 0);
    uint8_t report_data[ATTEST_REPORT_DATA_SIZE], message[SIGNED_SIZE];
    attest_report_data(report_data, b);
    software_signed(message, report_data);
    uint8_t signature[ED25519_SIGNATURE_SIZE];
    ed25519_sign(signature, span_of(message, sizeof(message)), key);
    cbor_write_map(w, 2);
    cbor_write_str(w, "data");
    cbor_write_bytes(w, span_of(signature, sizeof(signature)));
    cbor_write_str(w, "kind");
    cbor_write_str(w, "software");
}

static enum err software_verify(struct attest_verdict *out, struct span data,
                                const struct attest_context *context)
{
    if (!context->allow_software)
        return ERR_DENIED;
    if (data.n != ED25519_SIGNATURE_SIZE)
        return ERR_FORMAT;
    uint8_t message[SIGNED_SIZE];
    software_signed(message, out->report_data);
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
