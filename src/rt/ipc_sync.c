#include "rt/ipc_sync.h"

#include "rt/clock.h"
#include "rt/ipc_link.h"
#include "rt/path.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

struct ipc_sync {
    struct ipc_link link;
    uint64_t next_id;
    uint32_t count; /* unanswered requests of ours */
    size_t bytes;
    struct {
        uint64_t id;
        size_t size;
    } open[IPC_REQUESTS_MAX];
};

enum err ipc_sync_new(struct ipc_sync **out, bool ring)
{
    *out = NULL;
    struct ipc_sync *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    if (ipc_link_init(&s->link, IPC_FRAME_MAX, ring, true) != OK) {
        free(s);
        return ERR_MEMORY;
    }
    *out = s;
    return OK;
}

void ipc_sync_free(struct ipc_sync *s)
{
    if (s == NULL)
        return;
    ipc_link_fini(&s->link);
    free(s);
}

void ipc_sync_close(struct ipc_sync *s)
{
    ipc_link_drop(&s->link);
    s->count = 0;
    s->bytes = 0;
}

int ipc_sync_fd(const struct ipc_sync *s)
{
    return s->link.fd;
}

/* OK when one of the events (or an error) is there. */
static enum err wait_for(int fd, short events, uint64_t deadline, short *got)
{
    for (;;) {
        struct pollfd at = { .fd = fd, .events = events };
        int n = poll(&at, 1, clock_left(deadline));
        if (n > 0) {
            *got = at.revents;
            return OK;
        }
        if (n == 0)
            return ERR_TIMEOUT;
        if (errno != EINTR && errno != EAGAIN)
            return ERR_IO;
    }
}

/* The next message of any kind; flushes kept output of ours meanwhile. */
static enum err next_message(struct ipc_sync *s, struct ipc_msg *m, uint64_t deadline)
{
    for (;;) {
        enum err e = ipc_link_next(&s->link, m);
        if (e != ERR_SHORT)
            return e == OK ? OK : ERR_CLOSED;
        e = ipc_link_read(&s->link);
        if (e == OK)
            continue;
        if (e != ERR_BUSY)
            return ERR_CLOSED;
        short want = POLLIN, got = 0;
        if (ipc_link_pending(&s->link) > 0)
            want |= POLLOUT;
        TRY(wait_for(s->link.fd, want, deadline, &got));
        if ((got & POLLOUT) != 0)
            TRY(ipc_link_flush(&s->link));
    }
}

/* ---- asking ---- */

static enum err greet(struct ipc_sync *s, const struct ipc_endpoint *at, uint64_t deadline)
{
    char token[IPC_TOKEN_SIZE + 1];
    bool local = at->kind == IPC_UNIX;
    if (!local)
        TRY(ipc_link_token(token, at->token_file, false));
    int fd;
    TRY(ipc_link_connect(&fd, at));
    ipc_link_attach(&s->link, fd, local);
    short got;
    TRY(wait_for(fd, POLLOUT, deadline, &got));
    TRY(ipc_link_hello_send(&s->link, at->ring_size, local ? NULL : token));
    struct ipc_msg m;
    TRY(next_message(s, &m, deadline));
    return ipc_link_hello_answered(&s->link, &m);
}

enum err ipc_sync_connect(struct ipc_sync *s, const struct ipc_endpoint *at, int64_t timeout_ms)
{
    ipc_sync_close(s);
    enum err e = greet(s, at, clock_deadline(timeout_ms));
    if (e != OK)
        ipc_sync_close(s);
    return e;
}

enum err ipc_sync_ask(struct ipc_sync *s, uint64_t *id, const struct ipc_msg *m)
{
    struct ipc_msg copy = *m;
    copy.flags = 0;
    copy.id = s->next_id + 1;
    ASSERT(m->type != IPC_TYPE_HELLO);
    TRY(ipc_frame_check(&copy));
    size_t size = m->body.n + m->bulk.n;
    if (s->count == IPC_REQUESTS_MAX || size > IPC_BYTES_MAX - s->bytes)
        return ERR_BUSY;
    /* The one kept frame goes first. While the server does not read, it may be waiting for us to
     * read: then the caller must take replies. */
    while (ipc_link_pending(&s->link) > 0) {
        short got = 0;
        TRY(wait_for(s->link.fd, POLLIN | POLLOUT, UINT64_MAX, &got));
        if ((got & POLLOUT) == 0 && (got & POLLIN) != 0)
            return ERR_BUSY;
        TRY(ipc_link_flush(&s->link));
    }
    TRY(ipc_link_send(&s->link, &copy));
    s->open[s->count].id = ++s->next_id;
    s->open[s->count].size = size;
    s->count++;
    s->bytes += size;
    if (id != NULL)
        *id = s->next_id;
    return OK;
}

static enum err settle(struct ipc_sync *s, const struct ipc_msg *m)
{
    if ((m->flags & IPC_REPLY) == 0)
        return ERR_CLOSED;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->open[i].id != m->id)
            continue;
        if ((m->flags & IPC_MORE) == 0) {
            s->bytes -= s->open[i].size;
            s->open[i] = s->open[--s->count];
        }
        return OK;
    }
    return ERR_CLOSED; /* a reply to nothing */
}

enum err ipc_sync_recv(struct ipc_sync *s, struct ipc_msg *m, int64_t timeout_ms)
{
    enum err e = next_message(s, m, clock_deadline(timeout_ms));
    if (e == OK)
        e = settle(s, m);
    if (e == OK || e == ERR_TIMEOUT)
        return e;
    *m = (struct ipc_msg){ 0 };
    ipc_sync_close(s);
    return ERR_CLOSED;
}

enum err ipc_sync_call(struct ipc_sync *s, struct ipc_msg *reply, const struct ipc_msg *m,
                       int64_t timeout_ms)
{
    *reply = (struct ipc_msg){ 0 };
    ASSERT(s->count == 0);
    uint64_t id;
    TRY(ipc_sync_ask(s, &id, m));
    enum err e = ipc_sync_recv(s, reply, timeout_ms);
    /* A late reply would be taken for the next one, so a call that timed out ends the connection.
     */
    if (e == ERR_TIMEOUT)
        ipc_sync_close(s);
    return e;
}

/* ---- for a launcher ---- */

enum err ipc_sync_listen(int *fd, struct ipc_endpoint *at)
{
    if (at->kind != IPC_UNIX) {
        char token[IPC_TOKEN_SIZE + 1];
        TRY(ipc_link_token(token, at->token_file, true));
    }
    return ipc_link_listen(fd, at);
}
