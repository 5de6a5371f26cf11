/* The life of workers on a whole chain in memory. */
#include "chain/work.h"

#include "base/check.h"
#include "chain/testops.h"

static struct world w;
static struct tworker t;
static struct tworker u;

static void begin(const char *params)
{
    tw_start(&w, params);
    tw_files_make();
    tw_init(&t, &w, 1, 'T');
    tw_init(&u, &w, 2, 'U');
}

static void registration_binds_and_happens_once(void **state)
{
    (void)state;
    uint8_t room[ATTEST_SOFTWARE_MAX];
    begin("");
    struct tx_call call = tw_registration(&t, &w, w.chain.height, room);
    /* A copy by another account, another block, another release, too old a block. */
    CHECK(tw_do(&w, 2, &call) == RESULT_EVIDENCE_BAD);
    call.worker_register.block--;
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_BAD);
    call.worker_register.block = w.chain.height + 1;
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_OLD);
    call = tw_registration(&t, &w, w.chain.height, room);
    call.worker_register.release[0] ^= 1;
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_BAD);
    struct amount before = world_free(&w, t.account_key);
    CHECK(tw_register(&t, &w) == RESULT_OK);
    CHECK(before.units - world_free(&w, t.account_key).units >=
          w.chain.params.worker_deposit.units);
    CHECK(tw_register(&t, &w) == RESULT_WORKER_EXISTS);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(memcmp(rec.lineage, t.m.key.public_key, 32) == 0);
    CHECK(amount_cmp(rec.deposit, w.chain.params.worker_deposit) == 0);
    struct work_totals totals;
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.workers == 1);
    struct work_worker found;
    const uint8_t none[32] = { 0 };
    CHECK(work_next(&w.chain.ledger, &found, none));
    CHECK(memcmp(found.worker, rec.worker, 32) == 0);
    CHECK(!work_next(&w.chain.ledger, &found, rec.lineage));
    tw_sound(&w);
}

static void old_evidence_and_forbidden_software_are_refused(void **state)
{
    (void)state;
    uint8_t room[ATTEST_SOFTWARE_MAX];
    begin("\"evidence_max_age_blocks\":\"20\"");
    struct tx_call call = tw_registration(&t, &w, 1, room);
    world_run_to(&w, 21);
    CHECK(tw_do(&w, 1, &call) == RESULT_EVIDENCE_OLD);
    call = tw_registration(&t, &w, 4, room);
    CHECK(tw_do(&w, 1, &call) == RESULT_OK);
    begin("\"allow_software\":\"false\"");
    CHECK(tw_register(&t, &w) == RESULT_EVIDENCE_POLICY);
}

static void deposits_stay_while_something_is_held(void **state)
{
    (void)state;
    begin("");
    tw_to(&w, 1, 1);
    CHECK(tw_register(&t, &w) == RESULT_OK);
    struct tx_call call = { .kind = TX_WORKER_DEPOSIT, .funds = { .amount = AMOUNT_OF(500) } };
    memcpy(call.funds.worker, t.m.key.public_key, 32);
    CHECK(tw_do(&w, 2, &call) == RESULT_WORKER_NOT_YOURS);
    CHECK(tw_do(&w, 1, &call) == RESULT_OK);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 0, 0, 7);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    call.kind = TX_WORKER_WITHDRAW;
    CHECK(tw_do(&w, 2, &call) == RESULT_WORKER_NOT_YOURS);
    CHECK(tw_do(&w, 1, &call) == RESULT_OK); /* what is above the required deposit */
    CHECK(tw_do(&w, 1, &call) == RESULT_WORKER_BUSY);
    call.funds.amount = AMOUNT_OF(w.chain.params.worker_deposit.units + 1);
    CHECK(tw_do(&w, 1, &call) == RESULT_NOT_HELD);
    call.funds.worker[0] ^= 1;
    CHECK(tw_do(&w, 1, &call) == RESULT_WORKER_UNKNOWN);
    tw_sound(&w);
}

/* Register, add, report over slots, mature, power and income. */
static void a_full_life(void **state)
{
    (void)state;
    uint8_t order[32];
    begin("\"srd_power_max_percent\":\"20\"");
    tw_to(&w, 1, 1);
    CHECK(tw_register(&t, &w) == RESULT_OK);
    tw_order(&w, 3, 0, true, order);
    CHECK(market_order_state(&w.chain.ledger, &(struct market_order){ 0 }) == ORDER_OPEN);

    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entry_count == 1 && t.a.entries[0].count == 0); /* nothing to draw from yet */
    tw_add_file(&t, 0, 0, 0);
    tw_add_file(&t, 1, 5, 1); /* nobody ordered it: void */
    tw_add_extent(&t, 0, 0, 3);
    tw_add_extent(&t, 1, 0, 4);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_leaf leaf;
    CHECK(work_get_leaf(&w.chain.ledger, &leaf, t.m.key.public_key, &tw_files[0].leaf.key));
    CHECK(leaf.volume == 0 && leaf.index == 0 && memcmp(leaf.order, order, 32) == 0);
    CHECK(!work_get_leaf(&w.chain.ledger, &leaf, t.m.key.public_key, &tw_files[1].leaf.key));
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.disks[0].answered == 1 && rec.disks[0].proven == 1 && rec.next_slot == 2);
    CHECK(tw_get_order(&w, order).replicas == 0);
    CHECK(rec.power == 0 && rec.disks[0].srd_proven == 0);

    tw_to(&w, 2, 2);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entry_count == 1 && t.a.entries[0].count == 4);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_report_now(&t, &w) == RESULT_OK); /* a later one, without draws */
    tw_to(&w, 3, 1);
    CHECK(tw_get_order(&w, order).replicas == 1); /* verified in the window of slot 2 */
    rec = tw_record(&t, &w);
    CHECK(rec.disks[0].power == tw_files[0].leaf.size && rec.disks[1].power == 0);
    CHECK(rec.disks[0].srd_proven == SRD_ROW_SIZE);
    /* SRD is at most 20 % of the whole: a quarter of the files'. */
    CHECK(rec.power == tw_files[0].leaf.size + tw_files[0].leaf.size / 4);
    CHECK(rec.rate.units != 0);
    struct work_totals totals;
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.power == rec.power && totals.srd_bytes == 2 * SRD_ROW_SIZE);
    CHECK(totals.file_bytes == tw_files[0].leaf.size);
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    tw_sound(&w);

    /* Removing it ends the replica. */
    tw_to(&w, 4, 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_remove_file(&t, 0, 0, 0);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_to(&w, 5, 1);
    CHECK(tw_get_order(&w, order).replicas_all == 0);
    CHECK(!work_get_leaf(&w.chain.ledger, &leaf, t.m.key.public_key, &tw_files[0].leaf.key));
    rec = tw_record(&t, &w);
    CHECK(rec.power == 0 && amount_is_zero(rec.rate) && rec.disks[0].power == 0);
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.file_bytes == 0 && totals.power == 0);
    tw_sound(&w);
}

static void grown(const char *params, uint8_t order[32])
{
    begin(params);
    tw_grow(&t, &w, order);
}

static void wrong_reports_are_refused_and_change_nothing(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    struct work_worker before = tw_record(&t, &w);
    const uint8_t zero[32] = { 0 };

    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.slot--;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_SLOT);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.beacon = zero;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_BEACON);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.chain = zero;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_ACCOUNT);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.worker = zero;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_WORKER_UNKNOWN);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.entries[0].count--;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_DRAWS);

    tw_to(&w, 4, 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entry_count == 2); /* slot 3 is owed */
    t.a.entries[0] = t.a.entries[1];
    t.a.entry_count = 1;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_DRAWS);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.entries[1].answers[0].j = 1;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_DRAWS);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.entries[0].slot--;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_DRAWS);

    /* Another account sends it, or is named in it. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    struct tx_call call = { .kind = TX_REPORT, .report = tw_finish(&t) };
    CHECK(tw_do(&w, 2, &call) == RESULT_REPORT_WRONG_ACCOUNT);
    tw_to(&w, 5, 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.account = w.keys[2].public_key;
    call.report = tw_finish(&t);
    CHECK(tw_do(&w, 2, &call) == RESULT_REPORT_WRONG_ACCOUNT);
    CHECK(tw_do(&w, 1, &call) == RESULT_REPORT_WRONG_ACCOUNT);
    /* Signed by someone else; a changed byte; not a report at all. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    struct ed25519_key own = t.m.key;
    t.a.worker = own.public_key;
    t.m.key = u.m.key;
    struct span forged = tw_finish(&t);
    t.m.key = own;
    CHECK(tw_send(&t, &w, forged) == RESULT_REPORT_SIGNATURE);
    call.report = span_of("\xa0", 1);
    CHECK(tw_do(&w, 1, &call) == RESULT_REPORT_MALFORMED);
    /* In the beacon window. */
    tw_to(&w, 5, 7);
    CHECK(tw_report_now(&t, &w) == RESULT_REPORT_WINDOW);
    struct work_worker after = tw_record(&t, &w);
    before.power = after.power; /* the queue has been worked off since */
    CHECK(memcmp(&before, &after, sizeof(before)) == 0);
    tw_sound(&w);
}

static void steps_follow_the_stored_state(void **state)
{
    (void)state;
    uint8_t order[32];
    static struct tworker saved;
    grown("", order);
    saved = t;
    /* A step whose S is another one. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 1, 1, 5);
    t.m.state.volumes[1].srd.root.sum++;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_ROOTS);
    /* A path of another tree. */
    t = saved;
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 1, 1, 5);
    t.m.ops[t.m.ops_size - 1] ^= 1;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_ROOTS);
    /* A sound one, and the same again: stale. */
    t = saved;
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 1, 1, 5);
    struct span sent = tw_finish(&t);
    uint8_t *copy = check_dup(sent.p, sent.n);
    CHECK(tw_send(&t, &w, sent) == RESULT_OK);
    CHECK(tw_send(&t, &w, span_of(copy, sent.n)) == RESULT_REPORT_WRONG_STATE);
    free(copy);
    /* A fork: what was before goes on its own way. */
    tw_begin(&saved, &w, REPORT_NO_VOLUME);
    tw_add_extent(&saved, 1, 2, 6);
    CHECK(tw_send(&saved, &w, tw_finish(&saved)) == RESULT_REPORT_WRONG_STATE);
    /* The same step in two attempts: the second meets a state that has moved on. */
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    tw_sound(&w);
}

/* What the mempool says of a report in the worker's next transaction. */
static struct chain_check admit(struct span report)
{
    struct tx tx = { .nonce = w.nonces[t.account],
                     .expiry = w.chain.height + 100,
                     .call = { .kind = TX_REPORT, .report = report } };
    struct chain_check out;
    struct span bytes;
    memcpy(tx.from, t.account_key, 32);
    memcpy(tx.chain, w.chain_hash, 32);
    CHECK_OK(tx_sign(&bytes, &tx, (struct mspan){ tw_room, sizeof(tw_room) }, &w.keys[t.account]));
    chain_check_tx(&w.chain, &out, bytes, false);
    return out;
}

static void a_false_opening_is_a_fault(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    struct amount treasury = world_free(&w, accounts_pot(POT_TREASURY));
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entries[0].answers[0].kind == REPORT_ANSWER_FILE);
    t.buffers[0].block[t.a.entries[0].answers[0].u.file.chunk.p - t.buffers[0].block] ^= 1;
    struct span report = tw_finish(&t);
    /* The mempool passes it on, as a first report. */
    struct chain_check admitted = admit(report);
    CHECK(admitted.code == RESULT_OK && admitted.priority == 2 && amount_is_zero(admitted.fee));
    CHECK(tw_send(&t, &w, report) == RESULT_FAULT);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.faulted && amount_is_zero(rec.deposit));
    CHECK(world_free(&w, accounts_pot(POT_TREASURY)).units - treasury.units >=
          w.chain.params.worker_deposit.units);
    CHECK(tw_report_now(&t, &w) == RESULT_REPORT_SUSPENDED);
    tw_to(&w, 4, 1);
    rec = tw_record(&t, &w);
    CHECK(rec.power == 0);
    CHECK(tw_get_order(&w, order).replicas_all == 0);
    struct work_leaf leaf;
    CHECK(!work_get_leaf(&w.chain.ledger, &leaf, t.m.key.public_key, &tw_files[8].leaf.key));
    tw_sound(&w);
}

static void a_miss_suspends_and_charges_the_whole_income(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    struct work_worker before = tw_record(&t, &w);
    CHECK(before.rate.units != 0);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    /* The miss is on the SRD volume; the income is the file volume's. */
    CHECK(t.a.entries[0].answers[2].kind == REPORT_ANSWER_SRD);
    t.a.entries[0].answers[2].miss = true;
    t.a.entries[0].answers[3].miss = true;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_worker after = tw_record(&t, &w);
    CHECK(after.suspended == 1 << 1);
    CHECK(before.deposit.units - after.deposit.units ==
          w.chain.params.miss_penalty_slots * before.rate.units);
    CHECK(after.disks[1].answered == before.disks[1].answered);
    CHECK(after.disks[0].answered == before.disks[0].answered + 1);
    tw_to(&w, 4, 1);
    after = tw_record(&t, &w);
    CHECK(after.power == tw_files[8].leaf.size); /* no SRD any more */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entries[0].count == 2); /* nothing is drawn from it */
    /* A failed inspection is charged likewise. */
    t.a.failed = 1;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_worker last = tw_record(&t, &w);
    CHECK(last.suspended == 3 && last.deposit.units < after.deposit.units);
    tw_to(&w, 5, 1);
    last = tw_record(&t, &w);
    CHECK(last.power == 0);
    tw_sound(&w);
}

static void maintenance_costs_nothing_and_return_is_drawn(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    struct work_worker before = tw_record(&t, &w);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entries[0].count == 4); /* the draws of this slot are answered all the same */
    t.a.suspend_volume = 0;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.suspended == 1 && amount_cmp(rec.deposit, before.deposit) == 0);
    tw_to(&w, 4, 1);
    tw_begin(&t, &w, 0); /* asks for the return in the first report of the slot */
    CHECK(t.a.entries[0].count == 2);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    rec = tw_record(&t, &w);
    CHECK(rec.disks[0].return_from == 5 && rec.suspended == 1);
    struct work_due_entry due;
    CHECK(!work_get_return(&w.chain.ledger, &due, &rec, 0)); /* no beacon for it yet */
    tw_to(&w, 5, 1);
    CHECK(work_get_return(&w.chain.ledger, &due, &rec, 0) && due.draws.count == 20);
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    /* In a report of its own: without the draws it is refused, with one false it is a fault. */
    tw_begin(&t, &w, 0);
    CHECK(t.a.entry_count == 1 && t.a.entries[0].count == 20);
    t.a.entries[0].count--;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_REPORT_WRONG_DRAWS);
    tw_begin(&t, &w, 0);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    rec = tw_record(&t, &w);
    CHECK(rec.suspended == 0 && rec.disks[0].return_from == 0);
    tw_to(&w, 6, 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entries[0].count == 4);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_record(&t, &w).power != 0);
    tw_sound(&w);
}

static void a_missed_return_is_charged_and_may_be_asked_again(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.suspend_volume = 1;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_begin(&t, &w, 1);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_to(&w, 4, 1);
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    struct work_worker before = tw_record(&t, &w);
    tw_begin(&t, &w, 1);
    t.a.entries[0].answers[7].miss = true;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.suspended == 2 && rec.disks[1].return_from == 0);
    CHECK(rec.deposit.units < before.deposit.units);
    /* Again; now a step touches the volume once its draws are known: as a miss. */
    tw_begin(&t, &w, 1);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_to(&w, 5, 1);
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    /* Suspending it once more is no way out of the draws. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.suspend_volume = 1;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_record(&t, &w).disks[1].return_from != 0);
    before = tw_record(&t, &w);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 1, 9, 8);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    rec = tw_record(&t, &w);
    CHECK(rec.suspended == 2 && rec.disks[1].return_from == 0);
    CHECK(rec.deposit.units < before.deposit.units);
    tw_sound(&w);
}

/* The draws of a return stay those of its first strong beacon, however long they are owed. */
static void a_return_cannot_wait_for_other_draws(void **state)
{
    (void)state;
    uint8_t order[32];
    struct work_due_entry first;
    struct work_due_entry later;
    grown("\"absence_slots\":\"3\"", order);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.suspend_volume = 0;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_begin(&t, &w, 0);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_to(&w, 4, 1);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(work_get_return(&w.chain.ledger, &first, &rec, 0) && first.slot == 4);
    for (uint64_t slot = 5; slot < 25; slot += 2) {
        tw_to(&w, slot, 1);
        CHECK(tw_report_now(&t, &w) == RESULT_OK);
    }
    struct beacon_value b;
    CHECK(!beacon_at(&w.chain.ledger, &b, 4)); /* long forgotten by the beacon itself */
    rec = tw_record(&t, &w);
    CHECK(work_get_return(&w.chain.ledger, &later, &rec, 0));
    CHECK(later.slot == 4 && memcmp(later.beacon.value, first.beacon.value, 32) == 0);
    CHECK(later.draws.count == 20 &&
          later.draws.draws[7].place.offset == first.draws.draws[7].place.offset);
    tw_begin(&t, &w, 0);
    CHECK(t.a.entries[0].slot == 4);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_record(&t, &w).suspended == 0);
    tw_sound(&w);
}

static void silence_does_not_beat_a_draw(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    struct work_worker before = tw_record(&t, &w);
    tw_to(&w, 6, 1); /* nothing in slots 3, 4 and 5 */
    struct work_duty duty;
    work_get_duty(&w.chain.ledger, &duty, &before);
    CHECK(duty.first && duty.count == 2 && duty.due[0].slot == 3 && duty.due[1].slot == 6);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entry_count == 2 && t.a.entries[0].count == 4 && t.a.entries[1].count == 4);
    t.a.entries[0].answers[0].miss = true; /* what it hoped to outwait */
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.suspended == 1 && rec.next_slot == 7);
    CHECK(rec.deposit.units < before.deposit.units);
    /* Owed slots add nothing, this one does. */
    CHECK(rec.disks[1].answered == before.disks[1].answered + 1);
    tw_to(&w, 7, 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entry_count == 1);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_sound(&w);
}

static void absence_ends_the_replicas(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("\"absence_slots\":\"4\"", order);
    tw_to(&w, 8, 1);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.absent && rec.disks[0].power == 0);
    CHECK(tw_get_order(&w, order).replicas_all == 0);
    CHECK(rec.power == 0);
    /* It may come back; its leaf is void until it is added again. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    CHECK(t.a.entry_count == 1 && t.a.entries[0].slot == 8);
    tw_remove_file(&t, 0, 0, 8);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(!tw_record(&t, &w).absent);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_file(&t, 0, 0, 8);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_get_order(&w, order).replicas_all == 1);
    /* And be absent again. */
    tw_to(&w, 13, 8);
    CHECK(tw_record(&t, &w).absent);
    tw_sound(&w);
}

static void a_dropped_volume_is_void_at_once_and_swept_later(void **state)
{
    (void)state;
    uint8_t orders[6][32];
    uint8_t order[32];
    grown("", order);
    for (uint32_t i = 0; i < 6; i++)
        tw_order(&w, 3, i, true, orders[i]);
    CHECK(w.chain.ledger.slot == 3 && w.chain.ledger.offset == 7);
    tw_to(&w, 4, 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    for (uint32_t i = 0; i < 6; i++)
        tw_add_file(&t, 2, i, i);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    for (uint32_t i = 0; i < 6; i++)
        CHECK(tw_get_order(&w, orders[i]).replicas_all == 1);
    /* Dropped, and one of its files on another volume in the same step. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_drop(&t, 2);
    tw_add_file(&t, 0, 7, 2);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_leaf leaf;
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.disks[2].incarnation == 1 && t.m.state.volumes[2].generation == 1);
    CHECK(work_get_leaf(&w.chain.ledger, &leaf, t.m.key.public_key, &tw_files[2].leaf.key));
    CHECK(leaf.volume == 0 && leaf.index == 7);
    tw_to(&w, 5, 1);
    for (uint32_t i = 0; i < 6; i++) {
        CHECK(tw_get_order(&w, orders[i]).replicas_all == (i == 2 ? 1 : 0));
        CHECK(work_get_leaf(&w.chain.ledger, &leaf, t.m.key.public_key, &tw_files[i].leaf.key) ==
              (i == 2));
    }
    struct work_totals totals;
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.file_bytes == tw_files[8].leaf.size + tw_files[2].leaf.size);
    tw_sound(&w);
}

static void duplicates_and_second_copies_are_void(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_file(&t, 1, 0, 8); /* the same key on another volume */
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_get_order(&w, order).replicas_all == 1);
    /* It is drawn like any other, and removing it does not touch the first. */
    tw_to(&w, 4, 1);
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_remove_file(&t, 1, 0, 8);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_get_order(&w, order).replicas_all == 1);
    /* A second worker of the same account gets no second place. */
    u.account = 1;
    memcpy(u.account_key, w.keys[1].public_key, 32);
    CHECK(tw_register(&u, &w) == RESULT_OK);
    tw_begin(&u, &w, REPORT_NO_VOLUME);
    tw_add_file(&u, 0, 0, 8);
    CHECK(tw_send(&u, &w, tw_finish(&u)) == RESULT_OK);
    CHECK(tw_get_order(&w, order).replicas_all == 1);
    struct work_leaf leaf;
    CHECK(!work_get_leaf(&w.chain.ledger, &leaf, u.m.key.public_key, &tw_files[8].leaf.key));
    tw_sound(&w);
}

static void a_platform_counts_up_to_its_cap(void **state)
{
    (void)state;
    uint8_t order[32];
    uint8_t second[32];
    /* Room for the SRD of one row and file 8, and not for file 9. */
    grown("\"platform_bytes_max\":\"1055000\"", order);
    CHECK(tw_record(&t, &w).power > tw_files[8].leaf.size);
    tw_order(&w, 3, 9, true, second);
    tw_to(&w, 4, 1);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_file(&t, 0, 1, 9);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK); /* never refused for what it holds */
    CHECK(tw_get_order(&w, second).replicas_all == 0);
    /* More SRD than that: none of it counts. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_extent(&t, 1, 1, 9);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    tw_to(&w, 5, 1);
    CHECK(tw_record(&t, &w).power == tw_files[8].leaf.size);
    tw_sound(&w);
}

/* More leaves than one due entry takes. */
static void a_large_volume_is_swept_in_parts(void **state)
{
    (void)state;
    enum { MANY = 45, FIRST = 12 };
    static uint8_t orders[MANY][32];
    struct work_totals totals;
    begin("\"slot_blocks\":\"100\",\"report_blocks\":\"90\",\"order_refund_blocks\":\"400\"");
    tw_to(&w, 1, 1);
    CHECK(tw_register(&t, &w) == RESULT_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        model_file_make(&tw_files[FIRST + i], 100 + i, 1, 50);
        tw_order(&w, 3, FIRST + i, true, orders[i]);
    }
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    for (uint32_t i = 0; i < MANY; i++)
        tw_add_file(&t, 0, i, FIRST + i);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.file_bytes == MANY * 50);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_drop(&t, 0);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.file_bytes == (MANY - 32) * 50); /* bounded work in a block */
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    work_get_totals(&w.chain.ledger, &totals);
    CHECK(totals.file_bytes == 0);
    for (uint32_t i = 0; i < MANY; i++)
        CHECK(tw_get_order(&w, orders[i]).replicas_all == 0);
    /* It holds nothing now, and may take its deposit away. */
    struct tx_call call = { .kind = TX_WORKER_WITHDRAW };
    memcpy(call.funds.worker, t.m.key.public_key, 32);
    CHECK(tw_do(&w, 1, &call) == RESULT_ZERO_AMOUNT);
    call.funds.amount = w.chain.params.worker_deposit;
    CHECK(tw_do(&w, 1, &call) == RESULT_OK);
    CHECK(amount_is_zero(tw_record(&t, &w).deposit));
    call.kind = TX_WORKER_DEPOSIT;
    call.funds.amount = AMOUNT_OF((u128)1 << 100);
    CHECK(tw_do(&w, 1, &call) == RESULT_INSUFFICIENT_BALANCE);
    /* But what it adds without one does not count. */
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_file(&t, 1, 0, FIRST);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(tw_record(&t, &w).retired && tw_get_order(&w, orders[0]).replicas_all == 0);
    call.funds.amount = w.chain.params.worker_deposit;
    CHECK(tw_do(&w, 1, &call) == RESULT_OK);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    tw_add_file(&t, 1, 1, FIRST + 1);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    CHECK(!tw_record(&t, &w).retired && tw_get_order(&w, orders[1]).replicas_all == 1);
    tw_sound(&w);
}

static void software_weighs_nothing_once_it_is_not_allowed(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    CHECK(tw_record(&t, &w).power == tw_files[8].leaf.size + SRD_ROW_SIZE);
    w.chain.params.allow_software = false;
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    CHECK_OK(world_block(&w, NULL, NULL, 0));
    uint64_t weight = w.chain.params.weight_none;
    CHECK(tw_record(&t, &w).power == tw_files[8].leaf.size * weight / 1000);
}

/* No contribution to the beacon: the round is weak. */
static void weak_block(void)
{
    struct chain_block block = { .height = w.chain.height + 1, .time_ms = w.chain.time_ms + 1000 };
    struct chain_output out;
    block.hash[0] = (uint8_t)block.height;
    CHECK_OK(chain_finalize(&w.chain, &out, NULL, &block, NULL));
}

static void a_weak_beacon_neither_charges_nor_matures(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("", order);
    CHECK(tw_report_now(&t, &w) == RESULT_OK);
    while (w.chain.height < 40)
        weak_block();
    struct beacon_value b;
    CHECK(beacon_at(&w.chain.ledger, &b, 4) && b.weak);
    struct work_worker before = tw_record(&t, &w);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.entries[0].answers[2].miss = true;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    struct work_worker rec = tw_record(&t, &w);
    CHECK(rec.suspended == 2 && amount_cmp(rec.deposit, before.deposit) == 0);
    CHECK(rec.disks[0].answered == before.disks[0].answered + 1);
    CHECK(rec.disks[0].proven == before.disks[0].proven);
    /* A return waits for a beacon that is not weak. */
    tw_begin(&t, &w, 1);
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    while (w.chain.height < 50)
        weak_block();
    rec = tw_record(&t, &w);
    struct work_due_entry due;
    CHECK(!work_get_return(&w.chain.ledger, &due, &rec, 1));
    tw_to(&w, 6, 1);
    CHECK(work_get_return(&w.chain.ledger, &due, &rec, 1) && due.slot == 6);
    tw_sound(&w);
}

static void eight_reports_a_slot_are_free(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("\"slot_blocks\":\"30\",\"report_blocks\":\"20\",\"free_reports\":\"3\"", order);
    for (int i = 0; i < 5; i++) {
        struct amount before = world_free(&w, t.account_key);
        CHECK(tw_report_now(&t, &w) == RESULT_OK);
        bool paid = world_free(&w, t.account_key).units < before.units;
        CHECK(paid == (i >= 3));
        CHECK(tw_record(&t, &w).reports == (uint32_t)i + 1);
    }
}

static void a_debt_is_paid_by_income_first(void **state)
{
    (void)state;
    uint8_t order[32];
    grown("\"worker_deposit\":\"1000\"", order);
    struct ledger *l = &w.chain.ledger;
    struct work_worker rec = tw_record(&t, &w);
    u128 charge = rec.rate.units * w.chain.params.miss_penalty_slots;
    CHECK(charge > 1000);
    tw_begin(&t, &w, REPORT_NO_VOLUME);
    t.a.entries[0].answers[2].miss = true;
    CHECK(tw_send(&t, &w, tw_finish(&t)) == RESULT_OK);
    rec = tw_record(&t, &w);
    CHECK(rec.deposit.units == 0 && rec.debt.units == charge - 1000);
    tw_sound(&w);
    /* Income, as the market would pay it: the debt, then the deposit, then the merchant. */
    CHECK(work_market_refill(l, rec.lineage, AMOUNT_OF(charge - 1000 - 5)).units == 0);
    CHECK(tw_record(&t, &w).debt.units == 5);
    CHECK(work_market_refill(l, rec.lineage, AMOUNT_OF(5 + 1000 + 77)).units == 77);
    rec = tw_record(&t, &w);
    CHECK(rec.debt.units == 0 && rec.deposit.units == 1000);
    CHECK(work_market_refill(l, rec.lineage, AMOUNT_OF(9)).units == 9);
    struct account a;
    CHECK(accounts_get(l, &a, t.account_key) && a.held[HOLD_WORKER].units == 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registration_binds_and_happens_once),
        cmocka_unit_test(old_evidence_and_forbidden_software_are_refused),
        cmocka_unit_test(deposits_stay_while_something_is_held),
        cmocka_unit_test(a_full_life),
        cmocka_unit_test(wrong_reports_are_refused_and_change_nothing),
        cmocka_unit_test(steps_follow_the_stored_state),
        cmocka_unit_test(a_false_opening_is_a_fault),
        cmocka_unit_test(a_miss_suspends_and_charges_the_whole_income),
        cmocka_unit_test(maintenance_costs_nothing_and_return_is_drawn),
        cmocka_unit_test(a_missed_return_is_charged_and_may_be_asked_again),
        cmocka_unit_test(a_return_cannot_wait_for_other_draws),
        cmocka_unit_test(silence_does_not_beat_a_draw),
        cmocka_unit_test(absence_ends_the_replicas),
        cmocka_unit_test(a_dropped_volume_is_void_at_once_and_swept_later),
        cmocka_unit_test(duplicates_and_second_copies_are_void),
        cmocka_unit_test(a_platform_counts_up_to_its_cap),
        cmocka_unit_test(a_large_volume_is_swept_in_parts),
        cmocka_unit_test(software_weighs_nothing_once_it_is_not_allowed),
        cmocka_unit_test(a_weak_beacon_neither_charges_nor_matures),
        cmocka_unit_test(eight_reports_a_slot_are_free),
        cmocka_unit_test(a_debt_is_paid_by_income_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
