/* The host's side of a hand-over: a second enclave beside the running one, step by step, so that a
 * crash anywhere goes on from the file enclave/handover and the journal.
 * Order of durability: docs/spec/handover.md 5. */
#include "ipfsd/host_handover.h"

#include "rt/log.h"

#include <stdio.h>
#include <stdlib.h>

static const struct mspan no_room = { NULL, 0 };
static const struct span nothing = { NULL, 0 };

static void file_path_of(const struct host *h, char out[HOST_PATH_MAX])
{
    (void)snprintf(out, HOST_PATH_MAX, "%s/handover", h->settings->enclave);
}

enum err host_handover_load(struct host *h)
{
    char path[HOST_PATH_MAX];
    file_path_of(h, path);
    return handover_file_load(&h->handover, path);
}

static enum err save(struct host *h)
{
    char path[HOST_PATH_MAX];
    file_path_of(h, path);
    return handover_file_save(&h->handover, path);
}

bool host_handover_pending(const struct host *h)
{
    return handover_file_closes(&h->handover, span_of(h->log.record, h->log.record_size));
}

/* ---- the second enclave -------------------------------------------------------------------- */

/* A process of the next program, greeted. Large: on the heap. */
struct next {
    struct enclave_link link;
    struct enclave_answer answer;
    char socket[HOST_PATH_MAX];
};

static void next_close(struct next *n)
{
    if (n == NULL)
        return;
    if (n->link.ipc != NULL)
        enclave_link_close(&n->link);
    free(n);
}

static enum err next_ask(struct next *n, const struct enclave_request *m)
{
    return enclave_link_call(&n->link, &n->answer, no_room, m, nothing);
}

/* Opens it with these sealed keys (none: new ones), and takes them as it seals them now. */
static enum err next_open(struct next **out, struct host *h)
{
    struct handover_file *f = &h->handover;
    struct next *n = calloc(1, sizeof(*n));
    *out = n;
    if (n == NULL)
        return ERR_MEMORY;
    (void)snprintf(n->socket, sizeof(n->socket), "%s/next.sock", h->settings->enclave);
    struct enclave_link_options o = h->link.o;
    o.program = h->settings->enclave_next;
    o.socket = n->socket;
    if (h->settings->enclave_next_at[0] != '\0')
        o.at = h->settings->enclave_next_at;
    TRY(enclave_link_open(&n->link, &o));
    TRY(enclave_link_start(&n->link));
    struct enclave_request m = { .type = ENCLAVE_HELLO, .u.hello.protocol = ENCLAVE_PROTOCOL };
    memcpy(m.u.hello.chain, h->chain, 32);
    TRY(next_ask(n, &m));
    m = (struct enclave_request){ .type = ENCLAVE_PROVISION };
    if (f->sealed_size > 0)
        m.u.blob.blob = span_of(f->sealed, f->sealed_size);
    TRY(next_ask(n, &m));
    const struct enclave_provision_reply *r = &n->answer.reply.u.provision;
    ASSERT(r->sealed.n <= sizeof(f->sealed));
    memcpy(f->sealed, r->sealed.p, r->sealed.n);
    f->sealed_size = r->sealed.n;
    memcpy(f->successor, r->worker, 32);
    memcpy(f->exchange, r->exchange, 32);
    return OK;
}

/* ---- the steps; all under the lock --------------------------------------------------------- */

static enum err offer(struct host *h, const struct node_hand_over *m)
{
    struct next *n = NULL;
    const struct handover_file before = h->handover;
    /* A file of the last hand-over, which the chain has accepted since (the caller knows), goes. */
    h->handover = (struct handover_file){ .stage = HANDOVER_OFFERED };
    memcpy(h->handover.account, m->account, 32);
    memcpy(h->handover.predecessor, h->worker, 32);
    enum err e = next_open(&n, h);
    next_close(n);
    if (e == OK)
        e = save(h);
    if (e != OK)
        h->handover = before;
    return e;
}

static enum err evidence_of(struct host *h, struct next *n, const struct node_hand_over *m)
{
    struct enclave_request rq = { .type = ENCLAVE_EVIDENCE };
    memcpy(rq.u.evidence.account, m->account, 32);
    memcpy(rq.u.evidence.block_hash, m->block_hash, 32);
    rq.u.evidence.predecessor = span_of(h->worker, 32);
    return next_ask(n, &rq);
}

static enum err give_to(struct host *h, struct next *n, const struct node_hand_over *m)
{
    struct handover_file f = h->handover;
    struct enclave_request rq = { .type = ENCLAVE_HAND_OVER };
    struct enclave_hand_over *o = &rq.u.hand_over;
    TRY(evidence_of(h, n, m));
    o->evidence = n->answer.reply.u.evidence.evidence;
    o->certificate = m->certificate;
    o->time = m->time;
    memcpy(o->account, m->account, 32);
    memcpy(o->block_hash, m->block_hash, 32);
    memcpy(o->successor, f.successor, 32);
    memcpy(o->exchange, f.exchange, 32);
    TRY(enclave_link_call(&h->link, &h->answer, no_room, &rq, m->documents));
    const struct enclave_hand_over_reply *r = &h->answer.reply.u.hand_over;
    memcpy(f.envelope, r->envelope, sizeof(f.envelope));
    memcpy(f.given, r->signature, sizeof(f.given));
    f.stage = HANDOVER_GIVEN;
    h->handover = f;
    /* SPEC handover 5.1: "then HAND_OVER's envelope and signatures, then the state record" */
    TRY(save(h));
    return host_log_state(&h->log, h->log.version, r->record);
}

static enum err give(struct host *h, const struct node_hand_over *m)
{
    struct next *n = NULL;
    if (memcmp(m->account, h->handover.account, 32) != 0)
        return ERR_DENIED;
    enum err e = next_open(&n, h);
    if (e == OK)
        e = give_to(h, n, m);
    next_close(n);
    return e;
}

/* Evidence as the enclave would be given it now, for those who look for documents. */
static enum err show(struct host *h, struct node_handed *out, uint8_t room[ENCLAVE_EVIDENCE_MAX],
                     const struct node_hand_over *m)
{
    struct next *n = NULL;
    if (memcmp(m->account, h->handover.account, 32) != 0)
        return ERR_DENIED;
    enum err e = next_open(&n, h);
    if (e == OK)
        e = evidence_of(h, n, m);
    if (e == OK) {
        struct span evidence = n->answer.reply.u.evidence.evidence;
        ASSERT(evidence.n <= ENCLAVE_EVIDENCE_MAX);
        memcpy(room, evidence.p, evidence.n);
        out->evidence = span_of(room, evidence.n);
    }
    next_close(n);
    return e;
}

enum err host_handover_take(struct host *h)
{
    struct handover_file *f = &h->handover;
    struct enclave_request m = { .type = ENCLAVE_TAKE_OVER };
    memcpy(m.u.take_over.predecessor, f->predecessor, 32);
    memcpy(m.u.take_over.account, f->account, 32);
    memcpy(m.u.take_over.envelope, f->envelope, sizeof(f->envelope));
    TRY(enclave_link_call(&h->link, &h->answer, no_room, &m, nothing));
    const struct enclave_take_over_reply *r = &h->answer.reply.u.take_over;
    memcpy(h->lineage, r->lineage, 32);
    memcpy(f->taken, r->signature, sizeof(f->taken));
    TRY(host_log_keys(&h->log, r->sealed));
    f->stage = HANDOVER_TAKEN;
    return save(h);
}

/* ---- what is asked ------------------------------------------------------------------------- */

static enum err step(struct host *h, struct node_handed *out, uint8_t room[ENCLAVE_EVIDENCE_MAX],
                     const struct node_hand_over *m)
{
    const struct handover_file *f = &h->handover;
    bool closed = host_handover_pending(h);
    bool taken = f->stage == HANDOVER_TAKEN && memcmp(f->successor, h->worker, 32) == 0;
    bool offered =
        f->stage != HANDOVER_NONE && !taken && memcmp(f->predecessor, h->worker, 32) == 0;
    switch ((enum node_hand_over_step)m->step) {
    case NODE_HAND_OVER_LOOK:
        return OK;
    case NODE_HAND_OVER_OFFER:
        return closed && !taken ? ERR_STATE : offer(h, m);
    case NODE_HAND_OVER_GIVE:
        if (!offered)
            return ERR_STATE;
        return closed ? OK : give(h, m);
    case NODE_HAND_OVER_SHOW:
        return offered && !closed ? show(h, out, room, m) : ERR_STATE;
    case NODE_HAND_OVER_SWITCH:
        if (!closed || taken)
            return taken ? OK : ERR_STATE;
        enclave_link_stop(&h->link);
        return host_start(h);
    }
    return ERR_RANGE;
}

enum err host_handover(struct host *h, struct node_handed *out, uint8_t room[ENCLAVE_EVIDENCE_MAX],
                       const struct node_hand_over *m)
{
    *out = (struct node_handed){ 0 };
    pthread_mutex_lock(&h->lock);
    enum err e = step(h, out, room, m);
    const struct handover_file *f = &h->handover;
    bool closed = host_handover_pending(h);
    /* An envelope without its record is none: the enclave would have to give it again. */
    out->stage = f->stage == HANDOVER_GIVEN && !closed ? HANDOVER_OFFERED : f->stage;
    memcpy(out->predecessor, f->predecessor, 32);
    memcpy(out->successor, f->successor, 32);
    pthread_mutex_unlock(&h->lock);
    log_info("hand-over", "step=%u stage=%u result=\"%s\"", m->step, out->stage, err_text(e));
    return e;
}

enum err host_succession(struct host *h, uint8_t out[ENCLAVE_EVIDENCE_MAX],
                         struct node_succession *s, const struct node_register *m)
{
    struct enclave_request rq = { .type = ENCLAVE_EVIDENCE };
    const struct handover_file *f = &h->handover;
    memcpy(rq.u.evidence.account, m->account, 32);
    memcpy(rq.u.evidence.block_hash, m->block_hash, 32);
    *s = (struct node_succession){ 0 };
    pthread_mutex_lock(&h->lock);
    rq.u.evidence.predecessor = span_of(f->predecessor, 32);
    enum err e = OK;
    if (f->stage != HANDOVER_TAKEN || memcmp(f->successor, h->worker, 32) != 0)
        e = ERR_STATE;
    else if (memcmp(m->chain, h->chain, 32) != 0 || memcmp(m->account, f->account, 32) != 0)
        e = ERR_DENIED;
    else
        e = enclave_link_call(&h->link, &h->answer, no_room, &rq, nothing);
    if (e == OK) {
        struct span evidence = h->answer.reply.u.evidence.evidence;
        memcpy(out, evidence.p, evidence.n);
        s->evidence = span_of(out, evidence.n);
        s->given = span_of(f->given, sizeof(f->given));
        s->taken = span_of(f->taken, sizeof(f->taken));
        memcpy(s->worker, f->successor, 32);
        memcpy(s->predecessor, f->predecessor, 32);
        memcpy(s->exchange, f->exchange, 32);
        memcpy(s->release, h->release_id, 32);
    }
    pthread_mutex_unlock(&h->lock);
    return e;
}
