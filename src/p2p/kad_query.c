#include "p2p/kad_query.h"

enum err kad_query_init(struct kad_query *q, const struct kad_query_start *start, uint64_t now_ms)
{
    memset(q, 0, sizeof(*q));
    if (start->key.n == 0 || start->key.n > KAD_KEY_MAX ||
        (start->goal == KAD_PROVIDE && start->self->addrs_size == 0))
        return ERR_RANGE;
    q->goal = start->goal;
    q->self = *start->self;
    q->filter = start->filter;
    q->value = start->value;
    q->key_size = start->key.n;
    memcpy(q->key, start->key.p, start->key.n);
    kad_contact_place(q->target, start->key);
    q->end_ms = now_ms + KAD_QUERY_ALL_MS;
    q->wanted = start->wanted;
    if (q->wanted == 0)
        q->wanted = start->goal == KAD_FIND_VALUE ? KAD_QUERY_VALUES : KAD_K;
    return OK;
}

static struct span key_of(const struct kad_query *q)
{
    return span_of(q->key, q->key_size);
}

static bool stores(const struct kad_query *q)
{
    return q->goal == KAD_PROVIDE || q->goal == KAD_PUT;
}

static struct kad_query_node *find(struct kad_query *q, struct span id)
{
    for (uint32_t i = 0; i < q->count; i++)
        if (span_eq(kad_contact_id(&q->known[i].contact), id))
            return &q->known[i];
    return NULL;
}

/* ---- how far it is --------------------------------------------------------------------------- */

/* Whether the closest that have not failed have all answered. */
static bool looked_enough(const struct kad_query *q)
{
    uint32_t need = stores(q) || q->goal == KAD_FIND_CLOSEST ? KAD_K : KAD_QUERY_NEED;
    for (uint32_t i = 0; i < q->count && need > 0; i++) {
        if (q->known[i].state == KAD_FAILED)
            continue;
        if (q->known[i].state != KAD_ANSWERED)
            return false;
        need--;
    }
    return true;
}

/* The i-th of the nodes to store at may still be asked, or is. */
static bool stored_enough(const struct kad_query *q)
{
    uint32_t left = KAD_K;
    for (uint32_t i = 0; i < q->count && left > 0; i++) {
        if (q->known[i].state == KAD_FAILED)
            continue;
        if (q->known[i].state != KAD_STORED)
            return false;
        left--;
    }
    return true;
}

/* Only those that answered are stored at. */
static void begin_storing(struct kad_query *q)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < q->count; i++)
        if (q->known[i].state == KAD_ANSWERED && kept < KAD_K)
            q->known[kept++] = q->known[i];
    q->count = kept;
    q->at_once = 0;
    q->phase = KAD_QUERY_STORING;
}

/* SPEC kad 3.4: "the look-up ends when as many as wanted are known, from 3 answers at least" */
static bool providers_enough(const struct kad_query *q)
{
    return q->goal == KAD_FIND_PROVIDERS && q->provider_count >= q->wanted &&
           q->provider_answers >= KAD_QUERY_NEED;
}

static void move_on(struct kad_query *q)
{
    bool enough =
        q->found || providers_enough(q) || (q->goal == KAD_FIND_VALUE && q->values >= q->wanted);
    if (q->phase == KAD_QUERY_LOOKING && (enough || looked_enough(q))) {
        if (stores(q))
            begin_storing(q);
        else
            q->phase = KAD_QUERY_DONE;
    }
    if (q->phase == KAD_QUERY_STORING && stored_enough(q))
        q->phase = KAD_QUERY_DONE;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

void kad_query_seed(struct kad_query *q, const struct kad_contact *c)
{
    struct kad_query_node *n = find(q, kad_contact_id(c));
    if (n != NULL) {
        if (n->contact.addrs_size == 0)
            n->contact = *c;
    } else if (!span_eq(kad_contact_id(c), kad_contact_id(&q->self))) {
        uint32_t at = q->count;
        while (at > 0 && kad_contact_cmp(q->target, c->place, q->known[at - 1].contact.place) < 0)
            at--;
        if (q->count == KAD_QUERY_KNOWN) {
            const struct kad_query_node *last = &q->known[q->count - 1];
            if (at == q->count || last->state == KAD_ASKED)
                return;
            q->count--;
        }
        memmove(&q->known[at + 1], &q->known[at], (q->count - at) * sizeof(q->known[0]));
        q->known[at] = (struct kad_query_node){ .contact = *c, .state = KAD_HEARD };
        q->count++;
    }
    if (q->goal == KAD_FIND_PEER && c->addrs_size > 0 && span_eq(kad_contact_id(c), key_of(q)))
        q->found = true;
}

bool kad_query_next(struct kad_query *q, const struct kad_contact **who, uint64_t now_ms)
{
    *who = NULL;
    move_on(q);
    if (q->phase == KAD_QUERY_DONE || q->at_once >= KAD_QUERY_AT_ONCE)
        return false;
    uint32_t left = KAD_K;
    for (uint32_t i = 0; i < q->count && left > 0; i++) {
        struct kad_query_node *n = &q->known[i];
        left -= n->state != KAD_FAILED;
        bool due = q->phase == KAD_QUERY_LOOKING ? n->state == KAD_HEARD : n->state == KAD_ANSWERED;
        if (!due)
            continue;
        n->state = q->phase == KAD_QUERY_LOOKING ? KAD_ASKED : KAD_STORING;
        n->asked_ms = now_ms;
        q->at_once++;
        q->requests++;
        *who = &n->contact;
        return true;
    }
    return false;
}

void kad_query_request(const struct kad_query *q, struct writer *w)
{
    struct kad_peer self;
    if (q->phase == KAD_QUERY_STORING && q->goal == KAD_PROVIDE) {
        kad_contact_peer(&self, &q->self);
        kad_write(w, KAD_ADD_PROVIDER, key_of(q));
        kad_write_peer(w, KAD_PROVIDERS, &self);
    } else if (q->phase == KAD_QUERY_STORING) {
        kad_write(w, KAD_PUT_VALUE, key_of(q));
        kad_write_record(w, key_of(q), q->value);
    } else if (q->goal == KAD_FIND_PROVIDERS) {
        kad_write(w, KAD_GET_PROVIDERS, key_of(q));
    } else if (q->goal == KAD_FIND_VALUE) {
        kad_write(w, KAD_GET_VALUE, key_of(q));
    } else {
        kad_write(w, KAD_FIND_NODE, key_of(q));
    }
}

static enum kad_type expected(const struct kad_query *q, const struct kad_query_node *n)
{
    if (n->state == KAD_STORING)
        return q->goal == KAD_PUT ? KAD_PUT_VALUE : KAD_ADD_PROVIDER;
    return q->goal == KAD_FIND_PROVIDERS ? KAD_GET_PROVIDERS
           : q->goal == KAD_FIND_VALUE   ? KAD_GET_VALUE
                                         : KAD_FIND_NODE;
}

void kad_query_provider(struct kad_query *q, const struct kad_contact *c)
{
    uint32_t i = 0;
    while (i < q->provider_count && !span_eq(kad_contact_id(&q->providers[i]), kad_contact_id(c)))
        i++;
    if (i < q->provider_count && q->providers[i].addrs_size == 0)
        q->providers[i] = *c;
    if (i == q->provider_count && i < KAD_QUERY_PROVIDERS)
        q->providers[q->provider_count++] = *c;
}

static void take_providers(struct kad_query *q, const struct kad_message *m)
{
    struct kad_iter it = kad_peers(m, KAD_PROVIDERS);
    struct kad_peer p;
    int n = 0;
    for (; n < KAD_K && kad_next(&it, &p); n++) {
        struct kad_contact c;
        kad_contact_of(&c, &p, &q->filter);
        kad_query_provider(q, &c);
    }
    q->provider_answers += n > 0;
}

/* SPEC kad 3.3: "Of an answer at most 20 closer peers are taken, not ourselves, not without a
 * usable address" */
static void take_closer(struct kad_query *q, const struct kad_message *m)
{
    struct kad_iter it = kad_peers(m, KAD_CLOSER);
    struct kad_peer p;
    for (int n = 0; n < KAD_K && kad_next(&it, &p); n++) {
        struct kad_contact c;
        kad_contact_of(&c, &p, &q->filter);
        if (c.addrs_size > 0)
            kad_query_seed(q, &c);
    }
}

static bool under_way(const struct kad_query_node *n)
{
    return n != NULL && (n->state == KAD_ASKED || n->state == KAD_STORING);
}

void kad_query_began(struct kad_query *q, struct span id, uint64_t now_ms)
{
    struct kad_query_node *n = find(q, id);
    if (under_way(n))
        n->asked_ms = now_ms;
}

static void end(struct kad_query *q, struct kad_query_node *n, bool good)
{
    bool storing = n->state == KAD_STORING;
    q->at_once--;
    q->failures += !good;
    q->stored += good && storing;
    n->state = !good ? KAD_FAILED : storing ? KAD_STORED : KAD_ANSWERED;
}

enum err kad_query_answer(struct kad_query *q, struct span id, struct span message,
                          struct span *value)
{
    struct kad_query_node *n = find(q, id);
    struct kad_message m;
    *value = (struct span){ NULL, 0 };
    if (!under_way(n))
        return ERR_STATE;
    enum err e = kad_decode(&m, message);
    if (e == OK && m.type != expected(q, n))
        e = ERR_FORMAT;
    if (e == OK && m.has_record && m.value.n > 0 && !span_eq(m.record_key, key_of(q)))
        e = ERR_FORMAT;
    bool looking = n->state == KAD_ASKED;
    end(q, n, e == OK);
    if (e == OK && looking) {
        take_closer(q, &m);
        if (q->goal == KAD_FIND_PROVIDERS)
            take_providers(q, &m);
        if (q->goal == KAD_FIND_VALUE && m.has_record)
            *value = m.value;
    }
    move_on(q);
    return e;
}

void kad_query_good(struct kad_query *q)
{
    q->values++;
    move_on(q);
}

void kad_query_failed(struct kad_query *q, struct span id)
{
    struct kad_query_node *n = find(q, id);
    if (under_way(n))
        end(q, n, false);
    move_on(q);
}

void kad_query_sent(struct kad_query *q, struct span id)
{
    struct kad_query_node *n = find(q, id);
    if (n != NULL && n->state == KAD_STORING && q->goal == KAD_PROVIDE)
        end(q, n, true);
    move_on(q);
}

void kad_query_step(struct kad_query *q, uint64_t now_ms)
{
    for (uint32_t i = 0; i < q->count; i++)
        if (under_way(&q->known[i]) && now_ms >= q->known[i].asked_ms + KAD_QUERY_ANSWER_MS)
            end(q, &q->known[i], false);
    move_on(q);
    if (now_ms >= q->end_ms)
        q->phase = KAD_QUERY_DONE;
}

uint64_t kad_query_deadline(const struct kad_query *q)
{
    uint64_t at = q->end_ms;
    for (uint32_t i = 0; i < q->count; i++)
        if (under_way(&q->known[i]) && q->known[i].asked_ms + KAD_QUERY_ANSWER_MS < at)
            at = q->known[i].asked_ms + KAD_QUERY_ANSWER_MS;
    return at;
}

size_t kad_query_closest(const struct kad_query *q, const struct kad_contact **out, size_t max)
{
    size_t count = 0;
    for (uint32_t i = 0; i < q->count && count < max; i++)
        if (q->known[i].state == KAD_ANSWERED || q->known[i].state == KAD_STORED)
            out[count++] = &q->known[i].contact;
    return count;
}
