#include "engine/abci_server.h"

#include "codec/varint_frame.h"
#include "rt/clock.h"
#include "rt/ipc_listener.h"
#include "rt/log.h"
#include "rt/netaddr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_FIRST = 64 << 10,
    READS_PER_TURN = 16,     /* so that one connection does not hold up the loop */
    REQUESTS_PER_TURN = 256, /* likewise; CometBFT queues no more */
    LINGER_MS = 3,           /* while transactions come in a row */
    REQUESTS_PER_READ = 8,   /* what comes meanwhile is taken off the socket after so many */
};

/* Bytes [from, to) of p. */
struct buffer {
    uint8_t *p;
    size_t from, to, size;
};

/* A request that was decoded before its turn: a CheckTx or a Flush. Where its transaction stands is
 * counted from the frame's first byte, as the input moves in memory. */
struct seen {
    enum abci_kind kind;
    int32_t type;
    size_t frame, tx, tx_size;
};

struct conn {
    struct abci_server *server;
    struct conn *next;
    struct loop_fd *ready;
    struct loop_timer *again; /* requests are left, or a commit is tried again */
    int fd;
    struct buffer in, out;
    size_t checks; /* CheckTx answered in the last turn */
    struct seen seen[ABCI_APP_AHEAD_MAX];
    size_t turn, ahead; /* seen[turn] to seen[ahead - 1] stand at the head of `in` */
    bool waiting;       /* for the disk: the first request in `in` is asked again */
    bool ending;        /* closed once the output is written */
};

struct abci_server {
    struct loop *loop;
    struct abci_server_options o;
    struct ipc_endpoint at;
    struct ipc_listener listener;
    struct conn *conns;
    uint32_t conn_count;
    int64_t asked; /* the height that Info told, while nothing else was asked; 0: none */
    bool refused;  /* InitChain: this genesis is not ours */
};

/* ---- buffers ---- */

/* Room for n more bytes behind `to`. */
static enum err buffer_reserve(struct buffer *b, size_t n)
{
    if (b->size - b->to >= n)
        return OK;
    /* Moving much to gain little would be done again and again. */
    if (b->to - b->from <= b->size / 2 && b->from != 0) {
        memmove(b->p, b->p + b->from, b->to - b->from);
        b->to -= b->from;
        b->from = 0;
    }
    if (b->size - b->to >= n)
        return OK;
    size_t size = b->size * 2 > b->to + n ? b->size * 2 : b->to + n;
    uint8_t *p = realloc(b->p, size);
    if (p == NULL)
        return ERR_MEMORY;
    b->p = p;
    b->size = size;
    return OK;
}

/* A buffer that a large frame has blown up goes back to its first size once it is empty. */
static void buffer_settle(struct buffer *b)
{
    if (b->from != b->to)
        return;
    b->from = b->to = 0;
    if (b->size > (size_t)16 * INPUT_FIRST) {
        free(b->p);
        *b = (struct buffer){ 0 };
    }
}

static struct span buffer_span(const struct buffer *b)
{
    return b->to == b->from ? (struct span){ NULL, 0 } : span_of(b->p + b->from, b->to - b->from);
}

/* ---- one connection ---- */

static void conn_close(struct conn *c)
{
    struct abci_server *s = c->server;
    for (struct conn **at = &s->conns; *at != NULL; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            s->conn_count--;
            break;
        }
    }
    loop_fd_free(c->ready);
    loop_timer_free(c->again);
    close(c->fd);
    free(c->in.p);
    free(c->out.p);
    free(c);
}

/* ERR_CLOSED when the peer has gone. */
static enum err conn_write(struct conn *c)
{
    while (c->out.from != c->out.to) {
        ssize_t n = send(c->fd, c->out.p + c->out.from, c->out.to - c->out.from, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? OK : ERR_CLOSED;
        c->out.from += (size_t)n;
    }
    buffer_settle(&c->out);
    return OK;
}

static enum err conn_send(struct conn *c, const struct abci_response *m)
{
    size_t n = abci_response_size(m);
    TRY(buffer_reserve(&c->out, n));
    struct writer w = writer_of(c->out.p + c->out.to, n);
    abci_response_encode(&w, m);
    ASSERT(w.err == OK && w.len == n);
    c->out.to += n;
    return OK;
}

/* SPEC abci 2.3: "the connection gets an exception and is closed" */
static void conn_refuse(struct conn *c, const char *why)
{
    struct abci_response m;
    abci_app_exception(c->server->o.app, &m, why);
    log_error("abci-refused", "reason=\"%s\"", why);
    (void)conn_send(c, &m);
    c->ending = true;
}

/* An engine whose blocks end below ours asks for our height and ends itself. It says why in its own
 * log only, so that much is said here. */
static void server_note(struct abci_server *s, const struct abci_response *m)
{
    if (m->kind == ABCI_INFO)
        s->asked = m->info.height;
    else if (m->kind != ABCI_ECHO && m->kind != ABCI_FLUSH)
        s->asked = 0;
}

static void server_left(struct abci_server *s)
{
    if (s->conn_count == 0 && s->asked != 0)
        log_warn(
            "abci-engine-left",
            "height=%lld reason=\"CometBFT ended after it had asked for this height\" "
            "next=\"see its log; if our height is too high for it, its folder is an older copy: "
            "put both back from one backup, or use --rollback\"",
            (long long)s->asked);
    if (s->conn_count == 0)
        s->asked = 0;
    if (s->conn_count == 0 && s->refused && s->o.failed != NULL)
        s->o.failed(s->o.ctx, ERR_STATE);
}

static void server_timed(struct abci_server *s, enum abci_kind kind, uint64_t start_us, enum err e)
{
    if (s->o.timed != NULL)
        s->o.timed(s->o.ctx, kind, clock_mono_us() - start_us, e);
}

/* Answers one request. ERR_BUSY: it is asked again later. */
static enum err conn_answer(struct conn *c, struct abci_request *rq)
{
    struct abci_server *s = c->server;
    struct abci_response rs;
    c->checks += rq->kind == ABCI_CHECK_TX;
    uint64_t start = clock_mono_us();
    enum err e = abci_app_answer(s->o.app, &rs, rq);
    server_timed(s, rq->kind, start, e);
    if (e == ERR_FULL || e == ERR_BUSY || e == ERR_MEMORY) {
        if (!c->waiting)
            log_error("abci-waits", "call=%s reason=\"%s\" next=\"%sit is tried again\"",
                      abci_name(rq->kind), err_text(e), e == ERR_FULL ? "make room; " : "");
        c->waiting = true;
        return ERR_BUSY;
    }
    if (e == ERR_STATE) {
        log_error("abci-refused", "call=%s reason=\"%.*s\"", abci_name(rq->kind),
                  (int)rs.exception.error.n, (const char *)rs.exception.error.p);
        c->ending = true;
        /* SPEC abci 6.4: "A node that has refused InitChain ends itself, with an error, when
         * CometBFT has gone." */
        s->refused = s->refused || rq->kind == ABCI_INIT_CHAIN;
    } else if (e != OK) {
        log_error("ledger-stopped", "call=%s reason=\"%s\"", abci_name(rq->kind), err_text(e));
        c->ending = true;
        if (s->o.failed != NULL)
            s->o.failed(s->o.ctx, e);
        return OK;
    }
    c->waiting = false;
    s->refused = s->refused && rs.kind != ABCI_INIT_CHAIN;
    server_note(s, &rs);
    if (conn_send(c, &rs) != OK) {
        log_error("abci-answer-lost", "call=%s reason=\"out of memory\"", abci_name(rq->kind));
        c->ending = true;
    }
    return OK;
}

/* How many bytes the frame at the head still needs, so that it is read in large steps. */
static size_t wanted(const struct conn *c)
{
    struct span in = buffer_span(&c->in);
    size_t size, head;
    if (varint_frame_head(&size, &head, in, c->server->o.frame_max) != OK || size <= in.n - head)
        return INPUT_FIRST / 2;
    return size - (in.n - head);
}

static enum err conn_read(struct conn *c)
{
    TRY(buffer_reserve(&c->in, wanted(c)));
    ssize_t n = recv(c->fd, c->in.p + c->in.to, c->in.size - c->in.to, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? ERR_BUSY : ERR_CLOSED;
    if (n == 0)
        return ERR_CLOSED;
    c->in.to += (size_t)n;
    return OK;
}

/* Takes what has come off the socket while requests are answered: for as long as its write blocks,
 * CometBFT's writer spins on a timer of 20 nanoseconds, which costs a core. What fails here fails
 * again at the next read. */
static void conn_drain(struct conn *c)
{
    while (c->in.to - c->in.from < ABCI_SERVER_INPUT_MAX && conn_read(c) == OK)
        ;
}

/* Decodes the next request if it is one of those that are looked at before their turn. */
static bool see(struct seen *out, struct span *tx, struct span *left, size_t frame_max)
{
    const uint8_t *start = left->p;
    struct span message;
    struct abci_request rq;
    if (abci_frame_next(&message, left, frame_max) != OK ||
        abci_request_kind(&rq.kind, message) != OK ||
        (rq.kind != ABCI_CHECK_TX && rq.kind != ABCI_FLUSH) ||
        abci_request_decode(&rq, message) != OK)
        return false;
    *out = (struct seen){ .kind = rq.kind, .frame = (size_t)(message.p - start) + message.n };
    *tx = (struct span){ NULL, 0 };
    if (rq.kind == ABCI_FLUSH)
        return true;
    *tx = rq.check_tx.tx;
    out->type = rq.check_tx.type;
    out->tx_size = tx->n;
    out->tx = tx->n == 0 ? 0 : (size_t)(tx->p - start);
    return true;
}

/* CheckTx of many at once: their signatures are checked together. Not beyond other requests: after
 * a Commit, another state answers. */
static void conn_look_ahead(struct conn *c)
{
    struct span left = buffer_span(&c->in), tx, txs[ABCI_APP_AHEAD_MAX];
    size_t count = 0;
    c->turn = c->ahead = 0;
    while (c->ahead < ABCI_APP_AHEAD_MAX &&
           see(&c->seen[c->ahead], &tx, &left, c->server->o.frame_max)) {
        struct seen *s = &c->seen[c->ahead++];
        if (s->kind != ABCI_CHECK_TX)
            continue;
        if (s->type != ABCI_CHECK_NEW)
            break;
        txs[count++] = tx;
    }
    if (count < 2)
        return;
    uint64_t start = clock_mono_us();
    abci_app_ahead(c->server->o.app, txs, count);
    server_timed(c->server, ABCI_CHECK_TX, start, OK);
}

/* Decodes the request at the head of the input, or takes it as it was seen.
 * Returns: OK and its frame's size; ERR_SHORT (it has not come yet); else it is refused. */
static enum err conn_request(struct conn *c, struct abci_request *rq, size_t *frame)
{
    if (c->turn == c->ahead)
        conn_look_ahead(c);
    struct span in = buffer_span(&c->in), left = in, message;
    if (c->turn != c->ahead) {
        const struct seen *s = &c->seen[c->turn];
        *rq = (struct abci_request){ .kind = s->kind };
        if (s->kind == ABCI_CHECK_TX) {
            rq->check_tx.type = s->type;
            rq->check_tx.tx = span_sub(in, s->tx, s->tx_size);
        }
        *frame = s->frame;
        return OK;
    }
    enum err e = abci_frame_next(&message, &left, c->server->o.frame_max);
    if (e == ERR_SHORT)
        return e;
    if (e != OK) {
        conn_refuse(c, e == ERR_LIMIT ? "frame too long" : "malformed length");
        return e;
    }
    *frame = in.n - left.n;
    e = abci_request_decode(rq, message);
    if (e != OK)
        conn_refuse(c, e == ERR_UNSUPPORTED ? "unknown request" : "malformed request");
    return e == ERR_SHORT ? ERR_FORMAT : e;
}

/* True when whole frames may be left and the turn's share is used up. */
static bool conn_answers(struct conn *c)
{
    for (int i = 0; i < REQUESTS_PER_TURN; i++) {
        /* SPEC abci 2.4: "While 8 MiB of answers wait to be taken, a connection is not read." */
        if (c->ending || c->out.to - c->out.from >= ABCI_SERVER_OUTPUT_MAX)
            return false;
        if (i % REQUESTS_PER_READ == REQUESTS_PER_READ - 1)
            conn_drain(c);
        struct abci_request rq;
        size_t frame;
        if (conn_request(c, &rq, &frame) != OK)
            return false;
        if (conn_answer(c, &rq) == ERR_BUSY) {
            loop_timer_start(c->again, ABCI_SERVER_RETRY_MS, 0);
            return false;
        }
        c->in.from += frame;
        c->turn += c->turn != c->ahead;
    }
    return true;
}

static void conn_watch(struct conn *c)
{
    bool full = c->out.to - c->out.from >= ABCI_SERVER_OUTPUT_MAX;
    int events = full || c->waiting || c->ending ? 0 : LOOP_READ;
    if (c->out.from != c->out.to)
        events |= LOOP_WRITE;
    loop_fd_set(c->ready, events);
}

static void conn_step(struct conn *c)
{
    enum err e = OK;
    c->checks = 0;
    bool more = conn_answers(c);
    for (int i = 0; i < READS_PER_TURN && e == OK && !more && !c->ending && !c->waiting; i++) {
        if (c->out.to - c->out.from >= ABCI_SERVER_OUTPUT_MAX)
            break;
        e = conn_read(c);
        if (e == OK)
            more = conn_answers(c);
    }
    if (e != ERR_CLOSED && e != ERR_MEMORY) {
        e = conn_write(c);
        buffer_settle(&c->in);
    }
    if (e == ERR_CLOSED || e == ERR_MEMORY || (c->ending && c->out.from == c->out.to)) {
        struct abci_server *s = c->server;
        log_info("abci-connection-closed", "left=%u", s->conn_count - 1);
        conn_close(c);
        server_left(s);
        return;
    }
    if (more)
        loop_timer_start(c->again, 0, 0);
    conn_watch(c);
}

static void on_ready(void *ctx, int events)
{
    struct conn *c = ctx;
    if ((events & LOOP_WRITE) != 0 && conn_write(c) != OK) {
        conn_close(c);
        return;
    }
    if (c->waiting) {
        conn_watch(c);
    } else if (c->checks > 1 && (events & LOOP_READ) != 0) {
        /* Transactions come in a row, each with a Flush of its own: let some come together. */
        loop_fd_set(c->ready, c->out.from != c->out.to ? LOOP_WRITE : 0);
        loop_timer_start(c->again, LINGER_MS, 0);
    } else {
        conn_step(c);
    }
}

static void on_again(void *ctx)
{
    conn_step(ctx);
}

/* ---- the listener ---- */

static enum err conn_open(struct abci_server *s, int fd)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return ERR_MEMORY;
    c->server = s;
    c->fd = fd;
    c->ready = loop_fd_new(s->loop, fd, on_ready, c);
    c->again = loop_timer_new(s->loop, on_again, c);
    if (c->ready == NULL || c->again == NULL) {
        loop_fd_free(c->ready);
        loop_timer_free(c->again);
        free(c);
        return ERR_MEMORY;
    }
    c->next = s->conns;
    s->conns = c;
    s->conn_count++;
    conn_watch(c);
    return OK;
}

static void on_listener(void *ctx, int events)
{
    (void)events;
    struct abci_server *s = ctx;
    bool full = s->conn_count >= ABCI_SERVER_CONNECTIONS_MAX;
    /* SPEC abci 2.2: "A Unix socket takes only peers of the same user or root." */
    int fd = ipc_listener_accept(&s->listener, full, "abci-connection-refused");
    if (fd < 0)
        return;
    if (conn_open(s, fd) != OK) {
        log_error("abci-accept-failed", "reason=\"%s\"", err_text(ERR_MEMORY));
        close(fd);
    } else {
        log_info("abci-connection", "open=%u", s->conn_count);
    }
}

/* SPEC abci 2.2: "TCP is served on loopback addresses only: it has no authentication." */
static enum err endpoint_take(struct ipc_endpoint *at, const char *text)
{
    char address[IPC_PATH_MAX];
    struct sockaddr_storage sa;
    socklen_t n;
    TRY(ipc_endpoint_parse(at, text));
    if (at->kind == IPC_UNIX)
        return OK;
    snprintf(address, sizeof(address), strchr(at->host, ':') ? "[%s]:%u" : "%s:%u", at->host,
             at->port);
    TRY(netaddr_parse(&sa, &n, address));
    return netaddr_classify((const struct sockaddr *)&sa, n) == NETADDR_LOOPBACK ? OK : ERR_DENIED;
}

enum err abci_server_open(struct abci_server **out, struct loop *l,
                          const struct abci_server_options *o)
{
    *out = NULL;
    struct ipc_endpoint at;
    TRY(endpoint_take(&at, o->at));
    struct abci_server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->loop = l;
    s->o = *o;
    s->at = at;
    if (s->o.frame_max == 0)
        s->o.frame_max = ABCI_FRAME_MAX;
    enum err e = ipc_listener_open(&s->listener, l, &s->at, on_listener, s);
    if (e != OK) {
        free(s);
        return e;
    }
    *out = s;
    return OK;
}

void abci_server_close(struct abci_server *s)
{
    if (s == NULL)
        return;
    ipc_listener_close(&s->listener);
    while (s->conns != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): conn_close takes it off the list */
        conn_close(s->conns);
    free(s);
}

uint16_t abci_server_port(const struct abci_server *s)
{
    return s->at.port;
}

uint32_t abci_server_connections(const struct abci_server *s)
{
    return s->conn_count;
}
