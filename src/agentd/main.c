/* crust-agentd: the storage merchant. Guide: docs/guide/merchant.md. */
#include "agentd/agent.h"

#include "codec/ss58.h"
#include "rt/lockfile.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/program.h"

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
                 agent.settings.chains.urls[0]);
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
    int ended = program_start(&config, &settings_table, argc, argv);
    if (ended >= 0)
        return ended;
    if (settings_load(&agent.settings, &config, error) != OK ||
        settings_unlock(&agent.key, &agent.settings, error) != OK)
        return program_refuse(&config, error);
    enum err e = run();
    ed25519_wipe(&agent.key);
    return e == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
