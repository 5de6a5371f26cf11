/* snapshot_job: a snapshot of the state every so many blocks, written by a thread of its own from
 * the database as it was then. Loop. */
#ifndef CRUST_CHAIND_SNAPSHOT_JOB_H
#define CRUST_CHAIND_SNAPSHOT_JOB_H

#include "store/statedb.h"

struct snapshot_job;

/* snapshot_job_open: interval in blocks. dir is copied, db kept. *out given. ERR_MEMORY, ERR_LIMIT.
 */
NODISCARD enum err snapshot_job_open(struct snapshot_job **out, struct statedb *db, const char *dir,
                                     uint64_t interval);

/* Waits until a snapshot that is being written is done. */
void snapshot_job_close(struct snapshot_job *j);

/* A block is committed. One that is due while the last one is still written is left out. */
void snapshot_job_committed(struct snapshot_job *j, uint64_t height);

#endif
