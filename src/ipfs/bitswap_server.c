#include "ipfs/bitswap_server.h"

#include "codec/varint_frame.h"
#include "ipfs/dag_block.h"

#define NONE BITSWAP_SERVER_NONE

void bitswap_server_init(struct bitswap_server *s, const struct bitswap_server_memory *memory,
                         const struct block_source *source, uint64_t seed)
{
    ASSERT(memory->bucket_count > 0 && (memory->bucket_count & (memory->bucket_count - 1)) == 0);
    *s = (struct bitswap_server){ .m = *memory, .source = source, .want_free = NONE };
    digest_hash_init(&s->hash, seed);
    for (size_t i = 0; i < memory->bucket_count; i++)
        memory->buckets[i] = NONE;
    for (size_t i = memory->want_count; i-- > 0;) {
        memory->wants[i].next = s->want_free;
        s->want_free = (uint32_t)i;
    }
    for (size_t i = 0; i < memory->peer_count; i++)
        memory->peers[i].used = false;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Where a CID is looked for: under its digest, whatever its codec and version. */
static uint32_t *bucket_of(struct bitswap_server *s, struct span cid)
{
    return &s->m.buckets[digest_hash(&s->hash, cid) & (s->m.bucket_count - 1)];
}

static struct span cid_of(const struct bitswap_server_want *w)
{
    return span_of(w->cid, w->cid_size);
}

static uint32_t find(struct bitswap_server *s, uint32_t peer, struct span cid)
{
    uint32_t i = *bucket_of(s, cid);
    while (i != NONE && (s->m.wants[i].peer != peer || !span_eq(cid_of(&s->m.wants[i]), cid)))
        i = s->m.wants[i].next;
    return i;
}

static void unlink_want(struct bitswap_server *s, uint32_t i)
{
    uint32_t *at = bucket_of(s, cid_of(&s->m.wants[i]));
    while (*at != i)
        at = &s->m.wants[*at].next;
    *at = s->m.wants[i].next;
    s->m.wants[i].next = s->want_free;
    s->want_free = i;
}

/* ---- a peer's list --------------------------------------------------------------------------- */

/* SPEC bitswap 3.6: "Within a peer the highest priority goes first, then the oldest" */
static bool before(const struct bitswap_server_slot *a, const struct bitswap_server_slot *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->order < b->order;
}

static void place(struct bitswap_server *s, struct bitswap_server_peer *p, uint32_t at,
                  struct bitswap_server_slot slot)
{
    p->list[at] = slot;
    s->m.wants[slot.want].at = at;
}

static void swap(struct bitswap_server *s, struct bitswap_server_peer *p, uint32_t a, uint32_t b)
{
    struct bitswap_server_slot t = p->list[a];
    place(s, p, a, p->list[b]);
    place(s, p, b, t);
}

static void sift_up(struct bitswap_server *s, struct bitswap_server_peer *p, uint32_t i)
{
    for (; i > 0 && before(&p->list[i], &p->list[(i - 1) / 2]); i = (i - 1) / 2)
        swap(s, p, i, (i - 1) / 2);
}

static void sift_down(struct bitswap_server *s, struct bitswap_server_peer *p, uint32_t i)
{
    for (;;) {
        uint32_t best = i;
        for (uint32_t c = 2 * i + 1; c <= 2 * i + 2 && c < p->ready_count; c++)
            if (before(&p->list[c], &p->list[best]))
                best = c;
        if (best == i)
            return;
        swap(s, p, i, best);
        i = best;
    }
}

/* From the waiting ones to the heap. */
static void make_ready(struct bitswap_server *s, struct bitswap_server_peer *p, uint32_t at)
{
    if (at < p->ready_count)
        return;
    /* A peer that begins to wait for us does not bring credit from when it wanted nothing. */
    if (p->ready_count == 0 && p->served < s->clock)
        p->served = s->clock;
    swap(s, p, at, p->ready_count);
    sift_up(s, p, p->ready_count++);
}

/* From the heap to the waiting ones; returns where it stands then. */
static uint32_t make_waiting(struct bitswap_server *s, struct bitswap_server_peer *p, uint32_t at)
{
    uint32_t last = --p->ready_count;
    swap(s, p, at, last);
    if (at < last) {
        sift_down(s, p, at);
        sift_up(s, p, at);
    }
    return last;
}

static void remove_want(struct bitswap_server *s, uint32_t i)
{
    struct bitswap_server_want *w = &s->m.wants[i];
    struct bitswap_server_peer *p = &s->m.peers[w->peer];
    uint32_t at = w->at;
    if (at < p->ready_count)
        at = make_waiting(s, p, at);
    swap(s, p, at, --p->count);
    unlink_want(s, i);
}

/* Where the want stands that a peer misses least: one whose block is not here, each in its turn;
 * else a leaf of the heap with a low priority. Looking at all of them would make a flood of wants
 * dear. */
static uint32_t least(struct bitswap_server_peer *p)
{
    if (p->ready_count < p->count)
        return p->ready_count + p->turn++ % (p->count - p->ready_count);
    uint32_t worst = p->count - 1;
    for (uint32_t i = 1; i < BITSWAP_SERVER_SAMPLE && i < p->count; i++)
        if (before(&p->list[worst], &p->list[p->count - 1 - i]))
            worst = p->count - 1 - i;
    return worst;
}

/* Whose want goes when the table is full: that of a peer with more than its part of it. */
static struct bitswap_server_peer *payer(struct bitswap_server *s, struct bitswap_server_peer *p)
{
    size_t part = s->m.want_count / s->peers_used;
    if (p->count >= part)
        return p;
    for (size_t i = 0; i <= s->m.peer_count; i++) {
        struct bitswap_server_peer *q = &s->m.peers[s->fullest];
        if (q->used && q->count > part)
            return q;
        s->fullest = (uint32_t)((s->fullest + 1) % s->m.peer_count);
    }
    return p;
}

/* SPEC bitswap 3.1: "A new want takes the place of one whose block is not here, else of one of
 * lower priority, else it is dropped." */
static bool make_place(struct bitswap_server *s, struct bitswap_server_peer *p, int32_t priority)
{
    if (p->count < BITSWAP_SERVER_WANTS && s->want_free != NONE)
        return true;
    struct bitswap_server_peer *q = p->count < BITSWAP_SERVER_WANTS ? payer(s, p) : p;
    if (q->count == 0)
        return false;
    uint32_t at = least(q);
    if (q == p && at < p->ready_count && p->list[at].priority >= priority)
        return false;
    remove_want(s, q->list[at].want);
    return true;
}

/* ---- peers ----------------------------------------------------------------------------------- */

enum err bitswap_server_join(struct bitswap_server *s, uint32_t *peer, enum bitswap_rank rank)
{
    *peer = NONE;
    for (uint32_t i = 0; i < s->m.peer_count; i++) {
        struct bitswap_server_peer *p = &s->m.peers[i];
        if (p->used)
            continue;
        p->used = true;
        p->held = false;
        p->rank = rank;
        p->count = p->ready_count = p->order = p->message = p->turn = 0;
        p->served = s->clock;
        p->under_way = 0;
        s->peers_used++;
        *peer = i;
        return OK;
    }
    return ERR_LIMIT;
}

static struct bitswap_server_peer *peer_at(struct bitswap_server *s, uint32_t peer)
{
    ASSERT(peer < s->m.peer_count && s->m.peers[peer].used);
    return &s->m.peers[peer];
}

void bitswap_server_leave(struct bitswap_server *s, uint32_t peer)
{
    struct bitswap_server_peer *p = peer_at(s, peer);
    while (p->count > 0)
        remove_want(s, p->list[p->count - 1].want);
    p->used = false;
    s->peers_used--;
}

void bitswap_server_rank(struct bitswap_server *s, uint32_t peer, enum bitswap_rank rank)
{
    peer_at(s, peer)->rank = rank;
}

void bitswap_server_hold(struct bitswap_server *s, uint32_t peer, bool held)
{
    peer_at(s, peer)->held = held;
}

/* SPEC bitswap 3.2: "Identity CIDs, CIDs that do not parse and CIDs of more than 72 bytes are
 * passed over" */
static bool acceptable(struct span cid)
{
    struct cid c;
    return cid.n <= BITSWAP_SERVER_CID && cid_decode(&c, cid) == OK && c.hash != CID_HASH_IDENTITY;
}

static void change(struct bitswap_server *s, struct bitswap_server_peer *p, uint32_t i,
                   const struct bitswap_entry *e)
{
    struct bitswap_server_want *w = &s->m.wants[i];
    w->have = w->have && e->have;
    w->send_dont_have = e->send_dont_have;
    w->message = p->message;
    if (w->at < p->ready_count) {
        uint32_t at = make_waiting(s, p, w->at);
        p->list[at].priority = e->priority;
    } else {
        p->list[w->at].priority = e->priority;
    }
    make_ready(s, p, w->at);
}

void bitswap_server_want(struct bitswap_server *s, uint32_t peer, const struct bitswap_entry *e)
{
    struct bitswap_server_peer *p = peer_at(s, peer);
    uint32_t i = find(s, peer, e->cid);
    if (e->cancel) {
        if (i != NONE)
            remove_want(s, i);
        return;
    }
    if (i != NONE) {
        change(s, p, i, e);
        return;
    }
    if (!acceptable(e->cid))
        return;
    if (!make_place(s, p, e->priority)) {
        s->refused++;
        return;
    }
    i = s->want_free;
    struct bitswap_server_want *w = &s->m.wants[i];
    s->want_free = w->next;
    uint32_t *bucket = bucket_of(s, e->cid);
    *w = (struct bitswap_server_want){ .next = *bucket,
                                       .peer = peer,
                                       .message = p->message,
                                       .have = e->have,
                                       .send_dont_have = e->send_dont_have,
                                       .cid_size = (uint8_t)e->cid.n };
    memcpy(w->cid, e->cid.p, e->cid.n);
    *bucket = i;
    uint32_t at = p->count++;
    place(s, p, at, (struct bitswap_server_slot){ e->priority, p->order++, i });
    make_ready(s, p, at);
}

void bitswap_server_full(struct bitswap_server *s, uint32_t peer)
{
    struct bitswap_server_peer *p = peer_at(s, peer);
    /* Downwards, so that what is moved into a gap has been looked at; the heap is made anew. */
    for (uint32_t i = p->count; i-- > 0;) {
        uint32_t want = p->list[i].want, at = i;
        if (s->m.wants[want].message == p->message)
            continue;
        if (at < p->ready_count) {
            swap(s, p, at, --p->ready_count);
            at = p->ready_count;
        }
        swap(s, p, at, --p->count);
        unlink_want(s, want);
    }
    for (uint32_t i = p->ready_count / 2; i-- > 0;)
        sift_down(s, p, i);
}

void bitswap_server_message(struct bitswap_server *s, uint32_t peer)
{
    peer_at(s, peer)->message++;
}

void bitswap_server_came(struct bitswap_server *s, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    struct span d = span_of(digest, BLOCK_DIGEST_SIZE);
    for (uint32_t i = *bucket_of(s, d); i != NONE; i = s->m.wants[i].next) {
        struct bitswap_server_want *w = &s->m.wants[i];
        struct span cid = cid_of(w);
        if (cid.n >= d.n && span_eq(span_sub(cid, cid.n - d.n, d.n), d))
            make_ready(s, &s->m.peers[w->peer], w->at);
    }
}

void bitswap_server_came_any(struct bitswap_server *s)
{
    for (size_t i = 0; i < s->m.peer_count; i++) {
        struct bitswap_server_peer *p = &s->m.peers[i];
        while (p->used && p->ready_count < p->count)
            make_ready(s, p, p->ready_count);
    }
}

bool bitswap_server_next(const struct bitswap_server *s, uint32_t *peer)
{
    const struct bitswap_server_peer *best = NULL;
    *peer = NONE;
    for (uint32_t i = 0; i < s->m.peer_count; i++) {
        const struct bitswap_server_peer *p = &s->m.peers[i];
        if (!p->used || p->held || p->ready_count == 0 || p->under_way >= BITSWAP_SERVER_UNDER_WAY)
            continue;
        bool later = best != NULL && (p->rank == BITSWAP_LAST) != (best->rank == BITSWAP_LAST)
                         ? p->rank == BITSWAP_LAST
                         : best != NULL && p->served >= best->served;
        if (later)
            continue;
        best = p;
        *peer = i;
    }
    return best != NULL;
}

/* ---- composing ------------------------------------------------------------------------------- */

enum answer { ANSWER_DONE, ANSWER_WAITS, ANSWER_LATER, ANSWER_NO_ROOM };

static size_t head_size(const struct cid *cid, size_t size)
{
    uint8_t head[BITSWAP_BLOCK_OVERHEAD];
    struct writer w = writer_of(head, sizeof(head));
    bitswap_write_block_head(&w, cid, size);
    ASSERT(w.err == OK);
    return w.len;
}

static enum answer send_block(struct bitswap_server *s, struct writer *w, const struct cid *cid,
                              size_t *blocks)
{
    size_t mark = w->len, size = 0;
    struct block_key key;
    struct span block = { NULL, 0 };
    enum err e = dag_block_key(&key, cid);
    if (e != OK)
        return ANSWER_WAITS;
    if (mark > 0 && s->source->size != NULL && s->source->size(s->source->ctx, &size, &key) == OK &&
        mark + size + BITSWAP_BLOCK_OVERHEAD > BITSWAP_SERVER_TARGET)
        return ANSWER_NO_ROOM;
    if (w->n - mark < BITSWAP_BLOCK_OVERHEAD + BITSWAP_BLOCK_MAX)
        return ANSWER_NO_ROOM;
    /* It is read to where its data will stand if it is as long as the one before. */
    struct mspan room = { w->p + mark + head_size(cid, s->usual), BITSWAP_BLOCK_MAX };
    e = dag_block_get(&block, room, s->source, cid);
    if (e == ERR_BUSY)
        return ANSWER_LATER;
    if (e != OK)
        return ANSWER_WAITS;
    uint8_t *data = w->p + mark + head_size(cid, block.n);
    if (block.n > 0 && data != block.p)
        memmove(data, block.p, block.n);
    bitswap_write_block_head(w, cid, block.n);
    ASSERT(w->err == OK && w->p + w->len == data);
    w->len += block.n;
    s->usual = block.n;
    *blocks += block.n;
    s->blocks_sent++;
    return ANSWER_DONE;
}

static enum err get_nothing(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    (void)ctx;
    (void)buf;
    (void)key;
    *size = 0;
    return ERR_NOT_FOUND;
}

/* OK, ERR_BUSY (ask again later), or it is not here. */
static enum err is_here(struct bitswap_server *s, const struct cid *cid, bool *small)
{
    struct block_key key;
    size_t size = 0;
    uint8_t buf[BITSWAP_SERVER_INLINE];
    struct span block;
    *small = false;
    TRY(dag_block_key(&key, cid));
    /* A source that has told that it lacks a block is not read: only the blocks that everybody
     * knows are left then. */
    static const struct block_source nothing = { .get = get_nothing };
    bool tells = s->source->size != NULL;
    enum err e = tells ? s->source->size(s->source->ctx, &size, &key) : ERR_NOT_FOUND;
    if (e == OK)
        *small = size <= BITSWAP_SERVER_INLINE;
    if (e == OK || e == ERR_BUSY)
        return e;
    e = dag_block_get(&block, (struct mspan){ buf, sizeof(buf) }, tells ? &nothing : s->source,
                      cid);
    *small = e == OK;
    return e == ERR_LIMIT ? OK : e;
}

static enum answer answer(struct bitswap_server *s, struct writer *w,
                          const struct bitswap_server_want *want, size_t *blocks)
{
    struct cid cid;
    bool small = false;
    enum answer a = ANSWER_WAITS;
    enum err e = cid_decode(&cid, cid_of(want));
    ASSERT(e == OK);
    if (want->have) {
        e = is_here(s, &cid, &small);
        if (e == ERR_BUSY)
            return ANSWER_LATER;
        if (e == OK && !small) {
            bitswap_write_presence(w, cid_of(want), true);
            return ANSWER_DONE;
        }
    }
    if (!want->have || small)
        a = send_block(s, w, &cid, blocks);
    if (a == ANSWER_WAITS && want->send_dont_have)
        bitswap_write_presence(w, cid_of(want), false);
    return a;
}

enum err bitswap_server_compose(struct bitswap_server *s, uint32_t peer, struct mspan buffer,
                                struct span *frame, size_t *blocks)
{
    struct bitswap_server_peer *p = peer_at(s, peer);
    ASSERT(buffer.n >= BITSWAP_SERVER_BUFFER);
    struct writer w = writer_of(buffer.p + VARINT_FRAME_HEAD_MAX, buffer.n - VARINT_FRAME_HEAD_MAX);
    enum answer a = ANSWER_DONE;
    *frame = (struct span){ NULL, 0 };
    *blocks = 0;
    if (p->served > s->clock)
        s->clock = p->served;
    while (p->ready_count > 0 && w.len < BITSWAP_SERVER_TARGET) {
        uint32_t i = p->list[0].want;
        a = answer(s, &w, &s->m.wants[i], blocks);
        ASSERT(w.err == OK);
        if (a == ANSWER_DONE)
            remove_want(s, i);
        else if (a == ANSWER_WAITS)
            (void)make_waiting(s, p, 0);
        else
            break;
    }
    if (w.len > 0) {
        *frame = varint_frame_close(buffer.p, w.len);
        p->served += frame->n;
        p->under_way += frame->n;
        s->bytes_sent += *blocks;
    }
    return a == ANSWER_LATER ? ERR_BUSY : OK;
}

void bitswap_server_sent(struct bitswap_server *s, uint32_t peer, size_t n)
{
    struct bitswap_server_peer *p = peer_at(s, peer);
    ASSERT(n <= p->under_way);
    p->under_way -= n;
}
