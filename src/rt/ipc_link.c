#include "rt/ipc_link.h"

#include "rt/path.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    READ_STEP = 256 << 10, /* a read takes no more, unless a longer frame has begun */
    OUT_START = 64 << 10,
};

enum err ipc_link_init(struct ipc_link *k, size_t out_max, bool ring, bool fixed)
{
    *k = (struct ipc_link){ .fd = -1, .passed_fd = -1, .out_max = out_max };
    /* Large blocks come straight from the kernel: pages that no frame reaches cost nothing. */
    k->in.p = malloc(IPC_FRAME_MAX);
    k->in.n = IPC_FRAME_MAX;
    k->out_size = fixed ? out_max : OUT_START;
    k->out = malloc(k->out_size);
    if (ring)
        k->bulk = malloc(IPC_PAYLOAD_MAX);
    if (k->in.p == NULL || k->out == NULL || (ring && k->bulk == NULL)) {
        ipc_link_fini(k);
        return ERR_MEMORY;
    }
    return OK;
}

void ipc_link_fini(struct ipc_link *k)
{
    ipc_link_drop(k);
    free(k->in.p);
    free(k->out);
    free(k->bulk);
    k->in.p = k->out = k->bulk = NULL;
}

void ipc_link_attach(struct ipc_link *k, int fd, bool may_pass_fds)
{
    ipc_link_drop(k);
    k->fd = fd;
    k->may_pass_fds = may_pass_fds;
}

void ipc_link_drop(struct ipc_link *k)
{
    path_close(&k->fd);
    path_close(&k->passed_fd);
    ipc_ring_detach(&k->ring);
    ipc_ring_detach(&k->offered);
    k->in.from = k->in.to = 0;
    k->out_from = k->out_to = 0;
}

/* Keeps the first descriptor that was passed and closes all others. */
static void take_fds(struct ipc_link *k, struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (k->passed_fd < 0)
                k->passed_fd = fd;
            else
                close(fd);
        }
    }
}

enum err ipc_link_read(struct ipc_link *k)
{
    if (k->fd < 0)
        return ERR_CLOSED;
    struct mspan room = ipc_frame_room(&k->in);
    if (room.n == 0)
        return ERR_BUSY; /* a whole frame waits */
    size_t begun;
    struct span have = span_of(k->in.p + k->in.from, k->in.to - k->in.from);
    if (ipc_frame_size(&begun, have) != OK || begun < READ_STEP)
        begun = READ_STEP;
    if (room.n > begun)
        room.n = begun;
    struct iovec iov = { .iov_base = room.p, .iov_len = room.n };
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (k->may_pass_fds) {
        h.msg_control = control.bytes;
        h.msg_controllen = sizeof(control.bytes);
    }
    ssize_t n;
    do {
        n = recvmsg(k->fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? ERR_BUSY : ERR_CLOSED;
    if (n == 0)
        return ERR_CLOSED;
    take_fds(k, &h);
    ipc_frame_received(&k->in, (size_t)n);
    return OK;
}

enum err ipc_link_next(struct ipc_link *k, struct ipc_msg *m)
{
    struct ipc_ring_ref ref;
    TRY(ipc_frame_next(m, &ref, &k->in));
    if ((m->flags & IPC_RING) != 0) {
        if (k->ring.map == NULL || k->bulk == NULL || ref.length > IPC_PAYLOAD_MAX)
            return ERR_FORMAT;
        TRY(ipc_ring_get(&k->ring, k->bulk, &ref));
        m->bulk = span_of(k->bulk, ref.length);
    }
    m->flags &= (uint16_t) ~(IPC_BULK | IPC_RING);
    return OK;
}

/* Makes room for n more bytes of kept output. */
static enum err out_reserve(struct ipc_link *k, size_t n)
{
    size_t kept = ipc_link_pending(k);
    if (n > k->out_max || kept > k->out_max - n)
        return ERR_BUSY;
    if (n <= k->out_size - k->out_to)
        return OK;
    if (k->out_from > 0) {
        memmove(k->out, k->out + k->out_from, kept);
        k->out_from = 0;
        k->out_to = kept;
    }
    if (n <= k->out_size - k->out_to)
        return OK;
    size_t size = k->out_size;
    while (size - kept < n)
        size = size > k->out_max / 2 ? k->out_max : size * 2;
    uint8_t *p = realloc(k->out, size);
    if (p == NULL)
        return ERR_MEMORY;
    k->out = p;
    k->out_size = size;
    return OK;
}

static void out_append(struct ipc_link *k, const struct iovec *parts, size_t count, size_t skip)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = parts[i].iov_len;
        if (skip >= n) {
            skip -= n;
            continue;
        }
        memcpy(k->out + k->out_to, (const uint8_t *)parts[i].iov_base + skip, n - skip);
        k->out_to += n - skip;
        skip = 0;
    }
}

/* Writes parts at once as far as they go; *sent bytes went. fd is passed along when >= 0. */
static enum err write_parts(struct ipc_link *k, struct iovec *parts, size_t count, int fd,
                            size_t *sent)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr h = { .msg_iov = parts, .msg_iovlen = count };
    if (fd >= 0) {
        h.msg_control = control.bytes;
        h.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    *sent = 0;
    ssize_t n;
    do {
        n = sendmsg(k->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        *sent = (size_t)n;
    else if (errno != EAGAIN && errno != ENOTCONN) /* ENOTCONN: still connecting */
        return ERR_CLOSED;
    return OK;
}

static enum err send_with_fd(struct ipc_link *k, const struct ipc_msg *m, int fd)
{
    TRY(ipc_frame_check(m));
    if (k->fd < 0)
        return ERR_CLOSED;
    struct ipc_ring_ref ref;
    bool in_ring = false;
    size_t whole = IPC_PREFIX_MAX + m->body.n + m->bulk.n;
    /* Room first: what has gone into the ring cannot be taken back. */
    TRY(out_reserve(k, whole));
    if (k->ring.map != NULL && m->bulk.n > 0) {
        enum err e = ipc_ring_put(&k->ring, &ref, m->bulk);
        if (e == ERR_CORRUPT)
            return ERR_CLOSED;
        in_ring = e == OK;
    }
    uint8_t prefix[IPC_PREFIX_MAX];
    size_t n = ipc_frame_prefix(prefix, m, in_ring ? &ref : NULL);
    union { /* iovec has no const; sendmsg does not write */
        const uint8_t *in;
        void *out;
    } body = { .in = m->body.p }, bulk = { .in = m->bulk.p };
    struct iovec parts[3] = { { prefix, n },
                              { body.out, m->body.n },
                              { bulk.out, in_ring ? 0 : m->bulk.n } };
    size_t sent = 0;
    if (ipc_link_pending(k) == 0)
        TRY(write_parts(k, parts, 3, fd, &sent));
    if (fd >= 0 && sent == 0)
        return ERR_CLOSED; /* a descriptor travels with the first bytes or not at all */
    out_append(k, parts, 3, sent);
    return OK;
}

enum err ipc_link_send(struct ipc_link *k, const struct ipc_msg *m)
{
    return send_with_fd(k, m, -1);
}

enum err ipc_link_flush(struct ipc_link *k)
{
    if (k->fd < 0)
        return ERR_CLOSED;
    while (ipc_link_pending(k) > 0) {
        struct iovec part = { k->out + k->out_from, ipc_link_pending(k) };
        size_t sent;
        TRY(write_parts(k, &part, 1, -1, &sent));
        if (sent == 0)
            return OK;
        k->out_from += sent;
    }
    k->out_from = k->out_to = 0;
    return OK;
}

/* ---- the hello ---- */

static enum err hello_send(struct ipc_link *k, uint16_t flags, uint32_t ring_size,
                           const char *token, int fd)
{
    uint8_t body[IPC_HELLO_SIZE + IPC_TOKEN_SIZE];
    size_t n = IPC_HELLO_SIZE;
    store_le32(body, IPC_HELLO_VERSION);
    store_le32(body + 4, ring_size);
    if (token != NULL) {
        memcpy(body + n, token, IPC_TOKEN_SIZE);
        n += IPC_TOKEN_SIZE;
    }
    struct ipc_msg m = { .type = IPC_TYPE_HELLO, .flags = flags, .body = span_of(body, n) };
    return send_with_fd(k, &m, fd);
}

enum err ipc_link_hello_send(struct ipc_link *k, uint32_t ring_size, const char *token)
{
    AUTO(path_close) int fd = -1;
    if (ring_size != 0 && k->may_pass_fds && k->bulk != NULL) {
        if (!ipc_ring_size_fits(ring_size))
            return ERR_RANGE;
        /* Without memfds the stream carries everything, as it does anyway when the ring is full. */
        if (ipc_ring_create(&k->offered, &fd, ring_size) != OK)
            fd = -1;
    }
    return hello_send(k, 0, fd >= 0 ? ring_size : 0, token, fd);
}

enum err ipc_link_hello_answered(struct ipc_link *k, const struct ipc_msg *m)
{
    if (m->type != IPC_TYPE_HELLO || (m->flags & IPC_REPLY) == 0 || m->bulk.n != 0)
        return ERR_FORMAT;
    if ((m->flags & IPC_ERROR) != 0)
        return ERR_DENIED;
    if (m->body.n != IPC_HELLO_SIZE || load_le32(m->body.p) != IPC_HELLO_VERSION)
        return ERR_FORMAT;
    uint32_t ring_size = load_le32(m->body.p + 4);
    if (ring_size == 0) {
        ipc_ring_detach(&k->offered);
        return OK;
    }
    if (k->offered.map == NULL || ring_size != k->offered.size)
        return ERR_FORMAT;
    /* SPEC ipc 3.3: "The client may send requests before the answer has come; these MUST NOT use
     * the ring." */
    k->ring = k->offered;
    k->offered = (struct ipc_ring){ 0 };
    return OK;
}

/* SPEC ipc 3.5: "The comparison takes the same time for every wrong token." */
static bool same_token(const uint8_t *a, const char *b)
{
    unsigned different = 0;
    for (size_t i = 0; i < IPC_TOKEN_SIZE; i++)
        different |= a[i] ^ (unsigned char)b[i];
    return different == 0;
}

static enum err hello_check(const struct ipc_msg *m, const char *token)
{
    if (m->type != IPC_TYPE_HELLO || m->flags != 0 || m->id != 0 || m->bulk.n != 0 ||
        (m->body.n != IPC_HELLO_SIZE && m->body.n != IPC_HELLO_SIZE + IPC_TOKEN_SIZE))
        return ERR_FORMAT;
    if (load_le32(m->body.p) != IPC_HELLO_VERSION)
        return ERR_UNSUPPORTED;
    if (token == NULL)
        return OK;
    /* SPEC ipc 3.5: "the hello MUST carry the token" */
    bool right = m->body.n > IPC_HELLO_SIZE && same_token(m->body.p + IPC_HELLO_SIZE, token);
    return right ? OK : ERR_DENIED;
}

enum err ipc_link_hello_receive(struct ipc_link *k, const struct ipc_msg *m, const char *token)
{
    enum err e = hello_check(m, token);
    if (e != OK) {
        enum err ignored = hello_send(k, IPC_REPLY | IPC_ERROR, 0, NULL, -1);
        (void)ignored; /* the connection ends in any case */
        return e;
    }
    uint32_t ring_size = load_le32(m->body.p + 4);
    uint32_t taken = 0;
    struct ipc_ring ring = { 0 };
    if (ring_size != 0 && k->bulk != NULL && k->passed_fd >= 0) {
        TRY(ipc_ring_attach(&ring, k->passed_fd, ring_size));
        taken = ring_size;
    }
    path_close(&k->passed_fd);
    k->may_pass_fds = false; /* whatever comes from now on is closed by the kernel */
    e = hello_send(k, IPC_REPLY, taken, NULL, -1);
    if (e == OK)
        k->ring = ring;
    else
        ipc_ring_detach(&ring);
    return e;
}

enum err ipc_link_pump(struct ipc_link *k, const struct ipc_pump *p)
{
    enum { READS_PER_TURN = 16 };
    for (int reads = 0; !p->stopped(p->ctx);) {
        struct ipc_msg m;
        enum err e = ipc_link_next(k, &m);
        if (e == OK) {
            TRY(p->take(p->ctx, &m));
            continue;
        }
        if (e != ERR_SHORT)
            return e;
        /* Only here, where no whole frame is left in the buffer: the socket will wake us for what
         * it still has, but not for what we have. */
        if (reads == READS_PER_TURN)
            return OK;
        e = ipc_link_read(k);
        if (e == ERR_BUSY)
            return OK;
        TRY(e);
        reads++;
    }
    return OK;
}
