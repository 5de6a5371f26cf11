#include "rt/netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const class_names[] = { "global",       "unspecified", "loopback",
                                           "private",      "shared",      "link-local",
                                           "unique-local", "multicast",   "reserved" };

const char *netaddr_class_name(enum netaddr_class c)
{
    return class_names[c];
}

struct v4_range {
    uint32_t prefix;
    uint8_t bits;
    enum netaddr_class class;
};

/* The first that matches counts. */
static const struct v4_range v4_ranges[] = {
    { 0x00000000, 8, NETADDR_UNSPECIFIED }, { 0x7f000000, 8, NETADDR_LOOPBACK },
    { 0x0a000000, 8, NETADDR_PRIVATE },     { 0xac100000, 12, NETADDR_PRIVATE },
    { 0xc0a80000, 16, NETADDR_PRIVATE },    { 0x64400000, 10, NETADDR_SHARED },
    { 0xa9fe0000, 16, NETADDR_LINK_LOCAL }, { 0xc0000000, 24, NETADDR_RESERVED },
    { 0xc0000200, 24, NETADDR_RESERVED },   { 0xc0586300, 24, NETADDR_RESERVED },
    { 0xc6120000, 15, NETADDR_RESERVED },   { 0xc6336400, 24, NETADDR_RESERVED },
    { 0xcb007100, 24, NETADDR_RESERVED },   { 0xe0000000, 4, NETADDR_MULTICAST },
    { 0xf0000000, 4, NETADDR_RESERVED },
};

enum netaddr_class netaddr_class_v4(const uint8_t ip[4])
{
    uint32_t v = load_be32(ip);
    for (size_t i = 0; i < sizeof(v4_ranges) / sizeof(v4_ranges[0]); i++) {
        if ((v ^ v4_ranges[i].prefix) >> (32 - v4_ranges[i].bits) == 0)
            return v4_ranges[i].class;
    }
    return NETADDR_GLOBAL;
}

static bool starts(const uint8_t ip[16], const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(ip, prefix, whole) != 0)
        return false;
    return bits % 8 == 0 || (ip[whole] ^ prefix[whole]) >> (8 - bits % 8) == 0;
}

static enum netaddr_class embedded_v4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    static const uint8_t compatible[12] = { 0 };
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    static const uint8_t six_to_four[2] = { 0x20, 0x02 };
    static const uint8_t teredo[4] = { 0x20, 0x01, 0, 0 };
    if (starts(ip, mapped, 96) || starts(ip, compatible, 96) || starts(ip, nat64, 96))
        return netaddr_class_v4(ip + 12);
    if (starts(ip, six_to_four, 16))
        return netaddr_class_v4(ip + 2);
    if (starts(ip, teredo, 32)) { /* the client's address stands inverted at the end */
        uint8_t v4[4];
        for (int i = 0; i < 4; i++)
            v4[i] = (uint8_t)~ip[12 + i];
        return netaddr_class_v4(v4);
    }
    return NETADDR_GLOBAL;
}

enum netaddr_class netaddr_class_v6(const uint8_t ip[16])
{
    static const uint8_t zero[16] = { 0 };
    static const uint8_t one[16] = { [15] = 1 };
    if (memcmp(ip, zero, 16) == 0)
        return NETADDR_UNSPECIFIED;
    if (memcmp(ip, one, 16) == 0)
        return NETADDR_LOOPBACK;
    if (ip[0] == 0xff)
        return NETADDR_MULTICAST;
    if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
        return NETADDR_LINK_LOCAL;
    if ((ip[0] & 0xfe) == 0xfc)
        return NETADDR_UNIQUE_LOCAL;
    enum netaddr_class inner = embedded_v4(ip);
    if (inner != NETADDR_GLOBAL)
        return inner;
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    if (starts(ip, nat64, 96) || starts(ip, mapped, 96))
        return NETADDR_GLOBAL;
    /* Only 2000::/3 is handed out for global unicast; in it, 2001:2::/48 is for benchmarks,
     * 2001:10::/28 and 2001:20::/28 name no places, 2001:db8::/32 and 3fff::/20 are for books. */
    if ((ip[0] & 0xe0) != 0x20)
        return NETADDR_RESERVED;
    static const struct {
        uint8_t prefix[6];
        unsigned bits;
    } reserved[] = {
        { { 0x20, 0x01, 0x00, 0x02, 0x00, 0x00 }, 48 },
        { { 0x20, 0x01, 0x00, 0x10 }, 28 },
        { { 0x20, 0x01, 0x00, 0x20 }, 28 },
        { { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
        { { 0x3f, 0xff, 0x00 }, 20 },
    };
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (starts(ip, reserved[i].prefix, reserved[i].bits))
            return NETADDR_RESERVED;
    }
    return NETADDR_GLOBAL;
}

enum netaddr_class netaddr_classify(const struct sockaddr *sa, socklen_t n)
{
    uint8_t ip[16];
    if (sa->sa_family == AF_INET && n >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        memcpy(ip, &in.sin_addr, 4);
        return netaddr_class_v4(ip);
    }
    if (sa->sa_family == AF_INET6 && n >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        memcpy(ip, &in6.sin6_addr, 16);
        return netaddr_class_v6(ip);
    }
    return NETADDR_RESERVED;
}

static enum err parse_port(uint16_t *out, const char *text)
{
    unsigned v = 0;
    size_t n = 0;
    for (; text[n] >= '0' && text[n] <= '9' && n < 6; n++)
        v = v * 10 + (unsigned)(text[n] - '0');
    if (n == 0 || n > 5 || text[n] != '\0' || v > 65535)
        return ERR_FORMAT;
    *out = (uint16_t)v;
    return OK;
}

enum err netaddr_parse(struct sockaddr_storage *out, socklen_t *n, const char *text)
{
    memset(out, 0, sizeof(*out));
    *n = 0;
    char host[INET6_ADDRSTRLEN + 1];
    bool six = text[0] == '[';
    const char *start = six ? text + 1 : text;
    const char *end = strchr(start, six ? ']' : ':');
    if (end == NULL || (size_t)(end - start) >= sizeof(host))
        return ERR_FORMAT;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    if (six && *++end != ':')
        return ERR_FORMAT;
    uint16_t port;
    TRY(parse_port(&port, end + 1));
    if (six) {
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        if (inet_pton(AF_INET6, host, &in6.sin6_addr) != 1)
            return ERR_FORMAT;
        memcpy(out, &in6, sizeof(in6));
        *n = sizeof(in6);
    } else {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
        if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
            return ERR_FORMAT;
        memcpy(out, &in, sizeof(in));
        *n = sizeof(in);
    }
    return OK;
}

void netaddr_format(char out[NETADDR_TEXT_MAX], const struct sockaddr *sa)
{
    char host[INET6_ADDRSTRLEN];
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
        snprintf(out, NETADDR_TEXT_MAX, "%s:%u", host, (unsigned)ntohs(in.sin_port));
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
        snprintf(out, NETADDR_TEXT_MAX, "[%s]:%u", host, (unsigned)ntohs(in6.sin6_port));
    } else {
        snprintf(out, NETADDR_TEXT_MAX, "?");
    }
}
