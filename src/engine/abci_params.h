/* abci_params: what the chain's parameters ask of CometBFT's consensus parameters. A wrong one
 * would stop every node for ever, so what is given here keeps to CometBFT's rules whatever
 * governance decides. Spec: docs/spec/abci.md 6. Pure. */
#ifndef CRUST_ENGINE_ABCI_PARAMS_H
#define CRUST_ENGINE_ABCI_PARAMS_H

#include "chain/params.h"
#include "codec/abci.h"

enum {
    ABCI_PARAMS_EVIDENCE_BYTES = 512 * 1024, /* of a block, for evidence */
    ABCI_PARAMS_OVERHEAD = 1024 * 1024,      /* header and votes of 128 validators, of any key */
    ABCI_PARAMS_BLOCK_LIMIT = 100 << 20,     /* CometBFT's own limit */
    ABCI_PARAMS_ROOM = 16,                   /* of the list of key types */
};

/* All that InitChain sets. room: kept as long as *out. app: version of the application. */
void abci_params_of(struct abci_params *out, const struct params *p, uint64_t app,
                    uint8_t room[ABCI_PARAMS_ROOM]);

/* What FinalizeBlock changes: present only where the two ask for different things. */
void abci_params_change(struct abci_params *out, const struct params *before,
                        const struct params *after);

/* abci_params_check: can a genesis with these be brought to what abci_params_of gives? Returns
 * NULL, or what is wrong with them (static storage). Absent ones are not looked at. */
const char *abci_params_check(const struct abci_params *given, uint64_t app);

#endif
