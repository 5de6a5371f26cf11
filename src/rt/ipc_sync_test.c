/* The side of the local protocol without an event loop, as crust-enclaved uses it. */
#include "rt/ipc_sync.h"

#include "base/check.h"
#include "crypto/random.h"
#include "rt/log.h"
#include "rt/path.h"

#include <pthread.h>
#include <stdio.h>
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
    struct ipc_sync *s;
    int listener;
    unsigned served;
};

static void *answer(void *ctx)
{
    struct answering *a = ctx;
    CHECK_OK(ipc_sync_accept(a->s, a->listener, NULL, 5000));
    struct ipc_msg m;
    while (ipc_sync_recv(a->s, &m, 5000) == OK) {
        m.flags = IPC_REPLY;
        CHECK_OK(ipc_sync_send(a->s, &m));
        a->served++;
    }
    return NULL;
}

static void the_blocking_server_answers(void **state)
{
    (void)state;
    for (int ring = 0; ring < 2; ring++) {
        struct answering a = { 0 };
        struct ipc_endpoint at = endpoint(ring);
        CHECK_OK(ipc_sync_new(&a.s, true));
        CHECK_OK(ipc_sync_listen(&a.listener, &at));
        CHECK_ERR(ipc_sync_accept(a.s, a.listener, NULL, 10), ERR_TIMEOUT);
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
        ipc_sync_free(a.s);
        close(a.listener);
        unlink(at.path);
    }
}

struct sender {
    struct ipc_sync *s;
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
        CHECK_OK(ipc_sync_send(w->s, &m));
    return NULL;
}

/* As crust-enclaved does it: one thread reads, workers answer. */
static void *answer_by_workers(void *ctx)
{
    struct answering *a = ctx;
    CHECK_OK(ipc_sync_accept(a->s, a->listener, NULL, 5000));
    struct ipc_msg m;
    while (ipc_sync_recv(a->s, &m, 5000) == OK) {
        struct sender senders[2] = { { a->s, m, 1 }, { a->s, m, 2 } };
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            CHECK(pthread_create(&threads[i], NULL, send_many, &senders[i]) == 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        struct ipc_msg last = { .type = m.type, .id = m.id, .flags = IPC_REPLY };
        CHECK_OK(ipc_sync_send(a->s, &last));
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
        struct answering a = { 0 };
        struct ipc_endpoint at = endpoint(ring);
        if (ring == 1)
            at.ring_size = 64 << 10; /* runs full, so that both ways are mixed */
        CHECK_OK(ipc_sync_new(&a.s, true));
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
        ipc_sync_free(a.s);
        close(a.listener);
        unlink(at.path);
    }
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
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
