/* kad: messages of the DHT, /ipfs/kad/1.0.0. Format: docs/spec/kad.md 1. Pure, no allocation.
 *
 * Peers are listed by an iterator, so that an answer costs no memory however many it names. */
#ifndef CRUST_CODEC_KAD_H
#define CRUST_CODEC_KAD_H

#include "base/reader.h"
#include "base/writer.h"

#define KAD_ID     "/ipfs/kad/1.0.0"
#define KAD_LAN_ID "/ipfs/lan/kad/1.0.0"

enum {
    KAD_MESSAGE_MAX = 262144, /* of a message that we take; 20 peers are some 20 KiB */
    KAD_KEY_MAX = 128,        /* a multihash is at most 80, a record's key 7 more than a peer id */
    KAD_PEER_ID_MIN = 3,
    KAD_PEER_ID_MAX = 44, /* identity multihash of a key of 42 bytes */
    KAD_ADDRS_MAX = 16,   /* of a peer; more are left out */
    KAD_ADDR_MAX = 512,
    KAD_VALUE_MAX = 10240, /* an IPNS record */
};

enum kad_type {
    KAD_PUT_VALUE = 0,
    KAD_GET_VALUE = 1,
    KAD_ADD_PROVIDER = 2,
    KAD_GET_PROVIDERS = 3,
    KAD_FIND_NODE = 4,
    KAD_PING = 5,
};

enum kad_list { KAD_CLOSER = 8, KAD_PROVIDERS = 9 };

struct kad_peer {
    struct span id; /* a peer id: identity or sha2-256 multihash */
    uint32_t addr_count;
    struct span addrs[KAD_ADDRS_MAX]; /* binary multiaddrs, not looked into */
    uint8_t connection;               /* 0 to 3; not to be believed */
};

struct kad_message {
    enum kad_type type;
    struct span key;
    bool has_record;
    struct span record_key, value;
    struct span raw; /* for the iterators */
};

/* kad_decode reads a message without its length; borrows in.
 * ERR_LIMIT (message, key, value too long); ERR_SHORT, ERR_FORMAT; ERR_UNSUPPORTED (another type).
 */
NODISCARD enum err kad_decode(struct kad_message *out, struct span in);

struct kad_iter {
    struct reader r;
    enum kad_list list;
};

/* The peers of a list, in order; those with a malformed id are left out. */
struct kad_iter kad_peers(const struct kad_message *m, enum kad_list list);
bool kad_next(struct kad_iter *it, struct kad_peer *out);

/* True for the bytes of a peer id. */
bool kad_id_valid(struct span id);

/* Writers, in this order: the head, the record, peers. */
void kad_write(struct writer *w, enum kad_type type, struct span key);
void kad_write_record(struct writer *w, struct span key, struct span value);
void kad_write_peer(struct writer *w, enum kad_list list, const struct kad_peer *p);

#endif
