#include "codec/dns.h"

enum { POINTER = 0xc0, ROOT_TEXT = 1 };

/* ---- names --------------------------------------------------------------------------------- */

static char plain(uint8_t b)
{
    if (b >= 'A' && b <= 'Z')
        return (char)(b | 0x20);
    if (b > ' ' && b <= '~' && b != '.' && b != '\\')
        return (char)b;
    return '?';
}

/* Adds one label; false when the name gets too long. */
static bool add_label(struct dns_name *out, size_t *n, struct span label)
{
    size_t dot = *n > 0;
    if (*n + dot + label.n > DNS_NAME_MAX - ROOT_TEXT)
        return false;
    if (dot == 1)
        out->text[(*n)++] = '.';
    for (size_t i = 0; i < label.n; i++)
        out->text[(*n)++] = plain(label.p[i]);
    return true;
}

/* Reads a name at r, following pointers into whole. Each must lead to before where the last one
 * led, so it ends. */
static void read_name(struct reader *r, struct span whole, struct dns_name *out)
{
    struct reader at = *r;
    size_t n = 0, before = (size_t)(r->p - whole.p), jumps = 0;
    bool jumped = false;
    memset(out, 0, sizeof(*out));
    if (r->err != OK)
        return;
    for (;;) {
        uint8_t size = read_u8(&at);
        if (at.err == OK && size >= POINTER) {
            size_t to = (size_t)(size & 0x3f) << 8 | read_u8(&at);
            if (!jumped)
                *r = at;
            jumped = true;
            reader_require(&at, at.err != OK || (to < before && ++jumps <= DNS_JUMPS_MAX),
                           ERR_FORMAT);
            if (at.err == OK)
                at = reader_of(span_sub(whole, to, whole.n));
            before = to;
            continue;
        }
        reader_require(&at, at.err != OK || size <= DNS_LABEL_MAX, ERR_FORMAT);
        if (at.err != OK || size == 0)
            break;
        struct span label = read_span(&at, size);
        reader_require(&at, at.err != OK || add_label(out, &n, label), ERR_FORMAT);
    }
    if (at.err != OK) {
        memset(out, 0, sizeof(*out));
        reader_fail(r, at.err);
    } else if (!jumped) {
        *r = at;
    }
}

/* The next label of a name as text; false at the end. */
static bool next_label(const char **name, struct span *label)
{
    size_t n = strcspn(*name, ".");
    if (**name == '\0')
        return false;
    *label = span_of(*name, n);
    *name += n + ((*name)[n] == '.');
    return true;
}

size_t dns_name_size(const char *name)
{
    struct span label;
    size_t n = 1;
    while (next_label(&name, &label))
        n += 1 + label.n;
    return n;
}

void dns_write_name(struct writer *w, const char *name)
{
    struct span label;
    if (strlen(name) > DNS_NAME_MAX - ROOT_TEXT)
        writer_fail(w, ERR_FORMAT);
    while (next_label(&name, &label)) {
        if (label.n == 0 || label.n > DNS_LABEL_MAX)
            writer_fail(w, ERR_FORMAT);
        write_u8(w, (uint8_t)label.n);
        write_span(w, label);
    }
    write_u8(w, 0);
}

/* ---- messages ------------------------------------------------------------------------------ */

enum err dns_open(struct dns_message *m, struct span whole)
{
    *m = (struct dns_message){ .whole = whole, .r = reader_of(whole) };
    m->id = read_be16(&m->r);
    m->flags = read_be16(&m->r);
    for (size_t i = 0; i < DNS_SECTIONS; i++)
        m->left[i] = read_be16(&m->r);
    return m->r.err;
}

bool dns_next(struct dns_message *m, struct dns_record *out)
{
    enum dns_section section = DNS_QUESTIONS;
    memset(out, 0, sizeof(*out));
    while (section < DNS_SECTIONS && m->left[section] == 0)
        section++;
    if (section == DNS_SECTIONS || m->r.err != OK)
        return false;
    m->left[section]--;
    out->section = section;
    read_name(&m->r, m->whole, &out->name);
    out->type = read_be16(&m->r);
    out->class = read_be16(&m->r);
    if (section != DNS_QUESTIONS) {
        out->ttl_s = read_be32(&m->r);
        out->data = read_span(&m->r, read_be16(&m->r));
    }
    if (m->r.err != OK)
        memset(out, 0, sizeof(*out));
    return m->r.err == OK;
}

bool dns_target(struct dns_name *out, const struct dns_message *m, const struct dns_record *rr)
{
    struct reader r = reader_of(rr->data);
    read_name(&r, m->whole, out);
    if (rr->data.n != 0 && reader_finish(&r) == OK)
        return true;
    memset(out, 0, sizeof(*out));
    return false;
}

bool dns_text(struct reader *r, struct span *out)
{
    *out = (struct span){ NULL, 0 };
    if (r->n == 0 || r->err != OK)
        return false;
    *out = read_span(r, read_u8(r));
    return r->err == OK;
}

void dns_write_head(struct writer *w, uint16_t id, uint16_t flags,
                    const uint16_t counts[DNS_SECTIONS])
{
    write_be16(w, id);
    write_be16(w, flags);
    for (size_t i = 0; i < DNS_SECTIONS; i++)
        write_be16(w, counts[i]);
}

void dns_write_question(struct writer *w, const char *name, uint16_t type, uint16_t class)
{
    dns_write_name(w, name);
    write_be16(w, type);
    write_be16(w, class);
}

void dns_write_record(struct writer *w, const struct dns_record *head, size_t size)
{
    dns_write_question(w, head->name.text, head->type, head->class);
    write_be32(w, head->ttl_s);
    if (size > UINT16_MAX)
        writer_fail(w, ERR_LIMIT);
    write_be16(w, (uint16_t)size);
}

void dns_write_text(struct writer *w, struct span text)
{
    if (text.n > UINT8_MAX)
        writer_fail(w, ERR_LIMIT);
    write_u8(w, (uint8_t)text.n);
    write_span(w, text);
}
