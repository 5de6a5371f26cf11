#include "base/hex.h"
#include "cli/cmd_add.h"
#include "cli/keyring.h"
#include "cli/push.h"
#include "cli/put.h"
#include "codec/ss58.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_DEFAULT_S = 600 };

static enum cli_exit read_options(struct cli *c, struct put *p, uint64_t *patience_s)
{
    uint64_t number = 0;
    const char *replicas = cli_value(c, "replicas"), *tip = cli_value(c, "tip");
    const char *wait = cli_value(c, "wait");
    if (replicas != NULL &&
        (config_number(&number, CONFIG_U64, replicas) != OK || number == 0 || number > UINT32_MAX))
        return cli_usage(c, "--replicas takes a number of nodes");
    p->replicas = (uint32_t)number;
    if (tip != NULL && amount_parse(&p->tip, tip) != OK)
        return cli_usage(c, "--tip takes an amount in CRU, such as 0.5");
    *patience_s = PATIENCE_DEFAULT_S;
    if (wait != NULL && config_number(patience_s, CONFIG_U64, wait) != OK)
        return cli_usage(c, "--wait takes seconds");
    const struct cli_given *origins = cli_values(c, "origin");
    for (size_t i = 0; i < origins->count; i++) {
        if (p->origin_count == TX_ORIGINS_MAX || strlen(origins->values[i]) > TX_ORIGIN_SIZE_MAX)
            return cli_usage(c, "at most %d origins of %d bytes", TX_ORIGINS_MAX,
                             TX_ORIGIN_SIZE_MAX);
        (void)snprintf(p->origins[p->origin_count++], sizeof(p->origins[0]), "%s",
                       origins->values[i]);
    }
    return CLI_OK;
}

/* A path of this machine, or else a CID. */
static enum cli_exit gather(struct cli *c, struct put *p)
{
    struct import_options o = { .hidden = cli_has(c, "hidden"),
                                .progress = cmd_add_progress,
                                .progress_ctx = c };
    struct cid root;
    const char *what = c->args[0];
    if (unixfs_add_profile(&o.params, "unixfs-v1-2025") != OK)
        return CLI_FAILED;
    if (access(what, F_OK) == 0)
        return put_add(c, p, what, &o);
    if (cid_parse(&root, span_str(what)) == OK)
        return put_known(c, p, &root);
    return cli_fail(c, CLI_NOT_FOUND, NULL, "\"%s\" is neither a path here nor a CID", what);
}

static void print_quote(const struct put *p)
{
    char total[AMOUNT_TEXT_MAX + 8], staking[AMOUNT_TEXT_MAX + 8], storage[AMOUNT_TEXT_MAX + 8];
    char reserve[AMOUNT_TEXT_MAX + 8], size[24], cid[CID_TEXT_MAX];
    struct put_split s;
    put_price_split(&s, p);
    ledger_amount(total, s.total);
    ledger_amount(staking, s.staking);
    ledger_amount(storage, amount_sat_add(s.storage, s.tip));
    ledger_amount(reserve, s.reserve);
    cli_format_size(size, p->commitment.size);
    cid_format(cid, &p->root);
    printf("content   %s\n"
           "size      %s in %u block%s\n"
           "replicas  %u, for %u blocks\n"
           "price     %s: %s to those who keep it, %s to stakers, %s to the reserve\n",
           cid, size, p->commitment.record_count, p->commitment.record_count == 1 ? "" : "s",
           p->price.replicas, p->price.duration_blocks, total, storage, staking, reserve);
    fflush(stdout);
}

static void tell(void *ctx, enum put_step step, const struct chain_client_holder *holder,
                 uint64_t height)
{
    const struct cli *c = ctx;
    char address[SS58_TEXT_MAX];
    if (c->json)
        return;
    ss58_format(address, holder->account);
    printf(step == PUT_REPORTED ? "sealed and reported by %s (block %llu)\n"
                                : "proven to everyone by %s (block %llu)\n",
           address, (unsigned long long)height);
    fflush(stdout);
}

static enum cli_exit print_result(const struct cli *c, const struct put *p,
                                  const struct chain_client_order *order, enum cli_exit exit)
{
    char cid[CID_TEXT_MAX], id[65];
    cid_format(cid, &p->root);
    hex_format(id, span_of(p->order, 32));
    if (c->json) {
        char total[AMOUNT_TEXT_MAX];
        amount_format_units(total, amount_sat_add(p->price.total, p->tip));
        return cli_print_json(json_pack("{s:s, s:s, s:I, s:s, s:b, s:I, s:I}", "cid", cid, "order",
                                        id, "size", (json_int_t)p->commitment.size, "price", total,
                                        "paid", !p->stands, "replicas", (json_int_t)order->replicas,
                                        "replicas_wanted", (json_int_t)order->replicas_wanted)) ==
                       CLI_OK
                   ? exit
                   : CLI_FAILED;
    }
    if (exit == CLI_OK && order->replicas >= order->replicas_wanted)
        printf("kept: %u of %u replicas are proven\nlink:  %s/ipfs/%s\nnext:  crust order show "
               "%s\n",
               order->replicas, order->replicas_wanted, config_text(&c->config, "gateway"), cid,
               cid);
    else
        printf("so far %u of %u replicas are proven\nnext:  crust order show %s --watch\n",
               order->replicas, order->replicas_wanted, cid);
    return exit;
}

static enum cli_exit place_and_follow(struct cli *c, struct put *p, uint64_t patience_s)
{
    AUTO(ed25519_wipe) struct ed25519_key key = { 0 };
    static struct chain_client_order order;
    static struct push push;
    enum cli_exit exit = keyring_unlock(c, &key, config_text(&c->config, "key"));
    /* Who could take it is asked before it is paid. */
    if (exit == CLI_OK && p->origin_count == 0)
        exit = push_find(c, &push, p, &key);
    if (exit == CLI_OK)
        exit = put_place(c, p, &key);
    if (exit != CLI_OK)
        return exit;
    if (!c->json && p->stands)
        printf("this order stands already: nothing was paid again\n");
    else if (!c->json)
        printf("ordered in block %llu\n", (unsigned long long)p->tx.height);
    fflush(stdout);
    if (p->origin_count == 0)
        exit = push_run(c, &push, p, &key);
    if (exit != CLI_OK)
        return exit;
    if (patience_s == 0) {
        exit = ledger_order(c, &order, p->order);
        return exit == CLI_OK ? print_result(c, p, &order, CLI_OK) : exit;
    }
    exit = put_follow(c, p, &order, patience_s * 1000, tell, c);
    return print_result(c, p, &order, exit);
}

static enum cli_exit run_put(struct cli *c)
{
    static struct put p;
    uint64_t patience_s = 0;
    enum cli_exit exit = read_options(c, &p, &patience_s);
    if (exit == CLI_OK)
        exit = gather(c, &p);
    if (exit == CLI_OK)
        exit = put_quote(c, &p);
    if (exit != CLI_OK)
        return exit;
    if (!c->json)
        print_quote(&p);
    if (cli_has(c, "dry-run")) {
        struct chain_client_order none = { .replicas_wanted = p.price.replicas };
        p.stands = true; /* nothing is paid */
        return c->json ? print_result(c, &p, &none, CLI_OK) : CLI_OK;
    }
    exit = ledger_confirm(c, "pay");
    return exit == CLI_OK ? place_and_follow(c, &p, patience_s) : exit;
}

static const struct cli_option put_options[] = {
    { "replicas", 0, "N", "how many nodes shall keep it; default: the network's" },
    { "tip", 0, "CRU", "on top, for those who keep it" },
    { "origin", 0, "URL", "a gateway that has it now; default: this machine's, or push it" },
    { "hidden", 'H', NULL, "with names that begin with a dot" },
    { "dry-run", 0, NULL, "quote the price, pay nothing" },
    { "yes", 'y', NULL, "pay without asking" },
    { "wait", 0, "SECONDS", "how long to follow it; 0: not at all" },
    { 0 },
};

const struct cli_verb cli_verbs_market[] = {
    { "put", "PATH|CID", "pay others to keep a file, a folder or a CID",
      "crust put ~/photos\ncrust put --dry-run ~/film.mp4", put_options, 1, 1, run_put },
    { 0 },
};
