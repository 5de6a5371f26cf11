/* body_slot: a place for a request whose body a thread works on while it comes in. The HTTP thread
 * fills a ring, the thread of the slot takes from it and says when it is done; then the request is
 * answered. Kubo's RPC and pushed archives have some of these each; who finds none says 503.
 *
 * A slot whose client goes is free again as soon as its thread has noticed: body_slot_read fails
 * then, and so does what asks body_slot_alive.
 *
 *   FREE --take--> TAKEN --start, or end--> WORKING --run returns--> DONE --request over--> FREE */
#ifndef CRUST_IPFSD_BODY_SLOT_H
#define CRUST_IPFSD_BODY_SLOT_H

#include "rt/http_server.h"

#include <pthread.h>

enum {
    BODY_SLOT_RING = 256 << 10,
    BODY_SLOT_DISCARD_MAX = 8 << 20, /* read on after the result, so that the client sees it */
};

enum body_slot_state { BODY_SLOT_FREE, BODY_SLOT_TAKEN, BODY_SLOT_WORKING, BODY_SLOT_DONE };

/* What the slot is for. run: on its thread, once per request. answer: gives rq the result of run,
 * when it was not answered before; on either thread. */
struct body_slot_work {
    void (*run)(void *ctx);
    void (*answer)(void *ctx, struct http_request *rq);
    void *ctx;
};

/* Under the lock, which may guard things of the owner's as well. */
struct body_slot {
    struct body_slot_work work;
    bool started; /* the thread runs */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    enum body_slot_state state;
    bool stop;
    bool bound;    /* to a request that is not over */
    bool gone;     /* its client is */
    bool ended;    /* the body is complete */
    bool waits;    /* the request is suspended until there is an answer */
    bool asleep;   /* the ring was full; or what the owner's body callback waits for is not there */
    bool complete; /* run has returned */
    struct http_request *rq;
    uint64_t discarded;
    uint64_t head, end; /* of the ring */
    uint8_t ring[BODY_SLOT_RING];
};

/* body_slot_open starts the thread. ERR_IO. The slot stays where it is until body_slot_close, which
 * is for what failed to open, too, and for zeroed memory. body_slot_stop: the thread ends, after it
 * has answered what was suspended. */
NODISCARD enum err body_slot_open(struct body_slot *s, const struct body_slot_work *work);
void body_slot_stop(struct body_slot *s);
void body_slot_close(struct body_slot *s);

/* ---- on the HTTP thread ---- */

/* body_slot_take binds a free slot to rq, whose data it becomes. False: it is not free. */
NODISCARD bool body_slot_take(struct body_slot *s, struct http_request *rq);

/* In `begin`: the body goes to the slot, and its thread begins. */
void body_slot_start(struct body_slot *s);

/* In the handler: the body is complete. Answers, or suspends rq until run has returned, at most
 * timeout_ms. A thread that has not begun begins. */
void body_slot_end(struct body_slot *s, uint64_t timeout_ms);

/* ---- on the thread of the slot ---- */

/* body_slot_read borrows the next bytes of the body until body_slot_taken says how many were used;
 * empty at its end. ERR_CLOSED: the client has gone, or we stop. */
NODISCARD enum err body_slot_read(struct body_slot *s, struct span *out);
void body_slot_taken(struct body_slot *s, size_t n);

/* Both with the lock held. Is there somebody who wants the result? */
bool body_slot_alive(const struct body_slot *s);
/* Wakes a request that is asleep. */
void body_slot_wake(struct body_slot *s);

#endif
