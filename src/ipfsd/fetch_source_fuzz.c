/* Any bytes as the URL of a source: what is taken has a scheme and a host, no character that
 * changes what a request asks for, and is its own shortest form. */
#include "ipfsd/fetch_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_source s, again;
    char url[FETCH_LEG_URL_MAX];
    const struct content_key key = { .codec = CID_CODEC_RAW };
    if (fetch_source_parse(&s, span_of(data, size)) != OK)
        return 0;
    const size_t n = strlen(s.url);
    ASSERT(n <= size && memcmp(s.url, data, n) == 0);
    ASSERT(s.host_n > strlen("http://") && s.host_n <= n);
    ASSERT(strpbrk(s.url, " \r\n\t?#@\\\"") == NULL);
    ASSERT(strstr(s.url + s.host_n, "/ipfs/") == NULL); /* a host may have that name */
    fetch_source_url(url, &s, &key, "car&dag-scope=all&car-order=dfs&car-dups=n");
    ASSERT(strncmp(url, s.url, n) == 0 && strncmp(url + n, "/ipfs/", 6) == 0);
    enum err e = fetch_source_parse(&again, span_str(s.url));
    ASSERT(e == OK && strcmp(again.url, s.url) == 0 && again.host_n == s.host_n);
    return 0;
}
