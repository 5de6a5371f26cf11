/* abci_link_test: connections of the fake CometBFT of abci_driver_test.h. */
#ifndef CRUST_ENGINE_ABCI_LINK_TEST_H
#define CRUST_ENGINE_ABCI_LINK_TEST_H

#include "engine/abci_driver_test.h"
#include "rt/ipc_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DRIVER_TURNS = 20000 };

/* A connection. */
struct driver_link {
    struct driver *d;
    int fd;
    size_t step; /* bytes a write; 0: all */
    uint8_t *in;
    size_t in_n, in_size;
    bool closed; /* by the server */
};

static inline void link_open(struct driver_link *k, struct driver *d)
{
    struct ipc_endpoint at;
    *k = (struct driver_link){ .d = d, .fd = -1 };
    CHECK_OK(ipc_endpoint_parse(&at, d->at));
    if (at.kind == IPC_TCP)
        at.port = abci_server_port(d->server);
    CHECK_OK(ipc_link_connect(&k->fd, &at));
    loop_run_once(d->loop, 0);
}

static inline void link_close(struct driver_link *k)
{
    close(k->fd);
    free(k->in);
    loop_run_once(k->d->loop, 0);
    loop_run_once(k->d->loop, 0);
}

/* Takes what has come. */
static inline void link_read(struct driver_link *k)
{
    if (k->in_size - k->in_n < 65536) {
        k->in_size = 2 * k->in_size + 131072;
        k->in = realloc(k->in, k->in_size);
        CHECK(k->in != NULL);
    }
    ssize_t n = recv(k->fd, k->in + k->in_n, k->in_size - k->in_n, MSG_DONTWAIT);
    if (n > 0)
        k->in_n += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        k->closed = true;
}

/* Writes all of it, turning the loop. read_too false: leaves the answers where they are, and gives
 * up when the server takes no more; returns what was written. */
static inline size_t link_write(struct driver_link *k, struct span bytes, bool read_too)
{
    size_t sent = 0;
    for (int turn = 0, idle = 0; sent < bytes.n && idle < 50 && turn < 10 * DRIVER_TURNS; turn++) {
        size_t n = bytes.n - sent;
        if (k->step != 0 && n > k->step)
            n = k->step;
        ssize_t done = send(k->fd, bytes.p + sent, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += done > 0 ? (size_t)done : 0;
        idle = done > 0 || read_too ? 0 : idle + 1;
        loop_run_once(k->d->loop, 0);
        if (read_too)
            link_read(k);
        if (k->closed)
            break;
    }
    return sent;
}

static inline void link_send(struct driver_link *k, const struct abci_request *m)
{
    size_t n = abci_request_size(m);
    uint8_t *p = malloc(n);
    CHECK(p != NULL);
    struct writer w = writer_of(p, n);
    abci_request_encode(&w, m);
    CHECK_OK(w.err);
    link_write(k, writer_span(&w), true);
    free(p);
}

/* The next answer, its bytes given to *keep (free(3)). False: the server closed without one. */
static inline bool link_answer(struct driver_link *k, struct abci_response *m, uint8_t **keep)
{
    *keep = NULL;
    for (int turn = 0; turn < DRIVER_TURNS; turn++) {
        struct span in = span_of(k->in, k->in_n), body;
        if (abci_frame_next(&body, &in, ABCI_FRAME_MAX) == OK) {
            *keep = check_dup(body.p, body.n);
            CHECK_OK(abci_response_decode(m, span_of(*keep, body.n)));
            memmove(k->in, in.p, in.n);
            k->in_n = in.n;
            return true;
        }
        if (k->closed)
            return false;
        loop_run_once(k->d->loop, 1);
        link_read(k);
    }
    const bool an_answer_came = false;
    CHECK(an_answer_came);
    return false;
}

/* A call as CometBFT makes it: the request, Flush, both answers. The answer's bytes stay until the
 * next call on this connection. */
static inline struct abci_response link_call(struct driver_link *k, const struct abci_request *m)
{
    static uint8_t *keep, *flushed;
    const struct abci_request flush = { .kind = ABCI_FLUSH };
    struct abci_response answer, f;
    free(keep);
    link_send(k, m);
    link_send(k, &flush);
    CHECK(link_answer(k, &answer, &keep));
    if (answer.kind == ABCI_EXCEPTION)
        return answer;
    CHECK(answer.kind == m->kind);
    CHECK(link_answer(k, &f, &flushed) && f.kind == ABCI_FLUSH);
    free(flushed);
    flushed = NULL;
    return answer;
}

/* ---- what a chain consists of ---- */

/* Decides a block of these transactions: FinalizeBlock and Commit. hash: the app hash. */
static inline void driver_decide(struct driver_link *k, uint8_t hash[32], int64_t height,
                                 struct span txs, uint32_t count)
{
    uint8_t room[256];
    const struct abci_request commit = { .kind = ABCI_COMMIT };
    const struct abci_request m = driver_block(k->d, ABCI_FINALIZE_BLOCK, height, txs, count,
                                               (struct mspan){ room, sizeof(room) });
    struct abci_response r = link_call(k, &m);
    CHECK(r.kind == ABCI_FINALIZE_BLOCK && r.finalize.tx_results.count == count);
    CHECK(r.finalize.app_hash.n == 32);
    memcpy(hash, r.finalize.app_hash.p, 32);
    r = link_call(k, &commit);
    CHECK(r.kind == ABCI_COMMIT);
}

static inline void driver_start(struct driver_link *k)
{
    uint8_t room[128];
    char state[128];
    const struct abci_request m = driver_init_chain(k->d, room, state);
    CHECK(link_call(k, &m).kind == ABCI_INIT_CHAIN);
}

#endif
