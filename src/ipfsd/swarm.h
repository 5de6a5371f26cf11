/* swarm: the node's libp2p connections: sockets on the loop around the machines of p2p/conn, behind
 * the caps, rates and lists of p2p/gate. Design: docs/design/swarm.md.
 *
 * It answers ping and identify itself and asks each new peer who it is. Other protocols register;
 * their streams are written with swarm_write, ended with swarm_end, and else used through the calls
 * of p2p/conn.h on swarm_conn, then swarm_kick.
 *
 * All memory is taken when it is opened: a connection costs about 16 KiB, and while bytes are under
 * way up to four buffers of 64 KiB out of a pool that all share. On the loop's thread. */
#ifndef CRUST_IPFSD_SWARM_H
#define CRUST_IPFSD_SWARM_H

#include "codec/identify.h"
#include "codec/multiaddr.h"
#include "p2p/conn.h"
#include "p2p/gate.h"
#include "rt/loop.h"

enum {
    SWARM_LISTEN_MAX = 8,
    SWARM_PROTOCOLS_MAX = 14,   /* besides ping and identify */
    SWARM_BUFFERS_DEFAULT = 96, /* 6 MiB */
    SWARM_DIAL_MS = 10000,      /* for the TCP connection alone */
    SWARM_STALL_MS = 60000,     /* how long a peer may hold a buffer without anything moving */
    SWARM_ANNOUNCE_MAX = 16,    /* addresses of ours */
    SWARM_LABEL_MAX = 127,      /* bytes */
    SWARM_DIALS = 128,          /* whose outcome is remembered */
};

struct swarm;

/* Called for events of streams of one protocol: CONN_OPENED, CONN_AGREED, CONN_REFUSED,
 * CONN_STREAM; and for a connection that goes while streams are open, by gone. */
typedef void (*swarm_stream_fn)(void *ctx, uint32_t connection, const struct conn_event *ev);

struct swarm_protocol {
    const char *id;
    swarm_stream_fn fn;
    void *ctx;
};

struct swarm_options {
    const struct ed25519_key *identity;        /* kept */
    struct multiaddr listen[SWARM_LISTEN_MAX]; /* IP and port; port 0: any */
    size_t listen_count;
    /* What peers are told instead of the addresses that are found; none: those. Names are fine. */
    struct multiaddr announce[SWARM_LISTEN_MAX];
    size_t announce_count;
    struct gate_limits limits;
    uint32_t buffers, streams, chunks; /* 0: defaults */
    uint64_t down_per_s, up_per_s;     /* bytes of all connections together; 0: no limit */
    bool noise, tls, prefer_tls, early_muxer;
    bool allow_private; /* dial other than global addresses */
    const char *agent;  /* kept; what identify says we are */
    struct swarm_protocol protocols[SWARM_PROTOCOLS_MAX];
    size_t protocol_count;
    /* Each may be NULL. A peer is connected, has told who it is (borrowed), is gone. */
    void (*on_peer)(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound);
    void (*on_identity)(void *ctx, uint32_t connection, const struct identify *id);
    void (*on_gone)(void *ctx, uint32_t connection, enum err why);
    void (*on_pong)(void *ctx, uint32_t connection, uint32_t took_us); /* of swarm_ping */
    /* Of swarm_dial_back: OK when it is ready, else why it is no more. */
    void (*on_back)(void *ctx, uint32_t connection, enum err why);
    /* Whether an address at which peers see us may be told; NULL: once three networks agree. */
    bool (*may_tell)(void *ctx, const struct multiaddr *a);
    void *ctx;
};

/* What has happened since it was opened. */
struct swarm_figures {
    uint32_t connections, ready, inbound, buffers_free;
    uint64_t accepted, refused, dialled, dials_failed, upgrades_failed, trimmed;
    uint64_t bytes_in, bytes_out;
};

/* swarm_open listens. The options are copied.
 * Returns: OK, ERR_EXISTS (a port is taken), ERR_DENIED, ERR_UNSUPPORTED (an address that is no
 *          IP/tcp), ERR_MEMORY, ERR_IO. */
NODISCARD enum err swarm_open(struct swarm **out, struct loop *l, const struct swarm_options *o);

/* swarm_close says farewell to all peers and frees. NULL is fine. Not from a callback. */
void swarm_close(struct swarm *s);

/* The gate, for its rules; they hold for what comes afterwards. */
struct gate *swarm_gate(struct swarm *s);

/* The address with which listener i is bound, /p2p/ID at its end; ERR_NOT_FOUND. */
NODISCARD enum err swarm_address(const struct swarm *s, size_t i, struct multiaddr *out);

/* swarm_addresses gives what peers are told: listeners, with the machine's own addresses for those
 * that listen at all of them, and what several peers have seen of us; or announce of the options.
 * Without /p2p at the end. global: only what the world may reach; else no loopback addresses
 * unless there are no others. Returns their number, at most max. */
size_t swarm_addresses(const struct swarm *s, struct multiaddr *out, size_t max, bool global);

/* swarm_serve lists protocol i of the options, or stops to; peers that we told otherwise are told.
 * All are listed at first. A stream for one that is not listed is refused. */
void swarm_serve(struct swarm *s, size_t i, bool on);

/* swarm_label lists a name with the protocols that peers are told of (""; none), though no stream
 * is spoken under it; peers that we told otherwise are told. At most SWARM_LABEL_MAX bytes,
 * asserted. */
void swarm_label(struct swarm *s, const char *label);

/* swarm_dial begins to connect to IP/tcp/PORT, with or without /p2p/ID.
 * Returns: OK and *connection; ERR_EXISTS (connected, or being dialled; *connection is which);
 *          ERR_DENIED (a rule, or an address that is not global); ERR_UNSUPPORTED (another kind of
 *          address; names are resolved by the caller); ERR_BUSY (*retry_ms: when to try again);
 *          ERR_LIMIT; ERR_IO. How it ends is told by on_peer or on_gone. */
NODISCARD enum err swarm_dial(struct swarm *s, const struct multiaddr *a, uint32_t *connection,
                              uint64_t *retry_ms);

/* swarm_dial_local does the same for an address of the local network: private ones are fine;
 * loopback and link-local ones are not, unless the options allow private addresses. */
NODISCARD enum err swarm_dial_local(struct swarm *s, const struct multiaddr *a,
                                    uint32_t *connection, uint64_t *retry_ms);

/* swarm_dial_back connects with this peer at IP/tcp/PORT to see whether that works: as another
 * identity than ours, from a port of its own, beside any connection that there is. Nobody but
 * on_back is told of it, it serves ping alone, and leaves no trace in the gate. It is ended by
 * swarm_drop. Returns: OK and *connection; ERR_DENIED (a rule, not global), ERR_LIMIT,
 * ERR_UNSUPPORTED, ERR_IO.
 */
NODISCARD enum err swarm_dial_back(struct swarm *s, const struct multiaddr *a,
                                   const struct peer_id *peer, uint32_t *connection);

/* swarm_reach_addresses gives the global addresses of ours of which it is worth to know whether the
 * world can reach them: with an IP address, those that are told and those that peers see. Returns
 * their number, at most max. */
size_t swarm_reach_addresses(const struct swarm *s, struct multiaddr *out, size_t max);

/* What became of a dial. */
struct swarm_dial_record {
    uint64_t number;
    struct peer_id peer; /* size 0: anyone */
    struct multiaddr address;
    uint64_t at_ms; /* of loop_now_ms */
    uint32_t took_ms;
    bool over, reached; /* reached: TCP was connected */
    enum err why;       /* OK: a ready connection */
    int os_error;
};

/* The last ones, newest first; returns their number, at most SWARM_DIALS. */
size_t swarm_dials(const struct swarm *s, struct swarm_dial_record *out, size_t max);
/* In words. */
const char *swarm_dial_reason(const struct swarm_dial_record *r);

/* A ready connection with this peer, or GATE_NONE. */
uint32_t swarm_find(const struct swarm *s, const struct peer_id *peer);

/* swarm_ping asks a ready peer for an answer, of which on_pong tells; of one that does not come
 * nothing is told. ERR_STATE; ERR_BUSY (not now). */
NODISCARD enum err swarm_ping(struct swarm *s, uint32_t connection);

/* The connection, for the calls of p2p/conn.h; NULL when it is not ready. Borrowed until the next
 * callback. */
struct conn *swarm_conn(struct swarm *s, uint32_t connection);

/* Where a connection leads to: IP and port; of an inbound one not where it listens.
 * ERR_NOT_FOUND. */
NODISCARD enum err swarm_remote(const struct swarm *s, uint32_t connection, struct multiaddr *out);

/* swarm_stream opens a stream for protocol i of the options. Returns: as conn_open, ERR_STATE. */
NODISCARD enum err swarm_stream(struct swarm *s, uint32_t connection, size_t i, uint32_t *stream);

/* swarm_write writes to a stream of an owner's protocol and sees to it that it is sent. When not
 * everything was taken, an event of kind CONN_STREAM with YAMUX_WRITABLE says when to go on.
 * Out: *taken. Returns: OK; ERR_STATE (no such connection); ERR_NOT_FOUND, ERR_CLOSED as
 * yamux_write. */
NODISCARD enum err swarm_write(struct swarm *s, uint32_t connection, uint32_t stream,
                               struct span data, size_t *taken);

/* swarm_end lets go of a stream of an owner's protocol, good: as conn_close, else as conn_reset. No
 * event follows; an unknown stream is ignored. */
void swarm_end(struct swarm *s, uint32_t connection, uint32_t stream, bool good);

/* swarm_kick lets a connection work after this turn of the loop: after conn_drop or conn_finish
 * outside of its callbacks. */
void swarm_kick(struct swarm *s, uint32_t connection);

/* swarm_drop ends a connection, after this turn; on_gone says why. */
void swarm_drop(struct swarm *s, uint32_t connection, enum err why);

void swarm_figures(const struct swarm *s, struct swarm_figures *out);

#endif
