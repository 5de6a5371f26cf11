#include "ipfsd/fetch_tales.h"

#include "base/check.h"

#include <stdio.h>

static struct content_key key(uint32_t i)
{
    struct content_key k = { .codec = CID_CODEC_RAW };
    store_le32(k.digest, i);
    return k;
}

static void the_newest_are_kept(void **state)
{
    (void)state;
    struct fetch_tales *t = fetch_tales_new();
    char text[FETCH_STORY_MAX], want[32];
    uint64_t ago;
    CHECK(t != NULL);
    struct content_key k = key(1);
    CHECK(!fetch_tales_get(t, text, &ago, &k));
    fetch_tales_put(t, &k, "once");
    fetch_tales_put(t, &k, "twice");
    CHECK(fetch_tales_get(t, text, &ago, &k) && strcmp(text, "twice") == 0 && ago < 60000);
    for (uint32_t i = 2; i < FETCH_TALES + 2; i++) {
        k = key(i);
        (void)snprintf(want, sizeof(want), "tale %u", i);
        fetch_tales_put(t, &k, want);
    }
    int known = 0;
    for (uint32_t i = 1; i < FETCH_TALES + 2; i++) {
        k = key(i);
        (void)snprintf(want, sizeof(want), i == 1 ? "twice" : "tale %u", i);
        bool there = fetch_tales_get(t, text, &ago, &k);
        CHECK(!there || strcmp(text, want) == 0);
        known += there;
    }
    CHECK(known == FETCH_TALES);
    fetch_tales_free(t);
}

static void nobody_to_remember(void **state)
{
    (void)state;
    char text[FETCH_STORY_MAX];
    uint64_t ago;
    const struct content_key k = key(1);
    fetch_tales_put(NULL, &k, "nothing");
    CHECK(!fetch_tales_get(NULL, text, &ago, &k) && text[0] == '\0' && ago == 0);
    fetch_tales_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_are_kept),
        cmocka_unit_test(nobody_to_remember),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
