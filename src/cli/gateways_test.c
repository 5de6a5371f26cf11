/* Reading from gateways: as one stream, and around gateways that cut, lie or know no CAR. */
#include "base/check.h"
#include "cli/reading.h"
#include "ipfs/blockmem_test.h"
#include "ipfs/car_stream.h"
#include "ipfs/dag_block.h"
#include "ipfs/unixfs_add.h"
#include "rt/http_server.h"
#include "rt/log.h"

#include <pthread.h>
#include <stdio.h>

enum { CHUNK = 4096, LEAVES = 300, CAR_MAX = 8 << 20, NODES = 3 };

/* What a gateway does. */
enum mode { HONEST, NO_CAR, CUTS, LIES, EMPTY };

static struct node {
    enum mode mode;
    unsigned cars, raws; /* requests */
} nodes[NODES];

static struct blockmem *store;      /* of the gateways */
static struct blockmem *here;       /* of this machine */
static struct block_source sources; /* over store */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_server *server;
static struct cid file;
static uint8_t content[CHUNK * LEAVES];
static uint8_t car[CAR_MAX];

/* ---- the gateways --------------------------------------------------------------------------- */

static void answer_raw(struct http_request *rq, const struct cid *cid, enum mode mode)
{
    static uint8_t buf[BLOCK_SIZE_MAX];
    struct span block;
    if (mode == EMPTY ||
        dag_block_get(&block, (struct mspan){ buf, sizeof(buf) }, &sources, cid) != OK) {
        (void)http_request_respond_text(rq, 404, "no\n");
        return;
    }
    struct http_response r = { .status = 200, .body = block };
    (void)http_response_add(&r, "Content-Type", "application/vnd.ipld.raw");
    (void)http_request_respond(rq, &r);
}

static struct car_stream_params wishes(const char *query, const struct cid *cid)
{
    struct car_stream_params p = { .root = *cid, .scope = CAR_STREAM_ENTITY };
    const char *bytes = strstr(query, "entity-bytes=");
    if (strstr(query, "dag-scope=all") != NULL)
        p.scope = CAR_STREAM_ALL;
    if (bytes != NULL) {
        char *end;
        p.has_bytes = true;
        p.bytes.from = strtoll(bytes + 13, &end, 10);
        p.bytes.to_end = end[1] == '*';
        if (!p.bytes.to_end)
            p.bytes.to = strtoll(end + 1, NULL, 10);
    }
    return p;
}

static void answer_car(struct http_request *rq, const struct cid *cid, enum mode mode)
{
    static uint8_t memory[UNIXFS_READ_MEMORY];
    static struct car_stream s;
    const struct car_stream_params p = wishes(http_request_query(rq), cid);
    size_t size = 0, n = 1;
    if (mode == EMPTY || mode == NO_CAR) {
        (void)http_request_respond_text(rq, mode == EMPTY ? 404 : 406, "no\n");
        return;
    }
    CHECK(strstr(http_request_query(rq), "car-dups=y") != NULL);
    car_stream_init(&s, &sources, (struct mspan){ memory, sizeof(memory) }, &p);
    while (n > 0) {
        if (car_stream_next(&s, &n, (struct mspan){ car + size, CAR_MAX - size }) != OK)
            break;
        size += n;
    }
    if (mode == CUTS)
        size /= 2;
    if (mode == LIES)
        car[size / 2] ^= 1;
    struct http_response r = { .status = 200, .body = span_of(car, size) };
    (void)http_response_add(&r, "Content-Type", "application/vnd.ipld.car; version=1");
    (void)http_request_respond(rq, &r);
}

/* "/N/ipfs/CID": gateway number N. */
static void handle(void *ctx, struct http_request *rq)
{
    (void)ctx;
    const char *path = http_request_path(rq), *query = http_request_query(rq);
    struct cid cid;
    size_t at = (size_t)(path[1] - '0');
    if (at >= NODES || strlen(path) < 8 || cid_parse(&cid, span_str(path + 8)) != OK) {
        (void)http_request_respond_text(rq, 400, "no\n");
        return;
    }
    pthread_mutex_lock(&lock);
    bool wants_car = strstr(query, "format=car") != NULL;
    unsigned *count = wants_car ? &nodes[at].cars : &nodes[at].raws;
    ++*count;
    if (wants_car)
        answer_car(rq, &cid, nodes[at].mode);
    else
        answer_raw(rq, &cid, nodes[at].mode);
    pthread_mutex_unlock(&lock);
}

/* ---- the reader ----------------------------------------------------------------------------- */

static void begin(struct gateways *g, enum mode a, enum mode b, enum mode c)
{
    static struct cli cli;
    static struct block_source local;
    const enum mode modes[NODES] = { a, b, c };
    local = blockmem_source(here);
    gateways_init(g, &cli, &local);
    g->listed = true;
    g->count = NODES;
    for (size_t i = 0; i < NODES; i++) {
        nodes[i] = (struct node){ .mode = modes[i] };
        g->list[i].allow_private = true;
        (void)snprintf(g->list[i].url, sizeof(g->list[i].url), "http://127.0.0.1:%u/%zu",
                       http_server_port(server), i);
    }
}

/* Reads bytes [from, to) of the file as `crust cat` does, and compares. */
static void read_file(struct gateways *g, uint64_t from, uint64_t to)
{
    static uint8_t memory[UNIXFS_READ_MEMORY];
    static struct unixfs_read_walk walk;
    const struct block_source source = gateways_source(g);
    uint64_t at = from;
    unixfs_read_file_init(&walk, &source, (struct mspan){ memory, sizeof(memory) }, &file);
    unixfs_read_file_range(&walk, from, to);
    for (;;) {
        struct span data;
        const struct carpull_want want = { file, CARPULL_ENTITY, at, to };
        gateways_expect(g, &want);
        CHECK_OK(unixfs_read_file_next(&walk, &data));
        if (data.n == 0)
            break;
        CHECK(at + data.n <= sizeof(content) && memcmp(content + at, data.p, data.n) == 0);
        at += data.n;
    }
    CHECK(at == (to < sizeof(content) ? to : sizeof(content)));
}

static unsigned raws(void)
{
    return nodes[0].raws + nodes[1].raws + nodes[2].raws;
}

static unsigned cars(void)
{
    return nodes[0].cars + nodes[1].cars + nodes[2].cars;
}

static void a_file_is_one_request(void **state)
{
    (void)state;
    struct gateways g;
    begin(&g, HONEST, HONEST, HONEST);
    read_file(&g, 0, UINT64_MAX);
    CHECK(cars() == 1 && raws() == 0 && g.requests == 1);
    CHECK(g.blocks == store->count && g.bytes > sizeof(content));
    gateways_close(&g);
}

static void a_part_of_a_file_is_one_request_for_that_part(void **state)
{
    (void)state;
    struct gateways g;
    begin(&g, HONEST, HONEST, HONEST);
    read_file(&g, 200 * CHUNK + 5, 203 * CHUNK);
    CHECK(cars() == 1 && raws() == 0);
    CHECK(g.blocks < 10);
    gateways_close(&g);
}

static void single_blocks_where_no_car_is_given(void **state)
{
    (void)state;
    struct gateways g;
    begin(&g, NO_CAR, NO_CAR, EMPTY);
    read_file(&g, 0, UINT64_MAX);
    CHECK(nodes[0].cars == 1 && nodes[1].cars == 1);
    CHECK(raws() == store->count && g.requests == cars() + raws());
    gateways_close(&g);
}

static void a_broken_stream_goes_on_where_the_reader_is(void **state)
{
    (void)state;
    struct gateways g;
    begin(&g, CUTS, EMPTY, HONEST);
    read_file(&g, 0, UINT64_MAX);
    /* Each break costs a block request or two, never one for each block that is left. */
    CHECK(nodes[0].cars <= GATEWAYS_CUTS_MAX && nodes[2].cars == 1);
    CHECK(raws() <= 2 * NODES * GATEWAYS_CUTS_MAX);
    gateways_close(&g);
}

static void a_false_block_is_fetched_from_another_one(void **state)
{
    (void)state;
    struct gateways g;
    begin(&g, LIES, HONEST, HONEST);
    read_file(&g, 0, UINT64_MAX);
    CHECK(nodes[0].cars == 1 && nodes[0].raws == 0 && g.list[0].failures != 0);
    CHECK(raws() <= 2 && cars() == 2);
    gateways_close(&g);
}

static void blocks_that_are_here_are_not_asked_for(void **state)
{
    (void)state;
    struct gateways g;
    /* All but every fiftieth leaf are on this machine. */
    for (size_t i = 0; i < store->count; i++)
        if (i % 50 != 49)
            CHECK_OK(blockmem_put(here, &store->blocks[i].key,
                                  span_of(store->blocks[i].data, store->blocks[i].size)));
    begin(&g, HONEST, HONEST, HONEST);
    read_file(&g, 0, UINT64_MAX);
    CHECK(g.blocks == store->count / 50);
    CHECK(cars() + raws() <= g.blocks + 1);
    gateways_close(&g);
    while (here->count > 0)
        blockmem_remove(here, here->blocks[0].key.digest);
}

static void nobody_has_it(void **state)
{
    (void)state;
    struct gateways g;
    struct block_key key;
    uint8_t buf[64];
    size_t size;
    begin(&g, EMPTY, EMPTY, EMPTY);
    const struct block_source source = gateways_source(&g);
    const struct carpull_want want = { file, CARPULL_ALL, 0, UINT64_MAX };
    CHECK_OK(dag_block_key(&key, &file));
    gateways_expect(&g, &want);
    CHECK_ERR(source.get(source.ctx, &size, (struct mspan){ buf, sizeof(buf) }, &key),
              ERR_NOT_FOUND);
    CHECK(cars() == NODES && raws() == NODES);
    gateways_close(&g);
}

/* ---- the world ------------------------------------------------------------------------------ */

static void make_file(void)
{
    static uint8_t scratch[UNIXFS_ADD_SCRATCH], arena_bytes[4 << 20], chunk[CHUNK];
    const struct block_sink sink = blockmem_sink(store);
    struct unixfs_add add = { .sink = &sink, .scratch = { scratch, sizeof(scratch) } };
    struct arena arena = arena_of(arena_bytes, sizeof(arena_bytes));
    static struct unixfs_add_stream s;
    struct unixfs_add_node node;
    CHECK_OK(unixfs_add_profile(&add.params, "unixfs-v1-2025"));
    add.params.chunk_size = CHUNK;
    add.params.file_links = 20;
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (uint8_t)(i / CHUNK * 31 + i * 7 + i / 251);
    unixfs_add_stream_init(&s, &add, &arena, (struct mspan){ chunk, sizeof(chunk) }, NULL);
    CHECK_OK(unixfs_add_stream_write(&s, span_of(content, sizeof(content))));
    CHECK_OK(unixfs_add_stream_finish(&s, &node));
    file = node.cid;
}

static int setup(void **state)
{
    (void)state;
    log_init("gateways-test", LOG_LEVEL_OFF);
    store = calloc(1, sizeof(*store));
    here = calloc(1, sizeof(*here));
    sources = blockmem_source(store);
    make_file();
    const struct http_server_options o = { .threads = 1, .handler = handle };
    CHECK_OK(http_server_open(&server, &o));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_server_close(server);
    blockmem_free(store);
    blockmem_free(here);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_one_request),
        cmocka_unit_test(a_part_of_a_file_is_one_request_for_that_part),
        cmocka_unit_test(single_blocks_where_no_car_is_given),
        cmocka_unit_test(a_broken_stream_goes_on_where_the_reader_is),
        cmocka_unit_test(a_false_block_is_fetched_from_another_one),
        cmocka_unit_test(blocks_that_are_here_are_not_asked_for),
        cmocka_unit_test(nobody_has_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
