/* Any bytes where a peer can put them: as the first message or the answer to it, as the payload
 * inside, and as frames after an honest handshake. The first byte says where. */
#include "p2p/noise.h"

#include "p2p/noise_payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const muxers[] = { "/yamux/1.0.0", "/mplex/6.7.0" };
static uint8_t memory[6][NOISE_FRAME_MAX];

struct side {
    struct noise n;
    struct ring in, out;
};

static void side_init(struct side *s, bool initiator, const struct ed25519_key *identity)
{
    uint8_t random[NOISE_RANDOM_SIZE] = { initiator, 1, 2 };
    struct noise_config c = {
        .initiator = initiator, .identity = identity, .muxers = muxers, .muxer_count = 2
    };
    random[40] = 5;
    s->in = ring_of(memory[initiator], NOISE_FRAME_MAX);
    s->out = ring_of(memory[2 + initiator], NOISE_FRAME_MAX);
    enum err e = noise_init(&s->n, &c, random);
    ASSERT(e == OK);
}

/* Feeds bytes in pieces; how they are cut must not matter to how it ends. */
static enum err feed(struct side *s, struct span in, size_t piece)
{
    enum err e = noise_step(&s->n, &s->in, &s->out);
    while (e == OK && in.n != 0) {
        size_t n = ring_put(&s->in, span_sub(in, 0, piece));
        if (n == 0)
            break;
        in = span_sub(in, n, in.n);
        e = noise_step(&s->n, &s->in, &s->out);
    }
    return e;
}

static void fuzz_handshake(bool initiator, const struct ed25519_key *identity, struct span in)
{
    enum err e[2];
    for (size_t i = 0; i < 2; i++) {
        struct side s;
        side_init(&s, initiator, identity);
        e[i] = feed(&s, in, i == 0 ? 1 : SIZE_MAX);
        ASSERT(!noise_done(&s.n)); /* nobody guesses a tag */
        noise_fini(&s.n);
    }
    ASSERT(e[0] == e[1]);
}

static void fuzz_payload(struct span in)
{
    struct noise_payload p;
    uint8_t key[X25519_SIZE] = { 9 };
    if (noise_payload_decode(&p, in) != OK) {
        ASSERT(p.muxer_count == 0 && p.key.size == 0);
        return;
    }
    ASSERT(p.muxer_count <= NOISE_MUXERS_MAX);
    enum err e = noise_payload_verify(&p, key);
    ASSERT(e != OK);
}

static void fuzz_frames(const struct ed25519_key *identity, struct span in)
{
    struct side a, b;
    enum err e = OK;
    side_init(&a, true, identity);
    side_init(&b, false, identity);
    for (int i = 0; i < 3 && e == OK; i++) {
        e = noise_step(&a.n, &a.in, &a.out);
        (void)ring_move(&b.in, &a.out, SIZE_MAX);
        if (e == OK)
            e = noise_step(&b.n, &b.in, &b.out);
        (void)ring_move(&a.in, &b.out, SIZE_MAX);
    }
    ASSERT(e == OK && noise_done(&a.n) && noise_done(&b.n));
    /* What goes in at one end comes out at the other, and bytes of nobody's do not. */
    struct ring app_out = ring_of(memory[4], NOISE_FRAME_MAX);
    struct ring app_in = ring_of(memory[5], NOISE_PLAIN_MAX);
    size_t n = ring_put(&app_out, span_sub(in, 0, NOISE_PLAIN_MAX));
    noise_seal(&a.n, &app_out, &a.out);
    (void)ring_move(&b.in, &a.out, SIZE_MAX);
    e = noise_open(&b.n, &b.in, &app_in);
    ASSERT(e == OK && span_eq(ring_peek(&app_in), span_sub(in, 0, n)));
    ring_drop(&app_in, ring_used(&app_in));
    (void)ring_put(&b.in, in);
    e = noise_open(&b.n, &b.in, &app_in);
    ASSERT(ring_used(&app_in) == 0);
    noise_fini(&a.n);
    noise_fini(&b.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[32] = { 3 };
    struct ed25519_key identity;
    if (size == 0)
        return 0;
    struct span in = span_of(data + 1, size - 1);
    ed25519_keypair(&identity, seed);
    switch (data[0] % 4) {
    case 0:
        fuzz_handshake(true, &identity, in);
        break;
    case 1:
        fuzz_handshake(false, &identity, in);
        break;
    case 2:
        fuzz_payload(in);
        break;
    default:
        fuzz_frames(&identity, in);
        break;
    }
    return 0;
}
