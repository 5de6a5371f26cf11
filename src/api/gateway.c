#include "api/gateway.h"
#include "api/gateway_name.h"
#include "api/gateway_open.h"
#include "api/gateway_range.h"
#include "api/gateway_text.h"
#include "codec/dag_json.h"
#include "crypto/crc32c.h"
#include "ipfs/dag_block.h"

#include <stdio.h>

/* ---- raw blocks ----------------------------------------------------------------------------- */

bool gateway_is_raw(const struct gateway_query *q)
{
    return q->format == GATEWAY_RAW && q->path[0] == '\0' && !q->by_name &&
           q->root.hash == CID_HASH_SHA2_256;
}

static void raw_headers(struct gateway_answer *a, struct gateway_range *range,
                        const struct cid *cid, uint64_t length)
{
    const struct gateway_query *q = a->query;
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 8], name[CID_TEXT_MAX + 8];
    a->kind = GATEWAY_BODY_BLOCK;
    *range = (struct gateway_range){ 0, 0 };
    cid_format(text, cid);
    gateway_head_path(a);
    (void)snprintf(etag, sizeof(etag), "\"%s.raw\"", text);
    (void)snprintf(name, sizeof(name), "%s.bin", text);
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_IMMUTABLE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "application/vnd.ipld.raw");
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    gateway_text_header(a, "Accept-Ranges", "bytes");
    gateway_head_disposition(a, "attachment", q->filename[0] == '\0' ? name : q->filename);
    gateway_range_apply(a, range, q->request, etag, length);
}

void gateway_raw_headers(struct gateway_answer *a, struct gateway_range *range,
                         const struct gateway_query *q, uint64_t length)
{
    a->query = q;
    a->page_status = 0;
    cid_format(a->roots, &q->root);
    raw_headers(a, range, &q->root, length);
}

static void open_raw(struct gateway_answer *a, struct span block)
{
    struct gateway_range range;
    raw_headers(a, &range, &a->cid, block.n);
    if (a->status == 200 || a->status == 206)
        a->body = span_sub(block, (size_t)range.from, (size_t)range.size);
}

/* ---- CAR ------------------------------------------------------------------------------------ */

static void open_car(struct gateway_answer *a)
{
    const struct gateway_query *q = a->query;
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 32], name[CID_TEXT_MAX + 8], shape[96];
    cid_format(text, &a->root);
    (void)snprintf(shape, sizeof(shape), "%d %d %d %lld %lld %d", (int)q->scope, (int)q->dups,
                   (int)q->has_bytes, (long long)q->bytes.from, (long long)q->bytes.to,
                   (int)q->bytes.to_end);
    uint32_t hash = crc32c(crc32c(0, span_str(shape)), span_str(a->path));
    (void)snprintf(etag, sizeof(etag), "W/\"%s.car.%08x\"", text, hash);
    (void)snprintf(name, sizeof(name), "%s.car", text);
    gateway_head_path(a);
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_IMMUTABLE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type",
                        "application/vnd.ipld.car; version=1; order=dfs; dups=%c",
                        q->dups ? 'y' : 'n');
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    gateway_text_header(a, "Accept-Ranges", "none");
    gateway_head_disposition(a, "attachment", q->filename[0] == '\0' ? name : q->filename);
    struct car_stream_params params = { .root = a->root,
                                        .path = span_str(a->path),
                                        .scope = q->scope,
                                        .has_bytes = q->has_bytes,
                                        .bytes = q->bytes };
    if (!q->dups) {
        dag_walk_table_init(&a->seen_table, gateway_head_seen(a));
        a->seen = dag_walk_table_seen(&a->seen_table);
        params.seen = &a->seen;
    }
    car_stream_init(&a->u.car, a->source, gateway_head_walk(a), &params);
    a->kind = GATEWAY_BODY_CAR;
    a->status = 200;
    a->size = GATEWAY_SIZE_UNKNOWN;
}

/* ---- the path ------------------------------------------------------------------------------- */

static void add_root(struct gateway_answer *a, const struct cid *cid)
{
    char text[CID_TEXT_MAX];
    size_t used = strlen(a->roots), room = sizeof(a->roots) - used;
    cid_format(text, cid);
    if (strlen(text) + 2 <= room)
        (void)snprintf(a->roots + used, room, "%s%s", used == 0 ? "" : ",", text);
}

/* Paths lead into dag-json blocks by the values that they stand for. */
static enum err path_step(struct gateway_answer *a, struct unixfs_path *p, struct span block)
{
    if (p->cid.codec != CID_CODEC_DAG_JSON)
        return unixfs_path_step(p, block);
    struct mspan walk = gateway_head_walk(a);
    struct writer w = writer_of(walk.p, walk.n);
    TRY(dag_json_to_cbor(&w, block, gateway_head_seen(a)));
    return unixfs_path_step_value(p, writer_span(&w));
}

bool gateway_open_path(struct gateway_answer *a, struct span *block, bool *lacking)
{
    struct unixfs_path p;
    *lacking = false;
    a->roots[0] = '\0';
    enum err e = unixfs_path_init(&p, &a->root, span_str(a->path));
    if (e != OK) {
        gateway_text_refuse(a, e == ERR_LIMIT ? 414 : 400, "the path cannot be used\n");
        return false;
    }
    for (struct cid last = { 0 };;) {
        if (!cid_eq(&last, &p.cid))
            add_root(a, &p.cid);
        last = p.cid;
        e = dag_block_get(block, gateway_head_block(a), a->source, &p.cid);
        if (e != OK) {
            gateway_head_fail(a, e, &p.cid);
            return false;
        }
        if (p.done)
            break;
        e = path_step(a, &p, *block);
        *lacking = e == ERR_NOT_FOUND;
        if (e != OK && !*lacking)
            gateway_head_fail(a, e, &p.cid);
        if (e != OK)
            return false;
    }
    a->cid = p.cid;
    a->named = p.cid;
    if (p.inside.n == 0)
        return true;
    gateway_text_refuse(a, 501, "a value inside a block cannot be served alone\n");
    return false;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Follows the path, and what the site says of paths that lead nowhere. */
static bool find(struct gateway_answer *a, struct span *block)
{
    bool lacking, site = a->query->mount != GATEWAY_MOUNT_PATH && a->query->format == GATEWAY_ANY;
    enum gateway_open_rule rule = GATEWAY_OPEN_NOTHING;
    if (gateway_open_path(a, block, &lacking))
        return true;
    if (lacking && site)
        rule = gateway_open_redirects(a);
    if (rule == GATEWAY_OPEN_SHOW && gateway_open_path(a, block, &lacking))
        return true;
    if (lacking && rule != GATEWAY_OPEN_ANSWERED)
        gateway_text_refuse(a, 404, "there is no such name under %.1500s\n", a->roots);
    return false;
}

static void open_found(struct gateway_answer *a, struct span block)
{
    bool unixfs = a->cid.codec == CID_CODEC_DAG_PB || a->cid.codec == CID_CODEC_RAW;
    switch (a->query->format) {
    case GATEWAY_RAW:
        open_raw(a, block);
        return;
    case GATEWAY_CAR:
        open_car(a);
        return;
    case GATEWAY_TAR:
        gateway_open_tar(a);
        return;
    case GATEWAY_ANY:
        if (unixfs)
            gateway_open_unixfs(a, block);
        else
            gateway_open_native(a, block);
        return;
    case GATEWAY_DAG_CBOR:
    case GATEWAY_DAG_JSON:
    case GATEWAY_CBOR:
    case GATEWAY_JSON:
        gateway_open_native(a, block);
        return;
    case GATEWAY_IPNS_RECORD: /* answered before */
        break;
    }
}

void gateway_open(struct gateway_answer *a, const struct gateway_query *q,
                  const struct block_source *source, struct mspan memory)
{
    ASSERT(memory.n >= GATEWAY_MEMORY);
    struct span block;
    a->header_count = 0;
    a->text_used = 0;
    a->body_at = 0;
    a->rest = span_of(NULL, 0);
    a->err = OK;
    a->query = q;
    a->source = source;
    a->memory = memory;
    a->page_status = 0;
    a->roots[0] = '\0';
    a->kind = GATEWAY_BODY_TEXT;
    if (q->format == GATEWAY_IPNS_RECORD)
        gateway_name_record(a);
    else if (gateway_name_resolve(a) && find(a, &block))
        open_found(a, block);
}
