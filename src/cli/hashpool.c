#include "cli/hashpool.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    THREADS_MAX = 64,
    BIG_MIN = 16,
    DATA_AT = 64,   /* where a piece begins in its buffer: behind the head of its block */
    TAIL_MAX = 256, /* of a block, behind the piece */
};
_Static_assert(DATA_AT - UNIXFS_ADD_HEAD_MAX >= 0, "a block begins in its buffer");

enum slot_state { SLOT_FREE, SLOT_QUEUED, SLOT_RUNNING, SLOT_DONE };

struct slot {
    enum slot_state state;
    int buffer;
    struct hashpool_result result;
};

struct hashpool {
    struct unixfs_add_params params;
    bool records;
    bool stop;
    size_t big_max;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    size_t idle; /* workers that wait */
    bool owner_waits;
    struct slot slots[HASHPOOL_SLOTS]; /* a ring: [tail, head) are in flight */
    uint64_t head, next, tail;         /* next: the first that no worker has taken */
    size_t big;
    uint8_t *memory; /* touched only as far as it is used */
    size_t buffer_size;
    int free_buffers[HASHPOOL_SLOTS]; /* last in, first out, so that few are ever touched */
    size_t free_count;
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
};

static uint8_t *buffer_of(const struct hashpool *p, int i)
{
    return p->memory + (size_t)i * p->buffer_size;
}

/* Reads exactly size bytes; fewer, or more where the file must end, means that it changed. */
static enum err read_piece(const struct hashpool_job *job, uint8_t *out)
{
    int fd = job->fd;
    if (job->dir >= 0) {
        fd = openat(job->dir, job->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            return ERR_IO;
    }
    size_t have = 0;
    enum err e = OK;
    while (e == OK && have < job->size) {
        ssize_t n = pread(fd, out + have, job->size - have, (off_t)(job->offset + have));
        if (n < 0)
            e = ERR_IO;
        else if (n == 0)
            e = ERR_STATE;
        else
            have += (size_t)n;
    }
    if (e == OK && job->dir >= 0) {
        uint8_t more;
        if (pread(fd, &more, 1, (off_t)job->size) != 0)
            e = ERR_STATE;
    }
    if (job->dir >= 0)
        close(fd);
    return e;
}

/* Reads the piece to where its block will have it; *scratch begins with the block. */
static enum err load(const struct hashpool *p, struct slot *s, struct unixfs_add_chunk *chunk,
                     struct mspan *scratch)
{
    const struct hashpool_job *job = &s->result.job;
    uint8_t *buffer = buffer_of(p, s->buffer);
    uint8_t *data = buffer + DATA_AT;
    *chunk = (struct unixfs_add_chunk){ .data = span_of(data, job->size),
                                        .only = job->only,
                                        .meta = job->keep_meta ? &job->meta : NULL };
    scratch->p = data - unixfs_add_leaf_head(&p->params, chunk);
    scratch->n = (size_t)(buffer + p->buffer_size - scratch->p);
    return read_piece(job, data);
}

/* Two pieces of one length are hashed side by side, in little more time than one. */
static void run(const struct hashpool *p, struct slot *const s[2], size_t count)
{
    struct unixfs_add_chunk chunk[2];
    struct unixfs_add_node node[2];
    struct span block[2];
    struct mspan scratch[2];
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        s[i]->result.err = load(p, s[i], &chunk[i], &scratch[i]);
        good += s[i]->result.err == OK;
    }
    if (good == 2)
        unixfs_add_leaf_pair(node, block, &p->params, chunk, scratch);
    for (size_t i = 0; i < count; i++) {
        struct hashpool_result *r = &s[i]->result;
        if (r->err != OK)
            continue;
        if (good != 2)
            unixfs_add_leaf(&node[i], &block[i], &p->params, &chunk[i], scratch[i]);
        r->node = node[i];
        r->block = block[i];
        struct content_key key;
        if (p->records && cid_key(&key, &r->node.cid) == OK)
            content_record_of(&r->record, &key, r->block);
    }
}

static struct slot *take_job(struct hashpool *p)
{
    struct slot *s = &p->slots[p->next++ % HASHPOOL_SLOTS];
    s->state = SLOT_RUNNING;
    /* Taken now, not when the job was queued: the buffer used last is still in the cache. */
    s->buffer = p->free_buffers[--p->free_count];
    return s;
}

/* The oldest job, and the next one too when it has the same length. */
static size_t take_jobs(struct hashpool *p, struct slot *out[2])
{
    out[0] = take_job(p);
    const struct slot *second = &p->slots[p->next % HASHPOOL_SLOTS];
    if (p->next == p->head || second->result.job.size != out[0]->result.job.size)
        return 1;
    out[1] = take_job(p);
    return 2;
}

static void *worker(void *ctx)
{
    struct hashpool *p = ctx;
    struct slot *s[2];
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        if (p->next == p->head) {
            p->idle++;
            pthread_cond_wait(&p->work, &p->lock);
            p->idle--;
            continue;
        }
        size_t count = take_jobs(p, s);
        pthread_mutex_unlock(&p->lock);
        run(p, s, count);
        pthread_mutex_lock(&p->lock);
        for (size_t i = 0; i < count; i++)
            s[i]->state = SLOT_DONE;
        if (p->owner_waits && p->slots[p->tail % HASHPOOL_SLOTS].state == SLOT_DONE)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

enum err hashpool_new(struct hashpool **out, const struct unixfs_add_params *params, bool records)
{
    *out = NULL;
    struct hashpool *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    p->params = *params;
    p->records = records;
    p->buffer_size = ((size_t)params->chunk_size + DATA_AT + TAIL_MAX + 4095) / 4096 * 4096;
    p->memory = mmap(NULL, p->buffer_size * HASHPOOL_SLOTS, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p->memory == MAP_FAILED) {
        free(p);
        return ERR_MEMORY;
    }
    for (int i = HASHPOOL_SLOTS - 1; i >= 0; i--)
        p->free_buffers[p->free_count++] = i;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t want = cores < 1 ? 1 : (size_t)cores < THREADS_MAX ? (size_t)cores : THREADS_MAX;
    /* Two in work and two in waiting for each worker, as far as memory goes. */
    p->big_max = want * 4 <= BIG_MIN ? BIG_MIN : want * 4 <= HASHPOOL_BIG ? want * 4 : HASHPOOL_BIG;
    while (p->thread_count < want &&
           pthread_create(&p->threads[p->thread_count], NULL, worker, p) == 0)
        p->thread_count++;
    *out = p;
    if (p->thread_count > 0)
        return OK;
    hashpool_free(p);
    *out = NULL;
    return ERR_MEMORY;
}

void hashpool_free(struct hashpool *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    munmap(p->memory, p->buffer_size * HASHPOOL_SLOTS);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* A piece that touches much of its buffer counts against HASHPOOL_BIG. */
static bool is_big(const struct hashpool *p, size_t size)
{
    return size > p->params.chunk_size / 8;
}

bool hashpool_room(const struct hashpool *p, size_t size)
{
    return p->head - p->tail < HASHPOOL_SLOTS && (!is_big(p, size) || p->big < p->big_max);
}

size_t hashpool_pending(const struct hashpool *p)
{
    return (size_t)(p->head - p->tail);
}

void hashpool_submit(struct hashpool *p, const struct hashpool_job *job)
{
    ASSERT(hashpool_room(p, job->size) && job->size <= p->params.chunk_size);
    struct slot *s = &p->slots[p->head % HASHPOOL_SLOTS];
    s->result = (struct hashpool_result){ .job = *job };
    p->big += is_big(p, job->size);
    pthread_mutex_lock(&p->lock);
    s->state = SLOT_QUEUED;
    p->head++;
    /* Two jobs cost little more than one: a worker is woken for two, or by hashpool_take. */
    if (p->idle > 0 && p->head - p->next >= 2)
        pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
}

const struct hashpool_result *hashpool_take(struct hashpool *p)
{
    ASSERT(p->tail != p->head);
    struct slot *s = &p->slots[p->tail % HASHPOOL_SLOTS];
    pthread_mutex_lock(&p->lock);
    while (s->state != SLOT_DONE) {
        p->owner_waits = true;
        if (s->state == SLOT_QUEUED)
            pthread_cond_signal(&p->work);
        pthread_cond_wait(&p->done, &p->lock);
    }
    p->owner_waits = false;
    pthread_mutex_unlock(&p->lock);
    return &s->result;
}

void hashpool_release(struct hashpool *p)
{
    struct slot *s = &p->slots[p->tail % HASHPOOL_SLOTS];
    ASSERT(p->tail != p->head && s->state == SLOT_DONE);
    pthread_mutex_lock(&p->lock);
    p->free_buffers[p->free_count++] = s->buffer;
    pthread_mutex_unlock(&p->lock);
    p->big -= is_big(p, s->result.job.size);
    s->state = SLOT_FREE;
    p->tail++;
}
