#include "chain/staking_store.h"

#include "codec/cbor.h"
#include "crypto/sha256.h"

enum { RECORD_MAX = 4096, LIST_MAX = STATE_VALUE_MAX };

struct staking_key staking_key_of(uint8_t letter)
{
    return (struct staking_key){ .bytes = { letter }, .n = 1 };
}

void staking_key_add(struct staking_key *k, const void *p, size_t n)
{
    ASSERT(n <= sizeof(k->bytes) - k->n);
    memcpy(k->bytes + k->n, p, n);
    k->n += n;
}

void staking_key_u32(struct staking_key *k, uint32_t v)
{
    uint8_t b[4];
    store_be32(b, v);
    staking_key_add(k, b, sizeof(b));
}

struct span staking_key_span(const struct staking_key *k)
{
    return span_of(k->bytes, k->n);
}

static struct staking_key key1(uint8_t letter, const uint8_t *id)
{
    struct staking_key k = staking_key_of(letter);
    if (id != NULL)
        staking_key_add(&k, id, 32);
    return k;
}

static struct staking_key key_era(uint8_t letter, uint32_t era, const uint8_t *id)
{
    struct staking_key k = staking_key_of(letter);
    staking_key_u32(&k, era);
    if (id != NULL)
        staking_key_add(&k, id, 32);
    return k;
}

static bool find(struct ledger *l, struct cbor_reader *c, const struct staking_key *k)
{
    struct span value;
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(k)))
        return false;
    *c = cbor_reader_of(value, CBOR_STRICT);
    return true;
}

static void keep(struct ledger *l, const struct staking_key *k, const struct writer *w)
{
    ASSERT(w->err == OK);
    state_put(l->st, STATE_STAKING, staking_key_span(k), writer_span(w));
}

static void done(struct cbor_reader *c)
{
    enum err e = cbor_finish(c);
    ASSERT(e == OK); /* we wrote it */
}

static uint32_t read_u32(struct cbor_reader *c)
{
    return (uint32_t)cbor_read_uint_max(c, UINT32_MAX);
}

/* ---- now ---- */

bool staking_get_now(struct ledger *l, struct staking_now *out)
{
    struct staking_key k = staking_key_of(STAKING_KEY_NOW);
    struct cbor_reader c;
    *out = (struct staking_now){ 0 };
    if (!find(l, &c, &k))
        return false;
    cbor_read_array_of(&c, 13);
    out->era = read_u32(&c);
    out->era_height = cbor_read_uint(&c);
    out->era_ms = cbor_read_uint(&c);
    out->election = read_u32(&c);
    out->stake = cbor_read_amount(&c);
    out->phase = (enum staking_phase)cbor_read_uint_max(&c, STAKING_KEEPING);
    out->next_election = read_u32(&c);
    out->next_stake = cbor_read_amount(&c);
    cbor_read_bytes_of(&c, out->cursor, 32);
    out->limit_all = cbor_read_amount(&c);
    out->workload_all = cbor_read_uint(&c);
    out->stage_two = cbor_read_bool(&c);
    out->set_pending = cbor_read_bool(&c);
    done(&c);
    return true;
}

void staking_put_now(struct ledger *l, const struct staking_now *now)
{
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 13);
    cbor_write_uint(&w, now->era);
    cbor_write_uint(&w, now->era_height);
    cbor_write_uint(&w, now->era_ms);
    cbor_write_uint(&w, now->election);
    cbor_write_amount(&w, now->stake);
    cbor_write_uint(&w, now->phase);
    cbor_write_uint(&w, now->next_election);
    cbor_write_amount(&w, now->next_stake);
    cbor_write_bytes(&w, span_of(now->cursor, 32));
    cbor_write_amount(&w, now->limit_all);
    cbor_write_uint(&w, now->workload_all);
    cbor_write_bool(&w, now->stage_two);
    cbor_write_bool(&w, now->set_pending);
    struct staking_key k = staking_key_of(STAKING_KEY_NOW);
    keep(l, &k, &w);
}

/* ---- ledgers ---- */

static void edges_write(struct writer *w, const struct staking_edge *edges, uint32_t count)
{
    cbor_write_array(w, count);
    for (uint32_t i = 0; i < count; i++) {
        cbor_write_array(w, 2);
        cbor_write_bytes(w, span_of(edges[i].who, 32));
        cbor_write_amount(w, edges[i].value);
    }
}

static uint32_t edges_read(struct cbor_reader *c, struct staking_edge *edges, uint32_t max)
{
    size_t count = cbor_read_array(c);
    cbor_require(c, count <= max, ERR_LIMIT);
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        cbor_read_array_of(c, 2);
        cbor_read_bytes_of(c, edges[i].who, 32);
        edges[i].value = cbor_read_amount(c);
    }
    return (uint32_t)count;
}

static void chunks_write(struct writer *w, const struct staking_ledger *s)
{
    cbor_write_array(w, s->chunk_count);
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        cbor_write_array(w, 4);
        cbor_write_amount(w, s->chunks[i].value);
        cbor_write_uint(w, s->chunks[i].era);
        cbor_write_uint(w, s->chunks[i].height);
        cbor_write_uint(w, s->chunks[i].time_ms);
    }
}

static void chunks_read(struct cbor_reader *c, struct staking_ledger *s)
{
    size_t count = cbor_read_array(c);
    cbor_require(c, count <= STAKING_CHUNKS_MAX, ERR_LIMIT);
    for (size_t i = 0; i < count && c->r.err == OK; i++) {
        cbor_read_array_of(c, 4);
        s->chunks[i].value = cbor_read_amount(c);
        s->chunks[i].era = read_u32(c);
        s->chunks[i].height = cbor_read_uint(c);
        s->chunks[i].time_ms = cbor_read_uint(c);
    }
    s->chunk_count = (uint32_t)count;
}

/* A key or an account that may be missing: 32 bytes or none. */
static bool optional_read(struct cbor_reader *c, uint8_t out[32])
{
    struct span s = cbor_read_bytes(c);
    if (s.n == 32)
        memcpy(out, s.p, 32);
    return s.n == 32;
}

bool staking_get(struct ledger *l, struct staking_ledger *out, const uint8_t stash[32])
{
    struct staking_key k = key1(STAKING_KEY_LEDGER, stash);
    struct cbor_reader c;
    *out = (struct staking_ledger){ 0 };
    if (!find(l, &c, &k))
        return false;
    cbor_read_array_of(&c, 11);
    cbor_read_bytes_of(&c, out->controller, 32);
    out->total = cbor_read_amount(&c);
    out->active = cbor_read_amount(&c);
    out->pays_account = optional_read(&c, out->payee);
    out->has_key = optional_read(&c, out->key);
    out->validates = cbor_read_bool(&c);
    out->fee = read_u32(&c);
    out->pending = read_u32(&c);
    out->guaranteed = cbor_read_amount(&c);
    out->target_count = edges_read(&c, out->targets, STAKING_TARGETS_MAX);
    chunks_read(&c, out);
    done(&c);
    return true;
}

void staking_put(struct ledger *l, const uint8_t stash[32], const struct staking_ledger *s)
{
    uint8_t buf[RECORD_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 11);
    cbor_write_bytes(&w, span_of(s->controller, 32));
    cbor_write_amount(&w, s->total);
    cbor_write_amount(&w, s->active);
    cbor_write_bytes(&w, span_of(s->payee, s->pays_account ? 32 : 0));
    cbor_write_bytes(&w, span_of(s->key, s->has_key ? 32 : 0));
    cbor_write_bool(&w, s->validates);
    cbor_write_uint(&w, s->fee);
    cbor_write_uint(&w, s->pending);
    cbor_write_amount(&w, s->guaranteed);
    edges_write(&w, s->targets, s->target_count);
    chunks_write(&w, s);
    struct staking_key k = key1(STAKING_KEY_LEDGER, stash);
    keep(l, &k, &w);
}

bool staking_stash_of(struct ledger *l, uint8_t stash[32], const uint8_t controller[32])
{
    struct staking_key k = key1(STAKING_KEY_CONTROLLER, controller);
    struct span value;
    memset(stash, 0, 32);
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(&k)) || value.n != 32)
        return false;
    memcpy(stash, value.p, 32);
    return true;
}

void staking_put_controller(struct ledger *l, const uint8_t controller[32], const uint8_t *stash)
{
    struct staking_key k = key1(STAKING_KEY_CONTROLLER, controller);
    if (stash == NULL)
        state_del(l->st, STATE_STAKING, staking_key_span(&k));
    else
        state_put(l->st, STATE_STAKING, staking_key_span(&k), span_of(stash, 32));
}

/* ---- amounts and edges ---- */

struct amount staking_get_amount(struct ledger *l, const struct staking_key *k)
{
    struct span value;
    struct amount v;
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(k)))
        return AMOUNT_ZERO;
    enum err e = amount_of_bytes(&v, value);
    ASSERT(e == OK);
    return v;
}

void staking_put_amount(struct ledger *l, const struct staking_key *k, struct amount v)
{
    uint8_t bytes[AMOUNT_BYTES_MAX];
    size_t n = amount_bytes(bytes, v);
    if (n == 0)
        state_del(l->st, STATE_STAKING, staking_key_span(k));
    else
        state_put(l->st, STATE_STAKING, staking_key_span(k), span_of(bytes, n));
}

static struct staking_key edge_key(const uint8_t target[32], const uint8_t who[32])
{
    struct staking_key k = key1(STAKING_KEY_EDGE, target);
    staking_key_add(&k, who, 32);
    return k;
}

struct amount staking_edge(struct ledger *l, const uint8_t target[32], const uint8_t who[32])
{
    struct staking_key k = edge_key(target, who);
    return staking_get_amount(l, &k);
}

uint32_t staking_edge_count(struct ledger *l, const uint8_t target[32])
{
    struct staking_key k = key1(STAKING_KEY_EDGES, target);
    return (uint32_t)staking_get_amount(l, &k).units;
}

void staking_put_edge(struct ledger *l, const uint8_t target[32], const uint8_t who[32],
                      struct amount v)
{
    struct staking_key k = edge_key(target, who);
    bool was = !amount_is_zero(staking_get_amount(l, &k));
    bool is = !amount_is_zero(v);
    staking_put_amount(l, &k, v);
    if (was == is)
        return;
    struct staking_key n = key1(STAKING_KEY_EDGES, target);
    uint32_t count = staking_edge_count(l, target);
    ASSERT(is || count > 0 || l->st->err != OK);
    staking_put_amount(l, &n, AMOUNT_OF(is ? count + 1 : count - (count > 0)));
}

bool staking_next_guarantor(struct ledger *l, const uint8_t target[32], struct staking_edge *edge)
{
    struct staking_key prefix = key1(STAKING_KEY_EDGE, target);
    struct staking_key from = edge_key(target, edge->who);
    const struct state_range range = { .store = STATE_STAKING,
                                       .prefix = staking_key_span(&prefix) };
    struct span k, value;
    if (!state_next(l->st, &k, &value, range, staking_key_span(&from), true))
        return false;
    ASSERT(k.n == 65);
    memcpy(edge->who, k.p + 33, 32);
    enum err e = amount_of_bytes(&edge->value, value);
    ASSERT(e == OK);
    return true;
}

/* ---- candidates and keys ---- */

void staking_put_candidate(struct ledger *l, const uint8_t stash[32], bool stands)
{
    struct staking_key k = key1(STAKING_INDEX_CANDIDATE, stash);
    if (stands)
        state_put(l->st, STATE_INDEX, staking_key_span(&k), (struct span){ NULL, 0 });
    else
        state_del(l->st, STATE_INDEX, staking_key_span(&k));
}

bool staking_next_candidate(struct ledger *l, uint8_t stash[32])
{
    const uint8_t prefix[1] = { STAKING_INDEX_CANDIDATE };
    struct staking_key from = key1(STAKING_INDEX_CANDIDATE, stash);
    const struct state_range range = { .store = STATE_INDEX, .prefix = span_of(prefix, 1) };
    struct span k, value;
    if (!state_next(l->st, &k, &value, range, staking_key_span(&from), true))
        return false;
    ASSERT(k.n == 33);
    memcpy(stash, k.p + 1, 32);
    return true;
}

void staking_address(uint8_t out[20], const uint8_t key[32])
{
    uint8_t hash[32];
    sha256(hash, span_of(key, 32));
    memcpy(out, hash, 20);
}

bool staking_stash_of_key(struct ledger *l, uint8_t stash[32], bool *banned, const uint8_t key[32])
{
    struct staking_key k = key1(STAKING_KEY_VALIDATOR, key);
    struct cbor_reader c;
    memset(stash, 0, 32);
    *banned = false;
    if (!find(l, &c, &k))
        return false;
    cbor_read_array_of(&c, 2);
    cbor_read_bytes_of(&c, stash, 32);
    *banned = cbor_read_bool(&c);
    done(&c);
    return true;
}

static struct staking_key address_key(const uint8_t address[20])
{
    struct staking_key k = staking_key_of(STAKING_KEY_ADDRESS);
    staking_key_add(&k, address, 20);
    return k;
}

void staking_put_key(struct ledger *l, const uint8_t key[32], const uint8_t stash[32], bool banned)
{
    uint8_t buf[64], address[20];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 2);
    cbor_write_bytes(&w, span_of(stash, 32));
    cbor_write_bool(&w, banned);
    struct staking_key k = key1(STAKING_KEY_VALIDATOR, key);
    keep(l, &k, &w);
    staking_address(address, key);
    k = address_key(address);
    state_put(l->st, STATE_STAKING, staking_key_span(&k), span_of(key, 32));
}

bool staking_key_of_address(struct ledger *l, uint8_t key[32], const uint8_t address[20])
{
    struct staking_key k = address_key(address);
    struct span value;
    memset(key, 0, 32);
    if (!state_get(l->st, &value, STATE_STAKING, staking_key_span(&k)) || value.n != 32)
        return false;
    memcpy(key, value.p, 32);
    return true;
}

/* ---- eras and exposures ---- */

bool staking_get_era(struct ledger *l, struct staking_era *out, uint32_t era)
{
    struct staking_key k = key_era(STAKING_KEY_ERA, era, NULL);
    struct cbor_reader c;
    *out = (struct staking_era){ 0 };
    if (!find(l, &c, &k))
        return false;
    cbor_read_array_of(&c, 9);
    out->height = cbor_read_uint(&c);
    out->time_ms = cbor_read_uint(&c);
    out->election = read_u32(&c);
    out->elected = read_u32(&c);
    out->stake = cbor_read_amount(&c);
    out->ended = cbor_read_bool(&c);
    out->authoring = cbor_read_amount(&c);
    out->staking = cbor_read_amount(&c);
    out->points = cbor_read_uint(&c);
    done(&c);
    return true;
}

void staking_put_era(struct ledger *l, uint32_t era, const struct staking_era *e)
{
    uint8_t buf[128];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 9);
    cbor_write_uint(&w, e->height);
    cbor_write_uint(&w, e->time_ms);
    cbor_write_uint(&w, e->election);
    cbor_write_uint(&w, e->elected);
    cbor_write_amount(&w, e->stake);
    cbor_write_bool(&w, e->ended);
    cbor_write_amount(&w, e->authoring);
    cbor_write_amount(&w, e->staking);
    cbor_write_uint(&w, e->points);
    struct staking_key k = key_era(STAKING_KEY_ERA, era, NULL);
    keep(l, &k, &w);
}

bool staking_get_exposure(struct ledger *l, struct staking_exposure *out, uint32_t election,
                          const uint8_t stash[32])
{
    struct staking_key k = key_era(STAKING_KEY_EXPOSURE, election, stash);
    struct cbor_reader c;
    out->fee = PERBILL; /* the reference network's default */
    out->total = out->own = AMOUNT_ZERO;
    out->count = 0;
    if (!find(l, &c, &k))
        return false;
    cbor_read_array_of(&c, 4);
    out->fee = read_u32(&c);
    out->total = cbor_read_amount(&c);
    out->own = cbor_read_amount(&c);
    out->count = edges_read(&c, out->others, PARAMS_GUARANTORS_LIMIT);
    done(&c);
    return true;
}

void staking_put_exposure(struct ledger *l, uint32_t election, const uint8_t stash[32],
                          const struct staking_exposure *x)
{
    uint8_t buf[LIST_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 4);
    cbor_write_uint(&w, x->fee);
    cbor_write_amount(&w, x->total);
    cbor_write_amount(&w, x->own);
    edges_write(&w, x->others, x->count);
    struct staking_key k = key_era(STAKING_KEY_EXPOSURE, election, stash);
    keep(l, &k, &w);
}

/* ---- the elected ---- */

static void elected_read(struct ledger *l, struct staking_elected *out, uint8_t letter)
{
    struct staking_key k = staking_key_of(letter);
    struct cbor_reader c;
    *out = (struct staking_elected){ 0 };
    if (!find(l, &c, &k))
        return;
    size_t count = cbor_read_array(&c);
    cbor_require(&c, count <= PARAMS_VALIDATORS_LIMIT, ERR_LIMIT);
    for (size_t i = 0; i < count && c.r.err == OK; i++) {
        cbor_read_array_of(&c, 3);
        cbor_read_bytes_of(&c, out->rows[i].stash, 32);
        cbor_read_bytes_of(&c, out->rows[i].key, 32);
        out->rows[i].stake = cbor_read_amount(&c);
    }
    out->count = (uint32_t)count;
    done(&c);
}

static void elected_write(struct ledger *l, const struct staking_elected *e, uint8_t letter)
{
    uint8_t buf[LIST_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, e->count);
    for (uint32_t i = 0; i < e->count; i++) {
        cbor_write_array(&w, 3);
        cbor_write_bytes(&w, span_of(e->rows[i].stash, 32));
        cbor_write_bytes(&w, span_of(e->rows[i].key, 32));
        cbor_write_amount(&w, e->rows[i].stake);
    }
    struct staking_key k = staking_key_of(letter);
    keep(l, &k, &w);
}

void staking_get_elected(struct ledger *l, struct staking_elected *out)
{
    struct staking_key k = staking_key_of(STAKING_KEY_COUNTERS);
    struct cbor_reader c;
    elected_read(l, out, STAKING_KEY_ELECTED);
    if (!find(l, &c, &k))
        return;
    cbor_read_array_of(&c, 1 + 2 * (size_t)out->count);
    out->blocks = read_u32(&c);
    for (uint32_t i = 0; i < out->count; i++) {
        out->rows[i].points = cbor_read_uint(&c);
        out->rows[i].missed = read_u32(&c);
    }
    done(&c);
}

void staking_put_counters(struct ledger *l, const struct staking_elected *e)
{
    uint8_t buf[RECORD_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_array(&w, 1 + 2 * (uint64_t)e->count);
    cbor_write_uint(&w, e->blocks);
    for (uint32_t i = 0; i < e->count; i++) {
        cbor_write_uint(&w, e->rows[i].points);
        cbor_write_uint(&w, e->rows[i].missed);
    }
    struct staking_key k = staking_key_of(STAKING_KEY_COUNTERS);
    keep(l, &k, &w);
}

void staking_put_elected(struct ledger *l, const struct staking_elected *e)
{
    elected_write(l, e, STAKING_KEY_ELECTED);
    staking_put_counters(l, e);
}

void staking_get_next(struct ledger *l, struct staking_elected *out)
{
    elected_read(l, out, STAKING_KEY_NEXT);
}

void staking_put_next(struct ledger *l, const struct staking_elected *e)
{
    elected_write(l, e, STAKING_KEY_NEXT);
}

void staking_put_points(struct ledger *l, uint32_t era, const struct staking_elected *e)
{
    uint8_t buf[LIST_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->count; i++)
        count += e->rows[i].points > 0;
    cbor_write_array(&w, count);
    for (uint32_t i = 0; i < e->count; i++) {
        if (e->rows[i].points == 0)
            continue;
        cbor_write_array(&w, 2);
        cbor_write_bytes(&w, span_of(e->rows[i].stash, 32));
        cbor_write_uint(&w, e->rows[i].points);
    }
    struct staking_key k = key_era(STAKING_KEY_POINTS, era, NULL);
    keep(l, &k, &w);
}

uint64_t staking_get_points(struct ledger *l, uint32_t era, const uint8_t stash[32])
{
    struct staking_key k = key_era(STAKING_KEY_POINTS, era, NULL);
    struct cbor_reader c;
    uint64_t points = 0;
    if (!find(l, &c, &k))
        return 0;
    size_t count = cbor_read_array(&c);
    for (size_t i = 0; i < count && c.r.err == OK; i++) {
        uint8_t who[32];
        cbor_read_array_of(&c, 2);
        cbor_read_bytes_of(&c, who, 32);
        uint64_t v = cbor_read_uint(&c);
        if (memcmp(who, stash, 32) == 0)
            points = v;
    }
    done(&c);
    return points;
}
