#include "engine/intake.h"

#include <stdlib.h>

enum { STALE_MAX = 65536 }; /* rows of the pool's table that wait to be deleted */

struct intake {
    struct engine_app app;
    struct statedb *db;
    struct mempool *pool;
    uint64_t sequence; /* of the last transaction taken in */
    bool busy;
    /* Admitted and not yet durable. */
    uint8_t waiting[INTAKE_WAITING_MAX][TX_ID_SIZE];
    uint64_t replaced[INTAKE_WAITING_MAX]; /* by waiting[i]: its sequence, or 0 */
    size_t waiting_count;
    /* Sequences whose rows are deleted with the next block. A row that is not deleted is looked at
     * again after a restart, so losing this list costs nothing. */
    uint64_t stale[STALE_MAX];
    size_t stale_count;
};

enum err intake_open(struct intake **out, const struct mempool_limits *limits, uint64_t seed,
                     const struct engine_app *app, struct statedb *db)
{
    *out = NULL;
    struct intake *in = calloc(1, sizeof(*in));
    if (in == NULL)
        return ERR_MEMORY;
    in->app = *app;
    in->db = db;
    in->pool = mempool_new(limits, seed);
    if (in->pool == NULL) {
        free(in);
        return ERR_MEMORY;
    }
    *out = in;
    return OK;
}

void intake_close(struct intake *in)
{
    if (in == NULL)
        return;
    mempool_free(in->pool);
    free(in);
}

void intake_set_busy(struct intake *in, bool busy)
{
    in->busy = busy;
}

struct mempool *intake_pool(struct intake *in)
{
    return in->pool;
}

static struct span be64_span(uint8_t buf[8], uint64_t v)
{
    store_be64(buf, v);
    return span_of(buf, 8);
}

static void stale_add(struct intake *in, uint64_t sequence)
{
    if (in->stale_count < STALE_MAX && sequence != 0)
        in->stale[in->stale_count++] = sequence;
}

/* ---- with a block ---- */

void intake_rows_free(struct intake_rows *r)
{
    free(r->rows);
    free(r->keys);
    *r = (struct intake_rows){ 0 };
}

static void rows_add(struct intake_rows *r, uint64_t sequence)
{
    r->rows[r->count] = (struct statedb_row){ .table = STATEDB_POOL,
                                              .key = be64_span(r->keys[r->count], sequence),
                                              .del = true };
    r->count++;
}

enum err intake_rows_of(struct intake_rows *out, const struct intake *in, const struct span *txs,
                        size_t tx_count)
{
    size_t max = tx_count + in->stale_count + 1;
    *out = (struct intake_rows){ .rows = calloc(max, sizeof(*out->rows)),
                                 .keys = calloc(max, sizeof(*out->keys)) };
    if (out->rows == NULL || out->keys == NULL) {
        intake_rows_free(out);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < tx_count; i++) {
        struct mempool_entry entry;
        uint8_t id[TX_ID_SIZE];
        tx_id(id, txs[i]);
        if (mempool_get(in->pool, &entry, id) && entry.durable)
            rows_add(out, entry.sequence);
    }
    for (size_t i = 0; i < in->stale_count; i++)
        rows_add(out, in->stale[i]);
    return OK;
}

/* Every waiting transaction is looked at again: the block may have made it impossible. */
static void recheck(struct intake *in)
{
    struct mempool_entry entry;
    struct mempool_cursor cursor = { 0 };
    while (mempool_next(in->pool, &entry, &cursor)) {
        struct chain_check check;
        in->app.check_tx(in->app.ctx, &check, entry.bytes, true);
        if (check.code == RESULT_OK)
            continue;
        stale_add(in, entry.sequence);
        mempool_drop(in->pool, entry.check.id, (uint32_t)check.code);
    }
}

void intake_committed(struct intake *in, const struct span *txs, size_t tx_count)
{
    for (size_t i = 0; i < tx_count; i++) {
        uint8_t id[TX_ID_SIZE];
        uint64_t sequence;
        tx_id(id, txs[i]);
        mempool_remove(in->pool, &sequence, id);
    }
    in->stale_count = 0;
    recheck(in);
}

/* ---- transactions come in ---- */

enum intake_verdict intake_submit(struct intake *in, struct chain_check *check, struct span tx,
                                  bool signed_ok)
{
    *check = (struct chain_check){ 0 };
    if (in->busy || in->waiting_count == INTAKE_WAITING_MAX)
        return INTAKE_BUSY;
    in->app.check_tx(in->app.ctx, check, tx, signed_ok);
    if (check->code != RESULT_OK)
        return INTAKE_REFUSED;
    const struct mempool_entry entry = { .bytes = tx,
                                         .check = *check,
                                         .sequence = in->sequence + 1 };
    uint64_t replaced;
    switch (mempool_add(in->pool, &replaced, &entry)) {
    case MEMPOOL_ADDED:
        break;
    case MEMPOOL_KNOWN:
        return INTAKE_KNOWN;
    case MEMPOOL_CONFLICT:
        return INTAKE_CONFLICT;
    case MEMPOOL_FULL:
        return INTAKE_BUSY;
    }
    in->sequence++;
    memcpy(in->waiting[in->waiting_count], check->id, TX_ID_SIZE);
    in->replaced[in->waiting_count] = replaced;
    in->waiting_count++;
    return INTAKE_ACCEPTED;
}

/* Takes a row of the pool's table into the pool. signed_ok as found out before. ERR_MEMORY: there
 * is no room for it now; its row stays. */
static enum err take_in(struct intake *in, uint64_t sequence, struct span bytes, bool signed_ok)
{
    struct mempool_entry entry = { .bytes = bytes, .sequence = sequence, .durable = true };
    uint64_t replaced;
    if (sequence > in->sequence)
        in->sequence = sequence;
    in->app.check_tx(in->app.ctx, &entry.check, bytes, signed_ok);
    if (entry.check.code == RESULT_OK) {
        enum mempool_verdict v = mempool_add(in->pool, &replaced, &entry);
        if (v == MEMPOOL_FULL)
            return ERR_MEMORY;
        if (v == MEMPOOL_ADDED) {
            stale_add(in, replaced);
            return OK;
        }
    }
    stale_add(in, sequence);
    mempool_drop(in->pool, entry.check.id, (uint32_t)entry.check.code);
    return OK;
}

/* The disk refused: the new ones go, and what they had replaced comes back. One that finds no
 * memory is still on disk: it comes back with the next start. */
static void flush_undo(struct intake *in)
{
    for (size_t i = 0; i < in->waiting_count; i++) {
        uint64_t ignored;
        mempool_remove(in->pool, &ignored, in->waiting[i]);
    }
    const struct kv pool = statedb_committed(in->db, STATEDB_POOL);
    for (size_t i = 0; i < in->waiting_count; i++) {
        uint8_t key[8];
        struct span bytes;
        if (in->replaced[i] != 0 && kv_get(&pool, &bytes, be64_span(key, in->replaced[i])) == OK &&
            take_in(in, in->replaced[i], bytes, true) != OK)
            continue;
    }
    in->waiting_count = 0;
}

enum err intake_flush(struct intake *in)
{
    if (in->waiting_count == 0)
        return OK;
    struct statedb_row *rows = calloc(2 * in->waiting_count, sizeof(*rows));
    uint8_t(*keys)[8] = calloc(2 * in->waiting_count, sizeof(*keys));
    size_t count = 0;
    enum err err = rows == NULL || keys == NULL ? ERR_MEMORY : OK;
    for (size_t i = 0; err == OK && i < in->waiting_count; i++) {
        struct mempool_entry entry;
        /* One of this turn may have been replaced within the same turn. */
        if (mempool_get(in->pool, &entry, in->waiting[i])) {
            rows[count] = (struct statedb_row){ .table = STATEDB_POOL,
                                                .key = be64_span(keys[count], entry.sequence),
                                                .value = entry.bytes };
            count++;
        }
        if (in->replaced[i] != 0) {
            rows[count] = (struct statedb_row){ .table = STATEDB_POOL,
                                                .key = be64_span(keys[count], in->replaced[i]),
                                                .del = true };
            count++;
        }
    }
    if (err == OK)
        err = statedb_write(in->db, rows, count);
    free(rows);
    free(keys);
    if (err != OK) {
        flush_undo(in);
        return err;
    }
    for (size_t i = 0; i < in->waiting_count; i++)
        mempool_set_durable(in->pool, in->waiting[i]);
    in->waiting_count = 0;
    return OK;
}

/* ---- after a restart ---- */

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
enum err intake_reload(struct intake *in, struct sigpool *sigs)
{
    AUTO(pool_rows_free) struct pool_rows rows = { 0 };
    const struct kv pool = statedb_committed(in->db, STATEDB_POOL);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by AUTO */
    TRY(pool_rows_read(&rows, &pool));
    sigpool_check(sigs, rows.ok, rows.bytes, rows.count);
    for (size_t i = 0; i < rows.count; i++)
        TRY(take_in(in, rows.sequences[i], rows.bytes[i], rows.ok[i]));
    return OK;
}
