/* http_client: HTTP requests of ours, by libcurl on the loop, and a blocking form for the CLI.
 *
 * Only http and https. No proxies. Unless `allow_private` is set, a connection is made only to a
 * global address: checked for every socket after resolution, so redirects and changing names
 * cannot lead into our own network. The policy belongs to the client, since its connections
 * are shared. */
#ifndef CRUST_RT_HTTP_CLIENT_H
#define CRUST_RT_HTTP_CLIENT_H

#include "rt/http_server.h"
#include "rt/loop.h"

enum {
    HTTP_FETCH_HEADERS_MAX = 32,
    HTTP_URL_MAX = 4096,
    HTTP_REDIRECTS_MAX = 5,
};

struct http_client;
struct http_fetch;

struct http_client_options {
    bool allow_private;       /* devnet: loopback and private addresses too */
    uint32_t connections_max; /* 0: 64 */
    uint32_t per_host_max;    /* 0: 8 */
};

NODISCARD enum err http_client_new(struct http_client **out, struct loop *l,
                                   const struct http_client_options *o);
/* http_client_free ends open requests with ERR_CLOSED before it returns. Not inside a callback of
 * a request. NULL is fine. */
void http_client_free(struct http_client *c);

/* What is known once the headers are in; borrowed until return. */
struct http_reply {
    uint16_t status;
    uint64_t length;          /* Content-Length, or HTTP_SIZE_UNKNOWN */
    const char *content_type; /* "" when absent */
    const char *url;          /* after redirects */
    const char *header;       /* the value of the header that the request asks for; "" */
};

struct http_fetch_options {
    enum http_method method;           /* GET, HEAD, PUT, POST, DELETE */
    const char *url;                   /* copied */
    const struct http_header *headers; /* copied */
    size_t header_count;               /* at most HTTP_FETCH_HEADERS_MAX */
    const char *wanted;                /* name of a header of the answer; NULL; kept */
    struct span body;                  /* PUT, POST: copied */
    /* Or a body from a callback, which writes up to max bytes and returns their number, 0 at the
     * end, -1 to abort. */
    int64_t (*body_read)(void *ctx, uint8_t *out, size_t max);
    uint64_t body_size;          /* of body_read's bytes, or HTTP_SIZE_UNKNOWN */
    uint32_t connect_timeout_ms; /* 0: 10 s */
    uint32_t idle_timeout_ms;    /* no byte for so long (whole seconds, at least 1 s); 0: 30 s */
    uint32_t total_timeout_ms;   /* 0: none */
    uint64_t size_max;           /* of the reply's body; 0: 16 MiB */
    uint32_t redirects_max;      /* 0: a redirect is the answer; at most HTTP_REDIRECTS_MAX */
    /* Optional, on headers of the final answer: OK to go on. */
    enum err (*on_reply)(void *ctx, const struct http_reply *reply);
    /* Optional. OK; ERR_BUSY: none taken, pause until http_fetch_resume, then the same bytes come
     * again; others end the request with that error. */
    enum err (*on_body)(void *ctx, struct span chunk);
    /* Called once, last, on the loop, never inside http_client_fetch. status 0 when no answer came.
     * e: OK (any status), ERR_TIMEOUT, ERR_CLOSED (connection broken or client freed),
     * ERR_NOT_FOUND (name), ERR_DENIED (address not allowed), ERR_LIMIT (size_max, redirects),
     * ERR_FORMAT (URL), ERR_SIGNATURE (TLS), ERR_IO, or what a callback returned. */
    void (*on_done)(void *ctx, enum err e, uint16_t status);
    void *ctx;
};

/* http_client_fetch starts a request. *out (may be NULL) is valid until on_done.
 * ERR_FORMAT (URL, headers), ERR_LIMIT, ERR_MEMORY: then no callback comes. */
NODISCARD enum err http_client_fetch(struct http_client *c, struct http_fetch **out,
                                     const struct http_fetch_options *o);
void http_fetch_resume(struct http_fetch *f);
/* http_fetch_cancel ends it now, without on_done. Not inside one of its callbacks. */
void http_fetch_cancel(struct http_fetch *f);

/* http_fetch_sync runs one request to its end on this thread, calling the same callbacks except
 * on_done; ERR_BUSY from on_body is not allowed. *status may be NULL. */
NODISCARD enum err http_fetch_sync(const struct http_fetch_options *o, bool allow_private,
                                   uint16_t *status);

/* http_fetch_text runs a request and keeps the body, at most o->size_max bytes, in *out: given,
 * free(3) its p, a NUL follows the last byte. on_body of o is not used. */
NODISCARD enum err http_fetch_text(struct mspan *out, const struct http_fetch_options *o,
                                   bool allow_private, uint16_t *status);

#endif
