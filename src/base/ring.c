#include "base/ring.h"

struct mspan ring_edit(struct ring *r)
{
    return (struct mspan){ r->used == 0 ? r->p : r->p + r->head, r->used };
}

void ring_drop(struct ring *r, size_t n)
{
    ASSERT(n <= r->used);
    r->used -= n;
    r->head = r->used == 0 ? 0 : r->head + n;
}

struct mspan ring_space(struct ring *r, size_t want)
{
    size_t tail = r->size - r->head - r->used;
    size_t room = ring_room(r);
    /* Moving at least doubles the space, or the caller needs it in one piece. */
    if (r->head != 0 && (tail < room - tail || tail < want)) {
        memmove(r->p, r->p + r->head, r->used);
        r->head = 0;
        tail = room;
    }
    return (struct mspan){ tail == 0 ? r->p : r->p + r->head + r->used, tail };
}

void ring_commit(struct ring *r, size_t n)
{
    ASSERT(n <= r->size - r->head - r->used);
    r->used += n;
}

bool ring_write(struct ring *r, struct span s)
{
    if (s.n > ring_room(r))
        return false;
    if (s.n != 0) {
        struct mspan space = ring_space(r, s.n);
        memcpy(space.p, s.p, s.n);
        ring_commit(r, s.n);
    }
    return true;
}

size_t ring_put(struct ring *r, struct span s)
{
    s = span_sub(s, 0, ring_room(r));
    bool ok = ring_write(r, s);
    ASSERT(ok);
    return s.n;
}

size_t ring_get(struct ring *r, uint8_t *out, size_t n)
{
    struct span s = span_sub(ring_peek(r), 0, n);
    if (s.n != 0)
        memcpy(out, s.p, s.n);
    ring_drop(r, s.n);
    return s.n;
}

size_t ring_move(struct ring *to, struct ring *from, size_t n)
{
    n = ring_put(to, span_sub(ring_peek(from), 0, n));
    ring_drop(from, n);
    return n;
}

void ring_attach(struct ring *r, void *p, size_t size)
{
    ASSERT(r->size == 0);
    *r = ring_of(p, size);
}

void *ring_detach(struct ring *r)
{
    ASSERT(r->used == 0);
    void *p = r->p;
    *r = (struct ring){ 0 };
    return p;
}
