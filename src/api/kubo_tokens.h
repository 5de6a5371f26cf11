/* kubo_tokens: who may use Kubo's RPC from other machines: a file of hashes of tokens.
 * Format: docs/spec/kubo-rpc.md 4. Pure; total on any bytes. */
#ifndef CRUST_API_KUBO_TOKENS_H
#define CRUST_API_KUBO_TOKENS_H

#include "base/err.h"
#include "base/span.h"

enum {
    KUBO_TOKENS_MAX = 32,
    KUBO_TOKENS_FILE_MAX = 16 << 10,
    KUBO_TOKENS_SECRET_MIN = 24, /* bytes of a token: a hash of less can be guessed */
    KUBO_TOKENS_SECRET_MAX = 256,
};

struct kubo_tokens {
    size_t count;
    uint8_t hashes[KUBO_TOKENS_MAX][32];
};

/* kubo_tokens_parse. Out: *out, zeroed on failure. ERR_FORMAT (a line that is no hash, or none at
 * all), ERR_LIMIT. */
NODISCARD enum err kubo_tokens_parse(struct kubo_tokens *out, struct span file);

/* Whether an Authorization header, NULL when there is none, carries a token of the file. Takes as
 * long whichever it is. */
bool kubo_tokens_allow(const struct kubo_tokens *t, const char *header);

#endif
