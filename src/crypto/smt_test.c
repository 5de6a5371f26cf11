/* The sparse tree against its definition, and against the vectors of ICS-23. */
#include "crypto/smt.h"

#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "base/writer.h"
#include "crypto/smt_model.h"

enum { ENTRIES = 16384, KEYS = 400 };

static struct model_entry entries[ENTRIES];

/* Random operations in all; the first argument of the program gives another number. */
static uint64_t operations_wanted = 100000;

struct world {
    struct model_kv model;
    struct kv kv;
    struct smt tree;
};

static void world_init(struct world *w)
{
    memset(entries, 0, sizeof(entries));
    *w = (struct world){ .model = { .entries = entries, .capacity = ENTRIES } };
    w->kv = model_of(&w->model);
    w->tree = (struct smt){ .kv = &w->kv, .prefix = span_str("t/") };
}

/* The i-th key: mostly random; some pairs agree in all but their last bits, so that the tree has
 * long chains. */
static void key_of(uint8_t out[SMT_HASH_SIZE], size_t i)
{
    uint64_t seed = i;
    if (i % 20 == 7)
        seed = i - 1;
    sha256(out, span_of(&seed, sizeof(seed)));
    if (i % 20 == 7)
        out[31 - i / 20 % 32] ^= (uint8_t)(1u << i / 20 % 8);
}

static void value_of(uint8_t out[SMT_HASH_SIZE], uint64_t n)
{
    memset(out, 0, SMT_HASH_SIZE);
    store_le64(out, n + 1);
}

static struct smt_write set(size_t key, uint64_t value)
{
    struct smt_write w = { .remove = false };
    key_of(w.key_hash, key);
    value_of(w.value_hash, value);
    return w;
}

static struct smt_write unset(size_t key)
{
    struct smt_write w = { .remove = true };
    key_of(w.key_hash, key);
    return w;
}

/* What should be in the tree. */
struct expected {
    bool present[KEYS];
    uint64_t value[KEYS];
};

static void expected_root(uint8_t root[SMT_HASH_SIZE], const struct expected *e)
{
    static struct smt_write leaves[KEYS];
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++)
        if (e->present[i])
            leaves[count++] = set(i, e->value[i]);
    smt_sort(leaves, count);
    model_root(root, leaves, count, 0);
}

static void apply(struct world *w, uint8_t root[SMT_HASH_SIZE], struct smt_write *writes, size_t n)
{
    smt_sort(writes, n);
    CHECK_OK(smt_update(&w->tree, root, writes, n));
}

static void empty_tree_is_zero_and_one_leaf_is_its_hash(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    uint8_t root[SMT_HASH_SIZE], zero[SMT_HASH_SIZE] = { 0 }, want[SMT_HASH_SIZE];
    CHECK_OK(smt_root(&w.tree, root));
    CHECK(memcmp(root, zero, 32) == 0);
    CHECK_OK(smt_update(&w.tree, root, NULL, 0));
    CHECK(memcmp(root, zero, 32) == 0);
    struct smt_write one;
    smt_write_of(&one, span_str("key"), span_str("value"), false);
    CHECK_OK(smt_update(&w.tree, root, &one, 1));
    uint8_t in[65] = { 0 };
    sha256(in + 1, span_str("key"));
    sha256(in + 33, span_str("value"));
    sha256(want, span_of(in, 65));
    CHECK(memcmp(root, want, 32) == 0);
    uint8_t got[SMT_HASH_SIZE];
    CHECK_OK(smt_get(&w.tree, got, in + 1));
    CHECK(memcmp(got, in + 33, 32) == 0);
    CHECK_ERR(smt_get(&w.tree, got, zero), ERR_NOT_FOUND);
    one.remove = true;
    CHECK_OK(smt_update(&w.tree, root, &one, 1));
    CHECK(memcmp(root, zero, 32) == 0);
    CHECK(w.model.count == 0);
}

static void unsorted_or_repeated_writes_are_refused(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    uint8_t root[SMT_HASH_SIZE];
    struct smt_write two[2] = { set(1, 1), set(1, 2) };
    CHECK_ERR(smt_update(&w.tree, root, two, 2), ERR_FORMAT);
    two[1] = set(2, 2);
    smt_sort(two, 2);
    struct smt_write swap[2] = { two[1], two[0] };
    CHECK_ERR(smt_update(&w.tree, root, swap, 2), ERR_FORMAT);
    CHECK(w.model.count == 0);
    CHECK_OK(smt_update(&w.tree, root, two, 2));
}

/* The tree put together out of its 2^bits parts. */
static void check_parts(const struct expected *e, const uint8_t *root, size_t bits)
{
    static struct smt_write leaves[KEYS];
    struct smt_node nodes[32];
    size_t count = 0, at = 0;
    for (size_t i = 0; i < KEYS; i++)
        if (e->present[i])
            leaves[count++] = set(i, e->value[i]);
    smt_sort(leaves, count);
    for (size_t part = 0; part < (size_t)1 << bits; part++) {
        size_t first = at;
        while (at < count && (size_t)leaves[at].key_hash[0] >> (8 - bits) == part)
            at++;
        smt_subtree(&nodes[part], leaves + first, at - first, bits);
    }
    for (size_t n = (size_t)1 << bits; n > 1; n /= 2)
        for (size_t i = 0; i < n / 2; i++)
            smt_join(&nodes[i], &nodes[2 * i], &nodes[2 * i + 1]);
    CHECK(memcmp(nodes[0].hash, root, 32) == 0);
}

static void random_batches_agree_with_a_rebuild(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    struct expected e = { 0 };
    struct prng g;
    prng_init(&g, 1);
    uint64_t operations = 0;
    for (int round = 0; operations < operations_wanted; round++) {
        static struct smt_write writes[KEYS];
        bool taken[KEYS] = { false };
        /* Long phases of growing and of shrinking, so that small trees are seen too. */
        uint64_t removals = round / 400 % 2 ? 7 : 3;
        size_t want = 1 + prng_below(&g, round % 3 ? 24 : 80), n = 0;
        for (size_t i = 0; i < want; i++) {
            size_t k = prng_below(&g, KEYS);
            if (taken[k])
                continue;
            taken[k] = true;
            e.present[k] = prng_below(&g, 10) >= removals;
            e.value[k] = prng_below(&g, 5);
            writes[n++] = e.present[k] ? set(k, e.value[k]) : unset(k);
        }
        operations += n;
        uint8_t root[SMT_HASH_SIZE], naive[SMT_HASH_SIZE], again[SMT_HASH_SIZE];
        apply(&w, root, writes, n);
        expected_root(naive, &e);
        CHECK(memcmp(root, naive, 32) == 0);
        CHECK_OK(smt_root(&w.tree, again));
        CHECK(memcmp(root, again, 32) == 0);
        check_parts(&e, root, (size_t)(round % 6));
    }
    static struct smt_write all[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        all[i] = unset(i);
    uint8_t root[SMT_HASH_SIZE], zero[SMT_HASH_SIZE] = { 0 };
    apply(&w, root, all, KEYS);
    CHECK(memcmp(root, zero, 32) == 0);
    CHECK(w.model.count == 0); /* no record is left behind */
}

static void deletion_restores_every_earlier_root(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    static uint8_t roots[KEYS + 1][SMT_HASH_SIZE];
    static size_t records[KEYS + 1];
    for (size_t i = 0; i < KEYS; i++) {
        struct smt_write one = set(i, i);
        apply(&w, roots[i + 1], &one, 1);
        records[i + 1] = w.model.count;
    }
    struct world batch;
    uint8_t root[SMT_HASH_SIZE];
    for (size_t i = KEYS; i-- > 0;) {
        struct smt_write one = unset(i);
        apply(&w, root, &one, 1);
        CHECK(memcmp(root, roots[i], 32) == 0);
        CHECK(w.model.count == records[i]);
    }
    /* Neither does the order matter, nor whether they come at once. */
    static struct smt_write all[KEYS];
    world_init(&batch);
    for (size_t i = 0; i < KEYS; i++)
        all[i] = set(i, i);
    apply(&batch, root, all, KEYS);
    CHECK(memcmp(root, roots[KEYS], 32) == 0);
    CHECK(batch.model.count == records[KEYS]);
}

static size_t encode(uint8_t out[SMT_PROOF_SIZE_MAX], const struct smt_proof *proof)
{
    struct writer w = writer_of(out, SMT_PROOF_SIZE_MAX);
    smt_proof_encode(&w, proof);
    CHECK_OK(w.err);
    return w.len;
}

static void proofs_verify_and_no_changed_proof_does(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    uint8_t root[SMT_HASH_SIZE], key[SMT_HASH_SIZE], value[SMT_HASH_SIZE];
    static uint8_t bytes[SMT_PROOF_SIZE_MAX];
    static struct smt_proof proof, back;
    for (size_t size = 0; size <= KEYS; size = size < 4 ? size + 1 : size * 3) {
        size_t kinds[3] = { 0 };
        for (size_t i = 0; i < size; i++) {
            struct smt_write one = set(i, i);
            apply(&w, root, &one, 1);
        }
        CHECK_OK(smt_root(&w.tree, root));
        for (size_t i = 0; i < size + 60; i++) {
            key_of(key, i);
            value_of(value, i);
            CHECK_OK(smt_prove(&w.tree, &proof, key));
            kinds[proof.kind]++;
            CHECK((proof.kind == SMT_PRESENT) == (i < size));
            const uint8_t *claim = i < size ? value : NULL;
            CHECK_OK(smt_verify(root, key, claim, &proof));
            CHECK_ERR(smt_verify(root, key, claim ? NULL : value, &proof), ERR_FORMAT);
            size_t n = encode(bytes, &proof);
            CHECK_OK(smt_proof_decode(&back, span_of(bytes, n)));
            CHECK(memcmp(&back, &proof, sizeof(proof)) == 0);
            /* One flipped bit anywhere in the bytes: refused, by the decoder or by the root. */
            size_t bit = i * 31 % (n * 8);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (smt_proof_decode(&back, span_of(bytes, n)) == OK)
                CHECK(smt_verify(root, key, claim, &back) != OK);
            if (claim != NULL) {
                value[i % 32] ^= 1;
                CHECK_ERR(smt_verify(root, key, value, &proof), ERR_CORRUPT);
                key[i % 32] ^= 1;
                CHECK(smt_verify(root, key, NULL, &proof) != OK);
            }
        }
        CHECK(size < 20 || (kinds[SMT_ABSENT_EMPTY] != 0 && kinds[SMT_ABSENT_OTHER] != 0));
    }
}

static void proof_decoder_accepts_one_form_only(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    uint8_t root[SMT_HASH_SIZE], key[SMT_HASH_SIZE];
    for (size_t i = 0; i < 20; i++) {
        struct smt_write one = set(i, i);
        apply(&w, root, &one, 1);
    }
    static struct smt_proof proof;
    static uint8_t bytes[SMT_PROOF_SIZE_MAX + 1];
    for (size_t i = 0; i < 60; i++) {
        key_of(key, i);
        CHECK_OK(smt_prove(&w.tree, &proof, key));
        size_t n = encode(bytes, &proof);
        for (size_t cut = 0; cut <= n + 1; cut++) {
            uint8_t *exact = check_dup(bytes, cut);
            CHECK_ERR(smt_proof_decode(&proof, span_of(exact, cut)), cut < n    ? ERR_SHORT
                                                                     : cut == n ? OK
                                                                                : ERR_TRAILING);
            free(exact);
        }
    }
    /* A sibling that is listed and empty; a map bit above the depth; depth 257; kind 3. */
    uint8_t listed_empty[3 + 1 + 32] = { 1, 0, 1, 1 };
    CHECK_ERR(smt_proof_decode(&proof, span_of(listed_empty, sizeof(listed_empty))), ERR_FORMAT);
    uint8_t spare_bit[3 + 1] = { 1, 0, 1, 2 };
    CHECK_ERR(smt_proof_decode(&proof, span_of(spare_bit, sizeof(spare_bit))), ERR_FORMAT);
    uint8_t deep[3 + 33] = { 1, 1, 1 };
    CHECK_ERR(smt_proof_decode(&proof, span_of(deep, sizeof(deep))), ERR_FORMAT);
    uint8_t kind[4] = { 3, 0, 1, 0 };
    CHECK_ERR(smt_proof_decode(&proof, span_of(kind, sizeof(kind))), ERR_FORMAT);
}

static void store_failures_and_damage_are_reported(void **state)
{
    (void)state;
    struct world w;
    uint8_t root[SMT_HASH_SIZE], zero[SMT_HASH_SIZE] = { 0 };
    static struct smt_write all[KEYS];
    bool done = false;
    for (uint64_t at = 1; !done; at += 1 + at / 3) {
        world_init(&w);
        for (size_t i = 0; i < KEYS; i++)
            all[i] = set(i, i);
        smt_sort(all, KEYS);
        w.model.fail_at = at;
        enum err e = smt_update(&w.tree, root, all, KEYS);
        done = w.model.calls < at;
        CHECK_ERR(e, done ? OK : ERR_IO);
        CHECK(done || memcmp(root, zero, 32) == 0);
    }
    w.model.fail_at = 0;
    size_t seen = 0;
    for (size_t i = 0; i < ENTRIES && seen < 30; i++) {
        if (!entries[i].used || entries[i].key_size < 4)
            continue;
        seen++;
        entries[i].size--; /* a record cut short */
        enum err any = OK;
        uint8_t value[SMT_HASH_SIZE];
        for (size_t k = 0; k < KEYS && any == OK; k++)
            any = smt_get(&w.tree, value, all[k].key_hash);
        CHECK_ERR(any, ERR_CORRUPT);
        entries[i].size++;
    }
    CHECK(seen == 30);
}

static void sort_is_a_sort(void **state)
{
    (void)state;
    static struct smt_write writes[1000];
    for (size_t n = 0; n <= 1000; n = n < 20 ? n + 1 : n * 2 + 3) {
        uint8_t sum[SMT_HASH_SIZE] = { 0 };
        for (size_t i = 0; i < n; i++) {
            writes[i] = set(i * 7 % 991, i);
            for (size_t b = 0; b < 32; b++)
                sum[b] ^= writes[i].key_hash[b];
        }
        smt_sort(writes, n);
        for (size_t i = 0; i < n; i++) {
            CHECK(i == 0 || memcmp(writes[i - 1].key_hash, writes[i].key_hash, 32) <= 0);
            for (size_t b = 0; b < 32; b++)
                sum[b] ^= writes[i].key_hash[b];
        }
        for (size_t b = 0; b < 32; b++)
            CHECK(sum[b] == 0);
    }
}

/* From github.com/cosmos/ics23 testdata/smt (exist_left 606d5105, exist_middle 05d4f034,
 * exist_right 7ac07d2c, nonexist_middle 05d4f034): protobuf proofs rewritten in our layout, hashes
 * unchanged. Those trees use the key itself as its hash; value hashes are SHA-256 of the text. The
 * last row follows from the neighbours' proofs in nonexist_middle. */
static const struct {
    const char *name, *key, *value, *root, *proof;
} ics23[] = {
    { "exist_left", "002de9b963c4dacf518eeea7b754d2baac1886ef2f2a8ac704c05a692f4bedd5",
      "value_for_DEhz0a5v5P6ae6QL7mdE",
      "432d73b49019d8df5c7e38fd93288d0240a62a3c010e7217a4a74f5885c391d5",
      "00000aff0369ca519f1f2528c971a930cdd00b65c41762e8510ce3d4a998d4ad8ccf5989842cab93bf9b91d2"
      "5010972968d69b47ca9dfd5b4cea0c71310e0adced33acb19dfe97c3211b6a7eb3d859e754b373e89897a54f"
      "74244f0a84defc1df2a203dfd8bb4f607cb62f20e673fdfad3e40a8b596db50dc7c34e65aba74eec37f791e8"
      "8608f6f1e45958b4780e1e0f7791315d44355eba4e519e2fb25c3dc48627a59a4597058f1bf50e2b47ad129f"
      "daf2dfd53f88f81467dad54dabfcf0fbe8330c4e4c480983a2541b5527e1b5607e32f0597b12204d4973b5d9"
      "b498d1ff2a2350352b3112ffea611a3ef030f5ed8dafb8bcaf8e33bec16fff9027b1a0c718136de2d36732b1"
      "eaa2cf07fbc94599aecc2df057d8efb0ccd775d86b6ea176bfaad367adbc79ee59a60c4f08cc0216a5f64d39"
      "f871cd730b6983079429e91d9bcd57d470" },
    { "exist_middle", "e369afec196c525d9e7ce3a6a94c325d3fd29b3d863c9463c939e8c085ae8e1a",
      "value_for_FJTMuxzWXsq4pClFPnkH",
      "d32dd06714f3cee110cdb37ad7bc4760d4e291a555160f54429f9f15ddb04c4d",
      "00000bff06edbbd22b093f48404d082448bd335028477d700b449450b6800708095f78b9d6b1de51ac7abc0e"
      "0e5bc6955c4223228d16aba8cdb6e59bfd111d0901595bc32bd9423c60941997d2078abd897d53f09cb4a844"
      "c684bc6a38140c04d6869809de5a927fe700b5feacbf30a7cd160533e326c513eedc8e1d000cd8a71abd8480"
      "f5a7cd5e87f54353e0b8d36901ba175daf7c00ff05c00183f522e94850a39ac4ce4ed121ef20f0e1d65a8a5e"
      "7d9ed86844de0bfd82621f3325f60eb872e9e738ea4baf41d85dc399f406edbe4374e6b767663e4680fee217"
      "bfbca889618b7a83dce3a85febd896e193b7ba37bc638c46d69530de820647fccb40da8583473c8feb52491d"
      "ba094231188b893d16b0b08ad25246d5147a7a62149186518712618054c607dff72d77496a8088f58c886a59"
      "e2c2e115c18688c1ea21007fa8a9c884da" },
    { "exist_right", "f98a594c16784dbe52b14cf75c8ba4c41c51eb5f6212d866f683499c2d0bc593",
      "df2eSJyYtqwcFiUILzXv2fcNIrWO7sTo",
      "395a9a4928bc4479acd18aaf452f179d57f790ae9b0c51f5c0b44521e3df24f2",
      "00000517d9e2b7790f1e5f3a51aa60820018c88e6b1c84ca0b25ef2558fd1deabff0f0014597a361e82f9158"
      "2f5d83654ecb141dc8075cb4479bcc64263e9e35e60bb0e35c5ab2b82c7eef6a4733ca15cac48400a39a1628"
      "77e3345e6c11a35211360c8fe4a47ffb7bc4a931fae640ba18449a227bbed0b01fcf14823b5fa941a6ad3e24" },
    { "nonexist_middle.left", "ba43cb0567c827f469cf599f2a9756a0da1793edb84b4821ec1f62d2c3798ae4",
      "value_for_gnN45mR2h16tgxjdo8TN",
      "771301eae8764c6147399a9944dd4454e865db8bc33e60f22bebea1c9bf7021e",
      "000009ff01346d7d14c3a5521852f37261f20e91af45c5c0f772c13917b67d6eb6be9171ea27e93aecb0ea7d"
      "88fc13ce568017187ee5f07361f4d90e03866fb7f3f37a3966f8500cdcf5ae664bdefce1221c42a69cf057b0"
      "71e34a0ab946526525d6f3bc4d7bc720cf72271f5ac20af7962453209d5278965672e2cfebe5135bf8518768"
      "128bf18f4ddf61ff31cb450737f6cf733d53d40f99bc3da526071755c37cc08ee10bd4fd01f2784fc637cc88"
      "6ec0db6c4465cd4b4c8eb7266aaf84e0127740af2c2db282d912c7d3f1dfd2750db451ad6e8176abddef45eb"
      "41fe1830c8789c17001c2caf7504cfca30f253fce9c82051c3dd167058b0e22d840f4d90d0a0b2a9f7d9948e"
      "386372dc85899e1890e988d8e47677c0bc211c65b55b5f70134dc15b0f" },
    { "nonexist_middle.right", "bad9d45cc85eb8f5f14437c4328664e61dc03c06d21d8930986ddc86381ad0ac",
      "value_for_rRPzGqWewJmj8pkCE2td",
      "771301eae8764c6147399a9944dd4454e865db8bc33e60f22bebea1c9bf7021e",
      "00000eff21346d7d14c3a5521852f37261f20e91af45c5c0f772c13917b67d6eb6be9171ea27e93aecb0ea7d"
      "88fc13ce568017187ee5f07361f4d90e03866fb7f3f37a3966f8500cdcf5ae664bdefce1221c42a69cf057b0"
      "71e34a0ab946526525d6f3bc4d7bc720cf72271f5ac20af7962453209d5278965672e2cfebe5135bf8518768"
      "128bf18f4ddf61ff31cb450737f6cf733d53d40f99bc3da526071755c37cc08ee10bd4fd01f2784fc637cc88"
      "6ec0db6c4465cd4b4c8eb7266aaf84e0127740af2c2db282d912c7d3f1dfd2750db451ad6e8176abddef45eb"
      "41fe1830c8789c17001c2caf7504cfca30f253fce9c82051c3dd167058b0e22d840f4d90d0a0b2a9f7f18e35"
      "df2f213a21db25d856f3532afb9b1f7f47073f6f009507ddacd6d7457c03414f6402648178d0e76d39250d2e"
      "4cee54ec1f16e451cb602756a0a3044507" },
    { "nonexist_middle", "ba46e91ed56ac7bea290f31a5b5492090243f111a536c49f589e978f2d3ee8df", NULL,
      "771301eae8764c6147399a9944dd4454e865db8bc33e60f22bebea1c9bf7021e",
      "020009ba43cb0567c827f469cf599f2a9756a0da1793edb84b4821ec1f62d2c3798ae4f77c5576d67bfb499e"
      "4662c63e09b2697a25f536e0c44e56da61061508732185ff01346d7d14c3a5521852f37261f20e91af45c5c0"
      "f772c13917b67d6eb6be9171ea27e93aecb0ea7d88fc13ce568017187ee5f07361f4d90e03866fb7f3f37a39"
      "66f8500cdcf5ae664bdefce1221c42a69cf057b071e34a0ab946526525d6f3bc4d7bc720cf72271f5ac20af7"
      "962453209d5278965672e2cfebe5135bf8518768128bf18f4ddf61ff31cb450737f6cf733d53d40f99bc3da5"
      "26071755c37cc08ee10bd4fd01f2784fc637cc886ec0db6c4465cd4b4c8eb7266aaf84e0127740af2c2db282"
      "d912c7d3f1dfd2750db451ad6e8176abddef45eb41fe1830c8789c17001c2caf7504cfca30f253fce9c82051"
      "c3dd167058b0e22d840f4d90d0a0b2a9f7d9948e386372dc85899e1890e988d8e47677c0bc211c65b55b5f70"
      "134dc15b0f" },
};

static void ics23_vectors_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ics23) / sizeof(ics23[0]); i++) {
        static struct smt_proof proof;
        uint8_t key[32], root[32], value[32], bytes[600];
        size_t n = strlen(ics23[i].proof) / 2;
        CHECK(n <= sizeof(bytes));
        CHECK_OK(hex_parse(key, 32, ics23[i].key));
        CHECK_OK(hex_parse(root, 32, ics23[i].root));
        CHECK_OK(hex_parse(bytes, n, ics23[i].proof));
        CHECK_OK(smt_proof_decode(&proof, span_of(bytes, n)));
        if (ics23[i].value != NULL)
            sha256(value, span_str(ics23[i].value));
        const uint8_t *claim = ics23[i].value != NULL ? value : NULL;
        CHECK_OK(smt_verify(root, key, claim, &proof));
        root[31] ^= 1;
        CHECK_ERR(smt_verify(root, key, claim, &proof), ERR_CORRUPT);
    }
}

/* The vector of docs/spec/state-tree.md 5. */
static void the_vector_of_the_spec_holds(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    static const char *const names[][2] = { { "alice", "1" }, { "bob", "2" }, { "carol", "3" } };
    struct smt_write writes[3];
    uint8_t root[SMT_HASH_SIZE];
    char text[65];
    for (size_t i = 0; i < 3; i++)
        smt_write_of(&writes[i], span_str(names[i][0]), span_str(names[i][1]), false);
    apply(&w, root, writes, 3);
    hex_format(text, span_of(root, 32));
    assert_string_equal(text, "8e0538a8f7d7d490cb03f94bcc29326f897ba6b003b0dada58aa63ee034a2fec");
}

int main(int argc, char **argv)
{
    if (argc == 2)
        operations_wanted = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_tree_is_zero_and_one_leaf_is_its_hash),
        cmocka_unit_test(unsorted_or_repeated_writes_are_refused),
        cmocka_unit_test(random_batches_agree_with_a_rebuild),
        cmocka_unit_test(deletion_restores_every_earlier_root),
        cmocka_unit_test(proofs_verify_and_no_changed_proof_does),
        cmocka_unit_test(proof_decoder_accepts_one_form_only),
        cmocka_unit_test(store_failures_and_damage_are_reported),
        cmocka_unit_test(sort_is_a_sort),
        cmocka_unit_test(ics23_vectors_verify),
        cmocka_unit_test(the_vector_of_the_spec_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
