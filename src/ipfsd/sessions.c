#include "ipfsd/sessions.h"

#include "ipfsd/host.h"
#include "ipfsd/session_file.h"
#include "rt/clock.h"
#include "rt/log.h"

enum err sessions_init(struct sessions *s)
{
    memset(s, 0, sizeof(*s));
    return pthread_mutex_init(&s->lock, NULL) == 0 ? OK : ERR_MEMORY;
}

void sessions_fini(struct sessions *s)
{
    pthread_mutex_destroy(&s->lock);
}

/* ---- under the lock ---- */

static struct sessions_entry *find(struct sessions *s, const struct content_key *key)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (s->list[i].used && cid_key_cmp(&s->list[i].key, key) == 0)
            return &s->list[i];
    }
    return NULL;
}

static struct sessions_entry *add(struct sessions *s, const struct content_key *key)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (s->list[i].used)
            continue;
        s->list[i] = (struct sessions_entry){ .used = true, .key = *key };
        return &s->list[i];
    }
    return NULL;
}

/* ---- at start ---- */

struct loader {
    struct sessions *sessions;
    struct volume *volume;
    uint32_t number; /* of the volume */
};

static enum err load_one(void *ctx, const struct volume_replica *id)
{
    const struct loader *l = ctx;
    const struct replica_at at = { l->volume, *id };
    struct session_file file;
    enum err e = session_file_get(&file, &at);
    if (e != OK) {
        log_warn("session-not-read", "volume=%u reason=\"%s\"", l->number, err_text(e));
        return OK;
    }
    struct sessions_entry *entry =
        find(l->sessions, &file.key) == NULL ? add(l->sessions, &file.key) : NULL;
    if (entry != NULL) {
        entry->kept = true;
        entry->number = file.number;
        entry->volume = l->number;
        entry->id = *id;
        entry->idle_since_ms = clock_mono_ms();
    }
    session_file_fini(&file);
    return OK;
}

void sessions_load(struct sessions *s, const struct disks *d)
{
    pthread_mutex_lock(&s->lock);
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct loader l = { s, disks_volume(d, v), v };
        if (l.volume == NULL || volume_state(l.volume) != VOLUME_OK)
            continue;
        enum err e = session_file_list(l.volume, load_one, &l);
        if (e != OK)
            log_warn("sessions-not-read", "volume=%u reason=\"%s\"", v, err_text(e));
    }
    pthread_mutex_unlock(&s->lock);
}

/* A checkpoint whose session is over: the replica has been added to a tree, or given up. With a
 * head it may be in a tree that the chain still opens: then only what the session left is removed.
 */
static enum err settle_one(void *ctx, const struct volume_replica *id)
{
    const struct loader *l = ctx;
    const struct replica_at at = { l->volume, *id };
    struct replica_head head;
    if (sessions_owns(l->sessions, l->number, id))
        return OK;
    enum err e = replica_head_get(&head, &at);
    if (e == OK)
        e = session_file_parts_delete(&at, 0);
    else if (e == ERR_NOT_FOUND)
        e = volume_replica_delete(at.volume, id);
    if (e == OK)
        e = session_file_delete(&at);
    if (e != OK)
        log_warn("session-not-removed", "volume=%u reason=\"%s\"", l->number, err_text(e));
    return OK;
}

void sessions_settle(struct host *h)
{
    struct sessions *s = &h->sessions;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (s->list[i].used && !s->list[i].active && !s->list[i].alive)
            s->list[i].used = false;
        else if (s->list[i].used)
            log_info("session-waits", "volume=%u number=%llu", s->list[i].volume,
                     (unsigned long long)s->list[i].number);
    }
    pthread_mutex_unlock(&s->lock);
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct loader l = { s, disks_volume(&h->disks, v), v };
        if (l.volume == NULL || volume_state(l.volume) != VOLUME_OK)
            continue;
        disks_lock(&h->disks, v);
        enum err e = session_file_list(l.volume, settle_one, &l);
        disks_unlock(&h->disks, v);
        if (e != OK)
            log_warn("sessions-not-read", "volume=%u reason=\"%s\"", v, err_text(e));
    }
}

/* ---- questions ---- */

bool sessions_alive(struct sessions *s, uint64_t number)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct sessions_entry *e = &s->list[i];
        if (e->used && e->kept && e->number == number)
            found = e->alive = true;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

bool sessions_owns(struct sessions *s, uint32_t volume, const struct volume_replica *id)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        const struct sessions_entry *e = &s->list[i];
        if (e->used && e->kept && e->volume == volume &&
            memcmp(e->id.bytes, id->bytes, VOLUME_REPLICA_SIZE) == 0)
            found = true;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* ---- claims ---- */

enum err sessions_claim(struct sessions *s, struct sessions_entry *out,
                        const struct content_key *key)
{
    *out = (struct sessions_entry){ .key = *key };
    pthread_mutex_lock(&s->lock);
    struct sessions_entry *e = find(s, key);
    enum err result = OK;
    if (e != NULL && e->active)
        result = ERR_BUSY;
    else if (e == NULL && (e = add(s, key)) == NULL)
        result = ERR_LIMIT;
    if (result == OK) {
        e->active = true;
        *out = *e;
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

enum err sessions_claim_idle(struct sessions *s, struct sessions_entry *out, uint32_t waiting_max,
                             uint64_t idle_before_ms)
{
    struct sessions_entry *oldest = NULL;
    uint32_t waiting = 0;
    *out = (struct sessions_entry){ 0 };
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct sessions_entry *e = &s->list[i];
        if (!e->used || e->active)
            continue;
        waiting++;
        if (oldest == NULL || e->idle_since_ms < oldest->idle_since_ms)
            oldest = e;
    }
    bool take = oldest != NULL && (waiting > waiting_max || oldest->idle_since_ms < idle_before_ms);
    if (take) {
        oldest->active = true;
        *out = *oldest;
    }
    pthread_mutex_unlock(&s->lock);
    return take ? OK : ERR_NOT_FOUND;
}

void sessions_keep(struct sessions *s, const struct sessions_entry *kept)
{
    pthread_mutex_lock(&s->lock);
    struct sessions_entry *e = find(s, &kept->key);
    ASSERT(e != NULL && e->active);
    e->kept = e->alive = true;
    e->number = kept->number;
    e->volume = kept->volume;
    e->id = kept->id;
    pthread_mutex_unlock(&s->lock);
}

void sessions_release(struct sessions *s, const struct content_key *key, bool wait)
{
    pthread_mutex_lock(&s->lock);
    struct sessions_entry *e = find(s, key);
    ASSERT(e != NULL && e->active);
    e->active = false;
    e->idle_since_ms = clock_mono_ms();
    e->used = wait && e->kept;
    pthread_mutex_unlock(&s->lock);
}
