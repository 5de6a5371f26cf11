/* Running blocks: docs/spec/transactions.md 5. */
#include "chain/chain.h"

#include "chain/beacon.h"
#include "chain/benefits.h"
#include "chain/gov.h"
#include "chain/group.h"
#include "chain/registry.h"
#include "chain/staking.h"
#include "chain/work_evidence.h"
#include "codec/cbor.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"

/* In meta: "head" [height, time], "id" the chain id; in params: "params"; in the index, because it
 * cannot lie in what it hashes: "app_hash". */
static const char head_key[] = "head";
static const char id_key[] = "id";
static const char params_key[] = "params";
static const char app_hash_key[] = "app_hash";

size_t chain_memory_size(void)
{
    return state_memory_size(CHAIN_NOTES);
}

static void ledger_at(struct chain *c, uint64_t height, uint64_t time_ms)
{
    struct ledger *l = &c->ledger;
    l->st = &c->st;
    l->params = &c->params;
    l->height = height;
    l->time_ms = time_ms;
    l->slot = height / c->params.slot_blocks;
    l->offset = height % c->params.slot_blocks;
    sha256(l->chain_hash, span_str(c->id));
}

static enum err head_read(struct chain *c)
{
    struct span value;
    if (!state_get(&c->st, &value, STATE_META, span_str(head_key)))
        return c->st.err != OK ? c->st.err : ERR_NOT_FOUND;
    struct cbor_reader r = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&r, 2);
    c->height = cbor_read_uint(&r);
    c->time_ms = cbor_read_uint(&r);
    if (cbor_finish(&r) != OK)
        return ERR_CORRUPT;
    if (!state_get(&c->st, &value, STATE_META, span_str(id_key)) || value.n > CHAIN_ID_MAX)
        return ERR_CORRUPT;
    memcpy(c->id, value.p, value.n);
    c->id[value.n] = '\0';
    if (!state_get(&c->st, &value, STATE_PARAMS, span_str(params_key)) ||
        params_decode(&c->params, value) != OK)
        return ERR_CORRUPT;
    if (!state_get(&c->st, &value, STATE_TREE, span_str(app_hash_key)) || value.n != 32)
        return ERR_CORRUPT;
    memcpy(c->app_hash, value.p, 32);
    return OK;
}

enum err chain_open(struct chain *c, const struct kv *kv, void *memory)
{
    *c = (struct chain){ .work = &work_module };
    state_init(&c->st, kv, memory, memory == NULL ? 0 : CHAIN_NOTES);
    enum err e = head_read(c);
    if (e != OK)
        return c->st.err != OK ? ERR_IO : e;
    ledger_at(c, c->height + 1, c->time_ms);
    return OK;
}

void chain_store_head(struct chain *c)
{
    uint8_t buf[32];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 2);
    cbor_write_uint(&w, c->height);
    cbor_write_uint(&w, c->time_ms);
    ASSERT(w.err == OK);
    state_put(&c->st, STATE_META, span_str(head_key), writer_span(&w));
    chain_restored(&c->st, c->app_hash);
}

void chain_restored(struct state *st, uint8_t app_hash[32])
{
    state_commit(st, app_hash);
    state_put(st, STATE_TREE, span_str(app_hash_key), span_of(app_hash, 32));
}

static void params_put(struct chain *c)
{
    uint8_t buf[PARAMS_ENCODED_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    params_encode(&w, &c->params);
    ASSERT(w.err == OK);
    state_put(&c->st, STATE_PARAMS, span_str(params_key), writer_span(&w));
}

void chain_store_params(struct chain *c)
{
    params_put(c);
    state_put(&c->st, STATE_META, span_str(id_key), span_str(c->id));
    ledger_at(c, c->height, c->time_ms);
}

/* ---- one call ---- */

static enum tx_result market_check(struct ledger *l, const struct ledger_call *call)
{
    enum tx_kind kind = call->tx->call.kind;
    if (kind == TX_ORDER)
        return market_check_order(l, call);
    if (kind == TX_PREPAY)
        return market_check_prepay(l, call);
    if (kind == TX_SETTLE)
        return market_check_settle(l, call);
    return kind == TX_REFUND ? market_check_refund(l, call) : RESULT_UNSUPPORTED;
}

static enum tx_result call_check(struct chain *c, const struct ledger_call *call)
{
    struct ledger *l = &c->ledger;
    enum tx_kind kind = call->tx->call.kind;
    switch (tx_group(kind)) {
    case TX_OF_ACCOUNTS:
        return kind == TX_TRANSFER ? accounts_check_transfer(l, call)
                                   : accounts_check_allow(l, call);
    case TX_OF_MARKET:
        return market_check(l, call);
    case TX_OF_MERCHANT:
        return market_check_merchant(l, call);
    case TX_OF_WORK:
        return c->work->check(l, call);
    case TX_OF_STAKING:
        return staking_check(l, call);
    case TX_OF_GROUP:
        return group_check(l, call);
    case TX_OF_GOV:
        return gov_check(l, call);
    case TX_OF_ATTEST:
        return registry_check_post(l, call);
    case TX_OF_BEACON:
        return beacon_check(l, call->tx);
    case TX_OF_NOBODY:
        break;
    }
    return RESULT_UNSUPPORTED;
}

static void market_apply(struct ledger *l, const struct market_work *work,
                         const struct ledger_call *call)
{
    enum tx_kind kind = call->tx->call.kind;
    if (kind == TX_ORDER)
        market_apply_order(l, work, call);
    else if (kind == TX_PREPAY)
        market_apply_prepay(l, call);
    else if (kind == TX_SETTLE)
        market_apply_settle(l, work, call);
    else
        market_apply_refund(l, call);
}

static void accounts_apply(struct ledger *l, const struct ledger_call *call)
{
    if (call->tx->call.kind == TX_TRANSFER)
        accounts_apply_transfer(l, call);
    else
        accounts_apply_allow(l, call);
}

static enum tx_result call_apply(struct chain *c, const struct ledger_call *call)
{
    struct ledger *l = &c->ledger;
    switch (tx_group(call->tx->call.kind)) {
    case TX_OF_ACCOUNTS:
        accounts_apply(l, call);
        break;
    case TX_OF_MARKET:
        market_apply(l, &c->work->market, call);
        break;
    case TX_OF_MERCHANT:
        market_apply_merchant(l, call);
        break;
    case TX_OF_WORK:
        return c->work->apply(l, call);
    case TX_OF_STAKING:
        staking_apply(l, call);
        break;
    case TX_OF_GROUP:
        group_apply(l, call);
        break;
    case TX_OF_GOV:
        gov_apply(l, call);
        break;
    case TX_OF_ATTEST:
        registry_apply_post(l, call);
        break;
    case TX_OF_BEACON:
        beacon_apply(l, call->tx);
        break;
    case TX_OF_NOBODY:
        break;
    }
    return RESULT_OK;
}

/* ---- one transaction ---- */

static enum tx_result decode(struct tx *tx, struct span bytes)
{
    enum err e = tx_decode(tx, bytes);
    return e == OK ? RESULT_OK : e == ERR_LIMIT ? RESULT_TOO_LARGE : RESULT_MALFORMED;
}

/* What a transaction pays, and what of its fee nobody does. */
struct fee {
    struct amount charged;
    struct amount waived;
};

/* A sound report may be free; *verdict keeps what checking it said, because that is dear and
 * depends on no balance. A merchant may have part of a settlement's fee waived. */
static struct fee fee_of(struct chain *c, const struct ledger_call *call, enum tx_result *verdict)
{
    const struct tx *tx = call->tx;
    struct ledger *l = &c->ledger;
    struct fee fee = { accounts_fee(&c->params, call->bytes.n, tx->tip), AMOUNT_ZERO };
    *verdict = tx->call.kind == TX_REPORT ? c->work->check(l, call) : RESULT_OK;
    if (tx->call.kind == TX_REPORT && *verdict == RESULT_OK && c->work->is_free(l, call))
        fee.charged = tx->tip;
    /* SPEC attest 11.5: "and its sender could have paid" */
    if (tx->call.kind == TX_COLLATERAL_POST &&
        amount_cmp(accounts_usable(l, call->from), fee.charged) >= 0 && registry_is_useful(l, call))
        fee.charged = tx->tip;
    /* SPEC benefits 2.3: "A settlement that is refused pays in full." */
    if (tx->call.kind == TX_SETTLE && market_check_settle(l, call) == RESULT_OK)
        fee.waived = benefits_waived(l, call->from, amount_sat_sub(fee.charged, tx->tip));
    fee.charged = amount_sat_sub(fee.charged, fee.waived);
    return fee;
}

/* Everything up to the call itself: nothing is charged when this refuses. */
static enum tx_result admit(struct chain *c, const struct ledger_call *call, bool sound,
                            struct fee *fee, enum tx_result *verdict)
{
    *fee = (struct fee){ AMOUNT_ZERO, AMOUNT_ZERO };
    if (!sound)
        return RESULT_BAD_SIGNATURE;
    /* The cheap part before a report is looked at. */
    enum tx_result r = accounts_check_sender(&c->ledger, call->tx, call->tx->tip, 0);
    if (r != RESULT_OK)
        return r;
    *fee = fee_of(c, call, verdict);
    return accounts_check_sender(&c->ledger, call->tx, fee->charged, 0);
}

static struct chain_tx_result run(struct chain *c, struct span bytes, const bool *signature)
{
    struct tx tx;
    struct chain_tx_result out = { .code = decode(&tx, bytes), .fee = AMOUNT_ZERO };
    if (out.code != RESULT_OK)
        return out;
    struct work_verdict room;
    room.known = false; /* large: the rest is set by who needs it */
    const struct ledger_call call = {
        .tx = &tx, .from = tx.from, .bytes = bytes, .verdict = &room
    };
    enum tx_result verdict = RESULT_OK;
    if (tx_is_signed(&tx)) {
        bool sound = signature != NULL ? *signature : tx_check_signature(&tx, bytes) == OK;
        struct fee fee;
        out.code = admit(c, &call, sound, &fee, &verdict);
        if (out.code != RESULT_OK)
            return out;
        /* SPEC transactions 5.2: "It is taken, and the nonce advanced, before the call is judged."
         */
        out.fee = fee.charged;
        accounts_charge(&c->ledger, &tx, fee.charged);
        benefits_use(&c->ledger, tx.from, fee.waived);
    }
    /* SPEC transactions 5.3: "A call that fails changes nothing but fee and nonce." */
    out.code = tx.call.kind == TX_REPORT ? verdict : call_check(c, &call);
    if (out.code == RESULT_OK)
        out.code = call_apply(c, &call);
    return out;
}

static bool is_dispute(enum tx_kind kind)
{
    return kind == TX_REFUTE || kind == TX_CHALLENGE || kind == TX_ANSWER;
}

/* The signed part of chain_check_tx: cheapest first, so that nonsense costs us little. */
static enum tx_result check_signed(struct chain *c, struct chain_check *out,
                                   const struct ledger_call *call, bool recheck)
{
    const struct tx *tx = call->tx;
    enum tx_result r = accounts_check_sender(&c->ledger, tx, tx->tip, CHAIN_NONCE_AHEAD);
    if (r != RESULT_OK)
        return r;
    if (!recheck && tx_check_signature(tx, call->bytes) != OK)
        return RESULT_BAD_SIGNATURE;
    enum tx_result verdict;
    out->fee = fee_of(c, call, &verdict).charged;
    r = accounts_check_sender(&c->ledger, tx, out->fee, CHAIN_NONCE_AHEAD);
    if (r != RESULT_OK || tx->call.kind == TX_REPORT) {
        bool first = r == RESULT_OK && verdict == RESULT_OK && c->work->is_first(&c->ledger, call);
        out->priority = first ? 2 : 0;
        return r != RESULT_OK ? r : verdict;
    }
    /* A transaction that waits for others of its signer may need what they bring about. */
    bool next = accounts_check_sender(&c->ledger, tx, out->fee, 0) == RESULT_OK;
    return next ? call_check(c, call) : RESULT_OK;
}

void chain_check_tx(struct chain *c, struct chain_check *out, struct span bytes, bool recheck)
{
    struct tx tx;
    *out = (struct chain_check){ .code = decode(&tx, bytes) };
    if (out->code != RESULT_OK)
        return;
    ledger_at(c, c->height + 1, c->time_ms);
    tx_id(out->id, bytes);
    struct work_verdict room;
    room.known = false; /* large: the rest is set by who needs it */
    const struct ledger_call call = {
        .tx = &tx, .from = tx.from, .bytes = bytes, .verdict = &room
    };
    out->attests = tx_attests(tx.call.kind);
    if (!tx_is_signed(&tx)) {
        out->priority = 3;
        out->code = call_check(c, &call);
        return;
    }
    memcpy(out->signer, tx.from, 32);
    memcpy(out->signer + 32, tx.by, 32);
    out->nonce = tx.nonce;
    out->priority = is_dispute(tx.call.kind);
    out->code = check_signed(c, out, &call, recheck);
}

/* ---- one block ---- */

struct forward {
    const struct chain_sink *sink;
    int64_t tx_index;
};

static void forward_event(void *ctx, const struct ledger_event *ev)
{
    const struct forward *f = ctx;
    f->sink->emit(f->sink->ctx, f->tx_index, ev);
}

static void work_queue_off(struct chain *c)
{
    enum ledger_due kind;
    uint8_t key[STATE_KEY_MAX];
    size_t key_size;
    uint32_t looked = 0;
    while (looked < c->params.queue_per_block &&
           ledger_queue_pop(&c->ledger, &kind, key, &key_size)) {
        struct span k = span_of(key, key_size);
        looked += kind == LEDGER_DUE_WORK ? c->work->due(&c->ledger, k)
                                          : market_due(&c->ledger, &c->work->market, kind, k);
    }
}

/* The only place where parameters change after genesis. */
static void govern(struct chain *c)
{
    struct params next;
    if (!gov_block_end(&c->ledger, &next))
        return;
    c->params = next;
    params_put(c);
}

enum err chain_finalize(struct chain *c, struct chain_output *out, struct chain_tx_result *results,
                        const struct chain_block *block, const struct chain_sink *sink)
{
    *out = (struct chain_output){ 0 };
    if (block->height != c->height + 1)
        return ERR_STATE;
    ledger_at(c, block->height, block->time_ms);
    struct forward forward = { .sink = sink, .tx_index = -1 };
    bool listens = sink != NULL && sink->emit != NULL;
    c->ledger.emit = listens ? forward_event : NULL;
    c->ledger.emit_ctx = &forward;
    /* SPEC transactions 5.5: "A block runs: price hook, work hook, votes and evidence,
     * transactions in order, due entries" */
    market_block_begin(&c->ledger);
    c->work->block_begin(&c->ledger);
    staking_block_begin(&c->ledger, out, block);
    for (size_t i = 0; i < block->tx_count; i++) {
        forward.tx_index = (int64_t)i;
        results[i] =
            run(c, block->txs[i], block->signatures == NULL ? NULL : &block->signatures[i]);
    }
    forward.tx_index = -1;
    work_queue_off(c);
    beacon_block_end(&c->ledger);
    staking_block_end(&c->ledger, out);
    beacon_committee_form(&c->ledger);
    govern(c);
    accounts_block_end(&c->ledger, block->author);
    ledger_block_hash_put(&c->ledger, block->hash);
    c->height = block->height;
    c->time_ms = block->time_ms;
    chain_store_head(c);
    c->ledger.emit = NULL;
    ledger_at(c, c->height + 1, c->time_ms);
    if (c->st.err != OK)
        return ERR_IO;
    memcpy(out->app_hash, c->app_hash, 32);
    return OK;
}

enum err chain_contribution(struct chain *c, struct span *out, struct mspan room,
                            const struct ed25519_key *key)
{
    *out = (struct span){ NULL, 0 };
    ledger_at(c, c->height + 1, c->time_ms);
    struct tx tx = { .call.kind = TX_BEACON };
    struct tx_beacon *b = &tx.call.beacon;
    uint8_t alpha[32];
    struct beacon_member member;
    if (!beacon_member(&c->ledger, &member, key->public_key) ||
        !beacon_open(&c->ledger, &b->slot, alpha) ||
        beacon_has_contributed(&c->ledger, b->slot, &member))
        return ERR_NOT_FOUND;
    memcpy(b->key, key->public_key, sizeof(b->key));
    TRY(vrf_prove(b->proof, key, span_of(alpha, sizeof(alpha))));
    struct writer w = writer_of(room.p, room.n);
    tx_encode(&w, &tx);
    if (w.err != OK)
        return w.err;
    *out = writer_span(&w);
    return OK;
}

enum err chain_check_invariants(struct chain *c, const char **what)
{
    struct amount pot = accounts_usable(&c->ledger, accounts_pot(POT_STORAGE));
    struct amount owed = market_audit(&c->ledger, what);
    /* SPEC market 1.1: "The storage pot holds, exactly: unpaid income, escrow and prepaid of all
     * entries, and unclaimed rewards." */
    if (*what == NULL && amount_cmp(pot, owed) != 0)
        *what = "the storage pot does not hold what the market owes";
    /* SPEC transactions 4.7: "The sum of all accounts is the total issuance after every block." */
    if (amount_cmp(accounts_sum(&c->ledger), accounts_issuance(&c->ledger)) != 0)
        *what = "the sum of all accounts is not the total issuance";
    if (*what == NULL)
        staking_audit(&c->ledger, what);
    benefits_audit(&c->ledger, what);
    work_evidence_audit(&c->ledger, what);
    return *what == NULL && c->st.err == OK ? OK : ERR_STATE;
}
