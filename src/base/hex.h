/* hex: lower-case base16 text. Pure. */
#ifndef CRUST_BASE_HEX_H
#define CRUST_BASE_HEX_H

#include "base/err.h"
#include "base/span.h"

/* hex_format writes 2 * in.n digits and a NUL; out holds 2 * in.n + 1 bytes. */
void hex_format(char *out, struct span in);

/* hex_digit gives the value of a digit of either case, -1 for another character. */
int hex_digit(char c);

/* hex_parse reads exactly 2 * n digits of either case; ERR_FORMAT otherwise, out zeroed then. */
NODISCARD enum err hex_parse(uint8_t *out, size_t n, const char *text);

#endif
