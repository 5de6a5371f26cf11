/* A lying host against the real crust-enclaved, while it makes a report: nothing is signed that was
 * not verified, and data that is gone cannot be answered for. */
#include "enclaved/fake_enclave_test.h"

#include "codec/report.h"
#include "proof/opening.h"

static struct fake_enclave e;
static struct fake_replica file, copy;
static struct fake_extent extent;
static struct fake_volume volumes[2]; /* the file in the first, the extent in the second */
static uint8_t base[ENCLAVE_CUT_SIZE], step[ENCLAVE_STEP_MAX], step_mac[32];
static size_t step_size;
static uint8_t beacon[32] = { 42 }, entries[2 * ENCLAVE_ENTRY_SIZE];

static const struct span nothing = { NULL, 0 };

static void cut(void)
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_CUT };
    CHECK_OK(fake_ask(&e.host, &r, NULL, &m, nothing));
    memcpy(base, r.u.cut.cut, sizeof(base));
    step_size = r.u.cut.step.n;
    memcpy(step, r.u.cut.step.p, step_size);
    memcpy(step_mac, r.u.cut.step_mac, 32);
    fake_keep(&e.host, r.u.cut.record);
}

/* One file and one extent, cut and stored by the chain; `copy` is another replica of the same
 * content, sealed but not added. */
static int setup(void **state)
{
    (void)state;
    fake_enclave_open(&e, 0, "1");
    CHECK_OK(fake_start(&e.host));
    file = copy = (struct fake_replica){ 0 };
    volumes[0] = volumes[1] = (struct fake_volume){ 0 };
    fake_dag_file(&file.dag, 1, 6, 5000);
    fake_dag_file(&copy.dag, 1, 6, 5000);
    CHECK_OK(fake_seal(&e.host, &file, 2));
    CHECK_OK(fake_seal(&e.host, &copy, 2));
    CHECK_OK(fake_fill(&e.host, &extent, 1 << 20));
    struct fake_replica *list[] = { &file };
    CHECK_OK(fake_add_files(&e.host, &volumes[0], 0, 0, list, 1));
    CHECK_OK(fake_add_extent(&e.host, &volumes[1], 1, 0, &extent));
    cut();
    store_le64(entries, 9);
    memcpy(entries + 8, beacon, 32);
    store_le16(entries + 40, 0);
    entries[42] = ENCLAVE_NO_VOLUME;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_enclave_close(&e);
    fake_replica_free(&file);
    fake_replica_free(&copy);
    free(extent.bytes);
    return 0;
}

static struct enclave_request begin_request(void)
{
    struct enclave_request m = { .type = ENCLAVE_REPORT_BEGIN };
    m.u.report_begin =
        (struct enclave_report_begin){ .slot = 9,
                                       .draws_files = 2,
                                       .draws_srd = 2,
                                       .draws_return = 20,
                                       .base = span_of(base, sizeof(base)),
                                       .entries = span_of(entries, ENCLAVE_ENTRY_SIZE) };
    memcpy(m.u.report_begin.beacon, beacon, 32);
    return m;
}

static enum err ask(struct enclave_reply *r, const struct enclave_request *m, struct span bulk)
{
    return fake_ask(&e.host, r, NULL, m, bulk);
}

static uint32_t begin(void)
{
    struct enclave_reply r;
    struct enclave_request m = begin_request();
    CHECK_OK(ask(&r, &m, nothing));
    CHECK(r.u.report_begin.public_draws == 4);
    return r.u.report_begin.draws;
}

static void draw_info(uint32_t i, uint8_t info[ENCLAVE_DRAW_SIZE])
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_REPORT_DRAWS, .u.report_draws = { i, 1 } };
    CHECK_OK(ask(&r, &m, nothing));
    memcpy(info, r.u.report_draws.draws.p, ENCLAVE_DRAW_SIZE);
}

static enum err end(struct span *bytes)
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_REPORT_END };
    return fake_ask(&e.host, &r, bytes, &m, nothing);
}

static enum err miss(uint32_t draw)
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_REPORT_MISS, .u.report_miss.draw = draw };
    return ask(&r, &m, nothing);
}

/* Answers honestly from draw `from` to the end. */
static void answer_rest(uint32_t from, uint32_t count)
{
    struct enclave_reply r;
    for (uint32_t i = from; i < count; i++) {
        uint8_t info[ENCLAVE_DRAW_SIZE];
        struct span bulk;
        draw_info(i, info);
        struct enclave_request m = fake_answer(volumes, i, info, &bulk);
        CHECK_OK(ask(&r, &m, bulk));
    }
}

static void test_false_file_answers_are_refused_and_the_true_one_still_counts(void **state)
{
    (void)state;
    struct enclave_reply r;
    struct span bulk, bytes;
    uint8_t info[ENCLAVE_DRAW_SIZE];
    uint32_t count = begin();
    draw_info(0, info);
    const struct enclave_request good = fake_answer(volumes, 0, info, &bulk);
    struct enclave_request m = good;
    uint8_t *bad = check_dup(bulk.p, bulk.n);
    bad[bulk.n / 2] ^= 1; /* damage on disk */
    CHECK_ERR(ask(&r, &m, span_of(bad, bulk.n)), ERR_CORRUPT);
    free(bad);
    CHECK_ERR(ask(&r, &m, span_sub(bulk, 0, bulk.n - 1)), ERR_RANGE);
    m.u.report_file.index++;
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_file.leaf[36]++; /* another size */
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_file.path = span_of("\0\0\0\0\0", 5); /* trailing byte */
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_file.record_count++;
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_file.record_index ^= 1;
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_file.record_path.n -= 40;
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_file.segment_count++;
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_file.draw++; /* the next before this one */
    CHECK_ERR(ask(&r, &m, bulk), ERR_STATE);
    CHECK_OK(ask(&r, &good, bulk));
    CHECK_ERR(ask(&r, &good, bulk), ERR_STATE); /* repeated */
    CHECK_ERR(end(&bytes), ERR_STATE);          /* nothing is signed before all is answered */
    answer_rest(1, count);
    CHECK_OK(end(&bytes));
    static struct report report;
    CHECK_OK(report_decode(&report, bytes));
    CHECK(report.attempt.failed == 0 && !report.attempt.entries[0].answers[0].miss);
}

static void test_block_sealed_again_for_the_occasion_does_not_pass(void **state)
{
    (void)state;
    struct enclave_reply r;
    struct span bulk, ignored;
    uint8_t info[ENCLAVE_DRAW_SIZE];
    struct fake_volume pretend[2] = { volumes[0], volumes[1] };
    begin();
    draw_info(0, info);
    struct enclave_request good = fake_answer(volumes, 0, info, &bulk);
    /* The sealed bytes are lost; the same content was sealed once more, with other keys. */
    memcpy(copy.leaf, file.leaf, sizeof(copy.leaf)); /* the leaf that the tree holds */
    pretend[0].replicas[0] = &copy;
    struct enclave_request m = fake_answer(pretend, 0, info, &bulk);
    CHECK(ask(&r, &m, bulk) != OK);
    /* Nor with the path of the right segment beside the wrong key. */
    m = fake_answer(volumes, 0, info, &ignored);
    memcpy(m.u.report_file.wrapped, copy.segments[m.u.report_file.segment].wrapped,
           ENCLAVE_WRAPPED_SIZE);
    CHECK_ERR(ask(&r, &m, bulk), ERR_CORRUPT);
    good = fake_answer(volumes, 0, info, &bulk);
    CHECK_OK(ask(&r, &good, bulk));
}

static void test_deleted_data_can_only_be_declared_missing(void **state)
{
    (void)state;
    static struct report report;
    struct enclave_reply r;
    struct enclave_request m = begin_request();
    struct span bulk, bytes;
    uint32_t refused_private = 0;
    store_le16(entries + 40, 2); /* only the file's volume is drawn */
    CHECK_OK(ask(&r, &m, nothing));
    CHECK(r.u.report_begin.public_draws == 2 && r.u.report_begin.draws == 2 + 65);
    memset(file.segments[1].bytes, 0, file.segments[1].length); /* a third of the file */
    for (uint32_t i = 0; i < 2 + 65; i++) {
        uint8_t info[ENCLAVE_DRAW_SIZE];
        draw_info(i, info);
        CHECK(info[2] == 0 && info[3] == (i < 2 ? 0 : 1));
        m = fake_answer(volumes, i, info, &bulk);
        const bool gone = m.u.report_file.segment == 1;
        CHECK_ERR(ask(&r, &m, bulk), gone ? ERR_CORRUPT : OK);
        if (gone)
            CHECK_OK(miss(i));
        refused_private += gone && i >= 2;
    }
    CHECK(refused_private > 0); /* by chance: (2/3)^65 */
    CHECK_OK(end(&bytes));
    CHECK_OK(report_decode(&report, bytes));
    CHECK(report.attempt.failed == 1);
}

static void test_false_extent_answers_are_refused(void **state)
{
    (void)state;
    struct enclave_reply r;
    struct span bulk;
    uint8_t info[ENCLAVE_DRAW_SIZE];
    begin();
    CHECK_OK(miss(0));
    CHECK_OK(miss(1));
    draw_info(2, info);
    CHECK(info[1] == 1);
    const struct enclave_request good = fake_answer(volumes, 2, info, &bulk);
    struct enclave_request m = good;
    uint8_t chunk[CHUNK_SIZE];
    memcpy(chunk, bulk.p, sizeof(chunk));
    chunk[0] ^= 1;
    CHECK_ERR(ask(&r, &m, span_of(chunk, sizeof(chunk))), ERR_CORRUPT);
    m.u.report_extent.size *= 2;
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_extent.chunk_path.n -= 32;
    CHECK(ask(&r, &m, bulk) != OK);
    m = good;
    m.u.report_extent.root[0] ^= 1;
    CHECK(ask(&r, &m, bulk) != OK);
    CHECK_OK(ask(&r, &good, bulk));
}

static void test_base_and_step_must_be_this_enclaves_own(void **state)
{
    (void)state;
    struct enclave_reply r;
    struct enclave_request m = begin_request();
    struct span bytes;
    base[50] ^= 1; /* smaller trees, so fewer draws */
    CHECK_ERR(ask(&r, &m, nothing), ERR_SIGNATURE);
    base[50] ^= 1;
    CHECK_ERR(end(&bytes), ERR_STATE); /* no report is open after a refusal */
    m.u.report_begin.step = span_of(step, step_size);
    m.u.report_begin.step_mac = span_of(step_mac, 32);
    /* The step leads to the base, so it does not start from it. */
    CHECK_ERR(ask(&r, &m, nothing), ERR_STATE);
    step[20] ^= 1;
    m.u.report_begin.base = nothing;
    m.u.report_begin.entries = span_of(entries, 0);
    CHECK_ERR(ask(&r, &m, nothing), ERR_SIGNATURE);
    step[20] ^= 1;
    step_mac[0] ^= 1;
    CHECK_ERR(ask(&r, &m, nothing), ERR_SIGNATURE);
    step_mac[0] ^= 1;
    CHECK_OK(ask(&r, &m, nothing));
    CHECK_OK(end(&bytes));
}

static void test_slots_and_beacons_must_fit_together(void **state)
{
    (void)state;
    struct enclave_reply r;
    struct enclave_request m = begin_request();
    entries[8] ^= 1; /* another beacon for the slot of the attempt */
    CHECK_ERR(ask(&r, &m, nothing), ERR_FORMAT);
    entries[8] ^= 1;
    entries[0]++; /* a slot still to come */
    CHECK_ERR(ask(&r, &m, nothing), ERR_FORMAT);
    entries[0]--;
    memcpy(entries + ENCLAVE_ENTRY_SIZE, entries, ENCLAVE_ENTRY_SIZE);
    m.u.report_begin.entries = span_of(entries, 2 * ENCLAVE_ENTRY_SIZE); /* one slot twice */
    CHECK_ERR(ask(&r, &m, nothing), ERR_FORMAT);
    entries[0]--; /* an owed slot before it: fine */
    CHECK_OK(ask(&r, &m, nothing));
    entries[42] = 0; /* a return beside other draws */
    CHECK_ERR(ask(&r, &m, nothing), ERR_FORMAT);
    entries[42] = 16;
    CHECK_ERR(ask(&r, &m, nothing), ERR_RANGE);
}

static void test_same_beacon_gives_the_same_draws_after_any_restart(void **state)
{
    (void)state;
    uint8_t first[8][ENCLAVE_DRAW_SIZE], again[ENCLAVE_DRAW_SIZE];
    begin();
    for (uint32_t i = 0; i < 8; i++)
        draw_info(i, first[i]);
    fake_enclave_restart(&e);
    CHECK_OK(fake_start(&e.host));
    begin();
    for (uint32_t i = 0; i < 8; i++) {
        draw_info(i, again);
        CHECK(memcmp(first[i], again, sizeof(again)) == 0);
    }
    beacon[0] ^= 1; /* and another one others */
    entries[8] ^= 1;
    begin();
    draw_info(5, again);
    CHECK(memcmp(first[5], again, sizeof(again)) != 0);
    beacon[0] ^= 1;
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_false_file_answers_are_refused_and_the_true_one_still_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_block_sealed_again_for_the_occasion_does_not_pass,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_deleted_data_can_only_be_declared_missing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_false_extent_answers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base_and_step_must_be_this_enclaves_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_slots_and_beacons_must_fit_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_beacon_gives_the_same_draws_after_any_restart,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
