/* Any text: a key file that is accepted is the one that its fields give. */
#include "codec/keystore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keystore k;
    static const struct keystore zero;
    char text[KEYSTORE_TEXT_MAX];
    struct span in = span_of(data, size);
    if (keystore_parse(&k, in) == OK) {
        ASSERT(span_eq(span_of(text, keystore_format(text, &k)), in));
        ASSERT(k.passes >= ARGON2_PASSES_MIN && k.passes <= ARGON2_PASSES_MAX);
        ASSERT(k.kib >= ARGON2_KIB_MIN && k.kib <= ARGON2_KIB_MAX);
    } else {
        ASSERT(memcmp(&k, &zero, sizeof(k)) == 0);
    }
    return 0;
}
