#include "ipfsd/fetch_set.h"

#include "codec/links.h"

#include <stdlib.h>

enum { SLOTS_FIRST = 1024 };

static uint64_t tag_of(const struct content_key *key)
{
    uint64_t tag = load_le64(key->digest) ^ (uint64_t)key->codec << 40;
    return (tag | 2) & ~(uint64_t)1; /* never 0, and bit 0 is the mark's */
}

/* The slot that holds tag, or the empty one where it belongs. */
static size_t find(const struct fetch_set *s, uint64_t tag)
{
    size_t i = (size_t)(tag >> 2) & (s->slot_count - 1);
    while (s->slots[i] != 0 && (s->slots[i] & ~(uint64_t)1) != tag)
        i = (i + 1) & (s->slot_count - 1);
    return i;
}

static enum err grow(struct fetch_set *s)
{
    struct fetch_set more = { .slot_count = s->slot_count == 0 ? SLOTS_FIRST : s->slot_count * 2,
                              .used = s->used,
                              .come = s->come };
    more.slots = calloc(more.slot_count, sizeof(*more.slots));
    if (more.slots == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < s->slot_count; i++) {
        if (s->slots[i] != 0)
            more.slots[find(&more, s->slots[i] & ~(uint64_t)1)] = s->slots[i];
    }
    free(s->slots);
    *s = more;
    return OK;
}

void fetch_set_fini(struct fetch_set *s)
{
    free(s->slots);
    *s = (struct fetch_set){ 0 };
}

enum err fetch_set_want(struct fetch_set *s, const struct content_key *key)
{
    if (s->used >= s->slot_count / 2)
        TRY(grow(s));
    size_t i = find(s, tag_of(key));
    if (s->slots[i] != 0)
        return OK;
    if (s->used == FETCH_SET_MAX)
        return ERR_LIMIT;
    s->slots[i] = tag_of(key);
    s->used++;
    return OK;
}

enum err fetch_set_want_links(struct fetch_set *s, uint32_t codec, struct span block)
{
    struct links links;
    struct cid cid;
    struct content_key key;
    if (codec == CID_CODEC_RAW)
        return OK;
    TRY(links_init(&links, codec, block));
    while (links_next(&links, &cid)) {
        /* Identity links carry no block, other hashes no store keeps: the caller refuses those. */
        if (cid_key(&key, &cid) == OK)
            TRY(fetch_set_want(s, &key));
    }
    return OK;
}

enum fetch_mark fetch_set_look(const struct fetch_set *s, const struct content_key *key)
{
    if (s->slot_count == 0)
        return FETCH_UNKNOWN;
    uint64_t slot = s->slots[find(s, tag_of(key))];
    if (slot == 0)
        return FETCH_UNKNOWN;
    return (slot & 1) != 0 ? FETCH_COME : FETCH_WANTED;
}

void fetch_set_came(struct fetch_set *s, const struct content_key *key)
{
    size_t i = find(s, tag_of(key));
    ASSERT(s->slots[i] != 0);
    if ((s->slots[i] & 1) == 0)
        s->come++;
    s->slots[i] |= 1;
}
