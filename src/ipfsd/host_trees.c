#include "ipfsd/host_trees.h"

#include "ipfsd/host.h"
#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 512 };

/* ---- opening ---- */

static enum err tree_hash(struct treestore_node *out, const struct treestore_node *left,
                          const struct treestore_node *right)
{
    struct merkle_sum l, r, node;
    memcpy(l.hash, left->hash, 32);
    memcpy(r.hash, right->hash, 32);
    l.sum = left->sum;
    r.sum = right->sum;
    TRY(sumtree_node(&node, &l, &r));
    memcpy(out->hash, node.hash, 32);
    out->sum = node.sum;
    return OK;
}

static void remove_db(const char *path)
{
    char lock[HOST_PATH_MAX + 8];
    (void)snprintf(lock, sizeof(lock), "%s-lock", path);
    (void)unlink(path);
    (void)unlink(lock);
}

/* A file of LMDB that cannot be read is removed: all in it can be made anew. */
static enum err open_derived(const char *path)
{
    enum err e = db_check(path);
    if (e != ERR_CORRUPT)
        return e == ERR_NOT_FOUND ? OK : e;
    log_error("index-damaged", "path=\"%s\" next=\"it is made anew\"", path);
    remove_db(path);
    return OK;
}

enum err host_trees_open(struct host *h)
{
    char path[HOST_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/trees.mdb", h->settings->enclave);
    TRY(open_derived(path));
    const struct treestore_config c = { .path = path, .hash = tree_hash };
    return treestore_open(&h->trees, &c);
}

enum err host_index_open(struct host *h)
{
    char path[HOST_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/replicas.mdb", h->settings->enclave);
    TRY(open_derived(path));
    return replicas_open(&h->index, path);
}

/* ---- leaves ---- */

enum err host_leaf_of(struct treestore_node *out, struct span data)
{
    struct merkle_sum leaf;
    if (data.n == HOST_FILE_DATA) {
        const uint8_t *p = data.p + VOLUME_REPLICA_SIZE;
        struct report_file f = { .size = load_le64(p + 36),
                                 .data_root = p + 44,
                                 .seal_root = p + 76 };
        f.key.codec = load_le32(p);
        memcpy(f.key.digest, p + 4, 32);
        sumtree_file_leaf(&leaf, &f);
    } else if (data.n == HOST_EXTENT_DATA) {
        const struct report_extent x = { data.p + 4, load_le64(data.p + 36) };
        sumtree_extent_leaf(&leaf, &x);
    } else {
        return ERR_CORRUPT;
    }
    memcpy(out->hash, leaf.hash, 32);
    out->sum = leaf.sum;
    return OK;
}

static uint32_t volume_of(uint64_t tree)
{
    return (uint32_t)(tree >> 40) % DISKS_MAX;
}

/* ---- the states that the trees must agree with ---- */

static bool tree_is(struct host *h, uint64_t tree, uint64_t version, const struct work_tree *want)
{
    struct treestore_node root;
    return treestore_root(h->trees, &root, tree, version) == OK && root.sum == want->root.sum &&
           memcmp(root.hash, want->root.hash, 32) == 0;
}

static uint16_t differ_from(struct host *h, const struct work_state *s, uint64_t version)
{
    uint16_t out = 0;
    for (uint32_t v = 0; v < WORK_VOLUMES; v++) {
        const struct work_volume *w = &s->volumes[v];
        if (!tree_is(h, host_tree_of(v, false, w->generation), version, &w->files) ||
            !tree_is(h, host_tree_of(v, true, w->generation), version, &w->srd))
            out |= (uint16_t)(1u << v);
    }
    return out;
}

/* The state of a cut is the start of its bytes; S_0 is empty. */
static enum err state_of(struct work_state *out, const struct host_log_step *s)
{
    static const uint8_t nobody[32] = { 0 };
    if (s->seq != 0)
        return work_state_decode(out, span_of(s->cut, WORK_STATE_SIZE));
    work_state_init(out, nobody);
    return OK;
}

/* SPEC node-host 7: "Roots MUST be compared with the states of the cuts and with the enclave's."
 */
uint16_t host_trees_differ(struct host *h, const struct work_state *now)
{
    struct work_state s;
    uint16_t out = 0;
    if (state_of(&s, &h->log.base) != OK)
        return UINT16_MAX;
    out |= differ_from(h, &s, h->log.base.version);
    for (uint32_t i = 0; i < h->log.step_count; i++) {
        if (state_of(&s, &h->log.steps[i]) != OK)
            return UINT16_MAX;
        out |= differ_from(h, &s, h->log.steps[i].version);
    }
    return now == NULL ? out : out | differ_from(h, now, h->log.version);
}

/* ---- making them anew ---- */

struct rebuild {
    struct host *host;
    uint64_t at[DISKS_MAX]; /* the next row of each list */
    struct leaves_row next[DISKS_MAX];
    bool has_next[DISKS_MAX];
    size_t count; /* rows in the batch */
    struct leaves_row rows[BATCH];
    struct treestore_set sets[BATCH];
};

static enum err set_of(struct treestore_set *set, const struct leaves_row *row)
{
    *set = (struct treestore_set){ .tree = row->tree, .index = row->index };
    if (row->removed)
        return OK;
    set->data = span_of(row->data, row->data_size);
    return host_leaf_of(&set->leaf, set->data);
}

/* By place, and in the order of time: the rows stand in one array. */
static int compare(const void *a, const void *b)
{
    const struct leaves_row *x = *(const struct leaves_row *const *)a;
    const struct leaves_row *y = *(const struct leaves_row *const *)b;
    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x < y ? -1 : x > y;
}

static enum err flush(struct rebuild *r)
{
    const struct leaves_row *order[BATCH];
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        order[i] = &r->rows[i];
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is sorted */
    qsort(order, r->count, sizeof(order[0]), compare);
    for (size_t i = 0; i < r->count; i++) {
        /* Of rows for one place the last holds. */
        if (i + 1 < r->count && order[i + 1]->tree == order[i]->tree &&
            order[i + 1]->index == order[i]->index)
            continue;
        TRY(set_of(&r->sets[count], order[i]));
        count++;
    }
    r->count = 0;
    return treestore_amend(r->host->trees, r->sets, count);
}

static void advance(struct rebuild *r, uint32_t v)
{
    size_t got;
    r->has_next[v] = false;
    enum err e = leaves_read(&r->host->leaves[v], &r->next[v], &got, 1, r->at[v]);
    if (e != OK)
        log_warn("leaves-not-read", "volume=%u row=%llu reason=\"%s\"", v,
                 (unsigned long long)r->at[v], err_text(e));
    if (e == OK && got == 1) {
        r->has_next[v] = true;
        r->at[v]++;
    }
}

/* A row that is not of this volume is nothing we wrote. */
static bool row_fits(const struct leaves_row *row, uint32_t v)
{
    const uint32_t want = (row->tree >> 32 & 1) == 0 ? HOST_FILE_DATA : HOST_EXTENT_DATA;
    return row->tree >> 40 == v && row->data_size == want;
}

/* What the volume held when the chain's state was cut. */
static enum err fill_base(struct rebuild *r, uint32_t v, const struct work_state *base)
{
    for (advance(r, v); r->has_next[v]; advance(r, v)) {
        const struct leaves_row *row = &r->next[v];
        if (row->version > r->host->log.base.version)
            return OK;
        if (!row_fits(row, v) || (uint32_t)row->tree != base->volumes[v].generation)
            continue;
        r->rows[r->count++] = *row;
        if (r->count == BATCH)
            TRY(flush(r));
    }
    return OK;
}

/* One version is one change, of one volume; a drop changes no leaf. */
static enum err follow(struct rebuild *r)
{
    struct host *h = r->host;
    for (uint64_t version = h->log.base.version + 1; version <= h->log.version; version++) {
        struct treestore_set set;
        uint64_t made;
        size_t count = 0;
        for (uint32_t v = 0; v < DISKS_MAX; v++) {
            while (r->has_next[v] && r->next[v].version < version)
                advance(r, v);
            if (count == 1 || !r->has_next[v] || r->next[v].version != version ||
                !row_fits(&r->next[v], v))
                continue;
            TRY(set_of(&set, &r->next[v]));
            count = 1;
        }
        TRY(treestore_apply(h->trees, &made, &set, count));
        ASSERT(made == version);
    }
    return OK;
}

enum err host_trees_rebuild(struct host *h)
{
    struct work_state base;
    TRY(state_of(&base, &h->log.base));
    TRY(treestore_reset(h->trees, h->log.base.version));
    struct rebuild *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return ERR_MEMORY;
    r->host = h;
    enum err e = OK;
    for (uint32_t v = 0; e == OK && v < DISKS_MAX; v++)
        e = fill_base(r, v, &base);
    if (e == OK)
        e = flush(r);
    if (e == OK)
        e = follow(r);
    free(r);
    return e;
}

/* ---- the lists follow the trees ---- */

static enum err put_leaf(struct leaves_writer *w, const struct treestore_leaf *leaf,
                         struct leaves_row row)
{
    row.index = leaf->index;
    if (leaf->data_size > sizeof(row.data))
        return ERR_CORRUPT;
    row.data_size = (uint32_t)leaf->data_size;
    memcpy(row.data, leaf->data, leaf->data_size);
    return leaves_put(w, &row);
}

static enum err list_tree(struct host *h, struct leaves_writer *w, uint64_t tree)
{
    struct treestore_leaf leaf;
    const uint64_t version = h->log.base.version;
    uint32_t from = 0;
    enum err e;
    while ((e = treestore_next(h->trees, &leaf, tree, version, from)) == OK) {
        TRY(put_leaf(w, &leaf, (struct leaves_row){ .version = version, .tree = tree }));
        if (leaf.index == UINT32_MAX)
            return OK;
        from = leaf.index + 1;
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err list_changes(struct host *h, struct leaves_writer *w, uint32_t volume)
{
    for (uint64_t v = h->log.base.version + 1; v <= h->log.version; v++) {
        struct treestore_leaf leaf;
        uint64_t tree;
        uint32_t index;
        enum err e = treestore_changed(h->trees, &tree, &index, v);
        if (e == ERR_NOT_FOUND || (e == OK && volume_of(tree) != volume))
            continue;
        TRY(e);
        struct leaves_row row = { .version = v, .tree = tree };
        e = treestore_get(h->trees, &leaf, tree, v, index);
        if (e == ERR_NOT_FOUND) {
            row.removed = true;
            e = treestore_get(h->trees, &leaf, tree, v - 1, index);
        }
        TRY(e);
        TRY(put_leaf(w, &leaf, row));
    }
    return OK;
}

static enum err write_list(struct host *h, uint32_t volume)
{
    struct work_state base;
    struct leaves_writer *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_MEMORY;
    enum err e = state_of(&base, &h->log.base);
    if (e == OK)
        e = leaves_begin(w, &h->leaves[volume]);
    for (int srd = 0; e == OK && srd < 2; srd++)
        e = list_tree(h, w, host_tree_of(volume, srd == 1, base.volumes[volume].generation));
    if (e == OK)
        e = list_changes(h, w, volume);
    if (e == OK)
        e = leaves_finish(w);
    else
        leaves_abort(w);
    free(w);
    return e;
}

/* What a list adds up to: leaves and bytes of a state's generation, up to a version. */
struct tally {
    uint64_t version;
    uint32_t generation;
    uint64_t count, bytes;
};

static void count_row(struct tally *t, const struct leaves_row *row)
{
    struct treestore_node leaf;
    if (row->version > t->version || (uint32_t)row->tree != t->generation ||
        host_leaf_of(&leaf, span_of(row->data, row->data_size)) != OK)
        return;
    t->count += row->removed ? (uint64_t)-1 : 1;
    t->bytes += row->removed ? 0 - leaf.sum : leaf.sum;
}

static bool tally_is(const struct tally *t, const struct work_volume *w)
{
    return t->count == (uint64_t)w->files.count + w->srd.count &&
           t->bytes == w->files.root.sum + w->srd.root.sum;
}

/* The list says what the enclave and the chain count: a row that the disk missed shows here. */
static bool list_is_whole(struct host *h, uint32_t volume, uint64_t *dead)
{
    const struct leaves *l = &h->leaves[volume];
    static struct leaves_row rows[BATCH];
    struct work_state base;
    size_t got = 1;
    if (l->behind || state_of(&base, &h->log.base) != OK)
        return false;
    struct tally then = { h->log.base.version, base.volumes[volume].generation, 0, 0 };
    struct tally now = { h->log.version, h->now.volumes[volume].generation, 0, 0 };
    for (uint64_t at = 0; got > 0; at += got) {
        if (leaves_read(l, rows, &got, BATCH, at) != OK)
            return false;
        for (size_t i = 0; i < got; i++) {
            count_row(&then, &rows[i]);
            count_row(&now, &rows[i]);
        }
    }
    *dead = l->count - (now.count < l->count ? now.count : 0);
    return tally_is(&then, &base.volumes[volume]) && tally_is(&now, &h->now.volumes[volume]);
}

void host_list_follow(struct host *h, uint32_t volume)
{
    enum { DEAD_MAX = 4096 }; /* rows that may stand there for nothing */
    uint64_t dead = 0;
    const struct volume *v = disks_volume(&h->disks, volume);
    if (v == NULL || volume_state(v) != VOLUME_OK || (h->lost >> volume & 1) != 0)
        return;
    bool whole = list_is_whole(h, volume, &dead);
    if (whole && (dead < DEAD_MAX || dead < h->leaves[volume].count / 2))
        return;
    enum err e = write_list(h, volume);
    if (e != OK)
        log_warn("leaves-not-written", "volume=%u reason=\"%s\"", volume, err_text(e));
    else
        log_info("leaves-written", "volume=%u rows=%llu", volume,
                 (unsigned long long)h->leaves[volume].count);
}

/* ---- aligning ---- */

static enum err open_list(struct host *h, uint32_t volume)
{
    const struct volume *v = disks_volume(&h->disks, volume);
    return leaves_open(&h->leaves[volume], volume_files(v), volume_path(v), h->log.version);
}

static bool volume_is_ok(const struct host *h, uint32_t volume)
{
    const struct volume *v = disks_volume(&h->disks, volume);
    return v != NULL && volume_state(v) == VOLUME_OK;
}

enum err host_list_leaf(struct host *h, const struct treestore_set *set)
{
    _Static_assert((int)LEAVES_DATA_MAX == (int)HOST_FILE_DATA, "a row holds what a leaf keeps");
    struct leaves_row row = { .version = h->log.version + 1,
                              .tree = set->tree,
                              .index = set->index,
                              .removed = set->data.n == 0,
                              .data_size = (uint32_t)set->data.n };
    struct treestore_leaf was;
    struct span data = set->data;
    if (row.removed) {
        TRY(treestore_get(h->trees, &was, set->tree, h->log.version, set->index));
        data = span_of(was.data, was.data_size);
    }
    ASSERT(data.n <= sizeof(row.data));
    row.data_size = (uint32_t)data.n;
    memcpy(row.data, data.p, data.n);
    const uint32_t volume = volume_of(set->tree);
    struct leaves *l = &h->leaves[volume];
    /* A list that missed a row is made good first. */
    if (l->behind && volume_is_ok(h, volume) && open_list(h, volume) == OK)
        host_list_follow(h, volume);
    enum err e = leaves_add(l, &row);
    if (e == ERR_IO && volume_is_ok(h, volume))
        volume_doubt(disks_volume(&h->disks, volume));
    return row.removed ? OK : e;
}

void host_unlist_leaf(struct host *h, uint64_t tree)
{
    leaves_undo(&h->leaves[volume_of(tree)]);
}

static void open_lists(struct host *h)
{
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        h->leaves[v] = (struct leaves){ .behind = true };
        if (!disks_readable(&h->disks, v))
            continue;
        enum err e = open_list(h, v);
        if (e != OK)
            log_warn("leaves-not-opened", "volume=%u reason=\"%s\"", v, err_text(e));
    }
}

/* The trees may be one change ahead of the journal, never behind. */
static bool roll_back(struct host *h)
{
    uint64_t oldest, newest;
    if (treestore_versions(h->trees, &oldest, &newest) != OK || newest < h->log.version ||
        oldest > h->log.base.version)
        return false;
    return newest == h->log.version || treestore_rollback(h->trees, h->log.version) == OK;
}

/* Making all anew must not cost a volume whose trees are good and whose disk is away. */
static bool may_rebuild(const struct host *h, uint16_t differ)
{
    for (uint32_t v = 0; v < WORK_VOLUMES; v++) {
        const struct work_volume *w = &h->now.volumes[v];
        bool empty = w->files.count == 0 && w->srd.count == 0;
        if (!empty && (differ >> v & 1) == 0 && !disks_readable(&h->disks, v))
            return false;
    }
    return true;
}

static void tell_lost(const struct host *h)
{
    for (uint32_t v = 0; v < WORK_VOLUMES; v++) {
        if ((h->lost >> v & 1) == 0)
            continue;
        if (disks_volume(&h->disks, v) != NULL)
            volume_fail(disks_volume(&h->disks, v));
        log_error("trees-lost",
                  "volume=%u path=\"%s\" next=\"mount the disk, then crust repo rebuild; or, if "
                  "it is gone for good, crust disk drop %u\"",
                  v, h->disks.disks[v].path, v);
    }
}

enum err host_trees_align(struct host *h)
{
    open_lists(h);
    bool kept = roll_back(h);
    h->lost = kept ? host_trees_differ(h, &h->now) : UINT16_MAX;
    if (h->lost != 0 && (!kept || may_rebuild(h, h->lost))) {
        log_warn("trees-rebuild", "version=%llu", (unsigned long long)h->log.version);
        TRY(host_trees_rebuild(h));
        h->lost = host_trees_differ(h, &h->now);
        h->index_stale = true;
    }
    tell_lost(h);
    for (uint32_t v = 0; v < DISKS_MAX; v++)
        host_list_follow(h, v);
    return OK;
}

void host_list_returned(struct host *h, uint32_t volume)
{
    if (open_list(h, volume) != OK)
        log_warn("leaves-not-opened", "volume=%u", volume);
    if ((h->lost >> volume & 1) != 0 && may_rebuild(h, h->lost)) {
        log_warn("trees-rebuild", "version=%llu", (unsigned long long)h->log.version);
        if (host_trees_rebuild(h) == OK)
            h->lost = host_trees_differ(h, &h->now);
        h->index_stale = true;
        tell_lost(h);
    }
}

/* ---- without the enclave ---- */

static enum err rebuild_alone(struct host *h)
{
    char path[HOST_PATH_MAX];
    uint64_t rows = 0;
    TRY(host_open_log(h));
    (void)snprintf(path, sizeof(path), "%s/trees.mdb", h->settings->enclave);
    remove_db(path);
    TRY(host_trees_open(h));
    open_lists(h);
    TRY(host_trees_rebuild(h));
    for (uint32_t v = 0; v < DISKS_MAX; v++)
        rows += h->leaves[v].count;
    (void)snprintf(path, sizeof(path), "%s/replicas.mdb", h->settings->enclave);
    remove_db(path);
    h->lost = host_trees_differ(h, NULL);
    tell_lost(h);
    log_info("trees-rebuilt", "rows=%llu version=%llu steps=%u", (unsigned long long)rows,
             (unsigned long long)h->log.version, h->log.step_count);
    return h->lost == 0 ? OK : ERR_CORRUPT;
}

enum err host_rebuild(const struct settings *s)
{
    struct host *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return ERR_MEMORY;
    h->settings = s;
    enum err e = disks_open_known(&h->disks, s);
    if (e == OK)
        e = rebuild_alone(h);
    treestore_close(h->trees);
    host_log_close(&h->log);
    disks_close(&h->disks);
    free(h);
    return e;
}
