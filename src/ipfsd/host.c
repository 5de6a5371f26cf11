#include "ipfsd/host.h"

#include "crypto/sha256.h"
#include "ipfsd/host_disk.h"
#include "ipfsd/host_handover.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

static const struct mspan no_room = { NULL, 0 };
static const struct span nothing = { NULL, 0 };

uint64_t host_tree_of(uint32_t volume, bool srd, uint32_t generation)
{
    return (uint64_t)volume << 40 | (uint64_t)srd << 32 | generation;
}

uint64_t host_tree(const struct host *h, uint32_t volume, bool srd)
{
    return host_tree_of(volume, srd, h->now.volumes[volume].generation);
}

static enum err ask(struct host *h, const struct enclave_request *m)
{
    return enclave_link_call(&h->link, &h->answer, no_room, m, nothing);
}

/* ---- what the enclave says of its state ---- */

static enum err take_status(struct host *h, const struct enclave_status_reply *r)
{
    uint8_t state[WORK_STATE_SIZE];
    if (r->volumes.n != (size_t)ENCLAVE_VOLUMES * ENCLAVE_VOLUME_SIZE)
        return ERR_FORMAT;
    memcpy(state, h->lineage, 32);
    store_le64(state + 32, r->seq);
    memcpy(state + 40, r->volumes.p, r->volumes.n);
    TRY(work_state_decode(&h->now, span_of(state, sizeof(state))));
    memcpy(h->s, r->s, 32);
    h->pending_leaves = r->pending_leaves;
    host_publish(h);
    return OK;
}

enum err host_refresh(struct host *h)
{
    const struct enclave_request m = { .type = ENCLAVE_STATUS };
    TRY(ask(h, &m));
    return take_status(h, &h->answer.reply.u.status);
}

static enum err greet(struct host *h)
{
    struct enclave_request m = { .type = ENCLAVE_HELLO, .u.hello.protocol = ENCLAVE_PROTOCOL };
    memcpy(m.u.hello.chain, h->chain, 32);
    TRY(ask(h, &m));
    struct span provider = h->answer.reply.u.hello.provider;
    size_t n = provider.n < sizeof(h->provider) ? provider.n : sizeof(h->provider) - 1;
    memcpy(h->provider, provider.p, n);
    h->provider[n] = '\0';
    h->is_volatile = h->answer.reply.u.hello.is_volatile != 0;
    if (h->is_volatile)
        log_warn("worker-volatile",
                 "provider=\"%s\" reason=\"its keys end with the enclave's process: a restart is "
                 "a new worker, unless another enclave takes it over first\"",
                 h->provider);
    memcpy(h->release_id, h->answer.reply.u.hello.release_id, 32);
    return OK;
}

static enum err provision(struct host *h)
{
    struct enclave_request m = { .type = ENCLAVE_PROVISION };
    bool given = h->handover.stage == HANDOVER_GIVEN && host_handover_pending(h);
    if (given)
        m.u.blob.blob = span_of(h->handover.sealed, h->handover.sealed_size);
    else if (h->log.keys_size > 0)
        m.u.blob.blob = span_of(h->log.keys, h->log.keys_size);
    enum err e = ask(h, &m);
    if (e == ERR_SIGNATURE && h->log.keys_size > 0)
        log_error("worker-lost",
                  "reason=\"this enclave cannot open the worker's sealed keys: %s\" "
                  "action=\"move the enclave folder and what is on the disks away, to begin anew\"",
                  h->is_volatile ? "they ended with the process that made them"
                                 : "another machine, another release or other firmware made them");
    TRY(e);
    const struct enclave_provision_reply *r = &h->answer.reply.u.provision;
    memcpy(h->worker, r->worker, 32);
    memcpy(h->lineage, r->lineage, 32);
    if (given)
        return host_handover_take(h);
    if (span_eq(r->sealed, span_of(h->log.keys, h->log.keys_size)))
        return OK;
    return host_log_keys(&h->log, r->sealed);
}

/* Sealing sessions with a checkpoint can go on; the numbers of other sessions, of fills and of
 * tickets are given up. */
static enum err give_up_numbers(struct host *h)
{
    uint8_t numbers[ENCLAVE_NUMBERS_MAX * ENCLAVE_NUMBER_SIZE];
    struct span alive = h->answer.reply.u.status.numbers;
    if (alive.n > sizeof(numbers))
        return ERR_FORMAT;
    memcpy(numbers, alive.p, alive.n);
    size_t count = alive.n / ENCLAVE_NUMBER_SIZE;
    for (size_t i = 0; i < count; i++) {
        struct enclave_request m = { .type = ENCLAVE_ABORT };
        m.u.number.number = load_le64(numbers + i * ENCLAVE_NUMBER_SIZE);
        if (sessions_alive(&h->sessions, m.u.number.number))
            continue;
        TRY(ask(h, &m));
        TRY(host_log_state(&h->log, h->log.version, h->answer.reply.u.record.record));
    }
    return OK;
}

static enum err load(struct host *h)
{
    struct enclave_request m = { .type = ENCLAVE_LOAD };
    if (h->log.record_size > 0)
        m.u.blob.blob = span_of(h->log.record, h->log.record_size);
    TRY(ask(h, &m));
    TRY(take_status(h, &h->answer.reply.u.status));
    TRY(host_log_state(&h->log, h->log.version, h->answer.reply.u.status.record));
    if (h->log.base.seq == 0) {
        struct work_state empty;
        work_state_init(&empty, h->lineage);
        work_state_hash(h->log.base.s, &empty);
    }
    return give_up_numbers(h);
}

/* Starts a program until its keys are there. */
static enum err start_program(struct host *h, bool next)
{
    const struct settings *s = h->settings;
    TRY(enclave_link_aim(&h->link, next ? s->enclave_next : s->enclave_program,
                         next ? s->enclave_next_at : s->enclave_at));
    TRY(enclave_link_start(&h->link));
    atomic_fetch_add(&h->starts, 1);
    TRY(greet(h));
    return provision(h);
}

/* Which of two programs the worker belongs to is said by its sealed keys: only one opens them. */
enum err host_start(struct host *h)
{
    bool next = host_handover_pending(h);
    enum err e = start_program(h, next);
    bool other = strcmp(h->settings->enclave_next, h->settings->enclave_program) != 0 ||
                 h->settings->enclave_next_at[0] != '\0';
    if ((e == ERR_SIGNATURE || e == ERR_FORMAT) && other)
        e = start_program(h, !next);
    if (e == OK)
        e = load(h);
    if (e == OK)
        e = host_trees_align(h);
    if (e != OK)
        enclave_link_stop(&h->link);
    return e;
}

enum err host_revive(struct host *h)
{
    if (atomic_load(&h->link.up))
        return OK;
    pthread_mutex_lock(&h->lock);
    if (atomic_load(&h->link.up)) { /* another thread was here first */
        pthread_mutex_unlock(&h->lock);
        return OK;
    }
    enum err e = host_start(h);
    const uint64_t seq = h->now.seq;
    pthread_mutex_unlock(&h->lock);
    if (e == OK)
        log_info("enclave-started", "seq=%llu", (unsigned long long)seq);
    else
        log_error("enclave-not-started", "reason=\"%s\"", err_text(e));
    return e;
}

/* ---- the index ---- */

static enum err index_replica(struct host *h, struct replicas_txn *t,
                              const struct replicas_place *place)
{
    struct replica_at at = { disks_volume(&h->disks, place->volume), place->id };
    struct replica_head head;
    struct replicas_place p = *place;
    if (at.volume == NULL)
        return ERR_NOT_FOUND;
    TRY(replica_head_get(&head, &at));
    struct replica_record *records = malloc(REPLICA_GROUP * sizeof(*records));
    if (records == NULL)
        return ERR_MEMORY;
    enum err e = OK;
    for (uint64_t i = 0; e == OK && i < head.record_count; i++) {
        if (i % REPLICA_GROUP == 0)
            e = replica_group_get(records, &at, &head, i / REPLICA_GROUP);
        p.record = i;
        if (e == OK)
            e = replicas_put_block(t, records[i % REPLICA_GROUP].record.key.digest, &p);
    }
    free(records);
    return e;
}

/* Every leaf of a volume's file tree. A replica that cannot be read now is indexed without its
 * blocks: reports will say what is missing. */
static enum err index_volume(struct host *h, struct replicas_txn *t, uint32_t volume)
{
    struct treestore_leaf leaf;
    uint64_t tree = host_tree(h, volume, false);
    uint32_t from = 0;
    enum err e;
    while ((e = treestore_next(h->trees, &leaf, tree, h->log.version, from)) == OK) {
        if (leaf.data_size != HOST_FILE_DATA)
            return ERR_CORRUPT;
        struct replicas_entry entry = { .volume = volume, .index = leaf.index };
        memcpy(entry.id.bytes, leaf.data, VOLUME_REPLICA_SIZE);
        entry.key.codec = load_le32(leaf.data + VOLUME_REPLICA_SIZE);
        memcpy(entry.key.digest, leaf.data + VOLUME_REPLICA_SIZE + 4, 32);
        TRY(replicas_put(t, &entry));
        const struct replicas_place place = { .volume = volume, .id = entry.id };
        if (index_replica(h, t, &place) != OK) {
            h->index_partial = true; /* again when its disk is back */
            log_warn("replica-not-indexed", "volume=%u index=%u", volume, leaf.index);
        }
        if (leaf.index == UINT32_MAX)
            return OK;
        from = leaf.index + 1;
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

/* What a change that the chain has not accepted took away is deleted once it has. */
static enum err index_doomed(struct host *h, struct replicas_txn *t)
{
    for (uint64_t v = h->log.base.version + 1; v <= h->log.version; v++) {
        struct treestore_leaf leaf;
        struct replicas_doomed d = { .version = v };
        uint64_t tree;
        uint32_t index;
        enum err e = treestore_changed(h->trees, &tree, &index, v);
        if (e == OK && treestore_get(h->trees, &leaf, tree, v, index) == ERR_NOT_FOUND)
            e = treestore_get(h->trees, &leaf, tree, v - 1, index);
        else if (e == OK)
            continue;
        if (e == ERR_NOT_FOUND)
            continue;
        TRY(e);
        d.volume = (uint32_t)(tree >> 40);
        d.is_extent = leaf.data_size == HOST_EXTENT_DATA;
        if (d.is_extent)
            d.number = load_le32(leaf.data);
        else
            memcpy(d.id.bytes, leaf.data, VOLUME_REPLICA_SIZE);
        TRY(replicas_doom(t, &d));
    }
    return OK;
}

enum err host_index_align(struct host *h)
{
    struct replicas_txn t;
    uint64_t version;
    TRY(replicas_version(&h->index, &version));
    if (version == h->log.version && !h->index_stale)
        return OK;
    log_info("index-rebuild", "have=%llu need=%llu", (unsigned long long)version,
             (unsigned long long)h->log.version);
    h->index_partial = false;
    TRY(replicas_begin(&t, &h->index));
    enum err e = replicas_clear(&t);
    for (uint32_t v = 0; e == OK && v < WORK_VOLUMES; v++)
        e = index_volume(h, &t, v);
    if (e == OK)
        e = index_doomed(h, &t);
    h->index_stale = e != OK || h->index_partial;
    if (e != OK) {
        replicas_abort(&t);
        return e;
    }
    TRY(replicas_commit(&t, h->log.version));
    h->index_behind = false;
    return OK;
}

enum err host_index_commit(struct host *h, struct replicas_txn *t)
{
    uint64_t version = h->log.version;
    enum err e = h->index_behind ? replicas_version(&h->index, &version) : OK;
    if (e == OK)
        return replicas_commit(t, version);
    replicas_abort(t);
    return e;
}

/* Replicas that no kept tree names and that nobody waits to delete: left by a sealing that a crash
 * ended. The index has been aligned. */
struct orphans {
    struct host *host;
    uint32_t volume;
};

static enum err look_at_replica(void *ctx, const struct volume_replica *id)
{
    struct orphans *o = ctx;
    struct host *h = o->host;
    struct replica_at at = { disks_volume(&h->disks, o->volume), *id };
    struct replica_head head;
    struct replicas_entry entry;
    struct content_key key;
    struct replicas_doomed doomed;
    if (sessions_owns(&h->sessions, o->volume, id))
        return OK;
    enum err e = replica_head_get(&head, &at);
    if (e == OK) {
        key.codec = load_le32(head.leaf);
        memcpy(key.digest, head.leaf + 4, 32);
        if (replicas_get(&h->index, &entry, &key) == OK &&
            memcmp(entry.id.bytes, id->bytes, VOLUME_REPLICA_SIZE) == 0)
            return OK;
        /* Something may still wait for the chain: then nothing with a head is touched. */
        if (h->log.step_count > 0 || h->log.base.version != h->log.version ||
            replicas_doomed_first(&h->index, &doomed, UINT64_MAX) == OK)
            return OK;
    } else if (e != ERR_NOT_FOUND) {
        return OK;
    }
    log_info("replica-unfinished-removed", "volume=%u", o->volume);
    return volume_replica_delete(at.volume, id);
}

/* Extents are few and large: each is looked for in the tree. */
static bool extent_named(struct host *h, uint32_t volume, uint32_t number)
{
    struct treestore_leaf leaf;
    uint32_t from = 0;
    enum err e;
    while ((e = treestore_next(h->trees, &leaf, host_tree(h, volume, true), h->log.version,
                               from)) == OK) {
        if (leaf.data_size == HOST_EXTENT_DATA && load_le32(leaf.data) == number)
            return true;
        if (leaf.index == UINT32_MAX)
            break;
        from = leaf.index + 1;
    }
    return e != ERR_NOT_FOUND; /* what cannot be read is not taken for nothing */
}

static enum err look_at_extent(void *ctx, uint32_t number, uint64_t size)
{
    const struct orphans *o = ctx;
    struct host *h = o->host;
    if (extent_named(h, o->volume, number))
        return OK;
    log_info("extent-unnamed-removed", "volume=%u bytes=%llu", o->volume, (unsigned long long)size);
    return volume_extent_delete(disks_volume(&h->disks, o->volume), number);
}

static bool nothing_waits(struct host *h)
{
    struct replicas_doomed doomed;
    return h->log.step_count == 0 && h->log.base.version == h->log.version &&
           replicas_doomed_first(&h->index, &doomed, UINT64_MAX) == ERR_NOT_FOUND;
}

static void remove_orphans(struct host *h)
{
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct orphans o = { h, v };
        struct volume *volume = disks_volume(&h->disks, v);
        if (volume == NULL || volume_state(volume) != VOLUME_OK || (h->lost >> v & 1) != 0)
            continue;
        enum err e = volume_replica_list(volume, look_at_replica, &o);
        if (e == OK && nothing_waits(h))
            e = volume_extent_list(volume, look_at_extent, &o);
        if (e != OK)
            log_warn("orphans-not-removed", "volume=%u", v);
    }
}

/* ---- opening ---- */

enum err host_open_log(struct host *h)
{
    static char dirs[JOURNAL_MIRRORS_MAX][HOST_PATH_MAX];
    struct journal_config c = { .files = file_system() };
    (void)snprintf(dirs[0], sizeof(dirs[0]), "%s/journal", h->settings->enclave);
    c.dirs[c.dir_count++] = dirs[0];
    for (uint32_t v = 0; v < DISKS_MAX && c.dir_count < JOURNAL_MIRRORS_MAX; v++) {
        const struct volume *volume = disks_volume(&h->disks, v);
        if (volume == NULL || volume_state(volume) != VOLUME_OK)
            continue;
        (void)snprintf(dirs[c.dir_count], HOST_PATH_MAX, "%s/journal", h->disks.disks[v].path);
        c.dirs[c.dir_count] = dirs[c.dir_count];
        c.dir_count++;
    }
    return host_log_open(&h->log, &c);
}

/* The scratch files of sealings that a kill ended. */
static enum err remove_scratch(void *ctx, const char *name)
{
    const struct host *h = ctx;
    char path[FILE_PATH_MAX];
    if (strncmp(name, "scratch-", 8) != 0)
        return OK;
    TRY(file_path(path, h->settings->enclave, name));
    return file_system()->unlink(file_system()->ctx, path);
}

static enum err open_parts(struct host *h)
{
    const struct settings *s = h->settings;
    const struct span id = span_str(s->chain_id);
    sha256(h->chain, id);
    TRY(path_make_dirs(s->enclave, 0700));
    TRY(file_system()->list(file_system()->ctx, s->enclave, remove_scratch, h));
    TRY(disks_open(&h->disks, s));
    TRY(host_open_log(h));
    sessions_load(&h->sessions, &h->disks);
    TRY(host_trees_open(h));
    TRY(host_index_open(h));
    (void)snprintf(h->socket, sizeof(h->socket), "%s/enclaved.sock", s->enclave);
    (void)snprintf(h->key, sizeof(h->key), "%s/software.key", s->enclave);
    (void)snprintf(h->token, sizeof(h->token), "%s/token", s->enclave);
    struct enclave_link_options o = { .program = s->enclave_program,
                                      .socket = h->socket,
                                      .key_file = h->key,
                                      .at = s->enclave_at,
                                      .token_file = h->token,
                                      .release_keys = s->release_keys,
                                      .workers = s->enclave_workers };
    memcpy(o.chain, h->chain, 32);
    TRY(enclave_link_open(&h->link, &o));
    TRY(host_handover_load(h));
    TRY(host_start(h));
    TRY(host_index_align(h));
    sessions_settle(h);
    remove_orphans(h);
    host_note_drops(h);
    return OK;
}

enum err host_open(struct host **out, const struct settings *s)
{
    *out = NULL;
    struct host *h = calloc(1, sizeof(*h));
    if (h == NULL)
        return ERR_MEMORY;
    h->settings = s;
    if (pthread_mutex_init(&h->lock, NULL) != 0 || sessions_init(&h->sessions) != OK ||
        pthread_mutex_init(&h->numbers_lock, NULL) != 0) {
        free(h);
        return ERR_MEMORY;
    }
    enum err e = open_parts(h);
    if (e != OK) {
        log_error("storage-not-started", "reason=\"%s\" program=\"%s\"", err_text(e),
                  s->enclave_program);
        host_close(h);
        return e;
    }
    log_info("storage-ready", "provider=\"%s\" seq=%llu", h->provider,
             (unsigned long long)h->now.seq);
    *out = h;
    return OK;
}

void host_close(struct host *h)
{
    if (h == NULL)
        return;
    if (h->link.ipc != NULL)
        enclave_link_close(&h->link);
    replicas_close(&h->index);
    treestore_close(h->trees);
    host_log_close(&h->log);
    disks_close(&h->disks);
    sessions_fini(&h->sessions);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->numbers_lock);
    free(h);
}

void host_scratch(struct host *h, char out[HOST_PATH_MAX + 16])
{
    (void)snprintf(out, HOST_PATH_MAX + 16, "%s/scratch-%u.mdb", h->settings->enclave,
                   atomic_fetch_add(&h->next_scratch, 1));
}
