/* yamux_table: the streams of one yamux connection by id, and its two queues: of those that have
 * something to send, of those whose owner is to be told something. Only yamux.c uses it. Streams
 * are places s in the pool. Pure. */
#ifndef CRUST_P2P_YAMUX_TABLE_H
#define CRUST_P2P_YAMUX_TABLE_H

#include "p2p/yamux.h"

enum { /* of a stream */
       YAMUX_STREAM_OURS = 1,
       YAMUX_STREAM_SYN_TODO = 2,
       YAMUX_STREAM_UNACKED = 4, /* ours, the peer has not acknowledged it */
       YAMUX_STREAM_WAITING = 8, /* theirs, not yet accepted */
       YAMUX_STREAM_ACK_TODO = 16,
       YAMUX_STREAM_UPDATE_TODO = 32,
       YAMUX_STREAM_FIN_TODO = 64,
       YAMUX_STREAM_FINISHED = 128, /* we write nothing more */
       YAMUX_STREAM_PEER_FIN = 256,
       YAMUX_STREAM_RST_TODO = 512,
       YAMUX_STREAM_DEAD = 1024,   /* reset */
       YAMUX_STREAM_CLOSED = 2048, /* nobody here holds the id any more */
       YAMUX_STREAM_WANTS = 4096,  /* a writer was stopped by the window */
       YAMUX_STREAM_IN_TODO = 8192,
       YAMUX_STREAM_IN_EVENTS = 16384,
       YAMUX_STREAM_GONE = 32768, /* out of the table; freed when it leaves its queues */
};
enum {
    YAMUX_STREAM_TODO = YAMUX_STREAM_SYN_TODO | YAMUX_STREAM_ACK_TODO | YAMUX_STREAM_UPDATE_TODO |
                        YAMUX_STREAM_FIN_TODO | YAMUX_STREAM_RST_TODO,
};

static inline struct yamux_stream *yamux_table_at(const struct yamux *y, uint32_t s)
{
    return &y->pool->streams[s];
}

/* A new stream, with no flags yet. YAMUX_NONE: the pool has none. */
uint32_t yamux_table_add(struct yamux *y, uint32_t id);

/* YAMUX_NONE: there is none; held: one that somebody here still holds. */
uint32_t yamux_table_find(const struct yamux *y, uint32_t id);
uint32_t yamux_table_held(const struct yamux *y, uint32_t id);

/* Sets flags of what is to be sent, or events of what the owner is to be told, and puts the stream
 * into its queue. The owner of a closed stream is told nothing. */
void yamux_table_todo(struct yamux *y, uint32_t s, uint16_t what);
void yamux_table_tell(struct yamux *y, uint32_t s, uint8_t what);

/* The first of a queue, which is not empty. It may be one that is GONE: yamux_table_reap then. */
uint32_t yamux_table_todo_pop(struct yamux *y);
uint32_t yamux_table_event_pop(struct yamux *y);

/* Frees a stream that is GONE once no queue holds it. */
void yamux_table_reap(struct yamux *y, uint32_t s);

/* It is neither waiting to be acknowledged nor to be accepted any more. */
void yamux_table_settle(struct yamux *y, struct yamux_stream *st);

/* Forgets what is unread; the rest of a frame under way will be dropped. */
void yamux_table_forget(struct yamux *y, uint32_t s);

/* Takes a stream out of the table; done: a closed one, when both sides are done. */
void yamux_table_release(struct yamux *y, uint32_t s);
void yamux_table_release_done(struct yamux *y, uint32_t s);

/* The stream is reset: its owner is told, nothing more is sent. */
void yamux_table_die(struct yamux *y, uint32_t s, uint32_t code);

#endif
