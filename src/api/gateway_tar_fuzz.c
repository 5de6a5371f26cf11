/* Any name of an entry in any folder: what is let into an archive is below its root, and holds no
 * segment that could lead out again. Input: the folder below the root, line feed, the entry. */
#include "api/gateway_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segments(struct span name)
{
    for (size_t i = 0; i < name.n;) {
        size_t n = 0;
        while (i + n < name.n && name.p[i + n] != '/')
            n++;
        struct span segment = span_sub(name, i, n);
        ASSERT(n > 0 && memchr(segment.p, '\0', n) == NULL);
        ASSERT(!span_eq(segment, span_str(".")) && !span_eq(segment, span_str("..")));
        i += n + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char root[] = "bafy";
    char base[GATEWAY_TAR_NAME_MAX], out[GATEWAY_TAR_NAME_MAX];
    struct span in = span_of(data, size);
    size_t n = 0, base_size, out_size;
    while (n < size && data[n] != '\n')
        n++;
    if (gateway_tar_join(base, &base_size, span_str(root), 4, span_sub(in, 0, n)) != OK)
        return 0;
    struct span folder = span_of(base, base_size);
    check_segments(folder);
    if (gateway_tar_join(out, &out_size, folder, 4, span_sub(in, n + 1, size)) != OK)
        return 0;
    struct span name = span_of(out, out_size);
    ASSERT(name.n > 5 && name.n <= GATEWAY_TAR_NAME_MAX && memcmp(name.p, "bafy/", 5) == 0);
    check_segments(name);
    return 0;
}
