#include "ipfsd/scrub.h"

#include "crypto/random.h"
#include "ipfsd/host.h"
#include "proof/srd.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <stdlib.h>

enum { LOG_MAX = 16, ROWS_MAX = 1024 };

struct run {
    struct scrub *s;
    struct host *host;
    struct volume *volume;
    bool whole;
    uint64_t began_ms, bytes; /* for the rate */
    struct enclave_answer answer;
    struct treestore_leaf leaf;
    struct replica_head head;
    struct replica_place place;
    struct replica_record records[REPLICA_GROUP];
    uint8_t rows[ROWS_MAX][VOLUME_ROW_SIZE];
    uint8_t data[SCRUB_BLOCK_MAX];
};

/* What says nothing of the bytes. */
static bool is_end(const struct run *r, enum err e)
{
    return e == ERR_CLOSED || e == ERR_MEMORY || e == ERR_BUSY ||
           (e != OK && volume_state(r->volume) == VOLUME_OFFLINE);
}

/* Notes one check; only what ends the run is an error. An error of the disk is one. */
static enum err note(struct run *r, enum err e, const char *what)
{
    struct scrub *s = r->s;
    if (is_end(r, e))
        return e == ERR_CLOSED ? e : ERR_STATE;
    s->checked++;
    if (e != OK && ++s->bad <= LOG_MAX)
        log_warn("sealed-bytes-bad", "volume=%u what=\"%s\" leaf=%u reason=\"%s\"", s->volume, what,
                 r->leaf.index, err_text(e));
    return e == ERR_IO ? e : OK;
}

static enum err go_on(struct run *r, uint64_t done, uint64_t bytes)
{
    struct scrub *s = r->s;
    s->done += done;
    r->bytes += bytes;
    while (s->rate > 0) {
        uint64_t due_ms = r->bytes * 1000 / s->rate, spent = clock_mono_ms() - r->began_ms;
        if (spent >= due_ms)
            break;
        clock_sleep_ms(due_ms - spent < 100 ? due_ms - spent : 100);
        if (s->progress != NULL && !s->progress(s->ctx, s))
            return ERR_CLOSED;
    }
    return s->progress == NULL || s->progress(s->ctx, s) ? OK : ERR_CLOSED;
}

/* ---- where to look ---- */

/* The volume's tree as it is now: versions of before are forgotten while a long check goes on. */
static enum err tree_now(struct run *r, bool srd, uint64_t *tree, uint64_t *version, uint64_t *sum)
{
    struct host *h = r->host;
    const uint32_t v = r->s->volume;
    pthread_mutex_lock(&h->lock);
    *tree = host_tree(h, v, srd);
    *version = h->log.version;
    *sum = srd ? h->now.volumes[v].srd.root.sum : h->now.volumes[v].files.root.sum;
    bool lost = (h->lost >> v & 1) != 0;
    pthread_mutex_unlock(&h->lock);
    return lost ? ERR_STATE : OK;
}

static enum err open_replica(struct run *r, struct replica_at *at)
{
    *at = (struct replica_at){ .volume = r->volume };
    if (r->leaf.data_size != HOST_FILE_DATA)
        return ERR_CORRUPT;
    memcpy(at->id.bytes, r->leaf.data, VOLUME_REPLICA_SIZE);
    TRY(replica_head_get(&r->head, at));
    return memcmp(r->head.leaf, r->leaf.data + VOLUME_REPLICA_SIZE, ENCLAVE_LEAF_SIZE) == 0
               ? OK
               : ERR_CORRUPT;
}

/* ---- files ---- */

static enum err check_block(struct run *r, const struct replica_at *at,
                            const struct replica_record *record)
{
    const struct host_block b = { at, &r->head, record };
    if (record->record.length > sizeof(r->data))
        return ERR_CORRUPT;
    return host_unseal_block(r->host, &r->answer, (struct mspan){ r->data, record->record.length },
                             &b);
}

static enum err check_group(struct run *r, const struct replica_at *at, uint64_t group)
{
    enum err e = replica_group_get(r->records, at, &r->head, group);
    if (e != OK)
        return note(r, e, "records");
    for (uint64_t i = 0; i < REPLICA_GROUP && group * REPLICA_GROUP + i < r->head.record_count;
         i++) {
        const uint32_t length = r->records[i].record.length;
        TRY(note(r, check_block(r, at, &r->records[i]), "block"));
        TRY(go_on(r, length, length));
    }
    return OK;
}

static enum err check_replica(struct run *r)
{
    struct replica_at at;
    enum err e = open_replica(r, &at);
    if (e != OK)
        return note(r, e, "replica");
    const uint64_t groups = (r->head.record_count + REPLICA_GROUP - 1) / REPLICA_GROUP;
    for (uint64_t g = 0; g < groups; g++)
        TRY(check_group(r, &at, g));
    return OK;
}

static enum err sample_file(struct run *r, uint64_t rest)
{
    struct replica_at at;
    enum err e = open_replica(r, &at);
    if (e == OK)
        e = replica_find(&r->place, &at, &r->head, rest);
    if (e == OK)
        e = check_block(r, &at, &r->place.record);
    TRY(note(r, e, "block"));
    return go_on(r, 1, r->place.record.record.length);
}

/* ---- extents ---- */

/* The rows' hashes, which must make the root that the tree has. */
static enum err open_extent(struct run *r, uint64_t *count)
{
    struct srd_extent x;
    uint8_t root[32];
    if (r->leaf.data_size != HOST_EXTENT_DATA)
        return ERR_CORRUPT;
    *count = load_le64(r->leaf.data + 36) / SRD_ROW_SIZE;
    if (*count == 0 || *count > ROWS_MAX)
        return ERR_CORRUPT;
    TRY(volume_extent_read_rows(r->volume, r->rows, (size_t)*count, load_le32(r->leaf.data), 0));
    srd_extent_init(&x);
    for (uint64_t i = 0; i < *count; i++)
        srd_extent_add(&x, r->rows[i]);
    TRY(srd_extent_root(root, &x));
    return memcmp(root, r->leaf.data + 4, 32) == 0 ? OK : ERR_CORRUPT;
}

static enum err check_row(struct run *r, uint64_t row)
{
    uint8_t root[32];
    TRY(volume_extent_read(r->volume, (struct mspan){ r->data, SRD_ROW_SIZE },
                           load_le32(r->leaf.data), row * SRD_ROW_SIZE));
    srd_row_root(root, r->data);
    return memcmp(root, r->rows[row], 32) == 0 ? OK : ERR_CORRUPT;
}

static enum err check_extent(struct run *r)
{
    uint64_t count;
    enum err e = open_extent(r, &count);
    if (e != OK)
        return note(r, e, "extent");
    for (uint64_t i = 0; i < count; i++) {
        TRY(note(r, check_row(r, i), "row"));
        TRY(go_on(r, SRD_ROW_SIZE, SRD_ROW_SIZE));
    }
    return OK;
}

static enum err sample_extent(struct run *r, uint64_t rest)
{
    uint64_t count;
    enum err e = open_extent(r, &count);
    if (e == OK)
        e = check_row(r, rest / SRD_ROW_SIZE % count);
    TRY(note(r, e, "row"));
    return go_on(r, 1, SRD_ROW_SIZE);
}

/* ---- one kind of a volume's trees ---- */

static enum err every_leaf(struct run *r, bool srd)
{
    uint64_t tree, version, sum;
    uint32_t from = 0;
    for (;;) {
        TRY(tree_now(r, srd, &tree, &version, &sum));
        enum err e = treestore_next(r->host->trees, &r->leaf, tree, version, from);
        if (e == ERR_RANGE)
            continue; /* that version has just been forgotten */
        if (e == ERR_NOT_FOUND)
            return OK;
        TRY(e);
        TRY(srd ? check_extent(r) : check_replica(r));
        if (r->leaf.index == UINT32_MAX)
            return OK;
        from = r->leaf.index + 1;
    }
}

static enum err samples(struct run *r, bool srd)
{
    for (uint32_t i = 0; i < SCRUB_SAMPLES; i++) {
        uint64_t tree, version, sum, offset, rest;
        TRY(tree_now(r, srd, &tree, &version, &sum));
        if (sum == 0)
            return OK;
        random_bytes(&offset, sizeof(offset));
        enum err e = treestore_find(r->host->trees, &r->leaf, &rest, tree, version, offset % sum);
        if (e == ERR_RANGE)
            continue;
        TRY(e);
        TRY(srd ? sample_extent(r, rest) : sample_file(r, rest));
    }
    return OK;
}

static enum err run(struct run *r, bool all)
{
    uint64_t tree, version, files, extents;
    TRY(tree_now(r, false, &tree, &version, &files));
    TRY(tree_now(r, true, &tree, &version, &extents));
    r->whole = all || files + extents <= SCRUB_WHOLE;
    r->s->total = r->whole ? files + extents
                           : (uint64_t)SCRUB_SAMPLES * ((files > 0) + (uint64_t)(extents > 0));
    for (int srd = 0; srd < 2; srd++)
        TRY(r->whole ? every_leaf(r, srd == 1) : samples(r, srd == 1));
    return r->s->bad == 0 ? OK : ERR_CORRUPT;
}

enum err scrub_volume(struct scrub *s, bool all)
{
    s->checked = s->bad = s->done = s->total = 0;
    struct run *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_CLOSED;
    r->s = s;
    r->host = s->host;
    r->volume = disks_volume(&s->host->disks, s->volume);
    r->began_ms = clock_mono_ms();
    enum err e = r->volume == NULL ? ERR_STATE : run(r, all);
    free(r);
    return e;
}
