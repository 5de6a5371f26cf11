/* Any bytes to either role, in pieces that the first byte chooses: how they are cut changes
 * nothing, and the rings stay within bounds. */
#include "p2p/multistream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const ids[] = { "/noise", "/tls/1.0.0", "/yamux/1.0.0" };

struct outcome {
    enum err err;
    enum multistream_state state;
    size_t at, left, sent;
};

static struct outcome run(unsigned role, struct span in, size_t piece)
{
    static uint8_t in_memory[MULTISTREAM_FRAME_MAX + 64], out_memory[4096];
    struct ring from = ring_of(in_memory, sizeof(in_memory));
    struct ring to = ring_of(out_memory, sizeof(out_memory));
    struct multistream m;
    struct outcome o = { .err = OK };
    if (role == 0)
        multistream_listen(&m, ids, 3);
    else
        multistream_dial(&m, ids, role == 1 ? 3 : 1, role == 2);
    while (o.err == OK) {
        o.err = multistream_step(&m, &from, &to);
        o.sent += ring_used(&to);
        ring_drop(&to, ring_used(&to));
        size_t n = ring_put(&from, span_sub(in, 0, piece));
        in = span_sub(in, n, in.n);
        if (n == 0)
            break;
    }
    if (o.err == OK)
        o.err = multistream_step(&m, &from, &to);
    o.state = m.state;
    o.at = m.at;
    o.left = ring_used(&from) + in.n;
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned role = data[0] % 3;
    struct span in = span_of(data + 1, size - 1);
    struct outcome a = run(role, in, 1), b = run(role, in, (size_t)data[0] + 1);
    ASSERT(a.err == b.err && a.state == b.state && a.at == b.at);
    ASSERT(a.err != OK || (a.left == b.left && a.sent == b.sent));
    return 0;
}
