/* gateway_names: where the gateway learns what a name stands for. */
#ifndef CRUST_API_GATEWAY_NAMES_H
#define CRUST_API_GATEWAY_NAMES_H

#include "codec/ipns.h"

enum {
    GATEWAY_VALUE_MAX = 1024, /* bytes of a name's value that are followed */
    GATEWAY_NAME_STEPS = 8,   /* names that lead to names */
};

/* What a DNSLink says. */
struct gateway_dnslink {
    char value[GATEWAY_VALUE_MAX]; /* "/ipfs/CID/path" or "/ipns/NAME/path" */
    uint32_t ttl_s;
};

/* Calls may come from several threads at once. */
struct gateway_names {
    void *ctx;

    /* Copies the newest valid record of the name; it has been verified. ERR_NOT_FOUND, ERR_LIMIT
     * (buf: IPNS_RECORD_MAX suffices), ERR_TIMEOUT. */
    enum err (*record)(void *ctx, size_t *size, struct mspan buf, const struct peer_id *name);

    /* The DNSLink of a domain in lower case. ERR_NOT_FOUND, ERR_TIMEOUT, ERR_FORMAT. */
    enum err (*dnslink)(void *ctx, struct gateway_dnslink *out, const char *domain);

    /* Whether requests for this host are for the site of its DNSLink. Never blocks. */
    bool (*is_site)(void *ctx, const char *host);
};

#endif
