#include "codec/dag_json.h"
#include "codec/dag_json_sort.h"
#include "codec/json_out.h"
#include "codec/multibase.h"

#include <stdio.h>
#include <stdlib.h>

/* An open array or map. */
struct frame {
    bool map;
    uint32_t left;  /* elements that are still to come */
    uint32_t at;    /* array: where the next one starts */
    uint32_t entry; /* map: the next one in the scratch */
    uint32_t base;  /* map: its first one there */
    uint32_t end;   /* map: where it ends */
};

struct printer {
    struct json_out out;
    struct span in;
    struct dag_json_sort sort;
    uint32_t depth;
    struct frame frames[CBOR_DEPTH_MAX];
};

/* ---- scalars -------------------------------------------------------------------------------- */

static void print_raw(struct printer *p, const char *text)
{
    if (p->out.comma)
        write_u8(p->out.w, ',');
    write_span(p->out.w, span_str(text));
    p->out.comma = true;
}

/* The head's argument: what cbor_read_uint gives, for negative numbers beyond int64 too. */
static uint64_t argument(struct span item)
{
    unsigned info = item.p[0] & 31;
    uint64_t v = info;
    if (info >= 24) {
        v = 0;
        for (size_t i = 1; i < item.n; i++)
            v = v << 8 | item.p[i];
    }
    return v;
}

static void print_integer(struct printer *p, struct span item, bool negative)
{
    char text[32];
    uint64_t v = argument(item);
    if (!negative)
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
    else if (v == UINT64_MAX)
        (void)snprintf(text, sizeof(text), "-18446744073709551616");
    else
        (void)snprintf(text, sizeof(text), "-%llu", (unsigned long long)v + 1);
    print_raw(p, text);
}

/* The shortest digits that read back as v, laid out as ECMAScript does (ECMA-262 6.1.6.1.20), with
 * ".0" after whole numbers. */
static void print_float(struct printer *p, double v)
{
    char e[40], digits[24], text[64];
    for (int precision = 0; precision < 17; precision++) {
        (void)snprintf(e, sizeof(e), "%.*e", precision, v);
        if (strtod(e, NULL) == v)
            break;
    }
    const char *s = e[0] == '-' ? e + 1 : e;
    int count = 0;
    for (; *s != 'e'; s++) {
        if (*s != '.')
            digits[count++] = *s;
    }
    digits[count] = '\0';
    int exponent = (int)strtol(s + 1, NULL, 10);
    const char *sign = e[0] == '-' ? "-" : "";
    if (exponent < -6 || exponent > 20)
        (void)snprintf(text, sizeof(text), "%s%c%s%se%s%d", sign, digits[0], count > 1 ? "." : "",
                       digits + 1, exponent > 0 ? "+" : "", exponent);
    else if (exponent < 0)
        (void)snprintf(text, sizeof(text), "%s0.%.*s%s", sign, -exponent - 1, "00000", digits);
    else if (count <= exponent + 1)
        (void)snprintf(text, sizeof(text), "%s%s%.*s.0", sign, digits, exponent + 1 - count,
                       "00000000000000000000");
    else
        (void)snprintf(text, sizeof(text), "%s%.*s.%s", sign, exponent + 1, digits,
                       digits + exponent + 1);
    print_raw(p, text);
}

/* Base64 without padding, in pieces of whole digits. */
static void print_bytes(struct printer *p, struct span bytes)
{
    enum { PIECE = 3 * 64 };
    char text[MULTIBASE_TEXT_MAX(PIECE)];
    print_raw(p, "{\"/\":{\"bytes\":\"");
    for (size_t at = 0; at < bytes.n; at += PIECE) {
        enum err e =
            multibase_format_bare(text, sizeof(text), MULTIBASE_64, span_sub(bytes, at, PIECE));
        ASSERT(e == OK);
        write_span(p->out.w, span_str(text));
    }
    write_span(p->out.w, span_str("\"}}"));
}

static void print_link(struct printer *p, const struct cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_format_base(text, cid, MULTIBASE_32);
    print_raw(p, "{\"/\":\"");
    write_span(p->out.w, span_str(text));
    write_span(p->out.w, span_str("\"}"));
}

/* Quoted, with the short escapes where JSON has them, which is what the public fixtures do. */
static enum err print_text(struct printer *p, struct span text)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    if (!cbor_text_valid(text))
        return ERR_FORMAT;
    print_raw(p, "\"");
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)text.p[i], escape[8] = { 0 };
        const char *at = c == '\0' ? NULL : strchr(from, c);
        if (at != NULL)
            (void)snprintf(escape, sizeof(escape), "\\%c", to[at - from]);
        else if (text.p[i] < 0x20)
            (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)text.p[i]);
        if (escape[0] != '\0')
            write_span(p->out.w, span_str(escape));
        else
            write_u8(p->out.w, text.p[i]);
    }
    write_u8(p->out.w, '"');
    return OK;
}

/* ---- arrays and maps ------------------------------------------------------------------------ */

static enum err push(struct printer *p, struct cbor_reader *c, bool map)
{
    if (p->depth == CBOR_DEPTH_MAX)
        return ERR_LIMIT;
    struct frame *f = &p->frames[p->depth++];
    *f = (struct frame){ .map = map };
    if (map) {
        f->left = (uint32_t)cbor_read_map(c);
        f->base = f->entry = p->sort.used;
        TRY(dag_json_sort_index(&p->sort, p->in, c, f->left));
        TRY(dag_json_sort(&p->sort, p->in, f->base, span_cmp));
        f->end = (uint32_t)(p->in.n - c->r.n);
        json_out_object(&p->out);
    } else {
        f->left = (uint32_t)cbor_read_array(c);
        f->at = (uint32_t)(p->in.n - c->r.n);
        json_out_array(&p->out);
    }
    return c->r.err;
}

/* Writes the item at *at; a scalar moves *at behind it, an array or map becomes a frame. */
static enum err print_item(struct printer *p, uint32_t *at)
{
    struct span rest = span_sub(p->in, *at, p->in.n);
    struct cbor_reader c = cbor_reader_of(rest, CBOR_LENIENT);
    struct cbor_reader whole = c;
    struct cid cid;
    enum err e = OK;
    enum cbor_type type = cbor_peek(&c);
    switch (type) {
    case CBOR_ARRAY:
    case CBOR_MAP:
        return push(p, &c, type == CBOR_MAP);
    case CBOR_UINT:
    case CBOR_NEGATIVE:
        print_integer(p, cbor_read_item(&c), type == CBOR_NEGATIVE);
        break;
    case CBOR_BYTES:
        print_bytes(p, cbor_read_bytes(&c));
        break;
    case CBOR_TEXT:
        e = print_text(p, cbor_read_text(&c));
        break;
    case CBOR_LINK:
        cbor_read_link(&c, &cid);
        print_link(p, &cid);
        break;
    case CBOR_BOOL:
        print_raw(p, cbor_read_bool(&c) ? "true" : "false");
        break;
    case CBOR_NULL:
        cbor_read_null(&c);
        print_raw(p, "null");
        break;
    case CBOR_FLOAT:
        print_float(p, cbor_read_float(&c));
        break;
    case CBOR_NONE:
        return ERR_FORMAT;
    }
    *at += (uint32_t)(whole.r.n - c.r.n);
    return e != OK ? e : c.r.err;
}

static void pop(struct printer *p, struct frame *f)
{
    uint32_t end = f->map ? f->end : f->at;
    if (f->map) {
        json_out_object_end(&p->out);
        p->sort.used = f->base;
    } else {
        json_out_array_end(&p->out);
    }
    p->depth--;
    if (p->depth > 0 && !p->frames[p->depth - 1].map)
        p->frames[p->depth - 1].at = end;
}

enum err dag_json_from_cbor(struct writer *w, struct span cbor, struct mspan scratch)
{
    struct printer p = { .out = json_out_to(w), .in = cbor };
    uint32_t at = 0;
    if (cbor.n > UINT32_MAX)
        return ERR_LIMIT;
    TRY(cbor_validate(cbor, CBOR_LENIENT));
    dag_json_sort_init(&p.sort, scratch);
    TRY(print_item(&p, &at));
    while (p.depth > 0 && w->err == OK) {
        struct frame *f = &p.frames[p.depth - 1];
        if (f->left == 0) {
            pop(&p, f);
            continue;
        }
        f->left--;
        if (!f->map) {
            TRY(print_item(&p, &f->at));
            continue;
        }
        struct dag_json_entry entry = dag_json_sort_get(&p.sort, f->entry++);
        struct span key = span_sub(cbor, entry.key_at, entry.key_n);
        if (span_eq(key, span_str("/"))) /* it would read back as something else */
            return ERR_FORMAT;
        TRY(print_text(&p, key));
        write_u8(w, ':');
        p.out.comma = false;
        uint32_t value_at = entry.key_at + entry.key_n;
        TRY(print_item(&p, &value_at));
    }
    return w->err;
}
