/* ipc_frame: the bytes of the local protocol between our programs.
 * Format: docs/spec/ipc.md sections 1 and 2. Pure: no allocation, no I/O. */
#ifndef CRUST_RT_IPC_FRAME_H
#define CRUST_RT_IPC_FRAME_H

#include "base/err.h"
#include "base/span.h"

enum {
    IPC_LENGTH_MAX = 4 << 20,                         /* what the length field may say */
    IPC_FRAME_MAX = IPC_LENGTH_MAX + 4,               /* a frame with its length field */
    IPC_HEADER_SIZE = 16,                             /* length, type, flags, id */
    IPC_PREFIX_MAX = IPC_HEADER_SIZE + 12,            /* with the fields that BULK and RING add */
    IPC_PAYLOAD_MAX = IPC_FRAME_MAX - IPC_PREFIX_MAX, /* body and bulk together, any carrier */
    IPC_REQUESTS_MAX = 32,                            /* in flight on a connection */
    IPC_BYTES_MAX = 8 << 20,                          /* in flight on a connection */
    IPC_HELLO_VERSION = 1,
    IPC_HELLO_SIZE = 8,  /* version u32, ring size u32; then nothing or a token */
    IPC_TOKEN_SIZE = 64, /* hex digits */
    IPC_HELLO_TIMEOUT_MS = 5000,
};

enum { IPC_TYPE_HELLO = 0 }; /* the carriers' own; messages of programs start at 1 */

enum {
    IPC_REPLY = 1, /* answers the request with this id */
    IPC_MORE = 2,  /* more replies to this id follow; only with IPC_REPLY */
    IPC_ERROR = 4, /* the body is an error; the last reply; only with IPC_REPLY */
    IPC_BULK = 8,  /* set by the carrier: bulk bytes follow the body */
    IPC_RING = 16, /* set by the carrier: the bulk bytes lie in the ring; only with IPC_BULK */
    IPC_FLAGS_ALL = 31,
};

/* One message. body is canonical DAG-CBOR (opaque here); bulk are bytes that travel beside it (a
 * block, a piece of a segment) and may go through shared memory. */
struct ipc_msg {
    uint16_t type;
    uint16_t flags;
    uint64_t id; /* chosen by whoever asks; replies repeat it */
    struct span body;
    struct span bulk;
};

/* Where the bulk bytes of a decoded frame lie when IPC_RING is set. */
struct ipc_ring_ref {
    uint64_t position;
    uint32_t length;
};

/* ipc_frame_check: a message that may be sent. ERR_LIMIT (too long), ERR_FORMAT (flags). */
NODISCARD enum err ipc_frame_check(const struct ipc_msg *m);

/* ipc_frame_prefix writes everything that comes before the body and returns its length. m has
 * passed ipc_frame_check. ring NULL: bulk follows the body in the frame; else it lies at
 * ring->position. */
size_t ipc_frame_prefix(uint8_t out[IPC_PREFIX_MAX], const struct ipc_msg *m,
                        const struct ipc_ring_ref *ring);

/* ipc_frame_decode reads exactly one frame, length field included.
 *
 * Out:     *out, its spans borrowed from in; with IPC_RING bulk is {NULL, ring->length} and *ring
 *          says where. IPC_BULK and IPC_RING stay set in flags. Zeroed on failure.
 * Returns: OK, ERR_SHORT, ERR_TRAILING, ERR_LIMIT (length above the maximum), ERR_FORMAT.
 * Canonical: at most one byte string decodes to a given message and place. */
NODISCARD enum err ipc_frame_decode(struct ipc_msg *out, struct ipc_ring_ref *ring, struct span in);

/* ipc_frame_size tells how long the frame at the start of in is, length field included.
 * OK; ERR_SHORT (fewer than 4 bytes); ERR_FORMAT (below a header), ERR_LIMIT. */
NODISCARD enum err ipc_frame_size(size_t *out, struct span in);

/* An incremental reader over a caller's buffer, which holds at least IPC_FRAME_MAX bytes to read
 * every legal frame (a smaller one refuses longer frames with ERR_LIMIT). */
struct ipc_input {
    uint8_t *p;
    size_t n;    /* the buffer */
    size_t from; /* first byte not yet given out */
    size_t to;   /* end of the bytes received */
};

/* ipc_frame_room gives the free place for the next bytes, at least one byte unless a whole frame
 * waits to be taken; it moves what is left to the front when that is needed, so spans given out
 * before die. */
struct mspan ipc_frame_room(struct ipc_input *in);

/* ipc_frame_received says that n bytes of the room were filled. */
void ipc_frame_received(struct ipc_input *in, size_t n);

/* ipc_frame_next takes the next whole frame; spans live until ipc_frame_room.
 * OK; ERR_SHORT (not all there yet); ERR_LIMIT or ERR_FORMAT (the connection is lost). */
NODISCARD enum err ipc_frame_next(struct ipc_msg *out, struct ipc_ring_ref *ring,
                                  struct ipc_input *in);

#endif
