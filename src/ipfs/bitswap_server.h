/* bitswap_server: who wants what of us, and what goes out next. docs/spec/bitswap.md 3.
 *
 * Pure: the host tells what messages say (codec/bitswap), asks which peer is next, has a message
 * composed and says when it is sent. Blocks come from a block_source. Memory is fixed at init and
 * does not grow with what peers ask for. One thread. */
#ifndef CRUST_IPFS_BITSWAP_SERVER_H
#define CRUST_IPFS_BITSWAP_SERVER_H

#include "codec/bitswap.h"
#include "ipfs/bitswap_credit.h"
#include "ipfs/blockio.h"
#include "ipfs/digest_hash.h"

#define BITSWAP_SERVER_NONE UINT32_MAX

enum {
    BITSWAP_SERVER_WANTS = 1024,        /* of one peer, as boxo has it */
    BITSWAP_SERVER_CID = 72,            /* bytes of a CID that is kept: sha2-512 fits */
    BITSWAP_SERVER_SAMPLE = 32,         /* wants that are compared to find one to give up */
    BITSWAP_SERVER_INLINE = 1024,       /* a want-have for so small a block gets the block */
    BITSWAP_SERVER_TARGET = 16384,      /* bytes of answers in a message */
    BITSWAP_SERVER_UNDER_WAY = 1 << 20, /* bytes handed out for a peer and not yet sent */
    BITSWAP_SERVER_BUFFER = BITSWAP_BLOCK_MAX + BITSWAP_SERVER_TARGET + 256, /* compose needs it */
};

struct bitswap_server_want {
    uint32_t next; /* in its bucket, or in the free list */
    uint32_t peer;
    uint32_t at; /* in the peer's list */
    uint32_t message;
    bool have, send_dont_have;
    uint8_t cid_size;
    uint8_t cid[BITSWAP_SERVER_CID];
};

struct bitswap_server_slot {
    int32_t priority;
    uint32_t order; /* of arrival */
    uint32_t want;
};

/* list: first a heap of ready_count wants to look at, the best on top; then those whose block is
 * not here. */
struct bitswap_server_peer {
    bool used;
    bool held; /* not to be chosen by bitswap_server_next */
    enum bitswap_rank rank;
    uint32_t count, ready_count;
    uint32_t order, message;
    uint32_t turn;      /* which of those that wait makes place next */
    uint64_t served;    /* the peer's clock of fairness, in bytes */
    uint64_t under_way; /* bytes */
    struct bitswap_server_slot list[BITSWAP_SERVER_WANTS];
};

struct bitswap_server_memory {
    struct bitswap_server_want *wants;
    size_t want_count;
    struct bitswap_server_peer *peers;
    size_t peer_count;
    uint32_t *buckets; /* a power of two of them */
    size_t bucket_count;
};

struct bitswap_server {
    struct bitswap_server_memory m;
    const struct block_source *source;
    struct digest_hash hash;
    uint32_t want_free;
    uint32_t peers_used;
    uint32_t fullest; /* a peer that had more than its part of the wants */
    uint64_t clock;   /* of fairness: where the peer that was served last stood */
    size_t usual;     /* bytes of the block that was sent last */
    uint64_t blocks_sent, bytes_sent, refused; /* refused: wants dropped for lack of place */
};

/* All of memory and source are kept. seed: random, secret; spreads the buckets. */
void bitswap_server_init(struct bitswap_server *s, const struct bitswap_server_memory *memory,
                         const struct block_source *source, uint64_t seed);

/* bitswap_server_join makes place for a peer. ERR_LIMIT: there is none. */
NODISCARD enum err bitswap_server_join(struct bitswap_server *s, uint32_t *peer,
                                       enum bitswap_rank rank);
void bitswap_server_leave(struct bitswap_server *s, uint32_t peer);
void bitswap_server_rank(struct bitswap_server *s, uint32_t peer, enum bitswap_rank rank);

/* held: the peer is not chosen by bitswap_server_next until it is let go again. */
void bitswap_server_hold(struct bitswap_server *s, uint32_t peer, bool held);

/* What the peer's messages say: an entry of its wantlist; that the wantlist is full; the end of the
 * message. */
void bitswap_server_want(struct bitswap_server *s, uint32_t peer, const struct bitswap_entry *e);
void bitswap_server_full(struct bitswap_server *s, uint32_t peer);
void bitswap_server_message(struct bitswap_server *s, uint32_t peer);

/* bitswap_server_came tells that a block can be had now: peers that wait for it get it. */
void bitswap_server_came(struct bitswap_server *s, const uint8_t digest[BLOCK_DIGEST_SIZE]);

/* The same for any block: all who wait are looked at again. */
void bitswap_server_came_any(struct bitswap_server *s);

/* bitswap_server_next gives the peer whose turn it is; false: nobody can be served. */
bool bitswap_server_next(const struct bitswap_server *s, uint32_t *peer);

/* bitswap_server_compose writes the next message for a peer into buffer, of at least
 * BITSWAP_SERVER_BUFFER bytes, and counts it as under way.
 *
 * Out:     *frame, the message with its length, within buffer; empty: there was nothing to say.
 *          *blocks, bytes of blocks in it.
 * Returns: OK; ERR_BUSY, when the source asks to come again later (then frame may be empty). */
NODISCARD enum err bitswap_server_compose(struct bitswap_server *s, uint32_t peer,
                                          struct mspan buffer, struct span *frame, size_t *blocks);

/* n bytes of frames have left. */
void bitswap_server_sent(struct bitswap_server *s, uint32_t peer, size_t n);

#endif
