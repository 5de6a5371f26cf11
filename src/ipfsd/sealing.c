#include "ipfsd/sealing.h"

#include "base/hex.h"
#include "crypto/random.h"
#include "ipfsd/gather.h"
#include "ipfsd/host.h"
#include "ipfsd/ipfsd.h"
#include "ipfsd/push_take.h"
#include "rt/log.h"

#include <stdlib.h>

enum {
    BATCH_BLOCKS = 8,
    BATCH_BYTES = 4 << 20, /* in flight to the enclave: half of what a connection may have */
};

struct sealing {
    struct call *call;
    struct host *host;
    struct gather gather;
    uint64_t number;
    bool begun; /* number is alive */
    uint32_t volume;
    struct replica_at at;
    struct volume_segment segment;
    bool segment_open;
    uint32_t segment_count;  /* closed */
    uint64_t segment_length; /* of the open one, with what is in the batch */
    uint8_t *segments;       /* REPLICA_SEGMENT_SIZE each, of the closed ones */
    size_t segment_room;
    size_t batch_count, batch_bytes;
    struct enclave_item items[BATCH_BLOCKS];
    struct content_key keys[BATCH_BLOCKS];
    uint8_t *in, *out; /* BATCH_BYTES each */
    struct enclave_answer answer;
    struct host_new_file file;
};

static enum err ask(struct sealing *s, const struct enclave_request *m, struct span bulk)
{
    return enclave_link_call(&s->host->link, &s->answer, (struct mspan){ NULL, 0 }, m, bulk);
}

static enum err disk_failed(struct sealing *s, enum err e)
{
    return call_fail(s->call, e, "crust disk list", "volume %u: %s", s->volume, err_text(e));
}

/* ---- segments ---- */

static enum err open_segment(struct sealing *s)
{
    if (s->segment_open)
        return OK;
    TRY(volume_segment_begin(&s->segment, s->at.volume, &s->at.id, s->segment_count));
    s->segment_open = true;
    return OK;
}

/* What the enclave gave for one block goes to the disk and into the index of placements. */
static enum err keep_block(struct sealing *s, const struct enclave_item *item,
                           const struct content_key *key)
{
    const struct enclave_seal_block_reply *r = &item->reply.u.seal_block;
    struct replica_record record = { .segment = r->segment, .offset = r->offset };
    record.record.key = *key;
    record.record.length = (uint32_t)item->bulk.n;
    memcpy(record.record.chunk_root, r->chunk_root, 32);
    if (r->segment != s->segment_count || item->bulk_out.n != item->bulk.n)
        return ERR_CORRUPT;
    TRY(open_segment(s));
    if (r->offset != s->segment.length)
        return ERR_CORRUPT;
    TRY(volume_segment_append(&s->segment, span_of(item->bulk_out.p, item->bulk_out.n)));
    return placements_put(&s->gather.links, &record);
}

static enum err keep_batch(struct sealing *s)
{
    enum err e = OK;
    disks_lock(&s->host->disks, s->volume);
    for (size_t i = 0; e == OK && i < s->batch_count; i++) {
        e = s->items[i].result;
        if (e == OK)
            e = keep_block(s, &s->items[i], &s->keys[i]);
    }
    disks_unlock(&s->host->disks, s->volume);
    return e;
}

static enum err flush(struct sealing *s)
{
    if (s->batch_count == 0)
        return OK;
    TRY(enclave_link_batch(&s->host->link, s->items, s->batch_count));
    enum err e = keep_batch(s);
    s->batch_count = 0;
    s->batch_bytes = 0;
    return e == OK ? OK : disk_failed(s, e);
}

static enum err finish_segment(struct sealing *s)
{
    disks_lock(&s->host->disks, s->volume);
    enum err e = open_segment(s);
    if (e == OK) {
        s->segment_open = false;
        e = volume_segment_finish(&s->segment);
    }
    disks_unlock(&s->host->disks, s->volume);
    return e == OK ? OK : disk_failed(s, e);
}

static enum err close_segment(struct sealing *s)
{
    const struct enclave_request m = { .type = ENCLAVE_SEAL_CLOSE, .u.number.number = s->number };
    TRY(flush(s));
    TRY(finish_segment(s));
    TRY(ask(s, &m, (struct span){ NULL, 0 }));
    const struct enclave_seal_close_reply *r = &s->answer.reply.u.seal_close;
    if (r->segment != s->segment_count || s->segment_count == REPLICA_SEGMENTS_MAX)
        return ERR_LIMIT;
    if (s->segment_count == s->segment_room) {
        size_t room = s->segment_room == 0 ? 16 : 2 * s->segment_room;
        uint8_t *more = realloc(s->segments, room * REPLICA_SEGMENT_SIZE);
        if (more == NULL)
            return ERR_MEMORY;
        s->segments = more;
        s->segment_room = room;
    }
    uint8_t *row = s->segments + (size_t)s->segment_count * REPLICA_SEGMENT_SIZE;
    store_le32(row, r->length);
    memcpy(row + 4, r->wrapped, ENCLAVE_WRAPPED_SIZE);
    s->segment_count++;
    s->segment_length = 0;
    return OK;
}

/* ---- blocks ---- */

static enum err seal_block(void *ctx, const struct content_key *key, struct span data)
{
    struct sealing *s = ctx;
    if (s->segment_length + data.n > ENCLAVE_SEGMENT_MAX)
        TRY(close_segment(s));
    if (s->batch_count == BATCH_BLOCKS || s->batch_bytes + data.n > BATCH_BYTES)
        TRY(flush(s));
    struct enclave_item *item = &s->items[s->batch_count];
    *item = (struct enclave_item){ .request.type = ENCLAVE_SEAL_BLOCK };
    item->request.u.seal_block.number = s->number;
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

/* ---- records ---- */

static enum err send_records(struct sealing *s, size_t count)
{
    const struct enclave_request m = { .type = ENCLAVE_SEAL_RECORDS, .u.number.number = s->number };
    if (count == 0)
        return OK;
    return ask(s, &m, span_of(s->in, count * ENCLAVE_COUNTED_SIZE));
}

/* Ascending to the enclave with their in-degrees, and to the replica's files. */
static enum err write_records(struct sealing *s, struct replica_writer *w,
                              struct placements_cursor *cursor)
{
    struct replica_record r;
    uint64_t links;
    size_t count = 0;
    enum err e;
    while ((e = placements_next(&s->gather.links, cursor, &r, &links)) == OK) {
        uint8_t *counted = s->in + count * ENCLAVE_COUNTED_SIZE;
        content_record_encode(counted, &r.record);
        store_le64(counted + CONTENT_RECORD_SIZE, links);
        TRY(replica_writer_add(w, &r));
        if (++count == ENCLAVE_COUNTED_MAX) {
            TRY(send_records(s, count));
            count = 0;
        }
    }
    if (e != ERR_NOT_FOUND)
        return e;
    TRY(send_records(s, count));
    return replica_writer_finish(w);
}

static enum err all_records(struct sealing *s)
{
    struct replica_writer w;
    struct placements_cursor cursor = { NULL };
    enum err e = replica_writer_init(&w, &s->at);
    if (e == OK) {
        disks_lock(&s->host->disks, s->volume);
        e = write_records(s, &w, &cursor);
        disks_unlock(&s->host->disks, s->volume);
    }
    placements_end(&cursor);
    replica_writer_fini(&w);
    return e;
}

/* The enclave's word on what it has sealed, against what the order claims. */
static enum err check_claim(struct sealing *s, const struct node_seal *order)
{
    const uint8_t *leaf = s->answer.reply.u.seal_end.leaf;
    char is[65], said[65];
    if (!order->has_data_root || memcmp(leaf + 44, order->data_root, 32) == 0)
        return OK;
    hex_format(is, span_of(leaf + 44, 32));
    hex_format(said, span_of(order->data_root, 32));
    return call_fail(s->call, ERR_CORRUPT, NULL,
                     "the content's data_root is %s (size %llu), the order claims %s", is,
                     (unsigned long long)load_le64(leaf + 36), said);
}

static enum err end_session(struct sealing *s, const struct node_seal *order)
{
    const struct enclave_request m = { .type = ENCLAVE_SEAL_END, .u.number.number = s->number };
    TRY(ask(s, &m, (struct span){ NULL, 0 }));
    TRY(check_claim(s, order));
    const struct enclave_seal_end_reply *r = &s->answer.reply.u.seal_end;
    struct replica_head head = { .record_count = r->record_count,
                                 .segment_count = s->segment_count };
    memcpy(head.leaf, r->leaf, sizeof(head.leaf));
    memcpy(s->file.leaf, r->leaf, sizeof(s->file.leaf));
    memcpy(s->file.ticket, r->ticket, sizeof(s->file.ticket));
    disks_lock(&s->host->disks, s->volume);
    enum err e = replica_head_put(
        &s->at, &head, span_of(s->segments, (size_t)s->segment_count * REPLICA_SEGMENT_SIZE));
    disks_unlock(&s->host->disks, s->volume);
    return e == OK ? OK : disk_failed(s, e);
}

/* ---- one order ---- */

static enum err prepare(struct sealing *s, const struct node_seal *order)
{
    char scratch[HOST_PATH_MAX + 16];
    s->in = malloc(BATCH_BYTES);
    s->out = malloc(BATCH_BYTES);
    if (s->in == NULL || s->out == NULL)
        return ERR_MEMORY;
    s->gather = (struct gather){
        .call = s->call, .order = order, .phase = "seal", .block = seal_block, .ctx = s
    };
    if (disks_choose(&s->host->disks, &s->volume, order->size_max) != OK)
        return call_fail(s->call, ERR_FULL, "crust disk list", "no volume has room for %llu bytes",
                         (unsigned long long)order->size_max);
    s->at.volume = disks_volume(&s->host->disks, s->volume);
    random_bytes(s->at.id.bytes, sizeof(s->at.id.bytes));
    host_scratch(s->host, scratch);
    TRY(gather_open(&s->gather, scratch));
    TRY(host_begin_seal(s->host, &s->number, &order->key));
    s->begun = true;
    return OK;
}

static enum err work(struct sealing *s, const struct node_seal *order)
{
    TRY(prepare(s, order));
    TRY(gather_run(&s->gather));
    TRY(flush(s));
    if (s->segment_open || s->segment_count == 0)
        TRY(close_segment(s));
    call_progress(s->call, "records", s->gather.bytes, s->gather.bytes);
    TRY(all_records(s));
    TRY(end_session(s, order));
    s->file.entry =
        (struct replicas_entry){ .key = order->key, .volume = s->volume, .id = s->at.id };
    return host_add_file(s->host, &s->file);
}

static void clean(struct sealing *s)
{
    if (s->segment_open)
        volume_segment_abort(&s->segment);
    if (s->begun)
        host_abort(s->host, s->number);
    if (s->at.volume != NULL) {
        disks_lock(&s->host->disks, s->volume);
        if (volume_replica_delete(s->at.volume, &s->at.id) != OK)
            log_warn("replica-not-removed", "volume=%u", s->volume);
        disks_unlock(&s->host->disks, s->volume);
    }
}

/* What was pushed to us is in the replica now; a pin that stays costs room, not the replica. */
static void release_pushed(struct call *c, const struct content_key *key)
{
    enum err e = push_take_release(&c->node->storer, key);
    if (e != OK)
        log_warn("pushed-pin-not-removed", "reason=\"%s\"", err_text(e));
}

enum err sealing_run(struct call *c, const struct node_seal *order, struct node_sealed *out)
{
    struct host *h = c->node->host;
    struct replicas_entry entry;
    if (replicas_get(&h->index, &entry, &order->key) == OK) {
        release_pushed(c, &order->key);
        return host_sealed(h, out, &entry);
    }
    struct sealing *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->call = c;
    s->host = h;
    enum err e = work(s, order);
    if (e != OK) {
        log_warn("seal-failed", "reason=\"%s\" what=\"%s\"", err_text(e), c->what);
        clean(s);
    } else {
        log_info("sealed", "volume=%u bytes=%llu blocks=%llu", s->volume,
                 (unsigned long long)s->gather.bytes, (unsigned long long)s->gather.blocks);
        release_pushed(c, &order->key);
        e = host_sealed(h, out, &s->file.entry);
    }
    gather_close(&s->gather);
    free(s->segments);
    free(s->in);
    free(s->out);
    free(s);
    return e;
}
