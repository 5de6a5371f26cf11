/* The host's journal: what was acknowledged is there again, whatever write fails, whenever the
 * power goes, and whatever one mirror has lost. */
#include "ipfsd/host_log.h"

#include "base/check.h"
#include "store/file_fault.h"

enum { CHANGES = 14 };

static struct host_log live, back; /* large for a stack */

static enum err open_log(struct host_log *l, struct file_fault *ff)
{
    const struct journal_config c = { .files = file_fault_files(ff),
                                      .dirs = { "/a/journal", "/b/journal" },
                                      .dir_count = 2 };
    return host_log_open(l, &c);
}

/* The i-th of a fixed row of changes of all kinds. */
static enum err change(struct host_log *l, uint32_t i)
{
    static struct host_log_step step;
    uint8_t record[600];
    memset(record, (int)i, sizeof(record));
    if (i == 0)
        return host_log_keys(l, span_of("keys of a worker", 16));
    if (i % 4 == 2) {
        step = (struct host_log_step){ .seq = i, .version = i, .size = 100 + i };
        memset(step.s, (int)i, 32);
        memset(step.bytes, (int)i, step.size);
        return host_log_cut(l, &step, span_of(record, sizeof(record)));
    }
    if (i % 8 == 7) {
        uint8_t s[32];
        memset(s, (int)(i - 5), sizeof(s));
        return host_log_accepted(l, s);
    }
    return host_log_state(l, i, span_of(record, sizeof(record) - i));
}

static bool same(const struct host_log *a, const struct host_log *b)
{
    if (a->keys_size != b->keys_size || memcmp(a->keys, b->keys, a->keys_size) != 0 ||
        a->version != b->version || a->record_size != b->record_size ||
        memcmp(a->record, b->record, a->record_size) != 0 || a->step_count != b->step_count ||
        a->base.seq != b->base.seq || memcmp(a->base.s, b->base.s, 32) != 0)
        return false;
    for (uint32_t i = 0; i < a->step_count; i++) {
        if (a->steps[i].seq != b->steps[i].seq || a->steps[i].size != b->steps[i].size ||
            memcmp(a->steps[i].bytes, b->steps[i].bytes, a->steps[i].size) != 0)
            return false;
    }
    return true;
}

/* What the log must be after that many changes. */
static void expect(const struct host_log *l, uint32_t count)
{
    struct file_fault *ff = file_fault_new(99, 1 << 24);
    static struct host_log want;
    CHECK_OK(open_log(&want, ff));
    for (uint32_t i = 0; i < count; i++)
        CHECK_OK(change(&want, i));
    CHECK(same(&want, l));
    host_log_close(&want);
    file_fault_free(ff);
}

static bool is_after(const struct host_log *l, uint32_t count)
{
    struct file_fault *ff = file_fault_new(99, 1 << 24);
    static struct host_log want;
    CHECK_OK(open_log(&want, ff));
    for (uint32_t i = 0; i < count; i++)
        CHECK_OK(change(&want, i));
    bool is = same(&want, l);
    host_log_close(&want);
    file_fault_free(ff);
    return is;
}

static void test_all_kinds_are_there_again(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(1, 1 << 24);
    for (uint32_t n = 0; n < CHANGES; n++) {
        CHECK_OK(open_log(&live, ff));
        expect(&live, n);
        CHECK_OK(change(&live, n));
        host_log_close(&live);
        file_fault_crash(ff);
    }
    CHECK_OK(open_log(&live, ff));
    const struct host_log_step *next;
    uint8_t s[32];
    memset(s, 200, sizeof(s));
    CHECK(host_log_find(&live, s, &next) == NULL && next == NULL);
    CHECK_ERR(host_log_accepted(&live, s), ERR_NOT_FOUND);
    host_log_close(&live);
    file_fault_free(ff);
}

/* The power goes at the n-th write. The change under way may be there or not; all before are. */
static void test_a_crash_at_any_write(void **state)
{
    (void)state;
    bool over = false;
    for (uint64_t n = 1; !over; n++) {
        struct file_fault *ff = file_fault_new(n, 1 << 24);
        uint32_t done = 0;
        file_fault_stop_at(ff, n);
        if (open_log(&live, ff) == OK) {
            while (done < CHANGES && change(&live, done) == OK)
                done++;
            host_log_close(&live);
        }
        over = !file_fault_stopped(ff);
        file_fault_crash(ff);
        CHECK_OK(open_log(&back, ff));
        CHECK(is_after(&back, done) || is_after(&back, done + 1));
        /* And it goes on from there. */
        CHECK_OK(host_log_state(&back, 500, span_of("x", 1)));
        host_log_close(&back);
        CHECK_OK(open_log(&back, ff));
        CHECK(back.version == 500 && back.record_size == 1);
        host_log_close(&back);
        file_fault_free(ff);
    }
}

/* The n-th write or sync of one mirror fails: the other carries on, and both agree later. */
static void test_any_write_fails_on_one_mirror(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 80; n++) {
        struct file_fault *ff = file_fault_new(n, 1 << 24);
        file_fault_fail_at(ff, n, n % 2 == 0 ? ERR_IO : ERR_FULL);
        if (open_log(&live, ff) != OK) {
            file_fault_free(ff);
            continue;
        }
        for (uint32_t i = 0; i < CHANGES; i++)
            CHECK_OK(change(&live, i));
        expect(&live, CHANGES);
        host_log_close(&live);
        file_fault_crash(ff);
        CHECK_OK(open_log(&back, ff));
        expect(&back, CHANGES);
        host_log_close(&back);
        file_fault_free(ff);
    }
}

/* Rot in one mirror costs nothing; in both, opening says so or gives an earlier state, and never
 * another. */
static void test_damage(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        uint32_t refused = 0;
        for (uint64_t offset = 0; offset < 6000; offset += 97) {
            struct file_fault *ff = file_fault_new(offset, 1 << 24);
            CHECK_OK(open_log(&live, ff));
            for (uint32_t i = 0; i < CHANGES; i++)
                CHECK_OK(change(&live, i));
            host_log_close(&live);
            file_fault_crash(ff);
            enum err e = file_fault_flip(ff, "/a/journal/state.journal", offset, offset % 8);
            if (both == 1 && e == OK)
                e = file_fault_flip(ff, "/b/journal/state.journal", offset, offset % 8);
            if (e != OK) {
                file_fault_free(ff);
                break;
            }
            e = open_log(&back, ff);
            bool found = false;
            for (uint32_t k = 0; e == OK && k <= CHANGES; k++)
                found = found || is_after(&back, k);
            CHECK(e != OK || found);
            if (both == 0) {
                CHECK_OK(e);
                expect(&back, CHANGES);
            }
            refused += e != OK;
            host_log_close(&back);
            file_fault_free(ff);
        }
        CHECK(both == 1 || refused == 0);
    }
}

static void test_limits(void **state)
{
    (void)state;
    static uint8_t big[ENCLAVE_STATE_MAX + 1];
    static struct host_log_step step;
    struct file_fault *ff = file_fault_new(1, 1 << 26);
    CHECK_OK(open_log(&live, ff));
    CHECK_ERR(host_log_state(&live, 1, span_of(big, sizeof(big))), ERR_LIMIT);
    CHECK_ERR(host_log_keys(&live, span_of(big, ENCLAVE_SEALED_KEYS_MAX + 1)), ERR_LIMIT);
    for (uint32_t i = 0; i < HOST_LOG_STEPS_MAX; i++) {
        step.seq = i + 1;
        memset(step.s, (int)i + 1, 32);
        step.size = sizeof(step.bytes);
        CHECK_OK(host_log_cut(&live, &step, span_of(big, ENCLAVE_STATE_MAX)));
    }
    CHECK_ERR(host_log_cut(&live, &step, span_of(big, 1)), ERR_FULL);
    host_log_close(&live);
    CHECK_OK(open_log(&back, ff));
    CHECK(same(&live, &back) && back.step_count == HOST_LOG_STEPS_MAX);
    host_log_close(&back);
    file_fault_free(ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds_are_there_again),
        cmocka_unit_test(test_a_crash_at_any_write),
        cmocka_unit_test(test_any_write_fails_on_one_mirror),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
