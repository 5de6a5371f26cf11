#include "codec/cid.h"
#include "ipfsd/host.h"
#include "ipfsd/scrub.h"
#include "ipfsd/service.h"
#include "store/collect.h"

#include <stdio.h>
#include <stdlib.h>

static enum err key_of(struct block_key *key, const struct call *c)
{
    struct node_block b;
    TRY(node_msg_decode_block(&b, c->body));
    key->codec = b.codec;
    memcpy(key->digest, b.digest, sizeof(b.digest));
    return OK;
}

enum err service_block_get(struct call *c)
{
    struct block_key key;
    size_t size;
    TRY(key_of(&key, c));
    TRY(blocks_size(&c->node->blocks, &size, &key));
    c->reply_bulk.p = malloc(size + 1);
    if (c->reply_bulk.p == NULL)
        return ERR_MEMORY;
    TRY(blocks_get(&c->node->blocks, &size, (struct mspan){ c->reply_bulk.p, size }, &key));
    c->reply_bulk.n = size;
    return OK;
}

enum err service_block_has(struct call *c)
{
    struct block_key key;
    size_t size;
    TRY(key_of(&key, c));
    TRY(blocks_size(&c->node->blocks, &size, &key));
    call_reply_size(c, size);
    return OK;
}

enum err service_pin_next(struct call *c)
{
    struct node_cid after;
    struct blockstore_pin pin;
    TRY(node_msg_decode_cid(&after, c->body));
    TRY(blockstore_pin_next(c->node->repo.store, &pin, after.cid));
    const struct node_pin p = { .cid = pin.pin.cid,
                                .recursive = pin.pin.mode == PIN_RECURSIVE,
                                .profile = pin.pin.profile,
                                .name = pin.pin.name,
                                .time_s = pin.pin.time_unix_s };
    struct writer w = call_reply_room(c, 1024);
    node_msg_encode_pin(&w, &p);
    call_reply_set(c, &w);
    return OK;
}

enum err service_repo_stat(struct call *c)
{
    struct blockstore_stat s;
    TRY(node_msg_decode_none(c->body));
    TRY(blockstore_stat(c->node->repo.store, &s));
    struct node_repo_stat out = { .blocks = s.blocks,
                                  .bytes = s.block_bytes,
                                  .disk = s.disk_bytes,
                                  .free = s.free_bytes,
                                  .quota = s.quota_bytes,
                                  .pins = s.pins };
    if (c->node->host != NULL) {
        struct host_view view;
        host_status(c->node->host, &view);
        out.replicas = view.status.files;
        out.replica_bytes = view.status.file_bytes;
        out.extents = view.status.extents;
        out.extent_bytes = view.status.extent_bytes;
    }
    struct writer w = call_reply_room(c, 512);
    node_msg_encode_repo_stat(&w, &out);
    call_reply_set(c, &w);
    return OK;
}

/* ---- verify ---- */

static bool verify_progress(void *ctx, const struct blockstore_progress *p)
{
    struct call *c = ctx;
    call_progress(c, "verify", p->blocks, p->blocks_total);
    return !call_gone(c);
}

static bool sealed_progress(void *ctx, const struct scrub *s)
{
    struct call *c = ctx;
    call_progress(c, "verify sealed", s->done, s->total);
    return !call_gone(c);
}

/* Every byte of every disk that can be read. A disk with bad bytes has failed. */
static enum err verify_sealed(struct call *c, struct blockstore_progress *result)
{
    struct host *h = c->node->host;
    for (uint32_t v = 0; v < DISKS_MAX; v++) {
        struct scrub s = { .host = h, .volume = v, .progress = sealed_progress, .ctx = c };
        if (disks_volume(&h->disks, v) == NULL || !disks_readable(&h->disks, v))
            continue;
        enum err e = scrub_volume(&s, true);
        result->blocks += s.checked;
        result->blocks_total += s.checked;
        result->bad += s.bad;
        if (e == ERR_CORRUPT)
            volume_fail(disks_volume(&h->disks, v));
        else if (e != OK)
            return call_fail(c, e, "crust disk list", "volume %u could not be read through: %s", v,
                             err_text(e));
    }
    return OK;
}

enum err service_repo_verify(struct call *c)
{
    struct blockstore_progress result;
    const struct blockstore_verify_events events = { .ctx = c, .progress = verify_progress };
    TRY(node_msg_decode_none(c->body));
    TRY(blockstore_verify(c->node->repo.store, &result, &events));
    if (c->node->host != NULL)
        TRY(verify_sealed(c, &result));
    const struct node_progress p = { span_str("verify"), result.blocks, result.blocks_total,
                                     result.bad };
    call_reply_progress(c, &p);
    return OK;
}

/* ---- garbage collection ---- */

static bool gc_progress(void *ctx, const char *phase, uint64_t done)
{
    call_progress(ctx, phase, done, 0);
    return !call_gone(ctx);
}

enum err service_repo_gc(struct call *c)
{
    char scratch[SETTINGS_PATH_MAX + 16];
    TRY(node_msg_decode_none(c->body));
    (void)snprintf(scratch, sizeof(scratch), "%s/gc.marks", c->node->settings.store);
    struct collect run = {
        .store = c->node->repo.store, .scratch_path = scratch, .progress = gc_progress, .ctx = c
    };
    enum err e = collect_run(&run);
    if (e != OK && run.broken.digest_size != 0) {
        char text[CID_TEXT_MAX];
        cid_format(text, &run.broken);
        return call_fail(c, e, "crust pin rm CID",
                         "the pin %s is not whole here (%s): nothing was removed", text,
                         err_text(e));
    }
    TRY(e);
    const struct node_progress p = { span_str("sweep"), run.result.removed,
                                     run.result.kept + run.result.removed, 0 };
    call_reply_progress(c, &p);
    return OK;
}
