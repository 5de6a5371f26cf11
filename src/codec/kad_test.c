#include "codec/kad.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/pb.h"

static const uint8_t id[38] = { 0x00, 0x24, 0x08, 0x01, 0x12, 0x20, 9 };
static const uint8_t addr[8] = { 0x04, 1, 2, 3, 4, 0x06, 0x0f, 0xa1 };

static size_t sample(uint8_t *out, size_t n)
{
    struct writer w = writer_of(out, n);
    struct kad_peer p = { .id = span_of(id, sizeof(id)), .addr_count = 2, .connection = 1 };
    p.addrs[0] = p.addrs[1] = span_of(addr, sizeof(addr));
    kad_write(&w, KAD_GET_PROVIDERS, span_str("key"));
    kad_write_record(&w, span_str("rk"), span_str("value"));
    kad_write_peer(&w, KAD_CLOSER, &p);
    p.addr_count = 0;
    kad_write_peer(&w, KAD_CLOSER, &p);
    kad_write_peer(&w, KAD_PROVIDERS, &p);
    CHECK_OK(w.err);
    return w.len;
}

static void a_message_reads_back(void **state)
{
    (void)state;
    uint8_t buf[512];
    size_t n = sample(buf, sizeof(buf));
    struct kad_message m;
    struct kad_peer p;
    CHECK_OK(kad_decode(&m, span_of(buf, n)));
    CHECK(m.type == KAD_GET_PROVIDERS && m.has_record);
    CHECK_SPAN(m.key, span_str("key"));
    CHECK_SPAN(m.value, span_str("value"));
    CHECK_SPAN(m.record_key, span_str("rk"));
    struct kad_iter it = kad_peers(&m, KAD_CLOSER);
    CHECK(kad_next(&it, &p) && p.addr_count == 2 && p.connection == 1);
    CHECK_SPAN(p.id, span_of(id, sizeof(id)));
    CHECK_SPAN(p.addrs[1], span_of(addr, sizeof(addr)));
    CHECK(kad_next(&it, &p) && p.addr_count == 0);
    CHECK(!kad_next(&it, &p));
    it = kad_peers(&m, KAD_PROVIDERS);
    CHECK(kad_next(&it, &p) && !kad_next(&it, &p));
}

/* Vector of docs/spec/kad.md 1.5. */
static void these_are_the_bytes(void **state)
{
    (void)state;
    uint8_t buf[128], want[128];
    struct writer w = writer_of(buf, sizeof(buf));
    struct kad_peer p = { .id = span_of(id, sizeof(id)), .addr_count = 1 };
    p.addrs[0] = span_of(addr, sizeof(addr));
    kad_write(&w, KAD_ADD_PROVIDER, span_str("abc"));
    kad_write_peer(&w, KAD_PROVIDERS, &p);
    static const char *hex = "08021203616263"
                             "4a320a26002408011220"
                             "0900000000000000000000000000000000000000000000000000000000000000"
                             "12080401020304060fa1";
    CHECK_OK(hex_parse(want, strlen(hex) / 2, hex));
    CHECK_SPAN(writer_span(&w), span_of(want, strlen(hex) / 2));
}

static void no_prefix_reads_beyond_its_end(void **state)
{
    (void)state;
    uint8_t buf[512];
    size_t n = sample(buf, sizeof(buf));
    for (size_t i = 0; i < n; i++) {
        uint8_t *exact = check_dup(buf, i);
        struct kad_message m;
        struct kad_peer p;
        enum err e = kad_decode(&m, span_of(exact, i));
        CHECK(e == OK || e == ERR_SHORT);
        struct kad_iter it = kad_peers(&m, KAD_CLOSER);
        while (kad_next(&it, &p))
            CHECK(e == OK);
        free(exact);
    }
}

static void rules_of_the_format(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *hex;
        enum err want;
    } rows[] = {
        { "nothing is PUT_VALUE", "", OK },
        { "type 5", "0805", OK },
        { "type 6", "0806", ERR_UNSUPPORTED },
        { "type as bytes", "0a0105", ERR_FORMAT },
        { "key as a number", "1001", ERR_FORMAT },
        { "record as a number", "1801", ERR_FORMAT },
        { "record cut", "1a020a05", ERR_FORMAT },
        { "record key as a number", "1a020801", ERR_FORMAT },
        { "closer peer as a number", "4001", ERR_FORMAT },
        { "closer peer cut", "42020a05", ERR_FORMAT },
        { "peer id as a number", "42020801", ERR_FORMAT },
        { "cluster level", "5001", OK },
        { "future field", "f80101", OK },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[64];
        size_t n = strlen(rows[i].hex) / 2;
        struct kad_message m;
        CHECK_OK(hex_parse(bytes, n, rows[i].hex));
        enum err e = kad_decode(&m, span_of(bytes, n));
        if (e != rows[i].want)
            fail_msg("%s: %s", rows[i].rule, err_name(e));
    }
    static uint8_t big[KAD_MESSAGE_MAX + 1];
    struct kad_message m;
    CHECK_ERR(kad_decode(&m, span_of(big, sizeof(big))), ERR_LIMIT);
    struct writer w = writer_of(big, sizeof(big));
    static uint8_t value[KAD_VALUE_MAX + 1];
    kad_write_record(&w, span_str("k"), span_of(value, sizeof(value)));
    CHECK_ERR(kad_decode(&m, writer_span(&w)), ERR_LIMIT);
    w.len = 0;
    kad_write(&w, KAD_FIND_NODE, span_of(value, KAD_KEY_MAX + 1));
    CHECK_ERR(kad_decode(&m, writer_span(&w)), ERR_LIMIT);
}

static void malformed_peers_are_left_out(void **state)
{
    (void)state;
    uint8_t buf[4096], bad[46] = { 0 };
    struct writer w = writer_of(buf, sizeof(buf));
    struct kad_peer p = { .id = span_str("x") };
    struct kad_message m;
    kad_write_peer(&w, KAD_CLOSER, &p);
    p.id = span_of(bad, 0);
    kad_write_peer(&w, KAD_CLOSER, &p);
    bad[1] = 44;
    p.id = span_of(bad, 46);
    kad_write_peer(&w, KAD_CLOSER, &p);
    p.id = span_of(id, sizeof(id));
    for (uint32_t i = 0; i < KAD_ADDRS_MAX; i++)
        p.addrs[i] = span_of(addr, sizeof(addr));
    p.addr_count = KAD_ADDRS_MAX;
    kad_write_peer(&w, KAD_CLOSER, &p);
    CHECK_OK(w.err);
    CHECK_OK(kad_decode(&m, writer_span(&w)));
    struct kad_iter it = kad_peers(&m, KAD_CLOSER);
    CHECK(kad_next(&it, &p) && p.addr_count == KAD_ADDRS_MAX && p.id.n == 38);
    CHECK(!kad_next(&it, &p));
    static const uint8_t sha[34] = { 0x12, 0x20 }, wrong[34] = { 0x13, 0x20 };
    CHECK(kad_id_valid(span_of(sha, 34)) && !kad_id_valid(span_of(sha, 33)));
    CHECK(!kad_id_valid(span_of(wrong, 34)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reads_back),           cmocka_unit_test(these_are_the_bytes),
        cmocka_unit_test(no_prefix_reads_beyond_its_end), cmocka_unit_test(rules_of_the_format),
        cmocka_unit_test(malformed_peers_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
