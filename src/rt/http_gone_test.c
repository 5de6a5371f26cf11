/* Clients that go while their request is not over: the server tells, soon. */
#include "base/check.h"
#include "rt/clock.h"
#include "rt/http_server.h"
#include "rt/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Far below the 30 s after which an idle connection is closed in any case. */
enum { SOON_MS = 10000, IDLE_S = 300 };

struct world {
    struct http_server *server;
    atomic_int begun, chunks, gone, over, handled;
    atomic_bool full; /* the sink takes nothing */
    struct http_request *_Atomic held;
};

static void on_gone(void *ctx)
{
    struct world *w = ctx;
    CHECK(w->over < w->begun);
    w->gone++;
}

static void on_over(void *ctx)
{
    struct world *w = ctx;
    w->over++;
}

static enum err sink(void *ctx, struct span chunk)
{
    struct world *w = ctx;
    (void)chunk;
    w->chunks++;
    return w->full ? ERR_BUSY : OK;
}

static void begin(void *ctx, struct http_request *rq)
{
    struct world *w = ctx;
    w->begun++; /* first: on_gone may come from another thread before this returns */
    http_request_set_data(rq, w, on_over);
    http_request_watch(rq, on_gone, w);
    http_request_stream_body(rq, sink, w, UINT64_MAX);
}

static int64_t nothing_yet(void *ctx, uint64_t pos, uint8_t *out, size_t max)
{
    (void)ctx;
    (void)pos;
    (void)out;
    (void)max;
    return HTTP_BODY_WAIT;
}

static void handler(void *ctx, struct http_request *rq)
{
    struct world *w = ctx;
    if (strcmp(http_request_path(rq), "/answer") == 0) {
        (void)http_request_respond_text(rq, 200, "good\n");
    } else if (strcmp(http_request_path(rq), "/stream") == 0) {
        const struct http_response r = {
            .status = 200, .kind = HTTP_BODY_STREAM, .size = HTTP_SIZE_UNKNOWN, .read = nothing_yet
        };
        (void)http_request_respond(rq, &r);
    } else {
        http_request_suspend(rq, 1000ULL * IDLE_S);
        w->held = rq;
    }
    w->handled++;
}

static int world_open(void **state)
{
    static struct world w;
    w = (struct world){ 0 };
    const struct http_server_options o = {
        .threads = 1, .idle_timeout_s = IDLE_S, .begin = begin, .handler = handler, .ctx = &w
    };
    CHECK_OK(http_server_open(&w.server, &o));
    *state = &w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    http_server_close(w->server);
    return 0;
}

static int dial(const struct world *w, const char *head)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(http_server_port(w->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union {
        const struct sockaddr_in *in;
        const struct sockaddr *any;
    } p = { &a };
    CHECK(fd >= 0 && connect(fd, p.any, sizeof(a)) == 0);
    CHECK(write(fd, head, strlen(head)) == (ssize_t)strlen(head));
    return fd;
}

static bool becomes(const atomic_int *value, int want)
{
    for (int i = 0; i < SOON_MS / 5 && *value < want; i++)
        clock_sleep_ms(5);
    return *value == want;
}

#define UPLOAD "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"

static void while_its_body_comes(void **state)
{
    struct world *w = *state;
    int fd = dial(w, UPLOAD "some bytes");
    CHECK(becomes(&w->chunks, 1));
    close(fd);
    CHECK(becomes(&w->over, 1)); /* the library sees this one itself, perhaps earlier */
    CHECK(w->handled == 0);
}

/* The end comes with the last bytes: one event of the kernel for both. */
static void together_with_its_last_bytes(void **state)
{
    struct world *w = *state;
    enum { MANY = 50 };
    for (int i = 0; i < MANY; i++)
        close(dial(w, UPLOAD "some bytes"));
    CHECK(becomes(&w->over, MANY));
    CHECK(w->begun == MANY);
    CHECK(w->handled == 0);
}

static void while_its_body_has_to_wait(void **state)
{
    struct world *w = *state;
    w->full = true;
    int fd = dial(w, UPLOAD "some bytes");
    CHECK(becomes(&w->chunks, 1));
    close(fd);
    CHECK(becomes(&w->gone, 1));
    CHECK(becomes(&w->over, 1)); /* nobody has woken the sink */
}

static void while_it_waits_for_the_answer(void **state)
{
    struct world *w = *state;
    int fd = dial(w, "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    CHECK(becomes(&w->handled, 1));
    CHECK(w->gone == 0);
    close(fd);
    CHECK(becomes(&w->gone, 1));
    CHECK(w->over == 0); /* who has suspended it answers it */
    CHECK_OK(http_request_respond_text(w->held, 200, "late\n"));
    CHECK(becomes(&w->over, 1));
}

static void while_its_answer_has_to_wait(void **state)
{
    struct world *w = *state;
    int fd = dial(w, "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    CHECK(becomes(&w->handled, 1));
    close(fd);
    CHECK(becomes(&w->gone, 1));
    CHECK(becomes(&w->over, 1));
}

/* A connection that is used again, and one that ends after its answer. */
static void not_after_its_answer(void **state)
{
    struct world *w = *state;
    char in[4096];
    int fd = dial(w, "POST /answer HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    CHECK(read(fd, in, sizeof(in)) > 0);
    CHECK(becomes(&w->over, 1));
    const char again[] = "POST /answer HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    CHECK(write(fd, again, strlen(again)) == (ssize_t)strlen(again));
    CHECK(read(fd, in, sizeof(in)) > 0);
    CHECK(becomes(&w->over, 2));
    close(fd);
    clock_sleep_ms(200);
    CHECK(w->gone == 0 && w->handled == 2);
}

int main(void)
{
    log_init("http-gone-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(while_its_body_comes, world_open, world_close),
        cmocka_unit_test_setup_teardown(together_with_its_last_bytes, world_open, world_close),
        cmocka_unit_test_setup_teardown(while_its_body_has_to_wait, world_open, world_close),
        cmocka_unit_test_setup_teardown(while_it_waits_for_the_answer, world_open, world_close),
        cmocka_unit_test_setup_teardown(while_its_answer_has_to_wait, world_open, world_close),
        cmocka_unit_test_setup_teardown(not_after_its_answer, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
