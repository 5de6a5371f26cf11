/* worker status: what the chain knows about this node's worker, or about any. */
#include "base/hex.h"
#include "cli/attestation.h"
#include "cli/local.h"
#include "cli/market.h"
#include "cli/node.h"
#include "cli/order.h"
#include "codec/ss58.h"

#include <jansson.h>
#include <stdio.h>

/* The worker of the arguments, or of the crust-ipfsd that runs here. */
static enum cli_exit which(const struct cli *c, uint8_t out[32])
{
    static const uint8_t nobody[32];
    struct ipc_sink daemon = { 0 };
    struct node_status s;
    char socket[CONFIG_HOME_MAX + 16];
    if (c->arg_count != 0)
        return hex_parse(out, 32, c->args[0]) == OK
                   ? CLI_OK
                   : cli_usage(c, "a worker's key has 64 hexadecimal digits");
    local_socket(c, socket);
    enum err e = ipc_sink_connect(&daemon, socket);
    if (e == OK)
        e = node_ask(&daemon, &s);
    if (e == OK)
        memcpy(out, s.worker, 32);
    ipc_sink_close(&daemon);
    if (e != OK)
        return cli_fail(c, CLI_UNREACHABLE, "crust worker status KEY, or start crust-ipfsd",
                        "no crust-ipfsd with storage runs on %s", c->home);
    if (memcmp(out, nobody, 32) == 0)
        return cli_fail(c, CLI_NOT_FOUND, "crust doctor", "crust-ipfsd has no worker yet");
    return CLI_OK;
}

static enum cli_exit ask(const struct cli *c, struct chain_client_worker *out,
                         const uint8_t key[32])
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct ledger_reply r;
    chain_client_worker_path(path, key);
    enum cli_exit exit = ledger_get(c, &r, path);
    if (exit == CLI_NOT_FOUND)
        return cli_fail(c, CLI_NOT_FOUND, "start crust-agentd, which registers this node's worker",
                        "the chain knows no such worker");
    if (exit != CLI_OK)
        return exit;
    return ledger_end(c, &r, chain_client_decode_worker(out, span_of(r.body.p, r.body.n)));
}

static const char *state_of(const struct chain_client_worker *w, const struct attestation *a)
{
    if (w->faulted)
        return "STOPPED FOR A FAULT: it never counts again";
    if (w->absent)
        return "was absent for too long: its replicas have ended";
    if (a->state == ATTESTATION_LAPSED)
        return "nothing vouches for it: see evidence";
    return w->suspended != 0 ? "a disk is suspended: crust doctor disk" : "in order";
}

static enum cli_exit print_worker_json(const struct chain_client_worker *w,
                                       const struct attestation *a)
{
    char key[65], address[SS58_TEXT_MAX], deposit[AMOUNT_TEXT_MAX];
    hex_format(key, span_of(w->worker, 32));
    ss58_format(address, w->account);
    amount_format_units(deposit, w->deposit);
    return cli_print_json(
        json_pack("{s:s, s:s, s:o, s:b, s:b, s:i, s:s, s:I, s:I, s:I, s:I, s:I}", "worker", key,
                  "account", address, "attestation", attestation_json(a, w), "faulted", w->faulted,
                  "absent", w->absent, "suspended", (int)w->suspended, "deposit", deposit,
                  "report_slot", (json_int_t)w->report_slot, "next_slot", (json_int_t)w->next_slot,
                  "file_bytes", (json_int_t)w->file_bytes, "srd_bytes", (json_int_t)w->srd_bytes,
                  "power", (json_int_t)w->power));
}

static void print_worker(const struct chain_client_worker *w, const struct attestation *a,
                         const struct chain_client_status *chain)
{
    char key[65], address[SS58_TEXT_MAX], deposit[AMOUNT_TEXT_MAX + 8];
    char text[ATTESTATION_TEXT_MAX], files[24], free[24], power[24];
    hex_format(key, span_of(w->worker, 32));
    ss58_format(address, w->account);
    ledger_amount(deposit, w->deposit);
    attestation_text(text, a, w);
    cli_format_size(files, w->file_bytes);
    cli_format_size(free, w->srd_bytes);
    cli_format_size(power, w->power);
    struct order_window due = order_next_report(chain, w->next_slot);
    printf("worker    %s\naccount   %s, deposit %s\nstate     %s\nevidence  %s\n", key, address,
           deposit, state_of(w, a), text);
    if (a->state != ATTESTATION_SOFTWARE)
        printf("          taken in block %llu; crust-agentd renews it\n",
               (unsigned long long)w->attested_at);
    printf("proven    %s of files, %s of free space; power %s\n", files, free, power);
    printf("reports   last in slot %llu; next: slot %llu, blocks %llu to %llu\n",
           (unsigned long long)w->report_slot, (unsigned long long)due.slot,
           (unsigned long long)due.from, (unsigned long long)due.to);
    if (a->next != NULL)
        printf("next      %s\n", a->next);
}

enum cli_exit cmd_worker_status(struct cli *c)
{
    uint8_t key[32];
    struct chain_client_worker w;
    struct chain_client_status chain;
    struct params params;
    enum cli_exit exit = which(c, key);
    if (exit == CLI_OK)
        exit = ask(c, &w, key);
    if (exit == CLI_OK)
        exit = ledger_status(c, &chain);
    if (exit == CLI_OK)
        exit = ledger_params(c, &params);
    if (exit != CLI_OK)
        return exit;
    const struct attestation a = attestation_of(&w, params.attest_valid_s, chain.time_ms / 1000);
    if (c->json)
        return print_worker_json(&w, &a);
    print_worker(&w, &a, &chain);
    return CLI_OK;
}
