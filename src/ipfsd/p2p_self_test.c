#include "ipfsd/p2p_self.h"

#include "base/check.h"

#include <stdio.h>

#define ID "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"

/* What is chosen out of these addresses (NULL: no more) and this URL; b NULL: one text. */
static void check_choice(const char *const *addresses, const char *url, const char *listen,
                         const char *a, const char *b)
{
    struct p2p_self_texts t;
    struct peer_id id;
    struct multiaddr list[4], at;
    size_t n = 0;
    CHECK_OK(peer_id_parse(&id, span_str(ID)));
    for (; addresses[n] != NULL; n++)
        CHECK_OK(multiaddr_parse(&list[n], span_str(addresses[n])));
    if (listen != NULL)
        CHECK_OK(multiaddr_parse(&at, span_str(listen)));
    p2p_self_choose(&t, &id, list, n, url, listen == NULL ? NULL : &at);
    CHECK(t.count == (b == NULL ? 1 : 2));
    if (strcmp(t.texts[0], a) != 0 || (b != NULL && strcmp(t.texts[1], b) != 0))
        fail_msg("%s %s", t.texts[0], t.texts[1]);
}

static void addresses_come_first(void **state)
{
    (void)state;
    static const char listen[] = "/ip4/0.0.0.0/tcp/4001";
    const char *const none[] = { NULL };
    const char *const two[] = { "/ip4/203.0.113.5/tcp/4001", "/ip4/203.0.113.5/tcp/4001",
                                "/dns4/n.example/tcp/4001", NULL };
    check_choice(two, "https://gw.example", listen, "/ip4/203.0.113.5/tcp/4001/p2p/" ID,
                 "/dns4/n.example/tcp/4001/p2p/" ID);
    check_choice(none, "https://gw.example", listen, "/dns/gw.example/tcp/4001/p2p/" ID, NULL);
    check_choice(none, "http://9.9.9.9:8080", listen, "/ip4/9.9.9.9/tcp/4001/p2p/" ID, NULL);
    check_choice(none, "http://192.168.1.1:8080", listen, "/p2p/" ID, NULL);
    check_choice(none, "http://127.0.0.1:8080", listen, "/p2p/" ID, NULL);
    check_choice(none, "http://localhost:8080", listen, "/p2p/" ID, NULL);
    check_choice(none, "https://gw.example", NULL, "/p2p/" ID, NULL); /* it only dials */
    check_choice(none, "", listen, "/p2p/" ID, NULL);
}

/* An address that no text has room for is left out. */
static void texts_are_bounded(void **state)
{
    (void)state;
    char name[200], address[256];
    memset(name, 'a', sizeof(name));
    name[90] = '\0';
    snprintf(address, sizeof(address), "/dns4/%s.example/tcp/4001", name);
    const char *const list[] = { address, "/ip4/203.0.113.5/tcp/4001", NULL };
    check_choice(list, "", NULL, "/ip4/203.0.113.5/tcp/4001/p2p/" ID, NULL);
    const char *const one[] = { address, NULL };
    check_choice(one, "", NULL, "/p2p/" ID, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_first),
        cmocka_unit_test(texts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
