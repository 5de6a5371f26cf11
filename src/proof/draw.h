/* draw: which bytes a worker must open, as the beacon says. Format: docs/spec/proof.md 5.
 * Pure; no allocation. A volume set is a 16-bit mask, bit v for volume v. */
#ifndef CRUST_PROOF_DRAW_H
#define CRUST_PROOF_DRAW_H

#include "base/u128.h"
#include "proof/work_state.h"

enum { DRAW_LIST_MAX = REPORT_ANSWERS_MAX };

/* Kinds of draws; an answer to a return draw is of kind 2 or 3, as the offset falls. */
enum draw_kind { DRAW_FILES = 0, DRAW_SRD = 1, DRAW_RETURN = 2 };

/* What the draws of one slot depend on; each 32 bytes. */
struct draw_seed {
    const uint8_t *chain;
    const uint8_t *beacon;
    const uint8_t *lineage;
    uint64_t slot;
};

/* A byte of a volume. */
struct draw_place {
    uint8_t volume;
    bool srd;        /* in the SRD tree, else in the file tree */
    uint64_t offset; /* within that tree */
};

struct draw {
    enum report_answer_kind kind; /* that the answer must have */
    uint32_t j;
    struct draw_place place;
};

/* Ordered as the answers must be: files by j, then SRD by j; return draws by j. */
struct draw_list {
    uint32_t count;
    struct draw draws[DRAW_LIST_MAX];
};

/* The draw modulo total, which is at least 1 (asserted). */
u128 draw_offset(const struct draw_seed *seed, enum draw_kind kind, uint32_t j, u128 total);

/* Bytes in the file trees, or in the SRD trees, of the volumes outside suspended. */
u128 draw_total(const struct work_state *s, uint16_t suspended, bool srd);

/* The place of an offset that runs through the trees of one kind of the volumes outside suspended,
 * ascending. ERR_RANGE when offset is not below the total. */
NODISCARD enum err draw_locate(struct draw_place *out, const struct work_state *s,
                               uint16_t suspended, bool srd, u128 offset);

struct draw_counts {
    uint32_t files;
    uint32_t srd;
};

/* draw_slot gives the draws of a slot over the state at its start; those of a kind without bytes
 * fall away. files + srd <= DRAW_LIST_MAX (asserted). */
void draw_slot(struct draw_list *out, const struct draw_seed *seed, const struct work_state *s,
               uint16_t suspended, struct draw_counts counts);

/* draw_return gives the count draws that volume answers on its return: none if it holds no byte. */
void draw_return(struct draw_list *out, const struct draw_seed *seed, const struct work_state *s,
                 uint8_t volume, uint32_t count);

/* Private draws of the enclave: 64 + ceil(sqrt(leaves of the unsuspended volumes)); none when those
 * hold no byte. */
uint32_t draw_private_count(const struct work_state *s, uint16_t suspended);

/* What the private draws depend on besides the state; key and beacon are 32 bytes. */
struct draw_secret {
    const uint8_t *inspect_key;
    const uint8_t *beacon;
    uint64_t slot;
};

/* Private draw i over the files of all unsuspended volumes, then their SRD. The total is not zero
 * (asserted). */
void draw_private(struct draw_place *out, const struct draw_secret *secret, uint32_t i,
                  const struct work_state *s, uint16_t suspended);

/* draw_send_offset: in which block of a slot a worker sends its first report, spread over the first
 * three quarters of the report part of report_blocks blocks, so that they do not all come at once.
 * A rule of manners: the chain takes a first report in the whole report part. */
uint32_t draw_send_offset(const uint8_t lineage[32], uint64_t slot, uint32_t report_blocks);

#endif
