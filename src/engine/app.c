#include "engine/app.h"

#include "base/hex.h"
#include "chain/market.h"
#include "chain/memo.h"
#include "chain/prove.h"
#include "chain/snapshot.h"
#include "codec/block.h"
#include "codec/chain_index.h"
#include "codec/report.h"
#include "crypto/sha256.h"
#include "engine/candidates.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    EVENT_ROOM = 16 * (LEDGER_EVENT_VALUE_MAX + 80), /* one event, encoded */
    ROWS_PER_TX = 5,                                 /* the place, and at most four lists */
};

static const char meta_genesis[] = "genesis";
static const char meta_block[] = "block-hash";
static const char meta_time[] = "block-time";

/* A buffer that grows; the block's events. */
struct bytes {
    uint8_t *p;
    size_t n, room;
};

/* Rows of the block in hand, with the memory of their keys and values. */
struct row_memory {
    struct chain_index_key key;
    uint8_t value[64];
};
struct rows {
    struct statedb_row *list;
    struct row_memory *memory;
    size_t count, max;
};

struct app {
    struct statedb *db;
    struct kv kv;           /* the overlay */
    struct kv committed_kv; /* the last commit */
    struct chain writing, reading;
    void *memory;
    struct memo memo; /* of both: what a block holds was looked at before, on its way in */
    bool open;
    uint8_t genesis[32];
    struct engine_info info;
    /* The block between finalize and commit. */
    bool finalized;
    uint64_t height;
    uint64_t time_ms;
    uint8_t app_hash[32];
    uint8_t block_hash[32];
    struct bytes events;
    uint32_t event_count;
    bool event_lost;
    struct bytes result;
    struct rows rows;
    /* A restore under way. */
    bool restoring;
    struct state restored;
    char chain_id[CHAIN_ID_MAX + 1];
};

/* ---- opening
 * ------------------------------------------------------------------------------------- */

static enum err meta_get(const struct app *app, const char *name, struct span *value)
{
    const struct kv meta = statedb_committed(app->db, STATEDB_META);
    return kv_get(&meta, value, span_str(name));
}

static enum err meta_hash(const struct app *app, const char *name, uint8_t out[32])
{
    struct span v;
    TRY(meta_get(app, name, &v));
    if (v.n != 32)
        return ERR_CORRUPT;
    memcpy(out, v.p, 32);
    return OK;
}

/* Reads what the last commit says. */
static enum err info_read(struct app *app)
{
    const struct statedb_head head = statedb_head(app->db);
    struct span v;
    app->info = (struct engine_info){ .fresh = head.fresh, .height = head.height };
    if (head.fresh)
        return OK;
    memcpy(app->info.app_hash, head.app_hash, 32);
    TRY(meta_hash(app, meta_genesis, app->genesis));
    TRY(meta_hash(app, meta_block, app->info.block_hash));
    TRY(meta_get(app, meta_time, &v));
    if (v.n != 8)
        return ERR_CORRUPT;
    app->info.time_ms = load_be64(v.p);
    memcpy(app->info.chain, app->reading.ledger.chain_hash, 32);
    return OK;
}

static enum err open_reading(struct app *app)
{
    TRY(chain_open(&app->reading, &app->committed_kv, NULL));
    app->reading.ledger.memo = &app->memo;
    return OK;
}

static enum err open_writing(struct app *app)
{
    TRY(chain_open(&app->writing, &app->kv, app->memory));
    app->writing.ledger.memo = &app->memo;
    return OK;
}

/* (Re)opens the chain over both views of the state. */
static enum err chains_open(struct app *app)
{
    app->open = false;
    TRY(open_reading(app));
    TRY(open_writing(app));
    app->open = true;
    return info_read(app);
}

enum err app_open(struct app **out, struct statedb *db)
{
    *out = NULL;
    struct app *app = calloc(1, sizeof(*app));
    if (app == NULL)
        return ERR_MEMORY;
    app->db = db;
    app->kv = statedb_state(db);
    app->committed_kv = statedb_committed(db, STATEDB_STATE);
    size_t size = (chain_memory_size() + 15) & ~(size_t)15;
    app->memory = aligned_alloc(16, size);
    enum err e = app->memory == NULL ? ERR_MEMORY : OK;
    if (e == OK)
        e = statedb_head(db).fresh ? info_read(app) : chains_open(app);
    if (e != OK) {
        app_close(app);
        return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
    }
    *out = app;
    return OK;
}

void app_close(struct app *app)
{
    if (app == NULL)
        return;
    free(app->memory);
    free(app->events.p);
    free(app->result.p);
    free(app->rows.list);
    free(app->rows.memory);
    free(app);
}

/* ---- growing buffers
 * ------------------------------------------------------------------------------ */

static enum err bytes_reserve(struct bytes *b, size_t n)
{
    if (b->room - b->n >= n)
        return OK;
    size_t room = b->room * 2 > b->n + n ? b->room * 2 : b->n + n;
    uint8_t *p = realloc(b->p, room);
    if (p == NULL)
        return ERR_MEMORY;
    b->p = p;
    b->room = room;
    return OK;
}

/* A new row; its key and value are filled by the caller. The list is large enough for a block. */
static struct row_memory *rows_add(struct rows *r, enum statedb_table table)
{
    ASSERT(r->count < r->max);
    struct row_memory *m = &r->memory[r->count];
    r->list[r->count++] = (struct statedb_row){ .table = table };
    return m;
}

/* The keys and values stand in r->memory, which moves only here. */
static enum err rows_begin(struct rows *r, size_t max)
{
    if (r->max < max) {
        struct statedb_row *list = realloc(r->list, max * sizeof(*list));
        r->list = list != NULL ? list : r->list;
        struct row_memory *memory = realloc(r->memory, max * sizeof(*memory));
        r->memory = memory != NULL ? memory : r->memory;
        if (list == NULL || memory == NULL)
            return ERR_MEMORY;
        r->max = max;
    }
    r->count = 0;
    return OK;
}

static void row_set(struct rows *r, const struct row_memory *m, size_t value_size)
{
    struct statedb_row *row = &r->list[r->count - 1];
    row->key = chain_index_span(&m->key);
    row->value = span_of(m->value, value_size);
}

static void row_meta(struct rows *r, const char *name, struct span value)
{
    r->list[r->count] = (struct statedb_row){ .table = STATEDB_META };
    struct row_memory *m = &r->memory[r->count++];
    ASSERT(value.n <= sizeof(m->value));
    memcpy(m->value, value.p, value.n);
    r->list[r->count - 1].key = span_str(name);
    r->list[r->count - 1].value = span_of(m->value, value.n);
}

/* ---- the lists for queries
 * -------------------------------------------------------------------------- */

struct place {
    uint64_t height;
    uint32_t index;
    uint8_t id[TX_ID_SIZE];
};

static void list_add(struct rows *r, struct chain_index_key key, const struct place *at)
{
    struct row_memory *m = rows_add(r, STATEDB_INDEX);
    m->key = key;
    chain_index_add_u64(&m->key, at->height);
    chain_index_add_u32(&m->key, at->index);
    memcpy(m->value, at->id, TX_ID_SIZE);
    row_set(r, m, TX_ID_SIZE);
}

static void list_order(struct rows *r, const struct tx *tx, const struct place *at)
{
    const struct tx_order *o = &tx->call.order;
    uint8_t order[32];
    market_order_id(order, &o->key, o->size, o->has_data_root ? o->data_root : NULL);
    struct row_memory *m = rows_add(r, STATEDB_INDEX);
    m->key = chain_index_content_orders(&o->key);
    chain_index_add_hash(&m->key, order);
    row_set(r, m, 0);
    m = rows_add(r, STATEDB_INDEX);
    m->key = chain_index_account_orders(tx->from);
    chain_index_add_u64(&m->key, at->height);
    chain_index_add_hash(&m->key, order);
    row_set(r, m, 0);
}

static void list_worker(struct rows *r, const struct tx *tx, const uint8_t worker[32])
{
    struct row_memory *m = rows_add(r, STATEDB_INDEX);
    m->key = chain_index_account_workers(tx->from);
    chain_index_add_hash(&m->key, worker);
    row_set(r, m, 0);
}

static void list_report(struct rows *r, const struct tx *tx, const struct place *at)
{
    struct report *report = malloc(sizeof(*report)); /* large for a stack */
    if (report != NULL && report_decode(report, tx->call.report) == OK) {
        struct chain_index_key key = chain_index_worker_reports(report->attempt.worker);
        chain_index_add_u64(&key, report->attempt.slot);
        list_add(r, key, at);
        struct row_memory *m = rows_add(r, STATEDB_INDEX);
        m->key = chain_index_slot_reports(report->attempt.slot);
        chain_index_add_u64(&m->key, at->height);
        chain_index_add_u32(&m->key, at->index);
        memcpy(m->value, report->attempt.worker, 32);
        memcpy(m->value + 32, at->id, TX_ID_SIZE);
        row_set(r, m, 64);
    }
    free(report);
}

static void list_tx(struct rows *r, struct span bytes, enum tx_result code, struct place at)
{
    struct tx tx;
    tx_id(at.id, bytes);
    struct row_memory *m = rows_add(r, STATEDB_TXS);
    m->key = (struct chain_index_key){ 0 };
    chain_index_add_hash(&m->key, at.id);
    store_be64(m->value, at.height);
    store_be32(m->value + 8, at.index);
    row_set(r, m, 12);
    if (tx_decode(&tx, bytes) != OK || !tx_is_signed(&tx))
        return;
    list_add(r, chain_index_account_txs(tx.from), &at);
    if (code != RESULT_OK && code != RESULT_FAULT)
        return;
    if (tx.call.kind == TX_ORDER)
        list_order(r, &tx, &at);
    if (tx.call.kind == TX_WORKER_REGISTER)
        list_worker(r, &tx, tx.call.worker_register.worker);
    if (tx.call.kind == TX_WORKER_SUCCEED)
        list_worker(r, &tx, tx.call.worker_succeed.worker);
    if (tx.call.kind == TX_REPORT)
        list_report(r, &tx, &at);
}

/* ---- the calls
 * ---------------------------------------------------------------------------------------- */

static struct engine_info info(void *ctx)
{
    const struct app *app = ctx;
    return app->info;
}

static enum err init_chain(void *ctx, struct span genesis, char what[CHAIN_WHAT_MAX])
{
    struct app *app = ctx;
    ASSERT(app->info.fresh);
    static const uint8_t zeros[32];
    uint8_t hash[32], time[8];
    struct rows rows = { 0 };
    what[0] = '\0';
    statedb_discard(app->db);
    TRY(chain_genesis(&app->writing, &app->kv, app->memory, genesis, what));
    sha256(hash, genesis);
    store_be64(time, app->writing.time_ms);
    enum err e = rows_begin(&rows, 3);
    if (e == OK) {
        row_meta(&rows, meta_genesis, span_of(hash, sizeof(hash)));
        row_meta(&rows, meta_block, span_of(zeros, sizeof(zeros)));
        row_meta(&rows, meta_time, span_of(time, sizeof(time)));
        e = statedb_commit(app->db, 0, app->writing.app_hash, rows.list, rows.count);
    }
    free(rows.list);
    free(rows.memory);
    TRY(e);
    return chains_open(app);
}

static bool comes_twice(const struct engine_genesis *g, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (memcmp(g->validators[i].key, g->validators[at].key, 32) == 0)
            return true;
    return false;
}

static enum err check_genesis(void *ctx, const struct engine_genesis *g, char what[CHAIN_WHAT_MAX])
{
    struct app *app = ctx;
    struct chain *c = &app->reading;
    ASSERT(!app->info.fresh);
    const char *differs = NULL;
    if (memcmp(app->genesis, g->hash, sizeof(app->genesis)) != 0)
        differs = "the genesis file has another hash";
    else if (!span_eq(g->chain_id, span_str(c->id)))
        differs = "the chain id is not that of the genesis file";
    else if (g->validator_count != chain_validator_count(c))
        differs = "the number of validators is not that of the genesis file";
    for (size_t i = 0; i < g->validator_count && differs == NULL; i++) {
        uint8_t account[32];
        uint64_t power;
        if (!chain_validator(c, account, &power, g->validators[i].key) ||
            power != g->validators[i].power || comes_twice(g, i))
            differs = "a validator or its power is not that of the genesis file";
    }
    snprintf(what, CHAIN_WHAT_MAX, "%s", differs != NULL ? differs : "");
    return differs == NULL ? OK : ERR_STATE;
}

static void check_tx(void *ctx, struct chain_check *out, struct span tx, bool recheck)
{
    struct app *app = ctx;
    chain_check_tx(&app->reading, out, tx, recheck);
}

static void prepare(void *ctx, struct chain_candidate *txs, size_t *count, size_t max_bytes)
{
    struct app *app = ctx;
    candidates_settle(&app->reading, txs, count);
    chain_prepare(&app->reading, txs, count, max_bytes);
    /* What did not fit may have been what others follow. */
    candidates_settle(&app->reading, txs, count);
}

/* What the chain wants to know of an agreement. */
struct witnesses {
    struct chain_vote votes[AGREEMENT_VOTES_MAX];
    struct chain_misbehaviour misbehaviour[AGREEMENT_OFFENCES_MAX];
};

static void witnesses_fill(struct witnesses *w, const struct agreement *a)
{
    for (uint32_t i = 0; i < a->vote_count; i++) {
        memcpy(w->votes[i].address, a->votes[i].address, AGREEMENT_ADDRESS_SIZE);
        w->votes[i].signed_block = a->votes[i].flag == AGREEMENT_COMMIT;
    }
    for (uint32_t i = 0; i < a->offence_count; i++) {
        struct chain_misbehaviour *m = &w->misbehaviour[i];
        memcpy(m->address, a->offences[i].address, AGREEMENT_ADDRESS_SIZE);
        m->height = a->offences[i].height;
        m->time_ms = a->offences[i].time_ms;
    }
}

static struct chain_block block_of(const struct engine_block *block, struct witnesses *w)
{
    static const uint8_t nobody[32];
    const struct agreement *a = block->agreement;
    struct chain_block b = { .height = block->header->height,
                             .time_ms = block->header->time_ms,
                             .txs = block->txs,
                             .signatures = block->signatures,
                             .tx_count = block->tx_count };
    block_hash(b.hash, block->header);
    if (a != NULL) {
        witnesses_fill(w, a);
        b.votes = w->votes;
        b.vote_count = a->vote_count;
        b.misbehaviour = w->misbehaviour;
        b.misbehaviour_count = a->offence_count;
    }
    if (memcmp(block->header->proposer, nobody, 32) != 0)
        b.author = block->header->proposer;
    return b;
}

static bool process(void *ctx, const struct engine_block *block)
{
    struct app *app = ctx;
    struct witnesses w;
    const struct chain_block b = block_of(block, &w);
    return chain_process(&app->reading, &b);
}

/* The events of the block, encoded as they come. */
static void emit(void *ctx, int64_t tx_index, const struct ledger_event *event)
{
    struct app *app = ctx;
    struct block_event out = { .tx = tx_index < 0 ? BLOCK_NO_TX : tx_index,
                               .type = span_str(event->type),
                               .attr_count = event->attr_count };
    for (uint32_t i = 0; i < event->attr_count; i++) {
        out.attrs[i].key = span_str(event->attrs[i].key);
        out.attrs[i].value = span_str(event->attrs[i].value);
    }
    if (app->event_count == BLOCK_EVENTS_MAX || bytes_reserve(&app->events, EVENT_ROOM) != OK) {
        app->event_lost = true;
        return;
    }
    struct writer w = writer_of(app->events.p + app->events.n, EVENT_ROOM);
    block_event_encode(&w, &out);
    ASSERT(w.err == OK);
    app->events.n += w.len;
    app->event_count++;
}

static enum err result_build(struct app *app, const struct chain_tx_result *results,
                             const struct engine_block *block)
{
    struct block_tx_result *txs = calloc(block->tx_count + 1, sizeof(*txs));
    if (txs == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < block->tx_count; i++)
        txs[i] = (struct block_tx_result){ (uint32_t)results[i].code, results[i].fee };
    struct block_result r = { .tx_count = (uint32_t)block->tx_count,
                              .event_count = app->event_count,
                              .events = span_of(app->events.p, app->events.n) };
    memcpy(r.app_hash, app->app_hash, sizeof(r.app_hash));
    app->result.n = 0;
    enum err e = bytes_reserve(&app->result, 128 + block->tx_count * 32 + app->events.n);
    if (e == OK) {
        struct writer w = writer_of(app->result.p, app->result.room);
        block_result_encode(&w, &r, txs);
        ASSERT(w.err == OK);
        app->result.n = w.len;
    }
    free(txs);
    return e;
}

static enum err rows_build(struct app *app, const struct chain_tx_result *results,
                           const struct engine_block *block)
{
    uint8_t height[8], time[8];
    store_be64(height, app->height);
    store_be64(time, app->time_ms);
    TRY(rows_begin(&app->rows, block->tx_count * ROWS_PER_TX + 3));
    row_meta(&app->rows, meta_block, span_of(app->block_hash, 32));
    row_meta(&app->rows, meta_time, span_of(time, sizeof(time)));
    struct row_memory *m = rows_add(&app->rows, STATEDB_RESULTS);
    m->key = (struct chain_index_key){ 0 };
    chain_index_add_u64(&m->key, app->height);
    row_set(&app->rows, m, 0);
    app->rows.list[app->rows.count - 1].value = span_of(app->result.p, app->result.n);
    for (size_t i = 0; i < block->tx_count; i++)
        list_tx(&app->rows, block->txs[i], results[i].code,
                (struct place){ .height = app->height, .index = (uint32_t)i });
    return OK;
}

static enum err finalize(void *ctx, struct chain_output *out, struct chain_tx_result *results,
                         const struct engine_block *block)
{
    struct app *app = ctx;
    if (block->header->height != app->info.height + 1)
        return ERR_STATE;
    /* A height may be finalized again: what the last try wrote is thrown away. */
    if (statedb_dirty(app->db) != 0) {
        statedb_discard(app->db);
        TRY(open_writing(app));
    }
    app->finalized = false;
    app->events.n = 0;
    app->event_count = 0;
    app->event_lost = false;
    struct witnesses w;
    const struct chain_block b = block_of(block, &w);
    const struct chain_sink sink = { .emit = emit, .ctx = app };
    TRY(chain_finalize(&app->writing, out, results, &b, &sink));
    if (app->event_lost)
        return ERR_MEMORY;
    app->height = b.height;
    app->time_ms = b.time_ms;
    memcpy(app->app_hash, out->app_hash, 32);
    memcpy(app->block_hash, b.hash, 32);
    TRY(result_build(app, results, block));
    TRY(rows_build(app, results, block));
    app->finalized = true;
    return OK;
}

static enum err commit(void *ctx, const struct statedb_row *rows, size_t row_count)
{
    struct app *app = ctx;
    ASSERT(app->finalized);
    struct statedb_row *all = calloc(app->rows.count + row_count, sizeof(*all));
    if (all == NULL)
        return ERR_MEMORY;
    memcpy(all, app->rows.list, app->rows.count * sizeof(*all));
    if (row_count != 0)
        memcpy(all + app->rows.count, rows, row_count * sizeof(*all));
    enum err e =
        statedb_commit(app->db, app->height, app->app_hash, all, app->rows.count + row_count);
    free(all);
    TRY(e);
    app->finalized = false;
    TRY(open_reading(app));
    return info_read(app);
}

static const struct params *params_of(void *ctx, bool finalized)
{
    struct app *app = ctx;
    ASSERT(!finalized || app->finalized);
    return finalized ? &app->writing.params : &app->reading.params;
}

static bool validator_account(void *ctx, uint8_t account[32], const uint8_t *address)
{
    struct app *app = ctx;
    return chain_validator_account(&app->reading, account, address);
}

/* The store in "/store/NAME". */
static bool store_of(enum state_store *out, const char *path)
{
    static const char head[] = "/store/";
    for (int store = STATE_ACCOUNTS; store < STATE_STORE_COUNT; store++) {
        *out = (enum state_store)store;
        if (strncmp(path, head, sizeof(head) - 1) == 0 &&
            strcmp(path + sizeof(head) - 1, state_store_name(*out)) == 0)
            return true;
    }
    return false;
}

static enum err query(void *ctx, struct span *value, const char *path, struct span key)
{
    struct app *app = ctx;
    enum state_store store;
    *value = (struct span){ NULL, 0 };
    if (app->info.fresh)
        return ERR_NOT_FOUND;
    if (!store_of(&store, path))
        return ERR_FORMAT;
    bool found = key.n <= STATE_KEY_MAX && state_get(&app->reading.st, value, store, key);
    return found ? OK : app->reading.st.err != OK ? app->reading.st.err : ERR_NOT_FOUND;
}

static enum err prove(void *ctx, struct span *value, struct writer *ops, const char *path,
                      struct span key)
{
    struct app *app = ctx;
    enum state_store store;
    *value = (struct span){ NULL, 0 };
    if (app->info.fresh)
        return ERR_NOT_FOUND;
    if (!store_of(&store, path))
        return ERR_FORMAT;
    return prove_record(&app->reading.st, ops, value, store, key);
}

struct engine_app app_engine(struct app *app)
{
    return (struct engine_app){ .ctx = app,
                                .info = info,
                                .init_chain = init_chain,
                                .check_genesis = check_genesis,
                                .check_tx = check_tx,
                                .prepare = prepare,
                                .process = process,
                                .finalize = finalize,
                                .commit = commit,
                                .params = params_of,
                                .validator_account = validator_account,
                                .query = query,
                                .prove = prove };
}

enum err app_contribution(struct app *app, struct span *out, struct mspan room,
                          const struct ed25519_key *key)
{
    return chain_contribution(&app->reading, out, room, key);
}

struct chain *app_chain(struct app *app)
{
    return app->open ? &app->reading : NULL;
}

static enum err snapshot_hash(struct statedb_snapshot *s, const char *name, uint8_t out[32])
{
    const struct kv meta = statedb_snapshot_kv(s, STATEDB_META);
    struct span v;
    memset(out, 0, 32);
    TRY(kv_get(&meta, &v, span_str(name)));
    if (v.n != 32)
        return ERR_CORRUPT;
    memcpy(out, v.p, 32);
    return OK;
}

enum err app_snapshot(struct statedb_snapshot *s, uint8_t genesis[32], uint8_t block_hash[32])
{
    TRY(snapshot_hash(s, meta_genesis, genesis));
    return snapshot_hash(s, meta_block, block_hash);
}

/* ---- restoring ---- */

bool app_restorable(const struct app *app)
{
    return app->restoring || (!app->info.fresh && app->info.height == 0);
}

enum err app_restore_begin(struct app *app)
{
    if (!app_restorable(app))
        return ERR_STATE;
    if (!app->restoring)
        memcpy(app->chain_id, app->reading.id, sizeof(app->chain_id));
    TRY(statedb_restore_begin(app->db));
    app->open = false;
    app->finalized = false;
    app->restoring = true;
    app->info = (struct engine_info){ .fresh = true };
    state_init(&app->restored, &app->kv, app->memory, CHAIN_NOTES);
    return OK;
}

enum err app_restore_chunk(struct app *app, struct span chunk)
{
    struct snapshot_walk walk;
    struct span key, value;
    uint8_t hash[32];
    ASSERT(app->restoring);
    snapshot_chunk_begin(&walk, chunk);
    while (snapshot_chunk_next(&walk, &key, &value))
        state_put(&app->restored, walk.store, key, value);
    state_commit(&app->restored, hash);
    TRY(app->restored.err);
    return statedb_restore_flush(app->db);
}

/* What the database says beside the state: it follows from the state and the genesis file. */
static enum err restored_rows(struct app *app, uint64_t height, const uint8_t app_hash[32],
                              uint8_t block[32])
{
    uint8_t hash[32];
    chain_restored(&app->restored, hash);
    TRY(app->restored.err);
    TRY(open_writing(app));
    const struct chain *c = &app->writing;
    bool same = memcmp(hash, app_hash, 32) == 0 && c->height == height &&
                memcmp(c->app_hash, hash, 32) == 0 && strcmp(c->id, app->chain_id) == 0;
    return same && ledger_block_hash(&app->writing.ledger, block, height) ? OK : ERR_CORRUPT;
}

enum err app_restore_end(struct app *app, uint64_t height, const uint8_t app_hash[32])
{
    uint8_t block[32], time[8];
    struct rows rows = { 0 };
    ASSERT(app->restoring);
    enum err e = restored_rows(app, height, app_hash, block);
    TRY(e == ERR_NOT_FOUND ? ERR_CORRUPT : e);
    store_be64(time, app->writing.time_ms);
    e = rows_begin(&rows, 3);
    if (e == OK) {
        row_meta(&rows, meta_genesis, span_of(app->genesis, sizeof(app->genesis)));
        row_meta(&rows, meta_block, span_of(block, sizeof(block)));
        row_meta(&rows, meta_time, span_of(time, sizeof(time)));
        e = statedb_commit(app->db, height, app_hash, rows.list, rows.count);
    }
    free(rows.list);
    free(rows.memory);
    TRY(e);
    app->restoring = false;
    return chains_open(app);
}

bool app_genesis_hash(const struct app *app, uint8_t out[32])
{
    memcpy(out, app->genesis, 32);
    return !app->info.fresh;
}
