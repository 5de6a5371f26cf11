#include "chain/accounts.h"

#include "codec/cbor.h"

/* Keys in the store `accounts`: 'a' | account, and 'l' | account | key for allowances. */
enum { ALLOWANCE_KEY_SIZE = 65, RECORD_MAX = 256 };

/* An allowance's first nonce: height * 2^16. A key cannot sign that many transactions in a block,
 * so a key that is allowed again never meets a nonce it has used. */
enum { ALLOWANCE_NONCE_SHIFT = 16 };

static const uint8_t pots[POT_COUNT][32] = {
    [POT_TREASURY] = "modlpy/trsry",
    [POT_STORAGE] = "modlcrmarketstor",
    [POT_STAKING] = "modlcrmarketstak",
    [POT_RESERVED] = "modlcrmarketrese",
};

const uint8_t *accounts_pot(enum account_pot pot)
{
    return pots[pot];
}

bool accounts_is_pot(const uint8_t id[32])
{
    /* SPEC transactions 4.4: "Accounts that begin with the text `modl` are the chain's own" */
    return memcmp(id, "modl", 4) == 0;
}

/* ---- records --------------------------------------------------------------------------------- */

void accounts_key(uint8_t out[ACCOUNT_KEY_SIZE], const uint8_t id[32])
{
    out[0] = 'a';
    memcpy(out + 1, id, 32);
}

enum err accounts_decode(struct account *out, struct span in)
{
    *out = (struct account){ 0 };
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_array_of(&c, 4);
    out->nonce = cbor_read_uint(&c);
    out->free = cbor_read_amount(&c);
    out->allowances = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    cbor_read_array_of(&c, HOLD_COUNT);
    for (int i = 0; i < HOLD_COUNT; i++)
        out->held[i] = cbor_read_amount(&c);
    if (cbor_finish(&c) != OK)
        *out = (struct account){ 0 };
    return c.r.err;
}

/* A record of our own state. */
static void account_decode(struct account *out, struct span in)
{
    enum err e = accounts_decode(out, in);
    ASSERT(e == OK); /* we wrote it */
}

bool accounts_get(struct ledger *l, struct account *out, const uint8_t id[32])
{
    uint8_t key[ACCOUNT_KEY_SIZE];
    accounts_key(key, id);
    *out = (struct account){ 0 };
    struct span value;
    if (!state_get(l->st, &value, STATE_ACCOUNTS, span_of(key, sizeof(key))))
        return false;
    account_decode(out, value);
    return true;
}

static bool account_is_empty(const struct account *a)
{
    return a->nonce == 0 && a->allowances == 0 && amount_is_zero(accounts_total(a));
}

void accounts_put(struct ledger *l, const uint8_t id[32], const struct account *a)
{
    uint8_t key[ACCOUNT_KEY_SIZE];
    accounts_key(key, id);
    if (account_is_empty(a)) {
        state_del(l->st, STATE_ACCOUNTS, span_of(key, sizeof(key)));
        return;
    }
    uint8_t buf[RECORD_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 4);
    cbor_write_uint(&w, a->nonce);
    cbor_write_amount(&w, a->free);
    cbor_write_uint(&w, a->allowances);
    cbor_write_array(&w, HOLD_COUNT);
    for (int i = 0; i < HOLD_COUNT; i++)
        cbor_write_amount(&w, a->held[i]);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_ACCOUNTS, span_of(key, sizeof(key)), writer_span(&w));
}

struct amount accounts_total(const struct account *a)
{
    struct amount sum = a->free;
    for (int i = 0; i < HOLD_COUNT; i++)
        sum = amount_sat_add(sum, a->held[i]);
    return sum;
}

/* ---- movements ------------------------------------------------------------------------------- */

/* The sums are bounded by the issuance, which fits; so these never fail. */
/* Stores a, or what is left of it when it has fallen below the existential deposit. An account of
 * which anything is held stays: others count on the hold. */
static void put_or_reap(struct ledger *l, const uint8_t id[32], struct account *a)
{
    struct amount total = accounts_total(a);
    bool held = amount_cmp(total, a->free) != 0;
    if (accounts_is_pot(id) || held || amount_is_zero(total) ||
        amount_cmp(total, l->params->existential_deposit) >= 0) {
        accounts_put(l, id, a);
        return;
    }
    a->free = AMOUNT_ZERO;
    accounts_put(l, id, a);
    struct account treasury;
    accounts_get(l, &treasury, pots[POT_TREASURY]);
    ledger_add(&treasury.free, total);
    accounts_put(l, pots[POT_TREASURY], &treasury);
    struct ledger_event ev;
    ledger_event_begin(&ev, "account.reaped");
    ledger_event_account(&ev, "account", id);
    ledger_event_amount(&ev, "amount", total);
    ledger_event_end(l, &ev);
}

/* Where a movement starts or ends: the free balance (hold < 0) or a hold. */
struct place {
    const uint8_t *id;
    int hold;
};

static struct amount *place_in(struct account *a, struct place p)
{
    return p.hold < 0 ? &a->free : &a->held[p.hold];
}

static void move(struct ledger *l, struct place from, struct place to, struct amount v)
{
    if (amount_is_zero(v) || (memcmp(from.id, to.id, 32) == 0 && from.hold == to.hold))
        return;
    struct account a;
    accounts_get(l, &a, from.id);
    if (l->st->err != OK)
        return; /* the block is lost; nothing may be concluded from an empty account */
    ledger_take(place_in(&a, from), v);
    if (memcmp(from.id, to.id, 32) == 0) {
        ledger_add(place_in(&a, to), v);
        put_or_reap(l, from.id, &a);
        return;
    }
    put_or_reap(l, from.id, &a);
    struct account b;
    accounts_get(l, &b, to.id);
    ledger_add(place_in(&b, to), v);
    put_or_reap(l, to.id, &b);
}

void accounts_move(struct ledger *l, const uint8_t from[32], const uint8_t to[32], struct amount v)
{
    move(l, (struct place){ from, -1 }, (struct place){ to, -1 }, v);
}

void accounts_hold(struct ledger *l, const uint8_t id[32], enum account_hold kind, struct amount v)
{
    move(l, (struct place){ id, -1 }, (struct place){ id, (int)kind }, v);
}

void accounts_release(struct ledger *l, const uint8_t id[32], enum account_hold kind,
                      struct amount v)
{
    move(l, (struct place){ id, (int)kind }, (struct place){ id, -1 }, v);
}

void accounts_take_held(struct ledger *l, const uint8_t from[32], enum account_hold kind,
                        const uint8_t to[32], struct amount v)
{
    move(l, (struct place){ from, (int)kind }, (struct place){ to, -1 }, v);
}

void accounts_give_held(struct ledger *l, const uint8_t from[32], const uint8_t to[32],
                        enum account_hold kind, struct amount v)
{
    move(l, (struct place){ from, -1 }, (struct place){ to, (int)kind }, v);
}

struct amount accounts_usable(struct ledger *l, const uint8_t id[32])
{
    struct account a;
    accounts_get(l, &a, id);
    return a.free;
}

enum tx_result accounts_check_receive(struct ledger *l, const uint8_t to[32], struct amount v)
{
    /* SPEC transactions 4.4: "Nobody signs for them or transfers to them." */
    if (accounts_is_pot(to))
        return RESULT_RESERVED_ACCOUNT;
    struct account a;
    accounts_get(l, &a, to);
    struct amount sum;
    if (amount_add(&sum, accounts_total(&a), v) != OK)
        return RESULT_OVERFLOW;
    /* SPEC transactions 4.2: "A transfer to an account that would then own less than
     * `existential_deposit` is refused." */
    if (amount_cmp(sum, l->params->existential_deposit) < 0)
        return RESULT_EXISTENTIAL_DEPOSIT;
    return RESULT_OK;
}

/* ---- issuance ---- */

static const char issuance_key[] = "issuance";

struct amount accounts_issuance(struct ledger *l)
{
    struct span value;
    if (!state_get(l->st, &value, STATE_META, span_str(issuance_key)))
        return AMOUNT_ZERO;
    struct amount a;
    enum err e = amount_of_bytes(&a, value);
    ASSERT(e == OK);
    return a;
}

static void issuance_put(struct ledger *l, struct amount total)
{
    uint8_t bytes[AMOUNT_BYTES_MAX];
    size_t n = amount_bytes(bytes, total);
    state_put(l->st, STATE_META, span_str(issuance_key), span_of(bytes, n));
}

static void mint(struct ledger *l, struct place to, struct amount v)
{
    struct amount total = accounts_issuance(l);
    struct account a;
    if (l->st->err != OK)
        return;
    ledger_add(&total, v);
    issuance_put(l, total);
    accounts_get(l, &a, to.id);
    ledger_add(place_in(&a, to), v);
    put_or_reap(l, to.id, &a);
}

void accounts_mint(struct ledger *l, const uint8_t to[32], struct amount v)
{
    mint(l, (struct place){ to, -1 }, v);
}

void accounts_mint_held(struct ledger *l, const uint8_t to[32], enum account_hold kind,
                        struct amount v)
{
    mint(l, (struct place){ to, (int)kind }, v);
}

void accounts_burn(struct ledger *l, enum account_pot from, struct amount v)
{
    struct amount total = accounts_issuance(l);
    struct account a;
    accounts_get(l, &a, pots[from]);
    if (l->st->err != OK)
        return;
    ledger_take(&a.free, v);
    ledger_take(&total, v);
    accounts_put(l, pots[from], &a);
    issuance_put(l, total);
}

struct amount accounts_sum(struct ledger *l)
{
    const uint8_t prefix[1] = { 'a' };
    struct state_range range = { .store = STATE_ACCOUNTS, .prefix = span_of(prefix, 1) };
    struct amount sum = AMOUNT_ZERO;
    uint8_t from[ACCOUNT_KEY_SIZE] = { 'a' };
    struct span key, value;
    for (bool after = false;
         state_next(l->st, &key, &value, range, span_of(from, after ? sizeof(from) : 1), after);
         after = true) {
        struct account a;
        account_decode(&a, value);
        ledger_add(&sum, accounts_total(&a));
        ASSERT(key.n == sizeof(from));
        memcpy(from, key.p, sizeof(from));
    }
    return sum;
}

/* ---- allowances ---- */

static void allowance_key(uint8_t out[ALLOWANCE_KEY_SIZE], const uint8_t account[32],
                          const uint8_t key[32])
{
    out[0] = 'l';
    memcpy(out + 1, account, 32);
    memcpy(out + 33, key, 32);
}

bool accounts_allowance(struct ledger *l, struct allowance *out, const uint8_t account[32],
                        const uint8_t key[32])
{
    uint8_t k[ALLOWANCE_KEY_SIZE];
    allowance_key(k, account, key);
    *out = (struct allowance){ 0 };
    struct span value;
    if (!state_get(l->st, &value, STATE_ACCOUNTS, span_of(k, sizeof(k))))
        return false;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 3);
    out->nonce = cbor_read_uint(&c);
    out->until = cbor_read_uint(&c);
    out->amount = cbor_read_amount(&c);
    ASSERT(cbor_finish(&c) == OK);
    return true;
}

static void allowance_put(struct ledger *l, const uint8_t account[32], const uint8_t key[32],
                          const struct allowance *a)
{
    uint8_t k[ALLOWANCE_KEY_SIZE];
    allowance_key(k, account, key);
    uint8_t buf[RECORD_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 3);
    cbor_write_uint(&w, a->nonce);
    cbor_write_uint(&w, a->until);
    cbor_write_amount(&w, a->amount);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_ACCOUNTS, span_of(k, sizeof(k)), writer_span(&w));
}

static bool by_allowance(const struct tx *tx)
{
    return memcmp(tx->by, tx->from, 32) != 0;
}

enum tx_result accounts_check_spend(struct ledger *l, const struct tx *tx, struct amount v)
{
    if (!by_allowance(tx))
        return RESULT_OK;
    struct allowance a;
    accounts_allowance(l, &a, tx->from, tx->by);
    return amount_cmp(a.amount, v) < 0 ? RESULT_ALLOWANCE_TOO_SMALL : RESULT_OK;
}

void accounts_spend(struct ledger *l, const struct tx *tx, struct amount v)
{
    struct allowance a;
    if (!by_allowance(tx) || !accounts_allowance(l, &a, tx->from, tx->by))
        return;
    ledger_take(&a.amount, v);
    allowance_put(l, tx->from, tx->by, &a);
}

enum tx_result accounts_check_allow(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_allow *allow = &call->tx->call.allow;
    struct allowance old;
    bool there = accounts_allowance(l, &old, call->from, allow->key);
    if (amount_is_zero(allow->amount))
        return there ? RESULT_OK : RESULT_NO_ALLOWANCE;
    if (allow->until <= l->height)
        return RESULT_ALLOWANCE_PAST;
    struct account a;
    accounts_get(l, &a, call->from);
    return !there && a.allowances >= ACCOUNTS_ALLOWANCES_MAX ? RESULT_ALLOWANCE_LIMIT : RESULT_OK;
}

void accounts_apply_allow(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_allow *allow = &call->tx->call.allow;
    struct allowance record;
    bool there = accounts_allowance(l, &record, call->from, allow->key);
    bool revoke = amount_is_zero(allow->amount);
    if (revoke) {
        uint8_t k[ALLOWANCE_KEY_SIZE];
        allowance_key(k, call->from, allow->key);
        state_del(l->st, STATE_ACCOUNTS, span_of(k, sizeof(k)));
    } else {
        /* SPEC transactions 4.5: "beginning at height * 2^16 when the record is made" */
        if (!there)
            record.nonce = l->height << ALLOWANCE_NONCE_SHIFT;
        record.until = allow->until;
        record.amount = allow->amount;
        allowance_put(l, call->from, allow->key, &record);
    }
    if (revoke == there) { /* the number of records has changed */
        struct account a;
        accounts_get(l, &a, call->from);
        a.allowances = revoke ? a.allowances - 1 : a.allowances + 1;
        accounts_put(l, call->from, &a);
    }
    struct ledger_event ev;
    ledger_event_begin(&ev, revoke ? "allowance.revoked" : "allowance.set");
    ledger_event_account(&ev, "account", call->from);
    ledger_event_hex(&ev, "key", span_of(allow->key, 32));
    ledger_event_amount(&ev, "amount", allow->amount);
    ledger_event_uint(&ev, "until", allow->until);
    ledger_event_end(l, &ev);
}

/* ---- fees ---- */

struct amount accounts_fee(const struct params *p, size_t bytes, struct amount tip)
{
    struct amount length;
    if (amount_mul(&length, p->fee_byte, bytes) != OK)
        length = AMOUNT_OF(~(u128)0);
    /* SPEC transactions 5.2: "The fee is `fee_base + fee_byte * bytes + tip`." */
    return amount_sat_add(amount_sat_add(p->fee_base, length), tip);
}

static bool nonce_fits(uint64_t nonce, uint64_t next, uint64_t ahead)
{
    return nonce >= next && nonce - next <= ahead;
}

enum tx_result accounts_check_sender(struct ledger *l, const struct tx *tx, struct amount fee,
                                     uint64_t ahead)
{
    if (memcmp(tx->chain, l->chain_hash, 32) != 0)
        return RESULT_WRONG_CHAIN;
    if (tx->expiry < l->height)
        return RESULT_EXPIRED;
    if (tx->expiry - l->height > l->params->expiry_max_blocks)
        return RESULT_EXPIRY_TOO_FAR;
    if (accounts_is_pot(tx->from))
        return RESULT_NOT_ALLOWED;
    struct account a;
    accounts_get(l, &a, tx->from);
    if (by_allowance(tx)) {
        struct allowance allowed;
        if (!accounts_allowance(l, &allowed, tx->from, tx->by) || allowed.until < l->height)
            return RESULT_NOT_ALLOWED;
        /* SPEC transactions 4.6: "A key that is allowed can sign `order` and nothing else." */
        if (tx->call.kind != TX_ORDER)
            return RESULT_CALL_NOT_ALLOWED;
        if (!nonce_fits(tx->nonce, allowed.nonce, ahead))
            return RESULT_BAD_NONCE;
        if (amount_cmp(allowed.amount, fee) < 0)
            return RESULT_ALLOWANCE_SPENT;
    } else if (!nonce_fits(tx->nonce, a.nonce, ahead)) {
        return RESULT_BAD_NONCE;
    }
    return amount_cmp(a.free, fee) < 0 ? RESULT_CANNOT_PAY_FEE : RESULT_OK;
}

/* SPEC transactions 5.4: "`fee_treasury_percent` of every fee goes to the treasury, the rest to the
 * author of the block" */
static void share_fee(struct ledger *l, struct amount fee)
{
    uint32_t share = PERBILL / PERCENT * l->params->fee_treasury_percent;
    struct amount treasury = AMOUNT_OF(ratio_mul(share, PERBILL, fee.units));
    ledger_add(&l->fees_treasury, treasury);
    ledger_add(&l->fees_author, amount_sat_sub(fee, treasury));
}

void accounts_charge(struct ledger *l, const struct tx *tx, struct amount fee)
{
    struct account a;
    accounts_get(l, &a, tx->from);
    if (l->st->err != OK)
        return;
    ledger_take(&a.free, fee);
    if (by_allowance(tx)) {
        struct allowance allowed;
        accounts_allowance(l, &allowed, tx->from, tx->by);
        allowed.nonce++;
        ledger_take(&allowed.amount, fee);
        allowance_put(l, tx->from, tx->by, &allowed);
    } else {
        a.nonce++;
    }
    put_or_reap(l, tx->from, &a);
    share_fee(l, fee);
}

void accounts_issue_fee(struct ledger *l, struct amount fee)
{
    struct amount total = accounts_issuance(l);
    if (l->st->err != OK)
        return;
    ledger_add(&total, fee);
    issuance_put(l, total);
    share_fee(l, fee);
}

/* The money of fees belongs to nobody while the block runs; here it comes back. */
static void receive(struct ledger *l, const uint8_t id[32], struct amount v)
{
    if (amount_is_zero(v))
        return;
    struct account a;
    accounts_get(l, &a, id);
    ledger_add(&a.free, v);
    put_or_reap(l, id, &a);
}

void accounts_block_end(struct ledger *l, const uint8_t *author)
{
    receive(l, pots[POT_TREASURY], l->fees_treasury);
    receive(l, author != NULL ? author : pots[POT_TREASURY], l->fees_author);
    l->fees_treasury = l->fees_author = AMOUNT_ZERO;
}

/* ---- transfer ---- */

enum tx_result accounts_check_transfer(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_transfer *t = &call->tx->call.transfer;
    if (amount_cmp(accounts_usable(l, call->from), t->amount) < 0)
        return RESULT_INSUFFICIENT_BALANCE;
    /* As in the reference network: nothing to move is done at once. */
    if (amount_is_zero(t->amount) || memcmp(t->to, call->from, 32) == 0)
        return RESULT_OK;
    return accounts_check_receive(l, t->to, t->amount);
}

void accounts_apply_transfer(struct ledger *l, const struct ledger_call *call)
{
    const struct tx_transfer *t = &call->tx->call.transfer;
    accounts_move(l, call->from, t->to, t->amount);
    struct ledger_event ev;
    ledger_event_begin(&ev, "transfer");
    ledger_event_account(&ev, "from", call->from);
    ledger_event_account(&ev, "to", t->to);
    ledger_event_amount(&ev, "amount", t->amount);
    ledger_event_end(l, &ev);
}
