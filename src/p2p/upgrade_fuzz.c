/* Any bytes from a peer during an upgrade, to either role: how they are cut changes nothing, nobody
 * gets through, and the rings stay within bounds. */
#include "p2p/upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1763800000 };

static uint8_t memory[4][UPGRADE_NET_SIZE];
static struct ed25519_key identity;
static struct tls_identity shared;

static void prepare(void)
{
    static const uint8_t seed[32] = { 3 };
    if (shared.ctx != NULL)
        return;
    ed25519_keypair(&identity, seed);
    enum err e = tls_identity_init(&shared, &identity, NOW);
    ASSERT(e == OK);
}

static enum err run(bool dialer, struct span in, size_t piece)
{
    static struct upgrade u;
    struct ring r[4];
    const struct upgrade_config c = { .dialer = dialer,
                                      .noise = true,
                                      .tls = true,
                                      .early_muxer = true,
                                      .identity = &identity,
                                      .tls_identity = &shared,
                                      .unix_s = NOW };
    const uint8_t random[UPGRADE_RANDOM_SIZE] = { 1 };
    const struct upgrade_rings rings = { &r[0], &r[1], &r[2], &r[3] };
    enum err e = OK;
    for (size_t i = 0; i < 4; i++)
        r[i] = ring_of(memory[i], UPGRADE_NET_SIZE);
    upgrade_init(&u, &c, random);
    for (;;) {
        e = upgrade_step(&u, &rings, 1);
        ASSERT(!upgrade_ready(&u) && ring_used(&r[2]) == 0);
        ring_drop(&r[1], ring_used(&r[1]));
        size_t n = ring_put(&r[0], span_sub(in, 0, piece));
        in = span_sub(in, n, in.n);
        if (e != OK || n == 0)
            break;
    }
    upgrade_fini(&u);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    prepare();
    struct span in = span_of(data + 1, size - 1);
    enum err whole = run(data[0] & 1, in, SIZE_MAX);
    enum err pieces = run(data[0] & 1, in, (size_t)(data[0] >> 1) + 1);
    ASSERT(whole == pieces);
    return 0;
}
