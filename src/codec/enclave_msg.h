/* enclave_msg: what crust-ipfsd asks crust-enclaved. The replies are in codec/enclave_reply.h.
 * Format: docs/spec/enclave-ipc.md. A body is one canonical DAG-CBOR array of fixed length; bulk
 * bytes (a block, a piece of an extent) travel beside it. Pure: no allocation, no I/O.
 *
 * Spans in a decoded message borrow from the body it was decoded from. */
#ifndef CRUST_CODEC_ENCLAVE_MSG_H
#define CRUST_CODEC_ENCLAVE_MSG_H

#include "codec/cid.h"
#include "codec/enclave_types.h"

struct enclave_hello {
    uint32_t protocol;
    uint8_t chain[32];
};

/* EVIDENCE: what the evidence binds besides worker, chain and release. */
struct enclave_evidence {
    uint8_t account[32];
    uint8_t block_hash[32];
    struct span predecessor; /* 32 bytes: evidence of its successor; p NULL: of a worker alone */
};

/* HAND_OVER: the offer of a successor. */
struct enclave_hand_over {
    uint8_t account[32];
    uint8_t successor[32];  /* its worker key */
    uint8_t exchange[32];   /* its X25519 key */
    uint8_t block_hash[32]; /* that its evidence binds */
    uint64_t time;          /* as the host has it; seconds */
    struct span evidence;
    struct span certificate; /* of its release */
};

struct enclave_take_over {
    uint8_t predecessor[32];
    uint8_t account[32];
    uint8_t envelope[ENCLAVE_ENVELOPE_SIZE];
};

/* PROVISION, LOAD, SEAL_RESUME: something the enclave made earlier. */
struct enclave_blob {
    struct span blob; /* p NULL: none (PROVISION: make new keys; LOAD: the empty state) */
};

struct enclave_number {
    uint64_t number; /* of a sealing session or a fill */
};

struct enclave_seal_begin {
    struct content_key key; /* the root of the DAG */
};

struct enclave_seal_block {
    uint64_t number;
    struct content_key key;
};

struct enclave_fill_begin {
    uint64_t size; /* bytes; a power of two, at least 1 MiB, at most 1 GiB */
};

/* ADD_FILES, ADD_EXTENTS: leaves first_index, first_index + 1, ... */
struct enclave_add {
    uint32_t volume;
    uint32_t first_index;
    struct span tickets; /* whole tickets, at least one, at most ENCLAVE_TICKETS_MAX */
    struct span path;    /* of first_index, as the tree stands before */
};

struct enclave_remove_file {
    uint32_t volume;
    uint32_t index;
    uint8_t leaf[ENCLAVE_LEAF_SIZE];
    struct span path;
};

struct enclave_remove_extent {
    uint32_t volume;
    uint32_t index;
    uint8_t root[32];
    uint64_t size;
    struct span path;
};

struct enclave_volume {
    uint32_t volume;
};

struct enclave_unseal {
    struct content_key content; /* root of the replica */
    uint32_t segment;
    uint32_t length; /* of the segment */
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
    uint32_t offset;    /* of the block in the segment */
    uint8_t digest[32]; /* of the block */
};

struct enclave_optional_volume {
    bool set; /* null in the body otherwise */
    uint32_t number;
};

struct enclave_report_begin {
    uint64_t slot;
    uint8_t beacon[32];
    uint8_t account[32];
    uint32_t draws_files; /* parameters of the chain, each at most 64 */
    uint32_t draws_srd;
    uint32_t draws_return;
    struct enclave_optional_volume suspend;
    struct enclave_optional_volume return_;
    struct span base;     /* the cut record of the chain's stored S; p NULL: S_0 */
    struct span step;     /* p NULL: none */
    struct span step_mac; /* 32 bytes with a step, p NULL without */
    struct span entries;  /* ENCLAVE_ENTRY_SIZE each, in the order of the attempt's answers */
};

struct enclave_report_draws {
    uint32_t first;
    uint32_t count; /* at most ENCLAVE_DRAWS_MAX */
};

struct enclave_report_file {
    uint32_t draw;
    uint32_t index; /* of the leaf in its volume's tree */
    uint8_t leaf[ENCLAVE_LEAF_SIZE];
    struct span path;
    uint64_t record_count;
    uint64_t record_index;
    uint8_t record[ENCLAVE_RECORD_SIZE];
    struct span record_path;
    uint32_t segment;
    uint32_t segment_count;
    uint32_t segment_length;
    uint32_t offset; /* of the block in the segment */
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
    struct span seal_path;
};

struct enclave_report_extent {
    uint32_t draw;
    uint32_t index;
    uint8_t root[32];
    uint64_t size;
    struct span path;
    struct span chunk_path;
};

struct enclave_report_miss {
    uint32_t draw;
};

struct enclave_request {
    uint16_t type; /* enum enclave_type: says which member of u is set; none for the others */
    union {
        struct enclave_hello hello;
        struct enclave_evidence evidence;
        struct enclave_blob blob;     /* PROVISION, LOAD, SEAL_RESUME */
        struct enclave_number number; /* SEAL_CLOSE, SEAL_RECORDS, SEAL_END, ABORT, FILL_NEXT/END */
        struct enclave_seal_begin seal_begin;
        struct enclave_seal_block seal_block;
        struct enclave_fill_begin fill_begin;
        struct enclave_add add; /* ADD_FILES, ADD_EXTENTS */
        struct enclave_remove_file remove_file;
        struct enclave_remove_extent remove_extent;
        struct enclave_volume volume; /* DROP_VOLUME */
        struct enclave_unseal unseal;
        struct enclave_report_begin report_begin;
        struct enclave_report_draws report_draws;
        struct enclave_report_file report_file;
        struct enclave_report_extent report_extent;
        struct enclave_report_miss report_miss;
        struct enclave_hand_over hand_over;
        struct enclave_take_over take_over;
    } u;
};

/* enclave_msg_decode reads the body of a request of the given type.
 * Out:     *out, which borrows from body. Zeroed on failure.
 * Returns: OK; ERR_UNSUPPORTED (no such type); ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_RANGE,
 *          ERR_LIMIT.
 * Canonical: at most one body decodes to a given request, and enclave_msg_encode gives it back. */
NODISCARD enum err enclave_msg_decode(struct enclave_request *out, uint16_t type, struct span body);

/* enclave_msg_encode writes the body; m->type is a known type (asserted). */
void enclave_msg_encode(struct writer *w, const struct enclave_request *m);

#endif
