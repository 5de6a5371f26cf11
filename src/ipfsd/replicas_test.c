/* The two LMDB files of a storage node: what is sealed here, and the scratch file of a sealing. A
 * full disk or a kill at any moment leaves the index as after some commit, at least the last
 * acknowledged.
 */
#include "ipfsd/replicas.h"

#include "base/check.h"
#include "ipfsd/placements.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[96];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/crust-replicas-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/replicas.mdb", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    CHECK_OK(path_remove_tree(dir));
    return 0;
}

static struct content_key key_of(uint32_t i)
{
    struct content_key k = { .codec = 0x55 };
    store_be32(k.digest, i);
    return k;
}

static struct replicas_entry entry_of(uint32_t i)
{
    struct replicas_entry e = { .key = key_of(i), .volume = i % 16, .index = i };
    store_be32(e.id.bytes, i);
    return e;
}

/* Change i adds a content with three blocks, and dooms every fourth. */
static enum err change(struct replicas *r, uint32_t i)
{
    struct replicas_txn t;
    const struct replicas_entry e = entry_of(i);
    const struct replicas_doomed d = { .version = i, .volume = e.volume, .id = e.id };
    TRY(replicas_begin(&t, r));
    enum err result = replicas_put(&t, &e);
    for (uint32_t b = 0; result == OK && b < 3; b++) {
        const struct content_key block = key_of(3 * i + b);
        const struct replicas_place p = { e.volume, e.id, b };
        result = replicas_put_block(&t, block.digest, &p);
    }
    if (result == OK && i % 4 == 0)
        result = replicas_doom(&t, &d);
    if (result == OK)
        return replicas_commit(&t, i);
    replicas_abort(&t);
    return result;
}

/* Exactly the changes 1 to version are there, each whole. */
static uint32_t check_index(struct replicas *r)
{
    struct replicas_entry e;
    struct replicas_doomed d;
    struct replicas_place p;
    uint64_t version;
    uint32_t count = 0;
    CHECK_OK(replicas_version(r, &version));
    enum err next = replicas_next(r, &e, NULL);
    for (; next == OK; next = replicas_next(r, &e, &e.key)) {
        const struct replicas_entry want = entry_of(++count);
        CHECK(e.index == want.index && e.volume == want.volume);
        CHECK(memcmp(e.id.bytes, want.id.bytes, sizeof(e.id.bytes)) == 0);
        for (uint32_t b = 0; b < 3; b++) {
            const struct content_key block = key_of(3 * count + b);
            CHECK_OK(replicas_block(r, &p, block.digest, 0));
            CHECK(p.record == b && p.volume == want.volume);
            CHECK_ERR(replicas_block(r, &p, block.digest, 1), ERR_NOT_FOUND);
        }
    }
    CHECK_ERR(next, ERR_NOT_FOUND);
    CHECK(count == version);
    CHECK_ERR(replicas_doomed_first(r, &d, 3), ERR_NOT_FOUND);
    if (count >= 4) {
        CHECK_OK(replicas_doomed_first(r, &d, UINT64_MAX));
        CHECK(d.version == 4 && !d.is_extent);
    }
    return count;
}

static void test_a_change_is_whole_and_stays(void **state)
{
    (void)state;
    struct replicas r;
    struct replicas_txn t;
    const struct content_key second = key_of(2);
    struct replicas_entry e;
    CHECK_OK(replicas_open(&r, path));
    CHECK(check_index(&r) == 0);
    for (uint32_t i = 1; i <= 40; i++)
        CHECK_OK(change(&r, i));
    CHECK(check_index(&r) == 40);
    /* What is not committed was never there. */
    CHECK_OK(replicas_begin(&t, &r));
    CHECK_OK(replicas_del(&t, &second));
    CHECK_OK(replicas_clear(&t));
    replicas_abort(&t);
    CHECK(check_index(&r) == 40);
    CHECK_OK(replicas_begin(&t, &r));
    CHECK_OK(replicas_del(&t, &second));
    CHECK_OK(replicas_commit(&t, 41));
    CHECK_ERR(replicas_get(&r, &e, &second), ERR_NOT_FOUND);
    replicas_close(&r);
}

/* The disk is full at any point: an error, and the index is as it was; with room it goes on. */
static void test_a_full_disk(void **state)
{
    (void)state;
    struct rlimit before, small;
    struct replicas r;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_OK(replicas_open(&r, path));
    uint32_t done = 0, failed = 0;
    for (rlim_t limit = 64 << 10; limit <= 320 << 10; limit += 32768) {
        small = before;
        small.rlim_cur = limit;
        CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
        enum err e = OK;
        for (int i = 0; e == OK && i < 500; i++) {
            e = change(&r, done + 1);
            done += e == OK;
        }
        CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
        failed += e != OK;
        CHECK(check_index(&r) == done);
        replicas_close(&r);
        CHECK_OK(replicas_open(&r, path));
        CHECK(check_index(&r) == done);
    }
    CHECK(failed > 3);
    CHECK_OK(change(&r, done + 1));
    CHECK(check_index(&r) == done + 1);
    replicas_close(&r);
}

/* kill -9 at any moment: at least what was acknowledged, and never half of a change. */
static void test_a_kill(void **state)
{
    (void)state;
    uint32_t *acknowledged =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(acknowledged != MAP_FAILED);
    for (uint64_t ms = 1; ms <= 8; ms++) {
        struct replicas r;
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            uint64_t version;
            if (replicas_open(&r, path) != OK || replicas_version(&r, &version) != OK)
                _exit(1);
            for (uint32_t i = (uint32_t)version + 1; change(&r, i) == OK; i++)
                *acknowledged = i;
            _exit(1);
        }
        clock_sleep_ms(5 * ms);
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
        CHECK_OK(replicas_open(&r, path));
        CHECK(check_index(&r) >= *acknowledged);
        replicas_close(&r);
    }
    CHECK(*acknowledged > 0);
    munmap(acknowledged, 4096);
}

static enum err put_raw(struct replicas *r, MDB_dbi dbi, struct span key, struct span value)
{
    struct replicas_txn t;
    TRY(replicas_begin(&t, r));
    CHECK_OK(db_put(t.txn, dbi, key, value));
    return replicas_commit(&t, 1);
}

/* A row of another size is an error, not an answer. */
static void test_damaged_rows(void **state)
{
    (void)state;
    struct replicas r;
    struct replicas_entry e;
    struct replicas_place p;
    struct replicas_doomed d;
    const struct content_key key = key_of(1);
    uint8_t k[80] = { 0 }, v[100] = { 0 };
    store_be32(k, key.codec);
    memcpy(k + 4, key.digest, 32);
    static const size_t sizes[] = { 0, 1, 3, 5, 20, 22, 29, 31, 64, 65, 100 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const size_t n = sizes[i];
        CHECK_OK(replicas_open(&r, path));
        CHECK_OK(put_raw(&r, r.contents, span_of(k, 36), span_of(v, n)));
        CHECK_ERR(replicas_get(&r, &e, &key), ERR_CORRUPT);
        CHECK_ERR(replicas_next(&r, &e, NULL), ERR_CORRUPT);
        memcpy(k, key.digest, 32);
        CHECK_OK(put_raw(&r, r.blocks, span_of(k, 49), span_of(v, n)));
        CHECK_ERR(replicas_block(&r, &p, key.digest, 0), ERR_CORRUPT);
        store_be32(k, key.codec);
        memcpy(k + 4, key.digest, 32);
        if (n > 0) {
            CHECK_OK(put_raw(&r, r.doomed, span_of(v, n), span_str("x")));
            CHECK_ERR(replicas_doomed_first(&r, &d, UINT64_MAX), ERR_CORRUPT);
        }
        replicas_close(&r);
        unlink(path);
    }
}

/* ---- the scratch file ---- */

static void test_placements_of_a_dag(void **state)
{
    (void)state;
    struct placements p;
    struct placements_cursor cursor = { NULL };
    struct content_key wanted[8];
    struct replica_record r = { .segment = 3 };
    uint64_t links, sum = 0;
    uint32_t seen = 0;
    size_t count;
    bool fresh;
    CHECK_OK(placements_open(&p, path));
    for (uint32_t i = 0; i < 20000; i++) { /* more than one transaction holds */
        const struct content_key key = key_of(i / 2);
        CHECK_OK(placements_link(&p, &key));
    }
    CHECK(p.block_count == 10000 && p.wanted_count == 10000);
    const struct content_key stranger = key_of(50000);
    CHECK_ERR(placements_take(&p, &fresh, &stranger), ERR_NOT_FOUND);
    r.record.key = stranger;
    CHECK_ERR(placements_put(&p, &r), ERR_NOT_FOUND);
    CHECK_OK(placements_wanted(&p, wanted, &count, 8));
    CHECK(count == 8 && memcmp(&wanted[0], &(struct content_key){ .codec = 0x55 }, 36) == 0);
    for (uint32_t i = 0; i < 10000; i++) {
        r.record.key = key_of(i);
        r.offset = i;
        CHECK_OK(placements_take(&p, &fresh, &r.record.key));
        CHECK(fresh);
        CHECK_OK(placements_take(&p, &fresh, &r.record.key));
        CHECK(!fresh);
        if (i == 9999) /* taken, and its place not yet known */
            break;
        CHECK_OK(placements_put(&p, &r));
    }
    CHECK_OK(placements_wanted(&p, wanted, &count, 8));
    CHECK(count == 0 && p.wanted_count == 0);
    enum err e;
    while ((e = placements_next(&p, &cursor, &r, &links)) == OK) {
        CHECK(r.offset == seen && r.segment == 3);
        sum += links;
        seen++;
    }
    CHECK_ERR(e, ERR_STATE);
    CHECK(seen == 9999 && sum == 2 * 9999);
    placements_end(&cursor);
    placements_close(&p);
    CHECK(access(path, F_OK) != 0);
}

/* A full disk is an error every time from then on, and the next sealing begins with an empty file.
 */
static void test_placements_on_a_full_disk(void **state)
{
    (void)state;
    struct rlimit before, small;
    struct placements p;
    enum err e = OK;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_OK(placements_open(&p, path));
    small = before;
    small.rlim_cur = 256 << 10;
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    for (uint32_t i = 0; e == OK && i < 100000; i++) {
        const struct content_key key = key_of(i);
        e = placements_link(&p, &key);
    }
    CHECK(e != OK);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    bool fresh;
    const struct content_key first = key_of(0);
    CHECK(placements_take(&p, &fresh, &first) != OK && !fresh);
    placements_close(&p);
    CHECK_OK(placements_open(&p, path));
    CHECK_ERR(placements_take(&p, &fresh, &first), ERR_NOT_FOUND);
    placements_close(&p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_change_is_whole_and_stays),
        T(test_a_full_disk),
        T(test_a_kill),
        T(test_damaged_rows),
        T(test_placements_of_a_dag),
        T(test_placements_on_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
