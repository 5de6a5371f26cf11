/* push: takes content from who ordered it: PUT /crust/v1/orders/{cid}/car with a CAR, accepted for
 * an open order and signed by its account or a key that it allows to order. Spec:
 * docs/spec/car-push.md.
 *
 * The HTTP thread fills a ring; a thread of the slot asks the chain, verifies block by block and
 * writes to the store. Every block must be linked from what came before, so that nothing gets in
 * that the order does not pay for, and never more than its size. */
#ifndef CRUST_IPFSD_PUSH_H
#define CRUST_IPFSD_PUSH_H

#include "codec/cid.h"
#include "rt/http_server.h"

enum {
    PUSH_SLOTS = 4, /* at a time; more are told 503. Each has 3 MiB while it is used. */
};

struct storer;
struct push;

/* What the chain says of an order. */
struct push_order {
    bool open;
    struct content_key key;
    uint64_t size;
    uint8_t owner[32];
    uint64_t height;   /* of the chain now */
    uint8_t chain[32]; /* SHA-256 of its id */
    uint64_t by_until; /* the last height at which the owner allows `by`; 0: never */
};

struct push_options {
    struct storer *storer; /* kept */
    /* Asks the chain; on a slot's thread. by: a key that signed for the owner, or NULL. OK,
     * ERR_NOT_FOUND, or: the chain cannot be asked. */
    enum err (*ask)(void *ctx, struct push_order *out, const uint8_t id[32], const uint8_t *by);
    void *ctx;
};

/* push_open starts the threads. ERR_MEMORY, ERR_IO. push_close after the server is closed. */
NODISCARD enum err push_open(struct push **out, const struct push_options *o);
void push_close(struct push *p); /* NULL is fine */

/* The two hooks of the HTTP server. push_begin: true when the request is one of ours (it may have
 * been refused); push_handle: true when it was, and has been or will be answered. */
bool push_begin(struct push *p, struct http_request *rq);
bool push_handle(struct push *p, struct http_request *rq);

/* push_ask_chain is the `ask` over ipfsd/chain_read; ctx: a const struct chain_read. */
NODISCARD enum err push_ask_chain(void *ctx, struct push_order *out, const uint8_t id[32],
                                  const uint8_t *by);

#endif
