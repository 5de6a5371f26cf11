#include "base/check.h"
#include "base/prng.h"
#include "codec/node_msg.h"

static uint8_t buf[NODE_MSG_BODY_MAX];

/* Encoding what was decoded gives the same bytes; every strict prefix and every longer body is
 * refused; a flipped bit is refused or decodes to something that encodes to the flipped bytes. */
#define CHECK_MESSAGE(name, value)                                                                 \
    do {                                                                                           \
        struct writer w = writer_of(buf, sizeof(buf));                                             \
        node_msg_encode_##name(&w, &(value));                                                      \
        CHECK_OK(w.err);                                                                           \
        size_t n = w.len;                                                                          \
        for (size_t k = 0; k <= n + 1; k++) {                                                      \
            uint8_t *copy = check_dup(buf, k);                                                     \
            struct node_##name got;                                                                \
            enum err e = node_msg_decode_##name(&got, span_of(copy, k));                           \
            CHECK((e == OK) == (k == n));                                                          \
            free(copy);                                                                            \
        }                                                                                          \
        for (size_t bit = 0; bit < 8 * n; bit++) {                                                 \
            uint8_t *copy = check_dup(buf, n);                                                     \
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);                                             \
            struct node_##name got;                                                                \
            if (node_msg_decode_##name(&got, span_of(copy, n)) == OK) {                            \
                uint8_t again[4096];                                                               \
                struct writer v = writer_of(again, sizeof(again));                                 \
                node_msg_encode_##name(&v, &got);                                                  \
                CHECK_OK(v.err);                                                                   \
                CHECK_SPAN(writer_span(&v), span_of(copy, n));                                     \
            }                                                                                      \
            free(copy);                                                                            \
        }                                                                                          \
    } while (0)

static void small_messages_are_canonical(void **state)
{
    (void)state;
    struct node_hello hello = { span_str("0.1"), span_str("http://127.0.0.1:1"), true };
    CHECK_MESSAGE(hello, hello);
    struct node_block block = { .codec = 0x70, .digest = { 1, 2, 3 } };
    CHECK_MESSAGE(block, block);
    struct node_size size = { 1ull << 40 };
    CHECK_MESSAGE(size, size);
    struct node_cid cid = { span_str("x") };
    CHECK_MESSAGE(cid, cid);
    struct node_pin pin = { span_str("cid"), true, span_str("unixfs-v1-2025"), span_str("n"), 7 };
    CHECK_MESSAGE(pin, pin);
    struct node_repo_stat stat = { .blocks = 1, .extent_bytes = 1ull << 50 };
    CHECK_MESSAGE(repo_stat, stat);
    struct node_progress progress = { span_str("fetch"), 5, 10, 0 };
    CHECK_MESSAGE(progress, progress);
    struct node_key key = { { 0x55, { 9 } } };
    CHECK_MESSAGE(key, key);
    struct node_bytes bytes = { span_str("report") };
    CHECK_MESSAGE(bytes, bytes);
    struct node_accepted accepted = { 3, { 4 } };
    CHECK_MESSAGE(accepted, accepted);
    struct node_error error = { ERR_FULL, span_str("the disk is full"),
                                span_str("crust disk add") };
    CHECK_MESSAGE(error, error);
}

static void messages_of_the_agent_are_canonical(void **state)
{
    (void)state;
    struct node_register reg = { .account = { 1 }, .block_height = 600, .block_hash = { 2 } };
    CHECK_MESSAGE(register, reg);
    struct node_hand_over over = { .step = NODE_HAND_OVER_GIVE,
                                   .time = 1700000000,
                                   .account = { 3 },
                                   .block_hash = { 4 },
                                   .certificate = span_str("certificate"),
                                   .documents = span_str("documents") };
    CHECK_MESSAGE(hand_over, over);
    struct node_handed handed = { .stage = 2, .predecessor = { 1 }, .successor = { 2 } };
    CHECK_MESSAGE(handed, handed);
    handed.evidence = span_str("evidence");
    CHECK_MESSAGE(handed, handed);
    struct node_succession succession = { .worker = { 1 },
                                          .predecessor = { 2 },
                                          .exchange = { 3 },
                                          .release = { 4 },
                                          .evidence = span_str("evidence"),
                                          .given = span_str("given"),
                                          .taken = span_str("taken") };
    CHECK_MESSAGE(succession, succession);
    struct node_evidence evidence = { { 5 }, span_str("evidence") };
    CHECK_MESSAGE(evidence, evidence);
    struct node_seal seal = { .order = { 1 },
                              .key = { 0x70, { 2 } },
                              .size_max = 100,
                              .has_data_root = true,
                              .data_root = { 3 },
                              .source_count = 2,
                              .sources = { span_str("http://a"), span_str("http://b") } };
    CHECK_MESSAGE(seal, seal);
    seal.has_data_root = false;
    memset(seal.data_root, 0, 32);
    CHECK_MESSAGE(seal, seal);
    struct node_sealed sealed = { { 0x70, { 2 } }, 100, { 3 }, { 4 }, 2, 70000 };
    CHECK_MESSAGE(sealed, sealed);
    struct node_report report = { .slot = 42,
                                  .state = span_str("state"),
                                  .suspended = 3,
                                  .first = true,
                                  .step = true,
                                  .suspend_volume = NODE_VOLUME_NONE,
                                  .return_volume = 15,
                                  .has_return_beacon = true,
                                  .returned = { 41, { 7 }, 3 },
                                  .draws_files = 2,
                                  .draws_srd = 2,
                                  .draws_return = 20,
                                  .owed_count = 2,
                                  .owed = { { 40, { 8 }, 0 }, { 41, { 9 }, 65535 } } };
    CHECK_MESSAGE(report, report);
    struct node_status status = { .storage = true,
                                  .provider = span_str("software"),
                                  .seq = 9,
                                  .disk_count = 2,
                                  .disks = { { span_str("/a"), span_str("ok"), 0, 1, 2, 3, 4 },
                                             { span_str("/b"), span_str("dead"), 1, 5, 6, 7, 8 } },
                                  .peer_count = 2,
                                  .peers = { span_str("/p2p/x"), span_str("/ip4/x") } };
    CHECK_MESSAGE(status, status);
    status.peer_count = 0;
    CHECK_MESSAGE(status, status);
}

static void counts_and_texts_are_bounded(void **state)
{
    (void)state;
    struct node_seal seal = { .source_count = NODE_SOURCES_MAX };
    struct node_seal got;
    struct writer w = writer_of(buf, sizeof(buf));
    char url[NODE_URL_MAX + 2];
    memset(url, 'u', sizeof(url) - 1);
    url[sizeof(url) - 1] = '\0';
    for (size_t i = 0; i < NODE_SOURCES_MAX; i++)
        seal.sources[i] = span_of(url, NODE_URL_MAX);
    node_msg_encode_seal(&w, &seal);
    CHECK_OK(w.err);
    CHECK_OK(node_msg_decode_seal(&got, writer_span(&w)));
    seal.sources[3] = span_of(url, NODE_URL_MAX + 1);
    w = writer_of(buf, sizeof(buf));
    node_msg_encode_seal(&w, &seal);
    CHECK_ERR(node_msg_decode_seal(&got, writer_span(&w)), ERR_LIMIT);
    CHECK(got.source_count == 0);
    struct node_status status = { .peer_count = 1 }, back;
    for (size_t extra = 0; extra < 2; extra++) {
        status.peers[0] = span_of(url, NODE_URL_MAX + extra);
        w = writer_of(buf, sizeof(buf));
        node_msg_encode_status(&w, &status);
        CHECK_ERR(node_msg_decode_status(&back, writer_span(&w)), extra == 0 ? OK : ERR_LIMIT);
    }
    CHECK(back.peer_count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_messages_are_canonical),
        cmocka_unit_test(messages_of_the_agent_are_canonical),
        cmocka_unit_test(counts_and_texts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
