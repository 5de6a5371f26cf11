#include "p2p/identify_read.h"

#include "codec/varint_frame.h"

void identify_read_init(struct identify_read *r, struct mspan memory, uint64_t now_ms)
{
    *r = (struct identify_read){ .memory = memory, .deadline_ms = now_ms + IDENTIFY_READ_MS };
}

static enum err take(struct identify_read *r, struct span body)
{
    /* SPEC p2p-streams 2.3: "at most 10 messages of 8,192 bytes each, and at most the memory it was
     * given" */
    if (r->messages == IDENTIFY_MESSAGES_MAX || body.n > r->memory.n - r->used)
        return ERR_LIMIT;
    uint8_t *at = r->memory.p + r->used;
    if (body.n > 0)
        memcpy(at, body.p, body.n);
    r->used += body.n;
    r->messages++;
    return identify_merge(&r->id, span_of(at, body.n));
}

static enum err run(struct identify_read *r, struct ring *in, bool at_end, uint64_t now_ms)
{
    struct span body;
    size_t taken;
    for (;;) {
        enum err e = varint_frame_take(&body, &taken, ring_peek(in), IDENTIFY_MESSAGE_MAX);
        if (e == ERR_SHORT)
            break;
        TRY(e);
        TRY(take(r, body));
        ring_drop(in, taken);
    }
    if (at_end && (ring_used(in) > 0 || r->messages == 0))
        return ERR_SHORT;
    r->done = at_end;
    return !at_end && now_ms >= r->deadline_ms ? ERR_TIMEOUT : OK;
}

enum err identify_read_step(struct identify_read *r, struct ring *in, bool at_end, uint64_t now_ms)
{
    if (r->err != OK || r->done)
        return r->err;
    r->err = run(r, in, at_end, now_ms);
    if (r->err != OK)
        r->id = (struct identify){ 0 };
    return r->err;
}
