#include "cli/devnet.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    NODES_DEFAULT = 3,
    VALIDATORS_DEFAULT = 4,
    WATCH_MS = 200,
    DISK_DEFAULT = 4, /* GiB */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The folder: --dir, else CRUST_HOME/devnet; made absolute, because children have other homes. */
static enum cli_exit find_dir(const struct cli *c, char out[DEVNET_PATH_MAX])
{
    const char *given = cli_value(c, "dir");
    char path[DEVNET_PATH_MAX];
    if (given == NULL && cli_path(c, path, sizeof(path), "devnet") == OK)
        given = path;
    if (given == NULL || strlen(given) >= sizeof(path) || path_make_dirs(given, 0700) != OK)
        return cli_fail(c, CLI_FAILED, "--dir FOLDER", "cannot make the folder %s",
                        given == NULL ? "?" : given);
    char *real = realpath(given, NULL);
    int n = real == NULL ? -1 : snprintf(out, DEVNET_PATH_MAX, "%s", real);
    free(real);
    /* The longest path below it is a socket, which has 107 bytes at most. */
    if (n < 0 || n > 80)
        return cli_fail(c, CLI_FAILED, "--dir FOLDER", "the path of %s is longer than 80 bytes",
                        given);
    return CLI_OK;
}

/* --engine and --validators. */
static enum cli_exit read_engine(struct cli *c, struct devnet *d)
{
    const char *engine = cli_value(c, "engine"), *validators = cli_value(c, "validators");
    uint64_t count = 0;
    bool comet = engine != NULL && strcmp(engine, "cometbft") == 0;
    if (engine != NULL && !comet && strcmp(engine, "embedded") != 0)
        return cli_usage(c, "--engine is embedded or cometbft");
    if (validators != NULL && !comet)
        return cli_usage(c, "--validators goes with --engine cometbft");
    if (comet)
        count = VALIDATORS_DEFAULT;
    if (validators != NULL && (config_number(&count, CONFIG_U64, validators) != OK || count < 1 ||
                               count > DEVNET_VALIDATORS_MAX))
        return cli_usage(c, "--validators takes 1 to %d", DEVNET_VALIDATORS_MAX);
    d->validators = (uint32_t)count;
    return CLI_OK;
}

static enum cli_exit prepare(struct cli *c, struct devnet *d)
{
    enum cli_exit engine = read_engine(c, d);
    uint64_t nodes = d->validators > NODES_DEFAULT ? d->validators : NODES_DEFAULT;
    uint64_t disk = (uint64_t)DISK_DEFAULT << 30;
    const char *storage = cli_value(c, "storage"), *bytes = cli_value(c, "disk");
    if (engine != CLI_OK)
        return engine;
    if (storage != NULL &&
        (config_number(&nodes, CONFIG_U64, storage) != OK || nodes < 1 || nodes > DEVNET_NODES_MAX))
        return cli_usage(c, "--storage takes 1 to %d nodes", DEVNET_NODES_MAX);
    if (bytes != NULL && config_number(&disk, CONFIG_SIZE, bytes) != OK)
        return cli_usage(c, "--disk takes a size, such as 4G");
    d->c = c;
    d->nodes = (uint32_t)nodes;
    d->disk_bytes = disk;
    enum cli_exit exit = find_dir(c, d->dir);
    if (exit != CLI_OK)
        return exit;
    enum err e = process_beside(d->programs, sizeof(d->programs), "crust");
    char *slash = strrchr(d->programs, '/');
    if (e != OK || slash == NULL)
        return cli_fail(c, CLI_FAILED, NULL, "cannot find the folder of this program");
    *slash = '\0';
    return CLI_OK;
}

/* The verbs of the story use the devnet's own user: its folder, its keys, its chain. */
static enum cli_exit become_user(struct cli *c, const struct devnet *d)
{
    static char home[DEVNET_PATH_MAX + 16], chain[DEVNET_URL_MAX + 16], pass[DEVNET_PATH_MAX + 32];
    static char name[] = "crust";
    char *argv[] = { name, home, chain, pass };
    (void)snprintf(home, sizeof(home), "--home=%s/user", d->dir);
    (void)snprintf(chain, sizeof(chain), "--chain=%s", d->members[0].url);
    (void)snprintf(pass, sizeof(pass), "--password-file=%s/password", d->dir);
    if (config_load(&c->config, c->config.table, 4, argv) != OK)
        return cli_fail(c, CLI_FAILED, NULL, "%s", c->config.error);
    c->home = c->config.home;
    return CLI_OK;
}

static void print_members(const struct devnet *d)
{
    for (size_t i = 0; i < d->count; i++)
        printf("  %-8s %-28s process %d, log %s\n", d->members[i].name, d->members[i].url,
               (int)d->members[i].process.pid, d->members[i].log);
}

static enum err write_pid(const struct devnet *d)
{
    char path[DEVNET_PATH_MAX], text[32];
    TRY(path_join(path, sizeof(path), d->dir, "pid"));
    (void)snprintf(text, sizeof(text), "%d\n", (int)getpid());
    return path_write_file(path, span_str(text), 0600);
}

static void forget_pid(const struct devnet *d)
{
    char path[DEVNET_PATH_MAX];
    if (path_join(path, sizeof(path), d->dir, "pid") == OK)
        (void)unlink(path);
}

/* Until Ctrl-C; what ends by itself is started again. */
static enum cli_exit watch(struct devnet *d)
{
    printf("running; Ctrl-C ends it\n");
    fflush(stdout);
    while (!interrupted) {
        if (!devnet_revive(d))
            return CLI_FAILED;
        clock_sleep_ms(WATCH_MS);
    }
    printf("\nstopping\n");
    return CLI_OK;
}

static enum cli_exit run_up(struct cli *c)
{
    static struct devnet d;
    struct sigaction act = { .sa_handler = on_signal };
    enum cli_exit exit = prepare(c, &d);
    if (exit != CLI_OK)
        return exit;
    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    if (d.validators != 0)
        printf("starting a network in %s: %u validators, %u storage nodes, your own node\n", d.dir,
               d.validators, d.nodes);
    else
        printf("starting a network in %s: a chain, %u storage nodes, your own node\n", d.dir,
               d.nodes);
    fflush(stdout);
    exit = devnet_start(&d);
    if (exit != CLI_OK)
        return exit;
    if (write_pid(&d) != OK)
        exit = cli_fail(c, CLI_FAILED, NULL, "cannot write %s/pid", d.dir);
    print_members(&d);
    devnet_stake_print(&d);
    const char *file = cli_value(c, "run");
    if (exit == CLI_OK && file != NULL)
        exit = become_user(c, &d);
    if (exit == CLI_OK && file != NULL)
        exit = devnet_run(&d, file);
    if (exit == CLI_OK && !cli_has(c, "once"))
        exit = watch(&d);
    devnet_stop(&d);
    forget_pid(&d);
    return exit;
}

static enum cli_exit read_pid(const struct cli *c, pid_t *pid)
{
    char dir[DEVNET_PATH_MAX], path[DEVNET_PATH_MAX];
    struct mspan text;
    enum cli_exit exit = find_dir(c, dir);
    if (exit != CLI_OK)
        return exit;
    *pid = 0;
    if (path_join(path, sizeof(path), dir, "pid") == OK && path_read_file(&text, path, 32) == OK) {
        *pid = (pid_t)strtol((const char *)text.p, NULL, 10);
        free(text.p);
    }
    if (*pid > 1 && kill(*pid, 0) == 0)
        return CLI_OK;
    return cli_fail(c, CLI_NOT_FOUND, "crust devnet up", "no devnet runs in %s", dir);
}

static enum cli_exit run_down(struct cli *c)
{
    enum { PATIENCE_MS = 15000 };
    pid_t pid;
    enum cli_exit exit = read_pid(c, &pid);
    if (exit != CLI_OK)
        return exit;
    uint64_t deadline = clock_deadline(PATIENCE_MS);
    (void)kill(pid, SIGTERM);
    while (kill(pid, 0) == 0 && clock_left(deadline) > 0)
        clock_sleep_ms(WATCH_MS / 4);
    if (kill(pid, 0) == 0 || errno != ESRCH)
        return cli_fail(c, CLI_FAILED, NULL, "process %d does not end", (int)pid);
    printf("stopped\n");
    return CLI_OK;
}

static enum cli_exit run_status(struct cli *c)
{
    pid_t pid;
    enum cli_exit exit = read_pid(c, &pid);
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(json_pack("{s:b, s:i}", "running", 1, "process", (int)pid));
    printf("running, process %d\n", (int)pid);
    return CLI_OK;
}

static const struct cli_option up_options[] = {
    { "dir", 0, "FOLDER", "where it lives; default: CRUST_HOME/devnet" },
    { "storage", 0, "N",
      "storage nodes; default 3, with cometbft at least one for each validator" },
    { "engine", 0, "NAME", "embedded (default: one ledger agrees with itself) or cometbft" },
    { "validators", 0, "N", "with cometbft: how many; default 4" },
    { "disk", 0, "SIZE", "what each of them offers; default 4G" },
    { "run", 0, "PATH", "store this, have it proven, fetch it back and compare" },
    { "once", 0, NULL, "end after that" },
    { 0 },
};

static const struct cli_option dir_options[] = {
    { "dir", 0, "FOLDER", "where it lives; default: CRUST_HOME/devnet" },
    { 0 },
};

const struct cli_verb cli_verbs_devnet[] = {
    { "devnet up", "", "run a whole network on this machine, until Ctrl-C",
      "crust devnet up\ncrust devnet up --dir build/devnet --run ~/photos --once\n"
      "crust devnet up --engine cometbft --validators 4",
      up_options, 0, 0, run_up },
    { "devnet down", "", "stop it", "crust devnet down", dir_options, 0, 0, run_down },
    { "devnet status", "", "whether it runs", "crust devnet status", dir_options, 0, 0,
      run_status },
    { 0 },
};
