/* abci_driver_test: a fake CometBFT: speaks ABCI as a client to the real server over the real
 * ledger, all on one loop. Its connections: abci_link_test.h. */
#ifndef CRUST_ENGINE_ABCI_DRIVER_TEST_H
#define CRUST_ENGINE_ABCI_DRIVER_TEST_H

#include "base/check.h"
#include "base/hex.h"
#include "chain/accounts.h"
#include "codec/agreement.h"
#include "codec/ss58.h"
#include "crypto/sha256.h"
#include "engine/abci_server.h"
#include "engine/app.h"
#include "rt/path.h"

#include <stdio.h>

enum { DRIVER_TIME = 1700000000 };

struct driver {
    char dir[64], at[128];
    struct statedb *db;
    struct app *ledger;
    struct engine_app calls;
    struct sigpool *sigs;
    struct intake *intake;
    struct loop *loop;
    struct abci_app *app;
    struct abci_server *server;
    struct snapshots *snapshots;
    char snapshot_dir[80];
    struct ed25519_key alice, bob, validator;
    char genesis[1536];
    uint8_t genesis_hash[32];
    uint64_t retain;
    unsigned commits_to_fail; /* with ERR_FULL */
    enum err (*real_commit)(void *ctx, const struct statedb_row *rows, size_t count);
};

static struct driver *driver_failing;

static inline enum err driver_commit(void *ctx, const struct statedb_row *rows, size_t count)
{
    if (driver_failing->commits_to_fail != 0) {
        driver_failing->commits_to_fail--;
        return ERR_FULL;
    }
    return driver_failing->real_commit(ctx, rows, count);
}

/* Opens what a crust-chaind opens. */
static inline void driver_open(struct driver *d)
{
    const struct statedb_config config = { .dir = d->dir };
    const struct mempool_limits limits = { 0 };
    CHECK_OK(statedb_open(&d->db, &config));
    CHECK_OK(app_open(&d->ledger, d->db));
    d->calls = app_engine(d->ledger);
    d->real_commit = d->calls.commit;
    d->calls.commit = driver_commit;
    driver_failing = d;
    CHECK_OK(sigpool_open(&d->sigs, 1));
    CHECK_OK(intake_open(&d->intake, &limits, 7, &d->calls, d->db));
    if (!d->calls.info(d->calls.ctx).fresh)
        CHECK_OK(intake_reload(d->intake, d->sigs));
    CHECK_OK(loop_new(&d->loop, 0));
    CHECK_OK(snapshots_open(&d->snapshots, d->snapshot_dir, d->ledger));
    const struct abci_app_options app = { .app = &d->calls,
                                          .intake = d->intake,
                                          .sigs = d->sigs,
                                          .snapshots = d->snapshots,
                                          .retain_blocks = d->retain };
    CHECK_OK(abci_app_open(&d->app, &app));
    const struct abci_server_options server = { .at = d->at, .app = d->app };
    CHECK_OK(abci_server_open(&d->server, d->loop, &server));
}

/* As a kill: nothing is finished. */
static inline void driver_close(struct driver *d)
{
    abci_server_close(d->server);
    abci_app_close(d->app);
    snapshots_close(d->snapshots);
    loop_free(d->loop);
    intake_close(d->intake);
    sigpool_close(d->sigs);
    app_close(d->ledger);
    statedb_close(d->db);
}

static inline void driver_make(struct driver *d)
{
    const uint8_t one[32] = { 1 }, two[32] = { 2 }, three[32] = { 3 };
    char alice[SS58_TEXT_MAX], bob[SS58_TEXT_MAX], key[65];
    *d = (struct driver){ 0 };
    snprintf(d->dir, sizeof(d->dir), "/tmp/crust-abci-XXXXXX");
    CHECK(mkdtemp(d->dir) != NULL);
    snprintf(d->at, sizeof(d->at), "unix:%s/s", d->dir);
    snprintf(d->snapshot_dir, sizeof(d->snapshot_dir), "%s/snapshots", d->dir);
    ed25519_keypair(&d->alice, one);
    ed25519_keypair(&d->bob, two);
    ed25519_keypair(&d->validator, three);
    ss58_format(alice, d->alice.public_key);
    ss58_format(bob, d->bob.public_key);
    hex_format(key, span_of(d->validator.public_key, 32));
    snprintf(d->genesis, sizeof(d->genesis),
             "{\"chain_id\":\"abci-test\",\"time_ms\":1600000000000,\"params\":{\"preset\":"
             "\"devnet\"},\"validators\":[{\"key\":\"%s\",\"power\":10,\"address\":\"%s\"}],"
             "\"contributors\":[],\"beacon\":\"%064d\",\"balances\":[{\"address\":\"%s\","
             "\"amount\":\"1000000000000000\"}]}",
             key, bob, 0, alice);
    sha256(d->genesis_hash, span_str(d->genesis));
    driver_open(d);
}

static inline void driver_remove(struct driver *d)
{
    driver_close(d);
    CHECK_OK(path_remove_tree(d->dir));
}

/* ---- requests ---- */

static inline struct abci_request driver_init_chain(const struct driver *d, uint8_t room[128],
                                                    char state[128])
{
    char hash[65];
    struct writer w = writer_of(room, 128);
    const struct abci_validator_update v = { .key.ed25519 = span_of(d->validator.public_key, 32),
                                             .power = 10 };
    abci_list_add(&w, ABCI_VALIDATOR_UPDATE, &v);
    hex_format(hash, span_of(d->genesis_hash, 32));
    snprintf(state, 128, "{\"genesis\":\"%s\"}", hash);
    struct abci_request m = { .kind = ABCI_INIT_CHAIN };
    m.init_chain.time.seconds = DRIVER_TIME;
    m.init_chain.chain_id = span_str("abci-test");
    m.init_chain.validators = abci_list_of(writer_span(&w), 1);
    m.init_chain.app_state = span_str(d->genesis);
    m.init_chain.initial_height = 1;
    return m;
}

/* The block at a height, with these transactions; lists stand in room. */
static inline struct abci_request driver_block(const struct driver *d, enum abci_kind kind,
                                               int64_t height, struct span txs, uint32_t count,
                                               struct mspan room)
{
    static uint8_t address[AGREEMENT_ADDRESS_SIZE];
    struct writer w = writer_of(room.p, room.n);
    agreement_address(address, d->validator.public_key);
    struct abci_block b = { .height = height, .txs = abci_list_of(txs, count) };
    b.time = (struct abci_time){ .seconds = DRIVER_TIME + height, .nanos = 5000000 };
    b.proposer = span_of(address, sizeof(address));
    const struct abci_validator v = { .address = b.proposer, .power = 10 };
    if (height > 1 && kind == ABCI_PREPARE_PROPOSAL) {
        const struct abci_extended_vote vote = { .validator = v, .flag = AGREEMENT_COMMIT };
        abci_list_add(&w, ABCI_EXTENDED_VOTE, &vote);
    } else if (height > 1) {
        const struct abci_vote vote = { .validator = v, .flag = AGREEMENT_COMMIT };
        abci_list_add(&w, ABCI_VOTE, &vote);
    }
    CHECK_OK(w.err);
    b.last_commit.votes = abci_list_of(writer_span(&w), height > 1);
    struct abci_request m = { .kind = kind };
    if (kind == ABCI_PREPARE_PROPOSAL) {
        m.prepare.max_tx_bytes = 4 << 20;
        m.prepare.block = b;
    } else {
        m.block = b;
    }
    return m;
}

/* A transfer of alice's, signed. */
static inline struct span driver_transfer(const struct driver *d, uint8_t room[512], uint64_t nonce)
{
    struct span out;
    struct tx tx = { .nonce = nonce,
                     .expiry = 100,
                     .call = { .kind = TX_TRANSFER,
                               .transfer = { .amount = AMOUNT_OF(1000000000000u) } } };
    memcpy(tx.from, d->alice.public_key, 32);
    memcpy(tx.call.transfer.to, d->bob.public_key, 32);
    sha256(tx.chain, span_str("abci-test"));
    CHECK_OK(tx_sign(&out, &tx, (struct mspan){ room, 512 }, &d->alice));
    return out;
}

#endif
