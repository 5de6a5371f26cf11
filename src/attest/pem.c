#include "attest/pem.h"

#include "base/writer.h"

static const char begin[] = "-----BEGIN CERTIFICATE-----\n";
static const char end[] = "-----END CERTIFICATE-----";

static void expect(struct reader *r, const char *text, size_t n)
{
    struct span s = read_span(r, n);
    reader_require(r, span_eq(s, span_of(text, n)), ERR_FORMAT);
}

/* The value of a base64 digit (RFC 4648 4), -1 for another character. */
static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters -> one to three bytes. Padding bits must be zero; *last: padding was there. */
static void read_group(struct reader *r, struct writer *out, bool *last)
{
    struct span s = read_span(r, 4);
    if (r->err != OK)
        return;
    size_t pad = s.p[3] != '=' ? 0 : s.p[2] != '=' ? 1 : 2;
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        int d = i < 4 - pad ? digit(s.p[i]) : 0;
        reader_require(r, d >= 0, ERR_FORMAT);
        v = v << 6 | (d < 0 ? 0 : (uint32_t)d);
    }
    reader_require(r, (v & ((1u << 8 * pad) - 1)) == 0, ERR_FORMAT);
    for (size_t i = 0; i < 3 - pad && r->err == OK; i++)
        write_u8(out, (uint8_t)(v >> (16 - 8 * i)));
    *last = pad != 0;
}

/* The lines up to "-----END". */
static void read_base64(struct reader *r, struct writer *out)
{
    bool last = false;
    size_t column = 0;
    reader_require(r, r->n > 0 && r->p[0] != '-', ERR_FORMAT);
    while (r->err == OK && !(column == 0 && r->n > 0 && r->p[0] == '-')) {
        reader_require(r, !last && column + 4 <= PEM_LINE_MAX, ERR_FORMAT);
        read_group(r, out, &last);
        column += 4;
        if (r->err == OK && r->n > 0 && r->p[0] == '\n') {
            read_u8(r);
            column = 0;
        }
    }
    reader_require(r, out->err == OK, ERR_LIMIT);
}

enum err pem_decode(struct pem_chain *out, struct span text)
{
    out->count = 0;
    struct reader r = reader_of(text);
    struct writer w = writer_of(out->bytes, sizeof(out->bytes));
    size_t count = 0;
    do {
        reader_require(&r, count < PEM_CERTS_MAX, ERR_LIMIT);
        size_t at = w.len;
        expect(&r, begin, sizeof(begin) - 1);
        read_base64(&r, &w);
        expect(&r, end, sizeof(end) - 1);
        if (r.err == OK && r.n > 0 && r.p[0] == '\n')
            read_u8(&r);
        else
            reader_require(&r, r.n <= 1, ERR_FORMAT);
        if (r.err == OK)
            out->certs[count++] = span_of(w.p + at, w.len - at);
    } while (r.err == OK && r.n > 1);
    if (r.err == OK && r.n == 1)
        reader_require(&r, read_u8(&r) == 0, ERR_TRAILING);
    enum err e = reader_finish(&r);
    out->count = e == OK ? count : 0;
    return e;
}
