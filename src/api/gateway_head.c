#include "api/gateway_head.h"
#include "api/gateway_range.h"
#include "api/gateway_text.h"

#include <stdio.h>

struct mspan gateway_head_block(const struct gateway_answer *a)
{
    return (struct mspan){ a->memory.p, BLOCK_SIZE_MAX };
}

struct mspan gateway_head_walk(const struct gateway_answer *a)
{
    return (struct mspan){ a->memory.p + BLOCK_SIZE_MAX, UNIXFS_READ_MEMORY };
}

struct mspan gateway_head_seen(const struct gateway_answer *a)
{
    return (struct mspan){ a->memory.p + BLOCK_SIZE_MAX + UNIXFS_READ_MEMORY, GATEWAY_SEEN_MEMORY };
}

void gateway_head_fail(struct gateway_answer *a, enum err e, const struct cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_format(text, cid);
    a->err = e;
    a->missing = *cid;
    switch ((int)e) {
    case ERR_NOT_FOUND:
        if (a->query->only_cached)
            gateway_text_refuse(a, 412, "the block %s is not stored here\n", text);
        else
            gateway_text_refuse(a, 404, "the block %s could not be found\n", text);
        break;
    case ERR_TIMEOUT:
        gateway_text_refuse(a, 504, "nobody gave us the block %s in time\n", text);
        break;
    case ERR_BUSY:
        gateway_text_refuse(a, 503, "busy\n");
        gateway_text_header(a, "Retry-After", "2");
        break;
    case ERR_UNSUPPORTED:
        gateway_text_refuse(a, 406, "%s: its hash function or codec is not supported\n", text);
        break;
    case ERR_FORMAT:
    case ERR_SHORT:
    case ERR_TRAILING:
    case ERR_LIMIT:
        gateway_text_refuse(a, 422, "the block %s is malformed: %s\n", text, err_text(e));
        break;
    default:
        gateway_text_refuse(a, 500, "the block %s cannot be read: %s\n", text, err_text(e));
    }
}

void gateway_head_disposition(struct gateway_answer *a, const char *kind, const char *name)
{
    uint8_t ascii[3 * GATEWAY_NAME_MAX + 1], utf8[3 * GATEWAY_NAME_MAX + 1];
    struct writer w = writer_of(utf8, sizeof(utf8) - 1);
    gateway_text_url(&w, span_str(name));
    if (w.err != OK)
        return;
    utf8[w.len] = '\0';
    size_t n = 0;
    bool plain = true;
    for (const char *s = name; *s != '\0' && n + 1 < sizeof(ascii); s++) {
        bool good = (uint8_t)*s >= 0x20 && (uint8_t)*s < 0x7f && *s != '"' && *s != '\\';
        plain = plain && good;
        /* One sign for a whole character: the bytes that follow its first are left out. */
        if (((uint8_t)*s & 0xc0) != 0x80)
            ascii[n++] = good ? (uint8_t)*s : '_';
    }
    ascii[n] = '\0';
    if (plain)
        gateway_text_header(a, "Content-Disposition", "%s; filename=\"%s\"", kind, (char *)ascii);
    else
        gateway_text_header(a, "Content-Disposition", "%s; filename=\"%s\"; filename*=UTF-8''%s",
                            kind, (char *)ascii, (char *)utf8);
}

void gateway_head_path(struct gateway_answer *a)
{
    const struct gateway_query *q = a->query;
    uint8_t path[3 * 1024];
    struct writer w = writer_of(path, sizeof(path) - 1);
    for (const char *s = q->path; *s != '\0';) {
        size_t n = strcspn(s, "/");
        gateway_text_url(&w, span_of(s, n));
        s += n;
        if (*s == '/') {
            write_u8(&w, '/');
            s++;
        }
    }
    char root[CID_TEXT_MAX];
    cid_format(root, &q->root);
    if (w.err == OK) {
        path[w.len] = '\0';
        gateway_text_header(a, "X-Ipfs-Path", "/%s/%s%s", q->by_name ? "ipns" : "ipfs",
                            q->by_name ? q->name : root, (char *)path);
    }
    if (a->roots[0] != '\0')
        gateway_text_header(a, "X-Ipfs-Roots", "%s", a->roots);
}

bool gateway_head_unchanged(struct gateway_answer *a, const char *etag, const char *cache)
{
    gateway_text_header(a, "Etag", "%s", etag);
    if (a->query->by_name)
        gateway_text_header(a, "Cache-Control", "public, max-age=%llu",
                            (unsigned long long)a->max_age_s);
    else
        gateway_text_header(a, "Cache-Control", "%s", cache);
    if (a->page_status > 200 || !gateway_range_not_modified(a->query->request->if_none_match, etag))
        return false;
    a->status = 304;
    a->kind = GATEWAY_BODY_TEXT;
    a->body = span_of(NULL, 0);
    a->size = 0;
    return true;
}

void gateway_head_redirect(struct gateway_answer *a, const struct gateway_request *rq,
                           uint16_t status, const char *to, bool keep_query)
{
    bool query = keep_query && rq->query[0] != '\0';
    gateway_text_refuse(a, status, "it is at another address\n");
    a->err = OK;
    gateway_text_header(a, "Location", "%s%s%s", to, query ? "?" : "", query ? rq->query : "");
}
