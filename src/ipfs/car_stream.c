#include "ipfs/car_stream.h"

/* ---- export ---------------------------------------------------------------------------------- */

void car_stream_init(struct car_stream *s, const struct block_source *source, struct mspan memory,
                     const struct car_stream_params *params)
{
    *s = (struct car_stream){
        .source = source, .memory = memory, .params = *params, .state = CAR_STREAM_RESOLVE
    };
}

/* Lines a block up for copying, unless it is carried by its CID or was sent before. */
static enum err emit(struct car_stream *s, const struct cid *cid, struct span block, bool checked)
{
    struct content_key key;
    struct span inlined;
    bool fresh = true;
    if (cid_inlined(&inlined, cid))
        return OK;
    if (s->params.seen != NULL && !checked) {
        TRY(cid_key(&key, cid));
        TRY(s->params.seen->add(s->params.seen->ctx, &fresh, &key));
    }
    if (!fresh)
        return OK;
    struct writer w = writer_of(s->head, sizeof(s->head));
    car_write_section(&w, cid, block.n);
    ASSERT(w.err == OK);
    s->head_size = w.len;
    s->head_at = 0;
    s->block = block;
    s->block_at = 0;
    return OK;
}

/* The header names the end of the path, so the path is walked once before the first byte. */
static enum err step_resolve(struct car_stream *s)
{
    struct span block;
    if (s->path.cid.digest_size == 0 && s->path.cid.version == 0)
        TRY(unixfs_path_init(&s->path, &s->params.root, s->params.path));
    while (!s->path.done) {
        TRY(dag_block_get(&block, s->memory, s->source, &s->path.cid));
        TRY(unixfs_path_step(&s->path, block));
    }
    /* A missing target is found out before the header as well. */
    TRY(dag_block_get(&block, s->memory, s->source, &s->path.cid));
    s->target = s->path.cid;
    TRY(unixfs_path_init(&s->path, &s->params.root, s->params.path));
    struct writer w = writer_of(s->head, sizeof(s->head));
    car_write_header(&w, &s->target, 1);
    ASSERT(w.err == OK);
    s->head_size = w.len;
    s->state = CAR_STREAM_PATH;
    return OK;
}

static enum err step_path(struct car_stream *s)
{
    struct span block;
    if (s->path.done || cid_eq(&s->path.cid, &s->target)) {
        s->state = CAR_STREAM_BEGIN;
        return OK;
    }
    struct cid cid = s->path.cid;
    TRY(dag_block_get(&block, s->memory, s->source, &cid));
    TRY(unixfs_path_step(&s->path, block));
    return emit(s, &cid, block, false);
}

/* The end of a range in a file of this size; negative numbers count from the end. */
static uint64_t from_end(int64_t v, uint64_t size)
{
    if (v >= 0)
        return (uint64_t)v;
    uint64_t back = (uint64_t)(-(v + 1)) + 1;
    return back > size ? 0 : size - back;
}

static void begin_file(struct car_stream *s, uint64_t size)
{
    unixfs_read_file_init(&s->walk.read, s->source, s->memory, &s->target);
    s->state = CAR_STREAM_FILE;
    if (!s->params.has_bytes)
        return;
    const struct car_stream_bytes *b = &s->params.bytes;
    uint64_t from = from_end(b->from, size), to = b->to_end ? size : from_end(b->to, size);
    if (!b->to_end && (b->to >= 0 || (uint64_t)(-(b->to + 1)) < size))
        to = to < UINT64_MAX ? to + 1 : to;
    unixfs_read_file_range(&s->walk.read, from, to);
}

static enum err step_begin(struct car_stream *s)
{
    struct unixfs_read_stat stat;
    struct span block;
    if (s->params.scope == CAR_STREAM_ALL) {
        size_t half = s->memory.n / 2;
        dag_walk_init(&s->walk.dag, s->source, (struct mspan){ s->memory.p, half },
                      (struct mspan){ s->memory.p + half, s->memory.n - half }, s->params.seen);
        s->state = CAR_STREAM_DAG;
        return dag_walk_add(&s->walk.dag, &s->target);
    }
    TRY(dag_block_get(&block, s->memory, s->source, &s->target));
    TRY(unixfs_read_stat(&stat, &s->target, block));
    if (s->params.scope == CAR_STREAM_ENTITY && stat.kind == UNIXFS_READ_FILE) {
        begin_file(s, stat.size);
        return OK;
    }
    if (s->params.scope == CAR_STREAM_ENTITY && stat.sharded) {
        unixfs_read_dir_init(&s->walk.read, s->source, s->memory, &s->target);
        s->state = CAR_STREAM_DIR;
        return OK;
    }
    s->state = CAR_STREAM_END;
    return emit(s, &s->target, block, false);
}

/* True, once, for a node of which only a part was wanted when it came. */
static bool take_part(struct car_stream *s, const struct cid *cid)
{
    for (size_t i = 0; i < s->part_count; i++) {
        if (!cid_eq(&s->parts[i], cid))
            continue;
        s->parts[i] = s->parts[--s->part_count];
        return true;
    }
    return false;
}

/* Where every block goes out once, what is below a node that came before has gone out with it: a
 * few nodes that link to each other a thousand times each are no way to keep us walking for ever.
 */
static bool is_done(struct car_stream *s, const struct unixfs_read_part *part, bool fresh)
{
    struct span inlined;
    if (s->params.seen == NULL || !part->inner || cid_inlined(&inlined, &part->cid))
        return false;
    if (!part->whole) {
        if (s->part_count < CAR_STREAM_PARTS)
            s->parts[s->part_count++] = part->cid;
        return false;
    }
    return !take_part(s, &part->cid) && !fresh;
}

static enum err step_file(struct car_stream *s)
{
    struct unixfs_read_part part;
    TRY(unixfs_read_file_part(&s->walk.read, &part));
    if (part.end) {
        s->state = CAR_STREAM_END;
        return OK;
    }
    TRY(emit(s, &part.cid, part.block, false));
    if (is_done(s, &part, s->head_size > 0))
        unixfs_read_file_skip(&s->walk.read);
    return OK;
}

static enum err step_dir(struct car_stream *s)
{
    struct unixfs_read_item item;
    TRY(unixfs_read_dir_next(&s->walk.read, &item));
    if (item.event == UNIXFS_READ_BLOCK)
        return emit(s, &item.cid, item.block, false);
    if (item.event == UNIXFS_READ_END)
        s->state = CAR_STREAM_END;
    return OK;
}

static enum err step_dag(struct car_stream *s)
{
    struct dag_walk_item item;
    TRY(dag_walk_next(&s->walk.dag, &item));
    if (!item.end)
        return emit(s, &item.cid, item.block, true); /* the walk has asked the set */
    s->state = CAR_STREAM_END;
    return OK;
}

static enum err step(struct car_stream *s)
{
    switch (s->state) {
    case CAR_STREAM_RESOLVE:
        return step_resolve(s);
    case CAR_STREAM_PATH:
        return step_path(s);
    case CAR_STREAM_BEGIN:
        return step_begin(s);
    case CAR_STREAM_FILE:
        return step_file(s);
    case CAR_STREAM_DIR:
        return step_dir(s);
    case CAR_STREAM_DAG:
        return step_dag(s);
    case CAR_STREAM_END:
        break;
    }
    return OK;
}

static size_t copy_out(struct mspan out, size_t at, struct span from, size_t *done)
{
    struct span part = span_sub(from, *done, out.n - at);
    if (part.n != 0)
        memcpy(out.p + at, part.p, part.n);
    *done += part.n;
    return part.n;
}

/* An error after bytes have been written in this call is told by the next one. */
enum err car_stream_next(struct car_stream *s, size_t *size, struct mspan out)
{
    *size = 0;
    while (*size < out.n) {
        *size += copy_out(out, *size, span_of(s->head, s->head_size), &s->head_at);
        *size += copy_out(out, *size, s->block, &s->block_at);
        if (*size == out.n || s->state == CAR_STREAM_END)
            break;
        s->head_size = 0;
        s->head_at = 0;
        s->block = span_of(NULL, 0);
        s->block_at = 0;
        enum err e = s->late != OK ? s->late : step(s);
        s->late = e != OK && *size > 0 ? e : OK;
        if (e != OK)
            return *size > 0 ? OK : e;
    }
    return OK;
}

/* ---- import ---------------------------------------------------------------------------------- */

void car_stream_import_init(struct car_stream_import *im, const struct block_sink *sink,
                            struct mspan buf)
{
    *im = (struct car_stream_import){ .sink = sink };
    car_parser_init(&im->parser, buf);
}

static enum err take_block(struct car_stream_import *im, const struct car_item *item)
{
    struct block_key key;
    struct span inlined;
    enum err e = dag_block_verify(&item->cid, item->data);
    if (e == ERR_UNSUPPORTED) {
        im->skipped_count++;
        return OK;
    }
    TRY(e);
    if (cid_inlined(&inlined, &item->cid))
        return OK;
    TRY(dag_block_key(&key, &item->cid));
    TRY(block_sink_put(im->sink, &key, item->data));
    im->block_count++;
    im->block_bytes += item->data.n;
    return OK;
}

enum err car_stream_import_feed(struct car_stream_import *im, struct span in)
{
    struct car_item item;
    struct cid root;
    while (in.n > 0) {
        TRY(car_parser_next(&im->parser, &item, &in));
        if (item.event == CAR_HEADER) {
            while (car_next_root(&item.header, &root)) {
                if (im->root_count < CAR_STREAM_ROOTS)
                    im->roots[im->root_count] = root;
                im->root_count++;
            }
            im->started = true;
        } else if (item.event == CAR_BLOCK) {
            TRY(take_block(im, &item));
        }
    }
    return OK;
}

enum err car_stream_import_finish(const struct car_stream_import *im)
{
    return car_parser_finish(&im->parser);
}
