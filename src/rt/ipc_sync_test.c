/* Both sides of the local protocol without an event loop: ipc_sync asks, as the enclave's host
 * does, and ipc_answer answers, as crust-enclaved does. A client that offers a ring gets along
 * without it. */
#include "rt/ipc_sync.h"

#include "base/check.h"
#include "crypto/random.h"
#include "rt/ipc_answer.h"
#include "rt/log.h"
#include "rt/path.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64];

static struct ipc_endpoint endpoint(int ring)
{
    struct ipc_endpoint at;
    char text[128];
    snprintf(text, sizeof(text), "unix:%s/s.sock", dir);
    CHECK_OK(ipc_endpoint_parse(&at, text));
    at.ring_size = ring ? 1 << 20 : 0;
    return at;
}

static void check_echo(struct ipc_sync *c, size_t body_n, size_t bulk_n)
{
    uint8_t *body = malloc(body_n + 1), *bulk = malloc(bulk_n + 1);
    CHECK(body != NULL && bulk != NULL);
    random_bytes(body, body_n);
    random_bytes(bulk, bulk_n);
    struct ipc_msg m = { .type = 1, .body = { body, body_n }, .bulk = { bulk, bulk_n } }, got;
    CHECK_OK(ipc_sync_call(c, &got, &m, 10000));
    CHECK(got.flags == IPC_REPLY && got.type == 1);
    CHECK_SPAN(got.body, m.body);
    CHECK_SPAN(got.bulk, m.bulk);
    free(body);
    free(bulk);
}

static void on_closed(void *ctx, enum err e)
{
    *(enum err *)ctx = e;
}

struct answering {
    struct ipc_answer s;
    int listener;
    unsigned served;
};

static void *answer(void *ctx)
{
    struct answering *a = ctx;
    CHECK_OK(ipc_answer_accept(&a->s, a->listener));
    struct ipc_msg m;
    while (ipc_answer_recv(&a->s, &m) == OK) {
        m.flags = IPC_REPLY;
        CHECK_OK(ipc_answer_send(&a->s, &m));
        a->served++;
    }
    return NULL;
}

static void the_blocking_server_answers(void **state)
{
    (void)state;
    for (int ring = 0; ring < 2; ring++) {
        static struct answering a;
        a.served = 0;
        struct ipc_endpoint at = endpoint(ring);
        CHECK_OK(ipc_answer_init(&a.s));
        CHECK_OK(ipc_sync_listen(&a.listener, &at));
        pthread_t t;
        CHECK(pthread_create(&t, NULL, answer, &a) == 0);
        struct ipc_sync *c;
        CHECK_OK(ipc_sync_new(&c, true));
        CHECK_OK(ipc_sync_connect(c, &at, 5000));
        check_echo(c, 10, 0);
        check_echo(c, 0, 900000);
        check_echo(c, 1000000, 3000000);
        ipc_sync_free(c);
        pthread_join(t, NULL);
        CHECK(a.served == 3);
        ipc_answer_close(&a.s);
        close(a.listener);
        unlink(at.path);
    }
}

struct sender {
    struct ipc_answer *s;
    struct ipc_msg m;
    uint8_t fill;
};

static void *send_many(void *ctx)
{
    struct sender *w = ctx;
    static _Thread_local uint8_t bytes[10000];
    memset(bytes, w->fill, sizeof(bytes));
    struct ipc_msg m = { .type = w->m.type, .id = w->m.id, .flags = IPC_REPLY | IPC_MORE };
    m.body = span_of(bytes, 100);
    m.bulk = span_of(bytes, sizeof(bytes));
    for (int i = 0; i < 200; i++)
        CHECK_OK(ipc_answer_send(w->s, &m));
    return NULL;
}

/* As crust-enclaved does it: one thread reads, workers answer. */
static void *answer_by_workers(void *ctx)
{
    struct answering *a = ctx;
    CHECK_OK(ipc_answer_accept(&a->s, a->listener));
    struct ipc_msg m;
    while (ipc_answer_recv(&a->s, &m) == OK) {
        struct sender senders[2] = { { &a->s, m, 1 }, { &a->s, m, 2 } };
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, send_many, &senders[i]) == 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        struct ipc_msg last = { .type = m.type, .id = m.id, .flags = IPC_REPLY };
        CHECK_OK(ipc_answer_send(&a->s, &last));
    }
    return NULL;
}

struct received {
    unsigned count[3];
    bool last;
};

static void on_piece(void *ctx, enum err e, const struct ipc_msg *m)
{
    struct received *r = ctx;
    CHECK_OK(e);
    if ((m->flags & IPC_MORE) == 0) {
        r->last = true;
        return;
    }
    uint8_t fill = m->body.p[0];
    CHECK(fill == 1 || fill == 2);
    CHECK(m->body.n == 100 && m->bulk.n == 10000);
    for (size_t i = 0; i < m->bulk.n; i++)
        CHECK(m->bulk.p[i] == fill);
    r->count[fill]++;
}

static void the_loop_client_asks_the_blocking_server(void **state)
{
    (void)state;
    for (int ring = 0; ring < 2; ring++) {
        static struct answering a;
        struct ipc_endpoint at = endpoint(ring);
        if (ring == 1)
            at.ring_size = 64 << 10; /* runs full, so that both ways are mixed */
        CHECK_OK(ipc_answer_init(&a.s));
        CHECK_OK(ipc_sync_listen(&a.listener, &at));
        pthread_t t;
        CHECK(pthread_create(&t, NULL, answer_by_workers, &a) == 0);
        struct loop *l;
        struct ipc_client *c;
        enum err end = OK;
        CHECK_OK(loop_new(&l, 0));
        CHECK_OK(ipc_client_open(&c, l, &at, on_closed, &end));
        struct received got = { 0 };
        struct ipc_msg m = { .type = 1 };
        CHECK_OK(ipc_client_request(c, &m, 5000, on_piece, &got));
        for (int i = 0; i < 5000 && !got.last; i++)
            loop_run_once(l, 5);
        CHECK(got.last && got.count[1] == 200 && got.count[2] == 200);
        ipc_client_close(c);
        pthread_join(t, NULL);
        loop_free(l);
        ipc_answer_close(&a.s);
        close(a.listener);
        unlink(at.path);
    }
}

static int raw_connect(const struct ipc_endpoint *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    memcpy(un.sun_path, at->path, strlen(at->path));
    CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0);
    return fd;
}

/* Sends bytes and reads what comes back until the other side closes. */
static size_t raw_say(int fd, uint8_t *got, size_t size, const uint8_t *p, size_t n)
{
    size_t have = 0;
    CHECK(write(fd, p, n) == (ssize_t)n);
    for (ssize_t r = 1; r > 0 && have<size; have += r> 0 ? (size_t)r : 0)
        r = read(fd, got + have, size - have);
    return have;
}

static void a_peer_without_a_right_hello_is_refused(void **state)
{
    (void)state;
    static const uint8_t hello[24] = { 20, [16] = 1 };
    static struct answering a;
    struct ipc_endpoint at = endpoint(0);
    CHECK_OK(ipc_answer_init(&a.s));
    CHECK_OK(ipc_sync_listen(&a.listener, &at));
    a.served = 0;
    pthread_t t;
    CHECK(pthread_create(&t, NULL, answer, &a) == 0);
    /* another version, a number, a type that is no hello, a reply, a length below a header */
    static const struct {
        size_t at;
        uint8_t value;
        size_t answered; /* bytes */
    } rows[] = { { 16, 2, 24 }, { 8, 1, 24 }, { 4, 1, 24 }, { 6, 1, 0 }, { 0, 11, 0 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bad[24], got[64];
        memcpy(bad, hello, sizeof(bad));
        bad[rows[i].at] = rows[i].value;
        int fd = raw_connect(&at);
        CHECK(raw_say(fd, got, sizeof(got), bad, sizeof(bad)) == rows[i].answered);
        CHECK(rows[i].answered == 0 || got[6] == (IPC_REPLY | IPC_ERROR));
        close(fd);
    }
    /* a second hello, and bulk that is said to lie in a ring, end a connection that had begun */
    uint8_t twice[48], got[64];
    memcpy(twice, hello, 24);
    memcpy(twice + 24, hello, 24);
    int fd = raw_connect(&at);
    CHECK(raw_say(fd, got, sizeof(got), twice, sizeof(twice)) == 24 && got[6] == IPC_REPLY);
    close(fd);
    pthread_join(t, NULL);
    ipc_answer_close(&a.s);
    CHECK(pthread_create(&t, NULL, answer, &a) == 0);
    static const uint8_t in_ring[28] = { 24, [4] = 1, [6] = IPC_BULK | IPC_RING, [16] = 5 };
    uint8_t both[52];
    memcpy(both, hello, 24);
    memcpy(both + 24, in_ring, sizeof(in_ring));
    fd = raw_connect(&at);
    CHECK(raw_say(fd, got, sizeof(got), both, sizeof(both)) == 24 && got[6] == IPC_REPLY);
    close(fd);
    pthread_join(t, NULL);
    CHECK(a.served == 0);
    ipc_answer_close(&a.s);
    close(a.listener);
    unlink(at.path);
}

static int set_up(void **state)
{
    (void)state;
    log_init("test", LOG_LEVEL_OFF);
    snprintf(dir, sizeof(dir), "/tmp/crust-sync-XXXXXX");
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
        cmocka_unit_test(the_blocking_server_answers),
        cmocka_unit_test(the_loop_client_asks_the_blocking_server),
        cmocka_unit_test(a_peer_without_a_right_hello_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
