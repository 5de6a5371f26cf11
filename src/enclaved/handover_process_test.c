/* The judgement of a successor inside the sandbox of the real process: all that libcrypto needs is
 * there before it, whatever evidence comes. */
#include "attest/bundle.h"
#include "attest/testcases.h"
#include "base/hex.h"
#include "codec/release_cert.h"
#include "crypto/random.h"
#include "enclaved/fake_enclave_test.h"

static const struct span nothing = { NULL, 0 };
static struct ed25519_key governor;
static uint8_t certificate[RELEASE_CERT_SIZE_MAX];

static struct span make_certificate(const uint8_t chain[32])
{
    struct release_cert c = { .number = 1000, .issued = 1500000000, .program_count = 1 };
    uint8_t hash[32], signature[64];
    struct writer w = writer_of(certificate, sizeof(certificate));
    memcpy(c.chain, chain, 32);
    c.programs[0].kind = ATTEST_TDX;
    release_cert_encode_body(&w, &c);
    release_cert_hash(hash, writer_span(&w));
    ed25519_sign(signature, span_of(hash, 32), &governor);
    write_u8(&w, 1);
    write_u8(&w, 0);
    write_bytes(&w, signature, 64);
    CHECK_OK(w.err);
    return writer_span(&w);
}

static void test_real_evidence_is_judged_in_the_sandbox(void **state)
{
    (void)state;
    static struct fake_enclave e;
    static uint8_t evidence[ATTEST_EVIDENCE_MAX + 64], room[ENCLAVE_DOCUMENTS_MAX];
    static struct testcase t;
    uint8_t seed[32];
    char keys[3 + 64] = "1:";
    random_bytes(seed, sizeof(seed));
    ed25519_keypair(&governor, seed);
    hex_format(keys + 2, span_of(governor.public_key, 32));
    fake_enclave_release_keys = keys;
    fake_enclave_open(&e, 0, "1");
    CHECK_OK(fake_start(&e.host));
    struct json_value list = testcases_open("cases");
    unsigned judged = 0;
    for (size_t i = 0; i < json_count(list); i++) {
        struct enclave_reply r;
        struct enclave_request m = { .type = ENCLAVE_HAND_OVER };
        testcases_load(&t, json_at(list, i));
        if (t.evidence.n + ATTEST_FRAME_MAX > ATTEST_EVIDENCE_MAX)
            continue;
        struct writer w = writer_of(evidence, sizeof(evidence));
        attest_evidence_encode(&w,
                               !t.dcap                        ? "snp"
                               : strncmp(t.id, "tdx", 3) == 0 ? "tdx"
                                                              : "sgx",
                               t.evidence);
        m.u.hand_over.evidence = writer_span(&w);
        m.u.hand_over.certificate = make_certificate(e.host.chain);
        m.u.hand_over.time = t.inputs.time > 0 ? t.inputs.time : 1600000000;
        w = writer_of(room, sizeof(room));
        bundle_encode(&w, &t.collateral);
        CHECK_OK(w.err);
        enum err got = fake_ask(&e.host, &r, NULL, &m, writer_span(&w));
        /* Genuine or not, it is about somebody else: nothing is given. */
        CHECK(got != OK && got != ERR_CLOSED && got != ERR_TIMEOUT);
        judged += got == ERR_SIGNATURE;
    }
    CHECK(judged > 20);
    struct enclave_reply r;
    const struct enclave_request m = { .type = ENCLAVE_STATUS };
    CHECK_OK(fake_ask(&e.host, &r, NULL, &m, nothing));
    CHECK(memcmp(r.u.status.owner, e.host.worker, 32) == 0);
    fake_enclave_close(&e);
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_evidence_is_judged_in_the_sandbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
