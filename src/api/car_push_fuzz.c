/* Any text as the header and as the path of a pushed CAR: what is read is written and read again as
 * it is. */
#include "api/car_push.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const char *text)
{
    struct car_push_claim claim, again;
    char value[CAR_PUSH_VALUE_MAX];
    if (car_push_parse(&claim, text) != OK)
        return;
    car_push_format(value, &claim);
    enum err e = car_push_parse(&again, value);
    ASSERT(e == OK && claim.height == again.height && claim.has_by == again.has_by);
    ASSERT(memcmp(claim.order, again.order, 32) == 0 && memcmp(claim.by, again.by, 32) == 0);
    ASSERT(memcmp(claim.signature, again.signature, sizeof(claim.signature)) == 0);
}

static void check_path(const char *text)
{
    struct content_key key, again;
    char path[CAR_PUSH_PATH_MAX];
    if (car_push_parse_path(&key, text) != OK)
        return;
    car_push_path(path, &key);
    enum err e = car_push_parse_path(&again, path);
    ASSERT(e == OK && cid_key_cmp(&key, &again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    ASSERT(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_header(text);
    check_path(text);
    free(text);
    return 0;
}
