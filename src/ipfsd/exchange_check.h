/* exchange_check: blocks that have come are hashed by a thread of their own, beside the loop, which
 * meanwhile takes and deciphers what comes next. Two blocks of one length are hashed side by side,
 * which takes the processor's SHA unit little longer than one: while more is wanted, a block waits
 * EXCHANGE_CHECK_WAIT_MS for another. */
#ifndef CRUST_IPFSD_EXCHANGE_CHECK_H
#define CRUST_IPFSD_EXCHANGE_CHECK_H

#include "ipfs/bitswap_node.h"
#include "rt/loop.h"

enum { EXCHANGE_CHECK_WAIT_MS = 3 };

struct exchange_check;

/* exchange_check_open becomes the checker of the node, whose memory for blocks is its own (kept,
 * both). wake is posted when a block has been hashed. ERR_MEMORY, ERR_IO. */
NODISCARD enum err exchange_check_open(struct exchange_check **out, struct loop *l,
                                       struct bitswap_node *node, struct loop_event *wake);

/* Gives the node what has been hashed. The loop's thread. */
void exchange_check_turn(struct exchange_check *c, uint64_t now_ms);

/* Ends the thread; what it had is not given to the node any more. NULL is fine. */
void exchange_check_stop(struct exchange_check *c);
void exchange_check_close(struct exchange_check *c);

#endif
