#include "rt/ipc_link.h"
#include "rt/ipc_listener.h"
#include "rt/log.h"
#include "rt/path.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SMALL_REPLY_MAX = 64 << 10, /* a final reply up to this size is always taken */
    /* Output that may be kept: the 8 MiB, and a small final reply for every request. */
    OUTPUT_MAX = IPC_BYTES_MAX + IPC_REQUESTS_MAX * (SMALL_REPLY_MAX + IPC_PREFIX_MAX),
};

struct ipc_conn;

struct ipc_request {
    struct ipc_conn *conn;
    uint64_t id;
    size_t size;
    uint16_t type;
    bool used;
    bool wants_drain;
    ipc_watch_fn watch;
    void *watch_ctx;
};

struct ipc_conn {
    struct ipc_server *server; /* NULL once the server has closed */
    struct ipc_conn *next;
    uint64_t number;
    struct ipc_link link;
    struct loop_fd *ready;
    struct loop_timer *again; /* the hello's deadline first, then "look at the input once more" */
    bool greeted, broken, dead;
    unsigned busy; /* frames of ours on the stack */
    uint32_t open_count;
    size_t open_bytes;
    struct ipc_request requests[IPC_REQUESTS_MAX];
};

struct ipc_server {
    struct loop *loop;
    struct ipc_server_options o;
    struct ipc_listener listener;
    struct ipc_conn *conns;
    uint32_t conn_count;
    uint64_t numbers; /* given to connections so far */
    bool has_token;
    char token[IPC_TOKEN_SIZE + 1];
};

static void conn_free_if_done(struct ipc_conn *c)
{
    if (c->dead && c->busy == 0 && c->open_count == 0)
        free(c);
}

/* Ends a connection. Unanswered requests stay until they are answered. */
static void conn_drop(struct ipc_conn *c)
{
    if (c->dead)
        return;
    c->dead = true;
    c->busy++;
    loop_fd_free(c->ready);
    loop_timer_free(c->again);
    ipc_link_fini(&c->link);
    struct ipc_server *s = c->server;
    for (struct ipc_conn **at = &s->conns; *at != NULL; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            s->conn_count--;
            break;
        }
    }
    c->server = NULL;
    for (size_t i = 0; i < IPC_REQUESTS_MAX; i++) {
        struct ipc_request *rq = &c->requests[i];
        if (rq->used && rq->watch != NULL) {
            ipc_watch_fn fn = rq->watch;
            rq->watch = NULL;
            fn(rq->watch_ctx, rq, IPC_GONE);
        }
    }
    if (s->o.gone != NULL)
        s->o.gone(s->o.ctx, c->number);
    c->busy--;
}

/* SPEC ipc 5.1: "At most 32 requests, with at most 8 MiB of body and bulk, are in flight on a
 * connection." */
static bool paused(const struct ipc_conn *c)
{
    return c->open_count >= IPC_REQUESTS_MAX || c->open_bytes >= IPC_BYTES_MAX ||
           ipc_link_pending(&c->link) >= IPC_BYTES_MAX;
}

static void conn_update(struct ipc_conn *c)
{
    if (c->dead)
        return;
    int events = paused(c) ? 0 : LOOP_READ;
    if (ipc_link_pending(&c->link) > 0)
        events |= LOOP_WRITE;
    loop_fd_set(c->ready, events);
}

static enum err dispatch(void *ctx, const struct ipc_msg *m)
{
    struct ipc_conn *c = ctx;
    if (!c->greeted) {
        TRY(ipc_link_hello_receive(&c->link, m, c->server->has_token ? c->server->token : NULL));
        c->greeted = true;
        loop_timer_stop(c->again);
        return OK;
    }
    /* SPEC ipc 2.1: "A client's frame without REPLY is a request" */
    if (m->type == IPC_TYPE_HELLO || m->flags != 0)
        return ERR_FORMAT;
    struct ipc_request *rq = NULL;
    for (size_t i = 0; i < IPC_REQUESTS_MAX; i++) {
        if (!c->requests[i].used)
            rq = &c->requests[i];
        else if (c->requests[i].id == m->id)
            return ERR_EXISTS; /* SPEC ipc 2.3: "It MUST NOT use one that is in flight" */
    }
    ASSERT(rq != NULL);
    *rq = (struct ipc_request){
        .conn = c, .id = m->id, .type = m->type, .used = true, .size = m->body.n + m->bulk.n
    };
    c->open_count++;
    c->open_bytes += rq->size;
    c->server->o.handler(c->server->o.ctx, rq, m);
    return OK;
}

static bool conn_stopped(void *ctx)
{
    const struct ipc_conn *c = ctx;
    return c->dead || paused(c);
}

static enum err conn_pump(struct ipc_conn *c)
{
    const struct ipc_pump pump = { conn_stopped, dispatch, c };
    return ipc_link_pump(&c->link, &pump);
}

static void conn_step(struct ipc_conn *c)
{
    c->busy++;
    enum err e = c->broken ? ERR_CLOSED : conn_pump(c);
    if (e != OK && !c->dead) {
        if (e != ERR_CLOSED)
            log_warn("ipc-peer-dropped", "reason=\"%s\"", err_text(e));
        conn_drop(c);
    }
    conn_update(c);
    c->busy--;
    conn_free_if_done(c);
}

static void tell_drained(struct ipc_conn *c)
{
    for (size_t i = 0; i < IPC_REQUESTS_MAX && !c->dead; i++) {
        struct ipc_request *rq = &c->requests[i];
        if (!rq->used || !rq->wants_drain || ipc_link_pending(&c->link) > IPC_BYTES_MAX / 2)
            continue;
        rq->wants_drain = false;
        if (rq->watch != NULL)
            rq->watch(rq->watch_ctx, rq, IPC_DRAINED);
    }
}

static void on_conn_ready(void *ctx, int events)
{
    struct ipc_conn *c = ctx;
    c->busy++;
    if ((events & LOOP_WRITE) != 0) {
        if (ipc_link_flush(&c->link) != OK)
            c->broken = true;
        else
            tell_drained(c);
    }
    c->busy--;
    if (c->dead)
        conn_free_if_done(c);
    else
        conn_step(c);
}

static void on_conn_again(void *ctx)
{
    struct ipc_conn *c = ctx;
    if (!c->greeted)
        c->broken = true; /* no hello in time */
    conn_step(c);
}

static enum err conn_open(struct ipc_server *s, int fd)
{
    struct ipc_conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        close(fd);
        return ERR_MEMORY;
    }
    bool local = s->o.at.kind == IPC_UNIX;
    enum err e = ipc_link_init(&c->link, OUTPUT_MAX, local && s->o.at.ring_size != 0, false);
    if (e != OK) {
        close(fd);
        free(c);
        return e;
    }
    ipc_link_attach(&c->link, fd, local);
    c->ready = loop_fd_new(s->loop, fd, on_conn_ready, c);
    c->again = loop_timer_new(s->loop, on_conn_again, c);
    if (c->ready == NULL || c->again == NULL) {
        loop_fd_free(c->ready);
        loop_timer_free(c->again);
        ipc_link_fini(&c->link);
        free(c);
        return ERR_MEMORY;
    }
    c->server = s;
    c->number = ++s->numbers;
    c->next = s->conns;
    s->conns = c;
    s->conn_count++;
    loop_timer_start(c->again, IPC_HELLO_TIMEOUT_MS, 0);
    conn_update(c);
    return OK;
}

static void on_listener(void *ctx, int events)
{
    (void)events;
    struct ipc_server *s = ctx;
    bool full = s->conn_count >= s->o.connections_max;
    int fd = ipc_listener_accept(&s->listener, full, "ipc-connection-refused");
    if (fd < 0)
        return;
    enum err e = conn_open(s, fd);
    if (e != OK)
        log_error("ipc-accept-failed", "reason=\"%s\"", err_text(e));
}

enum err ipc_server_open(struct ipc_server **out, struct loop *l,
                         const struct ipc_server_options *o)
{
    *out = NULL;
    struct ipc_server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->loop = l;
    s->o = *o;
    if (s->o.connections_max == 0)
        s->o.connections_max = IPC_CONNECTIONS_DEFAULT;
    enum err e = OK;
    if (o->at.kind != IPC_UNIX) {
        s->has_token = true;
        e = ipc_link_token(s->token, o->at.token_file, true);
    }
    if (e == OK)
        e = ipc_listener_open(&s->listener, l, &s->o.at, on_listener, s);
    if (e != OK) {
        free(s);
        return e;
    }
    *out = s;
    return OK;
}

uint16_t ipc_server_port(const struct ipc_server *s)
{
    return s->o.at.port;
}

void ipc_server_close(struct ipc_server *s)
{
    if (s == NULL)
        return;
    ipc_listener_close(&s->listener);
    while (s->conns != NULL) {
        struct ipc_conn *c = s->conns;
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): conn_drop takes it off the list */
        conn_drop(c);
        conn_free_if_done(c);
    }
    free(s);
}

/* Gives the request's place free; the input may go on then. */
static void request_end(struct ipc_request *rq)
{
    struct ipc_conn *c = rq->conn;
    bool was_paused = !c->dead && paused(c);
    c->open_count--;
    c->open_bytes -= rq->size;
    *rq = (struct ipc_request){ 0 };
    if (c->dead)
        conn_free_if_done(c);
    else if (was_paused)
        loop_timer_start(c->again, 0, 0); /* whole frames may be waiting in the buffer */
}

enum err ipc_reply(struct ipc_request *rq, uint16_t flags, struct span body, struct span bulk)
{
    struct ipc_conn *c = rq->conn;
    ASSERT(rq->used && (flags & ~(IPC_MORE | IPC_ERROR)) == 0);
    bool final = (flags & IPC_MORE) == 0;
    struct ipc_msg m = { .type = rq->type,
                         .flags = (uint16_t)(flags | IPC_REPLY),
                         .id = rq->id,
                         .body = body,
                         .bulk = bulk };
    TRY(ipc_frame_check(&m));
    size_t size = body.n + bulk.n;
    enum err e = ERR_CLOSED;
    if (!c->dead && !c->broken) {
        bool always = final && size <= SMALL_REPLY_MAX;
        bool full = ipc_link_pending(&c->link) + size > IPC_BYTES_MAX;
        e = full && !always ? ERR_BUSY : ipc_link_send(&c->link, &m);
        if (e == ERR_BUSY) {
            rq->wants_drain = true;
            return e;
        }
        if (e != OK) {
            /* Dropping calls watchers, so it waits for a turn of its own. */
            e = ERR_CLOSED;
            c->broken = true;
            loop_timer_start(c->again, 0, 0);
        } else if (c->busy == 0) {
            conn_update(c);
        }
    }
    if (final)
        request_end(rq);
    return e;
}

uint64_t ipc_request_connection(const struct ipc_request *rq)
{
    return rq->conn->number;
}

void ipc_request_watch(struct ipc_request *rq, ipc_watch_fn fn, void *ctx)
{
    rq->watch = fn;
    rq->watch_ctx = ctx;
}
