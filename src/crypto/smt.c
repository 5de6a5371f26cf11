#include "crypto/smt.h"

#include "base/reader.h"
#include "base/sort.h"
#include "base/writer.h"

enum {
    PAGE_BITS = 4,
    PAGE_SLOTS = 1 << PAGE_BITS,
    PAGE_DEPTH_MAX = SMT_DEPTH_MAX / PAGE_BITS,
};

enum kind { EMPTY = SMT_NODE_EMPTY, LEAF = SMT_NODE_LEAF, INNER = SMT_NODE_INNER };

/* What stands in one slot of a page. Bytes only, so that two can be compared as memory. */
struct slot {
    uint8_t kind;
    uint8_t a[SMT_HASH_SIZE]; /* LEAF: the key hash; INNER: the hash of the subtree */
    uint8_t b[SMT_HASH_SIZE]; /* LEAF: the value hash */
};

/* Four levels of the tree: the 16 subtrees below one node at a depth that is a multiple of 4. The
 * levels between follow from them. */
struct page {
    struct slot slot[PAGE_SLOTS];
};

/* level[0][0] is the page's own node, level[4] are its slots. */
struct levels {
    struct smt_node level[PAGE_BITS + 1][PAGE_SLOTS];
};

/* ---- hashes -------------------------------------------------------------------------------- */

static void hash_leaf(uint8_t out[SMT_HASH_SIZE], const uint8_t *key_hash,
                      const uint8_t *value_hash)
{
    uint8_t in[1 + 2 * SMT_HASH_SIZE] = { 0x00 };
    memcpy(in + 1, key_hash, SMT_HASH_SIZE);
    memcpy(in + 1 + SMT_HASH_SIZE, value_hash, SMT_HASH_SIZE);
    sha256(out, span_of(in, sizeof(in)));
}

static void hash_node(uint8_t out[SMT_HASH_SIZE], const uint8_t *left, const uint8_t *right)
{
    uint8_t in[1 + 2 * SMT_HASH_SIZE] = { 0x01 };
    memcpy(in + 1, left, SMT_HASH_SIZE);
    memcpy(in + 1 + SMT_HASH_SIZE, right, SMT_HASH_SIZE);
    sha256(out, span_of(in, sizeof(in)));
}

static void fold_pair(struct smt_node *out, const struct smt_node *l, const struct smt_node *r)
{
    if (l->kind == EMPTY && r->kind != INNER) {
        *out = *r; /* one leaf, or nothing: it moves up */
    } else if (r->kind == EMPTY && l->kind == LEAF) {
        *out = *l;
    } else {
        out->kind = INNER;
        hash_node(out->hash, l->hash, r->hash);
    }
}

static void fold(struct levels *out, const struct page *page)
{
    for (size_t i = 0; i < PAGE_SLOTS; i++) {
        struct smt_node *n = &out->level[PAGE_BITS][i];
        const struct slot *s = &page->slot[i];
        n->kind = s->kind;
        if (s->kind == LEAF)
            hash_leaf(n->hash, s->a, s->b);
        else
            memcpy(n->hash, s->a, SMT_HASH_SIZE);
    }
    for (size_t d = PAGE_BITS; d-- > 0;)
        for (size_t i = 0; i < (size_t)1 << d; i++)
            fold_pair(&out->level[d][i], &out->level[d + 1][2 * i], &out->level[d + 1][2 * i + 1]);
}

/* ---- records ------------------------------------------------------------------------------- */

static size_t nibble(const uint8_t *key_hash, size_t depth)
{
    return depth & 1 ? key_hash[depth / 2] & 15 : key_hash[depth / 2] >> 4;
}

/* A record's key: the prefix, the depth in pages, and that many nibbles of the path. */
struct record_key {
    uint8_t bytes[SMT_RECORD_KEY_MAX];
    size_t n;
};

static struct span record_key(struct record_key *out, const struct smt *t, size_t depth,
                              const uint8_t *path)
{
    ASSERT(t->prefix.n <= SMT_PREFIX_MAX && depth < PAGE_DEPTH_MAX);
    struct writer w = writer_of(out->bytes, sizeof(out->bytes));
    write_span(&w, t->prefix);
    write_u8(&w, (uint8_t)depth);
    write_bytes(&w, path, depth / 2);
    if (depth & 1)
        write_u8(&w, path[depth / 2] & 0xf0);
    ASSERT(w.err == OK);
    return writer_span(&w);
}

/* A record: two bits of kind for each slot (a little-endian u32, slot 0 lowest), then 64 bytes for
 * each leaf and 32 for each inner node, by slot. */
static enum err page_decode(struct page *out, struct span in)
{
    struct reader r = reader_of(in);
    uint32_t kinds = read_le32(&r);
    for (size_t i = 0; i < PAGE_SLOTS; i++) {
        struct slot *s = &out->slot[i];
        *s = (struct slot){ .kind = (uint8_t)(kinds >> (2 * i) & 3) };
        reader_require(&r, s->kind <= INNER, ERR_CORRUPT);
        if (s->kind != EMPTY)
            read_into(&r, s->a, sizeof(s->a));
        if (s->kind == LEAF)
            read_into(&r, s->b, sizeof(s->b));
    }
    return reader_finish(&r) == OK ? OK : ERR_CORRUPT;
}

static struct span page_encode(uint8_t out[SMT_RECORD_MAX], const struct page *page)
{
    struct writer w = writer_of(out, SMT_RECORD_MAX);
    uint32_t kinds = 0;
    for (size_t i = 0; i < PAGE_SLOTS; i++)
        kinds |= (uint32_t)page->slot[i].kind << (2 * i);
    write_le32(&w, kinds);
    for (size_t i = 0; i < PAGE_SLOTS; i++) {
        const struct slot *s = &page->slot[i];
        if (s->kind != EMPTY)
            write_bytes(&w, s->a, sizeof(s->a));
        if (s->kind == LEAF)
            write_bytes(&w, s->b, sizeof(s->b));
    }
    ASSERT(w.err == OK);
    return writer_span(&w);
}

/* Only the page of the root may be missing: the tree is empty then. */
static enum err page_load(struct page *out, const struct smt *t, size_t depth, const uint8_t *path)
{
    struct record_key key;
    struct span value = { 0 };
    if (depth >= PAGE_DEPTH_MAX)
        return ERR_CORRUPT;
    enum err e = kv_get(t->kv, &value, record_key(&key, t, depth, path));
    if (e == ERR_NOT_FOUND && depth == 0) {
        *out = (struct page){ 0 };
        return OK;
    }
    if (e == ERR_NOT_FOUND)
        return ERR_CORRUPT;
    TRY(e);
    return page_decode(out, value);
}

/* ---- update -------------------------------------------------------------------------------- */

/* A run of writes whose key hashes agree in the nibbles above. */
struct run {
    const struct smt_write *w;
    size_t count;
};

static struct slot leaf_slot(const struct smt_write *w)
{
    struct slot s = { .kind = LEAF };
    memcpy(s.a, w->key_hash, sizeof(s.a));
    memcpy(s.b, w->value_hash, sizeof(s.b));
    return s;
}

/* The number of leaves in a slot without a page below after run is applied; when there is one,
 * *only is it. */
static size_t survivors(struct slot *only, const struct slot *slot, struct run run)
{
    size_t count = 0;
    bool replaced = false;
    *only = (struct slot){ 0 };
    for (size_t i = 0; i < run.count; i++) {
        if (slot->kind == LEAF && memcmp(slot->a, run.w[i].key_hash, sizeof(slot->a)) == 0)
            replaced = true;
        if (!run.w[i].remove && count++ == 0)
            *only = leaf_slot(&run.w[i]);
    }
    if (slot->kind == LEAF && !replaced && count++ == 0)
        *only = *slot;
    return count;
}

static enum err update_page(const struct smt *t, struct slot *out, size_t depth, bool fresh,
                            struct page *page, struct run run);

/* Applies run, which is not empty, to the slot of a page at depth. */
static enum err update_slot(const struct smt *t, struct slot *slot, size_t depth, struct run run)
{
    struct slot only;
    bool fresh = slot->kind != INNER;
    if (fresh && survivors(&only, slot, run) <= 1) {
        *slot = only;
        return OK;
    }
    struct page below = { 0 };
    if (!fresh)
        TRY(page_load(&below, t, depth + 1, run.w[0].key_hash));
    else if (slot->kind == LEAF)
        below.slot[nibble(slot->a, depth + 1)] = *slot;
    return update_page(t, slot, depth + 1, fresh, &below, run);
}

/* What a page is to the one above: nothing, its only leaf, or a subtree with a hash. Not inlined,
 * as page_store is not: their buffers must not stand on the stack once for each page of a path. */
__attribute__((noinline)) static void summarise(struct slot *out, const struct page *page)
{
    struct levels levels;
    size_t used = 0, last = 0;
    for (size_t i = 0; i < PAGE_SLOTS; i++) {
        if (page->slot[i].kind != EMPTY) {
            used++;
            last = i;
        }
    }
    *out = (struct slot){ 0 };
    if (used == 0)
        return;
    if (used == 1 && page->slot[last].kind == LEAF) {
        *out = page->slot[last];
        return;
    }
    fold(&levels, page);
    out->kind = INNER;
    memcpy(out->a, levels.level[0][0].hash, sizeof(out->a));
}

/* Writes the record of a page, or deletes it when the page above holds all there is. */
__attribute__((noinline)) static enum err page_store(const struct smt *t, size_t depth,
                                                     const uint8_t *path, const struct page *page,
                                                     bool keep)
{
    struct record_key key;
    uint8_t record[SMT_RECORD_MAX];
    struct span name = record_key(&key, t, depth, path);
    return keep ? kv_put(t->kv, name, page_encode(record, page)) : kv_del(t->kv, name);
}

/* Applies run to a page, writes or deletes its record, and gives what the page above holds of it.
 */
static enum err update_page(const struct smt *t, struct slot *out, size_t depth, bool fresh,
                            struct page *page, struct run run)
{
    ASSERT(depth < PAGE_DEPTH_MAX); /* distinct keys part before that */
    const uint8_t *path = run.w[0].key_hash;
    bool changed = fresh;
    while (run.count != 0) {
        size_t at = nibble(run.w[0].key_hash, depth);
        struct run part = { run.w, 1 };
        while (part.count < run.count && nibble(run.w[part.count].key_hash, depth) == at)
            part.count++;
        struct slot before = page->slot[at];
        TRY(update_slot(t, &page->slot[at], depth, part));
        changed = changed || memcmp(&before, &page->slot[at], sizeof(before)) != 0;
        run.w += part.count;
        run.count -= part.count;
    }
    summarise(out, page);
    if (!changed)
        return OK;
    bool keep = out->kind == INNER || (depth == 0 && out->kind == LEAF);
    if (fresh && !keep)
        return OK;
    return page_store(t, depth, path, page, keep);
}

static void root_hash(uint8_t root[SMT_HASH_SIZE], const struct slot *top)
{
    memset(root, 0, SMT_HASH_SIZE);
    if (top->kind == LEAF)
        hash_leaf(root, top->a, top->b);
    else if (top->kind == INNER)
        memcpy(root, top->a, SMT_HASH_SIZE);
}

enum err smt_update(const struct smt *t, uint8_t root[SMT_HASH_SIZE],
                    const struct smt_write *writes, size_t count)
{
    memset(root, 0, SMT_HASH_SIZE);
    for (size_t i = 1; i < count; i++)
        if (memcmp(writes[i - 1].key_hash, writes[i].key_hash, SMT_HASH_SIZE) >= 0)
            return ERR_FORMAT;
    if (count == 0)
        return smt_root(t, root);
    struct page page;
    struct slot top;
    TRY(page_load(&page, t, 0, writes[0].key_hash));
    TRY(update_page(t, &top, 0, false, &page, (struct run){ writes, count }));
    root_hash(root, &top);
    return OK;
}

enum err smt_root(const struct smt *t, uint8_t root[SMT_HASH_SIZE])
{
    struct page page;
    struct slot top;
    memset(root, 0, SMT_HASH_SIZE);
    TRY(page_load(&page, t, 0, root));
    summarise(&top, &page);
    root_hash(root, &top);
    return OK;
}

/* ---- writes -------------------------------------------------------------------------------- */

void smt_write_of(struct smt_write *out, struct span key, struct span value, bool remove)
{
    *out = (struct smt_write){ .remove = remove };
    sha256(out->key_hash, key);
    if (!remove)
        sha256(out->value_hash, value);
}

static int by_key_hash(const void *a, const void *b)
{
    const struct smt_write *x = a, *y = b;
    return memcmp(x->key_hash, y->key_hash, SMT_HASH_SIZE);
}

void smt_sort(struct smt_write *writes, size_t count)
{
    sort_items(writes, count, sizeof(*writes), by_key_hash);
}

/* ---- reads and proofs ---------------------------------------------------------------------- */

enum err smt_get(const struct smt *t, uint8_t value_hash[SMT_HASH_SIZE],
                 const uint8_t key_hash[SMT_HASH_SIZE])
{
    memset(value_hash, 0, SMT_HASH_SIZE);
    for (size_t depth = 0;; depth++) {
        struct page page;
        TRY(page_load(&page, t, depth, key_hash));
        const struct slot *s = &page.slot[nibble(key_hash, depth)];
        if (s->kind == INNER)
            continue;
        if (s->kind == EMPTY || memcmp(s->a, key_hash, SMT_HASH_SIZE) != 0)
            return ERR_NOT_FOUND;
        memcpy(value_hash, s->b, SMT_HASH_SIZE);
        return OK;
    }
}

/* Ends the path at the node of level d that covers slot at: empty, or one leaf among its slots. */
static void prove_end(struct smt_proof *out, const struct page *page, size_t d, size_t at,
                      const uint8_t *key_hash)
{
    size_t width = (size_t)PAGE_SLOTS >> d;
    size_t first = at / width * width;
    out->kind = SMT_ABSENT_EMPTY;
    for (size_t i = first; i < first + width; i++) {
        const struct slot *s = &page->slot[i];
        if (s->kind != LEAF)
            continue;
        if (memcmp(s->a, key_hash, SMT_HASH_SIZE) == 0) {
            out->kind = SMT_PRESENT;
            continue;
        }
        out->kind = SMT_ABSENT_OTHER;
        memcpy(out->other_key_hash, s->a, SMT_HASH_SIZE);
        memcpy(out->other_value_hash, s->b, SMT_HASH_SIZE);
    }
}

enum err smt_prove(const struct smt *t, struct smt_proof *out,
                   const uint8_t key_hash[SMT_HASH_SIZE])
{
    *out = (struct smt_proof){ 0 };
    for (size_t depth = 0;; depth++) {
        struct page page;
        struct levels levels;
        TRY(page_load(&page, t, depth, key_hash));
        fold(&levels, &page);
        size_t at = nibble(key_hash, depth);
        for (size_t d = 0; d <= PAGE_BITS; d++) {
            size_t here = at >> (PAGE_BITS - d);
            if (levels.level[d][here].kind != INNER) {
                prove_end(out, &page, d, at, key_hash);
                return OK;
            }
            if (d == PAGE_BITS)
                break; /* the path goes on in the page below */
            size_t next = at >> (PAGE_BITS - d - 1);
            memcpy(out->sibling[out->depth++], levels.level[d + 1][next ^ 1].hash, SMT_HASH_SIZE);
        }
    }
}

/* The slot nearest to at on one side, at itself left out, that is not empty; PAGE_SLOTS: none. */
static size_t slot_beside(const struct page *page, size_t at, bool above)
{
    for (size_t i = 1; i < PAGE_SLOTS; i++) {
        if (above ? at + i >= PAGE_SLOTS : at < i)
            break;
        size_t there = above ? at + i : at - i;
        if (page->slot[there].kind != EMPTY)
            return there;
    }
    return PAGE_SLOTS;
}

static void set_nibble(uint8_t *path, size_t depth, size_t v)
{
    uint8_t *b = &path[depth / 2];
    *b = (uint8_t)(depth & 1 ? (*b & 0xf0) | v : (*b & 0x0f) | v << 4);
}

/* The first (or last) leaf below the slot at of the page at depth on path, which is used up. */
static enum err edge_leaf(const struct smt *t, struct smt_leaf *out, uint8_t *path, size_t depth,
                          size_t at, bool first)
{
    for (;; depth++) {
        struct page page;
        TRY(page_load(&page, t, depth, path));
        if (page.slot[at].kind == EMPTY)
            at = slot_beside(&page, at, first);
        if (at == PAGE_SLOTS)
            return ERR_CORRUPT; /* a page below the root's is never empty */
        const struct slot *s = &page.slot[at];
        if (s->kind == LEAF) {
            memcpy(out->key_hash, s->a, SMT_HASH_SIZE);
            memcpy(out->value_hash, s->b, SMT_HASH_SIZE);
            return OK;
        }
        set_nibble(path, depth, at);
        at = first ? 0 : PAGE_SLOTS - 1;
    }
}

enum err smt_neighbour(const struct smt *t, struct smt_leaf *out,
                       const uint8_t key_hash[SMT_HASH_SIZE], bool above)
{
    *out = (struct smt_leaf){ 0 };
    size_t fork_depth = 0, fork_at = PAGE_SLOTS; /* the deepest place where the path can be left */
    for (size_t depth = 0;; depth++) {
        struct page page;
        TRY(page_load(&page, t, depth, key_hash));
        size_t at = nibble(key_hash, depth);
        size_t beside = slot_beside(&page, at, above);
        if (beside != PAGE_SLOTS) {
            fork_depth = depth;
            fork_at = beside;
        }
        const struct slot *s = &page.slot[at];
        if (s->kind == INNER)
            continue;
        int order = s->kind == LEAF ? memcmp(s->a, key_hash, SMT_HASH_SIZE) : 0;
        if (above ? order > 0 : order < 0) {
            fork_depth = depth;
            fork_at = at;
        }
        break;
    }
    if (fork_at == PAGE_SLOTS)
        return ERR_NOT_FOUND;
    uint8_t path[SMT_HASH_SIZE];
    memcpy(path, key_hash, SMT_HASH_SIZE);
    enum err e = edge_leaf(t, out, path, fork_depth, fork_at, above);
    if (e != OK)
        *out = (struct smt_leaf){ 0 };
    return e;
}

/* From the end of the path up. */
static void climb(uint8_t hash[SMT_HASH_SIZE], const uint8_t *key_hash,
                  const struct smt_proof *proof)
{
    for (size_t i = proof->depth; i-- > 0;) {
        if (smt_key_bit(key_hash, i))
            hash_node(hash, proof->sibling[i], hash);
        else
            hash_node(hash, hash, proof->sibling[i]);
    }
}

void smt_proof_root(uint8_t root[SMT_HASH_SIZE], const uint8_t key_hash[SMT_HASH_SIZE],
                    const uint8_t value_hash[SMT_HASH_SIZE], const struct smt_proof *proof)
{
    hash_leaf(root, key_hash, value_hash);
    climb(root, key_hash, proof);
}

enum err smt_verify(const uint8_t root[SMT_HASH_SIZE], const uint8_t key_hash[SMT_HASH_SIZE],
                    const uint8_t *value_hash, const struct smt_proof *proof)
{
    uint8_t hash[SMT_HASH_SIZE] = { 0 };
    if ((proof->kind == SMT_PRESENT) != (value_hash != NULL) || proof->depth > SMT_DEPTH_MAX)
        return ERR_FORMAT;
    if (proof->kind == SMT_PRESENT)
        hash_leaf(hash, key_hash, value_hash);
    if (proof->kind == SMT_ABSENT_OTHER) {
        /* SPEC state-tree 4.4: "For kind 2 the other key_hash MUST differ from the one asked about
         * and agree with it in the first depth bits." */
        if (memcmp(proof->other_key_hash, key_hash, SMT_HASH_SIZE) == 0)
            return ERR_FORMAT;
        for (size_t i = 0; i < proof->depth; i++)
            if (smt_key_bit(proof->other_key_hash, i) != smt_key_bit(key_hash, i))
                return ERR_FORMAT;
        hash_leaf(hash, proof->other_key_hash, proof->other_value_hash);
    }
    climb(hash, key_hash, proof);
    /* SPEC state-tree 4.3: "The result MUST equal the root." */
    return memcmp(hash, root, sizeof(hash)) == 0 ? OK : ERR_CORRUPT;
}

/* ---- parts of a tree ----------------------------------------------------------------------- */

void smt_join(struct smt_node *out, const struct smt_node *left, const struct smt_node *right)
{
    struct smt_node both;
    fold_pair(&both, left, right);
    *out = both;
}

void smt_subtree(struct smt_node *out, const struct smt_write *leaves, size_t count, size_t depth)
{
    *out = (struct smt_node){ .kind = SMT_NODE_EMPTY };
    if (count == 1) {
        out->kind = SMT_NODE_LEAF;
        hash_leaf(out->hash, leaves->key_hash, leaves->value_hash);
    }
    if (count <= 1)
        return;
    ASSERT(depth < SMT_DEPTH_MAX); /* distinct keys part before that */
    size_t low = 0, high = count;  /* the first leaf on the right side */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (smt_key_bit(leaves[mid].key_hash, depth))
            high = mid;
        else
            low = mid + 1;
    }
    struct smt_node left, right;
    smt_subtree(&left, leaves, low, depth + 1);
    smt_subtree(&right, leaves + low, count - low, depth + 1);
    smt_join(out, &left, &right);
}

bool smt_is_empty(const uint8_t hash[SMT_HASH_SIZE])
{
    static const uint8_t empty[SMT_HASH_SIZE];
    return memcmp(hash, empty, sizeof(empty)) == 0;
}

void smt_proof_encode(struct writer *w, const struct smt_proof *proof)
{
    write_u8(w, (uint8_t)proof->kind);
    write_be16(w, (uint16_t)proof->depth);
    if (proof->kind == SMT_ABSENT_OTHER) {
        write_bytes(w, proof->other_key_hash, SMT_HASH_SIZE);
        write_bytes(w, proof->other_value_hash, SMT_HASH_SIZE);
    }
    uint8_t map[SMT_DEPTH_MAX / 8] = { 0 };
    for (size_t i = 0; i < proof->depth; i++)
        if (!smt_is_empty(proof->sibling[i]))
            map[i / 8] |= (uint8_t)(1u << i % 8);
    write_bytes(w, map, (proof->depth + 7) / 8);
    for (size_t i = 0; i < proof->depth; i++)
        if (!smt_is_empty(proof->sibling[i]))
            write_bytes(w, proof->sibling[i], SMT_HASH_SIZE);
}

enum err smt_proof_decode(struct smt_proof *out, struct span in)
{
    struct reader r = reader_of(in);
    *out = (struct smt_proof){ 0 };
    uint8_t kind = read_u8(&r);
    uint16_t depth = read_be16(&r);
    reader_require(&r, kind <= SMT_ABSENT_OTHER, ERR_FORMAT);
    reader_require(&r, depth <= SMT_DEPTH_MAX, ERR_FORMAT);
    if (r.err == OK) {
        out->kind = (enum smt_proof_kind)kind;
        out->depth = depth;
    }
    if (out->kind == SMT_ABSENT_OTHER) {
        read_into(&r, out->other_key_hash, SMT_HASH_SIZE);
        read_into(&r, out->other_value_hash, SMT_HASH_SIZE);
    }
    uint8_t map[SMT_DEPTH_MAX / 8] = { 0 };
    read_into(&r, map, (out->depth + 7) / 8);
    for (size_t i = 0; i < ((size_t)out->depth + 7) / 8 * 8; i++) {
        if (!(map[i / 8] >> i % 8 & 1))
            continue;
        /* SPEC state-tree 4.2: "Bits of the map at or above depth MUST be zero, a listed sibling
         * MUST NOT be 32 zero bytes, and nothing may follow" */
        reader_require(&r, i < out->depth, ERR_FORMAT);
        if (r.err != OK)
            break;
        read_into(&r, out->sibling[i], SMT_HASH_SIZE);
        reader_require(&r, r.err != OK || !smt_is_empty(out->sibling[i]), ERR_FORMAT);
    }
    if (reader_finish(&r) != OK)
        *out = (struct smt_proof){ 0 };
    return r.err;
}
