#include "codec/identify.h"

#include "codec/pb.h"

enum {
    PUBLIC_KEY = 1,
    LISTEN_ADDRS = 2,
    PROTOCOLS = 3,
    OBSERVED_ADDR = 4,
    PROTOCOL_VERSION = 5,
    AGENT_VERSION = 6,
    SIGNED_RECORD = 8,
};

/* SPEC p2p-streams 2.4: "What is longer or more than the limits is left out, the rest is kept" */
static void keep(struct span *list, uint32_t *count, uint32_t max, struct span value, size_t size)
{
    if (*count < max && value.n > 0 && value.n <= size)
        list[(*count)++] = value;
}

static struct span text(struct span value)
{
    return value.n <= IDENTIFY_TEXT_MAX ? value : (struct span){ NULL, 0 };
}

static void take(struct reader *r, struct identify *out, const struct pb_field *f)
{
    switch (f->number) {
    case PUBLIC_KEY:
        out->public_key = f->bytes;
        break;
    case LISTEN_ADDRS:
        keep(out->addrs, &out->addr_count, IDENTIFY_ADDRS_MAX, f->bytes, IDENTIFY_ADDR_MAX);
        break;
    case PROTOCOLS:
        keep(out->protocols, &out->protocol_count, IDENTIFY_PROTOCOLS_MAX, f->bytes,
             IDENTIFY_TEXT_MAX);
        break;
    case OBSERVED_ADDR:
        out->observed_addr = f->bytes.n <= IDENTIFY_ADDR_MAX ? f->bytes : (struct span){ NULL, 0 };
        break;
    case PROTOCOL_VERSION:
        out->protocol_version = text(f->bytes);
        break;
    case AGENT_VERSION:
        out->agent_version = text(f->bytes);
        break;
    case SIGNED_RECORD:
        out->signed_record = f->bytes;
        break;
    default: /* a field of a later version: skipped */
        return;
    }
    pb_expect(r, f, PB_BYTES);
}

enum err identify_merge(struct identify *out, struct span message)
{
    struct reader r = reader_of(message);
    struct pb_field f;
    reader_require(&r, message.n <= IDENTIFY_MESSAGE_MAX, ERR_LIMIT);
    while (pb_next(&r, &f))
        take(&r, out, &f);
    enum err e = reader_finish(&r);
    if (e != OK)
        *out = (struct identify){ 0 };
    return e;
}

static void put(struct writer *w, uint32_t number, struct span value)
{
    if (value.n > 0)
        pb_write_bytes(w, number, value);
}

void identify_write(struct writer *w, const struct identify *id)
{
    ASSERT(id->addr_count <= IDENTIFY_ADDRS_MAX && id->protocol_count <= IDENTIFY_PROTOCOLS_MAX);
    put(w, PUBLIC_KEY, id->public_key);
    for (uint32_t i = 0; i < id->addr_count; i++)
        put(w, LISTEN_ADDRS, id->addrs[i]);
    for (uint32_t i = 0; i < id->protocol_count; i++)
        put(w, PROTOCOLS, id->protocols[i]);
    put(w, OBSERVED_ADDR, id->observed_addr);
    put(w, PROTOCOL_VERSION, id->protocol_version);
    put(w, AGENT_VERSION, id->agent_version);
    put(w, SIGNED_RECORD, id->signed_record);
}

bool identify_speaks(const struct identify *id, struct span protocol)
{
    for (uint32_t i = 0; i < id->protocol_count; i++)
        if (span_eq(id->protocols[i], protocol))
            return true;
    return false;
}
