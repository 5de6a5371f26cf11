/* opening: checks the answer to a draw, from a chunk of data up to a volume's root.
 * Format: docs/spec/proof.md 6. Positions, lengths and directions follow from the draw and the
 * commitments, never from the proof. Exactly the honest opening passes. Pure; no allocation. */
#ifndef CRUST_PROOF_OPENING_H
#define CRUST_PROOF_OPENING_H

#include "proof/content.h"
#include "proof/draw.h"

/* opening_record checks an opening of a file from the root down to the record that covers offset;
 * its chunk is not looked at. Out: the record, and where in it the byte is. Returns as below. */
NODISCARD enum err opening_record(struct content_record *record, uint64_t *rest,
                                  const struct merkle_sum *root, uint64_t offset,
                                  const struct report_file_opening *opening);

/* opening_file checks an opening of the byte at offset of the file tree with this root; opening_srd
 * of the SRD tree. Returns: OK, or any of ERR_CORRUPT, ERR_FORMAT, ERR_RANGE, ERR_SHORT,
 * ERR_TRAILING, ERR_UNSUPPORTED: all of them mean that it is false. */
NODISCARD enum err opening_file(const struct merkle_sum *root, uint64_t offset,
                                const struct report_file_opening *opening);
NODISCARD enum err opening_srd(const struct merkle_sum *root, uint64_t offset,
                               const struct report_srd_opening *opening);

/* opening_matches tells whether the answers of an entry are to exactly these draws, in order: the
 * kinds and numbers, miss or not. */
bool opening_matches(const struct draw_list *draws, const struct report_entry *entry);

/* opening_check checks the opening of one draw (not a miss) against the state it was drawn over. */
NODISCARD enum err opening_check(const struct work_state *s, const struct draw *draw,
                                 const struct report_answer *answer);

#endif
