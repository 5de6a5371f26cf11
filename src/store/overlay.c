#include "store/overlay.h"

#include "base/prng.h"

#include <stdlib.h>

/* A skip list (Pugh, 1990): one key in four goes one level up, so 16 levels serve 4^16 keys. */
enum {
    LEVELS = 16,
    CHUNK_SIZE = 1 << 20,
    ALIGN = 16,
};

struct node {
    const uint8_t *key;
    uint8_t *value;
    size_t key_size;
    size_t value_size;
    size_t value_room; /* bytes allocated at value */
    bool deleted;
    int levels;
    struct node *next[]; /* levels entries */
};

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    _Alignas(16) uint8_t bytes[];
};

struct overlay {
    struct kv base;
    struct chunk *chunks; /* the newest first */
    struct node *head[LEVELS];
    struct prng levels;
    size_t count;
    size_t bytes;
    size_t memory;
    size_t bytes_max;
};

/* Gives size bytes that live until overlay_clear; NULL when the heap or the limit says no. */
static void *take(struct overlay *o, size_t size)
{
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct chunk *c = o->chunks;
    if (c == NULL || size > c->size - c->used) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        c = malloc(sizeof(*c) + room);
        if (c == NULL)
            return NULL;
        *c = (struct chunk){ .next = o->chunks, .size = room };
        o->chunks = c;
    }
    void *at = c->bytes + c->used;
    c->used += size;
    o->memory += size;
    return at;
}

static struct span node_key(const struct node *n)
{
    return span_of(n->key, n->key_size);
}

/* The link that leads to the first node with a key >= key, on every level. */
static struct node *search(const struct overlay *o, struct span key,
                           struct node *const *links[LEVELS])
{
    struct node *const *row = o->head;
    for (int level = LEVELS - 1; level >= 0; level--) {
        while (row[level] != NULL && span_cmp(node_key(row[level]), key) < 0)
            row = row[level]->next;
        if (links != NULL)
            links[level] = &row[level];
    }
    return row[0];
}

static struct node *find(const struct overlay *o, struct span key)
{
    struct node *n = search(o, key, NULL);
    return n != NULL && span_eq(node_key(n), key) ? n : NULL;
}

static int random_levels(struct overlay *o)
{
    uint64_t bits = prng_u64(&o->levels);
    int levels = 1;
    while (levels < LEVELS && (bits & 3) == 0) {
        levels++;
        bits >>= 2;
    }
    return levels;
}

static struct node *insert(struct overlay *o, struct span key, size_t value_size)
{
    struct node *const *links[LEVELS];
    search(o, key, links);
    int levels = random_levels(o);
    size_t head = sizeof(struct node) + (size_t)levels * sizeof(struct node *);
    uint8_t *at = take(o, head + key.n);
    uint8_t *value = value_size == 0 ? NULL : take(o, value_size);
    if (at == NULL || (value_size != 0 && value == NULL))
        return NULL;
    struct node *n = (struct node *)(void *)at;
    *n = (struct node){ .key = at + head,
                        .key_size = key.n,
                        .value = value,
                        .value_room = value_size,
                        .levels = levels };
    memcpy(at + head, key.p, key.n);
    for (int i = 0; i < levels; i++) {
        n->next[i] = *links[i];
        *(struct node **)(uintptr_t)links[i] = n;
    }
    o->count++;
    o->bytes += key.n;
    return n;
}

static enum err set(struct overlay *o, struct span key, struct span value, bool deleted)
{
    if (key.n == 0 || key.n > KV_KEY_MAX)
        return ERR_RANGE;
    struct node *n = find(o, key);
    if (o->memory > o->bytes_max || value.n > o->bytes_max - o->memory)
        return ERR_LIMIT;
    if (n == NULL)
        n = insert(o, key, value.n);
    if (n == NULL)
        return ERR_MEMORY;
    if (value.n > n->value_room) {
        /* Half as much again, so that a value which grows does not waste a copy each time. */
        size_t room = value.n + value.n / 2;
        uint8_t *grown = take(o, room);
        if (grown == NULL)
            return ERR_MEMORY;
        n->value = grown;
        n->value_room = room;
    }
    if (value.n != 0)
        memmove(n->value, value.p, value.n);
    o->bytes = o->bytes - n->value_size + value.n;
    n->value_size = value.n;
    n->deleted = deleted;
    return OK;
}

static enum err put(void *ctx, struct span key, struct span value)
{
    return set(ctx, key, value, false);
}

static enum err del(void *ctx, struct span key)
{
    return set(ctx, key, (struct span){ NULL, 0 }, true);
}

static enum err get(void *ctx, struct span *value, struct span key)
{
    struct overlay *o = ctx;
    struct node *n = find(o, key);
    if (n == NULL)
        return kv_get(&o->base, value, key);
    *value = span_of(n->value, n->value_size);
    return n->deleted ? ERR_NOT_FOUND : OK;
}

static struct node *node_from(const struct overlay *o, struct span from, bool after)
{
    struct node *n = search(o, from, NULL);
    if (n != NULL && after && span_eq(node_key(n), from))
        n = n->next[0];
    return n;
}

static enum err next(void *ctx, struct span *key, struct span *value, struct span from, bool after)
{
    struct overlay *o = ctx;
    for (;;) {
        enum err e = kv_next(&o->base, key, value, from, after);
        if (e != OK && e != ERR_NOT_FOUND)
            return e;
        struct node *n = node_from(o, from, after);
        if (n == NULL || (e == OK && span_cmp(*key, node_key(n)) < 0))
            return e;
        if (!n->deleted) {
            *key = node_key(n);
            *value = span_of(n->value, n->value_size);
            return OK;
        }
        from = node_key(n);
        after = true;
    }
}

struct overlay *overlay_new(const struct kv *base, size_t bytes_max)
{
    struct overlay *o = calloc(1, sizeof(*o));
    if (o == NULL)
        return NULL;
    o->base = *base;
    o->bytes_max = bytes_max;
    prng_init(&o->levels, 1);
    return o;
}

void overlay_free(struct overlay *o)
{
    if (o == NULL)
        return;
    overlay_clear(o);
    free(o->chunks);
    free(o);
}

struct kv overlay_kv(struct overlay *o)
{
    return (struct kv){ .ctx = o, .get = get, .put = put, .del = del, .next = next };
}

void overlay_clear(struct overlay *o)
{
    while (o->chunks != NULL && o->chunks->next != NULL) {
        struct chunk *c = o->chunks;
        o->chunks = c->next;
        free(c);
    }
    if (o->chunks != NULL)
        o->chunks->used = 0;
    memset(o->head, 0, sizeof(o->head));
    o->count = o->bytes = o->memory = 0;
}

size_t overlay_count(const struct overlay *o)
{
    return o->count;
}

size_t overlay_bytes(const struct overlay *o)
{
    return o->bytes;
}

bool overlay_next_change(const struct overlay *o, struct overlay_change *out, struct span after)
{
    struct node *n = after.n == 0 ? o->head[0] : node_from(o, after, true);
    *out = (struct overlay_change){ 0 };
    if (n == NULL)
        return false;
    *out = (struct overlay_change){ .key = node_key(n),
                                    .value = span_of(n->value, n->value_size),
                                    .deleted = n->deleted };
    return true;
}
