#include "ipfsd/remote.h"

#include "codec/links.h"
#include "ipfsd/fetch_source.h"
#include "rt/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum { ABSENT_SLOTS = 4096 };

/* Who has a content. */
struct group {
    uint32_t number; /* 0: free; never used twice */
    struct content_key root;
    uint64_t made_ms, used_ms;
    bool last_first; /* the last source has given it, and not those of the URLs */
    uint32_t count;
    char urls[FETCH_SOURCES_MAX][FETCH_URL_MAX + 1];
};

struct hint {
    uint64_t tag; /* of a block */
    uint32_t group;
};

struct absent {
    uint64_t tag;
    uint64_t until_ms;
};

struct remote {
    struct remote_options o;
    char peers[REMOTE_PEERS_MAX][FETCH_URL_MAX + 1];
    char self[FETCH_URL_MAX + 1];
    pthread_mutex_t lock;
    bool stopped;
    struct fetch *calls[REMOTE_CALLS_MAX]; /* under way */
    bool taken[REMOTE_CALLS_MAX];
    uint32_t next_group;
    struct group groups[REMOTE_GROUPS];
    struct hint hints[REMOTE_HINTS];
    struct absent absent[ABSENT_SLOTS];
};

static uint64_t tag_of(const struct content_key *key)
{
    return load_le64(key->digest) ^ key->codec;
}

/* ---- what is remembered; all under the lock ----------------------------------------------------
 */

static bool known_absent(const struct remote *r, const struct content_key *key)
{
    uint64_t tag = tag_of(key);
    const struct absent *a = &r->absent[tag % ABSENT_SLOTS];
    return a->tag == tag && clock_mono_ms() < a->until_ms;
}

static void note_absent(struct remote *r, const struct content_key *key)
{
    uint64_t tag = tag_of(key);
    r->absent[tag % ABSENT_SLOTS] = (struct absent){ tag, clock_mono_ms() + REMOTE_ABSENT_MS };
}

/* The group of a block, when it is remembered and still fresh. */
static struct group *group_of(struct remote *r, const struct content_key *key)
{
    uint64_t tag = tag_of(key), now = clock_mono_ms();
    const struct hint *h = &r->hints[tag % REMOTE_HINTS];
    for (uint32_t i = 0; i < REMOTE_GROUPS && h->tag == tag; i++) {
        struct group *g = &r->groups[i];
        if (g->number == 0 || g->number != h->group)
            continue;
        /* A root's sources may have changed; its blocks follow the root. */
        if (cid_key_cmp(&g->root, key) == 0 && now - g->made_ms > REMOTE_GROUP_MS)
            return NULL;
        g->used_ms = now;
        return g;
    }
    return NULL;
}

static void note_hint(struct remote *r, const struct content_key *key, uint32_t group)
{
    uint64_t tag = tag_of(key);
    r->hints[tag % REMOTE_HINTS] = (struct hint){ tag, group };
}

static void note_links(struct remote *r, const struct content_key *key, struct span block,
                       uint32_t group)
{
    struct links links;
    struct cid cid;
    struct content_key child;
    if (key->codec == CID_CODEC_RAW || links_init(&links, key->codec, block) != OK)
        return;
    while (links_next(&links, &cid)) {
        if (cid_key(&child, &cid) == OK)
            note_hint(r, &child, group);
    }
}

static void add_url(const struct remote *r, struct group *g, const char *url)
{
    struct fetch_source s;
    if (g->count == FETCH_SOURCES_MAX || fetch_source_parse(&s, span_str(url)) != OK)
        return; /* a stranger wrote it into an order */
    if (strcmp(s.url, r->self) == 0)
        return;
    for (uint32_t i = 0; i < g->count; i++) {
        if (strcmp(g->urls[i], s.url) == 0)
            return;
    }
    memcpy(g->urls[g->count++], s.url, sizeof(s.url));
}

/* ---- asking the chain ---------------------------------------------------------------------------
 */

/* The gateways of those who have proven to hold it, or else have only said so. */
static void add_holders(const struct remote *r, struct group *g, const struct chain_client_order *o,
                        bool verified)
{
    for (uint32_t i = 0; i < o->holder_count; i++) {
        const struct chain_client_holder *h = &o->holders[i];
        for (uint32_t k = 0; h->verified == verified && k < h->url_count; k++)
            add_url(r, g, h->urls[k]);
    }
}

/* Who may have the content: holders that have proven it, origins of its orders, other holders, then
 * the operator's gateways. */
static enum err find_sources(const struct remote *r, struct group *g, const struct content_key *key)
{
    *g = (struct group){ .root = *key };
    enum err e = ERR_NOT_FOUND;
    size_t count = 0;
    struct chain_client_order *orders = calloc(CHAIN_READ_PAGE_MAX, sizeof(*orders));
    if (orders == NULL)
        return ERR_MEMORY;
    if (r->o.chain != NULL)
        e = chain_read_orders_of(r->o.chain, orders, &count, key);
    for (size_t i = 0; e == OK && i < count; i++)
        add_holders(r, g, &orders[i], true);
    for (size_t i = 0; e == OK && i < count; i++) {
        for (uint32_t k = 0; k < orders[i].origin_count; k++)
            add_url(r, g, orders[i].origins[k]);
        add_holders(r, g, &orders[i], false);
    }
    free(orders);
    for (uint32_t i = 0; i < r->o.peer_count; i++)
        add_url(r, g, r->peers[i]);
    return g->count > 0 ? OK : ERR_NOT_FOUND;
}

/* Puts a new group in the place of the one used longest ago, and returns its number. */
static uint32_t keep_group(struct remote *r, struct group *g)
{
    struct group *place = &r->groups[0];
    for (uint32_t i = 1; i < REMOTE_GROUPS; i++) {
        if (r->groups[i].used_ms < place->used_ms)
            place = &r->groups[i];
    }
    g->number = ++r->next_group;
    g->made_ms = g->used_ms = clock_mono_ms();
    *place = *g;
    note_hint(r, &g->root, g->number);
    return g->number;
}

/* ---- one call
 * ------------------------------------------------------------------------------------ */

static enum err run_fetch(struct remote *r, uint32_t slot, size_t *size, struct mspan buf,
                          const struct group *g, const struct content_key *key)
{
    struct fetch_options o = { .loop = r->o.loop,
                               .http = r->o.http,
                               .root = *key,
                               .size_max = BLOCK_SIZE_MAX,
                               .source_count = g->count,
                               .ranks = r->o.ranks,
                               .only_cached = true,
                               .get_ms = r->o.get_ms == 0 ? REMOTE_GET_MS : r->o.get_ms };
    struct fetch *f;
    for (uint32_t i = 0; i < g->count; i++)
        o.sources[i] = span_str(g->urls[i]);
    TRY(fetch_open(&f, &o));
    pthread_mutex_lock(&r->lock);
    bool stopped = r->stopped;
    r->calls[slot] = f;
    pthread_mutex_unlock(&r->lock);
    enum err e = stopped ? ERR_CLOSED : fetch_get(f, size, buf, key);
    pthread_mutex_lock(&r->lock);
    r->calls[slot] = NULL;
    pthread_mutex_unlock(&r->lock);
    fetch_close(f);
    return e;
}

static enum err get_last(const struct remote *r, size_t *size, struct mspan buf,
                         const struct content_key *key)
{
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, sizeof(k.digest));
    return block_source_get(r->o.last, size, buf, &k);
}

/* Gateways that routers know for a root. *found has them besides its own afterwards. */
static enum err get_from_routers(struct remote *r, uint32_t slot, size_t *size, struct mspan buf,
                                 struct group *found)
{
    struct find_http_urls urls;
    uint32_t before = found->count;
    TRY(find_http_get(r->o.find, &urls, &found->root));
    for (size_t i = 0; i < urls.count; i++)
        add_url(r, found, urls.urls[i]);
    return found->count == before ? ERR_NOT_FOUND
                                  : run_fetch(r, slot, size, buf, found, &found->root);
}

static bool is_absent(enum err e)
{
    return e == ERR_NOT_FOUND || e == ERR_TIMEOUT;
}

/* Those of the URLs, then the last source; the other way round when that one had the block above.
 */
static enum err ask_sources(struct remote *r, uint32_t slot, size_t *size, struct mspan buf,
                            struct group *g, const struct content_key *key)
{
    enum err e = ERR_NOT_FOUND;
    bool asked = r->o.last == NULL, fresh = g->number == 0;
    if (g->number != 0 && g->last_first && !asked) {
        e = get_last(r, size, buf, key);
        asked = true;
    } else if (fresh) {
        e = find_sources(r, g, key);
        e = e == OK ? ERR_NOT_FOUND : e;
    }
    if (g->count > 0 && is_absent(e))
        e = run_fetch(r, slot, size, buf, g, key);
    if (fresh && r->o.find != NULL && is_absent(e))
        e = get_from_routers(r, slot, size, buf, g);
    if (!asked && is_absent(e)) {
        e = get_last(r, size, buf, key);
        g->last_first = e == OK;
    }
    return e;
}

static enum err get_in_slot(struct remote *r, uint32_t slot, size_t *size, struct mspan buf,
                            const struct content_key *key)
{
    struct group found = { 0 };
    pthread_mutex_lock(&r->lock);
    const struct group *g = group_of(r, key);
    if (g != NULL)
        found = *g;
    pthread_mutex_unlock(&r->lock);
    enum err e = ask_sources(r, slot, size, buf, &found, key);
    pthread_mutex_lock(&r->lock);
    if (e == OK) {
        uint32_t number = found.number != 0 ? found.number : keep_group(r, &found);
        note_links(r, key, span_of(buf.p, *size), number);
    } else if (is_absent(e)) {
        note_absent(r, key);
    }
    pthread_mutex_unlock(&r->lock);
    return e;
}

static enum err remote_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct remote *r = ctx;
    struct content_key content = { .codec = (uint32_t)key->codec };
    uint32_t slot = REMOTE_CALLS_MAX;
    if (r->o.local != NULL) {
        enum err e = block_source_get(r->o.local, size, buf, key);
        if (e != ERR_NOT_FOUND)
            return e;
    }
    *size = 0;
    if (key->codec > UINT32_MAX)
        return ERR_NOT_FOUND;
    memcpy(content.digest, key->digest, sizeof(content.digest));
    pthread_mutex_lock(&r->lock);
    enum err e = r->stopped ? ERR_CLOSED : known_absent(r, &content) ? ERR_NOT_FOUND : OK;
    for (uint32_t i = 0; i < REMOTE_CALLS_MAX && e == OK && slot == REMOTE_CALLS_MAX; i++) {
        if (!r->taken[i])
            slot = i;
    }
    if (e == OK && slot == REMOTE_CALLS_MAX)
        e = ERR_BUSY;
    if (e == OK)
        r->taken[slot] = true;
    pthread_mutex_unlock(&r->lock);
    TRY(e);
    e = get_in_slot(r, slot, size, buf, &content);
    pthread_mutex_lock(&r->lock);
    r->taken[slot] = false;
    pthread_mutex_unlock(&r->lock);
    return e;
}

static enum err remote_has(void *ctx, const struct block_key *key)
{
    const struct remote *r = ctx;
    return r->o.local == NULL ? ERR_NOT_FOUND : block_source_has(r->o.local, key);
}

struct block_source remote_source(struct remote *r)
{
    return (struct block_source){ .ctx = r, .get = remote_get, .has = remote_has };
}

/* ---- life
 * ---------------------------------------------------------------------------------------- */

static enum err copy_url(char out[FETCH_URL_MAX + 1], const char *url)
{
    struct fetch_source s;
    TRY(fetch_source_parse(&s, span_str(url)));
    memcpy(out, s.url, sizeof(s.url));
    return OK;
}

static enum err fill(struct remote *r, const struct remote_options *o)
{
    r->o = *o;
    if (o->peer_count > REMOTE_PEERS_MAX)
        return ERR_LIMIT;
    for (uint32_t i = 0; i < o->peer_count; i++)
        TRY(copy_url(r->peers[i], o->peers[i]));
    return o->self == NULL ? OK : copy_url(r->self, o->self);
}

enum err remote_open(struct remote **out, const struct remote_options *o)
{
    *out = NULL;
    struct remote *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_MEMORY;
    enum err e = fill(r, o);
    if (e != OK) {
        free(r);
        return e;
    }
    pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return OK;
}

void remote_stop(struct remote *r)
{
    pthread_mutex_lock(&r->lock);
    r->stopped = true;
    for (uint32_t i = 0; i < REMOTE_CALLS_MAX; i++) {
        if (r->calls[i] != NULL)
            fetch_cancel(r->calls[i]);
    }
    pthread_mutex_unlock(&r->lock);
}

void remote_close(struct remote *r)
{
    if (r == NULL)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}
