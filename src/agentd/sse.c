#include "agentd/sse.h"

void sse_init(struct sse *s)
{
    s->line_size = s->data_size = 0;
    s->line_cut = s->after_cr = s->has_data = s->data_cut = false;
    s->id[0] = s->type[0] = '\0';
}

static void set_name(char out[SSE_NAME_MAX], const char *text, size_t n)
{
    if (n >= SSE_NAME_MAX)
        n = SSE_NAME_MAX - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

static void add_data(struct sse *s, const char *text, size_t n)
{
    size_t sep = s->has_data ? 1 : 0;
    s->has_data = true;
    s->data_cut = s->data_cut || s->line_cut;
    if (s->data_size + sep + n > SSE_DATA_MAX) {
        s->data_cut = true;
        return;
    }
    if (sep != 0)
        s->data[s->data_size++] = '\n';
    memcpy(s->data + s->data_size, text, n);
    s->data_size += n;
}

static bool name_is(const char *line, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(line, name, n) == 0;
}

static void end_line(struct sse *s, sse_fn fn, void *ctx)
{
    size_t n = s->line_size;
    s->line_size = 0;
    if (n == 0) {
        if (s->has_data) {
            const struct sse_event ev = { .id = s->id,
                                          .type = s->type[0] != '\0' ? s->type : "message",
                                          .data = span_of(s->data, s->data_size),
                                          .cut = s->data_cut };
            fn(ctx, &ev);
        }
        s->data_size = 0;
        s->has_data = s->data_cut = false;
        s->type[0] = '\0';
        return;
    }
    const char *colon = memchr(s->line, ':', n);
    size_t name = colon != NULL ? (size_t)(colon - s->line) : n;
    size_t value = name == n ? n : name + 1;
    if (value < n && s->line[value] == ' ')
        value++;
    if (name_is(s->line, name, "data"))
        add_data(s, s->line + value, n - value);
    else if (name_is(s->line, name, "event"))
        set_name(s->type, s->line + value, n - value);
    else if (name_is(s->line, name, "id"))
        set_name(s->id, s->line + value, n - value);
}

void sse_feed(struct sse *s, struct span in, sse_fn fn, void *ctx)
{
    for (size_t i = 0; i < in.n; i++) {
        char c = (char)in.p[i];
        bool crlf = s->after_cr && c == '\n';
        s->after_cr = c == '\r';
        if (crlf)
            continue;
        if (c == '\n' || c == '\r') {
            end_line(s, fn, ctx);
            s->line_cut = false;
        } else if (s->line_size < SSE_DATA_MAX) {
            s->line[s->line_size++] = c;
        } else {
            s->line_cut = true;
        }
    }
}
