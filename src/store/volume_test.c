/* Volumes: what is visible is whole, what a crash or a failing disk leaves is not visible. */
#include "store/volume.h"

#include "base/check.h"
#include "base/prng.h"
#include "store/file_fault.h"

#include <stdio.h>

static const struct volume_replica first = { { 1, 2, 3 } };
static const struct volume_replica second = { { 9, 2, 3 } };

static struct volume *open_volume(struct file_fault *ff, bool create)
{
    struct volume *v;
    const struct volume_config c = {
        .files = file_fault_files(ff), .path = "/disk1", .create = create, .reserve_bytes = 4096
    };
    CHECK_OK(volume_open(&v, &c));
    return v;
}

static enum err write_segment(struct volume *v, const struct volume_replica *r, uint32_t number,
                              size_t parts)
{
    uint8_t part[1000];
    struct volume_segment s;
    TRY(volume_segment_begin(&s, v, r, number));
    for (size_t i = 0; i < parts; i++) {
        memset(part, (int)(number + i), sizeof(part));
        enum err e = volume_segment_append(&s, span_of(part, sizeof(part)));
        if (e != OK) {
            volume_segment_abort(&s);
            return e;
        }
    }
    return volume_segment_finish(&s);
}

static void expect_segment(struct volume *v, const struct volume_replica *r, uint32_t number,
                           size_t parts)
{
    uint8_t back[1000];
    uint64_t size;
    CHECK_OK(volume_segment_size(v, &size, r, number));
    CHECK(size == parts * 1000);
    for (size_t i = 0; i < parts; i++) {
        CHECK_OK(volume_segment_read(v, (struct mspan){ back, 1000 }, r, number, i * 1000));
        CHECK(back[0] == (uint8_t)(number + i) && back[999] == (uint8_t)(number + i));
    }
    CHECK_ERR(volume_segment_read(v, (struct mspan){ back, 1 }, r, number, parts * 1000),
              ERR_SHORT);
}

static enum err count_replica(void *ctx, const struct volume_replica *r)
{
    size_t *n = ctx;
    CHECK(memcmp(r, &first, sizeof(*r)) == 0 || memcmp(r, &second, sizeof(*r)) == 0);
    (*n)++;
    return OK;
}

struct names {
    size_t count;
    char last[VOLUME_OBJECT_NAME_MAX];
};

static enum err see_name(void *ctx, const char *name)
{
    struct names *n = ctx;
    n->count++;
    (void)snprintf(n->last, sizeof(n->last), "%s", name);
    return OK;
}

static void test_segments_and_objects(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(1, 1 << 24);
    struct volume *v = open_volume(ff, true);
    struct volume_space space;
    uint8_t back[5];
    uint64_t size;
    size_t n = 0;
    CHECK(volume_state(v) == VOLUME_OK);
    volume_space_known(v, &space); /* also before anybody has asked the disk */
    CHECK(space.free > 0);
    CHECK_OK(write_segment(v, &first, 0, 5));
    CHECK_OK(write_segment(v, &first, 1, 2));
    CHECK_OK(write_segment(v, &second, 0, 1));
    CHECK_ERR(write_segment(v, &first, 1, 1), ERR_EXISTS);
    CHECK_OK(volume_object_put(v, &first, "records", span_str("hello")));
    CHECK_OK(volume_object_put(v, &first, "records", span_str("world")));
    CHECK_OK(volume_object_put(v, NULL, "notes", span_str("x")));
    CHECK_ERR(volume_object_put(v, NULL, "../notes", span_str("x")), ERR_FORMAT);
    CHECK_ERR(volume_object_put(v, NULL, "a.part", span_str("x")), ERR_FORMAT);
    CHECK_OK(volume_space(v, &space));
    CHECK(space.replicas == 8000 && space.objects == 6 && space.extents == 0);
    volume_close(v);
    file_fault_crash(ff); /* all of it was durable */
    v = open_volume(ff, false);
    expect_segment(v, &first, 0, 5);
    expect_segment(v, &first, 1, 2);
    expect_segment(v, &second, 0, 1);
    CHECK_OK(volume_object_read(v, (struct mspan){ back, 5 }, &first, "records", 0));
    CHECK(memcmp(back, "world", 5) == 0);
    CHECK_OK(volume_replica_list(v, count_replica, &n));
    CHECK(n == 2);
    struct names names = { 0 };
    CHECK_OK(volume_object_list(v, &first, see_name, &names));
    CHECK(names.count == 1 && strcmp(names.last, "records") == 0); /* segments are none */
    CHECK_OK(volume_object_list(v, NULL, see_name, &names));
    CHECK(names.count == 2 && strcmp(names.last, "notes") == 0);
    CHECK_OK(volume_object_list(v, &second, see_name, &names));
    CHECK_OK(volume_segment_delete(v, &first, 1));
    CHECK_OK(volume_segment_delete(v, &first, 1));
    CHECK_ERR(volume_segment_size(v, &size, &first, 1), ERR_NOT_FOUND);
    CHECK_OK(volume_space(v, &space));
    CHECK(space.replicas == 6000);
    CHECK_OK(volume_replica_delete(v, &first));
    CHECK_OK(volume_replica_delete(v, &first));
    CHECK_ERR(volume_segment_size(v, &size, &first, 0), ERR_NOT_FOUND);
    CHECK_OK(volume_object_delete(v, NULL, "notes"));
    CHECK_OK(volume_space(v, &space));
    CHECK(space.replicas == 1000 && space.objects == 0);
    volume_close(v);
    file_fault_free(ff);
}

static enum err write_extent(struct volume *v, uint32_t number, size_t mibs)
{
    static uint8_t mib[VOLUME_ROW_SPAN];
    uint8_t row[VOLUME_ROW_SIZE];
    struct volume_extent e;
    TRY(volume_extent_begin(&e, v, number, mibs * VOLUME_ROW_SPAN));
    enum err result = OK;
    for (size_t i = 0; i < mibs && result == OK; i++) {
        memset(mib, (int)(number + i), sizeof(mib));
        memset(row, (int)(number + i + 100), sizeof(row));
        result = volume_extent_append(&e, span_of(mib, sizeof(mib)));
        if (result == OK)
            result = volume_extent_row(&e, row);
    }
    if (result != OK) {
        volume_extent_abort(&e);
        return result;
    }
    return volume_extent_finish(&e);
}

static enum err count_extent(void *ctx, uint32_t number, uint64_t size)
{
    uint64_t *sum = ctx;
    *sum += size + number;
    return OK;
}

static void test_extents(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(2, 1 << 24);
    struct volume *v = open_volume(ff, true);
    struct volume_space space;
    struct volume_extent half;
    uint8_t rows[2][VOLUME_ROW_SIZE];
    uint8_t back[10];
    uint64_t sum = 0;
    CHECK_OK(write_extent(v, 1, 2));
    CHECK_OK(write_extent(v, 2, 1));
    CHECK_ERR(write_extent(v, 3, 64), ERR_FULL);
    CHECK_ERR(volume_extent_begin(&half, v, 4, 1000), ERR_RANGE);
    CHECK_OK(volume_extent_begin(&half, v, 4, VOLUME_ROW_SPAN));
    CHECK_ERR(volume_extent_finish(&half), ERR_STATE);
    CHECK_OK(volume_extent_read(v, (struct mspan){ back, 10 }, 1, VOLUME_ROW_SPAN - 5));
    CHECK(back[4] == 1 && back[5] == 2);
    CHECK_OK(volume_extent_read_rows(v, rows, 2, 1, 0));
    CHECK(rows[0][0] == 101 && rows[1][31] == 102);
    CHECK_ERR(volume_extent_read_rows(v, rows, 2, 1, 1), ERR_SHORT);
    CHECK_OK(volume_space(v, &space));
    CHECK(space.extents == 3 * (VOLUME_ROW_SPAN + VOLUME_ROW_SIZE));
    CHECK_OK(volume_extent_delete(v, 1));
    CHECK_OK(volume_extent_list(v, count_extent, &sum));
    CHECK(sum == VOLUME_ROW_SPAN + 2);
    volume_close(v);
    v = open_volume(ff, false);
    CHECK_OK(volume_space(v, &space));
    CHECK(space.extents == VOLUME_ROW_SPAN + VOLUME_ROW_SIZE);
    volume_close(v);
    file_fault_free(ff);
}

/* A segment and an extent, stopped at every call: whole or not there. */
static void test_crash_at_every_call(void **state)
{
    (void)state;
    bool stopped = true;
    for (uint64_t n = 1; stopped; n++) {
        struct file_fault *ff = file_fault_new(n, 1 << 24);
        struct volume *v = open_volume(ff, true);
        file_fault_stop_at(ff, n);
        bool a = write_segment(v, &first, 0, 3) == OK;
        bool b = write_extent(v, 1, 1) == OK;
        bool c = volume_object_put(v, &first, "keys", span_str("secret")) == OK;
        stopped = file_fault_stopped(ff);
        volume_close(v);
        file_fault_crash(ff);
        v = open_volume(ff, false);
        uint64_t size;
        uint8_t rows[1][VOLUME_ROW_SIZE];
        if (volume_segment_size(v, &size, &first, 0) == OK)
            expect_segment(v, &first, 0, 3);
        else
            CHECK(!a);
        uint64_t sum = 0;
        CHECK_OK(volume_extent_list(v, count_extent, &sum));
        CHECK(sum == VOLUME_ROW_SPAN + 1 || (sum == 0 && !b));
        if (sum != 0) {
            CHECK_OK(volume_extent_read_rows(v, rows, 1, 1, 0));
            CHECK(rows[0][0] == 101);
        }
        enum err e = volume_object_size(v, &size, &first, "keys");
        CHECK((e == OK && size == 6) || (e == ERR_NOT_FOUND && !c));
        CHECK_OK(write_segment(v, &second, 0, 1));
        volume_close(v);
        file_fault_free(ff);
    }
}

static void test_states(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(3, 1 << 24);
    struct volume *v = open_volume(ff, true);
    uint8_t id[VOLUME_ID_SIZE];
    memcpy(id, volume_id(v), sizeof(id));
    CHECK_OK(write_segment(v, &first, 0, 1));
    CHECK(volume_probe(v) == VOLUME_OK);
    /* An error makes it suspect: readable, not writable, checked after three good probes. */
    file_fault_fail_at(ff, 3, ERR_IO);
    CHECK_ERR(write_segment(v, &first, 1, 3), ERR_IO);
    CHECK(volume_state(v) == VOLUME_SUSPECT);
    CHECK_ERR(write_segment(v, &first, 1, 3), ERR_STATE);
    expect_segment(v, &first, 0, 1);
    CHECK(volume_probe(v) == VOLUME_SUSPECT);
    CHECK(volume_probe(v) == VOLUME_SUSPECT);
    CHECK(volume_probe(v) == VOLUME_RETURNING);
    CHECK_OK(volume_accept(v, OK));
    /* The mount goes and comes back: verified before it counts again. */
    file_fault_hide(ff, "/disk1", true);
    CHECK(volume_probe(v) == VOLUME_OFFLINE);
    uint64_t size;
    CHECK_ERR(volume_segment_size(v, &size, &first, 0), ERR_STATE);
    CHECK_ERR(volume_accept(v, OK), ERR_STATE);
    file_fault_hide(ff, "/disk1", false);
    CHECK(volume_probe(v) == VOLUME_RETURNING);
    expect_segment(v, &first, 0, 1);
    CHECK_ERR(write_segment(v, &first, 1, 1), ERR_STATE);
    CHECK_OK(volume_accept(v, OK));
    CHECK_OK(write_segment(v, &first, 1, 1));
    volume_close(v);
    /* Another disk's marker: offline. No marker and no known id: not found. */
    struct volume_config c = { .files = file_fault_files(ff), .path = "/disk1" };
    memcpy(c.id, id, sizeof(id));
    c.id[0] ^= 1;
    CHECK_OK(volume_open(&v, &c));
    CHECK(volume_state(v) == VOLUME_OFFLINE);
    CHECK(volume_probe(v) == VOLUME_OFFLINE);
    CHECK(strcmp(volume_text(v), "offline: another disk is mounted there") == 0);
    volume_give_up(v);
    CHECK(volume_probe(v) == VOLUME_DEAD && volume_state(v) == VOLUME_DEAD);
    CHECK_ERR(volume_wipe(v), ERR_STATE); /* not its disk */
    volume_close(v);
    c = (struct volume_config){ .files = file_fault_files(ff), .path = "/disk2" };
    CHECK_ERR(volume_open(&v, &c), ERR_NOT_FOUND);
    c.path = "/disk1/replicas";
    c.create = true;
    CHECK_ERR(volume_open(&v, &c), ERR_EXISTS);
    file_fault_free(ff);
}

/* What operators ask for, and what a check of the bytes finds. */
static void test_doubt_failure_and_rest(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(4, 1 << 24);
    struct volume *v = open_volume(ff, true);
    CHECK_OK(write_segment(v, &first, 0, 1));
    volume_doubt(v);
    CHECK(volume_probe(v) == VOLUME_RETURNING);
    CHECK_ERR(write_segment(v, &first, 1, 1), ERR_STATE);
    CHECK_OK(volume_accept(v, ERR_CORRUPT));
    CHECK(volume_state(v) == VOLUME_FAILED && strncmp(volume_text(v), "failed:", 7) == 0);
    expect_segment(v, &first, 0, 1); /* what is good is still read */
    CHECK(volume_probe(v) == VOLUME_FAILED);
    volume_doubt(v);
    CHECK(volume_state(v) == VOLUME_FAILED);
    CHECK_OK(volume_resume(v));
    CHECK(volume_probe(v) == VOLUME_RETURNING);
    CHECK_OK(volume_accept(v, ERR_IO));
    CHECK(volume_state(v) == VOLUME_SUSPECT);
    /* At rest nothing touches it, also when it is gone and back. */
    CHECK_OK(volume_stop(v, false));
    CHECK(volume_probe(v) == VOLUME_STOPPING);
    expect_segment(v, &first, 0, 1);
    CHECK_OK(volume_stop(v, true));
    uint64_t calls = file_fault_calls(ff), size;
    CHECK(volume_probe(v) == VOLUME_STOPPED && file_fault_calls(ff) == calls);
    CHECK_ERR(volume_segment_size(v, &size, &first, 0), ERR_STATE);
    file_fault_hide(ff, "/disk1", true);
    CHECK_OK(volume_resume(v));
    CHECK(volume_probe(v) == VOLUME_OFFLINE);
    CHECK(strcmp(volume_text(v), "offline: not mounted") == 0);
    file_fault_hide(ff, "/disk1", false);
    CHECK(volume_probe(v) == VOLUME_RETURNING);
    CHECK_OK(volume_accept(v, OK));
    CHECK_ERR(volume_resume(v), ERR_STATE);
    file_fault_fail_at(ff, 1, ERR_DENIED);
    CHECK(volume_probe(v) == VOLUME_SUSPECT);
    CHECK(strcmp(volume_text(v), "suspect: it is mounted read-only") == 0);
    volume_close(v);
    file_fault_free(ff);
}

static void test_wipe(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(5, 1 << 24);
    struct volume *v = open_volume(ff, true);
    uint8_t id[VOLUME_ID_SIZE];
    struct volume_space space;
    memcpy(id, volume_id(v), sizeof(id));
    CHECK_OK(write_segment(v, &first, 0, 3));
    CHECK_OK(write_extent(v, 1, 1));
    CHECK_OK(volume_object_put(v, NULL, "keys", span_str("secret")));
    CHECK_ERR(volume_wipe(v), ERR_STATE); /* it counts */
    volume_give_up(v);
    CHECK_OK(volume_wipe(v));
    CHECK_OK(volume_space(v, &space));
    CHECK(space.replicas == 0 && space.extents == 0 && space.objects == 0);
    CHECK_ERR(volume_wipe(v), ERR_STATE); /* no marker any more */
    volume_close(v);
    /* An empty folder is a new disk. */
    v = open_volume(ff, true);
    CHECK(memcmp(id, volume_id(v), sizeof(id)) != 0);
    CHECK_OK(write_segment(v, &first, 0, 1));
    volume_close(v);
    file_fault_free(ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments_and_objects),   cmocka_unit_test(test_extents),
        cmocka_unit_test(test_crash_at_every_call),    cmocka_unit_test(test_states),
        cmocka_unit_test(test_doubt_failure_and_rest), cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
