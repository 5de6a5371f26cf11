#include "engine/sigpool.h"

#include "codec/tx.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    THREADS_MAX = 16,
    BATCH = 16, /* transactions taken at once: less than a millisecond of work */
};

struct sigpool {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    pthread_t threads[THREADS_MAX];
    uint32_t thread_count;
    uint32_t busy;  /* helpers at work */
    uint64_t round; /* counts calls of sigpool_check */
    bool open;      /* there may be work left of it */
    bool stop;
    const struct span *txs;
    bool *ok;
    size_t count;
    atomic_size_t next;
};

static void work_off(struct sigpool *pool)
{
    for (;;) {
        size_t at = atomic_fetch_add(&pool->next, BATCH);
        if (at >= pool->count)
            return;
        size_t end = at + BATCH < pool->count ? at + BATCH : pool->count;
        tx_check_signatures(pool->ok + at, pool->txs + at, end - at);
    }
}

static void *helper(void *arg)
{
    struct sigpool *pool = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stop && (pool->round == seen || !pool->open))
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->stop)
            break;
        seen = pool->round;
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        work_off(pool);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

enum err sigpool_open(struct sigpool **out, uint32_t threads)
{
    *out = NULL;
    struct sigpool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return ERR_MEMORY;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (threads == 0)
        threads = cores > 0 ? (uint32_t)cores : 1;
    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    while (pool->thread_count + 1 < threads) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, helper, pool) != 0) {
            sigpool_close(pool);
            return ERR_MEMORY;
        }
        pool->thread_count++;
    }
    *out = pool;
    return OK;
}

void sigpool_close(struct sigpool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void sigpool_check(struct sigpool *pool, bool *ok, const struct span *txs, size_t count)
{
    pthread_mutex_lock(&pool->lock);
    pool->txs = txs;
    pool->ok = ok;
    pool->count = count;
    atomic_store(&pool->next, 0);
    /* A few are done faster than a thread wakes. */
    bool alone = count <= BATCH;
    if (!alone) {
        pool->open = true;
        pool->round++;
        pthread_cond_broadcast(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    work_off(pool);
    pthread_mutex_lock(&pool->lock);
    pool->open = false; /* a helper that has not begun by now is not waited for */
    while (pool->busy != 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    pool->txs = NULL;
    pool->count = 0;
    pthread_mutex_unlock(&pool->lock);
}
