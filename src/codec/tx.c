#include "codec/tx.h"

#include "codec/cbor.h"
#include "crypto/ed25519_many.h"
#include "crypto/sha256.h"

static const char signature_tag[] = "crust/tx/1";

static const struct {
    const char *name;
    enum tx_group group;
} kinds[TX_KIND_COUNT] = {
    [TX_TRANSFER] = { "transfer", TX_OF_ACCOUNTS },
    [TX_ALLOW] = { "allow", TX_OF_ACCOUNTS },
    [TX_ORDER] = { "order", TX_OF_MARKET },
    [TX_PREPAY] = { "prepay", TX_OF_MARKET },
    [TX_SETTLE] = { "settle", TX_OF_MARKET },
    [TX_REFUND] = { "refund", TX_OF_MARKET },
    [TX_MERCHANT_DEPOSIT] = { "merchant.deposit", TX_OF_MERCHANT },
    [TX_MERCHANT_WITHDRAW] = { "merchant.withdraw", TX_OF_MERCHANT },
    [TX_MERCHANT_CLAIM] = { "merchant.claim", TX_OF_MERCHANT },
    [TX_MERCHANT_URLS] = { "merchant.urls", TX_OF_MERCHANT },
    [TX_WORKER_REGISTER] = { "worker.register", TX_OF_WORK },
    [TX_WORKER_DEPOSIT] = { "worker.deposit", TX_OF_WORK },
    [TX_WORKER_WITHDRAW] = { "worker.withdraw", TX_OF_WORK },
    [TX_WORKER_ATTEST] = { "worker.attest", TX_OF_WORK },
    [TX_WORKER_SUCCEED] = { "worker.succeed", TX_OF_WORK },
    [TX_REPORT] = { "report", TX_OF_WORK },
    [TX_REFUTE] = { "refute", TX_OF_WORK },
    [TX_CHALLENGE] = { "challenge", TX_OF_WORK },
    [TX_ANSWER] = { "answer", TX_OF_WORK },
    [TX_STAKE_BOND] = { "stake.bond", TX_OF_STAKING },
    [TX_STAKE_BOND_EXTRA] = { "stake.bond_extra", TX_OF_STAKING },
    [TX_STAKE_UNBOND] = { "stake.unbond", TX_OF_STAKING },
    [TX_STAKE_REBOND] = { "stake.rebond", TX_OF_STAKING },
    [TX_STAKE_WITHDRAW] = { "stake.withdraw", TX_OF_STAKING },
    [TX_STAKE_VALIDATE] = { "stake.validate", TX_OF_STAKING },
    [TX_STAKE_GUARANTEE] = { "stake.guarantee", TX_OF_STAKING },
    [TX_STAKE_CUT] = { "stake.cut", TX_OF_STAKING },
    [TX_STAKE_CHILL] = { "stake.chill", TX_OF_STAKING },
    [TX_STAKE_PAYEE] = { "stake.payee", TX_OF_STAKING },
    [TX_STAKE_CONTROLLER] = { "stake.controller", TX_OF_STAKING },
    [TX_STAKE_KEY] = { "stake.key", TX_OF_STAKING },
    [TX_STAKE_BEACON] = { "stake.beacon", TX_OF_STAKING },
    [TX_STAKE_PAYOUT] = { "stake.payout", TX_OF_STAKING },
    [TX_GROUP_CREATE] = { "group.create", TX_OF_GROUP },
    [TX_GROUP_ALLOW] = { "group.allow", TX_OF_GROUP },
    [TX_GROUP_DISALLOW] = { "group.disallow", TX_OF_GROUP },
    [TX_GROUP_JOIN] = { "group.join", TX_OF_GROUP },
    [TX_GROUP_QUIT] = { "group.quit", TX_OF_GROUP },
    [TX_GROUP_KICK] = { "group.kick", TX_OF_GROUP },
    [TX_GOV_PROPOSE] = { "gov.propose", TX_OF_GOV },
    [TX_GOV_VOTE] = { "gov.vote", TX_OF_GOV },
    [TX_COLLATERAL_POST] = { "collateral.post", TX_OF_ATTEST },
    [TX_BEACON] = { "beacon", TX_OF_BEACON },
};

const char *tx_name(enum tx_kind kind)
{
    ASSERT((unsigned)kind < TX_KIND_COUNT);
    return kinds[kind].name;
}

enum tx_group tx_group(enum tx_kind kind)
{
    return (unsigned)kind < TX_KIND_COUNT ? kinds[kind].group : TX_OF_NOBODY;
}

bool tx_attests(enum tx_kind kind)
{
    return kind == TX_WORKER_REGISTER || kind == TX_WORKER_ATTEST || kind == TX_WORKER_SUCCEED ||
           kind == TX_COLLATERAL_POST;
}

/* ---- calls, in the order of docs/spec/transactions.md 3 ---- */

static void key_bytes(struct cbor_reader *c, const char *key, uint8_t *out, size_t n)
{
    cbor_read_key(c, key);
    cbor_read_bytes_of(c, out, n);
}

static struct amount key_amount(struct cbor_reader *c, const char *key)
{
    cbor_read_key(c, key);
    return cbor_read_amount(c);
}

static uint64_t key_uint(struct cbor_reader *c, const char *key, uint64_t max)
{
    cbor_read_key(c, key);
    return cbor_read_uint_max(c, max);
}

static struct span key_span(struct cbor_reader *c, const char *key, size_t max)
{
    cbor_read_key(c, key);
    struct span s = cbor_read_bytes(c);
    cbor_require(c, s.n <= max, ERR_LIMIT);
    return c->r.err == OK ? s : (struct span){ NULL, 0 };
}

static void put_bytes(struct writer *w, const char *key, const uint8_t *p, size_t n)
{
    cbor_write_str(w, key);
    cbor_write_bytes(w, span_of(p, n));
}

static void put_amount(struct writer *w, const char *key, struct amount v)
{
    cbor_write_str(w, key);
    cbor_write_amount(w, v);
}

static void put_uint(struct writer *w, const char *key, uint64_t v)
{
    cbor_write_str(w, key);
    cbor_write_uint(w, v);
}

/* A list of texts, each 1 to size_max bytes; returns their number. */
static uint32_t texts_decode(struct cbor_reader *c, struct span *out, size_t max, size_t size_max)
{
    size_t count = cbor_read_array(c);
    cbor_require(c, count <= max, ERR_LIMIT);
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        struct span text = cbor_read_text(c);
        cbor_require(c, text.n <= size_max, ERR_LIMIT);
        cbor_require(c, c->r.err != OK || tx_text_is_plain(text), ERR_FORMAT);
        out[i] = text;
    }
    return c->r.err == OK ? (uint32_t)count : 0;
}

static void texts_encode(struct writer *w, const struct span *texts, uint32_t count)
{
    cbor_write_array(w, count);
    for (uint32_t i = 0; i < count; i++)
        cbor_write_text(w, texts[i]);
}

static void order_decode(struct cbor_reader *c, struct tx_order *o)
{
    cbor_read_map_of(c, 6);
    cbor_read_key(c, "key");
    cbor_read_array_of(c, 2);
    /* SPEC transactions 3.15: "The codec of an order MUST be raw (0x55), dag-pb (0x70) or dag-cbor
     * (0x71)." */
    uint64_t codec = cbor_read_uint_max(c, UINT32_MAX);
    cbor_require(c,
                 codec == CID_CODEC_RAW || codec == CID_CODEC_DAG_PB || codec == CID_CODEC_DAG_CBOR,
                 ERR_FORMAT);
    o->key.codec = (uint32_t)codec;
    cbor_read_bytes_of(c, o->key.digest, sizeof(o->key.digest));
    o->tip = key_amount(c, "tip");
    /* SPEC transactions 3.15: "Its size MUST be below 2^63" */
    o->size = key_uint(c, "size", INT64_MAX);
    cbor_read_key(c, "origins");
    o->origin_count = texts_decode(c, o->origins, TX_ORIGINS_MAX, TX_ORIGIN_SIZE_MAX);
    o->replicas = (uint32_t)key_uint(c, "replicas", UINT32_MAX);
    cbor_read_key(c, "data_root");
    o->has_data_root = !cbor_try_null(c);
    if (o->has_data_root)
        cbor_read_bytes_of(c, o->data_root, sizeof(o->data_root));
    /* Zeros stand for "none" in an order's id; no hash is known to be zero. */
    static const uint8_t none[32] = { 0 };
    cbor_require(c, !o->has_data_root || memcmp(o->data_root, none, 32) != 0, ERR_FORMAT);
}

static void order_encode(struct writer *w, const struct tx_order *o)
{
    cbor_write_map(w, 6);
    cbor_write_str(w, "key");
    cbor_write_array(w, 2);
    cbor_write_uint(w, o->key.codec);
    cbor_write_bytes(w, span_of(o->key.digest, sizeof(o->key.digest)));
    put_amount(w, "tip", o->tip);
    put_uint(w, "size", o->size);
    cbor_write_str(w, "origins");
    texts_encode(w, o->origins, o->origin_count);
    put_uint(w, "replicas", o->replicas);
    cbor_write_str(w, "data_root");
    if (o->has_data_root)
        cbor_write_bytes(w, span_of(o->data_root, sizeof(o->data_root)));
    else
        cbor_write_null(w);
}

static void money_decode(struct cbor_reader *c, struct tx_call *call)
{
    if (call->kind == TX_TRANSFER) {
        cbor_read_map_of(c, 2);
        key_bytes(c, "to", call->transfer.to, TX_KEY_SIZE);
        call->transfer.amount = key_amount(c, "amount");
        return;
    }
    cbor_read_map_of(c, 3);
    key_bytes(c, "key", call->allow.key, TX_KEY_SIZE);
    call->allow.until = key_uint(c, "until", INT64_MAX);
    call->allow.amount = key_amount(c, "amount");
}

static void money_encode(struct writer *w, const struct tx_call *call)
{
    if (call->kind == TX_TRANSFER) {
        cbor_write_map(w, 2);
        put_bytes(w, "to", call->transfer.to, TX_KEY_SIZE);
        put_amount(w, "amount", call->transfer.amount);
        return;
    }
    cbor_write_map(w, 3);
    put_bytes(w, "key", call->allow.key, TX_KEY_SIZE);
    put_uint(w, "until", call->allow.until);
    put_amount(w, "amount", call->allow.amount);
}

static void entry_decode(struct cbor_reader *c, struct tx_call *call)
{
    bool has_amount = call->kind == TX_PREPAY;
    cbor_read_map_of(c, has_amount ? 2 : 1);
    key_bytes(c, "order", call->entry.order, sizeof(call->entry.order));
    if (has_amount)
        call->entry.amount = key_amount(c, "amount");
}

static void entry_encode(struct writer *w, const struct tx_call *call)
{
    bool has_amount = call->kind == TX_PREPAY;
    cbor_write_map(w, has_amount ? 2 : 1);
    put_bytes(w, "order", call->entry.order, sizeof(call->entry.order));
    if (has_amount)
        put_amount(w, "amount", call->entry.amount);
}

static void funds_decode(struct cbor_reader *c, struct tx_call *call)
{
    bool has_worker = call->kind == TX_WORKER_DEPOSIT || call->kind == TX_WORKER_WITHDRAW;
    cbor_read_map_of(c, has_worker ? 2 : 1);
    call->funds.amount = key_amount(c, "amount");
    if (has_worker)
        key_bytes(c, "worker", call->funds.worker, TX_KEY_SIZE);
}

static void funds_encode(struct writer *w, const struct tx_call *call)
{
    bool has_worker = call->kind == TX_WORKER_DEPOSIT || call->kind == TX_WORKER_WITHDRAW;
    cbor_write_map(w, has_worker ? 2 : 1);
    put_amount(w, "amount", call->funds.amount);
    if (has_worker)
        put_bytes(w, "worker", call->funds.worker, TX_KEY_SIZE);
}

static void urls_decode(struct cbor_reader *c, struct tx_urls *u)
{
    cbor_read_map_of(c, 1);
    cbor_read_key(c, "urls");
    u->count = texts_decode(c, u->urls, TX_URLS_MAX, TX_URL_SIZE_MAX);
}

static void urls_encode(struct writer *w, const struct tx_urls *u)
{
    cbor_write_map(w, 1);
    cbor_write_str(w, "urls");
    texts_encode(w, u->urls, u->count);
}

static void register_decode(struct cbor_reader *c, struct tx_worker_register *r)
{
    cbor_read_map_of(c, 4);
    r->block = key_uint(c, "block", INT64_MAX);
    key_bytes(c, "worker", r->worker, sizeof(r->worker));
    key_bytes(c, "release", r->release, sizeof(r->release));
    r->evidence = key_span(c, "evidence", TX_EVIDENCE_MAX);
}

static void register_encode(struct writer *w, const struct tx_worker_register *r)
{
    cbor_write_map(w, 4);
    put_uint(w, "block", r->block);
    put_bytes(w, "worker", r->worker, sizeof(r->worker));
    put_bytes(w, "release", r->release, sizeof(r->release));
    put_bytes(w, "evidence", r->evidence.p, r->evidence.n);
}

static void collateral_decode(struct cbor_reader *c, struct tx_collateral *p)
{
    cbor_read_map_of(c, 3);
    p->kind = (uint32_t)key_uint(c, "kind", UINT32_MAX);
    p->issuer = key_span(c, "issuer", TX_ISSUER_MAX);
    p->document = key_span(c, "document", TX_DOCUMENT_MAX);
}

static void collateral_encode(struct writer *w, const struct tx_collateral *p)
{
    cbor_write_map(w, 3);
    put_uint(w, "kind", p->kind);
    put_bytes(w, "issuer", p->issuer.p, p->issuer.n);
    put_bytes(w, "document", p->document.p, p->document.n);
}

static void succeed_decode(struct cbor_reader *c, struct tx_worker_succeed *s)
{
    cbor_read_map_of(c, 8);
    s->block = key_uint(c, "block", INT64_MAX);
    key_bytes(c, "given", s->given, sizeof(s->given));
    key_bytes(c, "taken", s->taken, sizeof(s->taken));
    key_bytes(c, "worker", s->worker, sizeof(s->worker));
    key_bytes(c, "release", s->release, sizeof(s->release));
    s->evidence = key_span(c, "evidence", TX_EVIDENCE_MAX);
    key_bytes(c, "exchange", s->exchange, sizeof(s->exchange));
    key_bytes(c, "predecessor", s->predecessor, sizeof(s->predecessor));
}

static void succeed_encode(struct writer *w, const struct tx_worker_succeed *s)
{
    cbor_write_map(w, 8);
    put_uint(w, "block", s->block);
    put_bytes(w, "given", s->given, sizeof(s->given));
    put_bytes(w, "taken", s->taken, sizeof(s->taken));
    put_bytes(w, "worker", s->worker, sizeof(s->worker));
    put_bytes(w, "release", s->release, sizeof(s->release));
    put_bytes(w, "evidence", s->evidence.p, s->evidence.n);
    put_bytes(w, "exchange", s->exchange, sizeof(s->exchange));
    put_bytes(w, "predecessor", s->predecessor, sizeof(s->predecessor));
}

static void dispute_decode(struct cbor_reader *c, struct tx_call *call)
{
    bool has_block = call->kind != TX_CHALLENGE;
    cbor_read_map_of(c, has_block ? 3 : 2);
    if (has_block)
        call->dispute.block = key_span(c, "block", TX_BLOCK_MAX);
    key_bytes(c, "order", call->dispute.order, sizeof(call->dispute.order));
    call->dispute.proof = key_span(c, "proof", TX_PROOF_MAX);
}

static void dispute_encode(struct writer *w, const struct tx_call *call)
{
    bool has_block = call->kind != TX_CHALLENGE;
    cbor_write_map(w, has_block ? 3 : 2);
    if (has_block)
        put_bytes(w, "block", call->dispute.block.p, call->dispute.block.n);
    put_bytes(w, "order", call->dispute.order, sizeof(call->dispute.order));
    put_bytes(w, "proof", call->dispute.proof.p, call->dispute.proof.n);
}

static void beacon_decode(struct cbor_reader *c, struct tx_beacon *b)
{
    cbor_read_map_of(c, 3);
    key_bytes(c, "key", b->key, sizeof(b->key));
    b->slot = key_uint(c, "slot", INT64_MAX);
    key_bytes(c, "proof", b->proof, sizeof(b->proof));
}

static void beacon_encode(struct writer *w, const struct tx_beacon *b)
{
    cbor_write_map(w, 3);
    put_bytes(w, "key", b->key, sizeof(b->key));
    put_uint(w, "slot", b->slot);
    put_bytes(w, "proof", b->proof, sizeof(b->proof));
}

static enum tx_kind kind_of(struct span name)
{
    for (int kind = 0; kind < TX_KIND_COUNT; kind++)
        if (span_eq(name, span_str(kinds[kind].name)))
            return (enum tx_kind)kind;
    return TX_KIND_COUNT;
}

static void report_decode(struct cbor_reader *c, struct tx_call *call)
{
    cbor_read_map_of(c, 1);
    call->report = key_span(c, "report", TX_REPORT_MAX);
}

static void merchant_decode(struct cbor_reader *c, struct tx_call *call)
{
    if (call->kind == TX_MERCHANT_CLAIM)
        cbor_read_map_of(c, 0);
    else if (call->kind == TX_MERCHANT_URLS)
        urls_decode(c, &call->urls);
    else
        funds_decode(c, call);
}

static void work_decode(struct cbor_reader *c, struct tx_call *call)
{
    if (call->kind == TX_WORKER_REGISTER || call->kind == TX_WORKER_ATTEST)
        register_decode(c, &call->worker_register);
    else if (call->kind == TX_WORKER_SUCCEED)
        succeed_decode(c, &call->worker_succeed);
    else if (call->kind == TX_WORKER_DEPOSIT || call->kind == TX_WORKER_WITHDRAW)
        funds_decode(c, call);
    else if (call->kind == TX_REPORT)
        report_decode(c, call);
    else
        dispute_decode(c, call);
}

static void args_decode(struct cbor_reader *c, struct tx_call *call)
{
    switch (tx_group(call->kind)) {
    case TX_OF_ACCOUNTS:
        money_decode(c, call);
        break;
    case TX_OF_MARKET:
        if (call->kind == TX_ORDER)
            order_decode(c, &call->order);
        else
            entry_decode(c, call);
        break;
    case TX_OF_MERCHANT:
        merchant_decode(c, call);
        break;
    case TX_OF_WORK:
        work_decode(c, call);
        break;
    case TX_OF_STAKING:
    case TX_OF_GROUP:
        tx_stake_decode(c, call);
        break;
    case TX_OF_GOV:
        if (call->kind == TX_GOV_PROPOSE)
            tx_proposal_decode(c, &call->proposal);
        else
            tx_stake_decode(c, call);
        break;
    case TX_OF_ATTEST:
        collateral_decode(c, &call->collateral);
        break;
    case TX_OF_BEACON:
        beacon_decode(c, &call->beacon);
        break;
    case TX_OF_NOBODY:
        break; /* the reader has failed already */
    }
}

static void report_encode(struct writer *w, const struct tx_call *call)
{
    cbor_write_map(w, 1);
    put_bytes(w, "report", call->report.p, call->report.n);
}

static void merchant_encode(struct writer *w, const struct tx_call *call)
{
    if (call->kind == TX_MERCHANT_CLAIM)
        cbor_write_map(w, 0);
    else if (call->kind == TX_MERCHANT_URLS)
        urls_encode(w, &call->urls);
    else
        funds_encode(w, call);
}

static void work_encode(struct writer *w, const struct tx_call *call)
{
    if (call->kind == TX_WORKER_REGISTER || call->kind == TX_WORKER_ATTEST)
        register_encode(w, &call->worker_register);
    else if (call->kind == TX_WORKER_SUCCEED)
        succeed_encode(w, &call->worker_succeed);
    else if (call->kind == TX_WORKER_DEPOSIT || call->kind == TX_WORKER_WITHDRAW)
        funds_encode(w, call);
    else if (call->kind == TX_REPORT)
        report_encode(w, call);
    else
        dispute_encode(w, call);
}

static void args_encode(struct writer *w, const struct tx_call *call)
{
    switch (tx_group(call->kind)) {
    case TX_OF_ACCOUNTS:
        money_encode(w, call);
        break;
    case TX_OF_MARKET:
        if (call->kind == TX_ORDER)
            order_encode(w, &call->order);
        else
            entry_encode(w, call);
        break;
    case TX_OF_MERCHANT:
        merchant_encode(w, call);
        break;
    case TX_OF_WORK:
        work_encode(w, call);
        break;
    case TX_OF_STAKING:
    case TX_OF_GROUP:
        tx_stake_encode(w, call);
        break;
    case TX_OF_GOV:
        if (call->kind == TX_GOV_PROPOSE)
            tx_proposal_encode(w, &call->proposal);
        else
            tx_stake_encode(w, call);
        break;
    case TX_OF_ATTEST:
        collateral_encode(w, &call->collateral);
        break;
    case TX_OF_BEACON:
        beacon_encode(w, &call->beacon);
        break;
    case TX_OF_NOBODY:
        ASSERT(call->kind != TX_KIND_COUNT);
    }
}

static void call_decode(struct cbor_reader *c, struct tx_call *call)
{
    cbor_read_key(c, "call");
    cbor_read_array_of(c, 2);
    call->kind = kind_of(cbor_read_text(c));
    cbor_require(c, call->kind != TX_KIND_COUNT, ERR_FORMAT);
    if (c->r.err == OK)
        args_decode(c, call);
}

static void call_encode(struct writer *w, const struct tx_call *call)
{
    cbor_write_str(w, "call");
    cbor_write_array(w, 2);
    cbor_write_str(w, tx_name(call->kind));
    args_encode(w, call);
}

/* ---- the envelope ---------------------------------------------------------------------------- */

static size_t size_max_of(enum tx_kind kind)
{
    /* SPEC transactions 2.1: "`refute` and `answer`: 2 MiB + 64 KiB. All others: 128 KiB." */
    return kind == TX_REFUTE || kind == TX_ANSWER ? TX_SIZE_MAX : TX_SIZE_SMALL_MAX;
}

enum err tx_decode(struct tx *out, struct span in)
{
    *out = (struct tx){ 0 };
    if (in.n > TX_SIZE_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    size_t fields = cbor_read_map(&c);
    /* SPEC transactions 1.1: "All eight keys MUST be there, in this order, which is the canonical
     * one." */
    cbor_require(&c, fields == 8 || fields == 1, ERR_FORMAT);
    if (fields == 8) {
        key_bytes(&c, "by", out->by, sizeof(out->by));
        key_bytes(&c, "sig", out->sig, sizeof(out->sig));
        out->tip = key_amount(&c, "tip");
    }
    call_decode(&c, &out->call);
    /* SPEC transactions 1.3: "No other call is unsigned, and `beacon` is never signed." */
    cbor_require(&c, c.r.err != OK || tx_is_signed(out) == (fields == 8), ERR_FORMAT);
    cbor_require(&c, c.r.err != OK || in.n <= size_max_of(out->call.kind), ERR_LIMIT);
    if (fields == 8) {
        key_bytes(&c, "from", out->from, sizeof(out->from));
        key_bytes(&c, "chain", out->chain, sizeof(out->chain));
        /* SPEC transactions 1.2: "Integers MUST be below 2^63." */
        out->nonce = key_uint(&c, "nonce", INT64_MAX);
        out->expiry = key_uint(&c, "expiry", INT64_MAX);
    }
    /* SPEC transactions 1.6: "Bytes that are not the one canonical form of a known call MUST be
     * refused; nothing else is looked at." */
    enum err e = cbor_finish(&c);
    if (e != OK)
        *out = (struct tx){ 0 };
    return e;
}

void tx_encode(struct writer *w, const struct tx *tx)
{
    if (!tx_is_signed(tx)) {
        cbor_write_map(w, 1);
        call_encode(w, &tx->call);
        return;
    }
    cbor_write_map(w, 8);
    put_bytes(w, "by", tx->by, sizeof(tx->by));
    put_bytes(w, "sig", tx->sig, sizeof(tx->sig));
    put_amount(w, "tip", tx->tip);
    call_encode(w, &tx->call);
    put_bytes(w, "from", tx->from, sizeof(tx->from));
    put_bytes(w, "chain", tx->chain, sizeof(tx->chain));
    put_uint(w, "nonce", tx->nonce);
    put_uint(w, "expiry", tx->expiry);
}

/* The signed form begins a8, "by" and 32 bytes, "sig" and 64 bytes; all of fixed width. */
enum {
    SIGNED_MAP = 0xa8,
    UNSIGNED_MAP = 0xa7,
    SIG_AT = 1 + 3 + 2 + TX_KEY_SIZE, /* header; "by"; head and bytes of the key */
    SIG_END = SIG_AT + 4 + 2 + TX_SIG_SIZE,
};

void tx_signing_hash(uint8_t out[32], struct span encoded)
{
    ASSERT(encoded.n > SIG_END && encoded.p[0] == SIGNED_MAP);
    const uint8_t head = UNSIGNED_MAP;
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, span_of(&head, 1));
    sha256_update(&h, span_of(encoded.p + 1, SIG_AT - 1));
    sha256_update(&h, span_of(encoded.p + SIG_END, encoded.n - SIG_END));
    sha256_final(&h, out);
}

/* What is signed: the tag and the hash, 42 bytes. */
enum { SIGNED_SIZE = sizeof(signature_tag) - 1 + SHA256_SIZE };

static void signed_message(uint8_t out[SIGNED_SIZE], struct span encoded)
{
    memcpy(out, signature_tag, sizeof(signature_tag) - 1);
    tx_signing_hash(out + sizeof(signature_tag) - 1, encoded);
}

enum err tx_sign(struct span *out, struct tx *tx, struct mspan room, const struct ed25519_key *key)
{
    *out = (struct span){ NULL, 0 };
    memcpy(tx->by, key->public_key, sizeof(tx->by));
    memset(tx->sig, 0, sizeof(tx->sig));
    struct writer w = writer_of(room.p, room.n);
    tx_encode(&w, tx);
    if (w.err != OK)
        return w.err;
    uint8_t message[SIGNED_SIZE];
    signed_message(message, writer_span(&w));
    ed25519_sign(tx->sig, span_of(message, sizeof(message)), key);
    memcpy(room.p + SIG_END - TX_SIG_SIZE, tx->sig, TX_SIG_SIZE);
    *out = writer_span(&w);
    return OK;
}

enum err tx_check_signature(const struct tx *tx, struct span encoded)
{
    if (!tx_is_signed(tx))
        return OK;
    uint8_t message[SIGNED_SIZE];
    signed_message(message, encoded);
    return ed25519_verify(tx->sig, span_of(message, sizeof(message)), tx->by);
}

enum { CHECKED_AT_ONCE = 8 };

/* Signatures that are looked at together. */
struct claims {
    struct tx txs[CHECKED_AT_ONCE];
    uint8_t messages[CHECKED_AT_ONCE][SIGNED_SIZE];
    struct ed25519_claim list[CHECKED_AT_ONCE];
    bool *answers[CHECKED_AT_ONCE];
    size_t count;
};

static void claims_settle(struct claims *c)
{
    bool ok[CHECKED_AT_ONCE];
    ed25519_verify_many(ok, c->list, c->count);
    for (size_t i = 0; i < c->count; i++)
        *c->answers[i] = ok[i];
    c->count = 0;
}

void tx_check_signatures(bool *ok, const struct span *txs, size_t count)
{
    struct claims c;
    c.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct tx *tx = &c.txs[c.count];
        if (ok[i] || tx_decode(tx, txs[i]) != OK)
            continue;
        if (!tx_is_signed(tx)) {
            ok[i] = true;
            continue;
        }
        uint8_t *message = c.messages[c.count];
        signed_message(message, txs[i]);
        c.list[c.count] = (struct ed25519_claim){ .signature = tx->sig,
                                                  .public_key = tx->by,
                                                  .message = span_of(message, SIGNED_SIZE) };
        c.answers[c.count++] = &ok[i];
        if (c.count == CHECKED_AT_ONCE)
            claims_settle(&c);
    }
    claims_settle(&c);
}

void tx_id(uint8_t out[TX_ID_SIZE], struct span encoded)
{
    sha256(out, encoded);
}
