/* What others ask the host: status, evidence, and blocks out of sealed replicas. */
#include "crypto/sha256.h"
#include "ipfsd/host.h"
#include "ipfsd/ipfsd.h"
#include "rt/log.h"

#include <stdlib.h>

/* ---- status ---- */

void host_publish(struct host *h)
{
    struct host_numbers n = { .seq = h->now.seq, .pending = h->pending_leaves };
    memcpy(n.s, h->s, 32);
    memcpy(n.worker, h->worker, 32);
    memcpy(n.lineage, h->lineage, 32);
    if (h->handover.stage == HANDOVER_TAKEN && memcmp(h->handover.successor, h->worker, 32) == 0)
        memcpy(n.predecessor, h->handover.predecessor, 32);
    for (uint32_t v = 0; v < WORK_VOLUMES; v++) {
        n.files += h->now.volumes[v].files.count;
        n.file_bytes += h->now.volumes[v].files.root.sum;
        n.extents += h->now.volumes[v].srd.count;
        n.extent_bytes += h->now.volumes[v].srd.root.sum;
    }
    pthread_mutex_lock(&h->numbers_lock);
    h->numbers = n;
    pthread_mutex_unlock(&h->numbers_lock);
}

bool host_index_whole(struct host *h)
{
    pthread_mutex_lock(&h->lock);
    bool whole = !h->index_stale && !h->index_partial && !h->index_behind;
    pthread_mutex_unlock(&h->lock);
    return whole;
}

/* From memory alone: a disk that hangs must not make this wait. */
static void status_disks(struct host *h, struct host_view *out)
{
    struct node_status *s = &out->status;
    for (uint32_t v = 0; v < DISKS_MAX && s->disk_count < NODE_DISKS_MAX; v++) {
        const struct volume *volume = disks_volume(&h->disks, v);
        struct volume_space space;
        if (volume == NULL)
            continue;
        volume_space_known(volume, &space);
        disks_text(&h->disks, v, out->texts[v]);
        s->disks[s->disk_count++] = (struct node_disk){
            .path = span_str(h->disks.disks[v].path),
            .state = span_str(out->texts[v]),
            .volume = v,
            .capacity = space.capacity,
            .replicas = space.replicas,
            .extents = space.extents,
            .free = space.free,
        };
    }
}

void host_status(struct host *h, struct host_view *out)
{
    struct node_status *s = &out->status;
    *out = (struct host_view){ .status = { .storage = true, .provider = span_str(h->provider) } };
    pthread_mutex_lock(&h->numbers_lock);
    const struct host_numbers n = h->numbers;
    pthread_mutex_unlock(&h->numbers_lock);
    memcpy(s->worker, n.worker, 32);
    memcpy(s->predecessor, n.predecessor, 32);
    memcpy(s->lineage, n.lineage, 32);
    memcpy(s->s, n.s, 32);
    s->seq = n.seq;
    s->pending = n.pending;
    s->files = n.files;
    s->file_bytes = n.file_bytes;
    s->extents = n.extents;
    s->extent_bytes = n.extent_bytes;
    status_disks(h, out);
}

bool host_lineage(struct host *h, uint8_t out[32])
{
    static const uint8_t zero[32];
    pthread_mutex_lock(&h->numbers_lock);
    memcpy(out, h->numbers.lineage, 32);
    pthread_mutex_unlock(&h->numbers_lock);
    return memcmp(out, zero, 32) != 0;
}

enum err host_sealed(struct host *h, struct node_sealed *out, const struct replicas_entry *e)
{
    struct replica_head head;
    const struct replica_at at = { disks_volume(&h->disks, e->volume), e->id };
    *out = (struct node_sealed){ .key = e->key, .volume = e->volume, .index = e->index };
    if (at.volume == NULL)
        return ERR_NOT_FOUND;
    TRY(replica_head_get(&head, &at));
    out->size = load_le64(head.leaf + 36);
    memcpy(out->data_root, head.leaf + 44, 32);
    memcpy(out->seal_root, head.leaf + 76, 32);
    return OK;
}

enum err host_evidence(struct host *h, uint8_t out[ENCLAVE_EVIDENCE_MAX], size_t *size,
                       const struct node_register *m)
{
    struct enclave_request rq = { .type = ENCLAVE_EVIDENCE };
    memcpy(rq.u.evidence.account, m->account, 32);
    memcpy(rq.u.evidence.block_hash, m->block_hash, 32);
    if (memcmp(m->chain, h->chain, 32) != 0)
        return ERR_DENIED;
    pthread_mutex_lock(&h->lock);
    enum err e = enclave_link_call(&h->link, &h->answer, (struct mspan){ NULL, 0 }, &rq,
                                   (struct span){ NULL, 0 });
    if (e == OK) {
        struct span evidence = h->answer.reply.u.evidence.evidence;
        e = evidence.n <= ENCLAVE_EVIDENCE_MAX ? OK : ERR_LIMIT;
        *size = e == OK ? evidence.n : 0;
        memcpy(out, evidence.p, *size);
    }
    pthread_mutex_unlock(&h->lock);
    return e;
}

/* ---- unsealing ---- */

struct sealed_block {
    struct replica_at at;
    struct replica_head head;
    struct replica_record record;
};

/* The nth place of a block, when it can be read. */
static enum err locate(struct host *h, struct sealed_block *b, const uint8_t digest[32],
                       uint32_t nth)
{
    struct replicas_place place;
    TRY(replicas_block(&h->index, &place, digest, nth));
    b->at = (struct replica_at){ disks_volume(&h->disks, place.volume), place.id };
    if (!disks_readable(&h->disks, place.volume))
        return ERR_STATE;
    enum err e = replica_head_get(&b->head, &b->at);
    if (e == OK)
        e = replica_record_get(&b->record, &b->at, &b->head, place.record);
    if (e != OK)
        return e == ERR_NOT_FOUND ? ERR_CORRUPT : e; /* of this place; there may be others */
    return memcmp(b->record.record.key.digest, digest, 32) == 0 ? OK : ERR_CORRUPT;
}

enum err host_unseal_block(struct host *h, struct enclave_answer *answer, struct mspan buf,
                           const struct host_block *b)
{
    struct enclave_request m = { .type = ENCLAVE_UNSEAL };
    struct enclave_unseal *u = &m.u.unseal;
    const uint32_t length = b->record->record.length;
    ASSERT(buf.n >= length);
    u->content.codec = load_le32(b->head->leaf);
    memcpy(u->content.digest, b->head->leaf + 4, 32);
    u->segment = b->record->segment;
    u->offset = b->record->offset;
    memcpy(u->digest, b->record->record.key.digest, 32);
    TRY(replica_segment_get(&u->length, u->wrapped, b->at, u->segment));
    uint8_t *sealed = malloc((size_t)length + 1);
    if (sealed == NULL)
        return ERR_MEMORY;
    enum err e = volume_segment_read(b->at->volume, (struct mspan){ sealed, length }, &b->at->id,
                                     u->segment, u->offset);
    if (e == OK)
        e = enclave_link_call(&h->link, answer, buf, &m, span_of(sealed, length));
    free(sealed);
    if (e == OK) {
        uint8_t digest[32];
        sha256(digest, span_of(buf.p, length));
        e = answer->bulk_size == length && memcmp(digest, u->digest, 32) == 0 ? OK : ERR_CORRUPT;
    }
    return e;
}

static enum err unseal_any(struct host *h, size_t *size, struct mspan buf, const uint8_t digest[32])
{
    struct sealed_block b;
    enum err last = ERR_NOT_FOUND;
    struct enclave_answer *answer = malloc(sizeof(*answer));
    if (answer == NULL)
        return ERR_MEMORY;
    for (uint32_t nth = 0;; nth++) {
        enum err e = locate(h, &b, digest, nth);
        if (e == ERR_NOT_FOUND && nth > 0)
            break; /* no further place: what the last one said stands */
        if (e == ERR_NOT_FOUND)
            break;
        if (e == OK) {
            *size = b.record.record.length;
            const struct host_block block = { &b.at, &b.head, &b.record };
            e = *size <= buf.n ? host_unseal_block(h, answer, buf, &block) : ERR_LIMIT;
        }
        last = e;
        if (e == OK || e == ERR_LIMIT)
            break;
        log_warn("sealed-block-not-read", "reason=\"%s\"", err_text(e));
    }
    free(answer);
    return last;
}

enum err host_unseal(struct host *h, size_t *size, struct mspan buf, const uint8_t digest[32])
{
    *size = 0;
    enum err e = ERR_BUSY;
    if (atomic_fetch_add(&h->unseals, 1) < BLOCKS_UNSEALS_MAX)
        e = unseal_any(h, size, buf, digest);
    atomic_fetch_sub(&h->unseals, 1);
    return e;
}

enum err host_sealed_size(struct host *h, size_t *size, const uint8_t digest[32])
{
    struct sealed_block b;
    for (uint32_t nth = 0;; nth++) {
        enum err e = locate(h, &b, digest, nth);
        if (e == ERR_NOT_FOUND)
            return e;
        if (e != OK)
            continue;
        if (size != NULL)
            *size = b.record.record.length;
        return OK;
    }
}
