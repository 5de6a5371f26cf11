#include "codec/varint_frame.h"

#include "base/writer.h"

enum err varint_frame_head(size_t *size, size_t *head, struct span in, size_t max)
{
    uint64_t v = 0;
    *size = *head = 0;
    for (size_t i = 0; i < VARINT_FRAME_HEAD_MAX; i++) {
        if (i == in.n)
            return ERR_SHORT;
        v |= (uint64_t)(in.p[i] & 0x7f) << (7 * i);
        if (in.p[i] >= 0x80)
            continue;
        if (i > 0 && in.p[i] == 0)
            return ERR_FORMAT;
        /* SPEC p2p-streams 1.2: "A length over the limit of its protocol MUST end the stream" */
        if (v > max)
            return ERR_LIMIT;
        *size = (size_t)v;
        *head = i + 1;
        return OK;
    }
    return ERR_FORMAT;
}

enum err varint_frame_take(struct span *body, size_t *taken, struct span in, size_t max)
{
    size_t size, head;
    *body = (struct span){ NULL, 0 };
    *taken = 0;
    TRY(varint_frame_head(&size, &head, in, max));
    if (in.n - head < size)
        return ERR_SHORT;
    *body = span_sub(in, head, size);
    *taken = head + size;
    return OK;
}

struct span varint_frame_close(uint8_t *buffer, size_t body)
{
    size_t head = uvarint_size(body);
    ASSERT(head <= VARINT_FRAME_HEAD_MAX);
    struct writer w = writer_of(buffer + VARINT_FRAME_HEAD_MAX - head, head);
    write_uvarint(&w, body);
    return span_of(w.p, head + body);
}
