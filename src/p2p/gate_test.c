#include "p2p/gate.h"

#include "base/check.h"
#include "base/prng.h"

static struct gate g;

static struct gate_limits small(void)
{
    return (struct gate_limits){ .connections = 12,
                                 .inbound = 8,
                                 .pending = 4,
                                 .per_host = 3,
                                 .per_peer = 1,
                                 .water = 2,
                                 .dial_burst = 3,
                                 .dial_every_ms = 100,
                                 .network_burst = 5,
                                 .network_every_ms = 1000 };
}

static void start(void)
{
    struct gate_limits l = small();
    gate_init(&g, &l, 42);
}

static struct peer_id peer(uint8_t n)
{
    struct peer_id id = { .size = 34, .bytes = { 0x12, 0x20, n } };
    return id;
}

static enum err admit(uint32_t ip, uint32_t *index, uint64_t now)
{
    uint8_t b[4];
    store_be32(b, ip);
    uint32_t late;
    enum err e = gate_admit(&g, index, &late, span_of(b, 4), now);
    CHECK(late == GATE_NONE);
    return e;
}

static struct gate_target target(uint8_t *ip4, uint16_t port, uint8_t who)
{
    struct gate_target t = { .ip = { ip4, 4 }, .port = port };
    if (who != 0)
        t.peer = peer(who);
    return t;
}

static void test_caps_of_inbound(void **state)
{
    (void)state;
    uint32_t i[16], none;
    struct peer_id p;
    start();
    for (uint32_t k = 0; k < 3; k++)
        CHECK_OK(admit(0x01020304, &i[k], 1000));
    CHECK_ERR(admit(0x01020304, &none, 1000), ERR_LIMIT); /* one host */
    CHECK(none == GATE_NONE);
    CHECK_OK(admit(0x01020404, &i[3], 1000));
    CHECK_ERR(admit(0x05060708, &none, 1000), ERR_LIMIT); /* pending */
    for (uint8_t k = 0; k < 4; k++) {
        p = peer((uint8_t)(k + 1));
        CHECK_OK(gate_ready(&g, i[k], &p, 1000));
    }
    for (uint32_t k = 0; k < 4; k++)
        CHECK_OK(admit(0x0a000000 + (k << 8), &i[4 + k], 1000));
    CHECK_ERR(admit(0x05060708, &none, 1000), ERR_LIMIT); /* inbound */
    gate_closed(&g, i[0]);
    CHECK_ERR(admit(0x05060708, &none, 1000), ERR_LIMIT); /* four are pending */
    gate_closed(&g, i[4]);
    CHECK_OK(admit(0x05060708, &i[0], 1000));
    CHECK(g.used == 7 && g.inbound == 7 && g.ready == 3 && g.pending_in == 4);
}

/* Who connects and then says nothing, or a byte now and then, keeps nobody out for long. */
static void test_slow_upgrades_give_way(void **state)
{
    (void)state;
    uint32_t i[4], n, late, again;
    struct peer_id p = peer(1);
    uint8_t ip[4] = { 5, 6, 7, 8 };
    start();
    for (uint32_t k = 0; k < 4; k++)
        CHECK_OK(admit(0x01020304 + (k << 16), &i[k], 1000 + k));
    uint64_t now = 1000 + GATE_UPGRADE_MS;
    CHECK_ERR(gate_admit(&g, &n, &late, span_of(ip, 4), now - 1), ERR_LIMIT);
    CHECK(n == GATE_NONE && late == GATE_NONE);
    CHECK_OK(gate_admit(&g, &n, &late, span_of(ip, 4), now));
    CHECK(late == i[0] && n != i[0] && g.pending_in == 4 && g.used == 5);
    /* It is named once, although it is still there. */
    ip[1] = 7;
    CHECK_ERR(gate_admit(&g, &again, &late, span_of(ip, 4), now), ERR_LIMIT);
    CHECK_OK(gate_ready(&g, n, &p, now));
    CHECK(g.pending_in == 3);
    gate_closed(&g, i[0]);
    CHECK(g.pending_in == 3 && g.used == 4);
    /* One that was to go and became ready at the last moment counts as ready. */
    CHECK_OK(gate_admit(&g, &again, &late, span_of(ip, 4), now + 10));
    CHECK(late == GATE_NONE);
    ip[1] = 8;
    CHECK_OK(gate_admit(&g, &n, &late, span_of(ip, 4), now + 10));
    CHECK(late == i[1]);
    p = peer(2);
    CHECK_OK(gate_ready(&g, i[1], &p, now + 10));
    CHECK(g.ready == 2 && g.pending_in == 4);
    gate_closed(&g, i[1]);
    CHECK(g.ready == 1 && g.pending_in == 4 && g.used == 5);
    /* Who may not come for another reason displaces nobody. */
    CHECK_OK(gate_rule_ip(&g, false, span_of(ip, 4), 32));
    CHECK_ERR(gate_admit(&g, &n, &late, span_of(ip, 4), now + 90000), ERR_DENIED);
    CHECK(late == GATE_NONE && g.pending_in == 4);
}

static void test_rate_of_a_network(void **state)
{
    (void)state;
    uint32_t i;
    start();
    /* Five at once from one /24, then one a second, whatever the host. */
    for (uint32_t k = 0; k < 5; k++) {
        CHECK_OK(admit(0x01020300 + k, &i, 1000));
        gate_closed(&g, i);
    }
    CHECK_ERR(admit(0x010203ff, &i, 1000), ERR_BUSY);
    CHECK_ERR(admit(0x010203ff, &i, 1999), ERR_BUSY);
    CHECK_OK(admit(0x010203ff, &i, 2000));
    gate_closed(&g, i);
    CHECK_ERR(admit(0x01020301, &i, 2000), ERR_BUSY);
    CHECK_OK(admit(0x01020401, &i, 2000)); /* another network */
    gate_closed(&g, i);
    /* A refused one costs the network nothing. */
    for (uint32_t k = 0; k < 5; k++) {
        CHECK_OK(admit(0x01020300 + k, &i, 8000));
        gate_closed(&g, i);
    }
    CHECK_ERR(admit(0x01020300, &i, 8000), ERR_BUSY);
    uint32_t late;
    uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, 0, 1 };
    for (uint8_t k = 0; k < 5; k++) {
        six[7] = k; /* the same /48 */
        CHECK_OK(gate_admit(&g, &i, &late, span_of(six, 16), 8000));
        gate_closed(&g, i);
    }
    six[7] = 99;
    CHECK_ERR(gate_admit(&g, &i, &late, span_of(six, 16), 8000), ERR_BUSY);
    six[5] = 2;
    CHECK_OK(gate_admit(&g, &i, &late, span_of(six, 16), 8000));
}

static void test_a_dial_back_leaves_nothing(void **state)
{
    (void)state;
    uint8_t ip[4] = { 1, 1, 1, 1 }, bad[4] = { 9, 9, 9, 9 };
    uint32_t i, j, k;
    uint64_t retry;
    start();
    struct gate_target a = target(ip, 4001, 1), b = target(bad, 4001, 2), c = target(ip, 1, 3);
    struct peer_id p = peer(3);
    CHECK_OK(gate_dial(&g, &i, &retry, &a, 1000));
    CHECK_OK(gate_ready(&g, i, &a.peer, 1000));
    CHECK_OK(gate_dial_back(&g, &j, &a, 1000)); /* although it is connected */
    CHECK(gate_find(&g, &a.peer) == i && g.pending_out == 1);
    gate_closed(&g, j);
    CHECK(g.pending_out == 0 && g.used == 1);
    gate_closed(&g, i);
    CHECK_OK(gate_dial(&g, &i, &retry, &a, 1000)); /* no back-off */
    CHECK_OK(gate_rule_ip(&g, false, span_of(bad, 4), 32));
    CHECK_OK(gate_rule_peer(&g, false, &p));
    CHECK_ERR(gate_dial_back(&g, &k, &b, 1000), ERR_DENIED);
    CHECK_ERR(gate_dial_back(&g, &k, &c, 1000), ERR_DENIED);
    CHECK(k == GATE_NONE);
    while (gate_dial_back(&g, &k, &a, 1000) == OK)
        CHECK(g.pending_out <= g.limits.pending);
    CHECK(k == GATE_NONE && g.pending_out == g.limits.pending);
}

static void test_dials_are_deduplicated_and_paced(void **state)
{
    (void)state;
    uint8_t ip[4] = { 1, 1, 1, 1 };
    uint32_t i, j;
    uint64_t retry;
    start();
    struct gate_target a = target(ip, 4001, 1), b = target(ip, 4002, 1), c = target(ip, 4003, 0);
    CHECK_OK(gate_dial(&g, &i, &retry, &a, 1000));
    CHECK_ERR(gate_dial(&g, &j, &retry, &b, 1000), ERR_EXISTS); /* the same peer, on the way */
    CHECK(j == i);
    struct peer_id p = peer(1);
    CHECK(gate_find(&g, &p) == GATE_NONE);
    CHECK_OK(gate_ready(&g, i, &p, 1000));
    CHECK(gate_find(&g, &p) == i);
    CHECK_ERR(gate_dial(&g, &j, &retry, &b, 1000), ERR_EXISTS);
    CHECK_OK(gate_dial(&g, &j, &retry, &c, 1000));     /* nobody knows who that is */
    CHECK_ERR(gate_ready(&g, j, &p, 1000), ERR_LIMIT); /* it was the same again */
    gate_closed(&g, j);
    CHECK_OK(gate_dial(&g, &j, &retry, &c, 1000));
    gate_closed(&g, j);
    CHECK_ERR(gate_dial(&g, &j, &retry, &c, 1000), ERR_BUSY); /* three at once, then 100 ms */
    CHECK(retry == 1100 && j == GATE_NONE);
    CHECK_ERR(gate_dial(&g, &j, &retry, &c, 1099), ERR_BUSY);
    CHECK_OK(gate_dial(&g, &j, &retry, &c, 1100));
}

static void test_back_off(void **state)
{
    (void)state;
    uint8_t ip[4] = { 9, 9, 9, 9 };
    uint32_t i;
    uint64_t retry, now = 1000, wait = GATE_BACKOFF_FIRST_MS;
    start();
    struct gate_target t = target(ip, 4001, 0), other = target(ip, 4002, 0);
    for (int k = 0; k < 14; k++) {
        CHECK_OK(gate_dial(&g, &i, &retry, &t, now));
        gate_dial_result(&g, &t, false, now);
        gate_closed(&g, i);
        CHECK_ERR(gate_dial(&g, &i, &retry, &t, now + wait - 1), ERR_BUSY);
        CHECK(retry == now + wait);
        now += wait;
        wait = wait * 2 < GATE_BACKOFF_LAST_MS ? wait * 2 : GATE_BACKOFF_LAST_MS;
    }
    CHECK_OK(gate_dial(&g, &i, &retry, &other, now)); /* another port is another address */
    gate_closed(&g, i);
    CHECK_OK(gate_dial(&g, &i, &retry, &t, now));
    gate_dial_result(&g, &t, true, now);
    gate_closed(&g, i);
    gate_dial_result(&g, &t, false, now);
    CHECK_ERR(gate_dial(&g, &i, &retry, &t, now), ERR_BUSY);
    CHECK(retry == now + GATE_BACKOFF_FIRST_MS); /* a success has ended it */
}

static void test_rules(void **state)
{
    (void)state;
    const uint8_t net[4] = { 10, 1, 0, 0 }, one[4] = { 10, 1, 2, 3 }, six[16] = { 0xfd };
    uint8_t ip[4] = { 10, 1, 9, 9 };
    uint32_t i, late;
    uint64_t retry;
    struct peer_id bad = peer(66), good = peer(7), other = peer(8);
    start();
    CHECK_ERR(gate_rule_ip(&g, true, span_of(net, 4), 33), ERR_RANGE);
    CHECK_OK(gate_rule_ip(&g, true, span_of(one, 4), 32));
    CHECK_OK(gate_rule_ip(&g, false, span_of(net, 4), 16));
    CHECK_OK(gate_rule_ip(&g, false, span_of(six, 16), 8));
    CHECK_OK(gate_rule_peer(&g, false, &bad));
    CHECK_OK(admit(0x0a010203, &i, 1)); /* the first that fits */
    gate_closed(&g, i);
    CHECK_ERR(admit(0x0a010204, &i, 1), ERR_DENIED);
    CHECK_ERR(gate_admit(&g, &i, &late, span_of(six, 16), 1), ERR_DENIED);
    CHECK_OK(admit(0x0a020204, &i, 1));
    CHECK_ERR(gate_ready(&g, i, &bad, 1), ERR_DENIED);
    gate_closed(&g, i);
    struct gate_target t = target(ip, 1, 0), u = target(ip, 1, 66);
    CHECK_ERR(gate_dial(&g, &i, &retry, &t, 1), ERR_DENIED);
    ip[1] = 2;
    CHECK_ERR(gate_dial(&g, &i, &retry, &u, 1), ERR_DENIED);
    CHECK_OK(gate_dial(&g, &i, &retry, &t, 1));
    gate_closed(&g, i);

    /* Only those in allow rules. */
    g.allow_only = true;
    CHECK_OK(gate_rule_peer(&g, true, &good));
    CHECK_OK(admit(0x0b000001, &i, 1));
    CHECK_ERR(gate_ready(&g, i, &other, 1), ERR_DENIED);
    CHECK_OK(gate_ready(&g, i, &good, 1));
    gate_closed(&g, i);
    CHECK_OK(admit(0x0a010203, &i, 1));
    CHECK_OK(gate_ready(&g, i, &other, 1)); /* allowed by its address */
    while (g.rule_count < GATE_RULES_MAX)
        CHECK_OK(gate_rule_peer(&g, true, &good));
    CHECK_ERR(gate_rule_peer(&g, true, &good), ERR_LIMIT);
}

static void test_trim(void **state)
{
    (void)state;
    uint32_t i[4];
    start();
    for (uint8_t k = 0; k < 4; k++) {
        struct peer_id p = peer((uint8_t)(k + 1));
        CHECK_OK(admit(0x01000000 + ((uint32_t)k << 16), &i[k], 100));
        CHECK_OK(gate_ready(&g, i[k], &p, 100));
    }
    CHECK(gate_trim(&g, 100 + GATE_GRACE_MS - 1) == GATE_NONE);
    uint64_t now = 100 + GATE_GRACE_MS;
    gate_touch(&g, i[0], 200);
    gate_touch(&g, i[1], 150);
    gate_keep(&g, i[2], true);
    CHECK(gate_trim(&g, now) == i[3]);
    gate_closed(&g, i[3]);
    CHECK(gate_trim(&g, now) == i[1]);
    gate_closed(&g, i[1]);
    CHECK(gate_trim(&g, now) == GATE_NONE); /* at the water line */
}

/* Any sequence of what can happen keeps the counters right and the caps unbroken. */
static void test_random_lives(void **state)
{
    (void)state;
    struct prng r;
    prng_init(&r, 77);
    start();
    uint64_t now = 1;
    for (int step = 0; step < 60000; step++) {
        uint32_t i = (uint32_t)prng_below(&r, 12), index, late;
        uint8_t ip[4] = { (uint8_t)prng_below(&r, 3), 1, (uint8_t)prng_below(&r, 2), 1 };
        uint64_t retry;
        now += prng_below(&r, 200);
        struct gate_target t = target(ip, (uint16_t)prng_below(&r, 3), (uint8_t)prng_below(&r, 9));
        switch (prng_below(&r, 5)) {
        case 0:
            (void)!gate_admit(&g, &index, &late, span_of(ip, 4), now);
            CHECK(late == GATE_NONE || g.connections[late].late);
            break;
        case 1:
            (void)!gate_dial(&g, &index, &retry, &t, now);
            break;
        case 2:
            if (g.connections[i].used && !g.connections[i].ready) {
                struct peer_id p = peer((uint8_t)(1 + prng_below(&r, 8)));
                if (gate_ready(&g, i, &p, now) != OK)
                    gate_closed(&g, i);
            }
            break;
        case 3:
            if (g.connections[i].used)
                gate_closed(&g, i);
            break;
        default:
            gate_dial_result(&g, &t, prng_below(&r, 4) != 0, now);
            break;
        }
        uint32_t used = 0, inbound = 0, ready = 0, going = 0;
        for (uint32_t k = 0; k < GATE_CONNECTIONS_MAX; k++) {
            used += g.connections[k].used;
            inbound += g.connections[k].used && g.connections[k].inbound;
            ready += g.connections[k].ready;
            going += g.connections[k].late;
        }
        CHECK(used == g.used && inbound == g.inbound && ready == g.ready);
        CHECK(g.pending_in + g.pending_out + g.ready + going == g.used);
        CHECK(used <= 12 && inbound <= 8 && g.pending_in <= 4 && g.pending_out <= 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps_of_inbound),
        cmocka_unit_test(test_slow_upgrades_give_way),
        cmocka_unit_test(test_rate_of_a_network),
        cmocka_unit_test(test_a_dial_back_leaves_nothing),
        cmocka_unit_test(test_dials_are_deduplicated_and_paced),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_random_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
