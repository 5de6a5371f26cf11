/* agreement: what the engine tells about how a block came about: who proposed it, who signed the
 * one before it, and whom it caught lying. Part of the block record, as canonical DAG-CBOR.
 * Format: docs/spec/block.md 4. Pure.
 *
 *   { "votes": [[address, power, flag]...],
 *     "offences": [[type, address, power, height, time, total power]...], "proposer": address }
 *
 * An address is a validator's: the first 20 bytes of SHA-256 of its public key. */
#ifndef CRUST_CODEC_AGREEMENT_H
#define CRUST_CODEC_AGREEMENT_H

#include "base/err.h"
#include "base/span.h"
#include "base/writer.h"

enum {
    AGREEMENT_ADDRESS_SIZE = 20,
    AGREEMENT_VOTES_MAX = 256,   /* spec 4.3 */
    AGREEMENT_OFFENCES_MAX = 64, /* spec 4.3 */
    AGREEMENT_HASH_SIZE = 32,
    /* Encoded: keys and counts, 40 bytes a vote, 64 an offence. */
    AGREEMENT_SIZE_MAX = 64 + AGREEMENT_VOTES_MAX * 40 + AGREEMENT_OFFENCES_MAX * 64,
};

enum agreement_flag { AGREEMENT_ABSENT = 1, AGREEMENT_COMMIT = 2, AGREEMENT_NIL = 3 };

enum agreement_offence_type { AGREEMENT_DUPLICATE_VOTE = 1, AGREEMENT_LIGHT_CLIENT_ATTACK = 2 };

/* A validator of height - 1 and what it did there. */
struct agreement_vote {
    uint8_t address[AGREEMENT_ADDRESS_SIZE];
    uint8_t flag; /* enum agreement_flag */
    uint64_t power;
};

/* An offence that the engine has proven, at its height and time. */
struct agreement_offence {
    uint8_t type; /* enum agreement_offence_type */
    uint8_t address[AGREEMENT_ADDRESS_SIZE];
    uint64_t power;
    uint64_t height;
    uint64_t time_ms;
    uint64_t total_power; /* of all validators then */
};

/* All zeros: nothing is known (no proposer, no votes, no offences). Large for a stack. */
struct agreement {
    uint8_t proposer[AGREEMENT_ADDRESS_SIZE]; /* zeros: none */
    uint32_t vote_count;
    uint32_t offence_count;
    struct agreement_vote votes[AGREEMENT_VOTES_MAX];
    struct agreement_offence offences[AGREEMENT_OFFENCES_MAX];
};

/* agreement_encode writes it; NULL means all zeros. */
void agreement_encode(struct writer *w, const struct agreement *a);

/* agreement_decode: OK, ERR_SHORT, ERR_TRAILING, ERR_FORMAT (not canonical; a flag, type or address
 * that does not exist), ERR_LIMIT, ERR_RANGE. *out zeroed on failure. */
NODISCARD enum err agreement_decode(struct agreement *out, struct span in);

/* agreement_hash: H("crust/agreement/1", its CBOR); NULL means all zeros. agreement_hash_encoded:
 * the same of bytes that agreement_encode gave. */
void agreement_hash(uint8_t out[AGREEMENT_HASH_SIZE], const struct agreement *a);
void agreement_hash_encoded(uint8_t out[AGREEMENT_HASH_SIZE], struct span encoded);

/* The address of a public key. */
void agreement_address(uint8_t out[AGREEMENT_ADDRESS_SIZE], const uint8_t key[32]);

#endif
