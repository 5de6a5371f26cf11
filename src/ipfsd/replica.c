#include "ipfsd/replica.h"

#include "base/reader.h"
#include "base/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NODE_SIZE = 40,          /* hash | sum u64 */
    HEAD_MAGIC = 0x31485243, /* "CRH1" */
    GROUPS_MAX = 1 << 22,
};

/* SPEC proof 1.3: the record tree; its tag is the only thing that a node needs besides children. */
static struct span node_tag(void)
{
    return span_str("crust/record-node/1");
}

/* SPEC seal 5: the tree over a replica's segments. */
static const struct merkle_tags *seal_tags(void)
{
    static const struct merkle_tags tags = {
        .leaf = { (const uint8_t *)"crust/segment-leaf/1", 20 },
        .node = { (const uint8_t *)"crust/segment-node/1", 20 },
    };
    return &tags;
}

static void group_name(char out[VOLUME_OBJECT_NAME_MAX], uint64_t group)
{
    (void)snprintf(out, VOLUME_OBJECT_NAME_MAX, "records-%08llx", (unsigned long long)group);
}

static void encode_record(uint8_t out[REPLICA_PLACED_SIZE], const struct replica_record *r)
{
    content_record_encode(out, &r->record);
    store_le32(out + 72, r->segment);
    store_le32(out + 76, r->offset);
}

static enum err decode_record(struct replica_record *out, const uint8_t in[REPLICA_PLACED_SIZE])
{
    out->segment = load_le32(in + 72);
    out->offset = load_le32(in + 76);
    return content_record_decode(&out->record, in) == OK ? OK : ERR_CORRUPT;
}

/* ---- writing ---- */

enum err replica_writer_init(struct replica_writer *w, const struct replica_at *at)
{
    memset(w, 0, sizeof(*w));
    w->at = *at;
    w->node_room = 64;
    w->group = malloc((size_t)REPLICA_GROUP * REPLICA_PLACED_SIZE);
    w->nodes = malloc(w->node_room * NODE_SIZE);
    merkle_sum_init(&w->tree, node_tag());
    return w->group != NULL && w->nodes != NULL ? OK : ERR_MEMORY;
}

void replica_writer_fini(struct replica_writer *w)
{
    free(w->group);
    free(w->nodes);
    w->group = NULL;
    w->nodes = NULL;
}

static enum err flush_group(struct replica_writer *w)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    struct merkle_sum root;
    uint64_t group = (w->count - 1) / REPLICA_GROUP;
    if (group >= GROUPS_MAX)
        return ERR_LIMIT;
    if (group == w->node_room) {
        uint8_t *more = realloc(w->nodes, 2 * w->node_room * NODE_SIZE);
        if (more == NULL)
            return ERR_MEMORY;
        w->nodes = more;
        w->node_room *= 2;
    }
    merkle_sum_root(&root, &w->tree);
    memcpy(w->nodes + group * NODE_SIZE, root.hash, 32);
    store_le64(w->nodes + group * NODE_SIZE + 32, root.sum);
    group_name(name, group);
    TRY(volume_object_put(w->at.volume, &w->at.id, name,
                          span_of(w->group, (size_t)w->filled * REPLICA_PLACED_SIZE)));
    merkle_sum_init(&w->tree, node_tag());
    w->filled = 0;
    return OK;
}

enum err replica_writer_add(struct replica_writer *w, const struct replica_record *r)
{
    struct merkle_sum leaf;
    content_record_leaf(&leaf, &r->record);
    TRY(merkle_sum_add(&w->tree, &leaf));
    encode_record(w->group + (size_t)w->filled * REPLICA_PLACED_SIZE, r);
    w->filled++;
    w->count++;
    return w->filled == REPLICA_GROUP ? flush_group(w) : OK;
}

enum err replica_writer_finish(struct replica_writer *w)
{
    if (w->filled > 0)
        TRY(flush_group(w));
    size_t groups = (size_t)((w->count + REPLICA_GROUP - 1) / REPLICA_GROUP);
    return volume_object_put(w->at.volume, &w->at.id, "groups",
                             span_of(w->nodes, groups * NODE_SIZE));
}

enum err replica_head_put(const struct replica_at *at, const struct replica_head *h,
                          struct span segments)
{
    uint8_t buf[REPLICA_HEAD_SIZE];
    struct writer w = writer_of(buf, sizeof(buf));
    write_le32(&w, HEAD_MAGIC);
    write_bytes(&w, h->leaf, sizeof(h->leaf));
    write_le64(&w, h->record_count);
    write_le32(&w, h->segment_count);
    ASSERT(w.err == OK && w.len == REPLICA_HEAD_SIZE);
    TRY(volume_object_put(at->volume, &at->id, "segments", segments));
    return volume_object_put(at->volume, &at->id, "head", writer_span(&w));
}

/* ---- reading ---- */

enum err replica_head_get(struct replica_head *h, const struct replica_at *at)
{
    uint8_t buf[REPLICA_HEAD_SIZE];
    memset(h, 0, sizeof(*h));
    TRY(volume_object_read(at->volume, (struct mspan){ buf, sizeof(buf) }, &at->id, "head", 0));
    struct reader r = reader_of(span_of(buf, sizeof(buf)));
    reader_require(&r, read_le32(&r) == HEAD_MAGIC, ERR_CORRUPT);
    read_into(&r, h->leaf, sizeof(h->leaf));
    h->record_count = read_le64(&r);
    h->segment_count = read_le32(&r);
    reader_require(&r, h->record_count > 0 && h->record_count <= UINT32_MAX, ERR_CORRUPT);
    reader_require(&r, h->segment_count > 0 && h->segment_count <= REPLICA_SEGMENTS_MAX,
                   ERR_CORRUPT);
    return reader_finish(&r);
}

enum err replica_segment_get(uint32_t *length, uint8_t wrapped[ENCLAVE_WRAPPED_SIZE],
                             const struct replica_at *at, uint32_t segment)
{
    uint8_t buf[REPLICA_SEGMENT_SIZE];
    TRY(volume_object_read(at->volume, (struct mspan){ buf, sizeof(buf) }, &at->id, "segments",
                           (uint64_t)segment * REPLICA_SEGMENT_SIZE));
    *length = load_le32(buf);
    memcpy(wrapped, buf + 4, ENCLAVE_WRAPPED_SIZE);
    return OK;
}

static void segment_leaf(uint8_t out[32], uint32_t segment, const uint8_t stored[80])
{
    uint8_t data[40];
    const struct span wrapped = { stored + 4, ENCLAVE_WRAPPED_SIZE };
    store_le32(data, segment);
    memcpy(data + 4, stored, 4);
    sha256_tagged(data + 8, "crust/wrapped/1", &wrapped, 1);
    merkle_leaf(out, seal_tags(), span_of(data, sizeof(data)));
}

enum err replica_seal_path(struct replica_seal *out, const struct replica_at *at,
                           const struct replica_head *h, uint32_t segment)
{
    if (segment >= h->segment_count)
        return ERR_CORRUPT;
    size_t count = h->segment_count, size = count * REPLICA_SEGMENT_SIZE;
    uint8_t *stored = malloc(size);
    uint8_t(*leaves)[32] = malloc(count * 32);
    enum err e = stored == NULL || leaves == NULL ? ERR_MEMORY : OK;
    if (e == OK)
        e = volume_object_read(at->volume, (struct mspan){ stored, size }, &at->id, "segments", 0);
    if (e == OK) {
        for (uint32_t i = 0; i < count; i++)
            segment_leaf(leaves[i], i, stored + (size_t)i * REPLICA_SEGMENT_SIZE);
        out->steps =
            merkle_path(out->path, seal_tags(), (const uint8_t(*)[32])leaves, count, segment);
        out->length = load_le32(stored + (size_t)segment * REPLICA_SEGMENT_SIZE);
        memcpy(out->wrapped, stored + (size_t)segment * REPLICA_SEGMENT_SIZE + 4,
               ENCLAVE_WRAPPED_SIZE);
    }
    free(stored);
    free(leaves);
    return e;
}

static uint32_t group_size(const struct replica_head *h, uint64_t group)
{
    uint64_t rest = h->record_count - group * REPLICA_GROUP;
    return rest < REPLICA_GROUP ? (uint32_t)rest : REPLICA_GROUP;
}

static enum err load_group(uint8_t *out, const struct replica_at *at, const struct replica_head *h,
                           uint64_t group)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    group_name(name, group);
    return volume_object_read(
        at->volume, (struct mspan){ out, (size_t)group_size(h, group) * REPLICA_PLACED_SIZE },
        &at->id, name, 0);
}

enum err replica_record_get(struct replica_record *out, const struct replica_at *at,
                            const struct replica_head *h, uint64_t index)
{
    char name[VOLUME_OBJECT_NAME_MAX];
    uint8_t buf[REPLICA_PLACED_SIZE];
    if (index >= h->record_count)
        return ERR_RANGE;
    group_name(name, index / REPLICA_GROUP);
    TRY(volume_object_read(at->volume, (struct mspan){ buf, sizeof(buf) }, &at->id, name,
                           index % REPLICA_GROUP * REPLICA_PLACED_SIZE));
    return decode_record(out, buf);
}

enum err replica_group_get(struct replica_record *out, const struct replica_at *at,
                           const struct replica_head *h, uint64_t group)
{
    uint32_t count = group_size(h, group);
    uint8_t *stored = malloc((size_t)count * REPLICA_PLACED_SIZE);
    if (stored == NULL)
        return ERR_MEMORY;
    enum err e = load_group(stored, at, h, group);
    for (uint32_t i = 0; e == OK && i < count; i++)
        e = decode_record(&out[i], stored + (size_t)i * REPLICA_PLACED_SIZE);
    free(stored);
    return e;
}

/* What replica_find works with; about 200 KiB. */
struct finder {
    struct merkle_sum leaves[REPLICA_GROUP];
    uint8_t stored[REPLICA_GROUP * REPLICA_PLACED_SIZE];
    struct merkle_sum path[2 * MERKLE_DEPTH_MAX];
    size_t steps;
};

static enum err find_in_group(struct finder *f, struct replica_place *out,
                              const struct replica_at *at, const struct replica_head *h,
                              uint64_t group, uint64_t offset)
{
    uint64_t index, start;
    uint32_t count = group_size(h, group);
    TRY(load_group(f->stored, at, h, group));
    for (uint32_t i = 0; i < count; i++) {
        struct replica_record r;
        TRY(decode_record(&r, f->stored + (size_t)i * REPLICA_PLACED_SIZE));
        content_record_leaf(&f->leaves[i], &r.record);
    }
    TRY(merkle_sum_find(&index, &start, f->leaves, count, offset) == OK ? OK : ERR_CORRUPT);
    out->index = group * REPLICA_GROUP + index;
    TRY(decode_record(&out->record, f->stored + index * REPLICA_PLACED_SIZE));
    f->steps = merkle_sum_path(f->path, node_tag(), f->leaves, count, index);
    return OK;
}

/* The groups' nodes; the path goes on from group to root. */
static enum err load_nodes(struct merkle_sum **out, const struct replica_at *at, size_t count)
{
    struct merkle_sum *nodes = malloc(count * sizeof(*nodes)), all;
    uint8_t *stored = malloc(count * NODE_SIZE);
    enum err e = nodes == NULL || stored == NULL ? ERR_MEMORY : OK;
    if (e == OK)
        e = volume_object_read(at->volume, (struct mspan){ stored, count * NODE_SIZE }, &at->id,
                               "groups", 0);
    for (size_t i = 0; e == OK && i < count; i++) {
        memcpy(nodes[i].hash, stored + i * NODE_SIZE, 32);
        nodes[i].sum = load_le64(stored + i * NODE_SIZE + 32);
    }
    /* Damaged sums could overflow, which merkle_sum_path takes for a bug of ours. */
    if (e == OK && merkle_sum_root_of(&all, node_tag(), nodes, count) != OK)
        e = ERR_CORRUPT;
    free(stored);
    if (e != OK) {
        free(nodes);
        nodes = NULL;
    }
    *out = nodes;
    return e;
}

static enum err find(struct finder *f, struct replica_place *out, const struct replica_at *at,
                     const struct replica_head *h, uint64_t offset)
{
    struct merkle_sum *nodes;
    uint64_t group, start;
    uint64_t groups = (h->record_count + REPLICA_GROUP - 1) / REPLICA_GROUP;
    TRY(load_nodes(&nodes, at, (size_t)groups));
    enum err e = merkle_sum_find(&group, &start, nodes, groups, offset) == OK ? OK : ERR_CORRUPT;
    if (e == OK)
        e = find_in_group(f, out, at, h, group, offset - start);
    if (e == OK)
        f->steps += merkle_sum_path(f->path + f->steps, node_tag(), nodes, groups, group);
    free(nodes);
    return e;
}

enum err replica_find(struct replica_place *out, const struct replica_at *at,
                      const struct replica_head *h, uint64_t offset)
{
    memset(out, 0, sizeof(*out));
    struct finder *f = malloc(sizeof(*f));
    if (f == NULL)
        return ERR_MEMORY;
    f->steps = 0;
    enum err e = find(f, out, at, h, offset);
    struct writer w = writer_of(out->path, sizeof(out->path));
    for (size_t i = 0; e == OK && i < f->steps; i++) {
        write_bytes(&w, f->path[i].hash, 32);
        write_le64(&w, f->path[i].sum);
    }
    out->path_size = w.len;
    free(f);
    return e == OK ? w.err : e;
}
