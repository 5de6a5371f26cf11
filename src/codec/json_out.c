#include "codec/json_out.h"

static void raw(struct json_out *j, const char *text)
{
    write_bytes(j->w, text, strlen(text));
}

static void before_value(struct json_out *j)
{
    if (j->comma)
        write_u8(j->w, ',');
    j->comma = true;
}

void json_out_object(struct json_out *j)
{
    before_value(j);
    write_u8(j->w, '{');
    j->comma = false;
}

void json_out_object_end(struct json_out *j)
{
    write_u8(j->w, '}');
    j->comma = true;
}

void json_out_array(struct json_out *j)
{
    before_value(j);
    write_u8(j->w, '[');
    j->comma = false;
}

void json_out_array_end(struct json_out *j)
{
    write_u8(j->w, ']');
    j->comma = true;
}

/* The length of the UTF-8 character at p (RFC 3629), or 0. */
static size_t utf8_size(const uint8_t *p, size_t n)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (p[0] < 0x80)
        return 1;
    size_t size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < size)
        return 0;
    uint32_t c = p[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    return c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : size;
}

static void escape(struct json_out *j, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t u[6] = { '\\', 'u', '0', '0', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15] };
    write_bytes(j->w, u, sizeof(u));
}

static void quoted(struct json_out *j, struct span text)
{
    write_u8(j->w, '"');
    for (size_t i = 0; i < text.n;) {
        uint8_t c = text.p[i];
        size_t size = utf8_size(text.p + i, text.n - i);
        if (size == 0)
            raw(j, "\xef\xbf\xbd");
        else if (c < 0x20 || c == 0x7f)
            escape(j, c);
        else {
            if (c == '"' || c == '\\')
                write_u8(j->w, '\\');
            write_bytes(j->w, text.p + i, size);
        }
        i += size == 0 ? 1 : size;
    }
    write_u8(j->w, '"');
}

void json_out_key(struct json_out *j, const char *name)
{
    before_value(j);
    quoted(j, span_str(name));
    write_u8(j->w, ':');
    j->comma = false;
}

void json_out_text(struct json_out *j, struct span text)
{
    before_value(j);
    quoted(j, text);
}

void json_out_str(struct json_out *j, const char *text)
{
    json_out_text(j, span_str(text));
}

void json_out_u64(struct json_out *j, uint64_t v)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, AMOUNT_OF(v));
    before_value(j);
    raw(j, text);
}

void json_out_amount(struct json_out *j, struct amount a)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, a);
    json_out_str(j, text);
}

void json_out_u64_text(struct json_out *j, uint64_t v)
{
    json_out_amount(j, AMOUNT_OF(v));
}

void json_out_hex(struct json_out *j, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    before_value(j);
    write_u8(j->w, '"');
    for (size_t i = 0; i < bytes.n; i++) {
        write_u8(j->w, (uint8_t)digits[bytes.p[i] >> 4]);
        write_u8(j->w, (uint8_t)digits[bytes.p[i] & 15]);
    }
    write_u8(j->w, '"');
}

void json_out_bool(struct json_out *j, bool v)
{
    before_value(j);
    raw(j, v ? "true" : "false");
}

void json_out_null(struct json_out *j)
{
    before_value(j);
    raw(j, "null");
}

void json_out_member_str(struct json_out *j, const char *name, const char *text)
{
    json_out_key(j, name);
    json_out_str(j, text);
}

void json_out_member_u64(struct json_out *j, const char *name, uint64_t v)
{
    json_out_key(j, name);
    json_out_u64(j, v);
}

void json_out_member_u64_text(struct json_out *j, const char *name, uint64_t v)
{
    json_out_key(j, name);
    json_out_u64_text(j, v);
}

void json_out_member_amount(struct json_out *j, const char *name, struct amount a)
{
    json_out_key(j, name);
    json_out_amount(j, a);
}

void json_out_member_hex(struct json_out *j, const char *name, struct span bytes)
{
    json_out_key(j, name);
    json_out_hex(j, bytes);
}

void json_out_member_bool(struct json_out *j, const char *name, bool v)
{
    json_out_key(j, name);
    json_out_bool(j, v);
}
