#include "chain/work_claim.h"

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/sha256.h"

enum { CLAIMS_SIZE = 8 + 4 + 1 + 8 + 32, CHALLENGE_SIZE = 32 + 16 + 8 + 4 + 32 };

void work_claim_id(uint8_t out[32], const struct work_claim *claim)
{
    uint8_t size[8];
    store_le64(size, claim->size);
    const struct span parts[] = { { size, 8 }, { claim->data_root, 32 } };
    sha256_tagged(out, "crust/claim/1", parts, 2);
}

static struct work_key order_key(uint8_t kind, const uint8_t order[32])
{
    struct work_key k = work_key_of(kind);
    work_key_add(&k, order, 32);
    return k;
}

static struct work_key order_claim_key(uint8_t kind, const uint8_t order[32],
                                       const uint8_t claim[32])
{
    struct work_key k = order_key(kind, order);
    work_key_add(&k, claim, 32);
    return k;
}

static struct work_key support_key(const uint8_t order[32], uint64_t placed_at,
                                   const uint8_t claim[32])
{
    struct work_key k = order_key(WORK_KEY_CLAIM, order);
    work_key_u64(&k, placed_at);
    work_key_add(&k, claim, 32);
    return k;
}

/* The claims of the order as it now stands; those of an order that ended and was placed anew are
 * forgotten. */
static void get_claims(struct ledger *l, struct work_claims *out, const uint8_t order[32],
                       uint64_t placed_at)
{
    struct span value;
    struct work_key k = order_key(WORK_KEY_CLAIMS, order);
    *out = (struct work_claims){ .placed_at = placed_at };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return;
    struct work_claims c = { 0 };
    struct reader r = reader_of(value);
    c.placed_at = read_le64(&r);
    c.count = read_le32(&r);
    c.settled = read_u8(&r) != 0;
    c.agreed_at = read_le64(&r);
    read_into(&r, c.claim, 32);
    enum err e = reader_finish(&r);
    ASSERT(e == OK);
    if (c.placed_at == placed_at)
        *out = c;
}

static void put_claims(struct ledger *l, const uint8_t order[32], const struct work_claims *c)
{
    uint8_t bytes[CLAIMS_SIZE];
    struct work_key k = order_key(WORK_KEY_CLAIMS, order);
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_le64(&w, c->placed_at);
    write_le32(&w, c->count);
    write_u8(&w, c->settled);
    write_le64(&w, c->agreed_at);
    write_bytes(&w, c->claim, 32);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_WORK, work_key_span(&k), writer_span(&w));
}

/* Replicas that make a claim. */
static uint32_t get_support(struct ledger *l, const struct work_key *k)
{
    struct span value;
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(k)))
        return 0;
    ASSERT(value.n == 4);
    return load_le32(value.p);
}

static void put_support(struct ledger *l, const struct work_key *k, uint32_t count)
{
    uint8_t bytes[4];
    store_le32(bytes, count);
    if (count == 0)
        state_del(l->st, STATE_WORK, work_key_span(k));
    else
        state_put(l->st, STATE_WORK, work_key_span(k), span_of(bytes, sizeof(bytes)));
}

static bool is_struck(struct ledger *l, const uint8_t order[32], const uint8_t claim[32])
{
    struct work_key k = order_claim_key(WORK_KEY_STRUCK, order, claim);
    return state_has(l->st, STATE_WORK, work_key_span(&k));
}

/* SPEC work 8.3: "after claim_settle_slots slots in which one claim stood alone it is settled" */
static bool is_settled(struct ledger *l, const struct work_claims *c)
{
    return c->settled || (c->count == 1 && l->slot - c->agreed_at >= l->params->claim_settle_slots);
}

bool work_claim_allows(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                       const struct work_claim *claim)
{
    uint8_t id[32];
    struct work_claims c;
    work_claim_id(id, claim);
    if (is_struck(l, order, id))
        return false;
    if (o->has_data_root)
        return true; /* market_find has compared */
    get_claims(l, &c, order, o->placed_at);
    return !is_settled(l, &c) || memcmp(c.claim, id, 32) == 0;
}

void work_claim_support(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                        const struct work_claim *claim)
{
    uint8_t id[32];
    struct work_claims c;
    ASSERT(!o->has_data_root);
    work_claim_id(id, claim);
    get_claims(l, &c, order, o->placed_at);
    struct work_key k = support_key(order, o->placed_at, id);
    uint32_t support = get_support(l, &k);
    put_support(l, &k, support + 1);
    bool settled = is_settled(l, &c);
    if (support == 0) {
        c.count++;
        if (c.count == 1) {
            c.agreed_at = l->slot;
            memcpy(c.claim, id, 32);
        } else if (c.count == 2) {
            market_set_disputed(l, &work_module.market, order, true);
        }
    }
    if (support == 0 || settled != c.settled) {
        c.settled = settled;
        put_claims(l, order, &c);
    }
}

/* Which claim is left when one is; *c is changed. */
static void find_last(struct ledger *l, struct work_claims *c, const uint8_t order[32])
{
    struct work_key prefix = order_key(WORK_KEY_CLAIM, order);
    struct span key;
    struct span value;
    work_key_u64(&prefix, c->placed_at);
    const struct state_range range = { .store = STATE_WORK, .prefix = work_key_span(&prefix) };
    if (state_next(l->st, &key, &value, range, range.prefix, false))
        memcpy(c->claim, key.p + prefix.n, 32);
}

void work_claim_leave(struct ledger *l, const struct work_leaf *leaf)
{
    static const uint8_t none[32];
    struct work_claims c;
    if (memcmp(leaf->claim, none, 32) == 0)
        return;
    struct work_key k = support_key(leaf->order, leaf->placed_at, leaf->claim);
    uint32_t support = get_support(l, &k);
    ASSERT(support != 0 || l->st->err != OK);
    if (support == 0)
        return;
    put_support(l, &k, support - 1);
    get_claims(l, &c, leaf->order, leaf->placed_at);
    if (support > 1 || c.count == 0)
        return;
    c.settled = is_settled(l, &c);
    c.count--;
    if (c.count == 1) {
        find_last(l, &c, leaf->order);
        c.agreed_at = l->slot;
        market_set_disputed(l, &work_module.market, leaf->order, false);
    }
    put_claims(l, leaf->order, &c);
}

bool work_claim_stands(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                       const struct work_claim *claim)
{
    uint8_t id[32];
    work_claim_id(id, claim);
    if (is_struck(l, order, id))
        return false;
    if (o->has_data_root)
        return o->size == claim->size && memcmp(o->data_root, claim->data_root, 32) == 0;
    struct work_claims c;
    struct work_key k = support_key(order, o->placed_at, id);
    get_claims(l, &c, order, o->placed_at);
    /* A settled claim stands even when all who made it have left: it still keeps others out. */
    return get_support(l, &k) != 0 || (is_settled(l, &c) && memcmp(c.claim, id, 32) == 0);
}

/* One supporter pays and its leaf becomes void. */
static void strike_one(struct ledger *l, const uint8_t lineage[32], const struct content_key *key,
                       struct work_leaf *leaf, const uint8_t winner[32])
{
    struct work_worker w;
    struct amount half = l->params->claim_bond;
    struct amount rest;
    /* SPEC work 8.4: "half of it to who struck it and half to the treasury" */
    half.units /= 2;
    rest = amount_sat_sub(l->params->claim_bond, half);
    work_leaf_void(l, lineage, leaf);
    work_put_leaf(l, lineage, key, leaf);
    if (!work_get_lineage(l, &w, lineage))
        return;
    work_charge(l, &w, winner, half, false);
    work_charge(l, &w, accounts_pot(POT_TREASURY), rest, true);
    work_put(l, &w);
}

uint32_t work_claim_strike(struct ledger *l, const uint8_t order[32], const struct market_order *o,
                           const uint8_t claim[32], const uint8_t winner[32])
{
    static const uint8_t none[32];
    uint8_t lineage[32] = { 0 };
    struct market_replica r;
    struct work_leaf leaf;
    uint32_t looked = 0;
    struct work_key k = order_claim_key(WORK_KEY_STRUCK, order, claim);
    state_put(l->st, STATE_WORK, work_key_span(&k), span_of(NULL, 0));
    /* An order has at most params.replicas_max replicas, which bounds this. */
    for (; market_replica_next(l, lineage, &r, order); looked++) {
        if (!work_get_leaf(l, &leaf, lineage, &o->key) || memcmp(leaf.order, order, 32) != 0)
            continue;
        if (memcmp(leaf.claim, o->has_data_root ? none : claim, 32) == 0)
            strike_one(l, lineage, &o->key, &leaf, winner);
    }
    /* A claim that was settled is settled no longer: the truth is open again. */
    if (!o->has_data_root) {
        struct work_claims c;
        get_claims(l, &c, order, o->placed_at);
        if (memcmp(c.claim, claim, 32) == 0) {
            c.settled = false;
            memset(c.claim, 0, 32);
            put_claims(l, order, &c);
        }
    }
    struct ledger_event ev;
    ledger_event_begin(&ev, "claim.struck");
    ledger_event_hex(&ev, "order", span_of(order, 32));
    ledger_event_hex(&ev, "claim", span_of(claim, 32));
    ledger_event_account(&ev, "by", winner);
    ledger_event_end(l, &ev);
    return looked;
}

/* ---- challenges --------------------------------------------------------------------------- */

bool work_claim_challenge(struct ledger *l, struct work_challenge *out, const uint8_t order[32],
                          const uint8_t claim[32])
{
    struct span value;
    struct work_key k = order_claim_key(WORK_KEY_CHALLENGE, order, claim);
    *out = (struct work_challenge){ 0 };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return false;
    struct reader r = reader_of(value);
    read_into(&r, out->account, 32);
    u128 low = read_le64(&r);
    out->bond = AMOUNT_OF(low | (u128)read_le64(&r) << 64);
    out->until = read_le64(&r);
    out->key.codec = read_le32(&r);
    read_into(&r, out->key.digest, 32);
    enum err e = reader_finish(&r);
    ASSERT(e == OK);
    return true;
}

void work_claim_challenge_put(struct ledger *l, const uint8_t order[32], const uint8_t claim[32],
                              const struct work_challenge *c)
{
    uint8_t bytes[CHALLENGE_SIZE];
    struct work_key k = order_claim_key(WORK_KEY_CHALLENGE, order, claim);
    struct work_key due = order_claim_key(WORK_DUE_CHALLENGE, order, claim);
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_bytes(&w, c->account, 32);
    write_le64(&w, (uint64_t)c->bond.units);
    write_le64(&w, (uint64_t)(c->bond.units >> 64));
    write_le64(&w, c->until);
    write_le32(&w, c->key.codec);
    write_bytes(&w, c->key.digest, 32);
    ASSERT(w.err == OK && w.len == sizeof(bytes));
    state_put(l->st, STATE_WORK, work_key_span(&k), writer_span(&w));
    ledger_queue_put(l, (c->until + 1) * l->params->slot_blocks, LEDGER_DUE_WORK,
                     work_key_span(&due));
}

void work_claim_challenge_del(struct ledger *l, const uint8_t order[32], const uint8_t claim[32])
{
    struct work_key k = order_claim_key(WORK_KEY_CHALLENGE, order, claim);
    state_del(l->st, STATE_WORK, work_key_span(&k));
}

uint32_t work_claim_due(struct ledger *l, const uint8_t order[32], const uint8_t claim[32])
{
    struct work_challenge c;
    struct market_order o;
    /* An entry of a challenge that was answered, or of an earlier one of the same claim. */
    if (!work_claim_challenge(l, &c, order, claim) || l->slot <= c.until)
        return 1;
    work_claim_challenge_del(l, order, claim);
    /* SPEC work 8.7: "Without one for claim_settle_slots slots the claim is struck, and the bond
     * goes back." */
    accounts_release(l, c.account, HOLD_BOND, c.bond);
    if (!market_order(l, &o, order))
        return 1;
    return 1 + work_claim_strike(l, order, &o, claim, c.account);
}
