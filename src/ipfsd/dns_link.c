#include "ipfsd/dns_link.h"

#include <stdio.h>
#include <stdlib.h>

static const char prefix[] = "dnslink=";

/* ---- answers -------------------------------------------------------------------------------- */

/* Joins the strings of a TXT record; false when it is no link that we could follow. */
static bool take_text(char out[GATEWAY_VALUE_MAX], struct span data)
{
    uint8_t text[GATEWAY_VALUE_MAX + sizeof(prefix)];
    struct writer w = writer_of(text, sizeof(text));
    struct reader r = reader_of(data);
    struct span string;
    while (dns_text(&r, &string))
        write_span(&w, string);
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

static void take_record(struct gateway_dnslink *out, const struct dns_record *rr)
{
    char value[GATEWAY_VALUE_MAX];
    if (rr->section != DNS_ANSWERS || rr->type != DNS_TXT || rr->class != DNS_IN ||
        !take_text(value, rr->data))
        return;
    if (out->value[0] != '\0' && strcmp(out->value, value) <= 0)
        return;
    memcpy(out->value, value, sizeof(value));
    /* SPEC RFC 2181 8: a TTL with the highest bit set counts as zero. */
    out->ttl_s = rr->ttl_s == 0 || rr->ttl_s > INT32_MAX ? 1 : rr->ttl_s;
}

static enum err parse(struct gateway_dnslink *out, struct span message)
{
    struct dns_message m;
    struct dns_record rr;
    TRY(dns_open(&m, message));
    while (dns_next(&m, &rr))
        take_record(out, &rr);
    TRY(m.r.err);
    bool none = (m.flags & DNS_CODE_BITS) == DNS_CODE_NO_NAME || out->value[0] == '\0';
    return none ? ERR_NOT_FOUND : OK;
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

enum err dns_link_query(struct gateway_dnslink *out, const char *domain,
                        const struct dns_server *server)
{
    char name[DNS_NAME_MAX + sizeof("_dnslink.")];
    struct mspan answer;
    *out = (struct gateway_dnslink){ 0 };
    if (snprintf(name, sizeof(name), "_dnslink.%s", domain) > DNS_NAME_MAX)
        return ERR_LIMIT;
    TRY(dns_ask(&answer, name, DNS_TXT, server));
    enum err e = dns_link_parse(out, span_of(answer.p, answer.n));
    free(answer.p);
    return e;
}
