/* work_proof: the proofs that disputes carry. Format: docs/spec/work.md 8.5. Used by work*.c, and
 * by those who make disputes. Pure; views into the input. */
#ifndef CRUST_CHAIN_WORK_PROOF_H
#define CRUST_CHAIN_WORK_PROOF_H

#include "proof/content.h"

enum { WORK_PROOF_RECORDS_MAX = 3 };

struct work_proof_record {
    uint32_t index;
    const uint8_t *record; /* CONTENT_RECORD_SIZE bytes */
    struct span path;      /* steps of CONTENT_NODE_SIZE bytes */
};

/* {"n": uint, "size": uint, "missing": [codec, digest] or null, "records": [[index, record, path],
 * ...], "data_root": bytes 32} */
struct work_proof {
    uint32_t n; /* records of the content */
    uint64_t size;
    const uint8_t *data_root;
    bool has_key;
    struct content_key key; /* "missing": the key that the dispute is about */
    uint32_t count;
    struct work_proof_record records[WORK_PROOF_RECORDS_MAX];
};

/* work_proof_decode reads exactly one proof, strictly. Returns OK, ERR_SHORT, ERR_TRAILING,
 * ERR_FORMAT, ERR_RANGE, ERR_LIMIT; *out zeroed then. */
NODISCARD enum err work_proof_decode(struct work_proof *out, struct span in);
void work_proof_encode(struct writer *w, const struct work_proof *proof);

#endif
