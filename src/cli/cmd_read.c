#include "cli/content.h"
#include "cli/reading.h"

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

static enum err write_all(int fd, struct span s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
        s = span_of(s.p + n, s.n - (size_t)n);
    }
    return OK;
}

/* The bytes [from, to) of a file to a descriptor. *own is set when the output failed, not the
 * store. */
static enum err copy_file(struct reading *r, int fd, const struct cid *cid, uint64_t from,
                          uint64_t to, bool *own)
{
    struct unixfs_read_walk *walk = malloc(sizeof(*walk));
    struct span data;
    if (walk == NULL)
        return ERR_MEMORY;
    unixfs_read_file_init(walk, &r->source, r->memory, cid);
    unixfs_read_file_range(walk, from, to);
    enum err e;
    for (;;) {
        e = unixfs_read_file_next(walk, &data);
        if (e != OK || data.n == 0)
            break;
        e = write_all(fd, data);
        if (e != OK) {
            *own = true;
            break;
        }
    }
    free(walk);
    return e;
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
    for (size_t i = 0; exit == CLI_OK && i < c->arg_count; i++) {
        struct cid cid;
        struct unixfs_read_stat st;
        bool own = false;
        exit = reading_resolve(c, &r, &cid, c->args[i]);
        if (exit == CLI_OK)
            exit = reading_stat(c, &r, &st, &cid);
        if (exit != CLI_OK)
            break;
        if (st.kind != UNIXFS_READ_FILE) {
            exit = cli_fail(c, CLI_USAGE, "crust ls CID", "%s is no file", c->args[i]);
            break;
        }
        enum err e = copy_file(&r, STDOUT_FILENO, &cid, offset, end, &own);
        if (own)
            exit = cli_fail(c, CLI_FAILED, NULL, "cannot write to standard output");
        else if (e != OK)
            exit = reading_failed(c, &r, e, &cid);
    }
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
    if (exit == CLI_OK)
        exit = reading_stat(c, &r, &st, &cid);
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
                              const struct unixfs_read_stat *st)
{
    uint32_t mode = st->meta.has_mode ? st->meta.mode & 0777 : 0644;
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return cli_fail(g->c, CLI_REFUSED, "crust get -o ANOTHER-NAME", "%s: %s", name,
                        errno == EEXIST ? "exists already" : "cannot be made");
    bool own = false;
    enum err e = copy_file(g->r, fd, cid, 0, UINT64_MAX, &own);
    if (close(fd) != 0 && e == OK) {
        e = ERR_IO;
        own = true;
    }
    g->bytes += st->size;
    cli_progress(g->c, "writing", g->bytes, 0);
    if (own)
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

static enum cli_exit get_dir(struct get *g, int dir, const char *name, const struct cid *cid,
                             unsigned depth)
{
    struct get_entry *list = NULL;
    size_t count = 0;
    if (mkdirat(dir, name, 0755) != 0)
        return cli_fail(g->c, CLI_REFUSED, "crust get -o ANOTHER-NAME", "%s: %s", name,
                        errno == EEXIST ? "exists already" : "cannot be made");
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cli_fail(g->c, CLI_FAILED, NULL, "cannot open %s", name);
    enum err e = get_list(g, cid, &list, &count);
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
    enum cli_exit exit = reading_stat(g->c, g->r, &st, cid);
    if (exit != CLI_OK)
        return exit;
    switch (st.kind) {
    case UNIXFS_READ_FILE:
        return get_file(g, dir, name, cid, &st);
    case UNIXFS_READ_DIRECTORY:
        return get_dir(g, dir, name, cid, depth);
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
