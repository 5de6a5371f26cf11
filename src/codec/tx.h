/* tx: a transaction, as signed canonical DAG-CBOR. Format: docs/spec/transactions.md. Pure.
 *
 *   signed:   { "by": key32, "sig": bytes64, "tip": amount, "call": [name, {args}],
 *               "from": account32, "chain": bytes32, "nonce": uint, "expiry": height }
 *   unsigned: { "call": ["beacon", {args}] }, which carries its own proof
 *
 * A decoded tx borrows from the bytes it came from. At most one byte string decodes to a given
 * transaction, and tx_encode gives that string back. */
#ifndef CRUST_CODEC_TX_H
#define CRUST_CODEC_TX_H

#include "base/amount.h"
#include "base/err.h"
#include "base/span.h"
#include "base/writer.h"
#include "codec/cid.h"
#include "codec/tx_kind.h"
#include "codec/tx_stake.h"
#include "crypto/ed25519.h"

enum {
    TX_SIZE_MAX = 2 * 1024 * 1024 + 64 * 1024, /* one block of content and its proof */
    TX_SIZE_SMALL_MAX = 128 * 1024,            /* everything that carries no block of content */
    TX_BLOCK_MAX = 2 * 1024 * 1024,            /* a block of content, spec 3.11 */
    TX_PROOF_MAX = 32 * 1024,                  /* records and paths beside a block */
    TX_REPORT_MAX = 88 * 1024,                 /* as REPORT_RETURN_SIZE_MAX, spec report 6 */
    TX_EVIDENCE_MAX = 64 * 1024,               /* attestation evidence with its chain */
    TX_DOCUMENT_MAX = 14 * 1024,               /* of a vendor; with its issuer it fits a record */
    TX_ISSUER_MAX = 1536,                      /* its issuer's certificate */
    TX_ORIGINS_MAX = 4,                        /* places where the bytes are now */
    TX_ORIGIN_SIZE_MAX = 128,                  /* bytes of one origin, a URL or multiaddr */
    TX_URLS_MAX = 4,                           /* of a merchant's gateways */
    TX_URL_SIZE_MAX = 128,
    TX_VRF_PROOF_SIZE = 80, /* RFC 9381, Edwards25519 */
    TX_KEY_SIZE = 32,
    TX_SIG_SIZE = 64,
    TX_ID_SIZE = 32,
};

struct tx_transfer {
    uint8_t to[TX_KEY_SIZE];
    struct amount amount;
};

struct tx_allow {
    uint8_t key[TX_KEY_SIZE];
    uint64_t until;       /* last height at which the key may sign */
    struct amount amount; /* what it may spend, fees included; zero revokes */
};

struct tx_order {
    struct content_key key; /* codec raw, dag-pb or dag-cbor */
    uint64_t size;          /* bytes, sum of the block lengths */
    bool has_data_root;
    uint8_t data_root[32]; /* zeros when has_data_root is false */
    uint32_t replicas;     /* 0: the network's default */
    uint32_t origin_count;
    struct span origins[TX_ORIGINS_MAX]; /* borrowed; UTF-8 without control characters */
    struct amount tip;                   /* goes to those who store the file, whole */
};

/* prepay {order, amount}; settle, refund {order}: amount unused. */
struct tx_entry {
    uint8_t order[32];
    struct amount amount;
};

/* merchant.deposit, merchant.withdraw {amount}; worker.deposit, worker.withdraw {amount, worker} */
struct tx_funds {
    struct amount amount;
    uint8_t worker[TX_KEY_SIZE];
};

/* merchant.urls {urls}: where the account's gateways are reached; none takes them back. */
struct tx_urls {
    uint32_t count;
    struct span urls[TX_URLS_MAX]; /* borrowed; UTF-8 without control characters */
};

/* worker.register, worker.attest */
struct tx_worker_register {
    uint64_t block; /* height of the block whose hash the evidence binds */
    uint8_t worker[TX_KEY_SIZE];
    uint8_t release[32];  /* hash of the release description */
    struct span evidence; /* borrowed, at most TX_EVIDENCE_MAX */
};

/* collateral.post {kind, issuer, document}: a vendor's signed document. */
struct tx_collateral {
    uint32_t kind;        /* enum collateral_kind */
    struct span issuer;   /* borrowed, at most TX_ISSUER_MAX; may be empty */
    struct span document; /* borrowed, at most TX_DOCUMENT_MAX */
};

struct tx_worker_succeed {
    uint64_t block; /* as of tx_worker_register, all three */
    uint8_t worker[TX_KEY_SIZE];
    uint8_t release[32];
    uint8_t predecessor[TX_KEY_SIZE]; /* whose place it takes */
    uint8_t exchange[32];             /* its X25519 key, which the evidence binds */
    uint8_t given[TX_SIG_SIZE];       /* docs/spec/handover.md 4, by the predecessor */
    uint8_t taken[TX_SIG_SIZE];       /* ... and by the successor */
    struct span evidence;
};

/* refute, answer {block, order, proof}; challenge {order, proof}: block empty. */
struct tx_dispute {
    uint8_t order[32];
    struct span block; /* borrowed, at most TX_BLOCK_MAX */
    struct span proof; /* borrowed, at most TX_PROOF_MAX */
};

struct tx_beacon {
    uint64_t slot; /* of the value that is being made */
    uint8_t key[TX_KEY_SIZE];
    uint8_t proof[TX_VRF_PROOF_SIZE];
};

struct tx_call {
    enum tx_kind kind;
    union {
        struct tx_transfer transfer;
        struct tx_allow allow;
        struct tx_order order;
        struct tx_entry entry;
        struct tx_funds funds;
        struct tx_urls urls;
        struct tx_worker_register worker_register; /* worker.attest too */
        struct tx_worker_succeed worker_succeed;
        struct span report; /* borrowed, at most TX_REPORT_MAX */
        struct tx_dispute dispute;
        struct tx_stake stake;
        struct tx_proposal proposal;
        struct tx_collateral collateral;
        struct tx_beacon beacon;
    };
};

struct tx {
    uint8_t by[TX_KEY_SIZE];   /* who signs: the account, or a key it allows */
    uint8_t from[TX_KEY_SIZE]; /* the account that acts and pays */
    uint8_t chain[32];         /* SHA-256 of the chain id's text */
    uint8_t sig[TX_SIG_SIZE];
    uint64_t nonce;
    uint64_t expiry; /* last height at which it may be included */
    struct amount tip;
    struct tx_call call;
};

/* Only "beacon" travels without an account's signature. */
static inline bool tx_is_signed(const struct tx *tx)
{
    return tx->call.kind != TX_BEACON;
}

/* tx_decode reads exactly one transaction.
 * Out:     *out, borrowing from in. Zeroed on failure.
 * Returns: OK; ERR_LIMIT (over a limit above); ERR_SHORT, ERR_TRAILING, ERR_FORMAT (not the
 *          canonical form of a known call). Does not check the signature. */
NODISCARD enum err tx_decode(struct tx *out, struct span in);

/* tx_encode writes the canonical form; w->err tells when it does not fit. */
void tx_encode(struct writer *w, const struct tx *tx);

/* tx_signing_hash: SHA-256 of the canonical form without "sig". encoded is a signed transaction
 * that tx_decode accepts (asserted by its first bytes). No buffer is needed. */
void tx_signing_hash(uint8_t out[32], struct span encoded);

/* tx_sign sets tx->by to the key's public half and tx->sig to the Ed25519 signature over
 * "crust/tx/1" | signing hash, and encodes the whole into room.
 * Out:     *out, the encoded transaction, inside room. Zeroed on failure.
 * Returns: OK, or ERR_LIMIT when it does not fit into room. */
NODISCARD enum err tx_sign(struct span *out, struct tx *tx, struct mspan room,
                           const struct ed25519_key *key);

/* tx_check_signature: OK or ERR_SIGNATURE. encoded is what tx was decoded from. OK for unsigned
 * kinds. Pure, so the engine runs it in worker threads. */
NODISCARD enum err tx_check_signature(const struct tx *tx, struct span encoded);

/* tx_check_signatures sets ok[i] to whether txs[i] decodes and tx_check_signature accepts it, many
 * for less than one by one (crypto/ed25519_many.h). Entries that are true already are left alone:
 * they were checked before. */
void tx_check_signatures(bool *ok, const struct span *txs, size_t count);

/* tx_id: SHA-256 of the encoded bytes. */
void tx_id(uint8_t out[TX_ID_SIZE], struct span encoded);

#endif
