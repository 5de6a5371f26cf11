#include "ipfsd/care.h"

#include "ipfsd/host.h"
#include "ipfsd/scrub.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <stddef.h>
#include <stdio.h>

enum {
    LOOK_MS = 100,    /* an enclave that has ended is started again before a report asks for it */
    REVIVE_MS = 1000, /* after an enclave that could not be started */
    SAY_MS = 30000,   /* between two lines about a long check */
};

static struct care_task *task_of(struct jobs_item *item)
{
    return (struct care_task *)(void *)((char *)item - offsetof(struct care_task, item));
}

/* ---- the enclave ---- */

static void revive(struct jobs_item *item)
{
    struct care_task *t = task_of(item);
    if (host_revive(t->host) != OK)
        atomic_store(t->pause, true);
    atomic_store(&t->queued, false);
}

/* ---- the disks ---- */

static void probe(struct jobs_item *item)
{
    struct care_task *t = task_of(item);
    disks_probe(&t->host->disks);
    host_wipe_dropped(t->host);
    atomic_store(&t->queued, false);
}

/* ---- disks that come back ---- */

/* The disk's copy of the journal was left out when it failed: it is brought in again. */
static void mirror_again(struct host *h, uint32_t volume)
{
    char dir[HOST_PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/journal", h->disks.disks[volume].path);
    pthread_mutex_lock(&h->lock);
    enum err e = journal_mirror_add(h->log.journal, dir);
    pthread_mutex_unlock(&h->lock);
    if (e != OK && e != ERR_EXISTS)
        log_warn("journal-not-mirrored", "volume=%u reason=\"%s\"", volume, err_text(e));
}

struct watch {
    atomic_bool *stopping;
    uint64_t said_ms;
};

static bool on_progress(void *ctx, const struct scrub *s)
{
    struct watch *w = ctx;
    const uint64_t permille = s->total == 0 ? 0 : s->done * 1000 / s->total;
    atomic_store(&s->host->disks.disks[s->volume].permille, (unsigned)permille + 1);
    uint64_t now = clock_mono_ms();
    if (now - w->said_ms >= SAY_MS) {
        w->said_ms = now;
        log_info("disk-check", "volume=%u checked=%llu bad=%llu percent=%llu", s->volume,
                 (unsigned long long)s->checked, (unsigned long long)s->bad,
                 (unsigned long long)permille / 10);
    }
    return !atomic_load(w->stopping);
}

static void check(struct care_task *t, uint32_t volume)
{
    struct host *h = t->host;
    struct disk *d = &h->disks.disks[volume];
    struct watch w = { t->stopping, clock_mono_ms() };
    struct scrub s = { .host = h,
                       .volume = volume,
                       .rate = h->settings->check_rate,
                       .progress = on_progress,
                       .ctx = &w };
    pthread_mutex_lock(&h->lock);
    host_list_returned(h, volume);
    bool lost = (h->lost >> volume & 1) != 0;
    pthread_mutex_unlock(&h->lock);
    enum err e = lost ? ERR_CORRUPT : scrub_volume(&s, false);
    atomic_store(&d->permille, 0);
    if (e == ERR_CLOSED || e == ERR_STATE)
        return; /* nothing is known: it is tried again while the disk is returning */
    disks_lock(&h->disks, volume);
    enum err accepted = volume_accept(d->volume, e);
    disks_unlock(&h->disks, volume);
    log_warn("disk-checked", "volume=%u path=\"%s\" checked=%llu bad=%llu now=\"%s\"", volume,
             d->path, (unsigned long long)s.checked, (unsigned long long)s.bad,
             volume_text(d->volume));
    if (e != OK || accepted != OK)
        return;
    mirror_again(h, volume);
    pthread_mutex_lock(&h->lock);
    host_list_follow(h, volume);
    e = host_index_align(h);
    pthread_mutex_unlock(&h->lock);
    if (e != OK)
        log_warn("index-not-made", "reason=\"%s\"", err_text(e));
}

static void scrub(struct jobs_item *item)
{
    struct care_task *t = task_of(item);
    const uint16_t returning = disks_in(&t->host->disks, VOLUME_RETURNING);
    for (uint32_t v = 0; v < DISKS_MAX && !atomic_load(t->stopping); v++) {
        if ((returning >> v & 1) != 0)
            check(t, v);
    }
    atomic_store(&t->queued, false);
}

/* ---- the timer ---- */

static void start(struct jobs *jobs, struct care_task *t)
{
    if (atomic_exchange(&t->queued, true))
        return;
    jobs_add(jobs, &t->item);
}

static void on_timer(void *ctx)
{
    struct care *c = ctx;
    struct host *h = c->host;
    c->now_ms += LOOK_MS;
    enclave_link_watch(&h->link);
    if (atomic_exchange(&c->pause, false))
        c->revive_at_ms = c->now_ms + REVIVE_MS;
    if (!atomic_load(&h->link.up) && c->now_ms >= c->revive_at_ms)
        start(c->control, &c->revive);
    if (c->now_ms >= c->probe_at_ms) {
        c->probe_at_ms = c->now_ms + h->settings->probe_ms;
        start(&c->watch, &c->probe);
    }
    if (disks_in(&h->disks, VOLUME_RETURNING) != 0 && atomic_load(&h->link.up))
        start(&c->check, &c->scrub);
}

static void task_init(struct care *c, struct care_task *t, void (*run)(struct jobs_item *))
{
    t->item.run = run;
    t->host = c->host;
    t->stopping = &c->stopping;
    t->pause = &c->pause;
    atomic_init(&t->queued, false);
}

enum err care_start(struct care *c, struct host *h, struct loop *l, struct jobs *control)
{
    c->host = h;
    c->control = control;
    c->probe_at_ms = h->settings->probe_ms;
    atomic_init(&c->stopping, false);
    atomic_init(&c->pause, false);
    task_init(c, &c->revive, revive);
    task_init(c, &c->probe, probe);
    task_init(c, &c->scrub, scrub);
    TRY(jobs_start(&c->watch, 1));
    TRY(jobs_start(&c->check, 1));
    c->timer = loop_timer_new(l, on_timer, c);
    if (c->timer == NULL)
        return ERR_MEMORY;
    loop_timer_start(c->timer, LOOK_MS, LOOK_MS);
    return OK;
}

void care_stop(struct care *c)
{
    loop_timer_free(c->timer);
    c->timer = NULL;
    atomic_store(&c->stopping, true);
    jobs_stop(&c->watch);
    jobs_stop(&c->check);
}
