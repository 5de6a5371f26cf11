#include "p2p/yamux.h"

#include "base/prng.h"

/* The first byte seeds what the owner of the session does, the rest is what the peer sends, in
 * pieces of any size. Whatever comes: memory is given back in the end, no stream gets more bytes
 * than its window, and an error sticks. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHUNKS = 96, STREAMS = 24 };

static void own(struct yamux *y, struct ring *out, struct prng *g)
{
    uint32_t id = 1 + (uint32_t)prng_below(g, 8);
    size_t taken;
    struct yamux_event ev;
    switch (prng_below(g, 8)) {
    case 0:
        (void)!yamux_open(y, &id);
        break;
    case 1:
        (void)!yamux_write(y, out, id, span_str("some bytes"), &taken);
        break;
    case 2:
        yamux_drop(y, id, yamux_peek(y, id).n);
        break;
    case 3:
        yamux_finish(y, id);
        break;
    case 4:
        yamux_close(y, id);
        break;
    case 5:
        yamux_reset(y, id, 2);
        break;
    default:
        if (yamux_event(y, &ev) && (ev.what & YAMUX_RESET) != 0)
            yamux_close(y, ev.id);
    }
}

static void check_windows(const struct yamux *y)
{
    for (uint32_t i = 0; i < YAMUX_BUCKETS; i++)
        for (uint32_t s = y->buckets[i]; s != YAMUX_NONE; s = y->pool->streams[s].next) {
            const struct yamux_stream *st = &y->pool->streams[s];
            ASSERT(st->readable <= st->held && st->held <= st->window);
            ASSERT((uint64_t)st->credit + st->held <= y->config.window_max);
        }
    ASSERT(y->pool->window_used <= y->pool->window_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct yamux_chunk chunks[CHUNKS];
    static struct yamux_stream streams[STREAMS];
    static uint8_t in_bytes[8192], out_bytes[256];
    struct yamux_pool pool;
    struct yamux y;
    struct prng g;
    struct ring in = ring_of(in_bytes, sizeof(in_bytes)),
                out = ring_of(out_bytes, sizeof(out_bytes));
    struct yamux_config c = yamux_defaults(size > 0 && data[0] % 2 == 0);
    c.incoming_max = c.outgoing_max = 16;
    yamux_pool_init(&pool, chunks, CHUNKS, streams, STREAMS, 1 << 20);
    prng_init(&g, size > 0 ? data[0] : 0);
    ASSERT(yamux_init(&y, &pool, &c, 0) == OK);
    enum err e = OK;
    uint64_t now = 0;
    for (size_t at = 1; at < size || at < 64;) {
        struct span rest = at < size ? span_sub(span_of(data, size), at, size) : (struct span){ 0 };
        at += 1 + ring_put(&in, span_sub(rest, 0, (size_t)prng_below(&g, 600)));
        at -= at > 1 && rest.n > 0;
        now += prng_below(&g, 3000);
        enum err now_e = yamux_step(&y, &in, &out, now);
        ASSERT(e == OK || now_e == e);
        e = now_e;
        own(&y, &out, &g);
        check_windows(&y);
        if (prng_below(&g, 2) == 0)
            ring_drop(&out, ring_used(&out));
        if (e != OK)
            break;
    }
    yamux_fini(&y);
    ASSERT(pool.chunks_free == CHUNKS && pool.streams_free == STREAMS);
    ASSERT(pool.chunks_reserved == 0 && pool.window_used == 0);
    return 0;
}
