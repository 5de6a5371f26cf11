/* block: the record of one block and of what came of it, as canonical DAG-CBOR.
 * Format: docs/spec/block.md. Pure. Decoded structs borrow from the bytes they came from.
 *
 *   block   { "txs": [tx bytes...], "header": header, "agreement": codec/agreement.h }
 *   header  { "time": ms, "chain": bytes32, "height": uint, "parent": bytes32, "tx_root": bytes32,
 *             "app_hash": bytes32, "proposer": bytes32, "agreement": bytes32 }
 *   result  { "txs": [[code, fee]...], "events": [[tx index or null, type, [key, value...]]...],
 *             "app_hash": bytes32 } */
#ifndef CRUST_CODEC_BLOCK_H
#define CRUST_CODEC_BLOCK_H

#include "base/amount.h"
#include "base/err.h"
#include "base/reader.h"
#include "base/span.h"
#include "base/writer.h"
#include "codec/agreement.h"

enum {
    BLOCK_HASH_SIZE = 32,
    BLOCK_TXS_MAX = 20000,      /* spec 1.3 */
    BLOCK_BYTES_MAX = 24 << 20, /* spec 1.3 */
    BLOCK_HEADER_MAX = 384,     /* encoded, with the record's keys */
    BLOCK_TX_OVERHEAD = 5,      /* bytes a transaction costs besides its own */
    BLOCK_EVENTS_MAX = 1 << 20, /* of one block, spec 2.3 */
    BLOCK_EVENT_ATTRS_MAX = 16,
    BLOCK_RESULT_MAX = 128 << 20,
};

struct block_header {
    uint64_t height;
    uint64_t time_ms;
    uint8_t chain[BLOCK_HASH_SIZE];    /* SHA-256 of the chain id's text */
    uint8_t parent[BLOCK_HASH_SIZE];   /* header hash of height - 1; zeros at height 1 */
    uint8_t tx_root[BLOCK_HASH_SIZE];  /* block_tx_root */
    uint8_t app_hash[BLOCK_HASH_SIZE]; /* after the parent */
    uint8_t
        proposer[BLOCK_HASH_SIZE]; /* account that gets the author's part of the fees, or zeros */
    uint8_t agreement[BLOCK_HASH_SIZE]; /* agreement_hash */
};

struct block {
    struct block_header header;
    uint32_t tx_count;
    struct span txs;       /* their CBOR items, back to back; walked with block_next_tx */
    struct span agreement; /* encoded; agreement_decode takes it */
};

/* block_encode writes the record of header and txs; agreement NULL: all zeros. */
void block_encode(struct writer *w, const struct block_header *header,
                  const struct agreement *agreement, const struct span *txs, size_t tx_count);

/* block_encoded_max: a size that the record of these transactions does not exceed, whatever the
 * agreement. */
size_t block_encoded_max(const struct span *txs, size_t tx_count);

/* block_decode: OK, ERR_SHORT, ERR_TRAILING, ERR_FORMAT (not canonical; a tx_root or an
 * agreement hash that is not that of what stands there), ERR_LIMIT, ERR_RANGE. *out zeroed on
 * failure. */
NODISCARD enum err block_decode(struct block *out, struct span in);

/* block_next_tx takes the next transaction's bytes from *txs, which starts as block.txs. False at
 * the end. */
bool block_next_tx(struct span *tx, struct span *txs);

/* block_hash: H("crust/block/1", CBOR of the header), the block's name. */
void block_hash(uint8_t out[BLOCK_HASH_SIZE], const struct block_header *header);

/* block_tx_root: RFC 6962 over the transactions with the tags "crust/block-tx/1" and
 * "crust/block-node/1". */
void block_tx_root(uint8_t out[BLOCK_HASH_SIZE], const struct span *txs, size_t tx_count);

/* ---- results --------------------------------------------------------------------------------- */

struct block_tx_result {
    uint32_t code;
    struct amount fee;
};

/* An event; attrs borrow. tx is the transaction's index, or BLOCK_NO_TX for the block's own. */
enum { BLOCK_NO_TX = -1 };
struct block_event {
    int64_t tx;
    struct span type;
    uint32_t attr_count;
    struct {
        struct span key;
        struct span value;
    } attrs[BLOCK_EVENT_ATTRS_MAX];
};

struct block_result {
    uint8_t app_hash[BLOCK_HASH_SIZE];
    uint32_t tx_count;
    uint32_t event_count;
    struct span txs;    /* walked with block_next_result */
    struct span events; /* walked with block_next_event */
};

/* block_event_encode writes one element of "events". block_result_encode puts the record together
 * out of such elements, back to back. */
void block_event_encode(struct writer *w, const struct block_event *event);
void block_result_encode(struct writer *w, const struct block_result *result,
                         const struct block_tx_result *txs);

/* As block_decode. Every event and transaction index is checked. */
NODISCARD enum err block_result_decode(struct block_result *out, struct span in);
bool block_next_result(struct block_tx_result *out, struct span *txs);
bool block_next_event(struct block_event *out, struct span *events);

#endif
