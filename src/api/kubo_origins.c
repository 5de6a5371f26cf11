#include "api/kubo_origins.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\n';
}

static bool is_lower_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* SPEC kubo-rpc 5.2: "a scheme that begins with a letter, `://`, a host" */
static size_t scheme_size(struct span t)
{
    size_t n = 0;
    while (n < t.n && (is_lower_or_digit(t.p[n]) ||
                       (n > 0 && (t.p[n] == '+' || t.p[n] == '-' || t.p[n] == '.'))))
        n++;
    bool good = n > 0 && t.p[0] >= 'a' && n + 3 < t.n && memcmp(t.p + n, "://", 3) == 0;
    return good ? n : 0;
}

/* A name or an address, as a browser writes it. */
static size_t host_size(struct span t)
{
    size_t n = 0;
    if (t.n > 0 && t.p[0] == '[') {
        for (n = 1; n < t.n && (is_lower_or_digit(t.p[n]) || t.p[n] == ':' || t.p[n] == '.');)
            n++;
        return n > 1 && n < t.n && t.p[n] == ']' ? n + 1 : 0;
    }
    while (n < t.n &&
           (is_lower_or_digit(t.p[n]) || t.p[n] == '-' || t.p[n] == '.' || t.p[n] == '_'))
        n++;
    return n;
}

static bool is_port(struct span t)
{
    uint32_t port = 0;
    if (t.n < 2 || t.n > 6 || t.p[0] != ':' || t.p[1] == '0')
        return false;
    for (size_t i = 1; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return false;
        port = port * 10 + (uint32_t)(t.p[i] - '0');
    }
    return port <= UINT16_MAX;
}

static bool is_origin(struct span t)
{
    size_t scheme = scheme_size(t);
    if (scheme == 0)
        return false;
    struct span rest = span_sub(t, scheme + 3, t.n);
    size_t host = host_size(rest);
    rest = span_sub(rest, host, rest.n);
    return host > 0 && (rest.n == 0 || is_port(rest));
}

static struct span take_word(struct span *text)
{
    size_t from = 0, to;
    while (from < text->n && is_blank(text->p[from]))
        from++;
    for (to = from; to < text->n && !is_blank(text->p[to]);)
        to++;
    struct span word = span_sub(*text, from, to - from);
    *text = span_sub(*text, to, text->n);
    return word;
}

static enum err take(struct kubo_origins *o, struct span word)
{
    if (!is_origin(word))
        return ERR_FORMAT;
    if (word.n >= KUBO_ORIGINS_SIZE || o->count == KUBO_ORIGINS_MAX)
        return ERR_LIMIT;
    memcpy(o->list[o->count], word.p, word.n);
    o->list[o->count++][word.n] = '\0';
    return OK;
}

enum err kubo_origins_parse(struct kubo_origins *out, struct span text)
{
    enum err e = OK;
    *out = (struct kubo_origins){ 0 };
    for (struct span word = take_word(&text); word.n > 0 && e == OK; word = take_word(&text))
        e = take(out, word);
    if (e != OK)
        *out = (struct kubo_origins){ 0 };
    return e;
}

bool kubo_origins_allow(const struct kubo_origins *o, const char *origin)
{
    for (size_t i = 0; o != NULL && origin != NULL && i < o->count; i++)
        if (strcmp(o->list[i], origin) == 0)
            return true;
    return false;
}

const char *kubo_origins_of_referer(const struct kubo_origins *o, const char *referer)
{
    for (size_t i = 0; o != NULL && referer != NULL && i < o->count; i++) {
        size_t n = strlen(o->list[i]);
        if (strncmp(o->list[i], referer, n) == 0 && (referer[n] == '\0' || referer[n] == '/'))
            return o->list[i];
    }
    return NULL;
}
