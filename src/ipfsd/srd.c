#include "ipfsd/srd.h"

#include "crypto/random.h"
#include "ipfsd/host.h"
#include "ipfsd/ipfsd.h"
#include "rt/log.h"

#include <stdlib.h>

enum { PIECE = ENCLAVE_FILL_PIECE };

struct fill {
    struct call *call;
    struct host *host;
    uint64_t number; /* of the fill */
    struct volume_extent extent;
    bool open;
    uint8_t *piece;
    struct enclave_answer answer;
    struct host_new_extent made;
};

static enum err write_piece(struct fill *f)
{
    const struct enclave_fill_next_reply *r = &f->answer.reply.u.fill_next;
    if (f->answer.bulk_size != PIECE || r->offset != f->extent.written)
        return ERR_CORRUPT;
    disks_lock(&f->host->disks, f->made.volume);
    enum err e = volume_extent_append(&f->extent, span_of(f->piece, PIECE));
    if (e == OK)
        e = volume_extent_row(&f->extent, r->row);
    disks_unlock(&f->host->disks, f->made.volume);
    return e;
}

static enum err write_all(struct fill *f)
{
    struct enclave_request m = { .type = ENCLAVE_FILL_NEXT, .u.number.number = f->number };
    for (uint64_t at = 0; at < f->made.size; at += PIECE) {
        TRY(enclave_link_call(&f->host->link, &f->answer, (struct mspan){ f->piece, PIECE }, &m,
                              (struct span){ NULL, 0 }));
        TRY(write_piece(f));
        if (call_gone(f->call))
            return ERR_CLOSED;
    }
    m.type = ENCLAVE_FILL_END;
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
    f->piece = malloc(PIECE);
    enum err e = f->piece == NULL ? ERR_MEMORY : fill_loop(f, bytes, made);
    free(f->piece);
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
