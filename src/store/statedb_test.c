#include "store/statedb.h"

#include "base/check.h"
#include "base/prng.h"
#include "store/overlay.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char dir[64];
};

static void place_make(struct place *p)
{
    snprintf(p->dir, sizeof(p->dir), "/tmp/crust-statedb-XXXXXX");
    CHECK(mkdtemp(p->dir) != NULL);
}

static void place_remove(struct place *p)
{
    static const char *const names[] = { "data.mdb", "lock.mdb", "LOCK" };
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", p->dir, names[i]);
        unlink(path);
    }
    CHECK(rmdir(p->dir) == 0);
}

static struct statedb *open_at(const struct place *p, uint64_t map, uint32_t undo)
{
    struct statedb *db;
    const struct statedb_config config = { .dir = p->dir, .map_bytes = map, .undo_heights = undo };
    CHECK_OK(statedb_open(&db, &config));
    return db;
}

static void put_text(struct statedb *db, const char *key, const char *value)
{
    struct kv kv = statedb_state(db);
    CHECK_OK(kv_put(&kv, span_str(key), span_str(value)));
}

static bool has_text(const struct kv *kv, const char *key, const char *value)
{
    struct span v;
    enum err e = kv_get(kv, &v, span_str(key));
    if (value == NULL)
        return e == ERR_NOT_FOUND;
    return e == OK && span_eq(v, span_str(value));
}

static void commit(struct statedb *db, uint64_t height)
{
    uint8_t hash[STATEDB_HASH_SIZE];
    memset(hash, (int)height & 0xff, sizeof(hash));
    CHECK_OK(statedb_commit(db, height, hash, NULL, 0));
}

/* ---- the overlay against a model: a flat array of 64 possible keys ---- */

enum { MODEL_KEYS = 64 };

struct model {
    bool there[MODEL_KEYS];
    uint8_t value[MODEL_KEYS];
};

static struct span model_key(uint8_t buf[2], size_t i)
{
    buf[0] = (uint8_t)(i / 8);
    buf[1] = (uint8_t)(i % 8);
    /* Keys of two lengths, so that a prefix sorts before what it begins. */
    return span_of(buf, i % 8 == 0 ? 1 : 2);
}

static void model_compare(const struct kv *kv, const struct model *m)
{
    uint8_t buf[2];
    struct span key, value, from = { NULL, 0 };
    bool after = false;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        enum err e = kv_get(kv, &value, model_key(buf, i));
        CHECK_ERR(e, m->there[i] ? OK : ERR_NOT_FOUND);
        if (!m->there[i])
            continue;
        CHECK(value.n == 1 && value.p[0] == m->value[i]);
        CHECK_OK(kv_next(kv, &key, &value, from, after));
        CHECK_SPAN(key, model_key(buf, i));
        CHECK(value.n == 1 && value.p[0] == m->value[i]);
        from = key;
        after = true;
    }
    CHECK_ERR(kv_next(kv, &key, &value, from, after), ERR_NOT_FOUND);
}

static void overlay_and_base_merge_like_one_map(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db = open_at(&p, 0, 0);
    struct kv kv = statedb_state(db);
    struct model m = { 0 };
    struct prng g;
    prng_init(&g, 20261122);
    uint8_t buf[2];
    for (uint64_t height = 0; height < 30; height++) {
        struct model before = m;
        for (int step = 0; step < 40; step++) {
            size_t i = (size_t)prng_below(&g, MODEL_KEYS);
            uint8_t v = (uint8_t)prng_u64(&g);
            m.there[i] = prng_below(&g, 3) != 0;
            m.value[i] = v;
            CHECK_OK(m.there[i] ? kv_put(&kv, model_key(buf, i), span_of(&v, 1))
                                : kv_del(&kv, model_key(buf, i)));
        }
        model_compare(&kv, &m);
        if (prng_below(&g, 4) == 0) {
            statedb_discard(db);
            m = before;
            model_compare(&kv, &m);
        }
        commit(db, height);
        struct kv committed = statedb_committed(db, STATEDB_STATE);
        model_compare(&kv, &m);
        model_compare(&committed, &m);
        CHECK(statedb_dirty(db) == 0);
    }
    statedb_close(db);
    db = open_at(&p, 0, 0);
    kv = statedb_state(db);
    model_compare(&kv, &m);
    CHECK(statedb_head(db).height == 29 && !statedb_head(db).fresh);
    statedb_close(db);
    place_remove(&p);
}

static void overlay_refuses_bad_keys_and_more_than_its_memory(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db = open_at(&p, 0, 0);
    const struct kv base = statedb_committed(db, STATEDB_STATE);
    struct overlay *o = overlay_new(&base, 4096);
    struct kv kv = overlay_kv(o);
    uint8_t big[4097] = { 0 };
    CHECK_ERR(kv_put(&kv, span_of(big, 0), span_of(big, 1)), ERR_RANGE);
    CHECK_ERR(kv_put(&kv, span_of(big, KV_KEY_MAX + 1), span_of(big, 1)), ERR_RANGE);
    CHECK_OK(kv_put(&kv, span_of(big, KV_KEY_MAX), span_of(big, 0)));
    CHECK_ERR(kv_put(&kv, span_of(big, 3), span_of(big, sizeof(big))), ERR_LIMIT);
    CHECK(overlay_count(o) == 1 && overlay_bytes(o) == KV_KEY_MAX);
    overlay_clear(o);
    CHECK(overlay_count(o) == 0);
    overlay_free(o);
    struct kv committed = statedb_committed(db, STATEDB_STATE);
    CHECK_ERR(kv_put(&committed, span_str("a"), span_str("b")), ERR_DENIED);
    CHECK_ERR(kv_del(&committed, span_str("a")), ERR_DENIED);
    statedb_close(db);
    place_remove(&p);
}

/* ---- undo ---- */

static void rollback_restores_state_rows_and_head(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db = open_at(&p, 0, 3);
    put_text(db, "a", "genesis");
    commit(db, 0);
    uint8_t hash[STATEDB_HASH_SIZE] = { 0 };
    for (uint64_t h = 1; h <= 5; h++) {
        char text[8];
        snprintf(text, sizeof(text), "v%d", (int)h);
        put_text(db, "a", text);
        put_text(db, text, "x");
        const struct statedb_row row = { .table = STATEDB_RESULTS,
                                         .key = span_str(text),
                                         .value = span_str("r") };
        hash[0] = (uint8_t)h;
        CHECK_OK(statedb_commit(db, h, hash, &row, 1));
    }
    const struct statedb_row block = { .table = STATEDB_BLOCKS,
                                       .key = span_str("k"),
                                       .value = span_str("kept") };
    CHECK_OK(statedb_write(db, &block, 1));
    struct kv kv = statedb_state(db);
    CHECK_OK(statedb_rollback(db));
    CHECK(statedb_head(db).height == 4 && statedb_head(db).app_hash[0] == 4);
    CHECK(has_text(&kv, "a", "v4") && has_text(&kv, "v5", NULL) && has_text(&kv, "v4", "x"));
    struct kv results = statedb_committed(db, STATEDB_RESULTS);
    struct kv blocks = statedb_committed(db, STATEDB_BLOCKS);
    CHECK(has_text(&results, "v5", NULL) && has_text(&results, "v4", "r"));
    CHECK(has_text(&blocks, "k", "kept"));
    CHECK_OK(statedb_rollback(db));
    CHECK_OK(statedb_rollback(db));
    CHECK(has_text(&kv, "a", "v2") && statedb_head(db).height == 2);
    /* Three heights are kept, so the fourth is gone, and nothing changes. */
    CHECK_ERR(statedb_rollback(db), ERR_NOT_FOUND);
    CHECK(has_text(&kv, "a", "v2") && statedb_head(db).height == 2);
    put_text(db, "a", "again");
    commit(db, 3);
    CHECK(has_text(&kv, "a", "again"));
    statedb_close(db);
    place_remove(&p);
}

static void genesis_cannot_be_taken_back(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db = open_at(&p, 0, 0);
    CHECK(statedb_head(db).fresh);
    commit(db, 0);
    CHECK_ERR(statedb_rollback(db), ERR_NOT_FOUND);
    statedb_close(db);
    place_remove(&p);
}

/* ---- one process, snapshots, growth ---- */

static void a_second_process_is_refused(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db = open_at(&p, 0, 0);
    struct statedb *other;
    const struct statedb_config config = { .dir = p.dir };
    CHECK_ERR(statedb_open(&other, &config), ERR_BUSY);
    CHECK(other == NULL);
    statedb_close(db);
    const struct statedb_config nowhere = { .dir = "/tmp/crust-no-such-folder" };
    CHECK_ERR(statedb_open(&other, &nowhere), ERR_NOT_FOUND);
    place_remove(&p);
}

struct reader_job {
    struct statedb *db;
    atomic_bool stop;
    atomic_uint reads;
    atomic_bool wrong;
};

/* Every snapshot must show one height everywhere. */
static void *reads_snapshots(void *arg)
{
    struct reader_job *job = arg;
    while (!atomic_load(&job->stop)) {
        struct statedb_snapshot *s;
        if (statedb_snapshot_open(&s, job->db) != OK) {
            atomic_store(&job->wrong, true);
            break;
        }
        struct kv kv = statedb_snapshot_kv(s, STATEDB_STATE);
        uint8_t want[8];
        store_be64(want, statedb_snapshot_head(s).height);
        for (uint8_t i = 0; i < 20; i++) {
            struct span v;
            if (kv_get(&kv, &v, span_of(&i, 1)) != OK || !span_eq(v, span_of(want, 8)))
                atomic_store(&job->wrong, true);
        }
        statedb_snapshot_close(s);
        atomic_fetch_add(&job->reads, 1);
    }
    return NULL;
}

static void snapshots_stay_consistent_while_the_map_grows(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db = open_at(&p, 1 << 20, 0);
    uint64_t used, map_before, map_after;
    CHECK_OK(statedb_size(db, &used, &map_before));
    struct kv kv = statedb_state(db);
    struct reader_job job = { .db = db };
    pthread_t thread;
    uint8_t *bulk = calloc(1, 200000);
    for (uint64_t h = 0; h < 40; h++) {
        uint8_t v[8];
        store_be64(v, h);
        for (uint8_t i = 0; i < 20; i++)
            CHECK_OK(kv_put(&kv, span_of(&i, 1), span_of(v, 8)));
        CHECK_OK(kv_put(&kv, span_of(v, 8), span_of(bulk, 200000)));
        commit(db, h);
        if (h == 0)
            CHECK(pthread_create(&thread, NULL, reads_snapshots, &job) == 0);
    }
    atomic_store(&job.stop, true);
    pthread_join(thread, NULL);
    CHECK(!atomic_load(&job.wrong) && atomic_load(&job.reads) > 0);
    CHECK_OK(statedb_size(db, &used, &map_after));
    CHECK(map_after > map_before && used > 40u * 200000u);
    free(bulk);
    statedb_close(db);
    place_remove(&p);
}

static void the_largest_map_is_a_limit_and_changes_nothing(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db;
    const struct statedb_config config = { .dir = p.dir,
                                           .map_bytes = 1 << 20,
                                           .map_bytes_max = 1 << 20 };
    CHECK_OK(statedb_open(&db, &config));
    put_text(db, "a", "one");
    commit(db, 0);
    struct kv kv = statedb_state(db);
    uint8_t *bulk = calloc(1, 2 << 20);
    CHECK_OK(kv_put(&kv, span_str("bulk"), span_of(bulk, 2 << 20)));
    uint8_t hash[STATEDB_HASH_SIZE] = { 1 };
    CHECK_ERR(statedb_commit(db, 1, hash, NULL, 0), ERR_FULL);
    CHECK(statedb_head(db).height == 0 && statedb_dirty(db) == 1);
    statedb_discard(db);
    put_text(db, "a", "two");
    commit(db, 1);
    CHECK(has_text(&kv, "a", "two"));
    free(bulk);
    statedb_close(db);
    place_remove(&p);
}

/* ---- the failing world ---- */

static void a_full_disk_changes_nothing_and_can_be_retried(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct statedb *db = open_at(&p, 0, 0);
    put_text(db, "a", "one");
    commit(db, 0);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, tight;
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    uint64_t used, map;
    CHECK_OK(statedb_size(db, &used, &map));
    tight = before;
    tight.rlim_cur = used + 4096;
    CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    uint8_t *bulk = calloc(1, 1 << 20);
    struct kv kv = statedb_state(db);
    CHECK_OK(kv_put(&kv, span_str("bulk"), span_of(bulk, 1 << 20)));
    put_text(db, "a", "two");
    uint8_t hash[STATEDB_HASH_SIZE] = { 7 };
    /* The limit on the file's size stands in for the disk; it may cut a write short (ERR_IO). */
    enum err e = statedb_commit(db, 1, hash, NULL, 0);
    CHECK(e == ERR_FULL || e == ERR_IO);
    CHECK(statedb_head(db).height == 0);
    struct kv committed = statedb_committed(db, STATEDB_STATE);
    CHECK(has_text(&committed, "a", "one") && has_text(&kv, "a", "two"));
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_OK(statedb_commit(db, 1, hash, NULL, 0));
    CHECK(has_text(&committed, "a", "two") && statedb_head(db).app_hash[0] == 7);
    free(bulk);
    statedb_close(db);
    place_remove(&p);
}

/* The child commits: at height h, key i holds h in all of 50 keys, and a result row names h. */
static void child_commits(const struct place *p)
{
    struct statedb *db;
    const struct statedb_config config = { .dir = p->dir, .map_bytes = 1 << 20 };
    if (statedb_open(&db, &config) != OK)
        _exit(2);
    struct kv kv = statedb_state(db);
    uint64_t h = statedb_head(db).fresh ? 0 : statedb_head(db).height + 1;
    for (;; h++) {
        uint8_t v[8], hash[STATEDB_HASH_SIZE] = { 0 };
        store_be64(v, h);
        store_be64(hash, h);
        for (uint8_t i = 0; i < 50; i++)
            if (kv_put(&kv, span_of(&i, 1), span_of(v, 8)) != OK)
                _exit(3);
        const struct statedb_row row = { .table = STATEDB_RESULTS,
                                         .key = span_of(v, 8),
                                         .value = span_of(v, 8) };
        if (statedb_commit(db, h, hash, &row, 1) != OK)
            _exit(4);
    }
}

static void check_after_kill(const struct place *p)
{
    struct statedb *db = open_at(p, 0, 0);
    struct statedb_head head = statedb_head(db);
    if (!head.fresh) {
        uint8_t v[8];
        struct span value;
        store_be64(v, head.height);
        CHECK(load_be64(head.app_hash) == head.height);
        struct kv kv = statedb_state(db);
        for (uint8_t i = 0; i < 50; i++) {
            CHECK_OK(kv_get(&kv, &value, span_of(&i, 1)));
            CHECK_SPAN(value, span_of(v, 8));
        }
        struct kv results = statedb_committed(db, STATEDB_RESULTS);
        CHECK_OK(kv_get(&results, &value, span_of(v, 8)));
        store_be64(v, head.height + 1);
        CHECK_ERR(kv_get(&results, &value, span_of(v, 8)), ERR_NOT_FOUND);
    }
    statedb_close(db);
}

static void a_kill_at_any_moment_leaves_a_whole_height(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    struct prng g;
    uint64_t seed = 11;
    prng_init(&g, seed);
    for (int round = 0; round < 12; round++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0)
            child_commits(&p);
        usleep((useconds_t)(5000 + prng_below(&g, 40000)));
        CHECK(kill(pid, SIGKILL) == 0);
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(WIFSIGNALED(status));
        check_after_kill(&p);
    }
    place_remove(&p);
}

static void a_restore_replaces_everything_or_leaves_nothing(void **state)
{
    (void)state;
    struct place p;
    uint8_t hash[STATEDB_HASH_SIZE] = { 9 };
    place_make(&p);
    struct statedb *db = open_at(&p, 0, 0);
    put_text(db, "old", "genesis");
    commit(db, 0);
    for (int whole = 0; whole < 2; whole++) {
        put_text(db, "lost", "in the overlay");
        CHECK_OK(statedb_restore_begin(db));
        CHECK(statedb_head(db).fresh && statedb_dirty(db) == 0);
        struct kv rows = statedb_committed(db, STATEDB_STATE);
        CHECK(has_text(&rows, "old", NULL) && has_text(&rows, "lost", NULL));
        put_text(db, "a", "1");
        CHECK_OK(statedb_restore_flush(db));
        put_text(db, "b", "2");
        if (whole == 0) {
            CHECK_OK(statedb_restore_flush(db));
            statedb_close(db); /* as a kill before the end */
            db = open_at(&p, 0, 0);
            rows = statedb_committed(db, STATEDB_STATE);
            CHECK(statedb_head(db).fresh && has_text(&rows, "a", NULL));
            continue;
        }
        CHECK_OK(statedb_commit(db, 77, hash, NULL, 0));
    }
    statedb_close(db);
    db = open_at(&p, 0, 0);
    struct kv rows = statedb_committed(db, STATEDB_STATE);
    CHECK(!statedb_head(db).fresh && statedb_head(db).height == 77);
    CHECK(has_text(&rows, "a", "1") && has_text(&rows, "b", "2") && has_text(&rows, "old", NULL));
    CHECK_ERR(statedb_rollback(db), ERR_NOT_FOUND);
    commit(db, 78);
    CHECK_OK(statedb_rollback(db));
    CHECK(statedb_head(db).height == 77);
    statedb_close(db);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlay_and_base_merge_like_one_map),
        cmocka_unit_test(overlay_refuses_bad_keys_and_more_than_its_memory),
        cmocka_unit_test(rollback_restores_state_rows_and_head),
        cmocka_unit_test(genesis_cannot_be_taken_back),
        cmocka_unit_test(a_second_process_is_refused),
        cmocka_unit_test(snapshots_stay_consistent_while_the_map_grows),
        cmocka_unit_test(the_largest_map_is_a_limit_and_changes_nothing),
        cmocka_unit_test(a_full_disk_changes_nothing_and_can_be_retried),
        cmocka_unit_test(a_restore_replaces_everything_or_leaves_nothing),
        cmocka_unit_test(a_kill_at_any_moment_leaves_a_whole_height),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
