/* crust-enclaved: the trusted half of a storage node. Design: docs/design/enclave.md.
 *
 * Descriptors at start, exactly: 0, 1 and 2; 3, a listening socket; and 4, the sealing key of the
 * software provider (32 bytes). */
#include "base/release.h"
#include "crypto/random.h"
#include "enclaved/policy.h"
#include "enclaved/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    KEY_FD = POLICY_LISTENER_FD + 1,
    EXIT_START = 1,     /* it could not start */
    EXIT_USAGE = 2,     /* wrong arguments */
    EXIT_VIOLATION = 3, /* the host asked for what no row of the table allows */
};

static const char usage[] =
    "crust-enclaved --provider software [--workers N]\n"
    "Started by crust-ipfsd: descriptor 3 is a listening socket, descriptor 4 the software key.\n";

/* The number of workers that the arguments ask for, or -1. */
static int parse_arguments(int argc, char **argv)
{
    bool software = false;
    int workers = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--provider") == 0 && strcmp(value, "software") == 0)
            software = true;
        else if (strcmp(argv[i], "--workers") == 0 && value[0] >= '0' && value[0] <= '8' &&
                 value[1] == '\0')
            workers = value[0] - '0';
        else
            return -1;
    }
    return software && argc % 2 == 1 ? workers : -1;
}

static void must(enum err e, const char *what)
{
    if (e == OK)
        return;
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

static void enter_sandbox(void)
{
#ifdef CRUST_SANITIZED
    fprintf(stderr, "crust-enclaved: a sanitizer build runs WITHOUT its sandbox\n");
#else
    must(policy_enter(), "the sandbox");
#endif
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("crust-enclaved %s\n", RELEASE);
        return EXIT_SUCCESS;
    }
    int workers = parse_arguments(argc, argv);
    if (workers < 0) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    must(sandbox_check_fds(KEY_FD + 1), "it wants the descriptors 0 to 4 and no others");
    static struct seal_config config;
    config = (struct seal_config){ .release = span_str(RELEASE),
                                   .workers = (uint32_t)workers,
                                   .entropy = random_bytes };
    must(random_init(), "random numbers");
    must(read_key(&config.sealing), "descriptor 4 must hold the 32 bytes of the software key");
    must(serve_init(&config), "start");
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
        must(serve_accept(POLICY_LISTENER_FD), "accept");
        enum err e = serve_connection(&type);
        if (e != OK) {
            fprintf(stderr, "crust-enclaved: refused message %u: %s; ending\n", (unsigned)type,
                    err_text(e));
            _exit(EXIT_VIOLATION);
        }
    }
}
