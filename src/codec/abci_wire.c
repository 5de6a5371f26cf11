#include "codec/abci_wire.h"

#include "codec/pb.h"

static void *member(void *base, const struct abci_wire_field *f)
{
    return (char *)base + f->offset;
}

static const void *member_const(const void *base, const struct abci_wire_field *f)
{
    return (const char *)base + f->offset;
}

/* ---- reading ---- */

static bool is_number(enum abci_wire_type type)
{
    return type <= ABCI_WIRE_BOOL;
}

static void read_number(struct reader *r, void *out, enum abci_wire_type type, uint64_t v)
{
    int64_t s = (int64_t)v;
    if (type == ABCI_WIRE_U64) {
        memcpy(out, &v, sizeof(v));
    } else if (type == ABCI_WIRE_I64) {
        memcpy(out, &s, sizeof(s));
    } else if (type == ABCI_WIRE_BOOL) {
        bool b = v != 0;
        memcpy(out, &b, sizeof(b));
    } else if (type == ABCI_WIRE_U32) {
        reader_require(r, v <= UINT32_MAX, ERR_RANGE);
        uint32_t n = (uint32_t)v;
        memcpy(out, &n, sizeof(n));
    } else {
        reader_require(r, s >= INT32_MIN && s <= INT32_MAX, ERR_RANGE);
        int32_t n = (int32_t)s;
        memcpy(out, &n, sizeof(n));
    }
}

static void read_packed(struct reader *r, struct span *out, struct span bytes)
{
    struct reader packed = reader_of(bytes);
    while (packed.n != 0 && packed.err == OK)
        reader_require(&packed, pb_read_varint(&packed) <= UINT32_MAX, ERR_RANGE);
    reader_require(r, packed.err == OK, packed.err);
    *out = bytes;
}

/* Items are read to check them, and read again when the list is walked. */
static void read_item(struct reader *r, struct abci_list *l, const struct abci_wire_field *f,
                      struct span bytes)
{
    _Alignas(16) uint8_t item[ABCI_WIRE_ITEM_MAX] = { 0 };
    struct reader sub = reader_of(bytes);
    l->number = f->number;
    l->count++;
    if (f->of != NULL)
        abci_wire_read(&sub, item, f->of);
    reader_require(r, sub.err == OK, sub.err);
}

static void read_field(struct reader *r, void *out, const struct abci_wire_field *f,
                       const struct pb_field *in)
{
    void *at = member(out, f);
    struct reader sub = reader_of(in->bytes);
    pb_expect(r, in, is_number(f->type) ? PB_VARINT : PB_BYTES);
    if (r->err != OK)
        return;
    switch (f->type) {
    case ABCI_WIRE_U64:
    case ABCI_WIRE_U32:
    case ABCI_WIRE_I64:
    case ABCI_WIRE_I32:
    case ABCI_WIRE_BOOL:
        read_number(r, at, f->type, in->value);
        return;
    case ABCI_WIRE_BYTES:
        *(struct span *)at = in->bytes;
        return;
    case ABCI_WIRE_PACKED:
        read_packed(r, at, in->bytes);
        return;
    case ABCI_WIRE_MESSAGE:
    case ABCI_WIRE_VALUE:
        if (f->type == ABCI_WIRE_MESSAGE)
            *(bool *)at = true;
        abci_wire_read(&sub, at, f->of);
        reader_require(r, sub.err == OK, sub.err);
        return;
    case ABCI_WIRE_LIST:
        read_item(r, at, f, in->bytes);
        return;
    }
}

void abci_wire_read(struct reader *r, void *out, const struct abci_wire_message *m)
{
    const struct span whole = span_of(r->p, r->n);
    uint32_t seen = 0;
    struct pb_field in;
    while (pb_next(r, &in)) {
        for (size_t i = 0; i < m->count; i++) {
            const struct abci_wire_field *f = &m->fields[i];
            if (f->number != in.number)
                continue;
            /* SPEC abci 1.4: "A field that is not repeated and comes twice MUST be refused" */
            reader_require(r, f->type == ABCI_WIRE_LIST || (seen >> i & 1) == 0, ERR_FORMAT);
            seen |= 1u << i;
            read_field(r, out, f, &in);
            if (f->type == ABCI_WIRE_LIST)
                ((struct abci_list *)member(out, f))->body = whole;
            break;
        }
    }
}

bool abci_wire_next(struct span *item, struct abci_list *l)
{
    struct reader r = reader_of(l->body);
    struct pb_field in;
    *item = (struct span){ NULL, 0 };
    if (l->count == 0)
        return false;
    while (pb_next(&r, &in)) {
        if (in.number != l->number || in.wire != PB_BYTES)
            continue;
        *item = in.bytes;
        l->body = span_of(r.p, r.n);
        l->count--;
        return true;
    }
    ASSERT(false); /* a list shorter than its count: who made it has counted the same fields */
    return false;
}

/* ---- writing ---- */

/* The number as protobuf carries it: negative ones have 64 bits. */
static uint64_t number_of(const void *at, enum abci_wire_type type)
{
    if (type == ABCI_WIRE_BOOL)
        return *(const bool *)at ? 1 : 0;
    if (type == ABCI_WIRE_U32)
        return *(const uint32_t *)at;
    if (type == ABCI_WIRE_I32)
        return (uint64_t)(int64_t) * (const int32_t *)at;
    if (type == ABCI_WIRE_I64)
        return (uint64_t) * (const int64_t *)at;
    return *(const uint64_t *)at;
}

static size_t list_size(const struct abci_list *list, uint32_t number)
{
    struct abci_list l = *list;
    struct span item;
    size_t n = 0;
    while (abci_wire_next(&item, &l))
        n += pb_bytes_size(number, item.n);
    return n;
}

static size_t field_size(const void *at, const struct abci_wire_field *f)
{
    if (is_number(f->type)) {
        uint64_t v = number_of(at, f->type);
        return v == 0 ? 0 : pb_uint_size(f->number, v);
    }
    if (f->type == ABCI_WIRE_LIST)
        return list_size(at, f->number);
    if (f->type == ABCI_WIRE_BYTES || f->type == ABCI_WIRE_PACKED) {
        size_t n = ((const struct span *)at)->n;
        return n == 0 ? 0 : pb_bytes_size(f->number, n);
    }
    if (f->type == ABCI_WIRE_MESSAGE && !*(const bool *)at)
        return 0;
    return pb_bytes_size(f->number, abci_wire_size(at, f->of));
}

size_t abci_wire_size(const void *in, const struct abci_wire_message *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++)
        n += field_size(member_const(in, &m->fields[i]), &m->fields[i]);
    return n;
}

static void field_write(struct writer *w, const void *at, const struct abci_wire_field *f)
{
    if (f->type == ABCI_WIRE_LIST) {
        struct abci_list l = *(const struct abci_list *)at;
        struct span item;
        while (abci_wire_next(&item, &l))
            pb_write_bytes(w, f->number, item);
        return;
    }
    if (field_size(at, f) == 0)
        return;
    if (is_number(f->type)) {
        pb_write_uint(w, f->number, number_of(at, f->type));
    } else if (f->type == ABCI_WIRE_BYTES || f->type == ABCI_WIRE_PACKED) {
        pb_write_bytes(w, f->number, *(const struct span *)at);
    } else {
        pb_write_message(w, f->number, abci_wire_size(at, f->of));
        abci_wire_write(w, at, f->of);
    }
}

void abci_wire_write(struct writer *w, const void *in, const struct abci_wire_message *m)
{
    for (size_t i = 0; i < m->count; i++)
        field_write(w, member_const(in, &m->fields[i]), &m->fields[i]);
}
