/* testworker: workers without enclaves in a chain in memory (chain/testworld.h): they hold real
 * bytes, answer real draws, and lie when a test says so. For the tests of chain/work. */
#ifndef CRUST_CHAIN_TESTWORKER_H
#define CRUST_CHAIN_TESTWORKER_H

#include "attest/attest.h"
#include "base/check.h"
#include "chain/testworld.h"
#include "chain/work.h"
#include "proof/model_worker.h"

enum { TW_BUFFERS = 24, TW_ROOM = TX_SIZE_MAX };

struct tworker {
    size_t account; /* of the world */
    struct model_worker m;
    struct report_attempt a; /* of the report under way */
    struct model_buffer buffers[TW_BUFFERS];
    uint8_t account_key[32];
    uint8_t prev[32];
    uint8_t after[32];
};

/* All files that any worker of the test may hold. */
static struct model_file tw_files[MODEL_FILES];
static uint8_t tw_row[SRD_ROW_SIZE];
static uint8_t tw_room[TW_ROOM];
static uint8_t tw_report[REPORT_SIZE_MAX];

/* One call, of any size, in a block of its own. */
static inline enum tx_result tw_do(struct world *w, size_t i, const struct tx_call *call)
{
    struct tx tx = { .nonce = w->nonces[i]++, .expiry = w->chain.height + 100, .call = *call };
    struct chain_tx_result result;
    struct span out;
    memcpy(tx.from, w->keys[i].public_key, 32);
    memcpy(tx.chain, w->chain_hash, 32);
    CHECK_OK(tx_sign(&out, &tx, (struct mspan){ tw_room, sizeof(tw_room) }, &w->keys[i]));
    CHECK_OK(world_block(w, &result, &out, 1));
    if (result.code >= 10 && result.code < 30)
        w->nonces[i]--;
    return result.code;
}

static inline void tw_init(struct tworker *t, struct world *w, size_t account, uint8_t letter)
{
    memset(t, 0, sizeof(*t));
    t->account = account;
    world_seed(&t->m.key, letter, account);
    memcpy(t->account_key, w->keys[account].public_key, 32);
    work_state_init(&t->m.state, t->m.key.public_key);
}

/* The registration call; evidence lives in room, of ATTEST_SOFTWARE_MAX bytes. */
static inline struct tx_call tw_registration(struct tworker *t, struct world *w, uint64_t block,
                                             uint8_t *room)
{
    struct tx_call call = { .kind = TX_WORKER_REGISTER };
    struct tx_worker_register *r = &call.worker_register;
    uint8_t hash[32] = { (uint8_t)block };
    r->block = block;
    memcpy(r->worker, t->m.key.public_key, 32);
    attest_release_id(r->release, span_str("test"));
    const struct attest_binding b = {
        .worker = r->worker,
        .account = t->account_key,
        .chain = w->chain_hash,
        .release_id = r->release,
        .block_hash = hash,
    };
    struct writer out = writer_of(room, ATTEST_SOFTWARE_MAX);
    attest_software_encode(&out, &b, &t->m.key);
    CHECK_OK(out.err);
    r->evidence = writer_span(&out);
    return call;
}

static inline enum tx_result tw_register(struct tworker *t, struct world *w)
{
    uint8_t room[ATTEST_SOFTWARE_MAX];
    struct tx_call call = tw_registration(t, w, w->chain.height, room);
    return tw_do(w, t->account, &call);
}

static inline void tw_answer(struct tworker *t, struct report_answer *a, struct model_buffer *b,
                             const struct draw *d)
{
    *a = (struct report_answer){ .kind = d->kind, .j = d->j };
    ASSERT(d->place.volume < MODEL_VOLUMES);
    if (!d->place.srd) {
        model_open_file(&a->u.file, b, &t->m.files[d->place.volume], tw_files, d->place.offset);
        return;
    }
    model_open_srd(&a->u.srd, b, &t->m.srd[d->place.volume], tw_row, d->place.offset);
    memcpy(b->block, a->u.srd.chunk.p, CHUNK_SIZE); /* the row is used again */
    a->u.srd.chunk.p = b->block;
}

static inline void tw_entry(struct tworker *t, const struct work_due_entry *due, uint32_t first)
{
    struct report_entry *e = &t->a.entries[t->a.entry_count++];
    static uint8_t beacons[REPORT_ENTRIES_MAX][32];
    uint8_t *beacon = beacons[t->a.entry_count - 1];
    memcpy(beacon, due->beacon.value, 32);
    *e = (struct report_entry){ .slot = due->slot, .beacon = beacon, .count = due->draws.count };
    for (uint32_t i = 0; i < due->draws.count; i++)
        tw_answer(t, &e->answers[i], &t->buffers[first + i], &due->draws.draws[i]);
}

/* Starts a report for the next block: fills t->a with honest answers. Operations come after. */
static inline void tw_begin(struct tworker *t, struct world *w, uint8_t return_volume)
{
    struct ledger *l = &w->chain.ledger; /* of the next block */
    static struct beacon_value now;
    struct work_worker rec;
    struct work_duty duty;
    struct work_due_entry due;
    CHECK(work_get(l, &rec, t->m.key.public_key));
    CHECK(beacon_at(l, &now, l->slot));
    work_get_duty(l, &duty, &rec);
    memset(&t->a, 0, sizeof(t->a));
    t->a.slot = l->slot;
    t->a.beacon = now.value;
    t->a.chain = w->chain_hash;
    t->a.state = t->prev;
    t->a.account = t->account_key;
    t->a.worker = t->m.key.public_key;
    t->a.return_volume = return_volume;
    t->a.suspend_volume = REPORT_NO_VOLUME;
    for (uint32_t i = 0; i < duty.count; i++)
        tw_entry(t, &duty.due[i], i == 0 ? 0 : duty.due[0].draws.count);
    if (!duty.first && work_get_return(l, &due, &rec, return_volume))
        tw_entry(t, &due, 0);
    work_state_hash(t->prev, &t->m.state);
    t->m.op_count = 0;
    t->m.ops_size = 0;
}

/* Signs and encodes it, with a step when there were operations. Changes the worker's seq then. */
static inline struct span tw_finish(struct tworker *t)
{
    static uint8_t step_bytes[REPORT_STEP_SIZE_MAX];
    static uint8_t attempt_bytes[REPORT_SIZE_MAX];
    uint8_t input[REPORT_SIGNING_SIZE];
    uint8_t signature[64];
    struct writer s = writer_of(step_bytes, sizeof(step_bytes));
    struct writer a = writer_of(attempt_bytes, sizeof(attempt_bytes));
    struct writer r = writer_of(tw_report, sizeof(tw_report));
    if (t->m.op_count != 0) {
        t->m.state.seq++;
        work_state_hash(t->after, &t->m.state);
        const struct report_step step = {
            .state = t->after,
            .prev = t->prev,
            .lineage = t->m.state.lineage,
            .seq = t->m.state.seq,
            .op_count = t->m.op_count,
            .ops = span_of(t->m.ops, t->m.ops_size),
        };
        report_step_encode(&s, &step);
    }
    report_attempt_encode(&a, &t->a);
    report_signing_input(input, writer_span(&s), writer_span(&a));
    ed25519_sign(signature, span_of(input, sizeof(input)), &t->m.key);
    report_encode(&r, writer_span(&s), writer_span(&a), signature);
    CHECK(s.err == OK && a.err == OK && r.err == OK);
    return writer_span(&r);
}

static inline enum tx_result tw_send(struct tworker *t, struct world *w, struct span report)
{
    struct tx_call call = { .kind = TX_REPORT, .report = report };
    return tw_do(w, t->account, &call);
}

#endif
