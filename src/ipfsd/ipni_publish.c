#include "ipfsd/ipni_publish.h"

#include "crypto/sha256.h"
#include "rt/http_client.h"
#include "rt/log.h"
#include "rt/path.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MARKED = 1, BATCH_CHUNKS = IPNI_PUBLISH_BATCH * (IPNI_GROUP_MAX / IPNI_CHUNK_MAX) };
enum { ANNOUNCE_MS = 20000, MESSAGE_MAX = 4096, URL_MAX = CONFIG_URL_MAX + 16 };

static const char path_of_ads[] = "/ipni/v1/ad/";

struct indexer {
    struct ipni_publish *of;
    char url[URL_MAX];
    struct cid told; /* the head that it has taken; version 0: none */
    struct cid telling;
    bool busy;
    uint64_t again_ms, wait_ms;
};

struct ipni_publish {
    struct ipni_publish_options o;
    char folder[PATH_TEXT_MAX];
    struct multiaddr gateway;
    struct http_client *http;
    struct loop_timer *timer;
    bool working, stopping;
    size_t indexer_count;
    struct indexer indexers[IPNI_PUBLISH_INDEXERS];
    pthread_mutex_t lock; /* of head */
    struct cid head;      /* version 0: none */
    /* The worker's, between two turns of the loop nobody's. */
    struct ipni_told told;
    struct ipni_ad ad; /* addresses are set before */
    uint8_t (*sealed)[32];
    size_t sealed_count;
    uint8_t (*fresh)[32]; /* sealed and not told */
    uint8_t *gone;        /* of each group: MARKED when one of its contents is here no longer */
    struct cid trash[BATCH_CHUNKS],
        kept[BATCH_CHUNKS]; /* chunks that this look takes back, makes */
    size_t trash_count, kept_count;
    uint32_t made;
    bool full;                              /* there are more contents than can be told */
    uint8_t addresses[32];                  /* a digest of those of ad */
    uint64_t addresses_ms, readvertised_ms; /* since when they are so; when they were told alone */
    bool settled;
    bool looked;      /* at all that there was at version */
    uint64_t version; /* of the index */
    enum err err;
};

static struct cid head_of(struct ipni_publish *p)
{
    pthread_mutex_lock(&p->lock);
    struct cid head = p->head;
    pthread_mutex_unlock(&p->lock);
    return head;
}

static bool same(const struct cid *a, const struct cid *b)
{
    return a->version == b->version && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

/* ---- the folder -------------------------------------------------------------------------------
 */

static enum err file_of(const struct ipni_publish *p, char out[PATH_TEXT_MAX],
                        const struct cid *cid)
{
    char name[CID_TEXT_MAX] = "told";
    if (cid != NULL)
        cid_format(name, cid);
    return path_join(out, PATH_TEXT_MAX, p->folder, name);
}

static enum err put_block(struct ipni_publish *p, struct cid *cid, const struct writer *w)
{
    char path[PATH_TEXT_MAX];
    TRY(w->err);
    *cid = ipni_cid(writer_span(w));
    TRY(file_of(p, path, cid));
    return path_write_file(path, writer_span(w), 0600);
}

static enum err write_told(struct ipni_publish *p)
{
    char path[PATH_TEXT_MAX];
    size_t max = 256 + p->told.count * 36 + p->told.group_count * IPNI_MULTIHASH_SIZE;
    uint8_t *text = malloc(max);
    if (text == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(text, max);
    ipni_told_write(&w, &p->told);
    enum err e = w.err;
    if (e == OK)
        e = file_of(p, path, NULL);
    if (e == OK)
        e = path_write_file(path, writer_span(&w), 0600);
    free(text);
    return e;
}

static enum err read_told(struct ipni_publish *p)
{
    char path[PATH_TEXT_MAX];
    struct mspan text = { NULL, 0 };
    TRY(file_of(p, path, NULL));
    enum err e = path_read_file(&text, path, IPNI_TOLD_SIZE);
    if (e == ERR_NOT_FOUND)
        return OK;
    if (e == OK)
        e = ipni_told_read(&p->told, span_of(text.p, text.n));
    free(text.p);
    if (p->told.any)
        p->head = p->told.head;
    return e;
}

/* ---- a look at what is sealed, by a worker ------------------------------------------------------
 */

static int by_digest(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

/* ERR_BUSY: the index is being made, so what is not in it may be here all the same. */
static enum err list_sealed(struct ipni_publish *p)
{
    struct replicas_entry e;
    struct content_key after;
    bool first = true;
    enum err err;
    p->sealed_count = 0;
    if (!host_index_whole(p->o.host))
        return ERR_BUSY;
    while ((err = replicas_next(&p->o.host->index, &e, first ? NULL : &after)) == OK) {
        after = e.key;
        first = false;
        if (p->sealed_count < IPNI_TOLD_MAX)
            memcpy(p->sealed[p->sealed_count++], e.key.digest, 32);
    }
    qsort(p->sealed, p->sealed_count, 32, by_digest);
    size_t kept = 0;
    for (size_t i = 0; i < p->sealed_count; i++) /* one digest may stand for two codecs */
        if (kept == 0 || memcmp(p->sealed[kept - 1], p->sealed[i], 32) != 0)
            memmove(p->sealed[kept++], p->sealed[i], 32);
    p->sealed_count = kept;
    if (err == ERR_NOT_FOUND)
        return host_index_whole(p->o.host) ? OK : ERR_BUSY;
    return err;
}

/* entries: NULL for a removal, and for addresses alone. */
static enum err advertise(struct ipni_publish *p, const uint8_t context[IPNI_MULTIHASH_SIZE],
                          const struct cid *entries, bool removal)
{
    static uint8_t buf[IPNI_BLOCK_MAX]; /* one worker at a time */
    struct cid head, previous = p->told.head;
    memcpy(p->ad.context, context, IPNI_MULTIHASH_SIZE);
    p->ad.previous = p->told.any ? &previous : NULL;
    p->ad.entries = entries;
    p->ad.is_removal = removal;
    struct writer w = writer_of(buf, sizeof(buf));
    ipni_write_ad(&w, &p->ad);
    TRY(put_block(p, &head, &w));
    p->told.head = head;
    p->told.any = true;
    memcpy(p->told.addresses, p->addresses, sizeof(p->told.addresses));
    p->made++;
    return OK;
}

/* The chunks of a group from the last one to the first, which *first names: they are written, or
 * only put down as trash. */
static enum err chunks(struct ipni_publish *p, struct cid *first, uint8_t (*digests)[32], size_t n,
                       bool write)
{
    static uint8_t buf[IPNI_BLOCK_MAX];
    struct cid next, *list = write ? p->kept : p->trash;
    size_t *count = write ? &p->kept_count : &p->trash_count;
    size_t from = (n - 1) / IPNI_CHUNK_MAX * IPNI_CHUNK_MAX, size = n - from;
    for (bool any = false;; any = true) {
        struct writer w = writer_of(buf, sizeof(buf));
        ipni_write_chunk(&w, digests + from, size, any ? &next : NULL);
        TRY(w.err);
        *first = ipni_cid(writer_span(&w));
        if (write)
            TRY(put_block(p, first, &w));
        if (*count < BATCH_CHUNKS)
            list[(*count)++] = *first;
        if (from == 0)
            return OK;
        next = *first;
        from -= IPNI_CHUNK_MAX;
        size = IPNI_CHUNK_MAX;
    }
}

/* Walks both lists, which are sorted, side by side: which groups have lost a content, and, when
 * those are dropped, what is sealed and not told. */
static size_t compare(struct ipni_publish *p, bool drop)
{
    const struct ipni_told *t = &p->told;
    size_t i = 0, k = 0, n = 0;
    p->full = false;
    while (i < p->sealed_count || k < t->count) {
        int c = i == p->sealed_count ? 1
                : k == t->count      ? -1
                                     : memcmp(p->sealed[i], t->digests[k], 32);
        if (c > 0 && drop) {
            n += p->gone[t->groups[k]] == 0;
            p->gone[t->groups[k]] = MARKED;
        } else if (c < 0 && !drop && n < t->max - t->count) {
            memcpy(p->fresh[n++], p->sealed[i], 32);
        } else if (c < 0 && !drop) {
            p->full = true;
        }
        k += c >= 0;
        i += c <= 0;
    }
    return n;
}

/* Takes back the groups that have lost a content; those that are left of them are fresh then. */
static enum err drop_groups(struct ipni_publish *p)
{
    static uint8_t members[IPNI_GROUP_MAX][32];
    struct cid first;
    memset(p->gone, 0, p->told.group_count);
    if (compare(p, true) == 0)
        return OK;
    /* From the last one on: the group that gets a number has been looked at already. */
    for (size_t g = p->told.group_count; g > 0 && p->made < IPNI_PUBLISH_BATCH; g--) {
        if (p->gone[g - 1] != MARKED)
            continue;
        size_t n = ipni_told_group(&p->told, members, IPNI_GROUP_MAX, (uint32_t)(g - 1));
        TRY(chunks(p, &first, members, n, false));
        TRY(advertise(p, p->told.contexts[g - 1], NULL, true));
        ipni_told_drop(&p->told, (uint32_t)(g - 1));
    }
    return OK;
}

static enum err tell_fresh(struct ipni_publish *p)
{
    uint8_t context[IPNI_MULTIHASH_SIZE];
    struct cid first;
    size_t count = compare(p, false);
    for (size_t at = 0; at < count && p->made < IPNI_PUBLISH_BATCH; at += IPNI_GROUP_MAX) {
        size_t n = count - at < IPNI_GROUP_MAX ? count - at : IPNI_GROUP_MAX;
        uint8_t(*list)[32] = p->fresh + at;
        ipni_context(context, list, n);
        TRY(chunks(p, &first, list, n, true));
        TRY(advertise(p, context, &first, false));
        ipni_told_add(&p->told, list, n, context);
    }
    return OK;
}

/* Indexers take the addresses of whatever was advertised last; an advertisement without entries
 * changes nothing else. */
static enum err tell_addresses(struct ipni_publish *p)
{
    bool same_ones = memcmp(p->told.addresses, p->addresses, sizeof(p->addresses)) == 0;
    if (p->made != 0 || p->told.group_count == 0 || same_ones || !p->settled)
        return OK;
    return advertise(p, p->told.contexts[0], NULL, false);
}

/* The chunks of what was taken back are of no use to anybody, once that is remembered. */
static void drop_chunks(struct ipni_publish *p)
{
    char path[PATH_TEXT_MAX];
    for (size_t i = 0; i < p->trash_count; i++) {
        bool kept = false;
        for (size_t k = 0; k < p->kept_count; k++)
            kept = kept || same(&p->trash[i], &p->kept[k]);
        if (!kept && file_of(p, path, &p->trash[i]) == OK)
            (void)unlink(path);
    }
}

static enum err tell(struct ipni_publish *p, uint64_t version)
{
    if (!p->looked || version != p->version) {
        TRY(list_sealed(p));
        TRY(drop_groups(p));
        TRY(tell_fresh(p));
    }
    return tell_addresses(p);
}

static void look(void *ctx)
{
    struct ipni_publish *p = ctx;
    uint64_t version;
    p->made = 0;
    p->trash_count = p->kept_count = 0;
    p->err = replicas_version(&p->o.host->index, &version);
    if (p->err != OK)
        return;
    p->err = tell(p, version);
    /* What was made before a failure stands in the chain: it is remembered too. */
    if (p->made != 0) {
        enum err e = write_told(p);
        if (e == OK)
            drop_chunks(p);
        p->err = p->err == OK ? e : p->err;
    }
    p->looked = p->err == OK && p->made < IPNI_PUBLISH_BATCH;
    p->version = version;
}

/* ---- announcements ------------------------------------------------------------------------------
 */

static void on_announced(void *ctx, enum err e, uint16_t status)
{
    struct indexer *x = ctx;
    uint64_t now = loop_now_ms(x->of->o.loop);
    bool good = e == OK && (status == 200 || status == 202 || status == 204);
    x->busy = false;
    if (good) {
        x->told = x->telling;
        x->wait_ms = IPNI_PUBLISH_AGAIN_MS;
        x->again_ms = 0;
        log_info("ipni-announced", "indexer=\"%s\"", x->url);
        return;
    }
    x->again_ms = now + x->wait_ms;
    log_warn("ipni-not-announced", "indexer=\"%s\" reason=\"%s\" status=%u again=%llus", x->url,
             err_text(e), (unsigned)status, (unsigned long long)(x->wait_ms / 1000));
    x->wait_ms = x->wait_ms * 2 < IPNI_PUBLISH_LAST_MS ? x->wait_ms * 2 : IPNI_PUBLISH_LAST_MS;
}

static void announce(struct indexer *x, const struct cid *head)
{
    static const struct http_header headers[] = { { "Content-Type", "application/octet-stream" } };
    struct ipni_publish *p = x->of;
    uint8_t body[MESSAGE_MAX];
    struct writer w = writer_of(body, sizeof(body));
    struct multiaddr at = p->gateway;
    struct peer_key public_key = peer_key_of(p->o.key);
    struct peer_id self = peer_id_of(&public_key);
    if (multiaddr_add(&at, MULTIADDR_P2P, peer_id_span(&self)) != OK)
        return;
    ipni_write_announce(&w, head, &at, 1);
    const struct http_fetch_options o = { .method = HTTP_PUT,
                                          .url = x->url,
                                          .headers = headers,
                                          .header_count = 1,
                                          .body = writer_span(&w),
                                          .total_timeout_ms = ANNOUNCE_MS,
                                          .on_done = on_announced,
                                          .ctx = x };
    if (w.err != OK || http_client_fetch(p->http, NULL, &o) != OK)
        return;
    x->telling = *head;
    x->busy = true;
}

static void looked(void *ctx)
{
    struct ipni_publish *p = ctx;
    p->working = false;
    if (p->told.any) {
        pthread_mutex_lock(&p->lock);
        p->head = p->told.head;
        pthread_mutex_unlock(&p->lock);
    }
    if (p->made != 0)
        log_info("ipni-advertised", "advertisements=%u contents=%zu groups=%zu", p->made,
                 p->told.count, p->told.group_count);
    if (p->made != 0 && p->full)
        log_warn("ipni-full", "contents=%zu next=\"others are not told\"", p->told.count);
    if (p->made != 0 && p->settled)
        p->readvertised_ms = loop_now_ms(p->o.loop);
    if (p->err != OK && p->err != ERR_BUSY)
        log_warn("ipni-not-advertised", "reason=\"%s\"", err_text(p->err));
    loop_timer_start(p->timer, p->made != 0 ? 1 : IPNI_PUBLISH_LOOK_MS, 0);
}

/* Whether the addresses have been the same for long enough to be told. */
static void note_addresses(struct ipni_publish *p)
{
    struct sha256 all;
    uint8_t digest[32];
    uint64_t now = loop_now_ms(p->o.loop);
    sha256_init(&all);
    for (size_t i = 0; i < p->ad.address_count; i++)
        sha256_update(&all, multiaddr_span(&p->ad.addresses[i]));
    sha256_final(&all, digest);
    if (p->addresses_ms == 0 || memcmp(digest, p->addresses, sizeof(digest)) != 0)
        p->addresses_ms = now;
    memcpy(p->addresses, digest, sizeof(digest));
    p->settled = now - p->addresses_ms >= p->o.settle_ms &&
                 (p->readvertised_ms == 0 || now - p->readvertised_ms >= IPNI_PUBLISH_ADDRESSES_MS);
}

static void on_timer(void *ctx)
{
    struct ipni_publish *p = ctx;
    const struct cid head = head_of(p);
    uint64_t now = loop_now_ms(p->o.loop);
    for (size_t i = 0; i < p->indexer_count && head.version != 0 && !p->stopping; i++) {
        struct indexer *x = &p->indexers[i];
        if (!x->busy && !same(&x->told, &head) && now >= x->again_ms)
            announce(x, &head);
    }
    p->ad.address_count = 0;
    if (p->o.bitswap)
        p->ad.address_count = p->o.addresses(p->o.ctx, p->ad.addresses, IPNI_ADDRESSES_MAX - 1);
    p->ad.bitswap = p->ad.address_count != 0;
    p->ad.http = true;
    p->ad.addresses[p->ad.address_count++] = p->gateway;
    note_addresses(p);
    p->working = !p->stopping && loop_work(p->o.loop, look, looked, p) == OK;
    if (!p->working)
        loop_timer_start(p->timer, IPNI_PUBLISH_LOOK_MS, 0);
}

/* ---- over HTTP ----------------------------------------------------------------------------------
 */

static void respond(struct http_request *rq, struct span body, const char *cache)
{
    struct http_response r = { .status = 200, .kind = HTTP_BODY_BUFFER, .body = body };
    (void)http_response_add(&r, "Content-Type", "application/json");
    (void)http_response_add(&r, "Cache-Control", cache);
    (void)!http_request_respond(rq, &r);
}

static void serve_head(struct ipni_publish *p, struct http_request *rq)
{
    uint8_t text[1024];
    const struct cid head = head_of(p);
    struct writer w = writer_of(text, sizeof(text));
    struct http_response none = { .status = 204 };
    if (head.version == 0) {
        (void)!http_request_respond(rq, &none);
        return;
    }
    ipni_write_head(&w, &head, p->o.key);
    ASSERT(w.err == OK);
    respond(rq, writer_span(&w), "no-cache");
}

/* The name of a file is made from a CID that was read: no request names a path. */
static void serve_block(struct ipni_publish *p, struct http_request *rq, const char *name)
{
    struct cid cid;
    char path[PATH_TEXT_MAX];
    struct mspan block = { NULL, 0 };
    enum err e = cid_parse(&cid, span_str(name));
    if (e == OK)
        e = file_of(p, path, &cid);
    if (e == OK)
        e = path_read_file(&block, path, IPNI_BLOCK_MAX);
    if (e == OK)
        respond(rq, span_of(block.p, block.n), "public, max-age=29030400, immutable");
    else
        (void)!http_request_respond_text(rq, 404, "there is no such advertisement\n");
    free(block.p);
}

bool ipni_publish_serve(struct ipni_publish *p, struct http_request *rq)
{
    const char *path = http_request_path(rq);
    const size_t n = sizeof(path_of_ads) - 1;
    if (p == NULL || strncmp(path, path_of_ads, n) != 0)
        return false;
    if (http_request_method(rq) != HTTP_GET && http_request_method(rq) != HTTP_HEAD)
        (void)!http_request_respond_text(rq, 405, "GET only\n");
    else if (strcmp(path + n, "head") == 0)
        serve_head(p, rq);
    else
        serve_block(p, rq, path + n);
    return true;
}

/* ---- life ---------------------------------------------------------------------------------------
 */

static void add_indexer(struct ipni_publish *p, const char *url)
{
    struct indexer *x = &p->indexers[p->indexer_count++];
    const char *host = strstr(url, "://");
    bool bare = host == NULL || strchr(host + 3, '/') == NULL;
    *x = (struct indexer){ .of = p, .wait_ms = IPNI_PUBLISH_AGAIN_MS };
    (void)snprintf(x->url, sizeof(x->url), "%s%s", url, bare ? "/announce" : "");
}

static enum err begin(struct ipni_publish *p)
{
    const struct ipni_publish_options *o = &p->o;
    const struct http_client_options http = { .allow_private = true };
    if (o->indexers->count > IPNI_PUBLISH_INDEXERS || strlen(o->folder) >= sizeof(p->folder))
        return ERR_LIMIT;
    for (uint32_t i = 0; i < o->indexers->count; i++)
        add_indexer(p, o->indexers->urls[i]);
    memcpy(p->folder, o->folder, strlen(o->folder) + 1);
    TRY(multiaddr_of_url(&p->gateway, o->gateway));
    p->sealed = calloc(IPNI_TOLD_MAX, 32);
    p->fresh = calloc(IPNI_TOLD_MAX, 32);
    p->gone = calloc(IPNI_TOLD_MAX, 1);
    p->told.digests = calloc(IPNI_TOLD_MAX, 32);
    p->told.groups = calloc(IPNI_TOLD_MAX, sizeof(*p->told.groups));
    p->told.contexts = calloc(IPNI_TOLD_MAX, IPNI_MULTIHASH_SIZE);
    p->told.max = IPNI_TOLD_MAX;
    if (p->sealed == NULL || p->fresh == NULL || p->gone == NULL || p->told.digests == NULL ||
        p->told.groups == NULL || p->told.contexts == NULL)
        return ERR_MEMORY;
    p->ad.key = o->key;
    TRY(path_make_dirs(p->folder, 0700));
    TRY(read_told(p));
    TRY(http_client_new(&p->http, o->loop, &http));
    p->timer = loop_timer_new(o->loop, on_timer, p);
    if (p->timer == NULL)
        return ERR_MEMORY;
    loop_timer_start(p->timer, IPNI_PUBLISH_FIRST_MS, 0);
    return OK;
}

enum err ipni_publish_open(struct ipni_publish **out, const struct ipni_publish_options *o)
{
    struct ipni_publish *p = calloc(1, sizeof(*p));
    *out = NULL;
    if (p == NULL)
        return ERR_MEMORY;
    p->o = *o;
    pthread_mutex_init(&p->lock, NULL);
    enum err e = begin(p);
    if (e == OK)
        *out = p;
    else
        ipni_publish_close(p);
    return e;
}

void ipni_publish_close(struct ipni_publish *p)
{
    if (p == NULL)
        return;
    p->stopping = true;
    while (p->working)
        loop_run_once(p->o.loop, 50);
    loop_timer_free(p->timer);
    http_client_free(p->http);
    pthread_mutex_destroy(&p->lock);
    free(p->sealed);
    free(p->fresh);
    free(p->gone);
    free(p->told.digests);
    free(p->told.groups);
    free(p->told.contexts);
    free(p);
}
