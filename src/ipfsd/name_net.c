#include "ipfsd/name_net.h"

#include "rt/clock.h"
#include "rt/http_client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = CONFIG_URL_MAX + PEER_ID_TEXT_MAX + 32, TURN_MS = 50 };

#define RECORD_TYPE "application/vnd.ipfs.ipns-record"

struct name_net {
    struct dht_names *dht;
    struct config_urls routers;
    atomic_bool stopping;
    atomic_uint asks;
};

/* One request to one router. */
struct call {
    struct http_fetch *fetch; /* NULL: over */
    bool record;              /* what comes is one, by its type */
    bool good;
    size_t size;
    uint8_t bytes[IPNS_RECORD_MAX];
};

/* All of them, on a loop of the thread that waits. */
struct asking {
    struct loop *loop;
    struct http_client *http;
    uint64_t begun_ms;
    size_t count;
    struct call calls[NAME_NET_ROUTERS];
};

/* ---- routers --------------------------------------------------------------------------------- */

static enum err on_reply(void *ctx, const struct http_reply *reply)
{
    struct call *c = ctx;
    c->record = strncmp(reply->content_type, RECORD_TYPE, strlen(RECORD_TYPE)) == 0;
    return OK;
}

/* SPEC kad 5.7: "an answer of more than 10,240 bytes is none" */
static enum err on_body(void *ctx, struct span chunk)
{
    struct call *c = ctx;
    if (chunk.n > sizeof(c->bytes) - c->size)
        return ERR_LIMIT;
    if (chunk.n > 0)
        memcpy(c->bytes + c->size, chunk.p, chunk.n);
    c->size += chunk.n;
    return OK;
}

static void on_done(void *ctx, enum err e, uint16_t status)
{
    struct call *c = ctx;
    c->fetch = NULL;
    c->good = e == OK && status == 200;
}

static void start(struct asking *a, const char *router, const struct peer_id *name,
                  struct span record)
{
    static const struct http_header get = { "Accept", RECORD_TYPE },
                                    put = { "Content-Type", RECORD_TYPE };
    char url[URL_MAX], text[PEER_ID_TEXT_MAX];
    struct call *c = &a->calls[a->count++];
    bool puts = record.n > 0;
    peer_id_format_cid(text, name);
    (void)snprintf(url, sizeof(url), "%s/routing/v1/ipns/%s", router, text);
    const struct http_fetch_options o = { .method = puts ? HTTP_PUT : HTTP_GET,
                                          .url = url,
                                          .headers = puts ? &put : &get,
                                          .header_count = 1,
                                          .body = record,
                                          .total_timeout_ms =
                                              puts ? NAME_NET_PUT_MS : NAME_NET_GET_MS,
                                          .size_max = 65536,
                                          .on_reply = on_reply,
                                          .on_body = on_body,
                                          .on_done = on_done,
                                          .ctx = c };
    if (http_client_fetch(a->http, &c->fetch, &o) != OK)
        c->fetch = NULL;
}

static void asking_end(struct name_net *n, struct asking *a)
{
    if (a == NULL)
        return;
    http_client_free(a->http);
    loop_free(a->loop);
    free(a);
    atomic_fetch_sub(&n->asks, 1);
}

/* NULL: there are no routers, or no room to ask them. */
static struct asking *asking_begin(struct name_net *n, const struct peer_id *name,
                                   struct span record)
{
    const struct http_client_options o = { .allow_private = true };
    if (n->routers.count == 0)
        return NULL;
    struct asking *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return NULL;
    unsigned others = atomic_fetch_add(&n->asks, 1);
    a->begun_ms = clock_mono_ms();
    enum err e = others >= NAME_NET_ASKS ? ERR_BUSY : loop_new(&a->loop, 0);
    if (e == OK)
        e = http_client_new(&a->http, a->loop, &o);
    if (e != OK) {
        asking_end(n, a);
        return NULL;
    }
    for (size_t i = 0; i < n->routers.count; i++)
        start(a, n->routers.urls[i], name, record);
    return a;
}

static bool under_way(const struct asking *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->calls[i].fetch != NULL)
            return true;
    return false;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int64_t wall_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

/* The best record in buf, and this one. */
static void consider(size_t *size, struct mspan buf, const struct peer_id *name, struct span record)
{
    struct ipns_record best, found;
    if (record.n > buf.n || ipns_decode(&found, record) != OK ||
        ipns_verify(&found, name, wall_s()) != OK)
        return;
    if (*size > 0 && ipns_decode(&best, span_of(buf.p, *size)) == OK &&
        ipns_compare(&found, &best) <= 0)
        return;
    memcpy(buf.p, record.p, record.n);
    *size = record.n;
}

static bool found_one(const struct asking *a, const struct peer_id *name)
{
    struct ipns_record r;
    for (size_t i = 0; i < a->count; i++) {
        const struct call *c = &a->calls[i];
        if (c->good && c->record && ipns_decode(&r, span_of(c->bytes, c->size)) == OK &&
            ipns_verify(&r, name, wall_s()) == OK)
            return true;
    }
    return false;
}

enum err name_net_get(void *net, size_t *size, struct mspan buf, const struct peer_id *name)
{
    struct name_net *n = net;
    const struct span none = { NULL, 0 };
    struct dht_names_ask dht;
    bool in_dht = n->dht != NULL && dht_names_begin(n->dht, &dht, name, none) == OK;
    struct asking *a = asking_begin(n, name, none);
    uint64_t end_ms = clock_mono_ms() + NAME_NET_GET_MS;
    uint64_t wait_ms = DHT_NAMES_MS;
    *size = 0;
    while (a != NULL && under_way(a) && clock_left(end_ms) > 0 && !atomic_load(&n->stopping)) {
        loop_run_once(a->loop, TURN_MS);
        bool enough = found_one(a, name) || (in_dht && dht_names_over(n->dht, &dht) == OK);
        if (enough && clock_left(end_ms) > NAME_NET_MORE_MS)
            end_ms = clock_deadline(NAME_NET_MORE_MS);
    }
    for (size_t i = 0; a != NULL && i < a->count; i++)
        if (a->calls[i].good && a->calls[i].record)
            consider(size, buf, name, span_of(a->calls[i].bytes, a->calls[i].size));
    asking_end(n, a);
    if (*size > 0)
        wait_ms = NAME_NET_MORE_MS;
    if (in_dht && dht_names_end(n->dht, &dht, wait_ms) == OK)
        consider(size, buf, name, span_of(dht.best, dht.size));
    return atomic_load(&n->stopping) ? ERR_CLOSED : *size > 0 ? OK : ERR_NOT_FOUND;
}

enum err name_net_put(struct name_net *n, struct name_net_told *out, const struct peer_id *name,
                      struct span record)
{
    struct dht_names_ask dht;
    bool in_dht = n->dht != NULL && dht_names_begin(n->dht, &dht, name, record) == OK;
    struct asking *a = asking_begin(n, name, record);
    *out = (struct name_net_told){ 0 };
    while (a != NULL && under_way(a) && !atomic_load(&n->stopping))
        loop_run_once(a->loop, TURN_MS);
    for (size_t i = 0; a != NULL && i < a->count; i++)
        out->routers += a->calls[i].good;
    asking_end(n, a);
    if (in_dht && dht_names_end(n->dht, &dht, DHT_NAMES_PUT_MS) == OK)
        out->nodes = dht.nodes;
    return atomic_load(&n->stopping) ? ERR_CLOSED : OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum err name_net_open(struct name_net **out, struct dht_names *dht,
                       const struct config_urls *routers)
{
    *out = NULL;
    if (routers->count > NAME_NET_ROUTERS)
        return ERR_LIMIT;
    struct name_net *n = calloc(1, sizeof(*n));
    if (n == NULL)
        return ERR_MEMORY;
    n->dht = dht;
    n->routers = *routers;
    *out = n;
    return OK;
}

void name_net_stop(struct name_net *n)
{
    if (n != NULL)
        atomic_store(&n->stopping, true);
}

void name_net_close(struct name_net *n)
{
    free(n);
}
