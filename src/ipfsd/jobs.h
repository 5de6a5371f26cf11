/* jobs: threads that run work for the loop, in order of arrival. What may wait is bounded by who
 * adds it (the local protocol takes at most 32 requests a connection). */
#ifndef CRUST_IPFSD_JOBS_H
#define CRUST_IPFSD_JOBS_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { JOBS_THREADS_MAX = 8 };

/* One piece of work; lives in what it works on, which is kept until run has been called. */
struct jobs_item {
    void (*run)(struct jobs_item *item);
    struct jobs_item *next; /* private */
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct jobs_item *first, *last;
    uint32_t waiting, running;
    bool stop;
    pthread_t threads[JOBS_THREADS_MAX];
    uint32_t thread_count;
};

/* jobs_start starts the threads. ERR_LIMIT, ERR_MEMORY, ERR_IO. */
NODISCARD enum err jobs_start(struct jobs *j, uint32_t threads);

/* jobs_add; any thread. After jobs_stop the item runs at once, on the caller's thread. */
void jobs_add(struct jobs *j, struct jobs_item *item);

/* How many wait. Any thread. */
uint32_t jobs_waiting(struct jobs *j);

/* True when nothing waits and nothing runs. Any thread; a zeroed object is idle. */
bool jobs_idle(struct jobs *j);

/* jobs_stop lets what waits run, then ends the threads. A zeroed object is fine. */
void jobs_stop(struct jobs *j);

#endif
