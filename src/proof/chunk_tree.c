#include "proof/chunk_tree.h"

#include "crypto/sha256_pair.h"

/* Literal text with its length; tags carry no NUL. */
const struct merkle_tags chunk_tree_content = {
    .leaf = { (const uint8_t *)"crust/chunk/1", 13 },
    .node = { (const uint8_t *)"crust/chunk-node/1", 18 },
};
const struct merkle_tags chunk_tree_srd = {
    .leaf = { (const uint8_t *)"crust/srd-chunk/1", 17 },
    .node = { (const uint8_t *)"crust/srd-node/1", 16 },
};

enum { DEPTH_MAX = 54 }; /* 2^64 bytes of 2^10 */

uint64_t chunk_tree_count(uint64_t length)
{
    /* SPEC proof 1.2: "An empty block has one empty chunk." */
    if (length == 0)
        return 1;
    /* SPEC proof 1.2: "A block is cut into chunks of 1,024 bytes; the last may be shorter." */
    return (length - 1) / CHUNK_SIZE + 1;
}

uint32_t chunk_tree_length(uint64_t length, uint64_t index)
{
    uint64_t start = index * CHUNK_SIZE;
    ASSERT(index < chunk_tree_count(length));
    return length - start < CHUNK_SIZE ? (uint32_t)(length - start) : CHUNK_SIZE;
}

/* A batch of 16 chunks is a whole subtree: its leaves are hashed side by side, and so are the nodes
 * of each level above them. */
enum { BATCH = 16 };

static const size_t batch_size = (size_t)BATCH * CHUNK_SIZE;

static void batch_root(uint8_t out[32], const struct merkle_tags *tags, const uint8_t *data)
{
    uint8_t hashes[BATCH][32];
    for (size_t i = 0; i < BATCH; i += 2)
        sha256_pair(hashes[i], tags->leaf, span_of(data + i * CHUNK_SIZE, CHUNK_SIZE),
                    span_of(data + (i + 1) * CHUNK_SIZE, CHUNK_SIZE));
    size_t n = BATCH;
    for (; n > 2; n /= 2)
        for (size_t i = 0; i < n; i += 4)
            sha256_pair(hashes[i / 2], tags->node, span_of(hashes[i], 64),
                        span_of(hashes[i + 2], 64));
    merkle_node(out, tags, hashes[0], hashes[1]);
}

/* merkle_add takes leaves; a batch root enters at its own height as if it were a leaf of a tree
 * over batches, which has the same shape because every batch but the last is full. */
void chunk_tree_root(uint8_t out[32], const struct merkle_tags *tags, struct span data)
{
    struct merkle batches;
    struct merkle rest;
    uint8_t hash[32];
    size_t at = 0;
    merkle_init(&batches, tags);
    merkle_init(&rest, tags);
    for (; data.n - at >= batch_size; at += batch_size) {
        batch_root(hash, tags, data.p + at);
        merkle_add(&batches, hash);
    }
    while (at < data.n || data.n == 0) {
        struct span chunk = span_sub(data, at, CHUNK_SIZE);
        merkle_leaf(hash, tags, chunk);
        merkle_add(&rest, hash);
        at += CHUNK_SIZE;
        if (data.n == 0)
            break;
    }
    if (rest.count != 0) {
        merkle_root(hash, &rest);
        merkle_add(&batches, hash);
    }
    merkle_root(out, &batches);
}

/* The largest power of two below n; n >= 2. */
static uint64_t split(uint64_t n)
{
    return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

size_t chunk_tree_path(uint8_t (*path)[32], const struct merkle_tags *tags, struct span data,
                       uint64_t index)
{
    uint64_t count = chunk_tree_count(data.n);
    ASSERT(index < count);
    size_t length = merkle_path_size(index, count);
    /* From the top down, so the path fills from its end. */
    size_t at = length;
    while (count > 1) {
        uint64_t left = split(count);
        size_t left_bytes = (size_t)(left * CHUNK_SIZE);
        struct span l = span_sub(data, 0, left_bytes);
        struct span r = span_sub(data, left_bytes, data.n);
        bool go_left = index < left;
        at--;
        chunk_tree_root(path[at], tags, go_left ? r : l);
        data = go_left ? l : r;
        count = go_left ? left : count - left;
        index = go_left ? index : index - left;
    }
    ASSERT(at == 0);
    return length;
}

enum err chunk_tree_verify(const uint8_t root[32], const struct merkle_tags *tags, uint64_t length,
                           uint64_t index, struct span chunk, struct span path)
{
    uint64_t count = chunk_tree_count(length);
    if (index >= count)
        return ERR_RANGE;
    /* SPEC proof 1.4: "A path of another length MUST be refused, and so MUST a chunk of another
     * length than its place has." */
    if (chunk.n != chunk_tree_length(length, index))
        return ERR_FORMAT;
    if (path.n / 32 > DEPTH_MAX || path.n != merkle_path_size(index, count) * 32)
        return ERR_FORMAT;
    uint8_t hashes[DEPTH_MAX][32];
    if (path.n != 0)
        memcpy(hashes, path.p, path.n);
    uint8_t leaf[32];
    merkle_leaf(leaf, tags, chunk);
    const struct merkle_proof proof = {
        .index = index,
        .count = count,
        .path = (const uint8_t(*)[32])hashes,
        .path_count = path.n / 32,
    };
    return merkle_verify(root, tags, leaf, &proof);
}
