#include "attest/bundle.h"

#include "attest/testmachine.h"

enum { DAY = 86400 };
static const uint64_t now = 1750000000;

static struct vendor v;
static struct bundle b;
static struct bundle_plan plan;
static uint8_t room[1 << 20];
static struct attest_roots roots;

static struct span list(uint8_t out[4096], const char *issuer, const struct testcert_key *key,
                        uint64_t from)
{
    const struct testcert_list spec = {
        .issuer = issuer, .key = key, .from = from, .to = from + 30 * (uint64_t)DAY
    };
    return testcert_crl(out, 4096, &spec);
}

/* What the made vendor publishes at a time. */
static void take_all(uint64_t from, unsigned evaluation)
{
    static char text[VENDOR_DOCUMENT_MAX];
    uint8_t der[4096];
    const uint64_t to = from + 30 * (uint64_t)DAY;
    CHECK_OK(bundle_take(&b, vendor_tcb_info(&v, text, from, to, evaluation, 7)));
    CHECK_OK(bundle_take(&b, vendor_qe_identity(&v, text, from, to, evaluation)));
    CHECK_OK(bundle_take(&b, list(der, VENDOR_CA, &v.ca, from)));
    CHECK_OK(bundle_take(&b, list(der, VENDOR_ROOT, &v.root, from)));
}

static void begin(void)
{
    vendor_init(&v, now - 100 * (uint64_t)DAY, now + 100 * (uint64_t)DAY);
    roots = *attest_vendor_roots();
    roots.intel = v.root_cert;
    b = (struct bundle){ .room = { room, sizeof(room) } };
}

static void make_plan(const struct collateral_entry *entries, size_t count)
{
    const struct bundle_kept kept = { entries, count, { NULL, 0 } };
    bundle_plan(&plan, &b, &kept, &roots, now);
}

static void everything_is_posted_once_the_root_list_first(void **state)
{
    (void)state;
    begin();
    take_all(now - 5 * (uint64_t)DAY, 17);
    take_all(now - 2 * (uint64_t)DAY, 18); /* the newer of each is taken */
    CHECK_OK(bundle_take(&b, v.ca_cert));
    CHECK_OK(bundle_take(&b, v.signer_cert));
    CHECK_OK(bundle_take(&b, span_str("a note that somebody left in the folder")));
    make_plan(NULL, 0);
    CHECK(plan.count == 4 && plan.bad == 0);
    CHECK(plan.steps[0].entry.kind == COLLATERAL_ROOT_CRL);
    for (size_t i = 0; i < plan.count; i++)
        CHECK(plan.steps[i].entry.issued == now - 2 * (uint64_t)DAY);
    vendor_fini(&v);
}

static void what_the_registry_has_is_not_posted(void **state)
{
    (void)state;
    struct collateral_entry kept[4];
    begin();
    take_all(now - 2 * (uint64_t)DAY, 18);
    CHECK_OK(bundle_take(&b, v.ca_cert));
    CHECK_OK(bundle_take(&b, v.signer_cert));
    make_plan(NULL, 0);
    CHECK(plan.count == 4);
    for (size_t i = 0; i < 4; i++)
        kept[i] = plan.steps[i].entry;
    make_plan(kept, 4);
    CHECK(plan.count == 0 && plan.old == 4);
    make_plan(kept, 3);
    CHECK(plan.count == 1 && plan.steps[0].entry.kind == kept[3].kind);
    b.count = b.used = 0;
    take_all(now - (uint64_t)DAY,
             17); /* later, but of a lower number: lists go, documents do not */
    CHECK_OK(bundle_take(&b, v.ca_cert));
    CHECK_OK(bundle_take(&b, v.signer_cert));
    make_plan(kept, 4);
    CHECK(plan.count == 2 && plan.old == 2);
    CHECK(plan.steps[0].entry.kind == COLLATERAL_ROOT_CRL);
    CHECK(plan.steps[1].entry.kind == COLLATERAL_PCK_CRL);
    vendor_fini(&v);
}

static void what_is_wrong_is_counted_and_left(void **state)
{
    (void)state;
    begin();
    take_all(now - 60 * (uint64_t)DAY, 17); /* lapsed */
    CHECK_OK(bundle_take(&b, v.ca_cert));
    CHECK_OK(bundle_take(&b, v.signer_cert));
    make_plan(NULL, 0);
    CHECK(plan.count == 0 && plan.bad == 4);
    b.count = b.used = 0;
    take_all(now,
             17); /* without the certificates over them: of the four only the root's list can go */
    make_plan(NULL, 0);
    CHECK(plan.count == 1 && plan.steps[0].entry.kind == COLLATERAL_ROOT_CRL && plan.bad == 0);
    vendor_fini(&v);
}

/* The eight documents, read as a giver reads them. */
static void read_back(struct attest_collateral *out, struct span documents)
{
    struct span *const at[] = {
        &out->tcb_info, &out->qe_identity, &out->tcb_signer, &out->root_crl,
        &out->pck_crl,  &out->snp_leaf,    &out->snp_ca,     &out->snp_crl
    };
    struct reader r = reader_of(documents);
    *out = (struct attest_collateral){ 0 };
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        *at[i] = read_span(&r, read_le32(&r));
    CHECK_OK(reader_finish(&r));
}

/* A successor on a made machine: out of a bundle that has older documents and those of another time
 * too, what is chosen verifies its evidence, and with any one of the five away nothing does. */
static void what_is_chosen_judges_a_successor(void **state)
{
    (void)state;
    static uint8_t evidence[VENDOR_QUOTE_MAX], documents[64 << 10];
    static const uint8_t keys[6][32] = { { 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 6 } };
    const struct vendor_machine machine = { .number = 1, .program = 9, .svn = 7 };
    const struct attest_binding binding = { .worker = keys[0],
                                            .account = keys[1],
                                            .chain = keys[2],
                                            .release_id = keys[3],
                                            .block_hash = keys[4],
                                            .predecessor = keys[5],
                                            .exchange = keys[0] };
    struct attest_collateral chosen, got;
    struct attest_inputs inputs = { &roots, &got, now };
    const struct attest_context context = { .binding = binding, .inputs = &inputs };
    struct attest_verdict verdict;
    enum attest_kind kind;
    struct span data;
    begin();
    take_all(now - 60 * (uint64_t)DAY, 19); /* lapsed */
    take_all(now - 5 * (uint64_t)DAY, 18);
    take_all(now - 2 * (uint64_t)DAY, 17); /* of a lower number */
    CHECK_OK(bundle_take(&b, v.signer_cert));
    struct span e = machine_evidence(&v, evidence, &machine, &binding);
    CHECK_OK(attest_open(&kind, &data, e));
    CHECK(kind == ATTEST_SGX);
    bundle_choose(&chosen, &b, data, &roots, now);
    struct writer w = writer_of(documents, sizeof(documents));
    bundle_encode(&w, &chosen);
    CHECK_OK(w.err);
    read_back(&got, writer_span(&w));
    CHECK_OK(attest_verify(&verdict, e, &context));
    CHECK(verdict.status == STATUS_UP_TO_DATE && verdict.kind == ATTEST_SGX);
    CHECK(span_eq(got.tcb_info, chosen.tcb_info) && got.snp_leaf.n == 0 && got.snp_crl.n == 0);
    struct span *const each[] = { &got.tcb_info, &got.qe_identity, &got.tcb_signer, &got.root_crl,
                                  &got.pck_crl };
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        const struct span kept = *each[i];
        *each[i] = (struct span){ NULL, 0 };
        CHECK(attest_verify(&verdict, e, &context) != OK);
        *each[i] = kept;
    }
    CHECK_OK(attest_verify(&verdict, e, &context));
    vendor_fini(&v);
}

static void a_full_bundle_says_so(void **state)
{
    (void)state;
    begin();
    b.room.n = v.ca_cert.n + 1;
    CHECK_OK(bundle_take(&b, v.ca_cert));
    CHECK_ERR(bundle_take(&b, v.signer_cert), ERR_LIMIT);
    CHECK(b.count == 1);
    vendor_fini(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_posted_once_the_root_list_first),
        cmocka_unit_test(what_the_registry_has_is_not_posted),
        cmocka_unit_test(what_is_wrong_is_counted_and_left),
        cmocka_unit_test(what_is_chosen_judges_a_successor),
        cmocka_unit_test(a_full_bundle_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
