/* The limits of the routing door, and requests to it with sources of the test. */
#include "ipfsd/routing_door_rate.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static uint64_t network(const char *ip, const char *behind)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr sa;
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
        memcpy(&sa, &v4, sizeof(sa));
        return routing_door_network(&sa, behind);
    }
    struct sockaddr_storage storage = { 0 };
    CHECK(inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1);
    memcpy(&storage, &v6, sizeof(v6));
    return routing_door_network((struct sockaddr *)(void *)&storage, behind);
}

static void networks_are_told_apart(void **state)
{
    (void)state;
    CHECK(network("203.0.113.1", NULL) != 0);
    CHECK(network("203.0.113.1", NULL) == network("203.0.113.1", "198.51.100.1"));
    CHECK(network("203.0.113.1", NULL) != network("203.0.113.2", NULL));
    CHECK(network("::ffff:203.0.113.1", NULL) == network("203.0.113.1", NULL));
    CHECK(network("2001:db8:1:2::1", NULL) == network("2001:db8:1:2::ffff", NULL));
    CHECK(network("2001:db8:1:2::1", NULL) == network("2001:db8:1:3::1", NULL)); /* a /56 */
    CHECK(network("2001:db8:1:2::1", NULL) != network("2001:db8:2:2::1", NULL));
    /* This machine, and whom a proxy on it names last. */
    CHECK(network("127.0.0.1", NULL) == 0 && network("::1", NULL) == 0);
    CHECK(network("127.0.0.1", "198.51.100.1, 203.0.113.1") == network("203.0.113.1", NULL));
    CHECK(network("127.0.0.1", "203.0.113.1") == network("203.0.113.1", NULL));
    CHECK(network("::1", "a, 2001:db8:1:2::1 ") == network("2001:db8:1:2::9", NULL));
    CHECK(network("127.0.0.1", "") == 0 && network("127.0.0.1", "203.0.113.1, x") == 0);
    char longest[200];
    memset(longest, '1', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    CHECK(network("127.0.0.1", longest) == 0);
}

static struct routing_door_rate rate;

static enum err pass(uint64_t id, uint64_t now, uint64_t *wait)
{
    uint32_t place;
    enum err e = routing_door_enter(&rate, &place, wait, id, now);
    if (e == OK)
        routing_door_leave(&rate, place);
    return e;
}

static void a_network_may_ask_so_often(void **state)
{
    (void)state;
    uint64_t wait, now = 1000000;
    memset(&rate, 0, sizeof(rate));
    for (int i = 0; i < ROUTING_DOOR_BURST; i++)
        CHECK_OK(pass(7, now, &wait));
    CHECK_ERR(pass(7, now, &wait), ERR_BUSY);
    CHECK(wait == ROUTING_DOOR_AGAIN_MS);
    CHECK_OK(pass(8, now, &wait)); /* others are not concerned */
    CHECK_ERR(pass(7, now + ROUTING_DOOR_AGAIN_MS - 1, &wait), ERR_BUSY);
    CHECK(wait == 1);
    CHECK_OK(pass(7, now + ROUTING_DOOR_AGAIN_MS, &wait));
    CHECK_ERR(pass(7, now + ROUTING_DOOR_AGAIN_MS, &wait), ERR_BUSY);
    now += 3600 * 1000; /* a burst is no larger after a pause */
    for (int i = 0; i < ROUTING_DOOR_BURST; i++)
        CHECK_OK(pass(7, now, &wait));
    CHECK_ERR(pass(7, now, &wait), ERR_BUSY);
    for (int i = 0; i < 1000; i++)
        CHECK_OK(pass(0, now, &wait)); /* this machine */
}

static void a_network_has_so_many_under_way(void **state)
{
    (void)state;
    uint32_t places[ROUTING_DOOR_EACH], other;
    uint64_t wait;
    memset(&rate, 0, sizeof(rate));
    for (int i = 0; i < ROUTING_DOOR_EACH; i++)
        CHECK_OK(routing_door_enter(&rate, &places[i], &wait, 7, 1));
    CHECK_ERR(routing_door_enter(&rate, &other, &wait, 7, 1), ERR_BUSY);
    CHECK_OK(routing_door_enter(&rate, &other, &wait, 8, 1));
    routing_door_leave(&rate, places[0]);
    CHECK_OK(routing_door_enter(&rate, &places[0], &wait, 7, 1));
    /* A place in use is never given to another network; who comes too late waits. */
    for (uint64_t id = 100; id < 100 + 2 * ROUTING_DOOR_NETWORKS; id++)
        CHECK_OK(pass(id, 2, &wait));
    CHECK_ERR(routing_door_enter(&rate, &other, &wait, 7, 3), ERR_BUSY);
    for (uint64_t id = 1000; id < 1000 + ROUTING_DOOR_NETWORKS - 2; id++)
        CHECK_OK(routing_door_enter(&rate, &other, &wait, id, 4));
    CHECK_ERR(routing_door_enter(&rate, &other, &wait, 5000, 4), ERR_BUSY);
    CHECK(wait > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_told_apart),
        cmocka_unit_test(a_network_may_ask_so_often),
        cmocka_unit_test(a_network_has_so_many_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
