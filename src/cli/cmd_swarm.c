/* id, swarm peers, swarm addrs, swarm connect, swarm ping, swarm dht: the node's libp2p peers. */
#include "cli/market.h"
#include "cli/peers.h"
#include "rt/clock.h"

#include <stdio.h>

enum { PINGS_DEFAULT = 3, PINGS_MAX = 1000, PING_EVERY_MS = 1000 };

static enum cli_exit open_daemon(const struct cli *c, struct ipc_sink *daemon)
{
    char socket[CONFIG_HOME_MAX + 16];
    local_socket(c, socket);
    if (ipc_sink_connect(daemon, socket) == OK)
        return CLI_OK;
    return cli_fail(c, CLI_UNREACHABLE, "crust-ipfsd --p2p &",
                    "crust-ipfsd does not run: it is what connects with peers");
}

static enum cli_exit failed(const struct cli *c, const struct ipc_sink *daemon, enum err e)
{
    return cli_fail(c, cli_exit_of(e), daemon->next[0] == '\0' ? NULL : daemon->next, "%s",
                    daemon->what[0] == '\0' ? err_text(e) : daemon->what);
}

/* One question; the answer is printed by show, or as it is with --json. */
static enum cli_exit ask(const struct cli *c, uint16_t type, const char *text,
                         void (*show)(const json_t *answer))
{
    struct ipc_sink daemon = { 0 };
    json_t *answer = NULL;
    enum cli_exit exit = open_daemon(c, &daemon);
    if (exit != CLI_OK)
        return exit;
    enum err e = peers_ask(&daemon, &answer, type, text);
    if (e != OK) {
        exit = failed(c, &daemon, e);
    } else if (c->json) {
        exit = cli_print_json(json_incref(answer));
    } else {
        show(answer);
    }
    json_decref(answer);
    ipc_sink_close(&daemon);
    return exit;
}

/* What is known of an address. */
static void show_reach(const json_t *entry)
{
    size_t asked = json_array_size(json_object_get(entry, "asked"));
    if (asked == 0)
        printf("  reachable: unknown, nobody has tried");
    else
        printf("  reachable: %s, %zu of %zu peers that tried", peers_text(entry, "reachable"),
               peers_reached(entry), asked);
}

/* The addresses that are told, then those that others see and that cannot be reached. */
static void show_addresses(const json_t *answer)
{
    const json_t *addresses = json_object_get(answer, "addresses"), *a, *r;
    const json_t *reach = json_object_get(answer, "reach");
    size_t i, k;
    json_array_foreach(addresses, i, a)
    {
        printf("%s", json_string_value(a));
        json_array_foreach(reach, k, r) if (peers_is_at(json_string_value(a), r)) show_reach(r);
        printf("\n");
    }
    json_array_foreach(reach, k, r)
    {
        bool told = false;
        json_array_foreach(addresses, i, a) told = told || peers_is_at(json_string_value(a), r);
        if (told)
            continue;
        printf("not told: %s", peers_text(r, "address"));
        show_reach(r);
        printf("\n");
    }
}

static void show_id(const json_t *answer)
{
    printf("id       %s\nagent    %s\n", peers_text(answer, "id"), peers_text(answer, "agent"));
    size_t i;
    const json_t *a;
    json_array_foreach(json_object_get(answer, "addresses"), i, a)
        printf("address  %s\n", json_string_value(a));
}

static void show_peers(const json_t *answer)
{
    size_t i;
    const json_t *p, *all = json_object_get(answer, "peers");
    json_array_foreach(all, i, p)
    {
        char got[24], given[24];
        cli_format_size(got, peers_number(p, "received"));
        cli_format_size(given, peers_number(p, "sent"));
        printf("%s/p2p/%s  %s  %s  %llu s  %s  kept %llu, broken %llu  got %s, given %s\n",
               peers_text(p, "address"), peers_text(p, "peer"),
               json_is_true(json_object_get(p, "inbound")) ? "in " : "out",
               peers_text(p, "agent")[0] == '\0' ? "-" : peers_text(p, "agent"),
               (unsigned long long)peers_number(p, "seconds"), peers_text(p, "rank"),
               (unsigned long long)peers_number(p, "kept"),
               (unsigned long long)peers_number(p, "broken"), got, given);
    }
    if (json_array_size(all) == 0)
        printf("connected with nobody\n");
}

static void show_dials(const json_t *answer)
{
    size_t i;
    const json_t *d;
    json_array_foreach(json_object_get(answer, "dials"), i, d)
        printf("%s  %s (%llu ms)\n", peers_text(d, "address"), peers_text(d, "result"),
               (unsigned long long)peers_number(d, "ms"));
}

/* Whether it is known that nobody in this net can connect with the node. */
static bool hidden(const json_t *answer, const json_t *net)
{
    return strcmp(peers_text(net, "net"), "global") == 0 &&
           strcmp(peers_text(answer, "reachable"), "no") == 0;
}

static void show_dht(const json_t *answer)
{
    size_t i;
    const json_t *n, *nets = json_object_get(answer, "nets");
    unsigned long long contents = peers_number(answer, "contents");
    json_array_foreach(nets, i, n)
    {
        printf("%s net: knows %llu nodes", peers_text(n, "net"),
               (unsigned long long)peers_number(n, "nodes"));
        if (json_is_true(json_object_get(n, "serves")))
            printf(", answers others, keeps %llu records for them",
                   (unsigned long long)peers_number(n, "records"));
        else if (strcmp(peers_text(answer, "mode"), "auto") == 0 && hidden(answer, n))
            printf(", answers nobody: nobody outside can connect with this node");
        printf("\n");
        if (json_is_true(json_object_get(answer, "provides")))
            printf("  told of %llu of %llu contents%s\n",
                   (unsigned long long)peers_number(n, "told"), contents,
                   peers_number(n, "told") < contents && hidden(answer, n)
                       ? ": nobody could fetch them from here"
                       : "");
    }
    if (json_array_size(nets) == 0)
        printf("off: p2p-dht = off\n");
    printf("%llu look-ups, %llu requests (%llu in vain); %llu answers to others\n",
           (unsigned long long)peers_number(answer, "looked_up"),
           (unsigned long long)peers_number(answer, "asked"),
           (unsigned long long)peers_number(answer, "asked_in_vain"),
           (unsigned long long)peers_number(answer, "answered"));
}

enum cli_exit cmd_swarm_dht(struct cli *c)
{
    return ask(c, NODE_P2P_DHT, NULL, show_dht);
}

enum cli_exit cmd_swarm_id(struct cli *c)
{
    return ask(c, NODE_P2P_ID, NULL, show_id);
}

enum cli_exit cmd_swarm_addrs(struct cli *c)
{
    return ask(c, NODE_P2P_ID, NULL, show_addresses);
}

enum cli_exit cmd_swarm_peers(struct cli *c)
{
    return ask(c, NODE_P2P_PEERS, NULL, show_peers);
}

enum cli_exit cmd_swarm_connect(struct cli *c)
{
    return ask(c, NODE_P2P_CONNECT, c->args[0], show_dials);
}

enum cli_exit cmd_swarm_ping(struct cli *c)
{
    struct ipc_sink daemon = { 0 };
    uint64_t count = PINGS_DEFAULT;
    const char *times = cli_value(c, "count");
    if (times != NULL &&
        (config_number(&count, CONFIG_U64, times) != OK || count == 0 || count > PINGS_MAX))
        return cli_usage(c, "--count: 1 to %d", PINGS_MAX);
    enum cli_exit exit = open_daemon(c, &daemon);
    json_t *all = json_array();
    for (uint64_t i = 0; i < count && exit == CLI_OK; i++) {
        json_t *answer = NULL;
        if (i > 0)
            clock_sleep_ms(PING_EVERY_MS);
        enum err e = peers_ask(&daemon, &answer, NODE_P2P_PING, c->args[0]);
        if (e != OK)
            exit = failed(c, &daemon, e);
        uint64_t us = peers_number(answer, "us");
        json_array_append_new(all, json_integer((json_int_t)us));
        if (e == OK && !c->json)
            printf("%llu.%03llu ms\n", (unsigned long long)(us / 1000),
                   (unsigned long long)(us % 1000));
        json_decref(answer);
    }
    ipc_sink_close(&daemon);
    if (exit == CLI_OK && c->json)
        return cli_print_json(json_pack("{s:s, s:o}", "peer", c->args[0], "us", all));
    json_decref(all);
    return exit;
}
