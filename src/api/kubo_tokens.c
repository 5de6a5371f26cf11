#include "api/kubo_tokens.h"

#include "api/pin_tokens.h"
#include "base/hex.h"
#include "crypto/sha256.h"

enum { DIGITS = 64 };

static struct span take_line(struct span *in)
{
    size_t n = 0;
    while (n < in->n && in->p[n] != '\n')
        n++;
    struct span line = span_sub(*in, 0, n);
    *in = span_sub(*in, n < in->n ? n + 1 : n, in->n);
    return line;
}

static enum err take_hash(struct kubo_tokens *t, struct span line)
{
    char text[DIGITS + 1];
    /* SPEC kubo-rpc 4.2: "64 hexadecimal digits, and after a space anything" */
    if (line.n < DIGITS || (line.n > DIGITS && line.p[DIGITS] != ' '))
        return ERR_FORMAT;
    if (t->count == KUBO_TOKENS_MAX)
        return ERR_LIMIT;
    memcpy(text, line.p, DIGITS);
    text[DIGITS] = '\0';
    TRY(hex_parse(t->hashes[t->count], 32, text));
    t->count++;
    return OK;
}

enum err kubo_tokens_parse(struct kubo_tokens *out, struct span file)
{
    *out = (struct kubo_tokens){ 0 };
    enum err e = file.n > KUBO_TOKENS_FILE_MAX ? ERR_LIMIT : OK;
    while (e == OK && file.n > 0) {
        struct span line = take_line(&file);
        if (line.n > 0 && line.p[0] != '#')
            e = take_hash(out, line);
    }
    if (e == OK && out->count == 0)
        e = ERR_FORMAT;
    if (e != OK)
        *out = (struct kubo_tokens){ 0 };
    return e;
}

bool kubo_tokens_allow(const struct kubo_tokens *t, const char *header)
{
    struct span token;
    uint8_t hash[32];
    bool found = false;
    if (!pin_tokens_bearer(&token, header) || token.n < KUBO_TOKENS_SECRET_MIN ||
        token.n > KUBO_TOKENS_SECRET_MAX)
        return false;
    sha256(hash, token);
    for (size_t i = 0; i < t->count; i++) {
        uint8_t differs = 0;
        for (size_t b = 0; b < sizeof(hash); b++)
            differs |= (uint8_t)(hash[b] ^ t->hashes[i][b]);
        found |= differs == 0;
    }
    return found;
}
