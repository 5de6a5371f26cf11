/* chain_api: the chain's HTTP API, server side: a request and a snapshot of the ledger in, a
 * response plan out. API: docs/guide/chain-api.md, docs/openapi/chain.json. Pure: crust-chaind
 * moves the bytes, opens the snapshots and drives the engine. */
#ifndef CRUST_API_CHAIN_API_H
#define CRUST_API_CHAIN_API_H

#include "base/err.h"
#include "base/kv.h"
#include "base/span.h"
#include "base/writer.h"
#include "chain/chain.h"

enum {
    CHAIN_API_LIMIT_DEFAULT = 50, /* entries of a list */
    CHAIN_API_LIMIT_MAX = 500,
    CHAIN_API_EVENTS_MAX = 2000, /* events of one JSON list, besides those of its last block */
    CHAIN_API_BODY_MIN = 4096,   /* room that every error fits into */
    CHAIN_API_BODY_MAX = 32 << 20,
};

enum chain_api_pool_state { CHAIN_API_POOL_ABSENT, CHAIN_API_POOL_PENDING, CHAIN_API_POOL_DROPPED };

/* What is known of transactions that are in no block. Any thread. */
struct chain_api_pool {
    void *ctx;
    enum chain_api_pool_state (*look)(void *ctx, uint32_t *code, const uint8_t id[32]);
    uint64_t (*next_nonce)(void *ctx, const uint8_t signer[64], uint64_t nonce);
    void (*size)(void *ctx, uint64_t *txs, uint64_t *bytes);
};

/* One snapshot of the ledger. Tables as in store/statedb.h. */
struct chain_api_source {
    struct kv state, blocks, results, txs, index;
    uint64_t height;
    uint8_t app_hash[32];
    uint8_t block_hash[32]; /* zeros after genesis */
    uint8_t genesis[32];
    struct chain_api_pool pool;
};

enum chain_api_method { CHAIN_API_GET, CHAIN_API_POST, CHAIN_API_OTHER };

struct chain_api_request {
    enum chain_api_method method;
    struct span path;  /* as sent, without the query */
    struct span query; /* as sent, without '?' */
    struct span body;
    struct span last_event_id; /* the header, or empty */
};

enum chain_api_kind {
    CHAIN_API_BODY,    /* answer with status, content_type and what was written */
    CHAIN_API_SUBMIT,  /* hand the request's body to the engine, then chain_api_submitted */
    CHAIN_API_STREAM,  /* text/event-stream from position on, see chain_api_stream */
    CHAIN_API_METRICS, /* Prometheus text */
    CHAIN_API_OPENAPI, /* docs/openapi/chain.json */
    CHAIN_API_GENESIS, /* the genesis file, byte for byte */
    CHAIN_API_LIGHT,   /* header, commit and validators of position.height, from the engine */
};

/* A place in the stream of events: event `number` of block `height`. */
struct chain_api_position {
    uint64_t height;
    uint32_t number;
};

struct chain_api_plan {
    enum chain_api_kind kind;
    uint16_t status;
    const char *content_type;
    const char *allow; /* for 405; else NULL */
    struct chain_api_position position;
};

/* chain_api_plan answers rq; the body goes to w, which has at least CHAIN_API_BODY_MIN bytes.
 * Returns OK; ERR_LIMIT: w is too small, try again with a larger one, up to CHAIN_API_BODY_MAX. */
NODISCARD enum err chain_api_plan(struct chain_api_plan *out, struct writer *w,
                                  const struct chain_api_source *src,
                                  const struct chain_api_request *rq);

/* What the engine did with a submitted transaction. */
enum chain_api_verdict {
    CHAIN_API_ACCEPTED,
    CHAIN_API_REFUSED,
    CHAIN_API_CONFLICT,
    CHAIN_API_BUSY,
};

/* chain_api_submitted writes the answer to POST /v1/tx. check: as chain_check_tx gave it. */
void chain_api_submitted(struct chain_api_plan *out, struct writer *w,
                         enum chain_api_verdict verdict, const struct chain_check *check);

/* chain_api_known answers a submission of what is in a block already; false when it is not. */
bool chain_api_known(struct chain_api_plan *out, struct writer *w,
                     const struct chain_api_source *src, const uint8_t id[32]);

/* chain_api_failed writes an error of the server's own (503 and such). field may be "". */
void chain_api_failed(struct chain_api_plan *out, struct writer *w, uint16_t status,
                      const char *field, const char *reason);

/* chain_api_stream writes events from *position on in text/event-stream form, until w is full or
 * the snapshot ends, and moves *position behind them. Each block ends with an event "block". OK
 * also when there is nothing yet (w->len unchanged); ERR_LIMIT: w is too small for one event;
 * ERR_CORRUPT, ERR_IO. */
NODISCARD enum err chain_api_stream(struct writer *w, struct chain_api_position *position,
                                    const struct chain_api_source *src);

/* The routes, for the conformance test: "GET /v1/blocks/{height}". NULL behind the last. */
const char *chain_api_route(size_t index);

#endif
