/* What the chain's orders say of peers, and how routing and the exchange are told. */
#include "ipfsd/chain_peers.h"

#include "api/chain_client.h"
#include "base/check.h"
#include "base/hex.h"
#include "rt/clock.h"
#include "rt/http_server.h"
#include "rt/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ID1     "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
#define ID2     "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
#define ACCOUNT "cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp"

enum { PATIENCE_MS = 60000 };

static struct loop *loop;

#define UNTIL(cond)                                                                                \
    do {                                                                                           \
        uint64_t until_end_ = clock_mono_ms() + PATIENCE_MS;                                       \
        while (!(cond) && clock_mono_ms() < until_end_)                                            \
            loop_run_once(loop, 20);                                                               \
        CHECK(cond);                                                                               \
    } while (0)

static void holder(struct chain_client_order *o, uint8_t lineage, bool verified, const char *a,
                   const char *b)
{
    struct chain_client_holder *h = &o->holders[o->holder_count++];
    *h = (struct chain_client_holder){ .lineage = { lineage }, .verified = verified };
    if (a != NULL)
        snprintf(h->urls[h->url_count++], sizeof(h->urls[0]), "%s", a);
    if (b != NULL)
        snprintf(h->urls[h->url_count++], sizeof(h->urls[0]), "%s", b);
}

static void holders_name_peers(void **state)
{
    (void)state;
    struct chain_client_order *o = calloc(2, sizeof(*o));
    struct chain_peer list[8];
    holder(&o[0], 1, false, "/ip4/1.2.3.4/tcp/1/p2p/" ID1, "http://gw.example");
    holder(&o[0], 2, true, "/p2p/" ID2, "nonsense");
    holder(&o[0], 3, true, "https://gw.example", NULL);
    /* The same worker in another entry of the content, and another worker with the same peer. */
    holder(&o[1], 1, true, "/ip4/1.2.3.4/tcp/1/p2p/" ID1, "/dns4/n.example/tcp/1/p2p/" ID1);
    holder(&o[1], 4, false, "/ip4/1.2.3.4/tcp/1/p2p/" ID1, NULL);
    size_t n = chain_peers_of(list, 8, o, 2);
    CHECK(n == 3);
    CHECK(list[0].lineage[0] == 2 && list[0].verified && list[0].text_count == 0);
    CHECK(list[1].lineage[0] == 1 && list[1].verified && list[1].text_count == 2);
    CHECK(list[2].lineage[0] == 4 && !list[2].verified && list[2].text_count == 1);
    CHECK(chain_peers_of(list, 1, o, 2) == 1 && list[0].lineage[0] == 2);
    CHECK(chain_peers_of(list, 8, o, 0) == 0);
    free(o);
}

/* ---- a chain that answers ---------------------------------------------------------------------
 */

struct chain {
    struct http_server *server;
    atomic_uint asked;
    atomic_int status;
    char body[2048];
};

static void on_request(void *ctx, struct http_request *rq)
{
    struct chain *c = ctx;
    c->asked++;
    if (atomic_load(&c->status) != 200) {
        (void)http_request_respond_text(rq, (uint16_t)atomic_load(&c->status), "no\n");
        return;
    }
    struct http_response r = { .status = 200, .body = span_str(c->body) };
    http_response_add(&r, "Content-Type", "application/json");
    (void)http_request_respond(rq, &r);
}

/* One order of the content, with one holder whose account names ID1 at an address. */
static void say(struct chain *c, const struct content_key *key)
{
    char digest[65];
    hex_format(digest, span_of(key->digest, 32));
    snprintf(c->body, sizeof(c->body),
             "{\"items\":[{\"id\":\"%064d\",\"codec\":%u,\"digest\":\"%s\",\"size\":\"1000\","
             "\"data_root\":null,\"state\":\"live\",\"disputed\":false,\"owner\":\"" ACCOUNT "\","
             "\"placed_at\":1,\"refund_at\":0,\"expires_at\":9,\"replicas_wanted\":3,"
             "\"replicas\":1,\"replicas_all\":1,\"amount\":\"1\",\"prepaid\":\"0\",\"rate\":\"1\","
             "\"origins\":[],\"holders\":[{\"lineage\":\"%064d\",\"account\":\"" ACCOUNT "\","
             "\"owner\":\"" ACCOUNT "\",\"volume\":0,\"index\":0,\"verified\":true,\"paid\":true,"
             "\"created_at\":5,\"earned\":\"0\",\"urls\":[\"/ip4/192.0.2.1/tcp/4001/p2p/" ID1
             "\"]}]}],\"next\":null}",
             1, key->codec, digest, 2);
}

struct heard {
    uint32_t found, notes, over;
    enum err result;
    uint32_t providers;
    struct routing_provider last;
};

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct heard *h = ctx;
    h->found++;
    h->last = *p;
}

static void on_note(void *ctx, const struct routing_note *n)
{
    struct heard *h = ctx;
    h->notes++;
    h->result = n->result;
    h->providers = n->providers;
}

static void on_over(void *ctx)
{
    ((struct heard *)ctx)->over++;
}

static struct heard ask(struct routing *r, const struct cid *cid, const char *peer)
{
    struct heard h = { 0 };
    uint32_t question;
    struct routing_question q = {
        .kind = ROUTING_PROVIDERS, .ctx = &h, .found = on_found, .note = on_note, .over = on_over
    };
    if (cid != NULL) {
        q.cid = *cid;
    } else {
        q.kind = ROUTING_PEER;
        CHECK_OK(peer_id_parse(&q.peer, span_str(peer)));
    }
    CHECK_OK(routing_begin(r, &question, &q));
    UNTIL(h.over == 1);
    return h;
}

static void routing_asks_the_chain(void **state)
{
    (void)state;
    struct chain c = { .status = 200 };
    struct config_urls chains = { .count = 2 };
    struct routing *r;
    struct chain_peers *p;
    struct chain_peer list[4];
    struct content_key key = { .codec = CID_CODEC_RAW, .digest = { 7 } };
    const struct http_server_options so = { .threads = 1, .handler = on_request, .ctx = &c };
    CHECK_OK(loop_new(&loop, 0));
    CHECK_OK(http_server_open(&c.server, &so));
    /* The first one is nobody's: the second is asked. */
    snprintf(chains.urls[0], CONFIG_URL_MAX, "http://127.0.0.1:1");
    snprintf(chains.urls[1], CONFIG_URL_MAX, "http://127.0.0.1:%u", http_server_port(c.server));
    CHECK_OK(routing_open(&r, loop));
    struct chain_peers_options o = { .loop = loop, .routing = r, .chains = &chains };
    CHECK_OK(peer_id_parse(&o.self, span_str(ID2)));
    CHECK_OK(chain_peers_open(&p, &o));
    say(&c, &key);
    const struct cid cid = cid_of_key(&key);
    CHECK(chain_peers_known(p, list, 4, &key) == 0);
    struct heard h = ask(r, &cid, NULL);
    CHECK(h.found == 1 && h.notes == 2 && h.result == OK && h.providers == 1 && c.asked == 1);
    CHECK(strcmp(h.last.source, "chain") == 0 && h.last.addr_count == 1);
    /* It is remembered, also where that peer is. */
    h = ask(r, &cid, NULL);
    CHECK(h.found == 1 && h.notes == 1 && h.result == OK && c.asked == 1);
    h = ask(r, NULL, ID1);
    CHECK(h.found == 1 && h.last.addr_count == 1 && c.asked == 1);
    h = ask(r, NULL, ID2);
    CHECK(h.found == 0 && c.asked == 1);
    CHECK(chain_peers_known(p, list, 4, &key) == 1 && list[0].verified);
    /* A content that the chain does not know is an answer; one that cannot be read is none, and
     * then it is left alone for a while. */
    key.digest[0] = 8;
    const struct cid unknown = cid_of_key(&key);
    atomic_store(&c.status, 404);
    h = ask(r, &unknown, NULL);
    CHECK(h.found == 0 && h.result == OK && c.asked == 2);
    key.digest[0] = 9;
    const struct cid broken = cid_of_key(&key);
    atomic_store(&c.status, 200);
    snprintf(c.body, sizeof(c.body), "{");
    h = ask(r, &broken, NULL);
    CHECK(h.found == 0 && h.result != OK && c.asked == 3);
    key.digest[0] = 10;
    const struct cid later = cid_of_key(&key);
    h = ask(r, &later, NULL);
    CHECK(h.found == 0 && h.result == ERR_BUSY && c.asked == 3);
    chain_peers_stop(p);
    routing_close(r);
    chain_peers_close(p);
    http_server_close(c.server);
    loop_free(loop);
}

int main(void)
{
    log_init("chain-peers-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holders_name_peers),
        cmocka_unit_test(routing_asks_the_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
