/* identify: the message with which a libp2p peer describes itself, /ipfs/id/1.0.0 and
 * /ipfs/id/push/1.0.0. Format: docs/spec/p2p-streams.md 2. Pure, no allocation.
 *
 * A peer may cut it into several messages; the reader merges them. What is too much of a list is
 * left out, so that nobody can make us remember more than this struct. */
#ifndef CRUST_CODEC_IDENTIFY_H
#define CRUST_CODEC_IDENTIFY_H

#include "base/reader.h"
#include "base/writer.h"

#define IDENTIFY_ID      "/ipfs/id/1.0.0"
#define IDENTIFY_PUSH_ID "/ipfs/id/push/1.0.0"

enum {
    IDENTIFY_MESSAGE_MAX = 8192, /* of one message from others, as go-libp2p has it */
    IDENTIFY_MESSAGES_MAX = 10,  /* messages that are merged, likewise */
    IDENTIFY_OURS_MAX = 4096,    /* rust-libp2p refuses more */
    IDENTIFY_ADDRS_MAX = 32,     /* a machine has fewer; each may be dialled */
    IDENTIFY_PROTOCOLS_MAX = 64, /* Kubo lists about 20 */
    IDENTIFY_ADDR_MAX = 512,     /* bytes of one address that is kept */
    IDENTIFY_TEXT_MAX = 256,     /* bytes of a protocol id, a version, an agent that is kept */
};

/* All spans borrow the messages that were merged. */
struct identify {
    struct span public_key;       /* PublicKey protobuf, libp2p peer-ids */
    struct span observed_addr;    /* binary multiaddr: how they see us */
    struct span protocol_version; /* "ipfs/0.1.0" by custom */
    struct span agent_version;
    struct span signed_record; /* envelope of a PeerRecord */
    uint32_t addr_count, protocol_count;
    struct span addrs[IDENTIFY_ADDRS_MAX]; /* binary multiaddrs, not looked into */
    struct span protocols[IDENTIFY_PROTOCOLS_MAX];
};

/* identify_merge adds one message, without its length, to *out, which begins zeroed. A field that
 * can stand once replaces what was there. The message is kept by out.
 *
 * Returns: OK; ERR_LIMIT (message over IDENTIFY_MESSAGE_MAX); ERR_SHORT, ERR_FORMAT (no protobuf,
 *          or a field of the wrong wire type). On failure *out is zeroed. */
NODISCARD enum err identify_merge(struct identify *out, struct span message);

/* identify_write writes the message without its length. Empty fields are left out. */
void identify_write(struct writer *w, const struct identify *id);

/* True when the peer lists this protocol. */
bool identify_speaks(const struct identify *id, struct span protocol);

#endif
