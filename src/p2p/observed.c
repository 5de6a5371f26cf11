#include "p2p/observed.h"

#include "base/err.h"

uint64_t observed_network(struct span ip)
{
    uint64_t bits = ip.n == 4 ? (uint64_t)(ip.p[0] << 8 | ip.p[1]) : load_be32(ip.p);
    return (uint64_t)ip.n << 32 | bits;
}

static bool fresh(uint64_t at_ms, uint64_t now_ms)
{
    return at_ms + OBSERVED_MS > now_ms;
}

static bool same(const struct observed_address *a, const struct observed_address *b)
{
    return a->size == b->size && a->port == b->port && memcmp(a->ip, b->ip, a->size) == 0;
}

static size_t witnesses(const struct observed_slot *s, uint64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < OBSERVED_CONFIRM; i++)
        n += s->seen[i].network != 0 && fresh(s->seen[i].at_ms, now_ms);
    return n;
}

/* Of an address its own slot; else a free one, else that of the address with the fewest witnesses
 * which was named longest ago: who makes up addresses puts out only such. */
static struct observed_slot *slot_of(struct observed *o, const struct observed_address *a,
                                     uint64_t now_ms)
{
    struct observed_slot *best = &o->slots[0];
    for (size_t i = 0; i < OBSERVED_SLOTS; i++) {
        struct observed_slot *s = &o->slots[i];
        if (s->address.size != 0 && same(&s->address, a))
            return s;
        size_t n = witnesses(s, now_ms), m = witnesses(best, now_ms);
        if (n < m || (n == m && s->used_ms < best->used_ms))
            best = s;
    }
    *best = (struct observed_slot){ .address = *a };
    return best;
}

void observed_note(struct observed *o, const struct observed_address *address, struct span by,
                   uint64_t now_ms)
{
    ASSERT((address->size == 4 || address->size == 16) && (by.n == 4 || by.n == 16));
    struct observed_slot *s = slot_of(o, address, now_ms);
    uint64_t network = observed_network(by);
    size_t at = 0;
    s->used_ms = now_ms;
    for (size_t i = 0; i < OBSERVED_CONFIRM; i++) {
        if (s->seen[i].network == network) {
            s->seen[i].at_ms = now_ms;
            return;
        }
        if (s->seen[i].network == 0 ||
            (s->seen[at].network != 0 && s->seen[i].at_ms < s->seen[at].at_ms))
            at = i;
    }
    s->seen[at].network = network;
    s->seen[at].at_ms = now_ms;
}

size_t observed_confirmed(const struct observed *o, struct observed_address *out, size_t max,
                          uint64_t now_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < OBSERVED_SLOTS && n < max; i++)
        if (o->slots[i].address.size != 0 && witnesses(&o->slots[i], now_ms) == OBSERVED_CONFIRM)
            out[n++] = o->slots[i].address;
    return n;
}
