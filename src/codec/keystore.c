#include "codec/keystore.h"

#include "base/hex.h"
#include "base/reader.h"
#include "base/writer.h"
#include "codec/ss58.h"
#include "crypto/secret.h"

static const char first_line[] = "crust-key 1\n";

static void write_hex(struct writer *w, const uint8_t *p, size_t n)
{
    char text[2 * KEYSTORE_BOX_SIZE + 1];
    ASSERT(n <= KEYSTORE_BOX_SIZE);
    hex_format(text, span_of(p, n));
    write_span(w, span_str(text));
}

static void write_decimal(struct writer *w, uint32_t v)
{
    char digits[10];
    size_t n = sizeof(digits);
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    write_bytes(w, digits + n, sizeof(digits) - n);
}

/* The lines before the box, which the box authenticates. */
static void write_head(struct writer *w, const struct keystore *k)
{
    char address[SS58_TEXT_MAX];
    ss58_format(address, k->public_key);
    write_span(w, span_str(first_line));
    write_span(w, span_str("address "));
    write_span(w, span_str(address));
    write_span(w, span_str("\nkdf argon2id "));
    write_decimal(w, k->passes);
    write_u8(w, ' ');
    write_decimal(w, k->kib);
    write_u8(w, ' ');
    write_hex(w, k->salt, sizeof(k->salt));
    write_u8(w, '\n');
}

size_t keystore_format(char out[KEYSTORE_TEXT_MAX], const struct keystore *k)
{
    struct writer w = writer_of((uint8_t *)out, KEYSTORE_TEXT_MAX);
    write_head(&w, k);
    write_span(&w, span_str("box "));
    write_hex(&w, k->nonce, sizeof(k->nonce));
    write_u8(&w, ' ');
    write_hex(&w, k->box, sizeof(k->box));
    write_u8(&w, '\n');
    size_t n = w.len;
    write_u8(&w, '\0');
    ASSERT(w.err == OK);
    return n;
}

/* The bytes up to end, which is skipped. */
static struct span read_until(struct reader *r, uint8_t end)
{
    size_t n = 0;
    while (n < r->n && r->p[n] != end)
        n++;
    struct span s = read_span(r, n);
    reader_require(r, read_u8(r) == end, ERR_FORMAT);
    return s;
}

static void read_text(struct reader *r, const char *want)
{
    struct span s = read_span(r, strlen(want));
    reader_require(r, span_eq(s, span_str(want)), ERR_FORMAT);
}

static void read_hex(struct reader *r, uint8_t *out, size_t n, uint8_t end)
{
    char text[2 * KEYSTORE_BOX_SIZE + 1] = { 0 };
    struct span s = read_until(r, end);
    reader_require(r, s.n == 2 * n, ERR_FORMAT);
    if (r->err != OK)
        return;
    memcpy(text, s.p, s.n);
    reader_require(r, hex_parse(out, n, text) == OK, ERR_FORMAT);
}

/* At most seven digits, which is above every limit. */
static uint32_t read_decimal(struct reader *r, uint32_t min, uint32_t max)
{
    struct span s = read_until(r, ' ');
    uint32_t v = 0;
    reader_require(r, s.n >= 1 && s.n <= 7, ERR_FORMAT);
    for (size_t i = 0; i < s.n && r->err == OK; i++) {
        reader_require(r, s.p[i] >= '0' && s.p[i] <= '9', ERR_FORMAT);
        v = v * 10 + (uint32_t)(s.p[i] - '0');
    }
    reader_require(r, v >= min && v <= max, ERR_RANGE);
    return v;
}

static void read_fields(struct reader *r, struct keystore *out)
{
    struct span version = read_until(r, '\n');
    reader_require(r, version.n > 10 && memcmp(version.p, first_line, 10) == 0, ERR_FORMAT);
    reader_require(r, r->err != OK || span_eq(version, span_str("crust-key 1")), ERR_UNSUPPORTED);
    read_text(r, "address ");
    struct span address = read_until(r, '\n');
    reader_require(r, ss58_parse(out->public_key, address) == OK, ERR_FORMAT);
    read_text(r, "kdf argon2id ");
    /* SPEC keystore 1.3: "PASSES MUST be in 1..16 and KIB (the memory, in KiB) in 8..1048576" */
    out->passes = read_decimal(r, ARGON2_PASSES_MIN, ARGON2_PASSES_MAX);
    out->kib = read_decimal(r, ARGON2_KIB_MIN, ARGON2_KIB_MAX);
    read_hex(r, out->salt, sizeof(out->salt), '\n');
    read_text(r, "box ");
    read_hex(r, out->nonce, sizeof(out->nonce), ' ');
    read_hex(r, out->box, sizeof(out->box), '\n');
}

enum err keystore_parse(struct keystore *out, struct span text)
{
    struct reader r = reader_of(text);
    *out = (struct keystore){ 0 };
    read_fields(&r, out);
    enum err e = reader_finish(&r);
    /* One text for one key: leading zeros and upper-case digits are caught by writing it again. */
    /* SPEC keystore 1.5: "A reader MUST refuse any other text, so that at most one text stands for
     * a key file." */
    char again[KEYSTORE_TEXT_MAX];
    if (e == OK && !span_eq(text, span_of(again, keystore_format(again, out))))
        e = ERR_FORMAT;
    if (e != OK)
        *out = (struct keystore){ 0 };
    return e == OK || e == ERR_RANGE || e == ERR_UNSUPPORTED ? e : ERR_FORMAT;
}

/* What seal and open share: the key from the password, and the head as associated data. */
static enum err prepare(struct secret *key, struct writer *head, const struct keystore *k,
                        struct span password)
{
    TRY(argon2_id(key, password, k->salt, k->passes, k->kib));
    write_head(head, k);
    ASSERT(head->err == OK);
    return OK;
}

enum err keystore_seal(struct keystore *k, const struct ed25519_key *key, struct span password)
{
    AUTO(secret_wipe) struct secret secret = { { 0 } };
    uint8_t buf[KEYSTORE_TEXT_MAX];
    struct writer head = writer_of(buf, sizeof(buf));
    memcpy(k->public_key, key->public_key, sizeof(k->public_key));
    memset(k->box, 0, sizeof(k->box));
    TRY(prepare(&secret, &head, k, password));
    struct aead a = { .key = secret.b, .nonce = k->nonce, .ad = writer_span(&head) };
    aead_seal(k->box, &a, span_of(key->seed, sizeof(key->seed)));
    return OK;
}

enum err keystore_open(struct ed25519_key *out, const struct keystore *k, struct span password)
{
    AUTO(secret_wipe) struct secret secret = { { 0 } };
    AUTO(secret_wipe) struct secret seed = { { 0 } };
    uint8_t buf[KEYSTORE_TEXT_MAX];
    struct writer head = writer_of(buf, sizeof(buf));
    ed25519_wipe(out);
    TRY(prepare(&secret, &head, k, password));
    struct aead a = { .key = secret.b, .nonce = k->nonce, .ad = writer_span(&head) };
    TRY(aead_open(seed.b, &a, span_of(k->box, sizeof(k->box))));
    ed25519_keypair(out, seed.b);
    /* SPEC keystore 2.3: "After decryption the reader MUST check that the seed gives the public key
     * of ADDRESS." */
    if (memcmp(out->public_key, k->public_key, sizeof(k->public_key)) == 0)
        return OK;
    ed25519_wipe(out);
    return ERR_CORRUPT;
}
