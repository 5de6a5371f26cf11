#include "cli/records.h"

#include <stdlib.h>

enum err records_add(struct records *r, const struct content_record *record)
{
    if (r->count == r->capacity) {
        size_t capacity = r->capacity == 0 ? 1024 : r->capacity * 2;
        void *rows = realloc(r->rows, capacity * CONTENT_RECORD_SIZE);
        if (rows == NULL)
            return ERR_MEMORY;
        r->rows = rows;
        r->capacity = capacity;
    }
    content_record_encode(r->rows[r->count++], record);
    return OK;
}

/* As cid_key_cmp: the codec is little-endian in a record, so it is compared as a number. */
static int compare(const void *a, const void *b)
{
    uint32_t x = load_le32(a), y = load_le32(b);
    if (x != y)
        return x < y ? -1 : 1;
    return memcmp((const uint8_t *)a + 4, (const uint8_t *)b + 4, 32);
}

enum err records_finish(struct records *r, struct content_commitment *out)
{
    struct content_data data;
    content_data_init(&data);
    memset(out, 0, sizeof(*out));
    if (r->count > 0)
        qsort(r->rows, r->count, CONTENT_RECORD_SIZE, compare);
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (kept > 0 && compare(r->rows[kept - 1], r->rows[i]) == 0)
            continue;
        if (kept != i)
            memcpy(r->rows[kept], r->rows[i], CONTENT_RECORD_SIZE);
        struct content_record record;
        TRY(content_record_decode(&record, r->rows[kept]));
        TRY(content_data_add(&data, &record));
        kept++;
    }
    r->count = kept;
    return content_data_finish(out, &data);
}

void records_fini(struct records *r)
{
    free(r->rows);
    *r = (struct records){ 0 };
}
