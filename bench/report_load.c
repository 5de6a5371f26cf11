/* Work reports for a chain that runs, for bench/comet: 1,000 workers that differ in their keys
 * only, each with one file and one extent. Reads the chain's state from the folder of a
 * crust-chaind that is stopped for the moment, which knows what a report is asked; the transactions
 * go to the nodes that run.
 *
 * Usage: report_load accounts                       prints the addresses that need money, a line
 * each report_load HOME register|first|report     writes transactions to standard output: 4 bytes
 * of length each, big-endian
 */
#include "base/check.h"
#include "chain/testops.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "engine/app.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 1000, ACCOUNTS = 50, PER_ACCOUNT = WORKERS / ACCOUNTS, PHASES = 3 };

static const char *const phases[PHASES] = { "register", "first", "report" };
static struct world world;
static struct tworker model;

static void put(struct span tx)
{
    uint8_t n[4];
    store_be32(n, (uint32_t)tx.n);
    if (fwrite(n, 1, sizeof(n), stdout) != sizeof(n) || fwrite(tx.p, 1, tx.n, stdout) != tx.n)
        exit(1);
}

/* Each account sends one transaction for each of its workers in each phase. */
static void send(size_t worker, size_t phase, const struct tx_call *call)
{
    static uint8_t room[TW_ROOM];
    const struct ed25519_key *key = &world.keys[1];
    struct tx tx = { .nonce = phase * PER_ACCOUNT + worker / ACCOUNTS,
                     .expiry = world.chain.height + 2000,
                     .call = *call };
    struct span out;
    memcpy(tx.from, key->public_key, 32);
    memcpy(tx.chain, world.chain_hash, 32);
    if (tx_sign(&out, &tx, (struct mspan){ room, sizeof(room) }, key) != OK)
        exit(1);
    put(out);
}

static void send_registration(size_t worker)
{
    uint8_t room[ATTEST_SOFTWARE_MAX], hash[32];
    struct tx_call call = { .kind = TX_WORKER_REGISTER };
    struct tx_worker_register *r = &call.worker_register;
    r->block = world.chain.height;
    if (!ledger_block_hash(&world.chain.ledger, hash, r->block))
        exit(1);
    memcpy(r->worker, model.m.key.public_key, 32);
    attest_release_id(r->release, span_str("test"));
    const struct attest_binding b = { .worker = r->worker,
                                      .account = model.account_key,
                                      .chain = world.chain_hash,
                                      .release_id = r->release,
                                      .block_hash = hash };
    struct writer out = writer_of(room, sizeof(room));
    attest_software_encode(&out, &b, &model.m.key);
    r->evidence = writer_span(&out);
    send(worker, 0, &call);
}

static void grow(void)
{
    tw_add_file(&model, 0, 0, 0);
    tw_add_extent(&model, 1, 0, 4);
}

static void send_for(size_t worker, size_t phase)
{
    world_seed(&world.keys[1], 'A', worker % ACCOUNTS);
    tw_init(&model, &world, 1, 'R');
    world_seed(&model.m.key, 'R', 1000 + worker);
    work_state_init(&model.m.state, model.m.key.public_key);
    if (phase == 0) {
        send_registration(worker);
        return;
    }
    if (phase == 2) { /* the state that the first report left */
        grow();
        model.m.state.seq++;
    }
    tw_begin(&model, &world, REPORT_NO_VOLUME);
    if (phase == 1)
        grow();
    const struct tx_call call = { .kind = TX_REPORT, .report = tw_finish(&model) };
    send(worker, phase, &call);
}

static void print_accounts(void)
{
    for (size_t i = 0; i < ACCOUNTS; i++) {
        char address[SS58_TEXT_MAX];
        struct ed25519_key key;
        world_seed(&key, 'A', i);
        ss58_format(address, key.public_key);
        printf("%s\n", address);
    }
}

static enum err load(const char *home, size_t phase)
{
    char dir[4096];
    struct statedb *db;
    struct app *app;
    snprintf(dir, sizeof(dir), "%s/chain", home);
    const struct statedb_config config = { .dir = dir };
    TRY(statedb_open(&db, &config));
    TRY(app_open(&app, db));
    struct engine_app calls = app_engine(app);
    memcpy(world.chain_hash, calls.info(calls.ctx).chain, 32);
    world.chain = *app_chain(app);
    fprintf(stderr, "# %s: height %llu, slot %llu, offset %llu\n", phases[phase],
            (unsigned long long)world.chain.height, (unsigned long long)world.chain.ledger.slot,
            (unsigned long long)world.chain.ledger.offset);
    model_file_make(&tw_files[0], 1, MODEL_BLOCKS, MODEL_BLOCK_SIZE);
    for (size_t i = 0; i < WORKERS; i++)
        send_for(i, phase);
    app_close(app);
    statedb_close(db);
    return OK;
}

int main(int argc, char **argv)
{
    if (random_init() != OK)
        return 1;
    if (argc == 2 && strcmp(argv[1], "accounts") == 0) {
        print_accounts();
        return 0;
    }
    for (size_t i = 0; argc == 3 && i < PHASES; i++)
        if (strcmp(argv[2], phases[i]) == 0)
            return load(argv[1], i) == OK && fflush(stdout) == 0 ? 0 : 1;
    fprintf(stderr, "usage: see the source\n");
    return 2;
}
