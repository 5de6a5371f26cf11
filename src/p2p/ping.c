#include "p2p/ping.h"

void ping_answer(struct ring *in, struct ring *out)
{
    /* SPEC p2p-streams 3.2: "A listener MUST send back each whole group of 32 bytes and nothing
     * else" */
    while (ring_used(in) >= PING_SIZE && ring_room(out) >= PING_SIZE)
        (void)ring_move(out, in, PING_SIZE);
}

void ping_init(struct ping *p)
{
    *p = (struct ping){ 0 };
}

enum err ping_ask(struct ping *p, struct ring *out, const uint8_t value[PING_SIZE], uint64_t now_ms)
{
    if (p->asked)
        return ERR_BUSY;
    if (!ring_write(out, span_of(value, PING_SIZE)))
        return ERR_FULL;
    memcpy(p->value, value, PING_SIZE);
    p->asked = true;
    p->asked_ms = now_ms;
    return OK;
}

enum err ping_step(struct ping *p, struct ring *in, uint64_t now_ms)
{
    struct span s = ring_peek(in);
    if (s.n > 0 && !p->asked)
        return ERR_FORMAT;
    if (s.n >= PING_SIZE) {
        if (s.n > PING_SIZE || memcmp(s.p, p->value, PING_SIZE) != 0)
            return ERR_FORMAT;
        ring_drop(in, PING_SIZE);
        p->asked = false;
        p->rtt_ms = now_ms - p->asked_ms;
        p->count++;
        return OK;
    }
    return p->asked && now_ms - p->asked_ms >= PING_TIMEOUT_MS ? ERR_TIMEOUT : OK;
}
