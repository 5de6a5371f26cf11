#include "p2p/gate.h"

struct gate_limits gate_defaults(void)
{
    return (struct gate_limits){ .connections = 256,
                                 .inbound = 192,
                                 .pending = 32,
                                 .per_host = 8,
                                 .per_peer = 2,
                                 .water = 96,
                                 .dial_burst = 16,
                                 .dial_every_ms = 500,
                                 .network_burst = 16,
                                 .network_every_ms = 1000 };
}

void gate_init(struct gate *g, const struct gate_limits *limits, uint64_t seed)
{
    memset(g, 0, sizeof(*g));
    g->limits = *limits;
    g->seed = seed;
    ASSERT(limits->connections <= GATE_CONNECTIONS_MAX);
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void widen(uint8_t out[16], struct span ip)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    ASSERT(ip.n == 4 || ip.n == 16);
    if (ip.n == 4)
        memcpy(out, mapped, 12);
    memcpy(out + 16 - ip.n, ip.p, ip.n);
}

static bool is_ip4(const uint8_t ip[16])
{
    return load_be64(ip) == 0 && load_be32(ip + 8) == 0xffff;
}

/* A keyed hash of the first bits of an address and a number; never 0. */
static uint64_t key_of(const struct gate *g, const uint8_t ip[16], uint32_t bits, uint32_t what)
{
    uint64_t half[2] = { load_be64(ip), load_be64(ip + 8) };
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t keep = bits > 64 * i ? bits - 64 * i : 0;
        if (keep < 64)
            half[i] = keep == 0 ? 0 : half[i] >> (64 - keep) << (64 - keep);
    }
    uint64_t h = g->seed;
    const uint64_t words[3] = { half[0], half[1], what };
    for (size_t i = 0; i < 3; i++) {
        /* splitmix64's finisher over each word: the seed is secret, the table small. */
        h ^= words[i] + UINT64_C(0x9e3779b97f4a7c15);
        h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
        h ^= h >> 31;
    }
    return h | 1;
}

enum { WHAT_HOST = 1u << 20, WHAT_NETWORK = 1u << 21, WHAT_ADDRESS = 1u << 22 }; /* or a port */

static uint64_t host_key(const struct gate *g, const uint8_t ip[16])
{
    return key_of(g, ip, is_ip4(ip) ? 128 : 56, WHAT_HOST);
}

static uint64_t address_key(const struct gate *g, const struct gate_target *t)
{
    uint8_t ip[16];
    widen(ip, t->ip);
    return key_of(g, ip, 128, WHAT_ADDRESS | t->port);
}

/* ---- rules --------------------------------------------------------------------------------- */

static enum err rule_add(struct gate *g, const struct gate_rule *r)
{
    if (g->rule_count == GATE_RULES_MAX)
        return ERR_LIMIT;
    g->rules[g->rule_count++] = *r;
    return OK;
}

enum err gate_rule_ip(struct gate *g, bool allow, struct span ip, uint32_t bits)
{
    struct gate_rule r = { .allow = allow };
    if (bits > ip.n * 8)
        return ERR_RANGE;
    widen(r.ip, ip);
    r.bits = (uint8_t)(bits + (ip.n == 4 ? 96 : 0));
    return rule_add(g, &r);
}

enum err gate_rule_peer(struct gate *g, bool allow, const struct peer_id *peer)
{
    const struct gate_rule r = { .allow = allow, .by_peer = true, .peer = *peer };
    return rule_add(g, &r);
}

static bool prefix_eq(const uint8_t a[16], const uint8_t b[16], uint32_t bits)
{
    uint32_t whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* The first rule that fits, NULL: none does. ip or peer may be NULL: not known yet. */
static const struct gate_rule *rule_for(const struct gate *g, const uint8_t *ip,
                                        const struct peer_id *peer)
{
    for (size_t i = 0; i < g->rule_count; i++) {
        const struct gate_rule *r = &g->rules[i];
        bool fits = r->by_peer ? peer != NULL && peer_id_eq(&r->peer, peer)
                               : ip != NULL && prefix_eq(r->ip, ip, r->bits);
        if (fits)
            return r;
    }
    return NULL;
}

static bool denied(const struct gate_rule *r)
{
    return r != NULL && !r->allow;
}

/* ---- rates and failures ---------------------------------------------------------------------- */

/* Takes one token of a bucket that holds burst and gains one every every_ms; when there is none,
 * *wait_ms is how long until there is. */
static bool rate_take(struct gate_rate *r, uint32_t burst, uint32_t every_ms, uint64_t now_ms,
                      uint64_t *wait_ms)
{
    uint64_t at = r->at_ms < now_ms ? now_ms : r->at_ms;
    uint64_t full = (uint64_t)burst * every_ms;
    *wait_ms = at + every_ms > now_ms + full ? at + every_ms - now_ms - full : 0;
    if (*wait_ms != 0)
        return false;
    r->at_ms = at + every_ms;
    return true;
}

/* The slot of a key: where it stands, else the one of its eight places that was used longest ago.
 */
static struct gate_memory_slot *slot_of(struct gate *g, uint64_t key, bool make, uint64_t now_ms)
{
    enum { WAYS = 8 };
    size_t first = (size_t)(key >> 1) % (GATE_MEMORY_SLOTS / WAYS) * WAYS;
    struct gate_memory_slot *oldest = &g->slots[first];
    for (size_t i = 0; i < WAYS; i++) {
        struct gate_memory_slot *s = &g->slots[first + i];
        if (s->key == key) {
            s->used_ms = now_ms;
            return s;
        }
        if (s->used_ms < oldest->used_ms)
            oldest = s;
    }
    if (!make)
        return NULL;
    *oldest = (struct gate_memory_slot){ .key = key, .used_ms = now_ms };
    return oldest;
}

void gate_dial_result(struct gate *g, const struct gate_target *t, bool good, uint64_t now_ms)
{
    struct gate_memory_slot *s = slot_of(g, address_key(g, t), !good, now_ms);
    if (s == NULL)
        return;
    if (good) {
        s->failures = 0;
        s->until_ms = 0;
        return;
    }
    uint32_t doublings = s->failures < 20 ? s->failures : 20;
    uint64_t wait = (uint64_t)GATE_BACKOFF_FIRST_MS << doublings;
    s->failures++;
    s->until_ms = now_ms + (wait < GATE_BACKOFF_LAST_MS ? wait : GATE_BACKOFF_LAST_MS);
}

/* ---- connections ----------------------------------------------------------------------------- */

static uint32_t count_host(const struct gate *g, uint64_t host)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->limits.connections; i++)
        n += g->connections[i].used && g->connections[i].host == host;
    return n;
}

static uint32_t place(struct gate *g, bool inbound, uint64_t host, uint64_t now_ms)
{
    for (uint32_t i = 0; i < g->limits.connections; i++) {
        struct gate_connection *c = &g->connections[i];
        if (c->used)
            continue;
        *c = (struct gate_connection){
            .used = true, .inbound = inbound, .host = host, .since_ms = now_ms, .active_ms = now_ms
        };
        g->used++;
        g->inbound += inbound;
        *(inbound ? &g->pending_in : &g->pending_out) += 1;
        return i;
    }
    return GATE_NONE;
}

static void not_pending(struct gate *g, const struct gate_connection *c)
{
    if (!c->late)
        *(c->inbound ? &g->pending_in : &g->pending_out) -= 1;
}

/* The inbound connection whose upgrade takes longest; GATE_NONE: none takes too long. */
static uint32_t slowest(const struct gate *g, uint64_t now_ms)
{
    uint32_t best = GATE_NONE;
    for (uint32_t i = 0; i < g->limits.connections; i++) {
        const struct gate_connection *c = &g->connections[i];
        if (!c->used || !c->inbound || c->ready || c->late ||
            c->since_ms + GATE_UPGRADE_MS > now_ms)
            continue;
        if (best == GATE_NONE || c->since_ms < g->connections[best].since_ms)
            best = i;
    }
    return best;
}

enum err gate_admit(struct gate *g, uint32_t *index, uint32_t *late, struct span ip,
                    uint64_t now_ms)
{
    uint8_t wide[16];
    uint64_t wait;
    *index = *late = GATE_NONE;
    widen(wide, ip);
    const struct gate_rule *rule = rule_for(g, wide, NULL);
    if (denied(rule))
        return ERR_DENIED;
    uint64_t host = host_key(g, wide);
    if (g->used >= g->limits.connections || g->inbound >= g->limits.inbound ||
        count_host(g, host) >= g->limits.per_host)
        return ERR_LIMIT;
    /* SPEC gate 1.5: "When 32 are not ready, the one that has been so for longest gives way to a
     * new one" */
    bool full = g->pending_in >= g->limits.pending;
    uint32_t slow = full ? slowest(g, now_ms) : GATE_NONE;
    if (full && slow == GATE_NONE)
        return ERR_LIMIT;
    uint64_t key = key_of(g, wide, is_ip4(wide) ? 120 : 48, WHAT_NETWORK);
    struct gate_memory_slot *s = slot_of(g, key, true, now_ms);
    if (!rate_take(&s->rate, g->limits.network_burst, g->limits.network_every_ms, now_ms, &wait))
        return ERR_BUSY;
    if (full) {
        not_pending(g, &g->connections[slow]);
        g->connections[slow].late = true;
    }
    *late = slow;
    *index = place(g, true, host, now_ms);
    ASSERT(*index != GATE_NONE);
    g->connections[*index].allowed = rule != NULL;
    return OK;
}

/* A connection with this peer, or a dial to it that is under way. */
static uint32_t find_any(const struct gate *g, const struct peer_id *peer)
{
    for (uint32_t i = 0; i < g->limits.connections; i++)
        if (g->connections[i].used && peer->size != 0 && peer_id_eq(&g->connections[i].peer, peer))
            return i;
    return GATE_NONE;
}

enum err gate_dial(struct gate *g, uint32_t *index, uint64_t *retry_ms, const struct gate_target *t,
                   uint64_t now_ms)
{
    uint8_t wide[16];
    uint64_t wait;
    *retry_ms = 0;
    widen(wide, t->ip);
    *index = find_any(g, &t->peer);
    if (*index != GATE_NONE)
        return ERR_EXISTS;
    const struct gate_rule *rule = rule_for(g, wide, NULL);
    if (denied(rule) || (t->peer.size != 0 && denied(rule_for(g, NULL, &t->peer))))
        return ERR_DENIED;
    if (g->used >= g->limits.connections || g->pending_out >= g->limits.pending)
        return ERR_LIMIT;
    const struct gate_memory_slot *s = slot_of(g, address_key(g, t), false, now_ms);
    if (s != NULL && s->until_ms > now_ms) {
        *retry_ms = s->until_ms;
        return ERR_BUSY;
    }
    if (!rate_take(&g->dials, g->limits.dial_burst, g->limits.dial_every_ms, now_ms, &wait)) {
        *retry_ms = now_ms + wait;
        return ERR_BUSY;
    }
    *index = place(g, false, host_key(g, wide), now_ms);
    ASSERT(*index != GATE_NONE);
    g->connections[*index].peer = t->peer;
    g->connections[*index].allowed = rule != NULL;
    return OK;
}

/* SPEC gate 3.3: "a dial back for AutoNAT" */
enum err gate_dial_back(struct gate *g, uint32_t *index, const struct gate_target *t,
                        uint64_t now_ms)
{
    uint8_t wide[16];
    *index = GATE_NONE;
    widen(wide, t->ip);
    if (denied(rule_for(g, wide, NULL)) ||
        (t->peer.size != 0 && denied(rule_for(g, NULL, &t->peer))))
        return ERR_DENIED;
    if (g->used >= g->limits.connections || g->pending_out >= g->limits.pending)
        return ERR_LIMIT;
    *index = place(g, false, host_key(g, wide), now_ms);
    ASSERT(*index != GATE_NONE);
    return OK;
}

static struct gate_connection *connection(struct gate *g, uint32_t index)
{
    ASSERT(index < g->limits.connections && g->connections[index].used);
    return &g->connections[index];
}

enum err gate_ready(struct gate *g, uint32_t index, const struct peer_id *peer, uint64_t now_ms)
{
    struct gate_connection *c = connection(g, index);
    uint32_t same = 0;
    ASSERT(!c->ready);
    const struct gate_rule *r = rule_for(g, NULL, peer);
    if (r != NULL ? !r->allow : g->allow_only && !c->allowed)
        return ERR_DENIED;
    for (uint32_t i = 0; i < g->limits.connections; i++)
        same += g->connections[i].ready && peer_id_eq(&g->connections[i].peer, peer);
    if (same >= g->limits.per_peer)
        return ERR_LIMIT;
    not_pending(g, c);
    g->ready++;
    c->ready = true;
    c->late = false;
    c->peer = *peer;
    c->since_ms = c->active_ms = now_ms;
    return OK;
}

void gate_touch(struct gate *g, uint32_t index, uint64_t now_ms)
{
    connection(g, index)->active_ms = now_ms;
}

void gate_keep(struct gate *g, uint32_t index, bool keep)
{
    connection(g, index)->kept = keep;
}

void gate_closed(struct gate *g, uint32_t index)
{
    struct gate_connection *c = connection(g, index);
    g->used--;
    g->inbound -= c->inbound;
    if (c->ready)
        g->ready--;
    else
        not_pending(g, c);
    *c = (struct gate_connection){ 0 };
}

uint32_t gate_trim(const struct gate *g, uint64_t now_ms)
{
    uint32_t best = GATE_NONE;
    if (g->ready <= g->limits.water)
        return GATE_NONE;
    for (uint32_t i = 0; i < g->limits.connections; i++) {
        const struct gate_connection *c = &g->connections[i];
        if (!c->ready || c->kept || c->since_ms + GATE_GRACE_MS > now_ms)
            continue;
        if (best == GATE_NONE || c->active_ms < g->connections[best].active_ms)
            best = i;
    }
    return best;
}

uint32_t gate_find(const struct gate *g, const struct peer_id *peer)
{
    for (uint32_t i = 0; i < g->limits.connections; i++)
        if (g->connections[i].ready && peer_id_eq(&g->connections[i].peer, peer))
            return i;
    return GATE_NONE;
}
