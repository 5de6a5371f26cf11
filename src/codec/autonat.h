/* autonat: messages of AutoNAT v2, by which a node asks others to dial it back:
 * /libp2p/autonat/2/dial-request and /libp2p/autonat/2/dial-back. Format: docs/spec/autonat.md 1.
 * Pure, no allocation. */
#ifndef CRUST_CODEC_AUTONAT_H
#define CRUST_CODEC_AUTONAT_H

#include "base/reader.h"
#include "base/writer.h"

#define AUTONAT_REQUEST_ID "/libp2p/autonat/2/dial-request"
#define AUTONAT_BACK_ID    "/libp2p/autonat/2/dial-back"

enum {
    AUTONAT_MESSAGE_MAX = 8192, /* as go-libp2p */
    AUTONAT_BACK_MAX = 1024,    /* of a DialBack, likewise */
    AUTONAT_ADDRS_MAX = 50,     /* of a request that are looked at; the rest is left out */
    AUTONAT_DATA_MAX = 4096,    /* bytes of data in one message, by the specification */
};

enum autonat_kind { /* field numbers */
                    AUTONAT_REQUEST = 1,
                    AUTONAT_RESPONSE = 2,
                    AUTONAT_DATA_REQUEST = 3,
                    AUTONAT_DATA = 4,
};

enum autonat_status {
    AUTONAT_INTERNAL = 0,
    AUTONAT_REJECTED = 100, /* limits */
    AUTONAT_REFUSED = 101,  /* no address that would be dialled */
    AUTONAT_DONE = 200,     /* one was dialled, with whatever outcome */
};

enum autonat_dial {
    AUTONAT_UNUSED = 0,
    AUTONAT_UNREACHED = 100,   /* nobody could be connected with there */
    AUTONAT_BACK_FAILED = 101, /* connected, but the nonce could not be handed over */
    AUTONAT_REACHED = 200,
};

/* All spans borrow the message. Numbers are as they came: others than the above may stand there. */
struct autonat_message {
    enum autonat_kind kind;
    uint64_t nonce;                       /* AUTONAT_REQUEST */
    uint32_t addr_count;                  /* likewise, and */
    struct span addrs[AUTONAT_ADDRS_MAX]; /* binary multiaddrs, not looked into */
    uint32_t status, dial;                /* AUTONAT_RESPONSE */
    uint32_t addr_index;                  /* of it, and of AUTONAT_DATA_REQUEST */
    uint64_t bytes;                       /* AUTONAT_DATA_REQUEST */
    struct span data;                     /* AUTONAT_DATA */
};

/* autonat_decode reads one message of a dial-request stream, without its length.
 * Out:     *out, zeroed on failure.
 * Returns: OK; ERR_LIMIT (over AUTONAT_MESSAGE_MAX); ERR_SHORT, ERR_FORMAT (no protobuf, none of
 * the four kinds, a field of the wrong wire type, a number over its field's 32 bits). */
NODISCARD enum err autonat_decode(struct autonat_message *out, struct span message);

/* autonat_write writes one, without its length, zeros left out. At most AUTONAT_ADDRS_MAX addresses
 * (asserted). */
void autonat_write(struct writer *w, const struct autonat_message *m);

/* The one message of a dial-back stream; its answer is an empty message. Returns: as
 * autonat_decode, with AUTONAT_BACK_MAX. */
NODISCARD enum err autonat_back_decode(uint64_t *nonce, struct span message);
void autonat_back_write(struct writer *w, uint64_t nonce);

#endif
