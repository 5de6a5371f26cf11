/* fetch_rank: what this node remembers of those it fetched from: bytes they served and promises
 * they broke. Who broke one is asked last; it fades with the hours. One object for the process, in
 * memory only; any thread. Design: docs/design/gateway.md. */
#ifndef CRUST_IPFSD_FETCH_RANK_H
#define CRUST_IPFSD_FETCH_RANK_H

#include "base/span.h"

enum { FETCH_RANK_HOSTS = 256 }; /* remembered; the least recently met is forgotten */

/* What a failure costs. It halves every ten minutes. */
enum {
    FETCH_RANK_MISSING = 1, /* says that it has not got it */
    FETCH_RANK_BROKEN = 8,  /* not reachable, cut, stalled, an error of its own */
    FETCH_RANK_LIED = 1024, /* wrong bytes for a CID, or what is no answer at all */
};

struct fetch_ranks;

struct fetch_ranks *fetch_ranks_new(void); /* NULL: out of memory */
void fetch_ranks_free(struct fetch_ranks *r);

/* r may be NULL in the rest: then nothing is remembered. host: the source's URL up to its path. */
void fetch_rank_served(struct fetch_ranks *r, struct span host, uint64_t bytes);
void fetch_rank_failed(struct fetch_ranks *r, struct span host, uint32_t cost);

/* Smaller is better: 0 for who has served and owes nothing, 1 for strangers, more for failures. */
uint32_t fetch_rank_of(struct fetch_ranks *r, struct span host);

struct fetch_rank {
    uint64_t bytes; /* served so far */
    uint32_t cost;  /* of failures, as it has faded until now */
};
struct fetch_rank fetch_rank_look(struct fetch_ranks *r, struct span host);

#endif
