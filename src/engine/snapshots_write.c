#include "chain/snapshot.h"
#include "engine/snapshots.h"
#include "rt/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PASS_PARTS = 16, /* parts whose keys are gathered in one walk through a store */
    PAIRS_FIRST = 1024,
};

/* The pairs of one part; keys and values lie in the database's pages. */
struct part {
    struct snapshot_pair *pairs;
    size_t count, room;
};

struct work {
    struct kv state;
    char dir[PATH_TEXT_MAX];
    struct snapshot s;
    uint8_t *commits[SNAPSHOT_STORES_MAX];
    uint8_t *chunk; /* SNAPSHOT_CHUNK_MAX */
    struct smt_write *leaves;
    size_t leaves_room;
    struct part parts[PASS_PARTS];
};

static void work_free(struct work *w)
{
    for (size_t i = 0; i < SNAPSHOT_STORES_MAX; i++)
        free(w->commits[i]);
    for (size_t i = 0; i < PASS_PARTS; i++)
        free(w->parts[i].pairs);
    free(w->chunk);
    free(w->leaves);
    free(w);
}

/* ---- walking through a store ---- */

/* The next record of a store; false at its end, or *e. at: the whole key before, with the store. */
static bool next_record(const struct work *w, enum err *e, enum state_store store, struct span *at,
                        struct span *value)
{
    const uint8_t first = (uint8_t)store;
    bool after = at->n != 0;
    struct span from = after ? *at : span_of(&first, 1);
    *e = kv_next(&w->state, at, value, from, after);
    if (*e == ERR_NOT_FOUND) {
        *e = OK;
        return false;
    }
    return *e == OK && at->p[0] == first;
}

static enum err store_size(const struct work *w, uint64_t *bytes, enum state_store store)
{
    struct span at = { NULL, 0 }, value;
    enum err e;
    *bytes = 0;
    while (next_record(w, &e, store, &at, &value))
        *bytes += at.n - 1 + value.n;
    return e;
}

static enum err part_add(struct part *p, const uint8_t *hash, struct span key, struct span value)
{
    if (p->count == p->room) {
        size_t room = p->room == 0 ? PAIRS_FIRST : 2 * p->room;
        struct snapshot_pair *pairs = realloc(p->pairs, room * sizeof(*pairs));
        if (pairs == NULL)
            return ERR_MEMORY;
        p->pairs = pairs;
        p->room = room;
    }
    struct snapshot_pair *pair = &p->pairs[p->count++];
    memcpy(pair->key_hash, hash, SMT_HASH_SIZE);
    pair->key = key;
    pair->value = value;
    return OK;
}

/* The pairs of PASS_PARTS parts from first on. */
static enum err gather(struct work *w, enum state_store store, uint8_t bits, uint32_t first)
{
    struct span at = { NULL, 0 }, value;
    uint8_t hash[SMT_HASH_SIZE];
    enum err e;
    for (size_t i = 0; i < PASS_PARTS; i++)
        w->parts[i].count = 0;
    while (next_record(w, &e, store, &at, &value)) {
        const struct span key = span_of(at.p + 1, at.n - 1);
        sha256(hash, key);
        uint32_t part = bits == 0 ? 0 : load_be32(hash) >> (32 - bits);
        if (part >= first && part - first < PASS_PARTS)
            TRY(part_add(&w->parts[part - first], hash, key, value));
    }
    return e;
}

/* ---- writing ---- */

static enum err file_write(const struct work *w, const char *name, struct span bytes)
{
    char path[PATH_TEXT_MAX];
    TRY(path_join(path, sizeof(path), w->dir, name));
    return path_write_file(path, bytes, 0600);
}

static enum err leaves_reserve(struct work *w, size_t count)
{
    if (count <= w->leaves_room)
        return OK;
    struct smt_write *p = realloc(w->leaves, count * sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    w->leaves = p;
    w->leaves_room = count;
    return OK;
}

static enum err part_write(struct work *w, const struct snapshot_store *at, uint32_t number,
                           uint8_t *commit)
{
    char name[16];
    struct part *p = &w->parts[number % PASS_PARTS];
    const struct snapshot_place place = { at->store, at->bits, number };
    struct writer out = writer_of(w->chunk, SNAPSHOT_CHUNK_MAX);
    snapshot_sort(p->pairs, p->count);
    snapshot_chunk_encode(&out, &place, p->pairs, p->count);
    TRY(out.err);
    TRY(leaves_reserve(w, p->count));
    TRY(snapshot_chunk_commit(commit, &place, writer_span(&out), w->leaves, w->leaves_room));
    (void)snprintf(name, sizeof(name), "%u", at->first + number);
    return file_write(w, name, writer_span(&out));
}

static enum err store_write(struct work *w, enum state_store store)
{
    struct snapshot_store *at = &w->s.stores[w->s.store_count];
    uint64_t bytes;
    TRY(store_size(w, &bytes, store));
    *at = (struct snapshot_store){ .store = store,
                                   .bits = snapshot_bits(store, bytes),
                                   .first = w->s.chunk_count };
    size_t unit = snapshot_commit_size(store), size = unit << at->bits;
    uint8_t *commits = calloc(1, size);
    w->commits[w->s.store_count++] = commits;
    if (commits == NULL)
        return ERR_MEMORY;
    uint32_t parts = (uint32_t)1 << at->bits;
    for (uint32_t i = 0; i < parts; i++) {
        if (i % PASS_PARTS == 0)
            TRY(gather(w, store, at->bits, i));
        TRY(part_write(w, at, i, commits + i * unit));
    }
    at->commits = span_of(commits, size);
    w->s.chunk_count += parts;
    return OK;
}

/* Metadata last, and checked as everybody else will check them. */
static enum err metadata_write(struct work *w)
{
    struct snapshot check;
    struct writer out = writer_of(w->chunk, SNAPSHOT_META_MAX);
    snapshot_encode(&out, &w->s);
    TRY(out.err);
    TRY(snapshot_decode(&check, writer_span(&out)));
    return file_write(w, "metadata", writer_span(&out));
}

static enum err write_all(struct work *w)
{
    enum state_store stores[SNAPSHOT_STORES_MAX];
    size_t count = snapshot_stores(stores);
    w->chunk = malloc(SNAPSHOT_CHUNK_MAX);
    if (w->chunk == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++)
        TRY(store_write(w, stores[i]));
    return metadata_write(w);
}

/* ---- the folder ---- */

/* The newest SNAPSHOTS_KEPT stay. */
static enum err prune(const char *dir)
{
    for (;;) {
        uint64_t oldest = UINT64_MAX;
        size_t count = 0;
        char path[PATH_TEXT_MAX], name[24];
        DIR *d = opendir(dir);
        if (d == NULL)
            return ERR_IO;
        for (const struct dirent *f; (f = readdir(d)) != NULL;) {
            char *end;
            uint64_t height = strtoull(f->d_name, &end, 10);
            if (f->d_name[0] == '.' || *end != '\0')
                continue;
            count++;
            oldest = height < oldest ? height : oldest;
        }
        closedir(d);
        if (count <= SNAPSHOTS_KEPT)
            return OK;
        (void)snprintf(name, sizeof(name), "%llu", (unsigned long long)oldest);
        TRY(path_join(path, sizeof(path), dir, name));
        TRY(path_remove_tree(path));
    }
}

static enum err sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int rc = fsync(fd);
    close(fd);
    return rc == 0 ? OK : ERR_IO;
}

enum err snapshots_write(const char *dir, struct statedb_snapshot *snap)
{
    const struct statedb_head head = statedb_snapshot_head(snap);
    char place[PATH_TEXT_MAX], name[32];
    (void)snprintf(name, sizeof(name), "%llu", (unsigned long long)head.height);
    TRY(path_join(place, sizeof(place), dir, name));
    if (path_exists(place))
        return ERR_EXISTS;
    struct work *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return ERR_MEMORY;
    w->state = statedb_snapshot_kv(snap, STATEDB_STATE);
    w->s.height = head.height;
    memcpy(w->s.app_hash, head.app_hash, STATE_HASH_SIZE);
    enum err e = path_join(w->dir, sizeof(w->dir), dir, ".part");
    if (e == OK)
        e = path_remove_tree(w->dir);
    if (e == OK)
        e = path_make_dirs(w->dir, 0700);
    if (e == OK)
        e = write_all(w);
    if (e == OK && rename(w->dir, place) != 0)
        e = ERR_IO;
    if (e == OK)
        e = sync_folder(dir);
    work_free(w); /* what is left in .part goes with the next one */
    return e == OK ? prune(dir) : e;
}
