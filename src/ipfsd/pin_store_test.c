#include "ipfsd/pin_store.h"

#include "base/check.h"

#include <stdio.h>
#include <unistd.h>

static char folder[64], path[96];
static struct pin_store *s;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/pin-store-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/pins.db", folder);
    CHECK_OK(pin_store_open(&s, path));
    return 0;
}

static int teardown(void **state)
{
    char lock[128];
    (void)state;
    pin_store_close(s);
    (void)snprintf(lock, sizeof(lock), "%s-lock", path);
    (void)unlink(lock);
    (void)unlink(path);
    return rmdir(folder);
}

static void again(void)
{
    pin_store_close(s);
    CHECK_OK(pin_store_open(&s, path));
}

static struct pin_work sample(void)
{
    struct pin_work w = { .step = PIN_SENT,
                          .held = true,
                          .has_order = true,
                          .tries = 3,
                          .began_ms = 1,
                          .replicas = 2,
                          .size = 77,
                          .wanted = 3,
                          .verified = 1,
                          .expires_at = 9000,
                          .quote = AMOUNT_OF((u128)1 << 70),
                          .allowed = AMOUNT_OF(5),
                          .tx_expiry = 12,
                          .tx_size = 3,
                          .tx = { 1, 2, 3 },
                          .details = "why" };
    memset(w.data_root, 7, 32);
    memset(w.order, 8, 32);
    memset(w.account, 9, 32);
    return w;
}

static struct pin_key add(uint8_t token, uint64_t now, const char *request, uint64_t replaced)
{
    struct pin_key k = { .token = { token } };
    const struct pin_work w = { .step = PIN_FETCH };
    CHECK_OK(pin_store_add(s, &k, now, span_str(request), &w, replaced));
    return k;
}

static void every_length_of_a_record(void **state)
{
    (void)state;
    uint8_t out[2048];
    struct pin_work w = sample(), back;
    struct writer wr = writer_of(out, sizeof(out));
    pin_store_encode(&wr, &w);
    CHECK(wr.err == OK);
    for (size_t n = 0; n <= wr.len + 1; n++) {
        uint8_t *exact = check_dup(out, n);
        CHECK_ERR(pin_store_decode(&back, span_of(exact, n)), n < wr.len    ? ERR_SHORT
                                                              : n == wr.len ? OK
                                                                            : ERR_TRAILING);
        CHECK(n != wr.len || memcmp(&back, &w, sizeof(w)) == 0);
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * wr.len; bit++) {
        uint8_t flipped[2048], enc[2048];
        memcpy(flipped, out, wr.len);
        flipped[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (pin_store_decode(&back, span_of(flipped, wr.len)) != OK)
            continue;
        struct writer again_w = writer_of(enc, sizeof(enc));
        pin_store_encode(&again_w, &back);
        CHECK(again_w.len == wr.len && memcmp(enc, flipped, wr.len) == 0);
    }
}

static void what_is_added_is_there_after_opening_again(void **state)
{
    (void)state;
    uint8_t room[64];
    struct mspan request = { room, sizeof(room) };
    struct pin_work w = sample(), back;
    struct pin_key k = { .token = { 5 } };
    CHECK_OK(pin_store_add(s, &k, 100, span_str("hello"), &w, 0));
    again();
    CHECK_OK(pin_store_get(s, &k, &request, &back, false));
    CHECK_SPAN(span_of(room, request.n), span_str("hello"));
    CHECK(memcmp(&back, &w, sizeof(w)) == 0);
    k.token[0] = 6;
    CHECK_ERR(pin_store_get(s, &k, NULL, &back, true), ERR_NOT_FOUND);
}

static void created_is_unique_and_grows(void **state)
{
    (void)state;
    CHECK(add(1, 500, "a", 0).created_ms == 500);
    CHECK(add(2, 500, "b", 0).created_ms == 501);
    again();
    CHECK(add(1, 400, "c", 0).created_ms == 502); /* the clock went back */
    CHECK(add(1, 900, "d", 0).created_ms == 900);
}

struct seen {
    char text[64];
};

static bool note(void *ctx, const struct pin_key *key, struct span request,
                 const struct pin_work *work)
{
    struct seen *seen = ctx;
    (void)key;
    size_t n = strlen(seen->text);
    (void)snprintf(seen->text + n, sizeof(seen->text) - n, "%.*s%s ", (int)request.n,
                   (const char *)request.p, work->removed ? "!" : "");
    return n < 40;
}

static void lists_are_of_one_token_and_the_newest_first(void **state)
{
    (void)state;
    struct seen seen = { "" };
    const uint8_t one[8] = { 1 }, two[8] = { 2 },
                  last[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
    add(1, 10, "a", 0);
    add(2, 11, "b", 0);
    add(1, 12, "c", 0);
    CHECK_OK(pin_store_list(s, one, note, &seen));
    CHECK(strcmp(seen.text, "c a ") == 0);
    struct pin_key c = { .token = { 1 }, .created_ms = 12 };
    CHECK_OK(pin_store_remove(s, &c));
    CHECK_ERR(pin_store_remove(s, &c), ERR_NOT_FOUND);
    seen.text[0] = '\0';
    CHECK_OK(pin_store_list(s, one, note, &seen));
    CHECK_OK(pin_store_list(s, two, note, &seen));
    CHECK_OK(pin_store_list(s, last, note, &seen));
    CHECK(strcmp(seen.text, "a b ") == 0);
    seen.text[0] = '\0';
    CHECK_OK(pin_store_each(s, note, &seen));
    CHECK(strcmp(seen.text, "a c! b ") == 0);
    CHECK_OK(pin_store_drop(s, &c));
    seen.text[0] = '\0';
    CHECK_OK(pin_store_each(s, note, &seen));
    CHECK(strcmp(seen.text, "a b ") == 0);
}

static void replacing_is_one_step(void **state)
{
    (void)state;
    struct pin_work w;
    struct pin_key old = add(1, 10, "a", 0), gone = old, foreign = { .token = { 2 } };
    struct pin_key fresh = add(1, 20, "b", old.created_ms);
    CHECK_ERR(pin_store_get(s, &old, NULL, &w, false), ERR_NOT_FOUND);
    CHECK_OK(pin_store_get(s, &old, NULL, &w, true));
    CHECK_OK(pin_store_get(s, &fresh, NULL, &w, false));
    /* What is gone, or another token's, is not replaced, and nothing is added. */
    const struct pin_work first = { .step = PIN_FETCH };
    CHECK_ERR(pin_store_add(s, &gone, 30, span_str("c"), &first, 10), ERR_NOT_FOUND);
    CHECK_ERR(pin_store_add(s, &foreign, 30, span_str("c"), &first, 20), ERR_NOT_FOUND);
    struct seen seen = { "" };
    CHECK_OK(pin_store_each(s, note, &seen));
    CHECK(strcmp(seen.text, "a! b ") == 0);
}

static void progress_keeps_a_removal_and_counts_money_once(void **state)
{
    (void)state;
    struct pin_key k = add(1, 10, "a", 0);
    struct pin_work w = sample();
    struct amount spent;
    CHECK_OK(pin_store_remove(s, &k));
    CHECK_OK(pin_store_put(s, &k, &w, AMOUNT_OF((u128)3 << 64)));
    CHECK(w.removed);
    CHECK_OK(pin_store_put(s, &k, &w, AMOUNT_OF(4)));
    again();
    CHECK_OK(pin_store_spent(s, &spent, k.token));
    CHECK(spent.units == ((u128)3 << 64) + 4);
    CHECK_OK(pin_store_drop(s, &k));
    CHECK_ERR(pin_store_put(s, &k, &w, AMOUNT_OF(4)), ERR_NOT_FOUND);
    CHECK_OK(pin_store_spent(s, &spent, k.token));
    CHECK(spent.units == ((u128)3 << 64) + 4); /* spent with, and kept without its request */
    k.token[0] = 2;
    CHECK_OK(pin_store_spent(s, &spent, k.token));
    CHECK(amount_is_zero(spent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_of_a_record),
        cmocka_unit_test_setup_teardown(what_is_added_is_there_after_opening_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(created_is_unique_and_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_of_one_token_and_the_newest_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(replacing_is_one_step, setup, teardown),
        cmocka_unit_test_setup_teardown(progress_keeps_a_removal_and_counts_money_once, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
