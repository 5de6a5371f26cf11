/* Sockets of the local protocol: listening, connecting, who may. */
#include "rt/ipc_link.h"

#include "base/hex.h"
#include "crypto/random.h"
#include "rt/netaddr.h"
#include "rt/path.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* "3:7000" */
static enum err parse_vsock(struct ipc_endpoint *out, const char *text)
{
    char *end;
    errno = 0;
    unsigned long cid = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != ':' || errno != 0 || cid >= UINT32_MAX)
        return ERR_FORMAT;
    const char *at = end + 1;
    unsigned long port = strtoul(at, &end, 10);
    if (at[0] < '1' || at[0] > '9' || *end != '\0' || port > UINT16_MAX)
        return ERR_FORMAT;
    out->kind = IPC_VSOCK;
    out->cid = (uint32_t)cid;
    out->port = (uint16_t)port;
    return OK;
}

enum err ipc_endpoint_parse(struct ipc_endpoint *out, const char *text)
{
    *out = (struct ipc_endpoint){ 0 };
    if (strncmp(text, "unix:", 5) == 0) {
        size_t n = strlen(text + 5);
        if (n == 0)
            return ERR_FORMAT;
        if (n >= sizeof(out->path))
            return ERR_LIMIT;
        memcpy(out->path, text + 5, n + 1);
        return OK;
    }
    if (strncmp(text, "vsock:", 6) == 0)
        return parse_vsock(out, text + 6);
    struct sockaddr_storage sa;
    socklen_t len;
    if (strncmp(text, "tcp:", 4) != 0)
        return ERR_FORMAT;
    TRY(netaddr_parse(&sa, &len, text + 4));
    const char *host = text + 4;
    const char *end = strrchr(host, ':');
    size_t n = (size_t)(end - host);
    if (host[0] == '[') {
        host++;
        n -= 2;
    }
    if (n >= sizeof(out->host))
        return ERR_LIMIT;
    out->kind = IPC_TCP;
    memcpy(out->host, host, n);
    out->host[n] = '\0';
    out->port = (uint16_t)strtoul(end + 1, NULL, 10);
    return OK;
}

struct address {
    struct sockaddr_storage sa;
    socklen_t n;
};

static enum err address_of(struct address *out, const struct ipc_endpoint *at)
{
    *out = (struct address){ 0 };
    if (at->kind == IPC_UNIX) {
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        size_t n = strnlen(at->path, sizeof(at->path));
        if (n == 0 || n >= sizeof(un.sun_path))
            return ERR_LIMIT;
        memcpy(un.sun_path, at->path, n);
        memcpy(&out->sa, &un, sizeof(un));
        out->n = sizeof(un);
        return OK;
    }
    if (at->kind == IPC_VSOCK) {
        const struct sockaddr_vm vm = { .svm_family = AF_VSOCK,
                                        .svm_cid = at->cid,
                                        .svm_port = at->port };
        memcpy(&out->sa, &vm, sizeof(vm));
        out->n = sizeof(vm);
        return OK;
    }
    char text[NETADDR_TEXT_MAX];
    bool six = strchr(at->host, ':') != NULL;
    snprintf(text, sizeof(text), six ? "[%s]:%u" : "%s:%u", at->host, (unsigned)at->port);
    return netaddr_parse(&out->sa, &out->n, text);
}

static enum err socket_for(int *fd, const struct address *a)
{
    *fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return path_errno(errno);
    int on = 1;
    if (a->sa.ss_family == AF_INET || a->sa.ss_family == AF_INET6)
        setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return OK;
}

/* A socket file that nobody listens on is left from a crash; one that answers is not ours. */
static enum err clear_stale(const struct address *a, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? OK : path_errno(errno);
    if (!S_ISSOCK(st.st_mode))
        return ERR_EXISTS;
    AUTO(path_close) int fd = -1;
    TRY(socket_for(&fd, a));
    if (connect(fd, (const struct sockaddr *)&a->sa, a->n) == 0 || errno != ECONNREFUSED)
        return ERR_EXISTS;
    return unlink(path) == 0 ? OK : path_errno(errno);
}

static enum err bind_to(int fd, const struct address *a, const struct ipc_endpoint *at)
{
    if (at->kind == IPC_UNIX) {
        TRY(clear_stale(a, at->path));
        /* Only the owner may connect from the first moment on: the mode is set before bind. */
        if (fchmod(fd, 0600) != 0)
            return path_errno(errno);
    } else {
        int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    if (bind(fd, (const struct sockaddr *)&a->sa, a->n) != 0)
        return path_errno(errno);
    return listen(fd, 64) == 0 ? OK : path_errno(errno);
}

enum err ipc_link_listen(int *out, struct ipc_endpoint *at)
{
    *out = -1;
    struct address a;
    TRY(address_of(&a, at));
    AUTO(path_close) int fd = -1;
    TRY(socket_for(&fd, &a));
    TRY(bind_to(fd, &a, at));
    if (at->kind == IPC_TCP) {
        a.n = sizeof(a.sa);
        if (getsockname(fd, (struct sockaddr *)&a.sa, &a.n) != 0)
            return path_errno(errno);
        char text[NETADDR_TEXT_MAX];
        netaddr_format(text, (const struct sockaddr *)&a.sa);
        at->port = (uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10);
    }
    *out = fd;
    fd = -1;
    return OK;
}

enum err ipc_link_connect(int *out, const struct ipc_endpoint *at)
{
    *out = -1;
    struct address a;
    TRY(address_of(&a, at));
    AUTO(path_close) int fd = -1;
    TRY(socket_for(&fd, &a));
    if (connect(fd, (const struct sockaddr *)&a.sa, a.n) != 0 && errno != EINPROGRESS)
        return path_errno(errno);
    *out = fd;
    fd = -1;
    return OK;
}

bool ipc_link_peer_allowed(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0 || n != sizeof(peer))
        return false;
    /* SPEC ipc 3.4: "the server MUST close a connection whose peer (SO_PEERCRED) is neither its own
     * user nor root." */
    return peer.uid == geteuid() || peer.uid == 0;
}

enum err ipc_link_token(char out[IPC_TOKEN_SIZE + 1], const char *path, bool make)
{
    out[0] = '\0';
    struct mspan file;
    enum err e = path_read_file(&file, path, IPC_TOKEN_SIZE + 2);
    if (e == ERR_NOT_FOUND && make) {
        uint8_t secret[IPC_TOKEN_SIZE / 2];
        random_bytes(secret, sizeof(secret));
        hex_format(out, span_of(secret, sizeof(secret)));
        return path_write_file(path, span_of(out, IPC_TOKEN_SIZE), 0600);
    }
    TRY(e);
    uint8_t secret[IPC_TOKEN_SIZE / 2];
    if (file.n < IPC_TOKEN_SIZE) {
        free(file.p);
        return ERR_FORMAT;
    }
    memcpy(out, file.p, IPC_TOKEN_SIZE);
    out[IPC_TOKEN_SIZE] = '\0';
    free(file.p);
    e = hex_parse(secret, sizeof(secret), out);
    if (e != OK)
        out[0] = '\0';
    return e;
}
