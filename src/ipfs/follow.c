#include "ipfs/follow.h"

#include "codec/links.h"

void follow_init(struct follow *f, struct content_key *keys)
{
    *f = (struct follow){ .keys = keys, .window = 1 };
}

bool follow_read(struct follow *f, const struct content_key *key)
{
    size_t at = f->count;
    while (at > 0 && cid_key_cmp(&f->keys[at - 1], key) != 0)
        at--;
    if (at == 0) { /* not one of those that were expected: they may come yet */
        f->window = 1;
        return false;
    }
    size_t passed = f->count - at;
    f->count = at - 1;
    if (passed == 0)
        f->window = f->window < FOLLOW_AHEAD / 2 ? 2 * f->window : FOLLOW_AHEAD;
    else
        f->window = f->window / 4 + 1;
    return true;
}

void follow_came(struct follow *f, const struct content_key *key, struct span block)
{
    struct links links;
    struct cid cid;
    size_t from = f->count;
    if (key->codec == CID_CODEC_RAW || links_init(&links, key->codec, block) != OK)
        return;
    while (f->count < FOLLOW_KEYS && links_next(&links, &cid))
        if (cid_key(&f->keys[f->count], &cid) == OK)
            f->count++;
    for (size_t a = from, b = f->count; b > a + 1; a++) {
        struct content_key k = f->keys[--b];
        f->keys[b] = f->keys[a];
        f->keys[a] = k;
    }
}

size_t follow_ahead(const struct follow *f, struct content_key out[FOLLOW_AHEAD])
{
    size_t n = f->count < f->window ? f->count : f->window;
    for (size_t i = 0; i < n; i++)
        out[i] = f->keys[f->count - 1 - i];
    return n;
}
