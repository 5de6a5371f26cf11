#include "chaind/snapshot_job.h"

#include "engine/snapshots.h"
#include "rt/clock.h"
#include "rt/log.h"
#include "rt/path.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct snapshot_job {
    struct statedb *db;
    char dir[PATH_TEXT_MAX];
    uint64_t interval;
    struct statedb_snapshot *from; /* the thread's while it runs */
    pthread_t thread;
    bool started; /* and not joined yet */
    atomic_bool running;
};

enum err snapshot_job_open(struct snapshot_job **out, struct statedb *db, const char *dir,
                           uint64_t interval)
{
    *out = NULL;
    struct snapshot_job *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return ERR_MEMORY;
    int n = snprintf(j->dir, sizeof(j->dir), "%s", dir);
    if (n < 0 || (size_t)n >= sizeof(j->dir)) {
        free(j);
        return ERR_LIMIT;
    }
    j->db = db;
    j->interval = interval;
    *out = j;
    return OK;
}

static void join(struct snapshot_job *j)
{
    if (j->started)
        pthread_join(j->thread, NULL);
    j->started = false;
}

void snapshot_job_close(struct snapshot_job *j)
{
    if (j == NULL)
        return;
    join(j);
    free(j);
}

static void *work(void *ctx)
{
    struct snapshot_job *j = ctx;
    const unsigned long long height = statedb_snapshot_head(j->from).height;
    uint64_t start = clock_mono_ms();
    enum err e = snapshots_write(j->dir, j->from);
    statedb_snapshot_close(j->from);
    if (e == OK)
        log_info("snapshot", "height=%llu ms=%llu", height,
                 (unsigned long long)(clock_mono_ms() - start));
    else if (e != ERR_EXISTS)
        log_error("snapshot-not-written", "height=%llu reason=\"%s\"", height, err_text(e));
    atomic_store(&j->running, false);
    return NULL;
}

void snapshot_job_committed(struct snapshot_job *j, uint64_t height)
{
    if (j == NULL || height % j->interval != 0)
        return;
    if (atomic_load(&j->running)) {
        log_warn("snapshot-left-out", "height=%llu reason=\"the last one is still written\"",
                 (unsigned long long)height);
        return;
    }
    join(j);
    enum err e = statedb_snapshot_open(&j->from, j->db);
    if (e == OK) {
        atomic_store(&j->running, true);
        j->started = pthread_create(&j->thread, NULL, work, j) == 0;
        if (!j->started) {
            atomic_store(&j->running, false);
            statedb_snapshot_close(j->from);
            e = ERR_MEMORY;
        }
    }
    if (e != OK)
        log_error("snapshot-not-written", "height=%llu reason=\"%s\"", (unsigned long long)height,
                  err_text(e));
}
