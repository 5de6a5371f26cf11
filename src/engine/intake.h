/* intake: what this node has promised to bring into a block: its mempool and the table behind it.
 * Used by every engine. Loop thread; mempool.h says which of the pool's functions any thread may
 * call.
 *
 * A transaction is on disk before its sender is answered, and stays there until it is in a block,
 * can never be in one any more, or its own signer has replaced it. */
#ifndef CRUST_ENGINE_INTAKE_H
#define CRUST_ENGINE_INTAKE_H

#include "engine/engine.h"
#include "engine/mempool.h"
#include "engine/sigpool.h"

enum { INTAKE_WAITING_MAX = 4096 }; /* admitted and not yet on disk */

struct intake;

/* intake_open makes an empty one over the app and the database's table, both kept until
 * intake_close. seed: random, for the mempool's hashing. *out: given. ERR_MEMORY. */
NODISCARD enum err intake_open(struct intake **out, const struct mempool_limits *limits,
                               uint64_t seed, const struct engine_app *app, struct statedb *db);
void intake_close(struct intake *in);

/* intake_reload takes in what the table holds, once, after the chain stands where it stood.
 * ERR_MEMORY: the pool has no room for all that was acknowledged, and nothing is lost. */
NODISCARD enum err intake_reload(struct intake *in, struct sigpool *sigs);

/* What became of a submitted transaction. */
enum intake_verdict {
    INTAKE_ACCEPTED, /* answer the sender after the next intake_flush that returns OK */
    INTAKE_KNOWN,    /* the same: it may have been admitted a moment ago */
    INTAKE_REFUSED,  /* check->code says why */
    INTAKE_CONFLICT, /* its number is taken by a waiting one that pays as much */
    INTAKE_BUSY,     /* no room now, or the disk is full: try later */
};

/* intake_submit admits a transaction. signed_ok: its signature was checked already. Out: *check, as
 * engine_app.check_tx gives it. */
enum intake_verdict intake_submit(struct intake *in, struct chain_check *check, struct span tx,
                                  bool signed_ok);

/* intake_flush makes what was admitted durable, in one transaction. On failure (ERR_FULL, ERR_IO)
 * all that was admitted since the last one is forgotten: its senders are told to try later. */
NODISCARD enum err intake_flush(struct intake *in);

/* While busy, everything is answered with INTAKE_BUSY: a block waits for the disk. */
void intake_set_busy(struct intake *in, bool busy);

/* The deletions that go with the commit of a block of these transactions: what is in it, and what
 * has become impossible before. */
struct intake_rows {
    struct statedb_row *rows;
    uint8_t (*keys)[8];
    size_t count;
};
NODISCARD enum err intake_rows_of(struct intake_rows *out, const struct intake *in,
                                  const struct span *txs, size_t tx_count);
void intake_rows_free(struct intake_rows *r);

/* intake_committed: the block of these transactions and the rows above are committed. What waits is
 * looked at again. */
void intake_committed(struct intake *in, const struct span *txs, size_t tx_count);

struct mempool *intake_pool(struct intake *in);

#endif
