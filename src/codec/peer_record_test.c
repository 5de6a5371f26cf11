#include "codec/peer_record.h"

#include "base/check.h"
#include "codec/pb.h"
#include "crypto/random.h"

static struct ed25519_key pair;

static int setup(void **state)
{
    (void)state;
    uint8_t seed[32] = { 1, 2, 3 };
    if (random_init() != OK)
        return -1;
    ed25519_keypair(&pair, seed);
    return 0;
}

static struct span sample(uint8_t *buf, size_t n, size_t count)
{
    static struct multiaddr addresses[PEER_RECORD_ADDRESSES_MAX + 1];
    struct writer w = writer_of(buf, n);
    for (size_t i = 0; i < count; i++) {
        uint8_t ip[4] = { 1, 2, 3, (uint8_t)i };
        addresses[i] = multiaddr_of_ip(span_of(ip, 4), 4001);
    }
    peer_record_seal(&w, &pair, 1570215229, addresses, count);
    return w.err == OK ? writer_span(&w) : (struct span){ 0 };
}

static void test_record_round_trip(void **state)
{
    (void)state;
    static uint8_t buf[ENVELOPE_PAYLOAD_MAX + 256];
    for (size_t count = 0; count <= PEER_RECORD_ADDRESSES_MAX; count += 32) {
        struct peer_record record;
        struct peer_key key, mine = peer_key_of(&pair);
        struct span in = sample(buf, sizeof(buf), count);
        CHECK_OK(peer_record_open(&record, &key, in));
        struct peer_id id = peer_id_of(&mine);
        CHECK(peer_key_eq(&key, &mine) && peer_id_eq(&record.id, &id));
        CHECK(record.seq == 1570215229 && record.count == count);
        struct reader r = reader_of(record.payload);
        struct multiaddr a;
        for (size_t i = 0; i < count; i++) {
            CHECK(peer_record_next(&r, &a));
            CHECK(a.bytes[4] == i);
        }
        CHECK(!peer_record_next(&r, &a) && a.size == 0);
    }
    CHECK(sample(buf, sizeof(buf), PEER_RECORD_ADDRESSES_MAX + 1).n == 0);
}

static void test_every_prefix_and_every_bit(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct peer_record record;
    struct peer_key key;
    struct span in = sample(buf, sizeof(buf), 2);
    for (size_t n = 0; n < in.n; n++) {
        uint8_t *exact = check_dup(in.p, n);
        CHECK(peer_record_open(&record, &key, span_of(exact, n)) != OK);
        CHECK(record.count == 0 && key.size == 0);
        free(exact);
    }
    /* Any flipped bit is noticed: everything but the tags is signed or is the key. */
    for (size_t bit = 0; bit < in.n * 8; bit++) {
        uint8_t *flipped = check_dup(in.p, in.n);
        flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(peer_record_open(&record, &key, span_of(flipped, in.n)) != OK);
        free(flipped);
    }
}

static void test_domain_and_signer(void **state)
{
    (void)state;
    uint8_t buf[512], payload[64];
    const uint8_t type[2] = { 3, 1 };
    struct envelope env;
    struct peer_record record;
    struct peer_key key;
    struct ed25519_key other;
    uint8_t seed[32] = { 9 };
    struct span in = sample(buf, sizeof(buf), 1);
    CHECK_OK(envelope_open(&env, in, "libp2p-peer-record"));
    CHECK_ERR(envelope_open(&env, in, "libp2p-relay-rsvp"), ERR_SIGNATURE);

    /* A record about somebody else, well signed. */
    ed25519_keypair(&other, seed);
    struct peer_key key_other = peer_key_of(&other);
    struct peer_id id = peer_id_of(&key_other);
    struct writer p = writer_of(payload, sizeof(payload));
    pb_write_bytes(&p, 1, peer_id_span(&id));
    pb_write_uint(&p, 2, 7);
    struct writer w = writer_of(buf, sizeof(buf));
    envelope_seal(&w, &pair, "libp2p-peer-record", span_of(type, 2), writer_span(&p));
    CHECK_ERR(peer_record_open(&record, &key, writer_span(&w)), ERR_DENIED);
    w = writer_of(buf, sizeof(buf));
    envelope_seal(&w, &other, "libp2p-peer-record", span_of(type, 1), writer_span(&p));
    CHECK_ERR(peer_record_open(&record, &key, writer_span(&w)), ERR_UNSUPPORTED);
    w = writer_of(buf, sizeof(buf));
    envelope_seal(&w, &other, "libp2p-peer-record", span_of(type, 2), writer_span(&p));
    CHECK_OK(peer_record_open(&record, &key, writer_span(&w)));
    CHECK(record.seq == 7 && record.count == 0);

    /* Fields twice or missing; an unknown one is skipped. */
    struct span whole = writer_span(&w);
    pb_write_uint(&w, 9, 1);
    CHECK_OK(peer_record_open(&record, &key, writer_span(&w)));
    pb_write_bytes(&w, 5, span_of(type, 2));
    CHECK_ERR(peer_record_open(&record, &key, writer_span(&w)), ERR_FORMAT);
    CHECK_ERR(peer_record_open(&record, &key, span_sub(whole, 38, whole.n)), ERR_FORMAT);
}

/* Addresses of protocols that nobody here knows are passed over, the others are kept. */
static void test_unknown_addresses_are_skipped(void **state)
{
    (void)state;
    uint8_t payload[256], buf[512];
    const uint8_t type[2] = { 3, 1 }, odd[3] = { 0x07, 1, 2 };
    uint8_t ip[4] = { 1, 2, 3, 4 };
    struct multiaddr a = multiaddr_of_ip(span_of(ip, 4), 1), b;
    struct peer_key mine = peer_key_of(&pair), key;
    struct peer_id id = peer_id_of(&mine);
    struct peer_record record;
    struct writer p = writer_of(payload, sizeof(payload));
    pb_write_bytes(&p, 1, peer_id_span(&id));
    pb_write_message(&p, 3, 5);
    pb_write_bytes(&p, 1, span_of(odd, 3));
    pb_write_message(&p, 3, 0);
    pb_write_bytes(&p, 3, span_of(odd, 2));
    pb_write_message(&p, 3, 2 + (size_t)a.size);
    pb_write_bytes(&p, 1, multiaddr_span(&a));
    struct writer w = writer_of(buf, sizeof(buf));
    envelope_seal(&w, &pair, "libp2p-peer-record", span_of(type, 2), writer_span(&p));
    CHECK_OK(peer_record_open(&record, &key, writer_span(&w)));
    CHECK(record.count == 4);
    struct reader r = reader_of(record.payload);
    CHECK(peer_record_next(&r, &b) && multiaddr_eq(&a, &b));
    CHECK(!peer_record_next(&r, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_round_trip),
        cmocka_unit_test(test_every_prefix_and_every_bit),
        cmocka_unit_test(test_domain_and_signer),
        cmocka_unit_test(test_unknown_addresses_are_skipped),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
