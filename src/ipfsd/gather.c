#include "ipfsd/gather.h"

#include "codec/links.h"
#include "ipfsd/find_http.h"
#include "ipfsd/ipfsd.h"
#include "ipfsd/p2p_node.h"

#include <stdlib.h>

enum {
    WANTED_BATCH = 32,
    STACK_MAX = 16384, /* what finds no place is found among the wanted ones later */
};

enum err gather_open(struct gather *g, const char *scratch)
{
    struct ipfsd *n = g->call->node;
    g->buffer = malloc(BLOCK_SIZE_MAX);
    g->stack = malloc(STACK_MAX * sizeof(*g->stack));
    if (g->buffer == NULL || g->stack == NULL)
        return ERR_MEMORY;
    TRY(placements_open(&g->links, scratch));
    struct fetch_options o = { .loop = n->loop,
                               .http = n->http,
                               .root = g->order->key,
                               .size_max = g->order->size_max,
                               .ranks = n->ranks,
                               .source_count = g->order->source_count };
    /* A CAR carries more than its blocks, and a source may fail half-way. */
    o.size_max = o.size_max > UINT64_MAX / 2 ? UINT64_MAX : 2 * o.size_max + (64 << 20);
    for (uint32_t i = 0; i < o.source_count; i++)
        o.sources[i] = g->order->sources[i];
    return fetch_open(&g->fetch, &o);
}

void gather_close(struct gather *g)
{
    fetch_close(g->fetch);
    g->fetch = NULL;
    placements_close(&g->links);
    free(g->buffer);
    g->buffer = NULL;
    free(g->stack);
    g->stack = NULL;
}

static void push(struct gather *g, const struct content_key *key)
{
    if (g->stack_count < STACK_MAX)
        g->stack[g->stack_count++] = *key;
}

/* What was pushed last lies on top: the links of a block, the first one of which comes next. */
static void turn_over(struct gather *g, size_t from)
{
    for (size_t a = from, b = g->stack_count; b > a + 1; a++) {
        struct content_key k = g->stack[--b];
        g->stack[b] = g->stack[a];
        g->stack[a] = k;
    }
}

static enum err take_links(struct gather *g, const struct content_key *key, struct span data)
{
    struct links links;
    struct cid cid;
    struct content_key child;
    struct span inlined;
    size_t from = g->stack_count;
    enum err e = links_init(&links, key->codec, data);
    if (e != OK)
        return call_fail(g->call, e, NULL, "a block of the content is malformed: %s", err_text(e));
    while (links_next(&links, &cid)) {
        if (cid_inlined(&inlined, &cid))
            continue;
        if (cid_key(&child, &cid) != OK)
            return call_fail(g->call, ERR_UNSUPPORTED, NULL,
                             "the content links to a block with a hash other than sha2-256");
        TRY(placements_link(&g->links, &child));
        push(g, &child);
    }
    turn_over(g, from);
    return OK;
}

static enum err count_block(struct gather *g, uint64_t length)
{
    if (g->bytes > g->order->size_max || length > g->order->size_max - g->bytes)
        return call_fail(g->call, ERR_LIMIT, NULL,
                         "the content is larger than the %llu bytes of the order",
                         (unsigned long long)g->order->size_max);
    g->bytes += length;
    g->blocks++;
    return OK;
}

static enum err take_block(struct gather *g, const struct content_key *key, struct span data)
{
    bool fresh;
    enum err e = placements_take(&g->links, &fresh, key);
    if (e == ERR_NOT_FOUND || (e == OK && !fresh))
        return OK; /* nothing links to it, or it was there before */
    TRY(e);
    TRY(count_block(g, data.n));
    TRY(take_links(g, key, data));
    TRY(g->block(g->ctx, key, data));
    call_progress(g->call, g->phase, g->bytes, g->order->size_max);
    return call_gone(g->call) ? ERR_CLOSED : OK;
}

static enum err take_stream(struct gather *g)
{
    struct fetch_block b;
    enum err e;
    while ((e = fetch_next(g->fetch, &b)) == OK) {
        TRY(take_block(g, &b.key, b.data));
        if (g->links.wanted_count == 0)
            return OK;
    }
    g->source_failed = e != ERR_NOT_FOUND;
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err local_get(struct gather *g, size_t *size, const struct content_key *key)
{
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, sizeof(k.digest));
    return blocks_get(&g->call->node->blocks, size, (struct mspan){ g->buffer, BLOCK_SIZE_MAX },
                      &k);
}

/* Gateways that routers know for the content, once. False: there are none. */
static bool ask_routers(struct gather *g)
{
    struct find_http *f = g->call->node->find_http;
    struct find_http_urls found;
    uint32_t before = g->order->source_count, added = 0;
    if (f == NULL || g->asked_routers || before >= FETCH_SOURCES_MAX)
        return false;
    g->asked_routers = true;
    if (find_http_get(f, &found, &g->order->key) != OK)
        return false;
    for (size_t i = 0; i < found.count; i++)
        added += fetch_add(g->fetch, span_str(found.urls[i])) == OK;
    return added > 0;
}

static enum err gateways_get(struct gather *g, size_t *size, const struct content_key *key)
{
    struct mspan room = { g->buffer, BLOCK_SIZE_MAX };
    enum err e = fetch_get(g->fetch, size, room, key);
    if ((e == ERR_NOT_FOUND || e == ERR_TIMEOUT) && ask_routers(g))
        e = fetch_get(g->fetch, size, room, key);
    return e;
}

static enum err peers_get(struct gather *g, size_t *size, const struct content_key *key)
{
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, sizeof(k.digest));
    return block_source_get(p2p_node_source(g->call->node->p2p), size,
                            (struct mspan){ g->buffer, BLOCK_SIZE_MAX }, &k);
}

/* Out of gateways, else from peers of the swarm; from these first once they have been the better.
 */
static enum err network_get(struct gather *g, size_t *size, const struct content_key *key)
{
    enum err e = ERR_NOT_FOUND;
    if (g->call->node->p2p == NULL)
        return gateways_get(g, size, key);
    if (g->peers_first)
        e = peers_get(g, size, key);
    if (e == OK || e == ERR_CLOSED)
        return e;
    bool asked = g->peers_first;
    g->peers_first = false;
    e = gateways_get(g, size, key);
    if (asked || (e != ERR_NOT_FOUND && e != ERR_TIMEOUT))
        return e;
    enum err last = peers_get(g, size, key);
    g->peers_first = last == OK;
    return last == OK || last == ERR_CLOSED ? last : e;
}

static enum err take_wanted(struct gather *g, const struct content_key *key)
{
    size_t size;
    enum err e = local_get(g, &size, key);
    if (e != OK)
        e = network_get(g, &size, key);
    if (e != OK) {
        char why[FETCH_WHY_MAX], text[CID_TEXT_MAX];
        const struct cid cid = cid_of_key(key);
        cid_format(text, &cid);
        fetch_why(g->fetch, why);
        g->source_failed = true;
        return call_fail(g->call, e, NULL, "block %s could not be had: %.300s", text, why);
    }
    return take_block(g, key, span_of(g->buffer, size));
}

/* Everything below what lies on the stack, depth first: sources read ahead in that order. */
static enum err take_below(struct gather *g)
{
    struct content_key ahead[WANTED_BATCH];
    while (g->stack_count > 0) {
        const struct content_key key = g->stack[--g->stack_count];
        enum err e = placements_wants(&g->links, &key);
        if (e == ERR_NOT_FOUND)
            continue;
        TRY(e);
        size_t count = 0;
        if (!g->peers_first) {
            ahead[count++] = key;
            for (size_t i = g->stack_count; i > 0 && count < WANTED_BATCH; i--)
                ahead[count++] = g->stack[i - 1];
            fetch_prefetch(g->fetch, ahead, count);
        }
        TRY(take_wanted(g, &key));
    }
    return OK;
}

static enum err take_missing(struct gather *g)
{
    struct content_key keys[WANTED_BATCH];
    size_t count;
    for (;;) {
        TRY(take_below(g));
        TRY(placements_wanted(&g->links, keys, &count, WANTED_BATCH));
        if (count == 0)
            return OK;
        for (size_t i = count; i-- > 0;)
            push(g, &keys[i]);
    }
}

static enum err link_root(struct gather *g)
{
    return g->links.block_count > 0 ? OK : placements_link(&g->links, &g->order->key);
}

enum err gather_again(void *ctx, const struct content_record *record, struct span data)
{
    struct gather *g = ctx;
    bool fresh;
    TRY(link_root(g));
    enum err e = placements_take(&g->links, &fresh, &record->key);
    if (e == ERR_NOT_FOUND || (e == OK && !fresh))
        return ERR_CORRUPT;
    TRY(e);
    TRY(count_block(g, record->length));
    g->again = true;
    if (record->key.codec != CID_CODEC_RAW)
        TRY(take_links(g, &record->key, data));
    call_progress(g->call, "resume", g->bytes, g->order->size_max);
    return call_gone(g->call) ? ERR_CLOSED : OK;
}

/* A stream brings everything from the beginning: not worth it when most is here. */
static bool wants_stream(struct gather *g)
{
    size_t size;
    if (g->again)
        return g->links.wanted_count > 0 && g->bytes < g->order->size_max / 2 &&
               local_get(g, &size, &g->order->key) != OK;
    /* What begins here is probably here as a whole. */
    return local_get(g, &size, &g->order->key) != OK;
}

enum err gather_run(struct gather *g)
{
    TRY(link_root(g));
    if (wants_stream(g))
        TRY(take_stream(g));
    return take_missing(g);
}
