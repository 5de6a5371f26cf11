/* yamux_pool: the memory of all yamux sessions of a process: chunks that hold received bytes until
 * they are read, streams, and the budget of windows. docs/spec/yamux.md 5. Pure; one thread.
 *
 * Received bytes lie in chunks, so an idle stream costs only its struct however large its window
 * is. Each session has a share of chunks of its own; what is beyond comes from what no share
 * claims, so that a greedy session can stop itself but nobody else. */
#ifndef CRUST_P2P_YAMUX_POOL_H
#define CRUST_P2P_YAMUX_POOL_H

#include "base/err.h"
#include "base/span.h"

#define YAMUX_NONE UINT32_MAX /* no chunk, no stream */

enum {
    YAMUX_CHUNK_SIZE = 4096 - 8, /* with its head a page */
    YAMUX_WINDOW = 256 * 1024,   /* of a new stream, fixed by the yamux specification */
};

struct yamux_chunk {
    uint32_t next;
    uint16_t from, to; /* the unread bytes */
    uint8_t data[YAMUX_CHUNK_SIZE];
};

/* One stream. Its fields belong to yamux.c. */
struct yamux_stream {
    uint32_t id;
    uint32_t next;       /* in its bucket, or in the list of free streams */
    uint32_t todo_next;  /* streams with frames to send */
    uint32_t event_next; /* streams with something to tell */
    uint16_t flags;      /* STREAM_* of yamux.c */
    uint8_t events;      /* YAMUX_OPENED and so on, not yet told */
    uint32_t send_window;
    uint32_t window;   /* what we want the peer to have */
    uint32_t credit;   /* what it may still send */
    uint32_t held;     /* sent to us, unread: in chunks, and the rest of a frame under way */
    uint32_t readable; /* of these, in chunks */
    uint32_t first, last;
    uint32_t reset_code;
    uint64_t epoch_ms; /* last window update; when closed: end of its patience */
};

struct yamux_pool {
    struct yamux_chunk *chunks;
    struct yamux_stream *streams;
    uint32_t chunk_count, chunk_free, chunks_free;
    uint32_t stream_count, stream_free, streams_free;
    uint32_t chunks_reserved; /* claimed by shares that are not used up */
    uint64_t window_max;      /* bytes that windows may have beyond YAMUX_WINDOW, together */
    uint64_t window_used;
};

/* yamux_pool_init takes both arrays, which are kept. window_max: the budget for grown windows. */
void yamux_pool_init(struct yamux_pool *p, struct yamux_chunk *chunks, uint32_t chunk_count,
                     struct yamux_stream *streams, uint32_t stream_count, uint64_t window_max);

/* A stream with first and last unset and the rest zeroed, or YAMUX_NONE. */
uint32_t yamux_pool_stream(struct yamux_pool *p);
void yamux_pool_stream_free(struct yamux_pool *p, uint32_t stream);

/* A session's account of chunks. */
struct yamux_share {
    uint32_t chunks; /* its own */
    uint32_t held;
};

/* yamux_pool_join claims a share. ERR_LIMIT when the pool cannot promise it. */
NODISCARD enum err yamux_pool_join(struct yamux_pool *p, struct yamux_share *s, uint32_t chunks);
/* yamux_pool_leave gives it back; no chunk is held any more (asserted). */
void yamux_pool_leave(struct yamux_pool *p, struct yamux_share *s);

/* yamux_pool_put appends as much of in to the stream's chunks as there is memory for, and returns
 * how much that was. */
size_t yamux_pool_put(struct yamux_pool *p, struct yamux_share *s, struct yamux_stream *st,
                      struct span in);

/* The oldest unread bytes in one piece; empty when there are none. */
struct span yamux_pool_peek(const struct yamux_pool *p, const struct yamux_stream *st);

/* yamux_pool_drop forgets the n oldest bytes (asserted to be there). */
void yamux_pool_drop(struct yamux_pool *p, struct yamux_share *s, struct yamux_stream *st,
                     size_t n);

#endif
