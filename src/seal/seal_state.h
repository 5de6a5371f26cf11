/* seal_state: what a worker claims to hold, the operations not yet cut into a step, and the numbers
 * of what may still be added. Spec: docs/spec/seal.md sections 7 to 9. Pure.
 *
 * Every replica and every extent is born under a number of its own. The number is alive from
 * BEGIN until its ticket is used or given up, and an add consumes it: so a ticket, however many
 * copies of it or of its checkpoint exist, puts one leaf into a tree once. */
#ifndef CRUST_SEAL_SEAL_STATE_H
#define CRUST_SEAL_SEAL_STATE_H

#include "codec/enclave_msg.h"
#include "codec/enclave_reply.h"
#include "proof/work_state.h"
#include "seal/seal_keys.h"

enum {
    /* What a step has around its operations: map head, five keys, three hashes, two numbers. */
    SEAL_STATE_STEP_OVERHEAD = 144,
    SEAL_STATE_OPS_MAX = REPORT_STEP_SIZE_MAX - SEAL_STATE_STEP_OVERHEAD,
};

struct seal_number {
    uint64_t number;
    uint32_t segments; /* closed so far; a checkpoint with fewer is an old one */
};

struct seal_state {
    struct work_state base; /* after the last cut */
    struct work_state now;  /* base and the pending operations */
    uint64_t next_number;
    uint32_t number_count;
    struct seal_number numbers[ENCLAVE_NUMBERS_MAX];
    /* SPEC seal 7.4: "Only the worker whose key is the record's owner may change the state." */
    uint8_t owner[32];
    uint64_t floor;            /* date of the newest release certificate seen; seconds */
    struct report_ops pending; /* what ops holds */
    size_t ops_size;
    uint8_t ops[SEAL_STATE_OPS_MAX];
};

/* The empty state of a worker. */
void seal_state_init(struct seal_state *s, const struct seal_keys *keys);

/* seal_state_encode writes the state record with its MAC, at most ENCLAVE_STATE_MAX bytes. */
void seal_state_encode(struct writer *w, const struct seal_state *s, const struct seal_keys *keys);

/* seal_state_decode: OK; ERR_SIGNATURE (not a record of this lineage's keys), ERR_FORMAT and the
 * rest of a reader's errors. *s is zeroed on failure. */
NODISCARD enum err seal_state_decode(struct seal_state *s, struct span record,
                                     const struct seal_keys *keys);

/* seal_state_number_new gives a fresh number. ERR_LIMIT when too many are alive. */
NODISCARD enum err seal_state_number_new(struct seal_state *s, uint64_t *number);

/* The entry of a number that is alive, or NULL. Valid until the next change. */
struct seal_number *seal_state_number(struct seal_state *s, uint64_t number);

/* ERR_NOT_FOUND when it is not alive. */
NODISCARD enum err seal_state_number_end(struct seal_state *s, uint64_t number);

/* seal_state_ticket writes number | leaf | MAC. The leaf of a file is ENCLAVE_LEAF_SIZE bytes, the
 * preimage of its hash; that of an extent is root | size u64. kind is one that adds. */
void seal_state_ticket(uint8_t *out, const struct seal_keys *keys, enum report_op_kind kind,
                       uint64_t number, struct span leaf);

/* The file that leaf bytes name; borrows. */
struct report_file seal_state_leaf_decode(const uint8_t leaf[ENCLAVE_LEAF_SIZE]);

/* Each changes the pending operations, or nothing and returns: ERR_SIGNATURE (a ticket is not
 * ours), ERR_EXISTS (it was used or given up, or stands twice in the list), ERR_FULL (the step has
 * no room: cut first), or what work_state_apply says about path and place. */
NODISCARD enum err seal_state_add(struct seal_state *s, const struct seal_keys *keys,
                                  enum report_op_kind kind, const struct enclave_add *m);
NODISCARD enum err seal_state_remove_file(struct seal_state *s,
                                          const struct enclave_remove_file *m);
NODISCARD enum err seal_state_remove_extent(struct seal_state *s,
                                            const struct enclave_remove_extent *m);
NODISCARD enum err seal_state_drop(struct seal_state *s, uint8_t volume);

/* seal_state_cut closes the pending operations into a step, written to step, which out borrows;
 * out->record is left to the caller. ERR_STATE: there are none. */
NODISCARD enum err seal_state_cut(struct seal_state *s, struct enclave_cut_reply *out,
                                  struct mspan step, const struct seal_keys *keys);

/* The size of the step that a cut would give now; 0 without operations. */
uint32_t seal_state_pending_size(const struct seal_state *s);

/* What earlier cuts gave, checked: ERR_SIGNATURE, or the decoder's error. */
NODISCARD enum err seal_state_open_cut(struct work_state *out, struct span cut,
                                       const struct seal_keys *keys);
NODISCARD enum err seal_state_open_step(struct report_step *out, struct span step, struct span mac,
                                        const struct seal_keys *keys);

#endif
