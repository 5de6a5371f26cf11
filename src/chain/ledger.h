/* ledger: what every module of the chain works on while one block runs. Pure.
 *
 * Modules come in pairs of functions: x_check may refuse and changes nothing, x_apply runs only
 * after it said RESULT_OK and cannot fail. */
#ifndef CRUST_CHAIN_LEDGER_H
#define CRUST_CHAIN_LEDGER_H

#include "base/amount.h"
#include "chain/params.h"
#include "chain/result.h"
#include "chain/state.h"
#include "codec/tx.h"

enum {
    LEDGER_EVENT_ATTRS_MAX = 8,
    LEDGER_EVENT_VALUE_MAX = 132, /* an origin, an id in hex, with its NUL */
};

/* Something that happened: docs/spec/events.md. Derived, in no hash. */
struct ledger_event {
    const char *type; /* "order.placed"; static */
    uint32_t attr_count;
    struct {
        const char *key; /* static */
        char value[LEDGER_EVENT_VALUE_MAX];
    } attrs[LEDGER_EVENT_ATTRS_MAX];
};

struct memo;

struct ledger {
    struct state *st;
    const struct params *params;
    uint8_t chain_hash[32]; /* SHA-256 of the chain id's text */
    uint64_t height;        /* of the block that runs */
    uint64_t time_ms;
    uint64_t slot;   /* height / slot_blocks */
    uint64_t offset; /* height % slot_blocks */
    /* Fees of this block, paid out when it ends. */
    struct amount fees_treasury;
    struct amount fees_author;
    uint32_t judged;   /* workers judged anew in this block: params.attest_sweep_per_block */
    struct memo *memo; /* chain/memo.h, kept; NULL: nothing is remembered */
    uint64_t reports_verified; /* in full, since the chain was opened: what dear work was done */
    /* Where events go; emit may be NULL. The event is borrowed. */
    void (*emit)(void *ctx, const struct ledger_event *event);
    void *emit_ctx;
};

struct work_verdict; /* chain/work.h */

/* The transaction in hand, decoded and signed. */
struct ledger_call {
    const struct tx *tx;
    const uint8_t *from; /* the account that acts, 32 bytes */
    struct span bytes;   /* the encoded transaction */
    /* Room for what checking a report finds out, so that it is done once; not known at first. */
    struct work_verdict *verdict;
};

/* Sums of money that cannot leave their range, because all there is fits the type and nobody takes
 * what he has not checked. */
static inline void ledger_add(struct amount *to, struct amount v)
{
    enum err e = amount_add(to, *to, v);
    ASSERT(e == OK);
}

static inline void ledger_take(struct amount *from, struct amount v)
{
    enum err e = amount_sub(from, *from, v);
    ASSERT(e == OK);
}

/* Events: ledger_event_begin, any number of ledger_event_*, ledger_event_end. Attributes beyond
 * the limit are an assertion. */
void ledger_event_begin(struct ledger_event *ev, const char *type);
void ledger_event_text(struct ledger_event *ev, const char *key, struct span text);
void ledger_event_hex(struct ledger_event *ev, const char *key, struct span bytes);
void ledger_event_uint(struct ledger_event *ev, const char *key, uint64_t v);
void ledger_event_amount(struct ledger_event *ev, const char *key, struct amount a);
/* An account as its SS58 address. */
void ledger_event_account(struct ledger_event *ev, const char *key, const uint8_t account[32]);
void ledger_event_end(struct ledger *l, const struct ledger_event *ev);

/* True in the blocks of a slot in which reports are taken; false in its beacon window. */
static inline bool ledger_in_report_part(const struct ledger *l)
{
    return l->offset < l->params->report_blocks;
}

/* The hash of the block at height, kept for evidence_max_age_blocks. False: unknown. */
bool ledger_block_hash(struct ledger *l, uint8_t out[32], uint64_t height);

/* Keeps the hash of the block that runs and forgets the one that has become too old. */
void ledger_block_hash_put(struct ledger *l, const uint8_t hash[32]);

/* ledger_queue_put notes that (kind, key) is due at height; worked off at most
 * params.queue_per_block entries a block, earliest first. An entry exists once per (height, kind,
 * key). */
enum ledger_due {
    LEDGER_DUE_VERIFY = 1, /* market: is this replica proven by now? key = order, lineage */
    LEDGER_DUE_EXPIRY = 2, /* market: the file's time is over. key = order */
    LEDGER_DUE_POWER = 3,  /* market: power of the replicas must be refreshed. key = order */
    LEDGER_DUE_WORK = 4,   /* work: its own sweeps. key = work's */
    LEDGER_DUE_GROUP = 5,  /* market: whom replicas count for has changed. key = account */
};
void ledger_queue_put(struct ledger *l, uint64_t height, enum ledger_due kind, struct span key);
void ledger_queue_del(struct ledger *l, uint64_t height, enum ledger_due kind, struct span key);

bool ledger_queue_has(struct ledger *l, uint64_t height, enum ledger_due kind, struct span key);

/* ledger_queue_pop takes the earliest entry due at or before the present height. The key is copied
 * to key_out (STATE_KEY_MAX bytes). False: none. */
bool ledger_queue_pop(struct ledger *l, enum ledger_due *kind, uint8_t *key_out, size_t *key_size);

#endif
