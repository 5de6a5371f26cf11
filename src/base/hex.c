#include "base/hex.h"

void hex_format(char *out, struct span in)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < in.n; i++) {
        out[2 * i] = digit[in.p[i] >> 4];
        out[2 * i + 1] = digit[in.p[i] & 15];
    }
    out[2 * in.n] = '\0';
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err hex_parse(uint8_t *out, size_t n, const char *text)
{
    if (n != 0)
        memset(out, 0, n);
    if (strlen(text) != 2 * n)
        return ERR_FORMAT;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(text[2 * i]);
        int lo = hex_digit(text[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            memset(out, 0, n);
            return ERR_FORMAT;
        }
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return OK;
}
