#include "agentd/chain_link.h"

#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>

/* The first node that is not paused; else the one whose pause ends first. */
static uint32_t node_now(const struct chain_link *l)
{
    uint64_t now = loop_now_ms(l->loop);
    uint32_t best = 0;
    for (uint32_t i = 0; i < l->node_count; i++) {
        if (l->nodes[i].down_until_ms <= now)
            return i;
        if (l->nodes[i].down_until_ms < l->nodes[best].down_until_ms)
            best = i;
    }
    return best;
}

static void node_failed(struct chain_link *l, uint32_t node, const char *why)
{
    struct chain_node *n = &l->nodes[node];
    uint64_t pause = CHAIN_LINK_PAUSE_MS;
    for (uint32_t i = 0; i < n->failures && pause < CHAIN_LINK_PAUSE_MAX_MS; i++)
        pause *= 2;
    if (n->failures++ == 0)
        log_warn("chain-node-lost", "url=\"%s\" reason=\"%s\"", n->url, why);
    n->down_until_ms =
        loop_now_ms(l->loop) + (pause < CHAIN_LINK_PAUSE_MAX_MS ? pause : CHAIN_LINK_PAUSE_MAX_MS);
}

static void node_works(struct chain_link *l, uint32_t node)
{
    struct chain_node *n = &l->nodes[node];
    if (n->failures != 0)
        log_info("chain-node-answers", "url=\"%s\"", n->url);
    n->failures = 0;
    n->down_until_ms = 0;
}

static void tell_block(void *ctx);

enum err chain_link_open(struct chain_link *l, struct loop *loop, const struct settings *s,
                         void (*on_block)(void *ctx), void *ctx)
{
    *l = (struct chain_link){ .loop = loop, .on_block = on_block, .ctx = ctx };
    l->news = (struct loop_event){ .fn = tell_block, .ctx = l };
    l->node_count = s->chains.count;
    for (uint32_t i = 0; i < s->chains.count; i++)
        l->nodes[i].url = s->chains.urls[i];
    for (uint32_t i = 0; i < CHAIN_LINK_CALLS; i++) {
        l->calls[i].link = l;
        l->calls[i].reply = malloc(CHAIN_LINK_REPLY_MAX + 1);
        if (l->calls[i].reply == NULL)
            return ERR_MEMORY;
    }
    /* The operator names the chain nodes himself, so private addresses are fine. */
    const struct http_client_options o = { .allow_private = true, .connections_max = 16 };
    return http_client_new(&l->http, loop, &o);
}

void chain_link_close(struct chain_link *l)
{
    l->closing = true;
    http_client_free(l->http);
    l->http = NULL;
    for (uint32_t i = 0; i < CHAIN_LINK_CALLS; i++)
        free(l->calls[i].reply);
}

static enum err call_body(void *ctx, struct span chunk)
{
    struct chain_call *c = ctx;
    if (chunk.n > CHAIN_LINK_REPLY_MAX - c->size)
        return ERR_LIMIT;
    memcpy(c->reply + c->size, chunk.p, chunk.n);
    c->size += chunk.n;
    return OK;
}

static void call_done(void *ctx, enum err e, uint16_t status)
{
    struct chain_call *c = ctx;
    struct chain_link *l = c->link;
    if (e != OK && e != ERR_LIMIT)
        node_failed(l, c->node, err_text(e));
    else
        node_works(l, c->node);
    c->reply[c->size] = '\0';
    c->fn(c->ctx, e, status, span_of(c->reply, c->size));
    c->busy = false;
}

static enum err call_start(struct chain_link *l, struct http_fetch_options *o, const char *path,
                           chain_link_fn fn, void *ctx)
{
    char url[CONFIG_URL_MAX + CHAIN_CLIENT_PATH_MAX];
    struct chain_call *c = l->calls;
    if (l->closing)
        return ERR_CLOSED;
    while (c < l->calls + CHAIN_LINK_CALLS && c->busy)
        c++;
    if (c == l->calls + CHAIN_LINK_CALLS)
        return ERR_BUSY;
    c->node = node_now(l);
    c->size = 0;
    c->fn = fn;
    c->ctx = ctx;
    (void)snprintf(url, sizeof(url), "%s%s", l->nodes[c->node].url, path);
    o->url = url;
    o->total_timeout_ms = CHAIN_LINK_TIMEOUT_MS;
    o->size_max = CHAIN_LINK_REPLY_MAX;
    o->on_body = call_body;
    o->on_done = call_done;
    o->ctx = c;
    TRY(http_client_fetch(l->http, NULL, o));
    c->busy = true;
    return OK;
}

enum err chain_link_get(struct chain_link *l, const char *path, chain_link_fn fn, void *ctx)
{
    struct http_fetch_options o = { .method = HTTP_GET };
    return call_start(l, &o, path, fn, ctx);
}

enum err chain_link_post(struct chain_link *l, struct span tx, chain_link_fn fn, void *ctx)
{
    const struct http_header type = { "Content-Type", CHAIN_CLIENT_TX_MEDIA };
    struct http_fetch_options o = {
        .method = HTTP_POST, .headers = &type, .header_count = 1, .body = tx
    };
    return call_start(l, &o, CHAIN_CLIENT_SUBMIT, fn, ctx);
}

void chain_link_refuse(struct chain_link *l)
{
    uint32_t node = node_now(l);
    l->nodes[node].failures = 8;
    node_failed(l, node, "it serves another chain");
}

static void on_event(void *ctx, const struct sse_event *ev)
{
    struct chain_link *l = ctx;
    if (strcmp(ev->type, "block") == 0)
        loop_post_event(l->loop, &l->news);
}

/* Told on a turn of its own: no request may be started inside the stream's callback. */
static void tell_block(void *ctx)
{
    struct chain_link *l = ctx;
    if (!l->closing)
        l->on_block(l->ctx);
}

static enum err stream_body(void *ctx, struct span chunk)
{
    struct chain_link *l = ctx;
    sse_feed(&l->sse, chunk, on_event, l);
    return OK;
}

static void stream_done(void *ctx, enum err e, uint16_t status)
{
    struct chain_link *l = ctx;
    l->stream = NULL;
    l->stream_retry_ms = loop_now_ms(l->loop) + (uint64_t)2 * CHAIN_LINK_PAUSE_MS;
    log_debug("stream-ended", "reason=\"%s\" status=%u", err_text(e), status);
}

void chain_link_follow(struct chain_link *l, uint64_t height)
{
    char path[CHAIN_CLIENT_PATH_MAX], url[CONFIG_URL_MAX + CHAIN_CLIENT_PATH_MAX];
    if (l->closing)
        return;
    if (l->stream != NULL && l->stream_node != node_now(l)) {
        http_fetch_cancel(l->stream); /* a better node is back */
        l->stream = NULL;
    }
    if (l->stream != NULL || loop_now_ms(l->loop) < l->stream_retry_ms)
        return;
    l->stream_node = node_now(l);
    chain_client_stream_path(path, height);
    (void)snprintf(url, sizeof(url), "%s%s", l->nodes[l->stream_node].url, path);
    sse_init(&l->sse);
    const struct http_fetch_options o = { .method = HTTP_GET,
                                          .url = url,
                                          .idle_timeout_ms = CHAIN_LINK_SILENCE_MS,
                                          .size_max = UINT64_MAX / 2,
                                          .on_body = stream_body,
                                          .on_done = stream_done,
                                          .ctx = l };
    if (http_client_fetch(l->http, &l->stream, &o) != OK) {
        l->stream = NULL;
        l->stream_retry_ms = loop_now_ms(l->loop) + (uint64_t)4 * CHAIN_LINK_PAUSE_MS;
    }
}

const char *chain_link_url(const struct chain_link *l)
{
    return l->nodes[node_now(l)].url;
}
