/* Delegated routers that answer in every way, on a server of the test. */
#include "ipfsd/routing_http.h"

#include "codec/routing_v1.h"

#include "base/check.h"
#include "ipfsd/find_http.h"
#include "rt/clock.h"
#include "rt/http_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PATIENCE_MS = 60000 };

#define ID_A           "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
#define ID_B           "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"
#define PEER(id, addr) "{\"Schema\":\"peer\",\"ID\":\"" id "\",\"Addrs\":[\"" addr "\"]}"

/* How the router at this prefix of the path answers. */
static const struct {
    const char *prefix;
    uint16_t status;
    const char *type, *body;
} ways[] = {
    { "/lines/", 200, "application/x-ndjson; charset=utf-8",
      PEER(ID_A, "/ip4/1.2.3.4/tcp/1") "\n{nonsense}\n" PEER(ID_B,
                                                             "/dns4/a.example/tcp/443/https") },
    { "/json/", 200, "application/json", "{\"Providers\":[" PEER(ID_A, "/ip4/5.6.7.8/tcp/1") "]}" },
    { "/peers/", 200, "application/json", "{\"Peers\":[" PEER(ID_B, "/ip4/5.6.7.8/tcp/2") "]}" },
    { "/none/", 404, "text/plain", "nobody" },
    { "/busy/", 429, "text/plain", "later" },
    { "/wrong/", 200, "application/json", "[1, 2]" },
    { "/away/", 302, "text/plain", "" },
};

static struct http_server *server;
static struct loop *loop;
static struct routing *routing;
static struct routing_http *client;
static struct config_urls routers;
static atomic_int requests;
static char last_path[256];

/* Answers that never end: what comes first, and what comes again and again. */
static const struct {
    const char *prefix, *type, *first, *again;
} endless[] = {
    { "/endless-json/", "application/json", "{\"Providers\":[" PEER(ID_A, "/ip4/1.2.3.4/tcp/1"),
      "," PEER(ID_B, "/ip4/1.2.3.4/tcp/2") },
    { "/endless-lines/", "application/x-ndjson", "", PEER(ID_A, "/ip4/1.2.3.4/tcp/1") "\n" },
    { "/endless-line/", "application/x-ndjson", "{\"a\":\"", "aaaaaaaaaaaaaaaa" },
    { "/endless-brackets/", "application/json", "", "[[[[[[[[" },
};

static atomic_size_t endless_sent;

static int64_t read_endless(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    const size_t i = (size_t)((const char *)ctx - (const char *)endless) / sizeof(endless[0]);
    const char *first = endless[i].first, *again = endless[i].again;
    for (size_t n = 0; n < max; n++, pos++)
        out[n] = (uint8_t)(pos < strlen(first) ? first[pos]
                                               : again[(pos - strlen(first)) % strlen(again)]);
    atomic_fetch_add(&endless_sent, max);
    return (int64_t)max;
}

static bool serve_endless(const char *path, struct http_request *rq)
{
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        if (strncmp(path, endless[i].prefix, strlen(endless[i].prefix)) != 0)
            continue;
        struct http_response r = { .status = 200,
                                   .kind = HTTP_BODY_STREAM,
                                   .size = HTTP_SIZE_UNKNOWN,
                                   .read = read_endless,
                                   .read_ctx = (void *)(uintptr_t)&endless[i] };
        (void)http_response_add(&r, "Content-Type", endless[i].type);
        (void)http_request_respond(rq, &r);
        return true;
    }
    return false;
}

static void serve(void *ctx, struct http_request *rq)
{
    const char *path = http_request_path(rq);
    (void)ctx;
    atomic_fetch_add(&requests, 1);
    (void)snprintf(last_path, sizeof(last_path), "%s", path);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strncmp(path, ways[i].prefix, strlen(ways[i].prefix)) != 0)
            continue;
        struct http_response r = { .status = ways[i].status, .body = span_str(ways[i].body) };
        (void)http_response_add(&r, "Content-Type", ways[i].type);
        (void)http_response_add(&r, "Location", "http://127.0.0.1:1/");
        (void)http_request_respond(rq, &r);
        return;
    }
    if (!serve_endless(path, rq))
        (void)http_request_respond_text(rq, 500, "?");
}

/* Whoever asks. */
struct caller {
    uint32_t question, found, notes, over, providers;
    bool end_at_found, many;
    struct routing_provider list[8];
    enum err results[8];
    char who[8][ROUTING_WHO_MAX];
};

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct caller *c = ctx;
    CHECK((c->many || c->found < 8) && strcmp(p->source, "delegated") == 0);
    c->list[c->found++ % 8] = *p;
    if (c->end_at_found)
        routing_end(routing, c->question);
}

static void on_note(void *ctx, const struct routing_note *n)
{
    struct caller *c = ctx;
    CHECK(c->notes < 8);
    c->results[c->notes] = n->result;
    c->providers += n->providers;
    (void)snprintf(c->who[c->notes++], ROUTING_WHO_MAX, "%s", n->who);
}

static void on_over(void *ctx)
{
    ((struct caller *)ctx)->over++;
}

static void begin(const char *const *ways_, size_t count)
{
    const struct http_server_options o = { .handler = serve, .threads = 1 };
    CHECK_OK(loop_new(&loop, 0));
    CHECK_OK(http_server_open(&server, &o));
    CHECK_OK(routing_open(&routing, loop));
    memset(&routers, 0, sizeof(routers));
    for (size_t i = 0; i < count; i++)
        (void)snprintf(routers.urls[routers.count++], CONFIG_URL_MAX, "http://127.0.0.1:%u/%s",
                       (unsigned)http_server_port(server), ways_[i]);
    CHECK_OK(routing_http_open(&client, loop, routing, &routers));
    atomic_store(&requests, 0);
}

static void end(void)
{
    routing_close(routing);
    routing_http_close(client);
    http_server_close(server);
    loop_free(loop);
}

static void ask(struct caller *c, const char *cid)
{
    struct routing_question q = {
        .kind = ROUTING_PROVIDERS, .ctx = c, .found = on_found, .note = on_note, .over = on_over
    };
    CHECK_OK(cid_parse(&q.cid, span_str(cid)));
    CHECK_OK(routing_begin(routing, &c->question, &q));
}

static void until_over(const struct caller *c)
{
    uint64_t limit = clock_mono_ms() + PATIENCE_MS;
    while (c->over == 0 && clock_mono_ms() < limit)
        loop_run_once(loop, 20);
    CHECK(c->over == 1);
}

#define CID_1 "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define CID_2 "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

static void all_routers_are_asked(void **state)
{
    (void)state;
    static const char *const list[] = { "lines", "json", "none", "busy" };
    struct caller c = { 0 };
    begin(list, 4);
    ask(&c, CID_1);
    until_over(&c);
    CHECK(c.found == 3 && c.providers == 3 && c.notes == 4);
    for (size_t i = 0; i < 4; i++) {
        bool busy = strstr(c.who[i], "/busy") != NULL;
        CHECK_ERR(c.results[i], busy ? ERR_BUSY : OK);
    }
    CHECK(strstr(last_path, "/routing/v1/providers/" CID_1) != NULL);
    /* The same again: from memory, one peer once. */
    struct caller again = { 0 };
    ask(&again, CID_1);
    until_over(&again);
    CHECK(again.found == 2 && again.notes == 1 && atomic_load(&requests) == 4);
    struct caller other = { 0 };
    ask(&other, CID_2);
    until_over(&other);
    CHECK(other.found == 3 && atomic_load(&requests) == 8);
    end();
}

static void failures_are_told(void **state)
{
    (void)state;
    static const char *const list[] = { "wrong", "away", "nothing" };
    struct caller c = { 0 }, again = { 0 };
    begin(list, 3);
    (void)snprintf(routers.urls[0], CONFIG_URL_MAX, "x"); /* it has its own copy */
    ask(&c, CID_1);
    until_over(&c);
    CHECK(c.found == 0 && c.notes == 3 && atomic_load(&requests) == 3);
    for (size_t i = 0; i < 3; i++)
        CHECK(c.results[i] != OK);
    ask(&again, CID_1); /* nothing is remembered of failures */
    until_over(&again);
    CHECK(atomic_load(&requests) == 6);
    end();
}

/* A router, or somebody in its place, that sends for ever: it is left after a bounded number of
 * bytes, what came before counts, and another one is heard beside it. */
static void endless_answers_are_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        char way[64];
        const char *const list[] = { way, "json" };
        struct caller c = { .many = true };
        (void)snprintf(way, sizeof(way), "%.*s", (int)strlen(endless[i].prefix) - 2,
                       endless[i].prefix + 1);
        atomic_store(&endless_sent, 0);
        begin(list, 2);
        uint64_t start = clock_mono_ms();
        ask(&c, CID_1);
        until_over(&c);
        CHECK(c.notes == 2 && c.found >= 1 && c.found <= ROUTING_V1_RECORDS_MAX + 1);
        bool other = false;
        for (size_t k = 0; k < 2; k++)
            other = other || (strstr(c.who[k], "/json") != NULL && c.results[k] == OK);
        CHECK(other);
        print_message("%s: %zu KiB sent, %d ms\n", way, atomic_load(&endless_sent) >> 10,
                      (int)(clock_mono_ms() - start));
        /* What it took, and what lay in the buffers between. */
        CHECK(atomic_load(&endless_sent) < (size_t)16 * ROUTING_V1_BODY_MAX);
        end();
    }
}

static void a_peer_is_looked_for(void **state)
{
    (void)state;
    static const char *const list[] = { "peers" };
    struct caller c = { 0 };
    struct routing_question q = {
        .kind = ROUTING_PEER, .ctx = &c, .found = on_found, .note = on_note, .over = on_over
    };
    begin(list, 1);
    CHECK_OK(peer_id_parse(&q.peer, span_str(ID_B)));
    CHECK_OK(routing_begin(routing, &c.question, &q));
    until_over(&c);
    CHECK(c.found == 1 && peer_id_eq(&c.list[0].peer, &q.peer) && c.list[0].addr_count == 1);
    CHECK(strstr(last_path, "/routing/v1/peers/k2k4r8") != NULL ||
          strstr(last_path, "/routing/v1/peers/k") != NULL);
    end();
}

static void a_question_may_end_at_any_time(void **state)
{
    (void)state;
    static const char *const list[] = { "lines", "json" };
    struct caller c = { .end_at_found = true }, left = { 0 };
    begin(list, 2);
    ask(&c, CID_1);
    ask(&left, CID_2);
    routing_end(routing, left.question);
    uint64_t limit = clock_mono_ms() + PATIENCE_MS;
    while (c.found == 0 && clock_mono_ms() < limit)
        loop_run_once(loop, 20);
    for (int i = 0; i < 10; i++)
        loop_run_once(loop, 10);
    CHECK(c.found == 1 && c.over == 0 && left.found == 0 && left.over == 0);
    ask(&left, CID_2);
    end(); /* with a question open */
}

/* ---- gateways for threads that wait ------------------------------------------------------------
 */

/* Asks, and looks from the loop's own thread. */
static enum err find_now(struct find_http *f, struct find_http_urls *out, const char *text)
{
    struct cid cid;
    struct content_key key;
    uint32_t ticket;
    CHECK_OK(cid_parse(&cid, span_str(text)));
    CHECK_OK(cid_key(&key, &cid));
    TRY(find_http_begin(f, &ticket, &key));
    uint64_t limit = clock_mono_ms() + PATIENCE_MS;
    while (!find_http_look(f, out, ticket) && clock_mono_ms() < limit)
        loop_run_once(loop, 20);
    CHECK(find_http_look(f, out, ticket));
    find_http_end(f, ticket);
    return OK;
}

static void gateways_are_found(void **state)
{
    (void)state;
    static const char *const list[] = { "lines", "none" };
    struct find_http *find;
    struct find_http_urls urls;
    begin(list, 2);
    CHECK_OK(find_http_open(&find, loop, &routers));
    for (int i = 0; i < 2 * FIND_HTTP_ASKS; i++) { /* places are given back */
        CHECK_OK(find_now(find, &urls, CID_1));
        CHECK(urls.count == 1 && strcmp(urls.urls[0], "https://a.example:443") == 0);
    }
    find_http_stop(find);
    CHECK_ERR(find_now(find, &urls, CID_1), ERR_CLOSED);
    find_http_close(find);
    end();
    static const char *const nobody[] = { "json" };
    begin(nobody, 1);
    CHECK_OK(find_http_open(&find, loop, &routers));
    CHECK_OK(find_now(find, &urls, CID_1));
    CHECK(urls.count == 0);
    find_http_stop(find);
    find_http_close(find);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_routers_are_asked),          cmocka_unit_test(failures_are_told),
        cmocka_unit_test(endless_answers_are_cut_off),    cmocka_unit_test(a_peer_is_looked_for),
        cmocka_unit_test(a_question_may_end_at_any_time), cmocka_unit_test(gateways_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
