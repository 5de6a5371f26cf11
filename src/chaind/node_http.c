/* The chain API on HTTP threads: snapshots for reading, the loop for transactions, streams. */
#include "api/chain_api.h"
#include "chaind/light.h"
#include "chaind/node.h"
#include "chaind/openapi.h"
#include "crypto/sha256.h"
#include "rt/clock.h"
#include "rt/http_server.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_FIRST = 64 << 10,     /* room of an answer; grows fourfold up to CHAIN_API_BODY_MAX */
    SUBMIT_TIMEOUT_MS = 10000, /* a transaction is on disk long before */
    CONNECTIONS_MAX = 256,
    KEEP_ALIVE_MS = 10000, /* an idle stream sends a comment, so that proxies keep it */
    METRICS_MAX = 4096,
    LARGE_MAX = 16, /* requests over TX_SIZE_SMALL_MAX in memory at the same time: 34 MiB */
};

/* Its address in a request's data says: the signature is good. */
static char signature_mark;

/* ---- snapshots
 * --------------------------------------------------------------------------------------- */

static enum chain_api_pool_state pool_look(void *ctx, uint32_t *code, const uint8_t id[32])
{
    switch (mempool_look(ctx, code, id)) {
    case MEMPOOL_PENDING:
        return CHAIN_API_POOL_PENDING;
    case MEMPOOL_DROPPED_FOR:
        return CHAIN_API_POOL_DROPPED;
    case MEMPOOL_ABSENT:
        break;
    }
    return CHAIN_API_POOL_ABSENT;
}

static uint64_t pool_next_nonce(void *ctx, const uint8_t signer[64], uint64_t nonce)
{
    return mempool_next_nonce(ctx, signer, nonce);
}

static void pool_size(void *ctx, uint64_t *txs, uint64_t *bytes)
{
    mempool_size(ctx, txs, bytes);
}

static enum err source_open(struct node *n, struct statedb_snapshot **snap,
                            struct chain_api_source *src)
{
    TRY(statedb_snapshot_open(snap, n->db));
    const struct statedb_head head = statedb_snapshot_head(*snap);
    *src = (struct chain_api_source){
        .state = statedb_snapshot_kv(*snap, STATEDB_STATE),
        .blocks = statedb_snapshot_kv(*snap, STATEDB_BLOCKS),
        .results = statedb_snapshot_kv(*snap, STATEDB_RESULTS),
        .txs = statedb_snapshot_kv(*snap, STATEDB_TXS),
        .index = statedb_snapshot_kv(*snap, STATEDB_INDEX),
        .height = head.height,
        .pool = { .ctx = intake_pool(n->intake),
                  .look = pool_look,
                  .next_nonce = pool_next_nonce,
                  .size = pool_size },
    };
    memcpy(src->app_hash, head.app_hash, 32);
    enum err e = app_snapshot(*snap, src->genesis, src->block_hash);
    if (e != OK)
        statedb_snapshot_close(*snap);
    return e;
}

/* ---- answers
 * ------------------------------------------------------------------------------------------- */

static void respond(struct http_request *rq, const struct chain_api_plan *plan, struct span body)
{
    struct http_response r = { .status = plan->status, .kind = HTTP_BODY_BUFFER, .body = body };
    http_response_add(&r, "Content-Type", plan->content_type);
    http_response_add(&r, "Cache-Control", "no-store");
    http_response_add(&r, "Access-Control-Allow-Origin", "*");
    if (plan->allow != NULL)
        http_response_add(&r, "Allow", plan->allow);
    if (plan->status == 503)
        http_response_add(&r, "Retry-After", "1");
    (void)http_request_respond(rq, &r);
}

static void respond_refused(struct node *n, struct http_request *rq, uint16_t status,
                            const char *field, const char *reason)
{
    uint8_t buf[CHAIN_API_BODY_MIN];
    struct writer w = writer_of(buf, sizeof(buf));
    struct chain_api_plan plan;
    atomic_fetch_add(&n->metrics.errors, 1);
    chain_api_failed(&plan, &w, status, field, reason);
    respond(rq, &plan, writer_span(&w));
}

static void respond_failed(struct node *n, struct http_request *rq, uint16_t status,
                           const char *reason)
{
    respond_refused(n, rq, status, "", reason);
}

static void metric(struct writer *w, const char *name, const char *type, uint64_t v)
{
    char line[256];
    int len = snprintf(line, sizeof(line), "# TYPE %s %s\n%s %" PRIu64 "\n", name, type, name, v);
    write_bytes(w, line, len > 0 ? (size_t)len : 0);
}

static void respond_metrics(struct node *n, struct http_request *rq)
{
    uint8_t buf[METRICS_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    struct node_metrics *m = &n->metrics;
    uint64_t txs, bytes, used = 0, map = 0;
    mempool_size(intake_pool(n->intake), &txs, &bytes);
    if (statedb_size(n->db, &used, &map) != OK)
        used = map = 0;
    metric(&w, "crust_chain_height", "gauge", atomic_load(&m->height));
    metric(&w, "crust_chain_blocks_total", "counter", atomic_load(&m->blocks));
    metric(&w, "crust_chain_transactions_total", "counter", atomic_load(&m->txs));
    metric(&w, "crust_chain_block_microseconds", "gauge", atomic_load(&m->block_us));
    metric(&w, "crust_chain_block_microseconds_total", "counter", atomic_load(&m->block_us_sum));
    metric(&w, "crust_chain_check_microseconds_total", "counter", atomic_load(&m->check_us_sum));
    metric(&w, "crust_chain_commit_failures_total", "counter", atomic_load(&m->commit_failures));
    metric(&w, "crust_chain_mempool_transactions", "gauge", txs);
    metric(&w, "crust_chain_mempool_bytes", "gauge", bytes);
    metric(&w, "crust_chain_submitted_total", "counter", atomic_load(&m->submitted));
    metric(&w, "crust_chain_refused_total", "counter", atomic_load(&m->refused));
    metric(&w, "crust_chain_http_requests_total", "counter", atomic_load(&m->requests));
    metric(&w, "crust_chain_http_errors_total", "counter", atomic_load(&m->errors));
    metric(&w, "crust_chain_event_streams", "gauge", atomic_load(&m->streams));
    metric(&w, "crust_chain_database_bytes", "gauge", used);
    metric(&w, "crust_chain_database_map_bytes", "gauge", map);
    const struct chain_api_plan plan = { .status = 200,
                                         .content_type = "text/plain; version=0.0.4" };
    respond(rq, &plan, writer_span(&w));
}

static void respond_openapi(struct http_request *rq)
{
    struct http_response r = { .status = 200,
                               .kind = HTTP_BODY_STATIC,
                               .body = span_of(openapi_json, openapi_json_size) };
    http_response_add(&r, "Content-Type", "application/json");
    http_response_add(&r, "Access-Control-Allow-Origin", "*");
    (void)http_request_respond(rq, &r);
}

/* ---- event streams
 * --------------------------------------------------------------------------------------- */

struct node_stream {
    struct node *n;
    struct http_request *rq;
    struct chain_api_position position;
    uint64_t sent_ms;
    struct node_stream *prev, *next; /* under streams_lock */
};

static int64_t stream_read(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    struct node_stream *s = ctx;
    struct statedb_snapshot *snap;
    struct chain_api_source src;
    struct writer w = writer_of(out, max);
    (void)pos;
    if (source_open(s->n, &snap, &src) != OK)
        return HTTP_BODY_ERROR;
    enum err e = chain_api_stream(&w, &s->position, &src);
    statedb_snapshot_close(snap);
    if (e != OK)
        return HTTP_BODY_ERROR;
    uint64_t now = clock_mono_ms();
    if (w.len == 0 && now - s->sent_ms >= KEEP_ALIVE_MS)
        write_bytes(&w, ":\n\n", 3);
    if (w.len == 0)
        return HTTP_BODY_WAIT;
    s->sent_ms = now;
    return (int64_t)w.len;
}

static void stream_free(void *ctx)
{
    struct node_stream *s = ctx;
    struct node *n = s->n;
    pthread_mutex_lock(&n->streams_lock);
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        n->streams = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    pthread_mutex_unlock(&n->streams_lock);
    atomic_fetch_sub(&n->metrics.streams, 1);
    free(s);
}

static void stream_begin(struct node *n, struct http_request *rq, struct chain_api_position at)
{
    if (atomic_fetch_add(&n->metrics.streams, 1) >= NODE_STREAMS_MAX) {
        atomic_fetch_sub(&n->metrics.streams, 1);
        respond_failed(n, rq, 503, "too many event streams");
        return;
    }
    struct node_stream *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        atomic_fetch_sub(&n->metrics.streams, 1);
        respond_failed(n, rq, 503, "out of memory");
        return;
    }
    *s = (struct node_stream){ .n = n, .rq = rq, .position = at };
    pthread_mutex_lock(&n->streams_lock);
    s->next = n->streams;
    if (s->next != NULL)
        s->next->prev = s;
    n->streams = s;
    pthread_mutex_unlock(&n->streams_lock);
    struct http_response r = { .status = 200,
                               .kind = HTTP_BODY_STREAM,
                               .size = HTTP_SIZE_UNKNOWN,
                               .read = stream_read,
                               .read_ctx = s,
                               .read_free = stream_free };
    http_response_add(&r, "Content-Type", "text/event-stream");
    http_response_add(&r, "Cache-Control", "no-store");
    http_response_add(&r, "Access-Control-Allow-Origin", "*");
    (void)http_request_respond(rq, &r);
}

void node_http_committed(struct node *n)
{
    pthread_mutex_lock(&n->streams_lock);
    for (struct node_stream *s = n->streams; s != NULL; s = s->next)
        http_request_wake(s->rq);
    pthread_mutex_unlock(&n->streams_lock);
}

/* ---- transactions
 * ------------------------------------------------------------------------------------------ */

static void answer_submission(struct node *n, struct http_request *rq,
                              enum chain_api_verdict verdict, const struct chain_check *check)
{
    uint8_t buf[CHAIN_API_BODY_MIN];
    struct writer w = writer_of(buf, sizeof(buf));
    struct chain_api_plan plan;
    if (verdict != CHAIN_API_ACCEPTED)
        atomic_fetch_add(&n->metrics.refused, 1);
    chain_api_submitted(&plan, &w, verdict, check);
    respond(rq, &plan, writer_span(&w));
}

void node_http_answer(struct node_waiter *w, enum err e)
{
    struct node *n = http_request_server_ctx(w->rq);
    answer_submission(n, w->rq, e == OK ? CHAIN_API_ACCEPTED : CHAIN_API_BUSY, &w->check);
}

/* What is refused now may have come into a block since the HTTP thread looked for it there. */
static bool answered_by_block(struct node *n, struct http_request *rq)
{
    uint8_t id[TX_ID_SIZE];
    struct statedb_snapshot *snap;
    struct chain_api_source src;
    struct chain_api_plan plan;
    uint8_t *buf = malloc(BODY_FIRST);
    if (buf == NULL || source_open(n, &snap, &src) != OK) {
        free(buf);
        return false;
    }
    struct writer w = writer_of(buf, BODY_FIRST);
    tx_id(id, http_request_body(rq));
    bool known = chain_api_known(&plan, &w, &src, id);
    if (known)
        respond(rq, &plan, writer_span(&w));
    statedb_snapshot_close(snap);
    free(buf);
    return known;
}

/* On the loop. */
static void submit_posted(struct http_request *rq)
{
    struct node *n = http_request_server_ctx(rq);
    struct chain_check check;
    /* The HTTP thread found the signature good, or left it to check_tx to say what is wrong. */
    bool signed_ok = http_request_data(rq) == &signature_mark;
    switch (intake_submit(n->intake, &check, http_request_body(rq), signed_ok)) {
    case INTAKE_ACCEPTED:
    case INTAKE_KNOWN:
        if (n->waiter_count == INTAKE_WAITING_MAX)
            node_flush(n);
        n->waiters[n->waiter_count++] = (struct node_waiter){ .rq = rq, .check = check };
        /* Runs after what is in the queue now: one disk write for all of them. */
        loop_post_event(n->loop, &n->flush_event);
        return;
    case INTAKE_REFUSED:
        if (!answered_by_block(n, rq))
            answer_submission(n, rq, CHAIN_API_REFUSED, &check);
        return;
    case INTAKE_CONFLICT:
        answer_submission(n, rq, CHAIN_API_CONFLICT, &check);
        return;
    case INTAKE_BUSY:
        answer_submission(n, rq, CHAIN_API_BUSY, &check);
        return;
    }
}

static bool signature_good(struct span bytes)
{
    struct tx tx;
    return tx_decode(&tx, bytes) == OK && tx_check_signature(&tx, bytes) == OK;
}

/* False when this client's key was used for another transaction. The newest keys are remembered, in
 * memory: they catch a client's mistake; that nothing happens twice follows from the hash. */
static bool idempotency_matches(struct node *n, const char *header, const uint8_t id[TX_ID_SIZE])
{
    uint8_t key[32];
    bool matches = true, known = false;
    if (header == NULL)
        return true;
    sha256(key, span_str(header));
    pthread_mutex_lock(&n->streams_lock);
    for (size_t i = 0; i < NODE_IDEMPOTENCY_MAX && !known; i++) {
        const struct node_idempotency *e = &n->idempotency[i];
        known = e->used && memcmp(e->key, key, sizeof(key)) == 0;
        matches = !known || memcmp(e->tx, id, TX_ID_SIZE) == 0;
    }
    if (!known) {
        struct node_idempotency *e = &n->idempotency[n->idempotency_next++ % NODE_IDEMPOTENCY_MAX];
        e->used = true;
        memcpy(e->key, key, sizeof(key));
        memcpy(e->tx, id, TX_ID_SIZE);
    }
    pthread_mutex_unlock(&n->streams_lock);
    return matches;
}

static void submit_begin(struct node *n, struct http_request *rq,
                         const struct chain_api_source *src, struct mspan room)
{
    struct chain_api_plan plan;
    struct writer w = writer_of(room.p, room.n);
    uint8_t id[TX_ID_SIZE];
    atomic_fetch_add(&n->metrics.submitted, 1);
    tx_id(id, http_request_body(rq));
    if (!idempotency_matches(n, http_request_header(rq, "Idempotency-Key"), id)) {
        respond_refused(n, rq, 422, "Idempotency-Key", "it was used for another transaction");
        return;
    }
    if (chain_api_known(&plan, &w, src, id)) {
        respond(rq, &plan, writer_span(&w));
        return;
    }
    /* Large ones have their data in use already; the loop checks them. */
    if (http_request_data(rq) == NULL && signature_good(http_request_body(rq)))
        http_request_set_data(rq, &signature_mark, NULL);
    http_request_post(rq, n->loop, submit_posted, SUBMIT_TIMEOUT_MS);
}

/* ---- requests
 * --------------------------------------------------------------------------------------------- */

static void carry_out(struct node *n, struct http_request *rq, const struct chain_api_plan *plan,
                      struct writer *w, const struct chain_api_source *src)
{
    switch (plan->kind) {
    case CHAIN_API_BODY:
        if (plan->status >= 400)
            atomic_fetch_add(&n->metrics.errors, 1);
        respond(rq, plan, writer_span(w));
        return;
    case CHAIN_API_SUBMIT:
        submit_begin(n, rq, src, (struct mspan){ w->p, w->n });
        return;
    case CHAIN_API_STREAM:
        stream_begin(n, rq, plan->position);
        return;
    case CHAIN_API_METRICS:
        respond_metrics(n, rq);
        return;
    case CHAIN_API_OPENAPI:
        respond_openapi(rq);
        return;
    case CHAIN_API_GENESIS:
        light_genesis(n, rq, src->genesis);
        return;
    case CHAIN_API_LIGHT:
        light_block(n, rq, plan->position.height);
        return;
    }
}

static enum chain_api_method method_of(const struct http_request *rq)
{
    enum http_method m = http_request_method(rq);
    if (m == HTTP_GET || m == HTTP_HEAD)
        return CHAIN_API_GET;
    return m == HTTP_POST ? CHAIN_API_POST : CHAIN_API_OTHER;
}

static void large_done(void *ctx)
{
    struct node *n = ctx;
    atomic_fetch_sub(&n->large_requests, 1);
}

/* Before the body: only a few large ones at a time, so that memory stays bounded. */
static void begin(void *ctx, struct http_request *rq)
{
    struct node *n = ctx;
    struct amount size;
    const char *length = http_request_header(rq, "Content-Length");
    if (http_request_method(rq) != HTTP_POST)
        return;
    if (length != NULL && amount_parse_units(&size, length) == OK &&
        size.units <= TX_SIZE_SMALL_MAX)
        return;
    if (atomic_fetch_add(&n->large_requests, 1) >= LARGE_MAX) {
        atomic_fetch_sub(&n->large_requests, 1);
        respond_failed(n, rq, 503, "too many large transactions at the same time");
        return;
    }
    http_request_set_data(rq, n, large_done);
}

/* Browsers ask before they send CBOR from another page. */
static void respond_preflight(struct http_request *rq)
{
    struct http_response r = { .status = 204 };
    http_response_add(&r, "Access-Control-Allow-Origin", "*");
    http_response_add(&r, "Access-Control-Allow-Methods", "GET, HEAD, POST");
    http_response_add(&r, "Access-Control-Allow-Headers",
                      "Content-Type, Last-Event-ID, Idempotency-Key");
    (void)http_request_respond(rq, &r);
}

static void handler(void *ctx, struct http_request *rq)
{
    struct node *n = ctx;
    struct statedb_snapshot *snap;
    struct chain_api_source src;
    struct chain_api_plan plan;
    const char *seen = http_request_header(rq, "Last-Event-ID");
    const struct chain_api_request request = {
        .method = method_of(rq),
        .path = span_str(http_request_path(rq)),
        .query = span_str(http_request_query(rq)),
        .body = http_request_body(rq),
        .last_event_id = seen == NULL ? (struct span){ NULL, 0 } : span_str(seen),
    };
    atomic_fetch_add(&n->metrics.requests, 1);
    if (http_request_method(rq) == HTTP_OPTIONS) {
        respond_preflight(rq);
        return;
    }
    if (source_open(n, &snap, &src) != OK) {
        respond_failed(n, rq, 503, "the ledger cannot be read now");
        return;
    }
    size_t room = BODY_FIRST;
    enum err e = ERR_LIMIT;
    uint8_t *buf = NULL;
    struct writer w = { 0 };
    while (e == ERR_LIMIT && room <= CHAIN_API_BODY_MAX) {
        free(buf);
        buf = malloc(room);
        if (buf == NULL)
            break;
        w = writer_of(buf, room);
        e = chain_api_plan(&plan, &w, &src, &request);
        room *= 4;
    }
    if (buf == NULL || e != OK)
        respond_failed(n, rq, 503, "the answer is too large; ask for less");
    else
        carry_out(n, rq, &plan, &w, &src);
    statedb_snapshot_close(snap);
    free(buf);
}

/* ---- starting
 * ------------------------------------------------------------------------------------------- */

/* The file that says where the API is; an old one would mislead. False: none is wanted. */
static bool url_path(struct node *n, char path[PATH_TEXT_MAX])
{
    return config_text(n->config, "url-file")[0] != '\0' &&
           config_path(path, PATH_TEXT_MAX, n->config, "url-file") == OK;
}

static void url_remove(struct node *n)
{
    char path[PATH_TEXT_MAX];
    if (url_path(n, path) && path_remove_tree(path) != OK)
        log_warn("url-file-not-removed", "path=\"%s\"", path);
}

enum err node_http_open(struct node *n)
{
    const char *host = config_text(n->config, "http-host");
    char error[CONFIG_ERROR_MAX], url[CONFIG_URL_MAX], path[PATH_TEXT_MAX];
    struct config_port port;
    if (config_port(&port, error, n->config, "http") != OK) {
        log_error("api-not-started", "reason=\"%s\"", error);
        return ERR_FORMAT;
    }
    const struct http_server_options options = {
        .host = host,
        .port = port.port,
        .port_tries = port.tries,
        .threads = (uint32_t)config_u64(n->config, "http-threads"),
        .connections_max = CONNECTIONS_MAX,
        .body_bytes_max = TX_SIZE_MAX,
        .handler = handler,
        .begin = begin,
        .ctx = n,
    };
    url_remove(n);
    enum err e = http_server_open(&n->http, &options);
    if (e != OK) {
        log_error("api-not-started", "host=%s port=%u reason=\"%s\"", host, options.port,
                  e == ERR_EXISTS ? "the port is in use" : err_text(e));
        return e;
    }
    program_url(url, host, http_server_port(n->http));
    e = url_path(n, path) ? program_publish(path, url) : OK;
    if (e != OK)
        log_error("url-file-not-written", "reason=\"%s\"", err_text(e));
    else
        log_info("serving", "url=%s", url);
    return e;
}

void node_http_close(struct node *n)
{
    if (n->http != NULL)
        url_remove(n);
    http_server_close(n->http);
    n->http = NULL;
}
