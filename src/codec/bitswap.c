#include "codec/bitswap.h"

#include "codec/pb.h"
#include "codec/varint_frame.h"
#include "crypto/sha256.h"

enum { MESSAGE_WANTLIST = 1, MESSAGE_PAYLOAD = 3, MESSAGE_PRESENCE = 4 };
enum { WANTLIST_ENTRY = 1, WANTLIST_FULL = 2 };
enum { ENTRY_BLOCK = 1, ENTRY_PRIORITY, ENTRY_CANCEL, ENTRY_TYPE, ENTRY_SEND_DONT_HAVE };
enum { PAYLOAD_PREFIX = 1, PAYLOAD_DATA = 2 };
enum { PRESENCE_CID = 1, PRESENCE_TYPE = 2 };

void bitswap_reader_init(struct bitswap_reader *r)
{
    *r = (struct bitswap_reader){ .state = BITSWAP_AT_LENGTH };
}

void bitswap_reader_memory(struct bitswap_reader *r, uint8_t *memory)
{
    ASSERT(r->state == BITSWAP_AT_MEMORY);
    r->memory = memory;
    r->refused = memory == NULL;
    r->state = BITSWAP_IN_DATA;
}

/* One field's head, and its value when that is a number. */
struct field {
    uint32_t number;
    enum pb_wire wire;
    uint64_t value;
    size_t head; /* bytes up to the value's bytes */
    size_t size; /* bytes after the head */
};

/* Reads the head of the next field of a message of which left bytes remain. ERR_SHORT: it is not
 * here yet. */
static enum err read_field(struct field *f, struct span in, size_t left)
{
    struct span window = span_sub(in, 0, left);
    struct reader r = reader_of(window);
    *f = (struct field){ 0 };
    uint64_t key = pb_read_varint(&r);
    reader_require(&r, key >> 3 >= 1 && key >> 3 <= PB_FIELD_MAX, ERR_FORMAT);
    f->number = (uint32_t)(key >> 3);
    f->wire = (enum pb_wire)(key & 7);
    if (f->wire == PB_VARINT || f->wire == PB_BYTES)
        f->value = pb_read_varint(&r);
    else
        reader_require(&r, f->wire == PB_FIXED32 || f->wire == PB_FIXED64, ERR_FORMAT);
    if (r.err != OK)
        return r.err == ERR_SHORT && window.n < left ? ERR_SHORT : ERR_FORMAT;
    f->head = window.n - r.n;
    uint64_t size = f->wire == PB_BYTES     ? f->value
                    : f->wire == PB_FIXED32 ? 4
                    : f->wire == PB_FIXED64 ? 8
                                            : 0;
    if (size > left - f->head)
        return ERR_FORMAT;
    f->size = (size_t)size;
    return OK;
}

static enum err read_entry(struct bitswap_item *item, struct span bytes)
{
    struct bitswap_entry *e = &item->entry;
    struct reader r = reader_of(bytes);
    struct pb_field f;
    *e = (struct bitswap_entry){ 0 };
    while (pb_next(&r, &f)) {
        if (f.number >= ENTRY_BLOCK && f.number <= ENTRY_SEND_DONT_HAVE)
            pb_expect(&r, &f, f.number == ENTRY_BLOCK ? PB_BYTES : PB_VARINT);
        if (f.number == ENTRY_BLOCK)
            e->cid = f.bytes;
        else if (f.number == ENTRY_PRIORITY)
            e->priority = (int32_t)(uint32_t)f.value;
        else if (f.number == ENTRY_CANCEL)
            e->cancel = f.value != 0;
        else if (f.number == ENTRY_TYPE)
            e->have = f.value == 1;
        else if (f.number == ENTRY_SEND_DONT_HAVE)
            e->send_dont_have = f.value != 0;
    }
    TRY(reader_finish(&r));
    /* SPEC bitswap 2.3: "A CID of no or more than 168 bytes is passed over" */
    if (e->cid.n > 0 && e->cid.n <= BITSWAP_CID_MAX)
        item->what = BITSWAP_ENTRY;
    return OK;
}

static enum err read_presence(struct bitswap_item *item, struct span bytes)
{
    struct reader r = reader_of(bytes);
    struct pb_field f;
    item->have = true;
    item->cid = (struct span){ NULL, 0 };
    while (pb_next(&r, &f)) {
        if (f.number == PRESENCE_CID) {
            pb_expect(&r, &f, PB_BYTES);
            item->cid = f.bytes;
        } else if (f.number == PRESENCE_TYPE) {
            pb_expect(&r, &f, PB_VARINT);
            item->have = f.value == 0;
        }
    }
    TRY(reader_finish(&r));
    if (item->cid.n > 0 && item->cid.n <= BITSWAP_CID_MAX)
        item->what = BITSWAP_PRESENCE;
    return OK;
}

static void take(struct bitswap_reader *r, struct span *in, size_t n)
{
    *in = span_sub(*in, n, in->n);
    r->left -= n;
    if (r->state != BITSWAP_IN_MESSAGE)
        r->sub_left -= n;
}

/* A small message inside: parsed when it is whole, passed over when it is too long. */
typedef enum err (*small_fn)(struct bitswap_item *item, struct span bytes);
static enum err read_small(struct bitswap_reader *r, struct span *in, struct bitswap_item *item,
                           const struct field *f, small_fn fn)
{
    if (f->wire != PB_BYTES)
        return ERR_FORMAT;
    if (f->size > BITSWAP_ITEM_MAX) {
        r->skip = f->size;
        take(r, in, f->head);
        return OK;
    }
    if (in->n < f->head + f->size)
        return ERR_SHORT;
    struct span bytes = span_sub(*in, f->head, f->size);
    enum err e = fn(item, bytes);
    take(r, in, f->head + f->size);
    return e == ERR_SHORT ? ERR_FORMAT : e;
}

static void pass_over(struct bitswap_reader *r, struct span *in, const struct field *f)
{
    r->skip = f->size;
    take(r, in, f->head);
}

static enum err enter(struct bitswap_reader *r, struct span *in, const struct field *f,
                      enum bitswap_reader_state state)
{
    if (f->wire != PB_BYTES)
        return ERR_FORMAT;
    take(r, in, f->head);
    r->state = state;
    r->sub_left = f->size;
    r->data_seen = r->refused = false;
    r->data_size = r->data_have = r->prefix_size = 0;
    r->memory = NULL;
    return OK;
}

static enum err in_message(struct bitswap_reader *r, struct span *in, struct bitswap_item *item)
{
    struct field f;
    if (r->left == 0) {
        r->state = BITSWAP_AT_LENGTH;
        item->what = BITSWAP_END;
        return OK;
    }
    TRY(read_field(&f, *in, r->left));
    if (f.number == MESSAGE_WANTLIST)
        return enter(r, in, &f, BITSWAP_IN_WANTLIST);
    if (f.number == MESSAGE_PAYLOAD)
        return enter(r, in, &f, BITSWAP_IN_PAYLOAD);
    if (f.number == MESSAGE_PRESENCE)
        return read_small(r, in, item, &f, read_presence);
    pass_over(r, in, &f);
    return OK;
}

static enum err in_wantlist(struct bitswap_reader *r, struct span *in, struct bitswap_item *item)
{
    struct field f;
    if (r->sub_left == 0) {
        r->state = BITSWAP_IN_MESSAGE;
        return OK;
    }
    TRY(read_field(&f, *in, r->sub_left));
    if (f.number == WANTLIST_ENTRY)
        return read_small(r, in, item, &f, read_entry);
    if (f.number == WANTLIST_FULL && f.wire != PB_VARINT)
        return ERR_FORMAT;
    if (f.number == WANTLIST_FULL && f.value != 0)
        item->what = BITSWAP_FULL;
    pass_over(r, in, &f);
    return OK;
}

static enum err in_payload(struct bitswap_reader *r, struct span *in, struct bitswap_item *item)
{
    struct field f;
    if (r->sub_left == 0) {
        r->state = BITSWAP_IN_MESSAGE;
        item->what = BITSWAP_BLOCK;
        item->prefix = span_of(r->prefix, r->prefix_size);
        item->refused = r->refused;
        item->block_size = r->data_size;
        if (!r->refused)
            item->block = span_of(r->memory, r->data_size);
        return OK;
    }
    TRY(read_field(&f, *in, r->sub_left));
    if ((f.number == PAYLOAD_PREFIX || f.number == PAYLOAD_DATA) && f.wire != PB_BYTES)
        return ERR_FORMAT;
    if (f.number == PAYLOAD_PREFIX) {
        if (f.size > BITSWAP_PREFIX_MAX)
            return ERR_FORMAT;
        if (in->n < f.head + f.size)
            return ERR_SHORT;
        r->prefix_size = f.size;
        if (f.size > 0)
            memcpy(r->prefix, in->p + f.head, f.size);
        take(r, in, f.head + f.size);
        return OK;
    }
    if (f.number != PAYLOAD_DATA) {
        pass_over(r, in, &f);
        return OK;
    }
    /* SPEC bitswap 1.3: "A block of more than 2,097,152 bytes MUST end the stream before memory is
     * taken for it" */
    if (f.size > BITSWAP_BLOCK_MAX)
        return ERR_LIMIT;
    if (r->data_seen)
        return ERR_FORMAT;
    take(r, in, f.head);
    r->data_seen = true;
    r->data_size = f.size;
    if (f.size > 0)
        r->state = BITSWAP_AT_MEMORY;
    return OK;
}

static enum err in_data(struct bitswap_reader *r, struct span *in)
{
    struct span s = span_sub(*in, 0, r->data_size - r->data_have);
    if (s.n == 0)
        return ERR_SHORT;
    if (!r->refused)
        memcpy(r->memory + r->data_have, s.p, s.n);
    take(r, in, s.n);
    r->data_have += s.n;
    if (r->data_have == r->data_size)
        r->state = BITSWAP_IN_PAYLOAD;
    return OK;
}

static enum err at_length(struct bitswap_reader *r, struct span *in)
{
    size_t head;
    TRY(varint_frame_head(&r->left, &head, *in, BITSWAP_MESSAGE_MAX));
    *in = span_sub(*in, head, in->n);
    r->state = BITSWAP_IN_MESSAGE;
    return OK;
}

static enum err advance(struct bitswap_reader *r, struct span *in, struct bitswap_item *item)
{
    if (r->skip > 0) {
        size_t n = r->skip < in->n ? r->skip : in->n;
        if (n == 0)
            return ERR_SHORT;
        r->skip -= n;
        take(r, in, n);
        return OK;
    }
    switch (r->state) {
    case BITSWAP_AT_LENGTH:
        return at_length(r, in);
    case BITSWAP_IN_MESSAGE:
        return in_message(r, in, item);
    case BITSWAP_IN_WANTLIST:
        return in_wantlist(r, in, item);
    case BITSWAP_IN_PAYLOAD:
        return in_payload(r, in, item);
    case BITSWAP_AT_MEMORY:
        item->what = BITSWAP_MEMORY;
        item->block_size = r->data_size;
        return OK;
    case BITSWAP_IN_DATA:
        return in_data(r, in);
    }
    return ERR_STATE;
}

enum err bitswap_read(struct bitswap_reader *r, struct span in, size_t *taken,
                      struct bitswap_item *item)
{
    struct span rest = in;
    *item = (struct bitswap_item){ .what = BITSWAP_MORE };
    *taken = 0;
    while (r->err == OK && item->what == BITSWAP_MORE) {
        *item = (struct bitswap_item){ .what = BITSWAP_MORE }; /* nothing of what was passed over */
        enum err e = advance(r, &rest, item);
        if (e == ERR_SHORT)
            break;
        r->err = e;
    }
    *taken = in.n - rest.n;
    if (r->err != OK)
        *item = (struct bitswap_item){ .what = BITSWAP_MORE };
    return r->err;
}

enum err bitswap_prefix_cid(struct cid *out, struct span prefix)
{
    struct reader r = reader_of(prefix);
    *out = (struct cid){ 0 };
    uint64_t version = read_uvarint(&r), codec = read_uvarint(&r);
    uint64_t hash = read_uvarint(&r), size = read_uvarint(&r);
    if (reader_finish(&r) != OK || version > 1 || (version == 0 && codec != CID_CODEC_DAG_PB))
        return ERR_FORMAT;
    if (hash != CID_HASH_SHA2_256 || size != SHA256_SIZE)
        return ERR_UNSUPPORTED;
    out->version = (uint8_t)version;
    out->codec = codec;
    out->hash = hash;
    out->digest_size = SHA256_SIZE;
    return OK;
}

enum err bitswap_block_cid(struct cid *out, struct span prefix, struct span block)
{
    TRY(bitswap_prefix_cid(out, prefix));
    sha256(out->digest, block);
    return OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t entry_body(const struct bitswap_entry *e)
{
    size_t n = pb_bytes_size(ENTRY_BLOCK, e->cid.n);
    n += e->priority == 0 ? 0 : pb_uint_size(ENTRY_PRIORITY, (uint64_t)(int64_t)e->priority);
    n += e->cancel ? 2 : 0;
    n += e->have ? 2 : 0;
    n += e->send_dont_have ? 2 : 0;
    return n;
}

size_t bitswap_entry_size(const struct bitswap_entry *e)
{
    return pb_bytes_size(WANTLIST_ENTRY, entry_body(e));
}

static void write_entry(struct writer *w, const struct bitswap_entry *e)
{
    pb_write_message(w, WANTLIST_ENTRY, entry_body(e));
    pb_write_bytes(w, ENTRY_BLOCK, e->cid);
    if (e->priority != 0)
        pb_write_uint(w, ENTRY_PRIORITY, (uint64_t)(int64_t)e->priority);
    if (e->cancel)
        pb_write_uint(w, ENTRY_CANCEL, 1);
    if (e->have)
        pb_write_uint(w, ENTRY_TYPE, 1);
    if (e->send_dont_have)
        pb_write_uint(w, ENTRY_SEND_DONT_HAVE, 1);
}

void bitswap_write_wantlist(struct writer *w, const struct bitswap_entry *entries, size_t count,
                            bool full)
{
    size_t n = full ? 2 : 0;
    for (size_t i = 0; i < count; i++)
        n += bitswap_entry_size(&entries[i]);
    pb_write_message(w, MESSAGE_WANTLIST, n);
    for (size_t i = 0; i < count; i++)
        write_entry(w, &entries[i]);
    if (full)
        pb_write_uint(w, WANTLIST_FULL, 1);
}

size_t bitswap_presence_size(struct span cid)
{
    return pb_bytes_size(MESSAGE_PRESENCE, pb_bytes_size(PRESENCE_CID, cid.n) + 2);
}

void bitswap_write_presence(struct writer *w, struct span cid, bool have)
{
    pb_write_message(w, MESSAGE_PRESENCE, pb_bytes_size(PRESENCE_CID, cid.n) + (have ? 0 : 2));
    pb_write_bytes(w, PRESENCE_CID, cid);
    if (!have)
        pb_write_uint(w, PRESENCE_TYPE, 1);
}

void bitswap_write_block_head(struct writer *w, const struct cid *cid, size_t size)
{
    uint8_t bytes[BITSWAP_PREFIX_MAX];
    struct writer prefix = writer_of(bytes, sizeof(bytes));
    write_uvarint(&prefix, cid->version);
    write_uvarint(&prefix, cid->codec);
    write_uvarint(&prefix, cid->hash);
    write_uvarint(&prefix, cid->digest_size);
    ASSERT(prefix.err == OK);
    pb_write_message(w, MESSAGE_PAYLOAD,
                     pb_bytes_size(PAYLOAD_PREFIX, prefix.len) + pb_bytes_size(PAYLOAD_DATA, size));
    pb_write_bytes(w, PAYLOAD_PREFIX, writer_span(&prefix));
    pb_write_message(w, PAYLOAD_DATA, size);
}
