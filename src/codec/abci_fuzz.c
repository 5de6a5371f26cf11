#include "codec/abci.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the input after its frames, or the refusal. */
static void check_request(struct span message, uint8_t *a, uint8_t *b, size_t room)
{
    struct abci_request m, again;
    if (abci_request_decode(&m, message) != OK)
        return;
    struct writer first = writer_of(a, room), second = writer_of(b, room);
    abci_request_encode(&first, &m);
    ASSERT(first.err == OK && first.len == abci_request_size(&m));
    struct span in = writer_span(&first), body;
    ASSERT(abci_frame_next(&body, &in, room) == OK && in.n == 0);
    enum abci_kind kind;
    ASSERT(abci_request_kind(&kind, body) == OK && kind == m.kind);
    ASSERT(abci_request_decode(&again, body) == OK && again.kind == m.kind);
    abci_request_encode(&second, &again);
    ASSERT(span_eq(writer_span(&first), writer_span(&second)));
}

static void check_response(struct span message, uint8_t *a, uint8_t *b, size_t room)
{
    struct abci_response m, again;
    if (abci_response_decode(&m, message) != OK)
        return;
    struct writer first = writer_of(a, room), second = writer_of(b, room);
    abci_response_encode(&first, &m);
    ASSERT(first.err == OK && first.len == abci_response_size(&m));
    struct span in = writer_span(&first), body;
    ASSERT(abci_frame_next(&body, &in, room) == OK && in.n == 0);
    ASSERT(abci_response_decode(&again, body) == OK && again.kind == m.kind);
    abci_response_encode(&second, &again);
    ASSERT(span_eq(writer_span(&first), writer_span(&second)));
}

/* A stream of frames. What decodes has one encoding, which decodes to the same; lists can be
 * walked to their end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Numbers may be padded on the way in, never out; absent values may become empty ones. */
    size_t room = 2 * size + 256;
    uint8_t *a = malloc(room), *b = malloc(room);
    struct span in = span_of(data, size), message;
    if (a == NULL || b == NULL)
        abort();
    while (abci_frame_next(&message, &in, 1 << 20) == OK) {
        check_request(message, a, b, room);
        check_response(message, a, b, room);
    }
    free(a);
    free(b);
    return 0;
}
