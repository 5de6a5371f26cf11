#include "agentd/plan_urls.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

#define ID      "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
#define ANOTHER "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
#define AT(ip)  "/ip4/" ip "/tcp/4001/p2p/" ID

static struct view v;

static int setup(void **unused)
{
    (void)unused;
    v = (struct view){ .account_known = true, .chain.height = 1000 };
    snprintf(v.gateway, sizeof(v.gateway), "http://me");
    return 0;
}

static void see(const char *a, const char *b)
{
    const struct span texts[] = { span_str(a == NULL ? "" : a), span_str(b == NULL ? "" : b) };
    plan_urls_see(&v, texts, a == NULL ? 0 : b == NULL ? 1 : 2);
}

static void chain_has(const char *a, const char *b, const char *c, const char *d)
{
    const char *const list[] = { a, b, c, d };
    v.money.url_count = 0;
    for (size_t i = 0; i < 4 && list[i] != NULL; i++)
        snprintf(v.money.urls[v.money.url_count++], sizeof(v.money.urls[0]), "%s", list[i]);
}

/* What the list becomes; NULL for the first one: it stays. What is sent is right afterwards. */
static void check_list(const char *a, const char *b, const char *c, const char *d)
{
    const char *const want[] = { a, b, c, d };
    struct tx_urls urls;
    bool changes = plan_urls_make(&urls, &v);
    CHECK(changes == (a != NULL));
    if (!changes)
        return;
    for (uint32_t i = 0; i < 4; i++) {
        CHECK((i < urls.count) == (want[i] != NULL));
        if (want[i] != NULL && !span_eq(urls.urls[i], span_str(want[i])))
            fail_msg("%u: %.*s", i, (int)urls.urls[i].n, (const char *)urls.urls[i].p);
    }
    chain_has(a, b, c, d);
    CHECK(!plan_urls_make(&urls, &v));
}

static void gateway_and_peer_are_told(void **unused)
{
    (void)unused;
    check_list("http://me", NULL, NULL, NULL);
    see(AT("203.0.113.5"), AT("203.0.113.6"));
    check_list("http://me", AT("203.0.113.5"), AT("203.0.113.6"), NULL);
    see(NULL, NULL); /* crust-ipfsd starts again, and does not know yet */
    check_list(NULL, NULL, NULL, NULL);
}

/* The list is the account's: what is not of this peer stays. */
static void what_is_not_ours_stays(void **unused)
{
    (void)unused;
    chain_has("http://old", "/p2p/" ANOTHER, NULL, NULL);
    see("/p2p/" ID, NULL);
    check_list("http://old", "/p2p/" ANOTHER, "http://me", "/p2p/" ID);
    /* With a second address no place would be left. */
    setup(NULL);
    chain_has("http://old", "http://me", NULL, NULL);
    see(AT("203.0.113.5"), AT("203.0.113.6"));
    check_list("http://old", "http://me", AT("203.0.113.5"), NULL);
    setup(NULL);
    chain_has("http://old", AT("203.0.113.5"), AT("203.0.113.6"), "http://me");
    see(AT("203.0.113.5"), AT("203.0.113.6"));
    check_list("http://old", AT("203.0.113.5"), "http://me", NULL);
}

/* A full list: a gateway pushes out a peer, else the oldest; a peer pushes out nobody. */
static void a_full_list_finds_a_balance(void **unused)
{
    (void)unused;
    chain_has("http://1", "http://2", "/p2p/" ANOTHER, "http://3");
    see("/p2p/" ID, NULL);
    check_list("http://1", "http://2", "http://3", "http://me");
    setup(NULL);
    chain_has("http://1", "http://2", "http://3", "http://4");
    see("/p2p/" ID, NULL);
    check_list("http://2", "http://3", "http://4", "http://me");
}

/* Three nodes of one account do not push each other out in turn. */
static void nodes_of_one_account_come_to_rest(void **unused)
{
    (void)unused;
    static const char *const peers[] = { "/p2p/" ID, "/p2p/" ANOTHER,
                                         "/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC" };
    static struct view nodes[3];
    int changes = 0;
    for (int round = 0; round < 12; round++) {
        struct view *n = &nodes[round % 3];
        struct tx_urls urls;
        const struct span text = span_str(peers[round % 3]);
        n->account_known = true;
        n->chain.height = 1000 + (uint64_t)round * 200;
        n->money = v.money;
        snprintf(n->gateway, sizeof(n->gateway), "http://%d", round % 3);
        plan_urls_see(n, &text, 1);
        if (!plan_urls_make(&urls, n))
            continue;
        changes++;
        CHECK(round < 6);
        for (uint32_t i = 0; i < urls.count; i++)
            snprintf(v.money.urls[i], sizeof(v.money.urls[i]), "%.*s", (int)urls.urls[i].n,
                     (const char *)urls.urls[i].p);
        v.money.url_count = urls.count;
    }
    CHECK(changes >= 3 && v.money.url_count == 4);
}

/* An address that comes and goes costs no transactions; one that stays is told. */
static void addresses_must_stay(void **unused)
{
    (void)unused;
    see(AT("203.0.113.5"), NULL);
    check_list("http://me", AT("203.0.113.5"), NULL, NULL);
    for (int i = 0; i < 10; i++) {
        v.chain.height += PLAN_URLS_STEADY_BLOCKS / 2;
        see(i % 2 == 0 ? AT("203.0.113.9") : AT("203.0.113.5"), NULL);
        check_list(NULL, NULL, NULL, NULL);
    }
    see(AT("203.0.113.9"), NULL);
    v.chain.height += PLAN_URLS_STEADY_BLOCKS - 1;
    see(AT("203.0.113.9"), NULL);
    check_list(NULL, NULL, NULL, NULL);
    v.chain.height++;
    see(AT("203.0.113.9"), NULL);
    check_list("http://me", AT("203.0.113.9"), NULL, NULL);
    /* An agent that starts anew waits as long, when the chain has an address of this peer. */
    v.texts = v.texts_next = (struct view_texts){ 0 };
    see(AT("203.0.113.7"), NULL);
    check_list(NULL, NULL, NULL, NULL);
    /* Another identity is another peer. */
    see("/p2p/" ANOTHER, NULL);
    check_list("http://me", AT("203.0.113.9"), "/p2p/" ANOTHER, NULL);
    /* What is no peer's text is passed over. */
    see("http://x", "/ip4/1.2.3.4/tcp/1");
    check_list(NULL, NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gateway_and_peer_are_told, setup),
        cmocka_unit_test_setup(what_is_not_ours_stays, setup),
        cmocka_unit_test_setup(a_full_list_finds_a_balance, setup),
        cmocka_unit_test_setup(nodes_of_one_account_come_to_rest, setup),
        cmocka_unit_test_setup(addresses_must_stay, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
