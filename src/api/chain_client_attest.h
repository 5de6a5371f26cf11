/* chain_client_attest: the documents that a chain judges evidence by, as a client sees them:
 * GET /v1/collateral, /v1/collateral/{id}, /v1/attest/roots. docs/guide/chain-api.md. Pure. */
#ifndef CRUST_API_CHAIN_CLIENT_ATTEST_H
#define CRUST_API_CHAIN_CLIENT_ATTEST_H

#include "api/chain_client.h"
#include "attest/bundle.h"

enum { CHAIN_CLIENT_DOCUMENTS_MAX = 100 }; /* of one page */

struct chain_client_document {
    struct collateral_entry entry;
    char kind[CHAIN_CLIENT_NAME_MAX];
    char about[CHAIN_CLIENT_NAME_MAX]; /* "sgx 00906ED50000", "Milan", a CA's name, or "" */
    bool lapsed;
    uint64_t height; /* of the block that took it */
};

struct chain_client_documents {
    size_t count;
    char cursor[CHAIN_CLIENT_CURSOR_MAX]; /* not "": more follows */
    struct chain_client_document items[CHAIN_CLIENT_DOCUMENTS_MAX];
};

/* cursor: "" for the first page. */
void chain_client_documents_path(char out[CHAIN_CLIENT_PATH_MAX], const char *cursor);
NODISCARD enum err chain_client_decode_documents(struct chain_client_documents *out,
                                                 struct span body);

/* One document's bytes. Out: *size bytes in room. ERR_LIMIT. */
void chain_client_document_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32]);
NODISCARD enum err chain_client_decode_document(size_t *size, struct mspan room, struct span body);

/* The same with the certificate that goes with it, as struct collateral_post has them; both point
 * into room. ERR_LIMIT. */
struct chain_client_post {
    struct span document, issuer; /* no issuer: empty */
};
NODISCARD enum err chain_client_decode_post(struct chain_client_post *out, struct mspan room,
                                            struct span body);

/* What a worker stands on: its evidence as it was registered. 404: no hardware vouches for it. */
void chain_client_evidence_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t worker[32]);
NODISCARD enum err chain_client_decode_evidence(size_t *size, struct mspan room, struct span body);

/* The roots: points into room. ERR_LIMIT. */
#define CHAIN_CLIENT_ROOTS "/v1/attest/roots"
enum { CHAIN_CLIENT_ROOTS_ROOM = 16384 };
NODISCARD enum err chain_client_decode_roots(struct attest_roots *out,
                                             uint8_t room[CHAIN_CLIENT_ROOTS_ROOM],
                                             struct span body);

#endif
