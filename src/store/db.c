#include "store/db.h"

#include <errno.h>

enum err db_err(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_FULL;
    case ENOMEM:
        return ERR_MEMORY;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case MDB_READERS_FULL:
    case EAGAIN:
        return ERR_BUSY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return ERR_CORRUPT;
    default:
        return ERR_IO;
    }
}

MDB_val db_val(struct span s)
{
    /* LMDB takes a pointer that is not const and does not write through it. */
    return (MDB_val){ .mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p };
}

enum err db_open(MDB_env **env, const struct db_config *config)
{
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (config->scratch ? MDB_NOSYNC : 0);
    TRY(db_err(mdb_env_create(env)));
    enum err e = db_err(mdb_env_set_mapsize(*env, (size_t)config->map_bytes));
    if (e == OK)
        e = db_err(mdb_env_set_maxdbs(*env, config->tables));
    if (e == OK)
        e = db_err(mdb_env_set_maxreaders(*env, config->readers));
    if (e == OK)
        e = db_err(mdb_env_open(*env, config->path, flags, 0600));
    if (e != OK) {
        mdb_env_close(*env);
        *env = NULL;
    }
    return e;
}

enum err db_commit(MDB_txn *txn, const struct files *files)
{
    enum err e = files == NULL ? OK : files->before_commit(files->ctx);
    if (e != OK) {
        mdb_txn_abort(txn);
        return e;
    }
    return db_err(mdb_txn_commit(txn));
}

enum err db_get(MDB_txn *txn, MDB_dbi dbi, struct span *value, struct span key)
{
    MDB_val k = db_val(key);
    MDB_val v = { 0 };
    *value = (struct span){ 0 };
    TRY(db_err(mdb_get(txn, dbi, &k, &v)));
    *value = span_of(v.mv_data, v.mv_size);
    return OK;
}

enum err db_put(MDB_txn *txn, MDB_dbi dbi, struct span key, struct span value)
{
    MDB_val k = db_val(key);
    MDB_val v = db_val(value);
    return db_err(mdb_put(txn, dbi, &k, &v, 0));
}

enum err db_del(MDB_txn *txn, MDB_dbi dbi, struct span key)
{
    MDB_val k = db_val(key);
    enum err e = db_err(mdb_del(txn, dbi, &k, NULL));
    return e == ERR_NOT_FOUND ? OK : e;
}

enum err db_seek(MDB_cursor *c, struct span *key, struct span *value, MDB_cursor_op op)
{
    MDB_val k = db_val(*key);
    MDB_val v = { 0 };
    enum err e = db_err(mdb_cursor_get(c, &k, &v, op));
    *key = e == OK ? span_of(k.mv_data, k.mv_size) : (struct span){ 0 };
    *value = e == OK ? span_of(v.mv_data, v.mv_size) : (struct span){ 0 };
    return e;
}
