#include "agentd/node_link.h"

#include "rt/log.h"

#include <stdio.h>

enum err node_link_init(struct node_link *n, struct loop *loop, const char *path,
                        void (*on_change)(void *ctx), void *ctx)
{
    n->loop = loop;
    n->client = NULL;
    n->session = 0;
    n->gateway[0] = '\0';
    n->failures = 0;
    n->retry_ms = 0;
    n->on_change = on_change;
    n->ctx = ctx;
    n->at = (struct ipc_endpoint){ .kind = IPC_UNIX };
    for (size_t i = 0; i < NODE_LINK_CALLS; i++)
        n->calls[i] = (struct node_call){ .link = n };
    int size = snprintf(n->at.path, sizeof(n->at.path), "%s", path);
    return size < 0 || (size_t)size >= sizeof(n->at.path) ? ERR_LIMIT : OK;
}

void node_link_close(struct node_link *n)
{
    struct ipc_client *client = n->client;
    n->client = NULL; /* what ends now asks for nothing more */
    if (client != NULL)
        ipc_client_close(client);
}

static void lost(struct node_link *n, const char *why)
{
    uint64_t pause = NODE_LINK_PAUSE_MS;
    for (uint32_t i = 0; i < n->failures && pause < NODE_LINK_PAUSE_MAX_MS; i++)
        pause *= 2;
    if (n->failures++ == 0)
        log_warn("ipfsd-lost", "socket=\"%s\" reason=\"%s\"", n->at.path, why);
    n->retry_ms =
        loop_now_ms(n->loop) + (pause < NODE_LINK_PAUSE_MAX_MS ? pause : NODE_LINK_PAUSE_MAX_MS);
}

static void on_closed(void *ctx, enum err e)
{
    struct node_link *n = ctx;
    struct ipc_client *client = n->client;
    n->client = NULL;
    ipc_client_close(client);
    lost(n, err_text(e));
    n->on_change(n->ctx);
}

static void on_hello(void *ctx, enum err e, bool more, struct span body, const char *why)
{
    struct node_link *n = ctx;
    struct node_hello hello;
    (void)more;
    if (e == OK)
        e = node_msg_decode_hello(&hello, body);
    if (e != OK) {
        log_warn("ipfsd-hello", "reason=\"%s\"", why);
        return;
    }
    log_info("ipfsd-answers", "version=\"%.*s\" storage=%d", (int)hello.version.n,
             (const char *)hello.version.p, hello.storage);
    if (hello.gateway.n < sizeof(n->gateway))
        (void)snprintf(n->gateway, sizeof(n->gateway), "%.*s", (int)hello.gateway.n,
                       (const char *)hello.gateway.p);
    n->failures = 0;
    n->on_change(n->ctx);
}

void node_link_step(struct node_link *n)
{
    if (n->client != NULL || loop_now_ms(n->loop) < n->retry_ms)
        return;
    enum err e = ipc_client_open(&n->client, n->loop, &n->at, on_closed, n);
    if (e != OK) {
        n->client = NULL;
        lost(n, err_text(e));
        return;
    }
    n->session++;
    struct writer w = node_link_body(n);
    node_msg_encode_none(&w);
    if (node_link_ask(n, NODE_HELLO, &w, 5000, on_hello, n) != OK)
        log_warn("ipfsd-hello", "reason=\"not sent\"");
}

struct writer node_link_body(struct node_link *n)
{
    return writer_of(n->room, sizeof(n->room));
}

static void on_reply(void *ctx, enum err e, const struct ipc_msg *m)
{
    struct node_call *c = ctx;
    char why[NODE_TEXT_MAX] = "";
    struct node_error error;
    bool more = e == OK && (m->flags & IPC_MORE) != 0;
    struct span body = e == OK ? m->body : (struct span){ 0 };
    if (e == OK && (m->flags & IPC_ERROR) != 0) {
        e = node_msg_decode_error(&error, m->body) == OK ? error.code : ERR_FORMAT;
        if (e == ERR_FORMAT || error.what.n == 0)
            (void)snprintf(why, sizeof(why), "%s", err_text(e));
        else
            (void)snprintf(why, sizeof(why), "%.*s", (int)error.what.n, (const char *)error.what.p);
        if (e == OK)
            e = ERR_FORMAT; /* an error that says that it is none */
    } else if (e != OK) {
        (void)snprintf(why, sizeof(why), "crust-ipfsd: %s", err_text(e));
    }
    if (!more)
        c->busy = false;
    c->fn(c->ctx, e, more, body, why);
}

enum err node_link_ask(struct node_link *n, enum node_msg type, const struct writer *body,
                       uint64_t silence_ms, node_link_fn fn, void *ctx)
{
    if (n->client == NULL)
        return ERR_CLOSED;
    TRY(body->err);
    struct node_call *c = n->calls;
    while (c < n->calls + NODE_LINK_CALLS && c->busy)
        c++;
    if (c == n->calls + NODE_LINK_CALLS)
        return ERR_BUSY;
    c->fn = fn;
    c->ctx = ctx;
    c->busy = true;
    const struct ipc_msg m = { .type = (uint16_t)type, .body = writer_span(body) };
    enum err e = ipc_client_request(n->client, &m, silence_ms, on_reply, c);
    if (e != OK)
        c->busy = false;
    return e;
}
