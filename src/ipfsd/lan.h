/* lan: finds libp2p peers on the local network by multicast DNS, and is found. docs/spec/mdns.md.
 * IPv4. On the loop's thread.
 *
 * Nothing that a packet says can lead a dial elsewhere: only an address whose IP is that of the
 * packet's sender is dialled, and only packets that no router has passed on are read. */
#ifndef CRUST_IPFSD_LAN_H
#define CRUST_IPFSD_LAN_H

#include "ipfsd/swarm.h"

enum {
    LAN_TICK_MS = 50,
    LAN_ASK_FIRST_MS = 1000, /* doubled after each question, up to: */
    LAN_ASK_LAST_MS = 60000,
    LAN_ANSWER_MS = 100, /* at most before an answer, so that not all answer at once; RFC 6762 6 */
    LAN_QUIET_MS = 1000, /* between two answers, RFC 6762 6 */
    LAN_JOIN_MS = 10000, /* between two looks at the interfaces */
    LAN_DIALS_MAX = 32,  /* peers that were found here are remembered, and dialled at most */
    LAN_REDIAL_MS = 60000, /* each so often */
    LAN_READS_EACH = 16,   /* packets in one turn */
};

struct lan;

struct lan_figures {
    uint64_t packets, refused, questions, answers, dials;
};

/* lan_open begins to ask. s is kept. ERR_EXISTS (another program holds the port alone), ERR_IO,
 * ERR_MEMORY. */
NODISCARD enum err lan_open(struct lan **out, struct loop *l, struct swarm *s,
                            const struct peer_id *self);

void lan_figures(const struct lan *n, struct lan_figures *out);

/* Before the swarm is closed. NULL is fine. */
void lan_close(struct lan *n);

#endif
