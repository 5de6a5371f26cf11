/* seal_keys: the keys of an enclave, all derived from the node master key (NMK), and the four ways
 * in which they protect bytes that the host keeps. Spec: docs/spec/seal.md section 2. Pure. */
#ifndef CRUST_SEAL_SEAL_KEYS_H
#define CRUST_SEAL_SEAL_KEYS_H

#include "codec/cid.h"
#include "codec/enclave_types.h"
#include "crypto/ed25519.h"
#include "crypto/secret.h"

enum {
    SEAL_KEYS_EPOCH = 1,
    SEAL_KEYS_MAC = 32,
    SEAL_KEYS_BLOB = 1 + 24 + 132 + 16, /* version, nonce, secrets, epoch and pin, tag */
};

struct seal_keys {
    struct secret nmk;
    struct secret worker_seed;
    uint8_t lineage[32];
    uint32_t epoch;  /* of the key that new segments are wrapped under */
    uint8_t pin[32]; /* hash of the governance keys that the worker was made under */
    /* derived */
    struct ed25519_key worker;
    struct secret mac;        /* of records and tickets */
    struct secret inspect;    /* of private draws */
    struct secret checkpoint; /* of sealing sessions */
};

/* seal_keys_make makes the keys of a new worker from 32 random bytes. pin: 32 bytes. */
void seal_keys_make(struct seal_keys *k, const struct secret *nmk, const uint8_t *pin);

/* The X25519 pair of the worker, to which a predecessor hands its keys. */
void seal_keys_exchange(struct secret *secret, uint8_t public_key[32], const struct seal_keys *k);

/* seal_keys_inherit takes the predecessor's keys in the place of its own; the worker's seed stays,
 * the epoch goes up by one. */
void seal_keys_inherit(struct seal_keys *k, const struct secret *nmk, const uint8_t lineage[32],
                       uint32_t epoch);

void seal_keys_wipe(struct seal_keys *k);

/* The sealed form, for one chain and one sealing key. nonce: 24 fresh random bytes. */
void seal_keys_seal(uint8_t out[SEAL_KEYS_BLOB], const struct seal_keys *k,
                    const struct secret *sealing, const uint8_t chain[32], const uint8_t nonce[24]);

/* seal_keys_open: OK; ERR_FORMAT (length, version), ERR_SIGNATURE (another sealing key or chain, or
 * changed bytes). *k is zeroed on failure. */
NODISCARD enum err seal_keys_open(struct seal_keys *k, struct span blob,
                                  const struct secret *sealing, const uint8_t chain[32]);

/* What a segment key is bound to, besides the lineage. */
struct seal_keys_segment {
    struct content_key content;
    uint32_t segment;
    uint32_t length;
};

/* seal_keys_wrap wraps the key of a closed segment for unseal and inspect. */
void seal_keys_wrap(uint8_t out[ENCLAVE_WRAPPED_SIZE], const struct seal_keys *k,
                    const struct seal_keys_segment *at, const struct secret *key,
                    const uint8_t nonce[24]);

/* seal_keys_unwrap: OK; ERR_SIGNATURE (another lineage, content, segment, length or epoch). *key is
 * zeroed on failure. */
NODISCARD enum err seal_keys_unwrap(struct secret *key, const struct seal_keys *k,
                                    const struct seal_keys_segment *at,
                                    const uint8_t wrapped[ENCLAVE_WRAPPED_SIZE]);

/* HMAC under the record key over a tag, the lineage and the bytes. */
void seal_keys_mac(uint8_t out[SEAL_KEYS_MAC], const struct seal_keys *k, const char *tag,
                   struct span bytes);

/* seal_keys_check: OK, or ERR_SIGNATURE. Constant time. */
NODISCARD enum err seal_keys_check(const uint8_t mac[SEAL_KEYS_MAC], const struct seal_keys *k,
                                   const char *tag, struct span bytes);

#endif
