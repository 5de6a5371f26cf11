/* What happens to a whole disk: dropped, stopped, taken back in. */
#include "ipfsd/host_disk.h"

#include "ipfsd/host.h"
#include "rt/log.h"

#include <stdio.h>

/* ---- dropping ---- */

static enum err forget_contents(struct host *h, uint32_t volume)
{
    struct replicas_entry entry;
    struct replicas_txn t;
    TRY(replicas_begin(&t, &h->index));
    enum err e = replicas_next(&h->index, &entry, NULL);
    while (e == OK) {
        if (entry.volume == volume)
            e = replicas_del(&t, &entry.key);
        if (e == OK)
            e = replicas_next(&h->index, &entry, &entry.key);
    }
    if (e != ERR_NOT_FOUND) {
        replicas_abort(&t);
        return e;
    }
    return host_index_commit(h, &t);
}

/* The trees of the new generation are other trees: the version that this takes says which steps
 * come before the drop, and changes no leaf. */
static enum err drop(struct host *h, uint32_t volume)
{
    const struct enclave_request m = { .type = ENCLAVE_DROP_VOLUME, .u.volume.volume = volume };
    uint64_t version;
    TRY(host_ask_change(h, &m));
    enum err e = treestore_apply(h->trees, &version, NULL, 0);
    if (e == OK)
        e = host_log_state(&h->log, version, h->answer.reply.u.record.record);
    if (e != OK)
        return host_ahead(h, e);
    host_reread(h);
    h->lost &= (uint16_t) ~(1u << volume);
    e = forget_contents(h, volume);
    h->index_behind = h->index_behind || e != OK;
    return e;
}

enum err host_drop_volume(struct host *h, uint32_t volume)
{
    struct volume *v = disks_volume(&h->disks, volume);
    if (v == NULL)
        return ERR_NOT_FOUND;
    const enum disk_want want = atomic_load(&h->disks.disks[volume].want);
    if (want == DISK_DROPPED || want == DISK_GONE)
        return OK;
    pthread_mutex_lock(&h->lock);
    enum err e = drop(h, volume);
    /* It is read on: the chain draws from it until the step is accepted. */
    if (e == OK && volume_stop(v, false) != OK)
        log_warn("disk-not-stopped", "volume=%u", volume);
    if (e == OK)
        e = disks_say(&h->disks, volume, DISK_DROPPED);
    pthread_mutex_unlock(&h->lock);
    if (e == OK)
        log_warn("volume-dropped", "volume=%u path=\"%s\"", volume, h->disks.disks[volume].path);
    return e;
}

void host_note_drops(struct host *h)
{
    struct work_state base;
    if (h->log.base.seq == 0 ||
        work_state_decode(&base, span_of(h->log.base.cut, WORK_STATE_SIZE)) != OK)
        return;
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct disk *d = &h->disks.disks[v];
        if (d->volume != NULL && atomic_load(&d->want) == DISK_DROPPED &&
            base.volumes[v].generation == h->now.volumes[v].generation)
            atomic_store(&d->wipe, true);
    }
}

/* The journal's copy there is not written any more, and its file is closed. */
static void unmirror(struct host *h, uint32_t volume)
{
    char dir[HOST_PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/journal", h->disks.disks[volume].path);
    pthread_mutex_lock(&h->lock);
    enum err e = journal_mirror_drop(h->log.journal, dir);
    pthread_mutex_unlock(&h->lock);
    if (e != OK && e != ERR_NOT_FOUND)
        log_error("journal-not-written", "volume=%u reason=\"%s\"", volume, err_text(e));
}

static enum err forget_blocks(struct host *h, uint32_t volume)
{
    struct replicas_txn t;
    pthread_mutex_lock(&h->lock);
    enum err e = replicas_begin(&t, &h->index);
    if (e == OK) {
        e = replicas_del_volume(&t, volume);
        if (e == OK)
            e = host_index_commit(h, &t);
        else
            replicas_abort(&t);
    }
    pthread_mutex_unlock(&h->lock);
    return e;
}

static void wipe(struct host *h, uint32_t volume)
{
    struct disk *d = &h->disks.disks[volume];
    unmirror(h, volume);
    volume_give_up(d->volume);
    disks_lock(&h->disks, volume);
    enum err e = volume_wipe(d->volume);
    disks_unlock(&h->disks, volume);
    /* A disk that is not there any more has nothing to be emptied. */
    if (e != OK && e != ERR_STATE) {
        log_warn("disk-not-emptied", "volume=%u reason=\"%s\"", volume, err_text(e));
        return;
    }
    e = forget_blocks(h, volume);
    if (e == OK)
        e = disks_say(&h->disks, volume, DISK_GONE);
    atomic_store(&d->wipe, false);
    log_warn("disk-emptied", "volume=%u path=\"%s\" reason=\"%s\"", volume, d->path, err_text(e));
}

void host_wipe_dropped(struct host *h)
{
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        if (atomic_load(&h->disks.disks[v].wipe))
            wipe(h, v);
    }
}

/* ---- resting ---- */

enum err host_stop_disk(struct host *h, uint32_t volume)
{
    struct volume *v = disks_volume(&h->disks, volume);
    if (v == NULL)
        return ERR_NOT_FOUND;
    if (atomic_load(&h->disks.disks[volume].want) >= DISK_DROPPED)
        return ERR_STATE;
    TRY(volume_stop(v, false));
    TRY(disks_say(&h->disks, volume, DISK_STOPPED));
    if (volume_state(v) == VOLUME_STOPPED)
        unmirror(h, volume);
    return OK;
}

enum err host_resume_disk(struct host *h, uint32_t volume)
{
    struct volume *v = disks_volume(&h->disks, volume);
    if (v == NULL)
        return ERR_NOT_FOUND;
    if (atomic_load(&h->disks.disks[volume].want) >= DISK_DROPPED)
        return ERR_STATE;
    TRY(disks_say(&h->disks, volume, DISK_USED));
    return volume_resume(v);
}

void host_suspended(struct host *h, uint16_t volumes)
{
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct disk *d = &h->disks.disks[v];
        if ((volumes >> v & 1) == 0 || d->volume == NULL || atomic_load(&d->want) != DISK_STOPPED ||
            volume_state(d->volume) != VOLUME_STOPPING)
            continue;
        if (volume_stop(d->volume, true) == OK) {
            unmirror(h, v);
            log_info("disk-stopped", "volume=%u path=\"%s\" next=\"it may be unmounted\"", v,
                     d->path);
        }
    }
}

uint32_t host_to_suspend(struct host *h, const struct work_state *state, uint16_t suspended)
{
    for (uint32_t v = 0; v < WORK_VOLUMES; v++) {
        const struct work_volume *w = &state->volumes[v];
        const struct volume *volume = disks_volume(&h->disks, v);
        if ((suspended >> v & 1) != 0 || (w->files.count == 0 && w->srd.count == 0))
            continue;
        if (volume == NULL || volume_state(volume) != VOLUME_OK) {
            /* What is dropped goes with its step. */
            if (volume != NULL && atomic_load(&h->disks.disks[v].want) == DISK_DROPPED &&
                disks_readable(&h->disks, v))
                continue;
            return v;
        }
    }
    return NODE_VOLUME_NONE;
}
