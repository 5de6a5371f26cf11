/* A sealing over a disk that fails at any write, loses what was not synced, or meets an enclave
 * that dies at any call, or finds no memory: what a checkpoint covers is not sealed again, and in
 * the end the replica is whole and nothing else is left. */
#include "ipfsd/session.h"

#include "base/check_memory.h"
#include "codec/cbor.h"
#include "ipfsd/fake_seal_test.h"
#include "rt/log.h"
#include "rt/path.h"
#include "store/file_fault.h"

#include <stdio.h>

enum { RAWS = 24, RAW_SIZE = 9000, NODES = 3, BLOCKS = 1 + NODES + RAWS };

/* A root, nodes below it, raw blocks below these; in an order in which parents come first. */
struct block {
    struct content_key key;
    uint8_t *data;
    size_t size;
    uint64_t sealed; /* times, as the enclave counted */
};

static struct block blocks[BLOCKS];
static struct settings settings;
static struct file_fault *disk;
static struct host *host;
static char dir[64];
static long no_memory_at; /* this allocation of the next sealing fails; 0: none */
static bool ran_out;      /* it was reached */

/* ---- content ---- */

static void set_block(struct block *b, uint32_t codec, struct span data)
{
    b->data = check_dup(data.p, data.n);
    b->size = data.n;
    b->key.codec = codec;
    sha256(b->key.digest, data);
}

static void set_node(struct block *b, const struct block *children, uint32_t count)
{
    uint8_t buf[2048];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct cid cid = cid_of_key(&children[i].key);
        cbor_write_link(&w, &cid);
    }
    CHECK_OK(w.err);
    set_block(b, CID_CODEC_DAG_CBOR, writer_span(&w));
}

static void make_blocks(void)
{
    uint8_t raw[RAW_SIZE];
    struct block *raws = blocks + 1 + NODES;
    for (uint32_t i = 0; i < RAWS; i++) {
        memset(raw, (int)i, sizeof(raw));
        set_block(&raws[i], CID_CODEC_RAW, span_of(raw, sizeof(raw) - i));
    }
    for (uint32_t i = 0; i < NODES; i++)
        set_node(&blocks[1 + i], raws + (size_t)i * RAWS / NODES, RAWS / NODES);
    set_node(&blocks[0], blocks + 1, NODES);
}

/* ---- the host over the faulty disk ---- */

static enum err hash_node(struct treestore_node *out, const struct treestore_node *left,
                          const struct treestore_node *right)
{
    struct merkle_sum l = { .sum = left->sum }, r = { .sum = right->sum }, node;
    memcpy(l.hash, left->hash, 32);
    memcpy(r.hash, right->hash, 32);
    TRY(sumtree_node(&node, &l, &r));
    memcpy(out->hash, node.hash, 32);
    out->sum = node.sum;
    return OK;
}

static enum err open_disk(void)
{
    const struct volume_config c = { .files = file_fault_files(disk),
                                     .path = "/disk",
                                     .create = true };
    TRY(volume_open(&host->disks.disks[0].volume, &c));
    const struct journal_config log = { .files = file_fault_files(disk),
                                        .dirs = { "/enclave/journal", "/disk/journal" },
                                        .dir_count = 2 };
    return host_log_open(&host->log, &log);
}

/* As host_open does it: the index follows the tree. */
static enum err align_index(void)
{
    struct treestore_leaf leaf;
    struct replicas_txn t;
    enum err e =
        treestore_next(host->trees, &leaf, host_tree(host, 0, false), host->log.version, 0);
    if (e == ERR_NOT_FOUND)
        return OK;
    TRY(e);
    struct replicas_entry entry = { .key = blocks[0].key, .index = leaf.index };
    CHECK(leaf.data_size == HOST_FILE_DATA);
    memcpy(entry.id.bytes, leaf.data, VOLUME_REPLICA_SIZE);
    TRY(replicas_begin(&t, &host->index));
    CHECK_OK(replicas_put(&t, &entry));
    return replicas_commit(&t, host->log.version);
}

/* Replicas that no tree names and no session owns. */
static enum err remove_orphan(void *ctx, const struct volume_replica *id)
{
    const struct replica_at at = { host->disks.disks[0].volume, *id };
    struct replicas_entry entry;
    (void)ctx;
    if (sessions_owns(&host->sessions, 0, id) ||
        (replicas_get(&host->index, &entry, &blocks[0].key) == OK &&
         memcmp(entry.id.bytes, id->bytes, VOLUME_REPLICA_SIZE) == 0))
        return OK;
    return volume_replica_delete(at.volume, id);
}

/* As host_open does it: journal and checkpoints, then the enclave. */
static enum err open_host(void)
{
    char path[96];
    host = calloc(1, sizeof(*host));
    CHECK(host != NULL && pthread_mutex_init(&host->lock, NULL) == 0);
    CHECK_OK(sessions_init(&host->sessions));
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        CHECK(pthread_mutex_init(&host->disks.disks[i].lock, NULL) == 0);
    host->settings = &settings;
    TRY(open_disk());
    sessions_load(&host->sessions, &host->disks);
    snprintf(path, sizeof(path), "%s/trees.mdb", dir);
    const struct treestore_config trees = { .path = path, .hash = hash_node };
    CHECK_OK(treestore_open(&host->trees, &trees));
    snprintf(path, sizeof(path), "%s/replicas.mdb", dir);
    CHECK_OK(replicas_open(&host->index, path));
    TRY(host_revive(host));
    TRY(align_index());
    sessions_settle(host);
    return volume_replica_list(host->disks.disks[0].volume, remove_orphan, NULL);
}

static void close_host(void)
{
    fake_seal_wipe();
    replicas_close(&host->index);
    treestore_close(host->trees);
    host_log_close(&host->log);
    volume_close(host->disks.disks[0].volume);
    sessions_fini(&host->sessions);
    pthread_mutex_destroy(&host->lock);
    free(host);
    host = NULL;
}

static void begin_test(uint64_t seed)
{
    uint64_t random = fake_seal.random;
    memset(&fake_seal, 0, sizeof(fake_seal));
    fake_seal.random = random;
    fake_seal_wipe();
    for (int i = 0; i < BLOCKS; i++)
        blocks[i].sealed = 0;
    snprintf(dir, sizeof(dir), "/dev/shm/crust-session-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        snprintf(dir, sizeof(dir), "/tmp/crust-session-XXXXXX");
        CHECK(mkdtemp(dir) != NULL);
    }
    disk = file_fault_new(seed, 1 << 24);
    settings.segment_size = 40000; /* four blocks */
}

static void end_test(void)
{
    close_host();
    file_fault_free(disk);
    CHECK_OK(path_remove_tree(dir));
}

/* ---- one try at sealing, as ipfsd/sealing.c goes about it ---- */

static enum err link_children(struct placements *links, const struct block *b)
{
    struct links l;
    struct cid cid;
    struct content_key key;
    CHECK_OK(links_init(&l, b->key.codec, span_of(b->data, b->size)));
    while (links_next(&l, &cid)) {
        CHECK_OK(cid_key(&key, &cid));
        TRY(placements_link(links, &key));
    }
    return OK;
}

struct
try {
    struct session session;
    struct placements links;
    uint32_t again; /* blocks that came out of closed segments */
    bool adding;
};

static struct block *block_of(const struct content_key *key)
{
    for (int i = 0; i < BLOCKS; i++) {
        if (cid_key_cmp(&blocks[i].key, key) == 0)
            return &blocks[i];
    }
    return NULL;
}

static enum err again(void *ctx, const struct content_record *record, struct span data)
{
    struct try *t = ctx;
    const struct block *b = block_of(&record->key);
    bool fresh;
    CHECK(b != NULL && record->length == b->size && b->sealed >= 1);
    if (b->key.codec != CID_CODEC_RAW)
        CHECK_SPAN(data, span_of(b->data, b->size));
    TRY(placements_take(&t->links, &fresh, &record->key));
    CHECK(fresh);
    t->again++;
    return link_children(&t->links, b);
}

static enum err seal_blocks(struct try *t)
{
    for (int i = 0; i < BLOCKS; i++) {
        bool fresh;
        CHECK_OK(placements_take(&t->links, &fresh, &blocks[i].key));
        if (!fresh)
            continue;
        CHECK_OK(link_children(&t->links, &blocks[i]));
        blocks[i].sealed++;
        TRY(session_block(&t->session, &blocks[i].key, span_of(blocks[i].data, blocks[i].size)));
    }
    return OK;
}

static enum err work(struct try *t, struct sessions_entry *e)
{
    struct host_new_file file;
    bool resumed = e->kept;
    if (resumed) {
        enum err r = session_resume(&t->session, e, again, t);
        if (r != OK)
            return r;
    } else {
        TRY(session_begin(&t->session, &blocks[0].key, 0));
    }
    TRY(seal_blocks(t));
    TRY(session_finish(&t->session));
    TRY(session_end(&t->session, &file));
    t->adding = true;
    return host_add_file(host, &file);
}

/* Seals, from where it was left. After a failure: wait says whether the session is to go on. */
static enum err seal(bool wait, uint32_t *again_count)
{
    char scratch[96];
    struct sessions_entry e;
    struct try *t = calloc(1, sizeof(*t));
    bool kept = false;
    CHECK(t != NULL);
    snprintf(scratch, sizeof(scratch), "%s/scratch.mdb", dir);
    CHECK_OK(placements_open(&t->links, scratch));
    CHECK_OK(placements_link(&t->links, &blocks[0].key));
    CHECK_OK(session_init(&t->session, host, &t->links));
    CHECK_OK(sessions_claim(&host->sessions, &e, &blocks[0].key));
    (void)check_memory_fail_at(no_memory_at);
    enum err r = work(t, &e);
    ran_out = check_memory_fail_at(0);
    if (r == OK)
        session_done(&t->session);
    else if (t->adding && session_lost(&t->session) && !(wait && t->session.kept))
        session_leave(&t->session);
    else if (wait && !t->session.disk_failed)
        kept = session_wait(&t->session);
    else
        session_discard(&t->session);
    sessions_release(&host->sessions, &blocks[0].key, kept);
    *again_count = t->again;
    placements_close(&t->links);
    session_fini(&t->session);
    free(t);
    return r;
}

/* ---- what must be in the end ---- */

static enum err count_replica(void *ctx, const struct volume_replica *id)
{
    uint32_t *n = ctx;
    (void)id;
    (*n)++;
    return OK;
}

static enum err count_part(void *ctx, const char *name)
{
    uint32_t *n = ctx;
    *n += strncmp(name, "blocks-", 7) == 0 || strncmp(name, "session-", 8) == 0;
    return OK;
}

static void check_block(const struct replica_at *at, const struct replica_record *r)
{
    uint8_t sealed[RAW_SIZE], plain[RAW_SIZE];
    struct enclave_unseal m = { .offset = r->offset };
    struct mspan out = { plain, sizeof(plain) };
    const struct block *b = block_of(&r->record.key);
    CHECK(b != NULL && r->record.length == b->size);
    memcpy(m.digest, b->key.digest, 32);
    CHECK_OK(replica_segment_get(&m.length, m.wrapped, at, r->segment));
    CHECK_OK(volume_segment_read(at->volume, (struct mspan){ sealed, b->size }, &at->id, r->segment,
                                 r->offset));
    CHECK_OK(fake_seal_unseal(&out, &m, span_of(sealed, b->size)));
    CHECK_SPAN(span_of(out.p, out.n), span_of(b->data, b->size));
}

static void check_replica(void)
{
    struct replicas_entry entry;
    struct replica_head head;
    struct replica_record records[BLOCKS];
    uint32_t replicas = 0, left = 0;
    CHECK_OK(replicas_get(&host->index, &entry, &blocks[0].key));
    const struct replica_at at = { host->disks.disks[0].volume, entry.id };
    CHECK_OK(replica_head_get(&head, &at));
    CHECK(head.record_count == BLOCKS);
    CHECK_OK(replica_group_get(records, &at, &head, 0));
    for (int i = 0; i < BLOCKS; i++)
        check_block(&at, &records[i]);
    CHECK_OK(volume_replica_list(at.volume, count_replica, &replicas));
    CHECK_OK(volume_object_list(at.volume, &at.id, count_part, &left));
    CHECK_OK(volume_object_list(at.volume, NULL, count_part, &left));
    CHECK(replicas == 1 && left == 0);
    /* No number is alive, so no room of the enclave is lost. */
    CHECK(fake_seal.number_count == 0 && fake_seal.pending == 1);
}

/* True when all of it was sealed before the failure that was set up. */
static bool sealed_already(void)
{
    struct replicas_entry entry;
    return replicas_get(&host->index, &entry, &blocks[0].key) == OK;
}

/* Seals what is left, and checks that what was kept has not been sealed again. */
static void go_on(void)
{
    uint32_t count;
    struct sessions_entry e;
    if (sealed_already())
        return;
    CHECK_OK(sessions_claim(&host->sessions, &e, &blocks[0].key));
    sessions_release(&host->sessions, &blocks[0].key, true);
    fake_seal.sealed = 0;
    CHECK_OK(seal(true, &count));
    CHECK((count > 0) == e.kept);
    CHECK(fake_seal.sealed == BLOCKS - count);
}

/* ---- tests ---- */

static void test_without_failures(void **state)
{
    (void)state;
    uint32_t count;
    begin_test(1);
    CHECK_OK(open_host());
    CHECK_OK(seal(false, &count));
    CHECK(fake_seal.sealed == BLOCKS && count == 0);
    check_replica();
    CHECK(atomic_load(&host->segments_sealed) >= 5);
    end_test();
}

/* The power goes at the n-th write, for every n; the one that seals is killed with it. */
static void test_a_crash_at_any_write(void **state)
{
    (void)state;
    uint64_t kept = 0, n = 1;
    for (bool over = false; !over; n++) {
        uint32_t count;
        begin_test(n);
        CHECK_OK(open_host());
        file_fault_stop_at(disk, n);
        over = seal(false, &count) == OK && !file_fault_stopped(disk);
        close_host();
        file_fault_crash(disk);
        CHECK_OK(open_host());
        for (uint32_t i = 0; i < SESSIONS_MAX; i++)
            kept += host->sessions.list[i].used;
        go_on();
        check_replica();
        end_test();
    }
    CHECK(kept > 20);
    print_message("%u writes, %u of the crashes left a session\n", (unsigned)n, (unsigned)kept);
}

/* The n-th write fails once: the disk is suspect, nothing of the session stays, and after good
 * probes the order succeeds. */
static void test_any_write_fails(void **state)
{
    (void)state;
    for (uint64_t n = 2; n < 200; n++) {
        uint32_t count;
        begin_test(n);
        CHECK_OK(open_host());
        file_fault_fail_at(disk, n, n % 2 == 0 ? ERR_IO : ERR_FULL);
        enum err e = seal(false, &count);
        file_fault_fail_at(disk, 0, OK);
        for (int i = 0; i < VOLUME_SUSPECT_ERRORS; i++)
            (void)volume_probe(host->disks.disks[0].volume);
        (void)!volume_accept(host->disks.disks[0].volume, OK); /* its bytes have been checked */
        /* A host starts its enclave again when the journal has failed. */
        CHECK_OK(host_revive(host));
        if (e != OK)
            go_on();
        /* What could not be removed from a suspect disk goes at the next start. */
        close_host();
        CHECK_OK(open_host());
        check_replica();
        end_test();
    }
}

/* The enclave dies at its n-th call, again and again; the order goes on each time. */
static void test_the_enclave_dies_at_any_call(void **state)
{
    (void)state;
    for (uint64_t n = 2; n < 40; n++) {
        uint32_t count, tries = 0;
        begin_test(n);
        CHECK_OK(open_host());
        do {
            fake_seal.die_at = 0;
            CHECK_OK(host_revive(host));
            fake_seal.die_at = n + 2 * tries;
            tries++;
            CHECK(tries < 60);
        } while (!sealed_already() && seal(true, &count) != OK);
        fake_seal.die_at = 0;
        CHECK_OK(host_revive(host));
        check_replica();
        end_test();
    }
}

/* The content is in the tree and not in the index: nothing may hide that from the next start, and
 * it is not added twice. */
static void check_hole(void)
{
    struct replicas_txn t;
    uint64_t version;
    uint32_t count;
    CHECK_OK(replicas_begin(&t, &host->index));
    CHECK_OK(host_index_commit(host, &t));
    CHECK_OK(replicas_version(&host->index, &version));
    CHECK(version < host->log.version);
    CHECK_ERR(seal(false, &count), ERR_EXISTS);
    CHECK(sealed_already());
    CHECK_OK(replicas_version(&host->index, &version));
    CHECK(version == host->log.version);
}

/* The n-th allocation of a sealing fails: it ends or goes on without, and the order succeeds. */
static void test_any_allocation_fails(void **state)
{
    (void)state;
    uint32_t count, failures = 0;
    do {
        begin_test(7);
        CHECK_OK(open_host());
        no_memory_at = ++failures;
        enum err e = seal(false, &count);
        no_memory_at = 0;
        CHECK(e == OK || ran_out);
        bool more = ran_out;
        CHECK_OK(host_revive(host));
        if (e == OK && !sealed_already())
            check_hole();
        else
            go_on();
        /* What was in the way of nothing but a next start is gone after it. */
        close_host();
        CHECK_OK(open_host());
        check_replica();
        end_test();
        ran_out = more;
    } while (ran_out);
    CHECK(failures > 1);
    print_message("%u allocations\n", (unsigned)failures - 1);
}

/* Somebody leaves in the middle, and comes again. */
static void test_a_session_that_waits_is_left_in_the_enclave_too(void **state)
{
    (void)state;
    char scratch[96];
    struct sessions_entry e;
    begin_test(5);
    CHECK_OK(open_host());
    for (int round = 0; round < 2 * FAKE_SEAL_SESSIONS; round++) {
        struct try *t = calloc(1, sizeof(*t));
        CHECK(t != NULL);
        snprintf(scratch, sizeof(scratch), "%s/scratch.mdb", dir);
        CHECK_OK(placements_open(&t->links, scratch));
        CHECK_OK(placements_link(&t->links, &blocks[0].key));
        CHECK_OK(session_init(&t->session, host, &t->links));
        CHECK_OK(sessions_claim(&host->sessions, &e, &blocks[0].key));
        CHECK(e.kept == (round > 0));
        CHECK_ERR(sessions_claim(&host->sessions, &e, &blocks[0].key), ERR_BUSY);
        e = *host->sessions.list;
        if (e.kept)
            CHECK_OK(session_resume(&t->session, &e, again, t));
        else
            CHECK_OK(session_begin(&t->session, &blocks[0].key, 0));
        if (round == 0)
            CHECK_OK(seal_blocks(t));
        CHECK(session_wait(&t->session));
        sessions_release(&host->sessions, &blocks[0].key, true);
        placements_close(&t->links);
        session_fini(&t->session);
        free(t);
        CHECK(fake_seal.number_count == 1);
    }
    go_on();
    check_replica();
    end_test();
}

static void test_a_session_that_is_dropped_leaves_nothing(void **state)
{
    (void)state;
    uint32_t count, n = 0;
    struct sessions_entry e;
    begin_test(6);
    CHECK_OK(open_host());
    fake_seal.die_at = 12;
    CHECK_ERR(seal(true, &count), ERR_CLOSED);
    CHECK_OK(host_revive(host));
    CHECK_ERR(sessions_claim_idle(&host->sessions, &e, SESSIONS_WAITING_MAX, 0), ERR_NOT_FOUND);
    CHECK_OK(sessions_claim_idle(&host->sessions, &e, 0, 0));
    session_drop(host, &e);
    CHECK_ERR(sessions_claim_idle(&host->sessions, &e, 0, 0), ERR_NOT_FOUND);
    CHECK(fake_seal.number_count == 0);
    CHECK_OK(volume_replica_list(host->disks.disks[0].volume, count_replica, &n));
    CHECK_OK(volume_object_list(host->disks.disks[0].volume, NULL, count_part, &n));
    CHECK(n == 0);
    end_test();
}

int main(void)
{
    log_init("test", LOG_LEVEL_OFF);
    make_blocks();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_failures),
        cmocka_unit_test(test_a_crash_at_any_write),
        cmocka_unit_test(test_any_write_fails),
        cmocka_unit_test(test_the_enclave_dies_at_any_call),
        cmocka_unit_test(test_any_allocation_fails),
        cmocka_unit_test(test_a_session_that_waits_is_left_in_the_enclave_too),
        cmocka_unit_test(test_a_session_that_is_dropped_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
