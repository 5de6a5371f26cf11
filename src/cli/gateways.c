#include "cli/gateways.h"
#include "cli/ledger.h"
#include "codec/holder_url.h"
#include "ipfs/dag_block.h"
#include "rt/http_client.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECT_MS = 5000,
    IDLE_MS = 15000,
    TOTAL_MS = 60000,
    ORDERS_MAX = 4, /* of one content, whose holders are asked */
};

void gateways_init(struct gateways *g, const struct cli *c, const struct block_source *local)
{
    *g = (struct gateways){ .c = c, .local = *local };
}

void gateways_close(struct gateways *g)
{
    gateways_turn(g);
    for (size_t i = 0; i < GATEWAYS_KEPT; i++)
        free(g->kept[i].data);
    *g = (struct gateways){ 0 };
}

void gateways_expect(struct gateways *g, const struct carpull_want *want)
{
    g->want = *want;
    g->expects = true;
}

void gateways_turn(struct gateways *g)
{
    carpull_close(g->stream);
    g->stream = NULL;
    g->expects = false;
}

void gateways_root(struct gateways *g, const struct cid *root)
{
    if (g->has_root && cid_eq(&g->root, root))
        return;
    g->root = *root;
    g->has_root = true;
    g->listed = false;
}

/* ---- who can be asked ----------------------------------------------------------------------- */

static void add(struct gateways *g, const char *url, bool allow_private)
{
    size_t n = strlen(url);
    struct holder_url h;
    holder_url_read(&h, span_str(url));
    while (n > 0 && url[n - 1] == '/')
        n--;
    if (h.kind != HOLDER_URL_GATEWAY || n >= GATEWAYS_URL_MAX || g->count == GATEWAYS_MAX)
        return;
    for (size_t i = 0; i < g->count; i++) {
        if (strlen(g->list[i].url) == n && memcmp(g->list[i].url, url, n) == 0)
            return;
    }
    struct gateways_one *one = &g->list[g->count++];
    *one = (struct gateways_one){ .allow_private = allow_private };
    memcpy(one->url, url, n);
}

bool gateways_private_allowed(const struct cli *c)
{
    struct ledger_reply r = { 0 };
    struct params p;
    if (ledger_quiet(c, &r, CHAIN_CLIENT_PARAMS) != OK)
        return false;
    enum err e = chain_client_decode_params(&p, span_of(r.body.p, r.body.n));
    ledger_free(&r);
    return e == OK && p.allow_private_origins;
}

/* Holders that have proven to hold it first, then the others, then where it came from. */
static void add_order(struct gateways *g, const struct chain_client_order *o, bool allow_private)
{
    for (int verified = 1; verified >= 0; verified--) {
        for (uint32_t i = 0; i < o->holder_count; i++) {
            for (uint32_t u = 0; u < o->holders[i].url_count; u++) {
                if (o->holders[i].verified == (verified == 1))
                    add(g, o->holders[i].urls[u], allow_private);
            }
        }
    }
    for (uint32_t i = 0; i < o->origin_count; i++)
        add(g, o->origins[i], allow_private);
}

static void add_holders(struct gateways *g)
{
    static struct chain_client_order orders[ORDERS_MAX];
    struct chain_client_page page;
    struct content_key key;
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    if (!g->has_root || cid_key(&key, &g->root) != OK)
        return;
    chain_client_orders_of_key_path(path, &key);
    if (ledger_quiet(g->c, &r, path) != OK)
        return;
    enum err e = chain_client_decode_orders(&page, orders, ORDERS_MAX, span_of(r.body.p, r.body.n));
    ledger_free(&r);
    if (e != OK || page.count == 0)
        return;
    bool allow_private = gateways_private_allowed(g->c);
    for (size_t i = 0; i < page.count; i++)
        add_order(g, &orders[i], allow_private);
}

void gateways_list(struct gateways *g)
{
    char url[GATEWAYS_URL_MAX];
    if (g->listed)
        return;
    g->listed = true;
    g->count = g->good = 0;
    add_holders(g);
    const char *cursor = config_text(&g->c->config, "gateway");
    while (config_list_next(url, sizeof(url), &cursor))
        add(g, url, true);
}

/* ---- one block ------------------------------------------------------------------------------ */

enum err gateways_fetch(struct gateways_one *one, size_t *size, struct mspan buf,
                        const struct cid *cid)
{
    char url[GATEWAYS_URL_MAX + CID_TEXT_MAX + 32], text[CID_TEXT_MAX];
    struct http_header accept = { "Accept", "application/vnd.ipld.raw" };
    struct http_fetch_options o = { .url = url,
                                    .headers = &accept,
                                    .header_count = 1,
                                    .connect_timeout_ms = CONNECT_MS,
                                    .idle_timeout_ms = IDLE_MS,
                                    .total_timeout_ms = TOTAL_MS,
                                    .size_max = BLOCK_SIZE_MAX,
                                    .redirects_max = 2 };
    struct mspan body = { NULL, 0 };
    uint16_t status = 0;
    cid_format(text, cid);
    (void)snprintf(url, sizeof(url), "%s/ipfs/%s?format=raw", one->url, text);
    enum err e = http_fetch_text(&body, &o, one->allow_private, &status);
    if (e == OK && status != 200)
        e = status >= 500 ? ERR_IO : ERR_NOT_FOUND;
    if (e == OK)
        e = dag_block_verify(cid, span_of(body.p, body.n));
    *size = e == OK ? body.n : 0;
    if (e == OK && body.n > buf.n)
        e = ERR_LIMIT;
    if (e == OK && body.n > 0)
        memcpy(buf.p, body.p, body.n);
    free(body.p);
    return e;
}

/* A gateway that says "not here" is fine; one that fails or lies is asked no more. */
static void judge(struct gateways_one *one, enum err e)
{
    if (e == OK || e == ERR_NOT_FOUND)
        one->failures = 0;
    else if (e == ERR_CORRUPT || e == ERR_DENIED)
        one->failures = GATEWAYS_FAILURES_MAX;
    else
        one->failures++;
}

/* ---- a stream of blocks --------------------------------------------------------------------- */

/* Begins a stream of what is expected, with the first gateway that gives one. */
static void stream_begin(struct gateways *g)
{
    for (size_t i = 0; g->stream == NULL && i < g->count; i++) {
        size_t at = (g->good + i) % g->count;
        struct gateways_one *one = &g->list[at];
        if (one->failures >= GATEWAYS_FAILURES_MAX || one->cuts >= GATEWAYS_CUTS_MAX)
            continue;
        g->requests++;
        enum err e = carpull_open(&g->stream, one->url, one->allow_private, &g->want);
        if (e == ERR_UNSUPPORTED)
            one->cuts = GATEWAYS_CUTS_MAX;
        else if (e != OK)
            judge(one, e);
        g->stream_of = at;
    }
}

/* The block out of the stream, when it is there. A stream that fails is asked for no more; the next
 * one begins where the reader is then. */
static enum err stream_get(struct gateways *g, struct span *block, const struct block_key *key)
{
    bool fresh = g->stream == NULL;
    if (fresh && g->expects)
        stream_begin(g);
    if (g->stream == NULL)
        return ERR_NOT_FOUND;
    struct gateways_one *one = &g->list[g->stream_of];
    enum err e = carpull_next(g->stream, block, key->digest);
    if (e == OK)
        return OK;
    if (e == ERR_CORRUPT)
        judge(one, e);
    else if (fresh || e != ERR_NOT_FOUND)
        one->cuts++;
    carpull_close(g->stream);
    g->stream = NULL;
    /* It ended where it should, and something else is read now. */
    if (!fresh && e == ERR_NOT_FOUND && g->expects)
        return stream_get(g, block, key);
    g->expects = false;
    return ERR_NOT_FOUND;
}

/* ---- the source ----------------------------------------------------------------------------- */

static enum err kept_get(const struct gateways *g, size_t *size, struct mspan buf,
                         const struct block_key *key)
{
    for (size_t i = 0; i < GATEWAYS_KEPT; i++) {
        const struct gateways_kept *k = &g->kept[i];
        if (k->data == NULL || memcmp(k->key.digest, key->digest, BLOCK_DIGEST_SIZE) != 0)
            continue;
        if (k->size > buf.n)
            return ERR_LIMIT;
        memcpy(buf.p, k->data, k->size);
        *size = k->size;
        return OK;
    }
    return ERR_NOT_FOUND;
}

/* Counts what came over the network and keeps it for a second look. */
static void came(struct gateways *g, const struct block_key *key, struct span block)
{
    struct gateways_kept *k = &g->kept[g->kept_next];
    g->blocks++;
    g->bytes += block.n;
    if (k->data == NULL)
        k->data = malloc(BLOCK_SIZE_MAX);
    if (k->data == NULL || block.n == 0 || block.n > BLOCK_SIZE_MAX)
        return;
    memcpy(k->data, block.p, block.n);
    k->key = *key;
    k->size = block.n;
    g->kept_next = (g->kept_next + 1) % GATEWAYS_KEPT;
}

static enum err get_one(struct gateways *g, size_t *size, struct mspan buf,
                        const struct block_key *key)
{
    struct content_key content = { .codec = (uint32_t)key->codec };
    memcpy(content.digest, key->digest, sizeof(content.digest));
    const struct cid cid = cid_of_key(&content);
    for (size_t i = 0; i < g->count; i++) {
        size_t at = (g->good + i) % g->count;
        struct gateways_one *one = &g->list[at];
        if (one->failures >= GATEWAYS_FAILURES_MAX)
            continue;
        g->requests++;
        enum err e = gateways_fetch(one, size, buf, &cid);
        judge(one, e);
        if (e == ERR_LIMIT)
            return e;
        if (e != OK)
            continue;
        g->good = at;
        came(g, key, span_of(buf.p, *size));
        return OK;
    }
    return ERR_NOT_FOUND;
}

static enum err get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct gateways *g = ctx;
    struct span block;
    enum err e = g->local.get(g->local.ctx, size, buf, key);
    if (e == ERR_NOT_FOUND)
        e = kept_get(g, size, buf, key);
    if (e != ERR_NOT_FOUND)
        return e;
    gateways_list(g);
    if (stream_get(g, &block, key) != OK)
        return get_one(g, size, buf, key);
    *size = 0;
    if (block.n > buf.n)
        return ERR_LIMIT;
    if (block.n > 0)
        memcpy(buf.p, block.p, block.n);
    *size = block.n;
    g->good = g->stream_of;
    came(g, key, block);
    return OK;
}

static enum err has(void *ctx, const struct block_key *key)
{
    const struct gateways *g = ctx;
    return g->local.has(g->local.ctx, key);
}

struct block_source gateways_source(struct gateways *g)
{
    return (struct block_source){ .ctx = g, .get = get, .has = has };
}
