/* kad_table: the nodes of the DHT that we know, by distance from us. docs/spec/kad.md 2. Pure; the
 * struct is all its memory, some 120 KiB; one thread. */
#ifndef CRUST_P2P_KAD_TABLE_H
#define CRUST_P2P_KAD_TABLE_H

#include "p2p/kad_contact.h"

enum {
    KAD_TABLE_BUCKETS = 24, /* enough for 2^24 times 20 nodes */
    KAD_TABLE_GROUP = 3,    /* nodes of one IP group in the table */
    KAD_TABLE_GROUP_BUCKET = 2,
    KAD_TABLE_STALE_MS = 3600 * 1000,
    KAD_TABLE_REFRESH_MS = 600 * 1000,
    KAD_TABLE_RANDOM = 3, /* look-ups of random ids in a refresh */
    KAD_TABLE_FAILS = 2,
};

struct kad_node {
    struct kad_contact contact; /* id_size 0: free */
    uint64_t group;
    uint64_t seen_ms;
    uint32_t fails; /* in a row */
};

struct kad_table {
    struct kad_contact self;
    uint64_t refresh_ms; /* when the next refresh is due */
    uint32_t count;
    struct kad_node buckets[KAD_TABLE_BUCKETS][KAD_K];
};

void kad_table_init(struct kad_table *t, struct span self, uint64_t now_ms);

/* kad_table_add puts a node in that has answered, or notes that it has answered again.
 * group: which IP addresses count as one place, 0: none.
 * OK; ERR_FULL (its bucket); ERR_LIMIT (too many of its group); ERR_EXISTS (it is ourselves). */
NODISCARD enum err kad_table_add(struct kad_table *t, const struct kad_contact *c, uint64_t group,
                                 uint64_t now_ms);

/* It does not serve any more. */
void kad_table_remove(struct kad_table *t, struct span id);

/* It has not answered. */
void kad_table_failed(struct kad_table *t, struct span id);

/* The node of this id, or NULL. Borrowed until the table changes. */
const struct kad_contact *kad_table_find(const struct kad_table *t, struct span id);

/* kad_table_closest gives up to max nodes (at most KAD_K), the closest to target first, and returns
 * how many. Borrowed until the table changes. */
size_t kad_table_closest(const struct kad_table *t, const uint8_t target[KAD_PLACE],
                         const struct kad_contact **out, size_t max);

/* True once each KAD_TABLE_REFRESH_MS: it is time to look up ourselves and
 * KAD_TABLE_RANDOM random ids. */
bool kad_table_refresh(struct kad_table *t, uint64_t now_ms);

#endif
