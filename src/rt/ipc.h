/* ipc: the local protocol on the event loop: a server that daemons listen with, and a client.
 * Format, limits and rules: docs/spec/ipc.md. Both run on the loop's thread only.
 *
 * Backpressure: with IPC_REQUESTS_MAX requests or IPC_BYTES_MAX bytes in flight the server stops
 * reading; the client refuses the request with ERR_BUSY. Nothing is queued beyond that. */
#ifndef CRUST_RT_IPC_H
#define CRUST_RT_IPC_H

#include "rt/ipc_frame.h"
#include "rt/loop.h"

enum {
    IPC_PATH_MAX = 108, /* sun_path of a Unix socket */
    IPC_TOKEN_PATH_MAX = 512,
    IPC_RING_DEFAULT = 4 << 20, /* bytes a direction */
    IPC_RING_MAX = 16 << 20,
    IPC_CONNECTIONS_DEFAULT = 16, /* a connection may hold a frame of 4 MiB: 64 MiB at worst */
};

enum ipc_kind { IPC_UNIX, IPC_TCP, IPC_VSOCK };

/* Where a server listens. Text: "unix:/run/x.sock", "tcp:127.0.0.1:7000", or "vsock:3:7000": port
 * 7000 of the virtual machine 3. */
struct ipc_endpoint {
    enum ipc_kind kind;
    char path[IPC_PATH_MAX];
    char host[48]; /* a numeric address */
    uint16_t port; /* TCP: 0: any free one */
    uint32_t cid;  /* vsock: of the machine; listening: UINT32_MAX is any */
    char
        token_file[IPC_TOKEN_PATH_MAX]; /* not Unix: 64 hex digits, made by the server if missing */
    uint32_t
        ring_size; /* Unix: bytes of shared memory a direction, power of two >= 64 KiB; 0: none */
};

/* ERR_FORMAT, ERR_LIMIT. Token file and ring are left empty for the caller to fill. */
NODISCARD enum err ipc_endpoint_parse(struct ipc_endpoint *out, const char *text);

/* ---- server ---- */

struct ipc_server;
struct ipc_request;

/* Called for each request; m is borrowed until return. Answer now or later, from the loop. */
typedef void (*ipc_handler)(void *ctx, struct ipc_request *rq, const struct ipc_msg *m);

struct ipc_server_options {
    struct ipc_endpoint at;
    uint32_t connections_max; /* 0: the default; more are closed at once */
    ipc_handler handler;
    /* Optional: a connection that made requests has gone (after IPC_GONE of its open ones). */
    void (*gone)(void *ctx, uint64_t connection);
    void *ctx;
};

/* ipc_server_open listens. A stale socket file (nobody answers) is replaced; a live one is
 * ERR_EXISTS. ERR_DENIED, ERR_IO, ERR_MEMORY. The options are copied. */
NODISCARD enum err ipc_server_open(struct ipc_server **out, struct loop *l,
                                   const struct ipc_server_options *o);
uint16_t ipc_server_port(const struct ipc_server *s); /* TCP: the bound port */
/* ipc_server_close stops listening, drops the connections and removes the socket file. Requests
 * not yet answered stay valid until their final answer, which goes nowhere. NULL is fine. */
void ipc_server_close(struct ipc_server *s);

/* ipc_reply answers. flags 0: the final reply; IPC_MORE: others follow; IPC_ERROR: final, the body
 * is an error. After a final reply rq is gone, unless ERR_BUSY was returned.
 * Returns: OK; ERR_CLOSED (the peer has gone; a final reply still ends rq); ERR_BUSY (the output is
 * full: nothing was sent, try again when ipc_request_watch says IPC_DRAINED; never for final
 * replies of at most 64 KiB); ERR_LIMIT (too long: rq is still there, answer with an error). */
NODISCARD enum err ipc_reply(struct ipc_request *rq, uint16_t flags, struct span body,
                             struct span bulk);

/* The number of the connection that a request came over; never used twice by a server. */
uint64_t ipc_request_connection(const struct ipc_request *rq);

enum ipc_event { IPC_DRAINED, IPC_GONE };
typedef void (*ipc_watch_fn)(void *ctx, struct ipc_request *rq, enum ipc_event ev);
/* ipc_request_watch calls fn once for IPC_DRAINED after an ERR_BUSY, and once for IPC_GONE when the
 * peer goes before the final reply (which must still be given). fn NULL ends it. */
void ipc_request_watch(struct ipc_request *rq, ipc_watch_fn fn, void *ctx);

/* ---- client ---- */

struct ipc_client;

/* Called per reply. e OK: *m, borrowed; without IPC_MORE in m->flags it is the last call; with
 * IPC_ERROR its body is the server's error. Otherwise e is ERR_TIMEOUT or ERR_CLOSED, m is NULL,
 * and it is the last call. It may send further requests, and close the
 * client. */
typedef void (*ipc_reply_fn)(void *ctx, enum err e, const struct ipc_msg *m);

/* Called once when the connection ends by itself (e says why), after the last ipc_reply_fn. The
 * owner then calls ipc_client_close, there or later, and connects anew if it wants to. */
typedef void (*ipc_closed_fn)(void *ctx, enum err e);

/* ipc_client_open begins to connect; requests may be made at once.
 * ERR_NOT_FOUND (no socket file), ERR_CLOSED (nobody listens), ERR_DENIED, ERR_IO, ERR_MEMORY. */
NODISCARD enum err ipc_client_open(struct ipc_client **out, struct loop *l,
                                   const struct ipc_endpoint *at, ipc_closed_fn closed, void *ctx);

/* ipc_client_request sends; body and bulk are borrowed until return. timeout_ms bounds the wait
 * for each next reply (0: none). The request counts as in flight until its last reply, also after
 * a timeout. ERR_BUSY (limits: see ipc_client_ready), ERR_CLOSED, ERR_LIMIT. */
NODISCARD enum err ipc_client_request(struct ipc_client *c, const struct ipc_msg *m,
                                      uint64_t timeout_ms, ipc_reply_fn fn, void *ctx);

/* ipc_client_ready: a request with n bytes of body and bulk would be accepted now. */
bool ipc_client_ready(const struct ipc_client *c, size_t n);

/* ipc_client_close ends the connection; open requests get ERR_CLOSED before it returns. */
void ipc_client_close(struct ipc_client *c);

#endif
