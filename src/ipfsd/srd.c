#include "ipfsd/srd.h"

#include "crypto/random.h"
#include "ipfsd/host.h"
#include "ipfsd/ipfsd.h"
#include "rt/log.h"

#include <stdlib.h>

/* The enclave makes the next pieces while the last ones are written. */
enum { PIECE = ENCLAVE_FILL_PIECE, BATCH = 4, RING = 2 * BATCH };

struct fill {
    struct call *call;
    struct host *host;
    uint64_t number; /* of the fill */
    struct volume_extent extent;
    bool open;
    struct enclave_answer answer;
    struct host_new_extent made;
    struct enclave_item items[BATCH];
    uint8_t *pieces;        /* RING of them */
    uint8_t rows[RING][32]; /* what goes with each */
    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed;
    uint64_t asked, written; /* pieces of the extent; asked are here */
    bool last;               /* no more will be asked for */
    enum err result;         /* of the writer */
};

static uint8_t *piece_at(const struct fill *f, uint64_t i)
{
    return f->pieces + i % RING * PIECE;
}

static enum err write_piece(struct fill *f, uint64_t i)
{
    disks_lock(&f->host->disks, f->made.volume);
    enum err e = volume_extent_append(&f->extent, span_of(piece_at(f, i), PIECE));
    if (e == OK)
        e = volume_extent_row(&f->extent, f->rows[i % RING]);
    disks_unlock(&f->host->disks, f->made.volume);
    return e;
}

static void *writer(void *ctx)
{
    struct fill *f = ctx;
    pthread_mutex_lock(&f->lock);
    while (f->result == OK && (!f->last || f->written < f->asked)) {
        if (f->written == f->asked) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        const uint64_t i = f->written;
        pthread_mutex_unlock(&f->lock);
        enum err e = write_piece(f, i);
        pthread_mutex_lock(&f->lock);
        f->result = e;
        f->written += e == OK;
        pthread_cond_signal(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* Waits for room for count pieces; what the writer says. */
static enum err wait_for_room(struct fill *f, size_t count)
{
    pthread_mutex_lock(&f->lock);
    while (f->result == OK && f->asked + count - f->written > RING)
        pthread_cond_wait(&f->changed, &f->lock);
    enum err e = f->result;
    pthread_mutex_unlock(&f->lock);
    return e;
}

static enum err ask(struct fill *f, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        f->items[k] = (struct enclave_item){
            .request = { .type = ENCLAVE_FILL_NEXT, .u.number.number = f->number },
            .bulk_out = { piece_at(f, f->asked + k), PIECE },
        };
    }
    TRY(enclave_link_batch(&f->host->link, f->items, count));
    for (size_t k = 0; k < count; k++) {
        const struct enclave_item *item = &f->items[k];
        const struct enclave_fill_next_reply *r = &item->reply.u.fill_next;
        TRY(item->result);
        if (item->bulk_out.n != PIECE || r->offset != (f->asked + k) * PIECE)
            return ERR_CORRUPT;
        memcpy(f->rows[(f->asked + k) % RING], r->row, sizeof(r->row));
    }
    pthread_mutex_lock(&f->lock);
    f->asked += count;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return OK;
}

static enum err ask_all(struct fill *f)
{
    const uint64_t pieces = f->made.size / PIECE;
    while (f->asked < pieces) {
        size_t count = pieces - f->asked < BATCH ? (size_t)(pieces - f->asked) : BATCH;
        TRY(wait_for_room(f, count));
        TRY(ask(f, count));
        if (call_gone(f->call))
            return ERR_CLOSED;
    }
    return OK;
}

static enum err write_all(struct fill *f)
{
    pthread_t thread;
    f->asked = 0;
    f->written = 0;
    f->last = false;
    f->result = OK;
    if (pthread_create(&thread, NULL, writer, f) != 0)
        return ERR_MEMORY;
    enum err e = ask_all(f);
    pthread_mutex_lock(&f->lock);
    f->last = true;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(thread, NULL);
    TRY(e);
    TRY(f->result);
    const struct enclave_request m = { .type = ENCLAVE_FILL_END, .u.number.number = f->number };
    TRY(enclave_link_call(&f->host->link, &f->answer, (struct mspan){ NULL, 0 }, &m,
                          (struct span){ NULL, 0 }));
    memcpy(f->made.root, f->answer.reply.u.fill_end.root, 32);
    memcpy(f->made.ticket, f->answer.reply.u.fill_end.ticket, sizeof(f->made.ticket));
    return OK;
}

static enum err finish(struct fill *f)
{
    disks_lock(&f->host->disks, f->made.volume);
    f->open = false;
    enum err e = volume_extent_finish(&f->extent);
    disks_unlock(&f->host->disks, f->made.volume);
    TRY(e);
    return host_add_extent(f->host, &f->made);
}

/* A number that no extent of the volume has. */
static enum err begin_file(struct fill *f)
{
    enum err e = ERR_EXISTS;
    struct volume *volume = disks_volume(&f->host->disks, f->made.volume);
    disks_lock(&f->host->disks, f->made.volume);
    while (e == ERR_EXISTS) {
        random_bytes(&f->made.number, sizeof(f->made.number));
        e = volume_extent_begin(&f->extent, volume, f->made.number, f->made.size);
    }
    disks_unlock(&f->host->disks, f->made.volume);
    f->open = e == OK;
    return e;
}

static enum err one_extent(struct fill *f)
{
    TRY(host_begin_fill(f->host, &f->number, f->made.size));
    enum err e = begin_file(f);
    bool written = false;
    if (e == OK)
        e = write_all(f);
    if (e == OK) {
        written = true;
        e = finish(f);
    }
    if (e == OK)
        return OK;
    disks_lock(&f->host->disks, f->made.volume);
    if (f->open)
        volume_extent_abort(&f->extent);
    else if (written && volume_extent_delete(disks_volume(&f->host->disks, f->made.volume),
                                             f->made.number) != OK)
        log_warn("extent-not-removed", "volume=%u", f->made.volume);
    disks_unlock(&f->host->disks, f->made.volume);
    f->open = false;
    host_abort(f->host, f->number);
    return e;
}

static enum err fill_loop(struct fill *f, uint64_t bytes, uint64_t *made)
{
    const uint64_t size = f->host->settings->extent_size;
    while (*made + size <= bytes) {
        f->made.size = size;
        /* Rows and the file's own blocks come on top. */
        if (disks_choose(&f->host->disks, &f->made.volume, size + size / 1024) != OK)
            return OK;
        TRY(one_extent(f));
        *made += size;
        call_progress(f->call, "fill", *made, bytes);
        if (call_gone(f->call))
            return ERR_CLOSED;
    }
    return OK;
}

enum err srd_fill(struct call *c, uint64_t bytes, uint64_t *made)
{
    *made = 0;
    struct fill *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return ERR_MEMORY;
    f->call = c;
    f->host = c->node->host;
    f->pieces = malloc((size_t)RING * PIECE);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    enum err e = f->pieces == NULL ? ERR_MEMORY : fill_loop(f, bytes, made);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f->pieces);
    free(f);
    return e;
}

enum err srd_release(struct call *c, uint64_t bytes, uint64_t *released)
{
    *released = 0;
    while (*released < bytes) {
        uint64_t size = 0;
        enum err e = host_remove_extent(c->node->host, &size);
        if (e == ERR_NOT_FOUND)
            return OK;
        TRY(e);
        *released += size;
    }
    return OK;
}
