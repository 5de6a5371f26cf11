/* swarm_impl: what the files of the swarm share. */
#ifndef CRUST_IPFSD_SWARM_IMPL_H
#define CRUST_IPFSD_SWARM_IMPL_H

#include "ipfsd/swarm.h"
#include "p2p/identify_read.h"
#include "p2p/observed.h"
#include "p2p/ping.h"
#include "p2p/rate.h"
#include "rt/netaddr.h"

enum {
    SWARM_PING, /* indices in the list of served protocols */
    SWARM_IDENTIFY,
    SWARM_PUSH,
    SWARM_OWN,                /* the first of the owner's */
    SWARM_SERVICES = 64,      /* streams of ping and identify at a time */
    SWARM_SERVICES_EACH = 4,  /* of one connection */
    SWARM_LINKS = 160,        /* streams of the owner's protocols on one connection */
    SWARM_SERVICE_MS = 30000, /* how long one may be silent, as in go-libp2p */
    SWARM_TICK_MS = 250,
    SWARM_LOOK_MS = 5000,    /* between two looks at the machine's addresses */
    SWARM_RECORD_MAX = 2048, /* of our signed record: with the rest it is under IDENTIFY_OURS_MAX */
};

/* A stream of ping or identify, whose bytes pass through two small rings. */
struct swarm_service {
    bool used, asked, answered; /* asked: ours */
    uint32_t connection, stream;
    size_t protocol;
    struct ring in, out;
    struct identify_read read;
    struct ping ping; /* ours */
    uint64_t begun_us;
    uint64_t moved_ms; /* when its last byte came */
    uint8_t in_memory[IDENTIFY_MESSAGE_MAX + 8], out_memory[IDENTIFY_OURS_MAX + 8],
        text[IDENTIFY_READ_MEMORY];
};

/* The owner's protocol of a stream. */
struct swarm_link {
    uint32_t stream; /* 0: none */
    uint32_t protocol;
    bool wants; /* it has more to write than there was room for */
};

struct swarm_peer {
    struct swarm *swarm;
    bool used, connecting, inbound, kicked, starved, throttled, begun;
    bool back;     /* of swarm_dial_back */
    enum err drop; /* to be closed after this turn */
    int fd, interest;
    int os_error;  /* of a TCP connection that could not be made */
    uint64_t dial; /* number of its record; 0: inbound */
    uint64_t told; /* the version of ourselves that it knows; 0: none */
    bool hears;    /* it takes identify/push */
    struct loop_fd *watch;
    struct gate_target target;
    uint8_t ip[16];
    uint64_t deadline_ms; /* of the TCP connection */
    uint64_t moved_ms;    /* when a byte last moved, or no buffer was held */
    struct ring net_in, net_out;
    struct swarm_link links[SWARM_LINKS];
    struct conn conn;
};

struct swarm_listener {
    struct swarm *swarm;
    int fd;
    struct loop_fd *watch;
    struct multiaddr address;
};

struct swarm_record {
    size_t size; /* 0: nothing that could be signed */
    uint8_t bytes[SWARM_RECORD_MAX];
};

/* What we announce. */
struct swarm_self {
    uint64_t version; /* counts changes; 1 is the first */
    uint64_t looked_ms, seq;
    size_t count;
    struct multiaddr addresses[SWARM_ANNOUNCE_MAX];
    enum netaddr_class classes[SWARM_ANNOUNCE_MAX]; /* global for names */
    struct swarm_record records[2];                 /* for peers of local networks, for others */
};

struct swarm {
    struct loop *loop;
    struct swarm_options o;
    struct peer_id self;
    struct tls_identity tls;
    struct ed25519_key back_key; /* who dials back */
    struct tls_identity back_tls;
    struct gate gate;
    struct yamux_pool pool;
    struct yamux_chunk *chunks;
    struct yamux_stream *streams;
    struct swarm_peer *peers; /* limits.connections of them, by index of the gate */
    struct swarm_service *services;
    uint8_t *memory, **free; /* buffers, and those that nobody holds */
    uint32_t free_count;
    bool anyone_starved;
    struct rate down, up;
    struct loop_timer *tick;
    struct loop_event event; /* kicks and drops */
    const char *ids[SWARM_OWN + SWARM_PROTOCOLS_MAX];
    char label[SWARM_LABEL_MAX + 1];
    struct swarm_listener listeners[SWARM_LISTEN_MAX];
    struct swarm_self about, next; /* next: while it is made */
    struct observed observed;
    struct swarm_dial_record dials[SWARM_DIALS];
    uint64_t dial_count;
    struct swarm_figures figures;
};

static inline uint32_t swarm_peer_index(const struct swarm_peer *p)
{
    return (uint32_t)(p - p->swarm->peers);
}

/* swarm.c. A descriptor that belongs to the gate's connection i from now on; NULL: it is closed. */
struct swarm_peer *swarm_peer_take(struct swarm *s, uint32_t i, int fd, bool inbound);
/* Its TCP connection stands: the upgrade begins. */
void swarm_peer_begin(struct swarm_peer *p);
/* Looks for what it waits for now. */
void swarm_peer_watch(struct swarm_peer *p);
/* Opens a stream of identify or push; false: not now. The peer is ready. */
bool swarm_peer_ask(struct swarm_peer *p, size_t protocol);

/* swarm_dial.c. As swarm_open says of listeners. */
NODISCARD enum err swarm_listen_at(struct swarm *s, struct swarm_listener *l,
                                   const struct multiaddr *a);
/* Notes how a dial has ended. */
void swarm_dial_over(struct swarm_peer *p, enum err why);

/* swarm_self.c: what we say of ourselves. */
/* Looks at the machine's addresses again, now and then. */
void swarm_self_tick(struct swarm *s);
/* The identify message for a connection, in its frame. False: it does not fit. */
bool swarm_self_write(struct swarm *s, struct swarm_service *v);
/* What a peer says of itself and of us. */
void swarm_self_heard(struct swarm *s, uint32_t connection, const struct identify *id);

/* swarm_serve.c: ping and identify. */
/* Takes a stream that was opened for one of them, by the peer (asked false) or by us. Returns false
 * when there is no place for it: it is reset. */
bool swarm_serve_begin(struct swarm *s, uint32_t connection, uint32_t stream, size_t protocol,
                       bool asked);
/* True when the stream is one of these; it has been served then. */
bool swarm_serve_event(struct swarm *s, uint32_t connection, const struct conn_event *ev);
/* After every turn: what could not be written before. */
void swarm_serve_turn(struct swarm *s, uint32_t connection);
void swarm_serve_forget(struct swarm *s, uint32_t connection);
/* True when a stream of this connection has been silent too long: a turn ends it. */
bool swarm_serve_due(const struct swarm *s, uint32_t connection);

#endif
