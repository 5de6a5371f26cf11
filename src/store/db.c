#include "store/db.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* ---- checking
 * ------------------------------------------------------------------------------------------------
 */

static enum err read_table(MDB_txn *txn, MDB_dbi dbi, unsigned *sum)
{
    MDB_cursor *c;
    struct span key = { NULL, 0 }, value;
    TRY(db_err(mdb_cursor_open(txn, dbi, &c)));
    enum err e = db_seek(c, &key, &value, MDB_FIRST);
    for (; e == OK; e = db_seek(c, &key, &value, MDB_NEXT)) {
        for (size_t i = 0; i < value.n; i++)
            *sum += value.p[i];
    }
    mdb_cursor_close(c);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err read_all(MDB_txn *txn)
{
    enum { NAME_MAX_SIZE = 64 };
    MDB_cursor *c;
    MDB_dbi names;
    struct span key = { NULL, 0 }, value;
    volatile unsigned kept;
    unsigned sum = 0;
    TRY(db_err(mdb_dbi_open(txn, NULL, 0, &names)));
    TRY(db_err(mdb_cursor_open(txn, names, &c)));
    enum err e = db_seek(c, &key, &value, MDB_FIRST);
    for (; e == OK; e = db_seek(c, &key, &value, MDB_NEXT)) {
        char name[NAME_MAX_SIZE + 1] = "";
        MDB_dbi dbi;
        if (key.n > NAME_MAX_SIZE)
            return ERR_CORRUPT;
        memcpy(name, key.p, key.n);
        TRY(db_err(mdb_dbi_open(txn, name, 0, &dbi)));
        TRY(read_table(txn, dbi, &sum));
    }
    kept = sum; /* so that every byte is read */
    (void)kept;
    return e == ERR_NOT_FOUND ? OK : e;
}

/* Pages that are not in use are written to as well: none may lie behind the end of the file. */
static enum err check_size(MDB_env *env, uint64_t size)
{
    MDB_envinfo info;
    MDB_stat stat;
    TRY(db_err(mdb_env_info(env, &info)));
    TRY(db_err(mdb_env_stat(env, &stat)));
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize <= size ? OK : ERR_CORRUPT;
}

static enum err read_file(const char *path, uint64_t size)
{
    enum { TABLES_MAX = 32 };
    MDB_env *env;
    MDB_txn *txn;
    TRY(db_err(mdb_env_create(&env)));
    TRY(db_err(mdb_env_set_maxdbs(env, TABLES_MAX)));
    TRY(db_err(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600)));
    TRY(check_size(env, size));
    TRY(db_err(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)));
    return read_all(txn);
}

enum err db_check(const char *path)
{
    struct stat st;
    int status;
    if (stat(path, &st) != 0)
        return errno == ENOENT ? ERR_NOT_FOUND : db_err(errno);
    pid_t child = fork();
    if (child < 0)
        return ERR_MEMORY;
    if (child == 0) {
        const struct rlimit none = { 0, 0 };
        (void)setrlimit(RLIMIT_CORE, &none);
        _exit(read_file(path, (uint64_t)st.st_size) == OK ? 0 : 1);
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return ERR_IO;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? OK : ERR_CORRUPT;
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
