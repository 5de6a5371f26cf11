#include "ipfsd/resolve.h"

#include "ipfsd/fake_dns_test.h"
#include "rt/clock.h"

#include <stdio.h>

#define ID_A "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
#define ID_B "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"

enum { PATIENCE_MS = 60000 };

static const struct fake_dns_row rows[] = {
    { "_dnsaddr.boot.example", "dnsaddr=/dnsaddr/one.example/p2p/" ID_A },
    { "_dnsaddr.boot.example", "dnsaddr=/dnsaddr/two.example/p2p/" ID_B },
    { "_dnsaddr.boot.example", "v=spf1" },
    { "_dnsaddr.one.example", "dnsaddr=/ip4/1.2.3.4/tcp/4001/p2p/" ID_A },
    { "_dnsaddr.one.example", "dnsaddr=/ip4/1.2.3.4/udp/4001/quic-v1/p2p/" ID_A },
    { "_dnsaddr.one.example", "dnsaddr=/ip6/2600::1/tcp/4001/p2p/" ID_A },
    { "_dnsaddr.one.example", "dnsaddr=/ip4/9.9.9.9/tcp/1/p2p/" ID_B },    /* another peer */
    { "_dnsaddr.one.example", "dnsaddr=/ip4/1.2.3.4/tcp/4001/p2p/" ID_A }, /* twice */
    { "_dnsaddr.two.example", "dnsaddr=/ip4/5.6.7.8/tcp/4001" },
    { "_dnsaddr.loop.example", "dnsaddr=/dnsaddr/loop.example" },
    { "_dnsaddr.loop.example", "dnsaddr=/dnsaddr/loop.example" },
    { "_dnsaddr.host.example", "dnsaddr=/dns4/localhost/tcp/77" },
    { "_dnsaddr.bad.example", "dnsaddr=/ip4/1.2.3" },
};

static struct fake_dns dns;
static struct resolved out;

static void find(const char *text)
{
    struct multiaddr a;
    CHECK_OK(multiaddr_parse(&a, span_str(text)));
    /* A machine that stands still for seconds is no failure. */
    for (int i = 0; i < 20; i++) {
        resolve_address(&out, &a, &dns.at, NULL);
        if (out.err != ERR_TIMEOUT)
            return;
    }
}

static bool has(const char *text)
{
    for (size_t i = 0; i < out.count; i++) {
        char buf[MULTIADDR_TEXT_MAX];
        multiaddr_format(buf, &out.list[i]);
        if (strcmp(buf, text) == 0)
            return true;
    }
    return false;
}

static void dnsaddr_is_followed(void **state)
{
    (void)state;
    find("/dnsaddr/boot.example");
    CHECK(out.err == OK && out.count == 3);
    CHECK(has("/ip4/1.2.3.4/tcp/4001/p2p/" ID_A) && has("/ip6/2600::1/tcp/4001/p2p/" ID_A));
    CHECK(has("/ip4/5.6.7.8/tcp/4001/p2p/" ID_B)); /* named by the record above it */
    find("/dnsaddr/boot.example/p2p/" ID_B);
    CHECK(out.count == 1 && has("/ip4/5.6.7.8/tcp/4001/p2p/" ID_B));
    find("/dnsaddr/one.example");
    CHECK(out.count == 3 && has("/ip4/9.9.9.9/tcp/1/p2p/" ID_B));
}

static void loops_and_rubbish_end(void **state)
{
    (void)state;
    int before = atomic_load(&dns.asked);
    find("/dnsaddr/loop.example");
    CHECK(out.count == 0 && out.err == ERR_LIMIT);
    /* 1 + 2 + 4 + 8 questions. One may be repeated by the resolver. */
    CHECK(atomic_load(&dns.asked) - before >= 15);
    find("/dnsaddr/bad.example");
    CHECK(out.count == 0 && out.err == ERR_NOT_FOUND);
    find("/dnsaddr/nothing.example");
    CHECK(out.count == 0 && out.err == ERR_NOT_FOUND);
    find("/ip4/1.2.3.4/udp/1");
    CHECK(out.count == 0 && out.err == ERR_UNSUPPORTED);
}

static void names_of_hosts(void **state)
{
    (void)state;
    find("/dns4/localhost/tcp/4001/p2p/" ID_A);
    CHECK(out.err == OK && has("/ip4/127.0.0.1/tcp/4001/p2p/" ID_A) && out.count == 1);
    find("/dnsaddr/host.example/p2p/" ID_B);
    CHECK(out.count == 1 && has("/ip4/127.0.0.1/tcp/77/p2p/" ID_B));
    find("/ip4/1.2.3.4/tcp/5");
    CHECK(out.count == 1 && has("/ip4/1.2.3.4/tcp/5"));
}

struct waiting {
    int answers;
    size_t addresses;
};

static void on_found(void *ctx, const struct resolved *found)
{
    struct waiting *w = ctx;
    w->answers++;
    w->addresses += found->count;
}

static void the_loop_does_not_wait(void **state)
{
    (void)state;
    struct loop *l;
    struct resolver *r;
    struct waiting w = { 0 };
    struct multiaddr a;
    CHECK_OK(loop_new(&l, 0));
    CHECK_OK(resolve_open(&r, l, &dns.at));
    CHECK_OK(multiaddr_parse(&a, span_str("/dnsaddr/one.example/p2p/" ID_A)));
    for (int i = 0; i < RESOLVE_JOBS; i++)
        CHECK_OK(resolve_start(r, &a, on_found, &w));
    CHECK_ERR(resolve_start(r, &a, on_found, &w), ERR_BUSY);
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (w.answers < RESOLVE_JOBS && clock_mono_ms() < end)
        loop_run_once(l, 50);
    CHECK(w.answers == RESOLVE_JOBS && w.addresses == (size_t)2 * RESOLVE_JOBS);
    CHECK_OK(resolve_start(r, &a, on_found, &w));
    resolve_close(r);
    CHECK(w.answers <= RESOLVE_JOBS + 1);
    loop_free(l);
}

static int start(void **state)
{
    (void)state;
    fake_dns_start(&dns, rows, sizeof(rows) / sizeof(rows[0]));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fake_dns_stop(&dns);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dnsaddr_is_followed),
        cmocka_unit_test(loops_and_rubbish_end),
        cmocka_unit_test(names_of_hosts),
        cmocka_unit_test(the_loop_does_not_wait),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
