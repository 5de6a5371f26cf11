/* Any bytes as the plain part of a backup: what is read writes the same bytes again, and no path
 * leads out of a folder. */
#include "codec/backup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 20];
    struct reader r = reader_of(span_of(data, size));
    struct writer w = writer_of(out, sizeof(out));
    struct backup_file f;
    struct backup_head head;
    enum err e;
    if (size > sizeof(out))
        return 0;
    (void)!backup_head_decode(&head, span_of(data, size));
    while ((e = backup_next(&f, &r)) == OK) {
        ASSERT(f.path.n > 0 && f.path.p[0] != '/' && f.path.p[0] != '.');
        backup_write_file(&w, &f);
    }
    ASSERT(w.err == OK && w.len <= size && memcmp(out, data, w.len) == 0);
    ASSERT(e != ERR_NOT_FOUND || w.len == size);
    return 0;
}
