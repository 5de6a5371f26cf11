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
    IPNI_CHUNK_MAX = 512,  /* contents of a chunk of entries */
    IPNI_GROUP_MAX = 1024, /* of an advertisement: what has to be told anew when one of them goes */
    IPNI_BLOCK_MAX = 48 << 10, /* of an advertisement or a full chunk */
    IPNI_CID_MAX = 40,         /* bytes of a CID of such a block */
    IPNI_MULTIHASH_SIZE = 34,  /* 12 20 and SHA-256 */
    IPNI_TOLD_MAX = 262144,    /* contents that are remembered as told */
    IPNI_TOLD_SIZE = 256 + IPNI_TOLD_MAX * (32 + 4 + IPNI_MULTIHASH_SIZE), /* of the file */
};

/* One advertisement: contents are here, or are here no longer, or are elsewhere now. */
struct ipni_ad {
    const struct cid *previous;           /* NULL: the first */
    const struct ed25519_key *key;        /* of the provider, who is also the publisher */
    const struct cid *entries;            /* NULL with is_removal, and when only addresses change */
    uint8_t context[IPNI_MULTIHASH_SIZE]; /* which contents */
    size_t address_count;
    struct multiaddr addresses[IPNI_ADDRESSES_MAX];
    bool bitswap, http; /* how it is retrieved */
    bool is_removal;
};

/* The multihash of a content. */
void ipni_multihash(uint8_t out[IPNI_MULTIHASH_SIZE], const uint8_t digest[32]);

/* The context of an advertisement of these contents, which are ascending: the multihash of the one,
 * or one made of all. */
void ipni_context(uint8_t out[IPNI_MULTIHASH_SIZE], uint8_t (*digests)[32], size_t count);

/* ipni_write_chunk writes a chunk of at most IPNI_CHUNK_MAX entries (asserted). next: the chunk
 * that follows; NULL: none. */
void ipni_write_chunk(struct writer *w, uint8_t (*digests)[32], size_t count,
                      const struct cid *next);

/* ipni_write_ad writes and signs an advertisement. */
void ipni_write_ad(struct writer *w, const struct ipni_ad *ad);

/* ipni_write_head says what the newest advertisement is, signed. */
void ipni_write_head(struct writer *w, const struct cid *head, const struct ed25519_key *key);

/* ipni_write_announce writes the message that indexers are sent: where to fetch the newest. */
void ipni_write_announce(struct writer *w, const struct cid *head, const struct multiaddr *list,
                         size_t count);

/* The CID of a block written here. */
struct cid ipni_cid(struct span block);

/* What has been told: the head of the chain; the contents that are advertised, sorted, each with
 * the number of its advertisement; the contexts of these. */
struct ipni_told {
    bool any; /* head is set */
    struct cid head;
    uint8_t addresses[32]; /* a digest of those that were told last; zero: none */
    size_t count, max;     /* of digests and groups, which are the caller's */
    uint8_t (*digests)[32];
    uint32_t *groups;
    size_t group_count; /* of contexts; the caller's, max of them */
    uint8_t (*contexts)[IPNI_MULTIHASH_SIZE];
};

/* ipni_told_read reads what ipni_told_write has written; arrays and max are given.
 * Returns: OK; ERR_LIMIT (more than max); ERR_SHORT, ERR_TRAILING, ERR_FORMAT (also: not
 * ascending, a group without a content). On failure nothing is told: any is false, counts are 0. */
NODISCARD enum err ipni_told_read(struct ipni_told *out, struct span in);
void ipni_told_write(struct writer *w, const struct ipni_told *t);

/* ipni_told_add puts contents, ascending and none of them told, into a new group. Their number and
 * what is told are at most max together (asserted). */
void ipni_told_add(struct ipni_told *t, uint8_t (*digests)[32], size_t count,
                   const uint8_t context[IPNI_MULTIHASH_SIZE]);

/* ipni_told_drop takes a group with all its contents out; the last group gets its number. */
void ipni_told_drop(struct ipni_told *t, uint32_t group);

/* ipni_told_group gives the contents of a group, ascending, at most max; their number. */
size_t ipni_told_group(const struct ipni_told *t, uint8_t (*out)[32], size_t max, uint32_t group);

#endif
