/* Slots: bodies larger than the ring, results before the body is over, clients that go. */
#include "ipfsd/body_slot.h"

#include "base/check.h"
#include "rt/clock.h"
#include "rt/http_client.h"
#include "rt/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOON_MS = 10000, BIG = 3 << 20, IDLE_S = 300 };

struct world {
    struct body_slot slot;
    struct http_server *server;
    atomic_int runs, reads;
    atomic_bool hold;   /* run takes nothing of what it has read, while the client is there */
    atomic_bool refuse; /* run reads nothing */
    uint64_t sum, size;
    enum err result;
};

static bool is_alive(struct world *w)
{
    pthread_mutex_lock(&w->slot.lock);
    bool alive = body_slot_alive(&w->slot);
    pthread_mutex_unlock(&w->slot.lock);
    return alive;
}

static void run(void *ctx)
{
    struct world *w = ctx;
    struct span in;
    w->sum = w->size = 0;
    w->result = OK;
    w->runs++;
    while (!w->refuse && (w->result = body_slot_read(&w->slot, &in)) == OK && in.n > 0) {
        w->reads++;
        while (w->hold && is_alive(w))
            clock_sleep_ms(1);
        for (size_t i = 0; i < in.n; i++)
            w->sum = w->sum * 31 + in.p[i];
        w->size += in.n;
        body_slot_taken(&w->slot, in.n);
    }
}

static void answer(void *ctx, struct http_request *rq)
{
    const struct world *w = ctx;
    char text[64];
    (void)snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)w->size,
                   (unsigned long long)w->sum);
    (void)http_request_respond_text(rq, w->result == OK && !w->refuse ? 200 : 500, text);
}

static enum err drop(void *ctx, struct span chunk)
{
    (void)ctx;
    (void)chunk;
    return OK;
}

static void begin(void *ctx, struct http_request *rq)
{
    struct world *w = ctx;
    if (body_slot_take(&w->slot, rq))
        body_slot_start(&w->slot);
    else
        http_request_stream_body(rq, drop, NULL, UINT64_MAX);
}

static void handler(void *ctx, struct http_request *rq)
{
    struct world *w = ctx;
    if (http_request_data(rq) == NULL)
        (void)http_request_respond_text(rq, 503, "busy\n");
    else
        body_slot_end(&w->slot, 1000ULL * IDLE_S);
}

static int world_open(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    const struct body_slot_work work = { .run = run, .answer = answer, .ctx = w };
    const struct http_server_options o = {
        .threads = 1, .idle_timeout_s = IDLE_S, .begin = begin, .handler = handler, .ctx = w
    };
    CHECK(w != NULL);
    CHECK_OK(body_slot_open(&w->slot, &work));
    CHECK_OK(http_server_open(&w->server, &o));
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    body_slot_stop(&w->slot);
    http_server_close(w->server);
    body_slot_close(&w->slot);
    free(w);
    return 0;
}

/* ---- clients ---- */

static uint8_t body[BIG];

struct reply {
    char text[64];
    size_t size;
};

static enum err keep(void *ctx, struct span chunk)
{
    struct reply *r = ctx;
    for (size_t i = 0; i < chunk.n && r->size < sizeof(r->text) - 1; i++)
        r->text[r->size++] = (char)chunk.p[i];
    return OK;
}

static uint16_t post(const struct world *w, struct span in, struct reply *r)
{
    char url[64];
    uint16_t status = 0;
    *r = (struct reply){ .size = 0 };
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", http_server_port(w->server));
    const struct http_fetch_options o = {
        .method = HTTP_POST, .url = url, .body = in, .on_body = keep, .ctx = r
    };
    enum err e = http_fetch_sync(&o, true, &status);
    CHECK(e == OK || status != 0);
    return status;
}

/* Begins an upload of `size` bytes with n of them. */
static int start_upload(const struct world *w, size_t size, size_t n)
{
    char head[128];
    int head_size = snprintf(head, sizeof(head),
                             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", size);
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(http_server_port(w->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    union {
        const struct sockaddr_in *in;
        const struct sockaddr *any;
    } p = { &a };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, p.any, sizeof(a)) == 0);
    CHECK(write(fd, head, (size_t)head_size) == head_size);
    for (size_t sent = 0; sent < n;) {
        ssize_t more = send(fd, body + sent, n - sent, MSG_NOSIGNAL);
        CHECK(more > 0);
        sent += (size_t)more;
    }
    return fd;
}

static void wait_for_runs(struct world *w, int n)
{
    for (int i = 0; i < SOON_MS && w->runs < n; i++)
        clock_sleep_ms(1);
    CHECK(w->runs == n);
}

static bool becomes_free(struct world *w)
{
    for (int i = 0; i < SOON_MS / 5; i++) {
        pthread_mutex_lock(&w->slot.lock);
        bool is_free = w->slot.state == BODY_SLOT_FREE && !w->slot.bound;
        pthread_mutex_unlock(&w->slot.lock);
        if (is_free)
            return true;
        clock_sleep_ms(5);
    }
    return false;
}

static bool becomes(struct world *w, const bool *flag)
{
    for (int i = 0; i < SOON_MS / 5; i++) {
        pthread_mutex_lock(&w->slot.lock);
        bool is = *flag;
        pthread_mutex_unlock(&w->slot.lock);
        if (is)
            return true;
        clock_sleep_ms(5);
    }
    return false;
}

static void check_works(struct world *w)
{
    struct reply r;
    char want[64];
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof(body); i++)
        sum = sum * 31 + (body[i] = (uint8_t)(i * 7 >> 3));
    (void)snprintf(want, sizeof(want), "%d %llu", BIG, (unsigned long long)sum);
    CHECK(post(w, span_of(body, sizeof(body)), &r) == 200);
    CHECK(strcmp(r.text, want) == 0);
    CHECK(becomes_free(w));
}

/* ---- tests ---- */

static void a_body_goes_through_the_ring(void **state)
{
    struct world *w = *state;
    struct reply r;
    check_works(w);
    CHECK(post(w, span_of(NULL, 0), &r) == 200);
    CHECK(strcmp(r.text, "0 0") == 0);
    check_works(w);
    CHECK(w->runs == 3);
}

static void a_result_may_come_before_the_end(void **state)
{
    struct world *w = *state;
    struct reply r;
    w->refuse = true;
    CHECK(post(w, span_of(body, sizeof(body)), &r) == 500);
    w->refuse = false;
    CHECK(becomes_free(w));
    check_works(w);
}

static void a_slot_has_one_request(void **state)
{
    struct world *w = *state;
    struct reply r;
    int fd = start_upload(w, 1000000, 1000);
    wait_for_runs(w, 1);
    CHECK(post(w, span_of(body, 10), &r) == 503);
    CHECK(w->runs == 1);
    close(fd);
    CHECK(becomes_free(w));
    check_works(w);
}

/* The thread waits for bytes; the HTTP thread too. */
static void free_when_the_client_goes_in_the_middle(void **state)
{
    struct world *w = *state;
    int fd = start_upload(w, 1000000, 100000);
    for (int i = 0; i < SOON_MS && w->reads == 0; i++)
        clock_sleep_ms(1);
    close(fd);
    CHECK(becomes_free(w));
    CHECK_ERR(w->result, ERR_CLOSED);
    for (int i = 0; i < 20; i++) { /* the end together with the bytes */
        close(start_upload(w, 1000000, 10));
        wait_for_runs(w, i + 2);
        CHECK(becomes_free(w));
    }
    check_works(w);
}

/* The ring is full, so that the connection is suspended when it is reset. (A mere end would stand
 * behind the bytes that the kernel has no room for, until they have been read.) */
static void free_when_the_client_goes_while_it_is_suspended(void **state)
{
    struct world *w = *state;
    w->hold = true;
    int fd = start_upload(w, 1000000, BODY_SLOT_RING + 30000);
    CHECK(becomes(w, &w->slot.asleep));
    const struct linger reset = { .l_onoff = 1 };
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    close(fd);
    CHECK(becomes_free(w));
    CHECK_ERR(w->result, ERR_CLOSED);
    w->hold = false;
    check_works(w);
}

/* The body is complete, the thread still works: nobody wants its answer. */
static void free_when_the_client_goes_before_the_answer(void **state)
{
    struct world *w = *state;
    w->hold = true;
    int fd = start_upload(w, 1000, 1000);
    wait_for_runs(w, 1);
    CHECK(becomes(w, &w->slot.waits));
    close(fd);
    CHECK(becomes_free(w));
    w->hold = false;
    check_works(w);
}

static void stopping_answers_who_waits(void **state)
{
    struct world *w = *state;
    w->hold = true;
    int fd = start_upload(w, 1000000, 1000);
    for (int i = 0; i < SOON_MS && w->reads == 0; i++)
        clock_sleep_ms(1);
    body_slot_stop(&w->slot);
    CHECK_ERR(w->result, ERR_CLOSED);
    close(fd);
}

int main(void)
{
    log_init("body-slot-test", LOG_LEVEL_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_body_goes_through_the_ring, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_result_may_come_before_the_end, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_slot_has_one_request, world_open, world_close),
        cmocka_unit_test_setup_teardown(free_when_the_client_goes_in_the_middle, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(free_when_the_client_goes_while_it_is_suspended, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(free_when_the_client_goes_before_the_answer, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(stopping_answers_who_waits, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
