#include "codec/multiaddr.h"

#include "codec/multiaddr_table.h"

#include <stdio.h>

#include <string.h>

/* What makes a value of this kind one that has a text form, and one only. */
static bool value_ok(const struct multiaddr_protocol *p, struct span v)
{
    switch (p->kind) {
    case MULTIADDR_KIND_NONE:
    case MULTIADDR_KIND_IP4:
    case MULTIADDR_KIND_IP6:
    case MULTIADDR_KIND_PORT:
    case MULTIADDR_KIND_U64:
        return true;
    case MULTIADDR_KIND_U8:
        return v.p[0] <= 128; /* the length of a prefix */
    case MULTIADDR_KIND_NAME:
        for (size_t i = 0; i < v.n; i++)
            if (v.p[i] <= ' ' || v.p[i] > '~' || v.p[i] == '/')
                return false;
        return v.n >= 1 && v.n <= MULTIADDR_NAME_MAX;
    case MULTIADDR_KIND_PEER: {
        struct peer_id id;
        return peer_id_decode(&id, v) == OK;
    }
    case MULTIADDR_KIND_HASH: {
        struct reader r = reader_of(v);
        (void)read_uvarint(&r);
        uint64_t n = read_uvarint(&r);
        reader_require(&r, n == r.n, ERR_FORMAT);
        return r.err == OK && n != 0 && n <= MULTIADDR_HASH_MAX;
    }
    case MULTIADDR_KIND_PATH:
        /* "/" and something: the text form has no way to say less. */
        return v.n >= 2 && v.p[0] == '/' && memchr(v.p, 0, v.n) == NULL;
    case MULTIADDR_KIND_ESCAPED:
        return v.n != 0;
    }
    return false;
}

bool multiaddr_next(struct reader *r, struct multiaddr_part *out)
{
    *out = (struct multiaddr_part){ 0 };
    if (r->n == 0 || r->err != OK)
        return false;
    uint64_t code = read_uvarint(r);
    const struct multiaddr_protocol *p = multiaddr_protocol_of(code);
    reader_require(r, p != NULL, ERR_UNSUPPORTED);
    if (p == NULL || r->err != OK)
        return false;
    uint64_t n = (uint64_t)p->size;
    if (p->size < 0)
        n = read_uvarint(r);
    reader_require(r, n <= r->n, ERR_SHORT);
    struct span v = read_span(r, r->err == OK ? (size_t)n : 0);
    reader_require(r, r->err != OK || value_ok(p, v), ERR_FORMAT);
    /* A path has no end in the text form, so nothing can follow it. */
    reader_require(r, p->kind != MULTIADDR_KIND_PATH || r->n == 0, ERR_FORMAT);
    if (r->err != OK)
        return false;
    out->code = p->code;
    out->value = v;
    return true;
}

enum err multiaddr_decode(struct multiaddr *out, struct span in)
{
    struct multiaddr_part part;
    struct reader r = reader_of(in);
    size_t parts = 0;
    *out = (struct multiaddr){ 0 };
    if (in.n > MULTIADDR_SIZE_MAX)
        return ERR_LIMIT;
    while (multiaddr_next(&r, &part))
        reader_require(&r, ++parts <= MULTIADDR_PARTS_MAX, ERR_LIMIT);
    TRY(reader_finish(&r));
    if (parts == 0)
        return ERR_FORMAT;
    out->size = (uint16_t)in.n;
    memcpy(out->bytes, in.p, in.n);
    return OK;
}

enum err multiaddr_add(struct multiaddr *a, uint32_t code, struct span value)
{
    const struct multiaddr_protocol *p = multiaddr_protocol_of(code);
    if (p == NULL)
        return ERR_UNSUPPORTED;
    if (p->size >= 0 && value.n != (size_t)p->size)
        return ERR_FORMAT;
    uint8_t buf[MULTIADDR_SIZE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    write_span(&w, multiaddr_span(a));
    write_uvarint(&w, code);
    if (p->size < 0)
        write_uvarint(&w, value.n);
    write_span(&w, value);
    TRY(w.err);
    struct multiaddr longer;
    TRY(multiaddr_decode(&longer, writer_span(&w)));
    *a = longer;
    return OK;
}

bool multiaddr_eq(const struct multiaddr *a, const struct multiaddr *b)
{
    return span_eq(multiaddr_span(a), multiaddr_span(b));
}

static void set_host(struct multiaddr_tcp *out, const struct multiaddr_part *part)
{
    out->host = part->code;
    if (part->code == MULTIADDR_IP4 || part->code == MULTIADDR_IP6)
        memcpy(out->ip, part->value.p, part->value.n);
    else
        memcpy(out->name, part->value.p, part->value.n);
}

enum err multiaddr_tcp_of(struct multiaddr_tcp *out, const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    *out = (struct multiaddr_tcp){ 0 };
    struct multiaddr_tcp t = { 0 };
    if (!multiaddr_next(&r, &part))
        return ERR_UNSUPPORTED;
    bool host = part.code == MULTIADDR_IP4 || part.code == MULTIADDR_IP6 ||
                part.code == MULTIADDR_DNS || part.code == MULTIADDR_DNS4 ||
                part.code == MULTIADDR_DNS6;
    if (!host)
        return ERR_UNSUPPORTED;
    set_host(&t, &part);
    if (!multiaddr_next(&r, &part) || part.code != MULTIADDR_TCP)
        return ERR_UNSUPPORTED;
    t.port = (uint16_t)(part.value.p[0] << 8 | part.value.p[1]);
    if (multiaddr_next(&r, &part) &&
        (part.code != MULTIADDR_P2P || peer_id_decode(&t.peer, part.value) != OK))
        return ERR_UNSUPPORTED;
    if (reader_finish(&r) != OK)
        return ERR_UNSUPPORTED;
    *out = t;
    return OK;
}

struct multiaddr multiaddr_of_ip(struct span ip, uint16_t port)
{
    ASSERT(ip.n == 4 || ip.n == 16);
    struct multiaddr a = { 0 };
    uint8_t be[2];
    store_be16(be, port);
    enum err e = multiaddr_add(&a, ip.n == 4 ? MULTIADDR_IP4 : MULTIADDR_IP6, ip);
    ASSERT(e == OK);
    e = multiaddr_add(&a, MULTIADDR_TCP, span_of(be, 2));
    ASSERT(e == OK);
    return a;
}

/* The part of an address after HOST/tcp/PORT: "http" or "https", NULL for anything else. */
static const char *scheme_of(struct reader *r)
{
    struct multiaddr_part p;
    bool tls = false;
    const char *scheme = NULL;
    while (multiaddr_next(r, &p)) {
        if (p.code == MULTIADDR_TLS && !tls && scheme == NULL)
            tls = true;
        else if (p.code == MULTIADDR_HTTPS && !tls && scheme == NULL)
            scheme = "https";
        else if (p.code == MULTIADDR_HTTP && scheme == NULL)
            scheme = tls ? "https" : "http";
        else if (p.code != MULTIADDR_P2P || scheme == NULL)
            return NULL;
    }
    return r->err == OK ? scheme : NULL;
}

static bool host_name(const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_';
        if (!good)
            return false;
    }
    return true;
}

enum err multiaddr_url(char out[MULTIADDR_URL_MAX], const struct multiaddr *a)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr head = { 0 };
    struct multiaddr_part p;
    struct multiaddr_tcp t;
    char text[MULTIADDR_TEXT_MAX];
    out[0] = '\0';
    for (int i = 0; i < 2; i++)
        if (!multiaddr_next(&r, &p) || multiaddr_add(&head, p.code, p.value) != OK)
            return ERR_UNSUPPORTED;
    const char *scheme = scheme_of(&r);
    if (scheme == NULL || multiaddr_tcp_of(&t, &head) != OK || !host_name(t.name))
        return ERR_UNSUPPORTED;
    multiaddr_format(text, &head); /* /ip6/HOST/tcp/PORT */
    const char *host = t.name;
    bool six = t.host == MULTIADDR_IP6;
    if (six || t.host == MULTIADDR_IP4) {
        text[5 + strcspn(text + 5, "/")] = '\0';
        host = text + 5;
    }
    (void)snprintf(out, MULTIADDR_URL_MAX, "%s://%s%.253s%s:%u", scheme, six ? "[" : "", host,
                   six ? "]" : "", (unsigned)t.port);
    return OK;
}

/* "[::1]:80", "a.example", "1.2.3.4:80" as HOST/tcp/PORT in text. */
static enum err head_of_url(char out[MULTIADDR_TEXT_MAX], const char *at, const char *otherwise)
{
    bool six = *at == '[';
    size_t n = six ? strcspn(at + 1, "]") : strcspn(at, ":/");
    const char *host = at + six, *rest = host + n + (six && host[n] == ']'), *port = otherwise;
    size_t port_n = strlen(port);
    if (n == 0 || n > MULTIADDR_NAME_MAX || (six && host[n] != ']'))
        return ERR_FORMAT;
    if (*rest == ':') {
        port = rest + 1;
        port_n = strspn(port, "0123456789");
        rest = port + port_n;
    }
    if (*rest != '\0' && strcmp(rest, "/") != 0)
        return *rest == '/' ? ERR_UNSUPPORTED : ERR_FORMAT;
    bool four = !six && strspn(host, "0123456789.") == n;
    (void)snprintf(out, MULTIADDR_TEXT_MAX, "/%s/%.*s/tcp/%.*s",
                   six    ? "ip6"
                   : four ? "ip4"
                          : "dns",
                   (int)n, host, (int)(port_n < 8 ? port_n : 8), port);
    return OK;
}

enum err multiaddr_of_url(struct multiaddr *out, const char *url)
{
    char text[MULTIADDR_TEXT_MAX];
    *out = (struct multiaddr){ 0 };
    bool tls = strncmp(url, "https://", 8) == 0;
    if (!tls && strncmp(url, "http://", 7) != 0)
        return ERR_FORMAT;
    TRY(head_of_url(text, url + (tls ? 8 : 7), tls ? "443" : "80"));
    TRY(multiaddr_parse(out, span_str(text)));
    return multiaddr_add(out, tls ? MULTIADDR_HTTPS : MULTIADDR_HTTP, (struct span){ NULL, 0 });
}
