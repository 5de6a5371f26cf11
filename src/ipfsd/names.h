/* names: what names under /ipns/ stand for on this node: signed records, from a folder and from
 * whoever calls names_put, and DNSLinks, from the settings and, if wanted, from the DNS.
 *
 * The folder holds files KEY.ipns-record (what follows a '_' in KEY is not looked at); it is read
 * when it has changed, at most once a second. Every record is verified before it counts; of two
 * for one name the newer one counts. What the DNS says is kept for its TTL, at most a day; that it
 * says nothing, for half a minute. Memory is bounded by the limits below. Any thread. */
#ifndef CRUST_IPFSD_NAMES_H
#define CRUST_IPFSD_NAMES_H

#include "ipfsd/dns_link.h"

enum {
    NAMES_MAX = 4096,       /* records */
    NAMES_LINKS_MAX = 256,  /* DNSLinks in the settings */
    NAMES_CACHE = 256,      /* domains that the DNS was asked for */
    NAMES_DOMAIN_MAX = 254, /* with its NUL */
};

struct names;

struct names_options {
    const char *folder;   /* NULL: none; it need not be there */
    const char *dnslinks; /* "a.org:/ipfs/CID,b.org:/ipns/NAME,c.org"; NULL: none. c.org is a site
                             whose link is in the DNS */
    bool dns;             /* ask the DNS for other domains too */
    struct dns_server server; /* zero: the system's resolvers */
    int64_t now_s;            /* 0: the clock; else always this time (tests) */
};

/* names_open: ERR_FORMAT (a DNSLink that is not "DOMAIN:/ipfs/..." or "DOMAIN:/ipns/..."),
 * ERR_LIMIT, ERR_MEMORY. The options are copied. */
NODISCARD enum err names_open(struct names **out, const struct names_options *o);
void names_close(struct names *n); /* NULL is fine */

/* names_put takes a record. OK, also when a newer one is there; ERR_FULL; else why it is not valid,
 * as ipns_decode and ipns_verify. */
NODISCARD enum err names_put(struct names *n, const struct peer_id *name, struct span record);

/* names_own takes a record that this node publishes: as names_put, and others are not asked for
 * that name any more, until names_disown. */
NODISCARD enum err names_own(struct names *n, const struct peer_id *name, struct span record);
void names_disown(struct names *n, const struct peer_id *name);

/* names_finder sets who is asked for records that others have: fn may block, OK: a record. What it
 * found is asked for again after its TTL, a minute to an hour; what it did not, after half a
 * minute. Before threads call names_find. */
typedef enum err (*names_find_fn)(void *ctx, size_t *size, struct mspan buf,
                                  const struct peer_id *name);
void names_finder(struct names *n, names_find_fn fn, void *ctx);

/* names_find asks for a record of this name, when there is somebody to ask and it was not asked
 * lately; it blocks then. names_record gives what is here afterwards. */
void names_find(struct names *n, const struct peer_id *name);
bool names_find_due(struct names *n, const struct peer_id *name); /* it would ask now */

/* As struct gateway_names describes them. Only names_dnslink blocks, for seconds, and only when it
 * may wait; else it knows what is here. */
NODISCARD enum err names_record(struct names *n, size_t *size, struct mspan buf,
                                const struct peer_id *name);
NODISCARD enum err names_dnslink(struct names *n, struct gateway_dnslink *out, const char *domain,
                                 bool wait);
bool names_is_site(const struct names *n, const char *host);

#endif
