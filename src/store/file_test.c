/* Both versions of the files keep the same contract; the fault-injecting one also its own. */
#include "store/file.h"

#include "base/check.h"
#include "store/file_fault.h"

#include <stdio.h>
#include <unistd.h>

static enum err count_name(void *ctx, const char *name)
{
    size_t *n = ctx;
    CHECK(name[0] != '.');
    (*n)++;
    return OK;
}

/* What every version must do, below the directory base (which is there). */
static void contract(const struct files *f, const char *base)
{
    char dir[FILE_PATH_MAX], path[FILE_PATH_MAX], other[FILE_PATH_MAX];
    uint8_t back[16];
    size_t got;
    uint64_t size;
    int h;
    CHECK_OK(file_path(dir, base, "a/b"));
    CHECK_OK(file_make_dirs(f, dir));
    CHECK_OK(file_make_dirs(f, dir));
    CHECK_OK(file_path(path, dir, "one"));
    CHECK_OK(file_path(other, dir, "two"));
    CHECK_ERR(f->open(f->ctx, &h, path, FILE_READ), ERR_NOT_FOUND);
    CHECK_OK(f->open(f->ctx, &h, path, FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE));
    const struct span parts[] = { span_str("he"), span_str(""), span_str("llo") };
    CHECK_OK(f->write(f->ctx, h, parts, 3, 2));
    CHECK_OK(f->sync(f->ctx, h));
    CHECK_OK(f->size(f->ctx, &size, h));
    CHECK(size == 7);
    CHECK_OK(f->read(f->ctx, &got, h, (struct mspan){ back, 16 }, 0));
    CHECK_SPAN(span_of(back, got), span_of("\0\0hello", 7));
    CHECK_ERR(file_read_exact(f, h, (struct mspan){ back, 8 }, 0), ERR_SHORT);
    CHECK_OK(f->allocate(f->ctx, h, 0, 65536));
    CHECK_OK(f->punch(f->ctx, h, 0, 65536));
    CHECK_OK(file_read_exact(f, h, (struct mspan){ back, 4 }, 3));
    CHECK_OK(f->truncate(f->ctx, h, 3));
    CHECK_OK(f->size(f->ctx, &size, h));
    CHECK(size == 3);
    f->close(f->ctx, h);
    CHECK_ERR(f->open(f->ctx, &h, path, FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE), ERR_EXISTS);
    CHECK_OK(file_replace(f, other, span_str("first")));
    CHECK_OK(file_replace(f, other, span_str("second")));
    CHECK_OK(file_load(f, &got, (struct mspan){ back, 16 }, other));
    CHECK_SPAN(span_of(back, got), span_str("second"));
    CHECK_ERR(file_load(f, &got, (struct mspan){ back, 5 }, other), ERR_LIMIT);
    size_t names = 0;
    CHECK_OK(f->list(f->ctx, dir, count_name, &names));
    CHECK(names == 2);
    CHECK_ERR(f->remove_dir(f->ctx, dir), ERR_EXISTS);
    CHECK_OK(f->unlink(f->ctx, path));
    CHECK_OK(f->unlink(f->ctx, other));
    CHECK_ERR(f->unlink(f->ctx, other), ERR_NOT_FOUND);
    CHECK_ERR(f->rename(f->ctx, other, path), ERR_NOT_FOUND);
    CHECK_OK(f->remove_dir(f->ctx, dir));
    CHECK_ERR(f->list(f->ctx, dir, count_name, &names), ERR_NOT_FOUND);
    CHECK_OK(file_path(dir, base, "a"));
    CHECK_OK(f->remove_dir(f->ctx, dir));
    struct file_space space;
    CHECK_OK(f->space(f->ctx, &space, base));
    CHECK(space.free <= space.total && space.total > 0);
}

static void test_contract(void **state)
{
    (void)state;
    char dir[] = "/tmp/crust-file-XXXXXX";
    CHECK(mkdtemp(dir) != NULL);
    contract(file_system(), dir);
    CHECK(rmdir(dir) == 0);
    struct file_fault *ff = file_fault_new(1, 1 << 20);
    CHECK_OK(file_make_dirs(file_fault_files(ff), "/x"));
    contract(file_fault_files(ff), "/x");
    file_fault_free(ff);
}

/* The hint changes nothing that can be read, wherever it lies. */
static void test_writeback(void **state)
{
    (void)state;
    enum { LAST = FILE_KEPT + (1 << 20) };
    const struct files *f = file_system();
    char dir[] = "/tmp/crust-file-XXXXXX";
    char path[FILE_PATH_MAX];
    int h;
    CHECK(mkdtemp(dir) != NULL);
    CHECK_OK(file_path(path, dir, "hole"));
    CHECK_OK(f->open(f->ctx, &h, path, FILE_WRITE | FILE_CREATE));
    static const uint64_t at[] = { 4090, FILE_KEPT - 2, LAST };
    for (size_t i = 0; i < 3; i++)
        CHECK_OK(file_write(f, h, span_of("word", 4), at[i]));
    for (uint64_t o = 1; o < LAST; o += FILE_KEPT / 4)
        f->writeback(f->ctx, h, o, FILE_KEPT / 4);
    CHECK_OK(f->sync(f->ctx, h));
    f->writeback(f->ctx, h, LAST, 4);
    for (size_t i = 0; i < 3; i++) {
        uint8_t back[4];
        CHECK_OK(file_read_exact(f, h, (struct mspan){ back, 4 }, at[i]));
        CHECK(memcmp(back, "word", 4) == 0);
    }
    f->close(f->ctx, h);
    CHECK_OK(f->unlink(f->ctx, path));
    CHECK(rmdir(dir) == 0);
}

static void test_paths(void **state)
{
    (void)state;
    char out[FILE_PATH_MAX], longest[FILE_PATH_MAX];
    memset(longest, 'a', sizeof(longest));
    longest[sizeof(longest) - 1] = 0;
    CHECK_ERR(file_path(out, longest, "b"), ERR_LIMIT);
    CHECK_OK(file_parent(out, "/a/b"));
    CHECK(strcmp(out, "/a") == 0);
    CHECK_OK(file_parent(out, "/a"));
    CHECK(strcmp(out, "/") == 0);
    CHECK_OK(file_parent(out, "a"));
    CHECK(strcmp(out, ".") == 0);
}

/* Synced bytes survive every crash; of unsynced ones some seed loses, tears and keeps them. */
static void test_crash(void **state)
{
    (void)state;
    bool kept = false, lost = false, torn = false, unnamed = false;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct file_fault *ff = file_fault_new(seed, 1 << 20);
        const struct files *f = file_fault_files(ff);
        uint8_t out[2048], back[2048];
        int h;
        memset(out, 'x', sizeof(out));
        CHECK_OK(file_make_dirs(f, "/d"));
        CHECK_OK(f->open(f->ctx, &h, "/d/sure", FILE_WRITE | FILE_CREATE));
        CHECK_OK(file_write(f, h, span_str("sure"), 0));
        CHECK_OK(f->sync(f->ctx, h));
        CHECK_OK(f->sync_dir(f->ctx, "/d"));
        CHECK_OK(file_write(f, h, span_of(out, sizeof(out)), 4));
        CHECK_OK(f->open(f->ctx, &h, "/d/new", FILE_WRITE | FILE_CREATE));
        file_fault_crash(ff);
        CHECK(f->write(f->ctx, h, NULL, 0, 0) == ERR_IO); /* the handle is gone */
        unnamed = unnamed || f->open(f->ctx, &h, "/d/new", FILE_READ) == ERR_NOT_FOUND;
        CHECK_OK(f->open(f->ctx, &h, "/d/sure", FILE_READ));
        size_t got;
        CHECK_OK(f->read(f->ctx, &got, h, (struct mspan){ back, 4 }, 0));
        CHECK_SPAN(span_of(back, got), span_str("sure"));
        CHECK_OK(f->read(f->ctx, &got, h, (struct mspan){ back, sizeof(back) }, 4));
        kept = kept || got == sizeof(back);
        lost = lost || got == 0;
        torn = torn || (got > 0 && got < sizeof(back));
        file_fault_free(ff);
    }
    CHECK(kept && lost && torn && unnamed);
}

static void test_failures(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(5, 10000);
    const struct files *f = file_fault_files(ff);
    uint8_t big[20000] = { 0 };
    int h;
    CHECK_OK(file_make_dirs(f, "/d"));
    CHECK_OK(f->open(f->ctx, &h, "/d/a", FILE_WRITE | FILE_CREATE));
    CHECK_ERR(file_write(f, h, span_of(big, sizeof(big)), 0), ERR_FULL);
    file_fault_fail_at(ff, 2, ERR_FULL);
    CHECK_OK(file_write(f, h, span_str("abc"), 0));
    CHECK_ERR(f->sync(f->ctx, h), ERR_FULL);
    CHECK_OK(f->sync(f->ctx, h)); /* and yet the bytes are gone: as the page cache does it */
    CHECK_ERR(file_read_exact(f, h, (struct mspan){ big, 3 }, 0), ERR_SHORT);
    file_fault_fail_read(ff, 1);
    CHECK_ERR(file_read_exact(f, h, (struct mspan){ big, 1 }, 0), ERR_IO);
    file_fault_stop_at(ff, 1);
    CHECK_ERR(file_write(f, h, span_str("abc"), 0), ERR_IO);
    CHECK(file_fault_stopped(ff));
    CHECK_ERR(f->sync(f->ctx, h), ERR_IO);
    file_fault_crash(ff);
    CHECK(!file_fault_stopped(ff) && file_fault_syncs(ff) >= 2);
    file_fault_free(ff);
}

static void numbers_are_read_out_of_names(void **state)
{
    (void)state;
    uint32_t n;
    CHECK(file_name_number(&n, "seg-00c0ffee.pack", "seg-", ".pack") && n == 0xc0ffee);
    CHECK(file_name_number(&n, "ffffffff", "", "") && n == UINT32_MAX);
    static const char *const wrong[] = { "",
                                         "seg-",
                                         "seg-00c0ffee",
                                         "seg-00c0ffee.pack.new",
                                         "seg-00C0FFEE.pack",
                                         "seg-0c0ffee.pack",
                                         "seg-0x0ffee0.pack",
                                         "ext-00c0ffee.pack",
                                         "seg-00c0ffee.pace" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        n = 1;
        CHECK(!file_name_number(&n, wrong[i], "seg-", ".pack") && n == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_out_of_names),
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_writeback),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
