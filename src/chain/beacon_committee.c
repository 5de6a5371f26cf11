/* Who may contribute to the beacon, with which key, and what withholding costs:
 * docs/spec/beacon.md 3, 4 and 8. */
#include "chain/beacon.h"
#include "chain/staking.h"
#include "codec/cbor.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"

/* Keys in the store `beacon`: 'c' | key: a contributor of genesis, "n": their number; 'k' | key: a
 * registered key's stash; 'K' | stash: its keys; 'm' | key: a member of the committee; "C": its
 * size and power; 'e' | stash: asked and missed in this era; 'x' | stash: when it withheld, and
 * until when it may not stand. */
struct row_key {
    uint8_t bytes[33];
};

static struct row_key row_of(uint8_t letter, const uint8_t id[32])
{
    struct row_key k;
    k.bytes[0] = letter;
    memcpy(k.bytes + 1, id, 32);
    return k;
}

static bool row_get(struct ledger *l, struct span *value, uint8_t letter, const uint8_t id[32])
{
    struct row_key k = row_of(letter, id);
    return state_get(l->st, value, STATE_BEACON, span_of(k.bytes, sizeof(k.bytes)));
}

static void row_put(struct ledger *l, uint8_t letter, const uint8_t id[32], struct span value)
{
    struct row_key k = row_of(letter, id);
    state_put(l->st, STATE_BEACON, span_of(k.bytes, sizeof(k.bytes)), value);
}

static void row_del(struct ledger *l, uint8_t letter, const uint8_t id[32])
{
    struct row_key k = row_of(letter, id);
    state_del(l->st, STATE_BEACON, span_of(k.bytes, sizeof(k.bytes)));
}

/* ---- the committee ---- */

enum { LETTER_COMMITTEE = 'C' };

void beacon_committee_get(struct ledger *l, struct beacon_committee *out)
{
    const uint8_t letter[1] = { LETTER_COMMITTEE };
    struct span value;
    *out = (struct beacon_committee){ 0 };
    if (state_get(l->st, &value, STATE_BEACON, span_of(letter, 1))) {
        struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
        cbor_read_array_of(&c, 2);
        out->count = (uint32_t)cbor_read_uint_max(&c, PARAMS_VALIDATORS_LIMIT);
        out->power = cbor_read_uint(&c);
        out->elected = true;
        enum err e = cbor_finish(&c);
        ASSERT(e == OK); /* we wrote it */
    } else if (state_get(l->st, &value, STATE_BEACON, span_str("n"))) {
        ASSERT(value.n == 4);
        out->count = load_le32(value.p);
        out->power = out->count;
    }
}

static void committee_put(struct ledger *l, const struct beacon_committee *k)
{
    const uint8_t letter[1] = { LETTER_COMMITTEE };
    uint8_t buf[32];
    struct writer w = writer_of(buf, sizeof(buf));
    if (!k->elected) {
        state_del(l->st, STATE_BEACON, span_of(letter, 1));
        return;
    }
    cbor_write_array(&w, 2);
    cbor_write_uint(&w, k->count);
    cbor_write_uint(&w, k->power);
    ASSERT(w.err == OK);
    state_put(l->st, STATE_BEACON, span_of(letter, 1), writer_span(&w));
}

static void member_decode(struct beacon_member *m, struct span value)
{
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    cbor_read_bytes_of(&c, m->id, 32);
    m->power = cbor_read_uint(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
}

static void member_put(struct ledger *l, const uint8_t key[32], const struct beacon_member *m)
{
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 2);
    cbor_write_bytes(&w, span_of(m->id, 32));
    cbor_write_uint(&w, m->power);
    ASSERT(w.err == OK);
    row_put(l, 'm', key, writer_span(&w));
}

bool beacon_member(struct ledger *l, struct beacon_member *out, const uint8_t key[32])
{
    struct beacon_committee k;
    struct span value;
    *out = (struct beacon_member){ 0 };
    beacon_committee_get(l, &k);
    if (k.elected && row_get(l, &value, 'm', key)) {
        member_decode(out, value);
        return true;
    }
    if (k.elected || !row_get(l, &value, 'c', key))
        return false;
    memcpy(out->id, key, 32);
    out->power = 1;
    return true;
}

bool beacon_committee_next(struct ledger *l, uint8_t key[32], struct beacon_member *m)
{
    const uint8_t letter[1] = { 'm' };
    const struct state_range range = { .store = STATE_BEACON, .prefix = span_of(letter, 1) };
    struct row_key from = row_of('m', key);
    struct span k, value;
    if (!state_next(l->st, &k, &value, range, span_of(from.bytes, sizeof(from.bytes)), true))
        return false;
    ASSERT(k.n == sizeof(from.bytes));
    memcpy(key, k.p + 1, 32);
    member_decode(m, value);
    return true;
}

static void committee_clear(struct ledger *l)
{
    uint8_t key[32] = { 0 };
    struct beacon_member m;
    while (beacon_committee_next(l, key, &m))
        row_del(l, 'm', key);
}

void beacon_committee_form(struct ledger *l)
{
    struct staking_now now;
    if (l->offset != l->params->slot_blocks - 1 || !staking_get_now(l, &now))
        return;
    struct staking_elected elected;
    uint64_t powers[PARAMS_VALIDATORS_LIMIT];
    struct beacon_committee k = { 0 };
    u128 all = 0;
    staking_get_elected(l, &elected);
    staking_powers(l, powers, &elected);
    for (uint32_t i = 0; i < elected.count; i++)
        all += powers[i];
    /* SPEC beacon 4.3: "never more than twice the blocks of the window" */
    uint32_t most = 2 * (l->params->slot_blocks - l->params->report_blocks);
    committee_clear(l);
    /* SPEC beacon 4.2: "the elected validators with an active key, in the order of the election,
     * the first `beacon_members_min` of them and then further ones until they hold two thirds of
     * the power of all elected" */
    for (uint32_t i = 0; i < elected.count && k.count < most; i++) {
        struct beacon_keys keys;
        struct beacon_member m = { .power = powers[i] };
        if (k.count >= l->params->beacon_members_min && 3 * (u128)k.power >= 2 * all)
            break;
        if (!beacon_keys_get(l, &keys, elected.rows[i].stash, now.era) || !keys.active)
            continue;
        memcpy(m.id, elected.rows[i].stash, 32);
        member_put(l, keys.key, &m);
        k.power += powers[i];
        k.count++;
    }
    /* SPEC beacon 4.4: "As long as there is none, genesis's contributors are the committee" */
    k.elected = k.count > 0;
    committee_put(l, &k);
}

/* ---- keys ---- */

static void keys_read(struct beacon_keys *out, struct span value)
{
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 3);
    out->active = !cbor_try_null(&c);
    if (out->active)
        cbor_read_bytes_of(&c, out->key, 32);
    out->next = true;
    cbor_read_bytes_of(&c, out->next_key, 32);
    out->next_era = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
}

bool beacon_keys_get(struct ledger *l, struct beacon_keys *out, const uint8_t stash[32],
                     uint32_t era)
{
    struct span value;
    *out = (struct beacon_keys){ 0 };
    if (!row_get(l, &value, 'K', stash))
        return false;
    keys_read(out, value);
    if (era >= out->next_era) {
        out->active = true;
        memcpy(out->key, out->next_key, 32);
        out->next = false;
        memset(out->next_key, 0, 32);
        out->next_era = 0;
    }
    return true;
}

void beacon_key_alpha(uint8_t out[32], const uint8_t chain_hash[32], const uint8_t stash[32])
{
    const struct span parts[] = { span_of(chain_hash, 32), span_of(stash, 32) };
    sha256_tagged(out, "crust/beacon-key/1", parts, 2);
}

enum tx_result beacon_check_key(struct ledger *l, const uint8_t stash[32], const uint8_t key[32],
                                const uint8_t *proof)
{
    struct span value;
    uint8_t alpha[32], beta[VRF_OUTPUT_SIZE];
    /* SPEC beacon 3.3: "A key registers once, by whomever" */
    if (row_get(l, &value, 'k', key))
        return RESULT_BEACON_KEY_USED;
    beacon_key_alpha(alpha, l->chain_hash, stash);
    return vrf_verify(beta, key, proof, span_of(alpha, sizeof(alpha))) == OK
               ? RESULT_OK
               : RESULT_BEACON_KEY_PROOF;
}

void beacon_apply_key(struct ledger *l, const uint8_t stash[32], const uint8_t key[32],
                      uint32_t era)
{
    struct beacon_keys keys;
    uint8_t buf[96];
    struct writer w = writer_of(buf, sizeof(buf));
    beacon_keys_get(l, &keys, stash, era);
    /* SPEC beacon 3.4: "It is the stash's key from the second era after the present one on" */
    cbor_write_array(&w, 3);
    if (keys.active)
        cbor_write_bytes(&w, span_of(keys.key, 32));
    else
        cbor_write_null(&w);
    cbor_write_bytes(&w, span_of(key, 32));
    cbor_write_uint(&w, (uint64_t)era + 2);
    ASSERT(w.err == OK);
    row_put(l, 'K', stash, writer_span(&w));
    row_put(l, 'k', key, span_of(stash, 32));
    struct ledger_event ev;
    ledger_event_begin(&ev, "beacon.key");
    ledger_event_account(&ev, "stash", stash);
    ledger_event_hex(&ev, "key", span_of(key, 32));
    ledger_event_uint(&ev, "era", (uint64_t)era + 2);
    ledger_event_end(l, &ev);
}

/* ---- what withholding costs ---- */

void beacon_counts(struct ledger *l, const uint8_t stash[32], uint32_t *asked, uint32_t *missed)
{
    struct span value;
    *asked = *missed = 0;
    if (!row_get(l, &value, 'e', stash))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    *asked = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    *missed = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
}

uint64_t beacon_points(struct ledger *l, const uint8_t stash[32], uint64_t points)
{
    uint32_t asked, missed;
    beacon_counts(l, stash, &asked, &missed);
    row_del(l, 'e', stash);
    if (missed == 0)
        return points;
    uint64_t kept = (uint64_t)((u128)points * (asked - missed) / asked);
    struct ledger_event ev;
    ledger_event_begin(&ev, "beacon.forfeited");
    ledger_event_account(&ev, "stash", stash);
    ledger_event_uint(&ev, "asked", asked);
    ledger_event_uint(&ev, "missed", missed);
    ledger_event_uint(&ev, "points", points - kept);
    ledger_event_end(l, &ev);
    return kept;
}

/* When a stash withheld lately, and from which slot on it may stand again. */
struct misses {
    uint64_t free_slot;
    uint32_t count;
    uint64_t slots[PARAMS_MISSES_LIMIT]; /* ascending */
};

static void misses_get(struct ledger *l, struct misses *m, const uint8_t stash[32])
{
    struct span value;
    m->free_slot = 0;
    m->count = 0;
    if (!row_get(l, &value, 'x', stash))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    m->free_slot = cbor_read_uint(&c);
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= PARAMS_MISSES_LIMIT, ERR_LIMIT);
    for (size_t i = 0; i < count && c.r.err == OK; i++)
        m->slots[i] = cbor_read_uint(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    m->count = (uint32_t)count;
}

static void misses_put(struct ledger *l, const struct misses *m, const uint8_t stash[32])
{
    uint8_t buf[16 + 9 * (PARAMS_MISSES_LIMIT + 1)];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 2);
    cbor_write_uint(&w, m->free_slot);
    cbor_write_array(&w, m->count);
    for (uint32_t i = 0; i < m->count; i++)
        cbor_write_uint(&w, m->slots[i]);
    ASSERT(w.err == OK);
    row_put(l, 'x', stash, writer_span(&w));
}

bool beacon_is_jailed(struct ledger *l, const uint8_t stash[32])
{
    struct misses m;
    misses_get(l, &m, stash);
    return l->slot < m.free_slot;
}

/* SPEC beacon 8.3: "Who misses `beacon_misses_max` times within `beacon_miss_slots` slots is
 * chilled, and may not stand for as many slots" */
static void miss(struct ledger *l, uint64_t slot, const uint8_t stash[32])
{
    struct misses m;
    misses_get(l, &m, stash);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m.count; i++)
        if (m.slots[i] + l->params->beacon_miss_slots > slot)
            m.slots[kept++] = m.slots[i];
    m.count = kept;
    ASSERT(m.count < PARAMS_MISSES_LIMIT); /* the limit of misses is at most that, and resets */
    m.slots[m.count++] = slot;
    struct ledger_event ev;
    ledger_event_begin(&ev, "beacon.missed");
    ledger_event_account(&ev, "stash", stash);
    ledger_event_uint(&ev, "slot", slot);
    ledger_event_uint(&ev, "lately", m.count);
    ledger_event_end(l, &ev);
    if (m.count >= l->params->beacon_misses_max) {
        m.count = 0;
        m.free_slot = slot + l->params->beacon_miss_slots;
        ledger_event_begin(&ev, "beacon.jailed");
        ledger_event_account(&ev, "stash", stash);
        ledger_event_uint(&ev, "until", m.free_slot);
        ledger_event_end(l, &ev);
        staking_chill(l, stash);
    }
    misses_put(l, &m, stash);
}

void beacon_account(struct ledger *l, uint64_t slot, const uint8_t stash[32], bool gave)
{
    uint32_t asked, missed;
    uint8_t buf[24];
    struct writer w = writer_of(buf, sizeof(buf));
    beacon_counts(l, stash, &asked, &missed);
    cbor_write_array(&w, 2);
    cbor_write_uint(&w, (uint64_t)asked + 1);
    cbor_write_uint(&w, (uint64_t)missed + !gave);
    ASSERT(w.err == OK);
    row_put(l, 'e', stash, writer_span(&w));
    if (!gave)
        miss(l, slot, stash);
}
