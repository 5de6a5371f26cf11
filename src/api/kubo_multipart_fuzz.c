/* Any body of any content type, fed whole and byte by byte: both give the same parts and bytes, the
 * parts come one after the other, and no path leaves its place. Input: content type, line feed,
 * body. */
#include "api/kubo_multipart.h"

#include "crypto/sha256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
    ASSERT(strlen(path) <= KUBO_MULTIPART_PATH_MAX && path[0] != '/');
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        size_t n = strcspn(at, "/");
        ASSERT(path[0] == '\0' || (n > 0 && n <= 255));
        ASSERT(!(n == 1 && at[0] == '.') && !(n == 2 && at[0] == '.' && at[1] == '.'));
    }
}

/* Reads the body in pieces; a digest of everything that was told. */
static enum err run(uint8_t digest[32], const char *type, struct span body, size_t piece)
{
    static struct kubo_multipart m;
    struct kubo_multipart_item item;
    struct sha256 hash;
    enum err e = kubo_multipart_init(&m, type);
    bool open = false, ended = false;
    sha256_init(&hash);
    while (e == OK && body.n > 0) {
        struct span in = span_sub(body, 0, piece);
        body = span_sub(body, piece, body.n);
        do {
            e = kubo_multipart_next(&m, &item, &in);
            if (e != OK || item.event == KUBO_MULTIPART_MORE)
                break;
            ASSERT(!ended && open == (item.event == KUBO_MULTIPART_DATA ||
                                      item.event == KUBO_MULTIPART_DONE));
            open = item.event == KUBO_MULTIPART_PART || item.event == KUBO_MULTIPART_DATA;
            ended = item.event == KUBO_MULTIPART_END;
            if (item.event == KUBO_MULTIPART_PART) {
                check_path(m.part.path);
                sha256_update(&hash, span_str(m.part.path));
            } else {
                sha256_update(&hash, item.data);
            }
        } while (true);
        ASSERT(e != OK || in.n == 0);
    }
    sha256_final(&hash, digest);
    if (e == OK)
        ASSERT(kubo_multipart_finish(&m) == (ended ? OK : ERR_SHORT));
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[256];
    uint8_t whole[32], bytes[32];
    size_t n = 0;
    while (n < size && n < sizeof(type) - 1 && data[n] != '\n' && data[n] != '\0') {
        type[n] = (char)data[n];
        n++;
    }
    type[n] = '\0';
    struct span body = span_sub(span_of(data, size), n + 1, size);
    enum err e = run(whole, type, body, size + 1);
    ASSERT(run(bytes, type, body, 1) == e);
    ASSERT(e != OK || memcmp(whole, bytes, sizeof(whole)) == 0);
    return 0;
}
