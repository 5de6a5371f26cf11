/* exchange: bitswap over the swarm: what this node holds is given to peers, and what it lacks is
 * asked of those it is connected with. docs/spec/bitswap.md; the machine is ipfs/bitswap_node.
 * Design: docs/design/bitswap.md.
 *
 * On the loop's thread, but for the source of exchange_source. Memory is fixed when it is opened;
 * blocks are read by threads (exchange_read). */
#ifndef CRUST_IPFSD_EXCHANGE_H
#define CRUST_IPFSD_EXCHANGE_H

#include "ipfs/blockio.h"
#include "ipfsd/swarm.h"

enum {
    EXCHANGE_WANTS = 16384,    /* of all peers together */
    EXCHANGE_IN_BLOCKS = 4,    /* coming in at a time: 8 MiB */
    EXCHANGE_OUT_BLOCKS = 6,   /* messages going out at a time: 12 MiB */
    EXCHANGE_STREAMS_EACH = 4, /* inbound, of one peer */
    EXCHANGE_ASKS = 32,        /* calls that wait for a block at a time; more are told ERR_BUSY */
    EXCHANGE_GET_MS = 20000,   /* for one block, when wait_ms is 0 */
    EXCHANGE_TICK_MS = 100,
    EXCHANGE_LOSSES = 8, /* outbound streams lost in a row before a peer is asked nothing more */
};

struct exchange;

struct exchange_options {
    struct loop *loop;                 /* kept */
    const struct block_source *source; /* kept: what is given to peers; with size. Threads call */
    uint32_t connections;              /* of the swarm: numbers are below */
    uint32_t wait_ms;                  /* for one block from peers; 0: EXCHANGE_GET_MS */
};

/* ERR_MEMORY, ERR_IO. */
NODISCARD enum err exchange_open(struct exchange **out, const struct exchange_options *o);

/* What the swarm is to be opened with, and afterwards the swarm and the protocol's index in its
 * options. */
struct swarm_protocol exchange_protocol(struct exchange *x);
void exchange_attach(struct exchange *x, struct swarm *s, size_t protocol);

/* From the swarm's callbacks. Of a connection that was never a peer nothing is known. */
void exchange_peer(struct exchange *x, uint32_t connection, const struct peer_id *peer);
void exchange_gone(struct exchange *x, uint32_t connection);

/* exchange_source gives blocks that connected peers have, each verified; get waits for them, on any
 * thread but the loop's: ERR_NOT_FOUND (all peers say so, or there is none), ERR_TIMEOUT, ERR_BUSY,
 * ERR_CLOSED (stopping). has is always ERR_NOT_FOUND. Valid while x is. */
struct block_source exchange_source(struct exchange *x);

struct exchange_figures {
    uint32_t peers, streams;
    uint64_t blocks_sent, bytes_sent, blocks_received, bytes_received;
};
void exchange_figures(const struct exchange *x, struct exchange_figures *out);

/* exchange_stop: whoever waits is told ERR_CLOSED, and streams are no longer looked at. */
void exchange_stop(struct exchange *x);

/* After exchange_stop, and after the swarm has been closed. NULL is fine. */
void exchange_close(struct exchange *x);

#endif
