#include "ipfs/bitswap_pace.h"

enum { QUEUE_FEW = 8, QUEUE_MANY = 16 };

uint64_t bitswap_pace_cost(const struct bitswap_client_provider *p, uint32_t latency_ms)
{
    return ((uint64_t)p->under_way + 1) * (latency_ms == 0 ? 200 : latency_ms) * (p->donts + 1);
}

/* SPEC bitswap 5.2: "The window grows while the blocks that wait in it at the provider are few, and
 * shrinks when they are many" */
void bitswap_pace_adapt(struct bitswap_client_provider *p, uint32_t took_ms)
{
    p->best_ms = p->best_ms == 0 || took_ms < p->best_ms ? took_ms : p->best_ms;
    uint32_t queue = p->window - (uint32_t)((uint64_t)p->window * p->best_ms / took_ms);
    if (queue < QUEUE_FEW && p->window < BITSWAP_CLIENT_FLIGHT)
        p->window++;
    else if (queue > QUEUE_MANY)
        p->window--;
}

/* SPEC bitswap 5.5: "One that has failed is left alone for 1 s, 2 s, 4 s and so on, up to 32 s" */
bool bitswap_pace_resting(const struct bitswap_client_provider *p, uint64_t now_ms)
{
    uint32_t doublings = p->fails < 6 ? p->fails : 6;
    return p->fails > 0 && now_ms < p->failed_ms + ((uint64_t)500 << doublings);
}

/* One that has shown blocks may be fetching the rest itself. */
uint32_t bitswap_pace_donts_max(const struct bitswap_client_provider *p)
{
    return p->shown ? 8 * BITSWAP_CLIENT_DONTS : BITSWAP_CLIENT_DONTS;
}
