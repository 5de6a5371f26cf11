#include "rt/seed_file.h"

#include "base/check.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/crust-seed-XXXXXX";
static char path[64];

static int setup(void **unused)
{
    (void)unused;
    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/key", dir);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    (void)unlink(path);
    return rmdir(dir);
}

static void what_is_made_is_read(void **unused)
{
    (void)unused;
    struct ed25519_key made, read;
    struct stat st;
    CHECK_ERR(seed_file_read(&read, path), ERR_NOT_FOUND);
    CHECK_OK(seed_file_make(&made, path));
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == 65);
    CHECK_OK(seed_file_read(&read, path));
    CHECK(memcmp(made.public_key, read.public_key, 32) == 0);
    CHECK_ERR(seed_file_make(&read, path), ERR_EXISTS);
    CHECK(read.public_key[0] == 0 && read.public_key[31] == 0);
}

static void anything_else_is_refused(void **unused)
{
    (void)unused;
    static const char *const texts[] = { "", "\n", "00", "zz", "0011\n" };
    struct ed25519_key key;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_OK(path_write_file(path, span_str(texts[i]), 0600));
        CHECK(seed_file_read(&key, path) != OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_read),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
