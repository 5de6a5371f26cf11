/* crust-agentd: the storage merchant. Guide: docs/guide/merchant.md. */
#include "agentd/agent.h"

#include "codec/ss58.h"
#include "crypto/random.h"
#include "rt/lockfile.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

static struct config config; /* large for a stack */
static struct agent agent;

static enum err run(void)
{
    struct lockfile lock = { .fd = -1 };
    struct lockfile_holder holder = { 0 };
    char path[SETTINGS_PATH_MAX + 8], address[SS58_TEXT_MAX];
    TRY(path_make_dirs(agent.settings.folder, 0700));
    TRY(path_join(path, sizeof(path), agent.settings.folder, "LOCK"));
    enum err e = lockfile_take(&lock, &holder, path, "crust-agentd");
    if (e != OK) {
        log_error("in-use", "folder=\"%s\" by=\"%s\" pid=%d", agent.settings.folder, holder.program,
                  (int)holder.pid);
        return e;
    }
    e = agent_open(&agent);
    if (e == OK) {
        ss58_format(address, agent.key.public_key);
        log_info("ready", "account=%s ipfsd=\"%s\" chain=\"%s\"", address, agent.settings.ipfsd,
                 agent.settings.chains[0]);
        loop_run(agent.loop);
        log_info("stopping", "%s", "");
    } else {
        log_error("not-started", "reason=\"%s\"", err_text(e));
    }
    agent_close(&agent);
    lockfile_release(&lock);
    return e;
}

int main(int argc, char **argv)
{
    char error[CONFIG_ERROR_MAX];
    enum log_level level;
    if (random_init() != OK) {
        fprintf(stderr, "crust-agentd: the system has no source of random numbers\n");
        return EXIT_FAILURE;
    }
    if (config_load(&config, &settings_table, argc, argv) != OK) {
        fprintf(stderr, "crust-agentd: %s\n", config.error);
        return 2;
    }
    switch (config.action) {
    case CONFIG_HELP:
        config_print_help(&config, stdout);
        return EXIT_SUCCESS;
    case CONFIG_SHOW:
        config_print(&config, stdout);
        return EXIT_SUCCESS;
    case CONFIG_VERSION:
        printf("crust-agentd 0.1.0\n");
        return EXIT_SUCCESS;
    case CONFIG_RUN:
        break;
    }
    if (config.arg_count != 0 || settings_load(&agent.settings, &config, error) != OK) {
        fprintf(stderr, "crust-agentd: %s\n",
                config.arg_count != 0 ? "it takes flags only; see --help" : error);
        return 2;
    }
    if (log_level_parse(&level, agent.settings.log_level) != OK) {
        fprintf(stderr, "crust-agentd: log-level: debug, info, warn, error or off\n");
        return 2;
    }
    log_init("crust-agentd", level);
    if (settings_unlock(&agent.key, &agent.settings, error) != OK) {
        fprintf(stderr, "crust-agentd: %s\n", error);
        return 2;
    }
    enum err e = run();
    ed25519_wipe(&agent.key);
    return e == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
