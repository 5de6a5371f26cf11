/* placements: what one sealing under way knows of the DAG's blocks: how often each is linked, which
 * are still wanted, where the sealed ones lie. A scratch LMDB file, so that memory does not grow
 * with the DAG. One thread. */
#ifndef CRUST_IPFSD_PLACEMENTS_H
#define CRUST_IPFSD_PLACEMENTS_H

#include "ipfsd/replica.h"
#include "store/db.h"

struct placements {
    char path[FILE_PATH_MAX];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi blocks, wanted;
    uint32_t changes; /* since the transaction began */
    uint64_t block_count, wanted_count;
};

/* placements_open overwrites the file; placements_close removes it. A zeroed object is fine. */
NODISCARD enum err placements_open(struct placements *p, const char *path);
void placements_close(struct placements *p);

/* One more link to key (the root counts as linked once); wanted from now on unless it is taken. */
NODISCARD enum err placements_link(struct placements *p, const struct content_key *key);

/* OK and *fresh when the block is linked and was not taken before; it then is taken. ERR_NOT_FOUND
 * when nothing links to it. */
NODISCARD enum err placements_take(struct placements *p, bool *fresh,
                                   const struct content_key *key);

/* Where a taken block went. */
NODISCARD enum err placements_put(struct placements *p, const struct replica_record *r);

/* OK when key is linked and not taken; ERR_NOT_FOUND. */
NODISCARD enum err placements_wants(struct placements *p, const struct content_key *key);

/* Up to max wanted keys in ascending order; *count 0: none is missing. */
NODISCARD enum err placements_wanted(struct placements *p, struct content_key *keys, size_t *count,
                                     size_t max);

/* Records in ascending order with their number of links; cursor starts zeroed. ERR_NOT_FOUND at
 * the end; ERR_STATE: a block was not placed. */
struct placements_cursor {
    MDB_cursor *c;
};
NODISCARD enum err placements_next(struct placements *p, struct placements_cursor *at,
                                   struct replica_record *r, uint64_t *links);
void placements_end(struct placements_cursor *at);

#endif
