/* autonat_impl: what the files of AutoNAT's host share. */
#ifndef CRUST_IPFSD_AUTONAT_IMPL_H
#define CRUST_IPFSD_AUTONAT_IMPL_H

#include "ipfsd/autonat_node.h"
#include "p2p/autonat_ask.h"
#include "p2p/autonat_serve.h"

enum {
    AUTONAT_IMPL_REQUEST, /* indices of the protocols */
    AUTONAT_IMPL_BACK,
};

/* A peer, by number of its connection. */
struct autonat_server {
    struct peer_id peer; /* size 0: none */
    uint64_t network;    /* 0: it is not to be asked */
    uint64_t next_ms;
};

/* A question of ours. */
struct autonat_question {
    bool used, agreed, ended;
    uint32_t connection, stream; /* YAMUX_NONE: it is over */
    uint64_t network;
    struct peer_id peer;
    struct autonat_ask ask;
    struct ring in, out;
    uint8_t in_bytes[AUTONAT_ASK_IN + 8], out_bytes[AUTONAT_ASK_OUT];
};

/* A request of somebody. */
struct autonat_request {
    bool used;
    uint32_t connection, stream;
    struct peer_id peer;
    struct autonat_serve serve;
    struct ring in, out;
    /* The dial back: GATE_NONE, being dialled, ready (its stream), the nonce is handed over. */
    uint32_t back, back_stream;
    bool back_ready, back_said;
    size_t back_sent;
    uint64_t back_by_ms;
    enum autonat_dial how; /* AUTONAT_UNUSED: not known yet */
    uint8_t in_bytes[AUTONAT_SERVE_IN], out_bytes[AUTONAT_SERVE_OUT];
};

/* Somebody who dials us back. */
struct autonat_bringer {
    bool used;
    uint32_t connection, stream;
    uint64_t by_ms;
    struct ring in;
    uint8_t in_bytes[AUTONAT_BACK_MAX + 8];
};

struct autonat_node {
    struct autonat_node_options o;
    struct swarm *swarm;
    bool stopped;
    size_t protocols[AUTONAT_NODE_PROTOCOLS];
    struct loop_event event;
    struct loop_timer *tick;
    struct autonat_server *servers;
    struct reach reach;
    enum reach_verdict all;
    enum reach_verdict told[REACH_ADDRESSES]; /* what the log has said of each */
    struct autonat_limits limits;
    struct autonat_question asks[AUTONAT_NODE_ASKS];
    struct autonat_request serves[AUTONAT_NODE_SERVES];
    struct autonat_bringer backs[AUTONAT_NODE_BACKS];
};

/* autonat_back.c: others are dialled back. */
/* A stream of the request protocol has been opened by a peer. */
void autonat_back_opened(struct autonat_node *n, uint32_t connection, uint32_t stream);
/* An event of a stream that is no question of ours. */
void autonat_back_event(struct autonat_node *n, uint32_t connection, const struct conn_event *ev);
void autonat_back_gone(struct autonat_node *n, uint32_t connection);
void autonat_back_turn(struct autonat_node *n);
void autonat_back_stop(struct autonat_node *n);

/* Bytes of a stream into a ring; how many. */
size_t autonat_node_take(struct autonat_node *n, uint32_t connection, uint32_t stream,
                         struct ring *in);
/* And out of one; how many, 0 when the connection is gone. */
size_t autonat_node_give(struct autonat_node *n, uint32_t connection, uint32_t stream,
                         struct ring *out);
void autonat_node_wake(struct autonat_node *n);

#endif
