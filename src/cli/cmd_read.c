#include "cli/content.h"
#include "cli/reading.h"
#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- cat ------------------------------------------------------------------------------------ */

static bool number_of(const char *text, uint64_t *out)
{
    return config_number(out, CONFIG_SIZE, text) == OK;
}

/* A file on its way to a descriptor. */
struct copy {
    int fd;
    uint64_t from, to; /* its bytes */
    uint64_t done;     /* of this copy, and of those before it: for the progress line */
    uint64_t total;    /* 0: not known */
    bool own_fault;    /* out: the output failed, not the store */
};

static enum err copy_file(struct cli *c, struct reading *r, struct copy *copy,
                          const struct cid *cid)
{
    struct unixfs_read_walk *walk = malloc(sizeof(*walk));
    struct span data;
    uint64_t at = copy->from;
    if (walk == NULL)
        return ERR_MEMORY;
    unixfs_read_file_init(walk, &r->source, r->memory, cid);
    unixfs_read_file_range(walk, copy->from, copy->to);
    enum err e;
    for (;;) {
        reading_expect(r, cid, CARPULL_ENTITY, at, copy->to);
        e = unixfs_read_file_next(walk, &data);
        if (e != OK || data.n == 0)
            break;
        e = path_write_all(copy->fd, data);
        if (e != OK) {
            copy->own_fault = true;
            break;
        }
        at += data.n;
        copy->done += data.n;
        cli_progress(c, "reading", copy->done, copy->total);
    }
    free(walk);
    return e;
}

static enum cli_exit cat_one(struct cli *c, struct reading *r, const char *name, uint64_t from,
                             uint64_t to)
{
    struct cid cid;
    struct unixfs_read_stat st;
    struct copy copy = { .fd = STDOUT_FILENO, .from = from, .to = to };
    enum cli_exit exit = reading_resolve(c, r, &cid, name);
    if (exit != CLI_OK)
        return exit;
    /* Of a whole file the first block comes with the rest; of a part it must be known how large the
     * file is, before a gateway can be asked for those bytes. */
    if (from == 0 && to == UINT64_MAX)
        reading_expect(r, &cid, CARPULL_ENTITY, 0, UINT64_MAX);
    exit = reading_stat(c, r, &st, &cid);
    if (exit != CLI_OK)
        return exit;
    if (st.kind != UNIXFS_READ_FILE)
        return cli_fail(c, CLI_USAGE, "crust ls CID", "%s is no file", name);
    if (copy.to > st.size)
        copy.to = st.size;
    if (copy.from >= copy.to)
        return CLI_OK;
    copy.total = copy.to - copy.from;
    if (copy.to == st.size)
        copy.to = UINT64_MAX;
    enum err e = copy_file(c, r, &copy, &cid);
    if (copy.own_fault)
        return cli_fail(c, CLI_FAILED, NULL, "cannot write to standard output");
    return e == OK ? CLI_OK : reading_failed(c, r, e, &cid);
}

enum cli_exit cmd_read_cat(struct cli *c)
{
    uint64_t offset = 0, length = UINT64_MAX;
    const char *o = cli_value(c, "offset"), *l = cli_value(c, "length");
    if ((o != NULL && !number_of(o, &offset)) || (l != NULL && !number_of(l, &length)))
        return cli_usage(c, "--offset and --length take numbers of bytes");
    uint64_t end = length > UINT64_MAX - offset ? UINT64_MAX : offset + length;
    struct reading r;
    enum cli_exit exit = reading_open_far(c, &r);
    for (size_t i = 0; exit == CLI_OK && i < c->arg_count; i++)
        exit = cat_one(c, &r, c->args[i], offset, end);
    cli_progress_end(c);
    reading_close(&r);
    return exit;
}

/* ---- ls ------------------------------------------------------------------------------------- */

static void ls_entry(const struct cli *c, json_t *list, const struct unixfs_read_item *item)
{
    char cid[CID_TEXT_MAX];
    cid_format(cid, &item->cid);
    if (!c->json) {
        printf("%s %llu %.*s\n", cid, (unsigned long long)item->tsize, (int)item->name.n,
               (const char *)item->name.p);
        return;
    }
    /* A name may be any bytes; JSON takes text. */
    json_t *name = json_stringn((const char *)item->name.p, item->name.n);
    json_array_append_new(list, json_pack("{s:s, s:o?, s:I}", "cid", cid, "name", name, "size",
                                          (json_int_t)item->tsize));
}

static enum cli_exit ls_dir(const struct cli *c, struct reading *r, const struct cid *cid)
{
    struct unixfs_read_walk *walk = malloc(sizeof(*walk));
    struct unixfs_read_item item = { 0 };
    if (walk == NULL)
        return cli_fail(c, CLI_FAILED, NULL, "out of memory");
    json_t *list = json_array();
    unixfs_read_dir_init(walk, &r->source, r->memory, cid);
    enum err e;
    for (;;) {
        e = unixfs_read_dir_next(walk, &item);
        if (e != OK || item.event == UNIXFS_READ_END)
            break;
        if (item.event == UNIXFS_READ_ENTRY)
            ls_entry(c, list, &item);
    }
    free(walk);
    if (e != OK) {
        json_decref(list);
        return reading_failed(c, r, e, cid);
    }
    if (c->json)
        return cli_print_json(json_pack("{s:o}", "entries", list));
    json_decref(list);
    return CLI_OK;
}

enum cli_exit cmd_read_ls(struct cli *c)
{
    struct reading r;
    struct cid cid;
    struct unixfs_read_stat st;
    enum cli_exit exit = reading_open_far(c, &r);
    if (exit == CLI_OK)
        exit = reading_resolve(c, &r, &cid, c->args[0]);
    if (exit == CLI_OK) {
        reading_expect(&r, &cid, CARPULL_ENTITY, 0, 1);
        exit = reading_stat(c, &r, &st, &cid);
    }
    if (exit == CLI_OK && st.kind == UNIXFS_READ_DIRECTORY)
        exit = ls_dir(c, &r, &cid);
    else if (exit == CLI_OK && st.kind != UNIXFS_READ_FILE)
        exit = cli_fail(c, CLI_USAGE, NULL, "%s is no folder", c->args[0]);
    else if (exit == CLI_OK && c->json)
        exit = cli_print_json(json_pack("{s:[]}", "entries"));
    reading_close(&r);
    return exit;
}

/* ---- get ------------------------------------------------------------------------------------ */

enum { GET_DEPTH_MAX = 256 };

/* A get under way: where it writes is always a directory descriptor and one name, so that no path
 * in the content can lead out of the target. */
struct get {
    struct cli *c;
    struct reading *r;
    uint64_t bytes;
    uint64_t total; /* of a file; 0: not known */
};

static bool name_ok(struct span name)
{
    if (name.n == 0 || name.n > 255 || memchr(name.p, '/', name.n) != NULL ||
        memchr(name.p, '\0', name.n) != NULL)
        return false;
    return !span_eq(name, span_str(".")) && !span_eq(name, span_str(".."));
}

static enum cli_exit get_node(struct get *g, int dir, const char *name, const struct cid *cid,
                              unsigned depth);

static enum cli_exit get_file(struct get *g, int dir, const char *name, const struct cid *cid,
                              const struct unixfs_read_stat *st, unsigned depth)
{
    if (depth == 0)
        g->total = st->size;
    uint32_t mode = st->meta.has_mode ? st->meta.mode & 0777 : 0644;
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return cli_fail(g->c, CLI_REFUSED, "crust get -o ANOTHER-NAME", "%s: %s", name,
                        errno == EEXIST ? "exists already" : "cannot be made");
    struct copy copy = { .fd = fd, .to = UINT64_MAX, .done = g->bytes, .total = g->total };
    enum err e = copy_file(g->c, g->r, &copy, cid);
    if (close(fd) != 0 && e == OK) {
        e = ERR_IO;
        copy.own_fault = true;
    }
    g->bytes = copy.done;
    if (copy.own_fault)
        return cli_fail(g->c, CLI_FAILED, NULL, "cannot write %s: %s", name, err_text(e));
    return e == OK ? CLI_OK : reading_failed(g->c, g->r, e, cid);
}

/* One entry of a folder; the listing is kept in memory, because the walk's own memory is needed
 * for what lies below. */
struct get_entry {
    char name[256];
    struct cid cid;
};

static enum err get_list(struct get *g, const struct cid *cid, struct get_entry **out,
                         size_t *count)
{
    struct unixfs_read_walk *walk = malloc(sizeof(*walk));
    struct unixfs_read_item item = { 0 };
    size_t capacity = 0;
    enum err e = walk == NULL ? ERR_MEMORY : OK;
    if (e == OK)
        unixfs_read_dir_init(walk, &g->r->source, g->r->memory, cid);
    while (e == OK) {
        e = unixfs_read_dir_next(walk, &item);
        if (e != OK || item.event == UNIXFS_READ_END)
            break;
        if (item.event != UNIXFS_READ_ENTRY)
            continue;
        if (!name_ok(item.name)) {
            e = ERR_FORMAT;
            break;
        }
        if (*count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            struct get_entry *more = realloc(*out, capacity * sizeof(**out));
            if (more == NULL) {
                e = ERR_MEMORY;
                break;
            }
            *out = more;
        }
        struct get_entry *entry = &(*out)[(*count)++];
        memcpy(entry->name, item.name.p, item.name.n);
        entry->name[item.name.n] = '\0';
        entry->cid = item.cid;
    }
    free(walk);
    return e;
}

/* What is sharded comes by itself first, and then each entry: not in the order of a stream of all
 * that is below it. */
static enum cli_exit get_dir(struct get *g, int dir, const char *name, const struct cid *cid,
                             bool sharded, unsigned depth)
{
    struct get_entry *list = NULL;
    size_t count = 0;
    if (mkdirat(dir, name, 0755) != 0)
        return cli_fail(g->c, CLI_REFUSED, "crust get -o ANOTHER-NAME", "%s: %s", name,
                        errno == EEXIST ? "exists already" : "cannot be made");
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cli_fail(g->c, CLI_FAILED, NULL, "cannot open %s", name);
    if (sharded) {
        reading_turn(g->r);
        reading_expect(g->r, cid, CARPULL_ENTITY, 0, UINT64_MAX);
    }
    enum err e = get_list(g, cid, &list, &count);
    if (sharded)
        reading_turn(g->r);
    enum cli_exit exit = e == OK ? CLI_OK : reading_failed(g->c, g->r, e, cid);
    for (size_t i = 0; exit == CLI_OK && i < count; i++)
        exit = get_node(g, fd, list[i].name, &list[i].cid, depth + 1);
    free(list);
    close(fd);
    return exit;
}

static enum cli_exit get_symlink(struct get *g, int dir, const char *name, struct span target)
{
    char text[4096];
    if (target.n >= sizeof(text) || memchr(target.p, '\0', target.n) != NULL)
        return cli_fail(g->c, CLI_FAILED, NULL, "the target of symlink %s cannot be used", name);
    memcpy(text, target.p, target.n);
    text[target.n] = '\0';
    if (symlinkat(text, dir, name) != 0)
        return cli_fail(g->c, CLI_REFUSED, "crust get -o ANOTHER-NAME", "%s: %s", name,
                        errno == EEXIST ? "exists already" : "cannot be made");
    return CLI_OK;
}

static enum cli_exit get_node(struct get *g, int dir, const char *name, const struct cid *cid,
                              unsigned depth)
{
    struct unixfs_read_stat st;
    if (depth > GET_DEPTH_MAX)
        return cli_fail(g->c, CLI_FAILED, NULL, "folders nested deeper than %d", GET_DEPTH_MAX);
    reading_expect(g->r, cid, CARPULL_ALL, 0, UINT64_MAX);
    enum cli_exit exit = reading_stat(g->c, g->r, &st, cid);
    if (exit != CLI_OK)
        return exit;
    switch (st.kind) {
    case UNIXFS_READ_FILE:
        return get_file(g, dir, name, cid, &st, depth);
    case UNIXFS_READ_DIRECTORY:
        return get_dir(g, dir, name, cid, st.sharded, depth);
    case UNIXFS_READ_SYMLINK:
        return get_symlink(g, dir, name, st.target);
    case UNIXFS_READ_OTHER:
        break;
    }
    return cli_fail(g->c, CLI_USAGE, "crust block get CID", "%s is no file and no folder", name);
}

enum cli_exit cmd_read_get(struct cli *c)
{
    const char *out = cli_value(c, "output");
    if (out == NULL) {
        const char *slash = strrchr(c->args[0], '/');
        out = slash == NULL || slash[1] == '\0' ? c->args[0] : slash + 1;
    }
    struct reading r;
    struct cid cid;
    enum cli_exit exit = reading_open_far(c, &r);
    if (exit == CLI_OK)
        exit = reading_resolve(c, &r, &cid, c->args[0]);
    struct get g = { .c = c, .r = &r };
    if (exit == CLI_OK)
        exit = get_node(&g, AT_FDCWD, out, &cid, 0);
    cli_progress_end(c);
    reading_close(&r);
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:I}", "path", out, "bytes", (json_int_t)g.bytes));
    char size[24];
    cli_format_size(size, g.bytes);
    printf("wrote %s, %s\n", out, size);
    return CLI_OK;
}
