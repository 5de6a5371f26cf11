/* kad_contact: a node of the DHT as table and look-ups hold it: its id, its place, a few addresses.
 * docs/spec/kad.md 2.1. Pure. */
#ifndef CRUST_P2P_KAD_CONTACT_H
#define CRUST_P2P_KAD_CONTACT_H

#include "codec/kad.h"

enum {
    KAD_K = 20,              /* nodes of a bucket, of an answer, that store a record */
    KAD_PLACE = 32,          /* bytes of a place */
    KAD_CONTACT_ADDRS = 4,   /* addresses that are kept */
    KAD_CONTACT_BYTES = 128, /* their bytes, each behind its length */
};

struct kad_contact {
    uint8_t id_size, addrs_size;
    uint8_t id[KAD_PEER_ID_MAX];
    uint8_t addrs[KAD_CONTACT_BYTES];
    uint8_t place[KAD_PLACE];
};

/* Which addresses are taken from others: global ones for Amino, private ones for a LAN. */
struct kad_filter {
    void *ctx;
    bool (*usable)(void *ctx, struct span addr); /* NULL: all */
};

/* kad_contact_place = SHA-256 of a peer id, a multihash, a record's key. */
void kad_contact_place(uint8_t out[KAD_PLACE], struct span key);

/* kad_contact_of copies a peer of an answer with what is usable of its addresses; the id is valid
 * (asserted). */
void kad_contact_of(struct kad_contact *out, const struct kad_peer *p, const struct kad_filter *f);

/* The same as a peer, borrowed from c. */
void kad_contact_peer(struct kad_peer *out, const struct kad_contact *c);

static inline struct span kad_contact_id(const struct kad_contact *c)
{
    return span_of(c->id, c->id_size);
}

/* Which of two places is closer to target: <0 a, >0 b, 0 the same place. */
int kad_contact_cmp(const uint8_t target[KAD_PLACE], const uint8_t a[KAD_PLACE],
                    const uint8_t b[KAD_PLACE]);

/* The number of leading bits that two places share, 0 to 256. */
uint32_t kad_contact_shared(const uint8_t a[KAD_PLACE], const uint8_t b[KAD_PLACE]);

#endif
