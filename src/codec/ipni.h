/* ipni: what a publisher tells the indexers of IPNI (InterPlanetary Network Indexer):
 * advertisements, their entries, the signed head of their chain, announcements; and the file in
 * which we remember what we have told. Format: docs/spec/ipni.md. Blocks are DAG-JSON in canonical
 * form. Pure. */
#ifndef CRUST_CODEC_IPNI_H
#define CRUST_CODEC_IPNI_H

#include "codec/cid.h"
#include "codec/multiaddr.h"
#include "codec/peer_key.h"

enum {
    IPNI_ADDRESSES_MAX = 8,
    IPNI_BLOCK_MAX = 16 << 10, /* of an advertisement or an entry of one content */
    IPNI_CID_MAX = 40,         /* bytes of a CID of such a block */
    IPNI_MULTIHASH_SIZE = 34,  /* 12 20 and SHA-256 */
    IPNI_TOLD_MAX = 65536,     /* contents that are remembered as told */
};

/* One advertisement: a content is here, or is here no longer. */
struct ipni_ad {
    const struct cid *previous;           /* NULL: the first */
    const struct ed25519_key *key;        /* of the provider, who is also the publisher */
    const struct cid *entries;            /* NULL with is_removal */
    uint8_t context[IPNI_MULTIHASH_SIZE]; /* which content */
    size_t address_count;
    struct multiaddr addresses[IPNI_ADDRESSES_MAX];
    bool bitswap, http; /* how it is retrieved */
    bool is_removal;
};

/* The multihash of a content. */
void ipni_multihash(uint8_t out[IPNI_MULTIHASH_SIZE], const uint8_t digest[32]);

/* ipni_write_entries writes a chunk that names one content. */
void ipni_write_entries(struct writer *w, const uint8_t multihash[IPNI_MULTIHASH_SIZE]);

/* ipni_write_ad writes and signs an advertisement. */
void ipni_write_ad(struct writer *w, const struct ipni_ad *ad);

/* ipni_write_head says what the newest advertisement is, signed. */
void ipni_write_head(struct writer *w, const struct cid *head, const struct ed25519_key *key);

/* ipni_write_announce writes the message that indexers are sent: where to fetch the newest. */
void ipni_write_announce(struct writer *w, const struct cid *head, const struct multiaddr *list,
                         size_t count);

/* The CID of a block written here. */
struct cid ipni_cid(struct span block);

/* What has been told: the head of the chain, and the contents that are advertised, sorted. */
struct ipni_told {
    bool any; /* head is set */
    struct cid head;
    size_t count;
    uint8_t (*digests)[32]; /* the caller's, max of them */
    size_t max;
};

/* ipni_told_read reads what ipni_told_write has written; digests and max are given.
 * Returns: OK; ERR_LIMIT (more than max); ERR_SHORT, ERR_TRAILING, ERR_FORMAT (also: not
 * ascending). On failure nothing is told: any is false and count 0. */
NODISCARD enum err ipni_told_read(struct ipni_told *out, struct span in);
void ipni_told_write(struct writer *w, const struct ipni_told *t);

#endif
