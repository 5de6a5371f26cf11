/* fake_chain_test: a chain of one worker in memory, for tests of the host: asks for reports, checks
 * each with the code of proof/ as the chain does, and applies its step. Only tests include it. */
#ifndef CRUST_IPFSD_FAKE_CHAIN_TEST_H
#define CRUST_IPFSD_FAKE_CHAIN_TEST_H

#include "codec/report.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "ipfsd/fake_node_test.h"
#include "proof/opening.h"

enum { FAKE_DRAWS = 4 };

struct fake_chain {
    uint8_t chain[32], account[32], worker[32];
    struct work_state state; /* stored */
    uint64_t slot;
    uint8_t beacon[32];
    uint16_t suspended;
    uint32_t misses;  /* of the last report's public draws */
    uint32_t opened;  /* openings of the last report */
    uint16_t failed;  /* of the last report */
    bool stepped;     /* the last report had a step */
    uint32_t suspend; /* what the last report suspended, or REPORT_NO_VOLUME */
    uint8_t report[REPORT_SIZE_MAX];
    size_t report_size;
};

static inline void fake_chain_open(struct fake_chain *c, const char *id, const uint8_t worker[32],
                                   const uint8_t lineage[32])
{
    memset(c, 0, sizeof(*c));
    sha256(c->chain, span_str(id));
    memset(c->account, 7, 32);
    memcpy(c->worker, worker, 32);
    work_state_init(&c->state, lineage);
    c->slot = 10;
}

static inline void fake_chain_next_slot(struct fake_chain *c)
{
    c->slot++;
    random_bytes(c->beacon, sizeof(c->beacon));
}

/* Asks the node for a report; its error is returned. */
static inline enum err fake_chain_ask(struct fake_chain *c, struct fake_node *n, bool first)
{
    static uint8_t body[NODE_MSG_BODY_MAX];
    uint8_t state[WORK_STATE_SIZE];
    struct ipc_msg reply;
    struct node_bytes bytes;
    struct node_report m = { .slot = c->slot,
                             .suspended = c->suspended,
                             .draws_files = FAKE_DRAWS,
                             .draws_srd = FAKE_DRAWS,
                             .draws_return = 20,
                             .first = first,
                             .step = true,
                             .suspend_volume = NODE_VOLUME_NONE,
                             .return_volume = NODE_VOLUME_NONE };
    memcpy(m.account, c->account, 32);
    memcpy(m.chain, c->chain, 32);
    memcpy(m.beacon, c->beacon, 32);
    work_state_encode(state, &c->state);
    m.state = span_of(state, sizeof(state));
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_report(&w, &m);
    CHECK_OK(w.err);
    TRY(ipc_sink_call(&n->ipc, &reply, NODE_REPORT, writer_span(&w)));
    CHECK_OK(node_msg_decode_bytes(&bytes, reply.body));
    memcpy(c->report, bytes.bytes.p, bytes.bytes.n);
    c->report_size = bytes.bytes.n;
    return OK;
}

static inline void fake_chain_check_answers(struct fake_chain *c, const struct report_entry *entry)
{
    const struct draw_seed seed = { c->chain, c->beacon, c->state.lineage, c->slot };
    struct draw_list list;
    draw_slot(&list, &seed, &c->state, c->suspended,
              (struct draw_counts){ FAKE_DRAWS, FAKE_DRAWS });
    CHECK(entry->slot == c->slot && memcmp(entry->beacon, c->beacon, 32) == 0);
    CHECK(opening_matches(&list, entry));
    for (uint32_t i = 0; i < list.count; i++) {
        if (entry->answers[i].miss) {
            c->misses++;
            continue;
        }
        CHECK_OK(opening_check(&c->state, &list.draws[i], &entry->answers[i]));
        c->opened++;
    }
}

/* Checks the report that was asked for and stores its state. */
static inline void fake_chain_apply(struct fake_chain *c, bool first)
{
    static struct report r;
    uint8_t signing[REPORT_SIGNING_SIZE];
    CHECK_OK(report_decode(&r, span_of(c->report, c->report_size)));
    report_signing_input(signing, r.step_bytes, r.attempt_bytes);
    CHECK_OK(ed25519_verify(r.signature, span_of(signing, sizeof(signing)), c->worker));
    CHECK(r.attempt.slot == c->slot && memcmp(r.attempt.chain, c->chain, 32) == 0);
    CHECK(memcmp(r.attempt.worker, c->worker, 32) == 0);
    CHECK(memcmp(r.attempt.account, c->account, 32) == 0);
    CHECK(r.attempt.entry_count == (first ? 1u : 0u));
    c->misses = c->opened = 0;
    c->failed = r.attempt.failed;
    if (first)
        fake_chain_check_answers(c, &r.attempt.entries[0]);
    c->suspend = r.attempt.suspend_volume;
    if (c->suspend != REPORT_NO_VOLUME)
        c->suspended |= (uint16_t)(1u << c->suspend);
    c->stepped = r.has_step;
    if (r.has_step)
        CHECK_OK(work_state_step(&c->state, &r.step));
}

/* Tells the node what the chain stores. */
static inline void fake_chain_tell(struct fake_chain *c, struct fake_node *n)
{
    uint8_t body[128];
    struct ipc_msg reply;
    struct node_accepted m = { .seq = c->state.seq };
    work_state_hash(m.s, &c->state);
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_accepted(&w, &m);
    CHECK_OK(ipc_sink_call(&n->ipc, &reply, NODE_ACCEPTED, writer_span(&w)));
}

/* A whole slot: beacon, report, check, apply, tell. */
static inline void fake_chain_slot(struct fake_chain *c, struct fake_node *n)
{
    fake_chain_next_slot(c);
    CHECK_OK(fake_chain_ask(c, n, true));
    fake_chain_apply(c, true);
    fake_chain_tell(c, n);
}

#endif
