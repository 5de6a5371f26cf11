#include "crypto/merkle.h"

const struct merkle_tags merkle_rfc6962 = {
    .leaf = { (const uint8_t *)"\x00", 1 },
    .node = { (const uint8_t *)"\x01", 1 },
};

void merkle_leaf(uint8_t out[MERKLE_HASH_SIZE], const struct merkle_tags *tags, struct span data)
{
    sha256_tagged(out, "", (const struct span[]){ tags->leaf, data }, 2);
}

void merkle_node(uint8_t out[MERKLE_HASH_SIZE], const struct merkle_tags *tags,
                 const uint8_t left[MERKLE_HASH_SIZE], const uint8_t right[MERKLE_HASH_SIZE])
{
    const struct span parts[] = { tags->node, span_of(left, MERKLE_HASH_SIZE),
                                  span_of(right, MERKLE_HASH_SIZE) };
    sha256_tagged(out, "", parts, 3);
}

void merkle_init(struct merkle *m, const struct merkle_tags *tags)
{
    m->tags = tags;
    m->count = 0;
}

/* pending[b] is the root of a complete subtree of 2^b leaves and is set when bit b of count is. */
void merkle_add(struct merkle *m, const uint8_t leaf[MERKLE_HASH_SIZE])
{
    uint8_t hash[MERKLE_HASH_SIZE];
    memcpy(hash, leaf, sizeof(hash));
    size_t b = 0;
    for (; m->count >> b & 1; b++)
        merkle_node(hash, m->tags, m->pending[b], hash);
    memcpy(m->pending[b], hash, sizeof(hash));
    m->count++;
}

void merkle_root(uint8_t out[MERKLE_HASH_SIZE], const struct merkle *m)
{
    bool any = false;
    sha256(out, span_of(NULL, 0));
    for (size_t b = 0; b < MERKLE_DEPTH_MAX; b++) {
        if (!(m->count >> b & 1))
            continue;
        if (any)
            merkle_node(out, m->tags, m->pending[b], out);
        else
            memcpy(out, m->pending[b], MERKLE_HASH_SIZE);
        any = true;
    }
}

void merkle_root_of(uint8_t out[MERKLE_HASH_SIZE], const struct merkle_tags *tags,
                    const uint8_t (*leaves)[MERKLE_HASH_SIZE], uint64_t count)
{
    struct merkle m;
    merkle_init(&m, tags);
    for (uint64_t i = 0; i < count; i++)
        merkle_add(&m, leaves[i]);
    merkle_root(out, &m);
}

/* At each level the last node has no neighbour when its index is even: it moves up as it is. */
size_t merkle_path_size(uint64_t index, uint64_t count)
{
    ASSERT(index < count);
    size_t size = 0;
    for (uint64_t last = count - 1; last != 0; last >>= 1, index >>= 1)
        size += (index & 1) || index < last;
    return size;
}

/* The largest power of two below count, for count >= 2. */
static uint64_t split(uint64_t count)
{
    return 1ull << (63 - __builtin_clzll(count - 1));
}

size_t merkle_path(uint8_t (*path)[MERKLE_HASH_SIZE], const struct merkle_tags *tags,
                   const uint8_t (*leaves)[MERKLE_HASH_SIZE], uint64_t count, uint64_t index)
{
    size_t size = merkle_path_size(index, count);
    /* From the root down: each step drops the half without the leaf and notes its root. */
    for (size_t at = size; count > 1;) {
        uint64_t k = split(count);
        at--;
        if (index < k) {
            merkle_root_of(path[at], tags, leaves + k, count - k);
            count = k;
        } else {
            merkle_root_of(path[at], tags, leaves, k);
            leaves += k;
            count -= k;
            index -= k;
        }
    }
    return size;
}

enum err merkle_verify(const uint8_t root[MERKLE_HASH_SIZE], const struct merkle_tags *tags,
                       const uint8_t leaf[MERKLE_HASH_SIZE], const struct merkle_proof *proof)
{
    uint64_t index = proof->index;
    if (index >= proof->count)
        return ERR_RANGE;
    if (proof->path_count != merkle_path_size(index, proof->count))
        return ERR_FORMAT;
    uint8_t hash[MERKLE_HASH_SIZE];
    memcpy(hash, leaf, sizeof(hash));
    size_t at = 0;
    for (uint64_t last = proof->count - 1; last != 0; last >>= 1, index >>= 1) {
        if (index & 1)
            merkle_node(hash, tags, proof->path[at++], hash);
        else if (index < last)
            merkle_node(hash, tags, hash, proof->path[at++]);
    }
    return memcmp(hash, root, sizeof(hash)) == 0 ? OK : ERR_CORRUPT;
}
