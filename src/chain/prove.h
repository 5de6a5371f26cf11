/* prove: a record of the state, or that there is none, proved to someone who knows an app hash:
 * from a header that validators signed, so the height after the one that is asked about. Spec:
 * docs/spec/state-tree.md 7. Pure.
 *
 * The form is that of CometBFT's Query: ProofOps of two steps, "ics23:smt" within the store's tree
 * (codec/ics23.h) and "simple:v" from the store's root to the app hash. */
#ifndef CRUST_CHAIN_PROVE_H
#define CRUST_CHAIN_PROVE_H

#include "base/writer.h"
#include "chain/state.h"

enum {
    PROVE_OPS_MAX = 44 * 1024, /* room that every proof fits into */
    PROVE_OPS_COUNT = 2,       /* steps of a proof */
};

/* prove_record writes ProofOps for the record under key as of the last state_commit. Out: *value,
 * borrowed until the next write; value->p is NULL when there is no record.
 * Returns: OK; ERR_UNSUPPORTED (the store has no proofs); ERR_LIMIT (key or room); or st->err. */
NODISCARD enum err prove_record(struct state *st, struct writer *w, struct span *value,
                                enum state_store store, struct span key);

/* prove_check checks ProofOps from anywhere. value: NULL asks for absence.
 * Returns: OK; ERR_SHORT, ERR_FORMAT, ERR_LIMIT (not such a proof); ERR_CORRUPT (it does not show
 *          this for this app hash). */
struct prove_claim {
    const char *store; /* its name, state_store_name */
    struct span key;
    const struct span *value;
};
NODISCARD enum err prove_check(const uint8_t app_hash[STATE_HASH_SIZE],
                               const struct prove_claim *claim, struct span ops);

/* The store of a name; false: there is none. */
bool prove_store(enum state_store *out, struct span name);

#endif
