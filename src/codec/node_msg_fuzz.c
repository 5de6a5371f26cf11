/* The first byte picks the message, the rest is its body. What decodes encodes to the same bytes.
 */
#include "codec/cbor.h"
#include "codec/node_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t buf[1 << 20];

#define CASE(name)                                                                                 \
    static void try_##name(struct span body)                                                       \
    {                                                                                              \
        static struct node_##name m;                                                               \
        if (node_msg_decode_##name(&m, body) != OK)                                                \
            return;                                                                                \
        struct writer w = writer_of(buf, sizeof(buf));                                             \
        node_msg_encode_##name(&w, &m);                                                            \
        ASSERT(w.err == OK && span_eq(writer_span(&w), body));                                     \
        ASSERT(cbor_validate(body, CBOR_STRICT) == OK);                                            \
    }
NODE_MSG_LIST(CASE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
#define ENTRY(name) try_##name,
    static void (*const tries[])(struct span) = { NODE_MSG_LIST(ENTRY) };
    if (size == 0 || size > sizeof(buf))
        return 0;
    tries[data[0] % (sizeof(tries) / sizeof(tries[0]))](span_of(data + 1, size - 1));
    return 0;
}
