#include "ipfsd/routing_door.h"

#include "ipfsd/routing_door_impl.h"
#include "rt/clock.h"

#include <stdio.h>
#include <stdlib.h>

static const char allow_methods[] = "GET, PUT, OPTIONS";

/* ---- headers ------------------------------------------------------------------------------------
 */

/* SPEC routing-v1 2.6: "Every answer may be read by every page" */
static void add_common(struct http_response *r)
{
    (void)http_response_add(r, "Access-Control-Allow-Origin", "*");
    (void)http_response_add(r, "Access-Control-Allow-Methods", allow_methods);
    (void)http_response_add(r, "Vary", "Accept");
}

static void refuse(struct http_request *rq, uint16_t status, const char *why, uint64_t wait_ms)
{
    struct http_response r = { .status = status, .body = span_str(why) };
    char seconds[24];
    add_common(&r);
    (void)http_response_add(&r, "Content-Type", "text/plain; charset=utf-8");
    (void)snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)((wait_ms + 999) / 1000));
    if (status == 429 || status == 503)
        (void)http_response_add(&r, "Retry-After", seconds);
    (void)http_request_respond(rq, &r);
}

static void answer_preflight(struct http_request *rq)
{
    struct http_response r = { .status = 204 };
    add_common(&r);
    (void)http_response_add(&r, "Access-Control-Allow-Headers", "Accept, Content-Type");
    (void)http_response_add(&r, "Access-Control-Max-Age", "86400");
    (void)http_request_respond(rq, &r);
}

/* ---- answers, on the loop ---------------------------------------------------------------------
 */

static int64_t body_read(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    struct routing_door_slot *s = ctx;
    (void)pos;
    pthread_mutex_lock(&s->of->lock);
    size_t have = s->size - s->sent;
    int64_t n = s->complete ? HTTP_BODY_END : HTTP_BODY_WAIT;
    if (have > 0) {
        n = (int64_t)(have < max ? have : max);
        memcpy(out, s->out + s->sent, (size_t)n);
        s->sent += (size_t)n;
    }
    s->asleep = n == HTTP_BODY_WAIT;
    pthread_mutex_unlock(&s->of->lock);
    return n;
}

static void body_over(void *ctx)
{
    struct routing_door_slot *s = ctx;
    pthread_mutex_lock(&s->of->lock);
    s->bound = false;
    pthread_mutex_unlock(&s->of->lock);
    loop_post_event(s->of->o.loop, &s->event);
}

/* What is kept of the headers until they are copied. */
struct headers {
    char now[CLOCK_TEXT_MAX], cache[ROUTING_SERVE_CACHE_MAX];
};

static void add_headers(struct http_response *r, struct headers *h,
                        const struct routing_door_slot *s)
{
    bool some = s->count > 0;
    r->status = 200;
    add_common(r);
    (void)http_response_add(r, "Content-Type",
                            s->q.ndjson ? "application/x-ndjson" : "application/json");
    clock_format_http(h->now, clock_wall_ms());
    (void)http_response_add(r, "Last-Modified", h->now);
    routing_serve_cache(h->cache, some ? ROUTING_SERVE_SOME_S : ROUTING_SERVE_NONE_S,
                        ROUTING_SERVE_STALE_S);
    (void)http_response_add(r, "Cache-Control", h->cache);
    (void)http_response_add(r, "X-Content-Type-Options", "nosniff");
}

void routing_door_stream(struct routing_door_slot *s)
{
    struct headers h;
    struct http_response r = { .kind = HTTP_BODY_STREAM,
                               .size = HTTP_SIZE_UNKNOWN,
                               .read = body_read,
                               .read_ctx = s,
                               .read_free = body_over };
    add_headers(&r, &h, s);
    s->responded = true;
    s->bound = true;
    (void)http_request_respond(s->rq, &r);
}

void routing_door_news(struct routing_door_slot *s)
{
    pthread_mutex_lock(&s->of->lock);
    if (s->bound && s->asleep) {
        s->asleep = false;
        http_request_wake(s->rq);
    }
    pthread_mutex_unlock(&s->of->lock);
}

static void answer_whole(struct routing_door_slot *s)
{
    struct headers h;
    struct http_response r = { .kind = HTTP_BODY_BUFFER, .body = span_of(s->out, s->size) };
    add_headers(&r, &h, s);
    s->responded = true;
    (void)http_request_respond(s->rq, &r);
}

/* SPEC routing-v1 5.3: "200 in text/plain" */
static void answer_no_name(struct routing_door_slot *s)
{
    char cache[ROUTING_SERVE_CACHE_MAX];
    struct http_response r = { .status = 200,
                               .body = span_str("no record of this name is known\n") };
    add_common(&r);
    (void)http_response_add(&r, "Content-Type", "text/plain; charset=utf-8");
    routing_serve_cache(cache, ROUTING_SERVE_IPNS_S, ROUTING_SERVE_STALE_S);
    (void)http_response_add(&r, "Cache-Control", cache);
    (void)http_request_respond(s->rq, &r);
}

static void answer_name(struct routing_door_slot *s)
{
    char cache[ROUTING_SERVE_CACHE_MAX], etag[2 * 32 + 3], now[CLOCK_TEXT_MAX], end[CLOCK_TEXT_MAX];
    struct ipns_record record;
    uint64_t wall = clock_wall_ms();
    s->responded = true;
    if (s->working || s->result != OK ||
        ipns_decode(&record, span_of(s->record, s->record_size)) != OK) {
        answer_no_name(s);
        return;
    }
    uint64_t ttl = record.ttl_ns / 1000000000;
    uint64_t left =
        (uint64_t)record.validity_s * 1000 > wall ? (uint64_t)record.validity_s - wall / 1000 : 0;
    ttl = ttl == 0 ? ROUTING_SERVE_IPNS_S : ttl;
    struct http_response r = { .status = 200, .body = span_of(s->record, s->record_size) };
    routing_door_etag(etag, r.body);
    routing_serve_cache(cache, ttl < left ? ttl : left, left);
    clock_format_http(now, wall);
    clock_format_http(end, (uint64_t)record.validity_s * 1000);
    add_common(&r);
    (void)http_response_add(&r, "Content-Type", ROUTING_SERVE_IPNS_TYPE);
    (void)http_response_add(&r, "Etag", etag);
    (void)http_response_add(&r, "Cache-Control", cache);
    (void)http_response_add(&r, "Last-Modified", now);
    (void)http_response_add(&r, "Expires", end);
    (void)http_request_respond(s->rq, &r);
}

static void answer_put(struct routing_door_slot *s)
{
    s->responded = true;
    bool over = !s->working;
    if (over && s->result == OK)
        refuse(s->rq, 200, "", 0);
    else if (!over || s->published)
        refuse(s->rq, 503, "nobody has taken the record\n", 30000);
    else
        refuse(s->rq, 400, "this is no valid record of that name\n", 0);
}

void routing_door_finish(struct routing_door_slot *s)
{
    if (s->asking)
        routing_end(s->of->o.routing, s->question);
    s->asking = false;
    routing_door_pending(s);
    pthread_mutex_lock(&s->of->lock);
    s->complete = true;
    pthread_mutex_unlock(&s->of->lock);
    if (s->responded)
        routing_door_news(s);
    else if (s->of->stopped)
        refuse(s->rq, 503, "this node stops\n", 5000);
    else if (s->put)
        answer_put(s);
    else if (s->q.what == ROUTING_SERVE_IPNS)
        answer_name(s);
    else
        answer_whole(s);
    s->responded = true;
}

/* ---- requests, on the HTTP thread --------------------------------------------------------------
 */

static struct routing_door_slot *take(struct routing_door *d, uint32_t place)
{
    for (size_t i = 0; i < ROUTING_DOOR_SLOTS; i++) {
        struct routing_door_slot *s = &d->slots[i];
        if (s->used)
            continue;
        routing_door_clear(s);
        s->used = true;
        s->place = place;
        return s;
    }
    return NULL;
}

/* A slot for the request; NULL when it has been refused. */
static struct routing_door_slot *enter(struct routing_door *d, struct http_request *rq)
{
    uint32_t place;
    uint64_t wait_ms = 1000;
    struct routing_door_slot *s = NULL;
    uint64_t network =
        routing_door_network(http_request_peer(rq), http_request_header(rq, "X-Forwarded-For"));
    pthread_mutex_lock(&d->lock);
    bool closed = d->stopped;
    enum err e = routing_door_enter(&d->rate, &place, &wait_ms, network, clock_mono_ms());
    if (e == OK && !closed)
        s = take(d, place);
    if (e == OK && s == NULL)
        routing_door_leave(&d->rate, place);
    pthread_mutex_unlock(&d->lock);
    if (e != OK)
        refuse(rq, 429, "too many requests of one network\n", wait_ms);
    else if (s == NULL)
        refuse(rq, 503, "too many requests at once\n", 1000);
    return s;
}

/* Whether this node does that; else it has been answered. */
static bool is_served(struct routing_door *d, struct http_request *rq,
                      const struct routing_serve_request *q, bool put)
{
    bool asks = d->o.mode == SETTINGS_SERVE_ALL && d->o.routing != NULL;
    if (put && (d->o.mode != SETTINGS_SERVE_ALL || d->o.publish == NULL)) {
        refuse(rq, 501, "this node publishes no names of others\n", 0);
        return false;
    }
    if (q->what == ROUTING_SERVE_CLOSEST && !asks) {
        refuse(rq, 501, "this node looks up nothing for others\n", 0);
        return false;
    }
    return true;
}

/* SPEC routing-v1 5.4: "406 without the content type of a record" */
static bool takes_body(struct http_request *rq)
{
    const char *type = http_request_header(rq, "Content-Type");
    struct span body = http_request_body(rq);
    if (type == NULL ||
        strncmp(type, ROUTING_SERVE_IPNS_TYPE, strlen(ROUTING_SERVE_IPNS_TYPE)) != 0)
        refuse(rq, 406, "send it with Content-Type: " ROUTING_SERVE_IPNS_TYPE "\n", 0);
    else if (body.n == 0 || body.n > IPNS_RECORD_MAX)
        refuse(rq, 400, "a record has 1 to 10240 bytes\n", 0);
    else
        return true;
    return false;
}

static void serve(struct routing_door *d, struct http_request *rq, bool put)
{
    static _Thread_local struct routing_serve_request q; /* large for a stack */
    const char *why;
    const char *accept = put ? NULL : http_request_header(rq, "Accept");
    uint16_t status =
        routing_serve_parse(&q, &why, http_request_path(rq), http_request_query(rq), accept);
    if (status == 200 && put && q.what != ROUTING_SERVE_IPNS) {
        status = 501;
        why = "only names are put\n";
    }
    if (status != 200) {
        refuse(rq, status, why, 0);
        return;
    }
    if (!is_served(d, rq, &q, put) || (put && !takes_body(rq)))
        return;
    struct routing_door_slot *s = enter(d, rq);
    if (s == NULL)
        return;
    s->rq = rq;
    s->q = q;
    s->put = put;
    if (put) {
        struct span body = http_request_body(rq);
        memcpy(s->record, body.p, body.n);
        s->record_size = body.n;
    }
    uint64_t ms = routing_door_patience(s);
    s->deadline_ms = clock_mono_ms() + ms;
    http_request_suspend(rq, ms + ROUTING_DOOR_LATE_MS);
    pthread_mutex_lock(&d->lock);
    s->ready = true;
    pthread_mutex_unlock(&d->lock);
    loop_post_event(d->o.loop, &s->event);
}

bool routing_door_serve(struct routing_door *d, struct http_request *rq)
{
    enum http_method method = http_request_method(rq);
    if (strncmp(http_request_path(rq), ROUTING_SERVE_PREFIX, strlen(ROUTING_SERVE_PREFIX)) != 0)
        return false;
    if (d == NULL)
        refuse(rq, 501, "this node is no router: see routing-serve and p2p\n", 0);
    else if (method == HTTP_OPTIONS)
        answer_preflight(rq);
    else if (method == HTTP_GET || method == HTTP_HEAD || method == HTTP_PUT)
        serve(d, rq, method == HTTP_PUT);
    else
        refuse(rq, 501, "GET, and PUT of names\n", 0);
    return true;
}
