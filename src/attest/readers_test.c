/* The readers of evidence: what each accepts and refuses, clause by clause of docs/spec/attest.md,
 * and every prefix of real input. */
#include "attest/testcases.h"

#include "attest/jtext.h"
#include "attest/pck.h"
#include "base/check.h"

static struct reader bytes_of(const char *hex, uint8_t room[64])
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned v = 0;
        for (int j = 0; j < 2; j++) {
            char c = hex[2 * i + (size_t)j];
            v = v * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        room[i] = (uint8_t)v;
    }
    return reader_of(span_of(room, n));
}

static void test_der_lengths_are_minimal_and_definite(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum err want;
    } rows[] = {
        { "0401aa", OK },
        { "0400", OK },
        { "048101aa", ERR_FORMAT },
        { "04820001aa", ERR_FORMAT },
        { "0480aa0000", ERR_FORMAT },
        { "0483000001aa", ERR_FORMAT },
        { "0402aa", ERR_SHORT },
        { "0501aa", ERR_FORMAT },
        { "04", ERR_SHORT },
        { "", ERR_SHORT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t room[64];
        struct reader r = bytes_of(rows[i].hex, room);
        struct span s = der_read(&r, DER_OCTET_STRING);
        CHECK_ERR(r.err, rows[i].want);
        CHECK(r.err == OK || s.n == 0);
    }
}

static void test_der_integers(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum err want;
        uint64_t value;
    } rows[] = {
        { "020100", OK, 0 },          { "02017f", OK, 127 },         { "020200d9", OK, 217 },
        { "0201d9", ERR_FORMAT, 0 },  { "0202007f", ERR_FORMAT, 0 }, { "0200", ERR_FORMAT, 0 },
        { "02020100", ERR_RANGE, 0 }, { "0a0101", ERR_FORMAT, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t room[64];
        struct reader r = bytes_of(rows[i].hex, room);
        CHECK(der_read_uint(&r, DER_INTEGER, 255) == rows[i].value);
        CHECK_ERR(r.err, rows[i].want);
    }
}

static void test_moments(void **state)
{
    (void)state;
    static const struct {
        const char *digits;
        uint64_t seconds; /* 1: refused */
    } rows[] = {
        { "19700101000000", 0 },          { "20000229120000", 951825600 },
        { "20491231235959", 2524607999 }, { "20250620000000", 1750377600 },
        { "21000301000000", 4107542400 }, { "20250229000000", 1 },
        { "21000229000000", 1 },          { "20251301000000", 1 },
        { "20250100000000", 1 },          { "20250101240000", 1 },
        { "20250101006000", 1 },          { "20250101000060", 1 },
        { "19691231235959", 1 },          { "2025010100000x", 1 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t v;
        enum err e = der_seconds(&v, rows[i].digits);
        CHECK((e == OK) == (rows[i].seconds != 1));
        CHECK(e != OK || v == rows[i].seconds);
    }
}

static enum err skip_whole(const char *text)
{
    struct jtext j = jtext_of(span_str(text));
    (void)jtext_skip(&j);
    return jtext_finish(&j);
}

static void test_json_is_strict(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "[]",
        " { \"a\" : [ 1 , 2 ] , \"b\" : null } ",
        "\"x\\u0041\\n\"",
        "0",
        "2147483647",
        "[[[[[[[[]]]]]]]]",
        "true",
        "{\"a\":{\"a\":1}}",
    };
    static const char *const bad[] = {
        "",
        "{",
        "{\"a\"}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "01",
        "-1",
        "1.5",
        "1e3",
        "2147483648",
        "{a:1}",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "nul",
        "[1 2]",
        "{} x",
        "\"a\tb\"",
        "{\"a\":1,\"a\":2}",
        "[[[[[[[[[]]]]]]]]]",
        "{\"a\\u0062\":1}",
        "99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK_OK(skip_whole(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(skip_whole(bad[i]) != OK);
}

static void test_json_dates_are_exact(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\"2025-06-20T00:00:00\"",
        "\"2025-06-20t00:00:00Z\"",
        "\"2025-06-20T00:00:00.0Z\"",
        "\"2025-6-20T00:00:00Z\"",
        "\"2025-06-20T00:00:00+00:00\"",
        "\"2025-02-30T00:00:00Z\"",
        "1750377600",
    };
    struct jtext j = jtext_of(span_str("\"2025-06-20T00:00:00Z\""));
    CHECK(jtext_time(&j) == 1750377600);
    CHECK_OK(jtext_finish(&j));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        j = jtext_of(span_str(bad[i]));
        (void)jtext_time(&j);
        CHECK(jtext_finish(&j) != OK);
    }
}

static void test_statuses_join(void **state)
{
    (void)state;
    static const char *const words[] = { "UpToDate",
                                         "SWHardeningNeeded",
                                         "ConfigurationNeeded",
                                         "ConfigurationAndSWHardeningNeeded",
                                         "OutOfDate",
                                         "OutOfDateConfigurationNeeded",
                                         "Revoked" };
    /* Rows: Intel's convergence of a platform with a part that is OutOfDate. */
    static const char *const with_old[] = { "OutOfDate",
                                            "OutOfDate",
                                            "OutOfDateConfigurationNeeded",
                                            "OutOfDateConfigurationNeeded",
                                            "OutOfDate",
                                            "OutOfDateConfigurationNeeded",
                                            "Revoked" };
    for (size_t i = 0; i < 7; i++) {
        uint8_t s;
        CHECK_OK(status_parse(&s, span_str(words[i])));
        assert_string_equal(status_text(s), words[i]);
        CHECK(status_join(s, STATUS_UP_TO_DATE) == s && status_join(STATUS_NONE, s) == s);
        CHECK(status_join(s, STATUS_REVOKED) == STATUS_REVOKED);
        assert_string_equal(status_text(status_join(s, STATUS_OUT_OF_DATE)), with_old[i]);
    }
    uint8_t s;
    CHECK_ERR(status_parse(&s, span_str("uptodate")), ERR_FORMAT);
    CHECK_ERR(status_parse(&s, span_str("TDRelaunchAdvised")), ERR_FORMAT);
}

static void test_advisories_are_sorted_and_bounded(void **state)
{
    (void)state;
    struct status_advisories list = { .count = 0 };
    CHECK_OK(status_add(&list, span_str("INTEL-SA-00615")));
    CHECK_OK(status_add(&list, span_str("INTEL-SA-00334")));
    CHECK_OK(status_add(&list, span_str("INTEL-SA-00615")));
    CHECK(list.count == 2);
    assert_string_equal(list.ids[0], "INTEL-SA-00334");
    CHECK_ERR(status_add(&list, span_str("")), ERR_LIMIT);
    CHECK_ERR(status_add(&list, span_str("INTEL-SA-0000000000000000")), ERR_LIMIT);
    CHECK_ERR(status_add(&list, span_str("intel")), ERR_FORMAT);
    for (int i = 0; i < 70; i++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "X-%d", i);
        CHECK_ERR(status_add(&list, span_str(id)), i < 62 ? OK : ERR_LIMIT);
    }
}

/* Every strict prefix of real input, each in an allocation of its own. */
static void check_prefixes(struct span in, enum err (*read)(struct span))
{
    CHECK_OK(read(in));
    for (size_t n = 0; n < in.n; n++) {
        uint8_t *exact = check_dup(in.p, n);
        CHECK(read(span_of(exact, n)) != OK);
        free(exact);
    }
    uint8_t *longer = check_dup(in.p, in.n + 1);
    longer[in.n] = 'x';
    CHECK(read(span_of(longer, in.n + 1)) != OK);
    free(longer);
}

static enum err read_cert(struct span in)
{
    struct x509 cert;
    return x509_decode(&cert, in);
}

static enum err read_crl(struct span in)
{
    struct x509_crl crl;
    return x509_crl_decode(&crl, in);
}

static enum err read_tcb_info(struct span in)
{
    static struct tcbinfo info;
    struct tcbinfo_signed s;
    TRY(tcbinfo_open(&s, in, "tcbInfo"));
    return tcbinfo_decode(&info, s.body);
}

static enum err read_qe_identity(struct span in)
{
    static struct tcbinfo_qe qe;
    struct tcbinfo_signed s;
    TRY(tcbinfo_open(&s, in, "enclaveIdentity"));
    return tcbinfo_qe_decode(&qe, s.body);
}

static enum err read_report(struct span in)
{
    struct snp_report report;
    return snp_report_decode(&report, in);
}

static void test_every_prefix_of_real_input(void **state)
{
    (void)state;
    static struct testcase t;
    testcases_find(&t, "tdx-gotdx-v5-ok-e19");
    check_prefixes(t.collateral.tcb_info, read_tcb_info);
    check_prefixes(t.collateral.qe_identity, read_qe_identity);
    check_prefixes(t.collateral.pck_crl, read_crl);
    check_prefixes(t.collateral.root_crl, read_crl);
    check_prefixes(t.collateral.tcb_signer, read_cert);
    testcases_find(&t, "snp-turin-v5-ok");
    check_prefixes(t.collateral.snp_leaf, read_cert);
    check_prefixes(t.collateral.snp_ca, read_cert);
    check_prefixes(t.evidence, read_report);
}

/* SGX in the frames of v4 and v5, made from a real v3 quote: all holds but the quote's signature,
 * which covers the frame. */
static void test_sgx_in_newer_frames(void **state)
{
    (void)state;
    static struct testcase t;
    testcases_find(&t, "sgx-phala-ok");
    struct span old = t.evidence;
    for (uint16_t version = 4; version <= 5; version++) {
        static uint8_t room[8192];
        struct writer w = writer_of(room, sizeof(room));
        uint8_t head[48];
        memcpy(head, old.p, 48);
        head[0] = (uint8_t)version;
        write_bytes(&w, head, 48);
        if (version == 5)
            write_bytes(&w, "\x01\x00\x80\x01\x00\x00", 6);
        write_bytes(&w, old.p + 48, 384);
        size_t rest = old.n - 436 - 128; /* QE report and what follows */
        write_le32(&w, (uint32_t)(128 + 6 + rest));
        write_bytes(&w, old.p + 436, 128);
        write_bytes(&w, "\x06\x00", 2);
        write_le32(&w, (uint32_t)rest);
        write_bytes(&w, old.p + 436 + 128, rest);
        CHECK_OK(w.err);
        struct quote q;
        struct attest_verdict v;
        t.evidence = writer_span(&w);
        CHECK_OK(quote_decode(&q, t.evidence));
        CHECK(q.version == version && q.body == QUOTE_BODY_SGX && q.cert_type == 5);
        CHECK_ERR(testcases_verify(&v, &t), ERR_SIGNATURE);
        CHECK(v.code == VERDICT_QUOTE_SIGNATURE);
        room[4] = 0x81; /* TDX, with an SGX body */
        CHECK(quote_decode(&q, t.evidence) != OK);
        room[4] = 0;
    }
}

static void test_pem_frames(void **state)
{
    (void)state;
    static struct pem_chain chain;
    static const char a[] = "-----BEGIN CERTIFICATE-----\nAAEC\nAwQ=\n-----END CERTIFICATE-----";
    static const char *const good_tails[] = { "", "\n" };
    static const char *const bad[] = {
        "",
        "x",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAE\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAEC\nAwR=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAwQ=\nAAEC\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAEC\n\nAAEC\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\r\nAAEC\r\n-----END CERTIFICATE-----\n",
        "-----BEGIN X509 CRL-----\nAAEC\n-----END X509 CRL-----\n",
        " -----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n\n",
        "-----BEGIN CERTIFICATE-----\nAA*C\n-----END CERTIFICATE-----\n",
    };
    for (size_t i = 0; i < 2; i++) {
        char text[256];
        int n = snprintf(text, sizeof(text), "%s\n%s%s", a, a, good_tails[i]);
        for (int nul = 0; nul < 2; nul++) {
            CHECK_OK(pem_decode(&chain, span_of(text, (size_t)(n + nul))));
            CHECK(chain.count == 2);
            CHECK_SPAN(chain.certs[1], span_of("\0\1\2\3\4", 5));
        }
        CHECK(pem_decode(&chain, span_of(text, (size_t)(n + 2))) != OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(pem_decode(&chain, span_str(bad[i])) != OK);
        CHECK(chain.count == 0);
    }
    char five[512];
    (void)snprintf(five, sizeof(five), "%s\n%s\n%s\n%s\n%s\n", a, a, a, a, a);
    CHECK_ERR(pem_decode(&chain, span_str(five)), ERR_LIMIT);
}

/* A host's certificate table behind a report is used before what the caller has. */
static void test_certificates_from_the_hosts_table(void **state)
{
    (void)state;
    static const uint8_t vcek[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
                                      0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
    static const uint8_t ask[16] = { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4,
                                     0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 };
    static const uint8_t zero[24];
    static struct testcase t;
    static uint8_t room[8192];
    struct attest_verdict before, v;
    testcases_find(&t, "snp-genoa-v5-ok");
    CHECK_OK(testcases_verify(&before, &t));
    struct span leaf = t.collateral.snp_leaf, ca = t.collateral.snp_ca;
    struct writer w = writer_of(room, sizeof(room));
    write_span(&w, t.evidence);
    write_bytes(&w, vcek, 16);
    write_le32(&w, 72);
    write_le32(&w, (uint32_t)leaf.n);
    write_bytes(&w, ask, 16);
    write_le32(&w, (uint32_t)(72 + leaf.n));
    write_le32(&w, (uint32_t)ca.n);
    write_bytes(&w, zero, 24);
    write_span(&w, leaf);
    write_span(&w, ca);
    CHECK_OK(w.err);
    t.collateral.snp_leaf = t.collateral.snp_ca = (struct span){ NULL, 0 };
    CHECK(testcases_verify(&v, &t) != OK);
    t.evidence = writer_span(&w);
    CHECK_OK(testcases_verify(&v, &t));
    CHECK(memcmp(&v, &before, sizeof(v)) == 0);
    struct snp_table table;
    struct span all = span_sub(t.evidence, SNP_REPORT_SIZE, t.evidence.n);
    for (size_t n = 1; n < all.n; n++)
        CHECK(snp_table_decode(&table, span_sub(all, 0, n)) != OK);
    memcpy(room + SNP_REPORT_SIZE + 24, vcek, 16); /* named twice */
    CHECK_ERR(snp_table_decode(&table, all), ERR_FORMAT);
}

static void test_vendor_roots_are_what_they_say(void **state)
{
    (void)state;
    const struct attest_roots *roots = attest_vendor_roots();
    struct x509 cert;
    CHECK_OK(x509_decode(&cert, roots->intel));
    CHECK_OK(x509_check_seal(&cert.seal, &cert.key));
    CHECK(span_eq(cert.common_name, span_str("Intel SGX Root CA")) && cert.ca && cert.signs_crl);
    for (int i = 0; i < SNP_PRODUCTS; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "ARK-%s", snp_product_name((enum snp_product)i));
        CHECK_OK(x509_decode(&cert, roots->amd[i]));
        CHECK_OK(x509_check_seal(&cert.seal, &cert.key));
        CHECK(span_eq(cert.common_name, span_str(name)) && cert.ca && cert.signs_crl);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_der_lengths_are_minimal_and_definite),
        cmocka_unit_test(test_der_integers),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_json_is_strict),
        cmocka_unit_test(test_json_dates_are_exact),
        cmocka_unit_test(test_statuses_join),
        cmocka_unit_test(test_advisories_are_sorted_and_bounded),
        cmocka_unit_test(test_every_prefix_of_real_input),
        cmocka_unit_test(test_sgx_in_newer_frames),
        cmocka_unit_test(test_pem_frames),
        cmocka_unit_test(test_certificates_from_the_hosts_table),
        cmocka_unit_test(test_vendor_roots_are_what_they_say),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_close(&testcases_doc);
    return failed;
}
