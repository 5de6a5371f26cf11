/* autonat_ask: one question to one peer: can this address of ours be reached? The peer dials it and
 * hands over a nonce there, so that it cannot claim to have. docs/spec/autonat.md 2. A machine over
 * the rings of its stream; pure.
 *
 *   each turn: autonat_ask_step(&a, in, out, now_ms), then autonat_ask_outcome(&a, now_ms)
 *   a nonce that somebody has brought: autonat_ask_back */
#ifndef CRUST_P2P_AUTONAT_ASK_H
#define CRUST_P2P_AUTONAT_ASK_H

#include "base/ring.h"
#include "codec/autonat.h"
#include "codec/multiaddr.h"

enum {
    AUTONAT_ASK_MS = 30000,       /* go-libp2p gives a server 15 s, of which a dial may take 10 */
    AUTONAT_ASK_BACK_MS = 5000,   /* how long the nonce may be on its way after the answer */
    AUTONAT_ASK_PAY_MAX = 100000, /* bytes that we give for a dial to another address */
    AUTONAT_ASK_IN = 1024,        /* of an answer */
    AUTONAT_ASK_OUT = AUTONAT_DATA_MAX + 16, /* what out has room for */
};

enum autonat_outcome {
    AUTONAT_ASK_OPEN,    /* not known yet */
    AUTONAT_ASK_YES,     /* the nonce was brought to this address */
    AUTONAT_ASK_NO,      /* nobody could be connected with there, the peer says */
    AUTONAT_ASK_NOTHING, /* no answer that tells anything */
};

struct autonat_ask {
    struct multiaddr address;
    uint64_t nonce, owed; /* owed: bytes of data that are still to be sent */
    uint64_t deadline_ms, back_by_ms;
    bool said, paid, answered, back;
    uint32_t status, dial;
    enum err err; /* sticks */
};

/* address: an IP address and a port. nonce: random, secret and not 0. */
void autonat_ask_init(struct autonat_ask *a, const struct multiaddr *address, uint64_t nonce,
                      uint64_t now_ms);

/* autonat_ask_step takes what has come and says what there is to say, as far as out has room.
 *
 * Returns: OK; ERR_LIMIT, ERR_FORMAT (an answer that breaks the rules, or wants more than
 *          AUTONAT_ASK_PAY_MAX); ERR_TIMEOUT. Then the stream is reset. Once answered is true it is
 *          closed. */
NODISCARD enum err autonat_ask_step(struct autonat_ask *a, struct ring *in, struct ring *out,
                                    uint64_t now_ms);

/* Somebody has connected and brought this nonce; four: by IPv4. True when it is the one of a, and
 * came by the protocol of its address. */
bool autonat_ask_back(struct autonat_ask *a, uint64_t nonce, bool four);

/* The stream is gone when err is not OK or ended is true. */
enum autonat_outcome autonat_ask_outcome(const struct autonat_ask *a, bool ended, uint64_t now_ms);

#endif
