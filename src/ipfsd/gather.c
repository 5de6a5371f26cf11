#include "ipfsd/gather.h"

#include "codec/links.h"
#include "ipfsd/fetch_tales.h"
#include "ipfsd/ipfsd.h"
#include "ipfsd/p2p_node.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <stdlib.h>

enum {
    WANTED_BATCH = 32,
    STACK_MAX = 16384, /* what finds no place is found among the wanted ones later */
    BACK_MAX = 4096,
};

static bool caller_gone(void *ctx)
{
    return call_gone(ctx);
}

enum err gather_open(struct gather *g, const char *scratch)
{
    struct ipfsd *n = g->call->node;
    g->buffer = malloc(BLOCK_SIZE_MAX);
    g->stack = malloc(STACK_MAX * sizeof(*g->stack));
    g->back = malloc(BACK_MAX * sizeof(*g->back));
    if (g->buffer == NULL || g->stack == NULL || g->back == NULL)
        return ERR_MEMORY;
    TRY(placements_open(&g->links, scratch));
    struct fetch_options o = { .loop = n->loop,
                               .http = n->http,
                               .root = g->order->key,
                               .size_max = g->order->size_max,
                               .ranks = n->ranks,
                               .peers = p2p_node_peers(n->p2p),
                               .find = n->find_http,
                               .gone = caller_gone,
                               .gone_ctx = g->call,
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
    free(g->back);
    g->back = NULL;
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

/* beside: the block was given beside a stream; what is below it is asked of others, too. */
static enum err take_links(struct gather *g, const struct content_key *key, struct span data,
                           bool beside)
{
    struct links links;
    struct cid cid;
    struct content_key child;
    struct span inlined;
    size_t from = g->stack_count;
    if (key->codec != CID_CODEC_RAW)
        g->foretold = 0; /* others come next */
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
        if (beside && g->back_count < BACK_MAX)
            g->back[g->back_count++] = child;
        else
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

static enum err take_block(struct gather *g, const struct content_key *key, struct span data,
                           bool beside)
{
    bool fresh;
    enum err e = placements_take(&g->links, &fresh, key);
    if (e == ERR_NOT_FOUND || (e == OK && !fresh))
        return OK; /* nothing links to it, or it was there before */
    TRY(e);
    TRY(count_block(g, data.n));
    TRY(take_links(g, key, data, beside));
    TRY(g->block(g->ctx, key, data));
    call_progress(g->call, g->phase, g->bytes, g->order->size_max);
    return call_gone(g->call) ? ERR_CLOSED : OK;
}

static bool is_wanted(struct gather *g, const struct content_key *key)
{
    return placements_wants(&g->links, key) == OK;
}

/* Says what others are to give while the stream brings the front: the end of the content. */
static void foretell_end(struct gather *g)
{
    struct content_key keys[WANTED_BATCH];
    size_t count = 0;
    while (g->back_count > 0 && !is_wanted(g, &g->back[g->back_count - 1]))
        g->back_count--;
    for (size_t i = g->back_count; i > 0 && count < WANTED_BATCH; i--)
        if (is_wanted(g, &g->back[i - 1]))
            keys[count++] = g->back[i - 1];
    while (g->tail < g->stack_count && !is_wanted(g, &g->stack[g->tail]))
        g->tail++;
    for (size_t i = g->tail; i < g->stack_count && count < WANTED_BATCH; i++)
        if (is_wanted(g, &g->stack[i]))
            keys[count++] = g->stack[i];
    fetch_prefetch(g->fetch, keys, count);
}

static enum err take_stream(struct gather *g)
{
    struct fetch_block b;
    enum err e;
    bool shares = false;
    while ((e = fetch_next(g->fetch, &b)) == OK) {
        TRY(take_block(g, &b.key, b.data, b.beside));
        if (g->links.wanted_count == 0)
            return OK;
        if (fetch_shares(g->fetch) && (b.beside || !shares))
            foretell_end(g);
        shares = fetch_shares(g->fetch);
    }
    while (g->back_count > 0)
        push(g, &g->back[--g->back_count]);
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

static enum err take_wanted(struct gather *g, const struct content_key *key)
{
    size_t size;
    enum err e = local_get(g, &size, key);
    if (e != OK)
        e = fetch_get(g->fetch, &size, (struct mspan){ g->buffer, BLOCK_SIZE_MAX }, key);
    if (e != OK) {
        char why[FETCH_WHY_MAX], text[CID_TEXT_MAX];
        const struct cid cid = cid_of_key(key);
        cid_format(text, &cid);
        fetch_why(g->fetch, why);
        g->source_failed = true;
        return call_fail(g->call, e, NULL, "block %s could not be had: %.300s", text, why);
    }
    return take_block(g, key, span_of(g->buffer, size), false);
}

/* What comes next is asked for already, unless it is here. */
static void foretell(struct gather *g, const struct content_key *next)
{
    struct content_key ahead[WANTED_BATCH];
    struct blocks *local = &g->call->node->blocks;
    size_t count = 0;
    if (g->foretold > 0) {
        g->foretold--;
        return;
    }
    for (size_t i = g->stack_count + 1; i > 0 && count < WANTED_BATCH; i--) {
        const struct content_key *key = i > g->stack_count ? next : &g->stack[i - 1];
        struct block_key k = { .codec = key->codec };
        memcpy(k.digest, key->digest, sizeof(k.digest));
        if (blocks_size(local, NULL, &k) != OK && is_wanted(g, key))
            ahead[count++] = *key;
        else if (i > g->stack_count)
            return; /* what follows is probably here too */
    }
    fetch_prefetch(g->fetch, ahead, count);
    g->foretold = count / 2;
}

/* Everything below what lies on the stack, depth first: sources read ahead in that order. */
static enum err take_below(struct gather *g)
{
    while (g->stack_count > 0) {
        const struct content_key key = g->stack[--g->stack_count];
        enum err e = placements_wants(&g->links, &key);
        if (e == ERR_NOT_FOUND)
            continue;
        TRY(e);
        foretell(g, &key);
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
        TRY(take_links(g, &record->key, data, false));
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

/* Who was raced for the content, who won, and who failed and why. */
static void tell(struct gather *g, bool whole)
{
    char story[FETCH_STORY_MAX], text[CID_TEXT_MAX];
    const struct cid cid = cid_of_key(&g->order->key);
    struct fetch_stat got = fetch_stat(g->fetch);
    fetch_story(g->fetch, story);
    if (got.blocks > 0 || !whole)
        fetch_tales_put(g->call->node->tales, &g->order->key, story);
    if (got.blocks == 0 || !whole)
        return; /* everything was here; or the caller says why not */
    cid_format(text, &cid);
    log_info("fetched", "cid=%s blocks=%llu bytes=%llu ms=%llu story=\"%s\"", text,
             (unsigned long long)got.blocks, (unsigned long long)got.bytes,
             (unsigned long long)(clock_mono_ms() - g->begun_ms), story);
}

enum err gather_run(struct gather *g)
{
    g->begun_ms = clock_mono_ms();
    TRY(link_root(g));
    enum err e = wants_stream(g) ? take_stream(g) : OK;
    if (e == OK)
        e = take_missing(g);
    tell(g, e == OK);
    return e;
}
