/* names: what names under /ipns/ stand for on this node: signed records, from a folder and from
 * whoever calls names_put, and DNSLinks, from the settings.
 *
 * The folder holds files KEY.ipns-record (what follows a '_' in KEY is not looked at); it is read
 * when it has changed, at most once a second. Every record is verified before it counts; of two
 * for one name the newer one counts. Memory is bounded by NAMES_MAX. Any thread. */
#ifndef CRUST_IPFSD_NAMES_H
#define CRUST_IPFSD_NAMES_H

#include "api/gateway_names.h"

enum {
    NAMES_MAX = 4096,       /* records */
    NAMES_LINKS_MAX = 256,  /* DNSLinks in the settings */
    NAMES_DOMAIN_MAX = 254, /* with its NUL */
};

struct names;

struct names_options {
    const char *folder;   /* NULL: none; it need not be there */
    const char *dnslinks; /* "example.org:/ipfs/CID,other.org:/ipns/NAME"; NULL: none */
    int64_t now_s;        /* 0: the clock; else always this time (tests) */
};

/* names_open: ERR_FORMAT (a DNSLink that is not "DOMAIN:/ipfs/..." or "DOMAIN:/ipns/..."),
 * ERR_LIMIT, ERR_MEMORY. The options are copied. */
NODISCARD enum err names_open(struct names **out, const struct names_options *o);
void names_close(struct names *n); /* NULL is fine */

/* names_put takes a record. OK, also when a newer one is there; ERR_FULL; else why it is not valid,
 * as ipns_decode and ipns_verify. */
NODISCARD enum err names_put(struct names *n, const struct peer_id *name, struct span record);

/* As struct gateway_names describes them. Neither blocks beyond a look at the folder. */
NODISCARD enum err names_record(struct names *n, size_t *size, struct mspan buf,
                                const struct peer_id *name);
NODISCARD enum err names_dnslink(struct names *n, struct gateway_dnslink *out, const char *domain);

/* The same for api/gateway; valid until names_close. */
struct gateway_names names_gateway(struct names *n);

#endif
