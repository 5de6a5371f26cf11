#include "ipfs/unixfs_read.h"

#include "base/prng.h"
#include "codec/murmur3.h"
#include "crypto/sha256.h"
#include "ipfs/blockmem_test.h"
#include "ipfs/car_stream.h"
#include "ipfs/unixfs_add.h"

#include <stdio.h>

enum { MEMORY = UNIXFS_READ_MEMORY, ARENA = 4 << 20 };

struct fixture {
    struct blockmem *store;
    struct block_sink sink;
    struct block_source source;
    struct unixfs_add add;
    struct mspan memory;
    uint8_t *scratch, *chunk, *arena;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->store = calloc(1, sizeof(*f->store));
    f->sink = blockmem_sink(f->store);
    f->source = blockmem_source(f->store);
    f->scratch = malloc(UNIXFS_ADD_SCRATCH);
    f->chunk = malloc(UNIXFS_ADD_CHUNK_MAX);
    f->arena = malloc(ARENA);
    f->memory = (struct mspan){ malloc(MEMORY), MEMORY };
    f->add = (struct unixfs_add){ .sink = &f->sink, .scratch = { f->scratch, UNIXFS_ADD_SCRATCH } };
    CHECK_OK(unixfs_add_profile(&f->add.params, "unixfs-v1-2025"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    blockmem_free(f->store);
    free(f->scratch);
    free(f->chunk);
    free(f->arena);
    free(f->memory.p);
    free(f);
    return 0;
}

static struct unixfs_add_node add_file(struct fixture *f, struct span data)
{
    struct unixfs_add_stream s;
    struct unixfs_add_node n;
    struct arena arena = arena_of(f->arena, ARENA);
    unixfs_add_stream_init(&s, &f->add, &arena, (struct mspan){ f->chunk, UNIXFS_ADD_CHUNK_MAX },
                           NULL);
    CHECK_OK(unixfs_add_stream_write(&s, data));
    CHECK_OK(unixfs_add_stream_finish(&s, &n));
    return n;
}

/* Reads [from, to) and compares it with the bytes; failures of the source are tried again. */
static void check_range(struct fixture *f, const struct cid *cid, struct span data, uint64_t from,
                        uint64_t to)
{
    struct unixfs_read_walk w;
    struct span part;
    size_t at = (size_t)from;
    unixfs_read_file_init(&w, &f->source, f->memory, cid);
    unixfs_read_file_range(&w, from, to);
    for (;;) {
        enum err e = unixfs_read_file_next(&w, &part);
        if (e == ERR_TIMEOUT)
            continue;
        CHECK_OK(e);
        if (part.n == 0)
            break;
        CHECK_SPAN(part, span_sub(data, at, part.n));
        at += part.n;
    }
    size_t end = to < data.n ? (size_t)to : data.n;
    CHECK(at == (from < end ? end : from));
}

static void files_read_back_in_whole_and_in_ranges(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[10000];
    struct prng g;
    prng_init(&g, 3);
    prng_fill(&g, data, sizeof(data));
    for (int shape = 0; shape < 8; shape++) {
        f->add.params.raw_leaves = (shape & 1) != 0;
        f->add.params.trickle = (shape & 2) != 0;
        f->add.params.inline_max = (shape & 4) != 0 ? 64 : 0;
        f->add.params.chunk_size = 60;
        f->add.params.file_links = 3 + (uint32_t)shape;
        for (size_t n = 0; n <= sizeof(data); n = n * 3 + 59) {
            struct span all = span_of(data, n);
            struct unixfs_add_node node = add_file(f, all);
            check_range(f, &node.cid, all, 0, UINT64_MAX);
            f->store->fail_every = 3;
            check_range(f, &node.cid, all, 0, UINT64_MAX);
            f->store->fail_every = 0;
            for (int i = 0; i < 20; i++) {
                uint64_t from = prng_below(&g, n + 2), to = from + prng_below(&g, 200);
                check_range(f, &node.cid, all, from, to);
            }
        }
    }
}

/* A range of a big file touches the nodes on the way and its leaves, nothing else. */
static void a_range_opens_few_blocks(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[10000];
    f->add.params.chunk_size = 10;
    f->add.params.file_links = 10;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i >> 4 ^ i);
    struct unixfs_add_node node = add_file(f, span_of(data, sizeof(data)));
    f->store->gets = 0;
    check_range(f, &node.cid, span_of(data, sizeof(data)), 5005, 5015);
    CHECK(f->store->gets == 3 + 2);
}

static struct cid put_dagpb(struct fixture *f, struct span links, const struct unixfs_fields *u)
{
    static uint8_t block[4096];
    struct writer w = writer_of(block, sizeof(block));
    struct unixfs_add_node n;
    write_span(&w, links);
    write_u8(&w, 0x0a);
    write_uvarint(&w, unixfs_size(u));
    unixfs_write(&w, u);
    CHECK_OK(w.err);
    CHECK_OK(unixfs_add_put(&f->add, &n, writer_span(&w), 0));
    return n.cid;
}

static enum err read_all(struct fixture *f, const struct cid *cid)
{
    struct unixfs_read_walk w;
    struct span part;
    unixfs_read_file_init(&w, &f->source, f->memory, cid);
    do {
        TRY(unixfs_read_file_next(&w, &part));
    } while (part.n > 0);
    return OK;
}

static struct span link_to(struct writer *w, const struct cid *cid, const char *name)
{
    uint8_t bin[CID_SIZE_MAX];
    struct writer c = writer_of(bin, sizeof(bin));
    cid_write(&c, cid);
    dagpb_write_link(w, writer_span(&c), span_str(name), 1);
    return writer_span(w);
}

static void files_that_contradict_themselves_are_refused(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_node leaf = add_file(f, span_str("leaf"));
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    struct span one = link_to(&w, &leaf.cid, "");
    uint64_t four = 4, five = 5;
    struct cid cid;
    const struct unixfs_fields good = {
        .type = UNIXFS_FILE, .has_size = true, .size = 4, .blocks = &four, .block_count = 1
    };
    struct unixfs_fields bad = good;
    cid = put_dagpb(f, one, &good);
    CHECK_OK(read_all(f, &cid));
    bad.blocks = &five; /* the leaf is shorter than its parent says */
    bad.size = 5;
    cid = put_dagpb(f, one, &bad);
    CHECK_ERR(read_all(f, &cid), ERR_FORMAT);
    bad = good;
    bad.size = 5; /* the size is not the sum */
    cid = put_dagpb(f, one, &bad);
    CHECK_ERR(read_all(f, &cid), ERR_FORMAT);
    bad = good;
    bad.block_count = 0; /* a link without a blocksize */
    bad.size = 0;
    cid = put_dagpb(f, one, &bad);
    CHECK_ERR(read_all(f, &cid), ERR_FORMAT);
    bad = good;
    bad.type = UNIXFS_DIRECTORY;
    cid = put_dagpb(f, one, &bad);
    CHECK_ERR(read_all(f, &cid), ERR_FORMAT);
    /* A chain of nodes deeper than any importer makes. */
    cid = leaf.cid;
    for (int i = 0; i <= UNIXFS_READ_DEPTH; i++) {
        w.len = 0;
        cid = put_dagpb(f, link_to(&w, &cid, ""), &good);
    }
    CHECK_ERR(read_all(f, &cid), ERR_LIMIT);
}

/* ---- directories and paths ------------------------------------------------------------------- */

enum { NAMES = 3000 };

struct names {
    struct unixfs_add_entry list[NAMES];
    char text[NAMES][24];
    uint8_t cids[NAMES][CID_SIZE_MAX];
    bool found[NAMES];
};

static struct unixfs_add_node add_names(struct fixture *f, struct names *d, size_t count)
{
    struct unixfs_add_node dir;
    for (size_t i = 0; i < count; i++) {
        snprintf(d->text[i], sizeof(d->text[i]), "name %zu \xc3\xa9", i);
        struct unixfs_add_node file = add_file(f, span_str(d->text[i]));
        struct writer w = writer_of(d->cids[i], CID_SIZE_MAX);
        cid_write(&w, &file.cid);
        d->list[i] = (struct unixfs_add_entry){ .name = span_str(d->text[i]),
                                                .cid = writer_span(&w),
                                                .tsize = file.tsize };
        d->found[i] = false;
    }
    CHECK_OK(unixfs_add_dir(&f->add, &dir, (struct unixfs_add_entries){ d->list, count }, NULL));
    return dir;
}

static void check_listing(struct fixture *f, struct names *d, size_t count, const struct cid *dir)
{
    struct unixfs_read_walk w;
    struct unixfs_read_item item;
    size_t seen = 0;
    unixfs_read_dir_init(&w, &f->source, f->memory, dir);
    for (;;) {
        enum err e = unixfs_read_dir_next(&w, &item);
        if (e == ERR_TIMEOUT)
            continue;
        CHECK_OK(e);
        if (item.event == UNIXFS_READ_END)
            break;
        if (item.event == UNIXFS_READ_BLOCK)
            continue;
        unsigned i = 0;
        char name[64] = { 0 };
        CHECK(item.name.n < sizeof(name));
        memcpy(name, item.name.p, item.name.n);
        i = (unsigned)strtoul(name + 5, NULL, 10);
        CHECK(i < count && strcmp(name, d->text[i]) == 0 && !d->found[i]);
        CHECK(item.tsize == item.name.n);
        d->found[i] = true;
        seen++;
    }
    CHECK(seen == count);
}

static enum err resolve(struct fixture *f, struct unixfs_path *p, const struct cid *root,
                        const char *path)
{
    struct span block;
    TRY(unixfs_path_init(p, root, span_str(path)));
    while (!p->done) {
        TRY(dag_block_get(&block, f->memory, &f->source, &p->cid));
        TRY(unixfs_path_step(p, block));
    }
    return OK;
}

static void directories_list_and_resolve(void **state)
{
    struct fixture *f = *state;
    struct names *d = calloc(1, sizeof(*d));
    static const uint32_t fanouts[] = { 256, 8, 16, 1024, 256 };
    static const size_t counts[] = { 1, 40, 700, NAMES, 0 };
    for (size_t i = 0; i < 5; i++) {
        f->add.params.hamt_fanout = fanouts[i];
        f->add.params.hamt_above = i == 4 ? UNIXFS_ADD_HAMT_NEVER : 1;
        struct unixfs_add_node dir = add_names(f, d, counts[i]);
        f->store->fail_every = 5;
        check_listing(f, d, counts[i], &dir.cid);
        f->store->fail_every = 0;
        struct unixfs_path p;
        char path[64];
        for (size_t k = 0; k < counts[i]; k += 13) {
            struct unixfs_add_node file = add_file(f, span_str(d->text[k]));
            snprintf(path, sizeof(path), "/./%s//", d->text[k]);
            CHECK_OK(resolve(f, &p, &dir.cid, path));
            CHECK(cid_eq(&p.cid, &file.cid));
            CHECK_SPAN(p.name, span_str(d->text[k]));
        }
        CHECK_ERR(resolve(f, &p, &dir.cid, "name"), ERR_NOT_FOUND);
        CHECK_OK(resolve(f, &p, &dir.cid, "//"));
        CHECK(cid_eq(&p.cid, &dir.cid));
        CHECK_ERR(resolve(f, &p, &dir.cid, "a/../b"), ERR_DENIED);
        if (counts[i] > 0) {
            snprintf(path, sizeof(path), "%s/x", d->text[0]);
            CHECK_ERR(resolve(f, &p, &dir.cid, path), ERR_NOT_FOUND);
        }
    }
    free(d);
}

static enum err list_all(struct fixture *f, const struct cid *cid)
{
    struct unixfs_read_walk w;
    struct unixfs_read_item item;
    unixfs_read_dir_init(&w, &f->source, f->memory, cid);
    do {
        TRY(unixfs_read_dir_next(&w, &item));
    } while (item.event != UNIXFS_READ_END);
    return OK;
}

/* One shard linked from every bucket, down all levels, would be listed 256^8 times. */
static void hamt_bombs_are_refused(void **state)
{
    struct fixture *f = *state;
    static uint8_t links[20000];
    struct unixfs_add_node leaf = add_file(f, span_str("leaf"));
    const struct unixfs_fields hamt = { .type = UNIXFS_HAMT, .has_data = true, .fanout = 256 };
    struct writer w = writer_of(links, sizeof(links));
    char name[16];
    uint64_t hash = murmur3_x64_64(span_str("leaf"));
    snprintf(name, sizeof(name), "%02Xleaf", (unsigned)(hash >> 56));
    struct cid cid = put_dagpb(f, link_to(&w, &leaf.cid, name), &hamt);
    CHECK_OK(list_all(f, &cid));
    w.len = 0;
    snprintf(name, sizeof(name), "%02Xleaf", (unsigned)(hash >> 56 ^ 1));
    cid = put_dagpb(f, link_to(&w, &leaf.cid, name), &hamt); /* in a wrong place */
    CHECK_ERR(list_all(f, &cid), ERR_FORMAT);
    cid = put_dagpb(f, span_of(NULL, 0), &hamt);
    CHECK_OK(list_all(f, &cid));
    for (int level = 0; level < 9; level++) {
        w.len = 0;
        for (unsigned i = 0; i < 60; i++) {
            snprintf(name, sizeof(name), "%02X", i);
            (void)link_to(&w, &cid, name);
        }
        cid = put_dagpb(f, writer_span(&w), &hamt);
        f->store->gets = 0;
        CHECK_ERR(list_all(f, &cid), ERR_FORMAT);
        CHECK(f->store->gets <= 10);
    }
}

static void stat_says_what_a_node_is(void **state)
{
    struct fixture *f = *state;
    struct unixfs_read_stat st;
    struct span block;
    struct unixfs_add_node n = add_file(f, span_str("12345"));
    CHECK_OK(dag_block_get(&block, f->memory, &f->source, &n.cid));
    CHECK_OK(unixfs_read_stat(&st, &n.cid, block));
    CHECK(st.kind == UNIXFS_READ_FILE && st.size == 5 && st.tsize == 5);
    struct unixfs_meta meta = { .has_mtime = true, .mtime_s = -5, .has_mode = true, .mode = 0777 };
    CHECK_OK(unixfs_add_symlink(&f->add, &n, span_str("to/there"), &meta));
    CHECK_OK(dag_block_get(&block, f->memory, &f->source, &n.cid));
    CHECK_OK(unixfs_read_stat(&st, &n.cid, block));
    CHECK(st.kind == UNIXFS_READ_SYMLINK && st.meta.mtime_s == -5 && st.meta.mode == 0777);
    CHECK_SPAN(st.target, span_str("to/there"));
    f->add.params.chunk_size = 2;
    n = add_file(f, span_str("12345"));
    CHECK_OK(dag_block_get(&block, f->memory, &f->source, &n.cid));
    CHECK_OK(unixfs_read_stat(&st, &n.cid, block));
    CHECK(st.kind == UNIXFS_READ_FILE && st.size == 5 && st.tsize == n.tsize && st.link_count == 3);
}

static void paths_go_through_dag_cbor(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_node file = add_file(f, span_str("file"));
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    cbor_write_map(&w, 2);
    cbor_write_str(&w, "a");
    cbor_write_array(&w, 2);
    cbor_write_uint(&w, 7);
    cbor_write_map(&w, 1);
    cbor_write_str(&w, "x");
    cbor_write_link(&w, &file.cid);
    cbor_write_str(&w, "b");
    cbor_write_str(&w, "text");
    struct content_key key = { .codec = CID_CODEC_DAG_CBOR };
    sha256(key.digest, writer_span(&w));
    struct cid root = cid_of_key(&key);
    struct block_key bk;
    CHECK_OK(dag_block_key(&bk, &root));
    CHECK_OK(block_sink_put(&f->sink, &bk, writer_span(&w)));
    struct unixfs_path p;
    CHECK_OK(resolve(f, &p, &root, "a/1/x"));
    CHECK(cid_eq(&p.cid, &file.cid) && p.inside.n == 0);
    CHECK_OK(resolve(f, &p, &root, "a/0"));
    CHECK(cid_eq(&p.cid, &root));
    CHECK_SPAN(p.inside, span_str("a/0"));
    struct span value;
    CHECK_OK(unixfs_path_value(&value, writer_span(&w), p.inside));
    CHECK(value.n == 1 && value.p[0] == 7);
    CHECK_OK(unixfs_path_value(&value, writer_span(&w), span_str("b")));
    CHECK_SPAN(value, span_str("\x64text"));
    CHECK_OK(unixfs_path_value(&value, writer_span(&w), span_str("")));
    CHECK_SPAN(value, writer_span(&w));
    CHECK_ERR(unixfs_path_value(&value, writer_span(&w), span_str("a/2")), ERR_NOT_FOUND);
    CHECK_ERR(unixfs_path_value(&value, writer_span(&w), span_str("b/c")), ERR_NOT_FOUND);
    for (size_t n = 0; n < w.len; n++) /* cut short, "b" is not there as a whole */
        CHECK(unixfs_path_value(&value, span_of(w.p, n), span_str("b")) != OK && value.n == 0);
    CHECK_ERR(resolve(f, &p, &root, "a/2"), ERR_NOT_FOUND);
    CHECK_ERR(resolve(f, &p, &root, "a/00"), ERR_NOT_FOUND);
    CHECK_ERR(resolve(f, &p, &root, "a/x"), ERR_NOT_FOUND);
    CHECK_ERR(resolve(f, &p, &root, "b/c"), ERR_NOT_FOUND);
    CHECK_ERR(resolve(f, &p, &root, "a/1/x/y"), ERR_NOT_FOUND);
}

static void empty_and_inlined_blocks_need_no_source(void **state)
{
    struct fixture *f = *state;
    static const char *texts[] = { "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
                                   "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH",
                                   "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
                                   "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354",
                                   "bafkqaaa",
                                   "bafyaabakaieac" };
    for (size_t i = 0; i < 6; i++) {
        struct cid cid;
        struct span block;
        struct unixfs_read_stat st;
        CHECK_OK(cid_parse(&cid, span_str(texts[i])));
        CHECK_OK(dag_block_get(&block, f->memory, &f->source, &cid));
        CHECK_OK(dag_block_verify(&cid, block));
        CHECK_OK(unixfs_read_stat(&st, &cid, block));
        CHECK(st.size == 0 && st.kind != UNIXFS_READ_OTHER);
    }
    CHECK(f->store->gets == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_read_back_in_whole_and_in_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_opens_few_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_contradict_themselves_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(directories_list_and_resolve, setup, teardown),
        cmocka_unit_test_setup_teardown(hamt_bombs_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(stat_says_what_a_node_is, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_go_through_dag_cbor, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_and_inlined_blocks_need_no_source, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
