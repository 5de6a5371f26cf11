/* Any bytes as a release certificate: what decodes encodes back to the same bytes. */
#include "codec/release_cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct release_cert c;
    struct release_cert_keys keys;
    uint8_t out[RELEASE_CERT_SIZE_MAX];
    if (release_cert_keys_parse(&keys, span_of(data, size)) == OK)
        ASSERT(keys.needed >= 1 && keys.needed <= keys.count);
    if (release_cert_decode(&c, span_of(data, size)) != OK)
        return 0;
    struct writer w = writer_of(out, sizeof(out));
    release_cert_encode_body(&w, &c);
    ASSERT(w.err == OK && span_eq(writer_span(&w), c.body));
    write_u8(&w, c.signature_count);
    for (uint8_t i = 0; i < c.signature_count; i++) {
        write_u8(&w, c.signers[i]);
        write_bytes(&w, c.signatures[i], ED25519_SIGNATURE_SIZE);
    }
    ASSERT(w.err == OK && span_eq(writer_span(&w), span_of(data, size)));
    return 0;
}
