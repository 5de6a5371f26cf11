/* A real node with an enclave tells an indexer, which the test plays, what it has sealed and what
 * it has no longer. */
#include "codec/envelope.h"
#include "codec/ipni.h"
#include "codec/json.h"
#include "codec/multibase.h"
#include "ipfsd/fake_storage_test.h"
#include "rt/http_client.h"
#include "rt/http_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, CHAIN_MAX = 16 };

/* ---- the indexer --------------------------------------------------------------------------------
 */

static struct http_server *indexer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t message[4096];
static size_t message_size;
static atomic_uint announced, refuse;

static void on_announce(void *ctx, struct http_request *rq)
{
    (void)ctx;
    struct span body = http_request_body(rq);
    bool good = http_request_method(rq) == HTTP_PUT && body.n <= sizeof(message) &&
                strcmp(http_request_path(rq), "/announce") == 0;
    if (!good) {
        (void)http_request_respond_text(rq, 400, "?");
        return;
    }
    pthread_mutex_lock(&lock);
    memcpy(message, body.p, body.n);
    message_size = body.n;
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&announced, 1);
    struct http_response r = { .status = atomic_load(&refuse) != 0 ? 500 : 204 };
    (void)http_request_respond(rq, &r);
}

/* The announced head; where it can be fetched must be the gateway. */
static struct cid announced_head(const char *url)
{
    struct cid head;
    struct multiaddr at;
    uint8_t copy[4096];
    char there[MULTIADDR_URL_MAX];
    pthread_mutex_lock(&lock);
    size_t n = message_size;
    memcpy(copy, message, n);
    pthread_mutex_unlock(&lock);
    struct cbor_reader c = cbor_reader_of(span_of(copy, n), CBOR_STRICT);
    cbor_read_array_of(&c, 3);
    cbor_read_link(&c, &head);
    cbor_read_array_of(&c, 1);
    CHECK_OK(multiaddr_decode(&at, cbor_read_bytes(&c)));
    CHECK(cbor_read_bytes(&c).n == 0);
    CHECK_OK(cbor_finish(&c));
    CHECK_OK(multiaddr_url(there, &at));
    CHECK(strcmp(there, url) == 0);
    return head;
}

static struct mspan get(const char *url, const char *name, uint16_t *status)
{
    char full[512];
    struct mspan out = { NULL, 0 };
    snprintf(full, sizeof(full), "%s/ipni/v1/ad/%s", url, name);
    const struct http_fetch_options o = { .method = HTTP_GET, .url = full };
    CHECK_OK(http_fetch_text(&out, &o, true, status));
    return out;
}

/* A block by its CID; its bytes are those that the CID names. */
static struct mspan get_block(const char *url, const struct cid *cid)
{
    char name[CID_TEXT_MAX];
    uint16_t status;
    cid_format(name, cid);
    struct mspan block = get(url, name, &status);
    CHECK(status == 200);
    const struct cid is = ipni_cid(span_of(block.p, block.n));
    CHECK(memcmp(is.digest, cid->digest, 32) == 0);
    return block;
}

static struct span bytes_at(uint8_t *out, size_t max, struct json_value v)
{
    size_t n = 0;
    const char *text = json_text(json_get(json_get(v, "/"), "bytes"));
    CHECK_OK(multibase_parse_bare(out, &n, max, MULTIBASE_64, span_str(text)));
    return span_of(out, n);
}

/* The head that the gateway serves, signed by the provider. */
static struct cid served_head(const char *url, struct peer_id *signer)
{
    uint16_t status;
    struct json doc;
    struct cid head;
    struct peer_key key;
    uint8_t pub[128], sig[128], bytes[64];
    struct mspan text = get(url, "head", &status);
    CHECK(status == 200);
    CHECK_OK(json_open(&doc, span_of(text.p, text.n), 4096));
    struct json_value root = json_root(&doc);
    CHECK_OK(cid_parse(&head, span_str(json_text(json_get(json_get(root, "head"), "/")))));
    CHECK_OK(peer_key_decode(&key, bytes_at(pub, sizeof(pub), json_get(root, "pubkey"))));
    struct writer w = writer_of(bytes, sizeof(bytes));
    cid_write(&w, &head);
    CHECK_OK(
        peer_key_verify(&key, writer_span(&w), bytes_at(sig, sizeof(sig), json_get(root, "sig"))));
    *signer = peer_id_of(&key);
    json_close(&doc);
    free(text.p);
    return head;
}

struct told {
    uint8_t context[IPNI_MULTIHASH_SIZE];
    bool removal, linked; /* linked: to entries */
    size_t count;         /* of those that were read */
    uint8_t digests[8][32];
    char first_address[128];
};

/* The chunks of an advertisement. */
static void read_entries(const char *url, struct told *out, struct cid at)
{
    for (bool more = true; more;) {
        struct json chunk;
        struct mspan block = get_block(url, &at);
        CHECK_OK(json_open(&chunk, span_of(block.p, block.n), IPNI_BLOCK_MAX));
        struct json_value root = json_root(&chunk), list = json_get(root, "Entries");
        for (size_t i = 0; i < json_count(list); i++) {
            uint8_t mh[64];
            CHECK(out->count < 8);
            CHECK(bytes_at(mh, sizeof(mh), json_at(list, i)).n == IPNI_MULTIHASH_SIZE);
            memcpy(out->digests[out->count++], mh + 2, 32);
        }
        struct json_value next = json_find(root, "Next");
        more = next.of != NULL;
        if (more)
            CHECK_OK(cid_parse(&at, span_str(json_text(json_get(next, "/")))));
        json_close(&chunk);
        free(block.p);
    }
}

/* Whether one of the newer ones has taken this context back: its chunks are gone then. */
static bool taken_back(const struct told *list, size_t n, const struct told *t)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].removal && memcmp(list[i].context, t->context, sizeof(t->context)) == 0)
            return true;
    return false;
}

/* Walks the chain from its head; newest first. Every block is what its CID says, every
 * advertisement signed by who serves the head. */
static size_t walk(const char *url, struct told out[CHAIN_MAX], bool with_entries)
{
    struct peer_id signer, by;
    struct cid at = served_head(url, &signer), entries;
    size_t n = 0;
    for (bool more = true; more; n++) {
        struct json doc;
        struct envelope e;
        uint8_t field[512], expected[IPNI_MULTIHASH_SIZE];
        char id[PEER_ID_TEXT_MAX];
        CHECK(n < CHAIN_MAX);
        struct mspan ad = get_block(url, &at);
        CHECK_OK(json_open(&doc, span_of(ad.p, ad.n), IPNI_BLOCK_MAX));
        struct json_value root = json_root(&doc);
        CHECK_OK(envelope_open(&e, bytes_at(field, sizeof(field), json_get(root, "Signature")),
                               "indexer"));
        by = peer_id_of(&e.key);
        CHECK(peer_id_eq(&by, &signer));
        peer_id_format(id, &signer);
        CHECK(strcmp(id, json_text(json_get(root, "Provider"))) == 0);
        CHECK(json_count(json_get(root, "Addresses")) == 2);
        CHECK(bytes_at(out[n].context, IPNI_MULTIHASH_SIZE, json_get(root, "ContextID")).n ==
              IPNI_MULTIHASH_SIZE);
        out[n].removal = json_bool(json_get(root, "IsRm"));
        const char *link = json_text(json_get(json_get(root, "Entries"), "/"));
        out[n].count = 0;
        out[n].linked = false;
        (void)snprintf(out[n].first_address, sizeof(out[n].first_address), "%s",
                       json_text(json_at(json_get(root, "Addresses"), 0)));
        if (strcmp(link, "bafkreehdwdcefgh4dqkjv67uzcmw7oje") != 0) {
            CHECK(!out[n].removal);
            CHECK_OK(cid_parse(&entries, span_str(link)));
            out[n].linked = true;
        }
        if (out[n].linked && with_entries && !taken_back(out, n, &out[n])) {
            read_entries(url, &out[n], entries);
            ipni_context(expected, out[n].digests, out[n].count);
            CHECK(memcmp(expected, out[n].context, sizeof(expected)) == 0);
        }
        struct json_value previous = json_find(root, "PreviousID");
        more = previous.of != NULL;
        if (more)
            CHECK_OK(cid_parse(&at, span_str(json_text(json_get(previous, "/")))));
        CHECK_OK(doc.err);
        json_close(&doc);
        free(ad.p);
    }
    return n;
}

/* ---- the node -----------------------------------------------------------------------------------
 */

static void read_url(const struct fake_node *n, char url[128])
{
    char path[96];
    struct mspan text = { NULL, 0 };
    snprintf(path, sizeof(path), "%s/url", n->home);
    CHECK_OK(path_read_file(&text, path, 127));
    memcpy(url, text.p, text.n + 1);
    url[strcspn(url, "\n")] = '\0';
    free(text.p);
}

/* Until the indexer has heard of the head that is served, and the chain has so many links. */
static size_t until(const char *url, size_t want, struct told out[CHAIN_MAX])
{
    struct peer_id signer;
    uint16_t status;
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    size_t n = 0;
    while (n != want && clock_mono_ms() < end) {
        struct mspan text = get(url, "head", &status);
        free(text.p);
        n = status == 200 ? walk(url, out, false) : 0;
        if (n != want)
            clock_sleep_ms(50);
    }
    CHECK(n == want);
    bool same = false;
    while (!same && clock_mono_ms() < end) {
        struct cid heard = { 0 }, is = served_head(url, &signer);
        if (atomic_load(&announced) > 0)
            heard = announced_head(url);
        same = memcmp(heard.digest, is.digest, 32) == 0;
        if (!same)
            clock_sleep_ms(50);
    }
    CHECK(same);
    CHECK(walk(url, out, true) == want);
    return n;
}

/* An advertisement of one content, or its removal. */
static bool is_of(const struct told *t, const struct content_key *key, bool removal)
{
    uint8_t mh[IPNI_MULTIHASH_SIZE];
    ipni_multihash(mh, key->digest);
    return memcmp(mh, t->context, sizeof(mh)) == 0 && t->removal == removal &&
           t->count == (removal ? 0u : 1u);
}

static bool holds(const struct told *t, const struct content_key *key)
{
    for (size_t i = 0; i < t->count; i++)
        if (memcmp(t->digests[i], key->digest, 32) == 0)
            return true;
    return false;
}

/* A node that has told nothing tells everything at once; when one of it goes, the others again. */
static void check_groups(struct fake_node *n, char url[128], const struct content_key *gone,
                         const struct content_key *stays)
{
    struct told told[CHAIN_MAX];
    char path[160];
    uint8_t group[IPNI_MULTIHASH_SIZE];
    fake_node_stop(n);
    snprintf(path, sizeof(path), "%s/p2p/ipni/told", n->home);
    CHECK(unlink(path) == 0);
    fake_node_start(n);
    read_url(n, url);
    until(url, 1, told);
    CHECK(told[0].count == 2 && holds(&told[0], gone) && holds(&told[0], stays));
    memcpy(group, told[0].context, sizeof(group));
    fake_storage_remove_key(n, gone);
    until(url, 3, told);
    CHECK(is_of(&told[0], stays, false));
    CHECK(told[1].removal && memcmp(told[1].context, group, sizeof(group)) == 0);
}

static void what_is_sealed_is_told(void **state)
{
    (void)state;
    struct fake_node n;
    char at[64], url[128];
    struct told told[CHAIN_MAX];
    uint16_t status;
    const struct http_server_options so = { .threads = 1, .handler = on_announce };
    CHECK_OK(http_server_open(&indexer, &so));
    snprintf(at, sizeof(at), "http://127.0.0.1:%u", (unsigned)http_server_port(indexer));
    /* clang-format off */
    const char *args[] = {
        "--store-reserve", "0", "--gateway-port", "0", "--url-file", "url",
        "--storage", "--chain-id", "test", "--disks", "disk-a", "--disk-reserve",
        "0", "--extent-size", "1M", "--p2p", "--p2p-dht", "off",
        "--allow-private-origins", "--p2p-listen", "/ip4/127.0.0.1/tcp/0", "--ipni-settle", "1s", "--ipni-announce",
        at,
    };
    /* clang-format on */
    fake_node_open(&n, args, sizeof(args) / sizeof(args[0]));
    fake_node_start(&n);
    read_url(&n, url);
    free(get(url, "head", &status).p);
    CHECK(status == 204); /* nothing is told yet */
    const struct content_key one = fake_storage_make_content(&n, 1, 2, 1000);
    const struct content_key two = fake_storage_make_content(&n, 2, 2, 1000);
    (void)fake_storage_seal_key(&n, &one);
    until(url, 1, told);
    CHECK(is_of(&told[0], &one, false));
    (void)fake_storage_seal_key(&n, &two);
    until(url, 2, told);
    CHECK(is_of(&told[0], &two, false) && is_of(&told[1], &one, false));
    fake_storage_remove_key(&n, &one);
    until(url, 3, told);
    CHECK(is_of(&told[0], &one, true));
    /* After a restart the chain goes on; nothing is told twice. */
    fake_node_stop(&n);
    fake_node_start(&n);
    read_url(&n, url);
    /* Its ports are others now: a change of addresses is told without any new content. */
    until(url, 4, told);
    CHECK(!told[0].removal && !told[0].linked && told[1].removal);
    CHECK(memcmp(told[0].context, told[2].context, sizeof(told[0].context)) == 0);
    CHECK(strcmp(told[0].first_address, told[1].first_address) != 0);
    const struct content_key three = fake_storage_make_content(&n, 3, 2, 1000);
    (void)fake_storage_seal_key(&n, &three);
    until(url, 5, told);
    CHECK(is_of(&told[0], &three, false) && is_of(&told[2], &one, true));
    free(get(url, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", &status).p);
    CHECK(status == 404);
    free(get(url, "..%2f..%2fp2p.key", &status).p);
    CHECK(status == 404);
    free(get(url, "told", &status).p);
    CHECK(status == 404);
    check_groups(&n, url, &two, &three);
    fake_node_close(&n);
    http_server_close(indexer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
