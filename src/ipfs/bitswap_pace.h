/* bitswap_pace: how fast a provider of a session is, and how much it is asked for at a time.
 * docs/spec/bitswap.md 5.2 and 5.5. A part of bitswap_client; pure. */
#ifndef CRUST_IPFS_BITSWAP_PACE_H
#define CRUST_IPFS_BITSWAP_PACE_H

#include "ipfs/bitswap_client.h"

/* What a further block of it costs; less is better. latency_ms 0: not known. */
uint64_t bitswap_pace_cost(const struct bitswap_client_provider *p, uint32_t latency_ms);

/* A block has come, so long (not 0) after it was asked for: the window follows. */
void bitswap_pace_adapt(struct bitswap_client_provider *p, uint32_t took_ms);

/* It has failed, and is left alone for a while. */
bool bitswap_pace_resting(const struct bitswap_client_provider *p, uint64_t now_ms);

/* How many DONT_HAVEs in a row are too many. */
uint32_t bitswap_pace_donts_max(const struct bitswap_client_provider *p);

#endif
