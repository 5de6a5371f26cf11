/* http_internal: what http_server.c and http_request.c share. Private to the HTTP server. */
#ifndef CRUST_RT_HTTP_INTERNAL_H
#define CRUST_RT_HTTP_INTERNAL_H

#include "rt/http_server.h"

#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    HTTP_RETRY_AFTER_S = 1,
    HTTP_STREAM_BLOCK = 64 << 10, /* how much a body callback is asked for at once */
    HTTP_STREAM_LOOK_MS = 15000,  /* a waiting body is asked again, so that dead peers are found */
    HTTP_SUSPEND_DEFAULT_MS = 30000,
};

enum http_state {
    HTTP_NEW,       /* headers are in, nobody has seen them */
    HTTP_READING,   /* the body is being read */
    HTTP_HANDLING,  /* the handler has been called */
    HTTP_SUSPENDED, /* somebody else answers */
    HTTP_ANSWERED,  /* `response` waits to be queued, or has been */
};

/* Life: one reference is the HTTP library's until the request is over; one is held from suspend to
 * respond; one by a stream body. State, list and flags below `state` are under the server's lock
 * once the request has been suspended. */
struct http_request {
    atomic_uint refs;
    struct http_server *server;
    struct MHD_Connection *connection;
    char *path;
    const char *query;
    enum http_method method;
    void *data;
    loop_fn data_free;
    uint8_t *body;
    size_t body_len, body_size;
    uint64_t body_total, body_max;
    http_sink_fn sink;
    void *sink_ctx;
    bool too_large;
    bool handed_over; /* suspended in the present call of the handler; HTTP thread only */
    void (*posted)(struct http_request *rq);

    enum http_state state;
    struct MHD_Response *response;
    unsigned status;
    bool sleeping; /* a body callback or a sink waits for http_request_wake */
    bool woken;    /* it came before the sleep */
    bool cut;      /* the server closes, or the client has gone */
    bool listed;
    uint64_t deadline;
    struct http_request *prev, *next;
    bool watched;
    int fd; /* valid while it is watched */
    loop_fn gone;
    void *gone_ctx;
    struct http_request *watch_prev, *watch_next, *gone_next;
};

/* Lives until it is closed and its last request is over. */
struct http_server {
    atomic_uint refs;
    struct http_server_options o;
    struct MHD_Daemon *daemon;
    uint16_t port;
    pthread_t reaper;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closing;
    struct http_request *waiting; /* suspended or sleeping */
    struct http_request *watched; /* whose clients may go */
    struct pollfd *fds;           /* o.connections_max of them, for the look at these */
};

void http_server_unref(struct http_server *s);
void http_request_unref(struct http_request *rq);
/* http_request_cut ends the connection for the client at once: the library alone would close the
 * socket only when something else wakes its thread. HTTP thread. */
void http_request_cut(struct http_request *rq);
/* http_request_answer_late gives a suspended request its answer; the lock is held. */
void http_request_answer_late(struct http_request *rq, unsigned status);
/* Takes a wake that has come: OK, try again. ERR_BUSY: sleeps until one comes. ERR_CLOSED: it is
 * over. */
NODISCARD enum err http_request_wait(struct http_request *rq);
/* With the lock held. */
void http_request_list(struct http_request *rq, uint64_t deadline);
void http_request_unlist(struct http_request *rq);
void http_request_unwatch(struct http_request *rq);
void http_request_sleep(struct http_request *rq);
void http_request_wake_locked(struct http_request *rq);

#endif
