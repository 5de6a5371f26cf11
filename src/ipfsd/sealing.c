#include "ipfsd/sealing.h"

#include "base/hex.h"
#include "ipfsd/gather.h"
#include "ipfsd/ipfsd.h"
#include "ipfsd/p2p_node.h"
#include "ipfsd/push_take.h"
#include "ipfsd/session.h"
#include "rt/clock.h"
#include "rt/log.h"

#include <stdlib.h>

enum {
    CLAIM_WAIT_MS = 50,
    TRIES_MAX = 3, /* with a lost enclave and no segment more than before */
};

struct sealing {
    struct call *call;
    struct host *host;
    const struct node_seal *order;
    struct gather gather;
    struct session session;
    struct sessions_entry entry; /* the claim */
    struct host_new_file file;
    uint32_t segments; /* closed at the end of the last try */
    bool adding;       /* host_add_file has been called */
};

/* The volume's errors get a sentence; the enclave's and the source's have one or need none. */
static enum err explained(struct sealing *s, enum err e)
{
    if (e == OK || !s->session.disk_failed)
        return e;
    return call_fail(s->call, e, "crust disk list", "volume %u: %s", s->session.volume,
                     err_text(e));
}

static enum err seal_block(void *ctx, const struct content_key *key, struct span data)
{
    struct sealing *s = ctx;
    return explained(s, session_block(&s->session, key, data));
}

/* ---- one try ---- */

static enum err open_parts(struct sealing *s)
{
    char scratch[HOST_PATH_MAX + 16];
    s->gather = (struct gather){
        .call = s->call, .order = s->order, .phase = "seal", .block = seal_block, .ctx = s
    };
    host_scratch(s->host, scratch);
    TRY(session_init(&s->session, s->host, &s->gather.links));
    return gather_open(&s->gather, scratch);
}

static void close_parts(struct sealing *s)
{
    gather_close(&s->gather);
    session_fini(&s->session);
}

/* Room for an order may be taken by sessions that nobody goes on with. */
static enum err choose_volume(struct sealing *s, uint32_t *volume)
{
    struct sessions_entry idle;
    const uint64_t need = s->order->size_max;
    enum err e;
    while ((e = disks_choose(&s->host->disks, volume, need)) == ERR_FULL &&
           sessions_claim_idle(&s->host->sessions, &idle, 0, 0) == OK) {
        log_info("session-dropped", "volume=%u reason=\"room is needed\"", idle.volume);
        session_drop(s->host, &idle);
    }
    if (e != OK)
        return call_fail(s->call, e, "crust disk list", "no volume has room for %llu bytes",
                         (unsigned long long)need);
    return OK;
}

static enum err begin(struct sealing *s)
{
    uint32_t volume;
    TRY(choose_volume(s, &volume));
    return session_begin(&s->session, &s->entry.key, volume);
}

/* After these the session stays as it is, and the order can be asked for again. */
static bool comes_again(enum err e)
{
    return e == ERR_CLOSED || e == ERR_BUSY || e == ERR_MEMORY || e == ERR_TIMEOUT;
}

static enum err resume_or_begin(struct sealing *s)
{
    if (!s->entry.kept)
        return begin(s);
    enum err e = session_resume(&s->session, &s->entry, gather_again, &s->gather);
    if (e == OK)
        log_info("seal-resumed", "volume=%u segments=%u bytes=%llu", s->session.volume,
                 s->session.resumed, (unsigned long long)s->gather.bytes);
    if (e == OK || comes_again(e) || session_lost(&s->session) || s->call->what[0] != '\0')
        return e;
    log_warn("seal-not-resumed", "volume=%u reason=\"%s\" next=\"it starts over\"",
             s->session.volume, err_text(e));
    session_discard(&s->session);
    s->entry.kept = false;
    close_parts(s);
    TRY(open_parts(s));
    return begin(s);
}

/* The enclave's word on what it has sealed, against what the order claims. */
static enum err check_claim(struct sealing *s)
{
    const struct node_seal *order = s->order;
    const uint8_t *leaf = s->file.leaf;
    char is[65], said[65];
    if (!order->has_data_root || memcmp(leaf + 44, order->data_root, 32) == 0)
        return OK;
    hex_format(is, span_of(leaf + 44, 32));
    hex_format(said, span_of(order->data_root, 32));
    return call_fail(s->call, ERR_CORRUPT, NULL,
                     "the content's data_root is %s (size %llu), the order claims %s", is,
                     (unsigned long long)load_le64(leaf + 36), said);
}

static enum err work(struct sealing *s)
{
    TRY(resume_or_begin(s));
    TRY(gather_run(&s->gather));
    call_progress(s->call, "records", s->gather.bytes, s->gather.bytes);
    TRY(explained(s, session_finish(&s->session)));
    TRY(explained(s, session_end(&s->session, &s->file)));
    TRY(check_claim(s));
    s->adding = true;
    return host_add_file(s->host, &s->file);
}

/* Whether an order that failed can be gone on with: its source may come back, so may the enclave or
 * who asked, and the chain may take a step. A bad content or a bad disk is the end. */
static bool can_wait(const struct sealing *s, enum err e)
{
    return !s->session.disk_failed &&
           (comes_again(e) || e == ERR_NOT_FOUND || e == ERR_FULL || session_lost(&s->session));
}

/* Returns true when the try ended with the enclave, and another one can go on. */
static bool after_failure(struct sealing *s, enum err e)
{
    struct session *x = &s->session;
    const bool lost = session_lost(x);
    bool kept = false;
    const bool wait = can_wait(s, e);
    if (x->at.volume == NULL && !x->kept)
        return false; /* it did not begin, and what was kept before stays */
    /* A journal that failed may hold the change all the same: the next start finds out. */
    if (s->adding && lost && !(wait && x->kept))
        session_leave(x);
    else if (wait)
        kept = session_wait(x);
    else
        session_discard(x);
    log_warn("seal-failed", "reason=\"%s\" what=\"%s\" kept=%d segments=%u", err_text(e),
             s->call->what, (int)kept, x->file.row_count);
    s->entry.kept = kept;
    s->entry.number = x->file.number;
    s->entry.volume = x->volume;
    s->entry.id = x->at.id;
    return lost;
}

static enum err try_once(struct sealing *s, bool *again)
{
    *again = s->adding = false;
    s->call->what[0] = '\0';
    enum err e = open_parts(s);
    if (e == OK)
        e = work(s);
    if (e == OK)
        session_done(&s->session);
    else
        *again = after_failure(s, e);
    return e;
}

/* ---- one order ---- */

/* Goes on by itself when the enclave was lost on the way. */
static enum err run(struct sealing *s)
{
    uint32_t tries = 0;
    bool again;
    enum err e;
    for (;;) {
        e = try_once(s, &again);
        if (!again || call_gone(s->call))
            return e;
        tries = s->session.file.row_count > s->segments ? 0 : tries + 1;
        s->segments = s->session.file.row_count;
        if (tries == TRIES_MAX || host_revive(s->host) != OK)
            return e;
        close_parts(s);
    }
}

/* What was pushed to us is in the replica now; a pin that stays costs room, not the replica. */
static void release_pushed(struct call *c, const struct content_key *key)
{
    enum err e = push_take_release(&c->node->storer, key);
    if (e != OK)
        log_warn("pushed-pin-not-removed", "reason=\"%s\"", err_text(e));
}

/* Claims the content; *sealed: it is here already. An asker whose connection broke comes again
 * before the thread that worked for him has noticed: it is waited for. */
static enum err claim(struct sealing *s, bool *sealed)
{
    struct host *h = s->host;
    struct replicas_entry there = { 0 };
    enum err e;
    while ((e = sessions_claim(&h->sessions, &s->entry, &s->order->key)) == ERR_BUSY) {
        if (call_gone(s->call))
            return ERR_CLOSED;
        clock_sleep_ms(CLAIM_WAIT_MS);
    }
    TRY(e);
    *sealed = replicas_get(&h->index, &there, &s->order->key) == OK;
    s->file.entry = there;
    return OK;
}

/* Sessions that nobody came back for are given up, a few at a time. */
static void drop_idle(struct host *h)
{
    struct sessions_entry idle;
    const uint64_t now = clock_mono_ms();
    const uint64_t before = now > SESSIONS_IDLE_MS ? now - SESSIONS_IDLE_MS : 0;
    for (int i = 0; i < 4; i++) {
        if (sessions_claim_idle(&h->sessions, &idle, SESSIONS_WAITING_MAX, before) != OK)
            return;
        log_info("session-dropped", "volume=%u reason=\"nobody asked for it\"", idle.volume);
        session_drop(h, &idle);
    }
}

static enum err seal(struct sealing *s, struct node_sealed *out)
{
    bool sealed = false;
    drop_idle(s->host);
    TRY(claim(s, &sealed));
    enum err e = sealed ? OK : run(s);
    if (e == OK && !sealed)
        log_info("sealed", "volume=%u bytes=%llu blocks=%llu segments=%u resumed=%u",
                 s->session.volume, (unsigned long long)s->gather.bytes,
                 (unsigned long long)s->gather.blocks, s->session.file.row_count,
                 s->session.resumed);
    sessions_release(&s->host->sessions, &s->order->key, e != OK && s->entry.kept);
    close_parts(s);
    TRY(e);
    release_pushed(s->call, &s->order->key);
    p2p_node_came(s->call->node->p2p, NULL);
    return host_sealed(s->host, out, &s->file.entry);
}

enum err sealing_run(struct call *c, const struct node_seal *order, struct node_sealed *out)
{
    struct sealing *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return ERR_MEMORY;
    s->call = c;
    s->host = c->node->host;
    s->order = order;
    enum err e = seal(s, out);
    free(s);
    return e;
}
