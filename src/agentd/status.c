#include "agentd/status.h"

#include "base/hex.h"
#include "codec/json_out.h"
#include "codec/ss58.h"
#include "rt/http_server.h"
#include "rt/log.h"
#include "rt/program.h"

#include <stdio.h>

static uint8_t room[STATUS_BODY_MAX]; /* loop thread only */

/* The order's story in one plain sentence. */
static void order_text(char out[STATUS_TEXT_MAX], const struct order *r)
{
    const char *why = orders_reason_text(r->reason);
    const char *sep = r->detail[0] != '\0' ? ": " : "";
    switch (r->step) {
    case ORDER_SEEN:
        (void)snprintf(out, STATUS_TEXT_MAX, "seen, not judged yet");
        return;
    case ORDER_WAITING:
        (void)snprintf(out, STATUS_TEXT_MAX, "waits until block %llu: %s",
                       (unsigned long long)r->until, why);
        return;
    case ORDER_DECLINED:
        (void)snprintf(out, STATUS_TEXT_MAX, "declined: %s", why);
        return;
    case ORDER_TAKEN:
        (void)snprintf(out, STATUS_TEXT_MAX, "taken (%s); waits for its turn to be sealed", why);
        return;
    case ORDER_SEALING:
        (void)snprintf(out, STATUS_TEXT_MAX, "fetching and sealing: %llu of %llu bytes",
                       (unsigned long long)r->done, (unsigned long long)r->size);
        return;
    case ORDER_SEALED:
        (void)snprintf(out, STATUS_TEXT_MAX, "sealed; goes on chain with the next report");
        return;
    case ORDER_REPORTED:
        (void)snprintf(out, STATUS_TEXT_MAX,
                       "reported; counts once a later slot's draws are answered");
        return;
    case ORDER_VERIFIED:
        (void)snprintf(out, STATUS_TEXT_MAX, "kept and proven in every slot");
        return;
    case ORDER_RETRY:
        (void)snprintf(out, STATUS_TEXT_MAX, "tries again (%u failures): %s%s%s", r->tries, why,
                       sep, r->detail);
        return;
    case ORDER_GIVEN_UP:
        (void)snprintf(out, STATUS_TEXT_MAX, "given up: %s%s%s", why, sep, r->detail);
        return;
    case ORDER_OVER:
    case ORDER_REMOVING:
        (void)snprintf(out, STATUS_TEXT_MAX, "is being removed: %s", why);
        return;
    case ORDER_FORGOTTEN:
        (void)snprintf(out, STATUS_TEXT_MAX, "removed: %s", why);
        return;
    case ORDER_STEP_COUNT:
        break;
    }
    out[0] = '\0';
}

static void order_json(struct json_out *j, const struct order *r)
{
    char cid[CID_TEXT_MAX];
    struct cid c = { .version = 1, .digest_size = 32, .codec = r->key.codec };
    c.hash = CID_HASH_SHA2_256;
    memcpy(c.digest, r->key.digest, 32);
    cid_format(cid, &c);
    char text[STATUS_TEXT_MAX];
    order_text(text, r);
    json_out_object(j);
    json_out_member_str(j, "state", orders_step_text(r->step));
    json_out_member_str(j, "text", text);
    json_out_member_hex(j, "order", span_of(r->id, 32));
    json_out_member_str(j, "cid", cid);
    json_out_member_u64_text(j, "size", r->size);
    json_out_member_str(j, "reason", orders_reason_text(r->reason));
    json_out_member_str(j, "detail", r->detail);
    json_out_member_u64(j, "since", r->decided_at);
    json_out_member_u64(j, "until", r->step == ORDER_WAITING ? r->until : 0);
    json_out_member_u64(j, "rank", r->rank);
    json_out_member_u64(j, "tries", r->tries);
    json_out_member_u64(j, "replicas", r->have);
    json_out_member_u64(j, "replicas_wanted", r->wanted);
    json_out_member_bool(j, "held", r->held);
    json_out_member_u64_text(j, "done", r->done);
    json_out_member_u64_text(j, "total", r->total);
    json_out_object_end(j);
}

static void count_steps(const struct agent *a, uint32_t counts[ORDER_STEP_COUNT])
{
    memset(counts, 0, ORDER_STEP_COUNT * sizeof(*counts));
    for (uint32_t i = 0; i < a->orders.count; i++)
        counts[a->orders.rows[i].step]++;
}

static void report_json(struct json_out *j, const struct agent *a)
{
    const struct plan_report *r = &a->report;
    json_out_key(j, "report");
    json_out_object(j);
    json_out_member_str(j, "now",
                        plan_report_wait_text(plan_report_due(r, &a->view, agent_now(a))));
    json_out_member_u64(j, "accepted", r->accepted);
    json_out_member_u64(j, "refused", r->refused);
    json_out_member_u64(j, "last_slot", r->accepted_slot);
    json_out_member_u64(j, "tries", r->tries);
    json_out_member_str(j, "error", r->last_error);
    json_out_object_end(j);
}

static void orders_json(struct json_out *j, const struct agent *a)
{
    uint32_t counts[ORDER_STEP_COUNT];
    count_steps(a, counts);
    json_out_key(j, "orders");
    json_out_object(j);
    for (unsigned i = 0; i < ORDER_STEP_COUNT; i++)
        json_out_member_u64(j, orders_step_text((enum order_step)i), counts[i]);
    json_out_object_end(j);
}

static void status_json(struct json_out *j, const struct agent *a)
{
    const struct view *v = &a->view;
    char account[SS58_TEXT_MAX];
    ss58_format(account, v->account);
    const char *trouble = plan_worker_trouble(&a->worker, v);
    const char *report = plan_report_wait_text(plan_report_due(&a->report, v, agent_now(a)));
    json_out_object(j);
    json_out_member_str(j, "state", trouble[0] != '\0' ? "trouble" : "working");
    json_out_member_str(j, "text", trouble[0] != '\0' ? trouble : report);
    json_out_member_str(j, "account", account);
    json_out_member_hex(j, "worker", span_of(v->node.worker, 32));
    json_out_member_str(j, "chain", chain_link_url(&a->chain));
    json_out_member_bool(j, "chain_answers", v->chain_known);
    json_out_member_u64(j, "height", v->chain.height);
    json_out_member_u64(j, "slot", v->chain.slot);
    json_out_member_bool(j, "ipfsd_answers", v->node_known);
    json_out_member_bool(j, "storage", v->node.storage);
    json_out_member_bool(j, "registered", v->worker_known);
    json_out_member_u64(j, "seq", v->work_known ? v->work.volumes.seq : 0);
    json_out_member_u64(j, "node_seq", v->node.seq);
    json_out_member_u64(j, "pending", v->node.pending);
    json_out_member_u64_text(j, "file_bytes", v->node.file_bytes);
    json_out_member_u64_text(j, "srd_bytes", v->node.extent_bytes);
    json_out_member_u64_text(j, "free_bytes", view_free(v));
    json_out_member_u64_text(j, "power", v->worker_known ? v->worker.power : 0);
    json_out_member_amount(j, "usable", v->money.usable);
    json_out_member_amount(j, "reward", v->money.reward);
    json_out_member_amount(j, "deposit", v->worker.deposit);
    report_json(j, a);
    orders_json(j, a);
    json_out_object_end(j);
}

static void metric(struct writer *w, const char *name, const char *kind, uint64_t value)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "# TYPE crust_agent_%s %s\ncrust_agent_%s %llu\n", name,
                     kind, name, (unsigned long long)value);
    write_bytes(w, line, (size_t)n);
}

static void metrics_text(struct writer *w, const struct agent *a)
{
    const struct view *v = &a->view;
    uint32_t counts[ORDER_STEP_COUNT];
    uint64_t documents[3];
    count_steps(a, counts);
    agent_collateral_counts(a, documents);
    metric(w, "chain_answers", "gauge", v->chain_known);
    metric(w, "ipfsd_answers", "gauge", v->node_known);
    metric(w, "registered", "gauge", v->worker_known);
    metric(w, "height", "gauge", v->chain.height);
    metric(w, "reports_accepted_total", "counter", a->report.accepted);
    metric(w, "reports_refused_total", "counter", a->report.refused);
    metric(w, "report_last_slot", "gauge", a->report.accepted_slot);
    metric(w, "file_bytes", "gauge", v->node.file_bytes);
    metric(w, "srd_bytes", "gauge", v->node.extent_bytes);
    metric(w, "free_bytes", "gauge", view_free(v));
    metric(w, "settlements_total", "counter", a->money.settled);
    metric(w, "claims_total", "counter", a->money.claimed);
    metric(w, "orders_sealing", "gauge", counts[ORDER_SEALING]);
    metric(w, "orders_held", "gauge",
           counts[ORDER_SEALED] + counts[ORDER_REPORTED] + counts[ORDER_VERIFIED]);
    metric(w, "orders_given_up", "gauge", counts[ORDER_GIVEN_UP]);
    metric(w, "collateral_posted_total", "counter", documents[0]);
    metric(w, "collateral_refused_total", "counter", documents[1]);
    metric(w, "collateral_lapsing", "gauge", documents[2]);
}

static void list_json(struct json_out *j, const struct agent *a)
{
    json_out_object(j);
    json_out_key(j, "items");
    json_out_array(j);
    uint32_t from = a->orders.count > STATUS_LIST_MAX ? a->orders.count - STATUS_LIST_MAX : 0;
    for (uint32_t i = from; i < a->orders.count; i++)
        order_json(j, &a->orders.rows[i]);
    json_out_array_end(j);
    json_out_member_u64(j, "total", a->orders.count);
    json_out_object_end(j);
}

static void error_json(struct json_out *j, const char *code, const char *reason)
{
    json_out_object(j);
    json_out_key(j, "error");
    json_out_object(j);
    json_out_member_str(j, "code", code);
    json_out_member_str(j, "field", "");
    json_out_member_str(j, "reason", reason);
    json_out_member_str(j, "next", "GET /v1/status, /v1/orders, /v1/orders/{id} or /metrics");
    json_out_object_end(j);
    json_out_object_end(j);
}

static uint16_t answer(struct writer *w, const struct agent *a, const char *path)
{
    static const char prefix[] = "/v1/orders/";
    struct json_out j = json_out_to(w);
    uint8_t id[32];
    if (strcmp(path, "/v1/status") == 0) {
        status_json(&j, a);
        return 200;
    }
    if (strcmp(path, "/v1/orders") == 0) {
        list_json(&j, a);
        return 200;
    }
    if (strcmp(path, "/metrics") == 0) {
        metrics_text(w, a);
        return 200;
    }
    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0) {
        error_json(&j, "not_found", "there is no such page");
        return 404;
    }
    if (hex_parse(id, sizeof(id), path + sizeof(prefix) - 1) != OK) {
        error_json(&j, "bad_request", "an order's id has 64 hex digits");
        return 400;
    }
    uint32_t row = orders_find_id(&a->orders, id);
    if (row == ORDERS_NONE) {
        error_json(&j, "not_found", "this node has not seen that order");
        return 404;
    }
    order_json(&j, &a->orders.rows[row]);
    return 200;
}

static void respond(struct http_request *rq)
{
    struct agent *a = http_request_server_ctx(rq);
    const char *path = http_request_path(rq);
    struct writer w = writer_of(room, sizeof(room));
    struct http_response r = { .status = answer(&w, a, path) };
    bool text = strcmp(path, "/metrics") == 0;
    if (w.err != OK)
        r.status = 500;
    (void)http_response_add(&r, "Content-Type",
                            text ? "text/plain; version=0.0.4" : "application/json");
    (void)http_response_add(&r, "Cache-Control", "no-store");
    r.body = w.err == OK ? writer_span(&w) : (struct span){ 0 };
    (void)http_request_respond(rq, &r);
}

static void handle(void *ctx, struct http_request *rq)
{
    struct agent *a = ctx;
    enum http_method m = http_request_method(rq);
    if (m != HTTP_GET && m != HTTP_HEAD)
        (void)http_request_respond_text(rq, 405, "read only\n");
    else
        http_request_post(rq, a->loop, respond, STATUS_WAIT_MS);
}

enum err status_open(struct agent *a)
{
    char url[CONFIG_URL_MAX];
    if (!a->settings.http)
        return OK;
    const struct http_server_options o = { .host = a->settings.http_host,
                                           .port = a->settings.http_port.port,
                                           .port_tries = a->settings.http_port.tries,
                                           .threads = 1,
                                           .connections_max = 32,
                                           .handler = handle,
                                           .ctx = a };
    enum err e = http_server_open(&a->http, &o);
    if (e != OK) {
        log_error("status-port", "host=%s port=%u reason=\"%s\" next=\"set http-port\"",
                  a->settings.http_host, a->settings.http_port.port, err_text(e));
        return e;
    }
    program_url(url, a->settings.http_host, http_server_port(a->http));
    return program_publish(a->settings.url_file, url);
}

void status_close(struct agent *a)
{
    if (a->http != NULL)
        http_server_close(a->http);
    a->http = NULL;
}
