#include "attest/attest_made.h"

#include "codec/cbor.h"
#include "crypto/sha256.h"

void attest_release_id(uint8_t out[32], struct span version)
{
    sha256_tagged(out, "crust/release/1", &version, 1);
}

void attest_report_data(uint8_t out[ATTEST_REPORT_DATA_SIZE], const struct attest_binding *b)
{
    const struct span parts[] = {
        span_of(b->worker, 32),     span_of(b->account, 32),    span_of(b->chain, 32),
        span_of(b->release_id, 32), span_of(b->block_hash, 32), span_of(b->predecessor, 32),
        span_of(b->exchange, 32),
    };
    bool succeeds = b->predecessor != NULL;
    ASSERT(succeeds == (b->exchange != NULL));
    memset(out, 0, ATTEST_REPORT_DATA_SIZE);
    sha256_tagged(out, succeeds ? "crust/evidence-successor/1" : "crust/evidence/1", parts,
                  succeeds ? 7 : 5);
}

void attest_software_signed(uint8_t out[ATTEST_SOFTWARE_SIGNED], const uint8_t *report_data)
{
    static const char tag[] = "crust/evidence-software/1";
    _Static_assert(sizeof(tag) - 1 + ATTEST_REPORT_DATA_SIZE == ATTEST_SOFTWARE_SIGNED,
                   "size of the tag");
    memcpy(out, tag, sizeof(tag) - 1);
    memcpy(out + sizeof(tag) - 1, report_data, ATTEST_REPORT_DATA_SIZE);
}

void attest_software_sign(uint8_t *out, const uint8_t *report_data, const struct ed25519_key *key)
{
    uint8_t message[ATTEST_SOFTWARE_SIGNED];
    attest_software_signed(message, report_data);
    ed25519_sign(out, span_of(message, sizeof(message)), key);
}

void attest_evidence_encode(struct writer *w, const char *kind, struct span data)
{
    cbor_write_map(w, 2);
    cbor_write_str(w, "data");
    cbor_write_bytes(w, data);
    cbor_write_str(w, "kind");
    cbor_write_str(w, kind);
}

void attest_software_encode(struct writer *w, const struct attest_binding *b,
                            const struct ed25519_key *key)
{
    ASSERT(memcmp(b->worker, key->public_key, 32) == 0);
    uint8_t report_data[ATTEST_REPORT_DATA_SIZE], signature[ED25519_SIGNATURE_SIZE];
    attest_report_data(report_data, b);
    attest_software_sign(signature, report_data, key);
    attest_evidence_encode(w, "software", span_of(signature, sizeof(signature)));
}
