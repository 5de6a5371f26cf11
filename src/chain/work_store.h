/* work_store: the records of chain/work, in the stores `work` and `index`. Used by work*.c alone.
 * Layout: docs/spec/work.md 9. Pure. */
#ifndef CRUST_CHAIN_WORK_STORE_H
#define CRUST_CHAIN_WORK_STORE_H

#include "chain/work.h"

/* First bytes of keys in the store `work`. */
enum {
    WORK_KEY_WORKER = 'w',    /* lineage */
    WORK_KEY_NAME = 'n',      /* worker key -> lineage; stays for ever */
    WORK_KEY_STATE = 's',     /* lineage -> struct work_state */
    WORK_KEY_LEAF = 'f',      /* lineage | codec | digest */
    WORK_KEY_PLATFORM = 'p',  /* platform id */
    WORK_KEY_TOTALS = 't',    /* nothing */
    WORK_KEY_CLAIM = 'c',     /* order | placed_at | claim */
    WORK_KEY_CLAIMS = 'o',    /* order */
    WORK_KEY_STRUCK = 'z',    /* order | claim */
    WORK_KEY_CHALLENGE = 'h', /* order | claim */
    WORK_KEY_EVIDENCE = 'e',  /* lineage -> what it stands on, as it was sent */
};

/* First bytes of keys in the store `index`. */
enum {
    WORK_INDEX_PLACE = 'L',  /* lineage | volume | incarnation | leaf index -> codec | digest */
    WORK_INDEX_POWER = 'D',  /* lineage: power to recompute */
    WORK_INDEX_EXPIRY = 'E', /* seconds | lineage */
    WORK_INDEX_TAG = 'T',    /* enum work_tag | 32 bytes | lineage */
};

/* First bytes of keys of LEDGER_DUE_WORK. */
enum {
    WORK_DUE_ABSENCE = 'A',   /* lineage */
    WORK_DUE_SWEEP = 'S',     /* lineage | volume | incarnation */
    WORK_DUE_CHALLENGE = 'C', /* order | claim */
    WORK_DUE_JUDGE = 'J',     /* enum work_tag | 32 bytes | the last lineage that was judged */
    WORK_DUE_LAPSE = 'X',     /* seconds: what ended before has lapsed */
};

/* A key under construction. */
struct work_key {
    uint8_t bytes[STATE_KEY_MAX];
    size_t n;
};

struct work_key work_key_of(uint8_t kind);
void work_key_add(struct work_key *k, const void *p, size_t n);
void work_key_u32(struct work_key *k, uint32_t v); /* big-endian, so that order is by number */
void work_key_u64(struct work_key *k, uint64_t v);
struct span work_key_span(const struct work_key *k);

void work_put(struct ledger *l, const struct work_worker *w);
void work_put_name(struct ledger *l, const uint8_t worker[32], const uint8_t lineage[32]);
void work_put_state(struct ledger *l, const struct work_state *s);
void work_put_totals(struct ledger *l, const struct work_totals *t);

struct work_platform {
    uint32_t workers;
    uint64_t bytes; /* counted replicas and SRD of its workers */
};
void work_get_platform(struct ledger *l, struct work_platform *out, const uint8_t id[32]);
void work_put_platform(struct ledger *l, const uint8_t id[32], const struct work_platform *p);

/* A leaf and its entry by place. */
void work_put_leaf(struct ledger *l, const uint8_t lineage[32], const struct content_key *key,
                   const struct work_leaf *leaf);
void work_del_leaf(struct ledger *l, const uint8_t lineage[32], const struct content_key *key,
                   const struct work_leaf *leaf);

/* The first leaf of one incarnation of a volume. */
bool work_first_leaf(struct ledger *l, struct content_key *key, const uint8_t lineage[32],
                     uint8_t volume, uint32_t incarnation);

/* Puts the worker into the queue of power changes. */
void work_mark_power(struct ledger *l, const uint8_t lineage[32]);

/* ---- shared steps of work*.c ----------------------------------------------------------------- */

/* Takes v from the worker's deposit into the account `to`, as far as it goes; what is missing
 * becomes debt when owe is true. Changes *w, which the caller stores. Returns what was taken. */
struct amount work_charge(struct ledger *l, struct work_worker *w, const uint8_t to[32],
                          struct amount v, bool owe);

/* Voids all replicas of a volume at once; a sweep removes their records later. The caller stores
 * *w. */
void work_void_disk(struct ledger *l, struct work_worker *w, uint8_t volume);

/* Forgets that a volume has asked to return. */
void work_end_return(struct work_disk *d);

/* The worker reports again after an absence. The caller stores *w. */
void work_resume(struct ledger *l, struct work_worker *w);

/* Adds a leaf, or leaves it void; removes one. The worker's record must be stored, not in hand:
 * the market changes it. */
void work_leaf_add(struct ledger *l, const uint8_t lineage[32], uint8_t volume, uint32_t index,
                   const struct report_file *file);
void work_leaf_remove(struct ledger *l, const uint8_t lineage[32], uint8_t volume, uint32_t index,
                      const struct content_key *key);

/* Gives back what a leaf counts for: replica, claim, bytes. leaf->order is zero afterwards; the
 * caller stores or deletes it. */
void work_leaf_void(struct ledger *l, const uint8_t lineage[32], struct work_leaf *leaf);

#endif
