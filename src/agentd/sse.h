/* sse: the lines of a text/event-stream, cut into events. Format: WHATWG HTML, "Server-sent
 * events". Pure; total: any bytes are accepted, in pieces of any size. */
#ifndef CRUST_AGENTD_SSE_H
#define CRUST_AGENTD_SSE_H

#include "base/err.h"
#include "base/span.h"

enum {
    SSE_DATA_MAX = 64 * 1024, /* of one event; a longer one is given out as cut */
    SSE_NAME_MAX = 64,
};

struct sse_event {
    const char *id;   /* the last one seen, as the standard has it */
    const char *type; /* "message" when the event names none */
    struct span data; /* lines joined by '\n' */
    bool cut;         /* data was longer than SSE_DATA_MAX */
};

/* Called for each event; borrowed until return. */
typedef void (*sse_fn)(void *ctx, const struct sse_event *ev);

struct sse {
    char line[SSE_DATA_MAX];
    size_t line_size;
    bool line_cut, after_cr;
    char data[SSE_DATA_MAX];
    size_t data_size;
    bool has_data, data_cut;
    char id[SSE_NAME_MAX], type[SSE_NAME_MAX];
};

void sse_init(struct sse *s);
void sse_feed(struct sse *s, struct span in, sse_fn fn, void *ctx);

#endif
