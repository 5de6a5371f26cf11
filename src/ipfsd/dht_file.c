/* The tables between two lives. SPEC: docs/spec/kad.md 6. What is read is only asked again: nothing
 * of the file is believed. */
#include "ipfsd/dht_impl.h"
#include "ipfsd/save.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdlib.h>

#define HEAD "crust/dht-table/1\n"

enum {
    NODE_MAX = 3 + KAD_PEER_ID_MAX + KAD_CONTACT_BYTES,
    FILE_MAX = 32 + DHT_NETS * KAD_TABLE_BUCKETS * KAD_K * NODE_MAX,
};

/* SPEC kad 6.1: "net u8 (0 local, 1 global), size of the id u8, id, size of the addresses u8,
 * addresses" */
static bool read_node(struct dht *d, struct reader *r)
{
    struct kad_contact c;
    struct kad_peer p = { .addr_count = 0 };
    uint8_t net = read_u8(r);
    p.id = read_span(r, read_u8(r));
    struct reader addrs = reader_of(read_span(r, read_u8(r)));
    while (addrs.n > 0 && addrs.err == OK && p.addr_count < KAD_CONTACT_ADDRS)
        p.addrs[p.addr_count++] = read_span(&addrs, read_u8(&addrs));
    if (r->err != OK || addrs.err != OK || net >= DHT_NETS || !kad_id_valid(p.id))
        return false;
    struct dht_net *n = &d->nets[net];
    kad_contact_of(&c, &p, &n->filter);
    if (n->on && n->seed_count < DHT_SEEDS && c.addrs_size > 0)
        n->seeds[n->seed_count++] = c;
    return true;
}

void dht_file_load(struct dht *d)
{
    struct mspan file;
    if (d->o.file == NULL || path_read_file(&file, d->o.file, FILE_MAX) != OK)
        return;
    struct reader r = reader_of(span_of(file.p, file.n));
    bool good = span_eq(read_span(&r, strlen(HEAD)), span_str(HEAD));
    while (good && r.n > 0)
        good = read_node(d, &r);
    if (!good)
        log_warn("dht-table-not-read", "path=\"%s\" next=\"it is made anew\"", d->o.file);
    free(file.p);
}

static void write_net(struct writer *w, const struct dht_net *n, uint8_t net)
{
    for (int b = 0; b < KAD_TABLE_BUCKETS; b++)
        for (int i = 0; i < KAD_K; i++) {
            const struct kad_contact *c = &n->table.buckets[b][i].contact;
            if (c->id_size == 0)
                continue;
            write_u8(w, net);
            write_u8(w, c->id_size);
            write_span(w, kad_contact_id(c));
            write_u8(w, c->addrs_size);
            write_bytes(w, c->addrs, c->addrs_size);
        }
}

void dht_file_save(struct dht *d)
{
    if (d->save == NULL || d->nets[DHT_LAN].table.count + d->nets[DHT_WAN].table.count == 0)
        return;
    struct save_content *c = save_content_new(FILE_MAX);
    if (c == NULL)
        return;
    struct writer w = writer_of(c->bytes, FILE_MAX);
    write_span(&w, span_str(HEAD));
    for (uint8_t i = 0; i < DHT_NETS; i++)
        write_net(&w, &d->nets[i], i);
    ASSERT(w.err == OK);
    c->size = w.len;
    save_go(d->save, c);
}
