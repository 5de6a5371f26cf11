/* exchange: bitswap over the swarm: what this node holds is given to peers, and what it lacks is
 * asked of those it is connected with. docs/spec/bitswap.md; the machine is ipfs/bitswap_node.
 * Design: docs/design/bitswap.md.
 *
 * On the loop's thread, but for the source of exchange_source. Memory is fixed when it is opened;
 * blocks are read by threads (exchange_read). */
#ifndef CRUST_IPFSD_EXCHANGE_H
#define CRUST_IPFSD_EXCHANGE_H

#include "codec/cid.h"
#include "ipfs/blockio.h"
#include "ipfsd/swarm.h"

enum {
    EXCHANGE_WANTS = 16384,          /* of all peers together */
    EXCHANGE_IN_BLOCKS = 16,         /* coming in at a time; pages are touched as they fill */
    EXCHANGE_OUT_BLOCKS = 6,         /* messages going out at a time: 12 MiB */
    EXCHANGE_STREAMS_EACH = 72,      /* inbound, of one peer; Kubo opens one for each message */
    EXCHANGE_AHEAD_BYTES = 16 << 20, /* blocks that are here before their readers come */
    EXCHANGE_LISTED = 32768, /* blocks that are known to follow, of all DAGs that are read */
    EXCHANGE_CREDITS = 1024, /* peers of which something is remembered */
    EXCHANGE_WORDS = 64,     /* contents of which the chain's word is known; the oldest goes */
    EXCHANGE_HOLDERS = 16,   /* of each */
    EXCHANGE_WORD_MS = 250,  /* for which a content waits for it */
    EXCHANGE_CAME =
        256, /* blocks that have come elsewhere, between two turns; more: all are looked for */
    EXCHANGE_CONNECTIONS_MAX = 4096,
    EXCHANGE_ASKS = 128,     /* blocks that are waited for at a time; more are told ERR_BUSY */
    EXCHANGE_GET_MS = 20000, /* for one block, when wait_ms is 0 */
    EXCHANGE_TICK_MS = 100,
    EXCHANGE_LOSSES = 8, /* outbound streams lost in a row before a peer is asked nothing more */
};

struct exchange;

struct exchange_options {
    struct loop *loop;                 /* kept */
    const struct block_source *source; /* kept: what is given to peers; with size. Threads call */
    uint32_t connections;              /* of the swarm: numbers are below */
    uint32_t wait_ms;                  /* for one block from peers; 0: EXCHANGE_GET_MS */
    const char *credit_file;           /* kept: what is remembered of peers; NULL: nothing is */
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
 * ERR_CLOSED (stopping). A reader that takes the blocks of a DAG depth first finds most of them
 * here already (ipfs/bitswap_dag). has is always ERR_NOT_FOUND. Valid while x is. */
struct block_source exchange_source(struct exchange *x);

/* exchange_want asks for a block without waiting for it. With OK fn(ctx, ...) is called once, from
 * any thread, perhaps before this returns: with OK and data, which is given (free; it may be
 * empty), or with an error of the source above and none. It must not call the exchange.
 * exchange_unwant takes it back: true when fn has not been called and will not be.
 * Any thread, until x is closed. ERR_MEMORY, ERR_BUSY (EXCHANGE_ASKS), ERR_CLOSED. */
typedef void (*exchange_over_fn)(void *ctx, enum err result, struct mspan data);
NODISCARD enum err exchange_want(struct exchange *x, uint64_t *id, const struct block_key *key,
                                 exchange_over_fn fn, void *ctx);
bool exchange_unwant(struct exchange *x, uint64_t id);

/* exchange_came: a block has come to what peers are given (NULL: some have), by a push, by sealing;
 * those who wait for it get it. Any thread, until exchange_stop. */
void exchange_came(struct exchange *x, const uint8_t *digest);

/* exchange_seek sets what is called, on the loop, when no connected peer has a block that somebody
 * waits for. It answers true when it looks for others that may have it: whom it connects with is
 * asked at once; exchange_sought says that the look-up is over, and who still waits is told
 * ERR_NOT_FOUND. NULL: nobody looks. */
typedef bool (*exchange_seek_fn)(void *ctx, const struct cid *cid);
void exchange_seek(struct exchange *x, exchange_seek_fn fn, void *ctx);
void exchange_sought(struct exchange *x, const struct cid *cid);

/* One of whom the chain says that it has proven to hold a content: the peer that its account names,
 * and the lineage of the worker whose replica it is. */
struct exchange_holder {
    uint8_t peer[32]; /* SHA-256 of the peer id */
    uint8_t lineage[32];
};

/* exchange_word: these hold the whole content, by its root's digest, and nobody else that is known
 * of: what was said of it before is replaced. They are asked first, and held to it
 * (docs/spec/bitswap.md 4.5). More than EXCHANGE_HOLDERS are passed over. */
void exchange_word(struct exchange *x, const uint8_t digest[32], const struct exchange_holder *list,
                   size_t count);

/* exchange_worker: a connected peer says that it is the node of this worker; NULL: of none. */
void exchange_worker(struct exchange *x, uint32_t connection, const uint8_t *lineage);

/* exchange_begins sets what is called, on the loop, when blocks of a content are about to be asked
 * for. True: exchange_word follows for its root, perhaps has been called already, and peers are
 * asked then, or after EXCHANGE_WORD_MS without it. NULL: nobody is called. */
typedef bool (*exchange_begin_fn)(void *ctx, const struct block_key *root);
void exchange_begins(struct exchange *x, exchange_begin_fn fn, void *ctx);

/* What is remembered of a peer, connected or not, by SHA-256 of its peer id. */
struct exchange_standing {
    bool known, last, doubted; /* the ranks of docs/spec/bitswap.md 4 */
    uint32_t proven;         /* contents that it has proven to hold, of those asked about lately */
    uint64_t sent, received; /* bytes of blocks */
    uint32_t kept, broken;   /* promises */
};
void exchange_standing(struct exchange *x, struct exchange_standing *out, const uint8_t peer[32]);

struct exchange_figures {
    uint32_t peers, streams;
    uint64_t blocks_sent, bytes_sent, blocks_received, bytes_received;
    uint64_t duplicates, unwanted; /* blocks that came again, that nobody had asked for */
};
void exchange_figures(const struct exchange *x, struct exchange_figures *out);

/* exchange_stop: whoever waits is told ERR_CLOSED, and streams are no longer looked at. */
void exchange_stop(struct exchange *x);

/* After exchange_stop, and after the swarm has been closed. NULL is fine. */
void exchange_close(struct exchange *x);

#endif
