/* fetch_source: the gateways of one fetch, what became of each, and that in words. Private to
 * ipfsd/fetch. One thread. */
#ifndef CRUST_IPFSD_FETCH_SOURCE_H
#define CRUST_IPFSD_FETCH_SOURCE_H

#include "codec/cid.h"
#include "ipfsd/fetch.h"
#include "ipfsd/fetch_leg.h"
#include "ipfsd/fetch_rank.h"

enum fetch_fault {
    FETCH_FAULT_NONE,
    FETCH_FAULT_HTTP,       /* err and status say what */
    FETCH_FAULT_CUT,        /* the archive ended early */
    FETCH_FAULT_INCOMPLETE, /* the archive was whole and left blocks out */
    FETCH_FAULT_SILENT,
    FETCH_FAULT_SLOW,
    FETCH_FAULT_REPEATS, /* the same blocks again and again */
    FETCH_FAULT_DIGEST,  /* from here on: lies, after which it is asked no more */
    FETCH_FAULT_NO_CAR,
    FETCH_FAULT_STRANGE, /* blocks that the content does not link to */
};

struct fetch_source {
    char url[FETCH_URL_MAX + 1]; /* without "/ipfs/..." and without '/' at the end */
    size_t host_n;               /* scheme, name and port: what is ranked */
    enum fetch_fault fault;      /* the last one */
    enum err err;
    uint16_t status;
    bool peers; /* no gateway: the peers of the swarm */
    bool asked;
    bool banned;       /* has lied */
    bool streamed;     /* has been asked for the stream in this round */
    uint32_t active;   /* legs under way */
    uint32_t failures; /* in a row, of the connection */
    uint32_t missing;  /* blocks it has not got */
    uint64_t bytes;    /* of good blocks */
    uint64_t blocks;
};

/* fetch_source_parse reads a source's URL. ERR_FORMAT, ERR_LIMIT. */
NODISCARD enum err fetch_source_parse(struct fetch_source *out, struct span url);

/* Writes the address of a DAG (format "car&dag-scope=all...") or of a block ("raw"). */
void fetch_source_url(char out[FETCH_LEG_URL_MAX], const struct fetch_source *s,
                      const struct content_key *key, const char *format);

struct span fetch_source_host(const struct fetch_source *s);

/* Notes a failure, for words and rank. state: of the leg, when the fault is FETCH_FAULT_HTTP. */
void fetch_source_fail(struct fetch_source *s, struct fetch_ranks *r, enum fetch_fault fault,
                       const struct fetch_leg_state *state);
void fetch_source_good(struct fetch_source *s, struct fetch_ranks *r, uint64_t bytes);

/* True when the last failure may be over in a moment. */
bool fetch_source_passing(const struct fetch_source *s);

/* Words for one source, without its name. */
void fetch_source_why(char *out, size_t size, const struct fetch_source *s);

#endif
