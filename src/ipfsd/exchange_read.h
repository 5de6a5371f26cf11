/* exchange_read: a block_source for the loop's thread over one that may block: what is not read yet
 * is read by threads meanwhile, and the answer is ERR_BUSY until then. The memory for what has been
 * read is fixed. On the loop's thread, but for what it reads from. */
#ifndef CRUST_IPFSD_EXCHANGE_READ_H
#define CRUST_IPFSD_EXCHANGE_READ_H

#include "ipfs/blockio.h"
#include "rt/loop.h"

enum {
    EXCHANGE_READ_BLOCKS = 6, /* read or being read: 12 MiB */
    EXCHANGE_READ_SIZES = 32, /* the same for lengths alone */
    EXCHANGE_READ_THREADS = 2,
    EXCHANGE_READ_KEPT_MS = 1000, /* how long a block waits for who has asked for it */
    EXCHANGE_READ_AGAIN_MS = 200, /* before a source that is busy is asked again */
};

struct exchange_read;

/* source, with size, is called by EXCHANGE_READ_THREADS at once; wake is posted when something has
 * been read. All are kept. ERR_MEMORY, ERR_IO. */
NODISCARD enum err exchange_read_open(struct exchange_read **out, struct loop *l,
                                      const struct block_source *source, struct loop_event *wake);

/* A block has come to the source (NULL: some have): that it was not there is looked at again. */
void exchange_read_came(struct exchange_read *r, const uint8_t *digest);

/* Waits for what is being read; afterwards all is ERR_BUSY. */
void exchange_read_stop(struct exchange_read *r);
/* After stop; NULL is fine. */
void exchange_read_close(struct exchange_read *r);

/* get and size; ERR_BUSY: wake will be posted, or after EXCHANGE_READ_AGAIN_MS. */
struct block_source exchange_read_source(struct exchange_read *r);

#endif
