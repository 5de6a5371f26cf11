#include "codec/worker_label.h"

#include "base/check.h"

#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LABEL  "/crust/worker/1.0.0/" DIGITS

/* The vector of docs/spec/bitswap.md 4.6. */
static void labels_are_written_and_read(void **state)
{
    (void)state;
    uint8_t lineage[32], back[32];
    char text[WORKER_LABEL_MAX];
    for (size_t i = 0; i < 32; i++)
        lineage[i] = (uint8_t)(i % 16 * 0x11);
    worker_label_format(text, lineage);
    CHECK(strcmp(text, LABEL) == 0);
    CHECK_OK(worker_label_parse(back, span_str(text)));
    CHECK(memcmp(back, lineage, 32) == 0);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/crust/worker/1.1.0/" DIGITS,
        "/crust/worker/1.0.0/",
        LABEL "0",
        LABEL "/",
        " " LABEL,
        "/crust/worker/1.0.0/00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
        "/crust/worker/1.0.0/g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    };
    static const uint8_t zero[32];
    uint8_t lineage[32];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_ERR(worker_label_parse(lineage, span_str(bad[i])), ERR_FORMAT);
        CHECK(memcmp(lineage, zero, 32) == 0);
    }
    for (size_t n = 0; n < sizeof(LABEL) - 1; n++) {
        uint8_t *exact = check_dup(LABEL, n);
        CHECK_ERR(worker_label_parse(lineage, span_of(exact, n)), ERR_FORMAT);
        free(exact);
    }
}

static void a_peer_lists_it_among_its_protocols(void **state)
{
    (void)state;
    uint8_t lineage[32];
    struct identify id = { .protocol_count = 2 };
    id.protocols[0] = span_str("/ipfs/ping/1.0.0");
    id.protocols[1] = span_str("/ipfs/bitswap/1.2.0");
    CHECK_ERR(worker_label_of(lineage, &id), ERR_NOT_FOUND);
    id.protocols[1] = span_str(LABEL);
    CHECK_OK(worker_label_of(lineage, &id));
    CHECK(lineage[1] == 0x11 && lineage[31] == 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_written_and_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(a_peer_lists_it_among_its_protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
