/* Questions about what is sealed here. */
#include "ipfsd/gather.h"
#include "ipfsd/host_handover.h"
#include "ipfsd/p2p_node.h"
#include "ipfsd/p2p_self.h"
#include "ipfsd/reports.h"
#include "ipfsd/sealing.h"
#include "ipfsd/service.h"
#include "ipfsd/srd.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATUS_MAX = 32 << 10 };

enum err service_status(struct call *c)
{
    struct host_view view = { .status = { .storage = false } };
    struct p2p_self_texts self = { 0 };
    TRY(node_msg_decode_none(c->body));
    if (c->node->host != NULL)
        host_status(c->node->host, &view);
    if (c->node->p2p != NULL)
        p2p_self_get(p2p_node_self(c->node->p2p), &self);
    for (size_t i = 0; i < self.count; i++)
        view.status.peers[view.status.peer_count++] = span_str(self.texts[i]);
    struct writer w = call_reply_room(c, STATUS_MAX);
    node_msg_encode_status(&w, &view.status);
    call_reply_set(c, &w);
    return OK;
}

enum err service_register(struct call *c)
{
    struct node_register m;
    uint8_t evidence[ENCLAVE_EVIDENCE_MAX];
    size_t size;
    TRY(node_msg_decode_register(&m, c->body));
    TRY(host_evidence(c->node->host, evidence, &size, &m));
    struct node_evidence out = { .evidence = span_of(evidence, size) };
    memcpy(out.worker, c->node->host->worker, 32);
    struct writer w = call_reply_room(c, ENCLAVE_EVIDENCE_MAX + 256);
    node_msg_encode_evidence(&w, &out);
    call_reply_set(c, &w);
    return OK;
}

enum err service_hand_over(struct call *c)
{
    struct node_hand_over m;
    struct node_handed out;
    uint8_t evidence[ENCLAVE_EVIDENCE_MAX];
    TRY(node_msg_decode_hand_over(&m, c->body));
    enum err e = host_handover(c->node->host, &out, evidence, &m);
    if (e == ERR_DENIED)
        return call_fail(
            c, e, "crust node upgrade --help",
            "the enclave does not hand over: the certificate, or the program it names");
    TRY(e);
    struct writer w = call_reply_room(c, ENCLAVE_EVIDENCE_MAX + 256);
    node_msg_encode_handed(&w, &out);
    call_reply_set(c, &w);
    return OK;
}

enum err service_succession(struct call *c)
{
    struct node_register m;
    struct node_succession out;
    uint8_t evidence[ENCLAVE_EVIDENCE_MAX];
    TRY(node_msg_decode_register(&m, c->body));
    TRY(host_succession(c->node->host, evidence, &out, &m));
    struct writer w = call_reply_room(c, ENCLAVE_EVIDENCE_MAX + 512);
    node_msg_encode_succession(&w, &out);
    call_reply_set(c, &w);
    return OK;
}

static void reply_sealed(struct call *c, const struct node_sealed *s)
{
    struct writer w = call_reply_room(c, 512);
    node_msg_encode_sealed(&w, s);
    call_reply_set(c, &w);
}

enum err service_seal(struct call *c)
{
    struct node_seal m;
    struct node_sealed out;
    TRY(node_msg_decode_seal(&m, c->body));
    TRY(sealing_run(c, &m, &out));
    reply_sealed(c, &out);
    return OK;
}

enum err service_remove(struct call *c)
{
    struct node_key m;
    TRY(node_msg_decode_key(&m, c->body));
    return host_remove_file(c->node->host, &m.key);
}

enum err service_fill(struct call *c)
{
    struct node_size m;
    uint64_t made;
    TRY(node_msg_decode_size(&m, c->body));
    enum err e = srd_fill(c, m.size, &made);
    if (e != OK && made == 0)
        return e;
    call_reply_size(c, made);
    return OK;
}

enum err service_release(struct call *c)
{
    struct node_size m;
    uint64_t released;
    TRY(node_msg_decode_size(&m, c->body));
    enum err e = srd_release(c, m.size, &released);
    if (e != OK && released == 0)
        return e;
    call_reply_size(c, released);
    return OK;
}

enum err service_report(struct call *c)
{
    struct node_report m;
    size_t size;
    TRY(node_msg_decode_report(&m, c->body));
    uint8_t *report = malloc(REPORTS_SIZE_MAX);
    if (report == NULL)
        return ERR_MEMORY;
    enum err e = reports_make(c, &m, report, &size);
    /* The enclave has ended in the middle of it. Whatever it had agreed to is in the journal. */
    if (e == ERR_CLOSED && !call_gone(c) && host_revive(c->node->host) == OK)
        e = reports_make(c, &m, report, &size);
    if (e == OK) {
        const struct node_bytes out = { span_of(report, size) };
        struct writer w = call_reply_room(c, REPORTS_SIZE_MAX + 64);
        node_msg_encode_bytes(&w, &out);
        call_reply_set(c, &w);
    }
    free(report);
    return e;
}

enum err service_accepted(struct call *c)
{
    struct node_accepted m;
    TRY(node_msg_decode_accepted(&m, c->body));
    enum err e = host_accepted(c->node->host, m.s);
    if (e == ERR_NOT_FOUND)
        return call_fail(c, e, "crust doctor", "this node has no state with that S");
    return e;
}

enum err service_replica_next(struct call *c)
{
    struct node_key m;
    struct node_sealed out;
    struct replicas_entry entry;
    TRY(node_msg_decode_key(&m, c->body));
    TRY(replicas_next(&c->node->host->index, &entry, m.key.codec != 0 ? &m.key : NULL));
    enum err e = host_sealed(c->node->host, &out, &entry);
    if (e != OK) /* its disk is away: what the trees say is in the entry */
        out =
            (struct node_sealed){ .key = entry.key, .volume = entry.volume, .index = entry.index };
    reply_sealed(c, &out);
    return OK;
}

/* One of the things that can be done to a disk, by its number. */
static enum err with_disk(struct call *c, enum err (*fn)(struct host *h, uint32_t volume))
{
    struct node_size m;
    TRY(node_msg_decode_size(&m, c->body));
    enum err e = m.size < WORK_VOLUMES ? fn(c->node->host, (uint32_t)m.size) : ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND)
        return call_fail(c, e, "crust disk list", "this node has no volume %llu",
                         (unsigned long long)m.size);
    if (e == ERR_STATE) {
        char text[DISKS_TEXT_MAX];
        disks_text(&c->node->host->disks, (uint32_t)m.size, text);
        return call_fail(c, e, "crust disk list", "volume %u is %s", (unsigned)m.size, text);
    }
    return e;
}

enum err service_drop_volume(struct call *c)
{
    return with_disk(c, host_drop_volume);
}

enum err service_disk_stop(struct call *c)
{
    return with_disk(c, host_stop_disk);
}

enum err service_disk_resume(struct call *c)
{
    return with_disk(c, host_resume_disk);
}

/* ---- into the block store ---- */

static enum err store_block(void *ctx, const struct content_key *key, struct span data)
{
    struct call *c = ctx;
    struct storer_op op = { .kind = STORER_PUT, .client = c->connection, .data = data };
    op.key.codec = key->codec;
    memcpy(op.key.digest, key->digest, sizeof(op.key.digest));
    TRY(storer_run(&c->node->storer, &op));
    /* Only how often it is linked matters here, not where it lies. */
    return OK;
}

enum err service_fetch(struct call *c)
{
    static atomic_uint next;
    char scratch[SETTINGS_PATH_MAX + 32];
    struct node_seal m;
    TRY(node_msg_decode_seal(&m, c->body));
    struct gather g = { .call = c, .order = &m, .phase = "fetch", .block = store_block, .ctx = c };
    (void)snprintf(scratch, sizeof(scratch), "%s/fetch-%u.mdb", c->node->settings.store,
                   atomic_fetch_add(&next, 1));
    enum err e = gather_open(&g, scratch);
    if (e == OK)
        e = gather_run(&g);
    struct storer_op commit = { .kind = STORER_COMMIT, .client = c->connection };
    if (e == OK)
        e = storer_run(&c->node->storer, &commit);
    const struct node_progress p = { span_str("fetch"), g.bytes, g.bytes, 0 };
    gather_close(&g);
    if (e == OK)
        call_reply_progress(c, &p);
    return e;
}
