/* crust-enclaved: the trusted half of a storage node. Design: docs/design/enclave.md.
 *
 * One source, several programs: CRUST_PROVIDER names the one provider that is linked.
 * Descriptors at start, exactly: 0, 1 and 2; 3, a listening socket, unless --listen makes one; and,
 * for the software provider only, 4, its sealing key (32 bytes). */
#include "base/release.h"
#include "crypto/random.h"
#include "enclaved/judge.h"
#include "enclaved/policy.h"
#include "enclaved/provider.h"
#include "enclaved/serve.h"
#include "rt/ipc_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef CRUST_PROVIDER
#define CRUST_PROVIDER provider_software
#endif

enum {
    EXIT_START = 1,     /* it could not start */
    EXIT_USAGE = 2,     /* wrong arguments */
    EXIT_VIOLATION = 3, /* the host asked for what no row of the table allows */
};

static const struct provider *const provider = &CRUST_PROVIDER;

static const char usage[] =
    "crust-enclaved --provider %s [--workers N] [--release-keys K:HEX,HEX...]%s\n"
    "Descriptors: 0, 1, 2; 3, a listening socket%s.\n"
    "K of the keys must sign a release before this worker hands its keys over to it.\n";
static const char hardware_usage[] = " [--listen vsock:PORT or tcp:PORT] [--root FOLDER]";

struct arguments {
    int workers;
    const char *root;
    const char *listen; /* NULL: descriptor 3 listens */
    struct release_cert_keys release_keys;
    bool named; /* the provider: whoever starts it says what it expects */
};

static bool parse_arguments(struct arguments *a, int argc, char **argv)
{
    *a = (struct arguments){ .workers = 1, .root = "" };
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--provider") == 0 && strcmp(value, provider->name) == 0)
            a->named = true;
        else if (strcmp(argv[i], "--workers") == 0 && value[0] >= '0' && value[0] <= '8' &&
                 value[1] == '\0')
            a->workers = value[0] - '0';
        else if (strcmp(argv[i], "--root") == 0 && provider->nodes != NULL)
            a->root = value;
        else if (strcmp(argv[i], "--listen") == 0 && provider->nodes != NULL)
            a->listen = value;
        else if (strcmp(argv[i], "--release-keys") != 0 ||
                 release_cert_keys_parse(&a->release_keys, span_str(value)) != OK)
            return false;
    }
    return a->named && argc % 2 == 1;
}

static void must(enum err e, const char *what)
{
    if (e == OK)
        return;
    fprintf(stderr, "crust-enclaved: %s: %s\n", what, err_text(e));
    exit(EXIT_START);
}

static void enter_sandbox(void)
{
#ifdef CRUST_SANITIZED
    fprintf(stderr, "crust-enclaved: a sanitizer build runs WITHOUT its sandbox\n");
#else
    if (provider->confine != NULL)
        must(provider->confine(), "giving up the sight of other files");
    if (!provider->own_sandbox)
        must(policy_enter(provider->rules, provider->rule_count), "the sandbox");
#endif
}

/* Everything before the first request. */
static void start(const struct arguments *a)
{
    static struct seal_provider seal;
    static struct seal_config config;
    static struct provider_place place;
    const int fds = POLICY_LISTENER_FD + (a->listen == NULL) + provider->key_fd;
    if (!provider->own_sandbox)
        must(sandbox_check_fds(fds), "it wants the descriptors of its usage and no others");
    if (a->listen != NULL)
        must(ipc_answer_listen(POLICY_LISTENER_FD, a->listen), a->listen);
    config = (struct seal_config){ .provider = &seal,
                                   .release = span_str(RELEASE),
                                   .number = RELEASE_NUMBER,
                                   .release_keys = a->release_keys,
                                   .workers = (uint32_t)a->workers,
                                   .entropy = random_bytes };
    must(random_init(), "random numbers");
    place = (struct provider_place){ .nodes = provider->nodes, .root = a->root };
    must(provider->open(&seal, &config.sealing, &place), place.why);
    must(serve_init(&config), "start");
    must(judge_prepare(), "the vendors' certificates");
    secret_wipe(&config.sealing);
    /* Keys should not reach a swap file; where the limit forbids it, the guide says so. */
    if (mlockall(MCL_CURRENT) != 0)
        fputs("crust-enclaved: memory is not locked (see ulimit -l)\n", stderr);
    if (provider->warning != NULL)
        fprintf(stderr, "crust-enclaved: provider \"%s\": %s\n", provider->name, provider->warning);
    enter_sandbox();
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("crust-enclaved %s %s\n", RELEASE, provider->name);
        return EXIT_SUCCESS;
    }
    if (!parse_arguments(&arguments, argc, argv)) {
        fprintf(stderr, usage, provider->name, provider->nodes != NULL ? hardware_usage : "",
                provider->key_fd ? "; 4, the software key" : ", unless --listen makes one");
        return EXIT_USAGE;
    }
    start(&arguments);
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
