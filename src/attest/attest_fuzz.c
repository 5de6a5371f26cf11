/* Any bytes as evidence: nothing but the one genuine evidence is ever accepted. */
#include "attest/attest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zero[32];
    struct ed25519_key key;
    ed25519_keypair(&key, zero);
    struct attest_context c = { .binding = { key.public_key, zero, zero, zero, zero, NULL, NULL },
                                .allow_software = true };
    uint8_t genuine[ATTEST_SOFTWARE_MAX];
    struct writer w = writer_of(genuine, sizeof(genuine));
    attest_software_encode(&w, &c.binding, &key);
    ASSERT(w.err == OK);
    struct attest_verdict v;
    enum err e = attest_verify(&v, span_of(data, size), &c);
    ASSERT((e == OK) == span_eq(span_of(data, size), writer_span(&w)));
    return 0;
}
