/* What the commands of the Kubo RPC share: where blocks come from, what paths mean, lines of JSON.
 */
#include "ipfs/unixfs_path.h"
#include "ipfsd/kubo_rpc_http.h"
#include "ipfsd/name_path.h"
#include "ipfsd/remote.h"
#include "rt/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    AGAIN_MS = 100, /* before a block that nobody has is asked for again */
};

static void free_bytes(uint8_t **p)
{
    free(*p);
}

enum err kubo_call_fail(struct kubo_call *c, enum err e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->why, sizeof(c->why), format, args);
    va_end(args);
    return e;
}

/* ---- the storer ---- */

enum err kubo_call_store_op(struct kubo_call *c, struct storer_op *op)
{
    op->client = c->client;
    return storer_run(&c->node->storer, op);
}

enum err kubo_call_commit(struct kubo_call *c)
{
    struct storer_op op = { .kind = STORER_COMMIT };
    c->dirty = false;
    return kubo_call_store_op(c, &op);
}

struct span kubo_cid_bytes(uint8_t out[CID_SIZE_MAX], const struct cid *cid)
{
    struct writer w = writer_of(out, CID_SIZE_MAX);
    cid_write(&w, cid);
    return span_of(out, w.len);
}

/* ---- where blocks come from ---- */

static enum err store_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    return blockstore_get(ctx, size, buf, key->digest);
}

static enum err store_has(void *ctx, const struct block_key *key)
{
    return blockstore_has(ctx, NULL, key->digest);
}

struct block_source kubo_call_store(struct kubo_call *c)
{
    return (struct block_source){ .ctx = c->node->repo.store, .get = store_get, .has = store_has };
}

static bool asks_others(const struct kubo_call *c)
{
    return c->node->remote != NULL && kubo_rpc_option(c->plan, KUBO_OPT_OFFLINE, 0) == 0;
}

static bool nobody_waits(void *ctx)
{
    const struct kubo_call *c = ctx;
    return !kubo_io_alive(c->io) || atomic_load(&c->node->stopping) ||
           (c->deadline_ms != 0 && clock_left(c->deadline_ms) == 0);
}

/* The command's reader, from its first block on: it sees what is read here, and so what comes next.
 */
static enum err open_reader(struct kubo_call *c)
{
    const struct remote_reader_options o = { .gone = nobody_waits, .ctx = c, .insists = true };
    if (c->reader != NULL || !asks_others(c))
        return OK;
    return remote_reader_open(&c->reader, c->node->remote, &o);
}

/* A block from elsewhere goes into the store, as in Kubo. A read does without when it is full. */
static enum err keep(struct kubo_call *c, const struct block_key *key, struct span data)
{
    if (blockstore_has(c->node->repo.store, NULL, key->digest) == OK)
        return OK;
    struct storer_op op = { .kind = STORER_PUT, .key = *key, .data = data };
    enum err e = kubo_call_store_op(c, &op);
    if (e == ERR_FULL)
        return c->keep ? kubo_call_fail(c, e, "the block store is full: its quota, or its disk")
                       : OK;
    c->dirty = c->dirty || e == OK;
    c->fetched += e == OK;
    return e;
}

/* Asks others until one has it, the client has gone, or the time is over. */
static enum err fetch(struct kubo_call *c, size_t *size, struct mspan buf,
                      const struct block_key *key)
{
    uint64_t give_up = clock_deadline(KUBO_RPC_BLOCK_MS);
    if (c->reader == NULL)
        return ERR_NOT_FOUND;
    const struct block_source from = remote_reader_source(c->reader);
    for (;;) {
        enum err e = block_source_get(&from, size, buf, key);
        if (e == OK)
            return keep(c, key, span_of(buf.p, *size));
        if (e == ERR_CLOSED && c->deadline_ms != 0 && clock_left(c->deadline_ms) == 0)
            return ERR_TIMEOUT;
        if (e != ERR_NOT_FOUND && e != ERR_TIMEOUT && e != ERR_BUSY)
            return e;
        if (!kubo_io_alive(c->io))
            return ERR_CLOSED;
        if (c->deadline_ms != 0 && clock_left(c->deadline_ms) == 0)
            return ERR_TIMEOUT;
        if (clock_left(give_up) == 0)
            return ERR_NOT_FOUND;
        clock_sleep_ms(AGAIN_MS);
    }
}

static enum err any_get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    struct kubo_call *c = ctx;
    if (c->deadline_ms != 0 && clock_left(c->deadline_ms) == 0)
        return ERR_TIMEOUT;
    TRY(open_reader(c));
    enum err e = blocks_get(&c->node->blocks, size, buf, key);
    if (e == OK)
        remote_reader_saw(c->reader, key, span_of(buf.p, *size));
    if (e == OK && c->keep)
        return keep(c, key, span_of(buf.p, *size));
    return e == ERR_NOT_FOUND ? fetch(c, size, buf, key) : e;
}

static enum err any_has(void *ctx, const struct block_key *key)
{
    struct kubo_call *c = ctx;
    return blocks_size(&c->node->blocks, NULL, key);
}

struct block_source kubo_call_source(struct kubo_call *c)
{
    return (struct block_source){ .ctx = c, .get = any_get, .has = any_has };
}

enum err kubo_call_missing(struct kubo_call *c, enum err e, const struct cid *cid)
{
    char text[CID_TEXT_MAX];
    if (e != ERR_NOT_FOUND)
        return e;
    cid_format(text, cid);
    return kubo_call_fail(c, e, "block was not found %s: ipld: could not find %.100s",
                          !asks_others(c) ? "locally (offline)" : "here or in the network", text);
}

enum err kubo_call_block(struct kubo_call *c, struct span *out, struct mspan buf,
                         const struct cid *cid)
{
    const struct block_source source = kubo_call_source(c);
    return kubo_call_missing(c, dag_block_get(out, buf, &source, cid), cid);
}

/* ---- names ---- */

_Static_assert((int)KUBO_RPC_PATH_MAX == NAME_PATH_MAX &&
                   (int)KUBO_RPC_WHY_MAX == NAME_PATH_WHY_MAX,
               "a path and a reason fit");

enum err kubo_call_name(struct kubo_call *c, char out[KUBO_RPC_PATH_MAX], const char *path,
                        bool once)
{
    bool online = kubo_rpc_option(c->plan, KUBO_OPT_OFFLINE, 0) == 0;
    return name_path_follow(c->node->names, out, path, online, once, c->why);
}

/* ---- paths ---- */

static enum err walk_path(struct kubo_call *c, struct unixfs_path *p)
{
    struct span block;
    AUTO(free_bytes) uint8_t *memory = malloc(BLOCK_SIZE_MAX);
    if (memory == NULL)
        return ERR_MEMORY;
    while (!p->done) {
        TRY(kubo_call_block(c, &block, (struct mspan){ memory, BLOCK_SIZE_MAX }, &p->cid));
        enum err e = unixfs_path_step(p, block);
        if (e == ERR_NOT_FOUND)
            return kubo_call_fail(c, e, "no link named \"%.*s\"",
                                  (int)(p->rest.n < 120 ? p->rest.n : 120),
                                  (const char *)p->rest.p);
        TRY(e);
    }
    return OK;
}

enum err kubo_call_inside(struct kubo_call *c, struct cid *out, struct span *inside,
                          char named[KUBO_RPC_PATH_MAX], const char *path)
{
    static const char ipfs[] = "/ipfs/";
    struct unixfs_path p;
    if (strncmp(path, "/ipns/", 6) == 0) {
        TRY(kubo_call_name(c, named, path, false));
        path = named;
    }
    const char *at = strncmp(path, ipfs, sizeof(ipfs) - 1) == 0 ? path + sizeof(ipfs) - 1 : path;
    size_t n = strcspn(at, "/");
    if (at == path && path[0] == '/')
        return kubo_call_fail(c, ERR_UNSUPPORTED,
                              "invalid path \"%.100s\": only /ipfs/ and /ipns/ are served", path);
    if (cid_parse(out, span_of(at, n)) != OK)
        return kubo_call_fail(c, ERR_FORMAT, "invalid path \"%.100s\": this is no CID", path);
    TRY(unixfs_path_init(&p, out, span_str(at + n)));
    TRY(walk_path(c, &p));
    *out = p.cid;
    *inside = p.inside;
    while (inside->n > 0 && inside->p[0] == '/')
        *inside = span_sub(*inside, 1, inside->n);
    return OK;
}

enum err kubo_call_resolve(struct kubo_call *c, struct cid *out, const char *path)
{
    char named[KUBO_RPC_PATH_MAX];
    struct span inside;
    TRY(kubo_call_inside(c, out, &inside, named, path));
    return inside.n == 0
               ? OK
               : kubo_call_fail(c, ERR_UNSUPPORTED, "the path leads to a value inside a block");
}

/* ---- JSON ---- */

void kubo_text_init(struct kubo_text *t, struct kubo_call *c)
{
    t->c = c;
    t->w = writer_of(t->buf, sizeof(t->buf));
    t->j = json_out_to(&t->w);
}

enum err kubo_text_flush(struct kubo_text *t)
{
    if (t->w.err != OK)
        return ERR_LIMIT;
    TRY(kubo_io_write(t->c->io, writer_span(&t->w)));
    t->w.len = 0;
    return OK;
}

enum err kubo_text_line(struct kubo_text *t)
{
    write_u8(&t->w, '\n');
    t->j.comma = false;
    return kubo_text_flush(t);
}

/* ---- walks ---- */

void kubo_walk_init(struct kubo_walk *w, uint8_t *memory, const struct block_source *source,
                    bool all)
{
    w->source = *source;
    dag_walk_table_init(
        &w->table, (struct mspan){ memory + BLOCK_SIZE_MAX + KUBO_WALK_STACK, KUBO_WALK_SEEN });
    w->seen = dag_walk_table_seen(&w->table);
    dag_walk_init(&w->dag, &w->source, (struct mspan){ memory, BLOCK_SIZE_MAX },
                  (struct mspan){ memory + BLOCK_SIZE_MAX, KUBO_WALK_STACK },
                  all ? NULL : &w->seen);
}
