/* fetch_impl: the inside of a fetch. Private to ipfsd/fetch*.c.
 *
 * All decisions are made on the caller's thread; the loop moves bytes (fetch_leg). The stream and
 * the asks for single blocks are independent of each other but for the set of blocks they share. */
#ifndef CRUST_IPFSD_FETCH_IMPL_H
#define CRUST_IPFSD_FETCH_IMPL_H

#include "codec/car.h"
#include "ipfsd/fetch.h"
#include "ipfsd/fetch_set.h"
#include "ipfsd/fetch_source.h"

#include <stdatomic.h>

enum {
    FETCH_FIRST_MS = 10000,
    FETCH_IDLE_MS = 20000,
    FETCH_HEDGE_MS = 2000,
    FETCH_BACKOFF_MS = 500,
    FETCH_GET_MS = 120000,        /* for one block from anybody */
    FETCH_BLOCK_MS = 60000,       /* for one block from one source */
    FETCH_ROUNDS = 3,             /* times that every source is tried */
    FETCH_WASTE_MAX = 16 << 20,   /* bytes of a stream that nobody wanted, beside size_max / 8 */
    FETCH_WASTE_EACH = 64,        /* what an unwanted block counts at least */
    FETCH_AGAIN_MAX = 16 << 20,   /* after more than this, blocks are cheaper than a new stream */
    FETCH_PACE_BYTES = 256 << 10, /* a stream must bring so much in three times idle_ms */
    FETCH_ASKS = 4,               /* blocks asked for at a time */
    FETCH_LEGS = 2,               /* sources raced for a block */
    FETCH_PREFETCH_MAX = 64,
};

struct fetch_stream {
    struct fetch_leg *leg; /* NULL: none under way */
    uint32_t source;
    bool done;
    uint32_t round;
    uint8_t *memory; /* CAR_SECTION_MAX, while a stream may come */
    struct car_parser parser;
    size_t held;                     /* bytes of the ring that the last item used */
    uint64_t strange, repeats;       /* unwanted bytes of this leg */
    uint64_t delivered;              /* bytes, by all streams */
    uint64_t silent_ms, silent_mark; /* waited since a byte came; bytes until then */
    uint64_t waited_ms, pace_mark;   /* the same since FETCH_PACE_BYTES came */
};

enum ask_state { ASK_FREE, ASK_RUNNING, ASK_HAVE, ASK_FAILED };

struct fetch_ask {
    enum ask_state state;
    struct content_key key;
    struct fetch_leg *legs[FETCH_LEGS];
    uint32_t sources[FETCH_LEGS];
    uint64_t begun_ms; /* of the youngest leg */
    uint64_t again_ms; /* backing off until then; 0: not */
    uint32_t round;
    uint32_t tried, gone; /* bits of sources: in this round; that have not got it */
    uint32_t winner;      /* ASK_HAVE: whose buffer has the block */
    size_t size;
    enum err err;    /* ASK_FAILED */
    uint64_t number; /* older ones give way first */
};

struct fetch {
    struct loop *loop;
    struct http_client *http;
    struct fetch_ranks *ranks;
    struct fetch_hub *hub;
    struct content_key root;
    uint64_t size_max;
    uint32_t first_ms, idle_ms, hedge_ms, backoff_ms, get_ms;
    bool only_cached;
    uint32_t source_count;
    struct fetch_source sources[FETCH_SOURCES_MAX]; /* in the order of rank */
    struct fetch_set set;
    struct fetch_stream stream;
    struct fetch_ask asks[FETCH_ASKS];
    uint64_t ask_count;
    struct content_key ahead[FETCH_PREFETCH_MAX];
    size_t ahead_at, ahead_count;
    enum err over; /* sticky: ERR_LIMIT, ERR_MEMORY */
    atomic_bool cancelled;
    atomic_uint_fast64_t bytes, blocks;
};

/* OK while the fetch may go on. */
NODISCARD enum err fetch_alive(struct fetch *f);

/* fetch_account counts a verified block that came for the first time and notes its links. */
NODISCARD enum err fetch_account(struct fetch *f, const struct content_key *key, struct span block);

/* The leg's options that both kinds share. */
struct fetch_leg_options fetch_leg_base(const struct fetch *f, const char *url);

void fetch_stream_close(struct fetch *f);
void fetch_asks_close(struct fetch *f);

#endif
