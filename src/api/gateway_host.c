#include "api/gateway_host.h"
#include "api/gateway_head.h"
#include "api/gateway_name.h"
#include "api/gateway_text.h"
#include "codec/multibase.h"

#include <stdio.h>

enum { LOCATION_MAX = 8192 };

/* A request's host, taken apart. */
struct host {
    char text[GATEWAY_HOST_MAX + 1]; /* lower case; empty when it cannot be used */
    char name[GATEWAY_HOST_MAX + 1]; /* without the port */
};

/* ---- the host ------------------------------------------------------------------------------- */

static bool host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-._:[]", c) != NULL;
}

/* The first of a list; anything with a strange character is as if it were not there. */
static void host_set(struct host *h, const char *text, size_t n)
{
    h->text[0] = h->name[0] = '\0';
    while (n > 0 && text[n - 1] == ' ')
        n--;
    if (n == 0 || n > GATEWAY_HOST_MAX)
        return;
    for (size_t i = 0; i < n; i++) {
        char c = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
        if (!host_char(c)) {
            h->text[0] = '\0';
            return;
        }
        h->text[i] = c;
        h->text[i + 1] = '\0';
    }
    (void)snprintf(h->name, sizeof(h->name), "%s", h->text);
    char *colon = strrchr(h->name, ':');
    if (colon != NULL && strchr(colon, ']') == NULL)
        *colon = '\0';
}

/* The path of the request, and its host: of the address when a proxy is asked, else as a proxy
 * before us says, else the header. */
static const char *host_of(struct host *h, const struct gateway_request *rq)
{
    const char *path = rq->path, *text = rq->host == NULL ? "" : rq->host;
    size_t n = strlen(text);
    for (int i = 0; i < 2; i++) {
        const char *scheme = i == 0 ? "http://" : "https://";
        if (strncmp(rq->path, scheme, strlen(scheme)) != 0)
            continue;
        text = rq->path + strlen(scheme);
        n = strcspn(text, "/");
        path = text[n] == '\0' ? "/" : text + n;
    }
    if (rq->forwarded_host != NULL) {
        text = rq->forwarded_host;
        n = strcspn(text, ",");
    }
    host_set(h, text, n);
    return path;
}

/* Whether the name is that of a gateway of ours, or below one. *below: bytes before ".GATEWAY". */
static bool host_is_ours(const char *name, const char *list, size_t *below)
{
    size_t n = strlen(name);
    for (const char *s = list == NULL ? "" : list; *s != '\0';) {
        s += strspn(s, ", ");
        size_t len = strcspn(s, ", ");
        if (len > 0 && len <= n && memcmp(name + n - len, s, len) == 0 &&
            (len == n || name[n - len - 1] == '.')) {
            *below = len == n ? 0 : n - len - 1;
            return true;
        }
        s += len;
    }
    return false;
}

/* "ID.ipfs" and "ID.ipns" in front of a gateway's name. */
static bool host_labels(char *id, bool *ipns, const struct host *h, size_t below)
{
    enum { NAMESPACE = 5 }; /* ".ipfs" */
    if (below <= NAMESPACE)
        return false;
    const char *ns = h->name + below - NAMESPACE;
    *ipns = memcmp(ns, ".ipns", NAMESPACE) == 0;
    if (!*ipns && memcmp(ns, ".ipfs", NAMESPACE) != 0)
        return false;
    memcpy(id, h->name, below - NAMESPACE);
    id[below - NAMESPACE] = '\0';
    return true;
}

/* ---- labels of domains ---------------------------------------------------------------------- */

enum err gateway_host_inline(char *out, size_t size, const char *domain)
{
    size_t n = 0;
    for (const char *s = domain; *s != '\0'; s++) {
        if (n + 3 > size)
            return ERR_LIMIT;
        out[n++] = (char)(*s == '.' ? '-' : *s);
        if (*s == '-')
            out[n++] = '-';
    }
    out[n] = '\0';
    return OK;
}

enum err gateway_host_outline(char *out, size_t size, const char *label)
{
    size_t n = 0;
    for (const char *s = label; *s != '\0'; s++) {
        if (n + 2 > size)
            return ERR_LIMIT;
        bool twice = s[0] == '-' && s[1] == '-';
        out[n++] = (char)(s[0] == '-' && !twice ? '.' : *s);
        s += twice;
    }
    out[n] = '\0';
    return OK;
}

/* ---- redirects ------------------------------------------------------------------------------ */

/* Sends the client to ID.NAMESPACE.HOST/REST. Always false. */
static bool to_subdomain(struct gateway_query *q, struct gateway_answer *a, const char *id,
                         const char *host, const char *rest)
{
    const struct gateway_request *rq = q->request;
    char location[LOCATION_MAX];
    bool https = rq->forwarded_proto != NULL && strcmp(rq->forwarded_proto, "https") == 0;
    if (strlen(id) > GATEWAY_HOST_LABEL_MAX) {
        gateway_text_refuse(a, 400, "CID incompatible with DNS label length limit of 63: %.200s\n",
                            id);
        return false;
    }
    (void)snprintf(location, sizeof(location), "http%s://%s.%s.%s%s%s", https ? "s" : "", id,
                   q->by_name ? "ipns" : "ipfs", host, rest[0] == '/' ? "" : "/", rest);
    gateway_head_redirect(a, rq, 301, location, true);
    return false;
}

/* The label of what q names; too long for a label when there is none. */
static void label_of(char out[CID_TEXT_MAX], const struct gateway_query *q)
{
    struct cid cid = q->root;
    if (q->by_name) {
        if (q->is_key || gateway_host_inline(out, CID_TEXT_MAX, q->name) != OK)
            (void)snprintf(out, CID_TEXT_MAX, "%s", q->name);
        return;
    }
    if (cid.version == 0)
        cid.version = 1;
    cid_format_base(out, &cid, MULTIBASE_32);
    if (strlen(out) > GATEWAY_HOST_LABEL_MAX)
        cid_format_base(out, &cid, MULTIBASE_36);
}

/* "?uri=ipfs://CID/path", as browsers send what a page has registered for (HTML 8.9.1.3). */
static bool by_uri(struct gateway_answer *a, const struct gateway_request *rq)
{
    char uri[GATEWAY_PATH_MAX], location[LOCATION_MAX];
    enum err e = OK;
    if (!gateway_text_parameter(rq->query, "uri", uri, sizeof(uri), &e))
        return false;
    bool ipns = strncmp(uri, "ipns://", 7) == 0;
    if (e != OK || (!ipns && strncmp(uri, "ipfs://", 7) != 0)) {
        gateway_text_refuse(a, 400, "uri must be ipfs://CID/path or ipns://name/path\n");
        return true;
    }
    struct writer w = writer_of((uint8_t *)location, sizeof(location) - 1);
    write_span(&w, span_str(ipns ? "/ipns/" : "/ipfs/"));
    gateway_text_raw_url(&w, span_str(uri + 7));
    location[w.len] = '\0';
    gateway_head_redirect(a, rq, 301, location, false);
    return true;
}

/* ---- what is named -------------------------------------------------------------------------- */

static bool invalid(struct gateway_answer *a, const char *ns, const char *id, size_t n, enum err e)
{
    gateway_text_refuse(a, 400, "invalid path \"/%s/%.*s\": %s\n", ns, (int)(n > 200 ? 200 : n), id,
                        err_text(e));
    return false;
}

/* Takes a CID. False: *a says why not. */
static bool take_cid(struct gateway_query *q, struct gateway_answer *a, const char *id, size_t n)
{
    enum err e = cid_parse(&q->root, span_of(id, n));
    return e == OK || invalid(a, "ipfs", id, n, e);
}

/* Takes a key or a domain. *canonical: it is written as we write it. */
static bool take_name(struct gateway_query *q, struct gateway_answer *a, const char *id, size_t n,
                      bool *canonical)
{
    if (q->request->names == NULL) {
        gateway_text_refuse(a, 501, "IPNS names are not served here\n");
        return false;
    }
    enum err e = gateway_name_take(q, span_of(id, n));
    if (e != OK)
        return invalid(a, "ipns", id, n, e);
    *canonical = span_eq(span_of(id, n), span_str(q->name));
    return true;
}

static bool subdomain(struct gateway_query *q, struct gateway_answer *a, const char *id, bool ipns)
{
    char domain[GATEWAY_HOST_MAX + 1];
    bool canonical = true;
    q->mount = GATEWAY_MOUNT_SUBDOMAIN;
    if (!ipns && strlen(id) > GATEWAY_HOST_LABEL_MAX) {
        gateway_text_refuse(a, 400, "CID incompatible with DNS label length limit of 63: %.200s\n",
                            id);
        return false;
    }
    if (!ipns)
        return take_cid(q, a, id, strlen(id));
    if (strchr(id, '.') == NULL && !gateway_name_is_key(span_str(id)) &&
        gateway_host_outline(domain, sizeof(domain), id) == OK)
        return take_name(q, a, domain, strlen(domain), &canonical);
    if (!take_name(q, a, id, strlen(id), &canonical))
        return false;
    return canonical || to_subdomain(q, a, q->name, q->host, q->raw_path);
}

/* The name in the path is not written as we write it: 302 there. Always false. */
static bool to_canonical(struct gateway_query *q, struct gateway_answer *a)
{
    char location[LOCATION_MAX];
    (void)snprintf(location, sizeof(location), "/ipns/%s%s", q->name, q->raw_path);
    gateway_head_redirect(a, q->request, 302, location, true);
    return false;
}

/* Formats that programs ask for gain nothing from a host of their own. */
static bool trustless(const struct gateway_query *q)
{
    return q->format == GATEWAY_RAW || q->format == GATEWAY_CAR || q->format == GATEWAY_IPNS_RECORD;
}

/* /ipfs/CID/rest and /ipns/NAME/rest. apex: the gateway's own host, or NULL. */
static bool by_path(struct gateway_query *q, struct gateway_answer *a, const char *path,
                    const char *apex)
{
    bool canonical = true, ipns = strncmp(path, "/ipns/", 6) == 0;
    if (!ipns && strncmp(path, "/ipfs/", 6) != 0) {
        gateway_text_refuse(a, 404, "content is under /ipfs/CID or /ipns/NAME\n");
        return false;
    }
    const char *id = path + 6;
    size_t n = strcspn(id, "/");
    if (n == 0 && by_uri(a, q->request))
        return false;
    q->raw_path = id + n;
    if (ipns ? !take_name(q, a, id, n, &canonical) : !take_cid(q, a, id, n))
        return false;
    if (apex != NULL && !trustless(q)) {
        char label[CID_TEXT_MAX];
        label_of(label, q);
        return to_subdomain(q, a, label, apex, q->raw_path);
    }
    return canonical || trustless(q) || to_canonical(q, a);
}

bool gateway_host_route(struct gateway_query *q, struct gateway_answer *a)
{
    const struct gateway_request *rq = q->request;
    const struct gateway_names *names = rq->names;
    struct host h;
    char id[GATEWAY_HOST_MAX + 1];
    bool ipns, canonical;
    size_t below = 0;
    const char *path = host_of(&h, rq);
    bool ours = host_is_ours(h.name, rq->gateway_hosts, &below);
    if (ours && host_labels(id, &ipns, &h, below)) {
        (void)snprintf(q->host, sizeof(q->host), "%s", h.text + below + 1);
        q->raw_path = path;
        return subdomain(q, a, id, ipns);
    }
    if (ours && below == 0)
        return by_path(q, a, path, h.text);
    if (names != NULL && h.name[0] != '\0' && names->is_site(names->ctx, h.name)) {
        q->mount = GATEWAY_MOUNT_SITE;
        q->raw_path = path;
        (void)snprintf(q->host, sizeof(q->host), "%s", h.text);
        return take_name(q, a, h.name, strlen(h.name), &canonical);
    }
    return by_path(q, a, path, NULL);
}

bool gateway_wants(const struct gateway_request *rq)
{
    struct host h;
    char id[GATEWAY_HOST_MAX + 1];
    bool ipns;
    size_t below = 0;
    const char *path = host_of(&h, rq);
    if (strncmp(path, "/ipfs/", 6) == 0 || strncmp(path, "/ipns/", 6) == 0)
        return true;
    if (host_is_ours(h.name, rq->gateway_hosts, &below))
        return host_labels(id, &ipns, &h, below);
    return rq->names != NULL && h.name[0] != '\0' && rq->names->is_site(rq->names->ctx, h.name);
}
