/* care: looks after the host on timers: starts the enclave again when it has gone, probes the
 * disks, checks the bytes of those that come back, and empties those that were dropped.
 *
 *   control  the enclave alone: short, and a report needs it
 *   watch    looks at the disks, one after the other
 *   check    reads one returning disk from end to end, or samples of it: this may take long */
#ifndef CRUST_IPFSD_CARE_H
#define CRUST_IPFSD_CARE_H

#include "ipfsd/jobs.h"
#include "rt/loop.h"

#include <stdatomic.h>

struct host;

/* One kind of work; at most one of a kind is under way. */
struct care_task {
    struct jobs_item item;
    struct host *host;
    atomic_bool queued;
    atomic_bool *stopping, *pause;
};

struct care {
    struct host *host;
    struct jobs *control;     /* not ours */
    struct jobs watch, check; /* one thread each */
    struct loop_timer *timer;
    uint64_t probe_at_ms, revive_at_ms, now_ms;
    struct care_task revive, probe, scrub;
    atomic_bool stopping; /* of a check under way */
    atomic_bool pause;    /* the enclave could not be started */
};

/* care_start arms the timer. The loop's thread, as care_stop, which ends the threads and accepts a
 * zeroed object; control has been stopped before. */
NODISCARD enum err care_start(struct care *c, struct host *h, struct loop *l, struct jobs *control);
void care_stop(struct care *c);

#endif
