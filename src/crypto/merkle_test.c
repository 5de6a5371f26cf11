/* Merkle trees against RFC 6962: its definition, and the test data of certificate transparency. */
#include "crypto/merkle.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/merkle_sum.h"

enum { LEAVES = 258 };

static const struct merkle_tags tags = {
    .leaf = { (const uint8_t *)"crust/test-leaf/1", 17 },
    .node = { (const uint8_t *)"crust/test-node/1", 17 },
};
static const struct span sum_tag = { (const uint8_t *)"crust/test-sum/1", 16 };

static uint8_t leaves[LEAVES][MERKLE_HASH_SIZE];
static struct merkle_sum sums[LEAVES];

static int make_leaves(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < LEAVES; i++) {
        merkle_leaf(leaves[i], &tags, span_of(&i, sizeof(i)));
        memcpy(sums[i].hash, leaves[i], MERKLE_HASH_SIZE);
        sums[i].sum = i * i % 7 * 1000 + i % 3; /* some are 0 */
    }
    return 0;
}

/* The trees whose every leaf is looked at: all in a soak, else all small ones and those where the
 * shape changes. */
static bool is_looked_at(uint64_t n)
{
    return check_soak() || n <= 40 || n % 64 <= 1 || n % 64 == 63;
}

/* RFC 6962 2.1, word for word: the reference for everything else. */
static void by_definition(uint8_t out[32], const uint8_t (*d)[32], size_t n)
{
    if (n == 0) {
        sha256(out, span_of(NULL, 0));
    } else if (n == 1) {
        memcpy(out, d[0], 32);
    } else {
        size_t k = 1;
        uint8_t left[32], right[32];
        while (2 * k < n)
            k *= 2;
        by_definition(left, d, k);
        by_definition(right, d + k, n - k);
        merkle_node(out, &tags, left, right);
    }
}

static void sum_by_definition(struct merkle_sum *out, const struct merkle_sum *d, size_t n)
{
    *out = (struct merkle_sum){ 0 };
    if (n == 0) {
        sha256(out->hash, span_of(NULL, 0));
    } else if (n == 1) {
        *out = d[0];
    } else {
        size_t k = 1;
        struct merkle_sum left, right;
        while (2 * k < n)
            k *= 2;
        sum_by_definition(&left, d, k);
        sum_by_definition(&right, d + k, n - k);
        uint8_t l[8], r[8];
        store_le64(l, left.sum);
        store_le64(r, right.sum);
        struct span parts[4] = { { left.hash, 32 }, { l, 8 }, { right.hash, 32 }, { r, 8 } };
        sha256_tagged(out->hash, "crust/test-sum/1", parts, 4);
        out->sum = left.sum + right.sum;
    }
}

/* The inputs and roots of the certificate-transparency test data (google/certificate-transparency,
 * merkletree tests); the roots follow from RFC 6962 2.1 and its tags 0x00 and 0x01. */
static const struct {
    const char *input, *root; /* the root of the leaves up to and including this one */
} ct[] = {
    { "", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
    { "00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
    { "10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
    { "2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
    { "3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
    { "40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
    { "5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
    { "606162636465666768696a6b6c6d6e6f",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
};

static void rfc6962_roots(void **state)
{
    (void)state;
    struct merkle m;
    uint8_t got[32], hashes[8][32];
    char hex[65];
    merkle_init(&m, &merkle_rfc6962);
    merkle_root(got, &m);
    hex_format(hex, span_of(got, 32));
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (size_t i = 0; i < 8; i++) {
        uint8_t data[16];
        size_t n = strlen(ct[i].input) / 2;
        CHECK_OK(hex_parse(data, n, ct[i].input));
        merkle_leaf(hashes[i], &merkle_rfc6962, span_of(data, n));
        merkle_add(&m, hashes[i]);
        merkle_root(got, &m);
        hex_format(hex, span_of(got, 32));
        assert_string_equal(hex, ct[i].root);
    }
}

static void every_leaf_of_every_tree_verifies(void **state)
{
    (void)state;
    struct merkle m;
    merkle_init(&m, &tags);
    for (uint64_t n = 0; n < LEAVES; n++) {
        uint8_t root[32], other[32], path[MERKLE_DEPTH_MAX][32];
        by_definition(root, (const uint8_t(*)[32])leaves, n);
        merkle_root(other, &m);
        CHECK(memcmp(root, other, 32) == 0);
        merkle_root_of(other, &tags, (const uint8_t(*)[32])leaves, n);
        CHECK(memcmp(root, other, 32) == 0);
        for (uint64_t i = 0; i < n && is_looked_at(n); i++) {
            size_t size = merkle_path(path, &tags, (const uint8_t(*)[32])leaves, n, i);
            CHECK(size == merkle_path_size(i, n) && size <= 9);
            struct merkle_proof p = { i, n, (const uint8_t(*)[32])path, size };
            CHECK_OK(merkle_verify(root, &tags, leaves[i], &p));
        }
        merkle_add(&m, leaves[n]);
    }
}

static void a_changed_proof_is_refused(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 20; n++) {
        uint8_t root[32], path[MERKLE_DEPTH_MAX + 1][32] = { { 0 } }, bad[32];
        merkle_root_of(root, &tags, (const uint8_t(*)[32])leaves, n);
        for (uint64_t i = 0; i < n; i++) {
            size_t size = merkle_path(path, &tags, (const uint8_t(*)[32])leaves, n, i);
            struct merkle_proof good = { i, n, (const uint8_t(*)[32])path, size }, p = good;
            for (size_t bit = 0; bit < size * 256; bit += 3) {
                path[bit / 256][bit % 256 / 8] ^= (uint8_t)(1u << bit % 8);
                CHECK_ERR(merkle_verify(root, &tags, leaves[i], &p), ERR_CORRUPT);
                path[bit / 256][bit % 256 / 8] ^= (uint8_t)(1u << bit % 8);
            }
            memcpy(bad, leaves[i], 32);
            bad[5] ^= 4;
            CHECK_ERR(merkle_verify(root, &tags, bad, &good), ERR_CORRUPT);
            CHECK_ERR(merkle_verify(root, &merkle_rfc6962, leaves[i], &good),
                      size == 0 ? OK : ERR_CORRUPT);
            p.path_count = size + 1;
            CHECK_ERR(merkle_verify(root, &tags, leaves[i], &p), ERR_FORMAT);
            p.path_count = size - 1;
            CHECK_ERR(merkle_verify(root, &tags, leaves[i], &p), ERR_FORMAT);
            p = good;
            p.index = n;
            CHECK_ERR(merkle_verify(root, &tags, leaves[i], &p), ERR_RANGE);
            for (uint64_t j = 0; j < n; j++) {
                p.index = j;
                CHECK(j == i || merkle_verify(root, &tags, leaves[i], &p) != OK);
            }
        }
    }
}

static void huge_counts_do_not_overflow(void **state)
{
    (void)state;
    CHECK(merkle_path_size(0, UINT64_MAX) == 64);
    CHECK(merkle_path_size(UINT64_MAX - 1, UINT64_MAX) == 63);
    CHECK(merkle_path_size(1ull << 63, (1ull << 63) + 1) == 1);
    CHECK(merkle_path_size(0, 1) == 0);
    struct merkle_proof p = { UINT64_MAX, UINT64_MAX, NULL, 0 };
    CHECK_ERR(merkle_verify(leaves[0], &tags, leaves[0], &p), ERR_RANGE);
    p.count = 0;
    p.index = 0;
    CHECK_ERR(merkle_verify(leaves[0], &tags, leaves[0], &p), ERR_RANGE);
}

static void every_leaf_of_every_sum_tree_verifies(void **state)
{
    (void)state;
    struct merkle_sum_tree m;
    merkle_sum_init(&m, sum_tag);
    uint64_t total = 0;
    for (uint64_t n = 0; n < LEAVES; n++) {
        struct merkle_sum root, other, path[MERKLE_DEPTH_MAX];
        sum_by_definition(&root, sums, n);
        merkle_sum_root(&other, &m);
        CHECK(merkle_sum_eq(&root, &other) && root.sum == total);
        CHECK_OK(merkle_sum_root_of(&other, sum_tag, sums, n));
        CHECK(merkle_sum_eq(&root, &other));
        uint64_t start = 0, before = is_looked_at(n) ? 0 : total, index = 0;
        for (uint64_t i = 0; i < n && is_looked_at(n); i++) {
            size_t size = merkle_sum_path(path, sum_tag, sums, n, i);
            struct merkle_sum_proof p = { i, n, path, size };
            CHECK_OK(merkle_sum_verify(&start, &root, sum_tag, &sums[i], &p));
            CHECK(start == before);
            if (sums[i].sum != 0) {
                uint64_t last = before + sums[i].sum - 1;
                CHECK_OK(merkle_sum_find(&index, &start, sums, n, last));
                CHECK(index == i && start == before);
                CHECK_OK(merkle_sum_find(&index, &start, sums, n, before));
                CHECK(index == i && start == before);
            }
            before += sums[i].sum;
        }
        CHECK_ERR(merkle_sum_find(&index, &start, sums, n, before), ERR_RANGE);
        CHECK_ERR(merkle_sum_find(&index, &start, sums, n, UINT64_MAX), ERR_RANGE);
        CHECK_OK(merkle_sum_add(&m, &sums[n]));
        total += sums[n].sum;
    }
}

static void a_changed_sum_proof_is_refused(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 12; n++) {
        struct merkle_sum root, path[MERKLE_DEPTH_MAX + 1] = { { { 0 }, 0 } }, bad;
        uint64_t start = 0;
        CHECK_OK(merkle_sum_root_of(&root, sum_tag, sums, n));
        for (uint64_t i = 0; i < n; i++) {
            size_t size = merkle_sum_path(path, sum_tag, sums, n, i);
            struct merkle_sum_proof p = { i, n, path, size };
            for (size_t at = 0; at < size; at++) {
                path[at].sum++;
                CHECK_ERR(merkle_sum_verify(&start, &root, sum_tag, &sums[i], &p), ERR_CORRUPT);
                path[at].sum--;
                path[at].hash[at] ^= 0x80;
                CHECK_ERR(merkle_sum_verify(&start, &root, sum_tag, &sums[i], &p), ERR_CORRUPT);
                path[at].hash[at] ^= 0x80;
            }
            /* Bytes moved from one side to the other keep the total, and must be seen. */
            bad = sums[i];
            bad.sum++;
            if (size != 0)
                path[0].sum--;
            CHECK(merkle_sum_verify(&start, &root, sum_tag, &bad, &p) != OK && start == 0);
            if (size != 0)
                path[0].sum++;
            bad = root;
            bad.sum++;
            CHECK_ERR(merkle_sum_verify(&start, &bad, sum_tag, &sums[i], &p), ERR_CORRUPT);
            p.path_count++;
            CHECK_ERR(merkle_sum_verify(&start, &root, sum_tag, &sums[i], &p), ERR_FORMAT);
            p = (struct merkle_sum_proof){ n, n, path, size };
            CHECK_ERR(merkle_sum_verify(&start, &root, sum_tag, &sums[i], &p), ERR_RANGE);
        }
    }
}

static void sums_that_overflow_are_refused(void **state)
{
    (void)state;
    struct merkle_sum big[3] = { { { 1 }, UINT64_MAX - 5 }, { { 2 }, 5 }, { { 3 }, 1 } }, out;
    struct merkle_sum_tree m;
    uint64_t start = 7;
    CHECK_OK(merkle_sum_root_of(&out, sum_tag, big, 2));
    CHECK(out.sum == UINT64_MAX);
    CHECK_ERR(merkle_sum_root_of(&out, sum_tag, big, 3), ERR_RANGE);
    CHECK(out.sum == 0);
    CHECK_ERR(merkle_sum_node(&out, sum_tag, &big[0], &big[0]), ERR_RANGE);
    merkle_sum_init(&m, sum_tag);
    CHECK_OK(merkle_sum_add(&m, &big[0]));
    CHECK_OK(merkle_sum_add(&m, &big[1]));
    CHECK_ERR(merkle_sum_add(&m, &big[2]), ERR_RANGE);
    CHECK(m.count == 2 && m.sum == UINT64_MAX);
    struct merkle_sum_proof p = { 0, 2, &big[0], 1 };
    CHECK_ERR(merkle_sum_verify(&start, &out, sum_tag, &big[0], &p), ERR_RANGE);
    CHECK(start == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6962_roots),
        cmocka_unit_test(every_leaf_of_every_tree_verifies),
        cmocka_unit_test(a_changed_proof_is_refused),
        cmocka_unit_test(huge_counts_do_not_overflow),
        cmocka_unit_test(every_leaf_of_every_sum_tree_verifies),
        cmocka_unit_test(a_changed_sum_proof_is_refused),
        cmocka_unit_test(sums_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
