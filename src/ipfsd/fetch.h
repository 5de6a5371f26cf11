/* fetch: the blocks of a DAG out of the network: from gateways that an order names as origins, from
 * other holders, and from the peers of the swarm, raced against each other (ipfs/race). The caller
 * knows which blocks it wants (it parses the links); fetch brings them, each verified against its
 * digest. Design: docs/design/fetching.md.
 *
 * All calls block and belong to one thread, which must not be the loop's: the transfers themselves
 * run on the loop (libcurl) and hand over through a bounded queue, so that a slow caller slows the
 * sender. fetch_cancel may come from any thread. */
#ifndef CRUST_IPFSD_FETCH_H
#define CRUST_IPFSD_FETCH_H

#include "codec/cid.h"
#include "ipfs/blockio.h"
#include "rt/loop.h"

enum {
    FETCH_SOURCES_MAX = 16,
    FETCH_URL_MAX = 128, /* NODE_URL_MAX */
    FETCH_WHY_MAX = 512, /* text for people: why each source failed */
    FETCH_STORY_MAX = 1024,
    FETCH_QUEUE_BYTES = 8 << 20,
};

struct fetch; /* opaque; given by fetch_open, destroyed by fetch_close */
struct http_client;
struct fetch_ranks;
struct find_http;

/* The peers of the swarm, as one source. */
struct fetch_peers {
    void *ctx;
    /* As exchange_want and exchange_unwant. ask NULL: there are no peers. */
    enum err (*ask)(void *ctx, uint64_t *id, const struct block_key *key,
                    void (*over)(void *over_ctx, enum err result, struct mspan data),
                    void *over_ctx);
    bool (*cancel)(void *ctx, uint64_t id);
};

struct fetch_options {
    struct loop *loop;        /* kept until fetch_close */
    struct http_client *http; /* kept; belongs to the loop and has the rule on private addresses */
    struct content_key root;
    uint64_t size_max; /* bytes of blocks that may be received in all; more is ERR_LIMIT */
    uint32_t source_count;
    struct span sources[FETCH_SOURCES_MAX]; /* gateway URLs, best first; copied */
    struct fetch_ranks *ranks;              /* kept; what is known of hosts; NULL: nothing is */
    struct fetch_peers peers;               /* kept */
    bool peers_first;                       /* they are asked before the gateways */
    struct find_http *find; /* kept: routers, asked for gateways of root when the others are silent
                               or have not got it; NULL: none */
    /* True when nobody waits for blocks any more: then all calls give ERR_CLOSED. The caller's
     * thread. NULL: never. */
    bool (*gone)(void *ctx);
    void *gone_ctx;
    bool loose; /* only fetch_get, of any blocks: size_max and repeats do not count */
    /* Patience; 0: the defaults of fetch_impl.h. */
    uint32_t first_ms;   /* for the first byte of an answer, before the next source is tried */
    uint32_t idle_ms;    /* without a byte, in whole seconds */
    uint32_t hedge_ms;   /* silence, before another source is asked too */
    uint32_t stall_ms;   /* silence, before a source is passed over */
    uint32_t backoff_ms; /* before all sources are tried again; doubles */
    uint32_t get_ms;     /* for one block from anybody */
    bool only_cached;    /* ask for what the sources have themselves (RFC 9111 only-if-cached) */
};

struct fetch_block {
    struct content_key key;
    struct span data; /* borrowed until the next call on this fetch */
    bool beside;      /* not out of the stream: one of those foretold (fetch_prefetch) */
};

/* fetch_open starts nothing yet. ERR_LIMIT, ERR_FORMAT (a URL), ERR_MEMORY. */
NODISCARD enum err fetch_open(struct fetch **out, const struct fetch_options *o);
void fetch_close(struct fetch *f); /* NULL is fine */

/* fetch_add names one more source, as the last one. OK, also when it is one already; ERR_LIMIT,
 * ERR_FORMAT. The caller's thread. */
NODISCARD enum err fetch_add(struct fetch *f, struct span url);

/* fetch_next gives the next block of the stream of the whole DAG (a CAR with dag-scope=all), which
 * starts with the first call: in depth-first order, each once, perhaps incomplete.
 * Blocks that nothing before them links to are dropped here, and so are repeats.
 * A stream that takes longer than a moment does not stay alone: other sources are asked for the
 * root, and when one of them gives it, for what fetch_prefetch has said; these blocks come in
 * between. The stream ends where it meets them.
 * Returns: OK; ERR_NOT_FOUND at the end of the stream (no source has it, or all ended: go on with
 * fetch_get for what is missing); ERR_LIMIT (size_max); ERR_CLOSED (cancelled). */
NODISCARD enum err fetch_next(struct fetch *f, struct fetch_block *out);

/* fetch_get brings one block by its CID from any source, with retries. buf of BLOCK_SIZE_MAX always
 * suffices. ERR_NOT_FOUND (no source has it), ERR_TIMEOUT, ERR_CLOSED (cancelled), ERR_LIMIT. */
NODISCARD enum err fetch_get(struct fetch *f, size_t *size, struct mspan buf,
                             const struct content_key *key);

/* fetch_prefetch says that these blocks will be asked for next, in this order. Only a hint. While a
 * stream is under way: which blocks others are to give meanwhile, best the last ones. */
void fetch_prefetch(struct fetch *f, const struct content_key *keys, size_t count);

/* True while peers are the only source that is known: they read ahead by themselves, in larger
 * windows (docs/spec/bitswap.md 5.7). The caller's thread. */
bool fetch_peers_only(const struct fetch *f);

/* True while a stream is under way and others give blocks beside it. */
bool fetch_shares(const struct fetch *f);

/* fetch_cancel makes the present and all later calls return ERR_CLOSED. Any thread. */
void fetch_cancel(struct fetch *f);

/* What has been received, and by how many sources. Any thread. */
struct fetch_stat {
    uint64_t bytes;
    uint64_t blocks;
};
struct fetch_stat fetch_stat(struct fetch *f);

/* fetch_why writes in words what became of each source. The caller's thread. */
void fetch_why(struct fetch *f, char out[FETCH_WHY_MAX]);

/* fetch_story: who was first, who gave how much, who failed and why. The caller's thread. */
void fetch_story(struct fetch *f, char out[FETCH_STORY_MAX]);

/* fetch_source_urls gives the gateways by now, those of routers among them, and whether the peers
 * were the first to deliver. Returns how many; borrowed until the next call. */
uint32_t fetch_source_urls(const struct fetch *f, const char *out[FETCH_SOURCES_MAX],
                           bool *peers_won);

#endif
