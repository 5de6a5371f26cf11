#include "cli/cmd_pin_token.h"
#include "cli/reading.h"
#include "ipfs/dag_block.h"
#include "ipfs/dag_walk.h"
#include "rt/clock.h"
#include "rt/process.h"
#include "store/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct span cid_bytes(uint8_t buf[CID_SIZE_MAX], const struct cid *cid)
{
    struct writer w = writer_of(buf, CID_SIZE_MAX);
    cid_write(&w, cid);
    ASSERT(w.err == OK);
    return writer_span(&w);
}

/* ---- pins ----------------------------------------------------------------------------------- */

static json_t *pin_json(const struct pin *pin, const char *cid)
{
    return json_pack("{s:s, s:s, s:s%, s:s%, s:I}", "cid", cid, "mode",
                     pin->mode == PIN_RECURSIVE ? "recursive" : "direct", "profile",
                     (const char *)pin->profile.p, pin->profile.n, "name",
                     (const char *)pin->name.p, pin->name.n, "time", (json_int_t)pin->time_unix_s);
}

static enum cli_exit run_pin_ls(struct cli *c)
{
    static uint8_t last[CID_SIZE_MAX];
    struct local local;
    struct pin pin;
    enum cli_exit exit = local_open(c, &local);
    if (exit != CLI_OK)
        return exit;
    json_t *list = json_array();
    struct span after = { last, 0 };
    enum err e;
    while ((e = local_pin_next(&local, &pin, after)) == OK && pin.cid.n <= sizeof(last)) {
        struct cid cid;
        char text[CID_TEXT_MAX];
        memcpy(last, pin.cid.p, pin.cid.n);
        after.n = pin.cid.n;
        if (cid_decode(&cid, pin.cid) != OK)
            continue;
        cid_format(text, &cid);
        if (!c->json)
            printf("%s %s %.*s\n", text, pin.mode == PIN_RECURSIVE ? "recursive" : "direct",
                   (int)pin.name.n, (const char *)pin.name.p);
        json_array_append_new(list, pin_json(&pin, text));
    }
    local_close(&local);
    if (c->json)
        return cli_print_json(list);
    json_decref(list);
    return e == ERR_NOT_FOUND ? CLI_OK
                              : cli_fail(c, CLI_FAILED, NULL, "cannot read pins: %s", err_text(e));
}

/* Every block below root is here: a pin promises that. */
static enum cli_exit check_complete(const struct cli *c, struct reading *r, const struct cid *root)
{
    struct dag_walk walk;
    struct dag_walk_item item;
    dag_walk_init(&walk, &r->local.source, r->block, r->memory, NULL);
    enum err e = dag_walk_add(&walk, root);
    for (;;) {
        if (e == OK)
            e = dag_walk_next(&walk, &item);
        if (e != OK)
            return reading_failed(c, NULL, e, &walk.cid);
        if (item.end)
            return CLI_OK;
    }
}

static enum cli_exit run_pin_add(struct cli *c)
{
    struct reading r;
    struct cid cid;
    uint8_t buf[CID_SIZE_MAX];
    enum cli_exit exit = reading_open(c, &r);
    if (exit == CLI_OK)
        exit = reading_resolve(c, &r, &cid, c->args[0]);
    bool recursive = !cli_has(c, "direct");
    if (exit == CLI_OK && recursive)
        exit = check_complete(c, &r, &cid);
    if (exit == CLI_OK) {
        const char *name = cli_value(c, "name");
        struct pin pin = { .cid = cid_bytes(buf, &cid),
                           .mode = recursive ? PIN_RECURSIVE : PIN_DIRECT,
                           .name = span_str(name == NULL ? "" : name),
                           .time_unix_s = clock_wall_ms() / 1000 };
        enum err e = block_sink_pin(&r.local.sink, &pin);
        if (e == OK)
            e = block_sink_commit(&r.local.sink);
        if (e != OK)
            exit = cli_fail(c, cli_exit_of(e), NULL, "cannot pin: %s", err_text(e));
    }
    reading_close(&r);
    if (exit == CLI_OK && !c->json)
        printf("pinned %s\n", c->args[0]);
    return exit;
}

static enum cli_exit run_pin_rm(struct cli *c)
{
    struct local local;
    struct reading_name name;
    uint8_t buf[CID_SIZE_MAX];
    enum cli_exit exit = reading_parse(c, &name, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    exit = local_open(c, &local);
    if (exit == CLI_OK) {
        enum err e = local_unpin(&local, cid_bytes(buf, &name.cid));
        if (e == ERR_NOT_FOUND)
            exit = cli_fail(c, CLI_NOT_FOUND, "crust pin ls", "%s is not pinned", c->args[0]);
        else if (e != OK)
            exit = cli_fail(c, CLI_FAILED, NULL, "cannot unpin: %s", err_text(e));
    }
    local_close(&local);
    if (exit == CLI_OK && !c->json)
        printf("unpinned %s; its space comes back with: crust repo gc\n", c->args[0]);
    return exit;
}

/* ---- repo ----------------------------------------------------------------------------------- */

static enum cli_exit run_repo_stat(struct cli *c)
{
    struct local local;
    struct blockstore_stat s;
    enum cli_exit exit = local_open(c, &local);
    if (exit != CLI_OK)
        return exit;
    enum err e = local_stat(&local, &s);
    local_close(&local);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, "crust repo verify", "cannot read the store: %s",
                        err_text(e));
    if (c->json)
        return cli_print_json(json_pack(
            "{s:I, s:I, s:I, s:I, s:I, s:I}", "blocks", (json_int_t)s.blocks, "bytes",
            (json_int_t)s.block_bytes, "disk", (json_int_t)s.disk_bytes, "pins", (json_int_t)s.pins,
            "quota", (json_int_t)s.quota_bytes, "free", (json_int_t)s.free_bytes));
    char bytes[24], disk[24], left[24];
    cli_format_size(bytes, s.block_bytes);
    cli_format_size(disk, s.disk_bytes);
    cli_format_size(left, s.free_bytes);
    printf("blocks  %llu (%s)\ndisk    %s\npins    %llu\nfree    %s\n",
           (unsigned long long)s.blocks, bytes, disk, (unsigned long long)s.pins, left);
    return CLI_OK;
}

static bool verify_progress(void *ctx, const struct blockstore_progress *p)
{
    cli_progress(ctx, "verifying", p->blocks, p->blocks_total);
    return true;
}

static void verify_bad(void *ctx, const uint8_t digest[BLOCK_DIGEST_SIZE],
                       enum blockstore_fault fault)
{
    static const char *const why[] = { "", "wrong bytes", "damaged header", "unreadable" };
    struct cli *c = ctx;
    struct content_key key = { .codec = CID_CODEC_RAW };
    char text[CID_TEXT_MAX];
    memcpy(key.digest, digest, BLOCK_DIGEST_SIZE);
    struct cid cid = cid_of_key(&key);
    cid_format(text, &cid);
    cli_progress_end(c);
    if (!c->json)
        printf("bad: %s (%s)\n", text, why[fault]);
}

static void daemon_progress(void *ctx, const struct node_progress *p)
{
    char phase[32];
    (void)snprintf(phase, sizeof(phase), "%.*s", (int)p->phase.n, (const char *)p->phase.p);
    cli_progress(ctx, phase, p->done, p->total);
}

/* Lets the daemon that has the store do the work. */
static enum err ask_daemon(struct cli *c, struct local *l, uint16_t type,
                           struct blockstore_progress *result)
{
    uint8_t body[8];
    struct writer w = writer_of(body, sizeof(body));
    struct ipc_msg reply, request = { .type = type };
    struct node_progress p;
    node_msg_encode_none(&w);
    request.body = writer_span(&w);
    TRY(ipc_sink_call_long(&l->daemon, &reply, &request, daemon_progress, c));
    TRY(node_msg_decode_progress(&p, reply.body));
    *result =
        (struct blockstore_progress){ .blocks = p.done, .blocks_total = p.total, .bad = p.bad };
    return OK;
}

static enum cli_exit run_repo_verify(struct cli *c)
{
    struct local local;
    struct blockstore_progress result = { 0 };
    enum cli_exit exit = local_open(c, &local);
    if (exit != CLI_OK)
        return exit;
    struct blockstore_verify_events events = { .ctx = c,
                                               .bad = verify_bad,
                                               .progress = verify_progress };
    enum err e = local.repo.store == NULL ? ask_daemon(c, &local, NODE_REPO_VERIFY, &result)
                                          : blockstore_verify(local.repo.store, &result, &events);
    local_close(&local);
    cli_progress_end(c);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "verifying stopped: %s", err_text(e));
    if (c->json)
        (void)cli_print_json(json_pack("{s:I, s:I, s:I}", "blocks", (json_int_t)result.blocks,
                                       "bytes", (json_int_t)result.bytes, "bad",
                                       (json_int_t)result.bad));
    else
        printf("%llu blocks verified, %llu bad\n", (unsigned long long)result.blocks,
               (unsigned long long)result.bad);
    return result.bad == 0 ? CLI_OK : CLI_FAILED;
}

/* On a storage node: what enclave/ derives from the disks, which crust-ipfsd knows how to make. */
static enum cli_exit rebuild_storage(const struct cli *c)
{
    char program[CONFIG_HOME_MAX + 32], folder[CONFIG_HOME_MAX + 16];
    struct process p;
    if (cli_path(c, folder, sizeof(folder), "enclave/journal") != OK || access(folder, F_OK) != 0)
        return CLI_OK;
    const char *argv[] = { program, "--home", c->home, "--rebuild", NULL };
    const struct process_options o = {
        .path = program, .argv = argv, .fds = { { 2, 2 } }, .fd_count = 1
    };
    enum err e = process_beside(program, sizeof(program), "crust-ipfsd");
    if (e == OK)
        e = process_spawn(&p, &o);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "crust-ipfsd cannot be started: %s", err_text(e));
    e = process_wait(&p, CLOCK_FOREVER);
    int code = p.exit_code;
    process_fini(&p);
    if (e != OK || code != 0)
        return cli_fail(c, CLI_FAILED, "crust disk list",
                        "the trees of some volumes could not be made anew; crust-ipfsd has said "
                        "above what is missing");
    if (!c->json)
        printf("the trees of sealed data are made anew; crust-ipfsd indexes it when it starts\n");
    return CLI_OK;
}

static enum cli_exit run_repo_rebuild(struct cli *c)
{
    struct blockstore_config options;
    struct blockstore_progress result = { 0 };
    struct lockfile_holder holder = { 0 };
    char dir[CONFIG_HOME_MAX + 16];
    local_folder(c, dir, &options);
    enum err e = repo_rebuild(&result, &holder, dir, "crust", &options);
    if (e == ERR_BUSY)
        return cli_fail(c, CLI_UNREACHABLE, "stop it first",
                        "the store is in use by %s, process %d", holder.program, (int)holder.pid);
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "cannot rebuild the index: %s", err_text(e));
    if (c->json)
        (void)cli_print_json(json_pack("{s:I, s:I}", "blocks", (json_int_t)result.blocks, "bad",
                                       (json_int_t)result.bad));
    else
        printf("%llu blocks indexed, %llu damaged records left out\n",
               (unsigned long long)result.blocks, (unsigned long long)result.bad);
    return rebuild_storage(c);
}

static bool gc_progress(void *ctx, const char *phase, uint64_t done)
{
    cli_progress(ctx, phase, done, 0);
    return true;
}

static enum cli_exit gc_failed(const struct cli *c, enum err e, const struct cid *broken)
{
    char text[CID_TEXT_MAX];
    if (broken->digest_size == 0)
        return cli_fail(c, CLI_FAILED, NULL, "garbage collection stopped: %s", err_text(e));
    cid_format(text, broken);
    return cli_fail(c, CLI_FAILED, "crust pin rm CID",
                    "the pin %s is not whole here (%s): nothing was removed", text, err_text(e));
}

static enum cli_exit run_repo_gc(struct cli *c)
{
    struct local local;
    char scratch[CONFIG_HOME_MAX + 32];
    (void)snprintf(scratch, sizeof(scratch), "%s/store/gc.marks", c->home);
    enum cli_exit exit = local_open(c, &local);
    if (exit != CLI_OK)
        return exit;
    struct collect run = {
        .store = local.repo.store, .scratch_path = scratch, .progress = gc_progress, .ctx = c
    };
    enum err e;
    if (local.repo.store != NULL) {
        e = collect_run(&run);
    } else {
        struct blockstore_progress p = { 0 };
        e = ask_daemon(c, &local, NODE_REPO_GC, &p);
        run.result =
            (struct blockstore_gc_result){ .removed = p.blocks, .kept = p.blocks_total - p.blocks };
    }
    local_close(&local);
    cli_progress_end(c);
    if (e != OK)
        return gc_failed(c, e, &run.broken);
    if (c->json)
        return cli_print_json(json_pack("{s:I, s:I, s:I}", "kept", (json_int_t)run.result.kept,
                                        "removed", (json_int_t)run.result.removed, "bytes",
                                        (json_int_t)run.result.removed_bytes));
    char size[24];
    cli_format_size(size, run.result.removed_bytes);
    printf("%llu blocks kept, %llu removed (%s)\n", (unsigned long long)run.result.kept,
           (unsigned long long)run.result.removed, size);
    return CLI_OK;
}

static const struct cli_option pin_add_options[] = {
    { "direct", 0, NULL, "the block alone, not what it links to" },
    { "name", 0, "NAME", "a name to remember it by" },
    { 0 },
};

const struct cli_verb cli_verbs_store[] = {
    { "pin add", "CID", "keep content that is in this store", "crust pin add CID --name photos",
      pin_add_options, 1, 1, run_pin_add },
    { "pin rm", "CID", "let go of pinned content", "crust pin rm CID", NULL, 1, 1, run_pin_rm },
    { "pin ls", "", "what is pinned, with profile and name", "crust pin ls", NULL, 0, 0,
      run_pin_ls },
    { "pin token add", "NAME", "let somebody pin over the pinning API, at an account's cost",
      "crust pin token add desktop --cap 10 --until 90d", cmd_pin_token_options, 1, 1,
      cmd_pin_token_add },
    { "pin token list", "", "who may, for whom and up to what", "crust pin token list", NULL, 0, 0,
      cmd_pin_token_list },
    { "pin token remove", "NAME", "take that back at once", "crust pin token remove desktop", NULL,
      1, 1, cmd_pin_token_remove },
    { "repo stat", "", "how much the local store holds", "crust repo stat", NULL, 0, 0,
      run_repo_stat },
    { "repo gc", "", "remove what no pin holds, and free its space", "crust repo gc", NULL, 0, 0,
      run_repo_gc },
    { "repo verify", "", "hash every block again; on a storage node the sealed ones too",
      "crust repo verify", NULL, 0, 0, run_repo_verify },
    { "repo rebuild", "", "make every index anew from the segments and disks", "crust repo rebuild",
      NULL, 0, 0, run_repo_rebuild },
    { 0 },
};
