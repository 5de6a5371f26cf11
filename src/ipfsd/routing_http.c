#include "ipfsd/routing_http.h"

#include "codec/routing_v1.h"
#include "crypto/sha256.h"
#include "rt/http_client.h"

#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = CONFIG_URL_MAX + ROUTING_V1_PATH_MAX + 64 };

/* What was asked. */
struct topic {
    enum routing_kind kind;
    uint8_t digest[32]; /* of the CID's or the peer id's bytes */
};

/* What is known of it. */
struct memory {
    struct topic topic;
    uint64_t until_ms; /* 0: nothing */
    size_t count;
    struct routing_provider list[ROUTING_HTTP_KEPT];
};

/* One request to one router. What comes is put down by the callbacks of the client and worked off
 * by a posted event, from which it may be cancelled. */
struct call {
    struct asked *asked;
    struct http_fetch *fetch; /* NULL: it has ended */
    const char *router;
    bool used, ended, ndjson, full;
    enum err err;
    uint16_t status;
    uint32_t providers;
    uint64_t begun_ms;
    uint8_t *bytes; /* not yet worked off */
    size_t size;
};

struct asked {
    struct routing_http *of;
    uint32_t question;   /* 0: free */
    bool known;          /* answered from memory */
    struct memory fresh; /* what is put there at the end, or came from there */
    bool answered;       /* by a router at least */
    struct call calls[ROUTING_HTTP_ROUTERS];
};

struct routing_http {
    struct loop *loop;
    struct routing *routing;
    struct http_client *http;
    struct loop_event event;
    size_t source;
    struct config_urls routers;
    struct asked asked[ROUTING_HTTP_QUESTIONS];
    struct memory cache[ROUTING_HTTP_CACHE];
};

static struct topic topic_of(const struct routing_question *q)
{
    struct topic t = { .kind = q->kind };
    struct span id = q->kind == ROUTING_PEER ? peer_id_span(&q->peer)
                                             : span_of(q->cid.digest, q->cid.digest_size);
    sha256(t.digest, id);
    return t;
}

static bool same(const struct topic *a, const struct topic *b)
{
    return a->kind == b->kind && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static const struct memory *recall(const struct routing_http *h, const struct topic *t)
{
    for (size_t i = 0; i < ROUTING_HTTP_CACHE; i++)
        if (h->cache[i].until_ms > loop_now_ms(h->loop) && same(&h->cache[i].topic, t))
            return &h->cache[i];
    return NULL;
}

/* In the place of the same topic, else of what ends first. */
static void remember(struct routing_http *h, const struct memory *m)
{
    struct memory *place = &h->cache[0];
    for (size_t i = 0; i < ROUTING_HTTP_CACHE; i++) {
        struct memory *c = &h->cache[i];
        if (c->until_ms != 0 && same(&c->topic, &m->topic)) {
            place = c;
            break;
        }
        if (c->until_ms < place->until_ms)
            place = c;
    }
    uint64_t ms = m->count == 0 ? ROUTING_HTTP_NONE_MS : ROUTING_HTTP_CACHE_MS;
    *place = *m;
    place->until_ms = loop_now_ms(h->loop) + ms;
}

static void keep(struct memory *m, const struct routing_provider *p)
{
    for (size_t i = 0; i < m->count; i++)
        if (peer_id_eq(&m->list[i].peer, &p->peer))
            return;
    if (m->count < ROUTING_HTTP_KEPT)
        m->list[m->count++] = *p;
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static bool is_open(const struct asked *a, uint32_t question)
{
    return a->question == question;
}

static void call_fini(struct call *c)
{
    if (c->fetch != NULL)
        http_fetch_cancel(c->fetch);
    free(c->bytes);
    *c = (struct call){ 0 };
}

static void asked_fini(struct asked *a)
{
    for (size_t i = 0; i < ROUTING_HTTP_ROUTERS; i++)
        call_fini(&a->calls[i]);
    a->question = 0;
    a->known = false;
    a->answered = false;
}

/* False when the question has ended meanwhile. */
static bool found(struct call *c, const struct routing_v1_peer *peer)
{
    struct asked *a = c->asked;
    uint32_t question = a->question;
    struct routing_provider p = { .peer = peer->id };
    for (size_t i = 0; i < peer->addr_count && i < ROUTING_ADDRS_MAX; i++)
        p.addrs[p.addr_count++] = peer->addrs[i];
    c->providers++;
    keep(&a->fresh, &p);
    routing_found(a->of->routing, a->of->source, question, &p);
    return is_open(a, question);
}

static bool take(struct call *c, struct span text)
{
    static struct routing_v1_peer peers[ROUTING_V1_RECORDS_MAX]; /* the loop's only */
    struct routing_v1_list list = { .list = peers, .max = ROUTING_V1_RECORDS_MAX - c->providers };
    if (list.max == 0)
        return true;
    enum err e = routing_v1_decode(&list, text, c->ndjson);
    if (e != OK)
        c->err = e;
    for (size_t i = 0; i < list.count; i++)
        if (!found(c, &peers[i]))
            return false;
    return true;
}

/* Whole lines, or at the end all that is there. False when the question has ended meanwhile. */
static bool work_off(struct call *c)
{
    size_t whole = 0;
    if (c->status != 200)
        return true;
    for (size_t i = 0; i < c->size && c->ndjson; i++)
        if (c->bytes[i] == '\n')
            whole = i + 1;
    if (c->ended && c->err == OK)
        whole = c->size;
    if (whole == 0)
        return true;
    if (!take(c, span_of(c->bytes, whole)))
        return false;
    memmove(c->bytes, c->bytes + whole, c->size - whole);
    c->size -= whole;
    return true;
}

/* Tells how a call went; it is over. False when the question has ended meanwhile. */
static bool conclude(struct call *c)
{
    struct asked *a = c->asked;
    uint32_t question = a->question;
    struct routing_note n = { .result = c->err,
                              .providers = c->providers,
                              .took_ms = (uint32_t)(loop_now_ms(a->of->loop) - c->begun_ms) };
    /* SPEC kad 5.1: "404 is an empty answer" */
    if (c->err == OK && c->status == 429)
        n.result = ERR_BUSY;
    else if (c->err == OK && c->status != 200 && c->status != 404)
        n.result = ERR_IO;
    a->answered = a->answered || n.result == OK;
    (void)snprintf(n.who, sizeof(n.who), "%s", c->router);
    (void)snprintf(n.where, sizeof(n.where), "HTTP %u", (unsigned)c->status);
    call_fini(c);
    routing_note(a->of->routing, a->of->source, question, &n);
    return is_open(a, question);
}

static void from_memory(struct asked *a)
{
    struct routing_http *h = a->of;
    uint32_t question = a->question;
    const struct memory m = a->fresh;
    struct routing_note n = { .result = OK, .providers = (uint32_t)m.count };
    (void)snprintf(n.who, sizeof(n.who), "the answers of the last minutes");
    for (size_t i = 0; i < m.count && is_open(a, question); i++) {
        struct routing_provider p = m.list[i];
        routing_found(h->routing, h->source, question, &p);
    }
    if (is_open(a, question))
        routing_note(h->routing, h->source, question, &n);
}

/* Everything that is to be told of one question. */
static void step(struct asked *a)
{
    uint32_t question = a->question, running = 0;
    if (a->known)
        from_memory(a);
    for (size_t i = 0; i < ROUTING_HTTP_ROUTERS && is_open(a, question); i++) {
        struct call *c = &a->calls[i];
        if (!c->used)
            continue;
        bool ended = c->ended;
        if (work_off(c) && ended)
            (void)conclude(c);
        running += !ended;
    }
    if (!is_open(a, question) || running != 0)
        return;
    if (!a->known && a->answered)
        remember(a->of, &a->fresh);
    asked_fini(a);
    routing_done(a->of->routing, a->of->source, question);
}

static void on_event(void *ctx)
{
    struct routing_http *h = ctx;
    for (size_t i = 0; i < ROUTING_HTTP_QUESTIONS; i++)
        if (h->asked[i].question != 0)
            step(&h->asked[i]);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static enum err on_reply(void *ctx, const struct http_reply *reply)
{
    struct call *c = ctx;
    c->status = reply->status;
    c->ndjson = strncmp(reply->content_type, "application/x-ndjson", 20) == 0;
    return OK;
}

static enum err on_body(void *ctx, struct span chunk)
{
    struct call *c = ctx;
    if (c->status != 200)
        return OK;
    c->full = c->providers >= ROUTING_V1_RECORDS_MAX; /* what else it may say is left out */
    if (c->full)
        return ERR_LIMIT;
    if (chunk.n > ROUTING_V1_BODY_MAX - c->size)
        return ERR_LIMIT;
    uint8_t *more = realloc(c->bytes, c->size + chunk.n + 1);
    if (more == NULL)
        return ERR_MEMORY;
    c->bytes = more;
    if (chunk.n != 0)
        memcpy(c->bytes + c->size, chunk.p, chunk.n);
    c->size += chunk.n;
    if (c->ndjson)
        loop_post_event(c->asked->of->loop, &c->asked->of->event);
    return OK;
}

static void on_done(void *ctx, enum err e, uint16_t status)
{
    struct call *c = ctx;
    c->fetch = NULL;
    c->ended = true;
    c->err = c->err == OK && !c->full ? e : c->err;
    c->status = status;
    loop_post_event(c->asked->of->loop, &c->asked->of->event);
}

static void start(struct asked *a, struct call *c, const char *router, const char *path)
{
    static const struct http_header headers[] = {
        { "Accept", "application/x-ndjson, application/json;q=0.9" },
    };
    char url[URL_MAX];
    struct routing_http *h = a->of;
    (void)snprintf(url, sizeof(url), "%s%s", router, path);
    const struct http_fetch_options o = { .method = HTTP_GET,
                                          .url = url,
                                          .headers = headers,
                                          .header_count = 1,
                                          .idle_timeout_ms = ROUTING_HTTP_IDLE_MS,
                                          .total_timeout_ms = ROUTING_HTTP_MS,
                                          .size_max = 8 * ROUTING_V1_BODY_MAX,
                                          .on_reply = on_reply,
                                          .on_body = on_body,
                                          .on_done = on_done,
                                          .ctx = c };
    *c = (struct call){
        .used = true, .asked = a, .router = router, .begun_ms = loop_now_ms(h->loop)
    };
    c->err = http_client_fetch(h->http, &c->fetch, &o);
    c->ended = c->err != OK;
    if (c->ended)
        loop_post_event(h->loop, &h->event);
}

static enum err begin(void *ctx, uint32_t question, const struct routing_question *q)
{
    struct routing_http *h = ctx;
    struct asked *a = NULL;
    char path[ROUTING_V1_PATH_MAX];
    if (q->kind == ROUTING_CLOSEST)
        return ERR_UNSUPPORTED;
    for (size_t i = 0; i < ROUTING_HTTP_QUESTIONS && a == NULL; i++)
        if (h->asked[i].question == 0)
            a = &h->asked[i];
    if (a == NULL)
        return ERR_BUSY;
    a->question = question;
    a->fresh = (struct memory){ .topic = topic_of(q) };
    const struct memory *known = recall(h, &a->fresh.topic);
    a->known = known != NULL;
    if (known != NULL) {
        a->fresh = *known;
        loop_post_event(h->loop, &h->event);
        return OK;
    }
    if (q->kind == ROUTING_PEER)
        routing_v1_peers_path(path, &q->peer);
    else
        routing_v1_providers_path(path, &q->cid);
    for (uint32_t i = 0; i < h->routers.count; i++)
        start(a, &a->calls[i], h->routers.urls[i], path);
    return OK;
}

static void cancel(void *ctx, uint32_t question)
{
    struct routing_http *h = ctx;
    for (size_t i = 0; i < ROUTING_HTTP_QUESTIONS && question != 0; i++)
        if (h->asked[i].question == question)
            asked_fini(&h->asked[i]);
}

/* ---- life -------------------------------------------------------------------------------------
 */

enum err routing_http_open(struct routing_http **out, struct loop *l, struct routing *r,
                           const struct config_urls *routers)
{
    *out = NULL;
    if (routers->count > ROUTING_HTTP_ROUTERS)
        return ERR_LIMIT;
    struct routing_http *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return ERR_MEMORY;
    h->loop = l;
    h->routing = r;
    h->routers = *routers;
    h->event = (struct loop_event){ .fn = on_event, .ctx = h };
    for (size_t i = 0; i < ROUTING_HTTP_QUESTIONS; i++)
        h->asked[i].of = h;
    const struct http_client_options o = { .allow_private = true };
    const struct routing_source s = {
        .name = "delegated", .relays = true, .ctx = h, .begin = begin, .cancel = cancel
    };
    enum err e = http_client_new(&h->http, l, &o);
    if (e == OK)
        e = routing_add(r, &s, &h->source);
    if (e == OK)
        *out = h;
    else
        routing_http_close(h);
    return e;
}

void routing_http_close(struct routing_http *h)
{
    if (h == NULL)
        return;
    for (size_t i = 0; i < ROUTING_HTTP_QUESTIONS; i++)
        asked_fini(&h->asked[i]);
    http_client_free(h->http);
    while (h->event.queued)
        loop_run_once(h->loop, 0);
    free(h);
}
