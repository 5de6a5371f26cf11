#include "codec/autonat.h"

#include "codec/pb.h"

enum { SCRATCH = AUTONAT_MESSAGE_MAX };

static uint32_t number(struct reader *r, const struct pb_field *f)
{
    pb_expect(r, f, PB_VARINT);
    /* protobuf lets an enum be negative, in ten bytes: that is a number we do not know. */
    reader_require(r, f->value <= UINT32_MAX, ERR_FORMAT);
    return (uint32_t)f->value;
}

/* ---- the four kinds -------------------------------------------------------------------------- */

static void take_request(struct reader *r, struct autonat_message *m, const struct pb_field *f)
{
    if (f->number == 1) {
        pb_expect(r, f, PB_BYTES);
        /* SPEC autonat 1.3: "Addresses after the first 50 are not looked at" */
        if (m->addr_count < AUTONAT_ADDRS_MAX)
            m->addrs[m->addr_count++] = f->bytes;
    } else if (f->number == 2) {
        pb_expect(r, f, PB_FIXED64);
        m->nonce = f->value;
    }
}

static void take_response(struct reader *r, struct autonat_message *m, const struct pb_field *f)
{
    if (f->number == 1)
        m->status = number(r, f);
    else if (f->number == 2)
        m->addr_index = number(r, f);
    else if (f->number == 3)
        m->dial = number(r, f);
}

static void take_data_request(struct reader *r, struct autonat_message *m, const struct pb_field *f)
{
    if (f->number == 1) {
        m->addr_index = number(r, f);
    } else if (f->number == 2) {
        pb_expect(r, f, PB_VARINT);
        m->bytes = f->value;
    }
}

static void take(struct reader *r, struct autonat_message *m, const struct pb_field *f)
{
    switch (m->kind) {
    case AUTONAT_REQUEST:
        take_request(r, m, f);
        break;
    case AUTONAT_RESPONSE:
        take_response(r, m, f);
        break;
    case AUTONAT_DATA_REQUEST:
        take_data_request(r, m, f);
        break;
    case AUTONAT_DATA:
        if (f->number == 1) {
            pb_expect(r, f, PB_BYTES);
            m->data = f->bytes;
        }
        break;
    }
}

static enum err read_inner(struct autonat_message *out, enum autonat_kind kind, struct span body)
{
    struct reader r = reader_of(body);
    struct pb_field f;
    *out = (struct autonat_message){ .kind = kind };
    while (pb_next(&r, &f))
        take(&r, out, &f);
    return reader_finish(&r);
}

enum err autonat_decode(struct autonat_message *out, struct span message)
{
    struct reader r = reader_of(message);
    struct pb_field f;
    bool found = false;
    *out = (struct autonat_message){ 0 };
    reader_require(&r, message.n <= AUTONAT_MESSAGE_MAX, ERR_LIMIT);
    /* SPEC autonat 1.2: "of several the last one counts" */
    while (pb_next(&r, &f)) {
        if (f.number < AUTONAT_REQUEST || f.number > AUTONAT_DATA)
            continue;
        pb_expect(&r, &f, PB_BYTES);
        if (r.err == OK)
            reader_require(&r, read_inner(out, (enum autonat_kind)f.number, f.bytes) == OK,
                           ERR_FORMAT);
        found = true;
    }
    reader_require(&r, found || r.err != OK, ERR_FORMAT);
    enum err e = reader_finish(&r);
    if (e != OK)
        *out = (struct autonat_message){ 0 };
    return e;
}

static void put_number(struct writer *w, uint32_t field, uint64_t v)
{
    if (v != 0)
        pb_write_uint(w, field, v);
}

static void write_inner(struct writer *w, const struct autonat_message *m)
{
    switch (m->kind) {
    case AUTONAT_REQUEST:
        for (uint32_t i = 0; i < m->addr_count; i++)
            pb_write_bytes(w, 1, m->addrs[i]);
        if (m->nonce != 0)
            pb_write_fixed64(w, 2, m->nonce);
        break;
    case AUTONAT_RESPONSE:
        put_number(w, 1, m->status);
        put_number(w, 2, m->addr_index);
        put_number(w, 3, m->dial);
        break;
    case AUTONAT_DATA_REQUEST:
        put_number(w, 1, m->addr_index);
        put_number(w, 2, m->bytes);
        break;
    case AUTONAT_DATA:
        if (m->data.n != 0)
            pb_write_bytes(w, 1, m->data);
        break;
    }
}

void autonat_write(struct writer *w, const struct autonat_message *m)
{
    uint8_t inner[SCRATCH];
    struct writer i = writer_of(inner, sizeof(inner));
    ASSERT(m->addr_count <= AUTONAT_ADDRS_MAX);
    write_inner(&i, m);
    if (i.err != OK)
        writer_fail(w, i.err);
    else
        pb_write_bytes(w, (uint32_t)m->kind, writer_span(&i));
}

/* ---- the dial back --------------------------------------------------------------------------- */

enum err autonat_back_decode(uint64_t *nonce, struct span message)
{
    struct reader r = reader_of(message);
    struct pb_field f;
    *nonce = 0;
    reader_require(&r, message.n <= AUTONAT_BACK_MAX, ERR_LIMIT);
    while (pb_next(&r, &f)) {
        if (f.number != 1)
            continue;
        pb_expect(&r, &f, PB_FIXED64);
        *nonce = f.value;
    }
    enum err e = reader_finish(&r);
    if (e != OK)
        *nonce = 0;
    return e;
}

void autonat_back_write(struct writer *w, uint64_t nonce)
{
    if (nonce != 0)
        pb_write_fixed64(w, 1, nonce);
}
