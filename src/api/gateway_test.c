/* Requests to the gateway and what it answers, over blocks in memory. */
#include "api/gateway.h"

#include "codec/car.h"
#include "crypto/sha256.h"
#include "ipfs/blockmem_test.h"
#include "ipfs/unixfs_add.h"

#include <stdio.h>

enum { BIG = 3500, BODY_MAX = 64 << 10, ARENA = 4 << 20, PATH_MAX_TEST = 1024 };

/* /hello.txt, /big (four leaves), /sub/index.html, /link -> hello.txt, and a name with everything
 * in it that HTML, URLs and headers must escape. */
static const char odd[] = "a\"<b>&'%?#\xc3\xa9.html";
static const char hello[] = "hello world\n";
static const char page[] = "<!DOCTYPE html><p>index</p>";

struct place {
    struct blockmem *store;
    struct block_sink sink;
    struct block_source source;
    struct unixfs_add add;
    uint8_t *scratch, *chunk, *arena;
    struct mspan memory;
    struct cid root, hello, sub, big, cbor;
    char big_bytes[BIG];
    struct gateway_query q;
    struct gateway_answer a;
    struct gateway_request rq;
    char path[PATH_MAX_TEST], query[PATH_MAX_TEST];
    uint8_t body[BODY_MAX];
    size_t body_size;
    enum err end; /* of the body */
};

static struct unixfs_add_node file_of(struct place *p, struct span data)
{
    struct unixfs_add_stream s;
    struct unixfs_add_node n;
    struct arena arena = arena_of(p->arena, ARENA);
    unixfs_add_stream_init(&s, &p->add, &arena, (struct mspan){ p->chunk, 1000 }, NULL);
    CHECK_OK(unixfs_add_stream_write(&s, data));
    CHECK_OK(unixfs_add_stream_finish(&s, &n));
    return n;
}

struct row {
    const char *name;
    struct unixfs_add_node node;
};

static struct unixfs_add_node folder_of(struct place *p, const struct row *rows, size_t count)
{
    struct unixfs_add_entry list[8];
    uint8_t cids[8][CID_SIZE_MAX];
    struct unixfs_add_node out;
    for (size_t i = 0; i < count; i++) {
        struct writer w = writer_of(cids[i], CID_SIZE_MAX);
        cid_write(&w, &rows[i].node.cid);
        list[i] = (struct unixfs_add_entry){ .name = span_str(rows[i].name),
                                             .cid = writer_span(&w),
                                             .tsize = rows[i].node.tsize };
    }
    CHECK_OK(unixfs_add_dir(&p->add, &out, (struct unixfs_add_entries){ list, count }, NULL));
    return out;
}

static struct cid put_cbor(struct place *p)
{
    uint8_t bytes[64];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct content_key key = { .codec = CID_CODEC_DAG_CBOR };
    struct block_key block = { .codec = CID_CODEC_DAG_CBOR };
    cbor_write_map(&w, 1);
    cbor_write_str(&w, "hello");
    cbor_write_str(&w, "world");
    sha256(key.digest, writer_span(&w));
    memcpy(block.digest, key.digest, sizeof(block.digest));
    CHECK_OK(block_sink_put(&p->sink, &block, writer_span(&w)));
    return cid_of_key(&key);
}

static void fill(struct place *p)
{
    struct unixfs_add_node link;
    for (size_t i = 0; i < BIG; i++)
        p->big_bytes[i] = (char)('a' + i * 7 % 26);
    struct row index = { "index.html", file_of(p, span_str(page)) };
    struct unixfs_add_node sub = folder_of(p, &index, 1);
    struct unixfs_add_node file = file_of(p, span_str(hello));
    struct unixfs_add_node big = file_of(p, span_of(p->big_bytes, BIG));
    CHECK_OK(unixfs_add_symlink(&p->add, &link, span_str("hello.txt"), NULL));
    struct row rows[] = { { "hello.txt", file },
                          { "big", big },
                          { "sub", sub },
                          { "link", link },
                          { odd, file_of(p, span_str("<p>odd</p>")) } };
    p->root = folder_of(p, rows, 5).cid;
    p->hello = file.cid;
    p->big = big.cid;
    p->sub = sub.cid;
    p->cbor = put_cbor(p);
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    p->store = calloc(1, sizeof(*p->store));
    p->sink = blockmem_sink(p->store);
    p->source = blockmem_source(p->store);
    p->scratch = malloc(UNIXFS_ADD_SCRATCH);
    p->chunk = malloc(1000);
    p->arena = malloc(ARENA);
    p->memory = (struct mspan){ malloc(GATEWAY_MEMORY), GATEWAY_MEMORY };
    p->add = (struct unixfs_add){ .sink = &p->sink, .scratch = { p->scratch, UNIXFS_ADD_SCRATCH } };
    CHECK_OK(unixfs_add_profile(&p->add.params, "unixfs-v1-2025"));
    p->add.params.chunk_size = 1000;
    fill(p);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    blockmem_free(p->store);
    free(p->scratch);
    free(p->chunk);
    free(p->arena);
    free(p->memory.p);
    free(p);
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

static const char *header(const struct place *p, const char *name)
{
    for (uint32_t i = 0; i < p->a.header_count; i++) {
        if (strcmp(p->a.headers[i].name, name) == 0)
            return p->a.headers[i].value;
    }
    return "";
}

/* Reads the body in pieces of `piece` bytes. */
static void read_body(struct place *p, size_t piece)
{
    size_t n = 0;
    p->body_size = 0;
    p->end = OK;
    do {
        struct mspan out = { p->body + p->body_size, piece };
        CHECK(p->body_size + piece <= BODY_MAX);
        p->end = gateway_next(&p->a, &n, out);
        p->body_size += p->end == OK ? n : 0;
    } while (p->end == OK && n > 0);
    if (p->end == OK && p->a.size != GATEWAY_SIZE_UNKNOWN)
        CHECK(p->body_size == p->a.size);
}

/* Answers the request in p->rq for a path behind a CID. */
static void ask(struct place *p, const struct cid *cid, const char *rest, const char *query)
{
    char text[CID_TEXT_MAX];
    cid_format(text, cid);
    snprintf(p->path, sizeof(p->path), "/ipfs/%s%s", text, rest);
    snprintf(p->query, sizeof(p->query), "%s", query);
    p->rq.path = p->path;
    p->rq.query = p->query;
    p->body_size = 0;
    if (gateway_parse(&p->q, &p->a, &p->rq))
        gateway_open(&p->a, &p->q, &p->source, p->memory);
    read_body(p, 4096);
    /* No header may begin another one. */
    for (uint32_t i = 0; i < p->a.header_count; i++) {
        for (const char *s = p->a.headers[i].value; *s != '\0'; s++)
            CHECK((uint8_t)*s >= 0x20 && *s != 0x7f);
    }
}

static void get(struct place *p, const struct cid *cid, const char *rest, const char *query)
{
    p->rq = (struct gateway_request){ 0 };
    ask(p, cid, rest, query);
}

static bool body_is(const struct place *p, const void *bytes, size_t n)
{
    return p->body_size == n && memcmp(p->body, bytes, n) == 0;
}

static bool body_has(struct place *p, const char *text)
{
    CHECK(p->body_size < BODY_MAX);
    p->body[p->body_size] = '\0';
    return strstr((char *)p->body, text) != NULL;
}

static struct cid missing_cid(void)
{
    const struct content_key key = { .codec = CID_CODEC_RAW, .digest = { 1, 2, 3 } };
    return cid_of_key(&key);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void statuses(void **state)
{
    static const struct {
        const char *rest, *query;
        uint16_t status;
        const char *type;
    } rows[] = {
        { "/hello.txt", "", 200, "text/plain; charset=utf-8" },
        { "/sub/", "", 200, "text/html; charset=utf-8" },
        { "/sub", "", 301, "" },
        { "/", "", 200, "text/html; charset=utf-8" },
        { "", "", 301, "" },
        { "/link", "", 200, "inode/symlink" },
        { "/none", "", 404, "" },
        { "/hello.txt/", "", 404, "" },
        { "/hello.txt/deeper", "", 404, "" },
        { "/./hello.txt", "", 400, "" },
        { "/sub/../hello.txt", "", 400, "" },
        { "/%2e%2e/hello.txt", "", 400, "" },
        { "/%zz", "", 400, "" },
        { "/%00", "", 400, "" },
        { "", "format=raw", 200, "application/vnd.ipld.raw" },
        { "/hello.txt", "format=raw", 200, "application/vnd.ipld.raw" },
        { "", "format=car", 200, "application/vnd.ipld.car; version=1; order=dfs; dups=n" },
        { "", "format=car&car-dups=y", 200,
          "application/vnd.ipld.car; version=1; order=dfs; dups=y" },
        { "", "format=car&car-version=2", 400, "" },
        { "", "format=car&car-order=bfs", 400, "" },
        { "", "format=car&car-dups=x", 400, "" },
        { "", "format=car&dag-scope=nothing", 400, "" },
        { "", "format=car&entity-bytes=5", 400, "" },
        { "", "format=car&entity-bytes=9:3", 400, "" },
        { "", "format=zip", 400, "" },
        { "", "format=tar", 200, "application/x-tar" },
        { "", "format=dag-cbor", 406, "" },
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        get(p, &p->root, rows[i].rest, rows[i].query);
        if (p->a.status != rows[i].status)
            print_message("%s?%s: %u\n", rows[i].rest, rows[i].query, p->a.status);
        CHECK(p->a.status == rows[i].status);
        CHECK_OK(p->end);
        if (rows[i].type[0] != '\0')
            CHECK(strcmp(header(p, "Content-Type"), rows[i].type) == 0);
    }
}

static void bad_cids_are_named(void **state)
{
    static const char *const paths[] = { "/ipfs/",     "/ipfs/x",       "/ipfs/Qm",
                                         "/ipfs/%20",  "/ipfs/bafybei", "/ipfs/<script>",
                                         "/ipfs/../a", "/ipfs//bafy" };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        p->rq = (struct gateway_request){ .path = paths[i], .query = "" };
        CHECK(!gateway_parse(&p->q, &p->a, &p->rq));
        CHECK(p->a.status == 400);
        CHECK(strcmp(header(p, "Content-Type"), "text/plain; charset=utf-8") == 0);
    }
    p->rq.path = "/ipns/example.org";
    CHECK(!gateway_parse(&p->q, &p->a, &p->rq));
    CHECK(p->a.status == 501);
}

static void bodies_are_the_bytes(void **state)
{
    struct place *p = *state;
    get(p, &p->root, "/hello.txt", "");
    CHECK(body_is(p, hello, strlen(hello)));
    get(p, &p->root, "/big", "");
    CHECK(body_is(p, p->big_bytes, BIG));
    get(p, &p->root, "/sub/", "");
    CHECK(body_is(p, page, strlen(page)));
    get(p, &p->root, "/link", "");
    CHECK(body_is(p, "hello.txt", 9));
    get(p, &p->hello, "", "format=raw");
    CHECK(body_is(p, hello, strlen(hello)));
    get(p, &p->cbor, "", "");
    CHECK(p->a.status == 200);
    CHECK(body_is(p, "\xa1\x65hello\x65world", 13));
    CHECK(strcmp(header(p, "Content-Type"), "application/vnd.ipld.dag-cbor") == 0);
    get(p, &p->cbor, "", "format=cbor");
    CHECK(p->a.status == 200);
    get(p, &p->cbor, "", "format=json"); /* nothing is converted */
    CHECK(p->a.status == 406);
}

static void ranges(void **state)
{
    static const struct {
        const char *range;
        uint16_t status;
        size_t from, size;
        const char *content_range;
    } rows[] = {
        { "bytes=0-9", 206, 0, 10, "bytes 0-9/3500" },
        { "bytes=990-1010", 206, 990, 21, "bytes 990-1010/3500" },
        { "bytes=3499-", 206, 3499, 1, "bytes 3499-3499/3500" },
        { "bytes=0-99999", 206, 0, 3500, "bytes 0-3499/3500" },
        { "bytes=-5", 206, 3495, 5, "bytes 3495-3499/3500" },
        { "bytes=-99999", 206, 0, 3500, "bytes 0-3499/3500" },
        { "bytes=3500-", 416, 0, 0, "bytes */3500" },
        { "bytes=-0", 416, 0, 0, "bytes */3500" },
        { "bytes=9-3", 200, 0, 3500, "" },
        { "bytes=x", 200, 0, 3500, "" },
        { "lines=1-2", 200, 0, 3500, "" },
    };
    struct place *p = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        p->rq = (struct gateway_request){ .range = rows[i].range };
        ask(p, &p->root, "/big", "");
        if (p->a.status != rows[i].status)
            print_message("%s: %u\n", rows[i].range, p->a.status);
        CHECK(p->a.status == rows[i].status);
        CHECK(strcmp(header(p, "Content-Range"), rows[i].content_range) == 0);
        if (rows[i].status != 416)
            CHECK(body_is(p, p->big_bytes + rows[i].from, rows[i].size));
    }
    p->rq = (struct gateway_request){ .range = "bytes=6-10" };
    ask(p, &p->hello, "", "format=raw");
    CHECK(p->a.status == 206);
    CHECK(body_is(p, "world", 5));
}

static void etags(void **state)
{
    char etag[256], list[320];
    struct place *p = *state;
    static const struct {
        const char *rest, *query;
    } rows[] = { { "/big", "" },       { "/", "" },          { "/link", "" },
                 { "", "format=car" }, { "", "format=raw" }, { "/sub/", "" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        get(p, &p->root, rows[i].rest, rows[i].query);
        CHECK(p->a.status == 200);
        snprintf(etag, sizeof(etag), "%s", header(p, "Etag"));
        CHECK(etag[0] != '\0');
        CHECK(header(p, "Cache-Control")[0] != '\0');
        snprintf(list, sizeof(list), "\"other\", W/%s", etag[0] == 'W' ? etag + 2 : etag);
        p->rq = (struct gateway_request){ .if_none_match = list };
        ask(p, &p->root, rows[i].rest, rows[i].query);
        CHECK(p->a.status == 304);
        CHECK(p->body_size == 0);
        p->rq = (struct gateway_request){ .if_none_match = "\"other\"" };
        ask(p, &p->root, rows[i].rest, rows[i].query);
        CHECK(p->a.status == 200);
        p->rq = (struct gateway_request){ .if_none_match = "*" };
        ask(p, &p->root, rows[i].rest, rows[i].query);
        CHECK(p->a.status == 304);
    }
    /* A range of something that has changed is not asked for. */
    p->rq = (struct gateway_request){ .range = "bytes=0-1", .if_range = "\"other\"" };
    ask(p, &p->root, "/big", "");
    CHECK(p->a.status == 200);
}

static void headers_name_the_path(void **state)
{
    char root[CID_TEXT_MAX], want[PATH_MAX_TEST], file[CID_TEXT_MAX];
    struct place *p = *state;
    cid_format(root, &p->root);
    cid_format(file, &p->hello);
    get(p, &p->root, "/hello.txt", "");
    snprintf(want, sizeof(want), "/ipfs/%s/hello.txt", root);
    CHECK(strcmp(header(p, "X-Ipfs-Path"), want) == 0);
    snprintf(want, sizeof(want), "%s,%s", root, file);
    CHECK(strcmp(header(p, "X-Ipfs-Roots"), want) == 0);
    snprintf(want, sizeof(want), "\"%s\"", file);
    CHECK(strcmp(header(p, "Etag"), want) == 0);
    CHECK(strcmp(header(p, "Access-Control-Allow-Origin"), "*") == 0);
    get(p, &p->hello, "", "format=raw");
    snprintf(want, sizeof(want), "attachment; filename=\"%s.bin\"", file);
    CHECK(strcmp(header(p, "Content-Disposition"), want) == 0);
    CHECK(strcmp(header(p, "X-Content-Type-Options"), "nosniff") == 0);
    get(p, &p->root, "/hello.txt", "filename=t%C3%A9st.txt&download=true");
    CHECK(strcmp(header(p, "Content-Disposition"),
                 "attachment; filename=\"t_st.txt\"; filename*=UTF-8''t%C3%A9st.txt") == 0);
    get(p, &p->root, "/hello.txt", "filename=a%0D%0ASet-Cookie:%20x");
    CHECK(strchr(header(p, "Content-Disposition"), '\n') == NULL);
    get(p, &p->root, "/sub", "a=b");
    snprintf(want, sizeof(want), "/ipfs/%s/sub/?a=b", root);
    CHECK(strcmp(header(p, "Location"), want) == 0);
}

static void odd_names_are_escaped(void **state)
{
    static const char in_url[] = "a%22%3Cb%3E%26%27%25%3F%23%C3%A9.html";
    char path[PATH_MAX_TEST];
    struct place *p = *state;
    get(p, &p->root, "/", "");
    CHECK(p->a.status == 200);
    CHECK(!body_has(p, "<b>"));
    CHECK(body_has(p, "&lt;b&gt;&amp;"));
    CHECK(body_has(p, "hello.txt") && body_has(p, "big") && body_has(p, "sub"));
    snprintf(path, sizeof(path), "/%s", in_url);
    get(p, &p->root, path, "");
    CHECK(p->a.status == 200);
    CHECK(body_is(p, "<p>odd</p>", 10));
    CHECK(strstr(header(p, "X-Ipfs-Path"), "<b>") == NULL);
    /* The listing in pieces of any size is the same. */
    get(p, &p->root, "/", "");
    size_t n = p->body_size;
    uint8_t *all = check_dup(p->body, n);
    gateway_open(&p->a, &p->q, &p->source, p->memory);
    read_body(p, 16 << 10);
    CHECK(body_is(p, all, n));
    free(all);
}

/* The blocks of a CAR, in order. */
static size_t car_blocks(struct place *p, struct cid *root, struct cid *out, size_t max)
{
    static uint8_t buf[CAR_SECTION_MAX];
    struct car_parser parser;
    struct car_item item;
    struct span in = span_of(p->body, p->body_size);
    size_t n = 0;
    car_parser_init(&parser, (struct mspan){ buf, sizeof(buf) });
    while (in.n > 0) {
        CHECK_OK(car_parser_next(&parser, &item, &in));
        if (item.event == CAR_HEADER)
            CHECK(car_next_root(&item.header, root));
        if (item.event != CAR_BLOCK)
            continue;
        CHECK_OK(dag_block_verify(&item.cid, item.data));
        CHECK(n < max);
        out[n++] = item.cid;
    }
    CHECK_OK(car_parser_finish(&parser));
    return n;
}

static void car_scopes(void **state)
{
    static const struct {
        const char *rest, *query;
        size_t blocks;
    } rows[] = {
        { "", "format=car", 11 },
        { "", "format=car&dag-scope=all", 11 },
        { "", "format=car&dag-scope=block", 1 },
        { "", "format=car&dag-scope=entity", 1 },
        { "/big", "format=car", 6 },
        { "/big", "format=car&dag-scope=block", 2 },
        { "/big", "format=car&dag-scope=entity", 6 },
        { "/big", "format=car&entity-bytes=0:9", 3 },
        { "/big", "format=car&entity-bytes=1500:2500", 4 },
        { "/big", "format=car&entity-bytes=-1:*", 3 },
        { "/hello.txt", "format=car", 2 },
        { "/sub", "format=car", 3 },
    };
    struct place *p = *state;
    struct cid cids[32], root;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        get(p, &p->root, rows[i].rest, rows[i].query);
        CHECK(p->a.status == 200);
        size_t n = car_blocks(p, &root, cids, 32);
        if (n != rows[i].blocks)
            print_message("%s?%s: %zu\n", rows[i].rest, rows[i].query, n);
        CHECK(n == rows[i].blocks);
        CHECK(cid_eq(&cids[0], &p->root));
    }
    p->rq = (struct gateway_request){ .accept = "application/vnd.ipld.car; dups=y" };
    ask(p, &p->root, "", "");
    CHECK(strstr(header(p, "Content-Type"), "dups=y") != NULL);
}

static void what_is_missing_is_told_in_time(void **state)
{
    struct place *p = *state;
    struct cid none = missing_cid();
    get(p, &none, "", "");
    CHECK(p->a.status == 404);
    CHECK_ERR(p->a.err, ERR_NOT_FOUND);
    CHECK(cid_eq(&p->a.missing, &none));
    p->rq = (struct gateway_request){ .cache_control = "only-if-cached" };
    ask(p, &none, "", "format=raw");
    CHECK(p->a.status == 412);
    p->store->fail_every = 1;
    get(p, &p->root, "/hello.txt", "");
    CHECK(p->a.status == 504);
    p->store->fail_every = 0;
    /* In the middle of a body only breaking off is left. */
    blockmem_remove(p->store, p->big.digest);
    get(p, &p->root, "", "format=car");
    CHECK(p->a.status == 200);
    CHECK_ERR(p->end, ERR_NOT_FOUND);
}

static void a_service_worker_cannot_take_the_root(void **state)
{
    struct place *p = *state;
    p->rq = (struct gateway_request){ .service_worker = "script" };
    ask(p, &p->root, "", "");
    CHECK(p->a.status == 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statuses, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_cids_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_the_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(etags, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_name_the_path, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_names_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(car_scopes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_told_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_service_worker_cannot_take_the_root, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
