#include "codec/routing_filter.h"

#include "codec/multiaddr_table.h"

static bool has_name(const struct routing_filter *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->names[i], name) == 0)
            return true;
    return false;
}

static enum err take(struct routing_filter *f, struct span name)
{
    if (name.n == 0)
        return OK;
    if (f->count == ROUTING_FILTER_NAMES || name.n >= ROUTING_FILTER_NAME)
        return ERR_LIMIT;
    char *out = f->names[f->count++];
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        if (c <= ' ' || c > '~')
            return ERR_FORMAT;
        /* SPEC routing-v1 3.1: "Case makes no difference" */
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    out[name.n] = '\0';
    return OK;
}

enum err routing_filter_parse(struct routing_filter *out, struct span list)
{
    enum err e = OK;
    *out = (struct routing_filter){ 0 };
    while (e == OK && list.n > 0) {
        const uint8_t *comma = memchr(list.p, ',', list.n);
        size_t n = comma == NULL ? list.n : (size_t)(comma - list.p);
        e = take(out, span_sub(list, 0, n));
        list = span_sub(list, n + 1, list.n);
    }
    if (e != OK)
        *out = (struct routing_filter){ 0 };
    return e;
}

/* ---- addresses ----------------------------------------------------------------------------------
 */

/* Whether a protocol of this name stands in the address. */
static bool has_protocol(const struct multiaddr *a, const char *name)
{
    struct reader r = reader_of(multiaddr_span(a));
    struct multiaddr_part part;
    while (multiaddr_next(&r, &part)) {
        const struct multiaddr_protocol *p = multiaddr_protocol_of(part.code);
        if (p != NULL && strcmp(p->name, name) == 0)
            return true;
    }
    return false;
}

/* SPEC routing-v1 3.3: "An address stays when it has none of the names behind a `!`, and at least
 * one of the others where there are others" */
static bool addr_stays(const struct routing_filter *f, const struct multiaddr *a)
{
    bool wanted = false, others = false;
    for (size_t i = 0; i < f->count; i++) {
        const char *name = f->names[i];
        if (name[0] == '!' && has_protocol(a, name + 1))
            return false;
        if (name[0] == '!' || strcmp(name, "unknown") == 0)
            continue;
        others = true;
        wanted = wanted || has_protocol(a, name);
    }
    return wanted || !others;
}

static bool addrs_pass(struct routing_v1_peer *p, const struct routing_filter *f)
{
    uint32_t kept = 0;
    if (f->count == 0 || (p->addr_count == 0 && has_name(f, "unknown")))
        return true;
    for (uint32_t i = 0; i < p->addr_count; i++)
        if (addr_stays(f, &p->addrs[i]))
            p->addrs[kept++] = p->addrs[i];
    p->addr_count = kept;
    return kept > 0;
}

/* SPEC routing-v1 3.2: "A record stays, with all its protocols" */
static bool protocols_pass(const struct routing_v1_peer *p, const struct routing_filter *f)
{
    return f->count == 0 || (p->bitswap && has_name(f, "transport-bitswap")) ||
           (p->http && has_name(f, "transport-ipfs-gateway-http")) ||
           (!p->bitswap && !p->http && has_name(f, "unknown"));
}

bool routing_filter_apply(struct routing_v1_peer *p, const struct routing_filter *addrs,
                          const struct routing_filter *protocols)
{
    return protocols_pass(p, protocols) && addrs_pass(p, addrs);
}
