/* The files of a replica: whole or not there after a crash, and damage is said, never believed. */
#include "ipfsd/replica.h"

#include "base/check_memory.h"
#include "store/file_fault.h"

enum { RECORDS = 2500, SEGMENTS = 5 };

static const struct volume_replica id = { { 0xab } };
static uint8_t segments[SEGMENTS * REPLICA_SEGMENT_SIZE];

static struct replica_record record_of(uint32_t i)
{
    struct replica_record r = { .segment = i % SEGMENTS, .offset = 3 * i };
    r.record.key.codec = CID_CODEC_RAW;
    store_be32(r.record.key.digest, i);
    r.record.length = i % 7 + 1;
    memset(r.record.chunk_root, (int)i, 32);
    return r;
}

static struct volume *open_volume(struct file_fault *ff)
{
    struct volume *v;
    const struct volume_config c = { .files = file_fault_files(ff), .path = "/d", .create = true };
    CHECK_OK(volume_open(&v, &c));
    return v;
}

static enum err write_files(struct volume *v, uint32_t count)
{
    const struct replica_at at = { v, id };
    const struct replica_head head = { .leaf = { 7 },
                                       .record_count = count,
                                       .segment_count = SEGMENTS };
    struct replica_writer w;
    enum err e = replica_writer_init(&w, &at);
    for (uint32_t i = 0; e == OK && i < count; i++) {
        const struct replica_record r = record_of(i);
        e = replica_writer_add(&w, &r);
    }
    if (e == OK)
        e = replica_writer_finish(&w);
    replica_writer_fini(&w);
    if (e == OK)
        e = replica_head_put(&at, &head, span_of(segments, sizeof(segments)));
    return e;
}

/* Every record where it belongs, by its offset and by its number. */
static void check_whole(struct volume *v, uint32_t count, uint32_t step)
{
    const struct replica_at at = { v, id };
    struct replica_head head;
    uint64_t offset = 0;
    CHECK_OK(replica_head_get(&head, &at));
    CHECK(head.record_count == count && head.segment_count == SEGMENTS && head.leaf[0] == 7);
    for (uint32_t i = 0; i < count; i++) {
        static struct replica_place place;
        struct replica_record got;
        const struct replica_record want = record_of(i);
        if (i % step == 0) {
            CHECK_OK(replica_find(&place, &at, &head, offset + want.record.length - 1));
            CHECK(place.index == i && place.record.offset == want.offset);
            CHECK_OK(replica_record_get(&got, &at, &head, i));
            CHECK(cid_key_cmp(&got.record.key, &want.record.key) == 0);
            CHECK(got.segment == want.segment && got.record.length == want.record.length);
        }
        offset += want.record.length;
    }
    static struct replica_place beyond;
    CHECK_ERR(replica_find(&beyond, &at, &head, offset), ERR_CORRUPT);
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        struct replica_seal seal;
        CHECK_OK(replica_seal_path(&seal, &at, &head, i));
        CHECK(seal.length == load_le32(segments + (size_t)i * REPLICA_SEGMENT_SIZE));
    }
    CHECK_ERR(replica_seal_path(&(struct replica_seal){ 0 }, &at, &head, SEGMENTS), ERR_CORRUPT);
}

static void test_a_crash_at_any_write(void **state)
{
    (void)state;
    bool over = false;
    for (uint64_t n = 1; !over; n++) {
        struct file_fault *ff = file_fault_new(n, 1 << 22);
        struct volume *v = open_volume(ff);
        struct replica_head head;
        file_fault_stop_at(ff, n);
        bool done = write_files(v, RECORDS) == OK;
        over = !file_fault_stopped(ff);
        volume_close(v);
        file_fault_crash(ff);
        v = open_volume(ff);
        const struct replica_at at = { v, id };
        enum err e = replica_head_get(&head, &at);
        CHECK(e == OK || (!done && e == ERR_NOT_FOUND));
        if (e == OK)
            check_whole(v, RECORDS, 611);
        /* What is half there is written again, and removed as a whole. */
        CHECK_OK(write_files(v, RECORDS));
        check_whole(v, RECORDS, 611);
        CHECK_OK(volume_replica_delete(v, &id));
        CHECK_ERR(replica_head_get(&head, &at), ERR_NOT_FOUND);
        volume_close(v);
        file_fault_free(ff);
    }
}

static void test_any_write_fails(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 40; n++) {
        struct file_fault *ff = file_fault_new(n, 1 << 22);
        struct volume *v = open_volume(ff);
        const struct replica_at at = { v, id };
        struct replica_head head;
        file_fault_fail_at(ff, n, ERR_FULL);
        enum err e = write_files(v, RECORDS);
        CHECK(e == OK || e == ERR_FULL);
        if (e == OK)
            check_whole(v, RECORDS, 611);
        else if (replica_head_get(&head, &at) == OK)
            check_whole(v, RECORDS, 611); /* only the sync behind it failed */
        CHECK_OK(write_files(v, RECORDS));
        check_whole(v, RECORDS, 611);
        volume_close(v);
        file_fault_free(ff);
    }
}

static void test_any_allocation_fails(void **state)
{
    (void)state;
    long n = 0;
    for (bool more = true; more; n++) {
        struct file_fault *ff = file_fault_new(1, 1 << 22);
        struct volume *v = open_volume(ff);
        const struct replica_at at = { v, id };
        struct replica_head head;
        (void)check_memory_fail_at(n + 1);
        enum err e = write_files(v, RECORDS);
        more = check_memory_fail_at(0);
        CHECK(e == OK || more);
        CHECK(e == OK || replica_head_get(&head, &at) == ERR_NOT_FOUND);
        CHECK_OK(write_files(v, RECORDS));
        check_whole(v, RECORDS, 611);
        volume_close(v);
        file_fault_free(ff);
    }
    CHECK(n > 1);
}

static void test_every_record_of_several_sizes(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 1, 2, 1023, 1024, 1025, 2048, 2049 };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct file_fault *ff = file_fault_new(1, 1 << 22);
        struct volume *v = open_volume(ff);
        CHECK_OK(write_files(v, counts[i]));
        check_whole(v, counts[i], 31);
        volume_close(v);
        file_fault_free(ff);
    }
}

/* A file that is shorter, or has another byte: an error, or an answer that the enclave, which
 * checks paths, refuses; never more than the head says. */
static void test_damage(void **state)
{
    (void)state;
    static const char *const names[] = { "head", "groups", "segments", "records-00000000" };
    static uint8_t bytes[REPLICA_GROUP * REPLICA_PLACED_SIZE];
    static struct replica_place place;
    struct file_fault *ff = file_fault_new(1, 1 << 22);
    struct volume *v = open_volume(ff);
    const struct replica_at at = { v, id };
    CHECK_OK(write_files(v, 1500));
    for (size_t f = 0; f < sizeof(names) / sizeof(names[0]); f++) {
        uint64_t size;
        CHECK_OK(volume_object_size(v, &size, &id, names[f]));
        CHECK_OK(volume_object_read(v, (struct mspan){ bytes, (size_t)size }, &id, names[f], 0));
        for (uint64_t cut = 0; cut < size; cut += 1 + size / 19) {
            struct replica_head head;
            CHECK_OK(volume_object_put(v, &id, names[f], span_of(bytes, (size_t)cut)));
            if (f == 0) {
                CHECK_ERR(replica_head_get(&head, &at), ERR_SHORT);
                continue;
            }
            CHECK_OK(replica_head_get(&head, &at));
            struct replica_seal seal;
            enum err e = f == 2 ? replica_seal_path(&seal, &at, &head, 0)
                                : replica_find(&place, &at, &head, 0);
            CHECK_ERR(e, ERR_SHORT);
        }
        for (uint64_t i = 0; i < size; i += 1 + size / 199) {
            struct replica_head head;
            bytes[i] ^= 0x80;
            CHECK_OK(volume_object_put(v, &id, names[f], span_of(bytes, (size_t)size)));
            bytes[i] ^= 0x80;
            if (replica_head_get(&head, &at) != OK)
                continue;
            for (uint64_t offset = 0; offset < 6000; offset += 997) {
                if (replica_find(&place, &at, &head, offset) == OK)
                    CHECK(place.index < head.record_count && place.path_size <= 1280);
            }
        }
        CHECK_OK(volume_object_put(v, &id, names[f], span_of(bytes, (size_t)size)));
    }
    check_whole(v, 1500, 37);
    volume_close(v);
    file_fault_free(ff);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(segments); i++)
        segments[i] = (uint8_t)(i * 7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_record_of_several_sizes),
        cmocka_unit_test(test_any_allocation_fails),
        cmocka_unit_test(test_a_crash_at_any_write),
        cmocka_unit_test(test_any_write_fails),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
