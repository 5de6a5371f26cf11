#include "ipfsd/handover_file.h"

#include "base/check.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

static struct handover_file sample(enum handover_stage stage)
{
    struct handover_file f;
    memset(&f, 0x17, sizeof(f));
    f.stage = stage;
    f.sealed_size = 173;
    memset(f.sealed + 173, 0, sizeof(f.sealed) - 173);
    if (stage < HANDOVER_GIVEN) {
        memset(f.envelope, 0, sizeof(f.envelope));
        memset(f.given, 0, sizeof(f.given));
    }
    if (stage < HANDOVER_TAKEN)
        memset(f.taken, 0, sizeof(f.taken));
    return f;
}

static void every_stage_comes_back(void **state)
{
    (void)state;
    for (int stage = HANDOVER_OFFERED; stage <= HANDOVER_TAKEN; stage++) {
        uint8_t bytes[HANDOVER_FILE_SIZE_MAX + 1];
        const struct handover_file f = sample((enum handover_stage)stage);
        struct handover_file back;
        size_t n = handover_file_encode(bytes, &f);
        CHECK_OK(handover_file_decode(&back, span_of(bytes, n)));
        uint8_t again[HANDOVER_FILE_SIZE_MAX];
        CHECK(handover_file_encode(again, &back) == n && memcmp(again, bytes, n) == 0);
        for (size_t k = 0; k < n; k++)
            CHECK(handover_file_decode(&back, span_of(bytes, k)) != OK);
        CHECK(handover_file_decode(&back, span_of(bytes, n + 1)) != OK);
        CHECK(back.stage == HANDOVER_NONE);
    }
}

static void a_file_that_is_not_there_is_none(void **state)
{
    (void)state;
    char dir[] = "/tmp/crust-handover-XXXXXX", path[64];
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/handover", dir);
    struct handover_file f = sample(HANDOVER_GIVEN), back;
    CHECK_OK(handover_file_load(&back, path));
    CHECK(back.stage == HANDOVER_NONE);
    CHECK_OK(handover_file_save(&f, path));
    CHECK_OK(handover_file_load(&back, path));
    CHECK(back.stage == HANDOVER_GIVEN && memcmp(back.successor, f.successor, 32) == 0);
    CHECK_OK(path_remove_tree(dir));
}

/* The moment of the change is the state record, not this file. */
static void only_a_record_of_the_successor_closes(void **state)
{
    (void)state;
    static uint8_t record[4000];
    struct handover_file f = sample(HANDOVER_GIVEN);
    struct span all = span_of(record, sizeof(record));
    CHECK(!handover_file_closes(&f, all));
    memcpy(record + HANDOVER_FILE_OWNER_AT, f.successor, 32);
    CHECK(handover_file_closes(&f, all));
    CHECK(!handover_file_closes(&f, span_sub(all, 0, HANDOVER_FILE_OWNER_AT + 31)));
    CHECK(!handover_file_closes(&f, span_of(NULL, 0)));
    f.stage = HANDOVER_OFFERED; /* an envelope was never kept */
    CHECK(!handover_file_closes(&f, all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stage_comes_back),
        cmocka_unit_test(a_file_that_is_not_there_is_none),
        cmocka_unit_test(only_a_record_of_the_successor_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
