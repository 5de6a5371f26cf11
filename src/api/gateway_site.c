#include "api/gateway_open.h"
#include "api/gateway_redirects.h"
#include "api/gateway_text.h"
#include "ipfs/dag_block.h"

#include <stdio.h>

static const char file_name[] = "/_redirects";

/* Moves a->cid to the site's _redirects. ERR_NOT_FOUND when there is none; a->err is ERR_NOT_FOUND
 * only when a block is missing. */
static enum err find_file(struct gateway_answer *a, struct span *block)
{
    char path[GATEWAY_VALUE_MAX + sizeof(file_name)];
    struct unixfs_path p;
    memcpy(path, a->path, a->path_own);
    memcpy(path + a->path_own, file_name, sizeof(file_name));
    TRY(unixfs_path_init(&p, &a->root, span_str(path)));
    while (!p.done) {
        a->missing = p.cid;
        a->err = dag_block_get(block, gateway_head_block(a), a->source, &p.cid);
        TRY(a->err);
        TRY(unixfs_path_step(&p, *block));
    }
    a->missing = a->cid = p.cid;
    a->err = dag_block_get(block, gateway_head_block(a), a->source, &p.cid);
    return a->err;
}

/* Reads the file at a->cid, one byte more than is allowed at most. */
static enum err read_file(struct gateway_answer *a, struct span *file)
{
    struct mspan out = gateway_head_seen(a);
    struct span part;
    size_t n = 0;
    unixfs_read_file_init(&a->u.walk, a->source, gateway_head_walk(a), &a->cid);
    unixfs_read_file_range(&a->u.walk, 0, GATEWAY_REDIRECTS_MAX + 1);
    do {
        TRY(unixfs_read_file_next(&a->u.walk, &part));
        ASSERT(part.n <= out.n - n);
        if (part.n != 0)
            memcpy(out.p + n, part.p, part.n);
        n += part.n;
    } while (part.n != 0);
    *file = span_of(out.p, n);
    return OK;
}

static void redirect(struct gateway_answer *a, const struct gateway_redirect *r)
{
    char location[3 * GATEWAY_REDIRECTS_TO_MAX];
    struct writer w = writer_of((uint8_t *)location, sizeof(location) - 1);
    gateway_text_raw_url(&w, span_str(r->to));
    location[w.len] = '\0';
    gateway_head_redirect(a, a->query->request, r->status, location, strpbrk(r->to, "?#") == NULL);
}

/* Goes on with the page that the rule names. */
static enum gateway_open_rule show(struct gateway_answer *a, const struct gateway_redirect *r)
{
    size_t n = strlen(r->to);
    if (n >= GATEWAY_PATH_MAX) {
        gateway_text_refuse(a, 500, "could not parse _redirects: the target is too long\n");
        return GATEWAY_OPEN_ANSWERED;
    }
    memcpy(a->path + a->path_own, r->to, n + 1);
    a->page_status = r->status;
    return GATEWAY_OPEN_SHOW;
}

enum gateway_open_rule gateway_open_redirects(struct gateway_answer *a)
{
    struct gateway_redirect r;
    char why[GATEWAY_REDIRECTS_WHY_MAX];
    struct span block, file;
    enum err e = find_file(a, &block);
    if (e == OK)
        e = a->err = read_file(a, &file);
    if (a->err != OK) {
        gateway_head_fail(a, e, &a->missing);
        return GATEWAY_OPEN_ANSWERED;
    }
    if (e != OK) /* the site has no such file */
        return GATEWAY_OPEN_NOTHING;
    if (gateway_redirects_match(&r, why, file, span_str(a->query->path)) != OK) {
        gateway_text_refuse(a, 500, "could not parse _redirects: %s\n", why);
        return GATEWAY_OPEN_ANSWERED;
    }
    if (r.status == 0)
        return GATEWAY_OPEN_NOTHING;
    if (r.status < 300 || r.status >= 400)
        return show(a, &r);
    redirect(a, &r);
    return GATEWAY_OPEN_ANSWERED;
}
