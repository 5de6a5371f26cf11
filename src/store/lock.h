/* lock: the exclusive lock on a store's folder, a file that names its holder. */
#ifndef CRUST_STORE_LOCK_H
#define CRUST_STORE_LOCK_H

#include "store/file.h"

enum { LOCK_HOLDER_MAX = 96 };

struct lock {
    const struct files *files;
    int handle;
};

/* lock_take locks path (made when missing) without waiting and writes "pid N program\n" into it.
 * ERR_BUSY: holder says who has it, or is empty. holder may be NULL. The lock goes with the
 * process, so that a crash leaves no stale lock. */
NODISCARD enum err lock_take(struct lock *out, char holder[LOCK_HOLDER_MAX],
                             const struct files *files, const char *path, const char *program);

/* lock_release frees it; a zeroed lock is fine when files is NULL. */
void lock_release(struct lock *l);

#endif
