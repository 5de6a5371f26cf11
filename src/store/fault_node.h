/* fault_node: one file of store/file_fault in memory: what a reader sees now, what is durable, and
 * the changes in between. Not for use outside file_fault. */
#ifndef CRUST_STORE_FAULT_NODE_H
#define CRUST_STORE_FAULT_NODE_H

#include "base/err.h"
#include "base/prng.h"
#include "base/span.h"

enum fault_change_kind { FAULT_WRITE, FAULT_TRUNCATE, FAULT_PUNCH };

/* A change that is not yet durable. */
struct fault_change {
    enum fault_change_kind kind;
    uint64_t offset; /* of a truncation: the new size */
    uint64_t length;
    uint8_t *bytes; /* of a write; taken by fault_node_change */
};

struct fault_bytes {
    uint8_t *p;
    uint64_t n;
    uint64_t cap;
};

struct fault_node {
    bool used;
    bool dir;
    struct fault_bytes now;
    struct fault_bytes durable;
    struct fault_change *changes;
    size_t change_count;
    size_t change_cap;
};

/* realloc that cannot fail in a test. */
void *fault_node_grow(void *p, size_t n);

void fault_node_change(struct fault_node *n, struct fault_change c);

/* Everything so far is durable. */
void fault_node_sync(struct fault_node *n);

/* A failed sync: what was not durable is gone. */
void fault_node_forget(struct fault_node *n);

/* A crash: the generator decides which unsynced changes survive. */
void fault_node_crash(struct fault_node *n, struct prng *g);

void fault_node_free(struct fault_node *n);

#endif
