/* routing_door_impl: what the files of the routing door share. */
#ifndef CRUST_IPFSD_ROUTING_DOOR_IMPL_H
#define CRUST_IPFSD_ROUTING_DOOR_IMPL_H

#include "api/routing_serve.h"
#include "codec/ipns.h"
#include "ipfsd/jobs.h"
#include "ipfsd/routing_door.h"
#include "ipfsd/routing_door_rate.h"

#include <pthread.h>

enum {
    ROUTING_DOOR_OUT_MAX = 512 << 10, /* of an answer; 100 records are some 60 KiB */
    ROUTING_DOOR_CHAIN = 16,          /* holders that the chain names */
    ROUTING_DOOR_LATE_MS = 5000,      /* the server's own deadline lies behind ours */
    ROUTING_DOOR_TICK_MS = 250,
};

/* One request.
 *
 *   free --HTTP thread--> used, suspended --loop: found, job--> responded --complete, not bound, no
 *   job--> free */
struct routing_door_slot {
    struct routing_door *of;
    struct loop_event event;
    struct http_request *rq;
    struct routing_serve_request q;
    bool put;
    uint32_t place; /* of its network */
    uint64_t deadline_ms;
    /* The loop's. */
    bool begun, asking, working, responded;
    uint32_t question;
    size_t count; /* records in the answer */
    size_t seen_count, name_count;
    struct peer_id seen[ROUTING_DOOR_RECORDS];  /* whose record stands in the answer */
    struct peer_id names[ROUTING_DOOR_RECORDS]; /* found without an address so far */
    /* The job's while working. */
    struct jobs_item job;
    bool own, published;
    enum err result;
    size_t chain_count, record_size;
    struct routing_v1_peer chain[ROUTING_DOOR_CHAIN];
    uint8_t record[IPNS_RECORD_MAX];
    /* Under the door's lock. */
    bool used, ready, bound, asleep, complete, job_over;
    size_t size, room, sent;
    uint8_t *out;
};

struct routing_door {
    struct routing_door_options o;
    struct peer_id self;
    struct jobs jobs;
    struct loop_timer *tick;
    pthread_mutex_t lock;
    bool stopped; /* under the lock; set on the loop */
    struct routing_door_rate rate;
    struct routing_door_slot slots[ROUTING_DOOR_SLOTS];
};

/* routing_door.c, on the loop: the answer begins to be streamed; there is more of it; it ends. */
void routing_door_stream(struct routing_door_slot *s);
void routing_door_news(struct routing_door_slot *s);
void routing_door_finish(struct routing_door_slot *s);

/* routing_door_find.c */
void routing_door_clear(struct routing_door_slot *s);
uint64_t routing_door_patience(const struct routing_door_slot *s);
/* Those whose addresses nobody knows are part of the answer too. */
void routing_door_pending(struct routing_door_slot *s);
/* An address without /p2p/ID of this peer at the end. */
struct multiaddr routing_door_bare(const struct multiaddr *a, const struct peer_id *id);
/* Whether others are told such an address. Any thread. */
bool routing_door_tells(const struct routing_door *d, const struct multiaddr *a);

/* routing_door_job.c, on threads: what takes long. */
void routing_door_work(struct jobs_item *item);
/* An entity tag of these bytes, in quotes. */
void routing_door_etag(char out[2 * 32 + 3], struct span bytes);

#endif
