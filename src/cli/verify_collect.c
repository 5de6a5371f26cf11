#include "base/hex.h"
#include "cli/verify.h"
#include "codec/json.h"
#include "rt/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BLOCK_PATIENCE_MS = 60000, /* for the block after the proof's */
    POLL_MS = 200,
};

struct collect {
    struct cli *c;
    json_t *bundle;
    json_t *blocks;
    const struct verify_trust *trust;
    struct verify_room room; /* what is trusted so far, and the next candidate */
    json_t *candidate;
    bool embedded; /* the chain has no signatures */
};

static enum cli_exit broken(const struct collect *k, const char *path)
{
    return cli_fail(k->c, CLI_FAILED, NULL, "the chain's answer to %s cannot be read", path);
}

static enum cli_exit get_json(const struct collect *k, json_t **out, struct ledger_reply *r,
                              const char *path)
{
    enum cli_exit exit = ledger_get(k->c, r, path);
    if (exit != CLI_OK)
        return exit;
    *out = json_loadb((const char *)r->body.p, r->body.n, JSON_REJECT_DUPLICATES, NULL);
    return *out != NULL ? CLI_OK : broken(k, path);
}

/* ---- blocks ---- */

static enum cli_exit take_block(struct collect *k, struct span body, const char *path)
{
    AUTO(json_close) struct json doc;
    if (json_open(&doc, body, VERIFY_BUNDLE_MAX) != OK)
        return broken(k, path);
    struct json_value root = json_root(&doc);
    k->embedded = strcmp(json_text(json_get(root, "engine")), "embedded") == 0;
    if (!k->embedded)
        light_read(&k->room.block, root);
    if (doc.err != OK)
        return cli_fail(k->c, CLI_FAILED, NULL, "the chain's answer to %s: %s", path, doc.what);
    return CLI_OK;
}

/* Block `height` into room.block and candidate; waits for it when it is not made yet. */
static enum cli_exit fetch(struct collect *k, uint64_t height, bool wait)
{
    char path[64];
    struct ledger_reply r = { 0 };
    enum cli_exit exit;
    (void)snprintf(path, sizeof(path), "/v1/light/%llu", (unsigned long long)height);
    uint64_t deadline = clock_deadline(wait ? BLOCK_PATIENCE_MS : 0);
    json_decref(k->candidate);
    k->candidate = NULL;
    while ((exit = get_json(k, &k->candidate, &r, path)) == CLI_NOT_FOUND &&
           clock_left(deadline) > 0)
        clock_sleep_ms(POLL_MS);
    if (exit == CLI_NOT_FOUND)
        return cli_fail(k->c, CLI_FAILED, wait ? NULL : "crust verify --trust HEIGHT:HASH",
                        "the node has no signed block %llu: %s", (unsigned long long)height,
                        wait ? "the chain stands still" : "it keeps no blocks of that age");
    if (exit == CLI_OK)
        exit = take_block(k, span_of(r.body.p, r.body.n), path);
    ledger_free(&r);
    return exit;
}

/* The candidate goes into the bundle, without what the verifier does not read. */
static void keep(struct collect *k)
{
    (void)json_object_del(k->candidate, "engine");
    (void)json_object_del(k->candidate, "height");
    (void)json_array_append_new(k->blocks, k->candidate);
    k->candidate = NULL;
    k->room.trusted = k->room.block;
}

/* From room.trusted to a height: at once when enough of the trusted validators signed it, else over
 * blocks between, halving the way. */
static enum cli_exit follow_to(struct collect *k, uint64_t height, bool wait)
{
    uint64_t want = height;
    while (k->room.trusted.header.height < height) {
        uint64_t at = k->room.trusted.header.height;
        enum cli_exit exit = fetch(k, want, wait && want == height);
        if (exit != CLI_OK)
            return exit;
        enum err e = light_follow(&k->room.trusted, &k->room.block, &k->trust->clock);
        if (e == ERR_DENIED && want > at + 1) {
            want = at + (want - at) / 2;
            continue;
        }
        if (json_array_size(k->blocks) == VERIFY_BLOCKS_MAX)
            return cli_fail(k->c, CLI_FAILED, "crust verify --trust HEIGHT:HASH",
                            "the way from the trusted block is too long");
        keep(k); /* also when it cannot be followed: the verifier says why */
        if (e != OK)
            return CLI_OK;
        want = height;
    }
    return CLI_OK;
}

static enum cli_exit begin(struct collect *k)
{
    enum cli_exit exit = fetch(k, k->trust->by_block ? k->trust->height : 1, false);
    if (exit == CLI_OK && !k->embedded)
        keep(k);
    return exit;
}

static enum cli_exit take_genesis(struct collect *k)
{
    struct ledger_reply r = { 0 };
    if (k->trust->by_block)
        return CLI_OK;
    enum cli_exit exit = ledger_get(k->c, &r, "/v1/genesis");
    if (exit == CLI_NOT_FOUND)
        return cli_fail(k->c, CLI_FAILED, "crust verify --trust HEIGHT:HASH",
                        "the node has no copy of the genesis file");
    if (exit == CLI_OK && json_object_set_new(k->bundle, "genesis",
                                              json_stringn((const char *)r.body.p, r.body.n)) != 0)
        exit = broken(k, "/v1/genesis");
    ledger_free(&r);
    return exit;
}

/* ---- records ---- */

static enum cli_exit collect_record(struct collect *k, enum verify_kind kind, const uint8_t *id)
{
    enum state_store store;
    uint8_t key[VERIFY_KEY_MAX];
    char path[CHAIN_CLIENT_PROOF_PATH_MAX];
    struct ledger_reply r = { 0 };
    struct chain_client_proof proof;
    json_t *answer = NULL;
    struct span record = verify_record_place(&store, key, kind, id);
    if (chain_client_proof_path(path, store, record) != OK)
        return broken(k, "a proof");
    enum cli_exit exit = get_json(k, &answer, &r, path);
    if (exit == CLI_OK &&
        chain_client_decode_proof(&proof, span_of(r.body.p, r.body.n), store, record) != OK)
        exit = cli_fail(k->c, CLI_FAILED, NULL, "the chain's proof does not hold");
    ledger_free(&r);
    (void)json_object_set_new(k->bundle, "proof", answer);
    if (exit == CLI_OK && !k->embedded)
        exit = follow_to(k, proof.height + 1, true);
    return exit;
}

/* ---- receipts ---- */

static enum cli_exit take_txs(struct collect *k, const char *path)
{
    json_t *block = NULL, *list = json_array(), *tx;
    struct ledger_reply r = { 0 };
    size_t i;
    enum cli_exit exit = get_json(k, &block, &r, path);
    ledger_free(&r);
    json_array_foreach(json_object_get(block, "txs"), i, tx)
    {
        const char *hash;
        json_int_t code;
        if (json_unpack(tx, "{s:s, s:I}", "hash", &hash, "code", &code) != 0)
            exit = broken(k, path);
        else
            (void)json_array_append_new(list, json_pack("[s, I]", hash, code));
    }
    json_decref(block);
    (void)json_object_set_new(k->bundle, "txs", list);
    return exit == CLI_NOT_FOUND ? broken(k, path) : exit;
}

static enum cli_exit collect_receipt(struct collect *k, const uint8_t *id)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct ledger_reply r = { 0 };
    struct chain_client_tx tx;
    chain_client_tx_path(path, id);
    enum cli_exit exit = ledger_get(k->c, &r, path);
    if (exit == CLI_NOT_FOUND)
        return cli_fail(k->c, exit, NULL, "this chain node knows no such transaction");
    if (exit == CLI_OK)
        exit = ledger_end(k->c, &r, chain_client_decode_tx(&tx, span_of(r.body.p, r.body.n)));
    if (exit == CLI_OK && tx.state != CHAIN_CLIENT_TX_DONE)
        exit = cli_fail(k->c, CLI_FAILED, NULL, "the transaction is in no block");
    if (exit != CLI_OK || k->embedded)
        return exit;
    chain_client_block_path(path, tx.height);
    exit = take_txs(k, path);
    uint64_t first = k->room.trusted.header.height;
    if (exit == CLI_OK && first > tx.height)
        return cli_fail(k->c, CLI_FAILED, "crust verify --trust HEIGHT:HASH",
                        "the transaction is in block %llu, before the trusted block %llu",
                        (unsigned long long)tx.height, (unsigned long long)first);
    if (exit == CLI_OK)
        exit = follow_to(k, tx.height, true);
    return exit == CLI_OK ? follow_to(k, tx.height + 1, true) : exit;
}

enum cli_exit verify_collect(struct cli *c, json_t **bundle, enum verify_kind kind,
                             const uint8_t id[32], const struct verify_trust *trust)
{
    char digits[65];
    struct collect *k = calloc(1, sizeof(*k)); /* large for a stack */
    *bundle = NULL;
    if (k == NULL)
        return cli_fail(c, CLI_FAILED, NULL, "out of memory");
    hex_format(digits, span_of(id, 32));
    k->c = c;
    k->trust = trust;
    k->blocks = json_array();
    k->bundle = json_pack("{s:i, s:s, s:s, s:O}", "crust_verify", 1, "kind", verify_kind_name(kind),
                          "id", digits, "blocks", k->blocks);
    enum cli_exit exit = begin(k);
    if (exit == CLI_OK && !k->embedded)
        exit = take_genesis(k);
    if (exit == CLI_OK)
        exit = kind == VERIFY_TX ? collect_receipt(k, id) : collect_record(k, kind, id);
    json_decref(k->candidate);
    json_decref(k->blocks);
    if (exit == CLI_OK)
        *bundle = k->bundle;
    else
        json_decref(k->bundle);
    free(k);
    return exit;
}
