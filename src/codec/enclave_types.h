/* enclave_types: the numbers and sizes of the protocol between crust-ipfsd and crust-enclaved.
 * Spec: docs/spec/enclave-ipc.md sections 1 and 2. Pure. */
#ifndef CRUST_CODEC_ENCLAVE_TYPES_H
#define CRUST_CODEC_ENCLAVE_TYPES_H

#include <stdint.h>

enum {
    ENCLAVE_PROTOCOL = 1,
    ENCLAVE_VOLUMES = 16,
    ENCLAVE_BLOCK_MAX = 2 << 20,    /* one IPLD block, formats 1 */
    ENCLAVE_SEGMENT_MAX = 64 << 20, /* ciphertext of one segment */
    ENCLAVE_FILL_PIECE = 1 << 20,   /* what one FILL_NEXT gives */
    ENCLAVE_WRAPPED_SIZE = 76,      /* epoch u32 | nonce 24 | 48 */
    ENCLAVE_LEAF_SIZE = 108,        /* codec u32 | digest | size u64 | data_root | seal_root */
    ENCLAVE_RECORD_SIZE = 72,       /* codec u32 | digest | length u32 | chunk_root */
    ENCLAVE_COUNTED_SIZE = 80,      /* a record and its in-degree u64 */
    ENCLAVE_FILE_TICKET_SIZE = 148, /* number u64 | leaf | mac */
    ENCLAVE_EXTENT_TICKET_SIZE = 80,
    ENCLAVE_VOLUME_SIZE = 92,    /* one volume as it stands in the preimage of S */
    ENCLAVE_CUT_SIZE = 1544,     /* lineage | seq u64 | 16 volumes | mac */
    ENCLAVE_ENTRY_SIZE = 43,     /* slot u64 | beacon | suspended u16 | volume u8 */
    ENCLAVE_DRAW_SIZE = 16,      /* entry u8 | kind u8 | volume u8 | 0 | j u32 | offset u64 */
    ENCLAVE_COUNTED_MAX = 16384, /* records of one SEAL_RECORDS: 1.25 MiB */
    ENCLAVE_TICKETS_MAX = 128,   /* tickets of one ADD_FILES or ADD_EXTENTS */
    ENCLAVE_DRAWS_MAX = 1024,    /* draws of one REPORT_DRAWS */
    ENCLAVE_ENTRIES_MAX = 2,     /* slots that one attempt answers */
    ENCLAVE_PATH_MAX = 1284,     /* a tree path: u32 map, 32 x (hash, sum) */
    ENCLAVE_RECORD_PATH_MAX = 1280,
    ENCLAVE_HASH_PATH_MAX = 1024, /* 32 hashes: segments, chunks of an extent */
    ENCLAVE_SEALED_KEYS_MAX = 256,
    ENCLAVE_CHECKPOINT_MAX = 4096,
    ENCLAVE_STEP_MAX = 24 << 10, /* design 5.1: "no step over 24 KiB with paths" */
    ENCLAVE_STATE_MAX = 32 << 10,
    ENCLAVE_NO_VOLUME = 255,      /* in an entry: not the draws of a return */
    ENCLAVE_DRAWS_PARAM_MAX = 32, /* draws of one kind in one slot */
    ENCLAVE_EVIDENCE_MAX = 16 << 10,
    ENCLAVE_NUMBER_SIZE = 12,  /* number u64 | segments u32 */
    ENCLAVE_NUMBERS_MAX = 256, /* alive at a time */
    ENCLAVE_BODY_MAX = 72 << 10,
    ENCLAVE_CERTIFICATE_MAX = 2048,    /* of a release: codec/release_cert.h */
    ENCLAVE_ENVELOPE_SIZE = 180,       /* ephemeral key | sealed keys 84 | signature */
    ENCLAVE_DOCUMENTS_MAX = 256 << 10, /* collateral of one HAND_OVER */
};

/* Frame types. The number of a message never changes its meaning. */
enum enclave_type {
    ENCLAVE_HELLO = 1,
    ENCLAVE_PROVISION = 2,
    ENCLAVE_EVIDENCE = 3,
    ENCLAVE_LOAD = 4,
    ENCLAVE_STATUS = 5,
    ENCLAVE_SEAL_BEGIN = 6,
    ENCLAVE_SEAL_BLOCK = 7, /* bulk: the block; reply bulk: its ciphertext */
    ENCLAVE_SEAL_CLOSE = 8,
    ENCLAVE_SEAL_RESUME = 9,
    ENCLAVE_SEAL_RECORDS = 10, /* bulk: ENCLAVE_COUNTED_SIZE bytes each, ascending */
    ENCLAVE_SEAL_END = 11,
    ENCLAVE_ABORT = 12, /* a sealing session, a fill, or a ticket never used */
    ENCLAVE_FILL_BEGIN = 13,
    ENCLAVE_FILL_NEXT = 14, /* reply bulk: ENCLAVE_FILL_PIECE bytes */
    ENCLAVE_FILL_END = 15,
    ENCLAVE_ADD_FILES = 16,
    ENCLAVE_REMOVE_FILE = 17,
    ENCLAVE_ADD_EXTENTS = 18,
    ENCLAVE_REMOVE_EXTENT = 19,
    ENCLAVE_DROP_VOLUME = 20,
    ENCLAVE_CUT = 21,
    ENCLAVE_UNSEAL = 22, /* bulk: ciphertext; reply bulk: the block */
    ENCLAVE_REPORT_BEGIN = 23,
    ENCLAVE_REPORT_DRAWS = 24,
    ENCLAVE_REPORT_FILE = 25,   /* bulk: ciphertext of the block drawn */
    ENCLAVE_REPORT_EXTENT = 26, /* bulk: the chunk drawn */
    ENCLAVE_REPORT_MISS = 27,
    ENCLAVE_REPORT_END = 28, /* reply bulk: the report */
    ENCLAVE_HAND_OVER = 29,  /* bulk: the collateral, docs/spec/handover.md 3.2 */
    ENCLAVE_TAKE_OVER = 30,
    ENCLAVE_TYPE_END = 31,
};

/* The name of a type ("SEAL_BLOCK"), or "?". Static storage. */
const char *enclave_msg_name(uint16_t type);

#endif
