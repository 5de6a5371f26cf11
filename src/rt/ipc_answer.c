#include "rt/ipc_answer.h"

#include "crypto/secret.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum err ipc_answer_init(struct ipc_answer *s)
{
    s->fd = -1;
    return pthread_mutex_init(&s->lock, NULL) == 0 ? OK : ERR_IO;
}

void ipc_answer_close(struct ipc_answer *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* Reads exactly n bytes. timeout_ms bounds the wait for each part of them; -1: none. */
static enum err read_exact(int fd, uint8_t *p, size_t n, int timeout_ms)
{
    while (n > 0) {
        struct pollfd at = { .fd = fd, .events = POLLIN };
        if (timeout_ms >= 0 && poll(&at, 1, timeout_ms) == 0)
            return ERR_TIMEOUT;
        ssize_t got = recv(fd, p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ERR_CLOSED;
        p += got;
        n -= (size_t)got;
    }
    return OK;
}

static enum err next_message(struct ipc_answer *s, struct ipc_msg *m, int timeout_ms)
{
    struct ipc_ring_ref ref;
    size_t size;
    TRY(read_exact(s->fd, s->in, 4, timeout_ms));
    TRY(ipc_frame_size(&size, span_of(s->in, 4)));
    TRY(read_exact(s->fd, s->in + 4, size - 4, timeout_ms));
    TRY(ipc_frame_decode(m, &ref, span_of(s->in, size)));
    /* SPEC ipc 2.1: "A client's frame without REPLY is a request; every frame of a server, and none
     * of a client, has REPLY." There is no ring, so nothing can lie in it. */
    if ((m->flags & (IPC_REPLY | IPC_RING)) != 0)
        return ERR_FORMAT;
    m->flags = 0;
    return OK;
}

enum err ipc_answer_recv(struct ipc_answer *s, struct ipc_msg *m)
{
    if (next_message(s, m, -1) == OK && m->type != IPC_TYPE_HELLO)
        return OK;
    *m = (struct ipc_msg){ 0 };
    shutdown(s->fd, SHUT_RDWR); /* wakes a thread that is sending */
    return ERR_CLOSED;
}

/* Sends all parts; they are used up. */
static enum err write_parts(int fd, struct iovec *parts, size_t count)
{
    struct msghdr h = { .msg_iov = parts, .msg_iovlen = count };
    while (h.msg_iovlen > 0) {
        ssize_t sent = sendmsg(fd, &h, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return ERR_CLOSED;
        size_t n = sent < 0 ? 0 : (size_t)sent;
        for (; h.msg_iovlen > 0 && n >= h.msg_iov->iov_len; h.msg_iov++, h.msg_iovlen--)
            n -= h.msg_iov->iov_len;
        if (h.msg_iovlen > 0) {
            h.msg_iov->iov_base = (uint8_t *)h.msg_iov->iov_base + n;
            h.msg_iov->iov_len -= n;
        }
    }
    return OK;
}

enum err ipc_answer_send(struct ipc_answer *s, const struct ipc_msg *m)
{
    uint8_t prefix[IPC_PREFIX_MAX];
    TRY(ipc_frame_check(m));
    union { /* iovec has no const; sendmsg does not write */
        const uint8_t *in;
        void *out;
    } body = { .in = m->body.p }, bulk = { .in = m->bulk.p };
    struct iovec parts[] = { { prefix, ipc_frame_prefix(prefix, m, NULL) },
                             { body.out, m->body.n },
                             { bulk.out, m->bulk.n } };
    pthread_mutex_lock(&s->lock);
    enum err e = write_parts(s->fd, parts, sizeof(parts) / sizeof(parts[0]));
    pthread_mutex_unlock(&s->lock);
    return e;
}

enum err ipc_answer_listen(int fd, const char *at)
{
    union {
        struct sockaddr any;
        struct sockaddr_vm vm;
        struct sockaddr_in in;
    } a = { .any = { 0 } };
    _Static_assert(sizeof(a.vm) == sizeof(a.in), "one length for both");
    char *end;
    const char *digits = strchr(at, ':');
    if (digits == NULL || digits[1] < '0' || digits[1] > '9')
        return ERR_FORMAT;
    unsigned long port = strtoul(digits + 1, &end, 10);
    if (port > UINT16_MAX || *end != '\0')
        return ERR_FORMAT;
    if (strncmp(at, "vsock:", 6) == 0)
        a.vm = (struct sockaddr_vm){ .svm_family = AF_VSOCK,
                                     .svm_cid = VMADDR_CID_ANY,
                                     .svm_port = (unsigned)port };
    else if (strncmp(at, "tcp:", 4) == 0)
        a.in = (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)port),
                                     .sin_addr = { htonl(INADDR_LOOPBACK) } };
    else
        return ERR_FORMAT;
    int made = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (made < 0 || setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(made, &a.any, sizeof(a.vm)) != 0 || listen(made, 4) != 0)
        return ERR_IO;
    if (made != fd && (dup2(made, fd) != fd || close(made) != 0))
        return ERR_IO;
    return OK;
}

/* SPEC ipc 3.4: "the server MUST close a connection whose peer (SO_PEERCRED) is neither its own
 * user nor root." */
static bool user_allowed(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || n != sizeof(peer))
        return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

/* SPEC ipc 3.6: "crust-enclaved MUST demand the token of the first hello in all later ones." */
static bool token_right(struct ipc_answer *s, struct span hello)
{
    const uint8_t *token = hello.p + IPC_HELLO_SIZE;
    if (hello.n != IPC_HELLO_SIZE + IPC_TOKEN_SIZE)
        return false;
    if (!s->has_token)
        memcpy(s->token, token, IPC_TOKEN_SIZE);
    s->has_token = true;
    return secret_eq(s->token, token, IPC_TOKEN_SIZE);
}

static enum err welcome(struct ipc_answer *s, const struct sockaddr_vm *peer)
{
    struct ipc_msg m;
    uint8_t answer[IPC_HELLO_SIZE] = { IPC_HELLO_VERSION }; /* and a ring of size 0 */
    const bool local = peer->svm_family == AF_UNIX;
    if (local && !user_allowed(s->fd))
        return ERR_DENIED;
    if (peer->svm_family == AF_VSOCK && peer->svm_cid != VMADDR_CID_HOST &&
        peer->svm_cid != VMADDR_CID_LOCAL)
        return ERR_DENIED; /* another guest */
    TRY(next_message(s, &m, IPC_HELLO_TIMEOUT_MS));
    bool right = m.type == IPC_TYPE_HELLO && m.id == 0 && m.bulk.n == 0 &&
                 (m.body.n == IPC_HELLO_SIZE || m.body.n == IPC_HELLO_SIZE + IPC_TOKEN_SIZE) &&
                 load_le32(m.body.p) == IPC_HELLO_VERSION && (local || token_right(s, m.body));
    const struct ipc_msg reply = { .flags = (uint16_t)(right ? IPC_REPLY : IPC_REPLY | IPC_ERROR),
                                   .body = span_of(answer, sizeof(answer)) };
    TRY(ipc_answer_send(s, &reply));
    return right ? OK : ERR_FORMAT;
}

enum err ipc_answer_accept(struct ipc_answer *s, int listener)
{
    ASSERT(s->fd < 0);
    for (;;) {
        struct pollfd at = { .fd = listener, .events = POLLIN };
        (void)!poll(&at, 1, -1); /* the launcher made the listener non-blocking */
        struct sockaddr_vm peer = { .svm_family = AF_UNIX };
        socklen_t n = sizeof(peer);
        s->fd = accept4(listener, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC);
        if (s->fd >= 0 && welcome(s, &peer) == OK)
            return OK;
        if (s->fd < 0 && errno != EINTR && errno != EAGAIN && errno != ECONNABORTED)
            return ERR_IO;
        ipc_answer_close(s);
    }
}
