#include "p2p/observed.h"

#include "base/check.h"

static struct observed o;

static struct observed_address at(uint8_t last, uint16_t port)
{
    return (struct observed_address){ .ip = { 203, 0, 114, last }, .size = 4, .port = port };
}

/* A peer of network 1.k says it. */
static void say(const struct observed_address *a, uint8_t k, uint8_t host, uint64_t now)
{
    const uint8_t ip[4] = { 1, k, host, 9 };
    observed_note(&o, a, span_of(ip, 4), now);
}

static void several_networks_must_agree(void **state)
{
    (void)state;
    struct observed_address out[4], a = at(7, 4001), other = at(7, 4002);
    memset(&o, 0, sizeof(o));
    for (uint8_t host = 0; host < 20; host++)
        say(&a, 1, host, 1000); /* twenty peers of one network */
    say(&a, 2, 1, 1000);
    say(&other, 3, 1, 1000); /* another port is another address */
    CHECK(observed_confirmed(&o, out, 4, 1000) == 0);
    say(&a, 3, 1, 1000);
    CHECK(observed_confirmed(&o, out, 4, 1000) == 1);
    CHECK(out[0].size == 4 && out[0].port == 4001 && out[0].ip[3] == 7);
    CHECK(observed_confirmed(&o, out, 0, 1000) == 0);
    const uint8_t six[16] = { 0x20, 1, 0x0d, 0xb8 };
    observed_note(&o, &other, span_of(six, 16), 1000);
    say(&other, 4, 1, 1000);
    CHECK(observed_confirmed(&o, out, 4, 1000) == 2);
}

static void what_is_not_said_again_is_forgotten(void **state)
{
    (void)state;
    struct observed_address out[4], a = at(1, 1);
    memset(&o, 0, sizeof(o));
    for (uint8_t k = 0; k < 3; k++)
        say(&a, k, 1, 1000);
    CHECK(observed_confirmed(&o, out, 4, 1000 + OBSERVED_MS - 1) == 1);
    CHECK(observed_confirmed(&o, out, 4, 1000 + OBSERVED_MS) == 0);
    say(&a, 9, 1, 1000 + OBSERVED_MS);
    CHECK(observed_confirmed(&o, out, 4, 1000 + OBSERVED_MS) == 0);
    say(&a, 1, 1, 1000 + OBSERVED_MS);
    say(&a, 0, 1, 1000 + OBSERVED_MS);
    CHECK(observed_confirmed(&o, out, 4, 1000 + OBSERVED_MS) == 1);
}

/* One peer that makes up addresses does not put out one that is confirmed. */
static void made_up_addresses_displace_nothing(void **state)
{
    (void)state;
    struct observed_address out[4], a = at(1, 1);
    memset(&o, 0, sizeof(o));
    for (uint8_t k = 0; k < 3; k++)
        say(&a, k, 1, 1000);
    for (uint16_t i = 0; i < 1000; i++) {
        struct observed_address made = at((uint8_t)(i / 250 + 2), i);
        say(&made, 7, 7, 2000 + i);
    }
    CHECK(observed_confirmed(&o, out, 4, 4000) == 1 && out[0].ip[3] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_networks_must_agree),
        cmocka_unit_test(what_is_not_said_again_is_forgotten),
        cmocka_unit_test(made_up_addresses_displace_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
