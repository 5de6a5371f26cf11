#include "api/kubo_tokens.h"

#include "base/check.h"

#define TOKEN "a-token-of-at-least-24-bytes"
/* printf %s a-token-of-at-least-24-bytes | sha256sum */
#define HASH  "cbcae391c02b8fa23cdabb64f6113e97ae0a38e929d40377c9045f2bb61508cb"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static struct kubo_tokens t;

static void a_file_has_a_hash_in_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        size_t count;
        enum err e;
    } rows[] = {
        { HASH, 1, OK },
        { HASH "\n", 1, OK },
        { "# comment\n\n" HASH " laptop\n" ZEROS "  -\n", 2, OK },
        { "", 0, ERR_FORMAT },
        { "# nothing\n", 0, ERR_FORMAT },
        { HASH "x\n", 0, ERR_FORMAT },
        { HASH "\n" HASH "0\n", 0, ERR_FORMAT },
        { HASH "\nshort\n", 0, ERR_FORMAT },
        { "g" ZEROS, 0, ERR_FORMAT },
        { " " HASH, 0, ERR_FORMAT },
        { HASH "\r\n", 0, ERR_FORMAT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_ERR(kubo_tokens_parse(&t, span_str(rows[i].file)), rows[i].e);
        CHECK(t.count == rows[i].count);
    }
}

static void a_file_is_bounded(void **state)
{
    (void)state;
    static char file[KUBO_TOKENS_FILE_MAX + 1];
    for (size_t i = 0; i <= KUBO_TOKENS_MAX; i++)
        memcpy(file + i * 65, ZEROS "\n", 65);
    CHECK_ERR(kubo_tokens_parse(&t, span_of(file, (KUBO_TOKENS_MAX + 1) * 65)), ERR_LIMIT);
    CHECK_OK(kubo_tokens_parse(&t, span_of(file, KUBO_TOKENS_MAX * 65)));
    CHECK(t.count == KUBO_TOKENS_MAX);
    memset(file, '#', sizeof(file));
    CHECK_ERR(kubo_tokens_parse(&t, span_of(file, sizeof(file))), ERR_LIMIT);
}

static void only_its_token_is_let_in(void **state)
{
    (void)state;
    static char longest[400] = "Bearer ";
    CHECK_OK(kubo_tokens_parse(&t, span_str(ZEROS "\n" HASH "\n")));
    CHECK(kubo_tokens_allow(&t, "Bearer " TOKEN));
    CHECK(kubo_tokens_allow(&t, "bearer " TOKEN));
    CHECK(!kubo_tokens_allow(&t, NULL));
    CHECK(!kubo_tokens_allow(&t, ""));
    CHECK(!kubo_tokens_allow(&t, TOKEN));
    CHECK(!kubo_tokens_allow(&t, "Basic " TOKEN));
    CHECK(!kubo_tokens_allow(&t, "Bearer " TOKEN "x"));
    CHECK(!kubo_tokens_allow(&t, "Bearer short"));
    memset(longest + 7, 'a', sizeof(longest) - 8);
    CHECK(!kubo_tokens_allow(&t, longest));
    CHECK_OK(kubo_tokens_parse(&t, span_str(ZEROS)));
    CHECK(!kubo_tokens_allow(&t, "Bearer " TOKEN));
    /* SHA-256 of "short": too short a token counts for nothing even when its hash is there. */
    CHECK_OK(kubo_tokens_parse(
        &t, span_str("f9b0078b5df596d2ea19010c001bbd009e651de2c57e8fb7e355f31eb9d3f739")));
    CHECK(!kubo_tokens_allow(&t, "Bearer short"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_a_hash_in_a_line),
        cmocka_unit_test(a_file_is_bounded),
        cmocka_unit_test(only_its_token_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
