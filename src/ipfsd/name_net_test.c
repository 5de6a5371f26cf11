/* Names told and found, in a DHT of our own nodes on one loop and at a router of the test. */
#include "ipfsd/name_net.h"

#include "crypto/random.h"
#include "ipfsd/dht_world_test.h"
#include "rt/http_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define FAR "2120-01-01T00:00:00Z"

static const struct config_urls no_routers;

/* ---- records --------------------------------------------------------------------------------- */

struct made {
    struct peer_id name;
    uint8_t bytes[IPNS_RECORD_MAX];
    size_t size;
};

static void make(struct made *m, uint8_t number, uint64_t sequence, const char *until)
{
    struct ed25519_key pair;
    uint8_t seed[ED25519_SEED_SIZE] = { number, 99 };
    ed25519_keypair(&pair, seed);
    struct peer_key public = peer_key_of(&pair);
    struct writer w = writer_of(m->bytes, sizeof(m->bytes));
    const struct ipns_record r = { .value = span_str("/ipfs/bafkqaddwgevxmmraojswg33smq"),
                                   .sequence = sequence,
                                   .ttl_ns = 1000000000,
                                   .validity = span_str(until) };
    m->name = peer_id_of(&public);
    CHECK_OK(ipns_encode(&w, &r, &pair));
    m->size = w.len;
}

static struct span bytes_of(const struct made *m)
{
    return span_of(m->bytes, m->size);
}

/* ---- threads that wait ----------------------------------------------------------------------- */

struct task {
    struct name_net *net;
    const struct made *put; /* NULL: get */
    struct peer_id name;
    enum err result;
    struct name_net_told told;
    size_t size;
    uint8_t bytes[IPNS_RECORD_MAX];
    atomic_bool over;
};

static void *run(void *arg)
{
    struct task *t = arg;
    if (t->put != NULL)
        t->result = name_net_put(t->net, &t->told, &t->put->name, bytes_of(t->put));
    else
        t->result =
            name_net_get(t->net, &t->size, (struct mspan){ t->bytes, sizeof(t->bytes) }, &t->name);
    atomic_store(&t->over, true);
    return NULL;
}

static void perform(struct task *t)
{
    pthread_t thread;
    atomic_store(&t->over, false);
    CHECK(pthread_create(&thread, NULL, run, t) == 0);
    WORLD_UNTIL(atomic_load(&t->over));
    pthread_join(thread, NULL);
}

static void put(struct name_net *net, const struct made *m, uint32_t nodes, uint32_t routers)
{
    static struct task t;
    t.net = net;
    t.put = m;
    perform(&t);
    CHECK_OK(t.result);
    CHECK(t.told.nodes == nodes && t.told.routers == routers);
}

static bool finds(struct name_net *net, const struct made *m)
{
    static struct task t;
    t.net = net;
    t.put = NULL;
    t.name = m->name;
    perform(&t);
    CHECK(t.result == OK || t.result == ERR_NOT_FOUND);
    return t.result == OK && span_eq(span_of(t.bytes, t.size), bytes_of(m));
}

/* ---- in the DHT ------------------------------------------------------------------------------ */

struct side {
    struct dht_names *names;
    struct name_net *net;
};

static void side_open(struct side *s, size_t node, const struct config_urls *routers)
{
    CHECK_OK(dht_names_open(&s->names, world_loop, world[node].dht));
    CHECK_OK(name_net_open(&s->net, s->names, routers));
}

static void side_close(struct side *s)
{
    name_net_stop(s->net);
    dht_names_close(s->names);
    name_net_close(s->net);
}

static void a_record_is_told_to_servers_and_found_there(void **state)
{
    (void)state;
    static struct made old, new, other;
    struct side a, b;
    enum { N = 5 };
    make(&old, 1, 1, FAR);
    make(&new, 1, 2, FAR);
    make(&other, 2, 1, FAR);
    world_open(N);
    for (size_t i = 1; i < N; i++)
        world_connect(i, 0);
    for (size_t i = 0; i < N; i++)
        WORLD_UNTIL(world_nodes(i) == N - 1);
    side_open(&a, 1, &no_routers);
    side_open(&b, 4, &no_routers);
    CHECK(!finds(b.net, &old));
    put(a.net, &old, N - 1, 0);
    CHECK(finds(b.net, &old) && finds(a.net, &old) && !finds(b.net, &other));
    put(b.net, &new, N - 1, 0);
    CHECK(finds(a.net, &new) && finds(b.net, &new));
    put(a.net, &old, 0, 0); /* all have a better one */
    CHECK(finds(a.net, &new));
    struct dht_figures f;
    dht_figures(world[2].dht, &f);
    CHECK(f.nets[DHT_LAN].values == 1);
    side_close(&a);
    side_close(&b);
    world_close();
}

static void what_is_kept_outlives_the_node(void **state)
{
    (void)state;
    static struct made m;
    char folder[] = "/tmp/crust-values-XXXXXX", file[64];
    struct side a;
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof(file), "%s/values", folder);
    make(&m, 1, 1, FAR);
    world_open(1);
    world[1].values = file;
    world_start(1, false);
    world_connect(0, 1);
    WORLD_UNTIL(world_nodes(0) == 1);
    side_open(&a, 0, &no_routers);
    put(a.net, &m, 1, 0);
    side_close(&a);
    world_close();

    world_open(1); /* another one asks what is left of it */
    world[1].values = file;
    world_start(1, false);
    CHECK(world[1].dht->nets[DHT_LAN].values.used == 1);
    world_connect(0, 1);
    WORLD_UNTIL(world_nodes(0) == 1);
    side_open(&a, 0, &no_routers);
    CHECK(finds(a.net, &m));
    side_close(&a);
    world_close();

    FILE *f = fopen(file, "r+b"); /* a bit of the record turned: it is left out */
    CHECK(f != NULL && fseek(f, -1, SEEK_END) == 0 && fputc('!', f) == '!' && fclose(f) == 0);
    world_open(0);
    world[0].values = file;
    world_start(0, false);
    CHECK(world[0].dht->nets[DHT_LAN].values.used == 0);
    world_close();
    CHECK(unlink(file) == 0 && rmdir(folder) == 0);
}

/* What a stranger says over his stream: message after message, none of which is taken. */
static void what_does_not_verify_is_refused(void **state)
{
    (void)state;
    static struct made m, ended;
    static uint8_t buffer[16384];
    struct dht_figures f;
    make(&m, 1, 1, FAR);
    make(&ended, 2, 1, "2020-01-01T00:00:00Z");
    for (int way = 0; way < 5; way++) {
        const struct made *from = way == 1 ? &ended : &m;
        uint8_t key[64], other[64];
        struct writer k = writer_of(key, sizeof(key)), o = writer_of(other, sizeof(other));
        struct writer w = writer_of(buffer + VARINT_FRAME_HEAD_MAX, 12288);
        size_t taken;
        uint32_t stream;
        write_span(&k, span_str("/ipns/"));
        write_span(&k, peer_id_span(&from->name));
        write_span(&o, span_str(way == 2 ? "/pk/" : "/ipns/"));
        write_span(&o, peer_id_span(&ended.name));
        kad_write(&w, KAD_PUT_VALUE, way == 2 || way == 3 ? writer_span(&o) : writer_span(&k));
        if (way != 4) /* no record at all */
            kad_write_record(&w, way == 3 ? writer_span(&o) : writer_span(&k),
                             span_of(from->bytes, way == 0 ? from->size - 1 : from->size));
        world_open(1);
        world_start(1, true);
        world_connect(1, 0);
        WORLD_UNTIL(world[1].last.size != 0 &&
                    swarm_find(world[0].swarm, &world[1].id) != GATE_NONE);
        uint32_t connection = swarm_find(world[1].swarm, &world[0].id);
        struct span frame = varint_frame_close(buffer, w.len);
        CHECK_OK(swarm_stream(world[1].swarm, connection, 0, &stream));
        CHECK_OK(swarm_write(world[1].swarm, connection, stream, frame, &taken));
        CHECK(taken == frame.n);
        WORLD_UNTIL((dht_figures(world[0].dht, &f), f.refused == 1));
        CHECK(f.nets[DHT_LAN].values == 0 && f.streams == 0);
        world_close();
    }
}

/* ---- at routers ------------------------------------------------------------------------------ */

static struct made at_router;
static atomic_int put_count;
static atomic_bool puts_right;

static void serve(void *ctx, struct http_request *rq)
{
    char want[PEER_ID_TEXT_MAX], path[PEER_ID_TEXT_MAX + 64];
    const char *asked = http_request_path(rq);
    (void)ctx;
    peer_id_format_cid(want, &at_router.name);
    (void)snprintf(path, sizeof(path), "/good/routing/v1/ipns/%s", want);
    bool good = strcmp(asked, path) == 0;
    if (http_request_method(rq) == HTTP_PUT) {
        atomic_fetch_add(&put_count, 1);
        const char *type = http_request_header(rq, "Content-Type");
        atomic_store(&puts_right, type != NULL &&
                                      strcmp(type, "application/vnd.ipfs.ipns-record") == 0 &&
                                      span_eq(http_request_body(rq), bytes_of(&at_router)));
        (void)http_request_respond_text(rq, good ? 200 : 501, "");
        return;
    }
    static uint8_t large[2 * IPNS_RECORD_MAX];
    struct http_response r = { .status = 200, .body = bytes_of(&at_router) };
    if (strncmp(asked, "/large/", 7) == 0)
        r.body = span_of(large, sizeof(large));
    else if (strncmp(asked, "/broken/", 8) == 0)
        r.body = span_sub(r.body, 0, r.body.n - 1);
    else if (!good)
        r.status = 404;
    const char *accept = http_request_header(rq, "Accept");
    bool right = accept != NULL && strcmp(accept, "application/vnd.ipfs.ipns-record") == 0;
    (void)http_response_add(&r, "Content-Type",
                            right && strncmp(asked, "/text/", 6) != 0
                                ? "application/vnd.ipfs.ipns-record"
                                : "text/plain");
    (void)http_request_respond(rq, &r);
}

static void routers_of(struct config_urls *out, const struct http_server *server,
                       const char *const *names, size_t count)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < count; i++)
        (void)snprintf(out->urls[out->count++], CONFIG_URL_MAX, "http://127.0.0.1:%u/%s",
                       (unsigned)http_server_port(server), names[i]);
}

static void routers_are_told_and_asked(void **state)
{
    (void)state;
    static const char *const all[] = { "broken", "large", "good", "none" }, *const bad[] = {
        "broken", "large", "text", "none"
    };
    static struct config_urls routers;
    static struct made unknown, newer;
    struct http_server *server;
    struct name_net *net;
    struct side a;
    const struct http_server_options o = { .handler = serve, .threads = 1 };
    make(&at_router, 1, 4, FAR);
    make(&newer, 1, 5, FAR);
    make(&unknown, 2, 1, FAR);
    CHECK_OK(http_server_open(&server, &o));
    world_open(2);
    routers_of(&routers, server, all, 4);
    CHECK_OK(name_net_open(&net, NULL, &routers));
    CHECK(finds(net, &at_router) && !finds(net, &unknown));
    put(net, &at_router, 0, 1);
    CHECK(atomic_load(&put_count) == 4 && atomic_load(&puts_right));
    name_net_close(net);
    routers_of(&routers, server, bad, 4);
    CHECK_OK(name_net_open(&net, NULL, &routers));
    CHECK(!finds(net, &at_router));
    name_net_close(net);
    /* The newer one of DHT and routers counts. */
    world_connect(1, 0);
    WORLD_UNTIL(world_nodes(0) == 1 && world_nodes(1) == 1);
    routers_of(&routers, server, all, 4);
    side_open(&a, 0, &routers);
    CHECK(finds(a.net, &at_router));
    put(a.net, &newer, 1, 1);
    CHECK(finds(a.net, &newer));
    side_close(&a);
    world_close();
    http_server_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_told_to_servers_and_found_there),
        cmocka_unit_test(what_is_kept_outlives_the_node),
        cmocka_unit_test(what_does_not_verify_is_refused),
        cmocka_unit_test(routers_are_told_and_asked),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
