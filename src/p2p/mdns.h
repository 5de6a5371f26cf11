/* mdns: messages with which libp2p peers find each other on a local network: libp2p specs
 * discovery/mdns.md over codec/dns. docs/spec/mdns.md. Pure. */
#ifndef CRUST_P2P_MDNS_H
#define CRUST_P2P_MDNS_H

#include "codec/dns.h"
#include "codec/multiaddr.h"

#define MDNS_SERVICE "_p2p._udp.local"
#define MDNS_TYPES   "_services._dns-sd._udp.local"

enum {
    MDNS_NAME_SIZE = 40, /* of our name, 32 to 63 by the specification */
    MDNS_PEERS_MAX = 16, /* addresses of one message; more are left out */
    MDNS_TEXT_MAX = 255, /* of an address as text */
    MDNS_TTL_S = 120,
    MDNS_PORT = 5353,
};

/* What a message says. */
struct mdns_heard {
    bool asks_peers; /* who is there? */
    bool asks_types; /* which services are there? */
    size_t count;
    struct multiaddr list[MDNS_PEERS_MAX]; /* each ends with /p2p/ID */
};

/* mdns_read reads one message. Addresses that we cannot read, or that name no peer, are left out,
 * likewise those of the instance `own` (our name). A question asks nothing of us when its class is
 * not IN. Returns: OK; ERR_SHORT, ERR_FORMAT (malformed: nothing of it counts); ERR_LIMIT (too
 * long). */
NODISCARD enum err mdns_read(struct mdns_heard *out, struct span message, const char *own);

/* mdns_write_query asks who is there. */
void mdns_write_query(struct writer *w);

/* What we answer. */
struct mdns_self {
    char name[MDNS_NAME_SIZE + 1]; /* random letters and digits, new at each start */
    struct span ip;                /* of the interface, 4 bytes; some look for it, none uses it */
    uint16_t port;
    const struct multiaddr *list; /* count of them, each ending with /p2p/ID */
    size_t count;
};

/* mdns_write_answer says who we are; an address longer than MDNS_TEXT_MAX is left out. */
void mdns_write_answer(struct writer *w, const struct mdns_self *me);

/* mdns_write_types says that there is the service. */
void mdns_write_types(struct writer *w);

/* A name out of random bytes. */
void mdns_name(char out[MDNS_NAME_SIZE + 1], const uint8_t random[MDNS_NAME_SIZE]);

#endif
