#include "cli/devnet.h"
#include "cli/ledger.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    START_PATIENCE_MS = 90000, /* of a busy machine */
    STOP_PATIENCE_MS = 8000,
    POLL_MS = 20,
    LOG_TAIL = 3000,
};

struct devnet_member *devnet_find(struct devnet *d, const char *name)
{
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->members[i].name, name) == 0)
            return &d->members[i];
    }
    return NULL;
}

/* The end of a log, so that nobody has to look for it. */
static void show_log(const struct devnet_member *m)
{
    char tail[LOG_TAIL + 1];
    AUTO(path_close) int fd = open(m->log, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = size > LOG_TAIL ? size - LOG_TAIL : 0;
    ssize_t n = fd < 0 ? 0 : pread(fd, tail, LOG_TAIL, from);
    if (n <= 0)
        return;
    tail[n] = '\0';
    fprintf(stderr, "---- the end of %s\n%s----\n", m->log, tail);
}

/* ---- starting one program ------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void argument(struct devnet_member *m, const char *fmt,
                                                           ...)
{
    struct devnet_arguments *a = &m->arguments;
    ASSERT(a->count < DEVNET_ARGS_MAX);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(a->texts[a->count], DEVNET_ARG_SIZE, fmt, ap);
    va_end(ap);
    a->argv[a->count] = a->texts[a->count];
    a->argv[++a->count] = NULL;
}

/* The next member, with its name; it counts once it has been spawned. */
static struct devnet_member *member_new(struct devnet *d, const char *name, const char *program,
                                        const char *url_file)
{
    ASSERT(d->count < DEVNET_MEMBERS_MAX);
    struct devnet_member *m = &d->members[d->count];
    *m = (struct devnet_member){ 0 };
    (void)snprintf(m->name, sizeof(m->name), "%s", name);
    (void)snprintf(m->program, sizeof(m->program), "%s", program);
    (void)snprintf(m->url_file, sizeof(m->url_file), "%s", url_file);
    argument(m, "%s", program);
    return m;
}

static enum cli_exit spawn(struct devnet *d, struct devnet_member *m)
{
    char path[DEVNET_PATH_MAX], url[DEVNET_PATH_MAX], log[64];
    (void)snprintf(log, sizeof(log), "logs/%s.log", m->name);
    if (path_join(m->log, sizeof(m->log), d->dir, log) != OK ||
        path_join(url, sizeof(url), d->dir, m->url_file) != OK ||
        path_join(path, sizeof(path), d->programs, m->program) != OK ||
        strlen(m->arguments.texts[0]) >= sizeof(path))
        return cli_fail(d->c, CLI_FAILED, NULL, "the path %s is too long", d->dir);
    if (m->url_file[0] != '\0')
        (void)unlink(url); /* of an earlier run */
    if (m->arguments.texts[0][0] == '/')
        (void)snprintf(path, sizeof(path), "%s", m->arguments.texts[0]);
    AUTO(path_close) int fd = open(m->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return cli_fail(d->c, CLI_FAILED, NULL, "cannot write %s", m->log);
    struct process_options o = { .path = path,
                                 .argv = m->arguments.argv,
                                 .fds = { { fd, 1 }, { fd, 2 } },
                                 .fd_count = 2,
                                 .new_group = true };
    enum err e = process_spawn(&m->process, &o);
    if (e != OK)
        return cli_fail(d->c, CLI_FAILED, "make", "cannot start %s: %s", path, err_text(e));
    m->running = true;
    return CLI_OK;
}

static bool ended(struct devnet_member *m)
{
    if (m->running && process_wait(&m->process, 0) == OK)
        m->running = false;
    return !m->running;
}

/* True once the program has written its URL: it serves then. An engine writes none: it is asked. */
static bool serves(const struct devnet *d, struct devnet_member *m)
{
    char path[DEVNET_PATH_MAX];
    struct mspan text;
    if (m->url_file[0] == '\0')
        return devnet_comet_serves(m->url);
    if (path_join(path, sizeof(path), d->dir, m->url_file) != OK ||
        path_read_file(&text, path, DEVNET_URL_MAX - 1) != OK)
        return false;
    size_t n = strcspn((char *)text.p, "\n");
    if (n > 0)
        (void)snprintf(m->url, sizeof(m->url), "%.*s", (int)n, (char *)text.p);
    free(text.p);
    return n > 0;
}

static enum cli_exit not_serving(struct devnet *d, struct devnet_member *m)
{
    show_log(m);
    return cli_fail(d->c, CLI_FAILED, NULL, "%s %s", m->name,
                    m->running ? "does not serve" : "ended at start");
}

static enum cli_exit wait_url(struct devnet *d, struct devnet_member *m)
{
    uint64_t deadline = clock_deadline(START_PATIENCE_MS);
    while (!serves(d, m)) {
        if (ended(m) || clock_left(deadline) == 0)
            return not_serving(d, m);
        clock_sleep_ms(POLL_MS);
    }
    return CLI_OK;
}

/* ---- the programs --------------------------------------------------------------------------- */

static enum cli_exit start(struct devnet *d, struct devnet_member *m)
{
    enum cli_exit exit = spawn(d, m);
    d->count += exit == CLI_OK;
    return exit == CLI_OK ? wait_url(d, m) : exit;
}

/* The ledger of a validator; the first one serves the devnet's users. */
static enum cli_exit start_ledger(struct devnet *d, uint32_t i)
{
    char name[24], url[48];
    (void)snprintf(name, sizeof(name), i == 0 ? "chain" : "chain%u", i + 1);
    (void)snprintf(url, sizeof(url), "validator%u/url", i + 1);
    struct devnet_member *m = member_new(d, name, "crust-chaind", url);
    argument(m, "--home=%s/validator%u", d->dir, i + 1);
    argument(m, "--genesis=%s/chain/genesis.json", d->dir);
    argument(m, "--data=data");
    argument(m, "--engine=cometbft");
    argument(m, "--abci=unix:%s/validator%u/abci.sock", d->dir, i + 1);
    argument(m, "--cometbft=http://127.0.0.1:%u", d->rpc_ports[i]);
    argument(m, "--url-file=url");
    argument(m, "--http-port=7001");
    argument(m, "--http-port-tries=100");
    return start(d, m);
}

/* An engine ends when its ledger does; devnet_revive starts both again. */
static enum cli_exit start_comet(struct devnet *d, uint32_t i)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "engine%u", i + 1);
    struct devnet_member *m = member_new(d, name, "cometbft", "");
    (void)snprintf(m->arguments.texts[0], DEVNET_ARG_SIZE, "%s", d->comet);
    argument(m, "start");
    argument(m, "--home=%s/validator%u/comet", d->dir, i + 1);
    (void)snprintf(m->url, sizeof(m->url), "http://127.0.0.1:%u", d->rpc_ports[i]);
    enum cli_exit exit = spawn(d, m);
    d->count += exit == CLI_OK;
    return exit;
}

static enum cli_exit start_validators(struct devnet *d)
{
    enum cli_exit exit = devnet_comet_settings(d);
    for (uint32_t i = 0; exit == CLI_OK && i < d->validators; i++)
        exit = start_ledger(d, i);
    for (uint32_t i = 0; exit == CLI_OK && i < d->validators; i++)
        exit = start_comet(d, i);
    for (size_t i = d->validators; exit == CLI_OK && i < d->count; i++)
        exit = wait_url(d, &d->members[i]);
    return exit;
}

static enum cli_exit start_chain(struct devnet *d)
{
    if (d->validators != 0)
        return start_validators(d);
    struct devnet_member *m = member_new(d, "chain", "crust-chaind", "chain/url");
    argument(m, "--home=%s/chain", d->dir);
    argument(m, "--genesis=genesis.json");
    argument(m, "--data=data");
    argument(m, "--beacon-key=beacon.key");
    argument(m, "--url-file=url");
    argument(m, "--http-port=7001");
    argument(m, "--http-port-tries=100");
    return start(d, m);
}

static enum cli_exit start_ipfsd(struct devnet *d, const char *home, bool storage)
{
    char url[48];
    (void)snprintf(url, sizeof(url), "%s/url", home);
    struct devnet_member *m = member_new(d, home, "crust-ipfsd", url);
    argument(m, "--home=%s/%s", d->dir, home);
    argument(m, "--chain=%s", d->members[0].url);
    argument(m, "--chain-id=%s", d->chain_id);
    argument(m, "--url-file=url");
    argument(m, "--gateway-port=%d", storage ? 8081 : 8080);
    argument(m, "--gateway-port-tries=100");
    argument(m, "--store-reserve=256M");
    argument(m, "--allow-private-origins");
    /* Peers of each other alone: the chain says where they are. */
    argument(m, "--p2p");
    argument(m, "--p2p-listen=/ip4/127.0.0.1/tcp/0");
    argument(m, "--p2p-bootstrap=");
    argument(m, "--p2p-dht=off");
    if (storage) {
        argument(m, "--storage");
        argument(m, "--disks=%s/%s/disk:%llu", d->dir, home, (unsigned long long)d->disk_bytes);
        argument(m, "--disk-reserve=256M");
        argument(m, "--extent-size=16M");
        if (d->release_keys[0] != '\0')
            argument(m, "--release-keys=%s", d->release_keys);
    }
    return start(d, m);
}

/* The agent of a storage node, of a validator, or of both: it holds the validator's beacon key, and
 * asks the validator's own ledger first. */
static enum cli_exit start_agent(struct devnet *d, uint32_t number)
{
    char name[24], url[48], home[24];
    (void)snprintf(name, sizeof(name), "agent%u", number);
    (void)snprintf(home, sizeof(home), "node%u", number);
    if (number > d->nodes)
        devnet_stake_home(d, number - 1, home);
    (void)snprintf(url, sizeof(url), "%s/agent-url", home);
    struct devnet_member *m = member_new(d, name, "crust-agentd", url);
    argument(m, "--home=%s/%s", d->dir, home);
    if (number <= d->validators) {
        argument(m, "--beacon-key=%s/validator%u/beacon.key", d->dir, number);
        argument(m, "--chain=%s%s%s", d->members[number - 1].url, number == 1 ? "" : ",",
                 number == 1 ? "" : d->members[0].url);
    } else {
        argument(m, "--chain=%s", d->members[0].url);
    }
    argument(m, "--password-file=%s/password", d->dir);
    argument(m, "--http-port=7101");
    argument(m, "--http-port-tries=100");
    argument(m, "--url-file=agent-url");
    argument(m, "--srd-share=5"); /* a development machine has other uses for its disk */
    return start(d, m);
}

static enum cli_exit make_folders(struct devnet *d)
{
    static const char *const names[] = { "logs", "user" };
    char path[DEVNET_PATH_MAX], name[32];
    enum err e = OK;
    for (size_t i = 0; e == OK && i < sizeof(names) / sizeof(names[0]); i++) {
        e = path_join(path, sizeof(path), d->dir, names[i]);
        if (e == OK)
            e = path_make_dirs(path, 0700);
    }
    for (uint32_t i = 0; e == OK && i < d->nodes; i++) {
        (void)snprintf(name, sizeof(name), "node%u/disk", i + 1);
        e = path_join(path, sizeof(path), d->dir, name);
        if (e == OK)
            e = path_make_dirs(path, 0700);
    }
    return e == OK ? CLI_OK
                   : cli_fail(d->c, CLI_FAILED, NULL, "cannot make folders in %s: %s", d->dir,
                              err_text(e));
}

enum cli_exit devnet_start(struct devnet *d)
{
    d->count = 0;
    enum cli_exit exit = make_folders(d);
    if (exit == CLI_OK)
        exit = devnet_files_make(d);
    if (exit == CLI_OK)
        exit = start_chain(d);
    if (exit == CLI_OK)
        exit = start_ipfsd(d, "user", false);
    for (uint32_t i = 0; exit == CLI_OK && i < d->nodes; i++) {
        char home[24];
        (void)snprintf(home, sizeof(home), "node%u", i + 1);
        exit = start_ipfsd(d, home, true);
    }
    /* Before the agents: they send transactions of the same accounts. */
    if (exit == CLI_OK)
        exit = devnet_stake_register(d);
    for (uint32_t i = 0; exit == CLI_OK && i < d->nodes + devnet_stake_strangers(d); i++)
        exit = start_agent(d, i + 1);
    if (exit == CLI_OK)
        exit = devnet_files_env(d);
    if (exit != CLI_OK)
        devnet_stop(d);
    return exit;
}

void devnet_stop_one(struct devnet_member *m)
{
    if (!m->running)
        return;
    process_stop(&m->process, STOP_PATIENCE_MS);
    process_fini(&m->process);
    m->running = false;
}

void devnet_stop(struct devnet *d)
{
    /* All are told first, so that they end side by side. */
    for (size_t i = d->count; i > 0; i--) {
        if (d->members[i - 1].running)
            process_signal(&d->members[i - 1].process, SIGTERM);
    }
    for (size_t i = d->count; i > 0; i--)
        devnet_stop_one(&d->members[i - 1]);
}

bool devnet_alive(struct devnet *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct devnet_member *m = &d->members[i];
        if (!m->running || !ended(m))
            continue;
        show_log(m);
        (void)cli_fail(d->c, CLI_FAILED, NULL, "%s ended by itself (exit %d)", m->name,
                       m->process.exit_code);
        return false;
    }
    return true;
}

/* The port a program had, so that what others know of it stays true. */
static void keep_port(struct devnet_member *m)
{
    const char *colon = strrchr(m->url, ':');
    for (size_t i = 0; colon != NULL && i < m->arguments.count; i++) {
        char *text = m->arguments.texts[i];
        if (strncmp(text, "--gateway-port=", 15) == 0)
            (void)snprintf(text, DEVNET_ARG_SIZE, "--gateway-port=%s", colon + 1);
        if (strncmp(text, "--http-port=", 12) == 0)
            (void)snprintf(text, DEVNET_ARG_SIZE, "--http-port=%s", colon + 1);
    }
}

static bool start_again(struct devnet *d, struct devnet_member *m)
{
    printf("%s ended (exit %d); starting it again\n", m->name, m->process.exit_code);
    fflush(stdout);
    process_fini(&m->process);
    if (++m->restarts > DEVNET_RESTARTS_MAX)
        return false;
    keep_port(m);
    m->starting = true;
    m->deadline = clock_deadline(START_PATIENCE_MS);
    return spawn(d, m) == CLI_OK;
}

/* One that was started again: does it serve by now? One that has not after a while is ended, for
 * the next round to start. */
static void look_at(struct devnet *d, struct devnet_member *m)
{
    if (serves(d, m)) {
        m->starting = false;
        printf("%s runs again, process %d\n", m->name, (int)m->process.pid);
        fflush(stdout);
    } else if (ended(m) || clock_left(m->deadline) == 0) {
        (void)not_serving(d, m);
        process_signal(&m->process, SIGKILL);
    }
}

/* An engine ends itself when its ledger does, but may hang while it does so, and then holds its
 * database for ever. */
static void end_engine_of(struct devnet *d, const struct devnet_member *ledger)
{
    size_t i = (size_t)(ledger - d->members);
    if (i < d->validators && d->validators + i < d->count && d->members[d->validators + i].running)
        process_signal(&d->members[d->validators + i].process, SIGKILL);
}

bool devnet_revive(struct devnet *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct devnet_member *m = &d->members[i];
        if (!m->running && m->process.pidfd < 0)
            continue; /* it was stopped on purpose */
        if (m->running && m->starting)
            look_at(d, m);
        if (m->running && !ended(m))
            continue;
        end_engine_of(d, m);
        if (!start_again(d, m))
            return false;
    }
    return true;
}
