/* autonat_serve: one request of a peer that we dial it back, and the limits of all of them.
 * docs/spec/autonat.md 3. A machine over the rings of its stream; pure: the owner dials.
 *
 *   reading -> [paying -> pausing ->] dial -> dialling -> said
 *          \-> said (refused, rejected)      ^ autonat_serve_dialled */
#ifndef CRUST_P2P_AUTONAT_SERVE_H
#define CRUST_P2P_AUTONAT_SERVE_H

#include "base/ring.h"
#include "codec/autonat.h"
#include "codec/multiaddr.h"

enum {
    AUTONAT_SERVE_MS = 15000,      /* for all that the asker has to do, as go-libp2p */
    AUTONAT_SERVE_DIAL_MS = 15000, /* for the dial and the nonce */
    AUTONAT_SERVE_PAUSE_MS = 3000, /* at most so long is a paid dial put off */
    AUTONAT_SERVE_PAY_MIN = 30000, /* bytes for a dial to another IP address than the asker's */
    AUTONAT_SERVE_PAY_MAX = 100000,
    AUTONAT_SERVE_DATA_MIN = 100, /* bytes in a message of data that is not the last */
    AUTONAT_SERVE_MINUTE = 60,    /* requests a minute of all */
    AUTONAT_SERVE_EACH = 12,      /* of one IP address */
    AUTONAT_SERVE_PAID = 12,      /* that need data */
    AUTONAT_SERVE_IN = AUTONAT_MESSAGE_MAX + 8, /* sizes of the rings */
    AUTONAT_SERVE_OUT = 64,
};

/* What was asked in the last minute. Zeroed at the beginning. */
struct autonat_limits {
    struct {
        uint8_t ip[16];
        uint64_t until_ms;
    } asked[AUTONAT_SERVE_MINUTE];
    uint64_t paid_until_ms[AUTONAT_SERVE_PAID];
};

struct autonat_policy {
    struct autonat_limits *limits;
    /* Whether an address may be dialled at all. */
    bool (*may)(void *ctx, const struct multiaddr_tcp *t);
    void *ctx;
};

enum autonat_serve_state {
    AUTONAT_SERVE_READING,
    AUTONAT_SERVE_PAYING,
    AUTONAT_SERVE_PAUSING,
    AUTONAT_SERVE_DIAL, /* the owner dials address now, brings the nonce, and says how it went */
    AUTONAT_SERVE_SAID, /* the answer is in out: the stream is closed once it is sent */
};

struct autonat_serve {
    enum autonat_serve_state state;
    struct multiaddr address; /* IP/tcp/PORT without a peer */
    uint32_t index;           /* of it in the request */
    uint64_t nonce, owed;
    uint64_t at_ms, deadline_ms;
    uint32_t random;
    uint8_t ip[16]; /* the asker's */
    uint8_t ip_size;
};

/* ip: 4 or 16 bytes, where the request comes from; random: any. */
void autonat_serve_init(struct autonat_serve *s, struct span ip, uint32_t random, uint64_t now_ms);

/* Returns: OK; ERR_FORMAT, ERR_LIMIT (the asker breaks the rules), ERR_FULL (no room in out, which
 * is never when it began empty), ERR_TIMEOUT. Then the stream is reset and the dial given up. */
NODISCARD enum err autonat_serve_step(struct autonat_serve *s, const struct autonat_policy *p,
                                      struct ring *in, struct ring *out, uint64_t now_ms);

/* How the dial of AUTONAT_SERVE_DIAL went: AUTONAT_UNREACHED, AUTONAT_BACK_FAILED, AUTONAT_REACHED.
 * ERR_FULL as above. */
NODISCARD enum err autonat_serve_dialled(struct autonat_serve *s, struct ring *out,
                                         enum autonat_dial how);

/* autonat_serve_reject answers that it will not be now, whatever was asked. ERR_FULL. */
NODISCARD enum err autonat_serve_reject(struct autonat_serve *s, struct ring *out);

#endif
