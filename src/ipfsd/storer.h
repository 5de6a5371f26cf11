/* storer: the one thread that changes the block store, for the sake of group commit: what waits is
 * taken together, written, and made durable with one sync for all who asked. */
#ifndef CRUST_IPFSD_STORER_H
#define CRUST_IPFSD_STORER_H

#include "store/blockstore.h"

#include <pthread.h>

enum {
    STORER_CLIENTS_MAX = 64,
    STORER_CLIENT_SELF = 0, /* connection numbers start at 1 */
};

enum storer_kind {
    STORER_PUT,    /* key, data */
    STORER_DELETE, /* key; commits what is pending first */
    STORER_PIN,    /* pin */
    STORER_UNPIN,  /* cid */
    STORER_COMMIT,
    STORER_GONE, /* the client's unfinished work may be collected from now on */
};

/* One request; lives with whoever made it until done is called. */
struct storer_op {
    enum storer_kind kind;
    uint64_t client; /* connection number, or STORER_CLIENT_SELF and up for our own threads */
    struct block_key key;
    struct span data; /* block, or cid */
    struct pin pin;
    enum err result;
    void (*done)(struct storer_op *op); /* on the storer's thread; the op is the caller's again */
    void *ctx;
    struct storer_op *next; /* private */
};

/* Who has put blocks and not yet committed or pinned them. */
struct storer_client {
    bool used;
    bool dirty; /* has puts that no commit has covered */
    bool lost;  /* a failure took some of them: the next commit must say so */
    uint64_t client;
    uint32_t session; /* keeps its blocks from garbage collection */
};

struct storer {
    struct blockstore *store;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct storer_op *first, *last;
    bool stop, started;
    void (*came)(void *ctx, const uint8_t digest[BLOCK_DIGEST_SIZE]);
    void *came_ctx;
    pthread_t thread;
    struct storer_client clients[STORER_CLIENTS_MAX]; /* the thread's */
};

NODISCARD enum err storer_start(struct storer *s, struct blockstore *store);

/* storer_add; any thread. */
void storer_add(struct storer *s, struct storer_op *op);

/* storer_watch sets who is told of each block that has been put, on the storer's thread; fn may be
 * NULL. When it returns the former one is not called any more. */
void storer_watch(struct storer *s, void (*fn)(void *ctx, const uint8_t digest[BLOCK_DIGEST_SIZE]),
                  void *ctx);

/* storer_run adds op and waits for its result. Any thread but the loop's and the storer's. */
NODISCARD enum err storer_run(struct storer *s, struct storer_op *op);

/* storer_stop finishes what waits, commits, and ends the thread. A zeroed object is fine. */
void storer_stop(struct storer *s);

#endif
