#include "p2p/kad_table.h"

void kad_table_init(struct kad_table *t, struct span self, uint64_t now_ms)
{
    struct kad_peer p = { .id = self };
    memset(t, 0, sizeof(*t));
    kad_contact_of(&t->self, &p, NULL);
    t->refresh_ms = now_ms;
}

static struct kad_node *bucket_of(struct kad_table *t, const uint8_t place[KAD_PLACE])
{
    uint32_t n = kad_contact_shared(t->self.place, place);
    return t->buckets[n < KAD_TABLE_BUCKETS ? n : KAD_TABLE_BUCKETS - 1];
}

static bool is(const struct kad_node *n, struct span id)
{
    return n->contact.id_size != 0 && span_eq(kad_contact_id(&n->contact), id);
}

static struct kad_node *find(struct kad_table *t, struct span id)
{
    uint8_t place[KAD_PLACE];
    kad_contact_place(place, id);
    struct kad_node *bucket = bucket_of(t, place);
    for (int i = 0; i < KAD_K; i++)
        if (is(&bucket[i], id))
            return &bucket[i];
    return NULL;
}

const struct kad_contact *kad_table_find(const struct kad_table *t, struct span id)
{
    uint8_t place[KAD_PLACE];
    kad_contact_place(place, id);
    uint32_t n = kad_contact_shared(t->self.place, place);
    const struct kad_node *bucket = t->buckets[n < KAD_TABLE_BUCKETS ? n : KAD_TABLE_BUCKETS - 1];
    for (int i = 0; i < KAD_K; i++)
        if (is(&bucket[i], id))
            return &bucket[i].contact;
    return NULL;
}

/* SPEC kad 2.3: "At most 3 nodes of one IP group are in the table and 2 in a bucket" */
static bool crowded(const struct kad_table *t, const struct kad_node *bucket, uint64_t group)
{
    uint32_t all = 0, here = 0;
    if (group == 0)
        return false;
    for (int b = 0; b < KAD_TABLE_BUCKETS; b++)
        for (int i = 0; i < KAD_K; i++) {
            const struct kad_node *n = &t->buckets[b][i];
            bool same = n->contact.id_size != 0 && n->group == group;
            all += same;
            here += same && t->buckets[b] == bucket;
        }
    return all >= KAD_TABLE_GROUP || here >= KAD_TABLE_GROUP_BUCKET;
}

enum err kad_table_add(struct kad_table *t, const struct kad_contact *c, uint64_t group,
                       uint64_t now_ms)
{
    if (span_eq(kad_contact_id(c), kad_contact_id(&t->self)))
        return ERR_EXISTS;
    struct kad_node *bucket = bucket_of(t, c->place), *place = find(t, kad_contact_id(c));
    if (place != NULL) {
        place->seen_ms = now_ms;
        place->fails = 0;
        if (c->addrs_size > 0)
            place->contact = *c;
        return OK;
    }
    if (crowded(t, bucket, group))
        return ERR_LIMIT;
    /* SPEC kad 2.4: "A full bucket takes a new node only in the place of one that has not answered
     * for an hour, or that has failed" */
    for (int i = 0; i < KAD_K; i++) {
        struct kad_node *n = &bucket[i];
        bool empty = n->contact.id_size == 0;
        bool weak = n->fails > 0 || now_ms - n->seen_ms > KAD_TABLE_STALE_MS;
        if (empty || (weak && place == NULL))
            place = n;
        if (empty)
            break;
    }
    if (place == NULL)
        return ERR_FULL;
    t->count += place->contact.id_size == 0;
    *place = (struct kad_node){ .contact = *c, .group = group, .seen_ms = now_ms };
    return OK;
}

void kad_table_remove(struct kad_table *t, struct span id)
{
    struct kad_node *n = find(t, id);
    if (n == NULL)
        return;
    *n = (struct kad_node){ 0 };
    t->count--;
}

void kad_table_failed(struct kad_table *t, struct span id)
{
    struct kad_node *n = find(t, id);
    if (n != NULL && ++n->fails >= KAD_TABLE_FAILS)
        kad_table_remove(t, id);
}

size_t kad_table_closest(const struct kad_table *t, const uint8_t target[KAD_PLACE],
                         const struct kad_contact **out, size_t max)
{
    size_t count = 0;
    ASSERT(max <= KAD_K);
    for (int b = 0; b < KAD_TABLE_BUCKETS; b++)
        for (int i = 0; i < KAD_K; i++) {
            const struct kad_contact *c = &t->buckets[b][i].contact;
            if (c->id_size == 0 || max == 0 ||
                (count == max && kad_contact_cmp(target, c->place, out[count - 1]->place) > 0))
                continue;
            size_t at = count < max ? count++ : count - 1;
            for (; at > 0 && kad_contact_cmp(target, c->place, out[at - 1]->place) < 0; at--)
                out[at] = out[at - 1];
            out[at] = c;
        }
    return count;
}

bool kad_table_refresh(struct kad_table *t, uint64_t now_ms)
{
    if (now_ms < t->refresh_ms)
        return false;
    t->refresh_ms = now_ms + KAD_TABLE_REFRESH_MS;
    return true;
}
