/* A bitswap peer made of our swarm and exchange, for tests against other implementations and for
 * figures:
 *
 *   bitswap_peer serve HOME noise|tls|any early|plain [slow|lying|stalling|vanishing]
 *   bitswap_peer fetch ADDRESS[,ADDRESS...] CID noise|tls|any early|plain [HOME|-|FILE]
 *
 * The first serves the block store of HOME and prints its address, a line when it is asked for its
 * first block, and how many it was asked for at the end; it ends with standard input. The second
 * fetches a DAG depth first, into the store of HOME, or its raw leaves into FILE, or to nowhere.
 * Each prints one line of JSON. Addresses are like /ip4/127.0.0.1/tcp/4001/p2p/ID. */
#include "codec/cid.h"
#include "codec/multiaddr.h"
#include "crypto/random.h"
#include "ipfs/dag_walk.h"
#include "ipfsd/exchange.h"
#include "rt/clock.h"
#include "store/repo.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEERS_MAX = 16, CONNECTIONS = 64, SEEN = 1 << 18, MEET_MS = 60000, VANISH_AFTER = 20 };

enum temper { HONEST, SLOW, LYING, STALLING, VANISHING };
static const char *const tempers[] = { "honest", "slow", "lying", "stalling", "vanishing" };

static struct {
    struct loop *loop;
    struct swarm *swarm;
    struct exchange *exchange;
    struct ed25519_key identity;
    struct repo repo;
    enum temper temper;
    atomic_uint gets, met;
    atomic_bool over;
    struct cid root;
    FILE *file;
    int exit;
} me;

static void die(const char *what, enum err e)
{
    fprintf(stderr, "bitswap_peer: %s: %s\n", what, err_text(e));
    _exit(1);
}

static void must(const char *what, enum err e)
{
    if (e != OK)
        die(what, e);
}

/* ---- what is served ----------------------------------------------------------------------------
 */

static enum err get(void *ctx, size_t *size, struct mspan buf, const struct block_key *key)
{
    (void)ctx;
    unsigned n = atomic_fetch_add(&me.gets, 1);
    if (n == 0) {
        printf("{\"asked\": 1}\n");
        fflush(stdout);
    }
    if (me.temper == VANISHING && n >= VANISH_AFTER)
        _exit(0);
    for (int i = 0; me.temper == STALLING && !atomic_load(&me.over) && i < 600; i++)
        clock_sleep_ms(100);
    if (me.temper == SLOW)
        clock_sleep_ms(300);
    enum err e = blockstore_get(me.repo.store, size, buf, key->digest);
    if (e == OK && me.temper == LYING && *size > 0)
        buf.p[*size / 2] ^= 1;
    return e;
}

static enum err size_of(void *ctx, size_t *size, const struct block_key *key)
{
    (void)ctx;
    return me.repo.store == NULL ? ERR_NOT_FOUND : blockstore_has(me.repo.store, size, key->digest);
}

static const struct block_source served = { .get = get, .size = size_of };

/* ---- the swarm ---------------------------------------------------------------------------------
 */

static void on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    (void)ctx;
    (void)inbound;
    exchange_peer(me.exchange, connection, peer);
    atomic_fetch_add(&me.met, 1);
}

static void on_gone(void *ctx, uint32_t connection, enum err why)
{
    (void)ctx;
    (void)why;
    exchange_gone(me.exchange, connection);
}

static void open_swarm(const char *security, const char *early)
{
    uint8_t seed[32], ip[4] = { 127, 0, 0, 1 };
    const struct exchange_options x = { .source = &served, .connections = CONNECTIONS };
    struct swarm_options o = { .identity = &me.identity, .agent = "crust-test" };
    random_bytes(seed, sizeof(seed));
    ed25519_keypair(&me.identity, seed);
    must("loop", loop_new(&me.loop, 0));
    struct exchange_options with = x;
    with.loop = me.loop;
    must("exchange", exchange_open(&me.exchange, &with));
    o.listen[0] = multiaddr_of_ip(span_of(ip, 4), 0);
    o.listen_count = 1;
    o.limits = gate_defaults();
    o.limits.connections = CONNECTIONS;
    o.limits.inbound = o.limits.water = CONNECTIONS / 2;
    o.noise = strcmp(security, "tls") != 0;
    o.tls = strcmp(security, "noise") != 0;
    o.early_muxer = strcmp(early, "early") == 0;
    o.allow_private = true;
    o.on_peer = on_peer;
    o.on_gone = on_gone;
    o.protocols[0] = exchange_protocol(me.exchange);
    o.protocol_count = 1;
    must("swarm", swarm_open(&me.swarm, me.loop, &o));
    exchange_attach(me.exchange, me.swarm, 0);
}

static void close_swarm(void)
{
    exchange_stop(me.exchange);
    swarm_close(me.swarm);
    exchange_close(me.exchange);
    loop_free(me.loop);
    repo_close(&me.repo);
}

static void open_repo(const char *home)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/store", home);
    must(path, repo_open(&me.repo, NULL, path, "bitswap_peer", NULL));
}

/* ---- serving -----------------------------------------------------------------------------------
 */

static void *read_input(void *arg)
{
    char byte;
    (void)arg;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    atomic_store(&me.over, true);
    return NULL;
}

static int serve(char **arg, int count)
{
    pthread_t thread;
    struct multiaddr a;
    char text[MULTIADDR_TEXT_MAX];
    for (size_t i = 0; count == 4 && i < sizeof(tempers) / sizeof(tempers[0]); i++)
        if (strcmp(arg[3], tempers[i]) == 0)
            me.temper = (enum temper)i;
    open_repo(arg[0]);
    open_swarm(arg[1], arg[2]);
    must("address", swarm_address(me.swarm, 0, &a));
    multiaddr_format(text, &a);
    printf("{\"listening\": \"%s\"}\n", text);
    fflush(stdout);
    if (pthread_create(&thread, NULL, read_input, NULL) != 0)
        return 1;
    while (!atomic_load(&me.over))
        loop_run_once(me.loop, 100);
    pthread_join(thread, NULL);
    printf("{\"asked\": %u}\n", atomic_load(&me.gets));
    close_swarm();
    return 0;
}

/* ---- fetching ----------------------------------------------------------------------------------
 */

static void keep(const struct dag_walk_item *item)
{
    if (me.repo.store != NULL)
        must("put",
             blockstore_put(me.repo.store, item->cid.digest, item->block, BLOCKSTORE_VERIFIED));
    if (me.file != NULL && item->cid.codec == CID_CODEC_RAW && item->block.n > 0 &&
        fwrite(item->block.p, 1, item->block.n, me.file) != item->block.n)
        die("write", ERR_IO);
}

static void report(enum err e, uint64_t blocks, uint64_t bytes, uint64_t first_ms, uint64_t ms)
{
    struct exchange_figures f;
    struct rusage usage;
    exchange_figures(me.exchange, &f);
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"result\": \"%s\", \"blocks\": %llu, \"bytes\": %llu, \"first_ms\": %llu, \"ms\": "
           "%llu, \"duplicates\": %llu, \"unwanted\": %llu, \"rss_kib\": %ld}\n",
           err_text(e), (unsigned long long)blocks, (unsigned long long)bytes,
           (unsigned long long)first_ms, (unsigned long long)ms, (unsigned long long)f.duplicates,
           (unsigned long long)f.unwanted, usage.ru_maxrss);
}

static enum err walk(struct dag_walk *w)
{
    struct dag_walk_item item = { 0 };
    uint64_t begun = clock_mono_ms(), first = 0, blocks = 0, bytes = 0;
    enum err e;
    while ((e = dag_walk_next(w, &item)) == OK && !item.end) {
        keep(&item);
        first = blocks == 0 ? clock_mono_ms() - begun : first;
        blocks++;
        bytes += item.block.n;
    }
    if (e == OK && me.repo.store != NULL)
        e = blockstore_commit(me.repo.store);
    report(e, blocks, bytes, first, clock_mono_ms() - begun);
    return e;
}

static void *fetch_thread(void *arg)
{
    size_t stack_size = 64 << 20, table_size = (size_t)SEEN * DAG_WALK_SLOT;
    uint8_t *block = malloc(BLOCK_SIZE_MAX), *stack = malloc(stack_size);
    uint8_t *table = calloc(1, table_size);
    struct block_source source = exchange_source(me.exchange);
    struct dag_walk_table t;
    struct dag_walk w;
    (void)arg;
    if (block == NULL || stack == NULL || table == NULL)
        die("memory", ERR_MEMORY);
    dag_walk_table_init(&t, (struct mspan){ table, table_size });
    struct dag_walk_seen seen = dag_walk_table_seen(&t);
    dag_walk_init(&w, &source, (struct mspan){ block, BLOCK_SIZE_MAX },
                  (struct mspan){ stack, stack_size }, &seen);
    enum err e = dag_walk_add(&w, &me.root);
    e = e == OK ? walk(&w) : e;
    me.exit = e == OK ? 0 : 1;
    free(block);
    free(stack);
    free(table);
    atomic_store(&me.over, true);
    return NULL;
}

static void dial_all(char *list)
{
    uint64_t retry, end = clock_mono_ms() + MEET_MS;
    uint32_t connection;
    unsigned count = 0;
    char *state = NULL;
    for (char *one = strtok_r(list, ",", &state); one != NULL; one = strtok_r(NULL, ",", &state)) {
        struct multiaddr a;
        must(one, multiaddr_parse(&a, span_str(one)));
        must(one, swarm_dial(me.swarm, &a, &connection, &retry));
        count++;
    }
    while (atomic_load(&me.met) < count && clock_mono_ms() < end)
        loop_run_once(me.loop, 20);
    if (atomic_load(&me.met) < count)
        die("not connected", ERR_TIMEOUT);
}

static int fetch(char **arg, int count)
{
    pthread_t thread;
    struct stat s;
    must("cid", cid_parse(&me.root, span_str(arg[1])));
    if (count == 5 && stat(arg[4], &s) == 0 && S_ISDIR(s.st_mode))
        open_repo(arg[4]);
    else if (count == 5 && strcmp(arg[4], "-") != 0)
        me.file = fopen(arg[4], "wb");
    open_swarm(arg[2], arg[3]);
    dial_all(arg[0]);
    if (pthread_create(&thread, NULL, fetch_thread, NULL) != 0)
        return 1;
    while (!atomic_load(&me.over))
        loop_run_once(me.loop, 100);
    pthread_join(thread, NULL);
    if (me.file != NULL && fclose(me.file) != 0)
        return 1;
    close_swarm();
    return me.exit;
}

int main(int argc, char **argv)
{
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "serve") == 0)
        return serve(argv + 2, argc - 2);
    if ((argc == 6 || argc == 7) && strcmp(argv[1], "fetch") == 0)
        return fetch(argv + 2, argc - 2);
    fprintf(stderr, "usage: see the head of the source\n");
    return 2;
}
