/* Any request line and headers: what is refused is refused with a clean 4xx, what is accepted has
 * a path without dots, and asking again gives the same. Input: path, query, Accept, Range,
 * separated by line feeds. */
#include "api/gateway.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 4, INPUT_MAX = 16 << 10 };

static void check_answer(const struct gateway_answer *a)
{
    ASSERT(a->status >= 400 && a->status <= 599);
    ASSERT(a->header_count <= GATEWAY_HEADERS_MAX);
    for (uint32_t i = 0; i < a->header_count; i++) {
        for (const char *s = a->headers[i].value; *s != '\0'; s++)
            ASSERT((unsigned char)*s >= 0x20 && *s != 0x7f);
    }
}

static void check_query(const struct gateway_query *q)
{
    ASSERT(strstr(q->path, "/../") == NULL);
    ASSERT(strlen(q->path) < GATEWAY_PATH_MAX);
    ASSERT(strlen(q->filename) <= GATEWAY_NAME_MAX);
    ASSERT(q->root.version <= 1);
    ASSERT(!q->has_bytes || q->scope == CAR_STREAM_ENTITY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gateway_query q, again;
    static struct gateway_answer a;
    if (size >= INPUT_MAX)
        return 0;
    char *text = malloc(size + 1);
    const char *parts[PARTS] = { "", "", NULL, NULL };
    if (text == NULL)
        abort();
    if (size != 0)
        memcpy(text, data, size);
    text[size] = '\0';
    char *at = text;
    for (size_t i = 0; i < PARTS && at != NULL; i++) {
        parts[i] = at;
        at = strchr(at, '\n');
        if (at != NULL)
            *at++ = '\0';
    }
    const struct gateway_request rq = {
        .path = parts[0], .query = parts[1], .accept = parts[2], .range = parts[3]
    };
    if (gateway_parse(&q, &a, &rq)) {
        check_query(&q);
        ASSERT(gateway_parse(&again, &a, &rq));
        ASSERT(memcmp(&q, &again, sizeof(q)) == 0);
        struct gateway_range range;
        if (gateway_is_raw(&q))
            gateway_raw_headers(&a, &range, &q, 1000);
        ASSERT(!gateway_is_raw(&q) || range.from + range.size <= 1000);
    } else {
        check_answer(&a);
    }
    free(text);
    return 0;
}
