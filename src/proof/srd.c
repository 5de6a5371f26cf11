#include "proof/srd.h"

enum { ROW_CHUNKS = SRD_ROW_SIZE / CHUNK_SIZE };

bool srd_size_valid(uint64_t size)
{
    /* SPEC proof 1.5: "a size that is a power of two from 2^10 to 2^62" */
    return size >= CHUNK_SIZE && size <= (uint64_t)1 << 62 && (size & (size - 1)) == 0;
}

void srd_row_root(uint8_t out[32], const uint8_t *row)
{
    chunk_tree_root(out, &chunk_tree_srd, span_of(row, SRD_ROW_SIZE));
}

void srd_extent_init(struct srd_extent *e)
{
    merkle_init(&e->tree, &chunk_tree_srd);
}

/* Rows are whole subtrees of one height, so their roots form the upper part of the tree. */
void srd_extent_add(struct srd_extent *e, const uint8_t row_root[32])
{
    merkle_add(&e->tree, row_root);
}

enum err srd_extent_root(uint8_t out[32], const struct srd_extent *e)
{
    uint64_t n = e->tree.count;
    memset(out, 0, 32);
    if (n == 0 || (n & (n - 1)) != 0)
        return ERR_FORMAT;
    merkle_root(out, &e->tree);
    return OK;
}

size_t srd_path(uint8_t (*path)[32], const uint8_t *row, const uint8_t (*row_roots)[32],
                uint64_t row_count, uint64_t chunk)
{
    ASSERT(row_count != 0 && (row_count & (row_count - 1)) == 0);
    ASSERT(chunk / ROW_CHUNKS < row_count);
    size_t n =
        chunk_tree_path(path, &chunk_tree_srd, span_of(row, SRD_ROW_SIZE), chunk % ROW_CHUNKS);
    n += merkle_path(path + n, &chunk_tree_srd, row_roots, row_count, chunk / ROW_CHUNKS);
    return n;
}

enum err srd_verify(const uint8_t root[32], uint64_t size, uint64_t chunk_index, struct span chunk,
                    struct span path)
{
    if (!srd_size_valid(size))
        return ERR_RANGE;
    return chunk_tree_verify(root, &chunk_tree_srd, size, chunk_index, chunk, path);
}
