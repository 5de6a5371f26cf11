/* ipc_listener: takes connections at an endpoint on a loop: a socket, its watcher, and who may come
 * in. Endpoints: rt/ipc.h. */
#ifndef CRUST_RT_IPC_LISTENER_H
#define CRUST_RT_IPC_LISTENER_H

#include "rt/ipc.h"
#include "rt/loop.h"

struct ipc_listener {
    struct ipc_endpoint *at;
    struct loop_fd *ready;
    int fd;
};

/* Calls fn(ctx, events) when somebody is there; fn calls ipc_listener_accept. at is kept; its port
 * is set. Returns: OK; as ipc_link_listen; ERR_MEMORY. */
NODISCARD enum err ipc_listener_open(struct ipc_listener *out, struct loop *l,
                                     struct ipc_endpoint *at, loop_fd_fn fn, void *ctx);

/* The next connection, non-blocking; the caller closes it. -1: there is none, or it was refused:
 * when full, and on a Unix socket another user's. A refusal goes into the log as event. */
int ipc_listener_accept(const struct ipc_listener *li, bool full, const char *event);

/* Removes a Unix socket's name, too. */
void ipc_listener_close(struct ipc_listener *li);

#endif
