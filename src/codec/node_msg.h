/* node_msg: what crust and crust-agentd ask a running crust-ipfsd, over the local protocol.
 * Frame: docs/spec/ipc.md; messages: docs/spec/node-ipc.md. Bodies are canonical DAG-CBOR maps with
 * exactly the fields named here; block bytes travel as the frame's bulk. Pure.
 *
 * Decoders are total and strict; spans borrow from the input; outputs are zeroed on failure.
 * Encoders write a body; a body never exceeds NODE_MSG_BODY_MAX. */
#ifndef CRUST_CODEC_NODE_MSG_H
#define CRUST_CODEC_NODE_MSG_H

#include "codec/cbor.h"
#include "codec/cid.h"
#include "codec/node_handover.h"

enum {
    NODE_MSG_BODY_MAX = 96 * 1024, /* a report of 88 KiB and its frame of fields */
    NODE_URL_MAX = 128,
    NODE_SOURCES_MAX = 16, /* origins of an order, then other holders */
    NODE_TEXT_MAX = 512,
    NODE_OWED_MAX = 16,
    NODE_DISKS_MAX = 16,
    NODE_PEERS_MAX = 2, /* texts for the chain, of the four that an account may have there */
};

/* Request -> reply. A reply body of {} is written "-". */
enum node_msg {
    NODE_HELLO = 1,        /* {} -> node_hello */
    NODE_BLOCK_PUT = 2,    /* node_block, bulk = bytes -> -; durable only after COMMIT */
    NODE_BLOCK_GET = 3,    /* node_block -> -, bulk = bytes; ERR_NOT_FOUND */
    NODE_BLOCK_HAS = 4,    /* node_block -> node_size */
    NODE_BLOCK_DEL = 5,    /* node_block -> - */
    NODE_COMMIT = 6,       /* - -> -, after fsync */
    NODE_PIN_ADD = 7,      /* node_pin -> -; durable after COMMIT */
    NODE_PIN_RM = 8,       /* node_cid -> - */
    NODE_PIN_NEXT = 9,     /* node_cid (empty: first) -> node_pin; ERR_NOT_FOUND at the end */
    NODE_REPO_STAT = 10,   /* - -> node_repo_stat */
    NODE_REPO_GC = 11,     /* - -> node_progress (MORE)..., node_progress */
    NODE_REPO_VERIFY = 12, /* - -> node_progress (MORE)..., node_progress */
    NODE_STATUS = 20,      /* - -> node_status */
    NODE_REGISTER = 21,    /* node_register -> node_evidence */
    NODE_SEAL = 22,        /* node_seal -> node_progress (MORE)..., node_sealed */
    NODE_REMOVE = 23,      /* node_key -> -; the replica leaves the tree with the next step */
    NODE_FILL = 24,        /* node_size: bytes wanted -> node_progress (MORE)..., node_size: made */
    NODE_RELEASE = 25,     /* node_size: bytes of extents to give up -> node_size: given up */
    NODE_REPORT = 26,      /* node_report -> node_bytes: the report's canonical bytes */
    NODE_ACCEPTED = 27,    /* node_accepted: what the chain has stored -> - */
    NODE_FETCH = 28, /* node_seal (no order, data_root) -> node_progress...: into the block store */
    NODE_REPLICA_NEXT = 29, /* node_key (zero codec: first) -> node_sealed; ERR_NOT_FOUND */
    NODE_DROP_VOLUME = 30,  /* node_size: the volume's number -> -; for good */
    NODE_DISK_STOP = 31,    /* node_size: the volume's number -> -; the disk is to rest */
    NODE_DISK_RESUME = 32,  /* node_size: the volume's number -> -; it is checked, then used */
    NODE_HAND_OVER = 33,    /* node_hand_over -> node_handed: one step towards a successor */
    NODE_SUCCESSION = 34,   /* node_register -> node_succession: what the chain is to be shown */
};

struct node_hello {
    struct span version; /* text */
    struct span gateway; /* URL of the gateway as others reach it, or empty */
    bool storage;        /* an enclave is attached */
};

struct node_block {
    uint32_t codec;
    uint8_t digest[32];
};

struct node_size {
    uint64_t size;
};

struct node_cid {
    struct span cid; /* binary, or empty */
};

struct node_pin {
    struct span cid;
    bool recursive;
    struct span profile; /* text */
    struct span name;    /* text */
    uint64_t time_s;
};

struct node_repo_stat {
    uint64_t blocks, bytes, disk, free, quota, pins, replicas, replica_bytes, extents, extent_bytes;
};

struct node_progress { /* a line of long work */
    struct span phase; /* text: "fetch", "seal", "mark", "sweep", "verify", "fill" */
    uint64_t done, total;
    uint64_t bad; /* verify: blocks that do not match */
};

struct node_disk {
    struct span path;
    struct span state; /* text of store/volume.h */
    uint32_t volume;
    uint64_t capacity, replicas, extents, free;
};

struct node_status {
    bool storage;
    struct span provider; /* text: "software" ... or empty */
    uint8_t worker[32], lineage[32];
    uint8_t predecessor[32]; /* whose place this worker has taken here; zero: nobody's */
    uint64_t seq;            /* of the last step cut */
    uint8_t s[32];           /* its S */
    uint32_t pending;        /* operations not yet in a step */
    uint64_t files, file_bytes, extents, extent_bytes;
    uint32_t disk_count;
    struct node_disk disks[NODE_DISKS_MAX];
    uint32_t peer_count;               /* 0: no libp2p, or not known yet */
    struct span peers[NODE_PEERS_MAX]; /* texts of docs/spec/market.md 5.6 that name this node */
};

struct node_seal {
    uint8_t order[32];
    struct content_key key;
    uint64_t size_max; /* more than this is refused */
    bool has_data_root;
    uint8_t data_root[32]; /* what the order claims; the result must agree */
    uint32_t source_count;
    struct span sources[NODE_SOURCES_MAX]; /* gateway URLs, best first */
};

struct node_sealed {
    struct content_key key;
    uint64_t size;
    uint8_t data_root[32], seal_root[32];
    uint32_t volume, index;
};

struct node_key {
    struct content_key key;
};

/* A slot to answer: as in an attempt (docs/spec/report.md). */
struct node_owed {
    uint64_t slot;
    uint8_t beacon[32];
    uint16_t suspended; /* bit v: volume v was suspended in it */
};

enum { NODE_VOLUME_NONE = 255 };

struct node_report {
    uint8_t account[32];
    uint8_t chain[32];
    uint64_t slot;
    uint8_t beacon[32];
    struct span state;                             /* canonical state that the chain has stored */
    uint16_t suspended;                            /* bit v: volume v is suspended on chain */
    uint32_t draws_files, draws_srd, draws_return; /* parameters of the chain */
    bool first;                                    /* first report of the slot: answer its draws */
    bool step;                                     /* put what is pending into a step */
    uint32_t suspend_volume;                       /* NODE_VOLUME_NONE: none */
    uint32_t return_volume;                        /* NODE_VOLUME_NONE: none */
    bool has_return_beacon;    /* a return that was accepted is to be answered now */
    struct node_owed returned; /* its slot and beacon */
    uint32_t owed_count;
    struct node_owed owed[NODE_OWED_MAX]; /* earliest first */
};

struct node_bytes {
    struct span bytes;
};

struct node_accepted {
    uint64_t seq;
    uint8_t s[32];
};

/* The body of a reply with IPC_ERROR. */
struct node_error {
    enum err code;
    struct span what; /* text: what happened, with the number that was wrong */
    struct span next; /* text: the next command, or empty */
};

/* clang-format off */
#define NODE_MSG_LIST(X) \
    X(hello) X(block) X(size) X(cid) X(pin) X(repo_stat) \
    X(progress) X(status) X(register) X(evidence) X(seal) X(sealed) \
    X(key) X(report) X(bytes) X(accepted) X(hand_over) X(handed) X(succession) X(error)
/* clang-format on */
#define NODE_MSG_DECLARE(name)                                                                     \
    void node_msg_encode_##name(struct writer *w, const struct node_##name *in);                   \
    NODISCARD enum err node_msg_decode_##name(struct node_##name *out, struct span body);
NODE_MSG_LIST(NODE_MSG_DECLARE)
#undef NODE_MSG_DECLARE

/* The empty map. */
void node_msg_encode_none(struct writer *w);
NODISCARD enum err node_msg_decode_none(struct span body);

#endif
