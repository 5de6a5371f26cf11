/* gather: brings every block of a DAG, each once, in any order, to a function: out of the local
 * store and the sealed replicas first, then from gateways (those of the order, then those that
 * routers know), then from peers by bitswap. Links,
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
    bool peers_first; /* they had the last block, and the gateways had not */
    uint64_t bytes;   /* of blocks taken */
    uint64_t blocks;
    bool asked_routers; /* who else has it */
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
