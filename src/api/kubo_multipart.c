#include "api/kubo_multipart.h"

#include "api/uri.h"

#include <strings.h>

static bool is_boundary(struct span s)
{
    static const char signs[] = "'()+_,-./:=? "; /* RFC 2046 5.1.1, besides letters and digits */
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(signs, c) == NULL))
            return false;
    }
    return s.n >= 1 && s.n <= KUBO_MULTIPART_BOUNDARY_MAX && s.p[s.n - 1] != ' ';
}

static bool starts(struct span s, const char *word)
{
    size_t n = strlen(word);
    return s.n >= n && strncasecmp((const char *)s.p, word, n) == 0;
}

/* Cuts the next "; name=value" off a header's value; the value comes without its quotes, and what
 * is escaped in it stays so. False at the end; *e when it is none. */
static bool parameter(struct span *name, struct span *value, struct span *rest, enum err *e)
{
    *rest = uri_trim(*rest);
    if (rest->n == 0)
        return false;
    *e = ERR_FORMAT;
    if (rest->p[0] != ';')
        return false;
    *rest = uri_trim(span_sub(*rest, 1, rest->n));
    const uint8_t *eq = rest->n == 0 ? NULL : memchr(rest->p, '=', rest->n);
    if (eq == NULL)
        return false;
    *name = uri_trim(span_of(rest->p, (size_t)(eq - rest->p)));
    *rest = span_sub(*rest, (size_t)(eq - rest->p) + 1, rest->n);
    bool quoted = rest->n > 0 && rest->p[0] == '"';
    if (quoted)
        *rest = span_sub(*rest, 1, rest->n);
    size_t n = 0;
    while (n < rest->n && (quoted ? rest->p[n] != '"' : rest->p[n] != ';'))
        n++;
    if (quoted && n == rest->n)
        return false;
    *value = span_sub(*rest, 0, n);
    if (!quoted)
        *value = uri_trim(*value);
    *rest = span_sub(*rest, n + quoted, rest->n);
    *e = OK;
    return true;
}

enum err kubo_multipart_init(struct kubo_multipart *m, const char *content_type)
{
    static const char type[] = "multipart/form-data";
    struct span rest = span_str(content_type == NULL ? "" : content_type), name, value;
    struct span boundary = { NULL, 0 };
    enum err e = OK;
    m->delimiter_size = 0;
    if (!starts(rest, type))
        return ERR_FORMAT;
    rest = span_sub(rest, sizeof(type) - 1, rest.n);
    while (parameter(&name, &value, &rest, &e)) {
        if (name.n == 8 && starts(name, "boundary"))
            boundary = value;
    }
    TRY(e);
    if (!is_boundary(boundary))
        return ERR_FORMAT;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.p, boundary.n);
    m->delimiter_size = 4 + boundary.n;
    /* The first delimiter needs no line before it. */
    m->state = KUBO_MULTIPART_AT_PREAMBLE;
    m->match = 2;
    m->head_size = m->tail_size = 0;
    m->in_part = false;
    return OK;
}

/* ---- the headers of a part ---- */

static enum err take_path(struct kubo_part *part, struct span value)
{
    char *path = part->path;
    TRY(uri_decode(path, sizeof(part->path), value, true));
    struct span rest = span_str(path);
    if (rest.n == 0)
        return OK;
    while (true) {
        const uint8_t *slash = memchr(rest.p, '/', rest.n);
        struct span s = slash == NULL ? rest : span_of(rest.p, (size_t)(slash - rest.p));
        if (s.n == 0 || span_eq(s, span_str(".")) || span_eq(s, span_str("..")))
            return ERR_FORMAT;
        if (s.n > 255)
            return ERR_LIMIT;
        if (slash == NULL)
            return OK;
        rest = span_sub(rest, s.n + 1, rest.n);
        if (rest.n == 0)
            return ERR_FORMAT;
    }
}

static enum err take_disposition(struct kubo_part *part, struct span value)
{
    static const char kind[] = "form-data";
    struct span name, text;
    enum err e = OK;
    if (!starts(value, kind))
        return ERR_FORMAT;
    value = span_sub(value, sizeof(kind) - 1, value.n);
    while (parameter(&name, &text, &value, &e)) {
        if (name.n == 8 && starts(name, "filename"))
            TRY(take_path(part, text));
    }
    return e;
}

static enum err take_type(struct kubo_part *part, struct span value)
{
    if (starts(value, "application/x-directory"))
        part->kind = KUBO_PART_FOLDER;
    else if (starts(value, "application/symlink"))
        part->kind = KUBO_PART_SYMLINK;
    else if (starts(value, "multipart/"))
        return ERR_UNSUPPORTED; /* the nested form, which nobody has sent since 2015 */
    return OK;
}

static enum err take_head(struct kubo_multipart *m)
{
    struct span rest = span_of(m->head, m->head_size);
    bool disposed = false;
    m->part.kind = KUBO_PART_FILE;
    m->part.path[0] = '\0';
    while (rest.n > 2) {
        /* The head ends with an empty line, so that each line has its end. */
        size_t n = 0;
        while (rest.p[n] != '\r' || rest.p[n + 1] != '\n')
            n++;
        struct span line = span_sub(rest, 0, n);
        rest = span_sub(rest, n + 2, rest.n);
        const uint8_t *colon = n == 0 ? NULL : memchr(line.p, ':', n);
        if (colon == NULL)
            return ERR_FORMAT;
        struct span value = uri_trim(span_sub(line, (size_t)(colon - line.p) + 1, n));
        if (starts(line, "content-disposition:")) {
            TRY(take_disposition(&m->part, value));
            disposed = true;
        } else if (starts(line, "content-type:")) {
            TRY(take_type(&m->part, value));
        }
    }
    return disposed ? OK : ERR_FORMAT;
}

static enum err feed_head(struct kubo_multipart *m, struct kubo_multipart_item *out,
                          struct span *in)
{
    while (in->n > 0) {
        if (m->head_size == sizeof(m->head))
            return ERR_LIMIT;
        m->head[m->head_size++] = in->p[0];
        *in = span_sub(*in, 1, in->n);
        bool whole = m->head_size >= 4 && memcmp(m->head + m->head_size - 4, "\r\n\r\n", 4) == 0;
        if (!whole)
            continue;
        TRY(take_head(m));
        m->state = KUBO_MULTIPART_AT_BODY;
        m->in_part = true;
        m->match = 0;
        out->event = KUBO_MULTIPART_PART;
        return OK;
    }
    return OK;
}

/* ---- bytes up to a delimiter ---- */

/* Only the first byte of a delimiter is a carriage return, so that a match that fails can begin
 * anew only at the byte that broke it. */
static struct span feed_body(struct kubo_multipart *m, struct span *in)
{
    while (in->n > 0) {
        if (m->match == 0) {
            const uint8_t *cr = memchr(in->p, '\r', in->n);
            size_t n = cr == NULL ? in->n : (size_t)(cr - in->p);
            if (n > 0) {
                struct span data = span_sub(*in, 0, n);
                *in = span_sub(*in, n, in->n);
                return data;
            }
        }
        if (in->p[0] != (uint8_t)m->delimiter[m->match]) {
            struct span data = span_of(m->delimiter, m->match);
            m->match = 0;
            return data;
        }
        *in = span_sub(*in, 1, in->n);
        if (++m->match == m->delimiter_size) {
            m->state = m->in_part ? KUBO_MULTIPART_AT_DONE : KUBO_MULTIPART_AT_DELIMITER;
            m->tail_size = 0;
            return span_of(NULL, 0);
        }
    }
    return span_of(NULL, 0);
}

static enum err feed_delimiter(struct kubo_multipart *m, struct kubo_multipart_item *out,
                               struct span *in)
{
    while (in->n > 0 && m->tail_size < 2) {
        m->tail[m->tail_size++] = in->p[0];
        *in = span_sub(*in, 1, in->n);
    }
    if (m->tail_size < 2)
        return OK;
    if (memcmp(m->tail, "--", 2) == 0) {
        m->state = KUBO_MULTIPART_AT_END;
        out->event = KUBO_MULTIPART_END;
        return OK;
    }
    m->state = KUBO_MULTIPART_AT_HEAD;
    m->head_size = 0;
    return memcmp(m->tail, "\r\n", 2) == 0 ? OK : ERR_FORMAT;
}

static enum err step(struct kubo_multipart *m, struct kubo_multipart_item *out, struct span *in)
{
    switch (m->state) {
    case KUBO_MULTIPART_AT_PREAMBLE:
        (void)feed_body(m, in);
        return OK;
    case KUBO_MULTIPART_AT_DELIMITER:
        return feed_delimiter(m, out, in);
    case KUBO_MULTIPART_AT_HEAD:
        return feed_head(m, out, in);
    case KUBO_MULTIPART_AT_BODY:
        out->data = feed_body(m, in);
        if (out->data.n > 0)
            out->event = KUBO_MULTIPART_DATA;
        return OK;
    case KUBO_MULTIPART_AT_DONE:
        m->in_part = false;
        m->state = KUBO_MULTIPART_AT_DELIMITER;
        out->event = KUBO_MULTIPART_DONE;
        return OK;
    case KUBO_MULTIPART_AT_END:
        *in = span_sub(*in, in->n, 0);
        return OK;
    }
    return OK;
}

enum err kubo_multipart_next(struct kubo_multipart *m, struct kubo_multipart_item *out,
                             struct span *in)
{
    *out = (struct kubo_multipart_item){ .event = KUBO_MULTIPART_MORE };
    while (out->event == KUBO_MULTIPART_MORE && (in->n > 0 || m->state == KUBO_MULTIPART_AT_DONE))
        TRY(step(m, out, in));
    return OK;
}

enum err kubo_multipart_finish(const struct kubo_multipart *m)
{
    return m->state == KUBO_MULTIPART_AT_END ? OK : ERR_SHORT;
}
