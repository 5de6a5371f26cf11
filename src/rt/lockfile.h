/* lockfile: one owner for a folder, across processes. An exclusive lock on a file that names its
 * holder, released by the kernel when the holder dies, however it dies. Linux flock(2). */
#ifndef CRUST_RT_LOCKFILE_H
#define CRUST_RT_LOCKFILE_H

#include "base/err.h"

#include <sys/types.h>

enum { LOCKFILE_PROGRAM_MAX = 64 };

struct lockfile {
    int fd; /* -1: not held */
};

/* Who holds a lock. pid is 0 when the file could not be read. */
struct lockfile_holder {
    pid_t pid;
    char program[LOCKFILE_PROGRAM_MAX];
};

/* lockfile_take makes the file when it is missing and takes the lock without waiting.
 * Out:     *lock; on ERR_BUSY *holder names the present owner (holder may be NULL).
 * Returns: OK, ERR_BUSY (held by another), ERR_NOT_FOUND, ERR_DENIED, ERR_FULL, ERR_IO. */
NODISCARD enum err lockfile_take(struct lockfile *lock, struct lockfile_holder *holder,
                                 const char *path, const char *program);

/* lockfile_release gives the lock up; the file stays. Harmless when not held. */
void lockfile_release(struct lockfile *lock);

#endif
