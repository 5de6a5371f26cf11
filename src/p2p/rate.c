#include "p2p/rate.h"

#include "base/err.h"

enum { PARTS = 1000 }; /* tokens count thousandths, so that a millisecond's worth is exact */

void rate_init(struct rate *r, uint64_t per_s, uint64_t burst, uint64_t now_ms)
{
    ASSERT(burst >= 1 && per_s < UINT64_MAX / PARTS / 2 && burst < UINT64_MAX / PARTS / 2);
    *r = (struct rate){ .per_s = per_s, .burst = burst, .tokens = burst * PARTS, .at_ms = now_ms };
}

static void refill(struct rate *r, uint64_t now_ms)
{
    if (now_ms <= r->at_ms)
        return;
    uint64_t past = now_ms - r->at_ms, full = r->burst * PARTS, missing = full - r->tokens;
    r->at_ms = now_ms;
    /* Division keeps the product below from overflowing. */
    r->tokens = past >= missing / r->per_s + 1 ? full : r->tokens + past * r->per_s;
    if (r->tokens > full)
        r->tokens = full;
}

size_t rate_room(struct rate *r, uint64_t now_ms)
{
    if (r->per_s == 0)
        return SIZE_MAX;
    refill(r, now_ms);
    return (size_t)(r->tokens / PARTS);
}

void rate_take(struct rate *r, size_t n)
{
    if (r->per_s == 0)
        return;
    ASSERT(n <= r->tokens / PARTS);
    r->tokens -= (uint64_t)n * PARTS;
}

uint64_t rate_wait_ms(struct rate *r, size_t n, uint64_t now_ms)
{
    if (r->per_s == 0)
        return 0;
    refill(r, now_ms);
    ASSERT(n <= r->burst);
    uint64_t want = (uint64_t)n * PARTS;
    return want <= r->tokens ? 0 : (want - r->tokens + r->per_s - 1) / r->per_s;
}
