/* Reading chain and crust-ipfsd into the view. */
#include "agentd/agent.h"

#include "agentd/plan_urls.h"
#include "base/arena.h"
#include "base/hex.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

static void read_step(struct agent *a);

static bool has_worker(const struct agent *a)
{
    static const uint8_t none[32];
    return a->view.node_known && memcmp(a->view.node.worker, none, 32) != 0;
}

/* On a worker thread: a busy disk takes seconds for it, and the loop has reports to send. */
static void write_height(void *ctx)
{
    struct agent_height *h = ctx;
    char text[32];
    int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)h->value);
    h->result = path_write_file(h->path, span_of(text, (size_t)n), 0600);
}

static void height_written(void *ctx)
{
    struct agent_height *h = ctx;
    h->busy = false;
    if (h->result != OK)
        log_warn("height-not-saved", "path=\"%s\" reason=\"%s\"", h->path, err_text(h->result));
}

/* It only saves reading old events again, so now and then is enough. */
static void save_height(struct agent *a)
{
    struct agent_height *h = &a->height;
    if (h->busy || a->next_event == h->value || (h->value != 0 && agent_now(a) < h->next_ms) ||
        path_join(h->path, sizeof(h->path), a->settings.folder, "height") != OK)
        return;
    h->value = a->next_event;
    h->next_ms = agent_now(a) + AGENT_HEIGHT_MS;
    h->busy = loop_work(a->loop, write_height, height_written, h) == OK;
}

static void load_height(struct agent *a)
{
    char path[SETTINGS_PATH_MAX + 16];
    struct mspan text;
    uint64_t height = a->view.chain.height;
    a->next_event = height + 1;
    if (path_join(path, sizeof(path), a->settings.folder, "height") != OK ||
        path_read_file(&text, path, 64) != OK)
        return;
    uint64_t saved = strtoull((const char *)text.p, NULL, 10);
    free(text.p);
    if (saved != 0 && saved <= height + 1 && height - saved < AGENT_BACKLOG_BLOCKS)
        a->next_event = a->height.value = saved;
}

/* The chain is shorter than it was: what we waited for at greater heights is open again. */
static void forked_back(struct agent *a, uint64_t height)
{
    log_warn("chain-went-back", "from=%llu to=%llu", (unsigned long long)a->view.chain.height,
             (unsigned long long)height);
    a->report.after = a->worker.after = a->money.after = 0;
    a->report.told = false;
    if (a->next_event > height + 1)
        a->next_event = height + 1;
    for (uint32_t i = 0; i < a->orders.count; i++) {
        struct order *r = &a->orders.rows[i];
        r->looked_at = 0;
        r->look = true;
        if (r->settled_at > height)
            r->settled_at = 0;
        if (r->decided_at > height)
            r->decided_at = height;
    }
}

static enum err take_status(struct agent *a, struct span body)
{
    struct view *v = &a->view;
    struct chain_client_status s;
    TRY(chain_client_decode_status(&s, body));
    if (a->settings.chain_id[0] != '\0' && strcmp(a->settings.chain_id, s.chain_id) != 0) {
        log_error("wrong-chain", "url=\"%s\" chain=\"%s\" want=\"%s\"", chain_link_url(&a->chain),
                  s.chain_id, a->settings.chain_id);
        return ERR_STATE;
    }
    bool first = v->chain.slot_blocks == 0;
    if (!first && memcmp(v->chain.genesis, s.genesis, 32) != 0) {
        log_error("other-genesis", "url=\"%s\" next=\"start crust-agentd anew for a new chain\"",
                  chain_link_url(&a->chain));
        return ERR_STATE;
    }
    if (!first && s.height < v->chain.height)
        forked_back(a, s.height);
    v->chain = s;
    if (first) {
        load_height(a);
        log_info("chain", "id=\"%s\" height=%llu slot=%llu", s.chain_id,
                 (unsigned long long)s.height, (unsigned long long)s.slot);
    }
    return OK;
}

static enum err take_worker(struct agent *a, uint16_t status, struct span body)
{
    struct view *v = &a->view;
    v->worker_asked = true;
    if (status == 404) {
        v->worker_known = v->work_known = false;
        return OK;
    }
    struct chain_client_worker w;
    TRY(chain_client_decode_worker(&w, body));
    if (!v->worker_known)
        log_info("worker-on-chain", "provider=%s seq=%llu", w.provider, (unsigned long long)w.seq);
    if (!v->worker_known && strcmp(w.provider, "tdx") == 0)
        log_warn("worker-volatile", "%s",
                 "TDX has no sealing key: this worker ends with its guest; docs/guide/tee-tdx.md");
    if (w.faulted && !v->worker.faulted)
        log_error("worker-faulted", "%s", "its deposit is forfeit; see docs/guide/merchant.md");
    v->worker = w;
    v->worker_known = true;
    return OK;
}

static enum err take_peers(struct agent *a, struct span body)
{
    struct chain_client_page page;
    struct chain_client_worker *w = a->scratch->workers;
    TRY(chain_client_decode_workers(&page, w, AGENT_ORDERS_PAGE, body));
    for (size_t i = 0; i < page.count && a->peers_found < VIEW_PEERS_MAX; i++) {
        if (w[i].faulted || w[i].absent)
            continue;
        struct view_peer *p = &a->peers[a->peers_found++];
        memcpy(p->worker, w[i].worker, 32);
        p->free_bytes = w[i].srd_bytes;
    }
    (void)snprintf(a->peers_cursor, sizeof(a->peers_cursor), "%s", page.cursor);
    if (page.cursor[0] != '\0' && a->peers_found < VIEW_PEERS_MAX)
        return ERR_BUSY; /* one more page */
    memcpy(a->view.peers, a->peers, sizeof(a->peers));
    a->view.peer_count = a->peers_found;
    a->peers_slot = a->view.chain.slot + 1;
    return OK;
}

/* ERR_BUSY: there are more. */
static enum err take_events(struct agent *a, struct span body)
{
    size_t count = 0;
    uint64_t next = 0;
    struct chain_client_event *events = a->scratch->events;
    struct arena arena = arena_of(a->scratch->room, sizeof(a->scratch->room));
    TRY(chain_client_decode_events(events, AGENT_EVENTS_MAX, &count, &next, &arena, body));
    for (size_t i = 0; i < count; i++)
        agent_orders_event(a, &events[i]);
    if (next <= a->next_event)
        return OK;
    a->next_event = next;
    return next <= a->view.chain.height ? ERR_BUSY : OK;
}

/* More events than we have room for: what they say is seen in the lists of orders too. */
static void skip_events(struct agent *a)
{
    log_warn("events-skipped", "from=%llu to=%llu", (unsigned long long)a->next_event,
             (unsigned long long)a->view.chain.height);
    a->next_event = a->view.chain.height + 1;
    for (uint32_t i = 0; i < a->orders.count; i++)
        a->orders.rows[i].look = true;
    if (a->list == AGENT_LIST_DONE)
        a->list = AGENT_LIST_IDLE;
}

/* The answer of the present step goes into the view. ERR_BUSY: the same step again. */
static enum err take(struct agent *a, uint16_t status, struct span body)
{
    struct view *v = &a->view;
    if (status != 200 &&
        !(status == 404 && (a->reading == AGENT_READ_WORKER || a->reading == AGENT_READ_WORK)))
        return ERR_IO;
    switch (a->reading) {
    case AGENT_READ_STATUS:
        return take_status(a, body);
    case AGENT_READ_PARAMS:
        TRY(chain_client_decode_params(&v->params, body));
        a->params_slot = v->chain.slot + 1;
        return OK;
    case AGENT_READ_WORKER:
        return take_worker(a, status, body);
    case AGENT_READ_WORK:
        v->work_known = false;
        if (status == 200) {
            TRY(chain_client_decode_work(&v->work, body));
            v->work_known = true;
        }
        return OK;
    case AGENT_READ_ACCOUNT:
        TRY(chain_client_decode_account(&v->money, body));
        v->account_known = true;
        return OK;
    case AGENT_READ_PEERS:
        return take_peers(a, body);
    case AGENT_READ_EVENTS:
        return take_events(a, body);
    case AGENT_READ_IDLE:
    case AGENT_READ_END:
        break;
    }
    return OK;
}

static void on_read(void *ctx, enum err e, uint16_t status, struct span body)
{
    struct agent *a = ctx;
    if (e == OK)
        e = take(a, status, body);
    if (e == ERR_LIMIT && a->reading == AGENT_READ_EVENTS) {
        skip_events(a);
        e = OK;
    }
    if (e == ERR_STATE)
        chain_link_refuse(&a->chain);
    if (e != OK && e != ERR_BUSY) {
        if (e != ERR_CLOSED && e != ERR_TIMEOUT && e != ERR_STATE)
            log_warn("chain-read", "step=%d status=%u reason=\"%s\"", (int)a->reading, status,
                     err_text(e));
        a->view.chain_known = false;
        a->reading = AGENT_READ_IDLE;
        a->read_again = false;
        agent_step(a);
        return;
    }
    if (e == OK)
        a->reading++;
    read_step(a);
}

/* The path of the present step; false when it is not needed. */
static bool path_of(struct agent *a, char path[CHAIN_CLIENT_PATH_MAX])
{
    const struct view *v = &a->view;
    switch (a->reading) {
    case AGENT_READ_STATUS:
        (void)snprintf(path, CHAIN_CLIENT_PATH_MAX, "%s", CHAIN_CLIENT_STATUS);
        return true;
    case AGENT_READ_PARAMS:
        (void)snprintf(path, CHAIN_CLIENT_PATH_MAX, CHAIN_CLIENT_PARAMS);
        return a->params_slot != v->chain.slot + 1;
    case AGENT_READ_WORKER:
        if (has_worker(a))
            chain_client_worker_path(path, v->node.worker);
        return has_worker(a);
    case AGENT_READ_WORK:
        if (has_worker(a) && v->worker_known)
            chain_client_work_path(path, v->node.worker);
        return has_worker(a) && v->worker_known;
    case AGENT_READ_ACCOUNT:
        chain_client_account_path(path, v->account);
        return true;
    case AGENT_READ_PEERS:
        if (a->peers_cursor[0] == '\0')
            a->peers_found = 0;
        (void)snprintf(path, CHAIN_CLIENT_PATH_MAX, "/v1/workers?limit=%d%s%s", AGENT_ORDERS_PAGE,
                       a->peers_cursor[0] != '\0' ? "&after=" : "", a->peers_cursor);
        return a->peers_slot != v->chain.slot + 1;
    case AGENT_READ_EVENTS:
        chain_client_events_path(path, a->next_event, AGENT_EVENTS_PAGE);
        return a->next_event <= v->chain.height;
    case AGENT_READ_IDLE:
    case AGENT_READ_END:
        break;
    }
    return false;
}

static void read_end(struct agent *a)
{
    struct view *v = &a->view;
    log_debug("read", "height=%llu slot=%llu ms=%llu", (unsigned long long)v->chain.height,
              (unsigned long long)v->chain.slot, (unsigned long long)(agent_now(a) - a->read_ms));
    v->chain_known = true;
    a->reading = AGENT_READ_IDLE;
    save_height(a);
    chain_link_follow(&a->chain, v->chain.height + 1);
    tx_link_step(&a->txs, v->chain.height);
    if (a->read_again) {
        a->read_again = false;
        agent_read(a);
    }
    agent_step(a);
}

static void read_step(struct agent *a)
{
    char path[CHAIN_CLIENT_PATH_MAX];
    while (a->reading != AGENT_READ_END && !path_of(a, path))
        a->reading++;
    if (a->reading == AGENT_READ_END)
        read_end(a);
    else if (chain_link_get(&a->chain, path, on_read, a) != OK)
        a->reading = AGENT_READ_IDLE; /* the tick tries again */
}

void agent_read(struct agent *a)
{
    if (a->reading != AGENT_READ_IDLE) {
        a->read_again = true;
        return;
    }
    uint64_t every = a->view.chain.block_ms;
    a->next_read_ms =
        agent_now(a) + (every != 0 && every < AGENT_READ_MAX_MS ? every : AGENT_READ_MAX_MS);
    a->read_ms = agent_now(a);
    a->reading = AGENT_READ_STATUS;
    read_step(a);
}

/* ---- crust-ipfsd
 * ------------------------------------------------------------------------------- */

static void take_node(struct agent *a, const struct node_status *in)
{
    struct view *v = &a->view;
    struct view_node *n = &v->node;
    if (memcmp(n->worker, in->worker, 32) != 0) {
        v->worker_asked = v->worker_known = v->work_known = false;
        agent_read(a);
    }
    *n = (struct view_node){ .storage = in->storage,
                             .seq = in->seq,
                             .pending = in->pending,
                             .file_bytes = in->file_bytes,
                             .extents = in->extents,
                             .extent_bytes = in->extent_bytes,
                             .disk_count = in->disk_count };
    memcpy(n->worker, in->worker, 32);
    memcpy(n->predecessor, in->predecessor, 32);
    memcpy(n->s, in->s, 32);
    for (uint32_t i = 0; i < in->disk_count; i++) {
        const struct node_disk *d = &in->disks[i];
        const char *end = memchr(d->state.p, ':', d->state.n);
        size_t size = end != NULL ? (size_t)(end - (const char *)d->state.p) : d->state.n;
        if (size >= VIEW_DISK_STATE_MAX)
            size = VIEW_DISK_STATE_MAX - 1;
        memcpy(n->disks[i].state, d->state.p, size);
        n->disks[i].state[size] = '\0';
        n->disks[i].volume = d->volume;
        n->disks[i].free = d->free;
    }
    v->node_session = a->node.session;
    memcpy(v->gateway, a->node.gateway, sizeof(v->gateway));
    plan_urls_see(v, in->peers, in->peer_count);
    v->node_known = true;
    v->node_fresh = true;
    plan_order_node_seen(&a->orders, v);
}

static void on_status(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct agent *a = ctx;
    struct node_status s;
    (void)more;
    a->status_asking = false;
    if (e == OK)
        e = node_msg_decode_status(&s, body);
    if (e != OK) {
        log_debug("ipfsd-status", "reason=\"%s\"", why);
        a->view.node_known = false;
        return;
    }
    bool known = a->view.node_known;
    take_node(a, &s);
    if (!known)
        agent_read(a);
    agent_step(a);
}

void agent_read_node(struct agent *a)
{
    uint64_t now = agent_now(a);
    bool due = !a->view.node_fresh || now >= a->next_status_ms;
    if (a->status_asking || !due || a->node.client == NULL)
        return;
    uint64_t every = a->view.chain.block_ms;
    a->next_status_ms =
        now + (every != 0 && every < AGENT_STATUS_MAX_MS ? every : AGENT_STATUS_MAX_MS);
    struct writer w = node_link_body(&a->node);
    node_msg_encode_none(&w);
    a->status_asking =
        node_link_ask(&a->node, NODE_STATUS, &w, AGENT_ASK_SILENCE_MS, on_status, a) == OK;
}
