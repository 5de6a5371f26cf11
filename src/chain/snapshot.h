/* snapshot: the whole state of one height in chunks, each of which is checked by itself against an
 * app hash that a light client has verified. Spec: docs/spec/snapshot.md. Pure; no allocation.
 *
 * Every store is cut into 2^bits parts by the first bits of SHA-256(key); a chunk is one part. The
 * metadata lists what each part commits to: of a proved store the node of its tree at that depth,
 * of the index an LtHash sum. The nodes give the roots of the trees, the sums add up to the sum of
 * the index, and these give the app hash: metadata that fit it are right. */
#ifndef CRUST_CHAIN_SNAPSHOT_H
#define CRUST_CHAIN_SNAPSHOT_H

#include "base/reader.h"
#include "base/writer.h"
#include "chain/state.h"
#include "crypto/lthash.h"

enum {
    SNAPSHOT_FORMAT = 1,
    SNAPSHOT_PART_BYTES = 4 << 20, /* what a part should have at most, on average */
    SNAPSHOT_CHUNK_MAX = 12 << 20, /* CometBFT carries chunks of up to 16 MB */
    SNAPSHOT_BITS_MAX = 12,
    SNAPSHOT_META_MAX = 3500 * 1024, /* CometBFT carries up to 4 MB */
    SNAPSHOT_NODE_SIZE = 1 + SMT_HASH_SIZE,
    SNAPSHOT_COMMIT_MAX = LTHASH_SIZE, /* of one part */
    SNAPSHOT_STORES_MAX = STATE_STORE_COUNT,
};

struct snapshot_store {
    enum state_store store;
    uint8_t bits;
    uint32_t first;      /* number of its first chunk */
    struct span commits; /* 2^bits of snapshot_commit_size bytes; borrowed */
};

struct snapshot {
    uint64_t height;
    uint8_t app_hash[STATE_HASH_SIZE];
    uint32_t store_count;
    uint32_t chunk_count;
    struct snapshot_store stores[SNAPSHOT_STORES_MAX];
};

/* Bytes that a part of this store commits to. */
size_t snapshot_commit_size(enum state_store store);

/* The stores a snapshot has, by ascending number; SNAPSHOT_STORES_MAX entries. */
size_t snapshot_stores(enum state_store *out);

/* The bits for a store of so many bytes (keys and values). */
uint8_t snapshot_bits(enum state_store store, uint64_t bytes);

/* The part of a key. */
uint32_t snapshot_part(struct span key, uint8_t bits);

/* snapshot_encode writes metadata. snapshot_decode reads metadata from anywhere and checks them
 * against their own app_hash; whoever believes them must have that hash from a header.
 * Returns: OK; ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT (the form); ERR_UNSUPPORTED (another
 *          format); ERR_CORRUPT (they do not give the app hash). *out zeroed on failure. */
void snapshot_encode(struct writer *w, const struct snapshot *s);
NODISCARD enum err snapshot_decode(struct snapshot *out, struct span in);

/* ---- chunks -------------------------------------------------------------------------------- */

/* A pair of a chunk, in the order of the format: by SHA-256(key). */
struct snapshot_pair {
    uint8_t key_hash[SMT_HASH_SIZE];
    struct span key, value;
};

/* snapshot_sort puts the pairs of one part in order, in place. */
void snapshot_sort(struct snapshot_pair *pairs, size_t count);

/* snapshot_chunk_encode writes the chunk of sorted pairs. */
struct snapshot_place {
    enum state_store store;
    uint8_t bits;
    uint32_t part;
};
void snapshot_chunk_encode(struct writer *w, const struct snapshot_place *place,
                           const struct snapshot_pair *pairs, size_t count);

/* snapshot_chunk_commit gives what a chunk of this place commits to, snapshot_commit_size bytes.
 * leaves: room for work, as many as the chunk has pairs (snapshot_chunk_count); NULL for the index.
 * Returns: OK; ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT (the form, or its pairs are not of
 *          this part, or not in order). */
NODISCARD enum err snapshot_chunk_commit(uint8_t *commit, const struct snapshot_place *place,
                                         struct span chunk, struct smt_write *leaves,
                                         size_t leaves_max);

/* snapshot_chunk_check: is this chunk number index of the snapshot?
 * Returns: as snapshot_chunk_commit; ERR_RANGE (no such chunk); ERR_CORRUPT (other contents). */
NODISCARD enum err snapshot_chunk_check(const struct snapshot *s, uint32_t index, struct span chunk,
                                        struct smt_write *leaves, size_t leaves_max);

/* The number of pairs that a chunk says it has, at most one per 2 bytes of it; 0 when it does not
 * begin like one. */
size_t snapshot_chunk_count(struct span chunk);

/* snapshot_chunk_begin and _next walk through a chunk that was checked. */
struct snapshot_walk {
    struct reader r;
    enum state_store store;
    size_t left;
};
void snapshot_chunk_begin(struct snapshot_walk *walk, struct span chunk);
bool snapshot_chunk_next(struct snapshot_walk *walk, struct span *key, struct span *value);

#endif
