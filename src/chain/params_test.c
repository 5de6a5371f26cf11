#include "chain/params.h"

#include "base/check.h"
#include "codec/cbor.h"

static void names_are_in_canonical_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < params_count(); i++)
        CHECK(cbor_key_cmp(span_str(params_name(i - 1)), span_str(params_name(i))) < 0);
}

static void presets_are_sound_and_round_trip(void **state)
{
    (void)state;
    for (int preset = PARAMS_DEVNET; preset <= PARAMS_PRODUCTION; preset++) {
        struct params p, back;
        const char *what;
        params_init(&p, (enum params_preset)preset);
        CHECK_OK(params_check(&p, &what));
        uint8_t a[PARAMS_ENCODED_MAX], b[PARAMS_ENCODED_MAX];
        struct writer w = writer_of(a, sizeof(a));
        params_encode(&w, &p);
        CHECK_OK(w.err);
        CHECK_OK(params_decode(&back, writer_span(&w)));
        struct writer v = writer_of(b, sizeof(b));
        params_encode(&v, &back);
        CHECK_SPAN(writer_span(&v), writer_span(&w));
        for (size_t n = 0; n < w.len; n++) {
            uint8_t *exact = check_dup(a, n);
            CHECK_ERR(params_decode(&back, span_of(exact, n)), ERR_SHORT);
            free(exact);
        }
    }
}

static void every_bit_flip_stays_canonical(void **state)
{
    (void)state;
    struct params p, back;
    params_init(&p, PARAMS_PRODUCTION);
    uint8_t a[PARAMS_ENCODED_MAX], b[PARAMS_ENCODED_MAX];
    struct writer w = writer_of(a, sizeof(a));
    params_encode(&w, &p);
    for (size_t bit = 0; bit < 8 * w.len; bit++) {
        a[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (params_decode(&back, writer_span(&w)) == OK) {
            struct writer v = writer_of(b, sizeof(b));
            params_encode(&v, &back);
            CHECK_SPAN(writer_span(&v), writer_span(&w));
        }
        a[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void text_sets_what_text_shows(void **state)
{
    (void)state;
    struct params from, to;
    params_init(&from, PARAMS_DEVNET);
    params_init(&to, PARAMS_PRODUCTION);
    for (size_t i = 0; i < params_count(); i++) {
        uint8_t text[1024] = { 0 };
        struct writer w = writer_of(text, sizeof(text) - 1);
        params_format(&w, &from, i);
        CHECK_OK(params_set(&to, params_name(i), (const char *)text));
    }
    uint8_t a[PARAMS_ENCODED_MAX], b[PARAMS_ENCODED_MAX];
    struct writer w = writer_of(a, sizeof(a)), v = writer_of(b, sizeof(b));
    params_encode(&w, &from);
    params_encode(&v, &to);
    CHECK_SPAN(writer_span(&w), writer_span(&v));
}

static const struct {
    const char *name, *text;
    enum err set;
    bool sound;
} rows[] = {
    { "no_such", "1", ERR_NOT_FOUND, true },
    { "slot_blocks", "4294967296", ERR_RANGE, true },
    { "slot_blocks", "-1", ERR_FORMAT, true },
    { "allow_software", "yes", ERR_FORMAT, true },
    { "power_steps", "1:", ERR_FORMAT, true },
    { "power_steps", "", OK, true },
    { "power_steps", "0:2000", OK, false },
    { "power_steps", "1:999", OK, false },
    { "slot_blocks", "3", OK, false },
    { "report_blocks", "599", OK, false },
    { "srd_extent_size", "3145728", OK, false },
    { "srd_extent_size", "1048576", OK, true },
    { "draws_files", "5", OK, false },
    { "challenge_bond", "1", OK, false },
    { "staking_percent", "83", OK, false },
    { "fee_treasury_percent", "101", OK, false },
    { "file_duration_blocks", "599", OK, false },
    { "order_refund_blocks", "1199", OK, false },
    { "replicas_default", "201", OK, false },
    { "replicas_max", "201", OK, false },
    { "price_byte", "1000001", OK, false },
    { "price_keys_rise", "1000000001", OK, false },
    { "price_base_rise_below", "30", OK, false },
    { "block_report_bytes", "1048576", OK, false },
    { "queue_per_block", "9", OK, false },
};

static void relations_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct params p;
        const char *what;
        params_init(&p, PARAMS_PRODUCTION);
        CHECK_ERR(params_set(&p, rows[i].name, rows[i].text), rows[i].set);
        CHECK_ERR(params_check(&p, &what), rows[i].sound ? OK : ERR_RANGE);
        CHECK((what == NULL) == rows[i].sound);
        CHECK(what == NULL || strstr(what, ": ") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_in_canonical_order),
        cmocka_unit_test(presets_are_sound_and_round_trip),
        cmocka_unit_test(every_bit_flip_stays_canonical),
        cmocka_unit_test(text_sets_what_text_shows),
        cmocka_unit_test(relations_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
