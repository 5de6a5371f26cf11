/* yamux: many streams over one connection, /yamux/1.0.0, both sides. Rules: docs/spec/yamux.md.
 *
 *   each turn:  yamux_step(&y, in, out, now_ms)         frames in, control frames out
 *               while (yamux_event(&y, &ev)) ...        what happened to streams
 *               yamux_write, yamux_peek, yamux_drop, yamux_finish, yamux_close
 *
 * A stream, as seen from one side; both directions end by themselves (half-close):
 *
 *   open --finish--> we are done --close, peer's FIN--> gone
 *     \--peer's FIN: YAMUX_FINISHED after the last byte--/
 *   any --yamux_reset, peer's RST: YAMUX_RESET, patience over--> gone after close
 *
 * Written bytes go straight into out: nothing is queued here, so a full ring or a window that is
 * used up says itself to the writer. Received bytes wait in the chunks of a pool. Pure: no clock,
 * no allocation; one thread. */
#ifndef CRUST_P2P_YAMUX_H
#define CRUST_P2P_YAMUX_H

#include "base/ring.h"
#include "p2p/yamux_pool.h"

#define YAMUX_ID "/yamux/1.0.0"

enum {
    YAMUX_HEAD_SIZE = 12,
    YAMUX_FRAME_MAX = 65536, /* bytes of data in one frame of ours, as go-yamux has it */
    YAMUX_BUCKETS = 32,
    YAMUX_PONGS = 8,         /* answers to pings that wait for room */
    YAMUX_REFUSALS = 32,     /* refused streams whose RST waits for room */
    YAMUX_BACKLOG = 256,     /* streams opened and not yet taken, in either direction */
    YAMUX_STRAYS = 1024,     /* control frames a second for streams that are gone */
    YAMUX_LINGER_MS = 60000, /* how long a closed stream waits for the peer's FIN */
    YAMUX_STARVE_MS = 10000, /* how long a session waits for chunks before it sacrifices a stream */
};

enum yamux_code { /* of RST and of go-away */
                  YAMUX_CODE_NORMAL = 0,
                  YAMUX_CODE_PROTOCOL = 1,
                  YAMUX_CODE_INTERNAL = 2,
};

struct yamux_config {
    bool client;           /* we have dialled: our streams are odd */
    uint32_t incoming_max; /* streams of the peer at a time; more are refused by RST */
    uint32_t outgoing_max; /* our own */
    uint32_t window_max;   /* of one stream: YAMUX_WINDOW to 16 MiB */
    uint32_t share_chunks; /* chunks that nobody else can take, at least 1 */
    uint32_t keepalive_ms; /* between pings; 0: none, and no window grows */
    uint32_t timeout_ms;   /* silence after a ping that ends the session */
};

/* The defaults: 256 streams each way, 16 MiB, 4 chunks, 30 s and 30 s. */
struct yamux_config yamux_defaults(bool client);

struct yamux {
    struct yamux_pool *pool;
    struct yamux_config config;
    struct yamux_share share;
    enum err err; /* sticks */
    uint32_t buckets[YAMUX_BUCKETS];
    uint32_t next_id;
    uint32_t incoming, outgoing, backlog, unacked;
    uint32_t todo_first, todo_last, event_first, event_last;
    uint32_t data_left;   /* of the frame under way */
    uint32_t data_stream; /* where it goes; YAMUX_NONE: dropped */
    uint32_t pongs[YAMUX_PONGS], refusals[YAMUX_REFUSALS];
    uint32_t pong_count, refusal_count;
    uint32_t ping_value, rtt_ms; /* rtt 0: not measured yet, else at least 1 */
    bool ping_todo, ping_sent;
    bool going, going_sent, gone; /* our go-away is wanted, is sent; theirs has come */
    uint32_t going_code, gone_code;
    uint64_t now_ms; /* of the last step */
    uint64_t ping_ms, alive_ms, scan_ms, starved_ms, stray_ms;
    uint64_t stray_bytes; /* data that may still come for streams that are gone */
    uint32_t strays;
    uint64_t dropped; /* bytes of frames for streams that are gone, for figures */
};

/* yamux_init begins a session; pool is kept until yamux_fini.
 * ERR_LIMIT: the pool cannot promise the share; ERR_RANGE: a number of config. */
NODISCARD enum err yamux_init(struct yamux *y, struct yamux_pool *pool,
                              const struct yamux_config *config, uint64_t now_ms);

/* yamux_fini gives all memory back to the pool. Accepts a zeroed object. */
void yamux_fini(struct yamux *y);

/* yamux_step reads frames as far as memory and room in out go, and writes control frames.
 *
 * Returns: OK; ERR_FORMAT (version, type, flags, a wrong or repeated stream id, data after FIN, a
 *          window over 2^32); ERR_LIMIT (data beyond a window, too many frames for streams that are
 *          gone); ERR_TIMEOUT (no sign of life). Not OK sticks; the go-away is in out then, if it
 *          had room. */
NODISCARD enum err yamux_step(struct yamux *y, struct ring *in, struct ring *out, uint64_t now_ms);

/* When the session wants to be stepped at the latest. */
uint64_t yamux_deadline(const struct yamux *y);

enum {
    YAMUX_OPENED = 1,   /* by the peer; taking this event accepts it */
    YAMUX_READABLE = 2, /* bytes have come */
    YAMUX_WRITABLE = 4, /* the window, which was used up, has opened */
    YAMUX_FINISHED = 8, /* the peer will send nothing more; what is unread can still be read */
    YAMUX_RESET = 16,   /* dead: only yamux_close is left to do */
};

struct yamux_event {
    uint32_t id;
    uint8_t what;        /* a sum of the above */
    uint32_t reset_code; /* with YAMUX_RESET */
};

/* yamux_event takes the next event, in the order in which streams got one; false: none. */
bool yamux_event(struct yamux *y, struct yamux_event *ev);

/* yamux_open begins a stream. ERR_LIMIT (of streams, or the pool's), ERR_BUSY (YAMUX_BACKLOG of
 * ours are not acknowledged), ERR_CLOSED (go-away). */
NODISCARD enum err yamux_open(struct yamux *y, uint32_t *id);

/* yamux_write puts as much of data into out as window and room allow.
 * Out: *taken. Returns: OK, also when nothing was taken; ERR_NOT_FOUND; ERR_CLOSED (finished,
 * closed or reset). */
NODISCARD enum err yamux_write(struct yamux *y, struct ring *out, uint32_t id, struct span data,
                               size_t *taken);

/* yamux_peek gives the oldest unread bytes in one piece, borrowed until the next call for this
 * stream or step; empty: none, or no such stream. */
struct span yamux_peek(const struct yamux *y, uint32_t id);

/* yamux_drop takes n of them away (asserted to be there) and opens the window again. */
void yamux_drop(struct yamux *y, uint32_t id, size_t n);

/* True when the peer has finished and everything is read; also for a stream that is not there. */
bool yamux_at_end(const struct yamux *y, uint32_t id);

/* yamux_finish: we send nothing more (FIN); reading goes on. */
void yamux_finish(struct yamux *y, uint32_t id);

/* yamux_close lets go of the stream: finishes it if it is not, drops what is unread and what will
 * come until the peer's FIN, or YAMUX_LINGER_MS. The id is forgotten. Unknown ids are ignored. */
void yamux_close(struct yamux *y, uint32_t id);

/* yamux_reset ends both directions at once (RST with a code) and lets go of the stream. */
void yamux_reset(struct yamux *y, uint32_t id, uint32_t code);

/* yamux_go_away: no new streams from either side from now on. */
void yamux_go_away(struct yamux *y, enum yamux_code code);

#endif
