#include "codec/backup.h"

#include "base/check.h"

enum { KIB = ARGON2_KIB_MIN };

static size_t make(uint8_t *out, const char *password)
{
    uint8_t plain[256];
    struct writer w = writer_of(plain, sizeof(plain));
    const struct backup_head head = {
        .passes = ARGON2_PASSES_MIN, .kib = KIB, .salt = { 1 }, .nonce = { 2 }
    };
    const struct backup_file one = { span_str("keys/default.key"), span_str("secret") };
    const struct backup_file two = { span_str("crust.conf"), span_str("") };
    backup_write_file(&w, &one);
    backup_write_file(&w, &two);
    CHECK_OK(w.err);
    CHECK_OK(backup_seal(out, &head, writer_span(&w), span_str(password)));
    return BACKUP_HEAD_SIZE + w.len + AEAD_TAG_SIZE;
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    uint8_t sealed[512], plain[512];
    struct backup_file f;
    size_t n = make(sealed, "right");
    CHECK_OK(backup_open(plain, span_of(sealed, n), span_str("right")));
    struct reader r = reader_of(span_of(plain, n - BACKUP_HEAD_SIZE - AEAD_TAG_SIZE));
    CHECK_OK(backup_next(&f, &r));
    CHECK(span_eq(f.path, span_str("keys/default.key")) && span_eq(f.bytes, span_str("secret")));
    CHECK_OK(backup_next(&f, &r));
    CHECK(span_eq(f.path, span_str("crust.conf")) && f.bytes.n == 0);
    CHECK_ERR(backup_next(&f, &r), ERR_NOT_FOUND);
}

static void a_wrong_password_and_every_changed_byte_are_refused(void **state)
{
    (void)state;
    uint8_t sealed[512], plain[512];
    size_t n = make(sealed, "right");
    CHECK_ERR(backup_open(plain, span_of(sealed, n), span_str("wrong")), ERR_SIGNATURE);
    for (size_t i = 0; i < n; i += 3) { /* each costs a password's work */
        if (i >= 15 && i < 23)
            continue; /* passes and memory: another test's business to be slow */
        sealed[i] ^= 1;
        CHECK(backup_open(plain, span_of(sealed, n), span_str("right")) != OK);
        sealed[i] ^= 1;
    }
    for (size_t k = 0; k < BACKUP_HEAD_SIZE + AEAD_TAG_SIZE; k++)
        CHECK_ERR(backup_open(plain, span_of(sealed, k), span_str("right")), ERR_SHORT);
}

static void no_path_leads_out(void **state)
{
    (void)state;
    static const char *const bad[] = { "",   "/etc/passwd", "../x", "a/../b", ".ssh/x", "a//b",
                                       "a/", "a/.b",        "a b",  "a\nb",   "a\\b",   "~" };
    static const char *const good[] = { "crust.conf", "keys/a-b_c.key", "enclave/journal/log.1" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!backup_path_ok(span_str(bad[i])));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(backup_path_ok(span_str(good[i])));
    char longest[BACKUP_PATH_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    CHECK(backup_path_ok(span_of(longest, BACKUP_PATH_MAX)));
    CHECK(!backup_path_ok(span_of(longest, BACKUP_PATH_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(a_wrong_password_and_every_changed_byte_are_refused),
        cmocka_unit_test(no_path_leads_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
