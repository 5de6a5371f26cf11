#include "ipfsd/dht_world_test.h"

#include "crypto/random.h"

#include <unistd.h>

/* ---- whoever asks ---------------------------------------------------------------------------- */

struct caller {
    uint32_t question, found, notes, good, over;
    struct peer_id peers[64];
    size_t addrs[64];
    enum err last;
    uint32_t most; /* providers that one answer named */
};

static void on_found(void *ctx, const struct routing_provider *p)
{
    struct caller *c = ctx;
    CHECK(c->found < 64);
    c->peers[c->found] = p->peer;
    c->addrs[c->found++] = p->addr_count;
}

static void on_note(void *ctx, const struct routing_note *n)
{
    struct caller *c = ctx;
    c->notes++;
    c->good += n->result == OK;
    if (n->result != OK)
        c->last = n->result;
    if (n->providers > c->most)
        c->most = n->providers;
    CHECK(n->who[0] != 0);
}

static void on_over(void *ctx)
{
    struct caller *c = ctx;
    c->over++;
}

static struct cid content(uint8_t number)
{
    struct content_key key = { .codec = CID_CODEC_RAW, .digest = { number, 9 } };
    return cid_of_key(&key);
}

static void ask(struct caller *c, size_t node, const struct routing_question *what)
{
    struct routing_question q = *what;
    memset(c, 0, sizeof(*c));
    q.ctx = c;
    q.found = on_found;
    q.note = on_note;
    q.over = on_over;
    CHECK_OK(routing_begin(world[node].routing, &c->question, &q));
    WORLD_UNTIL(c->over > 0);
}

static void find_providers(struct caller *c, size_t node, uint8_t number)
{
    const struct routing_question q = { .kind = ROUTING_PROVIDERS, .cid = content(number) };
    ask(c, node, &q);
}

static bool named(const struct caller *c, const struct peer_id *id)
{
    for (uint32_t i = 0; i < c->found; i++)
        if (peer_id_eq(&c->peers[i], id) && c->addrs[i] > 0)
            return true;
    return false;
}

static uint32_t stored;

static void provided(void *ctx, struct dht_look *l)
{
    bool *over = ctx;
    *over = true;
    stored = l->q.stored;
}

static const struct dht_looker provider = { NULL, provided };

static void provide(size_t node, uint8_t number)
{
    const struct cid cid = content(number);
    uint8_t key[34] = { 0x12, 32 };
    bool over = false;
    struct dht_look *l;
    memcpy(key + 2, cid.digest, 32);
    struct kad_query_start start = { .goal = KAD_PROVIDE, .key = { key, 34 } };
    CHECK_OK(dht_look_begin(&l, world[node].dht, DHT_LAN, &start, &provider, &over));
    WORLD_UNTIL(over);
}

/* ---- honest nodes ---------------------------------------------------------------------------- */

static void nodes_that_know_one_find_all_and_what_they_have(void **state)
{
    (void)state;
    struct caller c;
    enum { N = 6 };
    world_open(N);
    for (size_t i = 1; i < N; i++)
        world_connect(i, 0);
    for (size_t i = 0; i < N; i++)
        WORLD_UNTIL(world_nodes(i) == N - 1);
    provide(2, 7);
    CHECK(stored == N - 1);
    for (size_t i = 0; i < N; i++) {
        find_providers(&c, i, 7);
        CHECK(i == 2 || named(&c, &world[2].id));
        CHECK(c.good > 0 && c.last == OK);
    }
    find_providers(&c, 0, 8);
    CHECK(c.found == 0 && c.over == 1);
    const struct routing_question q = { .kind = ROUTING_PEER, .peer = world[5].id };
    ask(&c, 1, &q);
    CHECK(c.found == 1 && named(&c, &world[5].id));
    const struct routing_question closest = { .kind = ROUTING_CLOSEST, .cid = content(9) };
    ask(&c, 1, &closest);
    CHECK(c.found > 0 && c.found < N && c.over == 1);
    CHECK(!named(&c, &world[1].id));
    for (uint32_t i = 1; i < c.found; i++) {
        uint8_t target[KAD_PLACE], before[KAD_PLACE], here[KAD_PLACE];
        uint8_t multihash[34] = { 0x12, 0x20 };
        memcpy(multihash + 2, closest.cid.digest, 32);
        kad_contact_place(target, span_of(multihash, sizeof(multihash)));
        kad_contact_place(before, peer_id_span(&c.peers[i - 1]));
        kad_contact_place(here, peer_id_span(&c.peers[i]));
        CHECK(kad_contact_cmp(target, before, here) < 0);
    }
    world_close();
}

static void a_client_is_in_no_table_and_answers_nobody(void **state)
{
    (void)state;
    struct caller c;
    world_open(2);
    world[2].mode = DHT_CLIENT;
    world_start(2, false);
    world_connect(1, 0);
    world_connect(2, 0);
    WORLD_UNTIL(world_nodes(1) == 1 && world_nodes(2) == 2);
    provide(2, 3);
    CHECK(stored == 2);
    find_providers(&c, 1, 3);
    CHECK(named(&c, &world[2].id));
    CHECK(world_nodes(0) == 1 && world_nodes(1) == 1);
    world_close();
}

static void tables_outlive_the_node(void **state)
{
    (void)state;
    char path[] = "/tmp/crust-dht-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    world_open(2);
    world[2].file = path;
    world_start(2, false);
    world_connect(0, 1);
    world_connect(2, 0);
    WORLD_UNTIL(world_nodes(2) == 2);
    world_end(2);
    world[2].file = path;
    world_start(2, false);
    WORLD_UNTIL(world_nodes(2) == 2); /* nobody was dialled for it */
    world_close();
    unlink(path);
}

static void a_node_that_goes_leaves_the_table(void **state)
{
    (void)state;
    struct caller c;
    world_open(3);
    world_connect(1, 0);
    world_connect(2, 0);
    for (size_t i = 0; i < 3; i++)
        WORLD_UNTIL(world_nodes(i) == 2);
    world_end(1);
    for (int i = 0; i < 4 && world_nodes(2) == 2; i++)
        find_providers(&c, 2, (uint8_t)i);
    CHECK(world_nodes(2) == 1);
    world_close();
}

/* ---- others ---------------------------------------------------------------------------------- */

/* Node 0 knows node 1, which lies: it is put into the table as if it had been good once. */
static void with_liar(const uint8_t *lie, size_t size, bool ends)
{
    struct kad_contact c;
    struct multiaddr a;
    world_open(1);
    world[1].lie = lie;
    world[1].lie_size = size;
    world[1].lie_ends = ends;
    world_start(1, true);
    world_connect(0, 1);
    WORLD_UNTIL(world[0].last.size != 0 && swarm_find(world[0].swarm, &world[1].id) != GATE_NONE);
    CHECK_OK(swarm_remote(world[0].swarm, swarm_find(world[0].swarm, &world[1].id), &a));
    const struct kad_peer p = { .id = peer_id_span(&world[1].id),
                                .addr_count = 1,
                                .addrs = { multiaddr_span(&a) } };
    kad_contact_of(&c, &p, NULL);
    WORLD_UNTIL(world[1].asked > 0 || lie == NULL); /* the check before the table */
    dht_good(world[0].dht, DHT_LAN, &c);
    CHECK(world_nodes(0) == 1);
}

static void garbage_is_a_failure_of_who_sent_it(void **state)
{
    (void)state;
    static const uint8_t garbage[][12] = {
        { 4, 0xff, 0xff, 0xff, 0xff },    /* no protobuf */
        { 0 },                            /* an empty message: PUT_VALUE */
        { 2, 8, 5 },                      /* another type */
        { 0x80, 0x80, 0x80, 0x80, 0x7f }, /* a length without end */
        { 0x81, 0x80, 0x10, 8, 4 },       /* 262,145 bytes */
        { 0x80, 0 },                      /* a padded length */
        { 6, 8, 3, 0x42, 2, 0x0a, 0x7f }, /* a peer that is cut off */
    };
    static const size_t sizes[] = { 5, 1, 3, 5, 5, 2, 7 };
    struct caller c;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        with_liar(garbage[i], sizes[i], false);
        find_providers(&c, 0, 1);
        CHECK(c.found == 0 && c.notes == 1 && c.good == 0 && c.last != OK && c.last != ERR_TIMEOUT);
        find_providers(&c, 0, 2);
        CHECK(world_nodes(0) == 0); /* twice was enough */
        world_close();
    }
}

static void one_that_ends_the_stream_or_cuts_the_answer_has_failed(void **state)
{
    (void)state;
    static const uint8_t cut[] = { 20, 8, 3 };
    struct caller c;
    for (size_t size = 0; size <= sizeof(cut); size += sizeof(cut)) {
        with_liar(cut, size, true);
        find_providers(&c, 0, 1);
        CHECK(c.found == 0 && c.notes == 1 && c.good == 0);
        CHECK(c.last == ERR_CLOSED || c.last == ERR_UNSUPPORTED); /* before the agreement */
        world_close();
    }
}

/* An answer of 200 KiB: 2,000 providers that nobody knows, 2,000 nodes at addresses of others. */
static void a_large_lie_costs_no_more_than_a_small_one(void **state)
{
    (void)state;
    static uint8_t lie[KAD_MESSAGE_MAX], message[KAD_MESSAGE_MAX];
    struct writer m = writer_of(message, sizeof(message)), w = writer_of(lie, sizeof(lie));
    const uint8_t ip[4] = { 8, 8, 8, 8 };
    const struct multiaddr a = multiaddr_of_ip(span_of(ip, 4), 53);
    struct caller c;
    uint8_t id[34] = { 0x12, 32 };
    kad_write(&m, KAD_GET_PROVIDERS, span_of(id, 34));
    for (uint32_t i = 0; i < 2000; i++) {
        const struct kad_peer p = { .id = { id, 34 },
                                    .addr_count = 1,
                                    .addrs = { multiaddr_span(&a) } };
        store_be32(id + 2, i);
        kad_write_peer(&m, KAD_PROVIDERS, &p);
        store_be32(id + 2, i + 5000);
        kad_write_peer(&m, KAD_CLOSER, &p);
    }
    CHECK_OK(m.err);
    write_uvarint(&w, m.len);
    write_span(&w, writer_span(&m));
    CHECK_OK(w.err);
    with_liar(lie, w.len, false);
    find_providers(&c, 0, 1);
    CHECK(c.found == KAD_K && c.notes == 1 && c.good == 1 && c.most == 1000);
    for (uint32_t i = 0; i < c.found; i++)
        CHECK(c.addrs[i] == 0); /* a global address has no place in the local network */
    struct swarm_figures f;
    swarm_figures(world[0].swarm, &f);
    CHECK(f.dialled == 1);
    CHECK(world_nodes(0) == 1);
    world_close();
}

/* ---- floods ---------------------------------------------------------------------------------- */

/* Node 1 opens streams to node 0 and says whatever it likes. */
static uint32_t flood_connection(void)
{
    world_open(1);
    world_start(1, true);
    world_connect(1, 0);
    WORLD_UNTIL(world[1].last.size != 0 && swarm_find(world[0].swarm, &world[1].id) != GATE_NONE);
    return swarm_find(world[1].swarm, &world[0].id);
}

static void streams_of_one_peer_are_few_and_their_requests_bounded(void **state)
{
    (void)state;
    uint32_t connection = flood_connection(), stream;
    struct dht_figures f;
    static const uint8_t too_long[] = { 0x81, 0x80, 0x01, 8, 4 }; /* 16,385 bytes */
    size_t taken;
    for (int i = 0; i < 2 * DHT_STREAMS_EACH; i++) {
        CHECK_OK(swarm_stream(world[1].swarm, connection, 0, &stream));
        for (int k = 0; k < 20; k++)
            loop_run_once(world_loop, 2);
    }
    WORLD_UNTIL((dht_figures(world[0].dht, &f), f.refused >= DHT_STREAMS_EACH));
    CHECK(f.streams == DHT_STREAMS_EACH);
    world_close();
    connection = flood_connection();
    CHECK_OK(swarm_stream(world[1].swarm, connection, 0, &stream));
    CHECK_OK(swarm_write(world[1].swarm, connection, stream, span_of(too_long, 5), &taken));
    WORLD_UNTIL((dht_figures(world[0].dht, &f), f.refused == 1));
    CHECK(f.streams == 0);
    world_close();
}

static void requests_in_a_row_are_answered_one_by_one(void **state)
{
    (void)state;
    enum { REQUESTS = 2000 };
    uint32_t connection = flood_connection(), stream;
    uint8_t request[64];
    struct writer w = writer_of(request + 1, sizeof(request) - 1);
    struct dht_figures f;
    kad_write(&w, KAD_FIND_NODE, peer_id_span(&world[1].id));
    request[0] = (uint8_t)w.len;
    CHECK_OK(swarm_stream(world[1].swarm, connection, 0, &stream));
    for (uint32_t sent = 0; sent < REQUESTS;) {
        size_t taken;
        CHECK_OK(
            swarm_write(world[1].swarm, connection, stream, span_of(request, w.len + 1), &taken));
        CHECK(taken == 0 || taken == w.len + 1);
        sent += taken > 0;
        if (taken == 0)
            loop_run_once(world_loop, 5);
    }
    WORLD_UNTIL((dht_figures(world[0].dht, &f), f.served == REQUESTS));
    CHECK(f.refused == 0 && f.streams == 1);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_that_know_one_find_all_and_what_they_have),
        cmocka_unit_test(a_client_is_in_no_table_and_answers_nobody),
        cmocka_unit_test(tables_outlive_the_node),
        cmocka_unit_test(a_node_that_goes_leaves_the_table),
        cmocka_unit_test(garbage_is_a_failure_of_who_sent_it),
        cmocka_unit_test(one_that_ends_the_stream_or_cuts_the_answer_has_failed),
        cmocka_unit_test(a_large_lie_costs_no_more_than_a_small_one),
        cmocka_unit_test(streams_of_one_peer_are_few_and_their_requests_bounded),
        cmocka_unit_test(requests_in_a_row_are_answered_one_by_one),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
