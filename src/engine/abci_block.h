/* abci_block: a block of CometBFT as a block of ours. Spec: docs/spec/abci.md 4. Part of abci_app.
 */
#ifndef CRUST_ENGINE_ABCI_BLOCK_H
#define CRUST_ENGINE_ABCI_BLOCK_H

#include "codec/abci.h"
#include "codec/agreement.h"
#include "codec/block.h"
#include "engine/engine.h"

struct abci_decided {
    struct block_header header;
    struct agreement agreement;
    struct span *txs; /* into the request, or into the record */
    bool *signatures;
    struct chain_tx_result *results;
    size_t tx_count;
    struct mspan record; /* after abci_decided_keep */
};

/* abci_decided_fill takes a request's block, which follows info. Out: *d, freed with
 * abci_decided_free, also on failure. txs point into the request. ERR_MEMORY, ERR_LIMIT (more
 * transactions than a record holds). */
NODISCARD enum err abci_decided_fill(struct abci_decided *d, const struct abci_block *b,
                                     const struct engine_app *app, const struct engine_info *info);
void abci_decided_free(struct abci_decided *d);

struct engine_block abci_decided_block(const struct abci_decided *d);

/* abci_decided_keep makes the record and points txs into it, so that the request may go.
 * ERR_MEMORY, ERR_LIMIT. */
NODISCARD enum err abci_decided_keep(struct abci_decided *d);

#endif
