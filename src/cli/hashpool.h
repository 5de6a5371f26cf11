/* hashpool: reads and hashes pieces of files on all cores and gives the results back in order.
 *
 * One owner thread submits jobs and takes results; the workers open, read and hash. Memory is
 * bounded by HASHPOOL_BIG pieces in flight, however many small files are queued. */
#ifndef CRUST_CLI_HASHPOOL_H
#define CRUST_CLI_HASHPOOL_H

#include "ipfs/unixfs_add.h"
#include "proof/content.h"

#include <sys/stat.h>

enum {
    HASHPOOL_SLOTS = 256, /* jobs in flight */
    HASHPOOL_BIG = 32,    /* of them, pieces that fill a buffer; 16 up to 4 cores */
};

/* A piece of a file. With dir >= 0 the worker opens name there itself (a whole small file); else
 * it reads from fd at offset. */
struct hashpool_job {
    int dir;
    const char *name; /* kept until the result is taken */
    int fd;
    uint64_t offset;
    size_t size;    /* bytes of this piece */
    bool only;      /* the piece is the whole file */
    bool keep_meta; /* put mode and mtime into an `only` leaf */
    struct unixfs_meta meta;
    void *owner; /* for the one who submits */
};

struct hashpool_result {
    enum err err; /* ERR_STATE: the file changed while it was read */
    struct unixfs_add_node node;
    struct span block;            /* borrowed until hashpool_release */
    struct content_record record; /* when the pool was made with records */
    struct hashpool_job job;
};

struct hashpool;

/* hashpool_new starts one worker per core. ERR_MEMORY. */
NODISCARD enum err hashpool_new(struct hashpool **out, const struct unixfs_add_params *params,
                                bool records);
void hashpool_free(struct hashpool *p); /* NULL is fine; waits for the workers */

/* A job of this size fits now. */
bool hashpool_room(const struct hashpool *p, size_t size);
/* Jobs that were submitted and not yet released. */
size_t hashpool_pending(const struct hashpool *p);

/* hashpool_submit queues a job; there must be room (asserted). */
void hashpool_submit(struct hashpool *p, const struct hashpool_job *job);

/* hashpool_take waits for the oldest job; hashpool_release gives its buffer back. */
const struct hashpool_result *hashpool_take(struct hashpool *p);
void hashpool_release(struct hashpool *p);

#endif
