/* report: the bytes of a work report: step, attempt, answers, openings.
 * Format: docs/spec/report.md (canonical DAG-CBOR). Strict and total: at most one byte string
 * decodes to a given report, and encoding gives it back. Pure; structs are views into the input and
 * valid while it is; nothing is copied or allocated. */
#ifndef CRUST_CODEC_REPORT_H
#define CRUST_CODEC_REPORT_H

#include "codec/cbor.h"

enum {
    REPORT_SIZE_MAX = 65536,           /* a whole report, spec 1.1 */
    REPORT_RETURN_SIZE_MAX = 88 << 10, /* one that answers the draws of a return, spec 6 */
    REPORT_STEP_SIZE_MAX = 24576,      /* leaves room for the openings in the same report */
    REPORT_STEP_LEAVES_MAX = 512,      /* bounds the chain's work; a drop counts as one leaf */
    REPORT_VOLUMES = 16,               /* one per disk, docs/spec/proof.md 3.1 */
    REPORT_ENTRIES_MAX = 2,            /* the owed slot and the current one */
    REPORT_ANSWERS_MAX = 32,           /* per entry; 20 return draws are the most that are used */
    REPORT_RECORD_SIZE = 72,           /* as CONTENT_RECORD_SIZE */
    REPORT_SIGNING_SIZE = 14 + 32 + 32,
};

/* A file as a volume tree holds it. */
struct report_file {
    struct content_key key;
    uint64_t size;            /* below 2^63 */
    const uint8_t *data_root; /* 32 bytes */
    const uint8_t *seal_root; /* 32 bytes */
};

/* An extent of sealed random data. */
struct report_extent {
    const uint8_t *root; /* 32 bytes */
    uint64_t size;       /* a power of two, 1 KiB to 2^62 */
};

enum report_op_kind {
    REPORT_OP_ADD_FILES = 0,
    REPORT_OP_REMOVE_FILE = 1,
    REPORT_OP_ADD_EXTENTS = 2,
    REPORT_OP_REMOVE_EXTENT = 3,
    REPORT_OP_DROP_VOLUME = 4,
};

/* One operation. Leaves are read with report_op_file or report_op_extent. */
struct report_op {
    enum report_op_kind kind;
    uint8_t volume;     /* below REPORT_VOLUMES */
    uint32_t index;     /* of the first leaf; 0 for a drop */
    uint32_t count;     /* of leaves, at least 1; first index + count <= 2^32; 0 for a drop */
    struct span leaves; /* CBOR of the leaf tuples, back to back; empty for a drop */
    struct span path;   /* of the first leaf; empty for a drop */
};

struct report_step {
    const uint8_t *state;   /* S after the step, 32 bytes ("s") */
    const uint8_t *prev;    /* S before it */
    const uint8_t *lineage; /* 32 bytes */
    uint64_t seq;           /* after the step, at least 1 */
    uint32_t op_count;      /* at least 1 */
    uint32_t leaf_count;    /* set by decode; not encoded */
    struct span ops;        /* CBOR of the operations, back to back */
};

/* Kinds of answers; the first three are kinds of draws too (docs/spec/proof.md 5). */
enum report_answer_kind {
    REPORT_ANSWER_FILE = 0,
    REPORT_ANSWER_SRD = 1,
    REPORT_ANSWER_RETURN_FILE = 2,
    REPORT_ANSWER_RETURN_SRD = 3,
};

struct report_file_opening {
    uint32_t index; /* in the volume's file tree */
    struct report_file leaf;
    struct span tree_path;
    uint32_t record_count; /* n of the file, at least 1 */
    uint32_t record_index;
    const uint8_t *record; /* REPORT_RECORD_SIZE bytes */
    struct span record_path;
    struct span chunk;
    struct span chunk_path;
};

struct report_srd_opening {
    uint32_t index; /* in the volume's SRD tree */
    struct report_extent leaf;
    struct span tree_path;
    struct span chunk;
    struct span chunk_path;
};

struct report_answer {
    enum report_answer_kind kind;
    uint32_t j;
    bool miss;
    union {
        struct report_file_opening file; /* kinds 0 and 2 */
        struct report_srd_opening srd;   /* kinds 1 and 3 */
    } u;
};

/* The answers to the draws of one slot. */
struct report_entry {
    uint64_t slot;
    const uint8_t *beacon; /* 32 bytes */
    uint32_t count;
    struct report_answer answers[REPORT_ANSWERS_MAX];
};

enum { REPORT_NO_VOLUME = 0xff };

struct report_attempt {
    uint64_t slot;
    const uint8_t *chain;   /* SHA-256 of the text of the chain id */
    const uint8_t *state;   /* S before the step: what draws and inspections ran over */
    const uint8_t *beacon;  /* of slot */
    const uint8_t *account; /* 32 bytes */
    const uint8_t *worker;  /* 32 bytes, its public key */
    uint16_t failed;        /* bit v: volume v failed an inspection */
    uint8_t return_volume;  /* or REPORT_NO_VOLUME */
    uint8_t suspend_volume; /* or REPORT_NO_VOLUME */
    uint32_t entry_count;
    struct report_entry entries[REPORT_ENTRIES_MAX];
};

/* The sizes that docs/spec/report.md 6 counts with, of one opening in the deepest trees there are.
 */
enum {
    REPORT_TREE_PATH_MAX = 4 + 32 * 40,
    REPORT_RECORD_PATH_MAX = 32 * 40,
    REPORT_CHUNK_MAX = 1024,
    REPORT_CHUNK_PATH_MAX = 11 * 32,     /* of a block of 2 MiB */
    REPORT_SRD_CHUNK_PATH_MAX = 52 * 32, /* of an extent of 2^62 bytes */
};

struct report {
    bool has_step;
    struct report_step step;
    struct report_attempt attempt; /* about 13 KiB: mind the stack */
    const uint8_t *signature;      /* 64 bytes, by the worker, over the signing input */
    struct span step_bytes;        /* CBOR of the step, or of null */
    struct span attempt_bytes;
};

/* Each decodes exactly one object. *out is zeroed on failure.
 * Returns: OK, ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_RANGE (a number), ERR_LIMIT (a size or a
 * count above). The bytes of paths and chunks are not looked at: proof/ does that. */
NODISCARD enum err report_decode(struct report *out, struct span in);
NODISCARD enum err report_step_decode(struct report_step *out, struct span in);
NODISCARD enum err report_attempt_decode(struct report_attempt *out, struct span in);

/* report_answers_return tells whether the attempt answers the draws of a return: such a report may
 * have REPORT_RETURN_SIZE_MAX bytes, any other REPORT_SIZE_MAX. */
bool report_answers_return(const struct report_attempt *a);

/* report_op_next takes the next operation from *ops, which starts as a decoded step's ops.
 * False at the end. The bytes were checked by report_step_decode (asserted). */
bool report_op_next(struct report_op *out, struct span *ops);

/* report_op_file and report_op_extent take the next leaf from *leaves, which starts as a decoded
 * operation's leaves. False at the end. */
bool report_op_file(struct report_file *out, struct span *leaves);
bool report_op_extent(struct report_extent *out, struct span *leaves);

/* report_ops_check tells whether ops is a run of well-formed operations, as in a step; for one who
 * gathers operations before a step exists. *out is zeroed on failure. */
struct report_ops {
    uint32_t count, leaves;
    size_t last; /* where the last operation begins */
};
NODISCARD enum err report_ops_check(struct report_ops *out, struct span ops);

/* Encoders. What they are given must keep the ranges above (asserted where it is cheap). A full
 * writer fails as base/writer.h says. */
void report_file_encode(struct writer *w, const struct report_file *file);
void report_extent_encode(struct writer *w, const struct report_extent *extent);
void report_op_encode(struct writer *w, const struct report_op *op);
void report_step_encode(struct writer *w, const struct report_step *step);
void report_attempt_encode(struct writer *w, const struct report_attempt *attempt);

/* The same for one who writes answers as they come: per entry report_entry_encode, then its count
 * answers; then the attempt around these bytes, whose own answers are not looked at. */
void report_entry_encode(struct writer *w, uint64_t slot, const uint8_t *beacon, uint32_t count);
void report_answer_encode(struct writer *w, const struct report_answer *answer);
void report_attempt_encode_with(struct writer *w, const struct report_attempt *attempt,
                                struct span entries);

/* report_encode joins a step (CBOR, or {NULL, 0} for none), an attempt and a signature. */
void report_encode(struct writer *w, struct span step, struct span attempt,
                   const uint8_t signature[64]);

/* report_signing_input gives what the worker signs. step is {NULL, 0} for none, or the CBOR of the
 * step, or of null; all the same to the one who verifies report.step_bytes. */
void report_signing_input(uint8_t out[REPORT_SIGNING_SIZE], struct span step, struct span attempt);

#endif
