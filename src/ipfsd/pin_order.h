/* pin_order: the steps of a pin request on the chain: an order is signed with the door's allowance
 * key, is followed until it is in a block, and is watched until its replicas are proven.
 * docs/spec/pinning.md 6. Each call is one step: it changes *work and nothing else, so that the
 * caller can write it down before the next. Blocks; any thread but the loop's. */
#ifndef CRUST_IPFSD_PIN_ORDER_H
#define CRUST_IPFSD_PIN_ORDER_H

#include "api/pin_tokens.h"
#include "api/pinning.h"
#include "codec/ss58.h"
#include "crypto/ed25519.h"
#include "ipfsd/chain_read.h"
#include "ipfsd/pin_store.h"

enum {
    PIN_ORDER_EXPIRY_BLOCKS = 40, /* in which a signed order may get into a block */
    PIN_ORDER_RENEW_PARTS = 10,   /* renewed in the last tenth of the paid time */
    PIN_ORDER_LOOK_MS = 1000,     /* between two looks at an order, at least and at most */
    PIN_ORDER_LOOK_MAX_MS = 60000,
};

struct pin_order {
    const struct chain_read *chain; /* kept */
    struct ed25519_key key;         /* the door's, not an account's */
    char address[SS58_TEXT_MAX];    /* of its public half */
    const char *origin;             /* URL of this node's gateway; kept */
};

/* pin_order_place: PIN_ORDER goes to PIN_SENT (tx is signed and NOT sent: write it down, then call
 * pin_order_send), to PIN_WATCH (the account's own order for this content is there already), or to
 * PIN_FAILED; a renewal that cannot be paid goes back to PIN_WATCH. spent: through this token so
 * far. Errors change nothing: try again later. */
NODISCARD enum err pin_order_place(const struct pin_order *o, struct pin_work *work,
                                   const struct pinning_request *rq, const struct pin_token *token,
                                   struct amount spent);

/* pin_order_send gives the chain work->tx, again and again if need be: the same bytes. Notes a
 * refusal, which ends it only when it can no longer get into a block. */
void pin_order_send(const struct pin_order *o, struct pin_work *work);

/* pin_order_settle: PIN_SENT goes to PIN_WATCH or PIN_FAILED when tx is in a block, and *spent is
 * what it has cost; to PIN_ORDER when it can no longer get into one; else it is sent again. */
NODISCARD enum err pin_order_settle(const struct pin_order *o, struct pin_work *work,
                                    struct amount *spent, const struct pinning_request *rq);

/* pin_order_watch reads PIN_WATCH's order; near its end, when renew, it goes to PIN_ORDER.
 * again_ms: when to look again. */
NODISCARD enum err pin_order_watch(const struct pin_order *o, struct pin_work *work, bool renew,
                                   uint64_t *again_ms);

/* pin_order_fail: PIN_FAILED with this reason; but what is paid and proven stays PIN_WATCH. */
__attribute__((format(printf, 2, 3))) void pin_order_fail(struct pin_work *work, const char *format,
                                                          ...);

#endif
