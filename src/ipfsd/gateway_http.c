#include "ipfsd/gateway_http.h"
#include "api/gateway.h"
#include "api/gateway_text.h"
#include "ipfsd/remote.h"
#include "rt/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    WORKERS_DEFAULT = 16, /* most of the time they wait for others */
    WORKERS_MAX = 64,
    CONTEXTS_DEFAULT = 32,
    CONTEXTS_MAX = 1024,
    CONTEXTS_WARM = 4,
    OPEN_TIMEOUT_MS = 30000,
    PIECE = 256 << 10,
    STEP = 4 << 10, /* after which a worker looks at the clock: it may be made of many blocks */
    SLICE_MS = 200, /* for a piece, when others may be waiting */
    SMALL_BLOCK = 64 << 10, /* below this a copy is cheaper than sendfile's set-up */
};

enum piece_state { PIECE_NONE, PIECE_QUEUED, PIECE_READY };

/* Whether the client of a request has gone. It may be told so after the context is another's. */
struct watch {
    atomic_bool gone;
    atomic_uint refs; /* the request's, the context's */
};

/* One request whose body is being made. */
struct context {
    struct gateway_http *g;
    struct http_request *rq;
    struct watch *watch;          /* NULL: not watched */
    struct remote_reader *reader; /* NULL: nothing has been asked of others */
    pthread_mutex_t lock;
    bool remote;                     /* on a worker: blocks may come from anywhere */
    const struct block_source *slow; /* where they come from then; NULL: nowhere else */
    bool opening;                    /* queued to be opened, not to make a piece */
    bool abandoned; /* the client has gone while a worker was busy: the worker frees it */
    enum piece_state state;
    enum err piece_err; /* what follows the piece */
    bool piece_last;    /* the end follows it */
    size_t piece_n, piece_at;
    uint8_t *piece;
    struct mspan memory;
    struct block_source source;
    struct gateway_names names;
    struct gateway_request request;
    struct gateway_query query;
    struct gateway_answer answer;
    char strings[2][4096]; /* copies of path and query, which outlive the handler */
    char headers[9][512];
    struct context *next; /* in the free list or the queue */
};

struct gateway_http {
    struct gateway_http_options o;
    struct http_server *server;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stop;
    struct context *free_list, *queue_head, *queue_tail;
    struct context *contexts;
    size_t context_count;
    pthread_t workers[WORKERS_MAX];
    size_t worker_count;
    size_t opening_count; /* workers that are opening something */
    atomic_uint_fast64_t requests, blocks_sent, fetched, refused;
};

/* ---- contexts ------------------------------------------------------------------------------- */

static struct context *context_take(struct gateway_http *g)
{
    pthread_mutex_lock(&g->lock);
    struct context *c = g->free_list;
    if (c != NULL)
        g->free_list = c->next;
    pthread_mutex_unlock(&g->lock);
    if (c == NULL)
        return NULL;
    c->remote = c->opening = c->abandoned = false;
    c->state = PIECE_NONE;
    c->piece_n = c->piece_at = 0;
    return c;
}

static void watch_unref(void *ctx)
{
    struct watch *w = ctx;
    if (w != NULL && atomic_fetch_sub(&w->refs, 1) == 1)
        free(w);
}

static void on_gone(void *ctx)
{
    struct watch *w = ctx;
    atomic_store(&w->gone, true);
}

/* For requests that may wait for others; in the handler. */
static void context_watch(struct context *c)
{
    if (c->g->o.remote == NULL || c->slow != c->g->o.source)
        return;
    c->watch = calloc(1, sizeof(*c->watch));
    if (c->watch == NULL)
        return; /* then it holds its place for as long as others may take */
    atomic_store(&c->watch->refs, 2);
    http_request_set_data(c->rq, c->watch, watch_unref);
    http_request_watch(c->rq, on_gone, c->watch);
}

/* A worker asks, while it waits for others. */
static bool context_left(void *ctx)
{
    struct context *c = ctx;
    pthread_mutex_lock(&c->lock);
    bool left = c->abandoned;
    pthread_mutex_unlock(&c->lock);
    return left || (c->watch != NULL && atomic_load(&c->watch->gone));
}

static void context_give(struct context *c)
{
    struct gateway_http *g = c->g;
    remote_reader_close(c->reader);
    c->reader = NULL;
    watch_unref(c->watch);
    c->watch = NULL;
    /* Contexts are reused last in, first out: a few stay warm, the rest give their pages back. */
    if (c - g->contexts >= CONTEXTS_WARM)
        (void)madvise(c->memory.p, c->memory.n, MADV_DONTNEED);
    pthread_mutex_lock(&g->lock);
    c->next = g->free_list;
    g->free_list = c;
    pthread_mutex_unlock(&g->lock);
}

/* On a worker. */
static enum err get_slow(struct context *c, size_t *size, struct mspan buf,
                         const struct block_key *key)
{
    if (c->reader == NULL)
        return block_source_get(c->slow, size, buf, key);
    const struct block_source from = remote_reader_source(c->reader);
    return block_source_get(&from, size, buf, key);
}

static enum err context_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct context *c = ctx;
    enum err e = blockstore_get(c->g->o.store, size, buf, key->digest);
    if (e == OK)
        remote_reader_saw(c->reader, key, span_of(buf.p, *size));
    if (e == OK || !c->remote || c->slow == NULL)
        return e;
    return get_slow(c, size, buf, key);
}

/* A worker begins to make the answer or a piece of it. */
static void open_reader(struct context *c)
{
    const struct remote_reader_options o = { .gone = context_left, .ctx = c };
    if (c->reader == NULL && c->g->o.remote != NULL && c->slow == c->g->o.source)
        (void)!remote_reader_open(&c->reader, c->g->o.remote, &o); /* else without reading ahead */
}

static enum err context_has(void *ctx, const struct block_key *key)
{
    const struct context *c = ctx;
    return blockstore_has(c->g->o.store, NULL, key->digest);
}

static enum err context_record(void *ctx, size_t *size, struct mspan buf,
                               const struct peer_id *name)
{
    const struct context *c = ctx;
    if (c->remote && !c->query.only_cached)
        names_find(c->g->o.names, name);
    else if (c->slow != NULL && !c->query.only_cached && names_find_due(c->g->o.names, name))
        return ERR_NOT_FOUND; /* for a worker, which may wait */
    return names_record(c->g->o.names, size, buf, name);
}

/* As with blocks: only a worker may wait for others. */
static enum err context_link(void *ctx, struct gateway_dnslink *out, const char *domain)
{
    const struct context *c = ctx;
    return names_dnslink(c->g->o.names, out, domain, c->remote && !c->query.only_cached);
}

static bool is_site(void *names, const char *host)
{
    return names_is_site(names, host);
}

static bool context_site(void *ctx, const char *host)
{
    const struct context *c = ctx;
    return names_is_site(c->g->o.names, host);
}

/* Called once when the body is no more needed. */
static void context_done(void *ctx)
{
    struct context *c = ctx;
    pthread_mutex_lock(&c->lock);
    bool busy = c->state == PIECE_QUEUED;
    c->abandoned = busy;
    pthread_mutex_unlock(&c->lock);
    if (!busy)
        context_give(c);
}

static void queue_push(struct context *c)
{
    struct gateway_http *g = c->g;
    c->next = NULL;
    pthread_mutex_lock(&g->lock);
    if (g->queue_tail == NULL)
        g->queue_head = c;
    else
        g->queue_tail->next = c;
    g->queue_tail = c;
    pthread_cond_signal(&g->work);
    pthread_mutex_unlock(&g->lock);
}

/* ---- bodies --------------------------------------------------------------------------------- */

/* Hands out what a worker has made. */
static int64_t take_piece(struct context *c, uint8_t *out, size_t max)
{
    size_t left = c->piece_n - c->piece_at;
    if (left == 0)
        return c->piece_err != OK ? HTTP_BODY_ERROR : HTTP_BODY_END;
    size_t n = left < max ? left : max;
    memcpy(out, c->piece + c->piece_at, n);
    c->piece_at += n;
    if (n == left && c->piece_err == OK && !c->piece_last)
        c->state = PIECE_NONE;
    return (int64_t)n;
}

static int64_t body_read(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    struct context *c = ctx;
    (void)pos;
    pthread_mutex_lock(&c->lock);
    int64_t n = HTTP_BODY_WAIT;
    if (c->state == PIECE_READY) {
        n = take_piece(c, out, max);
    } else if (c->state == PIECE_NONE) {
        size_t size = 0;
        enum err e =
            c->remote ? ERR_NOT_FOUND : gateway_next(&c->answer, &size, (struct mspan){ out, max });
        if (e == OK) {
            n = size == 0 ? HTTP_BODY_END : (int64_t)size;
        } else if (c->remote || (e == ERR_NOT_FOUND && c->slow != NULL)) {
            c->remote = true;
            c->state = PIECE_QUEUED;
            queue_push(c);
        } else {
            n = HTTP_BODY_ERROR;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return n;
}

/* A listing's rows need room: the HTTP library may offer less than a page's head takes. */
static bool needs_piece(const struct context *c)
{
    return c->answer.kind == GATEWAY_BODY_LISTING;
}

static void fill_response(struct context *c, struct http_response *r)
{
    struct gateway_answer *a = &c->answer;
    *r = (struct http_response){ .status = a->status };
    for (uint32_t i = 0; i < a->header_count; i++)
        (void)http_response_add(r, a->headers[i].name, a->headers[i].value);
    if (a->kind == GATEWAY_BODY_TEXT || a->kind == GATEWAY_BODY_BLOCK) {
        r->kind = HTTP_BODY_BUFFER;
        r->body = a->body;
        return;
    }
    r->kind = HTTP_BODY_STREAM;
    r->size = a->size == GATEWAY_SIZE_UNKNOWN ? HTTP_SIZE_UNKNOWN : a->size;
    r->read = body_read;
    r->read_ctx = c;
    r->read_free = context_done;
}

/* Sends the answer; afterwards the context belongs to the body, or is free again. */
static void respond(struct context *c)
{
    struct http_response r;
    fill_response(c, &r);
    bool streamed = r.kind == HTTP_BODY_STREAM;
    if (needs_piece(c))
        c->remote = true;
    struct http_request *rq = c->rq;
    (void)http_request_respond(rq, &r);
    if (!streamed)
        context_give(c);
}

/* ---- workers -------------------------------------------------------------------------------- */

static void work_open(struct context *c)
{
    atomic_fetch_add(&c->g->fetched, 1);
    open_reader(c);
    gateway_open(&c->answer, &c->query, &c->source, c->memory);
    c->opening = false;
    c->state = PIECE_NONE;
    respond(c);
}

static bool is_abandoned(struct context *c)
{
    pthread_mutex_lock(&c->lock);
    bool abandoned = c->abandoned;
    pthread_mutex_unlock(&c->lock);
    return abandoned;
}

/* A piece, or as much of it as can be made in a slice of time: content of tiny blocks, each fetched
 * from far away, must not keep a worker from others. *last: that was the end. */
static enum err make_piece(struct context *c, size_t *size, bool *last)
{
    const size_t step = needs_piece(c) ? PIECE : STEP;
    const uint64_t end = clock_mono_ms() + SLICE_MS;
    *size = 0;
    *last = false;
    do {
        size_t n = 0, room = PIECE - *size < step ? PIECE - *size : step;
        TRY(gateway_next(&c->answer, &n, (struct mspan){ c->piece + *size, room }));
        *size += n;
        *last = n == 0;
    } while (!*last && *size < PIECE && clock_mono_ms() < end && !is_abandoned(c));
    return OK;
}

static void work_piece(struct context *c)
{
    size_t n = 0;
    bool last = false;
    open_reader(c);
    enum err e = make_piece(c, &n, &last);
    pthread_mutex_lock(&c->lock);
    c->piece_err = e;
    c->piece_last = last;
    c->piece_n = n;
    c->piece_at = 0;
    c->state = PIECE_READY;
    bool abandoned = c->abandoned;
    /* While the lock is held the body is not over, so rq is there to be woken. */
    if (!abandoned)
        http_request_wake(c->rq);
    pthread_mutex_unlock(&c->lock);
    if (abandoned)
        context_give(c);
}

/* The next that may be worked on: what nobody has keeps who asks for it waiting for long, and most
 * workers at most, so that bodies that have begun go on. */
static struct context *queue_take(struct gateway_http *g)
{
    const bool may_open = g->opening_count < g->worker_count - g->worker_count / 4;
    struct context *before = NULL, *c = g->queue_head;
    for (; c != NULL && c->opening && !may_open; c = c->next)
        before = c;
    if (c == NULL)
        return NULL;
    if (before == NULL)
        g->queue_head = c->next;
    else
        before->next = c->next;
    if (g->queue_tail == c)
        g->queue_tail = before;
    return c;
}

static void *worker(void *ctx)
{
    struct gateway_http *g = ctx;
    pthread_mutex_lock(&g->lock);
    while (!g->stop || g->queue_head != NULL) {
        struct context *c = queue_take(g);
        if (c == NULL) {
            pthread_cond_wait(&g->work, &g->lock);
            continue;
        }
        const bool opening = c->opening;
        g->opening_count += opening;
        pthread_mutex_unlock(&g->lock);
        if (opening)
            work_open(c);
        else
            work_piece(c);
        pthread_mutex_lock(&g->lock);
        g->opening_count -= opening;
        if (opening)
            pthread_cond_signal(&g->work); /* one that waited for its turn */
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* ---- single blocks from the store ----------------------------------------------------------- */

/* Keeps a block's bytes in place until the request is over. */
struct pinned {
    struct blockstore *store;
    struct blockstore_range range;
};

static void pinned_free(void *ctx)
{
    struct pinned *p = ctx;
    blockstore_release(p->store, &p->range);
    free(p);
}

static void add_headers(struct http_response *r, const struct gateway_answer *a)
{
    r->status = a->status;
    for (uint32_t i = 0; i < a->header_count; i++)
        (void)http_response_add(r, a->headers[i].name, a->headers[i].value);
}

static void send_small(struct http_request *rq, const struct gateway_answer *a,
                       const struct blockstore_range *at, const struct gateway_range *range)
{
    uint8_t buf[SMALL_BLOCK];
    struct http_response r = { .kind = HTTP_BODY_BUFFER };
    add_headers(&r, a);
    ssize_t n = pread(at->fd, buf, (size_t)range->size, (off_t)(at->offset + range->from));
    if (n < 0 || (uint64_t)n != range->size) {
        (void)http_request_respond_text(rq, 500, "the block cannot be read\n");
        return;
    }
    r.body = span_of(buf, (size_t)n);
    (void)http_request_respond(rq, &r);
}

/* True when the request has been answered. */
static bool serve_raw(struct gateway_http *g, struct http_request *rq,
                      const struct gateway_query *q, struct gateway_answer *a)
{
    struct blockstore_range at;
    struct gateway_range range;
    if (blockstore_locate(g->o.store, &at, q->root.digest) != OK)
        return false;
    gateway_raw_headers(a, &range, q, at.length);
    atomic_fetch_add(&g->blocks_sent, 1);
    bool body = a->status == 200 || a->status == 206;
    if (!body || range.size <= SMALL_BLOCK) {
        struct http_response r = { .kind = HTTP_BODY_BUFFER, .body = a->body };
        add_headers(&r, a);
        if (body)
            send_small(rq, a, &at, &range);
        else
            (void)http_request_respond(rq, &r);
        blockstore_release(g->o.store, &at);
        return true;
    }
    struct pinned *p = malloc(sizeof(*p));
    int fd = p == NULL ? -1 : dup(at.fd);
    if (fd < 0) {
        free(p);
        blockstore_release(g->o.store, &at);
        (void)http_request_respond_text(rq, 503, "too many open files\n");
        return true;
    }
    *p = (struct pinned){ g->o.store, at };
    http_request_set_data(rq, p, pinned_free);
    struct http_response r = {
        .kind = HTTP_BODY_FD, .fd = fd, .fd_offset = at.offset + range.from, .size = range.size
    };
    add_headers(&r, a);
    (void)http_request_respond(rq, &r);
    return true;
}

/* ---- requests ------------------------------------------------------------------------------- */

/* A header's value in the context's own memory; NULL when absent or too long to matter. */
static const char *keep(struct context *c, size_t slot, const char *value)
{
    if (value == NULL || strlen(value) >= sizeof(c->headers[slot]))
        return NULL;
    memcpy(c->headers[slot], value, strlen(value) + 1);
    return c->headers[slot];
}

/* Copies the request; false when the URL is too long. */
static bool keep_request(struct context *c, struct http_request *rq)
{
    const char *url[2] = { http_request_path(rq), http_request_query(rq) };
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(url[i]) + 1;
        if (n > sizeof(c->strings[i]))
            return false;
        memcpy(c->strings[i], url[i], n);
    }
    c->request = (struct gateway_request){
        .head = http_request_method(rq) == HTTP_HEAD,
        .path = c->strings[0],
        .query = c->strings[1],
        .accept = keep(c, 0, http_request_header(rq, "Accept")),
        .range = keep(c, 1, http_request_header(rq, "Range")),
        .if_none_match = keep(c, 2, http_request_header(rq, "If-None-Match")),
        .if_range = keep(c, 3, http_request_header(rq, "If-Range")),
        .cache_control = keep(c, 4, http_request_header(rq, "Cache-Control")),
        .service_worker = keep(c, 5, http_request_header(rq, "Service-Worker")),
        .host = keep(c, 6, http_request_header(rq, "Host")),
        .forwarded_host = keep(c, 7, http_request_header(rq, "X-Forwarded-Host")),
        .forwarded_proto = keep(c, 8, http_request_header(rq, "X-Forwarded-Proto")),
        .gateway_hosts = c->g->o.gateway_hosts,
        .names = c->g->o.names == NULL ? NULL : &c->names,
        .now_s = (int64_t)(clock_wall_ms() / 1000),
    };
    return true;
}

static void serve(struct gateway_http *g, struct context *c)
{
    if (!gateway_parse(&c->query, &c->answer, &c->request)) {
        respond(c);
        return;
    }
    c->slow = c->query.only_cached ? g->o.local : g->o.source;
    if (gateway_is_raw(&c->query) && serve_raw(g, c->rq, &c->query, &c->answer)) {
        context_give(c);
        return;
    }
    gateway_open(&c->answer, &c->query, &c->source, c->memory);
    if (c->answer.err != ERR_NOT_FOUND || c->slow == NULL) {
        if (c->answer.kind != GATEWAY_BODY_TEXT && c->answer.kind != GATEWAY_BODY_BLOCK)
            context_watch(c);
        respond(c);
        return;
    }
    context_watch(c);
    c->remote = c->opening = true;
    c->state = PIECE_QUEUED;
    http_request_suspend(c->rq, g->o.open_timeout_ms == 0 ? OPEN_TIMEOUT_MS : g->o.open_timeout_ms);
    queue_push(c);
}

static void answer_options(struct http_request *rq)
{
    struct http_response r = { .status = 204, .kind = HTTP_BODY_BUFFER };
    (void)http_response_add(&r, "Access-Control-Allow-Origin", "*");
    (void)http_response_add(&r, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    (void)http_response_add(&r, "Access-Control-Allow-Headers",
                            "Content-Type, Range, User-Agent, X-Requested-With");
    (void)http_response_add(&r, "Access-Control-Expose-Headers", GATEWAY_TEXT_EXPOSED);
    (void)http_response_add(&r, "Access-Control-Max-Age", "86400");
    (void)http_request_respond(rq, &r);
}

/* Whether the request is for content, as far as it can be told without a context. */
static bool wants(struct gateway_http *g, struct http_request *rq)
{
    const struct gateway_names names = { .ctx = g->o.names, .is_site = is_site };
    if (strncmp(http_request_path(rq), "/ipfs/", 6) == 0)
        return true;
    const struct gateway_request request = {
        .path = http_request_path(rq),
        .host = http_request_header(rq, "Host"),
        .forwarded_host = http_request_header(rq, "X-Forwarded-Host"),
        .gateway_hosts = g->o.gateway_hosts,
        .names = g->o.names == NULL ? NULL : &names,
    };
    return gateway_wants(&request);
}

static void handler(void *ctx, struct http_request *rq)
{
    struct gateway_http *g = ctx;
    enum http_method method = http_request_method(rq);
    atomic_fetch_add(&g->requests, 1);
    if (method == HTTP_CONNECT) { /* a tunnel that ends here: what follows are requests to us */
        const struct http_response r = { .status = 200, .kind = HTTP_BODY_BUFFER };
        (void)http_request_respond(rq, &r);
        return;
    }
    if (!wants(g, rq)) {
        if (g->o.other != NULL)
            g->o.other(g->o.ctx, rq);
        else
            (void)http_request_respond_text(rq, 404, "content is under /ipfs/CID\n");
        return;
    }
    if (method == HTTP_OPTIONS) {
        answer_options(rq);
        return;
    }
    if (method != HTTP_GET && method != HTTP_HEAD) {
        (void)http_request_respond_text(rq, 405, "only GET, HEAD and OPTIONS\n");
        return;
    }
    struct context *c = context_take(g);
    if (c == NULL) {
        struct http_response r = { .status = 503,
                                   .kind = HTTP_BODY_BUFFER,
                                   .body = span_str("too many requests at once\n") };
        (void)http_response_add(&r, "Retry-After", "1");
        atomic_fetch_add(&g->refused, 1);
        (void)http_request_respond(rq, &r);
        return;
    }
    c->rq = rq;
    if (keep_request(c, rq)) {
        serve(g, c);
        return;
    }
    context_give(c);
    (void)http_request_respond_text(rq, 414, "the address is too long\n");
}

static void begin(void *ctx, struct http_request *rq)
{
    struct gateway_http *g = ctx;
    if (g->o.other_begin != NULL && http_request_method(rq) != HTTP_CONNECT && !wants(g, rq))
        g->o.other_begin(g->o.ctx, rq);
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum err make_contexts(struct gateway_http *g, size_t count)
{
    g->contexts = calloc(count, sizeof(*g->contexts));
    if (g->contexts == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct context *c = &g->contexts[i];
        c->g = g;
        c->memory.n = GATEWAY_MEMORY;
        c->memory.p = mmap(NULL, c->memory.n, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (c->memory.p == MAP_FAILED)
            return ERR_MEMORY;
        c->piece = malloc(PIECE);
        pthread_mutex_init(&c->lock, NULL);
        c->names = (struct gateway_names){ c, context_record, context_link, context_site };
        c->source = (struct block_source){ .ctx = c, .get = context_get, .has = context_has };
        g->context_count++;
        if (c->piece == NULL)
            return ERR_MEMORY;
    }
    for (size_t i = count; i > 0; i--)
        context_give(&g->contexts[i - 1]);
    return OK;
}

static void gateway_free(struct gateway_http *g)
{
    pthread_mutex_lock(&g->lock);
    g->stop = true;
    pthread_cond_broadcast(&g->work);
    pthread_mutex_unlock(&g->lock);
    for (size_t i = 0; i < g->worker_count; i++)
        pthread_join(g->workers[i], NULL);
    for (size_t i = 0; i < g->context_count; i++) {
        munmap(g->contexts[i].memory.p, g->contexts[i].memory.n);
        free(g->contexts[i].piece);
        pthread_mutex_destroy(&g->contexts[i].lock);
    }
    free(g->contexts);
    pthread_cond_destroy(&g->work);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

static enum err start(struct gateway_http *g)
{
    const struct gateway_http_options *o = &g->o;
    size_t contexts = o->contexts == 0 ? CONTEXTS_DEFAULT : o->contexts;
    size_t workers = o->workers == 0 ? WORKERS_DEFAULT : o->workers;
    if (contexts > CONTEXTS_MAX || workers > WORKERS_MAX)
        return ERR_LIMIT;
    TRY(make_contexts(g, contexts));
    for (; g->worker_count < workers; g->worker_count++) {
        if (pthread_create(&g->workers[g->worker_count], NULL, worker, g) != 0)
            return ERR_MEMORY;
    }
    struct http_server_options server = { .host = o->host,
                                          .port = o->port,
                                          .port_tries = o->port_tries,
                                          .threads = o->threads,
                                          .handler = handler,
                                          .begin = begin,
                                          .ctx = g };
    return http_server_open(&g->server, &server);
}

enum err gateway_http_open(struct gateway_http **out, const struct gateway_http_options *o)
{
    *out = NULL;
    struct gateway_http *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return ERR_MEMORY;
    g->o = *o;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->work, NULL);
    enum err e = start(g);
    if (e == OK)
        *out = g;
    else
        gateway_free(g);
    return e;
}

uint16_t gateway_http_port(const struct gateway_http *g)
{
    return http_server_port(g->server);
}

void gateway_http_counters(const struct gateway_http *g, struct gateway_http_counters *out)
{
    out->requests = atomic_load(&g->requests);
    out->blocks_sent = atomic_load(&g->blocks_sent);
    out->fetched = atomic_load(&g->fetched);
    out->refused = atomic_load(&g->refused);
}

void gateway_http_close(struct gateway_http *g)
{
    if (g == NULL)
        return;
    http_server_close(g->server);
    gateway_free(g);
}
