/* Delegated routers that answer in every way, on a server of the test. */
#include "ipfsd/routing_http.h"

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
    (void)http_request_respond_text(rq, 500, "?");
}

/* Whoever asks. */
struct caller {
    uint32_t question, found, notes, over, providers;
    bool end_at_found;
    struct routing_provider list[8];
    enum err results[8];
    char who[8][ROUTING_WHO_MAX];
};

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct caller *c = ctx;
    CHECK(c->found < 8 && strcmp(p->source, "delegated") == 0);
    c->list[c->found++] = *p;
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
        cmocka_unit_test(all_routers_are_asked), cmocka_unit_test(failures_are_told),
        cmocka_unit_test(a_peer_is_looked_for),  cmocka_unit_test(a_question_may_end_at_any_time),
        cmocka_unit_test(gateways_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
