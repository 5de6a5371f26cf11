/* bitswap_dag: which blocks of the DAGs that are being read are asked of peers before anybody asks
 * for them, and where they wait until then. docs/spec/bitswap.md 5.7 to 5.10.
 *
 *   a reader wants a block:            bitswap_dag_look(d, &entry, key, now)
 *   a verified block has come:         bitswap_dag_came(d, key, data, now)
 *   once a turn:                       while (bitswap_dag_open(d, client, &session)) providers...
 *                                      bitswap_dag_step(d, client, now)
 *
 * A DAG begins with a block that no other DAG expects. Its list is the order of a depth first walk:
 * the links of a block that has come take its place. As long as readers follow that order, the
 * window of what is asked for ahead of them doubles; a jump makes it small again. Pure; memory is
 * the caller's and fixed; one thread at a time. */
#ifndef CRUST_IPFS_BITSWAP_DAG_H
#define CRUST_IPFS_BITSWAP_DAG_H

#include "ipfs/bitswap_client.h"

#define BITSWAP_DAG_NONE UINT32_MAX

enum {
    BITSWAP_DAG_COUNT = 16,       /* read at a time; the one used longest ago gives way */
    BITSWAP_DAG_LIST = 8192,      /* blocks that are known to follow, of one DAG */
    BITSWAP_DAG_PASSED = 2048,    /* blocks that are remembered when a reader jumps over them */
    BITSWAP_DAG_AHEAD = 128,      /* blocks that are asked for or here before their readers */
    BITSWAP_DAG_AHEAD_FIRST = 4,  /* when a reader has followed the order once */
    BITSWAP_DAG_PART = 65536,     /* bytes of a block in one piece of the memory */
    BITSWAP_DAG_GUESS = 262144,   /* bytes of a block before one has come */
    BITSWAP_DAG_PASSED_MS = 5000, /* how long what readers have passed over is kept for others */
    BITSWAP_DAG_IDLE_MS = 20000,  /* how long a DAG is kept that nobody reads */
    BITSWAP_DAG_OVER_MS = 1000,   /* the same for one of which nothing is left */
};

enum bitswap_dag_state {
    BITSWAP_DAG_KNOWN, /* not asked for */
    BITSWAP_DAG_ASKED,
    BITSWAP_DAG_HERE,
};

struct bitswap_dag_entry {
    uint32_t next;          /* in its bucket, or in the free list */
    uint32_t before, after; /* in its DAG */
    uint32_t part, size;    /* of what is here */
    uint32_t uses;          /* links to it that have been seen and not been followed */
    uint32_t waiting;       /* readers */
    uint32_t pins;          /* readers that are copying it */
    uint8_t dag, state, version;
    bool passed; /* it stands before the place where the next block is expected */
    bool node;   /* it has links, and has come */
    bool failed; /* nobody has it: not asked for ahead */
    struct block_key key;
    uint64_t passed_ms;
    uint64_t mark; /* reads of the DAG when it was looked at last */
};

struct bitswap_dag {
    bool used, closing;
    struct block_key root; /* the block that it began with */
    uint32_t session;      /* of the client; BITSWAP_DAG_NONE: not opened yet */
    uint32_t first, last, count;
    uint32_t cursor; /* the entry that is expected to be read next */
    uint32_t fence;  /* nothing is asked for ahead from here on, until a reader comes here */
    uint64_t reads;  /* blocks of the list that readers have come to */
    uint32_t ahead;  /* the window, in blocks */
    uint32_t waiting, pins;
    uint32_t asked; /* entries that are asked for */
    uint64_t here;  /* bytes of parts */
    uint64_t usual; /* bytes of a block */
    uint64_t used_ms;
};

struct bitswap_dag_memory {
    struct bitswap_dag_entry *entries;
    size_t entry_count;
    uint32_t *buckets; /* a power of two of them */
    size_t bucket_count;
    uint8_t *parts; /* part_count times BITSWAP_DAG_PART bytes */
    uint32_t *part_next;
    size_t part_count;
};

struct bitswap_dags {
    struct bitswap_dag_memory m;
    struct digest_hash hash;
    uint32_t entry_free, part_free, parts_left;
    uint64_t hits, misses, wasted; /* blocks: were here, were waited for, nobody came for */
    struct bitswap_dag list[BITSWAP_DAG_COUNT];
};

/* Memory is kept. seed: random, secret. */
void bitswap_dag_init(struct bitswap_dags *d, const struct bitswap_dag_memory *memory,
                      uint64_t seed);

/* bitswap_dag_look: a reader wants a block.
 *
 * Out:     *entry, valid until the call that ends it.
 * Returns: OK (it is here: bitswap_dag_copy, then bitswap_dag_done); ERR_BUSY (it comes with
 *          bitswap_dag_came, or bitswap_dag_leave gives up waiting); ERR_LIMIT (too many DAGs have
 *          readers that wait). */
NODISCARD enum err bitswap_dag_look(struct bitswap_dags *d, uint32_t *entry,
                                    const struct block_key *key, uint64_t now_ms);

/* bitswap_dag_copy may run beside the other calls, on another thread. buf has room for
 * bitswap_dag_size bytes. */
void bitswap_dag_copy(const struct bitswap_dags *d, uint32_t entry, struct mspan buf);
size_t bitswap_dag_size(const struct bitswap_dags *d, uint32_t entry);
void bitswap_dag_done(struct bitswap_dags *d, uint32_t entry, uint64_t now_ms);
void bitswap_dag_leave(struct bitswap_dags *d, uint32_t entry);
/* The same for a reader that has the block from elsewhere: the want is withdrawn at the next step.
 */
void bitswap_dag_cancel(struct bitswap_dags *d, uint32_t entry);

/* bitswap_dag_came takes a verified block. All who wait for it in bitswap_dag_look have been given
 * it by the host: their entries end here. */
void bitswap_dag_came(struct bitswap_dags *d, const struct block_key *key, struct span data,
                      uint64_t now_ms);

/* bitswap_dag_open opens the client's session of a new DAG; the host gives it providers. False:
 * there is none. */
bool bitswap_dag_open(struct bitswap_dags *d, struct bitswap_client *c, uint32_t *session);

/* bitswap_dag_step asks for what is due, and lets go of what nobody has come for. */
void bitswap_dag_step(struct bitswap_dags *d, struct bitswap_client *c, uint64_t now_ms);

/* bitswap_dag_fail: nobody has a block of the session; it is not asked for again ahead. Readers
 * that wait leave by bitswap_dag_leave. */
void bitswap_dag_fail(struct bitswap_dags *d, struct bitswap_client *c, uint32_t session,
                      const struct cid *cid);

/* The block with which the DAG of a session began; false: the session belongs to no DAG. */
bool bitswap_dag_root(const struct bitswap_dags *d, struct block_key *root, uint32_t session);

/* Whether a session belongs to a DAG. */
bool bitswap_dag_owns(const struct bitswap_dags *d, uint32_t session);

#endif
