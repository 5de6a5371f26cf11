/* gateway: the HTTP doors that content is read through: the trustless gateway (raw blocks, CAR
 * streams) and the path gateway (files, folders, native IPLD blocks).
 * Spec: specs.ipfs.tech/http-gateways (trustless, path); ours: docs/spec/gateway.md. Pure but for
 * the block_source, which may block: call it where that is allowed.
 *
 *   gateway_parse    what is asked for; no block is touched
 *   gateway_open     looks blocks up: status, headers, how the body is made
 *   gateway_next     the next bytes of the body */
#ifndef CRUST_API_GATEWAY_H
#define CRUST_API_GATEWAY_H

#include "base/arena.h"
#include "ipfs/car_stream.h"

enum {
    GATEWAY_PATH_MAX = 4096, /* of the path in the URL, decoded */
    GATEWAY_NAME_MAX = 255,  /* of ?filename= */
    GATEWAY_HEADERS_MAX = 24,
    GATEWAY_TEXT_MAX = 24 << 10,   /* header values and short bodies of an answer */
    GATEWAY_SEEN_MEMORY = 4 << 20, /* 80,000 blocks of a CAR without repeats */
    GATEWAY_MEMORY = UNIXFS_READ_MEMORY + BLOCK_SIZE_MAX + GATEWAY_SEEN_MEMORY,
};

enum gateway_format {
    GATEWAY_ANY, /* nothing asked for: a file, a folder, or the native block */
    GATEWAY_RAW,
    GATEWAY_CAR,
    GATEWAY_DAG_CBOR,
    GATEWAY_DAG_JSON,
    GATEWAY_CBOR,
    GATEWAY_JSON,
    GATEWAY_TAR,
    GATEWAY_IPNS_RECORD,
};

/* A request as HTTP gave it; strings are borrowed, absent headers NULL. */
struct gateway_request {
    bool head;
    const char *path;  /* still %-encoded */
    const char *query; /* "" for none */
    const char *accept;
    const char *range;
    const char *if_none_match;
    const char *if_range;
    const char *cache_control;
    const char *service_worker;
};

/* What is asked for. */
struct gateway_query {
    struct cid root;
    char path[GATEWAY_PATH_MAX]; /* below the root, decoded, as sent: "" or "/a/b" */
    bool trailing_slash;
    bool head;
    bool only_cached; /* Cache-Control: only-if-cached */
    bool html;        /* Accept names text/html */
    bool download;
    char filename[GATEWAY_NAME_MAX + 1];
    enum gateway_format format;
    enum car_stream_scope scope;
    bool has_bytes;
    struct car_stream_bytes bytes;
    bool dups;                             /* repeats may be sent */
    const struct gateway_request *request; /* borrowed */
};

struct gateway_header {
    const char *name; /* static */
    const char *value;
};

enum gateway_body {
    GATEWAY_BODY_TEXT,  /* answer.body */
    GATEWAY_BODY_BLOCK, /* answer.body, in the memory of gateway_open */
    GATEWAY_BODY_FILE,
    GATEWAY_BODY_CAR,
    GATEWAY_BODY_LISTING,
};

#define GATEWAY_SIZE_UNKNOWN UINT64_MAX

struct gateway_answer {
    uint16_t status;
    uint32_t header_count;
    struct gateway_header headers[GATEWAY_HEADERS_MAX];
    enum gateway_body kind;
    struct span body;
    uint64_t size; /* of the body, or GATEWAY_SIZE_UNKNOWN */
    enum err err;  /* why it is no 2xx or 3xx; ERR_NOT_FOUND: a block is missing, see missing */
    struct cid missing;
    /* private */
    struct cid cid;   /* what is served */
    struct cid named; /* what the path names: cid, or the folder whose index.html it is */
    size_t body_at;
    struct span rest; /* of the file part that is being copied out */
    uint32_t listing_state;
    bool has_item;
    struct unixfs_read_item item; /* of a listing: read, but not yet written */
    const struct gateway_query *query;
    size_t text_used;
    char text[GATEWAY_TEXT_MAX];
    struct mspan memory;
    struct dag_walk_table seen_table;
    struct dag_walk_seen seen;
    union {
        struct unixfs_read_walk walk;
        struct car_stream car;
    } u;
};

/* gateway_parse reads the request line and headers.
 * Out:     *q, or, when it is refused, *a: a 4xx with a text that says why (q is not usable).
 * Returns: true when *q is to be served. */
bool gateway_parse(struct gateway_query *q, struct gateway_answer *a,
                   const struct gateway_request *request);

/* gateway_open resolves the path and prepares the answer. memory (GATEWAY_MEMORY bytes) and q are
 * kept until the body has been sent. Always gives an answer: 404 with err set when something is
 * missing, 5xx when the source fails. */
void gateway_open(struct gateway_answer *a, const struct gateway_query *q,
                  const struct block_source *source, struct mspan memory);

/* gateway_next writes the next bytes of the body. Out: *size, 0 at the end.
 * A failure means that the body cannot be finished: the connection must be broken off. */
NODISCARD enum err gateway_next(struct gateway_answer *a, size_t *size, struct mspan out);

/* gateway_is_raw tells whether q is one raw block by its CID, which a server may send straight from
 * its store; gateway_raw_headers then makes the answer (200, 206, 304 or 416) for its length and
 * gives the range of bytes to send. */
bool gateway_is_raw(const struct gateway_query *q);
struct gateway_range {
    uint64_t from, size;
};
void gateway_raw_headers(struct gateway_answer *a, struct gateway_range *range,
                         const struct gateway_query *q, uint64_t length);

#endif
