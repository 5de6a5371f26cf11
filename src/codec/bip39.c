#include "codec/bip39.h"

#include "base/writer.h"
#include "crypto/blake2b.h"
#include "crypto/pbkdf2.h"
#include "crypto/sha256.h"

enum {
    BITS_PER_WORD = 11,
    PBKDF2_ROUNDS = 2048,
    JUNCTION_SIZE = 32,
};

static bool entropy_size_ok(size_t n)
{
    return n >= 16 && n <= BIP39_ENTROPY_MAX && n % 4 == 0;
}

/* Entropy and checksum: the first n * 8 / 32 bits of SHA-256 follow the entropy; at most 8. */
static void with_checksum(uint8_t out[BIP39_ENTROPY_MAX + 1], struct span entropy)
{
    uint8_t digest[SHA256_SIZE];
    memcpy(out, entropy.p, entropy.n);
    sha256(digest, entropy);
    out[entropy.n] = (uint8_t)(digest[0] & 0xff << (8 - entropy.n / 4));
}

enum err bip39_format(char out[BIP39_TEXT_MAX], struct span entropy)
{
    uint8_t bits[BIP39_ENTROPY_MAX + 2] = { 0 };
    AUTO(secret_wipe_span) struct mspan guard = { bits, sizeof(bits) };
    out[0] = '\0';
    if (!entropy_size_ok(entropy.n))
        return ERR_RANGE;
    with_checksum(bits, entropy);
    size_t words = entropy.n * 3 / 4, at = 0;
    for (size_t i = 0; i < words; i++) {
        unsigned index = 0;
        for (size_t b = i * BITS_PER_WORD; b < (i + 1) * BITS_PER_WORD; b++)
            index = index << 1 | (bits[b / 8] >> (7 - b % 8) & 1);
        size_t n = strlen(bip39_words[index]);
        memcpy(out + at, bip39_words[index], n);
        at += n;
        out[at++] = i + 1 < words ? ' ' : '\0';
    }
    return OK;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word in lower case, cut to what the list could hold; false at the end of the text. */
static bool next_word(char out[BIP39_WORD_MAX + 1], struct span *text)
{
    size_t n = 0;
    while (text->n != 0 && is_space(text->p[0]))
        *text = span_sub(*text, 1, text->n);
    while (text->n != 0 && !is_space(text->p[0])) {
        uint8_t c = text->p[0];
        if (n < BIP39_WORD_MAX)
            out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        *text = span_sub(*text, 1, text->n);
    }
    out[n] = '\0';
    return n != 0;
}

/* The place of word in the list; false when it is not there. */
static bool find_word(unsigned *index, const char *word)
{
    unsigned low = 0, high = BIP39_WORD_COUNT;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = strcmp(word, bip39_words[middle]);
        if (order == 0) {
            *index = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Reads words into bits, most significant first. */
static enum err read_words(uint8_t *bits, size_t *count, struct span text)
{
    char word[BIP39_WORD_MAX + 1];
    AUTO(secret_wipe_span) struct mspan guard = { (uint8_t *)word, sizeof(word) };
    bool unknown = false;
    for (*count = 0; next_word(word, &text); ++*count) {
        unsigned index = 0;
        if (*count == BIP39_WORDS_MAX)
            return ERR_RANGE;
        unknown = !find_word(&index, word) || unknown;
        for (size_t i = 0; i < BITS_PER_WORD; i++) {
            size_t b = *count * BITS_PER_WORD + i;
            if (index >> (BITS_PER_WORD - 1 - i) & 1)
                bits[b / 8] |= (uint8_t)(0x80 >> b % 8);
        }
    }
    if (*count < 12 || *count % 3 != 0)
        return ERR_RANGE;
    return unknown ? ERR_NOT_FOUND : OK;
}

enum err bip39_parse(uint8_t entropy[BIP39_ENTROPY_MAX], size_t *size, struct span text)
{
    uint8_t bits[BIP39_ENTROPY_MAX + 2] = { 0 }, want[BIP39_ENTROPY_MAX + 2] = { 0 };
    AUTO(secret_wipe_span) struct mspan guard = { bits, sizeof(bits) };
    AUTO(secret_wipe_span) struct mspan other = { want, sizeof(want) };
    size_t count = 0;
    memset(entropy, 0, BIP39_ENTROPY_MAX);
    *size = 0;
    TRY(read_words(bits, &count, text));
    size_t n = count * 4 / 3;
    with_checksum(want, span_of(bits, n));
    if (!secret_eq(bits, want, sizeof(bits)))
        return ERR_CORRUPT;
    memcpy(entropy, bits, n);
    *size = n;
    return OK;
}

enum err bip39_seed(struct secret *out, struct span entropy, struct span password)
{
    uint8_t salt[8 + BIP39_PASSWORD_MAX], wide[64];
    AUTO(secret_wipe_span) struct mspan guard = { salt, sizeof(salt) };
    AUTO(secret_wipe_span) struct mspan other = { wide, sizeof(wide) };
    secret_wipe(out);
    if (!entropy_size_ok(entropy.n))
        return ERR_RANGE;
    if (password.n > BIP39_PASSWORD_MAX)
        return ERR_LIMIT;
    struct writer w = writer_of(salt, sizeof(salt));
    write_span(&w, span_str("mnemonic"));
    write_span(&w, password);
    TRY(pbkdf2_sha512((struct mspan){ wide, sizeof(wide) }, entropy, writer_span(&w),
                      PBKDF2_ROUNDS));
    memcpy(out->b, wide, sizeof(out->b));
    return OK;
}

/* ---- derivation ---------------------------------------------------------------------------- */

static bool is_number(struct span code)
{
    for (size_t i = 0; i < code.n; i++)
        if (code.p[i] < '0' || code.p[i] > '9')
            return false;
    return code.n != 0;
}

/* SCALE's compact length, then the bytes; hashed when that is more than a chain code holds. */
static enum err text_junction(uint8_t out[JUNCTION_SIZE], struct span code)
{
    uint8_t head[2];
    if (code.n >= 1u << 14)
        return ERR_LIMIT;
    size_t n = code.n < 64 ? 1 : 2;
    store_le16(head, (uint16_t)(code.n << 2 | (n - 1)));
    if (n + code.n <= JUNCTION_SIZE) {
        memcpy(out, head, n);
        memcpy(out + n, code.p, code.n);
        return OK;
    }
    struct span parts[2] = { span_of(head, n), code };
    blake2b(out, JUNCTION_SIZE, parts, 2);
    return OK;
}

/* The chain code of one junction: a number as 64 bits little-endian, else text. */
static enum err junction(uint8_t out[JUNCTION_SIZE], struct span code)
{
    memset(out, 0, JUNCTION_SIZE);
    if (!is_number(code))
        return text_junction(out, code);
    uint64_t value = 0;
    for (size_t i = 0; i < code.n; i++)
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(code.p[i] - '0'), &value))
            return ERR_RANGE;
    store_le64(out, value);
    return OK;
}

/* Cuts the next "//code" off the path. */
static enum err next_junction(struct span *code, struct span *path)
{
    if (path->p[0] != '/')
        return ERR_FORMAT;
    /* SPEC keys 3.1: "Soft junctions (`/x`) do not exist for Ed25519 and MUST be refused." */
    if (path->n < 2 || path->p[1] != '/')
        return ERR_UNSUPPORTED;
    *path = span_sub(*path, 2, path->n);
    size_t n = 0;
    while (n < path->n && path->p[n] != '/')
        n++;
    /* Rust reads "+5" as a number, JavaScript as text. */
    /* SPEC keys 3.2: "a code that begins with `+` MUST be refused: other software disagrees about
     * them." */
    if (n == 0 || path->p[0] == '+')
        return ERR_FORMAT;
    *code = span_sub(*path, 0, n);
    *path = span_sub(*path, n, path->n);
    return OK;
}

enum err bip39_derive(struct secret *seed, struct span path)
{
    AUTO(secret_wipe) struct secret now = *seed;
    for (size_t i = 0; path.n != 0; i++) {
        struct span code = { 0 };
        uint8_t chain[JUNCTION_SIZE];
        if (i == BIP39_JUNCTIONS_MAX)
            return ERR_LIMIT;
        TRY(next_junction(&code, &path));
        TRY(junction(chain, code));
        struct span parts[3] = { span_str("\x2c"
                                          "Ed25519HDKD"), /* SCALE: 11 << 2, then the text */
                                 span_of(now.b, sizeof(now.b)), span_of(chain, sizeof(chain)) };
        struct secret next;
        blake2b(next.b, sizeof(next.b), parts, 3);
        now = next;
        secret_wipe(&next);
    }
    *seed = now;
    return OK;
}

enum err bip39_keypair(struct ed25519_key *out, struct span phrase, struct span password,
                       struct span path)
{
    uint8_t entropy[BIP39_ENTROPY_MAX];
    AUTO(secret_wipe_span) struct mspan guard = { entropy, sizeof(entropy) };
    AUTO(secret_wipe) struct secret seed = { { 0 } };
    size_t n = 0;
    *out = (struct ed25519_key){ 0 };
    TRY(bip39_parse(entropy, &n, phrase));
    TRY(bip39_seed(&seed, span_of(entropy, n), password));
    TRY(bip39_derive(&seed, path));
    ed25519_keypair(out, seed.b);
    return OK;
}
