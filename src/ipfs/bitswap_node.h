/* bitswap_node: a whole bitswap node without its sockets: server, client, credit and the memory for
 * blocks, over the rings of streams. docs/spec/bitswap.md 1 to 6; docs/design/protocol-machines.md.
 *
 *   bytes came on an inbound stream:    bitswap_node_in(n, stream, in, now)
 *   once a turn:                        bitswap_node_step(n, now)
 *   a peer's outbound stream has room:  bitswap_node_out(n, peer, out, now)
 *   bitswap_node_wants_out(n, peer):    open an outbound stream if there is none
 *
 * Fetches use bitswap_client and bitswap_dag on n->client. Pure; memory fixed at init:
 * backpressure is a ring that is not read. One thread. */
#ifndef CRUST_IPFS_BITSWAP_NODE_H
#define CRUST_IPFS_BITSWAP_NODE_H

#include "base/ring.h"
#include "ipfs/bitswap_client.h"
#include "ipfs/bitswap_server.h"

#define BITSWAP_NODE_NONE UINT32_MAX

enum {
    BITSWAP_NODE_STALL_MS = 30000, /* a peer that takes no byte of a message for so long */
    BITSWAP_NODE_SLOWEST = 16,     /* bytes in a millisecond, beyond the time for a stall */
    BITSWAP_NODE_HELD = 12,        /* blocks of one peer that are coming in at a time */
    BITSWAP_NODE_CREDIT_MS = 1000,
    BITSWAP_NODE_ASIDE = 32768, /* bytes: smaller blocks are not worth another thread */
};

/* Buffers of one size and which of them are free. */
struct bitswap_node_pool {
    uint8_t *bytes;
    size_t size; /* of one */
    uint32_t *stack;
    uint32_t count, free_count;
};

struct bitswap_node_peer {
    bool used;
    bool later; /* within a step: the source asks to come again */
    uint8_t id[BITSWAP_CREDIT_ID];
    uint32_t server;     /* its number there */
    uint32_t held;       /* blocks coming in */
    uint32_t out_buffer; /* of an answer that is going out; else the message stands in asks */
    struct span out;     /* what is left of the message that is going out */
    size_t out_size;
    uint64_t out_ms;      /* when the last byte of it went */
    uint64_t out_from_ms; /* when the first one could */
    uint8_t asks[BITSWAP_CLIENT_BUFFER];
};

/* An inbound stream; the owner's memory. */
struct bitswap_node_stream {
    uint32_t peer;
    uint32_t buffer; /* of a block that is coming in */
    struct bitswap_reader reader;
};

/* A block whose digest is computed elsewhere; one for each buffer of the pool `in`. */
struct bitswap_node_check {
    bool under_way;
    bool dropped; /* its peer has left meanwhile */
    uint32_t peer;
    size_t size, prefix_size;
    uint8_t prefix[BITSWAP_PREFIX_MAX];
};

/* bitswap_block_cid of prefix and block is to be computed, on whatever thread. Both stay until
 * bitswap_node_checked is called for the buffer, not from within this call. */
typedef void (*bitswap_node_check_fn)(void *ctx, uint32_t buffer, struct span prefix,
                                      struct span block);

struct bitswap_node_memory {
    struct bitswap_server_memory server;
    struct bitswap_client_memory client;
    struct bitswap_node_peer *peers; /* client.peer_count of them */
    struct bitswap_node_pool in;     /* size BITSWAP_BLOCK_MAX */
    struct bitswap_node_pool out;    /* size BITSWAP_SERVER_BUFFER */
    struct bitswap_credit *credit;
    size_t credit_count;
};

struct bitswap_node {
    struct bitswap_server server;
    struct bitswap_client client;
    struct bitswap_ledger ledger;
    struct bitswap_node_peer *peers;
    size_t peer_count;
    struct bitswap_node_pool in, out;
    const struct block_sink *sink;
    struct bitswap_node_check *checks;
    bitswap_node_check_fn check;
    void *check_ctx;
    uint64_t arrived; /* sessions that have got a block; the owner takes them and sets it to 0 */
    uint64_t credit_ms;
    uint64_t hours; /* added to the hours of now_ms: so the ledger outlives a start */
};

/* Everything is kept. sink takes wanted blocks only. seed: random, secret. */
void bitswap_node_init(struct bitswap_node *n, const struct bitswap_node_memory *memory,
                       const struct block_source *source, const struct block_sink *sink,
                       uint64_t seed);

/* Blocks of at least BITSWAP_NODE_ASIDE bytes are given to fn, so that a stream goes on while they
 * are hashed. Kept: checks, memory->in.count of them. Without this call they are hashed at once. */
void bitswap_node_checker(struct bitswap_node *n, struct bitswap_node_check *checks,
                          bitswap_node_check_fn fn, void *ctx);

/* The block of a buffer that was given to fn has been checked: cid is what bitswap_block_cid gave,
 * NULL when it failed. Its buffer is free again. A block that the sink refuses is still wanted. */
void bitswap_node_checked(struct bitswap_node *n, uint32_t buffer, const struct cid *cid,
                          uint64_t now_ms);

/* A peer is connected, under a number of the owner below peer_count; id = SHA-256 of its peer id.
 * ERR_LIMIT: the server has no place. */
NODISCARD enum err bitswap_node_join(struct bitswap_node *n, uint32_t peer,
                                     const uint8_t id[BITSWAP_CREDIT_ID], uint64_t now_ms);

/* Its streams have been ended before. */
void bitswap_node_leave(struct bitswap_node *n, uint32_t peer, uint64_t now_ms);

/* The account of a peer that has joined, up to now; and of anybody whom the ledger remembers. */
struct bitswap_credit bitswap_node_credit(struct bitswap_node *n, uint32_t peer, uint64_t now_ms);
bool bitswap_node_find(const struct bitswap_node *n, struct bitswap_credit *out,
                       const uint8_t id[BITSWAP_CREDIT_ID], uint64_t now_ms);

void bitswap_node_stream_init(struct bitswap_node_stream *s, uint32_t peer);
/* Gives back what the stream holds; it may end anywhere. */
void bitswap_node_stream_fini(struct bitswap_node *n, struct bitswap_node_stream *s);

/* bitswap_node_in takes what has come. What is not taken waits for memory: call again after a step.
 * Returns: OK; ERR_LIMIT, ERR_FORMAT (reset the stream); the sink's error (the block is still
 *          wanted). */
NODISCARD enum err bitswap_node_in(struct bitswap_node *n, struct bitswap_node_stream *s,
                                   struct ring *in, uint64_t now_ms);

/* The same out of what need not be a ring; *taken: what was used. What is left is less than a whole
 * item, or waits for memory. */
NODISCARD enum err bitswap_node_read(struct bitswap_node *n, struct bitswap_node_stream *s,
                                     size_t *taken, struct span in, uint64_t now_ms);

/* What has been seen of all peers goes into the ledger; bitswap_node_step does it every second. */
void bitswap_node_settle(struct bitswap_node *n, uint64_t now_ms);

/* Time passes; messages are composed as far as there is memory. */
void bitswap_node_step(struct bitswap_node *n, uint64_t now_ms);

bool bitswap_node_wants_out(const struct bitswap_node *n, uint32_t peer);

/* What is left of the message to the peer; empty: none. Borrowed until the next call. */
struct span bitswap_node_front(const struct bitswap_node *n, uint32_t peer);

/* bitswap_node_took: size bytes of bitswap_node_front have gone, perhaps none; call it at every
 * try. ERR_TIMEOUT: it takes nothing for BITSWAP_NODE_STALL_MS, or less than BITSWAP_NODE_SLOWEST;
 * drop the peer. */
NODISCARD enum err bitswap_node_took(struct bitswap_node *n, uint32_t peer, size_t size,
                                     uint64_t now_ms);

/* bitswap_node_out puts as much of the message into out as there is room for. As above. */
NODISCARD enum err bitswap_node_out(struct bitswap_node *n, uint32_t peer, struct ring *out,
                                    uint64_t now_ms);

/* The outbound stream is lost: what is left of its message is the whole of it, for the next one. */
void bitswap_node_out_lost(struct bitswap_node *n, uint32_t peer);

#endif
