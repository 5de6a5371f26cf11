#include "base/arena.h"

enum { ARENA_ALIGN = 16 };

void *arena_alloc(struct arena *a, size_t n)
{
    size_t pad = (size_t)(-(uintptr_t)(a->p + a->used)) & (ARENA_ALIGN - 1);
    if (pad > a->n - a->used || n > a->n - a->used - pad)
        return NULL;
    uint8_t *at = a->p + a->used + pad;
    a->used += pad + n;
    if (n != 0)
        memset(at, 0, n);
    return at;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    return arena_alloc(a, n);
}

struct span arena_dup(struct arena *a, struct span s)
{
    uint8_t *at = arena_alloc(a, s.n);
    if (at == NULL)
        return (struct span){ NULL, 0 };
    if (s.n != 0)
        memcpy(at, s.p, s.n);
    return (struct span){ at, s.n };
}
