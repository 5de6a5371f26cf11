/* ipc_sync: asking over the local protocol without an event loop, as the command line and the
 * enclave's host do. No libuv. After ipc_sync_new nothing here allocates.
 * Format: docs/spec/ipc.md. */
#ifndef CRUST_RT_IPC_SYNC_H
#define CRUST_RT_IPC_SYNC_H

#include "rt/ipc.h"

struct ipc_sync; /* one connection after the other, with the buffers for it */

/* ipc_sync_new allocates: one frame each way, and, if ring is set, room for bulk that comes
 * through a ring. ERR_MEMORY. */
NODISCARD enum err ipc_sync_new(struct ipc_sync **out, bool ring);
void ipc_sync_free(struct ipc_sync *s); /* closes; NULL is fine */

/* ERR_NOT_FOUND (no socket file), ERR_CLOSED (nobody listens), ERR_DENIED (token, credentials),
 * ERR_TIMEOUT, ERR_IO. */
NODISCARD enum err ipc_sync_connect(struct ipc_sync *s, const struct ipc_endpoint *at,
                                    int64_t timeout_ms);

/* ipc_sync_ask sends a request without waiting for its reply; *id (may be NULL) names it. m->id is
 * not used. ERR_BUSY when 32 requests or 8 MiB are unanswered, or when replies must be taken
 * first: call ipc_sync_recv. ERR_CLOSED, ERR_LIMIT. One thread. */
NODISCARD enum err ipc_sync_ask(struct ipc_sync *s, uint64_t *id, const struct ipc_msg *m);

/* ipc_sync_call asks and waits for the next reply to it; other replies must not be outstanding.
 * With IPC_MORE in the reply's flags the rest comes by ipc_sync_recv. */
NODISCARD enum err ipc_sync_call(struct ipc_sync *s, struct ipc_msg *reply, const struct ipc_msg *m,
                                 int64_t timeout_ms);

/* ipc_sync_listen binds a listening socket as ipc_server_open would; *fd is given. For the
 * launcher, which passes it on. at->port is set to the bound port. */
NODISCARD enum err ipc_sync_listen(int *fd, struct ipc_endpoint *at);

/* ipc_sync_recv waits for the next message; its spans live until the next ipc_sync_recv or
 * ipc_sync_call. One thread at a time.
 * ERR_TIMEOUT; ERR_CLOSED (also when the peer breaks the format: it is dropped). */
NODISCARD enum err ipc_sync_recv(struct ipc_sync *s, struct ipc_msg *m, int64_t timeout_ms);

/* ipc_sync_fd: the connection's descriptor, -1 when there is none. */
int ipc_sync_fd(const struct ipc_sync *s);

void ipc_sync_close(struct ipc_sync *s); /* the connection, not the buffers */

#endif
