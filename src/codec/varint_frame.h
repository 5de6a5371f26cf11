/* varint_frame: messages behind an unsigned varint length, as identify, bitswap, kad and
 * multistream put them on a stream. Spec: docs/spec/p2p-streams.md 1. Pure. */
#ifndef CRUST_CODEC_VARINT_FRAME_H
#define CRUST_CODEC_VARINT_FRAME_H

#include "base/err.h"
#include "base/span.h"

enum { VARINT_FRAME_HEAD_MAX = 5 }; /* bytes of a length below 2^35 */

/* varint_frame_head reads the length at the front of what has arrived so far.
 *
 * Out:     *size, the bytes of the message behind the length; *head, those of the length itself.
 * Returns: OK; ERR_SHORT (the length is not whole yet: wait for more); ERR_FORMAT (padded, or
 *          longer than VARINT_FRAME_HEAD_MAX); ERR_LIMIT (the message is longer than max). */
NODISCARD enum err varint_frame_head(size_t *size, size_t *head, struct span in, size_t max);

/* varint_frame_take gives the first message when all of it is there.
 *
 * Out:     *body, borrowed from in; *taken, the bytes of length and message together.
 * Returns: as varint_frame_head; ERR_SHORT also when the message is not whole yet. */
NODISCARD enum err varint_frame_take(struct span *body, size_t *taken, struct span in, size_t max);

/* varint_frame_close puts the length before a message of body bytes that stands at
 * buffer + VARINT_FRAME_HEAD_MAX, and gives length and message, borrowed from buffer. */
struct span varint_frame_close(uint8_t *buffer, size_t body);

#endif
