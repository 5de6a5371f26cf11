/* rate: a limit of bytes a second with a burst, by token bucket. Pure. */
#ifndef CRUST_P2P_RATE_H
#define CRUST_P2P_RATE_H

#include <stddef.h>
#include <stdint.h>

struct rate {
    uint64_t per_s;  /* 0: no limit */
    uint64_t burst;  /* at least what is sent in one piece */
    uint64_t tokens; /* thousandths of a byte */
    uint64_t at_ms;
};

/* The bucket begins full. burst: bytes that may pass at once, at least 1. */
void rate_init(struct rate *r, uint64_t per_s, uint64_t burst, uint64_t now_ms);

/* How many bytes may pass now: SIZE_MAX without a limit. */
size_t rate_room(struct rate *r, uint64_t now_ms);

/* n bytes have passed; at most rate_room. */
void rate_take(struct rate *r, size_t n);

/* Milliseconds until n bytes may pass (n up to burst), 0: now. */
uint64_t rate_wait_ms(struct rate *r, size_t n, uint64_t now_ms);

#endif
