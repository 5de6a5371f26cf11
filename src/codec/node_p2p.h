/* node_p2p: what crust asks a running crust-ipfsd about its libp2p peers; beside codec/node_msg,
 * whose bodies these requests have. docs/spec/node-ipc.md 8. Where nothing else is said, the reply
 * is {} and its bulk is JSON text. */
#ifndef CRUST_CODEC_NODE_P2P_H
#define CRUST_CODEC_NODE_P2P_H

#include "codec/node_msg.h"

enum node_p2p {
    NODE_P2P_ID = 40,      /* - -> who this node is */
    NODE_P2P_PEERS = 41,   /* - -> with whom it is connected */
    NODE_P2P_CONNECT = 42, /* node_bytes: an address or a peer id -> how each address went */
    NODE_P2P_PING = 43,    /* node_bytes: a peer id -> how long an answer took */
    NODE_P2P_EXPLAIN = 44, /* node_bytes: a CID -> who was asked for it, and how that went */
    NODE_P2P_DHT = 46,     /* - -> the node in the DHT: tables, what has been told */
    NODE_P2P_TRY = 45,     /* node_block -> node_size: connected peers have it; ERR_NOT_FOUND */
};

#endif
