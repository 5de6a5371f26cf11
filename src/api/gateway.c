#include "api/gateway.h"
#include "api/gateway_range.h"
#include "api/gateway_text.h"
#include "crypto/crc32c.h"
#include "ipfs/dag_block.h"

#include <stdio.h>

#define IMMUTABLE "public, max-age=29030400, immutable"

/* A generated page may change with our looks, so it is kept for a week only. */
#define PAGE "public, max-age=604800, stale-while-revalidate=2678400"

/* The three parts of the memory that gateway_open is given. */
static struct mspan block_memory(const struct gateway_answer *a)
{
    return (struct mspan){ a->memory.p, BLOCK_SIZE_MAX };
}

static struct mspan walk_memory(const struct gateway_answer *a)
{
    return (struct mspan){ a->memory.p + BLOCK_SIZE_MAX, UNIXFS_READ_MEMORY };
}

static struct mspan seen_memory(const struct gateway_answer *a)
{
    return (struct mspan){ a->memory.p + BLOCK_SIZE_MAX + UNIXFS_READ_MEMORY, GATEWAY_SEEN_MEMORY };
}

/* ---- errors --------------------------------------------------------------------------------- */

static void fail_block(struct gateway_answer *a, enum err e, const struct cid *cid)
{
    char text[CID_TEXT_MAX];
    cid_format(text, cid);
    a->err = e;
    a->missing = *cid;
    switch ((int)e) {
    case ERR_NOT_FOUND:
        if (a->query->only_cached)
            gateway_text_refuse(a, 412, "the block %s is not stored here\n", text);
        else
            gateway_text_refuse(a, 404, "the block %s could not be found\n", text);
        break;
    case ERR_TIMEOUT:
        gateway_text_refuse(a, 504, "nobody gave us the block %s in time\n", text);
        break;
    case ERR_BUSY:
        gateway_text_refuse(a, 503, "busy\n");
        gateway_text_header(a, "Retry-After", "2");
        break;
    case ERR_UNSUPPORTED:
        gateway_text_refuse(a, 406, "%s: its hash function or codec is not supported\n", text);
        break;
    case ERR_FORMAT:
    case ERR_SHORT:
    case ERR_TRAILING:
    case ERR_LIMIT:
        gateway_text_refuse(a, 422, "the block %s is malformed: %s\n", text, err_text(e));
        break;
    default:
        gateway_text_refuse(a, 500, "the block %s cannot be read: %s\n", text, err_text(e));
    }
}

/* ---- headers -------------------------------------------------------------------------------- */

static const char *last_segment(const struct gateway_query *q)
{
    const char *slash = strrchr(q->path, '/');
    return slash == NULL ? "" : slash + 1;
}

static void disposition(struct gateway_answer *a, const char *kind, const char *name)
{
    uint8_t ascii[3 * GATEWAY_NAME_MAX + 1], utf8[3 * GATEWAY_NAME_MAX + 1];
    struct writer w = writer_of(utf8, sizeof(utf8) - 1);
    gateway_text_url(&w, span_str(name));
    if (w.err != OK)
        return;
    utf8[w.len] = '\0';
    size_t n = 0;
    bool plain = true;
    for (const char *s = name; *s != '\0' && n + 1 < sizeof(ascii); s++) {
        bool good = (uint8_t)*s >= 0x20 && (uint8_t)*s < 0x7f && *s != '"' && *s != '\\';
        plain = plain && good;
        ascii[n++] = good ? (uint8_t)*s : '_';
    }
    ascii[n] = '\0';
    if (plain)
        gateway_text_header(a, "Content-Disposition", "%s; filename=\"%s\"", kind, (char *)ascii);
    else
        gateway_text_header(a, "Content-Disposition", "%s; filename=\"%s\"; filename*=UTF-8''%s",
                            kind, (char *)ascii, (char *)utf8);
}

static void path_headers(struct gateway_answer *a, const char *roots)
{
    uint8_t path[3 * 1024];
    struct writer w = writer_of(path, sizeof(path) - 1);
    for (const char *s = a->query->path; *s != '\0';) {
        size_t n = strcspn(s, "/");
        gateway_text_url(&w, span_of(s, n));
        s += n;
        if (*s == '/') {
            write_u8(&w, '/');
            s++;
        }
    }
    char root[CID_TEXT_MAX];
    cid_format(root, &a->query->root);
    if (w.err == OK) {
        path[w.len] = '\0';
        gateway_text_header(a, "X-Ipfs-Path", "/ipfs/%s%s", root, (char *)path);
    }
    if (roots[0] != '\0')
        gateway_text_header(a, "X-Ipfs-Roots", "%s", roots);
}

/* Sets Etag and Cache-Control; true when the client has it already, and the answer is 304. */
static bool unchanged(struct gateway_answer *a, const char *etag, const char *cache)
{
    gateway_text_header(a, "Etag", "%s", etag);
    gateway_text_header(a, "Cache-Control", "%s", cache);
    if (!gateway_range_not_modified(a->query->request->if_none_match, etag))
        return false;
    a->status = 304;
    a->kind = GATEWAY_BODY_TEXT;
    a->body = span_of(NULL, 0);
    a->size = 0;
    return true;
}

/* ---- bodies of one block -------------------------------------------------------------------- */

bool gateway_is_raw(const struct gateway_query *q)
{
    return q->format == GATEWAY_RAW && q->path[0] == '\0' && q->root.hash == CID_HASH_SHA2_256;
}

void gateway_raw_headers(struct gateway_answer *a, struct gateway_range *range,
                         const struct gateway_query *q, uint64_t length)
{
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 8], name[CID_TEXT_MAX + 8];
    a->query = q;
    a->kind = GATEWAY_BODY_BLOCK;
    *range = (struct gateway_range){ 0, 0 };
    cid_format(text, q->path[0] == '\0' ? &q->root : &a->cid);
    if (q->path[0] == '\0') /* a longer path has passed more roots: open_raw names them */
        path_headers(a, text);
    (void)snprintf(etag, sizeof(etag), "\"%s.raw\"", text);
    (void)snprintf(name, sizeof(name), "%s.bin", text);
    if (unchanged(a, etag, IMMUTABLE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "application/vnd.ipld.raw");
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    gateway_text_header(a, "Accept-Ranges", "bytes");
    disposition(a, "attachment", q->filename[0] == '\0' ? name : q->filename);
    gateway_range_apply(a, range, q->request, etag, length);
}

static void open_raw(struct gateway_answer *a, struct span block, const char *roots)
{
    struct gateway_range range;
    if (a->query->path[0] != '\0')
        path_headers(a, roots);
    gateway_raw_headers(a, &range, a->query, block.n);
    if (a->status == 200 || a->status == 206)
        a->body = span_sub(block, (size_t)range.from, (size_t)range.size);
}

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
};

/* IPIP-524: a block is served in its own codec, nothing is converted. */
static void open_native(struct gateway_answer *a, struct span block, const char *roots)
{
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 16], name[CID_TEXT_MAX + 16];
    enum gateway_format wanted = a->query->format;
    struct gateway_range range;
    for (size_t i = 0; i < sizeof(natives) / sizeof(natives[0]); i++) {
        if (natives[i].codec != a->cid.codec ||
            (wanted != GATEWAY_ANY && wanted != natives[i].format))
            continue;
        cid_format(text, &a->cid);
        (void)snprintf(etag, sizeof(etag), "\"%s.%s\"", text, natives[i].ending);
        (void)snprintf(name, sizeof(name), "%s.%s", text, natives[i].ending);
        path_headers(a, roots);
        a->kind = GATEWAY_BODY_BLOCK;
        if (unchanged(a, etag, IMMUTABLE))
            return;
        gateway_text_common(a);
        gateway_text_header(a, "Content-Type", "%s", natives[i].type);
        gateway_text_header(a, "X-Content-Type-Options", "nosniff");
        bool json = natives[i].format == GATEWAY_JSON || natives[i].format == GATEWAY_DAG_JSON;
        disposition(a, json ? "inline" : "attachment",
                    a->query->filename[0] == '\0' ? name : a->query->filename);
        gateway_range_apply(a, &range, a->query->request, etag, block.n);
        if (a->status == 200 || a->status == 206)
            a->body = span_sub(block, (size_t)range.from, (size_t)range.size);
        return;
    }
    gateway_text_refuse(a, 406,
                        "this block is of codec 0x%llx, and we convert nothing: ask for "
                        "?format=raw or its own format\n",
                        (unsigned long long)a->cid.codec);
}

/* ---- CAR ------------------------------------------------------------------------------------ */

static void open_car(struct gateway_answer *a, const struct block_source *source, const char *roots)
{
    const struct gateway_query *q = a->query;
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 32], name[CID_TEXT_MAX + 8], shape[96];
    cid_format(text, &q->root);
    (void)snprintf(shape, sizeof(shape), "%d %d %d %lld %lld %d", (int)q->scope, (int)q->dups,
                   (int)q->has_bytes, (long long)q->bytes.from, (long long)q->bytes.to,
                   (int)q->bytes.to_end);
    uint32_t hash = crc32c(crc32c(0, span_str(shape)), span_str(q->path));
    (void)snprintf(etag, sizeof(etag), "W/\"%s.car.%08x\"", text, hash);
    (void)snprintf(name, sizeof(name), "%s.car", text);
    path_headers(a, roots);
    if (unchanged(a, etag, IMMUTABLE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type",
                        "application/vnd.ipld.car; version=1; order=dfs; dups=%c",
                        q->dups ? 'y' : 'n');
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    gateway_text_header(a, "Accept-Ranges", "none");
    disposition(a, "attachment", q->filename[0] == '\0' ? name : q->filename);
    struct car_stream_params params = { .root = q->root,
                                        .path = span_str(q->path),
                                        .scope = q->scope,
                                        .has_bytes = q->has_bytes,
                                        .bytes = q->bytes };
    if (!q->dups) {
        dag_walk_table_init(&a->seen_table, seen_memory(a));
        a->seen = dag_walk_table_seen(&a->seen_table);
        params.seen = &a->seen;
    }
    car_stream_init(&a->u.car, source, walk_memory(a), &params);
    a->kind = GATEWAY_BODY_CAR;
    a->status = 200;
    a->size = GATEWAY_SIZE_UNKNOWN;
}

/* ---- files and folders ---------------------------------------------------------------------- */

/* The first bytes of a file, for its type. */
static enum err file_start(struct gateway_answer *a, const struct block_source *source,
                           struct span *start)
{
    enum { LOOK = 512 };
    unixfs_read_file_init(&a->u.walk, source, walk_memory(a), &a->cid);
    unixfs_read_file_range(&a->u.walk, 0, LOOK);
    return unixfs_read_file_next(&a->u.walk, start);
}

static void open_file(struct gateway_answer *a, const struct block_source *source,
                      const struct unixfs_read_stat *st, const char *roots)
{
    const struct gateway_query *q = a->query;
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 4];
    const char *name = q->filename[0] != '\0' ? q->filename : last_segment(q);
    struct gateway_range range;
    struct span start;
    cid_format(text, &a->named);
    (void)snprintf(etag, sizeof(etag), "\"%s\"", text);
    path_headers(a, roots);
    if (unchanged(a, etag, IMMUTABLE))
        return;
    enum err e = file_start(a, source, &start);
    if (e != OK) {
        fail_block(a, e, &a->cid);
        return;
    }
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "%s", gateway_text_type(span_str(name), start));
    gateway_text_header(a, "Accept-Ranges", "bytes");
    if (q->filename[0] != '\0' || q->download)
        disposition(a, q->download ? "attachment" : "inline", name[0] == '\0' ? text : name);
    gateway_range_apply(a, &range, q->request, etag, st->size);
    if (a->status != 200 && a->status != 206)
        return;
    a->kind = GATEWAY_BODY_FILE;
    unixfs_read_file_init(&a->u.walk, source, walk_memory(a), &a->cid);
    unixfs_read_file_range(&a->u.walk, range.from, range.from + range.size);
}

static void open_symlink(struct gateway_answer *a, const struct unixfs_read_stat *st,
                         const char *roots)
{
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 4];
    cid_format(text, &a->cid);
    (void)snprintf(etag, sizeof(etag), "\"%s\"", text);
    path_headers(a, roots);
    if (unchanged(a, etag, IMMUTABLE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "inode/symlink");
    a->kind = GATEWAY_BODY_BLOCK;
    a->status = 200;
    a->body = st->target;
    a->size = st->target.n;
}

static void redirect_to_slash(struct gateway_answer *a)
{
    const struct gateway_request *rq = a->query->request;
    gateway_text_refuse(a, 301, "a folder's address ends with /\n");
    gateway_text_header(a, "Location", "%s/%s%s", rq->path, rq->query[0] == '\0' ? "" : "?",
                        rq->query);
}

/* Looks index.html up in the folder a->cid. Out: *found, and a->cid moved to it. */
static enum err find_index(struct gateway_answer *a, const struct block_source *source, bool *found)
{
    struct unixfs_path p;
    struct span block;
    *found = false;
    TRY(unixfs_path_init(&p, &a->cid, span_str("index.html")));
    while (!p.done) {
        TRY(dag_block_get(&block, block_memory(a), source, &p.cid));
        enum err e = unixfs_path_step(&p, block);
        if (e == ERR_NOT_FOUND)
            return OK;
        TRY(e);
    }
    a->cid = p.cid;
    *found = true;
    return OK;
}

static void open_listing(struct gateway_answer *a, const struct block_source *source,
                         const char *roots)
{
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 24];
    cid_format(text, &a->cid);
    (void)snprintf(etag, sizeof(etag), "\"DirIndex-1_CID-%s\"", text);
    path_headers(a, roots);
    if (unchanged(a, etag, PAGE))
        return;
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "text/html; charset=utf-8");
    a->kind = GATEWAY_BODY_LISTING;
    a->status = 200;
    a->size = GATEWAY_SIZE_UNKNOWN;
    a->listing_state = 0;
    a->has_item = false;
    unixfs_read_dir_init(&a->u.walk, source, walk_memory(a), &a->cid);
}

static void open_dir(struct gateway_answer *a, const struct block_source *source, const char *roots)
{
    if (!a->query->trailing_slash) {
        redirect_to_slash(a);
        return;
    }
    bool found;
    struct span block;
    struct unixfs_read_stat st;
    enum err e = find_index(a, source, &found);
    if (e == OK && found)
        e = dag_block_get(&block, block_memory(a), source, &a->cid);
    if (e == OK && found)
        e = unixfs_read_stat(&st, &a->cid, block);
    if (e != OK)
        fail_block(a, e, &a->cid);
    else if (found && st.kind == UNIXFS_READ_FILE)
        open_file(a, source, &st, roots);
    else
        open_listing(a, source, roots);
}

static void open_unixfs(struct gateway_answer *a, const struct block_source *source,
                        struct span block, const char *roots)
{
    struct unixfs_read_stat st;
    enum err e = unixfs_read_stat(&st, &a->cid, block);
    if (e != OK) {
        fail_block(a, e, &a->cid);
        return;
    }
    switch (st.kind) {
    case UNIXFS_READ_FILE:
        if (a->query->trailing_slash)
            gateway_text_refuse(a, 404, "this is a file, not a folder\n");
        else
            open_file(a, source, &st, roots);
        return;
    case UNIXFS_READ_DIRECTORY:
        open_dir(a, source, roots);
        return;
    case UNIXFS_READ_SYMLINK:
        open_symlink(a, &st, roots);
        return;
    case UNIXFS_READ_OTHER:
        gateway_text_refuse(a, 422, "this dag-pb block is no UnixFS: ask for ?format=raw\n");
        return;
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Follows the path. Out: a->cid, *block and the CIDs passed, for X-Ipfs-Roots. */
static bool resolve(struct gateway_answer *a, const struct block_source *source, struct span *block,
                    char *roots, size_t roots_size)
{
    struct unixfs_path p;
    size_t used = 0;
    if (unixfs_path_init(&p, &a->query->root, span_str(a->query->path)) != OK) {
        gateway_text_refuse(a, 414, "the path is too long\n");
        return false;
    }
    for (struct cid last = { 0 };;) {
        if (!cid_eq(&last, &p.cid)) {
            char text[CID_TEXT_MAX];
            cid_format(text, &p.cid);
            int n = snprintf(roots + used, roots_size - used, "%s%s", used == 0 ? "" : ",", text);
            used += n > 0 && (size_t)n < roots_size - used ? (size_t)n : 0;
            roots[used] = '\0';
            last = p.cid;
        }
        enum err e = dag_block_get(block, block_memory(a), source, &p.cid);
        if (e != OK) {
            fail_block(a, e, &p.cid);
            return false;
        }
        if (p.done)
            break;
        e = unixfs_path_step(&p, *block);
        if (e == ERR_NOT_FOUND)
            gateway_text_refuse(a, 404, "there is no such name under %s\n", roots);
        else if (e != OK)
            fail_block(a, e, &p.cid);
        if (e != OK)
            return false;
    }
    a->cid = p.cid;
    a->named = p.cid;
    if (p.inside.n == 0)
        return true;
    gateway_text_refuse(a, 501, "a value inside a dag-cbor block cannot be served alone\n");
    return false;
}

void gateway_open(struct gateway_answer *a, const struct gateway_query *q,
                  const struct block_source *source, struct mspan memory)
{
    ASSERT(memory.n >= GATEWAY_MEMORY);
    char roots[2048] = "";
    struct span block;
    a->header_count = 0;
    a->text_used = 0;
    a->body_at = 0;
    a->rest = span_of(NULL, 0);
    a->err = OK;
    a->query = q;
    a->memory = memory;
    a->kind = GATEWAY_BODY_TEXT;
    if (q->format == GATEWAY_TAR || q->format == GATEWAY_IPNS_RECORD) {
        gateway_text_refuse(a, 406, "this format is not served yet\n");
        return;
    }
    if (!resolve(a, source, &block, roots, sizeof(roots)))
        return;
    switch (q->format) {
    case GATEWAY_RAW:
        open_raw(a, block, roots);
        return;
    case GATEWAY_CAR:
        open_car(a, source, roots);
        return;
    case GATEWAY_ANY:
        if (a->cid.codec == CID_CODEC_DAG_PB || a->cid.codec == CID_CODEC_RAW) {
            open_unixfs(a, source, block, roots);
            return;
        }
        break;
    case GATEWAY_DAG_CBOR:
    case GATEWAY_DAG_JSON:
    case GATEWAY_CBOR:
    case GATEWAY_JSON:
    case GATEWAY_TAR:
    case GATEWAY_IPNS_RECORD:
        break;
    }
    open_native(a, block, roots);
}
