#include "base/sort.h"
#include "codec/dagpb.h"
#include "codec/murmur3.h"
#include "ipfs/unixfs_add.h"

enum { HASH_BITS = 64 };

static int by_name(const void *p, const void *q)
{
    const struct unixfs_add_entry *a = p, *b = q;
    return span_cmp(a->name, b->name);
}

static int by_hash(const void *p, const void *q)
{
    const struct unixfs_add_entry *a = p, *b = q;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return span_cmp(a->name, b->name);
}

static bool name_valid(struct span name)
{
    if (name.n == 0 || span_eq(name, span_str(".")) || span_eq(name, span_str("..")))
        return false;
    return memchr(name.p, '/', name.n) == NULL && memchr(name.p, '\0', name.n) == NULL;
}

/* ---- flat ------------------------------------------------------------------------------------ */

static enum err put_flat(struct unixfs_add *add, struct unixfs_add_node *out,
                         struct unixfs_add_entries e, const struct unixfs_meta *meta)
{
    struct unixfs_fields fields = { .type = UNIXFS_DIRECTORY, .meta = meta };
    struct writer w = writer_of(add->scratch.p, add->scratch.n);
    uint64_t below = 0;
    for (size_t i = 0; i < e.count; i++) {
        dagpb_write_link(&w, e.list[i].cid, e.list[i].name, e.list[i].tsize);
        if (e.list[i].tsize > UINT64_MAX - below)
            return ERR_RANGE;
        below += e.list[i].tsize;
    }
    write_u8(&w, 0x0a);
    write_uvarint(&w, unixfs_size(&fields));
    unixfs_write(&w, &fields);
    TRY(w.err);
    return unixfs_add_put(add, out, writer_span(&w), below);
}

static uint64_t estimate(const struct unixfs_add *add, struct unixfs_add_entries e,
                         const struct unixfs_meta *meta)
{
    struct unixfs_fields fields = { .type = UNIXFS_DIRECTORY, .meta = meta };
    size_t message = unixfs_size(&fields);
    bool exact = add->params.estimate == UNIXFS_ADD_BLOCK_BYTES;
    uint64_t n = exact ? 1 + uvarint_size(message) + message : 0;
    for (size_t i = 0; i < e.count; i++) {
        const struct unixfs_add_entry *x = &e.list[i];
        n += exact ? dagpb_link_size(x->cid.n, x->name.n, x->tsize) : x->name.n + x->cid.n;
    }
    return n;
}

/* ---- HAMT ------------------------------------------------------------------------------------ */

/* A shard under way: the entries [at, end) are still to come. Its links grow in the scratch block
 * behind those of its parents, which wait. */
struct shard {
    size_t at, end;
    size_t start;    /* of its links in the scratch block */
    uint64_t below;  /* tsize of the links */
    uint32_t bucket; /* of the sub-shard that is being built */
    uint8_t bits[UNIXFS_BITFIELD_MAX];
};

struct hamt {
    struct unixfs_add *add;
    struct unixfs_add_entry *list;
    const struct unixfs_meta *meta;
    unsigned width;  /* bits of the hash per level */
    unsigned digits; /* hexadecimal digits of a bucket number */
    unsigned depth;
    struct writer w;
    struct shard shards[HASH_BITS / 3 + 1];
};

/* Bits are taken from the most significant end. */
static uint32_t bucket_of(const struct hamt *h, uint64_t hash)
{
    unsigned used = h->width * (h->depth - 1);
    return (uint32_t)(hash << used >> (HASH_BITS - h->width));
}

/* A link's name is the bucket number, then the entry's name for a value and nothing for a shard. */
static enum err shard_link(struct hamt *h, struct shard *s, const struct unixfs_add_entry *x)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t name[3 + UNIXFS_ADD_NAME_MAX];
    for (unsigned i = 0; i < h->digits; i++)
        name[i] = (uint8_t)digits[s->bucket >> 4 * (h->digits - 1 - i) & 15];
    if (x->name.n != 0)
        memcpy(name + h->digits, x->name.p, x->name.n);
    dagpb_write_link(&h->w, x->cid, span_of(name, h->digits + x->name.n), x->tsize);
    if (x->tsize > UINT64_MAX - s->below)
        return ERR_RANGE;
    s->below += x->tsize;
    /* Bit 0 is the lowest bit of the last byte. */
    s->bits[UNIXFS_BITFIELD_MAX - 1 - s->bucket / 8] |= (uint8_t)(1 << s->bucket % 8);
    return h->w.err;
}

static enum err shard_put(struct hamt *h, struct shard *s, struct unixfs_add_node *out)
{
    size_t zeros = 0;
    while (zeros < UNIXFS_BITFIELD_MAX && s->bits[zeros] == 0)
        zeros++;
    struct unixfs_fields fields = {
        .type = UNIXFS_HAMT,
        .has_data = true,
        .data = span_of(s->bits + zeros, UNIXFS_BITFIELD_MAX - zeros),
        .fanout = h->add->params.hamt_fanout,
        .meta = h->depth == 1 ? h->meta : NULL,
    };
    write_u8(&h->w, 0x0a);
    write_uvarint(&h->w, unixfs_size(&fields));
    unixfs_write(&h->w, &fields);
    TRY(h->w.err);
    struct span block = span_sub(writer_span(&h->w), s->start, h->w.len - s->start);
    TRY(unixfs_add_put(h->add, out, block, s->below));
    h->w.len = s->start;
    return OK;
}

static enum err shard_open(struct hamt *h, size_t at, size_t end)
{
    /* Every level needs a whole bucket number of hash bits: names that agree on all of them cannot
     * be told apart. */
    if (h->width * (h->depth + 1) > HASH_BITS)
        return ERR_LIMIT;
    h->shards[h->depth++] = (struct shard){ .at = at, .end = end, .start = h->w.len };
    return OK;
}

/* One step: a value, the beginning of a sub-shard, or the end of a shard. */
static enum err hamt_step(struct hamt *h, struct unixfs_add_node *out)
{
    struct shard *s = &h->shards[h->depth - 1];
    if (s->at == s->end) {
        uint8_t bin[CID_SIZE_MAX];
        struct writer c = writer_of(bin, sizeof(bin));
        TRY(shard_put(h, s, out));
        h->depth--;
        if (h->depth == 0)
            return OK;
        cid_write(&c, &out->cid);
        struct unixfs_add_entry link = { .cid = writer_span(&c), .tsize = out->tsize };
        return shard_link(h, &h->shards[h->depth - 1], &link);
    }
    size_t run = s->at + 1;
    s->bucket = bucket_of(h, h->list[s->at].hash);
    while (run < s->end && bucket_of(h, h->list[run].hash) == s->bucket)
        run++;
    size_t from = s->at;
    s->at = run;
    return run - from == 1 ? shard_link(h, s, &h->list[from]) : shard_open(h, from, run);
}

/* Entries sorted by hash lie in the order of the shards, so one pass builds them bottom up. */
static enum err put_hamt(struct unixfs_add *add, struct unixfs_add_node *out,
                         struct unixfs_add_entries e, const struct unixfs_meta *meta)
{
    struct hamt h = { .add = add, .list = e.list, .meta = meta };
    h.w = writer_of(add->scratch.p, add->scratch.n);
    while (1u << h.width < add->params.hamt_fanout)
        h.width++;
    h.digits = (h.width + 3) / 4;
    for (size_t i = 0; i < e.count; i++)
        e.list[i].hash = murmur3_x64_64(e.list[i].name);
    sort_items(e.list, e.count, sizeof(*e.list), by_hash);
    TRY(shard_open(&h, 0, e.count));
    while (h.depth > 0)
        TRY(hamt_step(&h, out));
    return OK;
}

/* ---- the directory --------------------------------------------------------------------------- */

enum err unixfs_add_dir(struct unixfs_add *add, struct unixfs_add_node *out,
                        struct unixfs_add_entries entries, const struct unixfs_meta *meta)
{
    *out = (struct unixfs_add_node){ 0 };
    for (size_t i = 0; i < entries.count; i++) {
        if (!name_valid(entries.list[i].name))
            return ERR_FORMAT;
        if (entries.list[i].name.n > UNIXFS_ADD_NAME_MAX)
            return ERR_LIMIT;
    }
    sort_items(entries.list, entries.count, sizeof(*entries.list), by_name);
    for (size_t i = 1; i < entries.count; i++)
        if (span_eq(entries.list[i - 1].name, entries.list[i].name))
            return ERR_EXISTS;
    if (entries.count > 0 && estimate(add, entries, meta) > add->params.hamt_above)
        return put_hamt(add, out, entries, meta);
    return put_flat(add, out, entries, meta);
}

enum err unixfs_add_symlink(struct unixfs_add *add, struct unixfs_add_node *out, struct span target,
                            const struct unixfs_meta *meta)
{
    struct unixfs_fields fields = {
        .type = UNIXFS_SYMLINK, .has_data = true, .data = target, .meta = meta
    };
    struct writer w = writer_of(add->scratch.p, add->scratch.n);
    *out = (struct unixfs_add_node){ 0 };
    write_u8(&w, 0x0a);
    write_uvarint(&w, unixfs_size(&fields));
    unixfs_write(&w, &fields);
    TRY(w.err);
    return unixfs_add_put(add, out, writer_span(&w), 0);
}
