#include "p2p/upgrade.h"

#include "base/prng.h"
#include "p2p/testends.h"
#include "p2p/testlink.h"

static struct peer_id id_of(int i)
{
    struct peer_key key = peer_key_of(&identity[i]);
    return peer_id_of(&key);
}

struct pair {
    struct testlink link;
    struct upgrade u[2];
    struct upgrade_config config[2];
    struct ring app_in[2], app_out[2];
    uint8_t app[2][2][UPGRADE_APP_SIZE];
};

/* One at a time: it is large. */
static struct pair *pair_init(size_t piece)
{
    static struct pair p;
    testlink_init(&p.link, UPGRADE_NET_SIZE, piece);
    for (int i = 0; i < 2; i++) {
        p.config[i] = (struct upgrade_config){ .dialer = i == 0,
                                               .noise = true,
                                               .tls = true,
                                               .early_muxer = true,
                                               .identity = &identity[i],
                                               .tls_identity = &shared[i],
                                               .unix_s = NOW,
                                               .deadline_ms = UPGRADE_TIMEOUT_MS };
        p.app_in[i] = ring_of(p.app[i][0], UPGRADE_APP_SIZE);
        p.app_out[i] = ring_of(p.app[i][1], UPGRADE_APP_SIZE);
    }
    p.config[0].expected = id_of(1);
    return &p;
}

static void pair_start(struct pair *p)
{
    struct prng g;
    prng_init(&g, 3);
    for (int i = 0; i < 2; i++) {
        uint8_t random[UPGRADE_RANDOM_SIZE];
        prng_fill(&g, random, sizeof(random));
        upgrade_init(&p->u[i], &p->config[i], random);
    }
}

static void pair_fini(struct pair *p)
{
    upgrade_fini(&p->u[0]);
    upgrade_fini(&p->u[1]);
}

static enum err step(struct pair *p, int i, uint64_t now_ms)
{
    const struct upgrade_rings r = { &p->link.in[i], &p->link.out[i], &p->app_in[i],
                                     &p->app_out[i] };
    return upgrade_step(&p->u[i], &r, now_ms);
}

static void run(struct pair *p, enum err e[2])
{
    do {
        e[0] = step(p, 0, 1);
        e[1] = step(p, 1, 1);
    } while (testlink_move(&p->link));
}

/* Bytes of the muxer go both ways, the first ones together with the end of the upgrade. */
static void exchange(struct pair *p)
{
    enum err e[2];
    for (int i = 0; i < 2; i++)
        CHECK(
            ring_write(&p->app_out[i], span_str(i == 0 ? "from the dialer" : "from the listener")));
    run(p, e);
    CHECK(e[0] == OK && e[1] == OK);
    CHECK_SPAN(ring_peek(&p->app_in[1]), span_str("from the dialer"));
    CHECK_SPAN(ring_peek(&p->app_in[0]), span_str("from the listener"));
}

/* Every way to get there: security offered by each side, early muxer on either side, pieces. */
static void test_all_ways(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 256; k++) {
        bool noise[2] = { k & 1, k & 2 }, tls[2] = { k & 4, k & 8 }, early[2] = { k & 16, k & 32 };
        enum err e[2];
        if ((!noise[0] && !tls[0]) || (!noise[1] && !tls[1]))
            continue;
        struct pair *p = pair_init(k & 128 ? 1 : 0);
        for (int i = 0; i < 2; i++) {
            p->config[i].noise = noise[i];
            p->config[i].tls = tls[i];
            p->config[i].early_muxer = early[i];
            p->config[i].prefer_tls = (k & 64) != 0;
        }
        pair_start(p);
        CHECK(upgrade_security_name(&p->u[0]) == NULL);
        run(p, e);
        bool common_noise = noise[0] && noise[1], common_tls = tls[0] && tls[1];
        if (!common_noise && !common_tls) {
            CHECK_ERR(e[0], ERR_UNSUPPORTED);
            CHECK(!upgrade_ready(&p->u[0]) && !upgrade_ready(&p->u[1]));
            pair_fini(p);
            continue;
        }
        bool use_tls = common_tls && ((k & 64) != 0 || !common_noise);
        const char *want = use_tls ? "/tls/1.0.0" : "/noise";
        for (int i = 0; i < 2; i++) {
            struct peer_id other = id_of(1 - i);
            CHECK_OK(e[i]);
            CHECK(upgrade_ready(&p->u[i]) && upgrade_deadline(&p->u[i]) == 0);
            CHECK(strcmp(upgrade_security_name(&p->u[i]), want) == 0);
            CHECK(p->u[i].early == (early[0] && early[1]));
            CHECK(peer_id_eq(upgrade_peer(&p->u[i]), &other));
            CHECK(upgrade_peer_key(&p->u[i])->type == PEER_KEY_ED25519);
        }
        exchange(p);
        upgrade_close(&p->u[0], &p->link.out[0]);
        run(p, e);
        CHECK(upgrade_peer_closed(&p->u[1]) == use_tls);
        pair_fini(p);
    }
}

static void test_wrong_peer(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        enum err e[2];
        struct pair *p = pair_init(0);
        p->config[0].expected = id_of(0);
        p->config[0].noise = !tls;
        p->config[0].tls = tls;
        pair_start(p);
        run(p, e);
        CHECK_ERR(e[0], ERR_DENIED);
        CHECK(!upgrade_ready(&p->u[0]) && !upgrade_ready(&p->u[1]));
        pair_fini(p);
    }
}

/* A peer that stops at any byte of its part is given up at the deadline, not before. */
static void test_deadline(void **state)
{
    (void)state;
    uint64_t whole = 0;
    for (uint64_t stop = 0; stop == 0 || stop < whole; stop += 41) {
        struct pair *p = pair_init(0);
        p->config[0].noise = p->config[1].noise = true;
        p->config[0].tls = false;
        p->config[0].early_muxer = false;
        pair_start(p);
        for (int turn = 0; turn < 12; turn++) {
            CHECK_OK(step(p, 0, 1));
            CHECK_OK(step(p, 1, 1));
            (void)ring_move(&p->link.in[1], &p->link.out[0], SIZE_MAX);
            uint64_t left = stop == 0 ? UINT64_MAX : stop - p->link.carried[1];
            p->link.carried[1] +=
                ring_move(&p->link.in[0], &p->link.out[1], left < 70000 ? (size_t)left : 70000);
        }
        if (stop == 0) {
            CHECK(upgrade_ready(&p->u[0]) && p->link.carried[1] > 200);
            whole = p->link.carried[1];
            stop = 1;
        } else {
            CHECK(!upgrade_ready(&p->u[0]) && upgrade_deadline(&p->u[0]) == UPGRADE_TIMEOUT_MS);
            CHECK_OK(step(p, 0, UPGRADE_TIMEOUT_MS - 1));
            CHECK_ERR(step(p, 0, UPGRADE_TIMEOUT_MS), ERR_TIMEOUT);
            CHECK_ERR(step(p, 0, 1), ERR_TIMEOUT);
        }
        pair_fini(p);
    }
}

/* After ready there is no deadline, and megabytes pass through rings of one frame. */
static void test_bulk(void **state)
{
    (void)state;
    static uint8_t sent[1 << 20], got[1 << 20];
    struct prng g;
    prng_init(&g, 9);
    prng_fill(&g, sent, sizeof(sent));
    for (int tls = 0; tls < 2; tls++) {
        enum err e[2];
        size_t put = 0, taken = 0;
        struct pair *p = pair_init(0);
        p->config[0].noise = !tls;
        p->config[0].tls = tls;
        pair_start(p);
        run(p, e);
        while (taken < sizeof(sent)) {
            put += ring_put(&p->app_out[0], span_of(sent + put, sizeof(sent) - put));
            CHECK_OK(step(p, 0, UINT64_MAX));
            testlink_move(&p->link);
            CHECK_OK(step(p, 1, UINT64_MAX));
            taken += ring_get(&p->app_in[1], got + taken, sizeof(got) - taken);
        }
        CHECK(memcmp(sent, got, sizeof(sent)) == 0);
        pair_fini(p);
    }
}

/* A dialer that offers a muxer of its own, and then takes ours. */
static void test_another_muxer_is_declined(void **state)
{
    (void)state;
    static const char *const security[] = { "/noise" };
    static const char *const muxers[] = { "/mplex/6.7.0", "/yamux/1.0.0" };
    struct multistream m;
    struct noise n;
    struct noise_config c = { .initiator = true, .identity = &identity[0] };
    uint8_t random[NOISE_RANDOM_SIZE] = { 1, 2 };
    struct pair *p = pair_init(0);
    struct testlink *l = &p->link;
    pair_start(p);
    random[40] = 3;
    CHECK_OK(noise_init(&n, &c, random));
    multistream_dial(&m, security, 1, false);
    while (!noise_done(&n)) {
        CHECK_OK(multistream_step(&m, &l->in[0], &l->out[0]));
        if (multistream_done(&m))
            CHECK_OK(noise_step(&n, &l->in[0], &l->out[0]));
        testlink_move(l);
        CHECK_OK(step(p, 1, 1));
        testlink_move(l);
    }
    CHECK(p->u[1].state == UPGRADE_MUXER);
    multistream_dial(&m, muxers, 2, false);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(multistream_step(&m, &p->app_in[0], &p->app_out[0]));
        noise_seal(&n, &p->app_out[0], &l->out[0]);
        testlink_move(l);
        CHECK_OK(step(p, 1, 1));
        testlink_move(l);
        CHECK_OK(noise_open(&n, &l->in[0], &p->app_in[0]));
        CHECK(upgrade_ready(&p->u[1]) == (i > 0));
    }
    CHECK(multistream_done(&m) && multistream_chosen(&m) == 1);
    noise_fini(&n);
    pair_fini(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ways),
        cmocka_unit_test(test_wrong_peer),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_another_muxer_is_declined),
    };
    return cmocka_run_group_tests(tests, testends_setup, testends_teardown);
}
