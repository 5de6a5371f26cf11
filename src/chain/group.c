#include "chain/group.h"

#include "chain/market.h"
#include "chain/staking.h"
#include "codec/cbor.h"

/* In the store `staking`: 'G' | owner -> [members, allowed, workload]; 'M' | member -> owner;
 * 'B' | owner | account: may join; 'w' | account -> [workers, power]. In the index: 'g' | owner |
 * member. */
struct key {
    uint8_t bytes[65];
    size_t n;
};

static struct key key_of(uint8_t letter, const uint8_t a[32], const uint8_t *b)
{
    struct key k = { .bytes = { letter }, .n = 33 };
    memcpy(k.bytes + 1, a, 32);
    if (b != NULL) {
        memcpy(k.bytes + 33, b, 32);
        k.n = 65;
    }
    return k;
}

static bool get(struct ledger *l, struct span *value, const struct key *k)
{
    return state_get(l->st, value, STATE_STAKING, span_of(k->bytes, k->n));
}

static void put(struct ledger *l, const struct key *k, struct span value)
{
    state_put(l->st, STATE_STAKING, span_of(k->bytes, k->n), value);
}

static void del(struct ledger *l, const struct key *k)
{
    state_del(l->st, STATE_STAKING, span_of(k->bytes, k->n));
}

bool group_get(struct ledger *l, struct group *out, const uint8_t owner[32])
{
    struct key k = key_of('G', owner, NULL);
    struct span value;
    *out = (struct group){ 0 };
    if (!get(l, &value, &k))
        return false;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 3);
    out->members = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->allowed = (uint32_t)cbor_read_uint_max(&c, UINT32_MAX);
    out->workload = cbor_read_uint(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
    return true;
}

static void group_put(struct ledger *l, const uint8_t owner[32], const struct group *g)
{
    uint8_t buf[40];
    struct writer w = writer_of(buf, sizeof(buf));
    struct key k = key_of('G', owner, NULL);
    cbor_write_array(&w, 3);
    cbor_write_uint(&w, g->members);
    cbor_write_uint(&w, g->allowed);
    cbor_write_uint(&w, g->workload);
    ASSERT(w.err == OK);
    put(l, &k, writer_span(&w));
}

bool group_owner(struct ledger *l, uint8_t owner[32], const uint8_t member[32])
{
    struct key k = key_of('M', member, NULL);
    struct span value;
    memset(owner, 0, 32);
    if (!get(l, &value, &k) || value.n != 32)
        return false;
    memcpy(owner, value.p, 32);
    return true;
}

bool group_allows(struct ledger *l, const uint8_t owner[32], const uint8_t account[32])
{
    struct key k = key_of(GROUP_KEY_ALLOWED, owner, account);
    struct span value;
    return get(l, &value, &k);
}

void group_own(struct ledger *l, struct group_own *out, const uint8_t account[32])
{
    struct key k = key_of('w', account, NULL);
    struct span value;
    *out = (struct group_own){ 0, 0 };
    if (!get(l, &value, &k))
        return;
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 2);
    out->workers = cbor_read_uint(&c);
    out->power = cbor_read_uint(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK);
}

static struct group_own own_get(struct ledger *l, const uint8_t account[32])
{
    struct group_own o;
    group_own(l, &o, account);
    return o;
}

static void own_put(struct ledger *l, const uint8_t account[32], struct group_own o)
{
    uint8_t buf[32];
    struct writer w = writer_of(buf, sizeof(buf));
    struct key k = key_of('w', account, NULL);
    cbor_write_array(&w, 2);
    cbor_write_uint(&w, o.workers);
    cbor_write_uint(&w, o.power);
    ASSERT(w.err == OK);
    put(l, &k, writer_span(&w));
}

static uint64_t sat_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t group_workload(struct ledger *l, const uint8_t stash[32])
{
    struct group g;
    uint8_t owner[32];
    group_get(l, &g, stash);
    return group_owner(l, owner, stash) ? 0 : sat_add(own_get(l, stash).power, g.workload);
}

/* ---- from chain/work ---- */

static bool is_on(struct ledger *l)
{
    struct staking_now now;
    return staking_get_now(l, &now);
}

enum tx_result group_check_worker(struct ledger *l, const uint8_t account[32])
{
    struct group g;
    /* SPEC staking 11.1: "an owner can register no worker" */
    return group_get(l, &g, account) ? RESULT_GROUP_OWNER_FORBIDDEN : RESULT_OK;
}

void group_add_worker(struct ledger *l, const uint8_t account[32])
{
    if (!is_on(l))
        return;
    struct group_own o = own_get(l, account);
    o.workers++;
    own_put(l, account, o);
}

static uint64_t moved(uint64_t sum, uint64_t before, uint64_t after)
{
    return sat_add(sum > before ? sum - before : 0, after);
}

void group_power(struct ledger *l, const uint8_t account[32], uint64_t before, uint64_t after)
{
    struct group g;
    uint8_t owner[32];
    if (!is_on(l))
        return;
    struct group_own o = own_get(l, account);
    o.power = moved(o.power, before, after);
    own_put(l, account, o);
    if (!group_owner(l, owner, account) || !group_get(l, &g, owner))
        return;
    g.workload = moved(g.workload, before, after);
    group_put(l, owner, &g);
}

/* ---- calls ---- */

static enum tx_result check_create(struct ledger *l, const uint8_t from[32])
{
    struct group g;
    if (own_get(l, from).workers > 0)
        return RESULT_GROUP_OWNER_FORBIDDEN;
    return group_get(l, &g, from) ? RESULT_GROUP_ALREADY_EXIST : RESULT_OK;
}

static enum tx_result check_allow(struct ledger *l, const uint8_t from[32],
                                  const uint8_t account[32])
{
    struct group g;
    uint8_t owner[32];
    if (!group_get(l, &g, from))
        return RESULT_NOT_OWNER;
    if (group_owner(l, owner, account))
        return RESULT_ALREADY_JOINT;
    return g.allowed >= l->params->group_size_max && !group_allows(l, from, account)
               ? RESULT_EXCEED_ALLOWLIST_LIMIT
               : RESULT_OK;
}

static enum tx_result check_join(struct ledger *l, const uint8_t from[32], const uint8_t owner[32])
{
    struct group g;
    uint8_t present[32];
    if (own_get(l, from).workers == 0)
        return RESULT_IDENTITY_NOT_EXIST;
    if (group_owner(l, present, from))
        return RESULT_ALREADY_JOINT;
    if (!group_get(l, &g, owner))
        return RESULT_NOT_OWNER;
    if (g.members >= l->params->group_size_max)
        return RESULT_EXCEED_GROUP_LIMIT;
    return group_allows(l, owner, from) ? RESULT_OK : RESULT_NOT_IN_ALLOWLIST;
}

static enum tx_result check_quit(struct ledger *l, const uint8_t from[32])
{
    uint8_t owner[32];
    if (own_get(l, from).workers == 0)
        return RESULT_IDENTITY_NOT_EXIST;
    return group_owner(l, owner, from) ? RESULT_OK : RESULT_NOT_JOINT;
}

static enum tx_result check_kick(struct ledger *l, const uint8_t from[32], const uint8_t member[32])
{
    struct group g;
    uint8_t owner[32];
    if (!group_get(l, &g, from))
        return RESULT_NOT_OWNER;
    if (own_get(l, member).workers == 0)
        return RESULT_IDENTITY_NOT_EXIST;
    bool ours = group_owner(l, owner, member) && memcmp(owner, from, 32) == 0;
    return ours ? RESULT_OK : RESULT_NOT_JOINT;
}

enum tx_result group_check(struct ledger *l, const struct ledger_call *call)
{
    const uint8_t *account = call->tx->call.stake.account;
    struct group g;
    if (!is_on(l))
        return RESULT_STAKING_OFF;
    enum tx_kind kind = call->tx->call.kind;
    if (kind == TX_GROUP_CREATE)
        return check_create(l, call->from);
    if (kind == TX_GROUP_ALLOW)
        return check_allow(l, call->from, account);
    if (kind == TX_GROUP_DISALLOW)
        return group_get(l, &g, call->from) ? RESULT_OK : RESULT_NOT_OWNER;
    if (kind == TX_GROUP_JOIN)
        return check_join(l, call->from, account);
    if (kind == TX_GROUP_QUIT)
        return check_quit(l, call->from);
    return kind == TX_GROUP_KICK ? check_kick(l, call->from, account) : RESULT_UNSUPPORTED;
}

static void allow(struct ledger *l, struct group *g, const uint8_t owner[32],
                  const uint8_t account[32], bool yes)
{
    struct key k = key_of(GROUP_KEY_ALLOWED, owner, account);
    bool was = group_allows(l, owner, account);
    if (yes && !was) {
        g->allowed++;
        put(l, &k, (struct span){ NULL, 0 });
    } else if (!yes && was) {
        g->allowed--;
        del(l, &k);
    }
}

/* SPEC staking 11.4: "From then on their storage counts for the owner" */
static void join(struct ledger *l, struct group *g, const uint8_t owner[32],
                 const uint8_t member[32])
{
    struct key k = key_of('M', member, NULL);
    struct key row = key_of(GROUP_INDEX_MEMBER, owner, member);
    allow(l, g, owner, member, false);
    put(l, &k, span_of(owner, 32));
    state_put(l->st, STATE_INDEX, span_of(row.bytes, row.n), (struct span){ NULL, 0 });
    g->members++;
    g->workload = sat_add(g->workload, own_get(l, member).power);
}

static void leave(struct ledger *l, struct group *g, const uint8_t owner[32],
                  const uint8_t member[32])
{
    struct key k = key_of('M', member, NULL);
    struct key row = key_of(GROUP_INDEX_MEMBER, owner, member);
    del(l, &k);
    state_del(l->st, STATE_INDEX, span_of(row.bytes, row.n));
    g->members--;
    g->workload = moved(g->workload, own_get(l, member).power, 0);
}

static void emit(struct ledger *l, const char *type, const uint8_t owner[32],
                 const uint8_t account[32])
{
    struct ledger_event ev;
    ledger_event_begin(&ev, type);
    ledger_event_account(&ev, "owner", owner);
    ledger_event_account(&ev, "account", account);
    ledger_event_end(l, &ev);
}

void group_apply(struct ledger *l, const struct ledger_call *call)
{
    const uint8_t *account = call->tx->call.stake.account;
    enum tx_kind kind = call->tx->call.kind;
    uint8_t owner[32];
    struct group g;
    const char *type = "group.created";
    if (kind == TX_GROUP_QUIT) {
        if (!group_owner(l, owner, call->from))
            return; /* only when the kv has failed */
        account = call->from;
    } else {
        memcpy(owner, kind == TX_GROUP_JOIN ? account : call->from, 32);
        if (kind == TX_GROUP_JOIN || kind == TX_GROUP_CREATE)
            account = call->from;
    }
    group_get(l, &g, owner);
    if (kind == TX_GROUP_ALLOW || kind == TX_GROUP_DISALLOW) {
        type = kind == TX_GROUP_ALLOW ? "group.allowed" : "group.disallowed";
        allow(l, &g, owner, account, kind == TX_GROUP_ALLOW);
    } else if (kind == TX_GROUP_JOIN) {
        type = "group.joined";
        join(l, &g, owner, account);
    } else if (kind == TX_GROUP_QUIT || kind == TX_GROUP_KICK) {
        type = "group.left";
        leave(l, &g, owner, account);
    }
    group_put(l, owner, &g);
    if (kind == TX_GROUP_JOIN || kind == TX_GROUP_QUIT || kind == TX_GROUP_KICK)
        market_regroup(l, account);
    emit(l, type, owner, account);
}

/* ---- audit ---- */

/* Counts and sums of one owner, by walking all members: those that say so, and those listed. */
static void audit_owner(struct ledger *l, const char **what, const uint8_t owner[32])
{
    const uint8_t prefix[1] = { 'M' };
    const struct state_range range = { .store = STATE_STAKING, .prefix = span_of(prefix, 1) };
    const struct key listed = key_of(GROUP_INDEX_MEMBER, owner, NULL);
    const struct state_range list = { .store = STATE_INDEX,
                                      .prefix = span_of(listed.bytes, listed.n) };
    uint8_t from[33] = { 'M' };
    struct group g;
    uint32_t members = 0, rows = 0;
    uint64_t workload = 0;
    struct span key, value;
    group_get(l, &g, owner);
    for (; state_next(l->st, &key, &value, range, span_of(from, 33), true);) {
        bool ours = value.n == 32 && memcmp(value.p, owner, 32) == 0;
        memcpy(from, key.p, 33);
        members += ours;
        workload = ours ? sat_add(workload, own_get(l, from + 1).power) : workload;
        struct key row = key_of(GROUP_INDEX_MEMBER, owner, from + 1);
        if (ours != state_has(l->st, STATE_INDEX, span_of(row.bytes, row.n)))
            *what = "the list of a group's members is not that of its members";
    }
    struct key at = listed;
    for (; state_next(l->st, &key, &value, list, span_of(at.bytes, at.n), true); rows++) {
        at.n = key.n;
        memcpy(at.bytes, key.p, key.n);
    }
    if (members != g.members || rows != members || workload != g.workload)
        *what = "a group's members or workload are not those of its record";
}

void group_audit(struct ledger *l, const char **what)
{
    const uint8_t prefix[1] = { 'G' };
    const struct state_range range = { .store = STATE_STAKING, .prefix = span_of(prefix, 1) };
    uint8_t from[33] = { 'G' };
    struct span key, value;
    while (*what == NULL && state_next(l->st, &key, &value, range, span_of(from, 33), true)) {
        memcpy(from, key.p, 33);
        audit_owner(l, what, from + 1);
    }
}
