/* bip39: phrases of 12 to 24 English words, and the Ed25519 keys that Polkadot wallets make of
 * them.
 *
 * Words and checksum are BIP-39's. The seed is substrate-bip39's, not BIP-39's: PBKDF2 runs over
 * the entropy instead of the text. Derivation is Substrate's "Ed25519HDKD", hard junctions only:
 * Ed25519 has no soft ones. So a phrase gives the same address here and in those wallets (key type
 * ed25519). Pure; outputs are secrets: the caller wipes them. */
#ifndef CRUST_CODEC_BIP39_H
#define CRUST_CODEC_BIP39_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/ed25519.h"
#include "crypto/secret.h"

enum {
    BIP39_WORD_COUNT = 2048,
    BIP39_WORD_MAX = 9, /* eight letters and a NUL */
    BIP39_ENTROPY_MAX = 32,
    BIP39_WORDS_MAX = 24,
    BIP39_TEXT_MAX = BIP39_WORDS_MAX * BIP39_WORD_MAX, /* with spaces and a NUL */
    BIP39_PASSWORD_MAX = 256,
    BIP39_JUNCTIONS_MAX = 16,
};

/* The word list of bitcoin/bips bip-0039/english.txt, ascending (bip39_words.c). */
extern const char bip39_words[BIP39_WORD_COUNT][BIP39_WORD_MAX];

/* bip39_format writes the phrase of 16, 20, 24, 28 or 32 bytes of entropy: words with one space
 * between, NUL-terminated. ERR_RANGE: another size; out is "" then. */
NODISCARD enum err bip39_format(char out[BIP39_TEXT_MAX], struct span entropy);

/* bip39_parse reads a phrase as a person types it: either case, any white space between the words.
 * Out:     entropy[0..*size).
 * Returns: OK; ERR_RANGE (not 12, 15, 18, 21 or 24 words); ERR_NOT_FOUND (a word that is not on the
 *          list); ERR_CORRUPT (the words do not belong together: one is wrong or misplaced).
 *          entropy and *size are zeroed on failure. */
NODISCARD enum err bip39_parse(uint8_t entropy[BIP39_ENTROPY_MAX], size_t *size, struct span text);

/* bip39_seed derives the 32-byte mini secret: PBKDF2-HMAC-SHA512(entropy, "mnemonic" || password,
 * 2048 rounds), its first half. The password is taken as bytes, without normalisation, as the
 * wallets do. Returns: OK, ERR_RANGE (entropy size), ERR_LIMIT (password longer than
 * BIP39_PASSWORD_MAX), ERR_MEMORY; *out is zeroed on failure. */
NODISCARD enum err bip39_seed(struct secret *out, struct span entropy, struct span password);

/* bip39_derive follows a path such as "//Alice//1", empty for none, in place.
 * Returns: OK; ERR_FORMAT (not a path); ERR_UNSUPPORTED (a soft junction, "/x"); ERR_RANGE (a
 * number above 2^64 - 1, of which the wallets disagree); ERR_LIMIT (more than BIP39_JUNCTIONS_MAX).
 *          *seed is unchanged on failure. */
NODISCARD enum err bip39_derive(struct secret *seed, struct span path);

/* bip39_keypair does all three: the key of a phrase, a password and a path. Errors as above; *out
 * is zeroed on failure. */
NODISCARD enum err bip39_keypair(struct ed25519_key *out, struct span phrase, struct span password,
                                 struct span path);

#endif
