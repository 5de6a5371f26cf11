#include "cli/reading.h"
#include "ipfs/dag_block.h"
#include "ipfs/dag_walk.h"
#include "rt/clock.h"
#include "store/blockstore_maint.h"

#include <stdio.h>
#include <stdlib.h>

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
    static struct blockstore_pin pin;
    static uint8_t last[PIN_CID_MAX];
    struct local local;
    enum cli_exit exit = local_open(c, &local);
    if (exit != CLI_OK)
        return exit;
    json_t *list = json_array();
    struct span after = { last, 0 };
    enum err e;
    while ((e = blockstore_pin_next(local.repo.store, &pin, after)) == OK) {
        struct cid cid;
        char text[CID_TEXT_MAX];
        memcpy(last, pin.pin.cid.p, pin.pin.cid.n);
        after.n = pin.pin.cid.n;
        if (cid_decode(&cid, pin.pin.cid) != OK)
            continue;
        cid_format(text, &cid);
        if (!c->json)
            printf("%s %s %.*s\n", text, pin.pin.mode == PIN_RECURSIVE ? "recursive" : "direct",
                   (int)pin.pin.name.n, (const char *)pin.pin.name.p);
        json_array_append_new(list, pin_json(&pin.pin, text));
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
            return reading_failed(c, e, &walk.cid);
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
        enum err e = blockstore_unpin(local.repo.store, cid_bytes(buf, &name.cid));
        if (e == OK)
            e = blockstore_commit(local.repo.store);
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
    enum err e = blockstore_stat(local.repo.store, &s);
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
    enum err e = blockstore_verify(local.repo.store, &result, &events);
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
        return cli_print_json(json_pack("{s:I, s:I}", "blocks", (json_int_t)result.blocks, "bad",
                                        (json_int_t)result.bad));
    printf("%llu blocks indexed, %llu damaged records left out\n",
           (unsigned long long)result.blocks, (unsigned long long)result.bad);
    return CLI_OK;
}

/* The walk asks the collector what it has seen: marks and the seen set are one thing. */
static enum err seen_mark(void *ctx, bool *fresh, const struct content_key *key)
{
    bool known = false;
    enum err e = blockstore_gc_mark(ctx, key->digest, &known);
    *fresh = !known;
    return e;
}

static enum err mark_pin(struct reading *r, struct blockstore_gc *gc, const struct pin *pin)
{
    struct dag_walk_seen seen = { .ctx = gc, .add = seen_mark };
    struct dag_walk walk;
    struct dag_walk_item item = { 0 };
    struct cid cid;
    TRY(cid_decode(&cid, pin->cid));
    if (pin->mode == PIN_DIRECT) {
        struct block_key key;
        return dag_block_key(&key, &cid) != OK ? OK : blockstore_gc_mark(gc, key.digest, NULL);
    }
    dag_walk_init(&walk, &r->local.source, r->block, r->memory, &seen);
    TRY(dag_walk_add(&walk, &cid));
    while (!item.end)
        TRY(dag_walk_next(&walk, &item));
    return OK;
}

static enum err mark_all(struct reading *r, struct blockstore_gc *gc, struct cid *failed)
{
    static struct blockstore_pin pin;
    static uint8_t last[PIN_CID_MAX];
    struct span after = { last, 0 };
    enum err e;
    while ((e = blockstore_pin_next(r->local.repo.store, &pin, after)) == OK) {
        memcpy(last, pin.pin.cid.p, pin.pin.cid.n);
        after.n = pin.pin.cid.n;
        e = mark_pin(r, gc, &pin.pin);
        if (e != OK) {
            (void)!cid_decode(failed, pin.pin.cid);
            return e;
        }
    }
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err sweep_all(struct blockstore *store, struct blockstore_gc *gc)
{
    enum { BUDGET = 10000 };
    bool done = false, more = true;
    while (!done)
        TRY(blockstore_gc_sweep(gc, BUDGET, &done));
    while (more)
        TRY(blockstore_reclaim(store, BUDGET, &more));
    return OK;
}

static enum cli_exit run_repo_gc(struct cli *c)
{
    struct reading r;
    struct blockstore_gc *gc = NULL;
    struct blockstore_gc_result result = { 0 };
    struct cid failed = { 0 };
    char scratch[CONFIG_HOME_MAX + 32];
    (void)snprintf(scratch, sizeof(scratch), "%s/store/gc.marks", c->home);
    enum cli_exit exit = reading_open(c, &r);
    if (exit != CLI_OK) {
        reading_close(&r);
        return exit;
    }
    enum err e = blockstore_gc_begin(&gc, r.local.repo.store, scratch);
    if (e == OK)
        e = mark_all(&r, gc, &failed);
    if (e == OK)
        e = sweep_all(r.local.repo.store, gc);
    blockstore_gc_end(gc, &result);
    reading_close(&r);
    if (e != OK && failed.version + failed.digest_size > 0) {
        char text[CID_TEXT_MAX];
        cid_format(text, &failed);
        return cli_fail(c, CLI_FAILED, "crust pin rm CID",
                        "the pin %s is not whole here (%s): nothing was removed", text,
                        err_text(e));
    }
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "garbage collection stopped: %s", err_text(e));
    if (c->json)
        return cli_print_json(json_pack("{s:I, s:I, s:I}", "kept", (json_int_t)result.kept,
                                        "removed", (json_int_t)result.removed, "bytes",
                                        (json_int_t)result.removed_bytes));
    char size[24];
    cli_format_size(size, result.removed_bytes);
    printf("%llu blocks kept, %llu removed (%s)\n", (unsigned long long)result.kept,
           (unsigned long long)result.removed, size);
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
    { "repo stat", "", "how much the local store holds", "crust repo stat", NULL, 0, 0,
      run_repo_stat },
    { "repo gc", "", "remove what no pin holds, and free its space", "crust repo gc", NULL, 0, 0,
      run_repo_gc },
    { "repo verify", "", "hash every block again", "crust repo verify", NULL, 0, 0,
      run_repo_verify },
    { "repo rebuild", "", "make the index anew from the segments", "crust repo rebuild", NULL, 0, 0,
      run_repo_rebuild },
    { 0 },
};
