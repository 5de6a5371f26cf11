#include "cli/attestation.h"

#include "base/check.h"

enum { DAY = 86400, HOUR = 3600 };
static const uint64_t now = 1750000000, valid = 3 * (uint64_t)DAY;

static struct chain_client_worker worker(const char *class, uint64_t expires_at)
{
    struct chain_client_worker w = { .weight = 1000, .expires_at = expires_at };
    memcpy(w.provider, "sgx", 4);
    memcpy(w.class, class, strlen(class) + 1);
    memcpy(w.status, "UpToDate", 9);
    return w;
}

static void says(const struct chain_client_worker *w, enum attestation_state state,
                 const char *want)
{
    char text[ATTESTATION_TEXT_MAX];
    const struct attestation a = attestation_of(w, valid, now);
    attestation_text(text, &a, w);
    CHECK(a.state == state);
    assert_string_equal(text, want);
    CHECK((a.next == NULL) == (state == ATTESTATION_SOFTWARE || state == ATTESTATION_GOOD));
}

static void it_is_told_how_long_it_holds(void **state)
{
    (void)state;
    struct chain_client_worker w = worker("sgx", now + 2 * DAY + 5 * HOUR + 100);
    says(&w, ATTESTATION_GOOD, "sgx, UpToDate, counts in full; lapses in 2 days 5 hours");
    w = worker("sgx-hardening", now + DAY + HOUR);
    w.weight = 900;
    says(&w, ATTESTATION_GOOD,
         "sgx-hardening, UpToDate, counts 900 of 1000; lapses in 1 day 1 hour");
    w = worker("sgx", now + valid / 4);
    says(&w, ATTESTATION_GOOD, "sgx, UpToDate, counts in full; lapses in 18 hours");
    w.expires_at--;
    says(&w, ATTESTATION_SOON,
         "sgx, UpToDate, counts in full; lapses in 17 hours: SHOULD HAVE BEEN RENEWED BY NOW");
    w.expires_at = now;
    says(&w, ATTESTATION_SOON,
         "sgx, UpToDate, counts in full; lapses in 0 minutes: SHOULD HAVE BEEN RENEWED BY NOW");
}

static void a_lapse_is_told_and_why_is_to_be_seen(void **state)
{
    (void)state;
    struct chain_client_worker w = worker("none", now - 3 * HOUR);
    w.lapsed = true;
    w.weight = 200;
    says(&w, ATTESTATION_LAPSED, "sgx HAS LAPSED 3 hours ago: the worker counts 200 of 1000");
    w.lapsed = false; /* the chain's next slot will say it */
    says(&w, ATTESTATION_LAPSED, "sgx HAS LAPSED 3 hours ago: the worker counts 200 of 1000");
    w.lapsed = true;
    w.expires_at = now + DAY; /* revoked */
    says(&w, ATTESTATION_LAPSED, "sgx HAS LAPSED before its time: the worker counts 200 of 1000");
}

static void software_does_not_lapse(void **state)
{
    (void)state;
    struct chain_client_worker w = worker("software", 0);
    says(&w, ATTESTATION_SOFTWARE, "software, no hardware: it does not lapse; counts in full");
}

static void the_json_has_the_days_left(void **state)
{
    (void)state;
    const struct chain_client_worker w = worker("sgx", now + 2 * DAY + 5 * HOUR),
                                     software = worker("software", 0);
    struct attestation a = attestation_of(&w, 0, now);
    json_t *o = attestation_json(&a, &w);
    CHECK(json_integer_value(json_object_get(o, "days_left")) == 2);
    CHECK(strcmp(json_string_value(json_object_get(o, "state")), "good") == 0);
    CHECK(json_is_null(json_object_get(o, "next")));
    json_decref(o);
    a = attestation_of(&w, 0, w.expires_at + 1);
    o = attestation_json(&a, &w);
    CHECK(json_integer_value(json_object_get(o, "days_left")) == 0);
    CHECK(strcmp(json_string_value(json_object_get(o, "state")), "lapsed") == 0);
    CHECK(json_is_string(json_object_get(o, "next")));
    json_decref(o);
    a = attestation_of(&software, 0, now);
    o = attestation_json(&a, &software);
    CHECK(json_is_null(json_object_get(o, "days_left")));
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_how_long_it_holds),
        cmocka_unit_test(a_lapse_is_told_and_why_is_to_be_seen),
        cmocka_unit_test(software_does_not_lapse),
        cmocka_unit_test(the_json_has_the_days_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
