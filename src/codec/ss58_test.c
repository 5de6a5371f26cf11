/* SS58 addresses against @polkadot/util-crypto, and what is refused. */
#include "codec/ss58.h"

#include "base/check.h"
#include "base/hex.h"

/* One key under many prefixes, by encodeAddress of npm @polkadot/util-crypto 14.0.3. */
static const char key_text[] = "0fae991aa51afad10216bf5af377958f174191d49346fff2fbbbbfda64e38999";
static const struct {
    uint16_t prefix;
    const char *text;
} rows[] = {
    { 0, "1MZav2e4WcDt1tASDjwnM9izj76FthaGeusHeLrEgcyButi" },
    { 1, "79Dqua3SoUx35HdLkcyAFR9eDFPK5L6TbTzuKz9hYDTU8mL" },
    { 2, "Cvt6u7Sq6MgC8h6FHVzY9gaHhPgNFxceY28X1dTAPowkftw" },
    { 42, "5CRGSamaCjLkSUseUagweCKa977SZb9SCABP8MMVgbbT1bGe" },
    { 63, "7Hx7sR93Gqi1iiNPVmASa7uViJ7ciSNN9up93hrpQZ5gvNYH" },
    { 64, "cEVvmLzbj4zRiYB4foxQP9dkRA7mEHGDHRraqFmV6riKEvs6p" },
    { 65, "cLtJytVFXfcQEXvxMn2huKJmcXAv3nzWbW43EdWeNVSNSwTSE" },
    { 66, "cTGhCRyuLGENkXgr3k71RUynotE4sJiouaFVe1Foe8ARexPU7" },
    { 127, "jAp4PZ7fLg4pJGrD5idS9f23m2YLqaD1uzJGDseZ5kPoHfY7x" },
    { 128, "jHCSc6cK9GgnpGc6mghjfph4xPbVf5wKE4VidFPiMP7rVg9aT" },
    { 255, "yGD654M6B5TYVjiHHU86j18gqVVohBZDoFaXoru1aoCsoAY9H" },
    { 256, "VBuCarNRiFawLxoS2qjx7rUhJa8B6XmjrzA1Aspu9oANUTqwt" },
    { 1284, "Vdqt64KCYBELKa4ceLAgJ2mqncHMYoRTC2i3JqY7SBUyFdr1w" },
    { 5555, "pvyWVDdvanRrTLS3f1fchFvhsUZFcNym3iKZwHhNRQ4AJBcEo" },
    { 16383, "yNVgdLrCaHneHaQmWXfXDnuScD4pDe6tb8qS5cxXYy5LWtqbx" },
};

static void addresses_of_many_networks(void **state)
{
    (void)state;
    uint8_t key[32], got[32];
    CHECK_OK(hex_parse(key, 32, key_text));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[SS58_TEXT_MAX];
        uint16_t prefix = 0;
        ss58_format_prefix(text, rows[i].prefix, key);
        assert_string_equal(text, rows[i].text);
        CHECK_OK(ss58_parse_prefix(got, &prefix, span_str(text)));
        CHECK(prefix == rows[i].prefix && memcmp(got, key, 32) == 0);
        CHECK_ERR(ss58_parse(got, span_str(text)), prefix == 66 ? OK : ERR_UNSUPPORTED);
    }
}

static void every_prefix_round_trips(void **state)
{
    (void)state;
    uint8_t key[32] = { 0 }, got[32];
    for (uint16_t p = 0; p < SS58_PREFIX_LIMIT; p++) {
        char text[SS58_TEXT_MAX];
        uint16_t prefix = 0;
        store_le16(key, p);
        ss58_format_prefix(text, p, key);
        CHECK_OK(ss58_parse_prefix(got, &prefix, span_str(text)));
        CHECK(prefix == p && memcmp(got, key, 32) == 0);
    }
}

static void typing_errors_are_refused(void **state)
{
    (void)state;
    static const char good[] = "cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp";
    uint8_t key[32], zero[32] = { 0 };
    size_t n = strlen(good), passed = 0;
    CHECK_OK(ss58_parse(key, span_str(good)));
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = check_dup(good, cut);
        CHECK(ss58_parse(key, span_of(exact, cut)) != OK);
        CHECK(memcmp(key, zero, 32) == 0);
        free(exact);
    }
    for (size_t at = 0; at < n; at++) {
        for (unsigned c = 0; c < 256; c++) {
            char text[sizeof(good)];
            memcpy(text, good, sizeof(good));
            if ((unsigned char)text[at] == c)
                continue;
            text[at] = (char)c;
            passed += ss58_parse(key, span_of(text, n)) == OK;
        }
    }
    CHECK(passed == 0); /* 16 checksum bits: about one in 65536 of 2800 could pass; none does */
    CHECK_ERR(ss58_parse(key, span_str("1cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp")),
              ERR_FORMAT);
    CHECK_ERR(ss58_parse(key, span_str("cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXp ")),
              ERR_FORMAT);
    CHECK_ERR(ss58_parse(key, span_str("")), ERR_FORMAT);
    CHECK_ERR(ss58_parse(key, span_str("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")),
              ERR_UNSUPPORTED);
    CHECK_ERR(ss58_parse(key, span_str("cTHXEEX2J86rbupHna8VwFMo8wLBowxPTWYjzhfnnuTmrnHXq")),
              ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_many_networks),
        cmocka_unit_test(every_prefix_round_trips),
        cmocka_unit_test(typing_errors_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
