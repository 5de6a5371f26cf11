#include "p2p/noise.h"

#include "p2p/noise_payload.h"

enum {
    SEAL_MIN = 4096, /* a frame below this is written only when no more is to be sent */
    OUR_MESSAGE_MAX = 1024,
};

enum err noise_init(struct noise *n, const struct noise_config *config,
                    const uint8_t random[NOISE_RANDOM_SIZE])
{
    *n = (struct noise){ .config = *config };
    n->state = config->initiator ? NOISE_WRITE_1 : NOISE_READ_1;
    ASSERT(config->muxer_count <= NOISE_MUXERS_MAX);
    /* SPEC noise 1.3: "The prologue is empty; both static and ephemeral key are fresh for each
     * connection." */
    n->err =
        noise_xx_init(&n->xx, config->initiator, (struct span){ 0 }, random, random + X25519_SIZE);
    return n->err;
}

void noise_fini(struct noise *n)
{
    noise_xx_fini(&n->xx);
}

/* Our next message behind its length; false while there is no room. */
static enum err write_message(struct noise *n, struct ring *out, bool *moved)
{
    uint8_t payload[OUR_MESSAGE_MAX], message[2 * OUR_MESSAGE_MAX];
    struct writer p = writer_of(payload, sizeof(payload));
    struct writer w = writer_of(message, sizeof(message));
    *moved = false;
    if (n->state != NOISE_WRITE_1)
        noise_payload_write(&p, &n->config, n->xx.static_public);
    ASSERT(p.err == OK);
    if (ring_room(out) < 2 + NOISE_XX_OVERHEAD_2 + p.len)
        return OK;
    *moved = true;
    uint8_t *length = writer_reserve(&w, 2);
    TRY(noise_xx_write(&n->xx, &w, writer_span(&p)));
    store_be16(length, (uint16_t)(w.len - 2));
    return ring_write(out, writer_span(&w)) ? OK : ERR_LIMIT;
}

/* The first of the initiator's muxers that the responder has as well. */
static enum err agree(struct noise *n, const struct noise_payload *p)
{
    const struct noise_config *c = &n->config;
    size_t rows = c->initiator ? c->muxer_count : p->muxer_count;
    size_t columns = c->initiator ? p->muxer_count : c->muxer_count;
    n->peer_has_muxers = p->muxer_count != 0;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            size_t ours = c->initiator ? i : j;
            if (!span_eq(p->muxers[c->initiator ? j : i], span_str(c->muxers[ours])))
                continue;
            n->muxer = ours;
            n->muxer_agreed = true;
            return OK;
        }
    /* SPEC noise 2.4: "When both sides name muxers and share none, the handshake MUST fail." */
    return rows != 0 && columns != 0 ? ERR_UNSUPPORTED : OK;
}

static enum err check_payload(struct noise *n, struct span in)
{
    struct noise_payload p;
    TRY(noise_payload_decode(&p, in));
    TRY(noise_payload_verify(&p, n->xx.their_static));
    struct peer_id id = peer_id_of(&p.key);
    /* SPEC noise 2.3: "A peer that is not the one that was dialled MUST be refused." */
    if (n->config.expected.size != 0 && !peer_id_eq(&id, &n->config.expected))
        return ERR_DENIED;
    TRY(agree(n, &p));
    n->peer_key = p.key;
    n->peer = id;
    return OK;
}

static enum err read_message(struct noise *n, struct ring *in, bool *moved)
{
    uint8_t payload[NOISE_HANDSHAKE_MAX];
    size_t size;
    struct span s = ring_peek(in);
    *moved = false;
    if (s.n < 2)
        return OK;
    size_t length = (size_t)s.p[0] << 8 | s.p[1];
    if (length > NOISE_HANDSHAKE_MAX - 2)
        return ERR_LIMIT;
    if (s.n - 2 < length)
        return OK;
    TRY(noise_xx_read(&n->xx, payload, &size, span_sub(s, 2, length)));
    ring_drop(in, 2 + length);
    *moved = true;
    /* SPEC noise 2.1: "The payload of the first message is empty; one that is there is ignored,
     * since nothing protects it." */
    return n->state == NOISE_READ_1 ? OK : check_payload(n, span_of(payload, size));
}

static enum err advance(struct noise *n, struct ring *in, struct ring *out, bool *moved)
{
    static const enum noise_state after[] = {
        [NOISE_WRITE_1] = NOISE_READ_2, [NOISE_READ_2] = NOISE_WRITE_3,
        [NOISE_WRITE_3] = NOISE_DONE,   [NOISE_READ_1] = NOISE_WRITE_2,
        [NOISE_WRITE_2] = NOISE_READ_3, [NOISE_READ_3] = NOISE_DONE,
        [NOISE_DONE] = NOISE_DONE,
    };
    *moved = false;
    switch (n->state) {
    case NOISE_WRITE_1:
    case NOISE_WRITE_2:
    case NOISE_WRITE_3:
        TRY(write_message(n, out, moved));
        break;
    case NOISE_READ_1:
    case NOISE_READ_2:
    case NOISE_READ_3:
        TRY(read_message(n, in, moved));
        break;
    case NOISE_DONE:
        return OK;
    }
    if (*moved)
        n->state = after[n->state];
    return OK;
}

enum err noise_step(struct noise *n, struct ring *net_in, struct ring *net_out)
{
    bool moved = n->err == OK;
    while (moved && n->err == OK)
        n->err = advance(n, net_in, net_out, &moved);
    return n->err;
}

void noise_seal(struct noise *n, struct ring *app_out, struct ring *net_out)
{
    ASSERT(noise_done(n));
    for (;;) {
        struct span plain = span_sub(ring_peek(app_out), 0, NOISE_PLAIN_MAX);
        size_t room = ring_room(net_out);
        size_t least = plain.n < SEAL_MIN ? plain.n : SEAL_MIN;
        if (plain.n == 0 || room < 2 + NOISE_TAG_SIZE + least)
            return;
        plain = span_sub(plain, 0, room - 2 - NOISE_TAG_SIZE);
        size_t size = plain.n + NOISE_TAG_SIZE;
        struct mspan space = ring_space(net_out, 2 + size);
        store_be16(space.p, (uint16_t)size);
        noise_cipher_seal(&n->xx.send, space.p + 2, plain);
        ring_commit(net_out, 2 + size);
        ring_drop(app_out, plain.n);
    }
}

static enum err open_frame(struct noise *n, struct ring *net_in, struct ring *app_in, bool *moved)
{
    struct span s = ring_peek(net_in);
    *moved = false;
    if (s.n < 2)
        return OK;
    size_t size = (size_t)s.p[0] << 8 | s.p[1];
    if (size < NOISE_TAG_SIZE)
        return ERR_SHORT;
    if (s.n - 2 < size || ring_room(app_in) < size - NOISE_TAG_SIZE)
        return OK;
    struct mspan space = ring_space(app_in, size - NOISE_TAG_SIZE);
    TRY(noise_cipher_open(&n->xx.receive, space.p, span_sub(s, 2, size)));
    ring_commit(app_in, size - NOISE_TAG_SIZE);
    ring_drop(net_in, 2 + size);
    *moved = true;
    return OK;
}

enum err noise_open(struct noise *n, struct ring *net_in, struct ring *app_in)
{
    ASSERT(noise_done(n));
    bool moved = n->err == OK;
    while (moved && n->err == OK)
        n->err = open_frame(n, net_in, app_in, &moved);
    return n->err;
}
