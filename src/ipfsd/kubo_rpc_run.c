/* Commands of the Kubo RPC that read. */
#include "api/gateway_tar.h"
#include "base/release.h"
#include "codec/json_out.h"
#include "ipfs/car_stream.h"
#include "ipfsd/kubo_rpc_http.h"
#include "ipfsd/remote.h"
#include "rt/clock.h"
#include "store/collect.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PIECE = 64 << 10,
    SEEN = 16 << 20, /* some 330,000 blocks of a DAG */
    TARGET_MAX = 4096,
};

static void free_bytes(uint8_t **p)
{
    free(*p);
}

/* ---- blocks ---- */

static enum err block_get(struct kubo_call *c)
{
    struct cid cid;
    struct span block;
    AUTO(free_bytes) uint8_t *memory = malloc(BLOCK_SIZE_MAX);
    if (memory == NULL)
        return ERR_MEMORY;
    TRY(kubo_call_resolve(c, &cid, c->plan->args[0]));
    TRY(kubo_call_block(c, &block, (struct mspan){ memory, BLOCK_SIZE_MAX }, &cid));
    kubo_io_answer(c->io, KUBO_ANSWER_BYTES);
    return kubo_io_write(c->io, block);
}

static enum err block_stat(struct kubo_call *c)
{
    struct cid cid;
    struct span block;
    struct kubo_text t;
    char text[CID_TEXT_MAX];
    AUTO(free_bytes) uint8_t *memory = malloc(BLOCK_SIZE_MAX);
    if (memory == NULL)
        return ERR_MEMORY;
    TRY(kubo_call_resolve(c, &cid, c->plan->args[0]));
    TRY(kubo_call_block(c, &block, (struct mspan){ memory, BLOCK_SIZE_MAX }, &cid));
    kubo_text_init(&t, c);
    cid_format(text, &cid);
    json_out_object(&t.j);
    json_out_member_str(&t.j, "Key", text);
    json_out_member_u64(&t.j, "Size", block.n);
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

/* ---- files ---- */

static enum err stat_of(struct kubo_call *c, struct unixfs_read_stat *out, struct mspan buf,
                        const struct cid *cid)
{
    struct span block;
    TRY(kubo_call_block(c, &block, buf, cid));
    return unixfs_read_stat(out, cid, block);
}

static enum err cat_one(struct kubo_call *c, struct mspan memory, const char *path)
{
    struct cid cid;
    struct unixfs_read_stat st;
    struct unixfs_read_walk walk;
    struct span data;
    const struct block_source source = kubo_call_source(c);
    TRY(kubo_call_resolve(c, &cid, path));
    TRY(stat_of(c, &st, memory, &cid));
    if (st.kind != UNIXFS_READ_FILE)
        return kubo_call_fail(c, ERR_FORMAT, "%s",
                              st.kind == UNIXFS_READ_DIRECTORY ? "this dag node is a directory"
                                                               : "this dag node is no file");
    uint64_t from = kubo_rpc_option(c->plan, KUBO_OPT_OFFSET, 0);
    uint64_t length = kubo_rpc_option(c->plan, KUBO_OPT_LENGTH, INT64_MAX);
    unixfs_read_file_init(&walk, &source, memory, &cid);
    unixfs_read_file_range(&walk, from, from + length); /* both below 2^63 */
    do {
        TRY(unixfs_read_file_next(&walk, &data));
        TRY(kubo_io_write(c->io, data));
    } while (data.n > 0);
    return OK;
}

static enum err cat(struct kubo_call *c)
{
    const struct kubo_plan *p = c->plan;
    AUTO(free_bytes) uint8_t *memory = malloc(UNIXFS_READ_MEMORY);
    if (memory == NULL)
        return ERR_MEMORY;
    if (p->arg_count > 1 &&
        (p->options[KUBO_OPT_OFFSET].given || p->options[KUBO_OPT_LENGTH].given))
        return kubo_call_fail(c, ERR_UNSUPPORTED, "offset and length are for one file");
    kubo_io_answer(c->io, KUBO_ANSWER_BYTES);
    for (size_t i = 0; i < p->arg_count; i++)
        TRY(cat_one(c, (struct mspan){ memory, UNIXFS_READ_MEMORY }, p->args[i]));
    return OK;
}

static void free_tar(struct gateway_tar **t)
{
    free(*t);
}

/* What an archive calls its root: the last part of the path. */
static enum err name_of(struct kubo_call *c, char out[GATEWAY_TAR_NAME_MAX], const char *path)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    size_t from = n;
    while (from > 0 && path[from - 1] != '/')
        from--;
    struct span s = span_of(path + from, n - from);
    if (s.n == 0 || s.n > 255 || span_eq(s, span_str(".")) || span_eq(s, span_str("..")))
        return kubo_call_fail(c, ERR_FORMAT, "the path ends in no name");
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return OK;
}

static enum err get(struct kubo_call *c)
{
    struct cid cid;
    char name[GATEWAY_TAR_NAME_MAX];
    const struct block_source source = kubo_call_source(c);
    AUTO(free_bytes) uint8_t *memory = malloc(UNIXFS_READ_MEMORY + PIECE);
    AUTO(free_tar) struct gateway_tar *tar = malloc(sizeof(*tar));
    if (memory == NULL || tar == NULL)
        return ERR_MEMORY;
    TRY(kubo_call_resolve(c, &cid, c->plan->args[0]));
    TRY(name_of(c, name, c->plan->args[0]));
    gateway_tar_init(tar, &source, (struct mspan){ memory, UNIXFS_READ_MEMORY }, &cid, name);
    tar->bare = true;
    kubo_io_answer(c->io, KUBO_ANSWER_BYTES);
    size_t n = 0;
    do {
        TRY(gateway_tar_next(tar, &n, (struct mspan){ memory + UNIXFS_READ_MEMORY, PIECE }));
        TRY(kubo_io_write(c->io, span_of(memory + UNIXFS_READ_MEMORY, n)));
    } while (n > 0);
    return OK;
}

/* ---- folders ---- */

static enum err ls_link(struct kubo_text *t, struct mspan buf, const struct unixfs_read_item *item)
{
    const struct kubo_plan *p = t->c->plan;
    struct unixfs_read_stat st = { 0 };
    char text[CID_TEXT_MAX];
    bool look = kubo_rpc_option(p, KUBO_OPT_SIZE, 1) != 0 ||
                kubo_rpc_option(p, KUBO_OPT_RESOLVE_TYPE, 1) != 0;
    if (look)
        TRY(stat_of(t->c, &st, buf, &item->cid));
    bool folder = look && st.kind == UNIXFS_READ_DIRECTORY;
    bool symlink = look && st.kind == UNIXFS_READ_SYMLINK;
    cid_format(text, &item->cid);
    json_out_object(&t->j);
    json_out_key(&t->j, "Name");
    json_out_text(&t->j, item->name);
    json_out_member_str(&t->j, "Hash", text);
    json_out_member_u64(&t->j, "Size", folder ? 0 : st.size);
    json_out_member_u64(&t->j, "Type",
                        !look     ? 0
                        : folder  ? UNIXFS_DIRECTORY
                        : symlink ? UNIXFS_SYMLINK
                                  : UNIXFS_FILE);
    json_out_key(&t->j, "Target");
    json_out_text(&t->j, symlink ? span_sub(st.target, 0, TARGET_MAX) : span_of(NULL, 0));
    json_out_object_end(&t->j);
    return OK;
}

static void ls_head(struct kubo_text *t, const char *path)
{
    json_out_object(&t->j);
    json_out_member_str(&t->j, "Hash", path);
    json_out_key(&t->j, "Links");
    json_out_array(&t->j);
}

static void ls_tail(struct kubo_text *t)
{
    json_out_array_end(&t->j);
    json_out_object_end(&t->j);
}

static void ls_open(struct kubo_text *t)
{
    json_out_object(&t->j);
    json_out_key(&t->j, "Objects");
    json_out_array(&t->j);
}

static enum err ls_close(struct kubo_text *t)
{
    json_out_array_end(&t->j);
    json_out_object_end(&t->j);
    return kubo_text_line(t);
}

static enum err ls_one(struct kubo_text *t, uint8_t *memory, const char *path)
{
    struct cid cid;
    struct unixfs_read_walk walk;
    struct unixfs_read_item item;
    const struct block_source source = kubo_call_source(t->c);
    const struct mspan child = { memory + UNIXFS_READ_MEMORY, BLOCK_SIZE_MAX };
    struct unixfs_read_stat st;
    bool stream = kubo_rpc_option(t->c->plan, KUBO_OPT_STREAM, 0) != 0;
    TRY(kubo_call_resolve(t->c, &cid, path));
    TRY(stat_of(t->c, &st, child, &cid));
    if (!stream)
        ls_head(t, path);
    if (st.kind != UNIXFS_READ_DIRECTORY) { /* what has no entries has none to list */
        if (!stream)
            ls_tail(t);
        return OK;
    }
    unixfs_read_dir_init(&walk, &source, (struct mspan){ memory, UNIXFS_READ_MEMORY }, &cid);
    for (;;) {
        TRY(unixfs_read_dir_next(&walk, &item));
        if (item.event == UNIXFS_READ_END)
            break;
        if (item.event != UNIXFS_READ_ENTRY)
            continue;
        if (stream) {
            ls_open(t);
            ls_head(t, path);
        }
        TRY(ls_link(t, child, &item));
        if (stream) {
            ls_tail(t);
            TRY(ls_close(t));
        } else {
            TRY(kubo_text_flush(t));
        }
    }
    if (!stream)
        ls_tail(t);
    return OK;
}

static enum err ls(struct kubo_call *c)
{
    struct kubo_text t;
    bool stream = kubo_rpc_option(c->plan, KUBO_OPT_STREAM, 0) != 0;
    AUTO(free_bytes) uint8_t *memory = malloc(UNIXFS_READ_MEMORY + BLOCK_SIZE_MAX);
    if (memory == NULL)
        return ERR_MEMORY;
    kubo_text_init(&t, c);
    if (!stream)
        ls_open(&t);
    for (size_t i = 0; i < c->plan->arg_count; i++)
        TRY(ls_one(&t, memory, c->plan->args[i]));
    return stream ? OK : ls_close(&t);
}

/* ---- archives ---- */

static enum err dag_export(struct kubo_call *c)
{
    struct dag_walk_table table;
    struct car_stream car;
    struct car_stream_params params = { .scope = CAR_STREAM_ALL };
    const struct block_source source = kubo_call_source(c);
    AUTO(free_bytes) uint8_t *memory = malloc(UNIXFS_READ_MEMORY + PIECE);
    AUTO(free_bytes) uint8_t *slots = malloc(SEEN);
    if (memory == NULL || slots == NULL)
        return ERR_MEMORY;
    TRY(kubo_call_resolve(c, &params.root, c->plan->args[0]));
    dag_walk_table_init(&table, (struct mspan){ slots, SEEN });
    const struct dag_walk_seen seen = dag_walk_table_seen(&table);
    params.seen = &seen;
    car_stream_init(&car, &source, (struct mspan){ memory, UNIXFS_READ_MEMORY }, &params);
    kubo_io_answer(c->io, KUBO_ANSWER_BYTES);
    size_t n = 0;
    do {
        TRY(car_stream_next(&car, &n, (struct mspan){ memory + UNIXFS_READ_MEMORY, PIECE }));
        TRY(kubo_io_write(c->io, span_of(memory + UNIXFS_READ_MEMORY, n)));
    } while (n > 0);
    return OK;
}

/* ---- the rest ---- */

static enum err tell_path(struct kubo_call *c, const char *path)
{
    struct kubo_text t;
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_member_str(&t.j, "Path", path);
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

static enum err resolve(struct kubo_call *c)
{
    struct cid cid;
    struct span inside;
    char text[CID_TEXT_MAX], path[KUBO_RPC_PATH_MAX], named[KUBO_RPC_PATH_MAX];
    const char *arg = c->plan->args[0];
    bool below = kubo_rpc_option(c->plan, KUBO_OPT_RECURSIVE, 1) != 0;
    if (!below && strncmp(arg, "/ipns/", 6) == 0) {
        TRY(kubo_call_name(c, path, arg, true));
        return tell_path(c, path);
    }
    TRY(kubo_call_inside(c, &cid, &inside, named, arg));
    cid_format(text, &cid);
    (void)snprintf(path, sizeof(path), "/ipfs/%s%s%.*s", text, inside.n > 0 ? "/" : "",
                   (int)(inside.n < 3000 ? inside.n : 3000), (const char *)inside.p);
    return tell_path(c, path);
}

static enum err version(struct kubo_call *c)
{
    struct kubo_text t;
#if defined(__x86_64__)
    const char *system = "amd64/linux";
#elif defined(__aarch64__)
    const char *system = "arm64/linux";
#else
    const char *system = "linux";
#endif
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_member_str(&t.j, "Version", RELEASE);
    json_out_member_str(&t.j, "Commit", "");
    json_out_member_str(&t.j, "Repo", "crust");
    json_out_member_str(&t.j, "System", system);
    json_out_member_str(&t.j, "Golang", "");
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

static enum err repo_stat(struct kubo_call *c)
{
    struct blockstore_stat s;
    struct kubo_text t;
    bool size_only = kubo_rpc_option(c->plan, KUBO_OPT_SIZE_ONLY, 0) != 0;
    TRY(blockstore_stat(c->node->repo.store, &s));
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_member_u64(&t.j, "RepoSize", s.disk_bytes);
    json_out_member_u64(&t.j, "StorageMax",
                        s.quota_bytes != 0 ? s.quota_bytes : s.disk_bytes + s.free_bytes);
    json_out_member_u64(&t.j, "NumObjects", size_only ? 0 : s.blocks);
    json_out_member_str(&t.j, "RepoPath", size_only ? "" : c->node->settings.store);
    json_out_member_str(&t.j, "Version", size_only ? "" : "crust");
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

static enum err repo_version(struct kubo_call *c)
{
    struct kubo_text t;
    kubo_text_init(&t, c);
    json_out_object(&t.j);
    json_out_member_str(&t.j, "Version", "crust");
    json_out_object_end(&t.j);
    return kubo_text_line(&t);
}

static enum err repo_gc(struct kubo_call *c)
{
    char scratch[SETTINGS_PATH_MAX + 24], text[CID_TEXT_MAX];
    (void)snprintf(scratch, sizeof(scratch), "%s/gc.marks", c->node->settings.store);
    struct collect run = { .store = c->node->repo.store, .scratch_path = scratch };
    enum err e = collect_run(&run);
    if (e == OK || run.broken.digest_size == 0)
        return e;
    cid_format(text, &run.broken);
    return kubo_call_fail(c, e, "the pin %.100s is not whole here: nothing was removed", text);
}

static enum err perform(struct kubo_call *c)
{
    static enum err (*const commands[KUBO_COMMAND_COUNT])(struct kubo_call *) = {
        [KUBO_ADD] = kubo_call_add,
        [KUBO_BLOCK_GET] = block_get,
        [KUBO_BLOCK_PUT] = kubo_call_block_put,
        [KUBO_BLOCK_RM] = kubo_call_block_rm,
        [KUBO_BLOCK_STAT] = block_stat,
        [KUBO_CAT] = cat,
        [KUBO_CONFIG_SHOW] = kubo_call_config_show,
        [KUBO_DAG_EXPORT] = dag_export,
        [KUBO_DAG_GET] = kubo_call_dag_get,
        [KUBO_DAG_IMPORT] = kubo_call_dag_import,
        [KUBO_DAG_PUT] = kubo_call_dag_put,
        [KUBO_DAG_RESOLVE] = kubo_call_dag_resolve,
        [KUBO_DAG_STAT] = kubo_call_dag_stat,
        [KUBO_GET] = get,
        [KUBO_ID] = kubo_call_id,
        [KUBO_KEY_GEN] = kubo_call_key_gen,
        [KUBO_KEY_LIST] = kubo_call_key_list,
        [KUBO_KEY_RENAME] = kubo_call_key_rename,
        [KUBO_KEY_RM] = kubo_call_key_rm,
        [KUBO_LS] = ls,
        [KUBO_NAME_PUBLISH] = kubo_call_name_publish,
        [KUBO_NAME_RESOLVE] = kubo_call_name_resolve,
        [KUBO_PIN_ADD] = kubo_call_pin_add,
        [KUBO_PIN_LS] = kubo_call_pin_ls,
        [KUBO_PIN_RM] = kubo_call_pin_rm,
        [KUBO_PIN_UPDATE] = kubo_call_pin_update,
        [KUBO_REFS] = kubo_call_refs,
        [KUBO_REFS_LOCAL] = kubo_call_refs_local,
        [KUBO_REPO_GC] = repo_gc,
        [KUBO_REPO_STAT] = repo_stat,
        [KUBO_REPO_VERSION] = repo_version,
        [KUBO_RESOLVE] = resolve,
        [KUBO_ROUTING_FINDPEER] = kubo_call_findpeer,
        [KUBO_ROUTING_FINDPROVS] = kubo_call_findprovs,
        [KUBO_SWARM_ADDRS_LOCAL] = kubo_call_swarm_addrs_local,
        [KUBO_SWARM_CONNECT] = kubo_call_swarm_connect,
        [KUBO_SWARM_DISCONNECT] = kubo_call_swarm_disconnect,
        [KUBO_SWARM_PEERS] = kubo_call_swarm_peers,
        [KUBO_VERSION] = version,
    };
    return commands[c->plan->command](c);
}

enum err kubo_call_run(struct kubo_call *c)
{
    if (c->plan->timeout_ms != 0)
        c->deadline_ms = clock_deadline((int64_t)c->plan->timeout_ms);
    enum err e = perform(c);
    remote_reader_close(c->reader);
    c->reader = NULL;
    if (c->dirty && e != ERR_CLOSED) { /* what was fetched stays until it is collected */
        enum err kept = kubo_call_commit(c);
        if (e == OK && kept != ERR_FULL)
            e = kept;
    }
    if (e == ERR_TIMEOUT) /* these words are what clients look for */
        e = kubo_call_fail(c, e, "context deadline exceeded");
    struct storer_op gone = { .kind = STORER_GONE };
    (void)!kubo_call_store_op(c, &gone); /* nothing to give up for those who only read */
    return e;
}
