/* ping: /ipfs/ping/1.0.0, both sides. docs/spec/p2p-streams.md 3. Pure. */
#ifndef CRUST_P2P_PING_H
#define CRUST_P2P_PING_H

#include "base/ring.h"

#define PING_ID "/ipfs/ping/1.0.0"

enum { PING_SIZE = 32, PING_TIMEOUT_MS = 10000 };

/* ping_answer is the listener's step: it sends whole groups back as far as out has room. Keeps no
 * state. */
void ping_answer(struct ring *in, struct ring *out);

/* The dialer: one question at a time. */
struct ping {
    uint8_t value[PING_SIZE];
    bool asked;        /* sent, and not answered yet */
    uint64_t asked_ms; /* when */
    uint64_t rtt_ms;   /* of the last answer */
    uint64_t count;    /* answers */
};

void ping_init(struct ping *p);

/* ping_ask sends 32 bytes that the peer cannot know. ERR_BUSY: one is under way; ERR_FULL: no room
 * in out. */
NODISCARD enum err ping_ask(struct ping *p, struct ring *out, const uint8_t value[PING_SIZE],
                            uint64_t now_ms);

/* ping_step looks for the answer. OK; ERR_FORMAT (other bytes than asked for, or unasked ones);
 * ERR_TIMEOUT. */
NODISCARD enum err ping_step(struct ping *p, struct ring *in, uint64_t now_ms);

#endif
