/* node_link: crust-ipfsd over its local protocol: connects, connects again, asks. Messages:
 * codec/node_msg.h. On the loop. */
#ifndef CRUST_AGENTD_NODE_LINK_H
#define CRUST_AGENTD_NODE_LINK_H

#include "codec/node_msg.h"
#include "rt/ipc.h"

enum {
    NODE_LINK_CALLS = 24, /* under way; below what the protocol allows */
    NODE_LINK_PAUSE_MS = 250,
    NODE_LINK_PAUSE_MAX_MS = 1000, /* it is on this machine: asking costs nothing */
};

/* more: a line of progress, others follow. e is what crust-ipfsd answered (why: its words), or
 * ERR_CLOSED, ERR_TIMEOUT. body is borrowed until return. */
typedef void (*node_link_fn)(void *ctx, enum err e, bool more, struct span body, const char *why);

struct node_link;

struct node_call {
    struct node_link *link;
    bool busy;
    node_link_fn fn;
    void *ctx;
};

struct node_link {
    struct loop *loop;
    struct ipc_endpoint at;
    struct ipc_client *client;
    uint64_t session;               /* counts connections */
    char gateway[NODE_URL_MAX + 1]; /* as it said in its greeting; or "" */
    uint32_t failures;
    uint64_t retry_ms;
    void (*on_change)(void *ctx); /* connected, or lost */
    void *ctx;
    struct node_call calls[NODE_LINK_CALLS];
    uint8_t room[NODE_MSG_BODY_MAX]; /* for encoding requests */
};

/* path: of the socket. ERR_LIMIT. */
NODISCARD enum err node_link_init(struct node_link *n, struct loop *loop, const char *path,
                                  void (*on_change)(void *ctx), void *ctx);
void node_link_close(struct node_link *n);

/* Tries to connect when there is no connection and the pause is over. */
void node_link_step(struct node_link *n);

/* A writer for the next request's body. */
struct writer node_link_body(struct node_link *n);

/* node_link_ask sends a request; silence_ms bounds the wait for each answer (0: none).
 * ERR_CLOSED (not connected), ERR_BUSY, ERR_LIMIT: then fn is not called. */
NODISCARD enum err node_link_ask(struct node_link *n, enum node_msg type, const struct writer *body,
                                 uint64_t silence_ms, node_link_fn fn, void *ctx);

#endif
