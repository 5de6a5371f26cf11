/* identify_read: collects what a peer says of itself on an identify or push stream until it
 * finishes. docs/spec/p2p-streams.md 2. Pure; memory is the caller's. */
#ifndef CRUST_P2P_IDENTIFY_READ_H
#define CRUST_P2P_IDENTIFY_READ_H

#include "base/ring.h"
#include "codec/identify.h"

enum {
    IDENTIFY_READ_MEMORY = 16384, /* two whole messages, as go-libp2p sends at most */
    IDENTIFY_READ_MS = 10000,     /* a peer that takes longer is given up */
};

struct identify_read {
    struct mspan memory; /* kept: messages one behind the other */
    size_t used;
    uint32_t messages;
    struct identify id; /* borrows memory */
    bool done;          /* the stream has ended and id is whole */
    enum err err;
    uint64_t deadline_ms;
};

void identify_read_init(struct identify_read *r, struct mspan memory, uint64_t now_ms);

/* identify_read_step takes whole messages out of in; at_end: the peer sends nothing after them.
 *
 * Returns: OK; ERR_SHORT (it ended within a message, or without one); ERR_LIMIT (a message too
 * long, too many of them, memory); ERR_FORMAT; ERR_TIMEOUT. Not OK sticks. */
NODISCARD enum err identify_read_step(struct identify_read *r, struct ring *in, bool at_end,
                                      uint64_t now_ms);

#endif
