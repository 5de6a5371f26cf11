#include "ipfsd/care.h"

#include "ipfsd/host.h"
#include "rt/log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOK_MS = 100,     /* an enclave that has ended is started again before a report asks for it */
    REVIVE_MS = 1000,  /* after an enclave that could not be started */
    SAMPLES_MAX = 256, /* replicas of a returning disk whose files are looked at */
};

/* The disk's copy of the journal was left out when it failed: it is brought in again. */
static void mirror_again(struct host *h, uint32_t volume)
{
    char dir[HOST_PATH_MAX];
    size_t configured;
    (void)snprintf(dir, sizeof(dir), "%s/journal", h->disks.disks[volume].path);
    pthread_mutex_lock(&h->lock);
    enum err e = OK;
    if (journal_mirrors(h->log.journal, &configured) < configured)
        e = journal_mirror_add(h->log.journal, dir);
    pthread_mutex_unlock(&h->lock);
    if (e != OK)
        log_warn("journal-not-mirrored", "volume=%u reason=\"%s\"", volume, err_text(e));
}

/* The volume's replicas, as the trees have them, must be there with their segments in full length:
 * the enclave's own inspections read their bytes at the next report. */
static enum err check_replica(struct host *h, const struct treestore_leaf *leaf, uint32_t volume)
{
    struct replica_at at = { .volume = disks_volume(&h->disks, volume) };
    struct replica_head head;
    if (leaf->data_size != HOST_FILE_DATA)
        return ERR_CORRUPT;
    memcpy(at.id.bytes, leaf->data, VOLUME_REPLICA_SIZE);
    TRY(replica_head_get(&head, &at));
    for (uint32_t i = 0; i < head.segment_count; i++) {
        uint32_t length;
        uint64_t size;
        uint8_t wrapped[ENCLAVE_WRAPPED_SIZE];
        TRY(replica_segment_get(&length, wrapped, &at, i));
        TRY(volume_segment_size(at.volume, &size, &at.id, i));
        if (size != length)
            return ERR_SHORT;
    }
    return OK;
}

static bool check_samples(struct host *h, uint32_t volume)
{
    struct treestore_leaf leaf;
    uint32_t from = 0;
    pthread_mutex_lock(&h->lock);
    const uint64_t tree = host_tree(h, volume, false), version = h->log.version;
    pthread_mutex_unlock(&h->lock);
    for (uint32_t i = 0; i < SAMPLES_MAX; i++) {
        enum err e = treestore_next(h->trees, &leaf, tree, version, from);
        if (e == ERR_NOT_FOUND)
            return true;
        if (e != OK || check_replica(h, &leaf, volume) != OK)
            return false;
        from = leaf.index + 1;
    }
    return true;
}

static void accept_returning(struct host *h, uint16_t returning)
{
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct volume *volume = disks_volume(&h->disks, v);
        if ((returning >> v & 1) == 0 || volume == NULL)
            continue;
        bool good = check_samples(h, v);
        disks_lock(&h->disks, v);
        enum err e = volume_accept(volume, good);
        disks_unlock(&h->disks, v);
        if (e == OK && good)
            mirror_again(h, v);
        log_warn("disk-returned", "volume=%u good=%d reason=\"%s\"", v, (int)good, err_text(e));
    }
}

static void look(struct jobs_item *item)
{
    struct care *c = (struct care *)(void *)((char *)item - offsetof(struct care, item));
    struct host *h = c->host;
    if (host_revive(h) != OK)
        c->revive_at_ms = c->now_ms + REVIVE_MS;
    if (c->now_ms >= c->probe_at_ms) {
        accept_returning(h, disks_probe(&h->disks));
        c->probe_at_ms = c->now_ms + h->settings->probe_ms;
    }
    atomic_store(&c->queued, false);
}

static void on_timer(void *ctx)
{
    struct care *c = ctx;
    if (atomic_load(&c->queued))
        return;
    c->now_ms += LOOK_MS;
    enclave_link_watch(&c->host->link);
    bool gone = !atomic_load(&c->host->link.up) && c->now_ms >= c->revive_at_ms;
    if (!gone && c->now_ms < c->probe_at_ms)
        return;
    atomic_store(&c->queued, true);
    c->item.run = look;
    jobs_add(c->jobs, &c->item);
}

enum err care_start(struct care *c, struct host *h, struct loop *l, struct jobs *jobs)
{
    c->host = h;
    c->jobs = jobs;
    c->probe_at_ms = h->settings->probe_ms;
    atomic_init(&c->queued, false);
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
}
