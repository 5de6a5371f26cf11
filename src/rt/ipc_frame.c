#include "rt/ipc_frame.h"

#include "base/reader.h"
#include "base/writer.h"

static bool flags_fit(uint16_t flags)
{
    /* SPEC ipc 1.4: "Other bits MUST be 0." */
    if ((flags & ~IPC_FLAGS_ALL) != 0)
        return false;
    /* SPEC ipc 1.4: "MORE and ERROR MUST NOT stand without REPLY, nor together; RING MUST NOT stand
     * without BULK." */
    if ((flags & (IPC_MORE | IPC_ERROR)) != 0 && (flags & IPC_REPLY) == 0)
        return false;
    if ((flags & IPC_MORE) != 0 && (flags & IPC_ERROR) != 0)
        return false;
    return (flags & IPC_RING) == 0 || (flags & IPC_BULK) != 0;
}

enum err ipc_frame_check(const struct ipc_msg *m)
{
    if ((m->flags & (IPC_BULK | IPC_RING)) != 0 || !flags_fit(m->flags))
        return ERR_FORMAT;
    if (m->body.n > IPC_PAYLOAD_MAX || m->bulk.n > IPC_PAYLOAD_MAX - m->body.n)
        return ERR_LIMIT;
    return OK;
}

size_t ipc_frame_prefix(uint8_t out[IPC_PREFIX_MAX], const struct ipc_msg *m,
                        const struct ipc_ring_ref *ring)
{
    ASSERT(ipc_frame_check(m) == OK);
    bool bulk = m->bulk.n > 0;
    ASSERT(bulk || ring == NULL);
    size_t n = IPC_HEADER_SIZE;
    uint16_t flags = m->flags;
    if (bulk) {
        flags |= IPC_BULK;
        store_le32(out + n, (uint32_t)m->bulk.n);
        n += 4;
    }
    if (ring != NULL) {
        flags |= IPC_RING;
        store_le64(out + n, ring->position);
        n += 8;
    }
    size_t total = n + m->body.n + (ring == NULL ? m->bulk.n : 0);
    store_le32(out, (uint32_t)(total - 4));
    store_le16(out + 4, m->type);
    store_le16(out + 6, flags);
    store_le64(out + 8, m->id);
    return n;
}

enum err ipc_frame_size(size_t *out, struct span in)
{
    *out = 0;
    if (in.n < 4)
        return ERR_SHORT;
    uint32_t length = load_le32(in.p);
    /* SPEC ipc 1.2: "`length` MUST be at least 12 and at most 4 MiB (4,194,304)." */
    if (length > IPC_LENGTH_MAX)
        return ERR_LIMIT;
    if (length < IPC_HEADER_SIZE - 4)
        return ERR_FORMAT;
    *out = (size_t)length + 4;
    return OK;
}

enum err ipc_frame_decode(struct ipc_msg *out, struct ipc_ring_ref *ring, struct span in)
{
    *out = (struct ipc_msg){ 0 };
    *ring = (struct ipc_ring_ref){ 0 };
    size_t size;
    TRY(ipc_frame_size(&size, in));
    if (in.n != size)
        return in.n < size ? ERR_SHORT : ERR_TRAILING;
    struct reader r = reader_of(span_sub(in, 4, in.n));
    struct ipc_msg m = { .type = read_le16(&r) };
    m.flags = read_le16(&r);
    m.id = read_le64(&r);
    reader_require(&r, flags_fit(m.flags), ERR_FORMAT);
    size_t bulk = 0;
    struct ipc_ring_ref ref = { 0 };
    /* The frame is whole, so a field that does not fit breaks the format; it is not a short read.
     */
    if (r.err == OK && (m.flags & IPC_BULK) != 0) {
        reader_require(&r, r.n >= 4, ERR_FORMAT);
        bulk = read_le32(&r);
        /* SPEC ipc 1.5: "With BULK, `bulk_length` MUST be at least 1." */
        reader_require(&r, bulk > 0, ERR_FORMAT);
    }
    if (r.err == OK && (m.flags & IPC_RING) != 0) {
        reader_require(&r, r.n >= 8, ERR_FORMAT);
        ref.position = read_le64(&r);
        ref.length = (uint32_t)bulk;
        /* SPEC ipc 1.6: "Body and bulk together MUST NOT exceed 4,194,280 bytes" */
        reader_require(&r, bulk <= IPC_PAYLOAD_MAX && r.n <= IPC_PAYLOAD_MAX - bulk, ERR_LIMIT);
        m.bulk = (struct span){ NULL, bulk };
        bulk = 0;
    }
    /* SPEC ipc 1.5: "the body is what remains before them; it MUST NOT be negative." */
    reader_require(&r, bulk <= r.n, ERR_FORMAT);
    if (r.err != OK)
        return r.err;
    m.body = read_span(&r, r.n - bulk);
    if (bulk > 0)
        m.bulk = read_span(&r, bulk);
    TRY(reader_finish(&r));
    *out = m;
    *ring = ref;
    return OK;
}

struct mspan ipc_frame_room(struct ipc_input *in)
{
    if (in->from == in->to)
        in->from = in->to = 0;
    size_t need = 4; /* the frame that has begun, as far as its size is known */
    if (ipc_frame_size(&need, span_of(in->p + in->from, in->to - in->from)) != OK || need > in->n)
        need = 4;
    if (in->from > 0 && (in->n - in->from < need || in->to == in->n)) {
        memmove(in->p, in->p + in->from, in->to - in->from);
        in->to -= in->from;
        in->from = 0;
    }
    return (struct mspan){ in->p + in->to, in->n - in->to };
}

void ipc_frame_received(struct ipc_input *in, size_t n)
{
    ASSERT(n <= in->n - in->to);
    in->to += n;
}

enum err ipc_frame_next(struct ipc_msg *out, struct ipc_ring_ref *ring, struct ipc_input *in)
{
    *out = (struct ipc_msg){ 0 };
    *ring = (struct ipc_ring_ref){ 0 };
    struct span have = span_of(in->p + in->from, in->to - in->from);
    size_t size;
    /* SPEC ipc 1.2: "A receiver MUST refuse another one as soon as it has read the field, before it
     * makes room for the frame." */
    TRY(ipc_frame_size(&size, have));
    if (size > in->n)
        return ERR_LIMIT;
    if (have.n < size)
        return ERR_SHORT;
    TRY(ipc_frame_decode(out, ring, span_sub(have, 0, size)));
    in->from += size;
    return OK;
}
