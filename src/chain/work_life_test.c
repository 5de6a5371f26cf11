/* Workers doing anything at all for many slots, with every sum of the records checked after each.
 */
#include "base/check.h"
#include "base/prng.h"
#include "chain/testops.h"
#include "chain/work_store.h"

enum { WORKERS = 3, FILES = 10, SLOTS = 60, ORDERS = 2 * FILES };

static struct world w;
static struct tworker workers[WORKERS];
static uint8_t orders[ORDERS][32];
static struct prng g;

/* What has happened at all: a test that never gets there would prove nothing. */
static struct {
    int verified;
    int multiplied;
    int absent;
    int suspended;
    int returning;
    int dropped;
    int debt;
} seen;

static bool chance(uint64_t percent)
{
    return prng_below(&g, 100) < percent;
}

/* What is recorded of one worker against what follows from orders and trees. */
struct sums {
    u128 file_bytes;
    u128 srd_bytes;
    u128 power;
};

static void note_seen(const struct tworker *t, const struct work_worker *rec)
{
    seen.absent += rec->absent;
    seen.suspended += rec->suspended != 0;
    seen.debt += !amount_is_zero(rec->debt);
    for (int v = 0; v < MODEL_VOLUMES; v++) {
        seen.returning += rec->disks[v].return_from != 0;
        seen.dropped += t->m.state.volumes[v].generation != 0;
    }
}

static void check_replicas(const struct work_worker *rec)
{
    struct ledger *l = &w.chain.ledger;
    uint64_t power[WORK_VOLUMES] = { 0 };
    u128 rate = 0;
    for (size_t i = 0; i < ORDERS; i++) {
        struct market_order o;
        struct market_replica r;
        if (!market_order(l, &o, orders[i]) || !market_replica(l, &r, orders[i], rec->lineage))
            continue;
        if (r.generation == rec->disks[r.volume].incarnation)
            power[r.volume] += r.power;
        if (r.paid)
            rate += market_rate(&o).units;
        seen.verified += r.verified;
        seen.multiplied += r.power > o.size;
    }
    for (int v = 0; v < WORK_VOLUMES; v++)
        CHECK(rec->disks[v].power == power[v]);
    CHECK(rec->rate.units == rate);
}

static void check_worker(const struct tworker *t, struct sums *sums)
{
    static const uint8_t none[32];
    struct ledger *l = &w.chain.ledger;
    struct work_worker rec = tw_record(t, &w);
    note_seen(t, &rec);
    check_replicas(&rec);
    for (uint32_t i = 0; i < FILES; i++) {
        struct work_leaf leaf;
        if (work_get_leaf(l, &leaf, rec.lineage, &tw_files[i].leaf.key) &&
            memcmp(leaf.order, none, 32) != 0)
            sums->file_bytes += leaf.size;
    }
    struct work_state s;
    uint8_t stored[32];
    uint8_t own[32];
    CHECK(work_get_state(l, &s, rec.lineage));
    work_state_hash(stored, &s);
    work_state_hash(own, &t->m.state);
    CHECK(memcmp(stored, own, 32) == 0);
    sums->srd_bytes += draw_total(&s, 0, true);
    sums->power += rec.power;
    struct account a;
    CHECK(accounts_get(l, &a, t->account_key));
    CHECK(amount_cmp(a.held[HOLD_WORKER], rec.deposit) == 0);
}

static void check_all(void)
{
    struct sums sums = { 0 };
    struct work_totals totals;
    for (int i = 0; i < WORKERS; i++)
        check_worker(&workers[i], &sums);
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.file_bytes == sums.file_bytes);
    CHECK(totals.srd_bytes == sums.srd_bytes);
    CHECK(totals.power == sums.power);
    tw_sound(&w);
}

static bool holds(const struct tworker *t, uint8_t volume, uint32_t index)
{
    const struct model_tree *f = &t->m.files[volume];
    uint32_t at = model_lower_bound(f, index);
    return at < f->count && f->leaves[at].index == index;
}

static void random_op(struct tworker *t)
{
    uint8_t volume = (uint8_t)prng_below(&g, MODEL_VOLUMES);
    uint32_t index = (uint32_t)prng_below(&g, 12);
    const struct model_tree *f = &t->m.files[volume];
    if (chance(4)) {
        tw_drop(t, volume);
    } else if (chance(15)) {
        uint32_t at = model_lower_bound(&t->m.srd[volume], index);
        if (at == t->m.srd[volume].count || t->m.srd[volume].leaves[at].index != index)
            tw_add_extent(t, volume, index, (uint32_t)prng_below(&g, 50));
    } else if (holds(t, volume, index)) {
        tw_remove_file(t, volume, index, f->leaves[model_lower_bound(f, index)].id);
    } else {
        tw_add_file(t, volume, index, (uint32_t)prng_below(&g, FILES));
    }
}

/* One report with anything in it; always one that the chain takes. */
static void random_report(struct tworker *t)
{
    struct work_worker rec = tw_record(t, &w);
    uint8_t returning = REPORT_NO_VOLUME;
    for (uint8_t v = 0; v < MODEL_VOLUMES; v++)
        if ((rec.suspended >> v & 1) != 0 && chance(60))
            returning = v;
    tw_begin(t, &w, returning);
    for (uint32_t e = 0; e < t->a.entry_count; e++)
        for (uint32_t k = 0; k < t->a.entries[e].count; k++)
            if (chance(2))
                t->a.entries[e].answers[k].miss = true;
    if (chance(4))
        t->a.failed = (uint16_t)prng_below(&g, 8);
    if (chance(4))
        t->a.suspend_volume = (uint8_t)prng_below(&g, MODEL_VOLUMES);
    for (uint64_t ops = prng_below(&g, 4); ops > 0; ops--)
        random_op(t);
    enum tx_result r = tw_send(t, &w, tw_finish(t));
    if (r != RESULT_OK)
        print_message("refused: %s\n", result_name(r));
    CHECK(r == RESULT_OK);
}

/* Even numbers carry the data_root, odd ones do not. */
static void random_order(void)
{
    uint32_t i = (uint32_t)prng_below(&g, ORDERS);
    struct market_order o;
    if (market_order(&w.chain.ledger, &o, orders[i]))
        return;
    uint8_t id[32];
    tw_order(&w, 3, i / 2, i % 2 == 0, id);
    CHECK(memcmp(id, orders[i], 32) == 0);
}

static void start(void)
{
    tw_start(&w, "\"slot_blocks\":\"20\",\"report_blocks\":\"16\",\"absence_slots\":\"4\","
                 "\"file_duration_blocks\":\"160\",\"power_ready_blocks\":\"30\","
                 "\"claim_settle_slots\":\"3\",\"worker_deposit\":\"1000000\"");
    for (uint32_t i = 0; i < FILES; i++) {
        const struct report_file *f = &tw_files[i].leaf;
        model_file_make(&tw_files[i], i + 1, 1 + i % MODEL_BLOCKS, 600 + 350 * i);
        market_order_id(orders[2 * i], &f->key, f->size, f->data_root);
        market_order_id(orders[2 * i + 1], &f->key, f->size, NULL);
    }
    for (int i = 0; i < WORKERS; i++) {
        tw_init(&workers[i], &w, (size_t)i, 'T');
        CHECK(tw_register(&workers[i], &w) == RESULT_OK);
    }
}

static void live(uint64_t seed)
{
    prng_init(&g, seed);
    start();
    for (uint64_t slot = 1; slot <= SLOTS; slot++) {
        tw_to(&w, slot, 1);
        for (int n = 0; n < 3; n++)
            if (chance(50))
                random_order();
        for (int i = 0; i < WORKERS; i++) {
            /* Sometimes silent, now and then for so long that the replicas end. */
            if (chance(15) || (i == (int)(slot / 12 % 4) && slot % 12 < 6))
                continue;
            for (uint64_t reports = 1 + prng_below(&g, 3); reports > 0; reports--)
                random_report(&workers[i]);
        }
        check_all();
    }
}

static void any_life_keeps_the_sums(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= (check_soak() ? 40u : 1u); seed++) {
        print_message("seed %u\n", (unsigned)seed);
        live(seed);
    }
    print_message("verified %d, multiplied %d, absent %d, suspended %d, debt %d\n", seen.verified,
                  seen.multiplied, seen.absent, seen.suspended, seen.debt);
    CHECK(seen.verified > 0 && seen.multiplied > 0 && seen.absent > 0 && seen.suspended > 0);
    CHECK(seen.returning > 0 && seen.dropped > 0 && seen.debt > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(any_life_keeps_the_sums) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
