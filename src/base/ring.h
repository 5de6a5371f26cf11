/* ring: a bounded queue of bytes over memory that the caller owns; what a protocol machine reads
 * from and writes to (docs/design/protocol-machines.md). Pure.
 *
 * The bytes in it are always one contiguous run: a parser sees a header or a frame as one span. The
 * price is that the run is moved to the front of the memory when the space behind it gets scarce,
 * which is done only when that at least doubles the space, so a byte is moved O(1) times as long as
 * the reader takes what it is given. An empty ring holds nothing in its memory: a host may detach
 * it then and give the memory to another connection. */
#ifndef CRUST_BASE_RING_H
#define CRUST_BASE_RING_H

#include "base/err.h"
#include "base/span.h"

struct ring {
    uint8_t *p;  /* the memory; may be NULL when size is 0 */
    size_t size; /* its size */
    size_t head; /* where the oldest byte stands */
    size_t used; /* bytes queued: p[head .. head + used) */
};

/* ring_of makes an empty ring over size bytes at p, which is kept until the ring is detached. */
static inline struct ring ring_of(void *p, size_t size)
{
    return (struct ring){ .p = (uint8_t *)p, .size = size, .head = 0, .used = 0 };
}

static inline size_t ring_used(const struct ring *r)
{
    return r->used;
}

static inline size_t ring_room(const struct ring *r)
{
    return r->size - r->used;
}

/* All queued bytes, oldest first. Borrowed until the ring changes. */
static inline struct span ring_peek(const struct ring *r)
{
    return (struct span){ r->used == 0 ? r->p : r->p + r->head, r->used };
}

/* The queued bytes for changing in place (decryption). Borrowed until the ring changes. */
struct mspan ring_edit(struct ring *r);

/* ring_drop forgets the n oldest bytes; n is at most ring_used (asserted). */
void ring_drop(struct ring *r, size_t n);

/* ring_space gives contiguous free space behind the queued bytes: at least want bytes when
 * ring_room allows it, else {.., less}; want 0 asks for what is worth a read call. Fill it, then
 * ring_commit. Moves the queued bytes when it has to: spans from ring_peek are void then. */
struct mspan ring_space(struct ring *r, size_t want);

/* ring_commit queues the first n bytes of the last ring_space (asserted to fit). */
void ring_commit(struct ring *r, size_t n);

/* ring_write queues all of s or nothing. s is not inside the ring.
 * Returns: true, or false when ring_room is less than s.n. */
NODISCARD bool ring_write(struct ring *r, struct span s);

/* ring_put queues as much of s as there is room for, and returns how much that was. */
size_t ring_put(struct ring *r, struct span s);

/* ring_get takes up to n bytes out and returns how many. */
size_t ring_get(struct ring *r, uint8_t *out, size_t n);

/* ring_move takes up to n bytes out of from and queues them in to, as far as both go; returns how
 * many. */
size_t ring_move(struct ring *to, struct ring *from, size_t n);

/* ring_attach gives memory to a ring that has none, ring_detach takes it back from an empty one
 * (both asserted). */
void ring_attach(struct ring *r, void *p, size_t size);
void *ring_detach(struct ring *r);

#endif
