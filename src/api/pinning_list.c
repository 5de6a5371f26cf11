/* Filters, answers and times of the pinning API. */
#include "api/pinning.h"
#include "api/uri.h"
#include "codec/json.h"
#include "codec/json_out.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const status_names[PINNING_STATUS_COUNT] = {
    [PINNING_QUEUED] = "queued",
    [PINNING_PINNING] = "pinning",
    [PINNING_PINNED] = "pinned",
    [PINNING_FAILED] = "failed",
};

const char *pinning_status_name(enum pinning_status s)
{
    return status_names[s];
}

/* ---- times ---- */

enum { DAY_MS = 86400000, DAYS_PER_ERA = 146097, EPOCH_DAY = 719468, DAYS_MAX = 2932896 };

/* Days since 1970-01-01 of a date in the Gregorian calendar, years counted from March; and back. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    if (month <= 2)
        year--;
    int64_t era = year / 400, in_era = year % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * DAYS_PER_ERA + in_era * 365 + in_era / 4 - in_era / 100 + of_year - EPOCH_DAY;
}

static void date_of(unsigned *year, unsigned *month, unsigned *day, uint64_t days)
{
    uint64_t z = days + EPOCH_DAY, era = z / DAYS_PER_ERA, d = z % DAYS_PER_ERA;
    uint64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    uint64_t of_year = d - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = (unsigned)(y + era * 400 + (*month <= 2 ? 1 : 0));
}

void pinning_time_format(char out[PINNING_TIME_MAX], uint64_t ms)
{
    unsigned year, month, day;
    uint64_t days = ms / DAY_MS, left = ms % DAY_MS;
    if (days > DAYS_MAX)
        days = DAYS_MAX;
    date_of(&year, &month, &day, days);
    (void)snprintf(out, PINNING_TIME_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year % 10000,
                   month % 100, day % 100, (unsigned)(left / 3600000) % 100,
                   (unsigned)(left / 60000 % 60), (unsigned)(left / 1000 % 60),
                   (unsigned)(left % 1000));
}

static int64_t digits(struct reader *r, size_t n, int64_t least, int64_t most)
{
    int64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = read_u8(r);
        reader_require(r, c >= '0' && c <= '9', ERR_FORMAT);
        v = v * 10 + (c - '0');
    }
    reader_require(r, r->err != OK || (v >= least && v <= most), ERR_FORMAT);
    return r->err == OK ? v : least;
}

static void literal(struct reader *r, char c, char other)
{
    uint8_t got = read_u8(r);
    reader_require(r, got == (uint8_t)c || got == (uint8_t)other, ERR_FORMAT);
}

/* ".5", ".123456789": milliseconds. */
static int64_t fraction(struct reader *r)
{
    int64_t ms = 0, unit = 100;
    if (r->n == 0 || *r->p != '.')
        return 0;
    (void)read_u8(r);
    reader_require(r, r->n > 0 && *r->p >= '0' && *r->p <= '9', ERR_FORMAT);
    while (r->n > 0 && *r->p >= '0' && *r->p <= '9') {
        ms += (read_u8(r) - '0') * unit;
        unit /= 10;
    }
    return ms;
}

/* "Z" or "+02:00", as milliseconds. */
static int64_t offset(struct reader *r)
{
    uint8_t sign = read_u8(r);
    if (sign == 'Z' || sign == 'z')
        return 0;
    reader_require(r, sign == '+' || sign == '-', ERR_FORMAT);
    int64_t hours = digits(r, 2, 0, 23);
    literal(r, ':', ':');
    int64_t ms = (hours * 60 + digits(r, 2, 0, 59)) * 60000;
    return sign == '-' ? -ms : ms;
}

enum err pinning_time_parse(uint64_t *ms, struct span text)
{
    static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    struct reader r = reader_of(text);
    *ms = 0;
    int64_t year = digits(&r, 4, 0, 9999);
    literal(&r, '-', '-');
    int64_t month = digits(&r, 2, 1, 12);
    literal(&r, '-', '-');
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t day = digits(&r, 2, 1, lengths[month - 1] + (leap && month == 2 ? 1 : 0));
    literal(&r, 'T', 't');
    int64_t at = digits(&r, 2, 0, 23) * 3600000;
    literal(&r, ':', ':');
    at += digits(&r, 2, 0, 59) * 60000;
    literal(&r, ':', ':');
    at += digits(&r, 2, 0, 60) * 1000; /* 60: a leap second */
    at += fraction(&r);
    at -= offset(&r);
    TRY(reader_finish(&r));
    int64_t sum = days_of(year, month, day) * DAY_MS + at;
    if (sum < 0)
        return ERR_RANGE;
    *ms = (uint64_t)sum;
    return OK;
}

/* ---- the query ---- */

struct query {
    struct pinning_filter *f;
    char *why;
    uint32_t seen; /* parameters that came, a bit each */
};

enum param {
    PARAM_CID,
    PARAM_NAME,
    PARAM_MATCH,
    PARAM_STATUS,
    PARAM_BEFORE,
    PARAM_AFTER,
    PARAM_LIMIT,
    PARAM_META,
    PARAM_COUNT
};

static const char *const param_names[PARAM_COUNT] = {
    [PARAM_CID] = "cid",       [PARAM_NAME] = "name",     [PARAM_MATCH] = "match",
    [PARAM_STATUS] = "status", [PARAM_BEFORE] = "before", [PARAM_AFTER] = "after",
    [PARAM_LIMIT] = "limit",   [PARAM_META] = "meta",
};

__attribute__((format(printf, 3, 4))) static enum err refuse(const struct query *q, enum err e,
                                                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(q->why, PINNING_WHY_MAX, format, args);
    va_end(args);
    return e;
}

/* The next of "a,b,c". */
static bool list_next(struct span *item, struct span *list)
{
    if (list->n == 0)
        return false;
    const uint8_t *comma = memchr(list->p, ',', list->n);
    size_t n = comma == NULL ? list->n : (size_t)(comma - list->p);
    *item = span_of(list->p, n);
    *list = span_sub(*list, comma == NULL ? n : n + 1, list->n);
    return true;
}

static enum err take_cids(const struct query *q, struct span list)
{
    struct span item;
    while (list_next(&item, &list)) {
        if (q->f->cid_count == PINNING_CIDS_MAX)
            return refuse(q, ERR_LIMIT, "cid: at most 10");
        if (cid_parse(&q->f->cids[q->f->cid_count], item) != OK)
            return refuse(q, ERR_FORMAT, "cid: \"%.*s\" is no CID",
                          (int)(item.n < 80 ? item.n : 80), (const char *)item.p);
        q->f->cid_count++;
    }
    return q->f->cid_count > 0 ? OK : refuse(q, ERR_FORMAT, "cid: none is named");
}

static enum err take_statuses(const struct query *q, struct span list)
{
    struct span item;
    while (list_next(&item, &list)) {
        uint32_t i = 0;
        while (i < PINNING_STATUS_COUNT && !span_eq(item, span_str(status_names[i])))
            i++;
        if (i == PINNING_STATUS_COUNT)
            return refuse(q, ERR_FORMAT, "status: queued, pinning, pinned or failed");
        q->f->statuses |= 1U << i;
    }
    return q->f->statuses != 0 ? OK : refuse(q, ERR_FORMAT, "status: none is named");
}

static enum err take_match(const struct query *q, struct span text)
{
    static const char *const names[] = { "exact", "iexact", "partial", "ipartial" };
    for (uint32_t i = 0; i < 4; i++) {
        if (span_eq(text, span_str(names[i]))) {
            q->f->match = (enum pinning_match)i;
            return OK;
        }
    }
    return refuse(q, ERR_FORMAT, "match: exact, iexact, partial or ipartial");
}

static enum err take_limit(const struct query *q, struct span text)
{
    uint32_t v = 0;
    for (size_t i = 0; i < text.n && i < 5; i++)
        v = text.p[i] >= '0' && text.p[i] <= '9' ? v * 10 + (uint32_t)(text.p[i] - '0') : 100000;
    if (text.n == 0 || text.n > 4 || v < 1 || v > PINNING_LIMIT_MAX)
        return refuse(q, ERR_RANGE, "limit: 1 to 1000");
    q->f->limit = v;
    return OK;
}

static bool keep(struct pinning_filter *f, struct span *out, struct span text)
{
    if (text.n > sizeof(f->text) - f->text_size)
        return false;
    if (text.n > 0)
        memcpy(f->text + f->text_size, text.p, text.n);
    *out = span_of((const uint8_t *)f->text + f->text_size, text.n);
    f->text_size += text.n;
    return true;
}

static void take_pair(void *ctx, const char *name, struct json_value v)
{
    struct pinning_filter *f = ctx;
    const char *value = json_text(v);
    if (v.doc->err != OK)
        return;
    struct pinning_pair *p = &f->meta[f->meta_count];
    if (f->meta_count == PINNING_META_MAX || !keep(f, &p->name, span_str(name)) ||
        !keep(f, &p->value, span_str(value)))
        json_fail(v, ERR_LIMIT, "too much");
    else
        f->meta_count++;
}

static enum err take_meta(const struct query *q, struct span text)
{
    struct json doc;
    enum err e = json_open(&doc, text, PINNING_QUERY_MAX);
    if (e == OK)
        json_each(json_root(&doc), take_pair, q->f);
    e = doc.err;
    if (e != OK)
        (void)refuse(q, e, "meta: %s", doc.what);
    json_close(&doc);
    return e;
}

static enum err take_name(const struct query *q, struct span text)
{
    if (text.n > PINNING_NAME_BYTES)
        return refuse(q, ERR_LIMIT, "name: longer than 255 characters");
    q->f->has_name = true;
    return keep(q->f, &q->f->name, text) ? OK : refuse(q, ERR_LIMIT, "name: too long");
}

static enum err take_time(const struct query *q, const char *name, uint64_t *ms, struct span text)
{
    enum err e = pinning_time_parse(ms, text);
    return e == OK ? OK : refuse(q, e, "%s: a time such as 2026-11-22T14:05:31.123Z", name);
}

static enum err take(const struct query *q, enum param p, struct span text)
{
    switch (p) {
    case PARAM_CID:
        return take_cids(q, text);
    case PARAM_NAME:
        return take_name(q, text);
    case PARAM_MATCH:
        return take_match(q, text);
    case PARAM_STATUS:
        return take_statuses(q, text);
    case PARAM_BEFORE:
        return take_time(q, param_names[p], &q->f->before_ms, text);
    case PARAM_AFTER:
        return take_time(q, param_names[p], &q->f->after_ms, text);
    case PARAM_LIMIT:
        return take_limit(q, text);
    case PARAM_META:
        return take_meta(q, text);
    case PARAM_COUNT:
        break;
    }
    return OK;
}

static enum err take_param(struct query *q, struct span name, struct span value)
{
    char text[PINNING_QUERY_MAX];
    uint32_t p = 0;
    while (p < PARAM_COUNT && !span_eq(name, span_str(param_names[p])))
        p++;
    if (p == PARAM_COUNT)
        return OK; /* of a later version of the API, or of a proxy */
    if ((q->seen & 1U << p) != 0)
        return refuse(q, ERR_FORMAT, "%s: it comes twice", param_names[p]);
    q->seen |= 1U << p;
    enum err e = uri_decode(text, sizeof(text), value, true);
    return e == OK ? take(q, (enum param)p, span_str(text))
                   : refuse(q, e, "%s: cannot be read", param_names[p]);
}

enum err pinning_query(struct pinning_filter *out, char why[PINNING_WHY_MAX], const char *query)
{
    struct query q = { .f = out, .why = why };
    struct span rest = span_str(query), name, value;
    memset(out, 0, sizeof(*out));
    out->limit = PINNING_LIMIT_DEFAULT;
    out->before_ms = UINT64_MAX;
    why[0] = '\0';
    if (rest.n > PINNING_QUERY_MAX)
        return refuse(&q, ERR_LIMIT, "the query is too long");
    while (uri_param(&name, &value, &rest))
        TRY(take_param(&q, name, value));
    /* SPEC pinning 3.3: "Without any filter only pinned ones are listed" */
    const uint32_t filters = 1U << PARAM_CID | 1U << PARAM_NAME | 1U << PARAM_META;
    if ((q.seen & 1U << PARAM_STATUS) == 0)
        out->statuses = (q.seen & filters) == 0 ? 1U << PINNING_PINNED : UINT32_MAX;
    return OK;
}

/* ---- matching ---- */

static uint8_t fold(uint8_t c, bool any_case)
{
    return any_case && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t n, bool any_case)
{
    for (size_t i = 0; i < n; i++)
        if (fold(a[i], any_case) != fold(b[i], any_case))
            return false;
    return true;
}

static bool name_matches(const struct pinning_filter *f, const struct pinning_request *rq)
{
    bool any_case = f->match == PINNING_IEXACT || f->match == PINNING_IPARTIAL;
    bool part = f->match == PINNING_PARTIAL || f->match == PINNING_IPARTIAL;
    if (!rq->has_name || rq->name.n < f->name.n || (!part && rq->name.n != f->name.n))
        return false;
    for (size_t at = 0; at + f->name.n <= rq->name.n; at++)
        if (same(rq->name.p + at, f->name.p, f->name.n, any_case))
            return true;
    return false;
}

/* The two versions of one dag-pb CID are one content. */
static bool cid_matches(const struct pinning_filter *f, const struct pinning_request *rq)
{
    for (uint32_t i = 0; i < f->cid_count; i++) {
        struct content_key key;
        struct cid own;
        if (!rq->inlined && cid_key(&key, &f->cids[i]) == OK && cid_key_cmp(&key, &rq->key) == 0)
            return true;
        if (rq->inlined && cid_parse(&own, rq->cid) == OK && cid_eq(&own, &f->cids[i]))
            return true;
    }
    return false;
}

static bool has_pair(const struct pinning_request *rq, const struct pinning_pair *p)
{
    for (uint32_t i = 0; i < rq->meta_count; i++)
        if (span_eq(rq->meta[i].name, p->name) && span_eq(rq->meta[i].value, p->value))
            return true;
    return false;
}

bool pinning_matches(const struct pinning_filter *f, const struct pinning_request *rq,
                     enum pinning_status status, uint64_t created_ms)
{
    if ((f->statuses & 1U << status) == 0 || created_ms >= f->before_ms ||
        (f->after_ms != 0 && created_ms <= f->after_ms))
        return false;
    if ((f->cid_count > 0 && !cid_matches(f, rq)) || (f->has_name && !name_matches(f, rq)))
        return false;
    for (uint32_t i = 0; i < f->meta_count; i++)
        if (!has_pair(rq, &f->meta[i]))
            return false;
    return true;
}

/* ---- answers ---- */

static void write_pairs(struct json_out *j, const struct pinning_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[PINNING_META_BYTES + 1];
        memcpy(name, pairs[i].name.p, pairs[i].name.n);
        name[pairs[i].name.n] = '\0';
        json_out_key(j, name);
        json_out_text(j, pairs[i].value);
    }
}

static void write_request(struct json_out *j, const struct pinning_request *rq)
{
    json_out_object(j);
    json_out_key(j, "cid");
    json_out_text(j, rq->cid);
    if (rq->has_name) {
        json_out_key(j, "name");
        json_out_text(j, rq->name);
    }
    json_out_key(j, "origins");
    json_out_array(j);
    for (uint32_t i = 0; i < rq->origin_count; i++)
        json_out_text(j, rq->origins[i]);
    json_out_array_end(j);
    json_out_key(j, "meta");
    json_out_object(j);
    write_pairs(j, rq->meta, rq->meta_count);
    json_out_object_end(j);
    json_out_object_end(j);
}

void pinning_write_pin(struct writer *w, const struct pinning_pin *pin)
{
    struct json_out j = json_out_to(w);
    char text[PINNING_TIME_MAX];
    json_out_object(&j);
    (void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)pin->created_ms);
    json_out_member_str(&j, "requestid", text);
    json_out_member_str(&j, "status", status_names[pin->status]);
    pinning_time_format(text, pin->created_ms);
    json_out_member_str(&j, "created", text);
    json_out_key(&j, "pin");
    write_request(&j, pin->request);
    json_out_key(&j, "delegates");
    json_out_array(&j);
    for (size_t i = 0; i < pin->delegate_count; i++)
        json_out_str(&j, pin->delegates[i]);
    json_out_array_end(&j);
    json_out_key(&j, "info");
    json_out_object(&j);
    if (pin->details.n > 0) {
        json_out_key(&j, "status_details");
        json_out_text(&j, pin->details);
    }
    write_pairs(&j, pin->info, pin->info_count);
    json_out_object_end(&j);
    json_out_object_end(&j);
}

void pinning_write_end(struct writer *w, uint64_t count)
{
    char text[40];
    (void)snprintf(text, sizeof(text), "],\"count\":%llu}", (unsigned long long)count);
    write_span(w, span_str(text));
}

void pinning_write_error(struct writer *w, uint16_t status, const char *details)
{
    static const struct {
        uint16_t status;
        const char *reason;
    } rows[] = {
        { 400, "BAD_REQUEST" },         { 401, "UNAUTHORIZED" },
        { 403, "FORBIDDEN" },           { 404, "NOT_FOUND" },
        { 405, "METHOD_NOT_ALLOWED" },  { 409, "INSUFFICIENT_FUNDS" },
        { 413, "REQUEST_TOO_LARGE" },   { 429, "TOO_MANY_REQUESTS" },
        { 503, "SERVICE_UNAVAILABLE" }, { 507, "INSUFFICIENT_STORAGE" },
    };
    const char *reason = "INTERNAL_SERVER_ERROR";
    struct json_out j = json_out_to(w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            reason = rows[i].reason;
    json_out_object(&j);
    json_out_key(&j, "error");
    json_out_object(&j);
    json_out_member_str(&j, "reason", reason);
    json_out_member_str(&j, "details", details);
    json_out_object_end(&j);
    json_out_object_end(&j);
}
