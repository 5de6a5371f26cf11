/* What the chain says of providers, and who has fallen, in the choice of whom to ask. */
#include "ipfs/bitswap_rig_test.h"

/* Whoever the chain says has proven to hold the content is asked first, and held to it: once in a
 * session, whatever else of it is asked. */
static void the_chains_word_is_a_promise(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct cid a = cid_of(1), b = cid_of(2);
    for (uint32_t p = 0; p < 3; p++)
        provider(r, p);
    bitswap_client_proven(&r->c, r->session, 1, true);
    bitswap_client_proven(&r->c, r->session, 2, true);
    bitswap_client_proven(&r->c, r->session, 7, true); /* no provider */
    bitswap_client_rank(&r->c, 1, BITSWAP_NORMAL, true);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &a, 0));
    CHECK(ask(r, 0, 0).haves == 1 && ask(r, 1, 0).haves == 1 && ask(r, 2, 0).blocks == 1);
    say(r, 2, &a, false, 10);
    CHECK(r->peers[2].broken == 1 && ask(r, 1, 10).blocks == 1);
    CHECK(bitswap_client_block(&r->c, 1, &a, 8, 20) == 1);
    CHECK(r->peers[1].kept == 1 && r->peers[1].broken == 0);
    (void)ask(r, 0, 20);
    /* A second block of the same content is no second promise, kept or broken. */
    CHECK_OK(bitswap_client_want(&r->c, r->session, &b, 30));
    CHECK(ask(r, 1, 30).blocks == 1);
    CHECK(bitswap_client_block(&r->c, 1, &b, 8, 40) == 1 && r->peers[1].kept == 1);
    b = cid_of(3);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &b, 50));
    CHECK(ask(r, 1, 50).blocks == 1);
    say(r, 1, &b, false, 60);
    CHECK(r->peers[1].broken == 1 && ask(r, 0, 60).blocks + ask(r, 2, 60).blocks == 1);
    say(r, 2, &b, false, 70);
    CHECK(r->peers[2].broken == 1);
    /* Another content is another promise; of whom the chain says nothing none is expected. */
    bitswap_client_close(&r->c, r->session);
    for (uint32_t p; bitswap_client_next(&r->c, &p);)
        (void)ask(r, p, 80);
    CHECK_OK(bitswap_client_open(&r->c, &r->session));
    for (uint32_t p = 0; p < 3; p++)
        CHECK_OK(bitswap_client_provider(&r->c, r->session, p));
    bitswap_client_proven(&r->c, r->session, 2, true);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &a, 100));
    CHECK(ask(r, 2, 100).blocks == 1 && ask(r, 0, 100).haves == 1 && ask(r, 1, 100).haves == 1);
    say(r, 2, &a, false, 110);
    say(r, 0, &a, false, 110);
    say(r, 1, &a, false, 110);
    CHECK(r->peers[2].broken == 2 && r->peers[0].broken == 0 && r->peers[1].broken == 1);
    free(r);
}

/* A session that is held asks nobody and looks for nobody, and is not given up. */
static void a_held_session_asks_when_it_is_let_go(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct cid a = cid_of(1), found;
    uint32_t session;
    bitswap_client_hold(&r->c, r->session, true, 0);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &a, 0));
    bitswap_client_step(&r->c, 100);
    CHECK(quiet(r) && !bitswap_client_search(&r->c, &session, &found));
    CHECK(!bitswap_client_hopeless(&r->c, r->session, a.digest));
    provider(r, 0);
    provider(r, 1);
    bitswap_client_step(&r->c, 200);
    CHECK(quiet(r));
    bitswap_client_hold(&r->c, r->session, false, 250);
    CHECK(ask(r, 0, 250).blocks == 1 && ask(r, 1, 250).haves == 1);
    CHECK(!bitswap_client_search(&r->c, &session, &found));
    CHECK(bitswap_client_block(&r->c, 0, &a, 8, 300) == 1);
    (void)ask(r, 1, 300);
    /* With nobody there, others are looked for as soon as it is let go. */
    bitswap_client_leave(&r->c, 0);
    bitswap_client_leave(&r->c, 1);
    bitswap_client_hold(&r->c, r->session, true, 400);
    a = cid_of(2);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &a, 400));
    CHECK(!bitswap_client_search(&r->c, &session, &found));
    bitswap_client_hold(&r->c, r->session, false, 500);
    CHECK(bitswap_client_search(&r->c, &session, &found) && cid_eq(&found, &a));
    free(r);
}

/* Silence is a broken promise like "no"; and who is LAST has nothing to do while another one could,
 * however much there is. */
static void the_last_wait_until_others_cannot(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct cid c;
    provider(r, 0);
    provider(r, 1);
    bitswap_client_proven(&r->c, r->session, 0, true);
    bitswap_client_rank(&r->c, 0, BITSWAP_LAST, true);
    for (uint64_t i = 0; i < 40; i++) {
        c = cid_of(i);
        CHECK_OK(bitswap_client_want(&r->c, r->session, &c, 0));
    }
    uint32_t window = r->c.sessions[r->session].providers[1].window;
    CHECK(window < 40 && ask(r, 1, 0).blocks == (int)window);
    CHECK(ask(r, 0, 0).blocks == 0);
    bitswap_client_leave(&r->c, 1);
    bitswap_client_step(&r->c, 60);
    CHECK(ask(r, 0, 60).blocks > 0);
    bitswap_client_step(&r->c, 6000);
    CHECK(r->peers[0].broken == 1); /* the content's, however many blocks are late */
    free(r);
    /* One that falls after it has given a block does not keep others from being asked; nor is it
     * asked whether it has a root before one that was asked has failed. */
    r = rig_new();
    provider(r, 0);
    c = cid_of(1);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &c, 0));
    CHECK(ask(r, 0, 0).blocks == 1 && bitswap_client_block(&r->c, 0, &c, 8, 10) == 1);
    bitswap_client_rank(&r->c, 0, BITSWAP_LAST, true);
    provider(r, 1);
    c = cid_of(2);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &c, 20));
    CHECK(ask(r, 1, 20).blocks == 1 && quiet(r));
    CHECK(bitswap_client_block(&r->c, 1, &c, 8, 30) == 1);
    bitswap_client_join(&r->c, 2, BITSWAP_LAST);
    CHECK_OK(bitswap_client_provider(&r->c, r->session, 2));
    c = cid_of(3);
    CHECK_OK(bitswap_client_want(&r->c, r->session, &c, 40));
    CHECK(ask(r, 1, 40).blocks == 1 && quiet(r));
    say(r, 1, &c, false, 50);
    CHECK(ask(r, 0, 50).blocks + ask(r, 2, 50).blocks == 1);
    CHECK(ask(r, 0, 50).haves + ask(r, 2, 50).haves <= 1 && quiet(r));
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chains_word_is_a_promise),
        cmocka_unit_test(a_held_session_asks_when_it_is_let_go),
        cmocka_unit_test(the_last_wait_until_others_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
