#include "p2p/kad_sweep.h"

#include "base/sort.h"

void kad_sweep_init(struct kad_sweep *s, struct kad_sweep_key *a, struct kad_sweep_key *b,
                    size_t max, uint32_t interval_s)
{
    ASSERT(max > 0 && interval_s > 1);
    *s = (struct kad_sweep){ .keys = a, .next = b, .max = max, .interval_s = interval_s };
}

void kad_sweep_multihash(uint8_t out[KAD_SWEEP_KEY], const struct kad_sweep_key *k)
{
    out[0] = 0x12;
    out[1] = 32;
    memcpy(out + 2, k->digest, 32);
}

/* ---- the list -------------------------------------------------------------------------------- */

void kad_sweep_list_begin(struct kad_sweep *s)
{
    s->next_count = 0;
    s->left_out = 0;
}

void kad_sweep_list_add(struct kad_sweep *s, const uint8_t digest[32])
{
    uint8_t key[KAD_SWEEP_KEY];
    if (s->next_count == s->max) {
        s->left_out++;
        return;
    }
    struct kad_sweep_key *k = &s->next[s->next_count++];
    *k = (struct kad_sweep_key){ .done_s = { 0 } };
    memcpy(k->digest, digest, 32);
    kad_sweep_multihash(key, k);
    kad_contact_place(k->place, span_of(key, sizeof(key)));
}

static int by_place(const void *a, const void *b)
{
    const struct kad_sweep_key *x = a, *y = b;
    return memcmp(x->place, y->place, KAD_PLACE);
}

void kad_sweep_list_sort(struct kad_sweep *s)
{
    sort_items(s->next, s->next_count, sizeof(s->next[0]), by_place);
}

void kad_sweep_list_end(struct kad_sweep *s)
{
    size_t kept = 0, old = 0;
    for (size_t i = 0; i < s->next_count; i++) {
        struct kad_sweep_key *k = &s->next[kept];
        if (kept > 0 && by_place(&s->next[i], &s->next[kept - 1]) == 0)
            continue;
        *k = s->next[i];
        /* The first 8 bytes are as good as all: kad_sweep_load knows no more. */
        while (old < s->count && memcmp(s->keys[old].place, k->place, 8) < 0)
            old++;
        if (old < s->count && memcmp(s->keys[old].place, k->place, 8) == 0)
            memcpy(k->done_s, s->keys[old].done_s, sizeof(k->done_s));
        kept++;
    }
    struct kad_sweep_key *before = s->keys;
    s->keys = s->next;
    s->next = before;
    s->count = kept;
    s->loaded = false;
}

/* ---- when ------------------------------------------------------------------------------------ */

/* SPEC kad 7.2: "a key's time within the interval is its place as a fraction of all places" */
static bool due(const struct kad_sweep *s, const struct kad_sweep_key *k, size_t net,
                uint32_t now_s)
{
    uint32_t slot = (uint32_t)((uint64_t)load_be32(k->place) * s->interval_s >> 32);
    uint32_t since = (now_s + s->interval_s - slot) % s->interval_s; /* its last time */
    uint32_t done = k->done_s[net];
    if (done == 0 || done > now_s)
        return true;
    /* SPEC kad 7.2: "one that was told less than half an interval before its time waits for the
     * next" */
    return (uint64_t)done + s->interval_s / 2 + since < now_s;
}

bool kad_sweep_next(struct kad_sweep *s, size_t net, uint32_t now_s, size_t *index)
{
    *index = 0;
    for (size_t i = 0; i < s->count && !s->loaded; i++) {
        size_t at = (s->cursor[net] + i) % s->count;
        if (!due(s, &s->keys[at], net, now_s))
            continue;
        *index = at;
        s->cursor[net] = at + 1;
        return true;
    }
    return false;
}

size_t kad_sweep_told(const struct kad_sweep *s, size_t net, uint32_t now_s)
{
    size_t told = 0;
    for (size_t i = 0; i < s->count && !s->loaded; i++)
        told += !due(s, &s->keys[i], net, now_s);
    return told;
}

void kad_sweep_done(struct kad_sweep *s, size_t net, size_t index, uint32_t now_s)
{
    s->keys[index].done_s[net] = now_s;
}

/* ---- to whom --------------------------------------------------------------------------------- */

void kad_sweep_region(const struct kad_sweep *s, size_t index, const struct kad_contact *nodes,
                      size_t n, size_t *first, size_t *count)
{
    const uint8_t *place = s->keys[index].place;
    /* Fewer than KAD_K: they are all nodes of the network. */
    uint32_t bits = n < KAD_K ? 0 : kad_contact_shared(place, nodes[n - 1].place) + 1;
    size_t from = index, to = index + 1;
    while (to - from < KAD_SWEEP_REGION && to < s->count &&
           kad_contact_shared(place, s->keys[to].place) >= bits)
        to++;
    while (to - from < KAD_SWEEP_REGION && from > 0 &&
           kad_contact_shared(place, s->keys[from - 1].place) >= bits)
        from--;
    *first = from;
    *count = to - from;
}

bool kad_sweep_assigned(const uint8_t place[KAD_PLACE], const struct kad_contact *nodes, size_t n,
                        size_t i)
{
    size_t closer = 0;
    for (size_t k = 0; k < n && n > KAD_K; k++)
        closer += k != i && kad_contact_cmp(place, nodes[k].place, nodes[i].place) < 0;
    return closer < KAD_K;
}

/* ---- between two lives ----------------------------------------------------------------------- */

void kad_sweep_save(const struct kad_sweep *s, struct writer *w)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct kad_sweep_key *k = &s->keys[i];
        if (k->done_s[0] == 0 && k->done_s[1] == 0)
            continue;
        write_bytes(w, k->place, 8);
        write_be32(w, k->done_s[0]);
        write_be32(w, k->done_s[1]);
    }
}

enum err kad_sweep_load(struct kad_sweep *s, struct span in)
{
    struct reader r = reader_of(in);
    size_t n = in.n / KAD_SWEEP_SAVED;
    s->count = 0;
    if (in.n % KAD_SWEEP_SAVED != 0)
        return ERR_SHORT;
    if (n > s->max)
        return ERR_LIMIT;
    for (size_t i = 0; i < n; i++) {
        struct kad_sweep_key *k = &s->keys[i];
        *k = (struct kad_sweep_key){ .done_s = { 0 } };
        read_into(&r, k->place, 8);
        k->done_s[0] = read_be32(&r);
        k->done_s[1] = read_be32(&r);
        if (i > 0 && memcmp(s->keys[i - 1].place, k->place, 8) >= 0)
            return ERR_FORMAT;
    }
    s->count = n;
    s->loaded = true;
    return OK;
}
