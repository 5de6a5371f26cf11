/* gather: brings every block of a DAG, each once, in any order, to a function: out of the local
 * store and the sealed replicas first, then from the network, where gateways (those of the order,
 * then those that routers know) and peers are raced (ipfsd/fetch, docs/design/fetching.md). Links,
 * repeats and what is missing are kept in a scratch file, so that memory is flat. One thread. */
#ifndef CRUST_IPFSD_GATHER_H
#define CRUST_IPFSD_GATHER_H

#include "ipfsd/call.h"
#include "ipfsd/fetch.h"
#include "ipfsd/placements.h"

struct gather {
    struct call *call;             /* for progress, errors and being gone; kept */
    const struct node_seal *order; /* kept */
    const char *phase;             /* of progress */
    /* Takes a block; data is borrowed until return. */
    enum err (*block)(void *ctx, const struct content_key *key, struct span data);
    void *ctx;
    struct placements links;
    struct fetch *fetch;
    uint8_t *buffer;           /* for one block */
    struct content_key *stack; /* what comes next depth first, the next one on top */
    size_t stack_count;
    /* While a stream brings the front: what is below blocks that others gave, the last on top; and
     * how far the stack has been looked through from its other end. */
    struct content_key *back;
    size_t back_count, tail;
    size_t foretold; /* blocks that may be taken before the next ones are said again */
    uint64_t bytes;  /* of blocks taken */
    uint64_t blocks;
    uint64_t begun_ms;
    bool source_failed; /* that is why gather_run failed */
    bool again;         /* some were taken in an earlier run */
};

/* gather_open prepares; scratch is a path that nobody else uses. gather_close accepts a zeroed one.
 */
NODISCARD enum err gather_open(struct gather *g, const char *scratch);
void gather_close(struct gather *g);

/* gather_again takes a block that was handed over in an earlier run, in the order of then: with it
 * the links are known again. data is the block, or none when it cannot have links (raw). ERR_LIMIT
 * (explained), ERR_CORRUPT: it is not a block of this DAG, or comes twice. ctx is the gather. */
NODISCARD enum err gather_again(void *ctx, const struct content_record *record, struct span data);

/* gather_run goes through the whole DAG. Failures have been explained with call_fail:
 * ERR_NOT_FOUND (a block is nowhere), ERR_LIMIT (larger than the order says), ERR_UNSUPPORTED (a
 * link that cannot be stored), ERR_FORMAT (a malformed block), ERR_CLOSED (cancelled), or what
 * block returned. */
NODISCARD enum err gather_run(struct gather *g);

#endif
