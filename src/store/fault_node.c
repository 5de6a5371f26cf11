#include "store/fault_node.h"

#include <stdlib.h>

enum {
    SECTOR = 512, /* what a disk writes whole */
    PAGE = 4096,
};

void *fault_node_grow(void *p, size_t n)
{
    /* Not realloc, which tests make fail: a disk does not live in the memory of its user. */
    void *out = reallocarray(p, n == 0 ? 1 : n, 1);
    ASSERT(out != NULL);
    return out;
}

static void bytes_resize(struct fault_bytes *b, uint64_t n)
{
    if (n > b->cap) {
        b->cap = n + n / 2 + 64;
        b->p = fault_node_grow(b->p, (size_t)b->cap);
    }
    if (n > b->n)
        memset(b->p + b->n, 0, (size_t)(n - b->n));
    b->n = n;
}

static void change_apply(struct fault_bytes *b, const struct fault_change *c, uint64_t length)
{
    uint64_t end = c->offset + length;
    switch (c->kind) {
    case FAULT_WRITE:
        if (end > b->n)
            bytes_resize(b, end);
        if (length > 0)
            memcpy(b->p + c->offset, c->bytes, (size_t)length);
        return;
    case FAULT_TRUNCATE:
        bytes_resize(b, c->offset);
        return;
    case FAULT_PUNCH: {
        uint64_t from = (c->offset + PAGE - 1) / PAGE * PAGE;
        uint64_t to = end / PAGE * PAGE;
        if (to > b->n)
            to = b->n;
        if (from < to)
            memset(b->p + from, 0, (size_t)(to - from));
        return;
    }
    }
}

static void changes_clear(struct fault_node *n)
{
    for (size_t i = 0; i < n->change_count; i++)
        free(n->changes[i].bytes);
    n->change_count = 0;
}

void fault_node_change(struct fault_node *n, struct fault_change c)
{
    if (n->change_count == n->change_cap) {
        n->change_cap = n->change_cap * 2 + 16;
        n->changes = fault_node_grow(n->changes, n->change_cap * sizeof(struct fault_change));
    }
    change_apply(&n->now, &c, c.length);
    n->changes[n->change_count++] = c;
}

void fault_node_sync(struct fault_node *n)
{
    for (size_t i = 0; i < n->change_count; i++)
        change_apply(&n->durable, &n->changes[i], n->changes[i].length);
    changes_clear(n);
}

void fault_node_forget(struct fault_node *n)
{
    changes_clear(n);
    bytes_resize(&n->now, 0);
    bytes_resize(&n->now, n->durable.n);
    if (n->durable.n > 0)
        memcpy(n->now.p, n->durable.p, (size_t)n->durable.n);
}

/* All survive, none, each by chance, or a prefix; a survivor may be torn at a sector. */
void fault_node_crash(struct fault_node *n, struct prng *g)
{
    uint64_t mode = prng_below(g, 4);
    uint64_t cut = prng_below(g, n->change_count + 1);
    for (size_t i = 0; i < n->change_count; i++) {
        struct fault_change *c = &n->changes[i];
        bool keep = mode == 0 || (mode == 1 && prng_below(g, 2) == 0) || (mode == 2 && i <= cut);
        bool torn = c->kind == FAULT_WRITE && (mode == 1 || (mode == 2 && i == cut)) &&
                    prng_below(g, 2) == 0;
        uint64_t length = c->length;
        if (torn)
            length = prng_below(g, c->length / SECTOR + 1) * SECTOR;
        if (keep)
            change_apply(&n->durable, c, length);
    }
    fault_node_forget(n);
}

void fault_node_free(struct fault_node *n)
{
    changes_clear(n);
    free(n->changes);
    free(n->now.p);
    free(n->durable.p);
    *n = (struct fault_node){ 0 };
}
