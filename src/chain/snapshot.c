#include "chain/snapshot.h"

#include "base/sort.h"
#include "codec/cbor.h"
#include "crypto/merkle.h"

size_t snapshot_commit_size(enum state_store store)
{
    return store == STATE_INDEX ? LTHASH_SIZE : SNAPSHOT_NODE_SIZE;
}

size_t snapshot_stores(enum state_store *out)
{
    size_t count = 0;
    for (int s = STATE_ACCOUNTS; s < STATE_STORE_COUNT; s++)
        if (s != STATE_TREE)
            out[count++] = (enum state_store)s;
    return count;
}

uint8_t snapshot_bits(enum state_store store, uint64_t bytes)
{
    uint8_t bits = 0;
    uint8_t max = store == STATE_INDEX ? 10 : SNAPSHOT_BITS_MAX; /* sums are large */
    while (bits < max && bytes >> bits > SNAPSHOT_PART_BYTES)
        bits++;
    return bits;
}

static uint32_t part_of_hash(const uint8_t *key_hash, uint8_t bits)
{
    return bits == 0 ? 0 : load_be32(key_hash) >> (32 - bits);
}

uint32_t snapshot_part(struct span key, uint8_t bits)
{
    uint8_t hash[SMT_HASH_SIZE];
    sha256(hash, key);
    return part_of_hash(hash, bits);
}

/* ---- metadata: [format, height, app hash, [[store, bits, commits]...]] ---------------------- */

void snapshot_encode(struct writer *w, const struct snapshot *s)
{
    cbor_write_array(w, 4);
    cbor_write_uint(w, SNAPSHOT_FORMAT);
    cbor_write_uint(w, s->height);
    cbor_write_bytes(w, span_of(s->app_hash, STATE_HASH_SIZE));
    cbor_write_array(w, s->store_count);
    for (size_t i = 0; i < s->store_count; i++) {
        cbor_write_array(w, 3);
        cbor_write_uint(w, s->stores[i].store);
        cbor_write_uint(w, s->stores[i].bits);
        cbor_write_bytes(w, s->stores[i].commits);
    }
}

static struct smt_node node_at(struct span commits, size_t i)
{
    struct smt_node n = { .kind = commits.p[i * SNAPSHOT_NODE_SIZE] };
    memcpy(n.hash, commits.p + i * SNAPSHOT_NODE_SIZE + 1, SMT_HASH_SIZE);
    return n;
}

/* The root over nodes [first, first + 2^bits). */
static struct smt_node fold(struct span commits, size_t first, uint8_t bits)
{
    if (bits == 0)
        return node_at(commits, first);
    bits--;
    struct smt_node left = fold(commits, first, bits);
    struct smt_node right = fold(commits, first + ((size_t)1 << bits), bits), both;
    smt_join(&both, &left, &right);
    return both;
}

/* SPEC snapshot 2.3: "An empty part is all zeros, and no part is of a fourth kind." */
static bool nodes_are_sound(const struct snapshot_store *s)
{
    for (size_t i = 0; i < (size_t)1 << s->bits; i++) {
        struct smt_node n = node_at(s->commits, i);
        if (n.kind > SMT_NODE_INNER || (n.kind == SMT_NODE_EMPTY) != smt_is_empty(n.hash))
            return false;
    }
    return true;
}

static void store_root(uint8_t root[STATE_HASH_SIZE], const struct snapshot_store *s)
{
    if (s->store != STATE_INDEX) {
        struct smt_node top = fold(s->commits, 0, s->bits);
        memcpy(root, top.hash, STATE_HASH_SIZE);
        return;
    }
    struct lthash sum = { 0 }, part;
    for (size_t i = 0; i < (size_t)1 << s->bits; i++) {
        lthash_load(&part, s->commits.p + i * LTHASH_SIZE);
        lthash_join(&sum, &part);
    }
    lthash_digest(root, &sum);
}

static enum err check_app_hash(const struct snapshot *s)
{
    uint8_t roots[STATE_STORE_COUNT][STATE_HASH_SIZE] = { 0 }, app_hash[STATE_HASH_SIZE];
    for (size_t i = 0; i < s->store_count; i++)
        store_root(roots[s->stores[i].store], &s->stores[i]);
    state_app_hash(app_hash, (const uint8_t(*)[STATE_HASH_SIZE])roots);
    /* SPEC snapshot 2.2: "the app hash over these roots MUST be the one named." */
    return memcmp(app_hash, s->app_hash, STATE_HASH_SIZE) == 0 ? OK : ERR_CORRUPT;
}

static void read_store(struct cbor_reader *c, struct snapshot *out, enum state_store expected)
{
    struct snapshot_store *s = &out->stores[out->store_count];
    cbor_read_array_of(c, 3);
    uint64_t number = cbor_read_uint(c);
    s->store = expected;
    s->bits = (uint8_t)cbor_read_uint_max(c, SNAPSHOT_BITS_MAX);
    s->commits = cbor_read_bytes(c);
    cbor_require(c, number == (uint64_t)expected, ERR_FORMAT);
    cbor_require(c, s->commits.n == snapshot_commit_size(expected) << s->bits, ERR_FORMAT);
    if (c->r.err != OK)
        return;
    cbor_require(c, expected == STATE_INDEX || nodes_are_sound(s), ERR_FORMAT);
    s->first = out->chunk_count;
    out->chunk_count += (uint32_t)1 << s->bits;
    out->store_count++;
}

static enum err decode(struct snapshot *out, struct span in)
{
    if (in.n > SNAPSHOT_META_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(in, CBOR_STRICT);
    cbor_read_array_of(&c, 4);
    uint64_t format = cbor_read_uint(&c);
    TRY(c.r.err);
    if (format != SNAPSHOT_FORMAT)
        return ERR_UNSUPPORTED;
    out->height = cbor_read_uint(&c);
    cbor_read_bytes_of(&c, out->app_hash, STATE_HASH_SIZE);
    enum state_store stores[SNAPSHOT_STORES_MAX];
    size_t count = snapshot_stores(stores);
    cbor_read_array_of(&c, count);
    for (size_t i = 0; i < count && c.r.err == OK; i++)
        read_store(&c, out, stores[i]);
    TRY(cbor_finish(&c));
    return check_app_hash(out);
}

enum err snapshot_decode(struct snapshot *out, struct span in)
{
    *out = (struct snapshot){ 0 };
    enum err e = decode(out, in);
    if (e != OK)
        *out = (struct snapshot){ 0 };
    return e;
}

/* ---- chunks: [store, part, key, value, key, value...] ---------------------------------------- */

static int by_key_hash(const void *a, const void *b)
{
    const struct snapshot_pair *x = a, *y = b;
    return memcmp(x->key_hash, y->key_hash, SMT_HASH_SIZE);
}

void snapshot_sort(struct snapshot_pair *pairs, size_t count)
{
    sort_items(pairs, count, sizeof(*pairs), by_key_hash);
}

/* What the pairs of a part commit to, while they come. */
struct commitment {
    struct smt_write *leaves; /* of a proved store */
    size_t count;
    struct lthash sum; /* of the index */
};

static void commit_pair(struct commitment *c, enum state_store store, const uint8_t *key_hash,
                        struct span key, struct span value)
{
    if (store == STATE_INDEX) {
        state_sum_add(&c->sum, key, value);
        return;
    }
    struct smt_write *leaf = &c->leaves[c->count++];
    *leaf = (struct smt_write){ .remove = false };
    memcpy(leaf->key_hash, key_hash, SMT_HASH_SIZE);
    sha256(leaf->value_hash, value);
}

static void commit_end(uint8_t *out, const struct commitment *c, const struct snapshot_place *place)
{
    if (place->store == STATE_INDEX) {
        lthash_store(out, &c->sum);
        return;
    }
    struct smt_node node;
    smt_subtree(&node, c->leaves, c->count, place->bits);
    out[0] = node.kind;
    memcpy(out + 1, node.hash, SMT_HASH_SIZE);
}

void snapshot_chunk_encode(struct writer *w, const struct snapshot_place *place,
                           const struct snapshot_pair *pairs, size_t count)
{
    cbor_write_array(w, 2 + 2 * (uint64_t)count);
    cbor_write_uint(w, place->store);
    cbor_write_uint(w, place->part);
    for (size_t i = 0; i < count; i++) {
        cbor_write_bytes(w, pairs[i].key);
        cbor_write_bytes(w, pairs[i].value);
    }
}

size_t snapshot_chunk_count(struct span chunk)
{
    struct cbor_reader c = cbor_reader_of(chunk, CBOR_STRICT);
    size_t items = cbor_read_array(&c);
    return c.r.err == OK && items >= 2 ? (items - 2) / 2 : 0;
}

void snapshot_chunk_begin(struct snapshot_walk *walk, struct span chunk)
{
    struct cbor_reader c = cbor_reader_of(chunk, CBOR_STRICT);
    size_t items = cbor_read_array(&c);
    uint64_t store = cbor_read_uint_max(&c, STATE_STORE_COUNT - 1);
    (void)cbor_read_uint(&c);
    *walk = (struct snapshot_walk){ .r = c.r, .store = (enum state_store)store };
    walk->left = c.r.err == OK && items >= 2 ? (items - 2) / 2 : 0;
}

bool snapshot_chunk_next(struct snapshot_walk *walk, struct span *key, struct span *value)
{
    *key = *value = (struct span){ NULL, 0 };
    if (walk->left == 0)
        return false;
    struct cbor_reader c = { .r = walk->r, .mode = CBOR_STRICT };
    *key = cbor_read_bytes(&c);
    *value = cbor_read_bytes(&c);
    walk->r = c.r;
    walk->left--;
    return c.r.err == OK;
}

/* Reads the pairs, which must be of this place and in order. */
static enum err take_pairs(struct commitment *out, struct cbor_reader *c,
                           const struct snapshot_place *place, size_t count)
{
    uint8_t last[SMT_HASH_SIZE] = { 0 }, hash[SMT_HASH_SIZE];
    for (size_t i = 0; i < count; i++) {
        struct span key = cbor_read_bytes(c), value = cbor_read_bytes(c);
        TRY(c->r.err);
        if (key.n > STATE_KEY_MAX || value.n > STATE_VALUE_MAX)
            return ERR_LIMIT;
        sha256(hash, key);
        bool after = i == 0 || memcmp(last, hash, sizeof(hash)) < 0;
        /* SPEC snapshot 3.2: "every key MUST be of the part." */
        if (!after || part_of_hash(hash, place->bits) != place->part)
            return ERR_FORMAT;
        memcpy(last, hash, sizeof(hash));
        commit_pair(out, place->store, hash, key, value);
    }
    return OK;
}

/* The store and part of chunk number index. */
static const struct snapshot_store *find_place(const struct snapshot *s, uint32_t index,
                                               struct snapshot_place *place)
{
    for (size_t i = 0; i < s->store_count; i++) {
        const struct snapshot_store *at = &s->stores[i];
        if (index < at->first || index - at->first >= (uint32_t)1 << at->bits)
            continue;
        *place = (struct snapshot_place){ at->store, at->bits, index - at->first };
        return at;
    }
    return NULL;
}

enum err snapshot_chunk_commit(uint8_t *commit, const struct snapshot_place *place,
                               struct span chunk, struct smt_write *leaves, size_t leaves_max)
{
    if (chunk.n > SNAPSHOT_CHUNK_MAX)
        return ERR_LIMIT;
    struct cbor_reader c = cbor_reader_of(chunk, CBOR_STRICT);
    size_t items = cbor_read_array(&c);
    uint64_t store = cbor_read_uint(&c), part = cbor_read_uint(&c);
    TRY(c.r.err);
    if (items % 2 != 0 || store != (uint64_t)place->store || part != place->part)
        return ERR_FORMAT;
    size_t count = (items - 2) / 2;
    if (place->store != STATE_INDEX && count > leaves_max)
        return ERR_LIMIT;
    struct commitment sum = { .leaves = leaves };
    TRY(take_pairs(&sum, &c, place, count));
    TRY(cbor_finish(&c));
    commit_end(commit, &sum, place);
    return OK;
}

enum err snapshot_chunk_check(const struct snapshot *s, uint32_t index, struct span chunk,
                              struct smt_write *leaves, size_t leaves_max)
{
    struct snapshot_place place;
    const struct snapshot_store *at = find_place(s, index, &place);
    if (at == NULL)
        return ERR_RANGE;
    uint8_t commit[SNAPSHOT_COMMIT_MAX];
    TRY(snapshot_chunk_commit(commit, &place, chunk, leaves, leaves_max));
    /* SPEC snapshot 3.3: "The commitment of the pairs MUST be the one that the metadata list." */
    size_t size = snapshot_commit_size(place.store);
    return memcmp(commit, at->commits.p + place.part * size, size) == 0 ? OK : ERR_CORRUPT;
}
