/* The vendors' documents of collateral-folder: read beside the loop, compared with what the chain
 * has, and posted one after the other. */
#include "agentd/agent.h"

#include "agentd/evidence.h"
#include "agentd/plan_collateral.h"
#include "api/chain_client_attest.h"
#include "attest/attest.h"
#include "chain/registry.h"
#include "chain/result.h"
#include "rt/folder.h"
#include "rt/log.h"

#include <stdlib.h>

enum {
    KEPT_MAX = 2000,
    FILES_MAX = 8 << 20,      /* bytes of all files */
    DOCUMENT_MAX = 64 * 1024, /* of one */
    DAY = 86400,
};

/* What is asked of the chain, in this order. */
enum asking { ASK_DOCUMENTS, ASK_ROOTS, ASK_ROOT_CRL, ASK_EVIDENCE, ASK_END };

struct agent_collateral {
    struct agent *agent;
    struct plan_collateral plan;
    enum err folder_was; /* what it was at the last look */
    enum asking asking;
    struct chain_client_documents page;
    struct collateral_entry kept[KEPT_MAX];
    size_t kept_count;
    struct attest_roots roots;
    uint8_t roots_room[CHAIN_CLIENT_ROOTS_ROOM];
    size_t root_crl_size;
    uint8_t root_crl[DOCUMENT_MAX];
    struct needs needs; /* of this machine; count 0: not known */
    uint8_t evidence[ATTEST_EVIDENCE_MAX];
    uint32_t lapsing;
    /* A worker thread has these while it looks and compares, and the ones above it reads. */
    uint8_t mark[32];
    enum err result;
    uint64_t time;
    struct bundle files;
    struct bundle_plan posts;
    uint8_t room[FILES_MAX];
};

static uint64_t now_s(const struct agent *a)
{
    return a->view.chain.time_ms / 1000;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static void look(void *ctx)
{
    struct agent_collateral *c = ctx;
    c->result = folder_mark(c->mark, c->agent->settings.documents);
}

static void looked(void *ctx)
{
    struct agent_collateral *c = ctx;
    if (c->result != OK && c->folder_was == OK)
        log_warn("collateral-folder", "path=\"%s\" reason=\"%s\"", c->agent->settings.documents,
                 err_text(c->result));
    c->folder_was = c->result;
    plan_collateral_looked(&c->plan, c->mark, agent_now(c->agent));
    agent_collateral_step(c->agent);
}

static enum err take(void *ctx, struct span content)
{
    return bundle_take(ctx, content);
}

/* Signatures over a whole folder take up to half a second. */
static void compare(void *ctx)
{
    struct agent_collateral *c = ctx;
    const struct bundle_kept kept = { c->kept, c->kept_count,
                                      span_of(c->root_crl, c->root_crl_size) };
    memset(&c->files, 0, sizeof(c->files));
    c->files.room = (struct mspan){ c->room, sizeof(c->room) };
    c->result = folder_each(c->agent->settings.documents, DOCUMENT_MAX, take, &c->files);
    bundle_plan(&c->posts, &c->files, &kept, &c->roots, c->time);
}

static void warn_of_lapses(struct agent_collateral *c)
{
    struct plan_collateral_lapse lapsing[NEEDS_MAX];
    const struct bundle_kept kept = { c->kept, c->kept_count, { NULL, 0 } };
    c->lapsing = plan_collateral_lapsing(lapsing, &c->needs, &kept, &c->posts, c->time);
    if (!plan_collateral_tells(&c->plan, lapsing, c->lapsing, agent_now(c->agent)))
        return;
    for (uint32_t i = 0; i < c->lapsing; i++) {
        const struct plan_collateral_lapse *l = &lapsing[i];
        log_warn("collateral-lapses",
                 "document=%s state=%s days=%llu next=\"crust attest collateral fetch, into %s\"",
                 registry_kind_name(l->kind),
                 l->lapses == 0        ? "missing"
                 : l->lapses < c->time ? "lapsed"
                                       : "soon",
                 (unsigned long long)(l->lapses < c->time ? 0 : (l->lapses - c->time) / DAY),
                 c->agent->settings.documents);
    }
}

static void compared(void *ctx)
{
    struct agent_collateral *c = ctx;
    if (c->result == ERR_LIMIT)
        log_warn("collateral-folder", "path=\"%s\" reason=\"too many files: the rest is not read\"",
                 c->agent->settings.documents);
    log_info("collateral-compared", "files=%zu newer=%zu old=%zu bad=%zu", c->files.count,
             c->posts.count, c->posts.old, c->posts.bad);
    warn_of_lapses(c);
    plan_collateral_compared(&c->plan, OK, c->posts.count, agent_now(c->agent));
    agent_collateral_step(c->agent);
}

/* ---- the chain ------------------------------------------------------------------------------- */

static void ask(struct agent_collateral *c);

static void give_up(struct agent_collateral *c, enum err e)
{
    log_warn("collateral-not-compared", "reason=\"%s\"", err_text(e));
    plan_collateral_compared(&c->plan, e, 0, agent_now(c->agent));
}

static enum err take_documents(struct agent_collateral *c, struct span body)
{
    TRY(chain_client_decode_documents(&c->page, body));
    for (size_t i = 0; i < c->page.count; i++) {
        if (c->kept_count == KEPT_MAX)
            return ERR_LIMIT;
        c->kept[c->kept_count++] = c->page.items[i].entry;
    }
    if (c->page.cursor[0] == '\0')
        c->asking++;
    return OK;
}

static enum err take_evidence(struct agent_collateral *c, uint16_t status, struct span body)
{
    size_t size;
    const struct mspan room = { c->evidence, sizeof(c->evidence) };
    c->asking++;
    memset(&c->needs, 0, sizeof(c->needs));
    if (status != 200)
        return OK; /* it stands on none */
    TRY(chain_client_decode_evidence(&size, room, body));
    if (evidence_needs(&c->needs, span_of(c->evidence, size)) != OK)
        c->needs.count = 0; /* then nothing is warned of; documents are posted all the same */
    return OK;
}

static enum err take_answer(struct agent_collateral *c, uint16_t status, struct span body)
{
    const struct mspan crl = { c->root_crl, sizeof(c->root_crl) };
    if (c->asking == ASK_EVIDENCE)
        return take_evidence(c, status, body);
    if (status != 200)
        return ERR_FORMAT;
    switch (c->asking) {
    case ASK_DOCUMENTS:
        return take_documents(c, body);
    case ASK_ROOTS:
        c->asking++;
        return chain_client_decode_roots(&c->roots, c->roots_room, body);
    case ASK_ROOT_CRL:
        c->asking++;
        return chain_client_decode_document(&c->root_crl_size, crl, body);
    case ASK_EVIDENCE:
    case ASK_END:
        break;
    }
    return ERR_STATE;
}

static void answered(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct agent_collateral *c = ctx;
    if (e == OK)
        e = take_answer(c, status, body);
    if (e == OK)
        ask(c);
    else
        give_up(c, e);
}

static const struct collateral_entry *kept_root_crl(const struct agent_collateral *c)
{
    for (size_t i = 0; i < c->kept_count; i++) {
        if (c->kept[i].kind == COLLATERAL_ROOT_CRL)
            return &c->kept[i];
    }
    return NULL;
}

/* Where the next answer is to be had; what is not to be asked is passed over. */
static void path_of(char path[CHAIN_CLIENT_PATH_MAX], struct agent_collateral *c)
{
    const struct view *v = &c->agent->view;
    char cursor[CHAIN_CLIENT_CURSOR_MAX];
    path[0] = '\0';
    if (c->asking == ASK_DOCUMENTS) {
        memcpy(cursor, c->page.cursor, sizeof(cursor));
        chain_client_documents_path(path, cursor);
    }
    if (c->asking == ASK_ROOTS)
        memcpy(path, CHAIN_CLIENT_ROOTS, sizeof(CHAIN_CLIENT_ROOTS));
    if (c->asking == ASK_ROOT_CRL && kept_root_crl(c) == NULL)
        c->asking++;
    if (c->asking == ASK_ROOT_CRL)
        chain_client_document_path(path, kept_root_crl(c)->id);
    if (c->asking == ASK_EVIDENCE && !v->worker_known)
        c->asking++;
    if (c->asking == ASK_EVIDENCE)
        chain_client_evidence_path(path, v->node.worker);
}

static void ask(struct agent_collateral *c)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    path_of(path, c);
    enum err e = c->asking == ASK_END ? loop_work(c->agent->loop, compare, compared, c)
                                      : chain_link_get(&c->agent->chain, path, answered, c);
    if (e != OK)
        give_up(c, e);
}

static void begin(struct agent_collateral *c)
{
    c->asking = ASK_DOCUMENTS;
    c->page.cursor[0] = '\0';
    c->kept_count = c->root_crl_size = 0;
    c->time = now_s(c->agent);
    ask(c);
}

/* ---- posts ----------------------------------------------------------------------------------- */

static void post(struct agent_collateral *c)
{
    struct agent *a = c->agent;
    const struct bundle_step *s = &c->posts.steps[c->plan.step];
    struct tx_call call = { .kind = TX_COLLATERAL_POST };
    uint64_t ahead = a->view.params.expiry_max_blocks;
    call.collateral.kind = s->post.kind;
    call.collateral.issuer = s->post.issuer;
    call.collateral.document = s->post.document;
    tx_link_submit(&a->txs, TX_LANE_COLLATERAL, &call, a->view.chain.chain,
                   a->view.chain.height +
                       (ahead < AGENT_EXPIRY_BLOCKS ? ahead : AGENT_EXPIRY_BLOCKS));
}

void agent_collateral_sent(struct agent *a, enum err e, uint32_t result, uint64_t height)
{
    struct agent_collateral *c = a->collateral;
    const struct bundle_step *s = &c->posts.steps[c->plan.step];
    const char *kind = registry_kind_name(s->entry.kind);
    if (plan_collateral_sent(&c->plan, e, result, agent_now(a)))
        log_info("collateral-posted", "document=%s height=%llu lapses=%llu days=%llu", kind,
                 (unsigned long long)height, (unsigned long long)s->entry.lapses,
                 (unsigned long long)((s->entry.lapses - c->time) / DAY));
    else
        log_warn("collateral-not-posted", "document=%s reason=%s", kind,
                 e != OK ? err_name(e) : result_name(result));
}

void agent_collateral_step(struct agent *a)
{
    struct agent_collateral *c = a->collateral;
    if (c == NULL || !a->view.chain_known)
        return;
    switch (plan_collateral_next(&c->plan, agent_now(a))) {
    case PLAN_COLLATERAL_NOTHING:
        return;
    case PLAN_COLLATERAL_LOOK:
        if (loop_work(a->loop, look, looked, c) != OK)
            plan_collateral_looked(&c->plan, c->mark, agent_now(a)); /* later */
        return;
    case PLAN_COLLATERAL_COMPARE:
        begin(c);
        return;
    case PLAN_COLLATERAL_POST:
        post(c);
        return;
    }
}

void agent_collateral_counts(const struct agent *a, uint64_t out[3])
{
    const struct agent_collateral *c = a->collateral;
    out[0] = c == NULL ? 0 : c->plan.posted;
    out[1] = c == NULL ? 0 : c->plan.refused;
    out[2] = c == NULL ? 0 : c->lapsing;
}

enum err agent_collateral_open(struct agent *a)
{
    if (a->settings.documents[0] == '\0')
        return OK;
    a->collateral = calloc(1, sizeof(*a->collateral));
    if (a->collateral == NULL)
        return ERR_MEMORY;
    a->collateral->agent = a;
    return OK;
}

void agent_collateral_close(struct agent *a)
{
    free(a->collateral);
    a->collateral = NULL;
}
