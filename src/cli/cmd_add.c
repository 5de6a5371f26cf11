#include "cli/cmd_add.h"
#include "cli/content.h"
#include "rt/clock.h"

#include <stdio.h>
#include <string.h>

/* A sink that keeps nothing: for --only-hash. */
static enum err drop_put(void *ctx, const struct block_key *key, struct span data)
{
    (void)ctx;
    (void)key;
    (void)data;
    return OK;
}

static const struct block_sink drop_sink = { .put = drop_put };

void cmd_add_progress(void *ctx, uint64_t bytes, uint64_t files)
{
    (void)files;
    cli_progress(ctx, "adding", bytes, 0);
}

const char *cmd_add_base_name(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    return path + n;
}

enum cli_exit cmd_add_import_options(const struct cli *c, struct import_options *out)
{
    const char *profile = cli_value(c, "profile");
    if (profile == NULL)
        profile = CONTENT_PROFILE_DEFAULT;
    *out = (struct import_options){ .hidden = cli_has(c, "hidden") };
    if (unixfs_add_profile(&out->params, profile) != OK)
        return cli_usage(c, "there is no profile \"%s\": unixfs-v1-2025 or unixfs-v0-2015",
                         profile);
    return CLI_OK;
}

enum cli_exit cmd_add_failed(const struct cli *c, enum err e, const char *path,
                             const struct import_result *r)
{
    const char *at = r->error_path[0] == '\0' ? path : r->error_path;
    switch ((int)e) {
    case ERR_NOT_FOUND:
        return cli_fail(c, CLI_NOT_FOUND, NULL, "%s: no such file or folder", at);
    case ERR_DENIED:
        return cli_fail(c, CLI_FAILED, NULL, "%s: permission denied", at);
    case ERR_STATE:
        return cli_fail(c, CLI_FAILED, "the same command again",
                        "%s changed while it was read; nothing was pinned", at);
    case ERR_UNSUPPORTED:
        return cli_fail(c, CLI_USAGE, "crust add -r FOLDER",
                        "%s is a folder (give -r), or no regular file, folder or symlink", at);
    case ERR_FULL:
        return cli_fail(c, CLI_REFUSED, "crust repo gc", "the store is full (quota or disk)");
    default:
        return cli_fail(c, cli_exit_of(e), NULL, "cannot add %s: %s", at, err_text(e));
    }
}

static enum cli_exit print_added(const struct cli *c, const char *path,
                                 const struct import_result *r, bool only_hash)
{
    char text[CID_TEXT_MAX];
    cid_format(text, &r->root);
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "cid", text, "name",
                                        cmd_add_base_name(path), "files", (json_int_t)r->files,
                                        "bytes", (json_int_t)r->bytes, "size", (json_int_t)r->tsize,
                                        "stored", !only_hash));
    if (cli_has(c, "quieter") || cli_has(c, "quiet"))
        printf("%s\n", text);
    else
        printf("added %s %s\n", text, cmd_add_base_name(path));
    return CLI_OK;
}

enum cli_exit cmd_add_store_pin(const struct cli *c, struct local *l, const struct import_result *r,
                                const char *path, const char *profile)
{
    uint8_t cid[CID_SIZE_MAX];
    struct writer w = writer_of(cid, sizeof(cid));
    cid_write(&w, &r->root);
    const char *name = cmd_add_base_name(path);
    struct pin pin = { .cid = writer_span(&w),
                       .mode = PIN_RECURSIVE,
                       .profile = span_str(profile),
                       .name = span_sub(span_str(name), 0, PIN_NAME_MAX),
                       .time_unix_s = clock_wall_ms() / 1000 };
    struct span inlined;
    enum err e = w.err;
    if (e == OK && !cid_inlined(&inlined, &r->root))
        e = block_sink_pin(&l->sink, &pin);
    if (e == OK)
        e = block_sink_commit(&l->sink);
    return e == OK ? CLI_OK : cmd_add_failed(c, e, path, r);
}

static enum cli_exit add_one(struct cli *c, struct local *l, const struct import_options *o,
                             const char *path)
{
    static struct import_result r;
    enum err e = strcmp(path, "-") == 0 ? import_stream(&r, o, 0) : import_path(&r, o, path);
    cli_progress_end(c);
    if (e != OK)
        return cmd_add_failed(c, e, path, &r);
    if (l != NULL) {
        const char *profile = cli_value(c, "profile");
        enum cli_exit exit =
            cmd_add_store_pin(c, l, &r, path, profile == NULL ? CONTENT_PROFILE_DEFAULT : profile);
        if (exit != CLI_OK)
            return exit;
    }
    return print_added(c, path, &r, l == NULL);
}

enum cli_exit cmd_add_run(struct cli *c)
{
    struct import_options o;
    enum cli_exit exit = cmd_add_import_options(c, &o);
    if (exit != CLI_OK)
        return exit;
    bool only_hash = cli_has(c, "only-hash");
    struct local local = { 0 };
    if (!only_hash)
        exit = local_open(c, &local);
    o.recursive = cli_has(c, "recursive");
    o.preserve_mode = cli_has(c, "preserve-mode");
    o.preserve_mtime = cli_has(c, "preserve-mtime");
    o.sink = only_hash ? &drop_sink : &local.sink;
    o.progress = cmd_add_progress;
    o.progress_ctx = c;
    for (size_t i = 0; exit == CLI_OK && i < c->arg_count; i++)
        exit = add_one(c, only_hash ? NULL : &local, &o, c->args[i]);
    local_close(&local);
    return exit;
}
