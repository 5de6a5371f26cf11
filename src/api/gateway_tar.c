#include "api/gateway_tar.h"
#include "api/gateway_open.h"
#include "api/gateway_text.h"
#include "base/arena.h"
#include "ipfs/dag_block.h"

#include <stdio.h>

enum {
    RECORD = 512,
    USTAR_NAME = 100,
    FIRST_PIECE = 64 << 10, /* made before the headers go out: what is wrong early has a status */
};

#define USTAR_SIZE_MAX ((UINT64_C(1) << 33) - 1) /* 11 octal digits */

/* ---- names ---------------------------------------------------------------------------------- */

enum err gateway_tar_join(char out[GATEWAY_TAR_NAME_MAX], size_t *size, struct span base,
                          size_t root, struct span entry)
{
    size_t n = base.n;
    if (n >= GATEWAY_TAR_NAME_MAX)
        return ERR_LIMIT;
    memmove(out, base.p, n);
    for (size_t i = 0; i < entry.n;) {
        size_t len = 0;
        while (i + len < entry.n && entry.p[i + len] != '/')
            len++;
        struct span segment = span_sub(entry, i, len);
        i += len + 1;
        if (memchr(segment.p, '\0', len) != NULL)
            return ERR_DENIED;
        if (len == 0 || span_eq(segment, span_str(".")))
            continue;
        if (span_eq(segment, span_str(".."))) {
            if (n <= root)
                return ERR_DENIED;
            while (n > 0 && out[n - 1] != '/')
                n--;
            n -= n > 0;
            continue;
        }
        if (n + 1 + len > GATEWAY_TAR_NAME_MAX)
            return ERR_LIMIT;
        out[n++] = '/';
        memcpy(out + n, segment.p, len);
        n += len;
    }
    *size = n;
    return n <= root ? ERR_DENIED : OK;
}

/* ---- headers -------------------------------------------------------------------------------- */

struct entry {
    char type; /* '0' file, '2' symlink, '5' folder, 'x' extended header */
    struct span name, target;
    uint64_t size;
    uint32_t mode;
    uint64_t mtime;
};

static void octal(uint8_t *out, size_t n, uint64_t v)
{
    out[n - 1] = '\0';
    for (size_t i = n - 1; i > 0; i--, v >>= 3)
        out[i - 1] = (uint8_t)('0' + (v & 7));
}

static void ustar(struct writer *w, const struct entry *e)
{
    uint8_t *h = writer_reserve(w, RECORD);
    if (h == NULL)
        return;
    memset(h, 0, RECORD);
    memcpy(h, e->name.p, e->name.n < USTAR_NAME ? e->name.n : USTAR_NAME);
    octal(h + 100, 8, e->mode);
    octal(h + 108, 8, 0); /* owner and group */
    octal(h + 116, 8, 0);
    octal(h + 124, 12, e->size > USTAR_SIZE_MAX ? 0 : e->size);
    octal(h + 136, 12, e->mtime > USTAR_SIZE_MAX ? 0 : e->mtime);
    h[156] = (uint8_t)e->type;
    if (e->target.n != 0)
        memcpy(h + 157, e->target.p, e->target.n < USTAR_NAME ? e->target.n : USTAR_NAME);
    memcpy(h + 257, "ustar", 6); /* with its NUL, then the version */
    h[263] = h[264] = '0';
    memset(h + 148, ' ', 8);
    uint32_t sum = 0;
    for (size_t i = 0; i < RECORD; i++)
        sum += h[i];
    octal(h + 148, 7, sum);
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static void pax(struct writer *w, const char *key, struct span value)
{
    char number[24];
    size_t rest = 1 + strlen(key) + 1 + value.n + 1, size = rest + 1;
    for (int i = 0; i < 3; i++)
        size = rest + (size_t)snprintf(number, sizeof(number), "%zu", size);
    (void)snprintf(number, sizeof(number), "%zu ", size);
    write_span(w, span_str(number));
    write_span(w, span_str(key));
    write_u8(w, '=');
    write_span(w, value);
    write_u8(w, '\n');
}

static void pad(struct writer *w)
{
    while (w->len % RECORD != 0 && w->err == OK)
        write_u8(w, 0);
}

/* The header, and before it an extended one for what does not fit. */
static enum err write_head(struct gateway_tar *t, const struct entry *e)
{
    uint8_t records[2 * GATEWAY_TAR_NAME_MAX + 128];
    char size[24];
    struct writer r = writer_of(records, sizeof(records));
    struct writer w = writer_of(t->head, sizeof(t->head));
    if (e->name.n > USTAR_NAME)
        pax(&r, "path", e->name);
    if (e->target.n > USTAR_NAME)
        pax(&r, "linkpath", e->target);
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)e->size);
    if (e->size > USTAR_SIZE_MAX)
        pax(&r, "size", span_str(size));
    TRY(r.err);
    if (r.len > 0) {
        const struct entry extended = {
            .type = 'x', .name = span_str("PaxHeaders"), .size = r.len, .mode = 0644
        };
        ustar(&w, &extended);
        write_span(&w, writer_span(&r));
        pad(&w);
    }
    ustar(&w, e);
    TRY(w.err);
    t->head_size = w.len;
    t->head_at = 0;
    return OK;
}

/* ---- entries -------------------------------------------------------------------------------- */

void gateway_tar_init(struct gateway_tar *t, const struct block_source *source, struct mspan memory,
                      const struct cid *cid, const char *name)
{
    memset(t, 0, sizeof(*t)); /* too large for the stack of a thread */
    t->source = source;
    t->memory = memory;
    t->cid = *cid;
    t->name_size = t->root_size = strlen(name);
    ASSERT(t->name_size < sizeof(t->name));
    memcpy(t->name, name, t->name_size);
}

/* The memory that the open folders leave. */
static struct mspan room(const struct gateway_tar *t)
{
    size_t used = t->bases[t->depth];
    if (t->depth > 0)
        used += t->walks[t->depth - 1].used;
    return (struct mspan){ t->memory.p + used, t->memory.n - used };
}

static void enter_folder(struct gateway_tar *t)
{
    struct mspan m = room(t);
    unixfs_read_dir_init(&t->walks[t->depth], t->source, m, &t->cid);
    t->name_sizes[t->depth] = t->name_size;
    t->bases[t->depth + 1] = (size_t)(m.p - t->memory.p);
    t->depth++;
    t->state = GATEWAY_TAR_NEXT;
}

static void enter_file(struct gateway_tar *t, uint64_t size)
{
    t->left = size;
    t->padding = (RECORD - size % RECORD) % RECORD;
    t->part = span_of(NULL, 0);
    t->state = GATEWAY_TAR_FILE;
    unixfs_read_file_init(&t->file, t->source, room(t), &t->cid);
}

/* Writes the header of what cid is, and goes into it. */
static enum err step_entry(struct gateway_tar *t)
{
    struct unixfs_read_stat st;
    struct span block;
    TRY(dag_block_get(&block, room(t), t->source, &t->cid));
    if (t->cid.codec != CID_CODEC_RAW && t->cid.codec != CID_CODEC_DAG_PB)
        return ERR_UNSUPPORTED;
    TRY(unixfs_read_stat(&st, &t->cid, block));
    struct entry e = { .name = span_of(t->name, t->name_size) };
    e.mtime = st.meta.has_mtime && st.meta.mtime_s > 0 ? (uint64_t)st.meta.mtime_s : 0;
    e.mode = st.meta.has_mode ? st.meta.mode & 07777 : 0;
    char folder[GATEWAY_TAR_NAME_MAX + 1];
    switch (st.kind) {
    case UNIXFS_READ_FILE:
        e.type = '0';
        e.size = st.size;
        e.mode = e.mode == 0 ? 0644 : e.mode;
        TRY(write_head(t, &e));
        enter_file(t, st.size);
        return OK;
    case UNIXFS_READ_DIRECTORY:
        if (t->depth == GATEWAY_TAR_DEPTH) /* before its header, which would come again */
            return ERR_LIMIT;
        e.type = '5';
        e.mode = e.mode == 0 ? 0755 : e.mode;
        memcpy(folder, t->name, t->name_size);
        folder[t->name_size] = '/';
        e.name = span_of(folder, t->name_size + (t->bare ? 0 : 1));
        TRY(write_head(t, &e));
        enter_folder(t);
        return OK;
    case UNIXFS_READ_SYMLINK:
        e.type = '2';
        e.mode = 0777;
        e.target = st.target;
        if (st.target.n == 0 || st.target.n > GATEWAY_TAR_NAME_MAX ||
            memchr(st.target.p, '\0', st.target.n) != NULL)
            return ERR_DENIED;
        TRY(write_head(t, &e));
        t->state = t->depth == 0 ? GATEWAY_TAR_END : GATEWAY_TAR_NEXT;
        t->zeros = t->depth == 0 ? 2 * RECORD : 0;
        return OK;
    case UNIXFS_READ_OTHER:
        break;
    }
    return ERR_UNSUPPORTED;
}

/* An archive ends with two records of zeros. */
static void finish_entry(struct gateway_tar *t)
{
    t->state = t->depth == 0 ? GATEWAY_TAR_END : GATEWAY_TAR_NEXT;
    if (t->depth == 0)
        t->zeros += (size_t)2 * RECORD;
}

static enum err step_next(struct gateway_tar *t)
{
    struct unixfs_read_item item;
    TRY(unixfs_read_dir_next(&t->walks[t->depth - 1], &item));
    switch (item.event) {
    case UNIXFS_READ_BLOCK:
        return OK;
    case UNIXFS_READ_END:
        t->depth--;
        finish_entry(t);
        return OK;
    case UNIXFS_READ_ENTRY:
        break;
    }
    char name[GATEWAY_TAR_NAME_MAX];
    struct span base = span_of(t->name, t->name_sizes[t->depth - 1]);
    t->failed = gateway_tar_join(name, &t->name_size, base, t->root_size, item.name);
    if (t->failed == OK && t->name_size == GATEWAY_TAR_NAME_MAX) /* a folder's slash must fit */
        t->failed = ERR_LIMIT;
    TRY(t->failed);
    memcpy(t->name, name, t->name_size);
    t->cid = item.cid;
    t->state = GATEWAY_TAR_ENTRY;
    return OK;
}

static enum err step_file(struct gateway_tar *t, size_t *n, struct mspan out)
{
    if (t->part.n == 0)
        TRY(unixfs_read_file_next(&t->file, &t->part));
    if (t->part.n > t->left || (t->part.n == 0 && t->left > 0))
        return ERR_FORMAT; /* the file is not as long as it says */
    if (t->part.n == 0) {
        t->zeros = t->padding;
        finish_entry(t);
        return OK;
    }
    struct span piece = span_sub(t->part, 0, out.n);
    memcpy(out.p, piece.p, piece.n);
    t->part = span_sub(t->part, piece.n, t->part.n);
    t->left -= piece.n;
    *n = piece.n;
    return OK;
}

/* The next bytes, or one step without any. */
static enum err step(struct gateway_tar *t, size_t *n, struct mspan out)
{
    *n = 0;
    TRY(t->failed);
    struct span head = span_of(t->head + t->head_at, t->head_size - t->head_at);
    if (head.n > 0) {
        *n = head.n < out.n ? head.n : out.n;
        memcpy(out.p, head.p, *n);
        t->head_at += *n;
        return OK;
    }
    if (t->zeros > 0) {
        *n = t->zeros < out.n ? (size_t)t->zeros : out.n;
        memset(out.p, 0, *n);
        t->zeros -= *n;
        return OK;
    }
    switch (t->state) {
    case GATEWAY_TAR_ENTRY:
        return step_entry(t);
    case GATEWAY_TAR_NEXT:
        return step_next(t);
    case GATEWAY_TAR_FILE:
        return step_file(t, n, out);
    case GATEWAY_TAR_END:
        break;
    }
    return OK;
}

enum err gateway_tar_next(struct gateway_tar *t, size_t *size, struct mspan out)
{
    *size = 0;
    while (*size < out.n) {
        size_t n;
        if (t->state == GATEWAY_TAR_END && t->zeros == 0 && t->head_at == t->head_size)
            break;
        enum err e = step(t, &n, (struct mspan){ out.p + *size, out.n - *size });
        if (e != OK && *size == 0)
            return e;
        if (e != OK) /* what is written goes out first; the next call fails again */
            break;
        *size += n;
    }
    return OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

void gateway_open_tar(struct gateway_answer *a)
{
    const struct gateway_query *q = a->query;
    char text[CID_TEXT_MAX], etag[CID_TEXT_MAX + 16], name[CID_TEXT_MAX + 8];
    cid_format(text, &a->cid);
    (void)snprintf(etag, sizeof(etag), "W/\"%s.x-tar\"", text);
    (void)snprintf(name, sizeof(name), "%s.tar", text);
    gateway_head_path(a);
    if (gateway_head_unchanged(a, etag, GATEWAY_HEAD_IMMUTABLE))
        return;
    /* The walks lie where a CAR remembers its blocks; blocks in the two parts before. */
    struct mspan seen = gateway_head_seen(a);
    struct arena arena = arena_of(seen.p, seen.n);
    a->u.tar = arena_alloc(&arena, sizeof(*a->u.tar));
    uint8_t *first = arena_alloc(&arena, FIRST_PIECE);
    ASSERT(a->u.tar != NULL && first != NULL);
    const struct mspan blocks = { a->memory.p, BLOCK_SIZE_MAX + UNIXFS_READ_MEMORY };
    gateway_tar_init(a->u.tar, a->source, blocks, &a->cid, text);
    size_t n = 0, more = 0;
    enum err e;
    do {
        e = gateway_tar_next(a->u.tar, &more, (struct mspan){ first + n, FIRST_PIECE - n });
        n += e == OK ? more : 0;
    } while (e == OK && more > 0 && n < FIRST_PIECE);
    if (e == ERR_DENIED) {
        gateway_text_refuse(a, 400, "a name in it would leave the archive\n");
        return;
    }
    if (e != OK) {
        gateway_head_fail(a, e, &a->u.tar->cid);
        return;
    }
    gateway_text_common(a);
    gateway_text_header(a, "Content-Type", "application/x-tar");
    gateway_text_header(a, "X-Content-Type-Options", "nosniff");
    gateway_text_header(a, "Accept-Ranges", "none");
    gateway_head_disposition(a, "attachment", q->filename[0] == '\0' ? name : q->filename);
    a->kind = GATEWAY_BODY_TAR;
    a->status = 200;
    a->size = GATEWAY_SIZE_UNKNOWN;
    a->rest = span_of(first, n);
}
