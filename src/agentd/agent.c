/* Doing what the plan wants. */
#include "agentd/agent.h"

#include "agentd/decisions.h"
#include "agentd/evidence.h"
#include "agentd/plan_urls.h"
#include "agentd/status.h"
#include "attest/attest.h"
#include "chain/result.h"
#include "rt/log.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <stdlib.h>

uint64_t agent_now(const struct agent *a)
{
    return loop_now_ms(a->loop);
}

/* What crust-ipfsd holds has changed or may have: nothing is decided before it is read again. */
static void node_changed(struct agent *a)
{
    a->view.node_fresh = false;
    agent_read_node(a);
}

static void submit(struct agent *a, enum tx_lane lane, const struct tx_call *call, uint64_t expiry)
{
    tx_link_submit(&a->txs, lane, call, a->view.chain.chain, expiry);
}

static uint64_t expiry_soon(const struct agent *a)
{
    uint64_t ahead = a->view.params.expiry_max_blocks;
    return a->view.chain.height + (ahead < AGENT_EXPIRY_BLOCKS ? ahead : AGENT_EXPIRY_BLOCKS);
}

/* ---- the worker
 * -------------------------------------------------------------------------------- */

static void on_evidence(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    struct node_evidence ev = { 0 };
    (void)more;
    if (e == OK)
        e = node_msg_decode_evidence(&ev, body);
    if (e == OK && ev.evidence.n > sizeof(a->evidence))
        e = ERR_LIMIT;
    if (e == OK && evidence_trouble(ev.evidence)[0] != '\0') {
        why = evidence_trouble(ev.evidence);
        e = ERR_UNSUPPORTED;
    }
    if (e == OK) {
        memcpy(a->evidence, ev.evidence.p, ev.evidence.n);
        a->evidence_size = ev.evidence.n;
        if (memcmp(a->view.node.worker, ev.worker, 32) != 0) {
            memcpy(a->view.node.worker, ev.worker, 32);
            a->view.worker_asked = a->view.worker_known = a->view.work_known = false;
            agent_read(a);
        }
    } else {
        log_warn("no-evidence", "reason=\"%s\"", why[0] != '\0' ? why : err_text(e));
    }
    plan_worker_evidence(&a->worker, ev.worker, e, why[0] != '\0' ? why : err_text(e),
                         agent_now(a));
    agent_step(a);
}

static void on_succession(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    struct node_succession s = { 0 };
    (void)more;
    if (e == OK)
        e = node_msg_decode_succession(&s, body);
    if (e == OK && (s.evidence.n > sizeof(a->evidence) || s.given.n != 64 || s.taken.n != 64))
        e = ERR_FORMAT;
    if (e == OK) {
        struct tx_worker_succeed *t = &a->succession;
        memcpy(a->evidence, s.evidence.p, s.evidence.n);
        a->evidence_size = s.evidence.n;
        memcpy(t->worker, s.worker, 32);
        memcpy(t->release, s.release, 32);
        memcpy(t->predecessor, s.predecessor, 32);
        memcpy(t->exchange, s.exchange, 32);
        memcpy(t->given, s.given.p, 64);
        memcpy(t->taken, s.taken.p, 64);
    } else {
        log_warn("no-succession", "reason=\"%s\"", why[0] != '\0' ? why : err_text(e));
    }
    plan_worker_evidence(&a->worker, s.worker, e, why[0] != '\0' ? why : err_text(e), agent_now(a));
    agent_step(a);
}

static bool has_predecessor(const struct agent *a)
{
    static const uint8_t nobody[32];
    return memcmp(a->view.node.predecessor, nobody, 32) != 0;
}

static void ask_evidence(struct agent *a)
{
    struct node_register rq = { .block_height = a->view.chain.height };
    memcpy(rq.account, a->view.account, 32);
    memcpy(rq.chain, a->view.chain.chain, 32);
    memcpy(rq.block_hash, a->view.chain.block_hash, 32);
    attest_release_id(rq.release, span_str(a->settings.release));
    struct writer w = node_link_body(&a->node);
    node_msg_encode_register(&w, &rq);
    /* Of a successor whom the chain knows already it is asked as of anybody. */
    a->succeeds = has_predecessor(a) && !a->view.worker_known;
    enum err e =
        node_link_ask(&a->node, a->succeeds ? NODE_SUCCESSION : NODE_REGISTER, &w,
                      AGENT_REPORT_SILENCE_MS, a->succeeds ? on_succession : on_evidence, a);
    if (e != OK)
        plan_worker_evidence(&a->worker, rq.account, e, "crust-ipfsd is not connected",
                             agent_now(a));
}

/* worker.register, or worker.attest: they have the same arguments. */
static void send_evidence(struct agent *a, enum tx_kind kind)
{
    struct tx_call call = { .kind = kind };
    struct tx_worker_register *r = &call.worker_register;
    /* A successor must never register as a new worker: its lineage would be lost. */
    if (kind == TX_WORKER_REGISTER && has_predecessor(a) != a->succeeds) {
        plan_worker_sent(&a->worker, ERR_STATE, 0, 0, agent_now(a));
        return;
    }
    if (kind == TX_WORKER_REGISTER && a->succeeds) {
        call.kind = TX_WORKER_SUCCEED;
        call.worker_succeed = a->succession;
        call.worker_succeed.block = a->worker.evidence_height;
        call.worker_succeed.evidence = span_of(a->evidence, a->evidence_size);
        submit(a, TX_LANE_WORKER, &call, expiry_soon(a));
        return;
    }
    r->block = a->worker.evidence_height;
    memcpy(r->worker, a->worker.worker, 32);
    attest_release_id(r->release, span_str(a->settings.release));
    r->evidence = span_of(a->evidence, a->evidence_size);
    submit(a, TX_LANE_WORKER, &call, expiry_soon(a));
}

/* A transaction may be signed later, when the view is another one. */
static void keep_urls(struct agent *a, struct tx_urls *urls)
{
    for (uint32_t i = 0; i < urls->count; i++) {
        memcpy(a->urls[i], urls->urls[i].p, urls->urls[i].n);
        urls->urls[i].p = (const uint8_t *)a->urls[i];
    }
}

static bool step_worker(struct agent *a)
{
    struct plan_worker_effect f =
        plan_worker_next(&a->worker, &a->view, &a->settings.worker, agent_now(a));
    struct tx_call call = { .kind = TX_WORKER_DEPOSIT };
    switch (f.what) {
    case PLAN_WORKER_NOTHING:
        return false;
    case PLAN_WORKER_ASK_EVIDENCE:
        ask_evidence(a);
        return true;
    case PLAN_WORKER_REGISTER:
        send_evidence(a, TX_WORKER_REGISTER);
        return true;
    case PLAN_WORKER_ATTEST:
        log_info("attestation-shown", "block=%llu", (unsigned long long)a->worker.evidence_height);
        send_evidence(a, TX_WORKER_ATTEST);
        return true;
    case PLAN_WORKER_COLLATERAL:
        call.kind = TX_MERCHANT_DEPOSIT;
        break;
    case PLAN_WORKER_URLS:
        call.kind = TX_MERCHANT_URLS;
        if (plan_urls_make(&call.urls, &a->view)) {
            log_info("places-announced", "url=\"%s\" peer=\"%s\"", a->view.gateway,
                     a->view.texts.list[0]);
            keep_urls(a, &call.urls);
        }
        submit(a, TX_LANE_WORKER, &call, expiry_soon(a));
        return true;
    case PLAN_WORKER_DEPOSIT:
        memcpy(call.funds.worker, a->view.node.worker, 32);
        break;
    }
    call.funds.amount = f.amount;
    submit(a, TX_LANE_WORKER, &call, expiry_soon(a));
    return true;
}

/* ---- reports
 * ----------------------------------------------------------------------------------- */

static void on_report(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    struct node_bytes report;
    if (more)
        return;
    if (e == OK)
        e = node_msg_decode_bytes(&report, body);
    if (e == OK && report.bytes.n > sizeof(a->report_bytes))
        e = ERR_LIMIT;
    if (e != OK)
        log_warn("no-report", "slot=%llu reason=\"%s\"", (unsigned long long)a->report.slot,
                 why[0] != '\0' ? why : err_text(e));
    plan_report_made(&a->report, e, why[0] != '\0' ? why : err_text(e), agent_now(a));
    node_changed(a); /* it may have cut a step */
    if (e == OK) {
        memcpy(a->report_bytes, report.bytes.p, report.bytes.n);
        a->report_size = report.bytes.n;
        struct tx_call call = { .kind = TX_REPORT };
        call.report = span_of(a->report_bytes, a->report_size);
        uint64_t last =
            a->report.slot * a->view.params.slot_blocks + a->view.params.report_blocks - 1;
        submit(a, TX_LANE_REPORT, &call, last);
    }
    agent_step(a);
}

static bool step_report(struct agent *a)
{
    struct node_report rq;
    uint64_t now = agent_now(a);
    if (!plan_report_next(&a->report, &rq, a->state, &a->view, now))
        return false;
    struct writer w = node_link_body(&a->node);
    node_msg_encode_report(&w, &rq);
    enum err e = node_link_ask(&a->node, NODE_REPORT, &w, AGENT_REPORT_SILENCE_MS, on_report, a);
    if (e != OK)
        plan_report_made(&a->report, e, err_text(e), now);
    return true;
}

static void on_told(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    (void)more;
    (void)body;
    if (e != OK)
        log_warn("not-told", "reason=\"%s\"", why);
    plan_report_told(&a->report, e, agent_now(a));
    node_changed(a); /* what was removed is free now */
    agent_step(a);
}

static bool step_tell(struct agent *a)
{
    struct node_accepted rq;
    uint64_t now = agent_now(a);
    if (!plan_report_tell(&a->report, &rq, &a->view, now))
        return false;
    struct writer w = node_link_body(&a->node);
    node_msg_encode_accepted(&w, &rq);
    enum err e = node_link_ask(&a->node, NODE_ACCEPTED, &w, AGENT_ASK_SILENCE_MS, on_told, a);
    if (e != OK)
        plan_report_told(&a->report, e, now);
    return true;
}

/* ---- room and money
 * ---------------------------------------------------------------------------- */

static void on_room(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    struct node_size size = { 0 };
    if (more)
        return;
    if (e == OK)
        e = node_msg_decode_size(&size, body);
    const char *what = a->room.doing == PLAN_ROOM_FILL ? "filled" : "gave-up-extents";
    if (e != OK)
        log_warn(what, "reason=\"%s\"", why);
    else
        log_info(what, "bytes=%llu", (unsigned long long)size.size);
    plan_room_done(&a->room, &a->view, e, size.size, agent_now(a));
    node_changed(a);
    agent_step(a);
}

static bool step_room(struct agent *a)
{
    if (!a->view.node_fresh)
        return false;
    uint64_t now = agent_now(a);
    struct plan_room_effect f =
        plan_room_next(&a->room, &a->view, &a->settings.room, plan_order_need(&a->orders), now);
    if (f.what == PLAN_ROOM_NOTHING)
        return false;
    struct writer w = node_link_body(&a->node);
    const struct node_size rq = { .size = f.bytes };
    node_msg_encode_size(&w, &rq);
    enum err e = node_link_ask(&a->node, f.what == PLAN_ROOM_FILL ? NODE_FILL : NODE_RELEASE, &w,
                               AGENT_SEAL_SILENCE_MS, on_room, a);
    if (e != OK)
        plan_room_done(&a->room, &a->view, e, 0, now);
    return true;
}

static bool step_money(struct agent *a)
{
    uint32_t row;
    struct tx_call call = { .kind = TX_MERCHANT_CLAIM };
    switch (
        plan_money_next(&a->money, &row, &a->orders, &a->view, &a->settings.orders, agent_now(a))) {
    case PLAN_MONEY_NOTHING:
        return false;
    case PLAN_MONEY_SETTLE:
        call.kind = TX_SETTLE;
        memcpy(call.entry.order, a->orders.rows[row].id, 32);
        break;
    case PLAN_MONEY_CLAIM:
        break;
    }
    submit(a, TX_LANE_MONEY, &call, expiry_soon(a));
    return true;
}

static void on_tx(void *ctx, enum tx_lane lane, enum err e, uint32_t result, uint64_t height)
{
    struct agent *a = ctx;
    uint64_t now = agent_now(a);
    switch (lane) {
    case TX_LANE_REPORT:
        plan_report_sent(&a->report, e, result, height, now);
        log_info("report", "slot=%llu first=%d result=%s height=%llu",
                 (unsigned long long)a->report.slot, a->report.first,
                 e != OK ? err_name(e) : result_name(result), (unsigned long long)height);
        break;
    case TX_LANE_WORKER:
        plan_worker_sent(&a->worker, e, result, height, now);
        break;
    case TX_LANE_MONEY:
        plan_money_sent(&a->money, &a->orders, e, result, height, now);
        break;
    case TX_LANE_COLLATERAL:
        agent_collateral_sent(a, e, result, height);
        break;
    case TX_LANES:
        break;
    }
    agent_read(a);
}

/* ---- the beacon ---- */

static void on_contributed(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct agent *a = ctx;
    struct chain_client_tx answer = { .state = CHAIN_CLIENT_TX_PENDING };
    if (e == OK && (status >= 500 || chain_client_decode_tx(&answer, body) != OK))
        e = ERR_FORMAT;
    /* A block that holds this very transaction: as good as being told that it is a repetition. */
    if (e == OK && answer.state == CHAIN_CLIENT_TX_DONE && answer.code == RESULT_OK)
        answer.code = RESULT_BEACON_REPEATED;
    plan_beacon_sent(&a->beacon, &a->view, e, answer.code, agent_now(a));
    log_info("contribution", "slot=%llu result=%s", (unsigned long long)a->beacon.slot,
             e != OK ? err_name(e) : result_name(answer.code));
}

static bool step_beacon(struct agent *a)
{
    uint8_t room[PLAN_BEACON_TX_MAX];
    struct span tx;
    uint64_t now = agent_now(a);
    if (!a->has_beacon_key ||
        !plan_beacon_next(&a->beacon, &tx, room, &a->view, &a->beacon_key, now))
        return false;
    enum err e = chain_link_post(&a->chain, tx, on_contributed, a);
    if (e != OK)
        plan_beacon_sent(&a->beacon, &a->view, e, 0, now);
    return true;
}

/* ---- the whole
 * --------------------------------------------------------------------------------- */

static void tell_fork(struct agent *a)
{
    const struct view *v = &a->view;
    if (v->node_fresh && v->work_known && !view_is_fork(v))
        a->fork_told = false;
    if (a->fork_told || !view_is_fork(v))
        return;
    a->fork_told = true;
    log_error("enclave-is-a-fork", "step=%llu chain_step=%llu next=\"%s\"",
              (unsigned long long)v->node.seq, (unsigned long long)v->work.volumes.seq,
              "put back the newest copy of crust-ipfsd's enclave folder and disks; see "
              "docs/guide/merchant.md");
}

void agent_step(struct agent *a)
{
    tell_fork(a);
    /* Each of these starts at most one thing and is busy then; so this ends. */
    while (step_beacon(a) || step_tell(a) || step_report(a) || step_worker(a) || step_room(a) ||
           step_money(a))
        ;
    agent_collateral_step(a);
    agent_orders_step(a);
}

static void on_tick(void *ctx)
{
    struct agent *a = ctx;
    node_link_step(&a->node);
    agent_read_node(a);
    if (a->reading == AGENT_READ_IDLE && agent_now(a) >= a->next_read_ms)
        agent_read(a);
    tx_link_step(&a->txs, a->view.chain.height);
    agent_step(a);
}

static void on_block(void *ctx)
{
    agent_read(ctx);
}

static void on_node(void *ctx)
{
    struct agent *a = ctx;
    a->view.node_known = false;
    a->view.node_fresh = false;
    plan_order_node_lost(&a->orders, &a->view);
    agent_orders_node_new(a);
    agent_read_node(a);
}

static enum err tables_new(struct agent *a)
{
    struct order *rows = calloc(ORDERS_MAX, sizeof(*rows));
    uint32_t *slots = calloc(ORDERS_SLOTS, sizeof(*slots));
    orders_init(&a->orders, rows, slots);
    return rows == NULL || slots == NULL ? ERR_MEMORY : OK;
}

enum err agent_open(struct agent *a)
{
    memcpy(a->view.account, a->key.public_key, 32);
    if (a->settings.beacon_file[0] != '\0') {
        enum err e = seed_file_read(&a->beacon_key, a->settings.beacon_file);
        if (e != OK) {
            log_error("beacon-key-unreadable", "path=\"%s\" reason=\"%s\"", a->settings.beacon_file,
                      err_text(e));
            return e;
        }
        a->has_beacon_key = true;
    }
    for (size_t i = 0; i < AGENT_SEALS_MAX; i++)
        a->seals[i].agent = a;
    TRY(path_make_dirs(a->settings.folder, 0700));
    a->scratch = malloc(sizeof(*a->scratch));
    if (a->scratch == NULL)
        return ERR_MEMORY;
    TRY(tables_new(a));
    TRY(agent_collateral_open(a));
    TRY(decisions_open(&a->decisions, a->settings.folder));
    TRY(loop_new(&a->loop, 0));
    TRY(loop_signals_start(a->loop));
    TRY(chain_link_open(&a->chain, a->loop, &a->settings, on_block, a));
    tx_link_init(&a->txs, &a->chain, a->loop, &a->key, on_tx, a);
    TRY(node_link_init(&a->node, a->loop, a->settings.ipfsd, on_node, a));
    TRY(status_open(a));
    a->timer = loop_timer_new(a->loop, on_tick, a);
    if (a->timer == NULL)
        return ERR_MEMORY;
    loop_timer_start(a->timer, 1, AGENT_TICK_MS);
    return OK;
}

void agent_close(struct agent *a)
{
    status_close(a);
    if (a->loop != NULL) {
        node_link_close(&a->node);
        chain_link_close(&a->chain);
        loop_timer_free(a->timer);
        loop_free(a->loop);
    }
    agent_collateral_close(a);
    ed25519_wipe(&a->beacon_key);
    decisions_close(a->decisions);
    free(a->scratch);
    free(a->orders.rows);
    free(a->orders.slots);
}
