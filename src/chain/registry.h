/* registry: the vendors' documents that evidence is judged by, kept on chain. Anyone posts them;
 * each is verified when the block runs that holds it. Spec: docs/spec/attest.md 11. Pure.
 *
 * In the store `attest`: 'c' | kind | id -> [issued, lapses, evaluation, height, account, issuer,
 * document]; 'o' | 0 Intel, 1 to 3 AMD's products -> a root of genesis, DER. */
#ifndef CRUST_CHAIN_REGISTRY_H
#define CRUST_CHAIN_REGISTRY_H

#include "attest/needs.h"
#include "attest/verdict.h"
#include "chain/ledger.h"

enum { REGISTRY_ROOTS = 1 + SNP_PRODUCTS };

struct registry_entry {
    struct collateral_entry entry;
    uint64_t height;              /* of the block that took it */
    uint8_t account[32];          /* who posted it */
    struct span issuer, document; /* borrowed until the next write */
};

/* ---- reading --------------------------------------------------------------------------------- */

/* The entry that is kept; false: none. */
bool registry_get(struct ledger *l, struct registry_entry *out, enum collateral_kind kind,
                  const uint8_t id[COLLATERAL_ID_SIZE]);

/* The next entry after this kind and id; after NULL: the first. False: no more. */
struct registry_place {
    enum collateral_kind kind;
    uint8_t id[COLLATERAL_ID_SIZE];
};
bool registry_next(struct ledger *l, struct registry_entry *out,
                   const struct registry_place *after);

/* The key of an entry in the store, for proofs. */
enum { REGISTRY_KEY_SIZE = 2 + COLLATERAL_ID_SIZE };
void registry_key(uint8_t out[REGISTRY_KEY_SIZE], enum collateral_kind kind,
                  const uint8_t id[COLLATERAL_ID_SIZE]);

/* "tcb-info", "qe-identity", ...; "?" for others. Static storage. */
const char *registry_kind_name(enum collateral_kind kind);

/* The roots that this network trusts: the vendors', or those of a genesis of a test network.
 * Borrowed until the next write. */
void registry_roots(struct ledger *l, struct attest_roots *out);

/* Whether genesis brought roots of its own. */
bool registry_has_roots(struct ledger *l);

/* Genesis only. which: 0 Intel, 1 to 3 AMD's products. ERR_FORMAT: no certificate. */
NODISCARD enum err registry_set_root(struct ledger *l, uint32_t which, struct span der);

/* What a verification of this evidence is judged by: everything the registry has of what it needs.
 * What is missing stays empty, so that the verification refuses. Borrowed until the next write;
 * inputs points into *out. */
struct registry_inputs {
    struct attest_roots roots;
    struct attest_collateral collateral;
    struct attest_inputs inputs;
};
void registry_inputs(struct ledger *l, struct registry_inputs *out, const struct needs *needs);

/* ---- collateral.post ------------------------------------------------------------------------- */

enum tx_result registry_check_post(struct ledger *l, const struct ledger_call *call);
void registry_apply_post(struct ledger *l, const struct ledger_call *call);

/* A post that check lets through pays no fee when it is the first of its id, of a higher evaluation
 * number, or newer by params.collateral_fresh_s: then it is of use. */
bool registry_is_useful(struct ledger *l, const struct ledger_call *call);

#endif
