#include "store/treestore.h"

#include "store/db.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    KEY_SIZE = 21,  /* tree, level, index, inverted version */
    LOG_KEY = 21,   /* version, tree, level, index */
    NODE_SIZE = 40, /* hash, sum */
    READERS = 64,
    TABLES = 3,
};

#define MAP_DEFAULT ((uint64_t)1 << 34)
#define NO_VERSION  UINT64_MAX

/* A node on its way up during an apply. */
struct change {
    uint32_t index;
    struct treestore_node node;
};

struct treestore {
    MDB_env *env;
    MDB_dbi nodes, log, meta;
    treestore_hash hash;
    pthread_mutex_t mutex; /* one writer */
    struct change *changes;
};

/* One transaction with a cursor over the nodes. */
struct view {
    struct treestore *t;
    MDB_txn *txn;
    MDB_cursor *nodes;
    uint64_t oldest, newest;
    bool amends; /* the newest version itself changes: nothing is kept of before */
};

static bool is_empty(const struct treestore_node *n)
{
    static const uint8_t zeros[32] = { 0 };
    return memcmp(n->hash, zeros, sizeof(zeros)) == 0;
}

/* ---- rows
 * ------------------------------------------------------------------------------------------------
 */

/* Versions are inverted, so that the first key from (node, v) on is the newest that v can see. */
static void node_key(uint8_t out[KEY_SIZE], uint64_t tree, unsigned level, uint32_t index,
                     uint64_t version)
{
    store_be64(out, tree);
    out[8] = (uint8_t)level;
    store_be32(out + 9, index);
    store_be64(out + 13, ~version);
}

static void log_key(uint8_t out[LOG_KEY], const uint8_t node[KEY_SIZE])
{
    store_be64(out, ~load_be64(node + 13));
    memcpy(out + 8, node, 13);
}

/* The node row that a log row's change wrote. */
static void logged_node(uint8_t out[KEY_SIZE], const uint8_t log[LOG_KEY])
{
    memcpy(out, log + 8, 13);
    store_be64(out + 13, ~load_be64(log));
}

static enum err get_number(MDB_txn *txn, MDB_dbi meta, const char *name, uint64_t *out)
{
    struct span v;
    *out = 0;
    enum err e = db_get(txn, meta, &v, span_str(name));
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    if (v.n != 8)
        return ERR_CORRUPT;
    *out = load_le64(v.p);
    return OK;
}

static enum err put_number(MDB_txn *txn, MDB_dbi meta, const char *name, uint64_t n)
{
    uint8_t v[8];
    store_le64(v, n);
    return db_put(txn, meta, span_str(name), span_of(v, sizeof(v)));
}

/* ---- views
 * ---------------------------------------------------------------------------------------------------
 */

static enum err view_fill(struct view *v)
{
    TRY(get_number(v->txn, v->t->meta, "oldest", &v->oldest));
    TRY(get_number(v->txn, v->t->meta, "newest", &v->newest));
    return db_err(mdb_cursor_open(v->txn, v->t->nodes, &v->nodes));
}

static enum err view_begin(struct view *v, struct treestore *t, unsigned flags)
{
    *v = (struct view){ .t = t };
    TRY(db_err(mdb_txn_begin(t->env, NULL, flags, &v->txn)));
    enum err e = view_fill(v);
    if (e != OK) {
        mdb_txn_abort(v->txn);
        v->txn = NULL;
    }
    return e;
}

/* Ends a view: commits when it writes and e is OK. */
static enum err view_end(struct view *v, bool writes, enum err e)
{
    if (v->nodes != NULL)
        mdb_cursor_close(v->nodes);
    if (writes && e == OK)
        return db_commit(v->txn, NULL);
    mdb_txn_abort(v->txn);
    return e;
}

/* The row of a node as version sees it; an empty value when there is none. *written is its version.
 */
static enum err seek(struct view *v, struct span *value, uint64_t *written,
                     const uint8_t key[KEY_SIZE])
{
    struct span k = span_of(key, KEY_SIZE);
    *written = NO_VERSION;
    enum err e = db_seek(v->nodes, &k, value, MDB_SET_RANGE);
    if (e == ERR_NOT_FOUND || (e == OK && (k.n != KEY_SIZE || memcmp(k.p, key, 13) != 0))) {
        *value = (struct span){ 0 };
        return OK;
    }
    TRY(e);
    if (value->n < NODE_SIZE)
        return ERR_CORRUPT;
    *written = ~load_be64(k.p + 13);
    return OK;
}

struct place {
    uint64_t tree;
    uint64_t version;
    unsigned level;
    uint32_t index;
};

static enum err read_node(struct view *v, struct treestore_node *out, struct place p)
{
    uint8_t key[KEY_SIZE];
    struct span value;
    uint64_t written;
    *out = (struct treestore_node){ 0 };
    node_key(key, p.tree, p.level, p.index, p.version);
    TRY(seek(v, &value, &written, key));
    if (value.n == 0)
        return OK;
    memcpy(out->hash, value.p, sizeof(out->hash));
    out->sum = load_le64(value.p + 32);
    return OK;
}

/* ---- open and close
 * -------------------------------------------------------------------------------------------- */

static enum err open_tables(struct treestore *t)
{
    MDB_txn *txn;
    TRY(db_err(mdb_txn_begin(t->env, NULL, 0, &txn)));
    enum err e = db_err(mdb_dbi_open(txn, "nodes", MDB_CREATE, &t->nodes));
    if (e == OK)
        e = db_err(mdb_dbi_open(txn, "log", MDB_CREATE, &t->log));
    if (e == OK)
        e = db_err(mdb_dbi_open(txn, "meta", MDB_CREATE, &t->meta));
    if (e == OK)
        return db_err(mdb_txn_commit(txn));
    mdb_txn_abort(txn);
    return e;
}

enum err treestore_open(struct treestore **out, const struct treestore_config *config)
{
    *out = NULL;
    struct treestore *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_MEMORY;
    const struct db_config db = { .path = config->path,
                                  .map_bytes =
                                      config->map_bytes == 0 ? MAP_DEFAULT : config->map_bytes,
                                  .tables = TABLES,
                                  .readers = READERS + 2 };
    t->hash = config->hash;
    t->changes = calloc(TREESTORE_SETS_MAX, sizeof(*t->changes));
    if (t->changes == NULL || pthread_mutex_init(&t->mutex, NULL) != 0) {
        free(t->changes);
        free(t);
        return ERR_MEMORY;
    }
    enum err e = db_open(&t->env, &db);
    if (e == OK)
        e = open_tables(t);
    if (e != OK)
        treestore_close(t);
    else
        *out = t;
    return e;
}

void treestore_close(struct treestore *t)
{
    if (t == NULL)
        return;
    if (t->env != NULL)
        mdb_env_close(t->env);
    (void)pthread_mutex_destroy(&t->mutex);
    free(t->changes);
    free(t);
}

enum err treestore_versions(struct treestore *t, uint64_t *oldest, uint64_t *newest)
{
    struct view v;
    *oldest = *newest = 0;
    TRY(view_begin(&v, t, MDB_RDONLY));
    *oldest = v.oldest;
    *newest = v.newest;
    return view_end(&v, false, OK);
}

/* ---- apply
 * -------------------------------------------------------------------------------------------------------
 */

/* Writes one node of the next version and the log row that undoes it. */
static enum err write_node(struct view *v, struct place p, const struct treestore_node *n,
                           struct span data)
{
    uint8_t key[KEY_SIZE];
    uint8_t log[LOG_KEY];
    uint8_t before[8];
    uint8_t row[NODE_SIZE + TREESTORE_LEAF_DATA_MAX];
    struct span old;
    uint64_t written;
    node_key(key, p.tree, p.level, p.index, p.version);
    TRY(seek(v, &old, &written, key));
    if (old.n == 0 && is_empty(n))
        return OK;
    if (v->amends && is_empty(n))
        return db_del(v->txn, v->t->nodes, span_of(key, sizeof(key)));
    if (!v->amends) {
        log_key(log, key);
        store_le64(before, written);
        TRY(db_put(v->txn, v->t->log, span_of(log, sizeof(log)), span_of(before, sizeof(before))));
    }
    memcpy(row, n->hash, sizeof(n->hash));
    store_le64(row + 32, n->sum);
    if (data.n > 0)
        memcpy(row + NODE_SIZE, data.p, data.n);
    return db_put(v->txn, v->t->nodes, span_of(key, sizeof(key)), span_of(row, NODE_SIZE + data.n));
}

static enum err join(const struct treestore *t, struct treestore_node *out,
                     const struct treestore_node *left, const struct treestore_node *right)
{
    *out = (struct treestore_node){ 0 };
    if (is_empty(left) && is_empty(right))
        return OK;
    return t->hash(out, left, right);
}

/* Replaces the changes of one level by those of the level above. */
static enum err climb(struct view *v, struct place p, size_t *count)
{
    struct change *c = v->t->changes;
    size_t up = 0;
    for (size_t i = 0; i < *count;) {
        struct treestore_node left = { 0 };
        struct treestore_node right = { 0 };
        uint32_t index = c[i].index;
        struct place sibling = { p.tree, p.version, p.level, index ^ 1 };
        bool pair = (index & 1) == 0 && i + 1 < *count && c[i + 1].index == index + 1;
        if ((index & 1) == 0) {
            left = c[i].node;
            if (pair)
                right = c[i + 1].node;
            else
                TRY(read_node(v, &right, sibling));
        } else {
            right = c[i].node;
            TRY(read_node(v, &left, sibling));
        }
        i += pair ? 2 : 1;
        struct treestore_node above;
        TRY(join(v->t, &above, &left, &right));
        c[up++] = (struct change){ index >> 1, above };
    }
    *count = up;
    for (size_t i = 0; i < up; i++) {
        struct place at = { p.tree, p.version, p.level + 1, c[i].index };
        TRY(write_node(v, at, &c[i].node, (struct span){ 0 }));
    }
    return OK;
}

static enum err apply_tree(struct view *v, const struct treestore_set *sets, size_t count,
                           uint64_t version)
{
    for (size_t i = 0; i < count; i++) {
        struct place p = { sets[i].tree, version, 0, sets[i].index };
        TRY(write_node(v, p, &sets[i].leaf, sets[i].data));
        v->t->changes[i] = (struct change){ sets[i].index, sets[i].leaf };
    }
    for (unsigned level = 0; level < TREESTORE_DEPTH; level++) {
        struct place p = { sets[0].tree, version, level, 0 };
        TRY(climb(v, p, &count));
    }
    return OK;
}

static enum err check_sets(const struct treestore_set *sets, size_t count)
{
    if (count > TREESTORE_SETS_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < count; i++) {
        if (sets[i].data.n > TREESTORE_LEAF_DATA_MAX)
            return ERR_LIMIT;
        if (is_empty(&sets[i].leaf) && sets[i].leaf.sum != 0)
            return ERR_FORMAT;
        if (i > 0 && (sets[i].tree < sets[i - 1].tree ||
                      (sets[i].tree == sets[i - 1].tree && sets[i].index <= sets[i - 1].index)))
            return ERR_FORMAT;
    }
    return OK;
}

static enum err apply_all(struct view *v, const struct treestore_set *sets, size_t count)
{
    uint64_t version = v->amends ? v->newest : v->newest + 1;
    for (size_t i = 0; i < count;) {
        size_t n = 1;
        while (i + n < count && sets[i + n].tree == sets[i].tree)
            n++;
        TRY(apply_tree(v, sets + i, n, version));
        i += n;
    }
    return put_number(v->txn, v->t->meta, "newest", version);
}

static void lock(struct treestore *t)
{
    int rc = pthread_mutex_lock(&t->mutex);
    ASSERT(rc == 0);
}

static enum err unlock(struct treestore *t, enum err e)
{
    int rc = pthread_mutex_unlock(&t->mutex);
    ASSERT(rc == 0);
    return e;
}

enum err treestore_apply(struct treestore *t, uint64_t *version, const struct treestore_set *sets,
                         size_t count)
{
    struct view v;
    *version = 0;
    TRY(check_sets(sets, count));
    lock(t);
    enum err e = view_begin(&v, t, 0);
    if (e == OK)
        e = view_end(&v, true, apply_all(&v, sets, count));
    if (e == OK)
        *version = v.newest + 1;
    return unlock(t, e);
}

/* ---- building anew
 * -------------------------------------------------------------------------------------------------
 */

static enum err reset(struct view *v, uint64_t version)
{
    mdb_cursor_close(v->nodes);
    v->nodes = NULL;
    TRY(db_err(mdb_drop(v->txn, v->t->nodes, 0)));
    TRY(db_err(mdb_drop(v->txn, v->t->log, 0)));
    TRY(put_number(v->txn, v->t->meta, "oldest", version));
    return put_number(v->txn, v->t->meta, "newest", version);
}

enum err treestore_reset(struct treestore *t, uint64_t version)
{
    struct view v;
    lock(t);
    enum err e = view_begin(&v, t, 0);
    if (e == OK)
        e = view_end(&v, true, reset(&v, version));
    return unlock(t, e);
}

enum err treestore_amend(struct treestore *t, const struct treestore_set *sets, size_t count)
{
    struct view v;
    TRY(check_sets(sets, count));
    lock(t);
    enum err e = view_begin(&v, t, 0);
    if (e == OK) {
        v.amends = true;
        e = v.oldest == v.newest ? apply_all(&v, sets, count) : ERR_STATE;
        e = view_end(&v, true, e);
    }
    return unlock(t, e);
}

/* ---- forgetting
 * ----------------------------------------------------------------------------------------------------
 */

/* The change of one log row is for good: what it replaced goes, and it too when it left nothing. */
static enum err settle(struct view *v, const uint8_t log[LOG_KEY], uint64_t before)
{
    uint8_t key[KEY_SIZE];
    struct span value;
    logged_node(key, log);
    enum err e = db_get(v->txn, v->t->nodes, &value, span_of(key, sizeof(key)));
    if (e == OK && value.n >= NODE_SIZE) {
        static const uint8_t zeros[32] = { 0 };
        if (memcmp(value.p, zeros, sizeof(zeros)) == 0)
            TRY(db_del(v->txn, v->t->nodes, span_of(key, sizeof(key))));
    } else if (e != ERR_NOT_FOUND) {
        return e == OK ? ERR_CORRUPT : e;
    }
    if (before == NO_VERSION)
        return OK;
    store_be64(key + 13, ~before);
    return db_del(v->txn, v->t->nodes, span_of(key, sizeof(key)));
}

static enum err take_back(struct view *v, const uint8_t log[LOG_KEY])
{
    uint8_t key[KEY_SIZE];
    logged_node(key, log);
    return db_del(v->txn, v->t->nodes, span_of(key, sizeof(key)));
}

/* The first log row whose version is at least from: copied, so that the table may change. */
static enum err first_log(struct view *v, uint8_t log[LOG_KEY], uint64_t *before, uint64_t from)
{
    uint8_t at[8];
    MDB_cursor *c;
    struct span value;
    store_be64(at, from);
    struct span key = span_of(at, sizeof(at));
    TRY(db_err(mdb_cursor_open(v->txn, v->t->log, &c)));
    enum err e = db_seek(c, &key, &value, MDB_SET_RANGE);
    if (e == OK && (key.n != LOG_KEY || value.n != 8))
        e = ERR_CORRUPT;
    if (e == OK) {
        memcpy(log, key.p, LOG_KEY);
        *before = load_le64(value.p);
    }
    mdb_cursor_close(c);
    return e;
}

static enum err release(struct view *v, uint64_t oldest, size_t budget, bool *more)
{
    uint8_t log[LOG_KEY];
    uint64_t before;
    if (oldest > v->newest)
        return ERR_RANGE;
    if (oldest > v->oldest)
        TRY(put_number(v->txn, v->t->meta, "oldest", oldest));
    for (size_t i = 0;; i++) {
        enum err e = first_log(v, log, &before, 0);
        if (e == ERR_NOT_FOUND || (e == OK && load_be64(log) > oldest))
            return OK;
        TRY(e);
        if (i == budget) {
            *more = true;
            return OK;
        }
        TRY(settle(v, log, before));
        TRY(db_del(v->txn, v->t->log, span_of(log, sizeof(log))));
    }
}

enum err treestore_release(struct treestore *t, uint64_t oldest, size_t budget, bool *more)
{
    struct view v;
    *more = false;
    lock(t);
    enum err e = view_begin(&v, t, 0);
    if (e == OK)
        e = view_end(&v, true, release(&v, oldest, budget, more));
    return unlock(t, e);
}

static enum err rollback(struct view *v, uint64_t version)
{
    uint8_t log[LOG_KEY];
    uint64_t before;
    if (version < v->oldest || version > v->newest)
        return ERR_RANGE;
    for (;;) {
        enum err e = first_log(v, log, &before, version + 1);
        if (e == ERR_NOT_FOUND)
            return put_number(v->txn, v->t->meta, "newest", version);
        TRY(e);
        TRY(take_back(v, log));
        TRY(db_del(v->txn, v->t->log, span_of(log, sizeof(log))));
    }
}

enum err treestore_rollback(struct treestore *t, uint64_t version)
{
    struct view v;
    lock(t);
    enum err e = view_begin(&v, t, 0);
    if (e == OK)
        e = view_end(&v, true, rollback(&v, version));
    return unlock(t, e);
}

static enum err purge(struct view *v, uint64_t tree, size_t budget, bool *more)
{
    uint8_t at[8];
    store_be64(at, tree);
    for (size_t i = 0;; i++) {
        struct span key = span_of(at, sizeof(at));
        struct span value;
        enum err e = db_seek(v->nodes, &key, &value, MDB_SET_RANGE);
        if (e == ERR_NOT_FOUND || (e == OK && load_be64(key.p) != tree))
            return OK;
        TRY(e);
        if (i == budget) {
            *more = true;
            return OK;
        }
        TRY(db_err(mdb_cursor_del(v->nodes, 0)));
    }
}

enum err treestore_purge(struct treestore *t, uint64_t tree, size_t budget, bool *more)
{
    struct view v;
    *more = false;
    lock(t);
    enum err e = view_begin(&v, t, 0);
    if (e == OK)
        e = view_end(&v, true, purge(&v, tree, budget, more));
    return unlock(t, e);
}

/* ---- reading
 * ---------------------------------------------------------------------------------------------------------
 */

/* Begins a view in which version can be read. */
static enum err view_at(struct view *v, struct treestore *t, uint64_t version)
{
    TRY(view_begin(v, t, MDB_RDONLY));
    if (version >= v->oldest && version <= v->newest)
        return OK;
    return view_end(v, false, ERR_RANGE);
}

static enum err read_leaf(struct view *v, struct treestore_leaf *leaf, struct place p)
{
    uint8_t key[KEY_SIZE];
    struct span value;
    uint64_t written;
    node_key(key, p.tree, 0, p.index, p.version);
    TRY(seek(v, &value, &written, key));
    if (value.n == 0)
        return ERR_NOT_FOUND;
    leaf->index = p.index;
    memcpy(leaf->node.hash, value.p, 32);
    leaf->node.sum = load_le64(value.p + 32);
    leaf->data_size = value.n - NODE_SIZE;
    if (leaf->data_size > TREESTORE_LEAF_DATA_MAX)
        return ERR_CORRUPT;
    if (leaf->data_size > 0)
        memcpy(leaf->data, value.p + NODE_SIZE, leaf->data_size);
    return is_empty(&leaf->node) ? ERR_NOT_FOUND : OK;
}

enum err treestore_root(struct treestore *t, struct treestore_node *root, uint64_t tree,
                        uint64_t version)
{
    struct view v;
    *root = (struct treestore_node){ 0 };
    TRY(view_at(&v, t, version));
    struct place p = { tree, version, TREESTORE_DEPTH, 0 };
    return view_end(&v, false, read_node(&v, root, p));
}

static enum err changed(struct view *v, uint64_t *tree, uint32_t *index, uint64_t version)
{
    uint8_t log[LOG_KEY];
    uint64_t before;
    TRY(first_log(v, log, &before, version));
    if (load_be64(log) != version || log[16] != 0)
        return ERR_NOT_FOUND;
    *tree = load_be64(log + 8);
    *index = load_be32(log + 17);
    return OK;
}

enum err treestore_changed(struct treestore *t, uint64_t *tree, uint32_t *index, uint64_t version)
{
    struct view v;
    *tree = 0;
    *index = 0;
    TRY(view_at(&v, t, version));
    return view_end(&v, false, changed(&v, tree, index, version));
}

enum err treestore_get(struct treestore *t, struct treestore_leaf *leaf, uint64_t tree,
                       uint64_t version, uint32_t index)
{
    struct view v;
    *leaf = (struct treestore_leaf){ 0 };
    TRY(view_at(&v, t, version));
    struct place p = { tree, version, 0, index };
    enum err e = view_end(&v, false, read_leaf(&v, leaf, p));
    if (e != OK)
        *leaf = (struct treestore_leaf){ 0 };
    return e;
}

static enum err path(struct view *v, uint8_t *out, size_t *size, struct place p)
{
    uint32_t map = 0;
    *size = 4;
    for (unsigned level = 0; level < TREESTORE_DEPTH; level++) {
        struct treestore_node n;
        struct place sibling = { p.tree, p.version, level, (p.index >> level) ^ 1 };
        TRY(read_node(v, &n, sibling));
        if (is_empty(&n))
            continue;
        map |= 1U << level;
        memcpy(out + *size, n.hash, sizeof(n.hash));
        store_le64(out + *size + 32, n.sum);
        *size += NODE_SIZE;
    }
    store_le32(out, map);
    return OK;
}

enum err treestore_path(struct treestore *t, uint8_t out[TREESTORE_PATH_MAX], size_t *size,
                        const struct treestore_place *at)
{
    struct view v;
    *size = 0;
    TRY(view_at(&v, t, at->version));
    struct place p = { at->tree, at->version, 0, at->index };
    enum err e = view_end(&v, false, path(&v, out, size, p));
    if (e != OK)
        *size = 0;
    return e;
}

static enum err find(struct view *v, struct place p, struct treestore_leaf *leaf, uint64_t *rest,
                     uint64_t offset)
{
    struct treestore_node n;
    TRY(read_node(v, &n, p));
    if (offset >= n.sum)
        return ERR_RANGE;
    while (p.level > 0) {
        p.level--;
        p.index <<= 1;
        TRY(read_node(v, &n, p));
        if (offset >= n.sum) {
            offset -= n.sum;
            p.index |= 1;
        }
    }
    *rest = offset;
    enum err e = read_leaf(v, leaf, p);
    return e == ERR_NOT_FOUND || (e == OK && offset >= leaf->node.sum) ? ERR_CORRUPT : e;
}

enum err treestore_find(struct treestore *t, struct treestore_leaf *leaf, uint64_t *rest,
                        uint64_t tree, uint64_t version, uint64_t offset)
{
    struct view v;
    *leaf = (struct treestore_leaf){ 0 };
    *rest = 0;
    TRY(view_at(&v, t, version));
    struct place p = { tree, version, TREESTORE_DEPTH, 0 };
    return view_end(&v, false, find(&v, p, leaf, rest, offset));
}

/* From a node that is not empty down to its first or last leaf. */
static enum err descend(struct view *v, struct place *p, bool last)
{
    while (p->level > 0) {
        struct treestore_node n;
        struct place try = { p->tree, p->version, p->level - 1, p->index << 1 | (last ? 1 : 0) };
        TRY(read_node(v, &n, try));
        if (is_empty(&n))
            try.index ^= 1;
        *p = try;
    }
    return OK;
}

static enum err next(struct view *v, struct treestore_leaf *leaf, struct place p)
{
    enum err e = read_leaf(v, leaf, p);
    if (e != ERR_NOT_FOUND)
        return e;
    /* The lowest right sibling on the way up that is not empty holds the next leaf. */
    for (; p.level < TREESTORE_DEPTH; p.level++, p.index >>= 1) {
        struct treestore_node n;
        struct place right = { p.tree, p.version, p.level, p.index + 1 };
        if ((p.index & 1) != 0)
            continue;
        TRY(read_node(v, &n, right));
        if (is_empty(&n))
            continue;
        TRY(descend(v, &right, false));
        return read_leaf(v, leaf, right);
    }
    return ERR_NOT_FOUND;
}

enum err treestore_next(struct treestore *t, struct treestore_leaf *leaf, uint64_t tree,
                        uint64_t version, uint32_t from)
{
    struct view v;
    *leaf = (struct treestore_leaf){ 0 };
    TRY(view_at(&v, t, version));
    struct place p = { tree, version, 0, from };
    return view_end(&v, false, next(&v, leaf, p));
}

static enum err append_index(struct view *v, uint32_t *index, struct place p)
{
    struct treestore_node n;
    TRY(read_node(v, &n, p));
    if (is_empty(&n))
        return OK;
    TRY(descend(v, &p, true));
    if (p.index == UINT32_MAX)
        return ERR_FULL;
    *index = p.index + 1;
    return OK;
}

enum err treestore_append_index(struct treestore *t, uint32_t *index, uint64_t tree,
                                uint64_t version)
{
    struct view v;
    *index = 0;
    TRY(view_at(&v, t, version));
    struct place p = { tree, version, TREESTORE_DEPTH, 0 };
    return view_end(&v, false, append_index(&v, index, p));
}
