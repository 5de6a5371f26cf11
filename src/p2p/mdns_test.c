#include "p2p/mdns.h"

#include "base/check.h"

#define ID_A "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"

static uint8_t buf[DNS_MESSAGE_MAX];
static struct mdns_heard heard;
static const uint8_t ip[4] = { 192, 168, 1, 2 };

static size_t addresses(struct multiaddr *list, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK_OK(multiaddr_parse(&list[i], span_str(texts[i])));
    return n;
}

static struct span answer(const char *name)
{
    static struct multiaddr list[2];
    static const char *const texts[] = { "/ip4/192.168.1.2/tcp/4001/p2p/" ID_A,
                                         "/ip6/fd00::1/tcp/4001/p2p/" ID_A };
    struct mdns_self me = { .ip = span_of(ip, 4), .port = 4001, .list = list };
    struct writer w = writer_of(buf, sizeof(buf));
    me.count = addresses(list, texts, 2);
    memcpy(me.name, name, strlen(name) + 1);
    mdns_write_answer(&w, &me);
    CHECK_OK(w.err);
    return writer_span(&w);
}

static void a_peer_is_heard(void **state)
{
    (void)state;
    char text[MULTIADDR_TEXT_MAX];
    CHECK_OK(mdns_read(&heard, answer("somebody"), "me"));
    CHECK(heard.count == 2 && !heard.asks_peers && !heard.asks_types);
    multiaddr_format(text, &heard.list[0]);
    CHECK(strcmp(text, "/ip4/192.168.1.2/tcp/4001/p2p/" ID_A) == 0);
    CHECK_OK(mdns_read(&heard, answer("somebody"), "somebody")); /* ourselves */
    CHECK(heard.count == 0);
}

/* The question is the one that go-libp2p asks, byte for byte. */
static void questions(void **state)
{
    (void)state;
    static const char want[] = "\0\0\0\0\0\1\0\0\0\0\0\0\4_p2p\4_udp\5local\0\0\x0c\0\1";
    struct writer w = writer_of(buf, sizeof(buf));
    mdns_write_query(&w);
    CHECK_SPAN(writer_span(&w), span_of(want, sizeof(want) - 1));
    CHECK_OK(mdns_read(&heard, writer_span(&w), "me"));
    CHECK(heard.asks_peers && !heard.asks_types && heard.count == 0);
    buf[2] = 0x84; /* the same in an answer asks nothing */
    CHECK_OK(mdns_read(&heard, writer_span(&w), "me"));
    CHECK(!heard.asks_peers);
    buf[2] = 0;
    buf[w.len - 2] = 0x80; /* a direct answer is wished: it is a question all the same */
    CHECK_OK(mdns_read(&heard, writer_span(&w), "me"));
    CHECK(heard.asks_peers);
    buf[w.len - 1] = 3; /* another class */
    CHECK_OK(mdns_read(&heard, writer_span(&w), "me"));
    CHECK(!heard.asks_peers);
    w = writer_of(buf, sizeof(buf));
    const uint16_t counts[DNS_SECTIONS] = { 1, 0, 0, 0 };
    dns_write_head(&w, 0, 0, counts);
    dns_write_question(&w, MDNS_TYPES, DNS_ANY, DNS_IN);
    CHECK_OK(mdns_read(&heard, writer_span(&w), "me"));
    CHECK(heard.asks_types && !heard.asks_peers);
    w = writer_of(buf, sizeof(buf));
    mdns_write_types(&w);
    CHECK_OK(mdns_read(&heard, writer_span(&w), "me"));
    CHECK(!heard.asks_types && heard.count == 0);
}

static void what_is_no_address_is_left_out(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "dnsaddr=/ip4/1.2.3.4/tcp/1/p2p/" ID_A,
        "dnsaddr=/ip4/1.2.3.4/tcp/1",
        "dnsaddr=",
        "dnsaddr=x",
        "/ip4/1.2.3.4/tcp/1/p2p/" ID_A,
        "",
        "dnsaddr=/p2p/" ID_A "/tcp/1",
    };
    const uint16_t counts[DNS_SECTIONS] = { 0, 0, 0, 1 };
    struct dns_record rr = { .type = DNS_TXT, .class = DNS_IN | DNS_UNIQUE };
    struct writer w = writer_of(buf, sizeof(buf));
    size_t n = 0;
    memcpy(rr.name.text, "X." MDNS_SERVICE, sizeof("X." MDNS_SERVICE));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        n += strlen(texts[i]) + 1;
    dns_write_head(&w, 0, DNS_ANSWER_FLAG, counts);
    dns_write_record(&w, &rr, n);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        dns_write_text(&w, span_str(texts[i]));
    CHECK_OK(mdns_read(&heard, writer_span(&w), "me"));
    CHECK(heard.count == 1);
    CHECK_OK(mdns_read(&heard, writer_span(&w), "x")); /* names are compared without case */
    CHECK(heard.count == 0);
    buf[12] = 0; /* a record of the root: no instance of the service */
    CHECK(mdns_read(&heard, writer_span(&w), "me") != OK || heard.count == 0);
}

static void every_prefix_is_short(void **state)
{
    (void)state;
    struct span whole = answer("somebody");
    for (size_t n = 0; n < whole.n; n++) {
        uint8_t *exact = check_dup(whole.p, n);
        CHECK_ERR(mdns_read(&heard, span_of(exact, n), "me"), ERR_SHORT);
        CHECK(heard.count == 0);
        free(exact);
    }
    static uint8_t large[DNS_MESSAGE_MAX + 1];
    CHECK_ERR(mdns_read(&heard, span_of(large, sizeof(large)), "me"), ERR_LIMIT);
}

static void names_have_their_form(void **state)
{
    (void)state;
    uint8_t random[MDNS_NAME_SIZE];
    char name[MDNS_NAME_SIZE + 1];
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (uint8_t)(i * 37);
    mdns_name(name, random);
    CHECK(strlen(name) == MDNS_NAME_SIZE);
    CHECK(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == MDNS_NAME_SIZE);
    CHECK_OK(mdns_read(&heard, answer(name), "me"));
    CHECK(heard.count == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_heard),
        cmocka_unit_test(questions),
        cmocka_unit_test(what_is_no_address_is_left_out),
        cmocka_unit_test(every_prefix_is_short),
        cmocka_unit_test(names_have_their_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
