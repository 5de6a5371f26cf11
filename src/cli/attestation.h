/* attestation: how long the evidence that a worker stands on still holds, in words and as JSON. */
#ifndef CRUST_CLI_ATTESTATION_H
#define CRUST_CLI_ATTESTATION_H

#include "api/chain_client.h"

#include <jansson.h>

enum attestation_state {
    ATTESTATION_SOFTWARE, /* no hardware: it does not lapse */
    ATTESTATION_GOOD,
    ATTESTATION_SOON, /* less than a quarter of its time is left: it should have been renewed */
    ATTESTATION_LAPSED,
};

struct attestation {
    enum attestation_state state;
    uint64_t seconds; /* until it lapses, or since it has; 0: not known */
    const char *next; /* the command that shows why; NULL: all is well. Static */
};

enum { ATTESTATION_TEXT_MAX = 320 };

/* valid_s: the parameter attest_valid_s; 0: not known. now: seconds, of the chain. */
struct attestation attestation_of(const struct chain_client_worker *w, uint64_t valid_s,
                                  uint64_t now);

/* "sgx, UpToDate, counts in full; lapses in 2 days 5 hours". */
void attestation_text(char out[ATTESTATION_TEXT_MAX], const struct attestation *a,
                      const struct chain_client_worker *w);

/* {provider, class, weight, status, state, attested_at, expires_at, days_left, next}: given. */
json_t *attestation_json(const struct attestation *a, const struct chain_client_worker *w);

#endif
