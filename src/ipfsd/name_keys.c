#include "ipfsd/name_keys.h"

#include "crypto/random.h"
#include "crypto/secret.h"
#include "rt/clock.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KEY_END    ".key"
#define RECORD_END ".record"
#define HEAD       "crust/name-record/1\n"
#define SELF       "self"

enum { HEAD_SIZE = sizeof(HEAD) - 1, FILE_MAX = HEAD_SIZE + 4 + IPNS_RECORD_MAX, KEY_MAX = 256 };

struct entry {
    char name[NAME_KEYS_TEXT];
    struct peer_id id;
    bool fresh;
};

struct name_keys {
    pthread_mutex_t lock;
    char folder[NAME_KEYS_PATH_MAX];
    char self_file[NAME_KEYS_PATH_MAX]; /* or empty */
    size_t count;
    struct entry entries[NAME_KEYS_MAX + 1]; /* "self" first, where there is one */
};

static struct peer_id id_of(const struct ed25519_key *pair)
{
    struct peer_key public = peer_key_of(pair);
    return peer_id_of(&public);
}

bool name_keys_valid(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n < NAME_KEYS_TEXT && name[n] == '\0' && name[0] != '.';
}

static bool is_self(const char *name)
{
    return strcmp(name, SELF) == 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

static enum err path_of(const struct name_keys *k, char out[PATH_TEXT_MAX], const char *name,
                        const char *ending)
{
    int n = snprintf(out, PATH_TEXT_MAX, "%s/%s%s", k->folder, name, ending);
    return n > 0 && n < PATH_TEXT_MAX ? OK : ERR_LIMIT;
}

static enum err sync_folder(const struct name_keys *k)
{
    AUTO(path_close) int fd = open(k->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return path_errno(errno);
    return OK;
}

/* SPEC names 1.2: "the PrivateKey message of libp2p" */
static enum err read_key(struct ed25519_key *out, const char *path)
{
    struct mspan file;
    memset(out, 0, sizeof(*out));
    TRY(path_read_file(&file, path, KEY_MAX));
    enum err e = peer_key_private_decode(out, span_of(file.p, file.n));
    secret_wipe_bytes(file.p, file.n);
    free(file.p);
    return e;
}

static enum err write_key(const char *path, const struct ed25519_key *pair)
{
    uint8_t bytes[PEER_KEY_PRIVATE_SIZE];
    struct writer w = writer_of(bytes, sizeof(bytes));
    peer_key_private_write(&w, pair);
    ASSERT(w.err == OK);
    enum err e = path_write_file(path, writer_span(&w), 0600);
    secret_wipe_bytes(bytes, sizeof(bytes));
    return e;
}

static enum err key_of(const struct name_keys *k, struct ed25519_key *out, const char *name)
{
    char path[PATH_TEXT_MAX];
    if (is_self(name))
        return seed_file_read(out, k->self_file);
    TRY(path_of(k, path, name, KEY_END));
    return read_key(out, path);
}

static enum err record_path(const struct name_keys *k, char out[PATH_TEXT_MAX],
                            const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX];
    peer_id_format_cid(text, id);
    return path_of(k, out, text, RECORD_END);
}

/* SPEC names 2.2: "`crust/name-record/1` and a newline, the lifetime in seconds u32 big-endian, the
 * record" */
static enum err read_record(const struct name_keys *k, struct name_signed *out,
                            const struct peer_id *id)
{
    char path[PATH_TEXT_MAX];
    struct mspan file;
    struct ipns_record record;
    *out = (struct name_signed){ .id = *id };
    TRY(record_path(k, path, id));
    TRY(path_read_file(&file, path, FILE_MAX));
    struct reader r = reader_of(span_of(file.p, file.n));
    bool good = span_eq(read_span(&r, HEAD_SIZE), span_str(HEAD));
    out->lifetime_s = read_be32(&r);
    struct span bytes = read_span(&r, r.n);
    good = good && r.err == OK && ipns_decode(&record, bytes) == OK &&
           ipns_verify(&record, id, record.validity_s) == OK;
    if (good) {
        out->sequence = record.sequence;
        out->until_s = record.validity_s;
        out->size = bytes.n;
        memcpy(out->bytes, bytes.p, bytes.n);
    }
    free(file.p);
    return good ? OK : ERR_CORRUPT;
}

static enum err write_record(const struct name_keys *k, const struct name_signed *s)
{
    char path[PATH_TEXT_MAX];
    uint8_t bytes[FILE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    TRY(record_path(k, path, &s->id));
    write_span(&w, span_str(HEAD));
    write_be32(&w, s->lifetime_s);
    write_bytes(&w, s->bytes, s->size);
    ASSERT(w.err == OK);
    return path_write_file(path, writer_span(&w), 0600);
}

/* ---- the list -------------------------------------------------------------------------------- */

static struct entry *find(struct name_keys *k, const char *name)
{
    struct peer_id id;
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->entries[i].name, name) == 0)
            return &k->entries[i];
    if (peer_id_parse(&id, span_str(name)) != OK)
        return NULL;
    for (size_t i = 0; i < k->count; i++)
        if (peer_id_eq(&k->entries[i].id, &id))
            return &k->entries[i];
    return NULL;
}

static struct entry *insert(struct name_keys *k, const char *name, const struct peer_id *id)
{
    size_t at = k->count;
    ASSERT(k->count <= NAME_KEYS_MAX);
    while (at > 0 && !is_self(k->entries[at - 1].name) &&
           (is_self(name) || strcmp(name, k->entries[at - 1].name) < 0))
        at--;
    memmove(&k->entries[at + 1], &k->entries[at], (k->count - at) * sizeof(k->entries[0]));
    k->count++;
    struct entry *e = &k->entries[at];
    *e = (struct entry){ .id = *id };
    (void)snprintf(e->name, sizeof(e->name), "%s", name);
    return e;
}

static void take_out(struct name_keys *k, struct entry *e)
{
    size_t at = (size_t)(e - k->entries);
    k->count--;
    memmove(e, e + 1, (k->count - at) * sizeof(*e));
}

/* What is told of a key. */
static void describe(const struct name_keys *k, struct name_key *out, const struct entry *e)
{
    struct name_signed last;
    *out = (struct name_key){ .id = e->id, .fresh = e->fresh };
    memcpy(out->name, e->name, sizeof(out->name));
    out->published = read_record(k, &last, &e->id) == OK;
    if (!out->published)
        return;
    out->sequence = last.sequence;
    out->until_s = last.until_s;
    out->lifetime_s = last.lifetime_s;
}

enum err name_keys_find(struct name_keys *k, struct name_key *out, const char *name)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&k->lock);
    const struct entry *e = find(k, name);
    if (e != NULL)
        describe(k, out, e);
    pthread_mutex_unlock(&k->lock);
    return e == NULL ? ERR_NOT_FOUND : OK;
}

enum err name_keys_at(struct name_keys *k, struct name_key *out, size_t i)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&k->lock);
    bool there = i < k->count;
    if (there)
        describe(k, out, &k->entries[i]);
    pthread_mutex_unlock(&k->lock);
    return there ? OK : ERR_NOT_FOUND;
}

/* ---- changes --------------------------------------------------------------------------------- */

static enum err make(struct name_keys *k, struct name_key *out, const char *name,
                     const struct ed25519_key *given)
{
    struct ed25519_key pair;
    uint8_t seed[ED25519_SEED_SIZE];
    char path[PATH_TEXT_MAX], text[PEER_ID_TEXT_MAX];
    if (!name_keys_valid(name))
        return ERR_FORMAT;
    if (is_self(name) || find(k, name) != NULL)
        return ERR_EXISTS;
    if (k->count >= NAME_KEYS_MAX)
        return ERR_LIMIT;
    TRY(path_of(k, path, name, KEY_END));
    if (given != NULL) {
        pair = *given;
    } else {
        random_bytes(seed, sizeof(seed));
        ed25519_keypair(&pair, seed);
        secret_wipe_bytes(seed, sizeof(seed));
    }
    struct peer_id id = id_of(&pair);
    peer_id_format_cid(text, &id);
    enum err e = find(k, text) != NULL ? ERR_EXISTS : write_key(path, &pair);
    ed25519_wipe(&pair);
    TRY(e);
    struct entry *entry = insert(k, name, &id);
    entry->fresh = given == NULL;
    describe(k, out, entry);
    return OK;
}

enum err name_keys_make(struct name_keys *k, struct name_key *out, const char *name,
                        const struct ed25519_key *pair)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&k->lock);
    enum err e = make(k, out, name, pair);
    pthread_mutex_unlock(&k->lock);
    return e;
}

static enum err rename_key(struct name_keys *k, struct name_key *out, bool *replaced,
                           const char *from, const char *to, bool force)
{
    char old[PATH_TEXT_MAX], new[PATH_TEXT_MAX];
    struct entry *e = find(k, from), *there = find(k, to);
    if (e == NULL)
        return ERR_NOT_FOUND;
    if (!name_keys_valid(to))
        return ERR_FORMAT;
    if (is_self(e->name) || is_self(to))
        return ERR_DENIED;
    if (there != NULL && there != e && !force)
        return ERR_EXISTS;
    TRY(path_of(k, old, e->name, KEY_END));
    TRY(path_of(k, new, to, KEY_END));
    if (rename(old, new) != 0)
        return path_errno(errno);
    const struct entry moved = *e;
    *replaced = there != NULL && there != e;
    take_out(k, e);
    there = find(k, to);
    if (there != NULL)
        take_out(k, there);
    e = insert(k, to, &moved.id);
    e->fresh = moved.fresh;
    describe(k, out, e);
    return sync_folder(k);
}

enum err name_keys_rename(struct name_keys *k, struct name_key *out, bool *replaced,
                          const char *from, const char *to, bool force)
{
    memset(out, 0, sizeof(*out));
    *replaced = false;
    pthread_mutex_lock(&k->lock);
    enum err e = rename_key(k, out, replaced, from, to, force);
    pthread_mutex_unlock(&k->lock);
    return e;
}

static enum err remove_key(struct name_keys *k, struct name_key *out, const char *name)
{
    char path[PATH_TEXT_MAX];
    struct entry *e = find(k, name);
    if (e == NULL)
        return ERR_NOT_FOUND;
    if (is_self(e->name))
        return ERR_DENIED;
    TRY(path_of(k, path, e->name, KEY_END));
    describe(k, out, e);
    if (unlink(path) != 0 && errno != ENOENT)
        return path_errno(errno);
    take_out(k, e);
    return sync_folder(k);
}

enum err name_keys_remove(struct name_keys *k, struct name_key *out, const char *name)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&k->lock);
    enum err e = remove_key(k, out, name);
    pthread_mutex_unlock(&k->lock);
    return e;
}

/* ---- records --------------------------------------------------------------------------------- */

/* SPEC names 2.4: "A value is a path `/ipfs/...` or `/ipns/...`" */
static bool is_path(struct span v)
{
    return v.n > 6 && v.n <= NAME_KEYS_VALUE_MAX &&
           (memcmp(v.p, "/ipfs/", 6) == 0 || memcmp(v.p, "/ipns/", 6) == 0);
}

/* The newest record that is known; false: none is. */
static bool newest(struct ipns_record *out, const struct name_signed *last,
                   const struct name_wish *w)
{
    struct ipns_record seen;
    bool known = last->size > 0 && ipns_decode(out, span_of(last->bytes, last->size)) == OK;
    bool other = w->seen.n > 0 && ipns_decode(&seen, w->seen) == OK &&
                 ipns_verify(&seen, &last->id, seen.validity_s) == OK;
    if (other && (!known || ipns_compare(&seen, out) > 0))
        *out = seen;
    return known || other;
}

/* SPEC names 2.3: "one more than that of the newest record known when the value differs or the end
 * would not be later" */
static enum err number(uint64_t *out, const struct name_signed *last, const struct name_wish *w,
                       int64_t until_s)
{
    struct ipns_record r;
    *out = 1;
    if (!newest(&r, last, w))
        return OK;
    *out = r.sequence;
    if (span_eq(r.value, w->value) && until_s > r.validity_s)
        return OK;
    *out += 1;
    return *out == 0 ? ERR_RANGE : OK;
}

static enum err sign(const struct name_keys *k, struct name_signed *out, const struct entry *e,
                     const struct name_wish *w, int64_t now_s)
{
    char until[CLOCK_TEXT_MAX];
    struct ed25519_key pair;
    if (!is_path(w->value))
        return ERR_FORMAT;
    if (w->lifetime_s < NAME_KEYS_LIFETIME_MIN_S || w->lifetime_s > NAME_KEYS_LIFETIME_MAX_S)
        return ERR_RANGE;
    enum err read = read_record(k, out, &e->id);
    if (read != OK && read != ERR_NOT_FOUND)
        return read;
    struct ipns_record r = { .value = w->value, .ttl_ns = w->ttl_ns };
    int64_t until_s = now_s + w->lifetime_s;
    TRY(number(&r.sequence, out, w, until_s));
    clock_format(until, (uint64_t)until_s * 1000);
    r.validity = span_str(until);
    TRY(key_of(k, &pair, e->name));
    struct writer made = writer_of(out->bytes, sizeof(out->bytes));
    struct peer_id id = id_of(&pair);
    enum err wrote = peer_id_eq(&id, &e->id) ? ipns_encode(&made, &r, &pair) : ERR_CORRUPT;
    ed25519_wipe(&pair);
    TRY(wrote);
    out->sequence = r.sequence;
    out->until_s = until_s;
    out->lifetime_s = w->lifetime_s;
    out->size = made.len;
    return write_record(k, out);
}

enum err name_keys_sign(struct name_keys *k, struct name_signed *out, const char *name,
                        const struct name_wish *wish, int64_t now_s)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&k->lock);
    const struct entry *entry = find(k, name);
    enum err e = entry == NULL ? ERR_NOT_FOUND : sign(k, out, entry, wish, now_s);
    pthread_mutex_unlock(&k->lock);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

enum err name_keys_last(struct name_keys *k, struct name_signed *out, const char *name)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&k->lock);
    const struct entry *entry = find(k, name);
    enum err e = entry == NULL ? ERR_NOT_FOUND : read_record(k, out, &entry->id);
    pthread_mutex_unlock(&k->lock);
    return e;
}

static enum err renew(const struct name_keys *k, struct name_signed *out, const struct entry *entry,
                      int64_t now_s)
{
    struct name_signed last;
    struct ipns_record r;
    TRY(read_record(k, &last, &entry->id));
    *out = last;
    TRY(ipns_decode(&r, span_of(last.bytes, last.size)));
    if (now_s + last.lifetime_s <= last.until_s)
        return OK; /* the clock stands where it stood, or has gone back */
    const struct name_wish w = { .value = r.value,
                                 .lifetime_s = last.lifetime_s,
                                 .ttl_ns = r.ttl_ns };
    return sign(k, out, entry, &w, now_s);
}

enum err name_keys_renew(struct name_keys *k, struct name_signed *out, const char *name,
                         int64_t now_s)
{
    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&k->lock);
    const struct entry *entry = find(k, name);
    enum err e = entry == NULL ? ERR_NOT_FOUND : renew(k, out, entry, now_s);
    pthread_mutex_unlock(&k->lock);
    return e;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void read_entry(struct name_keys *k, const char *file)
{
    struct ed25519_key pair;
    char name[NAME_KEYS_TEXT], path[PATH_TEXT_MAX];
    size_t size = strlen(file), end = strlen(KEY_END);
    if (size <= end || strcmp(file + size - end, KEY_END) != 0 || size - end >= sizeof(name))
        return;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(size - end), file);
    enum err e =
        name_keys_valid(name) && !is_self(name) ? path_of(k, path, name, KEY_END) : ERR_FORMAT;
    if (e == OK && k->count >= NAME_KEYS_MAX)
        e = ERR_LIMIT;
    if (e == OK)
        e = read_key(&pair, path);
    if (e != OK) {
        log_warn("name-key-not-read", "file=\"%s\" reason=\"%s\"", file, err_text(e));
        return;
    }
    struct peer_id id = id_of(&pair);
    ed25519_wipe(&pair);
    (void)insert(k, name, &id);
}

static enum err fill(struct name_keys *k, const char *folder, const char *self)
{
    struct ed25519_key pair;
    if (strlen(folder) >= sizeof(k->folder) ||
        (self != NULL && strlen(self) >= sizeof(k->self_file)))
        return ERR_LIMIT;
    (void)snprintf(k->folder, sizeof(k->folder), "%s", folder);
    if (self != NULL) {
        (void)snprintf(k->self_file, sizeof(k->self_file), "%s", self);
        TRY(seed_file_read(&pair, self));
        struct peer_id id = id_of(&pair);
        ed25519_wipe(&pair);
        (void)insert(k, SELF, &id);
    }
    DIR *d = opendir(folder);
    if (d == NULL)
        return path_errno(errno);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        read_entry(k, e->d_name);
    closedir(d);
    return OK;
}

enum err name_keys_open(struct name_keys **out, const char *folder, const char *self)
{
    struct name_keys *k = calloc(1, sizeof(*k));
    *out = NULL;
    if (k == NULL)
        return ERR_MEMORY;
    pthread_mutex_init(&k->lock, NULL);
    enum err e = fill(k, folder, self);
    if (e == OK)
        *out = k;
    else
        name_keys_close(k);
    return e;
}

void name_keys_close(struct name_keys *k)
{
    if (k == NULL)
        return;
    pthread_mutex_destroy(&k->lock);
    free(k);
}
