#include "ipfs/unixfs_read.h"

#include "codec/murmur3.h"
#include "ipfs/dag_block.h"

/* What a file node holds, checked: sizes that add up, one for each link. */
struct file_node {
    struct dagpb node;
    struct unixfs u;
    struct span data;
    uint64_t size;
};

static enum err open_file_node(struct file_node *out, const struct cid *cid, struct span block)
{
    *out = (struct file_node){ 0 };
    if (cid->codec == CID_CODEC_RAW) {
        out->data = block;
        out->size = block.n;
        return OK;
    }
    if (cid->codec != CID_CODEC_DAG_PB)
        return ERR_FORMAT;
    TRY(dagpb_decode(&out->node, block));
    if (!out->node.has_data)
        return ERR_FORMAT;
    TRY(unixfs_decode(&out->u, out->node.data));
    if (out->u.type != UNIXFS_FILE && out->u.type != UNIXFS_RAW)
        return ERR_FORMAT;
    if (out->u.block_count != out->node.link_count || out->u.block_sum > UINT64_MAX - out->u.data.n)
        return ERR_FORMAT;
    out->data = out->u.data;
    out->size = out->u.block_sum + out->u.data.n;
    if (out->u.has_size && out->u.size != out->size)
        return ERR_FORMAT;
    return OK;
}

static uint64_t links_tsize(const struct dagpb *node)
{
    struct dagpb_iter it = dagpb_links(node);
    struct dagpb_link link;
    uint64_t sum = 0;
    while (dagpb_next(&it, &link))
        sum = link.tsize > UINT64_MAX - sum ? UINT64_MAX : sum + link.tsize;
    return sum;
}

static void stat_unixfs(struct unixfs_read_stat *out, const struct unixfs *u)
{
    out->meta = u->meta;
    if (u->type == UNIXFS_SYMLINK) {
        out->kind = UNIXFS_READ_SYMLINK;
        out->target = u->data;
        out->size = u->data.n;
    } else if (u->type == UNIXFS_DIRECTORY || u->type == UNIXFS_HAMT) {
        out->kind = UNIXFS_READ_DIRECTORY;
        out->sharded = u->type == UNIXFS_HAMT;
    }
}

enum err unixfs_read_stat(struct unixfs_read_stat *out, const struct cid *cid, struct span block)
{
    struct dagpb node;
    struct unixfs u;
    struct file_node file;
    *out = (struct unixfs_read_stat){ .kind = UNIXFS_READ_OTHER, .tsize = block.n };
    if (cid->codec == CID_CODEC_RAW) {
        out->kind = UNIXFS_READ_FILE;
        out->size = block.n;
        return OK;
    }
    if (cid->codec != CID_CODEC_DAG_PB)
        return OK;
    TRY(dagpb_decode(&node, block));
    uint64_t below = links_tsize(&node);
    out->tsize = below > UINT64_MAX - block.n ? UINT64_MAX : below + block.n;
    out->link_count = node.link_count;
    if (!node.has_data || unixfs_decode(&u, node.data) != OK)
        return OK;
    if (u.type == UNIXFS_FILE || u.type == UNIXFS_RAW) {
        TRY(open_file_node(&file, cid, block));
        out->kind = UNIXFS_READ_FILE;
        out->size = file.size;
        out->meta = u.meta;
        return OK;
    }
    stat_unixfs(out, &u);
    return OK;
}

/* ---- the way down ---------------------------------------------------------------------------- */

static void walk_init(struct unixfs_read_walk *w, const struct block_source *source,
                      struct mspan memory, const struct cid *cid)
{
    w->source = source;
    w->memory = memory;
    w->used = 0;
    w->depth = 0;
    w->next = *cid;
    w->pending = true;
    w->next_size = UINT64_MAX;
    w->at = 0;
    w->from = 0;
    w->to = UINT64_MAX;
    w->last_block = span_of(NULL, 0);
}

/* Reads the pending block behind the open nodes, unless it is the one that lies there. */
static enum err fetch_pending(struct unixfs_read_walk *w, struct span *block)
{
    struct mspan room = { w->memory.p + w->used, w->memory.n - w->used };
    if (w->last_block.n > 0 && w->last_used == w->used && cid_eq(&w->last, &w->next)) {
        *block = w->last_block;
        return OK;
    }
    w->last_block = span_of(NULL, 0);
    TRY(dag_block_get(block, room, w->source, &w->next));
    w->last = w->next;
    w->last_block = *block;
    w->last_used = w->used;
    return OK;
}

/* Keeps the block just read as an open node. */
static enum err push(struct unixfs_read_walk *w, struct span block,
                     struct unixfs_read_frame **frame)
{
    if (w->depth == UNIXFS_READ_DEPTH)
        return ERR_LIMIT;
    *frame = &w->frames[w->depth++];
    **frame = (struct unixfs_read_frame){ .cid = w->next, .start = w->used, .size = block.n };
    w->used += block.n;
    return OK;
}

static void pop(struct unixfs_read_walk *w)
{
    w->depth--;
    w->used = w->frames[w->depth].start;
}

/* ---- files ----------------------------------------------------------------------------------- */

void unixfs_read_file_init(struct unixfs_read_walk *w, const struct block_source *source,
                           struct mspan memory, const struct cid *cid)
{
    walk_init(w, source, memory, cid);
}

void unixfs_read_file_range(struct unixfs_read_walk *w, uint64_t from, uint64_t to)
{
    w->from = from;
    w->to = to;
}

/* The part of [at, at + data.n) that is wanted. */
static struct span wanted(const struct unixfs_read_walk *w, uint64_t at, struct span data)
{
    uint64_t skip = w->from > at ? w->from - at : 0;
    if (skip >= data.n || w->to <= at)
        return span_of(NULL, 0);
    uint64_t end = w->to - at < data.n ? w->to - at : data.n;
    return end > skip ? span_sub(data, (size_t)skip, (size_t)(end - skip)) : span_of(NULL, 0);
}

/* Finds the next child that holds wanted bytes; false when there is none any more. */
static bool next_child(struct unixfs_read_walk *w)
{
    struct dagpb_link link;
    uint64_t size;
    while (w->depth > 0) {
        struct unixfs_read_frame *f = &w->frames[w->depth - 1];
        if (f->at >= w->to || !dagpb_next(&f->links, &link) ||
            !unixfs_next_block(&f->sizes, &size)) {
            pop(w);
            continue;
        }
        uint64_t at = f->at;
        f->at += size; /* the sum was checked when the node was opened */
        if (size == 0 || f->at <= w->from)
            continue;
        w->next = link.cid;
        w->next_size = size;
        w->at = at;
        w->pending = true;
        return true;
    }
    return false;
}

enum err unixfs_read_file_part(struct unixfs_read_walk *w, struct unixfs_read_part *out)
{
    struct file_node file;
    struct span block;
    *out = (struct unixfs_read_part){ 0 };
    if (!w->pending && !next_child(w)) {
        out->end = true;
        return OK;
    }
    TRY(fetch_pending(w, &block));
    TRY(open_file_node(&file, &w->next, block));
    if (w->next_size != UINT64_MAX && file.size != w->next_size)
        return ERR_FORMAT;
    if (file.size > UINT64_MAX - w->at)
        return ERR_FORMAT;
    if (file.node.link_count > 0) {
        struct unixfs_read_frame *f;
        TRY(push(w, block, &f));
        f->links = dagpb_links(&file.node);
        f->sizes = unixfs_blocks(&file.u);
        f->at = w->at + file.data.n;
    }
    w->pending = false;
    out->cid = w->next;
    out->block = block;
    out->data = wanted(w, w->at, file.data);
    out->inner = file.node.link_count > 0;
    out->whole = w->from <= w->at && file.size <= w->to - w->at;
    return OK;
}

void unixfs_read_file_skip(struct unixfs_read_walk *w)
{
    ASSERT(w->depth > 0 && !w->pending);
    pop(w);
}

enum err unixfs_read_file_next(struct unixfs_read_walk *w, struct span *data)
{
    struct unixfs_read_part part;
    *data = span_of(NULL, 0);
    do {
        TRY(unixfs_read_file_part(w, &part));
    } while (!part.end && part.data.n == 0);
    *data = part.data;
    return OK;
}

/* ---- directories ----------------------------------------------------------------------------- */

void unixfs_read_dir_init(struct unixfs_read_walk *w, const struct block_source *source,
                          struct mspan memory, const struct cid *cid)
{
    walk_init(w, source, memory, cid);
}

static enum err open_dir_block(struct unixfs_read_walk *w, struct unixfs_read_item *out)
{
    struct span block;
    struct dagpb node;
    struct unixfs u;
    struct unixfs_read_frame *f;
    const struct unixfs_read_frame *parent = w->depth > 0 ? &w->frames[w->depth - 1] : NULL;
    if (w->next.codec != CID_CODEC_DAG_PB)
        return ERR_FORMAT;
    TRY(fetch_pending(w, &block));
    TRY(dagpb_decode(&node, block));
    if (!node.has_data)
        return ERR_FORMAT;
    TRY(unixfs_decode(&u, node.data));
    if (u.type != UNIXFS_HAMT && (u.type != UNIXFS_DIRECTORY || parent != NULL))
        return ERR_FORMAT;
    /* An empty shard below the root has no reason to be, but could be linked 256^8 times. */
    if (parent != NULL && (node.link_count == 0 || u.fanout != parent->fanout))
        return ERR_FORMAT;
    TRY(push(w, block, &f));
    f->links = dagpb_links(&node);
    f->fanout = u.type == UNIXFS_HAMT ? u.fanout : 0;
    while (f->fanout > UINT64_C(1) << f->width)
        f->width++;
    f->at = parent != NULL ? parent->at + parent->width : 0;
    f->prefix = w->at;
    w->pending = false;
    out->event = UNIXFS_READ_BLOCK;
    out->cid = w->next;
    out->block = block;
    return f->at + f->width > 64 ? ERR_FORMAT : OK;
}

/* The bucket number at the front of a shard's link name. */
static enum err read_bucket(uint64_t *out, struct span name, size_t digits)
{
    *out = 0;
    if (name.n < digits)
        return ERR_FORMAT;
    for (size_t i = 0; i < digits; i++) {
        uint8_t c = name.p[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'A' || c > 'F'))
            return ERR_FORMAT;
        *out = *out << 4 | (uint64_t)(digit ? c - '0' : c - 'A' + 10);
    }
    return OK;
}

/* A link of a shard is a sub-shard, which becomes pending, or an entry in its right place. */
static enum err shard_link(struct unixfs_read_walk *w, const struct unixfs_read_frame *f,
                           const struct dagpb_link *link, struct unixfs_read_item *out)
{
    size_t digits = (f->width + 3) / 4;
    uint64_t bucket = 0;
    TRY(read_bucket(&bucket, link->name, digits));
    if (bucket >= f->fanout)
        return ERR_FORMAT;
    uint64_t prefix = f->prefix << f->width | bucket;
    if (link->name.n == digits) {
        w->next = link->cid;
        w->at = prefix;
        w->pending = true;
        return OK;
    }
    out->name = span_sub(link->name, digits, link->name.n);
    if (murmur3_x64_64(out->name) >> (64 - f->at - f->width) != prefix)
        return ERR_FORMAT;
    out->event = UNIXFS_READ_ENTRY;
    return OK;
}

enum err unixfs_read_dir_next(struct unixfs_read_walk *w, struct unixfs_read_item *out)
{
    struct dagpb_link link;
    *out = (struct unixfs_read_item){ .event = UNIXFS_READ_END };
    for (;;) {
        if (w->pending)
            return open_dir_block(w, out);
        if (w->depth == 0)
            return OK;
        struct unixfs_read_frame *f = &w->frames[w->depth - 1];
        if (!dagpb_next(&f->links, &link)) {
            pop(w);
            continue;
        }
        out->cid = link.cid;
        out->tsize = link.tsize;
        out->name = link.name;
        if (f->fanout != 0)
            TRY(shard_link(w, f, &link, out));
        else
            out->event = UNIXFS_READ_ENTRY;
        if (out->event == UNIXFS_READ_ENTRY)
            return OK;
    }
}
