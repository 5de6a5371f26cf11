#include "attest/attest.h"

#include "attest/collateral.h"
#include "attest/testcases.h"
#include "base/check.h"
#include "base/hex.h"
#include "codec/cbor.h"

static const uint8_t seed[32] = { 1, 2, 3 };
static const uint8_t account[32] = { 4 }, chain[32] = { 5 }, release_id[32] = { 6 },
                     block_hash[32] = { 7 };

struct fixture {
    struct ed25519_key key;
    struct attest_context context;
    uint8_t bytes[ATTEST_SOFTWARE_MAX];
    size_t size;
};

static void setup(struct fixture *f)
{
    ed25519_keypair(&f->key, seed);
    f->context = (struct attest_context){
        .binding = { f->key.public_key, account, chain, release_id, block_hash, NULL, NULL },
        .allow_software = true,
    };
    struct writer w = writer_of(f->bytes, sizeof(f->bytes));
    attest_software_encode(&w, &f->context.binding, &f->key);
    CHECK_OK(w.err);
    f->size = w.len;
}

static void test_software_evidence_verifies(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    struct attest_verdict v;
    CHECK_OK(attest_verify(&v, span_of(f.bytes, f.size), &f.context));
    CHECK(v.kind == ATTEST_SOFTWARE && v.measurement_size == 0);
    CHECK(strcmp(attest_kind_name(v.kind), "software") == 0);
    uint8_t expected[ATTEST_REPORT_DATA_SIZE];
    attest_report_data(expected, &f.context.binding);
    CHECK(memcmp(v.report_data, expected, sizeof(expected)) == 0);
}

static void test_software_is_refused_unless_the_chain_allows_it(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.context.allow_software = false;
    struct attest_verdict v;
    CHECK_ERR(attest_verify(&v, span_of(f.bytes, f.size), &f.context), ERR_DENIED);
}

static void test_every_bound_value_matters(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    static const uint8_t other[32] = { 99 };
    struct ed25519_key stranger;
    ed25519_keypair(&stranger, other);
    for (int i = 0; i < 5; i++) {
        struct attest_context c = f.context;
        const uint8_t **fields[] = { &c.binding.account, &c.binding.chain, &c.binding.release_id,
                                     &c.binding.block_hash, &c.binding.worker };
        *fields[i] = i == 4 ? stranger.public_key : other;
        struct attest_verdict v;
        CHECK_ERR(attest_verify(&v, span_of(f.bytes, f.size), &c), ERR_SIGNATURE);
        CHECK(v.platform_id[0] == 0 && v.report_data[0] == 0);
    }
}

/* The oracle's bytes, in hex, under a name. */
static void vector(uint8_t *out, size_t n, const char *group, const char *name)
{
    static struct json doc;
    static uint8_t text[64 << 10];
    if (doc.root == NULL) {
        FILE *f = fopen("tests/vectors/oracle/misc.json", "rb");
        CHECK(f != NULL);
        size_t size = fread(text, 1, sizeof(text), f);
        (void)fclose(f);
        CHECK_OK(json_open(&doc, span_of(text, size), sizeof(text)));
    }
    struct json_value v = json_find(json_get(json_root(&doc), group), name);
    CHECK_OK(hex_parse(out, n, json_text(v)));
}

static void test_what_is_bound_is_as_the_oracle_has_it(void **state)
{
    (void)state;
    uint8_t bound[7][32], want[ATTEST_REPORT_DATA_SIZE], got[ATTEST_REPORT_DATA_SIZE], id[32];
    for (size_t i = 0; i < 7; i++)
        memset(bound[i], (int)i + 1, 32);
    struct attest_binding b = { bound[0], bound[1], bound[2], bound[3], bound[4], NULL, NULL };
    attest_report_data(got, &b);
    vector(want, sizeof(want), "evidence", "data");
    CHECK(memcmp(got, want, sizeof(want)) == 0);
    b.predecessor = bound[5];
    b.exchange = bound[6];
    attest_report_data(got, &b);
    vector(want, sizeof(want), "evidence", "successor");
    CHECK(memcmp(got, want, sizeof(want)) == 0);
    attest_release_id(id, span_str("1.2.0"));
    vector(want, 32, "evidence", "release_id");
    CHECK(memcmp(id, want, 32) == 0);
    collateral_id_tcb_info(id, true, (const uint8_t[6]){ 0, 1, 2, 3, 4, 5 });
    vector(want, 32, "collateral", "tcb_info");
    CHECK(memcmp(id, want, 32) == 0);
    collateral_id_qe_identity(id, false);
    vector(want, 32, "collateral", "qe_identity");
    CHECK(memcmp(id, want, 32) == 0);
    collateral_id_amd_crl(id, SNP_GENOA);
    vector(want, 32, "collateral", "amd_crl");
    CHECK(memcmp(id, want, 32) == 0);
    collateral_id_amd_ca(id, SNP_TURIN, true);
    vector(want, 32, "collateral", "asvk");
    CHECK(memcmp(id, want, 32) == 0);
}

/* Evidence of a successor is none of a worker that registers, and binds what it adds. */
static void test_a_successors_evidence_binds_more(void **state)
{
    (void)state;
    static const uint8_t predecessor[32] = { 8 }, exchange[32] = { 9 }, other[32] = { 99 };
    struct fixture f;
    struct attest_verdict v;
    setup(&f);
    f.context.binding.predecessor = predecessor;
    f.context.binding.exchange = exchange;
    CHECK_ERR(attest_verify(&v, span_of(f.bytes, f.size), &f.context), ERR_SIGNATURE);
    struct writer w = writer_of(f.bytes, sizeof(f.bytes));
    attest_software_encode(&w, &f.context.binding, &f.key);
    CHECK_OK(attest_verify(&v, writer_span(&w), &f.context));
    for (int i = 0; i < 3; i++) {
        struct attest_context c = f.context;
        if (i == 0)
            c.binding.predecessor = other;
        else if (i == 1)
            c.binding.exchange = other;
        else
            c.binding.predecessor = c.binding.exchange = NULL;
        CHECK_ERR(attest_verify(&v, writer_span(&w), &c), ERR_SIGNATURE);
    }
}

static void test_every_prefix_and_flip_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    struct attest_verdict v;
    for (size_t n = 0; n < f.size; n++) {
        uint8_t *exact = check_dup(f.bytes, n);
        CHECK(attest_verify(&v, span_of(exact, n), &f.context) != OK);
        free(exact);
    }
    for (size_t bit = 0; bit < f.size * 8; bit++) {
        uint8_t *exact = check_dup(f.bytes, f.size);
        exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK(attest_verify(&v, span_of(exact, f.size), &f.context) != OK);
        free(exact);
    }
    uint8_t *longer = check_dup(f.bytes, f.size + 1);
    CHECK_ERR(attest_verify(&v, span_of(longer, f.size + 1), &f.context), ERR_TRAILING);
    free(longer);
}

static void test_kinds_without_a_verifier_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    static const char *const names[] = { "sgx", "tdx", "snp", "sev", "", "Software" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint8_t buf[128];
        struct writer w = writer_of(buf, sizeof(buf));
        cbor_write_map(&w, 2);
        cbor_write_str(&w, "data");
        cbor_write_bytes(&w, span_of(seed, sizeof(seed)));
        cbor_write_str(&w, "kind");
        cbor_write_str(&w, names[i]);
        struct attest_verdict v;
        CHECK_ERR(attest_verify(&v, writer_span(&w), &f.context), ERR_UNSUPPORTED);
    }
}

/* Real evidence is genuine and binds something of somebody else's: that step refuses it, and no
 * earlier one. Under another kind's name it is refused for its form. */
static void test_hardware_evidence_must_bind_the_worker(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum attest_kind kind;
    } rows[] = {
        { "sgx-automata-ok", ATTEST_SGX },
        { "tdx-phala-ok", ATTEST_TDX },
        { "tdx-gotdx-v5-ok-e19", ATTEST_TDX },
        { "snp-milan-v2-ok", ATTEST_SNP },
    };
    struct fixture f;
    setup(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct testcase t;
        testcases_find(&t, rows[i].id);
        for (int kind = ATTEST_SGX; kind <= ATTEST_SNP; kind++) {
            static uint8_t room[ATTEST_EVIDENCE_MAX];
            struct writer w = writer_of(room, sizeof(room));
            cbor_write_map(&w, 2);
            cbor_write_str(&w, "data");
            cbor_write_bytes(&w, t.evidence);
            cbor_write_str(&w, "kind");
            cbor_write_str(&w, attest_kind_name((enum attest_kind)kind));
            CHECK_OK(w.err);
            struct attest_verdict v;
            f.context.inputs = NULL;
            CHECK_ERR(attest_verify(&v, writer_span(&w), &f.context), ERR_UNSUPPORTED);
            f.context.inputs = &t.inputs;
            bool same = kind == (int)rows[i].kind;
            CHECK_ERR(attest_verify(&v, writer_span(&w), &f.context),
                      same ? ERR_SIGNATURE : ERR_FORMAT);
            CHECK(v.code == (same ? VERDICT_BINDING : VERDICT_FORMAT));
            CHECK(v.measurement_size == 0 && !v.has_device);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_software_evidence_verifies),
        cmocka_unit_test(test_software_is_refused_unless_the_chain_allows_it),
        cmocka_unit_test(test_every_bound_value_matters),
        cmocka_unit_test(test_what_is_bound_is_as_the_oracle_has_it),
        cmocka_unit_test(test_a_successors_evidence_binds_more),
        cmocka_unit_test(test_every_prefix_and_flip_is_refused),
        cmocka_unit_test(test_kinds_without_a_verifier_are_refused),
        cmocka_unit_test(test_hardware_evidence_must_bind_the_worker),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_close(&testcases_doc);
    return failed;
}
