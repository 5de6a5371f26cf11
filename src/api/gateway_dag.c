#include "api/gateway_open.h"
#include "api/gateway_page.h"
#include "api/gateway_range.h"
#include "api/gateway_text.h"
#include "codec/dag_json.h"

#include <stdio.h>

enum { PREVIEW_MAX = 64 << 10 }; /* bytes of a block, and of its JSON text, that a page shows */

static const struct {
    enum gateway_format format;
    uint64_t codec;
    const char *type, *ending;
} natives[] = {
    { GATEWAY_DAG_CBOR, CID_CODEC_DAG_CBOR, "application/vnd.ipld.dag-cbor", "dag-cbor" },
    { GATEWAY_DAG_JSON, CID_CODEC_DAG_JSON, "application/vnd.ipld.dag-json", "dag-json" },
    { GATEWAY_CBOR, CID_CODEC_CBOR, "application/cbor", "cbor" },
    { GATEWAY_JSON, CID_CODEC_JSON, "application/json", "json" },
    /* A dag-cbor block is CBOR too, and a dag-json block JSON; raw bytes may be called either. */
    { GATEWAY_CBOR, CID_CODEC_DAG_CBOR, "application/cbor", "cbor" },
    { GATEWAY_JSON, CID_CODEC_DAG_JSON, "application/json", "json" },
    { GATEWAY_CBOR, CID_CODEC_RAW, "application/cbor", "cbor" },
    { GATEWAY_JSON, CID_CODEC_RAW, "application/json", "json" },
};

enum { NATIVES = sizeof(natives) / sizeof(natives[0]) };

/* ---- the page ------------------------------------------------------------------------------- */

/* The value as DAG-JSON text; false when it cannot be shown so. */
static bool to_json(struct gateway_answer *a, struct span block, struct writer *w)
{
    struct mspan seen = gateway_head_seen(a);
    struct mspan scratch = { seen.p + PREVIEW_MAX, seen.n - PREVIEW_MAX };
    struct mspan walk = gateway_head_walk(a);
    *w = writer_of(seen.p, PREVIEW_MAX);
    if (block.n > PREVIEW_MAX)
        return false;
    if (a->cid.codec == CID_CODEC_DAG_CBOR || a->cid.codec == CID_CODEC_CBOR)
        return dag_json_from_cbor(w, block, scratch) == OK;
    /* Through CBOR, so that only well-formed text with its escapes is shown. */
    struct writer cbor = writer_of(walk.p, walk.n);
    return dag_json_to_cbor(&cbor, block, scratch) == OK &&
           dag_json_from_cbor(w, writer_span(&cbor), scratch) == OK;
}

static void open_page(struct gateway_answer *a, struct span block)
{
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 24];
    struct writer json;
    cid_format(text, &a->cid);
    (void)snprintf(etag, sizeof(etag), "\"DagIndex-1_CID-%s\"", text);
    gateway_head_path(a);
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_PAGE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "text/html; charset=utf-8");
    bool shown = to_json(a, block, &json);
    struct mspan walk = gateway_head_walk(a);
    struct writer page = writer_of(walk.p, walk.n);
    gateway_page_dag(&page, a, block.n, shown ? writer_span(&json) : span_of(NULL, 0));
    if (page.err != OK) { /* it does not fit with its indentation */
        page = writer_of(walk.p, walk.n);
        gateway_page_dag(&page, a, block.n, span_of(NULL, 0));
    }
    a->kind = GATEWAY_BODY_BLOCK;
    a->status = 200;
    a->body = writer_span(&page);
    a->size = page.len;
}

/* ---- the block ------------------------------------------------------------------------------ */

static void open_block(struct gateway_answer *a, struct span block, size_t native)
{
    const struct gateway_query *q = a->query;
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 16], name[CID_TEXT_MAX + 16];
    struct gateway_range range;
    cid_format(text, &a->cid);
    (void)snprintf(etag, sizeof(etag), "\"%s.%s\"", text, natives[native].ending);
    (void)snprintf(name, sizeof(name), "%s.%s", text,
                   natives[native].format == GATEWAY_DAG_CBOR   ? "cbor"
                   : natives[native].format == GATEWAY_DAG_JSON ? "json"
                                                                : natives[native].ending);
    gateway_head_path(a);
    a->kind = GATEWAY_BODY_BLOCK;
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_IMMUTABLE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "%s", natives[native].type);
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    gateway_text_header(a, "Accept-Ranges", "bytes");
    bool json =
        natives[native].format == GATEWAY_JSON || natives[native].format == GATEWAY_DAG_JSON;
    gateway_head_disposition(a, json && !q->download ? "inline" : "attachment",
                             q->filename[0] == '\0' ? name : q->filename);
    gateway_range_apply(a, &range, q->request, etag, block.n);
    if (a->status == 200 || a->status == 206)
        a->body = span_sub(block, (size_t)range.from, (size_t)range.size);
}

/* IPIP-524: a block is served in its own codec, nothing is converted. */
void gateway_open_native(struct gateway_answer *a, struct span block)
{
    enum gateway_format wanted = a->query->format;
    for (size_t i = 0; i < NATIVES; i++) {
        if (natives[i].codec != a->cid.codec ||
            (wanted != GATEWAY_ANY && wanted != natives[i].format))
            continue;
        if (wanted == GATEWAY_ANY && a->query->html)
            open_page(a, block);
        else
            open_block(a, block, i);
        return;
    }
    gateway_text_refuse(a, 406,
                        "this block is of codec 0x%llx, and we convert nothing: ask for "
                        "?format=raw or its own format\n",
                        (unsigned long long)a->cid.codec);
}
