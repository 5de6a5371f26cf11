/* chain: the deterministic state machine, as an agreement engine drives it.
 * Spec: docs/spec/transactions.md, docs/spec/state.md. Pure: no clock, no threads, no allocation.
 *
 * The kv that is handed in is the state. chain_finalize writes the block's changes into it, so the
 * engine hands in an overlay that it commits, or throws away, as a whole. Reading functions
 * (check_tx, prepare, process, queries) work on a kv of committed state and write nothing. */
#ifndef CRUST_CHAIN_CHAIN_H
#define CRUST_CHAIN_CHAIN_H

#include "chain/module.h"

enum {
    CHAIN_NOTES = 16384,    /* keys noted between two updates of the trees */
    CHAIN_ID_MAX = 50,      /* CometBFT's limit */
    CHAIN_NONCE_AHEAD = 64, /* transactions of one signer that may wait in the mempool */
    CHAIN_BLOCK_TXS_MAX = 20000,
    CHAIN_GENESIS_MAX = 16 * 1024 * 1024,
};

struct chain {
    struct state st;
    struct params params;
    struct ledger ledger;           /* of the block in hand, or of the next one for reading */
    const struct module_work *work; /* set by chain_open; tests may put a model here */
    char id[CHAIN_ID_MAX + 1];
    uint64_t height; /* of the last block; 0 after genesis */
    uint64_t time_ms;
    uint8_t app_hash[32]; /* after that block */
};

/* The bytes of memory that chain_open needs: for writing (finalize, genesis), 0 for reading. */
size_t chain_memory_size(void);

/* chain_genesis writes the state of height 0 from a genesis file (docs/spec/params.md 3). The kv is
 * empty. what: on failure the field and reason, NUL-terminated.
 * Returns: OK; ERR_FORMAT, ERR_RANGE, ERR_LIMIT (the file); ERR_IO (the kv). */
enum { CHAIN_WHAT_MAX = 160 };
NODISCARD enum err chain_genesis(struct chain *c, const struct kv *kv, void *memory,
                                 struct span genesis, char what[CHAIN_WHAT_MAX]);

/* chain_open reads the head of an existing state. memory: chain_memory_size() bytes, 16-aligned,
 * kept; NULL for reading only. kv is kept. Returns OK, ERR_NOT_FOUND (no genesis yet), ERR_CORRUPT,
 * ERR_IO. */
NODISCARD enum err chain_open(struct chain *c, const struct kv *kv, void *memory);

/* chain_check_tx: may this transaction wait in the mempool? recheck skips the signature, which was
 * checked before. */
struct chain_check {
    enum tx_result code; /* RESULT_OK admits */
    uint64_t priority;   /* higher first: 3 beacon, 2 report, 1 dispute, 0 others */
    struct amount fee;   /* within one priority, higher first */
    uint8_t signer[64];  /* from | by: one order of nonces each; zeros when unsigned */
    uint64_t nonce;
    uint8_t id[TX_ID_SIZE];
    bool attests; /* counts towards params.attest_per_block */
};
void chain_check_tx(struct chain *c, struct chain_check *out, struct span tx, bool recheck);

/* chain_prepare orders candidates (as check_tx admitted them, in order of arrival) into a block:
 * beacon contributions, first reports within their room, disputes, then the rest by tip and by
 * arrival; transactions of one signer by nonce. At most params.block_bytes_max bytes of
 * transactions, and besides them one dispute over TX_SIZE_SMALL_MAX; never more than max_bytes,
 * counting 6 bytes of framing for each. In/out: txs, *count; what does not go in is dropped. */
struct chain_candidate {
    struct span bytes;
    struct chain_check check;
    uint32_t rank; /* used by chain_prepare alone */
};
void chain_prepare(struct chain *c, struct chain_candidate *txs, size_t *count, size_t max_bytes);

/* chain_process: false refuses a proposed block: more bytes than chain_prepare would put in, or a
 * transaction that does not decode. */
enum { CHAIN_ADDRESS_SIZE = 20 }; /* SHA-256 of a consensus key, cut; CometBFT's */

/* One validator's part in the agreement on the block before. */
struct chain_vote {
    uint8_t address[CHAIN_ADDRESS_SIZE];
    bool signed_block; /* it signed for that block, not for none; else it was absent or said nil */
};

/* Evidence that the engine has checked: two votes where one is allowed, or an attack on light
 * clients. Both cost the same. */
struct chain_misbehaviour {
    uint8_t address[CHAIN_ADDRESS_SIZE];
    uint64_t height; /* of the offence */
    uint64_t time_ms;
};

struct chain_block {
    uint64_t height;
    uint64_t time_ms;
    uint8_t hash[32]; /* of this block, for evidence */
    const struct span *txs;
    const bool *signatures; /* per tx: tx_check_signature said OK. NULL: checked here */
    size_t tx_count;
    const uint8_t *author; /* account that gets the author's part of fees; may be NULL. With an
                            * engine that knows addresses: chain_validator_account's */
    const struct chain_vote *votes; /* on the block before; none with the embedded engine */
    size_t vote_count;
    const struct chain_misbehaviour *misbehaviour;
    size_t misbehaviour_count;
};
bool chain_process(struct chain *c, const struct chain_block *block);

/* chain_finalize runs a block. Results has tx_count entries.
 * Out:     out->app_hash. Events go to emit, if any: with tx_index the number of the transaction,
 *          or -1 for the block's own.
 * Returns: OK, or ERR_IO when the kv failed: the caller throws the writes away and stops.
 *          ERR_STATE when height is not the next one. */
struct chain_tx_result {
    enum tx_result code;
    struct amount fee; /* charged, tip included */
};
struct chain_sink {
    void (*emit)(void *ctx, int64_t tx_index, const struct ledger_event *event);
    void *ctx;
};
struct chain_validator_update {
    uint8_t key[32];
    uint64_t power; /* 0: removed */
};
enum { CHAIN_VALIDATORS_MAX = 128 };
struct chain_output {
    uint8_t app_hash[32];
    uint32_t update_count; /* of validators, each key once; none without staking */
    struct chain_validator_update updates[CHAIN_VALIDATORS_MAX];
};
NODISCARD enum err chain_finalize(struct chain *c, struct chain_output *out,
                                  struct chain_tx_result *results, const struct chain_block *block,
                                  const struct chain_sink *sink);

/* A validator of genesis: the account that gets its fees, and its power. False: unknown key. */
bool chain_validator(struct chain *c, uint8_t account[32], uint64_t *power, const uint8_t key[32]);

/* How many validators genesis names. */
size_t chain_validator_count(struct chain *c);

/* The account behind a validator's address. False: never a validator here. */
bool chain_validator_account(struct chain *c, uint8_t account[32],
                             const uint8_t address[CHAIN_ADDRESS_SIZE]);

/* chain_contribution: in the beacon window, the beacon transaction of this key when it has not
 * contributed yet. Out: *out inside room. ERR_NOT_FOUND: nothing to contribute now. */
NODISCARD enum err chain_contribution(struct chain *c, struct span *out, struct mspan room,
                                      const struct ed25519_key *key);

/* Used by genesis.c: storing what chain_open reads, the second with the new app hash. */
void chain_store_params(struct chain *c);
void chain_store_head(struct chain *c);

/* chain_restored ends filling an empty state record by record: trees and the app hash, after which
 * chain_open finds it. */
void chain_restored(struct state *st, uint8_t app_hash[32]);

/* chain_check_invariants: money is conserved and the market's sums agree. For tests and audits;
 * reads everything. *what names the broken rule. */
NODISCARD enum err chain_check_invariants(struct chain *c, const char **what);

#endif
