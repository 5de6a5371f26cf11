#include "ipfsd/names.h"

#include "ipfsd/fake_dns_test.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <stdio.h>

enum { NOW = 1795000000 };

#define KEY_NAME "k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f"

static struct peer_id id_of(const char *text)
{
    struct peer_id id;
    CHECK_OK(peer_id_parse(&id, span_str(text)));
    return id;
}

static void the_folder_is_read_and_verified(void **state)
{
    (void)state;
    struct names *n;
    const struct names_options o = { .folder = "tests/vectors/gateway-conformance", .now_s = NOW };
    CHECK_OK(names_open(&n, &o));
    uint8_t buf[IPNS_RECORD_MAX];
    size_t size;
    struct peer_id good = id_of(KEY_NAME),
                   rsa = id_of("QmVujd5Vb7moysJj8itnGufN7MEtPRCNHkKpNuA4onsRa3"),
                   v1 = id_of("k51qzi5uqu5dm4tm0wt8srkg9h9suud4wuiwjimndrkydqm81cqtlb5ak6p7ku"),
                   bad = id_of("k51qzi5uqu5diamp7qnnvs1p1gzmku3eijkeijs3418j23j077zrkok63xdm8c");
    CHECK_OK(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &good));
    CHECK(size == 188);
    CHECK_ERR(names_record(n, &size, (struct mspan){ buf, 187 }, &good), ERR_LIMIT);
    CHECK_OK(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &rsa));
    CHECK_ERR(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &v1), ERR_NOT_FOUND);
    CHECK_ERR(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &bad), ERR_NOT_FOUND);
    names_close(n);
    /* Nothing is valid for ever. */
    const struct names_options later = { .folder = "tests/vectors/gateway-conformance",
                                         .now_s = INT64_C(9000000000) };
    CHECK_OK(names_open(&n, &later));
    CHECK_ERR(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &good), ERR_NOT_FOUND);
    names_close(n);
}

/* A record of our own key, with a sequence number. */
static struct span record(uint8_t *buf, size_t n, uint64_t sequence, struct peer_id *name)
{
    const uint8_t seed[ED25519_SEED_SIZE] = { 9 };
    struct ed25519_key key;
    ed25519_keypair(&key, seed);
    struct peer_key public = peer_key_of(&key);
    *name = peer_id_of(&public);
    const struct ipns_record r = { .value = span_str("/ipfs/bafkqaaa"),
                                   .sequence = sequence,
                                   .validity = span_str("2100-01-01T00:00:00Z") };
    struct writer w = writer_of(buf, n);
    CHECK_OK(ipns_encode(&w, &r, &key));
    return writer_span(&w);
}

static void the_newer_record_counts(void **state)
{
    (void)state;
    uint8_t bytes[1024], buf[IPNS_RECORD_MAX];
    struct names *n;
    struct peer_id name, other = id_of(KEY_NAME);
    struct ipns_record r;
    size_t size;
    const uint64_t order[] = { 5, 3, 7, 7, 1 };
    CHECK_OK(names_open(&n, &(struct names_options){ .now_s = NOW }));
    for (size_t i = 0; i < 5; i++)
        CHECK_OK(names_put(n, &name, record(bytes, sizeof(bytes), order[i], &name)));
    CHECK_OK(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &name));
    CHECK_OK(ipns_decode(&r, span_of(buf, size)));
    CHECK(r.sequence == 7);
    CHECK_ERR(names_put(n, &other, record(bytes, sizeof(bytes), 8, &name)), ERR_SIGNATURE);
    CHECK_ERR(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &other), ERR_NOT_FOUND);
    names_close(n);
}

static void a_new_file_is_found(void **state)
{
    (void)state;
    char folder[] = "/tmp/names-test-XXXXXX", path[PATH_TEXT_MAX], text[PEER_ID_TEXT_MAX];
    uint8_t bytes[1024], buf[IPNS_RECORD_MAX];
    struct names *n;
    struct peer_id name;
    size_t size;
    CHECK(mkdtemp(folder) != NULL);
    struct span r = record(bytes, sizeof(bytes), 1, &name);
    CHECK_OK(names_open(&n, &(struct names_options){ .folder = folder, .now_s = NOW }));
    CHECK_ERR(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &name), ERR_NOT_FOUND);
    peer_id_format_cid(text, &name);
    (void)snprintf(path, sizeof(path), "%s/%s.ipns-record", folder, text);
    CHECK_OK(path_write_file(path, r, 0600));
    (void)snprintf(path, sizeof(path), "%s/nonsense.ipns-record", folder); /* passed over */
    CHECK_OK(path_write_file(path, r, 0600));
    uint64_t deadline = clock_deadline(30000);
    enum err e = ERR_NOT_FOUND;
    while (e == ERR_NOT_FOUND && clock_left(deadline) > 0) {
        clock_sleep_ms(50);
        e = names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &name);
    }
    CHECK_OK(e);
    CHECK_SPAN(span_of(buf, size), r);
    names_close(n);
    CHECK_OK(path_remove_tree(folder));
}

static void dnslinks(void **state)
{
    (void)state;
    static const char *const wrong[] = { "a.b:",          "a.b:/x/y", ":/ipfs/x", "a.b:/ipfs/",
                                         "a.b:/ipfs/x,c", "a",        "/ipfs/x.y" };
    struct names *n;
    struct gateway_dnslink l;
    const struct names_options o = { .dnslinks = "A.example:/ipfs/x/y, b.example:/ipns/z" };
    CHECK_OK(names_open(&n, &o));
    CHECK_OK(names_dnslink(n, &l, "a.example", false));
    CHECK(strcmp(l.value, "/ipfs/x/y") == 0 && l.ttl_s == 0);
    CHECK_OK(names_dnslink(n, &l, "b.example", true));
    CHECK(strcmp(l.value, "/ipns/z") == 0);
    CHECK_ERR(names_dnslink(n, &l, "c.example", true), ERR_NOT_FOUND); /* the DNS is not asked */
    CHECK(names_is_site(n, "a.example") && !names_is_site(n, "example"));
    names_close(n);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_ERR(names_open(&n, &(struct names_options){ .dnslinks = wrong[i] }), ERR_FORMAT);
    names_close(NULL);
}

/* ---- the DNS -------------------------------------------------------------------------------- */

static const struct fake_dns_row rows[] = {
    { "_dnslink.a.example", "dnslink=/ipfs/bafkqaaa/sub" },
    { "_dnslink.listed.example", "dnslink=/ipfs/bafkqaaa/sub" },
    { "_dnslink.d*", "dnslink=/ipfs/bafkqaaa/sub" },
};

/* Asks until there is an answer: a machine that stands still for seconds is no failure. */
static enum err ask(struct names *n, struct gateway_dnslink *l, const char *domain)
{
    enum err e = ERR_TIMEOUT;
    for (int i = 0; i < 20 && e == ERR_TIMEOUT; i++)
        e = names_dnslink(n, l, domain, true);
    return e;
}

static void the_dns_is_asked_once(void **state)
{
    (void)state;
    struct fake_dns s;
    fake_dns_start(&s, rows, 3);
    struct names *n;
    struct gateway_dnslink l;
    struct names_options o = { .dnslinks = "listed.example", .dns = true, .server = s.at };
    CHECK_OK(names_open(&n, &o));
    CHECK_ERR(names_dnslink(n, &l, "a.example", false), ERR_NOT_FOUND);
    CHECK(atomic_load(&s.asked) == 0);
    CHECK_OK(ask(n, &l, "a.example"));
    CHECK(strcmp(l.value, "/ipfs/bafkqaaa/sub") == 0 && l.ttl_s > 0 && l.ttl_s <= 300);
    int asked = atomic_load(&s.asked);
    CHECK_OK(names_dnslink(n, &l, "a.example", false));
    CHECK(strcmp(l.value, "/ipfs/bafkqaaa/sub") == 0);
    CHECK_ERR(ask(n, &l, "none.example"), ERR_NOT_FOUND);
    CHECK_ERR(ask(n, &l, "none.example"), ERR_NOT_FOUND);
    CHECK(names_is_site(n, "listed.example") && !names_is_site(n, "a.example"));
    CHECK_OK(ask(n, &l, "listed.example"));
    CHECK(asked >= 1 && atomic_load(&s.asked) >= asked + 2);
    /* More domains than are remembered: the oldest are forgotten, nothing grows. */
    for (int i = 0; i < NAMES_CACHE + 8; i++) {
        char domain[32];
        (void)snprintf(domain, sizeof(domain), "d%d.example", i);
        CHECK_OK(ask(n, &l, domain));
    }
    names_close(n);
    fake_dns_stop(&s);
}

/* Others that have a record, or have none. */
struct others {
    struct span record; /* empty: none */
    uint32_t asked;
};

static enum err ask_others(void *ctx, size_t *size, struct mspan buf, const struct peer_id *name)
{
    struct others *o = ctx;
    CHECK(name->size != 0);
    o->asked++;
    *size = o->record.n;
    if (o->record.n == 0)
        return ERR_NOT_FOUND;
    CHECK(o->record.n <= buf.n);
    memcpy(buf.p, o->record.p, o->record.n);
    return OK;
}

static void others_are_asked_once_in_a_while(void **state)
{
    (void)state;
    struct names *n;
    uint8_t bytes[IPNS_RECORD_MAX], buf[IPNS_RECORD_MAX];
    size_t size;
    struct peer_id name, unknown = id_of(KEY_NAME);
    struct others o = { .asked = 0 };
    const struct names_options options = { .now_s = NOW };
    CHECK_OK(names_open(&n, &options));
    struct span r = record(bytes, sizeof(bytes), 3, &name);
    CHECK(!names_find_due(n, &name));
    names_find(n, &name); /* nobody to ask */
    names_finder(n, ask_others, &o);
    CHECK(names_find_due(n, &name) && o.asked == 0);
    o.record = r;
    names_find(n, &name);
    names_find(n, &name);
    CHECK(o.asked == 1 && !names_find_due(n, &name));
    CHECK_OK(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &name));
    CHECK_SPAN(span_of(buf, size), r);
    /* The record of another name is not taken. */
    names_find(n, &unknown);
    names_find(n, &unknown);
    CHECK(o.asked == 2);
    CHECK_ERR(names_record(n, &size, (struct mspan){ buf, sizeof(buf) }, &unknown), ERR_NOT_FOUND);
    names_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_is_read_and_verified),
        cmocka_unit_test(the_newer_record_counts),
        cmocka_unit_test(a_new_file_is_found),
        cmocka_unit_test(dnslinks),
        cmocka_unit_test(the_dns_is_asked_once),
        cmocka_unit_test(others_are_asked_once_in_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
