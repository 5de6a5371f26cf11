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
        cmocka_unit_test(a_full_bundle_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
