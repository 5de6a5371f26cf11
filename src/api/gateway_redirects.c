#include "api/gateway_redirects.h"

#include "base/writer.h"

#include <stdio.h>

/* One line: from, to and a status. */
struct rule {
    struct span from, to;
    uint16_t status;
};

/* A segment of the path that a placeholder stands for. */
struct capture {
    struct span name, value;
};

struct match {
    struct capture list[GATEWAY_REDIRECTS_SEGMENTS];
    size_t count;
};

/* ---- lines ---------------------------------------------------------------------------------- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next line, without its end. */
static bool take_line(struct span *rest, struct span *line)
{
    if (rest->n == 0)
        return false;
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '\n')
        n++;
    *line = span_sub(*rest, 0, n);
    *rest = span_sub(*rest, n + 1, rest->n);
    return true;
}

/* Takes the next word; empty at the end of the line, and where a comment begins. */
static struct span take_word(struct span *line)
{
    size_t from = 0;
    while (from < line->n && is_blank(line->p[from]))
        from++;
    size_t to = from;
    while (to < line->n && !is_blank(line->p[to]))
        to++;
    struct span word = span_sub(*line, from, to - from);
    *line = span_sub(*line, to, line->n);
    if (word.n > 0 && word.p[0] == '#') {
        *line = span_sub(*line, line->n, 0);
        return *line;
    }
    return word;
}

static bool status_known(uint16_t status)
{
    static const uint16_t known[] = { 200, 301, 302, 303, 307, 308, 404, 410, 451 };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (status == known[i])
            return true;
    }
    return false;
}

static enum err fail(char why[GATEWAY_REDIRECTS_WHY_MAX], size_t number, const char *what)
{
    (void)snprintf(why, GATEWAY_REDIRECTS_WHY_MAX, "line %zu: %s", number, what);
    return ERR_FORMAT;
}

static const char *check_status(struct rule *r, struct span word)
{
    r->status = 301;
    if (word.n == 0)
        return NULL;
    if (word.n == 4 && word.p[3] == '!')
        return "forced redirects (\"301!\") are not supported";
    r->status = 0;
    for (size_t i = 0; i < word.n; i++) {
        if (word.n != 3 || word.p[i] < '0' || word.p[i] > '9')
            return "the status is no number of three digits";
        r->status = (uint16_t)(r->status * 10 + word.p[i] - '0');
    }
    return status_known(r->status) ? NULL : "unsupported redirect status";
}

static bool starts_with(struct span s, const char *text)
{
    size_t n = strlen(text);
    return s.n >= n && memcmp(s.p, text, n) == 0;
}

/* SPEC web-redirects-file 3.1: from begins with a slash; a splat stands at its end, once. */
static const char *check_from(struct span from)
{
    if (from.p[0] != '/')
        return "the path must begin with /";
    for (size_t i = 0; i < from.n; i++) {
        if (from.p[i] == '*' && (i + 1 != from.n || from.p[i - 1] != '/'))
            return "a * stands alone at the end of the path";
    }
    return NULL;
}

static const char *check_to(const struct rule *r)
{
    bool away = starts_with(r->to, "http://") || starts_with(r->to, "https://");
    for (size_t i = 0; i < r->to.n; i++) {
        if (r->to.p[i] < 0x20 || r->to.p[i] == 0x7f)
            return "a control character";
    }
    if (r->to.p[0] == '/')
        return NULL;
    if (!away)
        return "the target must begin with / or be an http(s) address";
    return r->status >= 300 && r->status < 400 ? NULL : "only redirects may lead to another host";
}

/* *blank: the line has no rule. */
static enum err parse_line(struct rule *r, bool *blank, struct span line, size_t number,
                           char why[GATEWAY_REDIRECTS_WHY_MAX])
{
    r->from = take_word(&line);
    *blank = r->from.n == 0;
    if (*blank)
        return OK;
    r->to = take_word(&line);
    if (r->to.n == 0)
        return fail(why, number, "a rule has a path and a target");
    const char *wrong = check_status(r, take_word(&line));
    if (wrong == NULL && take_word(&line).n != 0)
        wrong = "more than a path, a target and a status";
    if (wrong == NULL)
        wrong = check_from(r->from);
    if (wrong == NULL)
        wrong = check_to(r);
    return wrong == NULL ? OK : fail(why, number, wrong);
}

/* ---- matching ------------------------------------------------------------------------------- */

/* Takes "/segment". False at the end. */
static bool take_segment(struct span *path, struct span *segment)
{
    if (path->n == 0)
        return false;
    size_t n = 1;
    while (n < path->n && path->p[n] != '/')
        n++;
    *segment = span_sub(*path, 1, n - 1);
    *path = span_sub(*path, n, path->n);
    return true;
}

/* A slash at the end makes no difference. */
static struct span trimmed(struct span path)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

static bool capture(struct match *m, struct span name, struct span value)
{
    if (m->count == GATEWAY_REDIRECTS_SEGMENTS)
        return false;
    m->list[m->count++] = (struct capture){ name, value };
    return true;
}

static bool matches(struct match *m, struct span from, struct span path)
{
    struct span want, have;
    m->count = 0;
    from = trimmed(from);
    path = trimmed(path);
    while (take_segment(&from, &want)) {
        if (span_eq(want, span_str("*")))
            return capture(m, span_str("splat"), path.n == 0 ? path : span_sub(path, 1, path.n));
        if (!take_segment(&path, &have))
            return false;
        if (want.n > 1 && want.p[0] == ':') {
            if (have.n == 0 || !capture(m, span_sub(want, 1, want.n), have))
                return false;
        } else if (!span_eq(want, have)) {
            return false;
        }
    }
    return path.n == 0;
}

static bool name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Fills placeholders in; one that nothing was captured for stays as it is. */
static enum err fill(char out[GATEWAY_REDIRECTS_TO_MAX], struct span to, const struct match *m)
{
    struct writer w = writer_of((uint8_t *)out, GATEWAY_REDIRECTS_TO_MAX - 1);
    for (size_t i = 0; i < to.n;) {
        size_t n = 1;
        struct span piece = span_sub(to, i, 1);
        while (to.p[i] == ':' && i + n < to.n && name_char(to.p[i + n]))
            n++;
        for (size_t k = 0; n > 1 && k < m->count; k++) {
            if (!span_eq(m->list[k].name, span_sub(to, i + 1, n - 1)))
                continue;
            piece = m->list[k].value;
            break;
        }
        bool taken = n > 1 && piece.p != to.p + i;
        write_span(&w, taken ? piece : span_sub(to, i, n));
        i += n;
    }
    out[w.len] = '\0';
    return w.err;
}

static enum err match(struct gateway_redirect *out, char why[GATEWAY_REDIRECTS_WHY_MAX],
                      struct span file, struct span path)
{
    struct span line;
    struct match m;
    if (file.n > GATEWAY_REDIRECTS_MAX) {
        (void)snprintf(why, GATEWAY_REDIRECTS_WHY_MAX, "redirects file size cannot exceed %d bytes",
                       GATEWAY_REDIRECTS_MAX);
        return ERR_LIMIT;
    }
    for (size_t number = 1; take_line(&file, &line); number++) {
        struct rule r = { 0 };
        bool blank;
        TRY(parse_line(&r, &blank, line, number, why));
        if (blank || out->status != 0 || !matches(&m, r.from, path))
            continue;
        if (fill(out->to, r.to, &m) != OK) {
            (void)snprintf(why, GATEWAY_REDIRECTS_WHY_MAX, "line %zu: the target is too long",
                           number);
            return ERR_LIMIT;
        }
        out->status = r.status;
    }
    return OK;
}

enum err gateway_redirects_match(struct gateway_redirect *out, char why[GATEWAY_REDIRECTS_WHY_MAX],
                                 struct span file, struct span path)
{
    out->status = 0;
    out->to[0] = why[0] = '\0';
    enum err e = match(out, why, file, path);
    if (e != OK) { /* a rule before the wrong line does not count either */
        out->status = 0;
        out->to[0] = '\0';
    }
    return e;
}
