#include "codec/ss58.h"

#include "codec/multibase.h"
#include "crypto/blake2b.h"

enum { CHECKSUM_SIZE = 2, BYTES_MAX = 2 + SS58_KEY_SIZE + CHECKSUM_SIZE };

static void checksum(uint8_t out[BLAKE2B_512_SIZE], struct span body)
{
    struct span parts[2] = { span_str("SS58PRE"), body };
    blake2b(out, BLAKE2B_512_SIZE, parts, 2);
}

/* Below 64 one byte; else two: 01 and bits 7-2, then bits 1-0 and 13-8. */
static size_t prefix_encode(uint8_t out[2], uint16_t prefix)
{
    if (prefix < 64) {
        out[0] = (uint8_t)prefix;
        return 1;
    }
    out[0] = (uint8_t)((prefix & 0xfc) >> 2 | 0x40);
    out[1] = (uint8_t)(prefix >> 8 | (prefix & 3) << 6);
    return 2;
}

void ss58_format_prefix(char out[SS58_TEXT_MAX], uint16_t prefix, const uint8_t key[SS58_KEY_SIZE])
{
    ASSERT(prefix < SS58_PREFIX_LIMIT);
    uint8_t bytes[BYTES_MAX], sum[BLAKE2B_512_SIZE];
    size_t n = prefix_encode(bytes, prefix);
    memcpy(bytes + n, key, SS58_KEY_SIZE);
    n += SS58_KEY_SIZE;
    checksum(sum, span_of(bytes, n));
    memcpy(bytes + n, sum, CHECKSUM_SIZE);
    n += CHECKSUM_SIZE;
    enum err e = multibase_format_bare(out, SS58_TEXT_MAX, MULTIBASE_58BTC, span_of(bytes, n));
    ASSERT(e == OK);
}

void ss58_format(char out[SS58_TEXT_MAX], const uint8_t key[SS58_KEY_SIZE])
{
    ss58_format_prefix(out, SS58_PREFIX, key);
}

enum err ss58_parse_prefix(uint8_t key[SS58_KEY_SIZE], uint16_t *prefix, struct span text)
{
    uint8_t bytes[BYTES_MAX], sum[BLAKE2B_512_SIZE];
    size_t n = 0;
    memset(key, 0, SS58_KEY_SIZE);
    *prefix = 0;
    if (text.n >= SS58_TEXT_MAX ||
        multibase_parse_bare(bytes, &n, sizeof(bytes), MULTIBASE_58BTC, text) != OK || n == 0)
        return ERR_FORMAT;
    /* The first byte says how long the prefix is; 0x80 and above are reserved. */
    size_t head = bytes[0] < 64 ? 1 : 2;
    if (bytes[0] >= 128 || n != head + SS58_KEY_SIZE + CHECKSUM_SIZE)
        return ERR_FORMAT;
    uint16_t value = bytes[0];
    if (head == 2)
        value = (uint16_t)((bytes[0] & 0x3f) << 2 | bytes[1] >> 6 | (bytes[1] & 0x3f) << 8);
    /* SPEC keys 1.3: "A two-byte form of a prefix below 64 MUST be refused." */
    if (head == 2 && value < 64)
        return ERR_FORMAT; /* there is a shorter way to write it */
    checksum(sum, span_of(bytes, n - CHECKSUM_SIZE));
    if (memcmp(sum, bytes + n - CHECKSUM_SIZE, CHECKSUM_SIZE) != 0)
        return ERR_CORRUPT;
    memcpy(key, bytes + head, SS58_KEY_SIZE);
    *prefix = value;
    return OK;
}

enum err ss58_parse(uint8_t key[SS58_KEY_SIZE], struct span text)
{
    uint16_t prefix = 0;
    TRY(ss58_parse_prefix(key, &prefix, text));
    /* SPEC keys 1.4: "A reader MUST refuse an address with a wrong check, and one with another
     * prefix" */
    if (prefix == SS58_PREFIX)
        return OK;
    memset(key, 0, SS58_KEY_SIZE);
    return ERR_UNSUPPORTED;
}
