/* Any request line and headers: what is refused is refused with a clean 4xx or 5xx, a redirect has
 * an address, what is accepted has a path without dots, and asking again gives the same. Input:
 * path, query, Accept, Range, Host, X-Forwarded-Host, X-Forwarded-Proto, separated by line feeds.
 */
#include "api/gateway.h"
#include "api/gateway_host.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 7, INPUT_MAX = 16 << 10 };

static void check_answer(const struct gateway_answer *a)
{
    ASSERT((a->status >= 400 && a->status <= 599) || a->status == 301 || a->status == 302);
    ASSERT(a->header_count <= GATEWAY_HEADERS_MAX);
    bool location = false;
    for (uint32_t i = 0; i < a->header_count; i++) {
        location = location || strcmp(a->headers[i].name, "Location") == 0;
        for (const char *s = a->headers[i].value; *s != '\0'; s++)
            ASSERT((unsigned char)*s >= 0x20 && *s != 0x7f);
    }
    ASSERT(location == (a->status < 400));
}

/* A domain of a name comes back from the one label that it is made into. */
static void check_label(const char *domain)
{
    char label[2 * GATEWAY_HOST_MAX + 2], back[2 * GATEWAY_HOST_MAX + 2];
    ASSERT(gateway_host_inline(label, sizeof(label), domain) == OK);
    ASSERT(strchr(label, '.') == NULL);
    ASSERT(gateway_host_outline(back, sizeof(back), label) == OK);
    ASSERT(strcmp(back, domain) == 0);
}

static void check_query(const struct gateway_query *q)
{
    ASSERT(strstr(q->path, "/../") == NULL);
    ASSERT(strlen(q->path) < GATEWAY_PATH_MAX);
    ASSERT(strlen(q->filename) <= GATEWAY_NAME_MAX);
    ASSERT(q->root.version <= 1);
    ASSERT(!q->has_bytes || q->scope == CAR_STREAM_ENTITY);
    ASSERT(q->by_name == (q->name[0] != '\0'));
    ASSERT((q->mount == GATEWAY_MOUNT_PATH) == (q->host[0] == '\0'));
    for (const char *s = q->host; *s != '\0'; s++)
        ASSERT(*s > 0x20 && *s < 0x7f && *s != '"' && *s != '<' && *s != '/');
    if (q->by_name && !q->is_key)
        check_label(q->name);
}

static enum err no_record(void *ctx, size_t *size, struct mspan buf, const struct peer_id *name)
{
    (void)ctx;
    (void)size;
    (void)buf;
    (void)name;
    return ERR_NOT_FOUND;
}

static enum err no_link(void *ctx, struct gateway_dnslink *out, const char *domain)
{
    (void)ctx;
    (void)out;
    (void)domain;
    return ERR_NOT_FOUND;
}

static bool is_site(void *ctx, const char *host)
{
    (void)ctx;
    return strcmp(host, "site.test") == 0;
}

static void check(const struct gateway_request *rq)
{
    static struct gateway_query q, again;
    static struct gateway_answer a;
    struct gateway_range range;
    bool wanted = gateway_wants(rq);
    if (!gateway_parse(&q, &a, rq)) {
        check_answer(&a);
        return;
    }
    ASSERT(wanted);
    check_query(&q);
    ASSERT(gateway_parse(&again, &a, rq));
    ASSERT(memcmp(&q, &again, sizeof(q)) == 0);
    if (gateway_is_raw(&q)) {
        gateway_raw_headers(&a, &range, &q, 1000);
        ASSERT(range.from + range.size <= 1000);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gateway_names names = { NULL, no_record, no_link, is_site };
    if (size >= INPUT_MAX)
        return 0;
    char *text = malloc(size + 1);
    const char *parts[PARTS] = { "", "" };
    if (text == NULL)
        abort();
    if (size != 0)
        memcpy(text, data, size);
    text[size] = '\0';
    char *at = text;
    for (size_t i = 0; i < PARTS && at != NULL; i++) {
        parts[i] = at;
        at = strchr(at, '\n');
        if (at != NULL)
            *at++ = '\0';
    }
    const struct gateway_request rq = { .path = parts[0],
                                        .query = parts[1],
                                        .accept = parts[2],
                                        .range = parts[3],
                                        .host = parts[4],
                                        .forwarded_host = parts[5],
                                        .forwarded_proto = parts[6],
                                        .gateway_hosts = "gw.test",
                                        .names = &names };
    check(&rq);
    free(text);
    return 0;
}
