#include "store/blockstore_maint.h"

#include "crypto/sha256.h"
#include "store/blockstore_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 4096 };

struct target {
    uint8_t digest[BLOCK_DIGEST_SIZE];
    uint32_t segment;
    uint64_t offset;
};

struct check {
    struct blockstore *s;
    struct blockstore_progress *result;
    const struct blockstore_verify_events *events;
    struct target *targets;
    size_t count;
    uint8_t last[BLOCK_DIGEST_SIZE];
    bool started;
    uint8_t *data; /* BLOCK_SIZE_MAX bytes */
};

/* ---- verify
 * ---------------------------------------------------------------------------------------------- */

static enum err fill(struct check *c, MDB_cursor *cursor)
{
    struct span key = span_of(c->last, c->started ? sizeof(c->last) : 0);
    struct span value;
    enum err e = db_seek(cursor, &key, &value, c->started ? MDB_SET_RANGE : MDB_FIRST);
    if (e == OK && c->started && span_eq(key, span_of(c->last, sizeof(c->last))))
        e = db_seek(cursor, &key, &value, MDB_NEXT);
    for (c->count = 0; e == OK && c->count < BATCH; e = db_seek(cursor, &key, &value, MDB_NEXT)) {
        struct blockstore_entry entry;
        struct target *t = &c->targets[c->count++];
        if (key.n != BLOCK_DIGEST_SIZE)
            return ERR_CORRUPT;
        TRY(blockstore_entry_decode(&entry, value));
        memcpy(t->digest, key.p, sizeof(t->digest));
        t->segment = entry.segment;
        t->offset = entry.offset;
    }
    if (c->count > 0)
        memcpy(c->last, c->targets[c->count - 1].digest, sizeof(c->last));
    c->started = true;
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err next_batch(struct check *c)
{
    uint32_t slot;
    MDB_cursor *cursor;
    TRY(blockstore_slot_take(c->s, &slot));
    enum err e = db_err(mdb_cursor_open(c->s->slots[slot].txn, c->s->blocks, &cursor));
    if (e == OK) {
        e = fill(c, cursor);
        mdb_cursor_close(cursor);
    }
    blockstore_slot_free(c->s, slot);
    return e;
}

/* A batch is read in the order of the disk. */
static int by_place(const void *a, const void *b)
{
    const struct target *l = a;
    const struct target *r = b;
    if (l->segment != r->segment)
        return l->segment < r->segment ? -1 : 1;
    return l->offset < r->offset ? -1 : l->offset > r->offset;
}

static enum blockstore_fault examine(struct check *c, const struct blockstore_range *range,
                                     const uint8_t *digest)
{
    uint8_t own[SHA256_SIZE];
    struct record r;
    struct mspan to = { c->data, range->length };
    enum err e = file_read_exact(&c->s->files, range->fd, to, range->offset);
    if (e != OK)
        return BLOCKSTORE_UNREADABLE;
    sha256(own, span_of(to.p, to.n));
    if (memcmp(own, digest, sizeof(own)) != 0)
        return BLOCKSTORE_BAD_BYTES;
    e = blockstore_segment_header(c->s, &r, range->fd, range->offset - RECORD_HEADER_SIZE);
    bool right = e == OK && r.kind == RECORD_BLOCK && r.length == range->length &&
                 r.crc32c == range->crc32c && memcmp(r.digest, digest, sizeof(r.digest)) == 0;
    return right ? (enum blockstore_fault)0 : BLOCKSTORE_BAD_HEADER;
}

static enum err check_one(struct check *c, const uint8_t *digest)
{
    struct blockstore_range range;
    enum blockstore_fault fault = BLOCKSTORE_UNREADABLE;
    enum err e = blockstore_locate(c->s, &range, digest);
    if (e == ERR_NOT_FOUND)
        return OK; /* deleted since the batch was made */
    if (e == ERR_BUSY)
        return e;
    if (e == OK) {
        fault = examine(c, &range, digest);
        blockstore_release(c->s, &range);
        c->result->bytes += range.length;
    }
    c->result->blocks++;
    if (fault == 0)
        return OK;
    c->result->bad++;
    if (c->events != NULL && c->events->bad != NULL)
        c->events->bad(c->events->ctx, digest, fault);
    return OK;
}

static enum err verify(struct check *c)
{
    for (;;) {
        TRY(next_batch(c));
        if (c->count == 0)
            return OK;
        qsort(c->targets, c->count, sizeof(*c->targets), by_place);
        for (size_t i = 0; i < c->count; i++)
            TRY(check_one(c, c->targets[i].digest));
        if (c->events != NULL && c->events->progress != NULL &&
            !c->events->progress(c->events->ctx, c->result))
            return ERR_CLOSED;
    }
}

enum err blockstore_verify(struct blockstore *s, struct blockstore_progress *result,
                           const struct blockstore_verify_events *events)
{
    struct blockstore_stat stat;
    struct check c = { .s = s, .result = result, .events = events };
    *result = (struct blockstore_progress){ 0 };
    TRY(blockstore_stat(s, &stat));
    result->blocks_total = stat.blocks;
    c.targets = calloc(BATCH, sizeof(*c.targets));
    c.data = malloc(BLOCK_SIZE_MAX);
    enum err e = c.targets == NULL || c.data == NULL ? ERR_MEMORY : verify(&c);
    free(c.targets);
    free(c.data);
    return e;
}

/* ---- rebuild
 * -----------------------------------------------------------------------------------------------
 */

static void remove_index(const char *path)
{
    char lock[FILE_PATH_MAX + 8];
    (void)unlink(path);
    (void)snprintf(lock, sizeof(lock), "%s-lock", path);
    (void)unlink(lock);
}

static enum err build(const struct blockstore_config *config, struct blockstore_progress *result)
{
    struct blockstore *s;
    TRY(blockstore_new(&s, config));
    s->resync = true;
    enum err e = blockstore_recover(s);
    result->blocks = s->block_count;
    result->bytes = s->block_bytes;
    result->blocks_total = s->block_count + s->bad;
    result->bad = s->bad;
    blockstore_close(s);
    return e;
}

/* The new index stands beside the old one until it is whole. Only LMDB's files are named here. */
enum err blockstore_rebuild(const struct blockstore_config *config,
                            struct blockstore_progress *result)
{
    char temp[FILE_PATH_MAX];
    char parent[FILE_PATH_MAX];
    struct blockstore_config c = *config;
    *result = (struct blockstore_progress){ 0 };
    int n = snprintf(temp, sizeof(temp), "%s.rebuild", config->index_path);
    if (n < 0 || n >= FILE_PATH_MAX)
        return ERR_LIMIT;
    TRY(file_parent(parent, config->index_path));
    remove_index(temp);
    c.index_path = temp;
    enum err e = build(&c, result);
    if (e != OK) {
        remove_index(temp);
        return e;
    }
    remove_index(config->index_path);
    TRY(file_system()->rename(file_system()->ctx, temp, config->index_path));
    remove_index(temp);
    return file_system()->sync_dir(file_system()->ctx, parent);
}
