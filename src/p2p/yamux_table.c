#include "p2p/yamux_table.h"

static uint32_t *bucket_of(struct yamux *y, uint32_t id)
{
    return &y->buckets[id / 2 % YAMUX_BUCKETS];
}

uint32_t yamux_table_find(const struct yamux *y, uint32_t id)
{
    uint32_t s = y->buckets[id / 2 % YAMUX_BUCKETS];
    while (s != YAMUX_NONE && yamux_table_at(y, s)->id != id)
        s = yamux_table_at(y, s)->next;
    return s;
}

uint32_t yamux_table_held(const struct yamux *y, uint32_t id)
{
    uint32_t s = yamux_table_find(y, id);
    return s != YAMUX_NONE && (yamux_table_at(y, s)->flags & YAMUX_STREAM_CLOSED) == 0 ? s
                                                                                       : YAMUX_NONE;
}

void yamux_table_todo(struct yamux *y, uint32_t s, uint16_t what)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    st->flags |= what;
    if ((st->flags & YAMUX_STREAM_IN_TODO) != 0)
        return;
    st->flags |= YAMUX_STREAM_IN_TODO;
    st->todo_next = YAMUX_NONE;
    if (y->todo_first == YAMUX_NONE)
        y->todo_first = s;
    else
        yamux_table_at(y, y->todo_last)->todo_next = s;
    y->todo_last = s;
}

void yamux_table_tell(struct yamux *y, uint32_t s, uint8_t what)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    if ((st->flags & YAMUX_STREAM_CLOSED) != 0)
        return;
    st->events |= what;
    if ((st->flags & YAMUX_STREAM_IN_EVENTS) != 0)
        return;
    st->flags |= YAMUX_STREAM_IN_EVENTS;
    st->event_next = YAMUX_NONE;
    if (y->event_first == YAMUX_NONE)
        y->event_first = s;
    else
        yamux_table_at(y, y->event_last)->event_next = s;
    y->event_last = s;
}

void yamux_table_reap(struct yamux *y, uint32_t s)
{
    const uint16_t flags = yamux_table_at(y, s)->flags;
    if ((flags & YAMUX_STREAM_GONE) != 0 &&
        (flags & (YAMUX_STREAM_IN_TODO | YAMUX_STREAM_IN_EVENTS)) == 0)
        yamux_pool_stream_free(y->pool, s);
}

uint32_t yamux_table_todo_pop(struct yamux *y)
{
    uint32_t s = y->todo_first;
    y->todo_first = yamux_table_at(y, s)->todo_next;
    yamux_table_at(y, s)->flags &= (uint16_t)~YAMUX_STREAM_IN_TODO;
    return s;
}

uint32_t yamux_table_event_pop(struct yamux *y)
{
    uint32_t s = y->event_first;
    y->event_first = yamux_table_at(y, s)->event_next;
    yamux_table_at(y, s)->flags &= (uint16_t)~YAMUX_STREAM_IN_EVENTS;
    return s;
}

void yamux_table_settle(struct yamux *y, struct yamux_stream *st)
{
    if ((st->flags & YAMUX_STREAM_UNACKED) != 0)
        y->unacked--;
    if ((st->flags & YAMUX_STREAM_WAITING) != 0)
        y->backlog--;
    st->flags &= (uint16_t) ~(YAMUX_STREAM_UNACKED | YAMUX_STREAM_WAITING);
}

void yamux_table_forget(struct yamux *y, uint32_t s)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    yamux_pool_drop(y->pool, &y->share, st, st->readable);
    st->held = 0;
    if (y->data_stream == s)
        y->data_stream = YAMUX_NONE;
}

void yamux_table_release(struct yamux *y, uint32_t s)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    uint32_t *at = bucket_of(y, st->id);
    while (*at != s)
        at = &yamux_table_at(y, *at)->next;
    *at = st->next;
    yamux_table_forget(y, s);
    yamux_table_settle(y, st);
    /* What it may have sent before it learns that the stream is gone. */
    if ((st->flags & YAMUX_STREAM_PEER_FIN) == 0)
        y->stray_bytes += st->credit;
    y->pool->window_used -= st->window - YAMUX_WINDOW;
    if ((st->flags & YAMUX_STREAM_OURS) != 0)
        y->outgoing--;
    else
        y->incoming--;
    st->flags |= YAMUX_STREAM_GONE;
    yamux_table_reap(y, s);
}

void yamux_table_release_done(struct yamux *y, uint32_t s)
{
    const uint16_t flags = yamux_table_at(y, s)->flags;
    if ((flags & YAMUX_STREAM_CLOSED) == 0 || (flags & YAMUX_STREAM_RST_TODO) != 0)
        return;
    bool over = (flags & YAMUX_STREAM_PEER_FIN) != 0 && (flags & YAMUX_STREAM_FIN_TODO) == 0;
    if (over || (flags & YAMUX_STREAM_DEAD) != 0)
        yamux_table_release(y, s);
}

void yamux_table_die(struct yamux *y, uint32_t s, uint32_t code)
{
    struct yamux_stream *st = yamux_table_at(y, s);
    yamux_table_forget(y, s);
    yamux_table_settle(y, st);
    st->flags &= (uint16_t)~YAMUX_STREAM_TODO;
    st->flags |= YAMUX_STREAM_DEAD;
    st->reset_code = code;
    yamux_table_tell(y, s, YAMUX_RESET);
}

uint32_t yamux_table_add(struct yamux *y, uint32_t id)
{
    uint32_t s = yamux_pool_stream(y->pool);
    if (s == YAMUX_NONE)
        return s;
    struct yamux_stream *st = yamux_table_at(y, s);
    uint32_t *bucket = bucket_of(y, id);
    st->id = id;
    st->next = *bucket;
    st->send_window = st->window = st->credit = YAMUX_WINDOW;
    st->epoch_ms = y->now_ms;
    *bucket = s;
    return s;
}
