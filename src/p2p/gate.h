/* gate: whether a connection may be made: caps, rates, back-off, allow and deny lists, and which
 * connection goes when there are too many. docs/spec/gate.md. Pure: fixed memory, no clock; it
 * knows nothing of sockets, its owner tells it what happened. One thread.
 *
 *   gate_admit or gate_dial -> pending -> gate_ready -> connected -> gate_closed
 *                                  \------------- gate_closed -------/ */
#ifndef CRUST_P2P_GATE_H
#define CRUST_P2P_GATE_H

#include "codec/peer_id.h"

enum {
    GATE_CONNECTIONS_MAX = 1024,
    GATE_MEMORY_SLOTS =
        1024, /* addresses whose failures, and networks whose rates, are remembered */
    GATE_RULES_MAX = 256,
    GATE_BACKOFF_FIRST_MS = 5000,
    GATE_BACKOFF_LAST_MS = 3600000, /* doubled at each failure up to an hour */
    GATE_GRACE_MS = 20000,          /* a younger connection is not trimmed, as in Kubo */
    GATE_UPGRADE_MS = 2000,         /* an upgrade of four round trips of half a second */
};

#define GATE_NONE UINT32_MAX

struct gate_limits {
    uint32_t connections; /* of all kinds, at most GATE_CONNECTIONS_MAX */
    uint32_t inbound;     /* of these */
    uint32_t pending;     /* of these, not ready yet, each way */
    uint32_t per_host;    /* from one IPv4 address or IPv6 /56 */
    uint32_t per_peer;
    uint32_t water; /* more ready ones than this are trimmed to it */
    /* Rates by token bucket: so many at once, then one every so many milliseconds. */
    uint32_t dial_burst, dial_every_ms;
    uint32_t network_burst, network_every_ms; /* inbound from one IPv4 /24 or IPv6 /48 */
};

/* What a small node allows itself: routers at home die from more dials. */
struct gate_limits gate_defaults(void);

struct gate_rate {
    uint64_t at_ms; /* when the bucket was full, or will be */
};

struct gate_connection {
    bool used, inbound, ready, kept;
    bool late;     /* it is to be closed, and is not counted as pending any more */
    bool allowed;  /* its address is in an allow rule */
    uint64_t host; /* hash of the address up to the per_host prefix */
    uint64_t since_ms, active_ms;
    struct peer_id peer; /* expected of a dial; known when ready */
};

struct gate_memory_slot {
    uint64_t key;
    uint64_t until_ms, used_ms; /* back-off ends; last use */
    uint32_t failures;
    struct gate_rate rate;
};

struct gate_rule {
    bool allow;
    bool by_peer;
    uint8_t ip[16], bits; /* IPv4 as ::ffff:a.b.c.d */
    struct peer_id peer;
};

struct gate {
    struct gate_limits limits;
    uint64_t seed;
    uint32_t used, inbound, pending_in, pending_out, ready;
    struct gate_rate dials;
    bool allow_only; /* nobody but those in allow rules */
    size_t rule_count;
    struct gate_rule rules[GATE_RULES_MAX];
    struct gate_connection connections[GATE_CONNECTIONS_MAX];
    struct gate_memory_slot slots[GATE_MEMORY_SLOTS];
};

/* seed: random and secret, so that nobody can choose addresses that share a slot. */
void gate_init(struct gate *g, const struct gate_limits *limits, uint64_t seed);

/* gate_rule_ip and gate_rule_peer add a rule. Of the rules for addresses, which are asked first,
 * and of those for peers the first that fits decides. ip: 4 or 16 bytes; bits: length of the
 * prefix. ERR_LIMIT; ERR_RANGE (bits). */
NODISCARD enum err gate_rule_ip(struct gate *g, bool allow, struct span ip, uint32_t bits);
NODISCARD enum err gate_rule_peer(struct gate *g, bool allow, const struct peer_id *peer);

/* gate_admit: somebody has connected to us from this address.
 * Returns: OK and *index of the pending connection; ERR_DENIED (a rule); ERR_LIMIT (a cap);
 * ERR_BUSY (its network comes too often). *index is GATE_NONE then: close it.
 * *late, else GATE_NONE: a connection that is to be closed for it, as its upgrade takes so long. */
NODISCARD enum err gate_admit(struct gate *g, uint32_t *index, uint32_t *late, struct span ip,
                              uint64_t now_ms);

struct gate_target {
    struct span ip; /* 4 or 16 bytes */
    uint16_t port;
    struct peer_id peer; /* size 0: not known */
};

/* gate_dial: we want to dial.
 * Returns: OK and *index; ERR_EXISTS (connected to that peer already, or on the way; *index is
 * which); ERR_DENIED; ERR_LIMIT; ERR_BUSY (it failed lately, or we dial too fast): *retry_ms is
 * when it may be tried again. */
NODISCARD enum err gate_dial(struct gate *g, uint32_t *index, uint64_t *retry_ms,
                             const struct gate_target *t, uint64_t now_ms);

/* gate_dial_back: somebody wants to be dialled there, to see whether that works (AutoNAT). Rules
 * and caps hold; rates are the asker's matter, back-off is neither asked nor changed, so no result
 * is told. It stays pending until gate_closed. Returns: OK, ERR_DENIED, ERR_LIMIT. */
NODISCARD enum err gate_dial_back(struct gate *g, uint32_t *index, const struct gate_target *t,
                                  uint64_t now_ms);

/* gate_dial_result remembers how a dial ended: failures double the wait, a success ends it. */
void gate_dial_result(struct gate *g, const struct gate_target *t, bool good, uint64_t now_ms);

/* gate_ready: the upgrade is done and the peer known.
 * Returns: OK; ERR_DENIED (a rule); ERR_LIMIT (too many with this peer). Then close it, and say so.
 */
NODISCARD enum err gate_ready(struct gate *g, uint32_t index, const struct peer_id *peer,
                              uint64_t now_ms);

/* gate_touch: it does something useful. gate_keep: it is not trimmed while keep is true. */
void gate_touch(struct gate *g, uint32_t index, uint64_t now_ms);
void gate_keep(struct gate *g, uint32_t index, bool keep);

/* gate_closed frees the place of a connection, whatever its state. */
void gate_closed(struct gate *g, uint32_t index);

/* gate_trim names the connection to close when more are ready than limits.water: the one that was
 * idle longest, out of its grace, not kept; GATE_NONE when there is none to close. */
uint32_t gate_trim(const struct gate *g, uint64_t now_ms);

/* gate_find gives a ready connection with this peer, or GATE_NONE. */
uint32_t gate_find(const struct gate *g, const struct peer_id *peer);

#endif
