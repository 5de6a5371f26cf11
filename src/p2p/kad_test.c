#include "p2p/kad_query.h"

#include "base/check.h"
#include "base/prng.h"
#include "p2p/kad_server.h"

/* ---- a simulated DHT ------------------------------------------------------------------------- */

enum { NODES = 1000, RECORDS = 64, VALUE_SLOTS = 4 };

enum kind { HONEST, DEAD, SILENT, LIAR, RUBBISH };

struct node {
    enum kind kind;
    struct kad_contact contact;
    struct kad_table table;
    struct kad_server server;
    struct kad_server_record *records;
    uint8_t key[VALUE_SLOTS][KAD_PLACE];
    uint8_t value[VALUE_SLOTS][8];
    int values;
};

struct sim {
    struct prng g;
    struct node *nodes;
    size_t count;
    uint64_t now;
    uint64_t requests;
};

static bool usable(void *ctx, struct span addr)
{
    (void)ctx;
    return addr.n == 8 && addr.p[0] == 4 && addr.p[1] != 127;
}

static const struct kad_filter filter = { .usable = usable };

static void random_contact(struct sim *s, struct kad_contact *out)
{
    uint8_t id[38] = { 0x00, 0x24, 0x08, 0x01, 0x12, 0x20 };
    uint8_t addr[8] = { 4, 0, 0, 0, 0, 6, 0x0f, 0xa1 },
            loop[8] = { 4, 127, 0, 0, 1, 6, 0x0f, 0xa1 };
    struct kad_peer p = { .id = span_of(id, sizeof(id)), .addr_count = 2 };
    prng_fill(&s->g, id + 6, 32);
    store_le16(id + 6, (uint16_t)s->count);
    prng_fill(&s->g, addr + 1, 4);
    addr[1] |= 128;
    p.addrs[0] = span_of(loop, sizeof(loop));
    p.addrs[1] = span_of(addr, sizeof(addr));
    kad_contact_of(out, &p, &filter);
    CHECK(out->addrs_size == 9);
}

/* The first bytes of a key say which node it is; made up ones say anything. */
static struct node *node_of(struct sim *s, struct span id)
{
    size_t i = load_le16(id.p + 6);
    bool there = i < s->count && span_eq(kad_contact_id(&s->nodes[i].contact), id);
    return there ? &s->nodes[i] : NULL;
}

/* What a node says: nothing, the truth, or 50 peers that do not exist. */
static bool respond(struct sim *s, struct node *n, const struct kad_contact *from,
                    struct span request, struct writer *w)
{
    struct kad_message m;
    CHECK_OK(kad_decode(&m, request));
    if (n->kind == DEAD || n->kind == SILENT)
        return false;
    if (n->kind == RUBBISH) {
        prng_fill(&s->g, writer_reserve(w, 100), 100);
        return true;
    }
    if (n->kind == LIAR) {
        kad_write(w, m.type, m.key);
        for (int i = 0; i < 50; i++) {
            struct kad_contact c;
            struct kad_peer p;
            random_contact(s, &c);
            kad_contact_peer(&p, &c);
            kad_write_peer(w, i % 2 == 0 ? KAD_CLOSER : KAD_PROVIDERS, &p);
        }
        return true;
    }
    enum err e = kad_server_answer(&n->server, kad_contact_id(from), request, w, s->now);
    if (e == ERR_UNSUPPORTED) {
        uint8_t place[KAD_PLACE];
        int i = 0;
        kad_contact_place(place, m.key);
        while (i < n->values && memcmp(n->key[i], place, KAD_PLACE) != 0)
            i++;
        if (m.type == KAD_PUT_VALUE && i < VALUE_SLOTS) {
            memcpy(n->key[i], place, KAD_PLACE);
            memcpy(n->value[i], m.value.p, 8);
            n->values += i == n->values;
        }
        kad_server_value(&n->server, &m,
                         i < n->values ? span_of(n->value[i], 8) : (struct span){ 0 }, w);
        e = OK;
    }
    CHECK(e == OK);
    (void)!kad_table_add(&n->table, from, 0, s->now);
    return true;
}

/* Runs a look-up of a node to its end. best: the highest value that came. */
static void run(struct sim *s, struct node *self, struct kad_query *q, uint64_t *best)
{
    const struct kad_contact *seeds[KAD_K], *who;
    size_t n = kad_table_closest(&self->table, q->target, seeds, KAD_K);
    for (size_t i = 0; i < n; i++)
        kad_query_seed(q, seeds[i]);
    for (int turn = 0; q->phase != KAD_QUERY_DONE; turn++) {
        CHECK(turn < 1000);
        while (kad_query_next(q, &who, s->now)) {
            static uint8_t request[16384], reply[KAD_SERVER_ANSWER];
            struct writer rq = writer_of(request, sizeof(request)),
                          rp = writer_of(reply, sizeof(reply));
            struct kad_contact to = *who;
            struct span value;
            struct node *peer = node_of(s, kad_contact_id(&to));
            s->requests++;
            kad_query_request(q, &rq);
            CHECK_OK(rq.err);
            CHECK(q->at_once <= KAD_QUERY_AT_ONCE);
            if (peer != NULL && peer->kind == SILENT)
                continue; /* its time runs out */
            if (peer == NULL || !respond(s, peer, &self->contact, writer_span(&rq), &rp)) {
                kad_query_failed(q, kad_contact_id(&to));
                kad_table_failed(&self->table, kad_contact_id(&to));
                continue;
            }
            if (q->goal == KAD_PROVIDE && q->phase == KAD_QUERY_STORING) {
                kad_query_sent(q, kad_contact_id(&to));
                continue;
            }
            enum err e = kad_query_answer(q, kad_contact_id(&to), writer_span(&rp), &value);
            if (e != OK)
                kad_table_failed(&self->table, kad_contact_id(&to));
            else
                (void)!kad_table_add(&self->table, &to, 0, s->now);
            if (e == OK && value.n == 8) {
                uint64_t v = load_be64(value.p);
                *best = v > *best ? v : *best;
                kad_query_good(q);
            }
        }
        s->now += 100;
        kad_query_step(q, s->now);
    }
}

static void query(struct sim *s, struct node *self, struct kad_query *q, enum kad_goal goal,
                  struct span key, struct span value)
{
    const struct kad_query_start start = {
        .goal = goal, .key = key, .value = value, .self = &self->contact, .filter = filter
    };
    uint64_t best = 0;
    CHECK_OK(kad_query_init(q, &start, s->now));
    run(s, self, q, &best);
    if (goal == KAD_FIND_VALUE)
        q->end_ms = best; /* told to the caller */
}

/* Built once: the tests that use it come in this order, the last one breaks it. */
static struct sim *network;

static int sim_new(void **state)
{
    static struct kad_query q;
    struct sim *s = network = calloc(1, sizeof(*s));
    (void)state;
    s->nodes = calloc(NODES, sizeof(s->nodes[0]));
    CHECK(s->nodes != NULL);
    prng_init(&s->g, 11);
    s->now = 1000;
    for (; s->count < NODES; s->count++) {
        struct node *n = &s->nodes[s->count];
        random_contact(s, &n->contact);
        kad_table_init(&n->table, kad_contact_id(&n->contact), s->now);
        n->records = calloc(RECORDS, sizeof(n->records[0]));
        kad_server_init(&n->server, &n->table, &(struct kad_server_memory){ n->records, RECORDS },
                        filter, 1);
        if (s->count == 0)
            continue;
        /* Everybody begins with one node and looks itself up. */
        CHECK_OK(
            kad_table_add(&n->table, &s->nodes[prng_below(&s->g, s->count)].contact, 0, s->now));
        query(s, n, &q, KAD_FIND_CLOSEST, kad_contact_id(&n->contact), (struct span){ 0 });
        CHECK(n->table.count > 0);
    }
    /* One refresh, as a node does it every ten minutes. */
    s->now += KAD_TABLE_REFRESH_MS;
    for (size_t i = 0; i < s->count; i++) {
        CHECK(kad_table_refresh(&s->nodes[i].table, s->now));
        for (int k = 0; k < KAD_TABLE_RANDOM; k++) {
            struct kad_contact c;
            random_contact(s, &c);
            query(s, &s->nodes[i], &q, KAD_FIND_CLOSEST, kad_contact_id(&c), (struct span){ 0 });
        }
    }
    return 0;
}

static int sim_free(void **state)
{
    struct sim *s = network;
    (void)state;
    for (size_t i = 0; i < s->count; i++)
        free(s->nodes[i].records);
    free(s->nodes);
    free(s);
    return 0;
}

static struct node *honest(struct sim *s)
{
    struct node *n;
    do
        n = &s->nodes[prng_below(&s->g, s->count)];
    while (n->kind != HONEST);
    return n;
}

/* How many of the really closest honest nodes are among those that were found. */
static size_t overlap(struct sim *s, const struct kad_query *q, size_t k)
{
    const struct kad_contact *found[KAD_K];
    size_t n = kad_query_closest(q, found, KAD_K), hits = 0;
    for (size_t i = 0; i < n; i++) {
        size_t closer = 0;
        for (size_t j = 0; j < s->count; j++)
            closer += s->nodes[j].kind == HONEST &&
                      kad_contact_cmp(q->target, s->nodes[j].contact.place, found[i]->place) < 0;
        const struct node *peer = node_of(s, kad_contact_id(found[i]));
        hits += peer != NULL && peer->kind == HONEST && closer < k;
    }
    return hits;
}

static void a_thousand_nodes_find_and_provide(void **state)
{
    (void)state;
    static struct kad_query q;
    struct sim *s = network;
    uint64_t before = s->requests;
    for (int i = 0; i < 30; i++) {
        uint8_t key[34] = { 0x12, 0x20 };
        prng_fill(&s->g, key + 2, 32);
        struct node *a = honest(s), *b = honest(s);
        query(s, a, &q, KAD_PROVIDE, span_of(key, sizeof(key)), (struct span){ 0 });
        CHECK(q.stored == KAD_K && overlap(s, &q, KAD_K) >= 18);
        query(s, b, &q, KAD_FIND_PROVIDERS, span_of(key, sizeof(key)), (struct span){ 0 });
        CHECK(q.provider_count == 1 && q.providers[0].addrs_size == 9);
        CHECK_SPAN(kad_contact_id(&q.providers[0]), kad_contact_id(&a->contact));
        query(s, b, &q, KAD_FIND_PEER, kad_contact_id(&a->contact), (struct span){ 0 });
        CHECK(q.found);
    }
    CHECK((s->requests - before) / 90 < 45); /* requests of a look-up */
}

static void values_are_put_and_found(void **state)
{
    (void)state;
    static struct kad_query q;
    struct sim *s = network;
    uint8_t value[8];
    for (uint64_t i = 0; i < 10; i++) {
        uint8_t key[40] = "/ipns/";
        prng_fill(&s->g, key + 6, 34);
        store_be64(value, 100 + i);
        query(s, honest(s), &q, KAD_PUT, span_of(key, sizeof(key)), span_of(value, 8));
        CHECK(q.stored == KAD_K);
        query(s, honest(s), &q, KAD_FIND_VALUE, span_of(key, sizeof(key)), (struct span){ 0 });
        CHECK(q.end_ms == 100 + i && q.values >= 3);
    }
}

/* A quarter is dead, a tenth silent, a tenth lies, some send rubbish. */
static void the_bad_do_not_hide_the_good(void **state)
{
    (void)state;
    static struct kad_query q;
    struct sim *s = network;
    for (size_t i = 0; i < s->count; i++) {
        uint64_t r = prng_below(&s->g, 100);
        s->nodes[i].kind = r < 25   ? DEAD
                           : r < 35 ? SILENT
                           : r < 45 ? LIAR
                           : r < 50 ? RUBBISH
                                    : HONEST;
    }
    size_t hits = 0, found = 0;
    for (int i = 0; i < 20; i++) {
        uint8_t key[34] = { 0x12, 0x20 };
        prng_fill(&s->g, key + 2, 32);
        struct node *a = honest(s), *b = honest(s);
        uint64_t from = s->now;
        query(s, a, &q, KAD_PROVIDE, span_of(key, sizeof(key)), (struct span){ 0 });
        CHECK(s->now - from <= KAD_QUERY_ALL_MS + 100);
        hits += overlap(s, &q, KAD_K);
        query(s, b, &q, KAD_FIND_PROVIDERS, span_of(key, sizeof(key)), (struct span){ 0 });
        for (uint32_t k = 0; k < q.provider_count; k++)
            found += span_eq(kad_contact_id(&q.providers[k]), kad_contact_id(&a->contact));
    }
    CHECK(hits > 20 * 12);
    CHECK(found >= 17);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static struct sim *bare(void)
{
    struct sim *s = calloc(1, sizeof(*s));
    prng_init(&s->g, 5);
    return s;
}

static void the_table_keeps_its_rules(void **state)
{
    (void)state;
    struct sim *s = bare();
    static struct kad_table t;
    struct kad_contact self, c, kept[KAD_K];
    int full = 0, in_first = 0;
    random_contact(s, &self);
    kad_table_init(&t, kad_contact_id(&self), 0);
    CHECK_ERR(kad_table_add(&t, &self, 0, 0), ERR_EXISTS);
    CHECK(kad_table_refresh(&t, 0) && !kad_table_refresh(&t, KAD_TABLE_REFRESH_MS - 1));
    CHECK(kad_table_refresh(&t, KAD_TABLE_REFRESH_MS));
    while (full < 50) {
        random_contact(s, &c);
        bool first = kad_contact_shared(self.place, c.place) == 0;
        enum err e = kad_table_add(&t, &c, 0, 1000);
        full += e == ERR_FULL;
        if (first && e == OK)
            kept[in_first++] = c;
        CHECK(e == OK || (e == ERR_FULL && (!first || in_first == KAD_K)));
    }
    CHECK(in_first == KAD_K);
    /* Two failures make room; so does an hour of silence. */
    uint32_t count = t.count;
    kad_table_failed(&t, kad_contact_id(&kept[3]));
    CHECK(t.count == count && kad_table_find(&t, kad_contact_id(&kept[3])) != NULL);
    kad_table_failed(&t, kad_contact_id(&kept[3]));
    CHECK(t.count == count - 1 && kad_table_find(&t, kad_contact_id(&kept[3])) == NULL);
    for (int i = 0; i < KAD_K; i++)
        if (i != 3 && i != 7)
            CHECK_OK(kad_table_add(&t, &kept[i], 0, 2000 + KAD_TABLE_STALE_MS));
    int added = 0;
    for (int i = 0; i < 40; i++) {
        random_contact(s, &c);
        if (kad_contact_shared(self.place, c.place) == 0)
            added += kad_table_add(&t, &c, 0, 2000 + KAD_TABLE_STALE_MS) == OK;
    }
    CHECK(added == 2 && kad_table_find(&t, kad_contact_id(&kept[7])) == NULL);
    /* IP groups. */
    kad_table_init(&t, kad_contact_id(&self), 0);
    int taken = 0, limit = 0;
    for (int i = 0; i < 100; i++) {
        random_contact(s, &c);
        enum err e = kad_table_add(&t, &c, 77, 0);
        taken += e == OK;
        limit += e == ERR_LIMIT;
    }
    CHECK(taken == KAD_TABLE_GROUP && limit == 97);
    const struct kad_contact *list[KAD_K];
    CHECK(kad_table_closest(&t, self.place, list, KAD_K) == 3);
    CHECK(kad_contact_cmp(self.place, list[0]->place, list[1]->place) < 0);
    free(s);
}

static void answers_are_checked(void **state)
{
    (void)state;
    static struct kad_query q;
    struct sim *s = bare();
    struct kad_contact self, a, b;
    const struct kad_contact *who;
    uint8_t buf[8192];
    struct span value;
    random_contact(s, &self);
    random_contact(s, &a);
    random_contact(s, &b);
    struct kad_query_start start = {
        .goal = KAD_FIND_VALUE, .key = span_str("/ipns/k"), .self = &self, .filter = filter
    };
    static const struct {
        const char *what;
        enum kad_type type;
        const char *record_key;
        enum err want;
    } rows[] = {
        { "good", KAD_GET_VALUE, "/ipns/k", OK },
        { "no record", KAD_GET_VALUE, NULL, OK },
        { "another type", KAD_FIND_NODE, NULL, ERR_FORMAT },
        { "another key", KAD_GET_VALUE, "/ipns/x", ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct writer w = writer_of(buf, sizeof(buf));
        struct kad_peer p;
        CHECK_OK(kad_query_init(&q, &start, 0));
        kad_query_seed(&q, &self);
        CHECK(!kad_query_next(&q, &who, 0) && q.phase == KAD_QUERY_DONE); /* nobody is known */
        CHECK_OK(kad_query_init(&q, &start, 0));
        kad_query_seed(&q, &a);
        CHECK_ERR(kad_query_answer(&q, kad_contact_id(&a), span_of(buf, 0), &value), ERR_STATE);
        CHECK(kad_query_next(&q, &who, 0) && !kad_query_next(&q, &who, 0));
        kad_write(&w, rows[i].type, span_str("/ipns/k"));
        if (rows[i].record_key != NULL)
            kad_write_record(&w, span_str(rows[i].record_key), span_str("v"));
        kad_contact_peer(&p, &self);
        kad_write_peer(&w, KAD_CLOSER, &p);
        kad_contact_peer(&p, &b);
        p.addr_count = 0; /* nowhere to go */
        kad_write_peer(&w, KAD_CLOSER, &p);
        enum err e = kad_query_answer(&q, kad_contact_id(&a), writer_span(&w), &value);
        if (e != rows[i].want)
            fail_msg("%s: %s", rows[i].what, err_name(e));
        CHECK(value.n == (i == 0 ? 1 : 0) && q.count == 1 && q.failures == (e != OK));
        CHECK_ERR(kad_query_answer(&q, kad_contact_id(&a), writer_span(&w), &value), ERR_STATE);
        CHECK(q.phase == KAD_QUERY_DONE);
    }
    start.key = (struct span){ 0 };
    CHECK_ERR(kad_query_init(&q, &start, 0), ERR_RANGE);
    start.key = span_str("k");
    start.goal = KAD_PROVIDE;
    self.addrs_size = 0;
    CHECK_ERR(kad_query_init(&q, &start, 0), ERR_RANGE);
    free(s);
}

static void silence_ends_in_time(void **state)
{
    (void)state;
    static struct kad_query q;
    struct sim *s = bare();
    struct kad_contact self, c;
    const struct kad_contact *who;
    random_contact(s, &self);
    const struct kad_query_start start = { .goal = KAD_FIND_CLOSEST,
                                           .key = span_str("k"),
                                           .self = &self };
    CHECK_OK(kad_query_init(&q, &start, 0));
    for (int i = 0; i < 300; i++) {
        random_contact(s, &c);
        kad_query_seed(&q, &c);
        CHECK(q.count <= KAD_QUERY_KNOWN);
    }
    for (uint32_t i = 1; i < q.count; i++)
        CHECK(kad_contact_cmp(q.target, q.known[i - 1].contact.place, q.known[i].contact.place) <
              0);
    uint64_t now = 0;
    while (q.phase != KAD_QUERY_DONE) {
        while (kad_query_next(&q, &who, now))
            ;
        CHECK(q.at_once == KAD_QUERY_AT_ONCE && kad_query_deadline(&q) > now);
        now = kad_query_deadline(&q);
        kad_query_step(&q, now);
    }
    CHECK(now == KAD_QUERY_ALL_MS && q.requests == 60);
    free(s);
}

static void servers_refuse_what_is_not_theirs_to_keep(void **state)
{
    (void)state;
    struct sim *s = bare();
    static struct kad_table t;
    static struct kad_server_record records[KAD_SERVER_PROBES];
    static uint8_t request[4096], reply[KAD_SERVER_ANSWER];
    struct kad_server sv;
    struct kad_contact self, a, b;
    struct kad_peer p;
    struct kad_message m;
    uint8_t key[34] = { 0x12, 0x20, 1 };
    random_contact(s, &self);
    random_contact(s, &a);
    random_contact(s, &b);
    kad_table_init(&t, kad_contact_id(&self), 0);
    memset(records, 0, sizeof(records));
    kad_server_init(&sv, &t, &(struct kad_server_memory){ records, KAD_SERVER_PROBES }, filter, 1);
    struct writer w = writer_of(request, sizeof(request)), r = writer_of(reply, sizeof(reply));
    kad_write(&w, KAD_ADD_PROVIDER, span_of(key, sizeof(key)));
    kad_contact_peer(&p, &a);
    kad_write_peer(&w, KAD_PROVIDERS, &p);
    CHECK_ERR(kad_server_answer(&sv, kad_contact_id(&b), writer_span(&w), &r, 0), ERR_DENIED);
    CHECK_OK(kad_server_answer(&sv, kad_contact_id(&a), writer_span(&w), &r, 0));
    CHECK_OK(kad_server_answer(&sv, kad_contact_id(&a), writer_span(&w), &r, 5)); /* again */
    CHECK(r.len == 0);
    w.len = 0;
    kad_write(&w, KAD_ADD_PROVIDER, span_str("no multihash"));
    kad_write_peer(&w, KAD_PROVIDERS, &p);
    CHECK_ERR(kad_server_answer(&sv, kad_contact_id(&a), writer_span(&w), &r, 0), ERR_DENIED);
    w.len = 0;
    p.addr_count = 0;
    kad_write(&w, KAD_ADD_PROVIDER, span_of(key, sizeof(key)));
    kad_write_peer(&w, KAD_PROVIDERS, &p);
    CHECK_ERR(kad_server_answer(&sv, kad_contact_id(&a), writer_span(&w), &r, 0), ERR_DENIED);
    w.len = 0;
    kad_write(&w, KAD_GET_PROVIDERS, span_of(key, sizeof(key)));
    for (int late = 0; late < 2; late++) {
        r.len = 0;
        CHECK_OK(kad_server_answer(&sv, kad_contact_id(&b), writer_span(&w), &r,
                                   late ? KAD_SERVER_KEEP_MS + 5 : KAD_SERVER_KEEP_MS + 4));
        CHECK_OK(kad_decode(&m, writer_span(&r)));
        struct kad_iter it = kad_peers(&m, KAD_PROVIDERS);
        CHECK(kad_next(&it, &p) == (late == 0));
        CHECK(!kad_next(&it, &p));
    }
    free(s);
}

static void floods_of_records_stay_within_their_bounds(void **state)
{
    (void)state;
    struct sim *s = bare();
    static struct kad_table t;
    static struct kad_server_record records[KAD_SERVER_PROBES];
    static uint8_t request[4096], reply[KAD_SERVER_ANSWER];
    struct kad_server sv;
    struct kad_contact self, a, b;
    struct kad_peer p;
    struct kad_message m;
    uint8_t key[34] = { 0x12, 0x20, 1 };
    struct writer w = writer_of(request, sizeof(request)), r = writer_of(reply, sizeof(reply));
    random_contact(s, &self);
    random_contact(s, &b);
    kad_table_init(&t, kad_contact_id(&self), 0);
    memset(records, 0, sizeof(records));
    kad_server_init(&sv, &t, &(struct kad_server_memory){ records, KAD_SERVER_PROBES }, filter, 1);
    for (int i = 0; i < 2000; i++) {
        random_contact(s, &a);
        w.len = r.len = 0;
        kad_contact_peer(&p, &a);
        kad_write(&w, KAD_ADD_PROVIDER, span_of(key, sizeof(key)));
        kad_write_peer(&w, KAD_PROVIDERS, &p);
        CHECK_OK(kad_server_answer(&sv, kad_contact_id(&a), writer_span(&w), &r, 10));
        (void)!kad_table_add(&t, &a, 0, 10);
    }
    w.len = 0;
    kad_write(&w, KAD_GET_PROVIDERS, span_of(key, sizeof(key)));
    CHECK_OK(kad_server_answer(&sv, kad_contact_id(&b), writer_span(&w), &r, 11));
    CHECK(r.len < KAD_SERVER_ANSWER / 2);
    /* Who is named is in the answer even when it is not close. */
    for (int i = 0; i < KAD_K; i++) {
        const struct kad_contact *c = &t.buckets[0][i].contact;
        w.len = r.len = 0;
        kad_write(&w, KAD_FIND_NODE, kad_contact_id(c));
        CHECK_OK(kad_server_answer(&sv, kad_contact_id(&b), writer_span(&w), &r, 11));
        CHECK_OK(kad_decode(&m, writer_span(&r)));
        struct kad_iter it = kad_peers(&m, KAD_CLOSER);
        int count = 0, named = 0;
        for (; kad_next(&it, &p); count++)
            named += span_eq(p.id, kad_contact_id(c));
        CHECK(named == 1 && count == KAD_K);
    }
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_nodes_find_and_provide),
        cmocka_unit_test(values_are_put_and_found),
        cmocka_unit_test(the_bad_do_not_hide_the_good),
        cmocka_unit_test(the_table_keeps_its_rules),
        cmocka_unit_test(answers_are_checked),
        cmocka_unit_test(silence_ends_in_time),
        cmocka_unit_test(servers_refuse_what_is_not_theirs_to_keep),
        cmocka_unit_test(floods_of_records_stay_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, sim_new, sim_free);
}
