/* Any bytes as a certificate and as a CRL: one has one length, and parts lie inside. */
#include "attest/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct x509 cert;
    struct x509_crl crl;
    struct span in = span_of(data, size);
    if (x509_decode(&cert, in) == OK) {
        ASSERT(cert.seal.tbs.p > data && cert.seal.tbs.n < size);
        ASSERT(cert.subject.n > 0 && cert.issuer.n > 0 && cert.serial.n > 0);
        struct span value;
        static const uint8_t basic[] = { 0x55, 0x1d, 0x13 };
        ASSERT(!cert.ca || x509_extension(&cert, &value, span_of(basic, sizeof(basic))));
        ASSERT(x509_decode(&cert, span_sub(in, 0, size - 1)) != OK);
    }
    if (x509_crl_decode(&crl, in) == OK) {
        ASSERT(crl.seal.tbs.p > data && crl.seal.tbs.n < size);
        static const uint8_t none[1];
        ASSERT(crl.count > 0 || !x509_crl_lists(&crl, span_of(none, 1)));
        ASSERT(x509_crl_decode(&crl, span_sub(in, 0, size - 1)) != OK);
    }
    return 0;
}
