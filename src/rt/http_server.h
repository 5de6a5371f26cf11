/* http_server: HTTP/1.1 on threads of its own (libmicrohttpd, one epoll thread per core).
 *
 * The handler runs on an HTTP thread. It answers at once with http_request_respond, or hands the
 * request to the loop with http_request_post, which suspends the connection until somebody calls
 * http_request_respond from there. HEAD is served by answering as for GET: the body is left out.
 * Never block in a handler beyond a local read. */
#ifndef CRUST_RT_HTTP_SERVER_H
#define CRUST_RT_HTTP_SERVER_H

#include "base/err.h"
#include "base/span.h"
#include "rt/loop.h"

#include <sys/socket.h>

enum {
    HTTP_HEADERS_MAX = 32,        /* in a response of ours */
    HTTP_BODY_DEFAULT = 64 << 10, /* request body kept in memory unless the options say otherwise */
};

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_CONNECT, /* the path is HOST:PORT */
    HTTP_OTHER,
};
const char *http_method_name(enum http_method m);

struct http_server;
struct http_request;

struct http_header {
    const char *name;
    const char *value;
};

/* ---- the request: everything borrowed until the request is answered ---- */

enum http_method http_request_method(const struct http_request *rq);
const char *http_request_path(const struct http_request *rq); /* as sent, still %-encoded */
const char *
http_request_query(const struct http_request *rq); /* what follows '?', as sent; or "" */
/* The first header of that name (any case), or NULL. HTTP thread only, as headers_each. */
const char *http_request_header(struct http_request *rq, const char *name);
void http_request_headers_each(struct http_request *rq,
                               void (*fn)(void *ctx, const char *name, const char *value),
                               void *ctx);
struct span http_request_body(const struct http_request *rq); /* complete, when not streamed */
const struct sockaddr *http_request_peer(const struct http_request *rq);
void *http_request_server_ctx(const struct http_request *rq); /* the options' ctx */

/* A place for the handler's own state; freed by free_fn when the request is over (may be NULL). */
void http_request_set_data(struct http_request *rq, void *data, loop_fn free_fn);
void *http_request_data(const struct http_request *rq);

/* ---- the response ---- */

enum { HTTP_BODY_WAIT = 0, HTTP_BODY_END = -1, HTTP_BODY_ERROR = -2 };
/* Gives the next bytes of a body: their number (1..max), HTTP_BODY_END, HTTP_BODY_ERROR (the
 * connection is cut), or HTTP_BODY_WAIT (nothing yet: sleep until http_request_wake). HTTP thread.
 */
typedef int64_t (*http_body_fn)(void *ctx, uint64_t pos, uint8_t *out, size_t max);

enum http_body_kind { HTTP_BODY_BUFFER, HTTP_BODY_STATIC, HTTP_BODY_FD, HTTP_BODY_STREAM };
#define HTTP_SIZE_UNKNOWN UINT64_MAX

/* Zero-initialize, fill, respond. Headers and buffers are borrowed until http_request_respond
 * returns, which copies them. Content-Length, Date and Connection are set by the server. */
struct http_response {
    uint16_t status;
    enum http_body_kind kind;
    uint32_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
    struct span body; /* BUFFER: copied. STATIC: kept, lives as long as the process */
    int fd;           /* FD: taken, closed after sending; sent by sendfile */
    uint64_t fd_offset;
    uint64_t size;     /* FD: bytes from fd_offset on. STREAM: total, or HTTP_SIZE_UNKNOWN */
    http_body_fn read; /* STREAM */
    void *read_ctx;
    loop_fn read_free; /* STREAM: called once with read_ctx when the body is no more needed */
};

/* http_response_add appends a header; false when HTTP_HEADERS_MAX are there. */
bool http_response_add(struct http_response *r, const char *name, const char *value);

/* http_request_respond answers; rq is gone for the caller. On the HTTP thread in the handler, or,
 * after http_request_suspend, on any other thread, exactly once. A response whose fd or stream
 * cannot be delivered is cleaned up all the same.
 * Returns OK, or ERR_TIMEOUT when the deadline has answered for us (nothing to do then). */
enum err http_request_respond(struct http_request *rq, const struct http_response *r);

/* A short answer in text/plain. */
enum err http_request_respond_text(struct http_request *rq, uint16_t status, const char *text);

/* http_request_suspend: the answer comes later, from another thread. Only in the handler, which
 * returns right after handing rq over. When timeout_ms pass first, the client gets 504. */
void http_request_suspend(struct http_request *rq, uint64_t timeout_ms);

/* http_request_post suspends and runs fn(rq) on the loop; when the loop's queue is full the client
 * gets 503 with Retry-After and rq is gone. Only in the handler. */
void http_request_post(struct http_request *rq, struct loop *l, void (*fn)(struct http_request *rq),
                       uint64_t timeout_ms);

/* http_request_wake continues a body that said HTTP_BODY_WAIT or a sink that said ERR_BUSY. Any
 * thread, while the caller knows that rq is not over (its read_free or free_fn has not run). */
void http_request_wake(struct http_request *rq);

/* http_request_watch: gone(ctx) is called once, on a thread of the server, soon after the client
 * has closed its connection, or its sending half, while the request is not over: without it that
 * may stay unseen until the idle time has passed. A body that is being read is cut off then. Once,
 * in `begin` or the handler. No lock is held, and free_fn has not run. */
void http_request_watch(struct http_request *rq, loop_fn gone, void *ctx);

/* ---- large request bodies ---- */

/* Takes the next bytes of a request body on the HTTP thread. OK; ERR_BUSY: none taken, sleep until
 * http_request_wake, then the same bytes come again; others: the connection is cut. */
typedef enum err (*http_sink_fn)(void *ctx, struct span chunk);

/* In the `begin` callback: send the body to a sink instead of memory, at most size_max bytes. */
void http_request_stream_body(struct http_request *rq, http_sink_fn fn, void *ctx,
                              uint64_t size_max);

/* ---- the server ---- */

struct http_server_options {
    const char *host;          /* numeric address; NULL: 127.0.0.1 */
    uint16_t port;             /* 0: any */
    uint16_t port_tries;       /* port in use: try this many following ones */
    uint32_t threads;          /* 0: one per core */
    uint32_t connections_max;  /* 0: 256 */
    uint32_t idle_timeout_s;   /* 0: 30 */
    uint32_t header_bytes_max; /* request line and headers; 0: 16 KiB */
    uint64_t body_bytes_max;   /* in memory; 0: HTTP_BODY_DEFAULT */
    void (*handler)(void *ctx, struct http_request *rq);
    /* Optional: sees the headers before the body is read. It may refuse with
     * http_request_respond (the handler is not called then) or choose http_request_stream_body. */
    void (*begin)(void *ctx, struct http_request *rq);
    void *ctx;
};

/* http_server_open starts to serve. ERR_EXISTS (ports in use), ERR_DENIED, ERR_FORMAT (host),
 * ERR_IO. Options are copied. */
NODISCARD enum err http_server_open(struct http_server **out, const struct http_server_options *o);
uint16_t http_server_port(const struct http_server *s);
/* Stops; suspended requests get 503. Requests suspended to a loop must still be answered there
 * afterwards (that returns ERR_TIMEOUT) or be known to be gone. NULL is fine. */
void http_server_close(struct http_server *s);

#endif
