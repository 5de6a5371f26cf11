/* What the engine is told about validators: docs/spec/staking.md 8. A wrong update would stop the
 * chain for ever, so everything here keeps within the engine's rules by construction. */
#include "chain/chain.h"
#include "chain/staking_store.h"
#include "codec/cbor.h"

_Static_assert((int)CHAIN_VALIDATORS_MAX == (int)PARAMS_VALIDATORS_LIMIT,
               "sets and updates have one bound");

/* All power stays below 2^53 (twice that while one set follows another): far inside the engine's
 * 2^60 - 1, and exact in JSON readers that know doubles only. */
static const uint64_t power_sum_max = (uint64_t)1 << 53;

struct row {
    uint8_t key[32];
    uint8_t stash[32];
    uint64_t power;
};

/* ---- records ---- */

static struct staking_key row_key(const uint8_t key[32])
{
    struct staking_key k = staking_key_of(STAKING_KEY_ROW);
    staking_key_add(&k, key, 32);
    return k;
}

static void row_put(struct ledger *l, const struct row *r)
{
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof(buf));
    struct staking_key k = row_key(r->key);
    cbor_write_array(&w, 2);
    cbor_write_bytes(&w, span_of(r->stash, 32));
    cbor_write_uint(&w, r->power);
    ASSERT(w.err == OK);
    if (r->power == 0)
        state_del(l->st, STATE_STAKING, staking_key_span(&k));
    else
        state_put(l->st, STATE_STAKING, staking_key_span(&k), writer_span(&w));
}

static void row_decode(struct row *r, struct span value)
{
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    cbor_read_bytes_of(&c, r->stash, 32);
    r->power = cbor_read_uint(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
}

static bool row_get(struct ledger *l, struct row *r, const uint8_t key[32])
{
    struct staking_key k = row_key(key);
    struct span value;
    *r = (struct row){ .power = 0 };
    memcpy(r->key, key, 32);
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(&k)))
        return false;
    row_decode(r, value);
    return true;
}

static bool row_next(struct ledger *l, struct row *r)
{
    const uint8_t prefix[1] = { STAKING_KEY_ROW };
    const struct state_range range = { .store = STATE_STAKING, .prefix = span_of(prefix, 1) };
    struct staking_key from = row_key(r->key);
    struct span k, value;
    if (!state_next(l->st, &k, &value, range, staking_key_span(&from), true))
        return false;
    ASSERT(k.n == 33);
    memcpy(r->key, k.p + 1, 32);
    row_decode(r, value);
    return true;
}

bool staking_next_row(struct ledger *l, uint8_t key[32], uint8_t stash[32], uint64_t *power)
{
    struct row r = { .power = 0 };
    memcpy(r.key, key, 32);
    if (!row_next(l, &r))
        return false;
    memcpy(key, r.key, 32);
    memcpy(stash, r.stash, 32);
    *power = r.power;
    return true;
}

uint64_t staking_set_total(struct ledger *l, uint32_t *count)
{
    struct row r = { .power = 0 };
    uint64_t sum = 0;
    for (*count = 0; row_next(l, &r); (*count)++)
        sum += r.power;
    return sum;
}

struct goal {
    uint32_t count;
    struct row rows[CHAIN_VALIDATORS_MAX];
};

static void goal_get(struct ledger *l, struct goal *g)
{
    struct staking_key k = staking_key_of(STAKING_KEY_GOAL);
    struct span value;
    g->count = 0;
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(&k)))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= CHAIN_VALIDATORS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < count && c.r.err == OK; i++) {
        cbor_read_array_of(&c, 3);
        cbor_read_bytes_of(&c, g->rows[i].key, 32);
        cbor_read_bytes_of(&c, g->rows[i].stash, 32);
        g->rows[i].power = cbor_read_uint(&c);
    }
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    g->count = (uint32_t)count;
}

static void goal_put(struct ledger *l, const struct goal *g)
{
    uint8_t buf[STATE_VALUE_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    struct staking_key k = staking_key_of(STAKING_KEY_GOAL);
    cbor_write_array(&w, g->count);
    for (uint32_t i = 0; i < g->count; i++) {
        cbor_write_array(&w, 3);
        cbor_write_bytes(&w, span_of(g->rows[i].key, 32));
        cbor_write_bytes(&w, span_of(g->rows[i].stash, 32));
        cbor_write_uint(&w, g->rows[i].power);
    }
    ASSERT(w.err == OK);
    state_put(l->st, STATE_STAKING, staking_key_span(&k), writer_span(&w));
}

/* ---- powers ---- */

/* SPEC staking 8.3: "No power is above `power_cap_percent` of all, or above 200 / n percent if that
 * is more, n being the number of elected." rows are sorted, the largest first. */
static void cap_powers(struct goal *g, uint32_t percent)
{
    uint64_t least = (200 + g->count - 1) / g->count;
    uint64_t p = percent > least ? percent : least;
    u128 rest = 0;
    if (p >= 100)
        return;
    for (uint32_t i = 0; i < g->count; i++)
        rest += g->rows[i].power;
    /* With the k largest cut to c: c = p % of (k c + rest), so c = p rest / (100 - k p). */
    for (uint32_t k = 0; k < g->count && k * p < 100; k++) {
        u128 c = rest * p / (100 - k * p);
        if (g->rows[k].power <= c) {
            for (uint32_t i = 0; i < k; i++)
                g->rows[i].power = c == 0 ? 1 : (uint64_t)c;
            return;
        }
        rest -= g->rows[k].power;
    }
    for (uint32_t i = 0; i < g->count; i++) /* all but equal: none may stand out */
        g->rows[i].power = g->rows[g->count - 1].power;
}

/* SPEC staking 8.2: "Power is effective stake divided by `power_unit`, rounded down; while their
 * sum is above 2^53, all are divided by the same number, and none becomes less than 1." */
static void powers_of(struct ledger *l, struct goal *g, const struct staking_elected *e)
{
    u128 sum = 0;
    for (uint32_t i = 0; i < e->count; i++)
        sum += e->rows[i].stake.units / l->params->power_unit.units;
    u128 divisor = sum / (power_sum_max - CHAIN_VALIDATORS_MAX) + 1;
    g->count = e->count;
    for (uint32_t i = 0; i < e->count; i++) {
        u128 power = e->rows[i].stake.units / l->params->power_unit.units / divisor;
        memcpy(g->rows[i].key, e->rows[i].key, 32);
        memcpy(g->rows[i].stash, e->rows[i].stash, 32);
        g->rows[i].power = power == 0 ? 1 : (uint64_t)power;
    }
    if (g->count > 0)
        cap_powers(g, l->params->power_cap_percent);
}

void staking_set_goal(struct ledger *l, struct staking_now *now, const struct staking_elected *e)
{
    struct goal g;
    powers_of(l, &g, e);
    goal_put(l, &g);
    now->set_pending = true;
}

void staking_powers(struct ledger *l, uint64_t powers[PARAMS_VALIDATORS_LIMIT],
                    const struct staking_elected *e)
{
    struct goal g;
    powers_of(l, &g, e);
    for (uint32_t i = 0; i < g.count; i++)
        powers[i] = g.rows[i].power;
}

/* ---- telling ---- */

static bool is_told(const struct chain_output *out, const uint8_t key[32])
{
    for (uint32_t i = 0; i < out->update_count; i++)
        if (memcmp(out->updates[i].key, key, 32) == 0)
            return true;
    return false;
}

static void tell(struct ledger *l, struct chain_output *out, const struct row *r)
{
    ASSERT(out->update_count < CHAIN_VALIDATORS_MAX);
    struct chain_validator_update *u = &out->updates[out->update_count++];
    memcpy(u->key, r->key, 32);
    u->power = r->power;
    row_put(l, r);
    struct ledger_event ev;
    ledger_event_begin(&ev, "validator.power");
    ledger_event_account(&ev, "stash", r->stash);
    ledger_event_hex(&ev, "key", span_of(r->key, 32));
    ledger_event_uint(&ev, "power", r->power);
    ledger_event_end(l, &ev);
}

static bool goal_drop(struct goal *g, const uint8_t stash[32])
{
    for (uint32_t i = 0; i < g->count; i++) {
        if (memcmp(g->rows[i].stash, stash, 32) != 0)
            continue;
        memmove(&g->rows[i], &g->rows[i + 1], (g->count - i - 1) * sizeof(g->rows[0]));
        g->count--;
        return true;
    }
    return false;
}

bool staking_set_remove(struct ledger *l, struct chain_output *out, const uint8_t stash[32])
{
    struct goal g;
    struct row r = { .power = 0 };
    uint32_t count;
    staking_set_total(l, &count);
    goal_get(l, &g);
    /* SPEC staking 8.6: "A removal that would leave fewer than `validators_min`, now or when all
     * has been told, waits for the next election." */
    uint32_t least = l->params->validators_min;
    if (count <= least || g.count <= least || out->update_count >= CHAIN_VALIDATORS_MAX)
        return false;
    if (goal_drop(&g, stash))
        goal_put(l, &g);
    while (count > least && row_next(l, &r)) {
        if (memcmp(r.stash, stash, 32) != 0 || is_told(out, r.key))
            continue;
        r.power = 0;
        tell(l, out, &r);
        count--;
    }
    return true;
}

/* What one block may change. */
struct batch {
    struct ledger *l;
    struct chain_output *out;
    uint64_t left; /* power */
    bool full;
};

/* SPEC staking 8.4: "One block changes at most a third of all power, but always at least one
 * validator." True when the change fits. */
static bool fits(struct batch *b, uint64_t weight, uint32_t updates)
{
    bool first = b->out->update_count == 0;
    b->full = b->full || b->out->update_count + updates > CHAIN_VALIDATORS_MAX ||
              (!first && weight > b->left);
    if (b->full)
        return false;
    b->left -= weight < b->left ? weight : b->left;
    return true;
}

/* The row that the engine has for a stash under another key. */
static bool old_row(struct ledger *l, struct row *old, const struct row *want)
{
    *old = (struct row){ .power = 0 };
    while (row_next(l, old))
        if (memcmp(old->stash, want->stash, 32) == 0 && memcmp(old->key, want->key, 32) != 0)
            return true;
    return false;
}

static void enter(struct batch *b, const struct row *want)
{
    struct row had, old;
    bool known = row_get(b->l, &had, want->key);
    bool moves = old_row(b->l, &old, want);
    if (known && had.power == want->power && !moves)
        return;
    /* A key that was told in this block already waits for the next. */
    if (is_told(b->out, want->key) || (moves && is_told(b->out, old.key))) {
        b->full = true;
        return;
    }
    uint64_t weight = want->power > had.power ? want->power - had.power : had.power - want->power;
    if (!fits(b, weight, moves ? 2 : 1))
        return;
    if (!known || had.power != want->power)
        tell(b->l, b->out, want);
    if (moves) {
        old.power = 0;
        tell(b->l, b->out, &old);
    }
}

static bool goal_has(const struct goal *g, const uint8_t key[32])
{
    for (uint32_t i = 0; i < g->count; i++)
        if (memcmp(g->rows[i].key, key, 32) == 0)
            return true;
    return false;
}

void staking_set_step(struct ledger *l, struct staking_now *now, struct chain_output *out)
{
    struct goal g;
    uint32_t count;
    if (!now->set_pending)
        return;
    goal_get(l, &g);
    uint64_t total = staking_set_total(l, &count);
    struct batch b = { .l = l, .out = out, .left = total / 3 };
    if (g.count == 0) { /* nothing to go to: what there is stays */
        now->set_pending = false;
        return;
    }
    for (uint32_t i = 0; i < g.count && !b.full; i++)
        enter(&b, &g.rows[i]);
    /* SPEC staking 8.5: "first who comes and who changes, then who goes" */
    struct row r = { .power = 0 };
    while (!b.full && row_next(l, &r)) {
        if (goal_has(&g, r.key))
            continue;
        if (is_told(out, r.key) || !fits(&b, r.power, 1)) {
            b.full = true;
            break;
        }
        r.power = 0;
        tell(l, out, &r);
    }
    now->set_pending = b.full;
}

void staking_genesis_set(struct ledger *l, const uint8_t key[32], const uint8_t stash[32],
                         uint64_t power)
{
    struct goal g;
    struct row r = { .power = power };
    memcpy(r.key, key, 32);
    memcpy(r.stash, stash, 32);
    row_put(l, &r);
    goal_get(l, &g);
    ASSERT(g.count < CHAIN_VALIDATORS_MAX);
    g.rows[g.count++] = r;
    goal_put(l, &g);
}
