#include "codec/dagpb.h"
#include "codec/pb.h"

enum { NODE_DATA = 1, NODE_LINKS = 2 };
enum { LINK_HASH = 1, LINK_NAME = 2, LINK_TSIZE = 3 };

static void read_link(struct reader *parent, struct dagpb_link *out, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    uint32_t last = 0;
    *out = (struct dagpb_link){ 0 };
    while (pb_next(&r, &f)) {
        /* SPEC dag-pb: fields in the order Hash, Name, Tsize, each at most once. */
        reader_require(&r, f.number > last && f.number <= LINK_TSIZE, ERR_FORMAT);
        pb_expect(&r, &f, f.number == LINK_TSIZE ? PB_VARINT : PB_BYTES);
        last = f.number;
        if (f.number == LINK_HASH) {
            reader_require(&r, r.err != OK || cid_decode(&out->cid, f.bytes) == OK, ERR_FORMAT);
        } else if (f.number == LINK_NAME) {
            out->name = f.bytes;
            out->has_name = true;
        } else {
            out->tsize = f.value;
            out->has_tsize = true;
        }
    }
    /* SPEC dag-pb: "Hash" is required; a CID is never empty, so digest_size or version tells. */
    reader_require(&r, out->cid.version != 0 || out->cid.digest_size != 0, ERR_FORMAT);
    reader_join(parent, &r);
}

static void decode_fields(struct dagpb *out, struct reader *r)
{
    struct pb_field f;
    struct dagpb_link link;
    bool closed = false; /* data came after links: no more of them */
    while (pb_next(r, &f)) {
        pb_expect(r, &f, PB_BYTES);
        /* SPEC dag-pb: the links are one run, before or (tolerated) after the data, which comes at
         * most once. */
        reader_require(r,
                       f.number == NODE_DATA ? !out->has_data : f.number == NODE_LINKS && !closed,
                       ERR_FORMAT);
        if (r->err != OK)
            return;
        if (f.number == NODE_DATA) {
            out->data = f.bytes;
            out->has_data = true;
            closed = out->link_count > 0;
        } else {
            read_link(r, &link, f.bytes);
            out->link_count++;
        }
    }
}

enum err dagpb_decode(struct dagpb *out, struct span block)
{
    struct reader r = reader_of(block);
    *out = (struct dagpb){ .block = block };
    decode_fields(out, &r);
    if (reader_finish(&r) != OK)
        *out = (struct dagpb){ 0 };
    return r.err;
}

bool dagpb_next(struct dagpb_iter *it, struct dagpb_link *out)
{
    struct reader r = reader_of(it->rest);
    struct pb_field f;
    while (pb_next(&r, &f)) {
        if (f.number != NODE_LINKS)
            continue;
        read_link(&r, out, f.bytes);
        it->rest = span_of(r.p, r.n);
        return r.err == OK;
    }
    *out = (struct dagpb_link){ 0 };
    it->rest = span_of(NULL, 0);
    return false;
}

void dagpb_write_link(struct writer *w, struct span cid, struct span name, uint64_t tsize)
{
    size_t n = pb_bytes_size(LINK_HASH, cid.n) + pb_bytes_size(LINK_NAME, name.n) +
               pb_uint_size(LINK_TSIZE, tsize);
    pb_write_message(w, NODE_LINKS, n);
    pb_write_bytes(w, LINK_HASH, cid);
    pb_write_bytes(w, LINK_NAME, name);
    pb_write_uint(w, LINK_TSIZE, tsize);
}

void dagpb_write_data(struct writer *w, struct span data)
{
    pb_write_bytes(w, NODE_DATA, data);
}

size_t dagpb_link_size(size_t cid_size, size_t name_size, uint64_t tsize)
{
    return pb_bytes_size(NODE_LINKS, pb_bytes_size(LINK_HASH, cid_size) +
                                         pb_bytes_size(LINK_NAME, name_size) +
                                         pb_uint_size(LINK_TSIZE, tsize));
}

static size_t canonical_link_size(const struct dagpb_link *l)
{
    size_t n = pb_bytes_size(LINK_HASH, cid_size(&l->cid));
    n += l->has_name ? pb_bytes_size(LINK_NAME, l->name.n) : 0;
    return n + (l->has_tsize ? pb_uint_size(LINK_TSIZE, l->tsize) : 0);
}

/* The links are one run and end the block when they stand behind the data. A block whose order is
 * right and whose size is that of the shortest form has no padded number anywhere. */
bool dagpb_canonical(const struct dagpb *node)
{
    struct dagpb_iter it = dagpb_links(node);
    struct dagpb_link link;
    struct span name = { NULL, 0 };
    size_t size = node->has_data ? pb_bytes_size(NODE_DATA, node->data.n) : 0;
    while (dagpb_next(&it, &link)) {
        if (span_cmp(name, link.name) > 0)
            return false;
        name = link.name;
        size += pb_bytes_size(NODE_LINKS, canonical_link_size(&link));
    }
    bool data_last =
        !node->has_data || node->data.p + node->data.n == node->block.p + node->block.n;
    return size == node->block.n && (data_last || node->link_count == 0);
}
