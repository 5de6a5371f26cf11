#include "api/gateway.h"
#include "api/gateway_text.h"

#include <stdio.h>

enum { NAME_SHOWN_MAX = 1024 }; /* bytes; a longer name is cut on the page, not in its link */

static enum err next_bytes(struct gateway_answer *a, size_t *size, struct mspan out)
{
    struct span rest = span_sub(a->body, a->body_at, out.n);
    if (rest.n != 0)
        memcpy(out.p, rest.p, rest.n);
    a->body_at += rest.n;
    *size = rest.n;
    return OK;
}

static enum err next_file(struct gateway_answer *a, size_t *size, struct mspan out)
{
    *size = 0;
    while (*size < out.n) {
        if (a->rest.n == 0)
            TRY(unixfs_read_file_next(&a->u.walk, &a->rest));
        if (a->rest.n == 0)
            break;
        struct span part = span_sub(a->rest, 0, out.n - *size);
        memcpy(out.p + *size, part.p, part.n);
        *size += part.n;
        a->rest = span_sub(a->rest, part.n, a->rest.n);
    }
    return OK;
}

static void write_str(struct writer *w, const char *s)
{
    write_span(w, span_str(s));
}

/* "/ipfs/CID/path" without a slash at the end, escaped for an address; path has n bytes. */
static void write_address(struct writer *w, const struct gateway_answer *a, size_t n)
{
    char root[CID_TEXT_MAX];
    cid_format(root, &a->query->root);
    write_str(w, "/ipfs/");
    write_str(w, root);
    for (const char *s = a->query->path; s < a->query->path + n;) {
        size_t len = strcspn(s, "/");
        if (len > 0) {
            write_u8(w, '/');
            gateway_text_url(w, span_of(s, len));
        }
        s += len + (s[len] == '/');
    }
}

/* Each part of the path as a link to it. */
static void breadcrumbs(struct writer *w, const struct gateway_answer *a)
{
    char root[CID_TEXT_MAX];
    cid_format(root, &a->query->root);
    write_str(w, "/ipfs/<a href=\"/ipfs/");
    write_str(w, root);
    write_str(w, "\">");
    write_str(w, root);
    write_str(w, "</a>");
    for (const char *s = a->query->path; *s != '\0';) {
        size_t len = strcspn(s, "/");
        if (len > 0) {
            write_str(w, "/<a href=\"");
            write_address(w, a, (size_t)(s - a->query->path) + len);
            write_str(w, "\">");
            gateway_text_html(w, span_sub(span_of(s, len), 0, NAME_SHOWN_MAX));
            write_str(w, "</a>");
        }
        s += len + (s[len] == '/');
    }
}

static void page_head(struct writer *w, const struct gateway_answer *a)
{
    const char *path = a->query->path;
    write_str(w, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                 "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    gateway_text_html(w, span_sub(span_str(path), 0, NAME_SHOWN_MAX));
    write_str(w,
              "</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em "
              "auto;padding:0 1em;color:#222;background:#fff}table{width:100%;border-collapse:"
              "collapse}td{padding:.25em .5em;border-top:1px solid #ddd}td:last-child{text-align:"
              "right;white-space:nowrap;color:#555}a{color:#0645ad;text-decoration:none}h1{font-"
              "size:1.1em;word-break:break-all}.ipfs-hash{font-family:monospace;color:#777}"
              "</style></head><body><h1>Index of ");
    breadcrumbs(w, a);
    write_str(w, "</h1><table>\n");
    if (strspn(path, "/") == strlen(path))
        return;
    write_str(w, "<tr><td><a href=\"");
    write_address(w, a, strlen(path));
    write_str(w, "/..\">..</a></td><td></td><td></td></tr>\n");
}

/* The content's own address carries the name for those who save it; it is escaped twice, once as a
 * parameter and once as a part of the page's link, as other gateways do. */
static void page_hash(struct writer *w, const struct unixfs_read_item *item)
{
    char cid[CID_TEXT_MAX];
    uint8_t once[3 * NAME_SHOWN_MAX];
    struct writer v = writer_of(once, sizeof(once));
    cid_format(cid, &item->cid);
    gateway_text_url(&v, span_sub(item->name, 0, NAME_SHOWN_MAX));
    write_str(w, "<a class=\"ipfs-hash\" translate=\"no\" href=\"/ipfs/");
    write_str(w, cid);
    write_str(w, "?filename=");
    gateway_text_url(w, writer_span(&v));
    write_str(w, "\">");
    enum { SHOWN = 8 };
    size_t n = strlen(cid);
    write_span(w, span_of(cid, n < SHOWN ? n : SHOWN));
    write_str(w, "&hellip;");
    write_span(w, span_of(cid + (n < SHOWN ? n : n - SHOWN), n < SHOWN ? 0 : SHOWN));
    write_str(w, "</a>");
}

static void page_row(struct writer *w, const struct gateway_answer *a)
{
    char size[32];
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)a->item.tsize);
    write_str(w, "<tr><td><a href=\"");
    write_address(w, a, strlen(a->query->path));
    write_u8(w, '/');
    gateway_text_url(w, a->item.name);
    write_str(w, "\">");
    gateway_text_html(w, span_sub(a->item.name, 0, NAME_SHOWN_MAX));
    write_str(w, "</a></td><td>");
    page_hash(w, &a->item);
    write_str(w, "</td><td>");
    write_str(w, size);
    write_str(w, "</td></tr>\n");
}

/* Writes a whole piece of the page or nothing. */
static bool put(struct writer *w, const struct gateway_answer *a, int piece)
{
    struct writer mark = *w;
    if (piece == 0)
        page_head(w, a);
    else if (piece == 1)
        page_row(w, a);
    else
        write_str(w, "</table></body></html>\n");
    if (w->err == OK)
        return true;
    *w = mark;
    return false;
}

static enum err next_listing(struct gateway_answer *a, size_t *size, struct mspan out)
{
    enum { HEAD, ROWS, FOOT, END };
    struct writer w = writer_of(out.p, out.n);
    bool room = true;
    while (room && a->listing_state != END) {
        if (a->listing_state == ROWS && !a->has_item) {
            TRY(unixfs_read_dir_next(&a->u.walk, &a->item));
            if (a->item.event == UNIXFS_READ_END)
                a->listing_state = FOOT;
            a->has_item = a->item.event == UNIXFS_READ_ENTRY;
            continue;
        }
        room = put(&w, a, (int)a->listing_state);
        if (room && a->listing_state != ROWS)
            a->listing_state++;
        else if (room)
            a->has_item = false;
    }
    *size = w.len;
    /* A row that does not fit into an empty buffer never will. */
    return w.len == 0 && a->listing_state != END ? ERR_LIMIT : OK;
}

enum err gateway_next(struct gateway_answer *a, size_t *size, struct mspan out)
{
    switch (a->kind) {
    case GATEWAY_BODY_TEXT:
    case GATEWAY_BODY_BLOCK:
        return next_bytes(a, size, out);
    case GATEWAY_BODY_FILE:
        return next_file(a, size, out);
    case GATEWAY_BODY_CAR:
        return car_stream_next(&a->u.car, size, out);
    case GATEWAY_BODY_LISTING:
        return next_listing(a, size, out);
    }
    *size = 0;
    return OK;
}
