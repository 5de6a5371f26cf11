/* dagpb: the dag-pb block format, a list of links and a byte string.
 * Spec: ipld.io/specs/codecs/dag-pb; what we accept: docs/spec/content.md 3. No allocation. Pure.
 */
#ifndef CRUST_CODEC_DAGPB_H
#define CRUST_CODEC_DAGPB_H

#include "codec/cid.h"

/* A decoded block; borrows from it. */
struct dagpb {
    struct span block;
    struct span data; /* p NULL when there is no Data field, which differs from an empty one */
    bool has_data;
    size_t link_count;
};

struct dagpb_link {
    struct cid cid;
    struct span name; /* empty when absent */
    uint64_t tsize;   /* 0 when absent */
    bool has_name;
    bool has_tsize;
};

/* A position in the links of a block. */
struct dagpb_iter {
    struct span rest;
};

/* dagpb_decode checks the whole block, every link included: known fields only, each once and in
 * order inside a link, the links side by side, a whole CID in each. Foreign writers may put the
 * data first, sort names as they like and pad numbers.
 *
 * Out:     *out, zeroed on failure.
 * Returns: OK, ERR_SHORT, ERR_FORMAT. */
NODISCARD enum err dagpb_decode(struct dagpb *out, struct span block);

/* dagpb_canonical tells whether a decoded block has the one form that our writer writes: links
 * before data, names ascending by bytes, and shortest numbers. */
bool dagpb_canonical(const struct dagpb *node);

static inline struct dagpb_iter dagpb_links(const struct dagpb *node)
{
    return (struct dagpb_iter){ .rest = node->block };
}

/* dagpb_next gives the next link in block order; false at the end. The block has been decoded. */
bool dagpb_next(struct dagpb_iter *it, struct dagpb_link *out);

/* Writing: all links (directories: ascending by name), then the data. A link is always written with
 * Name and Tsize, as every importer does. */
void dagpb_write_link(struct writer *w, struct span cid, struct span name, uint64_t tsize);
void dagpb_write_data(struct writer *w, struct span data);

/* The size of a link as dagpb_write_link writes it. */
size_t dagpb_link_size(size_t cid_size, size_t name_size, uint64_t tsize);

#endif
