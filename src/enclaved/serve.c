#include "enclaved/serve.h"

#include "rt/ipc_answer.h"

enum { STACK_SIZE = 512 << 10 }; /* of a worker: its memory is locked, so no more than it needs */

enum job_state { JOB_FREE, JOB_QUEUED, JOB_RUNNING };

/* A request in flight. state and lane belong to the lock, the rest to whoever handles it. */
struct job {
    enum job_state state;
    int lane;
    uint64_t id;
    uint64_t order; /* of arrival: the oldest queued job runs first */
    struct seal_job seal;
    uint8_t reply[ENCLAVE_BODY_MAX];
};

static struct server {
    struct seal seal;
    struct ipc_answer ipc;
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job was queued */
    pthread_cond_t done; /* a job became free */
    uint32_t workers;
    uint32_t running; /* workers that have reached their loop */
    uint64_t arrivals;
    struct job jobs[SERVE_WORKERS_MAX + 1];
} server;

/* Handles a job and sends its reply. A client that has gone is noticed by the reader. */
static void answer(struct job *j)
{
    const uint16_t type = j->seal.request.type;
    enum err e = seal_handle(&server.seal, &j->seal);
    struct writer w = writer_of(j->reply, sizeof(j->reply));
    if (e == OK)
        enclave_reply_encode(&w, &j->seal.reply);
    else
        enclave_reply_encode_error(&w, e);
    ASSERT(w.err == OK);
    const struct ipc_msg m = { .type = type,
                               .flags = (uint16_t)(e == OK ? IPC_REPLY : IPC_REPLY | IPC_ERROR),
                               .id = j->id,
                               .body = writer_span(&w),
                               .bulk = j->seal.reply_bulk };
    (void)!ipc_answer_send(&server.ipc, &m);
    if (type == ENCLAVE_UNSEAL || type == ENCLAVE_REPORT_FILE)
        secret_wipe_bytes(j->seal.data, SEAL_SESSION_HEADROOM + j->seal.bulk_size);
}

static struct job *oldest_queued(void)
{
    struct job *found = NULL;
    for (uint32_t i = 0; i <= server.workers; i++) {
        struct job *j = &server.jobs[i];
        if (j->state == JOB_QUEUED && (found == NULL || j->order < found->order))
            found = j;
    }
    return found;
}

static void *worker(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&server.lock);
    server.running++;
    pthread_cond_broadcast(&server.done);
    for (;;) {
        struct job *j = oldest_queued();
        if (j == NULL) {
            pthread_cond_wait(&server.work, &server.lock);
            continue;
        }
        j->state = JOB_RUNNING;
        pthread_mutex_unlock(&server.lock);
        answer(j);
        pthread_mutex_lock(&server.lock);
        j->state = JOB_FREE;
        pthread_cond_broadcast(&server.done);
    }
    return NULL;
}

/* A thread's first steps inside the C library make system calls that the sandbox kills for, so all
 * workers must have taken them before the process enters it. */
static void wait_for_workers(void)
{
    pthread_mutex_lock(&server.lock);
    while (server.running < server.workers)
        pthread_cond_wait(&server.done, &server.lock);
    pthread_mutex_unlock(&server.lock);
}

enum err serve_init(const struct seal_config *config)
{
    if (config->workers > SERVE_WORKERS_MAX)
        return ERR_LIMIT;
    server.workers = config->workers;
    TRY(ipc_answer_init(&server.ipc));
    TRY(seal_init(&server.seal, config));
    for (uint32_t i = 0; i <= server.workers; i++)
        TRY(seal_job_init(&server.jobs[i].seal));
    if (pthread_mutex_init(&server.lock, NULL) != 0 || pthread_cond_init(&server.work, NULL) != 0 ||
        pthread_cond_init(&server.done, NULL) != 0)
        return ERR_IO;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0 || pthread_attr_setstacksize(&attr, STACK_SIZE) != 0)
        return ERR_IO;
    enum err e = OK;
    for (uint32_t i = 0; e == OK && i < server.workers; i++) {
        pthread_t thread;
        e = pthread_create(&thread, &attr, worker, NULL) == 0 ? OK : ERR_IO;
    }
    pthread_attr_destroy(&attr);
    if (e == OK)
        wait_for_workers();
    return e;
}

/* ---- the reader; it alone takes free jobs, so what it saw free stays free ---- */

static struct job *free_job(void)
{
    pthread_mutex_lock(&server.lock);
    for (;;) {
        for (uint32_t i = 0; i <= server.workers; i++) {
            if (server.jobs[i].state == JOB_FREE) {
                pthread_mutex_unlock(&server.lock);
                return &server.jobs[i];
            }
        }
        pthread_cond_wait(&server.done, &server.lock);
    }
}

static bool busy(int lane)
{
    for (uint32_t i = 0; i <= server.workers; i++) {
        const struct job *j = &server.jobs[i];
        if (j->state != JOB_FREE && (lane == SEAL_LANE_ALONE || j->lane == lane))
            return true;
    }
    return false;
}

/* Waits until nothing runs that the lane excludes; SEAL_LANE_ALONE excludes everything. */
static void wait_for_lane(int lane)
{
    pthread_mutex_lock(&server.lock);
    while (lane != SEAL_LANE_FREE && busy(lane))
        pthread_cond_wait(&server.done, &server.lock);
    pthread_mutex_unlock(&server.lock);
}

static void dispatch(struct job *j)
{
    int lane = server.workers == 0 ? SEAL_LANE_ALONE : seal_lane(&server.seal, &j->seal);
    wait_for_lane(lane);
    if (lane == SEAL_LANE_ALONE) {
        answer(j);
        return;
    }
    pthread_mutex_lock(&server.lock);
    j->lane = lane;
    j->order = server.arrivals++;
    j->state = JOB_QUEUED;
    pthread_cond_signal(&server.work);
    pthread_mutex_unlock(&server.lock);
}

enum err serve_accept(int listener)
{
    return ipc_answer_accept(&server.ipc, listener);
}

enum err serve_connection(uint16_t *type)
{
    struct ipc_msg m;
    enum err e = OK;
    while (e == OK && ipc_answer_recv(&server.ipc, &m) == OK) {
        struct job *j = free_job();
        *type = m.type;
        e = seal_take(&server.seal, &j->seal, m.type, m.body, m.bulk);
        j->id = m.id;
        if (e == OK)
            dispatch(j);
    }
    wait_for_lane(SEAL_LANE_ALONE);
    ipc_answer_close(&server.ipc);
    seal_reset(&server.seal);
    for (uint32_t i = 0; i <= server.workers; i++)
        secret_wipe_bytes(server.jobs[i].seal.data, sizeof(server.jobs[i].seal.data));
    return e;
}
