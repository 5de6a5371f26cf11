#include "cli/local.h"
#include "rt/clock.h"

#include <stdio.h>

enum {
    LOCK_PATIENCE_MS = 10000, /* a daemon that starts or stops needs less */
    LOCK_RETRY_MS = 100,
};

void local_folder(const struct cli *c, char out[CONFIG_HOME_MAX + 16],
                  struct blockstore_config *options)
{
    (void)snprintf(out, CONFIG_HOME_MAX + 16, "%s/store", c->home);
    *options = (struct blockstore_config){
        .quota_bytes = config_u64(&c->config, "store-quota"),
        .reserve_bytes = config_u64(&c->config, "store-reserve"),
    };
}

static enum cli_exit open_failed(const struct cli *c, enum err e, const char *dir,
                                 const struct lockfile_holder *holder)
{
    if (e == ERR_BUSY)
        return cli_fail(c, CLI_UNREACHABLE, "wait for it to end, or stop it",
                        "the store %s is in use by %s, process %d", dir,
                        holder->program[0] == '\0' ? "another program" : holder->program,
                        (int)holder->pid);
    return cli_fail(c, CLI_FAILED, "crust repo rebuild", "cannot open the store %s: %s", dir,
                    err_text(e));
}

enum cli_exit local_open(const struct cli *c, struct local *out)
{
    *out = (struct local){ 0 };
    struct blockstore_config options;
    struct lockfile_holder holder = { 0 };
    char dir[CONFIG_HOME_MAX + 16];
    local_folder(c, dir, &options);
    uint64_t deadline = clock_deadline(LOCK_PATIENCE_MS);
    enum err e;
    for (;;) {
        e = repo_open(&out->repo, &holder, dir, "crust", &options);
        if (e != ERR_BUSY || clock_left(deadline) == 0)
            break;
        clock_sleep_ms(LOCK_RETRY_MS);
    }
    if (e != OK)
        return open_failed(c, e, dir, &holder);
    /* Every block that we put was hashed a moment ago, here. */
    e = sink_open(&out->sink_state, out->repo.store, BLOCKSTORE_VERIFIED);
    if (e != OK) {
        local_close(out);
        return open_failed(c, e, dir, &holder);
    }
    out->sink_open = true;
    out->sink = sink_interface(&out->sink_state);
    out->source = sink_source(out->repo.store);
    return CLI_OK;
}

void local_close(struct local *l)
{
    if (l->sink_open)
        sink_close(&l->sink_state);
    repo_close(&l->repo);
    *l = (struct local){ 0 };
}
