/* Registration and deposits; filling the disks and making room. */
#include "agentd/plan_worker.h"

#include "agentd/evidence.h"
#include "agentd/plan_room.h"
#include "agentd/plan_urls.h"
#include "attest/attest_made.h"
#include "base/check.h"
#include "chain/result.h"

#include <stdio.h>

static struct view v;
static struct plan_worker p;
static struct plan_worker_rules rules;
static const uint64_t mib = 1 << 20;
static uint8_t key[32] = { 7 };

/* Everything is there but a registration. */
static int setup(void **unused)
{
    (void)unused;
    memset(&v, 0, sizeof(v));
    memset(&p, 0, sizeof(p));
    params_init(&v.params, PARAMS_DEVNET);
    rules = (struct plan_worker_rules){ .top_up = true };
    v.chain_known = v.account_known = v.node_known = v.node_fresh = true;
    v.node.storage = true;
    v.node_session = 1;
    v.chain.height = 10;
    v.money.usable = AMOUNT_OF(100 * v.params.worker_deposit.units);
    memset(v.account, 3, 32);
    return 0;
}

static struct plan_worker_effect next(uint64_t now)
{
    return plan_worker_next(&p, &v, &rules, now);
}

static void registered(void)
{
    memcpy(v.node.worker, key, 32);
    v.worker_asked = v.worker_known = true;
    v.worker.deposit = v.params.worker_deposit;
    memcpy(v.worker.account, v.account, 32);
}

static void a_new_worker_is_registered(void **unused)
{
    (void)unused;
    CHECK(next(0).what == PLAN_WORKER_ASK_EVIDENCE && p.evidence_height == 10);
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    plan_worker_evidence(&p, key, OK, "", 0);
    memcpy(v.node.worker, key, 32);
    CHECK(next(0).what == PLAN_WORKER_NOTHING); /* the chain is asked first: it may know the key */
    v.worker_asked = true;
    CHECK(next(0).what == PLAN_WORKER_REGISTER);
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    plan_worker_sent(&p, OK, RESULT_OK, 12, 0);
    CHECK(next(0).what == PLAN_WORKER_NOTHING); /* the view is of a height before */
    v.chain.height = 12;
    registered();
    CHECK(next(0).what == PLAN_WORKER_NOTHING && plan_worker_trouble(&p, &v)[0] == '\0');
}

static void one_that_is_known_is_not_registered_again(void **unused)
{
    (void)unused;
    registered();
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    v.worker.account[0] ^= 1;
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    CHECK(strstr(plan_worker_trouble(&p, &v), "another account") != NULL);
}

static void evidence_that_is_old_or_of_another_session_is_made_anew(void **unused)
{
    for (int i = 0; i < 3; i++) {
        setup(unused);
        CHECK(next(0).what == PLAN_WORKER_ASK_EVIDENCE);
        plan_worker_evidence(&p, key, OK, "", 0);
        memcpy(v.node.worker, key, 32);
        v.worker_asked = true;
        if (i == 0)
            v.chain.height = 10 + v.params.evidence_max_age_blocks / 2;
        if (i == 1)
            v.node_session++;
        if (i == 2)
            v.chain.height = 9; /* a fork back: that block may be another one now */
        CHECK(next(0).what == PLAN_WORKER_ASK_EVIDENCE);
    }
    setup(unused);
    v.chain.height = 0; /* there is no block to bind */
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
}

/* A hardware worker at block 1000, second 100000, attested at block 400, good for so many seconds
 * more. */
static void attested(uint64_t left_s)
{
    registered();
    v.chain.height = 1000;
    v.chain.time_ms = 100000ULL * 1000;
    v.chain.block_ms = 6000;
    v.params.attest_valid_s = 7200;
    v.worker.evidence_block = 400;
    v.worker.attested_at = 401;
    v.worker.expires_at = 100000 + left_s;
    v.worker.lapsed = v.worker.faulted = false;
}

static void an_attestation_is_renewed_before_it_lapses(void **unused)
{
    (void)unused;
    attested(3601);
    CHECK(!plan_worker_renews(&v) && next(0).what == PLAN_WORKER_NOTHING);
    attested(3600); /* half of the time is over */
    CHECK(plan_worker_renews(&v));
    CHECK(next(0).what == PLAN_WORKER_ASK_EVIDENCE && p.evidence_height == 1000);
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    plan_worker_evidence(&p, key, OK, "", 0);
    CHECK(next(0).what == PLAN_WORKER_ATTEST);
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    plan_worker_sent(&p, OK, RESULT_OK, 1002, 0);
    CHECK(next(0).what == PLAN_WORKER_NOTHING); /* until that block is seen */
    attested(7200);
    v.chain.height = 1002;
    v.worker.evidence_block = 1000;
    CHECK(next(0).what == PLAN_WORKER_NOTHING && p.state == PLAN_WORKER_IDLE);
}

static void when_there_is_nothing_to_renew(void **unused)
{
    (void)unused;
    attested(100);
    v.worker.expires_at = 0; /* software does not lapse */
    CHECK(!plan_worker_renews(&v));
    attested(100);
    v.worker.faulted = true;
    CHECK(!plan_worker_renews(&v));
    attested(100);
    v.worker.evidence_block = 1000; /* evidence must name a later block than the last */
    CHECK(!plan_worker_renews(&v));
    v.worker.lapsed = true;
    CHECK(!plan_worker_renews(&v));
    attested(100);
    v.worker.account[0] ^= 1;
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    /* A document that lapses soon keeps a fresh attestation short: it rests 300 s, 50 blocks. */
    attested(100);
    v.worker.evidence_block = 1000 - 49;
    CHECK(!plan_worker_renews(&v));
    v.worker.evidence_block = 1000 - 50;
    CHECK(plan_worker_renews(&v));
}

static void a_lapsed_worker_tries_and_says_why_not(void **unused)
{
    (void)unused;
    attested(0);
    v.worker.lapsed = true;
    v.worker.evidence_block = 999;
    CHECK(strstr(plan_worker_trouble(&p, &v), "lapsed") != NULL);
    CHECK(next(0).what == PLAN_WORKER_ASK_EVIDENCE);
    plan_worker_evidence(&p, key, ERR_TIMEOUT, "no quote service", 0);
    CHECK(strcmp(plan_worker_trouble(&p, &v), "no quote service") == 0);
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    /* A deposit that is missing has its turn, then the evidence again. */
    v.worker.deposit = AMOUNT_ZERO;
    CHECK(next(60000).what == PLAN_WORKER_DEPOSIT);
    plan_worker_sent(&p, OK, RESULT_OK, 1000, 60000);
    CHECK(next(60000).what == PLAN_WORKER_ASK_EVIDENCE);
    plan_worker_evidence(&p, key, OK, "", 60000);
    CHECK(next(60000).what == PLAN_WORKER_ATTEST);
    plan_worker_sent(&p, OK, RESULT_EVIDENCE_POLICY, 1001, 60000);
    CHECK(strcmp(plan_worker_trouble(&p, &v), result_text(RESULT_EVIDENCE_POLICY)) == 0);
    v.chain.height = 1001;
    CHECK(next(60001).what == PLAN_WORKER_NOTHING);
}

static void evidence_that_every_node_would_refuse_costs_no_fee(void **unused)
{
    (void)unused;
    static uint8_t quote[8192], bytes[9000];
    struct writer w = writer_of(bytes, sizeof(bytes));
    attest_evidence_encode(&w, "software", span_of(quote, 64));
    CHECK(evidence_trouble(writer_span(&w))[0] == '\0');
    CHECK(strstr(evidence_trouble(span_of(bytes, w.len - 1)), "not evidence") != NULL);
    w = writer_of(bytes, sizeof(bytes));
    attest_evidence_encode(&w, "snp", span_of(quote, 1184));
    CHECK(strstr(evidence_trouble(writer_span(&w)), "certificate") != NULL);
    w = writer_of(bytes, sizeof(bytes));
    attest_evidence_encode(&w, "tdx", span_of(quote, 5000));
    CHECK(strstr(evidence_trouble(writer_span(&w)), "form") != NULL);
    static const struct {
        const char *name, *kind, *says;
    } rows[] = {
        { "sgx/oasis_v3_certtype3.quote.bin", "sgx", "PCCS" },
        { "sgx/raiko_gramine_v3.quote.bin", "sgx", "" },
        { "tdx/gotdx_v5.quote.bin", "tdx", "" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "tests/vectors/attest/%s", rows[i].name);
        FILE *f = fopen(path, "rb");
        CHECK(f != NULL);
        size_t n = fread(quote, 1, sizeof(quote), f);
        fclose(f);
        w = writer_of(bytes, sizeof(bytes));
        attest_evidence_encode(&w, rows[i].kind, span_of(quote, n));
        CHECK_OK(w.err);
        const char *said = evidence_trouble(writer_span(&w));
        CHECK(rows[i].says[0] == '\0' ? said[0] == '\0' : strstr(said, rows[i].says) != NULL);
    }
}

static void without_money_it_waits_and_says_so(void **unused)
{
    (void)unused;
    v.money.usable = v.params.worker_deposit; /* nothing for fees */
    CHECK(next(0).what == PLAN_WORKER_ASK_EVIDENCE);
    plan_worker_evidence(&p, key, OK, "", 0);
    memcpy(v.node.worker, key, 32);
    v.worker_asked = true;
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    CHECK(strstr(plan_worker_trouble(&p, &v), "deposit is 1 CRU") != NULL);
    v.money.usable = AMOUNT_OF(2 * v.params.worker_deposit.units);
    CHECK(next(PLAN_WORKER_PAUSE_MS).what == PLAN_WORKER_REGISTER);
    plan_worker_sent(&p, OK, RESULT_OK, 10, 0);
    rules.reserve = v.money.usable;
    p.state = PLAN_WORKER_READY;
    p.session = v.node_session;
    CHECK(next(PLAN_WORKER_PAUSE_MS).what == PLAN_WORKER_NOTHING);
}

static void failures_pause_longer_and_longer(void **unused)
{
    (void)unused;
    uint64_t now = 0, pause = PLAN_WORKER_PAUSE_MS;
    for (int i = 0; i < 9; i++) {
        CHECK(next(now).what == PLAN_WORKER_ASK_EVIDENCE);
        plan_worker_evidence(&p, key, ERR_CLOSED, "it is away", now);
        CHECK(strcmp(plan_worker_trouble(&p, &v), "it is away") == 0);
        CHECK(next(now + pause - 1).what == PLAN_WORKER_NOTHING);
        now += pause;
        pause = pause * 2 < PLAN_WORKER_PAUSE_MAX_MS ? pause * 2 : PLAN_WORKER_PAUSE_MAX_MS;
    }
    static const uint32_t refusals[] = { RESULT_EVIDENCE_BAD, RESULT_EVIDENCE_OLD,
                                         RESULT_EVIDENCE_POLICY, RESULT_PLATFORM_FULL,
                                         RESULT_INSUFFICIENT_BALANCE };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        setup(unused);
        next(0);
        plan_worker_evidence(&p, key, OK, "", 0);
        v.worker_asked = true;
        CHECK(next(0).what == PLAN_WORKER_REGISTER);
        plan_worker_sent(&p, OK, refusals[i], 10, 0);
        CHECK(strcmp(plan_worker_trouble(&p, &v), result_text(refusals[i])) == 0);
        CHECK(next(0).what == PLAN_WORKER_NOTHING);
        CHECK(next(PLAN_WORKER_PAUSE_MS).what == PLAN_WORKER_ASK_EVIDENCE);
    }
}

static void deposits_are_kept_full(void **unused)
{
    (void)unused;
    registered();
    v.worker.deposit = AMOUNT_OF(v.params.worker_deposit.units / 4);
    v.worker.debt = AMOUNT_OF(5);
    struct plan_worker_effect f = next(0);
    CHECK(f.what == PLAN_WORKER_DEPOSIT);
    CHECK(f.amount.units == v.params.worker_deposit.units / 4 * 3 + 5);
    plan_worker_sent(&p, ERR_TIMEOUT, 0, 0, 0);
    rules.top_up = false;
    rules.collateral = AMOUNT_OF(1000);
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    f = next(PLAN_WORKER_PAUSE_MS);
    CHECK(f.what == PLAN_WORKER_COLLATERAL && f.amount.units == 1000);
    plan_worker_sent(&p, OK, RESULT_OK, 10, 0);
    v.money.held_merchant = AMOUNT_OF(1000);
    CHECK(next(PLAN_WORKER_PAUSE_MS).what == PLAN_WORKER_NOTHING);
    v.worker.faulted = true;
    rules.top_up = true; /* a faulted worker gets no more money */
    CHECK(next(PLAN_WORKER_PAUSE_MS).what == PLAN_WORKER_NOTHING);
}

static void the_gateway_is_told_to_others(void **unused)
{
    (void)unused;
    struct tx_urls urls;
    registered();
    CHECK(next(0).what == PLAN_WORKER_NOTHING); /* crust-ipfsd names none */
    snprintf(v.gateway, sizeof(v.gateway), "http://me");
    CHECK(next(0).what == PLAN_WORKER_URLS);
    CHECK(plan_urls_make(&urls, &v) && urls.count == 1);
    plan_worker_sent(&p, OK, RESULT_OK, 10, 0);
    v.money.url_count = 4;
    for (int i = 0; i < 4; i++)
        snprintf(v.money.urls[i], sizeof(v.money.urls[i]), "http://%d", i);
    CHECK(next(0).what == PLAN_WORKER_URLS);
    CHECK(plan_urls_make(&urls, &v) && urls.count == 4);
    CHECK(span_eq(urls.urls[0], span_str("http://1")) &&
          span_eq(urls.urls[3], span_str("http://me")));
    plan_worker_sent(&p, OK, RESULT_OK, 10, 0);
    snprintf(v.money.urls[2], sizeof(v.money.urls[2]), "http://me");
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
    snprintf(v.money.urls[2], sizeof(v.money.urls[2]), "http://2");
    v.money.usable = AMOUNT_ZERO;
    CHECK(next(0).what == PLAN_WORKER_NOTHING);
}

/* ---- room ---- */

static struct plan_room room;
static struct plan_room_rules share;

static void disk(uint64_t free, uint64_t srd)
{
    memset(&room, 0, sizeof(room));
    share = (struct plan_room_rules){ .srd_percent = 100, .slack = 100 * mib };
    registered();
    v.work_known = true;
    v.node.disk_count = 1;
    snprintf(v.node.disks[0].state, sizeof(v.node.disks[0].state), "ok");
    v.node.disks[0].free = free;
    v.node.extent_bytes = srd;
}

static struct plan_room_effect room_next(uint64_t need, uint64_t now)
{
    return plan_room_next(&room, &v, &share, need, now);
}

static void free_space_is_filled_beside_the_slack(void **unused)
{
    (void)unused;
    uint64_t extent = v.params.srd_extent_size;
    disk(100 * mib + 3 * extent + 1, 0);
    struct plan_room_effect f = room_next(0, 0);
    CHECK(f.what == PLAN_ROOM_FILL && f.bytes == 3 * extent);
    CHECK(room_next(0, 0).what == PLAN_ROOM_NOTHING); /* one at a time */
    plan_room_done(&room, &v, ERR_FULL, 0, 0);
    CHECK(room_next(0, 1).what == PLAN_ROOM_NOTHING);
    CHECK(room_next(0, PLAN_ROOM_RETRY_MS).what == PLAN_ROOM_FILL);
    disk(100 * mib + extent - 1, 0);
    CHECK(room_next(0, 0).what == PLAN_ROOM_NOTHING);
    disk(100 * mib + 1000 * extent, 0);
    CHECK(room_next(0, 0).bytes == PLAN_ROOM_BATCH * extent);
    disk(100 * mib + 2 * extent, 8 * extent);
    share.srd_percent = 80; /* of ten: eight are there */
    CHECK(room_next(0, 0).what == PLAN_ROOM_NOTHING);
    share.srd_percent = 90;
    CHECK(room_next(0, 0).bytes == extent);
    disk(100 * mib + 4 * extent, 0);
    CHECK(room_next(2 * extent, 0).bytes == 2 * extent); /* orders wait for the rest */
    disk(100 * mib + 4 * extent, 0);
    v.worker_known = false;
    CHECK(room_next(0, 0).what == PLAN_ROOM_NOTHING);
}

/* Behind the chain, or beside it: it must not go on, and it says so. Ahead is a step under way. */
static void an_old_copy_of_the_enclave_is_a_fork(void **unused)
{
    (void)unused;
    registered();
    v.work_known = true;
    v.worker.deposit = AMOUNT_ZERO;
    v.node.seq = v.work.volumes.seq = 4;
    memset(v.node.s, 9, 32);
    memset(v.work.state, 9, 32);
    CHECK(!view_is_fork(&v) && view_can_report(&v));
    v.node.seq = 5;
    v.node.s[0]++;
    CHECK(!view_is_fork(&v) && plan_worker_trouble(&p, &v)[0] == '\0');
    v.node.seq = 4;
    CHECK(view_is_fork(&v) && !view_can_report(&v));
    CHECK(strstr(plan_worker_trouble(&p, &v), "old copy") != NULL);
    CHECK(next(0).what == PLAN_WORKER_NOTHING); /* no money goes into it */
    v.node.s[0]--;
    v.node.seq = 3;
    CHECK(view_is_fork(&v));
    v.node_fresh = false; /* what is read now may be newer */
    CHECK(!view_is_fork(&v));
}

static void extents_are_given_up_for_orders_once(void **unused)
{
    (void)unused;
    uint64_t extent = v.params.srd_extent_size;
    disk(100 * mib, 8 * extent);
    v.work.volumes.seq = v.node.seq = 4;
    CHECK(room_next(0, 0).what == PLAN_ROOM_NOTHING); /* nobody needs it */
    struct plan_room_effect f = room_next(extent + 1, 0);
    CHECK(f.what == PLAN_ROOM_RELEASE && f.bytes == 2 * extent);
    plan_room_done(&room, &v, OK, f.bytes, 0);
    /* The space comes with the next accepted step; neither given up twice nor filled again. */
    CHECK(room_next(extent + 1, 0).what == PLAN_ROOM_NOTHING);
    v.node.disks[0].free = 100 * mib + 6 * extent;
    CHECK(room_next(0, 0).what == PLAN_ROOM_NOTHING);
    v.node.disks[0].free = 100 * mib;
    v.work.volumes.seq = v.node.seq = 5;
    CHECK(room_next(extent + 1, 0).what == PLAN_ROOM_RELEASE);
    disk(100 * mib, 0);
    CHECK(room_next(extent, 0).what == PLAN_ROOM_NOTHING); /* nothing to give up */
    disk(100 * mib, extent);
    CHECK(room_next(5 * extent, 0).bytes == extent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_worker_is_registered, setup),
        cmocka_unit_test_setup(one_that_is_known_is_not_registered_again, setup),
        cmocka_unit_test_setup(evidence_that_is_old_or_of_another_session_is_made_anew, setup),
        cmocka_unit_test_setup(an_attestation_is_renewed_before_it_lapses, setup),
        cmocka_unit_test_setup(when_there_is_nothing_to_renew, setup),
        cmocka_unit_test_setup(a_lapsed_worker_tries_and_says_why_not, setup),
        cmocka_unit_test_setup(evidence_that_every_node_would_refuse_costs_no_fee, setup),
        cmocka_unit_test_setup(without_money_it_waits_and_says_so, setup),
        cmocka_unit_test_setup(failures_pause_longer_and_longer, setup),
        cmocka_unit_test_setup(deposits_are_kept_full, setup),
        cmocka_unit_test_setup(the_gateway_is_told_to_others, setup),
        cmocka_unit_test_setup(free_space_is_filled_beside_the_slack, setup),
        cmocka_unit_test_setup(an_old_copy_of_the_enclave_is_a_fork, setup),
        cmocka_unit_test_setup(extents_are_given_up_for_orders_once, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
