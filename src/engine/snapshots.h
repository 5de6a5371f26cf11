/* snapshots: the folder of snapshots of the state (chain/snapshot.h) that a node gives to others,
 * and the way in which it takes one over itself. Guide: docs/guide/validator.md.
 *
 * DIR/HEIGHT/metadata and DIR/HEIGHT/0, 1, ...; a snapshot appears as a whole, by a rename. */
#ifndef CRUST_ENGINE_SNAPSHOTS_H
#define CRUST_ENGINE_SNAPSHOTS_H

#include "codec/abci.h"
#include "engine/app.h"

enum {
    SNAPSHOTS_KEPT = 2,
    SNAPSHOTS_LISTED_MAX = 10, /* CometBFT looks at no more of one node */
};

/* snapshots_write writes a snapshot of a database that is fixed for reading, and removes all but
 * the newest SNAPSHOTS_KEPT. One call at a time; any thread. Memory: one chunk and an index of some
 * of the state's keys. Returns: OK; ERR_EXISTS (it is there); ERR_LIMIT (a part does not fit a
 * chunk); ERR_FULL, ERR_IO, ERR_MEMORY, ERR_CORRUPT (the state is not that of its app hash). */
NODISCARD enum err snapshots_write(const char *dir, struct statedb_snapshot *s);

struct snapshots;

/* snapshots_open: dir may be missing. app is kept. What a killed writer left is removed. *out:
 * given. ERR_MEMORY, ERR_LIMIT. */
NODISCARD enum err snapshots_open(struct snapshots **out, const char *dir, struct app *app);
void snapshots_close(struct snapshots *s);

/* The four calls of ABCI. Loop. Spans of *out are borrowed until the next call. ERR_IO, ERR_MEMORY,
 * ERR_FULL and ERR_CORRUPT from offer and apply: the ledger cannot go on. */
NODISCARD enum err snapshots_list(struct snapshots *s, struct abci_response *out);
NODISCARD enum err snapshots_load(struct snapshots *s, struct abci_response *out,
                                  const struct abci_request *in);
NODISCARD enum err snapshots_offer(struct snapshots *s, struct abci_response *out,
                                   const struct abci_request *in);
NODISCARD enum err snapshots_apply(struct snapshots *s, struct abci_response *out,
                                   const struct abci_request *in);

#endif
