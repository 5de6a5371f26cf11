#include "ipfs/dag_walk.h"

#include "codec/links.h"

void dag_walk_init(struct dag_walk *w, const struct block_source *source, struct mspan block,
                   struct mspan stack, const struct dag_walk_seen *seen)
{
    *w = (struct dag_walk){ .source = source, .seen = seen, .block = block, .stack = stack };
}

enum err dag_walk_add(struct dag_walk *w, const struct cid *root)
{
    struct writer out = writer_of(w->stack.p + w->used, w->stack.n - w->used);
    cid_write(&out, root);
    write_u8(&out, (uint8_t)cid_size(root));
    TRY(out.err);
    w->used += out.len;
    return OK;
}

static void reverse(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t t = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = t;
    }
}

/* The links go onto the stack with the first on top. Each is written backwards, length first; then
 * the whole run is reversed. */
static enum err push_links(struct dag_walk *w)
{
    struct links links;
    struct cid cid;
    struct writer out = writer_of(w->stack.p + w->used, w->stack.n - w->used);
    /* Plain JSON and CBOR have no links by definition. */
    if (w->cid.codec == CID_CODEC_JSON || w->cid.codec == CID_CODEC_CBOR)
        return OK;
    TRY(links_init(&links, w->cid.codec, w->last));
    while (links_next(&links, &cid) && out.err == OK) {
        write_u8(&out, (uint8_t)cid_size(&cid));
        size_t at = out.len;
        cid_write(&out, &cid);
        reverse(out.p + at, out.len - at);
    }
    TRY(out.err);
    reverse(out.p, out.len);
    w->used += out.len;
    return OK;
}

static void take_top(struct dag_walk *w)
{
    size_t size = w->stack.p[w->used - 1];
    w->used -= size + 1;
    enum err e = cid_decode(&w->cid, span_of(w->stack.p + w->used, size));
    ASSERT(e == OK);
    w->taken = true;
}

/* Takes CIDs until one is new; *found is false when none is left. */
static enum err take_fresh(struct dag_walk *w, bool *found)
{
    struct content_key key;
    struct span inlined;
    *found = w->taken;
    while (!*found && w->used > 0) {
        take_top(w);
        *found = true;
        if (w->seen == NULL || cid_inlined(&inlined, &w->cid))
            return OK;
        TRY(cid_key(&key, &w->cid));
        TRY(w->seen->add(w->seen->ctx, found, &key));
        w->taken = *found;
    }
    return OK;
}

enum err dag_walk_next(struct dag_walk *w, struct dag_walk_item *out)
{
    bool found;
    *out = (struct dag_walk_item){ 0 };
    if (w->opened) {
        TRY(push_links(w));
        w->opened = false;
    }
    TRY(take_fresh(w, &found));
    out->end = !found;
    if (!found)
        return OK;
    TRY(dag_block_get(&w->last, w->block, w->source, &w->cid));
    w->taken = false;
    w->opened = true;
    out->cid = w->cid;
    out->block = w->last;
    return OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

void dag_walk_table_init(struct dag_walk_table *t, struct mspan memory)
{
    *t = (struct dag_walk_table){ .slots = memory, .slot_count = memory.n / DAG_WALK_SLOT };
    if (memory.n != 0)
        memset(memory.p, 0, memory.n);
}

/* Open addressing by the digest, which is as good as random. A slot is a mark, the codec, the
 * digest. */
static enum err table_add(void *ctx, bool *fresh, const struct content_key *key)
{
    struct dag_walk_table *t = ctx;
    uint8_t slot[DAG_WALK_SLOT] = { 1 };
    store_le32(slot + 1, key->codec);
    memcpy(slot + 5, key->digest, sizeof(key->digest));
    *fresh = false;
    if (t->slot_count == 0)
        return ERR_LIMIT;
    size_t i = (size_t)(load_le64(key->digest) % t->slot_count);
    for (;; i = i + 1 == t->slot_count ? 0 : i + 1) {
        uint8_t *at = t->slots.p + i * DAG_WALK_SLOT;
        if (at[0] != 0 && memcmp(at, slot, sizeof(slot)) == 0)
            return OK;
        if (at[0] != 0)
            continue;
        if (t->used >= t->slot_count - t->slot_count / 4 || t->used + 1 >= t->slot_count)
            return ERR_LIMIT;
        memcpy(at, slot, sizeof(slot));
        t->used++;
        *fresh = true;
        return OK;
    }
}

struct dag_walk_seen dag_walk_table_seen(struct dag_walk_table *t)
{
    return (struct dag_walk_seen){ .ctx = t, .add = table_add };
}
