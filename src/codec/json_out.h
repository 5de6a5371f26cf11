/* json_out: writes JSON text into a writer: commas, quoting and escaping. Pure.
 *
 * Numbers that may exceed 2^53 go as decimal strings (json_out_u64_text, json_out_amount), as every
 * JSON of ours has them. Text must be UTF-8; bytes that are not become U+FFFD. */
#ifndef CRUST_CODEC_JSON_OUT_H
#define CRUST_CODEC_JSON_OUT_H

#include "base/amount.h"
#include "base/span.h"
#include "base/writer.h"

struct json_out {
    struct writer *w; /* kept; w->err tells when it was too small */
    bool comma;       /* a value stands before the next one */
};

static inline struct json_out json_out_to(struct writer *w)
{
    return (struct json_out){ .w = w };
}

/* Objects and arrays. In an object every value follows its json_out_key. */
void json_out_object(struct json_out *j);
void json_out_object_end(struct json_out *j);
void json_out_array(struct json_out *j);
void json_out_array_end(struct json_out *j);
void json_out_key(struct json_out *j, const char *name);

/* Values. */
void json_out_text(struct json_out *j, struct span text);
void json_out_str(struct json_out *j, const char *text);
void json_out_u64(struct json_out *j, uint64_t v);         /* a JSON number; below 2^53 */
void json_out_u64_text(struct json_out *j, uint64_t v);    /* "123" */
void json_out_amount(struct json_out *j, struct amount a); /* base units, "123" */
void json_out_hex(struct json_out *j, struct span bytes);
void json_out_bool(struct json_out *j, bool v);
void json_out_null(struct json_out *j);

/* A key and its value. */
void json_out_member_str(struct json_out *j, const char *name, const char *text);
void json_out_member_u64(struct json_out *j, const char *name, uint64_t v);
void json_out_member_u64_text(struct json_out *j, const char *name, uint64_t v);
void json_out_member_amount(struct json_out *j, const char *name, struct amount a);
void json_out_member_hex(struct json_out *j, const char *name, struct span bytes);
void json_out_member_bool(struct json_out *j, const char *name, bool v);

#endif
