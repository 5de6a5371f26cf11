/* kubo_multipart: the body of an upload to Kubo's RPC, multipart/form-data as go-ipfs-cmds and
 * kubo-rpc-client send it: a stream of parts, each with a path, a kind and bytes. Spec:
 * docs/spec/kubo-rpc.md 3. No allocation, any split of the input gives the same. Pure. */
#ifndef CRUST_API_KUBO_MULTIPART_H
#define CRUST_API_KUBO_MULTIPART_H

#include "base/err.h"
#include "base/span.h"

enum {
    KUBO_MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 5.1.1 */
    KUBO_MULTIPART_HEAD_MAX = 16384,  /* the headers of a part; a name may be escaped threefold */
    KUBO_MULTIPART_PATH_MAX = 4096,   /* decoded */
};

enum kubo_part_kind { KUBO_PART_FILE, KUBO_PART_FOLDER, KUBO_PART_SYMLINK };

/* What a part's headers say. Modes and times, which travel in its name, are not looked at: Kubo
 * does so only when it is asked to keep them. */
struct kubo_part {
    enum kubo_part_kind kind;
    char path[KUBO_MULTIPART_PATH_MAX + 1]; /* relative, no "." or ".." in it; "" for none */
};

enum kubo_multipart_event {
    KUBO_MULTIPART_MORE, /* everything fed has been taken */
    KUBO_MULTIPART_PART, /* a part begins: parser.part */
    KUBO_MULTIPART_DATA, /* item.data */
    KUBO_MULTIPART_DONE, /* the part is complete */
    KUBO_MULTIPART_END,  /* the last one was; what follows is skipped */
};

struct kubo_multipart_item {
    enum kubo_multipart_event event;
    struct span data; /* borrowed from the input or the parser until the next call */
};

enum kubo_multipart_state {
    KUBO_MULTIPART_AT_PREAMBLE,
    KUBO_MULTIPART_AT_DELIMITER, /* the two bytes behind it */
    KUBO_MULTIPART_AT_HEAD,
    KUBO_MULTIPART_AT_BODY,
    KUBO_MULTIPART_AT_DONE,
    KUBO_MULTIPART_AT_END,
};

struct kubo_multipart {
    enum kubo_multipart_state state;
    char delimiter[KUBO_MULTIPART_BOUNDARY_MAX + 5]; /* with its line break and dashes */
    size_t delimiter_size;
    size_t match; /* bytes of it that have come */
    uint8_t tail[2];
    size_t tail_size;
    uint8_t head[KUBO_MULTIPART_HEAD_MAX];
    size_t head_size;
    bool in_part;
    struct kubo_part part;
};

/* kubo_multipart_init takes the value of the request's Content-Type. ERR_FORMAT (not
 * multipart/form-data, or without a boundary that RFC 2046 allows). */
NODISCARD enum err kubo_multipart_init(struct kubo_multipart *m, const char *content_type);

/* kubo_multipart_next takes bytes from the front of *in until something is to be told.
 * Returns: OK; ERR_FORMAT (a part without a form-data disposition, a path that leaves its place);
 * ERR_LIMIT (headers, a path); ERR_UNSUPPORTED (a content type that is no file). */
NODISCARD enum err kubo_multipart_next(struct kubo_multipart *m, struct kubo_multipart_item *out,
                                       struct span *in);

/* OK when the last delimiter has come, else ERR_SHORT. */
NODISCARD enum err kubo_multipart_finish(const struct kubo_multipart *m);

#endif
