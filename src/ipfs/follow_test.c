#include "ipfs/follow.h"

#include "base/check.h"

static struct content_key memory[FOLLOW_KEYS];
static struct content_key ahead[FOLLOW_AHEAD];

static struct content_key leaf(uint32_t i)
{
    struct content_key k = { .codec = CID_CODEC_RAW };
    store_le32(k.digest, i);
    return k;
}

/* A dag-cbor list of links to leaves from, from + 1, ... */
static struct span node(uint8_t *out, size_t max, uint32_t from, uint32_t count)
{
    struct writer w = writer_of(out, max);
    write_u8(&w, 0x99);
    write_u8(&w, (uint8_t)(count >> 8));
    write_u8(&w, (uint8_t)count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[CID_SIZE_MAX];
        struct writer c = writer_of(bytes, sizeof(bytes));
        const struct content_key key = leaf(from + i);
        const struct cid cid = cid_of_key(&key);
        cid_write(&c, &cid);
        write_u8(&w, 0xd8);
        write_u8(&w, 42);
        write_u8(&w, 0x58);
        write_u8(&w, (uint8_t)(c.len + 1));
        write_u8(&w, 0);
        write_span(&w, span_of(bytes, c.len));
    }
    CHECK_OK(w.err);
    return writer_span(&w);
}

static struct content_key parent(uint32_t i)
{
    struct content_key k = leaf(i);
    k.codec = CID_CODEC_DAG_CBOR;
    return k;
}

static void check_ahead(const struct follow *f, uint32_t from, size_t count)
{
    CHECK(follow_ahead(f, ahead) == count);
    for (uint32_t i = 0; i < count; i++) {
        const struct content_key want = leaf(from + i);
        CHECK(cid_key_cmp(&ahead[i], &want) == 0);
    }
}

static void who_follows_gets_more_ahead(void **state)
{
    (void)state;
    static uint8_t block[8192];
    struct follow f;
    const struct content_key root = parent(7000);
    follow_init(&f, memory);
    check_ahead(&f, 0, 0);
    CHECK(!follow_read(&f, &root));
    follow_came(&f, &root, node(block, sizeof(block), 0, 100));
    check_ahead(&f, 0, 1);
    static const size_t windows[] = { 2, 4, 8, 16, 32, 32 };
    for (uint32_t i = 0; i < 6; i++) {
        const struct content_key k = leaf(i);
        CHECK(follow_read(&f, &k));
        check_ahead(&f, i + 1, windows[i]);
    }
    struct content_key k = leaf(20); /* a jump: what lies between is passed over */
    CHECK(follow_read(&f, &k));
    check_ahead(&f, 21, 9);
    k = leaf(5000); /* not expected at all */
    CHECK(!follow_read(&f, &k));
    check_ahead(&f, 21, 1);
    /* What is below a block comes before what is beside it. */
    const struct content_key deeper = parent(9000);
    follow_came(&f, &deeper, node(block, sizeof(block), 500, 3));
    f.window = 4;
    CHECK(follow_ahead(&f, ahead) == 4);
    k = leaf(500);
    CHECK(cid_key_cmp(&ahead[0], &k) == 0);
    k = leaf(21);
    CHECK(cid_key_cmp(&ahead[3], &k) == 0);
    /* At the end there is less. */
    for (uint32_t i = 500; i < 503; i++) {
        k = leaf(i);
        CHECK(follow_read(&f, &k));
    }
    k = leaf(98);
    CHECK(follow_read(&f, &k));
    f.window = FOLLOW_AHEAD;
    check_ahead(&f, 99, 1);
}

static void rubbish_and_too_much_are_left_out(void **state)
{
    (void)state;
    static uint8_t block[65536];
    struct follow f;
    const struct content_key root = parent(7000);
    follow_init(&f, memory);
    follow_came(&f, &root, span_str("\xff\xff"));
    CHECK(f.count == 0);
    for (uint32_t i = 0; i < 20; i++) {
        follow_came(&f, &root, node(block, sizeof(block), 1000 * i, 1000));
        CHECK(f.count <= FOLLOW_KEYS);
    }
    CHECK(f.count == FOLLOW_KEYS);
    f.window = FOLLOW_AHEAD; /* the last block had place for its first links alone */
    check_ahead(&f, 8000, FOLLOW_AHEAD);
    const struct content_key raw = leaf(1);
    follow_came(&f, &raw, node(block, sizeof(block), 0, 3));
    CHECK(f.count == FOLLOW_KEYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_follows_gets_more_ahead),
        cmocka_unit_test(rubbish_and_too_much_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
