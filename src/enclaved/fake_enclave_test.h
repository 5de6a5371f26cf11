/* fake_enclave_test: starts the real crust-enclaved for a test and talks to it over its socket,
 * with a host that is as honest or as false as the test wants. Only tests and bench/ include it. */
#ifndef CRUST_ENCLAVED_FAKE_ENCLAVE_TEST_H
#define CRUST_ENCLAVED_FAKE_ENCLAVE_TEST_H

#include "crypto/random.h"
#include "rt/ipc_sync.h"
#include "rt/process.h"
#include "seal/fake_volume_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a test waits for what must happen: only a hang takes as long, on however busy a machine.
 */
enum { FAKE_ENCLAVE_PATIENCE_MS = 300000 };

/* What --release-keys says to the processes that are started from now on; NULL: nothing. */
static const char *fake_enclave_release_keys;

struct fake_enclave {
    char dir[32];
    uint8_t key[32];
    struct ipc_endpoint at;
    int listener;
    const char *workers;
    const char *hardware; /* "sgx": crust-enclaved-sgx on the tree at root; NULL: software */
    const char *root;
    struct process process;
    struct ipc_sync *ipc;
    struct fake_host host;
};

/* build/VARIANT/bin/crust-enclaved, from build/VARIANT/test/enclaved/X or build/VARIANT/bench/X. */
static inline void fake_enclave_path(char out[512], const char *hardware)
{
    ssize_t n = readlink("/proc/self/exe", out, 400);
    CHECK(n > 0);
    out[n] = '\0';
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(out, '/');
        CHECK(slash != NULL);
        size_t at = (size_t)(slash - out);
        snprintf(slash, 512 - at, "/bin/crust-enclaved%s%s", hardware != NULL ? "-" : "",
                 hardware != NULL ? hardware : "");
        if (access(out, X_OK) == 0)
            return;
        *slash = '\0';
    }
    CHECK(false); /* crust-enclaved is not built */
}

static inline void fake_enclave_spawn(struct fake_enclave *e, int extra_fd)
{
    char path[512];
    int key[2];
    fake_enclave_path(path, e->hardware);
    CHECK(pipe2(key, O_CLOEXEC) == 0);
    CHECK(write(key[1], e->key, sizeof(e->key)) == (ssize_t)sizeof(e->key));
    close(key[1]);
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const char *argv[10] = { path, "--provider", "software", "--workers", e->workers };
    size_t argc = 5;
    if (e->hardware != NULL) {
        argv[2] = strcmp(e->hardware, "sgx") == 0 ? "sgx-gramine" : "tdx-tsm";
        argv[argc++] = "--root";
        argv[argc++] = e->root;
    }
    if (fake_enclave_release_keys != NULL) {
        argv[argc++] = "--release-keys";
        argv[argc++] = fake_enclave_release_keys;
    }
    struct process_options o = {
        .path = path,
        .argv = argv,
        .fds = { { e->listener, 3 }, { quiet, 2 }, { key[0], 4 }, { extra_fd, 5 } },
        .fd_count = e->hardware != NULL ? 2 : (extra_fd >= 0 ? 4 : 3),
    };
    CHECK_OK(process_spawn(&e->process, &o));
    close(key[0]);
    close(quiet);
}

static inline void fake_enclave_connect(struct fake_enclave *e)
{
    CHECK_OK(ipc_sync_connect(e->ipc, &e->at, FAKE_ENCLAVE_PATIENCE_MS));
}

static inline enum err fake_enclave_call(void *ctx, struct enclave_reply *reply,
                                         struct span *reply_bulk,
                                         const struct enclave_request *request, struct span bulk)
{
    static uint8_t body[ENCLAVE_BODY_MAX];
    struct fake_enclave *e = ctx;
    struct ipc_msg answer;
    struct writer w = writer_of(body, sizeof(body));
    *reply_bulk = (struct span){ NULL, 0 };
    enclave_msg_encode(&w, request);
    CHECK_OK(w.err);
    const struct ipc_msg m = { .type = request->type, .body = writer_span(&w), .bulk = bulk };
    TRY(ipc_sync_call(e->ipc, &answer, &m, FAKE_ENCLAVE_PATIENCE_MS));
    if ((answer.flags & IPC_ERROR) != 0) {
        enum err code;
        CHECK_OK(enclave_reply_decode_error(&code, answer.body));
        return code;
    }
    *reply_bulk = answer.bulk;
    return enclave_reply_decode(reply, request->type, answer.body);
}

/* Starts the process and connects; nothing is asked yet. ring: bytes of shared memory, or 0. */
static inline void fake_enclave_open_on(struct fake_enclave *e, uint32_t ring, const char *workers,
                                        const char *hardware, const char *root)
{
    *e = (struct fake_enclave){
        .dir = "/tmp/crust-enclave-XXXXXX", .workers = workers, .hardware = hardware, .root = root
    };
    CHECK(mkdtemp(e->dir) != NULL);
    random_bytes(e->key, sizeof(e->key));
    e->at = (struct ipc_endpoint){ .kind = IPC_UNIX, .ring_size = ring };
    snprintf(e->at.path, sizeof(e->at.path), "%s/socket", e->dir);
    CHECK_OK(ipc_sync_listen(&e->listener, &e->at));
    fake_enclave_spawn(e, -1);
    CHECK_OK(ipc_sync_new(&e->ipc, ring > 0));
    fake_enclave_connect(e);
    e->host.call = fake_enclave_call;
    e->host.ctx = e;
    memset(e->host.chain, 9, sizeof(e->host.chain));
}

static inline void fake_enclave_open(struct fake_enclave *e, uint32_t ring, const char *workers)
{
    fake_enclave_open_on(e, ring, workers, NULL, NULL);
}

/* As after a crash of the process: the same keys on the host's side, nothing in memory. */
static inline void fake_enclave_restart(struct fake_enclave *e)
{
    ipc_sync_close(e->ipc);
    process_stop(&e->process, 0);
    process_fini(&e->process);
    fake_enclave_spawn(e, -1);
    fake_enclave_connect(e);
}

static inline void fake_enclave_close(struct fake_enclave *e)
{
    ipc_sync_free(e->ipc);
    process_stop(&e->process, 0);
    process_fini(&e->process);
    close(e->listener);
    unlink(e->at.path);
    rmdir(e->dir);
}

/* Resident memory of the process in KiB. */
static inline long fake_enclave_rss_kib(const struct fake_enclave *e)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)e->process.pid);
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    }
    fclose(f);
    return kib;
}

#endif
