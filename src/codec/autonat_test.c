#include "codec/autonat.h"

#include "base/check.h"
#include "base/hex.h"

/* docs/spec/autonat.md 1.6 */
static const struct {
    const char *what, *hex;
} vectors[] = {
    { "request", "0a130a08042d21070b060fa1110807060504030201" },
    { "reached", "120608c80118c801" },
    { "refused", "12020865" },
    { "data request", "1a0410b0ea01" },
    { "data", "22050a03000000" },
};

static struct span bytes_of(uint8_t *buf, size_t n, const char *hex)
{
    size_t size = strlen(hex) / 2;
    CHECK(size <= n);
    CHECK_OK(hex_parse(buf, size, hex));
    return span_of(buf, size);
}

static void messages_are_those_of_the_page(void **state)
{
    (void)state;
    static const uint8_t addr[] = { 4, 45, 33, 7, 11, 6, 0x0f, 0xa1 }, nothing[3];
    const struct autonat_message want[] = {
        { .kind = AUTONAT_REQUEST,
          .nonce = 0x0102030405060708,
          .addr_count = 1,
          .addrs = { { addr, sizeof(addr) } } },
        { .kind = AUTONAT_RESPONSE, .status = AUTONAT_DONE, .dial = AUTONAT_REACHED },
        { .kind = AUTONAT_RESPONSE, .status = AUTONAT_REFUSED },
        { .kind = AUTONAT_DATA_REQUEST, .bytes = 30000 },
        { .kind = AUTONAT_DATA, .data = { nothing, sizeof(nothing) } },
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t buf[100], out[100];
        struct span in = bytes_of(buf, sizeof(buf), vectors[i].hex);
        struct writer w = writer_of(out, sizeof(out));
        struct autonat_message m;
        autonat_write(&w, &want[i]);
        CHECK_OK(w.err);
        CHECK_SPAN(writer_span(&w), in);
        CHECK_OK(autonat_decode(&m, in));
        CHECK(m.kind == want[i].kind && m.nonce == want[i].nonce && m.status == want[i].status &&
              m.dial == want[i].dial && m.addr_index == want[i].addr_index &&
              m.bytes == want[i].bytes && m.addr_count == want[i].addr_count);
        CHECK_SPAN(m.data, want[i].data);
        if (m.addr_count == 1)
            CHECK_SPAN(m.addrs[0], want[i].addrs[0]);
    }
}

static void a_cut_message_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t buf[100];
        struct autonat_message m;
        struct span in = bytes_of(buf, sizeof(buf), vectors[i].hex);
        for (size_t n = 0; n < in.n; n++) {
            uint8_t *exact = check_dup(in.p, n);
            CHECK(autonat_decode(&m, span_of(exact, n)) != OK && m.kind == 0 && m.addr_count == 0);
            free(exact);
        }
    }
}

static void what_breaks_the_format_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *hex;
        enum err want;
    } rows[] = {
        { "1.2 none of the four", "2a00", ERR_FORMAT },
        { "1.2 a kind that is no message", "0801", ERR_FORMAT },
        { "1.2 an address that is a number", "0a020801", ERR_FORMAT },
        { "1.2 a nonce of another width", "0a021001", ERR_FORMAT },
        { "1.2 a status that is a text", "12030a0141", ERR_FORMAT },
        { "1.2 a negative status", "120b08ffffffffffffffffff01", ERR_FORMAT },
        { "1.2 an index over 32 bits", "1a06088080808010", ERR_FORMAT },
        { "1.2 data that is a number", "22020801", ERR_FORMAT },
        { "later fields are skipped", "0a053a0341414178", ERR_SHORT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t buf[100];
        struct autonat_message m;
        CHECK_ERR(autonat_decode(&m, bytes_of(buf, sizeof(buf), rows[i].hex)), rows[i].want);
    }
    static uint8_t big[AUTONAT_MESSAGE_MAX + 1];
    struct autonat_message m;
    CHECK_ERR(autonat_decode(&m, span_of(big, sizeof(big))), ERR_LIMIT);
}

static void the_last_of_several_counts(void **state)
{
    (void)state;
    uint8_t buf[100];
    struct autonat_message m;
    CHECK_OK(autonat_decode(&m, bytes_of(buf, sizeof(buf), "1a0012020865")));
    CHECK(m.kind == AUTONAT_RESPONSE && m.status == AUTONAT_REFUSED);
    CHECK_OK(autonat_decode(&m, bytes_of(buf, sizeof(buf), "0a053a034141412a021234")));
    CHECK(m.kind == AUTONAT_REQUEST && m.addr_count == 0 && m.nonce == 0);
}

static void only_fifty_addresses_are_looked_at(void **state)
{
    (void)state;
    uint8_t buf[2 * AUTONAT_ADDRS_MAX * 4];
    struct writer w = writer_of(buf, sizeof(buf));
    write_u8(&w, 0x0a);
    write_uvarint(&w, 3 * (AUTONAT_ADDRS_MAX + 10));
    for (uint8_t i = 0; i < AUTONAT_ADDRS_MAX + 10; i++) {
        write_u8(&w, 0x0a);
        write_u8(&w, 1);
        write_u8(&w, i);
    }
    struct autonat_message m;
    CHECK_OK(w.err);
    CHECK_OK(autonat_decode(&m, writer_span(&w)));
    CHECK(m.addr_count == AUTONAT_ADDRS_MAX && m.addrs[AUTONAT_ADDRS_MAX - 1].p[0] == 49);
}

static void a_nonce_is_brought_back(void **state)
{
    (void)state;
    uint8_t buf[100], out[100];
    uint64_t nonce;
    struct writer w = writer_of(out, sizeof(out));
    struct span in = bytes_of(buf, sizeof(buf), "090807060504030201");
    autonat_back_write(&w, 0x0102030405060708);
    CHECK_SPAN(writer_span(&w), in);
    CHECK_OK(autonat_back_decode(&nonce, in));
    CHECK(nonce == 0x0102030405060708);
    for (size_t n = 1; n < in.n; n++) {
        uint8_t *exact = check_dup(in.p, n);
        CHECK_ERR(autonat_back_decode(&nonce, span_of(exact, n)), ERR_SHORT);
        free(exact);
        CHECK(nonce == 0);
    }
    CHECK_ERR(autonat_back_decode(&nonce, bytes_of(buf, sizeof(buf), "0801")), ERR_FORMAT);
    static uint8_t big[AUTONAT_BACK_MAX + 1];
    CHECK_ERR(autonat_back_decode(&nonce, span_of(big, sizeof(big))), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_those_of_the_page),
        cmocka_unit_test(a_cut_message_is_none),
        cmocka_unit_test(what_breaks_the_format_is_refused),
        cmocka_unit_test(the_last_of_several_counts),
        cmocka_unit_test(only_fifty_addresses_are_looked_at),
        cmocka_unit_test(a_nonce_is_brought_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
