/* pem: the frame of certificates in text (RFC 7468), as quotes carry them: blocks of
 * "-----BEGIN CERTIFICATE-----", base64 in lines, "-----END CERTIFICATE-----", each line ended by
 * LF; after the last block one LF and one NUL may stand or be missing. Nothing else. Pure. */
#ifndef CRUST_ATTEST_PEM_H
#define CRUST_ATTEST_PEM_H

#include "base/reader.h"

enum {
    PEM_CERTS_MAX = 4,
    PEM_BYTES_MAX = 6144, /* of all certificates together; real chains have 2.5 KiB */
    PEM_LINE_MAX = 76,
};

struct pem_chain {
    uint8_t bytes[PEM_BYTES_MAX];
    struct span certs[PEM_CERTS_MAX]; /* DER, into bytes: do not copy the struct */
    size_t count;
};

/* pem_decode reads 1 to PEM_CERTS_MAX certificates. Out: *out; count is 0 on failure. Returns OK,
 * ERR_SHORT, ERR_FORMAT, ERR_LIMIT, ERR_TRAILING. */
NODISCARD enum err pem_decode(struct pem_chain *out, struct span text);

#endif
