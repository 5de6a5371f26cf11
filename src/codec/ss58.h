/* ss58: account addresses as text: base58 of a network prefix, a 32-byte key and two checksum
 * bytes. Spec: the SS58 registry of Substrate (docs.substrate.io/reference/address-formats); the
 * checksum is the start of BLAKE2b-512("SS58PRE" || prefix || key). Addresses here have prefix 66,
 * as on Crust ("cT..."). Pure. */
#ifndef CRUST_CODEC_SS58_H
#define CRUST_CODEC_SS58_H

#include "base/err.h"
#include "base/span.h"

enum {
    SS58_PREFIX = 66,          /* Crust mainnet in the registry */
    SS58_PREFIX_LIMIT = 16384, /* prefixes have 14 bits */
    SS58_KEY_SIZE = 32,
    SS58_TEXT_MAX = 52, /* 36 bytes are at most 50 digits, and a NUL */
};

/* ss58_format writes the address of key on this network, NUL-terminated. */
void ss58_format(char out[SS58_TEXT_MAX], const uint8_t key[SS58_KEY_SIZE]);

/* ss58_format_prefix does so for any network; prefix < SS58_PREFIX_LIMIT (asserted). */
void ss58_format_prefix(char out[SS58_TEXT_MAX], uint16_t prefix, const uint8_t key[SS58_KEY_SIZE]);

/* ss58_parse reads an address of this network.
 * Returns: OK; ERR_FORMAT (not base58, or of another length); ERR_CORRUPT (the checksum is wrong: a
 *          typing error); ERR_UNSUPPORTED (a right address of another network). key is zeroed on
 *          failure. Only the text that ss58_format gives is accepted. */
NODISCARD enum err ss58_parse(uint8_t key[SS58_KEY_SIZE], struct span text);

/* ss58_parse_prefix reads an address of any network and tells its prefix, so that a refusal can
 * name it. Returns: OK, ERR_FORMAT, ERR_CORRUPT; outputs are zeroed on failure. */
NODISCARD enum err ss58_parse_prefix(uint8_t key[SS58_KEY_SIZE], uint16_t *prefix,
                                     struct span text);

#endif
