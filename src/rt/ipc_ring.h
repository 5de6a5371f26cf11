/* ipc_ring: shared memory for the bulk bytes of a connection, one ring a direction.
 * Format and rules: docs/spec/ipc.md section 4. Linux memfd.
 *
 * A ring is a plain byte queue between one writer and one reader. The only shared word that is read
 * is the reader's tail, and only the writer reads it; it is checked before it is used. Everything
 * else comes over the socket. The reader copies bytes once, out of the ring, before anybody looks
 * at them. */
#ifndef CRUST_RT_IPC_RING_H
#define CRUST_RT_IPC_RING_H

#include "rt/ipc_frame.h"

enum {
    IPC_RING_SIZE_MIN = 64 << 10,
    IPC_RING_SIZE_MAX = 16 << 20,
    IPC_RING_HEADER = 4096, /* a page for the two tails, then ring 0 and ring 1 */
};

struct ipc_ring {
    uint8_t *map; /* NULL: none */
    size_t map_size;
    uint32_t size;     /* of one ring, a power of two */
    unsigned out;      /* index of the ring that we write: 0 for who made it, else 1 */
    uint64_t head;     /* position of the next byte that we write */
    uint64_t consumed; /* position of the next byte that we read */
};

/* ipc_ring_size_fits: a power of two within the limits. */
bool ipc_ring_size_fits(uint64_t size);

/* ipc_ring_create makes the memory, sealed against change of size; *fd is given. ERR_MEMORY,
 * ERR_UNSUPPORTED. */
NODISCARD enum err ipc_ring_create(struct ipc_ring *out, int *fd, uint32_t size);

/* ipc_ring_attach maps what the peer passed; it must have exactly the stated size and its seals.
 * fd stays the caller's. ERR_DENIED, ERR_MEMORY. */
NODISCARD enum err ipc_ring_attach(struct ipc_ring *out, int fd, uint32_t size);

void ipc_ring_detach(struct ipc_ring *r);

/* ipc_ring_put copies bytes in if there is room for all of them. OK and *ref; ERR_BUSY (send them
 * in the frame instead); ERR_CORRUPT (the peer's tail is impossible: drop the connection). */
NODISCARD enum err ipc_ring_put(struct ipc_ring *r, struct ipc_ring_ref *ref, struct span bytes);

/* ipc_ring_get copies the next bytes out and gives their place free. They must be the next ones:
 * ERR_CORRUPT otherwise, or when they are longer than the ring. */
NODISCARD enum err ipc_ring_get(struct ipc_ring *r, uint8_t *out, const struct ipc_ring_ref *ref);

#endif
