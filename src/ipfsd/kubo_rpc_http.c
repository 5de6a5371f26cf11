#include "ipfsd/kubo_rpc_http.h"

#include "rt/http_server.h"
#include "rt/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RING = 256 << 10,
    ANSWER_FIRST = 64 << 10,   /* from here on an answer is sent before it is whole */
    ANSWER_AHEAD = 256 << 10,  /* made and not yet sent */
    ANSWER_KEPT = 1 << 20,     /* memory of an answer that waits for the next one */
    DISCARD_MAX = 8 << 20,     /* read on after a failure, so that the client sees it */
    BEGIN_MS = 60 * 60 * 1000, /* to the first byte of an answer: a garbage collection takes long */
};

enum slot_state {
    SLOT_FREE,
    SLOT_WORKING, /* the thread is at it */
    SLOT_DONE,    /* it has ended; the request is not over */
};

struct kubo_io {
    struct kubo_rpc *k;
    uint32_t number;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    enum slot_state state;
    bool stop;
    bool bound;    /* to a request that is not over */
    bool ended;    /* the body is complete */
    bool waits;    /* the request is suspended until there is an answer */
    bool asleep;   /* the ring was full, or the answer empty */
    bool sending;  /* the answer is a stream that has begun */
    bool complete; /* nothing comes after what is in the answer */
    enum err result;
    enum kubo_answer kind;
    struct http_request *rq;
    struct kubo_call call;
    struct kubo_plan plan;
    char content_type[KUBO_RPC_TYPE_MAX];
    uint64_t discarded;
    uint64_t head, end; /* of the ring */
    uint8_t *answer;
    size_t answer_room, answer_at, answer_end;
    uint8_t ring[RING];
};

struct kubo_rpc {
    struct ipfsd *node;
    struct http_server *server;
    uint32_t started;
    struct kubo_io slots[KUBO_RPC_SLOTS];
};

/* ---- answers -------------------------------------------------------------------------------- */

static void answer_error(struct http_request *rq, uint16_t status, const char *message)
{
    uint8_t body[KUBO_RPC_ERROR_MAX];
    struct http_response r = { .status = status, .body = kubo_rpc_error(body, message) };
    (void)http_response_add(&r, "Content-Type", "application/json");
    if (status == 503)
        (void)http_response_add(&r, "Retry-After", "5");
    (void)http_request_respond(rq, &r);
}

static void add_headers(struct http_response *r, enum kubo_answer kind)
{
    bool json = kind == KUBO_ANSWER_JSON;
    r->status = 200;
    (void)http_response_add(r, "Content-Type", json ? "application/json" : "text/plain");
    (void)http_response_add(r, json ? "X-Chunked-Output" : "X-Stream-Output", "1");
    (void)http_response_add(r, "X-Content-Type-Options", "nosniff");
}

/* The answer of a command that has ended before any of it was sent. */
static void answer_whole(struct kubo_io *s)
{
    const char *why = s->call.why[0] == '\0' ? err_text(s->result) : s->call.why;
    if (s->result != OK) {
        answer_error(s->rq, 500, why);
        return;
    }
    struct http_response r = { .kind = HTTP_BODY_BUFFER, .body = { s->answer, s->answer_end } };
    add_headers(&r, s->kind);
    (void)http_request_respond(s->rq, &r);
}

static int64_t body_read(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    struct kubo_io *s = ctx;
    (void)pos;
    pthread_mutex_lock(&s->lock);
    size_t have = s->answer_end - s->answer_at;
    int64_t n = HTTP_BODY_WAIT;
    if (have > 0) {
        n = (int64_t)(have < max ? have : max);
        memcpy(out, s->answer + s->answer_at, (size_t)n);
        s->answer_at += (size_t)n;
        pthread_cond_signal(&s->news);
    } else if (s->complete) {
        n = s->result == OK ? HTTP_BODY_END : HTTP_BODY_ERROR;
    } else {
        s->asleep = true;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void answer_stream(struct kubo_io *s)
{
    struct http_response r = {
        .kind = HTTP_BODY_STREAM, .size = HTTP_SIZE_UNKNOWN, .read = body_read, .read_ctx = s
    };
    add_headers(&r, s->kind);
    (void)http_request_respond(s->rq, &r);
}

/* ---- the thread of a slot ------------------------------------------------------------------- */

void kubo_io_answer(struct kubo_io *io, enum kubo_answer kind)
{
    io->kind = kind;
}

/* Makes room for n bytes; under the lock. */
static enum err make_room(struct kubo_io *s, size_t n)
{
    bool tight = s->answer_room - s->answer_end < n;
    if (s->answer_at > 0 && (tight || s->answer_at == s->answer_end)) {
        memmove(s->answer, s->answer + s->answer_at, s->answer_end - s->answer_at);
        s->answer_end -= s->answer_at;
        s->answer_at = 0;
    }
    if (n > KUBO_RPC_ANSWER_MAX - s->answer_end)
        return ERR_LIMIT;
    size_t room = s->answer_room;
    while (room - s->answer_end < n)
        room = room == 0 ? ANSWER_FIRST : room * 2;
    if (room == s->answer_room)
        return OK;
    uint8_t *grown = realloc(s->answer, room);
    if (grown == NULL)
        return ERR_MEMORY;
    s->answer = grown;
    s->answer_room = room;
    return OK;
}

/* Begins to send when it is time to; the lock is held before and after. */
static void begin_sending(struct kubo_io *s)
{
    if (s->sending || !s->waits || s->answer_end < ANSWER_FIRST)
        return;
    s->sending = true;
    s->waits = false;
    pthread_mutex_unlock(&s->lock);
    answer_stream(s);
    pthread_mutex_lock(&s->lock);
}

static void wake(struct kubo_io *s)
{
    /* While the lock is held a bound request is not over. */
    if (s->asleep && s->bound)
        http_request_wake(s->rq);
    s->asleep = false;
}

enum err kubo_io_write(struct kubo_io *io, struct span bytes)
{
    pthread_mutex_lock(&io->lock);
    while (io->sending && io->bound && !io->stop && io->answer_end - io->answer_at > ANSWER_AHEAD)
        pthread_cond_wait(&io->news, &io->lock);
    enum err e = io->bound && !io->stop ? make_room(io, bytes.n) : ERR_CLOSED;
    if (e == OK && bytes.n > 0) {
        memcpy(io->answer + io->answer_end, bytes.p, bytes.n);
        io->answer_end += bytes.n;
        begin_sending(io);
        if (io->sending)
            wake(io);
    }
    pthread_mutex_unlock(&io->lock);
    return e;
}

enum err kubo_io_read(struct kubo_io *io, struct span *out)
{
    pthread_mutex_lock(&io->lock);
    while (io->head == io->end && !io->ended && io->bound && !io->stop)
        pthread_cond_wait(&io->news, &io->lock);
    size_t at = (size_t)(io->head % RING), have = (size_t)(io->end - io->head);
    *out = span_of(io->ring + at, have < RING - at ? have : RING - at);
    enum err e = io->bound && !io->stop ? OK : ERR_CLOSED;
    pthread_mutex_unlock(&io->lock);
    return e;
}

void kubo_io_taken(struct kubo_io *io, size_t n)
{
    pthread_mutex_lock(&io->lock);
    io->head += n;
    if (io->end - io->head <= RING / 2)
        wake(io);
    pthread_mutex_unlock(&io->lock);
}

static void work(struct kubo_io *s)
{
    enum err e = kubo_call_run(&s->call);
    if (e != OK && e != ERR_NOT_FOUND && e != ERR_CLOSED)
        log_info("kubo-rpc-failed", "command=%s reason=\"%s\"", kubo_rpc_name(s->plan.command),
                 err_text(e));
    pthread_mutex_lock(&s->lock);
    s->result = e;
    s->complete = true;
    bool answer = s->waits;
    s->waits = false;
    wake(s);
    if (answer) {
        pthread_mutex_unlock(&s->lock);
        answer_whole(s);
        pthread_mutex_lock(&s->lock);
    }
    s->state = s->bound ? SLOT_DONE : SLOT_FREE;
    pthread_mutex_unlock(&s->lock);
}

static void *slot_main(void *ctx)
{
    struct kubo_io *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        if (s->state != SLOT_WORKING) {
            pthread_cond_wait(&s->news, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        work(s);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- on the HTTP thread --------------------------------------------------------------------- */

static enum err sink(void *ctx, struct span chunk)
{
    struct kubo_io *s = ctx;
    enum err e = OK;
    if (chunk.n > RING)
        return ERR_LIMIT;
    pthread_mutex_lock(&s->lock);
    if (s->complete) {
        s->discarded += chunk.n;
        e = s->discarded > DISCARD_MAX ? ERR_DENIED : OK;
    } else {
        /* A chunk is taken whole or not at all. */
        if (chunk.n <= RING - (size_t)(s->end - s->head)) {
            size_t at = (size_t)(s->end % RING);
            size_t n = chunk.n < RING - at ? chunk.n : RING - at;
            memcpy(s->ring + at, chunk.p, n);
            memcpy(s->ring, chunk.p + n, chunk.n - n);
            s->end += chunk.n;
            chunk.n = 0;
        }
        s->asleep = chunk.n > 0;
        e = s->asleep ? ERR_BUSY : OK;
        pthread_cond_signal(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* A body that nobody wants. */
static enum err discard(void *ctx, struct span chunk)
{
    (void)ctx;
    (void)chunk;
    return OK;
}

/* The request is over. */
static void unbind(void *ctx)
{
    struct kubo_io *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->bound = s->asleep = false; /* waits stays: a suspended request wants its answer */
    if (s->state == SLOT_DONE)
        s->state = SLOT_FREE;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

/* Takes the plan over; under the lock, from a free slot. The copy points into itself again. */
static bool plan_slot(struct kubo_io *s, struct http_request *rq)
{
    char why[KUBO_RPC_WHY_MAX];
    const char *type = http_request_header(rq, "Content-Type");
    if (kubo_rpc_parse(&s->plan, why, http_request_path(rq), http_request_query(rq)) != OK)
        return false;
    (void)snprintf(s->content_type, sizeof(s->content_type), "%s", type == NULL ? "" : type);
    s->call = (struct kubo_call){ .node = s->k->node,
                                  .io = s,
                                  .plan = &s->plan,
                                  .content_type = s->content_type,
                                  .client = UINT64_MAX / 2 - s->number };
    return true;
}

/* Reserves a slot, whose thread begins with start_slot. NULL: none is free. */
static struct kubo_io *take_slot(struct kubo_rpc *k, struct http_request *rq)
{
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        struct kubo_io *s = &k->slots[i];
        pthread_mutex_lock(&s->lock);
        bool mine = s->state == SLOT_FREE && !s->bound && !s->stop && plan_slot(s, rq);
        if (mine) {
            s->bound = true;
            s->ended = s->waits = s->asleep = s->sending = s->complete = false;
            s->result = OK;
            s->kind = KUBO_ANSWER_JSON;
            s->rq = rq;
            s->discarded = s->head = s->end = 0;
            s->answer_at = s->answer_end = 0;
            if (s->answer_room > ANSWER_KEPT) {
                free(s->answer);
                s->answer = NULL;
                s->answer_room = 0;
            }
        }
        pthread_mutex_unlock(&s->lock);
        if (mine) {
            http_request_set_data(rq, s, unbind);
            return s;
        }
    }
    return NULL;
}

static bool is_let_in(struct http_request *rq)
{
    const struct kubo_guard g = { .host = http_request_header(rq, "Host"),
                                  .origin = http_request_header(rq, "Origin"),
                                  .referer = http_request_header(rq, "Referer"),
                                  .user_agent = http_request_header(rq, "User-Agent") };
    return kubo_rpc_guard(&g) == OK;
}

static bool is_post(const struct http_request *rq)
{
    return http_request_method(rq) == HTTP_POST;
}

static void answer_method(struct http_request *rq)
{
    struct http_response r = { .status = 405, .body = span_str("405 - Method Not Allowed\n") };
    (void)http_response_add(&r, "Allow", "POST");
    (void)http_response_add(&r, "Content-Type", "text/plain");
    (void)http_request_respond(rq, &r);
}

/* The answer to a request that has no slot. */
static void answer_refusal(struct http_request *rq)
{
    struct kubo_plan plan;
    char why[KUBO_RPC_WHY_MAX];
    enum err e = kubo_rpc_parse(&plan, why, http_request_path(rq), http_request_query(rq));
    if (!is_let_in(rq))
        (void)http_request_respond_text(rq, 403, "403 - Forbidden\n");
    else if (!is_post(rq))
        answer_method(rq);
    else if (e == ERR_NOT_FOUND)
        (void)http_request_respond_text(rq, 404, "404 page not found\n");
    else if (e != OK)
        answer_error(rq, 400, why);
    else
        answer_error(rq, 503, "too many commands at once");
}

/* Refusals, too, wait for the end of the body: an answer in the middle would be lost. */
static void begin(void *ctx, struct http_request *rq)
{
    struct kubo_rpc *k = ctx;
    struct kubo_io *s = is_let_in(rq) && is_post(rq) ? take_slot(k, rq) : NULL;
    if (s == NULL || !s->plan.takes_body) {
        http_request_stream_body(rq, discard, NULL, DISCARD_MAX);
        return;
    }
    http_request_stream_body(rq, sink, s, UINT64_MAX);
    pthread_mutex_lock(&s->lock);
    s->state = SLOT_WORKING;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

static void handle(void *ctx, struct http_request *rq)
{
    (void)ctx;
    struct kubo_io *s = http_request_data(rq);
    if (s == NULL) {
        answer_refusal(rq);
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    bool done = s->complete;
    if (!done) {
        s->waits = true;
        http_request_suspend(rq, BEGIN_MS);
        s->state = SLOT_WORKING;
    }
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
    if (done)
        answer_whole(s);
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum err start(struct kubo_rpc *k)
{
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        struct kubo_io *s = &k->slots[i];
        s->k = k;
        s->number = i;
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->news, NULL);
    }
    for (; k->started < KUBO_RPC_SLOTS; k->started++) {
        struct kubo_io *s = &k->slots[k->started];
        if (pthread_create(&s->thread, NULL, slot_main, s) != 0)
            return ERR_IO;
    }
    const struct http_server_options o = { .host = "127.0.0.1",
                                           .port = k->node->settings.kubo_port.port,
                                           .port_tries = k->node->settings.kubo_port.tries,
                                           .threads = 1,
                                           .header_bytes_max = 32 << 10,
                                           .begin = begin,
                                           .handler = handle,
                                           .ctx = k };
    return http_server_open(&k->server, &o);
}

enum err kubo_rpc_open(struct kubo_rpc **out, struct ipfsd *n)
{
    *out = NULL;
    if (!n->settings.kubo_rpc)
        return OK;
    struct kubo_rpc *k = calloc(1, sizeof(*k));
    if (k == NULL)
        return ERR_MEMORY;
    k->node = n;
    enum err e = start(k);
    if (e != OK) {
        log_error("kubo-rpc-not-serving", "port=%u reason=\"%s\"", n->settings.kubo_port.port,
                  e == ERR_EXISTS ? "the port is in use" : err_text(e));
        kubo_rpc_close(k);
        return e;
    }
    log_info("kubo-rpc", "address=/ip4/127.0.0.1/tcp/%u", http_server_port(k->server));
    *out = k;
    return OK;
}

/* The threads first: they answer what is suspended. */
void kubo_rpc_close(struct kubo_rpc *k)
{
    if (k == NULL)
        return;
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        pthread_mutex_lock(&k->slots[i].lock);
        k->slots[i].stop = true;
        pthread_cond_signal(&k->slots[i].news);
        pthread_mutex_unlock(&k->slots[i].lock);
    }
    for (uint32_t i = 0; i < k->started; i++)
        pthread_join(k->slots[i].thread, NULL);
    http_server_close(k->server);
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        pthread_cond_destroy(&k->slots[i].news);
        pthread_mutex_destroy(&k->slots[i].lock);
        free(k->slots[i].answer);
    }
    free(k);
}
