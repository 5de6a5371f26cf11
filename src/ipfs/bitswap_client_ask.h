/* bitswap_client_ask: of whom wants are asked, and what has been said about them at each provider.
 * Private to ipfs/bitswap_client*.c. docs/spec/bitswap.md 5.1 to 5.5. Pure. */
#ifndef CRUST_IPFS_BITSWAP_CLIENT_ASK_H
#define CRUST_IPFS_BITSWAP_CLIENT_ASK_H

#include "ipfs/bitswap_client.h"

enum { BITSWAP_CLIENT_NOBODY = 255 }; /* no slot of a provider */

enum {                         /* of a want at one provider */
       BITSWAP_AT_HAVE = 1,    /* asked with want-have */
       BITSWAP_AT_BLOCK = 2,   /* asked with want-block */
       BITSWAP_AT_HAS = 4,     /* it said so */
       BITSWAP_AT_HAS_NOT = 8, /* it said so */
       BITSWAP_AT_FAILED = 16, /* it did not deliver in time */
       BITSWAP_AT_TODO = 32,   /* the question is still to be sent */
       BITSWAP_AT_CANCEL = 64, /* a cancel is still to be sent */
};

static inline uint32_t *bitswap_client_bucket(struct bitswap_client *c,
                                              const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t h = digest_hash(&c->hash, span_of(digest, BLOCK_DIGEST_SIZE));
    return &c->m.buckets[h & (c->m.bucket_count - 1)];
}

static inline bool bitswap_client_same(const struct bitswap_client_want *w,
                                       const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    return memcmp(w->key.digest, digest, BLOCK_DIGEST_SIZE) == 0;
}

static inline struct bitswap_client_session *bitswap_client_session_at(struct bitswap_client *c,
                                                                       uint32_t session)
{
    ASSERT(session < BITSWAP_CLIENT_SESSIONS && c->sessions[session].used);
    return &c->sessions[session];
}

static inline struct bitswap_client_peer *bitswap_client_peer_at(struct bitswap_client *c,
                                                                 uint32_t peer)
{
    ASSERT(peer < c->m.peer_count && c->m.peers[peer].used);
    return &c->m.peers[peer];
}

static inline struct cid bitswap_client_want_cid(const struct bitswap_client_want *w)
{
    struct cid cid = { .version = w->version,
                       .codec = w->key.codec,
                       .hash = CID_HASH_SHA2_256,
                       .digest_size = BLOCK_DIGEST_SIZE };
    memcpy(cid.digest, w->key.digest, BLOCK_DIGEST_SIZE);
    return cid;
}

/* The slot of a peer in the session of a want; BITSWAP_CLIENT_NOBODY: it is none of its providers.
 */
static inline size_t bitswap_client_slot(const struct bitswap_client *c,
                                         const struct bitswap_client_want *w, uint32_t peer)
{
    const struct bitswap_client_session *s = &c->sessions[w->session];
    size_t k = 0;
    while (k < BITSWAP_CLIENT_PROVIDERS && s->providers[k].peer != peer)
        k++;
    return k < BITSWAP_CLIENT_PROVIDERS ? k : BITSWAP_CLIENT_NOBODY;
}

static inline bool bitswap_client_may_ask(const struct bitswap_client_want *w,
                                          const struct bitswap_client_provider *p, size_t slot)
{
    return p->peer != BITSWAP_CLIENT_NONE &&
           (w->flags[slot] & (BITSWAP_AT_HAS_NOT | BITSWAP_AT_FAILED | BITSWAP_AT_CANCEL)) == 0;
}

/* Sets what has been said about a want at a provider, and counts what is to be sent. */
void bitswap_client_flags(struct bitswap_client *c, struct bitswap_client_want *w, size_t slot,
                          uint8_t flags);

/* A want that is done goes when nothing is left to be said about it. */
void bitswap_client_drop_silent(struct bitswap_client *c, uint32_t i);

/* Decides whom to ask for a want that nobody is asked for; for all of a session. */
void bitswap_client_assign(struct bitswap_client *c, uint32_t i, uint64_t now_ms);
void bitswap_client_assign_session(struct bitswap_client *c, struct bitswap_client_session *s,
                                   uint64_t now_ms);

/* Nobody is asked for the block any more. */
void bitswap_client_unask(struct bitswap_client *c, struct bitswap_client_want *w);

#endif
