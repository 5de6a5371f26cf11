#include "api/gateway_range.h"
#include "api/gateway_text.h"

bool gateway_range_parse(struct gateway_range *out, bool *partial, const char *text, uint64_t size)
{
    uint64_t v[2] = { 0, 0 };
    bool have[2] = { false, false };
    *partial = false;
    *out = (struct gateway_range){ 0, size };
    if (text == NULL || strncmp(text, "bytes=", 6) != 0)
        return true;
    const char *s = text + 6;
    for (int i = 0; i < 2; i++) {
        for (; *s >= '0' && *s <= '9'; s++) {
            have[i] = true;
            if (v[i] > (UINT64_MAX - 9) / 10)
                return true;
            v[i] = v[i] * 10 + (uint64_t)(*s - '0');
        }
        if (*s != (i == 0 ? '-' : '\0'))
            return true;
        s++;
    }
    if (!have[0] && !have[1])
        return true;
    *partial = true;
    if (!have[0]) { /* the last v[1] bytes */
        uint64_t n = v[1] < size ? v[1] : size;
        *out = (struct gateway_range){ size - n, n };
        return n > 0;
    }
    if (have[1] && v[1] < v[0]) {
        *partial = false;
        return true;
    }
    if (v[0] >= size)
        return false;
    uint64_t end = have[1] && v[1] < size - 1 ? v[1] : size - 1;
    *out = (struct gateway_range){ v[0], end - v[0] + 1 };
    return true;
}

/* If-None-Match by weak comparison: W/ is looked through. */
bool gateway_range_not_modified(const char *list, const char *etag)
{
    if (list == NULL)
        return false;
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    size_t n = strlen(etag);
    for (const char *s = list; *s != '\0';) {
        while (*s == ' ' || *s == ',')
            s++;
        if (*s == '*')
            return true;
        if (strncmp(s, "W/", 2) == 0)
            s += 2;
        if (strncmp(s, etag, n) == 0 && (s[n] == '\0' || s[n] == ',' || s[n] == ' '))
            return true;
        while (*s != '\0' && *s != ',')
            s++;
    }
    return false;
}

void gateway_range_apply(struct gateway_answer *a, struct gateway_range *range,
                         const struct gateway_request *rq, const char *etag, uint64_t size)
{
    bool partial;
    const char *wanted = rq->range;
    if (rq->if_range != NULL && strcmp(rq->if_range, etag) != 0)
        wanted = NULL;
    if (!gateway_range_parse(range, &partial, wanted, size)) {
        gateway_text_refuse(a, 416, "there are %llu bytes\n", (unsigned long long)size);
        gateway_text_header(a, "Content-Range", "bytes */%llu", (unsigned long long)size);
        return;
    }
    a->status = partial ? 206 : 200;
    a->size = range->size;
    if (partial)
        gateway_text_header(
            a, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)range->from,
            (unsigned long long)(range->from + range->size - 1), (unsigned long long)size);
}
