#include "p2p/autonat_serve.h"

#include "codec/varint_frame.h"

enum { MINUTE_MS = 60000 };

/* ---- limits ---------------------------------------------------------------------------------- */

/* SPEC autonat 3.2: "60 requests a minute of all, 12 of one IP address" */
static bool take_request(struct autonat_limits *l, const uint8_t ip[16], uint64_t now_ms)
{
    size_t free = AUTONAT_SERVE_MINUTE;
    uint32_t same = 0;
    for (size_t i = 0; i < AUTONAT_SERVE_MINUTE; i++) {
        if (l->asked[i].until_ms <= now_ms)
            free = i;
        else
            same += memcmp(l->asked[i].ip, ip, 16) == 0;
    }
    if (free == AUTONAT_SERVE_MINUTE || same >= AUTONAT_SERVE_EACH)
        return false;
    memcpy(l->asked[free].ip, ip, 16);
    l->asked[free].until_ms = now_ms + MINUTE_MS;
    return true;
}

static bool take_paid(struct autonat_limits *l, uint64_t now_ms)
{
    for (size_t i = 0; i < AUTONAT_SERVE_PAID; i++)
        if (l->paid_until_ms[i] <= now_ms) {
            l->paid_until_ms[i] = now_ms + MINUTE_MS;
            return true;
        }
    return false;
}

/* ---- one request ----------------------------------------------------------------------------- */

void autonat_serve_init(struct autonat_serve *s, struct span ip, uint32_t random, uint64_t now_ms)
{
    ASSERT(ip.n == 4 || ip.n == 16);
    *s = (struct autonat_serve){ .random = random,
                                 .ip_size = (uint8_t)ip.n,
                                 .deadline_ms = now_ms + AUTONAT_SERVE_MS };
    memcpy(s->ip, ip.p, ip.n);
}

static enum err say(struct ring *out, const struct autonat_message *m)
{
    uint8_t buf[VARINT_FRAME_HEAD_MAX + AUTONAT_SERVE_OUT];
    struct writer w = writer_of(buf + VARINT_FRAME_HEAD_MAX, sizeof(buf) - VARINT_FRAME_HEAD_MAX);
    autonat_write(&w, m);
    ASSERT(w.err == OK);
    return ring_write(out, varint_frame_close(buf, w.len)) ? OK : ERR_FULL;
}

static enum err answer(struct autonat_serve *s, struct ring *out, enum autonat_status status,
                       enum autonat_dial dial)
{
    const struct autonat_message m = { .kind = AUTONAT_RESPONSE,
                                       .status = status,
                                       .addr_index = status == AUTONAT_DONE ? s->index : 0,
                                       .dial = dial };
    s->state = AUTONAT_SERVE_SAID;
    return say(out, &m);
}

/* The first address that may be dialled; false: none. */
static bool choose(struct autonat_serve *s, const struct autonat_policy *p,
                   const struct autonat_message *m, struct multiaddr_tcp *t)
{
    for (uint32_t i = 0; i < m->addr_count; i++) {
        struct multiaddr a;
        if (multiaddr_decode(&a, m->addrs[i]) != OK || multiaddr_tcp_of(t, &a) != OK ||
            (t->host != MULTIADDR_IP4 && t->host != MULTIADDR_IP6) || !p->may(p->ctx, t))
            continue;
        s->index = i;
        s->address = multiaddr_of_ip(span_of(t->ip, t->host == MULTIADDR_IP4 ? 4 : 16), t->port);
        return true;
    }
    return false;
}

static enum err request(struct autonat_serve *s, const struct autonat_policy *p,
                        const struct autonat_message *m, struct ring *out, uint64_t now_ms)
{
    struct multiaddr_tcp t;
    if (m->kind != AUTONAT_REQUEST)
        return ERR_FORMAT;
    if (!take_request(p->limits, s->ip, now_ms))
        return answer(s, out, AUTONAT_REJECTED, AUTONAT_UNUSED);
    if (!choose(s, p, m, &t))
        return answer(s, out, AUTONAT_REFUSED, AUTONAT_UNUSED);
    s->nonce = m->nonce;
    size_t size = t.host == MULTIADDR_IP4 ? 4 : 16;
    if (size == s->ip_size && memcmp(t.ip, s->ip, size) == 0) {
        s->state = AUTONAT_SERVE_DIAL;
        return OK;
    }
    /* SPEC autonat 3.4: "For another IP address than that of the connection it has to send" */
    if (!take_paid(p->limits, now_ms))
        return answer(s, out, AUTONAT_REJECTED, AUTONAT_UNUSED);
    s->owed =
        AUTONAT_SERVE_PAY_MIN + s->random % (AUTONAT_SERVE_PAY_MAX - AUTONAT_SERVE_PAY_MIN + 1);
    s->state = AUTONAT_SERVE_PAYING;
    const struct autonat_message ask = { .kind = AUTONAT_DATA_REQUEST,
                                         .addr_index = s->index,
                                         .bytes = s->owed };
    return say(out, &ask);
}

static enum err payment(struct autonat_serve *s, const struct autonat_message *m, uint64_t now_ms)
{
    if (m->kind != AUTONAT_DATA || (m->data.n < AUTONAT_SERVE_DATA_MIN && m->data.n < s->owed))
        return ERR_FORMAT;
    s->owed = m->data.n < s->owed ? s->owed - m->data.n : 0;
    if (s->owed != 0)
        return OK;
    /* SPEC autonat 3.5: "A paid dial waits up to 3 s" */
    s->state = AUTONAT_SERVE_PAUSING;
    s->at_ms = now_ms + (s->random >> 16) % (AUTONAT_SERVE_PAUSE_MS + 1);
    return OK;
}

static enum err hear(struct autonat_serve *s, const struct autonat_policy *p, struct ring *in,
                     struct ring *out, uint64_t now_ms)
{
    struct autonat_message m;
    struct span body;
    size_t taken;
    while (s->state == AUTONAT_SERVE_READING || s->state == AUTONAT_SERVE_PAYING) {
        enum err e = varint_frame_take(&body, &taken, ring_peek(in), AUTONAT_MESSAGE_MAX);
        if (e == ERR_SHORT)
            return OK;
        TRY(e);
        TRY(autonat_decode(&m, body));
        TRY(s->state == AUTONAT_SERVE_READING ? request(s, p, &m, out, now_ms)
                                              : payment(s, &m, now_ms));
        ring_drop(in, taken);
    }
    return OK;
}

enum err autonat_serve_step(struct autonat_serve *s, const struct autonat_policy *p,
                            struct ring *in, struct ring *out, uint64_t now_ms)
{
    TRY(hear(s, p, in, out, now_ms));
    if (s->state == AUTONAT_SERVE_PAUSING && now_ms >= s->at_ms)
        s->state = AUTONAT_SERVE_DIAL;
    bool theirs = s->state == AUTONAT_SERVE_READING || s->state == AUTONAT_SERVE_PAYING;
    return theirs && now_ms >= s->deadline_ms ? ERR_TIMEOUT : OK;
}

enum err autonat_serve_dialled(struct autonat_serve *s, struct ring *out, enum autonat_dial how)
{
    ASSERT(s->state == AUTONAT_SERVE_DIAL);
    return answer(s, out, AUTONAT_DONE, how);
}

enum err autonat_serve_reject(struct autonat_serve *s, struct ring *out)
{
    return answer(s, out, AUTONAT_REJECTED, AUTONAT_UNUSED);
}
