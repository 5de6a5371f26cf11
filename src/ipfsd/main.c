/* crust-ipfsd: the storage node's host program. Guide: docs/guide/storage-node.md. */
#include "ipfsd/confinement.h"
#include "ipfsd/door.h"
#include "ipfsd/fetch_rank.h"
#include "ipfsd/fetch_tales.h"
#include "ipfsd/find_http.h"
#include "ipfsd/host.h"
#include "ipfsd/ipni_publish.h"
#include "ipfsd/kubo_rpc_http.h"
#include "ipfsd/name_keys.h"
#include "ipfsd/name_net.h"
#include "ipfsd/name_publish.h"
#include "ipfsd/names.h"
#include "ipfsd/p2p_node.h"
#include "ipfsd/pin_http.h"
#include "ipfsd/remote.h"
#include "ipfsd/routing_door.h"
#include "ipfsd/service.h"
#include "ipfsd/swarm.h"
#include "rt/clock.h"
#include "rt/http_client.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/program.h"

#include <stdlib.h>

enum {
    STORE_PATIENCE_MS = 10000, /* as the command line waits for us */
    STORE_RETRY_MS = 50,
};

static struct config config; /* large for a stack */
static struct ipfsd node;

static enum err open_store(struct ipfsd *n)
{
    struct lockfile_holder holder = { 0 };
    const struct blockstore_config options = { .quota_bytes = n->settings.store_quota,
                                               .reserve_bytes = n->settings.store_reserve };
    /* A `crust add` that runs without us holds the store for a moment: it is waited for. */
    uint64_t deadline = clock_deadline(STORE_PATIENCE_MS);
    enum err e;
    for (;;) {
        e = repo_open(&n->repo, &holder, n->settings.store, "crust-ipfsd", &options);
        if (e != ERR_BUSY || clock_left(deadline) == 0)
            break;
        clock_sleep_ms(STORE_RETRY_MS);
    }
    if (e == ERR_BUSY)
        log_error("store-in-use", "path=\"%s\" by=\"%s\" pid=%d", n->settings.store, holder.program,
                  (int)holder.pid);
    else if (e != OK)
        log_error("store-not-opened", "path=\"%s\" reason=\"%s\" next=\"crust repo rebuild\"",
                  n->settings.store, err_text(e));
    return e;
}

static size_t peer_addresses(void *ctx, struct multiaddr *out, size_t max)
{
    const struct ipfsd *n = ctx;
    bool global = !n->settings.allow_private_origins;
    return swarm_addresses(p2p_node_swarm(n->p2p), out, max, global);
}

static enum err open_ipni(struct ipfsd *n)
{
    char folder[PATH_TEXT_MAX];
    struct ipni_publish *ipni = NULL;
    if (n->settings.indexers.count == 0)
        return OK;
    TRY(path_join(folder, sizeof(folder), n->settings.home, "p2p/ipni"));
    const struct ipni_publish_options o = { .loop = n->loop,
                                            .host = n->host,
                                            .key = p2p_node_key(n->p2p),
                                            .folder = folder,
                                            .gateway = n->settings.url,
                                            .indexers = &n->settings.indexers,
                                            .settle_ms = n->settings.ipni_settle_ms,
                                            .bitswap = true,
                                            .addresses = peer_addresses,
                                            .ctx = n };
    enum err e = ipni_publish_open(&ipni, &o);
    if (e != OK)
        log_error("ipni-off", "folder=\"%s\" url=\"%s\" reason=\"%s\" next=\"see url\"", folder,
                  n->settings.url, err_text(e));
    atomic_store(&n->ipni, ipni);
    return e;
}

static void on_came(void *ctx, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    p2p_node_came(ctx, digest);
}

static enum err open_p2p(struct ipfsd *n)
{
    TRY(p2p_node_open(&n->p2p, n->loop, &n->settings, &n->local));
    p2p_node_tales(n->p2p, n->tales);
    storer_watch(&n->storer, on_came, n->p2p);
    p2p_node_host(n->p2p, n->host);
    TRY(p2p_node_provide(n->p2p, &n->blocks));
    return OK;
}

static enum err open_names(struct ipfsd *n)
{
    const struct settings *s = &n->settings;
    const struct names_options names = { .folder = s->names,
                                         .dnslinks = s->dnslinks,
                                         .dns = s->gateway_remote };
    struct dht_names *dht = n->p2p == NULL ? NULL : p2p_node_names(n->p2p);
    enum err e = names_open(&n->names, &names);
    if (e != OK)
        log_error("dnslinks-refused", "reason=\"%s\" want=\"DOMAIN or DOMAIN:/ipfs/CID\"",
                  err_text(e));
    TRY(e);
    TRY(name_net_open(&n->name_net, dht, &s->routers));
    if ((n->p2p != NULL && s->p2p.dht != DHT_OFF) || s->routers.count > 0)
        names_finder(n->names, name_net_get, n->name_net);
    TRY(path_make_dirs(s->name_keys, 0700));
    e = name_keys_open(&n->name_keys, s->name_keys, s->p2p.on ? s->p2p.key : NULL);
    if (e != OK)
        log_error("name-keys-not-read", "folder=\"%s\" reason=\"%s\"", s->name_keys, err_text(e));
    TRY(e);
    const struct name_publish_options publish = { .loop = n->loop,
                                                  .jobs = &n->naming,
                                                  .keys = n->name_keys,
                                                  .names = n->names,
                                                  .net = n->name_net,
                                                  .again_s = s->name_again_s };
    return name_publish_open(&n->name_publish, &publish);
}

static enum err start(struct ipfsd *n)
{
    TRY(path_make_dirs(n->settings.home, 0700));
    TRY(open_store(n));
    TRY(loop_new(&n->loop, 0));
    TRY(loop_signals_start(n->loop));
    TRY(storer_start(&n->storer, n->repo.store));
    n->blocks = (struct blocks){ .store = n->repo.store };
    /* Each fetch has up to 16 blocks of a gateway under way. */
    const struct http_client_options http = { .allow_private = n->settings.allow_private_origins,
                                              .connections_max = 128,
                                              .per_host_max = 32 };
    TRY(http_client_new(&n->http, n->loop, &http));
    n->ranks = fetch_ranks_new();
    n->tales = fetch_tales_new();
    if (n->settings.storage)
        TRY(host_open(&n->host, &n->settings));
    n->blocks.host = n->host;
    n->local = blocks_source(&n->blocks);
    TRY(jobs_start(&n->control, 1));
    TRY(jobs_start(&n->sealing, n->settings.sealing_threads));
    TRY(jobs_start(&n->maintain, 1));
    TRY(jobs_start(&n->naming, 2));
    if (n->host != NULL)
        TRY(care_start(&n->care, n->host, n->loop, &n->control));
    if (n->settings.routers.count != 0)
        TRY(find_http_open(&n->find_http, n->loop, &n->settings.routers));
    if (n->settings.p2p.on)
        TRY(open_p2p(n));
    TRY(open_names(n));
    TRY(door_open(n)); /* first, so that its URL is known to whoever connects */
    TRY(open_ipni(n));
    TRY(kubo_rpc_open(&n->kubo_rpc, n));
    TRY(pin_http_open(&n->pinning, n));
    enum err e = service_open(n);
    if (e != OK)
        log_error("not-listening", "path=\"%s\" reason=\"%s\"", n->settings.listen,
                  e == ERR_EXISTS ? "another crust-ipfsd answers there" : err_text(e));
    return e;
}

/* The order matters: nobody new, then those who work, then what they work on. */
static void stop(struct ipfsd *n)
{
    atomic_store(&n->stopping, true);
    find_http_stop(n->find_http);
    if (n->storer.started)
        storer_watch(&n->storer, NULL, NULL);
    routing_door_stop(n->routing_door);
    name_net_stop(n->name_net);
    p2p_node_stop(n->p2p); /* those who wait for blocks of peers wait for this thread */
    if (n->ipc != NULL)
        service_close(n);
    if (n->remote != NULL)
        remote_stop(n->remote);
    kubo_rpc_close(n->kubo_rpc);
    pin_http_stop(n->pinning);
    while (!pin_http_idle(n->pinning)) /* a fetch under way ends by what the loop tells it */
        loop_run_once(n->loop, 50);
    pin_http_close(n->pinning);
    door_close(n);
    ipni_publish_close(atomic_exchange(&n->ipni, NULL));
    care_stop(&n->care);
    /* A fetch under way ends by what the loop tells it. */
    while (n->loop != NULL && !jobs_idle(&n->sealing))
        loop_run_once(n->loop, 50);
    name_publish_stop(n->name_publish);
    while (n->loop != NULL && !jobs_idle(&n->naming))
        loop_run_once(n->loop, 50);
    jobs_stop(&n->naming);
    jobs_stop(&n->sealing);
    jobs_stop(&n->maintain);
    jobs_stop(&n->control);
    find_http_close(n->find_http);
    name_publish_close(n->name_publish);
    name_keys_close(n->name_keys);
    names_close(n->names);
    name_net_close(n->name_net);
    p2p_node_close(n->p2p);
    storer_stop(&n->storer);
    while (n->calls > 0)
        loop_run_once(n->loop, 100);
    http_client_free(n->http);
    fetch_ranks_free(n->ranks);
    fetch_tales_free(n->tales);
    loop_free(n->loop);
    host_close(n->host);
    repo_close(&n->repo);
}

/* `crust repo rebuild`: with the store locked, so that nobody else is at work here. */
static enum err rebuild(struct ipfsd *n)
{
    enum err e = open_store(n);
    if (e == OK)
        e = host_rebuild(&n->settings);
    repo_close(&n->repo);
    return e;
}

static enum err run(struct ipfsd *n)
{
    TRY(kubo_rpc_prepare(n)); /* afterwards its file is out of reach */
    TRY(confinement_enter(&n->settings));
    if (n->settings.rebuild)
        return rebuild(n);
    enum err e = start(n);
    if (e == OK) {
        log_info("ready", "socket=\"%s\" store=\"%s\"", n->settings.listen, n->settings.store);
        loop_run(n->loop);
        log_info("stopping", "%s", "");
    }
    stop(n);
    return e;
}

int main(int argc, char **argv)
{
    char error[CONFIG_ERROR_MAX];
    int ended = program_start(&config, &settings_table, argc, argv);
    if (ended >= 0)
        return ended;
    if (settings_load(&node.settings, &config, error) != OK)
        return program_refuse(&config, error);
    return run(&node) == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
