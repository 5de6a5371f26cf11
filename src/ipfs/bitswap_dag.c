#include "ipfs/bitswap_dag.h"

#include "codec/links.h"
#include "ipfs/dag_block.h"

#define NONE BITSWAP_DAG_NONE

void bitswap_dag_init(struct bitswap_dags *d, const struct bitswap_dag_memory *memory,
                      uint64_t seed)
{
    ASSERT(memory->bucket_count > 0 && (memory->bucket_count & (memory->bucket_count - 1)) == 0);
    ASSERT(memory->part_count * BITSWAP_DAG_PART >= BLOCK_SIZE_MAX);
    *d = (struct bitswap_dags){ .m = *memory, .entry_free = NONE, .part_free = NONE };
    digest_hash_init(&d->hash, seed);
    for (size_t i = 0; i < memory->bucket_count; i++)
        memory->buckets[i] = NONE;
    for (size_t i = memory->entry_count; i-- > 0;) {
        memory->entries[i].next = d->entry_free;
        d->entry_free = (uint32_t)i;
    }
    for (size_t i = memory->part_count; i-- > 0;) {
        memory->part_next[i] = d->part_free;
        d->part_free = (uint32_t)i;
    }
    d->parts_left = (uint32_t)memory->part_count;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static uint32_t *bucket_of(struct bitswap_dags *d, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t h = digest_hash(&d->hash, span_of(digest, BLOCK_DIGEST_SIZE));
    return &d->m.buckets[h & (d->m.bucket_count - 1)];
}

static struct bitswap_dag_entry *at(const struct bitswap_dags *d, uint32_t entry)
{
    ASSERT(entry < d->m.entry_count);
    return &d->m.entries[entry];
}

static bool same(const struct bitswap_dag_entry *e, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    return memcmp(e->key.digest, digest, BLOCK_DIGEST_SIZE) == 0;
}

static struct bitswap_dag *dag_of(struct bitswap_dags *d, const struct bitswap_dag_entry *e)
{
    return &d->list[e->dag];
}

static struct cid entry_cid(const struct bitswap_dag_entry *e)
{
    struct cid cid = { .version = e->version,
                       .codec = e->key.codec,
                       .hash = CID_HASH_SHA2_256,
                       .digest_size = BLOCK_DIGEST_SIZE };
    memcpy(cid.digest, e->key.digest, BLOCK_DIGEST_SIZE);
    return cid;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static size_t parts_of(size_t size)
{
    return (size + BITSWAP_DAG_PART - 1) / BITSWAP_DAG_PART;
}

static void bytes_free(struct bitswap_dags *d, struct bitswap_dag_entry *e)
{
    dag_of(d, e)->here -= parts_of(e->size) * BITSWAP_DAG_PART;
    while (e->part != NONE) {
        uint32_t part = e->part;
        e->part = d->m.part_next[part];
        d->m.part_next[part] = d->part_free;
        d->part_free = part;
        d->parts_left++;
    }
    e->size = 0;
}

static void bytes_put(struct bitswap_dags *d, struct bitswap_dag_entry *e, struct span data)
{
    uint32_t *end = &e->part;
    ASSERT(e->part == NONE && parts_of(data.n) <= d->parts_left);
    e->size = (uint32_t)data.n;
    dag_of(d, e)->here += parts_of(data.n) * BITSWAP_DAG_PART;
    for (size_t from = 0; from < data.n; from += BITSWAP_DAG_PART) {
        struct span piece = span_sub(data, from, BITSWAP_DAG_PART);
        uint32_t part = d->part_free;
        d->part_free = d->m.part_next[part];
        d->parts_left--;
        memcpy(d->m.parts + (size_t)part * BITSWAP_DAG_PART, piece.p, piece.n);
        d->m.part_next[part] = NONE;
        *end = part;
        end = &d->m.part_next[part];
    }
}

size_t bitswap_dag_size(const struct bitswap_dags *d, uint32_t entry)
{
    return at(d, entry)->size;
}

void bitswap_dag_copy(const struct bitswap_dags *d, uint32_t entry, struct mspan buf)
{
    const struct bitswap_dag_entry *e = at(d, entry);
    size_t done = 0;
    ASSERT(buf.n >= e->size);
    for (uint32_t part = e->part; part != NONE; part = d->m.part_next[part]) {
        size_t n = e->size - done < BITSWAP_DAG_PART ? e->size - done : BITSWAP_DAG_PART;
        memcpy(buf.p + done, d->m.parts + (size_t)part * BITSWAP_DAG_PART, n);
        done += n;
    }
}

/* ---- entries --------------------------------------------------------------------------------- */

static void set_state(struct bitswap_dags *d, struct bitswap_dag_entry *e,
                      enum bitswap_dag_state state)
{
    struct bitswap_dag *g = dag_of(d, e);
    g->asked -= e->state == BITSWAP_DAG_ASKED;
    g->asked += state == BITSWAP_DAG_ASKED;
    e->state = (uint8_t)state;
}

/* The host withdraws the want of an entry that was asked for, if it still matters. */
static void entry_drop(struct bitswap_dags *d, uint32_t i)
{
    struct bitswap_dag_entry *e = at(d, i);
    struct bitswap_dag *g = dag_of(d, e);
    uint32_t *link = bucket_of(d, e->key.digest);
    ASSERT(e->waiting == 0 && e->pins == 0);
    while (*link != i)
        link = &d->m.entries[*link].next;
    *link = e->next;
    *(e->before == NONE ? &g->first : &d->m.entries[e->before].after) = e->after;
    *(e->after == NONE ? &g->last : &d->m.entries[e->after].before) = e->before;
    if (g->cursor == i)
        g->cursor = e->after;
    if (g->fence == i)
        g->fence = e->after;
    if (e->state == BITSWAP_DAG_HERE)
        bytes_free(d, e);
    set_state(d, e, BITSWAP_DAG_KNOWN);
    g->count--;
    e->next = d->entry_free;
    d->entry_free = i;
}

/* A new entry of the DAG behind `before`, or in front of all. NONE: no place. */
static uint32_t entry_add(struct bitswap_dags *d, struct bitswap_dag *g, uint32_t before,
                          const struct block_key *key, uint8_t version)
{
    uint32_t i = d->entry_free, *bucket = bucket_of(d, key->digest);
    if (i == NONE || g->count >= BITSWAP_DAG_LIST)
        return NONE;
    struct bitswap_dag_entry *e = at(d, i);
    d->entry_free = e->next;
    *e =
        (struct bitswap_dag_entry){ .next = *bucket,
                                    .before = before,
                                    .after = before == NONE ? g->first : d->m.entries[before].after,
                                    .part = NONE,
                                    .uses = 1,
                                    .dag = (uint8_t)(g - d->list),
                                    .version = version,
                                    .key = *key };
    *bucket = i;
    *(e->before == NONE ? &g->first : &d->m.entries[e->before].after) = i;
    *(e->after == NONE ? &g->last : &d->m.entries[e->after].before) = i;
    g->count++;
    return i;
}

static uint32_t find_in(struct bitswap_dags *d, const struct bitswap_dag *g,
                        const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t i = *bucket_of(d, digest);
    while (i != NONE && (&d->list[d->m.entries[i].dag] != g || !same(&d->m.entries[i], digest)))
        i = d->m.entries[i].next;
    return i;
}

/* The end of the list gives way to what comes sooner. */
static bool make_place(struct bitswap_dags *d, struct bitswap_dag *g, uint32_t behind)
{
    if (g->count < BITSWAP_DAG_LIST && d->entry_free != NONE)
        return true;
    uint32_t i = g->last;
    const struct bitswap_dag_entry *e = at(d, i);
    if (i == behind || i == g->cursor || e->passed || e->state != BITSWAP_DAG_KNOWN ||
        e->waiting > 0)
        return false;
    entry_drop(d, i);
    return true;
}

/* The links of a block that has come follow it in the list. */
static void add_links(struct bitswap_dags *d, uint32_t parent, struct span data)
{
    struct bitswap_dag_entry *e = at(d, parent);
    struct bitswap_dag *g = dag_of(d, e);
    struct links links;
    struct cid cid;
    struct block_key key;
    uint32_t behind = parent, first = NONE;
    if (e->key.codec == CID_CODEC_RAW || links_init(&links, e->key.codec, data) != OK)
        return;
    while (links_next(&links, &cid)) {
        if (dag_block_key(&key, &cid) != OK || dag_block_known(&key))
            continue;
        e->node = true;
        uint32_t there = find_in(d, g, key.digest);
        if (there != NONE) {
            at(d, there)->uses++;
            continue;
        }
        if (!make_place(d, g, behind))
            break;
        uint32_t i = entry_add(d, g, behind, &key, cid.version);
        ASSERT(i != NONE);
        first = first == NONE ? i : first;
        behind = i;
    }
    /* A block that its reader has taken already is followed by its links, not by what was next. */
    if (e->passed && first != NONE && g->cursor == at(d, behind)->after)
        g->cursor = first;
    /* Links of what was passed over are passed over too. */
    for (uint32_t i = first; i != NONE && e->passed && g->cursor != first; i = at(d, i)->after) {
        at(d, i)->passed = true;
        at(d, i)->passed_ms = e->passed_ms;
        if (i == behind)
            break;
    }
}

/* ---- readers --------------------------------------------------------------------------------- */

/* The entry for a key that suits a reader best: the next one of a DAG, else one that is here. */
static uint32_t find(struct bitswap_dags *d, const uint8_t digest[BLOCK_DIGEST_SIZE])
{
    uint32_t best = NONE;
    int best_worth = -1;
    for (uint32_t i = *bucket_of(d, digest); i != NONE; i = d->m.entries[i].next) {
        const struct bitswap_dag_entry *e = &d->m.entries[i];
        const struct bitswap_dag *g = dag_of(d, e);
        if (!same(e, digest) || g->closing)
            continue;
        int worth = (g->cursor == i ? 4 : 0) + (int)e->state;
        if (worth > best_worth)
            best = i;
        best_worth = worth > best_worth ? worth : best_worth;
    }
    return best;
}

/* A place for a DAG; NULL: all are being read. */
static struct bitswap_dag *dag_place(struct bitswap_dags *d)
{
    struct bitswap_dag *oldest = NULL;
    for (size_t i = 0; i < BITSWAP_DAG_COUNT; i++) {
        struct bitswap_dag *g = &d->list[i];
        if (!g->used)
            return g;
        if (g->waiting == 0 && g->pins == 0 && !g->closing &&
            (oldest == NULL || g->used_ms < oldest->used_ms))
            oldest = g;
    }
    /* Its session is closed at the next step; until then there is no place. */
    if (oldest != NULL)
        oldest->closing = true;
    return NULL;
}

/* Moves the cursor behind the entry that is being read; what lies between is passed over. Its
 * readers may come yet: whoever reads ahead asks for a node's neighbours before it knows what is
 * below the node. */
static void move(struct bitswap_dags *d, uint32_t entry, uint64_t now_ms)
{
    struct bitswap_dag_entry *e = at(d, entry);
    struct bitswap_dag *g = dag_of(d, e);
    if (e->passed)
        return;
    g->reads++;
    bool next = g->cursor == entry;
    /* Who jumps to a block reads what is below it, and perhaps not what stands beside it. */
    if (!next)
        g->fence = e->after;
    else if (g->fence == entry)
        g->fence = NONE;
    if (next)
        g->ahead = g->ahead == 0                      ? BITSWAP_DAG_AHEAD_FIRST
                   : g->ahead < BITSWAP_DAG_AHEAD / 2 ? 2 * g->ahead
                                                      : BITSWAP_DAG_AHEAD;
    else
        g->ahead /= 4;
    uint32_t passed = 0;
    for (uint32_t i = g->cursor, after; i != NONE && i != entry; i = after) {
        struct bitswap_dag_entry *p = at(d, i);
        after = p->after;
        p->passed = true;
        p->passed_ms = now_ms;
        if (p->state == BITSWAP_DAG_KNOWN && p->waiting == 0 && passed++ >= BITSWAP_DAG_PASSED)
            entry_drop(d, i);
    }
    e->passed = true;
    e->passed_ms = now_ms;
    g->cursor = e->after;
}

/* A DAG that begins with key; NONE: there is no place. */
static uint32_t begin(struct bitswap_dags *d, const struct block_key *key, uint64_t now_ms)
{
    struct bitswap_dag *g = dag_place(d);
    if (g == NULL || d->entry_free == NONE)
        return NONE;
    *g = (struct bitswap_dag){ .used = true,
                               .root = *key,
                               .session = NONE,
                               .first = NONE,
                               .last = NONE,
                               .cursor = NONE,
                               .fence = NONE,
                               .usual = BITSWAP_DAG_GUESS,
                               .used_ms = now_ms };
    uint32_t i = entry_add(d, g, NONE, key, 1);
    ASSERT(i != NONE);
    at(d, i)->passed = true;
    at(d, i)->passed_ms = now_ms;
    return i;
}

/* A node that has been read before is read again. When the readers of its DAG have gone on, this is
 * another one, for whom it begins a DAG of its own. */
static uint32_t again(struct bitswap_dags *d, uint32_t entry, uint64_t now_ms)
{
    const struct bitswap_dag_entry *e = at(d, entry);
    const struct bitswap_dag *g = dag_of(d, e);
    if (e->state != BITSWAP_DAG_HERE || e->uses > 0 || !e->node || e->mark == g->reads ||
        d->parts_left == 0)
        return entry;
    struct span data = span_of(d->m.parts + (size_t)e->part * BITSWAP_DAG_PART, e->size);
    uint32_t copy = begin(d, &e->key, now_ms);
    if (copy == NONE)
        return entry;
    at(d, copy)->version = e->version;
    set_state(d, at(d, copy), BITSWAP_DAG_HERE);
    bytes_put(d, at(d, copy), data);
    add_links(d, copy, data);
    return copy;
}

enum err bitswap_dag_look(struct bitswap_dags *d, uint32_t *entry, const struct block_key *key,
                          uint64_t now_ms)
{
    *entry = find(d, key->digest);
    *entry = *entry == NONE ? begin(d, key, now_ms) : again(d, *entry, now_ms);
    if (*entry == NONE)
        return ERR_LIMIT;
    struct bitswap_dag_entry *e = at(d, *entry);
    struct bitswap_dag *g = dag_of(d, e);
    move(d, *entry, now_ms);
    e->mark = g->reads;
    g->used_ms = now_ms;
    if (e->state == BITSWAP_DAG_HERE) {
        d->hits++;
        e->pins++;
        g->pins++;
        return OK;
    }
    d->misses++;
    e->failed = false;
    e->waiting++;
    g->waiting++;
    return ERR_BUSY;
}

/* Small nodes stay for a while when they have been read: whoever resolves a path reads them again.
 */
static bool keeps(const struct bitswap_dags *d, const struct bitswap_dag_entry *e, size_t size)
{
    return e->node && size <= BITSWAP_DAG_PART && d->parts_left > d->m.part_count / 2;
}

void bitswap_dag_done(struct bitswap_dags *d, uint32_t entry, uint64_t now_ms)
{
    struct bitswap_dag_entry *e = at(d, entry);
    struct bitswap_dag *g = dag_of(d, e);
    ASSERT(e->pins > 0);
    e->pins--;
    g->pins--;
    g->used_ms = now_ms;
    e->uses -= e->uses > 0;
    e->passed_ms = now_ms;
    if (e->uses == 0 && e->pins == 0 && !keeps(d, e, e->size))
        entry_drop(d, entry);
}

void bitswap_dag_leave(struct bitswap_dags *d, uint32_t entry)
{
    struct bitswap_dag_entry *e = at(d, entry);
    ASSERT(e->waiting > 0);
    e->waiting--;
    dag_of(d, e)->waiting--;
}

void bitswap_dag_cancel(struct bitswap_dags *d, uint32_t entry)
{
    struct bitswap_dag_entry *e = at(d, entry);
    bitswap_dag_leave(d, entry);
    if (e->waiting == 0)
        e->passed_ms = 0;
}

/* What is not needed for now: it keeps its place in the list while a reader may come to it and
 * there are not too many of its kind. */
static void let_go(struct bitswap_dags *d, uint32_t i)
{
    struct bitswap_dag_entry *e = at(d, i);
    if (e->uses == 0 || dag_of(d, e)->count > BITSWAP_DAG_LIST / 2) {
        entry_drop(d, i);
        return;
    }
    if (e->state == BITSWAP_DAG_HERE)
        bytes_free(d, e);
    set_state(d, e, BITSWAP_DAG_KNOWN);
}

/* ---- blocks come ----------------------------------------------------------------------------- */

/* Frees what is here for readers that have not come for a while. */
static void forget(struct bitswap_dags *d, struct bitswap_dag *g)
{
    for (uint32_t i = g->first; i != NONE; i = at(d, i)->after) {
        struct bitswap_dag_entry *e = at(d, i);
        if (e->state != BITSWAP_DAG_HERE || e->pins > 0)
            continue;
        bytes_free(d, e);
        set_state(d, e, BITSWAP_DAG_KNOWN);
        d->wasted++;
    }
}

/* Frees what readers have passed over, then what they have left alone, until there is room. */
static bool make_room(struct bitswap_dags *d, size_t size, uint64_t now_ms)
{
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        const struct bitswap_dag *g = &d->list[k];
        for (uint32_t i = g->used ? g->first : NONE, after; i != NONE; i = after) {
            const struct bitswap_dag_entry *e = at(d, i);
            after = e->after;
            if (parts_of(size) <= d->parts_left)
                return true;
            if (!e->passed)
                break;
            if (e->state != BITSWAP_DAG_HERE || e->pins > 0)
                continue;
            d->wasted += e->uses > 0;
            let_go(d, i);
        }
    }
    for (size_t k = 0; k < BITSWAP_DAG_COUNT && parts_of(size) > d->parts_left; k++)
        if (d->list[k].used && now_ms > d->list[k].used_ms + BITSWAP_DAG_PASSED_MS)
            forget(d, &d->list[k]);
    return parts_of(size) <= d->parts_left;
}

static void take(struct bitswap_dags *d, uint32_t i, struct span data, uint64_t now_ms)
{
    struct bitswap_dag_entry *e = at(d, i);
    struct bitswap_dag *g = dag_of(d, e);
    if (e->state == BITSWAP_DAG_HERE || (e->state == BITSWAP_DAG_KNOWN && e->waiting == 0))
        return; /* another DAG has asked for it */
    g->usual = (g->usual * 7 + data.n + 7) / 8;
    set_state(d, e, BITSWAP_DAG_KNOWN);
    add_links(d, i, data);
    bool read = e->waiting > 0;
    e->uses -= e->uses < e->waiting ? e->uses : e->waiting;
    g->waiting -= e->waiting;
    e->waiting = 0;
    bool keep = e->uses > 0 || keeps(d, e, data.n);
    if (!keep || (e->passed && !read && now_ms > e->passed_ms + BITSWAP_DAG_PASSED_MS)) {
        entry_drop(d, i);
        return;
    }
    if (parts_of(data.n) > d->parts_left && (e->passed || !make_room(d, data.n, now_ms))) {
        d->wasted++;
        e->failed = true; /* it is asked for again when a reader comes */
        return;
    }
    set_state(d, e, BITSWAP_DAG_HERE);
    bytes_put(d, e, data);
}

void bitswap_dag_came(struct bitswap_dags *d, const struct block_key *key, struct span data,
                      uint64_t now_ms)
{
    /* One at a time, from the start: links of the block may be put into the same bucket. */
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        uint32_t i = d->list[k].used ? find_in(d, &d->list[k], key->digest) : NONE;
        if (i != NONE)
            take(d, i, data, now_ms);
    }
}

/* ---- asking ---------------------------------------------------------------------------------- */

bool bitswap_dag_open(struct bitswap_dags *d, struct bitswap_client *c, uint32_t *session)
{
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        struct bitswap_dag *g = &d->list[k];
        if (!g->used || g->closing || g->session != NONE)
            continue;
        if (bitswap_client_open(c, &g->session) != OK)
            break;
        *session = g->session;
        return true;
    }
    *session = NONE;
    return false;
}

bool bitswap_dag_root(const struct bitswap_dags *d, struct block_key *root, uint32_t session)
{
    *root = (struct block_key){ 0 };
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        if (!d->list[k].used || d->list[k].session != session)
            continue;
        *root = d->list[k].root;
        return true;
    }
    return false;
}

bool bitswap_dag_owns(const struct bitswap_dags *d, uint32_t session)
{
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++)
        if (d->list[k].used && d->list[k].session == session)
            return true;
    return false;
}

static bool ask(struct bitswap_dags *d, struct bitswap_client *c, uint32_t i, uint64_t now_ms)
{
    struct bitswap_dag_entry *e = at(d, i);
    const struct cid cid = entry_cid(e);
    enum err err = bitswap_client_want(c, dag_of(d, e)->session, &cid, now_ms);
    if (err == ERR_LIMIT)
        return false;
    if (err == OK || err == ERR_EXISTS)
        set_state(d, e, BITSWAP_DAG_ASKED);
    return true;
}

static void unask(struct bitswap_dags *d, struct bitswap_client *c, uint32_t i)
{
    struct bitswap_dag_entry *e = at(d, i);
    if (e->state == BITSWAP_DAG_ASKED)
        bitswap_client_unwant(c, dag_of(d, e)->session, e->key.digest);
}

/* What stands before the cursor: what readers wait for is asked for, the rest goes after a while.
 */
static void step_passed(struct bitswap_dags *d, struct bitswap_client *c,
                        const struct bitswap_dag *g, uint64_t now_ms)
{
    for (uint32_t i = g->first, after; i != NONE && at(d, i)->passed; i = after) {
        const struct bitswap_dag_entry *e = at(d, i);
        after = e->after;
        if (e->waiting > 0) {
            if (e->state == BITSWAP_DAG_KNOWN && ask(d, c, i, now_ms))
                bitswap_client_urge(c, g->session, e->key.digest);
        } else if (e->pins == 0 && now_ms > e->passed_ms + BITSWAP_DAG_PASSED_MS) {
            unask(d, c, i);
            d->wasted += e->state == BITSWAP_DAG_HERE && e->uses > 0;
            let_go(d, i);
        }
    }
}

static void step_ahead(struct bitswap_dags *d, struct bitswap_client *c,
                       const struct bitswap_dag *g, uint64_t share, uint64_t now_ms)
{
    uint32_t i = g->cursor;
    uint64_t each = parts_of(g->usual) * BITSWAP_DAG_PART;
    for (uint32_t n = 0; n < g->ahead && i != NONE && i != g->fence; n++, i = at(d, i)->after) {
        const struct bitswap_dag_entry *e = at(d, i);
        if (e->state != BITSWAP_DAG_KNOWN || e->failed)
            continue;
        if (g->here + (g->asked + 1) * each > share || !ask(d, c, i, now_ms))
            return;
    }
}

static void dag_close(struct bitswap_dags *d, struct bitswap_client *c, struct bitswap_dag *g)
{
    while (g->first != NONE)
        entry_drop(d, g->first);
    if (g->session != NONE)
        bitswap_client_close(c, g->session);
    g->used = false;
}

void bitswap_dag_step(struct bitswap_dags *d, struct bitswap_client *c, uint64_t now_ms)
{
    uint64_t active = 0;
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        struct bitswap_dag *g = &d->list[k];
        if (!g->used)
            continue;
        uint64_t patience = g->count == 0 ? BITSWAP_DAG_OVER_MS : BITSWAP_DAG_IDLE_MS;
        bool busy = g->waiting > 0 || g->pins > 0;
        if (!busy && (g->closing || now_ms > g->used_ms + patience))
            dag_close(d, c, g);
        active += g->used && g->ahead > 0;
    }
    uint64_t all = (uint64_t)d->m.part_count * BITSWAP_DAG_PART;
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        const struct bitswap_dag *g = &d->list[k];
        if (!g->used || g->session == NONE)
            continue;
        step_passed(d, c, g, now_ms);
        step_ahead(d, c, g, active > 1 ? all / active : all, now_ms);
    }
}

void bitswap_dag_fail(struct bitswap_dags *d, struct bitswap_client *c, uint32_t session,
                      const struct cid *cid)
{
    for (size_t k = 0; k < BITSWAP_DAG_COUNT; k++) {
        const struct bitswap_dag *g = &d->list[k];
        if (!g->used || g->session != session)
            continue;
        uint32_t i = find_in(d, g, cid->digest);
        bitswap_client_unwant(c, session, cid->digest);
        if (i == NONE || at(d, i)->state != BITSWAP_DAG_ASKED)
            continue;
        set_state(d, at(d, i), BITSWAP_DAG_KNOWN);
        at(d, i)->failed = true;
    }
}
