/* Any query and any body. Input: its first byte says which.
 * A body that is taken gives an encoded request that decodes to the same bytes again, whose answer
 * is JSON, and which matches a filter by its own cid. A query reads the same twice. */
#include "api/pinning.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(const struct writer *w)
{
    struct json doc;
    ASSERT(w->err == OK);
    ASSERT(json_open(&doc, writer_span(w), SIZE_MAX) == OK);
    json_close(&doc);
}

static void try_request(struct span encoded)
{
    static uint8_t again[PINNING_ENCODED_MAX], answer[1 << 20];
    static struct pinning_request rq;
    static struct pinning_filter f;
    if (pinning_decode(&rq, encoded) != OK)
        return;
    struct writer w = writer_of(again, sizeof(again));
    pinning_encode(&w, &rq);
    ASSERT(w.err == OK && span_eq(writer_span(&w), encoded));
    struct writer out = writer_of(answer, sizeof(answer));
    pinning_write_pin(&out, &(struct pinning_pin){ .request = &rq, .status = PINNING_QUEUED });
    check_json(&out);
    f = (struct pinning_filter){ .statuses = 1, .before_ms = UINT64_MAX, .match = PINNING_PARTIAL };
    ASSERT(pinning_matches(&f, &rq, PINNING_QUEUED, 1));
    ASSERT(!pinning_matches(&f, &rq, PINNING_PINNED, 1));
    f.has_name = true;
    f.name = rq.name;
    ASSERT(pinning_matches(&f, &rq, PINNING_QUEUED, 1) == rq.has_name);
}

static void try_body(struct span in)
{
    static uint8_t room[PINNING_ENCODED_MAX];
    static struct pinning_request rq;
    char why[PINNING_WHY_MAX];
    struct span encoded;
    enum err e = pinning_body(&encoded, why, (struct mspan){ room, sizeof(room) }, in);
    ASSERT((e == OK) == (why[0] == '\0'));
    if (e != OK)
        return;
    ASSERT(pinning_decode(&rq, encoded) == OK);
    try_request(encoded);
}

static void try_query(const char *text)
{
    static struct pinning_filter a, b;
    char why[PINNING_WHY_MAX], again[PINNING_WHY_MAX];
    uint8_t out[2048];
    enum err e = pinning_query(&a, why, text);
    ASSERT(pinning_query(&b, again, text) == e && strcmp(why, again) == 0);
    ASSERT((e == OK) == (why[0] == '\0'));
    ASSERT(e != OK || (a.statuses != 0 && a.limit >= 1 && a.limit <= PINNING_LIMIT_MAX));
    struct writer w = writer_of(out, sizeof(out));
    pinning_write_error(&w, 400, why);
    check_json(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[20000];
    uint64_t ms, id;
    char time[PINNING_TIME_MAX];
    if (size == 0 || size >= sizeof(text))
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0]) {
    case 'b':
        try_body(span_of(data + 1, size - 1));
        break;
    case 'e':
        try_request(span_of(data + 1, size - 1));
        break;
    case 't':
        if (pinning_time_parse(&ms, span_of(data + 1, size - 1)) == OK) {
            uint64_t again;
            pinning_time_format(time, ms);
            ASSERT(pinning_time_parse(&again, span_str(time)) == OK && again == ms);
        }
        break;
    case 'p':
        (void)pinning_route("GET", text, &id);
        break;
    default:
        try_query(text);
    }
    return 0;
}
