#include "api/gateway_text.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 2, 0))) static const char *push(struct gateway_answer *a,
                                                              const char *fmt, va_list ap)
{
    size_t room = sizeof(a->text) - a->text_used;
    char *at = a->text + a->text_used;
    int n = vsnprintf(at, room, fmt, ap);
    if (n < 0 || (size_t)n >= room)
        return NULL;
    a->text_used += (size_t)n + 1;
    return at;
}

void gateway_text_header(struct gateway_answer *a, const char *name, const char *fmt, ...)
{
    if (a->header_count == GATEWAY_HEADERS_MAX)
        return;
    size_t mark = a->text_used;
    va_list ap;
    va_start(ap, fmt);
    const char *value = push(a, fmt, ap);
    va_end(ap);
    if (value == NULL)
        return;
    for (char *s = a->text + mark; *s != '\0'; s++) {
        if ((uint8_t)*s < 0x20 || *s == 0x7f)
            *s = '_';
    }
    a->headers[a->header_count++] = (struct gateway_header){ name, value };
}

void gateway_text_common(struct gateway_answer *a)
{
    gateway_text_header(a, "Access-Control-Allow-Origin", "*");
    gateway_text_header(a, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    gateway_text_header(a, "Access-Control-Allow-Headers",
                        "Content-Type, Range, User-Agent, X-Requested-With");
    gateway_text_header(a, "Access-Control-Expose-Headers", GATEWAY_TEXT_EXPOSED);
}

void gateway_text_refuse(struct gateway_answer *a, uint16_t status, const char *fmt, ...)
{
    a->status = status;
    a->header_count = 0;
    a->text_used = 0;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "text/plain; charset=utf-8");
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    va_list ap;
    va_start(ap, fmt);
    const char *text = push(a, fmt, ap);
    va_end(ap);
    a->kind = GATEWAY_BODY_TEXT;
    a->body = span_str(text == NULL ? "error\n" : text);
    a->body_at = 0;
    a->size = a->body.n;
}

static int nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum err gateway_text_unescape(char *out, size_t size, struct span in, bool plus)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if (c == '%') {
            if (in.n - i < 3)
                return ERR_FORMAT;
            int hi = nibble(in.p[i + 1]), lo = nibble(in.p[i + 2]);
            if (hi < 0 || lo < 0)
                return ERR_FORMAT;
            c = (uint8_t)(hi << 4 | lo);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return ERR_FORMAT;
        if (n + 1 >= size)
            return ERR_LIMIT;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return OK;
}

void gateway_text_raw_url(struct writer *w, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool good = s.p[i] > 0x20 && s.p[i] < 0x7f && strchr("\"<>\\^`{|}", s.p[i]) == NULL;
        if (good)
            write_u8(w, s.p[i]);
        else
            gateway_text_url(w, span_sub(s, i, 1));
    }
}

bool gateway_text_parameter(const char *query, const char *key, char *out, size_t size, enum err *e)
{
    size_t n = strlen(key);
    for (const char *s = query; *s != '\0';) {
        size_t len = strcspn(s, "&");
        if (len > n && memcmp(s, key, n) == 0 && s[n] == '=') {
            *e = gateway_text_unescape(out, size, span_of(s + n + 1, len - n - 1), true);
            return true;
        }
        s += len;
        while (*s == '&')
            s++;
    }
    return false;
}

void gateway_text_html(struct writer *w, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            write_span(w, span_str("&amp;"));
            break;
        case '<':
            write_span(w, span_str("&lt;"));
            break;
        case '>':
            write_span(w, span_str("&gt;"));
            break;
        case '"':
            write_span(w, span_str("&#34;"));
            break;
        case '\'':
            write_span(w, span_str("&#39;"));
            break;
        default:
            write_u8(w, s.p[i]);
        }
    }
}

void gateway_text_url(struct writer *w, struct span s)
{
    static const char digit[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c != '\0' && strchr("-._~!$()*,;=:@", c) != NULL);
        if (plain) {
            write_u8(w, c);
            continue;
        }
        write_u8(w, '%');
        write_u8(w, (uint8_t)digit[c >> 4]);
        write_u8(w, (uint8_t)digit[c & 15]);
    }
}

/* The types that browsers show or that tools ask for; everything else is sniffed. */
static const struct {
    const char *ending;
    const char *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".htm", "text/html; charset=utf-8" },
    { ".txt", "text/plain; charset=utf-8" },
    { ".md", "text/markdown; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".csv", "text/csv; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".mjs", "text/javascript; charset=utf-8" },
    { ".json", "application/json" },
    { ".xml", "text/xml; charset=utf-8" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".jpg", "image/jpeg" },
    { ".jpeg", "image/jpeg" },
    { ".gif", "image/gif" },
    { ".webp", "image/webp" },
    { ".avif", "image/avif" },
    { ".ico", "image/x-icon" },
    { ".pdf", "application/pdf" },
    { ".zip", "application/zip" },
    { ".gz", "application/gzip" },
    { ".tar", "application/x-tar" },
    { ".wasm", "application/wasm" },
    { ".mp3", "audio/mpeg" },
    { ".ogg", "audio/ogg" },
    { ".wav", "audio/wav" },
    { ".flac", "audio/flac" },
    { ".mp4", "video/mp4" },
    { ".webm", "video/webm" },
    { ".woff2", "font/woff2" },
    { ".woff", "font/woff" },
    { ".ttf", "font/ttf" },
    { ".car", "application/vnd.ipld.car" },
};

static const struct {
    const char *magic;
    size_t n;
    const char *type;
} magics[] = {
    { "\x89PNG\r\n\x1a\n", 8, "image/png" },
    { "\xff\xd8\xff", 3, "image/jpeg" },
    { "GIF8", 4, "image/gif" },
    { "%PDF-", 5, "application/pdf" },
    { "PK\x03\x04", 4, "application/zip" },
    { "\x1f\x8b", 2, "application/gzip" },
    { "<!DOCTYPE html", 14, "text/html; charset=utf-8" },
    { "<!doctype html", 14, "text/html; charset=utf-8" },
    { "<html", 5, "text/html; charset=utf-8" },
    { "OggS", 4, "application/ogg" },
    { "\0asm", 4, "application/wasm" },
};

static bool ends_with(struct span name, const char *ending)
{
    size_t n = strlen(ending);
    if (name.n <= n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = name.p[name.n - n + i];
        if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (uint8_t)ending[i])
            return false;
    }
    return true;
}

/* An object or an array with a value that may begin so: text that opens with a bracket is seldom
 * anything else. */
static bool looks_like_json(struct span start)
{
    size_t at = 0;
    for (int i = 0; i < 2; i++) {
        while (at < start.n && strchr(" \t\r\n", start.p[at]) != NULL)
            at++;
        if (at == start.n || start.p[at] == '\0')
            return false;
        if (i == 0 && start.p[at] != '{' && start.p[at] != '[')
            return false;
        at += i == 0;
    }
    bool object = start.p[0] != '[' && memchr(start.p, '{', at) != NULL;
    return strchr(object ? "\"}" : "\"{[]-0123456789tfn", start.p[at]) != NULL;
}

const char *gateway_text_type(struct span name, struct span start)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ends_with(name, types[i].ending))
            return types[i].type;
    }
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        if (start.n >= magics[i].n && memcmp(start.p, magics[i].magic, magics[i].n) == 0)
            return magics[i].type;
    }
    if (looks_like_json(start))
        return "application/json";
    enum { LOOK = 512 };
    size_t n = start.n < LOOK ? start.n : LOOK;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = start.p[i];
        if (c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b)
            return "application/octet-stream";
    }
    return "text/plain; charset=utf-8";
}
