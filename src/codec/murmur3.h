/* murmur3: MurmurHash3 x64-128 by Austin Appleby (public domain algorithm), of which UnixFS HAMT
 * directories use the first 64 bits. Not cryptographic. Pure. */
#ifndef CRUST_CODEC_MURMUR3_H
#define CRUST_CODEC_MURMUR3_H

#include "base/span.h"

/* The first half of the 128-bit hash with seed 0. A HAMT takes its bits from the most significant
 * end. */
uint64_t murmur3_x64_64(struct span in);

#endif
