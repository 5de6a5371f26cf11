/* tx_link: signs the operator's transactions, sends them, and sees them into a block. One per kind
 * of work, so that a report never waits for a settlement; numbers (nonces) are handed out one
 * after the other. docs/guide/chain-api.md. On the loop. */
#ifndef CRUST_AGENTD_TX_LINK_H
#define CRUST_AGENTD_TX_LINK_H

#include "agentd/chain_link.h"
#include "codec/tx.h"

enum {
    TX_LINK_SIGNINGS_MAX = 6, /* new numbers for one transaction, before it counts as lost */
    TX_LINK_PAUSE_MS = 400,
};

enum tx_lane { TX_LANE_REPORT, TX_LANE_WORKER, TX_LANE_MONEY, TX_LANE_COLLATERAL, TX_LANES };

enum tx_job_state {
    TX_JOB_IDLE,
    TX_JOB_QUEUED, /* waits for its turn to get a number */
    TX_JOB_NONCE,  /* asking for the number */
    TX_JOB_POST,   /* being sent */
    TX_JOB_AGAIN,  /* to be sent again: no answer, or the node has no room */
    TX_JOB_WAIT,   /* in the mempool; asked about after each block */
    TX_JOB_ASK,    /* being asked about */
};

/* e OK: result and the height of the block, or of the chain when CheckTx refused it. ERR_TIMEOUT:
 * it can no longer get into a block. Called on the loop; may submit again. */
typedef void (*tx_link_fn)(void *ctx, enum tx_lane lane, enum err e, uint32_t result,
                           uint64_t height);

struct tx_link;

struct tx_job {
    struct tx_link *link;
    enum tx_lane lane;
    enum tx_job_state state;
    struct tx tx;
    uint32_t signings;
    uint64_t retry_ms;
    uint8_t id[32];
    size_t size;
    uint8_t bytes[TX_SIZE_SMALL_MAX];
};

struct tx_link {
    struct chain_link *chain;
    struct loop *loop;
    const struct ed25519_key *key;
    uint64_t height; /* of the chain */
    tx_link_fn fn;
    void *ctx;
    struct tx_job jobs[TX_LANES];
};

void tx_link_init(struct tx_link *t, struct chain_link *chain, struct loop *loop,
                  const struct ed25519_key *key, tx_link_fn fn, void *ctx);

/* tx_link_submit: call's spans are kept until fn. The lane is idle (asserted). expiry: last height
 * that may include it. */
void tx_link_submit(struct tx_link *t, enum tx_lane lane, const struct tx_call *call,
                    const uint8_t chain[32], uint64_t expiry);

/* tx_link_step: call it after each block, and now and then. */
void tx_link_step(struct tx_link *t, uint64_t height);

#endif
