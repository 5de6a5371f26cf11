#include "store/file_fault.h"

#include "base/prng.h"
#include "store/fault_node.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    NODES_MAX = 512,
    NAMES_MAX = 1024,
    HANDLES_MAX = 256,
    HIDDEN_MAX = 4,
};

struct name {
    char *path;
    int node;
};

enum name_kind { NAME_ADD, NAME_REMOVE, NAME_RENAME };

/* A change of names that is not yet durable. */
struct name_change {
    enum name_kind kind;
    char *path;
    char *to;
    int node;
};

struct names {
    struct name list[NAMES_MAX];
    size_t count;
};

struct handle {
    int node; /* -1: free */
    bool writable;
};

struct file_fault {
    struct files files;
    pthread_mutex_t mutex;
    struct prng prng;
    uint64_t total;
    uint64_t calls;
    uint64_t syncs;
    uint64_t fail_at; /* counts down; 0: off */
    enum err fail_with;
    uint64_t fail_read;
    uint64_t stop_at;
    bool stopped;
    char *hidden[HIDDEN_MAX];
    struct fault_node nodes[NODES_MAX];
    struct names now;
    struct names durable;
    struct name_change pending[NAMES_MAX];
    size_t pending_count;
    struct handle handles[HANDLES_MAX];
};

/* ---- memory ---------------------------------------------------------------------------------- */

static char *copy_text(const char *s)
{
    size_t n = strlen(s) + 1;
    char *out = fault_node_grow(NULL, n);
    memcpy(out, s, n);
    return out;
}

static int node_new(struct file_fault *ff, bool dir)
{
    int i = 0;
    while (i < NODES_MAX && ff->nodes[i].used)
        i++;
    ASSERT(i < NODES_MAX);
    ff->nodes[i] = (struct fault_node){ .used = true, .dir = dir };
    return i;
}

/* ---- names ----------------------------------------------------------------------------------- */

static struct name *names_find(struct names *t, const char *path)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->list[i].path, path) == 0)
            return &t->list[i];
    return NULL;
}

static void names_remove(struct names *t, const char *path)
{
    struct name *n = names_find(t, path);
    if (n == NULL)
        return;
    free(n->path);
    *n = t->list[--t->count];
}

static void names_add(struct names *t, const char *path, int node)
{
    names_remove(t, path);
    ASSERT(t->count < NAMES_MAX);
    t->list[t->count++] = (struct name){ copy_text(path), node };
}

static void name_change_apply(struct names *t, const struct name_change *c)
{
    switch (c->kind) {
    case NAME_ADD:
        names_add(t, c->path, c->node);
        return;
    case NAME_REMOVE:
        names_remove(t, c->path);
        return;
    case NAME_RENAME:
        names_remove(t, c->path);
        names_add(t, c->to, c->node);
        return;
    }
}

static void name_change(struct file_fault *ff, enum name_kind kind, const char *path,
                        const char *to, int node)
{
    ASSERT(ff->pending_count < NAMES_MAX);
    struct name_change *c = &ff->pending[ff->pending_count++];
    *c = (struct name_change){ kind, copy_text(path), to == NULL ? NULL : copy_text(to), node };
    name_change_apply(&ff->now, c);
}

static void name_change_free(struct name_change *c)
{
    free(c->path);
    free(c->to);
}

/* Frees the nodes that neither a name nor a handle holds. */
static void collect(struct file_fault *ff)
{
    static const uint8_t HELD = 1;
    uint8_t held[NODES_MAX] = { 0 };
    for (size_t i = 0; i < ff->now.count; i++)
        held[ff->now.list[i].node] = HELD;
    for (size_t i = 0; i < ff->durable.count; i++)
        held[ff->durable.list[i].node] = HELD;
    for (size_t i = 0; i < ff->pending_count; i++)
        if (ff->pending[i].node >= 0)
            held[ff->pending[i].node] = HELD;
    for (int i = 0; i < HANDLES_MAX; i++)
        if (ff->handles[i].node >= 0)
            held[ff->handles[i].node] = HELD;
    for (int i = 0; i < NODES_MAX; i++)
        if (ff->nodes[i].used && held[i] == 0)
            fault_node_free(&ff->nodes[i]);
}

static bool in_dir(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

static bool is_hidden(const struct file_fault *ff, const char *path)
{
    for (int i = 0; i < HIDDEN_MAX; i++) {
        if (ff->hidden[i] == NULL)
            continue;
        size_t n = strlen(ff->hidden[i]);
        if (strncmp(path, ff->hidden[i], n) == 0 && path[n] == '/')
            return true;
    }
    return false;
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Counts a changing call and says whether it fails. */
static enum err changing(struct file_fault *ff)
{
    if (ff->stopped)
        return ERR_IO;
    ff->calls++;
    if (ff->stop_at > 0 && --ff->stop_at == 0) {
        ff->stopped = true;
        return ERR_IO;
    }
    if (ff->fail_at > 0 && --ff->fail_at == 0)
        return ff->fail_with;
    return OK;
}

static enum err reading(struct file_fault *ff)
{
    if (ff->stopped)
        return ERR_IO;
    if (ff->fail_read > 0 && --ff->fail_read == 0)
        return ERR_IO;
    return OK;
}

static struct file_fault *enter(void *ctx)
{
    struct file_fault *ff = ctx;
    ASSERT(pthread_mutex_lock(&ff->mutex) == 0);
    return ff;
}

static enum err leave(struct file_fault *ff, enum err e)
{
    ASSERT(pthread_mutex_unlock(&ff->mutex) == 0);
    return e;
}

static struct fault_node *node_of(struct file_fault *ff, int handle)
{
    if (handle < 0 || handle >= HANDLES_MAX || ff->handles[handle].node < 0)
        return NULL;
    return &ff->nodes[ff->handles[handle].node];
}

static struct fault_node *writable(struct file_fault *ff, int handle)
{
    struct fault_node *n = node_of(ff, handle);
    return n != NULL && ff->handles[handle].writable ? n : NULL;
}

static uint64_t used_bytes(const struct file_fault *ff)
{
    uint64_t sum = 0;
    for (int i = 0; i < NODES_MAX; i++)
        sum += ff->nodes[i].used ? ff->nodes[i].now.n : 0;
    return sum;
}

/* ---- the calls ------------------------------------------------------------------------------- */

static enum err open_node(struct file_fault *ff, int *node, const char *path, unsigned flags)
{
    struct name *found = is_hidden(ff, path) ? NULL : names_find(&ff->now, path);
    if (found != NULL && (flags & FILE_EXCLUSIVE) != 0)
        return ERR_EXISTS;
    if (found == NULL && (flags & FILE_CREATE) == 0)
        return ERR_NOT_FOUND;
    if (found != NULL && (flags & FILE_TRUNCATE) == 0) {
        *node = found->node;
        return OK;
    }
    TRY(changing(ff));
    if (is_hidden(ff, path))
        return ERR_DENIED;
    if (found == NULL) {
        *node = node_new(ff, false);
        name_change(ff, NAME_ADD, path, NULL, *node);
        return OK;
    }
    *node = found->node;
    fault_node_change(&ff->nodes[*node], (struct fault_change){ .kind = FAULT_TRUNCATE });
    return OK;
}

static enum err fault_open(void *ctx, int *handle, const char *path, unsigned flags)
{
    struct file_fault *ff = enter(ctx);
    *handle = -1;
    int node = -1;
    enum err e = ff->stopped ? ERR_IO : open_node(ff, &node, path, flags);
    for (int i = 0; e == OK && i < HANDLES_MAX; i++) {
        if (ff->handles[i].node < 0) {
            ff->handles[i] = (struct handle){ node, (flags & FILE_WRITE) != 0 };
            *handle = i;
            return leave(ff, OK);
        }
    }
    return leave(ff, e == OK ? ERR_LIMIT : e);
}

static void fault_close(void *ctx, int handle)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = node_of(ff, handle);
    if (n != NULL) {
        ff->handles[handle].node = -1;
        collect(ff);
    }
    (void)leave(ff, OK);
}

static enum err fault_read(void *ctx, size_t *got, int handle, struct mspan buf, uint64_t offset)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = node_of(ff, handle);
    *got = 0;
    enum err e = n == NULL ? ERR_IO : reading(ff);
    if (e == OK && offset < n->now.n) {
        uint64_t left = n->now.n - offset;
        *got = buf.n < left ? buf.n : (size_t)left;
        memcpy(buf.p, n->now.p + offset, *got);
    }
    return leave(ff, e);
}

/* A failed write may leave some prefix behind. */
static void write_some(struct file_fault *ff, struct fault_node *n, uint8_t *bytes, uint64_t length,
                       uint64_t offset)
{
    uint64_t part = prng_below(&ff->prng, length + 1);
    fault_node_change(n, (struct fault_change){ FAULT_WRITE, offset, part, bytes });
}

static enum err fault_write(void *ctx, int handle, const struct span *parts, size_t count,
                            uint64_t offset)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = writable(ff, handle);
    if (n == NULL || ff->stopped)
        return leave(ff, ERR_IO);
    uint64_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].n;
    uint8_t *bytes = fault_node_grow(NULL, (size_t)length);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].n > 0)
            memcpy(bytes + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    enum err e = changing(ff);
    uint64_t end = offset + length;
    if (e == OK && end > n->now.n && used_bytes(ff) + (end - n->now.n) > ff->total)
        e = ERR_FULL;
    if (e == OK)
        fault_node_change(n, (struct fault_change){ FAULT_WRITE, offset, length, bytes });
    else if (e == ERR_FULL)
        free(bytes);
    else
        write_some(ff, n, bytes, length, offset);
    return leave(ff, e);
}

static enum err fault_sync(void *ctx, int handle)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = node_of(ff, handle);
    enum err e = n == NULL ? ERR_IO : changing(ff);
    ff->syncs++;
    if (e == OK) {
        fault_node_sync(n);
    } else if (n != NULL && !ff->stopped) {
        /* As on Linux: after a failed sync the pages count as clean, and are perhaps not there. */
        fault_node_forget(n);
    }
    return leave(ff, e);
}

static void fault_writeback(void *ctx UNUSED, int handle UNUSED, uint64_t offset UNUSED,
                            uint64_t length UNUSED)
{
}

static enum err fault_allocate(void *ctx, int handle, uint64_t offset, uint64_t length)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = writable(ff, handle);
    enum err e = n == NULL ? ERR_IO : changing(ff);
    uint64_t end = offset + length;
    if (e == OK && end > n->now.n) {
        if (used_bytes(ff) + (end - n->now.n) > ff->total)
            e = ERR_FULL;
        else
            fault_node_change(n, (struct fault_change){ .kind = FAULT_TRUNCATE, .offset = end });
    }
    return leave(ff, e);
}

static enum err fault_punch(void *ctx, int handle, uint64_t offset, uint64_t length)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = writable(ff, handle);
    enum err e = n == NULL ? ERR_IO : changing(ff);
    if (e == OK)
        fault_node_change(n, (struct fault_change){ FAULT_PUNCH, offset, length, NULL });
    return leave(ff, e);
}

static enum err fault_truncate(void *ctx, int handle, uint64_t size)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = writable(ff, handle);
    enum err e = n == NULL ? ERR_IO : changing(ff);
    if (e == OK)
        fault_node_change(n, (struct fault_change){ .kind = FAULT_TRUNCATE, .offset = size });
    return leave(ff, e);
}

static enum err fault_size(void *ctx, uint64_t *size, int handle)
{
    struct file_fault *ff = enter(ctx);
    struct fault_node *n = node_of(ff, handle);
    *size = n == NULL ? 0 : n->now.n;
    return leave(ff, n == NULL || ff->stopped ? ERR_IO : OK);
}

static enum err fault_rename(void *ctx, const char *from, const char *to)
{
    struct file_fault *ff = enter(ctx);
    enum err e = changing(ff);
    struct name *n = is_hidden(ff, from) ? NULL : names_find(&ff->now, from);
    if (e == OK && n == NULL)
        e = ERR_NOT_FOUND;
    if (e == OK)
        name_change(ff, NAME_RENAME, from, to, n->node);
    collect(ff);
    return leave(ff, e);
}

static enum err fault_unlink(void *ctx, const char *path)
{
    struct file_fault *ff = enter(ctx);
    enum err e = changing(ff);
    struct name *n = is_hidden(ff, path) ? NULL : names_find(&ff->now, path);
    if (e == OK && (n == NULL || ff->nodes[n->node].dir))
        e = ERR_NOT_FOUND;
    if (e == OK)
        name_change(ff, NAME_REMOVE, path, NULL, n->node);
    collect(ff);
    return leave(ff, e);
}

static enum err fault_make_dir(void *ctx, const char *path)
{
    struct file_fault *ff = enter(ctx);
    if (ff->stopped || is_hidden(ff, path))
        return leave(ff, ERR_IO);
    struct name *n = names_find(&ff->now, path);
    if (n != NULL)
        return leave(ff, ff->nodes[n->node].dir ? OK : ERR_EXISTS);
    enum err e = changing(ff);
    if (e == OK)
        name_change(ff, NAME_ADD, path, NULL, node_new(ff, true));
    return leave(ff, e);
}

static enum err fault_remove_dir(void *ctx, const char *path)
{
    struct file_fault *ff = enter(ctx);
    enum err e = changing(ff);
    struct name *n = is_hidden(ff, path) ? NULL : names_find(&ff->now, path);
    if (e == OK && (n == NULL || !ff->nodes[n->node].dir))
        e = ERR_NOT_FOUND;
    for (size_t i = 0; e == OK && i < ff->now.count; i++)
        if (in_dir(ff->now.list[i].path, path))
            e = ERR_EXISTS;
    if (e == OK)
        name_change(ff, NAME_REMOVE, path, NULL, n->node);
    return leave(ff, e);
}

static enum err fault_sync_dir(void *ctx, const char *path)
{
    struct file_fault *ff = enter(ctx);
    enum err e = changing(ff);
    size_t kept = 0;
    for (size_t i = 0; e == OK && i < ff->pending_count; i++) {
        struct name_change *c = &ff->pending[i];
        if (in_dir(c->path, path) || (c->to != NULL && in_dir(c->to, path))) {
            name_change_apply(&ff->durable, c);
            name_change_free(c);
        } else {
            ff->pending[kept++] = *c;
        }
    }
    if (e == OK)
        ff->pending_count = kept;
    return leave(ff, e);
}

static enum err fault_list(void *ctx, const char *path, file_visit visit, void *visit_ctx)
{
    struct file_fault *ff = enter(ctx);
    enum err e = ff->stopped ? ERR_IO : OK;
    struct name *dir = is_hidden(ff, path) ? NULL : names_find(&ff->now, path);
    if (e == OK && (dir == NULL || !ff->nodes[dir->node].dir))
        e = ERR_NOT_FOUND;
    /* A copy, because the visitor may change names. */
    char **copy = fault_node_grow(NULL, sizeof(char *) * NAMES_MAX);
    size_t count = 0;
    for (size_t i = 0; e == OK && i < ff->now.count; i++) {
        const char *p = ff->now.list[i].path;
        if (in_dir(p, path) && !is_hidden(ff, p))
            copy[count++] = copy_text(p + strlen(path) + 1);
    }
    (void)leave(ff, OK);
    for (size_t i = 0; i < count; i++) {
        if (e == OK)
            e = visit(visit_ctx, copy[i]);
        free(copy[i]);
    }
    free(copy);
    return e;
}

static enum err fault_space(void *ctx, struct file_space *space, const char *path)
{
    struct file_fault *ff = enter(ctx);
    uint64_t used = used_bytes(ff);
    space->total = ff->total;
    space->free = used < ff->total ? ff->total - used : 0;
    bool gone = ff->stopped || is_hidden(ff, path);
    return leave(ff, gone ? ERR_IO : OK);
}

static void fault_entropy(void *ctx, struct mspan buf)
{
    struct file_fault *ff = enter(ctx);
    prng_fill(&ff->prng, buf.p, buf.n);
    (void)leave(ff, OK);
}

static enum err fault_before_commit(void *ctx)
{
    struct file_fault *ff = enter(ctx);
    return leave(ff, changing(ff));
}

/* ---- control --------------------------------------------------------------------------------- */

struct file_fault *file_fault_new(uint64_t seed, uint64_t total_bytes)
{
    struct file_fault *ff = calloc(1, sizeof(*ff));
    ASSERT(ff != NULL);
    ff->files = (struct files){
        .ctx = ff,
        .open = fault_open,
        .close = fault_close,
        .read = fault_read,
        .write = fault_write,
        .sync = fault_sync,
        .writeback = fault_writeback,
        .allocate = fault_allocate,
        .punch = fault_punch,
        .truncate = fault_truncate,
        .size = fault_size,
        .rename = fault_rename,
        .unlink = fault_unlink,
        .make_dir = fault_make_dir,
        .remove_dir = fault_remove_dir,
        .sync_dir = fault_sync_dir,
        .list = fault_list,
        .space = fault_space,
        .entropy = fault_entropy,
        .before_commit = fault_before_commit,
    };
    ASSERT(pthread_mutex_init(&ff->mutex, NULL) == 0);
    prng_init(&ff->prng, seed);
    ff->total = total_bytes;
    for (int i = 0; i < HANDLES_MAX; i++)
        ff->handles[i].node = -1;
    return ff;
}

static void names_free(struct names *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->list[i].path);
    t->count = 0;
}

void file_fault_free(struct file_fault *ff)
{
    if (ff == NULL)
        return;
    for (int i = 0; i < NODES_MAX; i++)
        fault_node_free(&ff->nodes[i]);
    for (size_t i = 0; i < ff->pending_count; i++)
        name_change_free(&ff->pending[i]);
    for (int i = 0; i < HIDDEN_MAX; i++)
        free(ff->hidden[i]);
    names_free(&ff->now);
    names_free(&ff->durable);
    (void)pthread_mutex_destroy(&ff->mutex);
    free(ff);
}

const struct files *file_fault_files(struct file_fault *ff)
{
    return &ff->files;
}

uint64_t file_fault_calls(const struct file_fault *ff)
{
    return ff->calls;
}

uint64_t file_fault_syncs(const struct file_fault *ff)
{
    return ff->syncs;
}

void file_fault_fail_at(struct file_fault *ff, uint64_t n, enum err e)
{
    ff->fail_at = n;
    ff->fail_with = e;
}

void file_fault_fail_read(struct file_fault *ff, uint64_t n)
{
    ff->fail_read = n;
}

void file_fault_stop_at(struct file_fault *ff, uint64_t n)
{
    ff->stop_at = n;
}

bool file_fault_stopped(const struct file_fault *ff)
{
    return ff->stopped;
}

void file_fault_crash(struct file_fault *ff)
{
    (void)enter(ff);
    uint64_t keep = prng_below(&ff->prng, ff->pending_count + 1);
    for (size_t i = 0; i < ff->pending_count; i++) {
        if (i < keep)
            name_change_apply(&ff->durable, &ff->pending[i]);
        name_change_free(&ff->pending[i]);
    }
    ff->pending_count = 0;
    names_free(&ff->now);
    for (size_t i = 0; i < ff->durable.count; i++)
        names_add(&ff->now, ff->durable.list[i].path, ff->durable.list[i].node);
    for (int i = 0; i < HANDLES_MAX; i++)
        ff->handles[i].node = -1;
    for (int i = 0; i < NODES_MAX; i++)
        if (ff->nodes[i].used)
            fault_node_crash(&ff->nodes[i], &ff->prng);
    collect(ff);
    ff->stopped = false;
    ff->stop_at = 0;
    ff->fail_at = 0;
    ff->fail_read = 0;
    (void)leave(ff, OK);
}

enum err file_fault_flip(struct file_fault *ff, const char *path, uint64_t offset, unsigned bit)
{
    (void)enter(ff);
    struct name *name = names_find(&ff->now, path);
    if (name == NULL)
        return leave(ff, ERR_NOT_FOUND);
    struct fault_node *n = &ff->nodes[name->node];
    if (offset >= n->now.n)
        return leave(ff, ERR_RANGE);
    n->now.p[offset] ^= (uint8_t)(1U << (bit & 7));
    if (offset < n->durable.n)
        n->durable.p[offset] = n->now.p[offset];
    return leave(ff, OK);
}

void file_fault_set_total(struct file_fault *ff, uint64_t total_bytes)
{
    ff->total = total_bytes;
}

void file_fault_hide(struct file_fault *ff, const char *dir, bool hidden)
{
    for (int i = 0; i < HIDDEN_MAX; i++) {
        if (!hidden && ff->hidden[i] != NULL && strcmp(ff->hidden[i], dir) == 0) {
            free(ff->hidden[i]);
            ff->hidden[i] = NULL;
            return;
        }
        if (hidden && ff->hidden[i] == NULL) {
            ff->hidden[i] = copy_text(dir);
            return;
        }
    }
}
