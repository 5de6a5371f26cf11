/* node: crust-chaind's parts wired together: database, ledger, engine, HTTP. The loop owns
 * all of it; HTTP threads read snapshots and hand transactions to the loop. */
#ifndef CRUST_CHAIND_NODE_H
#define CRUST_CHAIND_NODE_H

#include "crypto/ed25519.h"
#include "engine/app.h"
#include "engine/embedded.h"
#include "rt/config.h"
#include "rt/loop.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    NODE_STREAMS_MAX = 64, /* clients of /v1/events at the same time */
    NODE_GENESIS_MAX = CHAIN_GENESIS_MAX,
    NODE_IDEMPOTENCY_MAX = 4096, /* keys remembered, the newest */
};

struct comet;
struct http_server;
struct http_request;
struct node_stream;
struct snapshot_job;

/* Numbers for /metrics; written by the loop and HTTP threads. */
struct node_metrics {
    atomic_uint_fast64_t height;
    atomic_uint_fast64_t txs;          /* in blocks since the start */
    atomic_uint_fast64_t block_us;     /* time of the last block: propose, execute, commit */
    atomic_uint_fast64_t block_us_sum; /* of all since the start */
    atomic_uint_fast64_t check_us_sum; /* of CheckTx, with CometBFT */
    atomic_uint_fast64_t blocks;       /* since the start */
    atomic_uint_fast64_t submitted, refused;
    atomic_uint_fast64_t requests, errors;
    atomic_uint_fast64_t streams;
    atomic_uint_fast64_t commit_failures;
};

/* A client's name for a submission, and what it submitted under it. */
struct node_idempotency {
    bool used;
    uint8_t key[32]; /* SHA-256 of the header */
    uint8_t tx[TX_ID_SIZE];
};

/* A sender that waits for its transaction to be on disk. */
struct node_waiter {
    struct http_request *rq;
    struct chain_check check;
};

struct node {
    const struct config *config; /* kept */
    struct statedb *db;
    struct app *app;
    struct engine_app calls;
    struct sigpool *sigs;
    struct embedded *engine;        /* one of these two */
    struct snapshot_job *snapshots; /* NULL: none are written */
    struct comet *comet;
    struct intake *intake; /* the engine's */
    struct loop *loop;
    struct loop_timer *timer;
    struct http_server *http;
    struct ed25519_key beacon_key;
    bool has_beacon_key;
    bool failed; /* the ledger cannot go on: exit code 1 */
    bool halted; /* halt-height is reached */
    uint32_t block_ms;
    struct node_metrics metrics;
    atomic_uint large_requests; /* bodies over TX_SIZE_SMALL_MAX in memory */
    struct loop_event flush_event;
    struct node_waiter waiters[INTAKE_WAITING_MAX];
    size_t waiter_count;
    pthread_mutex_t streams_lock; /* of the streams and the idempotency keys */
    struct node_stream *streams;
    struct node_idempotency idempotency[NODE_IDEMPOTENCY_MAX];
    size_t idempotency_next;
};

/* node_open opens database and ledger, runs genesis on a fresh folder, refuses another chain's.
 * Errors are logged with what to do. *n: zeroed by the caller. node_close takes what node_open
 * left, also after a failure. */
NODISCARD enum err node_open(struct node *n, const struct config *config);
void node_close(struct node *n);

/* The folder of snapshots. ERR_LIMIT. */
NODISCARD enum err node_snapshot_dir(const struct node *n, char *out, size_t size);

/* node_run starts the engine and the HTTP server and serves until a signal. */
NODISCARD enum err node_run(struct node *n);

/* For the engines: metrics, log and event streams after a commit; settings of the mempool; a random
 * number. */
void node_committed(struct node *n, uint64_t height, size_t tx_count);
struct mempool_limits node_mempool_limits(const struct node *n);
uint64_t node_seed(void);

/* node_flush makes admitted transactions durable and answers their senders. Loop. */
void node_flush(struct node *n);

/* The other jobs of the program; each opens nothing that a running chaind holds. */
NODISCARD enum err node_verify_replay(struct node *n);
NODISCARD enum err node_rollback(struct node *n, uint64_t heights);
NODISCARD enum err node_make_beacon_key(const char *path);

/* ---- node_http.c ---- */

NODISCARD enum err node_http_open(struct node *n);
void node_http_committed(struct node *n); /* wakes the event streams */
void node_http_close(struct node *n);
/* Answers a waiter: OK, or why its transaction could not be stored. */
void node_http_answer(struct node_waiter *w, enum err e);

#endif
