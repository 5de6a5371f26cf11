#include "p2p/yamux_pool.h"

_Static_assert(sizeof(struct yamux_chunk) == 4096, "a chunk is a page");

void yamux_pool_init(struct yamux_pool *p, struct yamux_chunk *chunks, uint32_t chunk_count,
                     struct yamux_stream *streams, uint32_t stream_count, uint64_t window_max)
{
    *p = (struct yamux_pool){ .chunks = chunks,
                              .streams = streams,
                              .chunk_count = chunk_count,
                              .chunks_free = chunk_count,
                              .stream_count = stream_count,
                              .streams_free = stream_count,
                              .chunk_free = chunk_count > 0 ? 0 : YAMUX_NONE,
                              .stream_free = stream_count > 0 ? 0 : YAMUX_NONE,
                              .window_max = window_max };
    for (uint32_t i = 0; i < chunk_count; i++)
        chunks[i].next = i + 1 < chunk_count ? i + 1 : YAMUX_NONE;
    for (uint32_t i = 0; i < stream_count; i++)
        streams[i].next = i + 1 < stream_count ? i + 1 : YAMUX_NONE;
}

uint32_t yamux_pool_stream(struct yamux_pool *p)
{
    uint32_t i = p->stream_free;
    if (i == YAMUX_NONE)
        return YAMUX_NONE;
    p->stream_free = p->streams[i].next;
    p->streams_free--;
    p->streams[i] = (struct yamux_stream){ .next = YAMUX_NONE,
                                           .todo_next = YAMUX_NONE,
                                           .event_next = YAMUX_NONE,
                                           .first = YAMUX_NONE,
                                           .last = YAMUX_NONE };
    return i;
}

void yamux_pool_stream_free(struct yamux_pool *p, uint32_t stream)
{
    ASSERT(stream < p->stream_count && p->streams[stream].first == YAMUX_NONE);
    p->streams[stream].next = p->stream_free;
    p->stream_free = stream;
    p->streams_free++;
}

enum err yamux_pool_join(struct yamux_pool *p, struct yamux_share *s, uint32_t chunks)
{
    *s = (struct yamux_share){ 0 };
    ASSERT(p->chunks_reserved <= p->chunks_free);
    if (chunks > p->chunks_free - p->chunks_reserved)
        return ERR_LIMIT;
    p->chunks_reserved += chunks;
    s->chunks = chunks;
    return OK;
}

void yamux_pool_leave(struct yamux_pool *p, struct yamux_share *s)
{
    ASSERT(s->held == 0 && p->chunks_reserved >= s->chunks);
    p->chunks_reserved -= s->chunks;
    s->chunks = 0;
}

static uint32_t take(struct yamux_pool *p, struct yamux_share *s)
{
    /* SPEC yamux 5.2: "A chunk beyond its share is given only while every other share stays whole"
     */
    bool own = s->held < s->chunks;
    if (!own && p->chunks_free <= p->chunks_reserved)
        return YAMUX_NONE;
    uint32_t i = p->chunk_free;
    ASSERT(i != YAMUX_NONE);
    p->chunk_free = p->chunks[i].next;
    p->chunks_free--;
    if (own)
        p->chunks_reserved--;
    s->held++;
    p->chunks[i].next = YAMUX_NONE;
    p->chunks[i].from = p->chunks[i].to = 0;
    return i;
}

static void give(struct yamux_pool *p, struct yamux_share *s, uint32_t i)
{
    p->chunks[i].next = p->chunk_free;
    p->chunk_free = i;
    p->chunks_free++;
    s->held--;
    if (s->held < s->chunks)
        p->chunks_reserved++;
}

size_t yamux_pool_put(struct yamux_pool *p, struct yamux_share *s, struct yamux_stream *st,
                      struct span in)
{
    size_t done = 0;
    while (done < in.n) {
        const bool first = st->last == YAMUX_NONE;
        struct yamux_chunk *c = first ? NULL : &p->chunks[st->last];
        if (first || c->to == YAMUX_CHUNK_SIZE) {
            uint32_t i = take(p, s);
            if (i == YAMUX_NONE)
                break;
            if (first)
                st->first = i;
            else
                c->next = i;
            st->last = i;
            c = &p->chunks[i];
        }
        size_t n = YAMUX_CHUNK_SIZE - (size_t)c->to;
        if (n > in.n - done)
            n = in.n - done;
        memcpy(c->data + c->to, in.p + done, n);
        c->to = (uint16_t)(c->to + n);
        done += n;
    }
    st->readable += (uint32_t)done;
    return done;
}

struct span yamux_pool_peek(const struct yamux_pool *p, const struct yamux_stream *st)
{
    if (st->first == YAMUX_NONE)
        return (struct span){ NULL, 0 };
    const struct yamux_chunk *c = &p->chunks[st->first];
    return span_of(c->data + c->from, (size_t)c->to - c->from);
}

void yamux_pool_drop(struct yamux_pool *p, struct yamux_share *s, struct yamux_stream *st, size_t n)
{
    ASSERT(n <= st->readable);
    st->readable -= (uint32_t)n;
    while (n > 0) {
        uint32_t i = st->first;
        struct yamux_chunk *c = &p->chunks[i];
        size_t here = (size_t)c->to - c->from;
        if (n < here) {
            c->from = (uint16_t)(c->from + n);
            return;
        }
        n -= here;
        st->first = c->next;
        if (st->first == YAMUX_NONE)
            st->last = YAMUX_NONE;
        give(p, s, i);
    }
}
