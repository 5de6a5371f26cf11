#include "engine/embedded.h"

#include "codec/block.h"

#include <stdlib.h>

enum {
    CONTRIBUTION_MAX = 1024, /* a beacon transaction is about 200 bytes */
    STALE_MAX = 65536,       /* rows of the pool's table that wait to be deleted */
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
    struct mempool *pool;
    struct engine_info info;
    struct decided next;
    uint64_t sequence; /* of the last transaction taken in */
    uint64_t replayed;
    /* Admitted and not yet durable. */
    uint8_t waiting[EMBEDDED_WAITING_MAX][TX_ID_SIZE];
    uint64_t replaced[EMBEDDED_WAITING_MAX]; /* by waiting[i]: its sequence, or 0 */
    size_t waiting_count;
    /* Sequences whose rows are deleted with the next block. A row that is not deleted is looked at
     * again after a restart, so losing this list costs nothing. */
    uint64_t stale[STALE_MAX];
    size_t stale_count;
};

static struct span be64_span(uint8_t buf[8], uint64_t v)
{
    store_be64(buf, v);
    return span_of(buf, 8);
}

static void stale_add(struct embedded *e, uint64_t sequence)
{
    if (e->stale_count < STALE_MAX && sequence != 0)
        e->stale[e->stale_count++] = sequence;
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

/* The deletions from the pool's table that go with the block: what is in it, and what is stale. */
struct deletions {
    struct statedb_row *rows;
    uint8_t (*keys)[8];
    size_t count;
};

static void deletions_free(struct deletions *d)
{
    free(d->rows);
    free(d->keys);
}

static void deletions_add(struct deletions *d, uint64_t sequence)
{
    d->rows[d->count] = (struct statedb_row){ .table = STATEDB_POOL,
                                              .key = be64_span(d->keys[d->count], sequence),
                                              .del = true };
    d->count++;
}

static enum err deletions_of(struct deletions *d, const struct embedded *e)
{
    size_t max = e->next.tx_count + e->stale_count + 1;
    *d = (struct deletions){ .rows = calloc(max, sizeof(*d->rows)),
                             .keys = calloc(max, sizeof(*d->keys)) };
    if (d->rows == NULL || d->keys == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < e->next.tx_count; i++) {
        struct mempool_entry entry;
        uint8_t id[TX_ID_SIZE];
        tx_id(id, e->next.txs[i]);
        if (mempool_get(e->pool, &entry, id) && entry.durable)
            deletions_add(d, entry.sequence);
    }
    for (size_t i = 0; i < e->stale_count; i++)
        deletions_add(d, e->stale[i]);
    return OK;
}

/* Every waiting transaction is looked at again: the block may have made it impossible. */
static void recheck(struct embedded *e)
{
    struct mempool_entry entry;
    struct mempool_cursor cursor = { 0 };
    while (mempool_next(e->pool, &entry, &cursor)) {
        struct chain_check check;
        e->app.check_tx(e->app.ctx, &check, entry.bytes, true);
        if (check.code == RESULT_OK)
            continue;
        stale_add(e, entry.sequence);
        mempool_drop(e->pool, entry.check.id, (uint32_t)check.code);
    }
}

static enum err decided_commit(struct embedded *e)
{
    AUTO(deletions_free) struct deletions gone;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by AUTO */
    TRY(deletions_of(&gone, e));
    TRY(e->app.commit(e->app.ctx, gone.rows, gone.count));
    for (size_t i = 0; i < e->next.tx_count; i++) {
        uint8_t id[TX_ID_SIZE];
        uint64_t sequence;
        tx_id(id, e->next.txs[i]);
        mempool_remove(e->pool, &sequence, id);
    }
    e->stale_count = 0;
    uint64_t height = e->next.header.height;
    size_t tx_count = e->next.tx_count;
    decided_free(&e->next);
    e->info = e->app.info(e->app.ctx);
    ASSERT(e->info.height == height);
    recheck(e);
    if (e->config.committed != NULL)
        e->config.committed(e->config.committed_ctx, height, tx_count);
    return OK;
}

static enum err decided_run(struct embedded *e)
{
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
    mempool_size(e->pool, &txs, &bytes);
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
    while (mempool_next(e->pool, &entry, &cursor))
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

enum embedded_verdict embedded_submit(struct embedded *e, struct chain_check *check, struct span tx,
                                      bool signed_ok)
{
    *check = (struct chain_check){ 0 };
    if (embedded_is_stuck(e) || e->waiting_count == EMBEDDED_WAITING_MAX)
        return EMBEDDED_BUSY;
    e->app.check_tx(e->app.ctx, check, tx, signed_ok);
    if (check->code != RESULT_OK)
        return EMBEDDED_REFUSED;
    const struct mempool_entry entry = { .bytes = tx,
                                         .check = *check,
                                         .sequence = e->sequence + 1 };
    uint64_t replaced;
    switch (mempool_add(e->pool, &replaced, &entry)) {
    case MEMPOOL_ADDED:
        break;
    case MEMPOOL_KNOWN:
        return EMBEDDED_KNOWN;
    case MEMPOOL_CONFLICT:
        return EMBEDDED_CONFLICT;
    case MEMPOOL_FULL:
        return EMBEDDED_BUSY;
    }
    e->sequence++;
    memcpy(e->waiting[e->waiting_count], check->id, TX_ID_SIZE);
    e->replaced[e->waiting_count] = replaced;
    e->waiting_count++;
    return EMBEDDED_ACCEPTED;
}

/* Takes a row of the pool's table into the pool. signed_ok as found out before. */
static void take_in(struct embedded *e, uint64_t sequence, struct span bytes, bool signed_ok)
{
    struct mempool_entry entry = { .bytes = bytes, .sequence = sequence, .durable = true };
    uint64_t replaced;
    if (sequence > e->sequence)
        e->sequence = sequence;
    e->app.check_tx(e->app.ctx, &entry.check, bytes, signed_ok);
    if (entry.check.code == RESULT_OK && mempool_add(e->pool, &replaced, &entry) == MEMPOOL_ADDED) {
        stale_add(e, replaced);
        return;
    }
    stale_add(e, sequence);
    mempool_drop(e->pool, entry.check.id, (uint32_t)entry.check.code);
}

/* The disk refused: the new ones go, and what they had replaced comes back. */
static void flush_undo(struct embedded *e)
{
    for (size_t i = 0; i < e->waiting_count; i++) {
        uint64_t ignored;
        mempool_remove(e->pool, &ignored, e->waiting[i]);
    }
    const struct kv pool = statedb_committed(e->db, STATEDB_POOL);
    for (size_t i = 0; i < e->waiting_count; i++) {
        uint8_t key[8];
        struct span bytes;
        if (e->replaced[i] != 0 && kv_get(&pool, &bytes, be64_span(key, e->replaced[i])) == OK)
            take_in(e, e->replaced[i], bytes, true);
    }
    e->waiting_count = 0;
}

enum err embedded_flush(struct embedded *e)
{
    if (e->waiting_count == 0)
        return OK;
    struct statedb_row *rows = calloc(2 * e->waiting_count, sizeof(*rows));
    uint8_t(*keys)[8] = calloc(2 * e->waiting_count, sizeof(*keys));
    size_t count = 0;
    enum err err = rows == NULL || keys == NULL ? ERR_MEMORY : OK;
    for (size_t i = 0; err == OK && i < e->waiting_count; i++) {
        struct mempool_entry entry;
        /* One of this turn may have been replaced within the same turn. */
        if (mempool_get(e->pool, &entry, e->waiting[i])) {
            rows[count] = (struct statedb_row){ .table = STATEDB_POOL,
                                                .key = be64_span(keys[count], entry.sequence),
                                                .value = entry.bytes };
            count++;
        }
        if (e->replaced[i] != 0) {
            rows[count] = (struct statedb_row){ .table = STATEDB_POOL,
                                                .key = be64_span(keys[count], e->replaced[i]),
                                                .del = true };
            count++;
        }
    }
    if (err == OK)
        err = statedb_write(e->db, rows, count);
    free(rows);
    free(keys);
    if (err != OK) {
        flush_undo(e);
        return err;
    }
    for (size_t i = 0; i < e->waiting_count; i++)
        mempool_set_durable(e->pool, e->waiting[i]);
    e->waiting_count = 0;
    return OK;
}

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

struct pool_rows {
    struct span *bytes;
    uint64_t *sequences;
    bool *ok;
    size_t count;
};

static void pool_rows_free(struct pool_rows *r)
{
    free(r->bytes);
    free(r->sequences);
    free(r->ok);
}

static enum err pool_rows_read(struct pool_rows *r, const struct kv *pool)
{
    struct span key = { NULL, 0 }, value;
    size_t room = 0;
    enum err err;
    while ((err = kv_next(pool, &key, &value, key, r->count != 0)) == OK) {
        if (r->count == room) {
            room = room == 0 ? 1024 : room * 2;
            struct span *bytes = realloc(r->bytes, room * sizeof(*bytes));
            r->bytes = bytes != NULL ? bytes : r->bytes;
            uint64_t *sequences = realloc(r->sequences, room * sizeof(*sequences));
            r->sequences = sequences != NULL ? sequences : r->sequences;
            if (bytes == NULL || sequences == NULL)
                return ERR_MEMORY;
        }
        if (key.n != 8)
            return ERR_CORRUPT;
        r->sequences[r->count] = load_be64(key.p);
        r->bytes[r->count++] = value;
    }
    r->ok = calloc(r->count + 1, sizeof(*r->ok));
    return err != ERR_NOT_FOUND ? err : r->ok == NULL ? ERR_MEMORY : OK;
}

/* The acknowledged transactions that are in no block yet. */
static enum err reload(struct embedded *e)
{
    AUTO(pool_rows_free) struct pool_rows rows = { 0 };
    const struct kv pool = statedb_committed(e->db, STATEDB_POOL);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by AUTO */
    TRY(pool_rows_read(&rows, &pool));
    sigpool_check(e->sigs, rows.ok, rows.bytes, rows.count);
    for (size_t i = 0; i < rows.count; i++)
        take_in(e, rows.sequences[i], rows.bytes[i], rows.ok[i]);
    return OK;
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
    e->pool = mempool_new(&config->mempool, config->seed);
    enum err err = e->pool == NULL ? ERR_MEMORY : e->info.fresh ? ERR_STATE : OK;
    if (err == OK)
        err = replay(e);
    if (err == OK)
        err = reload(e);
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
    mempool_free(e->pool);
    free(e);
}

struct mempool *embedded_pool(struct embedded *e)
{
    return e->pool;
}

struct engine_info embedded_info(const struct embedded *e)
{
    return e->info;
}

uint64_t embedded_replayed(const struct embedded *e)
{
    return e->replayed;
}
