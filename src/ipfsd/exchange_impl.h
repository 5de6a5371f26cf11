/* exchange_impl: what the files of the exchange share. */
#ifndef CRUST_IPFSD_EXCHANGE_IMPL_H
#define CRUST_IPFSD_EXCHANGE_IMPL_H

#include "ipfs/bitswap_dag.h"
#include "ipfs/bitswap_node.h"
#include "ipfsd/exchange.h"
#include "ipfsd/exchange_check.h"
#include "ipfsd/exchange_read.h"

#include <pthread.h>

enum {
    EXCHANGE_STREAM_IN = 4096,
    EXCHANGE_STREAM_PIECE = 256,
};

/* An inbound stream. */
struct exchange_inbound {
    bool used;
    bool stalled; /* not everything was taken */
    uint32_t connection, stream;
    struct bitswap_node_stream s;
    struct ring in;
    uint8_t memory[EXCHANGE_STREAM_IN];
};

/* What the chain says of a content. */
struct exchange_said {
    uint8_t digest[BLOCK_DIGEST_SIZE];
    size_t count;
    struct exchange_holder holders[EXCHANGE_HOLDERS];
};

/* By number of the connection. */
struct exchange_peer {
    bool joined;
    bool works; /* it has said whose node it is */
    uint8_t lineage[32];
    uint32_t stream; /* our outbound one, or YAMUX_NONE */
    uint32_t losses; /* in a row */
    uint32_t inbound;
};

/* Who waits for a block: a thread, then it lies on its stack; or fn, then it is freed when it is
 * over. In the list until then. */
struct exchange_ask {
    struct exchange_ask *next;
    uint64_t id;
    exchange_over_fn fn; /* NULL: a thread waits */
    void *ctx;
    struct block_key key;
    struct mspan buf;
    size_t size;
    uint32_t entry; /* of the DAGs; BITSWAP_DAG_NONE: none yet */
    bool got, over;
    uint64_t deadline_ms;
    enum err result;
};

/* Which connections a session has had as providers: a bit each. */
struct exchange_tried {
    uint64_t bits[(EXCHANGE_CONNECTIONS_MAX + 63) / 64];
};

struct exchange {
    struct exchange_options o;
    struct swarm *swarm;
    size_t protocol;
    bool stopped;
    struct loop_event wake;
    struct loop_timer *tick;
    struct exchange_read *reads;
    struct exchange_check *checks;
    struct block_source source;
    struct block_sink sink;
    struct bitswap_node_memory m;
    struct bitswap_node node;
    struct exchange_peer *peers;
    struct exchange_inbound *streams;
    size_t stream_count, stream_top; /* top: from here on none is used */
    struct exchange_figures figures;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t over;
    struct bitswap_dags dags;
    struct bitswap_dag_memory dag_memory;
    struct exchange_tried *tried; /* by session */
    struct exchange_ask *asks;
    uint32_t ask_count;
    uint64_t ask_ids;
    bool closed;
    uint8_t came[EXCHANGE_CAME][BLOCK_DIGEST_SIZE];
    size_t came_count; /* more than there is place for: any */
    uint64_t credit_ms;
    struct save *credit_save;    /* NULL: without a file */
    struct exchange_said *words; /* EXCHANGE_WORDS of them, in a ring */
    size_t word_next;
    /* Until when a session waits for it; 0: it does not. */
    uint64_t held_ms[BITSWAP_CLIENT_SESSIONS];
    exchange_begin_fn begins;
    void *begins_ctx;
    exchange_seek_fn seek;
    void *seek_ctx;
};

/* exchange_ask.c: blocks for others of this process. All on the loop's thread. */
/* All peers become providers of a session that has waited; under the lock. */
void exchange_ask_release(struct exchange *x, uint32_t session);
NODISCARD enum err exchange_ask_open(struct exchange *x);
void exchange_ask_close(struct exchange *x);
/* Once a turn, before messages are composed. */
void exchange_ask_turn(struct exchange *x);
/* A peer can be asked now. */
void exchange_ask_peer(struct exchange *x, uint32_t connection);
/* Everybody who waits is told ERR_CLOSED. */
void exchange_ask_stop(struct exchange *x);
/* The sink of the node: a wanted block has come. */
enum err exchange_ask_put(void *ctx, const struct block_key *key, struct span data);

/* exchange_word.c: what the chain says. Under the lock: whether it binds the provider of a session.
 */
NODISCARD enum err exchange_word_open(struct exchange *x);
void exchange_word_close(struct exchange *x);
void exchange_word_apply(struct exchange *x, uint32_t session, uint32_t connection);

/* exchange_credit.c: the ledger in its file. */
uint64_t exchange_credit_hours(void);
NODISCARD enum err exchange_credit_load(struct exchange *x);
void exchange_credit_turn(struct exchange *x);
void exchange_credit_end(struct exchange *x);

void exchange_wake(struct exchange *x);

static inline uint64_t exchange_now(const struct exchange *x)
{
    return loop_now_ms(x->o.loop);
}

#endif
