#include "ipfs/unixfs_add.h"

#include "codec/dagpb.h"
#include "crypto/sha256.h"
#include "crypto/sha256_pair.h"

enum {
    TRICKLE_REPEAT = 4,                  /* sub-trees of each depth */
    LEVEL_SPARE = 4 * UNIXFS_ADD_LEVELS, /* links of a trickle node besides its leaves */
    CID_SHORT = 36,
};

enum err unixfs_add_profile(struct unixfs_add_params *out, const char *name)
{
    struct unixfs_add_params p = { .cid_version = 1,
                                   .raw_leaves = true,
                                   .chunk_size = 1024 * 1024,
                                   .file_links = 1024,
                                   .hamt_fanout = 256,
                                   .estimate = UNIXFS_ADD_BLOCK_BYTES,
                                   .hamt_above = (uint64_t)256 * 1024 };
    *out = (struct unixfs_add_params){ 0 };
    if (strcmp(name, "unixfs-v0-2015") == 0) {
        p.cid_version = 0;
        p.raw_leaves = false;
        p.chunk_size = 256 * 1024;
        p.file_links = 174;
        p.estimate = UNIXFS_ADD_LINK_BYTES;
    } else if (strcmp(name, "unixfs-v1-2025") != 0) {
        return ERR_NOT_FOUND;
    }
    *out = p;
    return OK;
}

enum err unixfs_add_check(const struct unixfs_add_params *p)
{
    bool ok = p->cid_version <= 1 && p->chunk_size >= 1 && p->chunk_size <= UNIXFS_ADD_CHUNK_MAX &&
              p->file_links >= 2 && p->file_links <= UNIXFS_ADD_LINKS_MAX &&
              p->hamt_fanout >= UNIXFS_FANOUT_MIN && p->hamt_fanout <= UNIXFS_FANOUT_MAX &&
              (p->hamt_fanout & (p->hamt_fanout - 1)) == 0 && p->inline_max <= CID_IDENTITY_MAX;
    return ok ? OK : ERR_RANGE;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static bool is_inlined(const struct unixfs_add_params *p, struct span block)
{
    return p->inline_max != 0 && block.n <= p->inline_max;
}

static struct cid cid_of_digest(const struct unixfs_add_params *p, uint32_t codec,
                                const uint8_t digest[SHA256_SIZE])
{
    struct content_key key = { .codec = codec };
    memcpy(key.digest, digest, SHA256_SIZE);
    return codec == CID_CODEC_DAG_PB && p->cid_version == 0 ? cid_v0(digest) : cid_of_key(&key);
}

static struct cid cid_of_block(const struct unixfs_add_params *p, uint32_t codec, struct span block)
{
    if (is_inlined(p, block))
        return cid_identity(codec, block);
    uint8_t digest[SHA256_SIZE];
    sha256(digest, block);
    return cid_of_digest(p, codec, digest);
}

static enum err put_block(struct unixfs_add *add, const struct cid *cid, struct span block)
{
    struct span inlined;
    if (cid_inlined(&inlined, cid))
        return OK;
    struct block_key key = { .codec = cid->codec };
    memcpy(key.digest, cid->digest, sizeof(key.digest));
    return block_sink_put(add->sink, &key, block);
}

enum err unixfs_add_put(struct unixfs_add *add, struct unixfs_add_node *out, struct span block,
                        uint64_t below)
{
    *out = (struct unixfs_add_node){ .cid = cid_of_block(&add->params, CID_CODEC_DAG_PB, block) };
    if (below > UINT64_MAX - block.n)
        return ERR_RANGE;
    out->tsize = below + block.n;
    return put_block(add, &out->cid, block);
}

/* A leaf that is raw has no fields: its block is the data. Balanced leaves are files, trickle
 * leaves are of type Raw. */
static bool leaf_is_raw(struct unixfs_fields *f, const struct unixfs_add_params *p,
                        const struct unixfs_add_chunk *chunk)
{
    bool meta = chunk->only && !p->trickle && chunk->meta != NULL &&
                (chunk->meta->has_mode || chunk->meta->has_mtime);
    *f = (struct unixfs_fields){ .type = p->trickle ? UNIXFS_RAW : UNIXFS_FILE,
                                 .has_data = chunk->data.n != 0,
                                 .data = chunk->data,
                                 .has_size = true,
                                 .size = chunk->data.n,
                                 .meta = meta ? chunk->meta : NULL };
    return p->raw_leaves && !meta;
}

size_t unixfs_add_leaf_head(const struct unixfs_add_params *p, const struct unixfs_add_chunk *chunk)
{
    struct unixfs_fields f;
    if (leaf_is_raw(&f, p, chunk))
        return 0;
    size_t n = unixfs_size(&f);
    f.data.n = 0;
    f.has_size = false;
    f.meta = NULL;
    /* Tag and length of the message, its type, tag and length of the data: the last is counted as
     * the one byte that a length of 0 takes. */
    return 1 + uvarint_size(n) + unixfs_size(&f) - 1 + uvarint_size(chunk->data.n);
}

/* Everything but the hash; returns the codec. */
static uint32_t leaf_block(struct span *block, const struct unixfs_add_params *p,
                           const struct unixfs_add_chunk *chunk, struct mspan scratch)
{
    struct unixfs_fields f;
    *block = chunk->data;
    if (leaf_is_raw(&f, p, chunk))
        return CID_CODEC_RAW;
    struct writer w = writer_of(scratch.p, scratch.n);
    size_t n = unixfs_size(&f);
    write_u8(&w, 0x0a); /* the Data field of dag-pb */
    write_uvarint(&w, n);
    unixfs_write(&w, &f);
    ASSERT(w.err == OK);
    *block = writer_span(&w);
    return CID_CODEC_DAG_PB;
}

void unixfs_add_leaf(struct unixfs_add_node *out, struct span *block,
                     const struct unixfs_add_params *p, const struct unixfs_add_chunk *chunk,
                     struct mspan scratch)
{
    uint32_t codec = leaf_block(block, p, chunk, scratch);
    *out = (struct unixfs_add_node){ .cid = cid_of_block(p, codec, *block),
                                     .tsize = block->n,
                                     .size = chunk->data.n };
}

void unixfs_add_leaf_pair(struct unixfs_add_node *out, struct span *block,
                          const struct unixfs_add_params *p, const struct unixfs_add_chunk *chunk,
                          const struct mspan *scratch)
{
    uint32_t codec[2];
    uint8_t digest[2 * SHA256_SIZE];
    for (size_t i = 0; i < 2; i++)
        codec[i] = leaf_block(&block[i], p, &chunk[i], scratch[i]);
    sha256_pair(digest, span_of(NULL, 0), block[0], block[1]);
    for (size_t i = 0; i < 2; i++) {
        out[i] = (struct unixfs_add_node){ .tsize = block[i].n, .size = chunk[i].data.n };
        out[i].cid = is_inlined(p, block[i]) ? cid_identity(codec[i], block[i])
                                             : cid_of_digest(p, codec[i], digest + i * SHA256_SIZE);
    }
}

/* ---- nodes of a file ------------------------------------------------------------------------- */

/* Opens level i with no links. Its memory is taken once and used again. */
static enum err level_open(struct unixfs_add_file *f, uint32_t i)
{
    const struct unixfs_add_params *p = &f->add->params;
    if (i >= UNIXFS_ADD_LEVELS)
        return ERR_LIMIT;
    struct unixfs_add_level *l = &f->levels[i];
    if (l->links == NULL) {
        size_t links = p->file_links + (p->trickle ? LEVEL_SPARE : 0);
        size_t cid = p->inline_max + 16 > CID_SHORT ? p->inline_max + 16 : CID_SHORT;
        *l = (struct unixfs_add_level){ .links_n = links * dagpb_link_size(cid, 0, UINT64_MAX) };
        l->links = arena_alloc(f->arena, l->links_n);
        l->sizes = arena_array(f->arena, links, sizeof(*l->sizes));
        if (l->links == NULL || l->sizes == NULL)
            return ERR_LIMIT;
    }
    if (i >= f->level_count)
        f->level_count = i + 1;
    l->links_len = 0;
    l->count = 0;
    l->size = 0;
    l->tsize = 0;
    return OK;
}

static enum err level_add(struct unixfs_add_level *l, const struct unixfs_add_node *node)
{
    uint8_t bin[CID_SIZE_MAX];
    struct writer c = writer_of(bin, sizeof(bin));
    struct writer w = writer_of(l->links + l->links_len, l->links_n - l->links_len);
    if (node->size > UINT64_MAX - l->size || node->tsize > UINT64_MAX - l->tsize)
        return ERR_RANGE;
    cid_write(&c, &node->cid);
    /* Every importer writes the Name of a chunk's link, though it is empty. */
    dagpb_write_link(&w, writer_span(&c), span_of(NULL, 0), node->tsize);
    TRY(w.err);
    l->links_len += w.len;
    l->sizes[l->count++] = node->size;
    l->size += node->size;
    l->tsize += node->tsize;
    return OK;
}

/* Puts the node that a level holds. */
static enum err level_close(struct unixfs_add_file *f, const struct unixfs_add_level *l,
                            struct unixfs_add_node *out, bool root)
{
    struct unixfs_fields fields = { .type = UNIXFS_FILE,
                                    .has_size = true,
                                    .size = l->size,
                                    .blocks = l->sizes,
                                    .block_count = l->count,
                                    .meta = root ? &f->meta : NULL };
    struct writer w = writer_of(f->add->scratch.p, f->add->scratch.n);
    write_bytes(&w, l->links, l->links_len);
    write_u8(&w, 0x0a);
    write_uvarint(&w, unixfs_size(&fields));
    unixfs_write(&w, &fields);
    TRY(w.err);
    TRY(unixfs_add_put(f->add, out, writer_span(&w), l->tsize));
    out->size = l->size;
    return OK;
}

void unixfs_add_file_init(struct unixfs_add_file *f, struct unixfs_add *add, struct arena *arena,
                          const struct unixfs_meta *meta)
{
    *f = (struct unixfs_add_file){ .add = add, .arena = arena };
    if (meta != NULL)
        f->meta = *meta;
}

/* ---- balanced: level i holds nodes of height i ----------------------------------------------- */

/* Adds a node of height i. A level that is full rises as a node before the next one begins. */
static enum err balanced_add(struct unixfs_add_file *f, uint32_t i,
                             const struct unixfs_add_node *added)
{
    struct unixfs_add_node node = *added, up;
    for (;; i++) {
        if (i >= f->level_count)
            TRY(level_open(f, i));
        struct unixfs_add_level *l = &f->levels[i];
        if (l->count < f->add->params.file_links)
            return level_add(l, &node);
        TRY(level_close(f, l, &up, false));
        TRY(level_open(f, i));
        TRY(level_add(l, &node));
        node = up;
    }
}

/* A trailing group of one still gets its own parent: all leaves have one depth. */
static enum err balanced_finish(struct unixfs_add_file *f, struct unixfs_add_node *out)
{
    for (uint32_t i = 0;; i++) {
        bool top = i + 1 == f->level_count;
        TRY(level_close(f, &f->levels[i], out, top));
        if (top)
            return OK;
        TRY(balanced_add(f, i + 1, out));
    }
}

/* ---- trickle: the levels are the open nodes from the root down ------------------------------- */

static enum err trickle_open(struct unixfs_add_file *f, uint32_t i, uint32_t limit)
{
    TRY(level_open(f, i));
    struct unixfs_add_level *l = &f->levels[i];
    l->limit = limit;
    l->depth = 1;
    l->repeat = 0;
    l->leaves = 0;
    return OK;
}

static enum err trickle_close(struct unixfs_add_file *f)
{
    struct unixfs_add_node node;
    struct unixfs_add_level *l = &f->levels[f->level_count - 1];
    TRY(level_close(f, l, &node, false));
    f->level_count--;
    struct unixfs_add_level *parent = &f->levels[f->level_count - 1];
    TRY(level_add(parent, &node));
    parent->repeat++;
    return OK;
}

static enum err trickle_add(struct unixfs_add_file *f, const struct unixfs_add_node *leaf)
{
    if (f->level_count == 0)
        TRY(trickle_open(f, 0, UINT32_MAX));
    for (;;) {
        struct unixfs_add_level *l = &f->levels[f->level_count - 1];
        if (l->leaves < f->add->params.file_links) {
            l->leaves++;
            return level_add(l, leaf);
        }
        if (l->repeat == TRICKLE_REPEAT) {
            l->depth++;
            l->repeat = 0;
        }
        if (l->depth >= l->limit)
            TRY(trickle_close(f));
        else
            TRY(trickle_open(f, f->level_count, l->depth));
    }
}

static enum err trickle_finish(struct unixfs_add_file *f, struct unixfs_add_node *out)
{
    if (f->level_count == 0)
        TRY(trickle_open(f, 0, UINT32_MAX));
    while (f->level_count > 1)
        TRY(trickle_close(f));
    return level_close(f, &f->levels[0], out, true);
}

/* ---- the file -------------------------------------------------------------------------------- */

enum err unixfs_add_file_leaf(struct unixfs_add_file *f, const struct unixfs_add_node *leaf,
                              struct span block)
{
    TRY(put_block(f->add, &leaf->cid, block));
    f->leaf_count++;
    if (f->leaf_count == 1)
        f->first = *leaf;
    return f->add->params.trickle ? trickle_add(f, leaf) : balanced_add(f, 0, leaf);
}

enum err unixfs_add_file_finish(struct unixfs_add_file *f, struct unixfs_add_node *out)
{
    *out = (struct unixfs_add_node){ 0 };
    if (f->add->params.trickle)
        return trickle_finish(f, out);
    if (f->leaf_count == 0) {
        struct span block;
        struct unixfs_add_chunk chunk = { .only = true, .meta = &f->meta };
        unixfs_add_leaf(out, &block, &f->add->params, &chunk, f->add->scratch);
        return put_block(f->add, &out->cid, block);
    }
    if (f->leaf_count == 1) {
        *out = f->first;
        return OK;
    }
    return balanced_finish(f, out);
}

/* ---- bytes in any pieces --------------------------------------------------------------------- */

void unixfs_add_stream_init(struct unixfs_add_stream *s, struct unixfs_add *add,
                            struct arena *arena, struct mspan chunk, const struct unixfs_meta *meta)
{
    ASSERT(chunk.n >= add->params.chunk_size);
    s->chunk = (struct mspan){ chunk.p, add->params.chunk_size };
    s->have = 0;
    unixfs_add_file_init(&s->file, add, arena, meta);
}

static enum err stream_chunk(struct unixfs_add_stream *s, struct span data, bool only)
{
    struct unixfs_add_node leaf;
    struct span block;
    struct unixfs_add_chunk chunk = { .data = data, .only = only, .meta = &s->file.meta };
    struct unixfs_add *add = s->file.add;
    unixfs_add_leaf(&leaf, &block, &add->params, &chunk, add->scratch);
    return unixfs_add_file_leaf(&s->file, &leaf, block);
}

/* A full chunk waits until another byte comes: whether it is the only one matters. */
enum err unixfs_add_stream_write(struct unixfs_add_stream *s, struct span bytes)
{
    while (bytes.n > 0) {
        if (s->have == s->chunk.n) {
            TRY(stream_chunk(s, span_of(s->chunk.p, s->have), false));
            s->have = 0;
        }
        if (s->have == 0 && bytes.n > s->chunk.n) {
            TRY(stream_chunk(s, span_sub(bytes, 0, s->chunk.n), false));
            bytes = span_sub(bytes, s->chunk.n, bytes.n);
            continue;
        }
        struct span part = span_sub(bytes, 0, s->chunk.n - s->have);
        memcpy(s->chunk.p + s->have, part.p, part.n);
        s->have += part.n;
        bytes = span_sub(bytes, part.n, bytes.n);
    }
    return OK;
}

enum err unixfs_add_stream_finish(struct unixfs_add_stream *s, struct unixfs_add_node *out)
{
    *out = (struct unixfs_add_node){ 0 };
    if (s->have > 0)
        TRY(stream_chunk(s, span_of(s->chunk.p, s->have), s->file.leaf_count == 0));
    return unixfs_add_file_finish(&s->file, out);
}
