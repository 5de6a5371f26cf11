/* Any bytes as a session's file or a part of its records: what decodes encodes back to the same
 * bytes. The digest at the end is repaired before a second try, so that the fields are reached. */
#include "ipfsd/session_file.h"

#include "base/writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(struct span in)
{
    struct session_file f;
    if (session_file_decode(&f, in) != OK) {
        ASSERT(f.rows == NULL && f.row_count == 0);
        return;
    }
    ASSERT(f.row_count > 0 && f.checkpoint_size > 0 && session_file_size(&f) == in.n);
    uint8_t *out = malloc(in.n);
    ASSERT(out != NULL);
    struct writer w = writer_of(out, in.n);
    session_file_encode(&w, &f);
    ASSERT(w.err == OK && w.len == in.n && memcmp(out, in.p, in.n) == 0);
    free(out);
    session_file_fini(&f);
}

static void check_part(struct span in)
{
    static const struct volume_replica id = { { 3 } };
    static const struct session_file_part p = { 1, 2 };
    struct span records;
    if (session_file_part_check(&records, &id, &p, in) == OK)
        ASSERT(records.n % CONTENT_RECORD_SIZE == 0 && records.n + SESSION_FILE_DIGEST == in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span in = span_of(data, size);
    check_file(in);
    check_part(in);
    if (size < SESSION_FILE_DIGEST)
        return 0;
    uint8_t *copy = malloc(size);
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    sha256(copy + size - SESSION_FILE_DIGEST, span_sub(in, 0, size - SESSION_FILE_DIGEST));
    check_file(span_of(copy, size));
    free(copy);
    return 0;
}
