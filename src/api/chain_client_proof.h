/* chain_client_proof: the client's half of GET /v1/proof/{store}/{key}. Pure. */
#ifndef CRUST_API_CHAIN_CLIENT_PROOF_H
#define CRUST_API_CHAIN_CLIENT_PROOF_H

#include "api/chain_client.h"
#include "chain/prove.h"

/* An answer whose proof was checked against its own app_hash. Whoever believes it must have that
 * hash from a header of height + 1 that validators signed (api/light.h). */
struct chain_client_proof {
    uint64_t height;
    uint8_t app_hash[32];
    bool there;
    size_t value_size;
    uint8_t value[STATE_VALUE_MAX];
};

/* chain_client_proof_path: ERR_LIMIT when the key has more than STATE_KEY_MAX bytes. */
enum { CHAIN_CLIENT_PROOF_PATH_MAX = 32 + 2 * STATE_KEY_MAX + 1 };
NODISCARD enum err chain_client_proof_path(char out[CHAIN_CLIENT_PROOF_PATH_MAX],
                                           enum state_store store, struct span key);

struct json_value;

/* chain_client_read_proof reads the answer out of a larger document, which failures go to. */
void chain_client_read_proof(struct chain_client_proof *out, struct json_value v,
                             enum state_store store, struct span key);

/* chain_client_decode_proof reads the answer about this store and key and checks the proof in it.
 * Returns: OK; ERR_FORMAT, ERR_LIMIT (the JSON, or it is about another record); ERR_CORRUPT (the
 *          proof does not hold). *out zeroed on failure. */
NODISCARD enum err chain_client_decode_proof(struct chain_client_proof *out, struct span body,
                                             enum state_store store, struct span key);

#endif
