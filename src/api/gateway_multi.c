#include "api/gateway_multi.h"
#include "api/gateway_head.h"
#include "api/gateway_range.h"
#include "api/gateway_text.h"
#include "base/hex.h"
#include "crypto/sha256.h"

#include <stdio.h>

/* What stands before part i; after the last one: what ends the body. */
static size_t part_head(char *out, size_t n, const struct gateway_multi *m, uint32_t i)
{
    const struct gateway_range *r = &m->list[i];
    if (i == m->count)
        return (size_t)snprintf(out, n, "\r\n--%s--\r\n", m->boundary);
    return (size_t)snprintf(
        out, n, "%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
        i == 0 ? "" : "\r\n", m->boundary, m->type, (unsigned long long)r->from,
        (unsigned long long)(r->from + r->size - 1), (unsigned long long)m->total);
}

/* A list of ranges; those that lie outside are left out. */
static bool take_list(struct gateway_multi *m, const char *text, uint64_t size)
{
    char one[64];
    uint64_t sum = 0;
    if (text == NULL || strncmp(text, "bytes=", 6) != 0 || strchr(text, ',') == NULL)
        return false;
    m->count = 0;
    for (const char *s = text + 6; *s != '\0';) {
        s += strspn(s, ", ");
        size_t n = strcspn(s, ", ");
        struct gateway_range r;
        bool partial;
        if (n == 0)
            break;
        if (n > 48 || m->count == GATEWAY_RANGES_MAX)
            return false;
        (void)snprintf(one, sizeof(one), "bytes=%.*s", (int)n, s);
        s += n;
        if (!gateway_range_parse(&r, &partial, one, size))
            continue;
        if (!partial) /* malformed: the whole header is as if it were not there */
            return false;
        m->list[m->count++] = r;
        sum += r.size;
        if (sum > size)
            return false;
    }
    return m->count > 1;
}

/* Nobody can write content that holds the hash of its own name. */
static void boundary(char out[GATEWAY_BOUNDARY_MAX], const char *etag)
{
    uint8_t digest[32];
    sha256(digest, span_str(etag));
    hex_format(out, span_of(digest, GATEWAY_BOUNDARY_MAX / 2));
}

bool gateway_multi_open(struct gateway_answer *a, const char *etag, const char *type, uint64_t size)
{
    const struct gateway_request *rq = a->query->request;
    struct gateway_multi *m = &a->multi;
    char head[GATEWAY_PART_HEAD_MAX];
    if (a->page_status > 200 || (rq->if_range != NULL && strcmp(rq->if_range, etag) != 0) ||
        !take_list(m, rq->range, size))
        return false;
    m->type = type;
    m->total = size;
    boundary(m->boundary, etag);
    a->size = 0;
    for (uint32_t i = 0; i <= m->count; i++)
        a->size += part_head(head, sizeof(head), m, i) + (i < m->count ? m->list[i].size : 0);
    gateway_text_header(a, "Content-Type", "multipart/byteranges; boundary=%s", m->boundary);
    m->at = 0;
    m->in_part = false;
    m->head_size = part_head(m->head, sizeof(m->head), m, 0);
    m->head_at = 0;
    a->rest = span_of(NULL, 0);
    a->status = 206;
    a->kind = GATEWAY_BODY_RANGES;
    return true;
}

/* Gives the next bytes; *n is 0 after a step without any, and *end at the end. */
static enum err step(struct gateway_answer *a, size_t *n, bool *end, struct mspan out)
{
    struct gateway_multi *m = &a->multi;
    *n = 0;
    *end = false;
    if (m->head_at < m->head_size) {
        struct span head = span_sub(span_of(m->head, m->head_size), m->head_at, out.n);
        memcpy(out.p, head.p, head.n);
        m->head_at += head.n;
        *n = head.n;
        return OK;
    }
    if (m->at == m->count) {
        *end = true;
        return OK;
    }
    if (!m->in_part) {
        const struct gateway_range *r = &m->list[m->at];
        unixfs_read_file_init(&a->u.walk, a->source, gateway_head_walk(a), &a->cid);
        unixfs_read_file_range(&a->u.walk, r->from, r->from + r->size);
        m->in_part = true;
    }
    if (a->rest.n == 0)
        TRY(unixfs_read_file_next(&a->u.walk, &a->rest));
    if (a->rest.n == 0) {
        m->at++;
        m->in_part = false;
        m->head_size = part_head(m->head, sizeof(m->head), m, m->at);
        m->head_at = 0;
        return OK;
    }
    struct span part = span_sub(a->rest, 0, out.n);
    memcpy(out.p, part.p, part.n);
    a->rest = span_sub(a->rest, part.n, a->rest.n);
    *n = part.n;
    return OK;
}

enum err gateway_multi_next(struct gateway_answer *a, size_t *size, struct mspan out)
{
    *size = 0;
    for (bool end = false; *size < out.n && !end;) {
        size_t n;
        enum err e = step(a, &n, &end, (struct mspan){ out.p + *size, out.n - *size });
        if (e != OK && *size == 0)
            return e;
        if (e != OK) /* what is copied goes out before a failure is told */
            break;
        *size += n;
    }
    return OK;
}
