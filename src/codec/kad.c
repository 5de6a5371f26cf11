#include "codec/kad.h"

#include "codec/pb.h"

enum { MESSAGE_TYPE = 1, MESSAGE_KEY = 2, MESSAGE_RECORD = 3 };
enum { RECORD_KEY = 1, RECORD_VALUE = 2 };
enum { PEER_ID = 1, PEER_ADDRS = 2, PEER_CONNECTION = 3 };

bool kad_id_valid(struct span id)
{
    if (id.n < KAD_PEER_ID_MIN || id.n > KAD_PEER_ID_MAX || id.p[1] != id.n - 2)
        return false;
    return id.p[0] == 0x00 || (id.p[0] == 0x12 && id.n == 34);
}

static void read_record(struct reader *parent, struct kad_message *out, struct span bytes)
{
    struct reader r = reader_of(bytes);
    struct pb_field f;
    out->has_record = true;
    while (pb_next(&r, &f)) {
        if (f.number != RECORD_KEY && f.number != RECORD_VALUE)
            continue;
        pb_expect(&r, &f, PB_BYTES);
        *(f.number == RECORD_KEY ? &out->record_key : &out->value) = f.bytes;
    }
    reader_require(parent, reader_finish(&r) == OK, ERR_FORMAT);
    reader_require(parent, out->record_key.n <= KAD_KEY_MAX, ERR_LIMIT);
    reader_require(parent, out->value.n <= KAD_VALUE_MAX, ERR_LIMIT);
}

static void read_peer(struct reader *parent, struct kad_peer *out, struct span bytes)
{
    struct reader r = reader_of(bytes);
    struct pb_field f;
    *out = (struct kad_peer){ 0 };
    while (pb_next(&r, &f)) {
        if (f.number == PEER_ID || f.number == PEER_ADDRS)
            pb_expect(&r, &f, PB_BYTES);
        if (f.number == PEER_ID)
            out->id = f.bytes;
        else if (f.number == PEER_ADDRS && f.bytes.n > 0 && f.bytes.n <= KAD_ADDR_MAX &&
                 out->addr_count < KAD_ADDRS_MAX)
            out->addrs[out->addr_count++] = f.bytes;
        else if (f.number == PEER_CONNECTION)
            out->connection = f.value <= 3 ? (uint8_t)f.value : 0;
    }
    reader_require(parent, reader_finish(&r) == OK, ERR_FORMAT);
}

static void read_field(struct reader *r, struct kad_message *out, const struct pb_field *f)
{
    struct kad_peer peer;
    if (f->number == MESSAGE_TYPE) {
        pb_expect(r, f, PB_VARINT);
        reader_require(r, f->value <= KAD_PING, ERR_UNSUPPORTED);
        out->type = (enum kad_type)f->value;
        return;
    }
    bool ours = f->number == MESSAGE_KEY || f->number == MESSAGE_RECORD ||
                f->number == KAD_CLOSER || f->number == KAD_PROVIDERS;
    if (!ours)
        return;
    pb_expect(r, f, PB_BYTES);
    if (f->number == MESSAGE_KEY) {
        out->key = f->bytes;
        reader_require(r, f->bytes.n <= KAD_KEY_MAX, ERR_LIMIT);
    } else if (f->number == MESSAGE_RECORD) {
        read_record(r, out, f->bytes);
    } else {
        read_peer(r, &peer, f->bytes);
    }
}

enum err kad_decode(struct kad_message *out, struct span in)
{
    struct reader r = reader_of(in);
    struct pb_field f;
    *out = (struct kad_message){ .raw = in };
    reader_require(&r, in.n <= KAD_MESSAGE_MAX, ERR_LIMIT);
    while (pb_next(&r, &f))
        read_field(&r, out, &f);
    if (reader_finish(&r) != OK)
        *out = (struct kad_message){ 0 };
    return r.err;
}

struct kad_iter kad_peers(const struct kad_message *m, enum kad_list list)
{
    return (struct kad_iter){ .r = reader_of(m->raw), .list = list };
}

bool kad_next(struct kad_iter *it, struct kad_peer *out)
{
    struct pb_field f;
    while (pb_next(&it->r, &f)) {
        if (f.number != (uint32_t)it->list)
            continue;
        read_peer(&it->r, out, f.bytes);
        /* SPEC kad 1.4: "A peer whose id is malformed is left out, the rest is kept" */
        if (kad_id_valid(out->id))
            return true;
    }
    *out = (struct kad_peer){ 0 };
    return false;
}

void kad_write(struct writer *w, enum kad_type type, struct span key)
{
    if (type != KAD_PUT_VALUE)
        pb_write_uint(w, MESSAGE_TYPE, (uint64_t)type);
    if (key.n > 0)
        pb_write_bytes(w, MESSAGE_KEY, key);
}

void kad_write_record(struct writer *w, struct span key, struct span value)
{
    pb_write_message(w, MESSAGE_RECORD,
                     pb_bytes_size(RECORD_KEY, key.n) + pb_bytes_size(RECORD_VALUE, value.n));
    pb_write_bytes(w, RECORD_KEY, key);
    pb_write_bytes(w, RECORD_VALUE, value);
}

void kad_write_peer(struct writer *w, enum kad_list list, const struct kad_peer *p)
{
    ASSERT(p->addr_count <= KAD_ADDRS_MAX);
    size_t n = pb_bytes_size(PEER_ID, p->id.n);
    for (uint32_t i = 0; i < p->addr_count; i++)
        n += pb_bytes_size(PEER_ADDRS, p->addrs[i].n);
    n += p->connection != 0 ? pb_uint_size(PEER_CONNECTION, p->connection) : 0;
    pb_write_message(w, (uint32_t)list, n);
    pb_write_bytes(w, PEER_ID, p->id);
    for (uint32_t i = 0; i < p->addr_count; i++)
        pb_write_bytes(w, PEER_ADDRS, p->addrs[i]);
    if (p->connection != 0)
        pb_write_uint(w, PEER_CONNECTION, p->connection);
}
