#include "p2p/kad_values.h"

#define PREFIX "/ipns/"

enum { CHUNKS_EACH = (IPNS_RECORD_MAX + KAD_VALUES_CHUNK - 1) / KAD_VALUES_CHUNK };

void kad_values_init(struct kad_values *v, const struct kad_values_memory *memory)
{
    ASSERT(memory->count >= KAD_VALUES_SHARE && memory->count <= KAD_VALUES_MAX);
    ASSERT(memory->chunk_count >= (size_t)CHUNKS_EACH * KAD_VALUES_SHARE &&
           memory->chunk_count <= KAD_VALUES_CHUNKS_MAX);
    *v = (struct kad_values){ .m = *memory, .free = KAD_VALUES_NONE };
}

enum err kad_values_name(struct peer_id *out, struct span key)
{
    *out = (struct peer_id){ .size = 0 };
    if (key.n <= strlen(PREFIX) || memcmp(key.p, PREFIX, strlen(PREFIX)) != 0)
        return ERR_UNSUPPORTED;
    enum err e = peer_id_decode(out, span_sub(key, strlen(PREFIX), key.n));
    return e == OK ? OK : ERR_UNSUPPORTED;
}

static size_t chunks_of(size_t size)
{
    return (size + KAD_VALUES_CHUNK - 1) / KAD_VALUES_CHUNK;
}

static struct kad_value *find(const struct kad_values *v, struct span key)
{
    for (size_t i = 0; i < v->m.count; i++) {
        struct kad_value *e = &v->m.entries[i];
        if (e->until_s != 0 && span_eq(span_of(e->key, e->key_size), key))
            return e;
    }
    return NULL;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static uint16_t take_chunk(struct kad_values *v)
{
    uint16_t i = v->free;
    if (i != KAD_VALUES_NONE)
        v->free = v->m.chunks[i].next;
    else
        i = (uint16_t)v->touched++;
    ASSERT(i < v->m.chunk_count);
    v->chunks_used++;
    return i;
}

static void release(struct kad_values *v, struct kad_value *e)
{
    struct kad_values_network *n = &v->m.networks[e->network];
    for (uint16_t i = e->first; i != KAD_VALUES_NONE;) {
        struct kad_values_chunk *c = &v->m.chunks[i];
        uint16_t next = c->next;
        c->next = v->free;
        v->free = i;
        v->chunks_used--;
        i = next;
    }
    n->entries = (uint16_t)(n->entries - 1);
    n->chunks = (uint16_t)(n->chunks - chunks_of(e->size));
    v->used--;
    *e = (struct kad_value){ .until_s = 0 };
}

static uint16_t network_of(const struct kad_values *v, uint64_t group)
{
    for (size_t i = 0; i < v->m.count; i++)
        if (v->m.networks[i].entries != 0 && v->m.networks[i].group == group)
            return (uint16_t)i;
    return KAD_VALUES_NONE;
}

/* Of what a network has brought, what ends first goes. */
static void push_out(struct kad_values *v, uint16_t network)
{
    struct kad_value *first = NULL;
    for (size_t i = 0; i < v->m.count; i++) {
        struct kad_value *e = &v->m.entries[i];
        if (e->until_s != 0 && e->network == network &&
            (first == NULL || e->until_s < first->until_s))
            first = e;
    }
    ASSERT(first != NULL);
    release(v, first);
}

static uint16_t greediest(const struct kad_values *v)
{
    size_t most = 0;
    for (size_t i = 1; i < v->m.count; i++) {
        const struct kad_values_network *a = &v->m.networks[i], *b = &v->m.networks[most];
        if (a->entries != 0 && (b->entries == 0 || a->chunks > b->chunks ||
                                (a->chunks == b->chunks && a->entries > b->entries)))
            most = i;
    }
    return (uint16_t)most;
}

/* SPEC kad 8.4: "A network has at most an eighth of the places; beyond that, its own record that
 * ends first makes room" */
static void make_room(struct kad_values *v, uint64_t group, size_t chunks)
{
    const size_t entries_each = v->m.count / KAD_VALUES_SHARE;
    const size_t chunks_each = v->m.chunk_count / KAD_VALUES_SHARE;
    for (;;) {
        uint16_t i = network_of(v, group);
        if (i == KAD_VALUES_NONE || (v->m.networks[i].entries < entries_each &&
                                     v->m.networks[i].chunks + chunks <= chunks_each))
            break;
        push_out(v, i);
    }
    while (v->used == v->m.count || v->chunks_used + chunks > v->m.chunk_count)
        push_out(v, greediest(v));
}

static uint16_t network_for(struct kad_values *v, uint64_t group)
{
    uint16_t i = network_of(v, group);
    for (size_t k = 0; i == KAD_VALUES_NONE; k++) {
        ASSERT(k < v->m.count);
        if (v->m.networks[k].entries == 0)
            i = (uint16_t)k;
    }
    v->m.networks[i].group = group;
    return i;
}

static void insert(struct kad_values *v, struct span key, struct span value, uint64_t group,
                   int64_t until_s)
{
    struct kad_value *e = v->m.entries;
    make_room(v, group, chunks_of(value.n));
    while (e->until_s != 0)
        e++;
    *e = (struct kad_value){ .until_s = until_s,
                             .network = network_for(v, group),
                             .first = KAD_VALUES_NONE,
                             .size = (uint16_t)value.n,
                             .key_size = (uint8_t)key.n };
    memcpy(e->key, key.p, key.n);
    uint16_t *at = &e->first;
    for (size_t from = 0; from < value.n; from += KAD_VALUES_CHUNK) {
        struct span part = span_sub(value, from, KAD_VALUES_CHUNK);
        *at = take_chunk(v);
        struct kad_values_chunk *c = &v->m.chunks[*at];
        memcpy(c->bytes, part.p, part.n);
        c->next = KAD_VALUES_NONE;
        at = &c->next;
    }
    struct kad_values_network *n = &v->m.networks[e->network];
    n->entries = (uint16_t)(n->entries + 1);
    n->chunks = (uint16_t)(n->chunks + chunks_of(value.n));
    v->used++;
}

/* ---- records --------------------------------------------------------------------------------- */

void kad_values_write(const struct kad_values *v, struct writer *w, const struct kad_value *e)
{
    size_t left = e->size;
    for (uint16_t i = e->first; i != KAD_VALUES_NONE; i = v->m.chunks[i].next) {
        size_t n = left < KAD_VALUES_CHUNK ? left : KAD_VALUES_CHUNK;
        write_bytes(w, v->m.chunks[i].bytes, n);
        left -= n;
    }
}

/* SPEC kad 8.3: "the higher sequence, then the later end, then the greater bytes" */
static enum err better(const struct kad_values *v, const struct kad_value *old, struct span value,
                       const struct ipns_record *r)
{
    uint8_t bytes[IPNS_RECORD_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct ipns_record kept;
    kad_values_write(v, &w, old);
    enum err e = ipns_decode(&kept, writer_span(&w));
    ASSERT(e == OK); /* nothing else is taken */
    int order = ipns_compare(r, &kept);
    if (order == 0)
        order = span_cmp(value, writer_span(&w));
    return order >= 0 ? OK : ERR_EXISTS;
}

enum err kad_values_load(struct kad_values *v, struct span key, struct span value, uint64_t group,
                         int64_t until_s, int64_t now_s)
{
    struct peer_id name;
    struct ipns_record r;
    TRY(kad_values_name(&name, key));
    TRY(ipns_decode(&r, value));
    TRY(ipns_verify(&r, &name, now_s));
    /* SPEC kad 8.2: "It is kept 48 hours, or until its end when that comes first" */
    if (until_s > now_s + KAD_VALUES_KEEP_S)
        until_s = now_s + KAD_VALUES_KEEP_S;
    if (until_s > r.validity_s)
        until_s = r.validity_s + 1;
    if (until_s <= now_s)
        return ERR_TIMEOUT;
    struct kad_value *old = find(v, key);
    if (old != NULL && old->until_s > now_s) {
        TRY(better(v, old, value, &r));
        group = kad_values_group(v, old);
    }
    if (old != NULL)
        release(v, old);
    insert(v, key, value, group, until_s);
    return OK;
}

enum err kad_values_put(struct kad_values *v, struct span key, struct span value, uint64_t group,
                        int64_t now_s)
{
    return kad_values_load(v, key, value, group, now_s + KAD_VALUES_KEEP_S, now_s);
}

enum err kad_values_get(const struct kad_values *v, size_t *size, struct mspan buf, struct span key,
                        int64_t now_s)
{
    const struct kad_value *e = find(v, key);
    struct writer w = writer_of(buf.p, buf.n);
    *size = 0;
    if (e == NULL || e->until_s <= now_s)
        return ERR_NOT_FOUND;
    if (e->size > buf.n)
        return ERR_LIMIT;
    kad_values_write(v, &w, e);
    *size = e->size;
    return OK;
}

void kad_values_expire(struct kad_values *v, size_t count, int64_t now_s)
{
    for (size_t i = 0; i < count; i++) {
        struct kad_value *e = &v->m.entries[v->expire_at];
        v->expire_at = (v->expire_at + 1) % v->m.count;
        if (e->until_s != 0 && e->until_s <= now_s)
            release(v, e);
    }
}

const struct kad_value *kad_values_next(const struct kad_values *v, size_t *at)
{
    for (; *at < v->m.count; (*at)++)
        if (v->m.entries[*at].until_s != 0)
            return &v->m.entries[(*at)++];
    return NULL;
}

uint64_t kad_values_group(const struct kad_values *v, const struct kad_value *e)
{
    return v->m.networks[e->network].group;
}
