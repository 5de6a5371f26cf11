#include "ipfsd/name_publish.h"

#include "rt/clock.h"
#include "rt/log.h"

#include <stdatomic.h>
#include <stdlib.h>

/* When a record is told again. */
struct due {
    struct peer_id id; /* size 0: free */
    uint64_t at_ms;
};

struct name_publish {
    struct jobs_item item; /* first: jobs know it by that */
    struct name_publish_options o;
    struct loop_timer *tick;
    atomic_bool busy; /* the item is with the jobs */
    pthread_mutex_t lock;
    struct due due[NAME_KEYS_MAX + 1];
};

static int64_t wall_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

/* ---- times ----------------------------------------------------------------------------------- */

static struct due *due_of(struct name_publish *p, const struct peer_id *id)
{
    struct due *empty = NULL;
    for (size_t i = 0; i <= NAME_KEYS_MAX; i++) {
        if (peer_id_eq(&p->due[i].id, id))
            return &p->due[i];
        if (empty == NULL && p->due[i].id.size == 0)
            empty = &p->due[i];
    }
    return empty; /* NULL: more keys than there can be at a time have come and gone */
}

/* SPEC names 3.2: "every 4 hours, or when half of its lifetime has gone if that comes first" */
static void plan(struct name_publish *p, const struct name_published *done)
{
    uint64_t wait_s = done->record.lifetime_s / 2;
    if (wait_s > p->o.again_s)
        wait_s = p->o.again_s;
    uint64_t wait_ms = wait_s * 1000;
    if (done->told.nodes + done->told.routers == 0 && wait_ms > NAME_PUBLISH_RETRY_MS)
        wait_ms = NAME_PUBLISH_RETRY_MS;
    pthread_mutex_lock(&p->lock);
    struct due *d = due_of(p, &done->record.id);
    if (d != NULL)
        *d = (struct due){ done->record.id, clock_mono_ms() + wait_ms };
    pthread_mutex_unlock(&p->lock);
}

void name_publish_forget(struct name_publish *p, const struct peer_id *id)
{
    names_disown(p->o.names, id);
    pthread_mutex_lock(&p->lock);
    struct due *d = due_of(p, id);
    if (d != NULL)
        *d = (struct due){ .at_ms = 0 };
    pthread_mutex_unlock(&p->lock);
}

static bool next_due(struct name_publish *p, struct peer_id *id)
{
    bool found = false;
    uint64_t now = clock_mono_ms();
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i <= NAME_KEYS_MAX && !found; i++) {
        found = p->due[i].id.size != 0 && now >= p->due[i].at_ms;
        if (found)
            *id = p->due[i].id;
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell(struct name_publish *p, struct name_published *out)
{
    struct span record = span_of(out->record.bytes, out->record.size);
    char id[PEER_ID_TEXT_MAX];
    enum err e = names_own(p->o.names, &out->record.id, record);
    peer_id_format_cid(id, &out->record.id);
    if (e != OK)
        log_warn("name-not-served", "name=%s reason=\"%s\"", id, err_text(e));
    if (name_net_put(p->o.net, &out->told, &out->record.id, record) != OK)
        return; /* stopping */
    plan(p, out);
    if (out->told.nodes + out->told.routers > 0)
        log_info("name-told", "name=%s sequence=%llu nodes=%u routers=%u", id,
                 (unsigned long long)out->record.sequence, out->told.nodes, out->told.routers);
    else
        log_debug("name-not-told", "name=%s next=\"it is tried again\"", id);
}

/* SPEC names 2.3: "what the network says is asked for first where nothing is known here" */
static size_t seen_of(struct name_publish *p, struct mspan buf, const struct name_key *k)
{
    size_t size;
    if (!k->published && !k->fresh)
        names_find(p->o.names, &k->id);
    return names_record(p->o.names, &size, buf, &k->id) == OK ? size : 0;
}

enum err name_publish(struct name_publish *p, struct name_published *out, const char *key,
                      const struct name_wish *wish)
{
    uint8_t bytes[IPNS_RECORD_MAX];
    struct name_key k;
    struct name_wish w = *wish;
    memset(out, 0, sizeof(*out));
    TRY(name_keys_find(p->o.keys, &k, key));
    w.seen = span_of(bytes, seen_of(p, (struct mspan){ bytes, sizeof(bytes) }, &k));
    TRY(name_keys_sign(p->o.keys, &out->record, k.name, &w, wall_s()));
    tell(p, out);
    return OK;
}

/* SPEC names 3.2: "signed anew with a later end when it was signed so long ago" */
static enum err refresh(struct name_publish *p, struct name_published *out,
                        const struct peer_id *id)
{
    char name[PEER_ID_TEXT_MAX];
    int64_t now = wall_s();
    peer_id_format_cid(name, id);
    TRY(name_keys_last(p->o.keys, &out->record, name));
    int64_t signed_s = out->record.until_s - out->record.lifetime_s;
    uint64_t wait_s = out->record.lifetime_s / 2;
    if (wait_s > p->o.again_s)
        wait_s = p->o.again_s;
    if (now - signed_s < (int64_t)wait_s && now < out->record.until_s)
        return OK;
    return name_keys_renew(p->o.keys, &out->record, name, now);
}

static void run(struct jobs_item *item)
{
    struct name_publish *p = (struct name_publish *)(void *)item;
    struct name_published done = { .told = { 0 } };
    struct peer_id id;
    if (next_due(p, &id)) {
        enum err e = refresh(p, &done, &id);
        if (e == OK) {
            tell(p, &done);
        } else if (e == ERR_NOT_FOUND) {
            name_publish_forget(p, &id); /* the key has gone meanwhile */
        } else {
            char text[PEER_ID_TEXT_MAX];
            peer_id_format_cid(text, &id);
            log_error("name-not-told", "name=%s reason=\"%s\"", text, err_text(e));
            done.record.id = id;
            done.record.lifetime_s = NAME_KEYS_LIFETIME_MIN_S;
            plan(p, &done);
        }
    }
    atomic_store(&p->busy, false);
}

static void on_tick(void *ctx)
{
    struct name_publish *p = ctx;
    struct peer_id id;
    if (!atomic_load(&p->busy) && next_due(p, &id)) {
        atomic_store(&p->busy, true);
        jobs_add(p->o.jobs, &p->item);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What was published in an earlier life: served at once, told soon. */
static void resume(struct name_publish *p)
{
    struct name_key k;
    struct name_published last;
    for (size_t i = 0; name_keys_at(p->o.keys, &k, i) == OK; i++) {
        enum err e = name_keys_last(p->o.keys, &last.record, k.name);
        if (e == ERR_NOT_FOUND)
            continue;
        if (e != OK) {
            log_error("name-record-not-read", "key=%s reason=\"%s\" next=\"docs/guide/names.md\"",
                      k.name, err_text(e));
            continue;
        }
        struct due *d = due_of(p, &k.id);
        /* One that has ended is signed anew before it is told: the gateway waits for that. */
        (void)!names_own(p->o.names, &k.id, span_of(last.record.bytes, last.record.size));
        if (d != NULL)
            *d = (struct due){ k.id, clock_mono_ms() + NAME_PUBLISH_FIRST_MS };
    }
}

enum err name_publish_open(struct name_publish **out, const struct name_publish_options *o)
{
    struct name_publish *p = calloc(1, sizeof(*p));
    *out = NULL;
    if (p == NULL)
        return ERR_MEMORY;
    p->o = *o;
    p->item.run = run;
    pthread_mutex_init(&p->lock, NULL);
    resume(p);
    p->tick = loop_timer_new(o->loop, on_tick, p);
    if (p->tick == NULL) {
        name_publish_close(p);
        return ERR_MEMORY;
    }
    loop_timer_start(p->tick, NAME_PUBLISH_TICK_MS, NAME_PUBLISH_TICK_MS);
    *out = p;
    return OK;
}

void name_publish_stop(struct name_publish *p)
{
    if (p == NULL)
        return;
    loop_timer_free(p->tick);
    p->tick = NULL;
}

void name_publish_close(struct name_publish *p)
{
    if (p == NULL)
        return;
    name_publish_stop(p);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
