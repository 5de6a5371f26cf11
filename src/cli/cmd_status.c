/* status: one page on network, account, store, daemon and node, and the next action. */
#include "base/hex.h"
#include "cli/attestation.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "cli/node.h"
#include "cli/order.h"
#include "codec/ss58.h"
#include "rt/path.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 192 };

struct page {
    bool chain_answers;
    struct chain_client_status chain;
    bool has_key, account_known;
    uint8_t account[32];
    struct chain_client_account money;
    json_t *staking, *stake, *validators; /* as the chain node tells them, or NULL */
    bool has_store;                       /* stat is set */
    struct blockstore_stat stat;
    bool store_busy;
    bool daemon, storage;
    char gateway[NODE_TEXT_MAX + 1];
    bool node_known;
    uint8_t worker[32];
    uint64_t files, file_bytes, extents, extent_bytes;
    uint32_t pending;
    uint64_t seq;
    uint8_t state[32];
    bool worker_known;
    struct chain_client_worker at_chain;
    struct attestation attestation; /* of it */
    char next[TEXT_MAX];
};

/* ---- reading -------------------------------------------------------------------------------- */

static json_t *read_json(const struct cli *c, const char *path)
{
    struct ledger_reply r = { 0 };
    if (ledger_quiet(c, &r, path) != OK)
        return NULL;
    json_t *j = json_loadb((const char *)r.body.p, r.body.n, JSON_REJECT_DUPLICATES, NULL);
    ledger_free(&r);
    return j;
}

/* Of a network with staking: its era, and what the account has at stake. */
static void read_stake(const struct cli *c, struct page *p)
{
    char path[64 + SS58_TEXT_MAX], address[SS58_TEXT_MAX];
    p->staking = p->chain_answers ? read_json(c, "/v1/staking") : NULL;
    if (p->staking == NULL || !p->has_key)
        return;
    ss58_format(address, p->account);
    (void)snprintf(path, sizeof(path), "/v1/staking/%s", address);
    p->stake = read_json(c, path);
    p->validators = p->stake == NULL ? NULL : read_json(c, "/v1/validators");
}

static void read_chain(const struct cli *c, struct page *p)
{
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    struct keystore k;
    const char *key = config_text(&c->config, "key");
    if (ledger_quiet(c, &r, CHAIN_CLIENT_STATUS) == OK) {
        p->chain_answers = chain_client_decode_status(&p->chain, span_of(r.body.p, r.body.n)) == OK;
        ledger_free(&r);
    }
    p->has_key = keyring_exists(c, key) && keyring_read(c, &k, key) == CLI_OK;
    if (!p->has_key)
        return;
    memcpy(p->account, k.public_key, 32);
    chain_client_account_path(path, p->account);
    if (p->chain_answers && ledger_quiet(c, &r, path) == OK) {
        p->account_known =
            chain_client_decode_account(&p->money, span_of(r.body.p, r.body.n)) == OK;
        ledger_free(&r);
    }
}

static void read_worker(const struct cli *c, struct page *p)
{
    struct ledger_reply r = { 0 };
    char path[CHAIN_CLIENT_PATH_MAX];
    chain_client_worker_path(path, p->worker);
    if (!p->chain_answers || ledger_quiet(c, &r, path) != OK)
        return;
    p->worker_known = chain_client_decode_worker(&p->at_chain, span_of(r.body.p, r.body.n)) == OK;
    ledger_free(&r);
    struct params params = { 0 };
    if (ledger_quiet(c, &r, CHAIN_CLIENT_PARAMS) == OK) {
        if (chain_client_decode_params(&params, span_of(r.body.p, r.body.n)) != OK)
            params.attest_valid_s = 0;
        ledger_free(&r);
    }
    p->attestation = attestation_of(&p->at_chain, params.attest_valid_s, p->chain.time_ms / 1000);
}

static void read_node(const struct cli *c, struct page *p, struct local *l)
{
    struct node_status s;
    p->daemon = true;
    p->storage = l->daemon.storage;
    memcpy(p->gateway, l->daemon.gateway, sizeof(p->gateway));
    if (!p->storage || node_ask(&l->daemon, &s) != OK)
        return;
    p->node_known = true;
    memcpy(p->worker, s.worker, 32);
    p->files = s.files;
    p->file_bytes = s.file_bytes;
    p->extents = s.extents;
    p->extent_bytes = s.extent_bytes;
    p->pending = s.pending;
    p->seq = s.seq;
    memcpy(p->state, s.s, 32);
    read_worker(c, p);
}

static void read_store(const struct cli *c, struct page *p)
{
    struct local l;
    char dir[CONFIG_HOME_MAX + 16];
    struct blockstore_config options;
    local_folder(c, dir, &options);
    if (!path_exists(dir))
        return;
    enum err e = local_try(c, &l);
    p->store_busy = e == ERR_BUSY;
    if (e != OK)
        return;
    p->has_store = local_stat(&l, &p->stat) == OK;
    if (l.repo.store == NULL)
        read_node(c, p, &l);
    local_close(&l);
}

static bool is_fork(const struct page *p)
{
    return p->node_known && p->worker_known && node_is_fork(p->seq, p->state, &p->at_chain);
}

/* The one next action: the first thing that is missing. */
static void decide(const struct cli *c, struct page *p)
{
    const char *next = "crust put PATH";
    char address[SS58_TEXT_MAX];
    if (!p->chain_answers) {
        next = "crust doctor";
    } else if (is_fork(p)) {
        next = "put back the newest copy of the enclave folder and the disks";
    } else if (config_text(&c->config, "genesis")[0] == '\0') {
        const char *cursor = config_text(&c->config, "chain");
        char url[128] = "URL";
        (void)config_list_next(url, sizeof(url), &cursor);
        (void)snprintf(p->next, sizeof(p->next), "crust network use %s", url);
        return;
    } else if (!p->has_key) {
        next = "crust key new default";
    } else if (p->account_known && amount_is_zero(p->money.usable)) {
        ss58_format(address, p->account);
        (void)snprintf(p->next, sizeof(p->next), "have CRU sent to %s", address);
        return;
    } else if (!p->daemon) {
        next = "crust-ipfsd &";
    } else if (p->node_known && !p->worker_known) {
        next = "crust-agentd & (it registers the worker)";
    } else if (p->worker_known && (p->at_chain.faulted || p->at_chain.suspended != 0)) {
        next = "crust doctor disk";
    } else if (p->worker_known && p->attestation.next != NULL) {
        next = p->attestation.next;
    }
    (void)snprintf(p->next, sizeof(p->next), "%s", next);
}

/* ---- words ---------------------------------------------------------------------------------- */

static void print_network(const struct cli *c, const struct page *p)
{
    const struct chain_client_status *s = &p->chain;
    if (!p->chain_answers) {
        printf("network   no chain node answers at %s\n", config_text(&c->config, "chain"));
        return;
    }
    printf("network   %s at block %llu%s\n", s->chain_id, (unsigned long long)s->height,
           s->allow_software ? " (takes workers without hardware evidence: for tests)" : "");
    printf("slot      %llu, block %u of %u; reports are taken %s%s\n", (unsigned long long)s->slot,
           s->slot_offset, s->slot_blocks, s->slot_offset < s->report_blocks ? "now" : "again soon",
           s->beacon_weak ? "; its beacon is weak" : "");
}

static void print_account(const struct cli *c, const struct page *p)
{
    char address[SS58_TEXT_MAX], usable[AMOUNT_TEXT_MAX + 8], held[AMOUNT_TEXT_MAX + 8];
    if (!p->has_key) {
        printf("account   none: there is no key \"%s\"\n", config_text(&c->config, "key"));
        return;
    }
    ss58_format(address, p->account);
    printf("account   %s\n", address);
    if (!p->account_known)
        return;
    ledger_amount(usable, p->money.usable);
    ledger_amount(held, p->money.held);
    printf("money     %s to spend, %s held\n", usable, held);
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text == NULL ? "" : text;
}

static void amount_of(char out[AMOUNT_TEXT_MAX + 8], const json_t *j, const char *name)
{
    struct amount v;
    if (amount_parse_units(&v, text_of(j, name)) != OK)
        v = AMOUNT_ZERO;
    ledger_amount(out, v);
}

/* The power that the engine gives the account's validator: decimal digits; "" when it is not in the
 * set. */
static const char *power_of(const struct page *p)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(p->validators, "set"), i, row)
    {
        if (strcmp(text_of(row, "stash"), text_of(p->stake, "stash")) == 0)
            return text_of(row, "power");
    }
    return "";
}

static void print_stake(const struct page *p)
{
    char staked[AMOUNT_TEXT_MAX + 8], active[AMOUNT_TEXT_MAX + 8];
    char counts[AMOUNT_TEXT_MAX + 8], limit[AMOUNT_TEXT_MAX + 8];
    const json_t *beacon = json_object_get(p->stake, "beacon");
    if (p->staking == NULL)
        return;
    amount_of(staked, p->staking, "stake");
    printf("staking   era %lld, %lld validators, %s at stake\n",
           (long long)json_integer_value(json_object_get(p->staking, "era")),
           (long long)json_integer_value(json_object_get(p->staking, "validators")), staked);
    if (p->stake == NULL)
        return;
    amount_of(active, p->stake, "active");
    amount_of(counts, p->stake, "effective");
    amount_of(limit, p->stake, "limit");
    printf("stake     %s bonded, %s counts (proven storage allows %s)\n", active, counts, limit);
    if (strcmp(text_of(p->stake, "role"), "candidate") != 0)
        printf("          stands for no election: %s\n", text_of(p->stake, "role"));
    else if (power_of(p)[0] != '\0')
        printf("          validator with a power of %s\n", power_of(p));
    else
        printf("          stands for election; not in the set\n");
    if (json_is_string(json_object_get(beacon, "key")))
        printf("beacon    asked %lld times in this era, missed %lld%s\n",
               (long long)json_integer_value(json_object_get(beacon, "asked")),
               (long long)json_integer_value(json_object_get(beacon, "missed")),
               json_is_true(json_object_get(beacon, "jailed")) ? "; JAILED" : "");
    else if (json_is_string(json_object_get(beacon, "next_key")))
        printf("beacon    its key holds from era %lld on\n",
               (long long)json_integer_value(json_object_get(beacon, "next_era")));
}

static void print_local(const struct cli *c, const struct page *p)
{
    char bytes[24], free[24];
    cli_format_size(bytes, p->stat.block_bytes);
    cli_format_size(free, p->stat.free_bytes);
    if (p->has_store)
        printf("store     %llu blocks, %s, %llu pins; %s free\n",
               (unsigned long long)p->stat.blocks, bytes, (unsigned long long)p->stat.pins, free);
    else
        printf("store     %s\n", p->store_busy ? "in use by another program" : "none yet");
    if (!p->daemon)
        printf("daemon    crust-ipfsd does not run on %s\n", c->home);
    else
        printf("daemon    crust-ipfsd runs; gateway %s\n",
               p->gateway[0] == '\0' ? "off" : p->gateway);
}

static void print_node(const struct page *p)
{
    char worker[65], files[24], extents[24], deposit[AMOUNT_TEXT_MAX + 8];
    char evidence[ATTESTATION_TEXT_MAX];
    if (!p->node_known)
        return;
    hex_format(worker, span_of(p->worker, 32));
    cli_format_size(files, p->file_bytes);
    cli_format_size(extents, p->extent_bytes);
    printf("node      keeps %llu files (%s) and %llu extents (%s); %u changes not reported yet\n",
           (unsigned long long)p->files, files, (unsigned long long)p->extents, extents,
           p->pending);
    if (!p->worker_known) {
        printf("worker    %s is not registered\n", worker);
        return;
    }
    ledger_amount(deposit, p->at_chain.deposit);
    struct order_window due = order_next_report(&p->chain, p->at_chain.next_slot);
    printf("worker    %s (%s), deposit %s%s%s\n", worker, p->at_chain.provider, deposit,
           p->at_chain.faulted ? "; STOPPED FOR A FAULT" : "",
           p->at_chain.suspended != 0 ? "; a disk is suspended" : "");
    attestation_text(evidence, &p->attestation, &p->at_chain);
    printf("evidence  %s\n", evidence);
    if (strcmp(p->at_chain.provider, "tdx") == 0)
        printf("          VOLATILE: TDX has no sealing key, so this worker ends with its guest\n");
    if (is_fork(p))
        printf("          IT IS AN OLD COPY: it stands at step %llu, the chain knows step %llu. It "
               "can report no more\n",
               (unsigned long long)p->seq, (unsigned long long)p->at_chain.seq);
    else if (p->at_chain.absent)
        printf("          it was absent for too long: its replicas have ended\n");
    printf("reports   last in slot %llu; next: slot %llu, blocks %llu to %llu\n",
           (unsigned long long)p->at_chain.report_slot, (unsigned long long)due.slot,
           (unsigned long long)due.from, (unsigned long long)due.to);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *units(struct amount a)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, a);
    return json_string(text);
}

static json_t *network_json(const struct page *p)
{
    const struct chain_client_status *s = &p->chain;
    char genesis[65];
    if (!p->chain_answers)
        return json_null();
    hex_format(genesis, span_of(s->genesis, 32));
    return json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:b, s:b}", "chain_id", s->chain_id, "genesis",
                     genesis, "height", (json_int_t)s->height, "slot", (json_int_t)s->slot,
                     "slot_offset", (int)s->slot_offset, "slot_blocks", (int)s->slot_blocks,
                     "beacon_weak", s->beacon_weak, "allow_software", s->allow_software);
}

static json_t *account_json(const struct page *p)
{
    char address[SS58_TEXT_MAX];
    if (!p->has_key)
        return json_null();
    ss58_format(address, p->account);
    json_t *o = json_pack("{s:s}", "address", address);
    json_object_set_new(o, "usable", p->account_known ? units(p->money.usable) : json_null());
    json_object_set_new(o, "held", p->account_known ? units(p->money.held) : json_null());
    return o;
}

static json_t *worker_json(const struct page *p)
{
    char worker[65];
    if (!p->node_known)
        return json_null();
    hex_format(worker, span_of(p->worker, 32));
    json_t *o = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:i}", "worker", worker, "registered",
                          p->worker_known, "files", (json_int_t)p->files, "file_bytes",
                          (json_int_t)p->file_bytes, "extents", (json_int_t)p->extents,
                          "extent_bytes", (json_int_t)p->extent_bytes, "pending", (int)p->pending);
    if (!p->worker_known)
        return o;
    json_object_set_new(o, "attestation", attestation_json(&p->attestation, &p->at_chain));
    json_object_set_new(o, "faulted", json_boolean(p->at_chain.faulted));
    json_object_set_new(o, "fork", json_boolean(is_fork(p)));
    json_object_set_new(o, "absent", json_boolean(p->at_chain.absent));
    json_object_set_new(o, "suspended", json_integer(p->at_chain.suspended));
    json_object_set_new(o, "deposit", units(p->at_chain.deposit));
    json_object_set_new(o, "report_slot", json_integer((json_int_t)p->at_chain.report_slot));
    json_object_set_new(o, "next_slot", json_integer((json_int_t)p->at_chain.next_slot));
    return o;
}

/* Borrowed from the page's answers. */
static json_t *stake_json(const struct page *p)
{
    if (p->staking == NULL)
        return json_null();
    json_t *o = json_pack("{s:O, s:O, s:O}", "era", json_object_get(p->staking, "era"),
                          "validators", json_object_get(p->staking, "validators"), "stake",
                          json_object_get(p->staking, "stake"));
    if (o == NULL || p->stake == NULL)
        return o;
    static const char *const names[] = {
        "stash", "role", "active", "effective", "limit", "beacon"
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        json_object_set(o, names[i], json_object_get(p->stake, names[i]));
    json_object_set_new(o, "power", json_string(power_of(p)));
    return o;
}

static enum cli_exit print_json(const struct page *p)
{
    json_t *store =
        p->has_store ? json_pack("{s:I, s:I, s:I, s:I}", "blocks", (json_int_t)p->stat.blocks,
                                 "bytes", (json_int_t)p->stat.block_bytes, "pins",
                                 (json_int_t)p->stat.pins, "free", (json_int_t)p->stat.free_bytes)
                     : json_null();
    return cli_print_json(json_pack(
        "{s:o, s:o, s:o, s:o, s:{s:b, s:s, s:b}, s:o, s:s}", "network", network_json(p), "account",
        account_json(p), "staking", stake_json(p), "store", store, "daemon", "running", p->daemon,
        "gateway", p->gateway, "storage", p->storage, "worker", worker_json(p), "next", p->next));
}

static void forget(const struct page *p)
{
    json_decref(p->staking);
    json_decref(p->stake);
    json_decref(p->validators);
}

enum cli_exit cmd_status_run(struct cli *c)
{
    static struct page p;
    read_chain(c, &p);
    read_stake(c, &p);
    read_store(c, &p);
    decide(c, &p);
    enum cli_exit exit = p.chain_answers ? CLI_OK : CLI_UNREACHABLE;
    if (c->json) {
        exit = print_json(&p) == CLI_OK ? exit : CLI_FAILED;
        forget(&p);
        return exit;
    }
    print_network(c, &p);
    print_account(c, &p);
    print_stake(&p);
    print_local(c, &p);
    print_node(&p);
    printf("next      %s\n", p.next);
    forget(&p);
    return exit;
}
