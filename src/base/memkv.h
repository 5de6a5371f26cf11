/* memkv: struct kv in memory that the caller gives, for tests, simulation and overlays. Ordered, a
 * treap; put, get and del in O(log n). Pure; not shared between threads while it is written. */
#ifndef CRUST_BASE_MEMKV_H
#define CRUST_BASE_MEMKV_H

#include "base/kv.h"

enum { MEMKV_CLASS_COUNT = 32 }; /* block sizes are powers of two */

struct memkv_node;

struct memkv {
    uint8_t *p; /* kept until memkv_init is called again */
    size_t n;
    size_t used;
    size_t count; /* pairs */
    struct memkv_node *root;
    void *free_blocks[MEMKV_CLASS_COUNT];
};

/* memkv_init makes m empty over n bytes at p, which are kept. A put that does not fit gives
 * ERR_MEMORY and changes nothing. */
void memkv_init(struct memkv *m, void *p, size_t n);

/* memkv_kv gives the interface; m is kept by it. */
struct kv memkv_kv(struct memkv *m);

#endif
