/* sort: putting an array in order. A heap sort: in place, without recursion, without allocation,
 * and no input is slow; equal items may change places. Inline, so that the compiler knows the size
 * of an item and its order. Pure. */
#ifndef CRUST_BASE_SORT_H
#define CRUST_BASE_SORT_H

#include "base/err.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SORT_ITEM_MAX = 512 }; /* bytes of the largest item: one is held aside on the stack */

/* Negative, zero or positive: a stands before, beside or behind b. */
typedef int (*sort_order)(const void *a, const void *b);

/* Restores the heap order below at, in items[0, count). */
static inline void sort_sift(uint8_t *items, size_t size, size_t at, size_t count, sort_order order)
{
    alignas(max_align_t) uint8_t moving[SORT_ITEM_MAX];
    memcpy(moving, items + at * size, size);
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && order(items + child * size, items + (child + 1) * size) < 0)
            child++;
        if (order(moving, items + child * size) >= 0)
            break;
        memcpy(items + at * size, items + child * size, size);
        at = child;
    }
    memcpy(items + at * size, moving, size);
}

/* sort_items puts count items of size bytes (at most SORT_ITEM_MAX) in ascending order. */
static inline void sort_items(void *items, size_t count, size_t size, sort_order order)
{
    uint8_t *p = items;
    ASSERT(size > 0 && size <= SORT_ITEM_MAX);
    for (size_t i = count / 2; i-- > 0;)
        sort_sift(p, size, i, count, order);
    for (size_t n = count; n-- > 1;) {
        alignas(max_align_t) uint8_t top[SORT_ITEM_MAX];
        memcpy(top, p, size);
        memcpy(p, p + n * size, size);
        memcpy(p + n * size, top, size);
        sort_sift(p, size, 0, n, order);
    }
}

#endif
