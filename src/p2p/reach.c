#include "p2p/reach.h"

uint32_t reach_find(const struct reach *r, const struct multiaddr *a)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (multiaddr_eq(&r->list[i].address, a))
            return i;
    return REACH_NONE;
}

bool reach_set(struct reach *r, const struct multiaddr *list, size_t count)
{
    ASSERT(count <= REACH_ADDRESSES);
    struct reach next = { .count = (uint32_t)count };
    bool same = count == r->count;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = reach_find(r, &list[i]);
        same = same && at == i;
        if (at != REACH_NONE)
            next.list[i] = r->list[at];
        else
            next.list[i].address = list[i];
    }
    if (!same)
        *r = next;
    return !same;
}

static bool fresh(const struct reach_outcome *o, uint64_t now_ms)
{
    return o->at_ms + REACH_FORGET_MS > now_ms;
}

/* Yes less no. */
static int confidence(const struct reach_address *a, uint64_t now_ms)
{
    int n = 0;
    for (uint32_t i = 0; i < a->count; i++)
        if (fresh(&a->outcomes[i], now_ms))
            n += a->outcomes[i].good ? 1 : -1;
    return n;
}

/* SPEC autonat 4.2: "when yes and no differ by two networks" */
static enum reach_verdict verdict(const struct reach_address *a, uint64_t now_ms)
{
    int n = confidence(a, now_ms);
    return n >= REACH_SURE ? REACH_YES : n <= -REACH_SURE ? REACH_NO : REACH_UNKNOWN;
}

enum reach_verdict reach_verdict(const struct reach *r, uint32_t i, uint64_t now_ms)
{
    ASSERT(i < r->count);
    return verdict(&r->list[i], now_ms);
}

/* How many questions more are due. SPEC autonat 4.3: "until yes and no differ by three" */
static int due(const struct reach_address *a, uint64_t now_ms)
{
    int n = confidence(a, now_ms), need = REACH_ENOUGH - (n < 0 ? -n : n);
    if (need <= 0 && a->count > 0) {
        const struct reach_outcome *last = &a->outcomes[a->count - 1];
        uint64_t again = n > 0 ? REACH_AGAIN_MS : REACH_AGAIN_NO_MS;
        need = last->at_ms + again <= now_ms || last->good != (n > 0) ? 1 : 0;
    }
    return need - (int)a->asking;
}

/* Whether somebody of this network has told lately. */
static bool told(const struct reach_address *a, uint64_t network, uint64_t now_ms)
{
    uint64_t again = verdict(a, now_ms) == REACH_YES ? REACH_AGAIN_MS : REACH_AGAIN_NO_MS;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->outcomes[i].network == network && a->outcomes[i].at_ms + again > now_ms)
            return true;
    return false;
}

uint32_t reach_next(const struct reach *r, uint64_t network, uint64_t now_ms)
{
    uint32_t best = REACH_NONE;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct reach_address *a = &r->list[i];
        if (due(a, now_ms) <= 0 || told(a, network, now_ms))
            continue;
        if (best == REACH_NONE || a->count + a->asking < r->list[best].count + r->list[best].asking)
            best = i;
    }
    return best;
}

void reach_begin(struct reach *r, uint32_t i)
{
    ASSERT(i < r->count);
    r->list[i].asking++;
}

void reach_over(struct reach *r, const struct multiaddr *a)
{
    uint32_t i = reach_find(r, a);
    if (i != REACH_NONE && r->list[i].asking > 0)
        r->list[i].asking--;
}

static void drop(struct reach_address *a, uint32_t i)
{
    memmove(&a->outcomes[i], &a->outcomes[i + 1], (a->count - i - 1) * sizeof(a->outcomes[0]));
    a->count--;
}

void reach_note(struct reach *r, const struct multiaddr *address, const struct reach_outcome *o)
{
    uint32_t at = reach_find(r, address);
    if (at == REACH_NONE)
        return;
    struct reach_address *a = &r->list[at];
    for (uint32_t i = 0; i < a->count; i++)
        if (a->outcomes[i].network == o->network) {
            drop(a, i);
            break;
        }
    if (a->count == REACH_OUTCOMES)
        drop(a, 0);
    a->outcomes[a->count++] = *o;
}
