/* chunk_tree: RFC 6962 trees over the 1 KiB chunks of a run of bytes. Both trees of that kind, over
 * a block and over an extent of sealed random data, differ in their tags only.
 * Format: docs/spec/proof.md 1. Pure; no allocation. This is a pass over all stored data: the hash
 * runs two chunks side by side where the processor has SHA instructions. */
#ifndef CRUST_PROOF_CHUNK_TREE_H
#define CRUST_PROOF_CHUNK_TREE_H

#include "crypto/merkle.h"

enum { CHUNK_SIZE = 1024 };

extern const struct merkle_tags chunk_tree_content; /* "crust/chunk/1", "crust/chunk-node/1" */
extern const struct merkle_tags chunk_tree_srd;     /* "crust/srd-chunk/1", "crust/srd-node/1" */

/* Chunks in length bytes; an empty run has one empty chunk. */
uint64_t chunk_tree_count(uint64_t length);

/* The length of chunk index (below the count) of a run of length bytes. */
uint32_t chunk_tree_length(uint64_t length, uint64_t index);

void chunk_tree_root(uint8_t out[32], const struct merkle_tags *tags, struct span data);

/* chunk_tree_path writes the audit path of chunk index, 32 bytes a step, bottom up. It hashes all
 * of data but that chunk. Room: merkle_path_size(index, chunk_tree_count(data.n)) hashes.
 * Returns the number of hashes. */
size_t chunk_tree_path(uint8_t (*path)[32], const struct merkle_tags *tags, struct span data,
                       uint64_t index);

/* chunk_tree_verify checks that chunk stands at index in a run of length bytes with this root. path
 * is hashes back to back. Returns: OK, ERR_RANGE (index), ERR_FORMAT (the length of chunk or path),
 * ERR_CORRUPT. */
NODISCARD enum err chunk_tree_verify(const uint8_t root[32], const struct merkle_tags *tags,
                                     uint64_t length, uint64_t index, struct span chunk,
                                     struct span path);

#endif
