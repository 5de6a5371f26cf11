/* work_state: the whole state of a worker, and what an operation does to it. Enclave, host and
 * chain run this same code. Format: docs/spec/proof.md 4. Pure; no allocation. */
#ifndef CRUST_PROOF_WORK_STATE_H
#define CRUST_PROOF_WORK_STATE_H

#include "proof/sumtree.h"

enum {
    WORK_VOLUMES = REPORT_VOLUMES,
    WORK_VOLUME_SIZE = 4 + 2 * 44,
    WORK_STATE_SIZE = 32 + 8 + WORK_VOLUMES * WORK_VOLUME_SIZE,
};

struct work_tree {
    struct merkle_sum root;
    uint32_t count; /* of leaves */
};

/* Never used: all zero. */
struct work_volume {
    uint32_t generation; /* drops so far */
    struct work_tree files;
    struct work_tree srd;
};

struct work_state {
    uint8_t lineage[32];
    uint64_t seq; /* steps so far */
    struct work_volume volumes[WORK_VOLUMES];
};

/* S_0 of a lineage. */
void work_state_init(struct work_state *s, const uint8_t lineage[32]);

/* S. */
void work_state_hash(uint8_t out[32], const struct work_state *s);

/* The fixed-width form, which is also the preimage of S behind its tag; for stores and journals. */
void work_state_encode(uint8_t out[WORK_STATE_SIZE], const struct work_state *s);

/* work_state_decode: ERR_FORMAT (a tree that is empty with a sum or a count, or the reverse), and
 * ERR_SHORT or ERR_TRAILING. *out zeroed then. */
NODISCARD enum err work_state_decode(struct work_state *out, struct span in);

/* work_state_apply does one operation: OK, ERR_CORRUPT (the path is not of the present tree, or the
 * place is taken, or not held by the leaf), ERR_FORMAT and the rest of sumtree_path_decode and
 * sumtree_run_begin, ERR_RANGE (overflow). *s is unchanged on failure. */
NODISCARD enum err work_state_apply(struct work_state *s, const struct report_op *op);

/* work_state_step checks a step's lineage, seq and prev against s, applies its operations and
 * compares the result with its S. OK; ERR_STATE (lineage, seq or prev); ERR_CORRUPT (S, or an
 * operation), or what work_state_apply returns. *s is unchanged on failure. */
NODISCARD enum err work_state_step(struct work_state *s, const struct report_step *step);

#endif
