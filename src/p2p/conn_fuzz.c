/* Any bytes from a peer that has got through the upgrade: what it sends in yamux frames and in the
 * lines of multistream. Our side serves an echo. Memory comes back, whatever was sent. */
#include "p2p/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHUNKS = 32, STREAMS = 16 };

static const char *const served[] = { "/echo/1" };
static struct ed25519_key identity;
static struct conn us;
static struct upgrade them;
static struct yamux_pool pool;
static struct yamux_chunk chunks[CHUNKS];
static struct yamux_stream streams[STREAMS];
static uint8_t memory[8][UPGRADE_NET_SIZE];
static struct ring net[2], app[2];

static void begin(void)
{
    const uint8_t seed[32] = { 3 }, random[UPGRADE_RANDOM_SIZE] = { 1, 2 };
    struct upgrade_config u = { .noise = true, .early_muxer = true, .identity = &identity };
    ed25519_keypair(&identity, seed);
    for (size_t i = 0; i < 2; i++) {
        net[i] = ring_of(memory[i], UPGRADE_NET_SIZE);
        app[i] = ring_of(memory[2 + i], UPGRADE_APP_SIZE);
    }
    yamux_pool_init(&pool, chunks, CHUNKS, streams, STREAMS, 0);
    struct conn_config c = { .upgrade = u,
                             .yamux = yamux_defaults(false),
                             .pool = &pool,
                             .served = served,
                             .served_count = 1 };
    c.yamux.incoming_max = c.yamux.outgoing_max = STREAMS;
    c.yamux.share_chunks = CHUNKS;
    conn_init(&us, &c, random);
    us.app_in = ring_of(memory[4], UPGRADE_APP_SIZE);
    us.app_out = ring_of(memory[5], UPGRADE_APP_SIZE);
    u.dialer = true;
    upgrade_init(&them, &u, random);
}

static void echo(uint32_t stream)
{
    struct span s = conn_peek(&us, stream);
    size_t taken = 0;
    if (s.n == 0 || conn_write(&us, stream, s, &taken) != OK)
        return;
    conn_drop(&us, stream, taken);
    if (conn_at_end(&us, stream))
        conn_close(&us, stream);
}

static bool turn(uint64_t now_ms)
{
    const struct upgrade_rings r = { &net[0], &net[1], &app[0], &app[1] };
    struct conn_event ev;
    enum err e = upgrade_step(&them, &r, now_ms);
    ASSERT(e == OK);
    ring_drop(&app[0], upgrade_ready(&them) ? ring_used(&app[0]) : 0);
    e = conn_step(&us, &net[1], &net[0], now_ms);
    while (conn_event(&us, &ev)) {
        if (ev.kind == CONN_STREAM && (ev.what & YAMUX_RESET) != 0)
            conn_close(&us, ev.stream);
        else if (ev.kind != CONN_READY)
            echo(ev.stream);
    }
    return e == OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    bool good = true;
    begin();
    for (int i = 0; i < 8 && good; i++)
        good = turn(1);
    ASSERT(good && conn_ready(&us) && upgrade_ready(&them));
    /* A first byte of 0xff lets time pass, another gives the length of the next piece. */
    for (uint64_t now = 1; good && in.n != 0;) {
        size_t n = in.p[0];
        in = span_sub(in, 1, in.n);
        if (n == 0xff) {
            now += 4000;
        } else {
            n = ring_put(&app[1], span_sub(in, 0, n));
            in = span_sub(in, n, in.n);
        }
        good = turn(now) && turn(now);
    }
    conn_fini(&us);
    upgrade_fini(&them);
    ASSERT(pool.streams_free == STREAMS && pool.chunks_free == CHUNKS);
    return 0;
}
