#include "ipfsd/jobs.h"

#include <string.h>

static struct jobs_item *take(struct jobs *j)
{
    pthread_mutex_lock(&j->lock);
    while (j->first == NULL && !j->stop)
        pthread_cond_wait(&j->more, &j->lock);
    struct jobs_item *item = j->first;
    if (item != NULL) {
        j->first = item->next;
        j->waiting--;
        j->running++;
    }
    pthread_mutex_unlock(&j->lock);
    return item;
}

static void *serve(void *arg)
{
    struct jobs *j = arg;
    for (struct jobs_item *item = take(j); item != NULL; item = take(j)) {
        item->run(item);
        pthread_mutex_lock(&j->lock);
        j->running--;
        pthread_mutex_unlock(&j->lock);
    }
    return NULL;
}

enum err jobs_start(struct jobs *j, uint32_t threads)
{
    memset(j, 0, sizeof(*j));
    if (threads == 0 || threads > JOBS_THREADS_MAX)
        return ERR_LIMIT;
    if (pthread_mutex_init(&j->lock, NULL) != 0)
        return ERR_MEMORY;
    if (pthread_cond_init(&j->more, NULL) != 0) {
        pthread_mutex_destroy(&j->lock);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < threads; i++) {
        if (pthread_create(&j->threads[i], NULL, serve, j) != 0) {
            j->thread_count = i == 0 ? 1 : i;
            if (i > 0)
                jobs_stop(j);
            return ERR_IO;
        }
        j->thread_count = i + 1;
    }
    return OK;
}

void jobs_add(struct jobs *j, struct jobs_item *item)
{
    item->next = NULL;
    pthread_mutex_lock(&j->lock);
    bool stop = j->stop;
    if (!stop) {
        if (j->first == NULL)
            j->first = item;
        else
            j->last->next = item;
        j->last = item;
        j->waiting++;
        pthread_cond_signal(&j->more);
    }
    pthread_mutex_unlock(&j->lock);
    if (stop)
        item->run(item);
}

uint32_t jobs_waiting(struct jobs *j)
{
    if (j->thread_count == 0)
        return 0;
    pthread_mutex_lock(&j->lock);
    uint32_t n = j->waiting;
    pthread_mutex_unlock(&j->lock);
    return n;
}

bool jobs_idle(struct jobs *j)
{
    if (j->thread_count == 0)
        return true;
    pthread_mutex_lock(&j->lock);
    bool idle = j->waiting == 0 && j->running == 0;
    pthread_mutex_unlock(&j->lock);
    return idle;
}

void jobs_stop(struct jobs *j)
{
    if (j->thread_count == 0 || j->stop)
        return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_broadcast(&j->more);
    pthread_mutex_unlock(&j->lock);
    for (uint32_t i = 0; i < j->thread_count; i++)
        pthread_join(j->threads[i], NULL);
}
