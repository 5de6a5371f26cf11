/* call: one request over the local protocol, from the loop to a thread that does the work and back.
 *
 * The loop makes it, a thread fills in the reply, call_finish sends it back to the loop, which
 * answers and frees it. Between, only the thread touches it, except what a line says. */
#ifndef CRUST_IPFSD_CALL_H
#define CRUST_IPFSD_CALL_H

#include "codec/node_msg.h"
#include "ipfsd/jobs.h"
#include "ipfsd/storer.h"
#include "rt/ipc.h"

#include <stdatomic.h>

struct ipfsd;

struct call {
    struct jobs_item item;
    struct storer_op op; /* of calls that change the block store */
    struct ipfsd *node;
    struct ipc_request *request;
    uint64_t connection;
    uint16_t type;
    uint8_t *memory;  /* of body and bulk */
    struct span body; /* of the request */
    struct span bulk;
    enum err result;
    char what[NODE_TEXT_MAX + 1]; /* of an error, for people */
    char next[NODE_TEXT_MAX + 1];
    struct mspan reply; /* given: freed with the call */
    struct mspan reply_bulk;
    atomic_bool gone; /* the asker has left, or we are stopping: end early */
    pthread_mutex_t lock;
    struct node_progress progress; /* under lock; its phase is a literal */
    uint64_t progress_ms;
    bool finished; /* the loop's */
    struct loop_event finished_event, progress_event;
};

/* call_new copies the message. ERR_MEMORY. The loop. */
NODISCARD enum err call_new(struct call **out, struct ipfsd *node, struct ipc_request *rq,
                            const struct ipc_msg *m);

/* call_finish answers with c->result, and what was put into reply. The thread's last word. */
void call_finish(struct call *c);

/* call_progress tells the asker how far it is, a few times a second. phase is a literal. */
void call_progress(struct call *c, const char *phase, uint64_t done, uint64_t total);

/* True when nobody waits for the result any more. */
bool call_gone(const struct call *c);

/* call_fail sets the result and says why; next (may be NULL) is a command that helps. Returns e. */
enum err call_fail(struct call *c, enum err e, const char *next, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* call_reply_room gives memory for a reply body of at most n bytes; p NULL: ERR_MEMORY is set. */
struct writer call_reply_room(struct call *c, size_t n);

/* call_reply_set takes what was written. */
void call_reply_set(struct call *c, const struct writer *w);

/* The common replies. */
void call_reply_none(struct call *c);
void call_reply_size(struct call *c, uint64_t size);
void call_reply_progress(struct call *c, const struct node_progress *p);

/* call_refuse answers a request that never became a call. The loop. */
void call_refuse(struct ipc_request *rq, enum err e, const char *what);

#endif
