/* testworld: a chain in memory with known accounts and a model of chain/work, for the tests, fuzz
 * targets and benchmarks of this folder. */
#ifndef CRUST_CHAIN_TESTWORLD_H
#define CRUST_CHAIN_TESTWORLD_H

#include "base/memkv.h"
#include "chain/beacon.h"
#include "chain/chain.h"
#include "chain/testwork.h"
#include "codec/ss58.h"
#include "crypto/sha256.h"

#include <stdio.h>

enum { WORLD_ACCOUNTS = 6, WORLD_TX_MAX = 4096 };

/* For genesis: the list of validators, and further members (each begins with a comma). */
static const char *world_validators = "[]";
static const char *world_members = "";

struct world {
    struct memkv mem;
    struct kv kv;
    struct chain chain;
    struct ed25519_key keys[WORLD_ACCOUNTS];
    struct ed25519_key beacon_key;
    uint64_t nonces[WORLD_ACCOUNTS];
    uint8_t chain_hash[32];
    void *memory;
    bool silent; /* no beacon contributions */
};

static inline void world_seed(struct ed25519_key *key, uint8_t letter, size_t i)
{
    uint8_t seed[32] = { letter, (uint8_t)i, (uint8_t)(i >> 8) };
    ed25519_keypair(key, seed);
}

/* Genesis text: params is the inside of the object after the preset. Every account gets balance. */
static inline size_t world_genesis(char *out, size_t size, const struct world *w,
                                   const char *params, const char *balance)
{
    size_t n = 0;
    n += (size_t)snprintf(out + n, size - n,
                          "{\"chain_id\":\"crust-test\",\"time_ms\":\"1000\","
                          "\"params\":{\"preset\":\"devnet\"%s%s},\"balances\":[",
                          params[0] == '\0' ? "" : ",", params);
    for (size_t i = 0; i < WORLD_ACCOUNTS; i++) {
        char address[SS58_TEXT_MAX];
        ss58_format(address, w->keys[i].public_key);
        n += (size_t)snprintf(out + n, size - n, "%s{\"address\":\"%s\",\"amount\":\"%s\"}",
                              i == 0 ? "" : ",", address, balance);
    }
    n += (size_t)snprintf(out + n, size - n, "],\"contributors\":[\"");
    for (size_t i = 0; i < 32; i++)
        n += (size_t)snprintf(out + n, size - n, "%02x", w->beacon_key.public_key[i]);
    n += (size_t)snprintf(out + n, size - n, "\"],\"validators\":%s%s,\"beacon\":\"",
                          world_validators, world_members);
    for (size_t i = 0; i < 32; i++)
        n += (size_t)snprintf(out + n, size - n, "%02x", 0xb0);
    n += (size_t)snprintf(out + n, size - n, "\"}");
    return n;
}

/* memory: chain_memory_size() bytes; state: where the kv lives. Returns what chain_genesis does. */
static inline enum err world_init(struct world *w, struct mspan state, void *memory,
                                  const char *params, const char *balance)
{
    memset(w, 0, sizeof(*w));
    memset(world_workers, 0, sizeof(world_workers));
    memkv_init(&w->mem, state.p, state.n);
    w->kv = memkv_kv(&w->mem);
    w->memory = memory;
    for (size_t i = 0; i < WORLD_ACCOUNTS; i++)
        world_seed(&w->keys[i], 'A', i);
    world_seed(&w->beacon_key, 'B', 0);
    sha256(w->chain_hash, span_str("crust-test"));
    static char text[16384];
    size_t n = world_genesis(text, sizeof(text), w, params, balance);
    char what[CHAIN_WHAT_MAX];
    enum err e = chain_genesis(&w->chain, &w->kv, memory, span_of(text, n), what);
    if (e != OK)
        fprintf(stderr, "genesis: %s\n", what);
    w->chain.work = &world_work;
    return e;
}

/* Signs call as account i with its next nonce. room: WORLD_TX_MAX bytes, which hold the result. */
static inline struct span world_tx(struct world *w, size_t i, const struct tx_call *call,
                                   uint8_t *room)
{
    struct tx tx = { .nonce = w->nonces[i]++, .expiry = w->chain.height + 100, .call = *call };
    memcpy(tx.from, w->keys[i].public_key, 32);
    memcpy(tx.chain, w->chain_hash, 32);
    struct span out;
    enum err e = tx_sign(&out, &tx, (struct mspan){ room, WORLD_TX_MAX }, &w->keys[i]);
    if (e != OK)
        fprintf(stderr, "tx_sign: %s\n", err_name(e));
    return out;
}

/* One block with these transactions; a beacon contribution is added in the window. */
static inline enum err world_block(struct world *w, struct chain_tx_result *results,
                                   const struct span *txs, size_t count)
{
    struct span all[64];
    struct chain_tx_result more[64];
    uint8_t room[512];
    size_t n = 0;
    for (; n < count && n < 63; n++)
        all[n] = txs[n];
    if (!w->silent && chain_contribution(&w->chain, &all[n], (struct mspan){ room, sizeof(room) },
                                         &w->beacon_key) == OK)
        n++;
    struct chain_block block = {
        .height = w->chain.height + 1, .time_ms = w->chain.time_ms + 1000, .txs = all, .tx_count = n
    };
    block.hash[0] = (uint8_t)block.height;
    struct chain_output out;
    enum err e = chain_finalize(&w->chain, &out, more, &block, NULL);
    for (size_t i = 0; i < count && i < n; i++)
        results[i] = more[i];
    return e;
}

/* One call in a block of its own. */
static inline enum tx_result world_do(struct world *w, size_t i, const struct tx_call *call)
{
    uint8_t room[WORLD_TX_MAX];
    struct span tx = world_tx(w, i, call, room);
    struct chain_tx_result result;
    if (world_block(w, &result, &tx, 1) != OK)
        return RESULT_UNSUPPORTED;
    if (result.code >= 10 && result.code < 30)
        w->nonces[i]--; /* not taken */
    return result.code;
}

static inline void world_run_to(struct world *w, uint64_t height)
{
    while (w->chain.height < height)
        if (world_block(w, NULL, NULL, 0) != OK)
            return;
}

static inline struct amount world_free(struct world *w, const uint8_t id[32])
{
    return accounts_usable(&w->chain.ledger, id);
}

static inline bool world_add_replica(struct world *w, size_t worker, const uint8_t order[32])
{
    uint8_t lineage[32];
    world_lineage(lineage, worker);
    struct world_worker *ww = &world_workers[worker];
    struct market_replica r = { .answered = ww->answered, .proven = ww->proven };
    memcpy(r.account, w->keys[ww->account].public_key, 32);
    return market_replica_add(&w->chain.ledger, &world_work.market, order, lineage, &r);
}

#endif
