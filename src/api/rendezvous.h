/* rendezvous: which workers should take an order first, so that not all fetch it at once and each
 * has a chance in the measure of its free space. Weighted highest-random-weight hashing in
 * integers: docs/design/agent.md. A rule of manners between merchants, not of the chain;
 * `crust put` pushes by it too. Pure. */
#ifndef CRUST_API_RENDEZVOUS_H
#define CRUST_API_RENDEZVOUS_H

#include "base/amount.h"
#include "codec/cid.h"

/* -log2(u) with 32 bits behind the point, for the fraction u = (x + 1) / 2^64: 0 to 64 * 2^32. */
uint64_t rendezvous_neg_log2(uint64_t x);

struct rendezvous_score {
    uint64_t distance; /* of rendezvous_neg_log2 */
    uint64_t weight;   /* at least 1 */
};

/* The score of a worker (32 bytes) for a content key in an epoch named by 32 bytes. The first 64
 * bits of H("crust/rendezvous/1", epoch, codec u32, digest, worker). */
struct rendezvous_score rendezvous_score(const uint8_t epoch[32], const struct content_key *key,
                                         const uint8_t worker[32], uint64_t weight);

/* a comes before b: its distance per weight is smaller. Ties: false. */
bool rendezvous_before(const struct rendezvous_score *a, const struct rendezvous_score *b);

#endif
