#include "api/pinning.h"

#include "codec/json.h"

#include <stdio.h>

enum { VERSION = 1, FLAG_NAME = 1, FLAG_INLINED = 2 };

/* ---- routes ---- */

static bool id_of(uint64_t *id, const char *text)
{
    *id = 0;
    for (size_t i = 0; i < PINNING_ID_SIZE; i++) {
        char c = text[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f'))
            return false;
        *id = *id << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return text[PINNING_ID_SIZE] == '\0';
}

enum pinning_route pinning_route(const char *method, const char *path, uint64_t *id)
{
    static const char root[] = "/pins";
    const size_t n = sizeof(root) - 1;
    *id = 0;
    if (strncmp(path, root, n) != 0 || (path[n] != '\0' && path[n] != '/'))
        return PINNING_NO_PATH;
    if (strcmp(method, "OPTIONS") == 0)
        return PINNING_PREFLIGHT;
    if (path[n] == '\0') {
        if (strcmp(method, "GET") == 0)
            return PINNING_LIST;
        return strcmp(method, "POST") == 0 ? PINNING_ADD : PINNING_NO_METHOD;
    }
    /* A requestid that we never gave out names nothing: 0 is none. */
    if (!id_of(id, path + n + 1))
        *id = 0;
    if (strcmp(method, "GET") == 0)
        return PINNING_GET;
    if (strcmp(method, "POST") == 0)
        return PINNING_REPLACE;
    return strcmp(method, "DELETE") == 0 ? PINNING_REMOVE : PINNING_NO_METHOD;
}

/* ---- the encoded form ---- */

static void write_text(struct writer *w, struct span s)
{
    ASSERT(s.n <= UINT16_MAX);
    write_be16(w, (uint16_t)s.n);
    write_span(w, s);
}

/* What came as JSON has no zero bytes, and no JSON that others read could tell them. */
static struct span read_text(struct reader *r)
{
    struct span s = read_span(r, read_be16(r));
    reader_require(r, s.n == 0 || memchr(s.p, '\0', s.n) == NULL, ERR_FORMAT);
    return s;
}

void pinning_encode(struct writer *w, const struct pinning_request *rq)
{
    write_u8(w, VERSION);
    write_u8(w, (uint8_t)((rq->has_name ? FLAG_NAME : 0) | (rq->inlined ? FLAG_INLINED : 0)));
    write_be32(w, rq->key.codec);
    write_bytes(w, rq->key.digest, sizeof(rq->key.digest));
    write_text(w, rq->cid);
    write_text(w, rq->name);
    write_u8(w, (uint8_t)rq->origin_count);
    for (uint32_t i = 0; i < rq->origin_count; i++)
        write_text(w, rq->origins[i]);
    write_u8(w, (uint8_t)rq->meta_count);
    for (uint32_t i = 0; i < rq->meta_count; i++) {
        write_text(w, rq->meta[i].name);
        write_text(w, rq->meta[i].value);
    }
}

/* As the members of one object: the answer would be no JSON that others read. */
static bool is_twice(const struct pinning_request *rq, uint32_t last)
{
    for (uint32_t i = 0; i < last; i++) {
        if (span_eq(rq->meta[i].name, rq->meta[last].name))
            return true;
    }
    return false;
}

enum err pinning_decode(struct pinning_request *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct pinning_request){ 0 };
    reader_require(&r, read_u8(&r) == VERSION, ERR_FORMAT);
    uint8_t flags = read_u8(&r);
    reader_require(&r, (flags & ~(FLAG_NAME | FLAG_INLINED)) == 0, ERR_FORMAT);
    out->has_name = (flags & FLAG_NAME) != 0;
    out->inlined = (flags & FLAG_INLINED) != 0;
    out->key.codec = read_be32(&r);
    read_into(&r, out->key.digest, sizeof(out->key.digest));
    out->cid = read_text(&r);
    out->name = read_text(&r);
    reader_require(&r, out->has_name || out->name.n == 0, ERR_FORMAT);
    out->origin_count = read_u8(&r);
    reader_require(&r, out->origin_count <= PINNING_ORIGINS_MAX, ERR_LIMIT);
    for (uint32_t i = 0; i < out->origin_count && r.err == OK; i++)
        out->origins[i] = read_text(&r);
    out->meta_count = read_u8(&r);
    reader_require(&r, out->meta_count <= PINNING_META_MAX, ERR_LIMIT);
    for (uint32_t i = 0; i < out->meta_count && r.err == OK; i++) {
        out->meta[i].name = read_text(&r);
        out->meta[i].value = read_text(&r);
        reader_require(&r, !is_twice(out, i), ERR_FORMAT);
    }
    if (reader_finish(&r) != OK)
        *out = (struct pinning_request){ 0 };
    return r.err;
}

/* ---- the body ---- */

struct body {
    struct json doc;
    struct pinning_request rq;
    size_t meta_bytes;
};

/* Characters of UTF-8, which jansson has checked. */
static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s != '\0'; s++)
        n += ((uint8_t)*s & 0xc0) != 0x80;
    return n;
}

/* What an order can name: sha2-256 over raw, dag-pb or dag-cbor; or nothing at all, when a raw
 * block stands in the CID itself. */
static void read_cid(struct body *b, struct json_value v)
{
    struct cid cid;
    struct span data;
    struct pinning_request *rq = &b->rq;
    rq->cid = span_str(json_text(v));
    if (b->doc.err != OK)
        return;
    if (rq->cid.n >= CID_TEXT_MAX || cid_parse(&cid, rq->cid) != OK) {
        json_fail(v, ERR_FORMAT, "this is no CID");
        return;
    }
    rq->inlined = cid_inlined(&data, &cid) && cid.codec == CID_CODEC_RAW;
    if (rq->inlined)
        return;
    bool can = cid_key(&rq->key, &cid) == OK &&
               (cid.codec == CID_CODEC_RAW || cid.codec == CID_CODEC_DAG_PB ||
                cid.codec == CID_CODEC_DAG_CBOR);
    if (!can)
        json_fail(v, ERR_UNSUPPORTED,
                  "only sha2-256 CIDs of raw, dag-pb and dag-cbor blocks can be stored");
}

static void read_name(struct body *b, struct json_value v)
{
    if (json_kind(v) == JSON_KIND_NONE || json_nil(v))
        return;
    const char *name = json_text(v);
    if (characters(name) > PINNING_NAME_MAX)
        json_fail(v, ERR_LIMIT, "longer than 255 characters");
    b->rq.has_name = true;
    b->rq.name = span_str(name);
}

static void read_origins(struct body *b, struct json_value v)
{
    struct pinning_request *rq = &b->rq;
    size_t n = json_nil(v) ? 0 : json_count(v);
    if (n > PINNING_ORIGINS_MAX)
        json_fail(v, ERR_LIMIT, "more than 20");
    for (size_t i = 0; i < n && b->doc.err == OK; i++) {
        struct json_value at = json_at(v, i);
        struct span text = span_str(json_text(at));
        if (b->doc.err == OK && (text.n == 0 || text.p[0] != '/'))
            json_fail(at, ERR_FORMAT, "this is no multiaddr");
        if (text.n > PINNING_ORIGIN_MAX)
            json_fail(at, ERR_LIMIT, "longer than 512 bytes");
        if (b->doc.err == OK)
            rq->origins[rq->origin_count++] = text;
    }
}

static void read_pair(void *ctx, const char *name, struct json_value v)
{
    struct body *b = ctx;
    struct pinning_pair p = { span_str(name), span_str(json_text(v)) };
    b->meta_bytes += p.name.n + p.value.n;
    if (b->rq.meta_count == PINNING_META_MAX || b->meta_bytes > PINNING_META_BYTES)
        json_fail(v, ERR_LIMIT, "more than 64 pairs or 15,000 bytes");
    if (b->doc.err == OK)
        b->rq.meta[b->rq.meta_count++] = p;
}

static void read_body(struct body *b)
{
    struct json_value root = json_root(&b->doc), meta = json_find(root, "meta");
    read_cid(b, json_get(root, "cid"));
    read_name(b, json_find(root, "name"));
    read_origins(b, json_find(root, "origins"));
    if (!json_nil(meta))
        json_each(meta, read_pair, b);
}

enum err pinning_body(struct span *encoded, char why[PINNING_WHY_MAX], struct mspan room,
                      struct span body)
{
    struct body b = { .meta_bytes = 0 };
    struct writer w = writer_of(room.p, room.n);
    why[0] = '\0';
    *encoded = (struct span){ 0 };
    enum err e = json_open(&b.doc, body, PINNING_BODY_MAX);
    if (e == OK)
        read_body(&b);
    if (b.doc.err == OK)
        pinning_encode(&w, &b.rq);
    e = b.doc.err != OK ? b.doc.err : w.err;
    if (e == OK)
        *encoded = writer_span(&w);
    else
        (void)snprintf(why, PINNING_WHY_MAX, "%.*s", PINNING_WHY_MAX - 1,
                       b.doc.err != OK ? b.doc.what : "the request is too large");
    json_close(&b.doc);
    return e;
}
