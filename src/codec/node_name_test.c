#include "codec/node_name.h"

#include "base/check.h"
#include "base/hex.h"

static const struct node_name sample = { .ttl_s = 300, .lifetime_s = 172800, .flag = true };

static size_t encode(uint8_t out[NODE_NAME_BODY_MAX])
{
    struct writer w = writer_of(out, NODE_NAME_BODY_MAX);
    struct node_name m = sample;
    m.key = span_str("site");
    m.value = span_str("/ipfs/bafkqaa");
    m.secret = span_str("\x01\x02");
    node_name_encode(&w, &m);
    CHECK_OK(w.err);
    return w.len;
}

/* The vector of docs/spec/node-ipc.md 9. */
static void the_vector(void **state)
{
    (void)state;
    static const char want[] = "a6636b6579647369746563747 46c19012c64666c6167f56576616c75656d2f6970"
                               "66732f6261666b716161667365637265744201 02686c69666574696d651a0002a3"
                               "00";
    uint8_t bytes[NODE_NAME_BODY_MAX];
    char text[2 * NODE_NAME_BODY_MAX + 1], packed[512];
    size_t n = 0;
    for (const char *p = want; *p != '\0'; p++)
        if (*p != ' ')
            packed[n++] = *p;
    packed[n] = '\0';
    hex_format(text, span_of(bytes, encode(bytes)));
    assert_string_equal(text, packed);
}

static void every_length_and_bit(void **state)
{
    (void)state;
    uint8_t bytes[NODE_NAME_BODY_MAX + 1] = { 0 }, again[NODE_NAME_BODY_MAX];
    struct node_name m;
    size_t size = encode(bytes);
    bytes[size] = 0;
    for (size_t n = 0; n <= size + 1; n++) {
        uint8_t *exact = check_dup(bytes, n);
        enum err want = n < size ? ERR_SHORT : n == size ? OK : ERR_TRAILING;
        CHECK_ERR(node_name_decode(&m, span_of(exact, n)), want);
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct writer w = writer_of(again, sizeof(again));
        if (node_name_decode(&m, span_of(bytes, size)) == OK) {
            node_name_encode(&w, &m);
            CHECK_SPAN(writer_span(&w), span_of(bytes, size));
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    static char text[NODE_NAME_VALUE_MAX + 1];
    uint8_t bytes[NODE_NAME_BODY_MAX + 64];
    struct node_name m;
    memset(text, 'a', sizeof(text));
    const struct {
        size_t key, value, secret;
        enum err want;
    } rows[] = {
        { NODE_NAME_KEY_MAX, NODE_NAME_VALUE_MAX, NODE_NAME_SECRET_MAX, OK },
        { NODE_NAME_KEY_MAX + 1, 1, 1, ERR_LIMIT },
        { 1, NODE_NAME_VALUE_MAX + 1, 1, ERR_LIMIT },
        { 1, 1, NODE_NAME_SECRET_MAX + 1, ERR_LIMIT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct writer w = writer_of(bytes, sizeof(bytes));
        const struct node_name in = { .key = span_of(text, rows[i].key),
                                      .value = span_of(text, rows[i].value),
                                      .secret = span_of(text, rows[i].secret) };
        node_name_encode(&w, &in);
        CHECK_OK(w.err);
        CHECK_ERR(node_name_decode(&m, writer_span(&w)), rows[i].want);
        CHECK(rows[i].want != OK || w.len <= NODE_NAME_BODY_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector),
        cmocka_unit_test(every_length_and_bit),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
