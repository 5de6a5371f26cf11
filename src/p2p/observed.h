/* observed: at which addresses others see us. One peer can say anything; what peers of several
 * networks say within a time counts. docs/spec/p2p-streams.md 2.9. Pure; fixed memory. */
#ifndef CRUST_P2P_OBSERVED_H
#define CRUST_P2P_OBSERVED_H

#include "base/span.h"

enum {
    OBSERVED_SLOTS = 32,  /* addresses that are remembered */
    OBSERVED_CONFIRM = 3, /* networks that must agree */
    OBSERVED_MS = 1800000,
};

struct observed_address {
    uint8_t ip[16];
    uint8_t size; /* of ip: 4 or 16; 0: a free slot */
    uint16_t port;
};

struct observed_slot {
    struct observed_address address;
    uint64_t used_ms;
    struct {
        uint64_t network; /* 0: none */
        uint64_t at_ms;
    } seen[OBSERVED_CONFIRM];
};

struct observed {
    struct observed_slot slots[OBSERVED_SLOTS];
};

/* observed_note: a peer at the address by says that we are at address. Peers of one IPv4 /16 or
 * IPv6 /32 are one network. Both have 4 or 16 bytes. */
void observed_note(struct observed *o, const struct observed_address *address, struct span by,
                   uint64_t now_ms);

/* The network of an address of 4 or 16 bytes: its IPv4 /16 or IPv6 /32; never 0. */
uint64_t observed_network(struct span ip);

/* The addresses that count now; returns their number, at most max. */
size_t observed_confirmed(const struct observed *o, struct observed_address *out, size_t max,
                          uint64_t now_ms);

#endif
