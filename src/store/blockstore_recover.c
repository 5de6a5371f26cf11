#include "store/blockstore_impl.h"

#include "crypto/crc32c.h"
#include "crypto/sha256.h"

#include <stdlib.h>

enum { WINDOW = 64 * 1024 };

struct scan {
    struct blockstore *s;
    struct blockstore_segment *seg;
    int handle;
    uint64_t at;
    uint64_t size;
    uint8_t *data; /* BLOCK_SIZE_MAX bytes */
};

/* What was found is synced before the index relies on it: after the death of a process, unlike that
 * of a machine, bytes can be readable that are not on the disk yet. */
static enum err scan_commit(struct scan *sc)
{
    TRY(sc->s->files.sync(sc->s->files.ctx, sc->handle));
    return blockstore_commit_locked(sc->s);
}

static enum err take_block(struct scan *sc, const struct record *r,
                           const struct blockstore_entry *entry)
{
    struct blockstore *s = sc->s;
    struct blockstore_pending p = { .entry = *entry };
    struct blockstore_entry there;
    memcpy(p.digest, r->digest, sizeof(p.digest));
    enum err e = blockstore_find(s, &there, p.digest);
    if (e == OK || blockstore_pend_find(s, NULL, p.digest))
        return OK; /* a second copy: garbage for compaction */
    if (e != ERR_NOT_FOUND)
        return e;
    s->block_count++;
    s->block_bytes += r->length;
    sc->seg->row.live_bytes += r->total;
    sc->seg->row.live_count++;
    blockstore_pend(s, &p);
    return OK;
}

static enum err take_pin(struct scan *sc, const struct record *r,
                         const struct blockstore_entry *entry)
{
    struct blockstore_pin pin;
    enum err e = blockstore_pin_decode(&pin, span_of(sc->data, r->length));
    if (e != OK)
        return OK; /* a pin that a later version wrote: kept on disk, not understood here */
    sc->seg->row.live_bytes += r->total;
    sc->seg->row.live_count++;
    blockstore_pend_pin(sc->s, pin.pin.cid, sc->data, r->length, entry);
    return OK;
}

/* Reads and checks the record at sc->at. ERR_NOT_FOUND or ERR_CORRUPT: no valid record here;
 * r->total is not zero when its header at least is right. */
static enum err check_record(struct scan *sc, struct record *r)
{
    uint8_t digest[SHA256_SIZE];
    enum err e = blockstore_segment_header(sc->s, r, sc->handle, sc->at);
    if (e == ERR_SHORT)
        return ERR_NOT_FOUND;
    TRY(e);
    if (r->total > sc->size - sc->at || r->length > BLOCK_SIZE_MAX) {
        *r = (struct record){ 0 };
        return ERR_CORRUPT;
    }
    if (r->kind == RECORD_GAP)
        return OK;
    struct mspan to = { sc->data, r->length };
    TRY(file_read_exact(&sc->s->files, sc->handle, to, sc->at + RECORD_HEADER_SIZE));
    sha256(digest, span_of(to.p, to.n));
    bool good = crc32c(0, span_of(to.p, to.n)) == r->crc32c &&
                memcmp(digest, r->digest, sizeof(digest)) == 0;
    return good ? OK : ERR_CORRUPT;
}

static enum err take_gap(struct scan *sc, const struct record *r)
{
    uint8_t key[BLOCKSTORE_GAP_KEY];
    uint8_t value[8];
    MDB_txn *txn;
    blockstore_gap_key(key, sc->seg->number, sc->at);
    store_le64(value, r->total);
    TRY(db_err(mdb_txn_begin(sc->s->env, NULL, 0, &txn)));
    enum err e = db_put(txn, sc->s->gaps, span_of(key, sizeof(key)), span_of(value, 8));
    if (e != OK) {
        mdb_txn_abort(txn);
        return e;
    }
    TRY(db_commit(txn, &sc->s->files));
    sc->seg->row.freed += r->total;
    return OK;
}

static enum err take(struct scan *sc, const struct record *r)
{
    struct blockstore *s = sc->s;
    const struct blockstore_entry entry = {
        .segment = sc->seg->number, .offset = sc->at, .length = r->length, .crc32c = r->crc32c
    };
    if (atomic_load(&s->pend_count) == BLOCKSTORE_PENDING || s->pin_count == BLOCKSTORE_PINS)
        TRY(scan_commit(sc));
    switch (r->kind) {
    case RECORD_BLOCK:
        return take_block(sc, r, &entry);
    case RECORD_PIN:
        return take_pin(sc, r, &entry);
    case RECORD_GAP:
        return take_gap(sc, r);
    }
    return OK;
}

/* Moves sc->at to the next place where a valid header stands, or to the end. */
static enum err resync(struct scan *sc)
{
    uint8_t *window = sc->data;
    for (sc->at += RECORD_ALIGN; sc->at + RECORD_HEADER_SIZE <= sc->size;) {
        size_t got;
        TRY(sc->s->files.read(sc->s->files.ctx, &got, sc->handle, (struct mspan){ window, WINDOW },
                              sc->at));
        if (got < RECORD_HEADER_SIZE)
            break;
        for (size_t i = 0; i + RECORD_HEADER_SIZE <= got; i += RECORD_ALIGN) {
            struct record r;
            if (window[i] != 0 && record_decode(&r, window + i, sc->s->id) == OK) {
                sc->at += i;
                return OK;
            }
        }
        sc->at += got / RECORD_ALIGN * RECORD_ALIGN;
    }
    sc->at = sc->size;
    return OK;
}

/* Steps over what check_record refused. */
static enum err step_over(struct scan *sc, const struct record *r, enum err why)
{
    if (why == ERR_CORRUPT)
        sc->s->bad++;
    if (r->total > 0) {
        sc->at += r->total;
        return OK;
    }
    return resync(sc);
}

static enum err scan_records(struct scan *sc)
{
    while (sc->at + RECORD_HEADER_SIZE <= sc->size) {
        struct record r;
        enum err e = check_record(sc, &r);
        if (e == ERR_NOT_FOUND || e == ERR_CORRUPT) {
            if (!sc->s->resync)
                return OK;
            TRY(step_over(sc, &r, e));
            continue;
        }
        TRY(e);
        TRY(take(sc, &r));
        sc->at += r.total;
        sc->seg->row.tail = sc->at;
    }
    return OK;
}

/* A segment that the index does not know begins with a header of this store. */
static enum err check_file(struct scan *sc, bool *ours)
{
    uint8_t header[RECORD_HEADER_SIZE];
    uint8_t id[RECORD_STORE_ID_SIZE];
    uint32_t number;
    *ours = false;
    if (sc->size < RECORD_HEADER_SIZE)
        return OK;
    TRY(file_read_exact(&sc->s->files, sc->handle, (struct mspan){ header, sizeof(header) }, 0));
    enum err e = record_file_decode(&number, id, header);
    if (e == ERR_UNSUPPORTED)
        return e;
    *ours = e == OK && number == sc->seg->number && memcmp(id, sc->s->id, sizeof(id)) == 0;
    sc->seg->damaged = e == OK && !*ours; /* another store's: left alone */
    /* Record headers carry the id in their checksums, so a rebuild can do without this one. */
    if (!*ours && sc->s->resync) {
        sc->s->bad++;
        *ours = true;
    }
    return OK;
}

static enum err scan_file(struct scan *sc)
{
    struct blockstore_segment *seg = sc->seg;
    const struct files *f = &sc->s->files;
    TRY(f->size(f->ctx, &sc->size, sc->handle));
    bool ours = true;
    if (seg->row.tail == 0) {
        TRY(check_file(sc, &ours));
        seg->row.tail = RECORD_HEADER_SIZE;
        sc->s->dirty = true;
    }
    if (sc->size < seg->row.tail) {
        /* Nothing was ever written here, or committed bytes are missing: verify tells. */
        seg->damaged = seg->row.live_count > 0;
        seg->row.sealed = true;
        return OK;
    }
    if (!ours) {
        seg->row.sealed = true;
        return OK;
    }
    sc->at = seg->row.tail;
    TRY(scan_records(sc));
    seg->allocated = seg->row.tail;
    sc->s->dirty = sc->s->dirty || seg->row.tail != seg->committed.tail;
    if (!sc->s->resync && sc->size > seg->row.tail)
        TRY(f->truncate(f->ctx, sc->handle, seg->row.tail));
    return scan_commit(sc);
}

static enum err scan_segment(struct blockstore *s, struct blockstore_segment *seg, uint8_t *data)
{
    struct scan sc = { .s = s, .seg = seg, .data = data };
    TRY(blockstore_segment_acquire(s, &sc.handle, seg->number));
    enum err e = scan_file(&sc);
    blockstore_segment_unref(s, seg->number);
    return e;
}

/* ---- the index's segments
 * ------------------------------------------------------------------------------- */

static enum err load_row(struct blockstore *s, struct span key, struct span value)
{
    struct blockstore_row row;
    if (key.n != 4)
        return ERR_CORRUPT;
    TRY(blockstore_row_decode(&row, value));
    uint32_t number = load_be32(key.p);
    struct blockstore_segment *seg = blockstore_segment_find(s, number);
    if (seg == NULL) {
        TRY(blockstore_segment_insert(s, &seg, number, 0));
        seg->missing = true;
        row.sealed = true;
    }
    seg->row = row;
    seg->committed = row;
    seg->allocated = row.tail;
    return OK;
}

static enum err load_rows(struct blockstore *s)
{
    MDB_txn *txn;
    MDB_cursor *c;
    MDB_stat st;
    struct span key = { 0 };
    struct span value;
    TRY(db_err(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn)));
    enum err e = db_err(mdb_stat(txn, s->blocks, &st));
    if (e == OK) {
        s->block_count = st.ms_entries;
        e = db_err(mdb_cursor_open(txn, s->segments, &c));
    }
    if (e == OK) {
        e = db_seek(c, &key, &value, MDB_FIRST);
        while (e == OK) {
            e = load_row(s, key, value);
            if (e == OK)
                e = db_seek(c, &key, &value, MDB_NEXT);
        }
        mdb_cursor_close(c);
    }
    mdb_txn_abort(txn);
    return e == ERR_NOT_FOUND ? OK : e;
}

/* The last open segment goes on; others are closed for good. */
static void choose_active(struct blockstore *s)
{
    for (size_t i = s->seg_count; i > 0; i--) {
        struct blockstore_segment *seg = s->segs[i - 1];
        if (s->active == NULL && !seg->row.sealed && !seg->missing)
            s->active = seg;
        else
            seg->row.sealed = true;
    }
    s->buffer_segment = s->active == NULL ? 0 : s->active->number;
    s->buffer_offset = s->active == NULL ? 0 : s->active->row.tail;
}

static enum err scan_all(struct blockstore *s)
{
    uint8_t *data = malloc(BLOCK_SIZE_MAX);
    if (data == NULL)
        return ERR_MEMORY;
    enum err e = OK;
    for (size_t i = 0; i < s->seg_count && e == OK; i++) {
        struct blockstore_segment *seg = s->segs[i];
        if (!seg->missing && !seg->row.sealed)
            e = scan_segment(s, seg, data);
    }
    free(data);
    return e;
}

enum err blockstore_recover(struct blockstore *s)
{
    TRY(blockstore_segment_discover(s));
    TRY(load_rows(s));
    s->committed_block_bytes = s->block_bytes;
    s->committed_block_count = s->block_count;
    TRY(scan_all(s));
    TRY(blockstore_commit_locked(s));
    choose_active(s);
    s->disk_bytes = blockstore_disk_bytes(s);
    s->committed_block_bytes = s->block_bytes;
    s->committed_block_count = s->block_count;
    blockstore_publish(s);
    return OK;
}
