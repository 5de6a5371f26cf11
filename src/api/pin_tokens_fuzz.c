/* Any file: what is taken, written again and read gives the same; a refusal says why. */
#include "api/pin_tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pin_tokens a, b;
    static uint8_t text[2 * PIN_TOKENS_FILE_MAX];
    char why[PIN_TOKENS_WHY_MAX];
    enum err e = pin_tokens_parse(&a, why, span_of(data, size));
    ASSERT((e == OK) == (why[0] == '\0'));
    if (e != OK)
        return 0;
    struct writer w = writer_of(text, sizeof(text));
    pin_tokens_format(&w, &a);
    ASSERT(w.err == OK && w.len <= PIN_TOKENS_FILE_MAX);
    ASSERT(pin_tokens_parse(&b, why, writer_span(&w)) == OK);
    ASSERT(memcmp(&a, &b, sizeof(a)) == 0);
    return 0;
}
