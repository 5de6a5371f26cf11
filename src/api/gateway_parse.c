#include "api/gateway_host.h"
#include "api/gateway_text.h"

#include <stdio.h>

/* ---- the query string ----------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *type;
    enum gateway_format format;
} formats[] = {
    { "raw", "application/vnd.ipld.raw", GATEWAY_RAW },
    { "car", "application/vnd.ipld.car", GATEWAY_CAR },
    { "dag-cbor", "application/vnd.ipld.dag-cbor", GATEWAY_DAG_CBOR },
    { "dag-json", "application/vnd.ipld.dag-json", GATEWAY_DAG_JSON },
    { "cbor", "application/cbor", GATEWAY_CBOR },
    { "json", "application/json", GATEWAY_JSON },
    { "tar", "application/x-tar", GATEWAY_TAR },
    { "ipns-record", "application/vnd.ipfs.ipns-record", GATEWAY_IPNS_RECORD },
};

enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

/* One parameter of a media type: "; dups=n" gives "n". Copies at most size - 1 bytes. */
static bool media_parameter(struct span media, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    for (size_t i = 0; i + n + 1 < media.n; i++) {
        if ((media.p[i] != ';' && media.p[i] != ' ') || memcmp(media.p + i + 1, key, n) != 0 ||
            media.p[i + 1 + n] != '=')
            continue;
        size_t k = 0;
        for (size_t j = i + n + 2; j < media.n && k + 1 < size; j++) {
            if (media.p[j] == ';' || media.p[j] == ' ')
                break;
            out[k++] = (char)media.p[j];
        }
        out[k] = '\0';
        return true;
    }
    return false;
}

/* What the URL or Accept says of a CAR. */
struct car_wishes {
    char version[8], order[8], dups[8];
};

/* The first media type of Accept that we serve; text/html and wildcards leave the choice to us. */
static void accept_format(struct gateway_query *q, struct car_wishes *wishes, const char *accept)
{
    for (const char *s = accept; s != NULL && *s != '\0';) {
        size_t len = strcspn(s, ",");
        struct span media = span_of(s, len);
        while (media.n > 0 && media.p[0] == ' ')
            media = span_sub(media, 1, media.n);
        if (media.n >= 9 && memcmp(media.p, "text/html", 9) == 0)
            q->html = true;
        for (size_t i = 0; i < FORMATS && q->format == GATEWAY_ANY && !q->html; i++) {
            size_t n = strlen(formats[i].type);
            if (media.n < n || memcmp(media.p, formats[i].type, n) != 0)
                continue;
            if (media.n > n && media.p[n] != ';' && media.p[n] != ' ')
                continue;
            q->format = formats[i].format;
            if (q->format == GATEWAY_CAR) {
                (void)media_parameter(media, "version", wishes->version, sizeof(wishes->version));
                (void)media_parameter(media, "order", wishes->order, sizeof(wishes->order));
                (void)media_parameter(media, "dups", wishes->dups, sizeof(wishes->dups));
            }
        }
        s += len;
        while (*s == ',')
            s++;
    }
}

/* A signed decimal number; ERR_FORMAT, ERR_RANGE. */
static enum err number(int64_t *out, const char *s, size_t n)
{
    bool negative = n > 0 && s[0] == '-';
    uint64_t v = 0;
    if (negative) {
        s++;
        n--;
    }
    if (n == 0)
        return ERR_FORMAT;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return ERR_FORMAT;
        if (v > (uint64_t)(INT64_MAX - 9) / 10)
            return ERR_RANGE;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    *out = negative ? -(int64_t)v : (int64_t)v;
    return OK;
}

static enum err entity_bytes(struct car_stream_bytes *out, const char *text)
{
    size_t n = strcspn(text, ":");
    if (text[n] != ':')
        return ERR_FORMAT;
    *out = (struct car_stream_bytes){ .to_end = strcmp(text + n + 1, "*") == 0 };
    TRY(number(&out->from, text, n));
    if (!out->to_end)
        TRY(number(&out->to, text + n + 1, strlen(text + n + 1)));
    if (!out->to_end && (out->from < 0) == (out->to < 0) && out->from > out->to)
        return ERR_RANGE;
    return OK;
}

static bool refuse(struct gateway_answer *a, const char *what, const char *value)
{
    gateway_text_refuse(a, 400, "%s cannot be \"%.60s\"\n", what, value);
    return false;
}

static bool parse_car(struct gateway_query *q, struct gateway_answer *a, struct car_wishes *wishes)
{
    char value[64];
    enum err e = OK;
    const char *query = q->request->query;
    (void)gateway_text_parameter(query, "car-version", wishes->version, sizeof(wishes->version),
                                 &e);
    (void)gateway_text_parameter(query, "car-order", wishes->order, sizeof(wishes->order), &e);
    (void)gateway_text_parameter(query, "car-dups", wishes->dups, sizeof(wishes->dups), &e);
    if (e != OK)
        return refuse(a, "a CAR parameter", "?");
    if (wishes->version[0] != '\0' && strcmp(wishes->version, "1") != 0)
        return refuse(a, "car-version", wishes->version);
    if (wishes->order[0] != '\0' && strcmp(wishes->order, "dfs") != 0 &&
        strcmp(wishes->order, "unk") != 0)
        return refuse(a, "car-order", wishes->order);
    if (wishes->dups[0] != '\0' && strcmp(wishes->dups, "y") != 0 && strcmp(wishes->dups, "n") != 0)
        return refuse(a, "car-dups", wishes->dups);
    q->dups = wishes->dups[0] == 'y';
    q->scope = CAR_STREAM_ALL;
    if (gateway_text_parameter(query, "dag-scope", value, sizeof(value), &e)) {
        if (e == OK && strcmp(value, "block") == 0)
            q->scope = CAR_STREAM_BLOCK;
        else if (e == OK && strcmp(value, "entity") == 0)
            q->scope = CAR_STREAM_ENTITY;
        else if (e != OK || strcmp(value, "all") != 0)
            return refuse(a, "dag-scope", e == OK ? value : "?");
    }
    if (gateway_text_parameter(query, "entity-bytes", value, sizeof(value), &e)) {
        if (e != OK || entity_bytes(&q->bytes, value) != OK)
            return refuse(a, "entity-bytes", e == OK ? value : "?");
        q->has_bytes = true;
        q->scope = CAR_STREAM_ENTITY; /* spec: implied */
    }
    return true;
}

static bool parse_format(struct gateway_query *q, struct gateway_answer *a)
{
    char value[64];
    enum err e = OK;
    struct car_wishes wishes = { 0 };
    accept_format(q, &wishes, q->request->accept);
    if (gateway_text_parameter(q->request->query, "format", value, sizeof(value), &e)) {
        q->format = GATEWAY_ANY;
        for (size_t i = 0; i < FORMATS; i++) {
            if (e == OK && strcmp(value, formats[i].name) == 0)
                q->format = formats[i].format;
        }
        if (q->format == GATEWAY_ANY)
            return refuse(a, "format", e == OK ? value : "?");
    }
    return q->format != GATEWAY_CAR || parse_car(q, a, &wishes);
}

/* ---- the path ------------------------------------------------------------------------------- */

/* Segments that climb or stand still are for clients to resolve; here they only hide things. */
static bool has_dots(const char *path)
{
    for (const char *s = path; *s != '\0';) {
        size_t n = strcspn(s, "/");
        if ((n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
            return true;
        s += n;
        while (*s == '/')
            s++;
    }
    return false;
}

static bool parse_path(struct gateway_query *q, struct gateway_answer *a)
{
    if (!gateway_host_route(q, a))
        return false;
    enum err e = gateway_text_unescape(q->path, sizeof(q->path), span_str(q->raw_path), false);
    if (e != OK || has_dots(q->path)) {
        gateway_text_refuse(a, e == ERR_LIMIT ? 414 : 400, "the path cannot be used: %s\n",
                            e == OK ? "it has a . or .. segment" : err_text(e));
        return false;
    }
    size_t len = strlen(q->path);
    q->trailing_slash = len > 0 && q->path[len - 1] == '/';
    /* The root of a host is the same with and without its slash. */
    if (q->mount != GATEWAY_MOUNT_PATH && strcmp(q->path, "/") == 0)
        q->path[0] = '\0';
    return true;
}

bool gateway_parse(struct gateway_query *q, struct gateway_answer *a,
                   const struct gateway_request *request)
{
    char value[8];
    enum err e = OK;
    memset(q, 0, sizeof(*q));
    a->header_count = 0;
    a->text_used = 0;
    a->err = ERR_FORMAT;
    q->request = request;
    q->head = request->head;
    q->only_cached =
        request->cache_control != NULL && strstr(request->cache_control, "only-if-cached") != NULL;
    if (!parse_format(q, a) || !parse_path(q, a))
        return false;
    if (request->service_worker != NULL && strcmp(request->service_worker, "script") == 0 &&
        q->mount == GATEWAY_MOUNT_PATH && q->path[0] == '\0') {
        gateway_text_refuse(a, 400, "a service worker may not be registered at the root\n");
        return false;
    }
    if (gateway_text_parameter(request->query, "filename", q->filename, sizeof(q->filename), &e) &&
        e != OK)
        return refuse(a, "filename", "?");
    if (gateway_text_parameter(request->query, "download", value, sizeof(value), &e))
        q->download = e == OK && strcmp(value, "true") == 0;
    a->err = OK;
    return true;
}
