#include "api/gateway_name.h"
#include "api/gateway_head.h"
#include "api/gateway_range.h"
#include "api/gateway_text.h"
#include "crypto/crc32c.h"

#include <stdio.h>

enum {
    TTL_DEFAULT_S = 60, /* of a DNSLink whose time to live is not known */
    LABEL_MAX = 63,
    DOMAIN_MAX = 253,
};

/* A name on the way to content. */
struct step {
    bool is_key;
    struct peer_id key;
    char name[GATEWAY_HOST_MAX + 1];
};

/* ---- names ---------------------------------------------------------------------------------- */

/* dag-pb is the codec that early names were given by mistake; their bytes are the same. */
static enum err key_parse(struct peer_id *out, struct span text)
{
    struct cid cid;
    if (peer_id_parse(out, text) == OK)
        return OK;
    TRY(cid_parse(&cid, text));
    if (cid.version != 1 || cid.codec != CID_CODEC_DAG_PB)
        return ERR_FORMAT;
    cid.codec = CID_CODEC_LIBP2P_KEY;
    char libp2p[CID_TEXT_MAX];
    cid_format(libp2p, &cid);
    return peer_id_parse(out, span_str(libp2p));
}

bool gateway_name_is_key(struct span text)
{
    struct peer_id key;
    return key_parse(&key, text) == OK;
}

/* Two labels or more of letters, digits, '_' and, between those, '-'; in lower case. */
static enum err domain_parse(char out[GATEWAY_HOST_MAX + 1], struct span text)
{
    size_t label = 0, dots = 0;
    if (text.n == 0 || text.n > DOMAIN_MAX)
        return ERR_FORMAT;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        bool last = i + 1 == text.n;
        if (c == '.' ? label == 0 || last : !letter || label == LABEL_MAX)
            return ERR_FORMAT;
        if (c == '-' && (label == 0 || last || text.p[i + 1] == '.'))
            return ERR_FORMAT;
        label = c == '.' ? 0 : label + 1;
        dots += c == '.';
        out[i] = (char)c;
    }
    out[text.n] = '\0';
    return dots == 0 ? ERR_FORMAT : OK;
}

static enum err step_parse(struct step *out, struct span text)
{
    char name[PEER_ID_TEXT_MAX];
    out->is_key = key_parse(&out->key, text) == OK;
    if (!out->is_key)
        return domain_parse(out->name, text);
    peer_id_format_cid(name, &out->key);
    (void)snprintf(out->name, sizeof(out->name), "%s", name);
    return OK;
}

enum err gateway_name_take(struct gateway_query *q, struct span text)
{
    struct step s = { 0 };
    TRY(step_parse(&s, text));
    q->by_name = true;
    q->is_key = s.is_key;
    q->key = s.key;
    memcpy(q->name, s.name, sizeof(q->name));
    return OK;
}

/* ---- following ------------------------------------------------------------------------------ */

static bool fail(struct gateway_answer *a, enum err e, const char *name)
{
    if (e == ERR_NOT_FOUND && a->query->only_cached)
        gateway_text_refuse(a, 412, "what %s stands for is not known here\n", name);
    else if (e == ERR_TIMEOUT)
        gateway_text_refuse(a, 504, "nobody told us in time what %s stands for\n", name);
    else if (e == ERR_NOT_FOUND)
        gateway_text_refuse(a, 502, "no valid record or DNSLink of %s could be found\n", name);
    else
        gateway_text_refuse(a, 502, "what %s stands for cannot be followed: %s\n", name,
                            err_text(e));
    a->err = e;
    return false;
}

/* A record lasts for its TTL, but not beyond its validity. */
static uint64_t record_age(const struct ipns_record *r, int64_t now_s)
{
    uint64_t ttl = r->ttl_ns / 1000000000;
    uint64_t left = r->validity_s > now_s ? (uint64_t)(r->validity_s - now_s) : 0;
    return ttl < left ? ttl : left;
}

static enum err key_value(struct gateway_answer *a, char value[GATEWAY_VALUE_MAX], uint64_t *age_s,
                          const struct peer_id *key)
{
    const struct gateway_request *rq = a->query->request;
    uint8_t buf[IPNS_RECORD_MAX];
    struct ipns_record r;
    size_t n;
    TRY(rq->names->record(rq->names->ctx, &n, (struct mspan){ buf, sizeof(buf) }, key));
    TRY(ipns_decode(&r, span_of(buf, n)));
    if (r.value.n >= GATEWAY_VALUE_MAX)
        return ERR_LIMIT;
    if (r.value.n == 0 || memchr(r.value.p, '\0', r.value.n) != NULL)
        return ERR_FORMAT;
    memcpy(value, r.value.p, r.value.n);
    value[r.value.n] = '\0';
    *age_s = record_age(&r, rq->now_s);
    return OK;
}

static enum err domain_value(struct gateway_answer *a, char value[GATEWAY_VALUE_MAX],
                             uint64_t *age_s, const char *domain)
{
    const struct gateway_names *names = a->query->request->names;
    struct gateway_dnslink link = { 0 };
    TRY(names->dnslink(names->ctx, &link, domain));
    link.value[GATEWAY_VALUE_MAX - 1] = '\0';
    memcpy(value, link.value, GATEWAY_VALUE_MAX);
    *age_s = link.ttl_s == 0 ? TTL_DEFAULT_S : link.ttl_s;
    return OK;
}

/* Puts the value's own path before the one there is. */
static enum err prepend(struct gateway_answer *a, const char *path)
{
    size_t n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    if (n + a->path_own >= GATEWAY_VALUE_MAX)
        return ERR_LIMIT;
    memmove(a->path + n, a->path, a->path_own);
    memcpy(a->path, path, n);
    a->path_own += n;
    return OK;
}

/* One step. *done: a->root is what the name stands for; else *s is the next name. */
static enum err follow(struct gateway_answer *a, struct step *s, bool *done)
{
    char value[GATEWAY_VALUE_MAX];
    uint64_t age_s;
    if (s->is_key)
        TRY(key_value(a, value, &age_s, &s->key));
    else
        TRY(domain_value(a, value, &age_s, s->name));
    if (age_s < a->max_age_s)
        a->max_age_s = age_s;
    *done = strncmp(value, "/ipfs/", 6) == 0;
    if (!*done && strncmp(value, "/ipns/", 6) != 0)
        return ERR_FORMAT;
    size_t n = strcspn(value + 6, "/");
    TRY(prepend(a, value + 6 + n));
    if (*done)
        return cid_parse(&a->root, span_of(value + 6, n));
    return step_parse(s, span_of(value + 6, n));
}

bool gateway_name_resolve(struct gateway_answer *a)
{
    const struct gateway_query *q = a->query;
    bool done = !q->by_name;
    struct step s = { .is_key = q->is_key, .key = q->key };
    memcpy(s.name, q->name, sizeof(s.name));
    a->path_own = 0;
    a->max_age_s = UINT64_MAX;
    a->root = q->root;
    for (int i = 0; i < GATEWAY_NAME_STEPS && !done; i++) {
        enum err e = follow(a, &s, &done);
        if (e != OK)
            return fail(a, e, s.name);
    }
    if (!done)
        return fail(a, ERR_LIMIT, q->name);
    memcpy(a->path + a->path_own, q->path, strlen(q->path) + 1);
    return true;
}

/* ---- records -------------------------------------------------------------------------------- */

void gateway_name_record(struct gateway_answer *a)
{
    const struct gateway_query *q = a->query;
    const struct gateway_request *rq = q->request;
    struct ipns_record r;
    char etag[48], name[GATEWAY_HOST_MAX + 16];
    struct mspan room = gateway_head_block(a);
    size_t n = 0;
    if (!q->by_name || !q->is_key || q->path[0] != '\0') {
        gateway_text_refuse(a, 400, "records are of /ipns/KEY, without a path\n");
        return;
    }
    enum err e = rq->names->record(rq->names->ctx, &n, room, &q->key);
    if (e == OK)
        e = ipns_decode(&r, span_of(room.p, n));
    if (e != OK) {
        (void)fail(a, e, q->name);
        return;
    }
    a->max_age_s = record_age(&r, rq->now_s);
    (void)snprintf(etag, sizeof(etag), "\"%08x-%llu\"", crc32c(0, span_of(room.p, n)),
                   (unsigned long long)r.sequence);
    (void)snprintf(name, sizeof(name), "%s.ipns-record", q->name);
    gateway_head_path(a);
    if (gateway_head_unchanged(a, etag, ""))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "application/vnd.ipfs.ipns-record");
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    gateway_head_disposition(a, "attachment", q->filename[0] == '\0' ? name : q->filename);
    a->kind = GATEWAY_BODY_BLOCK;
    a->status = 200;
    a->body = span_of(room.p, n);
    a->size = n;
}
