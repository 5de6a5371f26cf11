#include "ipfs/bitswap_client_ask.h"

#include "ipfs/bitswap_pace.h"

#define NONE BITSWAP_CLIENT_NONE

enum { AGAIN = 2 }; /* times that those who were late are asked once more */

void bitswap_client_flags(struct bitswap_client *c, struct bitswap_client_want *w, size_t slot,
                          uint8_t flags)
{
    uint32_t peer = c->sessions[w->session].providers[slot].peer;
    const uint8_t pending = BITSWAP_AT_TODO | BITSWAP_AT_CANCEL;
    if ((w->flags[slot] & pending) == 0 && (flags & pending) != 0)
        bitswap_client_peer_at(c, peer)->pending++;
    if ((w->flags[slot] & pending) != 0 && (flags & pending) == 0)
        bitswap_client_peer_at(c, peer)->pending--;
    w->flags[slot] = flags;
}

static void drop_want(struct bitswap_client *c, uint32_t i)
{
    struct bitswap_client_want *w = &c->m.wants[i];
    struct bitswap_client_session *s = &c->sessions[w->session];
    uint32_t *at = bitswap_client_bucket(c, w->key.digest);
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

void bitswap_client_drop_silent(struct bitswap_client *c, uint32_t i)
{
    const struct bitswap_client_want *w = &c->m.wants[i];
    if (!w->done)
        return;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
        if ((w->flags[k] & BITSWAP_AT_CANCEL) != 0)
            return;
    drop_want(c, i);
}

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
    if ((w->flags[a] & BITSWAP_AT_HAS) != (w->flags[b] & BITSWAP_AT_HAS))
        return (w->flags[a] & BITSWAP_AT_HAS) != 0;
    if (pa->shown != pb->shown)
        return pa->shown;
    if (ra != rb)
        return ra < rb;
    if (qa->doubted != qb->doubted)
        return qb->doubted;
    return bitswap_pace_cost(pa, qa->latency_ms) < bitswap_pace_cost(pb, qb->latency_ms);
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
    uint8_t keep = w->flags[slot] & BITSWAP_AT_HAS;
    bitswap_client_flags(c, w, slot, (uint8_t)(keep | BITSWAP_AT_BLOCK | BITSWAP_AT_TODO));
}

void bitswap_client_unask(struct bitswap_client *c, struct bitswap_client_want *w)
{
    if (w->asked == BITSWAP_CLIENT_NOBODY)
        return;
    c->sessions[w->session].providers[w->asked].under_way--;
    c->sessions[w->session].idle++;
    w->asked = BITSWAP_CLIENT_NOBODY;
}

static bool may_have(const struct bitswap_client_want *w, const struct bitswap_client_provider *p,
                     size_t slot)
{
    return slot != w->asked && bitswap_client_may_ask(w, p, slot);
}

/* SPEC bitswap 5.1: "as want-have at those who have been asked nothing yet in the session, and at
 * up to 3 others when one that was asked has failed; at who is LAST only then" */
static void ask_haves(struct bitswap_client *c, struct bitswap_client_want *w)
{
    struct bitswap_client_session *s = &c->sessions[w->session];
    const uint8_t known = BITSWAP_AT_HAVE | BITSWAP_AT_BLOCK | BITSWAP_AT_HAS;
    int open = 0;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        struct bitswap_client_provider *p = &s->providers[k];
        if (!may_have(w, p, k) || (rank_of(c, p) == BITSWAP_LAST && !w->failed))
            continue;
        if (!p->asked && (w->flags[k] & known) == 0)
            bitswap_client_flags(c, w, k, BITSWAP_AT_HAVE | BITSWAP_AT_TODO);
        p->asked = true;
        open += (w->flags[k] & (BITSWAP_AT_HAVE | BITSWAP_AT_HAS)) != 0;
    }
    for (size_t k = 0; w->failed && open < BITSWAP_CLIENT_HAVES && k < BITSWAP_CLIENT_PROVIDERS;
         k++)
        if (may_have(w, &s->providers[k], k) && (w->flags[k] & known) == 0) {
            bitswap_client_flags(c, w, k, BITSWAP_AT_HAVE | BITSWAP_AT_TODO);
            open++;
        }
}

/* SPEC bitswap 5.3: "Those who only did not deliver in time are asked once more each, twice" */
static bool forgive(struct bitswap_client_want *w)
{
    bool any = false;
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        bool failed = (w->flags[k] & (BITSWAP_AT_FAILED | BITSWAP_AT_HAS_NOT)) == BITSWAP_AT_FAILED;
        any |= failed;
        if (failed)
            w->flags[k] &= (uint8_t)~BITSWAP_AT_FAILED;
    }
    return any;
}

void bitswap_client_assign(struct bitswap_client *c, uint32_t i, uint64_t now_ms)
{
    struct bitswap_client_want *w = &c->m.wants[i];
    struct bitswap_client_session *s = &c->sessions[w->session];
    size_t best = BITSWAP_CLIENT_NOBODY;
    bool anybody = false, shown = false, better_busy = false;
    if (w->done || w->asked != BITSWAP_CLIENT_NOBODY || s->held)
        return;
    if (w->retry_ms != 0 && now_ms >= w->retry_ms) {
        for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++)
            if ((w->flags[k] & (BITSWAP_AT_TODO | BITSWAP_AT_CANCEL)) == 0)
                w->flags[k] = 0;
        w->retry_ms = 0;
    }
    for (size_t k = 0; k < BITSWAP_CLIENT_PROVIDERS; k++) {
        if (!bitswap_client_may_ask(w, &s->providers[k], k))
            continue;
        anybody = true;
        if (bitswap_pace_resting(&s->providers[k], now_ms))
            continue;
        bool last = rank_of(c, &s->providers[k]) == BITSWAP_LAST;
        shown |= s->providers[k].shown && !last;
        better_busy |= !last;
        if (s->providers[k].under_way < s->providers[k].window &&
            (best == BITSWAP_CLIENT_NOBODY || better(c, w, k, best)))
            best = k;
    }
    /* SPEC bitswap 5.2: "who is LAST gets nothing to do while another one could" */
    if (best != BITSWAP_CLIENT_NOBODY && better_busy &&
        rank_of(c, &s->providers[best]) == BITSWAP_LAST)
        return;
    /* Those who have shown blocks have enough to do: the want waits for them. */
    if (best != BITSWAP_CLIENT_NOBODY && shown && !s->providers[best].shown &&
        (w->flags[best] & BITSWAP_AT_HAS) == 0)
        return;
    if (best != BITSWAP_CLIENT_NOBODY) {
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

void bitswap_client_assign_session(struct bitswap_client *c, struct bitswap_client_session *s,
                                   uint64_t now_ms)
{
    if (s->idle == 0)
        return;
    for (uint32_t i = s->first; i != NONE; i = c->m.wants[i].after)
        bitswap_client_assign(c, i, now_ms);
}
