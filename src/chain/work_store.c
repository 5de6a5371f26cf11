#include "chain/work_store.h"

#include "base/reader.h"
#include "base/writer.h"

/* Records have fixed widths, little-endian, amounts 16 bytes: nothing outside writes them, so that
 * a record that does not read is a bug of ours. */
enum {
    DISK_SIZE = 4 + 6 * 8 + 32,
    STANDING_SIZE = 3 + 4 + 3 * 8 + 48 + 6 + 32,
    WORKER_SIZE = 5 * 32 + 4 + STANDING_SIZE + 2 + 5 * 8 + 4 + 3 * 16 + WORK_VOLUMES * DISK_SIZE,
    LEAF_SIZE = 32 + 32 + 8 + 8 + 4 + 4 + 1,
    KEY_SIZE = 36, /* of a content key */
};

struct work_key work_key_of(uint8_t kind)
{
    struct work_key k = { .n = 1 };
    k.bytes[0] = kind;
    return k;
}

void work_key_add(struct work_key *k, const void *p, size_t n)
{
    ASSERT(n <= sizeof(k->bytes) - k->n);
    memcpy(k->bytes + k->n, p, n);
    k->n += n;
}

void work_key_u32(struct work_key *k, uint32_t v)
{
    uint8_t bytes[4];
    store_be32(bytes, v);
    work_key_add(k, bytes, 4);
}

void work_key_u64(struct work_key *k, uint64_t v)
{
    uint8_t bytes[8];
    store_be64(bytes, v);
    work_key_add(k, bytes, 8);
}

struct span work_key_span(const struct work_key *k)
{
    return span_of(k->bytes, k->n);
}

static struct work_key hash_key(uint8_t kind, const uint8_t hash[32])
{
    struct work_key k = work_key_of(kind);
    work_key_add(&k, hash, 32);
    return k;
}

static struct work_key leaf_key(const uint8_t lineage[32], const struct content_key *key)
{
    struct work_key k = hash_key(WORK_KEY_LEAF, lineage);
    work_key_u32(&k, key->codec);
    work_key_add(&k, key->digest, 32);
    return k;
}

static struct work_key place_prefix(const uint8_t lineage[32], uint8_t volume, uint32_t incarnation)
{
    struct work_key k = hash_key(WORK_INDEX_PLACE, lineage);
    work_key_add(&k, &volume, 1);
    work_key_u32(&k, incarnation);
    return k;
}

static void write_amount(struct writer *w, struct amount a)
{
    write_le64(w, (uint64_t)a.units);
    write_le64(w, (uint64_t)(a.units >> 64));
}

static struct amount read_amount(struct reader *r)
{
    u128 low = read_le64(r);
    return AMOUNT_OF(low | (u128)read_le64(r) << 64);
}

/* ---- workers ------------------------------------------------------------------------------ */

static void standing_decode(struct work_standing *s, struct reader *r)
{
    s->status = read_u8(r);
    s->product = read_u8(r);
    s->lapsed = read_u8(r) != 0;
    s->evaluation = read_le32(r);
    s->attested_at = read_le64(r);
    s->evidence_block = read_le64(r);
    s->expires_at = read_le64(r);
    read_into(r, s->measurement, sizeof(s->measurement));
    read_into(r, s->fmspc, sizeof(s->fmspc));
    read_into(r, s->pck, sizeof(s->pck));
}

static void standing_encode(struct writer *out, const struct work_standing *s)
{
    write_u8(out, s->status);
    write_u8(out, s->product);
    write_u8(out, s->lapsed);
    write_le32(out, s->evaluation);
    write_le64(out, s->attested_at);
    write_le64(out, s->evidence_block);
    write_le64(out, s->expires_at);
    write_bytes(out, s->measurement, sizeof(s->measurement));
    write_bytes(out, s->fmspc, sizeof(s->fmspc));
    write_bytes(out, s->pck, sizeof(s->pck));
}

static void worker_decode(struct work_worker *w, struct span in)
{
    struct reader r = reader_of(in);
    *w = (struct work_worker){ 0 };
    read_into(&r, w->lineage, 32);
    read_into(&r, w->worker, 32);
    read_into(&r, w->account, 32);
    read_into(&r, w->platform, 32);
    read_into(&r, w->release, 32);
    w->kind = read_u8(&r);
    w->faulted = read_u8(&r) != 0;
    w->absent = read_u8(&r) != 0;
    w->retired = read_u8(&r) != 0;
    standing_decode(&w->standing, &r);
    w->suspended = read_le16(&r);
    w->registered_at = read_le64(&r);
    w->next_slot = read_le64(&r);
    w->report_slot = read_le64(&r);
    w->reports = read_le32(&r);
    w->power = read_le64(&r);
    w->bytes = read_le64(&r);
    w->deposit = read_amount(&r);
    w->debt = read_amount(&r);
    w->rate = read_amount(&r);
    for (int v = 0; v < WORK_VOLUMES; v++) {
        struct work_disk *d = &w->disks[v];
        d->incarnation = read_le32(&r);
        d->answered = read_le64(&r);
        d->proven = read_le64(&r);
        d->power = read_le64(&r);
        d->srd_proven = read_le64(&r);
        d->return_from = read_le64(&r);
        d->return_slot = read_le64(&r);
        read_into(&r, d->return_value, 32);
    }
    enum err e = reader_finish(&r);
    ASSERT(e == OK);
}

void work_put(struct ledger *l, const struct work_worker *w)
{
    uint8_t bytes[WORKER_SIZE];
    struct writer out = writer_of(bytes, sizeof(bytes));
    write_bytes(&out, w->lineage, 32);
    write_bytes(&out, w->worker, 32);
    write_bytes(&out, w->account, 32);
    write_bytes(&out, w->platform, 32);
    write_bytes(&out, w->release, 32);
    write_u8(&out, w->kind);
    write_u8(&out, w->faulted);
    write_u8(&out, w->absent);
    write_u8(&out, w->retired);
    standing_encode(&out, &w->standing);
    write_u8(&out, (uint8_t)w->suspended);
    write_u8(&out, (uint8_t)(w->suspended >> 8));
    write_le64(&out, w->registered_at);
    write_le64(&out, w->next_slot);
    write_le64(&out, w->report_slot);
    write_le32(&out, w->reports);
    write_le64(&out, w->power);
    write_le64(&out, w->bytes);
    write_amount(&out, w->deposit);
    write_amount(&out, w->debt);
    write_amount(&out, w->rate);
    for (int v = 0; v < WORK_VOLUMES; v++) {
        const struct work_disk *d = &w->disks[v];
        write_le32(&out, d->incarnation);
        write_le64(&out, d->answered);
        write_le64(&out, d->proven);
        write_le64(&out, d->power);
        write_le64(&out, d->srd_proven);
        write_le64(&out, d->return_from);
        write_le64(&out, d->return_slot);
        write_bytes(&out, d->return_value, 32);
    }
    ASSERT(out.err == OK && out.len == sizeof(bytes));
    struct work_key k = hash_key(WORK_KEY_WORKER, w->lineage);
    state_put(l->st, STATE_WORK, work_key_span(&k), writer_span(&out));
}

bool work_get_lineage(struct ledger *l, struct work_worker *out, const uint8_t lineage[32])
{
    struct span value;
    struct work_key k = hash_key(WORK_KEY_WORKER, lineage);
    *out = (struct work_worker){ 0 };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return false;
    worker_decode(out, value);
    return true;
}

bool work_get(struct ledger *l, struct work_worker *out, const uint8_t worker[32])
{
    struct span value;
    uint8_t lineage[32];
    struct work_key k = hash_key(WORK_KEY_NAME, worker);
    *out = (struct work_worker){ 0 };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return false;
    ASSERT(value.n == 32);
    memcpy(lineage, value.p, 32);
    return work_get_lineage(l, out, lineage);
}

bool work_next(struct ledger *l, struct work_worker *out, const uint8_t after[32])
{
    const uint8_t prefix[1] = { WORK_KEY_WORKER };
    const struct state_range range = { .store = STATE_WORK, .prefix = { prefix, 1 } };
    struct work_key from = hash_key(WORK_KEY_WORKER, after);
    struct span key;
    struct span value;
    *out = (struct work_worker){ 0 };
    if (!state_next(l->st, &key, &value, range, work_key_span(&from), true))
        return false;
    worker_decode(out, value);
    return true;
}

void work_put_name(struct ledger *l, const uint8_t worker[32], const uint8_t lineage[32])
{
    struct work_key k = hash_key(WORK_KEY_NAME, worker);
    state_put(l->st, STATE_WORK, work_key_span(&k), span_of(lineage, 32));
}

bool work_get_state(struct ledger *l, struct work_state *out, const uint8_t lineage[32])
{
    struct span value;
    struct work_key k = hash_key(WORK_KEY_STATE, lineage);
    *out = (struct work_state){ 0 };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return false;
    enum err e = work_state_decode(out, value);
    ASSERT(e == OK);
    return true;
}

void work_put_state(struct ledger *l, const struct work_state *s)
{
    uint8_t bytes[WORK_STATE_SIZE];
    struct work_key k = hash_key(WORK_KEY_STATE, s->lineage);
    work_state_encode(bytes, s);
    state_put(l->st, STATE_WORK, work_key_span(&k), span_of(bytes, sizeof(bytes)));
}

/* ---- sums --------------------------------------------------------------------------------- */

void work_get_totals(struct ledger *l, struct work_totals *out)
{
    struct span value;
    struct work_key k = work_key_of(WORK_KEY_TOTALS);
    *out = (struct work_totals){ 0 };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return;
    struct reader r = reader_of(value);
    out->workers = read_le64(&r);
    out->power = read_le64(&r);
    out->file_bytes = read_le64(&r);
    out->srd_bytes = read_le64(&r);
    enum err e = reader_finish(&r);
    ASSERT(e == OK);
}

void work_put_totals(struct ledger *l, const struct work_totals *t)
{
    uint8_t bytes[32];
    struct work_key k = work_key_of(WORK_KEY_TOTALS);
    store_le64(bytes, t->workers);
    store_le64(bytes + 8, t->power);
    store_le64(bytes + 16, t->file_bytes);
    store_le64(bytes + 24, t->srd_bytes);
    state_put(l->st, STATE_WORK, work_key_span(&k), span_of(bytes, sizeof(bytes)));
}

void work_get_platform(struct ledger *l, struct work_platform *out, const uint8_t id[32])
{
    struct span value;
    struct work_key k = hash_key(WORK_KEY_PLATFORM, id);
    *out = (struct work_platform){ 0 };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return;
    struct reader r = reader_of(value);
    out->workers = read_le32(&r);
    out->bytes = read_le64(&r);
    enum err e = reader_finish(&r);
    ASSERT(e == OK);
}

void work_put_platform(struct ledger *l, const uint8_t id[32], const struct work_platform *p)
{
    uint8_t bytes[12];
    struct work_key k = hash_key(WORK_KEY_PLATFORM, id);
    store_le32(bytes, p->workers);
    store_le64(bytes + 4, p->bytes);
    state_put(l->st, STATE_WORK, work_key_span(&k), span_of(bytes, sizeof(bytes)));
}

/* ---- leaves ------------------------------------------------------------------------------- */

bool work_get_leaf(struct ledger *l, struct work_leaf *out, const uint8_t lineage[32],
                   const struct content_key *key)
{
    struct span value;
    struct work_key k = leaf_key(lineage, key);
    *out = (struct work_leaf){ 0 };
    if (!state_get(l->st, &value, STATE_WORK, work_key_span(&k)))
        return false;
    struct reader r = reader_of(value);
    read_into(&r, out->order, 32);
    read_into(&r, out->claim, 32);
    out->placed_at = read_le64(&r);
    out->size = read_le64(&r);
    out->incarnation = read_le32(&r);
    out->index = read_le32(&r);
    out->volume = read_u8(&r);
    enum err e = reader_finish(&r);
    ASSERT(e == OK);
    return true;
}

void work_put_leaf(struct ledger *l, const uint8_t lineage[32], const struct content_key *key,
                   const struct work_leaf *leaf)
{
    uint8_t bytes[LEAF_SIZE];
    struct writer w = writer_of(bytes, sizeof(bytes));
    write_bytes(&w, leaf->order, 32);
    write_bytes(&w, leaf->claim, 32);
    write_le64(&w, leaf->placed_at);
    write_le64(&w, leaf->size);
    write_le32(&w, leaf->incarnation);
    write_le32(&w, leaf->index);
    write_u8(&w, leaf->volume);
    ASSERT(w.err == OK && w.len == sizeof(bytes));
    struct work_key k = leaf_key(lineage, key);
    state_put(l->st, STATE_WORK, work_key_span(&k), writer_span(&w));

    uint8_t content[KEY_SIZE];
    store_be32(content, key->codec);
    memcpy(content + 4, key->digest, 32);
    k = place_prefix(lineage, leaf->volume, leaf->incarnation);
    work_key_u32(&k, leaf->index);
    state_put(l->st, STATE_INDEX, work_key_span(&k), span_of(content, sizeof(content)));
}

void work_del_leaf(struct ledger *l, const uint8_t lineage[32], const struct content_key *key,
                   const struct work_leaf *leaf)
{
    struct work_key k = leaf_key(lineage, key);
    state_del(l->st, STATE_WORK, work_key_span(&k));
    k = place_prefix(lineage, leaf->volume, leaf->incarnation);
    work_key_u32(&k, leaf->index);
    state_del(l->st, STATE_INDEX, work_key_span(&k));
}

bool work_first_leaf(struct ledger *l, struct content_key *key, const uint8_t lineage[32],
                     uint8_t volume, uint32_t incarnation)
{
    struct work_key prefix = place_prefix(lineage, volume, incarnation);
    const struct state_range range = { .store = STATE_INDEX, .prefix = work_key_span(&prefix) };
    struct span at;
    struct span value;
    *key = (struct content_key){ 0 };
    if (!state_next(l->st, &at, &value, range, range.prefix, false))
        return false;
    ASSERT(value.n == KEY_SIZE);
    key->codec = load_be32(value.p);
    memcpy(key->digest, value.p + 4, 32);
    return true;
}

void work_mark_power(struct ledger *l, const uint8_t lineage[32])
{
    struct work_key k = hash_key(WORK_INDEX_POWER, lineage);
    state_put(l->st, STATE_INDEX, work_key_span(&k), span_of(NULL, 0));
}
