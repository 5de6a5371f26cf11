/* srd: the commitment to an extent of sealed random data. Format: docs/spec/proof.md 1.5.
 * An extent is a power of two rows of 1 MiB; a row is hashed when it is written and its hash kept,
 * so that a draw later reads one row and not the extent. Pure; no allocation. */
#ifndef CRUST_PROOF_SRD_H
#define CRUST_PROOF_SRD_H

#include "proof/chunk_tree.h"

enum {
    SRD_ROW_SIZE = 1 << 20,
    SRD_DEPTH_MAX = 52, /* an extent is at most 2^62 bytes */
};

/* True for a power of two from 1 KiB, one chunk, to 2^62. */
bool srd_size_valid(uint64_t size);

/* The root of one row of SRD_ROW_SIZE bytes. */
void srd_row_root(uint8_t out[32], const uint8_t *row);

/* An extent under way. */
struct srd_extent {
    struct merkle tree;
};

void srd_extent_init(struct srd_extent *e);
void srd_extent_add(struct srd_extent *e, const uint8_t row_root[32]);

/* srd_extent_root: ERR_FORMAT unless the rows are a power of two; out zeroed then. */
NODISCARD enum err srd_extent_root(uint8_t out[32], const struct srd_extent *e);

/* srd_path writes the path of a chunk of an extent from the row that holds it and the roots of all
 * rows: chunk is counted in the whole extent, row is the bytes of row chunk / 1024. row_count is a
 * power of two (asserted). Returns the number of hashes; SRD_DEPTH_MAX is room enough. */
size_t srd_path(uint8_t (*path)[32], const uint8_t *row, const uint8_t (*row_roots)[32],
                uint64_t row_count, uint64_t chunk);

/* srd_verify checks a chunk of an extent of size bytes: OK, ERR_RANGE, ERR_FORMAT, ERR_CORRUPT. */
NODISCARD enum err srd_verify(const uint8_t root[32], uint64_t size, uint64_t chunk_index,
                              struct span chunk, struct span path);

#endif
