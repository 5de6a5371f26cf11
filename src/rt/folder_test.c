#include "rt/folder.h"

#include "base/check.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

static char dir[] = "/tmp/crust-folder-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    CHECK_OK(path_join(path, sizeof(path), dir, name));
    CHECK_OK(path_write_file(path, span_str(text), 0600));
}

static enum err count(void *ctx, struct span content)
{
    size_t *bytes = ctx;
    *bytes += content.n;
    return content.n == 7 ? ERR_LIMIT : OK;
}

static void files_are_read_and_others_passed_over(void **unused)
{
    (void)unused;
    size_t bytes = 0;
    CHECK_OK(folder_each(dir, 100, count, &bytes));
    CHECK(bytes == 0);
    put("a", "123");
    put("b", "45");
    put(".hidden", "6");
    put("long", "12345678901");
    put("sub/c", "no");
    CHECK_OK(folder_each(dir, 10, count, &bytes));
    CHECK(bytes == 5);
    put("d", "1234567");
    CHECK_ERR(folder_each(dir, 10, count, &bytes), ERR_LIMIT);
    CHECK_ERR(folder_each("/nowhere/at/all", 10, count, &bytes), ERR_NOT_FOUND);
}

static void what_changes_is_seen(void **unused)
{
    (void)unused;
    uint8_t before[32], now[32];
    const uint8_t zero[32] = { 0 };
    put("a", "123");
    CHECK_OK(folder_mark(before, dir));
    CHECK_OK(folder_mark(now, dir));
    CHECK(memcmp(before, now, 32) == 0);
    put("a", "1234");
    CHECK_OK(folder_mark(now, dir));
    CHECK(memcmp(before, now, 32) != 0);
    memcpy(before, now, 32);
    put("another", "");
    CHECK_OK(folder_mark(now, dir));
    CHECK(memcmp(before, now, 32) != 0);
    CHECK_ERR(folder_mark(now, "/nowhere/at/all"), ERR_NOT_FOUND);
    CHECK(memcmp(now, zero, 32) == 0);
}

static int setup(void **unused)
{
    (void)unused;
    char sub[64];
    if (mkdtemp(dir) == NULL || path_join(sub, sizeof(sub), dir, "sub") != OK)
        return 1;
    return path_make_dirs(sub, 0700) == OK ? 0 : 1;
}

static int teardown(void **unused)
{
    (void)unused;
    return path_remove_tree(dir) == OK ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_and_others_passed_over),
        cmocka_unit_test(what_changes_is_seen),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
