#include "ipfsd/placements.h"

#include <stdio.h>
#include <unistd.h>

enum {
    KEY_SIZE = 36,
    VALUE_SIZE =
        53, /* state u8 | links u64 | length u32 | chunk_root 32 | segment u32 | offset u32 */
    CHANGES_MAX = 8192, /* in one transaction: its dirty pages are in memory */
};

enum { LINKED = 0, TAKEN = 1, PLACED = 2 };

static void encode_key(uint8_t out[KEY_SIZE], const struct content_key *key)
{
    store_be32(out, key->codec);
    memcpy(out + 4, key->digest, 32);
}

static struct content_key decode_key(const uint8_t in[KEY_SIZE])
{
    struct content_key key = { .codec = load_be32(in) };
    memcpy(key.digest, in + 4, 32);
    return key;
}

static void remove_files(const struct placements *p)
{
    char lock[FILE_PATH_MAX + 8];
    (void)snprintf(lock, sizeof(lock), "%s-lock", p->path);
    unlink(p->path);
    unlink(lock);
}

enum err placements_open(struct placements *p, const char *path)
{
    memset(p, 0, sizeof(*p));
    size_t n = strlen(path) + 1;
    if (n > sizeof(p->path))
        return ERR_LIMIT;
    memcpy(p->path, path, n);
    remove_files(p);
    const struct db_config config = {
        .path = path, .map_bytes = (uint64_t)64 << 30, .tables = 2, .readers = 2, .scratch = true
    };
    TRY(db_open(&p->env, &config));
    enum err e = db_err(mdb_txn_begin(p->env, NULL, 0, &p->txn));
    if (e == OK)
        e = db_err(mdb_dbi_open(p->txn, "blocks", MDB_CREATE, &p->blocks));
    if (e == OK)
        e = db_err(mdb_dbi_open(p->txn, "wanted", MDB_CREATE, &p->wanted));
    if (e != OK)
        placements_close(p);
    return e;
}

void placements_close(struct placements *p)
{
    if (p->env == NULL)
        return;
    if (p->txn != NULL)
        mdb_txn_abort(p->txn);
    mdb_env_close(p->env);
    remove_files(p);
    memset(p, 0, sizeof(*p));
}

/* A long transaction would hold all its pages in memory. */
static enum err changed(struct placements *p)
{
    if (++p->changes < CHANGES_MAX)
        return OK;
    p->changes = 0;
    MDB_txn *txn = p->txn;
    p->txn = NULL;
    TRY(db_err(mdb_txn_commit(txn)));
    return db_err(mdb_txn_begin(p->env, NULL, 0, &p->txn));
}

static enum err load(struct placements *p, uint8_t out[VALUE_SIZE], const uint8_t key[KEY_SIZE])
{
    struct span v;
    if (p->txn == NULL)
        return ERR_IO;
    TRY(db_get(p->txn, p->blocks, &v, span_of(key, KEY_SIZE)));
    if (v.n != VALUE_SIZE)
        return ERR_CORRUPT;
    memcpy(out, v.p, VALUE_SIZE);
    return OK;
}

static enum err save(struct placements *p, const uint8_t key[KEY_SIZE], const uint8_t v[VALUE_SIZE])
{
    TRY(db_put(p->txn, p->blocks, span_of(key, KEY_SIZE), span_of(v, VALUE_SIZE)));
    return changed(p);
}

enum err placements_link(struct placements *p, const struct content_key *key)
{
    uint8_t k[KEY_SIZE], v[VALUE_SIZE] = { LINKED };
    encode_key(k, key);
    enum err e = load(p, v, k);
    if (e == ERR_NOT_FOUND) {
        p->block_count++;
        p->wanted_count++;
        e = db_put(p->txn, p->wanted, span_of(k, KEY_SIZE), span_of("", 1));
    }
    TRY(e);
    store_le64(v + 1, load_le64(v + 1) + 1);
    return save(p, k, v);
}

enum err placements_take(struct placements *p, bool *fresh, const struct content_key *key)
{
    uint8_t k[KEY_SIZE], v[VALUE_SIZE];
    *fresh = false;
    encode_key(k, key);
    TRY(load(p, v, k));
    if (v[0] != LINKED)
        return OK;
    *fresh = true;
    v[0] = TAKEN;
    p->wanted_count--;
    TRY(db_del(p->txn, p->wanted, span_of(k, KEY_SIZE)));
    return save(p, k, v);
}

enum err placements_wants(struct placements *p, const struct content_key *key)
{
    uint8_t k[KEY_SIZE], v[VALUE_SIZE];
    encode_key(k, key);
    TRY(load(p, v, k));
    return v[0] == LINKED ? OK : ERR_NOT_FOUND;
}

enum err placements_put(struct placements *p, const struct replica_record *r)
{
    uint8_t k[KEY_SIZE], v[VALUE_SIZE];
    encode_key(k, &r->record.key);
    TRY(load(p, v, k));
    v[0] = PLACED;
    store_le32(v + 9, r->record.length);
    memcpy(v + 13, r->record.chunk_root, 32);
    store_le32(v + 45, r->segment);
    store_le32(v + 49, r->offset);
    return save(p, k, v);
}

enum err placements_wanted(struct placements *p, struct content_key *keys, size_t *count,
                           size_t max)
{
    MDB_cursor *c;
    struct span key = { NULL, 0 }, value;
    *count = 0;
    if (p->txn == NULL)
        return ERR_IO;
    TRY(db_err(mdb_cursor_open(p->txn, p->wanted, &c)));
    enum err e = db_seek(c, &key, &value, MDB_FIRST);
    while (e == OK && *count < max) {
        if (key.n == KEY_SIZE)
            keys[(*count)++] = decode_key(key.p);
        e = db_seek(c, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(c);
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err placements_next(struct placements *p, struct placements_cursor *at,
                         struct replica_record *r, uint64_t *links)
{
    struct span key = { NULL, 0 }, v;
    bool first = at->c == NULL;
    if (p->txn == NULL)
        return ERR_IO;
    if (first)
        TRY(db_err(mdb_cursor_open(p->txn, p->blocks, &at->c)));
    TRY(db_seek(at->c, &key, &v, first ? MDB_FIRST : MDB_NEXT));
    if (key.n != KEY_SIZE || v.n != VALUE_SIZE)
        return ERR_CORRUPT;
    if (v.p[0] != PLACED)
        return ERR_STATE;
    *links = load_le64(v.p + 1);
    r->record.key = decode_key(key.p);
    r->record.length = load_le32(v.p + 9);
    memcpy(r->record.chunk_root, v.p + 13, 32);
    r->segment = load_le32(v.p + 45);
    r->offset = load_le32(v.p + 49);
    return OK;
}

void placements_end(struct placements_cursor *at)
{
    if (at->c != NULL)
        mdb_cursor_close(at->c);
    at->c = NULL;
}
