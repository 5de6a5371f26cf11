/* chain_client: the chain's HTTP API seen from a client (CLI, agentd, ipfsd): request paths, and
 * answers decoded into structs. The server side is api/chain_*.c; both are tested against each
 * other. API: docs/guide/chain-api.md, docs/openapi/chain.json. Pure: the caller moves the bytes.
 *
 * Decoders zero *out on failure and return ERR_FORMAT (not the JSON of this answer), ERR_RANGE,
 * ERR_LIMIT (longer than the struct holds) or ERR_MEMORY (jansson's heap). Unknown members are
 * ignored. Texts are NUL-terminated. Paths begin with "/v1/". */
#ifndef CRUST_API_CHAIN_CLIENT_H
#define CRUST_API_CHAIN_CLIENT_H

#include "base/amount.h"
#include "base/err.h"
#include "base/span.h"
#include "chain/params.h"
#include "codec/cid.h"
#include "proof/draw.h"

enum {
    CHAIN_CLIENT_PATH_MAX = 768,
    CHAIN_CLIENT_TEXT_MAX = 200, /* reasons and such, with the NUL */
    CHAIN_CLIENT_NAME_MAX = 64,
    CHAIN_CLIENT_CURSOR_MAX = 200,
    CHAIN_CLIENT_HOLDERS_MAX = 32, /* replicas of an order in one answer */
    CHAIN_CLIENT_ORIGIN_MAX = 129,
    CHAIN_CLIENT_ATTRS_MAX = 16,
    CHAIN_CLIENT_TX_TYPE_MAX = 32,
};
#define CHAIN_CLIENT_TX_MEDIA "application/vnd.ipld.dag-cbor"

/* ---- errors ---- */
/* The body of any 4xx or 5xx answer. */
struct chain_client_error {
    char code[CHAIN_CLIENT_NAME_MAX];   /* "not_found" */
    char field[CHAIN_CLIENT_NAME_MAX];  /* the parameter that is wrong, or "" */
    char reason[CHAIN_CLIENT_TEXT_MAX]; /* what is wrong */
    char next[CHAIN_CLIENT_TEXT_MAX];   /* what to do, or "" */
};
NODISCARD enum err chain_client_decode_error(struct chain_client_error *out, struct span body);

/* ---- GET /v1/status -------------------------------------------------------------------------- */

struct chain_client_status {
    char chain_id[CHAIN_CLIENT_NAME_MAX];
    uint8_t chain[32];   /* SHA-256 of the id's text */
    uint8_t genesis[32]; /* SHA-256 of the genesis file */
    uint64_t height;
    uint64_t time_ms; /* of the last block */
    uint8_t block_hash[32];
    uint8_t app_hash[32];
    uint64_t slot; /* of the next block, as all of these */
    uint32_t slot_offset;
    uint32_t slot_blocks;
    uint32_t report_blocks;
    uint32_t block_ms;
    uint8_t beacon[32]; /* of slot */
    bool beacon_weak;
    bool allow_software; /* workers without hardware evidence are taken */
    uint64_t mempool_txs;
};
#define CHAIN_CLIENT_STATUS "/v1/status"
#define CHAIN_CLIENT_PARAMS "/v1/params"
NODISCARD enum err chain_client_decode_status(struct chain_client_status *out, struct span body);

/* ---- GET /v1/accounts/{address} -------------------------------------------------------------- */

struct chain_client_account {
    uint8_t id[32];
    uint8_t owner[32]; /* whom what it stores counts for: of its group, or itself */
    bool exists;
    uint64_t nonce;      /* of the next transaction, counting only blocks */
    uint64_t nonce_next; /* the same after what waits in the mempool */
    struct amount free;
    struct amount held; /* all holds together */
    struct amount held_worker, held_merchant, held_bond, held_stake, held_deposit;
    struct amount usable;                    /* what can be spent now */
    struct amount reward;                    /* a merchant's, not claimed yet */
    struct amount waiver_quota, waiver_used; /* of its settlements' fees in this era */
    uint32_t url_count;                      /* of its gateways */
    char urls[4][CHAIN_CLIENT_ORIGIN_MAX];
};
void chain_client_account_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32]);
NODISCARD enum err chain_client_decode_account(struct chain_client_account *out, struct span body);

/* ---- orders ---- */
struct chain_client_holder {
    uint8_t lineage[32], account[32];
    uint8_t owner[32]; /* whom it counts for */
    uint8_t volume;
    uint32_t index;
    bool verified, paid;
    uint64_t created_at;  /* height at which it was verified, 0 before */
    struct amount earned; /* for this entry so far */
    uint32_t url_count;   /* of the account's gateways, as it says itself */
    char urls[4][CHAIN_CLIENT_ORIGIN_MAX];
};

enum chain_client_order_state { CHAIN_CLIENT_OPEN, CHAIN_CLIENT_LIVE, CHAIN_CLIENT_EXPIRED };

struct chain_client_order {
    uint8_t id[32];
    struct content_key key;
    uint64_t size;
    bool has_data_root, disputed;
    uint8_t data_root[32];
    enum chain_client_order_state state;
    uint8_t owner[32];
    uint64_t placed_at, refund_at, expires_at; /* heights; 0: not yet */
    uint32_t replicas_wanted;
    uint32_t replicas;     /* verified */
    uint32_t replicas_all; /* with those reported and not verified yet */
    struct amount amount, prepaid, rate;
    uint32_t origin_count;
    char origins[4][CHAIN_CLIENT_ORIGIN_MAX];
    uint32_t holder_count; /* in the order of lineages; lists of orders carry none */
    struct chain_client_holder holders[CHAIN_CLIENT_HOLDERS_MAX];
    bool more_holders; /* behind the last of these */
};

struct chain_client_page {
    size_t count;
    char cursor[CHAIN_CLIENT_CURSOR_MAX]; /* not "": more follows */
};

/* By order id: one order. By content key: a page, as several entries may hold one content. */
void chain_client_order_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32]);
/* An order with the holders behind a lineage; or from one on: when it holds, it is the first. */
void chain_client_order_holders_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32],
                                     const uint8_t after[32]);
void chain_client_order_holder_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32],
                                    const uint8_t lineage[32]);
void chain_client_orders_of_key_path(char out[CHAIN_CLIENT_PATH_MAX],
                                     const struct content_key *key);
/* Of an account; or all of one state. cursor: "" for the first page. limit 0: the default. */
void chain_client_account_orders_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32],
                                      const char *cursor, uint32_t limit);
void chain_client_orders_path(char out[CHAIN_CLIENT_PATH_MAX], enum chain_client_order_state state,
                              const char *cursor, uint32_t limit);
NODISCARD enum err chain_client_decode_order(struct chain_client_order *out, struct span body);
/* orders: room for max entries. ERR_LIMIT when the page holds more. */
NODISCARD enum err chain_client_decode_orders(struct chain_client_page *page,
                                              struct chain_client_order *orders, size_t max,
                                              struct span body);

/* ---- workers ---- */
struct chain_client_worker {
    uint8_t worker[32], lineage[32], account[32];
    char provider[CHAIN_CLIENT_NAME_MAX], class[CHAIN_CLIENT_NAME_MAX]; /* names of kind, class */
    char status[CHAIN_CLIENT_NAME_MAX];                                 /* Intel's word */
    bool faulted, absent;                                               /* for good; for a while */
    bool lapsed;                          /* its attestation: class "none" */
    uint16_t suspended;                   /* volumes, one bit each */
    uint32_t weight;                      /* of its power, in thousandths */
    uint64_t attested_at, evidence_block; /* heights */
    uint64_t expires_at;                  /* seconds; 0: never */
    struct amount deposit, debt, rate;
    uint8_t state[32];         /* stored S */
    uint64_t seq, report_slot; /* the slot of its last report */
    uint64_t next_slot;        /* the earliest that no report has answered */
    uint64_t power, file_bytes, srd_bytes;
};
void chain_client_worker_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t worker[32]);
void chain_client_workers_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t account[32]);
NODISCARD enum err chain_client_decode_worker(struct chain_client_worker *out, struct span body);
NODISCARD enum err chain_client_decode_workers(struct chain_client_page *page,
                                               struct chain_client_worker *workers, size_t max,
                                               struct span body);

/* Draws that a report has to answer. volume: of a return; else 0. */
struct chain_client_due {
    uint64_t slot;
    uint8_t beacon[32];
    bool weak;
    uint8_t volume;
    struct draw_list draws;
};

/* GET /v1/workers/{key}/work: what a report in the next block must say. */
struct chain_client_work {
    uint64_t height; /* of the last block */
    uint64_t slot;   /* of the next block */
    uint8_t beacon[32];
    bool beacon_weak;
    bool window_open;  /* the next block takes reports */
    bool first_report; /* no report of this slot was accepted yet: due must be answered */
    uint32_t reports;  /* accepted in this slot */
    uint8_t account[32];
    uint8_t lineage[32];
    uint8_t state[32];         /* stored S */
    struct work_state volumes; /* what S is the hash of */
    uint16_t suspended;
    uint16_t returning; /* volumes that have asked to return */
    uint32_t due_count; /* 0 to 2: the owed slot, then the current one */
    struct chain_client_due due[REPORT_ENTRIES_MAX];
    uint32_t return_count; /* returns whose draws are known */
    struct chain_client_due returns[WORK_VOLUMES];
};
void chain_client_work_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t worker[32]);
NODISCARD enum err chain_client_decode_work(struct chain_client_work *out, struct span body);

#endif
