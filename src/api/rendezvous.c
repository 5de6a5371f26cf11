#include "api/rendezvous.h"

#include "crypto/sha256.h"

uint64_t rendezvous_neg_log2(uint64_t x)
{
    if (x == UINT64_MAX)
        return 0;
    uint64_t n = x + 1;
    uint64_t lead = 0;
    while ((n >> 63) == 0) {
        n <<= 1;
        lead++;
    }
    /* n / 2^63 is in [1, 2); its binary logarithm, bit by bit, by squaring. */
    uint64_t log = 0;
    for (int bit = 0; bit < 32; bit++) {
        u128 square = (u128)n * n >> 63;
        log <<= 1;
        if (square >> 64 != 0) {
            log |= 1;
            square >>= 1;
        }
        n = (uint64_t)square;
    }
    return ((lead + 1) << 32) - log;
}

struct rendezvous_score rendezvous_score(const uint8_t epoch[32], const struct content_key *key,
                                         const uint8_t worker[32], uint64_t weight)
{
    static const char tag[] = "crust/rendezvous/1";
    uint8_t in[sizeof(tag) - 1 + 32 + 4 + 32 + 32], hash[32];
    uint8_t *p = in;
    memcpy(p, tag, sizeof(tag) - 1);
    p += sizeof(tag) - 1;
    memcpy(p, epoch, 32);
    store_le32(p + 32, key->codec);
    memcpy(p + 36, key->digest, 32);
    memcpy(p + 68, worker, 32);
    sha256(hash, span_of(in, sizeof(in)));
    return (struct rendezvous_score){ .distance = rendezvous_neg_log2(load_le64(hash)),
                                      .weight = weight == 0 ? 1 : weight };
}

bool rendezvous_before(const struct rendezvous_score *a, const struct rendezvous_score *b)
{
    return (u128)a->distance * b->weight < (u128)b->distance * a->weight;
}
