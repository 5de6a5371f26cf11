/* fake_node_test: starts the real crust-ipfsd in a folder of its own, kills and restarts it, and
 * talks to it over its socket. Only tests and bench/ include it. */
#ifndef CRUST_IPFSD_FAKE_NODE_TEST_H
#define CRUST_IPFSD_FAKE_NODE_TEST_H

#include "base/check.h"
#include "crypto/random.h"
#include "rt/clock.h"
#include "rt/path.h"
#include "rt/process.h"
#include "store/ipc_sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FAKE_NODE_ARGS = 32 };

struct fake_node {
    char home[64];
    char socket[96];
    char program[512];
    const char *args[FAKE_NODE_ARGS]; /* after --home */
    size_t arg_count;
    int log; /* a descriptor for its log; 0: none */
    struct process process;
    struct ipc_sink ipc;
};

/* build/VARIANT/bin/NAME, from build/VARIANT/test/ipfsd/X. */
static inline void fake_node_program(char out[512], const char *name)
{
    ssize_t n = readlink("/proc/self/exe", out, 400);
    CHECK(n > 0);
    out[n] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(out, '/');
        CHECK(slash != NULL);
        snprintf(slash, 512 - (size_t)(slash - out), "/bin/%s", name);
        if (access(out, X_OK) == 0)
            return;
        *slash = '\0';
    }
    CHECK(false); /* not built */
}

static inline void fake_node_start(struct fake_node *n)
{
    const char *argv[FAKE_NODE_ARGS + 8];
    size_t count = 0;
    argv[count++] = n->program;
    argv[count++] = "--home";
    argv[count++] = n->home;
    for (size_t i = 0; i < n->arg_count; i++)
        argv[count++] = n->args[i];
    argv[count] = NULL;
    struct process_options o = { .path = n->program, .argv = argv };
    if (n->log > 0)
        o.fds[o.fd_count++] = (struct process_fd){ n->log, 2 };
    else if (getenv("CRUST_TEST_LOG") != NULL)
        o.fds[o.fd_count++] = (struct process_fd){ 2, 2 };
    CHECK_OK(process_spawn(&n->process, &o));
    enum err e = ERR_CLOSED;
    for (int i = 0; i < 200 && e != OK; i++) {
        e = ipc_sink_connect(&n->ipc, n->socket);
        if (e != OK)
            clock_sleep_ms(25);
    }
    CHECK_OK(e);
}

static inline void fake_node_open(struct fake_node *n, const char *const *args, size_t count)
{
    *n = (struct fake_node){ .home = "/tmp/crust-node-XXXXXX" };
    CHECK(mkdtemp(n->home) != NULL);
    snprintf(n->socket, sizeof(n->socket), "%s/ipfsd.sock", n->home);
    fake_node_program(n->program, "crust-ipfsd");
    CHECK(count <= FAKE_NODE_ARGS);
    for (size_t i = 0; i < count; i++)
        n->args[n->arg_count++] = args[i];
}

/* kill -9. */
static inline void fake_node_kill(struct fake_node *n)
{
    ipc_sink_close(&n->ipc);
    process_stop(&n->process, 0);
    process_fini(&n->process);
}

/* SIGTERM; it must end by itself, without an error. */
static inline void fake_node_stop(struct fake_node *n)
{
    ipc_sink_close(&n->ipc);
    process_stop(&n->process, 10000);
    CHECK(n->process.exit_code == 0);
    process_fini(&n->process);
}

static inline void fake_node_close(struct fake_node *n)
{
    fake_node_stop(n);
    CHECK_OK(path_remove_tree(n->home));
}

#endif
