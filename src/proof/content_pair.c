#include "proof/content_pair.h"

#include "crypto/sha256_pair.h"

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
static void root_of(uint8_t out[32], const struct merkle_tags *tags, struct span data)
{
    struct merkle batches;
    uint8_t hash[32];
    size_t at = 0;
    merkle_init(&batches, tags);
    for (; data.n - at >= batch_size; at += batch_size) {
        batch_root(hash, tags, data.p + at);
        merkle_add(&batches, hash);
    }
    if (at < data.n || data.n == 0) {
        chunk_tree_root(hash, tags, span_sub(data, at, data.n));
        merkle_add(&batches, hash);
    }
    merkle_root(out, &batches);
}

void content_pair_record_of(struct content_record *out, const struct content_key *key,
                            struct span block)
{
    ASSERT(block.n <= CONTENT_BLOCK_MAX);
    struct content_record record = { .key = *key, .length = (uint32_t)block.n };
    root_of(record.chunk_root, &chunk_tree_content, block);
    *out = record;
}
