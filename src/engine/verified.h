/* verified: which transactions were found to carry a good signature, so that each is checked once
 * on its way through CheckTx, a proposal and a block. Keyed by the id, the hash of all bytes with
 * the signature in them: another byte is another id. Bounded; what is pushed out is checked again.
 * Loop thread. */
#ifndef CRUST_ENGINE_VERIFIED_H
#define CRUST_ENGINE_VERIFIED_H

#include "base/err.h"
#include "codec/tx.h"

enum {
    VERIFIED_SETS = 1 << 16, /* by the first two bytes of the id */
    VERIFIED_WAYS = 2, /* 4 MiB in all: of 20,000 in flight it forgets fewer than one in 200 */
};

struct verified;

/* verified_new: NULL when out of memory. Freed with verified_free, which accepts NULL. */
struct verified *verified_new(void);
void verified_free(struct verified *v);

bool verified_has(const struct verified *v, const uint8_t id[TX_ID_SIZE]);

/* verified_add: the oldest of its set makes room. */
void verified_add(struct verified *v, const uint8_t id[TX_ID_SIZE]);

#endif
