/* Swarms on one loop over loopback, and a source of routing that says what the test wants. */
#include "ipfsd/seek.h"

#include "base/check.h"
#include "crypto/random.h"
#include "ipfsd/fake_dns_test.h"
#include "rt/clock.h"

#include <stdio.h>

enum { SIDES = 3, PATIENCE_MS = 60000 };

struct side {
    struct swarm *swarm;
    struct ed25519_key identity;
    struct peer_id id;
    struct multiaddr address; /* without /p2p */
    uint32_t peers;
};

static struct loop *loop;
static struct side sides[SIDES];
static struct routing *routing;
static struct seek *seek;
static uint32_t overs, asked, cancelled;
static uint32_t question;             /* for providers */
static struct routing_provider where; /* answered when a peer is asked for; addr_count 0: nothing */
static size_t source;

static void on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    struct side *s = ctx;
    (void)peer;
    (void)inbound;
    s->peers++;
    if (s == &sides[0])
        seek_peer(seek, connection);
}

static void on_gone(void *ctx, uint32_t connection, enum err why)
{
    (void)why;
    if (ctx == &sides[0])
        seek_gone(seek, connection);
}

static void on_over(void *ctx, const struct cid *cid)
{
    (void)ctx;
    CHECK(cid->digest[0] == 7);
    overs++;
}

static struct answer {
    struct loop_event event;
    uint32_t question;
} answers[16];
static size_t answer_count;

static void tell_where(void *ctx)
{
    const struct answer *a = ctx;
    struct routing_provider p = where;
    if (p.addr_count > 0)
        routing_found(routing, source, a->question, &p);
    routing_done(routing, source, a->question);
}

static enum err source_begin(void *ctx, uint32_t id, const struct routing_question *q)
{
    (void)ctx;
    asked++;
    if (q->kind == ROUTING_PROVIDERS) {
        question = id;
        return OK;
    }
    CHECK(answer_count < 16);
    struct answer *a = &answers[answer_count++];
    *a = (struct answer){ .event = { .fn = tell_where, .ctx = a }, .question = id };
    loop_post_event(loop, &a->event);
    return OK;
}

static void source_cancel(void *ctx, uint32_t id)
{
    (void)ctx;
    cancelled += id == question;
}

static void side_start(size_t i)
{
    struct side *s = &sides[i];
    uint8_t seed[32] = { (uint8_t)(i + 1), 99 }, ip[4] = { 127, 0, 0, 1 };
    struct multiaddr_tcp t;
    struct multiaddr full;
    ed25519_keypair(&s->identity, seed);
    struct peer_key key = peer_key_of(&s->identity);
    s->id = peer_id_of(&key);
    struct swarm_options o = { .identity = &s->identity,
                               .listen = { multiaddr_of_ip(span_of(ip, 4), 0) },
                               .listen_count = 1,
                               .limits = gate_defaults(),
                               .buffers = 16,
                               .chunks = 128,
                               .streams = 64,
                               .noise = true,
                               .early_muxer = true,
                               .allow_private = true,
                               .agent = "crust-test",
                               .on_peer = on_peer,
                               .on_gone = on_gone,
                               .ctx = s };
    CHECK_OK(swarm_open(&s->swarm, loop, &o));
    CHECK_OK(swarm_address(s->swarm, 0, &full));
    CHECK_OK(multiaddr_tcp_of(&t, &full));
    s->address = multiaddr_of_ip(span_of(t.ip, 4), t.port);
}

static void start(void)
{
    const struct routing_source src = { .name = "test",
                                        .begin = source_begin,
                                        .cancel = source_cancel };
    memset(sides, 0, sizeof(sides));
    overs = asked = cancelled = 0;
    answer_count = 0;
    where = (struct routing_provider){ .addr_count = 0 };
    CHECK_OK(loop_new(&loop, 0));
    CHECK_OK(routing_open(&routing, loop));
    CHECK_OK(routing_add(routing, &src, &source));
    const struct seek_options o = { .loop = loop, .routing = routing, .over = on_over };
    CHECK_OK(seek_open(&seek, &o));
    for (size_t i = 0; i < SIDES; i++)
        side_start(i);
    seek_attach(seek, sides[0].swarm);
}

static void stop(void)
{
    seek_stop(seek);
    for (size_t i = 0; i < SIDES; i++)
        swarm_close(sides[i].swarm);
    seek_close(seek);
    routing_close(routing);
    loop_free(loop);
}

#define UNTIL(cond)                                                                                \
    do {                                                                                           \
        uint64_t until_ = clock_mono_ms() + PATIENCE_MS;                                           \
        while (!(cond)) {                                                                          \
            CHECK(clock_mono_ms() < until_);                                                       \
            loop_run_once(loop, 20);                                                               \
        }                                                                                          \
    } while (0)

static struct cid content(void)
{
    const struct content_key key = { .codec = CID_CODEC_RAW, .digest = { 7 } };
    return cid_of_key(&key);
}

static struct routing_provider provider(size_t i, size_t addrs)
{
    struct routing_provider p = { .peer = sides[i].id, .addr_count = addrs };
    if (addrs > 0)
        p.addrs[addrs - 1] = sides[i].address;
    return p;
}

static void a_provider_is_dialled_at_its_second_address(void **state)
{
    (void)state;
    start();
    const struct cid cid = content();
    CHECK_OK(seek_begin(seek, &cid));
    CHECK_OK(seek_begin(seek, &cid)); /* not a second time */
    CHECK(asked == 1);
    struct routing_provider p = provider(1, 2);
    const uint8_t ip[4] = { 127, 0, 0, 1 };
    p.addrs[0] = multiaddr_of_ip(span_of(ip, 4), 1); /* nobody is there */
    routing_found(routing, source, question, &p);
    routing_found(routing, source, question, &p); /* named again */
    UNTIL(sides[0].peers == 1);
    CHECK(swarm_find(sides[0].swarm, &sides[1].id) != GATE_NONE && overs == 0);
    routing_done(routing, source, question);
    UNTIL(overs == 1); /* after a while in which it could be of use */
    CHECK(sides[0].peers == 1 && asked == 1);
    stop();
}

static void a_provider_without_address_is_looked_up(void **state)
{
    (void)state;
    start();
    const struct cid cid = content();
    CHECK_OK(seek_begin(seek, &cid));
    where = provider(2, 1);
    struct routing_provider p = provider(2, 0);
    routing_found(routing, source, question, &p);
    UNTIL(swarm_find(sides[0].swarm, &sides[2].id) != GATE_NONE);
    CHECK(asked == 2);
    stop();
    CHECK(cancelled == 1 && overs == 0);
}

/* Resolves names of the test's own server; what the system knows of localhost is the same. */
static void a_provider_with_names_only_is_resolved(void **state)
{
    (void)state;
    char row[MULTIADDR_TEXT_MAX], host[MULTIADDR_TEXT_MAX + 16];
    struct fake_dns_row rows[] = { { "_dnsaddr.peer.example", host } };
    struct fake_dns dns;
    struct resolver *resolver;
    start();
    struct multiaddr full = sides[1].address;
    CHECK_OK(multiaddr_add(&full, MULTIADDR_P2P, peer_id_span(&sides[1].id)));
    multiaddr_format(row, &full);
    (void)snprintf(host, sizeof(host), "dnsaddr=%s", row);
    fake_dns_start(&dns, rows, 1);
    CHECK_OK(resolve_open(&resolver, loop, &dns.at));
    seek_resolver(seek, resolver);
    const struct cid cid = content();
    CHECK_OK(seek_begin(seek, &cid));
    struct multiaddr_tcp t;
    struct routing_provider p = provider(2, 2);
    CHECK_OK(multiaddr_tcp_of(&t, &sides[2].address));
    (void)snprintf(row, sizeof(row), "/dns4/localhost/tcp/%u", t.port);
    CHECK_OK(multiaddr_parse(&p.addrs[1], span_str(row)));
    const uint8_t ip[4] = { 127, 0, 0, 1 };
    p.addrs[0] = multiaddr_of_ip(span_of(ip, 4), 1); /* nobody is there: then its name */
    routing_found(routing, source, question, &p);
    p = provider(1, 2);
    CHECK_OK(multiaddr_parse(&p.addrs[0], span_str("/dnsaddr/nobody.example")));
    CHECK_OK(multiaddr_parse(&p.addrs[1], span_str("/dnsaddr/peer.example")));
    routing_found(routing, source, question, &p);
    UNTIL(sides[0].peers == 2);
    CHECK(swarm_find(sides[0].swarm, &sides[1].id) != GATE_NONE);
    CHECK(swarm_find(sides[0].swarm, &sides[2].id) != GATE_NONE);
    CHECK(asked == 1); /* nobody had to be asked where they are */
    /* A name that is of no use, and one that is under way at the end. */
    struct cid other = cid;
    other.digest[1] = 9;
    CHECK_OK(seek_begin(seek, &other));
    p = provider(1, 1);
    p.peer.bytes[p.peer.size - 1] ^= 1;
    CHECK_OK(multiaddr_parse(&p.addrs[0], span_str("/dnsaddr/nobody.example")));
    routing_found(routing, source, question, &p);
    UNTIL(asked == 3); /* so it is asked where that one is */
    seek_stop(seek);
    resolve_close(resolver);
    stop();
    fake_dns_stop(&dns);
}

static void nobody_and_liars_end_it(void **state)
{
    (void)state;
    start();
    const struct cid cid = content();
    CHECK_OK(seek_begin(seek, &cid));
    routing_done(routing, source, question);
    UNTIL(overs == 1); /* nobody */
    CHECK_OK(seek_begin(seek, &cid));
    /* Another peer is at that address; one has no address; one a kind that is not dialled. */
    struct routing_provider p = provider(1, 1);
    p.peer = sides[2].id;
    routing_found(routing, source, question, &p);
    p = provider(1, 0);
    routing_found(routing, source, question, &p);
    p = provider(1, 1);
    p.peer.bytes[p.peer.size - 1] ^= 1;
    CHECK_OK(multiaddr_parse(&p.addrs[0], span_str("/ip4/127.0.0.1/udp/1/quic-v1")));
    routing_found(routing, source, question, &p);
    routing_done(routing, source, question);
    UNTIL(overs == 2);
    CHECK(sides[0].peers == 0);
    stop();
}

static void many_are_sought_and_named_within_limits(void **state)
{
    (void)state;
    start();
    struct cid cid = content();
    for (int i = 0; i < SEEK_MAX; i++) {
        cid.digest[1] = (uint8_t)i;
        CHECK_OK(seek_begin(seek, &cid));
    }
    cid.digest[1] = 200;
    CHECK_ERR(seek_begin(seek, &cid), ERR_LIMIT);
    struct routing_provider p = provider(1, 1);
    for (int i = 0; i < 1000; i++) { /* of the last question */
        store_be32(p.peer.bytes + p.peer.size - 4, (uint32_t)i);
        p.addrs[0] = sides[2].address;
        routing_found(routing, source, question, &p);
    }
    struct swarm_figures f;
    for (int i = 0; i < 20; i++)
        loop_run_once(loop, 10);
    swarm_figures(sides[0].swarm, &f);
    CHECK(f.dialled <= SEEK_PROVIDERS && f.dialled > 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_provider_is_dialled_at_its_second_address),
        cmocka_unit_test(a_provider_without_address_is_looked_up),
        cmocka_unit_test(a_provider_with_names_only_is_resolved),
        cmocka_unit_test(nobody_and_liars_end_it),
        cmocka_unit_test(many_are_sought_and_named_within_limits),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
