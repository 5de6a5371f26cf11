/* The block service of the real crust-ipfsd, storage off. */
#include "codec/cid.h"
#include "codec/dagpb.h"
#include "crypto/sha256.h"
#include "ipfsd/fake_node_test.h"

static const char *const args[] = { "--store-reserve", "0", "--no-gateway" };

static struct block_key key_of(uint64_t codec, struct span data)
{
    struct block_key k = { .codec = codec };
    sha256(k.digest, data);
    return k;
}

static struct block_key numbered(uint8_t out[64], uint32_t i)
{
    memset(out, 0, 64);
    store_le32(out, i);
    return key_of(CID_CODEC_RAW, span_of(out, 64));
}

static void check_have(struct fake_node *n, uint32_t i, enum err want)
{
    uint8_t bytes[64], got[64];
    size_t size;
    struct block_key k = numbered(bytes, i);
    struct block_source source = ipc_sink_source(&n->ipc);
    CHECK_ERR(source.get(source.ctx, &size, (struct mspan){ got, sizeof(got) }, &k), want);
    if (want == OK)
        CHECK_SPAN(span_of(got, size), span_of(bytes, 64));
}

static void what_was_committed_survives_a_kill(void **state)
{
    (void)state;
    struct fake_node n;
    uint8_t bytes[64];
    fake_node_open(&n, args, 3);
    fake_node_start(&n);
    struct block_sink sink = ipc_sink_interface(&n.ipc);
    for (uint32_t i = 0; i < 500; i++) {
        struct block_key k = numbered(bytes, i);
        CHECK_OK(block_sink_put(&sink, &k, span_of(bytes, 64)));
    }
    CHECK_OK(block_sink_commit(&sink));
    fake_node_kill(&n);
    fake_node_start(&n);
    for (uint32_t i = 0; i < 500; i++)
        check_have(&n, i, OK);
    check_have(&n, 500, ERR_NOT_FOUND);
    fake_node_close(&n);
}

static void a_block_with_another_digest_fails_the_commit(void **state)
{
    (void)state;
    struct fake_node n;
    uint8_t bytes[64];
    fake_node_open(&n, args, 3);
    fake_node_start(&n);
    struct block_sink sink = ipc_sink_interface(&n.ipc);
    struct block_key k = numbered(bytes, 1);
    bytes[9] ^= 1;
    CHECK_OK(block_sink_put(&sink, &k, span_of(bytes, 64)));
    CHECK_ERR(block_sink_commit(&sink), ERR_CORRUPT);
    k = numbered(bytes, 2);
    CHECK_OK(block_sink_put(&sink, &k, span_of(bytes, 64)));
    CHECK_OK(block_sink_commit(&sink));
    check_have(&n, 1, ERR_NOT_FOUND);
    check_have(&n, 2, OK);
    fake_node_close(&n);
}

static struct span pin_cid(uint8_t out[CID_SIZE_MAX], const struct block_key *k)
{
    struct content_key key = { .codec = (uint32_t)k->codec };
    memcpy(key.digest, k->digest, 32);
    struct cid cid = cid_of_key(&key);
    struct writer w = writer_of(out, CID_SIZE_MAX);
    cid_write(&w, &cid);
    return writer_span(&w);
}

static void collect(struct fake_node *n)
{
    struct ipc_msg reply;
    uint8_t body[8];
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_none(&w);
    const struct ipc_msg m = { .type = NODE_REPO_GC, .body = writer_span(&w) };
    CHECK_OK(ipc_sink_call_long(&n->ipc, &reply, &m, NULL, NULL));
}

static void collection_keeps_pins_and_unfinished_work(void **state)
{
    (void)state;
    struct fake_node n;
    struct ipc_sink other;
    uint8_t bytes[64], cid[CID_SIZE_MAX];
    fake_node_open(&n, args, 3);
    fake_node_start(&n);
    struct block_sink sink = ipc_sink_interface(&n.ipc);
    struct block_key k = numbered(bytes, 1);
    CHECK_OK(block_sink_put(&sink, &k, span_of(bytes, 64)));
    const struct pin pin = { .cid = pin_cid(cid, &k), .mode = PIN_RECURSIVE, .time_unix_s = 1 };
    CHECK_OK(block_sink_pin(&sink, &pin));
    k = numbered(bytes, 2);
    CHECK_OK(block_sink_put(&sink, &k, span_of(bytes, 64)));
    CHECK_OK(block_sink_commit(&sink));
    /* Another client collects while the first is still there. */
    CHECK_OK(ipc_sink_connect(&other, n.socket));
    struct ipc_sink first = n.ipc;
    n.ipc = other;
    collect(&n);
    check_have(&n, 1, OK);
    check_have(&n, 2, OK);
    /* The first leaves: what it did not pin may go. */
    ipc_sink_close(&first);
    for (int i = 0; i < 100; i++) {
        struct block_source source = ipc_sink_source(&n.ipc);
        k = numbered(bytes, 2);
        collect(&n);
        if (source.has(source.ctx, &k) == ERR_NOT_FOUND)
            break;
        clock_sleep_ms(10);
    }
    check_have(&n, 1, OK);
    check_have(&n, 2, ERR_NOT_FOUND);
    struct node_pin found;
    CHECK_OK(ipc_sink_pin_next(&n.ipc, &found, (struct span){ NULL, 0 }));
    CHECK_SPAN(found.cid, span_of(cid, pin.cid.n));
    CHECK_OK(ipc_sink_unpin(&n.ipc, pin.cid));
    sink = ipc_sink_interface(&n.ipc);
    CHECK_OK(block_sink_commit(&sink));
    CHECK_ERR(ipc_sink_pin_next(&n.ipc, &found, (struct span){ NULL, 0 }), ERR_NOT_FOUND);
    fake_node_close(&n);
}

static void wrong_requests_are_refused_in_words(void **state)
{
    (void)state;
    struct fake_node n;
    struct ipc_msg reply;
    fake_node_open(&n, args, 3);
    fake_node_start(&n);
    CHECK(!n.ipc.storage);
    CHECK_ERR(ipc_sink_call(&n.ipc, &reply, 999, (struct span){ NULL, 0 }), ERR_UNSUPPORTED);
    CHECK_ERR(ipc_sink_call(&n.ipc, &reply, NODE_REPO_STAT, span_str("x")), ERR_SHORT);
    CHECK_ERR(ipc_sink_call(&n.ipc, &reply, NODE_REPORT, span_str("x")), ERR_UNSUPPORTED);
    CHECK(strstr(n.ipc.what, "no storage") != NULL);
    struct node_repo_stat stat;
    CHECK_OK(ipc_sink_stat(&n.ipc, &stat));
    CHECK(stat.blocks == 0);
    fake_node_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_survives_a_kill),
        cmocka_unit_test(a_block_with_another_digest_fails_the_commit),
        cmocka_unit_test(collection_keeps_pins_and_unfinished_work),
        cmocka_unit_test(wrong_requests_are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
