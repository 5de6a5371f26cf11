#include "ipfsd/chain_peers.h"

#include "api/chain_client.h"
#include "codec/holder_url.h"
#include "crypto/sha256.h"
#include "ipfsd/chain_read.h"
#include "rt/http_client.h"
#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = CONFIG_URL_MAX + CHAIN_CLIENT_PATH_MAX };

/* What the chain said of a content. */
struct topic {
    bool used;
    struct content_key key;
    uint64_t at_ms;
    size_t count;
    struct chain_peer peers[CHAIN_PEERS_EACH];
};

/* A question to the chain. */
struct ask {
    bool used, ended;
    bool begins; /* blocks of it are about to be asked for */
    struct chain_peers *of;
    struct content_key key;
    struct http_fetch *fetch;
    uint32_t node; /* which of the chains */
    uint16_t status;
    enum err err;
    uint64_t begun_ms;
    uint8_t *body; /* CHAIN_PEERS_BODY */
    size_t size;
};

/* A question of routing. */
struct wait {
    uint32_t question; /* 0: free */
    enum routing_kind kind;
    struct content_key key; /* of ROUTING_PROVIDERS */
    struct peer_id peer;    /* of ROUTING_PEER */
    bool noted;
};

struct chain_peers {
    struct chain_peers_options o;
    struct config_urls chains;
    struct http_client *http;
    size_t source;
    struct loop_event event;
    struct exchange *exchange;
    struct seek *seek;
    const struct swarm *swarm;
    bool stopped;
    uint64_t silent_ms; /* until when the chain is left alone */
    struct ask asks[CHAIN_PEERS_ASKS];
    struct wait waits[CHAIN_PEERS_WAITS];
    struct topic topics[CHAIN_PEERS_CACHE];
};

static uint64_t now_of(const struct chain_peers *c)
{
    return loop_now_ms(c->o.loop);
}

/* ---- what an answer says ----------------------------------------------------------------------
 */

static struct chain_peer *peer_in(struct chain_peer *list, size_t *count, size_t max,
                                  const struct peer_id *id, const uint8_t lineage[32])
{
    for (size_t i = 0; i < *count; i++)
        if (peer_id_eq(&list[i].peer, id) && memcmp(list[i].lineage, lineage, 32) == 0)
            return &list[i];
    if (*count == max)
        return NULL;
    struct chain_peer *p = &list[(*count)++];
    *p = (struct chain_peer){ .peer = *id };
    memcpy(p->lineage, lineage, 32);
    return p;
}

static void add_texts(struct chain_peer *list, size_t *count, size_t max,
                      const struct chain_client_holder *h)
{
    for (uint32_t i = 0; i < h->url_count; i++) {
        struct holder_url url;
        holder_url_read(&url, span_str(h->urls[i]));
        if (url.kind != HOLDER_URL_PEER)
            continue;
        struct chain_peer *p = peer_in(list, count, max, &url.peer, h->lineage);
        if (p == NULL)
            return;
        p->verified |= h->verified;
        if (url.address.size != 0 && p->text_count < CHAIN_PEERS_TEXTS)
            (void)snprintf(p->texts[p->text_count++], sizeof(p->texts[0]), "%s", h->urls[i]);
    }
}

size_t chain_peers_of(struct chain_peer *out, size_t max, const struct chain_client_order *orders,
                      size_t count)
{
    size_t n = 0;
    for (int verified = 1; verified >= 0; verified--)
        for (size_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < orders[i].holder_count; k++)
                if (orders[i].holders[k].verified == (verified == 1))
                    add_texts(out, &n, max, &orders[i].holders[k]);
    return n;
}

static bool is_fresh(const struct chain_peers *c, const struct topic *t)
{
    return t->used && now_of(c) < t->at_ms + CHAIN_PEERS_FRESH_MS;
}

static const struct topic *topic_of(const struct chain_peers *c, const struct content_key *key)
{
    for (size_t i = 0; i < CHAIN_PEERS_CACHE; i++)
        if (is_fresh(c, &c->topics[i]) && cid_key_cmp(&c->topics[i].key, key) == 0)
            return &c->topics[i];
    return NULL;
}

size_t chain_peers_known(const struct chain_peers *c, struct chain_peer *out, size_t max,
                         const struct content_key *key)
{
    const struct topic *t = topic_of(c, key);
    size_t n = t == NULL ? 0 : t->count < max ? t->count : max;
    for (size_t i = 0; i < n; i++)
        out[i] = t->peers[i];
    return n;
}

/* What a topic is worth: nothing when it is free, then those of contents that nobody holds. */
static uint64_t worth(const struct topic *t)
{
    return !t->used ? 0 : t->at_ms + 1 + (t->count == 0 ? 0 : (uint64_t)1 << 62);
}

/* The place for a new answer: its own, or that of the one that is worth least. */
static struct topic *topic_place(struct chain_peers *c, const struct content_key *key)
{
    struct topic *t = &c->topics[0];
    for (size_t i = 0; i < CHAIN_PEERS_CACHE; i++) {
        struct topic *other = &c->topics[i];
        if (other->used && cid_key_cmp(&other->key, key) == 0)
            return other;
        if (worth(other) < worth(t))
            t = other;
    }
    return t;
}

/* OK: what the chain says of the content is remembered. */
static enum err read_answer(struct chain_peers *c, const struct ask *a)
{
    struct chain_client_page page;
    struct chain_client_order *orders = calloc(CHAIN_READ_PAGE_MAX, sizeof(*orders));
    if (orders == NULL)
        return ERR_MEMORY;
    page.count = 0;
    /* An unknown content is an answer too. */
    enum err e = a->status != 200 ? OK
                                  : chain_client_decode_orders(&page, orders, CHAIN_READ_PAGE_MAX,
                                                               span_of(a->body, a->size));
    if (e == OK) {
        struct topic *t = topic_place(c, &a->key);
        t->used = true;
        t->key = a->key;
        t->at_ms = now_of(c);
        t->count = chain_peers_of(t->peers, CHAIN_PEERS_EACH, orders, page.count);
    }
    free(orders);
    return e;
}

/* ---- who is told ------------------------------------------------------------------------------
 */

static void provider_of(struct routing_provider *out, const struct chain_peer *p)
{
    *out = (struct routing_provider){ .source = "chain", .peer = p->peer };
    for (size_t i = 0; i < p->text_count; i++) {
        struct holder_url url;
        holder_url_read(&url, span_str(p->texts[i]));
        if (url.kind == HOLDER_URL_PEER && url.address.size != 0)
            out->addrs[out->addr_count++] = url.address;
    }
}

/* The exchange learns whom the chain holds to it; those that are not here are called. */
static void tell_exchange(const struct chain_peers *c, const struct content_key *key,
                          const struct topic *t)
{
    struct exchange_holder holders[CHAIN_PEERS_EACH];
    struct routing_provider provider;
    const struct cid cid = cid_of_key(key);
    size_t count = 0, dials = 0;
    for (size_t i = 0; t != NULL && i < t->count; i++) {
        const struct chain_peer *p = &t->peers[i];
        if (peer_id_eq(&p->peer, &c->o.self))
            continue;
        if (p->verified) {
            sha256(holders[count].peer, peer_id_span(&p->peer));
            memcpy(holders[count++].lineage, p->lineage, 32);
        }
        if (dials == CHAIN_PEERS_DIALS || swarm_find(c->swarm, &p->peer) != GATE_NONE)
            continue;
        provider_of(&provider, p);
        dials += seek_offer(c->seek, &cid, &provider) == OK;
    }
    exchange_word(c->exchange, key->digest, holders, count);
}

/* Says one to whoever waits; false: he waits no more. */
static bool found(struct chain_peers *c, const struct wait *w, const struct chain_peer *p)
{
    struct routing_provider provider;
    const uint32_t question = w->question;
    provider_of(&provider, p);
    routing_found(c->o.routing, c->source, question, &provider);
    return w->question == question;
}

/* Where a peer is that was asked for by its name: what the chain said of it lately. */
static bool tell_places(struct chain_peers *c, const struct wait *w)
{
    for (size_t i = 0; i < CHAIN_PEERS_CACHE; i++) {
        const struct topic *t = &c->topics[i];
        for (size_t k = 0; is_fresh(c, t) && k < t->count; k++)
            if (t->peers[k].text_count > 0 && peer_id_eq(&t->peers[k].peer, &w->peer))
                return found(c, w, &t->peers[k]);
    }
    return true;
}

static void tell_wait(struct chain_peers *c, struct wait *w)
{
    const struct topic *t = w->kind == ROUTING_PEER ? NULL : topic_of(c, &w->key);
    const uint32_t question = w->question;
    struct routing_note n = { .result = OK, .providers = t == NULL ? 0 : (uint32_t)t->count };
    if (!w->noted && w->kind == ROUTING_PROVIDERS) {
        (void)snprintf(n.who, sizeof(n.who), "what it said lately");
        routing_note(c->o.routing, c->source, question, &n);
    }
    bool waits = w->question == question && (w->kind != ROUTING_PEER || tell_places(c, w));
    for (size_t i = 0; waits && t != NULL && i < t->count; i++)
        waits = peer_id_eq(&t->peers[i].peer, &c->o.self) || found(c, w, &t->peers[i]);
    if (!waits)
        return; /* whoever asked has enough */
    w->question = 0;
    routing_done(c->o.routing, c->source, question);
}

static void note_waits(struct chain_peers *c, const struct ask *a, enum err e, size_t count)
{
    for (size_t i = 0; i < CHAIN_PEERS_WAITS; i++) {
        struct wait *w = &c->waits[i];
        struct routing_note n = { .result = e,
                                  .providers = (uint32_t)count,
                                  .took_ms = (uint32_t)(now_of(c) - a->begun_ms) };
        if (w->question == 0 || w->kind != ROUTING_PROVIDERS || cid_key_cmp(&w->key, &a->key) != 0)
            continue;
        (void)snprintf(n.who, sizeof(n.who), "%s", c->chains.urls[a->node]);
        w->noted = true;
        routing_note(c->o.routing, c->source, w->question, &n);
    }
}

static bool is_asked(const struct chain_peers *c, const struct content_key *key)
{
    for (size_t i = 0; i < CHAIN_PEERS_ASKS; i++)
        if (c->asks[i].used && cid_key_cmp(&c->asks[i].key, key) == 0)
            return true;
    return false;
}

static void tell_waits(struct chain_peers *c)
{
    for (size_t i = 0; i < CHAIN_PEERS_WAITS; i++)
        if (c->waits[i].question != 0 &&
            (c->waits[i].kind == ROUTING_PEER || !is_asked(c, &c->waits[i].key)))
            tell_wait(c, &c->waits[i]);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static enum err on_body(void *ctx, struct span chunk)
{
    struct ask *a = ctx;
    if (chunk.n > CHAIN_PEERS_BODY - a->size)
        return ERR_LIMIT;
    memcpy(a->body + a->size, chunk.p, chunk.n);
    a->size += chunk.n;
    return OK;
}

static void on_done(void *ctx, enum err e, uint16_t status)
{
    struct ask *a = ctx;
    a->fetch = NULL;
    a->ended = true;
    a->err = e;
    a->status = status;
    loop_post_event(a->of->o.loop, &a->of->event);
}

static void ask_node(struct ask *a)
{
    char url[URL_MAX], path[CHAIN_CLIENT_PATH_MAX];
    struct chain_peers *c = a->of;
    chain_client_orders_of_key_path(path, &a->key);
    (void)snprintf(url, sizeof(url), "%s%s", c->chains.urls[a->node], path);
    const struct http_fetch_options o = { .method = HTTP_GET,
                                          .url = url,
                                          .connect_timeout_ms = CHAIN_PEERS_MS,
                                          .total_timeout_ms = CHAIN_PEERS_MS,
                                          .size_max = CHAIN_PEERS_BODY,
                                          .on_body = on_body,
                                          .on_done = on_done,
                                          .ctx = a };
    a->size = 0;
    a->ended = false;
    a->begun_ms = now_of(c);
    enum err e = http_client_fetch(c->http, &a->fetch, &o);
    if (e != OK)
        on_done(a, e, 0);
}

static void ask_end(struct ask *a)
{
    if (a->fetch != NULL)
        http_fetch_cancel(a->fetch);
    free(a->body);
    *a = (struct ask){ .of = a->of };
}

static void ask_over(struct chain_peers *c, struct ask *a)
{
    bool answered = a->err == OK && (a->status == 200 || a->status == 404);
    enum err e = answered ? read_answer(c, a) : a->err == OK ? ERR_CLOSED : a->err;
    const struct topic *t = e == OK ? topic_of(c, &a->key) : NULL;
    note_waits(c, a, e, t == NULL ? 0 : t->count);
    if (e != OK && a->node + 1 < c->chains.count) {
        a->node++;
        ask_node(a);
        return;
    }
    if (e != OK) {
        log_debug("chain-not-asked", "reason=\"%s\"", err_text(e));
        c->silent_ms = now_of(c) + CHAIN_PEERS_SILENT_MS;
    }
    const struct content_key key = a->key;
    const bool begins = a->begins;
    ask_end(a);
    if (begins && c->exchange != NULL)
        tell_exchange(c, &key, t);
}

static void on_event(void *ctx)
{
    struct chain_peers *c = ctx;
    for (size_t i = 0; i < CHAIN_PEERS_ASKS && !c->stopped; i++)
        if (c->asks[i].used && c->asks[i].ended)
            ask_over(c, &c->asks[i]);
    if (!c->stopped)
        tell_waits(c);
}

/* The question about a content: that which is under way, or a new one. */
static struct ask *ask_for(struct chain_peers *c, const struct content_key *key)
{
    struct ask *a = NULL;
    for (size_t i = 0; i < CHAIN_PEERS_ASKS; i++) {
        if (c->asks[i].used && cid_key_cmp(&c->asks[i].key, key) == 0)
            return &c->asks[i];
        if (!c->asks[i].used && a == NULL)
            a = &c->asks[i];
    }
    if (a == NULL || now_of(c) < c->silent_ms)
        return NULL;
    *a = (struct ask){ .of = c, .key = *key, .body = malloc(CHAIN_PEERS_BODY) };
    if (a->body == NULL)
        return NULL;
    a->used = true;
    ask_node(a);
    return a;
}

/* ---- the exchange -----------------------------------------------------------------------------
 */

static bool on_begins(void *ctx, const struct block_key *root)
{
    struct chain_peers *c = ctx;
    struct content_key key = { .codec = (uint32_t)root->codec };
    memcpy(key.digest, root->digest, sizeof(key.digest));
    const struct topic *t = topic_of(c, &key);
    if (t != NULL) {
        tell_exchange(c, &key, t);
        return true;
    }
    struct ask *a = ask_for(c, &key);
    if (a != NULL)
        a->begins = true;
    return a != NULL;
}

void chain_peers_attach(struct chain_peers *c, struct exchange *x, struct seek *seek,
                        const struct swarm *swarm)
{
    c->exchange = x;
    c->seek = seek;
    c->swarm = swarm;
    exchange_begins(x, on_begins, c);
}

/* ---- routing ----------------------------------------------------------------------------------
 */

static enum err begin(void *ctx, uint32_t question, const struct routing_question *q)
{
    struct chain_peers *c = ctx;
    struct wait *w = NULL;
    struct content_key key = { 0 };
    if (q->kind == ROUTING_CLOSEST)
        return ERR_UNSUPPORTED;
    if (q->kind == ROUTING_PROVIDERS)
        TRY(cid_key(&key, &q->cid));
    for (size_t i = 0; i < CHAIN_PEERS_WAITS && w == NULL; i++)
        if (c->waits[i].question == 0)
            w = &c->waits[i];
    bool known = q->kind == ROUTING_PEER || topic_of(c, &key) != NULL;
    if (w == NULL || c->stopped || (!known && ask_for(c, &key) == NULL))
        return ERR_BUSY;
    *w = (struct wait){ .question = question, .kind = q->kind, .key = key, .peer = q->peer };
    loop_post_event(c->o.loop, &c->event);
    return OK;
}

static void cancel(void *ctx, uint32_t question)
{
    struct chain_peers *c = ctx;
    for (size_t i = 0; i < CHAIN_PEERS_WAITS && question != 0; i++)
        if (c->waits[i].question == question)
            c->waits[i].question = 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

enum err chain_peers_open(struct chain_peers **out, const struct chain_peers_options *o)
{
    *out = NULL;
    struct chain_peers *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->o = *o;
    c->chains = *o->chains;
    c->event = (struct loop_event){ .fn = on_event, .ctx = c };
    for (size_t i = 0; i < CHAIN_PEERS_ASKS; i++)
        c->asks[i].of = c;
    const struct http_client_options http = { .allow_private = true };
    const struct routing_source s = { .name = "chain", .ctx = c, .begin = begin, .cancel = cancel };
    enum err e = http_client_new(&c->http, o->loop, &http);
    if (e == OK)
        e = routing_add(o->routing, &s, &c->source);
    if (e == OK)
        *out = c;
    else
        chain_peers_close(c);
    return e;
}

void chain_peers_stop(struct chain_peers *c)
{
    if (c == NULL || c->stopped)
        return;
    c->stopped = true;
    if (c->exchange != NULL)
        exchange_begins(c->exchange, NULL, NULL);
    c->exchange = NULL;
    for (size_t i = 0; i < CHAIN_PEERS_ASKS; i++)
        ask_end(&c->asks[i]);
}

void chain_peers_close(struct chain_peers *c)
{
    if (c == NULL)
        return;
    chain_peers_stop(c);
    http_client_free(c->http);
    /* A posted event finds nothing to do: it runs while we are still here. */
    while (c->event.queued)
        loop_run_once(c->o.loop, 0);
    free(c);
}
