/* abci_types: the parts of which the messages of ABCI 2.0 consist. Spec: CometBFT v0.38
 * proto/tendermint/abci/types.proto, in numbers: docs/spec/abci.md 5. Part of codec/abci.h. Pure.
 *
 * Texts are spans as bytes are; nothing here checks that they are UTF-8. A message that may be
 * absent begins with `present`; absent, its other members are zero. */
#ifndef CRUST_CODEC_ABCI_TYPES_H
#define CRUST_CODEC_ABCI_TYPES_H

#include "base/err.h"
#include "base/reader.h"
#include "base/span.h"
#include "base/writer.h"

/* A repeated field, as it stands in the bytes: nothing is copied, so that a block of transactions
 * needs no memory. Decoding has checked every item. Walked with abci_list_next or abci_list_bytes;
 * built with abci_list_add and abci_list_of. */
struct abci_list {
    struct span body; /* holds the items as fields `number`, and perhaps other fields between */
    uint32_t number;
    uint32_t count;
};

struct abci_time {
    int64_t seconds;
    int32_t nanos;
};

struct abci_block_params {
    bool present;
    int64_t max_bytes, max_gas; /* -1: no limit */
};

struct abci_evidence_params {
    bool present;
    int64_t max_age_blocks;
    struct abci_time max_age;
    int64_t max_bytes;
};

struct abci_validator_params {
    bool present;
    struct abci_list key_types;
};

struct abci_version_params {
    bool present;
    uint64_t app;
};

struct abci_abci_params {
    bool present;
    int64_t vote_extensions_height;
};

struct abci_params {
    bool present;
    struct abci_block_params block;
    struct abci_evidence_params evidence;
    struct abci_validator_params validator;
    struct abci_version_params version;
    struct abci_abci_params abci;
};

struct abci_validator {
    struct span address;
    int64_t power;
};

/* ---- items of lists ---- */

struct abci_vote {
    struct abci_validator validator;
    int32_t flag; /* as enum agreement_flag */
};

struct abci_extended_vote {
    struct abci_validator validator;
    struct span extension, signature;
    int32_t flag;
};

struct abci_misbehavior {
    int32_t type; /* as enum agreement_offence_type; 0 unknown */
    struct abci_validator validator;
    int64_t height;
    struct abci_time time;
    int64_t total_power;
};

struct abci_public_key {
    struct span ed25519, secp256k1; /* at most one is not empty; other types give neither */
};

struct abci_validator_update {
    struct abci_public_key key;
    int64_t power;
};

struct abci_attribute {
    struct span key, value;
    bool index;
};

struct abci_event {
    struct span type;
    struct abci_list attributes;
};

/* Also the answer to CheckTx. Code, data and both gas numbers go into the next header's hash. */
struct abci_tx_result {
    uint32_t code;
    struct span data, log, info;
    int64_t gas_wanted, gas_used;
    struct abci_list events;
    struct span codespace;
};

struct abci_snapshot {
    bool present; /* ignored in a list */
    uint64_t height;
    uint32_t format, chunks;
    struct span hash, metadata;
};

struct abci_proof_op {
    struct span type, key, data;
};

/* ---- commits ---- */

struct abci_commit_info {
    int32_t round;
    struct abci_list votes; /* abci_vote; in PrepareProposal abci_extended_vote */
};

/* What ProcessProposal, ExtendVote and FinalizeBlock say about a block. */
struct abci_block {
    struct abci_list txs; /* bytes */
    struct abci_commit_info last_commit;
    struct abci_list misbehavior;
    struct span hash;
    int64_t height;
    struct abci_time time;
    struct span next_validators_hash;
    struct span proposer;
};

#endif
