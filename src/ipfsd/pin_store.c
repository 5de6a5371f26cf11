#include "ipfsd/pin_store.h"

#include "base/reader.h"
#include "store/db.h"

#include <stdlib.h>

enum {
    VERSION = 1,
    RECORD_MAX = 2048,
    FLAG_REMOVED = 1,
    FLAG_HELD = 2,
    FLAG_PROVEN = 4,
    FLAG_ORDER = 8,
    FLAG_REFUSED = 16,
    FLAGS = 31,
};

/* Address space: twice what PIN_STORE_REQUESTS_MAX of the largest requests take. */
#define MAP_BYTES ((uint64_t)4 << 30)

struct pin_store {
    MDB_env *env;
    MDB_dbi requests, works, spent, meta;
};

/* ---- records -------------------------------------------------------------------------------- */

static void write_amount(struct writer *w, struct amount a)
{
    write_be64(w, (uint64_t)(a.units >> 64));
    write_be64(w, (uint64_t)a.units);
}

static struct amount read_amount(struct reader *r)
{
    u128 high = read_be64(r);
    return AMOUNT_OF(high << 64 | read_be64(r));
}

void pin_store_encode(struct writer *w, const struct pin_work *work)
{
    size_t details = strnlen(work->details, PIN_STORE_DETAILS_MAX - 1);
    write_u8(w, VERSION);
    write_u8(w, (uint8_t)work->step);
    write_u8(w, (uint8_t)((work->removed ? FLAG_REMOVED : 0) | (work->held ? FLAG_HELD : 0) |
                          (work->proven ? FLAG_PROVEN : 0) | (work->has_order ? FLAG_ORDER : 0) |
                          (work->refused ? FLAG_REFUSED : 0)));
    write_be32(w, work->tries);
    write_be64(w, work->began_ms);
    write_bytes(w, work->account, sizeof(work->account));
    write_be32(w, work->replicas);
    write_be64(w, work->size);
    write_bytes(w, work->data_root, sizeof(work->data_root));
    write_bytes(w, work->order, sizeof(work->order));
    write_be32(w, work->wanted);
    write_be32(w, work->verified);
    write_be64(w, work->expires_at);
    write_amount(w, work->quote);
    write_amount(w, work->allowed);
    write_be64(w, work->tx_expiry);
    write_be16(w, (uint16_t)work->tx_size);
    write_bytes(w, work->tx, work->tx_size);
    write_u8(w, (uint8_t)details);
    write_bytes(w, work->details, details);
}

static void read_tail(struct pin_work *out, struct reader *r)
{
    out->tx_expiry = read_be64(r);
    out->tx_size = read_be16(r);
    reader_require(r, out->tx_size <= PIN_STORE_TX_MAX, ERR_FORMAT);
    if (r->err == OK)
        read_into(r, out->tx, out->tx_size);
    size_t details = read_u8(r);
    reader_require(r, details < PIN_STORE_DETAILS_MAX, ERR_FORMAT);
    struct span text = read_span(r, r->err == OK ? details : 0);
    reader_require(r, text.n == 0 || memchr(text.p, 0, text.n) == NULL, ERR_FORMAT);
    if (r->err == OK && text.n > 0)
        memcpy(out->details, text.p, text.n);
}

enum err pin_store_decode(struct pin_work *out, struct span in)
{
    struct reader r = reader_of(in);
    memset(out, 0, sizeof(*out));
    reader_require(&r, read_u8(&r) == VERSION, ERR_FORMAT);
    uint8_t step = read_u8(&r), flags = read_u8(&r);
    reader_require(&r, r.err != OK || (step >= PIN_FETCH && step <= PIN_FAILED), ERR_FORMAT);
    reader_require(&r, (flags & ~FLAGS) == 0, ERR_FORMAT);
    out->step = (enum pin_step)step;
    out->removed = (flags & FLAG_REMOVED) != 0;
    out->held = (flags & FLAG_HELD) != 0;
    out->proven = (flags & FLAG_PROVEN) != 0;
    out->refused = (flags & FLAG_REFUSED) != 0;
    out->has_order = (flags & FLAG_ORDER) != 0;
    out->tries = read_be32(&r);
    out->began_ms = read_be64(&r);
    read_into(&r, out->account, sizeof(out->account));
    out->replicas = read_be32(&r);
    out->size = read_be64(&r);
    read_into(&r, out->data_root, sizeof(out->data_root));
    read_into(&r, out->order, sizeof(out->order));
    out->wanted = read_be32(&r);
    out->verified = read_be32(&r);
    out->expires_at = read_be64(&r);
    out->quote = read_amount(&r);
    out->allowed = read_amount(&r);
    read_tail(out, &r);
    enum err e = reader_finish(&r);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

static void key_encode(uint8_t out[PIN_STORE_KEY_SIZE], const struct pin_key *key)
{
    memcpy(out, key->token, PIN_STORE_TOKEN_SIZE);
    store_be64(out + PIN_STORE_TOKEN_SIZE, key->created_ms);
}

static bool key_decode(struct pin_key *out, struct span in)
{
    if (in.n != PIN_STORE_KEY_SIZE)
        return false;
    memcpy(out->token, in.p, PIN_STORE_TOKEN_SIZE);
    out->created_ms = load_be64(in.p + PIN_STORE_TOKEN_SIZE);
    return true;
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum err open_tables(struct pin_store *s)
{
    MDB_txn *txn;
    TRY(db_err(mdb_txn_begin(s->env, NULL, 0, &txn)));
    enum err e = db_err(mdb_dbi_open(txn, "requests", MDB_CREATE, &s->requests));
    if (e == OK)
        e = db_err(mdb_dbi_open(txn, "works", MDB_CREATE, &s->works));
    if (e == OK)
        e = db_err(mdb_dbi_open(txn, "spent", MDB_CREATE, &s->spent));
    if (e == OK)
        e = db_err(mdb_dbi_open(txn, "meta", MDB_CREATE, &s->meta));
    if (e == OK)
        return db_commit(txn, NULL);
    mdb_txn_abort(txn);
    return e;
}

enum err pin_store_open(struct pin_store **out, const char *path)
{
    const struct db_config config = {
        .path = path, .map_bytes = MAP_BYTES, .tables = 4, .readers = 64
    };
    *out = NULL;
    struct pin_store *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    enum err e = db_open(&s->env, &config);
    if (e == OK)
        e = open_tables(s);
    if (e == OK)
        *out = s;
    else
        pin_store_close(s);
    return e;
}

void pin_store_close(struct pin_store *s)
{
    if (s == NULL)
        return;
    if (s->env != NULL)
        mdb_env_close(s->env);
    free(s);
}

static enum err begin(struct pin_store *s, MDB_txn **txn, bool write)
{
    return db_err(mdb_txn_begin(s->env, NULL, write ? 0 : MDB_RDONLY, txn));
}

/* Commits what went well, and gives up what did not. */
static enum err end(MDB_txn *txn, enum err e)
{
    if (e == OK)
        return db_commit(txn, NULL);
    mdb_txn_abort(txn);
    return e;
}

/* ---- within a transaction ------------------------------------------------------------------- */

static enum err work_get(const struct pin_store *s, MDB_txn *txn, struct pin_work *work,
                         const struct pin_key *key)
{
    uint8_t k[PIN_STORE_KEY_SIZE];
    struct span value;
    key_encode(k, key);
    TRY(db_get(txn, s->works, &value, span_of(k, sizeof(k))));
    return pin_store_decode(work, value) == OK ? OK : ERR_CORRUPT;
}

static enum err work_put(const struct pin_store *s, MDB_txn *txn, const struct pin_key *key,
                         const struct pin_work *work)
{
    uint8_t k[PIN_STORE_KEY_SIZE], record[RECORD_MAX];
    struct writer w = writer_of(record, sizeof(record));
    key_encode(k, key);
    pin_store_encode(&w, work);
    ASSERT(w.err == OK);
    return db_put(txn, s->works, span_of(k, sizeof(k)), writer_span(&w));
}

static enum err hide(const struct pin_store *s, MDB_txn *txn, const struct pin_key *key)
{
    struct pin_work work;
    TRY(work_get(s, txn, &work, key));
    if (work.removed)
        return ERR_NOT_FOUND;
    work.removed = true;
    return work_put(s, txn, key, &work);
}

static enum err amount_get(const struct pin_store *s, MDB_txn *txn, struct amount *out,
                           const uint8_t token[PIN_STORE_TOKEN_SIZE])
{
    struct span value;
    *out = AMOUNT_ZERO;
    enum err e = db_get(txn, s->spent, &value, span_of(token, PIN_STORE_TOKEN_SIZE));
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    return amount_of_bytes(out, value) == OK ? OK : ERR_CORRUPT;
}

static enum err amount_put(const struct pin_store *s, MDB_txn *txn,
                           const uint8_t token[PIN_STORE_TOKEN_SIZE], struct amount more)
{
    uint8_t bytes[AMOUNT_BYTES_MAX];
    struct amount sum;
    if (amount_is_zero(more))
        return OK;
    TRY(amount_get(s, txn, &sum, token));
    sum = amount_sat_add(sum, more);
    size_t n = amount_bytes(bytes, sum);
    return db_put(txn, s->spent, span_of(token, PIN_STORE_TOKEN_SIZE), span_of(bytes, n));
}

/* created is unique in the service: the moment, or one after the last. */
static enum err next_created(const struct pin_store *s, MDB_txn *txn, uint64_t *created)
{
    static const char name[] = "created";
    uint8_t bytes[8];
    struct span value;
    enum err e = db_get(txn, s->meta, &value, span_str(name));
    if (e != OK && e != ERR_NOT_FOUND)
        return e;
    uint64_t last = e == OK && value.n == 8 ? load_be64(value.p) : 0;
    if (*created <= last)
        *created = last + 1;
    store_be64(bytes, *created);
    return db_put(txn, s->meta, span_str(name), span_of(bytes, sizeof(bytes)));
}

static enum err add(const struct pin_store *s, MDB_txn *txn, struct pin_key *key,
                    struct span request, const struct pin_work *work)
{
    MDB_stat stat;
    uint8_t k[PIN_STORE_KEY_SIZE];
    TRY(db_err(mdb_stat(txn, s->works, &stat)));
    if (stat.ms_entries >= PIN_STORE_REQUESTS_MAX)
        return ERR_LIMIT;
    TRY(next_created(s, txn, &key->created_ms));
    key_encode(k, key);
    TRY(db_put(txn, s->requests, span_of(k, sizeof(k)), request));
    return work_put(s, txn, key, work);
}

/* ---- changes -------------------------------------------------------------------------------- */

enum err pin_store_add(struct pin_store *s, struct pin_key *key, uint64_t now_ms,
                       struct span request, const struct pin_work *work, uint64_t replaced)
{
    MDB_txn *txn;
    struct pin_key old = *key;
    enum err e = OK;
    TRY(begin(s, &txn, true));
    old.created_ms = replaced;
    if (replaced != 0)
        e = hide(s, txn, &old);
    key->created_ms = now_ms;
    if (e == OK)
        e = add(s, txn, key, request, work);
    return end(txn, e);
}

enum err pin_store_put(struct pin_store *s, const struct pin_key *key, struct pin_work *work,
                       struct amount spent)
{
    MDB_txn *txn;
    struct pin_work there;
    TRY(begin(s, &txn, true));
    enum err e = work_get(s, txn, &there, key);
    if (e == OK) {
        work->removed = there.removed;
        e = work_put(s, txn, key, work);
    }
    if (e == OK)
        e = amount_put(s, txn, key->token, spent);
    return end(txn, e);
}

enum err pin_store_remove(struct pin_store *s, const struct pin_key *key)
{
    MDB_txn *txn;
    TRY(begin(s, &txn, true));
    return end(txn, hide(s, txn, key));
}

enum err pin_store_drop(struct pin_store *s, const struct pin_key *key)
{
    MDB_txn *txn;
    uint8_t k[PIN_STORE_KEY_SIZE];
    key_encode(k, key);
    TRY(begin(s, &txn, true));
    enum err e = db_del(txn, s->requests, span_of(k, sizeof(k)));
    if (e == OK)
        e = db_del(txn, s->works, span_of(k, sizeof(k)));
    return end(txn, e);
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum err get(const struct pin_store *s, MDB_txn *txn, const struct pin_key *key,
                    struct mspan *request, struct pin_work *work, bool removed_too)
{
    uint8_t k[PIN_STORE_KEY_SIZE];
    struct span value;
    TRY(work_get(s, txn, work, key));
    if (work->removed && !removed_too)
        return ERR_NOT_FOUND;
    if (request == NULL)
        return OK;
    key_encode(k, key);
    TRY(db_get(txn, s->requests, &value, span_of(k, sizeof(k))));
    if (value.n > request->n)
        return ERR_LIMIT;
    memcpy(request->p, value.p, value.n);
    request->n = value.n;
    return OK;
}

enum err pin_store_get(struct pin_store *s, const struct pin_key *key, struct mspan *request,
                       struct pin_work *work, bool removed_too)
{
    MDB_txn *txn;
    TRY(begin(s, &txn, false));
    enum err e = get(s, txn, key, request, work, removed_too);
    mdb_txn_abort(txn);
    return e;
}

enum err pin_store_spent(struct pin_store *s, struct amount *out,
                         const uint8_t token[PIN_STORE_TOKEN_SIZE])
{
    MDB_txn *txn;
    *out = AMOUNT_ZERO;
    TRY(begin(s, &txn, false));
    enum err e = amount_get(s, txn, out, token);
    mdb_txn_abort(txn);
    return e;
}

struct listing {
    const struct pin_store *s;
    MDB_txn *txn;
    pin_store_fn fn;
    void *ctx;
    bool stop;
};

static enum err tell(struct listing *l, struct span k, struct span record, bool removed_too)
{
    struct pin_key key;
    struct pin_work work;
    struct span request;
    if (!key_decode(&key, k) || pin_store_decode(&work, record) != OK)
        return ERR_CORRUPT;
    if (work.removed && !removed_too)
        return OK;
    TRY(db_get(l->txn, l->s->requests, &request, k));
    l->stop = !l->fn(l->ctx, &key, request, &work);
    return OK;
}

/* Backwards from behind the token's last key. */
static enum err list(struct listing *l, MDB_cursor *c, const uint8_t *token)
{
    uint8_t k[PIN_STORE_KEY_SIZE];
    struct span key = span_of(k, sizeof(k)), record;
    memset(k, 0xff, sizeof(k));
    memcpy(k, token, PIN_STORE_TOKEN_SIZE);
    enum err e = db_seek(c, &key, &record, MDB_SET_RANGE);
    e = db_seek(c, &key, &record, e == OK ? MDB_PREV : MDB_LAST);
    while (e == OK && !l->stop) {
        if (key.n != PIN_STORE_KEY_SIZE || memcmp(key.p, token, PIN_STORE_TOKEN_SIZE) != 0)
            return OK;
        TRY(tell(l, key, record, false));
        e = db_seek(c, &key, &record, MDB_PREV);
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err each(struct listing *l, MDB_cursor *c)
{
    struct span key = { NULL, 0 }, record;
    enum err e = db_seek(c, &key, &record, MDB_FIRST);
    while (e == OK && !l->stop) {
        TRY(tell(l, key, record, true));
        e = db_seek(c, &key, &record, MDB_NEXT);
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err walk(struct pin_store *s, const uint8_t *token, pin_store_fn fn, void *ctx)
{
    struct listing l = { .s = s, .fn = fn, .ctx = ctx };
    MDB_cursor *c;
    TRY(begin(s, &l.txn, false));
    enum err e = db_err(mdb_cursor_open(l.txn, s->works, &c));
    if (e == OK) {
        e = token == NULL ? each(&l, c) : list(&l, c, token);
        mdb_cursor_close(c);
    }
    mdb_txn_abort(l.txn);
    return e;
}

enum err pin_store_list(struct pin_store *s, const uint8_t token[PIN_STORE_TOKEN_SIZE],
                        pin_store_fn fn, void *ctx)
{
    return walk(s, token, fn, ctx);
}

enum err pin_store_each(struct pin_store *s, pin_store_fn fn, void *ctx)
{
    return walk(s, NULL, fn, ctx);
}
