/* conn: one connection to a peer, from its first byte on: the upgrade, yamux, and for each stream
 * the agreement on a protocol. docs/spec/upgrade.md 3. A machine over rings
 * (docs/design/protocol-machines.md).
 *
 *   each turn:  conn_step(&c, net_in, net_out, now_ms)
 *               while (conn_event(&c, &ev)) ...
 *               conn_peek, conn_drop, conn_write, conn_finish, conn_close
 *               conn_step again, which sends what was written */
#ifndef CRUST_P2P_CONN_H
#define CRUST_P2P_CONN_H

#include "p2p/upgrade.h"
#include "p2p/yamux.h"

enum {
    CONN_TALKS = 16, /* streams whose protocol is being agreed on; more of the peer's are reset */
    CONN_TALK_MS = 10000, /* as js-libp2p: how long that may take */
    CONN_ID_MAX = 100,    /* of our protocol ids, a byte for each length and newline beside it */
    CONN_TALK_OUT = 256,
};

/* A stream before its protocol is agreed on. */
struct conn_talk {
    bool used, ours, over; /* over: its outcome is to be told */
    bool refused;
    uint32_t stream;
    uint64_t deadline_ms;
    const char *offer; /* of ours */
    struct multistream m;
    struct ring in, out;
    uint8_t in_memory[MULTISTREAM_FRAME_MAX], out_memory[CONN_TALK_OUT];
};

struct conn_config {
    struct upgrade_config upgrade;
    struct yamux_config yamux;
    struct yamux_pool *pool;   /* kept */
    const char *const *served; /* protocol ids that we answer; kept */
    size_t served_count;       /* at least 1 */
};

/* Stays where it is until conn_fini. */
struct conn {
    struct conn_config config;
    enum err err; /* sticks */
    bool muxed, told;
    struct upgrade upgrade;
    struct yamux yamux;
    struct ring app_in, app_out; /* the owner attaches UPGRADE_APP_SIZE bytes to each */
    uint64_t now_ms;             /* of the last step */
    struct conn_talk talks[CONN_TALKS];
};

/* conn_init begins the upgrade; random as for upgrade_init. Call conn_fini at the end. */
void conn_init(struct conn *c, const struct conn_config *config,
               const uint8_t random[UPGRADE_RANDOM_SIZE]);

/* conn_fini gives back streams and wipes keys; the memory of app_in and app_out is the owner's. */
void conn_fini(struct conn *c);

/* conn_step moves bytes as far as they go. All four rings have memory.
 * Returns: OK; ERR_CLOSED (the peer has ended its side); as upgrade_step and yamux_step. Sticks. */
NODISCARD enum err conn_step(struct conn *c, struct ring *net_in, struct ring *net_out,
                             uint64_t now_ms);

/* When conn_step wants to be called at the latest; 0: never. */
uint64_t conn_deadline(const struct conn *c);

enum conn_kind {
    CONN_READY,   /* encrypted, muxed: upgrade_peer tells who it is */
    CONN_OPENED,  /* the peer's stream: protocol is the index in served; bytes may be there already
                   */
    CONN_AGREED,  /* our stream: the peer speaks it; bytes may be there already */
    CONN_REFUSED, /* our stream: it does not; the stream is gone */
    CONN_STREAM,  /* what happened to an agreed stream: YAMUX_READABLE and so on */
};

struct conn_event {
    enum conn_kind kind;
    uint32_t stream;
    size_t protocol;     /* of CONN_OPENED */
    uint8_t what;        /* of CONN_STREAM */
    uint32_t reset_code; /* with YAMUX_RESET */
};

/* conn_event takes the next event; false: none. */
bool conn_event(struct conn *c, struct conn_event *ev);

/* conn_open begins a stream for a protocol that we think the peer speaks. Bytes may be written at
 * once, behind the offer; nothing is read before CONN_AGREED.
 * Returns: OK; ERR_STATE (not ready); ERR_LIMIT, ERR_CLOSED, ERR_BUSY as yamux_open; ERR_BUSY (too
 * many agreements under way, or no room now). id is kept; at most CONN_ID_MAX bytes (asserted). */
NODISCARD enum err conn_open(struct conn *c, const char *id, uint32_t *stream);

/* The calls of yamux.h for streams of this connection. */
NODISCARD enum err conn_write(struct conn *c, uint32_t stream, struct span data, size_t *taken);
struct span conn_peek(const struct conn *c, uint32_t stream);
void conn_drop(struct conn *c, uint32_t stream, size_t n);
bool conn_at_end(const struct conn *c, uint32_t stream);
void conn_finish(struct conn *c, uint32_t stream);
void conn_close(struct conn *c, uint32_t stream);
void conn_reset(struct conn *c, uint32_t stream);

static inline bool conn_ready(const struct conn *c)
{
    return c->muxed;
}

/* conn_leave says farewell: no new streams, and the channel's own end. net_out is to be sent. */
void conn_leave(struct conn *c, struct ring *net_in, struct ring *net_out);

#endif
