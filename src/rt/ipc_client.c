#include "rt/clock.h"
#include "rt/ipc_link.h"

#include <stdlib.h>

struct pending {
    bool used;
    uint64_t id;
    size_t size;
    uint64_t timeout_ms;
    uint64_t deadline; /* UINT64_MAX: none */
    ipc_reply_fn fn;   /* NULL: nobody waits any more, but the server still works on it */
    void *ctx;
};

struct ipc_client {
    struct loop *loop;
    struct ipc_link link;
    struct loop_fd *ready;
    struct loop_timer *timer;
    bool greeted;
    bool dead;   /* the connection has ended */
    bool zombie; /* closed by its owner while we were calling him */
    unsigned busy;
    uint64_t hello_deadline;
    uint64_t next_id;
    uint32_t count;
    size_t bytes;
    ipc_closed_fn closed;
    void *ctx;
    struct pending pending[IPC_REQUESTS_MAX];
};

static void client_update(struct ipc_client *c)
{
    if (c->dead)
        return;
    int events = LOOP_READ;
    if (ipc_link_pending(&c->link) > 0)
        events |= LOOP_WRITE;
    loop_fd_set(c->ready, events);
}

static void client_arm(struct ipc_client *c)
{
    uint64_t first = c->greeted ? UINT64_MAX : c->hello_deadline;
    for (size_t i = 0; i < IPC_REQUESTS_MAX; i++) {
        if (c->pending[i].used && c->pending[i].fn != NULL && c->pending[i].deadline < first)
            first = c->pending[i].deadline;
    }
    if (first == UINT64_MAX)
        loop_timer_stop(c->timer);
    else
        loop_timer_start(c->timer, (uint64_t)clock_left(first), 0);
}

static void fail_all(struct ipc_client *c)
{
    for (size_t i = 0; i < IPC_REQUESTS_MAX; i++) {
        struct pending p = c->pending[i];
        c->pending[i] = (struct pending){ 0 };
        if (p.used && p.fn != NULL)
            p.fn(p.ctx, ERR_CLOSED, NULL);
    }
    c->count = 0;
    c->bytes = 0;
}

static void client_shut(struct ipc_client *c)
{
    if (c->dead)
        return;
    c->dead = true;
    loop_fd_free(c->ready);
    loop_timer_free(c->timer);
    ipc_link_fini(&c->link);
}

static void client_lost(struct ipc_client *c, enum err e)
{
    if (c->dead)
        return;
    client_shut(c);
    c->busy++;
    fail_all(c);
    if (!c->zombie && c->closed != NULL)
        c->closed(c->ctx, e);
    c->busy--;
}

static enum err take_reply(void *client, const struct ipc_msg *m)
{
    struct ipc_client *c = client;
    if (!c->greeted) {
        TRY(ipc_link_hello_answered(&c->link, m));
        c->greeted = true;
        return OK;
    }
    if ((m->flags & IPC_REPLY) == 0)
        return ERR_FORMAT;
    for (size_t i = 0; i < IPC_REQUESTS_MAX; i++) {
        struct pending *p = &c->pending[i];
        if (!p->used || p->id != m->id)
            continue;
        ipc_reply_fn fn = p->fn;
        void *ctx = p->ctx;
        if ((m->flags & IPC_MORE) == 0) {
            c->count--;
            c->bytes -= p->size;
            *p = (struct pending){ 0 };
        } else if (p->timeout_ms != 0) {
            p->deadline = clock_deadline((int64_t)p->timeout_ms);
        }
        if (fn != NULL)
            fn(ctx, OK, m);
        return OK;
    }
    return ERR_FORMAT; /* a reply to nothing */
}

static bool client_stopped(void *ctx)
{
    const struct ipc_client *c = ctx;
    return c->dead || c->zombie;
}

static enum err client_pump(struct ipc_client *c)
{
    const struct ipc_pump pump = { client_stopped, take_reply, c };
    return ipc_link_pump(&c->link, &pump);
}

static void leave(struct ipc_client *c)
{
    c->busy--;
    if (c->busy > 0)
        return;
    if (c->zombie) {
        client_shut(c);
        free(c);
        return;
    }
    if (!c->dead) {
        client_update(c);
        client_arm(c);
    }
}

static void on_client_ready(void *ctx, int events)
{
    struct ipc_client *c = ctx;
    c->busy++;
    enum err e = OK;
    if ((events & LOOP_WRITE) != 0)
        e = ipc_link_flush(&c->link);
    /* A peer that refuses us says why before it closes, so what came is read in any case. */
    enum err read = client_pump(c);
    if (e == OK || read == ERR_DENIED)
        e = read;
    if (e != OK)
        client_lost(c, e);
    leave(c);
}

static void on_client_timer(void *ctx)
{
    struct ipc_client *c = ctx;
    uint64_t now = clock_mono_ms();
    c->busy++;
    if (!c->greeted && now >= c->hello_deadline)
        client_lost(c, ERR_TIMEOUT);
    for (size_t i = 0; i < IPC_REQUESTS_MAX && !c->dead && !c->zombie; i++) {
        struct pending *p = &c->pending[i];
        if (!p->used || p->fn == NULL || now < p->deadline)
            continue;
        ipc_reply_fn fn = p->fn;
        p->fn = NULL;
        p->deadline = UINT64_MAX;
        fn(p->ctx, ERR_TIMEOUT, NULL);
    }
    leave(c);
}

static enum err client_start(struct ipc_client *c, const struct ipc_endpoint *at)
{
    char token[IPC_TOKEN_SIZE + 1];
    bool local = at->kind == IPC_UNIX;
    if (!local)
        TRY(ipc_link_token(token, at->token_file, false));
    TRY(ipc_link_init(&c->link, IPC_BYTES_MAX + IPC_REQUESTS_MAX * IPC_PREFIX_MAX + 4096,
                      local && at->ring_size != 0, false));
    int fd;
    TRY(ipc_link_connect(&fd, at));
    ipc_link_attach(&c->link, fd, local);
    TRY(ipc_link_hello_send(&c->link, at->ring_size, local ? NULL : token));
    c->ready = loop_fd_new(c->loop, fd, on_client_ready, c);
    c->timer = loop_timer_new(c->loop, on_client_timer, c);
    return c->ready == NULL || c->timer == NULL ? ERR_MEMORY : OK;
}

enum err ipc_client_open(struct ipc_client **out, struct loop *l, const struct ipc_endpoint *at,
                         ipc_closed_fn closed, void *ctx)
{
    *out = NULL;
    struct ipc_client *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->loop = l;
    c->closed = closed;
    c->ctx = ctx;
    c->link.fd = c->link.passed_fd = -1;
    enum err e = client_start(c, at);
    if (e != OK) {
        client_shut(c);
        free(c);
        return e;
    }
    c->hello_deadline = clock_deadline(IPC_HELLO_TIMEOUT_MS);
    client_update(c);
    client_arm(c);
    *out = c;
    return OK;
}

bool ipc_client_ready(const struct ipc_client *c, size_t n)
{
    return !c->dead && c->count < IPC_REQUESTS_MAX && n <= IPC_BYTES_MAX - c->bytes;
}

enum err ipc_client_request(struct ipc_client *c, const struct ipc_msg *m, uint64_t timeout_ms,
                            ipc_reply_fn fn, void *ctx)
{
    struct ipc_msg copy = *m;
    copy.flags = 0;
    ASSERT(fn != NULL && m->type != IPC_TYPE_HELLO);
    TRY(ipc_frame_check(&copy));
    if (c->dead || c->zombie)
        return ERR_CLOSED;
    size_t size = m->body.n + m->bulk.n;
    if (!ipc_client_ready(c, size))
        return ERR_BUSY;
    copy.id = ++c->next_id;
    enum err e = ipc_link_send(&c->link, &copy);
    if (e == ERR_CLOSED) {
        /* The loop will find the same when it reads; its callback must not come from here. */
        client_update(c);
        return e;
    }
    TRY(e);
    struct pending *p = c->pending;
    while (p->used)
        p++;
    *p = (struct pending){ .used = true,
                           .id = copy.id,
                           .size = size,
                           .timeout_ms = timeout_ms,
                           .deadline = UINT64_MAX,
                           .fn = fn,
                           .ctx = ctx };
    if (timeout_ms != 0)
        p->deadline = clock_deadline((int64_t)timeout_ms);
    c->count++;
    c->bytes += size;
    if (c->busy == 0) {
        client_update(c);
        client_arm(c);
    }
    return OK;
}

void ipc_client_close(struct ipc_client *c)
{
    if (c == NULL || c->zombie)
        return;
    c->zombie = true;
    c->busy++;
    if (!c->dead) {
        fail_all(c);
        /* Inside a reply the message's bytes are still in use: then leave() of the caller frees. */
    }
    leave(c);
}
