#include "codec/unixfs.h"

/* What decodes can be written, and reads back as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[65536];
    static uint64_t blocks[8192];
    struct unixfs u, back;
    size_t count = 0;
    uint64_t block, sum = 0;
    if (unixfs_decode(&u, span_of(data, size)) != OK)
        return 0;
    struct unixfs_iter it = unixfs_blocks(&u);
    while (unixfs_next_block(&it, &block)) {
        sum += block;
        if (count < 8192)
            blocks[count] = block;
        count++;
    }
    ASSERT(count == u.block_count && sum == u.block_sum);
    if (count > 8192)
        return 0;
    struct unixfs_fields f = { .type = u.type,
                               .has_data = u.has_data,
                               .data = u.data,
                               .has_size = u.has_size,
                               .size = u.size,
                               .blocks = blocks,
                               .block_count = count,
                               .fanout = u.type == UNIXFS_HAMT ? u.fanout : 0,
                               .meta = &u.meta };
    struct writer w = writer_of(out, sizeof(out));
    unixfs_write(&w, &f);
    if (w.err != OK)
        return 0;
    ASSERT(w.len == unixfs_size(&f));
    ASSERT(unixfs_decode(&back, writer_span(&w)) == OK);
    ASSERT(back.type == u.type && span_eq(back.data, u.data) && back.size == u.size);
    ASSERT(back.block_count == u.block_count && back.block_sum == u.block_sum);
    ASSERT(back.meta.has_mode == u.meta.has_mode && back.meta.mode == u.meta.mode);
    ASSERT(back.meta.mtime_s == u.meta.mtime_s && back.meta.mtime_ns == u.meta.mtime_ns);
    return 0;
}
