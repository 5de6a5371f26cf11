#include "api/kubo_multipart.h"

#include "base/check.h"

#define TYPE "multipart/form-data; boundary=----x"
#define FILE_HEAD(name)                                                                            \
    "------x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" name "\"\r\n"

static struct kubo_multipart m;

/* Everything told, as text: "[kind path]", bytes, ".". */
static enum err told(char *out, const char *type, struct span body, size_t piece)
{
    struct kubo_multipart_item item;
    size_t n = 0;
    out[0] = '\0';
    enum err e = kubo_multipart_init(&m, type);
    while (e == OK && body.n > 0) {
        struct span in = span_sub(body, 0, piece);
        body = span_sub(body, piece, body.n);
        for (;;) {
            e = kubo_multipart_next(&m, &item, &in);
            if (e != OK || item.event == KUBO_MULTIPART_MORE)
                break;
            if (item.event == KUBO_MULTIPART_PART) {
                out[n++] = '[';
                out[n++] = "fds"[m.part.kind];
                memcpy(out + n, m.part.path, strlen(m.part.path));
                n += strlen(m.part.path);
                out[n++] = ']';
            } else if (item.event == KUBO_MULTIPART_DATA) {
                memcpy(out + n, item.data.p, item.data.n);
                n += item.data.n;
            } else {
                out[n++] = item.event == KUBO_MULTIPART_DONE ? '.' : '!';
            }
            out[n] = '\0';
        }
    }
    return e == OK ? kubo_multipart_finish(&m) : e;
}

static const struct {
    const char *body, *want;
} good[] = {
    { FILE_HEAD("a") "\r\nhello\r\n------x--\r\n", "[fa]hello.!" },
    { FILE_HEAD("a%2Fb+c%20d") "Content-Type: application/octet-stream\r\n\r\n\r\n------x--",
      "[fa/b c d].!" },
    { "preamble\r\n" FILE_HEAD("d") "content-type: application/x-directory\r\n\r\n\r\n" FILE_HEAD(
          "d%2Fl") "Content-Type: application/symlink\r\n\r\n../t\r\n------x--\r\nepilogue",
      "[dd].[sd/l]../t.!" },
    { FILE_HEAD("a") "\r\n\r\r\n\r\n---\r\n------y\r\n------x--",
      "[fa]\r\r\n\r\n---\r\n------y.!" },
    { "------x\r\nContent-Disposition: form-data\r\n\r\nx\r\n------x--", "[f]x.!" },
};

static void any_split_of_a_body_gives_the_same(void **state)
{
    (void)state;
    char out[512];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct span body = span_str(good[i].body);
        for (size_t piece = 1; piece <= body.n; piece++) {
            CHECK_OK(told(out, TYPE, body, piece));
            CHECK(strcmp(out, good[i].want) == 0);
        }
    }
}

static void every_prefix_is_short(void **state)
{
    (void)state;
    char out[512];
    struct span body = span_str(good[0].body);
    for (size_t n = 0; n < body.n - 2; n++) {
        uint8_t *exact = check_dup(body.p, n);
        CHECK_ERR(told(out, TYPE, span_of(exact, n), n + 1), ERR_SHORT);
        free(exact);
    }
}

static void what_is_no_upload_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err e;
    } rows[] = {
        { FILE_HEAD("..%2Fa") "\r\nx", ERR_FORMAT },
        { FILE_HEAD("%2Fa") "\r\nx", ERR_FORMAT },
        { FILE_HEAD("a%2F") "\r\nx", ERR_FORMAT },
        { FILE_HEAD("a%2F%2Fb") "\r\nx", ERR_FORMAT },
        { FILE_HEAD("a%2F.") "\r\nx", ERR_FORMAT },
        { FILE_HEAD("a%00") "\r\nx", ERR_FORMAT },
        { FILE_HEAD("a%zz") "\r\nx", ERR_FORMAT },
        { "------x\r\nContent-Type: a/b\r\n\r\nx", ERR_FORMAT },
        { "------x\r\nContent-Disposition: attachment\r\n\r\nx", ERR_FORMAT },
        { "------x\r\nnothing\r\n\r\nx", ERR_FORMAT },
        { "------x?\r\n", ERR_FORMAT },
        { FILE_HEAD("a") "Content-Type: multipart/mixed\r\n\r\nx", ERR_UNSUPPORTED },
    };
    char out[512];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_ERR(told(out, TYPE, span_str(rows[i].body), 7), rows[i].e);
}

static void a_boundary_is_needed(void **state)
{
    (void)state;
    static const char *const types[] = { "text/plain",
                                         "multipart/form-data",
                                         "multipart/form-data; boundary=",
                                         "multipart/form-data; boundary=\"a",
                                         "multipart/form-data; boundary=\"a \"",
                                         "multipart/form-data; boundary=\"a\r\"",
                                         "multipart/form-data, boundary=a" };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        CHECK_ERR(kubo_multipart_init(&m, types[i]), ERR_FORMAT);
    CHECK_ERR(kubo_multipart_init(&m, NULL), ERR_FORMAT);
    CHECK_OK(kubo_multipart_init(&m, "Multipart/Form-Data; a=b; Boundary=\"a b\""));
    CHECK(m.delimiter_size == 7 && memcmp(m.delimiter, "\r\n--a b", 7) == 0);
}

static void headers_have_a_limit(void **state)
{
    (void)state;
    static char body[KUBO_MULTIPART_HEAD_MAX + 100];
    char out[64];
    memset(body, 'a', sizeof(body));
    memcpy(body, "------x\r\n", 9);
    CHECK_ERR(told(out, TYPE, span_of(body, sizeof(body)), 1000), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_split_of_a_body_gives_the_same),
        cmocka_unit_test(every_prefix_is_short),
        cmocka_unit_test(what_is_no_upload_is_refused),
        cmocka_unit_test(a_boundary_is_needed),
        cmocka_unit_test(headers_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
