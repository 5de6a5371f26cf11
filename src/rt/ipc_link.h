/* ipc_link: one connection of the local protocol over a socket, without opinion on who waits how:
 * ipc_server and ipc_client drive it from the loop, ipc_sync with poll(2).
 * Format: docs/spec/ipc.md. One thread at a time for each of the two directions. */
#ifndef CRUST_RT_IPC_LINK_H
#define CRUST_RT_IPC_LINK_H

#include "rt/ipc.h"
#include "rt/ipc_ring.h"

struct ipc_link {
    int fd;
    bool may_pass_fds; /* a Unix socket */
    int passed_fd;     /* came with the bytes, not yet used; -1 */
    struct ipc_input in;
    uint8_t *bulk; /* where bulk from the ring is copied, IPC_PAYLOAD_MAX; NULL: no ring wanted */
    uint8_t *out;  /* bytes that the socket did not take yet */
    size_t out_max, out_size, out_from, out_to;
    struct ipc_ring ring;
    struct ipc_ring offered; /* ours until the server has taken it */
};

/* ipc_link_init allocates the buffers. Output grows as needed up to out_max and not at all when
 * `fixed`. ERR_MEMORY. */
NODISCARD enum err ipc_link_init(struct ipc_link *k, size_t out_max, bool ring, bool fixed);
void ipc_link_fini(struct ipc_link *k);

/* ipc_link_attach begins a connection on a non-blocking socket (taken); ipc_link_drop ends it. */
void ipc_link_attach(struct ipc_link *k, int fd, bool may_pass_fds);
void ipc_link_drop(struct ipc_link *k);

/* ipc_link_read takes from the socket once. OK, ERR_BUSY (nothing there), ERR_CLOSED. */
NODISCARD enum err ipc_link_read(struct ipc_link *k);

/* ipc_link_next gives the next message, bulk copied out of the ring if it came through it; its
 * spans live until the next ipc_link_read or ipc_link_next. ERR_SHORT (read first), ERR_FORMAT,
 * ERR_LIMIT, ERR_CORRUPT. */
NODISCARD enum err ipc_link_next(struct ipc_link *k, struct ipc_msg *m);

/* ipc_link_pump gives messages to take until there are none, stopped says so, or the turn's share
 * of reads is used up, so that one busy peer does not hold up the loop. OK, or what take or the
 * connection failed with. */
struct ipc_pump {
    bool (*stopped)(void *ctx);
    enum err (*take)(void *ctx, const struct ipc_msg *m);
    void *ctx;
};
NODISCARD enum err ipc_link_pump(struct ipc_link *k, const struct ipc_pump *p);

/* ipc_link_send writes a message, keeping what the socket does not take. ERR_BUSY (the kept bytes
 * would pass out_max: nothing is sent), ERR_LIMIT, ERR_FORMAT, ERR_CLOSED, ERR_MEMORY. */
NODISCARD enum err ipc_link_send(struct ipc_link *k, const struct ipc_msg *m);

/* ipc_link_flush writes what was kept. OK (all of it, or as much as goes), ERR_CLOSED. */
NODISCARD enum err ipc_link_flush(struct ipc_link *k);

static inline size_t ipc_link_pending(const struct ipc_link *k)
{
    return k->out_to - k->out_from;
}

/* ---- connecting ---- */

/* ipc_link_listen: a non-blocking listening socket; at->port is set. See ipc_server_open. */
NODISCARD enum err ipc_link_listen(int *fd, struct ipc_endpoint *at);

/* ipc_link_connect begins; the connection may still be under way. See ipc_client_open. */
NODISCARD enum err ipc_link_connect(int *fd, const struct ipc_endpoint *at);

/* ipc_link_peer_allowed: same user or root at the other end of a Unix socket. */
bool ipc_link_peer_allowed(int fd);

/* ipc_link_token reads a token file; when missing and `make`, it makes one. */
NODISCARD enum err ipc_link_token(char out[IPC_TOKEN_SIZE + 1], const char *path, bool make);

/* ---- the hello, docs/spec/ipc.md section 3 ---- */

/* Client: sends the hello, with a ring's memory when at->ring_size says so. token or NULL. */
NODISCARD enum err ipc_link_hello_send(struct ipc_link *k, uint32_t ring_size, const char *token);
/* Client: takes the answer. ERR_DENIED, ERR_FORMAT. */
NODISCARD enum err ipc_link_hello_answered(struct ipc_link *k, const struct ipc_msg *m);
/* Server: takes the hello, checks the token (NULL: none wanted), answers. ERR_DENIED, ERR_FORMAT.
 */
NODISCARD enum err ipc_link_hello_receive(struct ipc_link *k, const struct ipc_msg *m,
                                          const char *token);

#endif
