/* save: a small file of state that is written beside the loop's work: a table of peers, a ledger.
 * When it cannot be written the log says so; nothing waits for it. */
#ifndef CRUST_IPFSD_SAVE_H
#define CRUST_IPFSD_SAVE_H

#include "rt/loop.h"
#include "rt/path.h"

struct save {
    char path[PATH_TEXT_MAX];
    const char *event; /* of the log when it fails, like "credit-not-written"; kept */
    enum err result;
    size_t size, max;
    uint8_t bytes[]; /* room for max */
};

/* save_new: room for a file of at most max bytes. NULL: no memory. */
struct save *save_new(const char *path, const char *event, size_t max);

/* save_go replaces the file by size bytes, taken. On a thread of the loop, or when now is true
 * before it returns. On the loop's thread. */
void save_go(struct save *s, struct loop *l, bool now);

#endif
