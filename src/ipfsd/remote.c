#include "ipfsd/remote.h"

#include "codec/links.h"
#include "ipfs/follow.h"
#include "ipfsd/fetch_source.h"
#include "ipfsd/fetch_tales.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <pthread.h>
#include <stdlib.h>

enum { ABSENT_SLOTS = 4096 };

/* Who has a content. */
struct group {
    uint32_t number; /* 0: free; never used twice */
    struct content_key root;
    uint64_t made_ms, used_ms;
    bool peers_first; /* they have given it, and not those of the URLs */
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
    uint32_t readers;                      /* that read ahead */
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

/* Whoever reads: one block, or a content with what is read ahead. */
struct remote_reader {
    struct remote *r;
    struct remote_reader_options o;
    struct fetch *fetch;  /* NULL: nothing has been asked yet */
    struct group group;   /* whom; number 0: not remembered */
    struct follow follow; /* keys NULL: one block after the other */
    bool expected;        /* what is read now belongs to what was read before */
    uint64_t asked_ms;
    char why[FETCH_WHY_MAX];
};

static bool is_absent(enum err e)
{
    return e == ERR_NOT_FOUND || e == ERR_TIMEOUT;
}

static void fetch_end(struct remote_reader *rd)
{
    char story[FETCH_STORY_MAX], text[CID_TEXT_MAX];
    if (rd->fetch == NULL)
        return;
    const struct cid cid = cid_of_key(&rd->group.root);
    struct fetch_stat got = fetch_stat(rd->fetch);
    if (rd->follow.keys != NULL) {
        cid_format(text, &cid);
        fetch_story(rd->fetch, story);
        fetch_tales_put(rd->r->o.tales, &rd->group.root, story);
        log_debug("fetched", "cid=%s blocks=%llu bytes=%llu ms=%llu story=\"%s\"", text,
                  (unsigned long long)got.blocks, (unsigned long long)got.bytes,
                  (unsigned long long)(clock_mono_ms() - rd->asked_ms), story);
    }
    fetch_close(rd->fetch);
    rd->fetch = NULL;
}

/* Asks those of the reader's group, which is fresh when nobody has given the root yet. */
static enum err fetch_begin(struct remote_reader *rd)
{
    const struct remote *r = rd->r;
    const struct group *g = &rd->group;
    struct fetch_options o = { .loop = r->o.loop,
                               .http = r->o.http,
                               .root = g->root,
                               .size_max = UINT64_MAX,
                               .source_count = g->count,
                               .ranks = r->o.ranks,
                               .peers = r->o.swarm,
                               .peers_first = g->peers_first,
                               .find = g->number == 0 ? r->o.find : NULL,
                               .gone = rd->o.gone,
                               .gone_ctx = rd->o.ctx,
                               .loose = true,
                               .only_cached = true,
                               .get_ms = r->o.get_ms == 0 ? REMOTE_GET_MS : r->o.get_ms };
    for (uint32_t i = 0; i < g->count; i++)
        o.sources[i] = span_str(g->urls[i]);
    rd->asked_ms = clock_mono_ms();
    return fetch_open(&rd->fetch, &o);
}

/* Makes the reader ask those who have a block: as it did before, or those of the block's group, or
 * whoever may have a content that begins with it. */
static enum err choose(struct remote_reader *rd, const struct content_key *key)
{
    struct remote *r = rd->r;
    bool same = rd->fetch != NULL && rd->expected;
    if (same && rd->group.number != 0)
        return OK;
    pthread_mutex_lock(&r->lock);
    const struct group *g = group_of(r, key);
    same = rd->fetch != NULL && g != NULL && g->number == rd->group.number;
    if (!same && g != NULL) {
        fetch_end(rd);
        rd->group = *g;
    }
    pthread_mutex_unlock(&r->lock);
    if (same)
        return OK;
    if (g == NULL) {
        fetch_end(rd);
        enum err e = find_sources(r, &rd->group, key);
        if (e == ERR_MEMORY)
            return e;
    }
    return fetch_begin(rd);
}

/* Blocks that come next, as far as they are not here. */
static void read_ahead(struct remote_reader *rd)
{
    struct content_key next[FOLLOW_AHEAD];
    struct block_key k;
    size_t count = 0, known = follow_ahead(&rd->follow, next);
    for (size_t i = 0; i < known; i++) {
        k.codec = next[i].codec;
        memcpy(k.digest, next[i].digest, sizeof(k.digest));
        if (rd->r->o.local == NULL || block_source_has(rd->r->o.local, &k) != OK)
            next[count++] = next[i];
    }
    fetch_prefetch(rd->fetch, next, count);
}

static enum err fetch_one(struct remote_reader *rd, uint32_t slot, size_t *size, struct mspan buf,
                          const struct content_key *key)
{
    struct remote *r = rd->r;
    TRY(choose(rd, key));
    pthread_mutex_lock(&r->lock);
    bool stopped = r->stopped;
    r->calls[slot] = rd->fetch;
    pthread_mutex_unlock(&r->lock);
    if (rd->follow.keys != NULL && !fetch_peers_only(rd->fetch))
        read_ahead(rd);
    enum err e = stopped ? ERR_CLOSED : fetch_get(rd->fetch, size, buf, key);
    pthread_mutex_lock(&r->lock);
    r->calls[slot] = NULL;
    pthread_mutex_unlock(&r->lock);
    if (e != OK)
        fetch_why(rd->fetch, rd->why);
    return e;
}

/* What has become known: who has the content, what belongs to it, what nobody has. */
static void note(struct remote_reader *rd, enum err e, const struct content_key *key,
                 struct span block)
{
    struct remote *r = rd->r;
    struct group *g = &rd->group;
    pthread_mutex_lock(&r->lock);
    if (e == OK && g->number == 0) {
        const char *urls[FETCH_SOURCES_MAX];
        uint32_t count = fetch_source_urls(rd->fetch, urls, &g->peers_first);
        for (uint32_t i = 0; i < count; i++)
            add_url(r, g, urls[i]);
        keep_group(r, g);
    }
    if (e == OK)
        note_links(r, key, block, g->number);
    else if (is_absent(e))
        note_absent(r, key);
    pthread_mutex_unlock(&r->lock);
}

/* OK; ERR_CLOSED, ERR_BUSY; ERR_NOT_FOUND: nobody had it a moment ago. */
static enum err take_slot(struct remote_reader *rd, uint32_t *slot, const struct content_key *key)
{
    struct remote *r = rd->r;
    *slot = REMOTE_CALLS_MAX;
    pthread_mutex_lock(&r->lock);
    bool absent = !rd->o.insists && known_absent(r, key);
    enum err e = r->stopped ? ERR_CLOSED : absent ? ERR_NOT_FOUND : OK;
    for (uint32_t i = 0; i < REMOTE_CALLS_MAX && e == OK && *slot == REMOTE_CALLS_MAX; i++) {
        if (!r->taken[i])
            *slot = i;
    }
    if (e == OK && *slot == REMOTE_CALLS_MAX)
        e = ERR_BUSY;
    if (e == OK)
        r->taken[*slot] = true;
    pthread_mutex_unlock(&r->lock);
    return e;
}

static enum err reader_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct remote_reader *rd = ctx;
    struct remote *r = rd->r;
    struct content_key content = { .codec = (uint32_t)key->codec };
    uint32_t slot;
    enum err e = r->o.local == NULL ? ERR_NOT_FOUND : block_source_get(r->o.local, size, buf, key);
    if (e == OK)
        remote_reader_saw(rd, key, span_of(buf.p, *size));
    if (e != ERR_NOT_FOUND)
        return e;
    *size = 0;
    if (key->codec > UINT32_MAX)
        return ERR_NOT_FOUND;
    memcpy(content.digest, key->digest, sizeof(content.digest));
    if (rd->follow.keys != NULL)
        rd->expected = follow_read(&rd->follow, &content);
    TRY(take_slot(rd, &slot, &content));
    e = fetch_one(rd, slot, size, buf, &content);
    note(rd, e, &content, span_of(buf.p, *size));
    if (e == OK && rd->follow.keys != NULL)
        follow_came(&rd->follow, &content, span_of(buf.p, *size));
    pthread_mutex_lock(&r->lock);
    r->taken[slot] = false;
    pthread_mutex_unlock(&r->lock);
    return e;
}

static enum err remote_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct remote_reader rd = { .r = ctx };
    enum err e = reader_get(&rd, size, buf, key);
    fetch_end(&rd);
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

/* ---- readers ----------------------------------------------------------------------------------
 */

enum err remote_reader_open(struct remote_reader **out, struct remote *r,
                            const struct remote_reader_options *o)
{
    struct remote_reader *rd = calloc(1, sizeof(*rd));
    *out = NULL;
    if (rd == NULL)
        return ERR_MEMORY;
    rd->r = r;
    rd->o = *o;
    pthread_mutex_lock(&r->lock);
    bool ahead = r->readers < REMOTE_READERS_MAX;
    r->readers += ahead;
    pthread_mutex_unlock(&r->lock);
    if (ahead)
        follow_init(&rd->follow, malloc(FOLLOW_KEYS * sizeof(*rd->follow.keys)));
    if (ahead && rd->follow.keys == NULL) {
        remote_reader_close(rd);
        return ERR_MEMORY;
    }
    *out = rd;
    return OK;
}

void remote_reader_close(struct remote_reader *rd)
{
    if (rd == NULL)
        return;
    fetch_end(rd);
    pthread_mutex_lock(&rd->r->lock);
    rd->r->readers -= rd->follow.window > 0;
    pthread_mutex_unlock(&rd->r->lock);
    free(rd->follow.keys);
    free(rd);
}

static enum err reader_has(void *ctx, const struct block_key *key)
{
    const struct remote_reader *rd = ctx;
    return remote_has(rd->r, key);
}

struct block_source remote_reader_source(struct remote_reader *rd)
{
    return (struct block_source){ .ctx = rd, .get = reader_get, .has = reader_has };
}

void remote_reader_saw(struct remote_reader *rd, const struct block_key *key, struct span block)
{
    struct content_key content = { .codec = (uint32_t)key->codec };
    if (rd == NULL || rd->follow.keys == NULL)
        return;
    memcpy(content.digest, key->digest, sizeof(content.digest));
    (void)follow_read(&rd->follow, &content);
    follow_came(&rd->follow, &content, block);
}

void remote_reader_why(const struct remote_reader *rd, char out[FETCH_WHY_MAX])
{
    memcpy(out, rd->why, FETCH_WHY_MAX);
}

/* ---- life -------------------------------------------------------------------------------------
 */

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
