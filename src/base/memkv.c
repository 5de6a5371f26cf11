#include "base/memkv.h"

struct memkv_node {
    struct memkv_node *left;
    struct memkv_node *right;
    uint8_t *value;
    size_t value_size;
    uint32_t priority;
    uint32_t key_size;
    uint8_t key[]; /* key_size bytes */
};

enum { BLOCK_MIN_CLASS = 5 }; /* 32 bytes */

void memkv_init(struct memkv *m, void *p, size_t n)
{
    size_t skip = (16 - (uintptr_t)p % 16) % 16;
    *m =
        (struct memkv){ .p = (uint8_t *)p + (skip < n ? skip : n), .n = n - (skip < n ? skip : n) };
}

static unsigned class_of(size_t n)
{
    unsigned c = BLOCK_MIN_CLASS;
    while (c + 1 < MEMKV_CLASS_COUNT && ((size_t)1 << c) < n)
        c++;
    return c;
}

static void *block_take(struct memkv *m, size_t n)
{
    unsigned c = class_of(n);
    if (m->free_blocks[c] != NULL) {
        void *block = m->free_blocks[c];
        memcpy(&m->free_blocks[c], block, sizeof(void *));
        return block;
    }
    size_t size = (size_t)1 << c;
    if (size < n || size > m->n - m->used)
        return NULL;
    void *block = m->p + m->used;
    m->used += size;
    return block;
}

static void block_give(struct memkv *m, void *block, size_t n)
{
    unsigned c = class_of(n);
    memcpy(block, &m->free_blocks[c], sizeof(void *));
    m->free_blocks[c] = block;
}

/* FNV-1a with a final mix: keys that come in order must not give priorities in order. */
static uint32_t priority_of(struct span key)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < key.n; i++)
        h = (h ^ key.p[i]) * 1099511628211u;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    return (uint32_t)h;
}

static struct span node_key(const struct memkv_node *node)
{
    return span_of(node->key, node->key_size);
}

static struct memkv_node *node_find(const struct memkv *m, struct span key)
{
    struct memkv_node *node = m->root;
    while (node != NULL) {
        int c = span_cmp(key, node_key(node));
        if (c == 0)
            return node;
        node = c < 0 ? node->left : node->right;
    }
    return NULL;
}

/* Splits a subtree into the keys below and above key, which is not in it. */
static void node_split(struct memkv_node *node, struct span key, struct memkv_node **below,
                       struct memkv_node **above)
{
    while (node != NULL) {
        if (span_cmp(node_key(node), key) < 0) {
            *below = node;
            below = &node->right;
            node = node->right;
        } else {
            *above = node;
            above = &node->left;
            node = node->left;
        }
    }
    *below = NULL;
    *above = NULL;
}

static void node_insert(struct memkv *m, struct memkv_node *fresh)
{
    struct memkv_node **link = &m->root;
    while (*link != NULL && (*link)->priority >= fresh->priority)
        link = span_cmp(node_key(fresh), node_key(*link)) < 0 ? &(*link)->left : &(*link)->right;
    node_split(*link, node_key(fresh), &fresh->left, &fresh->right);
    *link = fresh;
    m->count++;
}

static enum err memkv_get(void *ctx, struct span *value, struct span key)
{
    const struct memkv *m = ctx;
    const struct memkv_node *node = node_find(m, key);
    *value = node == NULL ? (struct span){ NULL, 0 } : span_of(node->value, node->value_size);
    return node == NULL ? ERR_NOT_FOUND : OK;
}

static enum err memkv_put(void *ctx, struct span key, struct span value)
{
    struct memkv *m = ctx;
    if (key.n > KV_KEY_MAX)
        return ERR_LIMIT;
    struct memkv_node *node = node_find(m, key);
    if (node != NULL && class_of(node->value_size) == class_of(value.n)) {
        if (value.n != 0)
            memmove(node->value, value.p, value.n);
        node->value_size = value.n;
        return OK;
    }
    uint8_t *copy = block_take(m, value.n);
    if (copy == NULL)
        return ERR_MEMORY;
    if (value.n != 0)
        memcpy(copy, value.p, value.n);
    if (node != NULL) {
        block_give(m, node->value, node->value_size);
        node->value = copy;
        node->value_size = value.n;
        return OK;
    }
    struct memkv_node *fresh = block_take(m, sizeof(*fresh) + key.n);
    if (fresh == NULL) {
        block_give(m, copy, value.n);
        return ERR_MEMORY;
    }
    *fresh = (struct memkv_node){ .value = copy,
                                  .value_size = value.n,
                                  .priority = priority_of(key),
                                  .key_size = (uint32_t)key.n };
    if (key.n != 0)
        memcpy(fresh->key, key.p, key.n);
    node_insert(m, fresh);
    return OK;
}

static struct memkv_node *node_merge(struct memkv_node *left, struct memkv_node *right)
{
    struct memkv_node *root = NULL;
    struct memkv_node **link = &root;
    while (left != NULL && right != NULL) {
        if (left->priority >= right->priority) {
            *link = left;
            link = &left->right;
            left = left->right;
        } else {
            *link = right;
            link = &right->left;
            right = right->left;
        }
    }
    *link = left != NULL ? left : right;
    return root;
}

static enum err memkv_del(void *ctx, struct span key)
{
    struct memkv *m = ctx;
    struct memkv_node **link = &m->root;
    while (*link != NULL) {
        int c = span_cmp(key, node_key(*link));
        if (c == 0)
            break;
        link = c < 0 ? &(*link)->left : &(*link)->right;
    }
    struct memkv_node *node = *link;
    if (node == NULL)
        return OK;
    *link = node_merge(node->left, node->right);
    block_give(m, node->value, node->value_size);
    block_give(m, node, sizeof(*node) + node->key_size);
    m->count--;
    return OK;
}

static enum err memkv_next(void *ctx, struct span *key, struct span *value, struct span from,
                           bool after)
{
    const struct memkv *m = ctx;
    const struct memkv_node *best = NULL;
    for (const struct memkv_node *node = m->root; node != NULL;) {
        int c = span_cmp(node_key(node), from);
        if (c > 0 || (c == 0 && !after)) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    *key = best == NULL ? (struct span){ NULL, 0 } : node_key(best);
    *value = best == NULL ? (struct span){ NULL, 0 } : span_of(best->value, best->value_size);
    return best == NULL ? ERR_NOT_FOUND : OK;
}

struct kv memkv_kv(struct memkv *m)
{
    return (struct kv){
        .ctx = m, .get = memkv_get, .put = memkv_put, .del = memkv_del, .next = memkv_next
    };
}
