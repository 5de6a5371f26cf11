#include "base/check.h"
#include "base/hex.h"
#include "base/prng.h"
#include "codec/cid.h"
#include "codec/multibase.h"

static const char v0_text[] = "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD";
static const char v1_text[] = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

static struct cid parse(const char *text)
{
    struct cid cid;
    CHECK_OK(cid_parse(&cid, span_str(text)));
    return cid;
}

static void known_cids_parse_and_format(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t version, size;
        uint64_t codec, hash;
    } rows[] = {
        { v0_text, 0, 32, CID_CODEC_DAG_PB, CID_HASH_SHA2_256 },
        { v1_text, 1, 32, CID_CODEC_RAW, CID_HASH_SHA2_256 },
        { "bafkqaaa", 1, 0, CID_CODEC_RAW, CID_HASH_IDENTITY },
        { "bafyaabakaieac", 1, 4, CID_CODEC_DAG_PB, CID_HASH_IDENTITY },
        { "bafkqaedknncdsodknncdsnzvnbvuioak", 1, 16, CID_CODEC_RAW, CID_HASH_IDENTITY },
        { "k51qzi5uqu5dghjous0agrwavl8vzl64xckoqzwqeqwudfr74kfd11zcyk3b7l", 1, 36,
          CID_CODEC_LIBP2P_KEY, CID_HASH_IDENTITY },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cid cid = parse(rows[i].text);
        CHECK(cid.version == rows[i].version && cid.codec == rows[i].codec);
        CHECK(cid.hash == rows[i].hash && cid.digest_size == rows[i].size);
        char text[CID_TEXT_MAX];
        cid_format(text, &cid);
        CHECK(strcmp(text, rows[i].text) == 0);
    }
}

static void every_base_reads_back_and_case_is_free_where_legal(void **state)
{
    (void)state;
    struct cid want = parse(v1_text);
    static const enum multibase bases[] = { MULTIBASE_16,    MULTIBASE_32, MULTIBASE_36,
                                            MULTIBASE_58BTC, MULTIBASE_64, MULTIBASE_64URL };
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        char text[CID_TEXT_MAX];
        cid_format_base(text, &want, (char)bases[i]);
        struct cid back = parse(text);
        CHECK(cid_eq(&back, &want));
        if (i >= 3)
            continue;
        for (char *p = text; *p != '\0'; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        back = parse(text);
        CHECK(cid_eq(&back, &want));
    }
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    struct cid cid;
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        { "", ERR_SHORT },
        { "b", ERR_SHORT },
        { "xafkqaaa", ERR_UNSUPPORTED },
        { "bafkqaa1", ERR_FORMAT },            /* 1 is not a base32 digit */
        { "bafkqaab", ERR_FORMAT },            /* padding bits set */
        { "bafkqaaaa", ERR_TRAILING },         /* a digit too many */
        { "bafkqabiaaebagba", OK },            /* identity with five bytes, from codec-fixtures */
        { "bafkqabiaaebagbaa", ERR_TRAILING }, /* one more digit */
        { "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyf", ERR_UNSUPPORTED },
        { "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyf0", ERR_FORMAT },
        { "zQmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD", ERR_FORMAT }, /* v0 behind a prefix */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_ERR(cid_parse(&cid, span_str(rows[i].text)), rows[i].want);
}

static void binary_rules_hold(void **state)
{
    (void)state;
    struct cid cid;
    static const struct {
        const char *rule;
        const char *bytes;
        size_t n;
        enum err want;
    } rows[] = {
        { "empty", "", 0, ERR_SHORT },
        { "version 2", "\x02\x55\x00\x00", 4, ERR_FORMAT },
        { "version 0 written out", "\x00\x70\x00\x00", 4, ERR_FORMAT },
        { "padded codec", "\x01\xd5\x00\x00\x00", 5, ERR_FORMAT },
        { "padded hash", "\x01\x55\x80\x00\x00", 5, ERR_FORMAT },
        { "v0 of another length", "\x12\x1f", 2, ERR_FORMAT },
        { "identity of 129", "\x01\x55\x00\x81\x01", 5, ERR_LIMIT },
        { "digest of 65", "\x01\x55\x13\x41", 4, ERR_LIMIT },
        { "trailing", "\x01\x55\x00\x00\x00", 5, ERR_TRAILING },
        { "empty identity", "\x01\x55\x00\x00", 4, OK },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_ERR(cid_decode(&cid, span_of(rows[i].bytes, rows[i].n)), rows[i].want);
}

static void every_prefix_is_short_and_every_flip_is_another_cid(void **state)
{
    (void)state;
    const char *texts[] = { v0_text, v1_text, "bafkqaedknncdsodknncdsnzvnbvuioak" };
    for (size_t t = 0; t < 3; t++) {
        struct cid cid = parse(texts[t]), other;
        uint8_t buf[CID_SIZE_MAX + 1] = { 0 };
        struct writer w = writer_of(buf, CID_SIZE_MAX);
        cid_write(&w, &cid);
        CHECK(w.len == cid_size(&cid));
        for (size_t n = 0; n <= w.len + 1; n++) {
            uint8_t *exact = check_dup(buf, n);
            CHECK_ERR(cid_decode(&other, span_of(exact, n)), n < w.len    ? ERR_SHORT
                                                             : n == w.len ? OK
                                                                          : ERR_TRAILING);
            CHECK((n == w.len) == cid_eq(&other, &cid));
            free(exact);
        }
        for (size_t bit = 0; bit < 8 * w.len; bit++) {
            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (cid_decode(&other, writer_span(&w)) == OK)
                CHECK(!cid_eq(&other, &cid));
            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void a_cid_in_a_stream_says_where_it_ends(void **state)
{
    (void)state;
    struct cid cid = parse(v1_text), got;
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof(buf));
    cid_write(&w, &cid);
    write_bytes(&w, "rest", 4);
    struct reader r = reader_of(writer_span(&w));
    cid_read(&got, &r);
    CHECK(cid_eq(&got, &cid));
    CHECK(r.n == 4);
}

static void both_versions_of_a_block_have_one_key(void **state)
{
    (void)state;
    struct cid v0 = parse(v0_text);
    struct content_key k0, k1;
    CHECK_OK(cid_key(&k0, &v0));
    struct cid v1 = cid_of_key(&k0);
    CHECK_OK(cid_key(&k1, &v1));
    CHECK(!cid_eq(&v0, &v1));
    CHECK(cid_key_cmp(&k0, &k1) == 0);
    struct cid again = cid_v0(k1.digest);
    CHECK(cid_eq(&v0, &again));
    struct content_key raw = k0;
    raw.codec = CID_CODEC_RAW;
    CHECK(cid_key_cmp(&raw, &k0) < 0 && cid_key_cmp(&k0, &raw) > 0);
    struct cid identity = cid_identity(CID_CODEC_RAW, span_str("hi"));
    struct span data;
    CHECK(cid_inlined(&data, &identity));
    CHECK_SPAN(data, span_str("hi"));
    CHECK(!cid_inlined(&data, &v1));
    CHECK_ERR(cid_key(&k1, &identity), ERR_UNSUPPORTED);
    CHECK(k1.codec == 0);
}

static void multibase_round_trips_all_lengths(void **state)
{
    (void)state;
    static const enum multibase bases[] = { MULTIBASE_16,    MULTIBASE_32, MULTIBASE_36,
                                            MULTIBASE_58BTC, MULTIBASE_64, MULTIBASE_64URL };
    struct prng g;
    prng_init(&g, 7);
    for (size_t n = 0; n < 80; n++) {
        uint8_t in[80], out[80];
        prng_fill(&g, in, n);
        memset(in, 0, prng_below(&g, n / 2 + 1)); /* leading zeros are what base58 gets wrong */
        for (size_t b = 0; b < 6; b++) {
            char text[MULTIBASE_TEXT_MAX(80)];
            size_t size;
            CHECK_OK(multibase_format(text, sizeof(text), bases[b], span_of(in, n)));
            CHECK_OK(multibase_parse(out, &size, sizeof(out), span_str(text)));
            CHECK_SPAN(span_of(out, size), span_of(in, n));
            CHECK_ERR(multibase_format(text, strlen(text), bases[b], span_of(in, n)), ERR_LIMIT);
            if (n > 0) {
                CHECK_OK(multibase_format(text, sizeof(text), bases[b], span_of(in, n)));
                CHECK_ERR(multibase_parse(out, &size, n - 1, span_str(text)), ERR_LIMIT);
            }
        }
    }
}

/* Vectors of the multibase specification, tests/basic.csv: "yes mani !" */
static void multibase_vectors(void **state)
{
    (void)state;
    static const char *texts[] = { "f796573206d616e692021", "bpfsxgidnmfxgsibb",
                                   "k2lcpzo5yikidynfl",     "z7paNL19xttacUY",
                                   "meWVzIG1hbmkgIQ",       "ueWVzIG1hbmkgIQ",
                                   "F796573206D616E692021", "BPFSXGIDNMFXGSIBB",
                                   "K2LCPZO5YIKIDYNFL" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t out[32];
        size_t size;
        CHECK_OK(multibase_parse(out, &size, sizeof(out), span_str(texts[i])));
        CHECK_SPAN(span_of(out, size), span_str("yes mani !"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_cids_parse_and_format),
        cmocka_unit_test(every_base_reads_back_and_case_is_free_where_legal),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(binary_rules_hold),
        cmocka_unit_test(every_prefix_is_short_and_every_flip_is_another_cid),
        cmocka_unit_test(a_cid_in_a_stream_says_where_it_ends),
        cmocka_unit_test(both_versions_of_a_block_have_one_key),
        cmocka_unit_test(multibase_round_trips_all_lengths),
        cmocka_unit_test(multibase_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
