#include "ipfs/car_stream.h"

#include "base/prng.h"
#include "codec/dagpb.h"
#include "codec/links.h"
#include "crypto/sha256.h"
#include "ipfs/blockmem_test.h"
#include "ipfs/unixfs_add.h"

#include <stdio.h>

enum { MEMORY = UNIXFS_READ_MEMORY, SEEN = 1 << 20, OUT = 4 << 20 };

struct fixture {
    struct blockmem *store, *copy;
    struct block_source source;
    struct block_sink sink;
    struct mspan memory, section, seen_memory;
    uint8_t *fixture_car;
    size_t fixture_size;
    uint8_t *out;
    struct dag_walk_table table;
    struct dag_walk_seen seen;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->store = calloc(1, sizeof(*f->store));
    f->copy = calloc(1, sizeof(*f->copy));
    f->source = blockmem_source(f->store);
    f->sink = blockmem_sink(f->store);
    f->memory = (struct mspan){ malloc(MEMORY), MEMORY };
    f->section = (struct mspan){ malloc(CAR_SECTION_MAX), CAR_SECTION_MAX };
    f->seen_memory = (struct mspan){ malloc(SEEN), SEEN };
    f->out = malloc(OUT);
    FILE *file = fopen("tests/vectors/gateway-conformance/fixtures.car", "rb");
    CHECK(file != NULL);
    f->fixture_car = malloc(1 << 20);
    f->fixture_size = fread(f->fixture_car, 1, 1 << 20, file);
    fclose(file);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    blockmem_free(f->store);
    blockmem_free(f->copy);
    free(f->memory.p);
    free(f->section.p);
    free(f->seen_memory.p);
    free(f->fixture_car);
    free(f->out);
    free(f);
    return 0;
}

static struct car_stream_import import_car(struct fixture *f, struct span car)
{
    struct car_stream_import im;
    car_stream_import_init(&im, &f->sink, f->section);
    for (size_t at = 0; at < car.n; at += 1000)
        CHECK_OK(car_stream_import_feed(&im, span_sub(car, at, 1000)));
    CHECK_OK(car_stream_import_finish(&im));
    return im;
}

static struct cid parse(const char *text)
{
    struct cid cid;
    CHECK_OK(cid_parse(&cid, span_str(text)));
    return cid;
}

/* Exports into f->out, size bytes at a time; what the source refuses once is asked again. */
static enum err export_car(struct fixture *f, size_t *size, const struct car_stream_params *params,
                           size_t piece)
{
    struct car_stream s;
    *size = 0;
    car_stream_init(&s, &f->source, f->memory, params);
    for (;;) {
        size_t n = 0;
        struct mspan room = { f->out + *size, piece };
        enum err e = car_stream_next(&s, &n, room);
        if (e == ERR_TIMEOUT)
            continue;
        if (e != OK)
            return e;
        *size += n;
        CHECK(*size + piece <= OUT);
        if (n == 0)
            return OK;
    }
}

static const struct dag_walk_seen *fresh_seen(struct fixture *f)
{
    dag_walk_table_init(&f->table, f->seen_memory);
    f->seen = dag_walk_table_seen(&f->table);
    return &f->seen;
}

/* Counts the sections of an archive and puts them into an empty store of their own. */
static size_t reimport(struct fixture *f, struct span car, struct cid *root)
{
    struct block_sink sink = blockmem_sink(f->copy);
    struct car_stream_import im;
    car_stream_import_init(&im, &sink, f->section);
    CHECK_OK(car_stream_import_feed(&im, car));
    CHECK_OK(car_stream_import_finish(&im));
    CHECK(im.root_count == 1);
    *root = im.roots[0];
    return (size_t)im.block_count;
}

static void the_conformance_fixtures_import(void **state)
{
    struct fixture *f = *state;
    struct car_stream_import im = import_car(f, span_of(f->fixture_car, f->fixture_size));
    CHECK(im.root_count == 1 && im.block_count == f->store->puts);
    CHECK(f->store->count == 342);
    CHECK(im.skipped_count == 1); /* raw under sha2-512 */
    /* Every block is one that the link reader understands, or of a codec without one. */
    size_t links = 0;
    for (size_t i = 0; i < f->store->count; i++) {
        struct links l;
        struct cid cid;
        struct span block = span_of(f->store->blocks[i].data, f->store->blocks[i].size);
        enum err e = links_init(&l, f->store->blocks[i].key.codec, block);
        CHECK(e == OK || e == ERR_UNSUPPORTED);
        while (e == OK && links_next(&l, &cid))
            links++;
    }
    CHECK(links > 1000);
}

/* Reads a file to its end, or lists a directory; parts that the fixtures lack on purpose count. */
static enum err read_node(struct fixture *f, const struct cid *cid,
                          const struct unixfs_read_stat *st)
{
    static struct unixfs_read_walk w;
    struct unixfs_read_item item = { .event = UNIXFS_READ_BLOCK };
    struct span part;
    uint64_t total = 0;
    if (st->kind == UNIXFS_READ_DIRECTORY) {
        unixfs_read_dir_init(&w, &f->source, f->memory, cid);
        while (item.event != UNIXFS_READ_END)
            TRY(unixfs_read_dir_next(&w, &item));
        return OK;
    }
    if (st->kind != UNIXFS_READ_FILE)
        return OK;
    unixfs_read_file_init(&w, &f->source, f->memory, cid);
    do {
        TRY(unixfs_read_file_next(&w, &part));
        total += part.n;
    } while (part.n > 0);
    CHECK(total == st->size);
    return OK;
}

static void every_fixture_reads_lists_and_walks(void **state)
{
    struct fixture *f = *state;
    import_car(f, span_of(f->fixture_car, f->fixture_size));
    size_t files = 0, dirs = 0, links = 0, lacking = 0, shards = 0, other = 0;
    for (size_t i = 0; i < f->store->count; i++) {
        struct content_key key = { .codec = (uint32_t)f->store->blocks[i].key.codec };
        struct span block = span_of(f->store->blocks[i].data, f->store->blocks[i].size);
        struct unixfs_read_stat st;
        memcpy(key.digest, f->store->blocks[i].key.digest, 32);
        struct cid cid = cid_of_key(&key);
        CHECK_OK(dag_block_verify(&cid, block));
        CHECK_OK(unixfs_read_stat(&st, &cid, block));
        files += st.kind == UNIXFS_READ_FILE;
        dirs += st.kind == UNIXFS_READ_DIRECTORY;
        links += st.kind == UNIXFS_READ_SYMLINK;
        enum err e = read_node(f, &cid, &st);
        lacking += e == ERR_NOT_FOUND;
        shards += e == ERR_FORMAT; /* a shard that is not the root of its directory */
        CHECK(e == OK || e == ERR_NOT_FOUND || (e == ERR_FORMAT && st.sharded));
        struct dag_walk w;
        struct dag_walk_item item = { .end = false };
        struct mspan half = { f->memory.p, MEMORY / 2 },
                     rest = { f->memory.p + MEMORY / 2, MEMORY / 2 };
        dag_walk_init(&w, &f->source, half, rest, fresh_seen(f));
        CHECK_OK(dag_walk_add(&w, &cid));
        for (e = OK; e == OK && !item.end;)
            e = dag_walk_next(&w, &item);
        other += e == ERR_UNSUPPORTED;
        CHECK(e == OK || e == ERR_NOT_FOUND || e == ERR_UNSUPPORTED);
    }
    print_message("%zu files, %zu directories, %zu symlinks, %zu lack blocks, %zu inner shards, "
                  "%zu of other codecs\n",
                  files, dirs, links, lacking, shards, other);
    CHECK(files > 40 && dirs > 250 && links == 1 && shards == 236 && lacking <= 1 && other == 5);
}

static void a_wrong_or_cut_archive_is_told(void **state)
{
    struct fixture *f = *state;
    struct car_stream_import im;
    size_t n = f->fixture_size;
    car_stream_import_init(&im, &f->sink, f->section);
    CHECK_OK(car_stream_import_feed(&im, span_of(f->fixture_car, n - 1)));
    CHECK_ERR(car_stream_import_finish(&im), ERR_SHORT);
    f->fixture_car[n - 1] ^= 1;
    car_stream_import_init(&im, &f->sink, f->section);
    CHECK_ERR(car_stream_import_feed(&im, span_of(f->fixture_car, n)), ERR_CORRUPT);
}

/* The specification's directory with files: 1,026 bytes in chunks of 256, an ascii file, and so on.
 */
static const char dir_root[] = "bafybeihchr7vmgjaasntayyatmp5sv6xza57iy2h4xj7g46bpjij6yhrmy";
static const char hamt_root[] = "bafybeidbclfqleg2uojchspzd4bob56dqetqjsj27gy2cq3klkkgxtpn4i";
static const char multiblock[] = "bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa";

static void the_path_and_the_scope_decide_what_is_sent(void **state)
{
    struct fixture *f = *state;
    import_car(f, span_of(f->fixture_car, f->fixture_size));
    static const struct {
        const char *root, *path, *target;
        enum car_stream_scope scope;
        struct car_stream_bytes bytes;
        bool has_bytes;
        size_t blocks; /* with dups=n */
    } rows[] = {
        { dir_root, "", dir_root, CAR_STREAM_BLOCK, { 0 }, false, 1 },
        { dir_root, "", dir_root, CAR_STREAM_ENTITY, { 0 }, false, 1 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_BLOCK, { 0 }, false, 2 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_ENTITY, { 0 }, false, 7 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_ALL, { 0 }, false, 7 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_ENTITY, { 0, 0, true }, true, 7 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_ENTITY, { 0, 255, false }, true, 3 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_ENTITY, { 0, 256, false }, true, 4 },
        { dir_root,
          "/multiblock.txt",
          multiblock,
          CAR_STREAM_ENTITY,
          { 512, 520, false },
          true,
          3 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_ENTITY, { -1, 0, true }, true, 3 },
        { dir_root,
          "/multiblock.txt",
          multiblock,
          CAR_STREAM_ENTITY,
          { 0, -1026, false },
          true,
          3 },
        { dir_root, "/multiblock.txt", multiblock, CAR_STREAM_ENTITY, { 5000, 0, true }, true, 2 },
        { dir_root, "", dir_root, CAR_STREAM_ENTITY, { 0, 1, false }, true, 1 },
        { hamt_root, "/1.txt", multiblock, CAR_STREAM_BLOCK, { 0 }, false, 3 },
        { hamt_root, "", hamt_root, CAR_STREAM_ENTITY, { 0 }, false, 237 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct car_stream_params p = { .root = parse(rows[i].root),
                                       .path = span_str(rows[i].path),
                                       .scope = rows[i].scope,
                                       .has_bytes = rows[i].has_bytes,
                                       .bytes = rows[i].bytes };
        size_t whole, small;
        struct cid root, want = parse(rows[i].target);
        p.seen = fresh_seen(f);
        CHECK_OK(export_car(f, &whole, &p, 1 << 20));
        size_t blocks = reimport(f, span_of(f->out, whole), &root);
        CHECK(cid_eq(&root, &want));
        if (blocks != rows[i].blocks)
            fail_msg("row %zu: %zu blocks", i, blocks);
        /* In pieces of 7 bytes, with a source that fails now and then: the same bytes. */
        uint8_t *first = check_dup(f->out, whole);
        p.seen = fresh_seen(f);
        f->store->fail_every = 4;
        CHECK_OK(export_car(f, &small, &p, 7));
        f->store->fail_every = 0;
        CHECK_SPAN(span_of(f->out, small), span_of(first, whole));
        free(first);
    }
}

/* A CAR of the whole DAG holds enough to walk it alone; dups=y repeats what is linked twice. */
static void what_is_exported_stands_alone(void **state)
{
    struct fixture *f = *state;
    import_car(f, span_of(f->fixture_car, f->fixture_size));
    struct car_stream_params p = { .root = parse(hamt_root), .scope = CAR_STREAM_ALL };
    size_t size, dups, blocks;
    struct cid root;
    p.seen = fresh_seen(f);
    CHECK_OK(export_car(f, &size, &p, 1 << 20));
    blocks = reimport(f, span_of(f->out, size), &root);
    CHECK(blocks == f->copy->count);
    size_t unique = f->copy->count;
    p.seen = NULL;
    CHECK_OK(export_car(f, &size, &p, 1 << 20));
    dups = reimport(f, span_of(f->out, size), &root);
    CHECK(dups > blocks && f->copy->count == unique);
    /* The copy alone serves the same archive. */
    f->source = blockmem_source(f->copy);
    uint8_t *first = check_dup(f->out, size);
    size_t again;
    CHECK_OK(export_car(f, &again, &p, 1 << 20));
    CHECK_SPAN(span_of(f->out, again), span_of(first, size));
    free(first);
}

static void what_is_missing_is_told_before_or_within(void **state)
{
    struct fixture *f = *state;
    import_car(f, span_of(f->fixture_car, f->fixture_size));
    struct car_stream_params p = { .root = parse(dir_root),
                                   .path = span_str("nothing"),
                                   .scope = CAR_STREAM_ALL };
    size_t size;
    CHECK_ERR(export_car(f, &size, &p, 1 << 20), ERR_NOT_FOUND);
    CHECK(size == 0);
    p.path = span_str("multiblock.txt");
    struct cid cid = parse(multiblock);
    blockmem_remove(f->store, cid.digest);
    CHECK_ERR(export_car(f, &size, &p, 1 << 20), ERR_NOT_FOUND);
    CHECK(size == 0);
    p.path = span_of(NULL, 0);
    CHECK_ERR(export_car(f, &size, &p, 1 << 20), ERR_NOT_FOUND);
    CHECK(size > 0); /* the archive has begun */
}

static enum err check_put(void *ctx, const struct block_key *key, struct span data)
{
    struct content_key content = { .codec = (uint32_t)key->codec };
    size_t *count = ctx;
    memcpy(content.digest, key->digest, 32);
    struct cid cid = cid_of_key(&content);
    CHECK_OK(dag_block_verify(&cid, data));
    (*count)++;
    return OK;
}

/* However an archive is damaged, no block arrives under a name that is not its own, and damage to
 * what names or fills a block is always told. */
static void every_flipped_bit_is_harmless(void **state)
{
    struct fixture *f = *state;
    import_car(f, span_of(f->fixture_car, f->fixture_size));
    struct car_stream_params p = { .root = parse(multiblock), .scope = CAR_STREAM_ALL };
    size_t size, count = 0, unharmed = 0;
    struct block_sink sink = { .ctx = &count, .put = check_put };
    CHECK_OK(export_car(f, &size, &p, 1 << 20));
    CHECK(size > 1026 + 6 * 36);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct car_stream_import im;
        f->out[bit / 8] ^= (uint8_t)(1 << bit % 8);
        car_stream_import_init(&im, &sink, f->section);
        enum err e = car_stream_import_feed(&im, span_of(f->out, size));
        if (e == OK)
            e = car_stream_import_finish(&im);
        unharmed += e == OK;
        f->out[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK(count > 0);
    /* Those that pass change a root's digest or codec, a block's codec, or its hash code to one
     * that we do not know: at most the header's CID and six bytes in each section. */
    CHECK(unharmed < 8 * (36 + 6 * 6));
}

/* ---- walking --------------------------------------------------------------------------------- */

static struct cid put_node(struct fixture *f, const struct cid *child, unsigned copies)
{
    static uint8_t block[8192], scratch[16];
    uint8_t bin[CID_SIZE_MAX];
    struct writer w = writer_of(block, sizeof(block)), c = writer_of(bin, sizeof(bin));
    struct unixfs_add add = { .sink = &f->sink, .scratch = { scratch, sizeof(scratch) } };
    struct unixfs_add_node n;
    CHECK_OK(unixfs_add_profile(&add.params, "unixfs-v1-2025"));
    cid_write(&c, child);
    for (unsigned i = 0; i < copies; i++)
        dagpb_write_link(&w, writer_span(&c), span_str("x"), 1);
    CHECK_OK(w.err);
    CHECK_OK(unixfs_add_put(&add, &n, writer_span(&w), 0));
    return n.cid;
}

static void deep_and_wide_dags_stay_in_bounds(void **state)
{
    struct fixture *f = *state;
    struct cid cid = parse("bafkqaaa");
    for (int i = 0; i < 2000; i++)
        cid = put_node(f, &cid, 100);
    struct mspan block = { f->memory.p, 8192 }, stack = { f->memory.p + 8192, MEMORY - 8192 };
    struct dag_walk w;
    struct dag_walk_item item;
    size_t blocks = 0;
    /* Each block once, though it is linked a hundred times: the stack holds what is pending. */
    dag_walk_init(&w, &f->source, block, stack, fresh_seen(f));
    CHECK_OK(dag_walk_add(&w, &cid));
    enum err e = OK;
    for (; (e = dag_walk_next(&w, &item)) == OK && !item.end; blocks++)
        ;
    CHECK_ERR(e, ERR_LIMIT); /* 2,000 levels of 99 waiting siblings are more than 4 MiB */
    CHECK(blocks > 1000);
    /* A chain of any length needs almost nothing. */
    cid = parse("bafkqaaa");
    for (int i = 0; i < 5000; i++)
        cid = put_node(f, &cid, 1);
    stack.n = 64;
    dag_walk_init(&w, &f->source, block, stack, fresh_seen(f));
    CHECK_OK(dag_walk_add(&w, &cid));
    for (blocks = 0; (e = dag_walk_next(&w, &item)) == OK && !item.end; blocks++)
        ;
    CHECK_OK(e);
    CHECK(blocks == 5000 + 1);
}

static void the_seen_table_says_when_it_is_full(void **state)
{
    struct fixture *f = *state;
    struct dag_walk_table t;
    dag_walk_table_init(&t, (struct mspan){ f->seen_memory.p, 100 * DAG_WALK_SLOT });
    struct dag_walk_seen seen = dag_walk_table_seen(&t);
    bool fresh;
    for (uint32_t i = 0; i < 75; i++) {
        struct content_key key = { .codec = i };
        CHECK_OK(seen.add(seen.ctx, &fresh, &key)); /* all in one chain: the digest is the same */
        CHECK(fresh);
        CHECK_OK(seen.add(seen.ctx, &fresh, &key));
        CHECK(!fresh);
    }
    struct content_key key = { .codec = 75 };
    CHECK_ERR(seen.add(seen.ctx, &fresh, &key), ERR_LIMIT);
}

/* A node of a file over `count` children, each chosen out of the list. */
struct made {
    struct cid cid;
    uint64_t size;
};

static struct made file_over(struct fixture *f, const struct made *list, const size_t *chosen,
                             size_t count)
{
    static uint8_t block[1 << 18], data[1 << 16];
    static uint64_t sizes[1000];
    struct writer w = writer_of(block, sizeof(block)), d = writer_of(data, sizeof(data));
    struct made out = { .size = 0 };
    CHECK(count <= 1000);
    for (size_t i = 0; i < count; i++) {
        uint8_t cid[CID_SIZE_MAX];
        struct writer c = writer_of(cid, sizeof(cid));
        cid_write(&c, &list[chosen[i]].cid);
        sizes[i] = list[chosen[i]].size;
        out.size += sizes[i];
        dagpb_write_link(&w, writer_span(&c), span_str(""), sizes[i]);
    }
    const struct unixfs_fields u = { .type = UNIXFS_FILE,
                                     .has_size = true,
                                     .size = out.size,
                                     .blocks = sizes,
                                     .block_count = count };
    unixfs_write(&d, &u);
    dagpb_write_data(&w, writer_span(&d));
    CHECK(w.err == OK && d.err == OK);
    struct content_key key = { .codec = CID_CODEC_DAG_PB };
    sha256(key.digest, writer_span(&w));
    struct block_key k = { .codec = CID_CODEC_DAG_PB };
    memcpy(k.digest, key.digest, 32);
    CHECK_OK(blockmem_put(f->store, &k, writer_span(&w)));
    out.cid = cid_of_key(&key);
    return out;
}

static struct made leaf_of(struct fixture *f, uint8_t fill, size_t size)
{
    uint8_t bytes[8];
    memset(bytes, fill, sizeof(bytes));
    struct content_key key = { .codec = CID_CODEC_RAW };
    struct block_key k = { .codec = CID_CODEC_RAW };
    sha256(key.digest, span_of(bytes, size));
    memcpy(k.digest, key.digest, 32);
    CHECK_OK(blockmem_put(f->store, &k, span_of(bytes, size)));
    return (struct made){ cid_of_key(&key), size };
}

/* Seven blocks that are 10^18 bytes to whoever follows every link: each goes out once, and is
 * looked at as often as it is linked to. */
static void endless_files_end(void **state)
{
    struct fixture *f = *state;
    static const size_t same[1000];
    struct made node = leaf_of(f, 7, 1);
    size_t size;
    struct cid root;
    for (int level = 0; level < 6; level++)
        node = file_over(f, &node, same, 1000);
    struct car_stream_params p = { .root = node.cid, .scope = CAR_STREAM_ENTITY };
    p.seen = fresh_seen(f);
    f->store->gets = 0;
    CHECK_OK(export_car(f, &size, &p, 4096));
    CHECK(f->store->gets < 10000);
    CHECK(reimport(f, span_of(f->out, size), &root) == 7 && cid_eq(&root, &node.cid));
    p.has_bytes = true;
    p.bytes = (struct car_stream_bytes){ 123456789, -987654321, false };
    p.seen = fresh_seen(f);
    f->store->gets = 0;
    CHECK_OK(export_car(f, &size, &p, 4096));
    CHECK(f->store->gets < 20000);
    CHECK(reimport(f, span_of(f->out, size), &root) == 7);
}

/* What is left out of an archive without repeats is only what it has: any range of files whose
 * parts stand in many places. */
static void repeats_are_left_out_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct prng g;
    int compared = 0;
    prng_init(&g, 11);
    for (int round = 0; round < 300; round++) {
        struct made list[24];
        blockmem_free(f->store);
        f->store = calloc(1, sizeof(*f->store));
        f->source = blockmem_source(f->store);
        size_t count = 0, size, chosen[4];
        for (; count < 3; count++)
            list[count] = leaf_of(f, (uint8_t)(count + (size_t)round), 1 + count);
        for (; count < 24; count++) {
            size_t n = 1 + (size_t)prng_below(&g, 4), from = count < 8 ? 0 : count - 8;
            for (size_t i = 0; i < n; i++)
                chosen[i] = from + (size_t)prng_below(&g, count - from);
            list[count] = file_over(f, list, chosen, n);
        }
        const struct made *top = &list[23];
        struct car_stream_params p = { .root = top->cid, .scope = CAR_STREAM_ENTITY };
        p.has_bytes = round % 4 != 0;
        p.bytes.from = (int64_t)prng_below(&g, top->size);
        p.bytes.to = p.bytes.from + (int64_t)prng_below(&g, top->size);
        if (top->size > 5000)
            continue;
        compared++;
        struct cid root;
        size_t kept[2];
        for (int dups = 0; dups < 2; dups++) {
            blockmem_free(f->copy);
            f->copy = calloc(1, sizeof(*f->copy));
            p.seen = dups == 0 ? NULL : fresh_seen(f);
            CHECK_OK(export_car(f, &size, &p, 4096));
            size_t sections = reimport(f, span_of(f->out, size), &root);
            kept[dups] = f->copy->count;
            CHECK(dups == 0 || sections == f->copy->count);
        }
        CHECK(kept[0] == kept[1]);
    }
    CHECK(compared > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_conformance_fixtures_import, setup, teardown),
        cmocka_unit_test_setup_teardown(every_fixture_reads_lists_and_walks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_or_cut_archive_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_path_and_the_scope_decide_what_is_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_exported_stands_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_told_before_or_within, setup, teardown),
        cmocka_unit_test_setup_teardown(every_flipped_bit_is_harmless, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_and_wide_dags_stay_in_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(endless_files_end, setup, teardown),
        cmocka_unit_test_setup_teardown(repeats_are_left_out_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(the_seen_table_says_when_it_is_full, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
