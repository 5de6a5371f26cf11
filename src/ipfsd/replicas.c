#include "ipfsd/replicas.h"

enum {
    KEY_SIZE = 36,
    PLACE_SIZE = 17, /* volume u8 | replica 16 */
    CONTENT_SIZE = 21,
    DOOMED_SIZE = 30, /* version u64be | volume u8 | kind u8 | replica 16 | number u32 */
    MAP_BYTES_GIB = 64,
    READERS = 512,
};

static enum err open_tables(struct replicas *r)
{
    MDB_txn *txn;
    TRY(db_err(mdb_txn_begin(r->env, NULL, 0, &txn)));
    int rc = mdb_dbi_open(txn, "blocks", MDB_CREATE, &r->blocks);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "contents", MDB_CREATE, &r->contents);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "doomed", MDB_CREATE, &r->doomed);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &r->meta);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return db_err(rc);
    }
    return db_commit(txn, NULL);
}

enum err replicas_open(struct replicas *r, const char *path)
{
    memset(r, 0, sizeof(*r));
    const struct db_config config = {
        .path = path, .map_bytes = (uint64_t)MAP_BYTES_GIB << 30, .tables = 4, .readers = READERS
    };
    TRY(db_open(&r->env, &config));
    enum err e = open_tables(r);
    if (e != OK)
        replicas_close(r);
    return e;
}

void replicas_close(struct replicas *r)
{
    if (r->env != NULL)
        mdb_env_close(r->env);
    r->env = NULL;
}

static void encode_key(uint8_t out[KEY_SIZE], const struct content_key *key)
{
    store_be32(out, key->codec);
    memcpy(out + 4, key->digest, 32);
}

/* ---- reading ---- */

/* The first row at or above key, copied: *key_size and *value_size are room, then size. */
struct row {
    size_t key_size, value_size;
    uint8_t key[64], value[64];
};

static enum err seek(struct replicas *r, MDB_dbi dbi, struct row *row, struct span from)
{
    MDB_txn *txn;
    MDB_cursor *c;
    struct span key = from, value;
    TRY(db_err(mdb_txn_begin(r->env, NULL, MDB_RDONLY, &txn)));
    enum err e = db_err(mdb_cursor_open(txn, dbi, &c));
    if (e == OK) {
        e = db_seek(c, &key, &value, from.n > 0 ? MDB_SET_RANGE : MDB_FIRST);
        if (e == OK && (key.n > sizeof(row->key) || value.n > sizeof(row->value)))
            e = ERR_CORRUPT;
        if (e == OK) {
            memcpy(row->key, key.p, key.n);
            if (value.n > 0)
                memcpy(row->value, value.p, value.n);
            row->key_size = key.n;
            row->value_size = value.n;
        }
        mdb_cursor_close(c);
    }
    mdb_txn_abort(txn);
    return e;
}

enum err replicas_version(struct replicas *r, uint64_t *version)
{
    struct row row;
    *version = 0;
    enum err e = seek(r, r->meta, &row, span_str("version"));
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    if (row.value_size != 8)
        return ERR_CORRUPT;
    *version = load_le64(row.value);
    return OK;
}

static enum err decode_entry(struct replicas_entry *out, const struct row *row)
{
    if (row->key_size != KEY_SIZE || row->value_size != CONTENT_SIZE)
        return ERR_CORRUPT;
    out->key.codec = load_be32(row->key);
    memcpy(out->key.digest, row->key + 4, 32);
    out->volume = row->value[0];
    memcpy(out->id.bytes, row->value + 1, VOLUME_REPLICA_SIZE);
    out->index = load_le32(row->value + 17);
    return OK;
}

enum err replicas_get(struct replicas *r, struct replicas_entry *out, const struct content_key *key)
{
    uint8_t k[KEY_SIZE];
    struct row row;
    encode_key(k, key);
    TRY(seek(r, r->contents, &row, span_of(k, sizeof(k))));
    if (row.key_size != KEY_SIZE || memcmp(row.key, k, KEY_SIZE) != 0)
        return ERR_NOT_FOUND;
    return decode_entry(out, &row);
}

enum err replicas_next(struct replicas *r, struct replicas_entry *out,
                       const struct content_key *after)
{
    uint8_t k[KEY_SIZE + 1] = { 0 };
    struct row row;
    if (after != NULL)
        encode_key(k, after);
    /* One byte more than a key is just above it. */
    TRY(seek(r, r->contents, &row, span_of(k, after != NULL ? sizeof(k) : 0)));
    return decode_entry(out, &row);
}

enum err replicas_block(struct replicas *r, struct replicas_place *out, const uint8_t digest[32],
                        uint32_t nth)
{
    uint8_t k[32 + PLACE_SIZE + 1] = { 0 };
    struct row row;
    size_t n = 32;
    memcpy(k, digest, 32);
    for (uint32_t i = 0;; i++) {
        TRY(seek(r, r->blocks, &row, span_of(k, n)));
        if (row.key_size != 32 + PLACE_SIZE || memcmp(row.key, digest, 32) != 0)
            return ERR_NOT_FOUND;
        if (i == nth)
            break;
        memcpy(k, row.key, 32 + PLACE_SIZE);
        n = sizeof(k);
    }
    if (row.value_size != 4)
        return ERR_CORRUPT;
    out->volume = row.key[32];
    memcpy(out->id.bytes, row.key + 33, VOLUME_REPLICA_SIZE);
    out->record = load_le32(row.value);
    return OK;
}

enum err replicas_doomed_first(struct replicas *r, struct replicas_doomed *out, uint64_t max)
{
    struct row row;
    TRY(seek(r, r->doomed, &row, (struct span){ NULL, 0 }));
    if (row.key_size != DOOMED_SIZE)
        return ERR_CORRUPT;
    out->version = load_be64(row.key);
    out->volume = row.key[8];
    out->is_extent = row.key[9] != 0;
    memcpy(out->id.bytes, row.key + 10, VOLUME_REPLICA_SIZE);
    out->number = load_le32(row.key + 26);
    return out->version <= max ? OK : ERR_NOT_FOUND;
}

/* ---- writing ---- */

enum err replicas_begin(struct replicas_txn *t, struct replicas *r)
{
    *t = (struct replicas_txn){ .index = r };
    return db_err(mdb_txn_begin(r->env, NULL, 0, &t->txn));
}

enum err replicas_put(struct replicas_txn *t, const struct replicas_entry *e)
{
    uint8_t k[KEY_SIZE], v[CONTENT_SIZE];
    encode_key(k, &e->key);
    v[0] = (uint8_t)e->volume;
    memcpy(v + 1, e->id.bytes, VOLUME_REPLICA_SIZE);
    store_le32(v + 17, e->index);
    return db_put(t->txn, t->index->contents, span_of(k, sizeof(k)), span_of(v, sizeof(v)));
}

enum err replicas_del(struct replicas_txn *t, const struct content_key *key)
{
    uint8_t k[KEY_SIZE];
    encode_key(k, key);
    return db_del(t->txn, t->index->contents, span_of(k, sizeof(k)));
}

static void encode_place(uint8_t out[32 + PLACE_SIZE], const uint8_t digest[32],
                         const struct replicas_place *p)
{
    memcpy(out, digest, 32);
    out[32] = (uint8_t)p->volume;
    memcpy(out + 33, p->id.bytes, VOLUME_REPLICA_SIZE);
}

enum err replicas_put_block(struct replicas_txn *t, const uint8_t digest[32],
                            const struct replicas_place *p)
{
    uint8_t k[32 + PLACE_SIZE], v[4];
    encode_place(k, digest, p);
    store_le32(v, (uint32_t)p->record);
    return db_put(t->txn, t->index->blocks, span_of(k, sizeof(k)), span_of(v, sizeof(v)));
}

enum err replicas_del_block(struct replicas_txn *t, const uint8_t digest[32],
                            const struct replicas_place *p)
{
    uint8_t k[32 + PLACE_SIZE];
    encode_place(k, digest, p);
    return db_del(t->txn, t->index->blocks, span_of(k, sizeof(k)));
}

static void encode_doomed(uint8_t out[DOOMED_SIZE], const struct replicas_doomed *d)
{
    store_be64(out, d->version);
    out[8] = (uint8_t)d->volume;
    out[9] = d->is_extent;
    memcpy(out + 10, d->id.bytes, VOLUME_REPLICA_SIZE);
    store_le32(out + 26, d->number);
}

enum err replicas_doom(struct replicas_txn *t, const struct replicas_doomed *d)
{
    uint8_t k[DOOMED_SIZE];
    encode_doomed(k, d);
    return db_put(t->txn, t->index->doomed, span_of(k, sizeof(k)), span_of("", 1));
}

enum err replicas_spare(struct replicas_txn *t, const struct replicas_doomed *d)
{
    uint8_t k[DOOMED_SIZE];
    encode_doomed(k, d);
    return db_del(t->txn, t->index->doomed, span_of(k, sizeof(k)));
}

enum err replicas_clear(struct replicas_txn *t)
{
    TRY(db_err(mdb_drop(t->txn, t->index->blocks, 0)));
    return db_err(mdb_drop(t->txn, t->index->contents, 0));
}

/* The rows of a table whose byte at `at` of the key, or else of the value, is the volume. */
static enum err del_volume(struct replicas_txn *t, MDB_dbi dbi, uint32_t volume, int key_at)
{
    MDB_cursor *c;
    struct span key = { NULL, 0 }, value;
    TRY(db_err(mdb_cursor_open(t->txn, dbi, &c)));
    enum err e = db_seek(c, &key, &value, MDB_FIRST);
    while (e == OK) {
        const uint8_t *at = key_at >= 0 ? key.p + key_at : value.p;
        if (*at == volume)
            e = db_err(mdb_cursor_del(c, 0));
        if (e == OK)
            e = db_seek(c, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(c);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err replicas_del_volume(struct replicas_txn *t, uint32_t volume)
{
    TRY(del_volume(t, t->index->blocks, volume, 32));
    TRY(del_volume(t, t->index->contents, volume, -1));
    return del_volume(t, t->index->doomed, volume, 8);
}

enum err replicas_commit(struct replicas_txn *t, uint64_t version)
{
    uint8_t v[8];
    store_le64(v, version);
    enum err e = db_put(t->txn, t->index->meta, span_str("version"), span_of(v, sizeof(v)));
    if (e != OK) {
        replicas_abort(t);
        return e;
    }
    e = db_commit(t->txn, NULL);
    t->txn = NULL;
    return e;
}

void replicas_abort(struct replicas_txn *t)
{
    if (t->txn != NULL)
        mdb_txn_abort(t->txn);
    t->txn = NULL;
}
