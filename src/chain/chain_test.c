#include "chain/chain.h"

#include "base/check.h"
#include "base/prng.h"
#include "chain/testworld.h"
#include "chain/work.h"
#include "crypto/vrf.h"

static uint8_t state_bytes[32 * 1024 * 1024];
static _Alignas(16) uint8_t memory_bytes[8 * 1024 * 1024];

static const char rich[] = "1000000000000000"; /* 1,000 CRU */
static const u128 cru = 1000000000000;

static void start(struct world *w)
{
    CHECK(chain_memory_size() <= sizeof(memory_bytes));
    CHECK_OK(
        world_init(w, (struct mspan){ state_bytes, sizeof(state_bytes) }, memory_bytes, "", rich));
}

static void sound(struct world *w)
{
    const char *what;
    enum err e = chain_check_invariants(&w->chain, &what);
    if (e != OK)
        fprintf(stderr, "invariant: %s\n", what == NULL ? "kv" : what);
    CHECK_OK(e);
}

static struct tx_call transfer_to(const uint8_t to[32], u128 units)
{
    struct tx_call call = { .kind = TX_TRANSFER };
    memcpy(call.transfer.to, to, 32);
    call.transfer.amount = AMOUNT_OF(units);
    return call;
}

static u128 balance(struct world *w, size_t i)
{
    return world_free(w, w->keys[i].public_key).units;
}

static void a_transfer_moves_money_and_pays_its_fee(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    struct tx_call call = transfer_to(w.keys[1].public_key, 5000000000);
    u128 before = balance(&w, 0);
    CHECK(world_do(&w, 0, &call) == RESULT_OK);
    u128 treasury = world_free(&w, accounts_pot(POT_TREASURY)).units;
    CHECK(before - balance(&w, 0) == 5000000000 + treasury);
    CHECK(treasury > w.chain.params.fee_base.units);
    CHECK(balance(&w, 1) == before + 5000000000);
    sound(&w);
}

static void a_failing_call_changes_fee_and_nonce_only(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    u128 before = balance(&w, 0);
    struct tx_call call = transfer_to(w.keys[1].public_key, 2000 * cru);
    CHECK(world_do(&w, 0, &call) == RESULT_INSUFFICIENT_BALANCE);
    struct account a;
    CHECK(accounts_get(&w.chain.ledger, &a, w.keys[0].public_key));
    u128 fee = world_free(&w, accounts_pot(POT_TREASURY)).units;
    CHECK(a.nonce == 1 && a.free.units == before - fee && fee > 0);
    CHECK(balance(&w, 1) == before);
    sound(&w);
}

/* One row per rule of admission: what is wrong, what comes back. None costs anything. */
static void admission_refuses_and_charges_nothing(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    static const char *const rules[] = { "chain",      "expired",  "too far", "nonce",
                                         "nonce used", "stranger", "poor",    "signature" };
    static const enum tx_result want[] = { RESULT_WRONG_CHAIN,    RESULT_EXPIRED,
                                           RESULT_EXPIRY_TOO_FAR, RESULT_BAD_NONCE,
                                           RESULT_BAD_NONCE,      RESULT_NOT_ALLOWED,
                                           RESULT_CANNOT_PAY_FEE, RESULT_BAD_SIGNATURE };
    struct tx_call good = transfer_to(w.keys[1].public_key, 5000000000);
    CHECK(world_do(&w, 0, &good) == RESULT_OK);
    world_run_to(&w, 10);
    u128 before = balance(&w, 0);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct tx tx = { .nonce = 1, .expiry = 100, .call = good };
        struct ed25519_key stranger;
        world_seed(&stranger, 'S', 0);
        const struct ed25519_key *signer = &w.keys[0];
        memcpy(tx.from, w.keys[0].public_key, 32);
        memcpy(tx.chain, w.chain_hash, 32);
        tx.chain[0] ^= i == 0;
        tx.expiry = i == 1 ? 10 : i == 2 ? 1000000 : 100;
        tx.nonce = i == 3 ? 2 : i == 4 ? 0 : 1;
        if (i == 5)
            signer = &stranger;
        if (i == 6) {
            signer = &stranger;
            memcpy(tx.from, stranger.public_key, 32);
            tx.nonce = 0;
        }
        uint8_t room[WORLD_TX_MAX];
        struct span bytes;
        CHECK_OK(tx_sign(&bytes, &tx, (struct mspan){ room, sizeof(room) }, signer));
        if (i == 7)
            room[50] ^= 1;
        struct chain_check check;
        chain_check_tx(&w.chain, &check, bytes, false);
        struct chain_tx_result r;
        CHECK_OK(world_block(&w, &r, &bytes, 1));
        if (r.code != want[i])
            fprintf(stderr, "%s: %s\n", rules[i], result_name(r.code));
        CHECK(r.code == want[i] && amount_is_zero(r.fee));
        /* The mempool lets a nonce that is only early wait. */
        CHECK(check.code == (i == 3 ? RESULT_OK : want[i]));
    }
    CHECK(balance(&w, 0) == before);
    sound(&w);
}

static void existence_has_a_price(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    uint8_t fresh[32] = { 42 };
    struct tx_call dust = transfer_to(fresh, w.chain.params.existential_deposit.units - 1);
    CHECK(world_do(&w, 0, &dust) == RESULT_EXISTENTIAL_DEPOSIT);
    struct tx_call pot = transfer_to(accounts_pot(POT_TREASURY), cru);
    CHECK(world_do(&w, 0, &pot) == RESULT_RESERVED_ACCOUNT);
    /* An account that is left with dust loses it, but its nonce stays. */
    u128 fee = w.chain.params.fee_base.units;
    struct tx_call all = transfer_to(w.keys[1].public_key, 0);
    uint8_t room[WORLD_TX_MAX];
    w.nonces[2] = 0;
    all.transfer.amount = AMOUNT_OF(balance(&w, 2) - fee - 100000 * 400);
    struct span bytes = world_tx(&w, 2, &all, room);
    fee += w.chain.params.fee_byte.units * bytes.n;
    u128 left = balance(&w, 2) - all.transfer.amount.units - fee;
    CHECK(left > 0 && left < w.chain.params.existential_deposit.units);
    struct chain_tx_result r;
    CHECK_OK(world_block(&w, &r, &bytes, 1));
    CHECK(r.code == RESULT_OK && balance(&w, 2) == 0);
    struct account a;
    CHECK(accounts_get(&w.chain.ledger, &a, w.keys[2].public_key) && a.nonce == 1);
    sound(&w);
    CHECK_OK(world_block(&w, &r, &bytes, 1)); /* the old transaction does not run twice */
    CHECK(r.code == RESULT_BAD_NONCE);
}

static void an_allowance_pays_orders_up_to_its_cap(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    struct ed25519_key key;
    world_seed(&key, 'K', 0);
    struct tx_call allow = { .kind = TX_ALLOW, .allow.until = 50 };
    memcpy(allow.allow.key, key.public_key, 32);
    CHECK(world_do(&w, 0, &allow) == RESULT_NO_ALLOWANCE); /* nothing to revoke */
    allow.allow.amount = AMOUNT_OF(10 * cru);
    allow.allow.until = 1;
    CHECK(world_do(&w, 0, &allow) == RESULT_ALLOWANCE_PAST);
    allow.allow.until = 50;
    CHECK(world_do(&w, 0, &allow) == RESULT_OK);
    struct allowance a;
    CHECK(accounts_allowance(&w.chain.ledger, &a, w.keys[0].public_key, key.public_key));
    struct tx tx = { .nonce = a.nonce, .expiry = 60, .call.kind = TX_ORDER };
    memcpy(tx.from, w.keys[0].public_key, 32);
    memcpy(tx.chain, w.chain_hash, 32);
    tx.call.order.key.codec = CID_CODEC_RAW;
    tx.call.order.size = 5000000;
    uint8_t room[WORLD_TX_MAX];
    struct span bytes;
    struct chain_tx_result r;
    CHECK_OK(tx_sign(&bytes, &tx, (struct mspan){ room, sizeof(room) }, &key));
    u128 before = balance(&w, 0);
    CHECK_OK(world_block(&w, &r, &bytes, 1));
    CHECK(r.code == RESULT_OK);
    CHECK(accounts_allowance(&w.chain.ledger, &a, w.keys[0].public_key, key.public_key));
    CHECK(10 * cru - a.amount.units == before - balance(&w, 0)); /* fee and order */
    tx.nonce = a.nonce;
    tx.call.order.tip = AMOUNT_OF(11 * cru);
    CHECK_OK(tx_sign(&bytes, &tx, (struct mspan){ room, sizeof(room) }, &key));
    CHECK_OK(world_block(&w, &r, &bytes, 1));
    CHECK(r.code == RESULT_ALLOWANCE_TOO_SMALL && r.fee.units > 0);
    tx.nonce++;
    tx.call = transfer_to(w.keys[1].public_key, cru);
    CHECK_OK(tx_sign(&bytes, &tx, (struct mspan){ room, sizeof(room) }, &key));
    CHECK_OK(world_block(&w, &r, &bytes, 1));
    CHECK(r.code == RESULT_CALL_NOT_ALLOWED);
    allow.allow.amount = AMOUNT_ZERO;
    CHECK(world_do(&w, 0, &allow) == RESULT_OK); /* revoked */
    CHECK_OK(world_block(&w, &r, &bytes, 1));
    CHECK(r.code == RESULT_NOT_ALLOWED);
    uint64_t old = a.nonce;
    allow.allow.amount = AMOUNT_OF(cru);
    CHECK(world_do(&w, 0, &allow) == RESULT_OK);
    CHECK(accounts_allowance(&w.chain.ledger, &a, w.keys[0].public_key, key.public_key));
    CHECK(a.nonce > old); /* no signature from before counts again */
    sound(&w);
}

static void the_author_gets_its_part_of_fees(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    struct tx_call call = transfer_to(w.keys[1].public_key, 5000000000);
    uint8_t room[WORLD_TX_MAX];
    struct span tx = world_tx(&w, 0, &call, room);
    struct chain_tx_result r;
    struct chain_output out;
    struct chain_block block = { .height = 1, .time_ms = 2000, .txs = &tx, .tx_count = 1 };
    block.author = w.keys[3].public_key;
    u128 before = balance(&w, 3);
    CHECK_OK(chain_finalize(&w.chain, &out, &r, &block, NULL));
    CHECK(r.code == RESULT_OK);
    u128 treasury = world_free(&w, accounts_pot(POT_TREASURY)).units;
    CHECK(treasury == ratio_mul(800000000, PERBILL, r.fee.units));
    CHECK(balance(&w, 3) - before == r.fee.units - treasury);
    CHECK_ERR(chain_finalize(&w.chain, &out, &r, &block, NULL), ERR_STATE); /* not the next */
    sound(&w);
}

/* ---- beacon ---------------------------------------------------------------------------------- */

static void the_beacon_moves_every_slot(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    struct beacon_value b[8];
    world_run_to(&w, 79);
    for (uint64_t s = 0; s < 8; s++) {
        CHECK(beacon_at(&w.chain.ledger, &b[s], s));
        CHECK(s == 0 || (b[s].contributions == 1 && !b[s].weak));
        for (uint64_t t = 0; t < s; t++)
            CHECK(memcmp(b[t].value, b[s].value, 32) != 0);
    }
    /* B_1 by hand: docs/spec/beacon.md 3. */
    uint8_t alpha[32], number[8] = { 1 }, proof[VRF_PROOF_SIZE], beta[VRF_OUTPUT_SIZE], want[32];
    beacon_alpha(alpha, w.chain_hash, 1, b[0].value);
    CHECK_OK(vrf_prove(proof, &w.beacon_key, span_of(alpha, 32)));
    CHECK_OK(vrf_verify(beta, w.beacon_key.public_key, proof, span_of(alpha, 32)));
    const struct span parts[] = { span_of(b[0].value, 32), span_of(number, 8),
                                  span_of(w.beacon_key.public_key, 32), span_of(beta, 64) };
    sha256_tagged(want, "crust/beacon/1", parts, 4);
    CHECK(memcmp(want, b[1].value, 32) == 0);
    CHECK(!beacon_at(&w.chain.ledger, &b[0], 9));
    /* What no owed answer can need is forgotten. */
    world_run_to(&w, 79 + 10 * (w.chain.params.absence_slots + 20));
    CHECK(!beacon_at(&w.chain.ledger, &b[0], 0));
    CHECK(beacon_at(&w.chain.ledger, &b[0], w.chain.ledger.slot - w.chain.params.absence_slots));
}

static void contributions_are_checked(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    uint8_t room[512];
    struct span tx;
    struct mspan into = { room, sizeof(room) };
    struct chain_check check;
    CHECK_ERR(chain_contribution(&w.chain, &tx, into, &w.beacon_key), ERR_NOT_FOUND);
    world_run_to(&w, 6); /* block 7 is the first of the window */
    CHECK_ERR(chain_contribution(&w.chain, &tx, into, &w.keys[0]), ERR_NOT_FOUND);
    CHECK_OK(chain_contribution(&w.chain, &tx, into, &w.beacon_key));
    chain_check_tx(&w.chain, &check, tx, false);
    CHECK(check.code == RESULT_OK && check.priority == 3);
    room[tx.n - 1] ^= 1;
    chain_check_tx(&w.chain, &check, tx, false);
    CHECK(check.code == RESULT_BEACON_BAD_PROOF);
    room[tx.n - 1] ^= 1;
    const struct span twice[2] = { tx, tx };
    struct chain_tx_result r[2];
    struct chain_output out;
    struct chain_block block = { .height = 7, .time_ms = 8000, .txs = twice, .tx_count = 2 };
    CHECK_OK(chain_finalize(&w.chain, &out, r, &block, NULL));
    CHECK(r[0].code == RESULT_OK && r[1].code == RESULT_BEACON_REPEATED);
    world_run_to(&w, 10);
    chain_check_tx(&w.chain, &check, tx, false);
    CHECK(check.code == RESULT_BEACON_WRONG_SLOT);
}

static void a_round_without_contributions_is_weak(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    struct chain_output out;
    for (uint64_t h = 1; h < 10; h++) {
        struct chain_block block = { .height = h, .time_ms = 1000 + h };
        CHECK_OK(chain_finalize(&w.chain, &out, NULL, &block, NULL));
    }
    struct beacon_value b;
    CHECK(beacon_at(&w.chain.ledger, &b, 1));
    CHECK(b.weak && b.contributions == 0);
}

/* ---- streams --------------------------------------------------------------------------------- */

static struct tx_call random_call(struct world *w, struct prng *g)
{
    struct tx_call call = { .kind = TX_TRANSFER };
    uint8_t file = (uint8_t)prng_below(g, 5);
    struct content_key key = { .codec = CID_CODEC_RAW, .digest = { file } };
    uint64_t size = 1000 + file;
    uint8_t id[32];
    market_order_id(id, &key, size, NULL);
    switch (prng_below(g, 9)) {
    case 0:
    case 1:
        call = transfer_to(w->keys[prng_below(g, WORLD_ACCOUNTS)].public_key,
                           prng_below(g, 3) == 0 ? 2000 * cru : prng_below(g, 10 * (uint64_t)cru));
        break;
    case 2:
    case 3:
        call.kind = TX_ORDER;
        call.order.key = key;
        call.order.size = size;
        call.order.replicas = (uint32_t)prng_below(g, 6);
        call.order.tip = AMOUNT_OF(prng_below(g, 1000000));
        break;
    case 4:
        call.kind = TX_PREPAY;
        memcpy(call.entry.order, id, 32);
        call.entry.amount = AMOUNT_OF(prng_below(g, (uint64_t)cru));
        break;
    case 5:
        call.kind = TX_SETTLE;
        memcpy(call.entry.order, id, 32);
        break;
    case 6:
        call.kind = TX_REFUND;
        memcpy(call.entry.order, id, 32);
        break;
    case 7:
        call.kind = (enum tx_kind)(TX_MERCHANT_DEPOSIT + prng_below(g, 3));
        call.funds.amount = AMOUNT_OF(prng_below(g, (uint64_t)cru));
        if (call.kind == TX_MERCHANT_CLAIM)
            call.funds.amount = AMOUNT_ZERO;
        break;
    default:
        call.kind = TX_ALLOW;
        call.allow.key[0] = file;
        call.allow.until = prng_below(g, 1000);
        call.allow.amount = AMOUNT_OF(prng_below(g, 2));
        break;
    }
    return call;
}

static void random_workers(struct world *w, struct prng *g)
{
    size_t i = prng_below(g, WORLD_WORKERS);
    struct content_key key = { .codec = CID_CODEC_RAW, .digest = { (uint8_t)prng_below(g, 5) } };
    uint8_t id[32], lineage[32];
    market_order_id(id, &key, 1000u + key.digest[0], NULL);
    world_lineage(lineage, i);
    world_workers[i].account = (uint32_t)(i % WORLD_ACCOUNTS);
    switch (prng_below(g, 6)) {
    case 0:
        world_add_replica(w, i, id);
        break;
    case 1:
        market_replica_remove(&w->chain.ledger, &world_work.market, id, lineage);
        break;
    case 2:
        world_workers[i].gone = prng_below(g, 4) == 0;
        break;
    case 3:
        market_set_disputed(&w->chain.ledger, &world_work.market, id, prng_below(g, 2) == 0);
        break;
    default:
        world_workers[i].answered++;
        world_workers[i].proven += prng_below(g, 2);
        break;
    }
}

/* The same seed gives the same stream; reopen throws the chain object away after each block. */
static void run_stream(struct world *w, uint64_t seed, unsigned blocks, bool reopen)
{
    start(w);
    w->chain.params.file_duration_blocks = 60;
    w->chain.params.order_refund_blocks = 20;
    chain_store_params(&w->chain);
    struct prng g;
    prng_init(&g, seed);
    for (unsigned b = 0; b < blocks; b++) {
        static uint8_t rooms[8][WORLD_TX_MAX];
        struct span txs[8];
        struct chain_tx_result results[8];
        size_t count = prng_below(&g, 8);
        for (size_t i = 0; i < count; i++) {
            size_t from = prng_below(&g, WORLD_ACCOUNTS);
            struct tx_call call = random_call(w, &g);
            struct account a;
            accounts_get(&w->chain.ledger, &a, w->keys[from].public_key);
            w->nonces[from] = a.nonce; /* some clash within the block, and fail */
            txs[i] = world_tx(w, from, &call, rooms[i]);
        }
        random_workers(w, &g);
        CHECK_OK(world_block(w, results, txs, count));
        if (b % 8 == 0)
            sound(w);
        if (reopen) {
            uint8_t hash[32];
            memcpy(hash, w->chain.app_hash, 32);
            CHECK_OK(chain_open(&w->chain, &w->kv, w->memory));
            w->chain.work = &world_work;
            CHECK(memcmp(hash, w->chain.app_hash, 32) == 0);
        }
    }
    sound(w);
    int64_t power = 0;
    for (size_t i = 0; i < WORLD_WORKERS; i++) {
        CHECK(world_workers[i].power >= 0);
        power += world_workers[i].power;
    }
    CHECK(power >= 0);
}

static void random_streams_conserve_money_and_replay_alike(void **state)
{
    (void)state;
    static struct world w;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        uint8_t first[32];
        run_stream(&w, seed, 150, false);
        memcpy(first, w.chain.app_hash, 32);
        run_stream(&w, seed, 150, true);
        CHECK(memcmp(first, w.chain.app_hash, 32) == 0);
    }
}

/* SHA-256 over all records but those that a failing transaction of account may touch: the account
 * itself, the treasury, the hashes. */
static void digest_of_rest(struct world *w, uint8_t out[32], const uint8_t account[32])
{
    struct sha256 h;
    sha256_init(&h);
    uint8_t from[KV_KEY_MAX];
    size_t n = 0;
    struct span key, value;
    while (kv_next(&w->kv, &key, &value, span_of(from, n), n > 0) == OK) {
        n = key.n;
        memcpy(from, key.p, n);
        bool mine = n == 34 && from[0] == STATE_ACCOUNTS &&
                    (memcmp(from + 2, account, 32) == 0 ||
                     memcmp(from + 2, accounts_pot(POT_TREASURY), 32) == 0);
        bool hash = from[0] == STATE_TREE;
        if (mine || hash)
            continue;
        uint8_t size[4];
        store_le32(size, (uint32_t)value.n);
        sha256_update(&h, key);
        sha256_update(&h, span_of(size, 4));
        sha256_update(&h, value);
    }
    sha256_final(&h, out);
}

/* Every failing call of a random stream, run beside the same block without it. */
static void failing_calls_leave_no_trace(void **state)
{
    (void)state;
    static struct world w, before;
    static uint8_t saved[sizeof(state_bytes)];
    static struct world_worker workers[WORLD_WORKERS];
    run_stream(&w, 9, 60, false);
    struct prng g;
    prng_init(&g, 10);
    unsigned failures = 0;
    for (unsigned i = 0; i < 300; i++) {
        size_t from = prng_below(&g, WORLD_ACCOUNTS);
        struct account a;
        accounts_get(&w.chain.ledger, &a, w.keys[from].public_key);
        w.nonces[from] = a.nonce;
        struct tx_call call = random_call(&w, &g);
        uint8_t room[WORLD_TX_MAX], with[32], without[32];
        struct span tx = world_tx(&w, from, &call, room);
        memcpy(saved, w.mem.p, w.mem.used);
        memcpy(workers, world_workers, sizeof(workers));
        before = w;
        struct chain_tx_result r;
        CHECK_OK(world_block(&w, &r, &tx, 1));
        if (r.code == RESULT_OK)
            continue;
        failures++;
        digest_of_rest(&w, with, w.keys[from].public_key);
        memcpy(before.mem.p, saved, before.mem.used);
        memcpy(world_workers, workers, sizeof(workers));
        w = before;
        CHECK_OK(world_block(&w, NULL, NULL, 0));
        digest_of_rest(&w, without, w.keys[from].public_key);
        CHECK(memcmp(with, without, 32) == 0);
    }
    CHECK(failures > 50);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void proposals_keep_order_and_room(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    static uint8_t large[200 * 1024];
    static const uint8_t small[1000];
    static struct chain_candidate txs[1200];
    size_t n = 0;
    txs[n++] = (struct chain_candidate){ .bytes = span_of(small, 100), .check.nonce = 8 };
    txs[n - 1].check.signer[0] = 1;
    txs[n - 1].check.fee = AMOUNT_OF(900); /* a high fee, but its nonce comes second */
    txs[n++] = (struct chain_candidate){ .bytes = span_of(small, 101), .check.nonce = 7 };
    txs[n - 1].check.signer[0] = 1;
    txs[n - 1].check.fee = AMOUNT_OF(11);
    txs[n++] = (struct chain_candidate){ .bytes = span_of(small, 102), .check.priority = 3 };
    txs[n++] =
        (struct chain_candidate){ .bytes = span_of(large, sizeof(large)), .check.priority = 1 };
    txs[n - 1].check.signer[0] = 2;
    txs[n++] =
        (struct chain_candidate){ .bytes = span_of(large, sizeof(large)), .check.priority = 1 };
    txs[n - 1].check.signer[0] = 3;
    for (; n < 1200; n++) {
        txs[n] = (struct chain_candidate){ .bytes = span_of(small, 1000) };
        txs[n].check.priority = n % 2 == 0 ? 2 : 0;
        txs[n].check.fee = AMOUNT_OF(10);
        store_be32(txs[n].check.signer + 1, (uint32_t)n);
    }
    chain_prepare(&w.chain, txs, &n, 8 * 1024 * 1024);
    CHECK(txs[0].bytes.n == 102);
    size_t bytes = 0, disputes = 0, reports = 0, at7 = 0, at8 = 0;
    for (size_t i = 0; i < n; i++) {
        disputes += txs[i].bytes.n == sizeof(large);
        reports += txs[i].check.priority == 2;
        bytes += txs[i].bytes.n == sizeof(large) ? 0 : txs[i].bytes.n;
        at7 = txs[i].bytes.n == 101 ? i : at7;
        at8 = txs[i].bytes.n == 100 ? i : at8;
    }
    CHECK(disputes == 1 && at7 != 0 && at7 < at8);
    CHECK(bytes <= w.chain.params.block_bytes_max);
    CHECK(reports * 1006 > (size_t)w.chain.params.block_report_bytes - 2 * 1006);
    size_t none = 1;
    chain_prepare(&w.chain, txs, &none, 50);
    CHECK(none == 0);
}

static void a_proposal_with_garbage_is_refused(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    struct tx_call call = transfer_to(w.keys[1].public_key, 5000000000);
    uint8_t room[WORLD_TX_MAX];
    struct span txs[2] = { world_tx(&w, 0, &call, room), span_of("garbage", 7) };
    struct chain_block block = { .height = 1, .time_ms = 2000, .txs = txs, .tx_count = 1 };
    CHECK(chain_process(&w.chain, &block));
    block.tx_count = 2;
    CHECK(!chain_process(&w.chain, &block));
    struct chain_tx_result r[2];
    struct chain_output out;
    CHECK_OK(chain_finalize(&w.chain, &out, r, &block, NULL));
    CHECK(r[0].code == RESULT_OK && r[1].code == RESULT_MALFORMED);
}

static void a_failing_kv_stops_the_block(void **state)
{
    (void)state;
    static struct world w;
    start(&w);
    struct tx_call call = transfer_to(w.keys[1].public_key, 5000000000);
    uint8_t room[WORLD_TX_MAX];
    struct span tx = world_tx(&w, 0, &call, room);
    for (size_t spare = 0; spare < 6000; spare += 96) {
        start(&w);
        w.mem.n = w.mem.used + spare; /* the n-th write fails */
        memset(w.mem.free_blocks, 0, sizeof(w.mem.free_blocks));
        struct chain_tx_result r;
        struct chain_output out;
        struct chain_block block = { .height = 1, .time_ms = 2000, .txs = &tx, .tx_count = 1 };
        enum err e = chain_finalize(&w.chain, &out, &r, &block, NULL);
        CHECK(e == OK || e == ERR_IO);
        if (spare == 0)
            CHECK_ERR(e, ERR_IO);
    }
}

/* ---- genesis --------------------------------------------------------------------------------- */

static void a_genesis_refusal_names_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *params, *what;
    } rows[] = {
        { "\"slot_blocs\":10", "params.slot_blocs: unknown field" },
        { "\"slot_blocks\":\"ten\"", "params.slot_blocks: not a value of this parameter" },
        { "\"slot_blocks\":[]", "params.slot_blocks: not a number, a text, true or false" },
        { "\"report_blocks\":9",
          "params: report_blocks: must leave at least two blocks of the slot to the beacon" },
        { "\"power_steps\":\"1:2000,2:1000\"", "params: power_steps: must rise" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct world w;
        start(&w);
        char text[16384], what[CHAIN_WHAT_MAX];
        size_t n = world_genesis(text, sizeof(text), &w, rows[i].params, rich);
        memkv_init(&w.mem, state_bytes, sizeof(state_bytes));
        CHECK(chain_genesis(&w.chain, &w.kv, memory_bytes, span_of(text, n), what) != OK);
        if (strncmp(what, rows[i].what, 70) != 0)
            fprintf(stderr, "%s\n", what);
        CHECK(strncmp(what, rows[i].what, 70) == 0);
    }
}

/* What stands under "attest". */
static void a_genesis_names_what_is_wrong_with_evidence(void **state)
{
    (void)state;
    static const struct {
        const char *params, *members, *what;
    } rows[] = {
        { "", ",\"attest\":{\"machines\":[]}", "attest.machines: unknown field" },
        { "", ",\"attest\":{\"releases\":[\"kind=sgx\"]}",
          "attest.releases[0]: not a row of this list" },
        { "", ",\"attest\":{\"deny\":[\"fmspc 00906ed50000\",\"fmspc\"]}",
          "attest.deny[1]: not a row of this list" },
        { "", ",\"attest\":{\"advisories\":[7]}", "attest.advisories[0]: not a string" },
        { "", ",\"attest\":{\"roots\":{\"intel\":\"00\"}}",
          "attest.roots.intel: not a root certificate, DER in hex" },
        { "\"allow_software\":false", ",\"attest\":{\"roots\":{}}",
          "attest.roots: only where allow_software is true" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct world w;
        start(&w);
        char text[16384], what[CHAIN_WHAT_MAX];
        world_members = rows[i].members;
        size_t n = world_genesis(text, sizeof(text), &w, rows[i].params, rich);
        world_members = "";
        memkv_init(&w.mem, state_bytes, sizeof(state_bytes));
        CHECK(chain_genesis(&w.chain, &w.kv, memory_bytes, span_of(text, n), what) != OK);
        if (strcmp(what, rows[i].what) != 0)
            fprintf(stderr, "%s\n", what);
        CHECK(strcmp(what, rows[i].what) == 0);
    }
}

static void an_empty_state_is_not_found(void **state)
{
    (void)state;
    struct memkv mem;
    memkv_init(&mem, state_bytes, sizeof(state_bytes));
    struct kv kv = memkv_kv(&mem);
    struct chain c;
    CHECK_ERR(chain_open(&c, &kv, NULL), ERR_NOT_FOUND);
}

/* A kind that codec/tx_kind.h has and no module takes would be UNSUPPORTED. */
static void every_kind_has_a_module(void **state)
{
    (void)state;
    static struct world w;
    world_members = ",\"staking\":[]";
    start(&w);
    world_members = "";
    w.chain.work = &work_module;
    for (int kind = 0; kind < TX_KIND_COUNT; kind++) {
        struct tx_call call = { .kind = (enum tx_kind)kind };
        if (kind == TX_ORDER) {
            call.order.key.codec = CID_CODEC_RAW;
            call.order.size = 1;
        } else if (tx_group(call.kind) == TX_OF_STAKING) {
            call.stake.amount = AMOUNT_OF(cru);
            memcpy(call.stake.account, w.keys[0].public_key, 32);
        }
        if (kind == TX_BEACON)
            continue; /* nobody signs it: contributions_are_checked */
        enum tx_result r = world_do(&w, 0, &call);
        if (r == RESULT_UNSUPPORTED || (r > RESULT_OK && r < 30))
            fprintf(stderr, "%s: %d\n", tx_name(call.kind), r);
        CHECK(r != RESULT_UNSUPPORTED && (r == RESULT_OK || r >= 30));
    }
    sound(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_moves_money_and_pays_its_fee),
        cmocka_unit_test(a_failing_call_changes_fee_and_nonce_only),
        cmocka_unit_test(admission_refuses_and_charges_nothing),
        cmocka_unit_test(existence_has_a_price),
        cmocka_unit_test(an_allowance_pays_orders_up_to_its_cap),
        cmocka_unit_test(the_author_gets_its_part_of_fees),
        cmocka_unit_test(the_beacon_moves_every_slot),
        cmocka_unit_test(contributions_are_checked),
        cmocka_unit_test(a_round_without_contributions_is_weak),
        cmocka_unit_test(random_streams_conserve_money_and_replay_alike),
        cmocka_unit_test(failing_calls_leave_no_trace),
        cmocka_unit_test(proposals_keep_order_and_room),
        cmocka_unit_test(a_proposal_with_garbage_is_refused),
        cmocka_unit_test(a_failing_kv_stops_the_block),
        cmocka_unit_test(a_genesis_refusal_names_the_field),
        cmocka_unit_test(a_genesis_names_what_is_wrong_with_evidence),
        cmocka_unit_test(an_empty_state_is_not_found),
        cmocka_unit_test(every_kind_has_a_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
