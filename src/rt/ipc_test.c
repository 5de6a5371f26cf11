/* The local protocol over each carrier: Unix socket, Unix socket with ring, TCP. */
#include "base/check.h"
#include "crypto/random.h"
#include "rt/clock.h"
#include "rt/ipc_link.h"
#include "rt/ipc_sync.h"
#include "rt/log.h"
#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { T_ECHO = 1, T_COUNT, T_FAIL, T_HOLD, T_FLOOD };

static char dir[64];

/* How long a test waits for what must happen: only a hang takes as long, on however busy a machine.
 */
enum { PATIENCE_MS = 120000 };

struct world {
    struct loop *loop;
    struct ipc_server *server;
    struct ipc_endpoint at;
    pthread_t thread;
    struct ipc_request *held[IPC_REQUESTS_MAX * 2];
    unsigned held_count, held_most, gone;
    uint64_t requests;
};

/* ---- the server ---- */

struct flood {
    struct ipc_request *rq;
    unsigned left, busy;
    uint8_t piece[200 << 10];
};

static void flood_on(struct flood *f)
{
    while (f->left > 0) {
        memset(f->piece, (int)f->left, sizeof(f->piece));
        enum err e = ipc_reply(f->rq, f->left > 1 ? IPC_MORE : 0, span_str("x"),
                               span_of(f->piece, sizeof(f->piece)));
        if (e == ERR_BUSY) {
            f->busy++;
            return;
        }
        f->left--;
        if (e == ERR_CLOSED && f->left > 0) { /* the last answer is due in any case */
            f->left = 0;
            CHECK_ERR(ipc_reply(f->rq, 0, span_str(""), span_str("")), ERR_CLOSED);
        }
    }
    free(f);
}

static void on_watch(void *ctx, struct ipc_request *rq, enum ipc_event ev)
{
    struct flood *f = ctx;
    if (ev == IPC_DRAINED) {
        flood_on(f);
        return;
    }
    CHECK_ERR(ipc_reply(rq, 0, span_str(""), span_str("")), ERR_CLOSED);
    free(f);
}

static void on_held_gone(void *ctx, struct ipc_request *rq, enum ipc_event ev)
{
    (void)rq;
    struct world *w = ctx;
    CHECK(ev == IPC_GONE);
    w->gone++;
}

static void handle(void *ctx, struct ipc_request *rq, const struct ipc_msg *m)
{
    struct world *w = ctx;
    w->requests++;
    if (m->type == T_ECHO) {
        enum err e = ipc_reply(rq, 0, m->body, m->bulk);
        CHECK(e == OK || e == ERR_CLOSED);
    } else if (m->type == T_COUNT) {
        for (uint8_t i = 0; i < 5; i++)
            CHECK_OK(ipc_reply(rq, i < 4 ? IPC_MORE : 0, span_of(&i, 1), span_str("")));
    } else if (m->type == T_FAIL) {
        CHECK_OK(ipc_reply(rq, IPC_ERROR, span_str("bad"), span_str("")));
    } else if (m->type == T_HOLD) {
        ipc_request_watch(rq, on_held_gone, w);
        w->held[w->held_count++] = rq;
        if (w->held_count > w->held_most)
            w->held_most = w->held_count;
    } else {
        struct flood *f = calloc(1, sizeof(*f));
        CHECK(f != NULL);
        f->rq = rq;
        f->left = 100; /* 20 MB, more than may wait */
        ipc_request_watch(rq, on_watch, f);
        flood_on(f);
    }
}

static void release_held(void *ctx)
{
    struct world *w = ctx;
    unsigned n = w->held_count;
    w->held_count = 0;
    for (unsigned i = 0; i < n; i++) {
        enum err e = ipc_reply(w->held[i], 0, span_str("late"), span_str(""));
        CHECK(e == OK || e == ERR_CLOSED);
    }
}

static struct ipc_endpoint endpoint(int carrier)
{
    struct ipc_endpoint at;
    if (carrier == 2) {
        CHECK_OK(ipc_endpoint_parse(&at, "tcp:127.0.0.1:0"));
        snprintf(at.token_file, sizeof(at.token_file), "%s/token", dir);
    } else {
        char text[128];
        snprintf(text, sizeof(text), "unix:%s/s%d.sock", dir, carrier);
        CHECK_OK(ipc_endpoint_parse(&at, text));
        at.ring_size = carrier == 1 ? 1 << 20 : 0;
    }
    return at;
}

static void world_open(struct world *w, int carrier)
{
    *w = (struct world){ 0 };
    CHECK_OK(loop_new(&w->loop, 0));
    w->at = endpoint(carrier);
    struct ipc_server_options o = {
        .at = w->at, .handler = handle, .ctx = w, .connections_max = 3
    };
    CHECK_OK(ipc_server_open(&w->server, w->loop, &o));
    w->at.port = ipc_server_port(w->server);
}

static void world_close(struct world *w)
{
    ipc_server_close(w->server);
    release_held(w);
    loop_free(w->loop);
}

static void *run_loop(void *ctx)
{
    loop_run(ctx);
    return NULL;
}

static void start_thread(struct world *w)
{
    CHECK(pthread_create(&w->thread, NULL, run_loop, w->loop) == 0);
}

static void stop_thread(struct world *w)
{
    loop_stop(w->loop);
    pthread_join(w->thread, NULL);
}

/* ---- the blocking client against the server ---- */

static void check_echo(struct ipc_sync *c, size_t body_n, size_t bulk_n)
{
    uint8_t *body = malloc(body_n + 1), *bulk = malloc(bulk_n + 1);
    CHECK(body != NULL && bulk != NULL);
    random_bytes(body, body_n);
    random_bytes(bulk, bulk_n);
    struct ipc_msg m = { .type = T_ECHO, .body = { body, body_n }, .bulk = { bulk, bulk_n } }, got;
    CHECK_OK(ipc_sync_call(c, &got, &m, PATIENCE_MS));
    CHECK(got.flags == IPC_REPLY && got.type == T_ECHO);
    CHECK_SPAN(got.body, m.body);
    CHECK_SPAN(got.bulk, m.bulk);
    free(body);
    free(bulk);
}

static void calls_of_every_size_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 100, 65536, 700000, (1 << 20) + 1, IPC_PAYLOAD_MAX / 2 };
    for (int carrier = 0; carrier < 3; carrier++) {
        struct world w;
        world_open(&w, carrier);
        start_thread(&w);
        struct ipc_sync *c;
        CHECK_OK(ipc_sync_new(&c, carrier == 1));
        CHECK_OK(ipc_sync_connect(c, &w.at, PATIENCE_MS));
        for (size_t i = 0; i < 7; i++) {
            for (size_t k = 0; k < 7; k++)
                check_echo(c, sizes[i], sizes[k]);
        }
        check_echo(c, 0, IPC_PAYLOAD_MAX);
        struct ipc_msg m = { .type = T_COUNT }, got;
        CHECK_OK(ipc_sync_call(c, &got, &m, PATIENCE_MS));
        for (uint8_t i = 0; i < 5; i++) {
            CHECK(got.body.n == 1 && got.body.p[0] == i);
            CHECK(got.flags == (i < 4 ? IPC_REPLY | IPC_MORE : IPC_REPLY));
            if (i < 4)
                CHECK_OK(ipc_sync_recv(c, &got, PATIENCE_MS));
        }
        m.type = T_FAIL;
        CHECK_OK(ipc_sync_call(c, &got, &m, PATIENCE_MS));
        CHECK(got.flags == (IPC_REPLY | IPC_ERROR));
        CHECK_SPAN(got.body, span_str("bad"));
        ipc_sync_free(c);
        stop_thread(&w);
        world_close(&w);
    }
}

static void the_ring_is_really_used(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1);
    start_thread(&w);
    struct ipc_link k;
    int fd;
    CHECK_OK(ipc_link_init(&k, 1 << 20, true, false));
    CHECK_OK(ipc_link_connect(&fd, &w.at));
    ipc_link_attach(&k, fd, true);
    CHECK_OK(ipc_link_hello_send(&k, w.at.ring_size, NULL));
    struct ipc_msg m;
    while (ipc_link_next(&k, &m) == ERR_SHORT) {
        enum err e = ipc_link_read(&k);
        CHECK(e == OK || e == ERR_BUSY);
    }
    CHECK_OK(ipc_link_hello_answered(&k, &m));
    CHECK(k.ring.map != NULL);
    uint8_t bulk[1000] = { 1, 2, 3 };
    m = (struct ipc_msg){ .type = T_ECHO, .id = 9, .bulk = span_of(bulk, sizeof(bulk)) };
    for (int i = 0; i < 5000; i++) { /* five times around the ring */
        CHECK_OK(ipc_link_send(&k, &m));
        struct ipc_msg got;
        while (ipc_link_next(&k, &got) == ERR_SHORT) {
            enum err e = ipc_link_read(&k);
            CHECK(e == OK || e == ERR_BUSY);
        }
        CHECK_SPAN(got.bulk, m.bulk);
    }
    CHECK(k.ring.head == 5000 * 1000 && k.ring.consumed == 5000 * 1000);
    ipc_link_fini(&k);
    stop_thread(&w);
    world_close(&w);
}

static void many_requests_at_once_without_deadlock(void **state)
{
    (void)state;
    for (int carrier = 0; carrier < 3; carrier++) {
        struct world w;
        world_open(&w, carrier);
        start_thread(&w);
        struct ipc_sync *c;
        CHECK_OK(ipc_sync_new(&c, carrier == 1));
        CHECK_OK(ipc_sync_connect(c, &w.at, PATIENCE_MS));
        uint8_t *bulk = calloc(1, 1 << 20);
        CHECK(bulk != NULL);
        unsigned asked = 0, answered = 0, busy = 0;
        while (answered < 60) {
            struct ipc_msg m = { .type = T_ECHO, .bulk = { bulk, 1 << 20 } }, got;
            enum err e = asked < 60 ? ipc_sync_ask(c, NULL, &m) : ERR_BUSY;
            if (e == OK) {
                asked++;
                continue;
            }
            CHECK_ERR(e, ERR_BUSY);
            busy++;
            CHECK_OK(ipc_sync_recv(c, &got, PATIENCE_MS));
            CHECK(got.bulk.n == 1 << 20);
            answered++;
        }
        CHECK(busy >= 60 - 8);
        free(bulk);
        ipc_sync_free(c);
        stop_thread(&w);
        world_close(&w);
    }
}

/* ---- limits ---- */

static void turn(struct world *w, int times)
{
    for (int i = 0; i < times; i++)
        loop_run_once(w->loop, 2);
}

static int raw_connect(struct world *w, bool hello)
{
    int fd;
    CHECK_OK(ipc_link_connect(&fd, &w->at));
    CHECK(fcntl(fd, F_SETFL, 0) == 0);
    struct timeval limit = { .tv_sec = PATIENCE_MS / 1000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (hello) {
        static const uint8_t bytes[24] = { 20, [16] = 1 };
        CHECK(send(fd, bytes, 24, MSG_NOSIGNAL) == 24);
    }
    return fd;
}

static void put_request(uint8_t out[IPC_PREFIX_MAX], uint16_t type, uint64_t id)
{
    struct ipc_msg m = { .type = type, .id = id };
    CHECK(ipc_frame_prefix(out, &m, NULL) == 16);
}

static void the_server_stops_reading_at_32_requests(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 0);
    int fd = raw_connect(&w, true);
    for (uint64_t i = 1; i <= 50; i++) {
        uint8_t bytes[IPC_PREFIX_MAX];
        put_request(bytes, T_HOLD, i);
        CHECK(send(fd, bytes, 16, MSG_NOSIGNAL) == 16);
    }
    turn(&w, 30);
    CHECK(w.held_count == IPC_REQUESTS_MAX && w.requests == IPC_REQUESTS_MAX);
    release_held(&w);
    turn(&w, 30);
    CHECK(w.requests == 50 && w.held_count == 18);
    close(fd);
    turn(&w, 10);
    CHECK(w.gone == 18); /* they hear of it, and answer into the void */
    release_held(&w);
    world_close(&w);
}

static void the_server_stops_reading_at_8_mib(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 0);
    int fd = raw_connect(&w, true);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    enum { SIZE = 1 << 20 };
    uint8_t *frame = calloc(1, SIZE);
    CHECK(frame != NULL);
    struct ipc_msg m = { .type = T_HOLD, .id = 1, .body = { frame, SIZE - 16 } };
    size_t sent = 0;
    for (int stuck = 0; stuck < 100 && sent < 20 * (size_t)SIZE; stuck++) {
        m.id = sent / SIZE + 1;
        ipc_frame_prefix(frame, &m, NULL);
        ssize_t n = send(fd, frame + sent % SIZE, SIZE - sent % SIZE, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            stuck = 0;
        }
        loop_run_once(w.loop, 1);
    }
    CHECK(w.requests >= 8 && w.requests <= 9);
    /* What we have read is bounded: 9 requests, one buffer, and the socket's own. */
    CHECK(sent < 9 * (size_t)SIZE + IPC_FRAME_MAX + (2 << 20));
    free(frame);
    close(fd);
    turn(&w, 10);
    release_held(&w);
    world_close(&w);
}

static void a_slow_reader_is_waited_for(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 0);
    start_thread(&w);
    int fd = raw_connect(&w, true);
    uint8_t bytes[IPC_PREFIX_MAX];
    put_request(bytes, T_FLOOD, 7);
    CHECK(send(fd, bytes, 16, MSG_NOSIGNAL) == 16);
    clock_sleep_ms(100); /* the server runs into its limit */
    size_t total = 0, want = 24 + 100 * (16 + 4 + 1 + (200 << 10));
    static uint8_t buffer[300000];
    while (total < want) {
        ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
        CHECK(n > 0);
        total += (size_t)n;
    }
    CHECK(total == want);
    /* And one that never reads and goes. */
    put_request(bytes, T_FLOOD, 8);
    CHECK(send(fd, bytes, 16, MSG_NOSIGNAL) == 16);
    clock_sleep_ms(50);
    close(fd);
    clock_sleep_ms(50);
    stop_thread(&w);
    world_close(&w);
}

/* ---- strangers ---- */

static bool is_dropped(struct world *w, int fd)
{
    turn(w, 20);
    uint8_t byte[64];
    ssize_t n;
    while ((n = recv(fd, byte, sizeof(byte), MSG_DONTWAIT)) > 0)
        continue;
    bool dropped = n == 0 || errno == ECONNRESET;
    close(fd);
    return dropped;
}

static void peers_that_break_the_format_are_dropped(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 0);
    static const struct {
        bool hello;
        uint8_t bytes[32];
        size_t n;
    } rows[] = {
        { true, { 0xff, 0xff, 0xff, 0xff }, 16 },             /* too long */
        { true, { 11 }, 16 },                                 /* too short */
        { true, { 12, 0, 0, 0, 1, 0, IPC_REPLY }, 16 },       /* a reply from a client */
        { true, { 12 }, 16 },                                 /* a second hello */
        { true, { 24, 0, 0, 0, 1, 0, 24, 0, [16] = 5 }, 28 }, /* ring without a ring */
        { false, { 12, 0, 0, 0, 1 }, 16 },                    /* no hello */
        { false, { 20, [8] = 1, [16] = 1 }, 24 },             /* a hello with an id */
        { false, { 20, [16] = 2 }, 24 },                      /* another version */
        { false, { 19, [16] = 1 }, 23 },                      /* a hello that is too short */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = raw_connect(&w, rows[i].hello);
        turn(&w, 3);
        CHECK(send(fd, rows[i].bytes, rows[i].n, MSG_NOSIGNAL) == (ssize_t)rows[i].n);
        CHECK(is_dropped(&w, fd));
    }
    /* The same id twice while it is in flight. */
    int fd = raw_connect(&w, true);
    uint8_t bytes[IPC_PREFIX_MAX];
    put_request(bytes, T_HOLD, 5);
    CHECK(send(fd, bytes, 16, 0) == 16 && send(fd, bytes, 16, 0) == 16);
    CHECK(is_dropped(&w, fd));
    release_held(&w);
    /* More connections than allowed: the fourth is closed at once. */
    int fds[4];
    for (int i = 0; i < 4; i++)
        fds[i] = raw_connect(&w, true);
    CHECK(is_dropped(&w, fds[3]));
    for (int i = 0; i < 3; i++)
        CHECK(!is_dropped(&w, fds[i]));
    turn(&w, 5);
    world_close(&w);
}

static void tcp_needs_the_token(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 2);
    start_thread(&w);
    struct ipc_sync *c;
    CHECK_OK(ipc_sync_new(&c, false));
    struct ipc_endpoint wrong = w.at;
    snprintf(wrong.token_file, sizeof(wrong.token_file), "%s/other", dir);
    CHECK_ERR(ipc_sync_connect(c, &wrong, 2000), ERR_NOT_FOUND);
    char token[IPC_TOKEN_SIZE + 1];
    CHECK_OK(ipc_link_token(token, wrong.token_file, true));
    CHECK_ERR(ipc_sync_connect(c, &wrong, 2000), ERR_DENIED);
    CHECK_OK(ipc_sync_connect(c, &w.at, 2000));
    check_echo(c, 3, 3);
    ipc_sync_free(c);
    stop_thread(&w);
    world_close(&w);
}

static void sockets_are_kept_or_replaced(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 0);
    struct stat st;
    CHECK(stat(w.at.path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
    struct ipc_server *second;
    struct ipc_server_options o = { .at = w.at, .handler = handle, .ctx = &w };
    CHECK_ERR(ipc_server_open(&second, w.loop, &o), ERR_EXISTS);
    world_close(&w);
    CHECK(!path_exists(w.at.path));
    /* A socket file left by a crash. */
    int fd;
    CHECK_OK(ipc_sync_listen(&fd, &w.at));
    close(fd);
    CHECK(path_exists(w.at.path));
    world_open(&w, 0);
    world_close(&w);
    struct ipc_sync *c;
    CHECK_OK(ipc_sync_new(&c, false));
    CHECK_ERR(ipc_sync_connect(c, &w.at, 100), ERR_NOT_FOUND);
    ipc_sync_free(c);
    struct ipc_endpoint at;
    CHECK_ERR(ipc_endpoint_parse(&at, "unix:"), ERR_FORMAT);
    CHECK_ERR(ipc_endpoint_parse(&at, "tcp:localhost:1"), ERR_FORMAT);
    CHECK_ERR(ipc_endpoint_parse(&at, "/tmp/x"), ERR_FORMAT);
    CHECK_OK(ipc_endpoint_parse(&at, "tcp:[::1]:7000"));
    CHECK(at.port == 7000 && strcmp(at.host, "::1") == 0);
}

/* Shared memory of the wrong size, or that could still shrink, is not mapped. */
static void a_ring_that_could_hurt_us_is_refused(void **state)
{
    (void)state;
    struct ipc_ring a, b;
    int fd;
    CHECK_OK(ipc_ring_create(&a, &fd, 65536));
    CHECK_ERR(ipc_ring_attach(&b, fd, 131072), ERR_DENIED);
    CHECK_ERR(ipc_ring_attach(&b, fd, 65537), ERR_DENIED);
    CHECK_OK(ipc_ring_attach(&b, fd, 65536));
    CHECK(ftruncate(fd, 0) != 0);
    close(fd);
    int open_fd = memfd_create("loose", MFD_ALLOW_SEALING);
    CHECK(ftruncate(open_fd, IPC_RING_HEADER + 2 * 65536) == 0);
    struct ipc_ring c;
    CHECK_ERR(ipc_ring_attach(&c, open_fd, 65536), ERR_DENIED);
    close(open_fd);

    uint8_t bytes[40000] = { 7 }, out[40000];
    struct ipc_ring_ref ref, bad;
    CHECK_OK(ipc_ring_put(&a, &ref, span_of(bytes, sizeof(bytes))));
    CHECK_ERR(ipc_ring_put(&a, &bad, span_of(bytes, sizeof(bytes))), ERR_BUSY);
    bad = ref;
    bad.position++;
    CHECK_ERR(ipc_ring_get(&b, out, &bad), ERR_CORRUPT);
    bad = ref;
    bad.length = 65537;
    CHECK_ERR(ipc_ring_get(&b, out, &bad), ERR_CORRUPT);
    CHECK_OK(ipc_ring_get(&b, out, &ref));
    CHECK(memcmp(bytes, out, sizeof(out)) == 0);
    CHECK_ERR(ipc_ring_get(&b, out, &ref), ERR_CORRUPT);
    /* A reader that claims to have read what was never written. */
    store_le64(b.map, 1 << 30);
    CHECK_ERR(ipc_ring_put(&a, &ref, span_of(bytes, 1)), ERR_CORRUPT);
    ipc_ring_detach(&a);
    ipc_ring_detach(&b);
}

/* ---- the client of the loop ---- */

struct asked {
    unsigned replies, ok, timeouts, closed;
    bool more;
};

static void on_reply(void *ctx, enum err e, const struct ipc_msg *m)
{
    struct asked *a = ctx;
    a->replies++;
    if (e == OK) {
        a->ok++;
        a->more = (m->flags & IPC_MORE) != 0;
    } else if (e == ERR_TIMEOUT) {
        a->timeouts++;
    } else {
        CHECK_ERR(e, ERR_CLOSED);
        a->closed++;
    }
}

static void on_closed(void *ctx, enum err e)
{
    *(enum err *)ctx = e;
}

static void the_loop_client_asks_times_out_and_closes(void **state)
{
    (void)state;
    for (int carrier = 0; carrier < 3; carrier++) {
        struct world w;
        world_open(&w, carrier);
        struct ipc_client *c;
        enum err end = OK;
        CHECK_OK(ipc_client_open(&c, w.loop, &w.at, on_closed, &end));
        struct asked count = { 0 }, hold = { 0 }, big = { 0 };
        uint8_t *bulk = calloc(1, 2 << 20);
        CHECK(bulk != NULL);
        struct ipc_msg m = { .type = T_COUNT };
        CHECK_OK(ipc_client_request(c, &m, 1000, on_reply, &count));
        m.type = T_HOLD;
        CHECK_OK(ipc_client_request(c, &m, 30, on_reply, &hold));
        m = (struct ipc_msg){ .type = T_ECHO, .bulk = { bulk, 2 << 20 } };
        for (int i = 0; i < 4; i++)
            CHECK_OK(ipc_client_request(c, &m, 5000, on_reply, &big));
        CHECK(!ipc_client_ready(c, 1));
        CHECK_ERR(ipc_client_request(c, &m, 5000, on_reply, &big), ERR_BUSY);
        for (int i = 0; i < 500 && (big.ok < 4 || hold.timeouts == 0); i++)
            loop_run_once(w.loop, 5);
        CHECK(count.ok == 5 && !count.more && big.ok == 4);
        CHECK(hold.timeouts == 1 && hold.replies == 1);
        release_held(&w); /* the late reply is taken and dropped */
        turn(&w, 5);
        CHECK(hold.replies == 1);
        m = (struct ipc_msg){ .type = T_HOLD };
        CHECK_OK(ipc_client_request(c, &m, 0, on_reply, &hold));
        if (carrier == 0) { /* we go */
            turn(&w, 5);
            ipc_client_close(c);
            CHECK(hold.closed == 1 && end == OK);
        } else { /* the server goes */
            turn(&w, 5);
            ipc_server_close(w.server);
            w.server = NULL;
            turn(&w, 10);
            CHECK(hold.closed == 1 && end == ERR_CLOSED);
            CHECK_ERR(ipc_client_request(c, &m, 0, on_reply, &hold), ERR_CLOSED);
            ipc_client_close(c);
        }
        turn(&w, 5);
        free(bulk);
        world_close(&w);
    }
}

static void a_client_learns_that_it_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 2);
    struct ipc_endpoint wrong = w.at;
    snprintf(wrong.token_file, sizeof(wrong.token_file), "%s/third", dir);
    char token[IPC_TOKEN_SIZE + 1];
    CHECK_OK(ipc_link_token(token, wrong.token_file, true));
    struct ipc_client *c;
    enum err end = OK;
    CHECK_OK(ipc_client_open(&c, w.loop, &wrong, on_closed, &end));
    for (int i = 0; i < 100 && end == OK; i++)
        loop_run_once(w.loop, 5);
    CHECK_ERR(end, ERR_DENIED);
    ipc_client_close(c);
    world_close(&w);
}

static int set_up(void **state)
{
    (void)state;
    log_init("test", LOG_LEVEL_OFF);
    snprintf(dir, sizeof(dir), "/tmp/crust-ipc-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    return path_remove_tree(dir) != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_every_size_come_back),
        cmocka_unit_test(the_ring_is_really_used),
        cmocka_unit_test(many_requests_at_once_without_deadlock),
        cmocka_unit_test(the_server_stops_reading_at_32_requests),
        cmocka_unit_test(the_server_stops_reading_at_8_mib),
        cmocka_unit_test(a_slow_reader_is_waited_for),
        cmocka_unit_test(peers_that_break_the_format_are_dropped),
        cmocka_unit_test(tcp_needs_the_token),
        cmocka_unit_test(sockets_are_kept_or_replaced),
        cmocka_unit_test(a_ring_that_could_hurt_us_is_refused),
        cmocka_unit_test(the_loop_client_asks_times_out_and_closes),
        cmocka_unit_test(a_client_learns_that_it_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
