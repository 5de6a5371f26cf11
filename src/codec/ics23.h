/* ics23: proofs over the state's trees in the form of ICS-23 (github.com/cosmos/ics23,
 * proto/cosmos/ics23/v1/proofs.proto), which light clients in other languages read.
 * Rules: docs/spec/state-tree.md 6. Pure; no allocation.
 *
 * A CommitmentProof holds an ExistenceProof, whose ProofSpec is ICS-23's SmtSpec, or a
 * NonExistenceProof by the neighbours of the key. A tree keeps hashes only, so the neighbours of a
 * NonExistenceProof are named by them: its ProofSpec is SmtSpec with NO_HASH in place of SHA256 for
 * prehash_key and prehash_value, and keys and values are the hashes. */
#ifndef CRUST_CODEC_ICS23_H
#define CRUST_CODEC_ICS23_H

#include "base/writer.h"
#include "crypto/smt.h"

enum {
    ICS23_PATH_SIZE_MAX = SMT_DEPTH_MAX * 41,
    /* Of an ExistenceProof besides its key and value. */
    ICS23_EXIST_OVERHEAD = ICS23_PATH_SIZE_MAX + 64,
    ICS23_ABSENT_SIZE_MAX = 2 * (ICS23_EXIST_OVERHEAD + 2 * SMT_HASH_SIZE) + 64,
};

/* ics23_write_existence writes a CommitmentProof of kind exist: key and value themselves, with the
 * path that smt_prove gave for the key's hash (SMT_PRESENT, asserted). */
void ics23_write_existence(struct writer *w, struct span key, struct span value,
                           const struct smt_proof *proof);

/* A leaf beside the key, as smt_neighbour and smt_prove give it. */
struct ics23_side {
    struct smt_leaf leaf;
    struct smt_proof proof;
};

/* ics23_write_absence writes a CommitmentProof of kind nonexist. left or right is NULL when no leaf
 * stands on that side; both only in an empty tree, which ICS-23 itself has no proof for. */
void ics23_write_absence(struct writer *w, const uint8_t key_hash[SMT_HASH_SIZE],
                         const struct ics23_side *left, const struct ics23_side *right);

/* ics23_verify checks a proof from anywhere against a root that is trusted. Either ProofSpec of
 * above is accepted in both kinds. Sides of a path must be those of the key hash's bits.
 * In:      value, or NULL to ask for absence.
 * Returns: OK, ERR_SHORT or ERR_FORMAT (not such a proof, or of the other kind), ERR_LIMIT (a path
 *          of more than 256 steps), ERR_CORRUPT (it does not show this for this root). */
NODISCARD enum err ics23_verify(const uint8_t root[SMT_HASH_SIZE], struct span key,
                                const struct span *value, struct span proof);

/* ics23_root gives the root that a proof leads to, unchecked: ics23_verify with this root says
 * whether it shows anything at all. Returns OK, ERR_SHORT, ERR_FORMAT, ERR_LIMIT. */
NODISCARD enum err ics23_root(uint8_t root[SMT_HASH_SIZE], struct span proof);

#endif
