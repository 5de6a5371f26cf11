/* The local protocol where there are no credentials: crust-enclaved in a virtual machine or under
 * Gramine, which listens by itself, and its host, which dials. */
#include "rt/ipc_sync.h"

#include "base/check.h"
#include "crypto/random.h"
#include "rt/ipc_answer.h"
#include "rt/ipc_link.h"
#include "rt/log.h"
#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LISTENER = 60, PATIENCE_MS = 60000 };

static char dir[64];

struct answering {
    struct ipc_answer s;
    atomic_uint served, connections;
};

static struct answering a;

/* Echoes to one client after the other until one asks with type 2. */
static void *answer(void *unused)
{
    (void)unused;
    for (bool more = true; more;) {
        CHECK_OK(ipc_answer_accept(&a.s, LISTENER));
        a.connections++;
        struct ipc_msg m;
        while (ipc_answer_recv(&a.s, &m) == OK) {
            more = more && m.type != 2;
            m.flags = IPC_REPLY;
            CHECK_OK(ipc_answer_send(&a.s, &m));
            a.served++;
        }
        ipc_answer_close(&a.s);
    }
    return NULL;
}

static void token_file(struct ipc_endpoint *at, const char *name)
{
    char token[IPC_TOKEN_SIZE + 1];
    snprintf(at->token_file, sizeof(at->token_file), "%s/%s", dir, name);
    CHECK_OK(ipc_link_token(token, at->token_file, true));
}

static void echo(struct ipc_sync *c, uint16_t type, size_t bulk)
{
    static uint8_t bytes[3 << 20];
    random_bytes(bytes, bulk);
    const struct ipc_msg m = { .type = type, .body = span_str("x"), .bulk = { bytes, bulk } };
    struct ipc_msg got;
    CHECK_OK(ipc_sync_call(c, &got, &m, PATIENCE_MS));
    CHECK_SPAN(got.bulk, m.bulk);
}

/* The first client's token is the only one from then on, whoever comes. */
static void the_first_token_stays(struct ipc_endpoint *at)
{
    struct ipc_endpoint other = *at;
    struct ipc_sync *c;
    pthread_t t;
    memset(&a, 0, sizeof(a));
    CHECK_OK(ipc_answer_init(&a.s));
    token_file(at, "token");
    token_file(&other, "other");
    CHECK(pthread_create(&t, NULL, answer, NULL) == 0);
    CHECK_OK(ipc_sync_new(&c, false));
    CHECK_OK(ipc_sync_connect(c, at, PATIENCE_MS));
    echo(c, 1, 10);
    echo(c, 1, sizeof(uint8_t[3 << 20]));
    ipc_sync_close(c);
    for (int i = 0; i < 3; i++)
        CHECK(ipc_sync_connect(c, &other, PATIENCE_MS) != OK);
    CHECK_OK(ipc_sync_connect(c, at, PATIENCE_MS));
    echo(c, 2, 10);
    ipc_sync_free(c);
    pthread_join(t, NULL);
    CHECK(a.connections == 2 && a.served == 3);
    CHECK(fcntl(LISTENER, F_GETFD) >= 0);
    close(LISTENER);
}

static void on_loopback(void **state)
{
    (void)state;
    struct ipc_endpoint at = { .kind = IPC_TCP, .host = "127.0.0.1" };
    struct sockaddr_in in;
    socklen_t n = sizeof(in);
    CHECK_OK(ipc_answer_listen(LISTENER, "tcp:0"));
    CHECK(getsockname(LISTENER, (struct sockaddr *)&in, &n) == 0);
    CHECK(in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    at.port = ntohs(in.sin_port);
    the_first_token_stays(&at);
}

/* Whether this kernel lets a machine talk to itself over vsock (module vsock_loopback). */
static bool vsock_loops(void)
{
    const struct sockaddr_vm vm = { .svm_family = AF_VSOCK,
                                    .svm_cid = VMADDR_CID_LOCAL,
                                    .svm_port = VMADDR_PORT_ANY };
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    bool can = fd >= 0 && bind(fd, (const struct sockaddr *)&vm, sizeof(vm)) == 0;
    if (!can)
        print_message("no vsock to oneself here: %s (modprobe vsock_loopback)\n", strerror(errno));
    if (fd >= 0)
        close(fd);
    return can;
}

static void on_vsock(void **state)
{
    (void)state;
    struct ipc_endpoint at;
    char text[32];
    if (!vsock_loops()) {
        print_message("skip - this kernel has no vsock loopback\n");
        skip();
    }
    unsigned port = 7913;
    do {
        snprintf(text, sizeof(text), "vsock:%u", port++);
    } while (port < 8100 && ipc_answer_listen(LISTENER, text) != OK);
    snprintf(text, sizeof(text), "vsock:1:%u", port - 1);
    CHECK_OK(ipc_endpoint_parse(&at, text));
    the_first_token_stays(&at);
}

static void texts_of_places(void **state)
{
    (void)state;
    struct ipc_endpoint at;
    CHECK_OK(ipc_endpoint_parse(&at, "vsock:3:7913"));
    CHECK(at.kind == IPC_VSOCK && at.cid == 3 && at.port == 7913);
    static const char *const wrong[] = { "vsock:",
                                         "vsock:3",
                                         "vsock:3:",
                                         "vsock:3:0",
                                         "vsock::7",
                                         "vsock:x:7",
                                         "vsock:3:65536",
                                         "vsock:-1:7",
                                         "vsock:3:7x",
                                         "vsock:3:-7",
                                         "vsock: 3:7",
                                         "vsock:4294967295:7",
                                         "vsock:99999999999999999999:7",
                                         "vsock:3: 7" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CHECK_ERR(ipc_endpoint_parse(&at, wrong[i]), ERR_FORMAT);
    static const char *const listen[] = { "",         "7000",      "tcp",     "tcp:",
                                          "tcp:x",    "tcp:70000", "tcp:-1",  "unix:7",
                                          "vsock:7x", "vsock:3:7", "TCP:7000" };
    for (size_t i = 0; i < sizeof(listen) / sizeof(listen[0]); i++)
        CHECK_ERR(ipc_answer_listen(LISTENER, listen[i]), ERR_FORMAT);
    CHECK(fcntl(LISTENER, F_GETFD) < 0);
}

static int set_up(void **state)
{
    (void)state;
    log_init("test", LOG_LEVEL_OFF);
    snprintf(dir, sizeof(dir), "/tmp/crust-remote-XXXXXX");
    return mkdtemp(dir) == NULL || random_init() != OK;
}

static int tear_down(void **state)
{
    (void)state;
    return path_remove_tree(dir) != OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_loopback),
        cmocka_unit_test(on_vsock),
        cmocka_unit_test(texts_of_places),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
