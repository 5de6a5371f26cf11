/* The event stream: however the bytes are cut into pieces, the same events come out. */
#include "agentd/sse.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint64_t count, sum;
};

static void see(void *ctx, const struct sse_event *ev)
{
    struct seen *s = ctx;
    ASSERT(ev->data.n <= SSE_DATA_MAX && strlen(ev->id) < SSE_NAME_MAX);
    ASSERT(strlen(ev->type) < SSE_NAME_MAX && ev->type[0] != '\0');
    s->count++;
    for (size_t i = 0; i < ev->data.n; i++)
        s->sum = s->sum * 31 + ev->data.p[i];
    for (const char *c = ev->id; *c != '\0'; c++)
        s->sum = s->sum * 31 + (uint8_t)*c;
    for (const char *c = ev->type; *c != '\0'; c++)
        s->sum = s->sum * 31 + (uint8_t)*c;
    s->sum = s->sum * 31 + ev->cut;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sse one, two;
    struct seen whole = { 0 }, pieces = { 0 };
    sse_init(&one);
    sse_feed(&one, span_of(data, size), see, &whole);
    sse_init(&two);
    size_t step = size != 0 ? data[0] % 7 + 1 : 1;
    for (size_t at = 0; at < size; at += step)
        sse_feed(&two, span_sub(span_of(data, size), at, step), see, &pieces);
    ASSERT(whole.count == pieces.count && whole.sum == pieces.sum);
    return 0;
}
