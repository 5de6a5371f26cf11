#include "rt/clock.h"
#include "rt/http_internal.h"
#include "rt/log.h"
#include "rt/netaddr.h"
#include "rt/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_DEFAULT = 256,
    IDLE_DEFAULT_S = 30,
    HEADER_BYTES_DEFAULT = 16 << 10,
    REAP_MS = 50,          /* the precision of deadlines, and of the look for clients that go */
    DISCARD_MAX = 1 << 20, /* bytes of a too large body that we read over to answer politely */
};

/* ---- one request ---- */

static enum http_method method_of(const char *name)
{
    for (int i = HTTP_GET; i < HTTP_OTHER; i++) {
        if (strcmp(name, http_method_name((enum http_method)i)) == 0)
            return (enum http_method)i;
    }
    return HTTP_OTHER;
}

/* Keeps the target as it was sent: the library's own form is decoded, and a decoded '/', '%' or NUL
 * cannot be told from a real one. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *s = cls;
    struct http_request *rq = calloc(1, sizeof(*rq));
    if (rq == NULL)
        return NULL;
    /* Absolute form, "GET http://host/path": what counts is the path. */
    if (strncmp(uri, "http://", 7) == 0) {
        const char *slash = strchr(uri + 7, '/');
        uri = slash == NULL ? "/" : slash;
    }
    size_t n = strlen(uri);
    rq->path = malloc(n + 1);
    if (rq->path == NULL) {
        free(rq);
        return NULL;
    }
    memcpy(rq->path, uri, n + 1);
    char *mark = strchr(rq->path, '?');
    rq->query = mark == NULL ? rq->path + n : mark + 1;
    if (mark != NULL)
        *mark = '\0';
    atomic_init(&rq->refs, 1);
    rq->server = s;
    atomic_fetch_add(&s->refs, 1);
    rq->connection = connection;
    return rq;
}

static size_t no_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode why)
{
    (void)cls;
    (void)connection;
    (void)why;
    struct http_request *rq = *req_cls;
    *req_cls = NULL;
    if (rq == NULL)
        return;
    pthread_mutex_lock(&rq->server->lock);
    http_request_unlist(rq);
    http_request_unwatch(rq);
    rq->sleeping = false;
    rq->cut = true;
    if (rq->response != NULL)
        MHD_destroy_response(rq->response); /* answered, but never queued */
    rq->response = NULL;
    rq->state = HTTP_ANSWERED;
    pthread_mutex_unlock(&rq->server->lock);
    http_request_unref(rq);
}

static enum MHD_Result queue_answer(struct http_request *rq)
{
    struct MHD_Response *m = rq->response;
    rq->response = NULL;
    if (m == NULL)
        return MHD_NO;
    enum MHD_Result r = MHD_queue_response(rq->connection, rq->status, m);
    MHD_destroy_response(m);
    return r;
}

/* OK, ERR_BUSY (asleep), or an end of the connection. */
static enum err feed_sink(struct http_request *rq, struct span chunk)
{
    for (;;) {
        enum err e = rq->sink(rq->sink_ctx, chunk);
        if (e != ERR_BUSY)
            return e;
        e = http_request_wait(rq);
        if (e != OK)
            return e;
    }
}

static enum err keep_body(struct http_request *rq, struct span chunk)
{
    if (chunk.n > rq->body_size - rq->body_len) {
        size_t size = rq->body_size == 0 ? 4096 : rq->body_size * 2;
        while (size - rq->body_len < chunk.n)
            size *= 2;
        uint8_t *p = realloc(rq->body, size);
        if (p == NULL)
            return ERR_MEMORY;
        rq->body = p;
        rq->body_size = size;
    }
    memcpy(rq->body + rq->body_len, chunk.p, chunk.n);
    rq->body_len += chunk.n;
    return OK;
}

/* Its client has gone: what is left of the body is for nobody. */
static bool is_cut(struct http_request *rq)
{
    if (rq->gone == NULL)
        return false;
    pthread_mutex_lock(&rq->server->lock);
    bool cut = rq->cut;
    pthread_mutex_unlock(&rq->server->lock);
    return cut;
}

static enum MHD_Result take_chunk(struct http_request *rq, struct span chunk, size_t *left)
{
    if (is_cut(rq))
        return MHD_NO;
    if (rq->too_large || chunk.n > rq->body_max - rq->body_total) {
        rq->too_large = true;
        rq->body_total += chunk.n;
        *left = 0;
        return rq->body_total - rq->body_max > DISCARD_MAX ? MHD_NO : MHD_YES;
    }
    enum err e = rq->sink != NULL ? feed_sink(rq, chunk) : keep_body(rq, chunk);
    if (e == ERR_BUSY)
        return MHD_YES; /* the same bytes come again after the wake */
    if (e != OK) {
        http_request_cut(rq);
        return MHD_NO;
    }
    rq->body_total += chunk.n;
    *left = 0;
    return MHD_YES;
}

/* The library's first call for a request. An answer given here closes the connection afterwards, so
 * that only refusals are. */
static void start_request(struct http_request *rq, const char *method)
{
    struct http_server *s = rq->server;
    rq->method = method_of(method);
    rq->body_max = s->o.body_bytes_max;
    if (s->o.begin != NULL)
        s->o.begin(s->o.ctx, rq);
    if (rq->state == HTTP_ANSWERED)
        return;
    const char *length = http_request_header(rq, "Content-Length");
    if (length != NULL && strtoull(length, NULL, 10) > rq->body_max) {
        (void)http_request_respond_text(rq, 413, "The body is too large.\n");
        return;
    }
    rq->state = HTTP_READING;
}

static void call_handler(struct http_server *s, struct http_request *rq)
{
    rq->state = HTTP_HANDLING;
    if (rq->too_large)
        (void)http_request_respond_text(rq, 413, "The body is too large.\n");
    else
        s->o.handler(s->o.ctx, rq);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd prescribes eight parameters */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **req_cls)
{
    (void)connection;
    (void)url;
    (void)version;
    struct http_server *s = cls;
    struct http_request *rq = *req_cls;
    if (rq == NULL)
        return MHD_NO;
    /* Until it is handed over, nobody else looks at the state. */
    if (!rq->handed_over && rq->state == HTTP_NEW) {
        start_request(rq, method);
        return rq->state == HTTP_ANSWERED ? queue_answer(rq) : MHD_YES;
    }
    if (!rq->handed_over && rq->state == HTTP_READING) {
        if (*upload_size > 0)
            return take_chunk(rq, span_of(upload, *upload_size), upload_size);
        call_handler(s, rq);
        /* The answer may be there already, but the library takes it only after the resume, in
         * another call. */
        if (rq->handed_over)
            return MHD_YES;
    }
    pthread_mutex_lock(&s->lock);
    enum http_state state = rq->state;
    pthread_mutex_unlock(&s->lock);
    if (state == HTTP_ANSWERED)
        return queue_answer(rq);
    ASSERT(state == HTTP_SUSPENDED); /* a handler answers, or suspends */
    return MHD_YES;
}

/* ---- clients that go ---- */

/* Whose connection has ended, as a list; each is referred to once more. The library would not see
 * it: it does not look at a suspended connection, and of an end that came with the last bytes its
 * epoll tells nothing. */
static struct http_request *find_gone(struct http_server *s)
{
    nfds_t n = 0;
    struct http_request *gone = NULL;
    for (const struct http_request *rq = s->watched; rq != NULL && n < s->o.connections_max;
         rq = rq->watch_next)
        s->fds[n++] = (struct pollfd){ .fd = rq->fd, .events = POLLRDHUP };
    if (n == 0 || poll(s->fds, n, 0) <= 0)
        return NULL;
    struct http_request *rq = s->watched, *next;
    for (nfds_t i = 0; i < n; i++, rq = next) {
        next = rq->watch_next;
        if (s->fds[i].revents == 0)
            continue;
        http_request_unwatch(rq);
        rq->cut = true;
        /* Now the library hears of it; if it is asleep, after the wake. */
        (void)shutdown(rq->fd, SHUT_RDWR);
        http_request_wake_locked(rq);
        atomic_fetch_add(&rq->refs, 1);
        rq->gone_next = gone;
        gone = rq;
    }
    return gone;
}

/* The lock is held before and after. */
static void tell_gone(struct http_server *s)
{
    struct http_request *gone = find_gone(s);
    if (gone == NULL)
        return;
    pthread_mutex_unlock(&s->lock);
    for (struct http_request *next; gone != NULL; gone = next) {
        next = gone->gone_next;
        gone->gone(gone->gone_ctx);
        http_request_unref(gone);
    }
    pthread_mutex_lock(&s->lock);
}

/* ---- deadlines of suspended requests ---- */

static void reap(struct http_server *s, uint64_t now)
{
    for (struct http_request *rq = s->waiting, *next; rq != NULL; rq = next) {
        next = rq->next;
        if (now < rq->deadline && !s->closing)
            continue;
        if (rq->state == HTTP_SUSPENDED)
            http_request_answer_late(rq, s->closing ? 503 : 504);
        else
            http_request_wake_locked(rq);
    }
}

static void *reaper_main(void *arg)
{
    struct http_server *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->closing) {
        if (s->waiting == NULL && s->watched == NULL) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        uint64_t at = clock_mono_ms() + REAP_MS;
        struct timespec until = { .tv_sec = (time_t)(at / 1000),
                                  .tv_nsec = (long)(at % 1000) * 1000000 };
        pthread_cond_timedwait(&s->changed, &s->lock, &until);
        reap(s, clock_mono_ms());
        tell_gone(s);
    }
    reap(s, UINT64_MAX);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- start and stop ---- */

void http_server_unref(struct http_server *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s->fds);
    free(s);
}

static enum err listen_on(int *out, const char *host, uint16_t *port)
{
    char text[NETADDR_TEXT_MAX];
    struct sockaddr_storage sa;
    socklen_t n;
    snprintf(text, sizeof(text), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
             (unsigned)*port);
    TRY(netaddr_parse(&sa, &n, text));
    AUTO(path_close) int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return path_errno(errno);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&sa, n) != 0 || listen(fd, 511) != 0)
        return path_errno(errno);
    n = sizeof(sa);
    if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0)
        return path_errno(errno);
    netaddr_format(text, (const struct sockaddr *)&sa);
    *port = (uint16_t)strtoul(strrchr(text, ':') + 1, NULL, 10);
    *out = fd;
    fd = -1;
    return OK;
}

static enum err listen_somewhere(int *fd, struct http_server *s)
{
    for (unsigned i = 0;; i++) {
        s->port = (uint16_t)(s->o.port + i);
        enum err e = listen_on(fd, s->o.host, &s->port);
        if (e != ERR_EXISTS || i >= s->o.port_tries || s->o.port + i >= 65535)
            return e;
    }
}

__attribute__((format(printf, 2, 0))) static void on_library_log(void *cls, const char *format,
                                                                 va_list args)
{
    (void)cls;
    char text[256];
    vsnprintf(text, sizeof(text), format, args);
    log_debug("http-library", "message=\"%s\"", text);
}

static enum err start_daemon(struct http_server *s, int fd)
{
    unsigned flags = MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_TURBO | MHD_USE_ERROR_LOG;
    /* The library's pool of a connection holds headers, and the pieces of a body on their way. */
    size_t memory = (size_t)s->o.header_bytes_max * 2;
    struct MHD_OptionItem pool[] = {
        { MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)s->o.threads, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    if (s->o.threads < 2)
        pool[0] = pool[1]; /* one thread is no pool */
    s->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, s->o.connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        memory, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape,
        NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_ARRAY, pool,
        MHD_OPTION_END);
    return s->daemon == NULL ? ERR_IO : OK;
}

static void set_defaults(struct http_server_options *o)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (o->host == NULL)
        o->host = "127.0.0.1";
    if (o->threads == 0)
        o->threads = cores > 0 ? (uint32_t)cores : 1;
    if (o->connections_max == 0)
        o->connections_max = CONNECTIONS_DEFAULT;
    if (o->connections_max < o->threads)
        o->connections_max = o->threads;
    if (o->idle_timeout_s == 0)
        o->idle_timeout_s = IDLE_DEFAULT_S;
    if (o->header_bytes_max == 0)
        o->header_bytes_max = HEADER_BYTES_DEFAULT;
    if (o->body_bytes_max == 0)
        o->body_bytes_max = HTTP_BODY_DEFAULT;
}

enum err http_server_open(struct http_server **out, const struct http_server_options *o)
{
    *out = NULL;
    struct http_server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->o = *o;
    atomic_init(&s->refs, 1);
    set_defaults(&s->o);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t monotonic; /* the wall clock may jump, and deadlines with it */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int fd = -1;
    s->fds = calloc(s->o.connections_max, sizeof(*s->fds));
    enum err e = s->fds == NULL ? ERR_MEMORY : listen_somewhere(&fd, s);
    if (e == OK && pthread_create(&s->reaper, NULL, reaper_main, s) != 0) {
        close(fd);
        e = ERR_MEMORY;
    }
    if (e != OK) {
        http_server_unref(s);
        return e;
    }
    e = start_daemon(s, fd);
    if (e != OK) {
        close(fd);
        http_server_close(s);
        return e;
    }
    *out = s;
    return OK;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

void http_server_close(struct http_server *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->reaper, NULL); /* it has answered all that were suspended */
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    http_server_unref(s);
}
