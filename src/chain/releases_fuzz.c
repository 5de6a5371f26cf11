/* Any text as a row of a list: what is taken is shown as a text that is taken as well, and that
 * makes the very same row. The first byte is the list. */
#include "base/memkv.h"
#include "chain/releases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOTES = 64 };

static uint8_t rows_bytes[1 << 20];
static _Alignas(16) uint8_t notes[1 << 18];

/* Enacts one text in an empty state and gives the text of the one row that is there then; false:
 * none is, as after what takes a row away. */
static bool enact(char shown[RELEASES_TEXT_MAX + 1], const char *name, const char *text)
{
    struct memkv mem;
    struct state st;
    struct params params;
    struct releases_place place = { .size = 0 };
    char other[RELEASES_TEXT_MAX + 1];
    const char *list;
    memkv_init(&mem, rows_bytes, sizeof(rows_bytes));
    struct kv kv = memkv_kv(&mem);
    ASSERT(state_memory_size(NOTES) <= sizeof(notes));
    state_init(&st, &kv, notes, NOTES);
    params_init(&params, PARAMS_PRODUCTION);
    struct ledger l = { .st = &st, .params = &params, .height = 7 };
    releases_apply(&l, name, text);
    ASSERT(st.err == OK);
    if (!releases_next(&l, &place, &list, shown))
        return false;
    ASSERT(strcmp(list, name) == 0 && !releases_next(&l, &place, &list, other));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "attest_release", "attest_deny", "attest_advisory",
                                         "attest_td_config" };
    char text[RELEASES_TEXT_MAX + 1], shown[RELEASES_TEXT_MAX + 1], again[RELEASES_TEXT_MAX + 1];
    if (size < 1 || size - 1 > RELEASES_TEXT_MAX || memchr(data + 1, 0, size - 1) != NULL)
        return 0;
    const char *name = names[data[0] % 4];
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (!releases_check(name, text))
        return 0;
    bool there = enact(shown, name, text);
    ASSERT(there == (text[0] != '-'));
    if (!there)
        return 0;
    ASSERT(releases_check(name, shown) && enact(again, name, shown) && strcmp(shown, again) == 0);
    return 0;
}
