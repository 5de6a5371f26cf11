/* disk suspend, disk resume, disk drop: what the running crust-ipfsd is told about a disk. */
#include "cli/ledger.h"
#include "cli/market.h"
#include "cli/node.h"

#include <stdio.h>
#include <stdlib.h>

/* A disk of the running node, by its volume number or its path. */
struct chosen {
    struct ipc_sink daemon;
    struct node_place place;
};

static enum cli_exit choose(const struct cli *c, struct chosen *out)
{
    static struct node_place places[NODE_DISKS_MAX];
    struct node_status status;
    struct node_place named;
    char socket[CONFIG_HOME_MAX + 16], *end;
    size_t count = 0;
    local_socket(c, socket);
    if (ipc_sink_connect(&out->daemon, socket) != OK || node_ask(&out->daemon, &status) != OK)
        return cli_fail(c, CLI_UNREACHABLE, "crust-ipfsd &",
                        "crust-ipfsd does not run; it must, for the disk's volume to be told of");
    enum cli_exit exit = node_places(c, places, &count, &status);
    if (exit != CLI_OK)
        return exit;
    unsigned long number = strtoul(c->args[0], &end, 10);
    bool is_number = *end == '\0' && end != c->args[0];
    bool is_path = !is_number && node_place_parse(c, &named, c->args[0]);
    for (size_t i = 0; i < count; i++) {
        const struct node_place *p = &places[i];
        if (!p->running ||
            !(is_number ? p->volume == number : is_path && strcmp(p->path, named.path) == 0))
            continue;
        out->place = *p;
        return CLI_OK;
    }
    return cli_fail(c, CLI_NOT_FOUND, "crust disk list",
                    "this node has no disk \"%s\": name its volume's number or its path",
                    c->args[0]);
}

static enum cli_exit tell(const struct cli *c, struct chosen *d, uint16_t type)
{
    uint8_t body[32];
    struct ipc_msg reply;
    const struct node_size m = { d->place.volume };
    struct writer w = writer_of(body, sizeof(body));
    node_msg_encode_size(&w, &m);
    enum err e = ipc_sink_call(&d->daemon, &reply, type, writer_span(&w));
    if (e == OK)
        return CLI_OK;
    return cli_fail(c, cli_exit_of(e), "crust disk list", "%s",
                    d->daemon.what[0] != '\0' ? d->daemon.what : err_text(e));
}

static enum cli_exit done(const struct cli *c, const struct chosen *d, const char *what,
                          const char *next)
{
    if (c->json)
        return cli_print_json(json_pack("{s:I, s:s, s:s}", "volume", (json_int_t)d->place.volume,
                                        "path", d->place.path, "asked", what));
    printf("volume %u, %s: %s\n", d->place.volume, d->place.path, next);
    return CLI_OK;
}

static enum cli_exit run(struct cli *c, uint16_t type, const char *what, const char *next)
{
    struct chosen d = { .place = { .volume = 0 } };
    enum cli_exit exit = choose(c, &d);
    if (exit == CLI_OK)
        exit = tell(c, &d, type);
    if (exit == CLI_OK)
        exit = done(c, &d, what, next);
    ipc_sink_close(&d.daemon);
    return exit;
}

enum cli_exit cmd_disk_suspend(struct cli *c)
{
    return run(c, NODE_DISK_STOP, "suspend",
               "the next report suspends it; unmount it when crust disk list says \"stopped\"");
}

enum cli_exit cmd_disk_resume(struct cli *c)
{
    return run(c, NODE_DISK_RESUME, "resume",
               "its bytes are checked, then a report asks for its return: crust disk list");
}

enum cli_exit cmd_disk_drop(struct cli *c)
{
    struct chosen d = { .place = { .volume = 0 } };
    char held[24], question[NODE_PATH_MAX + 160];
    enum cli_exit exit = choose(c, &d);
    if (exit == CLI_OK) {
        cli_format_size(held, d.place.replicas);
        (void)snprintf(question, sizeof(question),
                       "give up volume %u, %s, with %s of other people's files, for good",
                       d.place.volume, d.place.path, held);
        exit = ledger_confirm(c, question);
    }
    if (exit == CLI_OK)
        exit = tell(c, &d, NODE_DROP_VOLUME);
    if (exit == CLI_OK)
        exit = done(c, &d, "drop",
                    "dropped; its data goes when the chain has accepted that. To use the disk "
                    "again, restart crust-ipfsd then; else take it out of [ipfsd] disks");
    ipc_sink_close(&d.daemon);
    return exit;
}
