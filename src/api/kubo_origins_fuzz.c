/* Any setting, any header: what is taken is bounded, reads back the same, and lets in itself. */
#include "api/kubo_origins.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kubo_origins o, again;
    static char header[512];
    size_t n = size < sizeof(header) - 1 ? size : sizeof(header) - 1;
    enum err e = kubo_origins_parse(&o, span_of(data, size));
    ASSERT(o.count <= KUBO_ORIGINS_MAX && (e == OK || o.count == 0));
    for (size_t i = 0; i < o.count; i++) {
        ASSERT(kubo_origins_parse(&again, span_str(o.list[i])) == OK && again.count == 1);
        ASSERT(strcmp(again.list[0], o.list[i]) == 0);
        ASSERT(kubo_origins_allow(&o, o.list[i]));
        ASSERT(kubo_origins_of_referer(&again, o.list[i]) == again.list[0]);
    }
    memcpy(header, data, n);
    header[n] = '\0';
    bool allowed = kubo_origins_allow(&o, header);
    ASSERT(!allowed || kubo_origins_of_referer(&o, header) != NULL);
    return 0;
}
