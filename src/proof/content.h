/* content: what a content key commits to beyond its digest: a record per block, and data_root over
 * the records. Format: docs/spec/proof.md 1 and 2. Both are pure functions of the content, so every
 * honest holder of it has the same. Pure; no allocation. */
#ifndef CRUST_PROOF_CONTENT_H
#define CRUST_PROOF_CONTENT_H

#include "codec/cid.h"
#include "crypto/merkle_sum.h"
#include "proof/chunk_tree.h"

enum {
    CONTENT_BLOCK_MAX = 2 << 20, /* the largest block that IPFS peers exchange */
    CONTENT_RECORD_SIZE = 72,
    CONTENT_CHUNK_DEPTH_MAX = 11, /* 2048 chunks */
    CONTENT_RECORD_DEPTH_MAX = 32,
    CONTENT_NODE_SIZE = 40, /* a step of a record path: hash, sum */
};

#define CONTENT_RECORDS_MAX UINT32_MAX
#define CONTENT_SIZE_MAX    ((uint64_t)INT64_MAX)

/* One distinct block of a DAG. */
struct content_record {
    struct content_key key;
    uint32_t length; /* at most CONTENT_BLOCK_MAX */
    uint8_t chunk_root[32];
};

/* What an order and a file leaf carry. */
struct content_commitment {
    uint32_t record_count;
    uint64_t size; /* sum of lengths */
    uint8_t data_root[32];
};

/* True for raw, dag-pb and dag-cbor: the blocks that a DAG may consist of. */
bool content_codec_known(uint64_t codec);

/* content_chunk_root over a whole block; at most CONTENT_BLOCK_MAX bytes (asserted). */
void content_chunk_root(uint8_t out[32], struct span block);

/* content_record_of computes the record of a block whose key the caller has checked. */
void content_record_of(struct content_record *out, const struct content_key *key,
                       struct span block);

void content_record_encode(uint8_t out[CONTENT_RECORD_SIZE], const struct content_record *record);

/* content_record_decode: OK, ERR_UNSUPPORTED (the codec), ERR_RANGE (the length). Zeroed then. */
NODISCARD enum err content_record_decode(struct content_record *out,
                                         const uint8_t in[CONTENT_RECORD_SIZE]);

/* The leaf of a record in the record tree: its sum is the length. */
void content_record_leaf(struct merkle_sum *out, const struct content_record *record);

/* A commitment under way: the records in ascending order, each once. About 3 KiB. */
struct content_data {
    struct merkle_sum_tree tree;
    struct content_key last;
};

void content_data_init(struct content_data *d);

/* content_data_add: OK, ERR_FORMAT (not above the record before), ERR_UNSUPPORTED (codec),
 * ERR_RANGE (length, or the total), ERR_LIMIT (too many). Nothing is added then. */
NODISCARD enum err content_data_add(struct content_data *d, const struct content_record *record);

/* content_data_finish: ERR_FORMAT when nothing was added; *out is zeroed then. */
NODISCARD enum err content_data_finish(struct content_commitment *out,
                                       const struct content_data *d);

/* data_root from the record tree's root, whose sum is the size. */
void content_data_root(uint8_t out[32], uint64_t record_count, const struct merkle_sum *root);

/* content_record_path writes the path of record index among the leaves of all records, steps of
 * CONTENT_NODE_SIZE bytes, bottom up. The total must not overflow (asserted).
 * ERR_LIMIT in the writer when it is too small: CONTENT_RECORD_DEPTH_MAX steps are enough. */
void content_record_path(struct writer *w, const struct merkle_sum *leaves, uint32_t record_count,
                         uint32_t index);

/* A claim that a record stands at an index of the content that data_root and size name. All
 * fields but size and data_root may come from a stranger. */
struct content_claim {
    uint64_t size;
    const uint8_t *data_root;
    uint32_t record_count;
    uint32_t index;
    struct span path; /* steps of CONTENT_NODE_SIZE bytes */
};

/* content_record_verify. Out: *start, the sum of the lengths of the records before it; 0 on
 * failure. Returns: OK, ERR_RANGE (index, count or sums), ERR_FORMAT (the length of the path),
 * ERR_CORRUPT (another data_root or size). */
NODISCARD enum err content_record_verify(uint64_t *start, const struct content_record *record,
                                         const struct content_claim *claim);

#endif
