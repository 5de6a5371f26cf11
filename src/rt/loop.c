#include "rt/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

struct loop_post_entry {
    loop_fn fn;
    void *ctx;
};

struct loop_job {
    uv_work_t work;
    struct loop *loop;
    loop_fn run, done;
    void *ctx;
    struct loop_job *next_free;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_signal_t on_int, on_term;
    uv_timer_t once;
    loop_fn signal_fn;
    void *signal_ctx;
    unsigned signals_seen;
    bool signals_on;

    pthread_mutex_t lock; /* guards everything down to the blank line */
    struct loop_post_entry *posts;
    size_t post_max, post_first, post_count;
    struct loop_event *events, *events_last;
    bool stopping;

    struct loop_job jobs[LOOP_JOBS_MAX];
    struct loop_job *free_jobs;
};

struct loop_timer {
    uv_timer_t uv;
    loop_fn fn;
    void *ctx;
};

struct loop_fd {
    uv_poll_t uv;
    loop_fd_fn fn;
    void *ctx;
};

/* Runs what was posted before this turn; what the callbacks post waits for the next one, so that
 * the work of a turn stays bounded. */
static void on_wake(uv_async_t *handle)
{
    struct loop *l = handle->data;
    pthread_mutex_lock(&l->lock);
    size_t count = l->post_count;
    struct loop_event *events = l->events;
    l->events = l->events_last = NULL;
    if (l->stopping)
        uv_stop(&l->uv);
    pthread_mutex_unlock(&l->lock);
    while (events != NULL) {
        struct loop_event *e = events;
        pthread_mutex_lock(&l->lock);
        events = e->next;
        e->queued = false;
        pthread_mutex_unlock(&l->lock);
        e->fn(e->ctx);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&l->lock);
        struct loop_post_entry p = l->posts[l->post_first];
        l->post_first = (l->post_first + 1) % l->post_max;
        l->post_count--;
        pthread_mutex_unlock(&l->lock);
        p.fn(p.ctx);
    }
    pthread_mutex_lock(&l->lock);
    bool more = l->post_count > 0 || l->events != NULL;
    pthread_mutex_unlock(&l->lock);
    if (more)
        uv_async_send(&l->wake);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct loop *l = handle->data;
    if (l->signals_seen++ > 0 || l->signal_fn == NULL)
        loop_stop(l);
    else
        l->signal_fn(l->signal_ctx);
}

static enum err open_handles(struct loop *l)
{
    if (uv_loop_init(&l->uv) != 0)
        return ERR_IO;
    if (uv_async_init(&l->uv, &l->wake, on_wake) != 0 || uv_timer_init(&l->uv, &l->once) != 0 ||
        uv_signal_init(&l->uv, &l->on_int) != 0 || uv_signal_init(&l->uv, &l->on_term) != 0)
        return ERR_IO;
    l->wake.data = l->on_int.data = l->on_term.data = l;
    return OK;
}

enum err loop_new(struct loop **out, size_t posts_max)
{
    *out = NULL;
    struct loop *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return ERR_MEMORY;
    l->post_max = posts_max == 0 ? LOOP_POSTS_DEFAULT : posts_max;
    l->posts = calloc(l->post_max, sizeof(*l->posts));
    if (l->posts == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l->posts);
        free(l);
        return ERR_MEMORY;
    }
    enum err e = open_handles(l);
    if (e != OK) {
        free(l->posts);
        free(l);
        return e;
    }
    for (size_t i = 0; i < LOOP_JOBS_MAX; i++) {
        l->jobs[i].next_free = l->free_jobs;
        l->free_jobs = &l->jobs[i];
    }
    signal(SIGPIPE, SIG_IGN);
    *out = l;
    return OK;
}

static void free_timer(uv_handle_t *h)
{
    free(h->data);
}

/* Whatever a daemon left open is closed; only our own kinds carry memory that we free. */
static void close_walk(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (uv_is_closing(h))
        return;
    struct loop *l = (struct loop *)h->loop->data;
    bool own = h == (uv_handle_t *)&l->wake || h == (uv_handle_t *)&l->once ||
               h == (uv_handle_t *)&l->on_int || h == (uv_handle_t *)&l->on_term;
    bool ours = !own && h->data != NULL && (h->type == UV_TIMER || h->type == UV_POLL);
    uv_close(h, ours ? free_timer : NULL);
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    l->uv.data = l;
    uv_walk(&l->uv, close_walk, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    ASSERT(uv_loop_close(&l->uv) == 0);
    pthread_mutex_destroy(&l->lock);
    free(l->posts);
    free(l);
}

void loop_run(struct loop *l)
{
    for (;;) {
        pthread_mutex_lock(&l->lock);
        bool stop = l->stopping;
        l->stopping = false;
        pthread_mutex_unlock(&l->lock);
        if (stop)
            return;
        uv_run(&l->uv, UV_RUN_DEFAULT);
    }
}

static void on_once(uv_timer_t *t)
{
    (void)t;
}

void loop_run_once(struct loop *l, uint64_t wait_ms)
{
    if (wait_ms == 0) {
        uv_run(&l->uv, UV_RUN_NOWAIT);
        return;
    }
    uv_update_time(&l->uv);
    /* Again and again: uv_run looks at timers before it waits, and where the time is over by then
     * a single shot would leave it waiting for ever. */
    uv_timer_start(&l->once, on_once, wait_ms, wait_ms);
    uv_run(&l->uv, UV_RUN_ONCE);
    uv_timer_stop(&l->once);
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_mutex_unlock(&l->lock);
    uv_async_send(&l->wake);
}

enum err loop_signals_start(struct loop *l)
{
    if (l->signals_on)
        return OK;
    if (uv_signal_start(&l->on_int, on_signal, SIGINT) != 0 ||
        uv_signal_start(&l->on_term, on_signal, SIGTERM) != 0)
        return ERR_IO;
    l->signals_on = true;
    return OK;
}

void loop_on_signal(struct loop *l, loop_fn fn, void *ctx)
{
    l->signal_fn = fn;
    l->signal_ctx = ctx;
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

enum err loop_post(struct loop *l, loop_fn fn, void *ctx)
{
    pthread_mutex_lock(&l->lock);
    bool full = l->post_count == l->post_max;
    if (!full) {
        l->posts[(l->post_first + l->post_count) % l->post_max] =
            (struct loop_post_entry){ fn, ctx };
        l->post_count++;
    }
    pthread_mutex_unlock(&l->lock);
    if (full)
        return ERR_BUSY;
    uv_async_send(&l->wake);
    return OK;
}

void loop_post_event(struct loop *l, struct loop_event *e)
{
    pthread_mutex_lock(&l->lock);
    if (!e->queued) {
        e->queued = true;
        e->next = NULL;
        if (l->events == NULL)
            l->events = e;
        else
            l->events_last->next = e;
        l->events_last = e;
    }
    pthread_mutex_unlock(&l->lock);
    uv_async_send(&l->wake);
}

static void job_run(uv_work_t *work)
{
    struct loop_job *j = work->data;
    j->run(j->ctx);
}

static void job_done(uv_work_t *work, int status)
{
    (void)status;
    struct loop_job *j = work->data;
    loop_fn done = j->done;
    void *ctx = j->ctx;
    j->next_free = j->loop->free_jobs;
    j->loop->free_jobs = j;
    done(ctx);
}

enum err loop_work(struct loop *l, loop_fn run, loop_fn done, void *ctx)
{
    struct loop_job *j = l->free_jobs;
    if (j == NULL)
        return ERR_BUSY;
    l->free_jobs = j->next_free;
    j->loop = l;
    j->run = run;
    j->done = done;
    j->ctx = ctx;
    j->work.data = j;
    ASSERT(uv_queue_work(&l->uv, &j->work, job_run, job_done) == 0);
    return OK;
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx)
{
    struct loop_timer *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    ASSERT(uv_timer_init(&l->uv, &t->uv) == 0);
    t->uv.data = t;
    t->fn = fn;
    t->ctx = ctx;
    return t;
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *t = handle->data;
    t->fn(t->ctx);
}

void loop_timer_start(struct loop_timer *t, uint64_t delay_ms, uint64_t repeat_ms)
{
    uv_update_time(t->uv.loop);
    uv_timer_start(&t->uv, on_timer, delay_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer *t)
{
    uv_timer_stop(&t->uv);
}

void loop_timer_free(struct loop_timer *t)
{
    if (t != NULL)
        uv_close((uv_handle_t *)&t->uv, free_timer);
}

struct loop_fd *loop_fd_new(struct loop *l, int fd, loop_fd_fn fn, void *ctx)
{
    struct loop_fd *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return NULL;
    if (uv_poll_init(&l->uv, &w->uv, fd) != 0) {
        free(w);
        return NULL;
    }
    w->uv.data = w;
    w->fn = fn;
    w->ctx = ctx;
    return w;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct loop_fd *w = handle->data;
    int ready = status != 0 ? LOOP_READ | LOOP_WRITE : 0;
    if ((events & (UV_READABLE | UV_DISCONNECT)) != 0)
        ready |= LOOP_READ;
    if ((events & UV_WRITABLE) != 0)
        ready |= LOOP_WRITE;
    w->fn(w->ctx, ready);
}

void loop_fd_set(struct loop_fd *w, int events)
{
    int want = 0;
    if ((events & LOOP_READ) != 0)
        want |= UV_READABLE;
    if ((events & LOOP_WRITE) != 0)
        want |= UV_WRITABLE;
    if (want == 0)
        uv_poll_stop(&w->uv);
    else
        uv_poll_start(&w->uv, want, on_poll);
}

void loop_fd_free(struct loop_fd *w)
{
    if (w == NULL)
        return;
    uv_poll_stop(&w->uv); /* before the caller closes the descriptor */
    uv_close((uv_handle_t *)&w->uv, free_timer);
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    return &l->uv;
}
