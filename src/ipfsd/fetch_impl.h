/* fetch_impl: the inside of a fetch. Private to ipfsd/fetch*.c.
 *
 * All decisions are made on the caller's thread; the loop moves bytes (fetch_leg). The stream and
 * the asks for single blocks are independent of each other but for the set of blocks they share. */
#ifndef CRUST_IPFSD_FETCH_IMPL_H
#define CRUST_IPFSD_FETCH_IMPL_H

#include "codec/car.h"
#include "ipfs/race.h"
#include "ipfsd/fetch.h"
#include "ipfsd/fetch_set.h"
#include "ipfsd/fetch_source.h"

#include <stdatomic.h>

enum {
    FETCH_FIRST_MS = 10000,
    FETCH_IDLE_MS = 20000,
    FETCH_GET_MS = 120000,        /* for one block from anybody */
    FETCH_BLOCK_MS = 60000,       /* for one block from one source */
    FETCH_ROUNDS = RACE_ROUNDS,   /* times that every source is tried */
    FETCH_WASTE_MAX = 16 << 20,   /* bytes of a stream that nobody wanted, beside size_max / 8 */
    FETCH_WASTE_EACH = 64,        /* what an unwanted block counts at least */
    FETCH_AGAIN_MAX = 16 << 20,   /* after more than this, blocks are cheaper than a new stream */
    FETCH_PACE_BYTES = 256 << 10, /* a stream must bring so much in three times idle_ms */
    FETCH_ASKS = 32,              /* blocks asked for at a time */
    FETCH_ASKS_FEW = 4,           /* however large they are */
    FETCH_AHEAD_BYTES = 4 << 20,  /* of blocks asked for at a time, as large as they were so far */
    FETCH_PREFETCH_MAX = 64,
    FETCH_MET = 4,             /* blocks of a stream that others had given: there it ends */
    FETCH_LOOK_MS = 200,       /* how often a caller is asked whether it still wants it */
    FETCH_FIND_AFTER_MS = 600, /* silence of all, before routers are asked for more */
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
    uint64_t begun_ms;               /* of the leg */
    uint32_t met;                    /* blocks in a row that others had given already */
};

enum ask_state { ASK_FREE, ASK_RUNNING, ASK_HAVE, ASK_FAILED };

struct fetch_ask {
    enum ask_state state;
    struct content_key key;
    struct race_want want;
    struct fetch_leg *legs[RACE_LEGS];
    uint64_t heard[RACE_LEGS]; /* bytes of each so far */
    uint64_t begun_ms;
    bool urgent;     /* somebody waits for it */
    uint32_t winner; /* ASK_HAVE: whose buffer has the block */
    size_t size;
    enum err err;    /* ASK_FAILED */
    uint64_t number; /* older ones give way first */
};

/* What is given beside the stream. */
enum beside_state { BESIDE_NOT_YET, BESIDE_PROBE, BESIDE_ON, BESIDE_OFF };

enum find_state { FIND_NOT_YET, FIND_ASKED, FIND_OVER };

struct fetch {
    struct loop *loop;
    struct http_client *http;
    struct fetch_ranks *ranks;
    struct fetch_hub *hub;
    struct content_key root;
    uint64_t size_max;
    uint32_t first_ms, idle_ms, get_ms;
    bool only_cached, loose;
    struct fetch_peers peers;
    bool (*gone)(void *ctx);
    void *gone_ctx;
    struct find_http *find;
    enum find_state find_state;
    uint32_t find_ticket;
    struct race race; /* its numbers are those of the sources */
    uint32_t source_count;
    struct fetch_source sources[FETCH_SOURCES_MAX + 1]; /* in the order of rank, then the peers */
    uint64_t opened_ms, first_block_ms;                 /* 0: none has come */
    uint32_t first_source;                              /* who gave it */
    struct fetch_set set;
    struct fetch_stream stream;
    struct fetch_ask asks[FETCH_ASKS];
    uint64_t ask_count;
    struct content_key ahead[FETCH_PREFETCH_MAX];
    size_t ahead_at, ahead_count;
    uint64_t usual; /* bytes of a block; smoothed */
    enum beside_state beside;
    struct fetch_ask *probe, *shown; /* the root beside the stream; what fetch_next has given out */
    enum err over;                   /* sticky: ERR_LIMIT, ERR_MEMORY */
    atomic_bool cancelled;
    atomic_uint_fast64_t bytes, blocks;
};

/* OK while the fetch may go on. */
NODISCARD enum err fetch_alive(struct fetch *f);

/* fetch_account counts a verified block that came for the first time and notes its links. */
NODISCARD enum err fetch_account(struct fetch *f, const struct content_key *key, struct span block);

/* The leg's options that both kinds share. */
struct fetch_leg_options fetch_leg_base(const struct fetch *f, const char *url);

/* A good block has come from a source. */
void fetch_served(struct fetch *f, uint32_t source, size_t size);

void fetch_stream_close(struct fetch *f);

/* fetch_get.c: moves all asks on; returns in how many milliseconds they want to be looked at. */
uint64_t fetch_asks_step(struct fetch *f);
void fetch_ask_free(struct fetch *f, struct fetch_ask *a);
void fetch_asks_close(struct fetch *f);
struct span fetch_ask_data(struct fetch *f, const struct fetch_ask *a);
/* Asks for a block, of all sources but `without` (bits). NULL: no place. */
struct fetch_ask *fetch_ask_start(struct fetch *f, const struct content_key *key, uint32_t without);
/* Begins what was foretold, as far as there is room. */
void fetch_ahead_start(struct fetch *f, uint32_t without);

/* fetch_beside.c: begins, and moves on, what is given beside the stream. *out and *taken as in the
 * stream; returns when to look again. */
uint64_t fetch_beside_step(struct fetch *f, bool *taken, struct fetch_block *out);
/* The caller has done with what was given out last. */
void fetch_beside_taken(struct fetch *f);

#endif
