/* json: the strict, bounded door for JSON from outside, over jansson.
 *
 * Refused: bytes over the caller's limit, nesting over JSON_DEPTH_MAX, duplicate keys, NUL in text,
 * anything after the value, and (json_fields) members that nobody asked for. Failures are sticky in
 * the document, as in base/reader.h: read on, look once at doc->err; doc->what then names the field
 * and the reason. jansson keeps its own heap, bounded by the size limit; otherwise pure. */
#ifndef CRUST_CODEC_JSON_H
#define CRUST_CODEC_JSON_H

#include "base/amount.h"
#include "base/err.h"
#include "base/span.h"

enum {
    JSON_DEPTH_MAX = 16,
    JSON_PATH_MAX = 96, /* of the field that is named in a refusal */
    JSON_WHAT_MAX = 160,
};

struct json {
    void *root; /* jansson's */
    enum err err;
    char what[JSON_WHAT_MAX]; /* "params.slot_blocks: not a number"; empty while err is OK */
};

/* A place in a document; valid until json_close. of NULL stands for "not there". */
struct json_value {
    struct json *doc;
    const void *of;
    char path[JSON_PATH_MAX]; /* for messages */
};

/* json_open parses in, at most size_max bytes. Returns OK, ERR_LIMIT (too large, too deep),
 * ERR_FORMAT. json_close gives the memory back; it may be called after a failure too. */
NODISCARD enum err json_open(struct json *doc, struct span in, size_t size_max);
void json_close(struct json *doc);

enum json_kind {
    JSON_KIND_NONE,
    JSON_KIND_BOOL,
    JSON_KIND_NUMBER,
    JSON_KIND_TEXT,
    JSON_KIND_OTHER
};

/* What stands there; JSON_KIND_NONE for nothing. */
enum json_kind json_kind(struct json_value v);

/* Whether null stands there, which some write for an empty list. */
bool json_nil(struct json_value v);

/* The whole document. */
struct json_value json_root(struct json *doc);

/* json_fail records e and "path: reason" unless a failure is recorded already. */
void json_fail(struct json_value at, enum err e, const char *reason);

/* json_fields requires an object that has no member but these; the first other one is named. */
void json_fields(struct json_value object, const char *const *names, size_t count);

/* json_each calls fn for every member of an object, in their order; nothing for a value that is not
 * there. For objects whose names are the sender's. */
void json_each(struct json_value object,
               void (*fn)(void *ctx, const char *name, struct json_value v), void *ctx);

/* A member. json_get fails when it is missing; json_find then gives a value whose of is NULL. */
struct json_value json_get(struct json_value object, const char *name);
struct json_value json_find(struct json_value object, const char *name);

/* Elements of an array; none, and a value that is not there, for anything else. */
size_t json_count(struct json_value array);
struct json_value json_at(struct json_value array, size_t index);

/* Scalars. ERR_FORMAT for another type, ERR_RANGE. Text is NUL-terminated, borrowed until
 * json_close, "" on failure. A number is a JSON integer, or a string of decimal digits, which is
 * how numbers over 2^53 travel. */
const char *json_text(struct json_value v);
bool json_bool(struct json_value v);
uint64_t json_u64(struct json_value v, uint64_t max);
struct amount json_amount(struct json_value v); /* base units */
void json_hex(struct json_value v, uint8_t *out, size_t n);

#endif
