#include "ipfsd/dns_link.h"
#include "base/reader.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TYPE_TXT = 16,
    CLASS_IN = 1,
    RCODE_NAME = 3, /* no such name */
    QUERY_MAX = 280,
    WAIT_S = 3,
    TRIES = 2,
};

static const char prefix[] = "dnslink=";

/* ---- answers -------------------------------------------------------------------------------- */

/* Passes a name: labels up to an empty one, or up to a pointer to more of it. */
static void skip_name(struct reader *r)
{
    while (r->err == OK) {
        uint8_t n = read_u8(r);
        if (n >= 0xc0) {
            (void)read_u8(r);
            return;
        }
        reader_require(r, n < 0x40, ERR_FORMAT);
        if (n == 0)
            return;
        (void)read_span(r, n);
    }
}

/* Joins the strings of a TXT record; false when it is no link that we could follow. */
static bool take_text(char out[GATEWAY_VALUE_MAX], struct span data)
{
    uint8_t text[GATEWAY_VALUE_MAX + sizeof(prefix)];
    struct writer w = writer_of(text, sizeof(text));
    struct reader r = reader_of(data);
    while (r.n > 0 && r.err == OK)
        write_span(&w, read_span(&r, read_u8(&r)));
    size_t skip = sizeof(prefix) - 1;
    if (r.err != OK || w.err != OK || w.len <= skip || memcmp(text, prefix, skip) != 0)
        return false;
    struct span value = span_of(text + skip, w.len - skip);
    while (value.n > 0 && value.p[value.n - 1] == ' ')
        value.n--;
    if (value.n >= GATEWAY_VALUE_MAX || memchr(value.p, '\0', value.n) != NULL)
        return false;
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return strncmp(out, "/ipfs/", 6) == 0 || strncmp(out, "/ipns/", 6) == 0;
}

static void take_record(struct gateway_dnslink *out, struct reader *r)
{
    char value[GATEWAY_VALUE_MAX];
    skip_name(r);
    uint16_t type = read_be16(r), class = read_be16(r);
    uint32_t ttl = read_be32(r);
    struct span data = read_span(r, read_be16(r));
    if (r->err != OK || type != TYPE_TXT || class != CLASS_IN || !take_text(value, data))
        return;
    if (out->value[0] != '\0' && strcmp(out->value, value) <= 0)
        return;
    memcpy(out->value, value, sizeof(value));
    /* SPEC RFC 2181 8: a TTL with the highest bit set counts as zero. */
    out->ttl_s = ttl == 0 || ttl > INT32_MAX ? 1 : ttl;
}

static enum err parse(struct gateway_dnslink *out, struct span message)
{
    struct reader r = reader_of(message);
    (void)read_be16(&r);
    uint16_t flags = read_be16(&r), questions = read_be16(&r), answers = read_be16(&r);
    (void)read_be32(&r); /* the other sections, which follow */
    for (uint16_t i = 0; i < questions && r.err == OK; i++) {
        skip_name(&r);
        (void)read_be32(&r);
    }
    for (uint16_t i = 0; i < answers && r.err == OK; i++)
        take_record(out, &r);
    TRY(r.err);
    return (flags & 15) == RCODE_NAME || out->value[0] == '\0' ? ERR_NOT_FOUND : OK;
}

enum err dns_link_parse(struct gateway_dnslink *out, struct span message)
{
    *out = (struct gateway_dnslink){ 0 };
    enum err e = parse(out, message);
    if (e != OK)
        *out = (struct gateway_dnslink){ 0 };
    return e;
}

/* ---- questions ------------------------------------------------------------------------------ */

static enum err ask(struct __res_state *state, uint8_t *message, size_t *n, const char *name)
{
    int size = res_nquery(state, name, ns_c_in, ns_t_txt, message, DNS_LINK_MESSAGE_MAX);
    *n = size < 0 ? 0 : (size_t)size;
    if (size >= 0)
        return *n > DNS_LINK_MESSAGE_MAX ? ERR_FORMAT : OK;
    return state->res_h_errno == HOST_NOT_FOUND || state->res_h_errno == NO_DATA ? ERR_NOT_FOUND
                                                                                 : ERR_TIMEOUT;
}

enum err dns_link_query(struct gateway_dnslink *out, const char *domain,
                        const struct dns_link_server *server)
{
    char name[QUERY_MAX];
    struct __res_state state = { 0 };
    size_t n;
    *out = (struct gateway_dnslink){ 0 };
    if (snprintf(name, sizeof(name), "_dnslink.%s", domain) > 254)
        return ERR_LIMIT;
    if (res_ninit(&state) != 0)
        return ERR_IO;
    state.retrans = WAIT_S;
    state.retry = TRIES;
    if (server->port != 0) {
        state.nscount = 1;
        state.nsaddr_list[0] =
            (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(server->port) };
        memcpy(&state.nsaddr_list[0].sin_addr, server->ip, 4);
    }
    uint8_t *message = malloc(DNS_LINK_MESSAGE_MAX);
    enum err e = message == NULL ? ERR_MEMORY : ask(&state, message, &n, name);
    if (e == OK)
        e = dns_link_parse(out, span_of(message, n));
    free(message);
    res_nclose(&state);
    return e;
}
