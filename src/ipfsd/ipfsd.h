/* ipfsd: the node's host program as one object: what its parts share.
 * Design: docs/design/host.md. */
#ifndef CRUST_IPFSD_IPFSD_H
#define CRUST_IPFSD_IPFSD_H

#include "api/kubo_tokens.h"
#include "ipfsd/blocks.h"
#include "ipfsd/call.h"
#include "ipfsd/care.h"
#include "ipfsd/chain_read.h"
#include "ipfsd/settings.h"
#include "ipfsd/storer.h"
#include "rt/loop.h"
#include "store/repo.h"

struct host;
struct http_client;
struct gateway_http;
struct kubo_rpc;
struct find_http;
struct ipni_publish;
struct name_keys;
struct name_net;
struct name_publish;
struct names;
struct p2p_node;
struct fetch_ranks;
struct fetch_tales;
struct pin_http;
struct push;
struct remote;
struct routing_door;

struct ipfsd {
    struct settings settings;
    struct loop *loop;
    struct repo repo;
    struct storer storer;
    struct blocks blocks;
    struct host *host; /* NULL: storage off */
    struct http_client *http;
    struct fetch_ranks *ranks; /* of those we fetch from; NULL: out of memory, nothing is kept */
    struct fetch_tales *tales; /* of how contents were fetched; NULL: likewise */
    struct ipc_server *ipc;
    struct block_source local;  /* everything this node holds */
    struct block_source source; /* the gateway's: the same, and what it can fetch */
    struct chain_read chain;    /* for push and remote */
    struct push *push;          /* with the gateway */
    struct remote *remote;      /* NULL: nothing is fetched for gateway, pins, RPC */
    struct names *names;
    struct name_keys *name_keys;
    struct name_publish *name_publish;
    struct name_net *name_net;         /* where names are asked for, and told */
    struct routing_door *routing_door; /* NULL: we are no router */
    struct gateway_http *gateway;      /* NULL: not serving */
    struct kubo_rpc *kubo_rpc;         /* NULL: off */
    struct kubo_tokens tokens;         /* of Kubo's RPC; count 0: none are required */
    struct pin_http *pinning;          /* NULL: off */
    struct p2p_node *p2p;              /* NULL: off */
    struct find_http *find_http;       /* NULL: no routers */
    struct ipni_publish *_Atomic ipni; /* NULL: indexers are told nothing */
    struct jobs control;               /* one thread: reports, registration, everything short */
    struct jobs sealing;               /* some threads: seal, fill, fetch */
    struct jobs naming;                /* two threads: names are published and looked up */
    struct jobs maintain;              /* one thread: garbage collection, verify */
    struct care care;                  /* of the enclave's life and the disks */
    atomic_bool stopping;
    uint32_t calls; /* under way; the loop's */
};

/* ipfsd_call_ended is told of each call before it is answered. The loop. */
void ipfsd_call_ended(struct ipfsd *n, struct call *c);

#endif
