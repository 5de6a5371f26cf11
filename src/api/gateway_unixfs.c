#include "api/gateway_multi.h"
#include "api/gateway_open.h"
#include "api/gateway_range.h"
#include "api/gateway_text.h"
#include "ipfs/dag_block.h"

#include <stdio.h>

static const char *last_segment(const struct gateway_answer *a)
{
    const char *slash = strrchr(a->path, '/');
    return slash == NULL ? "" : slash + 1;
}

/* The first bytes of a file, for its type. */
static enum err file_start(struct gateway_answer *a, struct span *start)
{
    enum { LOOK = 512 };
    unixfs_read_file_init(&a->u.walk, a->source, gateway_head_walk(a), &a->cid);
    unixfs_read_file_range(&a->u.walk, 0, LOOK);
    return unixfs_read_file_next(&a->u.walk, start);
}

/* The range that is asked for; of a page that stands in for another, all of it. */
static void file_range(struct gateway_answer *a, struct gateway_range *range, const char *etag,
                       uint64_t size)
{
    struct gateway_request rq = *a->query->request;
    if (a->page_status > 200)
        rq.range = NULL;
    gateway_range_apply(a, range, &rq, etag, size);
    if (a->page_status > 200)
        a->status = a->page_status;
}

static void open_file(struct gateway_answer *a, const struct unixfs_read_stat *st)
{
    const struct gateway_query *q = a->query;
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 4];
    const char *name = q->filename[0] != '\0' ? q->filename : last_segment(a);
    struct gateway_range range;
    struct span start;
    cid_format(text, &a->named);
    (void)snprintf(etag, sizeof(etag), "\"%s\"", text);
    gateway_head_path(a);
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_IMMUTABLE))
        return;
    enum err e = file_start(a, &start);
    if (e != OK) {
        gateway_head_fail(a, e, &a->cid);
        return;
    }
    const char *type = gateway_text_type(span_str(name), start);
    gateway_text_common(a);
    gateway_text_header(a, "Accept-Ranges", "bytes");
    if (q->filename[0] != '\0' || q->download)
        gateway_head_disposition(a, q->download ? "attachment" : "inline",
                                 name[0] == '\0' ? text : name);
    if (gateway_multi_open(a, etag, type, st->size))
        return;
    gateway_text_header(a, "Content-Type", "%s", type);
    file_range(a, &range, etag, st->size);
    if (a->status == 416)
        return;
    a->kind = GATEWAY_BODY_FILE;
    unixfs_read_file_init(&a->u.walk, a->source, gateway_head_walk(a), &a->cid);
    unixfs_read_file_range(&a->u.walk, range.from, range.from + range.size);
}

static void open_symlink(struct gateway_answer *a, const struct unixfs_read_stat *st)
{
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 4];
    cid_format(text, &a->cid);
    (void)snprintf(etag, sizeof(etag), "\"%s\"", text);
    gateway_head_path(a);
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_IMMUTABLE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "inode/symlink");
    a->kind = GATEWAY_BODY_BLOCK;
    a->status = 200;
    a->body = st->target;
    a->size = st->target.n;
}

/* The address without its host: what a client sees, also behind a proxy that asked with one. */
static void redirect_to_slash(struct gateway_answer *a)
{
    const struct gateway_query *q = a->query;
    char location[3 * GATEWAY_PATH_MAX], root[CID_TEXT_MAX] = "";
    const char *name = q->by_name ? q->name : root;
    cid_format(root, &q->root);
    struct writer w = writer_of((uint8_t *)location, sizeof(location) - 1);
    if (q->mount == GATEWAY_MOUNT_PATH) {
        write_span(&w, span_str(q->by_name ? "/ipns/" : "/ipfs/"));
        write_span(&w, span_str(name));
    }
    gateway_text_raw_url(&w, span_str(q->raw_path));
    write_u8(&w, '/');
    location[w.len] = '\0';
    if (w.err != OK)
        gateway_text_refuse(a, 414, "the path is too long\n");
    else
        gateway_head_redirect(a, q->request, 301, location, true);
}

/* Looks index.html up in the folder a->cid. Out: *found, and a->cid moved to it. */
static enum err find_index(struct gateway_answer *a, bool *found)
{
    struct unixfs_path p;
    struct span block;
    *found = false;
    TRY(unixfs_path_init(&p, &a->cid, span_str("index.html")));
    while (!p.done) {
        TRY(dag_block_get(&block, gateway_head_block(a), a->source, &p.cid));
        enum err e = unixfs_path_step(&p, block);
        if (e == ERR_NOT_FOUND)
            return OK;
        TRY(e);
    }
    a->cid = p.cid;
    *found = true;
    return OK;
}

static void open_listing(struct gateway_answer *a)
{
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 24];
    cid_format(text, &a->cid);
    (void)snprintf(etag, sizeof(etag), "\"DirIndex-2_CID-%s\"", text);
    gateway_head_path(a);
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_PAGE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "text/html; charset=utf-8");
    a->kind = GATEWAY_BODY_LISTING;
    a->status = 200;
    a->size = GATEWAY_SIZE_UNKNOWN;
    a->listing_state = 0;
    a->has_item = false;
    unixfs_read_dir_init(&a->u.walk, a->source, gateway_head_walk(a), &a->cid);
}

static void open_dir(struct gateway_answer *a)
{
    bool found, slash = a->query->trailing_slash || a->page_status != 0;
    struct span block;
    struct unixfs_read_stat st;
    /* The root of a host is "/" whether or not that was written. */
    if (!slash && (a->query->mount == GATEWAY_MOUNT_PATH || a->query->path[0] != '\0')) {
        redirect_to_slash(a);
        return;
    }
    enum err e = find_index(a, &found);
    if (e == OK && found)
        e = dag_block_get(&block, gateway_head_block(a), a->source, &a->cid);
    if (e == OK && found)
        e = unixfs_read_stat(&st, &a->cid, block);
    if (e != OK)
        gateway_head_fail(a, e, &a->cid);
    else if (found && st.kind == UNIXFS_READ_FILE)
        open_file(a, &st);
    else
        open_listing(a);
}

void gateway_open_unixfs(struct gateway_answer *a, struct span block)
{
    struct unixfs_read_stat st;
    enum err e = unixfs_read_stat(&st, &a->cid, block);
    if (e != OK) {
        gateway_head_fail(a, e, &a->cid);
        return;
    }
    const struct gateway_query *q = a->query;
    /* The root of a host always has a slash. */
    bool root = q->mount != GATEWAY_MOUNT_PATH && strspn(q->path, "/") == strlen(q->path);
    switch (st.kind) {
    case UNIXFS_READ_FILE:
        if (q->trailing_slash && !root && a->page_status == 0)
            gateway_text_refuse(a, 404, "this is a file, not a folder\n");
        else
            open_file(a, &st);
        return;
    case UNIXFS_READ_DIRECTORY:
        open_dir(a);
        return;
    case UNIXFS_READ_SYMLINK:
        open_symlink(a, &st);
        return;
    case UNIXFS_READ_OTHER:
        gateway_text_refuse(a, 422, "this dag-pb block is no UnixFS: ask for ?format=raw\n");
        return;
    }
}
