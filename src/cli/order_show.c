/* order show: the whole story of an order in plain words. */
#include "base/hex.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "cli/order.h"
#include "cli/peers.h"
#include "cli/put.h"
#include "codec/holder_url.h"
#include "codec/ss58.h"
#include "rt/http_client.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WORKERS_MAX = 64,         /* of one account */
    AGENT_PATIENCE_MS = 3000, /* an agent that does not answer holds nobody up */
    AGENT_ANSWER_MAX = 64 << 10,
};

static const uint64_t watch_patience_ms = 30ULL * 24 * 3600 * 1000;

/* ---- what else is asked --------------------------------------------------------------------- */

/* The chain's worker of a lineage and account; false when it cannot be told. */
static bool worker_of(const struct cli *c, struct chain_client_worker *out,
                      const struct chain_client_holder *h)
{
    static struct chain_client_worker list[WORKERS_MAX];
    struct chain_client_page page;
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    chain_client_workers_path(path, h->account);
    if (ledger_quiet(c, &r, path) != OK)
        return false;
    enum err e = chain_client_decode_workers(&page, list, WORKERS_MAX, span_of(r.body.p, r.body.n));
    ledger_free(&r);
    for (size_t i = 0; e == OK && i < page.count; i++) {
        if (memcmp(list[i].lineage, h->lineage, 32) == 0) {
            *out = list[i];
            return true;
        }
    }
    return false;
}

/* What an agent says of the order: {state, text}, beside the agent's URL. */
static json_t *agent_answer(const char *base, const uint8_t id[32])
{
    char url[HTTP_URL_MAX], hex[65];
    struct http_fetch_options o = { .url = url,
                                    .total_timeout_ms = AGENT_PATIENCE_MS,
                                    .size_max = AGENT_ANSWER_MAX };
    struct mspan body = { NULL, 0 };
    uint16_t status = 0;
    hex_format(hex, span_of(id, 32));
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    if (snprintf(url, sizeof(url), "%.*s/v1/orders/%s", (int)n, base, hex) >= (int)sizeof(url) ||
        http_fetch_text(&body, &o, true, &status) != OK)
        return json_pack("{s:s, s:b}", "url", base, "answers", 0);
    json_t *answer = status == 200 ? json_loadb((const char *)body.p, body.n, 0, NULL) : NULL;
    free(body.p);
    json_t *out = json_pack("{s:s, s:b}", "url", base, "answers", 1);
    if (json_is_object(answer))
        json_object_set(out, "order", answer);
    else
        json_object_set_new(out, "order", json_null());
    json_decref(answer);
    return out;
}

static json_t *agents_of(const struct cli *c, const uint8_t id[32])
{
    char url[HTTP_URL_MAX - 256];
    json_t *list = json_array();
    const char *cursor = config_text(&c->config, "agents");
    while (config_list_next(url, sizeof(url), &cursor))
        json_array_append_new(list, agent_answer(url, id));
    return list;
}

/* The holders behind those in page, which an answer of the chain had no room for, take their place;
 * said, when asked for, gets the same as JSON. False when there are no more. */
static bool next_holders(const struct cli *c, struct chain_client_order *page, json_t **said)
{
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    if (!page->more_holders || page->holder_count == 0)
        return false;
    chain_client_order_holders_path(path, page->id, page->holders[page->holder_count - 1].lineage);
    if (ledger_quiet(c, &r, path) != OK)
        return false;
    bool good = chain_client_decode_order(page, span_of(r.body.p, r.body.n)) == OK;
    if (good && said != NULL)
        *said = json_loadb((const char *)r.body.p, r.body.n, 0, NULL);
    ledger_free(&r);
    return good && (said == NULL || *said != NULL);
}

/* What the running node knows of its peers (P2P_PEERS); NULL: none runs, or it has no peers. */
static json_t *ask_peers(const struct cli *c)
{
    struct ipc_sink daemon = { 0 };
    char socket[CONFIG_HOME_MAX + 16];
    json_t *answer = NULL;
    local_socket(c, socket);
    if (ipc_sink_connect(&daemon, socket) == OK)
        (void)!peers_ask(&daemon, &answer, NODE_P2P_PEERS, NULL);
    ipc_sink_close(&daemon);
    return answer;
}

/* How asking this peer has gone; NULL: this node is not connected with it. */
static const json_t *peer_of(const json_t *answer, const struct peer_id *id)
{
    char text[PEER_ID_TEXT_MAX];
    size_t i;
    const json_t *p;
    peer_id_format(text, id);
    json_array_foreach(json_object_get(answer, "peers"), i, p)
    {
        if (strcmp(peers_text(p, "peer"), text) == 0)
            return p;
    }
    return NULL;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* The peers that its account names, with what the running node knows of them. */
static json_t *peers_json(const json_t *answer, const struct chain_client_holder *h)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < h->url_count; i++) {
        struct holder_url url;
        char id[PEER_ID_TEXT_MAX];
        holder_url_read(&url, span_str(h->urls[i]));
        if (url.kind != HOLDER_URL_PEER)
            continue;
        peer_id_format(id, &url.peer);
        const json_t *p = peer_of(answer, &url.peer);
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:O?}", "peer", id, "address",
                                              url.address.size == 0 ? "" : h->urls[i], "connected",
                                              p != NULL, "standing", p));
    }
    return list;
}

static void add_reports(const struct cli *c, const struct chain_client_status *now,
                        const struct chain_client_order *o, json_t *holders)
{
    json_t *peers = ask_peers(c);
    for (size_t i = 0; i < o->holder_count && i < json_array_size(holders); i++) {
        struct chain_client_worker w;
        json_t *h = json_array_get(holders, i);
        json_object_set_new(h, "peers", peers_json(peers, &o->holders[i]));
        if (!worker_of(c, &w, &o->holders[i])) {
            json_object_set_new(h, "next_report", json_null());
            continue;
        }
        struct order_window due = order_next_report(now, w.next_slot);
        json_object_set_new(h, "next_report",
                            json_pack("{s:I, s:I, s:I}", "slot", (json_int_t)due.slot, "from",
                                      (json_int_t)due.from, "to", (json_int_t)due.to));
    }
    json_decref(peers);
}

/* What the chain says, with all holders, when each reports next, and what agents say. */
static json_t *order_json(const struct cli *c, const struct chain_client_status *now,
                          const struct chain_client_order *o, json_t *said)
{
    static struct chain_client_order page;
    json_t *holders = json_object_get(said, "holders"), *more = NULL;
    page = *o;
    add_reports(c, now, o, holders);
    while (next_holders(c, &page, &more)) {
        json_t *list = json_object_get(more, "holders");
        add_reports(c, now, &page, list);
        json_array_extend(holders, list);
        json_decref(more);
        more = NULL;
    }
    json_object_set_new(said, "holders_next", json_null());
    json_object_set_new(said, "agents", agents_of(c, o->id));
    return json_incref(said);
}

/* ---- words ---------------------------------------------------------------------------------- */

static void name_of(const struct cli *c, char out[SS58_TEXT_MAX + 8], const uint8_t account[32])
{
    struct keystore k;
    const char *name = config_text(&c->config, "key");
    char address[SS58_TEXT_MAX];
    ss58_format(address, account);
    bool you = keyring_exists(c, name) && keyring_read(c, &k, name) == CLI_OK &&
               memcmp(k.public_key, account, 32) == 0;
    (void)snprintf(out, SS58_TEXT_MAX + 8, "%s%s", address, you ? " (you)" : "");
}

static void print_state(const struct chain_client_status *now, const struct chain_client_order *o)
{
    char when[ORDER_WHEN_MAX];
    uint32_t wait = o->replicas_all - o->replicas;
    switch (o->state) {
    case CHAIN_CLIENT_OPEN:
        if (o->replicas_all == 0)
            printf("state     open: it waits for a node to store it\n");
        else
            printf("state     open: %u %s stored it and must prove it once\n", wait,
                   wait == 1 ? "node has" : "nodes have");
        order_when(when, now, o->refund_at);
        printf("refund    %s %s, if nobody has proven it by then\n",
               o->refund_at > now->height ? "from" : "since", when);
        break;
    case CHAIN_CLIENT_LIVE:
        printf("state     kept: %u of %u replicas are proven", o->replicas, o->replicas_wanted);
        if (wait > 0)
            printf(", %u more reported", wait);
        order_when(when, now, o->expires_at);
        printf("\npaid      until %s\n", when);
        break;
    case CHAIN_CLIENT_EXPIRED:
        order_when(when, now, o->expires_at);
        printf("state     over since %s; it is renewed or closed soon\n", when);
        break;
    }
    if (o->disputed)
        printf("disputed  yes: those who keep it claim different sizes or roots. Until one claim "
               "falls it earns nothing\n");
}

/* How the price of an order is split: a rule of the network. */
static void print_split(const struct cli *c)
{
    struct ledger_reply r = { 0 };
    struct params p;
    if (ledger_quiet(c, &r, CHAIN_CLIENT_PARAMS) != OK)
        return;
    if (chain_client_decode_params(&p, span_of(r.body.p, r.body.n)) == OK)
        printf("split     of the price %u %% go to those who keep it (and the tip), %u %% to "
               "stakers, %u %% and the base fee to the reserve\n",
               p.storage_percent, p.staking_percent,
               PERCENT - p.storage_percent - p.staking_percent);
    ledger_free(&r);
}

static void print_money(const struct cli *c, const struct chain_client_order *o)
{
    char amount[AMOUNT_TEXT_MAX + 8], rate[AMOUNT_TEXT_MAX + 8], prepaid[AMOUNT_TEXT_MAX + 8];
    ledger_amount(amount, o->amount);
    ledger_amount(rate, o->rate);
    ledger_amount(prepaid, o->prepaid);
    if (o->state == CHAIN_CLIENT_OPEN)
        printf("income    %s wait for those who will keep it (in escrow until the first proof)\n",
               amount);
    else
        printf("income    %s are left for those who keep it: %s for each slot and replica\n",
               amount, rate);
    if (!amount_is_zero(o->prepaid))
        printf("prepaid   %s for the next period\n", prepaid);
    print_split(c);
}

static void print_peer(const json_t *answer, const struct holder_url *url, const char *text)
{
    char id[PEER_ID_TEXT_MAX];
    peer_id_format(id, &url->peer);
    printf("    peer %s%s%s", id, url->address.size == 0 ? "" : " at ",
           url->address.size == 0 ? "" : text);
    const json_t *p = peer_of(answer, &url->peer);
    if (p != NULL)
        printf(": connected, has kept %llu promises to this node and broken %llu (%s)",
               (unsigned long long)peers_number(p, "kept"),
               (unsigned long long)peers_number(p, "broken"), peers_text(p, "rank"));
    else if (answer != NULL)
        printf(": this node is not connected with it");
    printf("\n");
}

/* Where its account says that the bytes are. */
static void print_places(const json_t *peers, const struct chain_client_holder *h)
{
    for (uint32_t i = 0; i < h->url_count; i++) {
        struct holder_url url;
        holder_url_read(&url, span_str(h->urls[i]));
        if (url.kind == HOLDER_URL_GATEWAY)
            printf("    gateway %s\n", h->urls[i]);
        else if (url.kind == HOLDER_URL_PEER)
            print_peer(peers, &url, h->urls[i]);
    }
}

static void print_holder(const struct cli *c, const struct chain_client_status *now,
                         const struct chain_client_holder *h)
{
    struct chain_client_worker w;
    char address[SS58_TEXT_MAX], worker[65], time[32];
    ss58_format(address, h->account);
    hex_format(worker, span_of(h->lineage, 32));
    printf("  %s\n    worker %.16s, volume %u: ", address, worker, h->volume);
    bool known = worker_of(c, &w, h);
    struct order_window due = order_next_report(now, known ? w.next_slot : now->slot);
    if (h->verified)
        printf("proven since block %llu%s", (unsigned long long)h->created_at,
               h->paid ? "" : ", in no paid place");
    if (!amount_is_zero(h->earned)) {
        char earned[AMOUNT_TEXT_MAX + 8];
        ledger_amount(earned, h->earned);
        printf(", has earned %s", earned);
    } else if (!h->verified)
        printf("reported, proven with its report of slot %llu", (unsigned long long)due.slot);
    if (!known) {
        printf("\n");
        return;
    }
    if (w.faulted)
        printf("; THE WORKER IS STOPPED FOR A FAULT");
    else if (((w.suspended >> h->volume) & 1) != 0)
        printf("; its disk is suspended");
    else if (w.absent)
        printf("; the worker is absent");
    uint64_t left = due.from > now->height ? due.from - now->height : 0;
    order_duration(time, left * now->block_ms);
    printf("\n    next report: slot %llu, blocks %llu to %llu, ", (unsigned long long)due.slot,
           (unsigned long long)due.from, (unsigned long long)due.to);
    if (left == 0)
        printf("due now\n");
    else
        printf("in about %s\n", time);
    if (w.next_slot < now->slot)
        printf("    behind: it has not answered for slot %llu and those after it\n",
               (unsigned long long)w.next_slot);
}

static void print_holders(const struct cli *c, const struct chain_client_status *now,
                          const struct chain_client_order *o)
{
    static struct chain_client_order page;
    json_t *peers = ask_peers(c);
    page = *o;
    do {
        for (uint32_t i = 0; i < page.holder_count; i++) {
            print_holder(c, now, &page.holders[i]);
            print_places(peers, &page.holders[i]);
        }
    } while (next_holders(c, &page, NULL));
    json_decref(peers);
}

static void print_agent(const json_t *agent)
{
    const json_t *order = json_object_get(agent, "order");
    const char *url = json_string_value(json_object_get(agent, "url"));
    const char *state = json_string_value(json_object_get(order, "state"));
    const char *text = json_string_value(json_object_get(order, "text"));
    if (!json_is_true(json_object_get(agent, "answers"))) {
        printf("  %s: does not answer\n", url);
        return;
    }
    if (!json_is_object(order)) {
        printf("  %s: has not seen it\n", url);
        return;
    }
    if (text == NULL || text[0] == '\0') /* the text says the state too */
        text = state == NULL ? "?" : state;
    printf("  %s: %s\n", url, text);
}

static void print_next(const struct chain_client_status *now, const struct chain_client_order *o,
                       const char *cid)
{
    if (o->state == CHAIN_CLIENT_EXPIRED)
        printf("next      crust order renew %s\n", cid);
    else if (o->state == CHAIN_CLIENT_OPEN && o->refund_at <= now->height)
        printf("next      crust order refund %s\n", cid);
    else if (o->replicas < o->replicas_wanted)
        printf("next      crust order show --watch %s\n", cid);
    else
        printf("next      crust get %s\n", cid);
}

static void print_order(const struct cli *c, const struct chain_client_status *now,
                        const struct chain_client_order *o)
{
    char cid[CID_TEXT_MAX], id[65], size[24], owner[SS58_TEXT_MAX + 8], when[ORDER_WHEN_MAX];
    order_cid(cid, o);
    hex_format(id, span_of(o->id, 32));
    cli_format_size(size, o->size);
    name_of(c, owner, o->owner);
    order_when(when, now, o->placed_at);
    printf("content   %s\norder     %s\nsize      %s\nplaced    %s, by %s\n", cid, id, size, when,
           owner);
    print_state(now, o);
    print_money(c, o);
    for (uint32_t i = 0; i < o->origin_count; i++)
        printf("origin    %s\n", o->origins[i]);
    printf("replicas  %u wanted, %u reported, %u of these proven\n", o->replicas_wanted,
           o->replicas_all, o->replicas);
    print_holders(c, now, o);
    json_t *agents = agents_of(c, o->id);
    if (json_array_size(agents) > 0)
        printf("agents\n");
    for (size_t i = 0; i < json_array_size(agents); i++)
        print_agent(json_array_get(agents, i));
    json_decref(agents);
    print_next(now, o, cid);
}

/* ---- watch ---------------------------------------------------------------------------------- */

static void tell(void *ctx, enum put_step step, const struct chain_client_holder *holder,
                 uint64_t height)
{
    char address[SS58_TEXT_MAX];
    (void)ctx;
    ss58_format(address, holder->account);
    printf("block %llu: %s %s\n", (unsigned long long)height,
           step == PUT_REPORTED ? "reported by" : "proven by", address);
    fflush(stdout);
}

static enum cli_exit watch(struct cli *c, struct chain_client_order *o)
{
    static struct put p;
    memcpy(p.order, o->id, 32);
    printf("\nwatching; Ctrl-C ends it\n");
    fflush(stdout);
    enum cli_exit exit = put_follow(c, &p, o, watch_patience_ms, tell, c);
    if (exit == CLI_OK)
        printf("kept: %u of %u replicas are proven\n", o->replicas, o->replicas_wanted);
    return exit;
}

enum cli_exit order_show_run(struct cli *c)
{
    static struct order_found found;
    struct chain_client_status now;
    if (cli_has(c, "watch") && c->json)
        return cli_usage(c, "--watch prints lines, no JSON");
    enum cli_exit exit = ledger_status(c, &now);
    if (exit == CLI_OK)
        exit = order_find(c, &found, c->args[0]);
    if (exit != CLI_OK)
        return exit;
    json_t *list = json_array();
    for (size_t i = 0; i < found.count; i++) {
        if (c->json) {
            json_array_append_new(list, order_json(c, &now, &found.orders[i], found.json[i]));
            continue;
        }
        if (i > 0)
            printf("\n");
        print_order(c, &now, &found.orders[i]);
    }
    if (c->json)
        exit = cli_print_json(json_pack("{s:I, s:I, s:O}", "height", (json_int_t)now.height, "slot",
                                        (json_int_t)now.slot, "orders", list));
    else if (cli_has(c, "watch"))
        exit = watch(c, &found.orders[0]);
    json_decref(list);
    order_free(&found);
    return exit;
}
