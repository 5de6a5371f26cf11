/* merkle: hash trees of the shape of RFC 6962 2.1 over SHA-256, with the caller's tags.
 *
 *   leaf(data) = SHA-256(tags.leaf || data)      node(l, r) = SHA-256(tags.node || l || r)
 * n leaves split at the largest power of two below n. No leaves: SHA-256(""). One leaf: its hash.
 * RFC 6962's own tags are the bytes 0x00 and 0x01 (merkle_rfc6962). The two tags of one tree
 * differ, and a leaf's data never has the form of a node's. Pure; no allocation. */
#ifndef CRUST_CRYPTO_MERKLE_H
#define CRUST_CRYPTO_MERKLE_H

#include "base/err.h"
#include "crypto/sha256.h"

enum {
    MERKLE_HASH_SIZE = SHA256_SIZE,
    MERKLE_DEPTH_MAX = 64, /* counts are 64 bits */
};

struct merkle_tags {
    struct span leaf;
    struct span node;
};

extern const struct merkle_tags merkle_rfc6962;

void merkle_leaf(uint8_t out[MERKLE_HASH_SIZE], const struct merkle_tags *tags, struct span data);

/* merkle_node; out may be left or right. */
void merkle_node(uint8_t out[MERKLE_HASH_SIZE], const struct merkle_tags *tags,
                 const uint8_t left[MERKLE_HASH_SIZE], const uint8_t right[MERKLE_HASH_SIZE]);

/* A root under way: one pending hash per bit of count. About 2 KiB. */
struct merkle {
    const struct merkle_tags *tags; /* kept until the last use */
    uint64_t count;
    uint8_t pending[MERKLE_DEPTH_MAX][MERKLE_HASH_SIZE];
};

void merkle_init(struct merkle *m, const struct merkle_tags *tags);

/* merkle_add appends one leaf hash. Amortised one node hash. */
void merkle_add(struct merkle *m, const uint8_t leaf[MERKLE_HASH_SIZE]);

/* merkle_root gives the root of what was added so far; more may be added after. */
void merkle_root(uint8_t out[MERKLE_HASH_SIZE], const struct merkle *m);

/* merkle_root_of gives the root of count leaf hashes. */
void merkle_root_of(uint8_t out[MERKLE_HASH_SIZE], const struct merkle_tags *tags,
                    const uint8_t (*leaves)[MERKLE_HASH_SIZE], uint64_t count);

/* merkle_path_size gives the number of hashes in the path of leaf index among count; at most 64.
 * index < count (asserted). */
size_t merkle_path_size(uint64_t index, uint64_t count);

/* merkle_path writes the audit path of leaf index, the leaf's neighbour first, and returns its
 * length. path has room for merkle_path_size. It hashes the whole tree: count - 1 nodes or fewer.
 */
size_t merkle_path(uint8_t (*path)[MERKLE_HASH_SIZE], const struct merkle_tags *tags,
                   const uint8_t (*leaves)[MERKLE_HASH_SIZE], uint64_t count, uint64_t index);

/* A claim that leaf stands at index among count leaves. All fields may come from outside. */
struct merkle_proof {
    uint64_t index;
    uint64_t count;
    const uint8_t (*path)[MERKLE_HASH_SIZE];
    size_t path_count;
};

/* merkle_verify checks it. The side of each step follows from index and count, never from the
 * proof. Returns: OK, ERR_RANGE (index not below count), ERR_FORMAT (a path of the wrong length),
 * ERR_CORRUPT (another root). */
NODISCARD enum err merkle_verify(const uint8_t root[MERKLE_HASH_SIZE],
                                 const struct merkle_tags *tags,
                                 const uint8_t leaf[MERKLE_HASH_SIZE],
                                 const struct merkle_proof *proof);

#endif
