/* chain_index: keys of the lists that answer queries about the past (statedb's index table).
 * Derived from blocks and results, in no hash. Format: docs/spec/block.md 3. Pure.
 *
 *   'a' account32 height be64 index be32           -> tx id    transactions of an account
 *   'o' account32 height be64 order32              -> empty    orders an account placed or paid
 * into 'k' codec be32 digest32 order32                -> empty    orders for a content key 'w'
 * account32 worker32                         -> empty    workers an account registered 'r' worker32
 * slot be64 height be64 index be32  -> tx id    reports of a worker 's' slot be64 height be64 index
 * be32           -> worker32 | tx id   reports of a slot */
#ifndef CRUST_CODEC_CHAIN_INDEX_H
#define CRUST_CODEC_CHAIN_INDEX_H

#include "base/span.h"
#include "codec/cid.h"

enum { CHAIN_INDEX_KEY_MAX = 96 };

/* A key under construction. */
struct chain_index_key {
    uint8_t b[CHAIN_INDEX_KEY_MAX];
    size_t n;
};

/* Each starts a key; the rest follows with the add functions, in the order shown above. What is
 * there so far is the prefix of a list. */
struct chain_index_key chain_index_account_txs(const uint8_t account[32]);
struct chain_index_key chain_index_account_orders(const uint8_t account[32]);
struct chain_index_key chain_index_content_orders(const struct content_key *key);
struct chain_index_key chain_index_account_workers(const uint8_t account[32]);
struct chain_index_key chain_index_worker_reports(const uint8_t worker[32]);
struct chain_index_key chain_index_slot_reports(uint64_t slot);

void chain_index_add_u64(struct chain_index_key *key, uint64_t v);
void chain_index_add_u32(struct chain_index_key *key, uint32_t v);
void chain_index_add_hash(struct chain_index_key *key, const uint8_t hash[32]);

static inline struct span chain_index_span(const struct chain_index_key *key)
{
    return span_of(key->b, key->n);
}

#endif
