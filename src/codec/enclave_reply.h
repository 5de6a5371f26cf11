/* enclave_reply: what crust-enclaved answers. The requests are in codec/enclave_msg.h.
 * Format: docs/spec/enclave-ipc.md. Pure: no allocation, no I/O.
 *
 * Spans in a decoded reply borrow from the body it was decoded from. */
#ifndef CRUST_CODEC_ENCLAVE_REPLY_H
#define CRUST_CODEC_ENCLAVE_REPLY_H

#include "codec/cid.h"
#include "codec/enclave_types.h"

struct enclave_hello_reply {
    uint32_t protocol;
    struct span provider;    /* text: "software", "sgx-gramine", "tdx-tsm", "snp-tsm" */
    struct span release;     /* text: the version, as compiled in */
    uint8_t release_id[32];  /* what evidence binds: SHA-256("crust/release/1" | release) */
    struct span measurement; /* MRENCLAVE 32, MRTD or MEASUREMENT 48; empty for software */
    uint32_t is_volatile;    /* 1: sealed keys open only until this process ends */
    uint32_t sessions_max;   /* sealing sessions open at a time */
    uint32_t fills_max;      /* fills open at a time */
    uint32_t numbers_max;    /* sessions, fills and unused tickets alive at a time */
    uint32_t workers;        /* threads that seal side by side; 0: the reader does it */
};

struct enclave_provision_reply {
    struct span sealed; /* keep it, mirrored: losing it loses the worker */
    uint8_t worker[32];
    uint8_t lineage[32];
    uint8_t exchange[32]; /* X25519: where a predecessor hands its keys */
};

struct enclave_hand_over_reply {
    uint8_t envelope[ENCLAVE_ENVELOPE_SIZE];
    uint8_t signature[64]; /* of the succession, by the predecessor */
    struct span record;    /* the state record: from now on the successor's */
};

struct enclave_take_over_reply {
    struct span sealed; /* keep it in the place of what PROVISION gave */
    uint8_t lineage[32];
    uint8_t signature[64]; /* of the succession, by the successor */
};

struct enclave_evidence_reply {
    struct span evidence; /* codec of attest/attest.h */
};

/* LOAD, STATUS */
struct enclave_status_reply {
    uint64_t seq;
    uint8_t s[32];          /* S after the last cut */
    uint8_t s_next[32];     /* S as CUT would give it now; equals s when no operation is pending */
    uint32_t pending_bytes; /* of the step that CUT would give; 0: no operation pending */
    uint32_t pending_leaves;
    struct span volumes; /* ENCLAVE_VOLUMES x ENCLAVE_VOLUME_SIZE, pending operations applied */
    struct span numbers; /* alive: number u64 | segments u32 each */
    struct span record;  /* the state record; empty in a STATUS reply */
    uint8_t owner[32];   /* the worker that may change the state; another: it was handed over */
};

/* SEAL_BEGIN, FILL_BEGIN */
struct enclave_begin_reply {
    uint64_t number;
    struct span record; /* the new state record */
};

struct enclave_seal_block_reply {
    uint32_t segment;
    uint32_t offset;
    uint8_t chunk_root[32];
};

struct enclave_seal_close_reply {
    uint32_t segment;
    uint32_t length;
    uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
    struct span checkpoint;
};

/* SEAL_RESUME: where the session stands */
struct enclave_resume_reply {
    uint64_t number;
    struct content_key key;
    uint32_t segments;
    uint64_t blocks;
    uint64_t bytes;
};

struct enclave_records_reply {
    uint64_t count; /* taken so far */
};

struct enclave_seal_end_reply {
    uint64_t record_count;
    uint8_t leaf[ENCLAVE_LEAF_SIZE];
    uint8_t ticket[ENCLAVE_FILE_TICKET_SIZE];
};

struct enclave_fill_next_reply {
    uint64_t offset;
    uint8_t row[32]; /* Merkle root of the piece's chunks: the host keeps it to answer draws */
};

struct enclave_fill_end_reply {
    uint8_t root[32];
    uint64_t size;
    uint8_t ticket[ENCLAVE_EXTENT_TICKET_SIZE];
};

/* Every request that changes the state and gives nothing else. */
struct enclave_record_reply {
    struct span record; /* durable before anything that follows from it is acknowledged */
};

struct enclave_cut_reply {
    struct span step; /* CBOR, formats "Step" */
    uint8_t step_mac[32];
    uint8_t s[32];
    uint8_t cut[ENCLAVE_CUT_SIZE]; /* the base of reports once the chain stores this S */
    struct span record;
};

struct enclave_report_begin_reply {
    uint32_t public_draws; /* numbers 0 .. public_draws - 1 */
    uint32_t draws;        /* public and private together */
};

struct enclave_report_draws_reply {
    struct span draws; /* ENCLAVE_DRAW_SIZE each */
};

struct enclave_report_next_reply {
    uint32_t next; /* the number of the next draw to answer */
};

/* REPORT_END; the report itself is the bulk. */
struct enclave_report_end_reply {
    uint32_t failed; /* volumes listed as failed, a bit each */
};

struct enclave_reply {
    uint16_t type; /* of the request it answers; UNSEAL's reply has an empty body */
    union {
        struct enclave_hello_reply hello;
        struct enclave_provision_reply provision;
        struct enclave_evidence_reply evidence;
        struct enclave_hand_over_reply hand_over;
        struct enclave_take_over_reply take_over;
        struct enclave_status_reply status; /* LOAD, STATUS */
        struct enclave_begin_reply begin;   /* SEAL_BEGIN, FILL_BEGIN */
        struct enclave_seal_block_reply seal_block;
        struct enclave_seal_close_reply seal_close;
        struct enclave_resume_reply resume;
        struct enclave_records_reply records;
        struct enclave_seal_end_reply seal_end;
        struct enclave_fill_next_reply fill_next;
        struct enclave_fill_end_reply fill_end;
        struct enclave_record_reply record; /* ABORT, ADD_*, REMOVE_*, DROP_VOLUME */
        struct enclave_cut_reply cut;
        struct enclave_report_begin_reply report_begin;
        struct enclave_report_draws_reply report_draws;
        struct enclave_report_next_reply report_next; /* REPORT_FILE, _EXTENT, _MISS */
        struct enclave_report_end_reply report_end;
    } u;
};

/* enclave_reply_decode reads the body of a reply to a request of the given type.
 * Out, Returns, Canonical: as enclave_msg_decode. */
NODISCARD enum err enclave_reply_decode(struct enclave_reply *out, uint16_t type, struct span body);

/* enclave_reply_encode writes the body; r->type is a known type (asserted). */
void enclave_reply_encode(struct writer *w, const struct enclave_reply *r);

/* The body of an error reply (IPC_ERROR): [code, text]. The code is the number of an enum err as
 * docs/spec/enclave-ipc.md 3 lists them. decode gives the error through *code; an unknown number
 * is ERR_FORMAT. */
NODISCARD enum err enclave_reply_decode_error(enum err *code, struct span body);
void enclave_reply_encode_error(struct writer *w, enum err code);

#endif
