/* node init, disk add, disk list. */
#include "cli/conf.h"
#include "cli/keyring.h"
#include "cli/market.h"
#include "cli/node.h"
#include "codec/ss58.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = 128 }; /* of a gateway, as the chain takes it */

/* ---- disks ---------------------------------------------------------------------------------- */

/* Appends a disk to a list of crust.conf. */
static enum cli_exit append(const struct cli *c, char list[CONFIG_VALUE_MAX], const char *text)
{
    struct node_place p, other;
    char item[NODE_PATH_MAX];
    size_t count = 0;
    if (!node_place_parse(c, &p, text) || strpbrk(text, ",#\n") != NULL)
        return cli_usage(c, "\"%s\" is no disk: PATH or PATH:CAPACITY, like /mnt/a:500G", text);
    if (path_make_dirs(p.path, 0700) == OK)
        node_place_look(&p);
    if (!p.there)
        return cli_fail(c, CLI_FAILED, NULL, "%s is no folder that can be written to", p.path);
    if (p.limit > p.total) {
        char want[24], have[24];
        cli_format_size(want, p.limit);
        cli_format_size(have, p.total);
        return cli_fail(c, CLI_REFUSED, NULL, "%s has %s in all, %s is too much", p.path, have,
                        want);
    }
    const char *cursor = list;
    for (; config_list_next(item, sizeof(item), &cursor); count++) {
        if (node_place_parse(c, &other, item) && strcmp(other.path, p.path) == 0)
            return cli_fail(c, CLI_REFUSED, "crust disk list", "%s is among the disks already",
                            p.path);
    }
    size_t n = strlen(list), more = strlen(text);
    if (count == NODE_DISKS_MAX || n + more + 3 > CONFIG_VALUE_MAX)
        return cli_fail(c, CLI_REFUSED, "crust disk list", "a node has at most %d disks",
                        NODE_DISKS_MAX);
    (void)snprintf(list + n, CONFIG_VALUE_MAX - n, "%s%s", n == 0 ? "" : ", ", text);
    return CLI_OK;
}

static enum cli_exit configured(const struct cli *c, char list[CONFIG_VALUE_MAX])
{
    struct mspan text;
    enum cli_exit exit = conf_read(c, &text);
    if (exit == CLI_OK)
        conf_get(list, CONFIG_VALUE_MAX, span_of(text.p, text.n), "ipfsd", "disks");
    free(text.p);
    return exit;
}

enum cli_exit cmd_node_disk_add(struct cli *c)
{
    char list[CONFIG_VALUE_MAX];
    enum cli_exit exit = configured(c, list);
    if (exit == CLI_OK)
        exit = append(c, list, c->args[0]);
    const struct conf_change change = { "ipfsd", "disks", list };
    if (exit == CLI_OK)
        exit = conf_write(c, &change, 1);
    if (exit != CLI_OK)
        return exit;
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s}", "disks", list, "file", c->config.file));
    printf("disks   %s\nnext:   restart crust-ipfsd; it starts to use the disk then\n", list);
    return CLI_OK;
}

static json_t *place_json(const struct node_place *p)
{
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:b, s:s?, s:I, s:I, s:I}", "path", p->path,
                     "there", p->there, "limit", (json_int_t)p->limit, "free", (json_int_t)p->free,
                     "total", (json_int_t)p->total, "running", p->running, "state",
                     p->running ? p->state : NULL, "volume", (json_int_t)p->volume, "replica_bytes",
                     (json_int_t)p->replicas, "extent_bytes", (json_int_t)p->extents);
}

static void print_place(const struct node_place *p)
{
    char free[24], total[24], limit[24], replicas[24], extents[24];
    cli_format_size(free, p->free);
    cli_format_size(total, p->total);
    cli_format_size(limit, p->limit);
    cli_format_size(replicas, p->replicas);
    cli_format_size(extents, p->extents);
    printf("%s\n  ", p->path);
    if (!p->there)
        printf("is no folder that can be written to");
    else
        printf("%s of %s free", free, total);
    if (p->limit > 0)
        printf(", at most %s for Crust", limit);
    if (p->running)
        printf("; volume %u, %s: %s of replicas, %s of sealed random data", p->volume, p->state,
               replicas, extents);
    else
        printf("; not in use now");
    printf("\n");
}

enum cli_exit cmd_node_disk_list(struct cli *c)
{
    static struct node_place places[NODE_DISKS_MAX];
    struct ipc_sink daemon = { 0 };
    struct node_status status;
    char socket[CONFIG_HOME_MAX + 16];
    size_t count;
    local_socket(c, socket);
    bool runs = ipc_sink_connect(&daemon, socket) == OK && node_ask(&daemon, &status) == OK;
    enum cli_exit exit = node_places(c, places, &count, runs ? &status : NULL);
    ipc_sink_close(&daemon);
    if (exit != CLI_OK)
        return exit;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, place_json(&places[i]));
        if (!c->json)
            print_place(&places[i]);
    }
    if (c->json)
        return cli_print_json(json_pack("{s:o, s:b}", "disks", list, "daemon", runs));
    json_decref(list);
    if (count == 0)
        printf("no disks; offer one: crust disk add /mnt/disk:500G\n");
    return CLI_OK;
}

/* ---- node init ------------------------------------------------------------------------------ */

struct plan {
    char disks[CONFIG_VALUE_MAX];
    char host[64], port[8];
    const char *url;
    const char *key;
    struct chain_client_status chain;
    struct params params;
};

static enum cli_exit read_chain(struct cli *c, struct plan *p)
{
    enum cli_exit exit = ledger_status(c, &p->chain);
    return exit == CLI_OK ? ledger_params(c, &p->params) : exit;
}

static enum cli_exit read_plan(struct cli *c, struct plan *p)
{
    const struct cli_given *disks = cli_values(c, "disk");
    const char *port = cli_value(c, "port");
    uint64_t number = 8080;
    if (disks->count == 0)
        return cli_usage(c, "a storage node needs a disk: --disk /mnt/disk:500G");
    p->url = cli_value(c, "url");
    if (p->url != NULL && (strlen(p->url) > URL_MAX || (strncmp(p->url, "http://", 7) != 0 &&
                                                        strncmp(p->url, "https://", 8) != 0)))
        return cli_usage(c, "--url: \"%s\" is no URL of at most %d bytes", p->url, URL_MAX);
    if (port != NULL && (config_number(&number, CONFIG_U64, port) != OK || number > 65535))
        return cli_usage(c, "--port: \"%s\" is no port", port);
    (void)snprintf(p->port, sizeof(p->port), "%u", (unsigned)number);
    /* Others reach a node with a URL; the others serve this machine alone. */
    (void)snprintf(p->host, sizeof(p->host), "%s", p->url != NULL ? "0.0.0.0" : "127.0.0.1");
    p->key = config_text(&c->config, "key");
    if (!keyring_exists(c, p->key))
        return cli_fail(c, CLI_NOT_FOUND, "crust key new default",
                        "there is no key \"%s\": the node's account needs one", p->key);
    enum cli_exit exit = configured(c, p->disks);
    for (size_t i = 0; exit == CLI_OK && i < disks->count; i++)
        exit = append(c, p->disks, disks->values[i]);
    return exit == CLI_OK ? read_chain(c, p) : exit;
}

static enum cli_exit write_plan(const struct cli *c, const struct plan *p)
{
    const char *chain = config_text(&c->config, "chain");
    const struct conf_change changes[] = {
        { "ipfsd", "storage", "true" },
        { "ipfsd", "chain-id", p->chain.chain_id },
        { "ipfsd", "chain", chain },
        { "ipfsd", "disks", p->disks },
        { "ipfsd", "gateway-host", p->host },
        { "ipfsd", "gateway-port", p->port },
        { "agentd", "chain-id", p->chain.chain_id },
        { "agentd", "chain", chain },
        { "agentd", "key", p->key },
        { "ipfsd", "url", p->url },
    };
    size_t count = sizeof(changes) / sizeof(changes[0]);
    return conf_write(c, changes, p->url == NULL ? count - 1 : count);
}

static enum cli_exit print_plan(const struct cli *c, const struct plan *p,
                                const struct chain_client_account *a)
{
    char address[SS58_TEXT_MAX], need[AMOUNT_TEXT_MAX + 8], have[AMOUNT_TEXT_MAX + 8];
    char units[AMOUNT_TEXT_MAX];
    ss58_format(address, a->id);
    ledger_amount(need, p->params.worker_deposit);
    ledger_amount(have, a->usable);
    amount_format_units(units, p->params.worker_deposit);
    bool enough = amount_cmp(a->usable, p->params.worker_deposit) > 0;
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:b}", "file",
                                        c->config.file, "chain_id", p->chain.chain_id, "disks",
                                        p->disks, "account", address, "deposit", units, "url",
                                        p->url, "funded", enough));
    printf("written   %s\nnetwork   %s\ndisks     %s\naccount   %s\n"
           "deposit   %s for the worker; the account has %s\n",
           c->config.file, p->chain.chain_id, p->disks, address, need, have);
    if (p->url == NULL)
        printf("note      without --url other machines cannot fetch from this node\n");
    if (!p->chain.allow_software)
        printf("note      this network takes workers with hardware evidence (TEE) alone\n");
    if (!enough)
        printf("next:     send CRU to %s, then start crust-ipfsd and crust-agentd\n", address);
    else
        printf("next:     start crust-ipfsd, then crust-agentd, which registers the worker\n");
    return CLI_OK;
}

enum cli_exit cmd_node_init(struct cli *c)
{
    static struct plan p;
    struct keystore k;
    struct chain_client_account a;
    enum cli_exit exit = read_plan(c, &p);
    if (exit == CLI_OK)
        exit = keyring_read(c, &k, p.key);
    if (exit == CLI_OK)
        exit = ledger_account(c, &a, k.public_key);
    if (exit == CLI_OK)
        exit = write_plan(c, &p);
    return exit == CLI_OK ? print_plan(c, &p, &a) : exit;
}
