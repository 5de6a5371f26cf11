#include "rt/clock.h"
#include "rt/http_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const method_names[] = { "GET",     "HEAD",  "POST",    "PUT",  "DELETE",
                                            "OPTIONS", "PATCH", "CONNECT", "OTHER" };

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

enum http_method http_request_method(const struct http_request *rq)
{
    return rq->method;
}

const char *http_request_path(const struct http_request *rq)
{
    return rq->path;
}

const char *http_request_query(const struct http_request *rq)
{
    return rq->query;
}

const char *http_request_header(struct http_request *rq, const char *name)
{
    return MHD_lookup_connection_value(rq->connection, MHD_HEADER_KIND, name);
}

struct each {
    void (*fn)(void *ctx, const char *name, const char *value);
    void *ctx;
};

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    const struct each *e = cls;
    e->fn(e->ctx, name, value == NULL ? "" : value);
    return MHD_YES;
}

void http_request_headers_each(struct http_request *rq,
                               void (*fn)(void *ctx, const char *name, const char *value),
                               void *ctx)
{
    struct each e = { fn, ctx };
    MHD_get_connection_values(rq->connection, MHD_HEADER_KIND, on_header, &e);
}

struct span http_request_body(const struct http_request *rq)
{
    return span_of(rq->body, rq->body_len);
}

const struct sockaddr *http_request_peer(const struct http_request *rq)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(rq->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info == NULL ? NULL : info->client_addr;
}

void *http_request_server_ctx(const struct http_request *rq)
{
    return rq->server->o.ctx;
}

void http_request_set_data(struct http_request *rq, void *data, loop_fn free_fn)
{
    rq->data = data;
    rq->data_free = free_fn;
}

void *http_request_data(const struct http_request *rq)
{
    return rq->data;
}

void http_request_stream_body(struct http_request *rq, http_sink_fn fn, void *ctx,
                              uint64_t size_max)
{
    rq->sink = fn;
    rq->sink_ctx = ctx;
    rq->body_max = size_max;
}

void http_request_unref(struct http_request *rq)
{
    if (atomic_fetch_sub(&rq->refs, 1) != 1)
        return;
    struct http_server *s = rq->server;
    if (rq->data_free != NULL)
        rq->data_free(rq->data);
    free(rq->body);
    free(rq->path);
    free(rq);
    http_server_unref(s);
}

/* ---- waiting ---- */

void http_request_list(struct http_request *rq, uint64_t deadline)
{
    struct http_server *s = rq->server;
    rq->deadline = deadline;
    if (rq->listed)
        return;
    rq->listed = true;
    rq->prev = NULL;
    rq->next = s->waiting;
    if (s->waiting != NULL)
        s->waiting->prev = rq;
    else
        pthread_cond_signal(&s->changed); /* otherwise the reaper looks soon in any case */
    s->waiting = rq;
}

void http_request_unlist(struct http_request *rq)
{
    if (!rq->listed)
        return;
    rq->listed = false;
    if (rq->prev != NULL)
        rq->prev->next = rq->next;
    else
        rq->server->waiting = rq->next;
    if (rq->next != NULL)
        rq->next->prev = rq->prev;
    rq->prev = rq->next = NULL;
}

void http_request_watch(struct http_request *rq, loop_fn gone, void *ctx)
{
    struct http_server *s = rq->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(rq->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    ASSERT(!rq->watched);
    if (info == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    rq->watched = true;
    rq->fd = info->connect_fd;
    rq->gone = gone;
    rq->gone_ctx = ctx;
    rq->watch_prev = NULL;
    rq->watch_next = s->watched;
    if (s->watched != NULL)
        s->watched->watch_prev = rq;
    else
        pthread_cond_signal(&s->changed);
    s->watched = rq;
    pthread_mutex_unlock(&s->lock);
}

void http_request_unwatch(struct http_request *rq)
{
    if (!rq->watched)
        return;
    rq->watched = false;
    if (rq->watch_prev != NULL)
        rq->watch_prev->watch_next = rq->watch_next;
    else
        rq->server->watched = rq->watch_next;
    if (rq->watch_next != NULL)
        rq->watch_next->watch_prev = rq->watch_prev;
    rq->watch_prev = rq->watch_next = NULL;
}

void http_request_sleep(struct http_request *rq)
{
    rq->sleeping = true;
    http_request_list(rq, clock_deadline(HTTP_STREAM_LOOK_MS));
    MHD_suspend_connection(rq->connection);
}

void http_request_wake_locked(struct http_request *rq)
{
    if (!rq->sleeping) {
        rq->woken = true;
        return;
    }
    rq->sleeping = false;
    http_request_unlist(rq);
    MHD_resume_connection(rq->connection);
}

void http_request_wake(struct http_request *rq)
{
    struct http_server *s = rq->server;
    pthread_mutex_lock(&s->lock);
    http_request_wake_locked(rq);
    pthread_mutex_unlock(&s->lock);
}

/* ---- bodies ---- */

struct stream {
    struct http_request *rq;
    http_body_fn read;
    void *ctx;
    loop_fn free_fn;
};

void http_request_cut(struct http_request *rq)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(rq->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL)
        (void)shutdown(info->connect_fd, SHUT_RDWR);
}

static ssize_t end_with_error(struct http_request *rq)
{
    http_request_cut(rq);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

enum err http_request_wait(struct http_request *rq)
{
    pthread_mutex_lock(&rq->server->lock);
    bool cut = rq->cut || rq->server->closing;
    bool again = rq->woken;
    rq->woken = false;
    if (!cut && !again)
        http_request_sleep(rq);
    pthread_mutex_unlock(&rq->server->lock);
    return cut ? ERR_CLOSED : again ? OK : ERR_BUSY;
}

static ssize_t stream_read(void *cls, uint64_t pos, char *out, size_t max)
{
    struct stream *st = cls;
    struct http_request *rq = st->rq;
    for (;;) {
        int64_t n = st->read(st->ctx, pos, (uint8_t *)out, max);
        if (n == HTTP_BODY_END)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (n < 0 || (uint64_t)n > max)
            return end_with_error(rq);
        if (n > 0)
            return (ssize_t)n;
        enum err e = http_request_wait(rq);
        if (e != OK)
            return e == ERR_BUSY ? 0 : end_with_error(rq);
    }
}

static void stream_free(void *cls)
{
    struct stream *st = cls;
    if (st->free_fn != NULL)
        st->free_fn(st->ctx);
    http_request_unref(st->rq);
    free(st);
}

static struct MHD_Response *stream_response(struct http_request *rq, const struct http_response *r)
{
    struct stream *st = malloc(sizeof(*st));
    if (st == NULL)
        return NULL;
    *st = (struct stream){ rq, r->read, r->read_ctx, r->read_free };
    atomic_fetch_add(&rq->refs, 1);
    uint64_t size = r->size == HTTP_SIZE_UNKNOWN ? MHD_SIZE_UNKNOWN : r->size;
    struct MHD_Response *m =
        MHD_create_response_from_callback(size, HTTP_STREAM_BLOCK, stream_read, st, stream_free);
    if (m == NULL) {
        st->free_fn = NULL; /* response_of gives the caller's part back */
        stream_free(st);
    }
    return m;
}

static struct MHD_Response *body_of(struct http_request *rq, const struct http_response *r)
{
    union { /* the library's type has no const; it copies, or only reads */
        const uint8_t *in;
        void *out;
    } p = { .in = r->body.p };
    switch (r->kind) {
    case HTTP_BODY_BUFFER:
        return MHD_create_response_from_buffer(
            r->body.n, p.out, r->body.n > 0 ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
    case HTTP_BODY_STATIC:
        return MHD_create_response_from_buffer(r->body.n, p.out, MHD_RESPMEM_PERSISTENT);
    case HTTP_BODY_FD:
        return MHD_create_response_from_fd_at_offset64(r->size, r->fd, r->fd_offset);
    case HTTP_BODY_STREAM:
        return stream_response(rq, r);
    }
    return NULL;
}

/* Gives back what a response that will not be sent was handed. */
static void discard(const struct http_response *r)
{
    if (r->kind == HTTP_BODY_FD && r->fd >= 0)
        close(r->fd);
    if (r->kind == HTTP_BODY_STREAM && r->read_free != NULL)
        r->read_free(r->read_ctx);
}

static struct MHD_Response *response_of(struct http_request *rq, const struct http_response *r)
{
    struct MHD_Response *m = body_of(rq, r);
    if (m == NULL) {
        discard(r);
        return NULL;
    }
    for (uint32_t i = 0; i < r->header_count; i++) {
        /* A value with a line break is refused by the library: nobody smuggles in a header. */
        if (MHD_add_response_header(m, r->headers[i].name, r->headers[i].value) != MHD_YES) {
            MHD_destroy_response(m);
            return NULL;
        }
    }
    return m;
}

bool http_response_add(struct http_response *r, const char *name, const char *value)
{
    if (r->header_count >= HTTP_HEADERS_MAX)
        return false;
    r->headers[r->header_count++] = (struct http_header){ name, value };
    return true;
}

/* ---- answers ---- */

static struct MHD_Response *plain(const char *text, bool retry)
{
    union {
        const char *in;
        void *out;
    } p = { .in = text };
    struct MHD_Response *m =
        MHD_create_response_from_buffer(strlen(text), p.out, MHD_RESPMEM_MUST_COPY);
    if (m == NULL)
        return NULL;
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%d", HTTP_RETRY_AFTER_S);
    MHD_add_response_header(m, "Content-Type", "text/plain; charset=utf-8");
    if (retry)
        MHD_add_response_header(m, "Retry-After", seconds);
    return m;
}

void http_request_answer_late(struct http_request *rq, unsigned status)
{
    http_request_unlist(rq);
    rq->state = HTTP_ANSWERED;
    rq->status = status;
    rq->response =
        plain(status == 504 ? "The answer took too long.\n" : "Busy, try again.\n", status == 503);
    MHD_resume_connection(rq->connection);
}

enum err http_request_respond(struct http_request *rq, const struct http_response *r)
{
    struct http_server *s = rq->server;
    struct MHD_Response *m = response_of(rq, r);
    unsigned status = m == NULL ? 500 : r->status;
    if (m == NULL)
        m = plain("Internal error.\n", false);
    pthread_mutex_lock(&s->lock);
    bool was_suspended = rq->state != HTTP_NEW && rq->state != HTTP_HANDLING;
    bool late = rq->state == HTTP_ANSWERED;
    if (!late) {
        rq->response = m;
        rq->status = status;
        bool resume = rq->state == HTTP_SUSPENDED;
        rq->state = HTTP_ANSWERED;
        if (resume) {
            http_request_unlist(rq);
            MHD_resume_connection(rq->connection);
        }
    }
    pthread_mutex_unlock(&s->lock);
    if (late && m != NULL)
        MHD_destroy_response(m);
    if (was_suspended)
        http_request_unref(rq);
    return late ? ERR_TIMEOUT : OK;
}

enum err http_request_respond_text(struct http_request *rq, uint16_t status, const char *text)
{
    struct http_response r = { .status = status, .body = span_str(text) };
    http_response_add(&r, "Content-Type", "text/plain; charset=utf-8");
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%d", HTTP_RETRY_AFTER_S);
    if (status == 503)
        http_response_add(&r, "Retry-After", seconds);
    return http_request_respond(rq, &r);
}

void http_request_suspend(struct http_request *rq, uint64_t timeout_ms)
{
    struct http_server *s = rq->server;
    ASSERT(rq->state == HTTP_HANDLING);
    if (timeout_ms == 0)
        timeout_ms = HTTP_SUSPEND_DEFAULT_MS;
    atomic_fetch_add(&rq->refs, 1);
    pthread_mutex_lock(&s->lock);
    if (s->closing) {
        rq->state = HTTP_ANSWERED;
        rq->status = 503;
        rq->response = plain("Closing.\n", true);
    } else {
        rq->state = HTTP_SUSPENDED;
        rq->handed_over = true;
        http_request_list(rq, clock_deadline((int64_t)timeout_ms));
        MHD_suspend_connection(rq->connection);
    }
    pthread_mutex_unlock(&s->lock);
}

static void run_posted(void *ctx)
{
    struct http_request *rq = ctx;
    rq->posted(rq);
}

void http_request_post(struct http_request *rq, struct loop *l, void (*fn)(struct http_request *rq),
                       uint64_t timeout_ms)
{
    rq->posted = fn;
    http_request_suspend(rq, timeout_ms);
    if (loop_post(l, run_posted, rq) != OK)
        (void)http_request_respond_text(rq, 503, "Busy, try again.\n");
}
