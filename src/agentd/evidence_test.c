#include "agentd/evidence.h"

#include "attest/testmachine.h"

enum { DAY = 86400 };
static const uint64_t now = 1750000000;
static struct vendor v;
static uint8_t framed[VENDOR_QUOTE_MAX + 64];

static struct span frame(const char *kind, struct span data)
{
    struct writer w = writer_of(framed, sizeof(framed));
    attest_evidence_encode(&w, kind, data);
    CHECK_OK(w.err);
    return writer_span(&w);
}

static void the_documents_of_a_machine_are_known_from_its_evidence(void **state)
{
    (void)state;
    static const uint8_t fmspc[6] = { 0x00, 0xc0, 0xff, 0xee, 0x00, 0x00 };
    const struct vendor_machine machine = { .number = 1, .program = 0x11, .svn = 7 };
    const uint8_t report_data[64] = { 1 };
    uint8_t quote[VENDOR_QUOTE_MAX], want[COLLATERAL_ID_SIZE];
    struct needs needs;
    vendor_init(&v, now - 100 * (uint64_t)DAY, now + 100 * (uint64_t)DAY);
    struct span evidence = frame("sgx", machine_quote(&v, quote, &machine, report_data));
    CHECK_OK(evidence_needs(&needs, evidence));
    CHECK(needs.intel && !needs.tdx && needs.count == 4 && memcmp(needs.fmspc, fmspc, 6) == 0);
    collateral_id_tcb_info(want, false, fmspc);
    bool found = false;
    for (uint32_t i = 0; i < needs.count; i++)
        found = found || (needs.items[i].kind == COLLATERAL_TCB_INFO &&
                          memcmp(needs.items[i].id, want, sizeof(want)) == 0);
    CHECK(found);
    CHECK(evidence_trouble(evidence)[0] == '\0');
    for (size_t n = 0; n < evidence.n; n += 1 + n / 16) {
        CHECK(evidence_needs(&needs, span_of(evidence.p, n)) != OK && needs.count == 0);
        CHECK(evidence_trouble(span_of(evidence.p, n))[0] != '\0');
    }
    vendor_fini(&v);
}

static void what_no_hardware_vouches_for_needs_none(void **state)
{
    (void)state;
    struct needs needs;
    CHECK_ERR(evidence_needs(&needs, frame("software", span_str("anything"))), ERR_UNSUPPORTED);
    CHECK(needs.count == 0);
    CHECK_ERR(evidence_needs(&needs, frame("sgx", span_str("no quote"))), ERR_FORMAT);
    CHECK(strstr(evidence_trouble(frame("sgx", span_str("no quote"))), "not of a form") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_documents_of_a_machine_are_known_from_its_evidence),
        cmocka_unit_test(what_no_hardware_vouches_for_needs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
