#include "codec/chain_index.h"

#include "base/err.h"

static uint8_t *grow(struct chain_index_key *key, size_t n)
{
    ASSERT(n <= sizeof(key->b) - key->n);
    uint8_t *at = key->b + key->n;
    key->n += n;
    return at;
}

static struct chain_index_key begin(char kind, const uint8_t *hash)
{
    struct chain_index_key key = { .n = 1 };
    key.b[0] = (uint8_t)kind;
    if (hash != NULL)
        chain_index_add_hash(&key, hash);
    return key;
}

struct chain_index_key chain_index_account_txs(const uint8_t account[32])
{
    return begin('a', account);
}

struct chain_index_key chain_index_account_orders(const uint8_t account[32])
{
    return begin('o', account);
}

struct chain_index_key chain_index_content_orders(const struct content_key *key)
{
    struct chain_index_key out = begin('k', NULL);
    chain_index_add_u32(&out, key->codec);
    chain_index_add_hash(&out, key->digest);
    return out;
}

struct chain_index_key chain_index_account_workers(const uint8_t account[32])
{
    return begin('w', account);
}

struct chain_index_key chain_index_worker_reports(const uint8_t worker[32])
{
    return begin('r', worker);
}

struct chain_index_key chain_index_slot_reports(uint64_t slot)
{
    struct chain_index_key key = begin('s', NULL);
    chain_index_add_u64(&key, slot);
    return key;
}

void chain_index_add_u64(struct chain_index_key *key, uint64_t v)
{
    store_be64(grow(key, 8), v);
}

void chain_index_add_u32(struct chain_index_key *key, uint32_t v)
{
    store_be32(grow(key, 4), v);
}

void chain_index_add_hash(struct chain_index_key *key, const uint8_t hash[32])
{
    memcpy(grow(key, 32), hash, 32);
}
