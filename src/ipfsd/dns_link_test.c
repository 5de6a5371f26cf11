#include "ipfsd/dns_link.h"

#include "base/check.h"
#include "base/writer.h"

/* One answer: its type, TTL and data. */
struct answer {
    uint16_t type;
    uint32_t ttl;
    const char *data;
    size_t size;
};

static uint8_t buf[4096];

static struct span message(const struct answer *list, uint16_t count, uint16_t flags)
{
    struct writer w = writer_of(buf, sizeof(buf));
    write_be16(&w, 7);
    write_be16(&w, flags);
    write_be16(&w, 1);
    write_be16(&w, count);
    write_be32(&w, 0);
    write_span(&w, span_of("\x08_dnslink\x07"
                           "example\0\0\x10\0\x01",
                           22));
    for (uint16_t i = 0; i < count; i++) {
        write_be16(&w, 0xc00c);
        write_be16(&w, list[i].type);
        write_be16(&w, 1);
        write_be32(&w, list[i].ttl);
        write_be16(&w, (uint16_t)list[i].size);
        write_span(&w, span_of(list[i].data, list[i].size));
    }
    CHECK_OK(w.err);
    return writer_span(&w);
}

#define TXT(text) text, sizeof(text) - 1

#define LINK(n, text)                                                                              \
    {                                                                                              \
        16, n, TXT(text)                                                                           \
    }

/* clang-format off */
static const struct {
    struct answer list[3];
    uint16_t count;
    enum err want;
    const char *value;
    uint32_t ttl_s;
} rows[] = {
    { { LINK(60, "\x16" "dnslink=/ipfs/bafkqaaa") }, 1, OK, "/ipfs/bafkqaaa", 60 },
    { { LINK(60, "\x0e" "dnslink=/ipfs/" "\x08" "bafkqaaa") }, 1, OK, "/ipfs/bafkqaaa", 60 },
    { { LINK(0, "\x11" "dnslink=/ipns/a.b") }, 1, OK, "/ipns/a.b", 1 },
    { { LINK(0x80000000, "\x11" "dnslink=/ipns/a.b") }, 1, OK, "/ipns/a.b", 1 },
    { { LINK(5, "\x11" "dnslink=/ipns/b.b"), LINK(6, "\x11" "dnslink=/ipns/a.b") }, 2, OK, "/ipns/a.b", 6 },
    { { { 5, 5, TXT("\x01" "x\0") }, LINK(6, "\x06" "v=spf1"), LINK(7, "\x11" "dnslink=/ipns/a.b") }, 3, OK, "/ipns/a.b", 7 },
    { { LINK(5, "\x11" "DNSLINK=/ipns/a.b") }, 1, ERR_NOT_FOUND, "", 0 },
    { { LINK(5, "\x0d" "dnslink=/http") }, 1, ERR_NOT_FOUND, "", 0 },
    { { LINK(5, "\x12" "dnslink=/ipns/a.b") }, 1, ERR_NOT_FOUND, "", 0 }, /* ends early */
    { { { 1, 5, TXT("\x7f\0\0\x01") } }, 1, ERR_NOT_FOUND, "", 0 },
};
/* clang-format on */

static void links_are_found(void **state)
{
    (void)state;
    struct gateway_dnslink l;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_ERR(dns_link_parse(&l, message(rows[i].list, rows[i].count, 0x8180)), rows[i].want);
        CHECK(strcmp(l.value, rows[i].value) == 0);
        CHECK(l.ttl_s == rows[i].ttl_s);
    }
    CHECK_ERR(dns_link_parse(&l, message(NULL, 0, 0x8183)), ERR_NOT_FOUND);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    const struct answer one = { 16, 60,
                                TXT("\x16"
                                    "dnslink=/ipfs/bafkqaaa") };
    struct gateway_dnslink l;
    struct span whole = message(&one, 1, 0x8180);
    for (size_t n = 0; n < whole.n; n++) {
        uint8_t *exact = check_dup(whole.p, n);
        CHECK_ERR(dns_link_parse(&l, span_of(exact, n)), ERR_SHORT);
        CHECK(l.value[0] == '\0');
        free(exact);
    }
    buf[12] = 0x80; /* a kind of label that does not exist */
    CHECK_ERR(dns_link_parse(&l, whole), ERR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_found),
        cmocka_unit_test(every_prefix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
