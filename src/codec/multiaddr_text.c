#include "base/hex.h"
#include "codec/multiaddr.h"
#include "codec/multiaddr_table.h"
#include "codec/multibase.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

/* clang-format off */
static const struct multiaddr_protocol protocols[] = {
    { MULTIADDR_IP4, 4, MULTIADDR_KIND_IP4, "ip4" },
    { MULTIADDR_TCP, 2, MULTIADDR_KIND_PORT, "tcp" },
    { MULTIADDR_DCCP, 2, MULTIADDR_KIND_PORT, "dccp" },
    { MULTIADDR_IP6, 16, MULTIADDR_KIND_IP6, "ip6" },
    { MULTIADDR_IP6ZONE, -1, MULTIADDR_KIND_NAME, "ip6zone" },
    { MULTIADDR_IPCIDR, 1, MULTIADDR_KIND_U8, "ipcidr" },
    { MULTIADDR_DNS, -1, MULTIADDR_KIND_NAME, "dns" },
    { MULTIADDR_DNS4, -1, MULTIADDR_KIND_NAME, "dns4" },
    { MULTIADDR_DNS6, -1, MULTIADDR_KIND_NAME, "dns6" },
    { MULTIADDR_DNSADDR, -1, MULTIADDR_KIND_NAME, "dnsaddr" },
    { MULTIADDR_SCTP, 2, MULTIADDR_KIND_PORT, "sctp" },
    { MULTIADDR_UDP, 2, MULTIADDR_KIND_PORT, "udp" },
    { MULTIADDR_P2P_WEBRTC_DIRECT, 0, MULTIADDR_KIND_NONE, "p2p-webrtc-direct" },
    { MULTIADDR_WEBRTC_DIRECT, 0, MULTIADDR_KIND_NONE, "webrtc-direct" },
    { MULTIADDR_WEBRTC, 0, MULTIADDR_KIND_NONE, "webrtc" },
    { MULTIADDR_P2P_CIRCUIT, 0, MULTIADDR_KIND_NONE, "p2p-circuit" },
    { MULTIADDR_UDT, 0, MULTIADDR_KIND_NONE, "udt" },
    { MULTIADDR_UTP, 0, MULTIADDR_KIND_NONE, "utp" },
    { MULTIADDR_UNIX, -1, MULTIADDR_KIND_PATH, "unix" },
    { MULTIADDR_P2P, -1, MULTIADDR_KIND_PEER, "p2p" },
    { MULTIADDR_P2P, -1, MULTIADDR_KIND_PEER, "ipfs" }, /* the older name; read only */
    { MULTIADDR_HTTPS, 0, MULTIADDR_KIND_NONE, "https" },
    { MULTIADDR_TLS, 0, MULTIADDR_KIND_NONE, "tls" },
    { MULTIADDR_SNI, -1, MULTIADDR_KIND_NAME, "sni" },
    { MULTIADDR_NOISE, 0, MULTIADDR_KIND_NONE, "noise" },
    { MULTIADDR_QUIC, 0, MULTIADDR_KIND_NONE, "quic" },
    { MULTIADDR_QUIC_V1, 0, MULTIADDR_KIND_NONE, "quic-v1" },
    { MULTIADDR_WEBTRANSPORT, 0, MULTIADDR_KIND_NONE, "webtransport" },
    { MULTIADDR_CERTHASH, -1, MULTIADDR_KIND_HASH, "certhash" },
    { MULTIADDR_WS, 0, MULTIADDR_KIND_NONE, "ws" },
    { MULTIADDR_WSS, 0, MULTIADDR_KIND_NONE, "wss" },
    { MULTIADDR_HTTP, 0, MULTIADDR_KIND_NONE, "http" },
    { MULTIADDR_HTTP_PATH, -1, MULTIADDR_KIND_ESCAPED, "http-path" },
    { MULTIADDR_MEMORY, 8, MULTIADDR_KIND_U64, "memory" },
};
/* clang-format on */
enum { PROTOCOL_COUNT = sizeof(protocols) / sizeof(protocols[0]), VALUE_MAX = MULTIADDR_SIZE_MAX };

const struct multiaddr_protocol *multiaddr_protocol_of(uint64_t code)
{
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (protocols[i].code == code)
            return &protocols[i];
    return NULL;
}

const struct multiaddr_protocol *multiaddr_protocol_named(const uint8_t *name, size_t n)
{
    for (size_t i = 0; i < PROTOCOL_COUNT; i++)
        if (span_eq(span_str(protocols[i].name), span_of(name, n)))
            return &protocols[i];
    return NULL;
}

/* A number without sign, space or leading zeros, at most max. */
static enum err parse_number(uint64_t *out, struct span text, uint64_t max)
{
    *out = 0;
    if (text.n == 0 || text.n > 20 || (text.n > 1 && text.p[0] == '0'))
        return ERR_FORMAT;
    for (size_t i = 0; i < text.n; i++) {
        uint64_t digit = (uint64_t)text.p[i] - '0';
        if (digit > 9 || *out > (max - digit) / 10)
            return ERR_FORMAT;
        *out = *out * 10 + digit;
    }
    return OK;
}

static enum err parse_ip(struct writer *w, int family, size_t size, struct span text)
{
    char buf[INET6_ADDRSTRLEN];
    uint8_t ip[16];
    if (text.n >= sizeof(buf) || memchr(text.p, 0, text.n) != NULL)
        return ERR_FORMAT;
    memcpy(buf, text.p, text.n);
    buf[text.n] = 0;
    if (inet_pton(family, buf, ip) != 1)
        return ERR_FORMAT;
    write_bytes(w, ip, size);
    return w->err;
}

static enum err parse_escaped(struct writer *w, struct span text)
{
    for (size_t i = 0; i < text.n; i++) {
        int high = 0, low = 0;
        if (text.p[i] != '%') {
            write_u8(w, text.p[i]);
            continue;
        }
        if (text.n - i < 3)
            return ERR_FORMAT;
        high = hex_digit((char)text.p[i + 1]);
        low = hex_digit((char)text.p[i + 2]);
        if (high < 0 || low < 0)
            return ERR_FORMAT;
        write_u8(w, (uint8_t)(high << 4 | low));
        i += 2;
    }
    return w->err;
}

/* The binary value of a protocol's text. What the rules of value_ok in multiaddr.c refuse is left
 * to them. */
static enum err parse_value(struct writer *w, enum multiaddr_kind kind, struct span text)
{
    uint64_t n = 0;
    switch (kind) {
    case MULTIADDR_KIND_NONE:
        return OK;
    case MULTIADDR_KIND_IP4:
        return parse_ip(w, AF_INET, 4, text);
    case MULTIADDR_KIND_IP6:
        return parse_ip(w, AF_INET6, 16, text);
    case MULTIADDR_KIND_PORT:
        TRY(parse_number(&n, text, UINT16_MAX));
        write_be16(w, (uint16_t)n);
        return w->err;
    case MULTIADDR_KIND_U8:
        TRY(parse_number(&n, text, UINT8_MAX));
        write_u8(w, (uint8_t)n);
        return w->err;
    case MULTIADDR_KIND_U64:
        TRY(parse_number(&n, text, UINT64_MAX));
        write_be64(w, n);
        return w->err;
    case MULTIADDR_KIND_PEER: {
        struct peer_id id;
        TRY(peer_id_parse(&id, text));
        write_span(w, peer_id_span(&id));
        return w->err;
    }
    case MULTIADDR_KIND_HASH: {
        uint8_t hash[128];
        size_t size = 0;
        TRY(multibase_parse(hash, &size, sizeof(hash), text));
        write_bytes(w, hash, size);
        return w->err;
    }
    case MULTIADDR_KIND_NAME:
    case MULTIADDR_KIND_PATH:
        write_span(w, text);
        return w->err;
    case MULTIADDR_KIND_ESCAPED:
        return parse_escaped(w, text);
    }
    return ERR_UNSUPPORTED;
}

/* The text up to the next slash, which is skipped. */
static struct span word(struct span *text)
{
    const uint8_t *slash = text->n == 0 ? NULL : memchr(text->p, '/', text->n);
    size_t n = slash == NULL ? text->n : (size_t)(slash - text->p);
    struct span out = span_sub(*text, 0, n);
    *text = span_sub(*text, n + 1, text->n);
    return out;
}

static enum err parse_part(struct multiaddr *a, struct span *rest)
{
    struct span name = word(rest);
    const struct multiaddr_protocol *p = multiaddr_protocol_named(name.p, name.n);
    if (p == NULL)
        return name.n == 0 ? ERR_FORMAT : ERR_UNSUPPORTED;
    struct span text = { 0 };
    if (p->kind == MULTIADDR_KIND_PATH) {
        /* The value begins with the slash that ended the name. */
        if (rest->n == 0)
            return ERR_FORMAT;
        text = span_of(rest->p - 1, rest->n + 1);
        *rest = span_sub(*rest, rest->n, 0);
    } else if (p->kind != MULTIADDR_KIND_NONE) {
        text = word(rest);
        if (text.n == 0)
            return ERR_FORMAT;
    }
    uint8_t value[VALUE_MAX];
    struct writer w = writer_of(value, sizeof(value));
    TRY(parse_value(&w, p->kind, text));
    return multiaddr_add(a, p->code, writer_span(&w));
}

enum err multiaddr_parse(struct multiaddr *out, struct span text)
{
    *out = (struct multiaddr){ 0 };
    if (text.n < 2 || text.p[0] != '/')
        return ERR_FORMAT;
    if (text.n >= MULTIADDR_TEXT_MAX)
        return ERR_LIMIT;
    struct multiaddr a = { 0 };
    struct span rest = span_sub(text, 1, text.n);
    while (rest.n != 0)
        TRY(parse_part(&a, &rest));
    *out = a;
    return OK;
}

static void print(struct writer *w, const char *text)
{
    write_span(w, span_str(text));
}

static void format_escaped(struct writer *w, struct span v)
{
    char buf[4];
    for (size_t i = 0; i < v.n; i++) {
        bool plain = (v.p[i] >= '0' && v.p[i] <= '9') || (v.p[i] >= 'A' && v.p[i] <= 'Z') ||
                     (v.p[i] >= 'a' && v.p[i] <= 'z') ||
                     (v.p[i] != 0 && strchr("-_.~$&+:=@", v.p[i]) != NULL);
        if (plain) {
            write_u8(w, v.p[i]);
        } else {
            (void)snprintf(buf, sizeof(buf), "%%%02X", v.p[i]);
            print(w, buf);
        }
    }
}

static void format_value(struct writer *w, enum multiaddr_kind kind, struct span v)
{
    char buf[MULTIBASE_TEXT_MAX(MULTIADDR_HASH_MAX + 20)] = { 0 };
    struct peer_id id;
    enum err e = OK;
    switch (kind) {
    case MULTIADDR_KIND_NONE:
        break;
    case MULTIADDR_KIND_IP4:
        print(w, inet_ntop(AF_INET, v.p, buf, sizeof(buf)));
        break;
    case MULTIADDR_KIND_IP6:
        print(w, inet_ntop(AF_INET6, v.p, buf, sizeof(buf)));
        break;
    case MULTIADDR_KIND_PORT:
        (void)snprintf(buf, sizeof(buf), "%u", (unsigned)(v.p[0] << 8 | v.p[1]));
        print(w, buf);
        break;
    case MULTIADDR_KIND_U8:
        (void)snprintf(buf, sizeof(buf), "%u", v.p[0]);
        print(w, buf);
        break;
    case MULTIADDR_KIND_U64:
        (void)snprintf(buf, sizeof(buf), "%" PRIu64, load_be64(v.p));
        print(w, buf);
        break;
    case MULTIADDR_KIND_PEER:
        e = peer_id_decode(&id, v);
        ASSERT(e == OK);
        peer_id_format(buf, &id);
        print(w, buf);
        break;
    case MULTIADDR_KIND_HASH:
        e = multibase_format(buf, sizeof(buf), MULTIBASE_64URL, v);
        ASSERT(e == OK);
        print(w, buf);
        break;
    case MULTIADDR_KIND_NAME:
        write_span(w, v);
        break;
    case MULTIADDR_KIND_PATH:
        write_span(w, span_sub(v, 1, v.n)); /* its slash stands already */
        break;
    case MULTIADDR_KIND_ESCAPED:
        format_escaped(w, v);
        break;
    }
}

void multiaddr_format(char out[MULTIADDR_TEXT_MAX], const struct multiaddr *a)
{
    uint8_t buf[MULTIADDR_TEXT_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    while (multiaddr_next(&r, &part)) {
        const struct multiaddr_protocol *p = multiaddr_protocol_of(part.code);
        ASSERT(p != NULL);
        print(&w, "/");
        print(&w, p->name);
        if (p->kind != MULTIADDR_KIND_NONE) {
            print(&w, "/");
            format_value(&w, p->kind, part.value);
        }
    }
    write_u8(&w, 0);
    ASSERT(r.err == OK && w.err == OK);
    memcpy(out, buf, w.len);
}
