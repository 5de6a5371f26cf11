#include "api/uri.h"

#include "base/hex.h"

static size_t find(struct span s, uint8_t c)
{
    const uint8_t *at = s.n == 0 ? NULL : memchr(s.p, c, s.n);
    return at == NULL ? s.n : (size_t)(at - s.p);
}

bool uri_segment(struct span *segment, struct span *path)
{
    *segment = (struct span){ NULL, 0 };
    if (path->n == 0 || path->p[0] != '/')
        return false;
    struct span rest = span_sub(*path, 1, path->n);
    size_t n = find(rest, '/');
    *segment = span_sub(rest, 0, n);
    *path = span_sub(rest, n, rest.n);
    return true;
}

bool uri_param(struct span *name, struct span *value, struct span *query)
{
    *name = *value = (struct span){ NULL, 0 };
    while (query->n != 0) {
        size_t n = find(*query, '&');
        struct span pair = span_sub(*query, 0, n);
        *query = span_sub(*query, n < query->n ? n + 1 : n, query->n);
        if (pair.n == 0)
            continue;
        size_t eq = find(pair, '=');
        *name = span_sub(pair, 0, eq);
        *value = span_sub(pair, eq < pair.n ? eq + 1 : eq, pair.n);
        return true;
    }
    return false;
}

/* One character of in at *at; -1 when it is not well formed. */
static int decode_one(struct span in, size_t *at, bool plus)
{
    uint8_t c = in.p[(*at)++];
    if (c == '+' && plus)
        return ' ';
    if (c != '%')
        return c;
    if (in.n - *at < 2)
        return -1;
    int high = hex_digit((char)in.p[*at]), low = hex_digit((char)in.p[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

enum err uri_decode(char *out, size_t size, struct span in, bool plus)
{
    size_t len = 0;
    ASSERT(size > 0);
    out[0] = '\0';
    for (size_t at = 0; at < in.n;) {
        int c = decode_one(in, &at, plus);
        enum err e = c <= 0 ? ERR_FORMAT : len + 1 >= size ? ERR_LIMIT : OK;
        if (e != OK) {
            out[0] = '\0';
            return e;
        }
        out[len++] = (char)(uint8_t)c;
    }
    out[len] = '\0';
    return OK;
}

struct span uri_trim(struct span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = span_sub(s, 1, s.n);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}
