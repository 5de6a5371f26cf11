#include "codec/car.h"

enum { PRAGMA_SIZE = 11 }; /* of version 2, with its length */

enum err car_header_decode(struct car_header *out, struct span in)
{
    struct cbor_reader c = cbor_reader_of(in, CBOR_LENIENT);
    bool versioned = false, rooted = false;
    *out = (struct car_header){ 0 };
    TRY(cbor_validate(in, CBOR_LENIENT));
    size_t pairs = cbor_read_map(&c);
    for (size_t i = 0; i < pairs && c.r.err == OK; i++) {
        if (cbor_try_key(&c, "version")) {
            out->version = cbor_read_uint(&c);
            versioned = true;
        } else if (cbor_try_key(&c, "roots")) {
            struct span list = cbor_read_item(&c);
            out->roots = cbor_reader_of(list, CBOR_LENIENT);
            out->root_count = cbor_read_array(&out->roots);
            cbor_require(&c, out->roots.r.err == OK, ERR_FORMAT);
            rooted = true;
        } else {
            cbor_require(&c, false, ERR_FORMAT);
        }
    }
    cbor_require(&c, versioned, ERR_FORMAT);
    cbor_require(&c, out->version == 1 || out->version == 2, ERR_UNSUPPORTED);
    cbor_require(&c, rooted == (out->version == 1), ERR_FORMAT);
    struct cbor_reader roots = out->roots;
    struct cid cid;
    for (size_t i = 0; i < out->root_count && c.r.err == OK; i++) {
        cbor_read_link(&roots, &cid);
        cbor_require(&c, roots.r.err == OK, ERR_FORMAT);
    }
    if (cbor_finish(&c) != OK)
        *out = (struct car_header){ 0 };
    return c.r.err;
}

bool car_next_root(struct car_header *h, struct cid *out)
{
    *out = (struct cid){ 0 };
    if (h->roots.r.n == 0)
        return false;
    cbor_read_link(&h->roots, out);
    return h->roots.r.err == OK;
}

static void write_header_body(struct writer *w, const struct cid *roots, size_t count)
{
    cbor_write_map(w, 2);
    cbor_write_str(w, "roots");
    cbor_write_array(w, count);
    for (size_t i = 0; i < count; i++)
        cbor_write_link(w, &roots[i]);
    cbor_write_str(w, "version");
    cbor_write_uint(w, 1);
}

/* The length stands before the body: it is written to a writer that only counts. */
void car_write_header(struct writer *w, const struct cid *roots, size_t count)
{
    uint8_t scratch[16 + CID_SIZE_MAX];
    size_t size = 0;
    struct writer part = writer_of(scratch, sizeof(scratch));
    write_header_body(&part, NULL, 0);
    size = part.len - 1;
    part.len = 0;
    cbor_write_array(&part, count);
    size += part.len;
    for (size_t i = 0; i < count; i++) {
        part.len = 0;
        cbor_write_link(&part, &roots[i]);
        size += part.len;
    }
    ASSERT(part.err == OK);
    write_uvarint(w, size);
    write_header_body(w, roots, count);
}

void car_write_section(struct writer *w, const struct cid *cid, size_t block_size)
{
    write_uvarint(w, cid_size(cid) + block_size);
    cid_write(w, cid);
}

enum err car_v2_decode(struct car_v2 *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct car_v2){ 0 };
    (void)read_span(&r, 16); /* characteristics, none of which matters to a reader */
    out->data_offset = read_le64(&r);
    out->data_size = read_le64(&r);
    out->index_offset = read_le64(&r);
    reader_require(&r, out->data_offset >= PRAGMA_SIZE + CAR_V2_HEADER_SIZE, ERR_FORMAT);
    reader_require(&r, out->data_size > 0, ERR_FORMAT);
    reader_require(&r, out->data_size < UINT64_MAX - out->data_offset, ERR_FORMAT);
    if (reader_finish(&r) != OK)
        *out = (struct car_v2){ 0 };
    return r.err;
}

/* ---- streaming ------------------------------------------------------------------------------- */

void car_parser_init(struct car_parser *p, struct mspan buf)
{
    ASSERT(buf.n >= CAR_SECTION_MAX);
    *p = (struct car_parser){ .buf = buf, .state = CAR_AT_LENGTH, .end = UINT64_MAX };
}

static struct span take(struct car_parser *p, struct span *in, size_t n)
{
    struct span s = span_sub(*in, 0, n);
    *in = span_sub(*in, s.n, in->n - s.n);
    p->at += s.n;
    return s;
}

/* Collects want bytes; true when they are there. Whole parts are borrowed from the input. */
static bool collect(struct car_parser *p, struct span *in, struct span *part)
{
    if (p->have == 0 && in->n >= p->want) {
        *part = take(p, in, p->want);
        return true;
    }
    struct span s = take(p, in, p->want - p->have);
    if (s.n != 0)
        memcpy(p->buf.p + p->have, s.p, s.n);
    p->have += s.n;
    *part = span_of(p->buf.p, p->have);
    return p->have == p->want;
}

/* One byte at a time into buf: at most nine of them. */
static enum err step_length(struct car_parser *p, struct span *in)
{
    struct span byte = take(p, in, 1);
    p->buf.p[p->have++] = byte.p[0];
    if ((byte.p[0] & 0x80) != 0)
        return p->have < 9 ? OK : ERR_FORMAT;
    struct reader r = reader_of(span_of(p->buf.p, p->have));
    uint64_t n = read_uvarint(&r);
    TRY(reader_finish(&r));
    if (n == 0)
        return ERR_FORMAT;
    if (n > (p->header_done ? CAR_SECTION_MAX : CAR_HEADER_MAX))
        return ERR_LIMIT;
    if (n > p->end - p->at)
        return ERR_SHORT;
    p->want = (size_t)n;
    p->have = 0;
    p->state = CAR_AT_BODY;
    return OK;
}

static enum err take_header(struct car_parser *p, struct car_item *out, struct span body)
{
    TRY(car_header_decode(&out->header, body));
    if (out->header.version == 2) {
        if (p->inner)
            return ERR_FORMAT;
        p->inner = true;
        p->state = CAR_AT_V2;
        p->want = CAR_V2_HEADER_SIZE;
        return OK;
    }
    p->header_done = true;
    out->event = CAR_HEADER;
    return OK;
}

static enum err take_section(struct car_item *out, struct span body)
{
    struct reader r = reader_of(body);
    cid_read(&out->cid, &r);
    if (r.err != OK)
        return ERR_FORMAT;
    if (r.n > CAR_BLOCK_MAX)
        return ERR_LIMIT;
    out->data = span_of(r.p, r.n);
    out->event = CAR_BLOCK;
    return OK;
}

static enum err step_body(struct car_parser *p, struct car_item *out, struct span *in)
{
    struct span body;
    if (!collect(p, in, &body))
        return OK;
    p->have = 0;
    p->state = CAR_AT_LENGTH;
    return p->header_done ? take_section(out, body) : take_header(p, out, body);
}

static enum err step_v2(struct car_parser *p, struct span *in)
{
    struct span body;
    struct car_v2 v2;
    if (!collect(p, in, &body))
        return OK;
    p->have = 0;
    TRY(car_v2_decode(&v2, body));
    p->skip = v2.data_offset;
    p->end = v2.data_offset + v2.data_size;
    p->state = CAR_AT_SKIP;
    return OK;
}

static void step_skip(struct car_parser *p, struct span *in)
{
    uint64_t left = p->skip - p->at;
    (void)take(p, in, left < in->n ? (size_t)left : in->n);
    if (p->at == p->skip)
        p->state = CAR_AT_LENGTH;
}

static enum err step(struct car_parser *p, struct car_item *out, struct span *in)
{
    switch (p->state) {
    case CAR_AT_LENGTH:
        return step_length(p, in);
    case CAR_AT_BODY:
        return step_body(p, out, in);
    case CAR_AT_V2:
        return step_v2(p, in);
    case CAR_AT_SKIP:
        step_skip(p, in);
        return OK;
    case CAR_AT_END:
        break;
    }
    (void)take(p, in, in->n);
    out->event = CAR_END;
    return OK;
}

enum err car_parser_next(struct car_parser *p, struct car_item *out, struct span *in)
{
    enum err e = OK;
    *out = (struct car_item){ .event = CAR_MORE };
    while (in->n > 0 && e == OK && out->event == CAR_MORE) {
        if (p->state == CAR_AT_LENGTH && p->have == 0 && p->at == p->end)
            p->state = CAR_AT_END;
        e = step(p, out, in);
    }
    if (e != OK)
        *out = (struct car_item){ .event = CAR_MORE };
    return e;
}

enum err car_parser_finish(const struct car_parser *p)
{
    if (p->state == CAR_AT_END)
        return OK;
    bool boundary = p->state == CAR_AT_LENGTH && p->have == 0 && p->header_done;
    return boundary && (!p->inner || p->at == p->end) ? OK : ERR_SHORT;
}
