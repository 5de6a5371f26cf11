/* settings: what crust.conf and flags say to crust-ipfsd. docs/guide/storage-node.md. */
#ifndef CRUST_IPFSD_SETTINGS_H
#define CRUST_IPFSD_SETTINGS_H

#include "api/kubo_origins.h"
#include "codec/multiaddr.h"
#include "rt/config.h"
#include "store/volume.h"

enum {
    SETTINGS_PATH_MAX = 512,
    SETTINGS_DISKS_MAX = 16,
    SETTINGS_CHAIN_ID_MAX = 64,
    SETTINGS_P2P_MAX = 8, /* addresses to listen at, peers to stay connected with */
};

struct settings_disk {
    char path[SETTINGS_PATH_MAX];
    uint64_t capacity; /* bytes; 0: all of the file system */
};

enum dht_mode {
    DHT_OFF,
    DHT_CLIENT,
    DHT_SERVER,
    DHT_AUTO, /* a server where strangers reach this node; in the local network always */
};

/* What the DHT is told that this node has. */
enum settings_provide { SETTINGS_PROVIDE_OFF, SETTINGS_PROVIDE_ROOTS, SETTINGS_PROVIDE_ALL };

/* What the gateway tells as a delegated router: nothing; of what is here; all that can be found. */
enum settings_serve { SETTINGS_SERVE_OFF, SETTINGS_SERVE_OWN, SETTINGS_SERVE_ALL };

struct settings_p2p {
    bool on;
    bool mdns;                      /* find peers on the local network */
    char key[SETTINGS_PATH_MAX];    /* the file of the identity */
    char folder[SETTINGS_PATH_MAX]; /* what it remembers of others */
    struct multiaddr listen[SETTINGS_P2P_MAX], peers[SETTINGS_P2P_MAX], announce[SETTINGS_P2P_MAX];
    size_t listen_count, peer_count, announce_count;
    char deny[CONFIG_VALUE_MAX]; /* peer ids and IP prefixes, with commas */
    uint32_t connections;
    uint64_t down_per_s, up_per_s;
    enum dht_mode dht;
    bool autonat; /* ask others whether they can reach us, and the same for them */
    struct multiaddr bootstrap[SETTINGS_P2P_MAX]; /* peers to begin with */
    size_t bootstrap_count;
    enum settings_provide provide;
};

struct settings {
    char home[SETTINGS_PATH_MAX];
    char listen[SETTINGS_PATH_MAX]; /* the Unix socket */
    char store[SETTINGS_PATH_MAX];
    char enclave[SETTINGS_PATH_MAX];         /* the enclave's folder */
    char enclave_program[SETTINGS_PATH_MAX]; /* crust-enclaved */
    char enclave_at[64];                     /* "": we start it */
    char enclave_next_at[64];                /* of the next; "": the same */
    char enclave_next[SETTINGS_PATH_MAX];    /* its successor; the same when there is none */
    char release_keys[CONFIG_VALUE_MAX];     /* as --release-keys of the enclave; "" */
    uint64_t store_quota, store_reserve;
    bool storage; /* run an enclave */
    uint32_t enclave_workers;
    char chain_id[SETTINGS_CHAIN_ID_MAX + 1]; /* "" when storage is off */
    uint32_t disk_count;
    struct settings_disk disks[SETTINGS_DISKS_MAX];
    uint64_t disk_reserve;
    uint64_t probe_ms;     /* between looks at the disks */
    uint64_t check_rate;   /* bytes a second of a returning disk's check; 0: no limit */
    bool confine;          /* Landlock and seccomp */
    bool rebuild;          /* make the trees anew and end */
    uint64_t extent_size;  /* of sealed random data */
    uint64_t segment_size; /* of sealed content */
    uint32_t sealing_threads;
    bool gateway; /* serve HTTP */
    char gateway_host[64];
    uint32_t gateway_requests; /* whose answers are made at a time */
    uint64_t gateway_timeout_ms;
    char gateway_hosts[1024]; /* whose subdomains are served */
    char dnslinks[1024];
    char names[SETTINGS_PATH_MAX];     /* folder of IPNS records */
    char name_keys[SETTINGS_PATH_MAX]; /* folder of the keys of this node's names */
    uint32_t name_lifetime_s, name_ttl_s, name_again_s;
    struct config_port gateway_port;
    bool gateway_remote; /* fetch what is not here */
    struct config_urls peers;
    struct config_urls routers;  /* delegated routers */
    enum settings_serve serve;   /* be one */
    struct config_urls indexers; /* of IPNI */
    uint64_t ipni_settle_ms;
    char url[CONFIG_URL_MAX];         /* how others reach the gateway; "" when not known */
    char url_file[SETTINGS_PATH_MAX]; /* where the gateway's URL is written; "" */
    bool allow_private_origins;
    struct settings_p2p p2p;
    bool kubo_rpc; /* serve a subset of Kubo's RPC */
    char kubo_host[64];
    char kubo_tokens[SETTINGS_PATH_MAX]; /* file of tokens; "": none, and 127.0.0.1 only */
    struct config_port kubo_port;
    struct kubo_origins kubo_origins; /* pages that may use it */
    bool pinning_on;                  /* serve the pinning API */
    char pinning[SETTINGS_PATH_MAX];  /* folder of its tokens, key and requests */
    char pinning_host[64];
    struct config_port pinning_port;
    uint64_t pinning_size_max, pinning_patience_ms;
    struct config_urls chains;
};

extern const struct config_table settings_table;

/* settings_load reads c. ERR_FORMAT, ERR_LIMIT: error says in one line what is wrong. */
NODISCARD enum err settings_load(struct settings *out, const struct config *c,
                                 char error[CONFIG_ERROR_MAX]);

#endif
