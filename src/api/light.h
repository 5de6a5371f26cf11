/* light: what a light client of a CometBFT chain believes: from a block that it trusts to a later
 * one, by signatures alone. Spec: CometBFT v0.38 spec/light-client/verification. Pure.
 *
 * Signatures are checked by the strict rule of crypto/ed25519.h, which is narrower than the
 * engine's (ZIP 215). One that fails it counts for nothing; it does not spoil the others. */
#ifndef CRUST_API_LIGHT_H
#define CRUST_API_LIGHT_H

#include "codec/comet.h"

/* A block as the RPC's /commit and /validators of one height tell it. About 45 KiB. */
struct light_block {
    struct comet_header header;
    struct comet_commit commit;
    struct comet_validators validators;
};

/* light_check: the parts belong together and to this chain, and validators with more than 2/3 of
 * the power of the block's own set signed it. It says nothing about who these validators are.
 * Returns: OK; ERR_FORMAT (another chain, or heights that differ); ERR_CORRUPT (header, commit or
 *          validators do not match each other); ERR_SIGNATURE (2/3 or less). */
NODISCARD enum err light_check(const struct light_block *block, const char *chain_id);

/* How many of the block's own validators signed it, and with how much of the power. */
struct light_signers {
    uint32_t count;
    uint64_t power;
};
struct light_signers light_signers(const struct light_block *block);

struct json_value;

/* light_read reads {"signed_header": {"header", "commit"}, "validators": [...]}, members as the
 * engine's RPC gives them. Failures go to the document. */
void light_read(struct light_block *out, struct json_value v);

struct light_clock {
    struct comet_time now;
    uint64_t trusting_seconds; /* shorter than the chain's unbonding time */
    uint64_t drift_seconds;    /* how far in the future a block's time may lie */
};

/* light_follow: a client that trusts one block may trust the later one. The next height needs the
 * validators that the trusted header announces; any other height needs signatures of more than 1/3
 * of the trusted validators' power. Both need light_check, which is done here.
 * Returns: OK; what light_check gives; ERR_TIMEOUT (the trusted block is older than the trusting
 *          period: a new start is needed); ERR_RANGE (height or time do not come after the trusted
 *          ones, or the time lies in the future); ERR_DENIED (too little of the trusted power
 *          signed, or another set than announced: try a height between). */
NODISCARD enum err light_follow(const struct light_block *trusted, const struct light_block *block,
                                const struct light_clock *clock);

#endif
