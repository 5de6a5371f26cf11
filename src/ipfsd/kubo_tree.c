#include "ipfsd/kubo_tree.h"

#include <stdlib.h>

static enum err grow(void **p, size_t *room, size_t want, size_t size)
{
    size_t n = *room == 0 ? 64 : *room;
    while (n < want)
        n *= 2;
    if (n == *room)
        return OK;
    void *grown = realloc(*p, n * size);
    if (grown == NULL)
        return ERR_MEMORY;
    *p = grown;
    *room = n;
    return OK;
}

enum err kubo_tree_add(struct kubo_tree *t, const char *path, const struct unixfs_add_node *node)
{
    size_t n = strlen(path) + 1;
    void *entries = t->entries, *text = t->text;
    if (t->count == KUBO_TREE_ENTRIES_MAX || n > KUBO_TREE_TEXT_MAX - t->text_size)
        return ERR_LIMIT;
    enum err e = grow(&entries, &t->entry_room, t->count + 1, sizeof(*t->entries));
    t->entries = entries;
    if (e == OK)
        e = grow(&text, &t->text_room, t->text_size + n, 1);
    t->text = text;
    TRY(e);
    struct kubo_tree_entry *entry = &t->entries[t->count++];
    *entry = (struct kubo_tree_entry){ .path = t->text_size, .is_folder = node == NULL };
    if (node != NULL) {
        entry->cid = node->cid;
        entry->tsize = node->tsize;
    }
    memcpy(t->text + t->text_size, path, n);
    t->text_size += n;
    return OK;
}

/* ---- the order: what is in a folder follows it at once ---- */

static int weight(char c)
{
    return c == '\0' ? -2 : c == '/' ? -1 : (int)(unsigned char)c;
}

static int by_path(const void *a, const void *b, void *text)
{
    const struct kubo_tree_entry *l = a, *r = b;
    const char *x = (const char *)text + l->path, *y = (const char *)text + r->path;
    while (*x == *y && *x != '\0') {
        x++;
        y++;
    }
    if (weight(*x) != weight(*y))
        return weight(*x) < weight(*y) ? -1 : 1;
    return (int)r->is_folder - (int)l->is_folder;
}

static void sort_merge(struct kubo_tree *t, struct kubo_tree_entry *spare)
{
    struct kubo_tree_entry *from = t->entries, *to = spare;
    for (size_t width = 1; width < t->count; width *= 2) {
        for (size_t at = 0; at < t->count; at += 2 * width) {
            size_t mid = at + width < t->count ? at + width : t->count;
            size_t end = mid + width < t->count ? mid + width : t->count;
            size_t l = at, r = mid;
            for (size_t i = at; i < end; i++) {
                bool left = l < mid && (r == end || by_path(&from[l], &from[r], t->text) <= 0);
                to[i] = left ? from[l++] : from[r++];
            }
        }
        struct kubo_tree_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != t->entries)
        memcpy(t->entries, from, t->count * sizeof(*from));
}

/* ---- building ---- */

static enum err add_child(struct kubo_tree *t, struct span name, const struct unixfs_add_node *node)
{
    void *children = t->children;
    enum err e = grow(&children, &t->child_room, t->child_count + 1, sizeof(*t->children));
    t->children = children;
    TRY(e);
    t->children[t->child_count++] =
        (struct kubo_tree_child){ .name = name, .cid = node->cid, .tsize = node->tsize };
    return OK;
}

static void free_entries(struct unixfs_add_entry **p)
{
    free(*p);
}

static void free_bytes(uint8_t **p)
{
    free(*p);
}

/* Builds a folder of the children from first on, which it takes away. */
static enum err build(struct kubo_tree *t, struct unixfs_add_node *out, struct unixfs_add *add,
                      size_t first)
{
    size_t count = t->child_count - first;
    AUTO(free_entries) struct unixfs_add_entry *list = calloc(count + 1, sizeof(*list));
    AUTO(free_bytes) uint8_t *cids = malloc((count + 1) * CID_SIZE_MAX);
    if (list == NULL || cids == NULL)
        return ERR_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const struct kubo_tree_child *child = &t->children[first + i];
        struct writer w = writer_of(cids + i * CID_SIZE_MAX, CID_SIZE_MAX);
        cid_write(&w, &child->cid);
        list[i] = (struct unixfs_add_entry){ .name = child->name,
                                             .cid = writer_span(&w),
                                             .tsize = child->tsize };
    }
    t->child_count = first;
    return unixfs_add_dir(add, out, (struct unixfs_add_entries){ list, count }, NULL);
}

static struct span name_of(const char *path, size_t size)
{
    size_t from = size;
    while (from > 0 && path[from - 1] != '/')
        from--;
    return span_of(path + from, size - from);
}

static enum err close_folder(struct kubo_tree *t, struct unixfs_add *add,
                             const struct kubo_tree_events *events)
{
    const struct kubo_tree_level level = t->levels[--t->depth];
    struct unixfs_add_node node;
    char path[8192];
    if (level.path_size >= sizeof(path))
        return ERR_LIMIT;
    memcpy(path, t->path, level.path_size);
    path[level.path_size] = '\0';
    TRY(build(t, &node, add, level.first_child));
    TRY(events->made(events->ctx, path, &node));
    return add_child(t, name_of(t->path, level.path_size), &node);
}

/* Whether the folder whose path are the first n bytes of open lies on the way to path. */
static bool leads(const char *open, size_t n, struct span path)
{
    return n <= path.n && memcmp(open, path.p, n) == 0 && (n == path.n || path.p[n] == '/');
}

/* Closes the folders that path is not in, and opens those on the way to it. */
static enum err go_to(struct kubo_tree *t, struct span path, struct unixfs_add *add,
                      const struct kubo_tree_events *events)
{
    while (t->depth > 0 && !leads(t->path, t->levels[t->depth - 1].path_size, path))
        TRY(close_folder(t, add, events));
    size_t at = t->depth == 0 ? 0 : t->levels[t->depth - 1].path_size + 1;
    t->path = (const char *)path.p;
    while (at < path.n) {
        while (at < path.n && path.p[at] != '/')
            at++;
        if (t->depth == KUBO_TREE_DEPTH_MAX)
            return ERR_LIMIT;
        t->levels[t->depth++] = (struct kubo_tree_level){ at, t->child_count };
        at++;
    }
    return OK;
}

static enum err build_all(struct kubo_tree *t, struct unixfs_add *add,
                          const struct kubo_tree_events *events)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct kubo_tree_entry *e = &t->entries[i];
        struct span path = span_str(t->text + e->path);
        struct span name = name_of((const char *)path.p, path.n);
        struct span folder = path;
        if (!e->is_folder)
            folder.n = path.n == name.n ? 0 : path.n - name.n - 1;
        TRY(go_to(t, folder, add, events));
        const struct unixfs_add_node node = { .cid = e->cid, .tsize = e->tsize };
        if (!e->is_folder)
            TRY(add_child(t, name, &node));
    }
    while (t->depth > 0)
        TRY(close_folder(t, add, events));
    return OK;
}

enum err kubo_tree_build(struct kubo_tree *t, struct unixfs_add *add, bool wrap,
                         const struct kubo_tree_events *events)
{
    struct unixfs_add_node node;
    struct kubo_tree_entry *spare = calloc(t->count + 1, sizeof(*spare));
    if (spare == NULL)
        return ERR_MEMORY;
    sort_merge(t, spare);
    free(spare);
    TRY(build_all(t, add, events));
    if (wrap) {
        TRY(build(t, &node, add, 0));
        TRY(events->made(events->ctx, "", &node));
        return events->root(events->ctx, &node);
    }
    for (size_t i = 0; i < t->child_count; i++) {
        node = (struct unixfs_add_node){ .cid = t->children[i].cid };
        TRY(events->root(events->ctx, &node));
    }
    return OK;
}

void kubo_tree_fini(struct kubo_tree *t)
{
    free(t->entries);
    free(t->text);
    free(t->children);
    *t = (struct kubo_tree){ 0 };
}
