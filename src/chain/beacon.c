#include "chain/beacon.h"

#include "codec/cbor.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"

/* Keys in the store `beacon`: 'v' | slot: a value; 'p' | slot | member: a contribution to the value
 * under way. The others are beacon_committee.c's. */
enum { VALUE_KEY_SIZE = 9, CONTRIBUTOR_KEY_SIZE = 33, PENDING_KEY_SIZE = 41 };

/* Slots kept beyond those that a worker may still owe answers for. */
enum { HISTORY_SPARE_SLOTS = 8 };

static void value_key(uint8_t out[VALUE_KEY_SIZE], uint64_t slot)
{
    out[0] = 'v';
    store_be64(out + 1, slot);
}

static void contributor_key(uint8_t out[CONTRIBUTOR_KEY_SIZE], const uint8_t key[32])
{
    out[0] = 'c';
    memcpy(out + 1, key, 32);
}

static void pending_key(uint8_t out[PENDING_KEY_SIZE], uint64_t slot, const uint8_t id[32])
{
    out[0] = 'p';
    store_be64(out + 1, slot);
    memcpy(out + 9, id, 32);
}

bool beacon_at(struct ledger *l, struct beacon_value *out, uint64_t slot)
{
    uint8_t key[VALUE_KEY_SIZE];
    value_key(key, slot);
    *out = (struct beacon_value){ 0 };
    struct span value;
    if (!state_get(l->st, &value, STATE_BEACON, span_of(key, sizeof(key))))
        return false;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 4);
    cbor_read_bytes_of(&c, out->value, 32);
    out->weak = cbor_read_bool(&c);
    out->contributions = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->committee = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    ASSERT(cbor_finish(&c) == OK); /* we wrote it */
    return true;
}

static void value_put(struct ledger *l, uint64_t slot, const struct beacon_value *v)
{
    uint8_t key[VALUE_KEY_SIZE];
    value_key(key, slot);
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 4);
    cbor_write_bytes(&w, span_of(v->value, 32));
    cbor_write_bool(&w, v->weak);
    cbor_write_uint(&w, v->contributions);
    cbor_write_uint(&w, v->committee);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_BEACON, span_of(key, sizeof(key)), writer_span(&w));
}

void beacon_alpha(uint8_t out[32], const uint8_t chain_hash[32], uint64_t slot,
                  const uint8_t previous[32])
{
    uint8_t number[8];
    store_le64(number, slot);
    const struct span parts[] = { span_of(chain_hash, 32), span_of(number, sizeof(number)),
                                  span_of(previous, 32) };
    sha256_tagged(out, "crust/beacon-alpha/1", parts, 3);
}

bool beacon_open(struct ledger *l, uint64_t *slot, uint8_t alpha[32])
{
    *slot = l->slot + 1;
    memset(alpha, 0, 32);
    struct beacon_value now;
    if (ledger_in_report_part(l) || !beacon_at(l, &now, l->slot))
        return false;
    beacon_alpha(alpha, l->chain_hash, *slot, now.value);
    return true;
}

bool beacon_has_contributed(struct ledger *l, uint64_t slot, const struct beacon_member *m)
{
    uint8_t k[PENDING_KEY_SIZE];
    pending_key(k, slot, m->id);
    return state_has(l->st, STATE_BEACON, span_of(k, sizeof(k)));
}

enum tx_result beacon_check(struct ledger *l, const struct tx *tx)
{
    const struct tx_beacon *b = &tx->call.beacon;
    struct beacon_member m;
    uint64_t slot;
    uint8_t alpha[32];
    /* SPEC beacon 5.2: "refused outside the window, for another slot, twice, from a key that is not
     * in the committee, or with a wrong proof" */
    if (!beacon_member(l, &m, b->key))
        return RESULT_BEACON_UNKNOWN_KEY;
    if (!beacon_open(l, &slot, alpha) || slot != b->slot)
        return RESULT_BEACON_WRONG_SLOT;
    if (beacon_has_contributed(l, slot, &m))
        return RESULT_BEACON_REPEATED;
    uint8_t beta[VRF_OUTPUT_SIZE];
    if (vrf_verify(beta, b->key, b->proof, span_of(alpha, sizeof(alpha))) != OK)
        return RESULT_BEACON_BAD_PROOF;
    return RESULT_OK;
}

void beacon_apply(struct ledger *l, const struct tx *tx)
{
    const struct tx_beacon *b = &tx->call.beacon;
    struct beacon_member m;
    uint8_t beta[VRF_OUTPUT_SIZE];
    enum err e = vrf_proof_to_hash(beta, b->proof);
    ASSERT(e == OK); /* beacon_check has verified it */
    if (!beacon_member(l, &m, b->key))
        return; /* only when the kv has failed */
    uint8_t k[PENDING_KEY_SIZE];
    pending_key(k, b->slot, m.id);
    state_put(l->st, STATE_BEACON, span_of(k, sizeof(k)), span_of(beta, sizeof(beta)));
    struct ledger_event ev;
    ledger_event_begin(&ev, "beacon.contribution");
    ledger_event_uint(&ev, "slot", b->slot);
    ledger_event_hex(&ev, "key", span_of(b->key, 32));
    ledger_event_end(l, &ev);
}

void beacon_genesis(struct ledger *l, const uint8_t b0[32], const uint8_t (*keys)[32], size_t count)
{
    /* SPEC beacon 2.1: "Ed25519 keys, at most 256" */
    ASSERT(count <= BEACON_CONTRIBUTORS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint8_t k[CONTRIBUTOR_KEY_SIZE];
        contributor_key(k, keys[i]);
        state_put(l->st, STATE_BEACON, span_of(k, sizeof(k)), (struct span){ NULL, 0 });
    }
    uint8_t number[4];
    store_le32(number, (uint32_t)count);
    state_put(l->st, STATE_BEACON, span_str("n"), span_of(number, sizeof(number)));
    struct beacon_value v = { .committee = (uint32_t)count };
    memcpy(v.value, b0, 32);
    value_put(l, 0, &v);
}

/* SPEC beacon 6.1: "for each contribution, ascending by member". Forgets them then. */
static uint32_t contributions_take(struct ledger *l, struct sha256 *h, uint64_t slot)
{
    uint8_t prefix[PENDING_KEY_SIZE];
    pending_key(prefix, slot, l->chain_hash); /* only the first nine bytes are used */
    struct state_range range = { .store = STATE_BEACON, .prefix = span_of(prefix, 9) };
    uint32_t count = 0;
    struct span key, value;
    while (state_next(l->st, &key, &value, range, range.prefix, false)) {
        ASSERT(key.n == PENDING_KEY_SIZE && value.n == VRF_OUTPUT_SIZE);
        sha256_update(h, span_of(key.p + 9, 32));
        sha256_update(h, value);
        uint8_t copy[PENDING_KEY_SIZE];
        memcpy(copy, key.p, sizeof(copy));
        state_del(l->st, STATE_BEACON, span_of(copy, sizeof(copy)));
        count++;
    }
    return count;
}

/* Notes who of an elected committee contributed and who withheld; returns the power of those who
 * did. Genesis's contributors earn nothing that they could forfeit. */
static uint64_t members_account(struct ledger *l, uint64_t slot)
{
    uint8_t key[32] = { 0 };
    uint64_t power = 0;
    for (struct beacon_member m; beacon_committee_next(l, key, &m);) {
        bool gave = beacon_has_contributed(l, slot, &m);
        power += gave ? m.power : 0;
        beacon_account(l, slot, m.id, gave);
    }
    return power;
}

static void history_trim(struct ledger *l)
{
    /* SPEC beacon 9.1: "Values are kept for `absence_slots` + 8 slots" */
    uint64_t keep = (uint64_t)l->params->absence_slots + HISTORY_SPARE_SLOTS;
    const uint8_t prefix[1] = { 'v' };
    struct state_range range = { .store = STATE_BEACON, .prefix = span_of(prefix, 1) };
    struct span key, value;
    while (state_next(l->st, &key, &value, range, range.prefix, false)) {
        ASSERT(key.n == VALUE_KEY_SIZE);
        if (load_be64(key.p + 1) + keep > l->slot)
            return;
        uint8_t copy[VALUE_KEY_SIZE];
        memcpy(copy, key.p, sizeof(copy));
        state_del(l->st, STATE_BEACON, span_of(copy, sizeof(copy)));
    }
}

void beacon_block_end(struct ledger *l)
{
    /* SPEC beacon 6.1: "In the last block of slot s - 1 the value is fixed" */
    if (l->offset != l->params->slot_blocks - 1)
        return;
    struct beacon_value now;
    bool there = beacon_at(l, &now, l->slot);
    ASSERT(there || l->st->err != OK);
    uint64_t slot = l->slot + 1;
    uint8_t number[8];
    store_le64(number, slot);
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, span_str("crust/beacon/1"));
    sha256_update(&h, span_of(now.value, 32));
    sha256_update(&h, span_of(number, sizeof(number)));
    struct beacon_committee committee;
    beacon_committee_get(l, &committee);
    uint64_t given = members_account(l, slot);
    struct beacon_value next = { .contributions = contributions_take(l, &h, slot),
                                 .committee = committee.count };
    uint64_t power = committee.elected ? given : next.contributions;
    sha256_final(&h, next.value);
    /* SPEC beacon 7.1: "The round is *weak* when at most half of the committee's power took part"
     */
    next.weak = 2 * (u128)power <= committee.power;
    value_put(l, slot, &next);
    history_trim(l);
    struct ledger_event ev;
    ledger_event_begin(&ev, "beacon.value");
    ledger_event_uint(&ev, "slot", slot);
    ledger_event_hex(&ev, "value", span_of(next.value, 32));
    ledger_event_uint(&ev, "contributions", next.contributions);
    ledger_event_uint(&ev, "committee", next.committee);
    ledger_event_text(&ev, "weak", span_str(next.weak ? "true" : "false"));
    ledger_event_end(l, &ev);
}
