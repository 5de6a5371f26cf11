/* testlink: two ends of a connection in memory, for tests: what one machine writes the other reads,
 * in pieces of a chosen size. */
#ifndef CRUST_P2P_TESTLINK_H
#define CRUST_P2P_TESTLINK_H

#include "base/check.h"
#include "base/ring.h"

enum { TESTLINK_SIZE_MAX = 70000 };

/* Each end has a ring that it reads from and one that it writes to. */
struct testlink {
    struct ring in[2], out[2];
    size_t piece;        /* bytes moved at a time; 0: all */
    uint64_t carried[2]; /* bytes moved from end 0, from end 1 */
    uint8_t memory[4][TESTLINK_SIZE_MAX];
};

/* Rings of this size; the link stays where it is while they are in use. */
static inline void testlink_init(struct testlink *l, size_t size, size_t piece)
{
    CHECK(size <= TESTLINK_SIZE_MAX);
    l->piece = piece;
    for (int i = 0; i < 2; i++) {
        l->in[i] = ring_of(l->memory[i], size);
        l->out[i] = ring_of(l->memory[2 + i], size);
        l->carried[i] = 0;
    }
}

/* Moves one piece each way; false when there was nothing to move. */
static inline bool testlink_move(struct testlink *l)
{
    size_t moved = 0;
    for (int i = 0; i < 2; i++) {
        size_t n = ring_move(&l->in[1 - i], &l->out[i], l->piece == 0 ? SIZE_MAX : l->piece);
        l->carried[i] += n;
        moved += n;
    }
    return moved != 0;
}

#endif
