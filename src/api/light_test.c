/* The light client against CometBFT's own: tests/vectors/comet. */
#include "api/light.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/json.h"

#include <stdio.h>

enum { LINE_SIZE = 65536 };

struct scenario {
    struct light_block trusted, block;
    struct light_clock clock;
    uint8_t hash[32];
    char verdict[16];
};

static void read_block(struct light_block *out, struct json_value v)
{
    *out = (struct light_block){ 0 };
    struct json_value sh = json_get(v, "signed_header");
    comet_read_header(&out->header, json_get(sh, "header"));
    comet_read_commit(&out->commit, json_get(sh, "commit"));
    comet_read_validators(&out->validators, json_get(v, "validators"));
}

static void read_scenario(struct scenario *out, const char *line)
{
    struct json doc;
    CHECK_OK(json_open(&doc, span_str(line), COMET_JSON_MAX));
    struct json_value v = json_root(&doc);
    read_block(&out->trusted, json_get(v, "trusted"));
    read_block(&out->block, json_get(v, "new"));
    CHECK_OK(comet_read_time(&out->clock.now, span_str(json_text(json_get(v, "now")))));
    out->clock.trusting_seconds = json_u64(json_get(v, "trusting_seconds"), UINT32_MAX);
    out->clock.drift_seconds = json_u64(json_get(v, "drift_seconds"), UINT32_MAX);
    json_hex(json_get(v, "hash"), out->hash, 32);
    snprintf(out->verdict, sizeof(out->verdict), "%s", json_text(json_get(v, "verdict")));
    if (doc.err != OK)
        fail_msg("%s", doc.what);
    json_close(&doc);
}

/* Calls f for every line; returns how many. */
static size_t for_each(void (*f)(struct scenario *s))
{
    static char line[LINE_SIZE];
    static struct scenario s;
    FILE *in = fopen("tests/vectors/comet/light.txt", "r");
    CHECK(in != NULL);
    size_t count = 0;
    for (; fgets(line, sizeof(line), in) != NULL; count++) {
        read_scenario(&s, line);
        f(&s);
    }
    fclose(in);
    return count;
}

static bool agrees(const char *verdict, enum err e)
{
    if (strcmp(verdict, "ok") == 0)
        return e == OK;
    if (strcmp(verdict, "expired") == 0)
        return e == ERR_TIMEOUT;
    if (strcmp(verdict, "invalid") == 0)
        return e == ERR_RANGE || e == ERR_SIGNATURE;
    return e == ERR_DENIED; /* "untrusted", and "refused": not the announced set */
}

static void same_verdict(struct scenario *s)
{
    uint8_t hash[32];
    comet_header_hash(hash, &s->block.header);
    CHECK(memcmp(hash, s->hash, 32) == 0);
    comet_validators_hash(hash, &s->block.validators);
    CHECK(memcmp(hash, s->block.header.validators.bytes, 32) == 0);
    enum err e = light_follow(&s->trusted, &s->block, &s->clock);
    if (!agrees(s->verdict, e))
        fail_msg("CometBFT says %s, we say %s", s->verdict, err_name(e));
}

static void the_engines_own_light_client_agrees(void **state)
{
    (void)state;
    CHECK(for_each(same_verdict) == 40);
}

/* Any change of any byte that counts is noticed. */
static void no_change_is_believed(struct scenario *s)
{
    struct light_block *b = &s->block;
    if (strcmp(s->verdict, "ok") != 0)
        return;
    CHECK_OK(light_check(b, "crust-vectors"));
    CHECK_ERR(light_check(b, "crust-vectorz"), ERR_FORMAT);
    uint8_t *const fields[] = { b->header.app.bytes,          b->header.validators.bytes,
                                b->header.last_results.bytes, b->header.data.bytes,
                                b->header.proposer,           b->header.last_block.hash.bytes,
                                b->commit.block.hash.bytes,   b->validators.list[0].key };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        fields[i][7] ^= 0x10;
        CHECK_ERR(light_check(b, "crust-vectors"), ERR_CORRUPT);
        fields[i][7] ^= 0x10;
    }
    b->header.time.nanos ^= 1;
    CHECK_ERR(light_check(b, "crust-vectors"), ERR_CORRUPT);
    b->header.time.nanos ^= 1;
    b->validators.list[0].power++;
    CHECK_ERR(light_check(b, "crust-vectors"), ERR_CORRUPT);
    b->validators.list[0].power--;
    b->commit.round++; /* now no signature fits */
    CHECK_ERR(light_check(b, "crust-vectors"), ERR_SIGNATURE);
    b->commit.round--;
    b->commit.block.parts_total++;
    CHECK_ERR(light_check(b, "crust-vectors"), ERR_SIGNATURE);
    b->commit.block.parts_total--;
    for (size_t i = 0; i < b->commit.count; i++)
        b->commit.votes[i].signature[3] ^= 1;
    CHECK_ERR(light_check(b, "crust-vectors"), ERR_SIGNATURE);
    for (size_t i = 0; i < b->commit.count; i++)
        b->commit.votes[i].signature[3] ^= 1;
    CHECK_OK(light_check(b, "crust-vectors"));
}

static void every_byte_that_counts_counts(void **state)
{
    (void)state;
    CHECK(for_each(no_change_is_believed) == 40);
}

/* One signature over and over is one signature. */
static void a_vote_counts_once(struct scenario *s)
{
    struct light_block *b = &s->block;
    if (strcmp(s->verdict, "ok") != 0 || b->commit.count < 3)
        return;
    for (size_t i = 1; i < b->commit.count; i++)
        b->commit.votes[i] = b->commit.votes[0];
    bool enough = 3 * b->validators.list[0].power > 2 * b->validators.power;
    CHECK_ERR(light_check(b, "crust-vectors"), enough ? OK : ERR_SIGNATURE);
    b->header.height = s->trusted.header.height + 2; /* not the next one: overlap counts */
    const struct comet_validators *old = &s->trusted.validators;
    uint64_t power = 0;
    for (size_t i = 0; i < old->count; i++)
        if (memcmp(old->list[i].address, b->commit.votes[0].address, COMET_ADDRESS_SIZE) == 0)
            power = old->list[i].power;
    if (3 * power <= old->power)
        CHECK_ERR(light_follow(&s->trusted, b, &s->clock), ERR_DENIED);
}

static void votes_are_not_counted_twice(void **state)
{
    (void)state;
    CHECK(for_each(a_vote_counts_once) == 40);
}

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        uint32_t nanos;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0, 0 },
        { "2000-02-29T23:59:59.5Z", 951868799, 500000000 },
        { "2026-11-22T17:00:55.000000001Z", 1795366855, 1 },
        { "0001-01-01T00:00:00Z", -62135596800, 0 },
        { "9999-12-31T23:59:59.999999999Z", 253402300799, 999999999 },
        { "1969-12-31T23:59:59Z", -1, 0 },
    };
    static const char *const bad[] = {
        "",
        "2026-11-22",
        "2026-11-22T17:00:55",
        "2026-11-22 17:00:55Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00Zx",
        "0000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
    };
    struct comet_time t;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_OK(comet_read_time(&t, span_str(good[i].text)));
        CHECK(t.seconds == good[i].seconds && t.nanos == good[i].nanos);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_ERR(comet_read_time(&t, span_str(bad[i])), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engines_own_light_client_agrees),
        cmocka_unit_test(every_byte_that_counts_counts),
        cmocka_unit_test(votes_are_not_counted_twice),
        cmocka_unit_test(times_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
