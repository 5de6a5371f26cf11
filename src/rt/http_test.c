/* The HTTP server and client against each other. */
#include "base/check.h"
#include "rt/clock.h"
#include "rt/http_client.h"
#include "rt/http_server.h"
#include "rt/log.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 3 << 20 };

struct world {
    struct http_server *server;
    struct loop *loop; /* runs on its own thread, as a daemon's */
    pthread_t thread;
    int fd; /* BIG bytes, the i-th is (uint8_t)(i * 7) */
    atomic_int stream_freed, data_freed;
    atomic_ullong sunk;
    atomic_bool sink_was_busy;
    struct http_request *_Atomic held;
};

static uint8_t byte_at(uint64_t i)
{
    return (uint8_t)(i * 7);
}

/* ---- what the server does ---- */

static void on_loop_answer(struct http_request *rq)
{
    char text[64];
    snprintf(text, sizeof(text), "from the loop: %s", http_request_query(rq));
    (void)http_request_respond_text(rq, 200, text);
}

static void on_loop_hold(struct http_request *rq)
{
    struct world *w = http_request_server_ctx(rq);
    w->held = rq;
}

struct generator {
    struct http_request *rq;
    struct world *w;
    uint64_t size;
    bool waited;
};

static void wake_later(void *ctx)
{
    http_request_wake(ctx);
}

static int64_t generate(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    struct generator *g = ctx;
    if (pos == g->size)
        return HTTP_BODY_END;
    if (pos > 1000 && !g->waited) { /* once, in the middle, nothing is ready */
        g->waited = true;
        CHECK_OK(loop_post(g->w->loop, wake_later, g->rq));
        return HTTP_BODY_WAIT;
    }
    size_t n = g->size - pos < max ? (size_t)(g->size - pos) : max;
    for (size_t i = 0; i < n; i++)
        out[i] = byte_at(pos + i);
    return (int64_t)n;
}

static void generator_free(void *ctx)
{
    struct generator *g = ctx;
    g->w->stream_freed++;
    free(g);
}

static void answer_stream(struct world *w, struct http_request *rq, bool sized)
{
    struct generator *g = malloc(sizeof(*g));
    CHECK(g != NULL);
    *g = (struct generator){ .rq = rq, .w = w, .size = 300000 };
    struct http_response r = { .status = 200,
                               .kind = HTTP_BODY_STREAM,
                               .size = sized ? g->size : HTTP_SIZE_UNKNOWN,
                               .read = generate,
                               .read_ctx = g,
                               .read_free = generator_free };
    (void)http_request_respond(rq, &r);
}

static void answer_fd(struct world *w, struct http_request *rq)
{
    unsigned long from = strtoul(http_request_query(rq), NULL, 10);
    unsigned long size = BIG - from;
    if (size > 1000000)
        size = 1000000;
    struct http_response r = {
        .status = 206, .kind = HTTP_BODY_FD, .fd = dup(w->fd), .fd_offset = from, .size = size
    };
    http_response_add(&r, "X-Kind", "range");
    (void)http_request_respond(rq, &r);
}

static void data_freed(void *ctx)
{
    struct world *w = ctx;
    w->data_freed++;
}

static void on_request(void *ctx, struct http_request *rq)
{
    struct world *w = ctx;
    const char *path = http_request_path(rq);
    if (strcmp(path, "/hello") == 0)
        (void)http_request_respond_text(rq, 200, "hello");
    else if (strcmp(path, "/loop") == 0)
        http_request_post(rq, w->loop, on_loop_answer, 5000);
    else if (strcmp(path, "/hold") == 0)
        http_request_post(rq, w->loop, on_loop_hold, 200);
    else if (strcmp(path, "/stream") == 0)
        answer_stream(w, rq, false);
    else if (strcmp(path, "/sized") == 0)
        answer_stream(w, rq, true);
    else if (strcmp(path, "/file") == 0)
        answer_fd(w, rq);
    else if (strcmp(path, "/data") == 0) {
        http_request_set_data(rq, w, data_freed);
        (void)http_request_respond_text(rq, 200, "data");
    } else if (strcmp(path, "/echo") == 0) {
        struct http_response r = { .status = 201, .body = http_request_body(rq) };
        const char *type = http_request_header(rq, "content-TYPE");
        http_response_add(&r, "Content-Type", type == NULL ? "none" : type);
        http_response_add(&r, "X-Method", http_method_name(http_request_method(rq)));
        (void)http_request_respond(rq, &r);
    } else if (strcmp(path, "/smuggle") == 0) {
        struct http_response r = { .status = 200 };
        http_response_add(&r, "X-Bad", "a\r\nSet-Cookie: b");
        (void)http_request_respond(rq, &r);
    } else if (strcmp(path, "/redirect") == 0) {
        struct http_response r = { .status = 302 };
        http_response_add(&r, "Location", http_request_query(rq));
        (void)http_request_respond(rq, &r);
    } else if (strcmp(path, "/sink") == 0) {
        char text[32];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)w->sunk);
        (void)http_request_respond_text(rq, 200, text);
    } else {
        struct http_response r = { .status = 404, .body = span_str(path) };
        (void)http_request_respond(rq, &r);
    }
}

static enum err sink(void *ctx, struct span chunk)
{
    struct http_request *rq = ctx;
    struct world *w = http_request_server_ctx(rq);
    if (w->sunk > 100000 && !w->sink_was_busy) {
        w->sink_was_busy = true;
        CHECK_OK(loop_post(w->loop, wake_later, rq));
        return ERR_BUSY;
    }
    for (size_t i = 0; i < chunk.n; i++) {
        if (chunk.p[i] != byte_at(w->sunk + i))
            return ERR_CORRUPT;
    }
    w->sunk += chunk.n;
    return OK;
}

static void on_begin(void *ctx, struct http_request *rq)
{
    struct world *w = ctx;
    if (strcmp(http_request_path(rq), "/sink") == 0) {
        w->sunk = 0;
        w->sink_was_busy = false;
        http_request_stream_body(rq, sink, rq, 8 << 20);
    }
    if (strcmp(http_request_path(rq), "/refuse") == 0)
        (void)http_request_respond_text(rq, 403, "no");
}

static void *run_loop(void *ctx)
{
    loop_run(ctx);
    return NULL;
}

static int world_open(void **state)
{
    static struct world w;
    w = (struct world){ 0 };
    log_init("test", LOG_LEVEL_OFF);
    w.fd = memfd_create("test", MFD_CLOEXEC);
    uint8_t *bytes = malloc(BIG);
    CHECK(w.fd >= 0 && bytes != NULL);
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = byte_at(i);
    CHECK(write(w.fd, bytes, BIG) == BIG);
    free(bytes);
    CHECK_OK(loop_new(&w.loop, 4));
    CHECK(pthread_create(&w.thread, NULL, run_loop, w.loop) == 0);
    struct http_server_options o = { .threads = 2, .handler = on_request, .begin = on_begin };
    o.ctx = &w;
    CHECK_OK(http_server_open(&w.server, &o));
    *state = &w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    http_server_close(w->server);
    loop_stop(w->loop);
    pthread_join(w->thread, NULL);
    loop_free(w->loop);
    close(w->fd);
    return 0;
}

/* ---- asking, blocking ---- */

static const char *url_of(const struct world *w, const char *path)
{
    static char url[256];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)http_server_port(w->server),
             path);
    return url;
}

static struct http_fetch_options get(const struct world *w, const char *path)
{
    return (struct http_fetch_options){ .url = url_of(w, path), .total_timeout_ms = 20000 };
}

static void expect(const struct http_fetch_options *o, uint16_t status, const char *body)
{
    struct mspan got;
    uint16_t s;
    CHECK_OK(http_fetch_text(&got, o, true, &s));
    assert_int_equal(s, status);
    assert_string_equal((const char *)got.p, body);
    free(got.p);
}

static void answers_from_handler_and_from_loop(void **state)
{
    struct world *w = *state;
    struct http_fetch_options o = get(w, "/hello");
    expect(&o, 200, "hello");
    o = get(w, "/loop?a=%2F&b");
    expect(&o, 200, "from the loop: a=%2F&b");
    o = get(w, "/a%2Fb%00c?x");
    expect(&o, 404, "/a%2Fb%00c");
    o = get(w, "/refuse");
    expect(&o, 403, "no");
    o = get(w, "/smuggle");
    expect(&o, 500, "Internal error.\n");
    o = get(w, "/data");
    expect(&o, 200, "data");
    for (int i = 0; i < 100 && w->data_freed == 0; i++)
        clock_sleep_ms(10);
    CHECK(w->data_freed == 1);
}

static void suspended_requests_meet_our_deadline(void **state)
{
    struct world *w = *state;
    w->held = NULL;
    struct http_fetch_options o = get(w, "/hold");
    uint64_t start = clock_mono_ms();
    expect(&o, 504, "The answer took too long.\n");
    CHECK(clock_mono_ms() - start >= 190);
    CHECK(w->held != NULL);
    CHECK_ERR(http_request_respond_text(w->held, 200, "late"), ERR_TIMEOUT);
}

static void block_loop(void *ctx)
{
    atomic_bool *go = ctx;
    while (!*go)
        clock_sleep_ms(1);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void a_full_loop_queue_is_503(void **state)
{
    struct world *w = *state;
    atomic_bool go = false;
    CHECK_OK(loop_post(w->loop, block_loop, &go));
    clock_sleep_ms(50);
    while (loop_post(w->loop, nothing, NULL) == OK)
        continue;
    struct http_fetch_options o = get(w, "/loop");
    expect(&o, 503, "Busy, try again.\n");
    go = true;
    clock_sleep_ms(50);
    o = get(w, "/loop?again");
    expect(&o, 200, "from the loop: again");
}

static void streams_wait_and_wake(void **state)
{
    struct world *w = *state;
    const char *paths[] = { "/stream", "/sized" };
    for (int i = 0; i < 2; i++) {
        struct http_fetch_options o = get(w, paths[i]);
        struct mspan got;
        CHECK_OK(http_fetch_text(&got, &o, true, NULL));
        CHECK(got.n == 300000);
        for (size_t k = 0; k < got.n; k++)
            CHECK(got.p[k] == byte_at(k));
        free(got.p);
    }
    for (int i = 0; i < 100 && w->stream_freed < 2; i++)
        clock_sleep_ms(10);
    CHECK(w->stream_freed == 2);
}

static void files_are_sent_by_range(void **state)
{
    struct world *w = *state;
    static const unsigned froms[] = { 0, 1, 4095, 4096, 2999999, BIG - 1 };
    for (size_t i = 0; i < sizeof(froms) / sizeof(froms[0]); i++) {
        char path[32];
        snprintf(path, sizeof(path), "/file?%u", froms[i]);
        struct http_fetch_options o = get(w, path);
        struct mspan got;
        uint16_t status;
        CHECK_OK(http_fetch_text(&got, &o, true, &status));
        size_t want = BIG - froms[i] < 1000000 ? BIG - froms[i] : 1000000;
        CHECK(status == 206 && got.n == want);
        for (size_t k = 0; k < got.n; k++)
            CHECK(got.p[k] == byte_at(froms[i] + k));
        free(got.p);
    }
}

static enum err keep_length(void *ctx, const struct http_reply *reply)
{
    *(uint64_t *)ctx = reply->length;
    return OK;
}

static void head_has_length_and_no_body(void **state)
{
    struct world *w = *state;
    const struct {
        const char *path;
        uint64_t length;
    } rows[] = { { "/hello", 5 }, { "/file?0", 1000000 }, { "/sized", 300000 } };
    for (size_t i = 0; i < 3; i++) {
        struct http_fetch_options o = get(w, rows[i].path);
        uint64_t length = 0;
        o.method = HTTP_HEAD;
        o.on_reply = keep_length;
        o.ctx = &length;
        struct mspan got;
        CHECK_OK(http_fetch_text(&got, &o, true, NULL));
        CHECK(got.n == 0);
        CHECK(length == rows[i].length);
        free(got.p);
    }
}

static int64_t upload(void *ctx, uint8_t *out, size_t max)
{
    uint64_t *sent = ctx;
    size_t n = max < 5000000 - *sent ? max : (size_t)(5000000 - *sent);
    for (size_t i = 0; i < n; i++)
        out[i] = byte_at(*sent + i);
    *sent += n;
    return (int64_t)n;
}

static void bodies_are_kept_streamed_or_refused(void **state)
{
    struct world *w = *state;
    struct http_header type = { "Content-Type", "text/test" };
    struct http_fetch_options o = get(w, "/echo");
    o.method = HTTP_POST;
    o.headers = &type;
    o.header_count = 1;
    o.body = span_str("some bytes");
    expect(&o, 201, "some bytes");
    o.method = HTTP_PUT;
    o.body = (struct span){ 0 };
    expect(&o, 201, "");

    uint8_t *big = calloc(1, HTTP_BODY_DEFAULT + 1);
    CHECK(big != NULL);
    o.body = span_of(big, HTTP_BODY_DEFAULT);
    struct mspan got;
    uint16_t status;
    CHECK_OK(http_fetch_text(&got, &o, true, &status));
    CHECK(status == 201 && got.n == HTTP_BODY_DEFAULT);
    free(got.p);
    o.body.n++;
    expect(&o, 413, "The body is too large.\n");
    free(big);

    uint64_t sent = 0;
    o = get(w, "/sink");
    o.method = HTTP_PUT;
    o.body_read = upload;
    o.body_size = 5000000;
    o.ctx = &sent;
    expect(&o, 200, "5000000");
    CHECK(w->sink_was_busy);
    sent = 0;
    o = get(w, "/echo"); /* chunked, and longer than what is kept */
    o.method = HTTP_PUT;
    o.body_read = upload;
    o.body_size = HTTP_SIZE_UNKNOWN;
    o.ctx = &sent;
    enum err e = http_fetch_text(&got, &o, true, &status);
    CHECK(e != OK || status == 413);
    if (e == OK)
        free(got.p);
}

/* One raw exchange: what comes back until the server closes or 300 ms pass. */
static size_t raw(const struct world *w, const char *request, size_t n, char *out, size_t size)
{
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_port = htons(http_server_port(w->server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval limit = { .tv_usec = 300000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    CHECK(connect(fd, (const struct sockaddr *)&in, sizeof(in)) == 0);
    CHECK(send(fd, request, n, MSG_NOSIGNAL) > 0);
    size_t got = 0;
    for (ssize_t k; got < size - 1 && (k = recv(fd, out + got, size - 1 - got, 0)) > 0;)
        got += (size_t)k;
    out[got] = '\0';
    close(fd);
    return got;
}

static void odd_requests_do_no_harm(void **state)
{
    struct world *w = *state;
    char out[4096];
    static const char pipelined[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                                    "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw(w, pipelined, sizeof(pipelined) - 1, out, sizeof(out));
    const char *first = strstr(out, "hello");
    CHECK(first != NULL && strstr(first + 1, "hello") != NULL);
    static const char absolute[] =
        "GET http://h/hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    raw(w, absolute, sizeof(absolute) - 1, out, sizeof(out));
    CHECK(strstr(out, " 200 ") != NULL);
    static const char garbage[] = "\x16\x03\x01\x02 garbage\r\n\r\n";
    raw(w, garbage, sizeof(garbage) - 1, out, sizeof(out));
    CHECK(strstr(out, " 200 ") == NULL);
    /* A header section above the limit. */
    size_t n = 100000;
    char *big = malloc(n);
    CHECK(big != NULL);
    memset(big, 'a', n);
    memcpy(big, "GET /hello HTTP/1.1\r\nX: ", 24);
    raw(w, big, n, out, sizeof(out));
    CHECK(strstr(out, " 200 ") == NULL);
    memcpy(big, "GET /", 5);
    raw(w, big, n, out, sizeof(out));
    CHECK(strstr(out, " 200 ") == NULL);
    free(big);
    /* Half a request, then gone. */
    raw(w, "GET /loop HTTP/1.1\r\nHo", 22, out, sizeof(out));
    struct http_fetch_options o = get(w, "/hello");
    expect(&o, 200, "hello");
}

/* LeakSanitizer judges: the library itself never tells of these. */
static void heads_that_never_end_leave_nothing(void **state)
{
    struct world *w = *state;
    static const char start[] = "GET /hello HTTP/1.1\r\nHost: x\r\n";
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_port = htons(http_server_port(w->server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0);
        CHECK(write(fd, start, sizeof(start) - 1) == sizeof(start) - 1);
        close(fd);
    }
    struct http_fetch_options o = get(w, "/hello");
    expect(&o, 200, "hello");
}

static void redirects_and_addresses_are_checked(void **state)
{
    struct world *w = *state;
    struct http_fetch_options o = get(w, "/redirect?/hello");
    uint16_t status;
    struct mspan got;
    CHECK_OK(http_fetch_text(&got, &o, true, &status));
    CHECK(status == 302);
    free(got.p);
    o.redirects_max = 2;
    expect(&o, 200, "hello");
    o = get(w, "/redirect?file:///etc/passwd");
    o.redirects_max = 2;
    CHECK(http_fetch_text(&got, &o, true, &status) != OK);
    o = get(w, "/redirect?http://169.254.169.254/latest");
    o.redirects_max = 2;
    CHECK_ERR(http_fetch_text(&got, &o, true, &status), ERR_DENIED);
    o = get(w, "/hello");
    CHECK_ERR(http_fetch_text(&got, &o, false, &status), ERR_DENIED);
    char url[64];
    snprintf(url, sizeof(url), "http://localhost:%u/hello", (unsigned)http_server_port(w->server));
    o.url = url;
    CHECK_ERR(http_fetch_text(&got, &o, false, &status), ERR_DENIED);
    o.url = "ftp://127.0.0.1/";
    CHECK_ERR(http_fetch_text(&got, &o, true, &status), ERR_FORMAT);
    o = get(w, "/file?0");
    o.size_max = 999999;
    CHECK_ERR(http_fetch_text(&got, &o, true, &status), ERR_LIMIT);
    o.size_max = 1000000;
    CHECK_OK(http_fetch_text(&got, &o, true, &status));
    free(got.p);
    struct http_header bad = { "X", "a\r\nY: b" };
    o = get(w, "/hello");
    o.headers = &bad;
    o.header_count = 1;
    CHECK_ERR(http_fetch_text(&got, &o, true, &status), ERR_FORMAT);
}

/* ---- asking, on a loop of our own ---- */

struct job {
    struct loop *loop;
    struct http_fetch *fetch;
    struct loop_timer *later;
    uint64_t got;
    unsigned pauses;
    int *left;
    enum err e;
    uint16_t status;
    bool done;
};

static void resume_later(void *ctx)
{
    struct job *j = ctx;
    http_fetch_resume(j->fetch);
}

static enum err on_body(void *ctx, struct span chunk)
{
    struct job *j = ctx;
    if (j->later != NULL && j->got > 100000 * (j->pauses + 1)) {
        j->pauses++;
        loop_timer_start(j->later, 5, 0);
        return ERR_BUSY;
    }
    for (size_t i = 0; i < chunk.n; i++)
        CHECK(chunk.p[i] == byte_at(j->got + i));
    j->got += chunk.n;
    return OK;
}

static void on_done(void *ctx, enum err e, uint16_t status)
{
    struct job *j = ctx;
    CHECK(!j->done);
    j->done = true;
    j->e = e;
    j->status = status;
    if (--*j->left == 0)
        loop_stop(j->loop);
}

static void the_loop_client_runs_many_pauses_and_cancels(void **state)
{
    struct world *w = *state;
    struct loop *l;
    struct http_client *c;
    CHECK_OK(loop_new(&l, 0));
    struct http_client_options co = { .allow_private = true, .per_host_max = 4 };
    CHECK_OK(http_client_new(&c, l, &co));
    enum { JOBS = 12 };
    static struct job jobs[JOBS];
    int left = JOBS - 1;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){ .loop = l, .left = &left };
        struct http_fetch_options o = get(w, i == 3 ? "/stream" : "/file?0");
        o.on_body = on_body;
        o.on_done = on_done;
        o.ctx = &jobs[i];
        if (i == 1)
            jobs[i].later = loop_timer_new(l, resume_later, &jobs[i]);
        CHECK_OK(http_client_fetch(c, &jobs[i].fetch, &o));
    }
    http_fetch_cancel(jobs[0].fetch);
    loop_run(l);
    for (int i = 1; i < JOBS; i++) {
        CHECK_OK(jobs[i].e);
        CHECK(jobs[i].status == (i == 3 ? 200 : 206));
        CHECK(jobs[i].got == (i == 3 ? 300000 : 1000000));
    }
    CHECK(!jobs[0].done && jobs[1].pauses >= 5);
    loop_timer_free(jobs[1].later);
    /* Freed with a request under way: it hears of it. */
    left = 1;
    jobs[0] = (struct job){ .loop = l, .left = &left };
    struct http_fetch_options o = get(w, "/hold");
    o.on_done = on_done;
    o.ctx = &jobs[0];
    CHECK_OK(http_client_fetch(c, NULL, &o));
    loop_run_once(l, 20);
    http_client_free(c);
    CHECK(jobs[0].done);
    CHECK_ERR(jobs[0].e, ERR_CLOSED);
    loop_free(l);
    clock_sleep_ms(300); /* the server's deadline ends the held one */
    if (w->held != NULL)
        CHECK_ERR(http_request_respond_text(w->held, 200, "late"), ERR_TIMEOUT);
}

static void the_next_free_port_is_taken(void **state)
{
    struct world *w = *state;
    struct http_server *other;
    struct http_server_options o = { .port = http_server_port(w->server), .handler = on_request };
    o.ctx = w;
    CHECK_ERR(http_server_open(&other, &o), ERR_EXISTS);
    o.port_tries = 100;
    CHECK_OK(http_server_open(&other, &o));
    CHECK(http_server_port(other) > http_server_port(w->server));
    http_server_close(other);
    o.host = "nowhere";
    CHECK_ERR(http_server_open(&other, &o), ERR_FORMAT);
}

static void closing_answers_what_is_suspended(void **state)
{
    struct world *w = *state;
    w->held = NULL;
    struct loop *l;
    struct http_client *c;
    CHECK_OK(loop_new(&l, 0));
    struct http_client_options co = { .allow_private = true };
    CHECK_OK(http_client_new(&c, l, &co));
    struct http_server *s;
    struct http_server_options so = { .handler = on_request, .ctx = w, .threads = 1 };
    CHECK_OK(http_server_open(&s, &so));
    int left = 1;
    struct job j = { .loop = l, .left = &left };
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/hold", (unsigned)http_server_port(s));
    struct http_fetch_options o = { .url = url, .on_done = on_done, .ctx = &j };
    CHECK_OK(http_client_fetch(c, NULL, &o));
    for (int i = 0; i < 20000 && w->held == NULL; i++)
        loop_run_once(l, 1);
    http_server_close(s);
    loop_run(l);
    CHECK(j.e != OK || j.status == 503);
    CHECK(w->held != NULL);
    CHECK_ERR(http_request_respond_text(w->held, 200, "late"), ERR_TIMEOUT);
    http_client_free(c);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_from_handler_and_from_loop),
        cmocka_unit_test(suspended_requests_meet_our_deadline),
        cmocka_unit_test(a_full_loop_queue_is_503),
        cmocka_unit_test(streams_wait_and_wake),
        cmocka_unit_test(files_are_sent_by_range),
        cmocka_unit_test(head_has_length_and_no_body),
        cmocka_unit_test(bodies_are_kept_streamed_or_refused),
        cmocka_unit_test(odd_requests_do_no_harm),
        cmocka_unit_test(heads_that_never_end_leave_nothing),
        cmocka_unit_test(redirects_and_addresses_are_checked),
        cmocka_unit_test(the_loop_client_runs_many_pauses_and_cancels),
        cmocka_unit_test(the_next_free_port_is_taken),
        cmocka_unit_test(closing_answers_what_is_suspended),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
