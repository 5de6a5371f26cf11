/* What tests of ipfsd/fetch fetch: a DAG of two levels, and its archive. */
#ifndef CRUST_IPFSD_FETCH_DAG_TEST_H
#define CRUST_IPFSD_FETCH_DAG_TEST_H

#include "base/check.h"
#include "base/prng.h"
#include "codec/car.h"
#include "crypto/sha256.h"
#include "ipfsd/fetch.h"
#include "ipfsd/fetch_rank.h"
#include "rt/http_client.h"
#include "rt/http_server.h"
#include "rt/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { WORLD_BLOCKS_MAX = 128, WORLD_SERVERS = 2 };

struct world_block {
    struct content_key key;
    uint8_t *p;
    size_t n;
};

struct world {
    struct loop *loop;
    pthread_t thread;
    struct http_client *http;
    struct http_server *servers[WORLD_SERVERS];
    struct fetch_ranks *ranks;
    struct world_block blocks[WORLD_BLOCKS_MAX]; /* depth first; the root is the first */
    size_t count;
    uint64_t bytes;
    struct world_block strange; /* a block outside the DAG */
    uint8_t *car;
    size_t car_size;
    size_t car_leaf;               /* where the bytes of the last leaf begin */
    size_t car_root_end;           /* where the section of the root ends */
    struct http_request *held[64]; /* stalled: answered at the end */
    atomic_uint requests, raws, busy, held_count;
    atomic_ullong sent;
};

static inline const struct world_block *world_find(const struct world *w, const char *cid_text)
{
    struct cid cid;
    struct content_key key;
    size_t n = strcspn(cid_text, "?/");
    if (cid_parse(&cid, span_of(cid_text, n)) != OK || cid_key(&key, &cid) != OK)
        return NULL;
    for (size_t i = 0; i < w->count; i++) {
        if (cid_key_cmp(&w->blocks[i].key, &key) == 0)
            return &w->blocks[i];
    }
    return NULL;
}

/* ---- the DAG ---- */

static inline void world_key(struct world_block *b, uint32_t codec)
{
    b->key.codec = codec;
    sha256(b->key.digest, span_of(b->p, b->n));
}

static inline struct world_block world_leaf(struct prng *g, size_t n)
{
    struct world_block b = { .p = malloc(n), .n = n };
    CHECK(b.p != NULL);
    prng_fill(g, b.p, n);
    world_key(&b, CID_CODEC_RAW);
    return b;
}

/* A dag-cbor block that links to every `step`th of blocks. */
static inline struct world_block world_node(const struct world_block *blocks, size_t count,
                                            size_t step)
{
    struct world_block b = { .p = malloc(8192) };
    CHECK(b.p != NULL);
    struct writer w = writer_of(b.p, 8192);
    cbor_write_array(&w, count);
    for (size_t i = 0; i < count; i++) {
        struct cid cid = cid_of_key(&blocks[i * step].key);
        cbor_write_link(&w, &cid);
    }
    CHECK_OK(w.err);
    b.n = w.len;
    world_key(&b, CID_CODEC_DAG_CBOR);
    return b;
}

static inline void world_write_car(struct world *w)
{
    w->car = malloc((size_t)w->bytes + w->count * 64 + 128);
    CHECK(w->car != NULL);
    struct writer out = writer_of(w->car, (size_t)w->bytes + w->count * 64 + 128);
    struct cid root = cid_of_key(&w->blocks[0].key);
    car_write_header(&out, &root, 1);
    for (size_t i = 0; i < w->count; i++) {
        struct cid cid = cid_of_key(&w->blocks[i].key);
        car_write_section(&out, &cid, w->blocks[i].n);
        w->car_leaf = out.len;
        write_bytes(&out, w->blocks[i].p, w->blocks[i].n);
        if (i == 0)
            w->car_root_end = out.len;
    }
    CHECK_OK(out.err);
    w->car_size = out.len;
}

/* A root, nodes below it, and leaves of leaf_size bytes below those. */
static inline void world_build(struct world *w, size_t nodes, size_t leaves, size_t leaf_size)
{
    struct prng g;
    prng_init(&g, 7);
    w->count = 1 + nodes * (1 + leaves);
    CHECK(w->count <= WORLD_BLOCKS_MAX);
    for (size_t n = 0; n < nodes; n++) {
        struct world_block *node = &w->blocks[1 + n * (1 + leaves)];
        for (size_t i = 0; i < leaves; i++)
            node[1 + i] = world_leaf(&g, leaf_size);
        *node = world_node(node + 1, leaves, 1);
    }
    w->blocks[0] = world_node(w->blocks + 1, nodes, 1 + leaves);
    for (size_t i = 0; i < w->count; i++)
        w->bytes += w->blocks[i].n;
    w->strange = world_leaf(&g, 100000);
    world_write_car(w);
}

#endif
