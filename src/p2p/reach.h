/* reach: which of our addresses the world can reach, by what peers of several networks have found
 * out for us (autonat_ask). docs/spec/autonat.md 4. Pure; fixed memory. */
#ifndef CRUST_P2P_REACH_H
#define CRUST_P2P_REACH_H

#include "codec/multiaddr.h"

enum {
    REACH_ADDRESSES = 16,
    REACH_OUTCOMES = 5,         /* the newest of an address that count */
    REACH_SURE = 2,             /* networks by which yes and no must differ for a verdict */
    REACH_ENOUGH = 3,           /* when nobody else is asked for the time being */
    REACH_AGAIN_MS = 3600000,   /* an address that can be reached is asked for again */
    REACH_AGAIN_NO_MS = 600000, /* one that cannot, or that nobody is sure of */
    REACH_FORGET_MS = 5 * REACH_AGAIN_MS,
};

#define REACH_NONE UINT32_MAX

enum reach_verdict { REACH_UNKNOWN, REACH_YES, REACH_NO };

struct reach_outcome {
    uint64_t network; /* of who found out; not 0 */
    struct peer_id who;
    uint64_t at_ms;
    bool good;
};

struct reach_address {
    struct multiaddr address;
    uint32_t asking; /* questions under way */
    uint32_t count;
    struct reach_outcome outcomes[REACH_OUTCOMES]; /* oldest first, of different networks */
};

struct reach {
    uint32_t count;
    struct reach_address list[REACH_ADDRESSES];
};

/* reach_set: these are the addresses now, at most REACH_ADDRESSES; what is known of those that stay
 * is kept. True when something has changed: indices are void then, and questions under way are told
 * with reach_note by their address. */
bool reach_set(struct reach *r, const struct multiaddr *list, size_t count);

/* The index of an address; REACH_NONE. */
uint32_t reach_find(const struct reach *r, const struct multiaddr *a);

/* reach_next: for which address a server of this network is to be asked now; REACH_NONE. */
uint32_t reach_next(const struct reach *r, uint64_t network, uint64_t now_ms);

/* A question for address i begins, and one for a is over (outcomes come by reach_note). */
void reach_begin(struct reach *r, uint32_t i);
void reach_over(struct reach *r, const struct multiaddr *a);

/* A peer has found out something; of each network the newest counts. An unknown address is ignored.
 */
void reach_note(struct reach *r, const struct multiaddr *a, const struct reach_outcome *o);

enum reach_verdict reach_verdict(const struct reach *r, uint32_t i, uint64_t now_ms);

#endif
