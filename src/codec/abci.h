/* abci: the messages by which CometBFT drives an application, ABCI 2.0 (v0.38 to v0.40), both ways.
 * Spec: docs/spec/abci.md. Pure: no allocation; decoded messages borrow from the bytes.
 *
 * Decoding is total and strict where senders are: a field of the wrong wire type, a field that
 * comes twice and a number out of range are refused; unknown fields are passed over, so that newer
 * engines may add some. Encoding leaves out what is zero, as proto3 does, and writes fields in
 * order. */
#ifndef CRUST_CODEC_ABCI_H
#define CRUST_CODEC_ABCI_H

#include "codec/abci_types.h"

enum {
    ABCI_FRAME_MAX = 64 << 20, /* a block of 24 MiB with room; CometBFT's own limit is 2 GiB */
    ABCI_PREFIX_MAX = 5,       /* the length before a frame of ABCI_FRAME_MAX */
};

/* Which message. EXCEPTION is an answer only. */
enum abci_kind {
    ABCI_EXCEPTION,
    ABCI_ECHO,
    ABCI_FLUSH,
    ABCI_INFO,
    ABCI_INIT_CHAIN,
    ABCI_QUERY,
    ABCI_CHECK_TX,
    ABCI_COMMIT,
    ABCI_LIST_SNAPSHOTS,
    ABCI_OFFER_SNAPSHOT,
    ABCI_LOAD_SNAPSHOT_CHUNK,
    ABCI_APPLY_SNAPSHOT_CHUNK,
    ABCI_PREPARE_PROPOSAL,
    ABCI_PROCESS_PROPOSAL,
    ABCI_EXTEND_VOTE,
    ABCI_VERIFY_VOTE_EXTENSION,
    ABCI_FINALIZE_BLOCK,
    ABCI_INSERT_TX, /* v0.39 and later, with the application's own mempool */
    ABCI_REAP_TXS,
    ABCI_KIND_COUNT
};

enum { ABCI_CHECK_NEW = 0, ABCI_CHECK_AGAIN = 1 };
enum { ABCI_ACCEPT = 1, ABCI_REJECT = 2 }; /* ProcessProposal, VerifyVoteExtension */
enum {
    ABCI_OFFER_ACCEPT = 1,
    ABCI_OFFER_ABORT,
    ABCI_OFFER_REJECT,
    ABCI_OFFER_REJECT_FORMAT,
    ABCI_OFFER_REJECT_SENDER,
};
enum {
    ABCI_APPLY_ACCEPT = 1,
    ABCI_APPLY_ABORT,
    ABCI_APPLY_RETRY,
    ABCI_APPLY_RETRY_SNAPSHOT,
    ABCI_APPLY_REJECT_SNAPSHOT,
};

/* clang-format off */
struct abci_request {
    enum abci_kind kind;
    union { /* by kind; Flush, Commit and ListSnapshots have no members */
        struct { struct span message; } echo;
        struct { struct span version; uint64_t block_version, p2p_version; struct span abci_version; } info;
        struct { struct abci_time time; struct span chain_id; struct abci_params params;
                 struct abci_list validators; struct span app_state; int64_t initial_height; } init_chain;
        struct { struct span data, path; int64_t height; bool prove; } query;
        struct { struct span tx; int32_t type; } check_tx;
        struct { struct abci_snapshot snapshot; struct span app_hash; } offer_snapshot;
        struct { uint64_t height; uint32_t format, chunk; } load_chunk;
        struct { uint32_t index; struct span chunk, sender; } apply_chunk;
        struct { int64_t max_tx_bytes; struct abci_block block; } prepare; /* no hash */
        struct abci_block block; /* ProcessProposal, ExtendVote, FinalizeBlock */
        struct { struct span hash, validator; int64_t height; struct span extension; } verify;
        struct { struct span tx; } insert_tx;
        struct { uint64_t max_bytes, max_gas; } reap_txs;
    };
};

struct abci_response {
    enum abci_kind kind;
    union {
        struct { struct span error; } exception;
        struct { struct span message; } echo;
        struct { struct span data, version; uint64_t app_version; int64_t height; struct span app_hash; } info;
        struct { struct abci_params params; struct abci_list validators; struct span app_hash; } init_chain;
        struct { uint32_t code; struct span log, info; int64_t index; struct span key, value;
                 struct { bool present; struct abci_list ops; } proof;
                 int64_t height; struct span codespace; } query;
        struct abci_tx_result check_tx;
        struct { int64_t retain_height; } commit;
        struct { struct abci_list snapshots; } list_snapshots;
        struct { int32_t result; } offer_snapshot;
        struct { struct span chunk; } load_chunk;
        struct { int32_t result; struct span refetch; /* packed numbers */
                 struct abci_list reject_senders; } apply_chunk;
        struct { struct abci_list txs; } prepare;
        struct { int32_t status; } process; /* and VerifyVoteExtension */
        struct { struct span extension; } extend;
        struct { struct abci_list events, tx_results, validator_updates; struct abci_params params;
                 struct span app_hash; } finalize;
        struct { uint32_t code; } insert_tx;
        struct { struct abci_list txs; } reap_txs;
    };
};
/* clang-format on */

/* "FinalizeBlock" and so on. */
const char *abci_name(enum abci_kind kind);

/* abci_frame_next takes the next frame from *in: its length and then a message.
 * Returns: OK; ERR_SHORT (*in ends before the frame does; nothing is taken), ERR_LIMIT (longer than
 * max), ERR_FORMAT (no length). */
NODISCARD enum err abci_frame_next(struct span *message, struct span *in, size_t max);

/* abci_request_kind tells of which kind a message is, without reading further: it may be malformed.
 * Returns: OK; ERR_UNSUPPORTED (its first field is no message that we know); ERR_SHORT, ERR_FORMAT.
 */
NODISCARD enum err abci_request_kind(enum abci_kind *out, struct span in);

/* The message of a frame. Returns: OK; ERR_UNSUPPORTED (no message that we know); ERR_SHORT,
 * ERR_FORMAT, ERR_RANGE. *out zeroed on failure. */
NODISCARD enum err abci_request_decode(struct abci_request *out, struct span in);
NODISCARD enum err abci_response_decode(struct abci_response *out, struct span in);

/* A whole frame: length and message; and its size. */
void abci_request_encode(struct writer *w, const struct abci_request *m);
void abci_response_encode(struct writer *w, const struct abci_response *m);
size_t abci_request_size(const struct abci_request *m);
size_t abci_response_size(const struct abci_response *m);

/* ---- lists ---- */

enum abci_item {
    ABCI_VOTE, /* struct abci_vote, and so on */
    ABCI_EXTENDED_VOTE,
    ABCI_MISBEHAVIOR,
    ABCI_VALIDATOR_UPDATE,
    ABCI_ATTRIBUTE,
    ABCI_EVENT,
    ABCI_TX_RESULT,
    ABCI_SNAPSHOT,
    ABCI_PROOF_OP,
};

/* The next item, taken off *l; false at the end. item: a struct of the kind. */
bool abci_list_next(void *item, enum abci_item kind, struct abci_list *l);
bool abci_list_bytes(struct span *item, struct abci_list *l);

/* Writes an item for a list of abci_list_of(what was written, how many). */
void abci_list_add(struct writer *w, enum abci_item kind, const void *item);
void abci_list_add_bytes(struct writer *w, struct span item);
size_t abci_list_add_size(size_t bytes); /* of an item of so many bytes */
struct abci_list abci_list_of(struct span body, uint32_t count);

#endif
