/* cbor: the one CBOR reader and writer, over base reader and writer; no allocation, no recursion.
 * Spec: DAG-CBOR (ipld.io/specs/codecs/dag-cbor) over RFC 8949; ours: docs/spec/content.md 2.
 *
 * Strict reading takes canonical DAG-CBOR only: at most one byte string stands for a value. Lenient
 * reading, for historic blocks of other people, also takes padded numbers and lengths, map keys in
 * any order, text that is not UTF-8, and short floats (of a key that comes twice, not side by side,
 * the first counts). Both refuse indefinite lengths, keys that
 * are not text, tags other than 42, undefined and other simple values, NaN and infinities.
 *
 * Failures are sticky, as in base/reader.h: read on, look once, in cbor_finish. Pure. */
#ifndef CRUST_CODEC_CBOR_H
#define CRUST_CODEC_CBOR_H

#include "codec/cid.h"

enum { CBOR_DEPTH_MAX = 64 }; /* nested arrays and maps that cbor_skip and cbor_validate follow */

enum cbor_mode { CBOR_STRICT, CBOR_LENIENT };

enum cbor_type {
    CBOR_NONE, /* end of input, or no legal item */
    CBOR_UINT,
    CBOR_NEGATIVE,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_LINK, /* tag 42 */
    CBOR_BOOL,
    CBOR_NULL,
    CBOR_FLOAT,
};

struct amount; /* base/amount.h */

struct cbor_reader {
    struct reader r; /* r.err is the first failure */
    enum cbor_mode mode;
};

static inline struct cbor_reader cbor_reader_of(struct span in, enum cbor_mode mode)
{
    return (struct cbor_reader){ .r = reader_of(in), .mode = mode };
}

/* cbor_require fails with e unless cond holds. */
static inline void cbor_require(struct cbor_reader *c, bool cond, enum err e)
{
    reader_require(&c->r, cond, e);
}

/* OK, the first failure, or ERR_TRAILING. */
NODISCARD enum err cbor_finish(struct cbor_reader *c);

/* The type of the next item, without moving. */
enum cbor_type cbor_peek(const struct cbor_reader *c);

/* Each takes the next item and fails with ERR_FORMAT when it is of another type, ERR_RANGE when the
 * number does not fit, ERR_SHORT; the result is then zero. Spans borrow from the input. */
uint64_t cbor_read_uint(struct cbor_reader *c);
uint64_t cbor_read_uint_max(struct cbor_reader *c, uint64_t max); /* ERR_RANGE above max */
int64_t cbor_read_int(struct cbor_reader *c);
struct span cbor_read_bytes(struct cbor_reader *c);
struct span cbor_read_text(struct cbor_reader *c);
bool cbor_read_bool(struct cbor_reader *c);
void cbor_read_null(struct cbor_reader *c);
double cbor_read_float(struct cbor_reader *c);
void cbor_read_link(struct cbor_reader *c, struct cid *out); /* ERR_FORMAT for a bad CID too */

/* A byte string of exactly n bytes, copied to out; zeros on failure. */
void cbor_read_bytes_of(struct cbor_reader *c, uint8_t *out, size_t n);

/* An amount of money: a byte string, minimal big-endian (docs/spec/tx.md). */
struct amount cbor_read_amount(struct cbor_reader *c);

/* The number of elements, or of pairs, that follow. Never more than bytes are left, so a caller may
 * loop over it; the caller still checks it against its own limit before it sizes anything. */
size_t cbor_read_array(struct cbor_reader *c);
size_t cbor_read_map(struct cbor_reader *c);

/* The same, requiring exactly n. */
void cbor_read_array_of(struct cbor_reader *c, size_t n);
void cbor_read_map_of(struct cbor_reader *c, size_t n);

/* Takes a null and says true, or leaves anything else and says false. */
bool cbor_try_null(struct cbor_reader *c);

/* The next map key must be exactly this one. Reading a map of fixed keys in canonical order with
 * cbor_read_map_of and cbor_read_key checks order and uniqueness by itself. */
void cbor_read_key(struct cbor_reader *c, const char *key);

/* Takes the key when it is next and says true; else leaves it. For optional fields. */
bool cbor_try_key(struct cbor_reader *c, const char *key);

/* Takes one whole item, nested to CBOR_DEPTH_MAX (deeper: ERR_LIMIT), checks it in full according
 * to the mode, and gives its bytes. */
struct span cbor_read_item(struct cbor_reader *c);
void cbor_skip(struct cbor_reader *c);

/* cbor_next_link gives the next link in an item that cbor_validate has passed, however deep it
 * stands: its items are taken as a flat stream, the head of an array or map, then what is in it.
 * False at the end. */
bool cbor_next_link(struct cbor_reader *c, struct cid *out);

/* cbor_validate: in is exactly one item. OK, or what the item breaks. */
NODISCARD enum err cbor_validate(struct span in, enum cbor_mode mode);

/* The canonical order of map keys: by length, then by bytes. <0, 0, >0. */
int cbor_key_cmp(struct span a, struct span b);

/* Whether s is UTF-8 as RFC 3629 has it: shortest form, no surrogates. */
bool cbor_text_valid(struct span s);

/* Writers. The caller writes map keys in canonical order and as many items as it announced. */
void cbor_write_uint(struct writer *w, uint64_t v);
void cbor_write_int(struct writer *w, int64_t v);
void cbor_write_negative(struct writer *w, uint64_t v); /* -1 - v */
void cbor_write_bytes(struct writer *w, struct span s);
void cbor_write_text(struct writer *w, struct span s);
void cbor_write_str(struct writer *w, const char *s);   /* text or key from a C string */
void cbor_write_text_head(struct writer *w, size_t n);  /* n bytes of text must follow */
void cbor_write_bytes_head(struct writer *w, size_t n); /* n bytes must follow */
void cbor_write_array(struct writer *w, uint64_t count);
void cbor_write_map(struct writer *w, uint64_t count);
void cbor_write_bool(struct writer *w, bool v);
void cbor_write_null(struct writer *w);
void cbor_write_float(struct writer *w, double v); /* finite (asserted) */
void cbor_write_link(struct writer *w, const struct cid *cid);
void cbor_write_amount(struct writer *w, struct amount a);

#endif
