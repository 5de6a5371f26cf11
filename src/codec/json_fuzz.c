/* For any bytes: opening and walking is total, and a refusal always says why. */
#include "codec/json.h"

static void walk(struct json_value v, unsigned depth)
{
    for (size_t i = 0; i < json_count(v) && i < 8 && depth < 4; i++)
        walk(json_at(v, i), depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "a", "b" };
    struct json doc;
    if (json_open(&doc, span_of(data, size), 65536) == OK) {
        struct json_value root = json_root(&doc);
        if (json_kind(root) == JSON_KIND_OTHER)
            walk(json_find(root, "a"), 0);
        else
            (void)json_amount(root);
        json_fields(root, names, 2);
    }
    ASSERT((doc.err == OK) == (doc.what[0] == '\0'));
    json_close(&doc);
    return 0;
}
