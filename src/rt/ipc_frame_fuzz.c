/* Any bytes: what decodes encodes to the same bytes, and the stream reader agrees with the decoder
 * however the bytes are cut. */
#include "rt/ipc_frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_canonical(struct span in)
{
    struct ipc_msg m;
    struct ipc_ring_ref ref;
    if (ipc_frame_decode(&m, &ref, in) != OK)
        return;
    bool ring = (m.flags & IPC_RING) != 0;
    m.flags &= (uint16_t) ~(IPC_BULK | IPC_RING);
    if (ipc_frame_check(&m) != OK)
        return; /* the prefix of a ring frame leaves room that an inline one does not have */
    uint8_t prefix[IPC_PREFIX_MAX];
    size_t n = ipc_frame_prefix(prefix, &m, ring ? &ref : NULL);
    ASSERT(n <= in.n && memcmp(prefix, in.p, n) == 0);
    ASSERT(span_eq(span_sub(in, n, m.body.n), m.body));
    size_t rest = ring ? 0 : m.bulk.n;
    ASSERT(in.n == n + m.body.n + rest);
    ASSERT(span_eq(span_sub(in, n + m.body.n, rest), span_of(ring ? NULL : m.bulk.p, rest)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_canonical(span_of(data, size));
    if (size == 0)
        return 0;
    size_t piece = (size_t)data[0] % 61 + 1;
    struct span in = span_of(data + 1, size - 1);
    uint8_t buffer[256];
    struct ipc_input input = { .p = buffer, .n = sizeof(buffer) };
    size_t at = 0; /* where the next frame begins in `in` */
    for (size_t fed = 0;;) {
        struct ipc_msg m, same;
        struct ipc_ring_ref ref, same_ref;
        enum err e = ipc_frame_next(&m, &ref, &input);
        if (e == OK) {
            size_t n;
            ASSERT(ipc_frame_size(&n, span_sub(in, at, in.n)) == OK);
            ASSERT(ipc_frame_decode(&same, &same_ref, span_sub(in, at, n)) == OK);
            ASSERT(same.id == m.id && span_eq(same.body, m.body));
            at += n;
            continue;
        }
        if (e != ERR_SHORT || fed == in.n)
            break;
        struct mspan room = ipc_frame_room(&input);
        ASSERT(room.n > 0);
        size_t n = piece < room.n ? piece : room.n;
        n = n < in.n - fed ? n : in.n - fed;
        memcpy(room.p, in.p + fed, n);
        ipc_frame_received(&input, n);
        fed += n;
    }
    return 0;
}
