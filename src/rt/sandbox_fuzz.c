/* Any text: the policy parser ends, and what it accepts has one canonical form. */
#include "rt/sandbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sandbox_policy a, b;
    static uint8_t text[128 << 10], again[128 << 10];
    size_t n, m;
    if (sandbox_parse(&a, span_of(data, size)) != OK) {
        ASSERT(a.rule_count == 0 && a.error_line > 0);
        return 0;
    }
    ASSERT(sandbox_format((struct mspan){ text, sizeof(text) }, &n, &a) == OK);
    ASSERT(sandbox_parse(&b, span_of(text, n)) == OK);
    ASSERT(a.rule_count == b.rule_count);
    ASSERT(sandbox_format((struct mspan){ again, sizeof(again) }, &m, &b) == OK);
    ASSERT(n == m && memcmp(text, again, n) == 0);
    return 0;
}
