#include "p2p/noise.h"

#include "base/hex.h"
#include "codec/pb.h"
#include "crypto/random.h"
#include "p2p/noise_payload.h"
#include "p2p/testchannel.h"

#include <stdio.h>

/* ---- the bare handshake, by the vectors of cacophony and snow ---------------------------- */

struct vector {
    char name[32];
    uint8_t prologue[128], keys[4][32], hash[32];
    size_t prologue_size, messages;
    bool has_hash;
    struct {
        uint8_t payload[128], wire[256];
        size_t payload_size, wire_size;
    } m[8];
};

static size_t unhex(uint8_t *out, size_t n, const char *hex)
{
    size_t size = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    CHECK(size <= n);
    CHECK_OK(hex_parse(out, size, size == 0 ? "" : hex));
    return size;
}

static void load_line(struct vector *v, char *key, char *value)
{
    static const char *const names[] = { "init_static", "init_ephemeral", "resp_static",
                                         "resp_ephemeral" };
    for (int i = 0; i < 4; i++)
        if (strcmp(key, names[i]) == 0)
            CHECK(unhex(v->keys[i], 32, value) == 32);
    if (strcmp(key, "init_prologue") == 0)
        v->prologue_size = unhex(v->prologue, sizeof(v->prologue), value);
    if (strcmp(key, "handshake_hash") == 0)
        v->has_hash = unhex(v->hash, 32, value) == 32;
    if (strcmp(key, "message") == 0) {
        char *wire = strchr(value, ' ');
        *wire++ = 0;
        CHECK(v->messages < 8);
        v->m[v->messages].payload_size = unhex(v->m[v->messages].payload, 128, value);
        v->m[v->messages].wire_size = unhex(v->m[v->messages].wire, 256, wire);
        v->messages++;
    }
}

static struct vector vectors[2];

static int load(void **state)
{
    (void)state;
    static char line[2048];
    int at = -1;
    FILE *f = fopen("tests/vectors/libp2p/noise-xx.txt", "r");
    if (f == NULL || random_init() != OK)
        return -1;
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, ' ');
        if (line[0] == '#' || value == NULL)
            continue;
        *value++ = 0;
        if (strcmp(line, "set") == 0)
            at++;
        else if (at >= 0 && at < 2)
            load_line(&vectors[at], line, value);
    }
    fclose(f);
    return at == 1 && vectors[0].messages == 6 && vectors[1].messages == 5 ? 0 : -1;
}

static void run_vector(const struct vector *v)
{
    struct noise_xx n[2];
    uint8_t buf[512], back[512];
    size_t size;
    struct span prologue = span_of(v->prologue, v->prologue_size);
    CHECK_OK(noise_xx_init(&n[0], true, prologue, v->keys[0], v->keys[1]));
    CHECK_OK(noise_xx_init(&n[1], false, prologue, v->keys[2], v->keys[3]));
    for (size_t i = 0; i < v->messages; i++) {
        struct noise_xx *from = &n[i % 2], *to = &n[1 - i % 2];
        struct span payload = span_of(v->m[i].payload, v->m[i].payload_size);
        struct span wire = span_of(v->m[i].wire, v->m[i].wire_size);
        if (i < 3) {
            struct writer w = writer_of(buf, sizeof(buf));
            CHECK_OK(noise_xx_write(from, &w, payload));
            CHECK_SPAN(writer_span(&w), wire);
            CHECK_OK(noise_xx_read(to, back, &size, wire));
            CHECK_SPAN(span_of(back, size), payload);
            CHECK(noise_xx_done(from) == (i == 2) && noise_xx_done(to) == (i == 2));
        } else {
            noise_cipher_seal(&from->send, buf, payload);
            CHECK_SPAN(span_of(buf, payload.n + NOISE_TAG_SIZE), wire);
            CHECK_OK(noise_cipher_open(&to->receive, back, wire));
            CHECK_SPAN(span_of(back, payload.n), payload);
        }
    }
    CHECK(memcmp(n[0].hash, n[1].hash, 32) == 0);
    CHECK(!v->has_hash || memcmp(n[0].hash, v->hash, 32) == 0);
    noise_xx_fini(&n[0]);
    noise_xx_fini(&n[1]);
}

static void test_vectors_of_cacophony_and_snow(void **state)
{
    (void)state;
    CHECK(vectors[0].has_hash);
    run_vector(&vectors[0]);
    run_vector(&vectors[1]);
}

/* A key of small order gives no secret: refused (libsodium's rule, RFC 7748 6.1). */
static void test_small_order_key(void **state)
{
    (void)state;
    struct noise_xx n;
    uint8_t zero[32] = { 0 }, payload[64], buf[512];
    size_t size;
    struct writer w = writer_of(buf, sizeof(buf));
    CHECK_OK(noise_xx_init(&n, false, (struct span){ 0 }, vectors[0].keys[0], vectors[0].keys[1]));
    CHECK_OK(noise_xx_read(&n, payload, &size, span_of(zero, 32)));
    CHECK_ERR(noise_xx_write(&n, &w, (struct span){ 0 }), ERR_FORMAT);
    noise_xx_fini(&n);
}

/* ---- libp2p's channel over it -------------------------------------------------------------- */

struct pair {
    struct testlink link;
    struct ed25519_key identity[2];
    struct noise n[2];
    struct noise_config config[2];
};

static void pair_init(struct pair *p, size_t piece)
{
    memset(p->n, 0, sizeof(p->n));
    testlink_init(&p->link, NOISE_FRAME_MAX, piece);
    for (int i = 0; i < 2; i++) {
        uint8_t seed[32] = { (uint8_t)(i + 1) };
        ed25519_keypair(&p->identity[i], seed);
        p->config[i] = (struct noise_config){ .initiator = i == 0, .identity = &p->identity[i] };
    }
}

static void pair_start(struct pair *p)
{
    struct prng g;
    prng_init(&g, 5);
    for (int i = 0; i < 2; i++) {
        uint8_t random[NOISE_RANDOM_SIZE];
        prng_fill(&g, random, sizeof(random));
        CHECK_OK(noise_init(&p->n[i], &p->config[i], random));
    }
}

static void pair_fini(struct pair *p)
{
    noise_fini(&p->n[0]);
    noise_fini(&p->n[1]);
}

/* Until nothing moves; e[i] is how end i came out. */
static void run(struct pair *p, enum err e[2])
{
    e[0] = e[1] = OK;
    do {
        for (int i = 0; i < 2; i++)
            if (e[i] == OK)
                e[i] = noise_step(&p->n[i], &p->link.in[i], &p->link.out[i]);
    } while (testlink_move(&p->link));
}

static struct peer_id id_of(const struct ed25519_key *pair)
{
    struct peer_key key = peer_key_of(pair);
    return peer_id_of(&key);
}

static void test_handshake_in_any_pieces(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        struct pair p;
        enum err e[2];
        pair_init(&p, piece);
        p.config[0].expected = id_of(&p.identity[1]);
        pair_start(&p);
        run(&p, e);
        CHECK(e[0] == OK && e[1] == OK && noise_done(&p.n[0]) && noise_done(&p.n[1]));
        for (int i = 0; i < 2; i++) {
            struct peer_id other = id_of(&p.identity[1 - i]);
            CHECK(peer_id_eq(&p.n[i].peer, &other) && !p.n[i].muxer_agreed);
            CHECK(!p.n[i].peer_has_muxers);
        }
        pair_fini(&p);
    }
}

static void test_another_peer_than_dialled(void **state)
{
    (void)state;
    struct pair p;
    enum err e[2];
    pair_init(&p, 0);
    p.config[0].expected = id_of(&p.identity[0]);
    pair_start(&p);
    run(&p, e);
    CHECK_ERR(e[0], ERR_DENIED);
    CHECK(!noise_done(&p.n[1]) && p.n[0].peer.size == 0);
    CHECK_ERR(noise_step(&p.n[0], &p.link.in[0], &p.link.out[0]), ERR_DENIED);
    pair_fini(&p);
}

/* Without one in common a dialer is refused. */
static void test_early_muxers(void **state)
{
    (void)state;
    const struct testchannel_muxers *row;
    for (size_t k = 0; (row = testchannel_muxers(k)) != NULL; k++) {
        struct pair p;
        enum err e[2];
        bool agreed = row->want != NULL;
        pair_init(&p, k % 2);
        for (int i = 0; i < 2; i++) {
            p.config[i].muxers = row->lists[i];
            p.config[i].muxer_count = row->counts[i];
        }
        pair_start(&p);
        run(&p, e);
        if (row->want != NULL && row->want[0] == 0) {
            CHECK_ERR(e[0], ERR_UNSUPPORTED);
            CHECK(!noise_done(&p.n[1]));
            pair_fini(&p);
            continue;
        }
        CHECK(e[0] == OK && e[1] == OK && noise_done(&p.n[0]) && noise_done(&p.n[1]));
        for (int i = 0; i < 2; i++) {
            CHECK(p.n[i].muxer_agreed == agreed);
            if (agreed)
                CHECK(strcmp(row->lists[i][p.n[i].muxer], row->want) == 0);
        }
        pair_fini(&p);
    }
}

/* Any flipped bit of the second or third message ends the handshake of its reader. */
static void test_every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    for (int reader = 0; reader < 2; reader++) {
        size_t bits = 1;
        for (size_t bit = 0; bit < bits; bit += 5) {
            struct pair p;
            enum err e = OK;
            pair_init(&p, 0);
            pair_start(&p);
            for (int turn = 0; turn < 3; turn++) {
                int from = turn % 2;
                CHECK_OK(noise_step(&p.n[from], &p.link.in[from], &p.link.out[from]));
                struct mspan wire = ring_edit(&p.link.out[from]);
                if (from != reader && turn == (reader == 0 ? 1 : 2)) {
                    bits = (wire.n - 2) * 8; /* the length has its own tests */
                    wire.p[2 + bit / 8] ^= (uint8_t)(1 << bit % 8);
                }
                testlink_move(&p.link);
                e = noise_step(&p.n[1 - from], &p.link.in[1 - from], &p.link.out[1 - from]);
                if (e != OK)
                    break;
            }
            /* The top bit of an X25519 key is ignored (RFC 7748 5) but hashed. */
            CHECK(e == ERR_SIGNATURE || e == ERR_FORMAT);
            CHECK(p.n[reader].peer.size == 0);
            pair_fini(&p);
        }
        CHECK(bits > 1000);
    }
}

static void test_truncated_and_oversized_messages(void **state)
{
    (void)state;
    uint8_t wire[NOISE_HANDSHAKE_MAX + 2] = { 0 };
    for (size_t n = 0; n <= 33; n++) {
        struct pair p;
        pair_init(&p, 0);
        pair_start(&p);
        store_be16(wire, (uint16_t)n);
        wire[2] = 9; /* the base point */
        CHECK(ring_write(&p.link.in[1], span_of(wire, 2 + n)));
        /* A longer first message has a payload, which is ignored. */
        CHECK_ERR(noise_step(&p.n[1], &p.link.in[1], &p.link.out[1]), n < 32 ? ERR_SHORT : OK);
        pair_fini(&p);
    }
    struct pair p;
    pair_init(&p, 0);
    pair_start(&p);
    store_be16(wire, NOISE_HANDSHAKE_MAX - 1);
    CHECK(ring_write(&p.link.in[1], span_of(wire, 2)));
    CHECK_ERR(noise_step(&p.n[1], &p.link.in[1], &p.link.out[1]), ERR_LIMIT);
    pair_fini(&p);
}

/* A handshake in which the initiator's last payload is what we say. */
static enum err offer_payload(struct span payload)
{
    struct pair p;
    uint8_t random[NOISE_RANDOM_SIZE] = { 7, 7 }, buf[8192], back[4096];
    size_t size;
    struct noise_xx xx;
    pair_init(&p, 0);
    pair_start(&p);
    random[40] = 3;
    CHECK_OK(noise_xx_init(&xx, true, (struct span){ 0 }, random, random + 32));
    struct writer w = writer_of(buf, sizeof(buf));
    uint8_t *length = writer_reserve(&w, 2);
    CHECK_OK(noise_xx_write(&xx, &w, (struct span){ 0 }));
    store_be16(length, (uint16_t)(w.len - 2));
    CHECK(ring_write(&p.link.in[1], writer_span(&w)));
    CHECK_OK(noise_step(&p.n[1], &p.link.in[1], &p.link.out[1]));
    CHECK_OK(noise_xx_read(&xx, back, &size, span_sub(ring_peek(&p.link.out[1]), 2, 65535)));
    w = writer_of(buf, sizeof(buf));
    length = writer_reserve(&w, 2);
    CHECK_OK(noise_xx_write(&xx, &w, payload));
    store_be16(length, (uint16_t)(w.len - 2));
    CHECK(ring_write(&p.link.in[1], writer_span(&w)));
    enum err e = noise_step(&p.n[1], &p.link.in[1], &p.link.out[1]);
    CHECK((e == OK) == noise_done(&p.n[1]));
    noise_xx_fini(&xx);
    pair_fini(&p);
    return e;
}

static void test_payloads(void **state)
{
    (void)state;
    uint8_t buf[4096], random[NOISE_RANDOM_SIZE] = { 7, 7 }, static_public[32], other[32] = { 9 };
    uint8_t seed[32] = { 1 };
    struct ed25519_key identity;
    struct noise_config c = { .identity = &identity };
    ed25519_keypair(&identity, seed);
    x25519_public(static_public, random);
    CHECK_ERR(offer_payload((struct span){ 0 }), ERR_FORMAT);
    struct writer w = writer_of(buf, sizeof(buf));
    noise_payload_write(&w, &c, static_public);
    size_t whole = w.len;
    CHECK_OK(offer_payload(writer_span(&w)));
    for (size_t n = 0; n < whole; n += 9)
        CHECK(offer_payload(span_of(buf, n)) != OK);
    pb_write_bytes(&w, 3, span_str("retired field"));
    pb_write_uint(&w, 99, 1);
    CHECK_OK(offer_payload(writer_span(&w)));
    pb_write_bytes(&w, 2, span_of(other, 32));
    CHECK_ERR(offer_payload(writer_span(&w)), ERR_FORMAT);
    w = writer_of(buf, sizeof(buf));
    noise_payload_write(&w, &c, other);
    CHECK_ERR(offer_payload(writer_span(&w)), ERR_SIGNATURE);

    /* Lists of muxers, up to the limit and beyond. */
    w = writer_of(buf, sizeof(buf));
    noise_payload_write(&w, &c, static_public);
    for (int i = 0; i < NOISE_MUXERS_MAX; i++) {
        pb_write_message(&w, 4, 3);
        pb_write_bytes(&w, 2, span_str("x"));
    }
    CHECK_OK(offer_payload(writer_span(&w)));
    pb_write_message(&w, 4, 3);
    pb_write_bytes(&w, 2, span_str("x"));
    CHECK_ERR(offer_payload(writer_span(&w)), ERR_LIMIT);
}

/* ---- the bytes afterwards -------------------------------------------------------------------- */

static void channel_seal(void *end, struct ring *app_out, struct ring *net_out)
{
    noise_seal(end, app_out, net_out);
}

static enum err channel_open(void *end, struct ring *net_in, struct ring *app_in)
{
    return noise_open(end, net_in, app_in);
}

static void test_transport_carries_everything(void **state)
{
    (void)state;
    struct prng g;
    size_t piece, limit;
    prng_init(&g, 11);
    for (size_t k = 0; testchannel_pieces(k, &piece, &limit); k++) {
        struct pair p;
        enum err e[2];
        pair_init(&p, piece);
        pair_start(&p);
        run(&p, e);
        CHECK(e[0] == OK && e[1] == OK);
        const struct testchannel c = { .link = &p.link,
                                       .ends = { &p.n[0], &p.n[1] },
                                       .seal = channel_seal,
                                       .open = channel_open,
                                       .out_size = NOISE_FRAME_MAX,
                                       .in_size = NOISE_PLAIN_MAX };
        testchannel_carries(&c, &g, limit);
        pair_fini(&p);
    }
}

static void test_transport_frames(void **state)
{
    (void)state;
    static uint8_t app[NOISE_FRAME_MAX], memory[NOISE_PLAIN_MAX];
    struct pair p;
    enum err e[2];
    pair_init(&p, 0);
    pair_start(&p);
    run(&p, e);
    struct ring app_out = ring_of(app, sizeof(app)), app_in = ring_of(memory, sizeof(memory));
    /* The largest frame is 65,535 bytes, behind its length. */
    memset(ring_space(&app_out, NOISE_FRAME_MAX).p, 'x', NOISE_FRAME_MAX);
    ring_commit(&app_out, NOISE_FRAME_MAX);
    noise_seal(&p.n[0], &app_out, &p.link.out[0]);
    CHECK(ring_used(&p.link.out[0]) == NOISE_FRAME_MAX);
    CHECK(ring_used(&app_out) == NOISE_FRAME_MAX - NOISE_PLAIN_MAX);
    testlink_move(&p.link);
    /* No room above: the frame waits. */
    ring_commit(&app_in, 1);
    CHECK_OK(noise_open(&p.n[1], &p.link.in[1], &app_in));
    CHECK(ring_used(&app_in) == 1 && ring_used(&p.link.in[1]) == NOISE_FRAME_MAX);
    ring_drop(&app_in, 1);
    CHECK_OK(noise_open(&p.n[1], &p.link.in[1], &app_in));
    CHECK(ring_used(&app_in) == NOISE_PLAIN_MAX && ring_used(&p.link.in[1]) == 0);
    ring_drop(&app_in, NOISE_PLAIN_MAX);
    /* A frame that was changed is the end of the connection. */
    noise_seal(&p.n[0], &app_out, &p.link.out[0]);
    ring_edit(&p.link.out[0]).p[5] ^= 1;
    testlink_move(&p.link);
    CHECK_ERR(noise_open(&p.n[1], &p.link.in[1], &app_in), ERR_SIGNATURE);
    CHECK(ring_used(&app_in) == 0);
    CHECK_ERR(noise_open(&p.n[1], &p.link.in[1], &app_in), ERR_SIGNATURE);
    /* A frame shorter than its tag. */
    CHECK(ring_write(&p.link.in[0], span_of("\0\x0f", 2)));
    CHECK_ERR(noise_open(&p.n[0], &p.link.in[0], &app_in), ERR_SHORT);
    pair_fini(&p);
}

/* A frame that comes twice, or whose predecessor is missing, is noticed. */
static void test_transport_order(void **state)
{
    (void)state;
    uint8_t app[64], memory[1024], frames[2][64];
    for (int twice = 0; twice < 2; twice++) {
        struct pair p;
        enum err e[2];
        size_t size[2];
        pair_init(&p, 0);
        pair_start(&p);
        run(&p, e);
        struct ring app_out = ring_of(app, sizeof(app)), app_in = ring_of(memory, sizeof(memory));
        for (int i = 0; i < 2; i++) {
            CHECK(ring_write(&app_out, span_str(i == 0 ? "first" : "second")));
            noise_seal(&p.n[0], &app_out, &p.link.out[0]);
            size[i] = ring_get(&p.link.out[0], frames[i], 64);
        }
        if (twice) {
            CHECK(ring_write(&p.link.in[1], span_of(frames[0], size[0])));
            CHECK_OK(noise_open(&p.n[1], &p.link.in[1], &app_in));
        }
        int next = twice ? 0 : 1;
        CHECK(ring_write(&p.link.in[1], span_of(frames[next], size[next])));
        CHECK_ERR(noise_open(&p.n[1], &p.link.in[1], &app_in), ERR_SIGNATURE);
        pair_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_cacophony_and_snow),
        cmocka_unit_test(test_small_order_key),
        cmocka_unit_test(test_handshake_in_any_pieces),
        cmocka_unit_test(test_another_peer_than_dialled),
        cmocka_unit_test(test_early_muxers),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_truncated_and_oversized_messages),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_transport_carries_everything),
        cmocka_unit_test(test_transport_frames),
        cmocka_unit_test(test_transport_order),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
