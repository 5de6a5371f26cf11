/* Records of names that this node keeps for others, and those between two lives. SPEC:
 * docs/spec/kad.md 8. What is read is verified like what others bring. */
#include "ipfsd/dht_values.h"

#include "ipfsd/save.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdlib.h>

#define HEAD "crust/dht-values/1\n"

enum {
    ENTRY_MAX = 1 + 8 + 8 + 1 + KAD_VALUES_KEY + 2,
    FILE_MAX = 32 + DHT_NETS * (DHT_VALUES * ENTRY_MAX + DHT_VALUE_CHUNKS * KAD_VALUES_CHUNK),
};

enum err dht_values_begin(struct dht_net *n)
{
    struct kad_values_memory *m = &n->values_memory;
    *m = (struct kad_values_memory){
        .entries = calloc(DHT_VALUES, sizeof(*m->entries)),
        .networks = calloc(DHT_VALUES, sizeof(*m->networks)),
        .count = DHT_VALUES,
        .chunks = calloc(DHT_VALUE_CHUNKS, sizeof(*m->chunks)),
        .chunk_count = DHT_VALUE_CHUNKS,
    };
    if (m->entries == NULL || m->networks == NULL || m->chunks == NULL)
        return ERR_MEMORY;
    kad_values_init(&n->values, m);
    return OK;
}

void dht_values_end(struct dht_net *n)
{
    free(n->values_memory.entries);
    free(n->values_memory.networks);
    free(n->values_memory.chunks);
    n->values_memory = (struct kad_values_memory){ .count = 0 };
}

/* SPEC kad 8.6: "net u8 (0 local, 1 global), network u64, until u64 in Unix seconds, size of the
 * key u8, key, size of the record u16, record" */
static bool read_one(struct dht *d, struct reader *r)
{
    uint8_t net = read_u8(r);
    uint64_t group = read_be64(r), until = read_be64(r);
    struct span key = read_span(r, read_u8(r));
    struct span value = read_span(r, read_be16(r));
    if (r->err != OK || net >= DHT_NETS || until > INT64_MAX)
        return false;
    /* What has ended meanwhile, or does not verify, is left out. */
    if (d->nets[net].on)
        (void)!kad_values_load(&d->nets[net].values, key, value, group, (int64_t)until,
                               dht_wall_s());
    return true;
}

void dht_values_load(struct dht *d)
{
    struct mspan file;
    if (d->o.values == NULL || path_read_file(&file, d->o.values, FILE_MAX) != OK)
        return;
    struct reader r = reader_of(span_of(file.p, file.n));
    bool good = span_eq(read_span(&r, strlen(HEAD)), span_str(HEAD));
    while (good && r.n > 0)
        good = read_one(d, &r);
    if (!good)
        log_warn("dht-values-not-read", "path=\"%s\" next=\"others tell them again\"", d->o.values);
    free(file.p);
}

static void write_net(struct writer *w, const struct dht_net *n, uint8_t net)
{
    const struct kad_value *e;
    for (size_t at = 0; (e = kad_values_next(&n->values, &at)) != NULL;) {
        write_u8(w, net);
        write_be64(w, kad_values_group(&n->values, e));
        write_be64(w, (uint64_t)e->until_s);
        write_u8(w, e->key_size);
        write_bytes(w, e->key, e->key_size);
        write_be16(w, e->size);
        kad_values_write(&n->values, w, e);
    }
}

void dht_values_save(struct dht *d)
{
    size_t max = 32;
    for (size_t i = 0; i < DHT_NETS; i++)
        if (d->nets[i].on)
            max += d->nets[i].values.used * ENTRY_MAX +
                   d->nets[i].values.chunks_used * KAD_VALUES_CHUNK;
    if (d->values_save == NULL || max == 32)
        return;
    struct save_content *c = save_content_new(max);
    if (c == NULL)
        return;
    struct writer w = writer_of(c->bytes, max);
    write_span(&w, span_str(HEAD));
    for (uint8_t i = 0; i < DHT_NETS; i++)
        if (d->nets[i].on)
            write_net(&w, &d->nets[i], i);
    ASSERT(w.err == OK);
    c->size = w.len;
    save_go(d->values_save, c);
}
