#include "cli/node.h"
#include "cli/conf.h"
#include "rt/http_client.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum err node_space(uint64_t *free, uint64_t *total, const char *path)
{
    struct statvfs st;
    *free = *total = 0;
    if (statvfs(path, &st) != 0)
        return ERR_NOT_FOUND;
    *free = (uint64_t)st.f_bavail * st.f_frsize;
    *total = (uint64_t)st.f_blocks * st.f_frsize;
    return OK;
}

void node_place_look(struct node_place *p)
{
    p->there = access(p->path, W_OK | X_OK) == 0 && node_space(&p->free, &p->total, p->path) == OK;
}

bool node_is_fork(uint64_t seq, const uint8_t s[32], const struct chain_client_worker *w)
{
    return seq < w->seq || (seq == w->seq && memcmp(s, w->state, 32) != 0);
}

bool node_place_parse(const struct cli *c, struct node_place *out, const char *text)
{
    char item[NODE_PATH_MAX];
    *out = (struct node_place){ 0 };
    if (snprintf(item, sizeof(item), "%s", text) >= (int)sizeof(item) || item[0] == '\0')
        return false;
    char *colon = strrchr(item, ':');
    if (colon != NULL && strchr(colon, '/') == NULL) {
        if (config_number(&out->limit, CONFIG_SIZE, colon + 1) != OK || out->limit == 0)
            return false;
        *colon = '\0';
    }
    return path_join(out->path, sizeof(out->path), c->home, item) == OK;
}

static void merge(struct node_place *p, const struct node_status *status)
{
    for (uint32_t i = 0; i < status->disk_count; i++) {
        const struct node_disk *d = &status->disks[i];
        if (!span_eq(d->path, span_str(p->path)))
            continue;
        p->running = true;
        p->volume = d->volume;
        p->replicas = d->replicas;
        p->extents = d->extents;
        (void)snprintf(p->state, sizeof(p->state), "%.*s", (int)d->state.n,
                       (const char *)d->state.p);
    }
}

/* Disks that the daemon has from its command line, not from crust.conf. */
static void add_running(struct node_place out[NODE_DISKS_MAX], size_t *count,
                        const struct node_status *status)
{
    for (uint32_t i = 0; i < status->disk_count && *count < NODE_DISKS_MAX; i++) {
        struct span path = status->disks[i].path;
        size_t k = 0;
        while (k < *count && !span_eq(path, span_str(out[k].path)))
            k++;
        if (k < *count || path.n >= NODE_PATH_MAX)
            continue;
        struct node_place *p = &out[(*count)++];
        *p = (struct node_place){ 0 };
        memcpy(p->path, path.p, path.n);
        node_place_look(p);
        merge(p, status);
    }
}

enum cli_exit node_places(const struct cli *c, struct node_place out[NODE_DISKS_MAX], size_t *count,
                          const struct node_status *status)
{
    struct mspan text;
    char list[CONFIG_VALUE_MAX], item[NODE_PATH_MAX];
    *count = 0;
    enum cli_exit exit = conf_read(c, &text);
    if (exit != CLI_OK)
        return exit;
    conf_get(list, sizeof(list), span_of(text.p, text.n), "ipfsd", "disks");
    free(text.p);
    const char *cursor = list;
    while (*count < NODE_DISKS_MAX && config_list_next(item, sizeof(item), &cursor)) {
        struct node_place *p = &out[*count];
        if (!node_place_parse(c, p, item))
            continue;
        node_place_look(p);
        if (status != NULL)
            merge(p, status);
        (*count)++;
    }
    if (status != NULL)
        add_running(out, count, status);
    return CLI_OK;
}

enum err node_ask(struct ipc_sink *daemon, struct node_status *out)
{
    struct ipc_msg reply;
    uint8_t body[16];
    struct writer w = writer_of(body, sizeof(body));
    *out = (struct node_status){ 0 };
    node_msg_encode_none(&w);
    TRY(ipc_sink_call(daemon, &reply, NODE_STATUS, writer_span(&w)));
    return node_msg_decode_status(out, reply.body);
}

bool node_gateway_answers(const char *url)
{
    /* The identity CID of no bytes: every gateway has it. */
    static const char empty[] = "/ipfs/bafkqaaa?format=raw";
    char address[HTTP_URL_MAX];
    struct http_header accept = { "Accept", "application/vnd.ipld.raw" };
    struct http_fetch_options o = { .url = address,
                                    .headers = &accept,
                                    .header_count = 1,
                                    .connect_timeout_ms = 3000,
                                    .total_timeout_ms = 5000,
                                    .size_max = 4096 };
    struct mspan body = { NULL, 0 };
    uint16_t status = 0;
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    if (snprintf(address, sizeof(address), "%.*s%s", (int)n, url, empty) >= (int)sizeof(address))
        return false;
    bool good = http_fetch_text(&body, &o, true, &status) == OK && status == 200 && body.n == 0;
    free(body.p);
    return good;
}
