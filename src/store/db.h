/* db: LMDB in our words: errors, spans, opening. Shared by the indexes in this folder. Durability
 * is LMDB's default: a commit is on the disk when it returns. */
#ifndef CRUST_STORE_DB_H
#define CRUST_STORE_DB_H

#include "store/file.h"

#include <lmdb.h>

/* db_err maps an LMDB or system error. */
NODISCARD enum err db_err(int rc);

/* db_val gives bytes as LMDB takes them. */
MDB_val db_val(struct span s);

struct db_config {
    const char *path; /* one file; "-lock" stands beside it */
    uint64_t map_bytes;
    unsigned tables;  /* named tables at most */
    unsigned readers; /* read transactions at one time */
    bool scratch;     /* its loss does not matter: no syncs */
};

NODISCARD enum err db_open(MDB_env **env, const struct db_config *config);

/* db_check reads a whole file from the first row to the last, in a process of its own: LMDB trusts
 * its pages, and damaged ones may end the process that reads them. ERR_NOT_FOUND, ERR_CORRUPT,
 * ERR_IO, ERR_MEMORY. */
NODISCARD enum err db_check(const char *path);

/* db_commit asks files first (the fault-injecting version may refuse), then commits. Ends txn in
 * any case. files may be NULL. */
NODISCARD enum err db_commit(MDB_txn *txn, const struct files *files);

/* Value borrowed until the transaction ends or writes. ERR_NOT_FOUND. */
NODISCARD enum err db_get(MDB_txn *txn, MDB_dbi dbi, struct span *value, struct span key);
NODISCARD enum err db_put(MDB_txn *txn, MDB_dbi dbi, struct span key, struct span value);

/* Deleting what is not there is OK. */
NODISCARD enum err db_del(MDB_txn *txn, MDB_dbi dbi, struct span key);

/* Moves a cursor: op is MDB_FIRST, MDB_NEXT, MDB_PREV, MDB_LAST or MDB_SET_RANGE (to the first key
 * >= *key). ERR_NOT_FOUND at the end. */
NODISCARD enum err db_seek(MDB_cursor *c, struct span *key, struct span *value, MDB_cursor_op op);

#endif
