#include "rt/ipc_ring.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool ipc_ring_size_fits(uint64_t size)
{
    /* SPEC ipc 4.1: "`ring_size` MUST be a power of two from 64 KiB to 16 MiB." */
    return size >= IPC_RING_SIZE_MIN && size <= IPC_RING_SIZE_MAX && (size & (size - 1)) == 0;
}

static size_t map_size_of(uint32_t size)
{
    return (size_t)IPC_RING_HEADER + 2 * (size_t)size;
}

/* The word in which the reader of ring i publishes how far it has read; a cache line each. */
static _Atomic uint64_t *tail_of(const struct ipc_ring *r, unsigned i)
{
    void *p = r->map + 64 * (size_t)i;
    return p;
}

static uint8_t *bytes_of(const struct ipc_ring *r, unsigned i)
{
    return r->map + IPC_RING_HEADER + (size_t)i * r->size;
}

static enum err map_ring(struct ipc_ring *out, int fd, uint32_t size, unsigned out_index)
{
    size_t n = map_size_of(size);
    void *map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return ERR_MEMORY;
    *out = (struct ipc_ring){ .map = map, .map_size = n, .size = size, .out = out_index };
    return OK;
}

enum { RING_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

enum err ipc_ring_create(struct ipc_ring *out, int *fd, uint32_t size)
{
    *out = (struct ipc_ring){ 0 };
    *fd = -1;
    ASSERT(ipc_ring_size_fits(size));
    int mem = memfd_create("crust-ipc", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (mem < 0)
        return ERR_UNSUPPORTED;
    enum err e = OK;
    if (ftruncate(mem, (off_t)map_size_of(size)) != 0)
        e = ERR_MEMORY;
    else if (fcntl(mem, F_ADD_SEALS, RING_SEALS) != 0)
        e = ERR_UNSUPPORTED;
    else
        e = map_ring(out, mem, size, 0);
    if (e != OK) {
        close(mem);
        return e;
    }
    *fd = mem;
    return OK;
}

enum err ipc_ring_attach(struct ipc_ring *out, int fd, uint32_t size)
{
    *out = (struct ipc_ring){ 0 };
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    /* Without the seals the peer could cut the memory short and kill us with SIGBUS. */
    /* SPEC ipc 4.1: "The memory MUST be 4096 + 2 x `ring_size` bytes long and sealed against
     * shrinking, growing and further seals" */
    if (seals < 0 || (seals & RING_SEALS) != RING_SEALS || fstat(fd, &st) != 0 ||
        !ipc_ring_size_fits(size) || st.st_size != (off_t)map_size_of(size))
        return ERR_DENIED;
    return map_ring(out, fd, size, 1);
}

void ipc_ring_detach(struct ipc_ring *r)
{
    if (r->map != NULL)
        munmap(r->map, r->map_size);
    *r = (struct ipc_ring){ 0 };
}

enum err ipc_ring_put(struct ipc_ring *r, struct ipc_ring_ref *ref, struct span bytes)
{
    *ref = (struct ipc_ring_ref){ 0 };
    if (r->map == NULL || bytes.n == 0 || bytes.n > r->size)
        return ERR_BUSY;
    uint64_t tail = atomic_load_explicit(tail_of(r, r->out), memory_order_acquire);
    /* SPEC ipc 4.5: "A writer that reads a tail above its head, or more than `ring_size` below it,
     * drops the connection." */
    if (tail > r->head || r->head - tail > r->size)
        return ERR_CORRUPT;
    /* SPEC ipc 4.3: "It MUST NOT write further than `ring_size` beyond the tail." */
    if (bytes.n > r->size - (r->head - tail))
        return ERR_BUSY;
    size_t at = (size_t)(r->head & (r->size - 1));
    size_t first = bytes.n < r->size - at ? bytes.n : r->size - at;
    memcpy(bytes_of(r, r->out) + at, bytes.p, first);
    if (first < bytes.n)
        memcpy(bytes_of(r, r->out), bytes.p + first, bytes.n - first);
    /* The socket's frame tells the reader; this orders the bytes before it. */
    atomic_thread_fence(memory_order_release);
    *ref = (struct ipc_ring_ref){ .position = r->head, .length = (uint32_t)bytes.n };
    r->head += bytes.n;
    return OK;
}

enum err ipc_ring_get(struct ipc_ring *r, uint8_t *out, const struct ipc_ring_ref *ref)
{
    /* SPEC ipc 4.4: "A reader accepts only the position that comes next" */
    if (r->map == NULL || ref->length > r->size || ref->position != r->consumed)
        return ERR_CORRUPT;
    unsigned in = 1 - r->out;
    atomic_thread_fence(memory_order_acquire);
    size_t at = (size_t)(r->consumed & (r->size - 1));
    size_t first = ref->length < r->size - at ? ref->length : r->size - at;
    memcpy(out, bytes_of(r, in) + at, first);
    if (first < ref->length)
        memcpy(out + first, bytes_of(r, in), ref->length - first);
    r->consumed += ref->length;
    atomic_store_explicit(tail_of(r, in), r->consumed, memory_order_release);
    return OK;
}
