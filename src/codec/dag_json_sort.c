#include "codec/dag_json_sort.h"

enum { ENTRY = sizeof(struct dag_json_entry) };

void dag_json_sort_init(struct dag_json_sort *s, struct mspan memory)
{
    *s = (struct dag_json_sort){ .memory = memory };
}

struct dag_json_entry dag_json_sort_get(const struct dag_json_sort *s, uint32_t i)
{
    struct dag_json_entry e;
    memcpy(&e, s->memory.p + (size_t)i * ENTRY, ENTRY);
    return e;
}

static void put(struct dag_json_sort *s, uint32_t i, struct dag_json_entry e)
{
    memcpy(s->memory.p + (size_t)i * ENTRY, &e, ENTRY);
}

struct mspan dag_json_sort_rest(const struct dag_json_sort *s)
{
    size_t at = (size_t)s->used * ENTRY;
    return (struct mspan){ s->memory.p + at, s->memory.n - at };
}

enum err dag_json_sort_add(struct dag_json_sort *s, struct dag_json_entry e)
{
    if (dag_json_sort_rest(s).n < ENTRY)
        return ERR_LIMIT;
    put(s, s->used++, e);
    return OK;
}

void dag_json_sort_end(struct dag_json_sort *s, uint32_t end)
{
    struct dag_json_entry e = dag_json_sort_get(s, s->used - 1);
    e.end = end;
    put(s, s->used - 1, e);
}

enum err dag_json_sort_index(struct dag_json_sort *s, struct span in, struct cbor_reader *c,
                             uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct dag_json_entry e = { .at = (uint32_t)(in.n - c->r.n) };
        e.key_n = (uint32_t)cbor_read_text(c).n;
        e.key_at = (uint32_t)(in.n - c->r.n) - e.key_n;
        cbor_skip(c);
        e.end = (uint32_t)(in.n - c->r.n);
        if (c->r.err != OK)
            return c->r.err;
        TRY(dag_json_sort_add(s, e));
    }
    return OK;
}

struct order {
    struct dag_json_sort *s;
    struct span in;
    uint32_t base;
    int (*cmp)(struct span a, struct span b);
};

static struct span key_of(const struct order *o, uint32_t i)
{
    struct dag_json_entry e = dag_json_sort_get(o->s, o->base + i);
    return span_sub(o->in, e.key_at, e.key_n);
}

static void swap(const struct order *o, uint32_t a, uint32_t b)
{
    struct dag_json_entry x = dag_json_sort_get(o->s, o->base + a);
    put(o->s, o->base + a, dag_json_sort_get(o->s, o->base + b));
    put(o->s, o->base + b, x);
}

/* Heapsort: in place, and no input makes it slow. */
static void sift(const struct order *o, uint32_t root, uint32_t n)
{
    for (uint32_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && o->cmp(key_of(o, child), key_of(o, child + 1)) < 0)
            child++;
        if (o->cmp(key_of(o, root), key_of(o, child)) >= 0)
            return;
        swap(o, root, child);
        root = child;
    }
}

enum err dag_json_sort(struct dag_json_sort *s, struct span in, uint32_t base,
                       int (*cmp)(struct span a, struct span b))
{
    const struct order o = { s, in, base, cmp };
    uint32_t n = s->used - base;
    for (uint32_t i = n / 2; i > 0; i--)
        sift(&o, i - 1, n);
    for (uint32_t i = n; i > 1; i--) {
        swap(&o, 0, i - 1);
        sift(&o, 0, i - 1);
    }
    for (uint32_t i = 1; i < n; i++) {
        if (span_eq(key_of(&o, i - 1), key_of(&o, i)))
            return ERR_FORMAT;
    }
    return OK;
}
