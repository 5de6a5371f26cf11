#include "ipfsd/call.h"

#include "ipfsd/ipfsd.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PROGRESS_PERIOD_MS = 100,
    ERROR_BODY_MAX = 2048,
    SMALL_REPLY_MAX = 4096,
};

static void call_free(struct call *c)
{
    pthread_mutex_destroy(&c->lock);
    free(c->memory);
    free(c->reply.p);
    free(c->reply_bulk.p);
    free(c);
}

static void send_error(struct ipc_request *rq, const struct node_error *e)
{
    uint8_t body[ERROR_BODY_MAX];
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_error(&w, e);
    ASSERT(w.err == OK);
    (void)!ipc_reply(rq, IPC_ERROR, writer_span(&w), (struct span){ NULL, 0 });
}

void call_refuse(struct ipc_request *rq, enum err e, const char *what)
{
    const struct node_error error = { .code = e,
                                      .what = span_str(what[0] != '\0' ? what : err_text(e)) };
    send_error(rq, &error);
}

/* ---- on the loop ---- */

static void try_answer(struct call *c);

static void on_watch(void *ctx, struct ipc_request *rq, enum ipc_event ev)
{
    (void)rq;
    struct call *c = ctx;
    if (ev == IPC_GONE)
        atomic_store(&c->gone, true);
    else if (c->finished)
        try_answer(c);
}

/* A large reply waits while the output is full; the watch calls again. */
static void try_answer(struct call *c)
{
    enum err e = c->result;
    if (e == OK) {
        e = ipc_reply(c->request, 0, span_of(c->reply.p, c->reply.n),
                      span_of(c->reply_bulk.p, c->reply_bulk.n));
        if (e == ERR_BUSY)
            return;
        if (e == OK || e == ERR_CLOSED) {
            call_free(c);
            return;
        }
    }
    const struct node_error error = { .code = e,
                                      .what = span_str(c->what[0] != '\0' ? c->what : err_text(e)),
                                      .next = span_str(c->next) };
    send_error(c->request, &error);
    call_free(c);
}

static void on_finished(void *ctx)
{
    struct call *c = ctx;
    c->finished = true;
    ipfsd_call_ended(c->node, c);
    if (atomic_load(&c->gone))
        ipc_request_watch(c->request, NULL, NULL);
    try_answer(c);
}

static void on_progress(void *ctx)
{
    struct call *c = ctx;
    uint8_t body[SMALL_REPLY_MAX];
    struct writer w = writer_of(body, sizeof(body));
    pthread_mutex_lock(&c->lock);
    struct node_progress p = c->progress;
    pthread_mutex_unlock(&c->lock);
    node_msg_encode_progress(&w, &p);
    ASSERT(w.err == OK);
    /* Lost when the asker does not read: there will be another one. */
    (void)!ipc_reply(c->request, IPC_MORE, writer_span(&w), (struct span){ NULL, 0 });
}

enum err call_new(struct call **out, struct ipfsd *node, struct ipc_request *rq,
                  const struct ipc_msg *m)
{
    *out = NULL;
    struct call *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->memory = malloc(m->body.n + m->bulk.n + 1);
    if (c->memory == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c->memory);
        free(c);
        return ERR_MEMORY;
    }
    if (m->body.n > 0)
        memcpy(c->memory, m->body.p, m->body.n);
    if (m->bulk.n > 0)
        memcpy(c->memory + m->body.n, m->bulk.p, m->bulk.n);
    c->body = span_of(c->memory, m->body.n);
    c->bulk = span_of(c->memory + m->body.n, m->bulk.n);
    c->node = node;
    c->request = rq;
    c->connection = ipc_request_connection(rq);
    c->type = m->type;
    c->finished_event = (struct loop_event){ .fn = on_finished, .ctx = c };
    c->progress_event = (struct loop_event){ .fn = on_progress, .ctx = c };
    ipc_request_watch(rq, on_watch, c);
    *out = c;
    return OK;
}

/* ---- on the thread ---- */

void call_finish(struct call *c)
{
    loop_post_event(c->node->loop, &c->finished_event);
}

void call_progress(struct call *c, const char *phase, uint64_t done, uint64_t total)
{
    uint64_t now = clock_mono_ms();
    pthread_mutex_lock(&c->lock);
    c->progress.phase = span_str(phase);
    c->progress.done = done;
    c->progress.total = total;
    pthread_mutex_unlock(&c->lock);
    if (now - c->progress_ms < PROGRESS_PERIOD_MS)
        return;
    c->progress_ms = now;
    loop_post_event(c->node->loop, &c->progress_event);
}

bool call_gone(const struct call *c)
{
    return atomic_load(&c->gone) || atomic_load(&c->node->stopping);
}

enum err call_fail(struct call *c, enum err e, const char *next, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->what, sizeof(c->what), format, args);
    va_end(args);
    (void)snprintf(c->next, sizeof(c->next), "%s", next != NULL ? next : "");
    c->result = e;
    return e;
}

struct writer call_reply_room(struct call *c, size_t n)
{
    free(c->reply.p);
    c->reply.p = malloc(n);
    c->reply.n = 0;
    if (c->reply.p == NULL) {
        c->result = ERR_MEMORY;
        return writer_of(NULL, 0);
    }
    return writer_of(c->reply.p, n);
}

void call_reply_set(struct call *c, const struct writer *w)
{
    if (w->err != OK)
        c->result = w->p == NULL ? ERR_MEMORY : w->err;
    c->reply.n = w->len;
}

void call_reply_none(struct call *c)
{
    struct writer w = call_reply_room(c, 16);
    node_msg_encode_none(&w);
    call_reply_set(c, &w);
}

void call_reply_size(struct call *c, uint64_t size)
{
    const struct node_size s = { size };
    struct writer w = call_reply_room(c, 64);
    node_msg_encode_size(&w, &s);
    call_reply_set(c, &w);
}

void call_reply_progress(struct call *c, const struct node_progress *p)
{
    struct writer w = call_reply_room(c, SMALL_REPLY_MAX);
    node_msg_encode_progress(&w, p);
    call_reply_set(c, &w);
}

void ipfsd_call_ended(struct ipfsd *n, struct call *c)
{
    (void)c;
    n->calls--;
}
