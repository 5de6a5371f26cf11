#include "api/verify.h"

#include "base/hex.h"
#include "chain/accounts.h"
#include "chain/chain.h"
#include "chain/market.h"
#include "codec/json.h"
#include "crypto/merkle.h"

#include <stdio.h>

struct check {
    struct verify_report *out;
    struct verify_room *room;
    const struct verify_trust *trust;
    char *what;
    struct json_value root;
    struct json_value blocks;
    size_t count;
};

const char *verify_kind_name(enum verify_kind kind)
{
    static const char *const names[] = { "account", "order", "tx" };
    return names[kind];
}

struct span verify_record_place(enum state_store *store, uint8_t key[VERIFY_KEY_MAX],
                                enum verify_kind kind, const uint8_t id[32])
{
    ASSERT(kind != VERIFY_TX);
    *store = kind == VERIFY_ACCOUNT ? STATE_ACCOUNTS : STATE_ORDERS;
    if (kind == VERIFY_ACCOUNT)
        accounts_key(key, id);
    else
        market_order_key(key, id);
    return span_of(key, VERIFY_KEY_MAX);
}

static enum err say(struct check *c, enum err e, const char *what)
{
    (void)snprintf(c->what, VERIFY_WHAT_MAX, "%s", what);
    return e;
}

/* ---- genesis ------------------------------------------------------------------------------- */

static void read_genesis(struct comet_validators *out, char *id, struct json_value root)
{
    struct json_value name = json_get(root, "chain_id"), list = json_get(root, "validators");
    size_t count = json_count(list), n = strlen(json_text(name));
    if (n == 0 || n > COMET_CHAIN_ID_MAX)
        json_fail(name, ERR_LIMIT, "must have 1 to 50 bytes");
    if (count > COMET_VALIDATORS_MAX)
        json_fail(list, ERR_LIMIT, "more than 256");
    for (size_t i = 0; i < count && root.doc->err == OK; i++) {
        struct comet_validator *v = &out->list[i];
        struct json_value row = json_at(list, i), power = json_get(row, "power");
        json_hex(json_get(row, "key"), v->key, sizeof(v->key));
        v->power = json_u64(power, COMET_POWER_MAX);
        if (v->power > COMET_POWER_MAX - out->power)
            json_fail(power, ERR_RANGE, "too large with the others");
        comet_address(v->address, v->key);
        out->power += v->power;
        out->count++;
    }
    if (root.doc->err == OK)
        memcpy(id, json_text(name), n + 1);
}

enum err verify_genesis(struct comet_validators *out, char id[COMET_CHAIN_ID_MAX + 1],
                        struct span genesis)
{
    AUTO(json_close) struct json doc;
    *out = (struct comet_validators){ 0 };
    id[0] = '\0';
    if (json_open(&doc, genesis, CHAIN_GENESIS_MAX) == OK)
        read_genesis(out, id, json_root(&doc));
    if (doc.err != OK)
        *out = (struct comet_validators){ 0 };
    else
        comet_sort(out);
    return doc.err;
}

/* ---- the first block ----------------------------------------------------------------------- */

static enum err document(const struct check *c)
{
    const struct json *doc = c->root.doc;
    if (doc->err != OK)
        (void)snprintf(c->what, VERIFY_WHAT_MAX, "it is no such bundle: %s", doc->what);
    return doc->err;
}

static enum err read_block(struct check *c, struct light_block *out, size_t i)
{
    light_read(out, json_at(c->blocks, i));
    return document(c);
}

/* Block 1 of the validators that the genesis file names. */
static enum err trust_genesis(struct check *c)
{
    struct span file = span_str(json_text(json_get(c->root, "genesis")));
    struct comet_validators *set = &c->room->block.validators; /* room that is free yet */
    uint8_t hash[32];
    TRY(document(c));
    sha256(hash, file);
    if (memcmp(hash, c->trust->hash, sizeof(hash)) != 0)
        return say(c, ERR_NOT_FOUND, "its genesis file is not that of the trusted network");
    if (verify_genesis(set, c->out->chain_id, file) != OK)
        return say(c, ERR_FORMAT, "its genesis file cannot be read");
    comet_validators_hash(hash, set);
    TRY(read_block(c, &c->room->trusted, 0));
    const struct comet_header *h = &c->room->trusted.header;
    if (h->height != 1)
        return say(c, ERR_NOT_FOUND,
                   "it does not begin at block 1: trust in the genesis file leads nowhere");
    if (!h->validators.there || memcmp(h->validators.bytes, hash, 32) != 0)
        return say(c, ERR_DENIED, "block 1 is not of the validators that the genesis file names");
    /* Keys of that time may be anybody's by now. */
    if ((uint64_t)(c->trust->clock.now.seconds - h->time.seconds) >=
            c->trust->clock.trusting_seconds &&
        c->trust->clock.now.seconds > h->time.seconds)
        return say(c, ERR_TIMEOUT, "the genesis file is older than the trusting period");
    return OK;
}

/* The block that is trusted, wherever it stands; its number. */
static enum err trust_block(struct check *c, size_t *first)
{
    uint8_t hash[32];
    for (*first = 0; *first < c->count; (*first)++) {
        TRY(read_block(c, &c->room->trusted, *first));
        if (c->room->trusted.header.height != c->trust->height)
            continue;
        comet_header_hash(hash, &c->room->trusted.header);
        if (memcmp(hash, c->trust->hash, sizeof(hash)) != 0)
            return say(c, ERR_DENIED, "the block of the trusted height has another hash");
        memcpy(c->out->chain_id, c->room->trusted.header.chain_id, sizeof(c->out->chain_id));
        return OK;
    }
    return say(c, ERR_NOT_FOUND, "it does not hold the block that is trusted");
}

/* ---- the way to the last block ------------------------------------------------------------- */

static enum err step_failed(struct check *c, enum err e, uint64_t height)
{
    const char *why = e == ERR_TIMEOUT ? "the trusted block is older than the trusting period"
                      : e == ERR_DENIED
                          ? "validators that were trusted before do not stand behind it"
                      : e == ERR_RANGE     ? "height or time do not go on, or lie in the future"
                      : e == ERR_CORRUPT   ? "header, commit and validators do not fit each other"
                      : e == ERR_SIGNATURE ? "not more than 2/3 of the power signed it"
                                           : "it is of another chain";
    (void)snprintf(c->what, VERIFY_WHAT_MAX, "block %llu: %s", (unsigned long long)height, why);
    return e;
}

static enum err follow(struct check *c, size_t first)
{
    struct verify_room *r = c->room;
    enum err e = light_check(&r->trusted, c->out->chain_id);
    if (e != OK)
        return step_failed(c, e, r->trusted.header.height);
    c->out->trusted_height = r->trusted.header.height;
    comet_header_hash(c->out->trusted_hash, &r->trusted.header);
    for (size_t i = first + 1; i < c->count; i++) {
        TRY(read_block(c, &r->block, i));
        e = light_follow(&r->trusted, &r->block, &c->trust->clock);
        if (e != OK)
            return step_failed(c, e, r->block.header.height);
        r->trusted = r->block;
        c->out->steps++;
    }
    return OK;
}

/* Ends with the last block in room->trusted. */
static enum err believe_blocks(struct check *c)
{
    struct verify_report *out = c->out;
    size_t first = 0;
    TRY(c->trust->by_block ? trust_block(c, &first) : trust_genesis(c));
    TRY(follow(c, first));
    const struct light_block *last = &c->room->trusted;
    out->is_signed = true;
    out->signed_height = last->header.height;
    comet_header_hash(out->signed_hash, &last->header);
    out->signed_seconds = last->header.time.seconds;
    out->signers = light_signers(last);
    out->validator_count = last->validators.count;
    out->validator_power = last->validators.power;
    return OK;
}

/* ---- what the blocks show ------------------------------------------------------------------ */

static enum err check_record(struct check *c)
{
    struct verify_report *out = c->out;
    enum state_store store;
    uint8_t key[VERIFY_KEY_MAX];
    struct span k = verify_record_place(&store, key, out->kind, out->id);
    chain_client_read_proof(&out->proof, json_get(c->root, "proof"), store, k);
    TRY(document(c));
    if (!out->is_signed)
        return OK;
    const struct comet_header *h = &c->room->trusted.header;
    /* SPEC verify 3.1: "The last block MUST be the one after the proof's height, and its header
     * MUST have the proof's app hash." */
    if (h->height != out->proof.height + 1 || !h->app.there ||
        memcmp(h->app.bytes, out->proof.app_hash, 32) != 0)
        return say(c, ERR_CORRUPT, "the proof is not of the state that the last block signs");
    return OK;
}

/* The roots over the block's transactions and results, and where the one that is meant stands. */
static enum err read_txs(struct check *c, uint8_t data[32], uint8_t results[32])
{
    struct json_value list = json_get(c->root, "txs");
    size_t count = json_count(list), found = SIZE_MAX;
    struct merkle txs, codes;
    uint8_t leaf[32], id[32];
    merkle_init(&txs, &merkle_rfc6962);
    merkle_init(&codes, &merkle_rfc6962);
    if (count > VERIFY_TXS_MAX)
        json_fail(list, ERR_LIMIT, "more than a block has");
    for (size_t i = 0; i < count && list.doc->err == OK; i++) {
        struct json_value row = json_at(list, i);
        json_hex(json_at(row, 0), id, sizeof(id));
        uint32_t code = (uint32_t)json_u64(json_at(row, 1), UINT32_MAX);
        comet_data_leaf(leaf, id);
        merkle_add(&txs, leaf);
        comet_result_leaf(leaf, code);
        merkle_add(&codes, leaf);
        if (memcmp(id, c->out->id, sizeof(id)) == 0) {
            found = i;
            c->out->tx_code = code;
        }
    }
    TRY(document(c));
    if (found == SIZE_MAX)
        return say(c, ERR_CORRUPT, "the block does not hold the transaction");
    c->out->tx_index = (uint32_t)found;
    merkle_root(data, &txs);
    merkle_root(results, &codes);
    return OK;
}

static bool is_hash(const struct comet_hash *h, const uint8_t *bytes)
{
    return h->there && memcmp(h->bytes, bytes, COMET_HASH_SIZE) == 0;
}

static enum err check_receipt(struct check *c)
{
    uint8_t data[32], results[32], hash[32];
    if (c->count < 2)
        return say(c, ERR_FORMAT, "a receipt takes the blocks of the transaction and after it");
    TRY(read_txs(c, data, results));
    TRY(read_block(c, &c->room->block, c->count - 2));
    const struct comet_header *at = &c->room->block.header, *after = &c->room->trusted.header;
    comet_header_hash(hash, at);
    /* SPEC verify 3.2: "The last two blocks MUST follow each other" */
    if (after->height != at->height + 1 || !is_hash(&after->last_block.hash, hash))
        return say(c, ERR_CORRUPT, "the last two blocks do not follow each other");
    if (!is_hash(&at->data, data))
        return say(c, ERR_CORRUPT, "the transactions are not those of the signed block");
    if (!is_hash(&after->last_results, results))
        return say(c, ERR_CORRUPT, "the results are not those that the next block signs");
    c->out->tx_height = at->height;
    return OK;
}

static enum err read_subject(struct check *c)
{
    struct json_value kind = json_get(c->root, "kind");
    bool known = false;
    if (json_u64(json_get(c->root, "crust_verify"), UINT32_MAX) != 1)
        json_fail(c->root, ERR_UNSUPPORTED, "of another version");
    for (int k = VERIFY_ACCOUNT; k <= VERIFY_TX; k++) {
        if (strcmp(json_text(kind), verify_kind_name((enum verify_kind)k)) != 0)
            continue;
        c->out->kind = (enum verify_kind)k;
        known = true;
    }
    if (!known)
        json_fail(kind, ERR_FORMAT, "must be account, order or tx");
    json_hex(json_get(c->root, "id"), c->out->id, sizeof(c->out->id));
    c->blocks = json_get(c->root, "blocks");
    c->count = json_count(c->blocks);
    if (c->count > VERIFY_BLOCKS_MAX)
        json_fail(c->blocks, ERR_LIMIT, "more than 512");
    return document(c);
}

static enum err check_all(struct check *c)
{
    TRY(read_subject(c));
    c->out->has_blocks = c->count != 0;
    if (c->out->has_blocks)
        TRY(believe_blocks(c));
    else if (c->out->kind == VERIFY_TX)
        return say(c, ERR_SIGNATURE,
                   "it has no signed blocks, and a receipt rests on nothing else");
    TRY(c->out->kind == VERIFY_TX ? check_receipt(c) : check_record(c));
    if (c->out->is_signed || c->trust->no_signatures)
        return OK;
    return say(c, ERR_SIGNATURE, "nobody signed it: only the node's own word backs this app hash");
}

enum err verify_bundle(struct verify_report *out, char what[VERIFY_WHAT_MAX],
                       struct verify_room *room, struct span bundle,
                       const struct verify_trust *trust)
{
    AUTO(json_close) struct json doc;
    struct check c = { .out = out, .room = room, .trust = trust, .what = what };
    *out = (struct verify_report){ 0 };
    what[0] = '\0';
    c.root = (struct json_value){ .doc = &doc };
    if (json_open(&doc, bundle, VERIFY_BUNDLE_MAX) != OK)
        return document(&c);
    c.root = json_root(&doc);
    return check_all(&c);
}
