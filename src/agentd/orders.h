/* orders: the merchant's table of orders: what the chain says about each, and how far we are with
 * it. Found by content key (several orders may hold one content) or by id. Pure: the memory is the
 * caller's; nothing is allocated. */
#ifndef CRUST_AGENTD_ORDERS_H
#define CRUST_AGENTD_ORDERS_H

#include "agentd/view.h"

enum {
    ORDERS_MAX = 16384, /* followed or held; more are not taken */
    ORDERS_SLOTS = 2 * ORDERS_MAX,
    ORDER_DETAIL_MAX = 120,
};
#define ORDERS_NONE UINT32_MAX

/* Where an order stands with us. Numbers are kept in the journal: only add. */
enum order_step {
    ORDER_SEEN = 0,       /* read from the chain, not judged yet */
    ORDER_WAITING = 1,    /* may be ours later: see reason and until */
    ORDER_DECLINED = 2,   /* not for us: see reason */
    ORDER_TAKEN = 3,      /* ours: waits for a free place to seal, or for room */
    ORDER_SEALING = 4,    /* crust-ipfsd fetches and seals it */
    ORDER_SEALED = 5,     /* in the enclave's tree, not on chain yet */
    ORDER_REPORTED = 6,   /* the chain counts our replica */
    ORDER_VERIFIED = 7,   /* and pays it */
    ORDER_RETRY = 8,      /* sealing failed: again at retry_ms */
    ORDER_GIVEN_UP = 9,   /* failed for good: the data cannot be sealed */
    ORDER_OVER = 10,      /* ended on chain: our replica is to be removed */
    ORDER_REMOVING = 11,  /* crust-ipfsd has been asked to remove it */
    ORDER_FORGOTTEN = 12, /* nothing of it is left here */
    ORDER_STEP_COUNT
};

/* Why. Numbers are kept in the journal: only add. */
enum order_reason {
    ORDER_WHY_NONE = 0,
    ORDER_WHY_NOT_REGISTERED = 1,
    ORDER_WHY_ENOUGH_REPLICAS = 2,
    ORDER_WHY_NOT_OUR_TURN = 3,
    ORDER_WHY_TOO_LARGE = 4,
    ORDER_WHY_NO_ROOM = 5,
    ORDER_WHY_PRICE = 6,
    ORDER_WHY_NO_DATA_ROOT = 7,
    ORDER_WHY_DISPUTED = 8,
    ORDER_WHY_EXPIRED = 9,
    ORDER_WHY_PAUSED = 10,       /* the operator takes no orders now */
    ORDER_WHY_SAME_CONTENT = 11, /* we keep this content for another order */
    ORDER_WHY_FETCH = 12,        /* nobody gave the data */
    ORDER_WHY_BAD_DATA = 13,     /* the data is not what the order says, or cannot be sealed */
    ORDER_WHY_NODE = 14,         /* crust-ipfsd or its disks failed */
    ORDER_WHY_OUR_TURN = 15,     /* taken: among the first in the rendezvous order */
    ORDER_WHY_STILL_WANTED = 16, /* taken: those before us have not */
    ORDER_WHY_VOID = 17,         /* reported, and the chain counts it for nothing */
    ORDER_WHY_GROUP = 18,        /* another replica counts for whom ours would count for */
    ORDER_REASON_COUNT
};

const char *orders_step_text(enum order_step s);     /* "declined"; static storage */
const char *orders_reason_text(enum order_reason r); /* a sentence; static storage */

struct order {
    uint8_t id[32];
    struct content_key key;
    uint64_t size;
    bool known; /* the chain has told us about it: the fields down to amount are set */
    bool has_data_root;
    uint8_t data_root[32];
    enum chain_client_order_state state;
    bool disputed;
    bool mine; /* the chain lists our worker among its holders */
    bool verified;
    bool ours;             /* it lists another that counts for the same owner */
    uint32_t wanted, have; /* replicas, ours included */
    uint64_t placed_at, expires_at;
    struct amount amount, rate;

    bool held;           /* crust-ipfsd has a replica of the content in its trees for us */
    bool gone;           /* the chain knows no such order any more */
    uint64_t gone_since; /* height at which that was first seen; 0: it is known */
    enum order_step step;
    enum order_reason reason;
    char detail[ORDER_DETAIL_MAX]; /* what crust-ipfsd said, in its words; or "" */
    uint32_t rank;                 /* in the rendezvous order, 0 first */
    uint64_t until;                /* ORDER_WAITING: height of the next look */
    uint32_t tries;
    uint32_t voids; /* replicas of it that the chain did not count, or no more */
    uint64_t retry_ms;
    uint64_t decided_at;    /* height of the last change of step or reason */
    uint64_t looked_at;     /* height at which the chain was last asked about it */
    uint64_t settled_at;    /* height of our last settlement */
    uint64_t reported_from; /* seq that the chain must have before a report of it is missed */
    uint64_t done, total;   /* progress of sealing */
    bool look;              /* the chain is to be asked again now */
    bool note;              /* step or reason changed: the journal is to be told */
};

struct orders {
    struct order *rows; /* ORDERS_MAX, kept */
    uint32_t *slots;    /* ORDERS_SLOTS, kept: row + 1, or 0 */
    uint32_t count;
};

/* rows and slots: zeroed memory of the caller. */
void orders_init(struct orders *o, struct order *rows, uint32_t *slots);

/* ORDERS_NONE when there is none. Of several orders of one content: the next after `after`
 * (ORDERS_NONE: the first). */
uint32_t orders_find_key(const struct orders *o, const struct content_key *key, uint32_t after);
uint32_t orders_find(const struct orders *o, const uint8_t id[32], const struct content_key *key);
uint32_t orders_find_id(const struct orders *o, const uint8_t id[32]); /* looks at every row */

/* orders_add gives the row of an order, new or there already; ORDERS_NONE when the table is full
 * of rows that are still needed. Rows of orders that are declined, forgotten or over are reused. */
uint32_t orders_add(struct orders *o, const uint8_t id[32], const struct content_key *key);

/* How we are known among the holders: our lineage, and whom our replicas count for. Borrowed. */
struct orders_us {
    const uint8_t *lineage;
    const uint8_t *owner;
};

/* orders_see takes over what the chain says at a height. us: NULL when in comes from a list, which
 * names no holders. */
void orders_see(struct order *row, const struct chain_client_order *in, const struct orders_us *us,
                uint64_t height);

/* orders_set changes step and reason; when they differ from before the row is to be noted. */
void orders_set(struct order *row, enum order_step step, enum order_reason reason, uint64_t height);

#endif
