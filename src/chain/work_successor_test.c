/* One worker takes another's place, on a whole chain in memory: what moves, and all that is
 * refused. Spec: docs/spec/work.md 11. */
#include "chain/testops.h"
#include "chain/work_store.h"
#include "codec/succession.h"

static struct world world;
static struct tworker old, new;
static struct ed25519_key exchange_seed;
static uint8_t evidence[ATTEST_SOFTWARE_MAX];

static bool is(enum tx_result got, enum tx_result wanted)
{
    if (got != wanted)
        print_message("%s, not %s\n", result_name(got), result_name(wanted));
    return got == wanted;
}

static int setup(void **state)
{
    (void)state;
    tw_start(&world, "\"worker_deposit\":\"1000000\"");
    tw_init(&old, &world, 0, 'o');
    tw_init(&new, &world, 0, 'n');
    world_seed(&exchange_seed, 'x', 1);
    CHECK(is(tw_register(&old, &world), RESULT_OK));
    return 0;
}

static void sign_both(struct tx_worker_succeed *s, const uint8_t *account)
{
    uint8_t hash[32];
    const struct succession of = { world.chain_hash, account, s->predecessor, s->worker };
    succession_given(hash, &of);
    ed25519_sign(s->given, span_of(hash, 32), &old.m.key);
    succession_taken(hash, &of);
    ed25519_sign(s->taken, span_of(hash, 32), &new.m.key);
}

static void bind(struct tx_worker_succeed *s, const uint8_t *account)
{
    uint8_t hash[32] = { (uint8_t)s->block };
    const struct attest_binding b = {
        .worker = s->worker,
        .account = account,
        .chain = world.chain_hash,
        .release_id = s->release,
        .block_hash = hash,
        .predecessor = s->predecessor,
        .exchange = s->exchange,
    };
    struct writer out = writer_of(evidence, sizeof(evidence));
    attest_software_encode(&out, &b, &new.m.key);
    CHECK_OK(out.err);
    s->evidence = writer_span(&out);
}

/* The honest transaction of an account. */
static struct tx_call succession(const uint8_t *account)
{
    struct tx_call call = { .kind = TX_WORKER_SUCCEED };
    struct tx_worker_succeed *s = &call.worker_succeed;
    s->block = world.chain.height;
    memcpy(s->worker, new.m.key.public_key, 32);
    memcpy(s->predecessor, old.m.key.public_key, 32);
    memcpy(s->exchange, exchange_seed.public_key, 32);
    attest_release_id(s->release, span_str("test"));
    sign_both(s, account);
    bind(s, account);
    return call;
}

static void check_refused(const struct tx_call *call, size_t account, enum tx_result expected)
{
    struct work_worker w;
    CHECK(is(tw_do(&world, account, call), expected));
    CHECK(work_get(&world.chain.ledger, &w, old.m.key.public_key));
    CHECK(memcmp(w.worker, old.m.key.public_key, 32) == 0);
}

static void test_the_successor_stands_for_the_lineage(void **state)
{
    (void)state;
    struct work_worker before, after;
    struct work_platform p;
    struct work_totals totals;
    CHECK(work_get(&world.chain.ledger, &before, old.m.key.public_key));
    const struct tx_call call = succession(old.account_key);
    CHECK(is(tw_do(&world, 0, &call), RESULT_OK));
    CHECK(work_get(&world.chain.ledger, &after, new.m.key.public_key));
    CHECK(memcmp(after.worker, new.m.key.public_key, 32) == 0);
    CHECK(memcmp(after.lineage, before.lineage, 32) == 0);
    CHECK(amount_cmp(after.deposit, before.deposit) == 0 && after.next_slot == before.next_slot);
    CHECK(work_get(&world.chain.ledger, &after, old.m.key.public_key)); /* the name stays */
    CHECK(memcmp(after.worker, new.m.key.public_key, 32) == 0);
    work_get_totals(&world.chain.ledger, &totals);
    CHECK(totals.workers == 1);
    work_get_platform(&world.chain.ledger, &p, before.platform);
    CHECK(p.workers == 0 && p.bytes == 0);
    work_get_platform(&world.chain.ledger, &p, after.platform);
    CHECK(p.workers == 1 && p.bytes == after.bytes);
}

static void test_what_is_refused_of_the_parties(void **state)
{
    (void)state;
    struct tx_call call = succession(world.keys[1].public_key);
    check_refused(&call, 1, RESULT_WORKER_NOT_YOURS);
    call = succession(old.account_key);
    call.worker_succeed.predecessor[0] ^= 1;
    check_refused(&call, 0, RESULT_WORKER_UNKNOWN);
    call = succession(old.account_key);
    memcpy(call.worker_succeed.worker, old.m.key.public_key, 32);
    check_refused(&call, 0, RESULT_WORKER_EXISTS);
    call = succession(old.account_key);
    call.worker_succeed.given[5] ^= 1;
    check_refused(&call, 0, RESULT_SUCCESSION_SIGNATURE);
    call = succession(old.account_key);
    call.worker_succeed.taken[5] ^= 1;
    check_refused(&call, 0, RESULT_SUCCESSION_SIGNATURE);
    call = succession(old.account_key);
    memcpy(call.worker_succeed.given, call.worker_succeed.taken, 64); /* one for the other */
    check_refused(&call, 0, RESULT_SUCCESSION_SIGNATURE);
    call = succession(old.account_key);
    CHECK(is(tw_do(&world, 0, &call), RESULT_OK));
    CHECK(is(tw_do(&world, 0, &call), RESULT_WORKER_EXISTS)); /* replayed */
}

static void test_what_is_refused_of_the_evidence(void **state)
{
    (void)state;
    struct tx_call call = succession(old.account_key);
    call.worker_succeed.exchange[0] ^= 1;
    check_refused(&call, 0, RESULT_EVIDENCE_BAD);
    call = succession(old.account_key);
    call.worker_succeed.release[0] ^= 1;
    check_refused(&call, 0, RESULT_EVIDENCE_BAD);
    call = succession(old.account_key);
    call.worker_succeed.block += 5; /* a block that is not there yet */
    check_refused(&call, 0, RESULT_EVIDENCE_OLD);
    uint8_t room[ATTEST_SOFTWARE_MAX];
    const struct tx_call plain = tw_registration(&new, &world, world.chain.height, room);
    call = succession(old.account_key);
    call.worker_succeed.block = plain.worker_register.block;
    call.worker_succeed.evidence = plain.worker_register.evidence;
    check_refused(&call, 0, RESULT_EVIDENCE_BAD); /* that of a worker alone */
    struct tx_call alone = plain;
    const struct tx_call good = succession(old.account_key);
    alone.worker_register.block = good.worker_succeed.block;
    alone.worker_register.evidence = good.worker_succeed.evidence;
    CHECK(is(tw_do(&world, 0, &alone), RESULT_EVIDENCE_BAD)); /* and the other way round */
}

static void test_a_closed_worker_has_no_second_successor(void **state)
{
    (void)state;
    struct tx_call call = succession(old.account_key);
    CHECK(is(tw_do(&world, 0, &call), RESULT_OK));
    tw_init(&new, &world, 0, 'm'); /* a rolled back enclave hands over to another */
    call = succession(old.account_key);
    CHECK(is(tw_do(&world, 0, &call), RESULT_WORKER_CLOSED));
}

static void test_a_faulted_worker_has_no_successor(void **state)
{
    (void)state;
    struct work_worker w;
    CHECK(work_get(&world.chain.ledger, &w, old.m.key.public_key));
    w.faulted = true;
    work_put(&world.chain.ledger, &w);
    const struct tx_call call = succession(old.account_key);
    check_refused(&call, 0, RESULT_WORKER_FAULTED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(test_the_successor_stands_for_the_lineage),
        T(test_what_is_refused_of_the_parties),
        T(test_what_is_refused_of_the_evidence),
        T(test_a_closed_worker_has_no_second_successor),
        T(test_a_faulted_worker_has_no_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
