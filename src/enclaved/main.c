/* crust-enclaved: the trusted half of a storage node. Design: docs/design/enclave.md.
 *
 * Descriptors at start, exactly: 0, 1 and 2; 3, a listening socket; and 4, the sealing key of the
 * software provider (32 bytes). */
#include "crypto/random.h"
#include "enclaved/policy.h"
#include "enclaved/serve.h"
#include "rt/clock.h"
#include "rt/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const char release[] = "0.1.0";

enum {
    LISTENER_FD = 3,
    KEY_FD = 4,
    EXIT_START = 1,     /* it could not start */
    EXIT_USAGE = 2,     /* wrong arguments */
    EXIT_VIOLATION = 3, /* the host asked for what no row of the table allows */
};

static const char usage[] =
    "crust-enclaved --provider software [--workers N]\n"
    "Started by crust-ipfsd: descriptor 3 is a listening socket, descriptor 4 the software key.\n";

struct options {
    bool software;
    uint32_t workers;
};

static bool parse_options(struct options *o, int argc, char **argv)
{
    *o = (struct options){ .workers = 1 };
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--provider") == 0 && strcmp(argv[i + 1], "software") == 0) {
            o->software = true;
        } else if (strcmp(argv[i], "--workers") == 0) {
            const char *digit = argv[i + 1];
            if (digit[0] < '0' || digit[0] > '0' + SERVE_WORKERS_MAX || digit[1] != '\0')
                return false;
            o->workers = (uint32_t)(digit[0] - '0');
        } else {
            return false;
        }
    }
    return argc % 2 == 1 && o->software;
}

__attribute__((noreturn)) static void fail(const char *what, enum err e)
{
    fprintf(stderr, "crust-enclaved: %s: %s\n", what, err_text(e));
    exit(EXIT_START);
}

/* Reads exactly one key and closes the descriptor. */
static enum err read_key(struct secret *key)
{
    uint8_t more;
    ssize_t n = read(KEY_FD, key->b, SECRET_SIZE);
    ssize_t rest = n == SECRET_SIZE ? read(KEY_FD, &more, 1) : 1;
    close(KEY_FD);
    return rest == 0 ? OK : ERR_FORMAT;
}

static void check_descriptors(void)
{
    static const int expected[] = { 0, 1, 2, LISTENER_FD, KEY_FD };
    int odd = -1;
    if (sandbox_check_fds(&odd, expected, sizeof(expected) / sizeof(expected[0])) == OK)
        return;
    fprintf(stderr, "crust-enclaved: descriptor %d is open or missing; it wants 0 to 4 exactly\n",
            odd);
    exit(EXIT_START);
}

static void enter_sandbox(void)
{
    static struct sandbox_policy policy;
    const struct sandbox_limits limits = { .no_core = true,
                                           .no_file_writes = true,
                                           .no_processes = true };
    enum err e = sandbox_parse(&policy, policy_text());
    if (e != OK)
        fail("the policy text", e);
#ifdef CRUST_SANITIZED
    (void)limits;
    fprintf(stderr, "crust-enclaved: a sanitizer build runs WITHOUT its sandbox\n");
#else
    e = sandbox_limit(&limits);
    if (e != OK)
        fail("resource limits", e);
    e = sandbox_enter(&policy);
    if (e != OK)
        fail("the sandbox", e);
#endif
}

int main(int argc, char **argv)
{
    struct options o;
    struct ipc_sync *ipc;
    if (!parse_options(&o, argc, argv)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    check_descriptors();
    static struct seal_config config;
    config = (struct seal_config){ .provider = ATTEST_SOFTWARE,
                                   .release = span_str(release),
                                   .workers = o.workers,
                                   .entropy = random_bytes };
    enum err e = random_init();
    if (e == OK)
        e = read_key(&config.sealing);
    if (e != OK)
        fail("descriptor 4 must hold the 32 bytes of the software key", e);
    e = ipc_sync_new(&ipc, true);
    if (e == OK)
        e = serve_init(&config, ipc);
    if (e != OK)
        fail("start", e);
    secret_wipe(&config.sealing);
    /* Keys should not reach a swap file; where the limit forbids it, the guide says so. */
    if (mlockall(MCL_CURRENT) != 0)
        fputs("crust-enclaved: memory is not locked (see ulimit -l)\n", stderr);
    fputs("crust-enclaved: provider \"software\": NO hardware protects the keys of this worker;"
          " for development only\n",
          stderr);
    enter_sandbox();
    for (;;) {
        uint16_t type = 0;
        e = ipc_sync_accept(ipc, LISTENER_FD, NULL, CLOCK_FOREVER);
        if (e != OK)
            fail("accept", e);
        e = serve_connection(&type);
        if (e != OK) {
            fprintf(stderr, "crust-enclaved: refused message %u (%s): %s; ending\n", (unsigned)type,
                    enclave_msg_name(type), err_name(e));
            _exit(EXIT_VIOLATION);
        }
    }
}
