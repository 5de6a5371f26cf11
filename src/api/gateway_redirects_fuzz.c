/* Any file for any path: an answer is one of the statuses that a rule may have, its address is
 * one that may stand in a header, and asking again gives the same. Input: path, line feed, file. */
#include "api/gateway_redirects.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gateway_redirect a, b;
    char why[GATEWAY_REDIRECTS_WHY_MAX], again[GATEWAY_REDIRECTS_WHY_MAX];
    struct span in = span_of(data, size);
    size_t n = 0;
    while (n < size && data[n] != '\n')
        n++;
    struct span path = span_sub(in, 0, n), file = span_sub(in, n + 1, size);
    enum err e = gateway_redirects_match(&a, why, file, path);
    ASSERT(gateway_redirects_match(&b, again, file, path) == e);
    ASSERT(a.status == b.status && strcmp(a.to, b.to) == 0 && strcmp(why, again) == 0);
    ASSERT(e == OK || (a.status == 0 && why[0] != '\0'));
    ASSERT(a.status == 0 ? a.to[0] == '\0' : strlen(a.to) < GATEWAY_REDIRECTS_TO_MAX);
    if (a.status == 0)
        return 0;
    bool away = strncmp(a.to, "http://", 7) == 0 || strncmp(a.to, "https://", 8) == 0;
    ASSERT(a.to[0] == '/' || (away && a.status >= 300 && a.status < 400));
    return 0;
}
