#include "api/gateway_page.h"
#include "api/gateway_text.h"

#include <stdio.h>

enum { NAME_SHOWN_MAX = 1024 }; /* bytes; a longer name is cut on the page, not in its link */

static void write_str(struct writer *w, const char *s)
{
    write_span(w, span_str(s));
}

/* ---- addresses ------------------------------------------------------------------------------ */

static const char *namespace_of(const struct gateway_answer *a)
{
    return a->query->by_name ? "/ipns/" : "/ipfs/";
}

/* The CID or the name that the content is asked for by. */
static void name_of(char out[CID_TEXT_MAX], const struct gateway_answer *a)
{
    cid_format(out, &a->query->root);
    if (a->query->by_name)
        (void)snprintf(out, CID_TEXT_MAX, "%s", a->query->name);
}

/* The path's segments, each after a slash and escaped; the first n bytes of the path. */
static void write_segments(struct writer *w, const struct gateway_answer *a, size_t n)
{
    for (const char *s = a->query->path; s < a->query->path + n;) {
        size_t len = strcspn(s, "/");
        if (len > 0) {
            write_u8(w, '/');
            gateway_text_url(w, span_of(s, len));
        }
        s += len + (s[len] == '/');
    }
}

/* An address on the page's own host, without a slash at the end: "/ipfs/CID/a", or "/a" where the
 * content has the host for itself. */
static void write_address(struct writer *w, const struct gateway_answer *a, size_t n)
{
    if (a->query->mount == GATEWAY_MOUNT_PATH) {
        char name[CID_TEXT_MAX];
        name_of(name, a);
        write_str(w, namespace_of(a));
        write_str(w, name);
    }
    write_segments(w, a, n);
}

/* The address by path, which leads to the right host by itself. */
static void write_crumb(struct writer *w, const struct gateway_answer *a, size_t n)
{
    char name[CID_TEXT_MAX];
    name_of(name, a);
    if (a->query->mount != GATEWAY_MOUNT_PATH) {
        write_str(w, "//");
        gateway_text_html(w, span_str(a->query->host));
    }
    if (a->query->mount != GATEWAY_MOUNT_SITE) {
        write_str(w, namespace_of(a));
        write_str(w, name);
    } else if (n == 0) {
        write_u8(w, '/');
    }
    write_segments(w, a, n);
}

/* Each part of the path as a link to it. */
static void breadcrumbs(struct writer *w, const struct gateway_answer *a)
{
    char name[CID_TEXT_MAX];
    name_of(name, a);
    write_str(w, namespace_of(a));
    write_str(w, "<a href=\"");
    write_crumb(w, a, 0);
    write_str(w, "\">");
    write_str(w, name);
    write_str(w, "</a>");
    for (const char *s = a->query->path; *s != '\0';) {
        size_t len = strcspn(s, "/");
        if (len > 0) {
            write_str(w, "/<a href=\"");
            write_crumb(w, a, (size_t)(s - a->query->path) + len);
            write_str(w, "\">");
            gateway_text_html(w, span_sub(span_of(s, len), 0, NAME_SHOWN_MAX));
            write_str(w, "</a>");
        }
        s += len + (s[len] == '/');
    }
}

/* Where the block of a CID is on this gateway; a site has no other content. */
static void write_cid_address(struct writer *w, const struct gateway_answer *a, const char *cid)
{
    if (a->query->mount == GATEWAY_MOUNT_SITE) {
        write_str(w, "https://cid.ipfs.tech/#");
        write_str(w, cid);
        return;
    }
    if (a->query->mount == GATEWAY_MOUNT_SUBDOMAIN) {
        write_str(w, "//");
        gateway_text_html(w, span_str(a->query->host));
    }
    write_str(w, "/ipfs/");
    write_str(w, cid);
}

/* ---- what all pages have -------------------------------------------------------------------- */

static void page_head(struct writer *w, const struct gateway_answer *a, const char *what)
{
    write_str(w, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                 "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    gateway_text_html(w, span_sub(span_str(a->query->path), 0, NAME_SHOWN_MAX));
    write_str(w,
              "</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em "
              "auto;padding:0 1em;color:#222;background:#fff}table{width:100%;border-collapse:"
              "collapse}td{padding:.25em .5em;border-top:1px solid #ddd}td:last-child{text-align:"
              "right;white-space:nowrap;color:#555}a{color:#0645ad;text-decoration:none}h1{font-"
              "size:1.1em;word-break:break-all}.ipfs-hash{font-family:monospace;color:#777}"
              "pre{white-space:pre-wrap;word-break:break-all}</style></head><body><h1>");
    write_str(w, what);
    write_u8(w, ' ');
    breadcrumbs(w, a);
    write_str(w, "</h1>");
}

static void page_foot(struct writer *w)
{
    write_str(w, "</body></html>\n");
}

/* ---- a folder ------------------------------------------------------------------------------- */

static void listing_head(struct writer *w, const struct gateway_answer *a)
{
    const char *path = a->query->path;
    page_head(w, a, "Index of");
    write_str(w, "<table>\n");
    if (strspn(path, "/") == strlen(path))
        return;
    write_str(w, "<tr><td><a href=\"");
    write_address(w, a, strlen(path));
    write_str(w, "/..\">..</a></td><td></td><td></td></tr>\n");
}

/* The content's own address carries the name for those who save it; it is escaped twice, once as a
 * parameter and once as a part of the page's link, as other gateways do. */
static void listing_hash(struct writer *w, const struct gateway_answer *a)
{
    char cid[CID_TEXT_MAX];
    uint8_t once[3 * NAME_SHOWN_MAX];
    struct writer v = writer_of(once, sizeof(once));
    cid_format(cid, &a->item.cid);
    gateway_text_url(&v, span_sub(a->item.name, 0, NAME_SHOWN_MAX));
    write_str(w, "<a class=\"ipfs-hash\" translate=\"no\" href=\"");
    write_cid_address(w, a, cid);
    if (a->query->mount == GATEWAY_MOUNT_SITE) {
        write_str(w, "\" target=\"_blank\" rel=\"noreferrer noopener\">");
    } else {
        write_str(w, "?filename=");
        gateway_text_url(w, writer_span(&v));
        write_str(w, "\">");
    }
    enum { SHOWN = 8 };
    size_t n = strlen(cid);
    write_span(w, span_of(cid, n < SHOWN ? n : SHOWN));
    write_str(w, "&hellip;");
    write_span(w, span_of(cid + (n < SHOWN ? n : n - SHOWN), n < SHOWN ? 0 : SHOWN));
    write_str(w, "</a>");
}

static void listing_row(struct writer *w, const struct gateway_answer *a)
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
    listing_hash(w, a);
    write_str(w, "</td><td>");
    write_str(w, size);
    write_str(w, "</td></tr>\n");
}

/* Writes a whole piece of the page or nothing. */
static bool put(struct writer *w, const struct gateway_answer *a, int piece)
{
    struct writer mark = *w;
    if (piece == 0) {
        listing_head(w, a);
    } else if (piece == 1) {
        listing_row(w, a);
    } else {
        write_str(w, "</table>");
        page_foot(w);
    }
    if (w->err == OK)
        return true;
    *w = mark;
    return false;
}

enum err gateway_page_next(struct gateway_answer *a, size_t *size, struct mspan out)
{
    enum { HEAD, ROWS, FOOT, END };
    struct writer w = writer_of(out.p, out.n);
    bool room = true;
    while (room && a->listing_state != END) {
        if (a->listing_state == ROWS && !a->has_item) {
            enum err e = unixfs_read_dir_next(&a->u.walk, &a->item);
            if (e != OK && w.len == 0)
                return e;
            if (e != OK) /* what is written goes out first; the next call fails again */
                break;
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

/* ---- a block of values ---------------------------------------------------------------------- */

/* Where the JSON text is being laid out. */
struct layout {
    struct writer *w;
    const struct gateway_answer *a;
    unsigned depth;
    bool quoted;
};

static void new_line(struct layout *l)
{
    write_u8(l->w, '\n');
    for (unsigned i = 0; i < l->depth; i++)
        write_str(l->w, "  ");
}

/* {"/":"CID"} becomes a link. Canonical text has these bytes nowhere else: inside of text the
 * quotes are escaped. Returns the bytes taken. */
static size_t layout_link(struct layout *l, struct span json)
{
    static const char open[] = "{\"/\":\"";
    enum { OPEN = sizeof(open) - 1 };
    size_t n = OPEN;
    if (json.n < OPEN || memcmp(json.p, open, OPEN) != 0)
        return 0;
    while (n < json.n && json.p[n] != '"')
        n++;
    char cid[CID_TEXT_MAX];
    if (n - OPEN >= sizeof(cid) || json.n - n < 2)
        return 0;
    memcpy(cid, json.p + OPEN, n - OPEN);
    cid[n - OPEN] = '\0';
    write_str(l->w, "{&#34;/&#34;:&#34;<a class=\"ipfs-hash\" href=\"");
    write_cid_address(l->w, l->a, cid);
    write_str(l->w, "\">");
    write_str(l->w, cid);
    write_str(l->w, "</a>&#34;}");
    return n + 2;
}

/* One byte outside of text. */
static void layout_sign(struct layout *l, struct span json)
{
    uint8_t c = json.p[0], next = json.n > 1 ? json.p[1] : 0;
    bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
    bool was_empty = closes && (json.p[-1] == '{' || json.p[-1] == '[');
    if (closes) {
        l->depth--;
        if (!was_empty)
            new_line(l);
    }
    write_u8(l->w, c);
    if (opens) {
        l->depth++;
        if (next != '}' && next != ']')
            new_line(l);
    } else if (c == ',') {
        new_line(l);
    } else if (c == ':') {
        write_u8(l->w, ' ');
    }
}

static void layout_json(struct writer *w, const struct gateway_answer *a, struct span json)
{
    struct layout l = { .w = w, .a = a };
    for (size_t i = 0; i < json.n && w->err == OK;) {
        struct span rest = span_sub(json, i, json.n);
        size_t link = l.quoted ? 0 : layout_link(&l, rest);
        if (link > 0) {
            i += link;
            continue;
        }
        uint8_t c = json.p[i];
        if (l.quoted && c == '\\') {
            gateway_text_html(w, span_sub(rest, 0, 2));
            i += 2;
            continue;
        }
        if (c == '"')
            l.quoted = !l.quoted;
        if (l.quoted || c == '"' || strchr("{}[],:", c) == NULL)
            gateway_text_html(w, span_sub(rest, 0, 1));
        else
            layout_sign(&l, rest);
        i++;
    }
}

static const char *codec_name(uint64_t codec)
{
    switch (codec) {
    case CID_CODEC_DAG_CBOR:
        return "dag-cbor";
    case CID_CODEC_DAG_JSON:
        return "dag-json";
    case CID_CODEC_CBOR:
        return "cbor";
    default:
        return "json";
    }
}

void gateway_page_dag(struct writer *w, const struct gateway_answer *a, size_t size,
                      struct span json)
{
    char cid[CID_TEXT_MAX], about[64];
    cid_format(cid, &a->cid);
    page_head(w, a, "Block");
    (void)snprintf(about, sizeof(about), "%s, %zu bytes. ", codec_name(a->cid.codec), size);
    write_str(w, "<p>");
    write_str(w, about);
    write_str(w, "<span class=\"ipfs-hash\">");
    write_str(w, cid);
    write_str(w, "</span></p><p>Download: <a href=\"?format=");
    write_str(w, codec_name(a->cid.codec));
    write_str(w, "\">");
    write_str(w, codec_name(a->cid.codec));
    write_str(w, "</a>, <a href=\"?format=raw\">the block</a></p>");
    if (json.n == 0) {
        write_str(w, "<p>It cannot be shown here.</p>");
    } else {
        write_str(w, "<pre>");
        layout_json(w, a, json);
        write_str(w, "</pre>");
    }
    page_foot(w);
}
