/* carpull: a CAR stream from one gateway, read block by block as the reader comes to them.
 * Spec: specs.ipfs.tech/http-gateways/trustless-gateway (format=car, dag-scope, entity-bytes).
 *
 * The answer is taken off the network only as fast as blocks are read (backpressure is not
 * reading). Blocks are asked for in depth-first order with repeats, which is the order in which a
 * file or a folder is read, so each is the next one or a few further on. Nothing is trusted: what
 * comes out is a block with the digest that was asked for. One thread. */
#ifndef CRUST_CLI_CARPULL_H
#define CRUST_CLI_CARPULL_H

#include "codec/cid.h"
#include "ipfs/blockio.h"

#include <stdbool.h>

enum {
    CARPULL_URL_MAX = 512,
    CARPULL_SKIP_MAX = 64, /* blocks passed over in search of one: those that are here already */
};

enum carpull_scope {
    CARPULL_ENTITY, /* a file, or a folder without what its entries hold */
    CARPULL_ALL,    /* everything below */
};

/* What will be read next. */
struct carpull_want {
    struct cid cid;
    enum carpull_scope scope;
    uint64_t from, to; /* bytes [from, to) of a file; to UINT64_MAX: to its end */
};

struct carpull;

/* carpull_open asks the gateway at base (no '/' at its end) and waits for the head of the answer.
 * Out:     *out, given; carpull_close takes NULL too.
 * Returns: OK; ERR_NOT_FOUND (it has not got it); ERR_UNSUPPORTED (it gives no CAR); ERR_DENIED (a
 *          private address, unless allow_private); ERR_CLOSED, ERR_TIMEOUT, ERR_IO, ERR_MEMORY. */
NODISCARD enum err carpull_open(struct carpull **out, const char *base, bool allow_private,
                                const struct carpull_want *want);
void carpull_close(struct carpull *p);

/* carpull_next reads on to the block of this digest.
 * Out:     *block, borrowed until the next call.
 * Returns: OK; ERR_NOT_FOUND (it is not among the next CARPULL_SKIP_MAX, or the stream ended well
 *          before it came); ERR_CORRUPT (other bytes under its CID); ERR_FORMAT (no CAR); ERR_SHORT
 *          (cut off); ERR_TIMEOUT, ERR_CLOSED, ERR_IO. After any failure only carpull_close. */
NODISCARD enum err carpull_next(struct carpull *p, struct span *block,
                                const uint8_t digest[BLOCK_DIGEST_SIZE]);

#endif
