#include "p2p/kad_values.h"

/* Bytes become records that are brought, in time. Whatever comes, no more is kept than there is
 * room for, no network has more than its share, nothing worse replaces what is kept, and what is
 * kept verifies. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENTRIES = 16, CHUNKS = 160, NOW = 1795000000 };

static struct kad_value entries[ENTRIES];
static struct kad_values_network networks[ENTRIES];
static struct kad_values_chunk chunks[CHUNKS];

static void check(const struct kad_values *v)
{
    size_t used = 0, taken = 0;
    for (size_t i = 0; i < ENTRIES; i++) {
        const struct kad_values_network *n = &networks[i];
        ASSERT(n->entries <= ENTRIES / KAD_VALUES_SHARE && n->chunks <= CHUNKS / KAD_VALUES_SHARE);
        used += n->entries;
        taken += n->entries == 0 ? 0 : n->chunks;
    }
    ASSERT(used == v->used && taken == v->chunks_used && v->touched <= CHUNKS);
}

static void key_of(struct writer *w, struct ed25519_key *pair, uint8_t n)
{
    uint8_t seed[ED25519_SEED_SIZE] = { 0 };
    seed[0] = n % 32;
    ed25519_keypair(pair, seed);
    struct peer_key public = peer_key_of(pair);
    struct peer_id name = peer_id_of(&public);
    write_span(w, span_str("/ipns/"));
    write_span(w, peer_id_span(&name));
}

/* What is kept under a key, with its sequence. */
static bool kept(const struct kad_values *v, struct span key, int64_t now, uint64_t *sequence)
{
    uint8_t bytes[IPNS_RECORD_MAX];
    struct ipns_record r;
    struct peer_id name;
    size_t size;
    *sequence = 0;
    if (kad_values_get(v, &size, (struct mspan){ bytes, sizeof(bytes) }, key, now) != OK)
        return false;
    ASSERT(kad_values_name(&name, key) == OK);
    ASSERT(ipns_decode(&r, span_of(bytes, size)) == OK && ipns_verify(&r, &name, now) == OK);
    *sequence = r.sequence;
    return true;
}

/* One event from the front of in; false at its end. */
static bool event(struct kad_values *v, struct reader *in, int64_t *now)
{
    static uint8_t filling[IPNS_RECORD_MAX], record[IPNS_RECORD_MAX];
    struct ed25519_key pair;
    uint8_t key[KAD_VALUES_KEY];
    struct writer k = writer_of(key, sizeof(key)), w = writer_of(record, sizeof(record));
    uint8_t what = read_u8(in), n = read_u8(in), group = read_u8(in);
    struct ipns_record r = { .value = span_of(filling, (size_t)read_u8(in) * 40),
                             .sequence = read_u8(in),
                             .validity = span_str(what & 1 ? "2026-11-20T00:00:00Z"
                                                           : "2030-01-01T00:00:00Z") };
    uint64_t before, after;
    if (in->err != OK)
        return false;
    key_of(&k, &pair, n);
    ASSERT(k.err == OK);
    bool had = kept(v, writer_span(&k), *now, &before);
    if (what % 8 == 6) {
        *now += (int64_t)group * 600;
        kad_values_expire(v, n, *now);
        return true;
    }
    if (what % 8 == 7 || ipns_encode(&w, &r, &pair) != OK) {
        w.len = 0;
        write_span(&w, read_span(in, in->n < n ? in->n : n)); /* anything */
    }
    enum err e = kad_values_put(v, writer_span(&k), writer_span(&w), group % 12, *now);
    bool has = kept(v, writer_span(&k), *now, &after);
    ASSERT((!had || has) && (e != OK || has) && (!had || after >= before));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kad_values v;
    const struct kad_values_memory memory = { entries, networks, ENTRIES, chunks, CHUNKS };
    struct reader in = reader_of(span_of(data, size));
    int64_t now = NOW;
    memset(entries, 0, sizeof(entries));
    memset(networks, 0, sizeof(networks));
    kad_values_init(&v, &memory);
    for (int i = 0; i < 400 && event(&v, &in, &now); i++)
        check(&v);
    return 0;
}
