#include "ipfsd/reports.h"

#include "ipfsd/host.h"
#include "ipfsd/ipfsd.h"
#include "proof/srd.h"
#include "rt/log.h"

#include <stdlib.h>

enum { DRAWS_PAGE = 256 };

/* A report under way; large. */
struct report_job {
    struct call *call;
    struct host *host;
    const struct node_report *m;
    struct host_log_step base, step;
    bool has_step;
    bool asked;              /* the answer under way has been shown to the enclave */
    bool too_long;           /* REPORT_END: with this step it is longer than a report may be */
    struct work_state state; /* of the base: what the draws run over */
    uint32_t public_draws, draws, misses, private_misses;
    uint8_t entries[ENCLAVE_ENTRIES_MAX * ENCLAVE_ENTRY_SIZE];
    size_t entries_size;
    uint8_t page[DRAWS_PAGE * ENCLAVE_DRAW_SIZE];
    struct enclave_answer answer;
    struct treestore_leaf leaf;
    uint8_t path[TREESTORE_PATH_MAX];
    size_t path_size;
    struct replica_head head;
    struct replica_place place;
    struct replica_seal seal;
    uint8_t chunk_path[SRD_DEPTH_MAX][32];
    uint8_t data[ENCLAVE_BLOCK_MAX]; /* also a row of an extent, which is shorter */
};

static enum err ask(struct report_job *j, const struct enclave_request *m, struct mspan out,
                    struct span bulk)
{
    return enclave_link_call(&j->host->link, &j->answer, out, m, bulk);
}

static enum err ask_plain(struct report_job *j, const struct enclave_request *m)
{
    return ask(j, m, (struct mspan){ NULL, 0 }, (struct span){ NULL, 0 });
}

/* ---- which state, which step ---- */

static enum err base_hash(uint8_t s[32], const struct report_job *j)
{
    struct work_state state;
    if (j->m->state.n == 0) {
        work_state_init(&state, j->host->lineage);
    } else {
        TRY(work_state_decode(&state, j->m->state));
    }
    work_state_hash(s, &state);
    return OK;
}

/* The state of a cut is the start of its bytes. */
static enum err open_base(struct report_job *j)
{
    if (j->base.seq != 0)
        return work_state_decode(&j->state, span_of(j->base.cut, WORK_STATE_SIZE));
    work_state_init(&j->state, j->host->lineage);
    return OK;
}

static enum err choose_locked(struct report_job *j, const uint8_t s[32])
{
    struct host *h = j->host;
    const struct host_log_step *next, *base = host_log_find(&h->log, s, &next);
    if (base == NULL)
        return call_fail(j->call, ERR_NOT_FOUND, "crust doctor",
                         "the chain stores a state of this worker that this node does not know: "
                         "its journal is older than the chain, or another node has its keys");
    /* Only behind the newest step may a new one be sent at once. */
    if (j->m->step && next == NULL && h->pending_leaves > 0) {
        enum err e = host_cut(h);
        if (e == ERR_STATE)
            e = host_refresh(h); /* nothing was pending: what we remembered was not so */
        if (e != OK && e != ERR_FULL)
            return e;
        base = host_log_find(&h->log, s, &next);
        ASSERT(base != NULL);
    }
    j->base = *base;
    if (j->m->step && next != NULL) {
        j->step = *next;
        j->has_step = true;
    }
    return open_base(j);
}

static enum err choose(struct report_job *j)
{
    uint8_t s[32];
    if (base_hash(s, j) != OK)
        return call_fail(j->call, ERR_FORMAT, NULL, "the state in the request is malformed");
    pthread_mutex_lock(&j->host->lock);
    enum err e = choose_locked(j, s);
    pthread_mutex_unlock(&j->host->lock);
    return e;
}

/* ---- the request to the enclave ---- */

static void add_entry(struct report_job *j, const struct node_owed *o, uint32_t volume)
{
    uint8_t *p = j->entries + j->entries_size;
    if (j->entries_size == sizeof(j->entries))
        return;
    store_le64(p, o->slot);
    memcpy(p + 8, o->beacon, 32);
    store_le16(p + 40, o->suspended);
    p[42] = (uint8_t)volume;
    j->entries_size += ENCLAVE_ENTRY_SIZE;
}

static void list_entries(struct report_job *j)
{
    const struct node_report *m = j->m;
    if (m->has_return_beacon) {
        add_entry(j, &m->returned, m->return_volume);
        return;
    }
    struct node_owed now = { .slot = m->slot, .suspended = m->suspended };
    memcpy(now.beacon, m->beacon, 32);
    if (m->owed_count > 0)
        add_entry(j, &m->owed[0], ENCLAVE_NO_VOLUME);
    if (m->first)
        add_entry(j, &now, ENCLAVE_NO_VOLUME);
}

static enum err begin(struct report_job *j)
{
    const struct node_report *m = j->m;
    struct enclave_request rq = { .type = ENCLAVE_REPORT_BEGIN };
    struct enclave_report_begin *b = &rq.u.report_begin;
    b->slot = m->slot;
    memcpy(b->beacon, m->beacon, 32);
    memcpy(b->account, m->account, 32);
    b->draws_files = m->draws_files;
    b->draws_srd = m->draws_srd;
    b->draws_return = m->draws_return;
    /* The host sees a disk go before who asked has heard of it. */
    uint32_t suspend = m->suspend_volume;
    if (suspend == NODE_VOLUME_NONE)
        suspend = host_to_suspend(j->host, &j->state, m->suspended);
    if (suspend != NODE_VOLUME_NONE)
        b->suspend = (struct enclave_optional_volume){ true, suspend };
    if (m->return_volume != NODE_VOLUME_NONE)
        b->return_ = (struct enclave_optional_volume){ true, m->return_volume };
    if (j->base.seq != 0)
        b->base = span_of(j->base.cut, sizeof(j->base.cut));
    if (j->has_step) {
        b->step = span_of(j->step.bytes, j->step.size);
        b->step_mac = span_of(j->step.mac, 32);
    }
    b->entries = span_of(j->entries, j->entries_size);
    TRY(ask_plain(j, &rq));
    j->public_draws = j->answer.reply.u.report_begin.public_draws;
    j->draws = j->answer.reply.u.report_begin.draws;
    return OK;
}

/* ---- answers ---- */

struct drawn {
    uint32_t number;
    uint32_t volume;
    bool srd;
    uint64_t offset;
};

/* The leaf that holds the offset, and its path, as the chain's state has them. */
static enum err find_leaf(struct report_job *j, const struct drawn *d, uint64_t *rest)
{
    struct treestore_place at = {
        host_tree_of(d->volume, d->srd, j->state.volumes[d->volume].generation), j->base.version, 0
    };
    TRY(treestore_find(j->host->trees, &j->leaf, rest, at.tree, at.version, d->offset));
    at.index = j->leaf.index;
    TRY(treestore_path(j->host->trees, j->path, &j->path_size, &at));
    return disks_readable(&j->host->disks, d->volume) ? OK : ERR_STATE;
}

static struct span path_span(const struct report_job *j)
{
    return span_of(j->path, j->path_size);
}

static enum err answer_file(struct report_job *j, const struct drawn *d)
{
    uint64_t rest;
    struct enclave_request rq = { .type = ENCLAVE_REPORT_FILE };
    struct enclave_report_file *r = &rq.u.report_file;
    TRY(find_leaf(j, d, &rest));
    if (j->leaf.data_size != HOST_FILE_DATA)
        return ERR_CORRUPT;
    struct replica_at at = { .volume = disks_volume(&j->host->disks, d->volume) };
    memcpy(at.id.bytes, j->leaf.data, VOLUME_REPLICA_SIZE);
    TRY(replica_head_get(&j->head, &at));
    TRY(replica_find(&j->place, &at, &j->head, rest));
    TRY(replica_seal_path(&j->seal, &at, &j->head, j->place.record.segment));
    const uint32_t length = j->place.record.record.length;
    TRY(volume_segment_read(at.volume, (struct mspan){ j->data, length }, &at.id,
                            j->place.record.segment, j->place.record.offset));
    *r = (struct enclave_report_file){
        .draw = d->number,
        .index = j->leaf.index,
        .path = path_span(j),
        .record_count = j->head.record_count,
        .record_index = j->place.index,
        .record_path = span_of(j->place.path, j->place.path_size),
        .segment = j->place.record.segment,
        .segment_count = j->head.segment_count,
        .segment_length = j->seal.length,
        .offset = j->place.record.offset,
        .seal_path = span_of(j->seal.path, j->seal.steps * 32),
    };
    memcpy(r->leaf, j->leaf.data + VOLUME_REPLICA_SIZE, sizeof(r->leaf));
    content_record_encode(r->record, &j->place.record.record);
    memcpy(r->wrapped, j->seal.wrapped, sizeof(r->wrapped));
    j->asked = true;
    return ask(j, &rq, (struct mspan){ NULL, 0 }, span_of(j->data, length));
}

static enum err answer_extent(struct report_job *j, const struct drawn *d)
{
    uint64_t rest;
    struct enclave_request rq = { .type = ENCLAVE_REPORT_EXTENT };
    struct enclave_report_extent *r = &rq.u.report_extent;
    uint8_t rows[1024][32];
    TRY(find_leaf(j, d, &rest));
    if (j->leaf.data_size != HOST_EXTENT_DATA)
        return ERR_CORRUPT;
    struct volume *volume = disks_volume(&j->host->disks, d->volume);
    const uint32_t number = load_le32(j->leaf.data);
    const uint64_t size = load_le64(j->leaf.data + 36), count = size / SRD_ROW_SIZE;
    if (count == 0 || count > 1024)
        return ERR_CORRUPT;
    const uint64_t chunk = rest / CHUNK_SIZE, row = rest / SRD_ROW_SIZE;
    TRY(volume_extent_read_rows(volume, rows, (size_t)count, number, 0));
    TRY(volume_extent_read(volume, (struct mspan){ j->data, SRD_ROW_SIZE }, number,
                           row * SRD_ROW_SIZE));
    size_t steps = srd_path(j->chunk_path, j->data, (const uint8_t(*)[32])rows, count, chunk);
    *r = (struct enclave_report_extent){ .draw = d->number,
                                         .index = j->leaf.index,
                                         .size = size,
                                         .path = path_span(j),
                                         .chunk_path = span_of(j->chunk_path, steps * 32) };
    memcpy(r->root, j->leaf.data + 4, 32);
    j->asked = true;
    return ask(j, &rq, (struct mspan){ NULL, 0 },
               span_of(j->data + chunk % 1024 * CHUNK_SIZE, CHUNK_SIZE));
}

/* Want of memory or of open files says nothing about the disk: it is no miss, which costs money;
 * the report is asked for again. */
static bool is_ours(const struct report_job *j, enum err e)
{
    return e == ERR_CLOSED || e == ERR_MEMORY || e == ERR_BUSY || e == ERR_TIMEOUT ||
           (e == ERR_LIMIT && !j->asked);
}

/* An answer that the enclave refuses changes nothing there: it is a miss like one we cannot read.
 */
static enum err answer_draw(struct report_job *j, const struct drawn *d)
{
    j->asked = false;
    enum err e = d->srd ? answer_extent(j, d) : answer_file(j, d);
    if (e == OK || is_ours(j, e))
        return e;
    log_debug("draw-missed", "volume=%u srd=%d reason=\"%s\"", d->volume, (int)d->srd, err_text(e));
    /* Its bytes are checked before it counts again; an error of the disk has been noted there. */
    if (e != ERR_IO && e != ERR_MEMORY && disks_volume(&j->host->disks, d->volume) != NULL)
        volume_doubt(disks_volume(&j->host->disks, d->volume));
    if (d->number < j->public_draws)
        j->misses++;
    else
        j->private_misses++;
    const struct enclave_request miss = { .type = ENCLAVE_REPORT_MISS,
                                          .u.report_miss.draw = d->number };
    return ask_plain(j, &miss);
}

static enum err answer_page(struct report_job *j, uint32_t first, uint32_t count)
{
    struct enclave_request rq = { .type = ENCLAVE_REPORT_DRAWS };
    rq.u.report_draws.first = first;
    rq.u.report_draws.count = count;
    TRY(ask_plain(j, &rq));
    struct span draws = j->answer.reply.u.report_draws.draws;
    if (draws.n != (size_t)count * ENCLAVE_DRAW_SIZE)
        return ERR_FORMAT;
    memcpy(j->page, draws.p, draws.n);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *p = j->page + (size_t)i * ENCLAVE_DRAW_SIZE;
        const struct drawn d = { first + i, p[2] % WORK_VOLUMES, p[1] % 2 == 1, load_le64(p + 8) };
        TRY(answer_draw(j, &d));
    }
    return OK;
}

/* One report from BEGIN to END, in which every draw is answered. */
static enum err attempt(struct report_job *j, uint8_t *out, size_t *size)
{
    const struct enclave_request end = { .type = ENCLAVE_REPORT_END };
    j->misses = j->private_misses = 0;
    for (uint32_t at = 0; at < j->draws; at += DRAWS_PAGE) {
        uint32_t rest = j->draws - at;
        TRY(answer_page(j, at, rest < DRAWS_PAGE ? rest : DRAWS_PAGE));
    }
    enum err e = ask(j, &end, (struct mspan){ out, REPORTS_SIZE_MAX }, (struct span){ NULL, 0 });
    j->too_long = e == ERR_LIMIT;
    TRY(e);
    *size = j->answer.bulk_size;
    return OK;
}

/* The draws have a deadline, the step has none: it goes into a report of its own when there is no
 * room for it beside the answers (docs/spec/report.md 6), or when the enclave will not carry it. */
static enum err begin_and_answer(struct report_job *j, uint8_t *out, size_t *size)
{
    enum err e = begin(j);
    bool refused = e != OK;
    if (e == OK)
        e = attempt(j, out, size);
    if (!j->has_step || j->entries_size == 0 || e == ERR_CLOSED || !(refused || j->too_long))
        return e;
    log_warn("report-without-step", "slot=%llu step=%llu reason=\"%s\"",
             (unsigned long long)j->m->slot, (unsigned long long)j->step.seq, err_text(e));
    j->has_step = false;
    TRY(begin(j));
    return attempt(j, out, size);
}

static enum err make(struct report_job *j, uint8_t *out, size_t *size)
{
    TRY(choose(j));
    list_entries(j);
    TRY(begin_and_answer(j, out, size));
    if (j->misses + j->private_misses > 0)
        log_warn("draws-missed", "slot=%llu public=%u private=%u next=\"crust doctor disk\"",
                 (unsigned long long)j->m->slot, j->misses, j->private_misses);
    log_info("report-made", "slot=%llu step=%llu draws=%u missed=%u failed=%u",
             (unsigned long long)j->m->slot, (unsigned long long)(j->has_step ? j->step.seq : 0),
             j->draws, j->misses, j->private_misses);
    return OK;
}

enum err reports_make(struct call *c, const struct node_report *m, uint8_t out[REPORTS_SIZE_MAX],
                      size_t *size)
{
    *size = 0;
    if (memcmp(m->chain, c->node->host->chain, 32) != 0)
        return call_fail(c, ERR_DENIED, NULL, "this node works for another chain");
    struct report_job *j = calloc(1, sizeof(*j));
    if (j == NULL)
        return ERR_MEMORY;
    j->call = c;
    j->host = c->node->host;
    j->m = m;
    host_suspended(j->host, m->suspended);
    enum err e = make(j, out, size);
    free(j);
    return e;
}
