/* market: orders, prices, replicas, income and settlement (DSM).
 * Spec: docs/spec/market.md. Pure. */
#ifndef CRUST_CHAIN_MARKET_H
#define CRUST_CHAIN_MARKET_H

#include "chain/accounts.h"

enum {
    MARKET_PAYERS_MAX = 64, /* accounts that can be refunded, per open order */
};

/* What an order id names: docs/spec/market.md 3. */
enum market_order_state {
    ORDER_OPEN,    /* paid, no verified replica yet */
    ORDER_LIVE,    /* paid until expired_at */
    ORDER_EXPIRED, /* over; the next settlement renews or closes it */
};

struct market_order {
    struct content_key key;
    uint64_t size;
    bool has_data_root;
    bool disputed; /* claims differ: no power, no income (set by chain/work) */
    uint8_t data_root[32];
    uint8_t owner[32];      /* who placed it first; left-over prepaid goes back there */
    uint64_t placed_at;     /* height of the first order */
    uint64_t refund_at;     /* while open: from this height on payers get their money back */
    uint64_t calculated_at; /* height up to which income has been settled */
    uint64_t expired_at;    /* 0 while open */
    uint32_t replicas_wanted;
    uint32_t replicas;            /* verified ones */
    uint32_t replicas_paid;       /* of these, with a paid place: at most replicas_wanted */
    uint32_t replicas_all;        /* with those not verified yet */
    uint32_t payers;              /* while open */
    struct amount amount;         /* unpaid income, with tips, in the storage pot */
    struct amount prepaid;        /* for renewals, in the storage pot */
    struct amount escrow_staking; /* while open: the other parts, in the storage pot too */
    struct amount escrow_reserved;
    struct amount income; /* what was in amount when shares was set */
    uint64_t shares;      /* paid places times slots: each answered slot earns income / shares */
    uint32_t origin_count;
    uint32_t origin_sizes[TX_ORIGINS_MAX];
    uint8_t origins[TX_ORIGINS_MAX][TX_ORIGIN_SIZE_MAX];
};

/* One worker's copy of an order's content. Key: (order, lineage). */
struct market_replica {
    uint8_t account[32];
    uint8_t owner[32]; /* whom it counts for: the owner of the account's group, else the account */
    uint8_t volume;
    uint32_t generation; /* of the volume when it was added; another one: the replica is void */
    uint32_t index;      /* of its leaf */
    uint64_t proven;     /* the volume's counters: proven when it was added, answered at the */
    uint64_t answered;   /* last settlement */
    uint64_t created_at; /* height at which it was verified */
    bool verified;
    bool paid;
    bool mature;          /* its power has the multiplier */
    uint64_t power;       /* what the volume is credited with for it */
    struct amount earned; /* paid for it out of the entry so far, refills of the deposit included */
};

/* What the market needs of chain/work; one table, set in struct market_work by work.c and passed
 * down by chain.c. lineage is 32 bytes. */
struct market_counters {
    uint8_t account[32];
    uint64_t answered;
    uint64_t proven;
};
struct market_work {
    /* The counters of a volume now. False when the worker or this generation is gone (void). */
    bool (*counters)(struct ledger *l, struct market_counters *out, const uint8_t *lineage,
                     const struct market_replica *r);
    /* Adds to (or takes from) the power of the replica's volume. */
    void (*power)(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                  uint64_t before, uint64_t after);
    /* The worker's income per slot changes by this replica. */
    void (*rate)(struct ledger *l, const uint8_t *lineage, const struct market_replica *r,
                 struct amount before, struct amount after);
    /* Pays v out of the storage pot into the worker's deposit as far as that needs refilling;
     * returns what is left for the merchant. */
    struct amount (*refill)(struct ledger *l, const uint8_t *lineage, struct amount v);
};

/* The id of a market entry: H("crust/order/1", codec u32 | digest | size u64 | data_root or 0). */
void market_order_id(uint8_t out[32], const struct content_key *key, uint64_t size,
                     const uint8_t *data_root);

/* The key of an order's record in STATE_ORDERS. */
enum { MARKET_ORDER_KEY_SIZE = 33 };
void market_order_key(uint8_t out[MARKET_ORDER_KEY_SIZE], const uint8_t id[32]);

/* market_order_decode reads a record from anywhere, such as one that came with a proof. ERR_SHORT,
 * ERR_TRAILING, ERR_FORMAT, ERR_RANGE, ERR_LIMIT. */
NODISCARD enum err market_order_decode(struct market_order *o, struct span in);

bool market_order(struct ledger *l, struct market_order *out, const uint8_t id[32]);
enum market_order_state market_order_state(const struct ledger *l, const struct market_order *o);

/* What one paid replica earns per answered slot, rounded down; 0 while claims differ. */
struct amount market_rate(const struct market_order *o);

/* market_find gives the entry that a replica (key, size, data_root) counts for: the exact one, else
 * the one without data_root whose stated size is at least size. False: none. */
bool market_find(struct ledger *l, uint8_t id[32], const struct content_key *key, uint64_t size,
                 const uint8_t data_root[32]);

/* Replicas, called by chain/work while it applies a report. market_replica_add says false, and
 * changes nothing, when the replica is void: no such order, one of this lineage there already, no
 * place left (params.replicas_max), or one of this account or its group there already. r gives
 * account, volume, generation, index, proven and answered; the rest is set here. */
bool market_replica_add(struct ledger *l, const struct market_work *work, const uint8_t order[32],
                        const uint8_t lineage[32], const struct market_replica *r);
/* Settles what is owed and removes it. False: it was not there. */
bool market_replica_remove(struct ledger *l, const struct market_work *work,
                           const uint8_t order[32], const uint8_t lineage[32]);
bool market_replica(struct ledger *l, struct market_replica *out, const uint8_t order[32],
                    const uint8_t lineage[32]);
/* The next replica of an order after lineage (all zero: from the start). */
bool market_replica_next(struct ledger *l, uint8_t lineage[32], struct market_replica *out,
                         const uint8_t order[32]);
/* From chain/group: the account has joined or left a group. Whom its replicas count for follows in
 * the queue, from this block's end on. */
void market_regroup(struct ledger *l, const uint8_t account[32]);

/* Claims differ, or agree again (5.5). */
void market_set_disputed(struct ledger *l, const struct market_work *work, const uint8_t order[32],
                         bool disputed);

/* Prices. */
struct market_price {
    struct amount base, byte, keys;
    uint32_t orders;       /* since the last change of base */
    uint32_t files_added;  /* likewise: replicas added */
    uint32_t files;        /* entries on the market */
    bool has_new_order;    /* since the last change of byte and keys */
    uint64_t stored_bytes; /* for the byte fee: all replicas, and all free space (set by work) */
    uint64_t free_bytes;
};
void market_price(struct ledger *l, struct market_price *out);
void market_price_put(struct ledger *l, const struct market_price *p);

/* The three updates, pure functions of the numbers; base also clears its two counters. */
void market_price_update_base(struct market_price *price, const struct params *p);
void market_price_update_byte(struct market_price *price, const struct params *p);
void market_price_update_keys(struct market_price *price, const struct params *p);

/* What an order costs: quote->base to the reserved pot; quote->amount is split. */
struct market_quote {
    struct amount base, amount;
    struct amount staking, storage, reserved; /* reserved contains base */
    struct amount total;                      /* base + amount, without tip */
};
void market_quote(struct market_quote *out, const struct market_price *price,
                  const struct params *p, uint64_t size, uint32_t replicas);

/* Calls. */
enum tx_result market_check_order(struct ledger *l, const struct ledger_call *call);
void market_apply_order(struct ledger *l, const struct market_work *work,
                        const struct ledger_call *call);
enum tx_result market_check_prepay(struct ledger *l, const struct ledger_call *call);
void market_apply_prepay(struct ledger *l, const struct ledger_call *call);
enum tx_result market_check_settle(struct ledger *l, const struct ledger_call *call);
void market_apply_settle(struct ledger *l, const struct market_work *work,
                         const struct ledger_call *call);
enum tx_result market_check_refund(struct ledger *l, const struct ledger_call *call);
void market_apply_refund(struct ledger *l, const struct ledger_call *call);

/* Where an account says that its gateways are reached. Nobody has checked it. */
struct market_urls {
    uint32_t count;
    uint32_t sizes[TX_URLS_MAX];
    uint8_t urls[TX_URLS_MAX][TX_URL_SIZE_MAX];
};
void market_urls(struct ledger *l, struct market_urls *out, const uint8_t account[32]);

/* merchant.deposit, .withdraw, .claim, .urls */
struct market_merchant {
    struct amount reward; /* earned, in the storage pot; the collateral is HOLD_MERCHANT */
};
void market_merchant(struct ledger *l, struct market_merchant *out, const uint8_t account[32]);
enum tx_result market_check_merchant(struct ledger *l, const struct ledger_call *call);
void market_apply_merchant(struct ledger *l, const struct ledger_call *call);

/* The block hook: price updates. And one due entry of kind VERIFY, EXPIRY, POWER or GROUP; returns
 * the number of records looked at, which the block counts against params.queue_per_block. */
void market_block_begin(struct ledger *l);
uint32_t market_due(struct ledger *l, const struct market_work *work, enum ledger_due kind,
                    struct span key);

/* market_audit checks counts, sums and indexes of all records, and gives what the storage pot owes:
 * unpaid income, escrow, prepaid, unclaimed rewards; equal to its balance after every block. *what
 * is NULL or names the first broken rule. Reads everything; for tests and audits. */
struct amount market_audit(struct ledger *l, const char **what);

#endif
