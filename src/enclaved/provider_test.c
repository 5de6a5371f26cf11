/* Providers on a fake machine: what they give, and what they make of everything that can go wrong.
 */
#include "enclaved/provider.h"

#include "attest/snp.h"
#include "crypto/random.h"
#include "enclaved/fake_nodes_test.h"
#include "seal/seal.h"

static struct seal_provider seal;
static struct secret sealing;
static struct provider_place place;
static uint8_t data[SEAL_PROVIDER_DATA_MAX];
static size_t size;
static uint8_t wanted[64];

static const struct provider *const all[] = { &provider_tdx, &provider_snp, &provider_sgx };

static void boot(const struct provider *p)
{
    memset(&fake, 0, sizeof(fake));
    fake.tdx = 4;
    fake.table = 3000;
    if (p == &provider_tdx)
        fake.driver = "tdx_guest";
    else if (p == &provider_snp)
        fake.driver = "sev_guest";
    else
        fake.type = "dcap";
    memset(wanted, 0x77, sizeof(wanted));
    wanted[0] = 0x01;
}

static enum err start(const struct provider *p)
{
    place = (struct provider_place){ .nodes = &fake_nodes, .root = FAKE_ROOT };
    return p->open(&seal, &sealing, &place);
}

static enum err ask(void)
{
    memset(data, 0, sizeof(data));
    return seal.evidence(data, &size, wanted, NULL);
}

/* Whether data is evidence over wanted, of the size that this machine gives. */
static bool right(const struct provider *p)
{
    static uint8_t expected[FAKE_BLOB];
    size_t n = fake_report(expected, wanted);
    if (p != &provider_snp)
        return size == n && memcmp(data, expected, n) == 0;
    size_t table = fake.table <= SNP_TABLE_MAX ? fake.table : 0;
    bool same = size == n + table && memcmp(data, expected, n) == 0;
    for (size_t i = n; same && i < size; i++)
        same = data[i] == 0xaa;
    return same;
}

static void test_evidence_carries_the_report_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        boot(all[i]);
        CHECK_OK(start(all[i]));
        CHECK(strcmp(seal.name, all[i]->name) == 0);
        CHECK_OK(ask());
        CHECK(right(all[i]));
        wanted[63] ^= 1;
        CHECK_OK(ask());
        CHECK(right(all[i]));
        CHECK(fake_left() == 0 && fake.pauses == 0);
    }
    boot(&provider_tdx);
    fake.tdx = 5;
    CHECK_OK(start(&provider_tdx));
    CHECK_OK(ask());
    CHECK(right(&provider_tdx));
}

static void test_measurements_are_read_where_they_stand(void **state)
{
    (void)state;
    boot(&provider_tdx);
    CHECK_OK(start(&provider_tdx));
    CHECK(seal.measurement_size == 48 && seal.measurement[0] == (uint8_t)((48 + 136) * 7));
    fake.tdx = 5;
    CHECK_OK(start(&provider_tdx));
    CHECK(seal.measurement[47] == (uint8_t)((54 + 136 + 47) * 7));
    boot(&provider_snp);
    CHECK_OK(start(&provider_snp));
    CHECK(seal.measurement_size == 48 && seal.measurement[0] == (uint8_t)(0x90 * 7));
    boot(&provider_sgx);
    CHECK_OK(start(&provider_sgx));
    CHECK(seal.measurement_size == 32 && seal.measurement[31] == 32);
}

static void test_sealing_keys(void **state)
{
    (void)state;
    struct secret first, again, raw;
    boot(&provider_snp);
    CHECK_OK(start(&provider_snp));
    CHECK(fake.snp_fields == (1 | 1 << 3)); /* policy and measurement */
    CHECK(!seal.is_volatile);
    first = sealing;
    CHECK_OK(start(&provider_snp));
    CHECK(memcmp(&first, &sealing, sizeof(first)) == 0);
    memset(&raw, 0x5b, sizeof(raw));
    CHECK(memcmp(&first, &raw, sizeof(first)) != 0); /* never the machine's key itself */

    boot(&provider_sgx);
    CHECK_OK(start(&provider_sgx));
    CHECK(!seal.is_volatile && memcmp(&first, &sealing, sizeof(first)) != 0);

    boot(&provider_tdx);
    CHECK_OK(start(&provider_tdx));
    CHECK(seal.is_volatile);
    first = sealing;
    CHECK_OK(start(&provider_tdx));
    CHECK(memcmp(&first, &sealing, sizeof(first)) != 0); /* each start its own */

    provider_derive(&first, span_str("key"), "a", "label");
    provider_derive(&again, span_str("key"), "a", "label");
    CHECK(memcmp(&first, &again, sizeof(first)) == 0);
    provider_derive(&again, span_str("key"), "b", "label");
    CHECK(memcmp(&first, &again, sizeof(first)) != 0);
    provider_derive(&again, span_str("key"), "a", "labek");
    CHECK(memcmp(&first, &again, sizeof(first)) != 0);
    provider_derive(&again, span_str("kez"), "a", "label");
    CHECK(memcmp(&first, &again, sizeof(first)) != 0);
}

static void test_a_key_that_the_firmware_refuses_is_not_used(void **state)
{
    (void)state;
    boot(&provider_snp);
    fake.snp_status = 0x16; /* invalid parameters */
    CHECK_ERR(start(&provider_snp), ERR_IO);
    CHECK(strstr(place.why, "/dev/sev-guest") != NULL);
    CHECK(fake_left() == 0);
}

static void test_another_writer_never_gets_his_report_to_us(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        boot(all[i]);
        CHECK_OK(start(all[i]));
        for (unsigned n = 1; n < NODES_TRIES; n++) {
            fake.intruders = n;
            CHECK_OK(ask());
            CHECK(right(all[i]) && fake_left() == 0);
        }
        fake.intruders = 1000;
        fake.pauses = fake.paused_ms = 0;
        CHECK_ERR(ask(), ERR_BUSY);
        CHECK(fake.pauses == NODES_TRIES - 1 && fake.paused_ms < 10000 && fake_left() == 0);
    }
}

static void test_a_write_that_close_has_lost_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        boot(all[i]);
        CHECK_OK(start(all[i]));
        fake.lost = 2;
        CHECK_OK(ask());
        CHECK(right(all[i]) && fake.pauses == 2);
        fake.lost = 1000;
        CHECK_ERR(ask(), ERR_STATE); /* there never was an inblob */
        CHECK(fake_left() == 0);
    }
}

static void test_a_stale_quote_is_asked_for_again(void **state)
{
    (void)state;
    boot(&provider_sgx);
    CHECK_OK(start(&provider_sgx));
    fake.stale = 3;
    CHECK_OK(ask());
    CHECK(right(&provider_sgx) && fake.pauses == 3);
    fake.stale = 1000;
    CHECK_ERR(ask(), ERR_BUSY);
}

static void test_reads_come_in_parts(void **state)
{
    (void)state;
    static const size_t steps[] = { 1, 7, 4096 };
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            boot(all[i]);
            fake.step = steps[k];
            CHECK_OK(start(all[i]));
            CHECK_OK(ask());
            CHECK(right(all[i]));
        }
    }
}

static void test_privilege_levels_below_the_floor_are_not_asked_at(void **state)
{
    (void)state;
    boot(&provider_snp);
    fake.floor = 2;
    CHECK_OK(start(&provider_snp));
    CHECK_OK(ask());
    CHECK(right(&provider_snp));
}

static void test_certificate_tables(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0,       1, SNP_TABLE_MAX - 1, SNP_TABLE_MAX, SNP_TABLE_MAX + 1,
                                    16 << 10 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        boot(&provider_snp);
        fake.table = sizes[i];
        CHECK_OK(start(&provider_snp));
        CHECK_OK(ask());
        CHECK(right(&provider_snp)); /* one that is too long is left out */
    }
}

static void test_no_tee_is_said_in_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        boot(all[i]);
        fake.driver = fake.type = NULL;
        CHECK_ERR(start(all[i]), ERR_NOT_FOUND);
        CHECK(strncmp(place.why, "no TEE: ", 8) == 0 && fake.pauses == 0);
    }
    boot(&provider_sgx);
    fake.type = "none";
    CHECK_ERR(start(&provider_sgx), ERR_UNSUPPORTED);
    CHECK(strstr(place.why, "sgx.remote_attestation") != NULL);
    boot(&provider_tdx);
    fake.driver = "sev_guest";
    CHECK_ERR(start(&provider_tdx), ERR_UNSUPPORTED);
    boot(&provider_snp);
    fake.driver = "tdx_guest";
    CHECK_ERR(start(&provider_snp), ERR_UNSUPPORTED);
}

/* Every operation fails once, then for good, with every error: the answer is right or an error,
 * what can pass is tried again, what cannot is not, and nothing stays behind. */
static void test_every_operation_fails(void **state)
{
    (void)state;
    static const struct {
        int number;
        enum err means;
        bool passes;
    } rows[] = {
        { EINVAL, ERR_STATE, true },   { ENXIO, ERR_NOT_FOUND, false },
        { EFBIG, ERR_LIMIT, false },   { EBUSY, ERR_BUSY, true },
        { EIO, ERR_IO, true },         { ETIMEDOUT, ERR_TIMEOUT, true },
        { EACCES, ERR_DENIED, false }, { EEXIST, ERR_BUSY, true },
        { EINTR, ERR_BUSY, true },
    };
    for (size_t i = 0; i < 3; i++) {
        boot(all[i]);
        CHECK_OK(start(all[i]));
        fake.calls = 0;
        CHECK_OK(ask());
        const unsigned calls = fake.calls;
        CHECK(calls > 5);
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
            for (unsigned at = 1; at <= calls; at++) {
                memset(fake.dirs, 0, sizeof(fake.dirs));
                fake.calls = fake.pauses = 0;
                fake.fail_at = at;
                fake.fail_errno = rows[r].number;
                fake.fail_count = 1;
                enum err e = ask();
                CHECK(e == OK || (e == rows[r].means && !rows[r].passes));
                if (e == OK && i != 1)
                    CHECK(right(all[i]));
                CHECK(fake.pauses <= 1 && fake_left() <= 1); /* one: rmdir itself failed */
                if (rows[r].number == EINTR)
                    continue; /* for ever is not what that means */
                memset(fake.dirs, 0, sizeof(fake.dirs));
                fake.calls = 0;
                fake.fail_count = 100000;
                e = ask();
                CHECK(e == OK || e == rows[r].means);
                CHECK(e != OK || fake.calls >= calls);
            }
        }
        fake.fail_at = 0;
        memset(fake.dirs, 0, sizeof(fake.dirs));
        CHECK_OK(ask());
        CHECK(right(all[i]));
    }
}

static void test_a_machine_without_its_key_does_not_start(void **state)
{
    (void)state;
    for (size_t i = 1; i < 3; i++) { /* snp, sgx */
        boot(all[i]);
        CHECK_OK(start(all[i]));
        const unsigned calls = fake.calls;
        unsigned refused = 0;
        for (unsigned at = 1; at <= calls; at++) {
            boot(all[i]);
            fake.fail_at = at;
            fake.fail_count = 1;
            fake.fail_errno = EACCES;
            enum err e = start(all[i]);
            CHECK(e == OK || (e == ERR_DENIED && place.why[0] != '\0'));
            refused += e != OK;
        }
        CHECK(refused > 5);
    }
}

static void test_what_the_chain_reads_has_room_for_it(void **state)
{
    (void)state;
    _Static_assert((int)FAKE_SNP_REPORT == (int)SNP_REPORT_SIZE, "one size");
    _Static_assert((int)SNP_REPORT_SIZE + (int)SNP_TABLE_MAX <= (int)SEAL_PROVIDER_DATA_MAX,
                   "room");
    _Static_assert(PROVIDER_RULES_MAX == 8, "as POLICY_MORE_MAX");
    for (size_t i = 0; i < 3; i++)
        CHECK(strlen(all[i]->name) <= 16 && all[i]->rule_count <= PROVIDER_RULES_MAX);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence_carries_the_report_data),
        cmocka_unit_test(test_measurements_are_read_where_they_stand),
        cmocka_unit_test(test_sealing_keys),
        cmocka_unit_test(test_a_key_that_the_firmware_refuses_is_not_used),
        cmocka_unit_test(test_another_writer_never_gets_his_report_to_us),
        cmocka_unit_test(test_a_write_that_close_has_lost_is_noticed),
        cmocka_unit_test(test_a_stale_quote_is_asked_for_again),
        cmocka_unit_test(test_reads_come_in_parts),
        cmocka_unit_test(test_privilege_levels_below_the_floor_are_not_asked_at),
        cmocka_unit_test(test_certificate_tables),
        cmocka_unit_test(test_no_tee_is_said_in_a_sentence),
        cmocka_unit_test(test_every_operation_fails),
        cmocka_unit_test(test_a_machine_without_its_key_does_not_start),
        cmocka_unit_test(test_what_the_chain_reads_has_room_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
