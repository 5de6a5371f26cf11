/* The chain executed again from genesis beside the stored one, and compared height by height. */
#include "chaind/node.h"

#include "base/hex.h"
#include "codec/block.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct replay {
    struct node *n;
    char dir[64];
    struct statedb *db;
    struct app *app;
    struct engine_app calls;
    uint64_t txs;
};

/* One block's pieces. */
struct piece {
    struct block block;
    struct agreement agreement;
    struct span *txs;
    bool *signatures;
    struct chain_tx_result *results;
};

static void piece_free(struct piece *p)
{
    free(p->txs);
    free(p->signatures);
    free(p->results);
}

static enum err row_at(struct node *n, struct span *out, enum statedb_table table, uint64_t height)
{
    uint8_t key[8];
    store_be64(key, height);
    const struct kv kv = statedb_committed(n->db, table);
    return kv_get(&kv, out, span_of(key, sizeof(key)));
}

static enum err piece_load(struct piece *p, struct node *n, uint64_t height)
{
    struct span record;
    memset(p, 0, sizeof(*p));
    TRY(row_at(n, &record, STATEDB_BLOCKS, height));
    TRY(block_decode(&p->block, record));
    TRY(agreement_decode(&p->agreement, p->block.agreement));
    p->txs = calloc(p->block.tx_count + 1u, sizeof(*p->txs));
    p->signatures = calloc(p->block.tx_count + 1u, sizeof(*p->signatures));
    p->results = calloc(p->block.tx_count + 1u, sizeof(*p->results));
    if (p->txs == NULL || p->signatures == NULL || p->results == NULL)
        return ERR_MEMORY;
    struct span left = p->block.txs;
    for (uint32_t i = 0; i < p->block.tx_count; i++)
        (void)block_next_tx(&p->txs[i], &left);
    return OK;
}

static enum err replay_piece(struct replay *r, struct piece *p, uint64_t height)
{
    struct chain_output out;
    struct block_result stored;
    struct span record;
    TRY(piece_load(p, r->n, height));
    sigpool_check(r->n->sigs, p->signatures, p->txs, p->block.tx_count);
    const struct engine_block block = { .header = &p->block.header,
                                        .agreement = &p->agreement,
                                        .txs = p->txs,
                                        .signatures = p->signatures,
                                        .tx_count = p->block.tx_count };
    TRY(r->calls.finalize(r->calls.ctx, &out, p->results, &block));
    TRY(r->calls.commit(r->calls.ctx, NULL, 0));
    TRY(row_at(r->n, &record, STATEDB_RESULTS, height));
    TRY(block_result_decode(&stored, record));
    r->txs += p->block.tx_count;
    return memcmp(stored.app_hash, out.app_hash, 32) == 0 ? OK : ERR_CORRUPT;
}

static enum err replay_block(struct replay *r, uint64_t height)
{
    struct piece p;
    enum err e = replay_piece(r, &p, height);
    piece_free(&p);
    return e;
}

static enum err replay_run(struct replay *r)
{
    char path[PATH_TEXT_MAX], what[CHAIN_WHAT_MAX];
    struct mspan genesis;
    const struct statedb_config config = { .dir = r->dir };
    TRY(statedb_open(&r->db, &config));
    TRY(app_open(&r->app, r->db));
    r->calls = app_engine(r->app);
    TRY(config_path(path, sizeof(path), r->n->config, "genesis"));
    TRY(path_read_file(&genesis, path, NODE_GENESIS_MAX));
    enum err e = r->calls.init_chain(r->calls.ctx, span_of(genesis.p, genesis.n), what);
    free(genesis.p);
    TRY(e);
    const struct statedb_head head = statedb_head(r->n->db);
    for (uint64_t h = 1; h <= head.height; h++) {
        e = replay_block(r, h);
        if (e != OK) {
            log_error("replay-differs", "height=%llu reason=\"%s\"", (unsigned long long)h,
                      err_text(e));
            return e;
        }
    }
    return memcmp(statedb_head(r->db).app_hash, head.app_hash, 32) == 0 ? OK : ERR_CORRUPT;
}

enum err node_verify_replay(struct node *n)
{
    const char *tmp = getenv("TMPDIR");
    struct replay r = { .n = n };
    int len = snprintf(r.dir, sizeof(r.dir), "%s/crust-replay-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (len < 0 || (size_t)len >= sizeof(r.dir) || mkdtemp(r.dir) == NULL)
        return ERR_IO;
    enum err e = replay_run(&r);
    app_close(r.app);
    statedb_close(r.db);
    enum err removed = path_remove_tree(r.dir);
    const struct statedb_head head = statedb_head(n->db);
    char hash[65];
    hex_format(hash, span_of(head.app_hash, 32));
    if (e == OK)
        printf("replay ok: height %llu, %llu transactions, app hash %s\n",
               (unsigned long long)head.height, (unsigned long long)r.txs, hash);
    else
        printf("replay FAILED: %s\n", err_text(e));
    return e != OK ? e : removed;
}
