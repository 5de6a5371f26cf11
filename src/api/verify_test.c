/* Bundles of a real network of four CometBFT validators: tests/vectors/verify. */
#include "api/verify.h"

#include "base/check.h"
#include "base/hex.h"
#include "chain/accounts.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIZE_MAX_HERE = 1 << 16, STRIDE = 13 };

static struct verify_room room;
static struct verify_report report;
static char what[VERIFY_WHAT_MAX];

static struct span load(const char *name)
{
    static uint8_t bytes[SIZE_MAX_HERE];
    char path[128];
    (void)snprintf(path, sizeof(path), "tests/vectors/verify/%s.json", name);
    FILE *in = fopen(path, "r");
    CHECK(in != NULL);
    size_t n = fread(bytes, 1, sizeof(bytes), in);
    fclose(in);
    CHECK(n > 0 && n < sizeof(bytes));
    return span_of(bytes, n);
}

/* An hour after the vectors were made. */
static struct verify_trust trust_genesis(void)
{
    struct verify_trust t = { .clock = { .trusting_seconds = 7 * 86400, .drift_seconds = 10 } };
    CHECK_OK(
        hex_parse(t.hash, 32, "3c52a2431233b4e78ee577213ad6a333415cfade3d12956fffdb3089a09e06ad"));
    CHECK_OK(comet_read_time(&t.clock.now, span_str("2026-11-22T19:40:39Z")));
    return t;
}

static enum err run(struct span bundle, const struct verify_trust *t)
{
    enum err e = verify_bundle(&report, what, &room, bundle, t);
    CHECK((e == OK) == (what[0] == '\0'));
    return e;
}

static void bundles_of_a_network_are_verified(void **state)
{
    (void)state;
    struct verify_trust t = trust_genesis();
    CHECK_OK(run(load("account"), &t));
    CHECK(report.kind == VERIFY_ACCOUNT && report.is_signed && report.proof.there);
    CHECK(report.signed_height == report.proof.height + 1 && report.trusted_height == 1);
    CHECK(report.validator_count == 4 && report.validator_power == 40);
    CHECK(report.signers.count >= 3 && report.signers.power == 10 * report.signers.count);
    struct account a;
    CHECK_OK(accounts_decode(&a, span_of(report.proof.value, report.proof.value_size)));
    CHECK(a.nonce == 0 && a.free.units > 0);
    CHECK_OK(run(load("order"), &t));
    CHECK(report.kind == VERIFY_ORDER && !report.proof.there);
    CHECK_OK(run(load("tx"), &t));
    CHECK(report.kind == VERIFY_TX && report.tx_height == 4 && report.signed_height == 5);
    CHECK(report.tx_index == 0 && report.tx_code == 0 && report.steps == 2);
}

static void trust_may_be_any_of_the_blocks(void **state)
{
    (void)state;
    struct verify_trust t = trust_genesis();
    CHECK_OK(run(load("tx"), &t));
    t.by_block = true;
    t.height = report.signed_height;
    memcpy(t.hash, report.signed_hash, 32);
    CHECK_OK(run(load("tx"), &t));
    CHECK(report.steps == 0 && report.trusted_height == t.height);
    t.clock.trusting_seconds = 1; /* nothing is followed, so nothing can be too old */
    CHECK_OK(run(load("tx"), &t));
    t.hash[31] ^= 1;
    CHECK_ERR(run(load("tx"), &t), ERR_DENIED);
    t.height = 3; /* not in it */
    CHECK_ERR(run(load("tx"), &t), ERR_NOT_FOUND);
}

static void trust_ends(void **state)
{
    (void)state;
    struct verify_trust t = trust_genesis();
    t.clock.trusting_seconds = 3600;
    CHECK_ERR(run(load("account"), &t), ERR_TIMEOUT);
    t = trust_genesis();
    t.clock.now.seconds -= 7200; /* the blocks lie in the future */
    CHECK_ERR(run(load("account"), &t), ERR_RANGE);
    t = trust_genesis();
    t.hash[0] ^= 1;
    CHECK_ERR(run(load("account"), &t), ERR_NOT_FOUND);
}

/* SPEC verify 2.4: "A record is then refused unless the caller takes that; a receipt always." */
static void without_blocks_it_is_a_word(void **state)
{
    (void)state;
    static char text[SIZE_MAX_HERE];
    struct verify_trust t = trust_genesis();
    const char *kinds[] = { "account", "tx" };
    for (int i = 0; i < 2; i++) {
        struct span b = load(kinds[i]);
        const char *blocks = strstr((const char *)b.p, "\"blocks\":[");
        CHECK(blocks != NULL);
        size_t head = (size_t)(blocks - (const char *)b.p);
        const char *after = strstr(blocks, "],\"genesis\"");
        CHECK(after != NULL);
        (void)snprintf(text, sizeof(text), "%.*s\"blocks\":[%.*s", (int)head, (const char *)b.p,
                       (int)(b.n - (size_t)(after - (const char *)b.p)), after);
        t.no_signatures = false;
        CHECK_ERR(run(span_str(text), &t), ERR_SIGNATURE);
        t.no_signatures = true;
        CHECK_ERR(run(span_str(text), &t), i == 0 ? OK : ERR_SIGNATURE);
        CHECK(!report.is_signed && !report.has_blocks);
    }
}

/* Whatever is changed: the bundle is refused, or shows exactly the same. */
static void no_change_shows_anything_else(void **state)
{
    (void)state;
    static struct verify_report want;
    struct verify_trust t = trust_genesis();
    const char *kinds[] = { "account", "order", "tx" };
    for (size_t k = 0; k < 3; k++) {
        struct span b = load(kinds[k]);
        size_t refused = 0;
        CHECK_OK(run(b, &t));
        want = report;
        for (size_t i = k; i < b.n; i += STRIDE) {
            uint8_t *copy = check_dup(b.p, b.n);
            copy[i] ^= (uint8_t)(1u << (i / STRIDE % 7));
            enum err e = run(span_of(copy, b.n), &t);
            refused += e != OK;
            if (e == OK && report.signers.count == want.signers.count)
                CHECK(memcmp(&report, &want, sizeof(want)) == 0);
            else if (e == OK) /* one signature more than is needed is gone */
                CHECK(memcmp(report.proof.value, want.proof.value, sizeof(want.proof.value)) == 0);
            free(copy);
        }
        CHECK(refused > b.n / STRIDE / 2);
        for (size_t n = 0; n < b.n; n += 97)
            CHECK(run(span_sub(b, 0, n), &t) != OK);
    }
}

static void genesis_files_name_validators(void **state)
{
    (void)state;
    struct comet_validators set;
    char id[COMET_CHAIN_ID_MAX + 1];
    const char *bad[] = { "", "[]", "{\"chain_id\":\"\",\"validators\":[]}", "{\"chain_id\":\"a\"}",
                          "{\"chain_id\":\"a\",\"validators\":[{\"key\":\"00\",\"power\":1}]}" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(verify_genesis(&set, id, span_str(bad[i])) != OK && set.count == 0);
    const char *good =
        "{\"chain_id\":\"a\",\"validators\":["
        "{\"key\":\"0000000000000000000000000000000000000000000000000000000000000001\",\"power\":1}"
        ","
        "{\"key\":\"0000000000000000000000000000000000000000000000000000000000000002\",\"power\":9}"
        "]}";
    CHECK_OK(verify_genesis(&set, id, span_str(good)));
    CHECK(set.count == 2 && set.power == 10 && strcmp(id, "a") == 0);
    CHECK(set.list[0].power == 9 && set.list[0].key[31] == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundles_of_a_network_are_verified),
        cmocka_unit_test(trust_may_be_any_of_the_blocks),
        cmocka_unit_test(trust_ends),
        cmocka_unit_test(without_blocks_it_is_a_word),
        cmocka_unit_test(no_change_shows_anything_else),
        cmocka_unit_test(genesis_files_name_validators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
