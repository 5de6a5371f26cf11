#include "p2p/kad_contact.h"

#include "crypto/sha256.h"

void kad_contact_place(uint8_t out[KAD_PLACE], struct span key)
{
    sha256(out, key);
}

void kad_contact_of(struct kad_contact *out, const struct kad_peer *p, const struct kad_filter *f)
{
    struct writer w = writer_of(out->addrs, sizeof(out->addrs));
    uint32_t count = 0;
    ASSERT(kad_id_valid(p->id));
    *out = (struct kad_contact){ .id_size = (uint8_t)p->id.n };
    memcpy(out->id, p->id.p, p->id.n);
    kad_contact_place(out->place, p->id);
    for (uint32_t i = 0; i < p->addr_count && count < KAD_CONTACT_ADDRS; i++) {
        struct span a = p->addrs[i];
        if (a.n == 0 || a.n > UINT8_MAX || a.n + 1 > w.n - w.len ||
            (f != NULL && f->usable != NULL && !f->usable(f->ctx, a)))
            continue;
        write_u8(&w, (uint8_t)a.n);
        write_span(&w, a);
        count++;
    }
    ASSERT(w.err == OK);
    out->addrs_size = (uint8_t)w.len;
}

void kad_contact_peer(struct kad_peer *out, const struct kad_contact *c)
{
    struct reader r = reader_of(span_of(c->addrs, c->addrs_size));
    *out = (struct kad_peer){ .id = kad_contact_id(c) };
    while (r.n > 0 && r.err == OK && out->addr_count < KAD_CONTACT_ADDRS)
        out->addrs[out->addr_count++] = read_span(&r, read_u8(&r));
    ASSERT(r.err == OK);
}

int kad_contact_cmp(const uint8_t target[KAD_PLACE], const uint8_t a[KAD_PLACE],
                    const uint8_t b[KAD_PLACE])
{
    for (size_t i = 0; i < KAD_PLACE; i++)
        if (a[i] != b[i])
            return (a[i] ^ target[i]) < (b[i] ^ target[i]) ? -1 : 1;
    return 0;
}

uint32_t kad_contact_shared(const uint8_t a[KAD_PLACE], const uint8_t b[KAD_PLACE])
{
    for (uint32_t i = 0; i < KAD_PLACE * 8; i++)
        if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
            return i;
    return KAD_PLACE * 8;
}
