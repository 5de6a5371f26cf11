#include "p2p/autonat_ask.h"

#include "codec/varint_frame.h"

void autonat_ask_init(struct autonat_ask *a, const struct multiaddr *address, uint64_t nonce,
                      uint64_t now_ms)
{
    ASSERT(nonce != 0 && address->size != 0);
    *a = (struct autonat_ask){ .address = *address,
                               .nonce = nonce,
                               .deadline_ms = now_ms + AUTONAT_ASK_MS };
}

/* A message in its frame; false: there is no room for it now. */
static bool say(struct ring *out, const struct autonat_message *m)
{
    uint8_t buf[VARINT_FRAME_HEAD_MAX + AUTONAT_ASK_OUT];
    struct writer w = writer_of(buf + VARINT_FRAME_HEAD_MAX, sizeof(buf) - VARINT_FRAME_HEAD_MAX);
    autonat_write(&w, m);
    ASSERT(w.err == OK);
    return ring_write(out, varint_frame_close(buf, w.len));
}

static void say_request(struct autonat_ask *a, struct ring *out)
{
    const struct autonat_message m = { .kind = AUTONAT_REQUEST,
                                       .nonce = a->nonce,
                                       .addr_count = 1,
                                       .addrs = { multiaddr_span(&a->address) } };
    a->said = say(out, &m);
}

static void pay(struct autonat_ask *a, struct ring *out)
{
    static const uint8_t nothing[AUTONAT_DATA_MAX];
    while (a->owed > 0) {
        size_t n = a->owed < AUTONAT_DATA_MAX ? (size_t)a->owed : AUTONAT_DATA_MAX;
        const struct autonat_message m = { .kind = AUTONAT_DATA, .data = span_of(nothing, n) };
        if (!say(out, &m))
            return;
        a->owed -= n;
    }
}

static enum err hear(struct autonat_ask *a, const struct autonat_message *m, uint64_t now_ms)
{
    if (!a->said)
        return ERR_FORMAT;
    if (m->kind == AUTONAT_DATA_REQUEST) {
        /* SPEC autonat 2.3: "once, for the one address of the request, and at most 100,000 bytes"
         */
        if (a->paid || m->addr_index != 0 || m->bytes > AUTONAT_ASK_PAY_MAX)
            return ERR_FORMAT;
        a->paid = true;
        a->owed = m->bytes;
        return OK;
    }
    if (m->kind != AUTONAT_RESPONSE || a->owed != 0)
        return ERR_FORMAT;
    /* SPEC autonat 2.4: "An answer for another address than the one that was asked for" */
    if (m->status == AUTONAT_DONE && m->addr_index != 0)
        return ERR_FORMAT;
    a->answered = true;
    a->status = m->status;
    a->dial = m->dial;
    a->back_by_ms = now_ms + AUTONAT_ASK_BACK_MS;
    return OK;
}

static enum err run(struct autonat_ask *a, struct ring *in, struct ring *out, uint64_t now_ms)
{
    struct autonat_message m;
    struct span body;
    size_t taken;
    if (!a->said)
        say_request(a, out);
    while (!a->answered) {
        enum err e = varint_frame_take(&body, &taken, ring_peek(in), AUTONAT_ASK_IN);
        if (e == ERR_SHORT)
            break;
        TRY(e);
        TRY(autonat_decode(&m, body));
        TRY(hear(a, &m, now_ms));
        ring_drop(in, taken);
    }
    pay(a, out);
    return !a->answered && now_ms >= a->deadline_ms ? ERR_TIMEOUT : OK;
}

enum err autonat_ask_step(struct autonat_ask *a, struct ring *in, struct ring *out, uint64_t now_ms)
{
    if (a->err == OK && !a->answered)
        a->err = run(a, in, out, now_ms);
    return a->err;
}

bool autonat_ask_back(struct autonat_ask *a, uint64_t nonce, bool four)
{
    struct multiaddr_tcp t;
    if (nonce != a->nonce || multiaddr_tcp_of(&t, &a->address) != OK ||
        four != (t.host == MULTIADDR_IP4))
        return false;
    a->back = true;
    return true;
}

enum autonat_outcome autonat_ask_outcome(const struct autonat_ask *a, bool ended, uint64_t now_ms)
{
    if (!a->answered)
        return a->err != OK || ended ? AUTONAT_ASK_NOTHING : AUTONAT_ASK_OPEN;
    if (a->status != AUTONAT_DONE)
        return AUTONAT_ASK_NOTHING;
    /* SPEC autonat 2.5: "The nonce decides, not the answer" */
    if (a->dial == AUTONAT_REACHED || a->dial == AUTONAT_BACK_FAILED) {
        if (a->back)
            return AUTONAT_ASK_YES;
        return now_ms >= a->back_by_ms ? AUTONAT_ASK_NOTHING : AUTONAT_ASK_OPEN;
    }
    if (a->back)
        return AUTONAT_ASK_NOTHING; /* it says two things */
    return a->dial == AUTONAT_UNREACHED ? AUTONAT_ASK_NO : AUTONAT_ASK_NOTHING;
}
