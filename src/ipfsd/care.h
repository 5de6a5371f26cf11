/* care: looks after the host on timers: starts the enclave again when it has gone, probes the
 * disks, and lets a disk that came back in again once samples of it are good. */
#ifndef CRUST_IPFSD_CARE_H
#define CRUST_IPFSD_CARE_H

#include "ipfsd/jobs.h"
#include "rt/loop.h"

#include <stdatomic.h>

struct host;

struct care {
    struct host *host;
    struct jobs *jobs;
    struct loop_timer *timer;
    uint64_t probe_at_ms, revive_at_ms, now_ms;
    struct jobs_item item;
    atomic_bool queued;
};

/* care_start arms the timer; the work itself is done by jobs. The loop's thread, as care_stop,
 * which accepts a zeroed object; jobs have been stopped before. */
NODISCARD enum err care_start(struct care *c, struct host *h, struct loop *l, struct jobs *jobs);
void care_stop(struct care *c);

#endif
