#include "codec/dns.h"

#include "base/check.h"

static uint8_t buf[4096];

/* The answer of RFC 1035 4.1.4's kind: F.ISI.ARPA at 20, FOO.F.ISI.ARPA by pointer, ARPA, the root.
 */
static void names_follow_pointers(void **state)
{
    (void)state;
    struct writer w = writer_of(buf, sizeof(buf));
    const uint16_t counts[DNS_SECTIONS] = { 4, 0, 0, 0 };
    static const char *const want[] = { "f.isi.arpa", "foo.f.isi.arpa", "arpa", "" };
    struct dns_message m;
    struct dns_record rr;
    dns_write_head(&w, 0x1234, 0x8180, counts);
    write_bytes(&w, "\1F\3ISI\4ARPA\0\0\1\0\1", 16);
    write_bytes(&w, "\3FOO\xc0\x0c\0\1\0\1", 10);
    write_bytes(&w, "\xc0\x12\0\1\0\1", 6); /* 12 + 1 + 1 + 1 + 3 = 18 */
    write_bytes(&w, "\0\0\1\x80\1", 5);
    CHECK_OK(dns_open(&m, writer_span(&w)));
    CHECK(m.id == 0x1234 && m.flags == 0x8180);
    for (size_t i = 0; i < 4; i++) {
        CHECK(dns_next(&m, &rr));
        CHECK(strcmp(rr.name.text, want[i]) == 0);
        CHECK(rr.section == DNS_QUESTIONS && rr.type == DNS_A);
        CHECK((rr.class & DNS_CLASS_BITS) == DNS_IN);
    }
    CHECK((rr.class & DNS_UNIQUE) != 0);
    CHECK(!dns_next(&m, &rr) && m.r.err == OK);
}

static struct span question(const char *name, size_t n)
{
    struct writer w = writer_of(buf, sizeof(buf));
    const uint16_t counts[DNS_SECTIONS] = { 1, 0, 0, 0 };
    dns_write_head(&w, 0, 0, counts);
    write_bytes(&w, name, n);
    write_be32(&w, 0x00010001);
    return writer_span(&w);
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    char many[300] = { 0 };
    static const struct {
        const char *name;
        size_t n;
    } bad[] = {
        { "\xc0\x0c", 2 },    /* to itself */
        { "\xc0\x10", 2 },    /* forwards */
        { "\1a\xc0\x0d", 4 }, /* into itself */
        { "\x40"
          "a",
          2 }, /* kinds of labels that do not exist */
        { "\x80"
          "a",
          2 },
    };
    struct dns_message m;
    struct dns_record rr;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_OK(dns_open(&m, question(bad[i].name, bad[i].n)));
        CHECK(!dns_next(&m, &rr) && rr.name.text[0] == '\0');
        CHECK_ERR(m.r.err, ERR_FORMAT);
    }
    for (size_t i = 0; i < 256; i += 2) /* labels of one byte: too long as a whole */
        many[i] = 1, many[i + 1] = 'a';
    CHECK_OK(dns_open(&m, question(many, 257)));
    CHECK(!dns_next(&m, &rr));
    CHECK_ERR(m.r.err, ERR_FORMAT);
    CHECK_OK(dns_open(&m, question(many + 4, 253)));
    CHECK(dns_next(&m, &rr) && strlen(rr.name.text) == 251);
    CHECK_OK(dns_open(&m, question("\3a.b\2\0z\0", 8)));
    CHECK(dns_next(&m, &rr) && strcmp(rr.name.text, "a?b.?z") == 0);
}

/* A chain of pointers, each to the one before: only so many are followed. */
static void pointers_are_bounded(void **state)
{
    (void)state;
    struct writer w = writer_of(buf, sizeof(buf));
    const uint16_t counts[DNS_SECTIONS] = { 40, 0, 0, 0 };
    struct dns_message m;
    struct dns_record rr;
    dns_write_head(&w, 0, 0, counts);
    dns_write_question(&w, "a", DNS_A, DNS_IN);
    for (size_t i = 1, before = 12; i < 40; i++) {
        size_t at = w.len;
        write_be16(&w, (uint16_t)(0xc000 | before));
        write_be32(&w, 0x00010001);
        before = at;
    }
    CHECK_OK(dns_open(&m, writer_span(&w)));
    for (size_t i = 0; i <= DNS_JUMPS_MAX; i++)
        CHECK(dns_next(&m, &rr) && strcmp(rr.name.text, "a") == 0);
    CHECK(!dns_next(&m, &rr));
    CHECK_ERR(m.r.err, ERR_FORMAT);
}

static struct span answer(void)
{
    struct writer w = writer_of(buf, sizeof(buf));
    const uint16_t counts[DNS_SECTIONS] = { 1, 1, 0, 1 };
    struct dns_record rr = { .type = DNS_PTR, .class = DNS_IN, .ttl_s = 120 };
    dns_write_head(&w, 7, DNS_ANSWER_FLAG | DNS_AUTHORITATIVE, counts);
    dns_write_question(&w, "_p2p._udp.local", DNS_PTR, DNS_IN);
    memcpy(rr.name.text, "_p2p._udp.local", 16);
    dns_write_record(&w, &rr, dns_name_size("x._p2p._udp.local"));
    dns_write_name(&w, "x._p2p._udp.local");
    memcpy(rr.name.text, "x._p2p._udp.local", 18);
    rr.type = DNS_TXT;
    rr.class = DNS_IN | DNS_UNIQUE;
    dns_write_record(&w, &rr, 7);
    dns_write_text(&w, span_str("abc"));
    dns_write_text(&w, span_str("de"));
    CHECK_OK(w.err);
    return writer_span(&w);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct dns_message m;
    struct dns_record rr;
    struct dns_name to;
    struct span text;
    CHECK_OK(dns_open(&m, answer()));
    CHECK(dns_next(&m, &rr) && rr.section == DNS_QUESTIONS && !dns_target(&to, &m, &rr));
    CHECK(dns_next(&m, &rr) && rr.section == DNS_ANSWERS && rr.ttl_s == 120);
    CHECK(dns_target(&to, &m, &rr) && strcmp(to.text, "x._p2p._udp.local") == 0);
    CHECK(dns_next(&m, &rr) && rr.section == DNS_ADDITIONALS);
    CHECK(rr.class == (DNS_IN | DNS_UNIQUE));
    struct reader r = reader_of(rr.data);
    CHECK(dns_text(&r, &text) && span_eq(text, span_str("abc")));
    CHECK(dns_text(&r, &text) && span_eq(text, span_str("de")));
    CHECK(!dns_text(&r, &text) && r.err == OK);
    r = reader_of(span_sub(rr.data, 0, 6));
    CHECK(dns_text(&r, &text) && !dns_text(&r, &text) && r.err == ERR_SHORT);
}

static void every_prefix_is_short(void **state)
{
    (void)state;
    struct span whole = answer();
    for (size_t n = 0; n < whole.n; n++) {
        uint8_t *exact = check_dup(whole.p, n);
        struct dns_message m;
        struct dns_record rr;
        enum err e = dns_open(&m, span_of(exact, n));
        while (e == OK && dns_next(&m, &rr))
            ;
        CHECK_ERR(m.r.err, ERR_SHORT);
        free(exact);
    }
}

static void names_that_cannot_be_written(void **state)
{
    (void)state;
    char name[300];
    struct writer w = writer_of(buf, sizeof(buf));
    memset(name, 'a', sizeof(name));
    name[64] = '\0';
    dns_write_name(&w, name);
    CHECK_ERR(w.err, ERR_FORMAT);
    w = writer_of(buf, sizeof(buf));
    dns_write_name(&w, "a..b");
    CHECK_ERR(w.err, ERR_FORMAT);
    w = writer_of(buf, sizeof(buf));
    dns_write_text(&w, span_of(name, 256));
    CHECK_ERR(w.err, ERR_LIMIT);
    w = writer_of(buf, sizeof(buf));
    dns_write_name(&w, "a.bc");
    CHECK_SPAN(writer_span(&w), span_of("\1a\2bc", 6));
    CHECK(dns_name_size("a.bc") == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_pointers), cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(pointers_are_bounded),  cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(every_prefix_is_short), cmocka_unit_test(names_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
