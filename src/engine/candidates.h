/* candidates: which of the transactions that wait can be in one block together. Loop thread. */
#ifndef CRUST_ENGINE_CANDIDATES_H
#define CRUST_ENGINE_CANDIDATES_H

#include "chain/chain.h"

/* candidates_settle drops what the block would hold in vain: of those with the same signer and
 * number all but the best paying, and those whose number does not follow from the state's and the
 * others'. What is left keeps its order. A transaction that is dropped keeps waiting; in a block it
 * would fail and be gone. In/out: list, *count. */
void candidates_settle(struct chain *c, struct chain_candidate *list, size_t *count);

#endif
