#include "ipfsd/settings.h"

#include "ipfsd/ipni_publish.h"
#include "ipfsd/keep.h"
#include "ipfsd/name_keys.h"
#include "ipfsd/routing_http.h"
#include "rt/path.h"
#include "rt/process.h"

#include <stdio.h>

static const struct config_key keys[] = {
    { "listen", CONFIG_STRING, "ipfsd.sock", "socket for crust and crust-agentd" },
    { "store", CONFIG_STRING, "store", "folder of the block store" },
    { "store-quota", CONFIG_SIZE, "0", "what the block store may take; 0: no limit" },
    { "store-reserve", CONFIG_SIZE, "1G", "what stays free on its disk" },
    { "storage", CONFIG_BOOL, "false", "offer storage: run an enclave and use the disks" },
    { "chain-id", CONFIG_STRING, "", "name of the chain that this node works for" },
    CONFIG_KEY_CHAIN,
    { "disks", CONFIG_STRING, "", "folders for sealed data: PATH or PATH:CAPACITY, with commas" },
    { "disk-reserve", CONFIG_SIZE, "1G", "what stays free on each of these disks" },
    { "disk-probe", CONFIG_DURATION, "30s", "time between two looks at each disk" },
    { "disk-check-rate", CONFIG_SIZE, "64M",
      "bytes a second that are read to check a disk that comes back; 0: no limit" },
    { "extent-size", CONFIG_SIZE, "1G", "size of an extent of sealed random data" },
    { "segment-size", CONFIG_SIZE, "64M",
      "size of a sealed segment; what a crash makes it seal again is at most this" },
    { "enclave", CONFIG_STRING, "enclave", "folder of the enclave's sealed keys and journal" },
    { "enclave-program", CONFIG_STRING, "",
      "the enclave's program; default: crust-enclaved beside this one" },
    { "enclave-at", CONFIG_STRING, "",
      "where an enclave listens that is started by others: vsock:CID:PORT or tcp:127.0.0.1:PORT" },
    { "enclave-next-at", CONFIG_STRING, "",
      "where the enclave listens that takes over, when enclave-at is set; default: enclave-at" },
    { "enclave-next", CONFIG_STRING, "",
      "the program that takes over at the next crust node upgrade; default: enclave-program" },
    { "release-keys", CONFIG_STRING, "",
      "governance keys that sign releases: K:HEX,HEX..., of which K must; given to the enclave" },
    { "enclave-workers", CONFIG_U64, "2", "threads that seal inside the enclave" },
    { "sealing-threads", CONFIG_U64, "3", "orders that are fetched and sealed at a time" },
    { "gateway", CONFIG_BOOL, "true", "serve blocks and files over HTTP" },
    { "gateway-host", CONFIG_STRING, "127.0.0.1", "address of the gateway" },
    { "gateway-port", CONFIG_U64, "8080", "its port; 0: any free one" },
    { "gateway-port-tries", CONFIG_U64, "1", "how many following ports to try when it is in use" },
    { "gateway-remote", CONFIG_BOOL, "false",
      "the gateway fetches what is not here from those the chain or peers names" },
    { "gateway-requests", CONFIG_U64, "32",
      "answers made at a time, each with up to 10 MiB; more get 503 (single blocks do not count)" },
    { "gateway-timeout", CONFIG_DURATION, "30s",
      "time for the first byte of what must be fetched; then 504" },
    { "gateway-hosts", CONFIG_STRING, "localhost",
      "hosts under which each content has a host of its own (CID.ipfs.HOST), with commas" },
    { "names", CONFIG_STRING, "names", "folder of IPNS records (KEY.ipns-record)" },
    { "name-lifetime", CONFIG_DURATION, "48h",
      "how long a record of a name is valid that crust name publish makes" },
    { "name-ttl", CONFIG_DURATION, "5m", "how long others may go without asking for a newer one" },
    { "name-republish", CONFIG_DURATION, "4h", "time between two times that it is told to others" },
    { "dnslinks", CONFIG_STRING, "",
      "sites: DOMAIN:/ipfs/CID, DOMAIN:/ipns/NAME, or DOMAIN (its link is in the DNS), with "
      "commas" },
    { "peers", CONFIG_STRING, "", "URLs of gateways to ask for what is not here, with commas" },
    { "routing-endpoints", CONFIG_STRING, "",
      "URLs of delegated routers (/routing/v1) to ask who has a content, with commas" },
    { "routing-serve", CONFIG_STRING, "own",
      "be a delegated router (/routing/v1) at the gateway, with p2p: off; own: say what is here; "
      "all: also what the chain and the DHT say" },
    { "ipni-announce", CONFIG_STRING, "",
      "URLs of IPNI indexers to tell what is sealed here, with commas" },
    { "ipni-settle", CONFIG_DURATION, "2m",
      "how long this node's addresses stay as they are before indexers are told of a change" },
    { "url", CONFIG_STRING, "", "URL under which others reach the gateway" },
    { "url-file", CONFIG_STRING, "", "where to write the gateway's URL once it serves" },
    { "p2p", CONFIG_BOOL, "false", "connect with libp2p peers" },
    { "p2p-listen", CONFIG_STRING, "/ip4/0.0.0.0/tcp/4001",
      "where to listen for them, with commas; port 0: any free one" },
    { "p2p-announce", CONFIG_STRING, "",
      "addresses under which others reach this node, with commas; empty: those that it finds" },
    { "p2p-peers", CONFIG_STRING, "",
      "peers to stay connected with: /ip4/ADDRESS/tcp/PORT/p2p/ID, also with /dns4, /dns6, /dns, "
      "or /dnsaddr/NAME/p2p/ID; with commas" },
    { "p2p-autonat", CONFIG_BOOL, "true",
      "ask peers whether this node can be reached, and dial back those who ask the same" },
    { "p2p-mdns", CONFIG_BOOL, "false",
      "find peers on the local network, and be found (multicast DNS)" },
    { "p2p-dht", CONFIG_STRING, "auto",
      "the DHT: off, client, server, or auto (a server when strangers reach this node)" },
    { "p2p-bootstrap", CONFIG_STRING,
      "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN, "
      "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb, "
      "/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
      "peers that it begins with, written like p2p-peers" },
    { "p2p-provide", CONFIG_STRING, "roots",
      "what the DHT is told that this node has: off, roots, or all blocks" },
    { "p2p-deny", CONFIG_STRING, "", "peer ids and networks (10.0.0.0/8) to refuse, with commas" },
    { "p2p-connections", CONFIG_U64, "256", "connections at most, both ways together" },
    { "p2p-down", CONFIG_SIZE, "0", "bytes a second from peers; 0: no limit" },
    { "p2p-up", CONFIG_SIZE, "0", "bytes a second to peers; 0: no limit" },
    { "p2p-key", CONFIG_STRING, "p2p.key", "file of this node's identity, made when missing" },
    { "kubo-rpc", CONFIG_BOOL, "false",
      "serve a part of Kubo's RPC; without tokens to every program of this machine" },
    { "kubo-rpc-host", CONFIG_STRING, "127.0.0.1",
      "address to serve it at; another one than 127.0.0.1 needs tokens" },
    { "kubo-rpc-tokens", CONFIG_STRING, "",
      "file of hashes of the tokens that may use it; empty: none, at 127.0.0.1 only" },
    { "kubo-rpc-origins", CONFIG_STRING, "",
      "web pages that may use it: origins like https://webui.ipfs.io, with commas; empty: none" },
    { "kubo-rpc-port", CONFIG_U64, "5001", "its port; 0: any free one" },
    { "kubo-rpc-port-tries", CONFIG_U64, "1", "how many following ports to try when it is in use" },
    { "pinning", CONFIG_BOOL, "false",
      "serve the IPFS Pinning Service API to those who have a token (crust pin token add)" },
    { "pinning-host", CONFIG_STRING, "127.0.0.1", "its address" },
    { "pinning-port", CONFIG_U64, "5003", "its port; 0: any free one" },
    { "pinning-port-tries", CONFIG_U64, "1", "how many following ports to try when it is in use" },
    { "pinning-size-max", CONFIG_SIZE, "64G", "the largest content that is pinned" },
    { "pinning-patience", CONFIG_DURATION, "1h",
      "how long a content is looked for before its pin fails" },
    { "allow-private-origins", CONFIG_BOOL, "false",
      "fetch from loopback and private addresses too (local networks)" },
    { "confine", CONFIG_BOOL, "true",
      "reach no files but the node's own and make no system calls but the usual" },
    { "rebuild", CONFIG_BOOL, "false",
      "make what enclave/ derives from the disks anew and end (crust repo rebuild)" },
    CONFIG_KEY_LOG_LEVEL,
};

const struct config_table settings_table = {
    .program = "ipfsd",
    .usage = "crust-ipfsd [--key value]...",
    .about = "The storage node's host: block store, gateway, disks, and the enclave's keeper.\n"
             "Example: crust-ipfsd --home ~/.crust --gateway-port 8080",
    .keys = keys,
    .key_count = sizeof(keys) / sizeof(keys[0]),
};

/* "PATH" or "PATH:CAPACITY". */
static enum err disk_of(struct settings_disk *out, const char *home, char *item)
{
    char *colon = strrchr(item, ':');
    if (colon != NULL && strchr(colon, '/') == NULL) {
        TRY(config_number(&out->capacity, CONFIG_SIZE, colon + 1));
        *colon = '\0';
    }
    return path_join(out->path, sizeof(out->path), home, item);
}

static enum err disks_of(struct settings *s, const struct config *c)
{
    char item[SETTINGS_PATH_MAX];
    const char *cursor = config_text(c, "disks");
    while (config_list_next(item, sizeof(item), &cursor)) {
        if (s->disk_count == SETTINGS_DISKS_MAX)
            return ERR_LIMIT;
        TRY(disk_of(&s->disks[s->disk_count], s->home, item));
        s->disk_count++;
    }
    return OK;
}

static enum err paths_of(struct settings *s, const struct config *c)
{
    TRY(config_path(s->listen, sizeof(s->listen), c, "listen"));
    TRY(config_path(s->store, sizeof(s->store), c, "store"));
    TRY(config_path(s->enclave, sizeof(s->enclave), c, "enclave"));
    TRY(config_path(s->names, sizeof(s->names), c, "names"));
    TRY(config_path_or_none(s->url_file, sizeof(s->url_file), c, "url-file"));
    if (config_text(c, "enclave-program")[0] != '\0')
        TRY(config_path(s->enclave_program, sizeof(s->enclave_program), c, "enclave-program"));
    else
        TRY(process_beside(s->enclave_program, sizeof(s->enclave_program), "crust-enclaved"));
    if (config_text(c, "enclave-next")[0] != '\0')
        return config_path(s->enclave_next, sizeof(s->enclave_next), c, "enclave-next");
    memcpy(s->enclave_next, s->enclave_program, sizeof(s->enclave_next));
    return OK;
}

/* What a list of addresses is for, and so what each of them must have. */
enum use { USE_LISTEN, USE_ANNOUNCE, USE_DIAL };

/* A list of addresses, of which each must be one that the swarm can use. */
static enum err addresses_of(struct multiaddr *out, size_t *count, const char *cursor, enum use use)
{
    char item[CONFIG_VALUE_MAX];
    struct multiaddr_tcp t;
    while (config_list_next(item, sizeof(item), &cursor)) {
        if (*count == SETTINGS_P2P_MAX)
            return ERR_LIMIT;
        TRY(multiaddr_parse(&out[*count], span_str(item)));
        struct peer_id peer = keep_peer_of(&out[*count]);
        enum err e = multiaddr_tcp_of(&t, &out[*count]);
        bool number = t.host == MULTIADDR_IP4 || t.host == MULTIADDR_IP6;
        bool dnsaddr = use == USE_DIAL && strncmp(item, "/dnsaddr/", 9) == 0;
        if ((e != OK && !dnsaddr) || (peer.size != 0) != (use == USE_DIAL) ||
            (use == USE_LISTEN && !number))
            return ERR_FORMAT;
        (*count)++;
    }
    return OK;
}

/* The number of a word in a list that ends with NULL; that of NULL when it is none of them. */
static size_t word_of(const char *text, const char *const *words)
{
    size_t i = 0;
    while (words[i] != NULL && strcmp(words[i], text) != 0)
        i++;
    return i;
}

static enum err routing_of(struct settings *s, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    static const char *const words[] = { "off", "own", "all", NULL };
    size_t serve = word_of(config_text(c, "routing-serve"), words);
    if (config_urls(&s->routers, c, "routing-endpoints") != OK ||
        s->routers.count > ROUTING_HTTP_ROUTERS)
        return config_refuse(error, "routing-endpoints: at most 4 URLs like https://cid.contact");
    if (words[serve] == NULL)
        return config_refuse(error, "routing-serve: off, own or all");
    s->serve = (enum settings_serve)serve;
    if (s->serve == SETTINGS_SERVE_ALL && !(config_bool(c, "p2p") && config_bool(c, "gateway")))
        return config_refuse(error, "routing-serve = all needs p2p and gateway");
    return OK;
}

static enum err dht_of(struct settings_p2p *p, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    static const char *const modes[] = { "off", "client", "server", "auto", NULL };
    static const char *const provides[] = { "off", "roots", "all", NULL };
    size_t mode = word_of(config_text(c, "p2p-dht"), modes);
    size_t provide = word_of(config_text(c, "p2p-provide"), provides);
    if (modes[mode] == NULL)
        return config_refuse(error, "p2p-dht: off, client, server or auto");
    if (provides[provide] == NULL)
        return config_refuse(error, "p2p-provide: off, roots or all");
    if (addresses_of(p->bootstrap, &p->bootstrap_count, config_text(c, "p2p-bootstrap"),
                     USE_DIAL) != OK)
        return config_refuse(error, "p2p-bootstrap: at most 8, written like p2p-peers");
    p->dht = (enum dht_mode)mode;
    p->provide = (enum settings_provide)provide;
    return OK;
}

static enum err p2p_of(struct settings *s, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    struct settings_p2p *p = &s->p2p;
    uint64_t connections = config_u64(c, "p2p-connections");
    p->on = config_bool(c, "p2p");
    p->mdns = config_bool(c, "p2p-mdns");
    p->autonat = config_bool(c, "p2p-autonat");
    if (addresses_of(p->listen, &p->listen_count, config_text(c, "p2p-listen"), USE_LISTEN) != OK)
        return config_refuse(error, "p2p-listen: at most 8 addresses like /ip4/0.0.0.0/tcp/4001");
    if (addresses_of(p->announce, &p->announce_count, config_text(c, "p2p-announce"),
                     USE_ANNOUNCE) != OK)
        return config_refuse(error, "p2p-announce: at most 8 of HOST/tcp/PORT, like "
                                    "/dns4/node.example/tcp/4001");
    if (addresses_of(p->peers, &p->peer_count, config_text(c, "p2p-peers"), USE_DIAL) != OK)
        return config_refuse(error, "p2p-peers: at most 8 of /ip4/ADDRESS/tcp/PORT/p2p/ID, "
                                    "/dns4/NAME/tcp/PORT/p2p/ID, /dnsaddr/NAME/p2p/ID");
    TRY(dht_of(p, c, error));
    if (connections < 8 || connections > 1024)
        return config_refuse(error, "p2p-connections: 8 to 1024");
    p->connections = (uint32_t)connections;
    p->down_per_s = config_u64(c, "p2p-down");
    p->up_per_s = config_u64(c, "p2p-up");
    if (config_copy(p->deny, sizeof(p->deny), c, "p2p-deny") != OK ||
        config_path(p->key, sizeof(p->key), c, "p2p-key") != OK ||
        path_join(p->folder, sizeof(p->folder), s->home, "p2p") != OK)
        return config_refuse(error, "p2p-deny or p2p-key is too long");
    return OK;
}

static enum err pinning_of(struct settings *s, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    s->pinning_on = config_bool(c, "pinning");
    s->pinning_size_max = config_u64(c, "pinning-size-max");
    s->pinning_patience_ms = config_duration_ms(c, "pinning-patience");
    TRY(config_port(&s->pinning_port, error, c, "pinning"));
    if (path_join(s->pinning, sizeof(s->pinning), s->home, "pins") != OK ||
        config_copy(s->pinning_host, sizeof(s->pinning_host), c, "pinning-host") != OK)
        return config_refuse(error, "pinning-host or the home folder's name is too long");
    if (s->pinning_on &&
        !(config_bool(c, "p2p") && config_bool(c, "gateway") && config_text(c, "chain")[0] != '\0'))
        return config_refuse(error, "pinning needs p2p, gateway and chain: content comes from "
                                    "peers, storage nodes fetch it from the gateway, and it is "
                                    "ordered on the chain");
    return OK;
}

static enum err kubo_of(struct settings *s, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    TRY(config_port(&s->kubo_port, error, c, "kubo-rpc"));
    s->kubo_rpc = config_bool(c, "kubo-rpc");
    if (config_copy(s->kubo_host, sizeof(s->kubo_host), c, "kubo-rpc-host") != OK ||
        config_path_or_none(s->kubo_tokens, sizeof(s->kubo_tokens), c, "kubo-rpc-tokens") != OK)
        return config_refuse(error, "kubo-rpc-host or kubo-rpc-tokens is too long");
    if (s->kubo_tokens[0] == '\0' && strcmp(s->kubo_host, "127.0.0.1") != 0)
        return config_refuse(error, "kubo-rpc-host: at other addresses than 127.0.0.1 Kubo's RPC "
                                    "is served with tokens only; see kubo-rpc-tokens");
    if (kubo_origins_parse(&s->kubo_origins, span_str(config_text(c, "kubo-rpc-origins"))) != OK)
        return config_refuse(error, "kubo-rpc-origins: at most 16 like https://page.example or "
                                    "http://localhost:3000, without a slash at the end");
    return OK;
}

static enum err naming_of(struct settings *s, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    uint64_t lifetime = config_duration_ms(c, "name-lifetime") / 1000;
    uint64_t ttl = config_duration_ms(c, "name-ttl") / 1000;
    uint64_t again = config_duration_ms(c, "name-republish") / 1000;
    if (lifetime < NAME_KEYS_LIFETIME_MIN_S || lifetime > NAME_KEYS_LIFETIME_MAX_S ||
        ttl > NAME_KEYS_LIFETIME_MAX_S || again < 1 || again > NAME_KEYS_LIFETIME_MAX_S)
        return config_refuse(error,
                             "name-lifetime: 1m to a hundred years; name-republish: at least "
                             "1s");
    s->name_lifetime_s = (uint32_t)lifetime;
    s->name_ttl_s = (uint32_t)ttl;
    s->name_again_s = (uint32_t)again;
    return path_join(s->name_keys, sizeof(s->name_keys), s->home, "name-keys") == OK
               ? OK
               : config_refuse(error, "the home folder's name is too long");
}

/* They fetch from the gateway what is signed with the identity. */
static enum err indexers_of(struct settings *s, const struct config *c,
                            char error[CONFIG_ERROR_MAX])
{
    if (config_urls(&s->indexers, c, "ipni-announce") != OK ||
        s->indexers.count > IPNI_PUBLISH_INDEXERS)
        return config_refuse(error, "ipni-announce: at most 4 URLs like https://cid.contact");
    s->ipni_settle_ms = config_duration_ms(c, "ipni-settle");
    if (s->indexers.count != 0 &&
        !(config_bool(c, "p2p") && config_bool(c, "gateway") && config_bool(c, "storage")))
        return config_refuse(error, "ipni-announce needs p2p, gateway and storage");
    return OK;
}

static enum err check_storage(const struct settings *s, char error[CONFIG_ERROR_MAX])
{
    if (!s->storage)
        return OK;
    if (s->chain_id[0] == '\0')
        return config_refuse(error, "storage needs chain-id: the name of the chain to work for");
    if (s->disk_count == 0)
        return config_refuse(error, "storage needs disks: the folders that may hold sealed data");
    if (s->extent_size < 1 << 20 || s->extent_size > 1 << 30 ||
        (s->extent_size & (s->extent_size - 1)) != 0)
        return config_refuse(error, "extent-size: a power of two from 1M to 1G");
    if (s->segment_size < 64 << 10 || s->segment_size > 64 << 20)
        return config_refuse(error, "segment-size: 64K to 64M");
    return OK;
}

enum err settings_load(struct settings *out, const struct config *c, char error[CONFIG_ERROR_MAX])
{
    memset(out, 0, sizeof(*out));
    error[0] = '\0';
    (void)snprintf(out->home, sizeof(out->home), "%s", c->home);
    if (paths_of(out, c) != OK)
        return config_refuse(error, "a path is too long");
    if (disks_of(out, c) != OK)
        return config_refuse(error, "disks: at most 16 of PATH or PATH:CAPACITY, like /mnt/a:500G");
    if (config_urls(&out->peers, c, "peers") != OK)
        return config_refuse(error, "peers: at most 8 URLs like https://gateway.example");
    TRY(routing_of(out, c, error));
    TRY(pinning_of(out, c, error));
    TRY(indexers_of(out, c, error));
    TRY(naming_of(out, c, error));
    TRY(kubo_of(out, c, error));
    out->gateway_remote = config_bool(c, "gateway-remote");
    if (config_urls(&out->chains, c, "chain") != OK)
        return config_refuse(error, "chain: at most 8 URLs like http://127.0.0.1:7001");
    if (config_copy(out->chain_id, sizeof(out->chain_id), c, "chain-id") != OK ||
        config_copy(out->url, sizeof(out->url), c, "url") != OK ||
        config_copy(out->gateway_host, sizeof(out->gateway_host), c, "gateway-host") != OK ||
        config_copy(out->gateway_hosts, sizeof(out->gateway_hosts), c, "gateway-hosts") != OK ||
        config_copy(out->enclave_at, sizeof(out->enclave_at), c, "enclave-at") != OK ||
        config_copy(out->enclave_next_at, sizeof(out->enclave_next_at), c, "enclave-next-at") !=
            OK ||
        config_copy(out->release_keys, sizeof(out->release_keys), c, "release-keys") != OK ||
        config_copy(out->dnslinks, sizeof(out->dnslinks), c, "dnslinks") != OK)
        return config_refuse(error, "chain-id, url, enclave-at, gateway-host, gateway-hosts, "
                                    "release-keys or dnslinks is too long");
    TRY(p2p_of(out, c, error));
    TRY(config_port(&out->gateway_port, error, c, "gateway"));
    out->gateway_requests = (uint32_t)config_u64(c, "gateway-requests");
    out->gateway_timeout_ms = config_duration_ms(c, "gateway-timeout");
    if (config_u64(c, "gateway-requests") < 1 || config_u64(c, "gateway-requests") > 1024 ||
        out->gateway_timeout_ms < 1000 || out->gateway_timeout_ms > 3600000)
        return config_refuse(error, "gateway-requests: 1 to 1024; gateway-timeout: 1s to 1h");
    uint64_t sealers = config_u64(c, "sealing-threads"), workers = config_u64(c, "enclave-workers");
    if (sealers < 1 || sealers > 7 || workers > 8)
        return config_refuse(error, "sealing-threads: 1 to 7; enclave-workers: 0 to 8");
    out->sealing_threads = (uint32_t)sealers;
    out->enclave_workers = (uint32_t)workers;
    out->store_quota = config_u64(c, "store-quota");
    out->store_reserve = config_u64(c, "store-reserve");
    out->disk_reserve = config_u64(c, "disk-reserve");
    out->extent_size = config_u64(c, "extent-size");
    out->segment_size = config_u64(c, "segment-size");
    out->probe_ms = config_duration_ms(c, "disk-probe");
    out->check_rate = config_u64(c, "disk-check-rate");
    out->confine = config_bool(c, "confine");
    out->rebuild = config_bool(c, "rebuild");
    out->storage = config_bool(c, "storage");
    out->gateway = config_bool(c, "gateway");
    out->allow_private_origins = config_bool(c, "allow-private-origins");
    return check_storage(out, error);
}
