/* Hosts, names, sites, archives and pages, over the fixtures of gateway-conformance. */
#include "api/gateway.h"

#include "api/gateway_host.h"
#include "api/gateway_tar.h"
#include "codec/pb.h"
#include "crypto/sha256.h"
#include "ipfs/blockmem_test.h"

#include <stdio.h>

enum { BODY_MAX = 256 << 10, NOW = 1795000000, CAR_MAX = 256 << 10 };

#define CID_HELLO    "bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am"
#define CID_HELLO_V0 "QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN"
#define CID_DIR      "bafybeiht6dtwk3les7vqm6ibpvz6qpohidvlshsfyr7l5mpysdw2vmbbhe"
#define CID_LIST     "bafybeig6ka5mlwkl4subqhaiatalkcleo4jgnr3hqwvpmsqfca27cijp3i"
#define CID_SPA      "bafybeib5lboymwd6p2eo4qb2lkueaine577flvsjjeuevmp2nlio72xv5q"
#define CID_CBOR     "bafyreibs4utpgbn7uqegmd2goqz4bkyflre2ek2iwv743fhvylwi4zeeim"
#define CID_JSON     "baguqeeram5ujjqrwheyaty3w5gdsmoz6vittchvhk723jjqxk7hakxkd47xq"
#define KEY          "k51qzi5uqu5dk3v4rmjber23h16xnr23bsggmqqil9z2gduiis5se8dht36dam"

struct world {
    struct blockmem *store;
    struct block_source source;
    struct mspan memory;
    struct gateway_query q;
    struct gateway_answer a;
    struct gateway_names names;
    uint8_t body[BODY_MAX + 1];
    size_t body_size;
};

/* ---- names ---------------------------------------------------------------------------------- */

static enum err test_record(void *ctx, size_t *size, struct mspan buf, const struct peer_id *name)
{
    (void)ctx;
    struct peer_id known;
    CHECK_OK(peer_id_parse(&known, span_str(KEY)));
    if (!peer_id_eq(&known, name))
        return ERR_NOT_FOUND;
    FILE *f = fopen("tests/vectors/gateway-conformance/"
                    "12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d_10.ipns-record",
                    "rb");
    CHECK(f != NULL);
    *size = fread(buf.p, 1, buf.n < IPNS_RECORD_MAX ? buf.n : IPNS_RECORD_MAX, f);
    fclose(f);
    return OK;
}

static const char *const links[][2] = {
    { "site.example.org", "/ipfs/" CID_LIST },
    { "spa.example.org", "/ipfs/" CID_SPA },
    { "a-b.example.org", "/ipfs/" CID_HELLO },
    { "sub.example.org", "/ipfs/" CID_LIST "/\xc4\x85/" },
    { "key.example.org", "/ipns/" KEY },
    { "chain.example.org", "/ipns/key.example.org" },
    { "loop.example.org", "/ipns/loop.example.org" },
    { "bad.example.org", "/ipfs/nonsense" },
    { "odd.example.org", "nothing at all" },
};

static enum err test_link(void *ctx, struct gateway_dnslink *out, const char *domain)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (strcmp(links[i][0], domain) != 0)
            continue;
        (void)snprintf(out->value, sizeof(out->value), "%s", links[i][1]);
        out->ttl_s = 120;
        return OK;
    }
    return ERR_NOT_FOUND;
}

static bool test_site(void *ctx, const char *host)
{
    struct gateway_dnslink l;
    return test_link(ctx, &l, host) == OK;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    static uint8_t car[CAR_MAX], section[CAR_SECTION_MAX];
    w->store = calloc(1, sizeof(*w->store));
    struct block_sink sink = blockmem_sink(w->store);
    struct car_stream_import im;
    FILE *f = fopen("tests/vectors/gateway-conformance/fixtures.car", "rb");
    CHECK(f != NULL);
    size_t n = fread(car, 1, sizeof(car), f);
    fclose(f);
    car_stream_import_init(&im, &sink, (struct mspan){ section, sizeof(section) });
    CHECK_OK(car_stream_import_feed(&im, span_of(car, n)));
    CHECK_OK(car_stream_import_finish(&im));
    w->source = blockmem_source(w->store);
    w->memory = (struct mspan){ malloc(GATEWAY_MEMORY), GATEWAY_MEMORY };
    w->names = (struct gateway_names){ NULL, test_record, test_link, test_site };
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    blockmem_free(w->store);
    free(w->memory.p);
    free(w);
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

static const char *header(const struct world *w, const char *name)
{
    for (uint32_t i = 0; i < w->a.header_count; i++) {
        if (strcmp(w->a.headers[i].name, name) == 0)
            return w->a.headers[i].value;
    }
    return "";
}

static void ask(struct world *w, struct gateway_request rq)
{
    size_t n = 0;
    enum err e = OK;
    rq.query = rq.query == NULL ? "" : rq.query;
    rq.gateway_hosts = "gw.test, localhost";
    rq.names = &w->names;
    rq.now_s = NOW;
    if (gateway_parse(&w->q, &w->a, &rq))
        gateway_open(&w->a, &w->q, &w->source, w->memory);
    w->body_size = 0;
    do {
        struct mspan out = { w->body + w->body_size, 4096 };
        CHECK(w->body_size + out.n <= BODY_MAX);
        e = gateway_next(&w->a, &n, out);
        CHECK_OK(e);
        w->body_size += n;
    } while (n > 0);
    w->body[w->body_size] = '\0';
    if (w->a.size != GATEWAY_SIZE_UNKNOWN)
        CHECK(w->body_size == w->a.size);
}

static void get(struct world *w, const char *host, const char *path)
{
    ask(w, (struct gateway_request){ .host = host, .path = path });
}

static bool has(const struct world *w, const char *text)
{
    return strstr((const char *)w->body, text) != NULL;
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* What a host and a path lead to: a status and an address, or a part of the body. */
static void hosts(void **state)
{
    static const struct {
        const char *host, *path, *query;
        uint16_t status;
        const char *location, *body;
    } rows[] = {
        { "gw.test:80", "/ipfs/" CID_HELLO, "", 301, "http://" CID_HELLO ".ipfs.gw.test:80/", "" },
        { "GW.Test", "/ipfs/" CID_HELLO "/", "", 301, "http://" CID_HELLO ".ipfs.gw.test/", "" },
        { "gw.test", "/ipfs/" CID_HELLO "/a%2Fb/c", "x=1", 301,
          "http://" CID_HELLO ".ipfs.gw.test/a%2Fb/c?x=1", "" },
        { "gw.test", "/ipfs/" CID_HELLO_V0 "/", "", 301,
          "http://bafybeiffndsajwhk3lwjewwdxqntmjm4b5wxaaanokonsggenkbw6slwk4.ipfs.gw.test/", "" },
        { "gw.test", "/ipfs/" CID_HELLO, "format=raw", 200, "", "hello" }, /* for programs */
        { "gw.test", "/ipfs/nonsense/x", "", 400, "", "invalid path \"/ipfs/nonsense\"" },
        { "gw.test", "/ipns/a-b.example.org/x", "", 301, "http://a--b-example-org.ipns.gw.test/x",
          "" },
        { "gw.test", "/ipns/12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d", "", 301,
          "http://" KEY ".ipns.gw.test/", "" },
        { "gw.test", "/elsewhere", "", 404, "", "" },
        { "gw.test", "/ipfs/", "uri=ipfs%3A%2F%2F" CID_HELLO "%2Fa%20b", 301,
          "/ipfs/" CID_HELLO "/a%20b", "" },
        { "gw.test", "/ipfs/", "uri=https%3A%2F%2Fx", 400, "", "uri must be" },
        { CID_HELLO ".ipfs.gw.test", "/", "", 200, "", "hello" },
        { CID_HELLO ".ipfs.gw.test", "/ipfs/" CID_HELLO, "", 404, "", "" },
        { CID_DIR ".ipfs.localhost:8080", "/ipfs/file.txt", "", 200, "", "I am a txt file" },
        { "nonsense.ipfs.gw.test", "/", "", 400, "", "invalid path" },
        { KEY ".ipns.gw.test", "/", "", 200, "", "hello" },
        { "a--b-example-org.ipns.gw.test", "/", "", 200, "", "hello" },
        { "a-b.example.org.ipns.gw.test", "/", "", 200, "", "hello" },
        { "none-example-org.ipns.gw.test", "/", "", 502, "", "none.example.org" },
        { "x.other.gw.test", "/ipfs/" CID_HELLO, "", 200, "", "hello" },
        { "unknown.test", "/ipfs/" CID_HELLO, "", 200, "", "hello" },
        { "evil\"host", "/ipfs/" CID_HELLO, "", 200, "", "hello" },
        { "xgw.test", "/ipfs/" CID_HELLO, "", 200, "", "hello" }, /* another name, not ours */
        { "", "/ipns/12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d/x", "", 302,
          "/ipns/" KEY "/x", "" },
        { "", "/ipns/" KEY, "", 200, "", "hello" },
        { "", "/ipns/label", "", 400, "", "invalid path" },
        { "", "/ipns/-..-", "", 400, "", "invalid path" },
        { "", "http://" CID_HELLO ".ipfs.gw.test", "", 200, "", "hello" }, /* a proxy's request */
        { "x", "https://gw.test/ipfs/" CID_HELLO, "", 301, "http://" CID_HELLO ".ipfs.gw.test/",
          "" },
        { "site.example.org", "/\xc4\x85/\xc4\x99", "", 301, "/%C4%85/%C4%99/", "" },
        { "site.example.org:80", "/", "", 200, "", "Index of" },
        { "sub.example.org", "/\xc4\x99/file-\xc5\xba\xc5\x82.txt", "", 200, "", "utf8" },
        { "key.example.org", "/", "", 200, "", "hello" },
        { "chain.example.org", "/", "", 200, "", "hello" },
        { "loop.example.org", "/", "", 502, "", "cannot be followed" },
        { "bad.example.org", "/", "", 502, "", "cannot be followed" },
        { "odd.example.org", "/", "", 502, "", "cannot be followed" },
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(w, (struct gateway_request){
                   .host = rows[i].host, .path = rows[i].path, .query = rows[i].query });
        if (w->a.status != rows[i].status || !has(w, rows[i].body) ||
            strcmp(header(w, "Location"), rows[i].location) != 0)
            print_message("%s %s?%s: %u %s %.80s\n", rows[i].host, rows[i].path, rows[i].query,
                          w->a.status, header(w, "Location"), (const char *)w->body);
        CHECK(w->a.status == rows[i].status);
        CHECK(strcmp(header(w, "Location"), rows[i].location) == 0);
        CHECK(has(w, rows[i].body));
    }
}

static void labels(void **state)
{
    static const char *const rows[][2] = { { "en.wikipedia-on-ipfs.org",
                                             "en-wikipedia--on--ipfs-org" },
                                           { "a.b", "a-b" },
                                           { "a--b.c", "a----b-c" } };
    struct world *w = *state;
    char out[64];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_OK(gateway_host_inline(out, sizeof(out), rows[i][0]));
        CHECK(strcmp(out, rows[i][1]) == 0);
        CHECK_OK(gateway_host_outline(out, sizeof(out), rows[i][1]));
        CHECK(strcmp(out, rows[i][0]) == 0);
    }
    CHECK_ERR(gateway_host_inline(out, 4, "abcd"), ERR_LIMIT);
    CHECK_ERR(gateway_host_outline(out, 4, "abcd"), ERR_LIMIT);
    /* A label that DNS cannot hold is refused before and behind the redirect. */
    char host[160];
    (void)snprintf(
        host, sizeof(host), "%.80s.ipfs.gw.test",
        "bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogu"
        "kir6ksdy6wzrnz6ohnv4aglcs");
    get(w, host, "/");
    CHECK(w->a.status == 400 && has(w, "CID incompatible with DNS label length limit of 63"));
}

static void names_are_not_immutable(void **state)
{
    struct world *w = *state;
    get(w, "a-b.example.org", "/");
    CHECK(strcmp(header(w, "Cache-Control"), "public, max-age=120") == 0);
    CHECK(strcmp(header(w, "X-Ipfs-Path"), "/ipns/a-b.example.org") == 0);
    CHECK(strcmp(header(w, "Etag"), "\"" CID_HELLO "\"") == 0);
    get(w, CID_HELLO ".ipfs.gw.test", "/");
    CHECK(strcmp(header(w, "Cache-Control"), "public, max-age=29030400, immutable") == 0);
    ask(w, (struct gateway_request){ .path = "/ipns/" KEY, .query = "format=ipns-record" });
    CHECK(w->a.status == 200 && w->body_size == 394);
    CHECK(strcmp(header(w, "Content-Type"), "application/vnd.ipfs.ipns-record") == 0);
    CHECK(strncmp(header(w, "Cache-Control"), "public, max-age=", 16) == 0);
    static char etag[64];
    (void)snprintf(etag, sizeof(etag), "%s", header(w, "Etag"));
    ask(w, (struct gateway_request){
               .path = "/ipns/" KEY, .query = "format=ipns-record", .if_none_match = etag });
    CHECK(w->a.status == 304);
    ask(w, (struct gateway_request){ .path = "/ipns/" KEY "/x", .query = "format=ipns-record" });
    CHECK(w->a.status == 400);
    ask(w, (struct gateway_request){ .path = "/ipfs/" CID_HELLO, .query = "format=ipns-record" });
    CHECK(w->a.status == 400);
    ask(w, (struct gateway_request){ .path = "/ipns/none.example.org",
                                     .cache_control = "only-if-cached" });
    CHECK(w->a.status == 412 && w->a.err == ERR_NOT_FOUND);
}

static void pages_link_where_they_are(void **state)
{
    struct world *w = *state;
    get(w, "", "/ipfs/" CID_LIST "/\xc4\x85/");
    CHECK(has(w, "<a href=\"/ipfs/" CID_LIST "/%C4%85/%C4%99\">"));
    get(w, CID_LIST ".ipfs.gw.test:81", "/\xc4\x85/");
    CHECK(has(w, "<a href=\"/%C4%85/%C4%99\">"));
    CHECK(has(w, "/ipfs/<a href=\"//gw.test:81/ipfs/" CID_LIST "\">"));
    CHECK(has(w, "<a href=\"/%C4%85/..\">"));
    get(w, CID_LIST ".ipfs.gw.test:81", "/");
    CHECK(!has(w, "/..\">"));
    get(w, "site.example.org", "/\xc4\x85/");
    CHECK(has(w, "/ipns/<a href=\"//site.example.org/\">site.example.org</a>"));
    CHECK(has(w, "https://cid.ipfs.tech/#"));
    get(w, "", "/ipns/site.example.org/\xc4\x85/");
    CHECK(has(w, "<a href=\"/ipns/site.example.org/%C4%85/%C4%99\">"));
}

static void values_are_shown(void **state)
{
    struct world *w = *state;
    static const char *const cids[] = { CID_CBOR, CID_JSON };
    for (size_t i = 0; i < 2; i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "/ipfs/%s", cids[i]);
        ask(w, (struct gateway_request){ .path = path, .accept = "text/html" });
        CHECK(w->a.status == 200 && has(w, "</html>"));
        CHECK(strncmp(header(w, "Etag"), "\"DagIndex-", 10) == 0);
        CHECK(header(w, "Content-Disposition")[0] == '\0');
        CHECK(has(w, "<a class=\"ipfs-hash\" href=\"/ipfs/ba"));
        CHECK(has(w, "&#34;foo&#34;: {"));
        /* Nothing is converted, and a value inside is not served alone. */
        ask(w, (struct gateway_request){ .path = path,
                                         .query = i == 0 ? "format=dag-json" : "format=dag-cbor" });
        CHECK(w->a.status == 406);
        (void)snprintf(path, sizeof(path), "/ipfs/%s/foo", cids[i]);
        get(w, "", path);
        CHECK(w->a.status == 501);
        (void)snprintf(path, sizeof(path), "/ipfs/%s/foo/none", cids[i]);
        get(w, "", path);
        CHECK(w->a.status == 404);
        (void)snprintf(path, sizeof(path), "/ipfs/%s/foo/link/bar", cids[i]);
        get(w, "", path);
        CHECK(w->a.status == 200 && has(w, "this is not a link"));
    }
}

static void a_site_redirects(void **state)
{
    struct world *w = *state;
    ask(w, (struct gateway_request){ .host = "spa.example.org", .path = "/no/such" });
    CHECK(w->a.status == 200 && strcmp(header(w, "Cache-Control"), "public, max-age=120") == 0);
    CHECK(strncmp(header(w, "Content-Type"), "text/html", 9) == 0);
    static char etag[128];
    (void)snprintf(etag, sizeof(etag), "%s", header(w, "Etag"));
    ask(w, (struct gateway_request){
               .host = CID_SPA ".ipfs.gw.test", .path = "/no/such", .if_none_match = etag });
    CHECK(w->a.status == 304);
    /* Without a host of its own, and for programs, nothing is rewritten. */
    get(w, "", "/ipfs/" CID_SPA "/no/such");
    CHECK(w->a.status == 404);
    ask(w, (struct gateway_request){
               .host = "spa.example.org", .path = "/no/such", .query = "format=raw" });
    CHECK(w->a.status == 404);
}

/* ---- archives ------------------------------------------------------------------------------- */

static uint64_t octal(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v * 8 + (uint64_t)(p[i] - '0');
    return v;
}

/* Reads the archive in w->body. Returns the number of files; *found: one has this name and text. */
static size_t read_tar(const struct world *w, const char *name, const char *text, bool *found)
{
    size_t at = 0, files = 0;
    *found = false;
    while (at + 512 <= w->body_size && w->body[at] != '\0') {
        const uint8_t *h = w->body + at;
        uint64_t size = octal(h + 124, 11), sum = 0;
        for (size_t i = 0; i < 512; i++)
            sum += i >= 148 && i < 156 ? ' ' : h[i];
        CHECK(sum == octal(h + 148, 6));
        CHECK(memcmp(h + 257, "ustar\0", 6) == 0);
        at += 512;
        CHECK(size <= w->body_size - at);
        if (h[156] == '0') {
            files++;
            if (strcmp((const char *)h, name) == 0)
                *found = span_eq(span_of(w->body + at, (size_t)size), span_str(text));
        }
        at += (size_t)(size + 511) / 512 * 512;
    }
    CHECK(w->body_size - at == 1024); /* the end: two records of zeros, and nothing more */
    for (; at < w->body_size; at++)
        CHECK(w->body[at] == 0);
    return files;
}

static void archives(void **state)
{
    struct world *w = *state;
    bool found;
    ask(w, (struct gateway_request){ .path = "/ipfs/" CID_LIST, .query = "format=tar" });
    CHECK(w->a.status == 200);
    CHECK(strcmp(header(w, "Content-Type"), "application/x-tar") == 0);
    CHECK(read_tar(w, CID_LIST "/\xc4\x85/\xc4\x99/file-\xc5\xba\xc5\x82.txt",
                   "I am a txt file on path with utf8\n", &found) == 4);
    CHECK(found);
    ask(w, (struct gateway_request){ .path = "/ipfs/" CID_HELLO, .query = "format=tar" });
    CHECK(read_tar(w, CID_HELLO, "hello\n", &found) == 1 && found);
    /* path_gateway_tar: names that climb, but not out, and out. */
#define INSIDE "bafybeibfevfxlvxp5vxobr5oapczpf7resxnleb7tkqmdorc4gl5cdva3y"
    ask(w, (struct gateway_request){ .path = "/ipfs/" INSIDE, .query = "format=tar" });
    CHECK(w->a.status == 200);
    CHECK(read_tar(w, INSIDE "/foobar/file", "Hello, world!\n", &found) == 1 && found);
    ask(w, (struct gateway_request){
               .path = "/ipfs/bafybeicaj7kvxpcv4neaqzwhrqqmdstu4dhrwfpknrgebq6nzcecfucvyu",
               .query = "format=tar" });
    CHECK(w->a.status == 400);
}

static void names_stay_in_the_archive(void **state)
{
    (void)state;
    static const struct {
        const char *base, *entry;
        enum err want;
        const char *name;
    } rows[] = {
        { "root", "a", OK, "root/a" },
        { "root/a", "../b", OK, "root/b" },
        { "root/a", "./b//c/", OK, "root/a/b/c" },
        { "root/a", "/etc/passwd", OK, "root/a/etc/passwd" },
        { "root/a", "b/../../c", OK, "root/c" },
        { "root", "..", ERR_DENIED, "" },
        { "root", "../root/a", ERR_DENIED, "" },
        { "root/a", "..", ERR_DENIED, "" },
        { "root/a", "../../x", ERR_DENIED, "" },
        { "root", "", ERR_DENIED, "" },
        { "root", ".", ERR_DENIED, "" },
    };
    char out[GATEWAY_TAR_NAME_MAX];
    size_t n;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_ERR(gateway_tar_join(out, &n, span_str(rows[i].base), 4, span_str(rows[i].entry)),
                  rows[i].want);
        if (rows[i].want == OK)
            CHECK_SPAN(span_of(out, n), span_str(rows[i].name));
    }
    CHECK_ERR(gateway_tar_join(out, &n, span_str("root"), 4, span_of("a\0b", 3)), ERR_DENIED);
    static char longest[GATEWAY_TAR_NAME_MAX];
    memset(longest, 'x', sizeof(longest));
    CHECK_ERR(gateway_tar_join(out, &n, span_str("root"), 4, span_of(longest, sizeof(longest))),
              ERR_LIMIT);
    CHECK_OK(gateway_tar_join(out, &n, span_str("root"), 4, span_of(longest, sizeof(longest) - 5)));
}

/* Folders in each other, one deeper than an archive follows: an error, and an end. */
static void archives_have_a_depth(void **state)
{
    struct world *w = *state;
    struct block_sink sink = blockmem_sink(w->store);
    struct cid cid;
    char path[CID_TEXT_MAX + 8], text[CID_TEXT_MAX];
    CHECK_OK(cid_parse(&cid, span_str(CID_HELLO)));
    for (int depth = 1; depth <= GATEWAY_TAR_DEPTH + 1; depth++) {
        uint8_t child[CID_SIZE_MAX], link[256], block[512];
        struct writer c = writer_of(child, sizeof(child)), l = writer_of(link, sizeof(link)),
                      b = writer_of(block, sizeof(block));
        struct block_key key = { .codec = CID_CODEC_DAG_PB };
        cid_write(&c, &cid);
        pb_write_bytes(&l, 1, writer_span(&c));
        pb_write_bytes(&l, 2, span_str("d"));
        pb_write_uint(&l, 3, 1);
        pb_write_bytes(&b, 2, writer_span(&l));
        pb_write_bytes(&b, 1, span_of("\x08\x01", 2));
        sha256(key.digest, writer_span(&b));
        CHECK_OK(block_sink_put(&sink, &key, writer_span(&b)));
        struct content_key content = { .codec = CID_CODEC_DAG_PB };
        memcpy(content.digest, key.digest, sizeof(content.digest));
        cid = cid_of_key(&content);
        if (depth < GATEWAY_TAR_DEPTH)
            continue;
        cid_format(text, &cid);
        (void)snprintf(path, sizeof(path), "/ipfs/%s", text);
        const struct gateway_request rq = { .path = path, .query = "format=tar" };
        size_t n = 1, size = 0;
        enum err e = OK;
        CHECK(gateway_parse(&w->q, &w->a, &rq));
        gateway_open(&w->a, &w->q, &w->source, w->memory);
        while (e == OK && n > 0) {
            e = gateway_next(&w->a, &n, (struct mspan){ w->body, 4096 });
            size += n;
            CHECK(size < (1 << 20));
        }
        CHECK_ERR(e, depth == GATEWAY_TAR_DEPTH ? OK : ERR_LIMIT);
    }
}

static void several_ranges(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *range;
        uint16_t status;
        const char *parts[3];
    } rows[] = {
        { "bytes=0-1,3-4",
          206,
          { "Content-Range: bytes 0-1/6\r\n\r\nhe\r\n--",
            "Content-Range: bytes 3-4/6\r\n\r\nlo\r\n--", "text/plain" } },
        { "bytes=0-0, -1, 99-",
          206,
          { "bytes 0-0/6\r\n\r\nh\r\n", "bytes 5-5/6\r\n\r\n\n\r\n", "" } },
        { "bytes=0-4,0-4", 200, { "hello\n", "", "" } }, /* more than the whole */
        { "bytes=0-0,x", 200, { "hello\n", "", "" } },
        { "bytes=0-0,1-1,2-2,3-3,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0",
          200,
          { "hello\n", "", "" } },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(w, (struct gateway_request){ .path = "/ipfs/" CID_HELLO, .range = rows[i].range });
        CHECK(w->a.status == rows[i].status);
        for (size_t k = 0; k < 3; k++)
            CHECK(has(w, rows[i].parts[k]));
        CHECK((w->a.status == 206) ==
              (strncmp(header(w, "Content-Type"), "multipart/byteranges; boundary=", 31) == 0));
    }
}

/* Every answer, however its blocks come: a source that fails at times changes no byte. */
static void a_failing_source_changes_nothing(void **state)
{
    struct world *w = *state;
    struct gateway_request rq = { .path = "/ipfs/" CID_LIST, .query = "format=tar" };
    static uint8_t whole[BODY_MAX];
    ask(w, rq);
    size_t size = w->body_size, n = 0;
    memcpy(whole, w->body, size);
    CHECK(gateway_parse(&w->q, &w->a, &rq));
    gateway_open(&w->a, &w->q, &w->source, w->memory);
    w->store->fail_every = 3;
    w->body_size = 0;
    for (int i = 0; i < 10000; i++) {
        enum err e = gateway_next(&w->a, &n, (struct mspan){ w->body + w->body_size, 100 });
        CHECK(e == OK || e == ERR_TIMEOUT);
        w->body_size += e == OK ? n : 0;
        if (e == OK && n == 0)
            break;
    }
    w->store->fail_every = 0;
    CHECK_SPAN(span_of(w->body, w->body_size), span_of(whole, size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),
        cmocka_unit_test(labels),
        cmocka_unit_test(names_are_not_immutable),
        cmocka_unit_test(pages_link_where_they_are),
        cmocka_unit_test(values_are_shown),
        cmocka_unit_test(a_site_redirects),
        cmocka_unit_test(archives),
        cmocka_unit_test(names_stay_in_the_archive),
        cmocka_unit_test(archives_have_a_depth),
        cmocka_unit_test(several_ranges),
        cmocka_unit_test(a_failing_source_changes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
