/* app: the ledger (chain/) over its database (store/statedb) behind the calls of engine.h. It also
 * writes what queries about the past need: results with their events, the place of each
 * transaction, and the lists of codec/chain_index.h. Loop thread. */
#ifndef CRUST_ENGINE_APP_H
#define CRUST_ENGINE_APP_H

#include "crypto/ed25519.h"
#include "engine/engine.h"

struct app;

/* app_open: db is kept until app_close. *out: given. A fresh database needs init_chain next.
 * ERR_MEMORY, ERR_CORRUPT, ERR_IO. */
NODISCARD enum err app_open(struct app **out, struct statedb *db);
void app_close(struct app *app);

/* The calls; valid until app_close. */
struct engine_app app_engine(struct app *app);

/* The beacon contribution of this key that is due in the next block. ERR_NOT_FOUND: none. */
NODISCARD enum err app_contribution(struct app *app, struct span *out, struct mspan room,
                                    const struct ed25519_key *key);

/* The chain as of the last commit, for reading; NULL before init_chain. Borrowed until the next
 * commit. */
struct chain *app_chain(struct app *app);

/* Putting the state of a snapshot (chain/snapshot.h) in place of the genesis state.
 * app_restore_begin empties the database; ERR_STATE when there are blocks, or no genesis state,
 * whose hash and chain id stay known. app_restore_chunk takes a chunk that was checked.
 * app_restore_end makes the whole the last commit: ERR_CORRUPT when it is not the state of this
 * height, app hash and chain. After a failure begin again, or close; a process that ends before
 * app_restore_end finds an empty database. While it goes on info says fresh. Returns also what
 * statedb_commit gives. */
bool app_restorable(const struct app *app); /* else app_restore_begin gives ERR_STATE */
NODISCARD enum err app_restore_begin(struct app *app);
NODISCARD enum err app_restore_chunk(struct app *app, struct span chunk);
NODISCARD enum err app_restore_end(struct app *app, uint64_t height, const uint8_t app_hash[32]);

/* SHA-256 of the genesis file that init_chain took; false before. */
bool app_genesis_hash(const struct app *app, uint8_t out[32]);

/* The same and the last block's hash out of a snapshot. Any thread. ERR_NOT_FOUND: no chain yet. */
NODISCARD enum err app_snapshot(struct statedb_snapshot *s, uint8_t genesis[32],
                                uint8_t block_hash[32]);

#endif
