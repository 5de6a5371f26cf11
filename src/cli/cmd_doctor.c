/* doctor: what is wrong, and the one next action. Without an argument: this machine and the
 * network; with a CID: who keeps it and whether it can be read; with "disk": the node's disks; with
 * "tee": what this machine has of SGX, TDX and SEV-SNP. */
#include "base/hex.h"
#include "cli/gateways.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "cli/node.h"
#include "cli/order.h"
#include "cli/peers.h"
#include "cli/tee_look.h"
#include "codec/ss58.h"
#include "ipfs/dag_block.h"
#include "ipfs/dag_walk.h"
#include "rt/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WHAT_MAX = 1200,
    NEXT_MAX = 256,
    WALK_MEMORY = 8 << 20,
    FREE_LOW = 1 << 30, /* less than this on the home's disk is worth a word */
};

enum verdict { GOOD, NOTE, BAD };

struct doctor {
    const struct cli *c;
    json_t *checks;
    json_t *story; /* what peers were asked, NULL: nothing */
    bool each;     /* shows what to do about every finding, not only about the first */
    enum verdict worst;
    char next[NEXT_MAX]; /* of the first bad finding, else of the first note */
};

/* Adds a finding. next: what to do about it; only the first one is shown. */
__attribute__((format(printf, 5, 6))) static void
found(struct doctor *d, enum verdict v, const char *name, const char *next, const char *what, ...)
{
    static const char *const words[] = { "ok", "note", "wrong" };
    char text[WHAT_MAX];
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    if (next != NULL && (d->next[0] == '\0' || (v == BAD && d->worst < BAD)))
        (void)snprintf(d->next, sizeof(d->next), "%s", next);
    if (v > d->worst)
        d->worst = v;
    const char *each = d->each ? next : NULL;
    json_t *check = json_pack("{s:s, s:s, s:s}", "check", name, "state", words[v], "what", text);
    if (each != NULL)
        json_object_set_new(check, "next", json_string(each));
    json_array_append_new(d->checks, check);
    if (!d->c->json) {
        printf("%-5s  %-8s  %s\n", words[v], name, text);
        if (each != NULL)
            printf("                 do: %s\n", each);
        fflush(stdout);
    }
}

static enum cli_exit finish(struct doctor *d)
{
    const char *next = d->next[0] == '\0' ? NULL : d->next;
    enum cli_exit exit = d->worst == BAD ? CLI_FAILED : CLI_OK;
    if (d->c->json) {
        json_t *all = json_pack("{s:o, s:b, s:s?}", "checks", d->checks, "good", d->worst < BAD,
                                "next", next);
        if (d->story != NULL)
            json_object_set_new(all, "peers", d->story);
        return cli_print_json(all) == CLI_OK ? exit : CLI_FAILED;
    }
    json_decref(d->checks);
    json_decref(d->story);
    if (next != NULL)
        printf("next:  %s\n", next);
    else
        printf("nothing is wrong\n");
    return exit;
}

/* ---- this machine and the network ----------------------------------------------------------- */

static bool check_chain(struct doctor *d, struct chain_client_status *s)
{
    struct ledger_reply r = { 0 };
    const char *urls = config_text(&d->c->config, "chain");
    enum err e = ledger_quiet(d->c, &r, CHAIN_CLIENT_STATUS);
    if (e == ERR_DENIED) {
        found(d, BAD, "chain", "crust network use URL",
              "%s is another network than crust.conf names", urls);
        return false;
    }
    if (e == OK) {
        e = chain_client_decode_status(s, span_of(r.body.p, r.body.n));
        ledger_free(&r);
    }
    if (e != OK) {
        found(d, BAD, "chain", "crust devnet up, or crust network use URL",
              "no chain node answers at %s", urls);
        return false;
    }
    found(d, GOOD, "chain", NULL, "%s answers at block %llu", s->chain_id,
          (unsigned long long)s->height);
    return true;
}

static void check_pin(struct doctor *d)
{
    if (config_text(&d->c->config, "genesis")[0] == '\0')
        found(d, NOTE, "network", "crust network use URL",
              "no network is pinned: whatever answers is believed");
}

static void check_key(struct doctor *d, bool chain)
{
    struct keystore k;
    struct ledger_reply r = { 0 };
    struct chain_client_account a;
    char path[CHAIN_CLIENT_PATH_MAX], text[AMOUNT_TEXT_MAX + 8];
    const char *name = config_text(&d->c->config, "key");
    if (!keyring_exists(d->c, name)) {
        found(d, NOTE, "key", "crust key new default",
              "there is no key \"%s\": nothing can be paid", name);
        return;
    }
    if (keyring_read(d->c, &k, name) != CLI_OK) {
        found(d, BAD, "key", "crust key import NAME", "the file of key \"%s\" cannot be read",
              name);
        return;
    }
    chain_client_account_path(path, k.public_key);
    if (!chain || ledger_quiet(d->c, &r, path) != OK)
        return;
    enum err e = chain_client_decode_account(&a, span_of(r.body.p, r.body.n));
    ledger_free(&r);
    ledger_amount(text, a.usable);
    if (e == OK && amount_is_zero(a.usable))
        found(d, NOTE, "account", "crust key show, and have CRU sent there",
              "key \"%s\" has nothing to spend", name);
    else if (e == OK)
        found(d, GOOD, "account", NULL, "key \"%s\" has %s to spend", name, text);
}

static void check_space(struct doctor *d)
{
    uint64_t free, total;
    char a[24], b[24];
    if (node_space(&free, &total, d->c->home) != OK) {
        found(d, BAD, "home", "crust init", "there is no folder %s", d->c->home);
        return;
    }
    cli_format_size(a, free);
    cli_format_size(b, total);
    found(d, free < FREE_LOW ? BAD : GOOD, "space",
          free < FREE_LOW ? "crust repo gc, or free space on this disk" : NULL,
          "%s of %s free for %s", a, b, d->c->home);
}

/* The daemon's connection is left in *out when it runs. */
static bool check_daemon(struct doctor *d, struct ipc_sink *out)
{
    char socket[CONFIG_HOME_MAX + 16];
    local_socket(d->c, socket);
    enum err e = ipc_sink_connect(out, socket);
    if (e != OK) {
        bool absent = e == ERR_NOT_FOUND || e == ERR_CLOSED;
        found(d, absent ? NOTE : BAD, "daemon", "crust-ipfsd &",
              absent ? "crust-ipfsd does not run: nobody can fetch from this machine (%s)"
                     : "crust-ipfsd does not answer: %s",
              absent ? socket : err_text(e));
        return false;
    }
    found(d, GOOD, "daemon", NULL, "crust-ipfsd runs%s", out->storage ? ", with an enclave" : "");
    if (out->gateway[0] == '\0')
        found(d, NOTE, "gateway", "crust-ipfsd --gateway", "its gateway is off");
    else if (node_gateway_answers(out->gateway))
        found(d, GOOD, "gateway", NULL, "%s answers", out->gateway);
    else
        found(d, BAD, "gateway", "check --url, --gateway-host and the firewall",
              "%s does not answer", out->gateway);
    return true;
}

static void check_worker(struct doctor *d, struct ipc_sink *daemon,
                         const struct chain_client_status *now)
{
    struct node_status s;
    struct ledger_reply r = { 0 };
    struct chain_client_worker w;
    char path[CHAIN_CLIENT_PATH_MAX];
    if (!daemon->storage)
        return;
    if (node_ask(daemon, &s) != OK) {
        found(d, BAD, "worker", "look at crust-ipfsd's log", "crust-ipfsd does not tell its state");
        return;
    }
    chain_client_worker_path(path, s.worker);
    enum err e = ledger_quiet(d->c, &r, path);
    if (e == OK) {
        e = chain_client_decode_worker(&w, span_of(r.body.p, r.body.n));
        ledger_free(&r);
    }
    if (e != OK)
        found(d, BAD, "worker", "crust-agentd &", "the worker is not registered on the chain");
    else if (w.faulted)
        found(d, BAD, "worker", "look at crust-ipfsd's log; a new worker is needed",
              "the worker is stopped for a fault");
    else if (node_is_fork(s.seq, s.s, &w))
        found(
            d, BAD, "worker", "put back the newest copy of the enclave folder and the disks",
            "the enclave is an old copy: it stands at step %llu, the chain knows step %llu; it can "
            "report no more",
            (unsigned long long)s.seq, (unsigned long long)w.seq);
    else if (w.next_slot + 1 < now->slot)
        found(d, BAD, "worker", "look at crust-agentd's log",
              "no report since slot %llu; now is slot %llu", (unsigned long long)w.report_slot,
              (unsigned long long)now->slot);
    else
        found(d, w.suspended != 0 ? BAD : GOOD, "worker",
              w.suspended != 0 ? "crust doctor disk" : NULL, "reports: last in slot %llu%s",
              (unsigned long long)w.report_slot, w.suspended != 0 ? "; a disk is suspended" : "");
}

/* Whether peers outside can connect, as those say who have tried. */
static void check_reach(struct doctor *d, struct ipc_sink *daemon)
{
    json_t *me = NULL;
    size_t i;
    const json_t *r;
    enum verdict bad = daemon->storage ? BAD : NOTE;
    bool asked =
        peers_ask(daemon, &me, NODE_P2P_ID, NULL) == OK && json_object_get(me, "reach") != NULL;
    json_array_foreach(json_object_get(me, "reach"), i, r)
    {
        const char *word = peers_text(r, "reachable"), *at = peers_text(r, "address");
        size_t tried = json_array_size(json_object_get(r, "asked"));
        if (strcmp(word, "yes") == 0)
            found(d, GOOD, "reach", NULL, "peers can connect with %s: %zu of %zu that tried", at,
                  peers_reached(r), tried);
        else if (strcmp(word, "no") == 0)
            found(d, bad, "reach", "forward the port in the router, then set p2p-announce",
                  "nobody outside can connect with %s: %zu peers tried", at, tried);
        else
            found(d, NOTE, "reach", NULL,
                  "whether peers can connect with %s is not known: %zu of "
                  "%zu that tried could, %llu can be asked",
                  at, peers_reached(r), tried,
                  (unsigned long long)peers_number(me, "reach_servers"));
    }
    if (asked && i == 0)
        found(d, NOTE, "reach", NULL,
              "this node has no address in the global network: only its own can connect with it");
    json_decref(me);
}

static void doctor_machine(struct doctor *d)
{
    struct ipc_sink daemon = { 0 };
    struct chain_client_status now = { 0 };
    check_space(d);
    bool chain = check_chain(d, &now);
    check_key(d, chain);
    if (check_daemon(d, &daemon)) {
        check_reach(d, &daemon);
        if (chain)
            check_worker(d, &daemon, &now);
    }
    ipc_sink_close(&daemon);
    if (chain)
        check_pin(d);
}

/* ---- disks ---------------------------------------------------------------------------------- */

/* What helps a disk that is not well, by the word that its state begins with. */
static void found_disk(struct doctor *d, const struct node_place *p)
{
    static const struct {
        const char *word, *next;
        bool bad;
    } rows[] = {
        { "suspect", "look at the disk (dmesg); it is tried again by itself", true },
        { "offline", "mount it; if it is gone for good: crust disk drop VOLUME", true },
        { "returning", NULL, false },
        { "failed", "crust disk resume VOLUME once it is mended, else crust disk drop VOLUME",
          true },
        { "stopping", NULL, false },
        { "stopped", "crust disk resume VOLUME", false },
        { "dropped", NULL, false },
    };
    char next[128] = "crust disk list";
    bool bad = true, needs = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *at;
        if (strncmp(p->state, rows[i].word, strlen(rows[i].word)) != 0)
            continue;
        bad = rows[i].bad;
        needs = rows[i].next != NULL;
        size_t n = 0;
        for (at = rows[i].next; at != NULL && *at != '\0' && n + 16 < sizeof(next);) {
            if (strncmp(at, "VOLUME", 6) == 0) {
                n += (size_t)snprintf(next + n, sizeof(next) - n, "%u", p->volume);
                at += 6;
            } else {
                next[n++] = *at++;
            }
        }
        next[n] = '\0';
    }
    found(d, bad ? BAD : NOTE, "disk", needs ? next : NULL, "%s (volume %u) is %s", p->path,
          p->volume, p->state);
}

static void doctor_disks(struct doctor *d)
{
    static struct node_place places[NODE_DISKS_MAX];
    struct ipc_sink daemon = { 0 };
    struct node_status status;
    size_t count = 0;
    bool runs = check_daemon(d, &daemon) && node_ask(&daemon, &status) == OK;
    if (node_places(d->c, places, &count, runs ? &status : NULL) != CLI_OK)
        found(d, BAD, "disks", NULL, "crust.conf cannot be read");
    ipc_sink_close(&daemon);
    if (count == 0)
        found(d, NOTE, "disks", "crust disk add PATH", "this machine offers no disk");
    for (size_t i = 0; i < count; i++) {
        const struct node_place *p = &places[i];
        char free[24];
        cli_format_size(free, p->free);
        if (p->running && strcmp(p->state, "ok") != 0)
            found_disk(d, p);
        else if (!p->there)
            found(d, BAD, "disk", "mount it, or take it out of [ipfsd] disks",
                  "%s is no folder that can be written to", p->path);
        else if (runs && !p->running)
            found(d, NOTE, "disk", "restart crust-ipfsd", "%s is not in use yet", p->path);
        else
            found(d, GOOD, "disk", NULL, "%s has %s free", p->path, free);
    }
}

/* ---- the TEE -------------------------------------------------------------------------------- */

static void found_tee(void *ctx, enum tee_state state, const char *check, const char *next,
                      const char *what)
{
    static const enum verdict verdicts[] = { GOOD, NOTE, BAD };
    found(ctx, verdicts[state], check, next, "%s", what);
}

static void doctor_tee(struct doctor *d)
{
    static gid_t groups[256];
    int count = getgroups((int)(sizeof(groups) / sizeof(groups[0])), groups);
    const char *root = cli_value(d->c, "root");
    const struct tee_place at = { .root = root == NULL ? "" : root,
                                  .uid = geteuid(),
                                  .groups = groups,
                                  .group_count = count < 0 ? 0 : (size_t)count };
    d->each = true;
    tee_look(&at, found_tee, d);
}

/* ---- one content ---------------------------------------------------------------------------- */

/* Whether it is in this machine's store, whole. */
static void check_here(struct doctor *d, const struct cid *root)
{
    struct local l;
    struct dag_walk walk;
    struct dag_walk_item item = { 0 };
    struct mspan block = { malloc(BLOCK_SIZE_MAX), BLOCK_SIZE_MAX };
    struct mspan memory = { malloc(WALK_MEMORY), WALK_MEMORY };
    uint64_t blocks = 0;
    enum err e = block.p == NULL || memory.p == NULL ? ERR_MEMORY : local_try(d->c, &l);
    if (e == OK) {
        dag_walk_init(&walk, &l.source, block, memory, NULL);
        e = dag_walk_add(&walk, root);
        while (e == OK && !item.end) {
            e = dag_walk_next(&walk, &item);
            blocks += e == OK && !item.end;
        }
        local_close(&l);
        if (e == OK)
            found(d, GOOD, "here", NULL, "all of its %llu blocks are in this store",
                  (unsigned long long)blocks);
        else if (e == ERR_NOT_FOUND && blocks == 0)
            found(d, NOTE, "here", NULL, "it is not in this store");
        else if (e == ERR_NOT_FOUND)
            found(d, NOTE, "here", NULL, "only a part of it is in this store: %llu blocks",
                  (unsigned long long)blocks);
        else
            found(d, BAD, "here", "crust repo verify", "its blocks here cannot be read: %s",
                  err_text(e));
    } else {
        found(d, NOTE, "here", NULL, "this store cannot be looked into: %s", err_text(e));
    }
    free(block.p);
    free(memory.p);
}

static void check_order(struct doctor *d, const struct chain_client_order *o)
{
    char cid[CID_TEXT_MAX], next[CID_TEXT_MAX + 32];
    order_cid(cid, o);
    (void)snprintf(next, sizeof(next), "crust order show %s", cid);
    if (o->disputed)
        found(d, BAD, "order", next, "its size or root is disputed: nobody earns by keeping it");
    else if (o->state == CHAIN_CLIENT_EXPIRED)
        found(d, BAD, "order", "crust order renew CID", "its time is over");
    else if (o->replicas == 0)
        found(d, NOTE, "order", next, "ordered, and not proven by anybody yet (%u reported)",
              o->replicas_all);
    else
        found(d, o->replicas < o->replicas_wanted ? NOTE : GOOD, "order",
              o->replicas < o->replicas_wanted ? next : NULL, "%u of %u replicas are proven",
              o->replicas, o->replicas_wanted);
}

static void check_orders(struct doctor *d, const struct cid *root)
{
    static struct chain_client_order orders[ORDER_FOUND_MAX];
    struct chain_client_page page = { 0 };
    struct ledger_reply r = { 0 };
    struct content_key key;
    char path[CHAIN_CLIENT_PATH_MAX];
    if (cid_key(&key, root) != OK)
        return;
    chain_client_orders_of_key_path(path, &key);
    enum err e = ledger_quiet(d->c, &r, path);
    if (e == OK) {
        e = chain_client_decode_orders(&page, orders, ORDER_FOUND_MAX, span_of(r.body.p, r.body.n));
        ledger_free(&r);
    }
    if ((e == OK && page.count == 0) || e == ERR_NOT_FOUND)
        found(d, NOTE, "order", "crust put CID", "nobody has ordered that it be kept");
    else if (e != OK)
        found(d, BAD, "order", NULL, "the chain's orders cannot be read: %s", err_text(e));
    for (size_t i = 0; i < page.count; i++)
        check_order(d, &orders[i]);
}

/* Asks everybody who should have it for its first block. */
static void check_gateways(struct doctor *d, const struct cid *root)
{
    static struct gateways g;
    const struct block_source none = { 0 };
    struct mspan buf = { malloc(BLOCK_SIZE_MAX), BLOCK_SIZE_MAX };
    uint32_t served = 0;
    gateways_init(&g, d->c, &none);
    gateways_root(&g, root);
    gateways_list(&g);
    for (size_t i = 0; buf.p != NULL && i < g.count; i++) {
        size_t size;
        enum err e = gateways_fetch(&g.list[i], &size, buf, root);
        served += e == OK;
        found(d, e == OK ? GOOD : (e == ERR_CORRUPT ? BAD : NOTE), "gateway", NULL, "%s %s",
              g.list[i].url,
              e == OK              ? "serves it"
              : e == ERR_NOT_FOUND ? "has not got it"
              : e == ERR_CORRUPT   ? "serves other bytes under its name"
              : e == ERR_DENIED    ? "has a private address, which this network does not allow"
                                   : "does not answer");
    }
    free(buf.p);
    if (served == 0)
        found(d, BAD, "fetch", "crust order show CID", "nobody serves it over HTTP now");
}

/* ---- one content among libp2p peers ---- */

/* How many were asked by one source, and what came of it. */
static void found_source(struct doctor *d, const json_t *asked, const char *source)
{
    size_t i, all = 0, answered = 0;
    uint64_t providers = 0;
    const json_t *n;
    json_array_foreach(asked, i, n)
    {
        bool good = json_is_true(json_object_get(n, "answered"));
        if (strcmp(peers_text(n, "source"), source) != 0)
            continue;
        all++;
        answered += good;
        providers += peers_number(n, "providers");
        if (!good && strcmp(source, "delegated") == 0)
            found(d, NOTE, "router", "look at routing-endpoints in crust.conf", "%s: %s (%s)",
                  peers_text(n, "who"), peers_text(n, "result"), peers_text(n, "where"));
    }
    found(d, answered == 0 ? NOTE : GOOD, "asked", NULL,
          "%s: %zu asked, %zu answered, providers named %llu times", source, all, answered,
          (unsigned long long)providers);
}

static void found_sources(struct doctor *d, const json_t *story)
{
    const json_t *asked = json_object_get(story, "asked"), *n, *m;
    size_t i, k;
    json_array_foreach(asked, i, n)
    {
        bool first = true;
        json_array_foreach(asked, k, m) first =
            first && (k >= i || strcmp(peers_text(n, "source"), peers_text(m, "source")) != 0);
        if (first)
            found_source(d, asked, peers_text(n, "source"));
    }
    if (json_array_size(asked) == 0)
        found(d, NOTE, "asked", "p2p-dht = client, or routing-endpoints, in [ipfsd] of crust.conf",
              "nobody: this node asks neither the DHT nor a router who has it");
}

static void found_dials(struct doctor *d, const json_t *story)
{
    const json_t *dials = json_object_get(story, "dials"), *p;
    size_t i, count = json_array_size(json_object_get(story, "providers")), good = 0;
    json_array_foreach(dials, i, p)
    {
        bool connected = json_is_true(json_object_get(p, "connected"));
        good += connected;
        found(d, connected ? GOOD : NOTE, "dial", NULL, "%s of %.60s: %s (%llu ms)",
              peers_text(p, "address"), peers_text(p, "peer"), peers_text(p, "result"),
              (unsigned long long)peers_number(p, "ms"));
    }
    if (count == 0)
        found(d, NOTE, "provider", "crust put CID on a machine that has it",
              "no peer is known that offers it");
    else if (good == 0)
        found(d, NOTE, "provider", "have whoever offers it open the port of one of these addresses",
              "%zu peers offer it, and none can be reached from here", count);
    else
        found(d, GOOD, "provider", NULL, "%zu peers offer it, %zu addresses answered", count, good);
}

/* The entry of a list of objects whose member "peer" is id; NULL: there is none. */
static const json_t *peer_in(const json_t *list, const char *id)
{
    size_t i;
    const json_t *p;
    json_array_foreach(list, i, p)
    {
        if (strcmp(peers_text(p, "peer"), id) == 0)
            return p;
    }
    return NULL;
}

/* Those whom the chain names: whether they are reached, how they stand, and what they did when they
 * were asked just now. after: P2P_PEERS from behind that, NULL when it could not be had. */
static void found_holders(struct doctor *d, const json_t *story, const json_t *after)
{
    const json_t *p;
    size_t i;
    json_array_foreach(json_object_get(story, "chain"), i, p)
    {
        const json_t *now = peer_in(json_object_get(after, "peers"), peers_text(p, "peer"));
        bool refuses = now != NULL && peers_number(now, "broken") > peers_number(p, "broken");
        bool gives = now != NULL && peers_number(now, "kept") > peers_number(p, "kept");
        const json_t *best = now == NULL ? p : now;
        found(d, now == NULL || refuses ? NOTE : GOOD, "holder", NULL,
              "the chain names %s, %s; %s; promises kept %llu, broken %llu (%s)",
              peers_text(p, "peer"),
              json_is_true(json_object_get(p, "verified")) ? "which has proven to hold it"
                                                           : "which has only reported it",
              now == NULL ? "not connected"
              : refuses   ? "asked just now, it does not give it"
              : gives     ? "asked just now, it gives it"
                          : "connected",
              (unsigned long long)peers_number(best, "kept"),
              (unsigned long long)peers_number(best, "broken"), peers_text(best, "rank"));
    }
}

/* Who was asked for it, who answered, how each dial went; and whether a peer gives it. */
static void check_peers(struct doctor *d, const struct cid *root, const char *text)
{
    struct ipc_sink daemon = { 0 };
    char socket[CONFIG_HOME_MAX + 16];
    uint64_t size;
    local_socket(d->c, socket);
    if (ipc_sink_connect(&daemon, socket) != OK) {
        found(d, NOTE, "peers", "crust-ipfsd --p2p &",
              "crust-ipfsd does not run: no peer is asked");
        return;
    }
    enum err e = peers_ask(&daemon, &d->story, NODE_P2P_EXPLAIN, text);
    if (e == ERR_UNSUPPORTED) {
        found(d, NOTE, "peers", NULL, "this node speaks with no libp2p peers (p2p = true would)");
    } else if (e != OK) {
        found(d, NOTE, "peers", NULL, "peers cannot be asked: %s",
              daemon.what[0] == '\0' ? err_text(e) : daemon.what);
    } else {
        const json_t *last = json_object_get(d->story, "fetched");
        if (last != NULL)
            found(d, GOOD, "fetched", NULL, "%llu s ago: %s",
                  (unsigned long long)peers_number(last, "seconds_ago"), peers_text(last, "story"));
        found_sources(d, d->story);
        found_dials(d, d->story);
        unsigned long long peers = peers_number(d->story, "connected");
        e = peers_try(&daemon, &size, root);
        if (e == OK)
            found(d, GOOD, "bitswap", NULL, "a connected peer gives its first block (%llu bytes)",
                  (unsigned long long)size);
        else
            found(d, NOTE, "bitswap", NULL, "no connected peer gives its first block: %s%s",
                  err_text(e), peers == 0 ? "; there was none before this question" : "");
        json_t *after = NULL;
        (void)!peers_ask(&daemon, &after, NODE_P2P_PEERS, NULL);
        found_holders(d, d->story, after);
        json_decref(after);
    }
    ipc_sink_close(&daemon);
}

static enum cli_exit doctor_content(struct doctor *d, const char *text)
{
    struct cid root;
    struct chain_client_status now;
    if (cid_parse(&root, span_str(text)) != OK) {
        json_decref(d->checks);
        return cli_usage(d->c, "\"%s\" is neither a CID nor \"disk\" nor \"tee\"", text);
    }
    check_here(d, &root);
    if (check_chain(d, &now))
        check_orders(d, &root);
    check_gateways(d, &root);
    check_peers(d, &root, text);
    return finish(d);
}

enum cli_exit cmd_doctor_run(struct cli *c)
{
    struct doctor d = { .c = c, .checks = json_array() };
    if (c->arg_count == 0)
        doctor_machine(&d);
    else if (strcmp(c->args[0], "disk") == 0)
        doctor_disks(&d);
    else if (strcmp(c->args[0], "tee") == 0)
        doctor_tee(&d);
    else
        return doctor_content(&d, c->args[0]);
    return finish(&d);
}
