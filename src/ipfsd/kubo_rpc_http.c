#include "ipfsd/kubo_rpc_http.h"

#include "ipfsd/body_slot.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    ANSWER_FIRST = 64 << 10,   /* from here on an answer is sent before it is whole */
    ANSWER_AHEAD = 256 << 10,  /* made and not yet sent */
    ANSWER_KEPT = 1 << 20,     /* memory of an answer that waits for the next one */
    DISCARD_MAX = 8 << 20,     /* of the body of a request that is refused */
    BEGIN_MS = 60 * 60 * 1000, /* to the first byte of an answer: a garbage collection takes long */
};

/* A slot: the body, and under the same lock the answer. */
struct kubo_io {
    struct kubo_rpc *k;
    uint32_t number;
    bool sending; /* the answer is a stream that has begun */
    enum err result;
    enum kubo_answer kind;
    const char *origin; /* of the page that asks, in the settings; NULL: no page */
    struct kubo_call call;
    struct kubo_plan plan;
    char content_type[KUBO_RPC_TYPE_MAX];
    uint8_t *answer;
    size_t answer_room, answer_at, answer_end;
    struct body_slot body;
};

struct kubo_rpc {
    struct ipfsd *node;
    struct http_server *server;
    struct kubo_io slots[KUBO_RPC_SLOTS];
};

/* ---- answers -------------------------------------------------------------------------------- */

/* SPEC kubo-rpc 5.3: "Every answer to it names the origin" */
static void add_origin(struct http_response *r, const char *origin)
{
    if (origin == NULL)
        return;
    (void)http_response_add(r, "Access-Control-Allow-Origin", origin);
    (void)http_response_add(r, "Access-Control-Expose-Headers",
                            "X-Chunked-Output, X-Stream-Output");
    (void)http_response_add(r, "Vary", "Origin");
}

static void answer_error(struct http_request *rq, const char *origin, uint16_t status,
                         const char *message)
{
    uint8_t body[KUBO_RPC_ERROR_MAX];
    struct http_response r = { .status = status, .body = kubo_rpc_error(body, message) };
    (void)http_response_add(&r, "Content-Type", "application/json");
    if (status == 503)
        (void)http_response_add(&r, "Retry-After", "5");
    add_origin(&r, origin);
    (void)http_request_respond(rq, &r);
}

static void add_headers(struct http_response *r, const struct kubo_io *s)
{
    bool json = s->kind == KUBO_ANSWER_JSON;
    r->status = 200;
    (void)http_response_add(r, "Content-Type", json ? "application/json" : "text/plain");
    (void)http_response_add(r, json ? "X-Chunked-Output" : "X-Stream-Output", "1");
    (void)http_response_add(r, "X-Content-Type-Options", "nosniff");
    add_origin(r, s->origin);
}

/* The answer of a command that has ended before any of it was sent. */
static void answer_whole(void *ctx, struct http_request *rq)
{
    struct kubo_io *s = ctx;
    const char *why = s->call.why[0] == '\0' ? err_text(s->result) : s->call.why;
    if (s->result != OK) {
        answer_error(rq, s->origin, 500, why);
        return;
    }
    struct http_response r = { .kind = HTTP_BODY_BUFFER, .body = { s->answer, s->answer_end } };
    add_headers(&r, s);
    (void)http_request_respond(rq, &r);
}

static int64_t body_read(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    struct kubo_io *s = ctx;
    (void)pos;
    pthread_mutex_lock(&s->body.lock);
    size_t have = s->answer_end - s->answer_at;
    int64_t n = HTTP_BODY_WAIT;
    if (have > 0) {
        n = (int64_t)(have < max ? have : max);
        memcpy(out, s->answer + s->answer_at, (size_t)n);
        s->answer_at += (size_t)n;
        pthread_cond_signal(&s->body.news);
    } else if (s->body.complete) {
        n = s->result == OK ? HTTP_BODY_END : HTTP_BODY_ERROR;
    } else {
        s->body.asleep = true;
    }
    pthread_mutex_unlock(&s->body.lock);
    return n;
}

static void answer_stream(struct kubo_io *s)
{
    struct http_response r = {
        .kind = HTTP_BODY_STREAM, .size = HTTP_SIZE_UNKNOWN, .read = body_read, .read_ctx = s
    };
    add_headers(&r, s);
    (void)http_request_respond(s->body.rq, &r);
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

/* The lock is held before and after. */
static void start_sending(struct kubo_io *s)
{
    s->sending = true;
    s->body.waits = false;
    pthread_mutex_unlock(&s->body.lock);
    answer_stream(s);
    pthread_mutex_lock(&s->body.lock);
}

enum err kubo_io_write(struct kubo_io *io, struct span bytes)
{
    struct body_slot *b = &io->body;
    pthread_mutex_lock(&b->lock);
    while (io->sending && body_slot_alive(b) && io->answer_end - io->answer_at > ANSWER_AHEAD)
        pthread_cond_wait(&b->news, &b->lock);
    enum err e = body_slot_alive(b) ? make_room(io, bytes.n) : ERR_CLOSED;
    if (e == OK && bytes.n > 0) {
        memcpy(io->answer + io->answer_end, bytes.p, bytes.n);
        io->answer_end += bytes.n;
        if (!io->sending && b->waits && io->answer_end >= ANSWER_FIRST)
            start_sending(io);
        if (io->sending)
            body_slot_wake(b);
    }
    pthread_mutex_unlock(&b->lock);
    return e;
}

void kubo_io_push(struct kubo_io *io)
{
    struct body_slot *b = &io->body;
    pthread_mutex_lock(&b->lock);
    if (!io->sending && b->waits && io->answer_end > 0)
        start_sending(io);
    pthread_mutex_unlock(&b->lock);
}

bool kubo_io_alive(struct kubo_io *io)
{
    pthread_mutex_lock(&io->body.lock);
    bool alive = body_slot_alive(&io->body);
    pthread_mutex_unlock(&io->body.lock);
    return alive;
}

enum err kubo_io_read(struct kubo_io *io, struct span *out)
{
    return body_slot_read(&io->body, out);
}

void kubo_io_taken(struct kubo_io *io, size_t n)
{
    body_slot_taken(&io->body, n);
}

static void work(void *ctx)
{
    struct kubo_io *s = ctx;
    enum err e = kubo_call_run(&s->call);
    if (e != OK && e != ERR_NOT_FOUND && e != ERR_CLOSED)
        log_info("kubo-rpc-failed", "command=%s reason=\"%s\"", kubo_rpc_name(s->plan.command),
                 err_text(e));
    pthread_mutex_lock(&s->body.lock);
    s->result = e;
    pthread_mutex_unlock(&s->body.lock);
}

/* ---- on the HTTP thread --------------------------------------------------------------------- */

/* A body that nobody wants. */
static enum err discard(void *ctx, struct span chunk)
{
    (void)ctx;
    (void)chunk;
    return OK;
}

/* The copy of the plan points into itself. */
static bool plan_slot(struct kubo_io *s, struct http_request *rq)
{
    char why[KUBO_RPC_WHY_MAX];
    const char *type = http_request_header(rq, "Content-Type");
    (void)snprintf(s->content_type, sizeof(s->content_type), "%s", type == NULL ? "" : type);
    s->call = (struct kubo_call){ .node = s->k->node,
                                  .io = s,
                                  .plan = &s->plan,
                                  .content_type = s->content_type,
                                  .client = UINT64_MAX / 2 - s->number };
    return kubo_rpc_parse(&s->plan, why, http_request_path(rq), http_request_query(rq)) == OK;
}

static void empty_slot(struct kubo_io *s)
{
    s->sending = false;
    s->result = OK;
    s->kind = KUBO_ANSWER_JSON;
    s->answer_at = s->answer_end = 0;
    if (s->answer_room > ANSWER_KEPT) {
        free(s->answer);
        s->answer = NULL;
        s->answer_room = 0;
    }
}

/* A slot that belongs to the request now. NULL: none is free. */
static struct kubo_io *take_slot(struct kubo_rpc *k, struct http_request *rq)
{
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        struct kubo_io *s = &k->slots[i];
        if (body_slot_take(&s->body, rq)) {
            empty_slot(s);
            return s;
        }
    }
    return NULL;
}

/* The slot whose request has this data, or NULL. */
static struct kubo_io *slot_of(struct kubo_rpc *k, const void *data)
{
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        if (data == &k->slots[i].body)
            return &k->slots[i];
    }
    return NULL;
}

static struct kubo_guard guard_of(const struct kubo_rpc *k, struct http_request *rq)
{
    const struct kubo_tokens *tokens = &k->node->tokens;
    return (struct kubo_guard){ .host = http_request_header(rq, "Host"),
                                .origin = http_request_header(rq, "Origin"),
                                .referer = http_request_header(rq, "Referer"),
                                .user_agent = http_request_header(rq, "User-Agent"),
                                .authorization = http_request_header(rq, "Authorization"),
                                .tokens = tokens->count == 0 ? NULL : tokens,
                                .origins = &k->node->settings.kubo_origins };
}

static bool is_let_in(const struct kubo_rpc *k, struct http_request *rq)
{
    const struct kubo_guard g = guard_of(k, rq);
    return kubo_rpc_guard(&g) == OK;
}

/* The origin of the page that asks, when it is one of the settings'; it outlives the request. */
static const char *origin_of(const struct kubo_rpc *k, struct http_request *rq)
{
    const struct kubo_origins *o = &k->node->settings.kubo_origins;
    const char *origin = http_request_header(rq, "Origin");
    return kubo_origins_allow(o, origin) ? kubo_origins_of_referer(o, origin) : NULL;
}

/* SPEC kubo-rpc 5.4: "`OPTIONS` of such a page" */
static bool answer_preflight(const struct kubo_rpc *k, struct http_request *rq)
{
    const struct kubo_guard g = guard_of(k, rq);
    struct http_response r = { .status = 204 };
    if (http_request_method(rq) != HTTP_OPTIONS || !kubo_rpc_preflight(&g))
        return false;
    add_origin(&r, origin_of(k, rq));
    (void)http_response_add(&r, "Access-Control-Allow-Methods", "POST");
    (void)http_response_add(&r, "Access-Control-Allow-Headers", "Authorization, Content-Type");
    (void)http_response_add(&r, "Access-Control-Max-Age", "600");
    if (http_request_header(rq, "Access-Control-Request-Private-Network") != NULL)
        (void)http_response_add(&r, "Access-Control-Allow-Private-Network", "true");
    (void)http_request_respond(rq, &r);
    return true;
}

static bool is_post(const struct http_request *rq)
{
    return http_request_method(rq) == HTTP_POST;
}

static void answer_text(struct http_request *rq, const char *origin, uint16_t status,
                        const char *text)
{
    struct http_response r = { .status = status, .body = span_str(text) };
    (void)http_response_add(&r, "Content-Type", "text/plain");
    add_origin(&r, origin);
    if (status == 405)
        (void)http_response_add(&r, "Allow", "POST");
    (void)http_request_respond(rq, &r);
}

/* The answer to a request that has no slot. */
static void answer_refusal(const struct kubo_rpc *k, struct http_request *rq)
{
    struct kubo_plan plan;
    char why[KUBO_RPC_WHY_MAX];
    const char *origin = origin_of(k, rq);
    enum err e = kubo_rpc_parse(&plan, why, http_request_path(rq), http_request_query(rq));
    if (answer_preflight(k, rq))
        return;
    if (!is_let_in(k, rq))
        answer_text(rq, origin, 403, "403 - Forbidden\n");
    else if (!is_post(rq))
        answer_text(rq, origin, 405, "405 - Method Not Allowed\n");
    else if (e == ERR_NOT_FOUND)
        answer_text(rq, origin, 404, "404 page not found\n");
    else if (e != OK)
        answer_error(rq, origin, 400, why);
    else
        answer_error(rq, origin, 503, "too many commands at once");
}

static bool is_a_command(const struct http_request *rq)
{
    struct kubo_plan plan;
    char why[KUBO_RPC_WHY_MAX];
    return kubo_rpc_parse(&plan, why, http_request_path(rq), http_request_query(rq)) == OK;
}

/* Refusals, too, wait for the end of the body: an answer in the middle would be lost. */
static void begin(void *ctx, struct http_request *rq)
{
    struct kubo_rpc *k = ctx;
    struct kubo_io *s =
        is_let_in(k, rq) && is_post(rq) && is_a_command(rq) ? take_slot(k, rq) : NULL;
    if (s != NULL) {
        bool same = plan_slot(s, rq);
        ASSERT(same); /* as it was just now */
        s->origin = origin_of(k, rq);
    }
    if (s != NULL && s->plan.takes_body)
        body_slot_start(&s->body);
    else
        http_request_stream_body(rq, discard, NULL, DISCARD_MAX);
}

static void handle(void *ctx, struct http_request *rq)
{
    struct kubo_io *s = slot_of(ctx, http_request_data(rq));
    if (s == NULL)
        answer_refusal(ctx, rq);
    else
        body_slot_end(&s->body, BEGIN_MS);
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum err start(struct kubo_rpc *k)
{
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        struct kubo_io *s = &k->slots[i];
        const struct body_slot_work of = { .run = work, .answer = answer_whole, .ctx = s };
        s->k = k;
        s->number = i;
        TRY(body_slot_open(&s->body, &of));
    }
    const struct http_server_options o = { .host = k->node->settings.kubo_host,
                                           .port = k->node->settings.kubo_port.port,
                                           .port_tries = k->node->settings.kubo_port.tries,
                                           .threads = 1,
                                           .header_bytes_max = 32 << 10,
                                           .begin = begin,
                                           .handler = handle,
                                           .ctx = k };
    return http_server_open(&k->server, &o);
}

static enum err read_tokens(struct kubo_tokens *out, const char *path)
{
    struct stat st;
    struct mspan file;
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        return ERR_DENIED;
    TRY(path_read_file(&file, path, KUBO_TOKENS_FILE_MAX));
    enum err e = kubo_tokens_parse(out, span_of(file.p, file.n));
    free(file.p);
    return e;
}

enum err kubo_rpc_prepare(struct ipfsd *n)
{
    const char *path = n->settings.kubo_tokens;
    if (!n->settings.kubo_rpc || path[0] == '\0')
        return OK;
    enum err e = read_tokens(&n->tokens, path);
    if (e != OK)
        log_error("kubo-rpc-tokens-not-read", "path=\"%s\" reason=\"%s\" next=\"%s\"", path,
                  e == ERR_DENIED ? "others may read it" : err_text(e),
                  e == ERR_DENIED ? "chmod 600" : "docs/guide/kubo-rpc.md");
    return e;
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
    log_info("kubo-rpc", "address=/%s/%s/tcp/%u tokens=%zu",
             strchr(n->settings.kubo_host, ':') == NULL ? "ip4" : "ip6", n->settings.kubo_host,
             http_server_port(k->server), n->tokens.count);
    *out = k;
    return OK;
}

/* The threads first: they answer what is suspended. */
void kubo_rpc_close(struct kubo_rpc *k)
{
    if (k == NULL)
        return;
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++)
        body_slot_stop(&k->slots[i].body);
    http_server_close(k->server);
    for (uint32_t i = 0; i < KUBO_RPC_SLOTS; i++) {
        body_slot_close(&k->slots[i].body);
        free(k->slots[i].answer);
    }
    free(k);
}
