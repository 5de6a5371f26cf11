/* For any bytes: what decodes encodes to those very bytes, and hashing and checking are total. */
#include "codec/cbor.h"
#include "codec/tx.h"

static uint8_t again[TX_SIZE_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct tx tx;
    if (tx_decode(&tx, in) != OK)
        return 0;
    struct writer w = writer_of(again, sizeof(again));
    tx_encode(&w, &tx);
    ASSERT(w.err == OK);
    ASSERT(span_eq(writer_span(&w), in));
    ASSERT(cbor_validate(in, CBOR_STRICT) == OK); /* any reader of DAG-CBOR takes it */
    ASSERT(tx_check_signature(&tx, in) != ERR_FORMAT);
    return 0;
}
