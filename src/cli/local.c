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

void local_socket(const struct cli *c, char out[CONFIG_HOME_MAX + 16])
{
    (void)snprintf(out, CONFIG_HOME_MAX + 16, "%s/ipfsd.sock", c->home);
}

/* Connect first: a daemon that runs keeps the lock. */
static enum err connect_or_lock(const struct cli *c, struct local *out,
                                struct lockfile_holder *holder)
{
    struct blockstore_config options;
    char dir[CONFIG_HOME_MAX + 16], socket[CONFIG_HOME_MAX + 16];
    local_folder(c, dir, &options);
    local_socket(c, socket);
    enum err e = ipc_sink_connect(&out->daemon, socket);
    if (e == OK || (e != ERR_NOT_FOUND && e != ERR_CLOSED))
        return e;
    return repo_open(&out->repo, holder, dir, "crust", &options);
}

/* Fills in the interfaces of what connect_or_lock has opened. */
static enum err attach(struct local *out)
{
    if (out->repo.store == NULL) {
        out->sink = ipc_sink_interface(&out->daemon);
        out->source = ipc_sink_source(&out->daemon);
        return OK;
    }
    /* Every block that we put was hashed a moment ago, here. */
    TRY(sink_open(&out->sink_state, out->repo.store, BLOCKSTORE_VERIFIED));
    out->sink_open = true;
    out->sink = sink_interface(&out->sink_state);
    out->source = sink_source(out->repo.store);
    return OK;
}

enum err local_try(const struct cli *c, struct local *out)
{
    struct lockfile_holder holder;
    *out = (struct local){ 0 };
    enum err e = connect_or_lock(c, out, &holder);
    if (e == OK)
        e = attach(out);
    if (e != OK)
        local_close(out);
    return e;
}

enum cli_exit local_open(const struct cli *c, struct local *out)
{
    *out = (struct local){ 0 };
    struct lockfile_holder holder = { 0 };
    uint64_t deadline = clock_deadline(LOCK_PATIENCE_MS);
    enum err e;
    for (;;) {
        e = connect_or_lock(c, out, &holder);
        if (e != ERR_BUSY || clock_left(deadline) == 0)
            break;
        clock_sleep_ms(LOCK_RETRY_MS);
    }
    if (e == OK)
        e = attach(out);
    if (e != OK) {
        char dir[CONFIG_HOME_MAX + 16];
        struct blockstore_config options;
        local_folder(c, dir, &options);
        local_close(out);
        return open_failed(c, e, dir, &holder);
    }
    return CLI_OK;
}

void local_close(struct local *l)
{
    if (l->sink_open)
        sink_close(&l->sink_state);
    repo_close(&l->repo);
    ipc_sink_close(&l->daemon);
    *l = (struct local){ 0 };
}

enum err local_pin_next(struct local *l, struct pin *out, struct span after)
{
    static struct blockstore_pin own; /* one thread, one listing at a time */
    if (l->repo.store != NULL) {
        TRY(blockstore_pin_next(l->repo.store, &own, after));
        *out = own.pin;
        return OK;
    }
    struct node_pin pin;
    TRY(ipc_sink_pin_next(&l->daemon, &pin, after));
    *out = (struct pin){ .cid = pin.cid,
                         .mode = pin.recursive ? PIN_RECURSIVE : PIN_DIRECT,
                         .profile = pin.profile,
                         .name = pin.name,
                         .time_unix_s = pin.time_s };
    return OK;
}

enum err local_unpin(struct local *l, struct span cid)
{
    if (l->repo.store == NULL) {
        TRY(ipc_sink_unpin(&l->daemon, cid));
        return block_sink_commit(&l->sink);
    }
    TRY(blockstore_unpin(l->repo.store, cid));
    return blockstore_commit(l->repo.store);
}

enum err local_stat(struct local *l, struct blockstore_stat *out)
{
    if (l->repo.store != NULL)
        return blockstore_stat(l->repo.store, out);
    struct node_repo_stat s;
    TRY(ipc_sink_stat(&l->daemon, &s));
    *out = (struct blockstore_stat){ .blocks = s.blocks,
                                     .block_bytes = s.bytes,
                                     .disk_bytes = s.disk,
                                     .quota_bytes = s.quota,
                                     .free_bytes = s.free,
                                     .pins = s.pins };
    return OK;
}
