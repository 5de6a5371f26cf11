/* gateway: the HTTP doors that content is read through: the trustless gateway (raw blocks, CAR
 * streams, IPNS records), the path gateway (files, folders, native IPLD blocks, TAR archives), and
 * the gateways that give each content a host of its own (subdomains, DNSLink sites).
 * Spec: specs.ipfs.tech/http-gateways; ours: docs/spec/gateway.md. Pure but for the block_source
 * and the names, which may block: call gateway_open and gateway_next where that is allowed.
 *
 *   gateway_parse    what is asked for; no block is touched
 *   gateway_open     looks names and blocks up: status, headers, how the body is made
 *   gateway_next     the next bytes of the body */
#ifndef CRUST_API_GATEWAY_H
#define CRUST_API_GATEWAY_H

#include "api/gateway_names.h"
#include "ipfs/car_stream.h"

enum {
    GATEWAY_PATH_MAX = 4096, /* of the path in the URL, decoded */
    GATEWAY_NAME_MAX = 255,  /* of ?filename= */
    GATEWAY_HOST_MAX = 259,  /* a name of 253 characters with its port */
    GATEWAY_HEADERS_MAX = 24,
    GATEWAY_TEXT_MAX = 24 << 10, /* header values and short bodies of an answer */
    GATEWAY_ROOTS_MAX = 2048,
    GATEWAY_RANGES_MAX = 16, /* in one answer */
    GATEWAY_BOUNDARY_MAX = 33,
    GATEWAY_PART_HEAD_MAX = 256,
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

/* Where the content's root stands in the URL. */
enum gateway_mount {
    GATEWAY_MOUNT_PATH,      /* /ipfs/CID, /ipns/NAME */
    GATEWAY_MOUNT_SUBDOMAIN, /* CID.ipfs.HOST, NAME.ipns.HOST */
    GATEWAY_MOUNT_SITE,      /* the host itself, by its DNSLink */
};

/* A request as HTTP gave it; strings are borrowed, absent headers NULL. */
struct gateway_request {
    bool head;
    const char *path;  /* still %-encoded; http://HOST/PATH when a proxy is asked */
    const char *query; /* "" for none */
    const char *accept;
    const char *range;
    const char *if_none_match;
    const char *if_range;
    const char *cache_control;
    const char *service_worker;
    const char *host;
    const char *forwarded_host, *forwarded_proto; /* X-Forwarded-... */
    /* Not from HTTP: */
    const char *gateway_hosts;         /* hosts whose subdomains we serve, with commas; or NULL */
    const struct gateway_names *names; /* or NULL: /ipns/ is refused */
    int64_t now_s;                     /* Unix time */
};

/* What is asked for. */
struct gateway_query {
    enum gateway_mount mount;
    char host[GATEWAY_HOST_MAX + 1]; /* SUBDOMAIN: without the content's labels. SITE: all of it */
    bool by_name;                    /* /ipns/ or a site: name instead of root */
    bool is_key;                     /* the name is a key's, else a domain */
    struct peer_id key;
    char name[GATEWAY_HOST_MAX + 1]; /* canonical: of a key in base36, a domain in lower case */
    struct cid root;
    char path[GATEWAY_PATH_MAX]; /* below the root, decoded, as sent: "" or "/a/b" */
    const char *raw_path;        /* the same, not decoded; borrowed from the request */
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
    GATEWAY_BODY_TAR,
    GATEWAY_BODY_RANGES,
};

#define GATEWAY_SIZE_UNKNOWN UINT64_MAX

struct gateway_range {
    uint64_t from, size;
};

/* Several ranges in one answer: api/gateway_multi.h. */
struct gateway_multi {
    struct gateway_range list[GATEWAY_RANGES_MAX];
    uint32_t count, at;
    bool in_part;
    const char *type;
    uint64_t total;
    char boundary[GATEWAY_BOUNDARY_MAX];
    char head[GATEWAY_PART_HEAD_MAX]; /* of the part that comes next */
    size_t head_size, head_at;
};

struct gateway_tar; /* api/gateway_tar.h */

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
    const struct gateway_query *query;
    const struct block_source *source;
    struct cid root; /* of what the name stands for, or as asked */
    char
        path[GATEWAY_VALUE_MAX + GATEWAY_PATH_MAX]; /* below root: the name's own path, then ours */
    size_t path_own;                                /* bytes of the name's own */
    uint64_t max_age_s;                             /* how long the name stands for this */
    uint16_t page_status;          /* of a page that stands in for a missing one; 0: none */
    char roots[GATEWAY_ROOTS_MAX]; /* X-Ipfs-Roots */
    struct cid cid;                /* what is served */
    struct cid named;              /* what the path names: cid, or the folder of an index.html */
    size_t body_at;
    struct span rest; /* of the file part that is being copied out */
    uint32_t listing_state;
    bool has_item;
    struct unixfs_read_item item; /* of a listing: read, but not yet written */
    struct gateway_multi multi;
    size_t text_used;
    char text[GATEWAY_TEXT_MAX];
    struct mspan memory;
    struct dag_walk_table seen_table;
    struct dag_walk_seen seen;
    union {
        struct unixfs_read_walk walk;
        struct car_stream car;
        struct gateway_tar *tar; /* in memory */
    } u;
};

/* gateway_wants tells whether a request is for content: by its path, or by its host. */
bool gateway_wants(const struct gateway_request *request);

/* gateway_parse reads the request line and headers.
 * Out:     *q, or, when it is answered already, *a: a redirect, or a 4xx with a text that says why
 *          (q is not usable).
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
void gateway_raw_headers(struct gateway_answer *a, struct gateway_range *range,
                         const struct gateway_query *q, uint64_t length);

#endif
