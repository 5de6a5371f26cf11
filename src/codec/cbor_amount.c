/* Amounts of money, apart from cbor.c: the enclave knows no money. */
#include "base/amount.h"
#include "codec/cbor.h"

struct amount cbor_read_amount(struct cbor_reader *c)
{
    struct amount a;
    enum err e = amount_of_bytes(&a, cbor_read_bytes(c));
    cbor_require(c, e == OK, ERR_FORMAT);
    return c->r.err == OK ? a : AMOUNT_ZERO;
}

void cbor_write_amount(struct writer *w, struct amount a)
{
    uint8_t bytes[AMOUNT_BYTES_MAX];
    size_t n = amount_bytes(bytes, a);
    cbor_write_bytes(w, span_of(bytes, n));
}
