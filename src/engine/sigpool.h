/* sigpool: checks the signatures of many transactions on all cores. The caller waits; the threads
 * run pure code on memory that it lends. One caller at a time. */
#ifndef CRUST_ENGINE_SIGPOOL_H
#define CRUST_ENGINE_SIGPOOL_H

#include "base/err.h"
#include "base/span.h"

struct sigpool;

/* sigpool_open starts threads - 1 helpers (the caller works too); 0: one thread per core. *out:
 * given, closed with sigpool_close. ERR_MEMORY. */
NODISCARD enum err sigpool_open(struct sigpool **out, uint32_t threads);
void sigpool_close(struct sigpool *pool);

/* sigpool_check sets ok[i] to whether txs[i] decodes and tx_check_signature accepts it. Entries
 * that are true already are left alone: they were checked before. */
void sigpool_check(struct sigpool *pool, bool *ok, const struct span *txs, size_t count);

#endif
