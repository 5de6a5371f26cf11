/* car_push: how the owner of an order, or who orders for him, hands its content to a node that
 * cannot reach him: PUT of a CAR with a signature in a header. Spec: docs/spec/car-push.md. Both
 * sides; pure. */
#ifndef CRUST_API_CAR_PUSH_H
#define CRUST_API_CAR_PUSH_H

#include "codec/cid.h"
#include "crypto/ed25519.h"

#define CAR_PUSH_HEADER "Crust-Push"
#define CAR_PUSH_MEDIA  "application/vnd.ipld.car"

enum {
    CAR_PUSH_PATH_MAX = 160,
    CAR_PUSH_VALUE_MAX = 330, /* of the header, with the NUL */
    CAR_PUSH_AGE_MAX = 100,   /* blocks that a signature is good for */
    CAR_PUSH_AHEAD_MAX = 10,  /* blocks that the node may lag behind the client's chain */
};

/* What the header says: "order=HEX64, height=N, sig=HEX128", or with "by=HEX64, " before sig. */
struct car_push_claim {
    uint8_t order[32];
    uint64_t height; /* the chain's, when it was signed */
    bool has_by;     /* signed by a key that the order's account allows to order for it */
    uint8_t by[32];
    uint8_t signature[ED25519_SIGNATURE_SIZE];
};

/* What the signature is over, besides the claim's own fields. */
struct car_push_subject {
    uint8_t chain[32]; /* SHA-256 of the chain id's text */
    struct content_key key;
};

/* "/crust/v1/orders/{cid}/car". */
void car_push_path(char out[CAR_PUSH_PATH_MAX], const struct content_key *key);

/* ERR_NOT_FOUND: another path. ERR_FORMAT, ERR_UNSUPPORTED and so on: what stands there is no CID
 * of content that can be ordered. */
NODISCARD enum err car_push_parse_path(struct content_key *out, const char *path);

/* car_push_sign fills claim->signature; the key is the account's own, or claim->by. */
void car_push_sign(struct car_push_claim *claim, const struct car_push_subject *subject,
                   const struct ed25519_key *key);
void car_push_format(char out[CAR_PUSH_VALUE_MAX], const struct car_push_claim *claim);

/* ERR_FORMAT, ERR_RANGE, ERR_TRAILING. Zeroed on failure. */
NODISCARD enum err car_push_parse(struct car_push_claim *out, const char *value);

/* car_push_check: is it signed, by claim->by where that is set (whether owner allows that key is
 * the chain's to say), else by owner? ERR_RANGE (signed too long ago, or ahead of the chain),
 * ERR_SIGNATURE. */
NODISCARD enum err car_push_check(const struct car_push_claim *claim,
                                  const struct car_push_subject *subject, const uint8_t owner[32],
                                  uint64_t height);

#endif
