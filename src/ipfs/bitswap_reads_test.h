/* bitswap_reads_test: somebody who reads a whole DAG, depth first, out of blocks that come from
 * peers, for tests: bitswap_dag between a walk and the client, as the daemon's exchange has it. */
#ifndef CRUST_IPFS_BITSWAP_READS_TEST_H
#define CRUST_IPFS_BITSWAP_READS_TEST_H

#include "base/check.h"
#include "crypto/sha256.h"
#include "ipfs/bitswap_dag.h"
#include "ipfs/dag_walk.h"

enum { READS_ENTRIES = 2048, READS_BUCKETS = 256, READS_PARTS = 128 };

struct reads {
    struct bitswap_client *client;
    void (*opened)(void *ctx, uint32_t session); /* gives a new session its providers */
    void *ctx;
    struct bitswap_dags dags;
    struct bitswap_dag_entry entries[READS_ENTRIES];
    uint32_t buckets[READS_BUCKETS], part_next[READS_PARTS];
    uint8_t *parts;
    struct block_source source;
    struct dag_walk walk;
    uint64_t now;
    uint32_t session; /* opened last */
    size_t blocks;    /* read */
    bool done;
    bool waits, came; /* the walk's next block is waited for; has come since */
    struct block_key key;
    size_t size;
    uint8_t data[BLOCK_SIZE_MAX], block[BLOCK_SIZE_MAX], stack[65536];
};

static inline enum err reads_get(void *ctx, size_t *size, struct mspan buf,
                                 const struct block_key *key)
{
    struct reads *r = ctx;
    uint8_t digest[BLOCK_DIGEST_SIZE];
    uint32_t entry;
    *size = 0;
    CHECK((!r->waits && !r->came) || memcmp(r->key.digest, key->digest, sizeof(digest)) == 0);
    if (r->waits)
        return ERR_NOT_FOUND;
    if (r->came) {
        r->came = false;
        CHECK(r->size <= buf.n);
        memcpy(buf.p, r->data, r->size);
        *size = r->size;
        return OK;
    }
    enum err e = bitswap_dag_look(&r->dags, &entry, key, r->now);
    if (e == ERR_BUSY) {
        r->waits = true;
        r->key = *key;
        return ERR_NOT_FOUND;
    }
    CHECK_OK(e);
    *size = bitswap_dag_size(&r->dags, entry);
    CHECK(*size <= buf.n);
    bitswap_dag_copy(&r->dags, entry, buf);
    bitswap_dag_done(&r->dags, entry, r->now);
    sha256(digest, span_of(buf.p, *size));
    CHECK(memcmp(digest, key->digest, sizeof(digest)) == 0);
    return OK;
}

static inline struct reads *reads_new(struct bitswap_client *client,
                                      void (*opened)(void *, uint32_t), void *ctx,
                                      const struct cid *root)
{
    struct reads *r = calloc(1, sizeof(*r));
    CHECK(r != NULL);
    r->client = client;
    r->opened = opened;
    r->ctx = ctx;
    r->parts = malloc((size_t)READS_PARTS * BITSWAP_DAG_PART);
    r->session = BITSWAP_DAG_NONE;
    r->source = (struct block_source){ .ctx = r, .get = reads_get };
    const struct bitswap_dag_memory m = { r->entries, READS_ENTRIES, r->buckets, READS_BUCKETS,
                                          r->parts,   r->part_next,  READS_PARTS };
    bitswap_dag_init(&r->dags, &m, 11);
    dag_walk_init(&r->walk, &r->source, (struct mspan){ r->block, sizeof(r->block) },
                  (struct mspan){ r->stack, sizeof(r->stack) }, NULL);
    CHECK_OK(dag_walk_add(&r->walk, root));
    return r;
}

static inline void reads_free(struct reads *r)
{
    free(r->parts);
    free(r);
}

/* A verified block that the client wants has come, before the client is told. */
static inline void reads_came(struct reads *r, const struct block_key *key, struct span data)
{
    if (r->waits && memcmp(r->key.digest, key->digest, BLOCK_DIGEST_SIZE) == 0) {
        r->waits = false;
        r->came = true;
        memcpy(r->data, data.p, data.n);
        r->size = data.n;
    }
    bitswap_dag_came(&r->dags, key, data, r->now);
}

/* Reads on, as far as blocks are here, and asks for what is due. */
static inline void reads_turn(struct reads *r, uint64_t now)
{
    struct dag_walk_item item;
    uint32_t session;
    enum err e = OK;
    r->now = now;
    while (!r->done && e == OK) {
        e = dag_walk_next(&r->walk, &item);
        CHECK(e == OK || (e == ERR_NOT_FOUND && r->waits));
        r->done = e == OK && item.end;
        r->blocks += e == OK && !item.end;
    }
    while (bitswap_dag_open(&r->dags, r->client, &session)) {
        r->session = session;
        r->opened(r->ctx, session);
    }
    bitswap_dag_step(&r->dags, r->client, now);
}

#endif
