/* chain_read: what this program reads off the chain by itself, without keys, from the first of the
 * configured chain URLs that answers. Any thread but the loop's; blocks. */
#ifndef CRUST_IPFSD_CHAIN_READ_H
#define CRUST_IPFSD_CHAIN_READ_H

#include "api/chain_client_tx.h"
#include "rt/config.h"

enum {
    CHAIN_READ_PAGE_MAX = 16, /* entries of one content that are looked at */
};

/* Filled by the caller. The URLs are the operator's own, so private addresses are right. */
struct chain_read {
    struct config_urls nodes;
    uint32_t timeout_ms; /* for one URL; 0: 5 s */
};

/* ERR_NOT_FOUND (the chain says so, or no URL is configured), ERR_CLOSED (no chain answers),
 * ERR_FORMAT. */
NODISCARD enum err chain_read_status(const struct chain_read *c, struct chain_client_status *out);
NODISCARD enum err chain_read_order(const struct chain_read *c, struct chain_client_order *out,
                                    const uint8_t id[32]);
/* What the account allows the key; ERR_NOT_FOUND: nothing. */
NODISCARD enum err chain_read_allowance(const struct chain_read *c,
                                        struct chain_client_allowance *out,
                                        const uint8_t account[32], const uint8_t key[32]);
/* All entries of a content, at most CHAIN_READ_PAGE_MAX. */
NODISCARD enum err chain_read_orders_of(const struct chain_read *c, struct chain_client_order *out,
                                        size_t *count, const struct content_key *key);
NODISCARD enum err chain_read_price(const struct chain_read *c, struct chain_client_price *out,
                                    uint64_t size, uint32_t replicas);
NODISCARD enum err chain_read_params(const struct chain_read *c, struct params *out);

/* What became of a transaction. ERR_NOT_FOUND: the chain does not know it. */
NODISCARD enum err chain_read_tx(const struct chain_read *c, struct chain_client_tx *out,
                                 const uint8_t id[32]);

/* chain_read_submit gives the chain a transaction that somebody has signed. OK: *out says what the
 * chain thinks of it, a refusal too. ERR_CLOSED (no chain answers), ERR_FORMAT, ERR_BUSY. */
NODISCARD enum err chain_read_submit(const struct chain_read *c, struct chain_client_tx *out,
                                     struct span tx);

#endif
