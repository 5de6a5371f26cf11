/* comet: the parts of a CometBFT block that a light client checks: header, commit and validator
 * set, their hashes, the bytes that validators sign, and the JSON in which the engine's RPC gives
 * them. Spec: CometBFT v0.38 spec/core/{data_structures,encoding}.md. Pure; no allocation but
 * jansson's. */
#ifndef CRUST_CODEC_COMET_H
#define CRUST_CODEC_COMET_H

#include "base/err.h"
#include "base/span.h"

enum {
    COMET_HASH_SIZE = 32,
    COMET_ADDRESS_SIZE = 20,
    COMET_KEY_SIZE = 32,
    COMET_SIGNATURE_SIZE = 64,
    COMET_CHAIN_ID_MAX = 50,
    COMET_VALIDATORS_MAX = 256,  /* ours are at most 128; the engine takes 10,000 */
    COMET_VOTE_SIZE_MAX = 224,   /* what one validator signs */
    COMET_JSON_MAX = 256 * 1024, /* of one answer of the RPC */
};

/* The engine's bound on the sum of all powers. */
#define COMET_POWER_MAX (INT64_MAX / 8)

struct comet_time {
    int64_t seconds; /* since 1970, UTC */
    uint32_t nanos;  /* below 10^9 */
};

/* Less than, equal to, greater than 0, as a stands before b. */
int comet_time_cmp(struct comet_time a, struct comet_time b);

/* A hash that may be missing: of the block before the first one. */
struct comet_hash {
    bool there;
    uint8_t bytes[COMET_HASH_SIZE];
};

struct comet_block_id {
    struct comet_hash hash;
    uint32_t parts_total;
    struct comet_hash parts;
};

struct comet_header {
    uint64_t version_block;
    uint64_t version_app;
    char chain_id[COMET_CHAIN_ID_MAX + 1];
    uint64_t height;
    struct comet_time time;
    struct comet_block_id last_block;
    struct comet_hash last_commit;
    struct comet_hash data;
    struct comet_hash validators;
    struct comet_hash next_validators;
    struct comet_hash consensus;
    struct comet_hash app; /* after the block before this one */
    struct comet_hash last_results;
    struct comet_hash evidence;
    uint8_t proposer[COMET_ADDRESS_SIZE];
};

enum comet_flag { COMET_ABSENT = 1, COMET_COMMIT = 2, COMET_NIL = 3 };

/* The vote of the validator with the same index in the set. */
struct comet_vote {
    enum comet_flag flag;
    uint8_t address[COMET_ADDRESS_SIZE]; /* zeros when absent */
    struct comet_time time;
    uint8_t signature[COMET_SIGNATURE_SIZE];
};

struct comet_commit {
    uint64_t height;
    uint32_t round;
    struct comet_block_id block;
    uint32_t count;
    struct comet_vote votes[COMET_VALIDATORS_MAX];
};

struct comet_validator {
    uint8_t address[COMET_ADDRESS_SIZE];
    uint8_t key[COMET_KEY_SIZE]; /* Ed25519 */
    uint64_t power;              /* 1 to COMET_POWER_MAX */
};

/* In the engine's order: by power, descending, then by address. */
struct comet_validators {
    uint32_t count;
    uint64_t power; /* of all; at most COMET_POWER_MAX */
    struct comet_validator list[COMET_VALIDATORS_MAX];
};

/* comet_address: the first 20 bytes of SHA-256(key). */
void comet_address(uint8_t out[COMET_ADDRESS_SIZE], const uint8_t key[COMET_KEY_SIZE]);

/* comet_header_hash: the block's name: the RFC 6962 root over the header's 14 fields. */
void comet_header_hash(uint8_t out[COMET_HASH_SIZE], const struct comet_header *header);

/* comet_validators_hash: RFC 6962 over (key, power) pairs. */
void comet_validators_hash(uint8_t out[COMET_HASH_SIZE], const struct comet_validators *set);

/* comet_data_leaf: what a transaction counts as under a header's data hash, the RFC 6962 root over
 * all of the block; id: its SHA-256. comet_result_leaf: what a result of this code without data and
 * gas counts as under the next header's last_results. */
void comet_data_leaf(uint8_t out[COMET_HASH_SIZE], const uint8_t id[COMET_HASH_SIZE]);
void comet_result_leaf(uint8_t out[COMET_HASH_SIZE], uint32_t code);

/* comet_sort puts validators into the engine's order. */
void comet_sort(struct comet_validators *set);

/* comet_vote_bytes writes what vote number index of the commit signs, and returns it. */
struct span comet_vote_bytes(uint8_t out[COMET_VOTE_SIZE_MAX], const char *chain_id,
                             const struct comet_commit *commit, size_t index);

/* ---- RPC JSON ------------------------------------------------------------------------------ */

struct json_value;

/* comet_read_header and comet_read_commit read the members "header" and "commit" of the answer to
 * /commit, comet_read_validators the array of the answer to /validators; pages are added to *set,
 * which starts as zeros. Members that are not named here are passed over. Failures go to the
 * document (codec/json.h): ERR_FORMAT, ERR_RANGE, ERR_LIMIT (more than COMET_VALIDATORS_MAX). A
 * validator whose address is not that of its key is ERR_FORMAT. */
void comet_read_header(struct comet_header *out, struct json_value v);
void comet_read_commit(struct comet_commit *out, struct json_value v);
void comet_read_validators(struct comet_validators *set, struct json_value array);

/* comet_read_time reads RFC 3339 in UTC ("2026-11-22T17:00:00.123456789Z"), years 1 to 9999. */
NODISCARD enum err comet_read_time(struct comet_time *out, struct span text);

#endif
