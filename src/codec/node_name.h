/* node_name: what crust asks a running crust-ipfsd about IPNS names and their keys; beside
 * codec/node_msg. docs/spec/node-ipc.md 9. Every request is a node_name; every reply is {} with
 * JSON text as its bulk. Pure. */
#ifndef CRUST_CODEC_NODE_NAME_H
#define CRUST_CODEC_NODE_NAME_H

#include "base/reader.h"
#include "base/writer.h"

enum node_name_msg {
    NODE_NAME_PUBLISH = 50, /* key, value, lifetime, ttl */
    NODE_NAME_RESOLVE = 51, /* value: a name; flag: one step */
    NODE_NAME_LIST = 52,    /* - : the keys, and what each has published last */
    NODE_NAME_GEN = 53,     /* key */
    NODE_NAME_RENAME = 54,  /* key, value: the new name; flag: replace another */
    NODE_NAME_RM = 55,      /* key */
    NODE_NAME_IMPORT = 56,  /* key, secret: a PrivateKey message of libp2p */
};

enum {
    NODE_NAME_KEY_MAX = 128,
    NODE_NAME_VALUE_MAX = 4096,
    NODE_NAME_SECRET_MAX = 128,
    NODE_NAME_BODY_MAX = 4608,
};

struct node_name {
    struct span key;     /* text: a key's name or id */
    struct span value;   /* text */
    struct span secret;  /* bytes; whoever gives them wipes them */
    uint64_t lifetime_s; /* 0: as the node's settings say */
    uint64_t ttl_s;      /* 0: the same */
    bool flag;
};

/* Canonical DAG-CBOR: a map with exactly these six fields. */
void node_name_encode(struct writer *w, const struct node_name *in);

/* Spans borrow from body. Out: zeroed on failure. ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT.
 */
NODISCARD enum err node_name_decode(struct node_name *out, struct span body);

#endif
