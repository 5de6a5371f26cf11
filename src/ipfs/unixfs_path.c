#include "ipfs/unixfs_path.h"

#include "codec/cbor.h"
#include "codec/dagpb.h"
#include "codec/murmur3.h"
#include "codec/unixfs.h"

/* Takes the first segment off a path; an empty result means that there is none. */
static struct span take_segment(struct span *path)
{
    for (;;) {
        size_t n = 0;
        while (n < path->n && path->p[n] != '/')
            n++;
        struct span segment = span_sub(*path, 0, n);
        *path = span_sub(*path, n < path->n ? n + 1 : n, path->n);
        bool skip = n == 0 || span_eq(segment, span_str("."));
        if (!skip || path->n == 0)
            return skip ? span_of(NULL, 0) : segment;
    }
}

static bool path_empty(struct span path)
{
    return take_segment(&path).n == 0;
}

enum err unixfs_path_init(struct unixfs_path *p, const struct cid *root, struct span path)
{
    *p = (struct unixfs_path){ .cid = *root, .rest = path };
    if (path.n > UNIXFS_PATH_MAX)
        return ERR_LIMIT;
    for (struct span left = path;;) {
        struct span segment = take_segment(&left);
        if (segment.n == 0)
            break;
        if (span_eq(segment, span_str("..")))
            return ERR_DENIED;
    }
    p->done = path_empty(path);
    return OK;
}

/* The segment has led to a block: go on there. */
static void move_to(struct unixfs_path *p, const struct cid *cid, struct span rest,
                    struct span name)
{
    p->cid = *cid;
    p->rest = rest;
    p->name = name;
    p->in_shard = false;
    p->bits = 0;
    p->done = path_empty(rest);
}

/* ---- dag-pb ---------------------------------------------------------------------------------- */

static enum err step_flat(struct unixfs_path *p, const struct dagpb *node)
{
    struct span rest = p->rest;
    struct span segment = take_segment(&rest);
    struct dagpb_iter it = dagpb_links(node);
    struct dagpb_link link;
    while (dagpb_next(&it, &link)) {
        if (!span_eq(link.name, segment))
            continue;
        move_to(p, &link.cid, rest, segment); /* of equal names the first counts */
        return OK;
    }
    return ERR_NOT_FOUND;
}

static enum err step_shard(struct unixfs_path *p, const struct dagpb *node,
                           const struct unixfs *shard)
{
    static const char hex[] = "0123456789ABCDEF";
    struct span rest = p->rest;
    struct span segment = take_segment(&rest);
    uint32_t width = 0;
    while (UINT64_C(1) << width < shard->fanout)
        width++;
    if (p->bits + width > 64)
        return ERR_FORMAT;
    uint64_t bucket = murmur3_x64_64(segment) << p->bits >> (64 - width);
    size_t digits = (width + 3) / 4;
    uint8_t prefix[3];
    for (size_t i = 0; i < digits; i++)
        prefix[i] = (uint8_t)hex[bucket >> 4 * (digits - 1 - i) & 15];
    struct dagpb_iter it = dagpb_links(node);
    struct dagpb_link link;
    while (dagpb_next(&it, &link)) {
        if (link.name.n < digits || memcmp(link.name.p, prefix, digits) != 0)
            continue;
        if (link.name.n == digits) {
            p->cid = link.cid;
            p->in_shard = true;
            p->bits += width;
            return OK;
        }
        if (span_eq(span_sub(link.name, digits, link.name.n), segment)) {
            move_to(p, &link.cid, rest, segment);
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err step_dagpb(struct unixfs_path *p, struct span block)
{
    struct dagpb node;
    struct unixfs u;
    TRY(dagpb_decode(&node, block));
    bool typed = node.has_data && unixfs_decode(&u, node.data) == OK;
    if (typed && u.type == UNIXFS_HAMT)
        return step_shard(p, &node, &u);
    if (p->in_shard)
        return ERR_FORMAT; /* a shard's sub-shard is something else */
    /* Any other dag-pb node has names too; a file's links have empty ones, which match nothing. */
    return step_flat(p, &node);
}

/* ---- dag-cbor -------------------------------------------------------------------------------- */

/* Moves c to the value under the segment. */
static enum err enter(struct cbor_reader *c, struct span segment)
{
    if (cbor_peek(c) == CBOR_MAP) {
        for (size_t n = cbor_read_map(c); n > 0; n--) {
            if (span_eq(cbor_read_text(c), segment))
                return OK;
            cbor_skip(c);
        }
        return ERR_NOT_FOUND;
    }
    if (cbor_peek(c) != CBOR_ARRAY)
        return ERR_NOT_FOUND;
    uint64_t index = 0;
    for (size_t i = 0; i < segment.n; i++) {
        if (segment.p[i] < '0' || segment.p[i] > '9' || i > 9 || (i > 0 && segment.p[0] == '0'))
            return ERR_NOT_FOUND;
        index = index * 10 + (uint64_t)(segment.p[i] - '0');
    }
    if (index >= cbor_read_array(c))
        return ERR_NOT_FOUND;
    for (; index > 0; index--)
        cbor_skip(c);
    return OK;
}

static enum err step_cbor(struct unixfs_path *p, struct span block)
{
    struct cbor_reader c = cbor_reader_of(block, CBOR_LENIENT);
    struct span rest = p->rest, segment = p->name;
    struct cid link;
    TRY(cbor_validate(block, CBOR_LENIENT));
    for (;;) {
        if (cbor_peek(&c) == CBOR_LINK) {
            cbor_read_link(&c, &link);
            move_to(p, &link, rest, segment);
            return OK;
        }
        struct span left = rest;
        struct span next = take_segment(&left);
        if (next.n == 0)
            break;
        TRY(enter(&c, next));
        segment = next;
        rest = left;
    }
    p->inside = p->rest;
    p->name = segment;
    p->done = true;
    return OK;
}

enum err unixfs_path_step_value(struct unixfs_path *p, struct span cbor)
{
    if (p->done)
        return OK;
    if (p->steps++ == UNIXFS_PATH_STEPS)
        return ERR_LIMIT;
    return p->in_shard ? ERR_FORMAT : step_cbor(p, cbor);
}

enum err unixfs_path_step(struct unixfs_path *p, struct span block)
{
    if (p->done)
        return OK;
    if (p->steps++ == UNIXFS_PATH_STEPS)
        return ERR_LIMIT;
    switch (p->cid.codec) {
    case CID_CODEC_DAG_PB:
        return step_dagpb(p, block);
    case CID_CODEC_DAG_CBOR:
        return p->in_shard ? ERR_FORMAT : step_cbor(p, block);
    case CID_CODEC_RAW:
        return ERR_NOT_FOUND; /* a file has nothing below it */
    default:
        return ERR_UNSUPPORTED;
    }
}

enum err unixfs_path_value(struct span *out, struct span cbor, struct span inside)
{
    struct cbor_reader c = cbor_reader_of(cbor, CBOR_LENIENT);
    *out = span_of(NULL, 0);
    for (;;) {
        struct span segment = take_segment(&inside);
        if (segment.n == 0)
            break;
        TRY(enter(&c, segment));
    }
    *out = cbor_read_item(&c);
    return c.r.err;
}
