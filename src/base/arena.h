/* arena: memory for one turn (a message, a block, a request), taken from a buffer that the owner
 * gives once and reset as a whole. Pure; not shared between threads. */
#ifndef CRUST_BASE_ARENA_H
#define CRUST_BASE_ARENA_H

#include "base/err.h"
#include "base/span.h"

struct arena {
    uint8_t *p;
    size_t n;
    size_t used;
};

static inline struct arena arena_of(void *p, size_t n)
{
    return (struct arena){ .p = (uint8_t *)p, .n = n, .used = 0 };
}

/* arena_alloc gives n zeroed bytes aligned to 16, valid until arena_reset; NULL when full, which
 * the caller answers with ERR_LIMIT. */
void *arena_alloc(struct arena *a, size_t n);

/* arena_array gives count zeroed elements of size bytes; NULL when full or on overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* arena_dup copies s into the arena; {NULL, 0} when full. */
struct span arena_dup(struct arena *a, struct span s);

static inline void arena_reset(struct arena *a)
{
    a->used = 0;
}

#endif
