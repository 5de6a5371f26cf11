#include "cli/put.h"
#include "chain/market.h"
#include "cli/cmd_add.h"
#include "cli/local.h"
#include "cli/records.h"
#include "ipfs/dag_walk.h"
#include "rt/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FOLLOW_POLL_MS = 300,
    SEEN_MEMORY = 37 << 20, /* 700,000 blocks */
};

/* ---- what is to be kept --------------------------------------------------------------------- */

static enum cli_exit set_root(const struct cli *c, struct put *p, const struct cid *root)
{
    p->root = *root;
    if (cid_key(&p->key, root) != OK)
        return cli_fail(c, CLI_USAGE, NULL,
                        "content that is carried in its own CID needs no keeping");
    market_order_id(p->order, &p->key, p->commitment.size, p->commitment.data_root);
    return CLI_OK;
}

/* Where others can fetch it: the running daemon's gateway. Without one there is no origin, and the
 * content is pushed (cli/push.h). */
static void find_origin(struct put *p, const struct local *l)
{
    bool gateway = l->repo.store == NULL && l->daemon.gateway[0] != '\0' &&
                   strlen(l->daemon.gateway) <= TX_ORIGIN_SIZE_MAX;
    if (p->origin_count == 0 && gateway)
        (void)snprintf(p->origins[p->origin_count++], sizeof(p->origins[0]), "%s",
                       l->daemon.gateway);
}

enum cli_exit put_add(struct cli *c, struct put *p, const char *path,
                      const struct import_options *options)
{
    static struct import_result r;
    struct import_options o = *options;
    struct local local;
    enum cli_exit exit = local_open(c, &local);
    if (exit == CLI_OK)
        find_origin(p, &local);
    o.recursive = true;
    o.commitment = true;
    o.sink = &local.sink;
    if (exit == CLI_OK) {
        enum err e = import_path(&r, &o, path);
        cli_progress_end(c);
        exit = e == OK ? cmd_add_store_pin(c, &local, &r, path, "unixfs-v1-2025")
                       : cmd_add_failed(c, e, path, &r);
    }
    local_close(&local);
    if (exit != CLI_OK)
        return exit;
    p->files = r.files;
    p->bytes = r.bytes;
    p->commitment = r.commitment;
    return set_root(c, p, &r.root);
}

/* Makes the records of a DAG that is here. */
static enum err commit_to(struct put *p, const struct block_source *source, const struct cid *root)
{
    struct records records = { 0 };
    struct dag_walk walk;
    struct dag_walk_item item = { 0 };
    struct dag_walk_table table;
    struct mspan block = { malloc(BLOCK_SIZE_MAX), BLOCK_SIZE_MAX };
    struct mspan stack = { malloc(SEEN_MEMORY), SEEN_MEMORY };
    struct mspan seen_memory = { malloc(SEEN_MEMORY), SEEN_MEMORY };
    enum err e = block.p == NULL || stack.p == NULL || seen_memory.p == NULL ? ERR_MEMORY : OK;
    if (e == OK) {
        dag_walk_table_init(&table, seen_memory);
        struct dag_walk_seen seen = dag_walk_table_seen(&table);
        dag_walk_init(&walk, source, block, stack, &seen);
        e = dag_walk_add(&walk, root);
        while (e == OK && !item.end) {
            struct content_key key;
            struct content_record record;
            e = dag_walk_next(&walk, &item);
            if (e != OK || item.end || cid_key(&key, &item.cid) != OK)
                continue;
            content_record_of(&record, &key, item.block);
            e = records_add(&records, &record);
        }
    }
    if (e == OK)
        e = records_finish(&records, &p->commitment);
    records_fini(&records);
    free(block.p);
    free(stack.p);
    free(seen_memory.p);
    return e;
}

enum cli_exit put_known(struct cli *c, struct put *p, const struct cid *root)
{
    struct local local;
    enum cli_exit exit = local_open(c, &local);
    if (exit == CLI_OK)
        find_origin(p, &local);
    enum err e = exit == CLI_OK ? commit_to(p, &local.source, root) : OK;
    local_close(&local);
    if (exit != CLI_OK)
        return exit;
    if (e == ERR_NOT_FOUND)
        return cli_fail(c, CLI_NOT_FOUND, "crust dag import FILE, then again",
                        "not all blocks of it are in this store");
    if (e != OK)
        return cli_fail(c, CLI_FAILED, NULL, "its blocks cannot be read: %s", err_text(e));
    return set_root(c, p, root);
}

/* ---- price ---------------------------------------------------------------------------------- */

enum cli_exit put_quote(struct cli *c, struct put *p)
{
    struct params params;
    enum cli_exit exit = ledger_price(c, &p->price, p->commitment.size, p->replicas);
    if (exit == CLI_OK)
        exit = ledger_params(c, &params);
    if (exit != CLI_OK)
        return exit;
    p->staking_percent = params.staking_percent;
    p->storage_percent = params.storage_percent;
    return CLI_OK;
}

void put_price_split(struct put_split *out, const struct put *p)
{
    /* docs/spec/market.md: parts of the byte and keys fee; the rest and the base fee to the
     * reserve. */
    u128 amount = p->price.amount.units;
    out->staking = AMOUNT_OF(ratio_mul(p->staking_percent, PERCENT, amount));
    out->storage = AMOUNT_OF(ratio_mul(p->storage_percent, PERCENT, amount));
    out->tip = p->tip;
    out->total = amount_sat_add(p->price.total, p->tip);
    out->reserve = amount_sat_sub(amount_sat_sub(p->price.total, out->staking), out->storage);
}

/* ---- the order ------------------------------------------------------------------------------ */

enum cli_exit put_place(struct cli *c, struct put *p, const struct ed25519_key *key)
{
    struct chain_client_order before;
    enum cli_exit exit = ledger_order(c, &before, p->order);
    if (exit != CLI_OK && exit != CLI_NOT_FOUND)
        return exit;
    p->stands = exit == CLI_OK && before.state != CHAIN_CLIENT_EXPIRED;
    if (p->stands)
        return CLI_OK;
    struct tx_call call = { .kind = TX_ORDER };
    call.order = (struct tx_order){ .key = p->key,
                                    .size = p->commitment.size,
                                    .has_data_root = true,
                                    .replicas = p->replicas,
                                    .origin_count = p->origin_count,
                                    .tip = p->tip };
    memcpy(call.order.data_root, p->commitment.data_root, 32);
    for (uint32_t i = 0; i < p->origin_count; i++)
        call.order.origins[i] = span_str(p->origins[i]);
    return ledger_send(c, &p->tx, &call, key);
}

/* Tells what is new among the holders; marks holds a bit a holder and step. */
static void tell_news(const struct chain_client_order *order, uint64_t height, uint8_t *marks,
                      put_tell tell, void *ctx)
{
    for (uint32_t i = 0; i < order->holder_count; i++) {
        const struct chain_client_holder *h = &order->holders[i];
        /* Holders may move within the list: a byte of the lineage finds their mark again. */
        uint8_t *mark = &marks[load_le16(h->lineage)];
        if ((*mark & 1) == 0)
            tell(ctx, PUT_REPORTED, h, height);
        if (h->verified && (*mark & 2) == 0)
            tell(ctx, PUT_VERIFIED, h, height);
        *mark |= (uint8_t)(h->verified ? 3 : 1);
    }
}

enum cli_exit put_follow_once(struct cli *c, const struct put *p, struct chain_client_order *order,
                              struct put_progress *progress, put_tell tell, void *ctx)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct ledger_reply r = { 0 };
    struct chain_client_status status = { 0 };
    static struct chain_client_order now;
    if (ledger_quiet(c, &r, CHAIN_CLIENT_STATUS) == OK) {
        (void)!chain_client_decode_status(&status, span_of(r.body.p, r.body.n));
        ledger_free(&r);
    }
    chain_client_order_path(path, p->order);
    if (ledger_quiet(c, &r, path) != OK)
        return CLI_UNREACHABLE;
    enum err e = chain_client_decode_order(&now, span_of(r.body.p, r.body.n));
    ledger_free(&r);
    if (e != OK)
        return CLI_UNREACHABLE;
    *order = now;
    tell_news(order, status.height, progress->marks, tell, ctx);
    return order->replicas >= order->replicas_wanted ? CLI_OK : CLI_UNREACHABLE;
}

enum cli_exit put_follow(struct cli *c, const struct put *p, struct chain_client_order *order,
                         uint64_t patience_ms, put_tell tell, void *ctx)
{
    static struct put_progress progress;
    memset(&progress, 0, sizeof(progress));
    uint64_t deadline = clock_deadline((int64_t)patience_ms);
    while (put_follow_once(c, p, order, &progress, tell, ctx) != CLI_OK) {
        if (clock_left(deadline) == 0)
            return CLI_UNREACHABLE;
        clock_sleep_ms(FOLLOW_POLL_MS);
    }
    return CLI_OK;
}
