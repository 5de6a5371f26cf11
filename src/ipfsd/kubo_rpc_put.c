/* Commands of the Kubo RPC that take a body. */
#include "api/kubo_multipart.h"
#include "codec/dag_json.h"
#include "codec/dagpb.h"
#include "codec/json_out.h"
#include "crypto/sha256.h"
#include "ipfs/car_stream.h"
#include "ipfsd/kubo_rpc_http.h"
#include "ipfsd/kubo_tree.h"
#include "rt/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LINE = 32 << 10, /* a path of 4096 bytes, each escaped sixfold */
    ARENA = 8 << 20, /* some levels of the widest file */
    ROOTS_MAX = 64,
    TARGET_MAX = 4096,
};

static void free_bytes(uint8_t **p)
{
    free(*p);
}

/* ---- a body, part by part ---- */

struct parts {
    void *ctx;
    enum err (*begin)(void *ctx, const struct kubo_part *part);
    enum err (*data)(void *ctx, struct span bytes);
    enum err (*done)(void *ctx, const struct kubo_part *part);
};

static enum err feed(struct kubo_multipart *m, const struct parts *to, struct span in)
{
    struct kubo_multipart_item item;
    do {
        TRY(kubo_multipart_next(m, &item, &in));
        if (item.event == KUBO_MULTIPART_PART)
            TRY(to->begin(to->ctx, &m->part));
        else if (item.event == KUBO_MULTIPART_DATA)
            TRY(to->data(to->ctx, item.data));
        else if (item.event == KUBO_MULTIPART_DONE)
            TRY(to->done(to->ctx, &m->part));
    } while (item.event != KUBO_MULTIPART_MORE);
    return OK;
}

static enum err read_parts(struct kubo_call *c, struct kubo_multipart *m, const struct parts *to)
{
    struct span in;
    if (kubo_multipart_init(m, c->content_type) != OK)
        return kubo_call_fail(c, ERR_FORMAT, "the body must be multipart/form-data");
    do {
        TRY(kubo_io_read(c->io, &in));
        enum err e = feed(m, to, in);
        if (e != OK)
            return c->why[0] != '\0'
                       ? e
                       : kubo_call_fail(c, e, "the upload cannot be taken: %s", err_text(e));
        kubo_io_taken(c->io, in.n);
    } while (in.n > 0);
    if (kubo_multipart_finish(m) != OK)
        return kubo_call_fail(c, ERR_SHORT, "the upload ends early");
    return OK;
}

static void free_parser(struct kubo_multipart **m)
{
    free(*m);
}

/* ---- the store as a sink ---- */

static enum err sink_put(void *ctx, const struct block_key *key, struct span data)
{
    struct storer_op op = { .kind = STORER_PUT, .key = *key, .data = data };
    enum err e = kubo_call_store_op(ctx, &op);
    return e == ERR_FULL ? kubo_call_fail(ctx, e, "the block store is full: its quota, or its disk")
                         : e;
}

static enum err sink_commit(void *ctx)
{
    return kubo_call_commit(ctx);
}

static enum err sink_pin(void *ctx, const struct pin *pin)
{
    struct storer_op op = { .kind = STORER_PIN, .pin = *pin };
    return kubo_call_store_op(ctx, &op);
}

static enum err no_put(void *ctx, const struct block_key *key, struct span data)
{
    (void)ctx;
    (void)key;
    (void)data;
    return OK;
}

static struct block_sink store_sink(struct kubo_call *c)
{
    return (struct block_sink){ .ctx = c, .put = sink_put, .commit = sink_commit, .pin = sink_pin };
}

/* ---- add ---- */

struct add {
    struct kubo_call *c;
    struct block_sink sink;
    struct unixfs_add add;
    struct arena arena;
    uint8_t *chunk;
    struct unixfs_add_stream stream;
    struct kubo_tree tree;
    bool silent, only_hash;
    size_t target_size;
    uint8_t target[TARGET_MAX];
    uint8_t line[LINE];
};

static enum err add_told(void *ctx, const char *name, const struct unixfs_add_node *node)
{
    struct add *a = ctx;
    char text[CID_TEXT_MAX];
    struct writer w = writer_of(a->line, sizeof(a->line));
    struct json_out j = json_out_to(&w);
    if (a->silent)
        return OK;
    cid_format(text, &node->cid);
    json_out_object(&j);
    json_out_member_str(&j, "Name", name);
    json_out_member_str(&j, "Hash", text);
    json_out_member_u64_text(&j, "Size", node->tsize);
    json_out_object_end(&j);
    write_u8(&w, '\n');
    return w.err != OK ? w.err : kubo_io_write(a->c->io, writer_span(&w));
}

static enum err add_begin(void *ctx, const struct kubo_part *part)
{
    struct add *a = ctx;
    if (part->kind != KUBO_PART_FILE && part->path[0] == '\0')
        return kubo_call_fail(a->c, ERR_FORMAT, "a folder without a name");
    a->target_size = 0;
    arena_reset(&a->arena);
    if (part->kind == KUBO_PART_FILE)
        unixfs_add_stream_init(&a->stream, &a->add, &a->arena,
                               (struct mspan){ a->chunk, a->add.params.chunk_size }, NULL);
    return part->kind == KUBO_PART_FOLDER ? kubo_tree_add(&a->tree, part->path, NULL) : OK;
}

static enum err add_data(struct add *a, const struct kubo_part *part, struct span bytes)
{
    if (part->kind == KUBO_PART_FILE)
        return unixfs_add_stream_write(&a->stream, bytes);
    if (part->kind == KUBO_PART_FOLDER)
        return ERR_FORMAT;
    if (bytes.n > TARGET_MAX - a->target_size)
        return ERR_LIMIT;
    memcpy(a->target + a->target_size, bytes.p, bytes.n);
    a->target_size += bytes.n;
    return OK;
}

static enum err add_done(void *ctx, const struct kubo_part *part)
{
    struct add *a = ctx;
    struct unixfs_add_node node;
    char text[CID_TEXT_MAX];
    if (part->kind == KUBO_PART_FOLDER)
        return OK;
    if (part->kind == KUBO_PART_FILE)
        TRY(unixfs_add_stream_finish(&a->stream, &node));
    else
        TRY(unixfs_add_symlink(&a->add, &node, span_of(a->target, a->target_size), NULL));
    cid_format(text, &node.cid);
    const char *name = part->path[0] == '\0' ? text : part->path;
    TRY(kubo_tree_add(&a->tree, name, &node));
    return add_told(a, name, &node);
}

static enum err add_pin(void *ctx, const struct unixfs_add_node *node)
{
    struct add *a = ctx;
    const struct kubo_plan *p = a->c->plan;
    const struct kubo_value *name = &p->options[KUBO_OPT_PIN_NAME];
    uint8_t bytes[CID_SIZE_MAX];
    if (a->only_hash || kubo_rpc_option(p, KUBO_OPT_PIN, 1) == 0)
        return OK;
    if (name->given && strlen(name->text) > PIN_NAME_MAX)
        return kubo_call_fail(a->c, ERR_LIMIT, "a name has at most %d bytes", PIN_NAME_MAX);
    const struct pin pin = { .cid = kubo_cid_bytes(bytes, &node->cid),
                             .mode = PIN_RECURSIVE,
                             .profile = span_str(p->profile),
                             .name = span_str(name->given ? name->text : ""),
                             .time_unix_s = clock_wall_ms() / 1000 };
    return sink_pin(a->c, &pin);
}

/* The parser tells data without its part: the two travel together here. */
struct add_run {
    struct add *a;
    const struct kubo_multipart *m;
};

static enum err run_begin(void *ctx, const struct kubo_part *part)
{
    return add_begin(((struct add_run *)ctx)->a, part);
}

static enum err run_data(void *ctx, struct span bytes)
{
    const struct add_run *r = ctx;
    return add_data(r->a, &r->m->part, bytes);
}

static enum err run_done(void *ctx, const struct kubo_part *part)
{
    return add_done(((struct add_run *)ctx)->a, part);
}

static enum err add_all(struct add *a, struct kubo_multipart *m)
{
    struct add_run run = { a, m };
    const struct parts parts = {
        .ctx = &run, .begin = run_begin, .data = run_data, .done = run_done
    };
    TRY(read_parts(a->c, m, &parts));
    if (a->tree.count == 0)
        return kubo_call_fail(a->c, ERR_FORMAT, "no file was sent");
    const struct kubo_tree_events events = { .ctx = a, .made = add_told, .root = add_pin };
    bool wrap = kubo_rpc_option(a->c->plan, KUBO_OPT_WRAP, 0) != 0;
    TRY(kubo_tree_build(&a->tree, &a->add, wrap, &events));
    return a->only_hash ? OK : sink_commit(a->c);
}

static void free_add(struct add **a)
{
    if (*a != NULL)
        kubo_tree_fini(&(*a)->tree);
    free(*a);
}

enum err kubo_call_add(struct kubo_call *c)
{
    const struct kubo_plan *p = c->plan;
    size_t room = (size_t)UNIXFS_ADD_SCRATCH + ARENA + p->add.chunk_size;
    AUTO(free_bytes) uint8_t *memory = malloc(room);
    AUTO(free_add) struct add *a = calloc(1, sizeof(*a));
    AUTO(free_parser) struct kubo_multipart *m = calloc(1, sizeof(*m));
    if (memory == NULL || a == NULL || m == NULL)
        return ERR_MEMORY;
    a->c = c;
    a->only_hash = kubo_rpc_option(p, KUBO_OPT_ONLY_HASH, 0) != 0;
    a->silent = kubo_rpc_option(p, KUBO_OPT_SILENT, 0) != 0;
    a->sink = store_sink(c);
    if (a->only_hash)
        a->sink.put = no_put;
    a->add = (struct unixfs_add){ .params = p->add,
                                  .sink = &a->sink,
                                  .scratch = { memory, UNIXFS_ADD_SCRATCH } };
    a->arena = arena_of(memory + UNIXFS_ADD_SCRATCH, ARENA);
    a->chunk = memory + UNIXFS_ADD_SCRATCH + ARENA;
    return add_all(a, m);
}

/* ---- block/put ---- */

struct put {
    struct kubo_call *c;
    bool node;      /* of dag/put */
    uint64_t input; /* the codec that it comes in */
    uint64_t codec; /* the one that it is kept in */
    uint8_t version;
    uint8_t *block;
    size_t size;
};

static enum err put_begin(void *ctx, const struct kubo_part *part)
{
    struct put *p = ctx;
    p->size = 0;
    return part->kind == KUBO_PART_FILE ? OK : ERR_FORMAT;
}

static enum err put_data(void *ctx, struct span bytes)
{
    struct put *p = ctx;
    if (bytes.n > BLOCK_SIZE_MAX - p->size)
        return kubo_call_fail(p->c, ERR_LIMIT, "a block has at most 2 MiB");
    memcpy(p->block + p->size, bytes.p, bytes.n);
    p->size += bytes.n;
    return OK;
}

static enum err tell_put(struct put *p, const struct cid *cid)
{
    uint8_t out[512];
    char text[CID_TEXT_MAX];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    cid_format(text, cid);
    json_out_object(&j);
    if (p->node) {
        json_out_key(&j, "Cid");
        json_out_object(&j);
        json_out_member_str(&j, "/", text);
        json_out_object_end(&j);
    } else {
        json_out_member_str(&j, "Key", text);
        json_out_member_u64(&j, "Size", p->size);
    }
    json_out_object_end(&j);
    write_u8(&w, '\n');
    return w.err != OK ? w.err : kubo_io_write(p->c->io, writer_span(&w));
}

/* A node as it came becomes a block; JSON becomes DAG-CBOR. */
static enum err put_node(struct put *p)
{
    struct dagpb node;
    struct span in = span_of(p->block, p->size);
    if (p->input == CID_CODEC_DAG_CBOR)
        return cbor_validate(in, CBOR_STRICT);
    if (p->input == CID_CODEC_DAG_PB)
        return dagpb_decode(&node, in);
    if (p->input != CID_CODEC_DAG_JSON)
        return OK;
    size_t room = DAG_JSON_SCRATCH(BLOCK_SIZE_MAX);
    AUTO(free_bytes) uint8_t *memory = malloc(room + BLOCK_SIZE_MAX);
    if (memory == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(memory + room, BLOCK_SIZE_MAX);
    TRY(dag_json_to_cbor(&w, in, (struct mspan){ memory, room }));
    memcpy(p->block, w.p, w.len);
    p->size = w.len;
    return OK;
}

static enum err put_done(void *ctx, const struct kubo_part *part)
{
    struct put *p = ctx;
    uint8_t bytes[CID_SIZE_MAX];
    enum err e = p->node ? put_node(p) : OK;
    if (e != OK)
        return kubo_call_fail(p->c, e, "the node cannot be read: %s", err_text(e));
    struct content_key key = { .codec = (uint32_t)p->codec };
    struct block_key name = { .codec = p->codec };
    struct span block = span_of(p->block, p->size);
    (void)part;
    sha256(key.digest, block);
    memcpy(name.digest, key.digest, sizeof(name.digest));
    struct cid cid = p->version == 0 ? cid_v0(key.digest) : cid_of_key(&key);
    TRY(sink_put(p->c, &name, block));
    TRY(sink_commit(p->c));
    const struct pin pin = { .cid = kubo_cid_bytes(bytes, &cid),
                             .mode = PIN_RECURSIVE,
                             .time_unix_s = clock_wall_ms() / 1000 };
    if (kubo_rpc_option(p->c->plan, KUBO_OPT_PIN, 0) != 0)
        TRY(kubo_call_pin(p->c, &cid, &pin));
    return tell_put(p, &cid);
}

static const struct put_codec {
    const char *name;
    uint64_t codec;
    uint8_t version;
} put_codecs[] = { { "raw", CID_CODEC_RAW, 1 },           { "dag-pb", CID_CODEC_DAG_PB, 1 },
                   { "dag-cbor", CID_CODEC_DAG_CBOR, 1 }, { "dag-json", CID_CODEC_DAG_JSON, 1 },
                   { "protobuf", CID_CODEC_DAG_PB, 1 },   { "v0", CID_CODEC_DAG_PB, 0 },
                   { "cbor", CID_CODEC_DAG_CBOR, 1 } };
enum { NODE_CODECS = 4 }; /* of these, the names that dag/put has */

static enum err put_codec(struct put *p, const struct put_codec **out, const char *name)
{
    size_t count = p->node ? NODE_CODECS : sizeof(put_codecs) / sizeof(put_codecs[0]);
    for (size_t i = 0; i < count; i++) {
        *out = &put_codecs[i];
        if (strcmp(put_codecs[i].name, name) == 0 &&
            (p->node || put_codecs[i].codec != CID_CODEC_DAG_JSON))
            return OK;
    }
    return kubo_call_fail(p->c, ERR_UNSUPPORTED, "the codec %.40s is not kept here", name);
}

static const char *text_option(const struct kubo_call *c, enum kubo_option o, const char *otherwise)
{
    const struct kubo_value *v = &c->plan->options[o];
    return v->given && v->text[0] != '\0' ? v->text : otherwise;
}

static enum err run_put(struct put *p)
{
    const struct parts parts = { .ctx = p, .begin = put_begin, .data = put_data, .done = put_done };
    AUTO(free_bytes) uint8_t *memory = malloc(BLOCK_SIZE_MAX);
    AUTO(free_parser) struct kubo_multipart *m = calloc(1, sizeof(*m));
    if (memory == NULL || m == NULL)
        return ERR_MEMORY;
    p->block = memory;
    return read_parts(p->c, m, &parts);
}

enum err kubo_call_block_put(struct kubo_call *c)
{
    struct put p = { .c = c };
    const struct put_codec *kept;
    const char *codec = text_option(c, KUBO_OPT_CID_CODEC, "raw");
    TRY(put_codec(&p, &kept, text_option(c, KUBO_OPT_FORMAT, codec)));
    p.codec = kept->codec;
    p.version = kept->version;
    return run_put(&p);
}

enum err kubo_call_dag_put(struct kubo_call *c)
{
    struct put p = { .c = c, .node = true, .version = 1 };
    const struct put_codec *in, *kept;
    TRY(put_codec(&p, &in, text_option(c, KUBO_OPT_INPUT_CODEC, "dag-json")));
    TRY(put_codec(&p, &kept, text_option(c, KUBO_OPT_STORE_CODEC, "dag-cbor")));
    p.input = in->codec;
    p.codec = kept->codec;
    bool same = p.input == p.codec && p.codec != CID_CODEC_DAG_JSON;
    if (!same && (p.input != CID_CODEC_DAG_JSON || p.codec != CID_CODEC_DAG_CBOR))
        return kubo_call_fail(c, ERR_UNSUPPORTED, "%s is not made into %s here", in->name,
                              kept->name);
    return run_put(&p);
}

/* ---- dag/import ---- */

struct import {
    struct kubo_call *c;
    struct block_sink sink;
    struct mspan buf;
    struct car_stream_import car;
    struct cid roots[ROOTS_MAX];
    size_t root_count;
    uint64_t blocks, bytes;
};

static enum err import_begin(void *ctx, const struct kubo_part *part)
{
    struct import *i = ctx;
    car_stream_import_init(&i->car, &i->sink, i->buf);
    return part->kind == KUBO_PART_FILE ? OK : ERR_FORMAT;
}

static enum err import_data(void *ctx, struct span bytes)
{
    struct import *i = ctx;
    return car_stream_import_feed(&i->car, bytes);
}

static enum err import_done(void *ctx, const struct kubo_part *part)
{
    struct import *i = ctx;
    (void)part;
    TRY(car_stream_import_finish(&i->car));
    if (i->car.skipped_count > 0)
        return kubo_call_fail(i->c, ERR_UNSUPPORTED,
                              "the archive has blocks under other hashes than sha2-256");
    if (i->car.root_count > CAR_STREAM_ROOTS || i->car.root_count > ROOTS_MAX - i->root_count)
        return kubo_call_fail(i->c, ERR_LIMIT, "too many roots: %d in an archive, %d in all",
                              CAR_STREAM_ROOTS, ROOTS_MAX);
    for (size_t r = 0; r < i->car.root_count; r++)
        i->roots[i->root_count++] = i->car.roots[r];
    i->blocks += i->car.block_count;
    i->bytes += i->car.block_bytes;
    return OK;
}

/* Pins a root and says so; a pin that cannot be made is told in the line, as Kubo does. */
static enum err import_root(struct import *i, const struct cid *cid)
{
    uint8_t out[2048], bytes[CID_SIZE_MAX];
    char text[CID_TEXT_MAX];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    const struct pin pin = { .cid = kubo_cid_bytes(bytes, cid),
                             .mode = PIN_RECURSIVE,
                             .time_unix_s = clock_wall_ms() / 1000 };
    bool want = kubo_rpc_option(i->c->plan, KUBO_OPT_PIN_ROOTS, 1) != 0;
    enum err e = want ? kubo_call_pin(i->c, cid, &pin) : OK;
    const char *why = e == OK ? "" : i->c->why[0] != '\0' ? i->c->why : err_text(e);
    cid_format(text, cid);
    json_out_object(&j);
    json_out_key(&j, "Root");
    json_out_object(&j);
    json_out_key(&j, "Cid");
    json_out_object(&j);
    json_out_member_str(&j, "/", text);
    json_out_object_end(&j);
    json_out_member_str(&j, "PinErrorMsg", why);
    json_out_object_end(&j);
    json_out_object_end(&j);
    write_u8(&w, '\n');
    i->c->why[0] = '\0';
    if (!want || kubo_rpc_option(i->c->plan, KUBO_OPT_SILENT, 0) != 0)
        return OK;
    return w.err != OK ? w.err : kubo_io_write(i->c->io, writer_span(&w));
}

static enum err import_stats(struct import *i)
{
    uint8_t out[256];
    struct writer w = writer_of(out, sizeof(out));
    struct json_out j = json_out_to(&w);
    json_out_object(&j);
    json_out_key(&j, "Stats");
    json_out_object(&j);
    json_out_member_u64(&j, "BlockCount", i->blocks);
    json_out_member_u64(&j, "BlockBytesCount", i->bytes);
    json_out_object_end(&j);
    json_out_object_end(&j);
    write_u8(&w, '\n');
    return w.err != OK ? w.err : kubo_io_write(i->c->io, writer_span(&w));
}

static void free_import(struct import **i)
{
    free(*i);
}

enum err kubo_call_dag_import(struct kubo_call *c)
{
    AUTO(free_bytes) uint8_t *memory = malloc(CAR_SECTION_MAX);
    AUTO(free_import) struct import *i = calloc(1, sizeof(*i));
    AUTO(free_parser) struct kubo_multipart *m = calloc(1, sizeof(*m));
    if (memory == NULL || i == NULL || m == NULL)
        return ERR_MEMORY;
    const struct parts parts = {
        .ctx = i, .begin = import_begin, .data = import_data, .done = import_done
    };
    i->c = c;
    i->sink = store_sink(c);
    i->buf = (struct mspan){ memory, CAR_SECTION_MAX };
    TRY(read_parts(c, m, &parts));
    TRY(sink_commit(c));
    for (size_t r = 0; r < i->root_count; r++)
        TRY(import_root(i, &i->roots[r]));
    return kubo_rpc_option(c->plan, KUBO_OPT_STATS, 0) != 0 ? import_stats(i) : OK;
}
