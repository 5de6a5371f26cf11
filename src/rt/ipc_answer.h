/* ipc_answer: the answering side of the local protocol for a process that must be small: one
 * connection at a time, one reader that blocks, no heap, no event loop, the stream carrier only.
 * A ring that a client offers is declined, as docs/spec/ipc.md 3.2 allows; descriptors that it
 * passes never arrive, because none are asked for.
 *
 * System calls (for the sandbox): accept4, getsockopt, geteuid, poll or ppoll, recvfrom, sendmsg,
 * shutdown, close; futex for the lock. */
#ifndef CRUST_RT_IPC_ANSWER_H
#define CRUST_RT_IPC_ANSWER_H

#include "rt/ipc_frame.h"

#include <pthread.h>

struct ipc_answer {
    int fd;                        /* the connection, -1: none */
    pthread_mutex_t lock;          /* the sending side */
    bool has_token;                /* a first client without credentials has come */
    uint8_t token[IPC_TOKEN_SIZE]; /* the one that it brought */
    uint8_t in[IPC_FRAME_MAX];
};

/* ipc_answer_init: *s is static memory, pages that no frame reaches cost nothing. ERR_IO. */
NODISCARD enum err ipc_answer_init(struct ipc_answer *s);

/* ipc_answer_listen makes descriptor fd a listening socket: "vsock:7000", a port that the host of
 * this virtual machine reaches, or "tcp:7000", one of 127.0.0.1 (0: any). ERR_FORMAT, ERR_IO. */
NODISCARD enum err ipc_answer_listen(int fd, const char *at);

/* ipc_answer_accept waits for a connection on a listening socket and takes its hello. The peer must
 * be, on a Unix socket, the same user or root; on vsock, the host; and where there are no
 * credentials, who brings the token that the first client brought. Refused peers are closed and the
 * wait goes on. There must be no connection (asserted). ERR_IO: the listener cannot be used. */
NODISCARD enum err ipc_answer_accept(struct ipc_answer *s, int listener);

/* ipc_answer_recv waits for the next request; its spans live until the next call. One thread.
 * ERR_CLOSED, also when the peer breaks the format: sends fail from then on and do not block. */
NODISCARD enum err ipc_answer_recv(struct ipc_answer *s, struct ipc_msg *m);

/* ipc_answer_send sends m as it is (IPC_REPLY in flags, the request's id) and blocks until the
 * kernel has taken it. Any thread: sends do not mix. ERR_CLOSED, ERR_LIMIT, ERR_FORMAT. */
NODISCARD enum err ipc_answer_send(struct ipc_answer *s, const struct ipc_msg *m);

/* ipc_answer_close ends the connection, if there is one. No other thread uses *s then. */
void ipc_answer_close(struct ipc_answer *s);

#endif
