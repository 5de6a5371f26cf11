/* save: a small file of state that is written beside the loop's work: a table of peers, a ledger.
 * When it cannot be written the log says so; nothing waits for it. The saves of one file keep their
 * order: the last one given is what stands there in the end, an older one never comes over it.
 * On the loop's thread. */
#ifndef CRUST_IPFSD_SAVE_H
#define CRUST_IPFSD_SAVE_H

#include "rt/loop.h"

struct save; /* one file */

/* What is to stand in it. The caller fills bytes and size. */
struct save_content {
    uint64_t number; /* private */
    size_t size, max;
    uint8_t bytes[]; /* room for max */
};

/* l is kept, and event: of the log when it fails, like "credit-not-written". There is one at a time
 * for a path. Returns: OK; ERR_LIMIT (a path too long); ERR_MEMORY. */
NODISCARD enum err save_open(struct save **out, struct loop *l, const char *path,
                             const char *event);

/* Room for a file of at most max bytes. NULL: no memory. */
struct save_content *save_content_new(size_t max);

/* save_go replaces the file by c, taken, on a thread of the loop: whole and durable, or not at all.
 * What waited to be written is not written any more. */
void save_go(struct save *s, struct save_content *c);

/* save_close returns when all that was given stands in the file, or its failure in the log. NULL is
 * fine. */
void save_close(struct save *s);

#endif
