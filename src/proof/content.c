#include "proof/content.h"

static const struct span record_node_tag = { (const uint8_t *)"crust/record-node/1", 19 };

bool content_codec_known(uint64_t codec)
{
    /* SPEC proof 1.1: "A block is of codec raw (0x55), dag-pb (0x70) or dag-cbor (0x71)" */
    return codec == CID_CODEC_RAW || codec == CID_CODEC_DAG_PB || codec == CID_CODEC_DAG_CBOR;
}

void content_chunk_root(uint8_t out[32], struct span block)
{
    ASSERT(block.n <= CONTENT_BLOCK_MAX);
    chunk_tree_root(out, &chunk_tree_content, block);
}

void content_record_of(struct content_record *out, const struct content_key *key, struct span block)
{
    struct content_record record = { .key = *key, .length = (uint32_t)block.n };
    content_chunk_root(record.chunk_root, block);
    *out = record;
}

void content_record_encode(uint8_t out[CONTENT_RECORD_SIZE], const struct content_record *record)
{
    store_le32(out, record->key.codec);
    memcpy(out + 4, record->key.digest, 32);
    store_le32(out + 36, record->length);
    memcpy(out + 40, record->chunk_root, 32);
}

enum err content_record_decode(struct content_record *out, const uint8_t in[CONTENT_RECORD_SIZE])
{
    struct content_record record = { .key.codec = load_le32(in), .length = load_le32(in + 36) };
    *out = (struct content_record){ 0 };
    if (!content_codec_known(record.key.codec))
        return ERR_UNSUPPORTED;
    if (record.length > CONTENT_BLOCK_MAX)
        return ERR_RANGE;
    memcpy(record.key.digest, in + 4, 32);
    memcpy(record.chunk_root, in + 40, 32);
    *out = record;
    return OK;
}

void content_record_leaf(struct merkle_sum *out, const struct content_record *record)
{
    uint8_t bytes[CONTENT_RECORD_SIZE];
    content_record_encode(bytes, record);
    const struct span part = { bytes, sizeof(bytes) };
    out->sum = record->length;
    sha256_tagged(out->hash, "crust/record/1", &part, 1);
}

void content_data_init(struct content_data *d)
{
    *d = (struct content_data){ 0 };
    merkle_sum_init(&d->tree, record_node_tag);
}

enum err content_data_add(struct content_data *d, const struct content_record *record)
{
    if (!content_codec_known(record->key.codec))
        return ERR_UNSUPPORTED;
    if (record->length > CONTENT_BLOCK_MAX)
        return ERR_RANGE;
    if (d->tree.count == CONTENT_RECORDS_MAX)
        return ERR_LIMIT;
    /* SPEC proof 2.2: "strictly ascending by (codec, digest)" */
    if (d->tree.count != 0 && cid_key_cmp(&d->last, &record->key) >= 0)
        return ERR_FORMAT;
    /* SPEC proof 2.4: "*size* is the sum of the lengths, below 2^63." */
    if (record->length > CONTENT_SIZE_MAX - d->tree.sum)
        return ERR_RANGE;
    struct merkle_sum leaf;
    content_record_leaf(&leaf, record);
    TRY(merkle_sum_add(&d->tree, &leaf));
    d->last = record->key;
    return OK;
}

enum err content_data_finish(struct content_commitment *out, const struct content_data *d)
{
    *out = (struct content_commitment){ 0 };
    if (d->tree.count == 0)
        return ERR_FORMAT;
    struct merkle_sum root;
    merkle_sum_root(&root, &d->tree);
    out->record_count = (uint32_t)d->tree.count;
    out->size = root.sum;
    content_data_root(out->data_root, d->tree.count, &root);
    return OK;
}

void content_data_root(uint8_t out[32], uint64_t record_count, const struct merkle_sum *root)
{
    uint8_t numbers[16];
    store_le64(numbers, record_count);
    store_le64(numbers + 8, root->sum);
    const struct span parts[] = { { numbers, 16 }, { root->hash, 32 } };
    sha256_tagged(out, "crust/data/1", parts, 2);
}

/* The root of count leaves, at least 1. */
static void leaves_root(struct merkle_sum *out, const struct merkle_sum *leaves, uint64_t count)
{
    enum err e = merkle_sum_root_of(out, record_node_tag, leaves, count);
    ASSERT(e == OK);
}

void content_record_path(struct writer *w, const struct merkle_sum *leaves, uint32_t record_count,
                         uint32_t index)
{
    ASSERT(index < record_count);
    struct merkle_sum path[CONTENT_RECORD_DEPTH_MAX] = { 0 };
    size_t length = merkle_path_size(index, record_count);
    size_t at = length;
    uint64_t count = record_count;
    uint64_t i = index;
    while (count > 1) {
        uint64_t left = (uint64_t)1 << (63 - __builtin_clzll(count - 1));
        at--;
        if (i < left) {
            leaves_root(&path[at], leaves + left, count - left);
            count = left;
        } else {
            leaves_root(&path[at], leaves, left);
            leaves += left;
            count -= left;
            i -= left;
        }
    }
    for (size_t k = 0; k < length; k++) {
        write_bytes(w, path[k].hash, 32);
        write_le64(w, path[k].sum);
    }
}

/* From *root, a leaf, up to the root that its path gives; *start is then the sum of what lies to
 * the left. The path's length is right. */
static enum err climb(struct merkle_sum *root, uint64_t *start, uint64_t index, uint64_t count,
                      struct reader *path)
{
    *start = 0;
    for (uint64_t last = count - 1; last != 0; last >>= 1, index >>= 1) {
        const bool is_right = (index & 1) != 0;
        if (!is_right && index == last)
            continue; /* without a neighbour: it moves up as it is */
        struct merkle_sum sibling;
        read_into(path, sibling.hash, 32);
        sibling.sum = read_le64(path);
        const struct merkle_sum *left = is_right ? &sibling : root;
        TRY(merkle_sum_node(root, record_node_tag, left, is_right ? root : &sibling));
        *start += is_right ? sibling.sum : 0; /* at most root->sum, which has not overflowed */
    }
    return OK;
}

enum err content_record_verify(uint64_t *start, const struct content_record *record,
                               const struct content_claim *claim)
{
    *start = 0;
    if (claim->index >= claim->record_count)
        return ERR_RANGE;
    size_t steps = merkle_path_size(claim->index, claim->record_count);
    /* SPEC proof 2.5: "number and sides follow from i and n" */
    if (claim->path.n != steps * CONTENT_NODE_SIZE)
        return ERR_FORMAT;
    struct merkle_sum root;
    content_record_leaf(&root, record);
    uint64_t before = 0;
    struct reader r = reader_of(claim->path);
    TRY(climb(&root, &before, claim->index, claim->record_count, &r));
    uint8_t data_root[32];
    content_data_root(data_root, claim->record_count, &root);
    if (root.sum != claim->size || memcmp(data_root, claim->data_root, 32) != 0)
        return ERR_CORRUPT;
    *start = before;
    return OK;
}
