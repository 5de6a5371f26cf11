/* verify: a bundle that shows an account, an order or a transaction's receipt to somebody who
 * trusts one block, or the genesis file, of a chain. Format: docs/spec/verify.md. Pure; no
 * allocation but jansson's.
 *
 * A bundle comes from anywhere. What is trusted is never in it: the caller says that. */
#ifndef CRUST_API_VERIFY_H
#define CRUST_API_VERIFY_H

#include "api/chain_client_proof.h"
#include "api/light.h"

enum {
    VERIFY_BUNDLE_MAX = 32 << 20,
    VERIFY_BLOCKS_MAX = 512, /* of the way from what is trusted */
    VERIFY_TXS_MAX = 100000, /* of the block with the receipt */
    VERIFY_WHAT_MAX = 240,
};

enum verify_kind { VERIFY_ACCOUNT, VERIFY_ORDER, VERIFY_TX };

/* "account", "order", "tx". */
const char *verify_kind_name(enum verify_kind kind);

/* Where trust comes from: a block by height and hash, or else the hash of the genesis file. */
struct verify_trust {
    bool by_block;
    uint64_t height;
    uint8_t hash[32]; /* of the block's header, or of the genesis file */
    struct light_clock clock;
    /* Believe a record without any signatures: the node's word for the app hash. */
    bool no_signatures;
};

struct verify_report {
    enum verify_kind kind;
    uint8_t id[32]; /* of the account, order or transaction */
    char chain_id[COMET_CHAIN_ID_MAX + 1];
    bool has_blocks;
    bool is_signed; /* else only the node says so, and the members up to `proof` are zero */
    uint64_t trusted_height;
    uint8_t trusted_hash[32];
    uint32_t steps; /* blocks followed from there */
    uint64_t signed_height;
    uint8_t signed_hash[32];
    int64_t signed_seconds; /* the block's time */
    struct light_signers signers;
    uint32_t validator_count;
    uint64_t validator_power;
    /* Accounts and orders: the record at proof.height; decode value with accounts_decode or
     * market_order_decode. */
    struct chain_client_proof proof;
    /* Transactions. */
    uint64_t tx_height;
    uint32_t tx_index, tx_code;
};

/* Room for work, about 100 KiB. */
struct verify_room {
    struct light_block trusted, block;
};

/* verify_record_place: the store and the key of a record. tx has none (asserted). */
enum { VERIFY_KEY_MAX = 33 };
struct span verify_record_place(enum state_store *store, uint8_t key[VERIFY_KEY_MAX],
                                enum verify_kind kind, const uint8_t id[32]);

/* verify_genesis: the validators that a genesis file names, in the engine's order, and its chain
 * id. Returns: OK; ERR_FORMAT, ERR_RANGE, ERR_LIMIT. */
NODISCARD enum err verify_genesis(struct comet_validators *out, char id[COMET_CHAIN_ID_MAX + 1],
                                  struct span genesis);

/* verify_bundle checks everything. what: on failure, in words.
 * Returns: OK; ERR_FORMAT, ERR_LIMIT, ERR_RANGE, ERR_SHORT (no such bundle); ERR_NOT_FOUND (it does
 *          not begin at what is trusted); ERR_TIMEOUT (what is trusted is too old); ERR_DENIED (a
 *          step of the way is not signed by enough of the validators that were trusted before);
 *          ERR_CORRUPT (parts do not fit each other); ERR_SIGNATURE (too few signed, or nobody). */
NODISCARD enum err verify_bundle(struct verify_report *out, char what[VERIFY_WHAT_MAX],
                                 struct verify_room *room, struct span bundle,
                                 const struct verify_trust *trust);

#endif
