/* The files of a session: one form, nothing but it, and nothing lost at a crash. */
#include "ipfsd/session_file.h"

#include "base/check.h"
#include "base/writer.h"
#include "store/file_fault.h"

static struct session_file sample(uint32_t rows)
{
    struct session_file f = { .number = 77, .checkpoint_size = 1224 };
    f.key.codec = 0x71;
    memset(f.key.digest, 9, 32);
    memset(f.checkpoint, 8, f.checkpoint_size);
    for (uint32_t i = 0; i < rows; i++) {
        struct session_file_row row = { .length = i, .parts = i };
        memset(row.wrapped, (int)i, sizeof(row.wrapped));
        CHECK_OK(session_file_add(&f, &row));
    }
    return f;
}

static struct span encode(const struct session_file *f)
{
    size_t n = session_file_size(f);
    uint8_t *p = malloc(n);
    CHECK(p != NULL);
    struct writer w = writer_of(p, n);
    session_file_encode(&w, f);
    CHECK(w.err == OK && w.len == n);
    return writer_span(&w);
}

static void test_one_form(void **state)
{
    (void)state;
    struct session_file f = sample(3), back;
    struct span bytes = encode(&f);
    CHECK_OK(session_file_decode(&back, bytes));
    CHECK(back.number == 77 && back.row_count == 3 && back.rows[2].length == 2);
    session_file_fini(&back);
    for (size_t n = 0; n < bytes.n; n++) {
        uint8_t *exact = check_dup(bytes.p, n);
        CHECK_ERR(session_file_decode(&back, span_of(exact, n)), ERR_CORRUPT);
        free(exact);
    }
    uint8_t *flipped = check_dup(bytes.p, bytes.n);
    for (size_t i = 0; i < bytes.n * 8; i++) {
        flipped[i / 8] ^= (uint8_t)(1u << i % 8);
        CHECK_ERR(session_file_decode(&back, span_of(flipped, bytes.n)), ERR_CORRUPT);
        flipped[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    free(flipped);
    free((void *)(uintptr_t)bytes.p);
    session_file_fini(&f);
}

/* One row per rule of node-host 6: what is changed, under a right digest. */
static void test_rules(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint32_t value;
    } rows[] = {
        { 0, 0x31535244 },                              /* magic */
        { 48, 0 },                                      /* no checkpoint */
        { 48, ENCLAVE_CHECKPOINT_MAX + 1 },             /* a longer one */
        { 52, 0 },                                      /* no segment */
        { 52, 2 },                                      /* bytes follow */
        { 52, 4 },                                      /* bytes are missing */
        { 52, REPLICA_SEGMENTS_MAX + 1 },               /* too many */
        { 56 + 1224, ENCLAVE_SEGMENT_MAX + 1 },         /* a longer segment */
        { 56 + 1224 + 80, SESSION_FILE_PARTS_MAX + 1 }, /* too many parts */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct session_file f = sample(3), back;
        struct span bytes = encode(&f);
        uint8_t *p = check_dup(bytes.p, bytes.n);
        store_le32(p + rows[i].offset, rows[i].value);
        sha256(p + bytes.n - 32, span_of(p, bytes.n - 32));
        CHECK_ERR(session_file_decode(&back, span_of(p, bytes.n)), ERR_CORRUPT);
        CHECK(back.rows == NULL);
        free(p);
        free((void *)(uintptr_t)bytes.p);
        session_file_fini(&f);
    }
}

static struct volume *open_volume(struct file_fault *ff)
{
    struct volume *v;
    const struct volume_config c = { .files = file_fault_files(ff), .path = "/d", .create = true };
    CHECK_OK(volume_open(&v, &c));
    return v;
}

/* The file of before or the new one, whichever write the power goes at. */
static void test_a_crash_keeps_the_old_or_the_new(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 12; n++) {
        struct file_fault *ff = file_fault_new(n, 1 << 20);
        struct volume *v = open_volume(ff);
        struct session_file one = sample(1), two = sample(2), back;
        struct replica_at at = { v, { { 5 } } };
        CHECK_OK(session_file_put(&at, &one));
        file_fault_stop_at(ff, n);
        bool done = session_file_put(&at, &two) == OK;
        volume_close(v);
        file_fault_crash(ff);
        at.volume = v = open_volume(ff);
        CHECK_OK(session_file_get(&back, &at));
        CHECK(back.row_count == 2 || (!done && back.row_count == 1));
        session_file_fini(&back);
        CHECK_OK(session_file_delete(&at));
        CHECK_ERR(session_file_get(&back, &at), ERR_NOT_FOUND);
        session_file_fini(&one);
        session_file_fini(&two);
        volume_close(v);
        file_fault_free(ff);
    }
}

static void test_parts_stand_where_they_belong(void **state)
{
    (void)state;
    struct file_fault *ff = file_fault_new(1, 1 << 20);
    struct volume *v = open_volume(ff);
    const struct replica_at at = { v, { { 5 } } };
    static uint8_t out[SESSION_FILE_PART_RECORDS * CONTENT_RECORD_SIZE];
    uint8_t records[3 * CONTENT_RECORD_SIZE];
    uint32_t count;
    memset(records, 6, sizeof(records));
    for (uint32_t s = 0; s < 3; s++) {
        const struct session_file_part p = { s, 2 * s };
        CHECK_OK(session_file_part_put(&at, &p, span_of(records, sizeof(records) - s * 72)));
        CHECK_OK(session_file_part_get(out, &count, &at, &p));
        CHECK(count == 3 - s && memcmp(out, records, (size_t)count * 72) == 0);
    }
    struct session_file_part p = { 1, 2 };
    uint8_t bytes[2 * CONTENT_RECORD_SIZE + 32];
    struct span found;
    CHECK_OK(volume_object_read(v, (struct mspan){ bytes, sizeof(bytes) }, &at.id,
                                "blocks-00001-00002", 0));
    CHECK_OK(session_file_part_check(&found, &at.id, &p, span_of(bytes, sizeof(bytes))));
    p.part = 3;
    CHECK_ERR(session_file_part_check(&found, &at.id, &p, span_of(bytes, sizeof(bytes))),
              ERR_CORRUPT);
    p.part = 2;
    for (size_t n = 0; n < sizeof(bytes); n++)
        CHECK_ERR(session_file_part_check(&found, &at.id, &p, span_of(bytes, n)), ERR_CORRUPT);
    CHECK_OK(file_fault_flip(ff,
                             "/d/replicas/05/05000000000000000000000000000000/"
                             "blocks-00001-00002",
                             30, 1));
    CHECK_ERR(session_file_part_get(out, &count, &at, &p), ERR_CORRUPT);
    CHECK(count == 0);
    CHECK_OK(session_file_parts_delete(&at, 1));
    CHECK_ERR(session_file_part_get(out, &count, &at, &p), ERR_NOT_FOUND);
    CHECK_OK(session_file_part_get(out, &count, &at, &(struct session_file_part){ 0, 0 }));
    volume_close(v);
    file_fault_free(ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_form),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_a_crash_keeps_the_old_or_the_new),
        cmocka_unit_test(test_parts_stand_where_they_belong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
