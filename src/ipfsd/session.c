#include "ipfsd/session.h"

#include "crypto/random.h"
#include "rt/log.h"

#include <stdlib.h>

enum { WORTH_A_SEGMENT = 1 << 20 }; /* sealing less again costs less than a segment of its own */

static const struct mspan no_room = { NULL, 0 };
static const struct span nothing = { NULL, 0 };

enum err session_init(struct session *s, struct host *h, struct placements *links)
{
    memset(s, 0, sizeof(*s));
    s->host = h;
    s->links = links;
    s->segment_max = (uint32_t)h->settings->segment_size;
    s->in = malloc(SESSION_BATCH_BYTES);
    s->out = malloc(SESSION_BATCH_BYTES);
    s->part = malloc((size_t)SESSION_FILE_PART_RECORDS * CONTENT_RECORD_SIZE);
    return s->in != NULL && s->out != NULL && s->part != NULL ? OK : ERR_MEMORY;
}

void session_fini(struct session *s)
{
    session_file_fini(&s->file);
    free(s->in);
    free(s->out);
    free(s->part);
    s->in = s->out = s->part = NULL;
}

bool session_lost(const struct session *s)
{
    return !atomic_load(&s->host->link.up) || atomic_load(&s->host->starts) != s->starts;
}

static enum err ask(struct session *s, const struct enclave_request *m, struct span bulk)
{
    return enclave_link_call(&s->host->link, &s->answer, no_room, m, bulk);
}

static void lock_disk(struct session *s)
{
    disks_lock(&s->host->disks, s->volume);
}

/* The end of work on the disk: its error is told from the enclave's. */
static enum err unlock_disk(struct session *s, enum err e)
{
    disks_unlock(&s->host->disks, s->volume);
    s->disk_failed = e != OK;
    return e;
}

enum err session_begin(struct session *s, const struct content_key *key, uint32_t volume)
{
    s->volume = volume;
    s->at.volume = disks_volume(&s->host->disks, volume);
    random_bytes(s->at.id.bytes, sizeof(s->at.id.bytes));
    s->file.key = *key;
    s->starts = atomic_load(&s->host->starts);
    TRY(host_begin_seal(s->host, &s->file.number, key));
    s->begun = true;
    return OK;
}

/* ---- segments ---- */

static enum err open_segment(struct session *s)
{
    if (s->segment_open)
        return OK;
    TRY(volume_segment_begin(&s->segment, s->at.volume, &s->at.id, s->file.row_count));
    s->segment_open = true;
    return OK;
}

/* The records of blocks in the open segment, before there are too many to hold. */
static enum err put_part(struct session *s)
{
    const struct session_file_part p = { s->file.row_count, s->parts };
    if (s->part_count == 0)
        return OK;
    if (s->parts == SESSION_FILE_PARTS_MAX)
        return ERR_LIMIT;
    TRY(session_file_part_put(&s->at, &p,
                              span_of(s->part, (size_t)s->part_count * CONTENT_RECORD_SIZE)));
    s->parts++;
    s->part_count = 0;
    return OK;
}

/* What the enclave gave for one block goes to the disk and into the index of placements. */
static enum err keep_block(struct session *s, const struct enclave_item *item,
                           const struct content_key *key)
{
    const struct enclave_seal_block_reply *r = &item->reply.u.seal_block;
    struct replica_record record = { .segment = r->segment, .offset = r->offset };
    record.record.key = *key;
    record.record.length = (uint32_t)item->bulk.n;
    memcpy(record.record.chunk_root, r->chunk_root, 32);
    TRY(open_segment(s));
    if (r->offset != s->segment.length)
        return ERR_CORRUPT;
    TRY(volume_segment_append(&s->segment, span_of(item->bulk_out.p, item->bulk_out.n)));
    content_record_encode(s->part + (size_t)s->part_count * CONTENT_RECORD_SIZE, &record.record);
    if (++s->part_count == SESSION_FILE_PART_RECORDS)
        TRY(put_part(s));
    return placements_put(s->links, &record);
}

static enum err check_batch(const struct session *s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct enclave_item *item = &s->items[i];
        TRY(item->result);
        if (item->reply.u.seal_block.segment != s->file.row_count ||
            item->bulk_out.n != item->bulk.n)
            return ERR_CORRUPT;
    }
    return OK;
}

static enum err flush(struct session *s)
{
    const size_t count = s->batch_count;
    if (count == 0)
        return OK;
    s->batch_count = 0;
    s->batch_bytes = 0;
    TRY(enclave_link_batch(&s->host->link, s->items, count));
    TRY(check_batch(s, count));
    enum err e = OK;
    lock_disk(s);
    for (size_t i = 0; e == OK && i < count; i++)
        e = keep_block(s, &s->items[i], &s->keys[i]);
    return unlock_disk(s, e);
}

/* The segment's bytes, and with a checkpoint to come the records of its blocks. */
static enum err store_segment(struct session *s, bool records)
{
    lock_disk(s);
    enum err e = open_segment(s);
    if (e == OK && records)
        e = put_part(s);
    if (e == OK) {
        s->segment_open = false;
        e = volume_segment_finish(&s->segment);
    }
    return unlock_disk(s, e);
}

/* Under the host's lock: no state record can come between the enclave's checkpoint and the disk. */
static enum err store_checkpoint(struct session *s)
{
    const struct sessions_entry entry = {
        .key = s->file.key, .number = s->file.number, .volume = s->volume, .id = s->at.id
    };
    lock_disk(s);
    TRY(unlock_disk(s, session_file_put(&s->at, &s->file)));
    sessions_keep(&s->host->sessions, &entry);
    s->kept = true;
    return OK;
}

static enum err ask_close(struct session *s, bool checkpoint)
{
    const struct enclave_request m = { .type = ENCLAVE_SEAL_CLOSE,
                                       .u.number.number = s->file.number };
    TRY(ask(s, &m, nothing));
    const struct enclave_seal_close_reply *r = &s->answer.reply.u.seal_close;
    if (r->segment != s->file.row_count || r->checkpoint.n > sizeof(s->file.checkpoint))
        return ERR_LIMIT;
    struct session_file_row row = { .length = r->length, .parts = s->parts };
    memcpy(row.wrapped, r->wrapped, sizeof(row.wrapped));
    memcpy(s->file.checkpoint, r->checkpoint.p, r->checkpoint.n);
    s->file.checkpoint_size = r->checkpoint.n;
    TRY(session_file_add(&s->file, &row));
    return checkpoint ? store_checkpoint(s) : OK;
}

/* A content that fits one segment has no checkpoint: sealing that one again costs as much as what a
 * crash throws away of any other, the open segment. */
static enum err close_segment(struct session *s, bool checkpoint)
{
    TRY(flush(s));
    TRY(store_segment(s, checkpoint));
    /* SPEC seal 5.2: "The host makes a checkpoint durable before any state record that it receives
     * later." */
    pthread_mutex_lock(&s->host->lock);
    enum err e = ask_close(s, checkpoint);
    pthread_mutex_unlock(&s->host->lock);
    TRY(e);
    atomic_fetch_add(&s->host->segments_sealed, 1);
    s->segment_length = 0;
    s->parts = 0;
    s->part_count = 0;
    return OK;
}

enum err session_block(struct session *s, const struct content_key *key, struct span data)
{
    if (s->segment_length > 0 && s->segment_length + data.n > s->segment_max)
        TRY(close_segment(s, true));
    if (s->batch_count == SESSION_BATCH_BLOCKS || s->batch_bytes + data.n > SESSION_BATCH_BYTES)
        TRY(flush(s));
    struct enclave_item *item = &s->items[s->batch_count];
    *item = (struct enclave_item){ .request.type = ENCLAVE_SEAL_BLOCK };
    item->request.u.seal_block.number = s->file.number;
    item->request.u.seal_block.key = *key;
    if (data.n > 0)
        memcpy(s->in + s->batch_bytes, data.p, data.n);
    item->bulk = span_of(s->in + s->batch_bytes, data.n);
    item->bulk_out = (struct mspan){ s->out + s->batch_bytes, data.n };
    s->keys[s->batch_count++] = *key;
    s->batch_bytes += data.n;
    s->segment_length += data.n;
    return OK;
}

/* ---- going on ---- */

/* What was written behind the checkpoint is sealed again. */
static enum err trim(struct session *s)
{
    lock_disk(s);
    enum err e = volume_segment_delete(s->at.volume, &s->at.id, s->file.row_count);
    if (e == OK)
        e = session_file_parts_delete(&s->at, s->file.row_count);
    return unlock_disk(s, e);
}

static enum err ask_resume(struct session *s, struct enclave_resume_reply *stands)
{
    const struct enclave_request m = {
        .type = ENCLAVE_SEAL_RESUME,
        .u.blob.blob = span_of(s->file.checkpoint, s->file.checkpoint_size),
    };
    pthread_mutex_lock(&s->host->lock);
    s->starts = atomic_load(&s->host->starts);
    enum err e = ask(s, &m, nothing);
    pthread_mutex_unlock(&s->host->lock);
    TRY(e);
    *stands = s->answer.reply.u.resume;
    s->begun = true;
    if (stands->number != s->file.number || cid_key_cmp(&stands->key, &s->file.key) != 0 ||
        stands->segments != s->file.row_count)
        return ERR_CORRUPT;
    return OK;
}

/* A block of a closed segment, as its links are needed again. */
static enum err unseal(struct session *s, const struct replica_record *r, struct span *data)
{
    const struct session_file_row *row = &s->file.rows[r->segment];
    const size_t n = r->record.length;
    struct enclave_request m = { .type = ENCLAVE_UNSEAL };
    m.u.unseal = (struct enclave_unseal){
        .content = s->file.key, .segment = r->segment, .length = row->length, .offset = r->offset
    };
    memcpy(m.u.unseal.wrapped, row->wrapped, sizeof(row->wrapped));
    memcpy(m.u.unseal.digest, r->record.key.digest, 32);
    TRY(volume_segment_read(s->at.volume, (struct mspan){ s->in, n }, &s->at.id, r->segment,
                            r->offset));
    TRY(enclave_link_call(&s->host->link, &s->answer, (struct mspan){ s->out, n }, &m,
                          span_of(s->in, n)));
    *data = span_of(s->out, s->answer.bulk_size);
    return data->n == n ? OK : ERR_CORRUPT;
}

/* Walks through the closed segments. */
struct replay {
    struct session *session;
    session_again again;
    void *ctx;
    uint64_t blocks, bytes;
};

static enum err replay_block(struct replay *p, struct replica_record *r)
{
    struct session *s = p->session;
    struct span data = { NULL, 0 };
    if (r->record.length > s->file.rows[r->segment].length - r->offset)
        return ERR_CORRUPT;
    if (r->record.key.codec != CID_CODEC_RAW)
        TRY(unseal(s, r, &data));
    TRY(p->again(p->ctx, &r->record, data));
    TRY(placements_put(s->links, r));
    p->blocks++;
    p->bytes += r->record.length;
    r->offset += r->record.length;
    return OK;
}

static enum err replay_segment(struct replay *p, uint32_t segment)
{
    struct session *s = p->session;
    const struct session_file_row *row = &s->file.rows[segment];
    struct replica_record r = { .segment = segment };
    uint64_t size;
    TRY(volume_segment_size(s->at.volume, &size, &s->at.id, segment));
    if (size != row->length)
        return ERR_CORRUPT;
    for (uint32_t i = 0; i < row->parts; i++) {
        const struct session_file_part part = { segment, i };
        uint32_t count;
        TRY(session_file_part_get(s->part, &count, &s->at, &part));
        for (uint32_t k = 0; k < count; k++) {
            TRY(content_record_decode(&r.record, s->part + (size_t)k * CONTENT_RECORD_SIZE));
            TRY(replay_block(p, &r));
        }
    }
    return r.offset == row->length ? OK : ERR_CORRUPT;
}

enum err session_resume(struct session *s, const struct sessions_entry *entry, session_again again,
                        void *ctx)
{
    struct enclave_resume_reply stands;
    struct replay p = { .session = s, .again = again, .ctx = ctx };
    s->volume = entry->volume;
    s->at = (struct replica_at){ disks_volume(&s->host->disks, entry->volume), entry->id };
    s->file.key = entry->key;
    s->file.number = entry->number;
    s->starts = atomic_load(&s->host->starts);
    s->kept = true;
    if (s->at.volume == NULL || volume_state(s->at.volume) != VOLUME_OK)
        return ERR_STATE;
    TRY(session_file_get(&s->file, &s->at));
    if (s->file.number != entry->number || cid_key_cmp(&s->file.key, &entry->key) != 0)
        return ERR_CORRUPT;
    TRY(trim(s));
    TRY(ask_resume(s, &stands));
    for (uint32_t i = 0; i < s->file.row_count; i++)
        TRY(replay_segment(&p, i));
    if (p.blocks != stands.blocks || p.bytes != stands.bytes)
        return ERR_CORRUPT;
    s->resumed = s->file.row_count;
    atomic_fetch_add(&s->host->segments_resumed, s->resumed);
    return OK;
}

/* ---- records ---- */

static enum err send_records(struct session *s, size_t count)
{
    const struct enclave_request m = { .type = ENCLAVE_SEAL_RECORDS,
                                       .u.number.number = s->file.number };
    if (count == 0)
        return OK;
    return ask(s, &m, span_of(s->in, count * ENCLAVE_COUNTED_SIZE));
}

/* The disk is ours for a group only: the enclave takes its time, and others write too. */
static enum err write_record(struct session *s, struct replica_writer *w,
                             const struct replica_record *r)
{
    lock_disk(s);
    return unlock_disk(s, replica_writer_add(w, r));
}

/* Ascending to the enclave with their in-degrees, and to the replica's files. */
static enum err write_records(struct session *s, struct replica_writer *w,
                              struct placements_cursor *cursor)
{
    struct replica_record r;
    uint64_t links;
    size_t count = 0;
    enum err e;
    while ((e = placements_next(s->links, cursor, &r, &links)) == OK) {
        uint8_t *counted = s->in + count * ENCLAVE_COUNTED_SIZE;
        content_record_encode(counted, &r.record);
        store_le64(counted + CONTENT_RECORD_SIZE, links);
        TRY(write_record(s, w, &r));
        if (++count == ENCLAVE_COUNTED_MAX) {
            TRY(send_records(s, count));
            count = 0;
        }
    }
    if (e != ERR_NOT_FOUND)
        return e;
    TRY(send_records(s, count));
    lock_disk(s);
    return unlock_disk(s, replica_writer_finish(w));
}

enum err session_finish(struct session *s)
{
    struct replica_writer w;
    struct placements_cursor cursor = { NULL };
    TRY(flush(s));
    if (s->segment_open || s->file.row_count == 0)
        TRY(close_segment(s, s->file.row_count > 0));
    enum err e = replica_writer_init(&w, &s->at);
    if (e == OK)
        e = write_records(s, &w, &cursor);
    placements_end(&cursor);
    replica_writer_fini(&w);
    return e;
}

/* The table of segments as the replica keeps it. */
static uint8_t *segment_table(const struct session *s)
{
    uint8_t *table = malloc((size_t)s->file.row_count * REPLICA_SEGMENT_SIZE);
    for (uint32_t i = 0; table != NULL && i < s->file.row_count; i++) {
        store_le32(table + (size_t)i * REPLICA_SEGMENT_SIZE, s->file.rows[i].length);
        memcpy(table + (size_t)i * REPLICA_SEGMENT_SIZE + 4, s->file.rows[i].wrapped,
               ENCLAVE_WRAPPED_SIZE);
    }
    return table;
}

enum err session_end(struct session *s, struct host_new_file *out)
{
    const struct enclave_request m = { .type = ENCLAVE_SEAL_END,
                                       .u.number.number = s->file.number };
    const size_t size = (size_t)s->file.row_count * REPLICA_SEGMENT_SIZE;
    TRY(ask(s, &m, nothing));
    const struct enclave_seal_end_reply *r = &s->answer.reply.u.seal_end;
    struct replica_head head = { .record_count = r->record_count,
                                 .segment_count = s->file.row_count };
    *out = (struct host_new_file){ 0 };
    out->entry = (struct replicas_entry){ .key = s->file.key, .volume = s->volume, .id = s->at.id };
    memcpy(head.leaf, r->leaf, sizeof(head.leaf));
    memcpy(out->leaf, r->leaf, sizeof(out->leaf));
    memcpy(out->ticket, r->ticket, sizeof(out->ticket));
    uint8_t *table = segment_table(s);
    if (table == NULL)
        return ERR_MEMORY;
    lock_disk(s);
    enum err e = unlock_disk(s, replica_head_put(&s->at, &head, span_of(table, size)));
    free(table);
    return e;
}

/* ---- the end ---- */

void session_done(struct session *s)
{
    lock_disk(s);
    enum err e = session_file_parts_delete(&s->at, 0);
    if (e == OK && s->kept)
        e = session_file_delete(&s->at);
    if (unlock_disk(s, e) != OK) /* removed at the next start */
        log_warn("session-not-removed", "volume=%u reason=\"%s\"", s->volume, err_text(e));
    s->begun = false;
}

/* Last of all the session's file: without it nothing says whose the rest is. */
static enum err remove_files(const struct replica_at *at, bool kept)
{
    TRY(volume_replica_delete(at->volume, &at->id));
    return kept ? session_file_delete(at) : OK;
}

static void abort_segment(struct session *s)
{
    if (s->segment_open)
        volume_segment_abort(&s->segment);
    s->segment_open = false;
}

void session_discard(struct session *s)
{
    /* One that was not kept is given up with the enclave that had it. */
    if (atomic_load(&s->host->link.up) && (s->kept || (s->begun && !session_lost(s))))
        host_abort(s->host, s->file.number);
    if (s->at.volume != NULL) {
        lock_disk(s);
        abort_segment(s);
        if (unlock_disk(s, remove_files(&s->at, s->kept)) != OK)
            log_warn("replica-not-removed", "volume=%u", s->volume);
    }
    s->begun = s->kept = false;
}

void session_leave(struct session *s)
{
    lock_disk(s);
    abort_segment(s);
    (void)!unlock_disk(s, OK);
    s->begun = s->kept = false;
}

/* Makes the enclave forget the session but not its number: to be told that no record is left, when
 * some are, ends a session, and its checkpoint can be resumed. */
static enum err leave(struct session *s)
{
    struct enclave_request m = { .type = ENCLAVE_SEAL_RECORDS, .u.number.number = s->file.number };
    enum err e = ask(s, &m, nothing);
    m.type = ENCLAVE_SEAL_END;
    if (e == OK)
        e = ask(s, &m, nothing);
    return e == ERR_CORRUPT || e == ERR_NOT_FOUND ? OK : e;
}

static enum err suspend(struct session *s)
{
    if (!s->begun)
        return OK;
    TRY(flush(s));
    if (s->segment_open)
        TRY(close_segment(s, true));
    return leave(s);
}

bool session_wait(struct session *s)
{
    enum err e = OK;
    bool worth = s->kept || (s->begun && s->segment_length >= WORTH_A_SEGMENT);
    if (worth && !session_lost(s))
        e = suspend(s);
    if (!s->kept || (e != OK && !session_lost(s))) {
        session_discard(s);
        return false;
    }
    session_leave(s);
    return true;
}

void session_drop(struct host *h, const struct sessions_entry *e)
{
    const struct replica_at at = { disks_volume(&h->disks, e->volume), e->id };
    host_abort(h, e->number);
    if (at.volume != NULL) {
        disks_lock(&h->disks, e->volume);
        enum err removed = remove_files(&at, true);
        disks_unlock(&h->disks, e->volume);
        if (removed != OK) /* removed at the next start: its number is dead */
            log_warn("session-not-removed", "volume=%u reason=\"%s\"", e->volume,
                     err_text(removed));
    }
    sessions_release(&h->sessions, &e->key, false);
}
