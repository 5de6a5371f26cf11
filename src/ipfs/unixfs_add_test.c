#include "ipfs/unixfs_add.h"

#include "base/check.h"
#include "codec/dagpb.h"
#include "codec/links.h"
#include "crypto/sha256.h"
#include "ipfs/block_tee.h"

#include <sodium.h>
#include <stdio.h>

/* The 34 vectors of docs/spec/content.md 7.5. R(seed) is the ChaCha20 key stream under the key
 * SHA-256(seed) with a nonce of zeros, as Kubo's tests make their data. */

enum { ARENA_SIZE = 8 << 20, FEED = 1 << 20 };

struct fixture {
    struct unixfs_add add;
    struct block_sink sink;
    struct arena arena;
    uint64_t puts, put_bytes;
    size_t largest;
    uint8_t *scratch, *chunk, *feed, *arena_mem;
};

static enum err count_put(void *ctx, const struct block_key *key, struct span data)
{
    struct fixture *f = ctx;
    uint8_t digest[32];
    f->puts++;
    f->put_bytes += data.n;
    f->largest = data.n > f->largest ? data.n : f->largest;
    if (data.n <
        4096) { /* the key belongs to the bytes, and the block is one that we ourselves read */
        struct links l;
        sha256(digest, data);
        CHECK(memcmp(digest, key->digest, 32) == 0);
        CHECK_OK(links_init(&l, key->codec, data));
    }
    return OK;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->scratch = malloc(UNIXFS_ADD_SCRATCH);
    f->chunk = malloc(UNIXFS_ADD_CHUNK_MAX);
    f->feed = malloc(FEED);
    f->arena_mem = malloc(ARENA_SIZE);
    f->sink = (struct block_sink){ .ctx = f, .put = count_put };
    f->add.sink = &f->sink;
    f->add.scratch = (struct mspan){ f->scratch, UNIXFS_ADD_SCRATCH };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->scratch);
    free(f->chunk);
    free(f->feed);
    free(f->arena_mem);
    free(f);
    return 0;
}

static void profile(struct fixture *f, const char *name)
{
    CHECK_OK(unixfs_add_profile(&f->add.params, name));
}

static void check_cid(const struct unixfs_add_node *node, const char *want)
{
    char text[CID_TEXT_MAX];
    cid_format(text, &node->cid);
    if (strcmp(text, want) != 0)
        fail_msg("%s, expected %s", text, want);
}

static void random_bytes(uint8_t *out, size_t n, const char *seed, uint64_t at)
{
    uint8_t key[32], nonce[12] = { 0 };
    CHECK(at % 64 == 0);
    sha256(key, span_str(seed));
    memset(out, 0, n);
    CHECK(crypto_stream_chacha20_ietf_xor_ic(out, out, n, nonce, (uint32_t)(at / 64), key) == 0);
}

static void stream_begin(struct fixture *f, struct unixfs_add_stream *s,
                         const struct unixfs_meta *meta)
{
    CHECK_OK(unixfs_add_check(&f->add.params));
    f->arena = arena_of(f->arena_mem, ARENA_SIZE);
    unixfs_add_stream_init(s, &f->add, &f->arena, (struct mspan){ f->chunk, UNIXFS_ADD_CHUNK_MAX },
                           meta);
}

static struct unixfs_add_node add_random(struct fixture *f, const char *seed, uint64_t size)
{
    struct unixfs_add_stream s;
    struct unixfs_add_node node;
    stream_begin(f, &s, NULL);
    for (uint64_t at = 0; at < size; at += FEED) {
        size_t n = size - at < FEED ? (size_t)(size - at) : FEED;
        random_bytes(f->feed, n, seed, at);
        CHECK_OK(unixfs_add_stream_write(&s, span_of(f->feed, n)));
    }
    CHECK_OK(unixfs_add_stream_finish(&s, &node));
    CHECK(node.size == size);
    return node;
}

static struct unixfs_add_node add_bytes(struct fixture *f, struct span data,
                                        const struct unixfs_meta *meta)
{
    struct unixfs_add_stream s;
    struct unixfs_add_node node;
    stream_begin(f, &s, meta);
    CHECK_OK(unixfs_add_stream_write(&s, data));
    CHECK_OK(unixfs_add_stream_finish(&s, &node));
    return node;
}

static struct unixfs_add_node add_text(struct fixture *f, const char *text)
{
    return add_bytes(f, span_str(text), NULL);
}

/* Vectors 1, 2, 3, 15, 31, 32. */
static void small_files(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_node n;
    profile(f, "unixfs-v0-2015");
    n = add_text(f, "hello world");
    check_cid(&n, "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
    CHECK(n.tsize == 19 && n.size == 11);
    n = add_text(f, "Hello Worlds!\n");
    check_cid(&n, "QmVr26fY1tKyspEJBniVhqxQeEjhF78XerGiqWAwraVLQH");
    n = add_text(f, "");
    check_cid(&n, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
    profile(f, "unixfs-v1-2025");
    n = add_text(f, "hello world");
    check_cid(&n, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    n = add_text(f, "");
    check_cid(&n, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    f->add.params.raw_leaves = false;
    n = add_text(f, "hello world");
    check_cid(&n, "bafybeihykld7uyxzogax6vgyvag42y7464eywpf55gxi5qpoisibh3c5wa");
    f->add.params.raw_leaves = true;
    f->add.params.inline_max = 32;
    f->puts = 0;
    n = add_text(f, "jkD98jkD975hkD8\n");
    check_cid(&n, "bafkqaedknncdsodknncdsnzvnbvuioak");
    CHECK(f->puts == 0); /* an identity CID has no block */
}

/* Vectors 4 to 9. */
static void chunk_boundaries_and_full_nodes(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_node n;
    profile(f, "unixfs-v0-2015");
    n = add_random(f, "chunk-v0-seed", 262144);
    check_cid(&n, "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE");
    n = add_random(f, "chunk-v0-seed", 262145);
    check_cid(&n, "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ");
    n = add_random(f, "v0-seed", 174 * 262144);
    check_cid(&n, "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2");
    n = add_random(f, "v0-seed", 174 * 262144 + 1);
    check_cid(&n, "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW");
    profile(f, "unixfs-v1-2025");
    n = add_random(f, "chunk-v1-seed", 1048576);
    check_cid(&n, "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta");
    n = add_random(f, "chunk-v1-seed", 1048577);
    check_cid(&n, "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64");
}

/* Vectors 10 and 11: 1 GiB each, for `make soak`. */
static void a_gibibyte(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_node n;
    if (!check_soak()) {
        print_message("skip - 1 GiB: with CRUST_SOAK=1\n");
        skip();
    }
    profile(f, "unixfs-v1-2025");
    n = add_random(f, "v1-2025-seed", UINT64_C(1) << 30);
    check_cid(&n, "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm");
    n = add_random(f, "v1-2025-seed", (UINT64_C(1) << 30) + 1);
    check_cid(&n, "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe");
}

/* Vectors 12, 13, 14. */
static void wide_and_trickle_files(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_node n;
    profile(f, "unixfs-v0-2015");
    f->add.params.file_links = 1024;
    n = add_random(f, "hello world", 256 << 20);
    check_cid(&n, "QmbBftNHWmjSWKLC49dMVrfnY8pjrJYntiAXirFJ7oJrNk");
    profile(f, "unixfs-v0-2015");
    f->add.params.trickle = true;
    n = add_random(f, "trickle-test", 45 << 20);
    check_cid(&n, "QmbqR6g7YCpndLcCZZXkGyj13uMcSrwDYUvZ47vJqBVjUH");
    n = add_text(f, "Hello Worlds!\n");
    check_cid(&n, "QmUkUQgxXeggyaD5Ckv8ZqfW8wHBX6cYyeiyqvVZYzq5Bi");
}

/* ---- directories ----------------------------------------------------------------------------- */

struct dir {
    struct unixfs_add_entry list[5000];
    uint8_t cids[5000][CID_SIZE_MAX];
    char names[5000][64];
    size_t count;
};

static void dir_put(struct dir *d, const char *name, const struct unixfs_add_node *node)
{
    struct writer w = writer_of(d->cids[d->count], CID_SIZE_MAX);
    CHECK(d->count < 5000 && strlen(name) < 64);
    cid_write(&w, &node->cid);
    memcpy(d->names[d->count], name, strlen(name) + 1);
    d->list[d->count] = (struct unixfs_add_entry){ .name = span_str(d->names[d->count]),
                                                   .cid = writer_span(&w),
                                                   .tsize = node->tsize };
    d->count++;
}

static struct unixfs_add_node dir_build(struct fixture *f, struct dir *d)
{
    struct unixfs_add_node node;
    CHECK_OK(
        unixfs_add_dir(&f->add, &node, (struct unixfs_add_entries){ d->list, d->count }, NULL));
    d->count = 0;
    return node;
}

/* Files that hold "x"; names of the given length, the last one of its own. */
static struct unixfs_add_node named_dir(struct fixture *f, struct dir *d, const char *seed,
                                        size_t files, const size_t lengths[2])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz01234567890-_";
    static uint8_t random[192 * 1024];
    size_t at = 0;
    random_bytes(random, sizeof(random), seed, 0);
    struct unixfs_add_node x = add_text(f, "x");
    for (size_t i = 0; i < files; i++) {
        char name[64] = { 0 };
        size_t n = lengths[i + 1 == files];
        for (size_t k = 0; k < n; k++)
            name[k] = alphabet[random[at++] % 39];
        dir_put(d, name, &x);
    }
    CHECK(at <= sizeof(random));
    return dir_build(f, d);
}

/* Vectors 16 to 19: exactly at the threshold, and one byte more. */
static void the_hamt_threshold_is_exact(void **state)
{
    struct fixture *f = *state;
    struct dir *d = calloc(1, sizeof(*d));
    struct unixfs_add_node n;
    profile(f, "unixfs-v0-2015");
    n = named_dir(f, d, "hamt-unixfs-v0-2015", 4096, (size_t[]){ 30, 30 });
    check_cid(&n, "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN");
    n = named_dir(f, d, "hamt-unixfs-v0-2015", 4033, (size_t[]){ 31, 31 });
    check_cid(&n, "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP");
    profile(f, "unixfs-v1-2025");
    n = named_dir(f, d, "hamt-unixfs-v1-2025", 4766, (size_t[]){ 11, 21 });
    check_cid(&n, "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4");
    n = named_dir(f, d, "hamt-unixfs-v1-2025", 4766, (size_t[]){ 11, 22 });
    check_cid(&n, "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu");
    free(d);
}

static struct unixfs_add_node numbered_dir(struct fixture *f, struct dir *d)
{
    for (int i = 1; i <= 2000; i++) {
        char name[32], text[32];
        snprintf(name, sizeof(name), "file%d", i);
        snprintf(text, sizeof(text), "%d\n", i);
        struct unixfs_add_node file = add_text(f, text);
        dir_put(d, name, &file);
    }
    return dir_build(f, d);
}

/* Vectors 20, 21, 22. */
static void sharding_can_be_switched_off_and_forced(void **state)
{
    struct fixture *f = *state;
    struct dir *d = calloc(1, sizeof(*d));
    struct unixfs_add_node n;
    profile(f, "unixfs-v0-2015");
    f->add.params.hamt_above = UNIXFS_ADD_HAMT_NEVER;
    n = numbered_dir(f, d);
    check_cid(&n, "QmavrTrQG4VhoJmantURAYuw3bowq3E2WcvP36NRQDAC1N");
    f->add.params.hamt_above = 1;
    n = numbered_dir(f, d);
    check_cid(&n, "QmSCJD1KYLhVVHqBK3YyXuoEqHt7vggyJhzoFYbT8v1XYL");
    profile(f, "unixfs-v1-2025");
    f->add.params.hamt_above = 1;
    n = numbered_dir(f, d);
    check_cid(&n, "bafybeibiemewfzzdyhq2l74wrd6qj2oz42usjlktgnlqv4yfawgouaqn4u");
    free(d);
}

static struct unixfs_add_node link_tree(struct fixture *f, struct dir *d)
{
    struct unixfs_add_node baz = add_text(f, "some text\n"), to_baz, nowhere;
    CHECK_OK(unixfs_add_symlink(&f->add, &to_baz, span_str("files/foo/baz"), NULL));
    CHECK_OK(unixfs_add_symlink(&f->add, &nowhere, span_str("files/does/not/exist"), NULL));
    dir_put(d, "baz", &baz);
    struct unixfs_add_node foo = dir_build(f, d);
    dir_put(d, "baz", &to_baz);
    struct unixfs_add_node bar = dir_build(f, d);
    dir_put(d, "foo", &foo);
    dir_put(d, "bar", &bar);
    dir_put(d, "bad", &nowhere);
    return dir_build(f, d);
}

/* Vectors 23 to 26, 30. */
static void trees_with_symlinks(void **state)
{
    struct fixture *f = *state;
    struct dir *d = calloc(1, sizeof(*d));
    struct unixfs_add_node n, m;
    profile(f, "unixfs-v0-2015");
    n = link_tree(f, d);
    check_cid(&n, "QmWdiHKoeSW8G1u7ATCgpx4yMoUhYaJBQGkyPLkS9goYZ8");
    CHECK_OK(unixfs_add_symlink(&f->add, &n, span_str("files/foo/baz"), NULL));
    check_cid(&n, "QmdocmZeF7qwPT9Z8SiVhMSyKA2KKoA2J7jToW6z6WBmxR");
    n = add_text(f, "World\n");
    dir_put(d, "world", &n);
    n = dir_build(f, d);
    m = add_text(f, "Hey\n");
    dir_put(d, "hello", &n);
    dir_put(d, "hey", &m);
    n = dir_build(f, d);
    check_cid(&n, "QmZQWnfcqJ6hNkkPvrY9Q5X39GP3jUnUbAV4AbmbbR3Cb1");
    n = dir_build(f, d);
    check_cid(&n, "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");
    profile(f, "unixfs-v1-2025");
    n = link_tree(f, d);
    check_cid(&n, "bafybeibyhlx64cklod6isy3h7tsmr4qvam3ae3b74n3hfes5bythjrwyua");
    n = dir_build(f, d);
    check_cid(&n, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    free(d);
}

/* Vectors 27, 28, 29. */
static void modes_and_times(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_node n;
    struct unixfs_meta meta = { .has_mode = true, .mode = 0640 };
    profile(f, "unixfs-v0-2015");
    n = add_bytes(f, span_str(""), &meta);
    check_cid(&n, "QmQLgxypSNGNFTuUPGCecq6dDEjb6hNB5xSyVmP3cEuNtq");
    meta = (struct unixfs_meta){
        .has_mode = true, .mode = 0764, .has_mtime = true, .mtime_s = 1603539720, .mtime_ns = 54321
    };
    n = add_bytes(f, span_str(""), &meta);
    check_cid(&n, "QmUkxrtBA8tPjwCYz1HrsoRfDz6NgKut3asVeHVQNH4C8L");
    meta = (struct unixfs_meta){ .has_mtime = true, .mtime_s = 1603539720 };
    CHECK_OK(unixfs_add_symlink(&f->add, &n, span_str("nothing"), &meta));
    check_cid(&n, "QmV1Uot2gy4bhY9yvYiZxhhchhyYC6MKKoGV1XtWNmpCLe");
    /* A raw leaf has no place for them, so the file becomes a dag-pb one. */
    profile(f, "unixfs-v1-2025");
    n = add_bytes(f, span_str("x"), &meta);
    CHECK(n.cid.codec == CID_CODEC_DAG_PB);
}

/* The 1,026 bytes of the UnixFS specification's fixture dir-with-files.car. */
static size_t multiblock(uint8_t out[2048])
{
    FILE *file = fopen("tests/vectors/unixfs/multiblock.txt", "rb");
    CHECK(file != NULL);
    size_t n = fread(out, 1, 2048, file);
    fclose(file);
    CHECK(n == 1026);
    return n;
}

/* Vectors 33 and 34. */
static void small_chunks_and_a_single_layer_of_shards(void **state)
{
    struct fixture *f = *state;
    struct dir *d = calloc(1, sizeof(*d));
    uint8_t text[2048];
    size_t size = multiblock(text);
    profile(f, "unixfs-v1-2025");
    f->add.params.chunk_size = 256;
    struct unixfs_add_node n = add_bytes(f, span_of(text, size), NULL);
    check_cid(&n, "bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa");
    f->add.params.hamt_above = 1;
    for (int i = 1; i <= 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%d.txt", i);
        dir_put(d, name, &n);
    }
    n = dir_build(f, d);
    check_cid(&n, "bafybeidbclfqleg2uojchspzd4bob56dqetqjsj27gy2cq3klkkgxtpn4i");
    free(d);
}

/* ---- besides the vectors --------------------------------------------------------------------- */

static void bad_parameters_names_and_repeats_are_refused(void **state)
{
    struct fixture *f = *state;
    struct unixfs_add_params p;
    CHECK_ERR(unixfs_add_profile(&p, "unixfs-v2"), ERR_NOT_FOUND);
    CHECK_OK(unixfs_add_profile(&p, "unixfs-v1-2025"));
    p.chunk_size = UNIXFS_ADD_CHUNK_MAX + 1;
    CHECK_ERR(unixfs_add_check(&p), ERR_RANGE);
    CHECK_OK(unixfs_add_profile(&p, "unixfs-v1-2025"));
    p.hamt_fanout = 24;
    CHECK_ERR(unixfs_add_check(&p), ERR_RANGE);
    profile(f, "unixfs-v1-2025");
    static const char *bad[] = { "", ".", "..", "a/b" };
    for (size_t i = 0; i < 4; i++) {
        struct unixfs_add_entry e = { .name = span_str(bad[i]) };
        struct unixfs_add_node n;
        CHECK_ERR(unixfs_add_dir(&f->add, &n, (struct unixfs_add_entries){ &e, 1 }, NULL),
                  ERR_FORMAT);
    }
    struct unixfs_add_entry two[2] = { { .name = span_str("a") }, { .name = span_str("a") } };
    struct unixfs_add_node n;
    CHECK_ERR(unixfs_add_dir(&f->add, &n, (struct unixfs_add_entries){ two, 2 }, NULL), ERR_EXISTS);
}

/* The pieces in which bytes arrive do not matter. */
static void pieces_do_not_matter(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[3000];
    random_bytes(data, sizeof(data), "pieces", 0);
    profile(f, "unixfs-v1-2025");
    f->add.params.chunk_size = 100;
    f->add.params.file_links = 3;
    struct unixfs_add_node whole = add_bytes(f, span_of(data, sizeof(data)), NULL);
    for (size_t piece = 1; piece < 500; piece += 7) {
        struct unixfs_add_stream s;
        struct unixfs_add_node n;
        stream_begin(f, &s, NULL);
        for (size_t at = 0; at < sizeof(data); at += piece)
            CHECK_OK(unixfs_add_stream_write(&s, span_sub(span_of(data, sizeof(data)), at, piece)));
        CHECK_OK(unixfs_add_stream_finish(&s, &n));
        CHECK(cid_eq(&n.cid, &whole.cid) && n.tsize == whole.tsize);
    }
}

/* Leaves may be hashed in any order, by anybody: only the order of adding them counts. */
static void leaves_hashed_elsewhere_give_the_same_file(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 5000, CHUNK = 70, COUNT = (SIZE + CHUNK - 1) / CHUNK };
    static uint8_t data[SIZE], scratch[COUNT][CHUNK + 256];
    static struct unixfs_add_node leaves[COUNT];
    static struct span blocks[COUNT];
    random_bytes(data, sizeof(data), "leaves", 0);
    profile(f, "unixfs-v0-2015");
    f->add.params.chunk_size = CHUNK;
    f->add.params.file_links = 4;
    struct unixfs_add_node want = add_bytes(f, span_of(data, SIZE), NULL), got;
    for (size_t i = COUNT; i-- > 0;) {
        struct unixfs_add_chunk chunk = { .data = span_sub(span_of(data, SIZE), i * CHUNK, CHUNK) };
        struct mspan room = { scratch[i], sizeof(scratch[i]) };
        unixfs_add_leaf(&leaves[i], &blocks[i], &f->add.params, &chunk, room);
    }
    struct unixfs_add_file file;
    f->arena = arena_of(f->arena_mem, ARENA_SIZE);
    unixfs_add_file_init(&file, &f->add, &f->arena, NULL);
    for (size_t i = 0; i < COUNT; i++)
        CHECK_OK(unixfs_add_file_leaf(&file, &leaves[i], blocks[i]));
    CHECK_OK(unixfs_add_file_finish(&file, &got));
    CHECK(cid_eq(&got.cid, &want.cid) && got.tsize == want.tsize && got.size == SIZE);
}

/* A leaf whose data stands where its block needs it, and leaves made in pairs, of one length or
 * two, raw or wrapped, inlined or not, are what unixfs_add_leaf makes of a copy. */
static void check_leaf_pair(const struct unixfs_add_params *p, const struct unixfs_add_chunk *chunk)
{
    enum { ROOM = 1024 };
    static uint8_t room[3][ROOM];
    struct unixfs_add_chunk placed[2] = { chunk[0], chunk[1] };
    struct mspan scratch[2];
    struct unixfs_add_node node[2];
    struct span block[2];
    for (size_t i = 0; i < 2; i++) {
        size_t head = unixfs_add_leaf_head(p, &chunk[i]);
        CHECK(head <= UNIXFS_ADD_HEAD_MAX);
        scratch[i] = (struct mspan){ room[i] + UNIXFS_ADD_HEAD_MAX - head, ROOM / 2 };
        placed[i].data.p = scratch[i].p + head;
        memset(room[i], 0xee, ROOM);
        memcpy(room[i] + UNIXFS_ADD_HEAD_MAX, chunk[i].data.p, chunk[i].data.n);
    }
    unixfs_add_leaf_pair(node, block, p, placed, scratch);
    for (size_t i = 0; i < 2; i++) {
        struct unixfs_add_node want;
        struct span want_block;
        struct mspan other = { room[2], ROOM };
        unixfs_add_leaf(&want, &want_block, p, &chunk[i], other);
        CHECK(cid_eq(&node[i].cid, &want.cid));
        CHECK(node[i].tsize == want.tsize && node[i].size == want.size);
        CHECK_SPAN(block[i], want_block);
        CHECK(block[i].p == scratch[i].p);
        for (size_t k = (size_t)(block[i].p + block[i].n - room[i]); k < ROOM; k++)
            CHECK(room[i][k] == 0xee);
    }
}

static void leaves_in_pairs_are_the_same_leaves(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[400];
    random_bytes(data, sizeof(data), "pairs", 0);
    const struct unixfs_meta meta = {
        .has_mode = true, .mode = 0644, .has_mtime = true, .mtime_s = 1700000000, .mtime_ns = 5
    };
    for (unsigned kind = 0; kind < 32; kind++) {
        profile(f, (kind & 1) != 0 ? "unixfs-v0-2015" : "unixfs-v1-2025");
        f->add.params.trickle = (kind & 2) != 0;
        f->add.params.inline_max = (kind & 4) != 0 ? 128 : 0;
        for (size_t n = 1; n < 300; n++) {
            size_t m = (kind & 16) != 0 ? (n * 7) % 300 + 1 : n;
            const struct unixfs_add_chunk chunk[2] = {
                { .data = span_of(data, n), .only = (kind & 8) != 0, .meta = &meta },
                { .data = span_of(data + 77, m) },
            };
            check_leaf_pair(&f->add.params, chunk);
        }
    }
}

/* ---- the layouts against a model that is written as the definition reads, by recursion ------- */

struct model {
    struct fixture *f;
    struct span left;
    uint32_t chunk, width;
};

struct model_node {
    struct unixfs_add_node links[64];
    size_t count;
};

static struct unixfs_add_node model_leaf(struct model *m)
{
    static uint8_t room[512];
    struct unixfs_add_node node;
    struct span block;
    struct unixfs_add_chunk chunk = { .data = span_sub(m->left, 0, m->chunk) };
    struct mspan scratch = { room, sizeof(room) };
    unixfs_add_leaf(&node, &block, &m->f->add.params, &chunk, scratch);
    m->left = span_sub(m->left, chunk.data.n, m->left.n);
    return node;
}

static struct unixfs_add_node model_close(struct model *m, const struct model_node *n)
{
    static uint8_t block[16384];
    uint64_t sizes[64], below = 0;
    struct unixfs_fields fields = {
        .type = UNIXFS_FILE, .has_size = true, .blocks = sizes, .block_count = n->count
    };
    struct writer w = writer_of(block, sizeof(block));
    struct unixfs_add_node out;
    for (size_t i = 0; i < n->count; i++) {
        uint8_t bin[CID_SIZE_MAX];
        struct writer c = writer_of(bin, sizeof(bin));
        cid_write(&c, &n->links[i].cid);
        dagpb_write_link(&w, writer_span(&c), span_str(""), n->links[i].tsize);
        sizes[i] = n->links[i].size;
        fields.size += sizes[i];
        below += n->links[i].tsize;
    }
    uint8_t message[2048];
    struct writer u = writer_of(message, sizeof(message));
    unixfs_write(&u, &fields);
    dagpb_write_data(&w, writer_span(&u));
    CHECK_OK(w.err);
    CHECK_OK(unixfs_add_put(&m->f->add, &out, writer_span(&w), below));
    out.size = fields.size;
    return out;
}

/* Leaves first, then four sub-trees of each depth below the limit (0: none). */
static struct unixfs_add_node model_trickle(struct model *m, uint32_t limit)
{
    struct model_node n = { .count = 0 };
    while (m->left.n > 0 && n.count < m->width)
        n.links[n.count++] = model_leaf(m);
    for (uint32_t depth = 1; m->left.n > 0 && (limit == 0 || depth < limit); depth++)
        for (int i = 0; i < 4 && m->left.n > 0; i++)
            n.links[n.count++] = model_trickle(m, depth);
    return model_close(m, &n);
}

static struct unixfs_add_node model_fill(struct model *m, struct model_node n, uint32_t depth)
{
    struct model_node empty = { .count = 0 };
    while (m->left.n > 0 && n.count < m->width)
        n.links[n.count++] = depth == 1 ? model_leaf(m) : model_fill(m, empty, depth - 1);
    return model_close(m, &n);
}

static struct unixfs_add_node model_balanced(struct model *m)
{
    struct unixfs_add_node root = model_leaf(m);
    for (uint32_t depth = 1; m->left.n > 0; depth++) {
        struct model_node n = { .count = 1 };
        n.links[0] = root;
        root = model_fill(m, n, depth);
    }
    return root;
}

static void layouts_agree_with_their_definition(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[4000];
    random_bytes(data, sizeof(data), "layouts", 0);
    for (uint32_t width = 2; width <= 6; width++) {
        for (size_t n = 1; n <= sizeof(data); n += n < 300 ? 7 : 211) {
            profile(f, width % 2 == 0 ? "unixfs-v0-2015" : "unixfs-v1-2025");
            f->add.params.chunk_size = 10;
            f->add.params.file_links = width;
            struct model m = { f, span_of(data, n), 10, width };
            struct unixfs_add_node want = model_balanced(&m),
                                   got = add_bytes(f, span_of(data, n), NULL);
            if (n > 10)
                CHECK(cid_eq(&got.cid, &want.cid) && got.tsize == want.tsize);
            f->add.params.trickle = true;
            m.left = span_of(data, n);
            want = model_trickle(&m, 0);
            got = add_bytes(f, span_of(data, n), NULL);
            CHECK(cid_eq(&got.cid, &want.cid) && got.tsize == want.tsize && got.size == n);
        }
    }
}

struct observed {
    size_t count, bytes;
};

static enum err observe(void *ctx, const struct content_key *key, struct span data)
{
    struct observed *o = ctx;
    uint8_t digest[32];
    sha256(digest, data);
    CHECK(memcmp(digest, key->digest, 32) == 0);
    o->count++;
    o->bytes += data.n;
    return o->count > 5 ? ERR_DENIED : OK;
}

/* Ten equal chunks and one node: two distinct blocks are observed, all eleven are put. */
static void a_tee_sees_each_block_once(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[1000], slots[100 * DAG_WALK_SLOT];
    struct dag_walk_table table;
    struct observed o = { 0 };
    profile(f, "unixfs-v1-2025");
    f->add.params.chunk_size = 100;
    dag_walk_table_init(&table, (struct mspan){ slots, sizeof(slots) });
    struct dag_walk_seen seen = dag_walk_table_seen(&table);
    struct block_tee tee = { .next = &f->sink, .seen = &seen, .observe = observe, .ctx = &o };
    struct block_sink through = block_tee_sink(&tee);
    f->add.sink = &through;
    f->puts = 0;
    struct unixfs_add_node n = add_bytes(f, span_of(data, sizeof(data)), NULL);
    CHECK(o.count == 2 && f->puts == 11 && n.size == 1000);
    CHECK(o.bytes == 100 + n.tsize - 1000);
    /* An observer's refusal stops the import. */
    struct unixfs_add_stream s;
    random_bytes(data, sizeof(data), "tee", 0);
    stream_begin(f, &s, NULL);
    CHECK_ERR(unixfs_add_stream_write(&s, span_of(data, sizeof(data))), ERR_DENIED);
    f->add.sink = &f->sink;
}

static enum err failing_put(void *ctx, const struct block_key *key, struct span data)
{
    uint64_t *left = ctx;
    (void)key;
    (void)data;
    if (*left == 0)
        return ERR_FULL;
    (*left)--;
    return OK;
}

/* The n-th put fails: the error comes back, whatever was under way. */
static void a_failing_sink_is_reported(void **state)
{
    struct fixture *f = *state;
    static uint8_t data[2000];
    profile(f, "unixfs-v1-2025");
    f->add.params.chunk_size = 100;
    f->add.params.file_links = 3;
    struct block_sink old = f->sink;
    enum err e = ERR_FULL;
    uint64_t fail_at = 0;
    for (; e != OK; fail_at++) {
        uint64_t left = fail_at;
        struct unixfs_add_stream s;
        struct unixfs_add_node n;
        f->sink = (struct block_sink){ .ctx = &left, .put = failing_put };
        stream_begin(f, &s, NULL);
        e = unixfs_add_stream_write(&s, span_of(data, sizeof(data)));
        if (e == OK)
            e = unixfs_add_stream_finish(&s, &n);
        CHECK(e == OK || e == ERR_FULL);
    }
    f->sink = old;
    CHECK(fail_at ==
          20 + 7 + 3 + 1 + 1); /* leaves, three layers of nodes, and the run that passed */
}

/* 100,000 entries: memory is the entries alone, every shard fits its block. */
static void a_large_directory(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 100000 };
    struct unixfs_add_entry *list = calloc(COUNT, sizeof(*list));
    char(*names)[16] = calloc(COUNT, 16);
    uint8_t cid[CID_SIZE_MAX];
    profile(f, "unixfs-v1-2025");
    struct unixfs_add_node x = add_text(f, "x"), n;
    struct writer w = writer_of(cid, sizeof(cid));
    cid_write(&w, &x.cid);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], 16, "n%d", i);
        list[i] = (struct unixfs_add_entry){ .name = span_str(names[i]),
                                             .cid = writer_span(&w),
                                             .tsize = 1 };
    }
    f->largest = 0;
    CHECK_OK(unixfs_add_dir(&f->add, &n, (struct unixfs_add_entries){ list, COUNT }, NULL));
    CHECK(f->largest < 64 * 1024);
    free(list);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_files),
        cmocka_unit_test(chunk_boundaries_and_full_nodes),
        cmocka_unit_test(a_gibibyte),
        cmocka_unit_test(wide_and_trickle_files),
        cmocka_unit_test(the_hamt_threshold_is_exact),
        cmocka_unit_test(sharding_can_be_switched_off_and_forced),
        cmocka_unit_test(trees_with_symlinks),
        cmocka_unit_test(modes_and_times),
        cmocka_unit_test(small_chunks_and_a_single_layer_of_shards),
        cmocka_unit_test(bad_parameters_names_and_repeats_are_refused),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(leaves_hashed_elsewhere_give_the_same_file),
        cmocka_unit_test(leaves_in_pairs_are_the_same_leaves),
        cmocka_unit_test(layouts_agree_with_their_definition),
        cmocka_unit_test(a_tee_sees_each_block_once),
        cmocka_unit_test(a_failing_sink_is_reported),
        cmocka_unit_test(a_large_directory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
