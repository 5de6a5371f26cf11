#include "p2p/kad_server.h"

void kad_server_init(struct kad_server *s, struct kad_table *table,
                     const struct kad_server_memory *memory, struct kad_filter filter,
                     uint64_t seed)
{
    ASSERT(memory->count >= KAD_SERVER_PROBES);
    *s = (struct kad_server){ .table = table,
                              .records = memory->records,
                              .record_count = memory->count,
                              .filter = filter,
                              .seed = seed };
}

static void write_contact(struct writer *w, enum kad_list list, const struct kad_contact *c)
{
    struct kad_peer p;
    kad_contact_peer(&p, c);
    kad_write_peer(w, list, &p);
}

static void write_closest(const struct kad_server *s, struct writer *w, struct span key)
{
    uint8_t target[KAD_PLACE];
    const struct kad_contact *list[KAD_K], *named = kad_table_find(s->table, key);
    kad_contact_place(target, key);
    size_t n = kad_table_closest(s->table, target, list, KAD_K);
    bool there = named == NULL;
    for (size_t i = 0; i < n; i++) {
        there = there || list[i] == named;
        /* SPEC kad 4.4: "An answer names at most 20 closer peers" */
        if (i < KAD_K - 1 || there)
            write_contact(w, KAD_CLOSER, list[i]);
    }
    if (!there)
        write_contact(w, KAD_CLOSER, named);
}

static struct kad_server_record *record_at(const struct kad_server *s, const uint8_t *place,
                                           size_t i)
{
    return &s->records[(load_le64(place) % s->record_count + i) % s->record_count];
}

size_t kad_server_providers(const struct kad_server *s,
                            struct kad_contact out[KAD_SERVER_PROVIDERS], struct span key,
                            uint64_t now_ms)
{
    uint8_t place[KAD_PLACE];
    size_t count = 0;
    kad_contact_place(place, key);
    for (size_t i = 0; i < KAD_SERVER_PROBES && count < KAD_SERVER_PROVIDERS; i++) {
        const struct kad_server_record *r = record_at(s, place, i);
        if (r->until_ms > now_ms && memcmp(r->place, place, KAD_PLACE) == 0)
            out[count++] = r->provider;
    }
    return count;
}

static void write_providers(const struct kad_server *s, struct writer *w, struct span key,
                            uint64_t now_ms)
{
    struct kad_contact c[KAD_SERVER_PROVIDERS];
    size_t count = kad_server_providers(s, c, key, now_ms);
    for (size_t i = 0; i < count; i++)
        write_contact(w, KAD_PROVIDERS, &c[i]);
}

/* The counter of a provider's records. Others may share it: nobody knows with whom. */
static uint32_t *counter(struct kad_server *s, const struct kad_contact *c)
{
    uint64_t h = (load_le64(c->place) ^ s->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return &s->counts[(h ^ h >> 32) % KAD_SERVER_COUNTS];
}

static void release(struct kad_server *s, struct kad_server_record *r)
{
    if (r->until_ms == 0)
        return;
    *counter(s, &r->provider) -= 1;
    s->used--;
    r->until_ms = 0;
}

void kad_server_expire(struct kad_server *s, size_t count, uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        struct kad_server_record *r = &s->records[s->expire_at];
        s->expire_at = (s->expire_at + 1) % s->record_count;
        if (r->until_ms <= now_ms)
            release(s, r);
    }
}

static bool multihash(struct span key)
{
    return key.n >= 3 && key.n <= KAD_SERVER_KEY_MAX && key.p[0] < 0x80 && key.p[1] == key.n - 2;
}

/* SPEC kad 4.2: "ADD_PROVIDER is taken only when the provider named is who asks, with a usable
 * address" */
static enum err add_provider(struct kad_server *s, struct span from, const struct kad_message *m,
                             uint64_t now_ms)
{
    struct kad_iter it = kad_peers(m, KAD_PROVIDERS);
    struct kad_peer p;
    struct kad_contact c;
    struct kad_server_record *place = NULL;
    uint8_t key[KAD_PLACE];
    bool known = false;
    if (!multihash(m->key) || !kad_next(&it, &p) || !span_eq(p.id, from))
        return ERR_DENIED;
    kad_contact_of(&c, &p, &s->filter);
    if (c.addrs_size == 0)
        return ERR_DENIED;
    kad_contact_place(key, m->key);
    for (size_t i = 0; i < KAD_SERVER_PROBES; i++) {
        struct kad_server_record *r = record_at(s, key, i);
        bool same = r->until_ms != 0 && memcmp(r->place, key, KAD_PLACE) == 0 &&
                    span_eq(kad_contact_id(&r->provider), from);
        if (same || place == NULL || r->until_ms < place->until_ms)
            place = r;
        known = same;
        if (same)
            break;
    }
    /* SPEC kad 4.2: "of one provider at most 8,192 records are kept" */
    if (!known && *counter(s, &c) >= KAD_SERVER_EACH)
        return ERR_LIMIT;
    release(s, place);
    *counter(s, &c) += 1;
    s->used++;
    *place = (struct kad_server_record){ .until_ms = now_ms + KAD_SERVER_KEEP_MS, .provider = c };
    memcpy(place->place, key, KAD_PLACE);
    return OK;
}

enum err kad_server_answer(struct kad_server *s, struct span from, struct span request,
                           struct writer *w, uint64_t now_ms)
{
    struct kad_message m;
    TRY(kad_decode(&m, request));
    switch (m.type) {
    case KAD_PUT_VALUE:
    case KAD_GET_VALUE:
        return ERR_UNSUPPORTED;
    case KAD_ADD_PROVIDER:
        return add_provider(s, from, &m, now_ms);
    case KAD_GET_PROVIDERS:
        if (!multihash(m.key))
            return ERR_DENIED;
        kad_write(w, m.type, m.key);
        write_closest(s, w, m.key);
        write_providers(s, w, m.key, now_ms);
        return w->err;
    case KAD_FIND_NODE:
        if (m.key.n == 0)
            return ERR_DENIED;
        kad_write(w, m.type, m.key);
        write_closest(s, w, m.key);
        return w->err;
    case KAD_PING:
        kad_write(w, m.type, (struct span){ NULL, 0 });
        return w->err;
    }
    return ERR_UNSUPPORTED;
}

void kad_server_value(const struct kad_server *s, const struct kad_message *request,
                      struct span value, struct writer *w)
{
    kad_write(w, request->type, request->key);
    if (value.n > 0)
        kad_write_record(w, request->key, value);
    if (request->type == KAD_GET_VALUE)
        write_closest(s, w, request->key);
}
