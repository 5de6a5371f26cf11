/* Any bytes as the proof of a dispute; what decodes must encode to itself. */
#include "chain/work_proof.h"

#include "codec/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[65536];
    struct work_proof proof;
    if (size > sizeof(out) || work_proof_decode(&proof, span_of(data, size)) != OK)
        return 0;
    struct writer w = writer_of(out, sizeof(out));
    work_proof_encode(&w, &proof);
    ASSERT(w.err == OK && span_eq(writer_span(&w), span_of(data, size)));
    ASSERT(cbor_validate(span_of(data, size), CBOR_STRICT) == OK);
    return 0;
}
