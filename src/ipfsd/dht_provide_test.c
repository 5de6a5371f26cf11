/* Nodes of the DHT over loopback, one of which has a block store. */
#include "ipfsd/dht_provide.h"

#include "crypto/random.h"
#include "crypto/sha256.h"
#include "ipfsd/dht_world_test.h"
#include "p2p/kad_sweep.h"
#include "rt/path.h"
#include "store/repo.h"

enum { NODES = 5, BLOCKS = 2500 };

static char folder[64], file[96];
static struct repo repo;

static struct cid block_of(uint32_t i)
{
    uint8_t data[4];
    struct content_key key = { .codec = CID_CODEC_RAW };
    store_be32(data, i);
    sha256(key.digest, span_of(data, 4));
    return cid_of_key(&key);
}

static void store_open(void)
{
    struct lockfile_holder holder;
    (void)snprintf(folder, sizeof(folder), "/tmp/crust-provide-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof(file), "%s/provided", folder);
    CHECK_OK(repo_open(&repo, &holder, folder, "test", NULL));
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint8_t data[4];
        const struct cid cid = block_of(i);
        store_be32(data, i);
        CHECK_OK(blockstore_put(repo.store, cid.digest, span_of(data, 4), BLOCKSTORE_VERIFIED));
    }
    const struct cid root = block_of(7);
    uint8_t cid[CID_SIZE_MAX];
    struct writer w = writer_of(cid, sizeof(cid));
    cid_write(&w, &root);
    const struct pin pin = { .cid = writer_span(&w), .mode = PIN_DIRECT };
    CHECK_OK(blockstore_pin(repo.store, &pin));
    CHECK_OK(blockstore_commit(repo.store));
}

static void store_close(void)
{
    repo_close(&repo);
    CHECK_OK(path_remove_tree(folder));
}

static struct dht_provide *open_provide(const struct blocks *b, bool all)
{
    struct dht_provide *p;
    const struct dht_provide_options o = {
        .loop = world_loop, .dht = world[0].dht, .blocks = b, .all = all, .file = file
    };
    CHECK_OK(dht_provide_open(&p, &o));
    return p;
}

static uint32_t known_of(size_t node, uint32_t block)
{
    const struct cid cid = block_of(block);
    struct kad_contact c[KAD_SERVER_PROVIDERS];
    uint8_t key[KAD_SWEEP_KEY] = { 0x12, 32 };
    memcpy(key + 2, cid.digest, 32);
    size_t n = kad_server_providers(&world[node].dht->nets[DHT_LAN].server, c,
                                    span_of(key, sizeof(key)), clock_mono_ms());
    CHECK(n == 0 || (n == 1 && c[0].addrs_size > 0 &&
                     span_eq(kad_contact_id(&c[0]), peer_id_span(&world[0].id))));
    return (uint32_t)n;
}

static void begin(void)
{
    store_open();
    world_open(NODES);
    for (size_t i = 1; i < NODES; i++)
        world_connect(i, 0);
    for (size_t i = 0; i < NODES; i++)
        WORLD_UNTIL(world_nodes(i) == NODES - 1);
}

static void end(struct dht_provide *p)
{
    dht_provide_stop(p);
    dht_provide_close(p);
    world_close();
    store_close();
}

static void roots_are_told_and_no_more(void **state)
{
    (void)state;
    struct dht_provide_figures f;
    begin();
    const struct blocks b = { .store = repo.store };
    struct dht_provide *p = open_provide(&b, false);
    WORLD_UNTIL((dht_provide_figures(p, &f), f.nets[DHT_LAN].told == 1));
    CHECK(f.count == 1 && f.nets[DHT_LAN].regions == 1 && f.nets[DHT_WAN].told == 0);
    CHECK(f.nets[DHT_LAN].stored == NODES - 1 && f.nets[DHT_LAN].failed == 0);
    for (size_t i = 1; i < NODES; i++)
        CHECK(known_of(i, 7) == 1 && known_of(i, 8) == 0);
    end(p);
}

/* 2,500 blocks: more than two regions have. */
static void many_blocks_take_few_streams_and_are_remembered(void **state)
{
    (void)state;
    struct dht_provide_figures f;
    struct dht_figures before, after;
    begin();
    const struct blocks b = { .store = repo.store };
    dht_figures(world[0].dht, &before);
    struct dht_provide *p = open_provide(&b, true);
    WORLD_UNTIL((dht_provide_figures(p, &f), f.nets[DHT_LAN].told == BLOCKS));
    dht_figures(world[0].dht, &after);
    CHECK(f.count == BLOCKS && f.left_out == 0);
    CHECK(f.nets[DHT_LAN].stored >= (NODES - 1) * f.nets[DHT_LAN].told);
    CHECK(after.asked - before.asked < 60); /* a look-up and a stream to each node a region */
    for (uint32_t i = 0; i < BLOCKS; i++)
        CHECK(known_of(1, i) == 1 && known_of(4, i) == 1);
    dht_provide_stop(p);
    dht_provide_close(p);
    p = open_provide(&b, true);
    WORLD_UNTIL((dht_provide_figures(p, &f), f.count == BLOCKS));
    CHECK(f.nets[DHT_LAN].told == BLOCKS && f.nets[DHT_LAN].regions == 0);
    end(p);
}

static void a_file_that_is_no_such_file_is_made_anew(void **state)
{
    (void)state;
    struct dht_provide_figures f;
    begin();
    CHECK_OK(path_write_file(file, span_str("crust/provided/1\nabc"), 0600));
    const struct blocks b = { .store = repo.store };
    struct dht_provide *p = open_provide(&b, false);
    WORLD_UNTIL((dht_provide_figures(p, &f), f.nets[DHT_LAN].told == 1));
    dht_provide_stop(p);
    struct mspan bytes;
    CHECK_OK(path_read_file(&bytes, file, 1000));
    CHECK(bytes.n == strlen("crust/provided/1\n") + KAD_SWEEP_SAVED);
    free(bytes.p);
    end(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_told_and_no_more),
        cmocka_unit_test(many_blocks_take_few_streams_and_are_remembered),
        cmocka_unit_test(a_file_that_is_no_such_file_is_made_anew),
    };
    CHECK_OK(random_init());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
