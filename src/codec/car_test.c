#include "codec/car.h"

#include "base/check.h"

static uint8_t *section_buffer;

static int setup(void **state)
{
    (void)state;
    section_buffer = malloc(CAR_SECTION_MAX);
    return section_buffer == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    free(section_buffer);
    return 0;
}

/* Three blocks under one root. */
static size_t sample(uint8_t *out, size_t n)
{
    struct writer w = writer_of(out, n);
    struct cid cids[3];
    static const char *data[] = { "", "block", "a longer block, longer than the head before it" };
    for (size_t i = 0; i < 3; i++) {
        cids[i] = (struct cid){
            .version = 1, .codec = CID_CODEC_RAW, .hash = CID_HASH_SHA2_256, .digest_size = 32
        };
        memset(cids[i].digest, (int)i + 1, 32);
    }
    car_write_header(&w, cids, 1);
    for (size_t i = 0; i < 3; i++) {
        car_write_section(&w, &cids[i], strlen(data[i]));
        write_span(&w, span_str(data[i]));
    }
    CHECK_OK(w.err);
    return w.len;
}

struct result {
    enum err err;
    size_t headers, roots, blocks, bytes;
};

static struct result parse(struct span in, size_t piece)
{
    struct car_parser p;
    struct car_item item;
    struct result res = { 0 };
    car_parser_init(&p, (struct mspan){ section_buffer, CAR_SECTION_MAX });
    while (in.n > 0 && res.err == OK) {
        struct span part = span_sub(in, 0, piece);
        in = span_sub(in, part.n, in.n);
        while (part.n > 0 && (res.err = car_parser_next(&p, &item, &part)) == OK) {
            struct cid root;
            res.headers += item.event == CAR_HEADER;
            while (item.event == CAR_HEADER && car_next_root(&item.header, &root))
                res.roots++;
            res.blocks += item.event == CAR_BLOCK;
            res.bytes += item.event == CAR_BLOCK ? item.data.n : 0;
        }
    }
    if (res.err == OK)
        res.err = car_parser_finish(&p);
    return res;
}

static void an_archive_reads_the_same_in_any_pieces(void **state)
{
    (void)state;
    uint8_t car[512];
    size_t n = sample(car, sizeof(car));
    for (size_t piece = 1; piece <= n; piece++) {
        struct result res = parse(span_of(car, n), piece);
        CHECK_OK(res.err);
        CHECK(res.headers == 1 && res.roots == 1 && res.blocks == 3 && res.bytes == 51);
    }
}

static void a_cut_archive_is_reported(void **state)
{
    (void)state;
    uint8_t car[512];
    size_t n = sample(car, sizeof(car)), ends = 0;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = check_dup(car, cut);
        struct result res = parse(span_of(exact, cut), SIZE_MAX);
        CHECK(res.err == OK || res.err == ERR_SHORT);
        ends += res.err == OK;
        CHECK(res.blocks <= 2);
        free(exact);
    }
    CHECK(ends == 3); /* after the header and between sections */
}

static void version_2_reads_its_payload_only(void **state)
{
    (void)state;
    uint8_t inner[512], car[1024];
    size_t n = sample(inner, sizeof(inner));
    struct writer w = writer_of(car, sizeof(car));
    write_bytes(&w, "\x0a\xa1\x67version\x02", 11);
    for (int i = 0; i < 16; i++)
        write_u8(&w, 0);
    write_le64(&w, 60); /* nine bytes of padding */
    write_le64(&w, n);
    write_le64(&w, 60 + n);
    write_bytes(&w, "padding..", 9);
    write_bytes(&w, inner, n);
    write_bytes(&w, "index that is not looked at", 27);
    for (size_t piece = 1; piece <= w.len; piece += 7) {
        struct result res = parse(writer_span(&w), piece);
        CHECK_OK(res.err);
        CHECK(res.headers == 1 && res.blocks == 3);
    }
    CHECK_ERR(parse(span_sub(writer_span(&w), 0, 60 + n - 1), SIZE_MAX).err, ERR_SHORT);
    car[27] = 50; /* data inside the header */
    CHECK_ERR(parse(writer_span(&w), SIZE_MAX).err, ERR_FORMAT);
}

static void broken_archives_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        const char *bytes;
        size_t n;
        enum err want;
    } rows[] = {
        { "empty", "", 0, ERR_SHORT },
        { "length 0", "\x00", 1, ERR_FORMAT },
        { "header over 64 KiB", "\x81\x80\x04", 3, ERR_LIMIT },
        { "padded length", "\x81\x00", 2, ERR_FORMAT },
        { "version 3", "\x11\xa2\x65roots\x80\x67version\x03", 18, ERR_UNSUPPORTED },
        { "no roots", "\x0a\xa1\x67version\x01", 11, ERR_FORMAT },
        { "no version", "\x08\xa1\x65roots\x80", 9, ERR_FORMAT },
        { "roots are no links", "\x12\xa2\x65roots\x81\x01\x67version\x01", 19, ERR_FORMAT },
        { "another key", "\x14\xa3\x61x\x01\x65roots\x80\x67version\x01", 21, ERR_FORMAT },
        { "zero roots are fine", "\x11\xa2\x65roots\x80\x67version\x01", 18, OK },
        { "section over the limit", "\x11\xa2\x65roots\x80\x67version\x01\xff\xff\xff\x7f", 22,
          ERR_LIMIT },
        { "section without CID", "\x11\xa2\x65roots\x80\x67version\x01\x01\x01", 20, ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct result res = parse(span_of(rows[i].bytes, rows[i].n), SIZE_MAX);
        if (res.err != rows[i].want)
            fail_msg("%s: %s", rows[i].rule, err_name(res.err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_archive_reads_the_same_in_any_pieces),
        cmocka_unit_test(a_cut_archive_is_reported),
        cmocka_unit_test(version_2_reads_its_payload_only),
        cmocka_unit_test(broken_archives_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
