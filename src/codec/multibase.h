/* multibase: bytes as text with a one-letter prefix that names the base.
 * Spec: multiformats/multibase. Bases: base16 f/F, base32 b/B, base36 k/K, base58btc z, base64 m,
 * base64url u (without padding). The first three are read in either case. Pure. */
#ifndef CRUST_CODEC_MULTIBASE_H
#define CRUST_CODEC_MULTIBASE_H

#include "base/err.h"
#include "base/span.h"

enum multibase {
    MULTIBASE_16 = 'f',
    MULTIBASE_32 = 'b',
    MULTIBASE_36 = 'k',
    MULTIBASE_58BTC = 'z',
    MULTIBASE_64 = 'm',
    MULTIBASE_64URL = 'u',
};

/* Base 36 and 58 are quadratic in the length, so their input is bounded: CIDs and keys are short.
 */
enum { MULTIBASE_BIG_MAX = 256 };

/* Room for the text of n bytes in any base, with prefix and NUL. */
#define MULTIBASE_TEXT_MAX(n) (2 * (n) + 2)

/* multibase_format writes the prefix, the digits in lower case where there is a choice, and a NUL.
 *
 * Out:     out[0..n).
 * Returns: OK; ERR_LIMIT when n is too small or a base 36/58 input exceeds MULTIBASE_BIG_MAX (out
 * is then the empty string when n > 0). */
NODISCARD enum err multibase_format(char *out, size_t n, enum multibase base, struct span in);

/* multibase_parse reads text with its prefix.
 *
 * Out:     out[0..*size). *size is 0 on failure.
 * Returns: OK; ERR_UNSUPPORTED for another prefix; ERR_FORMAT for a digit that is not of the base,
 *          an impossible length, or trailing bits that are not zero; ERR_LIMIT when n is too small.
 */
NODISCARD enum err multibase_parse(uint8_t *out, size_t *size, size_t n, struct span text);

/* The same without a prefix. */
NODISCARD enum err multibase_format_bare(char *out, size_t n, enum multibase base, struct span in);
NODISCARD enum err multibase_parse_bare(uint8_t *out, size_t *size, size_t n, enum multibase base,
                                        struct span text);

#endif
