#include "engine/embedded.h"

#include "codec/block.h"

#include <stdlib.h>

enum {
    CONTRIBUTION_MAX = 1024, /* a beacon transaction is about 200 bytes */
};

/* The block in hand: decided and on disk, on its way through the ledger. */
struct decided {
    struct block_header header;
    struct agreement agreement;
    uint8_t *record; /* encoded; txs point into it. NULL: no block in hand */
    size_t record_size;
    struct span *txs;
    bool *signatures;
    struct chain_tx_result *results;
    size_t tx_count;
    bool finalized;
};

struct embedded {
    struct embedded_config config;
    struct engine_app app;
    struct statedb *db;
    struct sigpool *sigs;
    struct intake *intake;
    struct engine_info info;
    struct decided next;
    uint64_t replayed;
};

static struct span be64_span(uint8_t buf[8], uint64_t v)
{
    store_be64(buf, v);
    return span_of(buf, 8);
}

/* ---- a decided block goes through the ledger ----------------------------------------------------
 */

static void decided_free(struct decided *d)
{
    free(d->record);
    free(d->txs);
    free(d->signatures);
    free(d->results);
    *d = (struct decided){ 0 };
}

/* decided_load takes over a copy of a block record. */
static enum err decided_load(struct decided *d, struct span record)
{
    struct block block;
    *d = (struct decided){ .record = malloc(record.n + 1), .record_size = record.n };
    if (d->record == NULL)
        return ERR_MEMORY;
    memcpy(d->record, record.p, record.n);
    enum err err = block_decode(&block, span_of(d->record, record.n));
    if (err != OK)
        return ERR_CORRUPT;
    d->header = block.header;
    if (agreement_decode(&d->agreement, block.agreement) != OK)
        return ERR_CORRUPT;
    d->txs = calloc(block.tx_count + 1u, sizeof(*d->txs));
    d->signatures = calloc(block.tx_count + 1u, sizeof(*d->signatures));
    d->results = calloc(block.tx_count + 1u, sizeof(*d->results));
    if (d->txs == NULL || d->signatures == NULL || d->results == NULL)
        return ERR_MEMORY;
    while (d->tx_count < block.tx_count && block_next_tx(&d->txs[d->tx_count], &block.txs))
        d->tx_count++;
    return OK;
}

static struct engine_block decided_block(const struct decided *d)
{
    return (struct engine_block){ .header = &d->header,
                                  .agreement = &d->agreement,
                                  .txs = d->txs,
                                  .signatures = d->signatures,
                                  .tx_count = d->tx_count };
}

static enum err decided_finalize(struct embedded *e)
{
    struct decided *d = &e->next;
    struct chain_output *out = calloc(1, sizeof(*out));
    if (out == NULL)
        return ERR_MEMORY;
    sigpool_check(e->sigs, d->signatures, d->txs, d->tx_count);
    const struct engine_block block = decided_block(d);
    enum err err = e->app.finalize(e->app.ctx, out, d->results, &block);
    free(out);
    d->finalized = err == OK;
    return err;
}

static enum err decided_commit(struct embedded *e)
{
    AUTO(intake_rows_free) struct intake_rows gone;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by AUTO */
    TRY(intake_rows_of(&gone, e->intake, e->next.txs, e->next.tx_count));
    TRY(e->app.commit(e->app.ctx, gone.rows, gone.count));
    uint64_t height = e->next.header.height;
    size_t tx_count = e->next.tx_count;
    e->info = e->app.info(e->app.ctx);
    ASSERT(e->info.height == height);
    intake_committed(e->intake, e->next.txs, tx_count);
    decided_free(&e->next);
    intake_set_busy(e->intake, false);
    if (e->config.committed != NULL)
        e->config.committed(e->config.committed_ctx, height, tx_count);
    return OK;
}

static enum err decided_run(struct embedded *e)
{
    intake_set_busy(e->intake, true); /* until the block is committed */
    if (!e->next.finalized)
        TRY(decided_finalize(e));
    return decided_commit(e);
}

/* ---- proposing
 * ------------------------------------------------------------------------------------ */

/* What may go into the next block, in order of arrival, our own contribution first. *own: room for
 * its bytes. */
static enum err candidates_gather(struct embedded *e, struct chain_candidate **out, size_t *count,
                                  struct mspan own)
{
    uint64_t txs, bytes;
    struct mempool *pool = intake_pool(e->intake);
    mempool_size(pool, &txs, &bytes);
    *count = 0;
    *out = calloc((size_t)txs + 1, sizeof(**out));
    if (*out == NULL)
        return ERR_MEMORY;
    struct span beacon;
    if (e->config.contribution != NULL &&
        e->config.contribution(e->config.contribution_ctx, &beacon, own) == OK) {
        struct chain_candidate *c = &(*out)[0];
        c->bytes = beacon;
        e->app.check_tx(e->app.ctx, &c->check, beacon, false);
        *count = c->check.code == RESULT_OK ? 1 : 0;
    }
    struct mempool_entry entry;
    struct mempool_cursor cursor = { 0 };
    while (mempool_next(pool, &entry, &cursor))
        (*out)[(*count)++] = (struct chain_candidate){ .bytes = entry.bytes, .check = entry.check };
    return OK;
}

/* Puts the record of the next block together in e->next. */
static enum err proposal_build(struct embedded *e, const struct chain_candidate *txs, size_t count,
                               uint64_t now_ms)
{
    struct span *list = calloc(count + 1, sizeof(*list));
    if (list == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        list[i] = txs[i].bytes;
    struct block_header h = { .height = e->info.height + 1,
                              .time_ms = now_ms > e->info.time_ms ? now_ms : e->info.time_ms + 1 };
    memcpy(h.chain, e->info.chain, sizeof(h.chain));
    memcpy(h.parent, e->info.block_hash, sizeof(h.parent));
    memcpy(h.app_hash, e->info.app_hash, sizeof(h.app_hash));
    memcpy(h.proposer, e->config.proposer, sizeof(h.proposer));
    block_tx_root(h.tx_root, list, count);
    agreement_hash(h.agreement, NULL);
    size_t room = block_encoded_max(list, count);
    uint8_t *record = malloc(room);
    enum err err = record == NULL ? ERR_MEMORY : OK;
    if (err == OK) {
        struct writer w = writer_of(record, room);
        block_encode(&w, &h, NULL, list, count);
        ASSERT(w.err == OK);
        err = decided_load(&e->next, writer_span(&w));
        ASSERT(err == OK || err == ERR_MEMORY);
    }
    free(record);
    free(list);
    /* All of them passed check_tx with their signature when they came in. */
    if (err == OK)
        memset(e->next.signatures, true, count * sizeof(*e->next.signatures));
    return err;
}

static enum err propose(struct embedded *e, uint64_t now_ms)
{
    uint8_t own[CONTRIBUTION_MAX];
    struct chain_candidate *txs;
    size_t count;
    size_t max = e->config.block_bytes_max != 0 ? e->config.block_bytes_max : BLOCK_BYTES_MAX;
    enum err err = candidates_gather(e, &txs, &count, (struct mspan){ .p = own, .n = sizeof(own) });
    if (err == OK) {
        e->app.prepare(e->app.ctx, txs, &count, max - BLOCK_HEADER_MAX - AGREEMENT_SIZE_MAX);
        err = proposal_build(e, txs, count, now_ms);
    }
    struct engine_block block = decided_block(&e->next);
    if (err == OK && !e->app.process(e->app.ctx, &block)) {
        /* What prepare gives, process takes; if not, the chain goes on with an empty block. */
        decided_free(&e->next);
        err = proposal_build(e, txs, 0, now_ms);
        block = decided_block(&e->next);
        if (err == OK && !e->app.process(e->app.ctx, &block))
            err = ERR_STATE;
    }
    free(txs);
    return err;
}

enum err embedded_make_block(struct embedded *e, uint64_t now_ms)
{
    if (e->next.record != NULL)
        return decided_run(e);
    enum err err = propose(e, now_ms);
    if (err == OK) {
        uint8_t key[8];
        const struct statedb_row row = { .table = STATEDB_BLOCKS,
                                         .key = be64_span(key, e->next.header.height),
                                         .value = span_of(e->next.record, e->next.record_size) };
        err = statedb_write(e->db, &row, 1);
    }
    if (err != OK) {
        decided_free(&e->next);
        return err;
    }
    return decided_run(e);
}

bool embedded_is_stuck(const struct embedded *e)
{
    return e->next.record != NULL;
}

/* ---- transactions come in
 * -------------------------------------------------------------------------- */

/* ---- starting
 * ----------------------------------------------------------------------------------------- */

/* A stored block must follow from the one before it and from the state. */
static bool follows(const struct embedded *e, const struct block_header *h, uint64_t height)
{
    /* SPEC block 1.2: "MUST be greater than the parent's" */
    return h->height == height && h->time_ms > e->info.time_ms &&
           memcmp(h->chain, e->info.chain, sizeof(h->chain)) == 0 &&
           memcmp(h->parent, e->info.block_hash, sizeof(h->parent)) == 0 &&
           memcmp(h->app_hash, e->info.app_hash, sizeof(h->app_hash)) == 0;
}

/* Executes the blocks that were decided and not committed. */
static enum err replay(struct embedded *e)
{
    for (;;) {
        const struct kv blocks = statedb_committed(e->db, STATEDB_BLOCKS);
        uint8_t key[8];
        struct span record;
        enum err err = kv_get(&blocks, &record, be64_span(key, e->info.height + 1));
        if (err == ERR_NOT_FOUND)
            return OK;
        TRY(err);
        TRY(decided_load(&e->next, record));
        if (!follows(e, &e->next.header, e->info.height + 1))
            return ERR_CORRUPT;
        TRY(decided_run(e));
        e->replayed++;
    }
}

enum err embedded_open(struct embedded **out, const struct embedded_config *config,
                       const struct engine_app *app, struct statedb *db, struct sigpool *sigs)
{
    *out = NULL;
    struct embedded *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return ERR_MEMORY;
    e->config = *config;
    e->app = *app;
    e->db = db;
    e->sigs = sigs;
    e->info = app->info(app->ctx);
    enum err err = intake_open(&e->intake, &config->mempool, config->seed, app, db);
    if (err == OK && e->info.fresh)
        err = ERR_STATE;
    if (err == OK)
        err = replay(e);
    if (err == OK)
        err = intake_reload(e->intake, sigs);
    if (err != OK) {
        embedded_close(e);
        return err;
    }
    *out = e;
    return OK;
}

void embedded_close(struct embedded *e)
{
    if (e == NULL)
        return;
    decided_free(&e->next);
    intake_close(e->intake);
    free(e);
}

struct intake *embedded_intake(struct embedded *e)
{
    return e->intake;
}

struct engine_info embedded_info(const struct embedded *e)
{
    return e->info;
}

uint64_t embedded_replayed(const struct embedded *e)
{
    return e->replayed;
}
