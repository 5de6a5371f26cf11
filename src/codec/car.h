/* car: content archives, version 1 read and written, version 2 read.
 * Spec: ipld.io/specs/transport/car; limits: docs/spec/content.md 6. No allocation. Pure. */
#ifndef CRUST_CODEC_CAR_H
#define CRUST_CODEC_CAR_H

#include "codec/cbor.h"

enum {
    CAR_HEADER_MAX = 64 * 1024,      /* some 1,500 roots */
    CAR_BLOCK_MAX = 2 * 1024 * 1024, /* what the network accepts */
    CAR_SECTION_MAX = CID_SIZE_MAX + CAR_BLOCK_MAX,
    CAR_HEAD_SIZE_MAX = 9 + CID_SIZE_MAX, /* what stands before the bytes of a block */
    CAR_V2_HEADER_SIZE = 40,
};

/* The header of a version 1 archive; borrows from the decoded bytes. */
struct car_header {
    uint64_t version; /* 1, or 2 for the pragma of a version 2 archive, which has no roots */
    size_t root_count;
    struct cbor_reader roots; /* for car_next_root */
};

/* car_header_decode reads the CBOR of a header, without its length. Keys in any order.
 * OK, ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_UNSUPPORTED (another version). */
NODISCARD enum err car_header_decode(struct car_header *out, struct span in);

/* The next root; false at the end. */
bool car_next_root(struct car_header *h, struct cid *out);

/* Writes length and header. */
void car_write_header(struct writer *w, const struct cid *roots, size_t count);

/* Writes what stands before the bytes of a block: the section's length and the CID. At most
 * CAR_HEAD_SIZE_MAX bytes. */
void car_write_section(struct writer *w, const struct cid *cid, size_t block_size);

struct car_v2 {
    uint64_t data_offset; /* from the start of the file; at least 51 */
    uint64_t data_size;
    uint64_t index_offset; /* 0: none */
};

/* car_v2_decode reads the 40 bytes after the pragma. ERR_FORMAT when the offsets cannot be. */
NODISCARD enum err car_v2_decode(struct car_v2 *out, struct span in);

/* ---- an archive as a stream ------------------------------------------------------------------ */

enum car_event {
    CAR_MORE,   /* everything fed has been taken */
    CAR_HEADER, /* item.header, once */
    CAR_BLOCK,  /* item.cid, item.data; not yet compared with the digest */
    CAR_END,    /* the data of a version 2 archive ends; what follows is its index */
};

struct car_item {
    enum car_event event;
    struct car_header header;
    struct cid cid;
    struct span data;
};

enum car_state { CAR_AT_LENGTH, CAR_AT_BODY, CAR_AT_V2, CAR_AT_SKIP, CAR_AT_END };

struct car_parser {
    struct mspan buf; /* kept: CAR_SECTION_MAX bytes of the caller's */
    enum car_state state;
    bool header_done; /* the (inner) version 1 header has been read */
    bool inner;       /* inside a version 2 archive */
    size_t want;      /* of the part that is read now */
    size_t have;
    uint64_t at;   /* bytes taken so far */
    uint64_t end;  /* where the data ends; UINT64_MAX when the stream's end tells */
    uint64_t skip; /* CAR_AT_SKIP: where the data begins */
};

void car_parser_init(struct car_parser *p, struct mspan buf);

/* car_parser_next takes bytes from the front of *in until something is complete or *in is empty.
 *
 * Out:     *out, whose spans live until the next call and point into buf or the bytes of *in.
 * Returns: OK; ERR_FORMAT, ERR_LIMIT (header or block too large), ERR_UNSUPPORTED. */
NODISCARD enum err car_parser_next(struct car_parser *p, struct car_item *out, struct span *in);

/* car_parser_finish: OK when the stream may end here, ERR_SHORT when it was cut. */
NODISCARD enum err car_parser_finish(const struct car_parser *p);

#endif
