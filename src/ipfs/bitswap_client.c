#include "ipfs/bitswap_client.h"

#include "codec/varint_frame.h"
#include "ipfs/bitswap_pace.h"
#include "ipfs/dag_block.h"

#define NONE BITSWAP_CLIENT_NONE

enum {
    NOBODY = 255,
    STEP_MS = 50,
    WINDOW_START = 8,
    AGAIN = 2, /* times that those who were late are asked once more */
};

enum {                 /* of a want at one provider */
       AT_HAVE = 1,    /* asked with want-have */
       AT_BLOCK = 2,   /* asked with want-block */
       AT_HAS = 4,     /* it said so */
       AT_HAS_NOT = 8, /* it said so */
       AT_FAILED = 16, /* it did not deliver in time */
       AT_TODO = 32,   /* the question is still to be sent */
       AT_CANCEL = 64, /* a cancel is still to be sent */
};

void bitswap_client_init(struct bitswap_client *c, const struct bitswap_client_memory *memory,
                         uint64_t seed)
{
    ASSERT(memory->bucket_count > 0 && (memory->bucket_count & (memory->bucket_count - 1)) == 0);
    memset(c, 0, sizeof(*c));
    c->m = *memory;
    c->want_free = NONE;
    digest_hash_init(&c->hash, seed);
    for (size_t i = 0; i < memory->bucket_count; i++)
        memory->buckets[i] = NONE;
    for (size_t i = memory->want_count; i-- > 0;) {
        memory->wants[i].next = c->want_free;
        c->want_free = (uint32_t)i;
    }
    memset(memory->peers, 0, memory->peer_count * sizeof(memory->peers[0]));
}

/* ---- tables ---------------------------------------------------------------------------------- */

static uint32_t *bucket_of(struct bitswap_client *c, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t h = digest_hash(&c->hash, span_of(digest, BLOCK_DIGEST_SIZE));
    return &c->m.buckets[h & (c->m.bucket_count - 1)];
}

static bool same(const struct bitswap_client_want *w, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    return memcmp(w->key.digest, digest, BLOCK_DIGEST_SIZE) == 0;
}

static struct bitswap_client_session *session_at(struct bitswap_client *c, uint32_t session)
{
    ASSERT(session < BITSWAP_CLIENT_SESSIONS && c->sessions[session].used);
    return &c->sessions[session];
}

static struct bitswap_client_peer *peer_at(struct bitswap_client *c, uint32_t peer)
{
    ASSERT(peer < c->m.peer_count && c->m.peers[peer].used);
    return &c->m.peers[peer];
}

static struct cid want_cid(const struct bitswap_client_want *w)
{
    struct cid cid = { .version = w->version,
                       .codec = w->key.codec,
                       .hash = CID_HASH_SHA2_256,
                       .digest_size = BLOCK_DIGEST_SIZE };
    memcpy(cid.digest, w->key.digest, BLOCK_DIGEST_SIZE);
    return cid;
}

static void set_flags(struct bitswap_client *c, struct bitswap_client_want *w, size_t slot,
                      uint8_t flags)
{
    uint32_t peer = c->sessions[w->session].providers[slot].peer;
    const uint8_t pending = AT_TODO | AT_CANCEL;
    if ((w->flags[slot] & pending) == 0 && (flags & pending) != 0)
        peer_at(c, peer)->pending++;
    if ((w->flags[slot] & pending) != 0 && (flags & pending) == 0)
        peer_at(c, peer)->pending--;
    w->flags[slot] = flags;
}

static void drop_want(struct bitswap_client *c, uint32_t i)
{
    struct bitswap_client_want *w = &c->m.wants[i];
    struct bitswap_client_session *s = &c->sessions[w->session];
    uint32_t *at = bucket_of(c, w->key.digest);
    while (*at != i)
        at = &c->m.wants[*at].next;
    *at = w->next;
    *(w->before == NONE ? &s->first : &c->m.wants[w->before].after) = w->after;
    *(w->after == NONE ? &s->last : &c->m.wants[w->after].before) = w->before;
    s->count--;
    w->next = c->want_free;
    c->want_free = i;
    c->wants_used--;
    if (s->closing && s->count == 0)
        s->used = false;
}

/* A want that is done goes when nothing is left to be said about it. */
static void drop_when_silent(struct bitswap_client *c, uint32_t i)
{
    const struct bitswap_client_want *w = &c->m.wants[i];
    if (!w->done)
        return;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if ((w->flags[k] & AT_CANCEL) != 0)
            return;
    drop_want(c, i);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* SPEC bitswap 4.2: "FIRST in a session: the chain says that the peer has proven to hold its
 * content" */
static enum bitswap_rank rank_of(const struct bitswap_client *c,
                                 const struct bitswap_client_provider *p)
{
    enum bitswap_rank rank = c->m.peers[p->peer].rank;
    return rank != BITSWAP_LAST && p->proven ? BITSWAP_FIRST : rank;
}

/* SPEC bitswap 5.2: "one that has said HAVE before one that has said nothing, one that has shown
 * blocks in the session before one that has not, by rank, one that has broken no promise before
 * one that has, then by (blocks under way + 1) times its usual time to answer, times (DONT_HAVEs
 * in a row + 1)" */
static bool better(const struct bitswap_client *c, const struct bitswap_client_want *w, size_t a,
                   size_t b)
{
    const struct bitswap_client_provider *list = c->sessions[w->session].providers;
    const struct bitswap_client_provider *pa = &list[a], *pb = &list[b];
    const struct bitswap_client_peer *qa = &c->m.peers[pa->peer], *qb = &c->m.peers[pb->peer];
    enum bitswap_rank ra = rank_of(c, pa), rb = rank_of(c, pb);
    if ((ra == BITSWAP_LAST) != (rb == BITSWAP_LAST))
        return rb == BITSWAP_LAST;
    if ((w->flags[a] & AT_HAS) != (w->flags[b] & AT_HAS))
        return (w->flags[a] & AT_HAS) != 0;
    if (pa->shown != pb->shown)
        return pa->shown;
    if (ra != rb)
        return ra < rb;
    if (qa->doubted != qb->doubted)
        return qb->doubted;
    return bitswap_pace_cost(pa, qa->latency_ms) < bitswap_pace_cost(pb, qb->latency_ms);
}

static bool may_ask(const struct bitswap_client_want *w, const struct bitswap_client_provider *p,
                    size_t slot)
{
    return p->peer != NONE && (w->flags[slot] & (AT_HAS_NOT | AT_FAILED | AT_CANCEL)) == 0;
}

static void ask_block(struct bitswap_client *c, struct bitswap_client_want *w, size_t slot,
                      uint64_t now_ms)
{
    struct bitswap_client_session *s = &c->sessions[w->session];
    w->asked = (uint8_t)slot;
    w->asked_ms = now_ms;
    w->retry_ms = 0;
    w->told = false;
    s->idle--;
    s->providers[slot].under_way++;
    s->providers[slot].asked = true;
    uint8_t keep = w->flags[slot] & AT_HAS;
    set_flags(c, w, slot, (uint8_t)(keep | AT_BLOCK | AT_TODO));
}

static void unask(struct bitswap_client *c, struct bitswap_client_want *w)
{
    if (w->asked == NOBODY)
        return;
    c->sessions[w->session].providers[w->asked].under_way--;
    c->sessions[w->session].idle++;
    w->asked = NOBODY;
}

static bool may_have(const struct bitswap_client_want *w, const struct bitswap_client_provider *p,
                     size_t slot)
{
    return slot != w->asked && may_ask(w, p, slot);
}

/* SPEC bitswap 5.1: "as want-have at those who have been asked nothing yet in the session, and at
 * up to 3 others when one that was asked has failed; at who is LAST only then" */
static void ask_haves(struct bitswap_client *c, struct bitswap_client_want *w)
{
    struct bitswap_client_session *s = &c->sessions[w->session];
    const uint8_t known = AT_HAVE | AT_BLOCK | AT_HAS;
    int open = 0;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        struct bitswap_client_provider *p = &s->providers[k];
        if (!may_have(w, p, k) || (rank_of(c, p) == BITSWAP_LAST && !w->failed))
            continue;
        if (!p->asked && (w->flags[k] & known) == 0)
            set_flags(c, w, k, AT_HAVE | AT_TODO);
        p->asked = true;
        open += (w->flags[k] & (AT_HAVE | AT_HAS)) != 0;
    }
    for (size_t k = 0; w->failed && open < BITSWAP_CLIENT_HAVES && k < BITSWAP_CLIENT_PROVIDERS;
         k++)
        if (may_have(w, &s->providers[k], k) && (w->flags[k] & known) == 0) {
            set_flags(c, w, k, AT_HAVE | AT_TODO);
            open++;
        }
}

/* SPEC bitswap 5.3: "Those who only did not deliver in time are asked once more each, twice" */
static bool forgive(struct bitswap_client_want *w)
{
    bool any = false;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        bool failed = (w->flags[k] & (AT_FAILED | AT_HAS_NOT)) == AT_FAILED;
        any |= failed;
        if (failed)
            w->flags[k] &= (uint8_t)~AT_FAILED;
    }
    return any;
}

/* Decides whom to ask for a want that nobody is asked for. */
static void assign(struct bitswap_client *c, uint32_t i, uint64_t now_ms)
{
    struct bitswap_client_want *w = &c->m.wants[i];
    struct bitswap_client_session *s = &c->sessions[w->session];
    size_t best = NOBODY;
    bool anybody = false, shown = false, better_busy = false;
    if (w->done || w->asked != NOBODY)
        return;
    if (w->retry_ms != 0 && now_ms >= w->retry_ms) {
        for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
            if ((w->flags[k] & (AT_TODO | AT_CANCEL)) == 0)
                w->flags[k] = 0;
        w->retry_ms = 0;
    }
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        if (!may_ask(w, &s->providers[k], k))
            continue;
        anybody = true;
        if (bitswap_pace_resting(&s->providers[k], now_ms))
            continue;
        bool last = rank_of(c, &s->providers[k]) == BITSWAP_LAST;
        shown |= s->providers[k].shown && !last;
        better_busy |= !last;
        if (s->providers[k].under_way < s->providers[k].window &&
            (best == NOBODY || better(c, w, k, best)))
            best = k;
    }
    /* SPEC bitswap 5.2: "who is LAST gets nothing to do while another one could" */
    if (best != NOBODY && better_busy && rank_of(c, &s->providers[best]) == BITSWAP_LAST)
        return;
    /* Those who have shown blocks have enough to do: the want waits for them. */
    if (best != NOBODY && shown && !s->providers[best].shown && (w->flags[best] & AT_HAS) == 0)
        return;
    if (best != NOBODY) {
        ask_block(c, w, best, now_ms);
        ask_haves(c, w);
    } else if (!anybody && w->again < AGAIN && forgive(w)) {
        w->again++;
    } else if (!anybody && w->retry_ms == 0) {
        /* SPEC bitswap 5.3: "then others are looked for, and all are asked again after 30 s" */
        s->searching = true;
        w->retry_ms = now_ms + BITSWAP_CLIENT_RETRY_MS;
        w->told = false;
    }
}

static void assign_session(struct bitswap_client *c, struct bitswap_client_session *s,
                           uint64_t now_ms)
{
    if (s->idle == 0)
        return;
    for (uint32_t i = s->first; i != NONE; i = c->m.wants[i].after)
        assign(c, i, now_ms);
}

/* ---- peers, sessions, wants ------------------------------------------------------------------ */

void bitswap_client_join(struct bitswap_client *c, uint32_t peer, enum bitswap_rank rank)
{
    ASSERT(peer < c->m.peer_count && !c->m.peers[peer].used);
    c->m.peers[peer] = (struct bitswap_client_peer){ .used = true, .rank = rank };
}

void bitswap_client_rank(struct bitswap_client *c, uint32_t peer, enum bitswap_rank rank,
                         bool doubted)
{
    peer_at(c, peer)->rank = rank;
    peer_at(c, peer)->doubted = doubted;
}

/* Takes a provider out of a session; what it was asked is asked of others at the next step. */
static void drop_provider(struct bitswap_client *c, struct bitswap_client_session *s, size_t slot)
{
    for (uint32_t i = s->first, after; i != NONE; i = after) {
        struct bitswap_client_want *w = &c->m.wants[i];
        after = w->after;
        if (w->asked == slot)
            unask(c, w);
        set_flags(c, w, slot, 0);
        drop_when_silent(c, i);
    }
    s->shown -= s->providers[slot].shown;
    s->providers[slot] = (struct bitswap_client_provider){ .peer = NONE };
}

void bitswap_client_leave(struct bitswap_client *c, uint32_t peer)
{
    struct bitswap_client_peer *p = peer_at(c, peer);
    for (size_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++)
        for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
            if (c->sessions[i].used && c->sessions[i].providers[k].peer == peer)
                drop_provider(c, &c->sessions[i], k);
    ASSERT(p->pending == 0);
    p->used = false;
}

enum err bitswap_client_open(struct bitswap_client *c, uint32_t *session)
{
    *session = NONE;
    for (uint32_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++) {
        struct bitswap_client_session *s = &c->sessions[i];
        if (s->used)
            continue;
        *s = (struct bitswap_client_session){ .used = true, .first = NONE, .last = NONE };
        for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
            s->providers[k].peer = NONE;
        *session = i;
        return OK;
    }
    return ERR_LIMIT;
}

/* The want is met or given up: whoever may still send it is told not to. */
static void finish(struct bitswap_client *c, uint32_t i, uint32_t from)
{
    struct bitswap_client_want *w = &c->m.wants[i];
    const struct bitswap_client_session *s = &c->sessions[w->session];
    unask(c, w);
    if (!w->done)
        c->sessions[w->session].idle--;
    w->done = true;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        uint8_t f = w->flags[k];
        /* Who said HAVE to a want-have has forgotten the want; who has sent it, too. */
        bool said = (f & AT_TODO) == 0 && (f & (AT_HAVE | AT_BLOCK)) != 0 &&
                    !((f & AT_HAS) != 0 && (f & AT_BLOCK) == 0);
        if (s->providers[k].peer != NONE)
            set_flags(c, w, k, said && s->providers[k].peer != from ? AT_CANCEL : 0);
    }
    drop_when_silent(c, i);
}

void bitswap_client_close(struct bitswap_client *c, uint32_t session)
{
    struct bitswap_client_session *s = session_at(c, session);
    s->closing = true;
    s->searching = false;
    if (s->count == 0)
        s->used = false;
    for (uint32_t i = s->first, after; s->used && i != NONE; i = after) {
        after = c->m.wants[i].after;
        if (!c->m.wants[i].done)
            finish(c, i, NONE);
    }
}

enum err bitswap_client_provider(struct bitswap_client *c, uint32_t session, uint32_t peer)
{
    struct bitswap_client_session *s = session_at(c, session);
    size_t slot = NOBODY;
    (void)peer_at(c, peer);
    for (size_t k = BITSWAP_CLIENT_PROVIDERS; k-- > 0;) {
        if (s->providers[k].peer == peer)
            return ERR_EXISTS;
        if (s->providers[k].peer == NONE)
            slot = k;
    }
    if (slot == NOBODY || s->closing)
        return ERR_LIMIT;
    s->providers[slot] = (struct bitswap_client_provider){ .peer = peer, .window = WINDOW_START };
    return OK;
}

void bitswap_client_proven(struct bitswap_client *c, uint32_t session, uint32_t peer, bool proven)
{
    struct bitswap_client_session *s = session_at(c, session);
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if (s->providers[k].peer == peer)
            s->providers[k].proven = proven;
}

void bitswap_client_forget(struct bitswap_client *c, uint32_t session)
{
    struct bitswap_client_session *s = session_at(c, session);
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS && s->used; k++)
        if (s->providers[k].peer != NONE && !s->providers[k].shown &&
            s->providers[k].under_way == 0)
            drop_provider(c, s, k);
}

static uint32_t find_want(struct bitswap_client *c, uint32_t session,
                          const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t i = *bucket_of(c, digest);
    while (i != NONE && (c->m.wants[i].session != session || c->m.wants[i].done ||
                         !same(&c->m.wants[i], digest)))
        i = c->m.wants[i].next;
    return i;
}

void bitswap_client_unwant(struct bitswap_client *c, uint32_t session,
                           const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t i = find_want(c, session, digest);
    if (i != NONE)
        finish(c, i, NONE);
}

bool bitswap_client_hopeless(struct bitswap_client *c, uint32_t session,
                             const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t i = find_want(c, session, digest);
    const struct bitswap_client_session *s = &c->sessions[session];
    if (i == NONE || c->m.wants[i].asked != NOBODY)
        return false;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if (may_ask(&c->m.wants[i], &s->providers[k], k))
            return false;
    return true;
}

void bitswap_client_urge(struct bitswap_client *c, uint32_t session,
                         const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    struct bitswap_client_session *s = session_at(c, session);
    uint32_t i = find_want(c, session, digest);
    if (i == NONE || s->first == i)
        return;
    struct bitswap_client_want *w = &c->m.wants[i];
    c->m.wants[w->before].after = w->after;
    *(w->after == NONE ? &s->last : &c->m.wants[w->after].before) = w->before;
    w->before = NONE;
    w->after = s->first;
    c->m.wants[s->first].before = i;
    s->first = i;
}

enum err bitswap_client_want(struct bitswap_client *c, uint32_t session, const struct cid *cid,
                             uint64_t now_ms)
{
    struct bitswap_client_session *s = session_at(c, session);
    struct block_key key;
    TRY(dag_block_key(&key, cid));
    uint32_t *bucket = bucket_of(c, key.digest);
    if (find_want(c, session, key.digest) != NONE)
        return ERR_EXISTS;
    if (c->want_free == NONE || s->closing)
        return ERR_LIMIT;
    uint32_t i = c->want_free;
    struct bitswap_client_want *w = &c->m.wants[i];
    c->want_free = w->next;
    *w = (struct bitswap_client_want){ .next = *bucket,
                                       .before = s->last,
                                       .after = NONE,
                                       .session = session,
                                       .key = key,
                                       .version = cid->version,
                                       .asked = NOBODY };
    *bucket = i;
    *(s->last == NONE ? &s->first : &c->m.wants[s->last].after) = i;
    s->last = i;
    s->count++;
    s->idle++;
    c->wants_used++;
    assign(c, i, now_ms);
    return OK;
}

/* ---- what peers say -------------------------------------------------------------------------- */

static size_t slot_of(const struct bitswap_client *c, const struct bitswap_client_want *w,
                      uint32_t peer)
{
    const struct bitswap_client_session *s = &c->sessions[w->session];
    size_t k = 0;
    while (k < BITSWAP_CLIENT_PROVIDERS && s->providers[k].peer != peer)
        k++;
    return k < BITSWAP_CLIENT_PROVIDERS ? k : NOBODY;
}

/* SPEC bitswap 4.1: "A promise is a HAVE, for its block, or the chain's record that the peer has
 * proven to hold the content of a session, once for it" */
static void promise(struct bitswap_client *c, const struct bitswap_client_want *w, size_t slot,
                    bool kept)
{
    struct bitswap_client_provider *p = &c->sessions[w->session].providers[slot];
    struct bitswap_client_peer *peer = &c->m.peers[p->peer];
    bool *told = kept ? &p->word_kept : &p->word_broken;
    if ((w->flags[slot] & AT_HAS) == 0 && (!p->proven || *told))
        return;
    *told |= p->proven;
    peer->kept += kept;
    peer->broken += !kept;
}

static void show(struct bitswap_client_session *s, size_t slot)
{
    s->shown += !s->providers[slot].shown;
    s->providers[slot].shown = true;
}

/* Returns whether the provider has said so too often. */
static bool has_not(struct bitswap_client *c, struct bitswap_client_want *w, size_t slot)
{
    struct bitswap_client_session *s = &c->sessions[w->session];
    struct bitswap_client_provider *p = &s->providers[slot];
    promise(c, w, slot, false);
    w->failed |= w->asked == slot;
    if (w->asked == slot)
        unask(c, w);
    set_flags(c, w, slot, (w->flags[slot] & (AT_HAVE | AT_BLOCK)) | AT_HAS_NOT);
    return ++p->donts >= bitswap_pace_donts_max(p);
}

void bitswap_client_presence(struct bitswap_client *c, uint32_t peer, struct span cid, bool have,
                             uint64_t now_ms)
{
    struct cid id;
    struct block_key key;
    bool too_many = false;
    (void)peer_at(c, peer);
    if (cid_decode(&id, cid) != OK || dag_block_key(&key, &id) != OK)
        return;
    for (uint32_t i = *bucket_of(c, key.digest); i != NONE; i = c->m.wants[i].next) {
        struct bitswap_client_want *w = &c->m.wants[i];
        size_t slot = w->done || !same(w, key.digest) ? NOBODY : slot_of(c, w, peer);
        /* What was not asked, or is not sent yet, is not an answer. */
        if (slot == NOBODY || (w->flags[slot] & AT_TODO) != 0 ||
            (w->flags[slot] & (AT_HAVE | AT_BLOCK)) == 0)
            continue;
        if (!have)
            too_many = has_not(c, w, slot) || too_many;
        else
            show(&c->sessions[w->session], slot);
        if (have)
            set_flags(c, w, slot, (uint8_t)((w->flags[slot] & ~AT_HAS_NOT) | AT_HAS));
        assign(c, i, now_ms);
    }
    for (size_t i = 0; too_many && i < BITSWAP_CLIENT_SESSIONS; i++)
        for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
            struct bitswap_client_session *s = &c->sessions[i];
            if (s->used && s->providers[k].peer == peer &&
                s->providers[k].donts >= bitswap_pace_donts_max(&s->providers[k]))
                drop_provider(c, s, k);
        }
}

void bitswap_client_alive(struct bitswap_client *c, uint32_t peer, uint64_t now_ms)
{
    peer_at(c, peer)->alive_ms = now_ms;
}

static void learn(struct bitswap_client *c, const struct bitswap_client_want *w, size_t slot,
                  uint64_t now_ms)
{
    struct bitswap_client_provider *p = &c->sessions[w->session].providers[slot];
    struct bitswap_client_peer *peer = peer_at(c, p->peer);
    p->fails = p->donts = 0;
    p->delivered++;
    show(&c->sessions[w->session], slot);
    promise(c, w, slot, true);
    if (w->asked != slot)
        return;
    uint64_t took = now_ms - w->asked_ms;
    uint32_t ms = took == 0                          ? 1
                  : took > BITSWAP_CLIENT_LONGEST_MS ? BITSWAP_CLIENT_LONGEST_MS
                                                     : (uint32_t)took;
    bitswap_pace_adapt(p, ms);
    peer->latency_ms = peer->latency_ms == 0 ? ms : (peer->latency_ms * 7 + ms + 7) / 8;
}

bool bitswap_client_wants(struct bitswap_client *c, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t i = *bucket_of(c, digest);
    while (i != NONE && (c->m.wants[i].done || !same(&c->m.wants[i], digest)))
        i = c->m.wants[i].next;
    return i != NONE;
}

/* Finishes every want for the digest. */
static uint64_t met(struct bitswap_client *c, uint32_t peer, const uint8_t *digest, uint64_t now_ms)
{
    uint64_t sessions = 0;
    for (uint32_t i = *bucket_of(c, digest), next; i != NONE; i = next) {
        struct bitswap_client_want *w = &c->m.wants[i];
        next = w->next;
        if (w->done || !same(w, digest))
            continue;
        sessions |= (uint64_t)1 << w->session;
        size_t slot = slot_of(c, w, peer);
        if (slot != NOBODY)
            learn(c, w, slot, now_ms);
        finish(c, i, peer);
    }
    if (sessions != 0)
        memcpy(c->recent[load_le32(digest) % BITSWAP_CLIENT_RECENT], digest, BLOCK_DIGEST_SIZE);
    return sessions;
}

uint64_t bitswap_client_block(struct bitswap_client *c, uint32_t peer, const struct cid *cid,
                              size_t size, uint64_t now_ms)
{
    struct bitswap_client_peer *p = peer_at(c, peer);
    uint64_t sessions = met(c, peer, cid->digest, now_ms);
    p->alive_ms = now_ms;
    p->received += size;
    if (sessions == 0) {
        const uint8_t *recent = c->recent[load_le32(cid->digest) % BITSWAP_CLIENT_RECENT];
        bool again = memcmp(recent, cid->digest, BLOCK_DIGEST_SIZE) == 0;
        p->duplicates += again;
        c->duplicates += again;
        p->unwanted += !again;
        c->unwanted += !again;
    }
    for (size_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++)
        if ((sessions >> i & 1) != 0 && c->sessions[i].used)
            assign_session(c, &c->sessions[i], now_ms);
    return sessions;
}

/* ---- time ------------------------------------------------------------------------------------ */

/* SPEC bitswap 5.4: "1 to 10 s, four times its usual answer or 2 s before the first one, counted
 * from the last byte that came from it; but never more than 60 s" */
static bool late(const struct bitswap_client *c, const struct bitswap_client_want *w,
                 uint64_t now_ms)
{
    const struct bitswap_client_peer *p =
        &c->m.peers[c->sessions[w->session].providers[w->asked].peer];
    uint64_t patience = 4 * (uint64_t)(p->latency_ms == 0 ? 500 : p->latency_ms);
    patience = patience < BITSWAP_CLIENT_FAST_MS ? BITSWAP_CLIENT_FAST_MS : patience;
    patience = patience > BITSWAP_CLIENT_SLOW_MS ? BITSWAP_CLIENT_SLOW_MS : patience;
    uint64_t since = p->alive_ms > w->asked_ms ? p->alive_ms : w->asked_ms;
    return now_ms > since + patience || now_ms > w->asked_ms + BITSWAP_CLIENT_LONGEST_MS;
}

static void fail(struct bitswap_client *c, struct bitswap_client_want *w, uint64_t now_ms)
{
    size_t slot = w->asked;
    struct bitswap_client_provider *p = &c->sessions[w->session].providers[slot];
    promise(c, w, slot, false);
    unask(c, w);
    w->failed = true;
    set_flags(c, w, slot, (uint8_t)((w->flags[slot] & ~AT_TODO) | AT_FAILED));
    p->window = p->window > 1 ? p->window / 2 : 1;
    if (p->fails == 0 || now_ms >= p->failed_ms + 1000) {
        p->fails++;
        p->failed_ms = now_ms;
    }
}

static void step_session(struct bitswap_client *c, struct bitswap_client_session *s,
                         uint64_t now_ms)
{
    for (uint32_t i = s->first; i != NONE; i = c->m.wants[i].after) {
        struct bitswap_client_want *w = &c->m.wants[i];
        if (!w->done && w->asked != NOBODY && late(c, w, now_ms))
            fail(c, w, now_ms);
    }
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if (s->providers[k].peer != NONE && s->providers[k].fails >= BITSWAP_CLIENT_FAILS)
            drop_provider(c, s, k);
    if (s->used)
        assign_session(c, s, now_ms);
}

void bitswap_client_step(struct bitswap_client *c, uint64_t now_ms)
{
    if (now_ms < c->step_ms)
        return;
    c->step_ms = now_ms + STEP_MS;
    for (size_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++)
        if (c->sessions[i].used)
            step_session(c, &c->sessions[i], now_ms);
}

/* ---- sending --------------------------------------------------------------------------------- */

bool bitswap_client_next(const struct bitswap_client *c, uint32_t *peer)
{
    *peer = NONE;
    for (uint32_t i = 0; i < c->m.peer_count && *peer == NONE; i++)
        if (c->m.peers[i].used && c->m.peers[i].pending > 0)
            *peer = i;
    return *peer != NONE;
}

struct batch {
    size_t count;
    struct bitswap_entry entries[BITSWAP_CLIENT_ENTRIES];
    uint8_t cids[BITSWAP_CLIENT_ENTRIES][64];
};

/* Whether another session still asks this peer for the same CID. */
static bool asked_elsewhere(struct bitswap_client *c, const struct bitswap_client_want *of,
                            uint32_t peer)
{
    for (uint32_t i = *bucket_of(c, of->key.digest); i != NONE; i = c->m.wants[i].next) {
        const struct bitswap_client_want *w = &c->m.wants[i];
        if (w == of || w->done || !same(w, of->key.digest))
            continue;
        size_t slot = slot_of(c, w, peer);
        if (slot != NOBODY && (w->flags[slot] & (AT_HAVE | AT_BLOCK)) != 0)
            return true;
    }
    return false;
}

static void add_entry(struct bitswap_client *c, struct batch *b, struct bitswap_client_want *w,
                      size_t slot, uint64_t now_ms)
{
    uint8_t f = w->flags[slot];
    uint32_t peer = c->sessions[w->session].providers[slot].peer;
    struct cid cid = want_cid(w);
    struct writer out = writer_of(b->cids[b->count], sizeof(b->cids[0]));
    cid_write(&out, &cid);
    ASSERT(out.err == OK);
    bool cancel = (f & AT_CANCEL) != 0;
    if (!cancel || !asked_elsewhere(c, w, peer)) {
        struct bitswap_entry *e = &b->entries[b->count];
        *e = (struct bitswap_entry){ .cid = writer_span(&out), .cancel = cancel };
        e->have = !cancel && (f & AT_BLOCK) == 0;
        e->send_dont_have = !cancel;
        e->priority = cancel ? 0 : INT32_MAX - (int32_t)b->count;
        b->count++;
    }
    if (w->asked == slot)
        w->asked_ms = now_ms;
    set_flags(c, w, slot, cancel ? 0 : (uint8_t)(f & ~AT_TODO));
}

void bitswap_client_compose(struct bitswap_client *c, uint32_t peer, struct mspan buffer,
                            struct span *frame, uint64_t now_ms)
{
    struct batch b = { .count = 0 };
    ASSERT(buffer.n >= BITSWAP_CLIENT_BUFFER);
    *frame = (struct span){ NULL, 0 };
    for (size_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++) {
        struct bitswap_client_session *s = &c->sessions[i];
        for (size_t k = 0; s->used && k < BITSWAP_CLIENT_PROVIDERS; k++) {
            if (s->providers[k].peer != peer)
                continue;
            for (uint32_t w = s->first, after; w != NONE && b.count < BITSWAP_CLIENT_ENTRIES;
                 w = after) {
                after = c->m.wants[w].after;
                if ((c->m.wants[w].flags[k] & (AT_TODO | AT_CANCEL)) == 0)
                    continue;
                add_entry(c, &b, &c->m.wants[w], k, now_ms);
                drop_when_silent(c, w);
            }
        }
    }
    if (b.count == 0)
        return;
    struct writer w = writer_of(buffer.p + VARINT_FRAME_HEAD_MAX, buffer.n - VARINT_FRAME_HEAD_MAX);
    bitswap_write_wantlist(&w, b.entries, b.count, false);
    ASSERT(w.err == OK);
    *frame = varint_frame_close(buffer.p, w.len);
}

bool bitswap_client_search(struct bitswap_client *c, uint32_t *session, struct cid *cid)
{
    for (uint32_t i = 0; i < BITSWAP_CLIENT_SESSIONS; i++) {
        struct bitswap_client_session *s = &c->sessions[i];
        if (!s->used || !s->searching)
            continue;
        for (uint32_t k = s->first; k != NONE; k = c->m.wants[k].after) {
            struct bitswap_client_want *w = &c->m.wants[k];
            if (w->done || w->told || w->retry_ms == 0)
                continue;
            w->told = true;
            *session = i;
            *cid = want_cid(w);
            return true;
        }
        s->searching = false;
    }
    return false;
}
