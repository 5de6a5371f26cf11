#include "chaind/node.h"

#include "base/hex.h"
#include "chaind/comet.h"
#include "chaind/snapshot_job.h"
#include "codec/block.h"
#include "codec/ss58.h"
#include "crypto/random.h"
#include "crypto/sha256.h"
#include "rt/clock.h"
#include "rt/http_server.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- opening
 * --------------------------------------------------------------------------------------- */

static enum err genesis_read(struct node *n, struct mspan *out)
{
    char path[PATH_TEXT_MAX];
    TRY(config_path(path, sizeof(path), n->config, "genesis"));
    enum err e = path_read_file(out, path, NODE_GENESIS_MAX);
    if (e != OK)
        log_error("genesis-unreadable", "path=\"%s\" reason=\"%s\"", path, err_text(e));
    return e;
}

/* A fresh folder gets the genesis state; an old one must have been made from the same file. */
static enum err genesis_apply(struct node *n, struct span genesis)
{
    uint8_t have[32], want[32];
    char have_text[65], want_text[65], what[CHAIN_WHAT_MAX];
    sha256(want, genesis);
    hex_format(want_text, span_of(want, sizeof(want)));
    if (!app_genesis_hash(n->app, have)) {
        enum err e = n->calls.init_chain(n->calls.ctx, genesis, what);
        if (e == OK)
            log_info("genesis", "hash=%s", want_text);
        else
            log_error("genesis-refused", "reason=\"%s\" field=\"%s\"", err_text(e), what);
        return e;
    }
    if (memcmp(have, want, sizeof(have)) == 0)
        return OK;
    hex_format(have_text, span_of(have, sizeof(have)));
    log_error("genesis-differs",
              "stored=%s given=%s next=\"use the genesis file of this chain, or another --data\"",
              have_text, want_text);
    return ERR_EXISTS;
}

static enum err database_open(struct node *n)
{
    char dir[PATH_TEXT_MAX];
    TRY(config_path(dir, sizeof(dir), n->config, "data"));
    TRY(path_make_dirs(dir, 0700));
    const struct statedb_config config = {
        .dir = dir,
        .map_bytes = config_u64(n->config, "map-size"),
        .undo_heights = (uint32_t)config_u64(n->config, "undo-heights"),
    };
    enum err e = statedb_open(&n->db, &config);
    if (e == ERR_BUSY)
        log_error("data-in-use", "dir=\"%s\" next=\"stop the other crust-chaind\"", dir);
    else if (e != OK)
        log_error("data-unreadable", "dir=\"%s\" reason=\"%s\"", dir, err_text(e));
    return e;
}

static enum err beacon_key_read(struct node *n)
{
    char path[PATH_TEXT_MAX];
    if (config_text(n->config, "beacon-key")[0] == '\0')
        return OK;
    TRY(config_path(path, sizeof(path), n->config, "beacon-key"));
    enum err e = seed_file_read(&n->beacon_key, path);
    n->has_beacon_key = e == OK;
    if (e != OK)
        log_error("beacon-key-unreadable", "path=\"%s\" reason=\"%s\"", path, err_text(e));
    return e;
}

static bool with_cometbft(const struct node *n)
{
    return strcmp(config_text(n->config, "engine"), "cometbft") == 0;
}

/* With CometBFT a folder may do without the file: the genesis state comes by InitChain. */
static enum err genesis_take(struct node *n)
{
    char path[PATH_TEXT_MAX];
    TRY(config_path(path, sizeof(path), n->config, "genesis"));
    if (with_cometbft(n) && !path_exists(path))
        return OK;
    struct mspan genesis;
    TRY(genesis_read(n, &genesis));
    enum err e = genesis_apply(n, span_of(genesis.p, genesis.n));
    free(genesis.p);
    return e;
}

enum err node_open(struct node *n, const struct config *config)
{
    n->config = config;
    pthread_mutex_init(&n->streams_lock, NULL);
    TRY(beacon_key_read(n));
    TRY(database_open(n));
    enum err e = app_open(&n->app, n->db);
    if (e != OK) {
        log_error("ledger-unreadable", "reason=\"%s\"", err_text(e));
        return e;
    }
    n->calls = app_engine(n->app);
    TRY(genesis_take(n));
    return sigpool_open(&n->sigs, (uint32_t)config_u64(config, "signature-threads"));
}

void node_close(struct node *n)
{
    comet_close(n->comet);
    embedded_close(n->engine);
    snapshot_job_close(n->snapshots);
    app_close(n->app);
    sigpool_close(n->sigs);
    statedb_close(n->db);
    ed25519_wipe(&n->beacon_key);
    pthread_mutex_destroy(&n->streams_lock);
}

/* ---- running
 * ------------------------------------------------------------------------------------------ */

static enum err contribution(void *ctx, struct span *out, struct mspan room)
{
    struct node *n = ctx;
    return app_contribution(n->app, out, room, &n->beacon_key);
}

/* The height after which another release goes on, by agreement: docs/guide/validator.md. */
static bool is_halted(const struct node *n, uint64_t height)
{
    uint64_t end = config_u64(n->config, "halt-height");
    return end != 0 && height >= end;
}

void node_committed(struct node *n, uint64_t height, size_t tx_count)
{
    if (is_halted(n, height)) {
        log_warn("halted", "height=%llu next=\"start the release that goes on from here\"",
                 (unsigned long long)height);
        n->halted = true;
        if (n->engine != NULL) /* behind CometBFT its peers may need this block first */
            loop_stop(n->loop);
    }
    atomic_store(&n->metrics.height, height);
    atomic_fetch_add(&n->metrics.txs, tx_count);
    atomic_fetch_add(&n->metrics.blocks, 1);
    if (tx_count != 0)
        log_info("block", "height=%llu txs=%zu", (unsigned long long)height, tx_count);
    else
        log_debug("block", "height=%llu txs=0", (unsigned long long)height);
    snapshot_job_committed(n->snapshots, height);
    if (n->http != NULL)
        node_http_committed(n);
}

static void committed(void *ctx, uint64_t height, size_t tx_count)
{
    node_committed(ctx, height, tx_count);
}

struct mempool_limits node_mempool_limits(const struct node *n)
{
    return (struct mempool_limits){ .txs_max = (uint32_t)config_u64(n->config, "mempool-txs"),
                                    .bytes_max = (size_t)config_u64(n->config, "mempool-bytes") };
}

uint64_t node_seed(void)
{
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    return seed;
}

/* A chain on which CometBFT agrees cannot be continued alone: that would be another chain. */
static enum err alone_check(struct node *n)
{
    static const uint8_t nobody[AGREEMENT_ADDRESS_SIZE];
    uint8_t key[8];
    struct block block;
    struct agreement agreement;
    struct span record;
    const struct kv blocks = statedb_committed(n->db, STATEDB_BLOCKS);
    store_be64(key, n->calls.info(n->calls.ctx).height);
    if (kv_get(&blocks, &record, span_of(key, sizeof(key))) != OK)
        return OK;
    TRY(block_decode(&block, record));
    TRY(agreement_decode(&agreement, block.agreement));
    if (memcmp(agreement.proposer, nobody, sizeof(nobody)) == 0)
        return OK;
    log_error("other-engine", "next=\"CometBFT made this chain: start with --engine cometbft\"");
    return ERR_STATE;
}

static enum err embedded_start(struct node *n)
{
    TRY(alone_check(n));
    struct embedded_config config = {
        .mempool = node_mempool_limits(n),
        .seed = node_seed(),
        .contribution = n->has_beacon_key ? contribution : NULL,
        .contribution_ctx = n,
        .committed = committed,
        .committed_ctx = n,
    };
    const char *proposer = config_text(n->config, "proposer");
    if (proposer[0] != '\0' && ss58_parse(config.proposer, span_str(proposer)) != OK) {
        log_error("bad-proposer", "next=\"give an address that begins with cT\"");
        return ERR_FORMAT;
    }
    enum err e = embedded_open(&n->engine, &config, &n->calls, n->db, n->sigs);
    if (e != OK) {
        log_error("engine-failed", "reason=\"%s\"", err_text(e));
        return e;
    }
    n->intake = embedded_intake(n->engine);
    n->block_ms = (uint32_t)config_duration_ms(n->config, "block-time");
    if (n->block_ms == 0)
        n->block_ms = app_chain(n->app)->params.block_ms;
    return OK;
}

enum err node_snapshot_dir(const struct node *n, char *out, size_t size)
{
    char data[PATH_TEXT_MAX];
    TRY(config_path(data, sizeof(data), n->config, "data"));
    return path_join(out, size, data, "snapshots");
}

static enum err snapshots_start(struct node *n)
{
    char dir[PATH_TEXT_MAX];
    uint64_t interval = config_u64(n->config, "snapshot-interval");
    if (interval == 0)
        return OK;
    TRY(node_snapshot_dir(n, dir, sizeof(dir)));
    return snapshot_job_open(&n->snapshots, n->db, dir, interval);
}

static enum err engine_open(struct node *n)
{
    TRY(snapshots_start(n));
    TRY(with_cometbft(n) ? comet_open(&n->comet, n) : embedded_start(n));
    const struct engine_info info = n->calls.info(n->calls.ctx);
    uint64_t waiting, bytes;
    mempool_size(intake_pool(n->intake), &waiting, &bytes);
    atomic_store(&n->metrics.height, info.height);
    log_info("ledger", "height=%llu replayed=%llu waiting=%llu", (unsigned long long)info.height,
             (unsigned long long)(n->engine != NULL ? embedded_replayed(n->engine) : 0),
             (unsigned long long)waiting);
    return OK;
}

void node_flush(struct node *n)
{
    enum err e = intake_flush(n->intake);
    if (e != OK)
        log_warn("mempool-not-stored", "reason=\"%s\" senders=%zu", err_text(e), n->waiter_count);
    for (size_t i = 0; i < n->waiter_count; i++)
        node_http_answer(&n->waiters[i], e);
    n->waiter_count = 0;
    if (e == OK && n->comet != NULL)
        comet_kick(n->comet);
}

static void flush_posted(void *ctx)
{
    node_flush(ctx);
}

static void tick(void *ctx)
{
    struct node *n = ctx;
    node_flush(n);
    bool was_stuck = embedded_is_stuck(n->engine);
    uint64_t start = clock_mono_us();
    enum err e = embedded_make_block(n->engine, clock_wall_ms());
    uint64_t us = clock_mono_us() - start;
    atomic_store(&n->metrics.block_us, us);
    atomic_fetch_add(&n->metrics.block_us_sum, us);
    if (e == OK) {
        if (was_stuck)
            log_info("block-stored", "height=%llu",
                     (unsigned long long)embedded_info(n->engine).height);
        return;
    }
    atomic_fetch_add(&n->metrics.commit_failures, 1);
    if (e == ERR_FULL || e == ERR_MEMORY || e == ERR_BUSY) {
        if (!was_stuck)
            log_error("block-not-stored", "reason=\"%s\" next=\"make room; it is tried again\"",
                      err_text(e));
        return;
    }
    log_error("ledger-stopped", "reason=\"%s\"", err_text(e));
    n->failed = true;
    loop_stop(n->loop);
}

static void stop(void *ctx)
{
    struct node *n = ctx;
    log_info("stopping", "%s", "");
    loop_timer_stop(n->timer);
    node_flush(n);
    loop_stop(n->loop);
}

enum err node_run(struct node *n)
{
    const struct engine_info info = n->calls.info(n->calls.ctx);
    if (is_halted(n, info.height)) {
        log_error("halted",
                  "height=%llu reason=\"halt-height is reached\" next=\"start the release that "
                  "goes on from here, without halt-height\"",
                  (unsigned long long)info.height);
        return ERR_STATE;
    }
    TRY(loop_new(&n->loop, 0));
    n->flush_event = (struct loop_event){ .fn = flush_posted, .ctx = n };
    enum err e = engine_open(n);
    if (e == OK) {
        n->timer = loop_timer_new(n->loop, tick, n);
        e = n->timer == NULL ? ERR_MEMORY : OK;
    }
    if (e == OK)
        e = loop_signals_start(n->loop);
    if (e == OK)
        e = node_http_open(n);
    if (e == OK) {
        loop_on_signal(n->loop, stop, n);
        if (n->engine != NULL)
            loop_timer_start(n->timer, n->block_ms, n->block_ms);
        loop_run(n->loop);
        /* Those who were posted in the last turn. */
        node_flush(n);
    }
    node_http_close(n);
    comet_close(n->comet);
    n->comet = NULL;
    loop_timer_free(n->timer);
    loop_free(n->loop);
    return e == OK && n->failed ? ERR_IO : e;
}

/* ---- other jobs
 * ----------------------------------------------------------------------------------------- */

enum err node_rollback(struct node *n, uint64_t heights)
{
    for (uint64_t i = 0; i < heights; i++) {
        enum err e = statedb_rollback(n->db);
        if (e != OK) {
            log_error("rollback-failed", "height=%llu reason=\"%s\"",
                      (unsigned long long)statedb_head(n->db).height,
                      e == ERR_NOT_FOUND ? "no undo record is left" : err_text(e));
            return e;
        }
    }
    printf("height %llu; the blocks above are kept and executed again at the next start\n",
           (unsigned long long)statedb_head(n->db).height);
    return OK;
}

enum err node_make_beacon_key(const char *path)
{
    AUTO(ed25519_wipe) struct ed25519_key key;
    char text[2 * ED25519_PUBLIC_SIZE + 1];
    enum err e = seed_file_make(&key, path);
    if (e != OK) {
        log_error("beacon-key-not-written", "path=\"%s\" reason=\"%s\"", path, err_text(e));
        return e;
    }
    hex_format(text, span_of(key.public_key, sizeof(key.public_key)));
    printf("%s\n", text);
    return OK;
}
