/* engine: what an agreement engine asks of the ledger. The calls are those of ABCI 2.0: the
 * embedded engine makes them, and the ABCI server makes the same ones for CometBFT.
 *
 * Order within a height: prepare (proposer only), process, finalize, commit. finalize writes
 * nothing durable and may be called again for the same height after a crash; commit makes its
 * result durable in one transaction. All calls on one thread (the loop of chaind). */
#ifndef CRUST_ENGINE_ENGINE_H
#define CRUST_ENGINE_ENGINE_H

#include "base/err.h"
#include "base/span.h"
#include "chain/chain.h"
#include "store/statedb.h"

struct agreement;
struct block_header;

struct engine_info {
    bool fresh;       /* init_chain has not run */
    uint64_t height;  /* of the last commit; 0 after genesis */
    uint64_t time_ms; /* of that block, or of genesis */
    uint8_t app_hash[32];
    uint8_t block_hash[32]; /* of that block; zeros after genesis */
    uint8_t chain[32];      /* SHA-256 of the chain id's text */
};

/* A decided block. txs are borrowed during the call. */
struct engine_block {
    const struct block_header *header; /* its agreement is the hash of the one below */
    const struct agreement *agreement; /* NULL: nothing is known of votes and offences */
    const struct span *txs;
    const bool *signatures; /* per tx: tx_check_signature said OK. Never NULL when tx_count > 0 */
    size_t tx_count;
};

/* What an engine says about the genesis that it starts from. Borrowed. */
struct engine_validator {
    uint8_t key[32];
    uint64_t power;
};
struct engine_genesis {
    uint8_t hash[32]; /* of the genesis file */
    struct span chain_id;
    const struct engine_validator *validators;
    size_t validator_count;
};

struct engine_app {
    void *ctx;

    /* The last commit. */
    struct engine_info (*info)(void *ctx);

    /* init_chain writes and commits the state of height 0. Only while info says fresh. what: on
     * failure the field and the reason. ERR_FORMAT, ERR_RANGE, ERR_LIMIT (the file), or as
     * statedb_commit. */
    enum err (*init_chain)(void *ctx, struct span genesis, char what[CHAIN_WHAT_MAX]);

    /* Is this the genesis that init_chain took? ERR_STATE: not; what says how they differ. */
    enum err (*check_genesis)(void *ctx, const struct engine_genesis *genesis,
                              char what[CHAIN_WHAT_MAX]);

    /* May this transaction wait for a block? Against the last commit. recheck: its signature was
     * checked before. */
    void (*check_tx)(void *ctx, struct chain_check *out, struct span tx, bool recheck);

    /* Orders candidates into the next block and drops what does not fit, what cannot be in it
     * together, and what comes before its turn. */
    void (*prepare)(void *ctx, struct chain_candidate *txs, size_t *count, size_t max_bytes);

    /* False refuses the block. Looks at the last commit only. */
    bool (*process)(void *ctx, const struct engine_block *block);

    /* Executes the block into memory. results: tx_count entries, given by the caller. *out borrowed
     * until the next call. ERR_STATE (not the next height), ERR_IO (the state cannot be read:
     * stop).
     */
    enum err (*finalize)(void *ctx, struct chain_output *out, struct chain_tx_result *results,
                         const struct engine_block *block);

    /* Makes what finalize did durable, together with rows of the engine's own, its results, its
     * index rows and its undo record. On failure (ERR_FULL: disk) nothing is changed and the call
     * may be repeated. */
    enum err (*commit)(void *ctx, const struct statedb_row *rows, size_t row_count);

    /* The parameters as of the last commit; finalized: as the block of the last finalize leaves
     * them. Borrowed until the next call. */
    const struct params *(*params)(void *ctx, bool finalized);

    /* The account behind a validator's address of 20 bytes, as of the last commit: it gets the
     * author's part of the fees. False: unknown. */
    bool (*validator_account)(void *ctx, uint8_t account[32], const uint8_t *address);

    /* Reads one record of the last commit: path is "/store/NAME", key the record's key.
     * ERR_NOT_FOUND; ERR_FORMAT (the path). *value borrowed until the next commit. */
    enum err (*query)(void *ctx, struct span *value, const char *path, struct span key);

    /* The same with its proof (chain/prove.h) written to ops. When there is no such record: OK,
     * *value {NULL, 0}, and ops prove that. ERR_NOT_FOUND (no state yet); ERR_FORMAT (the path);
     * ERR_UNSUPPORTED (records of this store have no proofs); ERR_LIMIT (the key). */
    enum err (*prove)(void *ctx, struct span *value, struct writer *ops, const char *path,
                      struct span key);
};

#endif
