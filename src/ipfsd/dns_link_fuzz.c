#include "ipfsd/dns_link.h"

/* Any message: a link that is found can be followed, and is found again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gateway_dnslink a, b;
    enum err e = dns_link_parse(&a, span_of(data, size));
    ASSERT(dns_link_parse(&b, span_of(data, size)) == e);
    ASSERT(memcmp(&a, &b, sizeof(a)) == 0);
    if (e != OK) {
        ASSERT(a.value[0] == '\0' && a.ttl_s == 0);
        return 0;
    }
    ASSERT(strncmp(a.value, "/ipfs/", 6) == 0 || strncmp(a.value, "/ipns/", 6) == 0);
    ASSERT(strlen(a.value) < GATEWAY_VALUE_MAX && a.ttl_s > 0);
    return 0;
}
