/* pin_tokens: who may use the pinning API: the file pins/tokens, written by `crust pin token` and
 * read by crust-ipfsd. Format: docs/spec/pinning.md 5. A token itself is nowhere, only its hash.
 * Pure; total on any bytes. */
#ifndef CRUST_API_PIN_TOKENS_H
#define CRUST_API_PIN_TOKENS_H

#include "base/amount.h"
#include "base/err.h"
#include "base/writer.h"

enum {
    PIN_TOKENS_MAX = 128,
    PIN_TOKENS_NAME_MAX = 64,
    PIN_TOKENS_FILE_MAX = 64 << 10, /* 128 tokens of at most 450 bytes */
    PIN_TOKENS_SECRET_MAX = 256,    /* characters of a token that are looked at */
    PIN_TOKENS_WHY_MAX = 160,
};

struct pin_token {
    char name[PIN_TOKENS_NAME_MAX + 1]; /* letters, digits, '-', '_', '.' */
    uint8_t hash[32];                   /* of the token; the first 8 bytes are its id */
    uint8_t account[32];                /* that pays */
    struct amount cap;                  /* what may be spent through it in all */
    uint64_t until_ms;                  /* wall clock; 0: for ever */
    uint32_t replicas;                  /* of its orders; 0: the network's default */
};

struct pin_tokens {
    size_t count;
    struct pin_token tokens[PIN_TOKENS_MAX];
};

/* pin_tokens_parse. Out: *out, zeroed on failure; why, for people. ERR_FORMAT, ERR_LIMIT,
 * ERR_RANGE. */
NODISCARD enum err pin_tokens_parse(struct pin_tokens *out, char why[PIN_TOKENS_WHY_MAX],
                                    struct span file);
void pin_tokens_format(struct writer *w, const struct pin_tokens *tokens);

/* A name that may stand in the file. */
bool pin_tokens_name_ok(const char *name);

/* SHA-256 of "crust/pin-token/1" and the token's text. */
void pin_tokens_hash(uint8_t out[32], struct span token);

/* The token with this hash, or NULL; all are compared, whichever it is. By name. */
const struct pin_token *pin_tokens_find(const struct pin_tokens *tokens, const uint8_t hash[32]);
const struct pin_token *pin_tokens_named(const struct pin_tokens *tokens, const char *name);

/* "Bearer TOKEN" of an Authorization header; false: it is none. */
bool pin_tokens_bearer(struct span *token, const char *header);

#endif
