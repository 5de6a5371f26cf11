#include "rt/ipc_listener.h"

#include "rt/ipc_link.h"
#include "rt/log.h"

#include <sys/socket.h>
#include <unistd.h>

enum err ipc_listener_open(struct ipc_listener *out, struct loop *l, struct ipc_endpoint *at,
                           loop_fd_fn fn, void *ctx)
{
    *out = (struct ipc_listener){ .at = at, .fd = -1 };
    TRY(ipc_link_listen(&out->fd, at));
    out->ready = loop_fd_new(l, out->fd, fn, ctx);
    if (out->ready == NULL) {
        close(out->fd);
        return ERR_MEMORY;
    }
    loop_fd_set(out->ready, LOOP_READ);
    return OK;
}

int ipc_listener_accept(const struct ipc_listener *li, bool full, const char *event)
{
    int fd = accept4(li->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return -1;
    bool allowed = li->at->kind != IPC_UNIX || ipc_link_peer_allowed(fd);
    if (allowed && !full)
        return fd;
    log_warn(event, "reason=\"%s\"", allowed ? "too many connections" : "another user");
    close(fd);
    return -1;
}

void ipc_listener_close(struct ipc_listener *li)
{
    loop_fd_free(li->ready);
    close(li->fd);
    if (li->at->kind == IPC_UNIX)
        unlink(li->at->path);
}
