#include "codec/key_pem.h"

#include "base/reader.h"
#include "crypto/secret.h"

#define FIRST "-----BEGIN PRIVATE KEY-----"
#define LAST  "-----END PRIVATE KEY-----"

enum { DER_HEAD = 16, DER_SIZE = DER_HEAD + ED25519_SEED_SIZE, TEXT_SIZE = DER_SIZE / 3 * 4 };

/* RFC 8410 7: version 0, id-Ed25519 1.3.101.112, the seed as an OCTET STRING in an OCTET STRING. */
static const uint8_t head[DER_HEAD] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                        0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };

static const uint8_t alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool line(struct reader *r, const char *want)
{
    struct span got = read_span(r, strlen(want));
    if (r->err == OK && r->n > 0 && r->p[0] == '\r')
        (void)read_u8(r);
    if (r->err == OK && r->n > 0 && read_u8(r) != '\n')
        return false;
    return r->err == OK && span_eq(got, span_str(want));
}

bool key_pem_is(struct span text)
{
    return span_eq(span_sub(text, 0, strlen(FIRST)), span_str(FIRST));
}

static bool decode(uint8_t der[DER_SIZE], struct span text)
{
    for (size_t i = 0; i < TEXT_SIZE / 4; i++) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            const uint8_t *at = memchr(alphabet, text.p[4 * i + k], sizeof(alphabet));
            if (at == NULL)
                return false;
            v = v << 6 | (uint32_t)(at - alphabet);
        }
        for (size_t k = 0; k < 3; k++)
            der[3 * i + k] = (uint8_t)(v >> (16 - 8 * k));
    }
    return memcmp(der, head, DER_HEAD) == 0;
}

enum err key_pem_read(struct ed25519_key *out, struct span text)
{
    uint8_t der[DER_SIZE];
    char body[TEXT_SIZE + 1] = "";
    struct reader r = reader_of(text);
    ed25519_wipe(out);
    bool good = line(&r, FIRST);
    if (good && r.n >= TEXT_SIZE)
        memcpy(body, r.p, TEXT_SIZE);
    good = good && strlen(body) == TEXT_SIZE && line(&r, body) && line(&r, LAST) && r.n == 0 &&
           decode(der, span_of(body, TEXT_SIZE));
    if (good)
        ed25519_keypair(out, der + DER_HEAD);
    secret_wipe_bytes(der, sizeof(der));
    secret_wipe_bytes(body, sizeof(body));
    return good ? OK : ERR_FORMAT;
}

void key_pem_write(struct writer *w, const struct ed25519_key *pair)
{
    uint8_t der[DER_SIZE];
    memcpy(der, head, DER_HEAD);
    memcpy(der + DER_HEAD, pair->seed, ED25519_SEED_SIZE);
    write_span(w, span_str(FIRST "\n"));
    for (size_t i = 0; i < DER_SIZE; i += 3) {
        uint32_t v = (uint32_t)der[i] << 16 | (uint32_t)der[i + 1] << 8 | der[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            write_u8(w, alphabet[v >> shift & 63]);
    }
    write_span(w, span_str("\n" LAST "\n"));
    secret_wipe_bytes(der, sizeof(der));
}
