#include "engine/snapshots.h"

#include "chain/snapshot.h"
#include "crypto/sha256.h"
#include "rt/log.h"
#include "rt/path.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct snapshots {
    char dir[PATH_TEXT_MAX];
    struct app *app;
    /* The memory of the last answer. */
    struct mspan files[SNAPSHOTS_LISTED_MAX];
    uint8_t hashes[SNAPSHOTS_LISTED_MAX][SHA256_SIZE];
    uint8_t *list;
    uint8_t refetch[8];
    uint8_t *senders;
    /* The snapshot that is taken over. */
    struct mspan metadata;
    struct snapshot s;
    bool restoring;
    uint32_t next; /* chunk */
    struct smt_write *leaves;
    size_t leaves_room;
};

enum err snapshots_open(struct snapshots **out, const char *dir, struct app *app)
{
    char part[PATH_TEXT_MAX];
    *out = NULL;
    struct snapshots *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->app = app;
    int n = snprintf(s->dir, sizeof(s->dir), "%s", dir);
    enum err e = n < 0 || (size_t)n >= sizeof(s->dir) ? ERR_LIMIT : OK;
    if (e == OK)
        e = path_join(part, sizeof(part), dir, ".part");
    if (e != OK) {
        free(s);
        return e;
    }
    if (path_remove_tree(part) != OK)
        log_warn("snapshot-rest", "path=\"%s\"", part);
    *out = s;
    return OK;
}

static void answer_free(struct snapshots *s)
{
    for (size_t i = 0; i < SNAPSHOTS_LISTED_MAX; i++) {
        free(s->files[i].p);
        s->files[i] = (struct mspan){ NULL, 0 };
    }
    free(s->list);
    free(s->senders);
    s->list = s->senders = NULL;
}

static void restore_forget(struct snapshots *s)
{
    free(s->metadata.p);
    s->metadata = (struct mspan){ NULL, 0 };
    s->s = (struct snapshot){ 0 };
    s->restoring = false;
    s->next = 0;
}

void snapshots_close(struct snapshots *s)
{
    if (s == NULL)
        return;
    answer_free(s);
    restore_forget(s);
    free(s->leaves);
    free(s);
}

/* ---- giving ---- */

static enum err file_read(struct mspan *out, const struct snapshots *s, uint64_t height,
                          const char *name, size_t max)
{
    char path[PATH_TEXT_MAX], relative[64];
    (void)snprintf(relative, sizeof(relative), "%llu/%s", (unsigned long long)height, name);
    TRY(path_join(path, sizeof(path), s->dir, relative));
    return path_read_file(out, path, max);
}

/* A snapshot of the folder, as the next of the list; false when it is none. */
static bool list_add(struct snapshots *s, struct abci_snapshot *out, size_t i, uint64_t height)
{
    struct snapshot decoded;
    if (file_read(&s->files[i], s, height, "metadata", SNAPSHOT_META_MAX) != OK)
        return false;
    const struct span metadata = span_of(s->files[i].p, s->files[i].n);
    if (snapshot_decode(&decoded, metadata) != OK || decoded.height != height) {
        log_warn("snapshot-unreadable", "height=%llu", (unsigned long long)height);
        free(s->files[i].p);
        s->files[i] = (struct mspan){ NULL, 0 };
        return false;
    }
    sha256(s->hashes[i], metadata);
    *out = (struct abci_snapshot){ .present = true,
                                   .height = height,
                                   .format = SNAPSHOT_FORMAT,
                                   .chunks = decoded.chunk_count,
                                   .hash = span_of(s->hashes[i], SHA256_SIZE),
                                   .metadata = metadata };
    return true;
}

enum err snapshots_list(struct snapshots *s, struct abci_response *out)
{
    struct abci_snapshot found[SNAPSHOTS_LISTED_MAX];
    size_t count = 0, size = 0;
    answer_free(s);
    DIR *d = opendir(s->dir);
    for (const struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
        char *end;
        uint64_t height = strtoull(f->d_name, &end, 10);
        if (f->d_name[0] != '.' && *end == '\0' && count < SNAPSHOTS_LISTED_MAX &&
            list_add(s, &found[count], count, height))
            size += found[count++].metadata.n + 128;
    }
    if (d != NULL)
        closedir(d);
    s->list = malloc(size + 1);
    if (s->list == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(s->list, size);
    for (size_t i = 0; i < count; i++)
        abci_list_add(&w, ABCI_SNAPSHOT, &found[i]);
    ASSERT(w.err == OK);
    out->list_snapshots.snapshots = abci_list_of(writer_span(&w), (uint32_t)count);
    return OK;
}

/* What is not there any more is answered with an empty chunk: the other side asks somebody else. */
enum err snapshots_load(struct snapshots *s, struct abci_response *out,
                        const struct abci_request *in)
{
    char name[16];
    answer_free(s);
    (void)snprintf(name, sizeof(name), "%u", in->load_chunk.chunk);
    if (in->load_chunk.format != SNAPSHOT_FORMAT)
        return OK;
    enum err e = file_read(&s->files[0], s, in->load_chunk.height, name, SNAPSHOT_CHUNK_MAX);
    if (e == ERR_MEMORY)
        return e;
    if (e == OK)
        out->load_chunk.chunk = span_of(s->files[0].p, s->files[0].n);
    return OK;
}

/* ---- taking ---- */

static int32_t offer_verdict(struct snapshots *s, const struct abci_request *in)
{
    const struct abci_snapshot *o = &in->offer_snapshot.snapshot;
    const struct span app_hash = in->offer_snapshot.app_hash;
    if (o->format != SNAPSHOT_FORMAT)
        return ABCI_OFFER_REJECT_FORMAT;
    if (app_hash.n != STATE_HASH_SIZE || o->metadata.n == 0)
        return ABCI_OFFER_REJECT;
    s->metadata.p = malloc(o->metadata.n);
    if (s->metadata.p == NULL)
        return ABCI_OFFER_ABORT;
    s->metadata.n = o->metadata.n;
    memcpy(s->metadata.p, o->metadata.p, o->metadata.n);
    /* SPEC snapshot 2.2: "Whoever restores MUST have that app hash from the header of height + 1."
     */
    bool good = snapshot_decode(&s->s, span_of(s->metadata.p, s->metadata.n)) == OK &&
                s->s.height == o->height && s->s.chunk_count == o->chunks &&
                memcmp(s->s.app_hash, app_hash.p, STATE_HASH_SIZE) == 0;
    return good ? ABCI_OFFER_ACCEPT : ABCI_OFFER_REJECT_SENDER;
}

enum err snapshots_offer(struct snapshots *s, struct abci_response *out,
                         const struct abci_request *in)
{
    answer_free(s);
    restore_forget(s);
    if (!app_restorable(s->app)) {
        log_warn("snapshot-refused", "next=\"a state is taken over by a node that has the genesis "
                                     "file and no blocks\"");
        out->offer_snapshot.result = ABCI_OFFER_ABORT;
        return OK;
    }
    out->offer_snapshot.result = offer_verdict(s, in);
    if (out->offer_snapshot.result == ABCI_OFFER_ACCEPT)
        TRY(app_restore_begin(s->app));
    s->restoring = out->offer_snapshot.result == ABCI_OFFER_ACCEPT;
    if (!s->restoring)
        restore_forget(s);
    else
        log_info("snapshot-begun", "height=%llu chunks=%u", (unsigned long long)s->s.height,
                 s->s.chunk_count);
    return OK;
}

static enum err leaves_reserve(struct snapshots *s, size_t count)
{
    if (count <= s->leaves_room)
        return OK;
    struct smt_write *p = realloc(s->leaves, count * sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    s->leaves = p;
    s->leaves_room = count;
    return OK;
}

/* SPEC snapshot 3.3: "A chunk that fails says nothing about others: it is asked for again," */
static enum err ask_again(struct snapshots *s, struct abci_response *out,
                          const struct abci_request *in)
{
    const struct span sender = in->apply_chunk.sender;
    struct writer number = writer_of(s->refetch, sizeof(s->refetch));
    for (uint32_t v = s->next;; v >>= 7) { /* packed LEB128 */
        write_u8(&number, (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0)));
        if (v <= 0x7f)
            break;
    }
    out->apply_chunk.result = ABCI_APPLY_RETRY;
    out->apply_chunk.refetch = writer_span(&number);
    if (sender.n == 0)
        return OK;
    size_t size = abci_list_add_size(sender.n);
    s->senders = malloc(size);
    if (s->senders == NULL)
        return ERR_MEMORY;
    struct writer w = writer_of(s->senders, size);
    abci_list_add_bytes(&w, sender);
    out->apply_chunk.reject_senders = abci_list_of(writer_span(&w), 1);
    return OK;
}

enum err snapshots_apply(struct snapshots *s, struct abci_response *out,
                         const struct abci_request *in)
{
    const struct span chunk = in->apply_chunk.chunk;
    answer_free(s);
    if (!s->restoring || in->apply_chunk.index != s->next) {
        out->apply_chunk.result = ABCI_APPLY_ABORT;
        return OK;
    }
    /* A record of a proved store has more than 16 bytes; a chunk that says otherwise is refused
     * without room for its leaves. */
    size_t count = snapshot_chunk_count(chunk), most = chunk.n / 16;
    TRY(leaves_reserve(s, count < most ? count : most));
    enum err e = snapshot_chunk_check(&s->s, s->next, chunk, s->leaves, s->leaves_room);
    if (e != OK) {
        log_warn("snapshot-chunk-refused", "chunk=%u reason=\"%s\"", s->next, err_text(e));
        return ask_again(s, out, in);
    }
    TRY(app_restore_chunk(s->app, chunk));
    s->next++;
    if (s->next == s->s.chunk_count) {
        TRY(app_restore_end(s->app, s->s.height, s->s.app_hash));
        log_info("snapshot-taken", "height=%llu", (unsigned long long)s->s.height);
        restore_forget(s);
    }
    out->apply_chunk.result = ABCI_APPLY_ACCEPT;
    return OK;
}
