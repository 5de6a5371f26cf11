#include "ipfsd/pin_fetch.h"

#include "ipfs/dag_walk.h"
#include "ipfsd/p2p_node.h"
#include "ipfsd/remote.h"
#include "ipfsd/resolve.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    STACK = 4 << 20,
    SEEN = 8 << 20, /* some 170,000 blocks */
    REACH_MS = 5000,
    REACH_STEP_MS = 100,
    ADDRESSES_MAX = 32,
};

struct run {
    const struct pin_fetch *f;
    struct block_source source;
    struct remote_reader *reader;
    uint8_t *memory; /* block, stack, seen */
    uint8_t (*rows)[CONTENT_RECORD_SIZE];
    size_t count, room;
    uint64_t bytes;
};

/* ---- reaching the origins ------------------------------------------------------------------- */

/* One look at the peers, on the loop. */
struct reach {
    struct p2p_node *p2p;
    size_t count;
    struct multiaddr list[ADDRESSES_MAX];
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool looked, reached;
    struct loop_event event;
};

static void look(void *ctx)
{
    struct reach *r = ctx;
    bool reached = false;
    for (size_t i = 0; i < r->count; i++)
        reached = p2p_node_dial(r->p2p, &r->list[i]) || reached;
    pthread_mutex_lock(&r->lock);
    r->reached = reached;
    r->looked = true;
    pthread_cond_signal(&r->over);
    pthread_mutex_unlock(&r->lock);
}

static bool reach_once(struct reach *r, struct loop *loop)
{
    r->looked = false;
    r->event = (struct loop_event){ .fn = look, .ctx = r };
    loop_post_event(loop, &r->event);
    pthread_mutex_lock(&r->lock);
    while (!r->looked)
        pthread_cond_wait(&r->over, &r->lock);
    bool reached = r->reached;
    pthread_mutex_unlock(&r->lock);
    return reached;
}

static void add_origin(struct reach *r, struct span text, const atomic_bool *stop)
{
    struct multiaddr a;
    struct resolved found;
    const struct dns_server system_server = { 0 };
    if (multiaddr_parse(&a, text) != OK)
        return; /* of a kind that we do not know */
    resolve_address(&found, &a, &system_server, stop);
    for (size_t i = 0; i < found.count && r->count < ADDRESSES_MAX; i++)
        r->list[r->count++] = found.list[i];
}

/* Best effort: waits until one of the origins is connected, for some seconds. */
static void reach_origins(const struct pin_fetch *f, const struct pinning_request *rq)
{
    struct reach *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return;
    r->p2p = f->node->p2p;
    for (uint32_t i = 0; i < rq->origin_count; i++)
        add_origin(r, rq->origins[i], f->stop);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->over, NULL);
    uint64_t deadline = clock_deadline(REACH_MS);
    while (r->count > 0 && !atomic_load(f->stop) && !reach_once(r, f->node->loop) &&
           clock_left(deadline) > 0)
        clock_sleep_ms(REACH_STEP_MS);
    pthread_cond_destroy(&r->over);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* What is here, sealed or not; else from those who have it, several blocks under way. */
static enum err source_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    const struct run *r = ctx;
    const struct block_source from = remote_reader_source(r->reader);
    enum err e = block_source_get(&from, size, buf, key);
    if (e != OK && r->f->why[0] == '\0') {
        char why[FETCH_WHY_MAX];
        remote_reader_why(r->reader, why);
        (void)snprintf(r->f->why, r->f->why_size, "a block could not be had: %s%s%s", err_text(e),
                       why[0] == '\0' ? "" : ": ", why);
    }
    return e;
}

static bool nobody_waits(void *ctx)
{
    const struct run *r = ctx;
    return atomic_load(r->f->stop) || !r->f->wanted(r->f->ctx);
}

static enum err source_has(void *ctx, const struct block_key *key)
{
    const struct run *r = ctx;
    return block_source_has(&r->f->node->local, key);
}

static enum err refuse(const struct run *r, enum err e, const char *what)
{
    (void)snprintf(r->f->why, r->f->why_size, "%s", what);
    return e;
}

static enum err add_row(struct run *r, const struct content_record *record)
{
    if (r->count == r->room) {
        size_t room = r->room == 0 ? 1024 : r->room * 2;
        void *rows = realloc(r->rows, room * CONTENT_RECORD_SIZE);
        if (rows == NULL)
            return ERR_MEMORY;
        r->rows = rows;
        r->room = room;
    }
    content_record_encode(r->rows[r->count++], record);
    return OK;
}

static enum err take(struct run *r, const struct cid *cid, struct span block)
{
    struct content_key key;
    struct content_record record;
    struct span inlined;
    struct storer_op put = { .kind = STORER_PUT, .client = r->f->client, .data = block };
    if (cid_inlined(&inlined, cid))
        return OK;
    if (cid_key(&key, cid) != OK || !content_codec_known(key.codec))
        return refuse(r, ERR_UNSUPPORTED, "it links to a block of a kind that cannot be stored");
    if (block.n > r->f->size_max - r->bytes)
        return refuse(r, ERR_LIMIT, "it is larger than this service takes");
    r->bytes += block.n;
    content_record_of(&record, &key, block);
    TRY(add_row(r, &record));
    put.key.codec = key.codec;
    memcpy(put.key.digest, key.digest, sizeof(put.key.digest));
    /* What is here already is put as well: so no garbage collection takes it on the way. */
    return storer_run(&r->f->node->storer, &put);
}

static enum err walk(struct run *r, const struct cid *root)
{
    struct dag_walk dag;
    struct dag_walk_table table;
    struct dag_walk_item item = { .end = false };
    dag_walk_table_init(&table, (struct mspan){ r->memory + BLOCK_SIZE_MAX + STACK, SEEN });
    const struct dag_walk_seen seen = dag_walk_table_seen(&table);
    dag_walk_init(&dag, &r->source, (struct mspan){ r->memory, BLOCK_SIZE_MAX },
                  (struct mspan){ r->memory + BLOCK_SIZE_MAX, STACK }, &seen);
    TRY(dag_walk_add(&dag, root));
    for (;;) {
        if (nobody_waits(r))
            return ERR_CLOSED;
        enum err e = dag_walk_next(&dag, &item);
        if (e == ERR_LIMIT)
            return refuse(r, e, "it has more blocks than this service takes");
        TRY(e);
        if (item.end)
            return OK;
        TRY(take(r, &item.cid, item.block));
    }
}

/* By codec as a number, then by digest, as cid_key_cmp. */
static int compare(const void *a, const void *b)
{
    uint32_t x = load_le32(a), y = load_le32(b);
    if (x != y)
        return x < y ? -1 : 1;
    return memcmp((const uint8_t *)a + 4, (const uint8_t *)b + 4, 32);
}

static enum err commit_to(struct run *r, struct content_commitment *out)
{
    struct content_data data;
    content_data_init(&data);
    if (r->count > 0)
        qsort(r->rows, r->count, CONTENT_RECORD_SIZE, compare);
    for (size_t i = 0; i < r->count; i++) {
        struct content_record record;
        if (i > 0 && compare(r->rows[i - 1], r->rows[i]) == 0)
            continue; /* known to the walk under two CIDs */
        TRY(content_record_decode(&record, r->rows[i]));
        TRY(content_data_add(&data, &record));
    }
    return content_data_finish(out, &data);
}

/* ---- the pin -------------------------------------------------------------------------------- */

static struct span pin_cid(uint8_t out[CID_SIZE_MAX], const struct content_key *key)
{
    struct writer w = writer_of(out, CID_SIZE_MAX);
    struct cid cid = cid_of_key(key);
    cid_write(&w, &cid);
    return writer_span(&w);
}

static enum err keep(const struct run *r, const struct content_key *key)
{
    uint8_t bytes[CID_SIZE_MAX];
    struct blockstore_pin there;
    struct storer *storer = &r->f->node->storer;
    struct span cid = pin_cid(bytes, key);
    struct storer_op pin = { .kind = STORER_PIN,
                             .client = r->f->client,
                             .pin = { .cid = cid,
                                      .mode = PIN_RECURSIVE,
                                      .name = span_str(PIN_FETCH_NAME),
                                      .time_unix_s = clock_wall_ms() / 1000 } };
    struct storer_op commit = { .kind = STORER_COMMIT, .client = r->f->client };
    bool kept =
        blockstore_pin_get(storer->store, &there, cid) == OK && there.pin.mode == PIN_RECURSIVE;
    if (!kept)
        TRY(storer_run(storer, &pin));
    return storer_run(storer, &commit);
}

enum err pin_fetch_release(struct ipfsd *n, const struct content_key *key)
{
    uint8_t bytes[CID_SIZE_MAX];
    struct blockstore_pin there;
    struct span cid = pin_cid(bytes, key);
    enum err e = blockstore_pin_get(n->storer.store, &there, cid);
    if (e == ERR_NOT_FOUND || (e == OK && !span_eq(there.pin.name, span_str(PIN_FETCH_NAME))))
        return OK;
    TRY(e);
    struct storer_op unpin = { .kind = STORER_UNPIN, .client = STORER_CLIENT_SELF, .data = cid };
    struct storer_op commit = { .kind = STORER_COMMIT, .client = STORER_CLIENT_SELF };
    struct storer_op gone = { .kind = STORER_GONE, .client = STORER_CLIENT_SELF };
    e = storer_run(&n->storer, &unpin);
    if (e == OK)
        e = storer_run(&n->storer, &commit);
    enum err ended = storer_run(&n->storer, &gone);
    ASSERT(ended == OK || ended == ERR_CLOSED);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err pin_fetch_run(const struct pin_fetch *f, struct content_commitment *out,
                       const struct pinning_request *rq)
{
    struct run r = { .f = f };
    struct storer_op gone = { .kind = STORER_GONE, .client = f->client };
    const struct cid root = cid_of_key(&rq->key);
    f->why[0] = '\0';
    r.source = (struct block_source){ .ctx = &r, .get = source_get, .has = source_has };
    if (f->node->remote == NULL)
        return refuse(&r, ERR_NOT_FOUND, "this node asks nobody: p2p and gateway-remote are off");
    r.memory = malloc(BLOCK_SIZE_MAX + STACK + SEEN);
    if (r.memory == NULL)
        return ERR_MEMORY;
    reach_origins(f, rq);
    const struct remote_reader_options o = { .gone = nobody_waits, .ctx = &r, .insists = true };
    enum err e = remote_reader_open(&r.reader, f->node->remote, &o);
    if (e == OK)
        e = walk(&r, &root);
    remote_reader_close(r.reader);
    if (e == OK)
        e = commit_to(&r, out);
    if (e == OK)
        e = keep(&r, &rq->key);
    enum err ended = storer_run(&f->node->storer, &gone);
    if (ended != OK && ended != ERR_CLOSED)
        log_warn("pin-session-not-ended", "reason=\"%s\"", err_text(ended));
    if (e != OK && f->why[0] == '\0')
        (void)snprintf(f->why, f->why_size, "it could not be stored: %s", err_text(e));
    free(r.rows);
    free(r.memory);
    return e;
}
