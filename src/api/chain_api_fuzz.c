#include "api/chain_api.h"

#include "api/chain_client_tx.h"
#include "api/chain_testlists.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "G target\nlast-event-id\nbody" or "P ...": any request gets an answer, JSON is well formed, and
 * errors decode. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct source *source;
    static uint8_t room[1 << 20];
    if (source == NULL)
        source = source_new();
    struct span in = span_of(data, size), lines[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    for (int i = 0; i < 3; i++) {
        const uint8_t *end = in.n == 0 || i == 2 ? NULL : memchr(in.p, '\n', in.n);
        size_t n = end == NULL ? in.n : (size_t)(end - in.p);
        lines[i] = span_sub(in, 0, n);
        in = span_sub(in, end == NULL ? n : n + 1, in.n);
    }
    struct span target = span_sub(lines[0], 2, lines[0].n);
    const uint8_t *mark = target.n == 0 ? NULL : memchr(target.p, '?', target.n);
    size_t path = mark == NULL ? target.n : (size_t)(mark - target.p);
    const struct chain_api_request rq = {
        .method = lines[0].n > 0 && lines[0].p[0] == 'P' ? CHAIN_API_POST : CHAIN_API_GET,
        .path = span_sub(target, 0, path),
        .query = span_sub(target, path + 1, target.n),
        .last_event_id = lines[1],
        .body = lines[2],
    };
    struct chain_api_plan plan;
    struct writer w = writer_of(room, sizeof(room));
    ASSERT(chain_api_plan(&plan, &w, &source->src, &rq) == OK);
    if (plan.kind == CHAIN_API_STREAM) {
        struct writer out = writer_of(room, sizeof(room));
        ASSERT(chain_api_stream(&out, &plan.position, &source->src) == OK);
    }
    if (plan.kind != CHAIN_API_BODY)
        return 0;
    struct json doc;
    ASSERT(plan.status >= 200 && plan.status < 600 && plan.status != 500);
    ASSERT(json_open(&doc, writer_span(&w), sizeof(room)) == OK);
    json_close(&doc);
    struct chain_client_error error;
    if (plan.status != 200)
        ASSERT(chain_client_decode_error(&error, writer_span(&w)) == OK);
    return 0;
}
