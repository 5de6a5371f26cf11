/* A gateway that fetches what it has not got. */
#include "ipfsd/remote.h"

#include "base/hex.h"
#include "ipfsd/fetch_life_test.h"

static struct remote *remote_for(struct world *w, const char *const *ways, uint32_t count,
                                 const char *self)
{
    char urls[REMOTE_PEERS_MAX][FETCH_URL_MAX];
    struct remote *r;
    struct remote_options o = { .loop = w->loop,
                                .http = w->http,
                                .ranks = w->ranks,
                                .peer_count = count,
                                .self = self,
                                .get_ms = 1500 };
    for (uint32_t i = 0; i < count; i++) {
        snprintf(urls[i], sizeof(urls[i]), "http://127.0.0.1:%u/%s",
                 http_server_port(w->servers[0]), ways[i]);
        o.peers[i] = urls[i];
    }
    CHECK_OK(remote_open(&r, &o));
    return r;
}

static enum err get(struct remote *r, const struct world_block *b, const struct content_key *key)
{
    static uint8_t buf[BLOCK_SIZE_MAX];
    size_t n;
    struct block_source s = remote_source(r);
    struct block_key k = { .codec = key->codec };
    memcpy(k.digest, key->digest, sizeof(k.digest));
    enum err e = block_source_get(&s, &n, (struct mspan){ buf, sizeof(buf) }, &k);
    if (e == OK)
        CHECK_SPAN(span_of(buf, n), span_of(b->p, b->n));
    return e;
}

static void blocks_come_from_peers(void **state)
{
    (void)state;
    const char *ways[] = { "lie", "missing", "honest" };
    struct world *w = world_new(2, 4, 30000, true);
    struct remote *r = remote_for(w, ways, 3, NULL);
    for (size_t i = 0; i < w->count; i++)
        CHECK_OK(get(r, &w->blocks[i], &w->blocks[i].key));
    remote_close(r);
    world_free(w);
}

static void misses_are_remembered(void **state)
{
    (void)state;
    const char *ways[] = { "missing" };
    struct world *w = world_new(1, 1, 100, true);
    struct remote *r = remote_for(w, ways, 1, NULL);
    CHECK_ERR(get(r, NULL, &w->strange.key), ERR_NOT_FOUND);
    unsigned asked = w->requests;
    CHECK(asked == 1);
    for (int i = 0; i < 20; i++)
        CHECK_ERR(get(r, NULL, &w->strange.key), ERR_NOT_FOUND);
    CHECK(w->requests == asked);
    remote_close(r);
    world_free(w);
}

static void it_never_asks_itself(void **state)
{
    (void)state;
    const char *ways[] = { "honest" };
    char self[64];
    struct world *w = world_new(1, 1, 100, true);
    snprintf(self, sizeof(self), "http://127.0.0.1:%u/honest/", http_server_port(w->servers[0]));
    struct remote *r = remote_for(w, ways, 1, self);
    CHECK_ERR(get(r, NULL, &w->blocks[0].key), ERR_NOT_FOUND);
    CHECK(w->requests == 0);
    remote_close(r);
    world_free(w);
}

static void *stop_soon(void *ctx)
{
    usleep(100000);
    remote_stop(ctx);
    return NULL;
}

static void stopping_ends_calls(void **state)
{
    (void)state;
    const char *ways[] = { "stall" };
    pthread_t thread;
    struct world *w = world_new(1, 1, 100, true);
    struct remote *r = remote_for(w, ways, 1, NULL);
    CHECK(pthread_create(&thread, NULL, stop_soon, r) == 0);
    CHECK_ERR(get(r, NULL, &w->blocks[0].key), ERR_CLOSED);
    pthread_join(thread, NULL);
    CHECK_ERR(get(r, NULL, &w->blocks[0].key), ERR_CLOSED);
    remote_close(r);
    world_free(w);
}

static void a_silent_peer_costs_bounded_time(void **state)
{
    (void)state;
    const char *ways[] = { "stall" };
    struct world *w = world_new(1, 1, 100, true);
    struct remote *r = remote_for(w, ways, 1, NULL);
    CHECK_ERR(get(r, NULL, &w->blocks[0].key), ERR_TIMEOUT);
    CHECK_ERR(get(r, NULL, &w->blocks[0].key), ERR_NOT_FOUND); /* remembered */
    remote_close(r);
    world_free(w);
}

/* An order names the origins; the chain is asked once for the root, and not for what is below. */
struct chain {
    struct world *w;
    atomic_uint asked;
    char body[2048];
};

static void chain_handler(void *ctx, struct http_request *rq)
{
    struct chain *c = ctx;
    c->asked++;
    world_send_bytes(rq, span_str(c->body), "application/json");
}

/* An order with one origin and one holder: the ways of one server. */
static void fetch_by_order(const char *origin, const char *holder)
{
    struct world *w = world_new(2, 3, 20000, true);
    struct chain c = { .w = w };
    struct http_server *server;
    struct chain_read read = { .nodes.count = 1 };
    char digest[65];
    const struct http_server_options so = { .threads = 1, .handler = chain_handler, .ctx = &c };
    CHECK_OK(http_server_open(&server, &so));
    snprintf(read.nodes.urls[0], sizeof(read.nodes.urls[0]), "http://127.0.0.1:%u",
             http_server_port(server));
    hex_format(digest, span_of(w->blocks[0].key.digest, 32));
    uint32_t port = http_server_port(w->servers[1]);
    snprintf(c.body, sizeof(c.body),
             "{\"items\":[{\"id\":\"%064d\",\"codec\":113,\"digest\":\"%s\",\"size\":\"1000\","
             "\"data_root\":null,\"state\":\"live\",\"disputed\":false,"
             "\"owner\":\"cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp\","
             "\"placed_at\":1,\"refund_at\":0,\"expires_at\":9,\"replicas_wanted\":3,"
             "\"replicas\":1,\"replicas_all\":1,\"amount\":\"1\",\"prepaid\":\"0\",\"rate\":\"1\","
             "\"origins\":[\"ftp://bad\",\"http://127.0.0.1:%u/%s\"],\"holders\":[{\"lineage\":"
             "\"%064d\",\"account\":\"cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp\","
             "\"owner\":\"cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp\","
             "\"volume\":0,\"index\":0,\"verified\":true,\"paid\":true,\"created_at\":5,\"earned\":"
             "\"0\","
             "\"urls\":[\"http://127.0.0.1:%u/%s\"]}]}],\"next\":null}",
             1, digest, port, origin, 2, port, holder);
    struct remote *r;
    const struct remote_options o = {
        .loop = w->loop, .http = w->http, .chain = &read, .get_ms = 1500
    };
    CHECK_OK(remote_open(&r, &o));
    for (size_t i = 0; i < w->count; i++)
        CHECK_OK(get(r, &w->blocks[i], &w->blocks[i].key));
    CHECK(c.asked == 1);
    remote_close(r);
    http_server_close(server);
    world_free(w);
}

static void origins_and_holders_come_from_the_chain(void **state)
{
    (void)state;
    fetch_by_order("honest", "missing");
    fetch_by_order("missing", "honest");
}

/* A router that knows a gateway for the root. */
struct router {
    struct world *w;
    struct config_urls urls;
    struct find_http *find;
    atomic_bool done;
};

static void router_open(void *ctx)
{
    struct router *r = ctx;
    CHECK_OK(find_http_open(&r->find, r->w->loop, &r->urls));
    atomic_store(&r->done, true);
}

static void router_close(void *ctx)
{
    struct router *r = ctx;
    find_http_stop(r->find);
    find_http_close(r->find);
    atomic_store(&r->done, true);
}

static void on_loop(struct router *r, void (*fn)(void *))
{
    atomic_store(&r->done, false);
    CHECK_OK(loop_post(r->w->loop, fn, r));
    while (!atomic_load(&r->done))
        usleep(1000);
}

static void gateways_come_from_routers(void **state)
{
    (void)state;
    struct world *w = world_new(2, 3, 20000, true);
    struct chain c = { .w = w };
    struct router router = { .w = w, .urls.count = 1 };
    struct http_server *server;
    struct remote *r;
    const struct http_server_options so = { .threads = 1, .handler = chain_handler, .ctx = &c };
    CHECK_OK(http_server_open(&server, &so));
    snprintf(router.urls.urls[0], CONFIG_URL_MAX, "http://127.0.0.1:%u", http_server_port(server));
    snprintf(c.body, sizeof(c.body),
             "{\"Providers\":[{\"Schema\":\"peer\",\"ID\":"
             "\"12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8\",\"Addrs\":["
             "\"/ip4/127.0.0.1/tcp/%u/http\"],\"Protocols\":[\"transport-ipfs-gateway-http\"]}]}",
             http_server_port(w->servers[1]));
    on_loop(&router, router_open);
    const struct remote_options o = {
        .loop = w->loop, .http = w->http, .find = router.find, .get_ms = 1500
    };
    CHECK_OK(remote_open(&r, &o));
    for (size_t i = 0; i < w->count; i++)
        CHECK_OK(get(r, &w->blocks[i], &w->blocks[i].key));
    CHECK(c.asked == 1);
    remote_close(r);
    on_loop(&router, router_close);
    http_server_close(server);
    world_free(w);
}

int main(void)
{
    log_init("remote-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_come_from_peers),
        cmocka_unit_test(misses_are_remembered),
        cmocka_unit_test(it_never_asks_itself),
        cmocka_unit_test(stopping_ends_calls),
        cmocka_unit_test(a_silent_peer_costs_bounded_time),
        cmocka_unit_test(origins_and_holders_come_from_the_chain),
        cmocka_unit_test(gateways_come_from_routers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
