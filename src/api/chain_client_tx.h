/* chain_client_tx: the second half of api/chain_client.h: transactions, events, prices,
 * parameters and the beacon. Same rules. Pure. */
#ifndef CRUST_API_CHAIN_CLIENT_TX_H
#define CRUST_API_CHAIN_CLIENT_TX_H

#include "api/chain_client.h"

/* ---- POST /v1/tx, GET /v1/tx/{hash}
 * -------------------------------------------------------------- */

/* The answer to POST (200: acknowledged, it is on disk and will be in a block as long as it is
 * valid; 4xx: refused, then code and name are set too and state is CHAIN_CLIENT_TX_REFUSED). */
enum chain_client_tx_state {
    CHAIN_CLIENT_TX_UNKNOWN, /* GET only */
    CHAIN_CLIENT_TX_PENDING, /* acknowledged, waits for a block */
    CHAIN_CLIENT_TX_DONE,    /* in a block: look at code */
    CHAIN_CLIENT_TX_DROPPED, /* was pending and can no longer be valid: see code */
    CHAIN_CLIENT_TX_REFUSED,
};

struct chain_client_tx {
    uint8_t hash[32];
    enum chain_client_tx_state state;
    uint32_t code;                    /* enum tx_result; 0 done, 1 fault */
    char name[CHAIN_CLIENT_NAME_MAX]; /* "INSUFFICIENT_BALANCE" */
    char log[CHAIN_CLIENT_TEXT_MAX];
    uint64_t height; /* CHAIN_CLIENT_TX_DONE */
    uint32_t index;
    struct amount fee;
    char type[CHAIN_CLIENT_TX_TYPE_MAX]; /* "transfer" */
};
#define CHAIN_CLIENT_SUBMIT "/v1/tx"
void chain_client_tx_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t hash[32]);
/* Decodes the answer to both, whatever its status, when its body is a transaction's. */
NODISCARD enum err chain_client_decode_tx(struct chain_client_tx *out, struct span body);

/* ---- GET /v1/events
 * ------------------------------------------------------------------------------ */

/* Attributes and type borrow from the arena given to the decoder. */
struct chain_client_event {
    uint64_t height;
    uint32_t number; /* within its block */
    bool has_tx;
    uint8_t tx[32];
    const char *type;
    uint32_t attr_count;
    struct {
        const char *key;
        const char *value;
    } attrs[CHAIN_CLIENT_ATTRS_MAX];
};

/* As one JSON list: events of heights >= from, whole blocks, at most about limit events.
 * next_from: the next height to ask for. */
void chain_client_events_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t from, uint32_t limit);
struct arena;
NODISCARD enum err chain_client_decode_events(struct chain_client_event *out, size_t max,
                                              size_t *count, uint64_t *next_from,
                                              struct arena *arena, struct span body);

/* The attribute's value, or NULL. */
const char *chain_client_event_attr(const struct chain_client_event *event, const char *key);

/* As text/event-stream. */
void chain_client_stream_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t from);

/* ---- GET /v1/accounts/{address}/allowances/{key} --------------------------------------------- */

struct chain_client_allowance {
    uint64_t nonce, nonce_next; /* as of an account */
    uint64_t until;             /* the last height at which it may sign */
    struct amount amount;       /* that it may still spend */
};
void chain_client_allowance_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32],
                                 const uint8_t key[32]);
NODISCARD enum err chain_client_decode_allowance(struct chain_client_allowance *out,
                                                 struct span body);

/* The id of the order for exactly this content (market.md 3.1), for chain_client_order_path. */
void chain_client_order_id(uint8_t out[32], const struct content_key *key, uint64_t size,
                           const uint8_t data_root[32]);

/* ---- GET /v1/params, /v1/price, /v1/beacon/{slot} -------------------------------------------- */

NODISCARD enum err chain_client_decode_params(struct params *out, struct span body);

struct chain_client_price {
    uint64_t size;
    uint32_t replicas;
    struct amount base, amount, total; /* of one order of this size; base units */
    uint32_t duration_blocks;          /* for which it is kept */
};
/* replicas 0: the network's default. */
void chain_client_price_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t size, uint32_t replicas);
NODISCARD enum err chain_client_decode_price(struct chain_client_price *out, struct span body);

struct chain_client_beacon {
    uint64_t slot;
    uint8_t value[32];
    bool weak;
    uint32_t contributions;
    uint32_t committee; /* who could have contributed */
};
void chain_client_beacon_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t slot);
NODISCARD enum err chain_client_decode_beacon(struct chain_client_beacon *out, struct span body);

/* ---- GET /v1/blocks/{height} ----------------------------------------------------------------- */

struct chain_client_block {
    uint64_t height;
    uint64_t time_ms;
    uint8_t hash[32];
    uint8_t parent[32];
    uint8_t app_hash[32]; /* after this block */
    uint8_t proposer[32];
    uint32_t tx_count;
};
void chain_client_block_path(char out[CHAIN_CLIENT_PATH_MAX], uint64_t height);
NODISCARD enum err chain_client_decode_block(struct chain_client_block *out, struct span body);

#endif
