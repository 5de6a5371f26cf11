/* The journal: what was committed is replayed, in order, whatever one mirror or a crash does. */
#include "store/journal.h"

#include "base/check.h"
#include "base/prng.h"
#include "store/file_fault.h"

#include <stdio.h>

struct seen {
    uint32_t snapshot; /* value of the snapshot, or 0 */
    uint32_t next;     /* the record expected next */
};

/* Records count up from the snapshot's value. */
static enum err replay(void *ctx, enum journal_kind kind, struct span data)
{
    struct seen *s = ctx;
    CHECK(data.n >= 4);
    if (kind == JOURNAL_SNAPSHOT) {
        CHECK(s->next == 0);
        s->snapshot = s->next = load_le32(data.p);
        return OK;
    }
    CHECK(load_le32(data.p) == s->next);
    s->next++;
    return OK;
}

static enum err open_journal(struct journal **j, struct seen *seen, struct file_fault *ff)
{
    *seen = (struct seen){ 0 };
    const struct journal_config c = { .files = file_fault_files(ff),
                                      .dirs = { "/a", "/disk/b", "/disk/c" },
                                      .dir_count = 3,
                                      .replay = replay,
                                      .replay_ctx = seen };
    return journal_open(j, &c);
}

static enum err append(struct journal *j, uint32_t i)
{
    uint8_t record[300] = { 0 };
    store_le32(record, i);
    return journal_append(j, span_of(record, 4 + i % 290));
}

static enum err snapshot(struct journal *j, uint32_t i)
{
    uint8_t state[4];
    store_le32(state, i);
    return journal_snapshot(j, span_of(state, 4));
}

static void test_replay(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(1, 1 << 24);
    struct journal *j;
    struct seen seen;
    CHECK_OK(open_journal(&j, &seen, ff));
    CHECK(seen.next == 0);
    for (uint32_t i = 0; i < 10; i++)
        CHECK_OK(append(j, i));
    CHECK_OK(journal_commit(j));
    CHECK_OK(append(j, 10)); /* not committed */
    journal_close(j);
    CHECK_OK(open_journal(&j, &seen, ff));
    CHECK(seen.next == 10);
    CHECK_OK(append(j, 10));
    CHECK_OK(snapshot(j, 11)); /* commits, then starts anew */
    CHECK_OK(append(j, 11));
    CHECK_OK(journal_commit(j));
    journal_close(j);
    CHECK_OK(open_journal(&j, &seen, ff));
    CHECK(seen.snapshot == 11 && seen.next == 12);
    uint8_t big[JOURNAL_RECORD_MAX + 1] = { 0 };
    CHECK_ERR(journal_append(j, span_of(big, sizeof(big))), ERR_LIMIT);
    for (int i = 0; i < 15; i++)
        CHECK_OK(journal_append(j, span_of(big, JOURNAL_RECORD_MAX)));
    CHECK_ERR(journal_append(j, span_of(big, JOURNAL_RECORD_MAX)), ERR_LIMIT);
    journal_close(j);
    file_fault_free(ff);
}

/* One mirror goes, the others carry on; when it is back it has the newest, not the longest, log. */
static void test_a_mirror_fails_and_returns(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(2, 1 << 24);
    struct journal *j;
    struct seen seen;
    size_t configured;
    CHECK_OK(open_journal(&j, &seen, ff));
    CHECK_OK(append(j, 0));
    CHECK_OK(journal_commit(j));
    file_fault_fail_at(ff, 4, ERR_IO); /* the sync of the second mirror */
    CHECK_OK(append(j, 1));
    CHECK_OK(journal_commit(j));
    CHECK(journal_mirrors(j, &configured) == 2 && configured == 3);
    CHECK_OK(append(j, 2));
    CHECK_OK(journal_commit(j));
    CHECK_ERR(journal_mirror_add(j, "/a"), ERR_EXISTS);
    CHECK_OK(journal_mirror_add(j, "/disk/b"));
    CHECK(journal_mirrors(j, &configured) == 3);
    CHECK_OK(append(j, 3));
    CHECK_OK(journal_commit(j));
    journal_close(j);
    const struct journal_config only = { .files = file_fault_files(ff),
                                         .dirs = { "/disk/b" },
                                         .dir_count = 1,
                                         .replay = replay,
                                         .replay_ctx = &seen };
    seen = (struct seen){ 0 };
    CHECK_OK(journal_open(&j, &only));
    CHECK(seen.next == 4);
    /* Alone it goes on; the others are behind then and follow. */
    CHECK_OK(append(j, 4));
    CHECK_OK(journal_commit(j));
    journal_close(j);
    CHECK_OK(open_journal(&j, &seen, ff));
    CHECK(seen.next == 5);
    journal_close(j);
    file_fault_free(ff);
}

/* Every flip in a log cuts it at the record it hits; another mirror has the rest. */
static void test_flips_are_repaired(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 120; at += 3) {
        struct file_fault *ff = file_fault_new(at, 1 << 24);
        struct journal *j;
        struct seen seen;
        CHECK_OK(open_journal(&j, &seen, ff));
        for (uint32_t i = 0; i < 5; i++)
            CHECK_OK(append(j, i));
        CHECK_OK(journal_commit(j));
        journal_close(j);
        CHECK_OK(file_fault_flip(ff, "/a/state.journal", at, 2));
        CHECK_OK(file_fault_flip(ff, "/disk/b/state.journal", at, 2));
        CHECK_OK(open_journal(&j, &seen, ff));
        CHECK(seen.next == 5);
        journal_close(j);
        file_fault_free(ff);
    }
}

/* Plays appends, commits and snapshots until the machine stops; what was acknowledged is replayed.
 */
static bool crash_at(uint64_t n, bool fail)
{
    struct file_fault *ff = file_fault_new(n, 1 << 24);
    struct journal *j;
    struct seen seen;
    uint32_t sure = 0, next = 0;
    if (fail)
        file_fault_fail_at(ff, n, ERR_IO);
    else
        file_fault_stop_at(ff, n);
    if (open_journal(&j, &seen, ff) == OK) {
        for (int i = 0; i < 12; i++) {
            if (append(j, next) != OK)
                break;
            next++;
            enum err e = i % 5 == 4 ? snapshot(j, next) : i % 2 == 0 ? journal_commit(j) : OK;
            if (e != OK)
                break;
            if (i % 5 == 4 || i % 2 == 0)
                sure = next;
        }
        journal_close(j);
    }
    bool hit = fail ? file_fault_calls(ff) >= n : file_fault_stopped(ff);
    for (int round = 0; round < 2; round++) {
        file_fault_crash(ff);
        CHECK_OK(open_journal(&j, &seen, ff));
        CHECK(seen.next >= sure && seen.next <= next);
        CHECK_OK(append(j, seen.next));
        CHECK_OK(journal_commit(j));
        sure = next = seen.next + 1;
        journal_close(j);
    }
    file_fault_free(ff);
    return hit;
}

static void test_crash_and_failure_at_every_call(void **state)
{
    (void)state;
    uint64_t n = 1;
    while (crash_at(n, false))
        n++;
    CHECK(n > 100);
    for (n = 1; crash_at(n, true); n++)
        continue;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_a_mirror_fails_and_returns),
        cmocka_unit_test(test_flips_are_repaired),
        cmocka_unit_test(test_crash_and_failure_at_every_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
