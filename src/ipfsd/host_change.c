/* Every change of what the node claims to hold: the enclave first, which checks it, then the trees,
 * then the journal. When we fail after the enclave has agreed, its memory is ahead of our disks: it
 * is loaded anew from the journal (the next host_revive). */
#include "ipfsd/host.h"
#include "ipfsd/host_disk.h"
#include "rt/log.h"

#include <stdlib.h>

static const struct mspan no_room = { NULL, 0 };
static const struct span nothing = { NULL, 0 };

static enum err ask(struct host *h, const struct enclave_request *m)
{
    return enclave_link_call(&h->link, &h->answer, no_room, m, nothing);
}

enum err host_ahead(struct host *h, enum err e)
{
    log_error("change-not-stored", "reason=\"%s\"", err_text(e));
    enclave_link_stop(&h->link);
    return e;
}

/* A change that moves no leaf. */
static enum err keep_record(struct host *h)
{
    struct span record = h->answer.reply.u.record.record;
    enum err e = host_log_state(&h->log, h->log.version, record);
    return e == OK ? OK : host_ahead(h, e);
}

/* ---- numbers ---- */

static enum err begin(struct host *h, uint64_t *number, const struct enclave_request *m)
{
    pthread_mutex_lock(&h->lock);
    enum err e = ask(h, m);
    if (e == OK) {
        *number = h->answer.reply.u.begin.number;
        e = host_log_state(&h->log, h->log.version, h->answer.reply.u.begin.record);
        if (e != OK)
            e = host_ahead(h, e);
    }
    pthread_mutex_unlock(&h->lock);
    return e;
}

enum err host_begin_seal(struct host *h, uint64_t *number, const struct content_key *key)
{
    const struct enclave_request m = { .type = ENCLAVE_SEAL_BEGIN, .u.seal_begin.key = *key };
    return begin(h, number, &m);
}

enum err host_begin_fill(struct host *h, uint64_t *number, uint64_t size)
{
    const struct enclave_request m = { .type = ENCLAVE_FILL_BEGIN, .u.fill_begin.size = size };
    return begin(h, number, &m);
}

void host_abort(struct host *h, uint64_t number)
{
    const struct enclave_request m = { .type = ENCLAVE_ABORT, .u.number.number = number };
    pthread_mutex_lock(&h->lock);
    enum err e = ask(h, &m);
    if (e == OK)
        e = keep_record(h);
    if (e != OK)
        log_warn("number-not-given-up", "number=%llu reason=\"%s\"", (unsigned long long)number,
                 err_text(e));
    pthread_mutex_unlock(&h->lock);
}

void host_reread(struct host *h)
{
    enum err e = host_refresh(h);
    if (e == OK)
        return;
    log_warn("state-not-read", "reason=\"%s\"", err_text(e));
    enclave_link_stop(&h->link);
}

/* ---- steps ---- */

enum err host_cut(struct host *h)
{
    const struct enclave_request m = { .type = ENCLAVE_CUT };
    if (h->log.step_count == HOST_LOG_STEPS_MAX)
        return ERR_FULL;
    TRY(ask(h, &m));
    const struct enclave_cut_reply *r = &h->answer.reply.u.cut;
    struct host_log_step *s = calloc(1, sizeof(*s));
    if (s == NULL || r->step.n > sizeof(s->bytes)) {
        free(s);
        return host_ahead(h, ERR_MEMORY);
    }
    s->seq = h->now.seq + 1;
    s->version = h->log.version;
    memcpy(s->s, r->s, 32);
    memcpy(s->prev, h->s, 32);
    memcpy(s->mac, r->step_mac, 32);
    memcpy(s->cut, r->cut, sizeof(s->cut));
    s->size = r->step.n;
    memcpy(s->bytes, r->step.p, r->step.n);
    enum err e = host_log_cut(&h->log, s, r->record);
    free(s);
    if (e != OK)
        return host_ahead(h, e);
    host_reread(h);
    return OK;
}

/* Asks for a change of leaves, cutting a step first when the pending one is full. The path in m is
 * that of the trees as they are, which a cut does not change. */
enum err host_ask_change(struct host *h, const struct enclave_request *m)
{
    enum err e = ask(h, m);
    if (e != ERR_FULL)
        return e;
    TRY(host_cut(h));
    return ask(h, m);
}

/* Asks for a change of one leaf, whose row the disk's list gets first: what the enclave refuses is
 * taken off it again. When it has agreed: trees, then journal. */
static enum err change_leaf(struct host *h, const struct enclave_request *m,
                            const struct treestore_set *set)
{
    uint64_t version;
    TRY(host_list_leaf(h, set));
    enum err e = host_ask_change(h, m);
    if (e != OK) {
        host_unlist_leaf(h, set->tree);
        return e;
    }
    e = treestore_apply(h->trees, &version, set, 1);
    if (e == OK)
        e = host_log_state(&h->log, version, h->answer.reply.u.record.record);
    if (e != OK)
        return host_ahead(h, e);
    host_reread(h);
    return OK;
}

/* ---- files ---- */

static enum err index_blocks(struct host *h, struct replicas_txn *t, const struct replica_at *at,
                             const struct replicas_place *place, bool add)
{
    struct replica_head head;
    struct replicas_place p = *place;
    (void)h;
    TRY(replica_head_get(&head, at));
    struct replica_record *records = malloc(REPLICA_GROUP * sizeof(*records));
    if (records == NULL)
        return ERR_MEMORY;
    enum err e = OK;
    for (uint64_t i = 0; e == OK && i < head.record_count; i++) {
        if (i % REPLICA_GROUP == 0)
            e = replica_group_get(records, at, &head, i / REPLICA_GROUP);
        p.record = i;
        const uint8_t *digest = records[i % REPLICA_GROUP].record.key.digest;
        if (e == OK)
            e = add ? replicas_put_block(t, digest, &p) : replicas_del_block(t, digest, &p);
    }
    free(records);
    return e;
}

/* A disk may have been dropped or stopped while something was written to it. */
static bool is_writable(const struct host *h, uint32_t volume)
{
    const struct volume *v = disks_volume(&h->disks, volume);
    return v != NULL && volume_state(v) == VOLUME_OK;
}

static enum err add_file(struct host *h, struct host_new_file *f)
{
    uint8_t path[TREESTORE_PATH_MAX], data[HOST_FILE_DATA];
    size_t path_size;
    const uint64_t tree = host_tree(h, f->entry.volume, false);
    TRY(treestore_append_index(h->trees, &f->entry.index, tree, h->log.version));
    const struct treestore_place place = { tree, h->log.version, f->entry.index };
    TRY(treestore_path(h->trees, path, &path_size, &place));
    struct enclave_request m = { .type = ENCLAVE_ADD_FILES };
    m.u.add =
        (struct enclave_add){ f->entry.volume, f->entry.index,
                              span_of(f->ticket, sizeof(f->ticket)), span_of(path, path_size) };
    memcpy(data, f->entry.id.bytes, VOLUME_REPLICA_SIZE);
    memcpy(data + VOLUME_REPLICA_SIZE, f->leaf, sizeof(f->leaf));
    struct treestore_set set = { .tree = tree,
                                 .index = f->entry.index,
                                 .data = span_of(data, sizeof(data)) };
    TRY(host_leaf_of(&set.leaf, set.data));
    return change_leaf(h, &m, &set);
}

/* The index can be made anew: its failure is no failure of the change. */
static void index_failed(struct host *h, enum err e)
{
    log_warn("index-behind", "reason=\"%s\"", err_text(e));
    h->index_behind = true;
}

/* What an earlier change could not write is made up for: content is looked for in the index. */
static enum err index_ready(struct host *h)
{
    return h->index_behind ? host_index_align(h) : OK;
}

static enum err index_file(struct host *h, const struct replicas_entry *entry)
{
    struct replicas_txn t;
    const struct replicas_place place = { .volume = entry->volume, .id = entry->id };
    const struct replica_at at = { disks_volume(&h->disks, entry->volume), entry->id };
    TRY(replicas_begin(&t, &h->index));
    enum err e = replicas_put(&t, entry);
    if (e == OK)
        e = index_blocks(h, &t, &at, &place, true);
    if (e == OK)
        return host_index_commit(h, &t);
    replicas_abort(&t);
    return e;
}

enum err host_add_file(struct host *h, struct host_new_file *f)
{
    struct replicas_entry there;
    pthread_mutex_lock(&h->lock);
    enum err e = index_ready(h);
    if (e == OK)
        e = replicas_get(&h->index, &there, &f->entry.key);
    if (e == ERR_NOT_FOUND && !is_writable(h, f->entry.volume))
        e = ERR_STATE;
    e = e == OK ? ERR_EXISTS : e == ERR_NOT_FOUND ? add_file(h, f) : e;
    enum err indexed = e == OK ? index_file(h, &f->entry) : OK;
    if (indexed != OK)
        index_failed(h, indexed);
    pthread_mutex_unlock(&h->lock);
    return e;
}

static enum err remove_leaf(struct host *h, const struct enclave_request *m,
                            const struct treestore_place *at)
{
    const struct treestore_set set = { .tree = at->tree, .index = at->index };
    return change_leaf(h, m, &set);
}

static void doom(struct host *h, const struct replicas_doomed *d, const struct content_key *key)
{
    struct replicas_txn t;
    enum err e = replicas_begin(&t, &h->index);
    if (e == OK) {
        e = replicas_doom(&t, d);
        if (e == OK && key != NULL)
            e = replicas_del(&t, key);
        if (e == OK)
            e = host_index_commit(h, &t);
        else
            replicas_abort(&t);
    }
    if (e != OK)
        index_failed(h, e);
}

static enum err remove_file(struct host *h, const struct replicas_entry *entry)
{
    struct treestore_leaf leaf;
    uint8_t path[TREESTORE_PATH_MAX];
    size_t path_size;
    const struct treestore_place at = { host_tree(h, entry->volume, false), h->log.version,
                                        entry->index };
    TRY(treestore_get(h->trees, &leaf, at.tree, at.version, at.index));
    if (leaf.data_size != HOST_FILE_DATA)
        return ERR_CORRUPT;
    TRY(treestore_path(h->trees, path, &path_size, &at));
    struct enclave_request m = { .type = ENCLAVE_REMOVE_FILE };
    m.u.remove_file.volume = entry->volume;
    m.u.remove_file.index = entry->index;
    memcpy(m.u.remove_file.leaf, leaf.data + VOLUME_REPLICA_SIZE, ENCLAVE_LEAF_SIZE);
    m.u.remove_file.path = span_of(path, path_size);
    TRY(remove_leaf(h, &m, &at));
    const struct replicas_doomed d = { .version = h->log.version,
                                       .volume = entry->volume,
                                       .id = entry->id };
    doom(h, &d, &entry->key);
    return OK;
}

enum err host_remove_file(struct host *h, const struct content_key *key)
{
    struct replicas_entry entry;
    pthread_mutex_lock(&h->lock);
    enum err e = index_ready(h);
    if (e == OK)
        e = replicas_get(&h->index, &entry, key);
    if (e == OK)
        e = remove_file(h, &entry);
    pthread_mutex_unlock(&h->lock);
    return e;
}

/* ---- extents ---- */

static enum err add_extent(struct host *h, const struct host_new_extent *x)
{
    uint8_t path[TREESTORE_PATH_MAX], data[HOST_EXTENT_DATA];
    size_t path_size;
    struct treestore_place at = { host_tree(h, x->volume, true), h->log.version, 0 };
    TRY(treestore_append_index(h->trees, &at.index, at.tree, at.version));
    TRY(treestore_path(h->trees, path, &path_size, &at));
    struct enclave_request m = { .type = ENCLAVE_ADD_EXTENTS };
    m.u.add = (struct enclave_add){ x->volume, at.index, span_of(x->ticket, sizeof(x->ticket)),
                                    span_of(path, path_size) };
    store_le32(data, x->number);
    memcpy(data + 4, x->root, 32);
    store_le64(data + 36, x->size);
    struct treestore_set set = { .tree = at.tree,
                                 .index = at.index,
                                 .data = span_of(data, sizeof(data)) };
    TRY(host_leaf_of(&set.leaf, set.data));
    return change_leaf(h, &m, &set);
}

/* The index follows although it holds no extents: its version says that it is complete. */
static void touch_index(struct host *h)
{
    struct replicas_txn t;
    enum err e = replicas_begin(&t, &h->index);
    if (e == OK)
        e = host_index_commit(h, &t);
    if (e != OK)
        index_failed(h, e);
}

enum err host_add_extent(struct host *h, const struct host_new_extent *x)
{
    pthread_mutex_lock(&h->lock);
    enum err e = is_writable(h, x->volume) ? add_extent(h, x) : ERR_STATE;
    if (e == OK)
        touch_index(h);
    pthread_mutex_unlock(&h->lock);
    return e;
}

static enum err remove_extent(struct host *h, uint32_t volume, uint64_t *size)
{
    struct treestore_leaf leaf;
    uint8_t path[TREESTORE_PATH_MAX];
    size_t path_size;
    struct treestore_place at = { host_tree(h, volume, true), h->log.version, 0 };
    TRY(treestore_append_index(h->trees, &at.index, at.tree, at.version));
    if (at.index == 0)
        return ERR_NOT_FOUND;
    at.index--;
    TRY(treestore_get(h->trees, &leaf, at.tree, at.version, at.index));
    if (leaf.data_size != HOST_EXTENT_DATA)
        return ERR_CORRUPT;
    TRY(treestore_path(h->trees, path, &path_size, &at));
    struct enclave_request m = { .type = ENCLAVE_REMOVE_EXTENT };
    m.u.remove_extent.volume = volume;
    m.u.remove_extent.index = at.index;
    memcpy(m.u.remove_extent.root, leaf.data + 4, 32);
    m.u.remove_extent.size = load_le64(leaf.data + 36);
    m.u.remove_extent.path = span_of(path, path_size);
    TRY(remove_leaf(h, &m, &at));
    *size = m.u.remove_extent.size;
    const struct replicas_doomed d = { .version = h->log.version,
                                       .volume = volume,
                                       .is_extent = true,
                                       .number = load_le32(leaf.data) };
    doom(h, &d, NULL);
    return OK;
}

enum err host_remove_extent(struct host *h, uint64_t *size)
{
    uint64_t least = UINT64_MAX;
    uint32_t chosen = DISKS_MAX;
    enum err e = ERR_NOT_FOUND;
    pthread_mutex_lock(&h->lock);
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct volume_space space;
        const struct volume *volume = disks_volume(&h->disks, v);
        if (volume == NULL || h->now.volumes[v].srd.count == 0)
            continue;
        uint64_t room = volume_space(volume, &space) == OK ? space.free : 0;
        if (chosen == DISKS_MAX || room < least) {
            chosen = v;
            least = room;
        }
    }
    if (chosen < DISKS_MAX)
        e = remove_extent(h, chosen, size);
    pthread_mutex_unlock(&h->lock);
    return e;
}

/* ---- what the chain has accepted ---- */

static enum err free_one(struct host *h, const struct replicas_doomed *d)
{
    struct replicas_txn t;
    struct volume *volume = disks_volume(&h->disks, d->volume);
    const struct replica_at at = { volume, d->id };
    const struct replicas_place place = { .volume = d->volume, .id = d->id };
    TRY(replicas_begin(&t, &h->index));
    enum err e = OK;
    if (volume != NULL && !d->is_extent)
        (void)!index_blocks(h, &t, &at, &place, false); /* unreadable: reads find it gone */
    if (e == OK)
        e = replicas_spare(&t, d);
    if (e != OK) {
        replicas_abort(&t);
        return e;
    }
    TRY(host_index_commit(h, &t));
    if (volume == NULL)
        return OK;
    disks_lock(&h->disks, d->volume);
    e = d->is_extent ? volume_extent_delete(volume, d->number)
                     : volume_replica_delete(volume, &d->id);
    disks_unlock(&h->disks, d->volume);
    return e == ERR_NOT_FOUND || e == ERR_STATE ? OK : e;
}

/* The lock is taken for one thing at a time: a large file's blocks take a while. */
static enum err free_doomed(struct host *h)
{
    enum err e = OK;
    while (e == OK) {
        struct replicas_doomed d;
        pthread_mutex_lock(&h->lock);
        e = replicas_doomed_first(&h->index, &d, h->log.base.version);
        if (e == OK)
            e = free_one(h, &d);
        pthread_mutex_unlock(&h->lock);
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err release_trees(struct host *h)
{
    enum { NODES = 4096 };
    uint64_t oldest, newest;
    bool more = true;
    TRY(treestore_versions(h->trees, &oldest, &newest));
    while (more) {
        pthread_mutex_lock(&h->lock);
        const uint64_t base = h->log.base.version;
        enum err e = OK;
        more = false;
        if (base > oldest)
            e = treestore_release(h->trees, base, NODES, &more);
        pthread_mutex_unlock(&h->lock);
        TRY(e);
    }
    return OK;
}

enum err host_accepted(struct host *h, const uint8_t s[32])
{
    pthread_mutex_lock(&h->lock);
    enum err e = host_log_accepted(&h->log, s);
    if (e == OK)
        host_note_drops(h);
    pthread_mutex_unlock(&h->lock);
    TRY(e);
    TRY(release_trees(h));
    return free_doomed(h);
}
