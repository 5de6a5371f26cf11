/* routing_filter: which records of Delegated Routing V1 a client wants, by the names of network and
 * of transfer protocols (IPIP-484). docs/spec/routing-v1.md 3. Pure. */
#ifndef CRUST_CODEC_ROUTING_FILTER_H
#define CRUST_CODEC_ROUTING_FILTER_H

#include "codec/routing_v1.h"

enum {
    ROUTING_FILTER_NAMES = 32, /* of one list */
    ROUTING_FILTER_NAME = 64,  /* bytes of a name with its NUL; the specification's 63 */
};

/* Names in lower case; none: everything passes. */
struct routing_filter {
    size_t count;
    char names[ROUTING_FILTER_NAMES][ROUTING_FILTER_NAME]; /* of addresses with their '!' */
};

/* routing_filter_parse reads a list with commas, as it is after percent-decoding. Empty names are
 * skipped. *out is zeroed on failure. ERR_LIMIT (too many, too long); ERR_FORMAT (a byte that is no
 * visible ASCII). */
NODISCARD enum err routing_filter_parse(struct routing_filter *out, struct span list);

/* routing_filter_apply takes the addresses out of *p that addrs does not want. False: the record is
 * not wanted; *p may have changed then. */
bool routing_filter_apply(struct routing_v1_peer *p, const struct routing_filter *addrs,
                          const struct routing_filter *protocols);

#endif
