#include "p2p/yamux.h"

#include "p2p/yamux_table.h"

enum { TYPE_DATA, TYPE_WINDOW, TYPE_PING, TYPE_GO_AWAY };
enum { FLAG_SYN = 1, FLAG_ACK = 2, FLAG_FIN = 4, FLAG_RST = 8, FLAGS_ALL = 15 };

enum {
    SCAN_MS = 5000,
    GROW_RTTS = 4,      /* half a window read within so many round trips: it is too small */
    SHRINK_MS = 10000,  /* and after so long it is too large, when others need the budget */
    SMALL_FRAME = 1024, /* less data is sent only when it is the last or the window says so */
};

#define WINDOW_LIMIT (16u * 1024 * 1024)

struct yamux_config yamux_defaults(bool client)
{
    return (struct yamux_config){ .client = client,
                                  .incoming_max = 256,
                                  .outgoing_max = 256,
                                  .window_max = WINDOW_LIMIT,
                                  .share_chunks = 4,
                                  .keepalive_ms = 30000,
                                  .timeout_ms = 30000 };
}

enum err yamux_init(struct yamux *y, struct yamux_pool *pool, const struct yamux_config *config,
                    uint64_t now_ms)
{
    *y = (struct yamux){ 0 };
    if (config->window_max < YAMUX_WINDOW || config->window_max > WINDOW_LIMIT ||
        config->share_chunks == 0 || config->incoming_max > UINT16_MAX ||
        config->outgoing_max > UINT16_MAX)
        return ERR_RANGE;
    struct yamux_share share;
    TRY(yamux_pool_join(pool, &share, config->share_chunks));
    *y = (struct yamux){ .pool = pool,
                         .config = *config,
                         .share = share,
                         .next_id = config->client ? 1 : 2,
                         .todo_first = YAMUX_NONE,
                         .todo_last = YAMUX_NONE,
                         .event_first = YAMUX_NONE,
                         .event_last = YAMUX_NONE,
                         .data_stream = YAMUX_NONE,
                         .now_ms = now_ms,
                         .ping_ms = now_ms,
                         .alive_ms = now_ms,
                         .scan_ms = now_ms + SCAN_MS,
                         .stray_ms = now_ms,
                         .stray_bytes = YAMUX_WINDOW };
    for (int i = 0; i < YAMUX_BUCKETS; i++)
        y->buckets[i] = YAMUX_NONE;
    return OK;
}

void yamux_fini(struct yamux *y)
{
    if (y == NULL || y->pool == NULL)
        return;
    for (int i = 0; i < YAMUX_BUCKETS; i++)
        while (y->buckets[i] != YAMUX_NONE)
            yamux_table_release(y, y->buckets[i]);
    while (y->todo_first != YAMUX_NONE)
        yamux_table_reap(y, yamux_table_todo_pop(y));
    while (y->event_first != YAMUX_NONE)
        yamux_table_reap(y, yamux_table_event_pop(y));
    yamux_pool_leave(y->pool, &y->share);
    *y = (struct yamux){ 0 };
}

/* ---- sending --------------------------------------------------------------------------------- */

struct head {
    uint8_t version, type;
    uint16_t flags;
    uint32_t id, length;
};

static void put_head(struct ring *out, uint8_t type, uint16_t flags, uint32_t id, uint32_t length)
{
    struct mspan space = ring_space(out, YAMUX_HEAD_SIZE);
    ASSERT(space.n >= YAMUX_HEAD_SIZE);
    space.p[0] = 0;
    space.p[1] = type;
    store_be16(space.p + 2, flags);
    store_be32(space.p + 4, id);
    store_be32(space.p + 8, length);
    ring_commit(out, YAMUX_HEAD_SIZE);
}

/* Grows a window that is used up quickly, or gives back what others need more. */
static void tune(struct yamux *y, struct yamux_stream *st)
{
    struct yamux_pool *p = y->pool;
    uint64_t took = y->now_ms - st->epoch_ms;
    if (y->rtt_ms != 0 && took < (uint64_t)GROW_RTTS * y->rtt_ms) {
        uint32_t next = st->window * 2;
        if (next > y->config.window_max)
            next = y->config.window_max;
        /* SPEC yamux 4.3: "A window MUST NOT grow beyond the budget that all sessions share" */
        if (next > st->window && next - st->window <= p->window_max - p->window_used) {
            p->window_used += next - st->window;
            st->window = next;
        }
    } else if (took > SHRINK_MS && st->window > YAMUX_WINDOW &&
               p->window_used > p->window_max / 4 * 3) {
        uint32_t next = st->window / 2 > YAMUX_WINDOW ? st->window / 2 : YAMUX_WINDOW;
        p->window_used -= st->window - next;
        st->window = next;
    }
    st->epoch_ms = y->now_ms;
}

/* One control frame with everything that stream s has to say; room for it is there. */
static void send_control(struct yamux *y, struct ring *out, uint32_t s)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    uint16_t flags = 0;
    uint32_t delta = 0;
    if ((st->flags & YAMUX_STREAM_RST_TODO) != 0) {
        st->flags &= (uint16_t)~YAMUX_STREAM_TODO;
        put_head(out, TYPE_WINDOW, FLAG_RST, st->id, st->reset_code);
        yamux_table_release_done(y, s);
        return;
    }
    if ((st->flags & YAMUX_STREAM_SYN_TODO) != 0)
        flags |= FLAG_SYN;
    if ((st->flags & YAMUX_STREAM_ACK_TODO) != 0)
        flags |= FLAG_ACK;
    if ((st->flags & YAMUX_STREAM_FIN_TODO) != 0)
        flags |= FLAG_FIN;
    if ((st->flags & YAMUX_STREAM_UPDATE_TODO) != 0 && (st->flags & YAMUX_STREAM_PEER_FIN) == 0) {
        tune(y, st);
        uint32_t there = st->credit + st->held;
        delta = st->window > there ? st->window - there : 0;
        st->credit += delta;
    }
    st->flags &= (uint16_t)~YAMUX_STREAM_TODO;
    if (flags != 0 || delta != 0)
        put_head(out, TYPE_WINDOW, flags, st->id, delta);
    yamux_table_release_done(y, s);
}

static bool fits(const struct ring *out)
{
    return ring_room(out) >= YAMUX_HEAD_SIZE;
}

static void flush(struct yamux *y, struct ring *out)
{
    uint32_t done = 0;
    for (; done < y->refusal_count && fits(out); done++)
        put_head(out, TYPE_WINDOW, FLAG_RST, y->refusals[done], 0);
    y->refusal_count -= done;
    memmove(y->refusals, y->refusals + done, y->refusal_count * sizeof(y->refusals[0]));
    for (done = 0; done < y->pong_count && fits(out); done++)
        put_head(out, TYPE_PING, FLAG_ACK, 0, y->pongs[done]);
    y->pong_count -= done;
    memmove(y->pongs, y->pongs + done, y->pong_count * sizeof(y->pongs[0]));
    if (y->ping_todo && fits(out)) {
        put_head(out, TYPE_PING, FLAG_SYN, 0, ++y->ping_value);
        y->ping_todo = false;
        y->ping_ms = y->now_ms;
    }
    while (y->todo_first != YAMUX_NONE && fits(out)) {
        uint32_t s = yamux_table_todo_pop(y);
        if ((yamux_table_at(y, s)->flags & YAMUX_STREAM_GONE) != 0)
            yamux_table_reap(y, s);
        else
            send_control(y, out, s);
    }
    if (y->going && !y->going_sent && fits(out)) {
        put_head(out, TYPE_GO_AWAY, 0, 0, y->going_code);
        y->going_sent = true;
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* SPEC yamux 3.4: "Data for a stream that is gone is read and dropped" */
static enum err stray(struct yamux *y, const struct head *h)
{
    if (h->type == TYPE_DATA && h->length > 0) {
        if (h->length > y->stray_bytes)
            return ERR_LIMIT;
        y->stray_bytes -= h->length;
        y->dropped += h->length;
        y->data_left = h->length;
        y->data_stream = YAMUX_NONE;
        return OK;
    }
    if (y->now_ms - y->stray_ms >= 1000) {
        y->stray_ms = y->now_ms;
        y->strays = 0;
    }
    return ++y->strays > YAMUX_STRAYS ? ERR_LIMIT : OK;
}

static enum err admit(struct yamux *y, uint32_t id, uint32_t *s)
{
    /* SPEC yamux 3.2: "An id that is open already, or of our own parity, MUST end the session" */
    if (*s != YAMUX_NONE || (id % 2 == 1) == y->config.client)
        return ERR_FORMAT;
    if (!y->going && y->incoming < y->config.incoming_max && y->backlog < YAMUX_BACKLOG)
        *s = yamux_table_add(y, id);
    if (*s == YAMUX_NONE) {
        y->refusals[y->refusal_count++] = id;
        y->stray_bytes += YAMUX_WINDOW;
        return OK;
    }
    y->incoming++;
    y->backlog++;
    yamux_table_at(y, *s)->flags = YAMUX_STREAM_WAITING;
    yamux_table_tell(y, *s, YAMUX_OPENED);
    return OK;
}

static enum err on_data(struct yamux *y, uint32_t s, uint32_t length)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    /* SPEC yamux 4.1: "Data beyond the window, or after FIN, MUST end the session" */
    if (length > st->credit)
        return ERR_LIMIT;
    if (length > 0 && (st->flags & YAMUX_STREAM_PEER_FIN) != 0)
        return ERR_FORMAT;
    st->credit -= length;
    y->data_left = length;
    y->data_stream = YAMUX_NONE;
    if (length > 0 &&
        (st->flags & (YAMUX_STREAM_CLOSED | YAMUX_STREAM_DEAD | YAMUX_STREAM_RST_TODO)) == 0) {
        st->held += length;
        y->data_stream = s;
    } else {
        y->dropped += length;
    }
    return OK;
}

static enum err on_window(struct yamux *y, uint32_t s, uint32_t delta)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    if (delta > UINT32_MAX - st->send_window)
        return ERR_FORMAT;
    st->send_window += delta;
    if (delta > 0 && (st->flags & YAMUX_STREAM_WANTS) != 0) {
        st->flags &= (uint16_t)~YAMUX_STREAM_WANTS;
        yamux_table_tell(y, s, YAMUX_WRITABLE);
    }
    return OK;
}

static enum err on_stream(struct yamux *y, const struct head *h)
{
    uint32_t s = yamux_table_find(y, h->id);
    if ((h->flags & FLAG_SYN) != 0)
        TRY(admit(y, h->id, &s));
    if (s == YAMUX_NONE)
        return stray(y, h);
    struct yamux_stream *st = yamux_table_at(y, s);
    if ((h->flags & FLAG_ACK) != 0 && (st->flags & YAMUX_STREAM_UNACKED) != 0) {
        st->flags &= (uint16_t)~YAMUX_STREAM_UNACKED;
        y->unacked--;
    }
    if (h->type == TYPE_DATA)
        TRY(on_data(y, s, h->length));
    else if ((h->flags & FLAG_RST) == 0)
        TRY(on_window(y, s, h->length));
    if ((h->flags & FLAG_RST) != 0) {
        st->flags |= YAMUX_STREAM_PEER_FIN; /* nothing more will come */
        yamux_table_die(y, s, h->type == TYPE_WINDOW ? h->length : 0);
    } else if ((h->flags & FLAG_FIN) != 0 && (st->flags & YAMUX_STREAM_PEER_FIN) == 0) {
        st->flags |= YAMUX_STREAM_PEER_FIN;
        if (y->data_left == 0 || y->data_stream == YAMUX_NONE)
            yamux_table_tell(y, s, YAMUX_FINISHED);
    }
    yamux_table_release_done(y, s);
    return OK;
}

static void on_ping(struct yamux *y, const struct head *h)
{
    if ((h->flags & FLAG_SYN) != 0) {
        y->pongs[y->pong_count++] = h->length;
        return;
    }
    if ((h->flags & FLAG_ACK) == 0 || !y->ping_sent || y->ping_todo || h->length != y->ping_value)
        return;
    uint64_t took = y->now_ms - y->ping_ms;
    uint32_t rtt = took == 0 ? 1 : took > 60000 ? 60000 : (uint32_t)took;
    y->rtt_ms = y->rtt_ms == 0 ? rtt : (y->rtt_ms + rtt + 1) / 2;
    y->ping_sent = false;
    y->ping_ms = y->now_ms + y->config.keepalive_ms;
}

static enum err on_frame(struct yamux *y, const uint8_t *p)
{
    struct head h = { .version = p[0],
                      .type = p[1],
                      .flags = (uint16_t)(p[2] << 8 | p[3]),
                      .id = load_be32(p + 4),
                      .length = load_be32(p + 8) };
    /* SPEC yamux 2.2: "Another version, type or flag, and id 0 where a stream is meant or the other
     * way round, MUST end the session" */
    if (h.version != 0 || h.type > TYPE_GO_AWAY || (h.flags & ~FLAGS_ALL) != 0 ||
        (h.id == 0) != (h.type >= TYPE_PING))
        return ERR_FORMAT;
    switch (h.type) {
    case TYPE_PING:
        on_ping(y, &h);
        return OK;
    case TYPE_GO_AWAY:
        y->gone = true;
        y->gone_code = h.length;
        return OK;
    }
    return on_stream(y, &h);
}

/* Memory is short for too long: the stream with most unread bytes pays. */
static void sacrifice(struct yamux *y)
{
    uint32_t worst = YAMUX_NONE;
    for (int i = 0; i < YAMUX_BUCKETS; i++)
        for (uint32_t s = y->buckets[i]; s != YAMUX_NONE; s = yamux_table_at(y, s)->next)
            if (worst == YAMUX_NONE ||
                yamux_table_at(y, s)->readable > yamux_table_at(y, worst)->readable)
                worst = s;
    ASSERT(worst != YAMUX_NONE); /* the one whose data waits */
    yamux_table_die(y, worst, YAMUX_CODE_INTERNAL);
    yamux_table_todo(y, worst, YAMUX_STREAM_RST_TODO);
}

/* The bytes of a frame under way; false when nothing moved. */
static bool read_data(struct yamux *y, struct ring *in)
{
    struct span s = span_sub(ring_peek(in), 0, y->data_left);
    if (s.n == 0)
        return false;
    if (y->data_stream != YAMUX_NONE) {
        struct yamux_stream *st = yamux_table_at(y, y->data_stream);
        s.n = yamux_pool_put(y->pool, &y->share, st, s);
        if (s.n == 0 && y->starved_ms == 0)
            y->starved_ms = y->now_ms == 0 ? 1 : y->now_ms;
        if (s.n == 0 && y->now_ms - y->starved_ms >= YAMUX_STARVE_MS && y->starved_ms != 0 &&
            y->now_ms > y->starved_ms) {
            y->starved_ms = 0;
            sacrifice(y);
            return true;
        }
        if (s.n == 0)
            return false;
        y->starved_ms = 0;
        yamux_table_tell(y, y->data_stream, YAMUX_READABLE);
    }
    y->data_left -= (uint32_t)s.n;
    if (y->data_left == 0 && y->data_stream != YAMUX_NONE &&
        (yamux_table_at(y, y->data_stream)->flags & YAMUX_STREAM_PEER_FIN) != 0)
        yamux_table_tell(y, y->data_stream, YAMUX_FINISHED);
    ring_drop(in, s.n);
    y->alive_ms = y->now_ms;
    return true;
}

/* One frame head, or bytes of data. Nothing is read that could not be answered. */
static enum err read_some(struct yamux *y, struct ring *in, bool *moved)
{
    *moved = false;
    if (y->data_left > 0) {
        *moved = read_data(y, in);
        return OK;
    }
    if (ring_used(in) < YAMUX_HEAD_SIZE || y->pong_count == YAMUX_PONGS ||
        y->refusal_count == YAMUX_REFUSALS)
        return OK;
    TRY(on_frame(y, ring_peek(in).p));
    ring_drop(in, YAMUX_HEAD_SIZE);
    y->alive_ms = y->now_ms;
    *moved = true;
    return OK;
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Closed streams whose peer does not finish. */
static void scan(struct yamux *y)
{
    for (int i = 0; i < YAMUX_BUCKETS; i++)
        for (uint32_t s = y->buckets[i]; s != YAMUX_NONE; s = yamux_table_at(y, s)->next) {
            const struct yamux_stream *st = yamux_table_at(y, s);
            if ((st->flags & YAMUX_STREAM_CLOSED) != 0 &&
                (st->flags & YAMUX_STREAM_RST_TODO) == 0 && y->now_ms >= st->epoch_ms)
                yamux_table_todo(y, s, YAMUX_STREAM_RST_TODO | YAMUX_STREAM_DEAD);
        }
    y->scan_ms = y->now_ms + SCAN_MS;
}

static enum err on_time(struct yamux *y)
{
    if (y->now_ms >= y->scan_ms)
        scan(y);
    if (y->config.keepalive_ms == 0)
        return OK;
    if (!y->ping_sent && y->now_ms >= y->ping_ms) {
        y->ping_sent = y->ping_todo = true;
        y->ping_ms = y->now_ms;
    }
    uint64_t since = y->ping_ms > y->alive_ms ? y->ping_ms : y->alive_ms;
    return y->ping_sent && y->now_ms - since > y->config.timeout_ms ? ERR_TIMEOUT : OK;
}

uint64_t yamux_deadline(const struct yamux *y)
{
    uint64_t at = y->scan_ms;
    uint64_t since = y->ping_ms > y->alive_ms ? y->ping_ms : y->alive_ms;
    if (y->config.keepalive_ms != 0) {
        uint64_t ping = y->ping_sent ? since + y->config.timeout_ms + 1 : y->ping_ms;
        at = ping < at ? ping : at;
    }
    if (y->starved_ms != 0 && y->starved_ms + YAMUX_STARVE_MS < at)
        at = y->starved_ms + YAMUX_STARVE_MS;
    return at;
}

static enum err run(struct yamux *y, struct ring *in, struct ring *out)
{
    bool moved = true;
    flush(y, out);
    while (moved) {
        TRY(read_some(y, in, &moved));
        flush(y, out);
    }
    /* After the reading: a sign of life that waited in the ring counts. */
    TRY(on_time(y));
    flush(y, out);
    return OK;
}

enum err yamux_step(struct yamux *y, struct ring *in, struct ring *out, uint64_t now_ms)
{
    if (y->err != OK)
        return y->err;
    if (now_ms > y->now_ms)
        y->now_ms = now_ms;
    y->err = run(y, in, out);
    if (y->err != OK && !y->going_sent && fits(out)) {
        put_head(out, TYPE_GO_AWAY, 0, 0,
                 y->err == ERR_TIMEOUT ? YAMUX_CODE_INTERNAL : YAMUX_CODE_PROTOCOL);
        y->going = y->going_sent = true;
    }
    return y->err;
}

/* ---- what the owner of streams does ---------------------------------------------------------- */

bool yamux_event(struct yamux *y, struct yamux_event *ev)
{
    *ev = (struct yamux_event){ 0 };
    while (y->event_first != YAMUX_NONE) {
        uint32_t s = yamux_table_event_pop(y);
        struct yamux_stream *st = yamux_table_at(y, s);
        if ((st->flags & YAMUX_STREAM_GONE) != 0) {
            yamux_table_reap(y, s);
            continue;
        }
        if ((st->flags & YAMUX_STREAM_CLOSED) != 0 || st->events == 0)
            continue;
        if ((st->flags & YAMUX_STREAM_WAITING) != 0) {
            st->flags &= (uint16_t)~YAMUX_STREAM_WAITING;
            y->backlog--;
            yamux_table_todo(y, s, YAMUX_STREAM_ACK_TODO);
        }
        *ev =
            (struct yamux_event){ .id = st->id, .what = st->events, .reset_code = st->reset_code };
        st->events = 0;
        return true;
    }
    return false;
}

enum err yamux_open(struct yamux *y, uint32_t *id)
{
    *id = 0;
    if (y->going || y->gone || y->err != OK)
        return ERR_CLOSED;
    if (y->unacked >= YAMUX_BACKLOG)
        return ERR_BUSY;
    if (y->outgoing >= y->config.outgoing_max || y->next_id > UINT32_MAX - 2)
        return ERR_LIMIT;
    uint32_t s = yamux_table_add(y, y->next_id);
    if (s == YAMUX_NONE)
        return ERR_LIMIT;
    *id = y->next_id;
    y->next_id += 2;
    y->outgoing++;
    y->unacked++;
    yamux_table_at(y, s)->flags = YAMUX_STREAM_OURS | YAMUX_STREAM_UNACKED;
    yamux_table_todo(y, s, YAMUX_STREAM_SYN_TODO);
    return OK;
}

enum err yamux_write(struct yamux *y, struct ring *out, uint32_t id, struct span data,
                     size_t *taken)
{
    uint32_t s = yamux_table_held(y, id);
    *taken = 0;
    if (s == YAMUX_NONE)
        return ERR_NOT_FOUND;
    struct yamux_stream *st = yamux_table_at(y, s);
    if ((st->flags & (YAMUX_STREAM_FINISHED | YAMUX_STREAM_DEAD)) != 0 || y->err != OK)
        return ERR_CLOSED;
    /* The other side learns of a stream before it gets its bytes. */
    if ((st->flags & (YAMUX_STREAM_SYN_TODO | YAMUX_STREAM_ACK_TODO)) != 0) {
        if (!fits(out))
            return OK;
        send_control(y, out, s);
    }
    while (*taken < data.n && st->send_window > 0 && ring_room(out) > YAMUX_HEAD_SIZE) {
        size_t left = data.n - *taken, n = left < YAMUX_FRAME_MAX ? left : YAMUX_FRAME_MAX;
        if (n > st->send_window)
            n = st->send_window;
        size_t room = ring_room(out) - YAMUX_HEAD_SIZE;
        if (n > room && room < SMALL_FRAME)
            break;
        n = n < room ? n : room;
        put_head(out, TYPE_DATA, 0, st->id, (uint32_t)n);
        bool ok = ring_write(out, span_sub(data, *taken, n));
        ASSERT(ok);
        st->send_window -= (uint32_t)n;
        *taken += n;
    }
    if (*taken < data.n && st->send_window == 0)
        st->flags |= YAMUX_STREAM_WANTS;
    return OK;
}

struct span yamux_peek(const struct yamux *y, uint32_t id)
{
    uint32_t s = yamux_table_held(y, id);
    return s == YAMUX_NONE ? (struct span){ NULL, 0 }
                           : yamux_pool_peek(y->pool, yamux_table_at(y, s));
}

void yamux_drop(struct yamux *y, uint32_t id, size_t n)
{
    uint32_t s = yamux_table_held(y, id);
    ASSERT(s != YAMUX_NONE || n == 0);
    if (s == YAMUX_NONE)
        return;
    struct yamux_stream *st = yamux_table_at(y, s);
    yamux_pool_drop(y->pool, &y->share, st, n);
    st->held -= (uint32_t)n;
    uint32_t there = st->credit + st->held;
    if ((st->flags & YAMUX_STREAM_PEER_FIN) == 0 && there < st->window &&
        st->window - there >= st->window / 2)
        yamux_table_todo(y, s, YAMUX_STREAM_UPDATE_TODO);
}

bool yamux_at_end(const struct yamux *y, uint32_t id)
{
    uint32_t s = yamux_table_held(y, id);
    if (s == YAMUX_NONE)
        return true;
    const struct yamux_stream *st = yamux_table_at(y, s);
    return (st->flags & YAMUX_STREAM_PEER_FIN) != 0 && st->held == 0;
}

void yamux_finish(struct yamux *y, uint32_t id)
{
    uint32_t s = yamux_table_held(y, id);
    if (s == YAMUX_NONE ||
        (yamux_table_at(y, s)->flags & (YAMUX_STREAM_FINISHED | YAMUX_STREAM_DEAD)) != 0)
        return;
    yamux_table_todo(y, s, YAMUX_STREAM_FINISHED | YAMUX_STREAM_FIN_TODO);
}

void yamux_close(struct yamux *y, uint32_t id)
{
    uint32_t s = yamux_table_held(y, id);
    if (s == YAMUX_NONE)
        return;
    yamux_finish(y, id);
    struct yamux_stream *st = yamux_table_at(y, s);
    yamux_table_forget(y, s);
    st->flags |= YAMUX_STREAM_CLOSED;
    st->epoch_ms = y->now_ms + YAMUX_LINGER_MS;
    yamux_table_release_done(y, s);
}

void yamux_reset(struct yamux *y, uint32_t id, uint32_t code)
{
    uint32_t s = yamux_table_held(y, id);
    if (s == YAMUX_NONE)
        return;
    struct yamux_stream *st = yamux_table_at(y, s);
    bool tell_peer = (st->flags & (YAMUX_STREAM_SYN_TODO | YAMUX_STREAM_DEAD)) == 0;
    yamux_table_forget(y, s);
    yamux_table_settle(y, st);
    st->flags |= YAMUX_STREAM_CLOSED | YAMUX_STREAM_DEAD | YAMUX_STREAM_FINISHED;
    if (tell_peer) {
        st->reset_code = code;
        yamux_table_todo(y, s, YAMUX_STREAM_RST_TODO);
    } else {
        yamux_table_release_done(y, s);
    }
}

void yamux_go_away(struct yamux *y, enum yamux_code code)
{
    if (y->going)
        return;
    y->going = true;
    y->going_code = code;
}
