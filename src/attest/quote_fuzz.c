/* Any bytes as a quote: what is read lies inside the input, and zeros behind it change nothing. */
#include "attest/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct quote q, again;
    if (quote_decode(&q, span_of(data, size)) != OK)
        return 0;
    const uint8_t *end = data + size;
    ASSERT(q.signed_bytes.p == data && q.signed_bytes.p + q.signed_bytes.n <= q.signature);
    ASSERT(q.attestation_key == q.signature + 64 && q.qe_bytes.n == QUOTE_SGX_BODY);
    ASSERT(q.cert_data.n == 0 || q.cert_data.p + q.cert_data.n <= end);
    static uint8_t longer[QUOTE_SIZE_MAX];
    if (size == sizeof(longer))
        return 0;
    memcpy(longer, data, size);
    longer[size] = 0;
    ASSERT(quote_decode(&again, span_of(longer, size + 1)) == OK);
    ASSERT(span_eq(again.signed_bytes, q.signed_bytes) && span_eq(again.cert_data, q.cert_data));
    longer[size] = 1;
    ASSERT(quote_decode(&again, span_of(longer, size + 1)) == ERR_TRAILING);
    return 0;
}
