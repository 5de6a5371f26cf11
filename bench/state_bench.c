/* What the ledger's engine costs: committing a block's writes, checking signatures, and transfers
 * from submission to commit.
 *
 * Usage: state_bench [FOLDER]   (works in FOLDER/state-bench; default: a new folder in /tmp)
 * One "name value unit" per line. */
#include "base/prng.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "engine/app.h"
#include "engine/embedded.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WRITES = 5000, STATE_KEYS = 200000, ROUNDS = 5, SIGNERS = 200, PER_SIGNER = 50 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of all threads; other programs on the machine do not count. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(enum err e, const char *what)
{
    if (e == OK)
        return;
    fprintf(stderr, "state_bench: %s: %s\n", what, err_name(e));
    exit(1);
}

static struct statedb *open_fresh(const char *dir)
{
    struct statedb *db;
    must(path_remove_tree(dir), dir);
    must(path_make_dirs(dir, 0700), dir);
    const struct statedb_config config = { .dir = dir };
    must(statedb_open(&db, &config), "statedb_open");
    return db;
}

/* 5,000 random writes of 100 bytes over a state of 200,000 keys, in one durable commit. */
static void bench_commit(const char *dir)
{
    struct statedb *db = open_fresh(dir);
    struct kv kv = statedb_state(db);
    struct prng g;
    uint8_t key[32], value[100], hash[32] = { 0 };
    prng_init(&g, 1);
    double worst = 0, sum = 0;
    for (uint64_t height = 0; height <= ROUNDS; height++) {
        int writes = height == 0 ? STATE_KEYS : WRITES;
        for (int i = 0; i < writes; i++) {
            uint64_t n = height == 0 ? (uint64_t)i : prng_below(&g, STATE_KEYS);
            sha256(key, span_of(&n, sizeof(n)));
            prng_fill(&g, value, sizeof(value));
            must(kv_put(&kv, span_of(key, 32), span_of(value, sizeof(value))), "put");
        }
        double start = seconds();
        must(statedb_commit(db, height, hash, NULL, 0), "commit");
        double took = seconds() - start;
        if (height == 0)
            continue;
        sum += took;
        worst = took > worst ? took : worst;
    }
    printf("state.commit-5000-mean %.1f ms\n", sum / ROUNDS * 1e3);
    printf("state.commit-5000-worst %.1f ms\n", worst * 1e3);
    statedb_close(db);
}

struct load {
    struct ed25519_key keys[SIGNERS];
    uint8_t (*bytes)[320];
    struct span *txs;
    bool *ok;
    size_t count;
};

static void load_make(struct load *l)
{
    l->count = (size_t)SIGNERS * PER_SIGNER;
    l->bytes = calloc(l->count, sizeof(*l->bytes));
    l->txs = calloc(l->count, sizeof(*l->txs));
    l->ok = calloc(l->count, sizeof(*l->ok));
    for (size_t i = 0; i < SIGNERS; i++) {
        uint8_t seed[32] = { (uint8_t)i, (uint8_t)(i >> 8), 1 };
        ed25519_keypair(&l->keys[i], seed);
    }
    for (size_t i = 0; i < l->count; i++) {
        const struct ed25519_key *key = &l->keys[i % SIGNERS];
        struct tx tx = { .nonce = i / SIGNERS,
                         .expiry = 100,
                         .call = { .kind = TX_TRANSFER,
                                   .transfer = { .amount = AMOUNT_OF(1000000000000u) } } };
        memcpy(tx.from, key->public_key, 32);
        memcpy(tx.call.transfer.to, l->keys[(i + 1) % SIGNERS].public_key, 32);
        sha256(tx.chain, span_str("bench"));
        must(tx_sign(&l->txs[i], &tx, (struct mspan){ l->bytes[i], sizeof(l->bytes[i]) }, key),
             "sign");
    }
}

static void bench_signatures(struct load *l, uint32_t threads)
{
    struct sigpool *pool;
    must(sigpool_open(&pool, threads), "sigpool");
    memset(l->ok, 0, l->count * sizeof(*l->ok));
    double start = seconds(), cpu = cpu_seconds();
    sigpool_check(pool, l->ok, l->txs, l->count);
    double took = seconds() - start;
    cpu = cpu_seconds() - cpu;
    for (size_t i = 0; i < l->count; i++)
        if (!l->ok[i])
            must(ERR_SIGNATURE, "signature");
    printf("engine.signatures-%s %.0f per_second\n", threads == 1 ? "one-thread" : "all-threads",
           (double)l->count / took);
    if (threads == 1)
        printf("engine.signatures-per-core-second %.0f\n", (double)l->count / cpu);
    sigpool_close(pool);
}

static size_t genesis_text(char *out, size_t size, const struct load *l)
{
    size_t n = (size_t)snprintf(out, size,
                                "{\"chain_id\":\"bench\",\"time_ms\":1,\"params\":{\"preset\":"
                                "\"devnet\"},\"validators\":[],\"contributors\":[],\"beacon\":"
                                "\"%064d\",\"balances\":[",
                                0);
    for (size_t i = 0; i < SIGNERS; i++) {
        char address[SS58_TEXT_MAX];
        ss58_format(address, l->keys[i].public_key);
        n += (size_t)snprintf(out + n, size - n,
                              "%s{\"address\":\"%s\",\"amount\":\"1000000000000000000\"}",
                              i == 0 ? "" : ",", address);
    }
    return n + (size_t)snprintf(out + n, size - n, "]}");
}

/* Transfers through check, journal, blocks, execution and commit, as crust-chaind does them; the
 * signatures are checked where HTTP threads would. */
static void bench_transfers(const char *dir, struct load *l)
{
    static char genesis[64 << 10];
    char what[CHAIN_WHAT_MAX];
    struct statedb *db = open_fresh(dir);
    struct app *app;
    struct sigpool *sigs;
    struct embedded *engine;
    must(app_open(&app, db), "app");
    const struct engine_app calls = app_engine(app);
    enum err e = calls.init_chain(
        calls.ctx, span_of(genesis, genesis_text(genesis, sizeof(genesis), l)), what);
    must(e, what);
    must(sigpool_open(&sigs, 0), "sigpool");
    const struct embedded_config config = { 0 };
    must(embedded_open(&engine, &config, &calls, db, sigs), "engine");
    double start = seconds(), cpu = cpu_seconds(), blocks = 0;
    size_t sent = 0;
    uint64_t waiting = 1, bytes, made = 0;
    while (sent < l->count || waiting != 0) {
        /* A thousand arrive, then a block is made. */
        size_t end = sent + 1000 < l->count ? sent + 1000 : l->count;
        memset(l->ok, 0, l->count * sizeof(*l->ok));
        sigpool_check(sigs, l->ok + sent, l->txs + sent, end - sent);
        for (; sent < end; sent++) {
            struct chain_check check;
            if (intake_submit(embedded_intake(engine), &check, l->txs[sent], l->ok[sent]) !=
                INTAKE_ACCEPTED)
                must(ERR_DENIED, result_name((unsigned)check.code));
        }
        must(intake_flush(embedded_intake(engine)), "flush");
        double block = seconds();
        must(embedded_make_block(engine, ++made * 1000), "block");
        blocks += seconds() - block;
        mempool_size(intake_pool(embedded_intake(engine)), &waiting, &bytes);
    }
    double took = seconds() - start;
    cpu = cpu_seconds() - cpu;
    printf("engine.transfers-end-to-end %.0f per_second\n", (double)l->count / took);
    printf("engine.transfers-per-core-second %.0f\n", (double)l->count / cpu);
    printf("engine.transfers-in-blocks %.0f per_second\n", (double)l->count / blocks);
    printf("engine.block-of-%zu-transfers %.1f ms\n", l->count / (size_t)made,
           blocks / (double)made * 1e3);
    embedded_close(engine);
    sigpool_close(sigs);
    app_close(app);
    statedb_close(db);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/crust-state-bench-XXXXXX";
    static struct load load;
    must(random_init(), "random");
    char at[PATH_TEXT_MAX];
    const char *folder = argc > 1 ? argv[1] : mkdtemp(dir);
    must(folder == NULL ? ERR_IO : path_join(at, sizeof(at), folder, "state-bench"), "folder");
    bench_commit(at);
    load_make(&load);
    bench_signatures(&load, 1);
    bench_signatures(&load, 0);
    bench_transfers(at, &load);
    must(path_remove_tree(argc > 1 ? at : folder), at);
    return 0;
}
