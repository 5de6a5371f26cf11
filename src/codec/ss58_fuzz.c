/* Any text: an address that is accepted is the one that its key and prefix give. */
#include "codec/ss58.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t key[SS58_KEY_SIZE], ours[SS58_KEY_SIZE];
    uint16_t prefix = 0;
    char text[SS58_TEXT_MAX];
    struct span in = span_of(data, size);
    enum err e = ss58_parse_prefix(key, &prefix, in);
    enum err own = ss58_parse(ours, in);
    ASSERT((own == OK) == (e == OK && prefix == SS58_PREFIX));
    if (e == OK) {
        ss58_format_prefix(text, prefix, key);
        ASSERT(span_eq(span_str(text), in));
    }
    if (size >= SS58_KEY_SIZE + 2) {
        uint16_t any = (uint16_t)(load_le16(data) % SS58_PREFIX_LIMIT);
        ss58_format_prefix(text, any, data + 2);
        e = ss58_parse_prefix(key, &prefix, span_str(text));
        ASSERT(e == OK && prefix == any && memcmp(key, data + 2, SS58_KEY_SIZE) == 0);
    }
    return 0;
}
