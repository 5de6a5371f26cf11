#include "ipfs/bitswap_client.h"

#include "ipfs/bitswap_client_ask.h"
#include "ipfs/bitswap_pace.h"
#include "ipfs/dag_block.h"

#define NONE BITSWAP_CLIENT_NONE

enum {
    STEP_MS = 50,
    WINDOW_START = 8,
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

/* ---- peers, sessions, wants ------------------------------------------------------------------ */

void bitswap_client_join(struct bitswap_client *c, uint32_t peer, enum bitswap_rank rank)
{
    ASSERT(peer < c->m.peer_count && !c->m.peers[peer].used);
    c->m.peers[peer] = (struct bitswap_client_peer){ .used = true, .rank = rank };
}

void bitswap_client_rank(struct bitswap_client *c, uint32_t peer, enum bitswap_rank rank,
                         bool doubted)
{
    bitswap_client_peer_at(c, peer)->rank = rank;
    bitswap_client_peer_at(c, peer)->doubted = doubted;
}

/* Takes a provider out of a session; what it was asked is asked of others at the next step. */
static void drop_provider(struct bitswap_client *c, struct bitswap_client_session *s, size_t slot)
{
    for (uint32_t i = s->first, after; i != NONE; i = after) {
        struct bitswap_client_want *w = &c->m.wants[i];
        after = w->after;
        if (w->asked == slot)
            bitswap_client_unask(c, w);
        bitswap_client_flags(c, w, slot, 0);
        bitswap_client_drop_silent(c, i);
    }
    s->shown -= s->providers[slot].shown;
    s->providers[slot] = (struct bitswap_client_provider){ .peer = NONE };
}

void bitswap_client_leave(struct bitswap_client *c, uint32_t peer)
{
    struct bitswap_client_peer *p = bitswap_client_peer_at(c, peer);
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
    bitswap_client_unask(c, w);
    if (!w->done)
        c->sessions[w->session].idle--;
    w->done = true;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        uint8_t f = w->flags[k];
        /* Who said HAVE to a want-have has forgotten the want; who has sent it, too. */
        bool said = (f & BITSWAP_AT_TODO) == 0 && (f & (BITSWAP_AT_HAVE | BITSWAP_AT_BLOCK)) != 0 &&
                    !((f & BITSWAP_AT_HAS) != 0 && (f & BITSWAP_AT_BLOCK) == 0);
        if (s->providers[k].peer != NONE)
            bitswap_client_flags(c, w, k,
                                 said && s->providers[k].peer != from ? BITSWAP_AT_CANCEL : 0);
    }
    bitswap_client_drop_silent(c, i);
}

void bitswap_client_close(struct bitswap_client *c, uint32_t session)
{
    struct bitswap_client_session *s = bitswap_client_session_at(c, session);
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
    struct bitswap_client_session *s = bitswap_client_session_at(c, session);
    size_t slot = BITSWAP_CLIENT_NOBODY;
    (void)bitswap_client_peer_at(c, peer);
    for (size_t k = BITSWAP_CLIENT_PROVIDERS; k-- > 0;) {
        if (s->providers[k].peer == peer)
            return ERR_EXISTS;
        if (s->providers[k].peer == NONE)
            slot = k;
    }
    if (slot == BITSWAP_CLIENT_NOBODY || s->closing)
        return ERR_LIMIT;
    s->providers[slot] = (struct bitswap_client_provider){ .peer = peer, .window = WINDOW_START };
    return OK;
}

void bitswap_client_hold(struct bitswap_client *c, uint32_t session, bool held, uint64_t now_ms)
{
    struct bitswap_client_session *s = bitswap_client_session_at(c, session);
    s->held = held;
    if (!held)
        bitswap_client_assign_session(c, s, now_ms);
}

void bitswap_client_proven(struct bitswap_client *c, uint32_t session, uint32_t peer, bool proven)
{
    struct bitswap_client_session *s = bitswap_client_session_at(c, session);
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if (s->providers[k].peer == peer)
            s->providers[k].proven = proven;
}

void bitswap_client_forget(struct bitswap_client *c, uint32_t session)
{
    struct bitswap_client_session *s = bitswap_client_session_at(c, session);
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS && s->used; k++)
        if (s->providers[k].peer != NONE && !s->providers[k].shown &&
            s->providers[k].under_way == 0)
            drop_provider(c, s, k);
}

static uint32_t find_want(struct bitswap_client *c, uint32_t session,
                          const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t i = *bitswap_client_bucket(c, digest);
    while (i != NONE && (c->m.wants[i].session != session || c->m.wants[i].done ||
                         !bitswap_client_same(&c->m.wants[i], digest)))
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
    if (i == NONE || s->held || c->m.wants[i].asked != BITSWAP_CLIENT_NOBODY)
        return false;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if (bitswap_client_may_ask(&c->m.wants[i], &s->providers[k], k))
            return false;
    return true;
}

void bitswap_client_urge(struct bitswap_client *c, uint32_t session,
                         const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    struct bitswap_client_session *s = bitswap_client_session_at(c, session);
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
    struct bitswap_client_session *s = bitswap_client_session_at(c, session);
    struct block_key key;
    TRY(dag_block_key(&key, cid));
    uint32_t *bucket = bitswap_client_bucket(c, key.digest);
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
                                       .asked = BITSWAP_CLIENT_NOBODY };
    *bucket = i;
    *(s->last == NONE ? &s->first : &c->m.wants[s->last].after) = i;
    s->last = i;
    s->count++;
    s->idle++;
    c->wants_used++;
    bitswap_client_assign(c, i, now_ms);
    return OK;
}

/* ---- what peers say -------------------------------------------------------------------------- */

/* SPEC bitswap 4.1: "A promise is a HAVE, for its block, or the chain's record that the peer has
 * proven to hold the content of a session, once for it" */
static void promise(struct bitswap_client *c, const struct bitswap_client_want *w, size_t slot,
                    bool kept)
{
    struct bitswap_client_provider *p = &c->sessions[w->session].providers[slot];
    struct bitswap_client_peer *peer = &c->m.peers[p->peer];
    bool *told = kept ? &p->word_kept : &p->word_broken;
    if ((w->flags[slot] & BITSWAP_AT_HAS) == 0 && (!p->proven || *told))
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
        bitswap_client_unask(c, w);
    bitswap_client_flags(
        c, w, slot, (w->flags[slot] & (BITSWAP_AT_HAVE | BITSWAP_AT_BLOCK)) | BITSWAP_AT_HAS_NOT);
    return ++p->donts >= bitswap_pace_donts_max(p);
}

void bitswap_client_presence(struct bitswap_client *c, uint32_t peer, struct span cid, bool have,
                             uint64_t now_ms)
{
    struct cid id;
    struct block_key key;
    bool too_many = false;
    (void)bitswap_client_peer_at(c, peer);
    if (cid_decode(&id, cid) != OK || dag_block_key(&key, &id) != OK)
        return;
    for (uint32_t i = *bitswap_client_bucket(c, key.digest); i != NONE; i = c->m.wants[i].next) {
        struct bitswap_client_want *w = &c->m.wants[i];
        size_t slot = w->done || !bitswap_client_same(w, key.digest)
                          ? BITSWAP_CLIENT_NOBODY
                          : bitswap_client_slot(c, w, peer);
        /* What was not asked, or is not sent yet, is not an answer. */
        if (slot == BITSWAP_CLIENT_NOBODY || (w->flags[slot] & BITSWAP_AT_TODO) != 0 ||
            (w->flags[slot] & (BITSWAP_AT_HAVE | BITSWAP_AT_BLOCK)) == 0)
            continue;
        if (!have)
            too_many = has_not(c, w, slot) || too_many;
        else
            show(&c->sessions[w->session], slot);
        if (have)
            bitswap_client_flags(
                c, w, slot, (uint8_t)((w->flags[slot] & ~BITSWAP_AT_HAS_NOT) | BITSWAP_AT_HAS));
        bitswap_client_assign(c, i, now_ms);
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
    bitswap_client_peer_at(c, peer)->alive_ms = now_ms;
}

static void learn(struct bitswap_client *c, const struct bitswap_client_want *w, size_t slot,
                  uint64_t now_ms)
{
    struct bitswap_client_provider *p = &c->sessions[w->session].providers[slot];
    struct bitswap_client_peer *peer = bitswap_client_peer_at(c, p->peer);
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
    uint32_t i = *bitswap_client_bucket(c, digest);
    while (i != NONE && (c->m.wants[i].done || !bitswap_client_same(&c->m.wants[i], digest)))
        i = c->m.wants[i].next;
    return i != NONE;
}

/* Finishes every want for the digest. */
static uint64_t met(struct bitswap_client *c, uint32_t peer, const uint8_t *digest, uint64_t now_ms)
{
    uint64_t sessions = 0;
    for (uint32_t i = *bitswap_client_bucket(c, digest), next; i != NONE; i = next) {
        struct bitswap_client_want *w = &c->m.wants[i];
        next = w->next;
        if (w->done || !bitswap_client_same(w, digest))
            continue;
        sessions |= (uint64_t)1 << w->session;
        size_t slot = bitswap_client_slot(c, w, peer);
        if (slot != BITSWAP_CLIENT_NOBODY)
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
    struct bitswap_client_peer *p = bitswap_client_peer_at(c, peer);
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
            bitswap_client_assign_session(c, &c->sessions[i], now_ms);
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
    bitswap_client_unask(c, w);
    w->failed = true;
    bitswap_client_flags(c, w, slot,
                         (uint8_t)((w->flags[slot] & ~BITSWAP_AT_TODO) | BITSWAP_AT_FAILED));
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
        if (!w->done && w->asked != BITSWAP_CLIENT_NOBODY && late(c, w, now_ms))
            fail(c, w, now_ms);
    }
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if (s->providers[k].peer != NONE && s->providers[k].fails >= BITSWAP_CLIENT_FAILS)
            drop_provider(c, s, k);
    if (s->used)
        bitswap_client_assign_session(c, s, now_ms);
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
            *cid = bitswap_client_want_cid(w);
            return true;
        }
        s->searching = false;
    }
    return false;
}
