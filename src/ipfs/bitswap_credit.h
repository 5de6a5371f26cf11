/* bitswap_credit: what we remember of each peer we exchange blocks with: bytes both ways and
 * promises kept and broken. docs/spec/bitswap.md 4. Pure; memory is the caller's; one thread. */
#ifndef CRUST_IPFS_BITSWAP_CREDIT_H
#define CRUST_IPFS_BITSWAP_CREDIT_H

#include "base/err.h"
#include "base/span.h"

enum {
    BITSWAP_CREDIT_ID = 32, /* SHA-256 of the peer id's bytes */
    BITSWAP_CREDIT_SIZE = 64,
    BITSWAP_CREDIT_PROBES = 8, /* places where a peer may stand in the table */
    BITSWAP_CREDIT_BROKEN = 4, /* promises that must be broken before a peer is LAST */
};

enum bitswap_rank { BITSWAP_FIRST, BITSWAP_NORMAL, BITSWAP_LAST };

struct bitswap_credit {
    uint8_t peer[BITSWAP_CREDIT_ID];
    uint64_t sent, received; /* bytes of blocks */
    uint64_t hour;           /* when the numbers were halved last */
    uint32_t kept, broken;   /* promises */
};

/* A table over count records, which are kept; a new peer replaces the one it knows least of. */
struct bitswap_ledger {
    struct bitswap_credit *list;
    size_t count;
};

void bitswap_credit_init(struct bitswap_ledger *l, struct bitswap_credit *list, size_t count);

/* bitswap_credit_of finds or makes the record of a peer and halves what is old. Valid until the
 * next call. hour: hours since any fixed moment, never backwards. */
struct bitswap_credit *bitswap_credit_of(struct bitswap_ledger *l,
                                         const uint8_t peer[BITSWAP_CREDIT_ID], uint64_t hour);

/* bitswap_credit_find gives a copy of the record, as it has faded; false and zeros: there is none.
 */
bool bitswap_credit_find(const struct bitswap_ledger *l, struct bitswap_credit *out,
                         const uint8_t peer[BITSWAP_CREDIT_ID], uint64_t hour);

/* The rank of a peer; proven: the chain says that it has proven to hold what is wanted. */
enum bitswap_rank bitswap_credit_rank(const struct bitswap_credit *c, bool proven);

/* More than a quarter of its promises are broken, be they ever so few. */
bool bitswap_credit_doubted(const struct bitswap_credit *c);

/* The record on disk. decode: ERR_SHORT, ERR_TRAILING. */
void bitswap_credit_encode(uint8_t out[BITSWAP_CREDIT_SIZE], const struct bitswap_credit *c);
NODISCARD enum err bitswap_credit_decode(struct bitswap_credit *out, struct span in);

#endif
