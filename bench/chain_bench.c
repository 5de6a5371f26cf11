/* How fast the ledger runs: transfers per second through the state machine (signatures checked
 * beforehand, as the engine does, and checked here), a block of 1,000 work reports, and the app
 * hash after 5,000 writes into a state of 100,000 accounts. In memory: what the disk adds is
 * measured by the store's benchmarks.
 */
#include "chain/testops.h"

#include <stdlib.h>
#include <time.h>

enum { ACCOUNTS = 100000, WRITES = 5000, TRANSFERS = 5000, ROUNDS = 5, REPORTS = 1000 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void account_put(struct state *st, uint32_t i, uint32_t value)
{
    uint8_t key[33] = { 'a' }, record[60] = { 0 };
    store_le32(key + 1, i * 2654435761u);
    store_le32(record, value);
    state_put(st, STATE_ACCOUNTS, span_of(key, sizeof(key)), span_of(record, sizeof(record)));
}

static void bench_app_hash(const struct kv *kv, void *memory)
{
    struct state st;
    state_init(&st, kv, memory, CHAIN_NOTES);
    uint8_t hash[32];
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        account_put(&st, i, 0);
    state_commit(&st, hash);
    double best = 1e9;
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t i = 0; i < WRITES; i++)
            account_put(&st, i * 20 + round, round);
        double begin = seconds();
        state_commit(&st, hash);
        double took = seconds() - begin;
        best = took < best ? took : best;
    }
    printf("app hash, %d writes into %d accounts: %.1f ms\n", WRITES, ACCOUNTS, best * 1e3);
}

/* Blocks of 1,000 transfers, to fresh accounts in turn. */
static void bench_transfers(struct world *w, struct span *txs, const bool *sound)
{
    static struct chain_tx_result results[TRANSFERS];
    double begin = seconds();
    for (size_t at = 0; at < TRANSFERS; at += 1000) {
        struct chain_block block = { .height = w->chain.height + 1,
                                     .time_ms = w->chain.time_ms + 1000,
                                     .txs = txs + at,
                                     .signatures = sound,
                                     .tx_count = 1000 };
        struct chain_output out;
        if (chain_finalize(&w->chain, &out, results + at, &block, NULL) != OK)
            exit(1);
    }
    double took = seconds() - begin;
    for (size_t i = 0; i < TRANSFERS; i++)
        if (results[i].code != RESULT_OK)
            exit(1);
    printf("transfers, signatures %s: %.0f per second\n", sound == NULL ? "checked here" : "given",
           TRANSFERS / took);
}

static void sign_transfers(struct world *w, struct span *txs, uint8_t (*rooms)[512])
{
    for (size_t i = 0; i < TRANSFERS; i++) {
        struct tx_call call = { .kind = TX_TRANSFER, .transfer.amount = AMOUNT_OF(200000000) };
        call.transfer.to[0] = 7;
        store_le32(call.transfer.to + 1, (uint32_t)i);
        uint8_t room[WORLD_TX_MAX];
        struct span tx = world_tx(w, i % WORLD_ACCOUNTS, &call, room);
        memcpy(rooms[i], tx.p, tx.n);
        txs[i] = span_of(rooms[i], tx.n);
    }
}

/* One worker after another: they differ in their keys only, all hold one file and one extent. */
struct holder {
    struct ed25519_key key;
    struct work_state state;
};

static struct tworker model;

static void must_do(enum tx_result r)
{
    if (r == RESULT_OK)
        return;
    fprintf(stderr, "reports: result %d\n", (int)r);
    exit(1);
}

static void grow_holder(struct holder *h, struct world *w, size_t i)
{
    tw_init(&model, w, 1, 'R');
    world_seed(&model.m.key, 'R', 1000 + i);
    work_state_init(&model.m.state, model.m.key.public_key);
    must_do(tw_register(&model, w));
    tw_begin(&model, w, REPORT_NO_VOLUME);
    tw_add_file(&model, 0, 0, 0);
    tw_add_extent(&model, 1, 0, 4);
    must_do(tw_send(&model, w, tw_finish(&model)));
    *h = (struct holder){ .key = model.m.key, .state = model.m.state };
}

/* Its report of the next slot, as a signed transaction. */
static struct span sign_report(const struct holder *h, struct world *w, struct mspan room)
{
    model.m.key = h->key;
    model.m.state = h->state;
    tw_begin(&model, w, REPORT_NO_VOLUME);
    struct tx tx = { .nonce = w->nonces[1]++,
                     .expiry = w->chain.height + 100,
                     .call = { .kind = TX_REPORT, .report = tw_finish(&model) } };
    struct span out;
    memcpy(tx.from, w->keys[1].public_key, 32);
    memcpy(tx.chain, w->chain_hash, 32);
    if (tx_sign(&out, &tx, room, &w->keys[1]) != OK)
        exit(1);
    return out;
}

/* A block with the first report of a slot of 1,000 workers, each with the openings of its draws. */
static void bench_reports(struct world *w, struct mspan rooms, const bool *sound)
{
    static struct holder holders[REPORTS];
    static struct chain_tx_result results[REPORTS];
    static struct span txs[REPORTS];
    size_t room = rooms.n / REPORTS, bytes = 0;
    w->chain.work = &work_module;
    model_file_make(&tw_files[0], 1, MODEL_BLOCKS, MODEL_BLOCK_SIZE);
    tw_to(w, 1, 1);
    for (size_t i = 0; i < REPORTS; i++)
        grow_holder(&holders[i], w, i);
    tw_to(w, 2, 1);
    for (size_t i = 0; i < REPORTS; i++) {
        txs[i] = sign_report(&holders[i], w, (struct mspan){ rooms.p + i * room, room });
        bytes += txs[i].n;
    }
    const struct chain_block block = { .height = w->chain.height + 1,
                                       .time_ms = w->chain.time_ms + 1000,
                                       .txs = txs,
                                       .signatures = sound,
                                       .tx_count = REPORTS };
    struct chain_output out;
    double begin = seconds();
    if (chain_finalize(&w->chain, &out, results, &block, NULL) != OK)
        exit(1);
    double took = seconds() - begin;
    for (size_t i = 0; i < REPORTS; i++)
        must_do(results[i].code);
    printf("a block of %d reports of %zu bytes: %.0f ms\n", REPORTS, bytes / REPORTS, took * 1e3);
}

int main(void)
{
    size_t size = (size_t)512 * 1024 * 1024;
    void *bytes = malloc(size);
    void *memory = aligned_alloc(16, (chain_memory_size() + 15) / 16 * 16);
    uint8_t(*rooms)[512] = calloc(TRANSFERS, sizeof(*rooms));
    static struct span txs[TRANSFERS];
    static bool sound[REPORTS];
    if (bytes == NULL || memory == NULL || rooms == NULL)
        return 1;
    memset(sound, 1, sizeof(sound));
    struct memkv mem;
    memkv_init(&mem, bytes, size);
    struct kv kv = memkv_kv(&mem);
    bench_app_hash(&kv, memory);
    static struct world w;
    for (int given = 1; given >= 0; given--) {
        if (world_init(&w, (struct mspan){ bytes, size }, memory, "", "1000000000000000000") != OK)
            return 1;
        sign_transfers(&w, txs, rooms);
        bench_transfers(&w, txs, given ? sound : NULL);
    }
    struct mspan room = { malloc((size_t)REPORTS * 32768), (size_t)REPORTS * 32768 };
    if (room.p == NULL ||
        world_init(
            &w, (struct mspan){ bytes, size }, memory,
            "\"slot_blocks\":\"3000\",\"report_blocks\":\"2900\",\"order_refund_blocks\":\"6000\"",
            "1000000000000000000") != OK)
        return 1;
    bench_reports(&w, room, sound);
    free(room.p);
    free(rooms);
    free(memory);
    free(bytes);
    return 0;
}
