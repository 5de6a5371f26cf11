/* Any bytes as any request or reply: what decodes encodes back to the same bytes. */
#include "codec/cbor.h"
#include "codec/enclave_msg.h"
#include "codec/enclave_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the type (the high bit: a reply); the rest is the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[ENCLAVE_BODY_MAX];
    if (size == 0)
        return 0;
    uint16_t type = data[0] & 0x7f;
    struct span body = { data + 1, size - 1 };
    struct writer w = writer_of(out, sizeof(out));
    struct enclave_request request;
    struct enclave_reply reply;
    if ((data[0] & 0x80) == 0 && enclave_msg_decode(&request, type, body) == OK) {
        enclave_msg_encode(&w, &request);
    } else if ((data[0] & 0x80) != 0 && enclave_reply_decode(&reply, type, body) == OK) {
        enclave_reply_encode(&w, &reply);
    } else {
        return 0;
    }
    ASSERT(w.err == OK);
    ASSERT(span_eq(writer_span(&w), body));
    ASSERT(cbor_validate(body, CBOR_STRICT) == OK);
    return 0;
}
