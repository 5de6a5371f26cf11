/* pinning: requests and answers of the IPFS Pinning Service API 1.0.0.
 * What we accept and refuse: docs/spec/pinning.md. Pure; total on any bytes.
 *
 * A pin request is kept as one encoded record that never changes; where it stands is the daemon's.
 */
#ifndef CRUST_API_PINNING_H
#define CRUST_API_PINNING_H

#include "base/err.h"
#include "base/writer.h"
#include "codec/cid.h"

enum {
    PINNING_BODY_MAX = 64 << 10,    /* of a request; the largest encoded one is half of it */
    PINNING_ENCODED_MAX = 32 << 10, /* below: 1,020 + 20 * 512 + 16 KiB and lengths */
    PINNING_NAME_MAX = 255,         /* characters, of up to 4 bytes */
    PINNING_NAME_BYTES = 4 * PINNING_NAME_MAX,
    PINNING_ORIGINS_MAX = 20, /* the API's number; so are the next two */
    PINNING_CIDS_MAX = 10,
    PINNING_LIMIT_MAX = 1000,
    PINNING_LIMIT_DEFAULT = 10,
    PINNING_ORIGIN_MAX = 512,   /* bytes of one multiaddr's text */
    PINNING_META_MAX = 64,      /* pairs */
    PINNING_META_BYTES = 15000, /* of all names and values */
    PINNING_DELEGATES_MAX = 20,
    PINNING_QUERY_MAX = 8192,
    PINNING_WHY_MAX = 200,
    PINNING_ID_SIZE = 16,  /* hex digits of a requestid */
    PINNING_TIME_MAX = 32, /* "2026-11-22T14:05:31.123Z" */
};

/* ---- routes ---- */
enum pinning_route {
    PINNING_LIST,      /* GET /pins */
    PINNING_ADD,       /* POST /pins */
    PINNING_GET,       /* GET /pins/{requestid} */
    PINNING_REPLACE,   /* POST /pins/{requestid} */
    PINNING_REMOVE,    /* DELETE /pins/{requestid} */
    PINNING_PREFLIGHT, /* OPTIONS, of CORS */
    PINNING_NO_METHOD,
    PINNING_NO_PATH,
};

/* pinning_route reads method and path as sent. *id: the requestid; 0 names none. */
enum pinning_route pinning_route(const char *method, const char *path, uint64_t *id);

/* ---- a pin request ---- */
struct pinning_pair {
    struct span name, value;
};

struct pinning_request {
    struct span cid; /* as the client wrote it */
    bool inlined;    /* the CID carries a raw block: there is nothing to store */
    struct content_key key;
    bool has_name;
    struct span name;
    uint32_t origin_count, meta_count;
    struct span origins[PINNING_ORIGINS_MAX]; /* texts of multiaddrs, perhaps of unknown kinds */
    struct pinning_pair meta[PINNING_META_MAX];
};

/* pinning_body reads the JSON body of an ADD or REPLACE and gives the request encoded, in room of
 * PINNING_ENCODED_MAX. ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED (a CID that no order can name); why
 * says it for people. */
NODISCARD enum err pinning_body(struct span *encoded, char why[PINNING_WHY_MAX], struct mspan room,
                                struct span body);

/* The encoded form, spec 4: out borrows from in. ERR_SHORT, ERR_TRAILING, ERR_FORMAT, ERR_LIMIT. */
NODISCARD enum err pinning_decode(struct pinning_request *out, struct span in);
void pinning_encode(struct writer *w, const struct pinning_request *rq);

/* ---- lists ---- */
enum pinning_status {
    PINNING_QUEUED,
    PINNING_PINNING,
    PINNING_PINNED,
    PINNING_FAILED,
    PINNING_STATUS_COUNT
};

enum pinning_match {
    PINNING_EXACT,
    PINNING_IEXACT,
    PINNING_PARTIAL,
    PINNING_IPARTIAL,
};

struct pinning_filter {
    uint32_t statuses; /* a bit each; spec 3.3 has the default */
    uint32_t limit;
    uint64_t before_ms, after_ms; /* created in between, both excluded */
    uint32_t cid_count;
    struct cid cids[PINNING_CIDS_MAX];
    bool has_name;
    struct span name;
    enum pinning_match match;
    uint32_t meta_count;
    struct pinning_pair meta[PINNING_META_MAX];
    char text[PINNING_QUERY_MAX]; /* what the spans above lie in */
    size_t text_size;
};

/* pinning_query reads the query of a LIST as sent. *out points into itself: do not copy it.
 * ERR_FORMAT, ERR_RANGE, ERR_LIMIT. */
NODISCARD enum err pinning_query(struct pinning_filter *out, char why[PINNING_WHY_MAX],
                                 const char *query);

bool pinning_matches(const struct pinning_filter *f, const struct pinning_request *rq,
                     enum pinning_status status, uint64_t created_ms);

/* ---- answers ---- */

/* A pin with its status. */
struct pinning_pin {
    const struct pinning_request *request;
    uint64_t created_ms; /* and its requestid: unique */
    enum pinning_status status;
    struct span details;             /* info.status_details; empty: none */
    const struct pinning_pair *info; /* more of it */
    size_t info_count;
    const char *const *delegates;
    size_t delegate_count;
};

/* A PinStatus object; and a PinResults: begin, each pin with a comma between, end. */
void pinning_write_pin(struct writer *w, const struct pinning_pin *pin);
void pinning_write_end(struct writer *w, uint64_t count);

/* {"error":{"reason":...,"details":...}} of an HTTP status. */
void pinning_write_error(struct writer *w, uint16_t status, const char *details);

const char *pinning_status_name(enum pinning_status s);

/* RFC 3339 in UTC with milliseconds; and what clients write: any offset, any fraction (cut off).
 * Years 1970 to 9999. ERR_FORMAT, ERR_RANGE. */
void pinning_time_format(char out[PINNING_TIME_MAX], uint64_t ms);
NODISCARD enum err pinning_time_parse(uint64_t *ms, struct span text);

#endif
